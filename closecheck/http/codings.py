"""
Content and transfer codings are undone here (RFC 9110, 8.4.1; RFC 9112, 7.2), strictly and within a limit.

What cannot be undone is not passed on as if no coding had been named: the reader of the answer gets the reason.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import brotli
import msgspec

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PIECE: Final = 65536
"""Bytes of a compressed body that are handed over at once."""
_MOST_MEMBERS: Final = 10_000
"""Members of a compressed body before it counts as endless: each may be empty."""


class Undone(msgspec.Struct, frozen=True):
    """A body after its codings were undone; where one could not be, the body as it was before that was tried."""

    body: bytes
    spoiled: str = ""
    """Why a known coding could not be undone."""
    unknown: str = ""
    """The name of a coding that is not known here."""


class _Spoiled(Exception):
    """A body is not what its coding makes; the message completes "the body …"."""


class _Decompressor(Protocol):
    """What zlib's and zstd's decompressors have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def names(field: str) -> list[str]:
    """Return the codings that a Content-Encoding or Transfer-Encoding field lists, in lower case; identity is none."""
    found = [token.strip().lower() for token in field.split(",")]
    return [name for name in found if name not in {"", "identity"}]


def known(name: str) -> bool:
    """Tell whether a coding can be undone here."""
    return name in _CODINGS


def undo(body: bytes, applied: Sequence[str], limit: int) -> Undone:
    """Undo codings, named in lower case in the order in which they were applied; no more than ``limit`` bytes come of any."""
    for name in reversed(applied):
        coding = _CODINGS.get(name)
        if coding is None:
            return Undone(body, unknown=name)
        try:
            body = coding(body, limit)
        except _Spoiled as spoiled:
            return Undone(body, spoiled=f"it is sent as {name}, but {spoiled}")
    return Undone(body)


def _members(data: bytes, limit: int, start: Callable[[], _Decompressor], magic: bytes) -> bytes:
    """
    Return what the members of a compressed body hold, one after the other.

    What follows the last member is padding, unless it begins as a member does.
    """
    found: list[bytes] = []
    room = limit
    position = 0
    for _ in range(_MOST_MEMBERS):
        member = start()
        while not member.eof:
            piece = data[position : position + _PIECE]
            if not piece:
                raise _Spoiled("ends too early")
            position += len(piece)
            try:
                part = member.decompress(piece, room + 1)
            except (zlib.error, zstd.ZstdError):
                raise _Spoiled("is not in that format, or damaged") from None
            room -= len(part)
            if room < 0:
                raise _Spoiled(f"goes on beyond {limit >> 20} MB once that is undone")
            found.append(part)
        position -= len(member.unused_data)
        if not magic or not data.startswith(magic, position):
            return b"".join(found)
    raise _Spoiled(f"has more than {_MOST_MEMBERS:,} members")


def _gzip(data: bytes, limit: int) -> bytes:
    return _members(data, limit, lambda: zlib.decompressobj(zlib.MAX_WBITS | 16), b"\x1f\x8b")  # RFC 1952, 2.2 and 2.3.1


def _deflate(data: bytes, limit: int) -> bytes:
    try:
        return _members(data, limit, zlib.decompressobj, b"")
    except _Spoiled as spoiled:
        try:  # many servers send it without the zlib wrapper
            return _members(data, limit, lambda: zlib.decompressobj(-zlib.MAX_WBITS), b"")
        except _Spoiled:
            raise spoiled from None


def _zstd(data: bytes, limit: int) -> bytes:
    return _members(data, limit, zstd.ZstdDecompressor, b"\x28\xb5\x2f\xfd")  # RFC 8878, 3.1.1


def _brotli(data: bytes, limit: int) -> bytes:
    stream = brotli.Decompressor()
    found: list[bytes] = []
    room = limit
    position = 0
    try:
        while not stream.is_finished():
            piece = data[position : position + _PIECE] if stream.can_accept_more_data() else b""
            position += len(piece)
            part = stream.process(piece, output_buffer_limit=room + 1)
            room -= len(part)
            if room < 0:
                raise _Spoiled(f"goes on beyond {limit >> 20} MB once that is undone")
            found.append(part)
            if not (piece or part or stream.is_finished()):
                raise _Spoiled("ends too early")
    except brotli.error:
        raise _Spoiled("is not in that format, or damaged") from None
    return b"".join(found)


_CODINGS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,  # RFC 9110, 8.4.1.3
    "deflate": _deflate,
    "br": _brotli,  # RFC 7932
    "zstd": _zstd,  # RFC 9659
}
