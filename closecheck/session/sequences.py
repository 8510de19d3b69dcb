"""
Many requests at a time, recorded in the order in which they are named: two runs of one seed tell the same story.

A thread sends each sequence; what it brought is recorded and judged by the thread that asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from closecheck.config.target_file import MOST_CONCURRENCY
from closecheck.contract.cases import Draft
from closecheck.http.pace import Gate
from closecheck.http.transport import Lane, Transport
from closecheck.judging.exchange import Exchange
from closecheck.model import Request
from closecheck.model.errors import Untested
from closecheck.session.client import Client
from closecheck.session.conversation import Conversation
from closecheck.session.needs import Plan
from closecheck.session.patience import Patience
from closecheck.session.request_builder import RequestBuilder
from closecheck.session.sender import Sender

BURST: Final = 16
"""Requests in flight in the one burst of a run (docs/evidence.md, 9)."""
Named = tuple[str, Draft, list[str]]
"""A request to send: its name, its draft and the ids that it names."""


class Sequences:
    """Sends sequences of requests, several at a time."""

    def __init__(
        self,
        plan: Plan,
        transport: Transport,
        gate: Gate,
        patience: Patience,
        client: Client,
        builder: RequestBuilder,
        sender: Sender,
    ) -> None:
        self._plan = plan
        self._transport = transport
        self._gate = gate
        self._patience = patience
        self._client = client
        self._builder = builder
        self._sender = sender

    def play(self, sequences: Sequence[Sequence[Named]]) -> list[list[Exchange]]:
        """
        Send sequences of requests, each on a connection of its own and in its order, several sequences at a time.

        The exchanges come, and are recorded, in the order of the sequences.

        Raises:
            Untested: as in :meth:`Sender.send`; what was sent is recorded.

        """
        return self._played(sequences, self._plan.concurrency, self._transport.lane)

    def send_all(self, drafts: Sequence[Named], width: int, *, patient: bool = True, hurried: bool = False) -> list[Exchange]:
        """
        Send requests with ``width`` of them in flight; the exchanges come in the order of the drafts.

        ``hurried``: whatever the pace that the target was found to let through; what it refuses then is sent again in that pace.

        Raises:
            Untested: as in :meth:`Sender.send`; what was sent is recorded.

        """
        sequences = [[one] for one in drafts]
        return [exchange for (exchange,) in self._played(sequences, width, contextlib.nullcontext, patient=patient, hurried=hurried)]

    def burst(self, drafts: Sequence[Named]) -> list[Exchange]:
        """
        Send 16 requests at the same moment, whatever the concurrency.

        Raises:
            Untested: the target file forbids it.

        """
        if not self._plan.burst:
            raise Untested("the target file forbids the burst of 16 requests", "burst: true")
        self._gate.spare(len(drafts))
        return self.send_all(drafts, BURST, hurried=True)

    def provoke_rate_limit(self, draft: Draft, ids: list[str], headers: Mapping[str, str]) -> None:
        """
        Provoke a 429 with the target file's headers, ask again without them as it says, and provoke a second one with the same bytes.

        The second is not waited out, unless the first left a doubt. After a wait that is too long for the run there is none.
        """
        for name in ("provoked/429", "provoked/429-2"):
            exchange = self._sender.send(name, draft, ids, provoke=headers, provoked="rate_limit", patient=False)
            if exchange.status != 429 or (
                name != "provoked/429" and self._patience.waits and all(punctual for punctual, _ in self._patience.waits)
            ):
                return
            self._sender.ask_again(name, draft, ids, exchange)

    def provoke_by_burst(self, draft: Draft, ids: list[str], requests: int) -> None:
        """Send so many requests at once, or as many as it takes until one is answered 429; then ask again as that says."""
        width = min(requests, MOST_CONCURRENCY)
        for begin in range(0, requests, width):
            names = [f"burst/{number}" for number in range(begin, min(begin + width, requests))]
            exchanges = self.send_all([(name, draft, ids) for name in names], width, patient=False, hurried=True)
            refused = [one for one in exchanges if one.status == 429]
            if refused:
                self._sender.ask_again("provoked/429", draft, ids, refused[-1])
                return

    def _played(
        self,
        sequences: Sequence[Sequence[Named]],
        width: int,
        connection: Callable[[], contextlib.AbstractContextManager[Lane | None]],
        *,
        patient: bool = True,
        hurried: bool = False,
    ) -> list[list[Exchange]]:
        def played(sequence: list[tuple[str, Draft, list[str], Request]]) -> tuple[list[Conversation], Untested | None]:
            found: list[Conversation] = []
            with connection() as lane:
                try:
                    for _, draft, _, request in sequence:
                        found.append(self._client.converse(request, draft, lane, patient=patient, hurried=hurried))
                except Untested as untested:
                    return found, untested
            return found, None

        prepared = [[(name, draft, ids, self._builder.build(draft, ids)) for name, draft, ids in sequence] for sequence in sequences]
        with ThreadPoolExecutor(width) as pool, self._letting_go():
            brought = [pool.submit(played, sequence) for sequence in prepared]
            exchanges: list[list[Exchange]] = []
            missing: list[Untested] = []
            for sequence, future in zip(prepared, brought, strict=True):
                conversations, untested = future.result()
                missing += [untested] if untested else []
                exchanges.append([])
                for (name, draft, ids, _), conversation in zip(sequence, conversations, strict=False):
                    try:
                        exchanges[-1].append(self._sender.record(name, draft, conversation, ids))
                    except Untested as gone:
                        missing.append(gone)
        if missing:
            raise missing[0]
        return exchanges

    @contextlib.contextmanager
    def _letting_go(self) -> Iterator[None]:
        """Let the threads that send end soon after Ctrl-C: it reaches the main thread alone."""
        try:
            yield
        except KeyboardInterrupt:
            self._gate.stop()
            raise
