"""
A target that costs next to nothing: it keeps the contract as far as a URL and tokens can show it, and closes nothing.

One thread over a selector, Node's parser, one write for each answer: what is measured against it is the client.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import selectors
import socket
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import click
import httptools
import jwt
import msgspec
import yaml

_BASE: Final = "/v2024"
PATH: Final = f"{_BASE}/access-requests/close".encode()
_MOST_IDS: Final = 500
_MOST_BYTES: Final = 4 * 1024 * 1024
_VALUES: Final = {"executionStatus": ("Terminated", "Completed"), "completionStatus": ("Success", "Incomplete", "Failure")}

Answer = tuple[int, str, dict[str, Any]]
"""Status, further header lines, body."""


def tokens() -> dict[str, str]:
    """Return a token for each caller: JWTs, so that tokens can be forged from them, told apart by their letters alone."""
    secret = secrets.token_bytes(32)
    return {
        caller: jwt.encode({"user_name": caller, "exp": 4_102_444_800 if caller != "expired" else 1}, secret, algorithm="HS256")
        for caller in ("authorized", "unprivileged", "expired")
    }


class Stub:
    """What decides about answers."""

    def __init__(self, known: dict[str, str]) -> None:
        self._authorized, self._unprivileged = known["authorized"], known["unprivileged"]
        self._tracked = 0

    def answer(self, method: bytes, path: bytes, fields: dict[bytes, str], body: bytes) -> Answer:
        """Return the answer to one request; ``fields`` have names in lower case."""
        if path != PATH:
            return 404, "", self._error("404 Not found", "There is nothing here.")
        if method != b"POST":
            return 405, "Allow: POST\r\n", self._error("405 Method not allowed", "Only POST is allowed here.")
        scheme, _, token = fields.get(b"authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token.strip() not in (self._authorized, self._unprivileged):
            return 401, "WWW-Authenticate: Bearer\r\n", {"error": "JWT validation failed: JWT is missing, expired or invalid"}
        if token.strip() == self._unprivileged:
            return 403, "", self._error("403 Forbidden", "The caller may not close access requests.")
        if body and fields.get(b"content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "", self._error("415 Unsupported media type", "The body must be application/json.")
        wrong = _wrong(body)
        return (400, "", self._error("400.1 Bad Request Content", wrong)) if wrong else (202, "", {})

    def _error(self, code: str, text: str) -> dict[str, Any]:
        self._tracked += 1
        message = {"locale": "en-US", "localeOrigin": "DEFAULT", "text": text}
        return {"detailCode": code, "trackingId": f"{self._tracked:032x}", "messages": [message], "causes": []}


def _wrong(body: bytes) -> str:
    """Return what is wrong with a body; empty: nothing."""
    try:
        value = _parsed(body)
    except (ValueError, RecursionError):
        return "The body is no JSON."
    if not isinstance(value, dict):
        return "The body must be an object."
    ids = value.get("accessRequestIds")
    if not isinstance(ids, list) or not 1 <= len(ids) <= _MOST_IDS or not all(isinstance(one, str) for one in ids):
        return "accessRequestIds must be a list of 1 to 500 strings."
    if not isinstance(value.get("message", ""), str):
        return "message must be a string."
    for name, values in _VALUES.items():
        if name in value and value[name] not in values:
            return f"{name} must be one of {', '.join(values)}."
    return ""


def _parsed(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        # It knows fewer numbers and halves of surrogate pairs than the grammar has.
        return json.loads(body.decode(), parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


class Connection:
    """One client's connection: bytes in, whole answers out, in the order of the requests."""

    def __init__(self, sock: socket.socket, stub: Stub) -> None:
        self.sock = sock
        self._stub = stub
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._fields: dict[bytes, str] = {}
        self._body: list[bytes] = []
        self._out: list[bytes] = []
        self._last = False

    def receive(self) -> bool:
        """Read what has come and answer what is whole; False: the connection is over."""
        try:
            data = self.sock.recv(256 * 1024)  # it was said to be readable: this does not block
        except ConnectionError:
            return False
        if not data:
            return False
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._say(b"POST", 400, "Connection: close\r\n", {})
            self._last = True
        if self._out:
            with contextlib.suppress(ConnectionError):
                self.sock.sendall(b"".join(self._out))
            self._out.clear()
        return not self._last

    # -- what the parser tells

    def on_message_begin(self) -> None:
        self._url = b""
        self._fields.clear()
        self._body.clear()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _LOOKED_AT:
            self._fields[name] = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        method = self._parser.get_method()
        self._last = not self._parser.should_keep_alive()
        more, body = "Connection: close\r\n" if self._last else "", b"".join(self._body)
        if len(body) > _MOST_BYTES:
            self._say(method, 413, more, {})
            return
        status, fields, document = self._stub.answer(method, self._url.partition(b"?")[0], self._fields, body)
        if status == 202 and not self._last:
            self._out.append(_ACCEPTED)
        else:
            self._say(method, status, fields + more, document)

    def _say(self, method: bytes, status: int, fields: str, document: dict[str, Any]) -> None:
        body = msgspec.json.encode(document)
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
        self._out.append(head.encode("latin-1") + (b"" if method == b"HEAD" else body))


_LOOKED_AT: Final = frozenset({b"authorization", b"content-type"})
_ACCEPTED: Final = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
_REASONS: Final = {one.value: one.phrase for one in HTTPStatus}


def serve(listener: socket.socket, stub: Stub) -> None:
    """Serve until the process is ended."""
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                connection: Connection | None = key.data
                if connection is None:
                    sock, _ = listener.accept()
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    selector.register(sock, selectors.EVENT_READ, Connection(sock, stub))
                elif not connection.receive():
                    selector.unregister(connection.sock)
                    connection.sock.close()


@click.command()
@click.option("--port", default=0, help="the port; 0: a free one")
@click.option("--target-file", type=click.Path(path_type=Path), required=True, help="write a target file for it here")
def main(port: int, target_file: Path) -> None:
    """Serve the stub on loopback."""
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    known = tokens()
    target = {
        "name": "stub",
        "base_url": f"http://127.0.0.1:{listener.getsockname()[1]}{_BASE}",
        "credentials": {caller: {"token": token} for caller, token in known.items()},
    }
    target_file.write_text(yaml.safe_dump(target), encoding="utf-8")
    target_file.chmod(0o600)  # it holds tokens
    click.echo(f"target file: {target_file}")
    serve(listener, Stub(known))


if __name__ == "__main__":
    main()
