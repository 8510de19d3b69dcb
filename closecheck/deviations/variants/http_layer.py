"""The HTTP layer may answer for itself: 404, 405, 406, 411, 413, 414, 415, 431 and 501 where a request provokes it."""

# mypy: disable-error-code="method-assign"
from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable

from starlette.responses import Response

from closecheck.deviations.deviation import variant
from closecheck.deviations.variants._seams import Handler, close_handlers, insert_step
from closecheck.reference import Answer, Reference
from closecheck.reference.errors import MethodNotAllowed, NotFound, Problem, TooLarge, cause
from closecheck.reference.operation import Call

OTHERS = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
PAGE = b"<!DOCTYPE html>\n<html><head><title>%d</title></head><body><h1>%d</h1><hr>gateway</body></html>\n"
HTML = "text/html; charset=utf-8"


def page(status: int) -> Response:
    """Return the page that a web server in front shows for a status."""
    return Response(PAGE % (status, status), status, {"Content-Type": HTML})


def is_json(call: Call) -> bool:
    """Tell whether a body is declared as application/json."""
    named = [value.partition(";")[0].strip(" \t").lower() for value in call.headers.getlist("content-type")]
    return named == ["application/json"]


def other_media_types(reference: Reference, answer: Callable[[], Response]) -> None:
    """Answer so whatever is not declared as application/json."""

    async def media_type(call: Call) -> Response | None:
        return None if is_json(call) else answer()

    insert_step(reference, "read", "media_type", media_type)


def unsupported() -> Problem:
    """Return 415 as an error object."""
    return Problem(415, "415 Unsupported Media Type", "syntax", [cause("body.media_type")])


@variant()
def media_type_415(reference: Reference) -> None:
    """Another media type, or none, is answered 415 with an error object."""
    other_media_types(reference, lambda: reference.errors.problem(unsupported(), None))


@variant()
def media_type_415_page(reference: Reference) -> None:
    """Another media type, or none, is answered 415 with a web page."""
    other_media_types(reference, lambda: page(415))


@variant()
def media_type_415_empty(reference: Reference) -> None:
    """Another media type, or none, is answered 415 without a body and with Accept, which names what is supported."""
    other_media_types(reference, lambda: Response(None, 415, {"Accept": "application/json"}))


def admits_json(accept: str) -> bool:
    """Tell whether an Accept field admits application/json (RFC 9110, 12.5.1); what cannot be read admits anything."""
    best = (-1, 1.0)
    readable = False
    for item in accept.split(","):
        media_range, *parameters = (part.strip(" \t").lower() for part in item.split(";"))
        if media_range.count("/") != 1:
            continue
        readable = True
        weights = [part.partition("=")[2] for part in parameters if part.startswith("q=")]
        try:
            weight = float(weights[0]) if weights else 1.0
        except ValueError:
            weight = 1.0
        ranges = ("*/*", "application/*", "application/json")
        if media_range in ranges:
            best = max(best, (ranges.index(media_range), weight))
    return not readable or '"' in accept or (best[0] >= 0 and best[1] > 0)


@variant()
def accept_406(reference: Reference) -> None:
    """An Accept field that does not admit JSON is answered 406."""

    async def negotiate(call: Call) -> Response | None:
        if admits_json(",".join(call.headers.getlist("accept"))):
            return None
        raise Problem(406, "406 Not Acceptable", "content")

    insert_step(reference, "read", "negotiate", negotiate)


def answer_methods(reference: Reference, methods: tuple[str, ...], answer: Callable[[], Response]) -> None:
    """Answer these methods so."""

    async def handle(_: Call) -> Response:
        return answer()

    close_handlers(reference).update(dict.fromkeys(methods, handle))


@variant()
def methods_404(reference: Reference) -> None:
    """Every method but POST is answered 404 with an error object."""
    answer_methods(reference, OTHERS, lambda: reference.errors.problem(NotFound(), None))


@variant()
def methods_404_page(reference: Reference) -> None:
    """Every method but POST is answered 404 with a web page, for GET and HEAD too."""
    answer_methods(reference, OTHERS, lambda: page(404))


@variant()
def methods_501(reference: Reference) -> None:
    """PUT, PATCH, DELETE and TRACE are answered 501; GET and HEAD, which every server has to know, 405."""
    answer_methods(reference, ("PUT", "PATCH", "DELETE", "TRACE"), lambda: page(501))
    answer_methods(reference, ("GET", "HEAD"), lambda: reference.errors.problem(MethodNotAllowed(["POST"]), None))


@variant()
def methods_405_empty(reference: Reference) -> None:
    """Every method but POST is answered 405 with Allow, and with no body at all."""
    answer_methods(reference, OTHERS, lambda: Response(None, 405, {"Allow": "OPTIONS,POST"}))


@variant(apart=("tracking-id-in-a-field",))
def methods_405_named(reference: Reference) -> None:
    """405 has the document that the vendor's other operations have for it."""

    def answer() -> Response:
        words = {"errorName": "NotSupportedException", "errorMessage": "Cannot consume content type"}
        return reference.errors.render(405, {**words, "trackingId": reference.errors.tracking_id()}, {"Allow": "POST"})

    answer_methods(reference, OTHERS, answer)


@variant()
def get_explains(reference: Reference) -> None:
    """GET shows a page on how the operation is used (200, text/html): nothing that could be taken for an acceptance."""
    answer_methods(reference, ("GET", "HEAD"), lambda: page(200))


@variant()
def options_answered(reference: Reference) -> None:
    """OPTIONS is answered 204 with the fields that browsers ask for."""
    fields = {"Allow": "POST, OPTIONS", "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "POST"}
    answer_methods(reference, ("OPTIONS",), lambda: Response(None, 204, fields))


@variant()
def strangers_before_routing(reference: Reference) -> None:
    """Who has no valid token gets 401 whatever the method and the path: nothing is looked at before."""
    plain = reference.answer

    async def answer(handlers: dict[str, Handler], call: Call) -> Response:
        if call.path != "/oauth/token":
            try:
                reference.authenticator.authenticate(call.authorization)
            except Exception as error:  # noqa: BLE001 - what the authenticator raises is what is answered
                return reference.refusal(error, call.accept_language)
        return await plain(handlers, call)

    reference.answer = answer


def agents_refused(reference: Reference, refused: Callable[[str], bool]) -> None:
    """Answer 403 with a page, as a firewall does, where the User-Agent is refused; it is empty where there is none."""

    async def agent(call: Call) -> Response | None:
        return page(403) if refused(call.headers.get("user-agent", "")) else None

    insert_step(reference, "limit", "agent", agent)


@variant()
def scripts_refused(reference: Reference) -> None:
    """Requests of curl and of Python's requests, and those without a User-Agent, are answered 403 with a web page."""
    agents_refused(reference, lambda name: name.startswith(("curl/", "python-requests/")) or not name)


@variant()
def browsers_refused(reference: Reference) -> None:
    """Requests of browsers are answered 403 with a web page: the operation is for programs."""
    agents_refused(reference, lambda name: name.startswith("Mozilla/"))


def refused_framing(reference: Reference, refused: Callable[[Call], bool], status: int, code: str) -> None:
    """Answer so, before anything else, the requests to the close operation that are refused."""

    async def framing(call: Call) -> Response | None:
        if refused(call):
            raise Problem(status, code, "syntax")
        return None

    insert_step(reference, "limit", "framing", framing)


@variant()
def chunked_411(reference: Reference) -> None:
    """A chunked body is answered 411."""
    refused_framing(reference, lambda call: "transfer-encoding" in call.headers, 411, "411 Length Required")


@variant()
def no_length_411(reference: Reference) -> None:
    """A chunked body is answered 411, and so is a request that has neither a length nor a media type."""

    def refused(call: Call) -> bool:
        named = call.headers.keys()
        return "content-length" not in named and ("transfer-encoding" in named or "content-type" not in named)

    refused_framing(reference, refused, 411, "411 Length Required")


def large_bodies(reference: Reference) -> None:
    """Answer a body over 64 KiB 413, having read it all."""

    async def size(call: Call) -> Response | None:
        if len(call.body) > 65_536:
            raise TooLarge(413, cause("body.too_large", limit=65_536))
        return None

    insert_step(reference, "read", "size", size)


@variant()
def bodies_over_64_kib_413(reference: Reference) -> None:
    """A body over 64 KiB is answered 413."""
    large_bodies(reference)


def as_page(reference: Reference, change: Callable[[Answer], int | None]) -> None:
    """Turn an answer into a web page of the status that ``change`` returns for it, if any."""

    def hook(answer: Answer) -> None:
        status = change(answer)
        if status is not None and answer.body:
            answer.rewrite(status_line=b"HTTP/1.1 %d Refused" % status)
            answer.set_header(b"content-type", HTML.encode())
            answer.set_body(PAGE % (status, status))

    reference.wire.append(hook)


@variant()
def bodies_over_64_kib_413_page(reference: Reference) -> None:
    """A body over 64 KiB is answered 413 with a web page, as gateways do."""
    large_bodies(reference)
    as_page(reference, lambda answer: 413 if answer.status == 413 else None)


@variant(max_header_bytes=4096)
def headers_over_4_kib_431(reference: Reference) -> None:
    """A header section over 4 KiB is answered 431."""


@variant(max_header_bytes=4096)
def headers_over_4_kib_400_page(reference: Reference) -> None:
    """A header section over 4 KiB is answered 400 with a web page, as a well-known server does."""
    as_page(reference, lambda answer: 400 if answer.status == 431 else None)


@variant()
def targets_over_8000_414(reference: Reference) -> None:
    """A request target of more than 8,000 octets is answered 414."""
    refused_framing(reference, lambda call: len(str(call.query)) > 8000, 414, "414 URI Too Long")


@variant()
def malformed_http_page(reference: Reference) -> None:
    """What is no HTTP at all is answered 400 with a web page."""
    as_page(reference, lambda answer: 400 if answer.request is None else None)


@variant()
def raw_query_400_page(reference: Reference) -> None:
    """A query with characters that no address may hold as they are, such as brackets, is answered 400 with a web page, as Tomcat does."""
    as_page(reference, lambda answer: 400 if answer.request is not None and re.search(r'[][{}|\\^"<>]', answer.request.target) else None)


@variant()
def attacks_in_the_query_403_page(reference: Reference) -> None:
    """A query that looks like an attack (NUL, a line break, markup, SQL) is answered 403 with a firewall's page."""

    def attacks(answer: Answer) -> int | None:
        query = urllib.parse.unquote_plus(answer.request.target.partition("?")[2]) if answer.request is not None else ""
        return 403 if re.search(r"[\0\r\n]|<\w+>|\b\d+\s+OR\s+\d+=\d+", query) else None

    as_page(reference, attacks)
