"""Where in a document something of the contract stands, and in which words: every reading gets its place and its text here."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Final

from closecheck.contract import json_values
from closecheck.contract.specification import contract, resolve
from closecheck.model import Requirement, Struct
from closecheck.openapi.documents import Place
from closecheck.openapi.probes import JSON
from closecheck.openapi.published import Answer, Body, Media, Published, published
from closecheck.openapi.result import Passage, Relation
from closecheck.openapi.schemas import Direction, Schema
from closecheck.reports._facts import count, line


class Spot(Struct):
    """A place in a body: the request (0) or the status of an answer, the steps to a member (``*`` an item), and a keyword."""

    status: int
    steps: tuple[str, ...] = ()
    keyword: str = "type"


class Found(Struct):
    """One difference: of which requirement, where and in what words; ``spot`` is where in a body, ``shows`` and ``case`` by what it shows."""

    requirement: str
    relation: Relation
    place: Place
    says: str
    shows: str = ""
    case: str = ""
    spot: Spot | None = None


@functools.cache
def spots(pointer: str) -> tuple[Spot, ...]:
    """Return the places in bodies that a pointer into a schema of the contract stands for; none if it points elsewhere."""
    found = []
    for name, status, steps in _named_schemas():
        prefix = f"#/components/schemas/{name}"
        if pointer == prefix or pointer.startswith(f"{prefix}/"):
            rest = pointer.removeprefix(prefix).split("/")[1:]
            inner = list(steps)
            while rest and rest[0] in {"properties", "items"}:
                inner += ["*"] if rest.pop(0) == "items" else [rest.pop(0)]
            found.append(Spot(status, tuple(inner), *rest[:1]))
    return tuple(found)


def place_of(requirement: Requirement) -> str:
    """Return the pointer to the keyword of the contract that carries a requirement, or to whatever the requirement names."""
    return requirement.openapi if requirement.openapi.rpartition("/")[2] in _WORDS else _carried().get(requirement.id, requirement.openapi)


@functools.cache
def _carried() -> Mapping[str, str]:
    """Return for requirements that a keyword of an answer's schema carries the pointer to the first such keyword."""
    found: dict[str, str] = {}

    def walk(schema: Mapping[str, Any], pointer: str) -> None:
        for keyword, requirement in schema.get("x-requirements", {}).items():
            if keyword in schema:
                found.setdefault(requirement, f"{pointer}/{keyword}")
        for name, inner in schema.get("properties", {}).items():
            walk(inner, f"{pointer}/properties/{name}")

    for name, schema in contract().document["components"]["schemas"].items():
        walk(schema, f"#/components/schemas/{name}")
    return found


@functools.cache
def _named_schemas() -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    """Return the named schemas of the contract, and for each use the request (0) or the status of the answer and the member."""

    def walked(schema: Mapping[str, Any], status: int, steps: tuple[str, ...]) -> Iterator[tuple[str, int, tuple[str, ...]]]:
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2], status, steps
            yield from walked(resolve(contract().document, schema["$ref"], "a comparison"), status, steps)
        for name, inner in schema.get("properties", {}).items():
            yield from walked(inner, status, (*steps, name))
        if "items" in schema:
            yield from walked(schema["items"], status, (*steps, "*"))

    operation = contract().operation
    bodies = {0: operation["requestBody"], **{int(status): answer for status, answer in operation["responses"].items()}}
    return tuple(found for status, body in bodies.items() for found in walked(body["content"][JSON]["schema"], status, ()))


class Reader:
    """Reads one document for the comparison: finds places, words what stands there."""

    def __init__(self, document: Published) -> None:
        self.document = document
        self.files = document.documents
        self.nothing = Schema(document.documents, None, document.dialect, Direction.ANSWER)
        """The schema of a body that the document does not describe."""

    def passage(self, place: Place, says: str = "") -> Passage:
        """Return what a place says, in the words given or in its own."""
        return Passage(self.files.name(place.file), self.files.line(place), place.pointer, says or brief(self.files.value(place)))

    def keyword(self, place: Place) -> tuple[Place, str]:
        """Return the place of a keyword and its words."""
        if not place.tokens or not self.files.has(place):
            return place.parent, ""
        stated = f"{place.tokens[-1]}: {brief(self.files.value(place))}"
        around = self.files.value(place.parent)
        beside = [
            word
            for word in ("nullable", "x-nullable")
            if place.tokens[-1] == "type" and isinstance(around, dict) and around.get(word) is True
        ]
        return place, ", ".join([stated, *(f"{word}: true" for word in beside)])

    def stands(self, schema: Schema, spot: Spot) -> tuple[Place, str]:
        """Return where a keyword of a schema stands and its words, or the nearest place and that there is none."""
        if schema.place is None:
            return self.document.place, "no schema"
        if (keyword := schema.keyword(spot.steps, spot.keyword)) is not None:
            return self.keyword(keyword)
        place = schema.find(spot.steps)
        if place is None:
            known = max(n for n in range(len(spot.steps)) if schema.find(spot.steps[:n]) is not None)
            missing = spot.steps[known]
            return self.files.follow(schema.find(spot.steps[:known]) or schema.place), "no items" if missing == "*" else f"no {missing}"
        place = self.files.follow(place)
        stated = brief(self.files.value(place), 80)
        return place, f"no {spot.keyword}" + (f" ({stated})" if stated != "{}" else "")

    def names(self, schema: Schema, spot: Spot) -> bool:
        """Tell whether a schema names the member at a place."""
        return not spot.steps or schema.find(spot.steps) is not None

    def around(self, pointer: str) -> Place:
        """Return the place in the operation that is nearest to a pointer of the contract's operation."""
        place = self.document.place
        for token in pointer.split("/")[4:]:
            inner = self.files.follow(place) / token.replace("~1", "/").replace("~0", "~")
            if not self.files.has(inner):
                break
            place = inner
        return self.files.follow(place)

    def schema(self, status: int = 0) -> Schema | None:
        """Return the schema of the request (0) or of an answer; None where the document has no such body."""
        around = self.document.answer(status) if status else self.document.body
        return media_of(around).schema if around is not None and around.content else None


@functools.cache
def own() -> Reader:
    """Return a reader of the contract's own document, which is read as a published one is."""
    return Reader(published(contract().folder / "openapi.yaml"))


def media_of(around: Body | Answer) -> Media:
    """Return the content that JSON is read by: application/json, else a range that covers it, else what is most like it."""
    kinds = (JSON, "application/*", "*/*", "")

    def rank(media: Media) -> int:
        return kinds.index(media.kind) if media.kind in kinds else len(kinds) + (not media.kind.endswith("json"))

    return min(around.content, key=rank)


# ----------------------------------------------------------------------------------------------------------------- words


_WORDS: Final = (
    "type", "nullable", "x-nullable", "const", "enum", "format", "pattern", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems",
    "required", "additionalProperties", "default", "allOf", "oneOf", "anyOf", "$ref", "items", "properties",
)  # fmt: skip
"""What is shown of a schema, in this order; descriptions and examples are not."""


def brief(value: Any, limit: int = 120) -> str:
    """Return what matters of a piece of a document, in a line."""
    if not isinstance(value, dict):
        return line(_short(value), limit)
    if value and all(isinstance(one, dict) for one in value.values()):
        return line(", ".join(value), limit)
    stated = {word: value[word] for word in _WORDS if word in value}
    stated = stated or {name: one for name, one in value.items() if not name.startswith("x-") and name not in {"description", "summary"}}
    return line(", ".join(f"{name}: {_short(one)}" for name, one in stated.items()) or "{}", limit)


def _short(value: Any) -> str:
    match value:
        case str():
            return value
        case {"$ref": str(reference)}:
            return reference.rpartition("/")[2]
        case dict():
            return "{" + ", ".join(value) + "}"
        case list() if any(isinstance(one, (dict, list)) for one in value):
            return count(len(value), "entry", "entries")
        case list():
            return f"[{', '.join(map(_short, value))}]"
        case _:
            return json_values.show(value)
