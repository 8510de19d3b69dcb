"""
Why something cannot be judged: it was not sent or not accepted, or nothing of it can be seen.
"""

from __future__ import annotations

from closecheck.lifecycle.done import Done
from closecheck.lifecycle.facts import Facts
from closecheck.lifecycle.judgement import (
    AUDIT_SUPPLY,
    EVENT_SUPPLY,
    LOOK_SUPPLY,
    PENDING_SUPPLY,
    URL_SUPPLY,
    Judgement,
    because,
    undecided,
)
from closecheck.lifecycle.observers import SearchObserver


def not_judged(facts: Facts, done: Done) -> Judgement | None:
    """Return why nothing can be said of a step, or None."""
    if facts.problem is not None:
        return because(facts.problem)
    if done.untested is not None:
        return because(done.untested)
    if done.exchange is None:
        return undecided(f"{done.step.name}: nothing was sent")
    if done.step.closes and not done.accepted:
        return undecided(f"{done.step.name}: the request was answered {done.exchange.status or 'not at all'}, not accepted")
    return None


def no_closing(facts: Facts) -> Judgement | None:
    """Return why there is no accepted request to judge, or None."""
    if facts.problem is not None:
        return because(facts.problem)
    if not facts.accepted():
        return undecided("no request that closes something was accepted", PENDING_SUPPLY)
    return None


def blind(facts: Facts) -> Judgement | None:
    """Return why no access request can be seen, or None."""
    if facts.watch.sees_requests:
        return None
    trouble = next(iter(facts.watch.trouble.values()), None)
    if trouble is not None:
        return because(trouble)
    return undecided("the target file names no way to see an access request", LOOK_SUPPLY)


def deaf(facts: Facts) -> Judgement | None:
    """Return why no audit can be seen, or None."""
    if facts.watch.sees_audits:
        return None
    trouble = facts.watch.trouble.get(SearchObserver.name)
    if trouble is not None:
        return because(trouble)
    return undecided("the target file names no way to see audits", AUDIT_SUPPLY)


def unheard(facts: Facts) -> Judgement | None:
    """Return why deliveries cannot be judged, or None."""
    if facts.event_problem is not None:
        return because(facts.event_problem)
    if not facts.watch.sees_events:
        return undecided("the target file allows no subscription to Provisioning Completed", EVENT_SUPPLY)
    if facts.event_url_may_be_out_of_reach and not facts.watch.events():
        reason = "no event came at all: it cannot be told whether the target reaches the listener of the suite"
        return undecided(reason, URL_SUPPLY)
    return None
