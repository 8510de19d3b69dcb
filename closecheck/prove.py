"""
The kill matrix: every fault must be caught under the clause that it breaks, no variant may be blamed at all.

A fault is *killed* if a requirement that it breaks is found broken, *blamed right* if nothing else is; a variant on which
anything is found broken is a *false alarm*.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import io
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from closecheck.deviation import Deviation
from closecheck.errors import UsageError
from closecheck.model import Exit, Outcome, Run, Status
from closecheck.target import nearest

_PENDING: Final = 700
"""Pending requests of a faulty target."""
_TIMEOUT: Final = "3"
"""Seconds that a target on loopback has for an answer."""
_SETTLE: Final = 2.0
"""Seconds that a faulty target promises to complete within; what never comes is waited for that long."""


class Trial(msgspec.Struct, frozen=True):
    """One run against one deviation (``""``: the reference itself)."""

    name: str
    kind: str
    seed: int
    exit_code: int
    broken: tuple[str, ...]
    untested: tuple[str, ...]
    requests: int
    seconds: float
    first: int
    """The number of the first exchange that shows the deviation; 0: none does."""
    breaks: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    rare: bool = False
    sentence: str = ""
    note: str = ""

    @property
    def killed(self) -> bool:
        """Whether a requirement that the fault breaks was found broken."""
        return bool(set(self.broken) & set(self.breaks))

    @property
    def misblamed(self) -> tuple[str, ...]:
        """Requirements that were blamed and are not broken."""
        return tuple(one for one in self.broken if one not in self.breaks and one not in self.also)

    @property
    def false_alarm(self) -> bool:
        """Whether a lawful target was blamed, or could not be judged at all."""
        return self.kind != "fault" and (bool(self.broken) or self.exit_code not in {Exit.CONFORMANT, Exit.INCOMPLETE})

    @property
    def good(self) -> bool:
        """Whether the suite judged as it must."""
        return (self.killed and not self.misblamed) if self.kind == "fault" else not self.false_alarm


def deviations(kind: str) -> tuple[Deviation, ...]:
    """Return the deviations of a kind, ``fault`` or ``variant``."""
    if kind == "fault":
        from closecheck.faults import faults  # noqa: PLC0415 - a worker loads only what it serves

        return faults()
    from closecheck.variants import variants  # noqa: PLC0415

    return variants()


def trial(kind: str, name: str, profile: str, seed: int) -> Trial:
    """Judge one deviation in this process; an empty name is the reference itself."""
    from closecheck.command import Listener, engine  # noqa: PLC0415
    from closecheck.reference import ReferenceConfig, ReferenceServer  # noqa: PLC0415

    deviation = next((one for one in deviations(kind) if one.name == name), None) if name else None
    # A whole run needs about 600 pending requests where unknown ids are taken; fewer make a quicker target.
    config = deviation.configured(**({"pending": _PENDING, "settle_seconds": _SETTLE} if kind == "fault" else {})) if deviation else ReferenceConfig()
    began = time.monotonic()
    output = io.StringIO()
    with (
        tempfile.TemporaryDirectory(prefix="closecheck-prove-") as reports,
        ReferenceServer(config, modify=deviation.modify if deviation else None) as server,
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
    ):
        listener = Listener(quiet=True, target_data=server.target(), write_reports=False)
        code = engine({"profile": profile, "seed": str(seed), "reports": reports, "timeout": _TIMEOUT}, listener)
        run = listener.run
    return _trial(kind, deviation, seed, run, code, time.monotonic() - began, output.getvalue())


def _trial(
    kind: str, deviation: Deviation | None, seed: int, run: Run | None, code: int, seconds: float, output: str
) -> Trial:
    broken = tuple(one.requirement.id for one in run.results if one.findings) if run else ()
    untested = tuple(one.requirement.id for one in run.results if one.status in {Status.UNTESTED, Status.ERROR}) if run else ()
    blamed = deviation.breaks if deviation else ()
    numbers = [max(one.exchanges) for one in run.evidence if one.outcome is Outcome.BROKEN and one.requirement in blamed and one.exchanges] if run else []
    closing = run.closing if run else None
    note = (closing.suite_fault or closing.stopped) if closing else output[-400:]
    return Trial(
        name=deviation.name if deviation else "reference",
        kind=kind if deviation else "reference",
        seed=seed,
        exit_code=int(run.exit_code) if run else code,
        broken=broken,
        untested=untested,
        requests=run.requests if run else 0,
        seconds=seconds,
        first=min(numbers, default=0),
        breaks=blamed,
        also=deviation.also if deviation else (),
        rare=deviation.rare if deviation else False,
        sentence=deviation.sentence if deviation else "",
        note=note,
    )


def trials(wanted: Sequence[tuple[str, str, int]], profile: str, jobs: int) -> Iterator[Trial]:
    """Judge (kind, name, seed) after one another in ``jobs`` processes; yield each trial as it ends."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = [pool.submit(trial, kind, name, profile, seed) for kind, name, seed in wanted]
        for future in concurrent.futures.as_completed(futures):
            yield future.result()


def chosen(only: Iterable[str], seeds: int) -> list[tuple[str, str, int]]:
    """
    Return what is to be judged: (kind, name, seed) for the reference, each fault and each variant.

    Raises:
        UsageError: a name is unknown.

    """
    names = set(only)
    known = {one.name: ("fault", one) for one in deviations("fault")} | {one.name: ("variant", one) for one in deviations("variant")}
    if unknown := names - set(known) - {"reference"}:
        name = min(unknown)
        raise UsageError("--only", f"there is no fault or variant called {name}", nearest(name, known))
    found = [("variant", "", seed) for seed in range(seeds)] if not names or "reference" in names else []
    for name, (kind, one) in known.items():
        if not names or name in names:
            count = seeds if kind == "variant" and not one.slow else 1
            found += [(kind, name, seed) for seed in range(count)]
    slow = {name for name, (_, one) in known.items() if one.slow}
    # Spread, so that a look at an early sum says something about everything; what takes long comes last.
    return sorted(found, key=lambda one: (one[1] in slow, hashlib.sha256(repr(one).encode()).digest()))


def prove(*, profile: str, only: tuple[str, ...], jobs: int, seeds: int, sample: int | None, write: Path | None) -> int:
    """Print each trial as it ends and the sums; return 0 only if every fault was blamed right and nothing else was."""
    every = chosen(only, seeds)
    wanted = every[:sample]
    began = time.monotonic()
    done: list[Trial] = []
    for one in trials(wanted, profile, jobs):
        done.append(one)
        if not one.good:
            sys.stdout.write(line(one) + "\n")
        if sys.stdout.isatty():
            sys.stdout.write(f"\r{len(done)} of {len(wanted)}\r")
        elif len(done) % 50 == 0:
            sys.stdout.write(f"{len(done)} of {len(wanted)} targets judged in {time.monotonic() - began:.0f} s\n")
        sys.stdout.flush()
    done.sort(key=lambda one: (one.kind, one.name, one.seed))
    seconds = time.monotonic() - began
    sys.stdout.write(summary(done, profile, seconds) + "\n")
    if write is not None:
        from closecheck import proof  # noqa: PLC0415 - the page knows this module

        proof.write(done, len(every), profile, seconds, write)
    return Exit.CONFORMANT if all(one.good for one in done) else Exit.NON_CONFORMANT


def line(one: Trial) -> str:
    """Return a trial that went wrong, in a line."""
    if one.kind != "fault":
        return f"FALSE ALARM  {one.kind} {one.name} (seed {one.seed}): {', '.join(one.broken) or f'exit {one.exit_code}'} {one.note}"
    if not one.killed:
        other = f", blamed {', '.join(one.broken)}" if one.broken else ""
        return f"SURVIVED     {one.name}: breaks {', '.join(one.breaks)}{other} {one.note}"
    return f"MISBLAMED    {one.name}: breaks {', '.join(one.breaks)}, blamed also {', '.join(one.misblamed)}"


def summary(done: Sequence[Trial], profile: str, seconds: float) -> str:
    """Return the sums of a proof in words."""
    faults = [one for one in done if one.kind == "fault"]
    lawful = [one for one in done if one.kind != "fault"]
    killed = sum(one.killed for one in faults)
    right = sum(one.good for one in faults)
    rare = [one for one in faults if one.rare]
    alarms = sum(one.false_alarm for one in lawful)
    requests = sum(one.requests for one in done)
    return (
        f"{killed} of {len(faults)} faults killed, {right} blamed right ({sum(one.killed for one in rare)} of {len(rare)} rare ones killed); "
        f"{alarms} false alarms in {len(lawful)} runs on lawful targets; {requests:,} requests, {seconds:.0f} s, profile {profile}"
    )
