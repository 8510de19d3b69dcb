"""Cases on the body as a whole: white space, size, other types than an object, and several mistakes at once."""

from __future__ import annotations

import functools
import json
from typing import Any, Final

import msgspec

from closecheck.contract.base_cases import EVERY_ID, ONE_ID, accepted, full_body, refused
from closecheck.contract.cases import ACCEPTED, REFUSED, Case, Draft, Ids, Json, Raw
from closecheck.contract.json_values import other_types, show
from closecheck.contract.specification import contract


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
"""Bytes of a body beyond which a server may answer 413: nothing that the documentation allows is as large, but for white space and escapes."""


@functools.cache
def large_bodies() -> tuple[Case, ...]:
    """
    Return the most that the documentation allows, compact and in roomy spellings, up to 110 kB.

    Gateways and frameworks have limits at 8, 16, 32, 64 and 100 kB.
    """
    text = "😀" * 1000
    ids = contract().property("accessRequestIds").schema["maxItems"]
    found = [
        accepted(
            f"large/{ids}-ids-and-long-message",
            f"{ids} ids and a message of 1,000 astral characters are accepted",
            "CAR-MESSAGE-TEXT",
            "length",
            {"accessRequestIds": Ids(ids), "message": text},
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


@functools.cache
def bodies_of_other_types() -> tuple[Case, ...]:
    """Return bodies that are JSON but no object."""
    document = contract()
    requirement = document.body_schema["x-requirements"]["type"]
    whole = json.dumps({"accessRequestIds": ["00000000000000000000000000000000"]})
    values: list[tuple[str, Any, Json]] = [
        ("null", 0, None), *other_types("object"), ("array", 9, [{"accessRequestIds": Ids(1)}]), ("string", 9, whole),
    ]  # fmt: skip
    members = tuple(full_body(document).items())
    # Some deserialisers read an object from the list of its members' values, or of its pairs.
    as_lists: list[tuple[str, Json]] = [
        ("of-all-values", [value for _, value in members]), ("of-the-ids", [Ids(1)]), ("of-pairs", [[name, value] for name, value in members]),
    ]  # fmt: skip
    bodies = [(kind, number, value, "") for kind, number, value in values] + [("array", name, value, "2026.2") for name, value in as_lists]
    return tuple(
        refused(
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
def several_wrong() -> tuple[Case, ...]:
    """
    Return requests that break several rules at once; judged for status and form only.

    2 and 20 wrong items, and every member wrong (docs/evidence.md, 7).
    """
    wrong: dict[str, Json] = {
        "two-items": {"accessRequestIds": [None, 7]},
        "twenty-items": {"accessRequestIds": [None, 7, True, {}, []] * 4},
        "every-member": {"accessRequestIds": [], "message": 1, "executionStatus": "x", "completionStatus": "y"},
        "both-statuses": {"accessRequestIds": Ids(1), "executionStatus": "x", "completionStatus": "y"},
        "no-ids-wrong-status": {"executionStatus": "x"},
        "twenty-items-wrong-status": {"accessRequestIds": [1] * 20, "completionStatus": False},
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
