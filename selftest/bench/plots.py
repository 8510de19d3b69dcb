"""Plots as SVG text: bars with their spread, steps, and lines over growing sizes. Functions of numbers, without a library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from closecheck.model import Struct

from .figures import Spread

OURS: Final = "#2e8b57"
OTHERS: Final = "#8a8f98"
LIMIT: Final = "#2f5fa8"
_INK: Final = "#333"
_FAINT: Final = "#d5d8dc"
_BOUND: Final = "#b3261e"
_FONT: Final = 'font-family="sans-serif" font-size="11"'
_WIDTH: Final = 720


class Bar(Struct):
    """One bar: its words, its value with spread, and its colour; without words it is a gap with a title for what follows."""

    words: str
    value: Spread | None = None
    colour: str = OURS


class Series(Struct):
    """Points (x, y) in the order of x, with words and a colour."""

    words: str
    points: tuple[tuple[float, float], ...]
    colour: str


def _text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = _INK, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {_FONT} text-anchor="{anchor}" fill="{colour}" font-weight="{weight}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"{dashed}/>'


def _svg(height: float, label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" height="{height:.0f}" role="img" '
        f'aria-label="{escape(label)}">\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join([_text(8, 16, label, weight="bold"), *parts])
        + "\n</svg>\n"
    )


def number(value: float) -> str:
    """Return a number for people, with three figures: ``0.0431``, ``1.27``, ``38.2``, ``1,240``."""
    if value == 0:
        return "0"
    figures = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(figures, 4)}f}"


def bars(label: str, rows: Sequence[Bar], *, bound: float | None = None, bound_words: str = "", logarithmic: bool = False) -> str:
    """Return horizontal bars with whiskers from the least to the greatest, and a line at ``bound``."""
    left, right, top, step = 250.0, _WIDTH - 90.0, 48.0, 22.0
    values = [row.value for row in rows if row.value is not None]
    most = max([*(value.high for value in values), bound or 0.0])
    least = min(value.low for value in values)
    low = 10.0 ** math.floor(math.log10(least) - 0.3) if logarithmic else 0.0

    def place(value: float) -> float:
        if logarithmic:
            return left + (right - left) * math.log(value / low) / math.log(most / low)
        return left + (right - left) * value / most

    bottom = top + step * len(rows)
    parts = [_line(left, top, left, bottom, _FAINT)]
    if bound is not None:
        parts += [
            _line(place(bound), top - 6, place(bound), bottom, _BOUND, dash="4 3"),
            _text(place(bound), top - 10, bound_words, anchor="middle", colour=_BOUND),
        ]
    for index, row in enumerate(rows):
        y = top + step * index
        if row.value is None:
            parts.append(_text(8, y + 15, row.words, weight="bold"))
            continue
        parts += [
            _text(left - 8, y + 15, row.words, anchor="end"),
            f'<rect x="{left:.1f}" y="{y + 4:.1f}" width="{max(1.0, place(row.value.median) - left):.1f}" height="14" fill="{row.colour}"/>',
            *_whisker(place(max(row.value.low, low)), place(row.value.high), y + 11),
            _text(max(place(row.value.high), place(row.value.median)) + 6, y + 15, number(row.value.median)),
        ]
    return _svg(bottom + 12, label, parts)


def _whisker(start: float, end: float, y: float) -> list[str]:
    # White below black shows on every colour.
    strokes = [(start, y, end, y), (start, y - 3, start, y + 3), (end, y - 3, end, y + 3)]
    return [_line(*stroke, colour, width) for colour, width in (("#fff", 3.0), (_INK, 1.0)) for stroke in strokes]


def steps(label: str, series: Sequence[Series], most: float, *, across: str, up: str) -> str:
    """Return shares (0 to 1) as steps over a count up to ``most``."""
    left, right, top, bottom = 52.0, _WIDTH - 150.0, 46.0, 280.0
    parts = _axes(left, right, top, bottom, across, up)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = bottom - (bottom - top) * share
        parts += [_line(left, y, right, y, _FAINT), _text(left - 6, y + 4, f"{share * 100:.0f} %", anchor="end")]
    for tick in range(5):
        x = left + (right - left) * tick / 4
        parts.append(_text(x, bottom + 16, f"{most * tick / 4:,.0f}", anchor="middle"))
    ends: list[float] = []
    for one in series:
        path, last = [f"M{left:.1f},{bottom:.1f}"], bottom
        for x, y in one.points:
            across_at, last = left + (right - left) * min(1.0, x / most), bottom - (bottom - top) * y
            path.append(f"H{across_at:.1f}V{last:.1f}")
        path.append(f"H{right:.1f}")
        parts.append(f'<path d="{"".join(path)}" fill="none" stroke="{one.colour}" stroke-width="2"/>')
        ends.append(_apart(last + 4, ends))
        parts.append(_text(right + 6, ends[-1], one.words, colour=one.colour))
    return _svg(bottom + 40, label, parts)


def lines(label: str, series: Sequence[Series], *, across: str, up: str) -> str:
    """Return lines on two logarithmic scales, in which what is proportional rises by one decade in one."""
    left, right, top, bottom = 52.0, _WIDTH - 230.0, 46.0, 320.0
    xs, ys = ([point[at] for one in series for point in one.points] for at in (0, 1))
    x0, x1 = math.floor(math.log10(min(xs))), math.ceil(math.log10(max(xs)))
    y0, y1 = math.floor(math.log10(min(ys)) + 0.01), math.ceil(math.log10(max(ys)) + 0.01)

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            left + (right - left) * (math.log10(x) - x0) / max(1, x1 - x0),
            bottom - (bottom - top) * (math.log10(y) - y0) / max(1, y1 - y0),
        )

    parts = _axes(left, right, top, bottom, across, up)
    for power in range(y0, y1 + 1):
        _, y = at(10.0**x0, 10.0**power)
        parts += [_line(left, y, right, y, _FAINT), _text(left - 6, y + 4, number(10.0**power), anchor="end")]
    for power in range(x0, x1 + 1):
        x, _ = at(10.0**power, 10.0**y0)
        parts += [_line(x, top, x, bottom, _FAINT), _text(x, bottom + 16, f"{10**power:,}", anchor="middle")]
    ends: list[float] = []
    for one in series:
        places = [at(x, y) for x, y in one.points]
        parts.append(
            f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}" fill="none" stroke="{one.colour}" stroke-width="2"/>'
        )
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{one.colour}"/>' for x, y in places]
        ends.append(_apart(places[-1][1] + 4, ends))
        parts.append(_text(places[-1][0] + 8, ends[-1], one.words, colour=one.colour))
    return _svg(bottom + 40, label, parts)


def _axes(left: float, right: float, top: float, bottom: float, across: str, up: str) -> list[str]:
    return [
        _line(left, bottom, right, bottom, _INK),
        _line(left, top, left, bottom, _INK),
        _text((left + right) / 2, bottom + 32, across, anchor="middle"),
        _text(left + 4, top - 4, up),
    ]


def _apart(y: float, taken: Sequence[float]) -> float:
    """Return a place for a line of text near ``y`` that covers none of those that are there."""
    while any(abs(y - other) < 13 for other in taken):
        y -= 1
    return y
