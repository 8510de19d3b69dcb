"""The accepted requests that every other case is an edit of, and how such a case is made."""

from __future__ import annotations

import functools
from typing import Final

from closecheck.contract.cases import ACCEPTED, REFUSED, Case, Draft, Ids, Json
from closecheck.contract.specification import Contract, contract

MESSAGE: Final = "Closed by the conformance suite."
ONE_ID: Final = "accepted/one-id"
THREE_IDS: Final = "accepted/three-ids"
FULL: Final = "accepted/full"
FULL_MANY: Final = "accepted/full-300"
EVERY_ID: Final = "ids/500"


def full_body(document: Contract) -> dict[str, Json]:
    """Return one id and every other member with a documented value."""
    return {one.name: Ids(1) if one.required else MESSAGE if not one.values else one.schema["default"] for one in document.properties()}


@functools.cache
def bases() -> tuple[Case, ...]:
    """Return the accepted requests that everything else is an edit of."""
    document = contract()
    ids = next(one.name for one in document.properties() if one.required)
    full = full_body(document)
    members = ", ".join(name for name in full if name != ids)
    return (
        accepted(ONE_ID, "A request with one id is accepted", "CAR-OP-ACCEPTS", "one id", {ids: Ids(1)}, "", ""),
        accepted(FULL, "A request with every member is accepted", "CAR-STATUS-COMBINATIONS", "every member", full, ONE_ID, f"{members} added"),
        accepted(THREE_IDS, "A request with three ids is accepted", "CAR-IDS-RANGE", "3", {ids: Ids(3)}, ONE_ID, "3 ids instead of 1"),
        accepted(
            FULL_MANY, "A request with 300 ids and every member is accepted", "CAR-IDS-RANGE", "between",
            {**full, ids: Ids(300)}, FULL, "300 ids instead of 1",
        ),
    )  # fmt: skip


def accepted(name: str, text: str, requirement: str, part: str, body: Json, base: str, change: str) -> Case:
    """Return a case that must be accepted: ``change`` is what its body has unlike that of the case ``base``."""
    return Case(name, text, Draft(body=body), requirement, part=part, expect=ACCEPTED, base=base, change=change)


def refused(name: str, text: str, requirement: str, part: str, body: Json, base: str, change: str, since: str = "") -> Case:
    """Return a case that must be refused; ``since`` is the edition that introduced it, and empty for the first."""
    return Case(name, text, Draft(body=body), requirement, part=part, expect=REFUSED, base=base, change=change, since=since)
