"""
Single values that a user gives, in whatever place: each is checked once, and an error names the place, never a secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from closecheck.config.target import OPERATION_PATH, Rate, Secret
from closecheck.model.errors import UsageError

LONGEST_WAIT: Final = 3600.0
"""Seconds: no time-out and no settling time is longer; who writes more means milliseconds."""


def shown(path: Path) -> str:
    """Return a path as it is written from the current folder, which a path outside it is not."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the sentence that names the known word nearest to ``name``, or all of them if none is near."""
    words = sorted(known)
    if close := difflib.get_close_matches(name, words, 1, 0.6):
        return f'Did you mean "{close[0]}"?'
    return f"Known: {', '.join(words)}." if len(words) < 30 else ""


_RATE: Final = re.compile(r"(\d{1,9})\s*/\s*(\d{0,9}(?:\.\d{1,6})?)\s*(ms|s|m|h)", re.ASCII)
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
VISIBLE_ASCII: Final = re.compile(r"[!-~]+")


def checked_rate(text: str, where: str) -> Rate | None:
    """
    Return a rate written like ``95/10s``, ``10/s`` or ``100/m``; None for ``none``.

    Raises:
        UsageError: it is written otherwise, or is not above 0.

    """
    if text.strip().lower() == "none":
        return None
    remedy = "Write requests per time, such as 95/10s, 10/s or 100/m, or none."
    if not (found := _RATE.fullmatch(text.strip())):
        raise UsageError(where, "this is no rate", remedy)
    rate = Rate(int(found[1]), float(found[2] or 1) * _UNITS[found[3]])
    if rate.requests <= 0 or rate.seconds <= 0:
        raise UsageError(where, "a rate is above 0", remedy)
    return rate


def checked_seconds(number: float, where: str) -> float:
    """
    Return a time in seconds.

    Raises:
        UsageError: it is not above 0 and at most :data:`LONGEST_WAIT`.

    """
    if not 0 < number <= LONGEST_WAIT:
        raise UsageError(where, f"a time above 0 and at most {LONGEST_WAIT:g} is needed", "Write it in seconds.")
    return float(number)


def checked_url(text: str, where: str, example: str) -> SplitResult:
    """
    Return the parts of an http or https URL.

    Raises:
        UsageError: it is none, holds a user or a fragment, or characters that no URL has; the URL itself is not shown.

    """
    if not VISIBLE_ASCII.fullmatch(text):
        raise UsageError(where, "the URL holds blanks or characters beyond ASCII", f"Write {example}.")
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise UsageError(where, "this is no URL", f"Write {example}.") from None
    if url.scheme not in ("http", "https"):
        raise UsageError(where, "the URL does not start with https:// or http://", f"Write {example}.")
    if not host or port == 0:
        raise UsageError(where, "the URL names no host", f"Write {example}.")
    try:
        host.encode("idna")
    except UnicodeError:
        raise UsageError(
            where, "no host can have that name: a part of it is empty or longer than 63 characters", f"Write {example}."
        ) from None
    if "@" in url.netloc:
        raise UsageError(where, "the URL holds a user or a password", "Delete them; credentials have a section of their own.")
    if "#" in text:
        raise UsageError(where, "the URL has a fragment", "Delete everything from # on.")
    return url


def checked_base_url(text: str, where: str) -> str:
    """
    Return a base URL without its trailing slash.

    Raises:
        UsageError: it is no http or https URL with a host, has a query, or already ends in the operation's path.

    """
    checked_url(text, where, "https://tenant.example/v2024")
    if "?" in text:
        raise UsageError(where, "the base URL has a query", "Delete everything from ? on.")
    base_url = text.rstrip("/")
    if base_url.endswith(OPERATION_PATH):
        raise UsageError(
            where,
            f"the base URL already ends in {OPERATION_PATH}",
            "Delete that part: the suite appends it, and looks for the APIs beside it.",
        )
    return base_url


def checked_token(text: str, where: str) -> Secret:
    """
    Return a token that can stand in a header.

    Raises:
        UsageError: it holds blanks, line breaks or characters beyond ASCII, or starts with the scheme; it is not shown.

    """
    if text.lower().startswith("bearer "):
        raise UsageError(where, 'the token starts with the word "Bearer"', "Leave the word out: the suite adds it.")
    if not VISIBLE_ASCII.fullmatch(text):
        raise UsageError(
            where,
            "the token holds a blank, a line break or a character beyond ASCII",
            "A token is one word; copy it again.",
        )
    return Secret(text)
