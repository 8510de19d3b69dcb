"""Cases on ``accessRequestIds``: how many ids there are, of which types the list and its items are, and the member under other names."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Final

from closecheck.contract.base_cases import EVERY_ID, FULL, FULL_MANY, ONE_ID, THREE_IDS, accepted, full_body, refused
from closecheck.contract.cases import Case, Id, Ids, Json
from closecheck.contract.json_values import other_types, show
from closecheck.contract.specification import contract

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
        accepted(
            f"ids/{count}",
            f"{show(Ids(count))} {'is' if count == 1 else 'are'} accepted",
            "CAR-IDS-RANGE",
            str(count) if count in NECESSARY_COUNTS else "between",
            {"accessRequestIds": Ids(count)},
            ONE_ID,
            f"accessRequestIds: {show(Ids(count))} instead of 1 id",
        )
        for count in COUNTS
        if low <= count <= high
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
        without = {name: value for name, value in full_body(document).items() if name != one.name}
        found.append(
            refused("ids/missing", f"A body without {one.name} is refused", requirement, "empty object", {}, ONE_ID, f"{one.name} left out")
        )
        found.append(
            refused(
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
                refused(
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
        *other_types("array"),
        ("string", "an-id", Id()),
        ("object", "of-ids", {"0": Id()}),
        ("object", "wrapped", {"id": Id()}),
    ]
    return tuple(
        refused(
            f"ids/{kind}-{number}",
            f"accessRequestIds that is {show(value)} is refused",
            one.carries["null" if kind == "null" else "type"],
            kind,
            {"accessRequestIds": value},
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
    wrong = [("null", 0, None), *other_types("string"), ("array", "of-an-id", [Id(3)]), ("object", "with-an-id", {"id": Id(3)})]
    found = []
    for kind, number, value in wrong:
        requirement = carries["null" if kind == "null" else "type"]
        for position, items, base in _positions(value):
            found.append(
                refused(
                    f"items/{kind}-{number}/{position}",
                    f"A list with {show(value)} {_where(position)} is refused",
                    requirement,
                    f"{kind} {position}",
                    {"accessRequestIds": items},
                    base,
                    f"accessRequestIds: {show(value)} {_where(position)}, instead of an id",
                )
            )
    for place in (1, 250, 500):
        for name, value in (("null", None), ("number", 7)):
            ids: list[Json] = [Id(n) for n in range(500)]
            ids[place - 1] = value
            found.append(
                refused(
                    f"items/{name}-in-500/{place}",
                    f"A list of 500 with {show(value)} at place {place} is refused",
                    carries["null" if value is None else "type"],
                    f"{name} of 500",
                    {"accessRequestIds": ids},
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
    full = {**full_body(contract()), one.name: []}
    return (
        refused("ids/0", "An empty list is refused", requirement, "alone", {one.name: []}, ONE_ID, f"{one.name}: [] instead of [an id]"),
        refused(
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
    full = full_body(contract())
    alone = tuple(
        refused(
            f"ids/{count}",
            f"{count:,} different ids are refused",
            one.carries["maxItems"],
            str(count),
            {"accessRequestIds": Ids(count)},
            EVERY_ID,
            f"accessRequestIds: {count:,} ids instead of {limit}",
        )
        for count in BEYOND
        if count > limit
    )
    beside = tuple(
        refused(
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
        refused(
            f"entries/{name}",
            f"{limit + 1} entries of which one repeats another are refused",
            "CAR-IDS-MAX-ENTRIES",
            name,
            {"accessRequestIds": items},
            EVERY_ID,
            f"accessRequestIds: one id named a second time, {limit + 1} entries",
        )
        for name, items in entries.items()
    )
