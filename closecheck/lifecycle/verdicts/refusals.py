"""
What refused requests leave: nothing.
"""

from __future__ import annotations

from closecheck.lifecycle.done import Done, default_of
from closecheck.lifecycle.facts import Facts
from closecheck.lifecycle.judgement import COMPANY, LOOK_SUPPLY, TAKEN, Judgement, undecided
from closecheck.lifecycle.others import in_company, shows_its_message
from closecheck.lifecycle.plan import BY_QUERY, METHODS
from closecheck.lifecycle.verdicts.gaps import blind, not_judged


def unchanged(facts: Facts, name: str) -> Judgement:
    """Judge that a request that was refused closed nothing."""
    done = facts.of(name)
    if found := not_judged(facts, done) or blind(facts):
        return found
    status = done.exchange.status if done.exchange else 0
    meant = {"rate limit": {429}, "internal fault": {500}}.get(done.step.refusal)
    by_method = done.step.refusal in METHODS or done.step.refusal in BY_QUERY  # which closes nothing, however it is answered
    if (200 <= status < 300 and not by_method) or not status or (meant and status not in meant):
        return undecided(
            f"{done.step.name}: this was answered {status or 'not at all'}, not refused as intended",
            _provoked_by(done),
        )
    if done.lost:
        return undecided(f"{done.step.name}: {TAKEN}")
    expected = f"nothing closed by a request that is answered {status}"
    states = {one: _state_of_refused(facts, done, one) for one in done.ids}
    for one, state in states.items():
        if state and done.step.last and in_company(facts) and not shows_its_message(facts, done, one):
            return undecided(f"{done.step.name}: {COMPANY}")  # it is not asked for twice
        if state:
            return Judgement(False, expected, f"{one} is closed: {state}", done.sent, change=done.step.refusal)
    if None in states.values():
        return undecided(f"{done.step.name}: no observer tells what became of its request", LOOK_SUPPLY)
    return Judgement(True, expected, "", done.sent)


def _state_of_refused(facts: Facts, done: Done, one: str) -> str | None:
    """Return how it is seen that a refused request closed an id, or an empty text; None: it cannot be told."""
    sights = facts.watch.sights(one)
    default = default_of("message")
    for name, seen in sights.items():
        if done.marker in seen.text:
            return f"it shows the message of the refused request ({name})"
    if not sights or facts.state(one) is None:
        return None
    if facts.state(one) is False:
        return ""
    # Somebody else may have closed it: only what this very request explains is held against the target.
    name, seen = next((name, seen) for name, seen in sights.items() if seen.pending is False)
    explained = not seen.warnings or default in seen.warnings
    return None if facts.strangers() or not explained else f"{seen.shown('executionStatus')}, {seen.shown('message')} ({name})"


def _provoked_by(done: Done) -> str:
    return {"rate limit": "provoke.rate_limit", "internal fault": "provoke.internal_error"}.get(done.step.refusal, "")
