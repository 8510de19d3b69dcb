"""
From an unexpected answer to the smallest request that gets it, in at most 15 requests, and to the requirement that is to blame.

Hypothesis' own shrinker needs hundreds of requests for a list; halving a list, or a text, needs ten and names the threshold.
Valid bodies are tried with new ids each time: a request that was accepted may have closed its ids.
"""

from __future__ import annotations

import contextlib
from typing import Final

import msgspec

from closecheck.contract import random_bodies, random_edits
from closecheck.contract.cases import REFUSED
from closecheck.contract.random_bodies import Spelling, Value
from closecheck.contract.random_edits import Edit
from closecheck.exploration.attempts import Attempts, Cause, Explains, Spent, threshold
from closecheck.exploration.shrink_message import cause_in_message
from closecheck.judging.exchange import Exchange
from closecheck.model import Finding
from closecheck.session.load import GATEWAY

_ACCEPTED: Final = frozenset({202})


def fickle(among: Exchange, alone: Exchange, where: str = "among others") -> Cause:
    """Return the cause of an answer that another request, or the time, has changed."""
    finding = Finding(
        f"the answer that the same request gets alone: {alone.got()}", f"{among.got()}, {where}", change=f"sent {where}, instead of alone"
    )
    return Cause("CAR-OP-INDEPENDENT", finding, among, alone)


class Shrinker:
    """Narrows one unexpected answer down with the attempts that it is given."""

    def __init__(self, tries: Attempts) -> None:
        self._tries = tries

    def _verified(self, cause: Cause, statuses: frozenset[int]) -> Cause:
        """Send the witness once more, by the request that is kept for it: what it says must not depend on what came before."""
        again = self._tries.confirm(cause.witness.request.body)
        return fickle(cause.witness, again) if again.status in statuses else cause

    # ------------------------------------------------------------------------------------------- a valid body is refused

    def valid(self, value: Value, how: Spelling | None, body: bytes, first: Exchange) -> Cause | None:
        """Return why a valid body was refused; ``how`` is its spelling if it is known, ``body`` its bytes."""
        again = self._tries.ask(body)
        if again.status == 202:
            return fickle(first, again)
        self._tries.smallest = value, again
        try:
            if body != value.plain():
                plain = self._tries.refused(value)
                if plain is None:
                    return self._verified(self._spelling(self._tries.fresh(value), how, again), _ACCEPTED)
            return self._verified(self._members(value), _ACCEPTED)
        except Spent:
            smallest, exchange = self._tries.smallest
            requirement = (
                "CAR-MESSAGE-TEXT" if smallest.message is not None else "CAR-IDS-RANGE" if len(smallest.ids) > 1 else "CAR-OP-ACCEPTS"
            )
            return self._verified(self._tries.cause(requirement, exchange, "not narrowed further", lambda _value, _how: False), _ACCEPTED)

    def _members(self, value: Value) -> Cause:
        if refused := self._tries.refused(Value(value.ids)):
            return self._ids(Value(value.ids), refused)
        one = self._tries.fresh(value, 1)
        if value.message is not None and (refused := self._tries.refused(Value(one.ids, value.message))):
            return cause_in_message(self._tries, value.message, Value(one.ids), refused)
        execution, completion = value.execution, value.completion
        one = self._tries.fresh(one)
        if (execution or completion) and (refused := self._tries.refused(Value(one.ids, None, execution, completion))):
            return self._statuses(Value(one.ids, None, execution, completion), refused)
        if value.message is not None and (execution or completion):
            one = self._tries.fresh(one)
            both = Value(one.ids, value.message, execution, completion)
            if refused := self._tries.refused(both):
                plain = self._tries.refused(msgspec.structs.replace(both, message="Closed."))
                if plain is None:
                    return cause_in_message(self._tries, value.message, Value(one.ids, None, execution, completion), refused)
                return self._statuses(msgspec.structs.replace(both, message="Closed."), plain)
        return self._status_beside_many(value) or self._count(value)

    def _status_beside_many(self, value: Value) -> Cause | None:
        """Return the cause if one status, right beside one id, is refused beside so many; None if none is."""
        count = len(value.ids)
        for name, requirement, text, alone in _statuses_of(self._tries.fresh(value)):
            if count > 1 and text and (refused := self._tries.refused(alone)):
                words = f"{name} {text} beside {count} ids is refused"
                return self._tries.cause(requirement, refused, words, _uses(text), f"{name}: {text} added")
        return None

    def _ids(self, value: Value, refused: Exchange) -> Cause:
        count = len(value.ids)
        others = self._tries.refused(self._tries.fresh(value))
        if others is not None:
            if count == 1:
                return self._tries.cause("CAR-OP-ACCEPTS", others, "with any id", lambda other, _: len(other.ids) == 1)
            return self._count(value)
        low, high = 0, count
        witness, listed = refused, value.ids
        while high - low > 1:
            middle = (low + high) // 2
            part = Value(value.ids[low:middle])
            found = self._tries.refused(part)
            low, high = (low, middle) if found else (middle, high)
            if found:
                witness, listed = found, part.ids
        guilty = value.ids[low]
        if len(listed) > 1 and (found := self._tries.refused(Value((guilty,)))):
            witness, listed = found, (guilty,)
        requirement = "CAR-OP-ACCEPTS" if len(listed) == 1 else "CAR-IDS-RANGE"
        return self._tries.cause(
            requirement, witness, f"it refuses the id {guilty}, and takes others", lambda other, _: guilty in other.ids
        )

    def _count(self, value: Value) -> Cause:
        """Find the smallest count of ids that is refused; one id is accepted."""
        low, high, count = 1, len(value.ids), len(value.ids)
        witness = self._tries.smallest[1] if self._tries.smallest else None
        try:
            while high - low > 1:
                middle = (low + high) // 2
                found = self._tries.refused(self._tries.fresh(value, middle))
                low, high = (low, middle) if found else (middle, high)
                witness = found or witness
            most = self._tries.refused(self._tries.fresh(value, random_bodies.MOST_IDS)) is not None
        except Spent:
            most = False
        if witness is None:
            raise Spent
        beside = " beside these members" if value.message or value.execution or value.completion else ""
        return self._tries.cause(
            "CAR-IDS-RANGE",
            witness,
            threshold(low, high, "ids", most=most) + beside,
            lambda other, _: high <= len(other.ids) and (most or len(other.ids) <= count),
            f"accessRequestIds: {high} ids instead of {low}",
        )

    def _statuses(self, value: Value, refused: Exchange) -> Cause:
        execution, completion = value.execution, value.completion
        given = [one for one in _statuses_of(value) if one[2]]
        for name, requirement, text, alone in given:
            found = refused if len(given) == 1 and value.message is None else self._tries.refused(self._tries.fresh(alone))
            if found is not None:
                return self._tries.cause(
                    requirement, found, f"{name} {text} alone is refused",
                    _uses(text or ""), f"{name}: {text} added",
                )  # fmt: skip
        for missing, requirement, default in (
            ("execution", "CAR-EXECUTION-OPTIONAL", "Terminated"),
            ("completion", "CAR-COMPLETION-OPTIONAL", "Failure"),
        ):
            if getattr(value, missing) is not None:
                continue
            if self._tries.refused(msgspec.structs.replace(self._tries.fresh(value), **{missing: default})) is None:
                words = f"it takes the same with {missing}Status {default}"
                return self._tries.cause(requirement, refused, words, _lacks(missing), f"{missing}Status left out")
        words = " with ".join(text for text in (execution, completion) if text)
        beside = " beside a message" if value.message is not None else ""
        return self._tries.cause(
            "CAR-STATUS-COMBINATIONS", refused, f"it refuses {words}{beside}",
            lambda other, _: (other.execution, other.completion) == (execution, completion), f"{words} added{beside}",
        )  # fmt: skip

    # -- spellings

    def _spelling(self, value: Value, how: Spelling | None, witness: Exchange) -> Cause:
        base = self._tries.accepted
        if how is not None:
            with contextlib.suppress(Spent):
                how, witness = self._plainer(value, how, witness)
            base = self._tries.accepted
        features = how.features if how else {}
        words = ", ".join(features.values()) or "another spelling"
        finding = Finding("the answer to the same value in its plainest spelling: 202", witness.got(), change=f"spelled otherwise: {words}")
        kept = frozenset(features)
        explains = lambda _value, other: other is not None and kept <= set(other.features)  # noqa: E731 - one predicate among many
        return Cause("CAR-BODY-JSON-FORMS", finding, witness, base, explains)

    def _plainer(self, value: Value, how: Spelling, witness: Exchange) -> tuple[Spelling, Exchange]:
        """Take away what is not needed: ids, members, then one feature of the spelling after another."""

        def tried(smaller: Value, plainer: Spelling) -> bool:
            nonlocal value, how, witness
            exchange = self._tries.ask(random_bodies.spelled(self._tries.fresh(smaller), plainer))
            if exchange.status == 202:
                self._tries.accepted = exchange
                return False
            value, how, witness = smaller, plainer, exchange
            return True

        for name in list(how.features):
            if len(how.features) > 1:
                tried(value, how.without(name))
        if len(value.ids) > 1:
            tried(self._tries.fresh(value, 1), how)
        for member in ("message", "execution", "completion"):
            if getattr(value, member) is not None:
                tried(msgspec.structs.replace(value, **{member: None}), how)
        return how, witness

    # ---------------------------------------------------------------------------------------- an invalid body is accepted

    def invalid(self, edit: Edit, first: Exchange) -> Cause | None:
        """Return what of an invalid body was wrongly answered; None if the base of the edit is refused as well."""
        again = self._tries.ask(edit.body)
        if again.status in edit.statuses:
            return fickle(first, again)
        if again.status in {0, 429, *GATEWAY} or self._tries.refused(self._tries.fresh(edit.base)) is not None:
            return None
        with contextlib.suppress(Spent):
            edit, again = self._reduced(edit, again)
        finding = Finding(REFUSED.text, again.got(), change=edit.change)
        explains = lambda _value, _how: False  # noqa: E731 - an edit explains edits, which are known by their requirement
        return self._verified(Cause(edit.requirement, finding, again, self._tries.accepted, explains), edit.statuses)

    def unnamed(self, requirement: str, body: bytes, statuses: frozenset[int], first: Exchange) -> Cause | None:
        """Return the finding on an invalid body of which no edit is known."""
        again = self._tries.ask(body)
        if again.status in statuses:
            return fickle(first, again)
        finding = Finding(REFUSED.text, again.got())
        return Cause(requirement, finding, again)

    def _reduced(self, edit: Edit, witness: Exchange) -> tuple[Edit, Exchange]:
        """Make the same edit on the smallest base, or on a smaller one."""
        if edit.requirement == "CAR-IDS-MAX":
            low, high = random_bodies.MOST_IDS, edit.many
            while high - low > 1:
                middle = low + 1 if low == random_bodies.MOST_IDS else (low + high) // 2
                smaller = random_edits.too_many(self._tries.rng, Value(()), middle)
                exchange = self._tries.ask(smaller.body)
                if exchange.status in smaller.statuses:
                    low = middle
                    continue
                high, edit, witness = middle, smaller, exchange
            return edit, witness
        for smaller in edit.smaller():
            exchange = self._tries.ask(smaller.body)
            if exchange.status not in smaller.statuses:
                return smaller, exchange
        return edit, witness


def _statuses_of(value: Value) -> list[tuple[str, str, str | None, Value]]:
    """Return (member, requirement, text, the value with nothing else but its ids) for each of the two statuses."""
    return [
        ("executionStatus", "CAR-EXECUTION-VALUES", value.execution, Value(value.ids, None, value.execution)),
        ("completionStatus", "CAR-COMPLETION-VALUES", value.completion, Value(value.ids, None, None, value.completion)),
    ]


def _lacks(member: str) -> Explains:
    """Return the predicate of bodies without a member."""
    return lambda value, _: getattr(value, member) is None


def _uses(status: str) -> Explains:
    """Return the predicate of bodies that have one of their statuses so."""
    return lambda value, _: status in {value.execution, value.completion}
