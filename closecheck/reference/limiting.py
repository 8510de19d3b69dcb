"""
Who is told to wait can rely on it: Retry-After is never shorter than the time until the next request is let through.
"""

from __future__ import annotations

import math
import time
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
