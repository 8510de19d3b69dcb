"""
Which ids a request names: ids that cannot exist, or supplied ones where the target refuses what it does not know.

Ids that cannot exist have the form of the page's example, 32 lower-case hexadecimal digits, and are a function of case and
mark alone. Every run draws a mark of its own, so that two of them never name the same; given a mark, it is repeated byte for byte.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from closecheck.contract.cases import Case
from closecheck.model.errors import Untested

PENDING: Final = "access_requests.pending"
"""The line of the target file that supplies existing ids."""


class Source(enum.Enum):
    """Where the ids of accepted requests come from."""

    UNKNOWN = "ids that cannot exist"
    """The target accepts ids that it does not know: nothing is closed."""
    SUPPLIED = "ids of the target file"
    """The target refuses ids that it does not know; supplied ones are closed, with consent."""
    NONE = "none"
    """The target refuses ids that it does not know, and none were supplied, or there is no consent."""


def impossible(mark: str, name: str, count: int) -> list[str]:
    """Return ``count`` different ids that no target has, a function of the run's mark and a name."""
    digits = hashlib.shake_128(f"{mark}/{name}/".encode()).hexdigest(16 * count)
    return [digits[start : start + 32] for start in range(0, 32 * count, 32)]


class IdPolicy:
    """
    Hands out ids; ``pending`` are supplied ids that may be closed, never handed to two accepted requests.

    ``refill``, where it is set, is asked for that many more pending ids when too few are left, and may give fewer.
    ``existing`` are the ids that a 202 closes: every supplied one. ``first_over``, where it is set, returns one of some ids
    that is no longer pending, or an empty text if none is known to be.
    """

    def __init__(self, mark: str, pending: Sequence[str]) -> None:
        self._mark = mark
        self._pending = list(pending)
        self._taken = 0
        self._kept: list[str] = []
        self.existing = set(pending)
        self.refill: Callable[[int], Sequence[str]] | None = None
        self.first_over: Callable[[Sequence[str]], str] = lambda _: ""
        self.source = Source.UNKNOWN

    @property
    def left(self) -> int:
        """How many supplied ids have not been taken; a source is asked for one if there is none."""
        self._fill(1)
        return self._untaken

    @property
    def _untaken(self) -> int:
        return len(self._pending) - self._taken

    def _fill(self, count: int) -> None:
        if self._untaken >= count or self.refill is None:
            return
        found = [one for one in self.refill(count - self._untaken) if one not in self.existing]
        self._pending += dict.fromkeys(found)
        self.existing.update(found)

    def keep(self, count: int) -> None:
        """Put that many ids aside, or as many as there are, for :meth:`take_kept`."""
        self._kept += self.take_up_to(count)

    def take_kept(self, count: int) -> list[str]:
        """Take at most ``count`` ids for good, those that were kept first."""
        kept, self._kept = self._kept[:count], self._kept[count:]
        return kept + self.take_up_to(count - len(kept))

    def take_up_to(self, count: int) -> list[str]:
        """Take at most ``count`` supplied pending ids for good."""
        self._fill(count)
        taken = self._pending[self._taken : self._taken + count]
        self._taken += len(taken)
        return taken

    def for_provoking(self, name: str) -> list[str]:
        """Return an id with which a request is valid, as far as one is left: a target may look at what provokes an error last."""
        supplied = self.take_up_to(1) if self.source is Source.SUPPLIED else []
        return supplied or impossible(self._mark, name, 1)

    def gone(self, ids: Sequence[str]) -> str:
        """Return one of the ids of a refused request that somebody else had closed, though it was supplied as pending; empty: none."""
        supplied = [one for one in ids if one in self.existing]
        return self.first_over(supplied) if self.source is Source.SUPPLIED and supplied else ""

    def untaken(self, count: int) -> list[str]:
        """Return at most ``count`` ids that nobody has taken, and leave them there."""
        self._fill(count)
        return (self._kept + self._pending[self._taken :])[:count]

    def take(self, count: int, purpose: str) -> list[str]:
        """
        Take supplied pending ids for good.

        Raises:
            Untested: fewer are left; nothing is taken then.

        """
        self._fill(count)
        if count > self._untaken:
            raise Untested(
                f"{purpose} needs {count} pending access requests, and {self._untaken} of the {len(self._pending)} supplied are left",
                PENDING,
            )
        return self.take_up_to(count)

    def must_ask(self, case: Case) -> bool:
        """Tell whether a source must be asked, by requests of its own, before a case has its ids."""
        needed = case.request.ids
        if self.source is not Source.SUPPLIED or self.refill is None or needed == 0:
            return False
        return self._untaken < (needed if case.may_close else needed - self._taken)

    def for_case(self, case: Case) -> list[str]:
        """
        Return the ids that a case's request names.

        Raises:
            Untested: the target refuses unknown ids and too few were supplied.

        """
        needed = case.request.ids
        if needed == 0:
            return []
        match self.source:
            case Source.UNKNOWN:
                return impossible(self._mark, case.id, needed)
            case Source.NONE:
                raise Untested(
                    "the target refuses ids that it does not know, and no pending ones may be closed",
                    "access_requests: {pending: […], may_close: true}",
                )
            case Source.SUPPLIED if case.may_close:
                return self.take(needed, case.description)
            case Source.SUPPLIED:
                self._fill(needed - self._taken)
                if needed > len(self._pending):
                    raise Untested(
                        f"{case.description}: this needs {needed} existing access requests, {len(self._pending)} were supplied",
                        PENDING,
                    )
                # What is refused closes nothing, so the last ids of the list serve every refusal.
                return self._pending[-needed:]
