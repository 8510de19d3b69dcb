"""
Two recorded runs, an old and a new one: what got worse, what got better, and what nobody can say any more.

Only what was tested before and now can regress. A requirement that was not tested before and is broken now is *newly
found*, one that was tested and is not any more is *coverage lost*: neither is taken for the other, nor for a regression.
"""

from __future__ import annotations

import enum
from collections import Counter

from closecheck.model import Choice, Exit, Level, Requirement, Result, Run, Status, Struct
from closecheck.reports.run_columns import Observed, RunColumn, Agreement, cautions, choice_agreement, counted, observations, results


class Kind(enum.StrEnum):
    """What became of one requirement, in the order in which it is reported."""

    REGRESSION = "regression"
    """It held, and is broken now."""
    FOUND = "newly found"
    """It is broken now, and was not tested before: nobody knows since when."""
    WAIVED = "newly waived"
    """It is broken now, and excused; it was not excused before."""
    LOST = "coverage lost"
    """It was tested, and is not any more."""
    FIXED = "fixed"
    """It was broken, and holds now."""
    GAINED = "newly tested"
    """It holds now, and was not tested before."""
    CHANGED = "judged otherwise"
    """It is as broken, or as untested, as it was, and counts differently; or what it depends on does not arise any more."""
    ADDED = "new requirement"
    """The edition of the old run does not have it."""
    REMOVED = "not in the new edition"
    """The edition of the new run does not have it."""
    STILL = "still broken"
    """It is as broken as it was: no difference, but what a reader asks next."""


class Change(Struct):
    """One requirement that differs or is still broken; a run is None where its edition does not have it."""

    kind: Kind
    requirement: Requirement
    old: Result | None
    new: Result | None


class ChoiceChange(Struct):
    """One choice of which not the same was observed; empty: nothing was, None: not in the edition."""

    choice: Choice
    old: Observed
    new: Observed
    agreement: Agreement
    """``different``, or ``partly`` where only one of the two runs observed anything."""


class Difference(Struct):
    """An old and a new run; every number of every format is computed here."""

    old: RunColumn
    new: RunColumn
    cautions: tuple[str, ...]
    total: int
    """Requirements that either run has."""
    compared: int
    """Requirements that were tested in both."""
    changes: tuple[Change, ...]
    choices: tuple[ChoiceChange, ...]
    choice_agreements: dict[Agreement, int]
    """How many of all choices have each agreement, every agreement included."""

    @property
    def counts(self) -> dict[Kind, int]:
        """How many requirements are of each kind, every kind included."""
        counted = Counter(one.kind for one in self.changes)
        return {kind: counted[kind] for kind in Kind}

    def of(self, kind: Kind) -> tuple[Change, ...]:
        """Return the changes of a kind, in the order of the catalogue."""
        return tuple(one for one in self.changes if one.kind is kind)

    @property
    def headline(self) -> str:
        """The answer in one sentence: regressions among what could be compared, then everything else that differs."""
        counts = self.counts
        worse = counts.pop(Kind.REGRESSION)
        of = f"{self.compared} of {self.total} requirement{'' if self.total == 1 else 's'}"
        if self.differs:
            found = f"{worse or 'no'} regression{'' if worse < 2 else 's'} among the {of} that both runs tested"
        else:
            found = f"no difference; both runs tested {of}"
        changed, one_sided = self.choice_agreements[Agreement.DIFFERENT], self.choice_agreements[Agreement.PARTLY]
        parts = [found, *(_words(kind, number) for kind, number in counts.items() if number)]
        parts += [f"{_choices(changed)} changed"] if changed else []
        parts += [f"{_choices(one_sided)} observed in one run only"] if one_sided else []
        return "; ".join(parts)

    @property
    def differs(self) -> bool:
        """Whether anything is not as it was."""
        return bool(self.choices) or any(one.kind is not Kind.STILL for one in self.changes)

    @property
    def coverage_lost(self) -> tuple[Change, ...]:
        """Every MUST that was tested, and is not any more, although it is in scope: what it is like now is not known."""
        unknown = {Status.UNTESTED, Status.ERROR}
        return tuple(
            one for one in self.of(Kind.LOST) if one.requirement.level is Level.MUST and one.new and one.new.status in unknown
        )

    @property
    def exit_code(self) -> Exit:
        """Not conformant on a regression, and only then; incomplete where none was seen, but a MUST lost its coverage."""
        if self.of(Kind.REGRESSION):
            return Exit.NON_CONFORMANT
        return Exit.INCOMPLETE if self.coverage_lost else Exit.CONFORMANT


def _words(kind: Kind, number: int) -> str:
    match kind:
        case Kind.LOST:
            return f"coverage of {number} lost"
        case Kind.ADDED if number != 1:
            return f"{number} new requirements"
        case _:
            return f"{number} {kind.value}"


def _choices(number: int) -> str:
    return f"{number} choice" if number == 1 else f"{number} choices"


def difference(old: Run, new: Run) -> Difference:
    """Return what differs between two recorded runs, the weightiest first."""
    columns = (RunColumn("old", "the old run", old), RunColumn("new", "the new run", new))
    pairs = results([old, new])
    changes = []
    for was, now in pairs.values():
        kind = _kind(was, now)
        known = now or was
        if kind is not None and known is not None:
            changes.append(Change(kind, known.requirement, was, now))
    order = list(Kind)
    choices = [
        ChoiceChange(choice, before, after, choice_agreement(choice, (before, after)))
        for choice, (before, after) in observations([old, new]).values()
    ]
    return Difference(
        *columns,
        cautions=cautions(columns, one_target=True),
        total=len(pairs),
        compared=sum(_tested(was) and _tested(now) for was, now in pairs.values()),
        changes=tuple(sorted(changes, key=lambda one: order.index(one.kind))),
        choices=tuple(one for one in choices if one.agreement.differs),
        choice_agreements=counted(one.agreement for one in choices),
    )


def _tested(result: Result | None) -> bool:
    return result is not None and result.status.tested


def _kind(was: Result | None, now: Result | None) -> Kind | None:
    """Return what became of a requirement; None: nothing worth a word."""
    if now is None:
        return Kind.REMOVED
    after = now.status
    before = was.status if was else None
    if after is Status.WAIVED and before is not Status.WAIVED:
        return Kind.WAIVED
    if after.broken:
        if before in {Status.PASS, Status.NOT_APPLICABLE}:
            return Kind.REGRESSION
        if before is None or not before.tested:
            return Kind.FOUND
        return Kind.STILL if before is after else Kind.CHANGED
    if before is None:
        return Kind.ADDED
    if before is after:
        return None
    if after is Status.PASS:
        return Kind.FIXED if before.broken else Kind.GAINED
    if after is Status.NOT_APPLICABLE:
        return Kind.FIXED if before.broken else Kind.CHANGED
    return Kind.LOST if before.tested or before is Status.NOT_APPLICABLE else Kind.CHANGED
