"""
A matrix for programs, under ``spec/schemas/comparison.schema.json``.

Texts stand as they were recorded: JSON escapes what needs it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from closecheck.reports.matrix import Matrix
from closecheck.model import Result
from closecheck.reports._comparison import first_finding
from closecheck.reports.run_columns import RunColumn

SCHEMA: Final = "closecheck-matrix/1"


def render(matrix: Matrix) -> bytes:
    """Return the matrix as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document(matrix)), indent=1) + b"\n"


def document(matrix: Matrix) -> dict[str, Any]:
    """Return the matrix as plain data; a result or an observation is null where an edition does not have it."""
    return {
        "schema": SCHEMA,
        "headline": matrix.headline,
        "rest": matrix.rest,
        "cautions": list(matrix.cautions),
        "only_differences": matrix.only_differences,
        "targets": [column_of(column) for column in matrix.columns],
        "counts": {
            "targets": {verdict.value: number for verdict, number in matrix.verdicts.items()},
            "requirements": {agreement.value: number for agreement, number in matrix.agreements.items()},
            "choices": {agreement.value: number for agreement, number in matrix.choice_agreements.items()},
        },
        "requirements": [
            {
                "id": row.requirement.id,
                "area": row.requirement.area,
                "levels": [level.value for level in row.levels],
                "statement": row.requirement.statement,
                "spread": row.agreement.value,
                "results": [result_of(cell) for cell in row.cells],
            }
            for row in matrix.shown
        ],
        "choices": [
            {
                "id": question.choice.id,
                "question": question.choice.question,
                "measured": question.choice.measured,
                "spread": question.agreement.value,
                "observed": [None if cell is None else list(cell) for cell in question.cells],
            }
            for question in matrix.asked
        ],
    }


def column_of(column: RunColumn) -> dict[str, Any]:
    """Return a run as plain data."""
    run, opening = column.run, column.run.opening
    return {
        "label": column.label,
        "name": opening.target,
        "apart": column.apart,
        "base_url": opening.base_url,
        "suite": opening.suite,
        "edition": run.edition,
        "contract_digest": opening.spec_digest,
        "profile": opening.profile.value,
        "strict": opening.strict,
        "selection": opening.selection,
        "seed": opening.seed,
        "started": opening.started,
        "verdict": run.verdict.value,
        "headline": run.headline,
        "exit_code": int(run.exit_code),
        "complete": run.complete,
        "requests": run.requests,
        "seconds": run.seconds,
        "counts": {status.value: number for status, number in run.counts().items()},
    }


def result_of(result: Result | None) -> dict[str, Any] | None:
    """Return the result of a requirement as plain data; expected, got and case are those of its first finding."""
    if result is None:
        return None
    broken = first_finding(result)
    return {
        "status": result.status.value,
        "reason": result.reason,
        "occurrences": result.occurrences,
        "case": broken.evidence.case if broken else "",
        "expected": broken.finding.expected if broken else "",
        "got": broken.finding.got if broken else "",
    }
