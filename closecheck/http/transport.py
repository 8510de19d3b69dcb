"""
The only network boundary: bytes out, bytes in, times; no judgement, no retry, no redirect, no environment.

A plain blocking socket for each connection, one write for each request, and Node's parser (httptools) for each answer, so
that what ordinary clients mend in silence stays visible: surplus bytes, wrong lengths, answers cut short.
Every wait has a deadline and every answer a size limit.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httptools
import msgspec

from closecheck.http import codings
from closecheck.model import Chunking, Failure, FailureKind, Headers, Request, Response, Timing, header

MOST_HEADER_BYTES: Final = 256 * 1024
"""Bytes of an answer's header section before it counts as endless."""
MOST_BODY_BYTES: Final = 16 * 1024 * 1024
"""Bytes of an answer's body, before and after content coding is undone, before it counts as endless."""
_CHUNK: Final = 65536
_STAGGER: Final = 0.25
"""Seconds after which the next address of a host is tried while the last one is silent (RFC 8305, 5)."""
_LATE: Final = 0.5
"""Seconds in which what has come may be read after its deadline: whoever reads may have waited for another's answer."""
_SWITCHING_PROTOCOLS: Final = 101
_REQUEST_TIMEOUT: Final = 408
_CHUNKED: Final = "chunked"
_BODILESS: Final = frozenset({204, 304})


class Reply(msgspec.Struct, frozen=True):
    """What one request got: an answer, or a failure; a failure beside an answer says how the answer was ill framed."""

    timing: Timing
    response: Response | None = None
    failure: Failure | None = None

    @property
    def reused(self) -> bool:
        """Whether the request travelled on a connection that had served another before."""
        return not self.timing.fresh

    @property
    def idled(self) -> bool:
        """Whether it is a 408 to a connection that had been idle, which crossed the request (RFC 9110, 15.5.9), and not its answer."""
        return self.reused and self.failure is None and self.response is not None and self.response.status == _REQUEST_TIMEOUT


def serialise(request: Request) -> bytes:
    """Return the bytes of a request, its body in the chunks it asks for (RFC 9112, 7.1)."""
    lines = [f"{request.method} {request.target} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers)]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    if not request.chunks:
        return head + request.body
    pieces: list[bytes] = [head]
    position = 0
    for size in itertools.cycle(request.chunks):
        piece = request.body[position : position + size]
        if not piece:
            break
        pieces.append(b"%b\r\n%b\r\n" % (_size_line(len(piece), request.chunking), piece))
        position += size
    trailers = _TRAILERS if request.chunking == "trailers" else b""
    pieces.append(b"%b\r\n%b\r\n" % (_size_line(0, request.chunking), trailers))
    return b"".join(pieces)


_TRAILERS: Final = b"X-Closecheck-Sum: 5f1c0a37\r\nX-Closecheck-Note: a trailer field\r\n"
_EXTENSION: Final = b";closecheck=1"


def _size_line(size: int, chunking: Chunking) -> bytes:
    """Return the line before a chunk, without its end (RFC 9112, 7.1 and 7.1.1)."""
    match chunking:
        case "extensions":
            return b"%x" % size + _EXTENSION
        case "capitals":
            return b"%X" % size
        case "leading-zeros":
            return b"%08x" % size
        case _:
            return b"%x" % size


class Head(msgspec.Struct, frozen=True, eq=False):
    """
    What an answer's header section says of how the answer is to be read.

    Heads that say the same are the same object, as a rule: whoever has looked at one knows it again.
    """

    status: int
    version: str
    media_type: str | None
    """The Content-Type field as it stands, or None."""
    coding: str
    """The Content-Encoding field as it stands; empty if there is none."""
    codings: tuple[str, ...]
    """What was applied to the body beside chunks, in order, in lower case: content codings, then transfer codings."""
    misframed: str
    """What no lawful sender says of how an answer ends (RFC 9112, 6.1), although it can be read; empty if that is not so."""
    unbounded: bool
    """Whether the body is delimited by the end of the connection (RFC 9112, 6.3, rule 8)."""
    keeps_connection: bool
    """Whether the server will take another request on the connection (RFC 9112, 9.3)."""


Fields = list[tuple[bytes, bytes]]
"""Field names and values in wire order, as they came."""

_LENGTH: Final = b"content-length"
_HEEDED: Final = frozenset({_LENGTH, b"content-type", b"content-encoding", b"transfer-encoding", b"connection"})
_MOST_HEADS: Final = 1024
_heads: dict[tuple[object, ...], Head] = {}


def head_of(status: int, version: str, fields: Fields) -> Head:
    """Return what a header section says; that of an answer like an earlier one is looked up, not read again."""
    key: list[object] = [status, version]
    for name, value in fields:
        lower = name.lower()
        if lower in _HEEDED:
            # Which length it is, is the parser's affair.
            key.append(_LENGTH if lower == _LENGTH else (lower, value))
    known = _heads.get(tuple(key))
    if known is None:
        if len(_heads) >= _MOST_HEADS:
            _heads.clear()
        known = _heads[tuple(key)] = _read_head(status, version, _decoded_fields(fields))
    return known


def _read_head(status: int, version: str, headers: Headers) -> Head:
    field = header(headers, "transfer-encoding")
    transfer = codings.names(field or "")
    chunked = transfer[-1:] == [_CHUNKED]
    if status in _BODILESS:
        unbounded = False
    elif field is not None:
        unbounded = not chunked
    else:
        unbounded = header(headers, "content-length") is None
    tokens = {token.strip().lower() for token in (header(headers, "connection") or "").split(",")}
    keeps = "close" not in tokens and (version != "1.0" or "keep-alive" in tokens)
    coding = header(headers, "content-encoding") or ""
    applied = (*codings.names(coding), *(name for name in transfer if name != _CHUNKED))
    misframed = _misframed(version, transfer)
    return Head(status, version, header(headers, "content-type"), coding, applied, misframed, unbounded, keeps)


def _misframed(version: str, transfer: list[str]) -> str:
    """Say what is wrong with the transfer codings of an answer, in lower case and in their order; empty if nothing is."""
    named = f"Transfer-Encoding: {', '.join(transfer)}"
    if transfer.count(_CHUNKED) > 1:
        return f"{named}: chunked is named more than once (RFC 9112, 6.1)"
    if _CHUNKED in transfer[:-1]:
        return f"{named}: chunked is not the last of them (RFC 9112, 6.1)"
    if transfer and version == "1.0":
        return f"{named} in an answer of HTTP/1.0 (RFC 9112, 6.1)"
    if any(name != _CHUNKED and not codings.known(name) for name in transfer):
        return f"{named}: a transfer coding that the request did not admit (RFC 9110, 10.1.4)"
    return ""


def _decoded_fields(fields: Fields) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)


class Landing(msgspec.Struct):
    """
    What one request brought back, as it came: a whole answer, or a failure, or both where the answer was ill framed.

    It is what a reply is made from where one is wanted; of the answers of an exploration most are looked at only once.
    """

    sent: float
    """Seconds from the start of the run."""
    seconds: float
    """How long the answer took."""
    connection: int = 0
    fresh: bool = True
    head: Head | None = None
    """None: no whole answer came."""
    reason: bytes = b""
    fields: Fields = msgspec.field(default_factory=list)
    body: bytes = b""
    """The body with its codings."""
    failure: Failure | None = None

    @property
    def response(self) -> Response | None:
        """The answer, if it came whole."""
        head = self.head
        if head is None:
            return None
        reason, fields = self.reason.decode("latin-1"), _decoded_fields(self.fields)
        if not (head.codings and self.body):  # an answer without a body has nothing to which a coding could have been applied
            return Response(head.status, reason, head.version, fields, self.body, head.coding)
        undone = codings.undo(self.body, head.codings, MOST_BODY_BYTES)
        return Response(head.status, reason, head.version, fields, undone.body, head.coding, undone.spoiled, undone.unknown)

    @property
    def reply(self) -> Reply:
        """The landing as the rest of the suite sees it."""
        return Reply(Timing(self.sent, self.seconds, self.connection, self.fresh), self.response, self.failure)


class _Answer:
    """The parser's listener: collects one final answer, passing over interim ones (RFC 9110, 15.2)."""

    __slots__ = ("body", "complete", "fields", "head", "headless", "parser", "reason", "surplus")

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.reset(headless=False)

    def reset(self, *, headless: bool) -> None:
        self.headless = headless
        self.reason = b""
        self.fields: Fields = []
        self.head: Head | None = None
        self.body: list[bytes] = []
        self.complete = False
        self.surplus = False

    @property
    def header_bytes(self) -> int:
        """How much of the header section has come, as far as the parser has told."""
        return sum(len(name) + len(value) for name, value in self.fields)

    @property
    def size(self) -> int:
        """How much of the body has come."""
        return sum(map(len, self.body))

    # -- the parser's callbacks

    def on_message_begin(self) -> None:
        if self.complete:
            self.surplus = True

    def on_status(self, reason: bytes) -> None:
        if not self.complete:
            self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head is None:  # what comes later is a trailer field, which is no header
            self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        if not self.complete:
            self.head = head_of(self.parser.get_status_code(), self.parser.get_http_version(), self.fields)

    def on_body(self, data: bytes) -> None:
        if not self.complete:
            self.body.append(data)

    def on_message_complete(self) -> None:
        if self.complete or self.head is None:
            return
        if self.head.status // 100 == 1 and self.head.status != _SWITCHING_PROTOCOLS:
            self.reset(headless=self.headless)
            return
        self.complete = True


class _Broken(Exception):
    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(kind, detail)


class Connection:
    """
    One connection to the target; not shared between threads at the same time.

    Its socket does not block: what can be done at once is done in one call, and only what cannot waits for its deadline.
    """

    def __init__(self, sock: socket.socket, number: int, clock: Callable[[], float]) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._clock = clock
        self._answer = _Answer()
        self._deadline = 0.0
        self._unsent: Failure | None = None
        self._received = 0
        self.number = number
        self.served = 0
        self.usable = True

    def close(self) -> None:
        """Close the connection; harmless if it is closed."""
        self.usable = False
        with contextlib.suppress(OSError):
            self._socket.close()

    def stale(self) -> bool:
        """Tell whether the server has closed this idle connection or written to it unasked."""
        try:
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.recv(1)  # session tickets, which arrive unasked, are no data
            else:
                self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        return True

    def begin(self, data: bytes, *, headless: bool, deadline: float) -> None:
        """
        Send the bytes of one request.

        ``headless`` is true for HEAD, whose answers have no body; ``deadline`` is a reading of the clock, for the answer too.
        """
        self._answer.reset(headless=headless)
        self._deadline = deadline
        self._received = 0
        self.served += 1
        try:
            self._send(data)
            self._unsent = None
        except _Broken as broken:
            self.close()
            self._unsent = broken.failure

    @property
    def awaited(self) -> tuple[int, float] | None:
        """The file descriptor on which the answer is awaited, and until when; None if something is there to be landed."""
        if self._unsent is not None or not self.usable or (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()):
            return None
        return self._socket.fileno(), self._deadline

    def land(self, sent: float) -> Landing:
        """Read the answer to the request that was begun; ``sent`` is when."""
        answer = self._answer
        failure = self._unsent
        if failure is None:
            try:
                self._receive(answer)
            except _Broken as broken:
                self.close()
                failure = broken.failure
        fresh = self.served == 1
        head = answer.head if answer.complete else None
        if head is None:
            return Landing(sent, 0.0, self.number, fresh, failure=failure)
        if answer.headless or head.unbounded or not head.keeps_connection or head.status == _REQUEST_TIMEOUT:
            self.close()
        body = answer.body[0] if len(answer.body) == 1 else b"".join(answer.body)
        return Landing(sent, 0.0, self.number, fresh, head, answer.reason, answer.fields, body, failure)

    def _send(self, data: bytes) -> None:
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            sent = 0
        except OSError:
            return  # a server may answer and close before it has read everything: the answer, if any, is still there
        if sent == len(data):
            return
        try:
            self._socket.settimeout(max(self._deadline - self._clock(), 0.001))
            self._socket.sendall(memoryview(data)[sent:])
            self._socket.setblocking(False)
        except TimeoutError:
            raise _Broken(FailureKind.TIMEOUT, "the target did not read the request within the time limit") from None
        except OSError:
            self._socket.setblocking(False)

    def _receive(self, answer: _Answer) -> None:
        parser = answer.parser
        read_by = max(self._deadline, self._clock() + _LATE)
        while not answer.complete:
            data = self._read(answer)
            self._received += len(data)
            received = self._received
            if not data:
                if answer.head is not None and answer.head.unbounded:
                    answer.complete = True
                    break
                raise self._dropped(answer)
            try:
                parser.feed_data(data)
            except httptools.HttpParserUpgrade:
                raise _Broken(FailureKind.MALFORMED, "the target switched protocols unasked (101)") from None
            except httptools.HttpParserError as error:
                if answer.complete and answer.surplus:
                    raise _Broken(FailureKind.MALFORMED, "bytes follow the end of the answer") from None
                raise _Broken(FailureKind.MALFORMED, f"not a well-formed HTTP answer: {error}") from None
            if answer.complete and answer.surplus:
                raise _Broken(FailureKind.MALFORMED, "bytes follow the end of the answer")
            if answer.headless and answer.head is not None:
                answer.complete = True
            if answer.head is not None and answer.head.misframed and answer.head.unbounded:
                break  # nobody can say where it ends
            # What the parser has not told yet counts too: a line without end, chunk extensions, trailers, interim answers.
            if received > MOST_HEADER_BYTES and (answer.head is None or answer.header_bytes > MOST_HEADER_BYTES):
                raise _Broken(FailureKind.ENDLESS, f"the header section went on beyond {MOST_HEADER_BYTES >> 10} kB")
            if received > MOST_BODY_BYTES and max(answer.size, received - answer.size) > MOST_BODY_BYTES:
                raise _Broken(FailureKind.ENDLESS, f"the answer went on beyond {MOST_BODY_BYTES >> 20} MB")
            if not answer.complete and self._clock() > read_by:
                raise _Broken(FailureKind.TIMEOUT, _how_far(answer))
        if answer.head is not None and answer.head.misframed:
            raise _Broken(FailureKind.MALFORMED, answer.head.misframed)

    def _dropped(self, answer: _Answer) -> _Broken:
        """Return the end of the connection before that of the answer: within it, or before its first byte."""
        return _Broken(FailureKind.CUT if self._received else FailureKind.DROPPED, _how_far(answer))

    def _read(self, answer: _Answer) -> bytes:
        """Return what has come, or what comes before the deadline; nothing at the end of the connection."""
        try:
            return self._socket.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except ssl.SSLEOFError:
            return b""
        except OSError:
            raise self._dropped(answer) from None
        remaining = self._deadline - self._clock()
        if remaining <= 0:
            raise _Broken(FailureKind.TIMEOUT, _how_far(answer))
        try:
            self._socket.settimeout(remaining)
            data = self._socket.recv(_CHUNK)
            self._socket.setblocking(False)
        except (TimeoutError, ssl.SSLWantReadError):
            raise _Broken(FailureKind.TIMEOUT, _how_far(answer)) from None
        except ssl.SSLEOFError:
            return b""
        except OSError:
            raise self._dropped(answer) from None
        return data


def _how_far(answer: _Answer) -> str:
    if answer.head is not None:
        return f"after the header section of a {answer.head.status} and {answer.size} bytes of its body"
    return "before a whole header section had come" if answer.fields or answer.reason else "before any answer had come"


class TLS(msgspec.Struct, frozen=True):
    """How an HTTPS target is verified and who we say we are; paths of PEM files."""

    verify: bool = True
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    client_key_password: str | None = None
    """What the client's key is encrypted with, where it is."""

    def context(self) -> ssl.SSLContext:
        """
        Return the context; nobody is ever asked for a password.

        Raises:
            UnusableFile: a file cannot be used; it names the member at fault.

        """
        if not self.verify:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.ca_file:
            try:
                context = ssl.create_default_context(cafile=self.ca_file)
            except OSError as error:
                raise UnusableFile("ca_file", f"no certificate can be read from it ({_reason(error)})") from None
        else:
            import truststore  # noqa: PLC0415 - only an HTTPS target needs it

            context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.client_cert:
            try:
                # A function, for without any password OpenSSL would ask the terminal.
                context.load_cert_chain(self.client_cert, self.client_key, lambda: self.client_key_password or "")
            except (OSError, ValueError) as error:
                raise self._unusable_pair(error) from None
        return context

    def _unusable_pair(self, error: Exception) -> UnusableFile:
        """Return which of certificate, key and password is at fault."""
        member = "client_key" if self.client_key else "client_cert"
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            return UnusableFile("client_key", "it does not belong to client_cert")
        with contextlib.suppress(OSError):
            if b"ENCRYPTED" in Path(self.client_key or self.client_cert or "").read_bytes():
                if self.client_key_password is None:
                    return UnusableFile("client_key_password", f"it is missing, and {member} is encrypted")
                return UnusableFile("client_key_password", f"it does not open {member}")
        return UnusableFile(member, f"no certificate and key can be read ({_reason(error)})")


class UnusableFile(Exception):
    """A file of the TLS settings cannot be used: the member of ``tls`` at fault, and what is wrong with it."""

    def __init__(self, member: str, problem: str) -> None:
        self.member = member
        self.problem = problem
        super().__init__(member, problem)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return getattr(error, "strerror", None) or type(error).__name__


class Transport:
    """
    Connections to one origin, kept alive and handed out most recently used first.

    ``timeout`` is the limit of one exchange in seconds, from the first byte sent to the last byte read.
    Safe to use from several threads.
    """

    def __init__(self, base_url: str, *, timeout: float, tls: TLS | None = None) -> None:
        parts = urlsplit(base_url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._context = (tls or TLS()).context() if parts.scheme == "https" else None
        self._timeout = timeout
        self._answered: Any = None
        """The address of the host that answered last."""
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._clock = time.perf_counter
        self.started = self._clock()

    def close(self) -> None:
        """Close every idle connection."""
        while self._idle:
            self._idle.pop().close()

    def now(self) -> float:
        """Seconds since the transport was made: the clock of the run."""
        return self._clock() - self.started

    def send(self, request: Request, *, fresh: bool = False) -> Reply:
        """
        Send a request on an idle connection, or a new one, and keep the connection for others.

        With ``fresh`` it travels on a connection of its own, which is closed afterwards.
        """
        if fresh:
            with self.lane() as lane:
                return lane.send(request)
        with self.lanes(1) as (lane,):
            return lane.send(request)

    @contextlib.contextmanager
    def lane(self) -> Iterator[Lane]:
        """Yield a lane of its own: requests sent through it share one connection as long as the target keeps it open."""
        lane = Lane(self, None)
        try:
            yield lane
        finally:
            lane.close()

    @contextlib.contextmanager
    def lanes(self, count: int) -> Iterator[tuple[Lane, ...]]:
        """Yield lanes that begin with idle connections, as far as there are any, and leave theirs to others."""
        lanes = tuple([Lane(self, self._take()) for _ in range(count)])
        try:
            yield lanes
        finally:
            for lane in lanes:
                self._give(lane)

    def landing(self, lanes: Sequence[Lane]) -> list[Lane]:
        """Wait until an answer begins to arrive on one of these lanes, or its time is up; return those of which that is true."""
        awaited = [(lane, lane.awaited) for lane in lanes]
        if there := [lane for lane, until in awaited if until is None]:
            return there
        poll = select.poll()
        flying = {until[0]: (lane, until[1]) for lane, until in awaited if until is not None}
        for number in flying:
            poll.register(number, select.POLLIN)
        left = min(deadline for _, deadline in flying.values()) - self._clock()
        arrived = {number for number, _ in poll.poll(max(left, 0) * 1000)}
        now = self._clock()
        return [lane for number, (lane, deadline) in flying.items() if number in arrived or (not arrived and deadline <= now)]

    def _take(self) -> Connection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if not connection.stale():
                return connection
            connection.close()

    def _give(self, lane: Lane) -> None:
        connection = lane._connection  # noqa: SLF001 - its other half
        if lane.flying:
            lane.close()  # what is still to come on it would be taken for the next answer
        elif connection is not None and connection.usable:
            with self._lock:
                self._idle.append(connection)

    def _reached(self, deadline: float) -> socket.socket:
        """
        Return a socket that is connected to the first address of the host that answers (RFC 8305, 5, in small).

        The one that answered last is tried first; each next one a moment later, while those before it are still awaited.

        Raises:
            OSError: none answers, by the first that said so; TimeoutError: none says anything within the deadline.

        """
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        addresses = deque(sorted(found, key=lambda one: one[4] != self._answered))
        awaited: dict[int, tuple[socket.socket, Any]] = {}
        poll = select.poll()
        refused: OSError | None = None
        next_at = self._clock()
        try:
            while addresses or awaited:
                now = self._clock()
                if now >= deadline:
                    break
                if addresses and (now >= next_at or not awaited):
                    family, kind, protocol, _, address = addresses.popleft()
                    next_at = now + _STAGGER
                    try:
                        sock = _begun(family, kind, protocol, address)
                    except OSError as error:  # of this address alone: there may be no route for its family
                        refused = refused or error
                        next_at = now
                        continue
                    awaited[sock.fileno()] = sock, address
                    poll.register(sock, select.POLLOUT)
                until = min(next_at, deadline) if addresses else deadline
                for number, _ in poll.poll(max(until - self._clock(), 0) * 1000):
                    sock, address = awaited.pop(number)
                    poll.unregister(number)
                    if not (code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                        self._answered = address
                        return sock
                    sock.close()
                    refused = refused or OSError(code, os.strerror(code))
                    next_at = self._clock()
        finally:
            for sock, _ in awaited.values():
                sock.close()
        raise refused if refused is not None and not awaited else TimeoutError

    def _connect(self, deadline: float) -> Connection:
        sock = self._reached(deadline)
        try:
            sock.settimeout(max(deadline - self._clock(), 0.001))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_hostname=self._host)
        except BaseException:
            sock.close()
            raise
        return Connection(sock, next(self._numbers), self._clock)


class Lane:
    """
    One caller's own connection, reopened when the target closes it between two answers.

    A request is sent and its answer read by :meth:`send`, or by :meth:`begin` and :meth:`land` where others fly meanwhile.
    """

    def __init__(self, transport: Transport, connection: Connection | None) -> None:
        self._transport = transport
        self._connection = connection
        self._sent = 0.0
        self._unconnected: Failure | None = None
        self.flying = False
        """Whether a request was begun whose answer has not been read."""

    def send(self, request: Request) -> Reply:
        """Send a request on this lane's connection and read the answer."""
        self.begin(serialise(request), headless=request.method == "HEAD")
        return self.land().reply

    def begin(self, data: bytes, *, headless: bool = False) -> None:
        """Send the bytes of a request, on a new connection if the last one cannot be used any more."""
        transport = self._transport
        self._sent = transport._clock()  # noqa: SLF001 - its other half
        deadline = self._sent + transport._timeout  # noqa: SLF001
        self.flying = True
        self._unconnected = None
        if self._connection is not None and (not self._connection.usable or self._connection.stale()):
            self.close()
        if self._connection is None:
            try:
                self._connection = transport._connect(deadline)  # noqa: SLF001
            except OSError as error:
                self._unconnected = Failure(FailureKind.UNREACHABLE, _connect_problem(error))
                return
            self._sent = transport._clock()  # noqa: SLF001
        self._connection.begin(data, headless=headless, deadline=deadline)

    @property
    def awaited(self) -> tuple[int, float] | None:
        """See :attr:`Connection.awaited`."""
        return None if self._connection is None else self._connection.awaited

    def land(self) -> Landing:
        """Read the answer to the request that was begun."""
        transport = self._transport
        sent = self._sent - transport.started
        self.flying = False
        landing = Landing(sent, 0.0, failure=self._unconnected) if self._connection is None else self._connection.land(sent)
        landing.seconds = transport._clock() - self._sent  # noqa: SLF001
        return landing

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _begun(family: int, kind: int, protocol: int, address: Any) -> socket.socket:
    """Return a socket that does not block, on its way to an address; OSError if that cannot be reached at all."""
    sock = socket.socket(family, kind, protocol)
    sock.setblocking(False)
    try:
        sock.connect(address)
    except BlockingIOError:
        pass
    except OSError:
        sock.close()
        raise
    return sock


def _connect_problem(error: OSError) -> str:
    match error:
        case TimeoutError():
            return "no connection within the time limit"
        case ConnectionRefusedError():
            return "the connection was refused"
        case socket.gaierror():
            return f"the host name does not resolve ({error.strerror})"
        case ssl.SSLCertVerificationError():
            return f"the certificate does not verify: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {error.reason}"
        case _:
            return error.strerror or type(error).__name__
