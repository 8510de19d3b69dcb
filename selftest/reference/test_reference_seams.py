"""
The reference is made to be deviated from: each seam can be replaced alone, and nothing else changes.
"""

from __future__ import annotations

import gzip
import http.client
import socket
from collections.abc import Callable
from typing import Any

import pytest
from reference_api import Api, ids
from starlette.types import ASGIApp, Receive, Scope, Send

from closecheck.reference import Answer, End, Reference

BODY = {"accessRequestIds": ids(1)}
TOO_MANY = {"accessRequestIds": ids(501)}


def test_a_rule_is_an_attribute(serve: Callable[..., Api]) -> None:
    def more(reference: Reference) -> None:
        reference.rules.max_ids = 501

    assert serve(more).close(TOO_MANY).status == 202


def test_a_check_is_a_method(serve: Callable[..., Api]) -> None:
    def anything(reference: Reference) -> None:
        reference.rules.check_id = lambda *_: None  # type: ignore[method-assign]

    assert serve(anything).close({"accessRequestIds": ["a", "\x00"]}).status == 202


def test_steps_can_be_reordered(serve: Callable[..., Api]) -> None:
    def validate_first(reference: Reference) -> None:
        reference.operation.steps = ["read", "validate", "authenticate", "authorize", "accept"]

    assert serve(validate_first).close({}, {"Content-Type": "application/json"}, bare=True).status == 400


def test_a_part_of_an_error_is_a_method(serve: Callable[..., Api]) -> None:
    def same_id(reference: Reference) -> None:
        reference.errors.tracking_id = lambda: "0"  # type: ignore[method-assign]

    assert serve(same_id).close({}).json["trackingId"] == "0"


def test_routes_can_be_replaced(serve: Callable[..., Api]) -> None:
    def accepts_get(reference: Reference) -> None:
        handlers = reference.routes["/v2024/access-requests/close"]
        handlers["GET"] = handlers["POST"]

    assert serve(accepts_get).request("GET", "/v2024/access-requests/close", BODY).status == 202


def test_middleware_wraps_the_application(serve: Callable[..., Api]) -> None:
    def wrap(app: ASGIApp) -> ASGIApp:
        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            async def changed(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message["status"] = 200
                await send(message)

            await app(scope, receive, changed)

        return wrapped

    assert serve(lambda reference: reference.middleware.append(wrap)).close(BODY).status == 200


def on_the_wire(hook: Callable[[Answer], None]) -> Callable[[Reference], None]:
    return lambda reference: reference.wire.append(hook)


def test_a_hook_sees_the_request_and_the_whole_answer(serve: Callable[..., Api]) -> None:
    seen: list[Answer] = []
    api = serve(on_the_wire(seen.append))
    api.close(BODY)
    api.close({})
    accepted, refused = seen

    assert (accepted.status, refused.status) == (202, 400)
    assert accepted.body.startswith(b'{"id"')
    assert refused.request is not None
    assert (refused.request.method, refused.request.target) == ("POST", "/v2024/access-requests/close")
    assert (refused.request.connection, refused.request.number) == (1, 2)
    assert refused.request.header(b"content-type") == b"application/json"


def test_a_hook_can_lie_about_the_length(serve: Callable[..., Api]) -> None:
    def short(answer: Answer) -> None:
        answer.set_header(b"content-length", b"1")

    api = serve(on_the_wire(short))

    assert api.close(BODY).body == b"{"


def test_a_hook_leaves_the_fields_as_another_has_written_them(serve: Callable[..., Api]) -> None:
    def spelled(answer: Answer) -> None:
        answer.data = b"HTTP/1.1 202 Fine\r\nCONTENT-TYPE:\tapplication/json \r\nContent-Length: 2\r\n\r\n{}"

    def timed(answer: Answer) -> None:
        answer.set_header(b"x-took", b"3")
        answer.set_header(b"content-length", None)
        answer.rewrite(body=b"[]")
        answer.pieces.append(End.CLOSE)

    api = serve(lambda reference: reference.wire.extend([spelled, timed]))

    raw = api.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert raw == b"HTTP/1.1 202 Fine\r\nCONTENT-TYPE:\tapplication/json \r\nx-took: 3\r\n\r\n[]"


def test_a_hook_can_compress(serve: Callable[..., Api]) -> None:
    def compress(answer: Answer) -> None:
        answer.set_body(gzip.compress(answer.body))
        answer.set_header(b"content-encoding", b"gzip")

    reply = serve(on_the_wire(compress)).close({})

    assert b"detailCode" in gzip.decompress(reply.body)


def test_a_hook_can_change_the_version_and_close(serve: Callable[..., Api]) -> None:
    def old(answer: Answer) -> None:
        answer.rewrite(status_line=b"HTTP/1.0 202 Accepted")
        answer.pieces.append(End.CLOSE)

    api = serve(on_the_wire(old))

    assert api.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.0 202 Accepted\r\n")


def test_a_hook_can_send_chunks_with_pauses(serve: Callable[..., Api]) -> None:
    def chunked(answer: Answer) -> None:
        body = answer.body
        answer.set_header(b"content-length", None)
        answer.set_header(b"transfer-encoding", b"chunked")
        answer.rewrite(body=b"")
        answer.pieces += [0.001, b"%x\r\n%b\r\n" % (len(body), body), 0.001, b"0\r\n\r\n"]

    api = serve(on_the_wire(chunked))

    assert [api.close(BODY).json["errors"] for _ in range(3)] == [[], [], []]


def test_a_hook_can_drop_the_connection(serve: Callable[..., Api]) -> None:
    def drop(answer: Answer) -> None:
        answer.pieces = [End.ABORT]

    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        serve(on_the_wire(drop)).close(BODY)


def test_a_hook_can_leave_the_client_waiting(serve: Callable[..., Api]) -> None:
    def hang(answer: Answer) -> None:
        answer.pieces = [answer.data[:20], End.HANG]

    api = serve(on_the_wire(hang))
    with socket.create_connection((api.address[0], int(api.address[1])), 5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        assert len(connection.recv(1000)) == 20
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)
