"""
What the deliveries of Provisioning Completed say: one for each closed request, none for anything else.
"""

from __future__ import annotations

from collections import Counter

from closecheck.lifecycle.documents import tracking_numbers
from closecheck.lifecycle.facts import Facts
from closecheck.lifecycle.judgement import CLOSED_OTHERS, URL_SUPPLY, Judgement, undecided
from closecheck.lifecycle.verdicts.gaps import no_closing, not_judged, unheard


def delivered(facts: Facts, *names: str) -> Judgement:
    """Judge that an event came for every request that these steps closed, with its tracking number."""
    if found := no_closing(facts) or unheard(facts):
        return found
    steps = [done for name in names if (done := facts.of(name)).accepted]
    if not steps:
        return not_judged(facts, facts.of(names[0])) or undecided("nothing of the kind was accepted")
    arrived = facts.arrived()
    closed = [(done, one) for done in steps for one in done.known if facts.state(one) is not False]
    if not closed:
        return undecided("nothing of the kind was seen closed: judged under CAR-LIFE-CLOSED")
    expected = f"an event with the tracking number of each of {len(closed)} closed requests"
    lacking = [(done, one) for done, one in closed if not arrived & facts.watch.aliases(one)]
    sent = tuple(done.exchange for done in steps if done.exchange)
    if lacking and facts.strangers():
        return undecided(CLOSED_OTHERS)
    if lacking:
        done, one = lacking[0]
        got = f"none for {len(lacking)} of them, first {one}, number {done.ids.index(one) + 1} of {done.what}"
        if not facts.watch.events() and facts.event_url:
            hint = f"a target in a container may be unable to reach it: {URL_SUPPLY}"
            got = f"no event at all at {facts.event_url} ({hint})"
        return Judgement(False, expected, got, done.sent)
    return Judgement(True, expected, "", sent)


def not_delivered(facts: Facts, kind: str) -> Judgement:
    """Judge that no event came for what was refused (``refused``), or for what cannot be closed (``failed``)."""
    if found := no_closing(facts) or unheard(facts):
        return found
    if kind == "refused":
        # What a refused request closed after all is the business of the requirement that it broke.
        quiet = [(done, one) for done in facts.with_role("refused") for one in done.ids if not facts.state(one)]
        quiet = [(done, one) for done, one in quiet if done.exchange and done.exchange.status >= 400]
    else:
        quiet = [(done, one) for done in facts.accepted() for one in done.of_kind("u")]
    if not quiet:
        return undecided(f"no request that names ids was {kind}" if kind == "refused" else "no unknown id was accepted")
    arrived = facts.arrived() if facts.heard is None else facts.heard
    expected = "no event for a request that was refused" if kind == "refused" else "no event for an id that finished in error"
    for done, one in quiet:
        if arrived & facts.watch.aliases(one):
            return Judgement(False, expected, f"an event with the tracking number {one} ({done.step.name})", done.sent)
    asked = {done.step.name: done.exchange for done, _ in quiet if done.exchange}
    return Judgement(True, expected, "", tuple(asked.values()))


def delivered_once(facts: Facts) -> Judgement:
    """Judge that no event came twice, also where a request was sent again."""
    if found := no_closing(facts) or unheard(facts):
        return found
    counted = Counter(number for document in facts.watch.events() for number in tracking_numbers(document))
    once = [done for done in facts.accepted() if done.sent_once]
    closed = [(done, one) for done in once for one in done.known if facts.state(one) is not False]
    heard = [(done, one) for done, one in closed if counted.keys() & facts.watch.aliases(one)]
    if not heard:
        return undecided("no event came for a closed request: judged under CAR-LIFE-EVENT")
    expected = f"one event for each of {len(heard)} closed requests"
    ours = {alias for done in facts.done.values() for one in done.known for alias in facts.watch.aliases(one)}
    accepted = sum(len(done.known) * (1 + len(done.again)) for done in facts.accepted())
    if len(heard) < len(closed) and sum(counted[number] for number in ours) <= accepted:
        return undecided("there are no more events than closed requests, but some are misnumbered: judged under CAR-LIFE-EVENT")
    for done, one in heard:
        count = max(counted[alias] for alias in facts.watch.aliases(one))
        if count > 1:
            return Judgement(False, expected, f"{count} for {one} ({done.step.name})", done.sent)
    return Judgement(True, expected, "", facts.everything())
