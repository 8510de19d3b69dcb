"""
Recorded runs side by side: what every comparison of them rests on, and what its reader must know before it.

A run among others is a :class:`RunColumn`. Runs may have been judged by different editions of the catalogue: what is compared is
the union of their requirements and choices, and what an edition does not have is None on its run.
"""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Final

from closecheck.model import Area, Choice, Opening, Profile, Result, Run, Struct


class RunColumn(Struct):
    """One run of a comparison: ``label`` stands for it where there is little room, ``called`` in a sentence."""

    label: str
    called: str
    run: Run
    apart: str = ""
    """What its target has unlike others of the same name; empty where no other has it."""


class Agreement(enum.StrEnum):
    """How far the answers of several runs to one question agree. Each question has exactly one, so that the numbers add up."""

    DIFFERENT = "different"
    """At least two runs gave different answers."""
    PARTLY = "partly"
    """The runs that gave an answer gave the same one, but not all gave one."""
    SAME = "same"
    """Every run gave the same answer."""
    NOWHERE = "nowhere"
    """No run gave an answer."""

    @property
    def differs(self) -> bool:
        """Whether the runs are not alike."""
        return self in {Agreement.DIFFERENT, Agreement.PARTLY}


def agreement(answers: Sequence[Hashable | None]) -> Agreement:
    """Return how answers lie; None: no answer."""
    given = {one for one in answers if one is not None}
    if not given:
        return Agreement.NOWHERE
    if len(given) > 1:
        return Agreement.DIFFERENT
    return Agreement.PARTLY if None in answers else Agreement.SAME


def counted(agreements: Iterable[Agreement]) -> dict[Agreement, int]:
    """Return how many there are of each degree of agreement, also where that is none."""
    found = Counter(agreements)
    return {one: found[one] for one in Agreement}


def numbered(runs: Sequence[Run]) -> tuple[RunColumn, ...]:
    """Return runs as targets 1, 2, 3 …, those of the same name made distinct."""
    return tuple(
        RunColumn(str(number), f"target {number}", run, apart)
        for number, (run, apart) in enumerate(zip(runs, _apart([run.opening for run in runs]), strict=True), 1)
    )


_APART: Final[tuple[Callable[[Opening], str], ...]] = (
    lambda opening: opening.base_url,
    lambda opening: f"run of {opening.started}",
    lambda opening: f"profile {opening.profile.value}",
)


def _apart(openings: Sequence[Opening]) -> list[str]:
    """Return for each run what no other run against a target of its name has; the number is always different."""
    reported = [""] * len(openings)
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, opening in enumerate(openings):
        places[opening.target].append(place)
    for alike in places.values():
        if len(alike) == 1:
            continue
        texts = [[fact(openings[place]) for place in alike] for fact in _APART]
        distinct = next((one for one in texts if len(set(one)) == len(alike) and all(one)), None)
        for place, text in zip(alike, distinct or [f"given as number {place + 1}" for place in alike], strict=True):
            reported[place] = text
    return reported


# ------------------------------------------------------------------------------------------------------------ the union


def union(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return every id of several lists once, in an order that is each list's own as far as they agree."""
    order: list[str] = []
    for ids in lists:
        at = 0
        for one in ids:
            if one in order:
                at = order.index(one) + 1
            else:
                order.insert(at, one)
                at += 1
    return tuple(order)


def results(runs: Sequence[Run]) -> dict[str, tuple[Result | None, ...]]:
    """Return the results of each requirement that a run has, in the order of the runs; None: not in its edition."""
    by_run = [{one.requirement.id: one for one in run.results} for run in runs]
    return {name: tuple(known.get(name) for known in by_run) for name in union(by_run)}


Observed = tuple[str, ...] | None
"""What was observed of a choice, each text once; empty: nothing; None: its edition does not have the choice."""


def observations(runs: Sequence[Run]) -> dict[str, tuple[Choice, tuple[Observed, ...]]]:
    """Return each choice that a run has with what was observed, in the order of the runs."""
    by_run = [_observed(run) for run in runs]
    choices = {choice.id: choice for run in runs for choice, _ in run.choices}
    return {name: (choices[name], tuple(known.get(name) for known in by_run)) for name in union(by_run)}


def _observed(run: Run) -> dict[str, tuple[str, ...]]:
    reported: dict[str, dict[str, None]] = {choice.id: {} for choice, _ in run.choices}
    for one in run.observations:
        if one.choice in reported:
            reported[one.choice][one.observed] = None
    return {name: tuple(texts) for name, texts in reported.items()}


def choice_agreement(choice: Choice, observed: Iterable[Observed]) -> Agreement:
    """
    Return how what was observed of a choice lies, case by case.

    A run that sent more cases than another is not another answer: only a case that several runs were asked can differ.
    """
    seen = [None if not one else {} if choice.measured else _by_case(one) for one in observed]
    cases = {case for one in seen if one for case in one}
    if any(agreement([one.get(case) if one else None for one in seen]) is Agreement.DIFFERENT for case in cases):
        return Agreement.DIFFERENT
    return agreement([None if one is None else () for one in seen])


def _by_case(texts: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return what was observed in each case: the words before the colon; a text without them is an answer to the choice itself."""
    reported: defaultdict[str, set[str]] = defaultdict(set)
    for text in texts:
        case, colon, said = text.partition(": ")
        reported[case if colon else ""].add(said if colon else text)
    return {case: frozenset(said) for case, said in reported.items()}


def areas(runs: Sequence[Run]) -> tuple[Area, ...]:
    """Return the areas of all catalogues, titles as in the last that has them."""
    known = {area.id: area for run in runs for area in run.opening.catalogue.areas}
    return tuple(known[name] for name in union([area.id for area in run.opening.catalogue.areas] for run in runs))


# ------------------------------------------------------------------------------------------------------------- cautions


def cautions(columns: Sequence[RunColumn], *, one_target: bool) -> tuple[str, ...]:
    """
    Return what makes runs unlike before anything is compared, a clause each, the weightiest first.

    ``one_target``: all are meant to be runs against one target, so that another target is worth a word.
    """
    reported = [_broken_off(column) for column in columns]
    if one_target:
        reported.append(_unlike("different targets", columns, lambda opening: opening.target))
        reported.append(_unlike("different base URLs", columns, lambda opening: opening.base_url))
    # The edition that decides: two runs of one catalogue differ in it where one of them is pinned to an older one.
    reported.append(_grouped("different editions of the contract", {column.label: column.run.edition for column in columns}))
    if not reported[-1]:
        reported.append(_unlike("one edition, but different texts of the contract", columns, lambda opening: opening.spec_digest[:12]))
    reported.append(_unlike("different profiles", columns, lambda opening: opening.profile.value))
    reported.append(_unlike("different selections", columns, lambda opening: opening.selection or "everything"))
    reported.append(_unlike("different strictness", columns, lambda opening: "strict" if opening.strict else "not strict"))
    exploring = [column for column in columns if column.run.opening.profile is not Profile.QUICK]
    reported.append(_unlike("explored with different seeds", exploring, lambda opening: str(opening.seed)))
    reported.append(_unlike("different versions of closecheck", columns, lambda opening: opening.suite))
    reported.append(_twice(columns))
    return tuple(one for one in reported if one)


def _broken_off(column: RunColumn) -> str:
    closing = column.run.closing
    if closing is None:
        return f"the record of {column.called} breaks off: what it had not come to is untested"
    if closing.stopped:
        return f"{column.called} has no verdict: {closing.stopped}"
    if closing.suite_fault:
        return f"{column.called} has no verdict, the suite itself failed: {closing.suite_fault}"
    if closing.interrupted:
        return f"{column.called} was interrupted: what it had not come to is untested"
    return ""


def _unlike(what: str, columns: Sequence[RunColumn], fact: Callable[[Opening], str]) -> str:
    """Return a clause such as ``different profiles: quick (1, 3), standard (2)``; empty if the fact is the same on all."""
    return _grouped(what, {column.label: fact(column.run.opening) for column in columns})


def _grouped(what: str, facts: Mapping[str, str]) -> str:
    labels: defaultdict[str, list[str]] = defaultdict(list)
    for label, fact in facts.items():
        labels[fact].append(label)
    if len(labels) < 2:
        return ""
    reported = [f"{fact or 'none is named'} ({', '.join(several)})" for fact, several in labels.items()]
    return f"{what}: {', '.join(reported)}"


def _twice(columns: Sequence[RunColumn]) -> str:
    # The moment of its beginning and how long it took stand in these: two runs never share both.
    ends = [(column.run.opening, column.run.closing) for column in columns]
    repeated = [column.label for column, end in zip(columns, ends, strict=True) if ends.count(end) > 1]
    return f"one and the same run was given more than once: {', '.join(repeated)}" if repeated else ""
