"""
Bodies made at random that are wrong in exactly one way: a valid body plus one edit, and the requirement that it breaks.

Nothing here draws or sends: a generator of random numbers comes from the caller.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final

import msgspec

from closecheck.contract.random_bodies import FRAGMENTS, MOST_IDS, Value, ids, letters, members, up_to, value
from closecheck.model import Struct


class Edit(Struct):
    """A valid body plus exactly one edit: the requirement that it breaks, and the edit in words."""

    requirement: str
    body: bytes
    base: Value
    change: str
    members: dict[str, Any] = msgspec.field(default_factory=dict)
    """The members that the edit sets, by name, where it is made on members: it can then be made on a smaller base."""
    many: int = 0
    """The count of ids of a list that is too long."""
    statuses: frozenset[int] = frozenset({400})

    def smaller(self) -> Iterator[Edit]:
        """Yield the same edit on smaller bases, the smallest first."""
        if not self.members:
            return
        lone = Value(self.base.ids[:1])
        for base in (
            lone,
            msgspec.structs.replace(self.base, message=None, ids=lone.ids),
            msgspec.structs.replace(self.base, ids=lone.ids),
        ):
            body = _encoded({**base.members(), **self.members})
            if len(body) < len(self.body):
                change = ", ".join(f"{name}: {_short(one)}" for name, one in self.members.items())
                yield msgspec.structs.replace(self, base=base, body=body, change=change)


_OTHERS: Final[dict[str, tuple[Any, ...]]] = {
    "boolean": (True, False),
    "number": (0, 1, -1, 7, 0.5, -1.5, 1e300, 500, 2**31, 2**53, 2**63, 12345678901234567890, 1e-9),
    "string": ("", "text", "0", "1", "true", "null", "[]", "{}", "Terminated", "2c90ad2a70ace7d50170acf22ca90010", " ", "a,b"),
    "array": ([], [[]], ["text"], [None], [1, 2], [{}], ["a", "b"], [[["x"]]], [True]),
    "object": ({}, {"0": "text"}, {"value": "text"}, {"length": 1}, {"id": None}, {"a": {"b": []}}, {"": ""}, {"$oid": "x"}),
}
NULL: Final = "null"


def _other(rng: Random, allowed: str) -> Any:
    return rng.choice(_OTHERS[rng.choice([kind for kind in _OTHERS if kind != allowed])])


def _short(value: Any) -> str:
    text = _encoded(value).decode()
    return text if len(text) <= 60 else f"{text[:59]}…"


def _encoded(members: Any) -> bytes:
    return msgspec.json.encode(members)


Slip = Callable[[Random, str, int], str]

_SLIPS: Final[tuple[Slip, ...]] = (
    lambda _rng, text, at: text[:at] + text[at] + text[at:],
    lambda _rng, text, _at: text + text[-1],
    lambda _rng, text, at: text[:at] + text[at + 1 :],
    lambda _rng, text, at: text[:at] + text[at].swapcase() + text[at + 1 :],
    lambda _rng, text, at: text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :] if at else text[1] + text[0] + text[2:],
    lambda rng, text, at: text[:at] + rng.choice("abeilnostxyz01_-. ") + text[at + 1 :],
    lambda rng, text, at: text[:at] + rng.choice(" \t\n\u00a0\u200b\u0301-_.") + text[at:],
    lambda rng, text, _at: rng.choice((" ", "\n", "\t", "x", "_", "\ufeff", "'", '"')) + text,
    lambda rng, text, _at: (
        text + rng.choice((" ", "\n", "\t", "x", "s", ".", ",", ";", "\u200b", "\u3000", "%00", "'", '"', "Terminated", "!"))
    ),
    lambda rng, text, _at: rng.choice((str.upper, str.lower, str.swapcase))(text),
    lambda rng, text, _at: text.replace(*rng.choice((("e", "е"), ("i", "ı"), ("l", "I"), ("u", "ü"), ("e", "é"), ("i", "1"), ("c", "с")))),
    lambda _rng, text, _at: "".join(chr(ord(one) + 0xFEE0) for one in text),
    lambda rng, _text, _at: rng.choice(FRAGMENTS),
    lambda rng, _text, _at: letters(rng, rng.choice((1, 5, 10, 255, 1000))),
    lambda _rng, _text, _at: "",
)
"""Slips of the pen at a place of a text, and what else comes where an allowed text should stand."""


def near_miss(rng: Random, text: str, allowed: Sequence[str]) -> str:
    """Return a text that differs from an allowed one by one slip, and is allowed nowhere."""
    while True:
        found = rng.choice(_SLIPS)(rng, text, rng.randrange(len(text)))
        if found not in allowed:
            return found


Editing = Callable[[Random, Value], Edit]


def _set(requirement: str, base: Value, name: str, wrong: Any, change: str) -> Edit:
    """Return the edit that gives one member another value."""
    return Edit(requirement, _encoded({**base.members(), name: wrong}), base, change, {name: wrong})


def _missing(rng: Random, base: Value) -> Edit:
    others = base.members()
    listed = others.pop("accessRequestIds")
    name = "accessRequestIds"
    near = rng.choice((None, None, name[:-1], f"{name} ", f" {name}", "accessRequestsIds", "requestIds", "ids", "access-request-ids", ""))
    if near is None:
        return Edit("CAR-IDS-REQUIRED", _encoded(others), base, "accessRequestIds left out")
    return Edit("CAR-IDS-REQUIRED", _encoded({near: listed, **others}), base, f"accessRequestIds renamed to {_short(near)}")


def _no_list(rng: Random, base: Value) -> Edit:
    wrong = rng.choice((None, base.ids[0], {"0": base.ids[0]}, _other(rng, "array"), _other(rng, "array")))
    return _set("CAR-IDS-ARRAY", base, "accessRequestIds", wrong, f"accessRequestIds: {_short(wrong)} instead of a list")


def _bad_item(rng: Random, base: Value) -> Edit:
    wrong = rng.choice((None, _other(rng, "string"), _other(rng, "string")))
    at = rng.randrange(len(base.ids))
    listed: list[Any] = list(base.ids)
    listed[at] = wrong
    return Edit(
        "CAR-IDS-ITEMS",
        _encoded({**base.members(), "accessRequestIds": listed}),
        base,
        f"accessRequestIds: {_short(wrong)} at place {at + 1} of {len(listed)}, instead of an id",
        {"accessRequestIds": [wrong]},
    )


def _empty(_rng: Random, base: Value) -> Edit:
    return _set("CAR-IDS-MIN", base, "accessRequestIds", [], "accessRequestIds: [] instead of a list with ids")


def _too_many(rng: Random, base: Value) -> Edit:
    count = rng.choice((501, 502, 503, 500 + up_to(rng, 100), 500 + up_to(rng, 1100)))
    return too_many(rng, base, count)


def too_many(rng: Random, base: Value, count: int) -> Edit:
    """Return a body with that many different ids, more than are allowed."""
    listed = ids(rng, count)
    body = _encoded({**base.members(), "accessRequestIds": listed})
    large = len(body) > 64 * 1024
    accepted = msgspec.structs.replace(base, ids=listed[:MOST_IDS])
    return Edit(
        "CAR-IDS-MAX",
        body,
        accepted,
        f"accessRequestIds: {count:,} ids instead of {MOST_IDS}",
        {},
        count,
        frozenset({400, 413} if large else {400}),
    )


def _too_many_entries(rng: Random, base: Value) -> Edit:
    listed = ids(rng, MOST_IDS)
    at = rng.randrange(MOST_IDS)
    body = _encoded({**base.members(), "accessRequestIds": [*listed[:at], rng.choice(listed), *listed[at:]]})
    accepted = msgspec.structs.replace(base, ids=listed)
    return Edit("CAR-IDS-MAX-ENTRIES", body, accepted, f"accessRequestIds: one id named a second time, {MOST_IDS + 1} entries")


def _member(name: str, kind: str) -> Editing:
    def edited(rng: Random, base: Value) -> Edit:
        carries = members()[name].carries
        wrong = None if kind == NULL else _other(rng, "string")
        return _set(carries[kind], base, name, wrong, f"{name}: {_short(wrong)} instead of text")

    return edited


def _closed(name: str) -> Editing:
    def edited(rng: Random, base: Value) -> Edit:
        one = members()[name]
        others_values = [value for other in members().values() if other.name != name for value in other.values]
        text = rng.choice(others_values) if rng.random() < 0.1 else near_miss(rng, rng.choice(one.values), one.values)
        return _set(one.carries["enum"], base, name, text, f"{name}: {_short(text)} instead of {' or '.join(one.values)}")

    return edited


def _no_object(rng: Random, base: Value) -> Edit:
    whole = base.members()
    wrong = rng.choice((None, [whole], json.dumps(whole), [], list(base.ids), base.ids[0], _other(rng, "object"), _other(rng, "object")))
    return Edit("CAR-BODY-OBJECT", _encoded(wrong), base, f"the whole body: {_short(wrong)} instead of an object")


def _cut(rng: Random, base: Value) -> Edit:
    whole = base.plain()
    at = rng.randrange(1, len(whole))
    return Edit("CAR-BODY-JSON", whole[:at], base, f"the body ends after {at} of {len(whole)} bytes")


def _nearly(rng: Random, base: Value) -> Edit:
    whole = base.plain().decode()
    name, body = rng.choice(
        (
            ("a comma stands before the closing brace", whole[:-1] + ",}"),
            ("a comma stands after the last id", whole.replace('"]', '",]', 1)),
            ("a comma stands before the first id", whole.replace('["', '[,"', 1)),
            ("a comma stands after the opening brace", "{," + whole[1:]),
            ("a comment stands after the opening brace", "{/* x */" + whole[1:]),
            ("a line comment stands at the end", whole + "// x"),
            ("text stands after the value", whole + rng.choice(("x", "}", "{}", "null", ";", ",", "]", whole, '"'))),
            ("text stands before the value", rng.choice((")]}',\n", "x", ",", "{}", "data: ")) + whole),
            ("the name of the ids stands in single quotes", whole.replace('"accessRequestIds"', "'accessRequestIds'", 1)),
            ("the name of the ids stands without quotes", whole.replace('"accessRequestIds"', "accessRequestIds", 1)),
            ("the colon after the name of the ids is an equals sign", whole.replace('"accessRequestIds":', '"accessRequestIds"=', 1)),
            ("the first id stands in single quotes", whole.replace(f'"{base.ids[0]}"', f"'{base.ids[0]}'", 1)),
        )
    )
    return Edit("CAR-BODY-JSON-STRICT", body.encode(), base, name)


EDITS: Final[dict[str, tuple[Editing, ...]]] = {
    "CAR-IDS-REQUIRED": (_missing,),
    "CAR-IDS-ARRAY": (_no_list,),
    "CAR-IDS-ITEMS": (_bad_item,),
    "CAR-IDS-MIN": (_empty,),
    "CAR-IDS-MAX": (_too_many,),
    "CAR-IDS-MAX-ENTRIES": (_too_many_entries,),
    "CAR-MESSAGE-TYPE": (_member("message", "type"),),
    "CAR-EXECUTION-TYPE": (_member("executionStatus", "type"),),
    "CAR-COMPLETION-TYPE": (_member("completionStatus", "type"),),
    "CAR-MESSAGE-NULL": (_member("message", NULL),),
    "CAR-EXECUTION-NULL": (_member("executionStatus", NULL),),
    "CAR-COMPLETION-NULL": (_member("completionStatus", NULL),),
    "CAR-EXECUTION-CLOSED": (_closed("executionStatus"),),
    "CAR-COMPLETION-CLOSED": (_closed("completionStatus"),),
    "CAR-BODY-OBJECT": (_no_object,),
    "CAR-BODY-JSON": (_cut,),
    "CAR-BODY-JSON-STRICT": (_nearly,),
}
"""For each requirement that one edit of a body can break, how to break it."""
_WEIGHTS: Final = {
    "CAR-EXECUTION-CLOSED": 8,
    "CAR-COMPLETION-CLOSED": 8,
    "CAR-IDS-ITEMS": 5,
    "CAR-BODY-JSON": 4,
    "CAR-BODY-JSON-STRICT": 4,
    "CAR-IDS-MAX": 2,
    "CAR-IDS-MAX-ENTRIES": 1,
}
_CHOICES: Final = tuple(EDITS)
_CUMULATED: Final = tuple(_WEIGHTS.get(one, 3) for one in _CHOICES)


def edit(rng: Random, base: Value, breaking: str = "") -> Edit:
    """Return a body with one edit, which breaks the given requirement, or any."""
    requirement = breaking or rng.choices(_CHOICES, _CUMULATED)[0]
    return rng.choice(EDITS[requirement])(rng, base)


def sequence(rng: Random, size: int) -> list[Value | Edit]:
    """
    Return valid and invalid bodies that are to follow one another, some of them several times.

    A valid one never comes twice with the same ids: the first might have closed them.
    """
    kinds = [edit(rng, value(rng, count=1)) if rng.random() < 0.5 else value(rng, count=rng.choice((1, 1, 2, 40))) for _ in range(4)]
    found: list[Value | Edit] = []
    while len(found) < size:
        one = rng.choice(kinds)
        times = range(rng.choice((1, 1, 1, 2, 5)))
        found += [msgspec.structs.replace(one, ids=ids(rng, len(one.ids))) if isinstance(one, Value) else one for _ in times]
    return found[:size]
