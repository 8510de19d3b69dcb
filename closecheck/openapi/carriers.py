"""
A body that a published schema admits, as near as possible to a given one: what single edits are made on.

Where a document demands an id of another form, or a member of its own, every request of ours is refused for that one reason, and
whether it limits the number of ids could not be seen. So the base is mended until it is admitted, and the edits are made on that.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs

from closecheck.openapi.documents import Place
from closecheck.openapi.schemas import BRANCHES, Refusal, Schema

_MOST_STEPS: Final = 60
_DEEPEST: Final = 8
"""How many schemas within one another a sample goes down."""


def carrier(schema: Schema, body: Any) -> Any | None:
    """Return the body, mended where the schema refuses it; None if that leads to nothing that is admitted."""
    mended = copy.deepcopy(body)
    for _ in range(_MOST_STEPS):
        refusals = schema.refusals(mended)
        if not refusals:
            return mended
        for refusal in refusals:
            if refusal.keyword == refusals[0].keyword:  # each item of a list is refused for the same reason
                mended = _mended(schema, mended, refusal)
    return None


def _mended(schema: Schema, body: Any, refusal: Refusal) -> Any:
    """Return the body with the one change that a refusal asks for."""
    steps, place = refusal.within, refusal.keyword.parent
    match refusal.keyword.tokens[-1:]:
        case ("required",):
            for name in refusal.names:
                named = schema.find((*refusal.steps, name))
                body = _put(body, (*steps, name), _sample(schema, named) if named else "text")
        case ("additionalProperties" | "unevaluatedProperties",):
            for name in refusal.names:
                body = _put(body, (*steps, name), _GONE)
        case ("maxItems",):
            body = _put(body, steps, _at(body, steps)[: schema.documents.value(refusal.keyword)])
        case ("properties" | "patternProperties",) if steps:
            body = _put(body, steps, _GONE)
        case _:
            body = _put(body, steps, _sample(schema, place))
    return body


_GONE: Final = object()


def _put(body: Any, steps: tuple[str | int, ...], value: Any) -> Any:
    """Return the body with a value at a place in it, or without what stands there."""
    if not steps:
        return value
    around = _at(body, steps[:-1])
    last: Any = _step(around, steps[-1])
    if value is not _GONE:
        around[last] = value
    elif last in around:
        del around[last]
    return body


def _at(body: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        body = body[_step(body, step)]
    return body


def _step(around: Any, step: str | int) -> str | int:
    """Return the step as what it leads into takes it: a member may be called ``0``."""
    return str(step) if isinstance(around, dict) else step


def _sample(schema: Schema, place: Place, depth: int = 0) -> Any:
    """Return a value that the schema at a place admits, or at least the plainest of its type."""
    part = schema.part(place)
    candidates = list(_candidates(schema, place, depth))
    return next((one for one in candidates if part.admits(one)), candidates[0])


def _candidates(schema: Schema, place: Place, depth: int) -> Iterator[Any]:
    place = schema.documents.follow(place)
    value = schema.documents.value(place)
    if not isinstance(value, dict) or depth > _DEEPEST:
        yield _TEXTS[0]
        return
    yield from (value[name] for name in ("const", "default", "example") if name in value)
    for name in ("enum", "examples"):
        if isinstance(value.get(name), list):
            yield from value[name]
    kinds = value.get("type")
    kind = kinds[0] if isinstance(kinds, list) and kinds else kinds
    for branch in BRANCHES if kind is None else ():
        for index in range(len(value.get(branch) or ())):
            yield from _candidates(schema, place / branch / index, depth + 1)
    kind = kind or ("object" if "properties" in value else "array" if "items" in value else "string")
    yield from _plain(schema, str(kind), value, place, depth)


def _plain(schema: Schema, kind: str, value: dict[str, Any], place: Place, depth: int) -> Iterator[Any]:
    match kind:
        case "array":
            item = [_sample(schema, place / "items", depth + 1)] if isinstance(value.get("items"), dict) else ["text"]
            yield item * max(int(value.get("minItems", 0)), 1)
            yield []
        case "object":
            inner = schema.part(place)
            yield {
                name: _sample(schema, named, depth + 1) if (named := inner.find((name,))) else "text" for name in value.get("required", ())
            }
        case "integer" | "number":
            yield from (value.get("minimum", 1), value.get("maximum", 1), 0)
        case "boolean":
            yield from (True, False)
        case "null":
            yield None
        case _:
            least, most = int(value.get("minLength", 0)), int(value.get("maxLength", 1_000_000))
            yield from (text for text in (*_TEXTS, _TEXTS[0].ljust(least, "x"), _TEXTS[0][:most]) if _fits(text, value))
            yield _TEXTS[0]


_TEXTS: Final = (
    "text", "TEXT", "Text", "1", "12345", "a", "A", "en-US", "en", "A-1", "A1", "ABC", "ABC-123", "INC0012345", "2c90ad2a70ace7d50170acf22ca90010",
    "2c90ad2a-70ac-4e7d-9017-0acf22ca9001", "2030-01-01T00:00:00Z", "2030-01-01", "00:00:00Z", "someone@example.com", "https://example.com/",
    "example.com", "192.0.2.1", "2001:db8::1", "true", "",
)  # fmt: skip
"""Texts of the forms that patterns and formats usually ask for."""


def _fits(text: str, value: dict[str, Any]) -> bool:
    asked: dict[str, Any] = {name: value[name] for name in ("pattern", "format", "minLength", "maxLength") if name in value}
    return jsonschema_rs.Draft202012Validator(asked, validate_formats=True, offline=True).is_valid(text)
