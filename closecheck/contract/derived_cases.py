"""
Every case that follows from the constraints of ``spec/openapi.yaml``: an accepted request, or an accepted request plus exactly one edit.

Nothing here knows a requirement by heart: each edit breaks one constraint, and the document says which requirement that
constraint carries. The modules are named after the place in the request that they edit.
"""

from __future__ import annotations

import functools
from typing import Final

import msgspec

from closecheck.contract.base_cases import bases
from closecheck.contract.body_cases import bodies_of_other_types, large_bodies, roomy_bodies, several_wrong
from closecheck.contract.cases import Case
from closecheck.contract.id_cases import (
    id_counts,
    ids_of_other_types,
    items_of_other_types,
    missing_members,
    too_few_ids,
    too_many_entries,
    too_many_ids,
)
from closecheck.contract.member_cases import (
    combinations,
    enumerated_values,
    members_of_other_types,
    message_lengths,
    near_misses,
    near_misses_alone,
    optional_members,
    slips_beside_many_ids,
    values_beside_many_ids,
)

DERIVED: Final = (
    bases, id_counts, optional_members, enumerated_values, values_beside_many_ids, combinations, message_lengths, roomy_bodies, large_bodies,
    bodies_of_other_types, missing_members, ids_of_other_types, items_of_other_types, too_few_ids, too_many_ids, too_many_entries,
    members_of_other_types, near_misses, near_misses_alone, slips_beside_many_ids, several_wrong,
)  # fmt: skip
"""Every source of derived cases, in the order in which they are sent."""


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


def repeated(case: Case, times: int) -> Case:
    """Return the same case under another id, for the ``times``-th asking of it."""
    return msgspec.structs.replace(case, id=f"{case.id}#{times}")
