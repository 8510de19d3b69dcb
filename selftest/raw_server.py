"""
A server that sends exactly the bytes it is told: for answers that no HTTP library would send.

It binds a free port of loopback; each scripted answer is written in one send. Nothing here sleeps: who waits, waits for the
client, for an event of the test, or for the end of the server.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from typing import Any, Final, Self

import jsonschema_rs

from closecheck.contract.specification import contract

LIMIT: Final = 20.0
"""Seconds after which everything here gives up: no test hangs for ever."""


def answer(status: str = "202 Accepted", body: bytes = b"{}", *fields: str, length: int | None = None) -> bytes:
    """Return a whole, well-framed answer; ``length`` is what Content-Length says, if it is to lie."""
    lines = [f"HTTP/1.1 {status}", *fields, "Content-Type: application/json", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Peer:
    """The client's connection, as a script sees it."""

    def __init__(self, server: RawServer, sock: socket.socket, number: int) -> None:
        self.server = server
        self.sock = sock
        self.number = number
        """Counts the connections of the server from 0."""
        self.requests = 0
        """How many requests were read on this connection."""
        self._rest = b""

    def request(self) -> bytes:
        """Read one request and return its bytes; empty: the client has gone."""
        while b"\r\n\r\n" not in self._rest:
            if not self._more():
                return b""
        head, _, rest = self._rest.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
            if name.strip().lower() == b"transfer-encoding":
                return self._chunked(head)
        while len(rest) < length:
            if not self._more():
                return b""
            rest = self._rest.partition(b"\r\n\r\n")[2]
        self._rest = rest[length:]
        self.requests += 1
        found = head + b"\r\n\r\n" + rest[:length]
        self.server.seen(found)
        return found

    def _chunked(self, head: bytes) -> bytes:
        """Read a chunked body, with extensions and trailer fields if there are any (RFC 9112, 7.1); empty: the client has gone."""
        self._rest = self._rest.partition(b"\r\n\r\n")[2]
        body = b""
        while (line := self._line()) is not None:
            size = int(line.partition(b";")[0], 16)
            if not size:
                break
            while len(self._rest) < size + 2:
                if not self._more():
                    return b""
            body, self._rest = body + self._rest[:size], self._rest[size + 2 :]
        while line:  # the line of the last chunk, then trailer fields up to an empty line
            line = self._line()
        if line is None:
            return b""
        self.requests += 1
        self.server.seen(head + b"\r\n\r\n" + body)
        return head + b"\r\n\r\n" + body

    def _line(self) -> bytes | None:
        while b"\r\n" not in self._rest:
            if not self._more():
                return None
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line

    def head(self) -> bytes:
        """Read a header section only."""
        while b"\r\n\r\n" not in self._rest:
            if not self._more():
                return b""
        return self._rest.partition(b"\r\n\r\n")[0]

    def _more(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except OSError:
            return False
        self._rest += data
        return bool(data)

    def send(self, data: bytes) -> None:
        """Send bytes at once; nothing if the client has gone."""
        with contextlib.suppress(OSError):
            self.sock.sendall(data)

    def flood(self, data: bytes, most: int = 64 * 1024 * 1024) -> None:
        """Send the same bytes until the client has gone or ``most`` bytes are sent."""
        with contextlib.suppress(OSError):
            for _ in range(most // len(data)):
                self.sock.sendall(data)

    def drip(self, data: bytes, every: float) -> None:
        """Send one byte each ``every`` seconds, until the client or the server has gone."""
        for byte in data:
            if self.server.over.wait(every):
                return
            try:
                self.sock.sendall(bytes([byte]))
            except OSError:
                return

    def wait_gone(self) -> None:
        """Return when the client has closed the connection, or the server ends."""
        with contextlib.suppress(OSError):
            while self.sock.recv(65536):
                pass

    def reset(self) -> None:
        """End the connection with RST."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """End the connection with FIN."""
        with contextlib.suppress(OSError):
            self.sock.close()


Script = Callable[[Peer], None]


class RawServer:
    """
    Runs ``script`` in a thread for each connection; the connection is closed when the script returns.

    ``requests`` holds the bytes of every request read with :meth:`Peer.request`, in order.
    """

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._context = context
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self.over = threading.Event()
        self.requests: list[bytes] = []
        self.connections = 0
        self.faults: list[BaseException] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, name=f"raw:{self.port}", daemon=True)]
        self._threads[0].start()

    @property
    def base_url(self) -> str:
        """Scheme, host and port."""
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def seen(self, request: bytes) -> None:
        """Keep one request."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def wait_for(self, holds: Callable[[], bool]) -> None:
        """Return when something holds of ``requests`` or ``connections``; AssertionError if it never does."""
        with self._changed:
            assert self._changed.wait_for(holds, LIMIT)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(LIMIT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()
            return
        with self._changed:
            self._open.add(sock)
            peer = Peer(self, sock, self.connections)
            self.connections += 1
            self._changed.notify_all()
        try:
            self._script(peer)
        except BaseException as error:  # noqa: BLE001 - shown when the server is left
            self.faults.append(error)
        finally:
            with self._changed:
                self._open.discard(sock)
            peer.close()

    def close(self) -> None:
        """Close every connection and the listener."""
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LIMIT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
        if self.faults and exc[0] is None:
            raise self.faults[0]


def each(*answers: bytes) -> Script:
    """Return a script that gives these answers to the requests of a connection in turn, the last again and again."""

    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(answers[min(peer.requests, len(answers)) - 1])

    return script


def once(data: bytes) -> Script:
    """Return a script that reads one request, sends these bytes, and closes."""

    def script(peer: Peer) -> None:
        if peer.request():
            peer.send(data)

    return script


def open_after(data: bytes) -> Script:
    """Return a script that reads one request, sends these bytes, and leaves the connection open."""

    def script(peer: Peer) -> None:
        if peer.request():
            peer.send(data)
            peer.wait_gone()

    return script


def in_turn(*scripts: Script) -> Script:
    """Return a script that treats the connections in turn, the last ones alike."""

    def script(peer: Peer) -> None:
        scripts[min(peer.number, len(scripts) - 1)](peer)

    return script


# ------------------------------------------------------------------------------------------- a small target over raw bytes


def split(request: bytes) -> tuple[str, str, dict[str, str], bytes]:
    """Return method, target, header fields by lower-case name, and body of a request; chunks are put together."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return method, target, fields, body


def error(status: str, text: str, number: int, *fields: str) -> bytes:
    """Return an answer with a documented error object; ``number`` makes its tracking id."""
    message = {"locale": "en-US", "localeOrigin": "DEFAULT", "text": text}
    document = {"detailCode": status, "trackingId": f"{number:032x}", "messages": [message], "causes": []}
    return answer(status, json.dumps(document).encode(), *fields)


class SmallTarget:
    """
    An operation that knows the body's shape and nothing of HTTP beyond it; what is not changed in it answers as documented.

    ``known`` are the ids that exist; None: every id is taken. ``accepted`` collects the bodies of requests answered 202.
    """

    def __init__(self, token: str = "working-token-of-the-tests", known: set[str] | None = None) -> None:
        self.token = token
        self.known = known
        self.accepted: list[dict[str, Any]] = []
        self.named: set[str] = set()
        """Every id that any request with the working token has named."""
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._valid = jsonschema_rs.validator_for(contract().body_schema).is_valid

    def __call__(self, request: bytes) -> bytes:
        """Return the answer to one request."""
        method, _, fields, body = split(request)
        with self._lock:
            return self.answer(method, fields, body, next(self._numbers))

    def answer(self, method: str, fields: dict[str, str], body: bytes, number: int) -> bytes:
        """Return the answer to one request; overridden by those who answer otherwise."""
        if method != "POST":
            return error("405 Method Not Allowed", "POST it is", number, "Allow: POST")
        if fields.get("authorization", "").lower() != f"bearer {self.token}":
            return answer("401 Unauthorized", b'{"error": "JWT validation failed"}', 'WWW-Authenticate: Bearer realm="x"')
        try:
            document = json.loads(body)
            valid = self._valid(document)
        except (ValueError, RecursionError):
            valid = False
        if not valid:
            return error("400 Bad Request", "no such request", number)
        ids = document["accessRequestIds"]
        self.named.update(ids)
        if self.known is not None and not self.known.issuperset(ids):
            return error("400 Bad Request", "there is no such id", number)
        self.accepted.append(document)
        return answer("202 Accepted", b"{}")

    def script(self, peer: Peer) -> None:
        """Serve one connection."""
        while request := peer.request():
            data = self(request)
            if not data:
                return
            peer.send(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if request.startswith(b"HEAD ") else data)
