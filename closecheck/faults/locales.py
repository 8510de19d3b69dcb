"""Sins against the locale: how it is spelled, what its origin claims, which language is chosen, and which one is spoken."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from closecheck.deviation import fault
from closecheck.faults._tools import CONNECTION, call_in_hand, each_message, edit_errors, tell_connections
from closecheck.reference import Reference
from closecheck.reference.catalogues import CATALOGUES, ENGLISH
from closecheck.reference.errors import Problem
from closecheck.reference.localization import DEFAULT, REQUEST, Locale

ErrorObject = dict[str, Any]
Ranges = list[tuple[str, float]]


def label(reference: Reference, spell: Callable[[ErrorObject], str]) -> None:
    """Let ``spell`` name the locale of every message object; language, text and origin stay."""

    def spelled(error: ErrorObject) -> None:
        for message in each_message(error):
            message["locale"] = spell(message)

    edit_errors(reference, spelled)


def claim(reference: Reference, origin: Callable[[ErrorObject], str], *statuses: int) -> None:
    """Let ``origin`` say where the locale of every message object comes from; language, text and locale stay."""

    def claimed(error: ErrorObject) -> None:
        for message in each_message(error):
            message["localeOrigin"] = origin(message)

    edit_errors(reference, claimed, *statuses)


def speak(reference: Reference, key: str | None = None) -> None:
    """Let the texts (all, or those of one key) of a locale that has no catalogue be those of the default one."""
    text = reference.localizer.text

    def spoken(tag: str, used: str, parameters: Mapping[str, object]) -> str:
        known = tag if tag in reference.localizer.catalogues and key in (None, used) else reference.localizer.default_tag
        return text(known, used, parameters)

    reference.localizer.text = spoken


def as_written(value: str, *, blanks: bool = True) -> Ranges:
    """Return the ranges of Accept-Language with their weights in the order of the field; ``blanks``: cut them off."""
    ranges = []
    for part in value.split(","):
        language, _, parameter = part.partition(";")
        name, _, weight = parameter.partition("=")
        try:
            quality = float(weight) if (name.strip() if blanks else name) == "q" else 1.0
        except ValueError:
            continue
        language = language.strip() if blanks else language
        if language:
            ranges.append((language.lower(), quality))
    return ranges
