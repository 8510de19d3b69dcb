"""``closecheck prove``: judges every fault and every variant, and writes the page of the proof."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from closecheck.model import Exit
from closecheck.proof import case_order, page
from closecheck.proof.kill_matrix import Trial, chosen, line, summary, trials


def prove(
    *, profile: str, only: tuple[str, ...], jobs: int, seeds: int, sample: int | None, write: Path | None, order: bool = False
) -> int:
    """
    Print each trial as it ends and the sums; return 0 only if every fault was blamed right and nothing else was, 2 after Ctrl-C.

    With ``order`` the order of the cases is found anew from these trials.
    """
    every = chosen(only, seeds)
    wanted = every[:sample]
    began = time.monotonic()
    done: list[Trial] = []
    interrupted = False
    try:
        sys.stdout.write(f"{len(wanted)} targets, {jobs} at a time\n")
        sys.stdout.flush()
        for one in trials(wanted, profile, jobs):
            done.append(one)
            if not one.good:
                sys.stdout.write(line(one) + "\n")
            if sys.stdout.isatty():
                sys.stdout.write(f"\r{len(done)} of {len(wanted)}\r")
            elif len(done) % 50 == 0:
                sys.stdout.write(f"{len(done)} of {len(wanted)} targets judged in {time.monotonic() - began:.0f} s\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        interrupted = True
    done.sort(key=lambda one: (one.kind, one.name, one.seed))
    seconds = time.monotonic() - began
    sys.stdout.write(summary(done, profile, seconds) + "\n")
    if interrupted:
        sys.stdout.write(f"interrupted: {len(wanted) - len(done)} of {len(wanted)} targets were not judged, and nothing was written\n")
        return Exit.INTERRUPTED
    if write is not None:
        page.write(done, len(every), profile, jobs, seconds, write)
    if order:
        case_order.write(one for one in done if one.kind == "fault")
    return Exit.CONFORMANT if all(one.good for one in done) else Exit.NON_CONFORMANT
