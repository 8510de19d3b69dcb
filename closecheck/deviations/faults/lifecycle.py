"""Sins of what closing does, and of refusals that are not without effect: each leaves the answers themselves as they should be."""

# mypy: disable-error-code="method-assign"
from __future__ import annotations

import asyncio
import html
import re
import secrets
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from starlette.datastructures import QueryParams
from starlette.responses import Response

from closecheck.deviations.deviation import fault
from closecheck.reference import Reference
from closecheck.reference.app import CLOSE_PATH
from closecheck.reference.errors import (
    BadContent,
    Forbidden,
    InternalFault,
    MethodNotAllowed,
    Problem,
    Throttled,
    Unauthenticated,
    cause,
)
from closecheck.reference.model import EXECUTING, PENDING, AccessRequest, Closing, Subscription
from closecheck.reference.operation import Call
from closecheck.reference.query import Selection
from closecheck.reference.rules import is_text

Document = dict[str, object]
Handler = Callable[[Call], Awaitable[Response]]

STATUSES = ("CAR-LIFE-EXECUTION", "CAR-LIFE-COMPLETION", "CAR-LIFE-EXECUTION-DEFAULT", "CAR-LIFE-COMPLETION-DEFAULT")
AS_ASKED = (*STATUSES, "CAR-LIFE-MESSAGE", "CAR-LIFE-MESSAGE-DEFAULT")
"""What a request shows that was closed as it was asked for."""
UNCLOSED = (*AS_ASKED, "CAR-LIFE-EVENT", "CAR-LIFE-FAILED-IDS", "CAR-LIFE-AFTER-APPROVAL")
"""What is missing, too, of a request that should have been closed, stays pending and is listed nowhere."""
TAKEN = ("CAR-LIFE-CLOSED", *AS_ASKED, "CAR-LIFE-EVENT", "CAR-LIFE-FAILED-IDS", "CAR-LIFE-CONCURRENT")
"""What is missing of a request that is named when it has been closed already, together with one that does not concern it."""
MIXED = ("CAR-LIFE-CONCURRENT",)
"""What a status looks like that is wrong, but that another closing of the same time may have asked for."""
QUEUED = ("CAR-LIFE-NO-AUDIT", "CAR-LIFE-EVENT")
"""What else shows that a refused request was carried out like an accepted one."""


# ------------------------------------------------------------------------------------------------- tools


def close_only(reference: Reference, pick: Callable[[tuple[str, ...]], Sequence[str]]) -> None:
    """Forget all ids of a closing but those that are picked."""
    plain = reference.closer.close
    reference.closer.close = lambda closing: plain(replace(closing, ids=tuple(pick(closing.ids))))


def record(reference: Reference, change: Callable[[Closing], Closing]) -> None:
    """Store something else of a closing with its requests; its audits say what was asked for."""
    plain = reference.closer.close
    reference.closer.close = lambda closing: plain(change(closing))


def record_message(reference: Reference, change: Callable[[str], str]) -> None:
    """Store another text than the message."""
    record(reference, lambda closing: replace(closing, message=change(closing.message)))


def default(reference: Reference, member: str, change: Callable[[Closing, dict[str, object]], Closing]) -> None:
    """Change the closing of a body that leaves this member out."""
    plain = reference.rules.check

    def check(value: object) -> Closing:
        closing = plain(value)
        body = cast("dict[str, object]", value)
        return closing if member in body else change(closing, body)

    reference.rules.check = check


def complete_with(reference: Reference, errors: Callable[[Closing, list[AccessRequest], list[str]], object]) -> None:
    """Write something else than the ids in error into the completion audit."""
    auditor = reference.auditor

    def completed(closing: Closing, closed: list[AccessRequest], failed: list[str]) -> None:
        auditor.write(closing, auditor.completed_name, "COMPLETED", {"errors": errors(closing, closed, failed)})

    auditor.completed = completed


def publish(reference: Reference, pick: Callable[[Closing, list[AccessRequest]], Sequence[AccessRequest]]) -> None:
    """Send events for other requests than those that were closed."""
    closer = reference.closer
    plain = closer.publish
    closer.publish = lambda closing, closed: plain(closing, list(pick(closing, closed)))


def shifted(moment: str, seconds: float) -> str:
    """Return a date of the store, so much later."""
    later = datetime.fromisoformat(moment) + timedelta(seconds=seconds)
    return later.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


@contextmanager
def dated(reference: Reference, moment: str) -> Iterator[None]:
    """Whatever the store writes inside bears this date."""
    plain = reference.store.now
    reference.store.now = lambda: moment
    try:
        yield
    finally:
        reference.store.now = plain


def close_handlers(reference: Reference) -> dict[str, Handler]:
    """Return the handlers of the close operation's path, by method."""
    return reference.routes[reference.config.base_path + CLOSE_PATH]


def salvage(reference: Reference, call: Call) -> Closing | None:
    """Make a closing of whatever a body has that is in order; None: there is no id in it."""
    try:
        body = reference.reader.read(call.headers.getlist("content-type"), call.body)
    except Problem:
        return None
    ids = body.get("accessRequestIds") if isinstance(body, dict) else None
    named = [item for item in ids if isinstance(item, str) and is_text(item)] if isinstance(ids, list) else []
    if not named or not isinstance(body, dict):
        return None
    rules = reference.rules
    closing = rules.check({"accessRequestIds": named[: rules.max_ids]})
    message, execution, completion = (body.get(name) for name in ("message", "executionStatus", "completionStatus"))
    return replace(
        closing,
        message=message if isinstance(message, str) and is_text(message) else closing.message,
        execution_status=execution if execution in rules.execution_statuses else closing.execution_status,
        completion_status=completion if completion in rules.completion_statuses else closing.completion_status,
        requested_by=call.caller.user_name if call.caller else "",
    )


def when_refused(reference: Reference, refused: Callable[[Exception], bool], act: Callable[[Closing], None]) -> None:
    """Do something with a request before it is refused."""
    handlers = close_handlers(reference)
    plain = handlers["POST"]

    async def handle(call: Call) -> Response:
        try:
            return await plain(call)
        except (Problem, Unauthenticated, Throttled) as error:
            closing = salvage(reference, call) if refused(error) else None
            if closing is not None:
                act(closing)
            raise

    handlers["POST"] = handle


def silently(reference: Reference) -> Callable[[Closing], None]:
    """Return what closes at once, with neither audits nor events."""
    return lambda closing: cast("None", reference.store.close_requests(closing))


# ------------------------------------------------------------------------------------------------- CAR-LIFE-STARTED


@fault("CAR-LIFE-STARTED")
def started_never_written(reference: Reference) -> None:
    """No Started audit is written."""
    reference.auditor.started = lambda closing: None


@fault("CAR-LIFE-STARTED")
def started_misspelt(reference: Reference) -> None:
    """The audit is called "Close Identity Request Started", which the vendor's query does not find."""
    reference.auditor.started_name = "Close Identity Request Started"


@fault("CAR-LIFE-STARTED")
def started_once_for_each_caller(reference: Reference) -> None:
    """Only the first closing of a caller has a Started audit."""
    seen: set[str] = set()
    plain = reference.auditor.started

    def started(closing: Closing) -> None:
        if closing.requested_by not in seen:
            seen.add(closing.requested_by)
            plain(closing)

    reference.auditor.started = started


@fault("CAR-LIFE-STARTED", rare=True)
def started_not_for_long_lists(reference: Reference) -> None:
    """A closing of more than 100 ids has no Started audit: its document is too large for the index."""
    plain = reference.auditor.started
    reference.auditor.started = lambda closing: plain(closing) if len(closing.ids) <= 100 else None


@fault("CAR-LIFE-STARTED")
def started_becomes_completed(reference: Reference) -> None:
    """There is one audit for each closing: Started is gone as soon as there is Completed."""
    store = reference.store
    plain = reference.auditor.completed

    def completed(closing: Closing, closed: list[AccessRequest], failed: list[str]) -> None:
        plain(closing, closed, failed)
        store.database.execute("DELETE FROM audits WHERE tracking_number = ? AND status = 'STARTED'", (closing.id,))

    reference.auditor.completed = completed


# ------------------------------------------------------------------------------------------------- CAR-LIFE-COMPLETED


@fault("CAR-LIFE-COMPLETED", also=("CAR-LIFE-FAILED-IDS",))
def completed_never_written(reference: Reference) -> None:
    """No Completed audit is written."""
    reference.auditor.completed = lambda closing, closed, failed: None


@fault("CAR-LIFE-COMPLETED", also=("CAR-LIFE-FAILED-IDS",))
def completed_misnamed(reference: Reference) -> None:
    """The audit of the completion is called "Close Identity Requests Finished"."""
    reference.auditor.completed_name = "Close Identity Requests Finished"


@fault("CAR-LIFE-COMPLETED", "CAR-LIFE-FAILED-IDS")
def completed_not_after_errors(reference: Reference) -> None:
    """A closing in which an id finished in error has no Completed audit."""
    plain = reference.auditor.completed
    reference.auditor.completed = lambda closing, closed, failed: None if failed else plain(closing, closed, failed)


@fault("CAR-LIFE-COMPLETED", "CAR-LIFE-FAILED-IDS", rare=True)
def completed_not_if_nothing_closed(reference: Reference) -> None:
    """A closing that closed nothing has no Completed audit."""
    plain = reference.auditor.completed
    reference.auditor.completed = lambda closing, closed, failed: plain(closing, closed, failed) if closed else None


@fault("CAR-LIFE-COMPLETED", also=("CAR-LIFE-FAILED-IDS",), rare=True)
def completed_not_for_long_lists(reference: Reference) -> None:
    """A closing of more than 200 ids has no Completed audit: its document is too large for the index."""
    plain = reference.auditor.completed

    def completed(closing: Closing, closed: list[AccessRequest], failed: list[str]) -> None:
        if len(closing.ids) <= 200:
            plain(closing, closed, failed)

    reference.auditor.completed = completed


def nameless(reference: Reference) -> None:
    """Let audits say nothing of what was asked for: neither ids nor message."""
    reference.auditor.attributes = lambda closing: {}


@fault("CAR-LIFE-COMPLETED", also=("CAR-LIFE-FAILED-IDS",))
def completed_not_for_300_ids_in_nameless_audits(reference: Reference) -> None:
    """A closing of 300 ids or more has no Completed audit, and no audit says what was asked for: tracking numbers alone tie the two."""
    nameless(reference)
    plain = reference.auditor.completed
    reference.auditor.completed = lambda closing, closed, failed: plain(closing, closed, failed) if len(closing.ids) < 300 else None


@fault("CAR-LIFE-COMPLETED", also=("CAR-LIFE-FAILED-IDS",))
def completed_not_for_300_ids_without_tracking_numbers(reference: Reference) -> None:
    """A closing of 300 ids or more has no Completed audit; audits have no tracking number, and share a job id instead."""
    completed_not_for_300_ids_in_nameless_audits(reference)
    reference.auditor.attributes = lambda closing: {"job": {"correlationId": f"job-{closing.id}"}}
    plain = reference.search.event_document
    reference.search.event_document = lambda audit: {**plain(audit), "trackingNumber": None}


@fault("CAR-LIFE-COMPLETED", "CAR-LIFE-FAILED-IDS")
def completed_not_after_errors_in_nameless_audits(reference: Reference) -> None:
    """A closing in which an id finished in error has no Completed audit, and no audit says what was asked for."""
    nameless(reference)
    plain = reference.auditor.completed
    reference.auditor.completed = lambda closing, closed, failed: None if failed else plain(closing, closed, failed)


# ------------------------------------------------------------------------------------------------- CAR-LIFE-ORDER


@fault("CAR-LIFE-ORDER")
def started_dated_ahead(reference: Reference) -> None:
    """Started is dated five seconds ahead: it is written by a machine whose clock is fast."""
    plain = reference.auditor.started

    def started(closing: Closing) -> None:
        with dated(reference, shifted(reference.store.now(), 5)):
            plain(closing)

    reference.auditor.started = started


@fault("CAR-LIFE-ORDER")
def completed_dated_an_hour_back(reference: Reference) -> None:
    """Completed is dated an hour back: a local time is taken for UTC."""
    plain = reference.auditor.completed

    def completed(closing: Closing, closed: list[AccessRequest], failed: list[str]) -> None:
        with dated(reference, shifted(reference.store.now(), -3600)):
            plain(closing, closed, failed)

    reference.auditor.completed = completed


@fault("CAR-LIFE-ORDER")
def started_written_last(reference: Reference) -> None:
    """Started is written when the closing is over, some milliseconds after Completed."""
    closer, auditor = reference.closer, reference.auditor
    plain, started = closer.complete, auditor.started
    auditor.started = lambda closing: None

    async def complete(closing: Closing) -> None:
        await plain(closing)
        await asyncio.sleep(0.01)
        started(closing)

    closer.complete = complete


@fault("CAR-LIFE-ORDER", completion_seconds=0.05)
def completed_dated_at_acceptance(reference: Reference) -> None:
    """Completed bears the date of the acceptance, Started that of the first work on it, which comes later."""
    closer, auditor = reference.closer, reference.auditor
    run, completed, started = closer.run, auditor.completed, auditor.started
    accepted: dict[str, str] = {}

    def accept(closing: Closing) -> None:
        accepted[closing.id] = reference.store.now()
        reference.spawn(begin(closing))

    async def begin(closing: Closing) -> None:
        await asyncio.sleep(0.01)
        started(closing)
        await run(closing)

    def back_dated(closing: Closing, closed: list[AccessRequest], failed: list[str]) -> None:
        with dated(reference, accepted.pop(closing.id)):
            completed(closing, closed, failed)

    closer.accept = accept
    auditor.completed = back_dated


# ------------------------------------------------------------------------------------------------- CAR-LIFE-FAILED-IDS


@fault("CAR-LIFE-FAILED-IDS")
def failed_ids_missing(reference: Reference) -> None:
    """The list of the ids in error is always empty."""
    complete_with(reference, lambda *_: [])


@fault("CAR-LIFE-FAILED-IDS")
def failed_ids_counted(reference: Reference) -> None:
    """The completion audit says how many ids finished in error, not which."""
    complete_with(reference, lambda _closing, _closed, failed: len(failed))


@fault("CAR-LIFE-FAILED-IDS")
def all_ids_listed_as_failed(reference: Reference) -> None:
    """If one id finishes in error, all ids of the closing are listed."""
    complete_with(reference, lambda closing, _closed, failed: list(closing.ids) if failed else [])


@fault("CAR-LIFE-FAILED-IDS")
def closed_ids_listed_as_failed(reference: Reference) -> None:
    """The list of the ids in error has those that were closed instead."""
    complete_with(reference, lambda _closing, closed, _failed: [request.id for request in closed])


@fault("CAR-LIFE-FAILED-IDS")
def failed_ids_begin_with_a_closed_one(reference: Reference) -> None:
    """The id that was closed last is listed with those in error."""
    complete_with(reference, lambda _closing, closed, failed: [*(request.id for request in closed[-1:]), *failed])


@fault("CAR-LIFE-FAILED-IDS")
def failed_ids_shortened(reference: Reference) -> None:
    """Of the ids in error only the first eight characters are listed."""
    complete_with(reference, lambda _closing, _closed, failed: [identifier[:8] for identifier in failed])


@fault("CAR-LIFE-FAILED-IDS", rare=True)
def first_failed_id_only(reference: Reference) -> None:
    """Only the first id that finished in error is listed."""
    complete_with(reference, lambda _closing, _closed, failed: failed[:1])


@fault("CAR-LIFE-FAILED-IDS", rare=True)
def failed_ids_cut_at_255(reference: Reference) -> None:
    """The ids in error are joined to a text that is cut after 255 characters."""
    complete_with(reference, lambda _closing, _closed, failed: ", ".join(failed)[:255])


@fault("CAR-LIFE-FAILED-IDS", rare=True)
def failed_ids_of_the_last_batch(reference: Reference) -> None:
    """Ids are handled in batches of 50; only those in error of the last batch are listed."""

    def errors(closing: Closing, _closed: list[AccessRequest], failed: list[str]) -> object:
        last = closing.ids[(len(closing.ids) - 1) // 50 * 50 :]
        return [identifier for identifier in failed if identifier in last]

    complete_with(reference, errors)


@fault("CAR-LIFE-FAILED-IDS")
def failed_ids_of_all_requests(reference: Reference) -> None:
    """The list of the ids in error is never emptied: it also has those of all earlier requests, and grows and grows."""
    everything: list[str] = []

    def errors(_closing: Closing, _closed: list[AccessRequest], failed: list[str]) -> object:
        everything.extend(failed)
        return list(everything)

    complete_with(reference, errors)


@fault("CAR-LIFE-FAILED-IDS")
def failed_ids_of_the_request_before(reference: Reference) -> None:
    """The list of the ids in error also has those of the request that completed before."""
    before: list[str] = []

    def errors(_closing: Closing, _closed: list[AccessRequest], failed: list[str]) -> object:
        listed = [*before, *failed]
        before[:] = failed
        return listed

    complete_with(reference, errors)


@fault("CAR-LIFE-FAILED-IDS")
def failed_ids_kept_until_there_are_new_ones(reference: Reference) -> None:
    """Where nothing finished in error, the completion audit lists what finished in error last."""
    last: list[str] = []

    def errors(_closing: Closing, _closed: list[AccessRequest], failed: list[str]) -> object:
        last[:] = failed or last
        return list(last)

    complete_with(reference, errors)


# ------------------------------------------------------------------------------------------------- CAR-LIFE-NO-AUDIT


def audit_refusals(reference: Reference, *kinds: type[Exception]) -> None:
    """Write a Started audit for requests that are refused."""
    when_refused(reference, lambda error: isinstance(error, kinds), lambda closing: reference.auditor.started(closing))


@fault("CAR-LIFE-NO-AUDIT")
def invalid_requests_are_audited(reference: Reference) -> None:
    """A request that is refused with 400 has a Started audit if it names an id."""
    audit_refusals(reference, BadContent)


@fault("CAR-LIFE-NO-AUDIT")
def forbidden_requests_are_audited(reference: Reference) -> None:
    """A request that is refused with 403 has a Started audit."""
    audit_refusals(reference, Forbidden)


@fault("CAR-LIFE-NO-AUDIT")
def strangers_are_audited(reference: Reference) -> None:
    """A request that is refused with 401 has a Started audit."""
    audit_refusals(reference, Unauthenticated)


@fault("CAR-LIFE-NO-AUDIT")
def throttled_requests_are_audited(reference: Reference) -> None:
    """A request that is refused with 429 has a Started audit."""
    audit_refusals(reference, Throttled)


@fault("CAR-LIFE-NO-AUDIT")
def faults_are_audited(reference: Reference) -> None:
    """A request that is answered 500 has a Started audit."""
    audit_refusals(reference, InternalFault)


def audit_refusals_without_names(reference: Reference, *kinds: type[Exception]) -> None:
    """Write a Started audit that tells neither ids nor message for every request to the operation that is refused."""
    handlers = close_handlers(reference)
    plain = handlers["POST"]

    async def handle(call: Call) -> Response:
        try:
            return await plain(call)
        except kinds:
            reference.store.add_audit(
                name=reference.auditor.started_name,
                action="CLOSE_IDENTITY_REQUESTS_STARTED",
                operation="CLOSE",
                status="STARTED",
                actor=call.caller.user_name if call.caller else "",
                tracking_number=secrets.token_hex(16),
                attributes={},
            )
            raise

    handlers["POST"] = handle


@fault("CAR-LIFE-NO-AUDIT")
def invalid_requests_are_audited_without_names(reference: Reference) -> None:
    """A request that is refused with 400 has a Started audit, which tells neither ids nor message."""
    audit_refusals_without_names(reference, BadContent)


@fault("CAR-LIFE-NO-AUDIT")
def forbidden_requests_are_audited_without_names(reference: Reference) -> None:
    """A request that is refused with 403 has a Started audit, which tells neither ids nor message."""
    audit_refusals_without_names(reference, Forbidden)


@fault("CAR-LIFE-NO-AUDIT")
def strangers_are_audited_without_names(reference: Reference) -> None:
    """A request that is refused with 401 has a Started audit, which tells neither ids nor message."""
    audit_refusals_without_names(reference, Unauthenticated)


@fault("CAR-LIFE-NO-AUDIT")
def throttled_requests_are_audited_without_names(reference: Reference) -> None:
    """A request that is refused with 429 has a Started audit, which tells neither ids nor message."""
    audit_refusals_without_names(reference, Throttled)


@fault("CAR-LIFE-NO-AUDIT")
def faults_are_audited_without_names(reference: Reference) -> None:
    """A request that is answered 500 has a Started audit, which tells neither ids nor message."""
    audit_refusals_without_names(reference, InternalFault)


@fault("CAR-LIFE-NO-AUDIT")
def every_refusal_is_audited_in_nameless_audits(reference: Reference) -> None:
    """The audit is written before anything is checked, and no audit of the target tells ids or message."""
    nameless(reference)
    audit_refusals_without_names(reference, BadContent, Forbidden, Unauthenticated)


# ------------------------------------------------------------------------------------------------- CAR-LIFE-CLOSED


@fault("CAR-LIFE-CLOSED", also=UNCLOSED)
def nothing_is_closed(reference: Reference) -> None:
    """A closing is accepted, audited and forgotten."""
    close_only(reference, lambda _: ())


@fault("CAR-LIFE-CLOSED", also=UNCLOSED)
def first_250_only(reference: Reference) -> None:
    """Only the first 250 ids of a list are closed."""
    close_only(reference, lambda ids: ids[:250])


@fault("CAR-LIFE-CLOSED", also=UNCLOSED)
def first_499_only(reference: Reference) -> None:
    """Of 500 ids the last is not closed."""
    close_only(reference, lambda ids: ids[:499])


@fault("CAR-LIFE-CLOSED", also=UNCLOSED)
def last_batch_lost(reference: Reference) -> None:
    """Long lists are closed in batches of 64; a last batch that is not full is lost."""
    close_only(reference, lambda ids: ids if len(ids) <= 64 else ids[: len(ids) // 64 * 64])


@fault("CAR-LIFE-CLOSED", also=(*UNCLOSED, "CAR-LIFE-FAILED-IDS"), rare=True)
def last_batch_of_100_lost(reference: Reference) -> None:
    """Long lists are closed in batches of 100; a last batch that is not full is lost: 500 ids are closed all."""
    close_only(reference, lambda ids: ids if len(ids) <= 100 else ids[: len(ids) // 100 * 100])


@fault("CAR-LIFE-CLOSED", also=UNCLOSED)
def last_of_a_list_lost(reference: Reference) -> None:
    """The last of several ids is not closed."""
    close_only(reference, lambda ids: ids[:-1] or ids)


@fault("CAR-LIFE-CLOSED", also=UNCLOSED)
def first_of_a_list_only(reference: Reference) -> None:
    """Of several ids only the first is closed."""
    close_only(reference, lambda ids: ids[:1])


@fault("CAR-LIFE-CLOSED", also=UNCLOSED)
def every_hundredth_lost(reference: Reference) -> None:
    """Between two batches of 99 an id is lost."""
    close_only(reference, lambda ids: [identifier for number, identifier in enumerate(ids, 1) if number % 100])


@fault("CAR-LIFE-CLOSED", also=(*AS_ASKED, "CAR-LIFE-AFTER-APPROVAL"))
def closed_in_search_only(reference: Reference) -> None:
    """Search shows closed requests as closed; account activities show them as pending for ever."""
    plain = reference.account_activities.activity

    def activity(request: AccessRequest) -> Document:
        return plain(replace(request, stage=EXECUTING, status=PENDING, warnings=(), completed=None))

    reference.account_activities.activity = activity


@fault("CAR-LIFE-CLOSED", "CAR-LIFE-COMPLETION", "CAR-LIFE-COMPLETION-DEFAULT", also=("CAR-LIFE-AFTER-APPROVAL", "CAR-LIFE-EVENT-ONCE"))
def stage_without_status(reference: Reference) -> None:
    """The execution status of a closed request is set, its completion status stays Pending."""
    record(reference, lambda closing: replace(closing, completion_status=PENDING))


@fault("CAR-LIFE-CLOSED", "CAR-LIFE-COMPLETED", also=UNCLOSED)
def long_lists_never_end(reference: Reference) -> None:
    """The job of a list of more than 300 ids dies: there is its Started audit, and nothing else."""
    plain = reference.closer.complete

    async def complete(closing: Closing) -> None:
        if len(closing.ids) <= 300:
            await plain(closing)

    reference.closer.complete = complete


@fault("CAR-LIFE-CLOSED", also=UNCLOSED, rare=True)
def stops_at_the_first_error(reference: Reference) -> None:
    """What stands behind an id that finishes in error is not closed, nor listed."""

    def pick(ids: tuple[str, ...]) -> Sequence[str]:
        for number, identifier in enumerate(ids):
            request = reference.store.get(identifier)
            if request is None or not request.is_pending:
                return ids[: number + 1]
        return ids

    close_only(reference, pick)


@fault("CAR-LIFE-CLOSED", also=UNCLOSED, rare=True)
def rolled_back_on_errors(reference: Reference) -> None:
    """If one id finishes in error, nothing is closed, and only that id is listed."""
    plain = reference.closer.close

    def close(closing: Closing) -> tuple[list[AccessRequest], list[str]]:
        requests = [reference.store.get(identifier) for identifier in closing.ids]
        wrong = [item for item, found in zip(closing.ids, requests, strict=True) if found is None or not found.is_pending]
        return ([], wrong) if wrong else plain(closing)

    reference.closer.close = close


@fault("CAR-LIFE-CLOSED", also=(*UNCLOSED, "CAR-LIFE-CONCURRENT", "CAR-LIFE-COMPLETED"), rare=True, completion_seconds=0.1)
def dropped_while_another_runs(reference: Reference) -> None:
    """A closing that is accepted while another one runs is dropped after its Started audit."""
    closer = reference.closer
    plain = closer.run
    running: list[Closing] = []

    async def run(closing: Closing) -> None:
        if running:
            return
        running.append(closing)
        try:
            await plain(closing)
        finally:
            running.clear()

    closer.run = run


# ------------------------------------------------------------------------------------------------- CAR-LIFE-EXECUTION


@fault("CAR-LIFE-EXECUTION", also=MIXED)
def always_terminated(reference: Reference) -> None:
    """The execution status of a closed request is Terminated whatever was asked for."""
    record(reference, lambda closing: replace(closing, execution_status="Terminated"))


@fault("CAR-LIFE-EXECUTION", "CAR-LIFE-EXECUTION-DEFAULT", also=MIXED)
def execution_statuses_swapped(reference: Reference) -> None:
    """Terminated and Completed change places."""
    other = {"Terminated": "Completed", "Completed": "Terminated"}
    record(reference, lambda closing: replace(closing, execution_status=other[closing.execution_status]))


@fault("CAR-LIFE-EXECUTION", "CAR-LIFE-EXECUTION-DEFAULT", also=("CAR-LIFE-CLOSED", "CAR-LIFE-AFTER-APPROVAL"))
def status_without_stage(reference: Reference) -> None:
    """The completion status of a closed request is set, its execution status stays Executing."""
    record(reference, lambda closing: replace(closing, execution_status=EXECUTING))


@fault("CAR-LIFE-EXECUTION", also=MIXED, rare=True)
def terminated_if_it_failed(reference: Reference) -> None:
    """Completed with Failure is stored as Terminated: a failure cannot have completed."""

    def change(closing: Closing) -> Closing:
        return replace(closing, execution_status="Terminated") if closing.completion_status == "Failure" else closing

    record(reference, change)


@fault("CAR-LIFE-EXECUTION", also=MIXED, rare=True)
def completed_if_incomplete(reference: Reference) -> None:
    """Terminated with Incomplete is stored as Completed."""

    def change(closing: Closing) -> Closing:
        return replace(closing, execution_status="Completed") if closing.completion_status == "Incomplete" else closing

    record(reference, change)


def record_first_only(reference: Reference, change: Callable[[Closing], Closing]) -> None:
    """Store something else with all requests of a list but the first."""
    plain = reference.closer.close

    def close(closing: Closing) -> tuple[list[AccessRequest], list[str]]:
        closed, failed = plain(replace(closing, ids=closing.ids[:1]))
        if closing.ids[1:]:
            others, wrong = plain(change(replace(closing, ids=closing.ids[1:])))
            return closed + others, failed + wrong
        return closed, failed

    reference.closer.close = close


@fault("CAR-LIFE-EXECUTION", also=MIXED)
def execution_status_of_the_first_only(reference: Reference) -> None:
    """Only the first of a list gets the execution status asked for; the others get the default."""
    record_first_only(reference, lambda closing: replace(closing, execution_status="Terminated"))


# ------------------------------------------------------------------------------------------------- CAR-LIFE-COMPLETION


@fault("CAR-LIFE-COMPLETION", also=MIXED)
def always_failure(reference: Reference) -> None:
    """The completion status of a closed request is Failure whatever was asked for."""
    record(reference, lambda closing: replace(closing, completion_status="Failure"))


@fault("CAR-LIFE-COMPLETION", also=MIXED)
def incomplete_is_failure(reference: Reference) -> None:
    """Incomplete is stored as Failure."""
    names = {"Incomplete": "Failure"}
    record(reference, lambda closing: replace(closing, completion_status=names.get(closing.completion_status, closing.completion_status)))


@fault("CAR-LIFE-COMPLETION", also=MIXED, rare=True)
def terminated_successes_are_failures(reference: Reference) -> None:
    """Terminated with Success is stored as Failure."""

    def change(closing: Closing) -> Closing:
        odd = (closing.execution_status, closing.completion_status) == ("Terminated", "Success")
        return replace(closing, completion_status="Failure") if odd else closing

    record(reference, change)


@fault("CAR-LIFE-COMPLETION", also=MIXED, rare=True)
def completion_status_needs_execution_status(reference: Reference) -> None:
    """The completion status is taken only if an execution status is named as well; otherwise it is Failure."""
    default(reference, "executionStatus", lambda closing, _: replace(closing, completion_status="Failure"))


@fault("CAR-LIFE-COMPLETION", also=MIXED)
def completion_status_of_the_first_only(reference: Reference) -> None:
    """Only the first of a list gets the completion status asked for; the others get the default."""
    record_first_only(reference, lambda closing: replace(closing, completion_status="Failure"))


@fault("CAR-LIFE-EXECUTION", "CAR-LIFE-COMPLETION", also=("CAR-LIFE-EXECUTION-DEFAULT", "CAR-LIFE-COMPLETION-DEFAULT"))
def statuses_change_places(reference: Reference) -> None:
    """Account activities show the completion status as execution status, and the other way round."""
    plain = reference.account_activities.activity

    def activity(request: AccessRequest) -> Document:
        return plain(request if request.is_pending else replace(request, stage=request.status, status=request.stage))

    reference.account_activities.activity = activity


# ------------------------------------------------------------------------------------------------- CAR-LIFE-MESSAGE


def without_warnings(reference: Reference, member: str | None = None) -> None:
    """Show no warnings, but the same texts under another member if one is named."""
    activity, document = reference.account_activities.activity, reference.search.activity_document

    def moved(shown: Document) -> Document:
        return {**shown, "warnings": [], **({member: shown["warnings"]} if member else {})}

    reference.account_activities.activity = lambda request: moved(activity(request))
    reference.search.activity_document = lambda request: moved(document(request))


@fault("CAR-LIFE-MESSAGE", "CAR-LIFE-MESSAGE-DEFAULT")
def message_never_shown(reference: Reference) -> None:
    """The message is not shown among the warnings."""
    without_warnings(reference)


@fault("CAR-LIFE-MESSAGE", "CAR-LIFE-MESSAGE-DEFAULT")
def message_among_errors(reference: Reference) -> None:
    """The message is shown among the errors, not among the warnings."""
    without_warnings(reference, "errors")


@fault("CAR-LIFE-MESSAGE")
def message_ignored(reference: Reference) -> None:
    """The default text is shown whatever the message was."""
    record_message(reference, lambda _: reference.rules.default_message)


@fault("CAR-LIFE-MESSAGE", also=("CAR-LIFE-MESSAGE-DEFAULT", "CAR-LIFE-CONCURRENT"))
def message_of_the_closing_before(reference: Reference) -> None:
    """The message that is shown is that of the closing before; the first has its own."""
    before: list[str] = []

    def change(message: str) -> str:
        shown = before[-1] if before else message
        before[:] = [message]
        return shown

    record_message(reference, change)


@fault("CAR-LIFE-MESSAGE", "CAR-LIFE-MESSAGE-DEFAULT")
def message_of_the_first_only(reference: Reference) -> None:
    """Only the first of a list shows the message; the others show an empty one."""
    record_first_only(reference, lambda closing: replace(closing, message=""))


@fault("CAR-LIFE-MESSAGE")
def message_in_small_letters(reference: Reference) -> None:
    """The message is shown in small letters, the default text as it is."""
    record_message(reference, lambda message: message if message == reference.rules.default_message else message.lower())


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_html_escaped(reference: Reference) -> None:
    """Markup characters and quotation marks of the message are shown as HTML entities."""
    record_message(reference, html.escape)


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_without_tags(reference: Reference) -> None:
    """What looks like markup is taken out of the message."""
    record_message(reference, lambda message: re.sub("<[^>]*>", "", message))


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_cut_at_255(reference: Reference) -> None:
    """The message is cut after 255 characters."""
    record_message(reference, lambda message: message[:255])


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_cut_at_255_bytes(reference: Reference) -> None:
    """The message is cut after 255 bytes of UTF-8."""
    record_message(reference, lambda message: message.encode()[:255].decode(errors="ignore"))


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_cut_at_a_line_break(reference: Reference) -> None:
    """Only the first line of the message is shown."""
    record_message(reference, lambda message: (message.splitlines() or [""])[0])


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_trimmed(reference: Reference) -> None:
    """Blanks before and behind the message are lost."""
    record_message(reference, str.strip)


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_with_single_blanks(reference: Reference) -> None:
    """Runs of white space in the message become one blank."""
    record_message(reference, lambda message: re.sub(r"\s+", " ", message))


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_with_other_line_breaks(reference: Reference) -> None:
    """Carriage returns are taken out of the message."""
    record_message(reference, lambda message: message.replace("\r", ""))


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_lost_beyond_ascii(reference: Reference) -> None:
    """A message with a character beyond ASCII is shown as an empty one."""
    record_message(reference, lambda message: message if message.isascii() else "")


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_in_latin_1(reference: Reference) -> None:
    """The UTF-8 of the message is shown as if it were Latin-1."""
    record_message(reference, lambda message: message.encode().decode("latin-1"))


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_without_emoji(reference: Reference) -> None:
    """Characters beyond the basic plane are taken out of the message."""
    record_message(reference, lambda message: re.sub("[\U00010000-\U0010ffff]", "", message))


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_normalized(reference: Reference) -> None:
    """The message is shown in Unicode's compatibility form: other characters of the same look."""
    record_message(reference, lambda message: unicodedata.normalize("NFKC", message))


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_without_backslashes(reference: Reference) -> None:
    """Backslashes are taken for escapes once more: half of them are lost."""
    record_message(reference, lambda message: re.sub(r"\\(.?)", r"\1", message, flags=re.DOTALL))


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_with_doubled_apostrophes(reference: Reference) -> None:
    """Apostrophes are doubled, as if the message became part of a statement of SQL."""
    record_message(reference, lambda message: message.replace("'", "''"))


@fault("CAR-LIFE-MESSAGE", rare=True)
def message_as_a_template(reference: Reference) -> None:
    """What stands in braces is taken for a placeholder of a template, and is empty."""
    record_message(reference, lambda message: re.sub(r"\{[^{}]*\}", "", message))


# ------------------------------------------------------------------------------------------------- defaults


@fault("CAR-LIFE-EXECUTION-DEFAULT")
def completed_by_default(reference: Reference) -> None:
    """Left out, the execution status is Completed."""
    reference.rules.default_execution_status = "Completed"


@fault("CAR-LIFE-EXECUTION-DEFAULT", also=("CAR-LIFE-CONCURRENT",))
def execution_status_of_the_last_request_by_default(reference: Reference) -> None:
    """Left out, the execution status is the one that was named last, by anybody: a default that can be overwritten."""
    rules = reference.rules
    plain = rules.check

    def check(value: object) -> Closing:
        closing = plain(value)
        rules.default_execution_status = closing.execution_status
        return closing

    rules.check = check


@fault("CAR-LIFE-EXECUTION-DEFAULT")
def empty_execution_status_by_default(reference: Reference) -> None:
    """Left out, the execution status is empty."""
    default(reference, "executionStatus", lambda closing, _: replace(closing, execution_status=""))


@fault("CAR-LIFE-EXECUTION-DEFAULT", rare=True)
def completed_by_default_if_successful(reference: Reference) -> None:
    """Left out, the execution status is Completed if the completion status is named as Success."""

    def change(closing: Closing, body: dict[str, object]) -> Closing:
        return replace(closing, execution_status="Completed") if body.get("completionStatus") == "Success" else closing

    default(reference, "executionStatus", change)


@fault("CAR-LIFE-COMPLETION-DEFAULT")
def success_by_default(reference: Reference) -> None:
    """Left out, the completion status is Success."""
    reference.rules.default_completion_status = "Success"


@fault("CAR-LIFE-COMPLETION-DEFAULT")
def incomplete_by_default(reference: Reference) -> None:
    """Left out, the completion status is Incomplete."""
    reference.rules.default_completion_status = "Incomplete"


@fault("CAR-LIFE-COMPLETION-DEFAULT", "CAR-LIFE-CLOSED", also=("CAR-LIFE-EVENT-ONCE", "CAR-LIFE-AFTER-APPROVAL"))
def pending_by_default(reference: Reference) -> None:
    """Left out, the completion status stays what it was: Pending."""
    default(reference, "completionStatus", lambda closing, _: replace(closing, completion_status=PENDING))


@fault("CAR-LIFE-COMPLETION-DEFAULT", rare=True)
def success_by_default_if_completed(reference: Reference) -> None:
    """Left out, the completion status is Success if the execution status is Completed."""

    def change(closing: Closing, _: dict[str, object]) -> Closing:
        return replace(closing, completion_status="Success") if closing.execution_status == "Completed" else closing

    default(reference, "completionStatus", change)


@fault("CAR-LIFE-MESSAGE-DEFAULT")
def default_text_misspelt(reference: Reference) -> None:
    """The default text has one wrong letter."""
    reference.rules.default_message = "The IdentityNow Adminstrator manually closed this request."


@fault("CAR-LIFE-MESSAGE-DEFAULT")
def default_text_without_full_stop(reference: Reference) -> None:
    """The default text lacks its full stop."""
    reference.rules.default_message = "The IdentityNow Administrator manually closed this request"


@fault("CAR-LIFE-MESSAGE-DEFAULT")
def default_text_missing(reference: Reference) -> None:
    """Without a message there is no warning at all."""
    close = reference.store.close_request

    def close_request(identifier: str, closing: Closing, now: str) -> AccessRequest | None:
        request = close(identifier, closing, now)
        if request is None or closing.message != reference.rules.default_message:
            return request
        reference.store.database.execute("UPDATE requests SET warnings = '[]' WHERE id = ?", (identifier,))
        return replace(request, warnings=())

    reference.store.close_request = close_request


@fault("CAR-LIFE-MESSAGE-DEFAULT")
def default_text_is_null(reference: Reference) -> None:
    """Left out, the message is the word null."""
    default(reference, "message", lambda closing, _: replace(closing, message="null"))


@fault("CAR-LIFE-MESSAGE-DEFAULT", rare=True)
def default_text_only_without_statuses(reference: Reference) -> None:
    """Left out, the message is empty if a status is named."""

    def change(closing: Closing, body: dict[str, object]) -> Closing:
        return replace(closing, message="") if {"executionStatus", "completionStatus"} & body.keys() else closing

    default(reference, "message", change)


# ------------------------------------------------------------------------------------------------- CAR-LIFE-AFTER-APPROVAL


def is_approved(reference: Reference, identifier: str) -> bool:
    """Tell whether an id names a request that is past its approval, yet pending."""
    request = reference.store.get(identifier)
    return request is not None and request.is_pending and request.approval == "FINISHED"


@fault("CAR-LIFE-AFTER-APPROVAL", also=("CAR-LIFE-CLOSED", *AS_ASKED, "CAR-LIFE-EVENT", "CAR-LIFE-FAILED-IDS"))
def approved_requests_skipped(reference: Reference) -> None:
    """A request past its approval stays pending, and is listed nowhere."""
    close_only(reference, lambda ids: [identifier for identifier in ids if not is_approved(reference, identifier)])


@fault("CAR-LIFE-AFTER-APPROVAL", also=("CAR-LIFE-CLOSED", *AS_ASKED, "CAR-LIFE-EVENT"))
def approved_requests_fail(reference: Reference) -> None:
    """A request past its approval finishes in error: what is closed is only what could have been cancelled."""
    plain = reference.store.close_request

    def close_request(identifier: str, closing: Closing, now: str) -> AccessRequest | None:
        return None if is_approved(reference, identifier) else plain(identifier, closing, now)

    reference.store.close_request = close_request


@fault("CAR-LIFE-AFTER-APPROVAL", also=("CAR-OP-ACCEPTS", "CAR-LIFE-CLOSED", *AS_ASKED, "CAR-LIFE-EVENT"))
def approved_requests_refused(reference: Reference) -> None:
    """A list that names a request past its approval is refused with 400, as cancelling it would be."""
    plain = reference.rules.check

    def check(value: object) -> Closing:
        closing = plain(value)
        if any(is_approved(reference, identifier) for identifier in closing.ids):
            raise BadContent(cause("state"))
        return closing

    reference.rules.check = check


@fault("CAR-LIFE-AFTER-APPROVAL", also=("CAR-LIFE-CLOSED", *AS_ASKED, "CAR-LIFE-EVENT", "CAR-LIFE-FAILED-IDS"), rare=True)
def approved_requests_skipped_in_lists(reference: Reference) -> None:
    """A request past its approval is closed if it is named alone or with its like; beside others it is skipped."""

    def pick(ids: tuple[str, ...]) -> Sequence[str]:
        return [identifier for identifier in ids if not is_approved(reference, identifier)] or ids

    close_only(reference, pick)


# ------------------------------------------------------------------------------------------------- CAR-LIFE-EVENT


@fault("CAR-LIFE-EVENT")
def no_events(reference: Reference) -> None:
    """No event is sent."""
    publish(reference, lambda *_: [])


@fault("CAR-LIFE-EVENT")
def no_event_for_the_last(reference: Reference) -> None:
    """The last request that a closing closes has no event."""
    publish(reference, lambda _, closed: closed[:-1])


@fault("CAR-LIFE-EVENT")
def one_event_for_each_closing(reference: Reference) -> None:
    """Only the first request that a closing closes has an event."""
    publish(reference, lambda _, closed: closed[:1])


@fault("CAR-LIFE-EVENT")
def a_hundred_events_at_most(reference: Reference) -> None:
    """The queue of a closing takes a hundred events; those of the other requests are lost."""
    publish(reference, lambda _, closed: closed[:100])


@fault("CAR-LIFE-EVENT")
def events_for_successes_only(reference: Reference) -> None:
    """Events are sent only if the completion status is Success."""
    publish(reference, lambda closing, closed: closed if closing.completion_status == "Success" else [])


@fault("CAR-LIFE-EVENT", rare=True)
def no_events_after_approval(reference: Reference) -> None:
    """A request past its approval has no event."""
    publish(reference, lambda _, closed: [request for request in closed if request.approval != "FINISHED"])


def renumber(reference: Reference, number: Callable[[Closing, Document], Document]) -> None:
    """Change the events of a closing."""
    closer, publisher = reference.closer, reference.publisher
    plain, event = closer.publish, publisher.event

    def publish_all(closing: Closing, closed: list[AccessRequest]) -> None:
        publisher.event = lambda request, subscription: number(closing, event(request, subscription))
        plain(closing, closed)

    closer.publish = publish_all


@fault("CAR-LIFE-EVENT")
def events_without_tracking_number(reference: Reference) -> None:
    """Events have no tracking number."""
    renumber(reference, lambda _, event: {key: value for key, value in event.items() if key != "trackingNumber"})


@fault("CAR-LIFE-EVENT")
def events_with_the_number_of_the_closing(reference: Reference) -> None:
    """The tracking number of an event is that of the closing's audits, not that of the request."""
    renumber(reference, lambda closing, event: {**event, "trackingNumber": closing.id})


@fault("CAR-LIFE-EVENT", also=("CAR-LIFE-EVENT-ONCE",))
def events_with_the_number_of_the_first(reference: Reference) -> None:
    """The tracking number of all events of a closing is that of its first id."""
    renumber(reference, lambda closing, event: {**event, "trackingNumber": closing.ids[0]})


@fault("CAR-LIFE-EVENT", also=("CAR-LIFE-EVENT-ONCE",))
def events_for_ids_in_error(reference: Reference) -> None:
    """Ids that finish in error have events, too."""

    def pick(closing: Closing, closed: list[AccessRequest]) -> Sequence[AccessRequest]:
        like = closed[0] if closed else reference.store.requests(Selection(), 1, 0)[0]
        done = {request.id for request in closed}
        failed = [identifier for identifier in closing.ids if identifier not in done]
        return [*closed, *(reference.store.get(identifier) or replace(like, id=identifier) for identifier in failed)]

    publish(reference, pick)


@fault("CAR-LIFE-EVENT")
def events_for_refused_requests(reference: Reference) -> None:
    """The ids of a request that is refused with 400 have events, although nothing is closed."""

    def act(closing: Closing) -> None:
        for identifier in closing.ids:
            request = reference.store.get(identifier)
            if request is not None:
                reference.publisher.publish(request)

    when_refused(reference, lambda error: isinstance(error, BadContent), act)


# ------------------------------------------------------------------------------------------------- CAR-LIFE-EVENT-ONCE


@fault("CAR-LIFE-EVENT-ONCE")
def events_twice(reference: Reference) -> None:
    """Each event is sent twice."""
    publish(reference, lambda _, closed: [*closed, *closed])


@fault("CAR-LIFE-EVENT-ONCE")
def events_repeated_later(reference: Reference) -> None:
    """Each event is sent again after 200 ms, although the subscriber took it."""
    plain = reference.publisher.deliver

    async def again(subscription: Subscription, event: Document) -> None:
        await asyncio.sleep(0.2)
        plain(subscription, event)

    def deliver(subscription: Subscription, event: Document) -> None:
        plain(subscription, event)
        reference.spawn(again(subscription, event))

    reference.publisher.deliver = deliver


@fault("CAR-LIFE-EVENT-ONCE")
def last_event_of_a_list_twice(reference: Reference) -> None:
    """The event of the last of several requests is sent twice."""
    publish(reference, lambda _, closed: [*closed, *closed[1:][-1:]])


@fault("CAR-LIFE-EVENT-ONCE", rare=True)
def events_of_long_lists_twice(reference: Reference) -> None:
    """A closing of more than 200 requests is published twice: its first attempt is taken for lost."""
    publish(reference, lambda _, closed: [*closed, *closed] if len(closed) > 200 else closed)


@fault("CAR-LIFE-EVENT-ONCE", "CAR-LIFE-EVENT", rare=True)
def events_repeated_with_the_request(reference: Reference) -> None:
    """A request that is over already has its event again when it is named again."""

    def pick(closing: Closing, closed: list[AccessRequest]) -> Sequence[AccessRequest]:
        done = {request.id for request in closed}
        named = (reference.store.get(identifier) for identifier in closing.ids if identifier not in done)
        return [*closed, *(request for request in named if request is not None)]

    publish(reference, pick)


# ------------------------------------------------------------------------------------------------- CAR-LIFE-NOT-REOPENED


def rewrite_completed(reference: Reference, sql: str, *, closed: bool) -> None:
    """Change a request that is over already when it is named; ``closed`` says whether that counts as a closing."""
    store = reference.store
    plain = store.close_request

    def close_request(identifier: str, closing: Closing, now: str) -> AccessRequest | None:
        request = plain(identifier, closing, now)
        if request is None and store.get(identifier) is not None:
            values = {"stage": closing.execution_status, "status": closing.completion_status, "id": identifier}
            store.database.execute(f"UPDATE requests SET {sql} WHERE id = :id", values)
            request = store.get(identifier) if closed else None
        return request

    store.close_request = close_request


@fault("CAR-LIFE-NOT-REOPENED", also=("CAR-LIFE-EVENT", "CAR-LIFE-EVENT-ONCE"))
def completed_requests_closed_again(reference: Reference) -> None:
    """A request that is over already gets the statuses asked for, and its event."""
    rewrite_completed(reference, "stage = :stage, status = :status", closed=True)


@fault("CAR-LIFE-NOT-REOPENED")
def completed_requests_overwritten(reference: Reference) -> None:
    """A request that is over already is listed as failed, but gets the statuses asked for."""
    rewrite_completed(reference, "stage = :stage, status = :status", closed=False)


@fault("CAR-LIFE-NOT-REOPENED")
def completed_requests_get_the_status(reference: Reference) -> None:
    """A request that is over already keeps its stage, but gets the completion status asked for."""
    rewrite_completed(reference, "status = :status", closed=False)


@fault("CAR-LIFE-NOT-REOPENED", also=("CAR-LIFE-CLOSED", *AS_ASKED, "CAR-LIFE-EVENT-ONCE"))
def completed_requests_reopened(reference: Reference) -> None:
    """A request that is over already becomes pending when it is named."""
    rewrite_completed(reference, f"stage = '{EXECUTING}', status = '{PENDING}', completed = NULL", closed=False)


# ------------------------------------------------------------------------------------------------- CAR-LIFE-ONLY-NAMED


def close_more(reference: Reference, condition: str, limit: int) -> None:
    """Close further pending requests beside each one that is closed; the condition compares ``r`` with the named ``n``."""
    closer, store = reference.closer, reference.store
    plain = closer.close
    sql = (
        f"SELECT r.id FROM requests r, requests n WHERE n.id = ? AND r.id <> n.id AND r.status = 'Pending'"
        f" AND {condition} ORDER BY r.number < n.number, r.number LIMIT {limit}"
    )

    def close(closing: Closing) -> tuple[list[AccessRequest], list[str]]:
        closed, failed = plain(closing)
        now = store.now()
        for request in closed[:3]:
            for row in store.database.execute(sql, (request.id,)).fetchall():
                store.close_request(row[0], closing, now)
        return closed, failed

    closer.close = close


@fault("CAR-LIFE-ONLY-NAMED", also=TAKEN)
def next_request_closed_too(reference: Reference) -> None:
    """The pending request that was made next is closed, too: the end of a range is taken as part of it."""
    close_more(reference, "r.number > n.number AND r.approval = n.approval", 1)


@fault("CAR-LIFE-ONLY-NAMED", also=TAKEN)
def requests_of_the_identity_closed_too(reference: Reference) -> None:
    """Up to twenty other pending requests of the same identity are closed, too."""
    close_more(reference, "r.recipient_id = n.recipient_id AND r.approval = n.approval", 20)


@fault("CAR-LIFE-ONLY-NAMED", also=(*TAKEN, "CAR-LIFE-AFTER-APPROVAL"), rare=True)
def requests_with_like_ids_closed_too(reference: Reference) -> None:
    """Requests whose ids begin with the same two characters are closed, too."""
    close_more(reference, "substr(r.id, 1, 2) = substr(n.id, 1, 2)", 1000)


@fault("CAR-LIFE-ONLY-NAMED", also=(*TAKEN, "CAR-LIFE-AFTER-APPROVAL"), rare=True)
def ids_taken_as_patterns(reference: Reference) -> None:
    """Ids are compared with LIKE: one with a percent sign closes whatever fits it."""
    store = reference.store
    plain = store.close_request

    def close_request(identifier: str, closing: Closing, now: str) -> AccessRequest | None:
        if "%" not in identifier and "_" not in identifier:
            return plain(identifier, closing, now)
        found = store.database.execute("SELECT id FROM requests WHERE id LIKE ?", (identifier,)).fetchall()
        closed = [request for (name,) in found if (request := plain(name, closing, now)) is not None]
        return closed[0] if closed else None

    store.close_request = close_request


def mark_next(reference: Reference, assignment: str) -> None:
    """Change the request that was made after each one that is closed; it stays pending."""
    closer, store = reference.closer, reference.store
    plain = closer.close
    sql = (
        f"UPDATE requests SET {assignment} WHERE status = 'Pending' AND number ="
        " (SELECT min(r.number) FROM requests r, requests n WHERE n.id = :id AND r.number > n.number AND r.status = 'Pending')"
    )

    def close(closing: Closing) -> tuple[list[AccessRequest], list[str]]:
        closed, failed = plain(closing)
        for request in closed[:3]:
            values = {"id": request.id, "stage": closing.execution_status, "message": closing.message}
            store.database.execute(sql, values)
        return closed, failed

    closer.close = close


@fault("CAR-LIFE-ONLY-NAMED")
def next_request_shows_the_message(reference: Reference) -> None:
    """The pending request that was made next shows the message, too, but stays pending."""
    mark_next(reference, "warnings = json_array(:message)")


@fault("CAR-LIFE-ONLY-NAMED")
def next_request_shows_the_stage(reference: Reference) -> None:
    """The pending request that was made next shows the execution status and the message, too; its status stays Pending."""
    mark_next(reference, "stage = :stage, warnings = json_array(:message)")


# ------------------------------------------------------------------------------------------------- CAR-LIFE-FINDABLE


def hide(reference: Reference, hidden: Callable[[Document], bool], words: bytes = b"") -> None:
    """Leave documents of account activities out of what a search finds whose text has these words."""
    plain = reference.search.search

    async def search(call: Call) -> Response:
        response = await plain(call)
        if response.status_code != 200 or words not in call.body:
            return response
        documents = cast("list[Document]", reference.reader.parse(bytes(response.body).decode()))
        left = [item for item in documents if item["_type"] != "accountactivity" or not hidden(item)]
        headers = {name: value for name, value in response.headers.items() if name == "x-total-count"}
        return reference.errors.render(200, left, headers)

    reference.search.search = search


def is_pending(document: Document) -> bool:
    """Tell whether a search document shows a pending request."""
    return document["status"] == PENDING


@fault("CAR-LIFE-FINDABLE")
def pending_requests_not_indexed(reference: Reference) -> None:
    """Search finds an account activity only once it is over."""
    hide(reference, is_pending)


@fault("CAR-LIFE-FINDABLE")
def pending_status_not_searchable(reference: Reference) -> None:
    """Search shows pending requests, but does not find them by their status."""
    hide(reference, is_pending, b"status:")


@fault("CAR-LIFE-FINDABLE")
def action_not_searchable(reference: Reference) -> None:
    """The vendor's phrase "Access Request" is found nowhere in an account activity."""
    hide(reference, lambda _: True, b"Access Request")


def list_only(reference: Reference, shown: Callable[[Document], bool]) -> None:
    """Leave account activities out of the list."""
    plain = reference.account_activities.list_activities

    async def list_activities(call: Call) -> Response:
        response = await plain(call)
        if response.status_code != 200:
            return response
        found = cast("list[Document]", reference.reader.parse(bytes(response.body).decode()))
        return reference.errors.render(200, [item for item in found if shown(item)], {})

    reference.account_activities.list_activities = list_activities


@fault("CAR-LIFE-FINDABLE")
def pending_requests_not_listed(reference: Reference) -> None:
    """List Account Activities leaves out what is pending."""
    list_only(reference, lambda activity: activity["completionStatus"] != "PENDING")


@fault("CAR-LIFE-FINDABLE", rare=True)
def approved_requests_not_listed(reference: Reference) -> None:
    """List Account Activities leaves out what is pending past its approval."""

    def shown(activity: Document) -> bool:
        items = cast("list[Document]", activity["items"])
        return activity["completionStatus"] != "PENDING" or items[0]["approvalStatus"] != "FINISHED"

    list_only(reference, shown)


@fault("CAR-LIFE-FINDABLE", rare=True)
def first_page_only(reference: Reference) -> None:
    """List Account Activities ignores offset: every page is the first."""
    plain = reference.account_activities.list_activities

    async def list_activities(call: Call) -> Response:
        call.query = QueryParams([(name, value) for name, value in call.query.multi_items() if name != "offset"])
        return await plain(call)

    reference.account_activities.list_activities = list_activities


# ------------------------------------------------------------------------------------------------- CAR-LIFE-CONCURRENT


def share(reference: Reference, mix: Callable[[Closing, Closing], Closing], *, first: bool = False) -> None:
    """Carry each closing out with what is kept of the last accepted one, or of the one that ran when it was accepted."""
    closer = reference.closer
    accept, close = closer.accept, closer.close
    running: dict[str, Closing] = {}
    leaders: dict[str, Closing] = {}

    def take(closing: Closing) -> None:
        running[closing.id] = closing
        leader = next(iter(running.values()))
        leaders[closing.id] = leaders.get(leader.id, leader)
        accept(closing)

    def close_with(closing: Closing) -> tuple[list[AccessRequest], list[str]]:
        last = list(running.values())[-1] if running else closing
        found = close(mix(closing, leaders.get(closing.id, closing) if first else last))
        running.pop(closing.id, None)
        return found

    closer.accept = take
    closer.close = close_with


@fault("CAR-LIFE-CONCURRENT", also=AS_ASKED, completion_seconds=0.1)
def closings_share_everything(reference: Reference) -> None:
    """Message and statuses of the closing that was accepted last are used for all that run: they stand in one place."""

    def mix(closing: Closing, other: Closing) -> Closing:
        return replace(other, ids=closing.ids, id=closing.id)

    share(reference, mix)


@fault("CAR-LIFE-CONCURRENT", also=("CAR-LIFE-MESSAGE", "CAR-LIFE-MESSAGE-DEFAULT"), completion_seconds=0.1)
def closings_share_their_message(reference: Reference) -> None:
    """The message of the closing that was accepted last is used for all that run."""
    share(reference, lambda closing, other: replace(closing, message=other.message))


@fault("CAR-LIFE-CONCURRENT", also=STATUSES, completion_seconds=0.1)
def closings_share_their_statuses(reference: Reference) -> None:
    """The statuses of the closing that was accepted last are used for all that run."""

    def mix(closing: Closing, other: Closing) -> Closing:
        return replace(closing, execution_status=other.execution_status, completion_status=other.completion_status)

    share(reference, mix)


@fault("CAR-LIFE-CONCURRENT", also=AS_ASKED, completion_seconds=0.1)
def closings_join_the_one_that_runs(reference: Reference) -> None:
    """A closing that is accepted while another runs joins it: its requests get the other's message and statuses."""

    def mix(closing: Closing, other: Closing) -> Closing:
        return replace(other, ids=closing.ids, id=closing.id)

    share(reference, mix, first=True)


@fault("CAR-LIFE-CONCURRENT", also=AS_ASKED, rare=True, completion_seconds=0.1)
def five_closings_mix(reference: Reference) -> None:
    """There are four places for closings that run: a fifth overwrites the first."""
    closer = reference.closer
    accept, close = closer.accept, closer.close
    places: list[Closing | None] = [None] * 4
    place_of: dict[str, int] = {}
    taken = 0

    def take(closing: Closing) -> None:
        nonlocal taken
        place_of[closing.id] = taken % len(places)
        places[taken % len(places)] = closing
        taken += 1
        accept(closing)

    def close_with(closing: Closing) -> tuple[list[AccessRequest], list[str]]:
        other = places[place_of.pop(closing.id, 0)] or closing
        return close(replace(other, ids=closing.ids, id=closing.id))

    closer.accept = take
    closer.close = close_with


# ------------------------------------------------------------------------------------------------- CAR-LIFE-REPEAT


def on_repetition(reference: Reference, answer: Callable[[], Response], times: int = 1) -> None:
    """Answer so a request for nothing but ids that have been closed so many times before."""
    operation = reference.operation
    plain = operation.accept
    named: dict[str, int] = {}

    async def accept(call: Call) -> Response | None:
        assert call.closing is not None
        ids = [identifier for identifier in call.closing.ids if reference.store.get(identifier) is not None]
        if ids and len(ids) == len(call.closing.ids) and all(named.get(identifier, 0) >= times for identifier in ids):
            return answer()
        named.update({identifier: named.get(identifier, 0) + 1 for identifier in ids})
        return await plain(call)

    operation.accept = accept


def conflict(reference: Reference, status: int, text: str) -> Callable[[], Response]:
    """Return what answers with this status."""
    return lambda: reference.errors.problem(Problem(status, text, "content", [cause("state")]), None)


@fault("CAR-LIFE-REPEAT", also=("CAR-OP-STATUS",))
def repetition_409(reference: Reference) -> None:
    """A request that is sent again is answered 409: its access requests are over."""
    on_repetition(reference, conflict(reference, 409, "409 Conflict"))


@fault("CAR-LIFE-REPEAT", also=("CAR-OP-STATUS",))
def repetition_404(reference: Reference) -> None:
    """A request that is sent again is answered 404: there are no pending access requests by its ids."""
    on_repetition(reference, conflict(reference, 404, "404 Not found"))


@fault("CAR-LIFE-REPEAT", also=("CAR-OP-NO-500",))
def repetition_500(reference: Reference) -> None:
    """A request that is sent again is answered 500: the row of its closing exists already."""

    def answer() -> Response:
        raise InternalFault

    on_repetition(reference, answer)


@fault("CAR-OP-STATUS", "CAR-OP-NO-500", also=("CAR-OP-INDEPENDENT",), rare=True)
def third_repetition_503(reference: Reference) -> None:
    """A request that is sent for the fourth time is answered 503."""
    on_repetition(reference, conflict(reference, 503, "503 Service Unavailable"), times=3)


# ------------------------------------------------------------------------------------------------- refusals with effect


@fault("CAR-BODY-ATOMIC", also=QUEUED)
def valid_ids_of_a_bad_list_closed(reference: Reference) -> None:
    """The ids of a list with a bad item in it are closed; the answer is 400."""

    def bad_item(error: Exception) -> bool:
        return isinstance(error, BadContent) and any(item.key.startswith("item.") for item in error.causes)

    when_refused(reference, bad_item, lambda closing: reference.closer.accept(closing))


@fault("CAR-BODY-ATOMIC", also=QUEUED)
def ids_closed_up_to_the_bad_item(reference: Reference) -> None:
    """Items are checked while they are closed: what stands before a bad one is closed; the answer is 400."""

    def act(closing: Closing) -> None:
        if closing.ids:
            reference.closer.accept(closing)

    handlers = close_handlers(reference)
    plain = handlers["POST"]

    async def handle(call: Call) -> Response:
        try:
            return await plain(call)
        except BadContent:
            body = call.value
            ids = body.get("accessRequestIds") if isinstance(body, dict) else None
            if isinstance(ids, list) and isinstance(body, dict):
                wrong = next((number for number, item in enumerate(ids) if not isinstance(item, str)), 0)
                before = tuple(item for item in dict.fromkeys(ids[:wrong]) if is_text(item))
                closing = replace(reference.rules.check({"accessRequestIds": ["-"]}), ids=before)
                message = body.get("message")
                act(replace(closing, message=message) if isinstance(message, str) and is_text(message) else closing)
            raise

    handlers["POST"] = handle


def with_cause(*members: str) -> Callable[[Exception], bool]:
    """Return what tells whether a request is refused for one of these members."""

    def refused(error: Exception) -> bool:
        return isinstance(error, BadContent) and any(item.parameters.get("member") in members for item in error.causes)

    return refused


@fault("CAR-BODY-ATOMIC")
def closed_before_the_statuses_are_checked(reference: Reference) -> None:
    """A request whose status is none of the values is refused with 400 when its ids have been closed by default, silently."""
    when_refused(reference, with_cause("executionStatus", "completionStatus"), silently(reference))


@fault("CAR-BODY-ATOMIC", also=QUEUED, rare=True)
def closed_in_spite_of_the_message(reference: Reference) -> None:
    """A request whose message is no text is refused with 400 when it has been queued with the default text."""
    when_refused(reference, with_cause("message"), lambda closing: reference.closer.accept(closing))


@fault("CAR-BODY-ATOMIC", also=QUEUED, rare=True)
def first_500_of_too_many_closed(reference: Reference) -> None:
    """Of more than 500 ids the first 500 are closed; the answer is 400."""

    def too_many(error: Exception) -> bool:
        return isinstance(error, BadContent) and any(item.key == "member.many" for item in error.causes)

    when_refused(reference, too_many, lambda closing: reference.closer.accept(closing))


def is_expired(error: Exception) -> bool:
    """Tell whether a request is refused because its token has expired."""
    return isinstance(error, Unauthenticated) and "expired" in error.error


def is_missing(error: Exception) -> bool:
    """Tell whether a request is refused because it has no token."""
    return isinstance(error, Unauthenticated) and "no Authorization" in error.error


@fault("CAR-AUTH-NO-EFFECT", also=QUEUED)
def forbidden_but_queued(reference: Reference) -> None:
    """Whether the caller has access is looked at when the work is queued; the answer is 403."""
    when_refused(reference, lambda error: isinstance(error, Forbidden), lambda closing: reference.closer.accept(closing))


@fault("CAR-AUTH-NO-EFFECT")
def forbidden_but_closed(reference: Reference) -> None:
    """What a caller without access names is closed, with neither audits nor events; the answer is 403."""
    when_refused(reference, lambda error: isinstance(error, Forbidden), silently(reference))


@fault("CAR-AUTH-NO-EFFECT", also=QUEUED)
def expired_but_queued(reference: Reference) -> None:
    """That a token has expired is noticed when the work is queued; the answer is 401."""
    when_refused(reference, is_expired, lambda closing: reference.closer.accept(closing))


@fault("CAR-AUTH-NO-EFFECT")
def no_token_but_closed(reference: Reference) -> None:
    """What a caller without a token names is closed, with neither audits nor events; the answer is 401."""
    when_refused(reference, is_missing, silently(reference))


@fault("CAR-AUTH-NO-EFFECT", also=QUEUED, rare=True)
def invalid_token_but_queued(reference: Reference) -> None:
    """That a token does not verify is noticed when the work is queued; the answer is 401."""

    def invalid(error: Exception) -> bool:
        return isinstance(error, Unauthenticated) and not is_expired(error) and not is_missing(error)

    when_refused(reference, invalid, lambda closing: reference.closer.accept(closing))


@fault("CAR-RATE-NO-EFFECT", also=QUEUED)
def throttled_but_queued(reference: Reference) -> None:
    """The limit is looked at when the work is queued; the answer is 429."""
    when_refused(reference, lambda error: isinstance(error, Throttled), lambda closing: reference.closer.accept(closing))


@fault("CAR-RATE-NO-EFFECT")
def throttled_but_closed(reference: Reference) -> None:
    """What is answered 429 is closed, with neither audits nor events."""
    when_refused(reference, lambda error: isinstance(error, Throttled), silently(reference))


@fault("CAR-RATE-NO-EFFECT", also=QUEUED)
def throttled_but_done_later(reference: Reference) -> None:
    """What is answered 429 waits in a queue, and is done after half a second."""

    async def later(closing: Closing) -> None:
        await asyncio.sleep(0.5)
        reference.closer.accept(closing)

    when_refused(reference, lambda error: isinstance(error, Throttled), lambda closing: reference.spawn(later(closing)))


@fault("CAR-FAULT-NO-EFFECT", also=QUEUED)
def faulty_but_queued(reference: Reference) -> None:
    """The fault comes when the work is queued; the answer is 500."""
    when_refused(reference, lambda error: isinstance(error, InternalFault), lambda closing: reference.closer.accept(closing))


@fault("CAR-FAULT-NO-EFFECT")
def faulty_but_closed(reference: Reference) -> None:
    """The fault comes when the requests have been closed, before audits and events; the answer is 500."""
    when_refused(reference, lambda error: isinstance(error, InternalFault), silently(reference))


@fault("CAR-FAULT-NO-EFFECT")
def faulty_in_the_middle(reference: Reference) -> None:
    """The fault comes when the first of the requests has been closed; the answer is 500."""
    close = silently(reference)
    when_refused(
        reference,
        lambda error: isinstance(error, InternalFault),
        lambda closing: close(replace(closing, ids=closing.ids[:1])),
    )


# ------------------------------------------------------------------------------------------------- CAR-OP-SAFE-METHODS


def close_by(reference: Reference, method: str, body: Callable[[Call], Any], act: Callable[[Closing], None]) -> None:
    """Close what a request of another method names, if its caller has access, and answer it 405 as ever."""

    async def handle(call: Call) -> Response:
        call.caller = reference.authenticator.authenticate(call.authorization)
        reference.authenticator.authorize(call.caller)
        try:
            closing = reference.rules.check(body(call))
        except Problem:
            closing = None
        if closing is not None:
            act(replace(closing, requested_by=call.caller.user_name))
        raise MethodNotAllowed(["POST"])

    close_handlers(reference)[method] = handle


@fault("CAR-OP-SAFE-METHODS", also=QUEUED, rare=True)
def get_with_a_body_closes(reference: Reference) -> None:
    """GET with a valid body queues the closing before it is answered 405."""
    close_by(
        reference,
        "GET",
        lambda call: reference.reader.read(call.headers.getlist("content-type"), call.body),
        lambda closing: reference.closer.accept(closing),
    )


@fault("CAR-OP-SAFE-METHODS", rare=True)
def head_with_a_body_closes(reference: Reference) -> None:
    """HEAD with a valid body closes silently before it is answered 405."""
    close_by(
        reference,
        "HEAD",
        lambda call: reference.reader.read(call.headers.getlist("content-type"), call.body),
        silently(reference),
    )


@fault("CAR-OP-SAFE-METHODS", also=QUEUED, rare=True)
def get_with_a_query_closes(reference: Reference) -> None:
    """GET with accessRequestIds in the query queues the closing before it is answered 405."""

    def body(call: Call) -> dict[str, object]:
        named = ",".join(call.query.getlist("accessRequestIds")).split(",")
        return {**dict(call.query), "accessRequestIds": [item for item in named if item]}

    close_by(reference, "GET", body, lambda closing: reference.closer.accept(closing))


@fault("CAR-OP-SAFE-METHODS")
def get_is_accepted(reference: Reference) -> None:
    """GET is served as POST is."""
    handlers = close_handlers(reference)
    handlers["GET"] = handlers["POST"]
