"""
How fast a run may go: the suite's own rate, and one gate that closes for everybody when the target says "later".

Whoever waits, waits for an event or a deadline, and can be interrupted.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

_NEVER_LONGER: Final = 3600.0


class Over(Exception):
    """The run was interrupted: whoever still waits or wants to send lets go."""


class RateLimit:
    """At most ``count`` requests in any window of ``seconds``."""

    def __init__(self, count: int, seconds: float) -> None:
        from pyrate_limiter import Limiter, Rate  # noqa: PLC0415 - only a run with a rate needs it

        self._limiter = Limiter(Rate(count, int(seconds * 1000)))

    def wait(self) -> None:
        """Return when one more request is within the rate."""
        self._limiter.try_acquire("target", blocking=True)

    def take(self) -> bool:
        """Tell whether one more request is within the rate now; it is counted then."""
        return bool(self._limiter.try_acquire("target", blocking=False))


class Gate:
    """
    Lets requests into flight, and lets one request fly alone.

    ``alone`` closes the gate, waits until nothing is in flight, and keeps everybody else out until it is left.
    """

    def __init__(self, rate: RateLimit | None, on_wait: Callable[[float, str], None]) -> None:
        self._rate = rate
        self._on_wait = on_wait
        self._changed = threading.Condition()
        self._in_flight = 0
        self._owner: int | None = None
        self._over = threading.Event()
        self._last: int | None = None
        """The one thread that may go on after :meth:`stop`."""
        self.openings = 0
        """How often the gate was closed and opened again."""

    @contextlib.contextmanager
    def flight(self) -> Iterator[None]:
        """
        Enter when the gate is open (or the caller has closed it), within the rate.

        Raises:
            Over: the run was interrupted by another thread.

        """
        with self._entered():
            if self._rate is not None:
                self._rate.wait()
            yield

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        mine = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: self._owner in {None, mine} or self._is_over)
            self._let_go()
            self._in_flight += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def flights(self) -> Iterator[Callable[[bool], bool]]:
        """
        Enter as :meth:`flight` does, for many requests of one thread.

        The function that is yielded is asked before each: whether it is within the rate. Asked with True, it waits until it is.

        Raises:
            Over: as in :meth:`flight`.

        """
        with self._entered():
            yield self._within

    def _within(self, wait: bool) -> bool:
        if self._rate is None:
            return True
        if not wait:
            return self._rate.take()
        self._rate.wait()
        return True

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

    def pause(self, seconds: float, reason: str) -> None:
        """
        Wait, saying why; Ctrl-C ends it.

        Raises:
            Over: the run was interrupted by another thread.

        """
        self._on_wait(seconds, reason)
        deadline = time.monotonic() + min(seconds, _NEVER_LONGER)
        waiting = threading.Event() if self._last == threading.get_ident() else self._over
        while (left := deadline - time.monotonic()) > 0:
            waiting.wait(left)
            self._let_go()

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
