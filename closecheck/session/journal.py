"""
What a run knows and writes: every exchange under its number, and every piece of evidence, in the order of the plan.

Nothing is sent here: what observers show of refused ids is asked of the policy for ids. An exchange is judged once, by the clauses that hold for every one, when it is recorded.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import msgspec

from closecheck.contract.cases import Case
from closecheck.judging import blame
from closecheck.judging.checks import Clauses
from closecheck.judging.exchange import Exchange
from closecheck.model import Closed, Evidence, Note, Observation, Outcome, Surplus, Wait
from closecheck.session.budget import Budget
from closecheck.session.ids import PENDING, IdPolicy
from closecheck.session.learned import Learned
from closecheck.session.load import GATEWAY, Load
from closecheck.session.patience import Patience
from closecheck.session.record import Recorder


class Journal:
    """
    Numbers, judges, remembers and writes.

    ``cases`` are all that the run knows, ``base_url`` is the target's. ``on_exchange`` is called after each recorded exchange,
    ``on_evidence`` after each finding.
    """

    def __init__(
        self,
        recorder: Recorder,
        clauses: Clauses,
        learned: Learned,
        patience: Patience,
        load: Load,
        budget: Budget,
        ids: IdPolicy,
        cases: Mapping[str, Case],
        base_url: str,
    ) -> None:
        self.write = recorder.write
        self.clauses = clauses
        self.exchanges: dict[int, Exchange] = {}
        self.evidence: list[Evidence] = []
        self.on_exchange: list[Callable[[Exchange], None]] = []
        self.on_evidence: list[Callable[[Evidence], None]] = []
        self.sent = 0
        self.causes: dict[int, str] = {}
        """The cause of each refusal, by the number of its exchange, whose request was served later."""
        self._recorder = recorder
        self._learned = learned
        self._patience = patience
        self._load = load
        self._budget = budget
        self._ids = ids
        self._cases = cases
        self._base_url = base_url
        self._withheld: list[Exchange] | None = None
        self._numbers = itertools.count(1)
        self._names = itertools.count()
        self._noted: set[tuple[str, str]] = set()

    def number(self) -> int:
        """Return the number of the next exchange."""
        return next(self._numbers)

    def told_apart(self, name: str) -> str:
        """Return the name for one more request of its kind, different from every other of the run; the same in each run."""
        return f"{name}/{next(self._names)}"

    # ------------------------------------------------------------------------------------------------------- exchanges

    def keep(self, exchange: Exchange, *, judged: bool, beside: bool = False) -> None:
        """Record an exchange; ``judged``: the clauses for every one judge it. ``beside``: it was sent to another operation."""
        self.sent += 1
        self._load.refusals += exchange.status in GATEWAY
        if not beside:
            self.exchanges[exchange.number] = exchange
        self._recorder.exchange(exchange, self._base_url)
        if (
            exchange.status == 429
            and exchange.response is not None
            and not beside
            and (truth := self._patience.too_long(exchange.response))
        ):
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
        closed = tuple(one for one in exchange.ids if one in self._ids.existing) if exchange.status == 202 else ()
        if closed:
            self.write(Closed(closed, exchange.number))
        if judged and self._withheld is not None:
            self._withheld.append(exchange)
        elif judged:
            self._hold_against_clauses(exchange)
        for listener in self.on_exchange:
            listener(exchange)

    def _hold_against_clauses(self, exchange: Exchange) -> None:
        """Judge an exchange by the clauses for every one; what lacked a demanded field is judged for that lack alone (CAR-OP-HEADERS)."""
        sent = {name.lower() for name, _ in exchange.request.headers}
        if not all(name.lower() in sent for name in self._learned.demanded):
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
                meant = dataclasses.replace(exchange, stands_for=self._learned.stands_for(exchange.response))
                if meant.stands_for:
                    self.exchanges[meant.number] = meant
                self._hold_against_clauses(meant)

    # ----------------------------------------------------------------------------------------------------- exploration

    def rename(self, exchange: Exchange, name: str, base: int) -> Exchange:
        """Record an explored exchange as the witness of a finding; one that is recorded already keeps its name."""
        if exchange.number in self.exchanges:
            return exchange
        exchange = dataclasses.replace(exchange, case=name, base=base)
        self.keep_explored(exchange)
        return exchange

    def keep_explored(self, exchange: Exchange) -> None:
        """Record an explored exchange, which was judged; harmless if it is recorded."""
        if exchange.number not in self.exchanges:
            self._budget.explored -= 1
            self.keep(exchange, judged=False)

    # -------------------------------------------------------------------------------------------------------- evidence

    def record(self, evidence: Evidence) -> Evidence:
        """Keep one piece of evidence, write it, and return it as it may be shown: without secrets."""
        if evidence.outcome is Outcome.BROKEN and (gone := self._closed_by_another(evidence)):
            evidence = msgspec.structs.replace(evidence, outcome=Outcome.UNTESTED, finding=None, reason=gone, supply=PENDING)
        if evidence.finding is not None and (cause := self._cause(evidence)):
            evidence = msgspec.structs.replace(evidence, finding=msgspec.structs.replace(evidence.finding, cause=cause))
        if not evidence.since and (since := self._since(evidence.case)):
            evidence = msgspec.structs.replace(evidence, since=since)
        evidence = self._recorder.redacted(evidence)
        self.evidence.append(evidence)
        self.write(evidence)
        if evidence.outcome is Outcome.BROKEN:
            for listener in self.on_evidence:
                listener(evidence)
        return evidence

    def _cause(self, evidence: Evidence) -> str:
        """Return the cause that a finding shares with others, if it has one."""
        if (refused := next((one for one in evidence.exchanges if one in self.causes), None)) is not None:
            return self.causes[refused]
        exchange = self.exchanges.get(evidence.exchanges[-1]) if evidence.exchanges else None
        return blame.in_front(exchange, frozenset(self._learned.looks)) if exchange is not None else ""

    def _closed_by_another(self, evidence: Evidence) -> str:
        """Return why a refusal is not held against the target: an id that was supplied as pending is not, and it may refuse such ids."""
        for exchange in (self.exchanges[number] for number in evidence.exchanges if number in self.exchanges):
            # What the lifecycle tests name they have looked at themselves.
            if exchange.status == 400 and not exchange.case.startswith("lifecycle/") and (gone := self._ids.gone(exchange.ids)):
                return f"{exchange.case} named {gone}, which was supplied as pending and has been closed by somebody else"
        return ""

    def _since(self, name: str) -> str:
        """Return the edition that introduced a case, by the name of it or of a request that goes with it; empty: none is said."""
        case = self._cases.get(name.partition("#")[0])
        return case.since if case is not None else ""

    def observe(self, choice: str, observed: str, *exchanges: Exchange) -> None:
        """Write down what the target does where it is free."""
        self.write(Observation(choice, observed, tuple(exchange.number for exchange in exchanges)))

    def note(self, about: str, text: str) -> None:
        """Write a sentence about the run."""
        self.write(Note(about, text))

    def note_once(self, about: str, text: str) -> None:
        """Write a sentence about the run, unless it was written before."""
        if (about, text) not in self._noted:
            self._noted.add((about, text))
            self.note(about, text)

    def write_surplus(self) -> None:
        """Write how often clauses were broken beyond the findings that were recorded."""
        beyond: Counter[tuple[str, str]] = Counter()
        for (requirement, case), times in self.clauses.surplus.items():
            beyond[requirement, self._since(case)] += times
        for (requirement, since), times in sorted(beyond.items()):
            self.write(Surplus(requirement, times, since))

    def write_tallies(self) -> None:
        """Write how often each clause that holds for every exchange was judged and held."""
        for tally in self.clauses.tallies():
            self.write(tally)


class Waits:
    """The pauses of a run: announced at once, from whatever thread, and recorded in their turn."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._waits: list[Wait] = []
        self._lock = threading.Lock()
        self.on_wait: list[Callable[[float, str], None]] = []

    def begin(self, seconds: float, reason: str) -> None:
        """Take note of a pause, and announce it."""
        with self._lock:
            self._waits.append(Wait(self._now(), seconds, reason))
        self.announce(seconds, reason)

    def announce(self, seconds: float, reason: str) -> None:
        """Announce a pause, or that it still lasts."""
        for listener in self.on_wait:
            listener(seconds, reason)

    def write(self, journal: Journal) -> None:
        """Write the pauses that have not been written."""
        with self._lock:
            waits, self._waits = self._waits, []
        for wait in waits:
            journal.write(wait)
