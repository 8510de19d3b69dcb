"""
What every page is made with: Jinja that escapes, the styles, and a policy that lets a browser run and show nothing else.

Everything that a target or a user wrote passes through Jinja's escaping and :func:`visible`; style and script are files of
this package, named in the policy of the page by their hashes, and the only parts that are not escaped.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from closecheck.model import Verdict
from closecheck.reports._facts import STATUS_WORDS, visible

COLOURS: Final = {
    Verdict.CONFORMANT: "1c6b34",
    Verdict.NON_CONFORMANT: "b3261e",
    Verdict.INCOMPLETE: "a86a00",
    Verdict.ERROR: "8a1f5c",
}
"""The colour of each verdict, for the icon of a page."""
_FOLDER: Final = Path(__file__).parent / "templates"


def render_page(template: str, page: dict[str, Any], *, styles: tuple[str, ...], script: str = "", **values: Any) -> str:
    """
    Return a page of ``templates/``.

    ``page`` has what ``shell.html.j2`` shows (``title``, ``colour``, ``suite``) and what the template itself asks for;
    ``styles`` and ``script`` are names of files beside it.
    """
    style = "".join(_file(name) for name in styles)
    code = _file(script) if script else ""
    return _environment().get_template(template).render(
        page=page,
        style=Markup(style),  # noqa: S704 - files of this package
        script=Markup(code),  # noqa: S704 - a file of this package
        style_hash=_hash(style),
        script_hash=_hash(code),
        status_words=STATUS_WORDS,
        **values,
    )


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    environment.filters["breakable"] = _breakable
    return environment


@functools.cache
def _file(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _breakable(text: str) -> Markup:
    """Return escaped text that a browser may break after a slash, as in an address or a JSON pointer."""
    return Markup("/<wbr>").join(text.split("/"))


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
