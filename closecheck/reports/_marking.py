"""Text in Markdown that stays text: what a target or a document says has no links, no images, no mentions and no markup there."""

from __future__ import annotations

import re

from closecheck.reports._facts import line, visible


def plain(text: str) -> str:
    """Return a text of the suite or the target file that Markdown leaves alone."""
    return re.sub(r"([\\`*_\[\]<>|~&])", r"\\\1", line(text, 1000)).replace("@", "`@`")


def code(text: str, limit: int = 600) -> str:
    """Return a code span that the text cannot leave."""
    reported = line(text, limit) or " "
    longest = max((len(run) for run in re.findall(r"`+", reported)), default=0)
    marks = "`" * (longest + 1)
    pad = " " if reported.startswith("`") or reported.endswith("`") else ""
    return f"{marks}{pad}{reported}{pad}{marks}"


def cell(text: str) -> str:
    """Return a code span for a cell of a table."""
    # Inside a table a bar ends the cell, even in code, unless a backslash stands before it.
    return code(text).replace("|", "\\|")


def fence(text: str, language: str) -> str:
    """Return a block of code that the text cannot leave."""
    reported = visible(text)
    longest = max((len(run) for run in re.findall(r"`{3,}", reported)), default=2)
    marks = "`" * (longest + 1)
    return f"{marks}{language}\n{reported}\n{marks}\n"
