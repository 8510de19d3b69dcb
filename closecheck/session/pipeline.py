"""
The wire side of exploration: many bodies over a few kept connections, every answer judged, few exchanges kept.

Requests are sent ahead: while one answer is judged and the next body is made, the others are on their way. Answers are read in the
order of the requests, so that two runs of one seed tell the same story. What most answers have in common is judged once (the
session's clauses know how); an :class:`~closecheck.judging.exchange.Exchange` is made only where one is looked at or recorded. What is
out of the ordinary (no answer, 429, a token that has expired) is settled the session's patient way, with nothing else in flight.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

import msgspec

from closecheck.contract.cases import Draft, Raw
from closecheck.http.connection import Landing
from closecheck.http.pace import Gate
from closecheck.http.request_bytes import serialise
from closecheck.http.transport import Lane, Transport
from closecheck.judging.exchange import Exchange
from closecheck.model import Request
from closecheck.session.budget import Budget
from closecheck.session.journal import Journal
from closecheck.session.learned import Learned
from closecheck.session.load import GATEWAY
from closecheck.session.needs import Tokens
from closecheck.session.patience import Patience
from closecheck.session.request_builder import RequestBuilder
from closecheck.session.sender import Sender

_DRAFT: Final = Draft(body=Raw(b""))
"""An explored request but for its body: that is bytes already, in which nothing stands for ids."""
_SAMPLED: Final = (20, 500)
"""Of the explored exchanges so many first ones are recorded, and then one in so many."""
_LENGTH: Final = "Content-Length"
_TOO_MANY: Final = 429
_ASKED_AGAIN: Final = GATEWAY | {_TOO_MANY}
"""Statuses that a limit answers, whatever the body."""


class Attempt(msgspec.Struct, frozen=True):
    """A body to send: what the exchange is called, and the statuses that are no surprise."""

    body: bytes
    name: str
    statuses: frozenset[int]


S = TypeVar("S", bound=Attempt)


class _Head:
    """The request of an exploration, written once: only the length and the body differ."""

    def __init__(self, request: Request) -> None:
        self._request = request
        headers = [(name, "?" if name == _LENGTH else value) for name, value in request.headers]
        before, _, after = serialise(msgspec.structs.replace(request, headers=tuple(headers))).partition(f"{_LENGTH}: ?".encode())
        self._before = before + f"{_LENGTH}: ".encode()
        self._after = after

    def written(self, body: bytes) -> bytes:
        """Return the bytes of the request with a body."""
        return b"%b%d%b%b" % (self._before, len(body), self._after, body)

    def request(self, body: bytes) -> Request:
        """Return the request with a body."""
        size = str(len(body))
        headers = tuple((name, size if name == _LENGTH else value) for name, value in self._request.headers)
        return Request(self._request.method, self._request.target, headers, body)


class Pipeline:
    """Sends the bodies of an exploration, ``width`` of them in flight, within the limits of the run and into its records."""

    def __init__(
        self,
        transport: Transport,
        gate: Gate,
        patience: Patience,
        budget: Budget,
        tokens: Tokens,
        builder: RequestBuilder,
        journal: Journal,
        sender: Sender,
        learned: Learned,
        width: int,
    ) -> None:
        self._transport = transport
        self._gate = gate
        self._patience = patience
        self._budget = budget
        self._tokens = tokens
        self._builder = builder
        self._journal = journal
        self._sender = sender
        self._learned = learned
        self._width = width
        self._glimpses = 0

    def ask(self, attempt: Attempt, lane: Lane | None = None) -> Exchange:
        """
        Send one body, on a lane if one is given; return its exchange, whatever came back.

        Raises:
            Untested: as in :meth:`Sender.send`.

        """
        # With no status expected every answer is a surprise.
        surprise = Attempt(attempt.body, attempt.name, frozenset())
        found = [exchange for _, exchange in self.send_all([surprise], [lane] if lane else None)]
        if found[0] is None:
            raise AssertionError(attempt.name)
        return found[0]

    def send_all(self, attempts: Iterable[S], lanes: Sequence[Lane] | None = None) -> Iterator[tuple[S, Exchange | None]]:
        """
        Send bodies, as many at once as the run allows, or by turns on lanes, never two at once on one.

        Yields each attempt, in order, with its exchange where the status is a surprise. An attempt is taken when it can be sent.
        Every clause judges each answer. Recorded are those that break one, and a sample.

        Raises:
            Untested: as in :meth:`Sender.send`.

        """
        queue = iter(attempts)
        waiting = next(queue, None)
        with contextlib.ExitStack() as stack:
            ring = lanes or stack.enter_context(self._transport.lanes(self._width))
            turns = itertools.cycle(ring)
            while waiting is not None:
                head = _Head(self._builder.build(_DRAFT, []))
                flying: deque[tuple[S, Lane, int]] = deque()
                aside: list[tuple[S, Lane, int, Landing]] = []
                with self._gate.flights() as may_follow:
                    self._patience.check()
                    while flying or (waiting is not None and not aside):
                        if waiting is not None and not aside and len(flying) < len(ring) and may_follow(len(flying)):
                            lane = next(turns)
                            lane.begin(head.written(waiting.body))
                            flying.append((waiting, lane, self._gate.openings))
                            waiting = next(queue, None)
                            continue
                        attempt, lane, opening = flying.popleft()
                        landing = lane.land()
                        if landing.head is not None and landing.head.status == _TOO_MANY and landing.failure is None:
                            self._patience.notice(landing.reply.response)
                        if aside or self._extraordinary(landing):
                            aside.append((attempt, lane, opening, landing))
                        else:
                            yield attempt, self._glimpsed(attempt, head, landing)
                for attempt, lane, opening, landing in aside:
                    if self._extraordinary(landing):
                        yield attempt, self._settled(attempt, head, landing, lane if lanes else None, opening)
                    else:
                        yield attempt, self._glimpsed(attempt, head, landing)

    @staticmethod
    def _crossed(landing: Landing) -> bool:
        """Tell whether a landing is a 408 to a connection that had been idle, which crossed the request."""
        return landing.failure is None and landing.head is not None and landing.head.status == 408 and not landing.fresh

    def _extraordinary(self, landing: Landing) -> bool:
        """Tell whether a landing is no plain answer that counts."""
        if landing.failure is not None or landing.head is None:
            return True
        return self._crossed(landing) or landing.head.status in _ASKED_AGAIN or (landing.head.status == 401 and self._tokens.expired())

    def _glimpsed(self, attempt: Attempt, head: _Head, landing: Landing) -> Exchange | None:
        """Judge a plain answer; return its exchange if the status is a surprise."""
        self._patience.served()
        number = self._journal.number()
        self._budget.explored += 1
        self._glimpses += 1
        look = landing.head
        sampled = self._glimpses <= _SAMPLED[0] or self._glimpses % _SAMPLED[1] == 0
        surprise = look is None or look.status not in attempt.statuses
        if (
            look is not None
            and not (sampled or surprise or look.codings)
            and self._journal.clauses.hold(look, look.status, landing.body, number)
        ):
            return None
        exchange = self._judged(attempt, head, landing, number)
        if sampled:
            self._journal.keep_explored(exchange)
        return exchange if surprise else None

    def _judged(self, attempt: Attempt, head: _Head, landing: Landing, number: int) -> Exchange:
        """Judge an answer in full; keep its exchange if it breaks a clause."""
        reply = landing.reply
        exchange = Exchange(
            number,
            attempt.name,
            _DRAFT,
            head.request(attempt.body),
            reply.timing,
            reply.response,
            reply.failure,
            stands_for=self._learned.stands_for(reply.response),
        )
        for evidence in self._journal.clauses.judge(exchange, landing.head):
            self._journal.keep_explored(exchange)
            self._journal.record(evidence)
        return exchange

    def _settled(self, attempt: Attempt, head: _Head, landing: Landing, lane: Lane | None, opening: int) -> Exchange | None:
        """Send again, patiently, what got no answer that counts; return its exchange if the status is a surprise."""
        refused = landing.failure is None and landing.head is not None and landing.head.status in _ASKED_AGAIN
        if landing.failure.kind.received if landing.failure is not None else not (refused or self._crossed(landing)):
            # What was received is evidence, whatever comes of asking again.
            self._budget.explored += 1
            self._glimpses += 1
            self._journal.keep_explored(self._judged(attempt, head, landing, self._journal.number()))
        first = (landing.reply, opening) if refused else None
        exchange = self._sender.settle(attempt.name, _DRAFT, head.request(attempt.body), lane, first)
        return None if exchange.status in attempt.statuses else exchange
