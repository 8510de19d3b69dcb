"""A comparison as text for a terminal, as Markdown, and as JSON. What a document says is shown visibly, never as it came."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from typing import IO, Any, Final

import msgspec

from closecheck.contract.specification import OPERATION, contract
from closecheck.model import Level
from closecheck.openapi.result import FAULTS, Compared, Comparison, Decided, Passage, Reading, Relation
from closecheck.reports._facts import count, line
from closecheck.reports._marking import cell, code, plain
from closecheck.reports.terminal import Printer, terminal, whole

SCHEMA: Final = "closecheck-compare/1"
MOST_READINGS: Final = 6
"""Places shown of one requirement; the others are counted."""
_STYLES: Final = {Relation.MISSING: "red", Relation.LOOSER: "red", Relation.STRICTER: "red"}
_ONLY_A_RUN: Final = "Not expressible: the contract's own document says nothing of them, only a run can show them"


def _groups(compared: Compared) -> Iterator[tuple[str, list[Comparison]]]:
    """Yield what differs, the binding part first."""
    differing = compared.with_relation(*FAULTS)
    yield "Differences", [one for one in differing if one.requirement.level is Level.MUST]
    yield "Differences in what is only a SHOULD", [one for one in differing if one.requirement.level is not Level.MUST]


def _facts(one: Comparison, reading: Reading) -> list[tuple[str, str]]:
    """Return the facts of a difference in order; what several places of a requirement share is said once."""
    shown = one.readings[:MOST_READINGS]
    last = reading is shown[-1]
    before = next((earlier.contract for earlier, now in itertools.pairwise(shown) if now is reading), None)
    facts = [
        ("contract", f"{reading.contract.says}   {reading.contract.at}" if reading.contract != before else ""),
        ("document", f"{reading.document.says}   {reading.document.at} {reading.document.pointer}"),
        ("shows", reading.shows + (f"   case {reading.case}" if reading.case else "")),
        ("impact", one.requirement.consequence if last else ""),
    ]
    return [(name, line(text, 1000)) for name, text in facts if text]


def _about(compared: Compared) -> str:
    title = f"{compared.title}, " if compared.title else ""
    return (
        f"{compared.document} · {title}{compared.version} · POST {compared.path} · the contract of {OPERATION}, edition {compared.edition}"
    )


def _by_area(compared: Compared) -> Iterator[tuple[str, list[str]]]:
    """Yield what is not expressible by area."""
    for area in contract().catalogue.areas:
        names = [one.requirement.id for one in compared.with_relation(Relation.NOT_EXPRESSIBLE) if one.requirement.area == area.id]
        if names:
            yield area.title, names


def _hidden(one: Comparison) -> str:
    rest = len(one.readings) - MOST_READINGS
    return f"and {count(rest, 'more place')}" if rest > 0 else ""


# -------------------------------------------------------------------------------------------------------------- terminal


def print_text(compared: Compared, out: Printer) -> None:
    """Print a comparison: first sentence, differences, the rest in brief, last sentence."""
    style = "bold red" if compared.faults else "bold green"
    out.said(line(compared.headline), style=style, indent=2)
    out.said(line(_about(compared), 1000), indent=2, first=2)
    for title, several in _groups(compared):
        if several:
            out.title(title)
        for one in several:
            _print_difference(one, out)
    if compared.choices:
        out.title("Choices that the document decides; the contract leaves them open")
    for choice in compared.choices:
        out.said(f"{choice.choice}  {line(_choice(choice), 1000)}", first=2, indent=4)
    if compared.notes:
        out.title("Notes")
    for note in compared.notes:
        out.said(line(note, 1000), first=2, indent=2)
    same = compared.with_relation(Relation.SAME)
    out.title(f"The same ({len(same)})")
    for one in same:
        passage = one.readings[0].document
        out.said(f"{one.requirement.id:<27} {whole(passage.at)}  {line(passage.says)}", first=2, indent=28)
    out.title(f"{_ONLY_A_RUN} ({compared.count(Relation.NOT_EXPRESSIBLE)})")
    for area, names in _by_area(compared):
        out.said(f"{area}: {' '.join(names)}", first=2, indent=4)
    out.blank()
    out.said(f"{compared.verdict}   (exit {int(compared.exit_code)})", style=style, indent=2)


def _print_difference(one: Comparison, out: Printer) -> None:
    head = f"{one.relation.upper()}  {one.requirement.id}  {one.requirement.level}"
    style = f"bold {_STYLES[one.relation]}" if one.requirement.level is Level.MUST else "bold yellow"
    out.blank()
    out.said(f"{whole(head)}   {line(one.requirement.statement, 1000)}", style=style, styled=len(head), indent=6)
    for reading in one.readings[:MOST_READINGS]:
        for name, text in _facts(one, reading):
            out.fact(name, text)
    out.fact("more", _hidden(one))


def _choice(choice: Decided) -> str:
    return f"{choice.question} {choice.document.says} refuses case {choice.case}   {choice.document.at}"


# -------------------------------------------------------------------------------------------------------------- markdown


def markdown(compared: Compared) -> str:
    """Return a comparison as Markdown, for the summary of a job or a comment."""
    lines = [f"# {'❌' if compared.faults else '✅'} {plain(compared.headline)}", "", plain(_about(compared)), ""]
    for title, several in _groups(compared):
        lines += [f"## {title}", ""] if several else []
        for one in several:
            lines += [
                f"### {one.relation} · {plain(one.requirement.id)} · {one.requirement.level}",
                "",
                plain(one.requirement.statement),
                "",
            ]
            lines += ["| | |", "| --- | --- |"]
            lines += [f"| **{name}** | {cell(text)} |" for reading in one.readings[:MOST_READINGS] for name, text in _facts(one, reading)]
            lines += [f"| **more** | {_hidden(one)} |"] if _hidden(one) else []
            lines.append("")
    for title, texts in (
        ("Choices that the document decides", [f"{plain(one.choice)}: {code(_choice(one))}" for one in compared.choices]),
        ("Notes", [code(note) for note in compared.notes]),
    ):
        lines += [f"## {title}", "", *(f"- {text}" for text in texts), ""] if texts else []
    same = compared.with_relation(Relation.SAME)
    lines += [f"## The same ({len(same)})", "", "| requirement | place | says |", "| --- | --- | --- |"]
    for one in same:
        passage = one.readings[0].document
        lines.append(f"| {plain(one.requirement.id)} | {cell(passage.at)} | {cell(passage.says)} |")
    lines += ["", f"## {_ONLY_A_RUN} ({compared.count(Relation.NOT_EXPRESSIBLE)})", ""]
    lines += [f"- {plain(area)}: {', '.join(map(plain, names))}" for area, names in _by_area(compared)]
    return "\n".join([*lines, "", f"{plain(compared.verdict)} (exit {int(compared.exit_code)})", ""])


# ------------------------------------------------------------------------------------------------------------------ JSON


def document(compared: Compared) -> dict[str, Any]:
    """Return a comparison as plain data, under ``spec/schemas/compare.schema.json``."""
    return {
        "schema": SCHEMA,
        "headline": compared.headline,
        "verdict": compared.verdict,
        "exit_code": int(compared.exit_code),
        "document": {"file": compared.document, "title": compared.title, "version": compared.version, "path": compared.path},
        "edition": compared.edition,
        "counts": {
            "requirements": len(compared.comparisons),
            "expressible": compared.expressible,
            "faults": len(compared.faults),
            "by_relation": {relation.value: compared.count(relation) for relation in Relation},
        },
        "requirements": [
            {
                "id": one.requirement.id,
                "level": one.requirement.level.value,
                "relation": one.relation.value,
                "statement": one.requirement.statement,
                "because": one.requirement.consequence,
                "readings": [
                    {
                        "relation": reading.relation.value,
                        "contract": _passage(reading.contract),
                        "document": _passage(reading.document),
                        "shows": reading.shows,
                        "case": reading.case,
                    }
                    for reading in one.readings
                ],
            }
            for one in compared.comparisons
        ],
        "choices": [
            {"id": one.choice, "question": one.question, "refuses": one.case, "document": _passage(one.document)}
            for one in compared.choices
        ],
        "notes": list(compared.notes),
    }


def _passage(passage: Passage) -> dict[str, Any]:
    return {"file": passage.file, "line": passage.line, "pointer": passage.pointer, "says": passage.says}


# --------------------------------------------------------------------------------------------------------------- formats


def render(compared: Compared, kind: str) -> str:
    """Return a comparison as ``markdown`` or ``json``, without its last line break."""
    if kind == "markdown":
        return markdown(compared).rstrip("\n")
    return msgspec.json.format(msgspec.json.encode(document(compared)), indent=1).decode()


def show(compared: Compared, kind: str, stream: IO[str] | None = None) -> None:
    """Write a comparison to a stream, standard output by default: ``text``, ``markdown`` or ``json``."""
    stream = sys.stdout if stream is None else stream
    if kind == "text":
        print_text(compared, Printer(terminal(stream)))
    else:
        stream.write(f"{render(compared, kind)}\n")
