"""
What a run does when the target asks it to wait: for how long, how often, and what that shows of the target (CAR-RATE-*).

One :class:`Patience` for a run. It sends nothing itself: how the request is sent again is up to whoever was refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Final

from closecheck.http.pace import Gate
from closecheck.judging.checks.rate_limit import wait_asked
from closecheck.model import Finding, Outcome, Response, Struct
from closecheck.model.errors import Untested

ABSURD_WAIT: Final = 24 * 3600.0
"""Seconds beyond which a Retry-After is no such time at all (CAR-RATE-TRUTHFUL)."""
TOLD: Final = "the target asked to wait (429, Retry-After)"
_AS_TOLD: Final = 2
"""So often in a row a Retry-After is waited out as told: another client may have used up the limit the first time."""
_GIVEN_UP: Final = 4
"""So many requests in a row that were answered 429 to the end, and nothing more is sent."""


class Truth(Struct):
    """What waiting has shown under CAR-RATE-TRUTHFUL; ``attempts`` counts the requests sent meanwhile, from 0."""

    outcome: Outcome
    attempts: tuple[int, ...] = ()
    finding: Finding | None = None
    reason: str = ""


class Waited(Struct):
    """How a wait ended."""

    truths: tuple[Truth, ...] = ()
    starved: bool = False
    """There is no other answer to be had."""
    punctual: bool | None = None
    """Whether the first request after the wait was served (CAR-RATE-EXACT); None: nothing was waited out as told."""


class Patience:
    """How long a run waits. ``max_wait``: seconds of a Retry-After that are waited out."""

    def __init__(self, gate: Gate, max_wait: float) -> None:
        self._gate = gate
        self.max_wait = max_wait
        self._ended: Untested | None = None
        self._starved = 0
        """How many requests in a row were answered 429 to the end."""
        self.waits: list[tuple[bool, tuple[int, ...]]] = []
        """Of each wait: whether the first request after it was served, and the numbers of its exchanges."""

    def check(self) -> None:
        """
        Let a request be sent, if the target has not asked for more patience than the run has.

        Raises:
            Untested: it has; nothing is sent any more.

        """
        if self._ended is not None:
            raise Untested(self._ended.reason, self._ended.supply)

    @property
    def is_over(self) -> bool:
        """Whether nothing is sent any more."""
        return self._ended is not None

    def give_up(self, reason: str, supply: str) -> None:
        """Let nothing more be sent: the target serves nobody."""
        if self._ended is None:
            self._ended = Untested(f"{reason}; nothing more was sent", supply)

    def served(self) -> None:
        """Take note of an answer that is no 429."""
        self._starved = 0

    def notice(self, response: Response | None) -> None:
        """Take note of an answer as soon as it is there, whoever asked for it: after a 429 nothing is sent before the time that it names."""
        if response is None or response.status != 429:
            return
        self._gate.refused()
        asked = wait_asked(response)
        if asked is None:
            return
        if asked <= self.max_wait:
            self._gate.hold(asked)
        elif self._ended is None:
            words = _words(asked)
            supply = f"max_wait: {asked:.0f}" if asked <= ABSURD_WAIT else ""
            self._ended = Untested(f"a 429 asked to wait {words}; the run waits {self.max_wait:g} s at most, and sent nothing more", supply)

    def too_long(self, response: Response) -> Truth | None:
        """Return what a 429 shows that asks for a longer wait than the run has patience for; None: it asks for none such."""
        asked = wait_asked(response)
        if asked is None or asked <= self.max_wait:
            return None
        if asked > ABSURD_WAIT:
            return Truth(Outcome.BROKEN, finding=Finding("a Retry-After of at most 24 hours", _words(asked)))
        return Truth(Outcome.UNTESTED, reason=f"a 429 asked to wait {_words(asked)}; the run waits {self.max_wait:g} s at most (max_wait)")

    def wait_out(self, told: Response, again: Callable[[], Response | None], *, teaches: bool = True) -> Waited:
        """
        Wait as a 429 asks and send its request again, until it has another answer or patience ends; nothing else is in flight.

        ``again`` sends it and returns the answer, None if there is none. ``teaches``: the pace of the run has caused the refusal.
        """
        asked = wait_asked(told)
        if asked is not None and asked > self.max_wait:
            return Waited(starved=True)
        if self._starved:
            return self._in_vain()
        truths: list[Truth] = []
        waited: list[float] = []
        punctual: bool | None = None
        as_told = True
        spent = total = 0.0
        for attempt, pause in enumerate(itertools.chain([None] * _AS_TOLD, _growing())):
            as_told = as_told and asked is not None and pause is None
            seconds = asked if as_told and asked is not None else max(pause or 1.0, asked or 0.0)
            if not as_told:
                spent += seconds
                if spent > self.max_wait:
                    break
            self._gate.pause(seconds, TOLD if as_told else "the target answers 429, and does not say truthfully how long to wait")
            total += seconds
            self._gate.given_time()
            answer = again()
            if answer is None:
                return Waited(tuple(truths), punctual=punctual)
            is_served = answer.status != 429
            if as_told:
                waited.append(seconds)
                punctual = is_served if punctual is None else punctual
                if is_served:
                    truths.append(Truth(Outcome.HELD, (attempt,)))
                elif len(waited) == _AS_TOLD:
                    truths.append(_untrue(waited))
            if is_served:
                self.served()
                self._gate.served(total, teaches=teaches)
                return Waited(tuple(truths), punctual=punctual)
            asked = wait_asked(answer)
            if asked is not None and asked > self.max_wait:
                return Waited(tuple(truths), starved=True, punctual=punctual)
        self._starved = 1
        return Waited(tuple(truths), starved=True, punctual=punctual)

    def _in_vain(self) -> Waited:
        """Give up a request without waiting: the one before it was waited for in vain."""
        self._starved += 1
        if self._starved >= _GIVEN_UP and self._ended is None:
            self._ended = Untested(
                "the target answered 429 for longer than the run waits, to one request after another; nothing more was sent"
            )
        return Waited(starved=True)


def _growing() -> Iterator[float]:
    """Yield growing pauses, in seconds."""
    pause = 1.0
    while True:
        yield pause
        pause *= 2


def _untrue(waited: list[float]) -> Truth:
    first, second = waited
    finding = Finding(
        f"an answer other than 429 after waiting as told, {first:g} s and, told again, {second:g} s, with nothing else in flight",
        "429 both times",
    )
    return Truth(Outcome.BROKEN, tuple(range(len(waited))), finding)


def _words(seconds: float) -> str:
    return f"{seconds:,.0f} s, {seconds / 86400:,.1f} days" if seconds > ABSURD_WAIT else f"{seconds:,.0f} s"
