"""Cases on the message and the two statuses: left out, every documented value, every combination, other types, and near misses."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Any, Final

from closecheck.contract.base_cases import FULL, FULL_MANY, MESSAGE, ONE_ID, THREE_IDS, accepted, full_body, refused
from closecheck.contract.cases import Case, Ids, Json
from closecheck.contract.json_values import other_types, show
from closecheck.contract.specification import contract


@functools.cache
def optional_members() -> tuple[Case, ...]:
    """Return the full request with each set of optional members left out."""
    document = contract()
    optional = [one for one in document.properties() if not one.required]
    full = full_body(document)
    found = []
    for size in range(1, len(optional) + 1):
        for left_out in itertools.combinations(optional, size):
            names = [one.name for one in left_out]
            body = {name: value for name, value in full.items() if name not in names}
            for one in left_out if size in {1, len(optional)} else left_out[:1]:
                found.append(  # noqa: PERF401 - the shape of the case is easier to read in a call
                    accepted(
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
            accepted(f"optional/300/{one.name}", text, one.carries["optional"], "many ids", body, FULL_MANY, f"{one.name} left out")
        )
    return tuple(found)


@functools.cache
def enumerated_values() -> tuple[Case, ...]:
    """Return each value of each enumeration, alone beside one id."""
    return tuple(
        accepted(
            f"{one.name}/{value}",
            f"{one.name} {value} is accepted",
            one.carries["values"],
            value,
            {"accessRequestIds": Ids(1), one.name: value},
            ONE_ID,
            f"{one.name}: {show(value)} added",
        )
        for one in contract().properties()
        for value in one.values
    )


@functools.cache
def values_beside_many_ids() -> tuple[Case, ...]:
    """Return each value of each enumeration beside several ids: what is right for one must be right for many."""
    beside = {3: THREE_IDS, 300: "ids/300"}
    return tuple(
        accepted(
            f"{one.name}/{value}-beside-{count}",
            f"{one.name} {value} beside {count} ids is accepted",
            one.carries["values"],
            "beside many ids",
            {"accessRequestIds": Ids(count), one.name: value},
            base,
            f"{one.name}: {show(value)} added",
        )
        for one in contract().properties()
        for value in one.values
        for count, base in beside.items()
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
                accepted(
                    f"combination/{'+'.join(values)}{'+message' if message else ''}",
                    f"{' with '.join(values)} {'and a' if message else 'without a'} message is accepted",
                    "CAR-STATUS-COMBINATIONS",
                    "+".join(values) + (" with message" if message else ""),
                    {"accessRequestIds": Ids(1), **members},
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
        accepted(
            f"message/{length}-{name}",
            f"A message of {length:,} {name} characters is accepted",
            "CAR-MESSAGE-TEXT",
            "length",
            {"accessRequestIds": Ids(1), "message": _ALPHABETS[name] * length},
            ONE_ID,
            f"message: {length:,} {name} character{'s' if length > 1 else ''} added",
        )
        for name, chosen in lengths.items()
        for length in chosen
    )


@functools.cache
def members_of_other_types() -> tuple[Case, ...]:
    """Return full requests with one optional member of another JSON type, and with null for it."""
    document = contract()
    full = full_body(document)
    found = []
    for one in document.properties():
        if one.required:
            continue
        wrapped = full[one.name]
        values: list[tuple[str, Any, Json]] = [
            ("null", 0, None),
            *other_types("string"),
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
                    refused(
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


_UNRELATED: Final = (
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
    full = full_body(document)
    enums = [one for one in document.properties() if one.values]
    found: dict[str, Case] = {}
    for one in enums:
        texts = [(f"{value}-{name}", name, text) for value in one.values for name, text in _near(value)]
        texts += [(name, "stranger", text) for name, text in _UNRELATED]
        others = [value for other in enums if other.name != one.name for value in other.values]
        texts += [(f"of-the-other-{value}", "other property", value) for value in others]
        texts += [(f"of-the-other-{value.upper()}", "other property", value.upper()) for value in others]
        joined = [(f"joined-by-{name}", "joined", joint.join(one.values[:2])) for name, joint in _JOINTS.items()]
        ordinals = [(f"ordinal-{text}", "stranger", text) for text in ("2", "-1", "+1", "1.0")]
        newer = {name for name, _, _ in (*joined, *ordinals)}
        for name, part, text in (*texts, *joined, *ordinals):
            if text in one.values:
                continue
            case = refused(
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
                refused(
                    f"{one.name}/alone-{name}",
                    f"{one.name} {show(text)} beside one id is refused",
                    one.carries["enum"],
                    "alone",
                    {"accessRequestIds": Ids(1), one.name: text},
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
                    refused(
                        f"{one.name}/{name}-beside-{count}",
                        f"{one.name} {show(value)} beside {count} ids is refused",
                        one.carries[rule],
                        "beside many ids",
                        {"accessRequestIds": Ids(count), one.name: value},
                        base,
                        f"{one.name}: {show(value)} added",
                    )
                )
    return tuple(found)
