"""
``docs/performance.md`` and its plots: functions of the data that a bench has left in ``docs/performance.json``.

A selftest renders both again and fails if they are stale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from closecheck.model import Struct

from . import contenders, figures, parts, plots
from .figures import FirstSeen, Performance, Proven, Row, Spread, peaks, processor, ratio, walls
from .plots import Bar, Series, number

MARKS: Final = (50, 100, 200, 400)
"""Requests after which the faults found are counted."""
_UNMEASURED: Final = "not measured"
_OURS: Final = (contenders.QUICK, contenders.STANDARD, contenders.WHOLE)


def write(performance: Performance, page: Path) -> None:
    """Write the data, the plots and the page, side by side."""
    page.parent.mkdir(parents=True, exist_ok=True)
    figures.write(performance, page.with_suffix(".json"))
    for name, picture in pictures(performance, page.stem).items():
        page.with_name(name).write_text(picture, encoding="utf-8")
    page.write_text(render(performance, page.stem), encoding="utf-8")


def render(performance: Performance, stem: str = "performance") -> str:
    """Return the page as Markdown; ``stem`` is the name of its files without their endings."""
    lines = [
        *_head(performance, stem),
        *_claims(performance),
        *_whole(performance, stem),
        *_rate(performance, stem),
        *_faults(performance, stem),
        *_growth(performance, stem),
        *_how(performance),
    ]
    return "\n".join(lines) + "\n"


def _head(performance: Performance, stem: str) -> list[str]:
    machine = performance.machine
    versions = ", ".join(f"{name} {version}" for name, version in performance.versions.items())
    short = (
        ["", "**This is the short form, on tiny amounts: it shows that the bench works. Its figures mean nothing.**"]
        if performance.short
        else []
    )
    return [
        "# Performance",
        "",
        "What a verdict costs, in time, memory and requests, beside Schemathesis on the same contract and the same servers.",
        f"This page is made by `make bench` in one run of {performance.seconds / 60:.0f} minutes; its data is [{stem}.json]({stem}.json).",
        f"closecheck {performance.suite} (edition {performance.edition}); {versions}.",
        f"{machine.cores} cores, {machine.system}, Python {machine.python}; before the bench {machine.load_before:.1f} processes wanted a core.",
        *short,
        "",
        "Figures are **ratios**: seconds depend on the machine, ratios much less. Within a part the contenders take turns, round after round; a ratio",
        "is taken within each round. What is shown is the median over the rounds, with the least and the greatest in brackets.",
        "",
    ]


# ---------------------------------------------------------------------------------------------------------------- claims


class Claim(Struct):
    """Something that was to be shown: in words, what was measured, and whether that is it (None: it was not measured)."""

    words: str
    measured: str = _UNMEASURED
    met: bool | None = None


def claims(performance: Performance) -> list[Claim]:
    """Return what was to be shown, held against what was measured."""
    return [
        *_wall_claims(performance),
        *_rate_claims(performance),
        *_fault_claims(performance),
        *_growth_claims(performance),
    ]


def _beside(performance: Performance, setting: str, contender: str, of: Callable[[Row], Sequence[float]] = walls) -> Spread | None:
    """Return a contender's figure relative to Schemathesis' default run."""
    row = performance.row(parts.WHOLE_PROCESS, setting, contender)
    peer = performance.row(parts.WHOLE_PROCESS, setting, contenders.PEER)
    return ratio(of(row), of(peer)) if row and peer else None


def _wall_claims(performance: Performance) -> Iterable[Claim]:
    for setting in (parts.REFERENCE, parts.STUB):
        for contender, bound in ((contenders.QUICK, 0.6), (contenders.STANDARD, 1.5)):
            words = f"`{contender}` takes at most {bound} of Schemathesis' default wall time ({setting})"
            yield _at_most(words, _beside(performance, setting, contender), bound)
    for core in performance.core:
        yield Claim(f"every core case is sent ({core.contender})", f"{core.sent} of {core.every}", core.sent == core.every)
    setting = parts.far(0.05)
    words = f"at 50 ms latency and 8 connections `{contenders.QUICK}` takes at most 0.5 of Schemathesis' default wall time"
    yield _at_most(words, _beside(performance, setting, contenders.QUICK), 0.5)


def _at_most(words: str, measured: Spread | None, bound: float) -> Claim:
    return Claim(words, spread(measured), measured.median <= bound) if measured else Claim(words)


def _at_least(words: str, measured: Spread | None, bound: float) -> Claim:
    return Claim(words, spread(measured), measured.median >= bound) if measured else Claim(words)


def _rates(performance: Performance, contender: str) -> list[float] | None:
    """Return requests a second in each round: without start and end where two lengths were measured."""
    sizes = performance.sizes(parts.RATE, parts.STUB, contender)
    rows = [performance.row(parts.RATE, parts.STUB, contender, size) for size in sizes]
    match rows:
        case [Row() as only]:
            return figures.whole_rates(only)
        case [Row() as small, Row() as large]:
            return figures.rates(small, large)
        case _:
            return None


def _rate_claims(performance: Performance) -> Iterable[Claim]:
    deep, fuzzing, limit = (_rates(performance, one) for one in (contenders.DEEP, contenders.FUZZING, contenders.LIMIT))
    words = "`deep` explores at least 100 times the requests per second of Schemathesis' fuzzing phase"
    yield _at_least(words, ratio(deep, fuzzing) if deep and fuzzing else None, 100)
    words = "and at least 0.2 of `wrk` over one connection"
    yield _at_least(words, ratio(deep, limit) if deep and limit else None, 0.2)
    sent = next((one for one in performance.sent if one.contender == contenders.DEEP), None)
    words = "with distinct bodies only"
    if sent is None:
        yield Claim(words)
    else:
        yield Claim(words, f"{sent.distinct:,} different of {sent.bodies:,} bodies", sent.distinct == sent.bodies)


def _fault_claims(performance: Performance) -> Iterable[Claim]:
    words = "after 100 requests at least 60 % of the faults that need no extra means are found"
    if not performance.first_seen:
        yield Claim(words)
        return
    ours, theirs = (figures.share(firsts, 100) for firsts in _firsts(performance))
    count = len(_seen(performance))
    yield Claim(f"{words} ({count} of them, both sides)", f"{ours:.0%}; Schemathesis {theirs:.0%}", ours >= 0.6)
    proven = performance.proven
    if proven and proven.firsts:
        share = figures.share(proven.firsts, 100)
        yield Claim(f"{words} ({_proven(proven)})", f"{share:.0%}", share >= 0.6)


def _proven(proven: Proven) -> str:
    return f"{len(proven.firsts)} of them, {'a sample' if proven.sample else 'all'} of the [proof](proof.md)"


def _seen(performance: Performance) -> list[FirstSeen]:
    """Return the faults that a URL and a token are enough to see."""
    return [one for one in performance.first_seen if not one.extra]


def _firsts(performance: Performance) -> tuple[list[int], list[int]]:
    return [one.closecheck for one in _seen(performance)], [one.schemathesis for one in _seen(performance)]


def _growth_claims(performance: Performance) -> Iterable[Claim]:
    for setting, contender in _GROWING:
        rows = _series(performance, setting, contender)
        for words in (
            f"seconds grow linearly ({setting}: the last tenfold costs at most 1.25 times as much an exchange as the one before)",
        ):
            yield _at_most(words, _bend(rows), 1.25) if len(rows) == 3 else Claim(words)
        words = f"peak memory stays within 1.3 ({setting})"
        yield _at_most(words, ratio(peaks(rows[-1]), peaks(rows[0])), 1.3) if rows else Claim(words)


_GROWING: Final = ((parts.EXPLORATION, contenders.DEEP), (parts.REPORTS, contenders.REPORT))


def _series(performance: Performance, setting: str, contender: str) -> list[Row]:
    rows = (performance.row(parts.GROWTH, setting, contender, size) for size in performance.sizes(parts.GROWTH, setting, contender))
    return [row for row in rows if row is not None]


def _bend(rows: Sequence[Row]) -> Spread:
    """Return what one more exchange costs between the last two sizes, relative to what it costs between the first two."""
    small, middle, large = rows
    # The first step is short beside what a process needs to start, and what disturbs a process only adds to its time:
    # the quickest rounds tell the step, where medians may tell nothing but noise.
    before = max(min(walls(middle)) - min(walls(small)), 1e-6) / (middle.size - small.size)
    last = [(longer - shorter) / (large.size - middle.size) for shorter, longer in zip(walls(middle), walls(large), strict=True)]
    return Spread.of(one / before for one in last)


def _claims(performance: Performance) -> list[str]:
    lines = ["## What was to be shown", "", "| | measured | met |", "| --- | --- | --- |"]
    lines += [f"| {one.words} | {one.measured} | {_MET[one.met]} |" for one in claims(performance)]
    return [*lines, ""]


_MET: Final = {True: "yes", False: "**no**", None: ""}


def summary(performance: Performance) -> str:
    """Return what was to be shown for the terminal, a line each."""
    if performance.short:
        return "The short form works. What it measured means nothing."
    marks = {True: "met    ", False: "NOT MET", None: "       "}
    return "\n".join(f"{marks[one.met]}  {one.words.replace('`', '')}: {one.measured}" for one in claims(performance))


def spread(measured: Spread | None) -> str:
    """Return a median with the least and the greatest: ``0.53 (0.50 to 0.58)``."""
    if measured is None:
        return _UNMEASURED
    return f"{number(measured.median)} ({number(measured.low)} to {number(measured.high)})"


# -------------------------------------------------------------------------------------------------------------- sections


def _whole(performance: Performance, stem: str) -> list[str]:
    settings = performance.settings(parts.WHOLE_PROCESS)
    if not settings:
        return []
    rounds = {len(row.rounds) for row in performance.rows if row.part == parts.WHOLE_PROCESS}
    lines = [
        "## Whole processes, near and far",
        "",
        f"From the start of a process to its end, reports included, {' or '.join(str(one) for one in sorted(rounds))} rounds. Python's bytecode is there already, as on any",
        "second start; servers are new for each process. Both sides get a URL and a token; the row *whole target file* is what closecheck does with",
        "everything else that a target file supplies: other callers, provoked errors, and closings that are watched to their end. For the latency the stub",
        "holds each answer back, connections kept alive; closecheck has 8 of them, Schemathesis 1, which is what each does by default.",
        "",
        "| server | contender | requests | wall time | processor time | peak memory |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    requests = {one.contender: one.requests for one in performance.sent}
    for setting in settings:
        for contender in (*_OURS, contenders.PEER):
            told = [_beside(performance, setting, contender, of) for of in (walls, processor, peaks)]
            if told[0] is not None:
                row = performance.row(parts.WHOLE_PROCESS, setting, contender)
                count = requests.get(contender) or (row.rounds[-1].requests if row else 0)
                figures_of_row = ["1", "1", "1"] if contender == contenders.PEER else [spread(one) for one in told]
                lines.append(f"| {setting} | {contender} | {count:,} | {' | '.join(figures_of_row)} |")
    return [*lines, "", f"![wall time relative to Schemathesis' default run]({stem}-whole.svg)", ""]


def _rate(performance: Performance, stem: str) -> list[str]:
    fuzzing = _rates(performance, contenders.FUZZING)
    if not fuzzing:
        return []
    limit = _rates(performance, contenders.LIMIT)
    lines = [
        "## The rate of exploration",
        "",
        "Requests a second against the stub, without start and end: the difference of two runs of different length, but for wrk. closecheck judges",
        "every answer by every clause that holds for all; the loop looks at the status; wrk sends one body over and over.",
        "",
        "| contender | relative to Schemathesis' fuzzing | relative to wrk | different bodies |",
        "| --- | --- | --- | --- |",
    ]
    different = {one.contender: f"{one.distinct / one.bodies:.1%} of {one.bodies:,}" for one in performance.sent if one.bodies}
    for contender in _RATED:
        measured = _rates(performance, contender)
        if measured:
            below = spread(ratio(measured, limit)) if limit else _UNMEASURED
            lines.append(f"| {contender} | {spread(ratio(measured, fuzzing))} | {below} | {different.get(contender, '')} |")
    return [*lines, "", f"![requests a second relative to Schemathesis' fuzzing]({stem}-rate.svg)", ""]


_RATED: Final = (contenders.FUZZING, contenders.DEEP, contenders.PLAIN, contenders.LIMIT)


def _faults(performance: Performance, stem: str) -> list[str]:
    if not performance.first_seen:
        return []
    ours, theirs = _firsts(performance)
    seen = _seen(performance)
    lines = [
        "## Faults found with the first requests",
        "",
        f"{len(seen)} faulty servers, spread over those whose faults a URL and a token are enough to see, without those that only delay or limit.",
        "closecheck has found a fault with the first exchange that shows a requirement broken which the fault breaks; Schemathesis with its first",
        "failure of any kind (on the reference it has none). A server is new for each side.",
        "",
        f"| found after | {' | '.join(f'{mark} requests' for mark in MARKS)} | its whole run | requests of it |",
        f"| --- |{' --- |' * (len(MARKS) + 2)}",
    ]
    everything = 10**9
    sents = ([one.closecheck_sent for one in seen], [one.schemathesis_sent for one in seen])
    for words, firsts, sent in ((contenders.QUICK, ours, sents[0]), (contenders.PEER, theirs, sents[1])):
        shares = " | ".join(f"{figures.share(firsts, mark):.0%}" for mark in (*MARKS, everything))
        lines.append(f"| {words} | {shares} | {sorted(sent)[len(sent) // 2]:,} |")
    proven = performance.proven
    if proven and proven.firsts:
        shares = " | ".join(f"{figures.share(proven.firsts, mark):.0%}" for mark in (*MARKS, everything))
        lines.append(f"| closecheck {proven.profile}, {_proven(proven)} | {shares} | |")
    lines += ["", f"![share of faults found by the number of requests]({stem}-faults.svg)", ""]
    told = {
        "Found by Schemathesis alone": [one.fault for one in seen if one.schemathesis and not one.closecheck],
        "Found by neither": [one.fault for one in seen if not one.schemathesis and not one.closecheck],
        "Left out, because only another caller, a provoked error or a watched closing shows them": [
            f"{one.fault} ({one.extra})" for one in performance.first_seen if one.extra
        ],
    }
    lines += [f"* {words}: {', '.join(names)}." for words, names in told.items() if names]
    return [*lines, ""]


def _growth(performance: Performance, stem: str) -> list[str]:
    lines = [
        "## Growth",
        "",
        "Explorations of growing length against the stub, and `closecheck report` on recorded runs of growing length, every format. Relative to the smallest.",
        "What the first tenfold costs an exchange is taken from the quickest rounds: it is short beside the start of a process.",
        "",
        "| | exchanges | wall time | peak memory |",
        "| --- | --- | --- | --- |",
    ]
    found = False
    for setting, contender in _GROWING:
        rows = _series(performance, setting, contender)
        for row in rows:
            found = True
            told = ("1", "1") if row is rows[0] else (spread(ratio(walls(row), walls(rows[0]))), spread(ratio(peaks(row), peaks(rows[0]))))
            lines.append(f"| {setting} | {row.size:,} | {' | '.join(told)} |")
    return [*lines, "", f"![seconds and peak memory over the number of exchanges]({stem}-growth.svg)", ""] if found else []


def _how(performance: Performance) -> list[str]:
    lines = ["## How it was measured", "", "| contender | command |", "| --- | --- |"]
    lines += [f"| {one.contender} | `{one.text}` |" for one in performance.commands]
    lines += [
        "",
        "Each process runs in an empty folder with an empty home, the token in the environment, and is measured with `wait4` by a small parent: wall time,",
        "user and system time, peak memory. For Schemathesis there lie a `schemathesis.toml`, which takes the token from the environment, and the tables of Unicode that",
        "Hypothesis keeps after a first run. A process that ends otherwise than it should ends the bench.",
        "`selftest/bench/` holds all of it; `make bench ARGS=--quick` is a short form that shows that it works.",
    ]
    if performance.skipped:
        lines += ["", "Not measured:", "", *(f"* {one}" for one in performance.skipped)]
    return lines


# -------------------------------------------------------------------------------------------------------------- pictures


def pictures(performance: Performance, stem: str = "performance") -> dict[str, str]:
    """Return the plots by the names of their files."""
    made = {
        f"{stem}-whole.svg": _picture_of_wholes(performance),
        f"{stem}-rate.svg": _picture_of_rates(performance),
        f"{stem}-faults.svg": _picture_of_faults(performance),
        f"{stem}-growth.svg": _picture_of_growth(performance),
    }
    return {name: picture for name, picture in made.items() if picture}


def _picture_of_wholes(performance: Performance) -> str:
    rows = []
    for setting in performance.settings(parts.WHOLE_PROCESS):
        told = [(contender, _beside(performance, setting, contender)) for contender in _OURS]
        rows += [Bar(setting), *(Bar(contender, value) for contender, value in told if value)]
    label = "Wall time of whole processes relative to Schemathesis' default run"
    return plots.bars(label, rows, bound=1.0, bound_words="Schemathesis' default run") if rows else ""


def _picture_of_rates(performance: Performance) -> str:
    fuzzing = _rates(performance, contenders.FUZZING)
    if not fuzzing:
        return ""
    colours = {contenders.DEEP: plots.OURS, contenders.LIMIT: plots.LIMIT}
    measured = [(contender, _rates(performance, contender)) for contender in _RATED]
    rows = [Bar(contender, ratio(rates, fuzzing), colours.get(contender, plots.OTHERS)) for contender, rates in measured if rates]
    return plots.bars("Requests a second relative to Schemathesis' fuzzing, logarithmic", rows, logarithmic=True)


def _picture_of_faults(performance: Performance) -> str:
    if not performance.first_seen:
        return ""
    ours, theirs = _firsts(performance)
    series = [
        Series(contenders.QUICK, _curve(ours), plots.OURS),
        Series(contenders.PEER, _curve(theirs), plots.OTHERS),
    ]
    label = "Share of faulty servers found out by the number of requests sent"
    return plots.steps(label, series, MARKS[-1], across="requests sent", up="faults found")


def _curve(firsts: Iterable[int]) -> tuple[tuple[float, float], ...]:
    numbers = list(firsts)
    seen = sorted({first for first in numbers if 0 < first <= MARKS[-1]})
    return tuple((float(first), figures.share(numbers, first)) for first in seen)


def _picture_of_growth(performance: Performance) -> str:
    series = []
    for (setting, contender), (dark, light) in zip(_GROWING, (("#1c6b34", "#7fb08e"), ("#2f5fa8", "#93aed6")), strict=True):
        rows = _series(performance, setting, contender)
        for words, of, colour in (("seconds", walls, dark), ("peak memory", peaks, light)):
            points = tuple((float(row.size), ratio(of(row), of(rows[0])).median) for row in rows)
            if points:
                series.append(Series(f"{setting}: {words}", points, colour))
    label = "Seconds and peak memory relative to the smallest, over the number of exchanges, both logarithmic"
    return plots.lines(label, series, across="exchanges", up="relative to the smallest") if series else ""
