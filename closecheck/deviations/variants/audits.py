"""That a closing writes audits is promised by the documentation; their form, their index and how they list what failed are not."""

# mypy: disable-error-code="method-assign"
from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from closecheck.deviations.deviation import variant
from closecheck.deviations.variants._seams import dated
from closecheck.reference import Reference
from closecheck.reference.model import AccessRequest, Audit, Closing

Document = dict[str, object]

# ------------------------------------------------------------------------------------------------- ids in error


def list_errors(reference: Reference, form: Callable[[list[str]], Document]) -> None:
    """Write the ids that finished in error into the completion audit in this form."""
    auditor = reference.auditor

    def completed(closing: Closing, closed: list[AccessRequest], failed: list[str]) -> None:
        auditor.write(closing, auditor.completed_name, "COMPLETED", form(failed))

    auditor.completed = completed


@variant()
def errors_joined(reference: Reference) -> None:
    """The ids in error are one text, separated by commas and blanks; an empty one if there are none."""
    list_errors(reference, lambda failed: {"errors": ", ".join(failed)})


@variant()
def errors_on_lines(reference: Reference) -> None:
    """The ids in error are one text with a line for each; null if there are none."""
    list_errors(reference, lambda failed: {"errors": "\n".join(failed) or None})


@variant()
def errors_in_a_sentence(reference: Reference) -> None:
    """The ids in error are named in a sentence."""

    def form(failed: list[str]) -> Document:
        return {"result": f"{len(failed)} could not be closed: {' and '.join(failed)}." if failed else "All could be closed."}

    list_errors(reference, form)


@variant()
def errors_as_json_text(reference: Reference) -> None:
    """The ids in error are a text that is a JSON list."""
    list_errors(reference, lambda failed: {"errors": json.dumps(failed)})


@variant()
def errors_as_objects(reference: Reference) -> None:
    """The ids in error stand in objects, each with a reason."""

    def form(failed: list[str]) -> Document:
        return {"failures": [{"identityRequestId": item, "reason": {"code": 404, "text": "not pending"}} for item in failed]}

    list_errors(reference, form)


@variant()
def errors_with_reasons(reference: Reference) -> None:
    """Each id in error begins a text that says why."""
    list_errors(reference, lambda failed: {"errors": [f"{item}: not found or not pending" for item in failed]})


@variant()
def errors_as_names(reference: Reference) -> None:
    """The ids in error are the names of members whose values say why."""
    list_errors(reference, lambda failed: {"errors": dict.fromkeys(failed, "not pending")})


@variant()
def errors_under_another_name(reference: Reference) -> None:
    """The ids in error stand under another attribute, which is missing if there are none."""
    list_errors(reference, lambda failed: {"identityRequestIdsFinishedInError": failed} if failed else {})


@variant()
def errors_beside_successes(reference: Reference) -> None:
    """The ids in error stand in one list, those that were closed in another, and all of them in a third."""
    auditor = reference.auditor

    def completed(closing: Closing, closed: list[AccessRequest], failed: list[str]) -> None:
        details: Document = {"succeeded": [request.id for request in closed], "failed": failed}
        auditor.write(closing, auditor.completed_name, "COMPLETED", details)

    auditor.completed = completed


@variant()
def errors_outside_attributes(reference: Reference) -> None:
    """The ids in error stand in the document's details, joined by bars, and nowhere else."""
    plain = reference.search.event_document

    def event_document(audit: Audit) -> Document:
        attributes = dict(audit.attributes)
        failed = attributes.pop("errors", [])
        assert isinstance(failed, list)
        return {**plain(audit), "attributes": attributes, "details": "|".join(failed) or None}

    reference.search.event_document = event_document


@variant()
def closed_ids_are_no_error(reference: Reference) -> None:
    """A request that is over already stays as it is, but does not count as an error: there was nothing to do."""
    closer = reference.closer
    plain = closer.close

    def close(closing: Closing) -> tuple[list[AccessRequest], list[str]]:
        closed, failed = plain(closing)
        return closed, [item for item in failed if reference.store.get(item) is None]

    closer.close = close


# ------------------------------------------------------------------------------------------------- audits


def attributes(reference: Reference, *members: str) -> None:
    """Keep only these of an audit's attributes that say what was asked for."""
    plain = reference.auditor.attributes
    reference.auditor.attributes = lambda closing: {key: value for key, value in plain(closing).items() if key in members}


@variant()
def audits_without_message(reference: Reference) -> None:
    """An audit says which ids were asked for, but not with which message or statuses."""
    attributes(reference, "accessRequestIds")


@variant()
def audits_without_ids(reference: Reference) -> None:
    """An audit has the message of its closing, but not the ids: only those in error are named."""
    attributes(reference, "message")


@variant()
def completion_without_what_was_asked(reference: Reference) -> None:
    """The completion audit names only the ids in error: its tracking number, which is Started's too, tells whose it is."""
    auditor = reference.auditor
    asked = auditor.attributes

    def completed(closing: Closing, closed: list[AccessRequest], failed: list[str]) -> None:
        auditor.attributes = lambda closing: {}
        auditor.write(closing, auditor.completed_name, "COMPLETED", {"errors": failed})
        auditor.attributes = asked

    auditor.completed = completed


@variant()
def audits_tell_nothing_but_errors(reference: Reference) -> None:
    """An audit has neither ids nor message, but for the ids in error: Started and Completed share a tracking number."""
    attributes(reference)


def redocument(reference: Reference, change: Callable[[Audit, Document], Document]) -> None:
    """Make another search document of the usual one of an audit."""
    plain = reference.search.event_document
    reference.search.event_document = lambda audit: change(audit, plain(audit))


@variant()
def audits_with_tracking_numbers_of_their_own(reference: Reference) -> None:
    """The two audits of a closing have different tracking numbers."""
    redocument(reference, lambda audit, document: {**document, "trackingNumber": audit.id[:32]})


@variant()
def audits_without_tracking_number(reference: Reference) -> None:
    """The tracking number of audits is null."""
    redocument(reference, lambda _, document: {**document, "trackingNumber": None})


@variant()
def audits_with_few_members(reference: Reference) -> None:
    """The document of an audit has no more than its id, name, action, date, tracking number and attributes."""
    kept = {"id", "name", "action", "created", "trackingNumber", "attributes"}
    redocument(reference, lambda _, document: {key: value for key, value in document.items() if key in kept})


@variant()
def audits_with_more_members(reference: Reference) -> None:
    """The document of an audit has members that nobody knows, and repeats its attributes as one text."""

    def change(audit: Audit, document: Document) -> Document:
        return {"_score": 1.5, "nested": {"a": [None]}, **document, "details": json.dumps(dict(audit.attributes))}

    redocument(reference, change)


@variant(apart=("escaped-throughout",))  # six times as long: the reference would write longer than a client waits
def audits_of_200_kilobytes(reference: Reference) -> None:
    """The document of an audit holds a log of 200 kB, so that a page of 250 of them is larger than any client reads."""
    log = "2026-01-02T03:04:05Z INFO nothing to see here; " * 4_200
    redocument(reference, lambda _, document: {**document, "log": log})


@variant()
def audit_times_in_seconds(reference: Reference) -> None:
    """The times of audits are in whole seconds."""
    redocument(reference, lambda audit, document: {**document, "created": f"{audit.created[:19]}Z"})


@variant()
def audit_times_in_nanoseconds(reference: Reference) -> None:
    """The times of audits have nine digits behind the second."""
    redocument(reference, lambda audit, document: {**document, "created": f"{audit.created[:-1]}000000Z"})


@variant()
def audit_times_in_two_zones(reference: Reference) -> None:
    """The time of Started is given two hours east of Greenwich, that of Completed in UTC."""

    def change(audit: Audit, document: Document) -> Document:
        east = datetime.fromisoformat(audit.created).astimezone(timezone(timedelta(hours=2)))
        return {**document, "created": east.isoformat(timespec="milliseconds")} if audit.status == "STARTED" else document

    redocument(reference, change)


@variant()
def audit_of_progress(reference: Reference) -> None:
    """Between Started and Completed there is a third audit, "Close Identity Requests Progress"."""
    closer = reference.closer
    plain = closer.complete

    async def complete(closing: Closing) -> None:
        reference.auditor.write(closing, "Close Identity Requests Progress", "PROGRESS", {"percent": 50})
        await plain(closing)

    closer.complete = complete


# ------------------------------------------------------------------------------------------------- index


def index_late(reference: Reference, seconds: float) -> None:
    """Let an audit be found only so many seconds after its date."""
    store = reference.store
    plain = store.add_audit

    async def later(moment: str, fields: dict[str, Any]) -> None:
        await asyncio.sleep(seconds)
        with dated(store, moment):
            plain(**fields)

    def add_audit(**fields: Any) -> None:
        reference.spawn(later(store.now(), fields))

    store.add_audit = add_audit


@variant()
def audits_indexed_after_300_ms(reference: Reference) -> None:
    """An audit is found 300 ms after it was written."""
    index_late(reference, 0.3)


@variant(slow=True, settle_seconds=8.0)
def audits_indexed_after_two_seconds(reference: Reference) -> None:
    """An audit is found two seconds after it was written."""
    index_late(reference, 2.0)
