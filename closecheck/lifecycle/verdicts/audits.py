"""
What the audits say: a Started and a Completed for each accepted request, in this order, with the failed ids; none for what was refused.
"""

from __future__ import annotations

from collections.abc import Collection

from closecheck.judging.exchange import Exchange
from closecheck.lifecycle.audit_trail import Trail
from closecheck.lifecycle.documents import COMPLETED, STARTED
from closecheck.lifecycle.done import Done
from closecheck.lifecycle.facts import Facts
from closecheck.lifecycle.judgement import CLOSED_OTHERS, PENDING_SUPPLY, Judgement, because, never, undecided
from closecheck.lifecycle.plan import NEWER, OVER
from closecheck.lifecycle.verdicts.gaps import deaf, no_closing, not_judged
from closecheck.session.ids import Source


def audited(trail: Trail, name: str) -> Judgement:
    """Judge that there is an audit of a name for every accepted request."""
    facts = trail.facts
    if found := no_closing(facts) or deaf(facts):
        return found
    expected = f'the audit "{name}" for each of {len(facts.accepted())} accepted requests'
    lacking, certain = trail.without_audit(name)
    lacking = [done for done in lacking if done.step.name not in NEWER]
    if not lacking:
        return Judgement(True, expected, "", facts.everything())
    if not certain:
        return undecided(f'the audits "{name}" tell neither ids nor message, and are fewer than the accepted requests')
    got = f"none for {len(lacking)} of them, first {lacking[0].what}"
    return Judgement(False, expected, got, lacking[0].sent)


def paired(trail: Trail) -> Judgement:
    """Judge that each Started audit has its Completed, also where audits name neither ids nor messages, and after closings that few services foresee."""
    facts = trail.facts
    if found := no_closing(facts) or deaf(facts):
        return found
    expected = f'the audit "{COMPLETED}" for each "{STARTED}" of the run'
    lacking, certain = trail.without_audit(COMPLETED)
    newer = next((done for done in lacking if done.step.name in NEWER), None)
    if newer is not None and certain:
        return Judgement(False, expected, f"none for {newer.what}", newer.sent)
    if orphans := trail.orphans():
        first = orphans[0]
        when = f" of {first.created.isoformat()}" if first.created else ""
        got = f"none that shares a value with {len(orphans)} of {len(trail.begun())}, first that{when}, {first.tracking or first.key}"
        return Judgement(False, expected, got, facts.everything())
    if lacking:
        return undecided("the audits tell neither ids nor message, and share no value")
    return Judgement(True, expected, "", facts.everything())


def in_order(trail: Trail) -> Judgement:
    """Judge that Started is not later than Completed."""
    facts = trail.facts
    if found := no_closing(facts) or deaf(facts):
        return found
    expected = f'"{STARTED}" not later than "{COMPLETED}"'
    judged: list[Exchange] = []
    for done in facts.accepted():
        tied = trail.ties()[done.step.name]
        begun = [one.created for one in tied if one.started and one.created]
        ended = [one.created for one in tied if one.completed and one.created]
        if begun and ended and done.exchange and not trail.is_ambiguous(done):
            judged.append(done.exchange)
            if min(begun) > min(ended):
                got = f"Started at {min(begun).isoformat()}, Completed at {min(ended).isoformat()}: {done.what}"
                return Judgement(False, expected, got, done.sent)
    if judged:
        return Judgement(True, expected, "", tuple(judged))
    if _may_be_in_order(facts):
        return Judgement(True, expected, "", facts.everything())
    return undecided("no two audits of one request were found with the times of their making")


def _may_be_in_order(facts: Facts) -> bool:
    """Tell whether no more had completed than had started at each moment: all to ask of audits that tell no ids."""
    audits = facts.watch.new_audits()
    begun = sorted(one.created for one in audits if one.started and one.created)
    ended = sorted(one.created for one in audits if one.completed and one.created)
    return bool(ended) and len(ended) <= len(begun) and all(first <= last for first, last in zip(begun, ended, strict=False))


def failed_listed(trail: Trail, name: str) -> Judgement:
    """Judge that some place of a step's Completed audit names exactly the ids that are unknown."""
    facts = trail.facts
    if facts.source is not Source.UNKNOWN:
        return _over_listed(trail)
    done = facts.of(name)
    if found := not_judged(facts, done) or deaf(facts):
        return found
    if not done.sent_once:
        return undecided(f"{done.step.name}: the request was sent anew after its connection was lost, and may have been served twice")
    places = trail.failed_places(done)
    failed = done.of_kind("u")
    names = ", ".join(failed[:3]) + (f" and {len(failed) - 3} more" if len(failed) > 3 else "")
    others = f"none of {', '.join(done.known)}" if done.known else "none of another request"
    expected = f"a Completed audit that lists {names} as finished in error, and {others}"
    if places:
        return Judgement(True, expected, "", done.sent)
    own = [one for one in trail.ties()[name] if one.completed]
    if places is None or done in trail.without_audit(COMPLETED)[0] or (not own and trail.orphans()):
        return undecided(f'{done.step.name}: there is no audit "{COMPLETED}": judged under CAR-LIFE-COMPLETED')
    if facts.strangers():
        return undecided(CLOSED_OTHERS)
    got = "no Completed audit names it"
    if own:
        mentioned = {place: named for place, named in trail.places(own[0]).items() if place and named}
        listed = [f"{place.strip('.')} names {_of_these(named, done)}" for place, named in mentioned.items()]
        got = f"a Completed audit in which {'; '.join(listed[:4]) or 'no id stands'}"
    return Judgement(False, expected, got, done.sent)


def _over_listed(trail: Trail) -> Judgement:
    """Judge, where unknown ids are refused, that a completed id is listed alone; it need not have failed."""
    facts = trail.facts
    first, done = facts.of(OVER[0].name).exchange, facts.of(OVER[1].name)
    if first is not None and first.status == 400:
        return never()
    if found := not_judged(facts, done) or deaf(facts):
        return found
    if not trail.failed_places(done):
        return never()
    return Judgement(True, "a Completed audit that lists the completed id alone", "", done.sent)


def nothing_failed(trail: Trail) -> Judgement:
    """Judge that the place that lists failed ids lists none where none failed."""
    facts = trail.facts
    if found := no_closing(facts) or deaf(facts):
        return found
    if facts.strangers():
        return undecided(CLOSED_OTHERS)
    places = [named for done in facts.accepted() if done.of_kind("u") and (named := trail.failed_places(done))]
    if not places:
        return undecided("no failed id was seen listed, so that nobody knows where they would stand")
    shared = set.intersection(*places) or set.union(*places)
    expected = "a Completed audit that lists no id as finished in error, as all were closed"
    judged: list[Exchange] = []
    for done in facts.accepted():
        if done.of_kind("uswc") or trail.is_ambiguous(done):
            continue
        if done.step.role == "repeated" or not done.sent_once or not all(facts.state(one) for one in done.known):
            continue
        for one in trail.ties()[done.step.name]:
            if not one.completed or not done.exchange:
                continue
            listed = trail.places(one)
            wrong = [place for place in shared if listed.get(place)]
            if len(wrong) == len(shared):
                got = f"{wrong[0].strip('.')} names {_of_these(listed[wrong[0]], done)}"
                return Judgement(False, expected, got, done.sent)
            judged.append(done.exchange)
    return Judgement(True, expected, "", tuple(judged)) if judged else undecided("no such audit could be told to be its own")


def _refused(facts: Facts, *, last: bool) -> list[Done]:
    """Return the steps that were refused: those that are sent at the very end, or the others."""
    refused = [done for done in facts.with_role("refused") if done.exchange and done.exchange.status >= 400]
    return [done for done in refused if done.step.last == last]


def unaudited(trail: Trail, *, last: bool = False) -> Judgement:
    """Judge that no Started audit tells of a request that was refused; ``last``: of the one that is sent at the very end."""
    facts = trail.facts
    if facts.problem is not None:
        return because(facts.problem)
    if found := deaf(facts):
        return found
    expected = f'no audit "{STARTED}" of a refused request'
    refused = _refused(facts, last=last)
    for done in refused:
        begun = [one for one in trail.ties()[done.step.name] if one.started]
        if begun and not done.lost and not any(facts.state(one) for one in done.ids):
            got = f"one of {begun[0].created.isoformat() if begun[0].created else 'now'} for {done.what}"
            return Judgement(False, expected, got, done.sent)
    if not refused:
        return undecided("no request that names pending ids was refused", PENDING_SUPPLY)
    return Judgement(True, expected, "", tuple(done.exchange for done in refused if done.exchange))


def unaudited_alone(trail: Trail, *, last: bool = False) -> Judgement:
    """Judge that no Started audit, whatever it names, follows a refused request that is sent alone; ``last`` as above."""
    facts = trail.facts
    if facts.problem is not None:
        return because(facts.problem)
    if found := deaf(facts):
        return found
    expected = f'no audit "{STARTED}" after a refused request'
    for done, exchanges in facts.audited_alone:
        if done.step.last != last:
            continue
        got = f"one after each of {len(exchanges)} that were sent alone, and none between them: {done.what}"
        return Judgement(False, expected, got, exchanges)
    refused = tuple(done.exchange for done in _refused(facts, last=last) if done.exchange)
    if not refused:
        return undecided("no request that names pending ids was refused", PENDING_SUPPLY)
    return Judgement(True, expected, "", refused)


def _of_these(named: Collection[str], done: Done) -> str:
    """Say how many of the ids of a step stand somewhere, and how many of other requests."""
    own = len(set(named) & set(done.ids))
    return f"{own} of its {len(done.ids)} ids" + (f" and {len(named) - own} of other requests" if len(named) > own else "")
