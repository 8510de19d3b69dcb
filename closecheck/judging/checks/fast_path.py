"""
The fast path of judging: an answer that is equivalent to one that passed is not checked again.

An answer whose like was held against every clause and kept them all need not be held against them again: it is counted with
the first. Two answers are alike if they are the same in every respect that a clause looks at. What differs from answer to
answer is looked at each time: that the body is JSON of the same shape, that no text in it betrays anything, that its
trackingId is new. Whatever is not plainly so is judged in full.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import Final

import msgspec

from closecheck.judging.checks._ruling import Ruling
from closecheck.judging.checks.error_body import TrackingIds, betrays
from closecheck.judging.exchange import Exchange

_ACCEPTED: Final = 202
_REFUSED: Final = frozenset({400, 403})
"""Together the statuses whose rulings follow from the answer alone: what was sent plays no part, unless a text betrays something."""
_OBJECT: Final = "a JSON object"
"""The one kind of a 202."""
_MOST_KNOWN: Final = 1024
_DIGITS: Final = re.compile(r"[0-9a-fA-F-]+").fullmatch
"""Knows most trackingIds; what has only these characters betrays nothing."""
_UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_UNIQUE: Final = "CAR-ERROR-TRACKING-ID-UNIQUE"


class _Message(msgspec.Struct, forbid_unknown_fields=True, rename="camel", gc=False):
    locale: str | None
    locale_origin: str | None
    text: str


class _Problem(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """An error object that lacks nothing and has nothing else: strangers among its members are judged in full."""

    detail_code: str
    tracking_id: str
    messages: list[_Message]
    causes: list[_Message] | msgspec.UnsetType = msgspec.UNSET


_decode: Final = msgspec.json.Decoder().decode
_decode_problem: Final = msgspec.json.Decoder(_Problem).decode


class _Known:
    """One kind of answer that kept every clause: what was ruled of it, and how often it came again."""

    __slots__ = ("again", "ruled")

    def __init__(self, ruled: Counter[str]) -> None:
        self.ruled = ruled
        self.again = 0


class FastPath:
    """
    What kinds of answers a run has seen that kept every clause.

    ``look`` stands for everything about an exchange but the two bodies: how the request was made otherwise, and all that the
    answer's status line and header section say that a clause looks at.
    """

    def __init__(self, tracking_ids: TrackingIds) -> None:
        self._tracking_ids = tracking_ids
        self._known: dict[Hashable, _Known] = {}
        self._harmless: set[str] = set()
        self._held: Counter[str] = Counter()

    def same(self, look: Hashable, status: int, body: bytes, number: int) -> bool:
        """
        Tell whether an answer is known to keep every clause; it is counted then.

        ``number`` is that of its exchange, also where it has to be judged in full.
        """
        if status == _ACCEPTED:
            known = self._known.get((look, _OBJECT))
            if known is None or not _is_object(body):
                return False
            known.again += 1
            return True
        problem = _problem(status, body)
        if problem is None:
            return False
        known = self._known.get((look, _kind(problem)))
        if known is None or not self._is_harmless(problem) or not self._tracking_ids.take(problem.tracking_id, number):
            return False
        known.again += 1
        self._held[_UNIQUE] += 1
        return True

    def learn(self, look: Hashable, exchange: Exchange, rulings: Iterable[Ruling]) -> None:
        """Remember what was ruled of an exchange, if the same must be ruled of every answer of its kind."""
        response = exchange.response
        if response is None or response.coding or not exchange.judges_bodies or exchange.provoked or exchange.accept_language is not None:
            return
        ruled: Counter[str] = Counter()
        for ruling in rulings:
            if ruling.finding is not None:
                return
            ruled[ruling.requirement] += 1
        del ruled[_UNIQUE]  # ruled anew each time
        kind: Hashable = _OBJECT
        if response.status != _ACCEPTED:
            problem = _problem(response.status, response.body)
            if problem is None or not self._is_harmless(problem) or any(map(betrays, _languages(problem))):
                return
            kind = _kind(problem)
        if len(self._known) >= _MOST_KNOWN:
            self.held()
            self._known.clear()
        self._known.setdefault((look, kind), _Known(ruled))

    def held(self) -> Counter[str]:
        """Return how often each clause was found held by the fast path."""
        for known in self._known.values():
            for requirement, times in known.ruled.items():
                self._held[requirement] += times * known.again
            known.again = 0
        return self._held

    def _is_harmless(self, problem: _Problem) -> bool:
        """Tell whether no text of an error betrays anything (CAR-ERROR-NO-LEAK), beside its languages."""
        texts = [problem.detail_code, *[one.text for one in problem.messages]]
        if problem.causes:
            texts += [one.text for one in problem.causes]
        for text in texts:
            if text not in self._harmless:
                if betrays(text):
                    return False
                if len(self._harmless) >= _MOST_KNOWN:
                    self._harmless.clear()
                self._harmless.add(text)
        tracking_id = problem.tracking_id
        return _DIGITS(tracking_id) is not None or not betrays(tracking_id)


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(_decode(body), dict)
    except _UNDECODABLE:
        return False


def _problem(status: int, body: bytes) -> _Problem | None:
    """Return an error object of the plainest shape; None for anything else."""
    if status not in _REFUSED:
        return None
    try:
        return _decode_problem(body)
    except _UNDECODABLE:
        return None


def _kind(problem: _Problem) -> Hashable:
    """Return what clauses look at in an error object, beside its texts and its trackingId."""
    causes = problem.causes
    return (
        tuple([(one.locale, one.locale_origin) for one in problem.messages]),
        None if causes is msgspec.UNSET else tuple([(one.locale, one.locale_origin) for one in causes]),
    )


def _languages(problem: _Problem) -> Iterator[str]:
    for one in (*problem.messages, *(problem.causes or ())):
        yield from filter(None, (one.locale, one.locale_origin))
