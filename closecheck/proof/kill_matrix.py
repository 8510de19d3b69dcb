"""
The kill matrix: every fault must be caught under the clause that it breaks, no variant may be blamed at all.

A fault is *killed* if a requirement that it breaks is found broken, *blamed right* if nothing else is; a variant on which
anything is found broken is a *false alarm*. With the first seed each variant is judged by itself; with every further one all
of them are judged again in *company*: targets with one oddity of each area at a time, which areas meet being up to the seed.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import gc
import hashlib
import io
import itertools
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from random import Random
from typing import Any, Final

import msgspec

from closecheck.config.checked_values import nearest
from closecheck.contract.specification import contract
from closecheck.deviations.deviation import Deviation
from closecheck.model import ExchangeLine, Exit, Outcome, Run, Status
from closecheck.model.errors import UsageError
from closecheck.session.session import EXPLORED

_PENDING: Final = 840
"""Pending requests of a target: a whole run needs about 730 where unknown ids are taken, and few make a quick target."""
_WAITING: Final = 10
"""Targets that delay or limit and are judged at the same time."""
_TIMEOUT: Final = "3"
"""Seconds that a target on loopback has for an answer."""
_SETTLE: Final = 2.0
"""Seconds that a faulty target promises to complete within; what never comes is waited for that long."""


class Target(msgspec.Struct, frozen=True, order=True):
    """What is to be judged: deviations of one kind over one reference, and the seed of the run; no names: the reference itself."""

    kind: str
    names: tuple[str, ...]
    seed: int = 0
    slow: bool = False

    @property
    def title(self) -> str:
        """The names in one word."""
        return "+".join(self.names) or "reference"


class Trial(msgspec.Struct, frozen=True, omit_defaults=True):
    """One run against one target: a ``fault``, a ``variant``, the ``reference``, or several variants in ``company``."""

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
    core: bool = False
    """Whether the deterministic core alone kills it."""
    explored: bool = False
    """Whether the exploration alone does, its rows of cases included."""
    sentence: str = ""
    note: str = ""
    shown_to: str = ""
    """To whom that first exchange shows it, see :func:`shown_to`."""
    supplied: bool = False
    """Whether every means was supplied, so that a lawful target has to be found conformant; proofs of old do not say so."""
    cases: tuple[str, ...] = ()
    """The cases of one request each that kill it; for the order in which they are best sent, and not kept."""

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
        """Whether a lawful target was blamed, or was not found conformant although every means was supplied."""
        lawful = {Exit.CONFORMANT} if self.supplied else {Exit.CONFORMANT, Exit.INCOMPLETE}
        return self.kind != "fault" and (bool(self.broken) or self.exit_code not in lawful)

    @property
    def good(self) -> bool:
        """Whether the suite judged as it must."""
        return (self.killed and not self.misblamed) if self.kind == "fault" else not self.false_alarm


def deviations(kind: str) -> tuple[Deviation, ...]:
    """Return the deviations of a kind, ``fault`` or ``variant``."""
    if kind == "fault":
        from closecheck.deviations.faults import faults  # noqa: PLC0415 - a worker loads only what it serves

        return faults()
    from closecheck.deviations.variants import variants  # noqa: PLC0415

    return variants()


def _looked_up(target: Target) -> list[Deviation]:
    known = {one.name: one for one in deviations("fault" if target.kind == "fault" else "variant")} if target.names else {}
    return [known[name] for name in target.names]


def trial(target: Target, profile: str) -> Trial:
    """Judge one target in this process."""
    from closecheck.reference import Reference, ReferenceConfig, ReferenceServer  # noqa: PLC0415
    from closecheck.suite.engine import Listener, engine  # noqa: PLC0415

    found = _looked_up(target)
    settings: dict[str, Any] = {"pending": _PENDING} | ({"settle_seconds": _SETTLE} if target.kind == "fault" else {})
    for one in found:
        settings |= one.config

    def modify(reference: Reference) -> None:
        for one in found:
            one.modify(reference)

    began = time.monotonic()
    output = io.StringIO()
    with (
        tempfile.TemporaryDirectory(prefix="closecheck-prove-") as reports,
        ReferenceServer(ReferenceConfig(**settings), modify=modify) as server,
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
    ):
        listener = Listener(quiet=True, target_data=server.target(), write_reports=False)
        code = engine(
            {"profile": profile, "seed": str(target.seed), "mark": f"{target.seed:010x}", "reports": reports, "timeout": _TIMEOUT}, listener
        )
    return _trial(target, found, listener.run, code, time.monotonic() - began, output.getvalue())


def _trial(target: Target, found: Sequence[Deviation], run: Run | None, code: int, seconds: float, output: str) -> Trial:
    blamed = tuple(requirement for one in found for requirement in one.breaks)
    reported = [one for one in run.evidence if one.outcome is Outcome.BROKEN and one.requirement in blamed] if run else []
    first = first_shown(run, blamed) if run else None
    closing = run.closing if run else None
    return Trial(
        name=target.title,
        kind=target.kind if found else "reference",
        seed=target.seed,
        exit_code=int(run.exit_code) if run else code,
        broken=tuple(one.requirement.id for one in run.results if one.findings) if run else (),
        untested=tuple(one.requirement.id for one in run.results if one.status in {Status.UNTESTED, Status.ERROR}) if run else (),
        requests=run.requests if run else 0,
        seconds=round(seconds, 2),
        first=first.number if first else 0,
        shown_to=shown_to(first) if first else "",
        breaks=blamed,
        also=tuple(requirement for one in found for requirement in one.also),
        rare=any(one.rare for one in found),
        core=any(not _of_exploration(one.case) for one in reported),
        explored=any(_of_exploration(one.case) for one in reported),
        supplied=not any(one.incomplete for one in found),
        sentence=" ".join(one.sentence for one in found),
        note=(closing.suite_fault or closing.stopped) if closing else output[-400:],
        cases=tuple(dict.fromkeys(one.case for one in reported)),
    )


def _of_exploration(case: str) -> bool:
    return case.startswith(EXPLORED) or case in contract().order.swept


def _settle_down() -> None:
    """Spare a process the garbage collector's walks while it judges; what a trial has left behind is collected once, after it."""
    import closecheck.suite.engine  # noqa: F401, PLC0415

    gc.collect()
    gc.freeze()
    gc.disable()


def _begin_worker() -> None:
    """Leave it to the parent what Ctrl-C ends, end with the parent however that ends, and settle down."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    _settle_down()


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(Exit.INTERRUPTED)


def first_shown(run: Run, blamed: Collection[str]) -> ExchangeLine | None:
    """Return the first exchange with which one of these requirements was shown to be broken, or None."""
    numbers = [max(one.exchanges) for one in run.evidence if one.outcome is Outcome.BROKEN and one.requirement in blamed and one.exchanges]
    return run.exchanges.get(min(numbers, default=0))


def shown_to(exchange: ExchangeLine) -> str:
    """Return to whom an exchange showed something: a caller, or who provokes errors, or who watches closings."""
    kind = exchange.case.partition("/")[0]
    return {"provoked": "provoker", "observe": "observer", "lifecycle": "observer"}.get(kind, exchange.request.caller)


EXTRA: Final = frozenset({"expired", "unprivileged", "provoker", "observer"})
"""Those whom only a target file supplies; everybody else takes no more than a URL and a working token."""


def trials(wanted: Sequence[Target], profile: str, jobs: int) -> Iterator[Trial]:
    """
    Judge targets after one another in ``jobs`` processes; yield each trial as it ends.

    Targets that delay or limit have processes of their own beside these: they wait, and cost next to nothing. Who stops early
    waits for no trial.
    """
    context = multiprocessing.get_context("spawn")
    with contextlib.ExitStack() as stack:
        futures = []
        for slow, width in ((True, min(_WAITING, sum(one.slow for one in wanted))), (False, jobs)):
            if width:
                pool = stack.enter_context(concurrent.futures.ProcessPoolExecutor(width, mp_context=context, initializer=_begin_worker))
                futures += [pool.submit(_in_worker, target, profile) for target in wanted if target.slow is slow]
        stack.push(_end_workers)
        for future in concurrent.futures.as_completed(futures):
            yield future.result()


def _end_workers(kind: type[BaseException] | None, *_: object) -> None:
    """End the processes of trials that nobody waits for any longer: after an exception, and where no more of them are asked for."""
    if kind is not None:
        for worker in multiprocessing.active_children():
            worker.terminate()


def _in_worker(target: Target, profile: str) -> Trial:
    found = trial(target, profile)
    gc.collect()
    return found


_LAST: Final = ("header_fields", "framing")
"""Areas whose variants change what all others have built; the last cuts into pieces what is whole before."""


def company(variants: Sequence[Deviation], seed: int) -> Iterator[tuple[str, ...]]:
    """
    Yield names of variants, each variant once: one of each area at a time, in an order that is up to the seed.

    Variants that replace the same setting are kept apart, and those that delay or limit are left out.
    """
    rng = Random(seed)  # noqa: S311 - nothing here is a secret
    areas: defaultdict[str, list[Deviation]] = defaultdict(list)
    for one in variants:
        if not one.slow:
            areas[one.area].append(one)
    for listed in areas.values():
        rng.shuffle(listed)
    in_order = sorted(areas, key=lambda area: _LAST.index(area) + 1 if area in _LAST else 0)
    for together in itertools.zip_longest(*(areas[area] for area in in_order)):
        groups: list[list[Deviation]] = []
        for one in filter(None, together):
            group = next((group for group in groups if not any(_collide(one, other) for other in group)), None)
            if group is None:
                groups.append(group := [])
            group.append(one)
        yield from (tuple(one.name for one in group) for group in groups)


def _collide(one: Deviation, other: Deviation) -> bool:
    return bool(one.config.keys() & other.config.keys()) or one.name in other.apart or other.name in one.apart


def chosen(only: Iterable[str], seeds: int) -> list[Target]:
    """
    Return what is to be judged: the reference, each fault, each variant, and for every further seed the variants in company.

    Raises:
        UsageError: a name is unknown.

    """
    names = set(only)
    faults, variants = deviations("fault"), deviations("variant")
    known = {one.name for one in (*faults, *variants)}
    if unknown := names - known - {"reference"}:
        name = min(unknown)
        raise UsageError("--only", f"there is no fault or variant called {name}", nearest(name, known))
    found = [Target("variant", (), seed) for seed in range(seeds)] if not names or "reference" in names else []
    for kind, listed in (("fault", faults), ("variant", variants)):
        found += [Target(kind, (one.name,), slow=one.slow) for one in listed if not names or one.name in names]
    for seed in range(1, seeds):
        if names:
            found += [Target("variant", (one.name,), seed) for one in variants if one.name in names and not one.slow]
        else:
            found += [Target("company", together, seed) for together in company(variants, seed)]
    # Spread, so that a look at an early sum says something about everything.
    return sorted(found, key=lambda one: hashlib.sha256(repr(one).encode()).digest())


def line(one: Trial) -> str:
    """Return a trial that went wrong, in a line."""
    if one.kind != "fault":
        found = ", ".join(one.broken) or f"exit {one.exit_code}, untested {', '.join(one.untested) or 'nothing'}"
        return f"FALSE ALARM  {one.kind} {one.name} (seed {one.seed}): {found} {one.note}".rstrip()
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
