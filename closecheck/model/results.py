"""
How the evidence on one requirement folds into its result, and what its reason is; how the results add up to one sentence.

It is stated here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from closecheck.model.base import Struct
from closecheck.model.requirements import Requirement
from closecheck.model.run_lines import LOAD, Closing, Evidence, ExchangeLine, Finding, Note, Waiver
from closecheck.model.vocabulary import Level, Outcome, Status, Verdict

MOST_FINDINGS = 20
"""Findings kept in a result; the rest is counted."""


class Broken(Struct):
    """A finding with what it was found on."""

    evidence: Evidence
    finding: Finding
    witness: ExchangeLine | None
    base: ExchangeLine | None


class Result(Struct):
    """What a run says about one requirement."""

    requirement: Requirement
    status: Status
    exchanges: int
    reason: str = ""
    supply: tuple[str, ...] = ()
    findings: tuple[Broken, ...] = ()
    occurrences: int = 0
    """How often the finding was made; at least the number of findings kept."""


def fold(requirement: Requirement, evidence: Iterable[Evidence], *, strict: bool, waived: bool, scoped_out: str) -> Status:
    """
    Fold all evidence on one requirement into its status: fail > warning > error > untested > pass.

    ``scoped_out`` is the reason for which the target file puts it out of scope, or empty: what is out of scope still
    fails if it is met and broken. A conditional requirement of which nothing held and something was absent is not
    applicable; of any other requirement what was absent is untested.
    """
    seen = list(evidence)
    outcomes = {one.outcome for one in seen}
    if requirement.conditional is None and Outcome.ABSENT in outcomes:
        outcomes = outcomes - {Outcome.ABSENT} | {Outcome.UNTESTED}
    if Outcome.BROKEN in outcomes:
        if waived:
            return Status.WAIVED
        return Status.FAIL if requirement.level is Level.MUST or strict else Status.WARNING
    if scoped_out:
        return Status.OUT_OF_SCOPE
    if Outcome.ERROR in outcomes:
        return Status.ERROR
    parts_seen = {one.part for one in seen if one.outcome in {Outcome.HELD, Outcome.ABSENT}}
    if outcomes == {Outcome.ABSENT}:
        return Status.NOT_APPLICABLE
    if Outcome.UNTESTED in outcomes or not parts_seen or not parts_seen.issuperset(requirement.parts):
        return Status.UNTESTED
    return Status.PASS


def reason(
    requirement: Requirement,
    status: Status,
    evidence: Sequence[Evidence],
    *,
    scoped_out: str,
    waiver: Waiver | None,
    complete: bool,
    selection: str,
) -> str:
    """
    Return why a requirement has its status, in words, or empty where its findings say it.

    ``complete`` says whether the run ended by itself, ``selection`` what ``--only`` or ``-k`` chose, if anything.
    """
    match status:
        case Status.OUT_OF_SCOPE:
            return scoped_out
        case Status.PASS:
            return _joined(one.reason for one in evidence if one.outcome is Outcome.HELD)
        case Status.NOT_APPLICABLE:
            return _joined(one.reason for one in evidence if one.outcome is Outcome.ABSENT)
        case Status.WAIVED if waiver:
            return f"{waiver.reason} ({waiver.owner}, {waiver.issue}, until {waiver.expires})"
        case Status.ERROR:
            return _joined(one.reason for one in evidence if one.outcome is Outcome.ERROR)
        case Status.UNTESTED:
            reasons = _joined(one.reason for one in evidence if one.outcome is Outcome.UNTESTED)
            if reasons:
                return reasons
            if not complete:
                return "the run ended before this was tested"
            if selection:
                return not_selected(selection)
            ran = {one.part for one in evidence}
            missing = [part for part in requirement.parts if part not in ran]
            return f"these parts did not run: {', '.join(missing)}" if ran and missing else "no test covers it yet"
        case _:
            return ""


def not_selected(selection: str) -> str:
    """Return why a requirement is untested that the options of a run left out."""
    return f"not selected by {selection}"


def headline(verdict: Verdict, results: Sequence[Result], notes: Iterable[Note], closing: Closing | None) -> str:
    """Return the verdict of a run and its denominator in one sentence; ``closing`` is None where the run was cut off."""
    if closing and closing.stopped:
        return f"no verdict: {closing.stopped}"
    if closing and closing.suite_fault:
        return f"no verdict: the suite itself failed ({closing.suite_fault})"
    total = len(results)
    failed, waived = len(with_status(results, Status.FAIL)), len(with_status(results, Status.WAIVED))
    out_of_scope, warnings = len(with_status(results, Status.OUT_OF_SCOPE)), len(with_status(results, Status.WARNING))
    not_applicable = len(with_status(results, Status.NOT_APPLICABLE))
    unknown = with_status(results, Status.UNTESTED, Status.ERROR)
    must = sum(result.requirement.level is Level.MUST for result in unknown)
    tested = total - len(unknown) - out_of_scope - not_applicable
    aside = [f"{out_of_scope} out of scope"] if out_of_scope else []
    if not_applicable:
        aside.append(f"{not_applicable} not applicable")
    if warnings:
        aside.append(_count(warnings, "warning"))
    aside += [one.text for one in notes if one.about == LOAD]
    interrupted = "" if closing and not closing.interrupted else "interrupted, "
    match verdict:
        case Verdict.NON_CONFORMANT:
            faults = len(closing.waiver_faults) if closing else 0
            parts = [f"{failed} of {total} requirements failed"] if failed else []
            parts += [_count(faults, "waiver") + " expired or stale"] if faults else []
            parts += [f"{len(unknown)} untested"] if unknown else []
            return f"{interrupted}not conformant: {'; '.join([*parts, *aside])}"
        case Verdict.INCOMPLETE:
            text = f"{interrupted}incomplete: {tested} of {total} requirements tested, none failed"
            parts = [f"{must} MUST untested"] if must else []
            return "; ".join([text, *parts, *aside])
        case _:
            excuse = f" with {_count(waived, 'waiver')}" if waived else ""
            text = f"conformant{excuse}: {tested} of {total} requirements tested"
            if unknown:
                aside.insert(0, f"{len(unknown)} SHOULD untested")
            return "; ".join([text, *aside])


def with_status(results: Iterable[Result], *statuses: Status) -> list[Result]:
    """Return the results that have one of these statuses."""
    return [result for result in results if result.status in statuses]


def _joined(reasons: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
