"""
The difference of two runs as one page in the looks of the report, without a script: what got worse first, with its facts.
"""

from __future__ import annotations

from typing import Any

from closecheck.reports.difference import Change, ChoiceChange, Difference, Kind
from closecheck.reports._comparison import ABSENT, CAUTIONS, NOT_OBSERVED, TITLES, WHOLE, about, caution_lines, figures, found, tone, why
from closecheck.reports._facts import count, line
from closecheck.reports._page import COLOURS, render_page
from closecheck.reports.run_columns import Observed, Agreement


def render(difference: Difference) -> str:
    """Return the page."""
    return render_page("difference.html.j2", _view(difference), styles=("style.css", "comparison.css"), absent=ABSENT, not_observed=NOT_OBSERVED)


def _view(difference: Difference) -> dict[str, Any]:
    changes = {figure.name: figure.change for figure in figures(difference)}
    verdict = tone(difference)
    return {
        "title": f"{count(difference.counts[Kind.REGRESSION], 'regression')} · {line(difference.new.run.opening.target, 80)}",
        "colour": COLOURS[verdict],
        "suite": line(difference.new.run.opening.suite, 60),
        "tone": verdict.value,
        "headline": line(difference.headline, 2000),
        "cautions_title": CAUTIONS,
        "cautions": caution_lines(difference.cautions),
        "facts": [
            {"name": name, "old": old, "new": new, "same": old == new, "change": changes.get(name, "")}
            for (name, old), (_, new) in zip(about(difference.old), about(difference.new), strict=True)
        ],
        "kinds": [
            {
                "slug": kind.value.replace(" ", "-"),
                "title": TITLES[kind],
                "whole": kind in WHOLE,
                "changes": [_change(difference, one) for one in difference.of(kind)],
            }
            for kind in Kind
            if difference.of(kind)
        ],
        "choices": [_choice(one) for one in difference.choices],
    }


def _change(difference: Difference, change: Change) -> dict[str, Any]:
    requirement = change.requirement
    reported = found(difference, change) if change.kind in WHOLE else None
    return {
        "id": line(requirement.id, 100),
        "level": requirement.level.value,
        "statement": line(requirement.statement, 1000),
        "old": change.old.status if change.old else None,
        "new": change.new.status if change.new else None,
        "why": why(change),
        "facts": reported,
        "sources": reported.source.split(" · ") if reported else [],
    }


def _choice(change: ChoiceChange) -> dict[str, Any]:
    return {
        "id": line(change.choice.id, 100),
        "question": line(change.choice.question),
        "changed": change.agreement is Agreement.DIFFERENT,
        "old": _observed(change.old),
        "new": _observed(change.new),
    }


def _observed(seen: Observed) -> list[str] | None:
    return None if seen is None else [line(text) for text in seen]
