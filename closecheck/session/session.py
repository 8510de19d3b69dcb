"""
One run against one target: what is sent is sent here, once, remembered, recorded, and judged.

One connection pool, one gate, one policy for ids, one memory of clauses: limits hold for the whole run or not at all.
Requests may fly at the same time; what they brought back is recorded and judged in the order of the plan, so that two runs of
one seed tell the same story.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import urlsplit

import msgspec

from closecheck.config.target_file import MOST_CONCURRENCY
from closecheck.contract.cases import Case, Draft, Json, fill
from closecheck.contract.specification import Contract
from closecheck.http.connection import Reply
from closecheck.http.pace import Gate, RateLimit
from closecheck.http.transport import Lane, Transport
from closecheck.judging import blame
from closecheck.judging.checks import Clauses
from closecheck.judging.exchange import Exchange
from closecheck.model import (
    LOAD,
    PACE,
    Closed,
    Evidence,
    Finding,
    Headers,
    Level,
    Note,
    Observation,
    Outcome,
    Request,
    Response,
    Surplus,
    Wait,
    header,
)
from closecheck.model.errors import Untested
from closecheck.session.ahead import Ahead
from closecheck.session.client import ENOUGH_UNCONFIRMED, SLOWER, Client, Conversation
from closecheck.session.ids import PENDING, IdPolicy, Source
from closecheck.session.load import GATEWAY, Load, cause
from closecheck.session.needs import Plan, Tokens
from closecheck.session.patience import Patience
from closecheck.session.questions import Questions
from closecheck.session.record import Recorder

USER_AGENT: Final = "closecheck (conformance suite)"
BURST: Final = 16
"""Requests in flight in the one burst of a run (docs/evidence.md, 9)."""


FIRST_ERROR_ID: Final = "probe/first-error"
"""The id of the case that is the first error of a run; its body names no ids."""
EXPLORED: Final = "explored/"
"""What the names of findings of the exploration begin with."""


class Session:
    """
    Sends cases, remembers their exchanges, and turns them into evidence.

    ``on_exchange`` is called after each recorded exchange, ``on_evidence`` on each finding, ``on_wait`` before each pause.
    """

    def __init__(
        self,
        plan: Plan,
        contract: Contract,
        transport: Transport,
        recorder: Recorder,
        tokens: Tokens,
        ids: IdPolicy,
        rate: RateLimit | None = None,
    ) -> None:
        self.plan = plan
        self.contract = contract
        self.ids = ids
        self.tokens = tokens
        self.transport = transport
        self.recorder = recorder
        self.clauses = Clauses(contract.documented_statuses)
        self.gate = Gate(rate, self._waiting, plan.concurrency)
        self.gate.on_still = self._still_waiting
        self.patience = Patience(self.gate, plan.max_wait)
        self.load = Load()
        self.client = Client(plan, transport, tokens, self.gate, self.patience, self.load, self.request, lambda: self.explored)
        self.cases: dict[str, Case] = {}
        self.exchanges: dict[int, Exchange] = {}
        self.evidence: list[Evidence] = []
        self.on_exchange: list[Callable[[Exchange], None]] = []
        self.on_evidence: list[Callable[[Evidence], None]] = []
        self.on_wait: list[Callable[[float, str], None]] = []
        self.at_end: list[Callable[[], None]] = []
        """What must be undone on the target however the run ends."""
        self.sent = 0
        self.explored = 0
        """How many requests of the exploration were judged and counted, but not recorded."""
        self.planned = 0
        """How many single requests are planned; sequences come on top."""
        self.refusal_status = 400
        """How the target refuses every invalid body; judged once, under CAR-OP-STATUS or CAR-OP-NO-500."""
        self.demanded: dict[str, str] = {}
        """Undocumented fields without which the target refuses every request: the run sends them from then on (CAR-OP-HEADERS)."""
        self._withheld: list[Exchange] | None = None
        self._memo: dict[str, Exchange | Untested] = {}
        self._postponed: dict[str, Case] = {}
        self._under_load: dict[int, str] = {}
        """The cause of each refusal, by the number of its exchange, whose request was served later."""
        self._numbers = itertools.count(1)
        self._told_apart = itertools.count()
        self._unconfirmed: list[Exchange] = []
        self._noted: set[tuple[str, str]] = set()
        self._waits: list[Wait] = []
        self._wait_lock = threading.Lock()
        self._accepted: Exchange | None = None
        """The first request of the authorized caller that was accepted."""
        self._listing: Exchange | None = None
        """What was read beside the operation, if no request to the operation has been accepted since."""
        self._denied: set[str] = set()
        """Paths beside the operation that are forbidden to a new token too."""
        self._forbidden = ""
        """Why the operation is forbidden to the authorized caller, to whom it was open; empty while it is not."""
        self._base_path = urlsplit(plan.base_url).path.rstrip("/")
        self._path = self._base_path + plan.path
        self._host = urlsplit(plan.base_url).netloc
        self._ahead = Ahead(
            transport, self.gate, self.patience, self.client, ids, plan.concurrency, self.request, self._may_be_cached, self._brought
        )
        self._questions = Questions(contract, ids, plan.mark, self.cases, self.exchanges, self.send, self.ask)

    @property
    def down(self) -> str:
        """Why the target cannot be reached any more; empty while it can."""
        return self.client.down

    # ------------------------------------------------------------------------------------------------ making requests

    def request(self, draft: Draft, ids: list[str], extra: Mapping[str, str] | None = None, path: str | None = None) -> Request:
        """
        Return a draft as the request that goes onto the wire; ``path`` is another than the operation's.

        Raises:
            Untested: its caller's credential is not supplied.

        """
        body = fill(draft.body, ids)
        fields: dict[str, str | None] = {
            "Host": self._host,
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        if draft.chunks:
            fields["Transfer-Encoding"] = "chunked"
        else:
            fields["Content-Length"] = str(len(body))
        if isinstance(draft.body, msgspec.UnsetType):
            del fields["Content-Type"]
            if draft.method != "POST":
                del fields["Content-Length"]
        fields.update(self.demanded)
        fields.update(self.plan.headers)
        fields.update(extra or {})
        fields["Authorization"] = None if "Authorization" in draft.headers else self.tokens.authorization(draft.caller)
        fields.update(draft.headers)
        headers: Headers = tuple((_written(name, draft.names), value) for name, value in fields.items() if value is not None)
        query = draft.query
        if "{token}" in query:
            query = query.replace("{token}", (self.tokens.authorization("authorized") or "").partition(" ")[2])
        target = (path or self._path) + (f"?{query}" if query else "")
        return Request(draft.method, target, headers, body, draft.chunks, draft.chunking)

    # --------------------------------------------------------------------------------------------------- sending them

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
        request = self.request(draft, ids, provoke)
        conversation = self.client.converse(request, draft, lane, patient=patient)
        return self._counts(conversation, self._record(name, draft, conversation, ids, base, provoked, change=change))

    def fetch(self, name: str, method: str, path: str, *, query: str = "", body: Json = msgspec.UNSET) -> Exchange:
        """
        Send one authorized request to an API beside the operation, ``path`` being below the base URL.

        It keeps the limits of the run and is recorded as ``observe/<name>``, but no clause of the operation judges it.

        Raises:
            Untested: as in :meth:`send`.

        """
        draft = Draft(body=body, method=method, query=query)
        exchange = self._fetched(name, draft, path)
        if exchange.status == 403 and path not in self._denied and self.tokens.refresh():
            # What a token asks for first may decide what it is allowed for minutes: a new one has asked for nothing yet.
            exchange = self._fetched(name, draft, path)
            if exchange.status == 403:
                self._denied.add(path)
        if 200 <= exchange.status < 300:
            self._listing = exchange
        return exchange

    def _fetched(self, name: str, draft: Draft, path: str) -> Exchange:
        conversation = self.client.converse(self.request(draft, [], path=self._base_path + path), draft, None)
        conversation.said.clear()
        conversation.waits.clear()
        conversation.unconfirmed = False
        return self._record(f"observe/{name}", draft, conversation, [], 0, "", beside=True)

    def send_all(
        self, drafts: Sequence[tuple[str, Draft, list[str]]], width: int, *, patient: bool = True, hurried: bool = False
    ) -> list[Exchange]:
        """
        Send requests with ``width`` of them in flight; the exchanges come in the order of the drafts.

        ``hurried``: whatever the pace that the target was found to let through; what it refuses then is sent again in that pace.

        Raises:
            Untested: as in :meth:`send`; what was sent is recorded.

        """
        sequences = [[one] for one in drafts]
        return [exchange for (exchange,) in self._played(sequences, width, contextlib.nullcontext, patient=patient, hurried=hurried)]

    def play(self, sequences: Sequence[Sequence[tuple[str, Draft, list[str]]]]) -> list[list[Exchange]]:
        """
        Send sequences of requests, each on a connection of its own and in its order, several sequences at a time.

        The exchanges come, and are recorded, in the order of the sequences.

        Raises:
            Untested: as in :meth:`send`; what was sent is recorded.

        """
        return self._played(sequences, self.plan.concurrency, self.transport.lane)

    def _played(
        self,
        sequences: Sequence[Sequence[tuple[str, Draft, list[str]]]],
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
                        found.append(self.client.converse(request, draft, lane, patient=patient, hurried=hurried))
                except Untested as untested:
                    return found, untested
            return found, None

        prepared = [[(name, draft, ids, self.request(draft, ids)) for name, draft, ids in sequence] for sequence in sequences]
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
                        exchanges[-1].append(self._record(name, draft, conversation, ids, 0, ""))
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
            self.gate.stop()
            raise

    def burst(self, drafts: Sequence[tuple[str, Draft, list[str]]]) -> list[Exchange]:
        """
        Send 16 requests at the same moment, whatever the concurrency.

        Raises:
            Untested: the target file forbids it.

        """
        if not self.plan.burst:
            raise Untested("the target file forbids the burst of 16 requests", "burst: true")
        self.gate.spare(len(drafts))
        return self.send_all(drafts, BURST, hurried=True)

    @contextlib.contextmanager
    def lane(self) -> Iterator[Lane]:
        """Yield a connection of its own, for requests that are to follow one another on it."""
        with self.transport.lane() as lane:
            yield lane

    # -- what exploration needs

    def number(self) -> int:
        """Return the number of the next exchange."""
        return next(self._numbers)

    def settle(self, name: str, draft: Draft, request: Request, lane: Lane | None, first: tuple[Reply, int] | None = None) -> Exchange:
        """
        Send a request as it stands until it has an answer that counts; record and judge what came back.

        ``first`` is the 429 that it got when it was sent before, and how often the gate had opened by then.

        Raises:
            Untested: as in :meth:`send`.

        """
        return self._record(name, draft, self.client.converse(request, draft, lane, first=first), (), 0, "")

    def rename(self, exchange: Exchange, name: str, base: int) -> Exchange:
        """Record an explored exchange as the witness of a finding; one that is recorded already keeps its name."""
        if exchange.number in self.exchanges:
            return exchange
        exchange = dataclasses.replace(exchange, case=name, base=base)
        self.keep(exchange)
        return exchange

    def keep(self, exchange: Exchange) -> None:
        """Record an explored exchange, which was judged; harmless if it is recorded."""
        if exchange.number in self.exchanges:
            return
        self.explored -= 1
        self._keep(exchange, judged=False)

    # -- cases

    def add(self, case: Case) -> Case:
        """Make a case known by its id, so that others can be edits of it; return it as the session knows it."""
        known = self.cases.get(case.id)
        if known is None:
            level = self.contract[case.requirement].level if case.requirement else Level.MUST
            known = self.cases[case.id] = msgspec.structs.replace(case, tolerant=level is Level.SHOULD)
        return known

    def told_apart(self, name: str) -> str:
        """Return the name for one more request of its kind, different from every other of the run; the same in each run."""
        return f"{name}/{next(self._told_apart)}"

    def ask(self, case: Case) -> Exchange:
        """
        Return the exchange of a case: sent once, remembered.

        Raises:
            Untested: as in :meth:`send`, or its ids cannot be had.

        """
        case = self.add(case)
        if case.id in self._postponed:
            postponed, self._postponed = self._postponed, {}
            self.prefetch(postponed.values())
        known = self._memo.get(case.id)
        if known is None:
            known = self._asked(case, None)
        if isinstance(known, Untested):
            raise known
        return known

    def forget(self, case: Case) -> None:
        """Ask a case anew when it is next needed: its first answer was to ids that the target does not take."""
        self._memo.pop(case.id, None)

    def postpone(self, cases: Iterable[Case]) -> None:
        """Send cases as :meth:`prefetch` does, but not before one of them is asked for."""
        self._postponed.update({case.id: case for case in cases})

    def prefetch(self, cases: Iterable[Case]) -> None:
        """Send every case that has not been sent, several at a time; the bases go first."""
        wanted = list({case.id: self.add(case) for case in cases if case.id not in self._memo}.values())
        wanted.sort(key=self.contract.turn)
        needed = {case.base for case in wanted if case.base} - set(self._memo)
        self._ahead.send([self.cases[name] for name in sorted(needed)])
        self._ahead.send([case for case in wanted if case.id not in self._memo])

    def _brought(self, case: Case, brought: tuple[Conversation, list[str]] | Untested) -> None:
        """Remember, and judge, what was sent ahead."""
        if isinstance(brought, Untested):
            self._memo[case.id] = brought
        else:
            self._asked(case, brought)

    def _asked(self, case: Case, brought: tuple[Conversation, list[str]] | None) -> Exchange | Untested:
        try:
            base = self._memo.get(case.base) if case.base else None
            number, change = (base.number, case.change) if isinstance(base, Exchange) else (0, "")
            if brought is None:
                ids = self.ids.for_case(case)
                exchange = self.send(case.id, case.request, ids, base=number, change=change)
            else:
                conversation, ids = brought
                exchange = self._counts(conversation, self._record(case.id, case.request, conversation, ids, number, "", change=change))
            if case.accepts and exchange.attempt > 1 and 400 <= exchange.status < 500 and self.ids.existing.intersection(ids):
                # What was lost on the way may have been served, and have closed these ids: others are named.
                exchange = self.send(case.id, case.request, self.ids.for_case(case), base=number, change=change)
            self._memo[case.id] = exchange
        except Untested as untested:
            self._memo[case.id] = untested
        return self._memo[case.id]

    # -- one request until it has an answer that counts

    def _counts(self, conversation: Conversation, exchange: Exchange) -> Exchange:
        """
        Return an exchange whose answer is the operation's.

        Raises:
            Untested: it is a gateway's, which is judged for itself.

        """
        if conversation.overloaded and self.client.looks:
            reason = f"answered {exchange.status}, sent alone too: judged under CAR-OP-STATUS and CAR-OP-NO-500"
            raise Untested(reason, SLOWER if self.gate.pace.per_second is not None else "")
        return exchange

    # -- what only the target file can provoke

    def provoke_rate_limit(self, draft: Draft, ids: list[str], headers: Mapping[str, str]) -> None:
        """
        Provoke a 429 with the target file's headers, ask again without them as it says, and provoke a second one with the same bytes.

        The second is not waited out, unless the first left a doubt. After a wait that is too long for the run there is none.
        """
        for name in ("provoked/429", "provoked/429-2"):
            exchange = self.send(name, draft, ids, provoke=headers, provoked="rate_limit", patient=False)
            if exchange.status != 429 or (name != "provoked/429" and all(punctual for punctual, _ in self.patience.waits)):
                return
            self._ask_again(name, draft, ids, exchange)

    def provoke_by_burst(self, draft: Draft, ids: list[str], requests: int) -> None:
        """Send so many requests at once, or as many as it takes until one is answered 429; then ask again as that says."""
        width = min(requests, MOST_CONCURRENCY)
        for begin in range(0, requests, width):
            names = [f"burst/{number}" for number in range(begin, min(begin + width, requests))]
            exchanges = self.send_all([(name, draft, ids) for name in names], width, patient=False, hurried=True)
            refused = [one for one in exchanges if one.status == 429]
            if refused:
                self._ask_again("provoked/429", draft, ids, refused[-1])
                return

    def _ask_again(self, name: str, draft: Draft, ids: list[str], refused: Exchange) -> None:
        """Wait as the 429 of an earlier exchange asks and send the request again, without what provoked it."""
        if refused.response is None:
            raise AssertionError(refused)
        conversation = Conversation(self.request(draft, ids))
        self.client.recover(conversation, None, refused.response, refused.number)
        if conversation.attempts:
            with contextlib.suppress(Untested):
                self._record(f"{name}-asked-again", draft, conversation, ids, 0, "")

    # ------------------------------------------------------------------------------------------- recording and judging

    def _record(
        self,
        name: str,
        draft: Draft,
        conversation: Conversation,
        ids: Sequence[str],
        base: int,
        provoked: str,
        *,
        change: str = "",
        beside: bool = False,
    ) -> Exchange:
        numbers: list[int] = []
        exchange: Exchange | None = None
        attempt = 1
        last = conversation.last.response
        was_served = last is not None and last.status != 429 and not self.client.suspects(last)
        for reply, judged in conversation.attempts:
            exchange = Exchange(
                number=next(self._numbers),
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
                stands_for=self.stands_for(reply.response),
            )
            attempt += reply.response is None
            numbers.append(exchange.number)
            if was_served and reply.response is not None and self.client.suspects(reply.response):
                self._under_load[exchange.number] = cause(reply.response)
            self._keep(exchange, judged=judged and not beside, beside=beside)
        if exchange is None:
            raise AssertionError(name)
        for said in conversation.said:
            self.record(
                Evidence(
                    said.requirement,
                    said.outcome,
                    name,
                    exchanges=(*said.earlier, *(numbers[index] for index in said.attempts)),
                    finding=said.finding,
                    reason=said.reason,
                )
            )
        for request, reply in conversation.controls:
            control = Draft(body={})
            self._keep(
                Exchange(next(self._numbers), "control", control, request, reply.timing, reply.response, reply.failure),
                judged=False,
                beside=True,
            )
        for punctual, attempts in conversation.waits:
            self.patience.waits.append((punctual, tuple(numbers[index] for index in attempts if index < len(numbers))))
        if exchange.status not in {0, 429}:
            self.patience.served()
        if exchange.response is not None and not self.load.suspects(exchange.response):
            self.load.served()
        self._write_waits()
        unanswered = conversation.attempts[-1][0].failure is not None and not conversation.attempts[-1][1]
        if not beside and (conversation.unconfirmed or unanswered):
            self._unconfirmed.append(exchange)
        if conversation.starved:
            self.patience.check()
            raise Untested("the target answered 429 for longer than the run waits", f"max_wait, more than {self.plan.max_wait:g}")
        if self.down:
            raise Untested(f"the target could not be reached any more: {self.down}")
        if not beside:
            self._heed_decision(exchange)
        return exchange

    def _may_be_cached(self, reply: Reply, draft: Draft) -> bool:
        """Tell whether a refusal may be the decision on what was read beside the operation: that is found out with nothing else in flight."""
        forbidden = reply.response is not None and reply.response.status == 403
        return forbidden and self._listing is not None and not self._forbidden and draft.caller == "authorized"

    def _heed_decision(self, exchange: Exchange) -> None:
        """
        Notice where the operation is forbidden to its caller since something beside it was read, and blame that once (CAR-OP-INDEPENDENT).

        An authorizer whose decision is cached by token and names the path that was asked for first forbids every other for minutes.
        Whatever is sent meanwhile says nothing of the operation. A token that can be renewed is: a new one has asked for nothing yet.

        Raises:
            Untested: so it is.

        """
        if exchange.draft.caller != "authorized" or "Authorization" in exchange.draft.headers:
            return
        if exchange.status == 202:
            self._accepted = self._accepted or exchange
            self._listing, self._forbidden = None, ""
        if exchange.status != 403:
            return
        if self._listing is not None and self._accepted is not None and not self._forbidden:
            listing, self._listing = self._listing, None
            self._forbidden = self._cached_decision(self._accepted, listing)
        if self._forbidden:
            raise Untested(self._forbidden)

    def make_sure(self) -> None:
        """
        Ask once more for what was accepted first, if something beside the operation was read since the last acceptance.

        Raises:
            Untested: the operation is forbidden since.

        """
        if self._accepted is not None and (self._listing is not None or self._forbidden):
            self.send(self.told_apart("independent/after-a-listing"), self._accepted.draft, list(self._accepted.ids))

    def _cached_decision(self, accepted: Exchange, listing: Exchange) -> str:
        """Return why everything is forbidden since a listing was read, and record that it is; empty if it is not."""
        # A body without ids decides: ids that are closed may be refused with any status, and what is accepted leaves audits.
        known = self._memo.get(FIRST_ERROR_ID)
        if isinstance(known, Exchange) and known.status not in {0, 202, 401, 403}:
            before = known
        elif self.ids.source is Source.UNKNOWN:
            before = accepted
        else:
            return ""
        try:
            now = self.send(self.told_apart("independent/after-a-listing"), before.draft, list(before.ids))
        except Untested:
            return ""
        if now.status != 403:
            return ""
        what = f"{listing.request.method} {listing.request.target.partition('?')[0]}"
        finding = Finding(
            f"the answer that the same request got before {what} was read under the same token: {before.got()}",
            f"{now.got()}, as to every request since",
            change=f"sent after {what}; so it is where an authorizer's decision is cached by token and names the first path alone",
        )
        self.record(
            Evidence(
                "CAR-OP-INDEPENDENT",
                Outcome.BROKEN,
                now.case,
                "after a listing",
                (before.number, listing.number, now.number),
                finding,
                since="2026.2",
            )
        )
        self.client.given_up.add(header(now.request.headers, "authorization") or "")
        with contextlib.suppress(Untested):
            self.tokens.refresh()
        return f"forbidden since {what} was read under the same token (an authorizer's decision cached by token): judged under CAR-OP-INDEPENDENT"

    def _keep(self, exchange: Exchange, *, judged: bool, beside: bool = False) -> None:
        self.sent += 1
        self.load.refusals += exchange.status in GATEWAY
        if not beside:
            self.exchanges[exchange.number] = exchange
        self.recorder.exchange(exchange, self.plan.base_url)
        if exchange.status == 429 and exchange.response is not None and not beside and (truth := self.patience.too_long(exchange.response)):
            self.record(
                Evidence(
                    "CAR-RATE-TRUTHFUL",
                    truth.outcome,
                    exchange.case,
                    exchanges=(exchange.number,),
                    finding=truth.finding,
                    reason=truth.reason,
                )
            )
        closed = tuple(one for one in exchange.ids if one in self.ids.existing) if exchange.status == 202 else ()
        if closed:
            self.recorder.write(Closed(closed, exchange.number))
        if judged and self._withheld is not None:
            self._withheld.append(exchange)
        elif judged:
            self._hold_against_clauses(exchange)
        for listener in self.on_exchange:
            listener(exchange)

    def _hold_against_clauses(self, exchange: Exchange) -> None:
        """Judge an exchange by the clauses for every one; what lacked a demanded field is judged for that lack alone (CAR-OP-HEADERS)."""
        sent = {name.lower() for name, _ in exchange.request.headers}
        if not all(name.lower() in sent for name in self.demanded):
            return
        for evidence in self.clauses.judge(exchange):
            self.record(evidence)

    @contextlib.contextmanager
    def first_probes(self) -> Iterator[None]:
        """
        Judge what is sent meanwhile at the end only: what it teaches of the target is needed to judge it.
        """
        withheld: list[Exchange] = []
        self._withheld = withheld
        try:
            yield
        finally:
            self._withheld = None
            for exchange in withheld:
                meant = dataclasses.replace(exchange, stands_for=self.stands_for(exchange.response))
                if meant.stands_for:
                    self.exchanges[meant.number] = meant
                    self._memo |= {name: meant for name, known in self._memo.items() if known is exchange}
                self._hold_against_clauses(meant)

    def stands_for(self, response: Response | None) -> int:
        """Return the documented status for which the status of an answer stands, as this target refuses all that is invalid; 0: none."""
        own = response is not None and response.status == self.refusal_status >= 300
        return 400 if own and self.refusal_status not in self.contract.documented_statuses else 0

    def _cause(self, evidence: Evidence) -> str:
        """Return the cause that a finding shares with others, if it has one."""
        if (refused := next((one for one in evidence.exchanges if one in self._under_load), None)) is not None:
            return self._under_load[refused]
        exchange = self.exchanges.get(evidence.exchanges[-1]) if evidence.exchanges else None
        return blame.in_front(exchange, frozenset(self.client.looks)) if exchange is not None else ""

    def record(self, evidence: Evidence) -> Evidence:
        """Keep one piece of evidence, write it, and return it as it may be shown: without secrets."""
        if evidence.finding is not None and (cause := self._cause(evidence)):
            evidence = msgspec.structs.replace(evidence, finding=msgspec.structs.replace(evidence.finding, cause=cause))
        if not evidence.since and (since := self._since(evidence.case)):
            evidence = msgspec.structs.replace(evidence, since=since)
        evidence = self.recorder.redacted(evidence)
        self.evidence.append(evidence)
        self.recorder.write(evidence)
        if evidence.outcome is Outcome.BROKEN:
            for listener in self.on_evidence:
                listener(evidence)
        return evidence

    def _since(self, name: str) -> str:
        """Return the edition that introduced a case, by the name of it or of a request that goes with it; empty: none is said."""
        case = self.cases.get(name.partition("#")[0])
        return case.since if case is not None else ""

    def observe(self, choice: str, observed: str, *exchanges: Exchange) -> None:
        """Write down what the target does where it is free."""
        self.recorder.write(Observation(choice, observed, tuple(exchange.number for exchange in exchanges)))

    def observe_case(self, case: Case) -> None:
        """Ask a case that observes a choice, and write down what its answer means."""
        try:
            exchange = self.ask(case)
        except Untested as untested:
            self.observe(case.choice, f"{case.description}: not observed, {untested.reason}")
            return
        meaning = case.observes.get(exchange.status, f"answered {exchange.status}" if exchange.status else "no answer")
        self.observe(case.choice, f"{case.description}: {meaning}", exchange)

    def note(self, about: str, text: str) -> None:
        """Write a sentence about the run."""
        self.recorder.write(Note(about, text))

    def note_once(self, about: str, text: str) -> None:
        """Write a sentence about the run, unless it was written before."""
        if (about, text) not in self._noted:
            self._noted.add((about, text))
            self.note(about, text)

    def judge(self, case: Case) -> Evidence:
        """
        Return, and record, what a case says about its requirement.

        A case that edits an accepted one is untested where that one is not accepted: nobody could say what the refusal was for.

        Raises:
            Untested: the case is one of a long row, of which the core has asked its share, and too few existing ids are left for it.

        """
        evidence = self._judged(case)
        if evidence.outcome is Outcome.UNTESTED and evidence.supply == PENDING and case.id in self.contract.order.swept:
            self.note_once(
                "ids",
                "too few pending access requests were supplied for all of the exploration: the core alone is judged where they were lacking",
            )
            raise Untested(evidence.reason, evidence.supply)
        return self.record(evidence)

    def _judged(self, case: Case) -> Evidence:
        if case.expect is None:
            raise AssertionError(case.id)
        said = Evidence(case.requirement, Outcome.HELD, case.id, case.part, since=case.since)
        numbers: tuple[int, ...] = ()
        try:
            base = self.ask(self.cases[case.base]) if case.base and case.base != case.id else None
            decision = blame.base_refused(case, base, self.cases[case.base]) if base is not None else None
            if decision is None:
                exchange = self.ask(case)
                numbers = (exchange.number,)
                target = blame.Target(self.refusal_status, self.tokens.expired(), frozenset(self.client.looks))
                decision = self._questions.decide(blame.Situation(case, exchange, base, target))
        except Untested as untested:
            decision = blame.Decision(Outcome.UNTESTED, untested.reason, untested.supply)
        if decision.also is not None:
            requirement, others, finding = decision.also
            self.record(Evidence(requirement, Outcome.BROKEN, case.id, exchanges=others, finding=finding))
        return msgspec.structs.replace(
            said, outcome=decision.outcome, exchanges=numbers, finding=decision.finding, reason=decision.reason, supply=decision.supply
        )

    def undo(self) -> None:
        """Undo on the target what the run has set up there; harmless if it is done."""
        self.client.undoing = True
        for action in self.at_end:
            action()

    def finish(self) -> None:
        """Record what only the whole run can say: unconfirmed failures, and the pace that was found."""
        pace = self.gate.pace
        if pace.per_second is not None:
            self.note(
                PACE,
                f"{pace.refusals:,} {'request was' if pace.refusals == 1 else 'requests were'} refused for coming too fast; {pace.words}",
            )
        if self.load.refusals * 10 >= max(self.sent, 1):
            self.note(LOAD, f"{self.load.refusals:,} of {self.sent:,} answers were refusals by a gateway or under load")
        failed = self._unconfirmed
        if len(failed) >= ENOUGH_UNCONFIRMED and not self.down:
            numbers = tuple(exchange.number for exchange in failed)
            finding = Finding(
                "one complete, well-framed answer to every request",
                f"{len(failed)} different requests got none at first, and one when they were sent again",
            )
            self.record(Evidence("CAR-OP-ANSWERS", Outcome.BROKEN, failed[-1].case, exchanges=numbers, finding=finding))
        elif failed:
            reason = self.down or f"{len(failed)} of {self.sent} requests got no answer at first, and one when sent again: not confirmed"
            numbers = tuple(exchange.number for exchange in failed)
            self.record(Evidence("CAR-OP-ANSWERS", Outcome.ERROR, failed[-1].case, exchanges=numbers, reason=reason))
        self._write_surplus()
        self._write_waits()

    def _write_surplus(self) -> None:
        """Write how often clauses were broken beyond the findings that were recorded."""
        beyond: Counter[tuple[str, str]] = Counter()
        for (requirement, case), times in self.clauses.surplus.items():
            beyond[requirement, self._since(case)] += times
        for (requirement, since), times in sorted(beyond.items()):
            self.recorder.write(Surplus(requirement, times, since))

    def tallies(self) -> None:
        """Write how often each clause that holds for every exchange was judged and held."""
        for tally in self.clauses.tallies():
            self.recorder.write(tally)

    # -- waiting

    def _waiting(self, seconds: float, reason: str) -> None:
        with self._wait_lock:
            self._waits.append(Wait(self.transport.now(), seconds, reason))
        self._still_waiting(seconds, reason)

    def _still_waiting(self, seconds: float, reason: str) -> None:
        for listener in self.on_wait:
            listener(seconds, reason)

    def _write_waits(self) -> None:
        with self._wait_lock:
            waits, self._waits = self._waits, []
        for wait in waits:
            self.recorder.write(wait)


def _written(name: str, style: str) -> str:
    match style:
        case "lower":
            return name.lower()
        case "upper":
            return name.upper()
        case _:
            return name
