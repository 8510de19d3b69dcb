"""
What a bench keeps, and the arithmetic on it: every number of the page is computed here from what was measured.

``docs/performance.json`` is a :class:`Performance`. Seconds and bytes stand there; the page shows ratios, because these carry over to
other machines. A ratio is taken within each round, where both sides met the same moment of the machine.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from closecheck.model import Struct
from closecheck.proof import kept_json


class BenchFault(Exception):
    """Something that was to be measured did not do what it was measured for; the message says what."""


class Usage(Struct):
    """What one whole process used: seconds, bytes, and how many requests it sent (0 where that is not known)."""

    wall: float
    user: float
    system: float
    peak: int
    requests: int = 0

    @property
    def cpu(self) -> float:
        """Seconds of a processor."""
        return self.user + self.system


class Row(Struct):
    """
    One contender in one setting: a usage for each round.

    ``size`` is what grows in a series, 0 where nothing does.
    """

    part: str
    setting: str
    contender: str
    rounds: tuple[Usage, ...]
    size: int = 0


class Core(Struct):
    """How many cases of the deterministic core one run has sent, and how many there are for what it was given."""

    contender: str
    sent: int
    every: int


class Sent(Struct):
    """What a proxy took down of one run (of the exploration alone): requests, those with a body, how many bodies were different."""

    contender: str
    requests: int
    bodies: int
    distinct: int


class FirstSeen(Struct):
    """After how many requests each side showed a fault; 0: never. And how many requests each sent in all."""

    fault: str
    closecheck: int
    closecheck_sent: int
    schemathesis: int
    schemathesis_sent: int
    extra: str = ""
    """Whom a fault is shown to that nobody else can see: another caller, or who provokes errors or watches closings."""


class Proven(Struct):
    """The same of ``docs/proof.json``: the numbers of the first findings, of the faults there that need no extra means."""

    profile: str
    sample: bool
    """Whether that proof is a sample of the faults."""
    firsts: tuple[int, ...]


class Machine(Struct):
    """On what was measured; nothing that names one machine."""

    cores: int
    system: str
    python: str
    load_before: float
    """Processes that wanted a core in the minute before, on average."""


class Command(Struct):
    """A command as a reader would type it."""

    contender: str
    text: str


class Performance(Struct):
    """Everything one bench has measured."""

    suite: str
    edition: str
    short: bool
    """Whether this is the short form, which shows that the bench works and no more."""
    seconds: float
    machine: Machine
    versions: dict[str, str]
    commands: tuple[Command, ...]
    rows: tuple[Row, ...]
    core: tuple[Core, ...] = ()
    sent: tuple[Sent, ...] = ()
    first_seen: tuple[FirstSeen, ...] = ()
    proven: Proven | None = None
    skipped: tuple[str, ...] = ()
    """What could not be measured, and why."""

    def row(self, part: str, setting: str, contender: str, size: int = 0) -> Row | None:
        """Return a row, or None if it was not measured."""
        wanted = (part, setting, contender, size)
        return next((one for one in self.rows if (one.part, one.setting, one.contender, one.size) == wanted), None)

    def settings(self, part: str) -> list[str]:
        """Return the settings of a part, in the order in which they were measured."""
        return list(dict.fromkeys(one.setting for one in self.rows if one.part == part))

    def sizes(self, part: str, setting: str, contender: str) -> list[int]:
        """Return the sizes of a series, smallest first."""
        return sorted(one.size for one in self.rows if (one.part, one.setting, one.contender) == (part, setting, contender))


def write(performance: Performance, path: Path) -> None:
    """Write the data of a bench."""
    path.write_bytes(kept_json.encoded(performance))


def read(path: Path) -> Performance:
    """Read the data of a bench."""
    return msgspec.json.decode(path.read_bytes(), type=Performance)


# ---------------------------------------------------------------------------------------------------------------- ratios


class Spread(Struct):
    """A median with the least and the greatest of what it is the median of."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the spread of at least one value."""
        found = list(values)
        return cls(statistics.median(found), min(found), max(found))


def ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Return the spread of the ratios, round by round; both were measured in the same rounds."""
    return Spread.of(one / other for one, other in zip(above, below, strict=True))


def walls(row: Row) -> list[float]:
    """Return the seconds of each round from the start of the process to its end."""
    return [one.wall for one in row.rounds]


def processor(row: Row) -> list[float]:
    """Return the seconds of a processor in each round."""
    return [one.cpu for one in row.rounds]


def peaks(row: Row) -> list[float]:
    """Return the most memory of each round, bytes."""
    return [float(one.peak) for one in row.rounds]


def rates(small: Row, large: Row) -> list[float]:
    """
    Return requests a second, round by round, without what a process needs to start and to end.

    That is the difference of two runs of different length: the requests that the longer one sent more, over the seconds that it took longer.
    """
    return [
        (more.requests - less.requests) / max(more.wall - less.wall, 1e-6) for less, more in zip(small.rounds, large.rounds, strict=True)
    ]


def whole_rates(row: Row) -> list[float]:
    """Return requests a second of the whole process, round by round."""
    return [one.requests / one.wall for one in row.rounds]


def share(firsts: Iterable[int], within: int) -> float:
    """Return the share of faults that were seen within so many requests; 0 stands for a fault that was never seen."""
    numbers = list(firsts)
    return sum(0 < first <= within for first in numbers) / len(numbers) if numbers else 0.0
