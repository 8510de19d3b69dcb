"""``closecheck list`` and ``explain``: the catalogue, and one card of it."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from closecheck.config.checked_values import nearest
from closecheck.contract.specification import contract
from closecheck.model import Choice, Level, Requirement, Struct
from closecheck.model.errors import UsageError

if TYPE_CHECKING:
    import pytest

_WIDTH: Final = 100
_COLUMN: Final = 14
_MOST_CASES: Final = 6
SCHEMA: Final = "closecheck-list/1"


class Tested(Struct):
    """One test that judges a requirement: where it stands, what its docstring says, the cases it asks, and a part for each item."""

    file: str
    name: str
    says: str
    cases: tuple[str, ...]
    """Empty: it sends a sequence of its own, or looks at what others sent."""
    parts: tuple[str, ...]
    sequences: tuple[str, ...] = ()
    """The ids of its items that are no single case."""


# ------------------------------------------------------------------------------------------------------------------ list


class Selection(Struct):
    """What of the catalogue is listed."""

    edition: str
    requirements: tuple[Requirement, ...]
    choices: tuple[Choice, ...]


def selected(area: str = "", level: Level | None = None) -> Selection:
    """
    Return the requirements of an area and of a level; choices have neither, and are there only if neither is asked for.

    Raises:
        UsageError: there is no such area.

    """
    catalogue = contract().catalogue
    known = [one.id for one in catalogue.areas]
    if area and area not in known:
        raise UsageError("--area", f"there is no area {area}", f"{nearest(area, known)} All: {', '.join(known)}.")
    kept = (one for one in catalogue.requirements if area in ("", one.area) and level in (None, one.level))
    return Selection(catalogue.edition, tuple(kept), () if area or level else catalogue.choices)


def listing(listed: Selection) -> Iterator[str]:
    """Yield a line for each requirement, under the title of its area."""
    for area in contract().catalogue.areas:
        ours = [one for one in listed.requirements if one.area == area.id]
        if ours:
            yield f"{area.title} ({area.id})"
        for one in ours:
            yield f"  {one.id:<32} {one.level:<7} {textwrap.shorten(one.statement, 110, placeholder=' …')}"
    if listed.choices:
        yield "Choices (observed, never failed)"
    for choice in listed.choices:
        yield f"  {choice.id:<32} {'':<7} {textwrap.shorten(choice.question, 110, placeholder=' …')}"


def as_json(listed: Selection) -> str:
    """Return the same for programs, whole, under ``spec/schemas/list.schema.json``."""
    document = {
        "schema": SCHEMA,
        "edition": listed.edition,
        "requirements": [_plain(one) for one in listed.requirements],
        "choices": [{"id": one.id, "question": one.question, "since": one.since} for one in listed.choices],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode()


def _plain(one: Requirement) -> dict[str, Any]:
    names = (
        "id",
        "area",
        "level",
        "statement",
        "since",
        "page",
        "quote",
        "standard",
        "openapi",
        "reading",
        "consequence",
        "fix",
        "needs",
        "parts",
    )
    listed = {name: getattr(one, name) for name in names}
    return listed | {"line": _line(one), "mistakes": msgspec.to_builtins(one.mistakes)}


def _line(one: Requirement) -> int:
    return contract().lines.get(one.openapi, 0)


# --------------------------------------------------------------------------------------------------------------- explain


def check_known(requirement_id: str) -> None:
    """
    Refuse the id of no requirement.

    Raises:
        UsageError: there is no such requirement.

    """
    known = contract().ids
    if requirement_id not in known:
        remedy = f"{nearest(requirement_id, known)} `closecheck list` names all."
        raise UsageError("closecheck explain", f"there is no requirement {requirement_id}", remedy)


def card(requirement_id: str, tests: Sequence[Tested], faults: Sequence[str]) -> str:
    """
    Return one requirement as a card: statement, level, source, reading, tests, mistakes, fix, proof.

    ``tests`` are those that judge it, ``faults`` the names of the faulty targets that break it.
    """
    one = contract()[requirement_id]
    lines = [f"{one.id}   {one.level}   since edition {one.since}", "", *textwrap.wrap(one.statement, _WIDTH), ""]
    lines += _field("why", one.consequence)
    lines += _field("page", one.page + (f': "{one.quote}"' if one.quote else ""))
    lines += _field("contract", msgspec.structs.replace(one, line=_line(one)).place)
    lines += _field("standard", one.standard)
    lines += _field("reading", one.reading)
    lines += _field("needs", ", ".join(one.needs))
    lines += ["", "How it is tested"]
    for test in tests:
        lines += _field("test", f"tests/{test.file}: {test.says or test.name}")
        lines += _field("  cases", _cases(test.cases))
        lines += _field("  in", _places((*test.cases, *test.sequences)))
    lines += _field("parts", _parts(one, tests))
    lines += _field("rerun", f"closecheck run --only {one.id} --target target.yaml")
    if one.mistakes is not None:
        lines += ["", "How implementers get it wrong"]
        for framework, text in (
            ("Express", one.mistakes.express),
            ("Spring", one.mistakes.spring),
            ("ASP.NET Core", one.mistakes.aspnet),
            ("Django", one.mistakes.django),
        ):
            lines += _field(framework, text)
    lines += ["", *_field("fix", one.fix), "", "How it is proved"]
    lines += _field("faults", f"{len(faults)} on the shelf break it: {', '.join(faults)}" if faults else "none on the shelf breaks it")
    lines += _field("see one", f"closecheck serve --fault {faults[0]}" if faults else "")
    return "\n".join(lines).rstrip()


def _cases(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MOST_CASES} more" if len(names) > _MOST_CASES else ""
    return f"{len(names)}: {', '.join(names[:_MOST_CASES])}{more}"


def _places(names: Sequence[str]) -> str:
    """Return the files in which cases and sequences stand, with the line of the first one and their number."""
    known = contract().case_places
    by_file: dict[str, list[int]] = {}
    for file, line in (known[name] for name in names if name in known):
        by_file.setdefault(file, []).append(line)
    return ", ".join(
        f"{file}:{min(lines)}" + (f" (first of {len(lines)})" if len(lines) > 1 else "") for file, lines in sorted(by_file.items())
    )


def _parts(one: Requirement, tests: Sequence[Tested]) -> str:
    """Return each part with the number of its cases and tests, first those that must all have run before the requirement passes."""
    counted = Counter(part for test in tests for part in test.parts if part)
    # A sequence may judge several parts, of which its mark names none.
    listed = {part: f"{part} ({counted[part]})" if counted[part] else part for part in (*one.parts, *counted)}
    necessary = [words for part, words in listed.items() if part in one.parts]
    other = [words for part, words in listed.items() if part not in one.parts]
    groups = (("all must run: ", necessary), ("besides: ", other))
    return "; ".join(title + ", ".join(words) for title, words in groups if words)


def _field(name: str, text: str) -> list[str]:
    if not text:
        return []
    return textwrap.wrap(
        text, _WIDTH, initial_indent=f"{name:<{_COLUMN}}", subsequent_indent=" " * _COLUMN, break_on_hyphens=False, break_long_words=False
    )


def explain(requirement_id: str) -> str:
    """
    Return the card of a requirement, with the tests that judge it and the faults that prove it.

    Raises:
        UsageError: there is no such requirement.

    """
    from closecheck.deviations.faults import faults  # noqa: PLC0415 - `list` needs neither them nor pytest
    from closecheck.suite import plugin  # noqa: PLC0415
    from closecheck.suite.engine import collect  # noqa: PLC0415

    check_known(requirement_id)
    _, items = collect({"only": (requirement_id,)})
    by_test: dict[tuple[str, str, str], list[pytest.Item]] = {}
    for item in items:
        says = (getattr(item, "function", item).__doc__ or "").strip().partition("\n")[0]
        by_test.setdefault((item.path.name, getattr(item, "originalname", item.name), says), []).append(item)
    tests = [
        Tested(
            *place,
            cases=tuple(case.id for item in found if (case := plugin.case_of(item)) is not None),
            parts=tuple(plugin.part_of(item) for item in found),
            sequences=tuple(item.nodeid for item in found if plugin.case_of(item) is None),
        )
        for place, found in by_test.items()
    ]
    return card(requirement_id, tests, [one.name for one in faults() if requirement_id in one.breaks])
