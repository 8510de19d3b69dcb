"""What the contract says of the answer to a body that somebody else has made, such as a generator of bodies that knows only the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from closecheck.contract.random_bodies import MOST_IDS, Value, members, ordinary
from closecheck.model import Struct


class Ruled(Struct):
    """What the contract says of the answer to a body: the statuses that are right, and the requirement that says so."""

    requirement: str
    """Empty for a valid body; CAR-ERROR-OBJECT where several rules are broken."""
    statuses: frozenset[int]
    value: Value | None = None
    """A valid body's value."""


class _Free(Exception):
    """The contract leaves the answer to the target."""


def oracle(body: bytes, content_type: str = "application/json") -> Ruled | None:
    """
    Return what a target must answer to a body, or None where the contract leaves it free or asks for more than one look.

    Nothing is said of what is no JSON: which requirement it breaks depends on how near to JSON it is.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return None
    if not body.strip(b" \t\r\n"):
        return Ruled("CAR-BODY-REQUIRED", frozenset({400}))
    try:
        document = json.loads(body.decode(), object_pairs_hook=_members, parse_constant=_refused)
        broken, value = _judged(document)
    except (_Free, ValueError, RecursionError):
        return None
    if value is not None:
        return Ruled("", frozenset({202}), value)
    statuses = frozenset({400, 413} if len(body) > 64 * 1024 else {400})
    return Ruled(broken[0] if len(broken) == 1 else "CAR-ERROR-OBJECT", statuses)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise _Free
    return dict(pairs)


def _refused(name: str) -> Any:
    raise ValueError(name)


def _judged(document: Any) -> tuple[list[str], Value | None]:
    if not isinstance(document, dict):
        return ["CAR-BODY-OBJECT"], None
    properties = members()
    if "accessRequestIds" in document and set(document) - set(properties):
        raise _Free
    broken = list(_broken_ids(document))
    for name, one in properties.items():
        if one.required or name not in document:
            continue
        text = document[name]
        if text is None:
            broken.append(one.carries["null"])
        elif not isinstance(text, str):
            broken.append(one.carries["type"])
        elif one.values and text not in one.values:
            broken.append(one.carries["enum"])
        elif not one.values and not ordinary(text):
            raise _Free
    if broken:
        return broken, None
    return [], Value(
        tuple(document["accessRequestIds"]), document.get("message"), document.get("executionStatus"), document.get("completionStatus")
    )


def _broken_ids(document: dict[str, Any]) -> Iterator[str]:
    if "accessRequestIds" not in document:
        if any(name.lower() == "accessrequestids" for name in document):
            raise _Free  # CAR-BODY-NAMES, or CAR-IDS-REQUIRED: that takes a second look
        yield "CAR-IDS-REQUIRED"
        return
    listed = document["accessRequestIds"]
    if not isinstance(listed, list):
        yield "CAR-IDS-ARRAY"
        return
    texts = [one for one in listed if isinstance(one, str)]
    if any(len(one) != 32 or one.strip("0123456789abcdef") for one in texts):
        raise _Free
    wrong = len(listed) - len(texts)
    if len(set(texts)) != len(texts) and (wrong or len(listed) <= MOST_IDS):
        raise _Free
    if wrong:
        yield from ["CAR-IDS-ITEMS"] * wrong
    if not listed:
        yield "CAR-IDS-MIN"
    if len(listed) > MOST_IDS:
        yield "CAR-IDS-MAX" if len(set(texts)) > MOST_IDS or wrong else "CAR-IDS-MAX-ENTRIES"
