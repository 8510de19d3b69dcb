"""What the answer to a case says about its requirement, or shows of a choice: recorded once for each time that it is asked."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from closecheck.contract.cases import Case
from closecheck.contract.specification import Contract
from closecheck.judging import blame
from closecheck.model import Evidence, Outcome
from closecheck.model.errors import Untested
from closecheck.session.case_memory import CaseMemory
from closecheck.session.ids import PENDING
from closecheck.session.journal import Journal
from closecheck.session.learned import Learned
from closecheck.session.needs import Tokens
from closecheck.session.questions import Questions


class CaseJudge:
    """Asks a case and its base, lets the rules of blame decide, and records the decision."""

    def __init__(
        self,
        contract: Contract,
        cases: Mapping[str, Case],
        memory: CaseMemory,
        questions: Questions,
        journal: Journal,
        tokens: Tokens,
        learned: Learned,
    ) -> None:
        self._contract = contract
        self._cases = cases
        self._memory = memory
        self._questions = questions
        self._journal = journal
        self._tokens = tokens
        self._learned = learned

    def judge(self, case: Case) -> Evidence:
        """
        Return, and record, what a case says about its requirement.

        A case that edits an accepted one is untested where that one is not accepted: nobody could say what the refusal was for.

        Raises:
            Untested: the case is one of a long row, of which the core has asked its share, and too few existing ids are left for it.

        """
        evidence = self._judged(case)
        if evidence.outcome is Outcome.UNTESTED and evidence.supply == PENDING and case.id in self._contract.order.swept:
            self._journal.note_once(
                "ids",
                "too few pending access requests were supplied for all of the exploration: the core alone is judged where they were lacking",
            )
            raise Untested(evidence.reason, evidence.supply)
        return self._journal.record(evidence)

    def _judged(self, case: Case) -> Evidence:
        if case.expect is None:
            raise AssertionError(case.id)
        said = Evidence(case.requirement, Outcome.HELD, case.id, case.part, since=case.since)
        numbers: tuple[int, ...] = ()
        try:
            base = self._memory.ask(self._cases[case.base]) if case.base and case.base != case.id else None
            decision = blame.base_refused(case, base, self._cases[case.base]) if base is not None else None
            if decision is None:
                exchange = self._memory.ask(case)
                numbers = (exchange.number,)
                target = blame.Target(self._learned.refusal_status, self._tokens.expired(), frozenset(self._learned.looks))
                decision = self._questions.decide(blame.Situation(case, exchange, base, target))
        except Untested as untested:
            decision = blame.Decision(Outcome.UNTESTED, untested.reason, untested.supply)
        if decision.also is not None:
            requirement, others, finding = decision.also
            self._journal.record(Evidence(requirement, Outcome.BROKEN, case.id, exchanges=others, finding=finding))
        return msgspec.structs.replace(
            said, outcome=decision.outcome, exchanges=numbers, finding=decision.finding, reason=decision.reason, supply=decision.supply
        )

    def observe(self, case: Case) -> None:
        """Ask a case that observes a choice, and write down what its answer means."""
        try:
            exchange = self._memory.ask(case)
        except Untested as untested:
            self._journal.observe(case.choice, f"{case.description}: not observed, {untested.reason}")
            return
        meaning = case.observes.get(exchange.status, f"answered {exchange.status}" if exchange.status else "no answer")
        self._journal.observe(case.choice, f"{case.description}: {meaning}", exchange)
