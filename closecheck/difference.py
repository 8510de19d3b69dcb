"""Two recorded runs side by side: regressions, fixed, new, choices changed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from closecheck.model import Run, Status, Struct
from closecheck.stream import read

_BAD: Final = frozenset({Status.FAIL, Status.WARNING})
_UNKNOWN: Final = frozenset({Status.UNTESTED, Status.ERROR})


class Change(Struct):
    """One requirement (or choice) that differs; ``kind`` is ``regression``, ``fixed``, ``no longer tested``, ``now tested``, ``new``, …"""

    kind: str
    id: str
    before: str
    after: str


def changes(old: Run, new: Run) -> tuple[Change, ...]:
    """Return every difference, regressions first."""
    before = {one.requirement.id: one.status for one in old.results}
    found = []
    for one in new.results:
        was = before.get(one.requirement.id)
        if was is None:
            found.append(Change("new", one.requirement.id, "", one.status))
        elif was is not one.status:
            found.append(Change(_kind(was, one.status), one.requirement.id, was, one.status))
    choices = {choice.id: seen.observed if seen else "" for choice, seen in old.choices}
    for choice, seen in new.choices:
        now = seen.observed if seen else ""
        if choice.id in choices and choices[choice.id] != now:
            found.append(Change("choice changed", choice.id, choices[choice.id], now))
    return tuple(sorted(found, key=lambda one: (_ORDER.index(one.kind), one.id)))


_ORDER: Final = ("regression", "no longer tested", "fixed", "now tested", "changed", "new", "choice changed")


def _kind(was: Status, now: Status) -> str:
    if now in _BAD:
        return "regression" if was is not Status.FAIL else "changed"
    if was in _BAD and now is Status.PASS:
        return "fixed"
    if now in _UNKNOWN:
        return "no longer tested"
    return "now tested" if was in _UNKNOWN else "changed"


def compare_runs(old: Path, new: Path) -> tuple[str, bool]:
    """
    Return the differences of two recorded runs in words, and whether one is a regression.

    Raises:
        RunFault: one of them cannot be read.

    """
    first, second = read(old), read(new)
    found = changes(first, second)
    lines = [f"old  {first.opening.target}: {first.headline}", f"new  {second.opening.target}: {second.headline}"]
    lines += [f"{change.kind:<17} {change.id:<32} {change.before or '-'} -> {change.after or '-'}" for change in found]
    if not found:
        lines.append("no difference")
    return "\n".join(lines), any(change.kind == "regression" for change in found)
