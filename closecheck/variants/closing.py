"""What closing does is promised by the page; how it is written down, how soon, and what happens beside it is not."""

# mypy: disable-error-code="method-assign"
from __future__ import annotations

import asyncio
import json
import random
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import Response

from closecheck.deviation import variant
from closecheck.reference import Reference
from closecheck.reference.model import EXECUTING, PENDING, AccessRequest, Audit, Closing, Subscription
from closecheck.reference.operation import Call
from closecheck.reference.store import NewRequest
from closecheck.variants._seams import dated

Document = dict[str, object]

# ------------------------------------------------------------------------------------------------- time


@variant(slow=True, completion_seconds=3.0, settle_seconds=10.0)
def completes_after_three_seconds(reference: Reference) -> None:
    """A closing completes three seconds after its acceptance."""


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


@variant()
def activities_updated_after_300_ms(reference: Reference) -> None:
    """Account activities and search show a request as pending for 300 ms after it was closed."""
    neighbours = reference.neighbours
    activity, document = neighbours.activity, neighbours.activity_document

    def seen(request: AccessRequest) -> AccessRequest:
        moment = datetime.fromisoformat(request.modified)
        if request.is_pending or datetime.now(UTC) - moment > timedelta(seconds=0.3):
            return request
        return replace(request, stage=EXECUTING, status=PENDING, warnings=(), completed=None)

    neighbours.activity = lambda request: activity(seen(request))
    neighbours.activity_document = lambda request: document(seen(request))


@variant()
def one_closing_at_a_time(reference: Reference) -> None:
    """A closing waits until those that were accepted before it have completed."""
    closer = reference.closer
    closer.delay = 0.002
    turn = asyncio.Lock()
    plain = closer.run

    async def run(closing: Closing) -> None:
        async with turn:
            await plain(closing)

    closer.run = run


@variant()
def closings_in_any_order(reference: Reference) -> None:
    """Closings complete in another order than that of their acceptance."""
    closer = reference.closer
    draw = random.Random(0)

    async def run(closing: Closing) -> None:
        await asyncio.sleep(draw.uniform(0, 0.2))
        await closer.complete(closing)

    closer.run = run


@variant()
def closes_little_by_little(reference: Reference) -> None:
    """The requests of a list are closed one after the other, with pauses; their events are sent on the way."""
    closer = reference.closer

    async def complete(closing: Closing) -> None:
        closed: list[AccessRequest] = []
        failed: list[str] = []
        for number, identifier in enumerate(closing.ids, 1):
            part, errors = closer.close(replace(closing, ids=(identifier,)))
            closer.publish(closing, part)
            closed += part
            failed += errors
            if number % 20 == 0:
                await asyncio.sleep(0.01)
        reference.auditor.completed(closing, closed, failed)

    closer.complete = complete


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
    plain = reference.neighbours.event_document

    def event_document(audit: Audit) -> Document:
        attributes = dict(audit.attributes)
        failed = attributes.pop("errors", [])
        assert isinstance(failed, list)
        return {**plain(audit), "attributes": attributes, "details": "|".join(failed) or None}

    reference.neighbours.event_document = event_document


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


def redocument(reference: Reference, change: Callable[[Audit, Document], Document]) -> None:
    """Make another search document of the usual one of an audit."""
    plain = reference.neighbours.event_document
    reference.neighbours.event_document = lambda audit: change(audit, plain(audit))


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


# ------------------------------------------------------------------------------------------------- events


def reword(reference: Reference, change: Callable[[Document], Document]) -> None:
    """Make another event of the usual one."""
    plain = reference.publisher.event
    reference.publisher.event = lambda request, subscription: change(plain(request, subscription))


@variant()
def events_with_more_members(reference: Reference) -> None:
    """Events have members that nobody knows, and the metadata of an invocation."""
    metadata = {"triggerId": "idn:post-provisioning", "triggerType": "fireAndForget", "invocationId": "1", "secret": "s"}
    more: Document = {"id": "0", "trackingNumbers": [], "größe": None, "event": {"trackingNumber": "0"}}
    reword(reference, lambda event: {**more, **event, "_metadata": metadata})


@variant()
def events_with_few_members(reference: Reference) -> None:
    """Events have no metadata and no account requests, and null wherever it is allowed."""

    def change(event: Document) -> Document:
        few = {key: value for key, value in event.items() if key != "_metadata"}
        return {**few, "action": None, "errors": None, "warnings": None, "requester": None, "accountRequests": []}

    reword(reference, change)


@variant()
def events_with_more_warnings(reference: Reference) -> None:
    """The message of a closing is one of three warnings, in events and wherever else warnings are shown."""
    neighbours = reference.neighbours
    activity, document = neighbours.activity, neighbours.activity_document

    def warned(shown: Document) -> Document:
        warnings = shown["warnings"]
        assert isinstance(warnings, list)
        return {**shown, "warnings": ["The approver has left.", *warnings, "Please check the account."]}

    reword(reference, warned)
    neighbours.activity = lambda request: warned(activity(request))
    neighbours.activity_document = lambda request: warned(document(request))


@variant()
def events_in_batches(reference: Reference) -> None:
    """Events are collected for 300 ms and then sent, the last one first."""
    publisher = reference.publisher
    plain = publisher.deliver
    waiting: list[tuple[Subscription, Document]] = []

    async def later() -> None:
        await asyncio.sleep(0.3)
        batch, waiting[:] = waiting[::-1], []
        for subscription, event in batch:
            plain(subscription, event)

    def deliver(subscription: Subscription, event: Document) -> None:
        if not waiting:
            reference.spawn(later())
        waiting.append((subscription, event))

    publisher.deliver = deliver


@variant()
def events_over_one_connection(reference: Reference) -> None:
    """Events are sent one after the other over a single connection."""
    reference.publisher.connections = 1


@variant()
def events_over_forty_connections(reference: Reference) -> None:
    """Events are sent over up to forty connections at a time."""
    reference.publisher.connections = 40


# ------------------------------------------------------------------------------------------------- activities


def reshow(reference: Reference, activity: Callable[[Document], Document], document: Callable[[Document], Document]) -> None:
    """Make another account activity, and another search document, of the usual ones."""
    neighbours = reference.neighbours
    plain, indexed = neighbours.activity, neighbours.activity_document
    neighbours.activity = lambda request: activity(plain(request))
    neighbours.activity_document = lambda request: document(indexed(request))


@variant()
def activities_with_more_members(reference: Reference) -> None:
    """Account activities have members that nobody knows, also by the names of known ones elsewhere."""

    def more(shown: Document) -> Document:
        return {"status": "ok", "stage": None, "message": "", **shown, "_links": {"self": {"href": "/"}}, "tags": [1, {}]}

    reshow(reference, more, lambda shown: {"executionStatus": 1, **shown, "_score": 0.5, "pod": "x", "tags": []})


@variant()
def activities_with_nulls(reference: Reference) -> None:
    """Account activities have null, not an empty list, where there is nothing to list, and for their items; search has neither."""

    def nulls(shown: Document) -> Document:
        return {key: None if key == "items" else value or None for key, value in shown.items()}

    reshow(reference, nulls, lambda shown: {key: value for key, value in shown.items() if value != []})


@variant()
def activities_with_names_of_their_own(reference: Reference) -> None:
    """The name of an account activity is another than its id."""
    reshow(reference, lambda shown: {**shown, "name": f"Access Request {str(shown['id'])[:4]}"}, lambda shown: shown)


@variant()
def pending_activities_without_completion_status(reference: Reference) -> None:
    """The completion status of a pending account activity is null."""

    def undecided(shown: Document) -> Document:
        return {**shown, "completionStatus": None} if shown["completionStatus"] == "PENDING" else shown

    reshow(reference, undecided, lambda shown: shown)


@variant()
def approved_activities_verifying(reference: Reference) -> None:
    """The execution status of a pending account activity is VERIFYING once it is approved."""
    neighbours = reference.neighbours
    plain = neighbours.activity

    def activity(request: AccessRequest) -> Document:
        verifying = request.is_pending and request.approval == "FINISHED"
        return {**plain(request), "executionStatus": "VERIFYING"} if verifying else plain(request)

    neighbours.activity = activity


@variant()
def activities_newest_first(reference: Reference) -> None:
    """Account activities are listed newest first where no order is asked for."""
    neighbours = reference.neighbours
    plain = neighbours.list_activities

    async def list_activities(call: Call) -> Response:
        if "sorters" not in call.query:
            call.query = QueryParams([*call.query.multi_items(), ("sorters", "-created")])
        return await plain(call)

    neighbours.list_activities = list_activities


def respell(reference: Reference, spell: Callable[[str], str]) -> None:
    """Spell the display words of search in this way."""

    def document(shown: Document) -> Document:
        return {**shown, "stage": spell(str(shown["stage"])), "status": spell(str(shown["status"]))}

    reshow(reference, lambda shown: shown, document)


@variant()
def display_words_in_capitals(reference: Reference) -> None:
    """Search shows stage and status in capitals."""
    respell(reference, str.upper)


@variant()
def display_words_in_small_letters(reference: Reference) -> None:
    """Search shows stage and status in small letters."""
    respell(reference, str.lower)


# ------------------------------------------------------------------------------------------------- ids


def rename(reference: Reference, expression: str) -> None:
    """Give the stored access requests other ids, by an expression of SQL."""
    reference.store.database.execute(f"UPDATE requests SET id = {expression}")


@variant()
def ids_are_uuids(reference: Reference) -> None:
    """The ids of access requests are UUIDs with hyphens."""
    parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    rename(reference, " || '-' || ".join(f"substr(id, {start}, {length})" for start, length in parts))


@variant()
def ids_are_numbers(reference: Reference) -> None:
    """The ids of access requests are counted numbers of ten digits, as the tracking numbers of some systems are."""
    rename(reference, "printf('%010d', number)")


@variant()
def ids_have_prefixes(reference: Reference) -> None:
    """The ids of access requests are short, with a prefix in capitals and a check digit behind a colon."""
    rename(reference, "'AR-' || printf('%06d', number) || ':' || (number % 7)")


def tracking_number(identifier: str) -> str:
    """Return the tracking number for an id, or the id for a tracking number: its halves change places."""
    return identifier[16:] + identifier[:16] if len(identifier) == 32 else identifier


@variant()
def tracking_numbers_differ_from_ids(reference: Reference) -> None:
    """Search and events show tracking numbers that are not the ids; a request can be closed by either, as the page says."""
    store, neighbours = reference.store, reference.neighbours
    close, search = store.close_request, neighbours.search

    def close_request(identifier: str, closing: Closing, now: str) -> AccessRequest | None:
        return close(identifier, closing, now) or close(tracking_number(identifier), closing, now)

    def numbered(shown: Document) -> Document:
        return {**shown, "trackingNumber": tracking_number(str(shown["trackingNumber"]))}

    def to_ids(found: re.Match[str]) -> str:
        return re.sub("[0-9a-f]{32}", lambda number: tracking_number(number[0]), found[0])

    async def by_number(call: Call) -> Response:
        if b'"events"' not in call.body:
            terms = r'trackingNumber[\s:\\"]+(?:[0-9a-f]{32}|\([^)]*\)|\[[^\]]*\])'
            call.body = re.sub(terms, to_ids, call.body.decode()).encode()
        return await search(call)

    store.close_request = close_request
    neighbours.search = by_number
    reshow(reference, lambda shown: shown, numbered)
    reword(reference, numbered)


# ------------------------------------------------------------------------------------------------- others


def stranger(reference: Reference) -> AccessRequest:
    """Store an access request of somebody else."""
    requester = {"requester_id": "f" * 32, "requester_name": "Zoe Zimmer", "recipient_id": "e" * 32, "recipient_name": "Yan Yu"}
    return reference.store.add(NewRequest(kind="ROLE", item_id="d" * 32, item_name="Night shift", **requester))


def meanwhile(reference: Reference, happens: Callable[[Callable[[Closing], None]], None]) -> None:
    """Let something happen right after each acceptance; it is handed the means to accept a closing."""
    plain = reference.closer.accept

    def accept(closing: Closing) -> None:
        plain(closing)
        happens(plain)

    reference.closer.accept = accept


@variant()
def others_close_at_the_same_time(reference: Reference) -> None:
    """With every closing of ours, somebody else closes requests of theirs, and names ids that do not exist."""

    def happens(accept: Callable[[Closing], None]) -> None:
        theirs = (stranger(reference).id, stranger(reference).id, secrets.token_hex(16))
        accept(Closing(secrets.token_hex(16), theirs, "Closed by the night shift.", "Completed", "Success", "zoe.zimmer"))

    meanwhile(reference, happens)


@variant()
def others_close_by_default(reference: Reference) -> None:
    """Before and after every closing of ours, somebody else closes a request of theirs with the default text."""
    rules = reference.rules
    plain = reference.closer.accept

    def theirs() -> Closing:
        statuses = rules.default_execution_status, rules.default_completion_status
        return Closing(secrets.token_hex(16), (stranger(reference).id,), rules.default_message, *statuses, "zoe.zimmer")

    def accept(closing: Closing) -> None:
        plain(theirs())
        plain(closing)
        plain(theirs())

    reference.closer.accept = accept


@variant()
def others_provision_at_the_same_time(reference: Reference) -> None:
    """With every closing of ours, two requests of somebody else are provisioned in the ordinary way, with their events."""

    def happens(_: Callable[[Closing], None]) -> None:
        for _number in range(2):
            request = stranger(reference)
            reference.store.approve(request.id)
            reference.store.provision(request.id)
            provisioned = reference.store.get(request.id)
            assert provisioned is not None
            reference.publisher.publish(provisioned)

    meanwhile(reference, happens)


@variant()
def others_audit_at_the_same_time(reference: Reference) -> None:
    """With every closing of ours, two others have begun and one has completed with errors."""
    auditor = reference.auditor

    def happens(_: Callable[[Closing], None]) -> None:
        for number in range(2):
            ids = (secrets.token_hex(16), secrets.token_hex(16))
            closing = Closing(secrets.token_hex(16), ids, "Spring cleaning", "Terminated", "Incomplete", "zoe.zimmer")
            auditor.started(closing)
            if number:
                auditor.completed(closing, [], list(ids))

    meanwhile(reference, happens)
