"""
``run.har``: every recorded exchange as an HTTP archive 1.2, for the tools that read those.

An exchange without an answer has status 0 and says why in ``comment``, as browsers write it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, quote

import harfile

from closecheck.model import Body, ExchangeLine, Headers, Run, header
from closecheck.reports._facts import after, text_of

FILE_NAME: Final = "run.har"
_ORIGIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:\[[0-9A-Fa-f:.]+\])?")
_NO_URI: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|[^%!$&'()*+,/:;=?@\w.~-]", re.ASCII)


def render(run: Run) -> str:
    """Return the archive."""
    return "".join(parts(run))


def parts(run: Run) -> Iterator[str]:
    """Yield the archive exchange by exchange: a whole one takes as much memory as a whole run."""
    stream = io.StringIO()
    creator = harfile.Creator(name="closecheck", version=run.opening.suite)
    with harfile.HarFile(stream, creator=creator, comment=run.headline) as archive:
        for exchange in run.exchanges.values():
            milliseconds = max(0.0, exchange.timing.seconds * 1000)
            archive.add_entry(
                startedDateTime=after(run, exchange.timing.sent),
                time=milliseconds,
                request=_request(exchange),
                response=_response(exchange),
                timings=harfile.Timings(send=0, wait=milliseconds, receive=0),
                connection=str(exchange.timing.connection),
                comment=_comment(exchange),
            )
            yield _taken(stream)
    yield _taken(stream)


def _taken(stream: io.StringIO) -> str:
    text = stream.getvalue()
    stream.seek(0)
    stream.truncate()
    return text


def _comment(exchange: ExchangeLine) -> str:
    url = exchange.request.url
    reported = f"exchange {exchange.number}, case {exchange.case}"
    return reported if url == _uri(url) else f"{reported}, sent to {url}"


def _uri(url: str) -> str:
    """Return a URL, perhaps malformed on purpose, as the archive must have it: what no URI may hold is escaped."""
    found = _ORIGIN.match(url)
    origin = found[0] if found else "about:invalid?"
    return origin + _NO_URI.sub(lambda part: quote(part[0], errors="replace", safe=""), url[found.end() if found else 0 :])


def _request(exchange: ExchangeLine) -> harfile.Request:
    request = exchange.request
    post = harfile.PostData(mimeType=header(request.headers, "content-type") or "", text=text_of(request.body), comment=_cut(request.body))
    return harfile.Request(
        method=request.method,
        url=_uri(request.url),
        httpVersion="HTTP/1.1",
        headers=_records(request.headers),
        queryString=[harfile.Record(name, value) for name, value in _query(request.url)],
        postData=post if request.body.size else None,
        bodySize=request.body.size,
    )


def _query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(url.partition("?")[2].partition("#")[0], keep_blank_values=True)


def _response(exchange: ExchangeLine) -> harfile.Response:
    response = exchange.response
    if response is None:
        why = f"{exchange.failure.kind.value}: {exchange.failure.detail}" if exchange.failure else "no answer"
        return harfile.Response(status=0, statusText="", httpVersion="", comment=why)
    binary = response.body.base64 is not None
    return harfile.Response(
        status=response.status,
        statusText=response.reason,
        httpVersion=f"HTTP/{response.version.removeprefix('HTTP/')}",
        headers=_records(response.headers),
        content=harfile.Content(
            size=response.body.size,
            mimeType=response.header("content-type") or "",
            text=response.body.base64 if binary else response.body.text or "",
            encoding="base64" if binary else None,
            comment=_cut(response.body),
        ),
        redirectURL=response.header("location") or "",
        bodySize=response.body.size,
    )


def _records(headers: Headers) -> list[harfile.Record]:
    return [harfile.Record(name, value) for name, value in headers]


def _cut(body: Body) -> str | None:
    return f"cut: {body.size} bytes in all" if body.cut else None
