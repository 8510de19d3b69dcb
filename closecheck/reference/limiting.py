"""
Who is told to wait can rely on it: Retry-After is never shorter than the time until the next request is let through.
"""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING

from closecheck.reference.errors import Throttled

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import FixedWindowRateLimiter


class Limiter:
    """
    Counts requests for each client in fixed windows; off unless a limit is given.
    """

    def __init__(self, limit: str | None) -> None:
        """
        Raises:
            ValueError: ``limit`` is not of the form ``100/10 seconds``.
        """
        self._window: tuple[FixedWindowRateLimiter, RateLimitItem] | None = None
        if limit is not None:
            # Imported on demand: the library costs 40 ms, and its storage starts a thread.
            from limits import parse
            from limits.storage import MemoryStorage
            from limits.strategies import FixedWindowRateLimiter

            self._window = FixedWindowRateLimiter(MemoryStorage()), parse(limit)

    def admit(self, client: str) -> None:
        """
        Counts one request of ``client``.

        Raises:
            Throttled: there were too many in this window.
        """
        if self._window is None:
            return
        limiter, item = self._window
        if not limiter.hit(item, client):
            raise Throttled(self.seconds_until(limiter.get_window_stats(item, client).reset_time))

    def seconds_until(self, reset: float) -> int:
        """
        Whole seconds until ``reset`` (Unix time), rounded up, at least 1.
        """
        return max(1, math.ceil(reset - time.time()))


class SlidingWindow:
    """
    Lets ``count`` requests through in any ``seconds``, all clients together.
    """

    def __init__(self, count: int, seconds: float) -> None:
        self._count = count
        self._seconds = seconds
        self._admitted: deque[float] = deque()

    def wait(self) -> float:
        """
        Counts one request; the seconds until it could have been let through if it is not, 0 if it is.
        """
        now = time.monotonic()
        while self._admitted and now - self._admitted[0] >= self._seconds:
            self._admitted.popleft()
        if len(self._admitted) == self._count:
            return self._seconds - (now - self._admitted[0])
        self._admitted.append(now)
        return 0.0


class Bucket:
    """
    Lets ``burst`` requests through at once, and from then on ``per_second``, all clients together.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = float(burst)
        self._at = time.monotonic()

    def wait(self) -> float:
        """
        Counts one request; the seconds until it could have been let through if it is not, 0 if it is.
        """
        now = time.monotonic()
        self._left = min(self._left + (now - self._at) * self._per_second, float(self._burst))
        self._at = now
        if self._left < 1:
            return (1 - self._left) / self._per_second
        self._left -= 1
        return 0.0
