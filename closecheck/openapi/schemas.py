"""
A Schema Object of any version as a JSON Schema that decides: what it admits, where it refuses, what a value it admits looks like.

Each version is translated into draft 2020-12 keyword by keyword and place by place, so that a refusal names its place in the
published document. By the letter: in 3.0 ``nullable`` adds null to a ``type`` beside it and to nothing else.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Any, Final

import jsonschema_rs

from closecheck.model import Struct
from closecheck.openapi.documents import Documents, Place
from closecheck.reports._facts import line


class Dialect(enum.StrEnum):
    """The version of a document."""

    SWAGGER_2_0 = "Swagger 2.0"
    OPENAPI_3_0 = "OpenAPI 3.0"
    OPENAPI_3_1 = "OpenAPI 3.1"
    OPENAPI_3_2 = "OpenAPI 3.2"

    @property
    def is_json_schema(self) -> bool:
        """Whether its Schema Objects are those of JSON Schema 2020-12."""
        return self in {Dialect.OPENAPI_3_1, Dialect.OPENAPI_3_2}


class Direction(enum.StrEnum):
    """Which way a body goes: ``readOnly`` members are not demanded of a request, ``writeOnly`` ones not of an answer."""

    REQUEST = "readOnly"
    ANSWER = "writeOnly"


class Refusal(Struct):
    """One reason why a value is not valid: the keyword's place in the document, and the place in the value."""

    keyword: Place
    within: tuple[str | int, ...]
    names: tuple[str, ...] = ()
    """The members that are missing or too many."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The place in the value as a schema sees it, ``*`` being an item of a list."""
        return tuple("*" if isinstance(step, int) else step for step in self.within)


_NAMED: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
_LISTED: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SINGLE: Final = frozenset(
    {"items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else", "unevaluatedProperties", "unevaluatedItems"}
)
_PLAIN: Final = frozenset(
    {
        "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength",
        "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties", "minProperties", "required",
        "dependentRequired", "format",
    }
)  # fmt: skip
_KEYWORDS: Final = _NAMED | _LISTED | _SINGLE | _PLAIN
_ONLY_JSON_SCHEMA: Final = frozenset(
    {
        "const", "patternProperties", "dependentSchemas", "dependentRequired", "prefixItems", "contains", "maxContains", "minContains",
        "propertyNames", "if", "then", "else", "unevaluatedProperties", "unevaluatedItems",
    }
)  # fmt: skip
"""Keywords that mean nothing in a Schema Object before 3.1."""
BRANCHES: Final = ("allOf", "anyOf", "oneOf")


class Schema:
    """
    One Schema Object, compiled; ``place`` None stands for the schema that admits everything, where the document gives none.

    Raises:
        UsageError: it, or what it refers to, is no schema, or is to be found on the network only.

    """

    def __init__(self, documents: Documents, place: Place | None, dialect: Dialect, direction: Direction) -> None:
        self.place = place
        self.documents = documents
        self._dialect = dialect
        self._direction = direction
        self._names: dict[Place, str] = {}
        self._places: dict[str, Place] = {}
        definitions: dict[str, Any] = {}
        compiled: dict[str, Any] = {"$defs": definitions}
        if place is not None:
            compiled["$ref"] = self._reference(place)
            while waiting := [name for name in self._places if name not in definitions]:
                for name in waiting:
                    definitions[name] = self._translated(self._places[name])
        self._validator = self._compiled(compiled)

    # -- decisions

    def admits(self, value: Any) -> bool:
        """Tell whether a value is valid."""
        return self._validator.is_valid(value)

    def refusals(self, value: Any) -> list[Refusal]:
        """Return why a value is not valid; nothing if it is. The most telling reason comes first."""
        return [self._refusal(error) for error in map(_deepest, self._validator.iter_errors(value))]

    # -- what stands where

    def find(self, steps: Sequence[str]) -> Place | None:
        """
        Return the schema of a member, ``*`` being an item of a list, through references and every branch; None if none is named.

        ``("messages", "*", "text")`` is the text of each message.
        """
        return next(self._found(self.place, steps), None)

    def keywords(self, steps: Sequence[str], keyword: str) -> Iterator[Place]:
        """Yield the places of a keyword of the schema of a member, in every branch in which it stands."""
        stated = (one / keyword for place in self._found(self.place, steps) for one in self._branches(place, frozenset()))
        yield from (place for place in stated if self.documents.has(place))

    def keyword(self, steps: Sequence[str], keyword: str) -> Place | None:
        """Return the first place of a keyword of the schema of a member; None if it is nowhere."""
        return next(self.keywords(steps, keyword), None)

    def part(self, place: Place) -> Schema:
        """Return the schema that stands at a place of the document, read as this one is."""
        return Schema(self.documents, place, self._dialect, self._direction)

    # -- translation

    def _reference(self, place: Place) -> str:
        if place not in self._names:
            name = f"d{len(self._names)}"
            self._names[place] = name
            self._places[name] = place
        return f"#/$defs/{self._names[place]}"

    def _translated(self, place: Place) -> Any:
        value = self.documents.value(place)
        if isinstance(value, bool) and self._dialect.is_json_schema:
            return value
        if not isinstance(value, dict):
            raise self.documents.error(place, f"a schema is needed here, not {line(str(value), 60)}", "See the OpenAPI specification.")
        result: dict[str, Any] = {}
        if (target := self.documents.target(place)) is not None:
            result["$ref"] = self._reference(target)
            if not self._dialect.is_json_schema:
                return result  # whatever stands beside a reference is ignored before 3.1
        for dynamic in ("$dynamicRef", "$recursiveRef"):
            if dynamic in value:
                raise self.documents.error(place / dynamic, f"{dynamic} is not followed", "Write a plain $ref.")
        for keyword, inner in value.items():
            if keyword in _ONLY_JSON_SCHEMA and not self._dialect.is_json_schema:
                continue
            if keyword in _SINGLE and not isinstance(inner, bool):
                result[keyword] = self._translated(place / keyword)
            elif keyword in _LISTED and isinstance(inner, list):
                result[keyword] = [self._translated(place / keyword / index) for index in range(len(inner))]
            elif keyword in _NAMED and isinstance(inner, dict):
                result[keyword] = {name: self._translated(place / keyword / name) for name in inner}
            elif keyword in _KEYWORDS:
                result[keyword] = inner  # an invalid shape is reported when the whole is compiled
        if not self._dialect.is_json_schema:
            _modernized(result, value, self._dialect)
        self._leave_to_the_other_way(result, place)
        return result

    def _leave_to_the_other_way(self, result: dict[str, Any], place: Place) -> None:
        """Demand no member that only goes the other way."""
        required, properties = result.get("required"), result.get("properties")
        if not isinstance(required, list) or not isinstance(properties, dict):
            return
        other = [name for name in properties if name in required and self._goes_the_other_way(place / "properties" / name)]
        result["required"] = [name for name in required if name not in other]

    def _goes_the_other_way(self, place: Place) -> bool:
        stated = [self.documents.value(place), self.documents.value(self.documents.follow(place))]
        return any(isinstance(one, dict) and one.get(self._direction.value) is True for one in stated)

    def _compiled(self, schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
        try:
            return jsonschema_rs.Draft202012Validator(schema, validate_formats=True, offline=True)
        except jsonschema_rs.ValidationError as error:
            place = self._document_place(_deepest(error).instance_path)
            raise self.documents.error(place, f"is no schema: {line(error.message, 200)}", "Correct the schema.") from None

    def _refusal(self, error: jsonschema_rs.ValidationError) -> Refusal:
        names: tuple[str, ...]
        match error.kind:
            case jsonschema_rs.ValidationErrorKind.Required(property=name):
                names = (str(name),)
            case jsonschema_rs.ValidationErrorKind.AdditionalProperties(unexpected=found):
                names = tuple(found)
            case jsonschema_rs.ValidationErrorKind.UnevaluatedProperties(unexpected=found):
                names = tuple(found)
            case _:
                names = ()
        return Refusal(self._document_place(error.schema_path), tuple(error.instance_path), names)

    def _document_place(self, path: Sequence[str | int]) -> Place:
        """Return where a keyword of the compiled schema stands in the document."""
        if len(path) < 2 or path[0] != "$defs":
            return self.place if self.place is not None else self.documents.root
        place = self._places[str(path[1])]
        for token in path[2:]:
            place = place / token
        return place

    # -- walking

    def _branches(self, place: Place, seen: frozenset[Place]) -> Iterator[Place]:
        """Yield a schema, what it refers to and what it is composed of."""
        if place in seen:
            return
        value = self.documents.value(place)
        if not isinstance(value, dict):
            return
        yield place
        seen |= {place}
        if (target := self.documents.target(place)) is not None:
            yield from self._branches(target, seen)
        for branch in BRANCHES:
            for index in range(len(value[branch])) if isinstance(value.get(branch), list) else ():
                yield from self._branches(place / branch / index, seen)

    def _found(self, place: Place | None, steps: Sequence[str]) -> Iterator[Place]:
        if place is None:
            return
        if not steps:
            yield place
            return
        for one in self._branches(place, frozenset()):
            value = self.documents.value(one)
            if steps[0] == "*":
                inner = one / "items" if isinstance(value.get("items"), dict) else None
            else:
                named = value.get("properties")
                inner = one / "properties" / steps[0] if isinstance(named, dict) and steps[0] in named else None
            yield from self._found(inner, steps[1:])


def _modernized(result: dict[str, Any], value: dict[str, Any], dialect: Dialect) -> None:
    """Write what 2.0 and 3.0 say differently from JSON Schema 2020-12 in its words."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(result.get(exclusive), bool) and result.pop(exclusive) and bound in result:
            result[exclusive] = result.pop(bound)
    if result.get("type") == "file":
        del result["type"]
    nullable = "x-nullable" if dialect is Dialect.SWAGGER_2_0 else "nullable"
    if value.get(nullable) is True and isinstance(result.get("type"), str):
        result["type"] = [result["type"], "null"]
        if dialect is Dialect.SWAGGER_2_0 and isinstance(result.get("enum"), list):
            # 2.0 has no word of its own for null; who writes the extension means it.
            result["enum"] = [*result["enum"], None]


def _deepest(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError:
    """Return the reason furthest inside a value, where every branch of a union refused it for a reason of its own."""
    context = getattr(error.kind, "context", None) or []
    inner = [_deepest(one) for branch in context for one in branch[:1]]
    inner = [one for one in inner if len(one.instance_path) > len(error.instance_path)]
    return max(inner, key=lambda one: len(one.instance_path), default=error)
