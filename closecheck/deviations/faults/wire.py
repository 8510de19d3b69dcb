"""Faults in how bytes travel: framing, dropped and hanging connections, content codings. What they say is right."""

from __future__ import annotations

import asyncio
import gzip
import re
import zlib
from collections.abc import Callable

from starlette.responses import Response

from closecheck.deviations.deviation import fault
from closecheck.deviations.faults._tools import (
    ACCEPTANCE,
    REFUSALS,
    UNREADABLE,
    add_step,
    answers,
    cut,
    each_protocol,
    entries,
    fail,
    refuse,
    said,
)
from closecheck.reference import Answer, End, Reference
from closecheck.reference.errors import BadSyntax
from closecheck.reference.operation import Call
from closecheck.reference.wire import Protocol

# CAR-OP-ANSWERS


@fault("CAR-OP-ANSWERS", also=("CAR-OP-MEDIA-TYPE", "CAR-ACCEPTED-BODY", "CAR-OP-INDEPENDENT"))
def length_one_too_small(reference: Reference) -> None:
    """The Content-Length of the 202 is one less than its body."""
    answers(reference, lambda answer: answer.set_header(b"content-length", str(len(answer.body) - 1).encode()), status=202)


@fault("CAR-OP-ANSWERS", slow=True)
def length_one_too_large(reference: Reference) -> None:
    """The Content-Length of the 400 is one more than its body, as if a line break were to follow."""
    answers(reference, lambda answer: answer.set_header(b"content-length", str(len(answer.body) + 1).encode()), status=400)


@fault("CAR-OP-ANSWERS", also=(*UNREADABLE, "CAR-OP-INDEPENDENT"), rare=True)
def length_in_characters(reference: Reference) -> None:
    """The Content-Length of the 400 counts characters: it is too small where a text is not ASCII."""
    answers(reference, lambda answer: answer.set_header(b"content-length", str(len(answer.body.decode())).encode()), status=400)


@fault("CAR-OP-ANSWERS", slow=True)
def last_chunk_missing(reference: Reference) -> None:
    """The 202 is sent in chunks, and the one that ends it never comes."""
    answers(reference, lambda answer: send_chunked(answer, b"%x\r\n%b\r\n" % (len(answer.body), answer.body)), status=202)


@fault("CAR-OP-ANSWERS", slow=True)
def chunk_size_in_decimal(reference: Reference) -> None:
    """The 202 is sent in chunks whose size is written in decimal digits."""
    answers(reference, lambda answer: send_chunked(answer, b"%d\r\n%b\r\n0\r\n\r\n" % (len(answer.body), answer.body)), status=202)


@fault("CAR-OP-ANSWERS")
def length_beside_chunks(reference: Reference) -> None:
    """The 202 is sent in chunks, and with a Content-Length as well."""

    def hook(answer: Answer) -> None:
        length = str(len(answer.body)).encode()
        send_chunked(answer, b"%x\r\n%b\r\n0\r\n\r\n" % (len(answer.body), answer.body))
        answer.set_header(b"content-length", length)

    answers(reference, hook, status=202)


@fault("CAR-OP-ANSWERS")
def chunked_in_two_fields(reference: Reference) -> None:
    """The 202 has two fields Transfer-Encoding: chunked, the server's and the framework's; nginx makes a 502 of it."""
    answers(reference, lambda answer: transfer(answer, b"chunked", b"chunked"), status=202)


@fault("CAR-OP-ANSWERS")
def chunked_named_twice(reference: Reference) -> None:
    """The 400 says Transfer-Encoding: chunked, chunked, and is sent in chunks once."""
    answers(reference, lambda answer: transfer(answer, b"chunked, chunked"), status=400)


@fault("CAR-OP-ANSWERS", also=("CAR-OP-MEDIA-TYPE", "CAR-ACCEPTED-BODY"))
def chunked_before_gzip(reference: Reference) -> None:
    """The 202 names its transfer codings in the wrong order: chunked, gzip."""
    answers(reference, lambda answer: transfer(answer, b"chunked, gzip"), status=202)


@fault("CAR-OP-ANSWERS", also=UNREADABLE, rare=True)
def unknown_transfer_coding(reference: Reference) -> None:
    """A long 400 is sent under a transfer coding that nobody has asked for and nobody knows."""

    def hook(answer: Answer) -> None:
        if len(answer.body) > 1024:
            transfer(answer, b"x-packed, chunked")

    answers(reference, hook, status=400)


@fault("CAR-OP-ANSWERS")
def chunks_to_http_1_0(reference: Reference) -> None:
    """Answers call themselves HTTP/1.0, which knows no chunks, and are sent in chunks."""

    def hook(answer: Answer) -> None:
        transfer(answer, b"chunked")
        answer.rewrite(status_line=b"HTTP/1.0" + answer.head.split(b"\r\n", 1)[0][8:])

    answers(reference, hook)


@fault("CAR-OP-ANSWERS")
def length_beside_identity(reference: Reference) -> None:
    """The 202 has Transfer-Encoding: identity beside its Content-Length."""
    answers(reference, lambda answer: answer.rewrite(headers=[*answer.headers, (b"transfer-encoding", b"identity")]), status=202)


@fault("CAR-OP-ANSWERS")
def two_lengths(reference: Reference) -> None:
    """The 400 has two Content-Length fields, of which the second counts the header section as well."""

    def hook(answer: Answer) -> None:
        answer.rewrite(headers=[*answer.headers, (b"content-length", str(len(answer.data)).encode())])

    answers(reference, hook, status=400)


@fault("CAR-OP-ANSWERS")
def folded_field(reference: Reference) -> None:
    """A field of the 401 goes on in a second line, as HTTP has it no longer (RFC 9112, 5.2)."""
    answers(reference, lambda answer: answer.rewrite(headers=[*answer.headers, (b"x-policy", b"default\r\n strict")]), status=401)


# An answer that is cut short. On a connection that has served before, silence is lawful: it may have been about to be closed.


@fault("CAR-OP-ANSWERS")
def half_answers_on_used_connections(reference: Reference) -> None:
    """Each answer on a connection that has served before ends in the middle of its body, and the connection is closed."""
    cut_short(reference, lambda number, _: number > 1, half, End.CLOSE)


@fault("CAR-OP-ANSWERS")
def half_answers_reset(reference: Reference) -> None:
    """Each answer on a connection that has served before ends in the middle of its body with a reset."""
    cut_short(reference, lambda number, _: number > 1, half, End.ABORT)


@fault("CAR-OP-ANSWERS", rare=True)
def every_twentieth_half(reference: Reference) -> None:
    """Of the requests that are not the first of their connection every twentieth gets half an answer."""
    cut_short(reference, lambda number, serial: number > 1 and serial % 20 == 0, half, End.CLOSE)


@fault("CAR-OP-ANSWERS", rare=True)
def every_thirtieth_cut_in_the_head(reference: Reference) -> None:
    """Of the requests that are not the first of their connection every thirtieth gets an answer that ends within its header section."""
    cut_short(reference, lambda number, serial: number > 1 and serial % 30 == 0, lambda answer: answer.head[:-10], End.CLOSE)


@fault("CAR-OP-ANSWERS", rare=True)
def one_byte_of_an_answer(reference: Reference) -> None:
    """Of the requests that are not the first of their connection every fortieth gets one byte of its answer."""
    cut_short(reference, lambda number, serial: number > 1 and serial % 40 == 0, lambda answer: answer.data[:1], End.CLOSE)


@fault("CAR-OP-ANSWERS")
def cut_in_the_trailer(reference: Reference) -> None:
    """Each answer on a connection that has served before is sent in chunks, and ends within the trailer section."""

    def part(answer: Answer) -> bytes:
        send_chunked(answer, b"%x\r\n%b\r\n0\r\nServer-Timing: db;d" % (len(answer.body), answer.body))
        return answer.data

    cut_short(reference, lambda number, _: number > 1, part, End.CLOSE)


@fault("CAR-OP-ANSWERS")
def only_accepted_ones_half(reference: Reference) -> None:
    """A 202 on a connection that has served before ends in the middle of its body: the worker is recycled too early."""
    cut_short(reference, lambda number, _: number > 1, half, End.CLOSE, status=202)


@fault("CAR-OP-ANSWERS", also=("CAR-OP-MEDIA-TYPE", "CAR-ACCEPTED-BODY"))
def closed_in_the_middle(reference: Reference) -> None:
    """The connection is closed after half of the 202."""

    def hook(answer: Answer) -> None:
        answer.pieces = [answer.data[: -(len(answer.body) // 2)], End.CLOSE]

    answers(reference, hook, status=202)


@fault("CAR-OP-ANSWERS", also=UNREADABLE, rare=True)
def long_errors_cut(reference: Reference) -> None:
    """A 400 ends after 2,048 bytes of body, one buffer, and the connection is closed."""

    def hook(answer: Answer) -> None:
        if len(answer.body) > 2048:
            answer.pieces = [answer.data[: len(answer.head) + 4 + 2048], End.CLOSE]

    answers(reference, hook, status=400)


@fault("CAR-OP-ANSWERS", also=("CAR-OP-INDEPENDENT", *ACCEPTANCE, *REFUSALS))
def errors_sent_twice(reference: Reference) -> None:
    """The 400 is sent twice: nobody returns after the first."""

    def hook(answer: Answer) -> None:
        answer.data *= 2

    answers(reference, hook, status=400)


@fault("CAR-OP-ANSWERS", also=("CAR-IDS-MAX",), rare=True)
def large_bodies_dropped(reference: Reference) -> None:
    """The connection drops where a body is larger than 32 kB."""
    cut(reference, lambda call: len(call.body) > 32 * 1024, End.ABORT, before="read")


@fault("CAR-OP-ANSWERS", rare=True)
def nul_dropped(reference: Reference) -> None:
    """The connection drops where a message holds NUL."""
    cut(reference, lambda call: "\0" in said(call), End.ABORT, before="validate")


@fault("CAR-OP-ANSWERS", rare=True, slow=True)
def deep_nesting_hangs(reference: Reference) -> None:
    """A body of more than 500 brackets in a row is never answered."""
    cut(
        reference,
        lambda call: re.search(rb"(?:\[\s*){500}|(?:\{\s*\"[^\"]*\"\s*:\s*){500}", call.body) is not None,
        End.HANG,
        before="read",
    )


@fault("CAR-OP-ANSWERS", also=("CAR-IDS-RANGE",), rare=True, slow=True)
def closed_one_by_one(reference: Reference) -> None:
    """The answer is held back until each id has been dealt with, at 0.3 seconds for one."""

    async def step(call: Call) -> None:
        await asyncio.sleep(0.3 * (len(entries(call)) - 1))

    add_step(reference, step, before="accept")


@fault("CAR-OP-ANSWERS", also=("CAR-AUTH-MISSING",))
def strangers_dropped(reference: Reference) -> None:
    """The connection drops where there is no Authorization header, as nginx does it with 444."""
    cut(reference, lambda call: not call.authorization, End.ABORT, before="authenticate")


# Limits on the length of a body, of whoever stands in front. White space may make a body with one id as long: CAR-BODY-JSON-FORMS is broken too.


@fault("CAR-IDS-RANGE", also=(*UNREADABLE, "CAR-IDS-MAX", "CAR-IDS-ITEMS", "CAR-BODY-JSON-FORMS"), rare=True)
def bodies_over_8_kib_403_page(reference: Reference) -> None:
    """A body over 8,192 bytes is answered 403 with a web page, by a firewall that reads no further."""
    too_long(reference, 8192, 403)


@fault("CAR-IDS-RANGE", also=("CAR-IDS-MAX", "CAR-BODY-JSON-FORMS"), rare=True)
def bodies_over_16_kib_400(reference: Reference) -> None:
    """A body over 16 KiB is cut before it is read, and refused with 400."""
    refuse(reference, lambda call: len(call.body) > 16384, BadSyntax, before="read")


@fault("CAR-IDS-RANGE", also=(*UNREADABLE, "CAR-IDS-MAX", "CAR-IDS-ITEMS", "CAR-OP-STATUS", "CAR-BODY-JSON-FORMS"), rare=True)
def bodies_over_10_kb_413(reference: Reference) -> None:
    """A body over 10,000 bytes is answered 413, although 500 ids take more."""
    too_long(reference, 10_000, 413)


@fault("CAR-OP-NO-500", "CAR-OP-STATUS", also=("CAR-BODY-JSON-FORMS",), rare=True)
def bodies_over_64_kib_502(reference: Reference) -> None:
    """A body over 64 KiB is answered 502 with a web page: it does not fit the gateway's buffer."""
    too_long(reference, 65536, 502)


@fault("CAR-BODY-JSON-FORMS", also=UNREADABLE, rare=True)
def bodies_over_64_kib_403_page(reference: Reference) -> None:
    """A body over 64 KiB is answered 403 with a web page."""
    too_long(reference, 65536, 403)


@fault("CAR-OP-NO-500", also=("CAR-BODY-JSON-FORMS",), rare=True)
def bodies_over_100_kb_500(reference: Reference) -> None:
    """A body over 100,000 bytes is answered 500: the parser's exception is caught by nobody, as with Express's default limit."""
    fail(reference, lambda call: len(call.body) > 100_000, before="read")


@fault("CAR-BODY-JSON-FORMS", also=("CAR-OP-STATUS", "CAR-IDS-MAX"), rare=True)
def bodies_over_40_kb_413(reference: Reference) -> None:
    """A body over 40,000 bytes is answered 413 with a web page."""
    too_long(reference, 40_000, 413)


@fault("CAR-OP-ANSWERS", rare=True)
def bodies_over_64_kib_dropped(reference: Reference) -> None:
    """The connection drops where a body is larger than 64 KiB."""
    cut(reference, lambda call: len(call.body) > 65536, End.ABORT, before="read")


def too_long(reference: Reference, limit: int, status: int) -> None:
    """Answer bodies of more than so many bytes with a status and a web page, before anything else is looked at."""
    page = f"<!DOCTYPE html>\n<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"

    async def step(call: Call) -> Response | None:
        return Response(page, status, {"Content-Type": "text/html"}) if len(call.body) > limit else None

    add_step(reference, step, before="limit")


# CAR-OP-CODING


@fault("CAR-OP-CODING")
def always_gzip(reference: Reference) -> None:
    """Every answer is compressed, whatever Accept-Encoding says."""
    answers(reference, lambda answer: send_coded(answer, b"gzip", gzip.compress(answer.body)))


@fault("CAR-OP-CODING")
def errors_deflated(reference: Reference) -> None:
    """Every 400 is deflated, whatever Accept-Encoding says."""
    answers(reference, lambda answer: send_coded(answer, b"deflate", zlib.compress(answer.body)), status=400)


@fault("CAR-OP-CODING", rare=True)
def large_answers_gzip(reference: Reference) -> None:
    """An answer of more than 1,024 bytes is compressed, whatever Accept-Encoding says."""

    def hook(answer: Answer) -> None:
        if len(answer.body) > 1024:
            send_coded(answer, b"gzip", gzip.compress(answer.body))

    answers(reference, hook)


@fault("CAR-OP-CODING", rare=True)
def any_accept_encoding_means_gzip(reference: Reference) -> None:
    """Whoever sends Accept-Encoding at all gets the 202 compressed, even with `identity`."""

    def hook(answer: Answer) -> None:
        if answer.request is not None and answer.request.header(b"accept-encoding") is not None:
            send_coded(answer, b"gzip", gzip.compress(answer.body))

    answers(reference, hook, status=202)


@fault("CAR-OP-CODING", "CAR-OP-MEDIA-TYPE", "CAR-OP-ANSWERS", also=("CAR-ACCEPTED-BODY",))
def called_gzip_but_plain(reference: Reference) -> None:
    """The 202 says that it is compressed, and is not."""
    answers(reference, lambda answer: send_coded(answer, b"gzip", answer.body), status=202)


@fault("CAR-OP-MEDIA-TYPE", also=(*UNREADABLE, "CAR-OP-CODING"))
def called_deflate_but_plain(reference: Reference) -> None:
    """The 400 says that it is deflated, and is not: a proxy decoded it and kept the field."""
    answers(reference, lambda answer: send_coded(answer, b"deflate", answer.body), status=400)


@fault("CAR-OP-MEDIA-TYPE", also=("CAR-ACCEPTED-BODY", "CAR-OP-CODING"))
def called_br_but_plain(reference: Reference) -> None:
    """The 202 says that it is compressed with brotli, and is not."""
    answers(reference, lambda answer: send_coded(answer, b"br", answer.body), status=202)


@fault("CAR-OP-MEDIA-TYPE", also=("CAR-ACCEPTED-BODY", "CAR-OP-CODING"))
def gzip_named_twice(reference: Reference) -> None:
    """The 202 is compressed once, and names gzip in two fields: the framework's and the server's."""

    def hook(answer: Answer) -> None:
        send_coded(answer, b"gzip", gzip.compress(answer.body))
        answer.rewrite(headers=[*answer.headers, (b"content-encoding", b"gzip")])

    answers(reference, hook, status=202)


@fault("CAR-OP-MEDIA-TYPE", also=(*UNREADABLE, "CAR-OP-CODING"))
def gzip_without_its_trailer(reference: Reference) -> None:
    """The 400 is compressed with gzip, and the stream is never finished: its checksum and length are missing."""
    answers(reference, lambda answer: send_coded(answer, b"gzip", gzip.compress(answer.body)[:-8]), status=400)


@fault("CAR-OP-MEDIA-TYPE", also=(*UNREADABLE, "CAR-OP-CODING"), rare=True)
def gzip_with_a_wrong_checksum(reference: Reference) -> None:
    """A long 400 is compressed with gzip, and its checksum is that of another body."""

    def hook(answer: Answer) -> None:
        if len(answer.body) > 1024:
            packed = gzip.compress(answer.body)
            send_coded(answer, b"gzip", packed[:-8] + bytes(4) + packed[-4:])

    answers(reference, hook, status=400)


@fault("CAR-OP-MEDIA-TYPE", also=("CAR-AUTH-401-BODY", "CAR-AUTH-401-COMPLETE", "CAR-OP-CODING"))
def wrong_coding_named(reference: Reference) -> None:
    """The 401 is compressed with gzip, and called zstd."""
    answers(reference, lambda answer: send_coded(answer, b"zstd", gzip.compress(answer.body)), status=401)


@fault("CAR-OP-MEDIA-TYPE", also=("CAR-ACCEPTED-BODY",))
def gzip_as_transfer_coding_but_plain(reference: Reference) -> None:
    """The 202 says Transfer-Encoding: gzip, chunked, and its chunks are plain."""
    answers(reference, lambda answer: transfer(answer, b"gzip, chunked"), status=202)


# CAR-BODY-FRAMING


@fault("CAR-BODY-FRAMING", rare=True)
def first_chunk_only(reference: Reference) -> None:
    """Of a chunked body the first chunk is read, and the others are thrown away."""
    chunks_up_to(reference, 1)


@fault("CAR-BODY-FRAMING", rare=True)
def chunks_up_to_16(reference: Reference) -> None:
    """Of a chunked body sixteen chunks are read, and the others are thrown away."""
    chunks_up_to(reference, 16)


def send_chunked(answer: Answer, body: bytes) -> None:
    """Send a body that is divided into chunks already."""
    answer.rewrite(body=body)
    answer.set_header(b"content-length", None)
    answer.set_header(b"transfer-encoding", b"chunked")


def transfer(answer: Answer, *fields: bytes) -> None:
    """Send the body in one chunk, and say so in these Transfer-Encoding fields."""
    send_chunked(answer, b"%x\r\n%b\r\n0\r\n\r\n" % (len(answer.body), answer.body))
    answer.rewrite(
        headers=[*(one for one in answer.headers if one[0] != b"transfer-encoding"), *((b"transfer-encoding", field) for field in fields)]
    )


def half(answer: Answer) -> bytes:
    """Return an answer without the second half of its body."""
    return answer.data[: len(answer.data) - len(answer.body) // 2]


def cut_short(
    reference: Reference, when: Callable[[int, int], bool], part: Callable[[Answer], bytes], end: End, *, status: int | None = None
) -> None:
    """
    Send only a part of some answers, and end the connection.

    ``when`` is told the number of the request on its connection, and how many were not the first of theirs, both from 1.
    """
    serial = 0

    def hook(answer: Answer) -> None:
        nonlocal serial
        number = answer.request.number if answer.request is not None else 1
        serial += number > 1
        if when(number, serial):
            answer.pieces = [part(answer), end]

    answers(reference, hook, status=status)


def send_coded(answer: Answer, coding: bytes, body: bytes) -> None:
    """Send a body under a content coding."""
    answer.set_body(body)
    answer.set_header(b"content-encoding", coding)


def chunks_up_to(reference: Reference, limit: int) -> None:
    """Throw the chunks of a body away that come after so many."""

    def change(protocol: Protocol) -> None:
        on_body, on_begin = protocol.on_body, protocol.on_message_begin
        chunks = 0

        def on_message_begin() -> None:
            nonlocal chunks
            chunks = 0
            on_begin()

        def on_chunk_header() -> None:
            nonlocal chunks
            chunks += 1

        def on_limited_body(body: bytes) -> None:
            if chunks <= limit:
                on_body(body)

        protocol.on_message_begin = on_message_begin  # type: ignore[method-assign]
        protocol.on_body = on_limited_body  # type: ignore[method-assign]
        protocol.on_chunk_header = on_chunk_header  # type: ignore[attr-defined]

    each_protocol(reference, change)
