"""Every case is sent once in a run, alone or ahead of its test, and its answer is remembered."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from closecheck.contract.cases import Case
from closecheck.contract.specification import Contract
from closecheck.judging.exchange import Exchange
from closecheck.model import Level
from closecheck.model.errors import Untested
from closecheck.session.ahead import Ahead, Brought
from closecheck.session.conversation import Conversation
from closecheck.session.ids import IdPolicy
from closecheck.session.journal import Journal
from closecheck.session.sender import Sender


class CaseMemory:
    """
    Knows the cases of a run and what each was answered.

    ``cases`` are the cases by their ids, ``answers`` the numbers of their exchanges, or why there is none; it alone changes them.
    """

    def __init__(
        self,
        contract: Contract,
        cases: dict[str, Case],
        answers: dict[str, int | Untested],
        ids: IdPolicy,
        sender: Sender,
        ahead: Ahead,
        journal: Journal,
    ) -> None:
        self._contract = contract
        self._cases = cases
        self._answers = answers
        self._ids = ids
        self._sender = sender
        self._ahead = ahead
        self._journal = journal
        self._postponed: dict[str, Case] = {}

    def add(self, case: Case) -> Case:
        """Make a case known by its id, so that others can be edits of it; return it as the run knows it."""
        known = self._cases.get(case.id)
        if known is None:
            level = self._contract[case.requirement].level if case.requirement else Level.MUST
            known = self._cases[case.id] = msgspec.structs.replace(case, tolerant=level is Level.SHOULD)
        return known

    def ask(self, case: Case) -> Exchange:
        """
        Return the exchange of a case: sent once, remembered.

        Raises:
            Untested: as in :meth:`Sender.send`, or its ids cannot be had.

        """
        case = self.add(case)
        if case.id in self._postponed:
            postponed, self._postponed = self._postponed, {}
            self.prefetch(postponed.values())
        if case.id not in self._answers:
            self._take(case, None)
        known = self._answers[case.id]
        if isinstance(known, Untested):
            raise known
        return self._journal.exchanges[known]

    def forget(self, case: Case) -> None:
        """Ask a case anew when it is next needed: its first answer was to ids that the target does not take."""
        self._answers.pop(case.id, None)

    def postpone(self, cases: Iterable[Case]) -> None:
        """Send cases as :meth:`prefetch` does, but not before one of them is asked for."""
        self._postponed.update({case.id: case for case in cases})

    def prefetch(self, cases: Iterable[Case]) -> None:
        """Send every case that has not been sent, several at a time; the bases go first."""
        wanted = list({case.id: self.add(case) for case in cases if case.id not in self._answers}.values())
        wanted.sort(key=self._contract.turn)
        needed = {case.base for case in wanted if case.base} - set(self._answers)
        self._ahead.send([self._cases[name] for name in sorted(needed)], self._take)
        self._ahead.send([case for case in wanted if case.id not in self._answers], self._take)

    def _take(self, case: Case, brought: Brought | None) -> None:
        """Record, judge and remember what a case brought; None: it has not been sent."""
        if isinstance(brought, Untested):
            self._answers[case.id] = brought
            return
        try:
            self._answers[case.id] = self._asked(case, brought).number
        except Untested as untested:
            self._answers[case.id] = untested

    def _asked(self, case: Case, brought: tuple[Conversation, list[str]] | None) -> Exchange:
        base = self._answers.get(case.base) if case.base else None
        number, change = (base, case.change) if isinstance(base, int) else (0, "")
        if brought is None:
            ids = self._ids.for_case(case)
            exchange = self._sender.send(case.id, case.request, ids, base=number, change=change)
        else:
            conversation, ids = brought
            exchange = self._sender.record_counting(case.id, case.request, conversation, ids, base=number, change=change)
        if case.accepts and exchange.attempt > 1 and 400 <= exchange.status < 500 and self._ids.existing.intersection(ids):
            # What was lost on the way may have been served, and have closed these ids: others are named.
            exchange = self._sender.send(case.id, case.request, self._ids.for_case(case), base=number, change=change)
        return exchange
