"""Who is refused gets 401 or 403; the words, the challenges, the order of the gateway's checks and the kind of JWT are free."""

# mypy: disable-error-code="method-assign"
from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from typing import Any

import jwt
from starlette.responses import Response

from closecheck.deviations.deviation import variant
from closecheck.reference import Answer, Client, Reference
from closecheck.reference.app import CLOSE_PATH
from closecheck.reference.errors import BadSyntax, Forbidden, Unauthenticated, cause
from closecheck.reference.model import Caller
from closecheck.reference.operation import Call
from closecheck.reference.tokens import INVALID_TOKEN

JWTS = ("tokens-with-longer-signatures", "tokens-with-larger-headers", "tokens-of-two-kilobytes", "tokens-with-expiry-first")
"""Variants that change what stands in a JWT."""
HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{64}")
JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")

# ------------------------------------------------------------------------------------------------- 401, 403 or 400


@variant()
def invalid_tokens_403(reference: Reference) -> None:
    """A token that does not verify is answered 403; a missing or expired one, and another scheme, 401."""
    plain = reference.authenticator.authenticate

    def authenticate(authorization: list[str]) -> Caller:
        try:
            return plain(authorization)
        except Unauthenticated as error:
            if error.token_error == "invalid_token" and "expired" not in error.error:
                raise Forbidden from None
            raise

    reference.authenticator.authenticate = authenticate


@variant()
def other_schemes_403(reference: Reference) -> None:
    """Another scheme than Bearer is answered 403: nobody could log in that way."""
    plain = reference.authenticator.token

    def token(authorization: list[str]) -> str:
        if authorization and authorization[0].partition(" ")[0].lower() not in ("bearer", ""):
            raise Forbidden
        return plain(authorization)

    reference.authenticator.token = token


@variant()
def malformed_tokens_400(reference: Reference) -> None:
    """What is no well-formed token at all is answered 400 (RFC 6750: invalid_request); one that does not verify, 401."""
    plain = reference.authenticator.token

    def token(authorization: list[str]) -> str:
        scheme, _, credentials = (authorization or ["none"])[0].strip(" \t").partition(" ")
        if scheme.lower() == "bearer" and JWT.fullmatch(credentials.strip(" \t")) is None:
            raise BadSyntax(cause("http.malformed"))
        return plain(authorization)

    reference.authenticator.token = token


@variant()
def working_tokens_under_any_scheme(reference: Reference) -> None:
    """A token that holds is taken whatever word stands before it."""
    plain = reference.authenticator.token

    def token(authorization: list[str]) -> str:
        if len(authorization) == 1 and " " in authorization[0].strip(" \t"):
            authorization = ["Bearer " + authorization[0].strip(" \t").partition(" ")[2]]
        return plain(authorization)

    reference.authenticator.token = token


@variant()
def validation_before_limit(reference: Reference) -> None:
    """The limit counts valid requests only; what is provoked is heeded after everything else."""
    reference.operation.steps = ["authenticate", "authorize", "read", "validate", "limit", "provoke", "accept"]


@variant()
def limit_after_authorization(reference: Reference) -> None:
    """The limit counts requests of callers with access only."""
    reference.operation.steps = ["authenticate", "authorize", "limit", "provoke", "read", "validate", "accept"]


@variant()
def fields_beyond_ascii_refused_by_the_server(reference: Reference) -> None:
    """Bytes beyond ASCII in the Authorization field never reach the service: the web server answers 400 with a page of its own."""
    authenticate = reference.operation.authenticate

    async def ascii_only(call: Call) -> Response | None:
        if all(one.isascii() for one in call.authorization):
            return await authenticate(call)
        return Response("<html><title>400 Bad Request</title></html>", 400, {"Connection": "close"}, "text/html")

    reference.operation.authenticate = ascii_only


@variant()
def answers_kept_for_the_caller(reference: Reference) -> None:
    """Who sends, byte for byte, what he has had accepted gets the same answer again; who else sends it is judged by himself."""
    accept = reference.operation.accept
    kept: dict[tuple[str, bytes], Response] = {}

    async def keeping(call: Call) -> Response | None:
        assert call.caller is not None
        key = call.caller.user_name, call.body
        if key not in kept and (answer := await accept(call)) is not None:
            kept[key] = answer
        return kept.get(key)

    reference.operation.accept = keeping


@variant(incomplete="nobody may look at what closing does")
def nothing_beside_is_allowed(reference: Reference) -> None:
    """The token may close access requests, and neither search nor list anything: that is answered 403."""
    answer, operation = reference.answer, reference.config.base_path + CLOSE_PATH

    async def only(handlers: Any, call: Call) -> Response:
        return await answer(handlers, call) if call.path == operation else reference.refusal(Forbidden(), call.accept_language)

    reference.answer = only


# ------------------------------------------------------------------------------------------------- bodies


def word(reference: Reference, document: Mapping[str, object] | None = None, text: str | None = None) -> None:
    """Write this document, or this text in it, in every 401."""

    def unauthenticated(error: Unauthenticated) -> Any:
        written: dict[str, object] = {"error": text or error.error} if document is None else {**document}
        if "trackingId" in written:
            written["trackingId"] = reference.errors.tracking_id()
        return reference.errors.render(401, written, {"WWW-Authenticate": reference.errors.challenge(error)})

    reference.errors.unauthenticated = unauthenticated


@variant()
def unauthorized_in_a_word(reference: Reference) -> None:
    """Every 401 has the same text: unauthorized."""
    word(reference, text="unauthorized")


@variant()
def unauthorized_with_description(reference: Reference) -> None:
    """A 401 has the members of an OAuth error, and an error that is a code."""
    word(reference, {"error": "invalid_token", "error_description": "expired or missing", "error_uri": None})


@variant()
def unauthorized_with_everything(reference: Reference) -> None:
    """A 401 has all members of an error object beside its error."""
    message = {"locale": "en-US", "localeOrigin": "DEFAULT", "text": "Unauthorized"}
    word(
        reference,
        {"detailCode": "401", "trackingId": None, "messages": [message], "causes": None, "error": "Unauthorized", "status": 401},
    )


@variant()
def unauthorized_in_another_language(reference: Reference) -> None:
    """The text of a 401 is long, of several lines and not in English."""
    word(reference, text="認証が必要です。\n\t«Zugang verweigert» — 😀 " * 40)


# ------------------------------------------------------------------------------------------------- challenges


def challenge(reference: Reference, *values: bytes, status: int = 401) -> None:
    """Send these WWW-Authenticate fields with every answer of this status."""

    def hook(answer: Answer) -> None:
        if answer.status == status:
            fields = [field for field in answer.headers if field[0] != b"www-authenticate"]
            answer.rewrite(headers=[*fields, *((b"www-authenticate", value) for value in values)])

    reference.wire.append(hook)


@variant()
def challenge_in_a_word(reference: Reference) -> None:
    """The challenge is the scheme alone, in lower case."""
    challenge(reference, b"bearer")


@variant()
def challenge_with_parameters(reference: Reference) -> None:
    """The challenge has parameters with quoted commas and quotation marks, and blanks around the equals sign."""
    challenge(reference, b'Bearer realm = "say \\"please\\", friend", scope="sp:scopes:all", charset=UTF-8')


@variant()
def challenges_in_one_field(reference: Reference) -> None:
    """One field has three challenges."""
    challenge(reference, b'Negotiate, Basic realm="a, b", Bearer realm="identity", error="invalid_token"')


@variant()
def challenges_in_three_fields(reference: Reference) -> None:
    """Each of three challenges has a field of its own, the one for Bearer last."""
    challenge(reference, b"Negotiate", b'DPoP algs="ES256"', b'Bearer realm="identity"')


@variant()
def challenge_on_403(reference: Reference) -> None:
    """A 403 carries a challenge as well (RFC 6750: insufficient_scope)."""
    challenge(reference, b'Bearer error="insufficient_scope", scope="ORG_ADMIN"', status=403)


# ------------------------------------------------------------------------------------------------- tokens


def sign(reference: Reference, headers: dict[str, Any], more: dict[str, Any]) -> None:
    """Issue tokens with these header parameters and more claims."""
    tokens = reference.tokens

    def issue(client: Client, seconds: float) -> str:
        return jwt.encode({**tokens.claims(client, seconds), **more}, tokens.secret, tokens.algorithm, headers)

    tokens.issue = issue


@variant()
def tokens_with_longer_signatures(reference: Reference) -> None:
    """Tokens are signed with HS512."""
    reference.tokens.algorithm = "HS512"


@variant()
def tokens_with_larger_headers(reference: Reference) -> None:
    """Tokens have a type, a key's id and an address in their headers."""
    sign(reference, {"typ": "at+jwt", "kid": "2026-01", "jku": "https://keys.example.org/"}, {})


# Beside such a token there is no room for the header fields that an ordinary server must bear.
@variant(apart=("headers-over-4-kib-431", "headers-over-4-kib-400-page"))
def tokens_of_two_kilobytes(reference: Reference) -> None:
    """Tokens are two kilobytes long: they name every scope, and nest claims."""
    scopes = [f"idn:resource-{number}:manage" for number in range(50)]
    sign(reference, {}, {"scopes": scopes, "act": {"sub": {"name": "Ünal"}}, "nbf": 0, "iat": 1.5})


@variant(apart=("malformed-tokens-400", "invalid-tokens-403", "working-tokens-under-any-scheme", *JWTS))
def tokens_in_hexadecimal(reference: Reference) -> None:
    """Tokens are opaque, numbers in hexadecimal, which are read in either case."""
    tokens, authenticator = reference.tokens, reference.authenticator
    issued: dict[int, dict[str, Any]] = {}

    def issue(client: Client, seconds: float) -> str:
        number = secrets.randbits(256)
        issued[number] = tokens.claims(client, seconds)
        return f"{number:064x}"

    def token(authorization: list[str]) -> str:
        scheme, _, number = (authorization or [""])[0].partition(" ")
        if len(authorization) != 1 or scheme.lower() != "bearer" or HEXADECIMAL.fullmatch(number.strip()) is None:
            raise Unauthenticated("no token, or one that is not a number")
        return number.strip()

    def verify(token: str) -> dict[str, Any]:
        claims = issued.get(int(token, 16))
        if claims is None or claims["exp"] <= time.time():
            raise Unauthenticated("the token is unknown or has expired", INVALID_TOKEN)
        return claims

    tokens.issue, tokens.verify, authenticator.token = issue, verify, token


@variant()
def tokens_with_expiry_first(reference: Reference) -> None:
    """The claims of a token come in the opposite order, and its expiry has a fraction."""
    plain = reference.tokens.claims

    def claims(client: Client, seconds: float) -> dict[str, Any]:
        found = dict(reversed(plain(client, seconds).items()))
        return {**found, "exp": found["exp"] + 0.25}

    reference.tokens.claims = claims
