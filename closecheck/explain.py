"""``closecheck list`` and ``explain``: the catalogue, and one card of it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from closecheck import edits
from closecheck.contract import contract
from closecheck.errors import UsageError
from closecheck.target import nearest

_WIDTH = 100


def listing() -> Iterator[str]:
    """Yield a line for each requirement, under the title of its area."""
    catalogue = contract().catalogue
    for area in catalogue.areas:
        yield area.title
        for one in catalogue.requirements:
            if one.area == area.id:
                yield f"  {one.id:<32} {one.level:<7} {textwrap.shorten(one.statement, 110, placeholder=' …')}"
    yield "Choices (observed, never failed)"
    for choice in catalogue.choices:
        yield f"  {choice.id:<32} {'':<7} {textwrap.shorten(choice.question, 110, placeholder=' …')}"


def card(requirement_id: str) -> str:
    """
    Return one requirement as a card: statement, level, source, reading, test, mistakes, fix.

    Raises:
        UsageError: there is no such requirement.

    """
    document = contract()
    if requirement_id not in document.ids:
        remedy = f"{nearest(requirement_id, document.ids)} `closecheck list` names all"
        raise UsageError("closecheck explain", f"there is no requirement {requirement_id}", remedy)
    one = document[requirement_id]
    cases = [case for case in (*edits.derived().values(), *document.declared.values()) if case.requirement == one.id]
    lines = [f"{one.id}   {one.level}   since edition {one.since}", "", *_wrapped(one.statement), ""]
    lines += _field("why", one.consequence)
    lines += _field("source", one.source + (f' ("{one.quote}")' if one.quote else ""))
    lines += _field("reading", one.reading)
    lines += _field("needs", ", ".join(one.needs))
    if cases:
        shown = ", ".join(case.id for case in cases[:6])
        more = f" and {len(cases) - 6} more" if len(cases) > 6 else ""
        lines += _field("tested by", f"{len(cases)} cases: {shown}{more}")
    else:
        lines += _field("tested by", "every exchange of a run, or a sequence of requests: see the tests of its area")
    lines += _field("again", f"closecheck run --only {one.id} --target target.yaml")
    if one.mistakes is not None:
        lines += ["", "How implementers get it wrong"]
        for framework, text in (
            ("Express", one.mistakes.express),
            ("Spring", one.mistakes.spring),
            ("ASP.NET Core", one.mistakes.aspnet),
            ("Django", one.mistakes.django),
        ):
            lines += _field(framework, text)
    lines += ["", *_field("fix", one.fix)]
    return "\n".join(lines).rstrip()


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH)


def _field(name: str, text: str) -> list[str]:
    if not text:
        return []
    return textwrap.wrap(text, _WIDTH, initial_indent=f"{name:<14}", subsequent_indent=" " * 14, break_on_hyphens=False)
