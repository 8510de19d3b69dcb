"""
Runs side by side in a terminal: the answer first, then tables that fit the width, honest without colour.

Columns of a matrix bear numbers, whose names stand above; where not all columns fit, the rows are printed again for the
next ones. What differs bears a sign at the edge, so that it is found without colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from closecheck.reports.terminal import Printer, whole
from closecheck.reports.difference import Change, Difference, Kind
from closecheck.reports.matrix import Matrix, Question
from closecheck.model import Result, Status, Verdict
from closecheck.reports._comparison import WHOLE, caution_lines, figures, found, how, levels, name, observed, status, tone, why
from closecheck.reports._facts import in_order, line
from closecheck.reports.run_columns import RunColumn, Agreement

if TYPE_CHECKING:
    from rich.console import Console

_STYLES: Final = {
    Verdict.CONFORMANT: "bold green",
    Verdict.NON_CONFORMANT: "bold red",
    Verdict.INCOMPLETE: "bold yellow",
    Verdict.ERROR: "bold magenta",
}
_SIGNS: Final = {Agreement.DIFFERENT: "≠", Agreement.PARTLY: "?", Agreement.SAME: " ", Agreement.NOWHERE: " "}
_ABSENT: Final = "-"
_LEGEND: Final = "≠ differs   ? tested or observed on some targets only   - not in the edition that judged the target"
_GAP: Final = 2


# ---------------------------------------------------------------------------------------------------------------- matrix


def print_matrix(matrix: Matrix, console: Console) -> None:
    """Print targets side by side: the answer, who they are, requirements, choices, the answer again."""
    out = Printer(console)
    out.said(line(matrix.headline, 2000), style="bold", indent=2)
    if matrix.rest:
        out.said(line(matrix.rest, 2000), first=2, indent=2)
    _print_cautions(matrix.cautions, out)
    _print_ids("requirements that came out differently:", matrix.differing, out)
    _print_ids("choices answered differently:", matrix.differing_choices, out)
    out.title("Targets")
    for column in matrix.columns:
        _print_run(column, out)
    out.blank()
    out.said(_LEGEND, style="dim")
    _print_rows(matrix, out)
    _print_questions(matrix, out)
    out.blank()
    out.said(line(matrix.headline, 2000), style="bold", indent=2)


def _print_ids(what: str, ids: Sequence[str], out: Printer) -> None:
    if ids:
        out.said(f"{what} {', '.join(line(one, 100) for one in ids)}", first=2, indent=2)


def _print_cautions(cautions: Sequence[str], out: Printer) -> None:
    for caution in caution_lines(cautions):
        out.said(f"note: {caution}", style="yellow", first=2, indent=6)


def _print_run(column: RunColumn, out: Printer) -> None:
    head = f"{column.label:>3}  {name(column)}"
    out.said(head, style="bold", indent=5)
    out.said(line(column.run.headline, 1000), style=_STYLES[column.run.verdict], first=5)
    out.said(how(column), first=5)


def _word(result: Result | None) -> str:
    return status(result) if result else _ABSENT


def _print_rows(matrix: Matrix, out: Printer) -> None:
    """Print the rows once for as many columns as fit, and again for the next ones."""
    wide = max((len(line(row.requirement.id, 100)) for row in matrix.shown), default=0)
    deep = max((len(levels(row)) for row in matrix.shown), default=0)
    before = 2 + wide + _GAP + deep
    lengths = [max(len(column.label), *(len(_word(row.cells[place])) for row in matrix.shown), 0) for place, column in enumerate(matrix.columns)]
    left = list(range(len(matrix.columns)))
    _print_count("Requirements", len(matrix.shown), len(matrix.rows), out)
    while left and matrix.shown:
        used, shown = before, 0
        while shown < len(left) and (shown == 0 or used + _GAP + lengths[left[shown]] < out.width):
            used += _GAP + lengths[left[shown]]
            shown += 1
        _print_block(matrix, left[:shown], [lengths[place] for place in left[:shown]], (wide, deep), out)
        left = left[shown:]


def _print_block(matrix: Matrix, places: Sequence[int], widths: Sequence[int], margins: tuple[int, int], out: Printer) -> None:
    wide, deep = margins

    def row(sign: str, first: str, second: str, cells: Sequence[str], style: str = "") -> None:
        reported = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)]
        out.said(whole(f"{sign} {first:<{wide}}  {second:<{deep}}  {'  '.join(reported)}".rstrip()), style=style)

    for area, rows in matrix.by_area():
        out.blank()
        out.said(line(area.title, 100), style="bold")
        row(" ", "", "", [matrix.columns[place].label for place in places], "bold")
        for one in rows:
            style = {Agreement.DIFFERENT: "bold", Agreement.PARTLY: "yellow"}.get(one.agreement, "")
            cells = [_word(one.cells[place]) for place in places]
            row(_SIGNS[one.agreement], line(one.requirement.id, 100), levels(one), cells, style)


def _print_count(word: str, shown: int, total: int, out: Printer) -> None:
    out.title(word if shown == total else f"{word}: the {shown} of {total} that differ")


def _print_questions(matrix: Matrix, out: Printer) -> None:
    _print_count("Choices", len(matrix.asked), len(matrix.questions), out)
    for question in matrix.asked:
        head = f"{_SIGNS[question.agreement]} {line(question.choice.id, 100)}"
        out.said(f"{whole(head)}   {line(question.choice.question)}", style="bold", styled=len(head), indent=4)
        _print_answers(matrix, question, out)


def _print_answers(matrix: Matrix, question: Question, out: Printer) -> None:
    labels = [", ".join(matrix.columns[place].label for place in places) for _, places in question.answers]
    wide = max(map(len, labels), default=0)
    for label, (seen, _) in zip(labels, question.answers, strict=True):
        out.said(f"{whole(f'{label:<{wide}}')}  {observed(seen)}", first=4, indent=min(wide, 20) + 2)


# ------------------------------------------------------------------------------------------------------------ difference


def print_difference(difference: Difference, console: Console) -> None:
    """Print what differs between two runs: the answer, who they are, every change, the answer and its exit code."""
    out = Printer(console)
    style = _STYLES[tone(difference)]
    out.said(line(difference.headline, 2000), style=style, indent=2)
    _print_cautions(difference.cautions, out)
    for column in (difference.old, difference.new):
        _print_run(column, out)
    for figure in figures(difference):
        out.said(f"{figure.name.lower():<9} {figure.old} → {figure.new} ({figure.change})", first=5)
    if difference.changes:
        out.blank()
    for change in difference.changes:
        _print_change(difference, change, out)
    if difference.choices:
        out.title("Choices")
    for choice in difference.choices:
        head = f"{'choice changed' if choice.agreement is Agreement.DIFFERENT else 'choice'}  {line(choice.choice.id, 100)}"
        out.said(f"{whole(head)}   {line(choice.choice.question)}", style="bold", styled=len(head), indent=4)
        out.fact("old", observed(choice.old))
        out.fact("new", observed(choice.new))
    out.blank()
    out.said(f"{line(difference.headline, 2000)}   {whole(f'(exit {int(difference.exit_code)})')}", style=style, indent=2)


_KIND_STYLES: Final = {Kind.REGRESSION: "bold red", Kind.FOUND: "bold yellow", Kind.LOST: "yellow", Kind.FIXED: "green"}


def _print_change(difference: Difference, change: Change, out: Printer) -> None:
    requirement = change.requirement
    head = f"{change.kind.value:<16}  {line(requirement.id, 100)}  {requirement.level.value}"
    turn = f"{status(change.old)} → {status(change.new)}"
    out.said(f"{whole(head)}   {whole(turn)}", style=_KIND_STYLES.get(change.kind, ""), styled=len(head), indent=6)
    reported = found(difference, change) if change.kind in WHOLE else None
    if reported is not None:
        out.fact("clause", reported.statement)
        for fact, text in in_order(reported):
            out.fact(fact, whole(text) if fact == "rerun" else text)
    elif change.new and change.new.status is not Status.PASS:
        out.fact("", why(change))
