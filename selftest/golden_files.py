"""
A small recorded run, and every format of it as a kept file, so that a change of any format shows in a review.

``python selftest/golden_files.py`` records the run anew, and then writes every format: a run against the reference with several
faults, thinned to a few requirements of each status. That is only needed where the shape of ``run.jsonl`` has changed; the
formats alone are written by ``test_golden.py`` under ``REWRITE_GOLDENS=1``.
"""

from __future__ import annotations

import io
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import recorded_runs

from closecheck.model import (
    Closed,
    Evidence,
    Line,
    Observation,
    Outcome,
    Run,
    Status,
    encode,
)
from closecheck.reports import RENDERERS
from closecheck.reports.terminal import print_summary, terminal
from closecheck.session.record import FILE_NAME, read
from closecheck.session.session import EXPLORED

FOLDER: Final = Path(__file__).parent / "goldens" / "run"
TERMINAL: Final = "terminal.txt"
_PASSED: Final = 2
"""Requirements of an area that passed and are kept; all others are kept."""
_FINDINGS: Final = 2
_LONG: Final = 5000
_CHOICES: Final = 6
_OBSERVED: Final = 4


def made(run: Run) -> dict[str, bytes]:
    """Return every format of a run by its file's name, and what a pipe is told."""
    files = {one.file_name: one.render(run) for one in RENDERERS.values()}
    told = io.StringIO()
    print_summary(run, terminal(told, {}), Path("reports/latest"))
    files[TERMINAL] = told.getvalue()
    return {name: text if isinstance(text, bytes) else text.encode() for name, text in files.items()}


def thinned(run: Run) -> Iterator[Line]:
    """Yield the lines of a run that tell of a few requirements and choices, with the exchanges that these name."""
    passed: Counter[str] = Counter()
    kept: set[str] = set()
    for result in run.results:
        area = result.requirement.area
        if result.status is not Status.PASS or passed[area] < _PASSED:
            passed[area] += result.status is Status.PASS
            kept.add(result.requirement.id)
    evidence = list(_evidence(run, kept))
    parts = {(one.requirement, one.part) for one in [*evidence, *run.tallies]}
    untested = {one.requirement.id for one in run.with_status(Status.UNTESTED)}
    catalogue = run.opening.catalogue
    requirements = [
        # A part of which nothing is kept would make its requirement untested.
        one if one.id in untested else msgspec.structs.replace(one, parts=tuple(part for part in one.parts if (one.id, part) in parts))
        for one in catalogue.requirements
        if one.id in kept
    ]
    choices = catalogue.choices[: _CHOICES - 1] + tuple(one for one, seen in run.choices if seen is None)[:1]
    yield msgspec.structs.replace(
        run.opening, catalogue=msgspec.structs.replace(catalogue, requirements=tuple(requirements), choices=choices)
    )
    observed = list(_observed(run, {one.id for one in choices}))
    numbers = {1, *(number for one in [*evidence, *observed] for number in one.exchanges)}
    numbers |= {run.exchanges[number].base for number in numbers}
    yield from (exchange for exchange in run.exchanges.values() if exchange.number in numbers)
    yield from evidence
    yield from (one for one in run.tallies if one.requirement in kept)
    yield from observed
    yield from run.waits
    yield from (Closed(one.ids[:2], one.exchange) for one in run.closed[:2])
    yield from run.notes[:3]
    assert run.closing is not None
    yield run.closing


def _evidence(run: Run, kept: set[str]) -> Iterator[Evidence]:
    """
    Yield the smallest evidence of each kind and part, and two findings, each with the exchange that it rests on; what was explored comes last.

    Of long bodies only the first of each finding is kept: they would fill the files and say nothing more.
    """
    by_kind: defaultdict[tuple[str, Outcome, str], list[Evidence]] = defaultdict(list)
    for one in run.evidence:
        if one.requirement in kept:
            by_kind[one.requirement, one.outcome, "" if one.outcome is Outcome.BROKEN else one.part].append(one)
    for (_, outcome, _), found in by_kind.items():
        smallest = sorted(found, key=lambda one: (one.case.startswith(EXPLORED), _weight(run, one)))
        for number, one in enumerate(smallest[: _FINDINGS if outcome is Outcome.BROKEN else 1]):
            is_long = _weight(run, one) > _LONG
            if outcome is not Outcome.BROKEN or number == 0 or not is_long:
                yield msgspec.structs.replace(one, exchanges=() if is_long and outcome is not Outcome.BROKEN else one.exchanges[-1:])


def _weight(run: Run, one: Evidence) -> int:
    return sum(run.exchanges[number].request.body.size for number in one.exchanges[-1:])


def _observed(run: Run, choices: set[str]) -> Iterator[Observation]:
    seen: Counter[str] = Counter()
    for one in run.observations:
        seen[one.choice] += 1
        if one.choice in choices and seen[one.choice] <= _OBSERVED:
            yield msgspec.structs.replace(one, exchanges=one.exchanges[:1])


def record() -> None:
    """Record the run anew."""
    with tempfile.TemporaryDirectory(prefix="closecheck-golden-") as folder:
        lines = b"".join(encode(one) + b"\n" for one in thinned(read(recorded_runs.faulty(Path(folder)))))
        # Settings name files by their whole paths.
        lines = lines.replace(f"{folder}/".encode(), b"")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / FILE_NAME).write_bytes(lines)


def renew() -> None:
    """Write every format of the run anew, and no other file."""
    for name, content in made(read(FOLDER)).items():
        (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    record()
    renew()
