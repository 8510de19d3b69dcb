"""
One connection: a plain socket, one write for each request, one answer read for it. Every wait has a deadline and every answer a size limit.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Final

import httptools
import msgspec

from closecheck.http import codings
from closecheck.http.answer import Answer, Fields, Head, decoded_fields
from closecheck.model import Failure, FailureKind, Response, Timing

MOST_HEADER_BYTES: Final = 256 * 1024
"""Bytes of an answer's header section before it counts as endless."""
MOST_BODY_BYTES: Final = 16 * 1024 * 1024
"""Bytes of an answer's body, before and after content coding is undone, before it counts as endless."""
_CHUNK: Final = 65536
_LATE: Final = 0.5
"""Seconds in which what has come may be read after its deadline: whoever reads may have waited for another's answer."""
_REQUEST_TIMEOUT: Final = 408


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
        reason, fields = self.reason.decode("latin-1"), decoded_fields(self.fields)
        if not (head.codings and self.body):  # an answer without a body has nothing to which a coding could have been applied
            return Response(head.status, reason, head.version, fields, self.body, head.coding)
        undone = codings.undo(self.body, head.codings, MOST_BODY_BYTES)
        return Response(head.status, reason, head.version, fields, undone.body, head.coding, undone.spoiled, undone.unknown)

    @property
    def reply(self) -> Reply:
        """The landing as the rest of the suite sees it."""
        return Reply(Timing(self.sent, self.seconds, self.connection, self.fresh), self.response, self.failure)


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
        self._answer = Answer()
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

    def _receive(self, answer: Answer) -> None:
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
            # What the parser has not reported yet counts too: a line without end, chunk extensions, trailers, interim answers.
            if received > MOST_HEADER_BYTES and (answer.head is None or answer.header_bytes > MOST_HEADER_BYTES):
                raise _Broken(FailureKind.ENDLESS, f"the header section went on beyond {MOST_HEADER_BYTES >> 10} kB")
            if received > MOST_BODY_BYTES and max(answer.size, received - answer.size) > MOST_BODY_BYTES:
                raise _Broken(FailureKind.ENDLESS, f"the answer went on beyond {MOST_BODY_BYTES >> 20} MB")
            if not answer.complete and self._clock() > read_by:
                raise _Broken(FailureKind.TIMEOUT, answer.how_far)
        if answer.head is not None and answer.head.misframed:
            raise _Broken(FailureKind.MALFORMED, answer.head.misframed)

    def _dropped(self, answer: Answer) -> _Broken:
        """Return the end of the connection before that of the answer: within it, or before its first byte."""
        return _Broken(FailureKind.CUT if self._received else FailureKind.DROPPED, answer.how_far)

    def _read(self, answer: Answer) -> bytes:
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
            raise _Broken(FailureKind.TIMEOUT, answer.how_far)
        try:
            self._socket.settimeout(remaining)
            data = self._socket.recv(_CHUNK)
            self._socket.setblocking(False)
        except (TimeoutError, ssl.SSLWantReadError):
            raise _Broken(FailureKind.TIMEOUT, answer.how_far) from None
        except ssl.SSLEOFError:
            return b""
        except OSError:
            raise self._dropped(answer) from None
        return data
