"""How the bytes of an answer are cut, coded and delimited is HTTP's business: the answer they make is the same."""

from __future__ import annotations

import gzip
import itertools
import re
import sys
import zlib
from collections.abc import Callable

import brotli
from starlette.responses import Response

from closecheck.deviations.deviation import variant
from closecheck.deviations.faults._tools import number, tell_connections
from closecheck.deviations.variants._seams import Handler, each_answer, stays_open
from closecheck.reference import Answer, End, Reference
from closecheck.reference.operation import Call

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIDDLE = 20
MAX_CHUNKS = 1000


def chunk(answer: Answer, size: int, line: bytes = b"%x\r\n", end: bytes = b"0\r\n\r\n") -> None:
    """Send the body in chunks of this size, larger ones if it is long; to HTTP/1.0, which knows no chunks, it goes as it is."""
    if not stays_open(answer):
        return
    body = answer.body
    size = max(size, len(body) // MAX_CHUNKS + 1)
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    coding = next((value for name, value in answer.headers if name == b"transfer-encoding"), b"chunked")
    answer.set_header(b"content-length", None)
    answer.set_header(b"transfer-encoding", coding)
    answer.rewrite(body=b"".join(line % len(part) + part + b"\r\n" for part in parts) + end)


@variant()
def one_chunk(reference: Reference) -> None:
    """Answers are chunked, each in one chunk."""
    each_answer(reference, lambda answer: chunk(answer, len(answer.body)))


@variant()
def chunks_of_one(reference: Reference) -> None:
    """Answers are chunked, one octet in each chunk."""
    each_answer(reference, lambda answer: chunk(answer, 1))


@variant()
def chunks_with_extensions(reference: Reference) -> None:
    """Chunks of seven octets whose sizes are in upper case with leading zeros, and have extensions."""
    each_answer(reference, lambda answer: chunk(answer, 7, b'00%X;a;b="c;d"\r\n', b"000;last\r\n\r\n"))


@variant()
def chunks_with_trailers(reference: Reference) -> None:
    """Chunks of a hundred octets with a trailer section behind them."""
    each_answer(reference, lambda answer: chunk(answer, 100, end=b"0\r\nX-Took: 3\r\nServer-Timing: db;dur=2\r\n\r\n"))


@variant()
def chunked_in_capitals(reference: Reference) -> None:
    """The name of the transfer coding is written with a capital letter."""

    def change(answer: Answer) -> None:
        if stays_open(answer):
            answer.set_header(b"transfer-encoding", b"Chunked")
            chunk(answer, 64)

    each_answer(reference, change)


@variant(slow=True)
def chunks_one_by_one(reference: Reference) -> None:
    """Ten chunks or so arrive one by one, their size lines apart from them."""

    def change(answer: Answer) -> None:
        chunk(answer, len(answer.body) // 10 + 1)
        head, _, body = answer.data.partition(b"\r\n\r\n")
        pieces: list[bytes | float | End] = [head + b"\r\n\r\n"]
        for line in body.splitlines(keepends=True):
            pieces += [0.001, line]
        answer.pieces = pieces

    each_answer(reference, change)


@variant()
def length_with_zeros(reference: Reference) -> None:
    """Content-Length has leading zeros."""
    each_answer(reference, lambda answer: answer.set_header(b"content-length", b"%06d" % len(answer.body)))


def version_1_0(answer: Answer, connection: bytes) -> None:
    """Answer as a server of HTTP/1.0 does."""
    answer.rewrite(status_line=b"HTTP/1.0" + answer.head.split(b"\r\n", 1)[0][8:])
    answer.set_header(b"connection", connection)


@variant()
def http_1_0(reference: Reference) -> None:
    """Every answer is one of HTTP/1.0: it has no length and ends with the connection."""

    def change(answer: Answer) -> None:
        version_1_0(answer, b"close")
        answer.set_header(b"content-length", None)
        answer.pieces.append(End.CLOSE)

    reference.wire.append(change)


@variant()
def http_1_0_kept_alive(reference: Reference) -> None:
    """Every answer is one of HTTP/1.0 and keeps the connection alive."""

    def change(answer: Answer) -> None:
        if stays_open(answer):
            version_1_0(answer, b"Keep-Alive")

    reference.wire.append(change)


@variant()
def kept_alive_in_words(reference: Reference) -> None:
    """Every answer says that the connection is kept, for how long and for how many requests."""

    def change(answer: Answer) -> None:
        if stays_open(answer):
            answer.set_header(b"connection", b"Keep-Alive")
            answer.set_header(b"keep-alive", b"timeout=75, max=1000")

    reference.wire.append(change)


def announce(answer: Answer) -> None:
    """Close the connection after the answer, and say so."""
    answer.set_header(b"connection", b"close")
    answer.pieces.append(End.CLOSE)


@variant()
def delimited_by_closing(reference: Reference) -> None:
    """Answers have neither a length nor chunks: they end where the connection does."""

    def change(answer: Answer) -> None:
        answer.set_header(b"content-length", None)
        announce(answer)

    each_answer(reference, change)


@variant()
def closes_every_time(reference: Reference) -> None:
    """Every answer is the last of its connection, and says so."""
    reference.wire.append(announce)


@variant()
def closes_every_third_time(reference: Reference) -> None:
    """Every third answer is the last of its connection, and says so."""

    def change(answer: Answer) -> None:
        if answer.request is not None and answer.request.number % 3 == 0:
            announce(answer)

    reference.wire.append(change)


@variant()
def closes_without_a_word(reference: Reference) -> None:
    """The connection is closed right after each answer, although none says so."""
    reference.wire.append(lambda answer: answer.pieces.append(End.CLOSE))


@variant()
def closes_every_fifth_without_a_word(reference: Reference) -> None:
    """The connection is closed a moment after each fifth answer, although it does not say so."""

    def change(answer: Answer) -> None:
        if answer.request is not None and answer.request.number % 5 == 0:
            answer.pieces += [0.005, End.CLOSE]

    reference.wire.append(change)


@variant(keep_alive_seconds=1)
def closes_idle_connections(reference: Reference) -> None:
    """A connection that has been idle for a second is closed without a word."""


def precede(reference: Reference, interim: bytes) -> None:
    """Send interim answers before each final one, except to clients of HTTP/1.0."""

    def change(answer: Answer) -> None:
        if stays_open(answer):
            answer.pieces = [interim, answer.data]

    reference.wire.append(change)


@variant()
def interim_100(reference: Reference) -> None:
    """A 100 (Continue) that nobody asked for precedes each answer."""
    precede(reference, b"HTTP/1.1 100 Continue\r\n\r\n")


@variant()
def interim_103(reference: Reference) -> None:
    """Two interim answers with header fields of their own precede each answer."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nContent-Type: text/html\r\n\r\n"
    precede(reference, b"HTTP/1.1 102 Processing\r\n\r\n" + hints)


@variant()
def interim_apart(reference: Reference) -> None:
    """An interim answer without a reason phrase arrives some milliseconds before the final one."""

    def change(answer: Answer) -> None:
        if stays_open(answer):
            answer.pieces = [b"HTTP/1.1 199 \r\nX-Progress: 50\r\n\r\n", 0.005, answer.data]

    reference.wire.append(change)


def admits(answer: Answer, coding: str) -> bool:
    """Tell whether the request admits a content coding: without Accept-Encoding it does (RFC 9110, 12.5.3)."""
    if answer.request is None:
        return False
    fields = [value.decode("latin-1") for name, value in answer.request.headers if name == b"accept-encoding"]
    if not fields:
        return True
    weights: dict[str, str] = {}
    for item in ",".join(fields).lower().split(","):
        name, _, parameter = item.partition(";")
        weights[name.strip(" \t")] = parameter.strip(" \t").removeprefix("q=") or "1"
    # A weight is 0 in every one of its spellings, `0` to `0.000`; what cannot be read forbids, to be on the safe side.
    return re.fullmatch(r"1(\.0*)?|0\.\d*[1-9]\d*", weights.get(coding, weights.get("*", "0"))) is not None


def code(reference: Reference, coding: str, compress: Callable[[bytes], bytes]) -> None:
    """Apply a content coding to every answer whose request admits it."""

    def change(answer: Answer) -> None:
        if all(admits(answer, name) for name in coding.lower().split(", ")):
            answer.set_body(compress(answer.body))
            answer.set_header(b"content-encoding", coding.encode())
            answer.set_header(b"vary", b"Accept-Encoding")

    each_answer(reference, change)


def zipped(body: bytes) -> bytes:
    """Return a body in gzip's format, made quickly: the best compression takes seconds for megabytes that repeat themselves."""
    return gzip.compress(body, compresslevel=1)


def deflate(body: bytes) -> bytes:
    """Return a body in zlib's format, made quickly."""
    return zlib.compress(body, level=1)


@variant()
def gzipped(reference: Reference) -> None:
    """Answers are compressed with gzip where the request does not forbid it."""
    code(reference, "gzip", zipped)


@variant()
def gzipped_in_two_members(reference: Reference) -> None:
    """Answers are compressed with gzip in two members, which RFC 1952 allows, where the request does not forbid it."""
    code(reference, "gzip", lambda body: zipped(body[:MIDDLE]) + zipped(body[MIDDLE:]))


@variant()
def deflated(reference: Reference) -> None:
    """Answers are compressed with deflate (in zlib's format) where the request does not forbid it."""
    code(reference, "deflate", deflate)


@variant()
def coded_twice(reference: Reference) -> None:
    """Answers are compressed with deflate, then with gzip, where the request does not forbid it."""
    code(reference, "deflate, gzip", lambda body: zipped(deflate(body)))


@variant()
def gzipped_and_chunked(reference: Reference) -> None:
    """Answers are compressed with gzip where the request does not forbid it, and chunked."""
    code(reference, "gzip", zipped)
    each_answer(reference, lambda answer: chunk(answer, 33))


@variant()
def brotli_compressed(reference: Reference) -> None:
    """Answers are compressed with brotli where the request does not forbid it, as content networks prefer."""
    code(reference, "br", lambda body: brotli.compress(body, quality=1))


@variant()
def zstd_compressed(reference: Reference) -> None:
    """Answers are compressed with zstd where the request does not forbid it."""
    code(reference, "zstd", lambda body: zstd.compress(body, 1))


@variant()
def zstd_in_two_frames(reference: Reference) -> None:
    """Answers are compressed with zstd in two frames where the request does not forbid it."""
    code(reference, "zstd", lambda body: zstd.compress(body[:MIDDLE], 1) + zstd.compress(body[MIDDLE:], 1))


@variant()
def brotli_and_chunked(reference: Reference) -> None:
    """Answers are compressed with brotli, in capitals, where the request does not forbid it, and chunked."""
    code(reference, "BR", lambda body: brotli.compress(body, quality=1))
    each_answer(reference, lambda answer: chunk(answer, 33))


@variant()
def errors_in_brotli(reference: Reference) -> None:
    """Only answers of more than 300 bytes are compressed, with brotli, where the request does not forbid it."""

    def change(answer: Answer) -> None:
        if len(answer.body) > 300 and admits(answer, "br"):
            answer.set_body(brotli.compress(answer.body, quality=1))
            answer.set_header(b"content-encoding", b"br")

    each_answer(reference, change)


@variant()
def gzipped_in_transfer(reference: Reference) -> None:
    """Answers are compressed with gzip as a transfer coding, and chunked."""

    def change(answer: Answer) -> None:
        if stays_open(answer):
            answer.rewrite(body=zipped(answer.body))
            answer.set_header(b"transfer-encoding", b"gzip, chunked")
            chunk(answer, 64)

    each_answer(reference, change)


@variant(incomplete="nobody can read bodies under a coding that is not known")
def unknown_coding(reference: Reference) -> None:
    """Answers are under a content coding that only the server's own clients know, where the request does not forbid it."""
    code(reference, "x-rot128", lambda body: bytes(byte ^ 128 for byte in body))


def at_an_end(reference: Reference, every: int, *pieces: bytes | End) -> None:
    """
    Send this in the place of an answer, now and then, on a connection that has served before; the request is not looked at.

    It is what a client sees whose request crosses the end of a connection on which nothing had come for long.
    """
    tell_connections(reference)
    plain = reference.answer
    numbers = itertools.count(1)
    mark = b"x-at-an-end"

    async def answer(handlers: dict[str, Handler], call: Call) -> Response:
        if number(call) > 1 and next(numbers) % every == 0:
            return Response(headers={mark.decode(): "1"})
        return await plain(handlers, call)

    def change(answer: Answer) -> None:
        if any(name == mark for name, _ in answer.headers):
            answer.pieces = list(pieces)

    reference.answer = answer  # type: ignore[method-assign]
    reference.wire.append(change)


@variant()
def dropped_in_silence(reference: Reference) -> None:
    """Every seventh request that is not the first of its connection finds this closed: the server's patience had just ended."""
    at_an_end(reference, 7, End.CLOSE)


@variant()
def reset_in_silence(reference: Reference) -> None:
    """Every ninth request that is not the first of its connection meets a reset: the server's patience had just ended."""
    at_an_end(reference, 9, End.ABORT)


def waited_too_long(*fields: bytes) -> bytes:
    """Return a 408 with a page, and with these fields."""
    page = b"<html><body><h1>408 Request Time-out</h1>\nYour browser didn't send a complete request in time.\n</body></html>\n"
    return b"\r\n".join(
        [b"HTTP/1.1 408 Request Timeout", b"Content-Type: text/html", b"Content-Length: %d" % len(page), *fields, b"", page]
    )


@variant()
def request_timeout_408(reference: Reference) -> None:
    """A 408 to an idle connection crosses every seventh request that is not the first of its connection."""
    at_an_end(reference, 7, waited_too_long(b"Connection: close", b"Cache-Control: no-cache"), End.CLOSE)


@variant()
def request_timeout_408_unannounced(reference: Reference) -> None:
    """A 408 to an idle connection, which does not say that this is closed, crosses every seventh request that is not the first of its connection."""
    at_an_end(reference, 7, waited_too_long(), End.CLOSE)


@variant()
def small_segments(reference: Reference) -> None:
    """Answers arrive in segments that end inside the status line, the line ends, the fields and the body."""

    def change(answer: Answer) -> None:
        data = answer.data
        end = data.index(b"\r\n\r\n")
        cuts = sorted({3, 9, 11, data.index(b"\r\n") + 1, end + 1, end + 2, end + 3, end + 4, end + 5, len(data) - 1})
        pieces: list[bytes | float | End] = []
        for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True):
            pieces += [data[start:stop], 0.001]
        answer.pieces = pieces[:-1]

    each_answer(reference, change)


@variant(slow=True)
def octet_by_octet(reference: Reference) -> None:
    """The first sixty octets of an answer and its last ten arrive one by one."""

    def change(answer: Answer) -> None:
        data = answer.data
        pieces: list[bytes | float | End] = []
        for start in range(60):
            pieces += [data[start : start + 1], 0.001]
        pieces += [data[60:-10], 0.001]
        for start in range(len(data) - 10, len(data)):
            pieces += [data[start : start + 1], 0.001]
        answer.pieces = pieces

    each_answer(reference, change)


@variant(slow=True)
def takes_300_ms(reference: Reference) -> None:
    """Every answer takes 300 ms."""
    reference.wire.append(lambda answer: answer.pieces.insert(0, 0.3))


@variant(slow=True)
def body_200_ms_later(reference: Reference) -> None:
    """The body of an answer arrives 200 ms after its header section."""

    def change(answer: Answer) -> None:
        head, body = answer.head, answer.body
        answer.pieces = [head + b"\r\n\r\n", 0.2, body]

    each_answer(reference, change)
