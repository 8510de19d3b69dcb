"""The closed sets of words that the suite speaks in: levels, outcomes, statuses, verdicts, exit codes, profiles."""

from __future__ import annotations

import enum


class Level(enum.StrEnum):
    """How binding a requirement is (RFC 2119)."""

    MUST = "MUST"
    """The documentation says it, or the standards it builds on leave no choice. Broken: the target does not conform."""
    SHOULD = "SHOULD"
    """Good practice that the documentation implies. Broken: a warning, a failure under ``--strict``."""


class Outcome(enum.StrEnum):
    """What one piece of evidence says, whatever the level of its requirement."""

    HELD = "held"
    """The target did what the requirement asks."""
    BROKEN = "broken"
    """The target did something else; a finding says what."""
    UNTESTED = "untested"
    """A means was missing or something that comes first failed; the reason says which."""
    ERROR = "error"
    """The suite or the connection failed; never the target's fault."""
    ABSENT = "absent"
    """The condition of a conditional requirement never arose, although it was asked for."""


class Status(enum.StrEnum):
    """The result of one requirement in one run."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    """Every necessary part ran and held."""
    FAIL = "fail"
    """Broken, and a MUST (or a SHOULD under ``--strict``)."""
    WARNING = "warning"
    """Broken, and a SHOULD."""
    UNTESTED = "untested"
    """Not, or not wholly, tested; the reason says what to supply."""
    ERROR = "error"
    """The suite or the connection failed."""
    WAIVED = "waived"
    """Broken, known, and excused until a date."""
    OUT_OF_SCOPE = "out-of-scope"
    """Declared in the target file as not this target's business, and not seen broken."""
    NOT_APPLICABLE = "not-applicable"
    """Conditional, and the target lawfully never does what the condition asks for; counts like a pass for the verdict."""

    @property
    def tested(self) -> bool:
        """Whether the requirement was tested and judged; the others say nothing about the target."""
        return self is Status.PASS or self.broken

    @property
    def broken(self) -> bool:
        """Whether the requirement was seen broken, excused or not."""
        return self in {Status.FAIL, Status.WARNING, Status.WAIVED}


class Verdict(enum.StrEnum):
    """The answer of a whole run."""

    CONFORMANT = "conformant"
    """Every MUST in scope was tested and held (or is waived)."""
    NON_CONFORMANT = "non-conformant"
    """At least one requirement failed."""
    INCOMPLETE = "incomplete"
    """Nothing failed, but a MUST in scope could not be tested."""
    ERROR = "error"
    """There is no answer: the suite failed, or there was nothing to judge."""

    @property
    def words(self) -> str:
        """What people read for it."""
        return {"non-conformant": "not conformant", "error": "no verdict"}.get(self.value, self.value)


class Exit(enum.IntEnum):
    """Exit codes, pytest's numbers."""

    CONFORMANT = 0
    NON_CONFORMANT = 1
    INTERRUPTED = 2
    SUITE_FAULT = 3
    USAGE = 4
    INCOMPLETE = 5


class Profile(enum.StrEnum):
    """How much exploration follows the deterministic core."""

    QUICK = "quick"
    """The core alone."""
    STANDARD = "standard"
    """The core and a bounded, seeded exploration."""
    DEEP = "deep"
    """The core and minutes of exploration."""
