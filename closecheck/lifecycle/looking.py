"""
How long and how often the suite looks: until all that must happen has been seen, and some time longer for what must not happen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Final

from closecheck.lifecycle.audit_trail import Trail
from closecheck.lifecycle.facts import Facts
from closecheck.lifecycle.others import in_company
from closecheck.session.session import Session

_BACKOFF: Final = (0.03, 0.05, 0.1, 0.2, 0.4)
_LONGEST: Final = 0.8
_PATIENCE: Final = 4
"""So many settling times are waited for what is still going on."""
QUIET: Final = (0.25, 1.0)
"""At least and at most so many seconds pass after the last thing that must happen, for what must not happen."""


def pauses() -> Iterator[float]:
    """Return the pauses between one look and the next, seconds, without end."""
    return itertools.chain(_BACKOFF, itertools.repeat(_LONGEST))


class Lookout:
    """
    Looks at everything, again and again; ``took`` are the seconds from the last accepted request to the last sight of what it must bring about.
    """

    def __init__(self, session: Session, facts: Facts, trail: Trail) -> None:
        self._session = session
        self._facts = facts
        self._trail = trail
        self.took = 0.0

    def _now(self) -> float:
        return self._session.now()

    def pause(self, seconds: float, reason: str) -> None:
        """Wait; the run records for what."""
        self._session.pause(seconds, reason)

    def until(self, over: Callable[[], bool], seconds: float, reason: str) -> None:
        """Ask whether it is over, with a pause after each time that it is not, for at most so many seconds."""
        deadline = self._now() + seconds
        for pause in pauses():
            if over() or (left := deadline - self._now()) <= 0:
                return
            self.pause(min(pause, left), reason)

    def wait(self) -> None:
        """
        Look until all that must happen has been seen, or the settling time is over; then once at everything.

        As long as more and more is seen the time is not over: who is still at work, on a busy machine, has not failed.
        """
        facts = self._facts
        exchanges = [done.exchange for done in facts.done.values() if done.accepted and done.exchange]
        began = max((one.timing.sent + one.timing.seconds for one in exchanges), default=self._now())
        deadline, longest = began + facts.settle, began + _PATIENCE * facts.settle
        progress: tuple[int, ...] = ()
        for pause in pauses():
            facts.watch.look(facts.unseen())
            self.note_lost_ones()
            if self._trail.lacks_audits():
                self.look_for_audits()
            if progress != (progress := self._progress()):
                deadline = min(max(deadline, self._now() + facts.settle / 2), longest)
            left = deadline - self._now()
            missing = any(facts.unseen().values()) or self._trail.lacks_audits() or facts.lacks_events()
            if not missing or left <= 0:
                break
            self.pause(min(pause, left), "for accepted requests to complete")
        self.took = self._now() - began
        if facts.accepted():
            self.pause(min(max(QUIET[0], self.took), QUIET[1]), "for what must not happen to show itself")
        self.look_for_audits(thorough=self._trail.lacks_audits())
        facts.heard = facts.arrived()
        facts.watch.look([one for done in facts.done.values() for one in done.of_kind("pac")])
        self.note_lost_ones()

    def note_lost_ones(self) -> None:
        """Find the requests that somebody else has closed before the step could that named them."""
        for done in self._facts.done.values():
            refused = done.step.role == "refused"
            if done.exchange is None or not (refused or (done.step.closes and done.accepted)):
                continue
            for one in done.of_kind("pa"):
                if one not in done.lost and self._facts.state(one) and self._trail.is_taken(done, one):
                    done.lost.add(one)

    def look_for_audits(self, *, thorough: bool = False) -> None:
        """Look at the audits; ``thorough``: at all of them."""
        self._facts.to_be_audited, self._facts.surely_audited = len(self._facts.taken_in), len(set(self._facts.taken_in))
        self._facts.watch.look_for_audits(thorough=thorough)

    def _progress(self) -> tuple[int, ...]:
        """Return how much has been seen so far: requests that are not closed yet, audits, events."""
        watch = self._facts.watch
        unseen = sum(len(ids) for ids in self._facts.unseen().values())
        return unseen, len(watch.new_audits()), len(self._facts.arrived()) if watch.sees_events else 0

    def wait_for_others(self) -> None:
        """
        Look for some time at refused requests of which an audit or an event tells, if others are at work: they may be about to close them.

        What is still pending then was not theirs.
        """
        facts = self._facts
        if not in_company(facts):
            return
        heard, ties = facts.heard or set(), self._trail.ties()
        suspects = {
            one
            for done in facts.with_role("refused")
            for one in done.ids
            if heard & facts.watch.aliases(one) or any(found.started for found in ties[done.step.name])
        }
        deadline = self._now() + facts.settle
        for pause in pauses():
            suspects = {one for one in suspects if facts.state(one) is False}
            left = deadline - self._now()
            if not suspects or left <= 0:
                return
            self.pause(min(pause, left), "for others to close what they have begun with")
            facts.watch.look(suspects)

    def begun_within(self, seconds: float) -> int:
        """Return how many Started audits come up within so many seconds; it ends as soon as there are any."""
        before = len(self._trail.begun())

        def over() -> bool:
            self.look_for_audits()
            return len(self._trail.begun()) > before

        self.until(over, seconds, "for audits of a request that was sent alone")
        return len(self._trail.begun()) - before
