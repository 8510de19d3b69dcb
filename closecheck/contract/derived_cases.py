"""
Accepted requests, and accepted requests plus exactly one edit, derived from the constraints of ``spec/openapi.yaml``.

Nothing here knows a requirement by heart: each edit breaks one constraint, and the document says which requirement that
constraint carries.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from closecheck.contract.cases import ACCEPTED, REFUSED, Case, Draft, Id, Ids, Json, Raw
from closecheck.contract.specification import Contract, Property, contract

MESSAGE: Final = "Closed by the conformance suite."
ONE_ID: Final = "accepted/one-id"
THREE_IDS: Final = "accepted/three-ids"
FULL: Final = "accepted/full"
FULL_MANY: Final = "accepted/full-300"
EVERY_ID: Final = "ids/500"

VALUES: Final[dict[str, tuple[Json, ...]]] = {
    "null": (None,),
    "boolean": (True, False),
    "number": (0, 1, -1, 1.5, 1e300, 12345678901234567890),
    "string": ("", "text", "1", "true", "null", "[]", "{}"),
    "array": ([], ["text"], [None], [[]]),
    "object": ({}, {"0": "text"}, {"value": "text"}, {"length": 1}),
}
"""Values of each JSON type (RFC 8259, 3), plain ones first."""


def _body(**members: Json) -> dict[str, Json]:
    return members


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


# ------------------------------------------------------------------------------------------------------ what is accepted


def _full(document: Contract) -> dict[str, Json]:
    """One id and every other member with a documented value."""
    return {one.name: Ids(1) if one.required else MESSAGE if not one.values else one.schema["default"] for one in document.properties()}


@functools.cache
def bases() -> tuple[Case, ...]:
    """Return the accepted requests that everything else is an edit of."""
    document = contract()
    ids = next(one.name for one in document.properties() if one.required)
    full = _full(document)
    one = Case(
        id=ONE_ID, description="A request with one id is accepted", request=Draft(body=_body(**{ids: Ids(1)})),
        requirement="CAR-OP-ACCEPTS", part="one id", expect=ACCEPTED,
    )  # fmt: skip
    members = ", ".join(name for name in full if name != ids)
    return (
        one,
        _accepted(FULL, "A request with every member is accepted", "CAR-STATUS-COMBINATIONS", "every member", full, ONE_ID, f"{members} added"),
        _accepted(THREE_IDS, "A request with three ids is accepted", "CAR-IDS-RANGE", "3", _body(**{ids: Ids(3)}), ONE_ID, "3 ids instead of 1"),
        _accepted(
            FULL_MANY, "A request with 300 ids and every member is accepted", "CAR-IDS-RANGE", "between",
            {**full, ids: Ids(300)}, FULL, "300 ids instead of 1",
        ),
    )  # fmt: skip


def _accepted(name: str, text: str, requirement: str, part: str, body: Json, base: str, change: str) -> Case:
    return Case(
        id=name,
        description=text,
        request=Draft(body=body),
        requirement=requirement,
        part=part,
        expect=ACCEPTED,
        base=base,
        change=change,
    )


def _refused(name: str, text: str, requirement: str, part: str, body: Json, base: str, change: str, since: str = "") -> Case:
    return Case(
        id=name,
        description=text,
        request=Draft(body=body),
        requirement=requirement,
        part=part,
        expect=REFUSED,
        base=base,
        change=change,
        since=since,
    )


COUNTS: Final = (
    1, 2, 4, 5, 9, 10, 11, 15, 16, 17, 19, 20, 21, 25, 31, 32, 33, 49, 50, 51, 63, 64, 65, 99, 100, 101, 127, 128, 129,
    149, 150, 151, 199, 200, 201, *range(249, 258), 299, 300, 301, 399, 400, 401, 449, 450, 451, 498, 499, 500,
)  # fmt: skip
"""Counts of ids around the limits that servers, parsers and databases have by default."""
BEYOND: Final = (501, 502, 510, 600, 750, 999, 1000, 1001, 1024, 1500)
"""Counts of ids beyond the documented limit."""
NECESSARY_COUNTS: Final = frozenset({1, 2, *range(249, 258), 499, 500})
"""Counts that stand as parts of their own; the others are the part ``between``."""


@functools.cache
def id_counts() -> tuple[Case, ...]:
    """Return every count of ids that is probed between the documented bounds."""
    document = contract()
    ids = document.property("accessRequestIds")
    low, high = ids.schema["minItems"], ids.schema["maxItems"]
    return tuple(
        _accepted(
            f"ids/{count}",
            f"{show(Ids(count))} {'is' if count == 1 else 'are'} accepted",
            "CAR-IDS-RANGE",
            str(count) if count in NECESSARY_COUNTS else "between",
            _body(accessRequestIds=Ids(count)),
            ONE_ID,
            f"accessRequestIds: {show(Ids(count))} instead of 1 id",
        )
        for count in COUNTS
        if low <= count <= high
    )


@functools.cache
def optional_members() -> tuple[Case, ...]:
    """Return the full request with each set of optional members left out."""
    document = contract()
    optional = [one for one in document.properties() if not one.required]
    full = _full(document)
    found = []
    for size in range(1, len(optional) + 1):
        for left_out in itertools.combinations(optional, size):
            names = [one.name for one in left_out]
            body = {name: value for name, value in full.items() if name not in names}
            for one in left_out if size in {1, len(optional)} else left_out[:1]:
                found.append(  # noqa: PERF401 - the shape of the case is easier to read in a call
                    _accepted(
                        f"optional/{'+'.join(names)}" + (f"/{one.name}" if size == len(optional) else ""),
                        f"A request without {' and '.join(names)} is accepted",
                        one.carries["optional"],
                        "alone" if size == 1 else "together",
                        body,
                        FULL,
                        f"{', '.join(names)} left out",
                    )
                )
    many = {**full, "accessRequestIds": Ids(300)}
    for one in optional:
        body = {name: value for name, value in many.items() if name != one.name}
        text = f"A request with 300 ids and without {one.name} is accepted"
        found.append(
            _accepted(f"optional/300/{one.name}", text, one.carries["optional"], "many ids", body, FULL_MANY, f"{one.name} left out")
        )
    return tuple(found)


@functools.cache
def enumerated_values() -> tuple[Case, ...]:
    """Return each value of each enumeration, alone beside one id."""
    return tuple(
        _accepted(
            f"{one.name}/{value}",
            f"{one.name} {value} is accepted",
            one.carries["values"],
            value,
            _body(**{"accessRequestIds": Ids(1), one.name: value}),
            ONE_ID,
            f"{one.name}: {show(value)} added",
        )
        for one in contract().properties()
        for value in one.values
    )


@functools.cache
def values_beside_many_ids() -> tuple[Case, ...]:
    """Return each value of each enumeration beside several ids: what is right for one must be right for many."""
    bases = {3: THREE_IDS, 300: "ids/300"}
    return tuple(
        _accepted(
            f"{one.name}/{value}-beside-{count}",
            f"{one.name} {value} beside {count} ids is accepted",
            one.carries["values"],
            "beside many ids",
            _body(**{"accessRequestIds": Ids(count), one.name: value}),
            base,
            f"{one.name}: {show(value)} added",
        )
        for one in contract().properties()
        for value in one.values
        for count, base in bases.items()
    )


@functools.cache
def combinations() -> tuple[Case, ...]:
    """Return every combination of the two statuses, with and without a message."""
    document = contract()
    enums = [one for one in document.properties() if one.values]
    found = []
    for values in itertools.product(*(one.values for one in enums)):
        for message in (None, MESSAGE):
            members = {one.name: value for one, value in zip(enums, values, strict=True)}
            if message is not None:
                members["message"] = message
            found.append(
                _accepted(
                    f"combination/{'+'.join(values)}{'+message' if message else ''}",
                    f"{' with '.join(values)} {'and a' if message else 'without a'} message is accepted",
                    "CAR-STATUS-COMBINATIONS",
                    "+".join(values) + (" with message" if message else ""),
                    _body(accessRequestIds=Ids(1), **members),
                    ONE_ID,
                    ", ".join(f"{name}: {show(value)}" for name, value in members.items()) + " added",
                )
            )
    return tuple(found)


LENGTHS: Final = (1, 2, 3, 31, 32, 33, 63, 64, 65, 99, 100, 101, 127, 128, 129, 254, 255, 256, 257, 499, 500, 501, 511, 512, 513, 999, 1000)
"""Lengths of a message, in characters, around the limits that columns and fields have by default."""
_ALPHABETS: Final = {"ascii": "a", "two-byte": "é", "three-byte": "語", "astral": "😀"}


@functools.cache
def message_lengths() -> tuple[Case, ...]:
    """Return messages from 1 to 1,000 characters, of characters of one to four bytes."""
    lengths = {name: LENGTHS if name == "ascii" else (1, 64, 128, 250, 255, 256, 500, 1000) for name in _ALPHABETS}
    return tuple(
        _accepted(
            f"message/{length}-{name}",
            f"A message of {length:,} {name} characters is accepted",
            "CAR-MESSAGE-TEXT",
            "length",
            _body(accessRequestIds=Ids(1), message=_ALPHABETS[name] * length),
            ONE_ID,
            f"message: {length:,} {name} character{'s' if length > 1 else ''} added",
        )
        for name, chosen in lengths.items()
        for length in chosen
    )


@functools.cache
def roomy_bodies() -> tuple[Case, ...]:
    """Return a body with much white space around and between its tokens (RFC 8259, 2)."""
    places = {
        "before": "{room}{{{name}: [{id}]}}",
        "after": "{{{name}: [{id}]}}{room}",
        "between": "{{{room}{name}{room}:{room}[{room}{id}{room}]{room}}}",
    }
    found = []
    for where, shape in places.items():
        for size in (300, 1100, 5000):
            text = shape.format(room=("\n" + " " * 99) * (size // 100), name='"accessRequestIds"', id='"{{id}}"')
            found.append(
                Case(
                    id=f"spaced/{where}-{size}",
                    description=f"A body with {size:,} characters of white space {where} is accepted",
                    request=Draft(body=Raw(text.encode())),
                    requirement="CAR-BODY-JSON-FORMS",
                    part="white-space",
                    expect=ACCEPTED,
                    base=ONE_ID,
                    change=f"{size:,} characters of white space {where}",
                )
            )
    return tuple(found)


LARGE: Final = 64 * 1024
"""Bytes of a body beyond which a server may answer 413: nothing that the page allows is as large, but for white space and escapes."""


@functools.cache
def large_bodies() -> tuple[Case, ...]:
    """
    Return the most that the page allows, compact and in roomy spellings, up to 110 kB.

    Gateways and frameworks have limits at 8, 16, 32, 64 and 100 kB.
    """
    text = _ALPHABETS["astral"] * 1000
    ids = contract().property("accessRequestIds").schema["maxItems"]
    found = [
        _accepted(
            f"large/{ids}-ids-and-long-message",
            f"{ids} ids and a message of 1,000 astral characters are accepted",
            "CAR-MESSAGE-TEXT",
            "length",
            _body(accessRequestIds=Ids(ids), message=text),
            EVERY_ID,
            "message: 1,000 astral characters added",
        )
    ]
    for blanks in (8, 75, 120, 180):
        room = "\n" + " " * blanks
        listed = ",".join(f'{room}"{{{{id:{number}}}}}"' for number in range(ids))
        template = f'{{"accessRequestIds": [{listed}\n],\n"message": "{text}"}}\n'.encode()
        size = len(template) - listed.count("{{id:") * len("{{id:}}") - sum(len(str(number)) for number in range(ids)) + 32 * ids
        found.append(
            Case(
                id=f"large/indented-by-{blanks}",
                description=f"The same on a line for each id, indented by {blanks} blanks, {size:,} bytes in all, is accepted",
                request=Draft(body=Raw(template)),
                requirement="CAR-BODY-JSON-FORMS",
                part="white-space",
                expect=ACCEPTED.also(413) if size > LARGE else ACCEPTED,
                base=found[0].id,
                change=f"each id on a line of its own, indented by {blanks} blanks",
            )
        )
    return tuple(msgspec.structs.replace(case, since="2026.2") for case in found)


# ------------------------------------------------------------------------------------------------------- what is refused


def _other_types(allowed: str) -> Iterator[tuple[str, int, Json]]:
    """Yield (JSON type, ordinal, value) for every type but the allowed one and null."""
    for kind, values in VALUES.items():
        if kind not in {allowed, "null"}:
            for number, value in enumerate(values):
                yield kind, number, value


@functools.cache
def bodies_of_other_types() -> tuple[Case, ...]:
    """Return bodies that are JSON but no object."""
    document = contract()
    requirement = document.body_schema["x-requirements"]["type"]
    whole = json.dumps({"accessRequestIds": ["00000000000000000000000000000000"]})
    values: list[tuple[str, Any, Json]] = [
        ("null", 0, None), *_other_types("object"), ("array", 9, [_body(accessRequestIds=Ids(1))]), ("string", 9, whole),
    ]  # fmt: skip
    members = tuple(_full(document).items())
    # Some deserialisers read an object from the list of its members' values, or of its pairs.
    as_lists: list[tuple[str, Json]] = [
        ("of-all-values", [value for _, value in members]), ("of-the-ids", [Ids(1)]), ("of-pairs", [[name, value] for name, value in members]),
    ]  # fmt: skip
    bodies = [(kind, number, value, "") for kind, number, value in values] + [("array", name, value, "2026.2") for name, value in as_lists]
    return tuple(
        _refused(
            f"body/{kind}-{number}",
            f"A body that is {show(value)} is refused",
            requirement,
            kind,
            value,
            ONE_ID,
            f"the whole body: {show(value)} instead of an object",
            since,
        )
        for kind, number, value, since in bodies
    )


@functools.cache
def missing_members() -> tuple[Case, ...]:
    """Return requests without a required member, and with it under a near name; one that differs in case alone is an affair of names."""
    document = contract()
    names = document.body_schema["x-requirements"]["properties"]
    found = []
    for one in document.properties():
        if not one.required:
            continue
        requirement = one.carries["required"]
        without = {name: value for name, value in _full(document).items() if name != one.name}
        found.append(
            _refused(
                "ids/missing", f"A body without {one.name} is refused", requirement, "empty object", {}, ONE_ID, f"{one.name} left out"
            )
        )
        found.append(
            _refused(
                "ids/missing-from-full",
                f"A full body without {one.name} is refused",
                requirement,
                "other members",
                without,
                FULL,
                f"{one.name} left out",
            )
        )
        for near in (
            "accessrequestids",
            "AccessRequestIds",
            "accessRequestIDs",
            "access_request_ids",
            "accessRequestId",
            "ids",
            "accessRequestIds ",
            "identityRequestIds",
        ):
            by_case = near.lower() == one.name.lower()
            found.append(
                _refused(
                    f"ids/named-{near.replace(' ', '-blank')}",
                    f"A body with {show(near)} in the place of {one.name} is refused",
                    names if by_case else requirement,
                    "required member" if by_case else "near name",
                    {near: Ids(1)},
                    ONE_ID,
                    f"{one.name} renamed to {show(near)}",
                )
            )
    return tuple(found)


@functools.cache
def ids_of_other_types() -> tuple[Case, ...]:
    """Return requests whose ids are no list."""
    one = contract().property("accessRequestIds")
    values: list[tuple[str, Any, Json]] = [
        ("null", 0, None),
        *_other_types("array"),
        ("string", "an-id", Id()),
        ("object", "of-ids", {"0": Id()}),
        ("object", "wrapped", {"id": Id()}),
    ]
    return tuple(
        _refused(
            f"ids/{kind}-{number}",
            f"accessRequestIds that is {show(value)} is refused",
            one.carries["null" if kind == "null" else "type"],
            kind,
            _body(accessRequestIds=value),
            ONE_ID,
            f"accessRequestIds: {show(value)} instead of [an id]",
        )
        for kind, number, value in values
    )


@functools.cache
def items_of_other_types() -> tuple[Case, ...]:
    """Return lists with one item that is no text: every type, alone and first, in the middle and last of three."""
    one = contract().property("accessRequestIds")
    carries = one.schema["items"]["x-requirements"]
    wrong = [("null", 0, None), *_other_types("string"), ("array", "of-an-id", [Id(3)]), ("object", "with-an-id", {"id": Id(3)})]
    found = []
    for kind, number, value in wrong:
        requirement = carries["null" if kind == "null" else "type"]
        for position, items, base in _positions(value):
            found.append(
                _refused(
                    f"items/{kind}-{number}/{position}",
                    f"A list with {show(value)} {_where(position)} is refused",
                    requirement,
                    f"{kind} {position}",
                    _body(accessRequestIds=items),
                    base,
                    f"accessRequestIds: {show(value)} {_where(position)}, instead of an id",
                )
            )
    for place in (1, 250, 500):
        for name, value in (("null", None), ("number", 7)):
            ids: list[Json] = [Id(n) for n in range(500)]
            ids[place - 1] = value
            found.append(
                _refused(
                    f"items/{name}-in-500/{place}",
                    f"A list of 500 with {show(value)} at place {place} is refused",
                    carries["null" if value is None else "type"],
                    f"{name} of 500",
                    _body(accessRequestIds=ids),
                    EVERY_ID,
                    f"accessRequestIds: {show(value)} at place {place} of 500, instead of an id",
                )
            )
    return tuple(found)


def _positions(value: Json) -> Iterable[tuple[str, list[Json], str]]:
    yield "alone", [value], ONE_ID
    yield "first", [value, Id(0), Id(1)], THREE_IDS
    yield "middle", [Id(0), value, Id(1)], THREE_IDS
    yield "last", [Id(0), Id(1), value], THREE_IDS


def _where(position: str) -> str:
    return {"alone": "alone", "first": "first of three", "middle": "in the middle of three", "last": "last of three"}[position]


@functools.cache
def too_few_ids() -> tuple[Case, ...]:
    """Return requests with an empty list, alone and among other members."""
    one = contract().property("accessRequestIds")
    requirement = one.carries["minItems"]
    full = {**_full(contract()), one.name: []}
    return (
        _refused("ids/0", "An empty list is refused", requirement, "alone", {one.name: []}, ONE_ID, f"{one.name}: [] instead of [an id]"),
        _refused(
            "ids/0-in-full",
            "An empty list among all members is refused",
            requirement,
            "other members",
            full,
            FULL,
            f"{one.name}: [] instead of [an id]",
        ),
    )


@functools.cache
def too_many_ids() -> tuple[Case, ...]:
    """Return requests with more different ids than the limit."""
    one = contract().property("accessRequestIds")
    limit = one.schema["maxItems"]
    full = _full(contract())
    alone = tuple(
        _refused(
            f"ids/{count}",
            f"{count:,} different ids are refused",
            one.carries["maxItems"],
            str(count),
            _body(accessRequestIds=Ids(count)),
            EVERY_ID,
            f"accessRequestIds: {count:,} ids instead of {limit}",
        )
        for count in BEYOND
        if count > limit
    )
    beside = tuple(
        _refused(
            f"ids/{count}-in-full",
            f"{count:,} different ids are refused beside every other member",
            one.carries["maxItems"],
            "other members",
            {**full, one.name: Ids(count)},
            FULL_MANY,
            f"accessRequestIds: {count:,} ids instead of 300",
        )
        for count in (limit + 1, 2 * limit)
    )
    return (*alone, *beside)


@functools.cache
def too_many_entries() -> tuple[Case, ...]:
    """Return the limit of different ids plus one that repeats another."""
    limit = contract().property("accessRequestIds").schema["maxItems"]
    entries = {
        "last-repeats-first": [*(Id(n) for n in range(limit)), Id(0)],
        "neighbours-repeat": [Id(0), *(Id(n) for n in range(limit))],
    }
    return tuple(
        _refused(
            f"entries/{name}",
            f"{limit + 1} entries of which one repeats another are refused",
            "CAR-IDS-MAX-ENTRIES",
            name,
            _body(accessRequestIds=items),
            EVERY_ID,
            f"accessRequestIds: one id named a second time, {limit + 1} entries",
        )
        for name, items in entries.items()
    )


@functools.cache
def members_of_other_types() -> tuple[Case, ...]:
    """Return full requests with one optional member of another JSON type, and with null for it."""
    document = contract()
    full = _full(document)
    found = []
    for one in document.properties():
        if one.required:
            continue
        wrapped = full[one.name]
        values: list[tuple[str, Any, Json]] = [
            ("null", 0, None),
            *_other_types("string"),
            ("array", "of-one", [wrapped]),
            ("object", "wrapped", {"value": wrapped}),
        ]
        newer: set[str] = set()
        if one.values:
            # How some serialisers write a member of an enumeration that has no content.
            tagged = {
                "name-of-null": {wrapped: None},
                "name-of-object": {wrapped: {}},
                "name-of-true": {wrapped: True},
                "name": {"name": wrapped},
            }
            values += [("object", name, value) for name, value in tagged.items()]
            newer = set(tagged)
        for kind, number, value in values:
            for base, members in ((FULL, {**full, one.name: value}), (ONE_ID, {"accessRequestIds": Ids(1), one.name: value})):
                if base == ONE_ID and number not in {0, "of-one"}:
                    continue
                found.append(
                    _refused(
                        f"{one.name}/{kind}-{number}" + ("" if base == FULL else "-alone"),
                        f"{one.name} that is {show(value)} is refused",
                        one.carries["null" if kind == "null" else "type"],
                        kind,
                        members,
                        base,
                        f"{one.name}: {show(value)} instead of {show(wrapped)}" if base == FULL else f"{one.name}: {show(value)} added",
                        "2026.2" if number in newer else "",
                    )
                )
    return tuple(found)


def _near(value: str) -> Iterator[tuple[str, str]]:
    """Yield (name, text) for each near miss of one enumerated value."""
    yield "lower", value.lower()
    yield "upper", value.upper()
    yield "first-letter-lower", value[0].lower() + value[1:]
    yield "swapped", value.swapcase()
    yield "last-letter-upper", value[:-1] + value[-1].upper()
    yield "blank-before", " " + value
    yield "blank-after", value + " "
    yield "tab-after", value + "\t"
    yield "line-break-after", value + "\n"
    yield "line-break-before", "\n" + value
    yield "no-break-space-after", value + "\u00a0"
    yield "zero-width-after", value + "\u200b"
    yield "nul-after", value + "\x00"
    yield "dot-after", value + "."
    yield "shorter", value[:-1]
    yield "longer", value + "s"
    yield "longer-tail", value + "-x"
    yield "longer-head", "x" + value
    yield "twice", value + value
    yield "list", f"{value},{value}"
    yield "quoted", f'"{value}"'
    yield "wide", "".join(chr(ord(letter) + 0xFEE0) for letter in value)
    yield "dotless", value.replace("i", "\u0131")
    yield "accented", value.replace("e", "\u00e9", 1)
    yield "cyrillic", value.replace("e", "\u0435", 1)
    yield "split", value[:4] + " " + value[4:]
    yield "qualified", f"Status.{value}"
    yield "screaming", f"STATUS_{value.upper()}"


_STRANGERS: Final = (
    ("empty", ""), ("blank", " "), ("zero", "0"), ("one", "1"), ("null", "null"), ("undefined", "undefined"), ("true", "true"),
    ("star", "*"), ("Pending", "Pending"), ("Cancelled", "Cancelled"), ("None", "None"), ("unknown", "Unknown"),
    ("Failed", "Failed"), ("Fail", "Fail"), ("Succeeded", "Succeeded"), ("Successful", "Successful"), ("Complete", "Complete"),
    ("Terminating", "Terminating"), ("Canceled", "Canceled"), ("Closed", "Closed"), ("Done", "Done"), ("Error", "Error"),
    ("Finished", "Finished"), ("Executing", "Executing"), ("PENDING", "PENDING"), ("OK", "OK"),
    ("long", "Terminated" * 100), ("emoji", "✅"), ("message", MESSAGE),
)  # fmt: skip


_JOINTS: Final = {
    "comma": ",",
    "comma-blank": ", ",
    "bar": "|",
    "blank": " ",
    "semicolon": ";",
    "plus": "+",
    "slash": "/",
    "line-break": "\n",
}
"""What stands between several values of an enumeration where it is read as flags, or as a list."""


@functools.cache
def near_misses() -> tuple[Case, ...]:
    """Return full requests with a text that is no member of the enumeration it stands in."""
    document = contract()
    full = _full(document)
    enums = [one for one in document.properties() if one.values]
    found: dict[str, Case] = {}
    for one in enums:
        texts = [(f"{value}-{name}", name, text) for value in one.values for name, text in _near(value)]
        texts += [(name, "stranger", text) for name, text in _STRANGERS]
        others = [value for other in enums if other.name != one.name for value in other.values]
        texts += [(f"of-the-other-{value}", "other property", value) for value in others]
        texts += [(f"of-the-other-{value.upper()}", "other property", value.upper()) for value in others]
        joined = [(f"joined-by-{name}", "joined", joint.join(one.values[:2])) for name, joint in _JOINTS.items()]
        ordinals = [(f"ordinal-{text}", "stranger", text) for text in ("2", "-1", "+1", "1.0")]
        newer = {name for name, _, _ in (*joined, *ordinals)}
        for name, part, text in (*texts, *joined, *ordinals):
            if text in one.values:
                continue
            case = _refused(
                f"{one.name}/near-{name}",
                f"{one.name} {show(text)} is refused",
                one.carries["enum"],
                part,
                {**full, one.name: text},
                FULL,
                f"{one.name}: {show(text)} instead of {show(full[one.name])}",
                "2026.2" if name in newer else "",
            )
            found.setdefault(case.id, case)
    return tuple(found.values())


@functools.cache
def near_misses_alone() -> tuple[Case, ...]:
    """Return the plainest near misses beside one id only: a rule may hold only where everything is spelled out."""
    found = []
    for one in contract().properties():
        if not one.values:
            continue
        for name, text in (("lower", one.values[0].lower()), ("stranger", "Nonsense"), ("empty", "")):
            found.append(
                _refused(
                    f"{one.name}/alone-{name}",
                    f"{one.name} {show(text)} beside one id is refused",
                    one.carries["enum"],
                    "alone",
                    _body(**{"accessRequestIds": Ids(1), one.name: text}),
                    ONE_ID,
                    f"{one.name}: {show(text)} added",
                )
            )
    return tuple(found)


@functools.cache
def slips_beside_many_ids() -> tuple[Case, ...]:
    """Return a wrong type of each optional member, and a near miss of each enumeration, beside three ids and three hundred."""
    found = []
    for one in contract().properties():
        wrong: list[tuple[str, str, Json]] = [] if one.required else [("number", "type", 7), ("list", "type", ["text"])]
        wrong += [("lower", "enum", one.values[0].lower()), ("stranger", "enum", "Nonsense")] if one.values else []
        for name, rule, value in wrong:
            for count, base in ((3, THREE_IDS), (300, "ids/300")):
                found.append(
                    _refused(
                        f"{one.name}/{name}-beside-{count}",
                        f"{one.name} {show(value)} beside {count} ids is refused",
                        one.carries[rule],
                        "beside many ids",
                        _body(**{"accessRequestIds": Ids(count), one.name: value}),
                        base,
                        f"{one.name}: {show(value)} added",
                    )
                )
    return tuple(found)


@functools.cache
def several_wrong() -> tuple[Case, ...]:
    """
    Return requests that break several rules at once; judged for status and form only.

    2 and 20 wrong items, and every member wrong (docs/evidence.md, 7).
    """
    wrong: dict[str, Json] = {
        "two-items": _body(accessRequestIds=[None, 7]),
        "twenty-items": _body(accessRequestIds=[None, 7, True, {}, []] * 4),
        "every-member": _body(accessRequestIds=[], message=1, executionStatus="x", completionStatus="y"),
        "both-statuses": _body(accessRequestIds=Ids(1), executionStatus="x", completionStatus="y"),
        "no-ids-wrong-status": _body(executionStatus="x"),
        "twenty-items-wrong-status": _body(accessRequestIds=[1] * 20, completionStatus=False),
    }
    return tuple(
        Case(
            id=f"several/{name}",
            description="A request that breaks several rules is refused in the documented form",
            request=Draft(body=body),
            requirement="CAR-ERROR-OBJECT",
            part="several rules",
            expect=REFUSED,
        )
        for name, body in wrong.items()
    )


DERIVED: Final = (
    bases, id_counts, optional_members, enumerated_values, values_beside_many_ids, combinations, message_lengths, roomy_bodies, large_bodies, bodies_of_other_types, missing_members,
    ids_of_other_types, items_of_other_types, too_few_ids, too_many_ids, too_many_entries, members_of_other_types, near_misses,
    near_misses_alone, slips_beside_many_ids, several_wrong,
)  # fmt: skip
"""Every source of derived cases."""


@functools.cache
def derived() -> dict[str, Case]:
    """Return every derived case by id; ValueError if two share one."""
    found: dict[str, Case] = {}
    for source in DERIVED:
        for case in source():
            if case.id in found:
                raise ValueError(f"two derived cases are called {case.id}")
            found[case.id] = case
    return found


def property_of(name: str) -> Property:
    """Return one member of the body as the document constrains it."""
    return contract().property(name)


def repeated(case: Case, times: int) -> Case:
    """Return the same case under another id, for the ``times``-th asking of it."""
    return msgspec.structs.replace(case, id=f"{case.id}#{times}")
