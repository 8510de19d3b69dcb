"""How fast a run goes: the suite's own rate holds exactly, and the pace that a limiter lets through is found with few refusals."""

import math
import threading
import time
from collections import deque

import pytest

from closecheck.config.checked_values import checked_rate
from closecheck.http.pace import Gate, Pace, RateLimit

PLANNED = 2904
"""Requests of a whole run."""
ROUND_TRIP = 0.002


class FixedWindow:
    """Counts in windows that begin with the first request after the one before."""

    def __init__(self, count, seconds):
        self.count, self.seconds = count, seconds
        self.began, self.served = -math.inf, 0

    def wait(self, now):
        if now - self.began >= self.seconds:
            self.began, self.served = now, 0
        self.served += 1
        return 0.0 if self.served <= self.count else self.began + self.seconds - now


class ClockWindow(FixedWindow):
    """Counts in windows of the clock, as who divides the time by the window does."""

    def wait(self, now):
        began = now // self.seconds * self.seconds
        if began != self.began:
            self.began, self.served = began, 0
        self.served += 1
        return 0.0 if self.served <= self.count else self.began + self.seconds - now


class SlidingWindow:
    """Counts in the seconds before each request."""

    def __init__(self, count, seconds):
        self.count, self.seconds, self.served = count, seconds, deque()

    def wait(self, now):
        while self.served and now - self.served[0] >= self.seconds:
            self.served.popleft()
        if len(self.served) == self.count:
            return self.served[0] + self.seconds - now
        self.served.append(now)
        return 0.0


class Bucket:
    """Holds as many tokens as a window lets through, and is filled evenly."""

    def __init__(self, count, seconds):
        self.count, self.left, self.per_second, self.at = count, float(count), count / seconds, 0.0

    def wait(self, now):
        self.left = min(self.count, self.left + (now - self.at) * self.per_second)
        self.at = now
        if self.left < 1:
            return (1 - self.left) / self.per_second
        self.left -= 1
        return 0.0


class BucketWithBurst(Bucket):
    """Holds fewer tokens than it is filled with in a second, or more: nginx's ``rate=50r/s burst=20 nodelay``."""

    def __init__(self, per_second, burst):
        super().__init__(burst, burst / per_second)


def simulated(limiter, planned, told, pace=None, first_wait=1.0):
    """Return (requests sent, seconds taken) of a run of so many requests, one at a time; ``told`` makes Retry-After of a wait."""
    pace, now, sent = pace or Pace(8), 0.0, 0
    for _ in range(planned):
        waited = 0.0
        growing = iter([first_wait, first_wait, first_wait, 2.0, 4.0, 8.0, 16.0, 32.0])
        while True:
            if not waited:
                now += max(pace.due(now), 0.0)
            pace.take(now)
            sent += 1
            left = limiter.wait(now)
            now += ROUND_TRIP
            if left <= 0:
                break
            pace.refused()
            wait = told(left) or next(growing)
            waited += wait
            now += wait
        if waited:
            pace.learn(waited, now)
    return sent, now


@pytest.mark.parametrize("kind", [FixedWindow, ClockWindow, SlidingWindow, Bucket])
@pytest.mark.parametrize(("count", "seconds"), [(5, 2), (10, 1), (95, 10), (100, 60), (3, 1)])
@pytest.mark.parametrize(
    "told", [lambda left: float(math.ceil(left)), lambda left: math.ceil(left) + 3.0, lambda _: None], ids=["exact", "generous", "untold"]
)
def test_the_pace_of_a_limiter_is_found_with_few_refusals_and_made_use_of(kind, count, seconds, told):
    sent, taken = simulated(kind(count, seconds), PLANNED, told)

    assert sent <= 1.1 * PLANNED
    assert taken <= 1.3 * PLANNED * seconds / count


def test_a_target_that_refuses_nothing_is_not_slowed_down():
    pace = Pace(8)
    for _ in range(1000):
        pace.take(0.0)

    assert pace.due(0.0) == 0.0
    assert pace.width is None


def test_a_pace_that_was_held_down_by_a_passing_load_recovers():
    pace = Pace(8)
    pace.take(0.0)
    pace.refused()
    pace.take(1.1)
    pace.learn(1.0, 1.1)
    now = 1.1
    for _ in range(2000):
        now += max(pace.due(now), ROUND_TRIP)
        pace.take(now)

    assert pace.per_second > 50


def refused(pace, now, waited=1.0):
    pace.refused()
    pace.take(now + waited)
    pace.learn(waited, now + waited)
    return now + waited


def test_a_run_that_has_little_to_send_is_not_slowed_down_by_that():
    pace, now = Pace(8), 0.0
    for _ in range(50):
        pace.take(now)
    now = refused(pace, now)
    learned = pace.per_second
    for _ in range(30):
        now += 5.0
        pace.take(now)
    refused(pace, now)

    assert pace.per_second > learned / 3


def test_a_burst_says_nothing_of_the_pace():
    pace, now = Pace(8), 0.0
    for _ in range(50):
        pace.take(now)
    now = refused(pace, now)
    learned = pace.per_second
    for _ in range(16):
        pace.take(now, hurried=True)
    refused(pace, now)

    assert pace.per_second == learned


def test_whoever_punishes_with_long_waits_is_not_tried_again():
    pace, now = Pace(8), 0.0
    for _ in range(50):
        pace.take(now)
    now = refused(pace, now, waited=60.0)
    learned = pace.per_second
    for _ in range(500):
        now += pace.due(now)
        pace.take(now)

    assert pace.per_second == learned


def test_before_a_burst_the_target_is_spared_what_the_burst_is_worth(monkeypatch):
    paused = []
    monkeypatch.setattr(Gate, "pause", lambda self, seconds, reason: paused.append(seconds))
    gate = Gate(None, lambda *_: None)
    gate.spare(16)
    gate.pace.per_second = 8.0
    gate.spare(16)

    assert paused == [2.0]


@pytest.mark.parametrize(("count", "seconds"), [(95, 10.0), (5, 2.0), (1, 0.5)])
def test_the_suites_own_rate_is_never_exceeded_in_any_window(count, seconds):
    rate, now, sent = RateLimit(count, seconds), 0.0, []
    for _ in range(4 * count):
        now += max(rate.due(now), 0.0)
        rate.take(now)
        sent.append(now)

    assert all(later - earlier >= seconds for earlier, later in zip(sent, sent[count:], strict=False))
    assert sent[-1] <= 3 * (seconds + 0.1)


LIMITERS = [
    *((kind, of) for kind in (FixedWindow, ClockWindow, SlidingWindow, Bucket) for of in [(5, 2), (10, 1), (40, 1), (95, 10)]),
    (BucketWithBurst, (50, 20)), (BucketWithBurst, (40, 20)), (BucketWithBurst, (60, 30)), (BucketWithBurst, (30, 200)), (BucketWithBurst, (5, 50)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "of"), LIMITERS)
@pytest.mark.parametrize("first_wait", [0.25, 1.0])
def test_with_the_rate_that_is_named_nothing_is_refused(kind, of, first_wait):
    pace = Pace(8)
    simulated(kind(*of), 900, lambda _: None, pace, first_wait)
    named = checked_rate(pace.named, "rate")
    rate, limiter, now, refusals = RateLimit(named.requests, named.seconds), kind(*of), 0.0, 0
    for _ in range(900):
        now += max(rate.due(now), 0.0)
        rate.take(now)
        refusals += limiter.wait(now) > 0

    assert pace.refusals
    assert refusals == 0
    assert pace.named in pace.words


@pytest.mark.parametrize("seed", range(4))
def test_where_refusals_do_not_come_from_the_pace_none_is_named(seed):
    class EveryHundredth:
        served = seed * 17

        def wait(self, now):
            self.served += 1
            return 0.0 if self.served % 100 else 0.25

    pace = Pace(8)
    simulated(EveryHundredth(), 900, lambda left: left, pace)

    assert pace.named is None
    assert "rate:" not in pace.words


def test_after_a_few_requests_no_rate_is_named():
    pace = Pace(8)
    simulated(BucketWithBurst(50, 20), 60, lambda _: None, pace, 0.25)

    assert pace.refusals
    assert pace.named is None
    assert "not known" in pace.words


def test_a_pace_that_fell_far_below_the_limit_recovers_within_a_hundred_requests():
    pace, limiter, now = Pace(8), BucketWithBurst(50, 20), 0.0
    simulated(limiter, 600, lambda _: None, pace, 0.25)
    now = limiter.at + 1.0
    for _ in range(3):  # refused for another reason, each time at once
        now = refused(pace, now, 0.25)
    fallen = pace.per_second
    for _ in range(100):
        now += max(pace.due(now), 0.0)
        pace.take(now)

    assert fallen < 20
    assert pace.per_second > 30


def test_while_a_retry_after_runs_nobody_enters():
    said = []
    gate = Gate(None, lambda seconds, reason: said.append((seconds, reason)))
    gate.hold(0.2)
    began = time.monotonic()
    with gate.flight():
        entered = time.monotonic()

    assert entered - began >= 0.19
    assert len(said) == 1
    assert "Retry-After" in said[0][1]


def test_a_long_pause_is_announced_again_and_again(monkeypatch):
    monkeypatch.setattr("closecheck.http.pace._REMINDER", 0.02)
    monkeypatch.setattr("closecheck.http.pace._SILENCE", 0.0)
    still = []
    gate = Gate(None, lambda *_: None)
    gate.on_still = lambda seconds, reason: still.append((seconds, reason))
    gate.pause(0.2, "for a test")

    assert len(still) >= 2
    assert still[0][0] > still[-1][0]
    assert {reason for _, reason in still} == {"for a test"}


def test_whoever_waits_for_the_suites_own_rate_can_be_interrupted():
    gate = Gate(RateLimit(1, 3600), lambda *_: None)
    with gate.flight():
        pass
    ended = threading.Event()

    def waits():
        try:
            with gate.flight():
                pass
        except Exception:  # noqa: BLE001 - whatever ends it
            ended.set()

    thread = threading.Thread(target=waits, daemon=True)
    thread.start()
    gate.stop()

    assert ended.wait(10)
    thread.join(10)
