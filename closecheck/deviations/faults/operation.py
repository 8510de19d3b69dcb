"""Faults of the operation as a whole: methods, statuses, media types, headers, the query. A body's rules stand elsewhere."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

import codecs
import dataclasses
import json
import math
import re
import urllib.parse
from collections.abc import Callable
from typing import Any, Final

from starlette.responses import Response
from starlette.types import ASGIApp

from closecheck.deviations.deviation import fault
from closecheck.deviations.faults._tools import (
    ACCEPTANCE,
    CONTENT,
    REFUSALS,
    SYNTAX,
    UNREADABLE,
    accept,
    add_step,
    answers,
    close_path,
    each_protocol,
    entries,
    fail,
    member,
    nothing_to_close,
    refuse,
    said,
    unprocessable,
    wrap_close,
)
from closecheck.reference import Answer, Reference
from closecheck.reference.app import Handler
from closecheck.reference.errors import BadContent, BadSyntax, InternalFault, NotFound, Problem, cause
from closecheck.reference.model import Closing
from closecheck.reference.operation import Call
from closecheck.reference.rules import is_text
from closecheck.reference.wire import Protocol

MEMBERS: Final = ("accessRequestIds", "message", "executionStatus", "completionStatus")
NUMBERS: Final = ("CAR-IDS-ITEMS", "CAR-IDS-ARRAY", "CAR-MESSAGE-TYPE", "CAR-EXECUTION-TYPE", "CAR-COMPLETION-TYPE")
"""Where a number is refused with 400."""
STRANGERS: Final = ("CAR-AUTH-MISSING", "CAR-AUTH-EXPIRED", "CAR-AUTH-INVALID", "CAR-AUTH-FORBIDDEN")
KNOWN_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
        "x-provoke",
    }
)
RANGE: Final = r"(\*|[A-Za-z]{1,8}(-[A-Za-z0-9*]{1,8})*)(\s*;\s*q=(0(\.\d{0,3})?|1(\.0{0,3})?))?"


# CAR-OP-ACCEPTS


@fault("CAR-OP-ACCEPTS", also=(*ACCEPTANCE, "CAR-OP-STATUS", "CAR-LIFE-REPEAT"))
def accepted_with_200(reference: Reference) -> None:
    """An accepted request is answered 200, the framework's own default."""
    accepted_with(reference, 200)


@fault("CAR-OP-ACCEPTS", also=(*ACCEPTANCE, "CAR-OP-STATUS", "CAR-LIFE-REPEAT"))
def accepted_with_201(reference: Reference) -> None:
    """An accepted request is answered 201, as if a closing were a resource."""
    accepted_with(reference, 201)


@fault("CAR-OP-ACCEPTS", also=(*ACCEPTANCE, "CAR-OP-STATUS", "CAR-LIFE-REPEAT", "CAR-ACCEPTED-BODY"))
def accepted_with_204(reference: Reference) -> None:
    """An accepted request is answered 204 and no body: the handler returns nothing."""
    reference.operation.accepted = lambda closing: Response(status_code=204)


@fault("CAR-OP-ACCEPTS", "CAR-IDS-RANGE", also=ACCEPTANCE)
def two_ids_at_least(reference: Reference) -> None:
    """A single id is refused: the lower bound is taken as exclusive."""
    reference.rules.min_ids = 2


@fault("CAR-OP-ACCEPTS", "CAR-IDS-RANGE", also=ACCEPTANCE)
def dashed_ids_only(reference: Reference) -> None:
    """Ids must be UUIDs with dashes, although the vendor's own example has none."""
    refuse(reference, lambda call: not all(item.count("-") == 4 for item in entries(call)))


@fault("CAR-OP-ACCEPTS", "CAR-IDS-RANGE", rare=True)
def leading_zero_lost(reference: Reference) -> None:
    """An id that begins with 0 loses it on the way through a number, and is then too short."""
    refuse(reference, lambda call: any(item.startswith("0") for item in entries(call)))


# CAR-OP-STATUS


@fault("CAR-OP-STATUS")
def content_with_422(reference: Reference) -> None:
    """What can be read but is not allowed is answered 422."""
    check = reference.rules.check

    def checked(value: object) -> Closing:
        try:
            return check(value)
        except BadContent:
            raise unprocessable() from None

    reference.rules.check = checked


@fault("CAR-OP-STATUS", also=SYNTAX)
def syntax_with_422(reference: Reference) -> None:
    """What cannot be parsed is answered 422, as FastAPI does it."""
    parse_errors(reference, unprocessable())


@fault("CAR-OP-STATUS", also=REFUSALS)
def errors_with_200(reference: Reference) -> None:
    """Every 400 is sent as 200: the error is told in the body alone."""
    answers(reference, lambda answer: answer.rewrite(status_line=b"HTTP/1.1 200 OK"), status=400)


@fault("CAR-OP-STATUS", also=ACCEPTANCE)
def unknown_ids_with_404(reference: Reference) -> None:
    """An id that is not in the store is answered 404."""
    refuse(reference, lambda call: any(reference.store.get(item) is None for item in entries(call)), NotFound)


@fault("CAR-OP-STATUS", also=(*ACCEPTANCE, "CAR-LIFE-REPEAT"), rare=True)
def repeated_ids_with_409(reference: Reference) -> None:
    """An id that an earlier request has named already is answered 409."""
    named: set[str] = set()

    async def step(call: Call) -> None:
        if not named.isdisjoint(entries(call)):
            raise Problem(409, "409 Conflict", "content")
        named.update(entries(call))

    add_step(reference, step, before="accept")


@fault("CAR-OP-STATUS", also=ACCEPTANCE)
def several_ids_with_207(reference: Reference) -> None:
    """More than one id is answered 207, with a status for each."""
    accepted = reference.operation.accepted

    def multiple(closing: Closing) -> Response:
        if len(closing.ids) == 1:
            return accepted(closing)
        return reference.errors.render(207, {"items": [{"id": item, "status": 202} for item in closing.ids]}, {})

    reference.operation.accepted = multiple


@fault("CAR-OP-STATUS", also=(*ACCEPTANCE, *REFUSALS, *STRANGERS, "CAR-LIFE-REPEAT"))
def redirected_to_slash(reference: Reference) -> None:
    """The path without a slash at its end is redirected to the one with it (307)."""
    target = close_path(reference) + "/"
    operation = reference.operation
    reference.routes[target] = {"POST": operation}

    async def redirect(call: Call) -> Response:
        return reference.errors.render(307, {}, {"Location": target})

    reference.routes[close_path(reference)]["POST"] = redirect


@fault("CAR-OP-STATUS", rare=True)
def duplicates_with_409(reference: Reference) -> None:
    """An id that is listed twice is answered 409."""
    refuse(
        reference,
        lambda call: len(set(entries(call))) < len(entries(call)),
        lambda: Problem(409, "409 Conflict", "content"),
    )


@fault("CAR-OP-STATUS", rare=True)
def unknown_member_with_422(reference: Reference) -> None:
    """A member that the documentation does not name is answered 422."""
    refuse(
        reference,
        lambda call: isinstance(call.value, dict) and not set(MEMBERS).issuperset(call.value),
        unprocessable,
    )


@fault("CAR-OP-STATUS", rare=True)
def long_message_with_422(reference: Reference) -> None:
    """A message of more than 1,000 characters is answered 422, not 400 or 202."""
    refuse(reference, lambda call: len(said(call)) > 1000, unprocessable)


@fault("CAR-OP-STATUS", rare=True)
def odd_id_with_404(reference: Reference) -> None:
    """An id that is not made of hexadecimal digits and dashes is answered 404."""
    refuse(reference, lambda call: not all(re.fullmatch("[0-9A-Fa-f-]+", item) for item in entries(call)), NotFound)


# CAR-OP-NO-500


@fault("CAR-OP-NO-500", also=SYNTAX)
def syntax_with_500(reference: Reference) -> None:
    """What cannot be parsed is answered 500: nobody catches the parser's exception."""
    parse_errors(reference, InternalFault())


@fault("CAR-OP-NO-500", rare=True)
def nul_in_message_with_500(reference: Reference) -> None:
    """A NUL in the message is answered 500: PostgreSQL cannot store it."""
    fail(reference, lambda call: "\0" in said(call), before="validate")


@fault("CAR-OP-NO-500", rare=True)
def lone_surrogate_with_500(reference: Reference) -> None:
    """Half a surrogate pair in the message is answered 500: it cannot be encoded for the log."""
    fail(reference, lambda call: not is_text(said(call)), before="validate")


@fault("CAR-OP-NO-500", also=("CAR-EXECUTION-CLOSED", "CAR-COMPLETION-CLOSED"), rare=True)
def refused_half_surrogate_with_500(reference: Reference) -> None:
    """A refusal repeats the body it refuses; one that holds half a surrogate pair anywhere cannot be encoded, and is answered 500."""
    refused_with_500(reference, lambda value: True)


@fault("CAR-OP-NO-500", "CAR-EXECUTION-CLOSED", also=("CAR-COMPLETION-CLOSED",), rare=True)
def half_surrogate_as_a_status_with_500(reference: Reference) -> None:
    """A refused status is repeated in the error; half a surrogate pair cannot be encoded, and is answered 500."""
    statuses = ("executionStatus", "completionStatus")
    refused_with_500(reference, lambda value: isinstance(value, dict) and not is_writable([value.get(name) for name in statuses]))


@fault("CAR-OP-NO-500", rare=True)
def half_surrogate_beside_a_slip_with_500(reference: Reference) -> None:
    """What is refused for another member is written to the log with its message; half a surrogate pair cannot be encoded: 500."""
    check = reference.rules.check

    def beside_a_slip(value: object) -> bool:
        if not isinstance(value, dict) or is_writable(value.get("message")):
            return False
        try:
            check({**value, "message": "closed"})
        except BadContent:
            return True
        return False

    refused_with_500(reference, beside_a_slip)


@fault("CAR-OP-NO-500", rare=True)
def half_surrogate_under_an_unknown_name_with_500(reference: Reference) -> None:
    """A refusal lists the unknown members with their values; half a surrogate pair in a value cannot be encoded: 500."""
    known = ("accessRequestIds", "message", "executionStatus", "completionStatus")

    def listed(value: object) -> bool:
        unknown = [one for name, one in value.items() if name not in known] if isinstance(value, dict) else []
        return not is_writable(unknown)

    refused_with_500(reference, listed)


@fault("CAR-OP-NO-500", also=("CAR-BODY-JSON", "CAR-BODY-OBJECT", "CAR-IDS-ITEMS"), rare=True)
def deep_nesting_with_500(reference: Reference) -> None:
    """A body that is nested too deeply is answered 500: the parser's stack overflows."""
    parse_errors(reference, InternalFault(), "body.depth")


@fault("CAR-OP-NO-500", also=NUMBERS, rare=True)
def long_integer_with_500(reference: Reference) -> None:
    """An integer of more than 64 bits is answered 500, wherever it stands."""
    fail(reference, lambda call: re.search(rb"[\[,:]\s*-?\d{20,}", call.body) is not None, before="validate")


@fault("CAR-OP-NO-500", also=NUMBERS, rare=True)
def infinite_number_with_500(reference: Reference) -> None:
    """A number beyond the range of a double is answered 500: infinity cannot be written down again."""

    def infinite(call: Call) -> bool:
        values = call.value.values() if isinstance(call.value, dict) else []
        return any(isinstance(item, float) and math.isinf(item) for item in [*values, *entries(call)])

    fail(reference, infinite, before="validate")


@fault("CAR-OP-NO-500", rare=True)
def bad_language_with_500(reference: Reference) -> None:
    """An Accept-Language that cannot be parsed is answered 500."""

    def malformed(call: Call) -> bool:
        value = call.accept_language
        return value is not None and re.fullmatch(rf"{RANGE}(\s*,\s*{RANGE})*", value.strip()) is None

    fail(reference, malformed, before="read")


@fault("CAR-OP-NO-500", also=("CAR-BODY-MEDIA-PARAMS",), rare=True)
def unknown_charset_with_500(reference: Reference) -> None:
    """A charset that nobody knows is answered 500: the lookup's exception is not caught."""

    def unknown(call: Call) -> bool:
        match = re.search(r"charset=\"?([^\s;\"]*)", call.headers.get("content-type", ""), re.IGNORECASE)
        if match is None:
            return False
        try:
            codecs.lookup(match[1])
        except LookupError:
            return True
        return False

    fail(reference, unknown, before="read")


@fault("CAR-OP-NO-500", also=("CAR-OP-QUERY-IGNORED",), rare=True)
def broken_percent_with_500(reference: Reference) -> None:
    """A percent sign without two digits in the query is answered 500."""
    stray = re.compile(rb"%(?![0-9A-Fa-f]{2})")
    refuse_scope(reference, lambda scope: stray.search(scope["query_string"]) is not None, InternalFault())


@fault("CAR-OP-NO-500")
def apostrophe_in_the_query_with_500(reference: Reference) -> None:
    """An apostrophe in the query is answered 500: the audit's SQL is put together as text."""
    refuse_query(reference, lambda query: "'" in query, InternalFault())


@fault("CAR-OP-NO-500", rare=True)
def format_in_the_query_with_500(reference: Reference) -> None:
    """A format in the query chooses the renderer of the answer, and an unknown one is answered 500 (Django REST framework)."""
    refuse_query(reference, lambda query: re.search(r"(?:^|&)format=(?!json)", query) is not None, InternalFault())


@fault("CAR-OP-NO-500", rare=True)
def parameter_without_a_name_with_500(reference: Reference) -> None:
    """A parameter without a name is answered 500: its first letter is looked at."""
    refuse_query(reference, lambda query: re.search(r"(?:^|&)=", query) is not None, InternalFault())


@fault("CAR-OP-NO-500", also=("CAR-OP-QUERY-IGNORED",), rare=True)
def brackets_in_the_query_with_500(reference: Reference) -> None:
    """A name with brackets makes an object of the query, which nobody expects: 500 (qs in Express)."""
    refuse_query(reference, lambda query: re.search(r"(?:^|&)[^=&]*\[", query) is not None, InternalFault())


@fault("CAR-OP-NO-500", rare=True)
def nul_in_the_query_with_500(reference: Reference) -> None:
    """A NUL in the query is answered 500: PostgreSQL cannot keep it in the log of requests."""
    refuse_query(reference, lambda query: "\0" in query, InternalFault())


@fault("CAR-OP-NO-500", rare=True)
def query_beyond_utf8_with_500(reference: Reference) -> None:
    """A query whose bytes are no UTF-8 is answered 500: nobody catches the decoder's exception."""
    refuse_query(reference, lambda query: "\ufffd" in query, InternalFault())


@fault("CAR-OP-NO-500", rare=True)
def long_query_with_500(reference: Reference) -> None:
    """A query of more than 4,096 characters is answered 500: the column of the log is too short."""
    refuse_query(reference, lambda query: len(query) > 4096, InternalFault())


@fault("CAR-OP-NO-500", rare=True)
def many_parameters_with_500(reference: Reference) -> None:
    """More than 256 parameters are answered 500: the exception of the limit is not caught."""
    refuse_query(reference, lambda query: query.count("&") >= 256, InternalFault())


@fault("CAR-OP-MEDIA-TYPE", also=UNREADABLE)
def stray_percent_answered_with_markup(reference: Reference) -> None:
    """A percent sign without two digits in the query is answered 400 with the framework's page (Rails)."""
    markup_for_query(reference, lambda query: re.search(r"%(?![0-9A-Fa-f]{2})", query) is not None)


@fault("CAR-OP-MEDIA-TYPE", also=UNREADABLE, rare=True)
def strange_bytes_in_the_query_answered_with_markup(reference: Reference) -> None:
    """A query that is no UTF-8, or holds NUL, is answered 400 with the framework's page."""
    markup_for_query(reference, lambda query: re.search(r"[\0\ufffd]", query) is not None)


@fault("CAR-OP-MEDIA-TYPE", also=("CAR-ACCEPTED-BODY",), rare=True)
def callback_in_the_query_wraps_the_answer(reference: Reference) -> None:
    """A callback in the query makes a script of the answer, JSONP, a leftover of old browsers."""

    def wrapped(answer: Answer) -> None:
        if answer.request is not None and "callback=" in answer.request.target:
            answer.data = answer.data.replace(b"application/json", b"application/javascript", 1)

    answers(reference, wrapped)


@fault("CAR-OP-NO-500", rare=True)
def repeated_key_with_500(reference: Reference) -> None:
    """A member that is given twice is answered 500: the strict parser's exception is another than that for syntax."""

    def repeated(call: Call) -> bool:
        pairs: list[list[tuple[str, Any]]] = []
        json.loads(call.body, object_pairs_hook=pairs.append, parse_int=float)
        return any(len(dict(items)) < len(items) for items in pairs)

    fail(reference, repeated, before="validate")


@fault("CAR-OP-NO-500", also=("CAR-BODY-JSON",), rare=True)
def byte_order_mark_with_500(reference: Reference) -> None:
    """A byte order mark in front of the body is answered 500."""
    fail(reference, lambda call: call.body.startswith(codecs.BOM_UTF8), before="read")


@fault("CAR-OP-NO-500", rare=True)
def empty_message_with_500(reference: Reference) -> None:
    """An empty message is answered 500: Oracle takes it for null in a column that may not be null."""
    fail(reference, lambda call: member(call, "message") == "")


@fault("CAR-OP-NO-500", rare=True)
def empty_id_with_500(reference: Reference) -> None:
    """An empty id is answered 500: its first character is looked at."""
    fail(reference, lambda call: "" in entries(call))


@fault("CAR-OP-NO-500", rare=True)
def long_id_with_500(reference: Reference) -> None:
    """An id of more than 255 characters is answered 500: the column is too short."""
    fail(reference, lambda call: any(len(item) > 255 for item in entries(call)))


@fault("CAR-OP-NO-500", "CAR-OP-STATUS", rare=True)
def large_head_with_502(reference: Reference) -> None:
    """A header section of more than 8 kB is answered 502: the gateway takes it, the server behind it does not."""
    refuse_scope(
        reference,
        lambda scope: sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > 8192,
        Problem(502, "502 Bad Gateway", "internal"),
    )


# CAR-OP-MEDIA-TYPE


@fault("CAR-OP-MEDIA-TYPE")
def accepted_as_text(reference: Reference) -> None:
    """The 202 is called text/plain, whatever it holds."""
    answers(reference, lambda answer: answer.set_header(b"content-type", b"text/plain; charset=utf-8"), status=202)


@fault("CAR-OP-MEDIA-TYPE")
def accepted_without_media_type(reference: Reference) -> None:
    """The 202 has no Content-Type."""
    answers(reference, lambda answer: answer.set_header(b"content-type", None), status=202)


@fault("CAR-OP-MEDIA-TYPE")
def accepted_as_vendor_type(reference: Reference) -> None:
    """The 202 is called application/vnd.identity.v1+json."""
    answers(reference, lambda answer: answer.set_header(b"content-type", b"application/vnd.identity.v1+json"), status=202)


@fault("CAR-OP-MEDIA-TYPE", also=("CAR-ACCEPTED-BODY",))
def accepted_with_byte_order_mark(reference: Reference) -> None:
    """The body of the 202 begins with a byte order mark."""
    answers(reference, lambda answer: answer.set_body(codecs.BOM_UTF8 + answer.body), status=202)


@fault("CAR-OP-MEDIA-TYPE", also=("CAR-ACCEPTED-BODY",))
def accepted_with_nan(reference: Reference) -> None:
    """The 202 has a member whose value is NaN, which is no JSON."""
    answers(reference, lambda answer: answer.set_body(b'{"progress":NaN}'), status=202)


@fault("CAR-OP-MEDIA-TYPE", also=("CAR-ACCEPTED-BODY",))
def accepted_with_guard(reference: Reference) -> None:
    """The body of the 202 begins with the guard against script inclusion that AngularJS strips."""
    answers(reference, lambda answer: answer.set_body(b")]}',\n" + answer.body), status=202)


@fault("CAR-OP-MEDIA-TYPE", also=("CAR-ACCEPTED-BODY",))
def accepted_as_repr(reference: Reference) -> None:
    """The body of the 202 is a Python dict as text, in single quotes."""
    answers(reference, lambda answer: answer.set_body(repr(json.loads(answer.body)).encode()), status=202)


@fault("CAR-OP-MEDIA-TYPE", also=("CAR-ACCEPTED-BODY",), rare=True)
def message_echoed_raw(reference: Reference) -> None:
    """The 202 repeats the message by string concatenation: quotes, backslashes and line breaks spoil it."""
    reference.operation.accepted = lambda closing: json_response(202, f'{{"id":"{closing.id}","message":"{closing.message}"}}')


@fault("CAR-OP-MEDIA-TYPE", also=UNREADABLE, rare=True)
def rejected_status_echoed_raw(reference: Reference) -> None:
    """The 400 repeats a wrong executionStatus by string concatenation: a quote or a line break in it spoils the body."""
    validate = reference.operation.validate

    async def echoing(call: Call) -> Response | None:
        try:
            return await validate(call)
        except BadContent as error:
            value = member(call, "executionStatus")
            if not isinstance(value, str) or value in reference.rules.execution_statuses:
                raise
            answer = bytes(reference.refusal(error, call.accept_language).body).decode()
            return json_response(400, f'{answer[:-1]},"rejected":"{value}"}}')

    reference.operation.validate = echoing


@fault("CAR-OP-MEDIA-TYPE")
def errors_as_problem_json(reference: Reference) -> None:
    """Every 400 is called application/problem+json, although its shape is the documented one."""
    answers(reference, lambda answer: answer.set_header(b"content-type", b"application/problem+json"), status=400)


@fault("CAR-OP-MEDIA-TYPE", also=UNREADABLE)
def syntax_errors_as_html(reference: Reference) -> None:
    """What cannot be parsed is answered 400 with a page, as Express does it."""
    read = reference.operation.read
    page = "<!DOCTYPE html>\n<html><body><pre>SyntaxError: Unexpected token in JSON</pre></body></html>\n"

    async def with_page(call: Call) -> Response | None:
        try:
            return await read(call)
        except BadSyntax as error:
            if error.causes[0].key != "body.json":
                raise
            return Response(page, 400, media_type="text/html")

    reference.operation.read = with_page


@fault("CAR-OP-MEDIA-TYPE", also=UNREADABLE, rare=True)
def errors_in_latin_1(reference: Reference) -> None:
    """The 400 is encoded in ISO 8859-1: a text with an umlaut or an accent is not UTF-8."""
    answers(reference, lambda answer: answer.set_body(answer.body.decode().encode("latin-1", "replace")), status=400)


@fault("CAR-OP-MEDIA-TYPE")
def unauthorized_as_text(reference: Reference) -> None:
    """The 401 is called text/plain, although it is JSON."""
    answers(reference, lambda answer: answer.set_header(b"content-type", b"text/plain"), status=401)


# CAR-OP-SAFE-METHODS, CAR-OP-OTHER-METHODS


@fault("CAR-OP-SAFE-METHODS")
def get_with_202(reference: Reference) -> None:
    """GET is answered 202, whatever it asks for."""
    serve(reference, "GET", always_accepted(reference))


@fault("CAR-OP-SAFE-METHODS")
def head_with_202(reference: Reference) -> None:
    """HEAD is answered 202 without a look at the request."""
    serve(reference, "HEAD", always_accepted(reference))


@fault("CAR-OP-SAFE-METHODS", rare=True)
def get_reads_ids_from_query(reference: Reference) -> None:
    """GET closes the ids that its query names, a leftover of the first version."""

    async def from_query(call: Call) -> Response:
        ids = [item for value in call.query.getlist("accessRequestIds") for item in value.split(",")]
        body = json.dumps({"accessRequestIds": ids}).encode()
        headers = {**call.headers, "content-type": "application/json"}
        return await reference.operation(with_headers(call, headers, body))

    serve(reference, "GET", from_query)


@fault("CAR-OP-SAFE-METHODS", rare=True)
def head_with_body_is_accepted(reference: Reference) -> None:
    """The handler is registered for HEAD too: with a valid body it is answered 202."""
    serve(reference, "HEAD", lambda call: reference.operation(call))


@fault("CAR-OP-OTHER-METHODS")
def put_is_an_alias(reference: Reference) -> None:
    """PUT does what POST does."""
    serve(reference, "PUT", lambda call: reference.operation(call))


@fault("CAR-OP-OTHER-METHODS")
def delete_with_204(reference: Reference) -> None:
    """DELETE is answered 204."""
    serve(reference, "DELETE", answering(Response(status_code=204)))


@fault("CAR-OP-OTHER-METHODS")
def patch_with_400(reference: Reference) -> None:
    """PATCH is answered 400, as if its body were at fault."""
    serve(reference, "PATCH", raising(BadSyntax(cause("http.malformed"))))


@fault("CAR-OP-OTHER-METHODS", also=("CAR-OP-NO-500",))
def put_with_500(reference: Reference) -> None:
    """PUT is answered 500."""
    serve(reference, "PUT", raising(InternalFault()))


@fault("CAR-OP-OTHER-METHODS")
def other_methods_with_403(reference: Reference) -> None:
    """PUT, PATCH and DELETE are answered 403, as some gateways answer every method that they do not route."""
    for method in ("PUT", "PATCH", "DELETE"):
        serve(reference, method, raising(Problem(403, "403 Forbidden", "forbidden")))


@fault("CAR-OP-OTHER-METHODS")
def allow_left_out(reference: Reference) -> None:
    """The 405 has no Allow."""

    def hook(answer: Answer) -> None:
        if answer.request is not None and answer.status == 405:
            answer.set_header(b"allow", None)

    reference.wire.append(hook)


# CAR-OP-HEADERS


@fault("CAR-OP-HEADERS", also=("CAR-OP-STATUS",))
def wildcard_not_acceptable(reference: Reference) -> None:
    """Accept: */* is answered 406."""
    not_acceptable(reference, lambda accepted: accepted == "*/*")


@fault("CAR-OP-HEADERS", also=("CAR-OP-STATUS",), rare=True)
def application_range_not_acceptable(reference: Reference) -> None:
    """Accept: application/* is answered 406."""
    not_acceptable(reference, lambda accepted: accepted == "application/*")


@fault("CAR-OP-HEADERS", also=("CAR-OP-STATUS",), rare=True)
def weight_not_acceptable(reference: Reference) -> None:
    """In Accept a media type with a weight is not recognised: application/json;q=0.9 is answered 406."""
    known = {"application/json", "application/*", "*/*"}
    not_acceptable(reference, lambda accepted: known.isdisjoint(item.strip() for item in accepted.split(",")))


@fault("CAR-OP-HEADERS", also=("CAR-OP-STATUS",), rare=True)
def list_not_acceptable(reference: Reference) -> None:
    """An Accept of several media types is compared as a whole, and answered 406."""
    not_acceptable(reference, lambda accepted: "," in accepted)


@fault("CAR-OP-HEADERS", also=("CAR-OP-STATUS",), rare=True)
def accept_in_capitals_not_acceptable(reference: Reference) -> None:
    """Accept is compared with regard to case: Application/JSON is answered 406."""
    not_acceptable(reference, lambda accepted: accepted != accepted.lower())


@fault("CAR-OP-HEADERS", "CAR-OP-MEDIA-TYPE", also=("CAR-ACCEPTED-BODY",), rare=True)
def xml_preferred(reference: Reference) -> None:
    """Whoever accepts XML beside JSON gets the 202 in XML."""

    def hook(answer: Answer) -> None:
        if answer.request is not None and re.search(rb"[/+]xml", answer.request.header(b"accept") or b""):
            answer.set_body(b"<closing><errors/></closing>")
            answer.set_header(b"content-type", b"application/xml")

    answers(reference, hook, status=202)


@fault("CAR-OP-HEADERS")
def request_id_demanded(reference: Reference) -> None:
    """A request without X-Request-Id is refused with 400."""
    refuse(reference, lambda call: "x-request-id" not in call.headers, BadSyntax, before="read")


@fault("CAR-OP-HEADERS")
def experimental_header_demanded(reference: Reference) -> None:
    """A request without X-SailPoint-Experimental: true is refused with 400, although the documentation no longer asks for it."""
    refuse(reference, lambda call: call.headers.get("x-sailpoint-experimental") != "true", BadSyntax, before="read")


# The server counts trailer fields among the header fields: a body in chunks that ends with some is refused too.
@fault("CAR-OP-HEADERS", also=("CAR-BODY-FRAMING",))
def unknown_header_refused(reference: Reference) -> None:
    """A header that is not on the gateway's list is refused with 400."""
    refuse(reference, lambda call: not KNOWN_HEADERS.issuperset(call.headers), BadSyntax, before="read")


@fault("CAR-OP-HEADERS", also=("CAR-OP-NO-500",), rare=True)
def long_header_with_500(reference: Reference) -> None:
    """An additional header of more than 512 characters is answered 500: it is copied into a log column."""

    def long(call: Call) -> bool:
        return any(len(value) > 512 for name, value in call.headers.items() if name not in KNOWN_HEADERS)

    fail(reference, long, before="read")


@fault("CAR-OP-HEADERS", also=("CAR-OP-STATUS",), rare=True)
def many_headers_with_431(reference: Reference) -> None:
    """More than 16 header fields are answered 431, however small they are."""
    refuse(reference, lambda call: len(call.headers.items()) > 16, lambda: Problem(431, "431 Too Large", "too_large"), before="read")


@fault("CAR-OP-HEADERS", rare=True)
def empty_header_refused(reference: Reference) -> None:
    """An additional header without a value is refused with 400."""
    refuse(reference, lambda call: "" in call.headers.values(), BadSyntax, before="read")


@fault("CAR-OP-HEADERS", rare=True)
def repeated_header_refused(reference: Reference) -> None:
    """An additional header that is sent twice is refused with 400."""

    def repeated(call: Call) -> bool:
        names = [name for name in call.headers.keys() if name.startswith("x-")]  # noqa: SIM118 - keys() has the repeated ones
        return len(set(names)) < len(names)

    refuse(reference, repeated, BadSyntax, before="read")


@fault("CAR-OP-HEADERS", rare=True)
def lower_case_authorization_unseen(reference: Reference) -> None:
    """Authorization is found only if its name is spelled so: `authorization` is answered 401."""
    spelled(reference, b"Authorization", lambda name: name != b"authorization")


@fault("CAR-OP-HEADERS", also=("CAR-BODY-MEDIA-PARAMS",), rare=True)
def content_type_in_capitals_unseen(reference: Reference) -> None:
    """Content-Type is looked up as it is usually spelled: `CONTENT-TYPE` is not found, and the body refused with 400."""
    spelled(reference, b"Content-Type", lambda name: name in {b"Content-Type", b"content-type"})


# CAR-OP-QUERY-IGNORED


@fault("CAR-OP-QUERY-IGNORED", also=STRANGERS, rare=True)
def query_token_wins(reference: Reference) -> None:
    """An access_token in the query takes the place of the Authorization header."""
    query_token(reference, lambda call: True)


@fault("CAR-OP-QUERY-IGNORED", also=("CAR-AUTH-MISSING",), rare=True)
def query_token_serves(reference: Reference) -> None:
    """Without an Authorization header the access_token of the query is taken."""
    query_token(reference, lambda call: not call.authorization)


@fault("CAR-OP-QUERY-IGNORED", also=("CAR-IDS-REQUIRED",), rare=True)
def query_fills_members(reference: Reference) -> None:
    """A member that the body lacks is taken from the query, as with PHP's $_REQUEST."""
    from_query(reference, lambda body, name, values: name in body)


@fault("CAR-OP-QUERY-IGNORED", also=CONTENT)
def query_overrides_members(reference: Reference) -> None:
    """A member that the query names takes the place of the body's."""
    from_query(reference, lambda body, name, values: False)


@fault("CAR-OP-QUERY-IGNORED", also=("CAR-COMPLETION-CLOSED",), rare=True)
def query_overrides_completion(reference: Reference) -> None:
    """A completionStatus in the query takes the place of the body's; no other member is looked for there."""
    from_query(reference, lambda body, name, values: name != "completionStatus")


@fault("CAR-OP-QUERY-IGNORED", rare=True)
def message_in_query_makes_a_list(reference: Reference) -> None:
    """A message in the query and one in the body are merged into a list, which is then refused with 400."""
    refuse(reference, lambda call: "message" in call.query and member(call, "message") is not None)


@fault("CAR-OP-QUERY-IGNORED", also=("CAR-BODY-REQUIRED",), rare=True)
def query_stands_for_empty_body(reference: Reference) -> None:
    """Where the body is empty the query is taken for it."""
    accept(reference, lambda call: not call.body.strip() and "accessRequestIds" in call.query, before="read")


@fault("CAR-OP-QUERY-IGNORED", also=("CAR-IDS-MIN", "CAR-IDS-RANGE"), rare=True)
def query_ids_are_added(reference: Reference) -> None:
    """Ids in the query are added to those of the body: they fill an empty list, and overfill one of 500."""

    async def step(call: Call) -> None:
        entries(call).extend(call.query.getlist("accessRequestIds"))

    add_step(reference, step, before="validate")


def accepted_with(reference: Reference, status: int) -> None:
    """Answer what is accepted with another status."""
    reference.operation.accepted = lambda closing: reference.errors.render(status, {"id": closing.id, "errors": []}, {})


def parse_errors(reference: Reference, problem: Problem, *keys: str) -> None:
    """Answer bodies that the parser refuses for one of these causes (none: any) with another problem."""
    parse = reference.reader.parse

    def parsed(text: str) -> object:
        try:
            return parse(text)
        except BadSyntax as error:
            if keys and error.causes[0].key not in keys:
                raise
            raise problem from None

    reference.reader.parse = parsed


def refuse_scope(reference: Reference, when: Any, problem: Problem) -> None:
    """Refuse requests by their ASGI scope, which has the query and the headers as they were sent."""

    def middleware(app: ASGIApp) -> ASGIApp:
        async def choose(scope: Any, receive: Any, send: Any) -> None:
            await (reference.refusal(problem, None) if when(scope) else app)(scope, receive, send)

        return choose

    wrap_close(reference, middleware)


def json_response(status: int, text: str) -> Response:
    """Return an answer with a body that is called JSON."""
    return Response(text.encode(errors="replace"), status, {"Content-Type": "application/json"})


def serve(reference: Reference, method: str, handler: Handler) -> None:
    """Serve another method on the operation's path."""
    reference.routes[close_path(reference)][method] = handler


def always_accepted(reference: Reference) -> Handler:
    """Return a handler that answers 202, and closes nothing."""

    async def handler(call: Call) -> Response:
        return reference.operation.accepted(nothing_to_close(reference))

    return handler


def answering(answer: Response) -> Handler:
    """Return a handler with one answer."""

    async def handler(call: Call) -> Response:
        return answer

    return handler


def raising(problem: Problem) -> Handler:
    """Return a handler that refuses everything."""

    async def handler(call: Call) -> Response:
        raise problem

    return handler


def with_headers(call: Call, headers: dict[str, str], body: bytes) -> Call:
    """Return the call with other headers and another body."""
    return dataclasses.replace(call, headers=type(call.headers)(headers), body=body)


def not_acceptable(reference: Reference, when: Any) -> None:
    """Answer with 406 where ``when`` is true of the value of Accept."""
    refuse(
        reference,
        lambda call: when(call.headers.get("accept", "application/json")),
        lambda: Problem(406, "406 Not Acceptable", "content"),
        before="read",
    )


def spelled(reference: Reference, canonical: bytes, seen: Any) -> None:
    """Lose a header of the operation whose name is not spelled in a way that is seen."""
    path = close_path(reference).encode()

    def change(protocol: Protocol) -> None:
        on_header = protocol.on_header

        def on_spelled_header(name: bytes, value: bytes) -> None:
            if name.lower() != canonical.lower() or seen(name) or protocol.url.partition(b"?")[0] != path:
                on_header(name, value)

        protocol.on_header = on_spelled_header

    each_protocol(reference, change)


def refused_with_500(reference: Reference, concerned: Callable[[object], bool]) -> None:
    """Answer 500 to a refused body that holds half a surrogate pair, if it is ``concerned``."""
    check = reference.rules.check

    def checked(value: object) -> Closing:
        try:
            return check(value)
        except BadContent:
            if not is_writable(value) and concerned(value):
                raise InternalFault from None
            raise

    reference.rules.check = checked


def is_writable(value: object) -> bool:
    """Whether a JSON value can be written in UTF-8 with none of its characters escaped."""
    return is_text(json.dumps(value, ensure_ascii=False))


def decoded_query(scope: Any) -> str:
    """Return the query of an ASGI scope with its escapes resolved; what is no UTF-8 is replaced."""
    return urllib.parse.unquote_plus(scope["query_string"].decode("latin-1"), errors="replace")


def refuse_query(reference: Reference, when: Callable[[str], bool], problem: Problem) -> None:
    """Refuse requests of whose query, its escapes resolved, ``when`` is true."""
    refuse_scope(reference, lambda scope: when(decoded_query(scope)), problem)


def markup_for_query(reference: Reference, when: Callable[[str], bool]) -> None:
    """Answer 400 with a page to requests of whose query, its escapes resolved, ``when`` is true."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def choose(scope: Any, receive: Any, send: Any) -> None:
            page = Response("<html><h1>Invalid query parameters</h1></html>", 400, media_type="text/html")
            await (page if when(decoded_query(scope)) else app)(scope, receive, send)

        return choose

    wrap_close(reference, wrap)


def query_token(reference: Reference, when: Any) -> None:
    """Authenticate by the query's access_token where there is one and ``when`` is true."""

    async def authenticate(call: Call) -> None:
        token = call.query.get("access_token")
        credentials = call.authorization if token is None or not when(call) else [f"Bearer {token}"]
        call.caller = reference.authenticator.authenticate(credentials)

    reference.operation.authenticate = authenticate


def from_query(reference: Reference, keeps: Any) -> None:
    """Put the query's members into the body, but for those that it ``keeps``."""

    async def step(call: Call) -> None:
        if not isinstance(call.value, dict):
            return
        for name in MEMBERS:
            values = call.query.getlist(name)
            if values and not keeps(call.value, name, values):
                call.value[name] = values if name == "accessRequestIds" else values[-1]

    add_step(reference, step, before="validate")
