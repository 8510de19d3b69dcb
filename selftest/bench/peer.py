"""``make peer``, or ``python -m selftest.bench.peer``: Schemathesis on the faults and variants of the proof, for its page."""

from __future__ import annotations

import concurrent.futures
import hashlib
import platform
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

import click

from closecheck.model.errors import UsageError
from closecheck.proof import page, schemathesis_peer
from closecheck.proof.kill_matrix import Target, chosen, deviations
from closecheck.proof.schemathesis_peer import Peer, PeerTrial

from . import contenders, servers
from .figures import BenchFault
from .parts import needs_nothing
from .processes import ROOT, measured

SEED: Final = 1
COMMAND: Final = f"schemathesis run {contenders.CONTRACT} --url URL --seed {SEED}"


@click.command()
@click.option("--sample", type=click.IntRange(1), help="so many targets, those of the kept proof first (left out: all of them)")
@click.option("--only", multiple=True, help="these faults and variants only, or `reference`; writes nothing unless told where")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="how many at a time")
@click.option(
    "--write", type=click.Path(path_type=Path), help="write the data here, and the page of a proof beside it anew (docs/peer.json)"
)
def main(*, sample: int | None, only: tuple[str, ...], jobs: int, write: Path | None) -> None:
    """Judge faulty and lawful targets with Schemathesis as a user would start it."""
    if write is None and not only:
        write = ROOT / "docs" / "peer.json"
    found = judge(chosen(only, 1), sample, jobs)
    if write is not None:
        schemathesis_peer.write(found, write)
        if (kept := write.with_name("proof.json")).exists():
            page.write_page(page.read(kept), kept.with_suffix(".md"))
    faults = [one for one in found.trials if one.kind == "fault"]
    lawful = [one for one in found.trials if one.kind != "fault"]
    click.echo(
        f"{sum(bool(one.first) for one in faults)} of {len(faults)} faults found, "
        f"{sum(bool(one.first) for one in lawful)} false alarms on {len(lawful)} lawful targets"
    )


def judge(targets: Sequence[Target], sample: int | None, jobs: int) -> Peer:
    """Judge those of the targets that neither delay nor limit, or so many of them."""
    wanted = spread([one for one in targets if not one.slow])[:sample]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        trials = []
        for number, one in enumerate(pool.map(trial, wanted), 1):
            trials.append(one)
            click.echo(f"{number} of {len(wanted)}: {one.kind} {one.name} after {one.first or 'never'} {' '.join(one.checks)}", err=True)
    return Peer(
        schemathesis=metadata.version("schemathesis"),
        hypothesis=metadata.version("hypothesis"),
        python=platform.python_version(),
        command=COMMAND,
        profile="default settings",
        every=len(targets),
        slow=tuple(sorted(one.title for one in targets if one.slow)),
        trials=tuple(sorted(trials, key=lambda one: (one.kind, one.name))),
    )


def spread(targets: Sequence[Target]) -> list[Target]:
    """Return targets in an order of which each beginning is spread over all; those of the kept proof come first, for comparison."""
    proven = {one.name for one in page.read(ROOT / "docs" / "proof.json").trials}
    return sorted(targets, key=lambda one: (one.title not in proven, hashlib.sha256(one.title.encode()).digest()))


def trial(target: Target) -> PeerTrial:
    """Judge one target."""
    found = next((one for one in deviations(target.kind) if one.name in target.names), None)
    with tempfile.TemporaryDirectory(prefix="closecheck-bench-") as folder, servers.inside(found) as served:
        events = Path(folder) / "events.ndjson"
        ended = True
        try:
            measured(contenders.schemathesis(served, seed=SEED, keep=events))
        except BenchFault as fault:
            # It may have failed before; without any event there is nothing to tell.
            if not events.exists():
                raise
            click.echo(f"{target.title}: {fault}", err=True)
            ended = False
        shown = contenders.shown_by_schemathesis(events)
    return PeerTrial(
        name=target.title,
        kind=target.kind if found else "reference",
        requests=shown.sent,
        first=shown.first,
        checks=shown.checks,
        rare=found is not None and found.rare,
        free=target.kind == "fault" and found is not None and needs_nothing(found),
        ended=ended,
    )


if __name__ == "__main__":
    try:
        main()
    except (BenchFault, UsageError) as fault:
        sys.exit(f"bench: {fault}")
