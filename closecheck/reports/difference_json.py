"""
The difference of two runs for programs, under ``spec/schemas/comparison.schema.json``.

Texts stand as they were recorded: JSON escapes what needs it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from closecheck.reports.difference import Difference
from closecheck.reports.matrix_json import result_of, column_of

SCHEMA: Final = "closecheck-difference/1"


def render(difference: Difference) -> bytes:
    """Return the difference as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document(difference)), indent=1) + b"\n"


def document(difference: Difference) -> dict[str, Any]:
    """Return the difference as plain data; a result or an observation is null where an edition does not have it."""
    return {
        "schema": SCHEMA,
        "headline": difference.headline,
        "exit_code": int(difference.exit_code),
        "cautions": list(difference.cautions),
        "old": column_of(difference.old),
        "new": column_of(difference.new),
        "counts": {
            "requirements": difference.total,
            "compared": difference.compared,
            "by_kind": {kind.value: number for kind, number in difference.counts.items()},
            "choices": {agreement.value: number for agreement, number in difference.choice_agreements.items()},
        },
        "requirements": [
            {
                "id": one.requirement.id,
                "level": one.requirement.level.value,
                "statement": one.requirement.statement,
                "kind": one.kind.value,
                "old": result_of(one.old),
                "new": result_of(one.new),
            }
            for one in difference.changes
        ],
        "choices": [
            {
                "id": one.choice.id,
                "question": one.choice.question,
                "spread": one.agreement.value,
                "old": None if one.old is None else list(one.old),
                "new": None if one.new is None else list(one.new),
            }
            for one in difference.choices
        ],
    }
