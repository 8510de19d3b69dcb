"""
A request as bytes: what is written onto the wire is written here, chunks included, and nothing is mended.
"""

from __future__ import annotations

import itertools
from typing import Final

from closecheck.model import Chunking, Request

_TRAILERS: Final = b"X-Closecheck-Sum: 5f1c0a37\r\nX-Closecheck-Note: a trailer field\r\n"
_EXTENSION: Final = b";closecheck=1"


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
