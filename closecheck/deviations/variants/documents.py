"""One JSON value can be written down in many ways; every one of them says the same (RFC 8259)."""

# mypy: disable-error-code="method-assign"
from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping

from closecheck.deviations.deviation import variant
from closecheck.reference import Reference


def write(reference: Reference, encode: Callable[[object], str]) -> None:
    """Write the JSON documents of all answers in this way."""
    reference.errors.encode = lambda document: encode(document).encode()


@variant()
def pretty_printed(reference: Reference) -> None:
    """Documents are indented by four blanks."""
    write(reference, lambda document: json.dumps(document, ensure_ascii=False, indent=4))


@variant()
def indented_by_tabs(reference: Reference) -> None:
    """Documents are indented by tabs, and their lines end with carriage return and line feed."""

    def encode(document: object) -> str:
        return json.dumps(document, indent="\t", separators=(" ,", " :\t")).replace("\n", "\r\n")

    write(reference, encode)


@variant()
def white_space_around(reference: Reference) -> None:
    """There is white space of every kind before and behind a document."""
    write(reference, lambda document: f"\r\n\t {json.dumps(document, ensure_ascii=False)} \n\n\t\r\n")


@variant()
def escaped_beyond_ascii(reference: Reference) -> None:
    """Documents are plain ASCII: everything else is escaped."""
    write(reference, lambda document: json.dumps(document, ensure_ascii=True))


@variant()
def escaped_solidus(reference: Reference) -> None:
    """Every solidus in a document is escaped, as PHP does."""
    write(reference, lambda document: json.dumps(document).replace("/", "\\/"))


def escaped(value: object) -> str:
    """Return a JSON text in which every character of every string is escaped."""
    match value:
        case str():
            units = value.encode("utf-16-be").hex()
            return '"' + "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4)) + '"'
        case Mapping():
            return "{" + ",".join(f"{escaped(key)}:{escaped(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(escaped(item) for item in value) + "]"
        case _:
            return json.dumps(value)


@variant()
def escaped_throughout(reference: Reference) -> None:
    """Every character of every string and every name in a document is escaped."""
    write(reference, escaped)


def reordered(value: object, order: Callable[[list[str]], list[str]]) -> object:
    """Return the value with the members of its objects in another order."""
    match value:
        case dict():
            return {key: reordered(value[key], order) for key in order(list(value))}
        case list() | tuple():
            return [reordered(item, order) for item in value]
        case _:
            return value


@variant()
def members_reversed(reference: Reference) -> None:
    """The members of objects come in the opposite order."""
    write(reference, lambda document: json.dumps(reordered(document, lambda keys: keys[::-1]), ensure_ascii=False))


@variant()
def members_shuffled(reference: Reference) -> None:
    """The members of objects come in an order that is another one in each answer."""
    draw = random.Random(0)

    def shuffled(keys: list[str]) -> list[str]:
        return draw.sample(keys, len(keys))

    write(reference, lambda document: json.dumps(reordered(document, shuffled), ensure_ascii=False))
