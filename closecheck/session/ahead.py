"""
Cases sent ahead: as many at once as the run allows, answered in the order of the cases.

One thread does it. What comes of each case is handed back at once; nothing is recorded, remembered or judged here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from closecheck.contract.cases import Case, Draft
from closecheck.http.connection import Reply
from closecheck.http.pace import Gate
from closecheck.http.request_bytes import serialise
from closecheck.http.transport import Lane, Transport
from closecheck.model import Request
from closecheck.model.errors import Untested
from closecheck.session.budget import Budget
from closecheck.session.client import Client, needs_own_connection
from closecheck.session.conversation import Conversation
from closecheck.session.ids import IdPolicy
from closecheck.session.patience import Patience
from closecheck.session.request_builder import RequestBuilder

Brought = tuple[Conversation, list[str]] | Untested
"""The conversation and the ids of a case that was sent, or why it could not be."""


@dataclasses.dataclass
class _Flight:
    """A case on its way; ``opening`` is how often the gate had opened when it was sent."""

    case: Case
    ids: list[str]
    request: Request
    lane: Lane
    opening: int
    close: Callable[[], None]
    """Closes the connection that was opened for it alone, if there is one."""
    reply: Reply | None = None


class Ahead:
    """
    Sends cases ahead, ``width`` of them in flight.

    ``is_doubtful`` tells whether a reply must be asked for again with nothing else in flight.
    """

    def __init__(
        self,
        transport: Transport,
        gate: Gate,
        patience: Patience,
        client: Client,
        budget: Budget,
        builder: RequestBuilder,
        ids: IdPolicy,
        width: int,
        is_doubtful: Callable[[Reply, Draft], bool],
    ) -> None:
        self._transport = transport
        self._gate = gate
        self._patience = patience
        self._client = client
        self._budget = budget
        self._builder = builder
        self._ids = ids
        self._width = width
        self._is_doubtful = is_doubtful

    def send(self, cases: Iterable[Case], brought: Callable[[Case, Brought], None]) -> None:
        """
        Send cases, as many at once as the run allows, and hand over what they brought in the order of the cases.

        One thread does it: while an answer is judged the other requests are on their way. What is no plain answer is asked for
        again, patiently, with nothing else in flight.
        """
        queue = deque(cases)
        with self._transport.lanes(self._width) as ring:
            turns = itertools.cycle(ring)
            while queue:
                self._fly_until_asked(self._ready(queue, brought), brought, turns, len(ring))

    def _fly_until_asked(
        self, ready: Iterator[tuple[Case, list[str], Request]], brought: Callable[[Case, Brought], None], turns: Iterator[Lane], width: int
    ) -> None:
        waiting = next(ready, None)
        while waiting is not None:
            flying: deque[_Flight] = deque()
            aside: list[tuple[_Flight, Reply]] = []
            with self._gate.flights() as may_follow:
                while flying or (waiting is not None and not aside):
                    if waiting is not None and not aside and len(flying) < width and may_follow(len(flying)):
                        flying.append(self._begun(*waiting, next(turns)))
                        waiting = next(ready, None)
                        continue
                    while (reply := flying[0].reply) is None:
                        self._land([flight for flight in flying if flight.reply is None])
                    flight = flying.popleft()
                    if (
                        aside
                        or self._may_be_load(reply)
                        or _extraordinary(reply, flight.case.request.caller)
                        or self._is_doubtful(reply, flight.case.request)
                    ):
                        aside.append((flight, reply))
                    else:
                        brought(flight.case, (Conversation(flight.request, [(reply, True)]), flight.ids))
            for flight, reply in aside:
                try:
                    conversation = self._client.converse(flight.request, flight.case.request, None, first=(reply, flight.opening))
                except Untested as untested:
                    brought(flight.case, untested)
                else:
                    brought(flight.case, (conversation, flight.ids))

    def _land(self, flying: Sequence[_Flight]) -> None:
        """Read what has arrived, as it arrives: no answer is taken for slow because one that was asked for before it is."""
        there = self._transport.landing([flight.lane for flight in flying])
        for flight in flying:
            if flight.lane in there:
                flight.reply = flight.lane.land().reply
                self._patience.notice(flight.reply.response)
                flight.close()

    def _ready(self, queue: deque[Case], brought: Callable[[Case, Brought], None]) -> Iterator[tuple[Case, list[str], Request]]:
        """
        Take from a queue, and yield, each case that can be sent, with its ids and its request.

        It ends before one for which a source of ids must be asked, unless that is the first: what is asked may have to be sent
        alone, which it could never be while the others are on their way.
        """
        first = True
        while queue and (first or not self._ids.must_ask(queue[0])):
            first = False
            case = queue.popleft()
            try:
                self._client.check()
                self._patience.check()
                ids = self._ids.for_case(case)
                request = self._builder.build(case.request, ids)
                self._budget.spend()
            except Untested as untested:
                brought(case, untested)
            else:
                yield case, ids, request

    def _begun(self, case: Case, ids: list[str], request: Request, lane: Lane) -> _Flight:
        """Send the request of a case, on a connection of its own where it needs one."""
        own = contextlib.ExitStack()
        if needs_own_connection(case.request):
            lane = own.enter_context(self._transport.lane())
        flight = _Flight(case, ids, request, lane, self._gate.openings, own.close)
        lane.begin(serialise(request), headless=request.method == "HEAD")
        return flight

    def _may_be_load(self, reply: Reply) -> bool:
        return reply.response is not None and self._client.suspects(reply.response)


def _extraordinary(reply: Reply, caller: str) -> bool:
    """Tell whether a reply is no plain answer that counts at once."""
    status = reply.response.status if reply.response is not None else 0
    return reply.failure is not None or reply.idled or status in {0, 429} or (status == 401 and caller == "authorized")
