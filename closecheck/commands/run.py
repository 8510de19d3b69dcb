"""``closecheck run``: the engine, the summary, and the exit code of the public interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from closecheck.model import Exit
from closecheck.suite import plugin
from closecheck.suite.engine import Listener, engine


def judge(options: Mapping[str, Any]) -> int:
    """Run the suite, print the summary, return the exit code of the public interface."""
    listener = Listener()
    code = engine(options, listener)
    config = listener.config
    misuse = config.stash.get(plugin.MISUSE, None) if config else None
    if misuse is not None:
        raise misuse
    if listener.run is None:
        if listener.unforeseen is not None:
            raise listener.unforeseen
        return code if code in set(Exit) and code != Exit.CONFORMANT else Exit.SUITE_FAULT
    from closecheck.reports.terminal import print_summary, terminal  # noqa: PLC0415 - rich is slow to load

    print_summary(listener.run, terminal(), folder=listener.folder)
    return int(listener.run.exit_code)
