"""What several deviations need: where to take hold, and which clauses fall together. Nothing here deviates by itself."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

import httptools
from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import ASGIApp

from closecheck.reference import Answer, End, Reference
from closecheck.reference.app import CLOSE_PATH
from closecheck.reference.errors import BadContent, InternalFault, Problem
from closecheck.reference.localization import Locale
from closecheck.reference.model import Closing
from closecheck.reference.operation import Call
from closecheck.reference.wire import Protocol

Step = Callable[[Call], Awaitable[Response | None]]
When = Callable[[Call], bool]

ACCEPTANCE: Final = (
    "CAR-OP-ACCEPTS",
    "CAR-OP-HEADERS",
    "CAR-OP-QUERY-IGNORED",
    "CAR-BODY-JSON-FORMS",
    "CAR-BODY-MEDIA-PARAMS",
    "CAR-BODY-FRAMING",
    "CAR-IDS-RANGE",
    "CAR-MESSAGE-OPTIONAL",
    "CAR-EXECUTION-OPTIONAL",
    "CAR-COMPLETION-OPTIONAL",
    "CAR-MESSAGE-TEXT",
    "CAR-MESSAGE-BLANK",
    "CAR-EXECUTION-VALUES",
    "CAR-COMPLETION-VALUES",
    "CAR-STATUS-COMBINATIONS",
    "CAR-AUTH-SCHEME-CASE",
)
"""Every clause that asks for a 202; whoever refuses any valid body breaks them all."""

SYNTAX: Final = ("CAR-BODY-JSON", "CAR-BODY-JSON-STRICT", "CAR-BODY-UTF8")
"""Every clause that asks for a 400 because the body cannot be read."""

CONTENT: Final = (
    "CAR-BODY-OBJECT",
    "CAR-BODY-NAMES",
    "CAR-IDS-REQUIRED",
    "CAR-IDS-ARRAY",
    "CAR-IDS-ITEMS",
    "CAR-IDS-MIN",
    "CAR-IDS-MAX",
    "CAR-IDS-MAX-ENTRIES",
    "CAR-MESSAGE-TYPE",
    "CAR-EXECUTION-TYPE",
    "CAR-COMPLETION-TYPE",
    "CAR-MESSAGE-NULL",
    "CAR-EXECUTION-NULL",
    "CAR-COMPLETION-NULL",
    "CAR-EXECUTION-CLOSED",
    "CAR-COMPLETION-CLOSED",
)
"""Every clause that asks for a 400 because of what the body says."""

REFUSALS: Final = ("CAR-BODY-REQUIRED", "CAR-BODY-MEDIA-TYPE", *SYNTAX, *CONTENT)
"""Every clause that asks for a 400."""

UNREADABLE: Final = ("CAR-OP-MEDIA-TYPE", "CAR-ERROR-OBJECT", "CAR-ERROR-COMPLETE")
"""What an error breaks whose body is no JSON."""

CONNECTION: Final = "x-told-connection"
NUMBER: Final = "x-told-number"


def close_path(reference: Reference) -> str:
    """Return the path of the operation."""
    return reference.config.base_path + CLOSE_PATH


def unprocessable() -> Problem:
    """Return the refusal 422, which frameworks prefer."""
    return Problem(422, "422 Unprocessable Content", "content")


def add_step(reference: Reference, step: Step, *, before: str) -> None:
    """Put a step into the operation, in front of the one that is named."""
    steps = reference.operation.steps
    name = f"step_{len(steps)}"
    setattr(reference.operation, name, step)
    steps.insert(steps.index(before), name)


def refuse(reference: Reference, when: When, refusal: Callable[[], Exception] = BadContent, *, before: str = "accept") -> None:
    """Refuse the calls of which ``when`` is true; unless told otherwise, of those that are about to be accepted."""

    async def step(call: Call) -> None:
        if when(call):
            raise refusal()

    add_step(reference, step, before=before)


def fail(reference: Reference, when: When, *, before: str = "accept") -> None:
    """Answer the calls of which ``when`` is true with 500, in the documented shape."""
    refuse(reference, when, InternalFault, before=before)


def accept(reference: Reference, when: When, *, before: str = "validate") -> None:
    """Answer the calls of which ``when`` is true with 202 and close nothing."""

    async def step(call: Call) -> Response | None:
        return reference.operation.accepted(nothing_to_close(reference)) if when(call) else None

    add_step(reference, step, before=before)


def nothing_to_close(reference: Reference) -> Closing:
    """Return a closing of no request, for a 202 that means nothing."""
    rules = reference.rules
    return Closing("0" * 32, (), rules.default_message, rules.default_execution_status, rules.default_completion_status)


def edit(reference: Reference, change: Callable[[dict[str, Any]], object]) -> None:
    """Let ``change`` alter each body that is an object before it is validated."""

    async def step(call: Call) -> None:
        if isinstance(call.value, dict):
            change(call.value)

    add_step(reference, step, before="validate")


def fold_names(body: dict[str, Any], members: tuple[str, ...]) -> None:
    """Give members whose names are spelled in another letter case their own names."""
    own = {name.lower(): name for name in members}
    for name in [one for one in body if one.lower() in own]:
        body[own[name.lower()]] = body.pop(name)


def convert(reference: Reference, member: str, change: Callable[[Any], object]) -> None:
    """Put what ``change`` makes of a member's value in its place; None takes the member away. A null stays one."""

    def put(body: dict[str, Any]) -> None:
        if body.get(member) is not None:
            body[member] = change(body[member])
            if body[member] is None:
                del body[member]

    edit(reference, put)


def member(call: Call, name: str) -> Any:
    """Return the value of a member of the body; None if there is none, or no object."""
    return call.value.get(name) if isinstance(call.value, dict) else None


def said(call: Call) -> str:
    """Return the message of the body, or no text if it has none."""
    message = member(call, "message")
    return message if isinstance(message, str) else ""


def entries(call: Call) -> list[Any]:
    """Return the list of ids as it was sent; an empty one if it is no list."""
    ids = member(call, "accessRequestIds")
    return ids if isinstance(ids, list) else []


def answers(reference: Reference, hook: Callable[[Answer], None], *, status: int | None = None) -> None:
    """Show ``hook`` the bytes of each answer to a POST to the operation, or of those with one status."""
    path = close_path(reference)

    def only(answer: Answer) -> None:
        request = answer.request
        if request is None or request.method != "POST" or request.target.partition("?")[0] != path:
            return
        if answer.pieces and isinstance(answer.pieces[0], bytes) and status in (None, answer.status):
            hook(answer)

    reference.wire.append(only)


def cut(reference: Reference, when: When, end: End, *, before: str = "accept") -> None:
    """Give the calls of which ``when`` is true no answer but ``end``."""
    mark = f"x-cut-{len(reference.wire)}"

    async def step(call: Call) -> Response | None:
        return Response(headers={mark: "1"}) if when(call) else None

    def hook(answer: Answer) -> None:
        if any(name == mark.encode() for name, _ in answer.headers):
            answer.pieces = [end]

    add_step(reference, step, before=before)
    answers(reference, hook)


def wrap_close(reference: Reference, wrap: Callable[[ASGIApp], ASGIApp]) -> None:
    """Put ASGI middleware around the operation, and around nothing else."""
    path = close_path(reference)

    def middleware(app: ASGIApp) -> ASGIApp:
        wrapped = wrap(app)

        async def choose(scope: Any, receive: Any, send: Any) -> None:
            await (wrapped if scope["type"] == "http" and scope["path"] == path else app)(scope, receive, send)

        return choose

    reference.middleware.append(middleware)


def each_protocol(reference: Reference, change: Callable[[Protocol], None]) -> None:
    """
    Let ``change`` replace callbacks of each connection's protocol before anything is read from it.

    What is lost above the parser (how a name was spelled, where a chunk ended) can be taken hold of only there.
    """
    app = reference.app

    def app_in_the_loop() -> ASGIApp:
        loop: Any = asyncio.get_running_loop()
        create_server = loop.create_server

        async def create(factory: Callable[[], Protocol], *arguments: Any, **options: Any) -> Any:
            def changed() -> Protocol:
                protocol = factory()
                change(protocol)
                # The parser holds the callbacks that it was made with.
                protocol.parser = httptools.HttpRequestParser(protocol)
                protocol.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                return protocol

            return await create_server(changed, *arguments, **options)

        loop.create_server = create
        return app()

    reference.app = app_in_the_loop  # type: ignore[method-assign]


def tell_connections(reference: Reference) -> None:
    """Add two headers to each request: the number of its connection, and its own number on that connection."""
    serial = itertools.count(1)

    def change(protocol: Protocol) -> None:
        connection, numbers, complete = next(serial), itertools.count(1), protocol.on_headers_complete

        def on_headers_complete() -> None:
            protocol.headers.append((CONNECTION.encode(), str(connection).encode()))
            protocol.headers.append((NUMBER.encode(), str(next(numbers)).encode()))
            complete()

        protocol.on_headers_complete = on_headers_complete  # type: ignore[method-assign]

    each_protocol(reference, change)


def connection(call: Call) -> int:
    """Return the number of the connection that a call came over (see :func:`tell_connections`)."""
    return int(call.headers[CONNECTION])


def number(call: Call) -> int:
    """Return the number that a call has on its connection (see :func:`tell_connections`)."""
    return int(call.headers[NUMBER])


def edit_errors(reference: Reference, change: Callable[[dict[str, Any]], object], *statuses: int) -> None:
    """Let ``change`` alter the error objects of these statuses (none: all three), or return what takes their place."""
    document = reference.errors.document
    concerned = statuses or (400, 403, 500)

    def changed(problem: Problem, locale: Locale) -> Any:
        original = document(problem, locale)
        replacement = change(original) if problem.status in concerned else None
        return original if replacement is None else replacement

    reference.errors.document = changed  # type: ignore[method-assign]


def each_message(error: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every message object of an error object, those of its causes too."""
    yield from error["messages"]
    yield from error["causes"]


def replace_body(reference: Reference, concerned: int, change: Callable[[Any], object], media_type: str = "application/json") -> None:
    """Send what ``change`` makes of the document of each answer with a status: bytes as they are, all else as JSON."""
    render = reference.errors.render

    def replaced(status: int, document: object, headers: Mapping[str, str]) -> Response:
        if status != concerned:
            return render(status, document, headers)
        body = change(document)
        data = body if isinstance(body, bytes) else reference.errors.encode(body)
        return Response(data, status, {"Content-Type": media_type, **headers})

    reference.errors.render = replaced  # type: ignore[method-assign]


def call_in_hand(reference: Reference) -> Callable[[], Call]:
    """Return a function that returns the call that is being answered, for places that are not told."""
    # What is refused before there is a call, such as malformed HTTP, finds an empty one.
    nothing = Call("", "", Headers({}), QueryParams(), {}, "", b"")
    current: ContextVar[Call] = ContextVar("call", default=nothing)
    answer = reference.answer

    async def remembered(handlers: Any, call: Call) -> Response:
        current.set(call)
        return await answer(handlers, call)

    reference.answer = remembered  # type: ignore[method-assign]
    return current.get
