"""
The addresses of a host, and which of them answers: tried one after the other, each a moment later, while those before it are awaited.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Final

_STAGGER: Final = 0.25
"""Seconds after which the next address of a host is tried while the last one is silent (RFC 8305, 5)."""


class Host:
    """A host by its name and port; ``clock`` is the one that deadlines are read from."""

    def __init__(self, name: str, port: int, clock: Callable[[], float]) -> None:
        self._name = name
        self._port = port
        self._clock = clock
        self.answered: Any = None
        """The address that answered last."""

    def reached(self, deadline: float) -> socket.socket:
        """
        Return a socket that is connected to the first address of the host that answers (RFC 8305, 5, in small).

        The one that answered last is tried first; each next one a moment later, while those before it are still awaited.

        Raises:
            OSError: none answers, by the first that said so; TimeoutError: none says anything within the deadline.

        """
        found = socket.getaddrinfo(self._name, self._port, type=socket.SOCK_STREAM)
        addresses = deque(sorted(found, key=lambda one: one[4] != self.answered))
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
                        self.answered = address
                        return sock
                    sock.close()
                    refused = refused or OSError(code, os.strerror(code))
                    next_at = self._clock()
        finally:
            for sock, _ in awaited.values():
                sock.close()
        raise refused if refused is not None and not awaited else TimeoutError


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


def connect_problem(error: OSError) -> str:
    """Return why no connection came about, in words."""
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
