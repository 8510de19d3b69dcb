"""
What the experiment shows of what the vendor's documentation leaves open: choices of the target, which are recorded and not judged.
"""

from __future__ import annotations

from collections.abc import Mapping

from closecheck.judging.exchange import Exchange
from closecheck.lifecycle.audit_trail import Trail
from closecheck.lifecycle.plan import REPEATED
from closecheck.session.session import Session


def observe_taken(session: Session, what: str, exchange: Exchange) -> None:
    """Record how a request that names closed ids is answered."""
    words = {202: "accepted", 400: "refused with 400"}
    session.observe("closed-ids", f"{what}: {words.get(exchange.status, f'answered {exchange.status}')}", exchange)


def observe_unknown(session: Session, trail: Trail) -> None:
    """Record what becomes of unknown ids among known ones."""
    facts = trail.facts
    mixed = [done for done in facts.accepted() if done.of_kind("u") and done.exchange]
    if not mixed or not facts.watch.sees_audits:
        return
    places = [trail.failed_places(done) for done in mixed]
    shared = set.intersection(*(one for one in places if one is not None)) if any(places) else set()
    where = f"listed in the completion audit under {min(shared, key=len).strip('.')}" if shared else "not listed in the completion audit"
    session.observe("unknown-ids", f"among known ids: accepted, {where}", *(done.exchange for done in mixed if done.exchange))


def observe_time(session: Session, trail: Trail, arrivals: Mapping[str, float]) -> None:
    """Record how long closing takes; ``arrivals`` is when each tracking number arrived first, seconds from the start of the run."""
    facts = trail.facts
    spans = []
    for done in facts.accepted():
        tied = trail.ties()[done.step.name]
        begun = [one.created for one in tied if one.started and one.created]
        ended = [one.created for one in tied if one.completed and one.created]
        if begun and ended and done.step is not REPEATED:
            spans.append((max(ended) - min(begun)).total_seconds())
    if spans:
        session.observe("completion-time", f"{min(spans):.2f} to {max(spans):.2f} s from the Started to the Completed audit")
    waits = [
        arrivals[number] - done.exchange.timing.sent - done.exchange.timing.seconds
        for done in facts.accepted()
        for one in done.known
        for number in facts.watch.aliases(one) & set(arrivals)
        if done.exchange
    ]
    if waits:
        session.observe("completion-time", f"{max(min(waits), 0.0):.2f} to {max(*waits, 0.0):.2f} s from the 202 to the event")
