"""
What closed requests show: their state, their statuses, their message, and that no others are touched.
"""

from __future__ import annotations

import dataclasses

from closecheck.lifecycle.done import MEMBERS, Done
from closecheck.lifecycle.facts import Facts, Wrong
from closecheck.lifecycle.judgement import CLOSED_OTHERS, COMPANY, LOOK_SUPPLY, PENDING_SUPPLY, TAKEN, Judgement, because, undecided
from closecheck.lifecycle.others import in_company, may_be_of_others
from closecheck.lifecycle.plan import CHUNKED, ONE, OVER, REPEATED, WHOLE
from closecheck.lifecycle.verdicts.gaps import blind, no_closing, not_judged


def closed(facts: Facts, name: str, kinds: str = "pa") -> Judgement:
    """Judge that every request that a step names is no longer pending."""
    done = facts.of(name)
    if kinds == "a" and done.exchange is not None and done.exchange.status == 400 and _takes_what_is_pending(facts, done):
        expected = "202, as for a request before its approval"
        return Judgement(False, expected, done.exchange.got(), done.sent, change="a request past its approval is named")
    if found := not_judged(facts, done) or blind(facts):
        return found
    ids = [one for one in done.known if one in done.of_kind(kinds)]
    if not ids:
        return undecided(f"{done.step.name}: {TAKEN}")
    states = [facts.state(one) for one in ids]
    expected = f"{_all_of(len(ids))} no longer pending within {facts.settle:g} s"
    pending = [(index, one) for index, (one, state) in enumerate(zip(ids, states, strict=True), 1) if state is False]
    if pending:
        index, one = pending[0]
        where = ", ".join(name for name, seen in facts.watch.sights(one).items() if seen.pending)
        first = f", first number {index}, {one}" if len(ids) > 1 else f", {one}"
        got = f"{len(pending)} of {len(ids)} still pending{first} ({where})"
        return Judgement(False, expected, got, done.sent)
    if None in states:
        unseen = states.count(None)
        return undecided(f"{done.step.name}: {unseen} of the {len(ids)} requests are shown by no observer", LOOK_SUPPLY)
    return Judgement(True, expected, "", done.sent)


def _takes_what_is_pending(facts: Facts, like: Done) -> bool:
    """
    Tell whether the like requests that name requests before their approval were accepted, each of them.

    If one was not, the state of a request is not what it is refused for: it may be the id.
    """
    alike = [one for one in facts.done.values() if one.step.closes and set(one.step.kinds) == {"p"} and one.step.text == like.step.text]
    refused = any(one.exchange is not None and one.exchange.status == 400 for one in alike)
    return facts.of(ONE if len(like.ids) == 1 else "three").accepted and not refused


def shows(facts: Facts, name: str, member: str) -> Judgement:
    """Judge that the closed requests of a step show what a member of the body asked for, or its default."""
    done = facts.of(name)
    if found := not_judged(facts, done) or blind(facts):
        return found
    closed = [one for one in done.known if facts.state(one) is True]
    if not done.known:
        return undecided(f"{done.step.name}: {TAKEN}")
    if not closed:
        return undecided(f"{done.step.name}: nothing was seen closed: judged under CAR-LIFE-CLOSED")
    wrong = facts.wrong(done, member)
    if wrong and facts.strangers():
        return undecided(CLOSED_OTHERS)
    if wrong and (member, done.gives(member)) in facts.mixed:
        return undecided(f"{done.step.name}: sent alone it comes out right: judged under CAR-LIFE-CONCURRENT")
    if wrong and may_be_of_others(facts, done, member, wrong):
        return undecided(f"{done.step.name}: {COMPANY}")
    asked = done.asked(member)
    if wrong and not done.gives(member) and _spelled_out_as_wrong(facts, done, member, wrong):
        return undecided(f"{done.step.name}: the default spelled out comes out as wrong: judged where it is given")
    change = "" if done.gives(member) else f"{member} left out"
    expected = f'{"the message" if member == "message" else member} "{_cut(asked)}"{", the default" if change else ""}'
    if wrong:
        one, observer, shown = wrong[0]
        count = len({one for one, _, _ in wrong})
        got = f"{shown} ({observer}, {one}{f'; {count} of {len(closed)} like this' if len(closed) > 1 else ''})"
        return Judgement(False, expected, got, done.sent, change=change)
    right = [one for one in closed if any(seen.shows(member, asked) for seen in facts.watch.sights(one).values())]
    if len(right) < len(closed):
        return undecided(f"{done.step.name}: what is shown is not a documented value, or nothing", LOOK_SUPPLY)
    return Judgement(True, expected, "", done.sent, change=change)


def read_from_chunks(facts: Facts) -> Judgement:
    """Judge that a message comes out of chunks as it comes out of a whole body."""
    chunked, whole = shows(facts, CHUNKED.name, "message"), shows(facts, WHOLE, "message")
    if chunked.holds is False and not whole.holds:
        return undecided("the same message does not come out right from a whole body: judged under CAR-LIFE-MESSAGE")
    return dataclasses.replace(chunked, change=f"sent in chunks of {CHUNKED.chunks[0]} byte") if chunked.holds is False else chunked


def _spelled_out_as_wrong(facts: Facts, done: Done, member: str, wrong: list[Wrong]) -> bool:
    """Tell whether the same closing with the default spelled out shows the same wrong word."""
    if member == "message":
        return False  # every message of the run is told from the default
    asked = {name: done.asked(name) if done.gives(name) or name == member else None for name in MEMBERS[:2]}
    for twin in facts.done.values():
        step = twin.step
        same = {"executionStatus": step.execution, "completionStatus": step.completion} == asked
        if same and twin.gives(member) and twin.gives("message") == done.gives("message") and len(twin.ids) == len(done.ids):
            return {shown for _, _, shown in facts.wrong(twin, member)} >= {shown for _, _, shown in wrong}
    return False


def unmixed(facts: Facts) -> Judgement:
    """Judge that closings that ran at the same time did not mix their messages and statuses."""
    parallel = facts.with_role("parallel")
    sent = tuple(done.exchange for done in parallel if done.exchange)
    expected = "each request with the message and the statuses of its own closing"
    if facts.mixed and facts.strangers():
        return undecided(CLOSED_OTHERS)
    others = facts.unexplained if in_company(facts) else set()
    for (member, given), (one, observer, shown) in facts.mixed.items():
        if (member, given) in others:
            continue  # somebody else may have closed it
        own = next(done for done in facts.done.values() if one in done.ids)
        instead = f'instead of "{_cut(own.asked(member))}"; sent alone it comes out right'
        got = f"{member} of {one}: {shown} ({observer}) {instead}"
        return Judgement(False, expected, got, own.sent)
    judged = [shows(facts, done.step.name, member) for done in parallel for member in MEMBERS]
    if any(one.holds for one in judged):
        return Judgement(True, expected, "", sent)
    untold = next((one for one in judged if one.holds is None), None)
    return untold or no_closing(facts) or undecided("what is sent at the same time comes out as wrong as what is sent alone")


def kept(facts: Facts) -> Judgement:
    """Judge that completed requests that were named keep their statuses."""
    named = [facts.of(step.name) for step in OVER]
    sent = tuple(done.exchange for done in named if done.exchange)
    if not sent:
        return not_judged(facts, named[0]) or undecided("no completed access request was named")
    if found := blind(facts):
        return found
    expected = "a completed request with the statuses that it had"
    told = False
    for done in named:
        seen = [(one, *item) for one in done.of_kind("c") for item in facts.watch.sights(one).items()]
        for one, name, now in seen:
            before = facts.watch.before.get(name, {}).get(one)
            if before is None:
                continue
            was, became = (f"{shown.execution}, {shown.completion}" for shown in (before, now))
            if was != became:
                return Judgement(False, expected, f"{became} in place of {was} ({name}, {one})", done.sent)
            told = told or False in {before.shows(member, done.asked(member)) for member in MEMBERS[:2]}
    if not told:
        return undecided(
            "the completed requests are not shown, or had the very statuses that were asked for",
            "access_requests.completed",
        )
    return Judgement(True, expected, "", sent)


def only_named(facts: Facts) -> Judgement:
    """Judge that nothing shows a message of the run but what the run named."""
    if facts.problem is not None:
        return because(facts.problem)
    if found := blind(facts):
        return found
    expected = "requests that no accepted call named as they were, without a message of this run"
    for one, (observer, seen) in facts.strangers():
        return Judgement(
            False,
            expected,
            f"{seen.shown('message')} on {one}, which was not named ({observer})",
            facts.everything(),
        )
    seen_ones = [one for done in facts.with_role("bystander", "spare") for one in done.ids if facts.watch.sights(one)]
    if not seen_ones:
        return undecided("there was no other pending request to look at", PENDING_SUPPLY)
    return Judgement(True, expected, "", facts.everything())


def repeated(facts: Facts) -> Judgement:
    """Judge the answers to a request that was sent again, at once and when it had completed."""
    done = facts.of(REPEATED.name)
    if found := not_judged(facts, done):
        return found
    documented = sorted(facts.contract.documented_statuses - {500})
    expected = f"one of {', '.join(map(str, documented))} to a request that is sent again"
    for exchange in done.again:
        if exchange.status not in documented:
            change = "sent again, byte for byte"
            return Judgement(False, expected, exchange.got(), (*done.sent, exchange), change=change)
    return Judgement(True, expected, "", tuple(done.again))


def _all_of(count: int) -> str:
    return "the one request" if count == 1 else f"all {count} requests"


def _cut(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"
