"""
A matrix as one page in the looks of the report: no script, so that it says the same on paper, in a mail and to a screen reader.

The filter on differences is a check box and a rule of the style sheet. Names of targets stand in every column, cut; whole
ones, and all that distinguishes targets, in the table of targets.
"""

from __future__ import annotations

from textwrap import shorten
from typing import Any, Final

from closecheck.reports.matrix import Matrix, Question, Row
from closecheck.model import Result, Status, Verdict
from closecheck.reports._comparison import (
    ABSENT,
    CAUTIONS,
    NOT_OBSERVED,
    AGREEMENT_WORDS,
    brief,
    caution_lines,
    first_finding,
    how,
    levels,
    name,
)
from closecheck.reports._facts import line
from closecheck.reports._page import render_page
from closecheck.reports.run_columns import Observed, RunColumn, Agreement

VERDICT_CHIPS: Final = {
    Verdict.CONFORMANT: Status.PASS,
    Verdict.NON_CONFORMANT: Status.FAIL,
    Verdict.INCOMPLETE: Status.WARNING,
    Verdict.ERROR: Status.ERROR,
}
"""The look of each verdict: that of a status."""
_FEW: Final = 5
"""Columns up to which a wide window shows the whole table without a scroll of its own."""


def render(matrix: Matrix) -> str:
    """Return the page."""
    return render_page("matrix.html.j2", _view(matrix), styles=("style.css", "comparison.css"), absent=ABSENT, not_observed=NOT_OBSERVED)


def _view(matrix: Matrix) -> dict[str, Any]:
    suites = dict.fromkeys(column.run.opening.suite for column in matrix.columns)
    return {
        "title": f"{len(matrix.columns)} targets side by side" if len(matrix.columns) != 1 else "1 target",
        "colour": "545d69",
        "suite": ", ".join(line(suite, 60) for suite in list(suites)[:5]),
        "headline": line(matrix.headline, 2000),
        "rest": line(matrix.rest, 2000),
        "cautions_title": CAUTIONS,
        "cautions": caution_lines(matrix.cautions),
        "differing": [line(one, 100) for one in matrix.differing],
        "differing_choices": [line(one, 100) for one in matrix.differing_choices],
        "only_differences": matrix.only_differences,
        "can_hide": not matrix.only_differences and len(matrix.columns) > 1,
        "few": len(matrix.columns) <= _FEW,
        "sides": [_column(column) for column in matrix.columns],
        "shown": len(matrix.shown),
        "total": len(matrix.rows),
        "asked": len(matrix.asked),
        "questions": len(matrix.questions),
        "differ": sum(row.agreement.differs for row in matrix.rows),
        "answers_differ": sum(question.agreement.differs for question in matrix.questions),
        "areas": [
            {"title": line(area.title), "differs": any(row.agreement.differs for row in rows), "rows": [_row(row) for row in rows]}
            for area, rows in matrix.by_area()
        ],
        "choices": [_question(question) for question in matrix.asked],
    }


def _column(column: RunColumn) -> dict[str, Any]:
    return {
        "label": column.label,
        "name": name(column),
        "short": brief(column.run.opening.target, 40),
        "apart": brief(column.apart, 60),
        "verdict": column.run.verdict.words + ("" if column.run.complete else ", interrupted"),
        "chip": VERDICT_CHIPS[column.run.verdict].value,
        "headline": line(column.run.headline, 600),
        "how": f"{how(column)} · begun {line(column.run.opening.started, 40)}",
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "id": line(row.requirement.id, 100),
        "level": levels(row),
        "statement": shorten(line(row.requirement.statement, 1000), 90, placeholder=" …"),
        **_agreement(row.agreement),
        "cells": [_cell(result) for result in row.cells],
    }


def _agreement(agreement: Agreement) -> dict[str, Any]:
    return {"spread": agreement.value, "word": AGREEMENT_WORDS[agreement], "differs": agreement.differs}


def _cell(result: Result | None) -> dict[str, Any] | None:
    if result is None:
        return None
    broken = first_finding(result)
    return {"status": result.status, "got": brief(broken.finding.got) if broken else ""}


def _question(question: Question) -> dict[str, Any]:
    return {
        "id": line(question.choice.id, 100),
        "question": line(question.choice.question),
        **_agreement(question.agreement),
        "cells": [_observed(seen) for seen in question.cells],
    }


def _observed(seen: Observed) -> list[str] | None:
    return None if seen is None else [line(text) for text in seen[:_MOST_ANSWERS]]


_MOST_ANSWERS: Final = 50
