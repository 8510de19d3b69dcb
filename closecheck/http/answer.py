"""
One answer as it is read: what its header section says of how it ends, and the listener of the parser that collects it.

Node's parser (httptools) reads, so that what ordinary clients mend in silence stays visible. Nothing here waits or has a socket.
"""

from __future__ import annotations

from typing import Final

import httptools
import msgspec

from closecheck.http import codings
from closecheck.model import Headers, header

_SWITCHING_PROTOCOLS: Final = 101
_CHUNKED: Final = "chunked"
_BODILESS: Final = frozenset({204, 304})


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
        known = _heads[tuple(key)] = _read_head(status, version, decoded_fields(fields))
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


def decoded_fields(fields: Fields) -> Headers:
    """Return fields as text, which is Latin-1 in HTTP (RFC 9110, 5.5)."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)


class Answer:
    """The parser's listener: collects one final answer, passing over interim ones (RFC 9110, 15.2)."""

    __slots__ = ("body", "complete", "fields", "head", "headless", "parser", "reason", "surplus")

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.reset(headless=False)

    def reset(self, *, headless: bool) -> None:
        """Forget what came, before the next answer is read."""
        self.headless = headless
        self.reason = b""
        self.fields: Fields = []
        self.head: Head | None = None
        self.body: list[bytes] = []
        self.complete = False
        self.surplus = False

    @property
    def header_bytes(self) -> int:
        """How much of the header section has come, as far as the parser has reported."""
        return sum(len(name) + len(value) for name, value in self.fields)

    @property
    def size(self) -> int:
        """How much of the body has come."""
        return sum(map(len, self.body))

    @property
    def how_far(self) -> str:
        """How much of it has come, in words."""
        if self.head is not None:
            return f"after the header section of a {self.head.status} and {self.size} bytes of its body"
        return "before a whole header section had come" if self.fields or self.reason else "before any answer had come"

    # -- the parser's callbacks

    def on_message_begin(self) -> None:
        """Notice another answer after the end of this one."""
        if self.complete:
            self.surplus = True

    def on_status(self, reason: bytes) -> None:
        """Take more of the reason phrase."""
        if not self.complete:
            self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the header section."""
        if self.head is None:  # what comes later is a trailer field, which is no header
            self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Read what the whole header section says."""
        if not self.complete:
            self.head = head_of(self.parser.get_status_code(), self.parser.get_http_version(), self.fields)

    def on_body(self, data: bytes) -> None:
        """Take more of the body."""
        if not self.complete:
            self.body.append(data)

    def on_message_complete(self) -> None:
        """End the answer, or pass over an interim one."""
        if self.complete or self.head is None:
            return
        if self.head.status // 100 == 1 and self.head.status != _SWITCHING_PROTOCOLS:
            self.reset(headless=self.headless)
            return
        self.complete = True
