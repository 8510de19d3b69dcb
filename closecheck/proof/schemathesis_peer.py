"""
What another tool finds on the same faulty and lawful targets: ``docs/peer.json``, and its section of the page of the proof.

Schemathesis names checks, not requirements: on a faulty target any failed check counts as found, on a lawful one as a false alarm.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from closecheck.model import Struct
from closecheck.proof import kept_json
from closecheck.proof.kill_matrix import EXTRA, Trial

ERROR: Final = "error"
"""Stands among the checks for what is no check and fails too: the network, or the tool itself."""


class PeerTrial(Struct):
    """One run of the tool against one target: a ``fault``, a ``variant`` or the ``reference``."""

    name: str
    kind: str
    requests: int
    first: int
    """After how many requests it first failed; 0: never."""
    checks: tuple[str, ...]
    """The checks that failed, by name."""
    rare: bool = False
    free: bool = False
    """Whether a URL and a working token are enough to see the fault."""
    ended: bool = True
    """Whether the run came to its end; else this is what it had said until then."""


class Peer(Struct):
    """Every run of the tool, and how they were made."""

    schemathesis: str
    hypothesis: str
    python: str
    command: str
    profile: str
    every: int
    """How many targets there are; more than there are trials if this is a sample."""
    slow: tuple[str, ...]
    """Targets that delay or limit, and were left out."""
    trials: tuple[PeerTrial, ...]


def write(peer: Peer, path: Path) -> None:
    """Write the data."""
    path.write_bytes(kept_json.encoded(peer))


def read(path: Path) -> Peer | None:
    """Read the data; None if there is none."""
    return msgspec.json.decode(path.read_bytes(), type=Peer) if path.exists() else None


def section(peer: Peer, ours: Sequence[Trial], profile: str) -> list[str]:
    """Return the lines of the page that put the tool beside the trials of a proof, which were made with that profile."""
    lines = [
        "## Beside Schemathesis",
        "",
        f"`{peer.command}` with {peer.profile} (Schemathesis {peer.schemathesis}, Hypothesis {peer.hypothesis}, Python {peer.python}),",
        f"against {len(peer.trials)} of {peer.every} targets{_left_out(peer)}; its data is `peer.json`. It is given the",
        "contract, the URL and a working token; `closecheck` is given the whole target file. Schemathesis does not say which requirement is",
        "broken, so that any failed check counts as found, while `closecheck` has to name a requirement that the fault breaks.",
        "",
        f"| | Schemathesis, all it was run on | Schemathesis, where both were | `closecheck`, profile `{profile}`, where both were |",
        "| --- | --- | --- | --- |",
    ]
    by_name: dict[str, list[Trial]] = {}
    for trial in ours:
        if trial.kind != "company":
            by_name.setdefault(trial.name, []).append(trial)
    both = [one for one in peer.trials if one.name in by_name]
    killed = {name for name, runs in by_name.items() if any(one.killed for one in runs)}
    alarmed = {name for name, runs in by_name.items() if any(one.false_alarm for one in runs)}
    extra = {name for name, runs in by_name.items() if any(one.shown_to in EXTRA for one in runs)}
    kinds: dict[str, Callable[[PeerTrial], bool]] = {
        "faults found": lambda one: one.kind == "fault",
        "of these rare (seen only by particular requests)": lambda one: one.kind == "fault" and one.rare,
        "of all, those that a URL and a token are enough to see": lambda one: one.kind == "fault" and one.free and one.name not in extra,
        "false alarms on lawful targets": lambda one: one.kind != "fault",
    }
    for words, wanted in kinds.items():
        every, same = [one for one in peer.trials if wanted(one)], [one for one in both if wanted(one)]
        counted = alarmed if words.startswith("false") else killed
        found = f"{sum(one.name in counted for one in same)} of {len(same)}"
        lines.append(f"| {words} | {_failed(every)} | {_failed(same)} | {found} |")
    requests = [by_name[one.name][0].requests for one in both]
    lines.append(
        f"| requests to a target, median | {_median(one.requests for one in peer.trials)} | {_median(one.requests for one in both)} | {_median(requests)} |"
    )
    if cut := sum(not one.ended for one in peer.trials):
        lines += ["", f"Runs of Schemathesis that did not come to their end, counted by what they had said until then: {cut}."]
    return [*lines, "", *_checks(peer.trials)]


def _left_out(peer: Peer) -> str:
    return f" ({len(peer.slow)} that delay or limit are left out)" if peer.slow else ""


def _failed(trials: Sequence[PeerTrial]) -> str:
    return f"{sum(bool(one.first) for one in trials)} of {len(trials)}"


def _median(numbers: Iterable[int]) -> str:
    found = list(numbers)
    return f"{statistics.median_low(found):,}" if found else "none"


def _checks(trials: Sequence[PeerTrial]) -> list[str]:
    faults = Counter(check for one in trials if one.kind == "fault" for check in one.checks)
    lawful = Counter(check for one in trials if one.kind != "fault" for check in one.checks)
    alarms = [one for one in trials if one.kind != "fault" and one.first]
    lines = []
    if faults or lawful:
        lines += ["| check of Schemathesis | fails on faults | fails on lawful targets |", "| --- | --- | --- |"]
        lines += [f"| {check} | {faults[check]} | {lawful[check]} |" for check in sorted(faults | lawful)]
        lines.append("")
    if alarms:
        lines += ["| lawful target | checks that fail on it |", "| --- | --- |"]
        lines += [f"| {one.name} | {', '.join(one.checks)} |" for one in alarms]
        lines.append("")
    return lines
