"""
The only network boundary: bytes out, bytes in, times; no judgement, no retry, no redirect, no environment.

A plain blocking socket for each connection, one write for each request, and Node's parser (httptools) for each answer, so
that what ordinary clients mend in silence stays visible: surplus bytes, wrong lengths, answers cut short.
Every wait has a deadline and every answer a size limit.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

import httptools
import msgspec

from closecheck.model import Failure, FailureKind, Request, Response, Timing, header

MOST_HEADER_BYTES: Final = 256 * 1024
"""Bytes of an answer's header section before it counts as endless."""
MOST_BODY_BYTES: Final = 16 * 1024 * 1024
"""Bytes of an answer's body, before and after content coding is undone, before it counts as endless."""
_CHUNK: Final = 65536
_SWITCHING_PROTOCOLS: Final = 101
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
        pieces.append(b"%x\r\n%b\r\n" % (len(piece), piece))
        position += size
    pieces.append(b"0\r\n\r\n")
    return b"".join(pieces)


class _Answer:
    """The parser's listener: collects one final answer, passing over interim ones (RFC 9110, 15.2)."""

    __slots__ = ("body", "closing", "complete", "head_complete", "header_bytes", "headers", "headless", "parser", "reason", "size", "status",
                 "surplus", "version")

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.reset(headless=False)

    def reset(self, *, headless: bool) -> None:
        self.headless = headless
        self.headers: list[tuple[str, str]] = []
        self.body: list[bytes] = []
        self.size = 0
        self.header_bytes = 0
        self.status = 0
        self.reason = ""
        self.version = ""
        self.head_complete = False
        self.complete = False
        self.surplus = False
        self.closing = False

    def on_message_begin(self) -> None:
        if self.complete:
            self.surplus = True

    def on_status(self, reason: bytes) -> None:
        if not self.complete:
            self.reason += reason.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.head_complete:  # what comes later is a trailer field, which is no header
            self.headers.append((name.decode("latin-1"), value.decode("latin-1")))
            self.header_bytes += len(name) + len(value)

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        self.status = self.parser.get_status_code()
        self.version = self.parser.get_http_version()
        self.head_complete = True

    def on_body(self, data: bytes) -> None:
        if not self.complete:
            self.body.append(data)
            self.size += len(data)

    def on_message_complete(self) -> None:
        if self.complete:
            return
        if self.status // 100 == 1 and self.status != _SWITCHING_PROTOCOLS:
            self.reset(headless=self.headless)
            return
        self.complete = True

    @property
    def ends_with_connection(self) -> bool:
        """Whether the body is delimited by the end of the connection (RFC 9112, 6.3, rule 8)."""
        if not self.head_complete or self.status in _BODILESS:
            return False
        fields = tuple(self.headers)
        coding = header(fields, "transfer-encoding")
        if coding is not None:
            return coding.rsplit(",", 1)[-1].strip().lower() != "chunked"
        return header(fields, "content-length") is None

    @property
    def keeps_connection(self) -> bool:
        """Whether the server will take another request on this connection (RFC 9112, 9.3)."""
        tokens = {token.strip().lower() for token in (header(tuple(self.headers), "connection") or "").split(",")}
        return "close" not in tokens and (self.version != "1.0" or "keep-alive" in tokens)


class _Broken(Exception):
    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(kind, detail)


class Connection:
    """One connection to the target; not shared between threads at the same time."""

    def __init__(self, sock: socket.socket, number: int, clock: Callable[[], float]) -> None:
        self._socket = sock
        self._clock = clock
        self._answer = _Answer()
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
            self._socket.setblocking(False)
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.recv(1)  # session tickets, which arrive unasked, are no data
            else:
                self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        return True

    def exchange(self, data: bytes, *, headless: bool, deadline: float) -> tuple[Response | None, Failure | None]:
        """
        Send the bytes of one request and read one answer.

        ``headless`` is true for HEAD, whose answers have no body; ``deadline`` is a reading of the clock.
        """
        failure = self.begin(data, headless=headless, deadline=deadline)
        return (None, failure) if failure else self.finish(deadline=deadline)

    def begin(self, data: bytes, *, headless: bool, deadline: float) -> Failure | None:
        """Send the bytes of one request; the failure that keeps its answer from being waited for, if there is one."""
        self._answer.reset(headless=headless)
        self.served += 1
        try:
            self._send(data, deadline)
        except _Broken as broken:
            self.close()
            return broken.failure
        return None

    def finish(self, *, deadline: float) -> tuple[Response | None, Failure | None]:
        """Read the answer to the request that was begun."""
        answer = self._answer
        try:
            self._receive(answer, deadline)
        except _Broken as broken:
            self.close()
            return (_response(answer) if answer.complete else None), broken.failure
        if answer.headless or not answer.keeps_connection or answer.ends_with_connection:
            self.close()
        return _response(answer), None

    def _send(self, data: bytes, deadline: float) -> None:
        try:
            self._socket.settimeout(max(deadline - self._clock(), 0.001))
            self._socket.sendall(data)
        except TimeoutError:
            raise _Broken(FailureKind.TIMEOUT, "the target did not read the request within the time limit") from None
        except OSError:
            pass  # a server may answer and close before it has read everything: the answer, if any, is still there

    def _receive(self, answer: _Answer, deadline: float) -> None:
        parser = answer.parser
        received = 0
        while not answer.complete:
            data = self._read(answer, deadline)
            received += len(data)
            if not data:
                if answer.ends_with_connection:
                    answer.complete = True
                    return
                raise _Broken(FailureKind.DROPPED, _how_far(answer))
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
            if answer.headless and answer.head_complete:
                answer.complete = True
            # What the parser has not told yet counts too: a line without end, chunk extensions, trailers, interim answers.
            if answer.header_bytes > MOST_HEADER_BYTES or (received > MOST_HEADER_BYTES and not answer.head_complete):
                raise _Broken(FailureKind.ENDLESS, f"the header section went on beyond {MOST_HEADER_BYTES >> 10} kB")
            if max(answer.size, received - answer.size) > MOST_BODY_BYTES:
                raise _Broken(FailureKind.ENDLESS, f"the answer went on beyond {MOST_BODY_BYTES >> 20} MB")

    def _read(self, answer: _Answer, deadline: float) -> bytes:
        remaining = deadline - self._clock()
        if remaining <= 0:
            raise _Broken(FailureKind.TIMEOUT, _how_far(answer))
        try:
            self._socket.settimeout(remaining)
            return self._socket.recv(_CHUNK)
        except (TimeoutError, ssl.SSLWantReadError):
            raise _Broken(FailureKind.TIMEOUT, _how_far(answer)) from None
        except ssl.SSLEOFError:
            return b""
        except OSError:
            raise _Broken(FailureKind.DROPPED, _how_far(answer)) from None


def _how_far(answer: _Answer) -> str:
    if answer.head_complete:
        return f"after the header section of a {answer.status} and {answer.size} bytes of its body"
    return "before a whole header section had come" if answer.headers or answer.reason else "before any answer had come"


def _response(answer: _Answer) -> Response:
    body = b"".join(answer.body)
    headers = tuple(answer.headers)
    coding = header(headers, "content-encoding") or ""
    return Response(answer.status, answer.reason, answer.version, headers, _decoded(body, coding), coding)


def _decoded(body: bytes, coding: str) -> bytes:
    """Undo gzip and deflate (RFC 9110, 8.4.1), bounded; what cannot be undone is left as it is."""
    for name in reversed([token.strip().lower() for token in coding.split(",") if token.strip()]):
        if name in {"gzip", "x-gzip"}:
            windows: tuple[int, ...] = (zlib.MAX_WBITS | 16,)
        elif name == "deflate":
            windows = (zlib.MAX_WBITS, -zlib.MAX_WBITS)  # many servers send it without the zlib wrapper
        else:
            return body
        for window in windows:
            with contextlib.suppress(zlib.error):
                body = _inflated(body, window)
                break
    return body


def _inflated(data: bytes, window: int) -> bytes:
    """Return what every member of a compressed body holds (RFC 1952, 2.2), bounded; zlib.error if it is none."""
    found = b""
    while data and len(found) < MOST_BODY_BYTES:
        member = zlib.decompressobj(window)
        try:
            found += member.decompress(data, MOST_BODY_BYTES - len(found))
        except zlib.error:
            if not found:
                raise
            break  # padding after the last member
        if not member.eof:
            break
        data = member.unused_data
    return found


class TLS(msgspec.Struct, frozen=True):
    """How an HTTPS target is verified and who we say we are; paths of PEM files."""

    verify: bool = True
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context; OSError or ssl.SSLError if a file cannot be read."""
        if not self.verify:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.ca_file:
            context = ssl.create_default_context(cafile=self.ca_file)
        else:
            import truststore  # noqa: PLC0415 - only an HTTPS target needs it

            context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.client_cert:
            context.load_cert_chain(self.client_cert, self.client_key)
        return context


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
        with contextlib.ExitStack() as stack:
            if fresh:
                lane = stack.enter_context(self.lane())
                return lane.send(request)
            connection = self._take()
            reply, connection = self._exchange(request, connection)
            if connection is not None and connection.usable:
                with self._lock:
                    self._idle.append(connection)
            return reply

    def volley(self, requests: Sequence[Request]) -> list[Reply]:
        """Send requests at once, each on a connection of its own: all are written before the first answer is read."""
        deadline = self._clock() + self._timeout
        flying: list[tuple[float, Connection | None, bool, Failure | None]] = []
        for request in requests:
            begun = self._clock()
            connection = self._take()
            if connection is None:
                try:
                    connection = self._connect(deadline)
                except OSError as error:
                    flying.append((begun, None, True, Failure(FailureKind.UNREACHABLE, _connect_problem(error))))
                    continue
            fresh = connection.served == 0
            failure = connection.begin(serialise(request), headless=request.method == "HEAD", deadline=deadline)
            flying.append((begun, connection, fresh, failure))
        replies = []
        for begun, connection, fresh, unsent in flying:
            response, failure = (None, unsent) if connection is None or unsent else connection.finish(deadline=deadline)
            number = connection.number if connection else 0
            replies.append(Reply(Timing(begun - self.started, self._clock() - begun, number, fresh), response, failure))
            if connection is not None and connection.usable:
                with self._lock:
                    self._idle.append(connection)
        return replies

    @contextlib.contextmanager
    def lane(self) -> Iterator[Lane]:
        """Yield a lane: requests sent through it share one connection as long as the target keeps it open."""
        lane = Lane(self)
        try:
            yield lane
        finally:
            lane.close()

    def _take(self) -> Connection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if not connection.stale():
                return connection
            connection.close()

    def _exchange(self, request: Request, connection: Connection | None) -> tuple[Reply, Connection | None]:
        begun = self._clock()
        deadline = begun + self._timeout
        if connection is None:
            try:
                connection = self._connect(deadline)
            except OSError as error:
                timing = Timing(begun - self.started, self._clock() - begun)
                return Reply(timing, failure=Failure(FailureKind.UNREACHABLE, _connect_problem(error))), None
        fresh = connection.served == 0
        data = serialise(request)
        sent = self._clock()
        response, failure = connection.exchange(data, headless=request.method == "HEAD", deadline=deadline)
        timing = Timing(sent - self.started, self._clock() - sent, connection.number, fresh)
        return Reply(timing, response, failure), connection

    def _connect(self, deadline: float) -> Connection:
        sock = socket.create_connection((self._host, self._port), timeout=max(deadline - self._clock(), 0.001))
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_hostname=self._host)
        except BaseException:
            sock.close()
            raise
        return Connection(sock, next(self._numbers), self._clock)


class Lane:
    """One caller's own connection, reopened when the target closes it between two answers."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._connection: Connection | None = None

    def send(self, request: Request) -> Reply:
        """Send a request on this lane's connection."""
        if self._connection is not None and (not self._connection.usable or self._connection.stale()):
            self.close()
        reply, self._connection = self._transport._exchange(request, self._connection)  # noqa: SLF001 - its other half
        return reply

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


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
