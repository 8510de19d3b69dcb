"""
Times of a run as numbers and as rectangles: what a plot shows is computed here, how it looks is the template's.

A plot is 520 by 190 units with its ground line at 160; above its bars is room for two rows of words.
"""

from __future__ import annotations

import bisect
import math
from typing import Final

from closecheck.model import Run, Struct
from closecheck.reports._facts import count, duration

_LEFT: Final = 36.0
_RIGHT: Final = 516.0
_TOP: Final = 36.0
_GROUND: Final = 160.0
_BINS: Final = 60
_EDGES: Final = tuple(sorted(step * 10.0**power for power in range(-4, 3) for step in (1, 2, 5)))


class Bar(Struct):
    """A rectangle of a plot."""

    x: float
    y: float
    width: float
    height: float


class Tick(Struct):
    """A text of a plot."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


class Chart(Struct):
    """A plot with the words for those who do not see it."""

    label: str
    caption: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    waits: tuple[tuple[float, float], ...] = ()
    marks: tuple[Tick, ...] = ()
    """Upright lines, each from its words down to the ground."""


class Timing(Struct):
    """What a run says about time."""

    words: str
    charts: tuple[Chart, ...]


def timing(run: Run) -> Timing:
    """Return the times of the recorded exchanges."""
    times = sorted(max(0.0, seconds) for seconds in run.moments.answers if math.isfinite(seconds))
    if not times:
        return Timing("No answer was recorded, so there is nothing to plot.", ())
    median, high, longest = (duration(quantile(times, share)) for share in (0.5, 0.95, 1.0))
    words = f"{count(len(times), 'recorded answer')}: half of them within {median}, 95 % within {high}, the slowest after {longest}."
    return Timing(words, tuple(chart for chart in (_latency(times, median, high, longest), _rate(run)) if chart))


def quantile(times: list[float], share: float) -> float:
    """Return the nearest-rank quantile of sorted times."""
    return times[max(0, math.ceil(share * len(times)) - 1)]


def _latency(times: list[float], median: str, high: str, longest: str) -> Chart:
    first = min(len(_EDGES) - 2, max(0, bisect.bisect_right(_EDGES, times[0]) - 1))
    last = max(first + 1, min(len(_EDGES) - 1, bisect.bisect_left(_EDGES, times[-1])))
    edges = _EDGES[first : last + 1]
    counts = [0] * (len(edges) - 1)
    for seconds in times:
        counts[min(len(counts) - 1, max(0, bisect.bisect_right(edges, seconds) - 1))] += 1
    every = math.ceil(len(edges) / 9)
    step = (_RIGHT - _LEFT) / len(counts)
    ticks = [
        Tick(_r(_LEFT + index * step), 176, duration(edge), "end" if index == len(counts) else "middle")
        for index, edge in enumerate(edges)
        if index % every == 0
    ]
    label = f"Distribution of {len(times):,} answer times: median {median}, 95th percentile {high}, longest {longest}"
    marks = [
        Tick(x := _place(seconds, edges, step), y, words, "start" if x < _RIGHT - 120 else "end")
        for y, seconds, words in ((12.0, quantile(times, 0.5), f"half within {median}"), (26.0, quantile(times, 0.95), f"95 % within {high}"))
    ]
    return Chart(label, "How long answers took, in steps of 1, 2, 5", _bars(counts), (*ticks, *_most(counts)), marks=tuple(marks))


def _place(seconds: float, edges: tuple[float, ...], step: float) -> float:
    """Return where a time stands on a scale whose steps are of equal width."""
    at = min(len(edges) - 2, max(0, bisect.bisect_right(edges, seconds) - 1))
    share = math.log(max(seconds, edges[at]) / edges[at]) / math.log(edges[at + 1] / edges[at])
    return _r(_LEFT + step * (at + min(1.0, share)))


def _rate(run: Run) -> Chart | None:
    sent = run.moments.sent
    end = max(max(sent, default=0.0), run.seconds)
    if not (math.isfinite(end) and end > 0):
        return None
    counts = [0] * _BINS
    for seconds in sent:
        if math.isfinite(seconds):
            counts[min(_BINS - 1, max(0, int(seconds / end * _BINS)))] += 1
    scale = (_RIGHT - _LEFT) / end
    waits = []
    for wait in run.waits[:500]:
        start, stop = (min(end, max(0.0, moment)) for moment in (wait.at, wait.at + wait.seconds))
        if stop - start > 0:
            waits.append((_r(_LEFT + start * scale), _r(max(1.0, (stop - start) * scale))))
    ticks = [Tick(_r(_LEFT + share * (_RIGHT - _LEFT)), 176, duration(end * share), anchor) for share, anchor in _ENDS]
    caption = f"Requests over time, {duration(end / _BINS)} a bar" + ("; shaded: the run waited" if waits else "")
    label = f"Requests over time: {count(len(sent), 'recorded request')} within {duration(end)}"
    return Chart(label, caption, _bars(counts), (*ticks, *_most(counts)), tuple(waits))


_ENDS: Final = ((0.0, "start"), (0.5, "middle"), (1.0, "end"))


def _bars(counts: list[int]) -> tuple[Bar, ...]:
    most = max(counts) or 1
    step = (_RIGHT - _LEFT) / len(counts)
    gap = min(3.0, step * 0.15)
    bars = []
    for index, number in enumerate(counts):
        if number:
            height = max(1.5, (_GROUND - _TOP) * number / most)
            bars.append(Bar(_r(_LEFT + index * step + gap / 2), _r(_GROUND - height), _r(step - gap), _r(height)))
    return tuple(bars)


def _most(counts: list[int]) -> tuple[Tick, ...]:
    return (Tick(30, _TOP + 4, f"{max(counts):,}", "end"), Tick(30, _GROUND, "0", "end"))


def _r(number: float) -> float:
    return round(number, 1)
