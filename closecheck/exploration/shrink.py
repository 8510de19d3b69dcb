"""
From an unexpected answer to the smallest request that gets it, in at most 15 requests, and to the requirement that is to blame.

Hypothesis' own shrinker needs hundreds of requests for a list; halving a list, or a text, needs ten and names the threshold.
Valid bodies are tried with new ids each time: a request that was accepted may have closed its ids.
"""

from __future__ import annotations

import contextlib
import dataclasses
import unicodedata
from collections.abc import Callable
from random import Random
from typing import Final

import msgspec

from closecheck.contract import random_bodies, random_edits
from closecheck.contract.cases import ACCEPTED, REFUSED
from closecheck.contract.random_bodies import Spelling, Value
from closecheck.contract.random_edits import Edit
from closecheck.judging.exchange import Exchange
from closecheck.model import Finding
from closecheck.session.load import GATEWAY

MOST_REQUESTS: Final = 15
"""Requests that one finding may cost, the confirmation included."""

_ACCEPTED: Final = frozenset({202})

Ask = Callable[[bytes], Exchange]
"""Sends a body and returns its exchange."""


class Spent(Exception):
    """The requests that a finding may cost are used up."""


@dataclasses.dataclass(frozen=True)
class Cause:
    """What was found: the requirement, the finding, its witness, an accepted exchange beside it, and what else it explains."""

    requirement: str
    finding: Finding
    witness: Exchange
    base: Exchange | None = None
    explains: Callable[[Value, Spelling | None], bool] = lambda _value, _how: False


def fickle(among: Exchange, alone: Exchange, where: str = "among others") -> Cause:
    """Return the cause of an answer that another request, or the time, has changed."""
    finding = Finding(
        f"the answer that the same request gets alone: {alone.got()}", f"{among.got()}, {where}", change=f"sent {where}, instead of alone"
    )
    return Cause("CAR-OP-INDEPENDENT", finding, among, alone)


class Shrinker:
    """Narrows one unexpected answer down; ``ask`` sends a body."""

    def __init__(self, ask: Ask, rng: Random) -> None:
        self._send = ask
        self._rng = rng
        self.requests = 0
        self._accepted: Exchange | None = None
        self._best: tuple[Value, Exchange] | None = None

    def _ask(self, body: bytes) -> Exchange:
        if self.requests >= MOST_REQUESTS - 1:
            raise Spent
        self.requests += 1
        return self._send(body)

    def _verified(self, cause: Cause, statuses: frozenset[int]) -> Cause:
        """Send the witness once more, by the request that is kept for it: what it says must not depend on what came before."""
        self.requests += 1
        again = self._send(cause.witness.request.body)
        return fickle(cause.witness, again) if again.status in statuses else cause

    def _refused(self, value: Value) -> Exchange | None:
        """Return the exchange of a body that is refused; None if it is accepted, as it must be."""
        exchange = self._ask(value.plain())
        if exchange.status == 202:
            self._accepted = exchange
            return None
        if exchange.status in {0, 429, *GATEWAY}:
            raise Spent
        self._best = value, exchange
        return exchange

    def _fresh(self, value: Value, count: int = 0) -> Value:
        return msgspec.structs.replace(value, ids=random_bodies.ids(self._rng, count or len(value.ids)))

    # ------------------------------------------------------------------------------------------- a valid body is refused

    def valid(self, value: Value, how: Spelling | None, body: bytes, first: Exchange) -> Cause | None:
        """Return why a valid body was refused; ``how`` is its spelling if it is known, ``body`` its bytes."""
        again = self._ask(body)
        if again.status == 202:
            return fickle(first, again)
        self._best = value, again
        try:
            if body != value.plain():
                plain = self._refused(value)
                if plain is None:
                    return self._verified(self._spelling(self._fresh(value), how, again), _ACCEPTED)
            return self._verified(self._members(value), _ACCEPTED)
        except Spent:
            smallest, exchange = self._best
            requirement = (
                "CAR-MESSAGE-TEXT" if smallest.message is not None else "CAR-IDS-RANGE" if len(smallest.ids) > 1 else "CAR-OP-ACCEPTS"
            )
            return self._verified(self._cause(requirement, exchange, "not narrowed further", lambda _value, _how: False), _ACCEPTED)

    def _members(self, value: Value) -> Cause:
        if refused := self._refused(Value(value.ids)):
            return self._ids(Value(value.ids), refused)
        one = self._fresh(value, 1)
        if value.message is not None and (refused := self._refused(Value(one.ids, value.message))):
            return self._message(value.message, Value(one.ids), refused)
        execution, completion = value.execution, value.completion
        one = self._fresh(one)
        if (execution or completion) and (refused := self._refused(Value(one.ids, None, execution, completion))):
            return self._statuses(Value(one.ids, None, execution, completion), refused)
        if value.message is not None and (execution or completion):
            one = self._fresh(one)
            both = Value(one.ids, value.message, execution, completion)
            if refused := self._refused(both):
                plain = self._refused(msgspec.structs.replace(both, message="Closed."))
                if plain is None:
                    return self._message(value.message, Value(one.ids, None, execution, completion), refused)
                return self._statuses(msgspec.structs.replace(both, message="Closed."), plain)
        return self._status_beside_many(value) or self._count(value)

    def _status_beside_many(self, value: Value) -> Cause | None:
        """Return the cause if one status, right beside one id, is refused beside so many; None if none is."""
        count = len(value.ids)
        for name, requirement, text, alone in _statuses_of(self._fresh(value)):
            if count > 1 and text and (refused := self._refused(alone)):
                words = f"{name} {text} beside {count} ids is refused"
                return self._cause(requirement, refused, words, _uses(text), f"{name}: {text} added")
        return None

    def _cause(
        self, requirement: str, witness: Exchange, words: str, explains: Callable[[Value, Spelling | None], bool], change: str = ""
    ) -> Cause:
        got = f"{witness.got()}; {words}"
        return Cause(requirement, Finding(ACCEPTED.text, got, change=change), witness, self._accepted, explains)

    def _ids(self, value: Value, refused: Exchange) -> Cause:
        count = len(value.ids)
        others = self._refused(self._fresh(value))
        if others is not None:
            if count == 1:
                return self._cause("CAR-OP-ACCEPTS", others, "with any id", lambda other, _: len(other.ids) == 1)
            return self._count(value)
        low, high = 0, count
        witness, listed = refused, value.ids
        while high - low > 1:
            middle = (low + high) // 2
            part = Value(value.ids[low:middle])
            found = self._refused(part)
            low, high = (low, middle) if found else (middle, high)
            if found:
                witness, listed = found, part.ids
        guilty = value.ids[low]
        if len(listed) > 1 and (found := self._refused(Value((guilty,)))):
            witness, listed = found, (guilty,)
        requirement = "CAR-OP-ACCEPTS" if len(listed) == 1 else "CAR-IDS-RANGE"
        return self._cause(requirement, witness, f"it refuses the id {guilty}, and takes others", lambda other, _: guilty in other.ids)

    def _count(self, value: Value) -> Cause:
        """Find the smallest count of ids that is refused; one id is accepted."""
        low, high, count = 1, len(value.ids), len(value.ids)
        witness = self._best[1] if self._best else None
        try:
            while high - low > 1:
                middle = (low + high) // 2
                found = self._refused(self._fresh(value, middle))
                low, high = (low, middle) if found else (middle, high)
                witness = found or witness
            most = self._refused(self._fresh(value, random_bodies.MOST_IDS)) is not None
        except Spent:
            most = False
        if witness is None:
            raise Spent
        beside = " beside these members" if value.message or value.execution or value.completion else ""
        return self._cause(
            "CAR-IDS-RANGE",
            witness,
            _threshold(low, high, "ids", most=most) + beside,
            lambda other, _: high <= len(other.ids) and (most or len(other.ids) <= count),
            f"accessRequestIds: {high} ids instead of {low}",
        )

    def _statuses(self, value: Value, refused: Exchange) -> Cause:
        execution, completion = value.execution, value.completion
        given = [one for one in _statuses_of(value) if one[2]]
        for name, requirement, text, alone in given:
            found = refused if len(given) == 1 and value.message is None else self._refused(self._fresh(alone))
            if found is not None:
                return self._cause(
                    requirement, found, f"{name} {text} alone is refused",
                    _uses(text or ""), f"{name}: {text} added",
                )  # fmt: skip
        for missing, requirement, default in (
            ("execution", "CAR-EXECUTION-OPTIONAL", "Terminated"),
            ("completion", "CAR-COMPLETION-OPTIONAL", "Failure"),
        ):
            if getattr(value, missing) is None and self._refused(msgspec.structs.replace(self._fresh(value), **{missing: default})) is None:
                words = f"it takes the same with {missing}Status {default}"
                return self._cause(requirement, refused, words, _lacks(missing), f"{missing}Status left out")
        words = " with ".join(text for text in (execution, completion) if text)
        beside = " beside a message" if value.message is not None else ""
        return self._cause(
            "CAR-STATUS-COMBINATIONS", refused, f"it refuses {words}{beside}",
            lambda other, _: (other.execution, other.completion) == (execution, completion), f"{words} added{beside}",
        )  # fmt: skip

    # -- messages

    def _message(self, text: str, rest: Value, refused: Exchange) -> Cause:
        length = len(text)
        if length > 1 and set(text) != {"a"} and (found := self._tried("a" * length, rest)):
            return self._length(length, rest, found)
        return self._content(text, rest, refused)

    def _tried(self, text: str, rest: Value) -> Exchange | None:
        return self._refused(msgspec.structs.replace(self._fresh(rest), message=text))

    def _length(self, length: int, rest: Value, witness: Exchange) -> Cause:
        low, high = 0, length
        while high - low > 1:
            middle = (low + high) // 2
            found = self._tried("a" * middle, rest)
            if found:
                high, witness = middle, found
            else:
                low = middle
        try:
            most = self._tried("a" * random_bodies.MOST_CHARACTERS, rest) is not None
        except Spent:
            most = False
        return self._cause(
            "CAR-MESSAGE-TEXT",
            witness,
            _threshold(low, high, "characters", most=most),
            lambda other, _: high <= len(other.message or "") and (most or len(other.message or "") <= length),
            f"message: {high} characters instead of {low}",
        )

    def _content(self, text: str, rest: Value, witness: Exchange) -> Cause:
        """Cut behind the first place where the text is refused, then before it."""
        smallest = text
        try:
            low, high = 0, len(text)
            while high - low > 1:
                middle = (low + high) // 2
                found = self._tried(_carried(text[:middle]), rest)
                if found:
                    high, witness, smallest = middle, found, _carried(text[:middle])
                else:
                    low = middle
            size = 1
            while size < high:
                part = _carried(text[high - size : high])
                if len(part) >= len(smallest):
                    break
                found = self._tried(part, rest)
                if found:
                    witness, smallest = found, part
                    break
                size *= 2
            low = size // 2
            while smallest == _carried(text[high - size : high]) and size - low > 1:
                middle = (low + size) // 2
                part = _carried(text[high - middle : high])
                found = self._tried(part, rest)
                if found:
                    size, witness, smallest = middle, found, part
                else:
                    low = middle
        except Spent:
            pass
        return self._cause(
            "CAR-MESSAGE-TEXT",
            witness,
            f"it refuses {_named(smallest)}",
            lambda other, _: smallest in (other.message or ""),
            f"message: {_named(smallest)}",
        )

    # -- spellings

    def _spelling(self, value: Value, how: Spelling | None, witness: Exchange) -> Cause:
        base = self._accepted
        if how is not None:
            with contextlib.suppress(Spent):
                how, witness = self._plainer(value, how, witness)
            base = self._accepted
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
            exchange = self._ask(random_bodies.spelled(self._fresh(smaller), plainer))
            if exchange.status == 202:
                self._accepted = exchange
                return False
            value, how, witness = smaller, plainer, exchange
            return True

        for name in list(how.features):
            if len(how.features) > 1:
                tried(value, how.without(name))
        if len(value.ids) > 1:
            tried(self._fresh(value, 1), how)
        for member in ("message", "execution", "completion"):
            if getattr(value, member) is not None:
                tried(msgspec.structs.replace(value, **{member: None}), how)
        return how, witness

    # ---------------------------------------------------------------------------------------- an invalid body is accepted

    def invalid(self, edit: Edit, first: Exchange) -> Cause | None:
        """Return what of an invalid body was wrongly answered; None if the base of the edit is refused as well."""
        again = self._ask(edit.body)
        if again.status in edit.statuses:
            return fickle(first, again)
        if again.status in {0, 429, *GATEWAY} or self._refused(self._fresh(edit.base)) is not None:
            return None
        with contextlib.suppress(Spent):
            edit, again = self._reduced(edit, again)
        finding = Finding(REFUSED.text, again.got(), change=edit.change)
        explains = lambda _value, _how: False  # noqa: E731 - an edit explains edits, which are told by their requirement
        return self._verified(Cause(edit.requirement, finding, again, self._accepted, explains), edit.statuses)

    def unnamed(self, requirement: str, body: bytes, statuses: frozenset[int], first: Exchange) -> Cause | None:
        """Return the finding on an invalid body of which no edit is known."""
        again = self._ask(body)
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
                smaller = random_edits.too_many(self._rng, Value(()), middle)
                exchange = self._ask(smaller.body)
                if exchange.status in smaller.statuses:
                    low = middle
                    continue
                high, edit, witness = middle, smaller, exchange
            return edit, witness
        for smaller in edit.smaller():
            exchange = self._ask(smaller.body)
            if exchange.status not in smaller.statuses:
                return smaller, exchange
        return edit, witness


def _threshold(low: int, high: int, what: str, *, most: bool) -> str:
    """Return a threshold in words; ``most`` says that the largest size of all is refused as well."""
    return f"it accepts at most {low} {what}" if most else f"it accepts {low} {what}, and refuses {high}"


def _statuses_of(value: Value) -> list[tuple[str, str, str | None, Value]]:
    """Return (member, requirement, text, the value with nothing else but its ids) for each of the two statuses."""
    return [
        ("executionStatus", "CAR-EXECUTION-VALUES", value.execution, Value(value.ids, None, value.execution)),
        ("completionStatus", "CAR-COMPLETION-VALUES", value.completion, Value(value.ids, None, None, value.completion)),
    ]


def _lacks(member: str) -> Callable[[Value, Spelling | None], bool]:
    """Return the predicate of bodies without a member."""
    return lambda value, _: getattr(value, member) is None


def _uses(status: str) -> Callable[[Value, Spelling | None], bool]:
    """Return the predicate of bodies that have one of their statuses so."""
    return lambda value, _: status in {value.execution, value.completion}


def _carried(text: str) -> str:
    """Return a part of an ordinary message as an ordinary message."""
    return text if random_bodies.ordinary(text) else f"x{text}"


def _named(text: str) -> str:
    """Return a message as people read it: a character by its code and name, a text in quotes."""
    if len(text) == 1 or (len(text) == 2 and text[0] == "x"):
        return f"U+{ord(text[-1]):04X} {unicodedata.name(text[-1], '')}".rstrip()
    return f'"{text}"' if len(text) <= 60 else f'"{text[:59]}…"'
