"""
What is sent once more with nothing else under way: it tells what a request does from what its company does.
"""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from closecheck.config.target import ByHeaders, Provoke
from closecheck.contract.specification import contract
from closecheck.judging.exchange import Exchange
from closecheck.lifecycle.audit_trail import Trail
from closecheck.lifecycle.done import MEMBERS, Done, default_of
from closecheck.lifecycle.facts import Facts, Wrong
from closecheck.lifecycle.looking import QUIET, Lookout
from closecheck.lifecycle.others import in_company
from closecheck.lifecycle.plan import BY_QUERY, CALLERS, METHODS
from closecheck.lifecycle.sending import Sender

_TURNS: Final = 6
"""So often a refused request is sent alone, and must be followed by one audit each time: others rarely keep such time."""


class Alone:
    """
    Sends steps alone, and adds to the facts what they show then.
    """

    def __init__(self, provoke: Provoke, facts: Facts, trail: Trail, sender: Sender, lookout: Lookout) -> None:
        self._provoke = provoke
        self._facts = facts
        self._trail = trail
        self._sender = sender
        self._lookout = lookout

    # -- what came out wrong

    def confirm(self) -> None:
        """
        Send anew, alone, what came out wrong: if it comes out right, it was not the request but its company.

        This decides only which requirement is to blame, never whether one is.
        """
        facts = self._facts
        groups: defaultdict[tuple[str, bool], list[tuple[Done, Wrong]]] = defaultdict(list)
        for done, member in itertools.product(facts.accepted(), MEMBERS):
            wrong = facts.wrong(done, member)
            if wrong and len(done.ids) <= 2 and done.step.role != "repeated":
                groups[member, done.gives(member)].append((done, wrong[0]))
        for group, found in groups.items():
            done, first = found[0]
            right = self._comes_out_right(done, group[0])
            foreign = next((one for _, one in found if self._is_foreign(one)), None)
            if right or (right is None and foreign):
                facts.mixed[group] = foreign or first
                facts.unexplained |= set() if foreign else {group}
            elif right is False:
                facts.sure.add(group)

    def _is_foreign(self, wrong: Wrong) -> bool:
        """Tell whether a request shows a message of the run that was not meant for it."""
        one, observer, _ = wrong
        seen = self._facts.watch.now[observer].get(one)
        own = next(done for done in self._facts.done.values() if one in done.ids)
        return seen is not None and self._facts.marker in seen.text.replace(own.marker, "")

    def _comes_out_right(self, done: Done, member: str) -> bool | None:
        """
        Send a step again with other ids and nothing else under way; None if there are no ids left for that.

        Where the member is left out, one that gives another value than the default is closed before: a default that is
        overwritten shows itself without any company.
        """
        if not done.gives(member) and self._closed(done, "before it", 1, _given(member)) is None:
            return None
        clone = self._closed(done, "alone", len(done.known))
        if clone is None:
            return None
        if not self._facts.wrong(clone, member):
            return all(self._facts.state(one) for one in clone.ids) or None
        self._lookout.pause(QUIET[0], "for a request that was sent alone to show all of itself")
        self._facts.watch.look(clone.ids)
        return not self._facts.wrong(clone, member)

    def _closed(self, done: Done, name: str, count: int, members: Mapping[str, str] | None = None) -> Done | None:
        """Send a step, or one with other members, for spare ids and wait until it has completed; None if that cannot be."""
        facts = self._facts
        if in_company(facts):
            facts.watch.look(facts.spares)
            facts.spares = [one for one in facts.spares if facts.state(one) is False]
        if count > len(facts.spares):
            return None
        clone = facts.planned(
            msgspec.structs.replace(done.step, name=f"{done.step.name}, {name}", layout="p", times=count, **(members or {}))
        )
        clone.ids, facts.spares = facts.spares[:count], facts.spares[count:]
        self._sender.send(clone)
        if not clone.accepted:
            return None

        def over() -> bool:
            facts.watch.look(clone.ids)
            return all(facts.state(one) for one in clone.ids)

        self._lookout.until(over, facts.settle, "for a request that was sent alone to complete")
        return clone

    # -- what was refused

    def send_refused(self, steps: Sequence[Done]) -> None:
        """
        Send refused requests alone, where there are more Started audits than accepted requests, and see what follows them.

        An audit that names nothing tells by its time alone whose it is: it must follow each of them, and nothing else.
        """
        facts, ties = self._facts, self._trail.ties()
        named = {one.key for done in facts.with_role("refused") for one in ties[done.step.name]}
        if not facts.watch.sees_audits or sum(one.key not in named for one in self._trail.begun()) <= facts.to_be_audited:
            return
        asked: set[int] = set()
        for done in steps:
            status = done.exchange.status if done.exchange else 0
            alone = done.step.refusal not in METHODS | BY_QUERY.keys() and (
                status != 429 or isinstance(self._provoke.rate_limit, ByHeaders)
            )
            # After a 403 to the authorized caller the session asks whether it is still let in: the audit is of what it asks.
            alone = alone and (status != 403 or done.step.refusal in CALLERS)
            if status < 400 or not alone or status in asked or self._trail.ties()[done.step.name]:
                continue
            asked.add(status)
            if exchanges := self._followed(done):
                facts.audited_alone.append((done, exchanges))

    def _followed(self, done: Done) -> tuple[Exchange, ...]:
        """Send a refused step again and again; return the exchanges if one Started audit followed each, and none came between."""
        span = min(max(QUIET[0], self._lookout.took), self._facts.settle)
        exchanges: list[Exchange] = []
        self._lookout.look_for_audits()
        for turn in range(_TURNS):
            # A pause of another length each time, so that nobody's own beat is taken for an answer.
            if self._lookout.begun_within(span * (1 + turn % 3 / 3)):
                return ()
            clone = self._facts.planned(done.step)
            clone.ids = done.ids
            self._sender.send_refused(clone)
            if clone.exchange is None or done.exchange is None or clone.exchange.status != done.exchange.status:
                return ()
            exchanges.append(clone.exchange)
            if self._lookout.begun_within(span) != 1:
                return ()
        return () if self._lookout.begun_within(span) else tuple(exchanges)


@functools.cache
def _given(member: str) -> dict[str, str]:
    """Return what makes a step give a member another value than its default."""
    if member == "message":
        return {"text": "@ A message, where the next has none."}
    field = {"executionStatus": "execution", "completionStatus": "completion"}[member]
    return {field: next(str(one) for one in contract().property(member).values if one != default_of(member))}
