"""
How fast a run may go: the suite's own rate, the pace that the target was found to let through, and one gate for all senders.

Whoever waits, waits for an event or a deadline, and can be interrupted.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

_NEVER_LONGER: Final = 3600.0
_SILENCE: Final = 3.0
"""Seconds: a longer wait for the suite's own rate is announced like any other pause."""
_REMINDER: Final = 10.0
"""Seconds after which a long pause is announced once more."""
_MOST_SPARED: Final = 10.0
"""Seconds without a request before a burst."""
_LATE: Final = 0.02
"""Seconds by which one request may take longer to the target than another: a window of the suite's own rate is so much longer."""
_CATCH_UP: Final = 0.01
"""Seconds by which a request may follow too soon on one that was sent late."""
_MARGIN: Final = 0.97
"""The share of what a target lets through that is made use of: its clock and ours are not the same."""
_LESS: Final = 0.9
"""What is left of a pace that was refused although it had held before."""
_GROWTH: Final = 0.5
"""By how much a pace is raised that has held; by half as much after each raise that was refused."""
_SMALLEST_GROWTH: Final = 0.02
_STEADY: Final = 10
"""Requests, and _LONGER times the longest Retry-After, for which a pace must hold before it is raised; twice both after each raise that was refused."""
_LONGER: Final = 1.5
_PENALTY: Final = 30.0
"""Seconds: who asks for such a wait punishes, and doubles it when the limit is exceeded again."""
_MOST_DOUBLINGS: Final = 6
_NEAR: Final = 0.9
"""The share of the pace that was refused last from which on it is approached with small raises."""
_OUTGROWN: Final = 1.25
"""Times the pace that was refused last: if that much has held, it was refused for another reason, and is no bound any more."""
_FEW: Final = 5
"""So few requests let through between two refusals tell nothing of a pace: somebody else used up the limit, or the first wait was too short."""
_ENOUGH: Final = 100
"""Requests, and _LASTING seconds, and _PROVEN times the longest wait, without a refusal: then a pace is known to hold."""
_LASTING: Final = 2.0
_PROVEN: Final = 2.0


class Over(Exception):
    """The run was interrupted: whoever still waits or wants to send lets go."""


class RateLimit:
    """At most ``count`` requests in any window of ``seconds``."""

    def __init__(self, count: int, seconds: float) -> None:
        self._text = f"{count}/{seconds:g}s"
        self._seconds = seconds + _LATE
        self._sent: deque[float] = deque(maxlen=count)

    def __str__(self) -> str:
        """Return the rate as a target file has it: ``95/10s``."""
        return self._text

    def due(self, now: float) -> float:
        """Return in how many seconds one more request is within the rate; 0 or less: now."""
        return self._sent[0] + self._seconds - now if len(self._sent) == self._sent.maxlen else 0.0

    def take(self, now: float) -> None:
        """Count one more request."""
        self._sent.append(now)


class Pace:
    """
    The pace that a target was found to let through, learned from its refusals; none until the first of them.

    Between two openings of the gate a limiter of any kind lets through what its rate is worth: a window its count, a bucket its
    refill. That share, evenly spaced, is what is sent from then on, and fewer at a time. What holds is raised, ever more rarely.

    Times are in seconds of one monotonic clock, which the caller reads. Not safe for threads: the gate has the lock.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.per_second: float | None = None
        """None: no refusal has been met."""
        self.width: int | None = None
        """The most requests in flight; None: as many as the run allows."""
        self.refusals = 0
        """How many requests were refused."""
        self._opened: float | None = None
        self._served = 0
        """Requests let through since then."""
        self._next = 0.0
        self._held = 0.0
        """The highest pace that has held."""
        self._since = 0.0
        self._idle = 0.0
        """Seconds since the opening in which a request was due and there was none to send."""
        self._hurried = False
        """Whether more was sent since then than the pace has it, and on purpose."""
        self._steady = 0
        """Requests sent since then at the pace that is now."""
        self._cramped = 0
        """How many of these might have been sent earlier, had they not been too many in flight."""
        self._failed = 0
        self._longest = 0.0
        """The longest wait that was asked for."""
        self._ceiling = math.inf
        """The pace that was refused last."""
        self._empty: float | None = None
        """When the last refusal came: the limiter had nothing left at that moment."""
        self._since_empty = 0
        """Requests let through since then."""
        self._proved = 0.0
        """Requests a second, on average since a refusal, of the fastest stretch that was long enough."""
        self._proved_by = 0
        """How many requests that stretch has."""
        self._lowest_refused = math.inf
        """The slowest pace that was refused although the requests were evenly spaced."""

    def due(self, now: float) -> float:
        """Return in how many seconds one more request may be sent; 0 or less: now."""
        return self._next - now if self.per_second is not None else 0.0

    def cramped(self) -> None:
        """Take note that a request is due, and must wait for one that is in flight."""
        self._cramped += 1

    def take(self, now: float, *, hurried: bool = False) -> None:
        """Count one more request; ``hurried``: sent whatever the pace."""
        if self._opened is None:
            self._opened = now
        self._served += 1
        self._since_empty += 1
        if self.per_second is None:
            return
        self._prove(now)
        self._hurried |= hurried
        self._idle += max(now - self._next, 0.0)
        gap = 1 / self.per_second
        self._next = max(self._next, now - min(gap, _CATCH_UP)) + gap
        self._steady += 1
        self._raise_if_held(now)

    def refused(self) -> None:
        """Take note that one of the requests was refused."""
        self.refusals += 1
        self._served = max(self._served - 1, 0)

    def learn(self, waited: float, now: float) -> None:
        """Draw the conclusion from a refusal, once it has been waited for so many seconds and a request was let through again."""
        self._longest = max(self._longest, waited)
        lasted = max(now - (now if self._opened is None else self._opened) - self._idle, waited, 0.001)
        worth = _MARGIN * max(self._served - 1, 1) / lasted
        before = self.per_second
        self._empty, self._since_empty = now - waited, 1
        if before is None:
            self.per_second, self.width = worth, 1
        elif self._hurried:
            self.opened(now)  # a burst says nothing of the pace
            return
        else:
            self.per_second = self._lowered(before, worth)
        if self.width is None or self.width > 1:
            self.width = max((self.width or self._most) // 2, 1)
        self.opened(now)

    def _lowered(self, before: float, worth: float) -> float:
        """Return the pace that follows a refused one; ``worth``: what was let through meanwhile, in requests a second."""
        self._ceiling = max(before, self._proved)  # what was let through for long is no bound, whatever was refused since
        self._lowest_refused = min(self._lowest_refused, before)
        if self._served <= _FEW:
            worth = max(worth, before / 2)
        if before > self._held:
            self._failed = min(self._failed + 1, _MOST_DOUBLINGS)
            return max(self._held, min(worth, before * _MARGIN))
        self._held = 0.0
        return max(before / 2, min(worth, before * _LESS))

    def _prove(self, now: float) -> None:
        """
        Take note of what has been let through since the last refusal.

        A bucket was empty then and a window used up: the average since, the wait included, is at most what the limiter lets through.
        """
        if self._empty is None:
            return
        served = self._since_empty - (self.width or self._most)  # those in flight may still be refused
        lasted = now - self._empty
        if served >= _ENOUGH and lasted >= max(_LASTING, _PROVEN * self._longest) and served > self._proved * lasted:
            self._proved, self._proved_by = served / lasted, served

    def opened(self, now: float) -> None:
        """Begin to count anew: a request was let through after the target had been given time."""
        self._opened = now
        self._served = 1
        self._idle, self._hurried = 0.0, False
        self._next = now + (1 / self.per_second if self.per_second is not None else 0.0)
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._since, self._steady, self._cramped = now, 0, 0

    def _raise_if_held(self, now: float) -> None:
        if self.per_second is None or self._longest >= _PENALTY:
            return  # who is told of such a wait does not try it once more
        # Far below what was refused a raise is cheap: what a passing load has pressed down recovers soon.
        doublings = self._failed if self.per_second * (1 + _GROWTH) > self._ceiling * _NEAR else 0
        patience = 2**doublings
        lasted = now - self._since
        if self._steady < _STEADY * patience or lasted < _LONGER * self._longest * patience:
            return
        cramped = self._cramped * 2 >= self._steady
        if cramped and self.width is not None:
            self.width = self.width * 2 if self.width * 2 < self._most else None
        elif self._steady > lasted * self.per_second * 0.7:  # what was not made use of has not held
            self._held = self.per_second
            if self._held > self._ceiling * _OUTGROWN:
                self._ceiling, self._failed = math.inf, 0
            self.per_second *= 1 + max(_GROWTH / 2**doublings, _SMALLEST_GROWTH)
        self._begin(now)

    @property
    def named(self) -> str | None:
        """
        The ``rate:`` of a target file with which nothing is refused, evenly spaced: ``1/0.42s``; None: none is known to hold.

        It is not known before a stretch was long enough, nor where evenly spaced requests were refused at that pace.
        """
        if not self._proved or self._proved > self._lowest_refused:
            return None
        return f"1/{math.ceil(1000 / (self._proved * _MARGIN)) / 1000:g}s"

    @property
    def words(self) -> str:
        """What the run found of the limit, in a sentence, with the line of the target file that keeps below it if it is known."""
        if self.named is not None:
            return f"rate: {self.named} keeps below what the target lets through: {self._proved_by:,} requests in a row were served in that pace"
        if self._proved:
            return "it is not known that a slower pace helps: the target also refused requests that came no faster than others that it had served"
        return (
            "the pace that the target lets through is not known: too few requests were served in a row after a refusal. "
            "Ask who runs the limiter, or run a longer profile, which finds it"
        )


class Gate:
    """
    Lets requests into flight, and lets one request fly alone.

    ``alone`` closes the gate, waits until nothing is in flight, and keeps everybody else out until it is left. ``most`` is how many
    requests the run has in flight at most.
    """

    def __init__(self, rate: RateLimit | None, on_wait: Callable[[float, str], None], most: int = 8) -> None:
        self._rate = rate
        self.pace = Pace(most)
        self._on_wait = on_wait
        self.on_still: Callable[[float, str], None] = lambda _seconds, _reason: None
        """Called every few seconds of a long pause, with what is left of it."""
        self._changed = threading.Condition()
        self._counting = threading.Lock()
        self._in_flight = 0
        self._owner: int | None = None
        self._over = threading.Event()
        self._last: int | None = None
        """The one thread that may go on after :meth:`stop`."""
        self._held_until = 0.0
        self.openings = 0
        """How often the gate was closed and opened again."""

    @contextlib.contextmanager
    def flight(self, *, hurried: bool = False) -> Iterator[None]:
        """
        Enter when the gate is open (or the caller has closed it), within the rate and the pace.

        ``hurried``: whatever the pace, which is the point of a burst.

        Raises:
            Over: the run was interrupted by another thread.

        """
        self._while_held()
        with self._entered(one=not hurried):
            self._admitted(wait=True, hurried=hurried)
            yield

    @contextlib.contextmanager
    def _entered(self, *, one: bool = False) -> Iterator[None]:
        mine = threading.get_ident()
        with self._changed:
            if one and not self._fits(self._in_flight):
                self.pace.cramped()
            self._changed.wait_for(lambda: (self._owner in {None, mine} and (not one or self._fits(self._in_flight))) or self._is_over)
            self._let_go()
            self._in_flight += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _fits(self, flying: int) -> bool:
        return self.pace.width is None or flying < self.pace.width

    @contextlib.contextmanager
    def flights(self) -> Iterator[Callable[[int], bool]]:
        """
        Enter as :meth:`flight` does, for many requests of one thread.

        The function that is yielded is asked before each, with the number of those that are in flight: whether it may be sent now.
        With none in flight it waits until it may.

        Raises:
            Over: as in :meth:`flight`.

        """
        self._while_held()
        with self._entered():
            yield self._may_follow

    def _may_follow(self, flying: int) -> bool:
        if flying and not self._fits(flying):
            self.pace.cramped()
            return False
        return self._admitted(wait=not flying)

    def _admitted(self, *, wait: bool, hurried: bool = False) -> bool:
        """Count one more request and return True, if need be after a wait; False if it would have to wait and must not."""
        while True:
            with self._counting:
                now = time.monotonic()
                of_rate = self._rate.due(now) if self._rate is not None else 0.0
                left = max(of_rate, 0.0 if hurried else self.pace.due(now))
                if left <= 0:
                    if self._rate is not None:
                        self._rate.take(now)
                    self.pace.take(now, hurried=hurried)
                    return True
            if not wait:
                return False
            reason = f"the suite's own limit, {self._rate}" if left == of_rate else "the pace that the target lets through"
            if left > _SILENCE:
                self._on_wait(left, reason)
            self._idle(left, reason)

    def _while_held(self) -> None:
        if (left := self._held_until - time.monotonic()) > 0:
            self.pause(left, "the target asked to wait (429, Retry-After)")

    def hold(self, seconds: float) -> None:
        """Let nobody enter for so long: the target has asked for it."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)

    def refused(self) -> None:
        """Take note that a request was refused by a limit."""
        with self._counting:
            self.pace.refused()

    def served(self, waited: float, *, teaches: bool) -> None:
        """
        Take note that a request was let through after a refusal was waited for so many seconds.

        ``teaches``: it was the pace of the run that had caused the refusal.
        """
        with self._counting:
            if teaches:
                self.pace.learn(waited, time.monotonic())
            else:
                self.pace.opened(time.monotonic())

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """
        Enter when nothing is in flight; nobody else flies until this is left.

        Raises:
            Over: the run was interrupted by another thread.

        """
        mine = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: self._owner is None or self._is_over)
            self._let_go()
            self._owner = mine
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._in_flight == 0 or self._is_over)
                self._let_go()
            yield
        finally:
            with self._changed:
                self._owner = None
                self.openings += 1
                self._changed.notify_all()

    def spare(self, requests: int) -> None:
        """Let pass what so many requests are worth, if a pace was found: they may then be sent at once."""
        if self.pace.per_second is not None:
            self.pause(min(requests / self.pace.per_second, _MOST_SPARED), f"so that {requests} requests may be sent at once")

    def given_time(self) -> None:
        """Take note that the target has been given the time that it asked for: who has closed the gate may send."""
        self._held_until = 0.0

    def pause(self, seconds: float, reason: str) -> None:
        """
        Wait, saying why; Ctrl-C ends it.

        Raises:
            Over: the run was interrupted by another thread.

        """
        self._on_wait(seconds, reason)
        self._idle(seconds, reason)

    def _idle(self, seconds: float, reason: str) -> None:
        deadline = time.monotonic() + min(seconds, _NEVER_LONGER)
        waiting = threading.Event() if self._last == threading.get_ident() else self._over
        while (left := deadline - time.monotonic()) > 0:
            waiting.wait(min(left, _REMINDER))
            self._let_go()
            if (left := deadline - time.monotonic()) > _SILENCE:
                self.on_still(left, reason)

    def stop(self) -> None:
        """Let nobody wait or send any more but the calling thread, which may have things to undo."""
        with self._changed:
            self._last = threading.get_ident()
            self._over.set()
            self._changed.notify_all()

    @property
    def _is_over(self) -> bool:
        return self._over.is_set() and self._last != threading.get_ident()

    def _let_go(self) -> None:
        if self._is_over:
            raise Over
