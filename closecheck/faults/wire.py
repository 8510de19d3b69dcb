"""Faults in how bytes travel: framing, dropped and hanging connections, content codings. What they say is right."""

from __future__ import annotations

import asyncio
import gzip
import re
import zlib

from closecheck.deviation import fault
from closecheck.faults._tools import ACCEPTANCE, REFUSALS, UNREADABLE, add_step, answers, cut, each_protocol, entries, said
from closecheck.reference import Answer, End, Reference
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
