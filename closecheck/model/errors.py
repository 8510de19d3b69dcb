"""
Every error that ends the suite's work on purpose; each says whose move it is, and none of them carries a secret.

::

    ClosecheckError
    ├── UsageError       the user's move: a target file, an option, a variable        exit 4
    ├── NothingToJudge   the user's move: there is no operation to judge there        exit 4, before a run begins
    ├── SuiteFault       ours: a mistake in the suite itself                          exit 3
    └── GeneratorTrouble nobody's: a generator of random requests gave up, and the exploration ends; noted in the run

What a *target* does wrong is never an exception: it is a :class:`closecheck.model.Finding`.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

from closecheck import __version__
from closecheck.model.vocabulary import Exit

_PACKAGE: Final = Path(__file__).parents[1]


class ClosecheckError(Exception):
    """Something ended the suite's work; ``str()`` is fit to be shown to people as it is."""

    exit_code: Exit = Exit.SUITE_FAULT
    """The exit code of a command that ends so."""


class UsageError(ClosecheckError):
    """
    What the user gave cannot be used.

    ``where`` names the place (file, key and line; option; variable), ``problem`` what is wrong there, without a full
    stop, ``remedy`` a whole sentence that says what to do, or nothing.
    """

    exit_code = Exit.USAGE

    def __init__(self, where: str, problem: str, remedy: str = "") -> None:
        self.where = where
        self.problem = problem
        self.remedy = remedy
        super().__init__(where, problem, remedy)

    def __str__(self) -> str:
        """Return place, problem and remedy as one line."""
        return " ".join(part for part in (f"{self.where}: {self.problem}.", self.remedy) if part)


class NothingToJudge(ClosecheckError):
    """
    The target cannot be judged at all, and no run has begun.

    ``problem`` says what was seen, ``remedy`` what to change; both without capital and full stop, to be joined.
    """

    exit_code = Exit.USAGE

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(problem, remedy)

    def __str__(self) -> str:
        """Return problem and remedy as one line."""
        return "; ".join(part for part in (self.problem, self.remedy) if part)


class SuiteFault(ClosecheckError):
    """The suite itself failed; never the target's fault, never a verdict on it."""


class GeneratorTrouble(ClosecheckError):
    """A library that generates requests complained of itself (its health, its deadlines, its flakiness), not of the target."""


def unforeseen(error: BaseException) -> str:
    """
    Return a sentence on an exception that nobody foresaw, and what to do with it.

    It names the kind and the place alone: the exception's own words may quote what a target or a secret said.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _PACKAGE in Path(frame.filename).parents]
    place = ""
    if frames:
        last = frames[-1]
        place = f" in {Path(last.filename).relative_to(_PACKAGE).as_posix()}, line {last.lineno} ({last.name})"
    return (
        f"fault in the suite itself, no verdict on any target: {type(error).__name__}{place}. "
        f"Please report this line and the command to the maintainers of closecheck {__version__}."
    )


class Untested(Exception):
    """Something cannot be tested; ``reason`` says why, ``supply`` names the line of the target file that would help, or is empty."""

    def __init__(self, reason: str, supply: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.supply = supply
