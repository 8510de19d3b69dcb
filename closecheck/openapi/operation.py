"""What stands around the bodies: statuses, media types, fields, credentials, methods, defaults. One small function each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from closecheck.contract.specification import contract
from closecheck.judging.checks import statuses
from closecheck.model import Struct
from closecheck.openapi import probes
from closecheck.openapi.documents import Place
from closecheck.openapi.places import Reader, Spot, brief
from closecheck.openapi.probes import JSON
from closecheck.openapi.published import BEARER, Credential
from closecheck.openapi.result import Relation


class Told(Struct):
    """One difference from the requirement of a rule: the place, what it says, and what shows it."""

    relation: Relation
    place: Place
    says: str
    shows: str = ""


Rule = Callable[[Reader], Iterator[Told]]

ALWAYS_SENT: Final = frozenset({"host", "user-agent", "accept", "content-type", "content-length", "authorization"})
"""Fields of every request of a client of the contract."""
_OWN_ANSWERS: Final = frozenset().union(*(stated for provoked, stated in statuses.OWN_ANSWERS.items() if provoked != "method"))
"""Statuses that the HTTP layer may answer to a POST that provokes it."""


def _statuses(reader: Reader) -> Iterator[Told]:
    documented = contract().documented_statuses | _OWN_ANSWERS
    for key, answer in reader.document.answers.items():
        if not key.isdecimal():
            shows = "any status is admitted" if key == "default" else f"every status of {key} is admitted"
            yield Told(Relation.LOOSER, answer.place, f"an answer {key}", shows)
        elif int(key) not in documented:
            yield Told(Relation.LOOSER, answer.place, f"an answer {key}")


def _accepts(reader: Reader) -> Iterator[Told]:
    document = reader.document
    if document.answer(202) is None:
        yield Told(Relation.MISSING, document.answers_place, "no answer 202")
    content = document.body.content if document.body else ()
    if content and not any(media.kind in {JSON, "application/*", "*/*", ""} for media in content):
        names = ", ".join(media.name for media in content)
        yield Told(Relation.STRICTER, content[0].place, f"content: {names}", f"a body of {JSON} is not taken")
    for one in document.parameters:
        if one.required and one.within in {"query", "cookie"}:
            yield Told(Relation.STRICTER, one.place, f"{one.within} parameter {one.name}, required: true")
    for credential in _demanded(reader):
        if credential.within != "header" or credential.name.lower() in ALWAYS_SENT:
            yield Told(Relation.STRICTER, credential.place, f"{credential.kind} is demanded instead of a bearer token")


def _headers(reader: Reader) -> Iterator[Told]:
    for one in reader.document.parameters:
        if one.required and one.within == "header" and one.name.lower() not in ALWAYS_SENT:
            yield Told(Relation.STRICTER, one.place, f"header {one.name}, required: true", f"a request without {one.name} is not valid")
    for credential in _demanded(reader):
        if credential.within == "header" and credential.name.lower() not in ALWAYS_SENT:
            shows = f"a request without {credential.name} is not valid"
            yield Told(Relation.STRICTER, credential.place, f"{credential.kind} in the header {credential.name} is demanded", shows)


def _demanded(reader: Reader) -> tuple[Credential, ...]:
    """Return what the document demands beside, or instead of, a bearer token, where no alternative does without."""
    foreign = [
        tuple(one for one in alternative if one.kind != BEARER and one.within != "connection")
        for alternative in reader.document.security or ()
    ]
    return foreign[0] if foreign and all(foreign) else ()


def _media_types(reader: Reader) -> Iterator[Told]:
    for status in sorted(contract().documented_statuses):
        answer = reader.document.answers.get(str(status))
        if answer is None:
            continue
        if not answer.content or not any(media.name for media in answer.content):
            yield Told(Relation.MISSING, answer.place, f"no media type for {answer.key}")
        elif all("CAR-OP-MEDIA-TYPE" in probes.broken(status, probes.examples(status)[0], media.name) for media in answer.content):
            names = ", ".join(media.name for media in answer.content)
            yield Told(Relation.LOOSER, answer.content[0].place, f"content of {answer.key}: {names}")


def _safe_methods(reader: Reader) -> Iterator[Told]:
    for method in ("get", "head"):
        place = reader.document.methods.get(method)
        if place is None:
            continue
        answers = reader.files.value(place).get("responses", {})
        if accepting := [key for key in answers if key.upper() in {"202", "2XX"}]:
            yield Told(Relation.LOOSER, place, f"{method.upper()} with an answer {accepting[0]}")


def _other_methods(reader: Reader) -> Iterator[Told]:
    for method in ("put", "patch", "delete"):
        if place := reader.document.methods.get(method):
            yield Told(Relation.LOOSER, place, f"{method.upper()} is documented too")


def _query(reader: Reader) -> Iterator[Told]:
    names = {one.name for one in contract().properties()} | {"access_token"}
    for parameter in reader.document.parameters:
        if parameter.within == "query" and parameter.name.partition("[")[0] in names:
            yield Told(Relation.LOOSER, parameter.place, f"query parameter {parameter.name}")
    for alternative in reader.document.security or ():
        for credential in alternative:
            if credential.within == "query":
                yield Told(Relation.LOOSER, credential.place, f"{credential.kind} in the query, {credential.name}")


def _body_required(reader: Reader) -> Iterator[Told]:
    body = reader.document.body
    if body is None:
        yield Told(Relation.MISSING, reader.document.place, "no request body")
    elif not body.required:
        says = "required: false" if reader.files.has(body.place / "required") else "no required"
        yield Told(Relation.LOOSER, body.place, says, "a request without a body is valid")


def _body_media_types(reader: Reader) -> Iterator[Told]:
    body = reader.document.body
    if body is None or not any(media.name for media in body.content):
        yield Told(Relation.MISSING, body.place if body else reader.document.place, "no media type for the request body")
        return
    for media in body.content:
        if media.kind not in {JSON, ""}:
            yield Told(Relation.LOOSER, media.place, f"content: {media.name}", f"a body of {media.name} is taken too")


def _needs_a_token(reader: Reader) -> Iterator[Told]:
    document = reader.document
    if document.security is None:
        yield Told(Relation.MISSING, document.security_place, "no security")
    elif not all(document.security):
        yield Told(Relation.LOOSER, document.security_place, "security may be left out", "a request without any credential is valid")
    yield from _answers(401)(reader)


def _answers(status: int) -> Rule:
    """Return the rule that a status is documented."""

    def rule(reader: Reader) -> Iterator[Told]:
        if reader.document.answer(status) is None:
            yield Told(Relation.MISSING, reader.document.answers_place, f"no answer {status}")

    return rule


def _challenge(reader: Reader) -> Iterator[Told]:
    answer = reader.document.answer(401)
    if answer is None or "www-authenticate" not in answer.headers:
        yield Told(Relation.MISSING, answer.place if answer else reader.document.answers_place, "no header WWW-Authenticate")


def _retry_after(reader: Reader) -> Iterator[Told]:
    answer = reader.document.answer(429)
    header = answer.headers.get("retry-after") if answer else None
    if answer is None or header is None:
        says = "no header Retry-After" if answer else "no answer 429"
        yield Told(Relation.MISSING, answer.place if answer else reader.document.answers_place, says)
        return
    if header.required is False:
        yield Told(Relation.LOOSER, header.place, "no required: true", "a 429 without Retry-After is valid")
    if not any(header.schema.admits(value) for text in probes.WAITS for value in (text, int(text) if text.isdecimal() else text)):
        place = header.schema.place or header.place
        yield Told(Relation.LOOSER, place, brief(reader.files.value(place)), "neither whole seconds nor an HTTP-date is valid")


def default_of(name: str) -> Rule:
    """Return the rule that a member that is left out comes to the contract's default."""

    def rule(reader: Reader) -> Iterator[Told]:
        schema = reader.schema()
        if schema is None:
            yield Told(Relation.MISSING, reader.document.place, "no request body with a schema")
            return
        place = schema.keyword((name,), "default")
        if place is None:
            yield Told(Relation.MISSING, *reader.stands(schema, Spot(0, (name,), "default")))
        elif reader.files.value(place) != contract().property(name).schema["default"]:
            yield Told(Relation.LOOSER, *reader.keyword(place), f"{name} left out comes to something else")

    return rule


RULES: Final[dict[str, tuple[str, Rule]]] = {
    "CAR-OP-ACCEPTS": ("an answer 202 to application/json under a bearer token, and no parameter", _accepts),
    "CAR-OP-STATUS": ("only the answers 202, 400, 401, 403, 429 and 500", _statuses),
    "CAR-OP-MEDIA-TYPE": ("application/json for each answer", _media_types),
    "CAR-OP-SAFE-METHODS": ("no GET or HEAD that is answered 202", _safe_methods),
    "CAR-OP-OTHER-METHODS": ("no PUT, PATCH or DELETE", _other_methods),
    "CAR-OP-HEADERS": ("no required header", _headers),
    "CAR-OP-QUERY-IGNORED": ("no token and no member of the body in the query", _query),
    "CAR-BODY-REQUIRED": ("required: true", _body_required),
    "CAR-BODY-MEDIA-TYPE": ("application/json alone", _body_media_types),
    "CAR-ERROR-OBJECT": ("an answer 400 with the error object", _answers(400)),
    "CAR-FAULT-BODY": ("an answer 500 with the error object", _answers(500)),
    "CAR-AUTH-MISSING": ("a bearer token is needed, an answer 401", _needs_a_token),
    "CAR-AUTH-FORBIDDEN": ("an answer 403", _answers(403)),
    "CAR-AUTH-CHALLENGE": ("the header WWW-Authenticate of a 401", _challenge),
    "CAR-RATE-RETRY-AFTER": ("the header Retry-After of a 429, required: true", _retry_after),
}
"""Requirements that are read off the operation itself: what the contract says in words, and how the document is read."""
