"""What closing does is promised by the documentation; how it is written down, how soon, and what happens beside it is not."""

# mypy: disable-error-code="method-assign"
from __future__ import annotations

import asyncio
import itertools
import random
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from starlette.datastructures import QueryParams
from starlette.responses import Response

from closecheck.deviations.deviation import variant
from closecheck.reference import Reference
from closecheck.reference.model import EXECUTING, PENDING, AccessRequest, Closing, Subscription
from closecheck.reference.operation import Call
from closecheck.reference.store import NewRequest

Document = dict[str, object]

# ------------------------------------------------------------------------------------------------- time


@variant(slow=True, completion_seconds=3.0, settle_seconds=10.0)
def completes_after_three_seconds(reference: Reference) -> None:
    """A closing completes three seconds after its acceptance."""


@variant()
def activities_updated_after_300_ms(reference: Reference) -> None:
    """Account activities and search show a request as pending for 300 ms after it was closed."""
    activity, document = reference.account_activities.activity, reference.search.activity_document

    def seen(request: AccessRequest) -> AccessRequest:
        moment = datetime.fromisoformat(request.modified)
        if request.is_pending or datetime.now(UTC) - moment > timedelta(seconds=0.3):
            return request
        return replace(request, stage=EXECUTING, status=PENDING, warnings=(), completed=None)

    reference.account_activities.activity = lambda request: activity(seen(request))
    reference.search.activity_document = lambda request: document(seen(request))


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
    activity, document = reference.account_activities.activity, reference.search.activity_document

    def warned(shown: Document) -> Document:
        warnings = shown["warnings"]
        assert isinstance(warnings, list)
        return {**shown, "warnings": ["The approver has left.", *warnings, "Please check the account."]}

    reword(reference, warned)
    reference.account_activities.activity = lambda request: warned(activity(request))
    reference.search.activity_document = lambda request: warned(document(request))


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
    plain, indexed = reference.account_activities.activity, reference.search.activity_document
    reference.account_activities.activity = lambda request: activity(plain(request))
    reference.search.activity_document = lambda request: document(indexed(request))


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
    plain = reference.account_activities.activity

    def activity(request: AccessRequest) -> Document:
        verifying = request.is_pending and request.approval == "FINISHED"
        return {**plain(request), "executionStatus": "VERIFYING"} if verifying else plain(request)

    reference.account_activities.activity = activity


@variant()
def activities_newest_first(reference: Reference) -> None:
    """Account activities are listed newest first where no order is asked for."""
    plain = reference.account_activities.list_activities

    async def list_activities(call: Call) -> Response:
        if "sorters" not in call.query:
            call.query = QueryParams([*call.query.multi_items(), ("sorters", "-created")])
        return await plain(call)

    reference.account_activities.list_activities = list_activities


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
    """Search and events show tracking numbers that are not the ids; a request can be closed by either, as the documentation says."""
    store = reference.store
    close, search = store.close_request, reference.search.search

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
    reference.search.search = by_number
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


def write_nameless(reference: Reference, step: str, number: str) -> None:
    """Write an audit of somebody else's closing that tells neither ids nor message."""
    name = f"Close Identity Requests {step.capitalize()}"
    fields = {"action": f"CLOSE_IDENTITY_REQUESTS_{step}", "operation": "CLOSE", "status": step, "actor": "zoe.zimmer"}
    reference.store.add_audit(name=name, tracking_number=number, attributes={}, **fields)


@variant()
def others_audit_without_names(reference: Reference) -> None:
    """No audit tells ids or message but for ids in error; with every closing of ours, two others begin and one completes."""
    reference.auditor.attributes = lambda closing: {}

    def happens(_: Callable[[Closing], None]) -> None:
        for number in range(2):
            tracking = secrets.token_hex(16)
            write_nameless(reference, "STARTED", tracking)
            if number:
                write_nameless(reference, "COMPLETED", tracking)

    meanwhile(reference, happens)


def at_all_times(reference: Reference, happens: Callable[[], None], most: float) -> None:
    """Let something happen again and again as long as the target is asked for anything, up to ``most`` seconds apart."""
    plain = reference.search.search
    draw = random.Random(0)
    due = [0.0]

    async def search(call: Call) -> Response:
        now = asyncio.get_running_loop().time()
        while due[0] < now:
            due[0] = max(due[0], now - most) + draw.uniform(0, most)
            happens()
        return await plain(call)

    reference.search.search = search


@variant()
def others_begin_at_any_time(reference: Reference) -> None:
    """Closings of others begin at any time, ten a second, with Started audits that tell neither ids nor message."""
    at_all_times(reference, lambda: write_nameless(reference, "STARTED", secrets.token_hex(16)), 0.2)


@variant()
def others_begin_now_and_then(reference: Reference) -> None:
    """Closings of others begin about once in the time that a closing takes to be seen, without ids or message."""
    at_all_times(reference, lambda: write_nameless(reference, "STARTED", secrets.token_hex(16)), 1.0)


def taken_by_others(reference: Reference, messages: Sequence[str]) -> None:
    """With every third closing of a pending request, let somebody else close another one, with these messages in turn."""
    store, rules = reference.store, reference.rules
    plain = reference.closer.accept
    draw = random.Random(0)
    turns = itertools.count()

    def accept(closing: Closing) -> None:
        pending = set(store.ids(approval="PENDING", pending=True))
        plain(closing)
        if pending.isdisjoint(closing.ids) or (turn := next(turns)) % 3:
            return
        free = sorted(pending.difference(closing.ids))
        if free:
            statuses = rules.default_execution_status, rules.default_completion_status
            message = messages[turn % len(messages)]
            plain(Closing(secrets.token_hex(16), (draw.choice(free),), message, *statuses, "zoe.zimmer"))

    reference.closer.accept = accept


ANOTHER_RUN = "cc-00000000ff-017 Closed by the conformance suite."


@variant()
def another_run_at_the_same_time(reference: Reference) -> None:
    """Another run of the suite closes requests of the same supply at the same time, some of them with the default text."""
    taken_by_others(reference, [ANOTHER_RUN, reference.rules.default_message])


@variant()
def another_run_seen_without_what_was_asked(reference: Reference) -> None:
    """Another run of the suite closes requests of the same supply, and no audit tells ids or message but for ids in error."""
    reference.auditor.attributes = lambda closing: {}
    taken_by_others(reference, [ANOTHER_RUN, reference.rules.default_message])


@variant()
def one_of_five_hundred_taken_by_another(reference: Reference) -> None:
    """Somebody else closes one of a long list first, with the default text; audits tell nothing but the ids in error, and this is one."""
    reference.auditor.attributes = lambda closing: {}
    rules = reference.rules
    plain = reference.closer.accept

    def accept(closing: Closing) -> None:
        if len(closing.ids) == rules.max_ids:
            statuses = rules.default_execution_status, rules.default_completion_status
            plain(Closing(secrets.token_hex(16), closing.ids[-1:], rules.default_message, *statuses, "zoe.zimmer"))
        plain(closing)

    reference.closer.accept = accept


@variant()
def one_of_five_hundred_wanted_by_another(reference: Reference) -> None:
    """Somebody else asks for one of a long list too late; audits tell only the ids in error, theirs this one; the 202 is an empty object."""
    reference.auditor.attributes = lambda closing: {}
    reference.operation.accepted = lambda closing: reference.errors.render(202, {}, {})
    rules = reference.rules
    plain = reference.closer.accept

    def accept(closing: Closing) -> None:
        plain(closing)
        if len(closing.ids) == rules.max_ids:
            statuses = rules.default_execution_status, rules.default_completion_status
            plain(Closing(secrets.token_hex(16), closing.ids[-1:], rules.default_message, *statuses, "zoe.zimmer"))

    reference.closer.accept = accept
