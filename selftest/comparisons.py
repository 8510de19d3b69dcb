"""What holds of every comparison, a matrix or a difference, in every format."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
from lxml import html as lxml_html

from closecheck.reports import difference_html, difference_json, difference_markdown, matrix_html, matrix_json, matrix_markdown
from closecheck.reports._facts import line, visible
from closecheck.reports._marking import plain
from closecheck.reports.difference import Difference
from closecheck.reports.matrix import Matrix
from closecheck.reports.terminal import terminal
from closecheck.reports.terminal_comparisons import print_difference, print_matrix

ROOT: Final = Path(__file__).parents[1]
GOLDENS: Final = Path(__file__).parent / "goldens"
SCHEMA: Final = jsonschema_rs.Draft202012Validator(json.loads((ROOT / "spec" / "schemas" / "comparison.schema.json").read_text("utf-8")))
Compared = Matrix | Difference


def text(told: Compared, width: int = 120) -> str:
    """Return a comparison as a terminal of this width shows it."""
    stream = io.StringIO()
    console = terminal(stream, {})
    console.width = width
    print_matrix(told, console) if isinstance(told, Matrix) else print_difference(told, console)
    return stream.getvalue()


def rendered(told: Compared) -> dict[str, str]:
    """Return a comparison in every format."""
    of_matrix = {"html": matrix_html.render, "markdown": matrix_markdown.render, "json": matrix_json.render}
    of_difference = {"html": difference_html.render, "markdown": difference_markdown.render, "json": difference_json.render}
    renderers: dict[str, Callable[[Any], str | bytes]] = of_matrix if isinstance(told, Matrix) else of_difference
    made = {name: render(told) for name, render in renderers.items()}
    return {"text": text(told)} | {name: one if isinstance(one, str) else one.decode() for name, one in made.items()}


def check(told: Compared) -> dict[str, Any]:
    """Hold a comparison in every format against what holds of each; return them, the page as a tree and JSON as data."""
    made: dict[str, Any] = rendered(told)
    for name in ("text", "markdown", "html"):
        assert visible(made[name]) == made[name], name
        made[name].encode()
    assert "\x1b" not in made["text"]
    check_page(made["html"])
    made["html"] = lxml_html.document_fromstring(made["html"])
    made["json"] = json.loads(made["json"])
    SCHEMA.validate(made["json"])
    check_answer(told, made)
    return made


def check_page(page: str) -> None:
    """Hold a page against what a browser or a screen reader would stumble over."""
    assert "<script" not in page
    assert page.count("<style") == 1
    tree = lxml_html.document_fromstring(page)
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert {link.get("href").removeprefix("#") for link in tree.iter("a")} <= set(ids)
    handlers = [name for element in tree.iter() for name in element.attrib if name.startswith("on") or name in {"style", "src"}]
    assert not handlers
    assert len(list(tree.iter("h1"))) == 1
    for table in tree.iter("table"):
        assert table.find("caption") is not None
        assert all(head.get("scope") in {"col", "row", "rowgroup"} for head in table.iter("th"))
        assert all(row.find("th") is not None for row in table.iter("tr"))


def check_answer(told: Compared, made: dict[str, Any]) -> None:
    """The first sentence is the same in every format, and so is what must be known before it."""
    headline = line(told.headline, 2000)
    assert made["html"].findtext(".//h1") == headline
    assert made["json"]["headline"] == told.headline
    first = made["markdown"].partition("\n")[0]
    assert first.removeprefix("# ").lstrip("✅❌⚠️🛑 ") == plain(told.headline)
    assert squeezed(made["text"]).startswith(squeezed(headline))
    assert squeezed(made["text"]).count(squeezed(headline)) >= 2
    assert made["json"]["cautions"] == list(told.cautions)
    shown = [item.text_content() for item in made["html"].iterfind(".//section[@class='cautions']/ul/li")]
    assert shown == [line(caution, 600) for caution in told.cautions]
    assert squeezed(made["text"]).count("note:") >= len(told.cautions)


def squeezed(words: str) -> str:
    """Return a text without white space: lines are broken where the width ends."""
    return re.sub(r"\s+", "", words)


def golden(name: str, content: str) -> None:
    """Compare with a file that people have read; ``REWRITE_GOLDENS=1`` writes it, to be read again."""
    path = GOLDENS / name
    if os.environ.get("REWRITE_GOLDENS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    assert path.read_text("utf-8") == content
