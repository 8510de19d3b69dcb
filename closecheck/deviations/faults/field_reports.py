"""Faults that public bug trackers tell of: what frameworks, libraries and gateways were caught at, carried over to this operation."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

import re
import time
from typing import Any

from starlette.responses import Response

from closecheck.deviations.deviation import fault
from closecheck.deviations.faults._tools import (
    CONTENT,
    REFUSALS,
    add_step,
    answers,
    convert,
    each_protocol,
    fail,
    member,
    nothing_to_close,
    refuse,
)
from closecheck.reference import Answer, End, Reference
from closecheck.reference.errors import BadContent, BadSyntax, InternalFault, Problem, Throttled, cause
from closecheck.reference.localization import Locale
from closecheck.reference.model import AccessRequest, Closing
from closecheck.reference.operation import THROTTLE, Call
from closecheck.reference.rules import is_text
from closecheck.reference.wire import Protocol

MEMBERS = ("accessRequestIds", "message", "executionStatus", "completionStatus")
STATUSES = ("executionStatus", "completionStatus")
INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
REPLACEMENT = re.compile(r"\$([$&`'])")
NUMERIC_REGION = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2,3}(-[A-Za-z]{4})?-[0-9]{3}(?![A-Za-z0-9])")
TRAILERS = b"x-told-trailers"
UNEXPECTED = b"x-unexpected-chunks"
COUNTS = ("member.few", "member.many")
FIVE_HOURS = 5 * 3600


# Media type, body and values


# Infisical/infisical#5795 on CVE-2026-25223: a tab before the semicolon, and Fastify finds no schema for the body.
# Such a body is not read "as application/json is": like every clause on how a value travels, that on the media type is blamed.
@fault("CAR-BODY-MEDIA-PARAMS", also=CONTENT, rare=True)
def tab_before_semicolon_skips_validation(reference: Reference) -> None:
    """A body whose media type has a tab before its semicolon is parsed, but whatever it says is accepted unseen."""
    validate = reference.operation.validate

    async def skipped(call: Call) -> Response | None:
        try:
            return await validate(call)
        except BadContent:
            if "\t;" not in call.headers.get("content-type", ""):
                raise
        return reference.operation.accepted(nothing_to_close(reference))

    reference.operation.validate = skipped


# The same where the rules hang on the media type as it is written, which is compared with the one that the document names.
@fault("CAR-BODY-MEDIA-PARAMS", also=CONTENT, rare=True)
def capitals_skip_validation(reference: Reference) -> None:
    """A body whose media type is written with capitals is parsed, but whatever it says is accepted unseen."""
    validate = reference.operation.validate

    async def skipped(call: Call) -> Response | None:
        try:
            return await validate(call)
        except BadContent:
            if call.headers.get("content-type", "").partition(";")[0].islower():
                raise
        return reference.operation.accepted(nothing_to_close(reference))

    reference.operation.validate = skipped


# serde-rs/serde#1587: a struct can be read from an array of its fields, in the order in which they are declared.
@fault("CAR-BODY-OBJECT", rare=True)
def members_by_position(reference: Reference) -> None:
    """A body that is a list of the members' values, the list of ids first, is taken for the object."""

    async def step(call: Call) -> None:
        values = call.value
        if isinstance(values, list) and 0 < len(values) <= len(MEMBERS) and isinstance(values[0], list):
            call.value = {name: value for name, value in zip(MEMBERS, values, strict=False) if value is not None}

    add_step(reference, step, before="validate")


# Such as Object.fromEntries, or dict, of whatever comes.
@fault("CAR-BODY-OBJECT", rare=True)
def members_by_pairs(reference: Reference) -> None:
    """A body that is a list of pairs, each of a name and a value, is taken for the object."""

    async def step(call: Call) -> None:
        pairs = call.value
        if (
            isinstance(pairs, list)
            and pairs
            and all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs)
        ):
            call.value = dict(pairs)

    add_step(reference, step, before="validate")


# google/serde_json5#8, where serde_json is described: a variant without content may be written {"Variant": null}.
@fault("CAR-EXECUTION-TYPE", "CAR-COMPLETION-TYPE", rare=True)
def status_as_name_of_a_null(reference: Reference) -> None:
    """An object is taken for a status if its only member bears the status as its name, and null as its value."""

    def unwrapped(value: Any) -> object:
        return next(iter(value)) if isinstance(value, dict) and list(value.values()) == [None] else value

    for name in STATUSES:
        convert(reference, name, unwrapped)


@fault("CAR-EXECUTION-TYPE", "CAR-COMPLETION-TYPE", rare=True)
def status_as_member_called_name(reference: Reference) -> None:
    """An object is taken for a status if it has the status in a member called name, as some languages serialize enumerations."""

    def unwrapped(value: Any) -> object:
        return value["name"] if isinstance(value, dict) and set(value) == {"name"} else value

    for name in STATUSES:
        convert(reference, name, unwrapped)


@fault("CAR-EXECUTION-CLOSED", "CAR-COMPLETION-CLOSED", rare=True)
def statuses_joined_by_bars(reference: Reference) -> None:
    """Several values of a status with bars between them are accepted in one text, and the first one counts."""

    def first_of(values: tuple[str, ...], value: object) -> object:
        parts = value.split("|") if isinstance(value, str) else []
        return parts[0] if len(parts) > 1 and set(parts) <= set(values) else value

    convert(reference, "executionStatus", lambda value: first_of(reference.rules.execution_statuses, value))
    convert(reference, "completionStatus", lambda value: first_of(reference.rules.completion_statuses, value))


# dotnet/runtime#122550: names joined by commas are read as flags, although the enumeration is not one of flags.
@fault("CAR-EXECUTION-CLOSED", "CAR-COMPLETION-CLOSED", rare=True)
def statuses_joined_by_commas(reference: Reference) -> None:
    """Several values of a status with commas between them are accepted in one text, and the last one counts."""

    def last_of(values: tuple[str, ...], value: object) -> object:
        parts = [part.strip(" ") for part in value.split(",")] if isinstance(value, str) else []
        return parts[-1] if len(parts) > 1 and set(parts) <= set(values) else value

    convert(reference, "executionStatus", lambda value: last_of(reference.rules.execution_statuses, value))
    convert(reference, "completionStatus", lambda value: last_of(reference.rules.completion_statuses, value))


# laravel/framework#54281: trimming takes every invisible character, not only white space.
@fault("CAR-EXECUTION-CLOSED", "CAR-COMPLETION-CLOSED", "CAR-LIFE-MESSAGE", rare=True)
def invisible_characters_trimmed(reference: Reference) -> None:
    """Characters without width are cut off both ends of the message and of the statuses; blanks stay where they are."""
    for name in MEMBERS[1:]:
        convert(reference, name, lambda value: value.strip(INVISIBLE) if isinstance(value, str) else value)


# laravel/framework#50454: the rule for arrays is content with an object, for want of one for lists.
@fault("CAR-IDS-ARRAY", rare=True)
def object_of_texts_for_a_list(reference: Reference) -> None:
    """An object whose members all have texts as values is taken for the list of ids; any other object is refused."""

    def listed(value: Any) -> object:
        texts = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
        return list(value.values()) if texts else value

    convert(reference, "accessRequestIds", listed)


# oobabooga/textgen#7658: the refusal repeats the value that it refuses, and UTF-8 has no form for it.
@fault("CAR-OP-NO-500", also=("CAR-EXECUTION-CLOSED", "CAR-COMPLETION-CLOSED"), rare=True)
def half_a_pair_repeated_in_the_refusal(reference: Reference) -> None:
    """A status that contains half of a surrogate pair is answered 500: the refusal that repeats it cannot be encoded."""

    def half(value: object) -> bool:
        return isinstance(value, str) and not is_text(value)

    fail(reference, lambda call: any(half(member(call, name)) for name in STATUSES), before="validate")


# Framing and header fields


# restify/node-restify#418: each chunk is decoded by itself, and a character that spans two of them is torn.
@fault("CAR-BODY-FRAMING", "CAR-LIFE-MESSAGE", rare=True)
def character_torn_between_chunks(reference: Reference) -> None:
    """Each chunk of a body is decoded by itself: a character whose bytes are in two of them becomes U+FFFD."""

    def change(protocol: Protocol) -> None:
        plain = protocol.on_body

        def on_body(body: bytes) -> None:
            chunked = any(name == b"transfer-encoding" for name, _ in protocol.headers)
            plain(body.decode(errors="replace").encode() if chunked else body)

        protocol.on_body = on_body

    each_protocol(reference, change)


# cherrypy/cheroot#69: what follows the last chunk is left unread, and is parsed as the next request.
@fault("CAR-OP-ANSWERS", "CAR-OP-INDEPENDENT", "CAR-BODY-FRAMING", rare=True)
def trailers_taken_for_a_request(reference: Reference) -> None:
    """The trailer fields behind a chunked body are taken for a request: a second answer, 400, follows, and the connection is closed."""

    def change(protocol: Protocol) -> None:
        header, complete, begin = protocol.on_header, protocol.on_headers_complete, protocol.on_message_begin
        in_body = False

        def on_message_begin() -> None:
            nonlocal in_body
            in_body = False
            begin()

        def on_headers_complete() -> None:
            nonlocal in_body
            in_body = True
            complete()

        def on_header(name: bytes, value: bytes) -> None:
            header(TRAILERS if in_body else name, value)

        protocol.on_message_begin = on_message_begin
        protocol.on_headers_complete = on_headers_complete
        protocol.on_header = on_header

    def hook(answer: Answer) -> None:
        if answer.request is None or answer.request.header(TRAILERS) is None:
            return
        body = reference.errors.default_problem(BadSyntax(cause("http.malformed")))
        fields = b"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: close" % len(body)
        answer.pieces += [b"HTTP/1.1 400 Bad Request\r\n%b\r\n\r\n%b" % (fields, body), End.CLOSE]

    each_protocol(reference, change)
    answers(reference, hook)


# spring-projects/spring-framework#31254: more than fifty media types are too many to be sorted, and nobody catches that.
@fault("CAR-OP-HEADERS", "CAR-OP-NO-500", rare=True)
def more_than_fifty_ranges_in_accept(reference: Reference) -> None:
    """An Accept of more than fifty media ranges is answered 500, whatever else is asked."""
    fail(reference, lambda call: ",".join(call.headers.getlist("accept")).count(",") >= 50, before="limit")


# Relatives of trailers: what else the grammar of chunks allows (RFC 9112, 7.1), and a parser written by hand does not expect.
def _chunks_refused(reference: Reference, unexpected: re.Pattern[bytes]) -> None:
    """Refuse as malformed what comes in chunks of which one begins with a line like ``unexpected``."""

    def change(protocol: Protocol) -> None:
        receive, complete = protocol.data_received, protocol.on_headers_complete
        latest = b""

        def data_received(data: bytes) -> None:
            nonlocal latest
            latest = data
            receive(data)

        def on_headers_complete() -> None:
            chunked = any(name.lower() == b"transfer-encoding" for name, _ in protocol.headers)
            if chunked and unexpected.search(latest):
                protocol.headers.append((UNEXPECTED, b"1"))
            complete()

        protocol.data_received = data_received
        protocol.on_headers_complete = on_headers_complete

    each_protocol(reference, change)
    refuse(reference, lambda call: UNEXPECTED.decode() in call.headers, lambda: BadSyntax(cause("http.malformed")), before="limit")


@fault("CAR-BODY-FRAMING", rare=True)
def chunk_extensions_refused(reference: Reference) -> None:
    """A chunk with an extension, which a recipient has to ignore, makes the request malformed: 400."""
    _chunks_refused(reference, re.compile(rb"\r\n[0-9A-Fa-f]+;[^\r]*\r\n"))


@fault("CAR-BODY-FRAMING", rare=True)
def chunk_sizes_in_capitals_refused(reference: Reference) -> None:
    """A chunk whose size has a capital among its hexadecimal digits makes the request malformed: 400."""
    _chunks_refused(reference, re.compile(rb"\r\n[0-9]*[A-F][0-9A-F]*\r\n"))


@fault("CAR-BODY-FRAMING", rare=True)
def chunk_sizes_with_zeros_refused(reference: Reference) -> None:
    """A chunk whose size begins with a zero makes the request malformed: 400."""
    _chunks_refused(reference, re.compile(rb"\r\n0[0-9A-Fa-f]+\r\n"))


# Error objects and languages


# laravel/framework#47710: a collection that was filtered keeps its keys, and with gaps between them it is written as an object.
@fault("CAR-ERROR-CAUSES", also=("CAR-ERROR-OBJECT",), rare=True)
def causes_keyed_by_entry(reference: Reference) -> None:
    """The causes of wrong entries are an object with the entries' numbers as names, unless they are the first ones without a gap."""
    plain = reference.errors.causes

    def keyed(problem: Problem, locale: Locale) -> object:
        causes: Any = plain(problem, locale)
        places = [item.parameters.get("index") for item in problem.causes[: len(causes)]]
        if None in places or places == list(range(len(places))):
            return causes
        return dict(zip(map(str, places), causes, strict=True))

    reference.errors.causes = keyed


# ninenines/cowboy#651: the parser of Accept-Language knows no region that is a number, such as Latin America's.
@fault("CAR-OP-NO-500", also=("CAR-OP-HEADERS", "CAR-AUTH-FORBIDDEN", *REFUSALS), rare=True)
def region_that_is_a_number(reference: Reference) -> None:
    """Every error becomes a 500 if Accept-Language names a region by its number, as in es-419."""
    plain = reference.errors.problem

    def answer(problem: Problem, accept_language: str | None) -> Response:
        if accept_language and NUMERIC_REGION.search(accept_language):
            return plain(InternalFault(), None)
        return plain(problem, accept_language)

    reference.errors.problem = answer


# mekomsolutions/openmrs-module-initializer#155: a text that is missing in one language comes from another, under the first one's name.
@fault("CAR-ERROR-TEXT-LOCALE", rare=True)
def counts_never_translated(reference: Reference) -> None:
    """The causes that speak of too few or too many ids are in the default language, whichever language their locale names."""
    plain = reference.localizer.text

    def text(tag: str, key: str, parameters: Any) -> str:
        return plain(reference.localizer.default_tag if key in COUNTS else tag, key, parameters)

    reference.localizer.text = text


# Authentication and limits


# wso2/product-apim#6273: "Bearer <token>;Bearer <token>" is let in.
@fault("CAR-AUTH-INVALID", rare=True)
def rest_after_a_semicolon_ignored(reference: Reference) -> None:
    """What follows a semicolon behind a token is ignored, so that a good token with any rubbish after it is accepted."""
    plain = reference.authenticator.token
    reference.authenticator.token = lambda authorization: plain([value.partition(";")[0] for value in authorization])


# Several fields of one name are joined by commas on their way (RFC 9110, 5.3), and the first of such a list is taken.
@fault("CAR-AUTH-INVALID", rare=True)
def rest_after_a_comma_ignored(reference: Reference) -> None:
    """What follows a comma behind a token is ignored, so that a good token with any rubbish after it is accepted."""
    plain = reference.authenticator.token
    reference.authenticator.token = lambda authorization: plain([value.partition(",")[0] for value in authorization])


# serverless/serverless#3205: API Gateway takes what it does not expect for a signature of its own kind.
@fault("CAR-ERROR-OBJECT", "CAR-ERROR-COMPLETE", also=("CAR-ERROR-COMPLETE-MESSAGES",), rare=True)
def another_scheme_taken_for_a_signature(reference: Reference) -> None:
    """Credentials of another scheme are answered 403 with only a message, that there is no equal-sign in the header."""

    async def step(call: Call) -> Response | None:
        scheme = "".join(call.authorization).strip(" \t").partition(" ")[0]
        if scheme.lower() in ("", "bearer"):
            return None
        message = f"'{scheme}' not a valid key=value pair (missing equal-sign) in Authorization header."
        return reference.errors.render(403, {"message": message}, {})

    add_step(reference, step, before="authenticate")


# stefanprodan/AspNetCoreRateLimit#209: Retry-After is wrong by the distance of the server's time zone from UTC.
@fault("CAR-RATE-TRUTHFUL", also=("CAR-RATE-EXACT",))
def wait_shortened_by_the_time_zone(reference: Reference) -> None:
    """The wait is reckoned in a time zone five hours behind: it comes out as zero, and the caller is refused for three seconds more."""
    until: dict[str, float] = {}

    async def step(call: Call) -> None:
        caller = ",".join(call.authorization)
        if reference.operation.provoked(call) == THROTTLE:
            until[caller] = time.monotonic() + 3
        if time.monotonic() < until.get(caller, 0):
            raise Throttled(3)

    add_step(reference, step, before="limit")
    reference.errors.retry_after = lambda error: str(max(0, error.retry_after - FIVE_HOURS))


# What closing does


# taskforcesh/bullmq#1337: a job whose id is known, even if completed, is not added again, and nobody is told.
@fault("CAR-LIFE-COMPLETED", "CAR-LIFE-CLOSED", also=("CAR-LIFE-FAILED-IDS",), rare=True)
def job_with_a_known_first_id_dropped(reference: Reference) -> None:
    """A closing that begins with the same id as an earlier one is accepted and noted as started, and then never carried out."""
    known: set[str] = set()

    def accept(closing: Closing) -> None:
        reference.auditor.started(closing)
        if closing.ids[0] not in known:
            known.add(closing.ids[0])
            reference.closer.spawn(reference.closer.run(closing))

    reference.closer.accept = accept


# discourse/discourse#8100: the text that JavaScript's replace puts in has patterns of its own.
@fault("CAR-LIFE-MESSAGE", rare=True)
def dollar_signs_as_patterns(reference: Reference) -> None:
    """The message is put into a template by a replacement that knows patterns: two dollar signs become one, other pairs vanish."""
    put = {"$": "$", "&": "{message}", "`": "", "'": ""}
    convert(
        reference,
        "message",
        lambda value: REPLACEMENT.sub(lambda match: put[match[1]], value) if isinstance(value, str) else value,
    )


# ministackorg/ministack#987 on SQS: a queue that takes only what XML 1.0 allows refuses vertical tabs and form feeds.
@fault("CAR-LIFE-EVENT", rare=True)
def event_refused_by_the_queue(reference: Reference) -> None:
    """No event is sent for closings whose message contains a character that XML 1.0 forbids, such as a vertical tab or a form feed."""
    plain = reference.closer.publish

    def publish(closing: Closing, closed: list[AccessRequest]) -> None:
        if not NO_XML.search(closing.message):
            plain(closing, closed)

    reference.closer.publish = publish
