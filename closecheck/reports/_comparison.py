"""What several formats say of runs side by side is worded here, once; nothing of this file decides or counts anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from closecheck.reports.difference import Change, Difference, Kind
from closecheck.reports.matrix import Row
from closecheck.model import Broken, Result, Struct, Verdict
from closecheck.reports._facts import STATUS_WORDS, Facts, count, duration, expected_got, facts, line
from closecheck.reports.run_columns import Observed, RunColumn, Agreement

ABSENT: Final = "not in this edition"
"""What stands where the edition that judged a run does not have a requirement or a choice."""
NOT_OBSERVED: Final = "not observed"
CAUTIONS: Final = "Before you compare"
"""The title over what makes the runs unlike."""
AGREEMENT_WORDS: Final = {Agreement.DIFFERENT: "differs", Agreement.PARTLY: "on some only", Agreement.SAME: "", Agreement.NOWHERE: ""}
"""The word that marks a line of a matrix."""
WHOLE: Final = frozenset({Kind.REGRESSION, Kind.FOUND})
"""Changes that are reported with all facts of what was found."""
TITLES: Final = {
    Kind.REGRESSION: "Regressions",
    Kind.FOUND: "Newly found: broken, and not tested before",
    Kind.WAIVED: "Newly waived: broken, and excused",
    Kind.LOST: "Coverage lost: tested before, and not any more",
    Kind.FIXED: "Fixed",
    Kind.GAINED: "Newly tested, and held",
    Kind.CHANGED: "Judged otherwise",
    Kind.ADDED: "New requirements",
    Kind.REMOVED: "Not in the new edition",
    Kind.STILL: "Still broken, as before",
}
"""The title over the changes of each kind."""


def caution_lines(cautions: Sequence[str]) -> list[str]:
    """Return what makes the runs unlike as visible lines."""
    return [line(caution, 600) for caution in cautions]


def name(column: RunColumn, limit: int = 80) -> str:
    """Return the name of a run's target, with what distinguishes it from others of that name."""
    reported = line(column.run.opening.target, limit)
    return f"{reported} ({line(column.apart, limit)})" if column.apart else reported


def about(column: RunColumn) -> list[tuple[str, str]]:
    """Return the facts of a run that a reader compares first, each with its word."""
    run, opening = column.run, column.run.opening
    return [
        ("Target", name(column)),
        ("Verdict", line(run.headline, 600)),
        ("Base URL", line(opening.base_url, 200)),
        ("Edition", line(run.edition, 40)),
        ("Profile", opening.profile.value + (", strict" if opening.strict else "")),
        ("Begun", line(opening.started, 40)),
        ("Requests", f"{run.requests:,}"),
        ("Time", duration(run.seconds)),
    ]


def how(column: RunColumn) -> str:
    """Return how a run was judged, in one line."""
    run, opening = column.run, column.run.opening
    profile = opening.profile.value + (", strict" if opening.strict else "")
    reported = [line(opening.base_url, 200), f"edition {line(run.edition, 40)}", profile]
    return " · ".join([*reported, f"{count(run.requests, 'request')} in {duration(run.seconds)}"])


def status(result: Result | None) -> str:
    """Return the word for a result, or for its absence."""
    return STATUS_WORDS[result.status] if result else ABSENT


def levels(row: Row) -> str:
    """Return the level of a requirement, or its levels where editions differ in it."""
    return " / ".join(row.levels)


def observed(seen: Observed, limit: int = 400) -> str:
    """Return what was observed of a choice, in one line."""
    if seen is None:
        return ABSENT
    return "; ".join(line(text, limit) for text in seen) or NOT_OBSERVED


def brief(text: str, limit: int = 60) -> str:
    """Return the beginning of a text, for a cell of a table."""
    return line(text[:limit]) + ("…" if len(text) > limit else "")


def first_finding(result: Result | None) -> Broken | None:
    """Return the finding by which a result is shown."""
    return result.findings[0] if result and result.findings else None


def found(difference: Difference, change: Change) -> Facts | None:
    """Return the facts of what the new run found, where it found anything."""
    broken = first_finding(change.new)
    return facts(difference.new.run, change.new, broken) if change.new and broken else None


def why(change: Change) -> str:
    """Return why a requirement is as it is now: the reason that is given, or what came instead of what was expected."""
    broken = first_finding(change.new)
    if change.new is None:
        return ""
    if change.new.reason:
        return line(change.new.reason, 600)
    return expected_got(broken.finding) if broken else ""


class Figure(Struct):
    """A number of both runs, as words; ``change`` is what was added or, with a minus sign, taken away."""

    name: str
    old: str
    new: str
    change: str


def figures(difference: Difference) -> tuple[Figure, Figure]:
    """Return how many requests each run sent and how long it took."""
    old, new = difference.old.run, difference.new.run
    more, longer = new.requests - old.requests, new.seconds - old.seconds
    return (
        Figure("Requests", f"{old.requests:,}", f"{new.requests:,}", f"{_sign(more)}{abs(more):,}"),
        Figure("Time", duration(old.seconds), duration(new.seconds), f"{_sign(longer)}{duration(abs(longer))}"),
    )


def _sign(number: float) -> str:
    return "\N{MINUS SIGN}" if number < 0 else "+" if number > 0 else "±"


def tone(difference: Difference) -> Verdict:
    """Return the verdict whose colour and sign a difference has: a warning's where something is worse, but none regressed."""
    if difference.of(Kind.REGRESSION):
        return Verdict.NON_CONFORMANT
    worrying = difference.of(Kind.LOST) or difference.of(Kind.FOUND)
    return Verdict.INCOMPLETE if worrying else Verdict.CONFORMANT
