"""
Every answer leaves in one write, after the hooks of `Reference.wire` have seen, and perhaps changed, all its bytes.
"""

from __future__ import annotations

import logging
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from closecheck.reference.errors import BadSyntax, cause

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from closecheck.reference.app import Reference

# uvicorn's own loggers reach stderr if nobody has configured them; the level also spares it the formatting.
_silent = logging.getLogger("closecheck.reference")
_silent.addHandler(logging.NullHandler())
_silent.setLevel(logging.CRITICAL + 1)
_silent.propagate = False


class End(Enum):
    """
    How the sending of an answer can end other than by going on to the next.
    """

    CLOSE = "close"
    """Close the connection in order (FIN)."""
    ABORT = "abort"
    """Drop the connection (RST)."""
    HANG = "hang"
    """Send nothing more, and keep the connection open."""


@dataclass(frozen=True, slots=True)
class Sent:
    """
    The request that an answer belongs to.
    """

    method: str
    target: str
    """Path and query as they were sent."""
    headers: list[tuple[bytes, bytes]]
    """Names in lower case."""
    connection: int
    """Number of the connection on this server, from 1."""
    number: int
    """Number of the request on its connection, from 1."""

    def header(self, name: bytes) -> bytes | None:
        """
        The first value of a field; the name in lower case.
        """
        return next((value for key, value in self.headers if key == name), None)


@dataclass(slots=True)
class Answer:
    """
    An answer on its way out. Hooks change ``pieces``: bytes are written (one write each), a float waits so many
    seconds, an `End` ends it. Waiting delays this connection only.
    """

    request: Sent | None
    """None: the request could not be parsed."""
    pieces: list[bytes | float | End] = field(default_factory=list)

    @property
    def data(self) -> bytes:
        """
        All bytes of the answer.
        """
        return b"".join(piece for piece in self.pieces if isinstance(piece, bytes))

    @data.setter
    def data(self, data: bytes) -> None:
        self.pieces = [data]

    @property
    def head(self) -> bytes:
        """
        Status line and header section, without the empty line.
        """
        return self.data.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        """
        What follows the header section.
        """
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        """
        The status code.
        """
        return int(self.data[9:12])

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """
        The fields, in order; names in lower case.
        """
        fields = (line.partition(b":") for line in self.head.split(b"\r\n")[1:])
        return [(name.lower(), value.strip()) for name, _, value in fields]

    def rewrite(
        self,
        *,
        status_line: bytes | None = None,
        headers: Iterable[tuple[bytes, bytes]] | None = None,
        body: bytes | None = None,
    ) -> None:
        """
        Replaces parts of the answer and leaves the others, Content-Length too, as they are.
        """
        line, *lines = self.head.split(b"\r\n")
        if headers is not None:
            lines = [name + b": " + value for name, value in headers]
        rest = self.body if body is None else body
        self.data = b"\r\n".join([line if status_line is None else status_line, *lines, b"", rest])

    def set_header(self, name: bytes, value: bytes | None) -> None:
        """
        Sets a field, or removes it (None); the name in lower case. The others stay as they are written.
        """
        line, *lines = self.head.split(b"\r\n")
        kept = [one for one in lines if one.partition(b":")[0].lower() != name]
        added = [] if value is None else [name + b": " + value]
        self.data = b"\r\n".join([line, *kept, *added, b"", self.body])

    def set_body(self, body: bytes) -> None:
        """
        Another body, with the Content-Length that belongs to it.
        """
        self.rewrite(body=body)
        self.set_header(b"content-length", str(len(body)).encode())


class Outbox:
    """
    Stands between uvicorn and the transport: collects what is written until an answer is whole.
    """

    def __init__(self, transport: asyncio.Transport, reference: Reference, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._reference = reference
        self._loop = loop
        self._collected: list[bytes] = []
        self._pieces: deque[bytes | float | End] = deque()
        self._waiting = False
        self._closing = False
        self.requests: deque[Sent] = deque()
        """The requests whose answers have not been flushed; answers come in the order of the requests."""

    def write(self, data: bytes) -> None:
        """
        Collects; a 100 (Continue) is no answer and goes out at once.
        """
        if data.startswith(b"HTTP/1.1 100 "):
            self._transport.write(data)
        else:
            self._collected.append(data)

    def flush(self) -> None:
        """
        The answer is whole: hooks, then one write.
        """
        if not self._collected:
            return
        self.send(Answer(self.requests.popleft() if self.requests else None, [b"".join(self._collected)]))

    def send(self, answer: Answer) -> None:
        """
        Sends an answer through the hooks, after those that are still on their way.
        """
        self._collected.clear()
        for hook in self._reference.wire:
            hook(answer)
        self._pieces.extend(answer.pieces)
        if not self._waiting:
            self._run()

    def close(self) -> None:
        """
        Closes once everything is out.
        """
        self.flush()
        self._closing = True
        if not self._waiting:
            self._transport.close()

    def abort(self) -> None:
        """
        Drops the connection at once.
        """
        self._pieces.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """
        Whether nothing more can be sent.
        """
        return self._closing or self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """
        As the transport does.
        """
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """
        As the transport does.
        """
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """
        As the transport does.
        """
        self._transport.resume_reading()

    def _run(self) -> None:
        self._waiting = False
        while self._pieces and not self._transport.is_closing():
            match self._pieces.popleft():
                case bytes(data):
                    self._transport.write(data)
                case End.CLOSE:
                    self._transport.close()
                case End.ABORT:
                    self._reset()
                case End.HANG:
                    self._waiting = True
                    return
                case seconds:
                    self._waiting = True
                    self._loop.call_later(seconds, self._run)
                    return
        if self._closing:
            self._transport.close()

    def _reset(self) -> None:
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()


class Protocol(HttpToolsProtocol):
    """
    uvicorn's protocol with an `Outbox`, and with our error object where it would answer a malformed request itself.
    """

    outbox: Outbox

    def __init__(self, reference: Reference, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.reference = reference
        self.logger = _silent
        self.access_log = False
        self._number = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.outbox = Outbox(transport, self.reference, self.loop)
        self.reference.connections += 1
        self._connection = self.reference.connections
        super().connection_made(self.outbox)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("")

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._number += 1
        target = self.url.decode("latin-1")
        method = self.parser.get_method().decode("ascii")
        self.outbox.requests.append(Sent(method, target, self.headers, self._connection, self._number))
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _decline_upgrade(self, rest: bytes) -> None:
        """
        Answers a request with Upgrade as if it had none (RFC 9110, 7.8). httptools never reads the body of such a
        request, so that its head is parsed once more without the field.
        """
        if self.parser.get_method() == b"CONNECT":
            self.send_400_response("")
            return
        version = self.parser.get_http_version().encode()
        fields = b"".join(b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade")
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (self.parser.get_method(), self.url, version, fields)
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    def on_response_complete(self) -> None:
        self.outbox.flush()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's, in words that are not ours
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.outbox.abort()
            return
        body = self.reference.errors.default_problem(BadSyntax(cause("http.malformed")))
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        fields = [*self.server_state.default_headers, *head, (b"connection", b"close")]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
        self.outbox.send(Answer(None, [STATUS_LINE[400] + lines + b"\r\n" + body]))
        self.outbox.close()
