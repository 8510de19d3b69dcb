"""
A report is a pure function of a recorded run: no clock, no network, no test runner, nothing known but the model.

Each format is a module with its file name and ``render(run)``; :data:`RENDERERS` holds them by name. Rendering a run again
tomorrow gives the same bytes.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final

from closecheck.model import Run, Struct
from closecheck.reports import badge, ctrf, earl, har, html, intoto, json_report, junit, markdown, sarif


class Renderer(Struct):
    """
    One format: its name, the file it is written to, and the function that makes it.

    ``parts`` yields the same text piece by piece, for a format that grows with the run: it is written without being held whole.
    """

    name: str
    file_name: str
    render: Callable[[Run], str | bytes]
    parts: Callable[[Run], Iterable[str]] | None = None


RENDERERS: Final[dict[str, Renderer]] = {
    one.name: one
    for one in (
        Renderer("json", json_report.FILE_NAME, json_report.render),
        Renderer("html", html.FILE_NAME, html.render),
        Renderer("junit", junit.FILE_NAME, junit.render),
        Renderer("markdown", markdown.FILE_NAME, markdown.render),
        Renderer("comment", markdown.COMMENT_FILE_NAME, markdown.render_comment),
        Renderer("sarif", sarif.FILE_NAME, sarif.render),
        Renderer("ctrf", ctrf.FILE_NAME, ctrf.render),
        Renderer("badge", badge.FILE_NAME, badge.render),
        Renderer("badge-svg", badge.SVG_FILE_NAME, badge.render_svg),
        Renderer("har", har.FILE_NAME, har.render, har.parts),
        Renderer("earl", earl.FILE_NAME, earl.render),
        Renderer("intoto", intoto.FILE_NAME, intoto.render),
    )
}
"""Every format by name."""


def write_all(run: Run, folder: Path, names: Collection[str] = tuple(RENDERERS)) -> list[Path]:
    """
    Render a run into files of a folder and return their paths, in the order of :data:`RENDERERS`.

    A file is replaced whole, so that nobody reads half a report. If one format fails, the others are written before its
    error is raised.

    Raises:
        ExceptionGroup: formats failed; each error has a note with the name of its format.

    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    errors: list[Exception] = []
    for renderer in RENDERERS.values():
        if renderer.name not in names:
            continue
        try:
            written.append(replace(folder / renderer.file_name, _pieces(renderer, run)))
        except Exception as error:  # noqa: BLE001 - a fault of one format must not take the verdict's other witnesses along
            error.add_note(f"while rendering {renderer.name}")
            errors.append(error)
    if errors:
        raise ExceptionGroup("reports that could not be rendered", errors)
    return written


def _pieces(renderer: Renderer, run: Run) -> Iterable[str | bytes]:
    return renderer.parts(run) if renderer.parts is not None else (renderer.render(run),)


def replace(path: Path, pieces: Iterable[str | bytes]) -> Path:
    """Write the pieces of a file, whole or not at all, and return its path; what UTF-8 cannot say becomes a question mark."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece if isinstance(piece, bytes) else piece.encode("utf-8", "replace"))
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    return path
