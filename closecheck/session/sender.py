"""
Requests sent one after another: each is recorded, with all that it took to have its answer, before the next one.

What many senders share of this is :meth:`Sender.record`, which turns a conversation into exchanges.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import msgspec

from closecheck.contract.cases import Draft, Json
from closecheck.http.connection import Reply
from closecheck.http.pace import Gate
from closecheck.http.transport import Lane
from closecheck.judging.exchange import Exchange
from closecheck.model import Evidence, Request
from closecheck.model.errors import Untested
from closecheck.session.cached_decisions import CachedDecisions
from closecheck.session.client import Client
from closecheck.session.conversation import Conversation
from closecheck.session.journal import Journal, Waits
from closecheck.session.learned import Learned
from closecheck.session.load import Load, cause
from closecheck.session.patience import Patience
from closecheck.session.refusals import SLOWER, Refusals
from closecheck.session.request_builder import RequestBuilder


class Sender:
    """Sends single requests and records what they brought."""

    def __init__(
        self,
        client: Client,
        refusals: Refusals,
        builder: RequestBuilder,
        journal: Journal,
        waits: Waits,
        decisions: CachedDecisions,
        gate: Gate,
        patience: Patience,
        load: Load,
        learned: Learned,
    ) -> None:
        self._client = client
        self._refusals = refusals
        self._builder = builder
        self._journal = journal
        self._waits = waits
        self._decisions = decisions
        self._gate = gate
        self._patience = patience
        self._load = load
        self._learned = learned
        self.unconfirmed: list[Exchange] = []
        """What got no answer, and was not confirmed."""

    def send(
        self,
        name: str,
        draft: Draft,
        ids: list[str] | None = None,
        *,
        lane: Lane | None = None,
        base: int = 0,
        change: str = "",
        provoke: Mapping[str, str] | None = None,
        provoked: str = "",
        patient: bool = True,
    ) -> Exchange:
        """
        Send one request, wait out every 429 unless ``patient`` is false, record and judge what came back.

        Raises:
            Untested: a credential is missing, or the target has stopped answering.

        """
        ids = ids or []
        request = self._builder.build(draft, ids, provoke)
        conversation = self._client.converse(request, draft, lane, patient=patient)
        return self.record_counting(name, draft, conversation, ids, base=base, change=change, provoked=provoked)

    def fetch(self, name: str, method: str, path: str, *, query: str = "", body: Json = msgspec.UNSET) -> Exchange:
        """
        Send one authorized request to an API beside the operation, ``path`` being below the base URL.

        It keeps the limits of the run and is recorded as ``observe/<name>``, but no clause of the operation judges it.

        Raises:
            Untested: as in :meth:`send`.

        """
        draft = Draft(body=body, method=method, query=query)

        def fetched() -> Exchange:
            conversation = self._client.converse(self._builder.build(draft, [], path=path), draft, None)
            return self._record_beside(f"observe/{name}", draft, conversation)

        return self._decisions.read_beside(path, fetched)

    def settle(self, name: str, draft: Draft, request: Request, lane: Lane | None, first: tuple[Reply, int] | None = None) -> Exchange:
        """
        Send a request as it stands until it has an answer that counts; record and judge what came back.

        ``first`` is the 429 that it got when it was sent before, and how often the gate had opened by then.

        Raises:
            Untested: as in :meth:`send`.

        """
        return self.record(name, draft, self._client.converse(request, draft, lane, first=first), ())

    def ask_again(self, name: str, draft: Draft, ids: list[str], refused: Exchange) -> None:
        """Wait as the 429 of an earlier exchange asks and send the request again, without what provoked it."""
        if refused.response is None:
            raise AssertionError(refused)
        conversation = Conversation(self._builder.build(draft, ids))
        self._refusals.wait_out(conversation, None, refused.response, refused.number)
        if conversation.attempts:
            with contextlib.suppress(Untested):
                self.record(f"{name}-asked-again", draft, conversation, ids)

    def make_sure(self) -> None:
        """
        Ask once more for what was accepted first, if something beside the operation was read since the last acceptance.

        Raises:
            Untested: the operation is forbidden since.

        """
        self._decisions.make_sure(self.send)

    # ------------------------------------------------------------------------------------------------------- recording

    def record_counting(
        self,
        name: str,
        draft: Draft,
        conversation: Conversation,
        ids: Sequence[str],
        *,
        base: int = 0,
        change: str = "",
        provoked: str = "",
    ) -> Exchange:
        """
        Record a conversation as :meth:`record` does, and return its last exchange, if that answer is the operation's.

        Raises:
            Untested: it is a gateway's, which is judged for itself; or as in :meth:`record`.

        """
        exchange = self.record(name, draft, conversation, ids, base=base, change=change, provoked=provoked)
        if conversation.overloaded and self._learned.looks:
            reason = f"answered {exchange.status}, sent alone too: judged under CAR-OP-STATUS and CAR-OP-NO-500"
            raise Untested(reason, SLOWER if self._gate.pace.per_second is not None else "")
        return exchange

    def record(
        self,
        name: str,
        draft: Draft,
        conversation: Conversation,
        ids: Sequence[str],
        *,
        base: int = 0,
        change: str = "",
        provoked: str = "",
    ) -> Exchange:
        """
        Record all exchanges of a conversation, and what it has shown; return the last one.

        Raises:
            Untested: it has no answer that counts: 429 to the end, unreachable, or forbidden by a decision on something else.

        """
        exchanges = self._exchanges(name, draft, conversation, ids, base, change, provoked)
        for exchange, (_, judged) in zip(exchanges, conversation.attempts, strict=True):
            self._journal.keep(exchange, judged=judged)
        numbers = [exchange.number for exchange in exchanges]
        for said in conversation.said:
            shown_by = (*said.earlier, *(numbers[index] for index in said.attempts))
            self._journal.record(
                Evidence(said.requirement, said.outcome, name, exchanges=shown_by, finding=said.finding, reason=said.reason)
            )
        for punctual, attempts in conversation.waits:
            self._patience.waits.append((punctual, tuple(numbers[index] for index in attempts if index < len(numbers))))
        last = exchanges[-1]
        if conversation.unconfirmed or (last.failure is not None and not conversation.attempts[-1][1]):
            self.unconfirmed.append(last)
        self._conclude(conversation, last)
        self._decisions.heed(last, self.send)
        return last

    def _record_beside(self, name: str, draft: Draft, conversation: Conversation) -> Exchange:
        """Record a conversation with an API beside the operation: nothing that it has shown is held against the operation."""
        exchanges = self._exchanges(name, draft, conversation, ())
        for exchange in exchanges:
            self._journal.keep(exchange, judged=False, beside=True)
        self._conclude(conversation, exchanges[-1])
        return exchanges[-1]

    def _exchanges(
        self, name: str, draft: Draft, conversation: Conversation, ids: Sequence[str], base: int = 0, change: str = "", provoked: str = ""
    ) -> list[Exchange]:
        """Return the exchanges of a conversation, numbered; what was refused under load alone has its cause from then on."""
        last = conversation.last.response
        was_served = last is not None and last.status != 429 and not self._client.suspects(last)
        exchanges: list[Exchange] = []
        attempt = 1
        for reply, _ in conversation.attempts:
            exchange = Exchange(
                number=self._journal.number(),
                case=name,
                draft=draft,
                request=conversation.request,
                timing=reply.timing,
                response=reply.response,
                failure=reply.failure,
                base=base,
                change=change,
                provoked=provoked,
                ids=tuple(ids),
                attempt=attempt,
                stands_for=self._learned.stands_for(reply.response),
            )
            attempt += reply.response is None
            exchanges.append(exchange)
            if was_served and reply.response is not None and self._client.suspects(reply.response):
                self._journal.causes[exchange.number] = cause(reply.response)
        return exchanges

    def _conclude(self, conversation: Conversation, last: Exchange) -> None:
        """
        Record what went on beside a conversation, and take note of how it ended.

        Raises:
            Untested: it has no answer that counts.

        """
        for request, reply in conversation.controls:
            control = Exchange(self._journal.number(), "control", Draft(body={}), request, reply.timing, reply.response, reply.failure)
            self._journal.keep(control, judged=False, beside=True)
        if last.status not in {0, 429}:
            self._patience.served()
        if last.response is not None and not self._load.suspects(last.response):
            self._load.served()
        self._waits.write(self._journal)
        if conversation.starved:
            self._patience.check()
            raise Untested("the target answered 429 for longer than the run waits", f"max_wait, more than {self._patience.max_wait:g}")
        self._client.check()
