"""The network boundary: every way in which a server can answer badly, late, too much, or not at all."""

import contextlib
import gzip
import select
import shutil
import socket
import ssl
import subprocess
import threading
import time
import zlib

import brotli
import pytest
from raw_server import RawServer, answer, each, in_turn, once, open_after

from closecheck.http import addresses, connection
from closecheck.http.codings import zstd
from closecheck.http.request_bytes import serialise
from closecheck.http.tls import TLS
from closecheck.http.transport import Transport
from closecheck.model import FailureKind, Request

OK = answer()
SOON = 5.0
"""A limit that no test of this file reaches unless it says so."""
BRIEF = 0.15
"""A limit that tests reach on purpose."""


def post(body=b"{}", method="POST", target="/close", **fields):
    length = () if method in {"GET", "HEAD"} else (("Content-Length", str(len(body))),)
    return Request(method, target, (("Host", "x"), *fields.items(), *length), b"" if method in {"GET", "HEAD"} else body)


def told(script, *requests, timeout=SOON, context=None, tls=None, **how):
    """Return the replies of one transport to requests that follow one another."""
    with RawServer(script, context) as server:
        transport = Transport(server.base_url, timeout=timeout, tls=tls)
        try:
            replies = [transport.send(request, **how) for request in requests or (post(),)]
        finally:
            transport.close()
        return replies if len(requests) > 1 else replies[0]


def failed(reply):
    assert reply.failure is not None, reply
    return reply.failure.kind


def answered(reply):
    assert reply.failure is None, reply.failure
    assert reply.response is not None
    return reply.response


# ------------------------------------------------------------------------------------------------------- well framed


def test_a_plain_answer_is_read_as_it_stands():
    response = answered(told(each(answer("202 Accepted", b'{"a":1}', "X-One: 1", "x-one: 2"))))

    assert (response.status, response.reason, response.version, response.body) == (202, "Accepted", "1.1", b'{"a":1}')
    assert response.header("X-ONE") == "1, 2"
    assert response.headers[0] == ("X-One", "1")


def test_connections_are_kept_and_reused():
    with RawServer(each(OK)) as server:
        transport = Transport(server.base_url, timeout=SOON)
        replies = [transport.send(post()) for _ in range(5)]
        transport.close()

        assert server.connections == 1
    assert [reply.reused for reply in replies] == [False, True, True, True, True]
    assert {reply.timing.connection for reply in replies} == {1}


def test_a_fresh_request_travels_alone():
    with RawServer(each(OK)) as server:
        transport = Transport(server.base_url, timeout=SOON)
        transport.send(post())
        reply = transport.send(post(), fresh=True)
        transport.send(post())
        transport.close()

        assert server.connections == 2
    assert not reply.reused


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n1;ext=1\r\n{\r\n1\r\n}\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: CHUNKED\r\n\r\n002\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 202 \r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 202\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 202 Accepted\r\nContent-Length:2\r\n\r\n{}",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 2  \r\nX-Empty:\r\n\r\n{}",
        b"HTTP/1.1 202 Accepted\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["chunked", "extension and trailer", "upper case", "no phrase", "no blank", "no blank before value", "blanks", "upgrade offered"],
)  # fmt: skip
def test_lawful_framing_is_no_failure(data):
    first, second = told(each(data), post(), post())

    assert answered(first).body == answered(second).body == b"{}"


def test_a_trailer_is_no_header():
    data = b"HTTP/1.1 202 A\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Type: text/html\r\n\r\n"

    assert answered(told(each(data))).header("content-type") is None


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_body_may_end_with_the_connection(version):
    data = f"HTTP/{version} 202 Accepted\r\nContent-Type: application/json\r\n\r\n".encode() + b'{"a":1}'

    response = answered(told(once(data)))

    assert (response.body, response.version) == (b'{"a":1}', version)


@pytest.mark.parametrize(("fields", "connections"), [("", 2), ("Connection: keep-alive\r\n", 1), ("Connection: Keep-Alive, X\r\n", 1)])
def test_http_1_0_keeps_a_connection_only_if_it_says_so(fields, connections):
    data = f"HTTP/1.0 202 Accepted\r\n{fields}Content-Length: 2\r\n\r\n{{}}".encode()
    with RawServer(each(data)) as server:
        transport = Transport(server.base_url, timeout=SOON)
        replies = [transport.send(post()) for _ in range(2)]
        transport.close()

        assert server.connections == connections
    assert [answered(reply).body for reply in replies] == [b"{}", b"{}"]


@pytest.mark.parametrize("value", ["close", "Close", "x, close"])
def test_connection_close_is_obeyed(value):
    replies = told(each(answer("202 Accepted", b"{}", f"Connection: {value}")), post(), post())

    assert [reply.reused for reply in replies] == [False, False]


@pytest.mark.parametrize("before", ["100 Continue", "102 Processing", "103 Early Hints"])
@pytest.mark.parametrize("times", [1, 3])
def test_interim_answers_are_passed_over(before, times):
    interim = f"HTTP/1.1 {before}\r\nLink: </x>; rel=preload\r\n\r\n".encode() * times

    first, second = told(each(interim + OK), post(), post())

    for response in (answered(first), answered(second)):
        assert (response.status, response.reason, response.header("link")) == (202, "Accepted", None)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_without_a_body_end_with_their_header_section(status):
    data = f"HTTP/1.1 {status}\r\nX-A: 1\r\n\r\n".encode()

    first, second = told(each(data), post(), post())

    assert answered(first).body == b""
    assert second.reused


def test_the_answer_to_head_has_no_body_whatever_its_length_says():
    first, second = told(each(answer(length=500, body=b"")), post(method="HEAD"), post(method="HEAD"))

    assert answered(first).status == answered(second).status == 202


def test_the_answer_to_head_after_an_interim_one_is_the_final_one():
    data = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer("405 Method Not Allowed", b"", length=9)

    assert answered(told(each(data), post(method="HEAD"))).status == 405


# -------------------------------------------------------------------------------------------------------- badly framed


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", FailureKind.MALFORMED),
        (b"<html>no header section</html>", FailureKind.MALFORMED),
        (b"{}", FailureKind.MALFORMED),
        (b"HTTP/1.1 2x2 Accepted\r\n\r\n", FailureKind.MALFORMED),
        (b"HTTP/1.1 202 Accepted\r\nNo colon here\r\n\r\n", FailureKind.MALFORMED),
        (b"HTTP/1.1 202 Accepted\r\nName with blank : 1\r\nContent-Length: 2\r\n\r\n{}", FailureKind.MALFORMED),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: two\r\n\r\n{}", FailureKind.MALFORMED),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: -1\r\n\r\n{}", FailureKind.MALFORMED),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", FailureKind.MALFORMED),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", FailureKind.MALFORMED),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n", FailureKind.MALFORMED),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", FailureKind.MALFORMED),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\r\n0\r\n\r\n", FailureKind.MALFORMED),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", FailureKind.CUT),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", FailureKind.CUT),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n", FailureKind.CUT),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\n{}", FailureKind.CUT),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\n", FailureKind.CUT),
        (b"HTTP/1.1 202 Accepted\r\nContent-Le", FailureKind.CUT),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n", FailureKind.CUT),
        (b"HTTP/1.1", FailureKind.CUT),
        (b"H", FailureKind.CUT),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Tra", FailureKind.CUT),
        (b"", FailureKind.DROPPED),
        (b"HTTP/1.1 100 Continue\r\n\r\n", FailureKind.CUT),
    ],
)  # fmt: skip
def test_an_answer_that_is_badly_framed_or_cut_short_is_told(data, kind):
    reply = told(once(data))

    assert failed(reply) is kind
    assert reply.response is None
    assert reply.failure.detail


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 202 Accepted\nContent-Length: 2\n\n{}", b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\n\n{}"],
    ids=["everywhere", "in fields"],
)
def test_bare_line_feeds_are_told_or_read_but_never_hang(data):
    reply = told(once(data))

    assert reply.failure is None or failed(reply) is FailureKind.MALFORMED


@pytest.mark.parametrize("surplus", [b"x", b"{}", b'{"more": 1}', b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", OK])
def test_surplus_bytes_are_told_beside_the_answer(surplus):
    reply = told(each(OK + surplus))

    assert failed(reply) is FailureKind.MALFORMED
    assert (reply.response.status, reply.response.reason, reply.response.body) == (202, "Accepted", b"{}")
    assert [name for name, _ in reply.response.headers] == ["Content-Type", "Content-Length"]


def test_a_content_length_that_is_too_short_is_surplus():
    reply = told(each(answer("202 Accepted", b'{"a":1}', length=2)))

    assert failed(reply) is FailureKind.MALFORMED


def test_surplus_after_connection_close_is_told():
    reply = told(once(answer("202 Accepted", b"{}", "Connection: close") + b"surplus"))

    assert failed(reply) is FailureKind.MALFORMED


def late_surplus(data):
    """Return a script that, on its first connection, sends surplus bytes once it is told that the client has the answer."""
    answered_once, sent = threading.Event(), threading.Event()

    def script(peer):
        if peer.request():
            peer.send(OK)
            if peer.number == 0:
                answered_once.wait(SOON)
                peer.send(data)
                sent.set()
            while peer.request():
                peer.send(OK)

    return script, answered_once, sent


@pytest.mark.parametrize("data", [b"x", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
def test_surplus_that_comes_late_spoils_no_other_exchange(data):
    first, second = told_around_late_surplus(data, None)

    assert answered(first).status == answered(second).status == 202
    assert not second.reused


def told_around_late_surplus(data, context):
    script, answered_once, sent = late_surplus(data)
    with RawServer(script, context) as server:
        transport = Transport(server.base_url, timeout=SOON, tls=TLS(verify=False))
        first = transport.send(post())
        answered_once.set()
        assert sent.wait(SOON)
        second = transport.send(post())
        transport.close()
    return first, second


def test_switching_protocols_unasked_is_told():
    data = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

    assert failed(told(open_after(data))) is FailureKind.MALFORMED


def test_a_plain_101_is_no_interim_answer():
    reply = told(open_after(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), timeout=SOON)

    assert reply.response is None or reply.response.status == 101
    assert reply.response is not None or reply.failure is not None


# ---------------------------------------------------------------------------------------------------- bounded in size


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(connection, "MOST_BODY_BYTES", 256 * 1024)
    monkeypatch.setattr(connection, "MOST_HEADER_BYTES", 64 * 1024)


FLOODS = {
    "body by length": (b"HTTP/1.1 202 A\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 65536),
    "body until closed": (b"HTTP/1.1 202 A\r\n\r\n", b"x" * 65536),
    "chunks": (b"HTTP/1.1 202 A\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "header fields": (b"HTTP/1.1 202 A\r\n", b"X-A: " + b"x" * 1000 + b"\r\n"),
    "one header value": (b"HTTP/1.1 202 A\r\nX-A: ", b"x" * 65536),
    "one header name": (b"HTTP/1.1 202 A\r\n", b"x" * 65536),
    "reason phrase": (b"HTTP/1.1 202 ", b"x" * 65536),
    "chunk extension": (b"HTTP/1.1 202 A\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 65536),
    "trailers": (b"HTTP/1.1 202 A\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: " + b"x" * 1000 + b"\r\n"),
    "interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n" * 1000),
    "line breaks before it": (b"", b"\r\n" * 30000),
}


@pytest.mark.parametrize("name", FLOODS)
def test_an_endless_answer_ends_by_size(small, name):
    begin, more = FLOODS[name]
    flooded = []

    def script(peer):
        peer.request()
        peer.send(begin)
        with_count(peer, more, flooded)

    began = time.monotonic()
    reply = told(script, timeout=3.0)

    assert failed(reply) in {FailureKind.ENDLESS, FailureKind.MALFORMED}
    assert time.monotonic() - began < 2.5, "it was ended by time, not by size"


def with_count(peer, data, flooded):
    try:
        while sum(flooded) < 1 << 30:
            peer.sock.sendall(data)
            flooded.append(len(data))
    except OSError:
        pass


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b'{"a":1}')),
        ("x-gzip", gzip.compress(b'{"a":1}')),
        ("GZIP", gzip.compress(b'{"a":1}')),
        ("deflate", zlib.compress(b'{"a":1}')),
        ("deflate", zlib.compress(b'{"a":1}')[2:-4]),
        ("gzip, gzip", gzip.compress(gzip.compress(b'{"a":1}'))),
        ("br", brotli.compress(b'{"a":1}')),
        ("zstd", zstd.compress(b'{"a":1}')),
        ("zstd", zstd.compress(b'{"a"') + zstd.compress(b":1}")),
        ("br, gzip", gzip.compress(brotli.compress(b'{"a":1}'))),
        ("identity", b'{"a":1}'),
        ("", b'{"a":1}'),
    ],
    ids=["gzip", "x-gzip", "upper case", "deflate", "raw deflate", "twice", "br", "zstd", "two frames", "br and gzip", "identity", "empty"],
)
def test_content_codings_are_undone(coding, body):
    response = answered(told(each(answer("202 Accepted", body, f"Content-Encoding: {coding}"))))

    assert response.body == b'{"a":1}'
    assert response.coding == coding


PLAIN = b'{"a":1}'


@pytest.mark.parametrize(
    ("coding", "body", "why"),
    [
        ("gzip", PLAIN, "not in that format"),
        ("deflate", PLAIN, "not in that format"),
        ("br", PLAIN, "not in that format"),
        ("zstd", PLAIN, "not in that format"),
        ("gzip", gzip.compress(PLAIN)[:-8], "ends too early"),
        ("gzip", gzip.compress(PLAIN)[:-1], "ends too early"),
        ("gzip", gzip.compress(PLAIN) + gzip.compress(PLAIN)[:-9], "ends too early"),
        ("gzip", gzip.compress(PLAIN)[:-8] + bytes(8), "damaged"),
        ("br", brotli.compress(PLAIN)[:-1], "ends too early"),
        ("zstd", zstd.compress(PLAIN)[:-1], "ends too early"),
        ("zstd", gzip.compress(PLAIN), "not in that format"),
        ("gzip", gzip.compress(b"") * 10_001, "10,000 members"),
    ],
)
def test_a_coding_that_cannot_be_undone_is_told_and_leaves_the_bytes(coding, body, why):
    response = answered(told(each(answer("202 Accepted", body, f"Content-Encoding: {coding}"))))

    assert response.body == body
    assert f"it is sent as {coding}, but " in response.spoiled
    assert why in response.spoiled
    assert response.unknown_coding == ""


def test_a_coding_that_is_named_twice_and_applied_once_is_told():
    response = answered(told(each(answer("202 Accepted", gzip.compress(PLAIN), "Content-Encoding: gzip", "Content-Encoding: gzip"))))

    assert (response.body, response.coding) == (PLAIN, "gzip, gzip")
    assert "it is sent as gzip, but is not in that format" in response.spoiled


@pytest.mark.parametrize("coding", ["compress", "x-own", "UTF-8", "gzip, x-own"])
def test_an_unknown_coding_is_named_and_leaves_the_bytes(coding):
    response = answered(told(each(answer("202 Accepted", PLAIN, f"Content-Encoding: {coding}"))))

    assert (response.body, response.spoiled) == (PLAIN, "")
    assert response.unknown_coding == coding.split(", ")[-1].lower()


def test_an_empty_body_has_no_coding_to_undo():
    response = answered(told(each(answer("405 Method Not Allowed", b"", "Content-Encoding: gzip"))))

    assert (response.body, response.spoiled) == (b"", "")


def in_chunks(body, *fields, version="1.1"):
    lines = [f"HTTP/{version} 202 Accepted", "Content-Type: application/json", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("fields", [("Transfer-Encoding: gzip, chunked",), ("Transfer-Encoding: gzip", "Transfer-Encoding: chunked")])
def test_a_transfer_coding_is_undone_or_told(fields):
    undone = answered(told(each(in_chunks(gzip.compress(PLAIN), *fields))))
    spoiled = answered(told(each(in_chunks(PLAIN, *fields))))

    assert (undone.body, undone.spoiled, undone.coding) == (PLAIN, "", "")
    assert (spoiled.body, bool(spoiled.spoiled)) == (PLAIN, True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (in_chunks(PLAIN, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), "more than once"),
        (in_chunks(PLAIN, "Transfer-Encoding: chunked, Chunked"), "more than once"),
        (in_chunks(PLAIN, "Transfer-Encoding: chunked", version="1.0"), "HTTP/1.0"),
        (in_chunks(PLAIN, "Transfer-Encoding: x-own, chunked"), "did not admit"),
    ],
)
def test_transfer_codings_that_no_lawful_sender_names_are_told_beside_the_answer(data, words):
    reply = told(open_after(data))

    assert failed(reply) is FailureKind.MALFORMED
    assert words in reply.failure.detail
    assert reply.response.body == PLAIN


@pytest.mark.parametrize(("named", "words"), [("chunked, gzip", "not the last"), ("x-own", "did not admit")])
def test_what_nobody_knows_the_end_of_is_told_at_once(named, words):
    reply = told(open_after(in_chunks(PLAIN, f"Transfer-Encoding: {named}")))

    assert failed(reply) is FailureKind.MALFORMED
    assert words in reply.failure.detail
    assert reply.response is None


def test_a_gzip_of_several_members_is_read_whole():
    body = gzip.compress(b'{"a"') + gzip.compress(b":1}") + bytes(8)

    assert answered(told(each(answer("202 Accepted", body, "Content-Encoding: gzip")))).body == b'{"a":1}'


PACKED = {
    "gzip": lambda body: gzip.compress(body, 1),
    "deflate": lambda body: zlib.compress(body, 1),
    "br": lambda body: brotli.compress(body, quality=1),
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "zstd, br"])
def test_a_bomb_is_bounded(small, coding):
    bomb = b"\0" * (8 * 1024 * 1024)
    for name in coding.split(", "):
        bomb = PACKED[name](bomb)
    reply = told(each(answer("202 Accepted", bomb, f"Content-Encoding: {coding}")))

    assert len(answered(reply).body) <= connection.MOST_BODY_BYTES
    assert "once that is undone" in reply.response.spoiled


# ---------------------------------------------------------------------------------------------------- bounded in time


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 202 Accepted\r\nContent-", answer(length=9), b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_an_answer_that_stops_is_a_time_out(data):
    began = time.monotonic()
    reply = told(open_after(data), timeout=BRIEF)

    assert failed(reply) is FailureKind.TIMEOUT
    assert BRIEF * 0.9 < time.monotonic() - began < 2


def test_an_answer_that_drips_beyond_the_limit_is_a_time_out():
    def script(peer):
        peer.request()
        peer.drip(OK, BRIEF / 5)

    began = time.monotonic()
    reply = told(script, timeout=BRIEF)

    assert failed(reply) is FailureKind.TIMEOUT
    assert time.monotonic() - began < 2


def test_a_server_that_reads_nothing_is_a_time_out():
    reply = told(lambda peer: peer.server.over.wait(5), post(b"x" * 30_000_000), timeout=BRIEF * 2)

    assert failed(reply) is FailureKind.TIMEOUT


def test_a_reply_says_how_long_it_took():
    reply = told(open_after(b""), timeout=BRIEF)

    assert BRIEF * 0.9 < reply.timing.seconds < 2
    assert reply.timing.sent >= 0


# ----------------------------------------------------------------------------------------------------------- dropped


def test_a_reset_before_the_answer_is_a_drop():
    def script(peer):
        peer.request()
        peer.reset()

    reply = told(script)

    assert failed(reply) is FailureKind.DROPPED
    assert not reply.reused


def test_a_connection_that_is_closed_at_once_is_a_drop():
    assert failed(told(lambda peer: None)) is FailureKind.DROPPED


def test_a_drop_on_a_reused_connection_is_known_as_one():
    def script(peer):
        peer.request()
        peer.send(OK)
        peer.request()  # and no answer

    first, second = told(script, post(), post())

    assert answered(first)
    assert failed(second) is FailureKind.DROPPED
    assert second.reused


def test_an_idle_connection_that_the_server_closed_is_not_used_again():
    def script(peer):
        peer.request()
        peer.send(OK)

    with RawServer(script) as server:
        transport = Transport(server.base_url, timeout=SOON)
        first = transport.send(post())
        idle = transport._idle[0]._socket
        idle.settimeout(SOON)
        assert idle.recv(1, socket.MSG_PEEK) == b""  # the server's FIN is here
        second = transport.send(post())
        transport.close()

    assert answered(first)
    assert answered(second)
    assert not second.reused


def test_an_early_answer_to_a_large_body_is_read():
    def script(peer):
        peer.head()
        peer.send(answer("413 Content Too Large", b"{}", "Connection: close"))

    reply = told(script, post(b"x" * 20_000_000))

    assert answered(reply).status == 413


# ------------------------------------------------------------------------------------------------------- unreachable


def test_a_refused_connection_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    reply = Transport(f"http://127.0.0.1:{port}", timeout=SOON).send(post())

    assert failed(reply) is FailureKind.UNREACHABLE
    assert "refused" in reply.failure.detail


def test_a_host_that_does_not_resolve_is_unreachable():
    reply = Transport("http://no-such-host.invalid", timeout=SOON).send(post())

    assert failed(reply) is FailureKind.UNREACHABLE
    assert "resolve" in reply.failure.detail


@contextlib.contextmanager
def silent(address):
    """Listen at an address of loopback where no connection is ever made: what is sent there is not answered."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(socket.create_server(address, backlog=0))
        waiting = [stack.enter_context(socket.socket()) for _ in range(8)]  # the kernel completes a few, and drops the rest
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        poll = select.poll()
        poll.register(waiting[-1], select.POLLOUT)
        assert not poll.poll(200)
        yield


def resolving(monkeypatch, *known):
    """Let every name have these addresses; return those that are connected to, in order."""
    tried = []
    begun = addresses._begun
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in known]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(addresses, "_begun", lambda *how: (tried.append(how[-1][0]), begun(*how))[1])
    return tried


def test_an_address_that_is_silent_is_passed_over_and_the_one_that_answered_comes_first_afterwards(monkeypatch):
    with RawServer(once(OK)) as server, silent(("127.0.0.2", server.port)):
        tried = resolving(monkeypatch, ("127.0.0.2", server.port), ("127.0.0.1", server.port))
        transport = Transport(f"http://two-addresses.invalid:{server.port}", timeout=SOON)
        began = time.monotonic()
        replies = [transport.send(post(), fresh=True) for _ in range(3)]

        assert time.monotonic() - began < SOON
        assert all(answered(reply) for reply in replies)
    assert tried == ["127.0.0.2", "127.0.0.1", "127.0.0.1", "127.0.0.1"]


def test_an_address_that_refuses_is_passed_over_at_once(monkeypatch):
    monkeypatch.setattr(addresses, "_STAGGER", SOON)
    with RawServer(once(OK)) as server:
        tried = resolving(monkeypatch, ("127.0.0.3", server.port), ("127.0.0.2", server.port), ("127.0.0.1", server.port))

        assert answered(Transport(f"http://three-addresses.invalid:{server.port}", timeout=SOON).send(post(), fresh=True))
    assert tried == ["127.0.0.3", "127.0.0.2", "127.0.0.1"]


def test_an_address_that_answers_no_longer_gives_way_to_another(monkeypatch):
    with RawServer(once(OK)) as server:
        resolving(monkeypatch, ("127.0.0.2", server.port), ("127.0.0.1", server.port))
        transport = Transport(f"http://two-addresses.invalid:{server.port}", timeout=SOON)
        transport._host.answered = ("127.0.0.2", server.port)

        assert answered(transport.send(post(), fresh=True))
        assert transport._host.answered == ("127.0.0.1", server.port)


def test_addresses_that_all_refuse_are_unreachable_and_silent_ones_take_no_longer_than_the_limit(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    resolving(monkeypatch, ("127.0.0.2", port), ("127.0.0.1", port))
    refused = Transport(f"http://two-addresses.invalid:{port}", timeout=SOON).send(post())
    with silent(("127.0.0.2", port)):
        began = time.monotonic()
        late = Transport(f"http://two-addresses.invalid:{port}", timeout=BRIEF).send(post())

        assert time.monotonic() - began < 2
    assert (failed(refused), refused.failure.detail) == (FailureKind.UNREACHABLE, "the connection was refused")
    assert (failed(late), late.failure.detail) == (FailureKind.UNREACHABLE, "no connection within the time limit")


def test_after_a_failure_the_transport_works_on():
    replies = told(in_turn(once(b""), once(b"garbage"), each(OK)), post(), post(), post(), post())

    assert [reply.failure is None for reply in replies] == [False, False, True, True]


# ------------------------------------------------------------------------------------------------------------- lanes


def test_a_lane_keeps_to_its_connection_and_reopens_it():
    with RawServer(in_turn(once(OK), each(OK))) as server:
        transport = Transport(server.base_url, timeout=SOON)
        with transport.lane() as lane:
            first = lane.send(post())
            lane._connection._socket.settimeout(SOON)
            lane._connection._socket.recv(1, socket.MSG_PEEK)
            replies = [lane.send(post()) for _ in range(3)]
        assert server.connections == 2

    assert answered(first)
    assert [reply.reused for reply in replies] == [False, True, True]


def test_a_lane_shares_with_nobody():
    with RawServer(each(OK)) as server:
        transport = Transport(server.base_url, timeout=SOON)
        with transport.lane() as one, transport.lane() as other:
            numbers = [lane.send(post()).timing.connection for lane in (one, other, one, other)]
        transport.close()

    assert numbers[0] == numbers[2] != numbers[1] == numbers[3]


# ------------------------------------------------------------------------------------------------------- what is sent


def test_a_request_is_written_as_it_stands():
    request = Request("POST", "/a?b=c", (("host", "x"), ("X-Ünïcode", "é"), ("Content-Length", "2")), b"{}")

    assert serialise(request) == b"POST /a?b=c HTTP/1.1\r\nhost: x\r\nX-\xdcn\xefcode: \xe9\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("chunks", "written"),
    [
        ((2,), b"2\r\nab\r\n2\r\ncd\r\n1\r\ne\r\n0\r\n\r\n"),
        ((1, 3), b"1\r\na\r\n3\r\nbcd\r\n1\r\ne\r\n0\r\n\r\n"),
        ((99,), b"5\r\nabcde\r\n0\r\n\r\n"),
    ],
)
def test_chunks_have_the_sizes_that_are_asked_for(chunks, written):
    assert serialise(Request("POST", "/", (), b"abcde", chunks)).partition(b"\r\n\r\n")[2] == written


@pytest.mark.parametrize(
    ("chunking", "size", "end"),
    [
        ("extensions", b"a;closecheck=1\r\n", b"\r\n0;closecheck=1\r\n\r\n"),
        ("capitals", b"A\r\n", b"\r\n0\r\n\r\n"),
        ("leading-zeros", b"0000000a\r\n", b"\r\n00000000\r\n\r\n"),
        ("trailers", b"a\r\n", b"\r\n0\r\nX-Closecheck-Sum: 5f1c0a37\r\nX-Closecheck-Note: a trailer field\r\n\r\n"),
    ],
)
def test_chunks_are_written_as_is_asked_for(chunking, size, end):
    request = Request("POST", "/", (("Host", "x"),), b"0123456789", (10,), chunking)

    assert serialise(request) == b"POST / HTTP/1.1\r\nHost: x\r\n\r\n" + size + b"0123456789" + end


def test_one_request_is_one_write(monkeypatch):
    with RawServer(each(OK)) as server:
        transport = Transport(server.base_url, timeout=SOON)
        transport.send(post(b"x" * 1000))
        transport.close()

    assert len(server.requests) == 1


# --------------------------------------------------------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, cert


@pytest.fixture
def tls_server(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    return context


def test_a_self_signed_certificate_is_refused_with_a_reason(tls_server):
    reply = told(each(OK), context=tls_server)

    assert failed(reply) is FailureKind.UNREACHABLE
    assert "certificate" in reply.failure.detail


@pytest.mark.parametrize("way", ["ca_file", "verify: false"])
def test_a_self_signed_certificate_is_taken_if_the_target_file_says_so(tls_server, certificate, way):
    tls = TLS(verify=False) if way != "ca_file" else TLS(ca_file=str(certificate[1]))

    first, second = told(each(OK), post(), post(), context=tls_server, tls=tls)

    assert answered(first).body == b"{}"
    assert second.reused


def test_https_to_a_plain_port_is_unreachable_and_does_not_hang():
    def script(peer):
        peer.sock.recv(65536)
        peer.send(answer("400 Bad Request", b""))

    with RawServer(script) as server:
        reply = Transport(server.base_url.replace("http", "https"), timeout=SOON, tls=TLS(verify=False)).send(post())

    assert failed(reply) is FailureKind.UNREACHABLE


def test_http_to_a_tls_port_is_a_failure(tls_server):
    with RawServer(each(OK), tls_server) as server:
        reply = Transport(server.base_url.replace("https", "http"), timeout=SOON).send(post())

    assert reply.failure is not None


def test_a_tls_handshake_that_hangs_ends_by_time():
    began = time.monotonic()
    with RawServer(lambda peer: peer.wait_gone()) as server:
        reply = Transport(server.base_url.replace("http", "https"), timeout=BRIEF, tls=TLS(verify=False)).send(post())

    assert failed(reply) is FailureKind.UNREACHABLE
    assert time.monotonic() - began < 2


def test_late_surplus_under_tls_spoils_no_other_exchange(tls_server):
    first, second = told_around_late_surplus(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", tls_server)

    assert answered(first).status == answered(second).status == 202
    assert not second.reused


def test_an_idle_tls_connection_that_is_open_is_reused(tls_server):
    replies = told(each(OK), *[post() for _ in range(4)], context=tls_server, tls=TLS(verify=False))

    assert [reply.reused for reply in replies] == [False, True, True, True]


def test_a_tls_answer_that_is_cut_off_is_told(tls_server):
    reply = told(once(answer(length=50)), context=tls_server, tls=TLS(verify=False))

    assert failed(reply) is FailureKind.CUT
