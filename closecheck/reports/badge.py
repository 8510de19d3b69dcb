"""
``badge.json`` and ``badge.svg``: the verdict with its denominator, small; green only for conformant.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

import msgspec

from closecheck.model import Run, Status, Verdict
from closecheck.reports._facts import visible

FILE_NAME: Final = "badge.json"
SVG_FILE_NAME: Final = "badge.svg"
LABEL: Final = "close conformance"
_COLOURS: Final = {
    Verdict.CONFORMANT: "2e7d32",
    Verdict.NON_CONFORMANT: "b3261e",
    Verdict.INCOMPLETE: "8a5a00",
    Verdict.ERROR: "5f6368",
}
_WIDE: Final = 6.6
"""Pixels of an average character at 11 pixels; textLength makes the browser keep to it."""


def message(run: Run) -> str:
    """Return the verdict in a few words, with its denominator."""
    total = len(run.results)
    waived = run.counts()[Status.WAIVED]
    match run.verdict:
        case Verdict.CONFORMANT:
            return f"{run.tested} of {total}" + (f", {waived} waived" if waived else "")
        case Verdict.NON_CONFORMANT:
            failed = run.counts()[Status.FAIL]
            return f"{failed} of {total} failed" if failed else "waivers expired or stale"
        case Verdict.INCOMPLETE:
            return f"incomplete, {run.tested} of {total}"
        case Verdict.ERROR:
            return "no verdict"


def render(run: Run) -> bytes:
    """Return the document that shields.io reads from an endpoint."""
    reported = {"schemaVersion": 1, "label": LABEL, "message": message(run), "color": _COLOURS[run.verdict]}
    if run.verdict is not Verdict.CONFORMANT:
        reported["isError"] = True
    return msgspec.json.encode(reported) + b"\n"


def render_svg(run: Run) -> str:
    """Return the same badge as an image without outside parts."""
    text, label = escape(visible(message(run))), escape(LABEL)
    left, right = round(len(LABEL) * _WIDE) + 14, round(len(message(run)) * _WIDE) + 14
    width = left + right
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{label}: {text}">'
        f"<title>{label}: {text}</title>"
        f'<clipPath id="r"><rect width="{width}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#3c4043"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="#{_COLOURS[run.verdict]}"/></g>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{left / 2:g}" y="14" textLength="{left - 14}">{label}</text>'
        f'<text x="{left + right / 2:g}" y="14" textLength="{right - 14}">{text}</text></g></svg>\n'
    )
