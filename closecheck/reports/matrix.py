"""
Several targets side by side: requirements by targets, choices by targets. Every number of every format is computed here.

Each requirement has one :class:`~closecheck.reports.run_columns.Spread`, so that what differs, what is the same, what was tested on some
targets only and what was tested on none add up to all of them. Untested is no answer: it never makes two targets differ.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeVar

from closecheck.model import Area, Choice, Level, Requirement, Result, Run, Struct, Verdict
from closecheck.reports.run_columns import Observed, Side, Spread, areas, cautions, choice_spread, counted, numbered, observations, results, spread


class Row(Struct):
    """One requirement on every target; None: not in the edition that judged it."""

    requirement: Requirement
    """As the last run that has it states it."""
    levels: tuple[Level, ...]
    """Its level, or its levels where editions differ in it."""
    cells: tuple[Result | None, ...]
    spread: Spread


class Question(Struct):
    """One choice on every target; ``cells`` has what was observed, nothing or None (not in the edition)."""

    choice: Choice
    cells: tuple[Observed, ...]
    spread: Spread

    @property
    def answers(self) -> tuple[tuple[Observed, tuple[int, ...]], ...]:
        """What was observed with the places of the sides on which it was, in the order of the first; alike is one answer."""
        found: dict[frozenset[str] | Observed, tuple[Observed, list[int]]] = {}
        for place, cell in enumerate(self.cells):
            found.setdefault(frozenset(cell) if cell else cell, (cell, []))[1].append(place)
        return tuple((cell, tuple(places)) for cell, places in found.values())


_Line = TypeVar("_Line", Row, Question)


class Matrix(Struct):
    """
    Targets side by side.

    ``only_differences`` leaves out of ``shown`` and ``asked`` what does not differ; the numbers stay those of the whole.
    """

    sides: tuple[Side, ...]
    cautions: tuple[str, ...]
    areas: tuple[Area, ...]
    rows: tuple[Row, ...]
    questions: tuple[Question, ...]
    only_differences: bool = False

    @property
    def shown(self) -> tuple[Row, ...]:
        """The requirements to be shown."""
        return self._kept(self.rows)

    @property
    def asked(self) -> tuple[Question, ...]:
        """The choices to be shown."""
        return self._kept(self.questions)

    def _kept(self, lines: tuple[_Line, ...]) -> tuple[_Line, ...]:
        return tuple(one for one in lines if one.spread.differs) if self.only_differences else lines

    def by_area(self) -> Iterator[tuple[Area, tuple[Row, ...]]]:
        """Yield each area that has requirements to be shown, with them; last those of no area of any catalogue."""
        rows: defaultdict[str, list[Row]] = defaultdict(list)
        for row in self.shown:
            rows[row.requirement.area].append(row)
        for area in self.areas:
            if area.id in rows:
                yield area, tuple(rows.pop(area.id))
        if rows:
            yield Area("other", "Other"), tuple(row for several in rows.values() for row in several)

    @property
    def spreads(self) -> dict[Spread, int]:
        """How many requirements have each spread, every spread included."""
        return counted(row.spread for row in self.rows)

    @property
    def choice_spreads(self) -> dict[Spread, int]:
        """How many choices have each spread, every spread included."""
        return counted(question.spread for question in self.questions)

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """How many targets have each verdict, every verdict included."""
        found = Counter(side.run.verdict for side in self.sides)
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def headline(self) -> str:
        """The answer in one sentence: the verdict of each target, requirements, choices, each with its denominator."""
        if len(self.sides) == 1:
            answers = [_answer("requirement", "tested", self.spreads), _answer("choice", "observed", self.choice_spreads)]
            return "; ".join([f"1 target: {self.sides[0].run.verdict.words}", *answers])
        answers = [_alike("requirement", self.spreads), _alike("choice", self.choice_spreads)]
        return "; ".join([f"{len(self.sides)} targets: {self._judged()}", *answers])

    def _judged(self) -> str:
        """Return how many targets have each verdict, and which, where not all have the same."""
        found = {verdict: number for verdict, number in self.verdicts.items() if number}
        if len(found) == 1:
            return "".join(f"{number} {verdict.words}" for verdict, number in found.items())
        labels = {verdict: ", ".join(side.label for side in self.sides if side.run.verdict is verdict) for verdict in found}
        return ", ".join(f"{number} {verdict.words} ({labels[verdict]})" for verdict, number in found.items())

    @property
    def rest(self) -> str:
        """What the first sentence leaves out of its denominators, or nothing: what has no answer on every target."""
        if len(self.sides) < 2:
            return ""
        parts = [_unknown("requirement", "tested", self.spreads), _unknown("choice", "observed", self.choice_spreads)]
        return ". ".join(part for part in parts if part)

    @property
    def differing(self) -> tuple[str, ...]:
        """Ids of the requirements that came out differently."""
        return tuple(row.requirement.id for row in self.rows if row.spread is Spread.DIFFERENT)

    @property
    def differing_choices(self) -> tuple[str, ...]:
        """Ids of the choices that differ."""
        return tuple(question.choice.id for question in self.questions if question.spread is Spread.DIFFERENT)


def _of(number: int, counts: dict[Spread, int], word: str) -> str:
    total = sum(counts.values())
    return f"{number} of {total} {word}{'' if total == 1 else 's'}"


def _answer(word: str, done: str, counts: dict[Spread, int]) -> str:
    return f"{_of(counts[Spread.SAME], counts, word)} {done}"


def _alike(word: str, counts: dict[Spread, int]) -> str:
    return f"{_of(counts[Spread.DIFFERENT], counts, word)} came out differently, {counts[Spread.SAME]} alike on all"


def _unknown(word: str, done: str, counts: dict[Spread, int]) -> str:
    """Return how many were answered by some targets or by none; ``done`` is how a target comes to an answer."""
    told = [("on some targets only", counts[Spread.PARTLY]), ("on none", counts[Spread.NOWHERE])]
    parts = [f"{where}: {number}" for where, number in told if number]
    return f"{word.title()}s {done} {', '.join(parts)}" if parts else ""


def matrix(runs: Sequence[Run], *, only_differences: bool = False) -> Matrix:
    """Return recorded runs side by side, in the order given, each taken for a target of its own."""
    sides = numbered(runs)
    rows = []
    for cells in results(runs).values():
        known = [one.requirement for one in cells if one is not None]
        tested = [one.status if one is not None and one.status.tested else None for one in cells]
        rows.append(Row(known[-1], tuple(dict.fromkeys(one.level for one in known)), cells, spread(tested)))
    questions = tuple(
        Question(choice, cells, choice_spread(choice, cells)) for choice, cells in observations(runs).values()
    )
    return Matrix(sides, cautions(sides, one_target=False), areas(runs), tuple(rows), questions, only_differences)
