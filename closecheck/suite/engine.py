"""The engine of a run: pytest over the tests, without pytest's own words."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from closecheck.config.options import OPTIONS
from closecheck.model import Evidence, Run
from closecheck.suite import plugin

if TYPE_CHECKING:
    from closecheck.judging.exchange import Exchange
    from closecheck.session.session import Session


def tests_folder() -> Path:
    """Return the folder of the tests: beside the package in a checkout, inside it once installed."""
    package = Path(__file__).parents[1]
    inside = package / "tests"
    return inside if inside.is_dir() else package.parent / "tests"


class Listener:
    """What a run tells the terminal while it goes on, and what is left of it when it is over."""

    def __init__(self, *, quiet: bool = False, target_data: Mapping[str, Any] | None = None, write_reports: bool = True) -> None:
        self.run: Run | None = None
        self.folder: Path | None = None
        self.config: pytest.Config | None = None
        self.unforeseen: BaseException | None = None
        """What ended pytest itself; nobody has told it yet."""
        self._progress: Any = None
        self._begun = 0
        self._quiet = quiet
        self._target_data = target_data
        self._write_reports = write_reports

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Hand over the target where it is no file, and keep the configuration, to ask it afterwards what went wrong."""
        self.config = config
        config.stash[plugin.TARGET_DATA] = self._target_data
        config.stash[plugin.WRITE_REPORTS] = self._write_reports

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
        """Keep what ended pytest, instead of its traceback: who called says it in a sentence."""
        self.unforeseen = excinfo.value
        return True

    def pytest_runtest_logstart(self) -> None:
        """Tell the progress line how many tests are done."""
        if self._progress is not None and self._begun:
            self._progress.judged(self._begun)
        self._begun += 1

    def pytest_closecheck_begins(self, session: Session, items: int) -> None:
        """Start the progress line."""
        if self._quiet:
            return
        from closecheck.reports.terminal import Progress  # noqa: PLC0415 - rich is slow to load

        catalogue = session.contract.catalogue
        context = self.config.stash[plugin.CONTEXT] if self.config else None
        self._progress = Progress(
            catalogue,
            strict=bool(self.config and self.config.getoption("strict", None)),
            advises=context.advises if context else lambda _: False,
        )
        self._progress.started(session.planned, items - session.planned)
        session.on_wait.append(lambda seconds, reason: self._progress.waiting(session.sent, seconds, reason))

    def pytest_closecheck_exchange(self, exchange: Exchange) -> None:
        """Move the progress line."""
        if self._progress is not None:
            self._progress.sent(exchange.number)

    def pytest_closecheck_evidence(self, evidence: Evidence) -> None:
        """Show a finding at once."""
        if self._progress is not None:
            self._progress.finding(evidence)

    def pytest_closecheck_finished(self, run: Run, folder: Path) -> None:
        """Keep the run."""
        self.run, self.folder = run, folder
        if self._progress is not None:
            self._progress.finished()
            for fault in self.config.stash[plugin.CONTEXT].waiver_faults if self.config else ():
                self._progress.waiver(fault)


def arguments(options: Mapping[str, Any]) -> list[str]:
    """Return pytest's arguments for the options of a run."""
    given: list[str] = []
    for option in OPTIONS:
        value = options.get(option.key)
        if value is None or value is False:
            continue
        if option.flag:
            given.append(option.name)
        else:
            values = value if option.multiple and not isinstance(value, str) else [value]
            given += [f"{option.name}={one}" for one in values]
    return given


def engine(options: Mapping[str, Any], listener: Listener, *more: str) -> int:
    """Run pytest over the tests with nothing loaded that a run does not use; return its exit code."""
    folder = tests_folder()
    # Environment, because entry points are loaded before options are read.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    fixed = [
        "--config-file", os.devnull, "--rootdir", str(folder), "--confcutdir", str(folder), "--assert=plain",
        "-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:junitxml", "-p", "no:pastebin", "-p", "no:doctest", "-p", "no:unittest",
        "-p", "no:faulthandler", "-p", "no:logging", "-p", "no:debugging", "-p", "no:stepwise",
        "-p", "no:unraisableexception", "-p", "no:threadexception", "-p", "no:warnings", "--capture=no",
    ]  # fmt: skip
    return int(pytest.main([*fixed, *arguments(options), *more, str(folder)], plugins=[plugin, listener]))


def collect(options: Mapping[str, Any]) -> tuple[int, list[pytest.Item]]:
    """Return pytest's exit code and what a run would judge; nothing is sent."""
    collected = Collected()
    folder = tests_folder()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    fixed = [
        "--config-file",
        os.devnull,
        "--rootdir",
        str(folder),
        "--confcutdir",
        str(folder),
        "-p",
        "no:cacheprovider",
        "-p",
        "no:terminal",
    ]
    listener = Listener(quiet=True)
    code = pytest.main([*fixed, *arguments(options), "--collect-only", str(folder)], plugins=[plugin, listener, collected])
    if listener.unforeseen is not None:
        raise listener.unforeseen
    return int(code), collected.items


class Collected:
    """Keeps the items of a collection."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep the items."""
        self.items = list(session.items)
