"""
One run against one target: its parts, put together once, and what the tests may ask of them.

One connection pool, one gate, one policy for ids, one memory: limits hold for the whole run or not at all. Requests may fly at the
same time; what they brought back is recorded and judged in the order of the plan, so that two runs of one seed tell the same story.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from closecheck.contract.cases import Case
from closecheck.contract.specification import Contract
from closecheck.http.pace import Gate, RateLimit
from closecheck.http.transport import Lane, Transport
from closecheck.judging.checks import Clauses, locales
from closecheck.judging.exchange import Exchange
from closecheck.model import LOAD, PACE, Evidence, Finding, Outcome
from closecheck.model.errors import Untested
from closecheck.session.ahead import Ahead
from closecheck.session.budget import Budget
from closecheck.session.cached_decisions import CachedDecisions
from closecheck.session.case_judge import CaseJudge
from closecheck.session.case_memory import CaseMemory
from closecheck.session.client import ENOUGH_UNCONFIRMED, Client
from closecheck.session.ids import IdPolicy
from closecheck.session.journal import Journal, Waits
from closecheck.session.learned import Learned
from closecheck.session.load import Load
from closecheck.session.needs import Plan, Tokens
from closecheck.session.patience import Patience
from closecheck.session.pipeline import Pipeline
from closecheck.session.questions import Questions
from closecheck.session.record import Recorder
from closecheck.session.refusals import Refusals
from closecheck.session.request_builder import RequestBuilder
from closecheck.session.sender import Sender
from closecheck.session.sequences import Sequences

EXPLORED: Final = "explored/"
"""What the names of findings of the exploration begin with."""


class Session:
    """
    Sends cases, remembers their exchanges, and turns them into evidence.

    Most of what it offers are methods of its parts, which document them: :class:`Sender` for one request, :class:`Sequences` for
    many, :class:`CaseMemory` and :class:`CaseJudge` for cases, :class:`Journal` for what is recorded.
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
        self.learned = Learned(contract.documented_statuses)
        self.planned = 0
        """How many single requests are planned; sequences come on top."""
        self.at_end: list[Callable[[], None]] = []
        """What must be undone on the target however the run ends."""

        self._transport = transport
        self._waits = waits = Waits(transport.now)
        self._gate = gate = Gate(rate, waits.begin, plan.concurrency)
        gate.on_still = waits.announce
        self._patience = patience = Patience(gate, plan.max_wait)
        self._load = load = Load()
        self._budget = budget = Budget(plan.budget)
        self._builder = builder = RequestBuilder(plan, tokens, self.learned)
        refusals = Refusals(transport, gate, patience, load, budget, builder)
        self._client = client = Client(transport, tokens, gate, patience, load, budget, self.learned, refusals)

        cases: dict[str, Case] = {}
        answers: dict[str, int | Untested] = {}
        self._clauses = Clauses(contract.documented_statuses)
        self._journal = journal = Journal(recorder, self._clauses, self.learned, patience, load, budget, ids, cases, plan.base_url)
        decisions = CachedDecisions(client, tokens, ids, journal, answers)
        self._sender = sender = Sender(client, refusals, builder, journal, waits, decisions, gate, patience, load, self.learned)
        sequences = Sequences(plan, transport, gate, patience, client, builder, sender)
        ahead = Ahead(transport, gate, patience, client, budget, builder, ids, plan.concurrency, decisions.may_be_one)
        memory = CaseMemory(contract, cases, answers, ids, sender, ahead, journal)
        questions = Questions(contract, ids, plan.mark, cases, journal.exchanges, sender.send, memory.ask)
        judge = CaseJudge(contract, cases, memory, questions, journal, tokens, self.learned)

        self.cases = cases
        self.add, self.ask, self.forget = memory.add, memory.ask, memory.forget
        self.prefetch, self.postpone = memory.prefetch, memory.postpone
        self.judge, self.observe_case = judge.judge, judge.observe
        self.send, self.fetch, self.make_sure = sender.send, sender.fetch, sender.make_sure
        self.play, self.send_all, self.burst = sequences.play, sequences.send_all, sequences.burst
        self.provoke_rate_limit, self.provoke_by_burst = sequences.provoke_rate_limit, sequences.provoke_by_burst
        self.exchanges, self.evidence = journal.exchanges, journal.evidence
        self.told_apart, self.first_probes = journal.told_apart, journal.first_probes
        self.record, self.observe, self.note, self.note_once = journal.record, journal.observe, journal.note, journal.note_once
        self.keep, self.rename = journal.keep_explored, journal.rename
        self.on_exchange, self.on_evidence, self.on_wait = journal.on_exchange, journal.on_evidence, waits.on_wait
        self.now, self.pause, self.stop = transport.now, gate.pause, gate.stop

    # ------------------------------------------------------------------------------------------------- what is known

    @property
    def down(self) -> str:
        """Why the target cannot be reached any more; empty while it can."""
        return self._client.down

    @property
    def sent(self) -> int:
        """How many requests were sent and recorded."""
        return self._journal.sent

    @property
    def explored(self) -> int:
        """How many requests of the exploration were judged and counted, but not recorded."""
        return self._budget.explored

    @property
    def waits(self) -> list[tuple[bool, tuple[int, ...]]]:
        """Of each wait for a 429: whether the first request after it was served, and the numbers of its exchanges."""
        return self._patience.waits

    @property
    def languages(self) -> locales.Memory:
        """Which languages the target was seen to speak."""
        return self._clauses.languages

    def held(self, requirement: str) -> int:
        """Return how many exchanges were judged, and kept the clause of a requirement that holds for every one."""
        return self._clauses.held(requirement)

    # ---------------------------------------------------------------------------------------------------- what is made

    @contextlib.contextmanager
    def lane(self) -> Iterator[Lane]:
        """Yield a connection of its own, for requests that are to follow one another on it."""
        with self._transport.lane() as lane:
            yield lane

    def pipeline(self) -> Pipeline:
        """Return what sends the bodies of an exploration."""
        return Pipeline(
            self._transport,
            self._gate,
            self._patience,
            self._budget,
            self.tokens,
            self._builder,
            self._journal,
            self._sender,
            self.learned,
            self.plan.concurrency,
        )

    # ------------------------------------------------------------------------------------------------------- the end

    def undo(self) -> None:
        """Undo on the target what the run has set up there; harmless if it is done."""
        self._budget.undoing = True
        for action in self.at_end:
            action()

    def finish(self) -> None:
        """Record what only the whole run can say: unconfirmed failures, and the pace that was found."""
        pace = self._gate.pace
        if pace.per_second is not None:
            refused = f"{pace.refusals:,} {'request was' if pace.refusals == 1 else 'requests were'} refused for coming too fast"
            self.note(PACE, f"{refused}; {pace.words}")
        if self._load.refusals * 10 >= max(self.sent, 1):
            self.note(LOAD, f"{self._load.refusals:,} of {self.sent:,} answers were refusals by a gateway or under load")
        if self._sender.unconfirmed:
            self.record(self._unanswered(self._sender.unconfirmed))
        self._journal.write_surplus()
        self._waits.write(self._journal)

    def _unanswered(self, failed: list[Exchange]) -> Evidence:
        """Return what requests say that got no answer at first: enough of them confirm one another."""
        numbers = tuple(exchange.number for exchange in failed)
        if len(failed) >= ENOUGH_UNCONFIRMED and not self.down:
            finding = Finding(
                "one complete, well-framed answer to every request",
                f"{len(failed)} different requests got none at first, and one when they were sent again",
            )
            return Evidence("CAR-OP-ANSWERS", Outcome.BROKEN, failed[-1].case, exchanges=numbers, finding=finding)
        reason = self.down or f"{len(failed)} of {self.sent} requests got no answer at first, and one when sent again: not confirmed"
        return Evidence("CAR-OP-ANSWERS", Outcome.ERROR, failed[-1].case, exchanges=numbers, reason=reason)

    def tallies(self) -> None:
        """Write how often each clause that holds for every exchange was judged and held."""
        self._journal.write_tallies()
