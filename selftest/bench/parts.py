"""
What is measured, part by part. Within a part the contenders take turns, round after round, each against a server of its own that is new.

Which exit codes are in order stands with each contender: what fails is never measured.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import hashlib
import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from closecheck.contract import derived_cases
from closecheck.contract.specification import contract
from closecheck.deviations.deviation import Deviation
from closecheck.deviations.faults import faults
from closecheck.model import ExchangeLine, decode
from closecheck.proof import page
from closecheck.proof.kill_matrix import EXTRA, first_shown, shown_to
from closecheck.session.record import read

from . import contenders, servers, synthetic
from .figures import BenchFault, Core, FirstSeen, Proven, Row, Sent, Usage
from .processes import ROOT, Job, interleaved, measured
from .servers import Served, Server

WHOLE_PROCESS: Final = "whole process"
RATE: Final = "rate"
GROWTH: Final = "growth"
REPORTS: Final = "reports"
REFERENCE: Final = "reference"
STUB: Final = "stub"
EXPLORATION: Final = "exploration"


class Amounts(msgspec.Struct, frozen=True):
    """How much is measured."""

    rounds: int
    latencies: tuple[float, ...]
    """Seconds for which answers are held back."""
    far_rounds: int
    """Rounds with latency, of which most of the time is waiting."""
    budgets: tuple[int, int]
    fuzz: tuple[int, int]
    loop: tuple[int, int]
    faults: int
    explored: tuple[int, ...]
    exchanges: tuple[int, ...]
    long_rounds: int


FULL: Final = Amounts(
    rounds=7, latencies=(0.02, 0.05), far_rounds=3, budgets=(8_000, 100_000), fuzz=(200, 800), loop=(2_000, 12_000), faults=72,
    explored=(1_000, 10_000, 100_000), exchanges=(1_000, 10_000, 100_000), long_rounds=3,
)  # fmt: skip
SHORT: Final = Amounts(
    rounds=1, latencies=(0.002,), far_rounds=1, budgets=(3_000, 4_000), fuzz=(10, 30), loop=(100, 300), faults=2,
    explored=(200, 800), exchanges=(100, 400), long_rounds=1,
)  # fmt: skip

Contender = Callable[[Served], Job]


def far(delay: float) -> str:
    """Return the name of the setting with that latency, seconds."""
    return f"{STUB}, {delay * 1000:g} ms"


class Bench:
    """One bench: what has been measured, and what could not be. ``said`` is told what is measured next."""

    def __init__(self, amounts: Amounts, said: Callable[[str], None]) -> None:
        self.amounts = amounts
        self.said = said
        self.rows: list[Row] = []
        self.core: list[Core] = []
        self.sent: list[Sent] = []
        self.first_seen: list[FirstSeen] = []
        self.proven: Proven | None = None
        self.skipped: list[str] = []

    def _take_turns(self, part: str, setting: str, entrants: Mapping[tuple[str, int], Contender], server: Server, rounds: int) -> None:
        keys = {f"{name}/{size}": (name, size) for name, size in entrants}
        used: dict[str, list[Usage]] = {key: [] for key in keys}
        for key in interleaved(list(keys), rounds):
            self.said(f"{part}, {setting}: {key}")
            with server() as served:
                used[key].append(measured(entrants[keys[key]](served)))
        self.rows += [Row(part, setting, name, tuple(used[key]), size) for key, (name, size) in keys.items()]

    # -- a and b: whole processes, near and far

    def whole_processes(self) -> None:
        """Measure whole runs against the reference and the stub, side by side with Schemathesis' default run."""
        plain: dict[tuple[str, int], Contender] = {
            (contenders.QUICK, 0): lambda served: contenders.closecheck(served, "quick"),
            (contenders.STANDARD, 0): lambda served: contenders.closecheck(served, "standard"),
            (contenders.PEER, 0): contenders.schemathesis,
        }
        whole: dict[tuple[str, int], Contender] = {(contenders.WHOLE, 0): lambda served: contenders.closecheck(served, "quick", whole=True)}
        self._take_turns(WHOLE_PROCESS, REFERENCE, plain | whole, servers.reference, self.amounts.rounds)
        self._take_turns(WHOLE_PROCESS, STUB, plain, servers.stub, self.amounts.rounds)
        for delay in self.amounts.latencies:
            self._take_turns(WHOLE_PROCESS, far(delay), plain, functools.partial(servers.stub, delay), self.amounts.far_rounds)
        self._core_cases()
        self.sent += [Sent(contender=name, **_seen(contender, servers.reference)) for (name, _), contender in plain.items()]

    def _core_cases(self) -> None:
        """Count which cases of the core a run has sent: with URL and token alone, and with everything that a target file supplies."""
        swept = contract().order.swept
        every = {case.id: case for case in (*derived_cases.derived().values(), *contract().declared.values()) if case.id not in swept}
        for name, whole in ((contenders.QUICK, False), (contenders.WHOLE, True)):
            with tempfile.TemporaryDirectory(prefix="closecheck-bench-") as folder, servers.reference() as served:
                recorded = Path(folder) / "run.jsonl"
                measured(contenders.closecheck(served, "quick", whole=whole, keep=recorded))
                with recorded.open("rb") as stream:
                    cases = {line.case for line in decode(stream) if isinstance(line, ExchangeLine)}
            possible = {case.id for case in every.values() if whole or case.request.caller not in {"expired", "unprivileged"}}
            self.core.append(Core(name, len(cases & possible), len(possible)))

    # -- c: the rate of exploration

    def rate(self) -> None:
        """Measure requests a second of exploration, of Schemathesis' fuzzing, of a plain loop, and of wrk."""
        amounts = self.amounts
        seeds = {name: itertools.count(1) for name in (*amounts.budgets, *amounts.fuzz)}

        def deep(budget: int, served: Served) -> Job:
            return contenders.closecheck(served, "deep", budget=budget, seed=next(seeds[budget]))

        def fuzzing(examples: int, served: Served) -> Job:
            return contenders.schemathesis(served, fuzz=examples, seed=next(seeds[examples]))

        entrants: dict[tuple[str, int], Contender] = {
            **{(contenders.DEEP, size): functools.partial(deep, size) for size in amounts.budgets},
            **{(contenders.FUZZING, size): functools.partial(fuzzing, size) for size in amounts.fuzz},
            **{(contenders.PLAIN, size): functools.partial(_plain, size) for size in amounts.loop},
        }
        try:
            with servers.stub() as served:
                measured(contenders.wrk(served))
            entrants[contenders.LIMIT, 0] = contenders.wrk
        except BenchFault as fault:
            self.skipped.append(f"{contenders.LIMIT}: {str(fault).splitlines()[0]}")
        self._take_turns(RATE, STUB, entrants, servers.stub, amounts.rounds)
        # What every exploration sends, on purpose often the same, is taken off: what is left was drawn.
        core = _seen(lambda served: contenders.closecheck(served, "standard", seed=1), servers.stub)
        deep_run = _seen(lambda served: contenders.closecheck(served, "deep", budget=amounts.budgets[0], seed=1), servers.stub)
        self.sent.append(Sent(contender=contenders.DEEP, **{name: deep_run[name] - core[name] for name in deep_run}))
        fuzzed = _seen(lambda served: contenders.schemathesis(served, fuzz=amounts.fuzz[1], seed=1), servers.stub)
        self.sent.append(Sent(contender=contenders.FUZZING, **fuzzed))

    # -- d: requests to the first finding

    def first_findings(self) -> None:
        """Let both sides loose on the same faulty servers, and note after how many requests each first showed the fault."""
        free = [one for one in faults() if needs_nothing(one)]
        quick = sorted((one for one in free if not one.slow), key=lambda one: hashlib.sha256(one.name.encode()).digest())
        chosen = quick[: self.amounts.faults]
        # No time is measured here: two at a time.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for one in pool.map(self._first, chosen):
                self.said(f"faults: {one.fault} after {one.closecheck or 'never'} and {one.schemathesis or 'never'}")
                self.first_seen.append(one)
        kept = page.read(ROOT / "docs" / "proof.json")
        names = {one.name for one in free}
        firsts = tuple(one.first for one in kept.trials if one.kind == "fault" and one.name in names and one.shown_to not in EXTRA)
        self.proven = Proven(kept.profile, len(kept.trials) < kept.every, firsts)

    def _first(self, fault: Deviation) -> FirstSeen:
        serve = functools.partial(servers.reference, fault.name)
        with tempfile.TemporaryDirectory(prefix="closecheck-bench-") as folder:
            recorded, events = Path(folder) / "run.jsonl", Path(folder) / "events.ndjson"
            sent, first = self._shown(serve, fault, recorded, whole=False)
            with serve() as served:
                measured(contenders.schemathesis(served, keep=events))
            theirs = contenders.shown_by_schemathesis(events)
            extra = ""
            if first is None:
                _, at_all = self._shown(serve, fault, recorded, whole=True)
                extra = shown_to(at_all) if at_all and shown_to(at_all) in EXTRA else ""
            return FirstSeen(fault.name, first.number if first else 0, sent, theirs.first, theirs.sent, extra)

    def _shown(self, server: Server, fault: Deviation, recorded: Path, *, whole: bool) -> tuple[int, ExchangeLine | None]:
        """Return how many requests a run against a faulty server has sent, and the first exchange that shows the fault."""
        with server() as served:
            job = contenders.closecheck(served, "quick", whole=whole, keep=recorded)
            # 4: the server is so faulty that there is nothing to judge.
            used = measured(msgspec.structs.replace(job, codes=frozenset({0, 1, 4, 5})))
        return used.requests, first_shown(read(recorded), fault.breaks)

    # -- e: growth

    def growth(self) -> None:
        """Measure explorations and reports of growing length."""
        with tempfile.TemporaryDirectory(prefix="closecheck-bench-") as name:
            folder = Path(name)
            core = folder / "core.jsonl"
            with servers.stub() as served:
                sent = measured(contenders.closecheck(served, "quick", keep=core)).requests
            # The budget of a run counts its core too.
            entrants: dict[tuple[str, int], Contender] = {
                (contenders.DEEP, size): functools.partial(_explored, sent + size) for size in self.amounts.explored
            }
            self._take_turns(GROWTH, EXPLORATION, entrants, servers.stub, self.amounts.long_rounds)
            rendered: dict[tuple[str, int], Contender] = {}
            for size in self.amounts.exchanges:
                long = folder / f"{size}.jsonl"
                synthetic.lengthen(core, size, long)
                rendered[contenders.REPORT, size] = functools.partial(_rendered, long)
            self._take_turns(GROWTH, REPORTS, rendered, _nobody, self.amounts.long_rounds)


def needs_nothing(fault: Deviation) -> bool:
    """Tell whether a URL and a working token are enough to see a fault."""
    return any(not contract()[requirement].needs for requirement in fault.breaks)


def _seen(contender: Contender, server: Server) -> dict[str, int]:
    """Return what a proxy takes down of one run: requests, those with a body, and how many of these were different."""
    with tempfile.TemporaryDirectory(prefix="closecheck-bench-") as folder:
        seen = Path(folder) / "seen.json"
        with server() as plain, servers.behind(plain, seen) as served:
            measured(contender(served))
        return msgspec.json.decode(seen.read_bytes(), type=dict[str, int])


def _plain(requests: int, served: Served) -> Job:
    return contenders.plain(served, requests)


def _explored(budget: int, served: Served) -> Job:
    return contenders.closecheck(served, "deep", budget=budget, seed=1)


def _rendered(recorded: Path, _: Served) -> Job:
    return contenders.report(recorded)


@contextlib.contextmanager
def _nobody() -> Iterator[Served]:
    yield Served("", "", {})
