"""
The difference of two runs in Markdown, for a comment of a pull request (under 64 kB): what got worse first, with its facts.

What a target wrote stands in code, as in every Markdown of the suite.
"""

from __future__ import annotations

from closecheck.reports.difference import Change, ChoiceChange, Difference, Kind
from closecheck.reports._comparison import CAUTIONS, TITLES, WHOLE, about, caution_lines, figures, found, observed, status, tone, why
from closecheck.reports._facts import in_order
from closecheck.reports._marking import cell, code, plain
from closecheck.reports.markdown import COMMENT_LIMIT, MARKS, Page


def render(difference: Difference) -> str:
    """Return the comment."""
    page = Page(COMMENT_LIMIT, elsewhere="the HTML of this comparison")
    page.add(f"# {MARKS[tone(difference)]} {plain(difference.headline)}\n")
    if difference.cautions:
        page.add(f"**{CAUTIONS}**\n\n" + "".join(f"- {code(caution)}\n" for caution in caution_lines(difference.cautions)))
    page.add(_runs(difference))
    for kind in Kind:
        changes = difference.of(kind)
        if kind in WHOLE:
            page.section(TITLES[kind], (_whole(difference, one) for one in changes))
        else:
            page.section(TITLES[kind], (_row(one) for one in changes), head=_HEAD)
    page.section("Choices", (_choice(one) for one in difference.choices), head="| choice | old | new |\n| --- | --- | --- |")
    return page.text()


_HEAD = "| requirement | level | old | new | why |\n| --- | --- | --- | --- | --- |"


def _runs(difference: Difference) -> str:
    changes = {figure.name: figure.change for figure in figures(difference)}
    lines = ["| | old | new |", "| --- | --- | --- |"]
    for (name, old), (_, new) in zip(about(difference.old), about(difference.new), strict=True):
        change = f" ({changes[name]})" if name in changes else ""
        lines.append(f"| {name} | {cell(old)} | {cell(new)}{change} |")
    return "\n".join(lines) + "\n"


def _turn(change: Change) -> str:
    return f"{status(change.old)} → {status(change.new)}"


def _whole(difference: Difference, change: Change) -> str:
    requirement = change.requirement
    head = f"### {plain(requirement.id)} · {requirement.level.value} · {_turn(change)}\n\n{plain(requirement.statement)}\n"
    reported = found(difference, change)
    if reported is None:
        return head
    return f"{head}\n| | |\n| --- | --- |\n" + "".join(f"| **{name}** | {cell(text)} |\n" for name, text in in_order(reported))


def _row(change: Change) -> str:
    requirement = change.requirement
    reason = cell(why(change)) if why(change) else " "
    return f"| {plain(requirement.id)} | {requirement.level.value} | {status(change.old)} | {status(change.new)} | {reason} |"


def _choice(change: ChoiceChange) -> str:
    old, new = (cell(observed(one)) if one else observed(one) for one in (change.old, change.new))
    return f"| {plain(change.choice.question)} ({plain(change.choice.id)}) | {old} | {new} |"
