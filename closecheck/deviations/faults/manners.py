"""Services that refuse every invalid body in a manner of their own, as web frameworks do unless told otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from closecheck.deviations.deviation import fault
from closecheck.deviations.faults._tools import REFUSALS, accept, answers, edit, entries, fold_names, member
from closecheck.deviations.faults.locales import wildcard_means_the_default
from closecheck.reference import Answer, Reference

Body = Callable[[dict[str, Any]], object]

PROBLEM: Final = b"application/problem+json"


def refusals(reference: Reference, status: str, body: Body = lambda document: document, media_type: bytes = b"") -> None:
    """Send each 400 with another status line and, if need be, another body and media type."""

    def hook(answer: Answer) -> None:
        answer.rewrite(status_line=f"HTTP/1.1 {status}".encode())
        answer.set_body(json.dumps(body(json.loads(answer.body))).encode())
        if media_type:
            answer.set_header(b"content-type", media_type)

    answers(reference, hook, status=400)


def detail(_: dict[str, Any]) -> object:
    """Return the body of FastAPI's RequestValidationError."""
    return {"detail": [{"type": "missing", "loc": ["body", "accessRequestIds"], "msg": "Field required", "input": {}}]}


def errors(_: dict[str, Any]) -> object:
    """Return the body of Laravel's ValidationException."""
    return {
        "message": "The access request ids field is required.",
        "errors": {"accessRequestIds": ["The access request ids field is required."]},
    }


def lower(call: Any) -> bool:
    """Tell whether the executionStatus is a documented one in lower case."""
    return member(call, "executionStatus") in ("terminated", "completed")


# CAR-OP-STATUS, and nothing else of what a refusal must be


@fault("CAR-OP-STATUS")
def every_refusal_with_422(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 422, with the documented error object."""
    refusals(reference, "422 Unprocessable Content")


@fault("CAR-OP-STATUS")
def every_refusal_with_409(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 409, with the documented error object."""
    refusals(reference, "409 Conflict")


@fault("CAR-OP-STATUS")
def every_refusal_with_404(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 404, with the documented error object."""
    refusals(reference, "404 Not Found")


@fault("CAR-OP-NO-500")
def every_refusal_with_500(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 500, with the documented error object: no handler knows the exception."""
    refusals(reference, "500 Internal Server Error")


@fault("CAR-IDS-REQUIRED", also=(*REFUSALS, "CAR-OP-QUERY-IGNORED", "CAR-BODY-NAMES"))
def every_refusal_with_403(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 403, as if the caller were not allowed to close anything."""
    refusals(reference, "403 Forbidden")


# a body of the framework's own beside it


@fault("CAR-OP-STATUS", "CAR-ERROR-OBJECT")
def fastapi_by_default(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 422 with FastAPI's list of details."""
    refusals(reference, "422 Unprocessable Entity", detail)


@fault("CAR-OP-STATUS", "CAR-ERROR-OBJECT")
def laravel_by_default(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 422 with Laravel's message and its errors by member."""
    refusals(reference, "422 Unprocessable Content", errors)


@fault("CAR-OP-STATUS", "CAR-ERROR-OBJECT", "CAR-OP-MEDIA-TYPE")
def problem_documents_with_422(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 422 with a problem document (RFC 9457) under its own media type."""
    refusals(
        reference, "422 Unprocessable Content", lambda _: {"type": "about:blank", "title": "Unprocessable Content", "status": 422}, PROBLEM
    )


# what else is wrong shows all the same


@fault("CAR-EXECUTION-CLOSED", also=("CAR-OP-STATUS",))
def lower_case_beside_422(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 422, but an executionStatus in lower case is accepted."""
    accept(reference, lower)
    refusals(reference, "422 Unprocessable Content")


@fault("CAR-IDS-MAX", also=("CAR-OP-STATUS", "CAR-ERROR-OBJECT"))
def no_bound_beside_422(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 422 with FastAPI's list of details, but any number of ids is accepted."""
    accept(reference, lambda call: len({one for one in entries(call) if isinstance(one, str)}) > 500)
    refusals(reference, "422 Unprocessable Entity", detail)


@fault("CAR-ERROR-TRACKING-ID", also=("CAR-OP-STATUS",))
def number_for_tracking_id_beside_422(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 422, with an error object whose trackingId is a number."""
    refusals(reference, "422 Unprocessable Content", lambda document: {**document, "trackingId": int(document["trackingId"], 16) % 10**12})


@fault("CAR-ERROR-COMPLETE", also=("CAR-OP-STATUS",))
def no_detail_code_beside_409(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 409, with an error object that has no detailCode."""
    refusals(reference, "409 Conflict", lambda document: {name: value for name, value in document.items() if name != "detailCode"})


@fault("CAR-IDS-MIN", also=("CAR-OP-NO-500",))
def empty_list_beside_500(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 500, but an empty list of ids is accepted."""
    accept(reference, lambda call: member(call, "accessRequestIds") == [])
    refusals(reference, "500 Internal Server Error")


@fault("CAR-BODY-NAMES", also=("CAR-OP-STATUS", "CAR-ERROR-OBJECT"))
def names_in_any_case_beside_422(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 422 with FastAPI's list of details, and the two statuses are found in any letter case."""
    edit(reference, lambda body: fold_names(body, ("executionStatus", "completionStatus")))
    refusals(reference, "422 Unprocessable Entity", detail)


@fault("CAR-ERROR-LOCALE-BEST", also=("CAR-OP-STATUS",))
def wildcard_means_the_default_beside_422(reference: Reference) -> None:
    """Whatever is wrong in a body is answered 422, in the default language if Accept-Language has a wildcard anywhere."""
    wildcard_means_the_default(reference)
    refusals(reference, "422 Unprocessable Content")
