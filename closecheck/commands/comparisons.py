"""``closecheck matrix`` and ``closecheck diff``: recorded runs are read, compared, and written in one of the formats."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from closecheck.config.options import FORMATS
from closecheck.model import Exit
from closecheck.model.errors import UsageError
from closecheck.reports.difference import Difference, difference
from closecheck.reports.matrix import Matrix, matrix
from closecheck.session.record import read

if TYPE_CHECKING:
    from rich.console import Console

_TEXT: Final = FORMATS[0]
_BY_SUFFIX: Final = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".json": "json"}
_Compared = TypeVar("_Compared", Matrix, Difference)
_Renderers = Mapping[str, Callable[[_Compared], str | bytes]]


def show_matrix(paths: Sequence[Path], *, kind: str | None, only_differences: bool, output: Path | None) -> Exit:
    """
    Write recorded runs side by side, and return 0: a matrix judges nobody.

    ``kind`` is a format; None: the one that the name of the output ends in, or text.

    Raises:
        RunFault: a run cannot be read.
        UsageError: the output cannot be written.

    """
    from closecheck.reports import matrix_html, matrix_json, matrix_markdown  # noqa: PLC0415
    from closecheck.reports.terminal_comparisons import print_matrix  # noqa: PLC0415 - Jinja is slow to load

    compared = matrix([read(path) for path in paths], only_differences=only_differences)
    renderers: _Renderers[Matrix] = {"markdown": matrix_markdown.render, "html": matrix_html.render, "json": matrix_json.render}
    _write(compared, kind, output, renderers, print_matrix)
    return Exit.CONFORMANT


def show_difference(old: Path, new: Path, *, kind: str | None, output: Path | None) -> Exit:
    """
    Write what differs between two recorded runs, and return the exit code of the comparison.

    ``kind`` as above.

    Raises:
        RunFault: a run cannot be read.
        UsageError: the output cannot be written.

    """
    from closecheck.reports import difference_html, difference_json, difference_markdown  # noqa: PLC0415
    from closecheck.reports.terminal_comparisons import print_difference  # noqa: PLC0415 - Jinja is slow to load

    compared = difference(read(old), read(new))
    renderers: _Renderers[Difference] = {
        "markdown": difference_markdown.render,
        "html": difference_html.render,
        "json": difference_json.render,
    }
    _write(compared, kind, output, renderers, print_difference)
    return compared.exit_code


def _write(
    compared: _Compared,
    kind: str | None,
    output: Path | None,
    renderers: _Renderers[_Compared],
    print_text: Callable[[_Compared, Console], None],
) -> None:
    from closecheck.reports import replace  # noqa: PLC0415
    from closecheck.reports.terminal import terminal  # noqa: PLC0415 - rich is slow to load

    kind = kind or (_BY_SUFFIX.get(output.suffix.lower(), _TEXT) if output else _TEXT)
    if kind == _TEXT and output is None:
        print_text(compared, terminal())
        return
    if kind == _TEXT:
        stream = io.StringIO()
        print_text(compared, terminal(stream))
        content: str | bytes = stream.getvalue()
    else:
        content = renderers[kind](compared)
    if output is None:
        sys.stdout.write(content if isinstance(content, str) else content.decode())
        return
    try:
        replace(output, (content,))
    except OSError as error:
        raise UsageError(f"--output {output}", error.strerror or str(error), "Name a file in a folder that exists.") from error
