"""
What closing does: one experiment for the whole area. Everything is sent first, then looked at; the verdicts are for :mod:`closecheck.lifecycle.verdicts`.

No id is named by two requests that may close it, and every message is told from all others by a marker. What could be
explained by a target that conforms (others at work, words that nobody fixed, documents that cannot be tied to a
request) is left undecided with its reason, never held against the target.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final

from closecheck.config.settings import Settings
from closecheck.lifecycle.alone import Alone
from closecheck.lifecycle.audit_trail import Trail
from closecheck.lifecycle.choices import observe_taken, observe_time, observe_unknown
from closecheck.lifecycle.done import Done
from closecheck.lifecycle.facts import Facts
from closecheck.lifecycle.id_sources import Sources
from closecheck.lifecycle.judgement import CONSENT_SUPPLY
from closecheck.lifecycle.looking import QUIET, Lookout
from closecheck.lifecycle.observers import EventsObserver, assemble
from closecheck.lifecycle.others import is_lost
from closecheck.lifecycle.plan import OVER, REPEATED, pending_needed
from closecheck.lifecycle.sending import Sender
from closecheck.lifecycle.supply import Supply
from closecheck.lifecycle.watch import Watch
from closecheck.model.errors import Untested
from closecheck.session.ids import Source
from closecheck.session.session import Session

_ROUNDS: Final = 3
"""So often a step is sent with other ids in place of those that somebody else has closed meanwhile."""


def keep_ids(session: Session) -> None:
    """Put ids aside for the experiment where every accepted request of the run uses some up."""
    if session.ids.source is Source.SUPPLIED:
        session.ids.keep(pending_needed(without_long_lists=True))


class Experiment:
    """
    The one experiment of a run; ``facts`` and ``trail`` are what the verdicts are read from.
    """

    def __init__(self, session: Session, settings: Settings, sources: Sources, own_observer: object | None) -> None:
        self._session = session
        self._settings = settings
        self._observers = assemble(session, settings.target.observe, own_observer)
        self._events = next((one for one in self._observers if isinstance(one, EventsObserver)), None)
        self.facts = Facts(f"cc-{session.plan.mark}", settings.settle, session.ids.source, session.contract)
        self.trail = Trail(self.facts)
        self._supply = Supply(session, sources, self.facts)
        self._sender = Sender(session, settings.provoke, self.facts)
        self._lookout = Lookout(session, self.facts, self.trail)
        self._alone = Alone(settings.provoke, self.facts, self.trail, self._sender, self._lookout)

    def run(self) -> None:
        """Send everything, look until all that must happen has happened or the settling time is over."""
        if not self._settings.target.access_requests.may_close:
            why = "--safe was given" if self._settings.safe else "the target file does not allow it (may_close)"
            self.facts.problem = Untested(f"closing existing access requests needs consent: {why}", CONSENT_SUPPLY)
            return
        try:
            self._watch()
            self._supply.hand_out()
            self._send_everything(list(self.facts.done.values()))
            self._lookout.wait()
            self._send_lost_ones_again()
            with contextlib.suppress(Untested):  # what has been seen stays seen
                self._after()
        except Untested as untested:
            self.facts.problem = untested
        finally:
            if self._events is not None:
                self._events.close()

    def _watch(self) -> None:
        """Subscribe to events, and take the audits that are there for old ones."""
        if self._events is not None:
            try:
                self._events.open()
            except Untested as untested:
                self.facts.event_problem = untested
                self._observers.remove(self._events)
                self._events = None
            else:
                self.facts.event_url = self._events.url
                self.facts.event_url_may_be_out_of_reach = self._events.may_be_out_of_reach
        self.facts.watch = Watch(self._observers, (), self.facts.marker)
        self.facts.watch.look_for_audits()
        self.facts.watch.remember_audits()

    def _send_everything(self, steps: Sequence[Done]) -> None:
        left = [
            done
            for role in ("refused", "closes", "repeated", "parallel")
            for done in steps
            if done.step.role == role and not done.step.last
        ]
        sender = self._sender
        while left and left[0].step.role != "parallel":
            self._supply.look_again(left)
            done = left.pop(0)
            if done.step.name == OVER[1].name and not self.facts.done[OVER[0].name].accepted:
                done.untested = done.untested or Untested("the target refuses completed access requests")
            sends = {"refused": [sender.send_refused], "repeated": [sender.send, sender.send_again, sender.send_again]}
            for send in sends.get(done.step.role, [sender.send]):
                sender.attempt(done, send)
        if left:
            self._supply.look_again(left)
            sender.send_parallel(left)

    def _send_lost_ones_again(self) -> None:
        """Send what somebody else has come before again, with other ids, as long as there are any."""
        for _ in range(_ROUNDS):
            clones = [self._supply.with_other_ids(done) for done in list(self.facts.done.values()) if is_lost(self.facts, done)]
            if not any(clone.untested is None for clone in clones):
                return
            self._send_everything(clones)
            self._lookout.wait()

    def _after(self) -> None:
        """Send alone what may have been audited, repeat a request whose ids are closed by now, observe choices, confirm what may be a mixture."""
        self._lookout.wait_for_others()
        self._alone.send_refused(self.facts.with_role("refused"))
        repeated = self.facts.done[REPEATED.name]
        if repeated.accepted:
            self._sender.send_again(repeated, "when-closed")
            observe_taken(self._session, "a request that the run has closed", repeated.again[-1])
        over = self.facts.done[OVER[0].name]
        if over.exchange is not None:
            observe_taken(self._session, "a request that was completed before", over.exchange)
        observe_unknown(self._session, self.trail)
        observe_time(self._session, self.trail, self._events.arrivals() if self._events else {})
        self._alone.confirm()

    def exceed_limit(self) -> None:
        """Send, when nothing else of the run needs an answer any more, what is to be answered 429, and look what became of it."""
        for done in self.facts.with_role("refused"):
            if done.step.last and done.exchange is None and done.untested is None and done.ids:
                self._supply.look_again([done], at_once=True)
                if self.facts.watch.sees_audits:
                    self._lookout.look_for_audits()
                self._sender.attempt(done, self._sender.send_refused)
                if done.exchange is not None:
                    self._lookout.pause(QUIET[1], "for what must not happen to show itself")
                    self.facts.watch.look(done.ids)
                    self._lookout.note_lost_ones()
                    with contextlib.suppress(Untested):  # the wait that is asked for may be too long for another one
                        self._lookout.look_for_audits()
                        self._alone.send_refused([done])
