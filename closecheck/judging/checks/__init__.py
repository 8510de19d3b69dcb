"""
Pure checks: an exchange in, rulings out. One module for each contract area.

:class:`Clauses` runs those that hold for every exchange of a run, each exchange once, and keeps what has to be compared
across exchanges: tracking ids, the default locale, the languages shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import Final

from closecheck.judging.checks import accepted, authorization, error_body, locales, rate_limit, statuses
from closecheck.judging.checks._ruling import Ruling
from closecheck.judging.checks.fast_path import FastPath
from closecheck.judging.exchange import Exchange
from closecheck.model import Evidence, Outcome, Tally

__all__ = ["EVERY_EXCHANGE", "Clauses", "Ruling"]

EVERY_EXCHANGE: Final = (
    "CAR-OP-ANSWERS", "CAR-OP-STATUS", "CAR-OP-NO-500", "CAR-OP-MEDIA-TYPE", "CAR-ACCEPTED-BODY", "CAR-ERROR-OBJECT",
    "CAR-ERROR-DETAIL-CODE", "CAR-ERROR-TRACKING-ID", "CAR-ERROR-MESSAGES", "CAR-ERROR-CAUSES", "CAR-ERROR-LOCALE",
    "CAR-ERROR-LOCALE-ORIGIN", "CAR-ERROR-TEXT", "CAR-ERROR-COMPLETE", "CAR-ERROR-COMPLETE-MESSAGES", "CAR-ERROR-NO-LEAK",
    "CAR-ERROR-LOCALE-TAG", "CAR-ERROR-LOCALE-DEFAULT", "CAR-AUTH-401-BODY", "CAR-AUTH-401-COMPLETE", "CAR-AUTH-CHALLENGE",
)  # fmt: skip
"""The clauses that every exchange of a run is held against, and that need no means of their own."""

_OF_ERRORS: Final = tuple(one for one in EVERY_EXCHANGE if one.startswith("CAR-ERROR-"))
_OF_BODIES: Final[dict[int, tuple[str, ...]]] = {
    202: ("CAR-ACCEPTED-BODY",),
    400: _OF_ERRORS,
    401: ("CAR-AUTH-401-BODY", "CAR-AUTH-401-COMPLETE"),
    403: _OF_ERRORS,
    429: ("CAR-RATE-BODY", "CAR-RATE-COMPLETE"),
    500: ("CAR-FAULT-BODY", *(one for one in _OF_ERRORS if one != "CAR-ERROR-OBJECT")),
}
"""The clauses that judge the body of an answer, beside CAR-OP-MEDIA-TYPE, by its status."""

MOST_OF_A_KIND: Final = 25
"""Findings of one clause that are kept with their exchanges; what comes after is the same again, and counted."""


class Clauses:
    """The clauses that hold for every exchange, with their memory. Not safe for threads: one judge sees all."""

    def __init__(self, documented: frozenset[int]) -> None:
        self._documented = documented
        self._locales = locales.Memory()
        self._tracking_ids = error_body.TrackingIds()
        self._fast_path = FastPath(self._tracking_ids)
        self._held: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()
        self.surplus: Counter[tuple[str, str]] = Counter()
        """How often a clause was broken beyond the evidence that was given, by requirement and case."""
        self._unread: set[str] = set()

    @property
    def languages(self) -> locales.Memory:
        """The languages that the target has shown."""
        return self._locales

    def hold(self, look: Hashable, status: int, body: bytes, number: int) -> bool:
        """
        Tell whether an answer keeps every clause because an equivalent one did; it is judged and counted then.

        ``look`` is as :class:`~closecheck.judging.checks.fast_path.FastPath` has it; ``body`` has no content coding.
        """
        return self._fast_path.same(look, status, body, number)

    def judge(self, exchange: Exchange, look: Hashable = None) -> Iterator[Evidence]:
        """
        Yield the evidence against the target in one exchange, and once for each clause that a body cannot be held against it.

        What held is counted. With a ``look`` an equivalent answer may be judged by the fast path afterwards.
        """
        rulings = list(self._rulings(exchange))
        if look is not None:
            self._fast_path.learn(look, exchange, rulings)
        for ruling in rulings:
            if ruling.finding is None:
                self._held[ruling.requirement] += 1
                continue
            self._broken[ruling.requirement] += 1
            if self._broken[ruling.requirement] > MOST_OF_A_KIND:
                self.surplus[ruling.requirement, exchange.case] += 1
            else:
                yield Evidence(
                    requirement=ruling.requirement,
                    outcome=Outcome.BROKEN,
                    case=exchange.case,
                    exchanges=(*ruling.others, exchange.number),
                    finding=ruling.finding,
                    since=ruling.since,
                )
        if exchange.unreadable and exchange.owes_body and exchange.meaning in _OF_BODIES:
            for requirement in ("CAR-OP-MEDIA-TYPE", *_OF_BODIES[exchange.meaning]):
                if requirement not in self._unread:
                    self._unread.add(requirement)
                    yield Evidence(requirement, Outcome.UNTESTED, exchange.case, exchanges=(exchange.number,), reason=exchange.unreadable)

    def held(self, requirement: str) -> int:
        """Return how many exchanges a clause judged and found held."""
        return self._held[requirement] + self._fast_path.held()[requirement]

    def tallies(self) -> Iterable[Tally]:
        """Return how many exchanges each clause judged and found held."""
        return [Tally(requirement, count) for requirement, count in sorted((self._held + self._fast_path.held()).items())]

    def _rulings(self, exchange: Exchange) -> Iterator[Ruling]:
        yield from statuses.check(exchange, self._documented)
        if exchange.response is None:
            return
        if exchange.status == 429:
            yield from rate_limit.check(exchange)
        if not exchange.judges_bodies:
            return
        yield from accepted.check(exchange)
        yield from authorization.check(exchange)
        yield from error_body.check(exchange)
        yield from self._tracking_ids.check(exchange)
        yield from self._locales.check(exchange)
