"""``make bench``, or ``python -m selftest.bench``: measure everything in one run, and write the page with its data and plots."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Final

import click

from closecheck import __version__
from closecheck.contract.specification import contract

from . import contenders, page
from .figures import BenchFault, Machine, Performance
from .parts import FULL, SHORT, Bench
from .processes import ROOT, program

PARTS: Final = {
    "whole": Bench.whole_processes,
    "rate": Bench.rate,
    "faults": Bench.first_findings,
    "growth": Bench.growth,
}
"""The parts by the names that ``--only`` takes."""


@click.command()
@click.option("--quick", is_flag=True, help="a short form on tiny amounts, which shows that the bench works and no more")
@click.option("--only", multiple=True, type=click.Choice(list(PARTS)), help="measure these parts only")
@click.option(
    "--write",
    type=click.Path(path_type=Path),
    help="write the page here (a whole bench: docs/performance.md; a part or a short form: nowhere)",
)
def main(*, quick: bool, only: tuple[str, ...], write: Path | None) -> None:
    """Measure closecheck beside Schemathesis, on one machine, in one run."""
    if write is None and not quick and not only:
        write = ROOT / "docs" / "performance.md"
    performance = measure(only or tuple(PARTS), short=quick)
    if write is not None:
        page.write(performance, write)
    click.echo(page.summary(performance))


def measure(parts: tuple[str, ...], *, short: bool) -> Performance:
    """
    Measure parts and return what was found.

    Raises:
        BenchFault: what was to be measured does not work.

    """
    load = os.getloadavg()[0]
    began = time.monotonic()
    bench = Bench(SHORT if short else FULL, lambda text: click.echo(text, err=True))
    for name in parts:
        PARTS[name](bench)
    return Performance(
        suite=__version__,
        edition=contract().catalogue.edition,
        short=short,
        seconds=time.monotonic() - began,
        machine=Machine(os.cpu_count() or 1, f"{platform.system()} {platform.machine()}", platform.python_version(), load),
        versions=versions(),
        commands=contenders.COMMANDS,
        rows=tuple(bench.rows),
        core=tuple(bench.core),
        sent=tuple(bench.sent),
        first_seen=tuple(bench.first_seen),
        proven=bench.proven,
        skipped=tuple(bench.skipped),
    )


def versions() -> dict[str, str]:
    """Return the versions of what is compared and of what it stands on."""
    found = {name: metadata.version(name) for name in ("schemathesis", "hypothesis", "pytest", "httptools", "uvicorn")}
    try:
        said = subprocess.run([program("wrk"), "-v"], capture_output=True, text=True, check=False)
    except BenchFault:
        return found
    if told := re.search(r"wrk\s+(?:debian/)?(\S+)", said.stdout + said.stderr):
        found["wrk"] = told[1]
    return found


if __name__ == "__main__":
    try:
        main()
    except BenchFault as fault:
        sys.exit(f"bench: {fault}")
