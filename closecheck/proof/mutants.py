"""
What came of mutating the judging code: the data of ``docs/mutation.json``, and its section of the proof.

A mutant is one module with one operator or number changed. The suite's own tests have to fail with it: then it is killed.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby, takewhile
from pathlib import Path

import msgspec

from closecheck.model import Struct


class Why(enum.StrEnum):
    """Why a mutant lives."""

    EQUIVALENT = "equivalent"
    """No exchange and no contract can distinguish it from the code as it is."""
    VALUES = "values"
    """It changes which of many like values is probed, and every requirement keeps its cases."""
    WORDS = "words"
    """It changes what is said of a finding, or how much is remembered of it; what is blamed stays the same."""
    UNTESTED = "untested"
    """No test distinguishes it from the code as it is, though there is a difference."""
    UNEXPLAINED = "unexplained"
    """Nobody has looked at it."""


class Survivor(Struct):
    """A mutant that no test failed with. ``mutant`` is the tool's own name of it: module, operator, occurrence."""

    mutant: str
    file: str
    line: int
    was: str
    becomes: str
    why: Why
    reason: str


class Session(Struct):
    """One run of the tool: some modules, and the command that each of their mutants is tried with."""

    name: str
    modules: tuple[str, ...]
    digest: str
    """SHA-256 of the modules."""
    command: str
    mutants: int
    """How many the tool can make."""
    excluded: int
    """How many of these are of the operators that are left out."""
    one_in: int
    """One in so many of the rest was tried, chosen by hash."""
    tried: int
    killed: int
    timed_out: int
    """How many of the killed only ran out of time."""
    killed_later: int
    """How many of the killed survived at first, and were killed by tests written for them."""
    survivors: tuple[Survivor, ...]
    held_out: bool = False
    """Tried after tests had been written for the other samples: its first score says what they are worth on mutants nobody had looked at."""


class Mutations(Struct):
    """All sessions, and how they were made."""

    tool: str
    version: str
    python: str
    run: str
    seed: str
    sessions: tuple[Session, ...]


def read(path: Path) -> Mutations:
    """Read the data."""
    return msgspec.json.decode(path.read_bytes(), type=Mutations)


def section(mutations: Mutations) -> list[str]:
    """Return the lines of the section, as Markdown."""
    sessions = mutations.sessions
    lines = [
        "## Mutations of the judging code",
        "",
        "Who judges the judge? One operator or number of the code is changed at a time, and the selftests that exercise it must fail.",
        "Texts and regular expressions are not changed: the tool has no operator for them.",
        f"Made by `{mutations.run}` ({mutations.tool} {mutations.version}, Python {mutations.python}); its data is `mutation.json`.",
        "",
        f"**Killed: {_score(sessions)}.**",
        *_at_first(sessions),
        "",
        "| | " + " | ".join(f"{one.name}, held out" if one.held_out else one.name for one in sessions) + " |",
        "| --- |" + " --- |" * len(sessions),
        _row("mutated", sessions, lambda one: ", ".join(f"`{module}`" for module in one.modules)),
        _row("mutants that the tool can make", sessions, lambda one: f"{one.mutants:,}"),
        _row("of these left out: further arithmetic operators, `is` for `==`", sessions, lambda one: f"{one.excluded:,}"),
        _row("tried, chosen by hash", sessions, lambda one: f"{one.tried:,} of {one.mutants - one.excluded:,}"),
        _row("killed", sessions, lambda one: f"{one.killed:,} ({_percent(one.killed, one.tried)})"),
        _row("of these by tests written for them", sessions, lambda one: str(one.killed_later)),
        _row("of these by running out of time", sessions, lambda one: str(one.timed_out)),
        *(_row(f"survivors: {why}", sessions, partial(_count, why)) for why in Why),
        _row("digest of the code", sessions, lambda one: f"`{one.digest[:12]}`"),
        "",
    ]
    return [*lines, *_survivors([one for session in sessions for one in session.survivors])]


def _at_first(sessions: Sequence[Session]) -> list[str]:
    """Return what was killed before tests were written for the survivors; nothing, where none were."""
    if not any(one.killed_later for one in sessions):
        return []
    held_out = [one for one in sessions if one.held_out]
    looked_at = [one for one in sessions if not one.held_out]
    lines = [f"Before tests were written for what survived: {_score(looked_at, at_first=True)}."]
    if held_out:
        lines.append(f"Of mutants that were held out until these tests were written: {_score(held_out, at_first=True)} at first.")
    return lines


def _survivors(survivors: Sequence[Survivor]) -> list[str]:
    if not survivors:
        return []
    order = list(Why)
    grouped = groupby(
        sorted(survivors, key=lambda one: (order.index(one.why), one.reason, one.file, one.line)), lambda one: (one.why, one.reason)
    )
    lines = ["### What survived, and why", ""]
    for (why, reason), those in grouped:
        lines += [f"*{why}*: {reason}" if reason else f"*{why}*", ""]
        lines += [f"* {one.file}:{one.line} {_shown(one)}" for one in those]
        lines.append("")
    return lines


def _shown(one: Survivor) -> str:
    """Return what differs between two lines, with a little around it."""
    was, becomes = one.was, one.becomes
    if not becomes:
        return f"without {_code(was)}"
    start = _alike(was, becomes)
    tail = _alike(was[start:][::-1], becomes[start:][::-1])
    left, right = max(0, start - 30), max(0, tail - 20)
    return f"{_code(_window(was, left, right))} → {_code(_window(becomes, left, right))}"


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


def _window(text: str, left: int, right: int) -> str:
    return ("…" if left else "") + text[left : len(text) - right] + ("…" if right else "")


def _code(text: str) -> str:
    """Return a text as a code span that may hold backticks (CommonMark, 6.1)."""
    return f"`{text.strip()}`" if "`" not in text else f"`` {text.strip()} ``"


def _row(name: str, sessions: Sequence[Session], cell: Callable[[Session], str]) -> str:
    return f"| {name} | {' | '.join(map(cell, sessions))} |"


def _score(sessions: Sequence[Session], *, at_first: bool = False) -> str:
    tried, killed = sum(one.tried for one in sessions), sum(one.killed - one.killed_later * at_first for one in sessions)
    return f"{killed} of {tried} ({_percent(killed, tried)})"


def _count(why: Why, session: Session) -> str:
    return str(sum(one.why is why for one in session.survivors))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"
