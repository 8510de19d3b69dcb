"""Values of every JSON type that cases put where another type belongs, and how a value is shown to people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from closecheck.contract.cases import Id, Ids, Json

VALUES: Final[dict[str, tuple[Json, ...]]] = {
    "null": (None,),
    "boolean": (True, False),
    "number": (0, 1, -1, 1.5, 1e300, 12345678901234567890),
    "string": ("", "text", "1", "true", "null", "[]", "{}"),
    "array": ([], ["text"], [None], [[]]),
    "object": ({}, {"0": "text"}, {"value": "text"}, {"length": 1}),
}
"""Values of each JSON type (RFC 8259, 3), plain ones first."""


def other_types(allowed: str) -> Iterator[tuple[str, int, Json]]:
    """Yield (JSON type, ordinal, value) for every type but the allowed one and null."""
    for kind, values in VALUES.items():
        if kind not in {allowed, "null"}:
            for number, value in enumerate(values):
                yield kind, number, value


def show(value: Json) -> str:
    """Return a JSON value with placeholders as people read it: short, ids counted."""
    match value:
        case Ids(count):
            return f"{count} id" if count == 1 else f"{count} ids"
        case Id():
            return "an id"
        case list() if any(isinstance(one, (Id, Ids)) for one in value):
            inner = [show(one) for one in value[:5]]
            return f"[{', '.join(inner)}{', …' if len(value) > len(inner) else ''}]"
        case dict() if any(isinstance(one, (Id, Ids)) for one in value.values()):
            return "{" + ", ".join(f'"{key}": {show(one)}' for key, one in value.items()) + "}"
        case _:
            text = json.dumps(value, ensure_ascii=False, default=show)
            return text if len(text) <= 60 else f"{text[:57]}…"
