"""
The terminal: verdict first and last, each failure with its seven facts, nothing that depends on colour or on width.

Lines are broken here, between words and with a hanging indent; ids and commands are never cut. What a target sent is
shown with :func:`closecheck.reports._facts.visible`, never as it came: it can move no cursor and name no annotation.
"""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from closecheck.model import PACE, Catalogue, Evidence, Level, Outcome, Result, Run, Status, Verdict, not_selected
from closecheck.reports.output import tolerate
from closecheck.reports._facts import (
    STATUS_WORDS,
    advice,
    by_weight,
    causes,
    count,
    duration,
    expected_got,
    facts,
    failed,
    in_order,
    line,
    more_of,
    tally,
    untested_by_supply,
    visible,
    waiver_entries,
    words_for,
)

if TYPE_CHECKING:
    from rich.console import Console

    from closecheck.config.waivers import Fault

PIPE_WIDTH: Final = 120
"""Columns where there is no terminal to ask."""
_NARROWEST: Final = 60
_COLUMN: Final = 10
_STYLES: Final = {
    Verdict.CONFORMANT: "bold green",
    Verdict.NON_CONFORMANT: "bold red",
    Verdict.INCOMPLETE: "bold yellow",
    Verdict.ERROR: "bold magenta",
}
_STATUS_STYLES: Final = {Status.FAIL: "red", Status.WARNING: "yellow"}
MOST_FAILURES: Final = 20
"""Failures shown whole; the others in a line each."""
MOST_REASONS: Final = 3
MOST_ENTRIES: Final = 3
"""Waivers offered; the others stand in the report."""


def terminal(stream: IO[str] | None = None, environ: Mapping[str, str] | None = None) -> Console:
    """Return a console for a stream, standard output by default: as wide as its terminal, or 120 columns in a pipe."""
    from rich.console import Console  # noqa: PLC0415 - rich takes a tenth of a second that most commands need not spend

    stream = sys.stdout if stream is None else stream
    environ = os.environ if environ is None else environ
    tolerate(stream)  # under pytest nobody else has
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False, _environ=environ)


def print_summary(run: Run, console: Console, folder: Path | None = None) -> None:
    """Print what a run says; ``folder`` is where its reports stand, if it has been written."""
    out = Printer(console)
    out.verdict(run)
    _print_areas(run, out)
    _print_failures(run, out)
    _print_waiver_entries(run, out)
    _print_warnings(run, out)
    _print_advice(run, out)
    _print_untested(run, out)
    _print_not_applicable(run, out)
    _print_waived(run, out)
    _print_choices(run, out)
    out.blank()
    if folder is not None:
        out.said(f"reports   {folder / 'index.html'} · report.json · junit.xml · summary.md", indent=_COLUMN)
    out.verdict(run, last=True)


class Printer:
    """Prints lines that are broken between words, with a hanging indent, in a style."""

    def __init__(self, console: Console) -> None:
        self._console = console
        # A narrow window breaks lines itself, which is better than a column of single words.
        self.width = max(_NARROWEST, console.width)

    def said(self, text: str, *, style: str = "", styled: int = 0, indent: int = 0, first: int = 0) -> None:
        """
        Print a paragraph; lines after its first are indented, and a no-break space never ends one.

        ``styled`` is how many characters at the beginning have the style; 0: all.
        """
        wrapper = textwrap.TextWrapper(
            width=self.width - 1,
            initial_indent=" " * first,
            subsequent_indent=" " * (first + indent),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for number, one in enumerate(wrapper.wrap(text) or [""]):
            reported = one.replace(_NO_BREAK, " ")
            if not styled:
                self._print(reported, style)
            elif number == 0:
                self._print(reported[: first + styled], style, end="")
                self._print(reported[first + styled :], "")
            else:
                self._print(reported, "")

    def fact(self, name: str, text: str, *, style: str = "") -> None:
        """Print one named fact of a failure."""
        if text:
            self.said(f"{name:<{_COLUMN}}{text}", style=style, indent=_COLUMN, first=6)

    def blank(self) -> None:
        """Print an empty line."""
        self._print("", "")

    def title(self, text: str) -> None:
        """Print the title of a section."""
        self.blank()
        self._print(text, "bold")

    def verdict(self, run: Run, *, last: bool = False) -> None:
        """Print the verdict and, at the end, its exit code."""
        text = f"{line(run.headline, 2000)}"
        self.said(f"{text}   (exit {int(run.exit_code)})" if last else text, style=_STYLES[run.verdict], indent=2)
        if not last:
            opening = run.opening
            reported = [line(opening.target), line(opening.base_url), f"edition {line(run.edition)}"]
            reported += [opening.profile.value, f"{count(run.requests, 'request')} in {whole(duration(run.seconds))}"]
            self.said(" · ".join(reported), indent=2)

    def _print(self, text: str, style: str, end: str = "\n") -> None:
        # soft_wrap: the lines are already as they are to be, whatever the width of the window.
        self._console.print(visible(text), style=style or None, end=end, soft_wrap=True, markup=False, highlight=False, emoji=False)


_NO_BREAK: Final = "\u00a0"


def whole(text: str) -> str:
    """Return a text that stays on one line: a command to be copied, an id with its label."""
    return text.replace(" ", _NO_BREAK)


def _print_areas(run: Run, out: Printer) -> None:
    out.title("Requirements by area")
    areas = [(area, results) for area, results in run.by_area() if results]
    wide = max((len(line(area.title, 60)) for area, _ in areas), default=0)
    for area, results in areas:
        counts = {status: sum(result.status is status for result in results) for status in STATUS_WORDS}
        reported = [(status, words_for(status, number), number) for status, number in counts.items()]
        _print_counts(out, line(area.title, 60), wide, len(results), reported)
    _print_counts(out, "all", wide, len(run.results), tally(run))


def _print_counts(out: Printer, name: str, wide: int, total: int, reported: list[tuple[Status, str, int]]) -> None:
    passed = sum(number for status, _, number in reported if status is Status.PASS)
    others = ", ".join(whole(f"{number} {words}") for status, words, number in reported if number and status is not Status.PASS)
    text = f"{name:<{wide}}  {passed:>3} of {total:>3} passed   {others}"
    out.said(text.rstrip(), first=2, indent=wide + 22)


def _print_failures(run: Run, out: Printer) -> None:
    closing = run.closing
    if closing and closing.waiver_faults:
        out.title("Waivers to correct")
        for fault in closing.waiver_faults:
            out.said(f"- {line(fault, 1000)}", first=2, indent=2)
    results = failed(run)
    reported = causes(run)
    if reported:
        out.title("Common causes")
    for cause in reported:
        out.said(f"- {cause}", first=2, indent=4)
    if not results:
        return
    out.title("Failures")
    for result in results[:MOST_FAILURES]:
        out.blank()
        _print_failure(run, result, out)
    rest = results[MOST_FAILURES:]
    if rest:
        out.blank()
        out.said(f"and {count(len(rest), 'more failed requirement')}:", first=2)
        for result in rest:
            _print_clause(out, "FAIL", result)


def _print_clause(out: Printer, word: str, result: Result) -> None:
    requirement = result.requirement
    head = f"{word}  {requirement.id}  {requirement.level.value}"
    style = f"bold {_STATUS_STYLES[result.status]}"
    out.said(f"{whole(head)}   {line(requirement.statement, 1000)}", style=style, styled=len(head), indent=6)


def _print_failure(run: Run, result: Result, out: Printer) -> None:
    _print_clause(out, "FAIL", result)
    if not result.findings:
        return
    reported = facts(run, result, result.findings[0])
    for name, text in in_order(reported):
        match name:
            case "sent":
                out.fact(name, f"{reported.sent}   {whole(f'case {reported.case}')}")
            case "rerun":
                out.fact(name, whole(text) + ("   ·   curl line in the report" if reported.curl else ""))
            case _:
                out.fact(name, text)
    out.fact("more", more_of(result, 1))


def _print_warnings(run: Run, out: Printer) -> None:
    results = by_weight(run.with_status(Status.WARNING))
    if results:
        out.title("Warnings")
    for result in results:
        _print_clause(out, "WARN", result)
        if result.findings:
            first = result.findings[0]
            out.said(f"{expected_got(first.finding)}   {whole(f'case {line(first.evidence.case)}')}", first=6)


def _print_waiver_entries(run: Run, out: Printer) -> None:
    entries = waiver_entries(run)
    if entries:
        out.title("To waive a failure temporarily: entries for the waivers file (target file, key waivers)")
    for entry in entries[:MOST_ENTRIES]:
        for text in entry.splitlines():
            out.said(whole(text), first=2)
    if len(entries) > MOST_ENTRIES:
        out.said(f"the entries for all {len(entries)} stand in the report", first=2)


def _print_advice(run: Run, out: Printer) -> None:
    if run.advice or run.later_choices:
        out.title("Advice of later editions, no part of the verdict")
    for one in advice(run):
        out.said(f"{one.id}  {one.words}", first=2, indent=4)
        if one.again:
            out.said(whole(f"rerun  {one.again}"), first=4)


def _print_untested(run: Run, out: Printer) -> None:
    left_out = not_selected(run.opening.selection)
    groups = untested_by_supply(run)
    if groups:
        out.title("Untested")
    for supply, untested in groups:
        results = [one for one in untested if one.reason != left_out]
        if len(results) < len(untested):
            out.said(f"{count(len(untested) - len(results), 'requirement')} {left_out}", first=2)
        if not results:
            continue
        lacking = f"supply  {visible(supply).replace(chr(10), ' and ')}" if supply else "no setting of the target file would change this"
        out.said(lacking, style="bold", first=2, indent=8)
        out.said("  ".join(_named(result) for result in results), first=4)
        reasons = list(dict.fromkeys(result.reason for result in results if result.reason))
        for reason in reasons[:MOST_REASONS]:
            out.said(line(reason, 300), style="dim", first=4, indent=2)
        if len(reasons) > MOST_REASONS:
            out.said(f"and {count(len(reasons) - MOST_REASONS, 'more reason')} in the report", style="dim", first=4)


def _named(result: Result) -> str:
    aside = "" if result.requirement.level is Level.MUST else " (SHOULD)"
    return result.requirement.id + (" (error)" if result.status is Status.ERROR else aside)


def _print_not_applicable(run: Run, out: Printer) -> None:
    results = run.with_status(Status.NOT_APPLICABLE)
    if results:
        out.title("Not applicable")
    for result in results:
        out.said(f"{result.requirement.id}  {line(result.reason, 500)}", first=2, indent=4)


def _print_waived(run: Run, out: Printer) -> None:
    results = run.with_status(Status.WAIVED)
    if results:
        out.title("Waived")
    for result in results:
        out.said(f"{result.requirement.id}  {line(result.reason, 500)}", first=2, indent=4)
        if result.findings:
            out.said(expected_got(result.findings[0].finding), first=4, indent=2)


def _print_choices(run: Run, out: Printer) -> None:
    if run.choices:
        seen = sum(observed is not None for _, observed in run.choices)
        out.blank()
        out.said(f"choices   {seen} of {len(run.choices)} observed; they are listed in the report", indent=_COLUMN)
    for note in run.notes:
        if note.about == PACE:
            out.said(f"pace      {visible(note.text)}", indent=_COLUMN)


# ------------------------------------------------------------------------------------------------------------- progress


_LONG_WAIT: Final = 3.0
"""Seconds of silence that want an explanation."""


class Progress:
    """
    Tells how far a run is: one live line on a terminal, one plain line every few seconds in a pipe.

    The first finding of each requirement is shown at once, and as an annotation where GitHub reads along. Nothing here
    sleeps: ``clock`` gives seconds, and a line is due or not when something happens.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        strict: bool = False,
        advises: Callable[[Evidence], bool] = lambda _: False,
        stream: IO[str] | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        every: float = 5.0,
    ) -> None:
        environ = os.environ if environ is None else environ
        self._stream = sys.stderr if stream is None else stream
        tolerate(self._stream)
        self._levels = {requirement.id: requirement.level for requirement in catalogue.requirements}
        self._strict = strict
        self._advises = advises
        self._clock = clock
        self._every = every
        self._annotates = environ.get("GITHUB_ACTIONS") == "true"
        self._live = self._stream.isatty() and not self._annotates and environ.get("TERM") != "dumb"
        self._environ = environ
        self._reported: set[str] = set()
        self._annotated = 0
        self._begun = clock()
        self._last = self._begun
        self._bar: Any = None
        self._planned: int | None = None
        self._tests = 0
        self._sent = 0
        self._judged = 0

    def started(self, total: int | None, tests: int = 0) -> None:
        """Begin; ``total`` requests are planned, a test for each, None if nobody knows; ``tests`` more send as many as it takes."""
        self._begun = self._last = self._clock()
        self._planned = total
        self._tests = (total or 0) + tests
        if self._live:
            self._bar = self._live_bar()
            self._bar.start()
        else:
            more = f" and {count(tests, 'sequence')}" if tests else ""
            self._write("sending" + (f" {count(total, 'single request' if tests else 'request')}{more}" if total is not None else ""))

    def sent(self, done: int, waiting_reason: str | None = None) -> None:
        """Say that so many requests are done, and what the run waits for, if it does."""
        self._sent = done
        self._moved(f"waiting: {line(waiting_reason, 100)}" if waiting_reason else "")

    def waiting(self, done: int, seconds: float, reason: str) -> None:
        """Say for how long the run waits, and why; at once where that is long, for nothing else happens meanwhile."""
        self._sent = done
        if self._bar is None and seconds >= _LONG_WAIT:
            self._last = self._clock() - self._every
        self._moved(f"waiting {duration(seconds)}: {line(reason, 100)}")

    def judged(self, done: int) -> None:
        """Say that so many tests are done."""
        self._judged = done
        self._moved("")

    def _moved(self, wait: str) -> None:
        if self._bar is not None:
            self._show(wait)
            return
        now = self._clock()
        if now - self._last < self._every:
            return
        self._last = now
        requests, tests = self._how_many()
        reported = [f"{requests} sent in {duration(now - self._begun)}", tests, self._found(), wait]
        self._write(", ".join(part for part in reported if part))

    @property
    def _known(self) -> int | None:
        """How many requests come, as long as no more than planned have come."""
        return self._planned if self._planned and self._sent < self._planned else None

    def _how_many(self) -> tuple[str, str]:
        """
        Return in words how many requests were sent, and how many tests are done, if one is.

        Beyond what was planned nobody knows how many requests come: what was sent is no part of itself.
        """
        if self._judged:
            return count(self._sent, "request"), f"{self._judged:,} of {count(self._tests, 'test')} done"
        if self._known:
            return f"{self._sent:,} of {count(self._known, 'request')}", ""
        return count(self._sent, "request"), ""

    def finding(self, evidence: Evidence) -> None:
        """Show a finding if it is the first against its requirement; the advice of later editions stands in the summary."""
        finding = evidence.finding
        if evidence.outcome is not Outcome.BROKEN or finding is None or evidence.requirement in self._reported or self._advises(evidence):
            return
        self._reported.add(evidence.requirement)
        fatal = self._strict or self._levels.get(evidence.requirement, Level.MUST) is Level.MUST
        level = self._levels.get(evidence.requirement, Level.MUST).value
        reported = f"{expected_got(finding)}   case {line(evidence.case)}"
        self._write(f"{'FAIL' if fatal else 'WARN'}  {evidence.requirement}  {level}   {reported}")
        if self._annotates:
            self._annotate("error" if fatal else "warning", f"{evidence.requirement} {level}", reported)

    def waiver(self, fault: Fault) -> None:
        """Point at an expired or stale waiver where GitHub reads along; elsewhere the summary says so."""
        if self._annotates:
            lines = {"line": str(fault.first_line), "endLine": str(fault.last_line)}
            self._annotate("error", f"waiver of {fault.requirement}", line(fault.remedy, 1000), file=self._in_workspace(fault.file), **lines)

    def finished(self) -> None:
        """End; the live line goes away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _found(self) -> str:
        return f"{count(len(self._reported), 'requirement')} broken so far" if self._reported else ""

    def _write(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, soft_wrap=True, markup=False, highlight=False, emoji=False)
        else:
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def _in_workspace(self, file: str) -> str:
        workspace = self._environ.get("GITHUB_WORKSPACE", "")
        path = Path(file).absolute()
        return str(path.relative_to(workspace)) if workspace and path.is_relative_to(workspace) else file

    def _annotate(self, kind: str, title: str, text: str, **at: str) -> None:
        # GitHub shows ten annotations of a kind for a step and drops the rest.
        self._annotated += 1
        if self._annotated <= MOST_ANNOTATIONS:
            reported = ",".join(f"{name}={_property(value)}" for name, value in {**at, "title": title}.items())
            self._write(f"::{kind} {reported}::{_data(text)}")

    def _show(self, wait: str) -> None:
        requests, tests = self._how_many()
        [task] = self._bar.tasks
        # None: the bar only shows that something moves.
        task.total = self._tests if tests else self._known
        words = f"{tests}, {requests} sent" if tests else requests
        self._bar.update(task.id, completed=self._judged or self._sent, words=words, wait=wait, found=self._found())

    def _live_bar(self) -> Any:
        from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
        from rich.progress import Progress as Bar  # noqa: PLC0415

        bar = Bar(
            TextColumn("sending"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[words]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[found]}", style="red", markup=False),
            TextColumn("{task.fields[wait]}", style="dim", markup=False),
            console=Console(file=self._stream, _environ=self._environ),
            transient=True,
        )
        bar.add_task("sending", total=self._planned, words="", found="", wait="")
        return bar


MOST_ANNOTATIONS: Final = 10


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
