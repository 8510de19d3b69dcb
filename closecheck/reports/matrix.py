"""
Several targets side by side: requirements by targets, choices by targets. Every number of every format is computed here.

Each requirement has one :class:`~closecheck.reports.run_columns.Agreement`, so that what differs, what is the same, what was tested on some
targets only and what was tested on none add up to all of them. Untested is no answer: it never makes two targets differ.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeVar

from closecheck.model import Area, Choice, Level, Requirement, Result, Run, Struct, Verdict
from closecheck.reports.run_columns import Observed, RunColumn, Agreement, areas, cautions, choice_agreement, counted, numbered, observations, results, agreement


class Row(Struct):
    """One requirement on every target; None: not in the edition that judged it."""

    requirement: Requirement
    """As the last run that has it states it."""
    levels: tuple[Level, ...]
    """Its level, or its levels where editions differ in it."""
    cells: tuple[Result | None, ...]
    agreement: Agreement


class Question(Struct):
    """One choice on every target; ``cells`` has what was observed, nothing or None (not in the edition)."""

    choice: Choice
    cells: tuple[Observed, ...]
    agreement: Agreement

    @property
    def answers(self) -> tuple[tuple[Observed, tuple[int, ...]], ...]:
        """What was observed with the places of the runs on which it was, in the order of the first; alike is one answer."""
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

    columns: tuple[RunColumn, ...]
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
        return tuple(one for one in lines if one.agreement.differs) if self.only_differences else lines

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
    def agreements(self) -> dict[Agreement, int]:
        """How many requirements have each agreement, every agreement included."""
        return counted(row.agreement for row in self.rows)

    @property
    def choice_agreements(self) -> dict[Agreement, int]:
        """How many choices have each agreement, every agreement included."""
        return counted(question.agreement for question in self.questions)

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """How many targets have each verdict, every verdict included."""
        found = Counter(column.run.verdict for column in self.columns)
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def headline(self) -> str:
        """The answer in one sentence: the verdict of each target, requirements, choices, each with its denominator."""
        if len(self.columns) == 1:
            answers = [_answer("requirement", "tested", self.agreements), _answer("choice", "observed", self.choice_agreements)]
            return "; ".join([f"1 target: {self.columns[0].run.verdict.words}", *answers])
        answers = [_alike("requirement", self.agreements), _alike("choice", self.choice_agreements)]
        return "; ".join([f"{len(self.columns)} targets: {self._judged()}", *answers])

    def _judged(self) -> str:
        """Return how many targets have each verdict, and which, where not all have the same."""
        found = {verdict: number for verdict, number in self.verdicts.items() if number}
        if len(found) == 1:
            return "".join(f"{number} {verdict.words}" for verdict, number in found.items())
        labels = {verdict: ", ".join(column.label for column in self.columns if column.run.verdict is verdict) for verdict in found}
        return ", ".join(f"{number} {verdict.words} ({labels[verdict]})" for verdict, number in found.items())

    @property
    def rest(self) -> str:
        """What the first sentence leaves out of its denominators, or nothing: what has no answer on every target."""
        if len(self.columns) < 2:
            return ""
        parts = [_unknown("requirement", "tested", self.agreements), _unknown("choice", "observed", self.choice_agreements)]
        return ". ".join(part for part in parts if part)

    @property
    def differing(self) -> tuple[str, ...]:
        """Ids of the requirements that came out differently."""
        return tuple(row.requirement.id for row in self.rows if row.agreement is Agreement.DIFFERENT)

    @property
    def differing_choices(self) -> tuple[str, ...]:
        """Ids of the choices that differ."""
        return tuple(question.choice.id for question in self.questions if question.agreement is Agreement.DIFFERENT)


def _of(number: int, counts: dict[Agreement, int], word: str) -> str:
    total = sum(counts.values())
    return f"{number} of {total} {word}{'' if total == 1 else 's'}"


def _answer(word: str, done: str, counts: dict[Agreement, int]) -> str:
    return f"{_of(counts[Agreement.SAME], counts, word)} {done}"


def _alike(word: str, counts: dict[Agreement, int]) -> str:
    return f"{_of(counts[Agreement.DIFFERENT], counts, word)} came out differently, {counts[Agreement.SAME]} alike on all"


def _unknown(word: str, done: str, counts: dict[Agreement, int]) -> str:
    """Return how many were answered by some targets or by none; ``done`` is how a target comes to an answer."""
    reported = [("on some targets only", counts[Agreement.PARTLY]), ("on none", counts[Agreement.NOWHERE])]
    parts = [f"{where}: {number}" for where, number in reported if number]
    return f"{word.title()}s {done} {', '.join(parts)}" if parts else ""


def matrix(runs: Sequence[Run], *, only_differences: bool = False) -> Matrix:
    """Return recorded runs side by side, in the order given, each taken for a target of its own."""
    columns = numbered(runs)
    rows = []
    for cells in results(runs).values():
        known = [one.requirement for one in cells if one is not None]
        tested = [one.status if one is not None and one.status.tested else None for one in cells]
        rows.append(Row(known[-1], tuple(dict.fromkeys(one.level for one in known)), cells, agreement(tested)))
    questions = tuple(
        Question(choice, cells, choice_agreement(choice, cells)) for choice, cells in observations(runs).values()
    )
    return Matrix(columns, cautions(columns, one_target=False), areas(runs), tuple(rows), questions, only_differences)
