"""Faults in accessRequestIds alone: whether it is there, what it is, what it holds, and how many."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Callable
from typing import Any, Final

from closecheck.deviations.deviation import fault
from closecheck.deviations.faults._tools import (
    ACCEPTANCE,
    accept,
    add_step,
    convert,
    cut,
    edit,
    entries,
    fail,
    member,
    refuse,
    unprocessable,
)
from closecheck.reference import End, Reference
from closecheck.reference.errors import Cause, Problem
from closecheck.reference.operation import Call

IDS: Final = "accessRequestIds"


# CAR-IDS-REQUIRED


@fault("CAR-IDS-REQUIRED")
def missing_ids_accepted(reference: Reference) -> None:
    """Without accessRequestIds there is nothing to close, and the answer is 202."""
    accept(reference, lambda call: isinstance(call.value, dict) and IDS not in call.value)


@fault("CAR-IDS-REQUIRED", also=("CAR-OP-NO-500",))
def missing_ids_with_500(reference: Reference) -> None:
    """Without accessRequestIds the answer is 500: the list's length is asked for."""
    fail(reference, lambda call: isinstance(call.value, dict) and IDS not in call.value, before="validate")


@fault("CAR-IDS-REQUIRED", also=("CAR-OP-STATUS",))
def missing_ids_with_422(reference: Reference) -> None:
    """Without accessRequestIds the answer is 422."""
    refuse(reference, lambda call: isinstance(call.value, dict) and IDS not in call.value, unprocessable, before="validate")


@fault("CAR-IDS-REQUIRED", rare=True)
def empty_object_accepted(reference: Reference) -> None:
    """An object without any member passes for no body; one with other members is validated."""
    accept(reference, lambda call: call.value == {})


@fault("CAR-IDS-REQUIRED", rare=True)
def missing_ids_accepted_beside_statuses(reference: Reference) -> None:
    """Without accessRequestIds a body that sets both statuses is answered 202."""
    accept(
        reference,
        lambda call: isinstance(call.value, dict) and {"executionStatus", "completionStatus"} <= set(call.value) and IDS not in call.value,
    )


@fault("CAR-BODY-NAMES", rare=True)
def name_in_any_case(reference: Reference) -> None:
    """The name accessRequestIds is found in any case, as Go and ASP.NET find it."""
    also_called(reference, lambda name: name.lower() == IDS.lower())


@fault("CAR-IDS-REQUIRED", rare=True)
def name_in_singular(reference: Reference) -> None:
    """The name accessRequestId does for accessRequestIds."""
    also_called(reference, lambda name: name == "accessRequestId")


@fault("CAR-IDS-REQUIRED", rare=True)
def name_with_underscores(reference: Reference) -> None:
    """The name access_request_ids does for accessRequestIds."""
    also_called(reference, lambda name: name == "access_request_ids")


# CAR-IDS-ARRAY


@fault("CAR-IDS-ARRAY")
def null_for_ids_accepted(reference: Reference) -> None:
    """A null for accessRequestIds passes: nothing is closed, and the answer is 202."""
    accept(reference, lambda call: isinstance(call.value, dict) and call.value.get(IDS, "") is None)


@fault("CAR-IDS-ARRAY", also=("CAR-OP-NO-500",))
def null_for_ids_with_500(reference: Reference) -> None:
    """A null for accessRequestIds is answered 500: the list's length is asked for."""
    fail(reference, lambda call: isinstance(call.value, dict) and call.value.get(IDS, "") is None, before="validate")


@fault("CAR-IDS-ARRAY")
def single_id_wrapped(reference: Reference) -> None:
    """A single text is taken for a list of one, as Jackson can be told."""
    convert(reference, IDS, lambda value: [value] if isinstance(value, str) else value)


@fault("CAR-IDS-ARRAY", rare=True)
def comma_list_split(reference: Reference) -> None:
    """A text with commas is split into a list; one without is refused."""
    convert(reference, IDS, lambda value: value.split(",") if isinstance(value, str) and "," in value else value)


@fault("CAR-IDS-ARRAY", rare=True)
def numbered_object_taken(reference: Reference) -> None:
    """An object with the names "0", "1" … is taken for a list, as in PHP."""

    def values(value: Any) -> object:
        numbered = isinstance(value, dict) and list(value) == [str(index) for index in range(len(value))]
        return list(value.values()) if numbered else value

    convert(reference, IDS, values)


@fault("CAR-IDS-ARRAY", rare=True)
def object_keys_taken(reference: Reference) -> None:
    """An object is iterated like a list: its names are the ids."""
    convert(reference, IDS, lambda value: list(value) if isinstance(value, dict) else value)


@fault("CAR-IDS-ARRAY", rare=True)
def falsy_ids_accepted(reference: Reference) -> None:
    """False, 0 and an empty text for accessRequestIds pass for nothing to do."""
    accept(reference, lambda call: isinstance(member(call, IDS), bool | float | str) and not member(call, IDS))


@fault("CAR-IDS-ARRAY", also=("CAR-OP-NO-500",), rare=True)
def number_for_ids_with_500(reference: Reference) -> None:
    """A number for accessRequestIds is answered 500: it has no length."""
    fail(reference, lambda call: isinstance(member(call, IDS), float), before="validate")


# CAR-IDS-ITEMS


@fault("CAR-IDS-ITEMS")
def numbers_as_ids(reference: Reference) -> None:
    """A number among the ids is turned into text, as Jackson does it unless told otherwise."""
    convert_items(reference, lambda item: str(item) if isinstance(item, float) else item)


@fault("CAR-IDS-ITEMS", rare=True)
def booleans_as_ids(reference: Reference) -> None:
    """True and false among the ids are turned into text."""
    convert_items(reference, lambda item: str(item).lower() if isinstance(item, bool) else item)


@fault("CAR-IDS-ITEMS")
def nulls_left_out(reference: Reference) -> None:
    """A null among the ids is left out before anything is checked."""
    edit_ids(reference, lambda ids: [item for item in ids if item is not None] if any(ids) else ids)


@fault("CAR-IDS-ITEMS", also=("CAR-OP-NO-500",))
def null_item_with_500(reference: Reference) -> None:
    """A null among the ids is answered 500: it has no length."""
    fail(reference, lambda call: None in entries(call), before="validate")


@fault("CAR-IDS-ITEMS", rare=True)
def first_item_checked_only(reference: Reference) -> None:
    """The type of the first id is checked, that of the others is not."""
    check_items(reference, lambda index, count: index == 0)


@fault("CAR-IDS-ITEMS", rare=True)
def last_item_unchecked(reference: Reference) -> None:
    """The loop over the ids ends one too early: where there are several, the last may be anything."""
    check_items(reference, lambda index, count: index == 0 or index < count - 1)


@fault("CAR-IDS-ITEMS", rare=True)
def items_checked_up_to_100(reference: Reference) -> None:
    """Of the ids the first hundred are checked, as a sample."""
    check_items(reference, lambda index, count: index < 100)


@fault("CAR-IDS-ITEMS", rare=True)
def middle_items_unchecked(reference: Reference) -> None:
    """The types of the first and the last id are checked."""
    check_items(reference, lambda index, count: index in {0, count - 1})


@fault("CAR-IDS-ITEMS", rare=True)
def nested_list_flattened(reference: Reference) -> None:
    """A list among the ids is flattened."""
    edit_ids(reference, lambda ids: list(itertools.chain.from_iterable(item if isinstance(item, list) else [item] for item in ids)))


@fault("CAR-IDS-ITEMS", rare=True)
def id_of_object_taken(reference: Reference) -> None:
    """Of an object among the ids its member id is taken."""
    convert_items(reference, lambda item: item.get("id", item) if isinstance(item, dict) else item)


@fault("CAR-IDS-ITEMS", rare=True)
def object_as_id(reference: Reference) -> None:
    """An object among the ids is turned into text."""
    convert_items(reference, lambda item: str(item) if isinstance(item, dict) else item)


@fault("CAR-IDS-ITEMS", also=("CAR-OP-NO-500",), rare=True)
def unhashable_item_with_500(reference: Reference) -> None:
    """A list or an object among the ids is answered 500: it cannot be put into a set."""
    fail(reference, lambda call: any(isinstance(item, list | dict) for item in entries(call)), before="validate")


# CAR-IDS-MIN


@fault("CAR-IDS-MIN")
def empty_list_accepted(reference: Reference) -> None:
    """An empty list is closed at once, and answered 202."""
    reference.rules.min_ids = 0


@fault("CAR-IDS-MIN", also=("CAR-OP-NO-500",))
def empty_list_with_500(reference: Reference) -> None:
    """An empty list is answered 500: the SQL `IN ()` is no SQL."""
    fail(reference, lambda call: member(call, IDS) == [], before="validate")


@fault("CAR-IDS-MIN", also=("CAR-OP-STATUS",))
def empty_list_with_422(reference: Reference) -> None:
    """An empty list is answered 422."""
    refuse(reference, lambda call: member(call, IDS) == [], unprocessable, before="validate")


@fault("CAR-IDS-MIN", rare=True)
def empty_list_accepted_with_message(reference: Reference) -> None:
    """An empty list is refused only where there is no message either."""
    accept(reference, lambda call: member(call, IDS) == [] and "message" in call.value)  # type: ignore[operator]


@fault("CAR-IDS-MIN", rare=True)
def empty_list_with_blank_accepted(reference: Reference) -> None:
    """An empty list is recognised by its two brackets: a blank between them makes it pass."""
    accept(reference, lambda call: member(call, IDS) == [] and b"[]" not in call.body)


# CAR-IDS-MAX, CAR-IDS-MAX-ENTRIES


@fault("CAR-IDS-MAX", also=("CAR-IDS-MAX-ENTRIES",))
def no_upper_bound(reference: Reference) -> None:
    """The list may be of any length."""
    reference.rules.max_ids = 10**9


@fault("CAR-IDS-MAX", also=("CAR-IDS-MAX-ENTRIES",), rare=True)
def bound_of_501(reference: Reference) -> None:
    """The upper bound is taken as exclusive of one more: 501 ids are accepted."""
    reference.rules.max_ids = 501


@fault("CAR-IDS-MAX", also=("CAR-IDS-MAX-ENTRIES",))
def bound_of_1000(reference: Reference) -> None:
    """The list may hold up to 1,000 ids, what Oracle takes in one IN list."""
    reference.rules.max_ids = 1000


@fault("CAR-IDS-MAX", also=("CAR-IDS-MAX-ENTRIES",))
def bound_of_999(reference: Reference) -> None:
    """The list may hold up to 999 ids, the number of variables that old SQLite allows."""
    reference.rules.max_ids = 999


@fault("CAR-IDS-MAX", rare=True)
def only_501_refused(reference: Reference) -> None:
    """Reading stops with an error at the 501st id if it is the last: of longer lists nothing is said."""
    counts(reference, lambda count: count == 501)


@fault("CAR-IDS-MAX", rare=True)
def batches_over_1000_accepted(reference: Reference) -> None:
    """A list of more than 1,000 ids takes another way, in batches, on which nobody counts."""
    counts(reference, lambda count: 500 < count <= 1000)


@fault("CAR-IDS-MAX", also=("CAR-IDS-MAX-ENTRIES",))
def first_500_taken(reference: Reference) -> None:
    """Of a longer list the first 500 ids are taken, and the answer is 202."""
    edit_ids(reference, lambda ids: ids[:500])


@fault("CAR-IDS-MAX", also=("CAR-IDS-MAX-ENTRIES", "CAR-OP-NO-500"))
def too_many_with_500(reference: Reference) -> None:
    """More than 500 ids are answered 500: the batch size is asserted, not checked."""
    fail(reference, lambda call: len(entries(call)) > 500, before="validate")


@fault("CAR-IDS-MAX", also=("CAR-IDS-MAX-ENTRIES", "CAR-OP-STATUS"))
def too_many_with_413(reference: Reference) -> None:
    """More than 500 ids are answered 413, although the body is small."""
    refuse(reference, lambda call: len(entries(call)) > 500, lambda: Problem(413, "413 Too Large", "too_large"), before="validate")


@fault("CAR-IDS-MAX", also=("CAR-IDS-MAX-ENTRIES",), rare=True)
def bound_by_size(reference: Reference) -> None:
    """It is the size of the list that is bounded, at 20,000 bytes: 501 ids still fit."""
    reference.rules.max_ids = 10**9
    refuse(reference, lambda call: len(json.dumps(entries(call))) > 20_000)


@fault("CAR-IDS-MAX", also=("CAR-IDS-MAX-ENTRIES",), rare=True)
def bound_checked_without_message(reference: Reference) -> None:
    """The upper bound is in the schema of the body without a message; that of the body with one has none."""
    accept(reference, lambda call: len(entries(call)) > 500 and isinstance(member(call, "message"), str))


@fault("CAR-IDS-MAX-ENTRIES")
def set_counted(reference: Reference) -> None:
    """Repeated ids are merged before they are counted."""
    edit_ids(reference, lambda ids: list(dict.fromkeys(ids)) if all(isinstance(item, str) for item in ids) else ids)


@fault("CAR-IDS-MAX-ENTRIES", rare=True)
def neighbours_merged(reference: Reference) -> None:
    """Ids that repeat the one before them are merged before they are counted."""
    edit_ids(reference, lambda ids: [item for item, _ in itertools.groupby(ids)])


@fault("CAR-IDS-MAX-ENTRIES", "CAR-OP-NO-500", rare=True)
def many_duplicates_with_500(reference: Reference) -> None:
    """More than 500 entries of which one repeats another are answered 500: a unique key is violated before they are counted."""
    fail(reference, lambda call: len(entries(call)) > 500 and has_duplicates(entries(call)), before="validate")


# CAR-IDS-RANGE


@fault("CAR-IDS-RANGE", rare=True)
def bound_of_499(reference: Reference) -> None:
    """The upper bound is exclusive: 500 ids are refused."""
    reference.rules.max_ids = 499


@fault("CAR-IDS-RANGE")
def bound_of_250(reference: Reference) -> None:
    """The upper bound is the page size of the other APIs, 250."""
    reference.rules.max_ids = 250


@fault("CAR-IDS-RANGE")
def bound_of_100(reference: Reference) -> None:
    """The upper bound is 100."""
    reference.rules.max_ids = 100


@fault("CAR-IDS-RANGE", rare=True)
def byte_wide_counter(reference: Reference) -> None:
    """The ids are counted in eight bits: 256 of them are none."""
    refuse(reference, lambda call: len(entries(call)) % 256 == 0)


@fault("CAR-IDS-RANGE")
def bound_of_255(reference: Reference) -> None:
    """More ids than a byte can count are refused."""
    reference.rules.max_ids = 255


@fault("CAR-IDS-RANGE", also=ACCEPTANCE)
def single_id_only(reference: Reference) -> None:
    """More than one id is refused: the batch was never finished."""
    reference.rules.max_ids = 1


@fault("CAR-IDS-RANGE", "CAR-OP-NO-500", rare=True)
def full_page_with_500(reference: Reference) -> None:
    """A number of ids that fills pages of 250 exactly is answered 500: the last page is empty."""
    fail(reference, lambda call: len(entries(call)) % 250 == 0)


@fault("CAR-IDS-RANGE", "CAR-OP-NO-500", rare=True)
def two_ids_with_500(reference: Reference) -> None:
    """Two ids are answered 500: the sentence for the audit has a singular and a plural, and no dual."""
    fail(reference, lambda call: len(entries(call)) == 2)


@fault("CAR-IDS-RANGE", rare=True)
def one_over_250_refused(reference: Reference) -> None:
    """251 ids are refused: the second page would hold a single one."""
    refuse(reference, lambda call: len(entries(call)) == 251)


@fault(
    "CAR-IDS-RANGE",
    also=("CAR-OP-STATUS", "CAR-IDS-MAX", "CAR-IDS-MAX-ENTRIES", "CAR-IDS-ITEMS", "CAR-BODY-JSON-FORMS"),
    max_body_bytes=16 * 1024,
)
def bodies_over_16384_with_413(reference: Reference) -> None:
    """A body of more than 16 kB is answered 413, and 500 ids do not fit."""


@fault("CAR-IDS-RANGE", also=("CAR-MESSAGE-TEXT", "CAR-BODY-JSON-FORMS"), rare=True)
def body_read_up_to_8192(reference: Reference) -> None:
    """Of the body 8,192 bytes are read, one buffer: what is longer is truncated, and refused as no JSON."""

    async def step(call: Call) -> None:
        call.body = call.body[:8192]

    add_step(reference, step, before="read")


@fault("CAR-IDS-RANGE", rare=True)
def hashes_collide(reference: Reference) -> None:
    """Ids are compared by a hash of 16 bits: of many different ones two pass for the same, and are refused."""
    refuse(
        reference,
        lambda call: not has_duplicates(entries(call)) and has_duplicates([zlib.crc32(item.encode()) & 0xFFFF for item in entries(call)]),
    )


@fault("CAR-IDS-RANGE", "CAR-OP-ANSWERS", rare=True)
def full_list_dropped(reference: Reference) -> None:
    """With 500 ids the connection drops: the worker runs out of memory."""
    cut(reference, lambda call: len(entries(call)) == 500, End.ABORT)


def also_called(reference: Reference, is_name: Callable[[str], bool]) -> None:
    """Take a member with another name for accessRequestIds where that is missing."""

    def rename(body: dict[str, Any]) -> None:
        for name in list(body):
            if IDS not in body and is_name(name):
                body[IDS] = body.pop(name)

    edit(reference, rename)


def edit_ids(reference: Reference, change: Callable[[list[Any]], list[Any]]) -> None:
    """Put what ``change`` makes of the list in its place."""
    convert(reference, IDS, lambda value: change(value) if isinstance(value, list) else value)


def convert_items(reference: Reference, change: Callable[[Any], object]) -> None:
    """Put what ``change`` makes of each entry in its place."""
    edit_ids(reference, lambda ids: [change(item) for item in ids])


def check_items(reference: Reference, concerned: Callable[[int, int], bool]) -> None:
    """Check those entries only of whose index and number ``concerned`` is true, and drop others that are no text."""

    def kept(ids: list[Any]) -> list[Any]:
        return [item for index, item in enumerate(ids) if isinstance(item, str) or concerned(index, len(ids))]

    edit_ids(reference, kept)


def counts(reference: Reference, refused: Callable[[int], bool]) -> None:
    """Refuse those numbers of entries only of which ``refused`` is true, and none."""
    check = reference.rules.check_count

    def checked(member: str, count: int, causes: list[Cause]) -> None:
        if count < 1 or refused(count):
            check(member, count, causes)

    reference.rules.check_count = checked


def has_duplicates(items: list[Any]) -> bool:
    """Whether an entry repeats another; whatever is no text or number never does."""
    hashable = [item for item in items if isinstance(item, str | int | float)]
    return len(set(hashable)) < len(hashable)
