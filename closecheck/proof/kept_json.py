"""The data that is kept in the repository, as JSON that a diff shows entry by entry: one line for each trial, survivor or row."""

from __future__ import annotations

from typing import Any

import msgspec


def encoded(value: msgspec.Struct) -> bytes:
    """Return a value as JSON: each of its members on a line, each entry of its lists on one, and what holds lists of objects likewise."""
    return _text(msgspec.to_builtins(value), 0) + b"\n"


def _text(value: Any, depth: int) -> bytes:
    opened = depth == 0 or (depth == 1 and isinstance(value, (list, tuple))) or _holds_objects(value)
    if not value or not opened:
        return msgspec.json.encode(value)
    if isinstance(value, dict):
        first, last = b"{", b"}"
        entries = [msgspec.json.encode(name) + b": " + _text(one, depth + 1) for name, one in value.items()]
    else:
        first, last = b"[", b"]"
        entries = [_text(one, depth + 1) for one in value]
    line = b"\n" + b" " * depth
    return first + b",".join(line + b" " + one for one in entries) + line + last


def _holds_objects(value: Any) -> bool:
    """Return whether a list of objects stands anywhere in a value."""
    match value:
        case list() | tuple():
            return any(isinstance(one, dict) or _holds_objects(one) for one in value)
        case dict():
            return any(map(_holds_objects, value.values()))
        case _:
            return False
