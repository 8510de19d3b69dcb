"""
The HTTP server that events are delivered to; no other module of the life cycle opens a socket.

It answers every delivery at once and keeps it with the time of its arrival. It neither subscribes nor interprets.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from closecheck.judging.exchange import parse

_MOST_EVENT_BYTES: Final = 1 << 20


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a sender may keep its connection for as long as it likes
    request_queue_size = 256
    received: list[tuple[float, Any]]
    clock: Callable[[], float]

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over a sender that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def do_POST(self) -> None:
        """Take one delivery and answer at once."""
        at = self.server.clock()
        data = self._body()
        try:
            self.server.received.append((at, parse(data)))
        except ValueError:
            self.server.received.append((at, {"unreadable": data.decode("utf-8", "replace")}))
        self.send_response_only(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MOST_EVENT_BYTES))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(min(size, _MOST_EVENT_BYTES)))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Say nothing: standard error belongs to the run."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class Listener:
    """
    A small HTTP server in a thread that takes every POST, answers it at once and keeps it with the time of its arrival.

    ``clock`` gives the times. OSError if the address is taken.
    """

    def __init__(self, host: str, port: int, clock: Callable[[], float]) -> None:
        kind = _Server6 if ":" in host else _Server
        self._server = kind((host, port), _Handler)
        self._server.received = self.received = []
        self._server.clock = clock
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="closecheck listener", daemon=True
        )
        self._thread.start()

    received: list[tuple[float, Any]]
    """Every delivery: when, in seconds of the clock, and its JSON."""

    def close(self) -> None:
        """Stop listening; harmless if it is done."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


def is_loopback(host: str) -> bool:
    """Tell whether a host, by name or by address, is this machine alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_towards(host: str) -> str:
    """Return the address of this machine that a host sees; nothing is sent."""
    with contextlib.suppress(OSError):
        family, kind, _, _, address = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    return "127.0.0.1"
