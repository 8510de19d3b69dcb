"""Lawful oddities that public bug trackers tell of: each has surprised some client, and none of them is against the contract."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

import asyncio
import json
import re
import secrets
import ssl
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from starlette.responses import Response

from closecheck.deviations.deviation import variant
from closecheck.deviations.variants._seams import close_handlers, each_answer, insert_step
from closecheck.reference.errors import BadSyntax, Problem, cause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from closecheck.reference import Answer, Reference
    from closecheck.reference.model import AccessRequest, Audit, Closing, Subscription
    from closecheck.reference.operation import Call

PAGE = '<!doctype html><html><head><title>Identity</title></head><body><div id="root"></div></body></html>'
POLICY = b"default-src 'self'; img-src " + b" ".join(b"https://images-%03d.example.com" % number for number in range(360))
LINKS = b"".join(b"link: </assets/part-%03d.js>; rel=preload; as=script\r\n" % number for number in range(120))
ACCEPTED = (
    "accepted-empty", "accepted-with-uuid", "accepted-with-location", "accepted-with-everything", "accepted-like-an-error",
    "accepted-with-types-of-all-kinds", "accepted-nested-deeply",
)  # fmt: skip
METHODS = ("methods-404", "methods-404-page", "methods-501", "methods-405-empty", "methods-405-named", "get-explains")
MEDIA_TYPES = ("media-type-with-charset", "media-type-with-quoted-charset", "media-type-in-capitals", "media-type-with-profile")
TRACKING_IDS = ("tracking-id-uuid", "tracking-id-number", "tracking-id-long")
FRACTION: Final = re.compile(r"\.\d+")
PIECE = 16


async def send(subscription: Subscription, method: str, fields: str, body: bytes) -> None:
    """Send one request to a subscriber over a connection of its own; whatever goes wrong is forgotten."""
    url = urlsplit(subscription.url)
    tls = ssl.create_default_context() if url.scheme == "https" else None
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {url.netloc.rpartition('@')[2]}", "Connection: close", fields]
    if subscription.authorization:
        lines.append(f"Authorization: {subscription.authorization}")
    try:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection(url.hostname, url.port or (443 if tls else 80), ssl=tls)
            try:
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                await reader.readline()
            finally:
                writer.close()
    except (OSError, ValueError, TimeoutError):
        return


# dotnet/aspnetcore#32448: header values are taken for UTF-8, so that a letter in Latin-1 makes the request malformed. RFC 9110, 5.5,
# only advises to treat such bytes as opaque, and the suite sends none outside Authorization.
@variant()
def latin_1_in_any_header_refused(reference: Reference) -> None:
    """A header whose value is not UTF-8, such as a name in Latin-1, makes the request malformed: 400."""

    async def utf8_only(call: Call) -> None:
        try:
            b"".join(value for _, value in call.headers.raw).decode()
        except UnicodeDecodeError:
            raise BadSyntax(cause("http.malformed")) from None

    insert_step(reference, "limit", "utf8_only", utf8_only)


# Infisical/infisical#5795 tells of a framework that read such a body without its rules; since then it is refused.
@variant()
def little_known_spellings_415(reference: Reference) -> None:
    """A tab, an empty parameter or a backslash in the media type of a body is answered 415."""

    async def plainly_spelled(call: Call) -> None:
        named = call.headers.get("content-type", "")
        if "\t" in named or "\\" in named or any(not part.strip() for part in named.split(";")[1:]):
            raise Problem(415, "415 Unsupported Media Type", "syntax", [cause("body.media_type")])

    insert_step(reference, "read", "plainly_spelled", plainly_spelled)


# Much code takes the second word of the Authorization field: what is to be made of a third one, nobody says (RFC 9110, 2.4).
@variant()
def words_after_the_token_ignored(reference: Reference) -> None:
    """What follows a token after a blank is ignored."""
    plain = reference.authenticator.token
    reference.authenticator.token = lambda authorization: plain([" ".join(value.split()[:2]) for value in authorization])


# spring-projects/spring-framework#24813: the container's default charset is put behind a media type that has no such parameter.
@variant(apart=MEDIA_TYPES)
def json_declared_as_latin_1(reference: Reference) -> None:
    """Answers are UTF-8, as JSON is, while their media type bears charset=ISO-8859-1, which means nothing there."""
    reference.errors.media_type = "application/json;charset=ISO-8859-1"


# FasterXML/jackson-databind#4091: a property and an entry of a map bear the same name, and both are written.
@variant(apart=ACCEPTED)
def member_of_the_202_twice(reference: Reference) -> None:
    """The object in the 202 has two members of the same name; RFC 8259 only advises against it."""

    def accepted(closing: Closing) -> Response:
        body = f'{{"status":"ACCEPTED","id":{json.dumps(closing.id)},"errors":[],"status":{{"code":202}}}}'
        return Response(body, 202, {"Content-Type": reference.errors.media_type})

    reference.operation.accepted = accepted


# azure.github.io/typespec-azure, rule "retry-after": a 202 tells where the operation can be watched, and how often to look.
@variant()
def accepted_with_retry_after(reference: Reference) -> None:
    """Each 202 has a Location to watch and a Retry-After of 20 seconds, which is no refusal: nobody need wait before the next request."""
    plain = reference.operation.accepted

    def accepted(closing: Closing) -> Response:
        answer = plain(closing)
        answer.headers["Location"] = f"{reference.config.base_path}/operations/{closing.id}"
        answer.headers["Retry-After"] = "20"
        return answer

    reference.operation.accepted = accepted


# fibjs/fibjs#769: the value of one response header is longer than a client's buffer.
@variant()
def long_policy_in_a_header(reference: Reference) -> None:
    """Each answer has a Content-Security-Policy of about 11 kB."""
    each_answer(reference, lambda answer: answer.set_header(b"content-security-policy", POLICY))


# hyperium/hyper#3283: a client that counts to a hundred meets an answer with more fields.
@variant()
def more_than_a_hundred_header_fields(reference: Reference) -> None:
    """Each answer has 120 Link fields."""

    def change(answer: Answer) -> None:
        head, _, body = answer.data.partition(b"\r\n\r\n")
        answer.data = head + b"\r\n" + LINKS + b"\r\n" + body

    each_answer(reference, change)


# aspnet/JavaScriptServices#973: whatever is no call of the API gets the page of the single-page application, with 200.
@variant(apart=METHODS)
def page_for_get_and_head(reference: Reference) -> None:
    """GET and HEAD on the operation's path get the HTML page of an application, with 200: nothing was asked, nothing accepted."""

    async def page(_call: Call) -> Response:
        return Response(PAGE, 200, {"Content-Type": "text/html; charset=utf-8"})

    close_handlers(reference).update(GET=page, HEAD=page)


# medplum/medplum#5014: the load balancer's trace header serves as the id of a request.
@variant(apart=TRACKING_IDS)
def trace_header_as_tracking_id(reference: Reference) -> None:
    """A trackingId is a whole trace header of a load balancer, with equal-signs and semicolons in it."""

    def tracking_id() -> str:
        root = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        return f"{root};Parent={secrets.token_hex(8)};Sampled=1"

    reference.errors.tracking_id = tracking_id


# golang/go#19635: the usual format drops the zeros at the end of a fraction, so that a date of whole seconds has none and sorts last.
@variant()
def started_in_whole_seconds(reference: Reference) -> None:
    """A Started audit is dated in whole seconds, a Completed one in fractions: compared as texts, Started seems to be the later."""
    plain = reference.search.event_document

    def event_document(audit: Audit) -> dict[str, object]:
        document = plain(audit)
        cut = {name: FRACTION.sub("", value) for name in ("created", "synced") if isinstance(value := document.get(name), str)}
        return document | cut if audit.status == "STARTED" else document

    reference.search.event_document = event_document


# dotnet/runtime#49357: a client that serializes while it sends does not know the length in advance.
@variant(apart=("events-in-batches",))
def events_in_chunks(reference: Reference) -> None:
    """Events are sent in chunks, without Content-Length, each over a connection of its own."""
    gates: dict[str, asyncio.Semaphore] = {}

    async def courier(subscription: Subscription, event: Mapping[str, Any]) -> None:
        data = json.dumps(event, ensure_ascii=False).encode()
        parts = [data[start : start + PIECE] for start in range(0, len(data), PIECE)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        async with gates.setdefault(subscription.id, asyncio.Semaphore(8)):
            await send(subscription, "POST", "Content-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked", body)

    reference.publisher.deliver = lambda subscription, event: reference.publisher.spawn(courier(subscription, event))


# learn.microsoft.com/azure/event-grid/webhook-event-delivery: a receiver is asked by OPTIONS whether it agrees to be sent anything.
@variant()
def receiver_asked_by_options(reference: Reference) -> None:
    """With its first event a subscriber also gets an OPTIONS request that asks whether it wants any; events come whatever it says."""
    plain = reference.publisher.publish
    asked: set[str] = set()

    def publish(request: AccessRequest) -> None:
        for subscription in reference.publisher.subscriptions.values():
            if subscription.id not in asked:
                asked.add(subscription.id)
                fields = "WebHook-Request-Origin: events.example.com\r\nWebHook-Request-Rate: 120"
                reference.publisher.spawn(send(subscription, "OPTIONS", fields, b""))
        plain(request)

    reference.publisher.publish = publish
