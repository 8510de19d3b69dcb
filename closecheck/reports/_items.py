"""
Formats that count tests count pairs of requirement and case: one item each, with a unique name.

A requirement that failed has at least one failed item and no other has any; what did not run is an item too, so that a
skip never adds up to a pass. What fails the run and is no requirement's fault (a stale waiver, an interruption, the suite
itself) is an item of the area ``run``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from closecheck.model import OTHER, Broken, Evidence, Level, Outcome, Requirement, Result, Run, Status, Struct
from closecheck.reports._facts import STATUS_WORDS, line

RUN_AREA: Final = "run"
MOST_FINDINGS_OF_A_CASE: Final = 3


class Item(Struct):
    """What one case says about one requirement."""

    area: str
    requirement: str
    case: str
    status: Status
    seconds: float
    reason: str = ""
    exchanges: tuple[int, ...] = ()
    findings: tuple[Broken, ...] = ()
    result: Result | None = None
    name: str = ""
    """Visible, and unique within a run."""
    is_advice: bool = False
    """Whether it is what a later edition says: whatever its status, it fails nothing."""


def items(run: Run) -> Iterator[Item]:
    """Yield the items of a run in the order of the catalogue, those of the run itself first."""
    taken: set[str] = set()
    for item in _unnamed(run):
        # Two cases may look alike once they are cut and made visible.
        stem = line(f"{item.requirement} [{item.case}]" if item.case else item.requirement, 1000)
        name = next(one for one in _numbered(stem) if one not in taken)
        taken.add(name)
        yield msgspec.structs.replace(item, name=name)


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    yield from (f"{stem} ({number})" for number in itertools.count(2))


def _unnamed(run: Run) -> Iterator[Item]:
    yield from _of_the_run(run)
    evidence: dict[str, dict[str, list[Evidence]]] = {}
    for one in run.decisive:
        evidence.setdefault(one.requirement, {}).setdefault(one.case, []).append(one)
    counted = {tally.requirement for tally in run.tallies if tally.exchanges}
    known = {area.id for area in run.opening.catalogue.areas}
    for result in run.results:
        cases = evidence.get(result.requirement.id, {})
        yield from _of(run, result, cases, known, has_tally=result.requirement.id in counted)
    yield from (_advice(run, result, known) for result in run.advice)


def _of(run: Run, result: Result, cases: dict[str, list[Evidence]], known: set[str], *, has_tally: bool) -> Iterator[Item]:
    requirement = result.requirement
    area = _area(requirement, known)
    worst: list[Status] = []
    if has_tally and "every exchange" not in cases:
        cases = {"every exchange": [Evidence(requirement.id, Outcome.HELD, "every exchange")], **cases}
    for case, said in cases.items():
        status = _status(result, said)
        worst.append(status)
        numbers = tuple(dict.fromkeys(number for one in said for number in one.exchanges))
        yield Item(
            area=area,
            requirement=requirement.id,
            case=case,
            status=status,
            seconds=sum(max(0.0, run.moments.took(number)) for number in numbers),
            reason=_reason(result, status, said),
            exchanges=numbers,
            findings=_findings(run, said),
            result=result,
        )
    # The whole is more than its cases: parts that did not run, or no case at all.
    shown_by_a_case = result.status in worst or result.status is Status.PASS
    if not shown_by_a_case or not worst:
        yield Item(area, requirement.id, "", result.status, 0.0, reason=result.reason, result=result)


def _area(requirement: Requirement, known: set[str]) -> str:
    return requirement.area if requirement.area in known else OTHER.id


def _advice(run: Run, result: Result, known: set[str]) -> Item:
    requirement = result.requirement
    return Item(
        area=_area(requirement, known),
        requirement=requirement.id,
        case="advice of a later edition",
        status=result.status,
        seconds=0.0,
        reason=f"a later edition than {run.edition} says: {STATUS_WORDS[result.status]}",
        findings=result.findings[:MOST_FINDINGS_OF_A_CASE],
        result=result,
        is_advice=True,
    )


def _status(result: Result, said: list[Evidence]) -> Status:
    outcomes = {one.outcome for one in said}
    if Outcome.BROKEN in outcomes:
        if result.status in {Status.FAIL, Status.WAIVED}:
            return result.status
        return Status.WARNING
    if result.status is Status.OUT_OF_SCOPE:
        return Status.OUT_OF_SCOPE
    if Outcome.ERROR in outcomes:
        return Status.ERROR
    if outcomes == {Outcome.ABSENT}:
        # Where others have shown it, a case that did not see it says nothing against the target.
        return result.status if result.status in {Status.NOT_APPLICABLE, Status.UNTESTED} else Status.PASS
    return Status.UNTESTED if Outcome.UNTESTED in outcomes else Status.PASS


def _reason(result: Result, status: Status, said: list[Evidence]) -> str:
    if status in {Status.WAIVED, Status.OUT_OF_SCOPE, Status.NOT_APPLICABLE}:
        return result.reason
    wanted = {Status.ERROR: Outcome.ERROR, Status.UNTESTED: Outcome.UNTESTED, Status.PASS: Outcome.HELD}.get(status)
    return "; ".join(dict.fromkeys(one.reason for one in said if one.outcome is wanted and one.reason))


def _findings(run: Run, said: Iterable[Evidence]) -> tuple[Broken, ...]:
    # A result keeps its first findings only; a case that comes later still says what it found.
    found: list[Broken] = []
    for one in said:
        if one.outcome is Outcome.BROKEN and one.finding:
            witness = run.exchanges.get(one.exchanges[-1]) if one.exchanges else None
            base = run.exchanges.get(witness.base) if witness else None
            found.append(Broken(one, one.finding, witness, base))
    return tuple(found[:MOST_FINDINGS_OF_A_CASE])


def _of_the_run(run: Run) -> Iterator[Item]:
    closing = run.closing
    if closing and (closing.suite_fault or closing.stopped):
        yield Item(RUN_AREA, "verdict", "", Status.ERROR, 0.0, reason=run.headline)
    if not run.complete:
        words = "the run was interrupted" if closing else "the record of the run breaks off: it has no last line"
        yield Item(RUN_AREA, "complete", "", Status.ERROR, 0.0, reason=words)
    for index, fault in enumerate(closing.waiver_faults if closing else (), 1):
        yield Item(RUN_AREA, "waivers", str(index), Status.FAIL, 0.0, reason=line(fault, 1000))
    if run.complete and run.verdict.value == "incomplete":
        untested = [r for r in run.with_status(Status.UNTESTED, Status.ERROR) if r.requirement.level is Level.MUST]
        reason = f"{len(untested)} MUST untested; {run.headline}"
        yield Item(RUN_AREA, "verdict", "", Status.UNTESTED, 0.0, reason=reason)
