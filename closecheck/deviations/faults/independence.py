"""Faults that show only in company: what came before, on the same connection, or is in flight at the same time."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.responses import Response

from closecheck.deviations.deviation import fault
from closecheck.deviations.faults._tools import (
    ACCEPTANCE,
    REFUSALS,
    accept,
    add_step,
    answers,
    close_path,
    connection,
    cut,
    entries,
    fail,
    number,
    refuse,
    tell_connections,
)
from closecheck.reference import Answer, End, Reference
from closecheck.reference.errors import BadContent, Forbidden, InternalFault, Problem, Unauthenticated
from closecheck.reference.operation import Call

ALONE: Final = "CAR-OP-INDEPENDENT"
FAILED: Final = (*ACCEPTANCE, "CAR-LIFE-REPEAT")
"""What a 500 breaks that can meet any valid request."""
HOLD: Final = 0.05
"""Seconds that an answer is held back, so that requests sent together are in flight together."""

Around = Callable[[Call, Callable[[], Awaitable[Response]]], Awaitable[Response]]


# How often


@fault(ALONE, "CAR-OP-NO-500", also=FAILED, rare=True)
def every_64th_with_500(reference: Reference) -> None:
    """Every 64th valid request is answered 500: the worker is being replaced."""
    served = itertools.count(1)
    fail(reference, lambda call: next(served) % 64 == 0)


@fault(ALONE, also=ACCEPTANCE, rare=True)
def counter_wraps_at_256(reference: Reference) -> None:
    """Valid requests are numbered in eight bits: each 256th has the number 0, which counts as none, and is refused."""
    served = itertools.count(1)
    refuse(reference, lambda call: next(served) % 256 == 0)


@fault(ALONE, "CAR-OP-NO-500", also=FAILED, rare=True)
def first_with_500(reference: Reference) -> None:
    """The first valid request after the start is answered 500: the pool of connections is still empty."""
    served = itertools.count(1)
    fail(reference, lambda call: next(served) == 1)


@fault(ALONE, also=ACCEPTANCE, rare=True)
def ids_of_half_a_second_counted(reference: Reference) -> None:
    """More than 750 ids within half a second are refused, in however many requests they come."""
    recent: deque[tuple[float, int]] = deque()

    def too_many(call: Call) -> bool:
        while recent and recent[0][0] < time.monotonic() - 0.5:
            recent.popleft()
        recent.append((time.monotonic(), len(entries(call))))
        return sum(count for _, count in recent) > 750

    refuse(reference, too_many)


# What came before


@fault(ALONE, also=ACCEPTANCE, rare=True)
def errors_not_cleared(reference: Reference) -> None:
    """The list of errors is static: the valid request that follows a refused one is refused too."""
    validate = reference.operation.validate
    left: list[bool] = []

    async def remembering(call: Call) -> Response | None:
        try:
            answer = await validate(call)
        except BadContent:
            left.append(True)
            raise
        if left:
            left.clear()
            raise BadContent
        return answer

    reference.operation.validate = remembering


@fault(ALONE, also=ACCEPTANCE, rare=True)
def refusals_cached_by_length(reference: Reference) -> None:
    """A body that is as long as one that was refused is refused: the cache knows bodies by their length."""
    verdicts_by(reference, lambda call: len(call.body), refusals=True)


@fault(ALONE, also=(*REFUSALS, "CAR-LIFE-STARTED", "CAR-LIFE-COMPLETED", "CAR-LIFE-CLOSED", "CAR-LIFE-AFTER-APPROVAL"), rare=True)
def acceptance_cached_by_length(reference: Reference) -> None:
    """A body that is as long as one that was accepted is accepted: the cache knows bodies by their length."""
    verdicts_by(reference, lambda call: len(call.body), refusals=False)


@fault(ALONE, also=REFUSALS, rare=True)
def acceptance_cached_by_ids(reference: Reference) -> None:
    """A body with the ids of one that was accepted is accepted, whatever else it says."""
    verdicts_by(reference, lambda call: hash(tuple(map(str, entries(call)))), refusals=False)


@fault(ALONE, also=REFUSALS, rare=True)
def refused_body_accepted_again(reference: Reference) -> None:
    """A body is noted before it is validated: a refused one that is sent again counts as done, and is answered 202."""
    noted: set[bytes] = set()

    def again(call: Call) -> bool:
        digest = hashlib.sha256(call.body).digest()
        known = digest in noted
        noted.add(digest)
        return known

    accept(reference, again)


@fault(ALONE, also=ACCEPTANCE, rare=True)
def ids_of_refused_bodies_reserved(reference: Reference) -> None:
    """The ids of a refused request stay reserved: the corrected request is refused too."""
    validate = reference.operation.validate
    reserved: set[str] = set()

    async def reserving(call: Call) -> Response | None:
        ids = {item for item in entries(call) if isinstance(item, str)}
        try:
            answer = await validate(call)
        except BadContent:
            reserved.update(ids)
            raise
        if reserved & ids:
            raise BadContent
        return answer

    reference.operation.validate = reserving


@fault(ALONE, also=ACCEPTANCE, rare=True)
def five_errors_lock_out(reference: Reference) -> None:
    """After five refused requests in a row a valid one is answered 403, as an attack."""
    errors = 0

    async def around(call: Call, proceed: Callable[[], Awaitable[Response]]) -> Response:
        nonlocal errors
        try:
            answer = await proceed()
        except Problem as error:
            errors = errors + 1 if error.status == 400 else 0
            raise
        errors = 0
        return answer

    refuse(reference, lambda call: errors >= 5, Forbidden)
    around_operation(reference, around)


@fault(ALONE, also=(*ACCEPTANCE, *REFUSALS), rare=True)
def refusals_cached_by_body(reference: Reference) -> None:
    """A cache keeps the refusals of strangers by body: the authorized caller who sends the same bytes gets the 401 of another."""
    strangers_kept(reference, Unauthenticated)


@fault(ALONE, also=(*ACCEPTANCE, *REFUSALS, "CAR-AUTH-FORBIDDEN"), rare=True)
def refusals_cached_by_body_of_ids_that_exist(reference: Reference) -> None:
    """Ids are looked up, and a body that was sent without a right to it gets its 401 from then on, also from who has the right."""
    refuse(reference, lambda call: any(reference.store.get(one) is None for one in entries(call)))
    strangers_kept(reference, Unauthenticated)


@fault(ALONE, also=(*ACCEPTANCE, *REFUSALS), rare=True)
def access_refused_by_body(reference: Reference) -> None:
    """A body that a user without access has sent is answered 403 from then on, whoever sends it."""
    strangers_kept(reference, Forbidden)


@fault(ALONE, also=(*ACCEPTANCE, *REFUSALS, "CAR-AUTH-MISSING", "CAR-AUTH-EXPIRED", "CAR-AUTH-INVALID", "CAR-AUTH-FIRST"), rare=True)
def strangers_body_taken_for_his_own(reference: Reference) -> None:
    """A body is noted with the first who sends it, and only he may send it again: idempotency without a look at who he is."""
    senders: dict[bytes, list[str]] = {}

    def anothers(call: Call) -> bool:
        return senders.setdefault(call.body, call.authorization) != call.authorization

    refuse(reference, anothers, Forbidden, before="authenticate")


# What was asked first


@fault(ALONE, rare=True)
def close_forbidden_after_a_listing(reference: Reference) -> None:
    """An authorizer's policy is cached by token for minutes and names the path of the listing that was read: every close is 403."""
    decisions_kept(reference, 300, replaced=True)


@fault(ALONE, rare=True)
def first_request_of_a_token_decides(reference: Reference) -> None:
    """An authorizer's policy is cached by token and names the first path alone: for two seconds every other is 403."""
    decisions_kept(reference, 2)


# The same connection


@fault(ALONE, also=ACCEPTANCE, rare=True)
def connection_tires_after_20(reference: Reference) -> None:
    """After 20 requests on a connection each further one is refused with 400."""
    tell_connections(reference)
    refuse(reference, lambda call: number(call) > 20)


@fault(ALONE, also=ACCEPTANCE, rare=True)
def refused_caller_sticks_to_connection(reference: Reference) -> None:
    """The request that follows a 403 on the same connection is answered 403 too, whoever sends it."""
    sticks(reference, lambda call, error: isinstance(error, Forbidden), Forbidden)


@fault(ALONE, also=ACCEPTANCE, rare=True)
def stranger_sticks_to_connection(reference: Reference) -> None:
    """The request that follows a 401 on the same connection is answered 401 too, whatever its token."""
    sticks(
        reference,
        lambda call, error: isinstance(error, Unauthenticated),
        lambda: Unauthenticated("JWT validation failed: JWT is not valid"),
    )


@fault(ALONE, "CAR-AUTH-MISSING", rare=True)
def connection_stays_authenticated(reference: Reference) -> None:
    """The token counts for the connection: a later request without one is served on it."""
    tell_connections(reference)
    authenticate = reference.operation.authenticate
    tokens: dict[int, list[str]] = {}

    async def once(call: Call) -> Response | None:
        if call.authorization:
            answer = await authenticate(call)
            tokens[connection(call)] = call.authorization
            return answer
        call.caller = reference.authenticator.authenticate(tokens.get(connection(call), []))
        return None

    reference.operation.authenticate = once


@fault(ALONE, also=ACCEPTANCE, rare=True)
def chunks_leave_a_rest(reference: Reference) -> None:
    """The request that follows a chunked one on the same connection is refused: the end of the last chunk is still unread."""
    sticks(reference, lambda call, error: "chunked" in call.headers.get("transfer-encoding", ""), BadContent)


@fault(ALONE, also=ACCEPTANCE, rare=True)
def large_body_leaves_a_rest(reference: Reference) -> None:
    """The request that follows a refused one of more than 8 kB on the same connection is refused: the rest is still unread."""
    sticks(reference, lambda call, error: error is not None and len(call.body) > 8192, BadContent)


@fault(ALONE, also=ACCEPTANCE, rare=True)
def other_method_leaves_its_body(reference: Reference) -> None:
    """The request that follows a 405 on the same connection is refused: the body of the other is still unread."""
    tell_connections(reference)
    answer = reference.answer
    unread: set[int] = set()

    async def noting(handlers: dict[str, Callable[[Call], Awaitable[Response]]], call: Call) -> Response:
        if call.path == close_path(reference) and call.method not in handlers:
            unread.add(connection(call))
        return await answer(handlers, call)

    def left(call: Call) -> bool:
        known = connection(call) in unread
        unread.discard(connection(call))
        return known

    reference.answer = noting
    refuse(reference, left)


@fault(ALONE, also=("CAR-OP-MEDIA-TYPE", "CAR-ACCEPTED-BODY"), rare=True)
def buffer_keeps_the_last_answer(reference: Reference) -> None:
    """The buffer of a connection is not emptied: a 202 ends with the end of the longer error before it."""
    longest: dict[int, bytes] = {}

    def hook(answer: Answer) -> None:
        assert answer.request is not None
        before = longest.pop(answer.request.connection, b"")
        if answer.status == 202:
            answer.set_body(answer.body + before[len(answer.body) :])
        else:
            longest[answer.request.connection] = answer.body

    answers(reference, hook)


# At the same time


@fault(ALONE, "CAR-OP-NO-500", also=(*FAILED, "CAR-OP-STATUS"), rare=True, slow=True)
def pool_of_eight(reference: Reference) -> None:
    """Eight requests are served at a time, and whoever comes ninth is answered 503."""
    beyond(reference, 8, lambda: Problem(503, "503 Service Unavailable", "internal"))


@fault(ALONE, "CAR-OP-NO-500", also=FAILED, rare=True, slow=True)
def database_locked(reference: Reference) -> None:
    """Where more than four requests are in flight the next is answered 500: the database is locked."""
    beyond(reference, 4, InternalFault)


@fault(ALONE, "CAR-OP-STATUS", also=ACCEPTANCE, rare=True, slow=True)
def one_at_a_time(reference: Reference) -> None:
    """Whoever comes while another request is in flight is answered 409."""
    beyond(reference, 1, lambda: Problem(409, "409 Conflict", "content"))


@fault(ALONE, "CAR-OP-ANSWERS", also=ACCEPTANCE, rare=True, slow=True)
def tenth_never_answered(reference: Reference) -> None:
    """Whoever comes while nine requests are in flight is never answered: each waits for a connection that another holds."""
    flight = hold(reference)
    cut(reference, lambda call: flight[0] > 9, End.HANG)


@fault(ALONE, also=(*ACCEPTANCE, *REFUSALS, "CAR-LIFE-CONCURRENT", "CAR-LIFE-CLOSED", "CAR-LIFE-FAILED-IDS"), rare=True, slow=True)
def value_in_static_variable(reference: Reference) -> None:
    """The body's value is kept in a variable that all requests share: who comes later is judged for who came before."""
    shared: list[object] = [None]

    async def step(call: Call) -> None:
        shared[0] = call.value
        await asyncio.sleep(HOLD)
        call.value = shared[0]

    add_step(reference, step, before="validate")


@fault(ALONE, also=(*ACCEPTANCE, *REFUSALS), rare=True, slow=True)
def verdict_in_static_variable(reference: Reference) -> None:
    """The verdict is kept in a variable that all requests share: one that is refused makes those refused that are in flight."""
    validate = reference.operation.validate
    refused_at = 0.0

    async def shared(call: Call) -> Response | None:
        nonlocal refused_at
        came = time.monotonic()
        try:
            await validate(call)
        except BadContent:
            refused_at = came
            raise
        await asyncio.sleep(HOLD)
        if refused_at >= came:
            raise BadContent
        return None

    reference.operation.validate = shared


def strangers_kept(reference: Reference, kind: type[Exception]) -> None:
    """Refuse a body as it was refused to the first who may not send it, if that refusal was of this kind."""
    kept: dict[bytes, Exception] = {}

    async def around(call: Call, proceed: Callable[[], Awaitable[Response]]) -> Response:
        if call.body in kept:
            raise kept[call.body]
        try:
            return await proceed()
        except kind as error:
            kept[call.body] = error
            raise

    around_operation(reference, around)


def decisions_kept(reference: Reference, seconds: float, *, replaced: bool = False) -> None:
    """
    Let the first path that a token asks for be the only one that it may ask for, so many seconds long.

    With ``replaced`` a request beside the operation is always let through, and replaces what was decided before.
    """
    answer, operation = reference.answer, close_path(reference)
    decided: dict[str, tuple[float, bool]] = {}

    async def deciding(handlers: dict[str, Callable[[Call], Awaitable[Response]]], call: Call) -> Response:
        token, closes = ",".join(call.authorization), call.path == operation
        until, allowed = decided.get(token, (0.0, closes))
        if time.monotonic() > until or (replaced and not closes):
            decided[token] = time.monotonic() + seconds, closes
        elif token and closes != allowed:
            return reference.refusal(Forbidden(), call.accept_language)
        return await answer(handlers, call)

    reference.answer = deciding


def around_operation(reference: Reference, around: Around) -> None:
    """Put a function around the whole operation."""
    path = close_path(reference)
    operation = reference.routes[path]["POST"]
    reference.routes[path]["POST"] = lambda call: around(call, lambda: operation(call))


def verdicts_by(reference: Reference, key: Callable[[Call], int], *, refusals: bool) -> None:
    """Judge a body that can be read as an earlier one of the same key was judged, if that was refused (or accepted)."""
    validate = reference.operation.validate
    known: set[int] = set()

    async def cached(call: Call) -> Response | None:
        own = key(call)
        if refusals and own in known:
            raise BadContent
        try:
            answer = await validate(call)
        except BadContent:
            if refusals:
                known.add(own)
            raise
        if not refusals:
            known.add(own)
        return answer

    if not refusals:
        accept(reference, lambda call: key(call) in known)
    reference.operation.validate = cached


def sticks(reference: Reference, when: Callable[[Call, Exception | None], bool], refusal: Callable[[], Exception]) -> None:
    """Refuse the valid request that follows one on its connection of which, and of whose error, ``when`` is true."""
    tell_connections(reference)
    marked: set[int] = set()

    async def around(call: Call, proceed: Callable[[], Awaitable[Response]]) -> Response:
        own = connection(call)
        follows = own in marked
        error: Exception | None = None
        try:
            return await proceed()
        except Exception as raised:
            error = raised
            raise
        finally:
            marked.discard(own)
            if when(call, error) and not follows:
                marked.add(own)

    refuse(reference, lambda call: connection(call) in marked, refusal)
    around_operation(reference, around)


def hold(reference: Reference) -> list[int]:
    """Hold every answer back for a moment, and return a list whose only entry is the number of requests in flight."""
    flight = [0]

    async def around(call: Call, proceed: Callable[[], Awaitable[Response]]) -> Response:
        flight[0] += 1
        try:
            answer = await proceed()
            await asyncio.sleep(HOLD)
            return answer
        finally:
            flight[0] -= 1

    around_operation(reference, around)
    return flight


def beyond(reference: Reference, limit: int, refusal: Callable[[], Exception]) -> None:
    """Refuse valid requests beyond so many in flight."""
    flight = hold(reference)
    refuse(reference, lambda call: flight[0] > limit, refusal)
