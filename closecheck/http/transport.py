"""
The only network boundary: bytes out, bytes in, times; no judgement, no retry, no redirect, no environment.

Connections to one origin, kept and handed out; each speaks for itself (:mod:`closecheck.http.connection`).
"""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from closecheck.http.addresses import Host, connect_problem
from closecheck.http.connection import Connection, Landing, Reply
from closecheck.http.request_bytes import serialise
from closecheck.http.tls import TLS
from closecheck.model import Failure, FailureKind, Request


class Transport:
    """
    Connections to one origin, kept alive and handed out most recently used first.

    ``timeout`` is the limit of one exchange in seconds, from the first byte sent to the last byte read.
    Safe to use from several threads.
    """

    def __init__(self, base_url: str, *, timeout: float, tls: TLS | None = None) -> None:
        parts = urlsplit(base_url)
        self._name = parts.hostname or ""
        self._context = (tls or TLS()).context() if parts.scheme == "https" else None
        self._timeout = timeout
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._clock = time.perf_counter
        self._host = Host(self._name, parts.port or (443 if parts.scheme == "https" else 80), self._clock)
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

    def _connect(self, deadline: float) -> Connection:
        sock = self._host.reached(deadline)
        try:
            sock.settimeout(max(deadline - self._clock(), 0.001))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_hostname=self._name)
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
                self._unconnected = Failure(FailureKind.UNREACHABLE, connect_problem(error))
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
