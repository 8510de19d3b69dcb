"""
HTTP as the page builds on it: methods, framing, header fields; one write for each answer; starting and stopping.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from reference_api import PATIENCE, Api, ids

from closecheck.reference import ReferenceConfig, ReferenceServer

BODY = {"accessRequestIds": ids(1)}
CLOSE = "/v2024/access-requests/close"


def raw_request(api: Api, *lines: bytes, body: bytes = b"", target: str = CLOSE) -> bytes:
    usual = (b"Host: x", b"Authorization: Bearer " + api.administrator.encode(), b"Content-Type: application/json")
    return b"\r\n".join([b"POST %b HTTP/1.1" % target.encode(), *usual, *lines, b"", body])


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(api: Api, method: str) -> None:
    reply = api.request(method, CLOSE, BODY)

    assert (reply.status, reply.headers["Allow"]) == (405, "POST")
    assert reply.json["detailCode"] == "405 Method Not Allowed"


def test_head_is_refused_without_a_body(api: Api) -> None:
    reply = api.request("HEAD", CLOSE)

    assert (reply.status, reply.body) == (405, b"")


@pytest.mark.parametrize("path", ["/", "/v2024", CLOSE + "/", "/v3/access-requests/close", "/v2024/%2e%2e", "/%ff"])
def test_other_paths_are_not_found(api: Api, path: str) -> None:
    reply = api.request("POST", path, BODY)

    assert (reply.status, reply.json["detailCode"]) == (404, "404 Not found")


def test_a_chunked_body_is_understood(api: Api) -> None:
    data = json.dumps(BODY).encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (data[:7], data[7:])) + b"0\r\n\r\n"

    assert api.raw(raw_request(api, b"Transfer-Encoding: chunked", body=chunks)).startswith(b"HTTP/1.1 202 ")


def test_a_bad_chunked_body_is_read_before_it_is_judged(api: Api) -> None:
    reply = api.raw(raw_request(api, b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"))

    assert reply.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "field",
    [
        b"X-Anything: 1",
        b"Accept: */*",
        b"Accept-Encoding: gzip",
        b"Connection: Upgrade\r\nUpgrade: h2c",
        b"Cookie: a=b",
        b"X-Long: " + b"a" * 8000,
        b"X-Latin: \xe9",
    ],
)
def test_additional_fields_change_nothing(api: Api, field: bytes) -> None:
    data = json.dumps(BODY).encode()

    reply = api.raw(raw_request(api, b"Content-Length: %d" % len(data), field, body=data))

    assert reply.startswith(b"HTTP/1.1 202 ")


def test_field_names_are_known_in_any_case(api: Api) -> None:
    data = json.dumps(BODY).encode()
    request = raw_request(api, b"CONTENT-length: %d" % len(data), body=data)

    assert api.raw(request.replace(b"Authorization", b"AUTHORIZATION").replace(b"Type", b"tYPE")).startswith(b"HTTP/1.1 202 ")


def test_a_client_that_waits_for_100_gets_it(api: Api) -> None:
    data = json.dumps(BODY).encode()
    address = (api.address[0], int(api.address[1]))
    with socket.create_connection(address, PATIENCE) as connection:
        connection.sendall(raw_request(api, b"Expect: 100-continue", b"Content-Length: %d" % len(data)))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(data)
        assert connection.recv(1000).startswith(b"HTTP/1.1 202 ")


def test_pipelined_requests_are_answered_in_order(api: Api) -> None:
    data = json.dumps(BODY).encode()
    good = raw_request(api, b"Content-Length: %d" % len(data), body=data)
    bad = raw_request(api, b"Content-Length: 2", b"Connection: close", body=b"{}")
    address = (api.address[0], int(api.address[1]))
    with socket.create_connection(address, PATIENCE) as connection:
        connection.sendall(good + good + bad)
        answers = b"".join(iter(lambda: connection.recv(4096), b""))

    assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"202", b"202", b"400"]


@pytest.mark.parametrize(
    "request_line",
    [b"POST", b"\x16\x03\x01\x00\xa5", b"FOO / HTTP/1.1", b"POST /\xff HTTP/1.1", b"POST / HTTP/1.1\r\nno colon"],
)
def test_what_is_no_http_is_refused_with_the_error_object(api: Api, request_line: bytes) -> None:
    head, _, body = api.raw(request_line + b"\r\nHost: x\r\n\r\n").partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["detailCode"] == "400.0 Bad Request Syntax"


def test_two_lengths_are_refused(api: Api) -> None:
    request = raw_request(api, b"Content-Length: 2", b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n")

    assert api.raw(request).startswith(b"HTTP/1.1 400 ")


def test_an_enormous_header_section_is_refused(api: Api) -> None:
    reply = api.raw(raw_request(api, b"X: " + b"a" * 70_000, b"Content-Length: 0"))

    assert reply.startswith(b"HTTP/1.1 431 ")


def test_http_1_0_is_answered_and_closed(api: Api) -> None:
    data = json.dumps(BODY).encode()
    request = raw_request(api, b"Content-Length: %d" % len(data), body=data).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    address = (api.address[0], int(api.address[1]))
    with socket.create_connection(address, PATIENCE) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert b" 202 " in answer[:15]


def test_16_requests_at_a_time_are_answered(api: Api) -> None:
    def close(number: int) -> int:
        connection = http.client.HTTPConnection(*api.address, timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {api.administrator}", "Content-Type": "application/json"}
        connection.request("POST", CLOSE, json.dumps({"accessRequestIds": ids(number % 3)}), headers)
        status = connection.getresponse().status
        connection.close()
        return status

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(close, range(48)))

    assert statuses == [400, 202, 202] * 16


def test_an_answer_is_one_write(serve: Callable[..., Api]) -> None:
    answers: list[int] = []
    api = serve(lambda reference: reference.wire.append(lambda answer: answers.append(len(answer.pieces))))
    address = (api.address[0], int(api.address[1]))
    with socket.create_connection(address, PATIENCE) as connection:
        connection.sendall(raw_request(api, b"Content-Length: 2", body=b"{}"))
        # One receive yields what one send has brought: the whole answer.
        head, _, body = connection.recv(65536).partition(b"\r\n\r\n")

    assert b"content-length: %d" % len(body) in head
    assert answers == [1]


def test_answers_do_not_wait_for_acknowledgements(api: Api) -> None:
    started = time.perf_counter()
    for _ in range(10):
        api.close({})

    # With Nagle's algorithm on, or with two writes, each takes 40 ms.
    assert time.perf_counter() - started < 0.3


def test_stopping_does_not_wait_for_clients(serve: Callable[..., Api]) -> None:
    api = serve(completion_seconds=60)
    assert api.close(BODY).status == 202
    half = socket.create_connection((api.address[0], int(api.address[1])), PATIENCE)
    half.sendall(raw_request(api, b"Content-Length: 100", body=b"{"))
    server = ReferenceServer(ReferenceConfig(pending=0)).start()
    idle = http.client.HTTPConnection(*server.root_url.removeprefix("http://").split(":"), timeout=PATIENCE)
    idle.request("GET", "/")
    idle.getresponse().read()

    started = time.perf_counter()
    server.stop()
    assert time.perf_counter() - started < 0.5
    assert idle.sock.recv(1) == b""
    idle.close()
    half.close()


def test_many_servers_run_at_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        servers = list(pool.map(lambda _: ReferenceServer(ReferenceConfig(pending=10)).start(), range(24)))
    assert len({server.base_url for server in servers}) == 24
    for server in servers:
        server.stop()

    assert not [thread for thread in threading.enumerate() if thread.name in {s._thread.name for s in servers}]


def test_a_taken_port_is_an_error() -> None:
    with ReferenceServer(ReferenceConfig(pending=0)) as server:
        port = int(server.root_url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            ReferenceServer(ReferenceConfig(pending=0, port=port)).start()


def test_the_target_file_is_complete(api: Api) -> None:
    target = api.server.target()

    assert target["base_url"] == api.server.base_url
    assert set(target["credentials"]) == {"authorized", "unprivileged", "expired"}
    assert {name: len(found) for name, found in target["access_requests"].items() if name != "may_close"} == {
        "pending": 30,
        "approved": 3,
        "completed": 2,
    }
    assert target["provoke"] == {
        "rate_limit": {"headers": {"X-Provoke": "throttle"}},
        "internal_error": {"headers": {"X-Provoke": "500"}},
    }
