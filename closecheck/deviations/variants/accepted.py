"""The members of a 202 are the target's choice, as long as it is a JSON object."""

# mypy: disable-error-code="method-assign"
from __future__ import annotations

import json
import uuid
from collections.abc import Callable

from closecheck.deviations.deviation import variant
from closecheck.reference import Reference
from closecheck.reference.model import Closing


def answer(reference: Reference, document: Callable[[Closing], dict[str, object]], headers: dict[str, str] | None = None) -> None:
    """Answer an accepted request with this document."""
    reference.operation.accepted = lambda closing: reference.errors.render(202, document(closing), headers or {})


@variant()
def accepted_empty(reference: Reference) -> None:
    """The 202 is an empty object, as in the vendor's example."""
    answer(reference, lambda _: {})


@variant()
def accepted_with_uuid(reference: Reference) -> None:
    """The 202 has the job's id as a UUID in capitals, which no audit bears."""
    answer(reference, lambda _: {"id": str(uuid.uuid4()).upper(), "errors": []})


@variant()
def accepted_with_location(reference: Reference) -> None:
    """The 202 says where the job can be watched, in its body and in Location."""
    answer(reference, lambda _: {"_links": {"self": {"href": "/v2024/jobs/1"}}}, {"Location": "/v2024/jobs/1"})


@variant()
def accepted_with_everything(reference: Reference) -> None:
    """The 202 repeats what was asked for, all ids included."""

    def document(closing: Closing) -> dict[str, object]:
        return {
            "accessRequestIds": list(closing.ids),
            "message": closing.message,
            "executionStatus": closing.execution_status,
            "completionStatus": closing.completion_status,
            "count": len(closing.ids),
        }

    answer(reference, document)


@variant()
def accepted_like_an_error(reference: Reference) -> None:
    """The 202 has members by the names of an error's, with other types: the documentation promises them only for errors."""
    document: dict[str, object] = {
        "error": None,
        "errors": None,
        "message": "Accepted",
        "messages": [],
        "causes": {},
        "detailCode": 202,
        "trackingId": None,
        "status": "ACCEPTED",
    }
    answer(reference, lambda _: document)


@variant()
def accepted_with_types_of_all_kinds(reference: Reference) -> None:
    """The 202 has members of every JSON type, names and texts beyond ASCII, and large numbers."""
    document: dict[str, object] = {
        "": 0,
        "größe": 1e308,
        "数": [None, True, {"a": {"b": [[]]}}],
        "😀": "\0\u2028",
        "n": -0.0,
    }
    answer(reference, lambda _: document)


# Whoever rewrites such a body recursively fails by itself.
@variant(apart=("members-shuffled", "members-reversed"))
def accepted_nested_deeply(reference: Reference) -> None:
    """The 202 holds a tree of 400 objects one in another, and a text with half a surrogate pair in its escape."""
    tree: dict[str, object] = {"note": "\ud800"}
    for _ in range(400):
        tree = {"child": tree}
    reference.errors.encode = lambda document: json.dumps(document).encode()
    answer(reference, lambda _: tree)
