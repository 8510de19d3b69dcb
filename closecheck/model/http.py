"""Requests, responses and failures as they are on the wire, before anything is redacted or recorded."""

from __future__ import annotations

import enum
from typing import Literal

from closecheck.model.base import Struct

Headers = tuple[tuple[str, str], ...]
"""Field names and values in wire order, names as they were written."""


def header(headers: Headers, name: str) -> str | None:
    """Return the values of a field, joined by commas (RFC 9110, 5.3), or None if it is absent."""
    values = [value for key, value in headers if key.lower() == name.lower()]
    return ", ".join(values) if values else None


Chunking = Literal["plain", "extensions", "capitals", "leading-zeros", "trailers"]
"""How chunks are written: plainly; or with an extension each, sizes in capitals, sizes with zeros before them, or trailer fields at the end."""


class Request(Struct):
    """One request as it goes onto the wire: ``target`` is path and query, ``body`` its bytes before any chunking."""

    method: str
    target: str
    headers: Headers
    body: bytes = b""
    chunks: tuple[int, ...] = ()
    """Sizes of the chunks in which the body is sent; empty: sent whole, with Content-Length unless the headers lack it."""
    chunking: Chunking = "plain"
    """How the chunks are written."""


class Response(Struct):
    """
    One complete answer: ``body`` after its codings are undone; ``coding`` is the Content-Encoding field as it stands.

    Where a coding cannot be undone the body is as it was before that was tried.
    """

    status: int
    reason: str
    version: str
    headers: Headers
    body: bytes = b""
    coding: str = ""
    spoiled: str = ""
    """Why a coding that the answer names, and that is known, cannot be undone: such a body is not JSON, whatever it looks like."""
    unknown_coding: str = ""
    """A coding that the answer names, and that is not known here: nothing can be said of such a body."""

    def header(self, name: str) -> str | None:
        """Return the values of a field, joined by commas, or None."""
        return header(self.headers, name)


class FailureKind(enum.StrEnum):
    """Why a request got no complete, well-framed answer."""

    UNREACHABLE = "unreachable"
    """No connection could be made."""
    TIMEOUT = "timeout"
    """No complete answer within the time limit."""
    DROPPED = "dropped"
    """The connection was closed or reset before the first byte of an answer."""
    CUT = "cut"
    """The connection was closed or reset within the answer."""
    MALFORMED = "malformed"
    """What came back is not a well-framed HTTP answer."""
    ENDLESS = "endless"
    """The answer went on beyond the size limit."""

    @property
    def received(self) -> bool:
        """Whether something was received that is no answer in order: evidence by itself, on whatever connection it came."""
        return self in {FailureKind.CUT, FailureKind.MALFORMED, FailureKind.ENDLESS}


class Failure(Struct):
    """The absence of an answer, in words."""

    kind: FailureKind
    detail: str

    @property
    def words(self) -> str:
        """What happened, as it stands behind ``no answer:``; a detail alone may only say how far the answer had come."""
        match self.kind:
            case FailureKind.TIMEOUT:
                return f"the time limit passed {self.detail}"
            case FailureKind.DROPPED | FailureKind.CUT:
                return f"the connection was closed {self.detail}"
            case _:
                return self.detail


class Timing(Struct):
    """Seconds: when the request was sent, counted from the start of the run, and how long its answer took."""

    sent: float
    seconds: float
    connection: int = 0
    fresh: bool = True
