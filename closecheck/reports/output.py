"""
Standard output and standard error as every command has them: what is written survives any encoding, and a reader that has gone.

A terminal that is not UTF-8 gets plain letters for the marks that the suite writes itself, and an escape for anything else.
Whoever reads only the first lines (``closecheck list | head -1``) changes neither the exit code nor what stands in the reports.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

_HANDLER: Final = "closecheck.readable"
_PLAIN: Final = {
    "…": "...", "·": "-", "→": "->", "≠": "!=", "≤": "<=", "≥": ">=", "⟨": "<", "⟩": ">", "“": '"', "”": '"', "•": "*", "─": "-",
    "\u2018": "'", "\u2019": "'", "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u00d7": "x", "\u00a0": " ", "\u202f": " ",
}  # fmt: skip
"""What stands for a mark of the suite where the terminal has no letter for it."""


def readable(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding has no letter for: an error handler of :mod:`codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_PLAIN.get(one) or one.encode("ascii", "backslashreplace").decode() for one in found), error.end


codecs.register_error(_HANDLER, readable)


class _Outlet(io.RawIOBase):
    """The end of an output stream that swallows what nobody reads any more; ``problem`` says why something else was lost."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._gone = False
        self.problem: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: Buffer, /) -> int:
        size = memoryview(data).nbytes
        if self._gone:
            return size
        try:
            return os.write(self._number, data)
        except BrokenPipeError:
            self._gone = True
        except OSError as error:
            self._gone = True
            self.problem = error
        return size


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Make both standard streams safe to write to meanwhile; for a process of our own, before anything is written."""
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    for name, stream in before.items():
        setattr(sys, name, _guarded(stream))
    try:
        yield
    finally:
        for name, stream in before.items():
            with contextlib.suppress(ValueError):  # closed meanwhile
                getattr(sys, name).flush()
            setattr(sys, name, stream)


def _guarded(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        return io.StringIO()  # closed before we began: what is written has no reader
    tolerate(stream)
    try:
        number = stream.fileno()
    except (OSError, AttributeError, ValueError):
        return stream  # a test's own
    stream.flush()
    buffer = io.BufferedWriter(_Outlet(number))
    return io.TextIOWrapper(buffer, encoding=getattr(stream, "encoding", None), errors=_HANDLER, line_buffering=getattr(stream, "line_buffering", True))


def tolerate(stream: IO[str]) -> None:
    """Let a stream replace what its encoding has no letter for, if it allows that; otherwise nothing happens."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors=_HANDLER)


def lost() -> str:
    """Hand everything to the operating system; return why something could not be written, or nothing. A reader that has gone is no reason."""
    problems = []
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        outlet = getattr(getattr(stream, "buffer", None), "raw", None)
        if isinstance(outlet, _Outlet) and outlet.problem is not None:
            problems.append(outlet.problem.strerror or str(outlet.problem))
    return problems[0] if problems else ""


def say(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
