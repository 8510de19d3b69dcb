"""A value as an option or a variable gives it: where it stands, and how its text is read, with an error that names the place."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any, Final

from closecheck.config.checked_values import checked_seconds, nearest
from closecheck.model import Profile, Struct
from closecheck.model.errors import UsageError

MARK_DIGITS: Final = 10


class Origin(enum.StrEnum):
    """Where a setting came from."""

    OPTION = "option"
    ENVIRONMENT = "environment"
    TARGET_FILE = "target file"
    EMBEDDED = "embedded target"
    DEFAULT = "default"


class Given(Struct):
    """A value of one layer and where it stands there."""

    value: Any
    origin: Origin
    where: str


def given_seconds(given: Given) -> float:
    """Return a time in seconds; UsageError if it is no number, or out of bounds."""
    try:
        number = float(given.value)
    except (TypeError, ValueError):
        raise UsageError(given.where, "a number of seconds is needed", "Write a number such as 10.") from None
    return checked_seconds(number, given.where)


def given_whole(lowest: int, highest: int) -> Callable[[Given], int]:
    """Return a reader of whole numbers between two bounds, both included."""

    def read_whole(given: Given) -> int:
        text = str(given.value).strip()
        if not (text.isascii() and text.isdigit() and lowest <= int(text[:20]) <= highest):
            raise UsageError(given.where, f"a whole number from {lowest} to {highest} is needed", "")
        return int(text)

    return read_whole


def given_mark(given: Given) -> str:
    """Return the mark of a run; UsageError if it is not :data:`MARK_DIGITS` lower-case hexadecimal digits."""
    value = str(given.value)
    if not re.fullmatch(f"[0-9a-f]{{{MARK_DIGITS}}}", value):
        remedy = f"Write {MARK_DIGITS} digits from 0-9a-f, or nothing: each run then draws a mark of its own."
        raise UsageError(given.where, "a mark is made of lower-case hexadecimal digits", remedy)
    return value


def given_flag(given: Given) -> bool:
    """Return a truth value, written as 1, true, yes or on, or their opposites; UsageError otherwise."""
    text = str(given.value).strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise UsageError(given.where, "true or false is needed", "Write 1 or 0.")


def given_profile(given: Given) -> Profile:
    """Return a profile by its name; UsageError if there is none of that name."""
    try:
        return Profile(str(given.value))
    except ValueError:
        raise UsageError(given.where, "there is no such profile", nearest(str(given.value), Profile)) from None
