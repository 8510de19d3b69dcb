"""
A target that answers as fast as Python can and as the contract says: what speed is measured against.

It judges each body in full, believes only its own three tokens, and gives every error a trackingId of its own. It closes
nothing: there is no neighbouring API. Each answer is one write. Run as a program it prints its target file as one line of JSON
and serves until its standard input ends or it is told to stop::

    with Stub(latency=0.02) as stub:
        stub.target["base_url"], stub.token
"""

import argparse
import asyncio
import base64
import email.utils
import hashlib
import hmac
import itertools
import json
import secrets
import socket
import subprocess
import sys
import time
from collections import deque
from typing import Annotated, Literal, Self

import httptools
import msgspec

BASE_PATH = "/v2024"
_PATH = f"{BASE_PATH}/access-requests/close".encode()
_MOST_HEADER_BYTES = 64 * 1024
_MOST_BODY_BYTES = 4 * 1024 * 1024
_REASONS = {202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
            413: "Content Too Large", 429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error"}  # fmt: skip
_CODES = {
    "syntax": (400, "400.0 Bad Request Syntax", "The request is syntactically incorrect."),
    "content": (400, "400.1 Bad Request Content", "The request was syntactically correct but its content is semantically invalid."),
    "forbidden": (403, "403 Forbidden", "The server understood the request but refuses to authorize it."),
    "path": (404, "404 Not Found", "There is nothing here."),
    "method": (405, "405 Method Not Allowed", "Only POST is supported here."),
    "body": (413, "413 Too Large", "The body is too large."),
    "headers": (431, "431 Too Large", "The header section is too large."),
    "fault": (500, "500.0 Internal Fault", "An internal fault occurred."),
}


class Body(msgspec.Struct):
    """What the contract demands of a body; other members are ignored."""

    accessRequestIds: Annotated[list[str], msgspec.Meta(min_length=1, max_length=500)]  # noqa: N815
    message: str | msgspec.UnsetType = msgspec.UNSET
    executionStatus: Literal["Terminated", "Completed"] | msgspec.UnsetType = msgspec.UNSET  # noqa: N815
    completionStatus: Literal["Success", "Incomplete", "Failure"] | msgspec.UnsetType = msgspec.UNSET  # noqa: N815


_read = msgspec.json.Decoder(Body).decode


def _numbers_aside(body: bytes) -> None:
    """Judge a body whose numbers are beyond msgspec, though lawful: none of them is a member that counts."""
    msgspec.convert(json.loads(body.decode(), parse_int=lambda _: 0, parse_float=lambda _: 0.0, parse_constant=_refused), Body)


def _refused(name: str) -> None:
    raise ValueError(name)


def _problem(body: bytes) -> str:
    """Return which of the codes a body is refused with; empty if it is accepted."""
    try:
        if not body.isascii():
            body.decode()
        _read(body)
    except msgspec.ValidationError:
        return "content"
    except (ValueError, RecursionError):
        try:
            _numbers_aside(body)
        except msgspec.ValidationError:
            return "content"
        except (ValueError, RecursionError):
            return "syntax"
    return ""


class Server:
    """What all connections share: the tokens, the next trackingId, the Date field of this second."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.secret = secrets.token_bytes(32)
        self.tokens = {
            name: self._token(name, seconds) for name, seconds in (("authorized", 43200), ("unprivileged", 43200), ("expired", -3600))
        }
        self.callers = {f"Bearer {token}".encode(): name for name, token in self.tokens.items()}
        self._run = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self.date = b""

    def _token(self, name: str, seconds: float) -> str:
        def part(data: bytes) -> str:
            return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

        head = part(b'{"alg":"HS256","typ":"JWT"}')
        claims = part(json.dumps({"user_name": name, "exp": int(time.time() + seconds)}).encode())
        return f"{head}.{claims}.{part(hmac.digest(self.secret, f'{head}.{claims}'.encode(), hashlib.sha256))}"

    def tick(self) -> None:
        """Renew the Date field, now and every second."""
        self.date = email.utils.formatdate(usegmt=True).encode()
        asyncio.get_running_loop().call_later(1, self.tick)

    def answer(self, status: int, body: bytes, more: bytes = b"") -> bytes:
        """Return an answer, whole."""
        return b"HTTP/1.1 %d %b\r\ndate: %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n%b" % (
            status, _REASONS[status].encode(), self.date, len(body), more, body,
        )  # fmt: skip

    def accepted(self) -> bytes:
        """Return the 202, whose id nobody has seen before."""
        return self.answer(202, b'{"id":"%b%016x","errors":[]}' % (self._run.encode(), next(self._numbers)))

    def refused(self, kind: str, more: bytes = b"") -> bytes:
        """Return an error object, whose trackingId nobody has seen before."""
        status, code, text = _CODES[kind]
        message = f'[{{"locale":"en-US","localeOrigin":"DEFAULT","text":"{text}"}}]'
        body = f'{{"detailCode":"{code}","trackingId":"{self._run}{next(self._numbers):016x}","messages":{message},"causes":[]}}'
        return self.answer(status, body.encode(), more)

    def unauthenticated(self, fault: str) -> bytes:
        """Return the 401."""
        return self.answer(401, f'{{"error":"JWT validation failed: {fault}"}}'.encode(), b'www-authenticate: Bearer realm="stub"\r\n')

    def throttled(self) -> bytes:
        """Return the 429."""
        return self.answer(429, b'{"message":" Rate Limit Exceeded "}', b"retry-after: 1\r\n")


class Protocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answers: list[bytes] = []
        self.later: deque[bytes] = deque()
        self.closing = False
        self._clear()
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._last("syntax")
        if self.header_bytes > _MOST_HEADER_BYTES:
            self._last("headers")
        elif self.body_bytes > _MOST_BODY_BYTES:
            self._last("body")
        if not self.answers:
            return
        whole = b"".join(self.answers)
        self.answers.clear()
        if self.server.latency:
            self.later.append(whole)
            asyncio.get_running_loop().call_later(self.server.latency, self._write_one)
        else:
            self._write(whole)

    def _write_one(self) -> None:
        self._write(self.later.popleft())

    def _write(self, data: bytes) -> None:
        self.transport.write(data)
        if self.closing and not self.later:
            self.transport.close()

    def _last(self, kind: str) -> None:
        self.transport.pause_reading()
        self.closing = True
        self._clear()
        self.answers.append(self.server.refused(kind, b"connection: close\r\n"))

    def _clear(self) -> None:
        self.url = b""
        self.authorizations: list[bytes] = []
        self.media_types: list[bytes] = []
        self.provoked = b""
        self.header_bytes = 0
        self.body_bytes = 0
        self.body: list[bytes] = []

    # -- the parser's callbacks

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.header_bytes += len(name) + len(value)
        name = name.lower()
        if name == b"authorization":
            self.authorizations.append(value)
        elif name == b"content-type":
            self.media_types.append(value)
        elif name == b"x-provoke":
            self.provoked = value

    def on_body(self, data: bytes) -> None:
        self.body_bytes += len(data)
        self.body.append(data)

    def on_message_complete(self) -> None:
        if self.closing:
            return
        answer = self._answer()
        if self.parser.get_method() == b"HEAD":
            answer = answer[: answer.index(b"\r\n\r\n") + 4]
        self.answers.append(answer)
        if not self.parser.should_keep_alive():
            self.closing = True
        self._clear()

    def _answer(self) -> bytes:
        server = self.server
        if self.url.partition(b"?")[0] != _PATH:
            return server.refused("path")
        if self.parser.get_method() != b"POST":
            return server.refused("method", b"allow: POST\r\n")
        if self.provoked == b"throttle":
            return server.throttled()
        caller = self._caller()
        if caller != "authorized":
            return server.refused("forbidden") if caller == "unprivileged" else server.unauthenticated(caller)
        if self.provoked == b"500":
            return server.refused("fault")
        if [value.partition(b";")[0].strip().lower() for value in self.media_types] != [b"application/json"]:
            return server.refused("syntax")
        problem = _problem(self.body[0] if len(self.body) == 1 else b"".join(self.body))
        return server.refused(problem) if problem else server.accepted()

    def _caller(self) -> str:
        if len(self.authorizations) != 1:
            return "no Authorization header"
        value = self.authorizations[0]
        caller = self.server.callers.get(value)
        if caller is None:
            scheme, _, rest = value.partition(b" ")
            caller = self.server.callers.get(b"Bearer " + rest.strip()) if scheme.lower() == b"bearer" else None
        if caller == "expired":
            return "JWT is expired"
        return caller or "JWT is not valid"


async def serve(port: int, latency: float) -> None:
    """Serve on loopback until standard input ends; print the target file first."""
    server = Server(latency)
    server.tick()
    # asyncio sets TCP_NODELAY only on sockets that say they are TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    loop = asyncio.get_running_loop()
    serving = await loop.create_server(lambda: Protocol(server), sock=listener, backlog=1024)
    target = {
        "name": "closecheck stub",
        "base_url": f"http://127.0.0.1:{listener.getsockname()[1]}{BASE_PATH}",
        "credentials": {name: {"token": token} for name, token in server.tokens.items()},
        "provoke": {"rate_limit": {"headers": {"X-Provoke": "throttle"}}, "internal_error": {"headers": {"X-Provoke": "500"}}},
    }
    sys.stdout.write(json.dumps(target) + "\n")
    sys.stdout.flush()
    async with serving:
        await loop.run_in_executor(None, sys.stdin.read)


class Stub:
    """A stub in a process of its own. ``latency`` is in seconds, before each answer."""

    def __init__(self, latency: float = 0.0) -> None:
        self._latency = latency

    def __enter__(self) -> Self:
        command = [sys.executable, __file__, "--latency", str(self._latency)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.target = json.loads(self._process.stdout.readline())
        """The content of a target file."""
        self.token = self.target["credentials"]["authorized"]["token"]
        """The working token."""
        self.url = f"{self.target['base_url']}/access-requests/close"
        """Where to post."""
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description="a fast target to measure against")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.latency))


if __name__ == "__main__":
    main()
