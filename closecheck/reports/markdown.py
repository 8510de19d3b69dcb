"""
``summary.md`` for a job's summary (under 1 MiB) and ``comment.md`` for a pull request (under 64 kB): failures first.

What a target sent stands in code, where Markdown has no links, no images, no mentions and no markup; fences are longer than any
run of backticks inside. Sections are added while they fit, and what does not fit is counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from closecheck.model import Broken, Result, Run, Status, Verdict
from closecheck.reports._diff import answer, edit
from closecheck.reports._facts import (
    Advice,
    Facts,
    advice,
    causes,
    answer_line,
    by_weight,
    count,
    duration,
    expected_got,
    facts,
    failed,
    in_order,
    more_of,
    budget_words,
    proof_words,
    tally,
    untested_by_supply,
    waiver_entries,
)
from closecheck.reports._marking import cell as _cell
from closecheck.reports._marking import code as _code
from closecheck.reports._marking import fence as _fence
from closecheck.reports._marking import plain as _text

FILE_NAME: Final = "summary.md"
COMMENT_FILE_NAME: Final = "comment.md"
SUMMARY_LIMIT: Final = 1024 * 1024 - 4096
"""Bytes: GitHub drops a longer summary whole; several steps may share a page."""
COMMENT_LIMIT: Final = 64_000
"""Bytes: a pull-request comment holds 65,536 characters."""
MARKS: Final = {
    Verdict.CONFORMANT: "✅",
    Verdict.NON_CONFORMANT: "❌",
    Verdict.INCOMPLETE: "⚠️",
    Verdict.ERROR: "🛑",
}
"""The sign before the first sentence."""


def render(run: Run) -> str:
    """Return the summary of a run."""
    return _render(run, SUMMARY_LIMIT, findings=5, brief=False)


def render_comment(run: Run) -> str:
    """Return the same, shorter, for a pull request."""
    return _render(run, COMMENT_LIMIT, findings=1, brief=True)


def _render(run: Run, limit: int, *, findings: int, brief: bool) -> str:
    page = Page(limit, elsewhere="index.html")
    page.add(_top(run))
    page.add(_counts(run))
    closing = run.closing
    if closing and closing.waiver_faults:
        page.add("## Waivers to correct\n" + "".join(f"- {_code(fault)}\n" for fault in closing.waiver_faults))
    page.section("Common causes", (f"- {_text(cause)}\n" for cause in causes(run)))
    page.section("Failures", (_failure(run, result, findings, brief=brief) for result in failed(run)))
    warned = by_weight(run.with_status(Status.WARNING))
    if not brief and (entries := "".join(waiver_entries(run))):
        summary = "To waive these failures temporarily: entries for the waivers file (target file, key waivers)"
        page.add(f"<details><summary>{summary}</summary>\n\n{_fence(entries.rstrip(), 'yaml')}\n\n</details>\n")
    page.section("Warnings", (_failure(run, result, 1, brief=True) for result in warned))
    page.section("Advice of later editions", (_advised(one) for one in advice(run)))
    page.section("Untested", _untested(run))
    page.section("Not applicable", (_not_applicable(result) for result in run.with_status(Status.NOT_APPLICABLE)))
    page.section("Waived", (_waived(result) for result in run.with_status(Status.WAIVED)))
    if not brief:
        page.section("Choices observed", _choices(run))
    page.add(_areas(run))
    for words in filter(None, (budget_words(run), proof_words(run))):
        page.add(f"*{_text(words)}*\n")
    return page.text()


class Page:
    """Markdown that never grows beyond its limit in bytes; ``elsewhere`` is where the reader finds what did not fit."""

    def __init__(self, limit: int, *, elsewhere: str) -> None:
        self._elsewhere = elsewhere
        self._limit = limit - 400
        self._parts: list[str] = []
        self._used = 0

    def add(self, part: str) -> bool:
        """Add a part if it fits."""
        length = len(part.encode("utf-8", "replace")) + 1
        if self._used + length > self._limit:
            return False
        self._parts.append(part)
        self._used += length
        return True

    def section(self, title: str, parts: Iterable[str], *, head: str = "") -> None:
        """Add a titled section with as many parts as fit, and the count of those that do not; ``head`` begins a table."""
        gathered = list(parts)
        if not gathered or not self.add(f"## {title}\n" + (f"\n{head}" if head else "")):
            return
        left_out = sum(not self.add(part) for part in gathered)
        if left_out:
            self._limit += 60
            self.add(f"\n*{count(left_out, 'more entry', 'more entries')}: see {self._elsewhere}.*\n")
        elif head:
            self.add("")

    def text(self) -> str:
        """Return the page."""
        return "\n".join(self._parts).encode("utf-8", "replace").decode()


def _top(run: Run) -> str:
    opening = run.opening
    reported = [
        f"target {_code(opening.target)}",
        f"base URL {_code(opening.base_url)}",
        f"edition {_text(run.edition)}",
        f"profile {opening.profile.value}",
        f"{_text(opening.started)}",
        f"{duration(run.seconds)}",
        count(run.requests, "request"),
        f"closecheck {_text(opening.suite)}",
    ]
    return f"# {MARKS[run.verdict]} {_text(run.headline)}\n\n{' · '.join(reported)}\n"


def _counts(run: Run) -> str:
    reported = tally(run)
    head = " | ".join(words for _, words, _ in reported)
    numbers = " | ".join(str(number) for _, _, number in reported)
    return f"| {head} | requirements |\n|{' ---: |' * (len(reported) + 1)}\n| {numbers} | {len(run.results)} |\n"


def _failure(run: Run, result: Result, findings: int, *, brief: bool) -> str:
    requirement = result.requirement
    lines = [f"### {_text(requirement.id)} · {requirement.level.value}\n\n{_text(requirement.statement)}\n"]
    shown = result.findings[:findings]
    lines += [_finding(run, result, broken, brief=brief) for broken in shown]
    if more := more_of(result, len(shown)):
        lines.append(f"*{more}*\n")
    return "\n".join(lines)


def _finding(run: Run, result: Result, broken: Broken, *, brief: bool) -> str:
    reported = facts(run, result, broken)
    table = "| | |\n| --- | --- |\n" + "".join(f"| **{name}** | {_cell(text)} |\n" for name, text in in_order(reported))
    return table if brief else table + _detail(broken, reported)


def _detail(broken: Broken, reported: Facts) -> str:
    if broken.witness is None:
        return ""
    rows = edit(broken.base, broken.witness, most_lines=30, most_characters=2000)
    sign = {"=": " ", "~": "#"}
    parts = [_fence("\n".join(f"{sign.get(row.kind, row.kind)} {row.text}" for row in rows), "diff")]
    if broken.witness.response is not None:
        reply = answer(broken.witness.response, most_lines=20, most_characters=1500)
        parts.append(_fence("\n".join(row.text for row in reply), "http"))
    else:
        parts.append(_fence(answer_line(broken.witness), ""))
    if 0 < len(reported.curl) <= 2000:
        parts.append(_fence(reported.curl, "sh"))
    summary = f"exchange {reported.exchange}: request with its edit, answer, curl"
    return f"\n<details><summary>{summary}</summary>\n\n" + "\n".join(parts) + "\n</details>\n"


def _waived(result: Result) -> str:
    found = f": {_code(expected_got(result.findings[0].finding))}" if result.findings else ""
    return f"- **{_text(result.requirement.id)}** {_code(result.reason)}{found}\n"


def _advised(one: Advice) -> str:
    command = f" rerun {_code(one.again)}" if one.again else ""
    return f"- **{_text(one.id)}** (edition {_text(one.since)}) {_code(one.words)}{command}\n"


def _untested(run: Run) -> list[str]:
    parts: list[str] = []
    for supply, results in untested_by_supply(run):
        lines = [f"**Supply** {_code(supply)}\n" if supply else "**Nothing to supply**\n"]
        for result in results:
            reported = f"- {_text(result.requirement.id)} ({result.requirement.level.value}"
            reported += ", error" if result.status is Status.ERROR else ""
            lines.append(f"{reported}): {_code(result.reason or 'no reason is recorded')}")
        parts.append("\n".join(lines) + "\n")
    return parts


def _not_applicable(result: Result) -> str:
    return f"- **{_text(result.requirement.id)}** {_code(result.reason)}\n"


def _choices(run: Run) -> list[str]:
    return [
        f"- {_text(choice.question)} {_code(seen.observed)}\n" if seen else f"- {_text(choice.question)} *not observed*\n"
        for choice, seen in run.choices
    ]


def _areas(run: Run) -> str:
    lines = ["## Requirements by area\n", "| area | passed | of |\n| --- | ---: | ---: |"]
    for area, results in run.by_area():
        passed = sum(result.status is Status.PASS for result in results)
        lines.append(f"| {_text(area.title)} | {passed} | {len(results)} |")
    return "\n".join(lines) + "\n"
