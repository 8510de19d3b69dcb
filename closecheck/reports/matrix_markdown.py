"""
A matrix in Markdown, for the summary of a job (under 1 MiB): the answer, the targets, what differs, everything.

What a target wrote stands in code or escaped; columns bear numbers, so that no name can widen or break a table.
"""

from __future__ import annotations

from collections.abc import Iterator

from closecheck.reports.matrix import Matrix, Question, Row
from closecheck.model import Result
from closecheck.reports._comparison import CAUTIONS, AGREEMENT_WORDS, about, caution_lines, levels, observed, status
from closecheck.reports._marking import cell, code, plain
from closecheck.reports.markdown import SUMMARY_LIMIT, Page


def render(matrix: Matrix) -> str:
    """Return the page."""
    page = Page(SUMMARY_LIMIT, elsewhere="the HTML of this matrix")
    page.add(f"# {plain(matrix.headline)}\n")
    if matrix.rest:
        page.add(f"{plain(matrix.rest)}\n")
    if matrix.cautions:
        page.add(f"**{CAUTIONS}**\n\n" + "".join(f"- {code(caution)}\n" for caution in caution_lines(matrix.cautions)))
    page.add(_differing(matrix))
    facts = [about(column) for column in matrix.columns]
    page.section(
        "Targets",
        (f"| {column.label} | {' | '.join(cell(text) for _, text in reported)} |" for column, reported in zip(matrix.columns, facts, strict=True)),
        head=_head(" ", *(name for name, _ in facts[0])) if facts else "",
    )
    labels = [column.label for column in matrix.columns]
    page.section(_title("Requirements", len(matrix.shown), len(matrix.rows)), _rows(matrix), head=_head("requirement", "level", "note", *labels))
    page.section(
        _title("Choices", len(matrix.asked), len(matrix.questions)),
        (_question(question) for question in matrix.asked),
        head=_head("choice", "note", *labels),
    )
    return page.text()


def _title(word: str, shown: int, total: int) -> str:
    return word if shown == total else f"{word}: the {shown} of {total} that differ"


def _head(*names: str) -> str:
    return f"| {' | '.join(names)} |\n|{' --- |' * len(names)}"


def _differing(matrix: Matrix) -> str:
    reported = []
    if matrix.differing:
        reported.append(f"Requirements that came out differently: {', '.join(plain(one) for one in matrix.differing)}.\n")
    if matrix.differing_choices:
        reported.append(f"Choices answered differently: {', '.join(plain(one) for one in matrix.differing_choices)}.\n")
    return "\n".join(reported)


def _rows(matrix: Matrix) -> Iterator[str]:
    for area, rows in matrix.by_area():
        yield f"| **{plain(area.title)}** |{' |' * (len(matrix.columns) + 2)}"
        for row in rows:
            yield _row(row)


def _row(row: Row) -> str:
    cells = [plain(row.requirement.id), levels(row), AGREEMENT_WORDS[row.agreement], *(_status(result) for result in row.cells)]
    return f"| {' | '.join(cells)} |"


def _status(result: Result | None) -> str:
    return f"**{status(result)}**" if result and result.status.broken else status(result)


def _question(question: Question) -> str:
    seen = [cell(observed(one)) if one else observed(one) for one in question.cells]
    return f"| {plain(question.choice.question)} ({plain(question.choice.id)}) | {AGREEMENT_WORDS[question.agreement]} | {' | '.join(seen)} |"
