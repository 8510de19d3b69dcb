"""``closecheck report``: every format of a recorded run, written again."""

from __future__ import annotations

from pathlib import Path

from closecheck.model import Exit


def render_again(folder: Path) -> int:
    """Write every report of a recorded run anew, from its ``run.jsonl`` alone, and print the summary; 0 if that worked."""
    from closecheck.reports import write_all  # noqa: PLC0415
    from closecheck.reports.terminal import print_summary, terminal  # noqa: PLC0415
    from closecheck.session.record import read  # noqa: PLC0415

    run = read(folder)
    place = folder if folder.is_dir() else folder.parent
    write_all(run, place)
    print_summary(run, terminal(), folder=place)
    return Exit.CONFORMANT
