"""Sins of the gate: who is let in without a right to it, who is told the wrong status, and what a 401 says."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt
from starlette.responses import RedirectResponse, Response

from closecheck.deviations.deviation import fault
from closecheck.deviations.faults._tools import (
    CONNECTION,
    add_step,
    call_in_hand,
    entries,
    member,
    refuse,
    replace_body,
    tell_connections,
)
from closecheck.reference import Reference
from closecheck.reference.errors import (
    BadContent,
    BadSyntax,
    Forbidden,
    NotFound,
    Problem,
    Unauthenticated,
    cause,
)
from closecheck.reference.model import Caller
from closecheck.reference.operation import Call
from closecheck.reference.tokens import COMPACT_JWT, INVALID_TOKEN, identity_id

Claims = dict[str, Any]

FIRST: Final = "CAR-AUTH-FIRST"
EVERYBODY: Final = ("CAR-AUTH-MISSING", "CAR-AUTH-EXPIRED", "CAR-AUTH-INVALID", "CAR-AUTH-FORBIDDEN")
"""The clauses on each caller who is to be refused."""
EXPIRED: Final = "JWT validation failed: JWT is expired"
INVALID: Final = "JWT validation failed: JWT is not valid"


def administrator(reference: Reference) -> Caller:
    """Return a caller that may do everything."""
    client = reference.config.administrator
    return Caller(identity_id(client.user_name), client.user_name, frozenset(client.authorities))


def unverified(token: str) -> Claims:
    """Return the claims of a token whose signature nobody looks at; Unauthenticated if it has none that can be used."""
    try:
        claims: Claims = jwt.decode(token, options={"verify_signature": False, "verify_exp": False})
        Caller(str(claims["identity_id"]), str(claims["user_name"]), frozenset(claims["authorities"]))
        claims["exp"] = float(claims["exp"])
    except (jwt.PyJWTError, KeyError, ValueError, TypeError, OverflowError, RecursionError):
        raise Unauthenticated(INVALID, INVALID_TOKEN) from None
    return claims


def verified(reference: Reference, token: str) -> Claims:
    """Return the claims of a token whose signature holds, whether it has expired or not."""
    try:
        claims: Claims = jwt.decode(token, reference.tokens.secret, algorithms=["HS256"], options={"verify_exp": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise Unauthenticated(INVALID, INVALID_TOKEN) from None
    if not isinstance(claims.get("exp"), (int, float)):
        raise Unauthenticated(INVALID, INVALID_TOKEN)
    return claims


def unexpired(claims: Claims) -> Claims:
    """Return claims that have not expired; Unauthenticated for others."""
    if claims["exp"] <= time.time():
        raise Unauthenticated(EXPIRED, INVALID_TOKEN)
    return claims


def on_missing(reference: Reference, found: Callable[[], Caller]) -> None:
    """Let ``found`` say who asks, or what the refusal is, when there is no Authorization header."""
    authenticate = reference.authenticator.authenticate
    reference.authenticator.authenticate = lambda authorization: authenticate(authorization) if authorization else found()


def on_expired(reference: Reference, refusal: Callable[[], Exception]) -> None:
    """Refuse an expired token with another refusal."""
    verify = reference.tokens.verify

    def refused(token: str) -> Claims:
        try:
            return verify(token)
        except Unauthenticated as error:
            raise refusal() if error.error == EXPIRED else error from None

    reference.tokens.verify = refused


def admit_empty_signatures(reference: Reference) -> None:
    """Let a token that ends in a dot through to where signatures are judged."""
    token_of = reference.authenticator.token

    def lax(authorization: list[str]) -> str:
        scheme, _, token = authorization[0].strip().partition(" ") if len(authorization) == 1 else ("", "", "")
        unsigned = scheme.lower() == "bearer" and token.endswith(".") and COMPACT_JWT.fullmatch(f"{token.strip()}A")
        return token.strip() if unsigned else token_of(authorization)

    reference.authenticator.token = lax


def compare_signatures(reference: Reference, same: Callable[[bytes, bytes], bool]) -> None:
    """Let ``same`` compare the signature that is due with the one that is given."""
    admit_empty_signatures(reference)

    def decode(token: str) -> Claims:
        signed, _, signature = token.rpartition(".")
        due = hmac.new(reference.tokens.secret, signed.encode(), hashlib.sha256).digest()
        try:
            given = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        except (binascii.Error, ValueError):
            raise Unauthenticated(INVALID, INVALID_TOKEN) from None
        if not same(due, given):
            raise Unauthenticated(INVALID, INVALID_TOKEN)
        return unverified(token)

    reference.tokens.decode = decode


def believe_unsigned(reference: Reference, believed: Callable[[str, str], bool]) -> None:
    """Verify no token of whose ``alg`` and signature ``believed`` is true."""
    admit_empty_signatures(reference)
    strict = reference.tokens.decode

    def decode(token: str) -> Claims:
        try:
            algorithm = jwt.get_unverified_header(token).get("alg")
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise Unauthenticated(INVALID, INVALID_TOKEN) from None
        return unverified(token) if believed(str(algorithm), token.rpartition(".")[2]) else strict(token)

    reference.tokens.decode = decode


# ---------------------------------------------------------------------------------------------------- no Authorization


@fault("CAR-AUTH-MISSING")
def missing_token_is_forbidden(reference: Reference) -> None:
    """A request without Authorization is answered 403, as FastAPI's and Spring's defaults do."""

    def forbidden() -> Caller:
        raise Forbidden

    on_missing(reference, forbidden)


@fault("CAR-AUTH-MISSING", also=(FIRST,))
def missing_token_is_a_bad_request(reference: Reference) -> None:
    """A request without Authorization is answered 400: a required header is missing."""

    def bad() -> Caller:
        raise BadSyntax(cause("member.missing", member="Authorization"))

    on_missing(reference, bad)


@fault("CAR-AUTH-MISSING", also=("CAR-OP-NO-500",))
def missing_token_breaks_the_server(reference: Reference) -> None:
    """A request without Authorization is answered 500: nobody expected that the header is missing."""

    def broken() -> Caller:
        raise TypeError

    on_missing(reference, broken)


@fault("CAR-AUTH-MISSING", also=("CAR-OP-STATUS",))
def missing_token_is_sent_to_the_login(reference: Reference) -> None:
    """A request without Authorization is redirected to a page where people log in."""
    authenticate = reference.operation.authenticate

    async def redirected(call: Call) -> Response | None:
        return await authenticate(call) if call.authorization else RedirectResponse("/login", 302)

    reference.operation.authenticate = redirected


@fault("CAR-AUTH-MISSING", also=(FIRST,))
def missing_token_is_an_administrator(reference: Reference) -> None:
    """A request without Authorization runs as the administrator that was meant for tests."""
    on_missing(reference, lambda: administrator(reference))


@fault("CAR-AUTH-MISSING", also=(FIRST, "CAR-OP-INDEPENDENT"))
def missing_token_is_the_last_caller(reference: Reference) -> None:
    """A request without Authorization runs as the caller before: the thread's identity is never cleared."""
    authenticate = reference.authenticator.authenticate
    last: list[Caller] = []

    def remembered(authorization: list[str]) -> Caller:
        if authorization or not last:
            last[:] = [authenticate(authorization)]
        return last[0]

    reference.authenticator.authenticate = remembered


@fault("CAR-AUTH-MISSING", also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def missing_token_is_the_connections_caller(reference: Reference) -> None:
    """A request without Authorization runs as who was let in on the same connection before."""
    tell_connections(reference)
    call = call_in_hand(reference)
    authenticate = reference.authenticator.authenticate
    callers: dict[str, Caller] = {}

    def remembered(authorization: list[str]) -> Caller:
        connection = call().headers.get(CONNECTION, "")
        if authorization or connection not in callers:
            callers[connection] = authenticate(authorization)
        return callers[connection]

    reference.authenticator.authenticate = remembered


# -------------------------------------------------------------------------------------------------------------- expired


@fault("CAR-AUTH-EXPIRED", also=(FIRST,))
def expiry_is_not_checked(reference: Reference) -> None:
    """An expired token is as good as a fresh one."""
    reference.tokens.verify = lambda token: verified(reference, token)


@fault("CAR-AUTH-EXPIRED", also=(FIRST,))
def clocks_may_differ_by_a_day(reference: Reference) -> None:
    """A token is accepted for a day after its expiry, in case clocks differ."""

    def verify(token: str) -> Claims:
        claims = verified(reference, token)
        unexpired({"exp": claims["exp"] + 86_400})
        return claims

    reference.tokens.verify = verify


@fault("CAR-AUTH-EXPIRED", also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def expired_token_is_refused_once(reference: Reference) -> None:
    """A token is put into the cache before its expiry is checked, and is never checked again."""
    known: dict[str, Claims] = {}

    def verify(token: str) -> Claims:
        if token not in known:
            known[token] = verified(reference, token)
            unexpired(known[token])
        return known[token]

    reference.tokens.verify = verify


@fault("CAR-AUTH-EXPIRED")
def expired_token_is_forbidden(reference: Reference) -> None:
    """An expired token is answered 403."""
    on_expired(reference, Forbidden)


@fault("CAR-AUTH-EXPIRED", also=(FIRST,))
def expired_token_is_a_bad_request(reference: Reference) -> None:
    """An expired token is answered 400, like an expired grant."""
    on_expired(reference, BadContent)


@fault("CAR-AUTH-EXPIRED", also=("CAR-OP-STATUS",))
def expired_token_is_a_page_expired(reference: Reference) -> None:
    """An expired token is answered 419, as Laravel does."""
    on_expired(reference, lambda: Problem(419, "419 Page Expired", "forbidden"))


@fault("CAR-AUTH-EXPIRED", also=("CAR-OP-NO-500",))
def expired_token_breaks_the_server(reference: Reference) -> None:
    """An expired token is answered 500: nobody catches what the library raises."""
    on_expired(reference, jwt.ExpiredSignatureError)


# -------------------------------------------------------------------------------------------------------------- invalid


@fault("CAR-AUTH-INVALID", also=(FIRST,))
def signature_is_not_verified(reference: Reference) -> None:
    """The payload is decoded and believed; the signature is left to a gateway that is not there."""
    reference.tokens.decode = unverified


@fault("CAR-AUTH-INVALID", also=(FIRST,))
def unsigned_token_is_accepted(reference: Reference) -> None:
    """A token whose ``alg`` is none, in any spelling, is accepted whatever its signature."""
    believe_unsigned(reference, lambda algorithm, _signature: algorithm.lower() == "none")


@fault("CAR-AUTH-INVALID", also=(FIRST,))
def bare_unsigned_token_is_accepted(reference: Reference) -> None:
    """A token whose ``alg`` is none, in small letters, is accepted if its signature is empty."""
    believe_unsigned(reference, lambda algorithm, signature: algorithm == "none" and not signature)


@fault("CAR-AUTH-INVALID", also=(FIRST,), rare=True)
def unsigned_token_is_accepted_in_other_spellings(reference: Reference) -> None:
    """``none`` is on the list of refused algorithms; None, NONE and nOnE are not."""
    believe_unsigned(reference, lambda algorithm, _signature: algorithm != "none" and algorithm.lower() == "none")


@fault("CAR-AUTH-INVALID", also=(FIRST,), rare=True)
def unsigned_token_with_a_signature_is_accepted(reference: Reference) -> None:
    """A token whose ``alg`` is none is refused if its signature is empty, but with one, any one, it is accepted."""
    believe_unsigned(reference, lambda algorithm, signature: algorithm.lower() == "none" and bool(signature))


@fault("CAR-AUTH-INVALID", also=(FIRST,), rare=True)
def signature_compared_in_its_first_bytes(reference: Reference) -> None:
    """Only the first eight bytes of the signature are compared."""
    compare_signatures(reference, lambda due, given: len(given) == len(due) and due[:8] == given[:8])


@fault("CAR-AUTH-INVALID", also=(FIRST,), rare=True)
def signature_compared_in_its_last_bytes(reference: Reference) -> None:
    """Only the last eight bytes of the signature are compared."""
    compare_signatures(reference, lambda due, given: len(given) == len(due) and due[-8:] == given[-8:])


@fault("CAR-AUTH-INVALID", also=(FIRST,), rare=True)
def signature_compared_as_far_as_it_goes(reference: Reference) -> None:
    """The signature is compared up to the end of the shorter one, so that an empty one is equal."""
    compare_signatures(reference, lambda due, given: due.startswith(given))


@fault("CAR-AUTH-INVALID", also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def claims_are_cached_by_payload(reference: Reference) -> None:
    """Verified claims are cached under header and payload, so that the next signature is not looked at."""
    verify = reference.tokens.verify
    known: dict[str, Claims] = {}

    def cached(token: str) -> Claims:
        signed = token.rpartition(".")[0]
        if signed not in known:
            known[signed] = verify(token)
        return unexpired(known[signed])

    reference.tokens.verify = cached


@fault("CAR-AUTH-INVALID", also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def claims_are_cached_by_signature(reference: Reference) -> None:
    """Verified claims are cached under the signature, so that the next payload is not looked at."""
    verify = reference.tokens.verify
    known: dict[str, Claims] = {}

    def cached(token: str) -> Claims:
        signature = token.rpartition(".")[2]
        if signature not in known:
            known[signature] = verify(token)
        return unexpired(known[signature])

    reference.tokens.verify = cached


@fault("CAR-AUTH-INVALID", also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def verdict_is_cached_by_prefix(reference: Reference) -> None:
    """That a token is genuine is cached under its first 64 characters, which all tokens of an issuer share."""
    verify = reference.tokens.verify
    genuine: set[str] = set()

    def cached(token: str) -> Claims:
        if token[:64] in genuine:
            return unexpired(unverified(token))
        claims = verify(token)
        genuine.add(token[:64])
        return claims

    reference.tokens.verify = cached


@fault("CAR-AUTH-INVALID", also=(FIRST,))
def basic_credentials_are_accepted(reference: Reference) -> None:
    """Basic is accepted beside Bearer, with any user and password."""
    authenticate = reference.authenticator.authenticate

    def lax(authorization: list[str]) -> Caller:
        basic = authorization and authorization[0].lower().startswith("basic ")
        return administrator(reference) if basic else authenticate(authorization)

    reference.authenticator.authenticate = lax


@fault("CAR-AUTH-INVALID", also=(FIRST,))
def opaque_token_is_an_api_key(reference: Reference) -> None:
    """A token that is no JWT is taken for an API key, and those are not looked up."""
    authenticate = reference.authenticator.authenticate

    def lax(authorization: list[str]) -> Caller:
        scheme, _, token = authorization[0].strip().partition(" ") if authorization else ("", "", "")
        opaque = scheme.lower() == "bearer" and token.strip() and "." not in token
        return administrator(reference) if opaque else authenticate(authorization)

    reference.authenticator.authenticate = lax


@fault("CAR-AUTH-INVALID", also=(FIRST,), rare=True)
def empty_token_is_an_administrator(reference: Reference) -> None:
    """Bearer with nothing behind it runs as the administrator."""
    authenticate = reference.authenticator.authenticate

    def lax(authorization: list[str]) -> Caller:
        empty = authorization and authorization[0].strip().lower() == "bearer"
        return administrator(reference) if empty else authenticate(authorization)

    reference.authenticator.authenticate = lax


@fault("CAR-AUTH-INVALID", also=("CAR-OP-NO-500",))
def malformed_token_breaks_the_server(reference: Reference) -> None:
    """A token that has not three parts is answered 500: it is split without a look."""
    token_of = reference.authenticator.token

    def split(authorization: list[str]) -> str:
        if authorization:
            _header, _payload, _signature = authorization[0].split(".")
        return token_of(authorization)

    reference.authenticator.token = split


@fault("CAR-AUTH-INVALID", also=("CAR-OP-STATUS",))
def invalid_token_is_answered_200(reference: Reference) -> None:
    """A token that does not verify is answered 200 with the error in the body."""
    refused = reference.errors.unauthenticated

    def excused(error: Unauthenticated) -> Response:
        answer = refused(error)
        if error.token_error and error.error != EXPIRED:
            answer.status_code = 200
        return answer

    reference.errors.unauthenticated = excused


@fault("CAR-AUTH-INVALID", also=("CAR-OP-STATUS",))
def invalid_token_is_answered_498(reference: Reference) -> None:
    """A JWT that does not verify is answered 498, the status that a vendor made up for it."""
    decode = reference.tokens.decode

    def made_up(token: str) -> Claims:
        try:
            return decode(token)
        except Unauthenticated as error:
            raise Problem(498, "498 Invalid Token", "forbidden") if error.error == INVALID else error from None

    reference.tokens.decode = made_up


# ------------------------------------------------------------------------------------------------- the case of letters


def header_cache(reference: Reference) -> Callable[[list[str]], list[str]]:
    """Return a function that replaces a field by the first of its connection that reads the same without regard to case."""
    tell_connections(reference)
    call = call_in_hand(reference)
    seen: dict[tuple[str, str], str] = {}

    def cached(authorization: list[str]) -> list[str]:
        connection = call().headers.get(CONNECTION, "")
        return [seen.setdefault((connection, one.lower()), one) for one in authorization]

    return cached


@fault("CAR-AUTH-INVALID", also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def header_values_cached_by_connection(reference: Reference) -> None:
    """The server remembers the header fields of a connection, and finds them again without regard to case, as Jetty did."""
    cached = header_cache(reference)
    token_of = reference.authenticator.token
    reference.authenticator.token = lambda authorization: token_of(cached(authorization))


@fault("CAR-AUTH-INVALID", also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def claims_are_cached_without_case(reference: Reference) -> None:
    """Verified claims are kept in a table whose collation ignores case: after a good token its lower-case form is good too."""
    verify = reference.tokens.verify
    known: dict[str, Claims] = {}

    def cached(token: str) -> Claims:
        if token.lower() not in known:
            known[token.lower()] = verify(token)
        return unexpired(known[token.lower()])

    reference.tokens.verify = cached


@fault("CAR-AUTH-INVALID", also=(FIRST,), rare=True)
def signature_compared_without_case(reference: Reference) -> None:
    """The encoded signature is compared without regard to case, by equalsIgnoreCase."""

    def decode(token: str) -> Claims:
        signed, _, signature = token.rpartition(".")
        due = hmac.new(reference.tokens.secret, signed.encode(), hashlib.sha256).digest()
        if base64.urlsafe_b64encode(due).rstrip(b"=").decode().lower() != signature.lower():
            raise Unauthenticated(INVALID, INVALID_TOKEN)
        return unverified(token)

    reference.tokens.decode = decode


# -------------------------------------------------------------------------------------------- the header of the token


def token_header(token: str) -> Any:
    """Return the header of a token as JSON data, by the letter: ValueError if it is none."""
    encoded = token.partition(".")[0]
    return json.loads(base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True))


def looked_at(reference: Reference, look: Callable[[Any], object]) -> None:
    """Let ``look`` see the header of each token that has one; what it raises is caught by nobody."""
    decode = reference.tokens.decode

    def looking(token: str) -> Claims:
        try:
            header = token_header(token)
        except ValueError:
            return decode(token)
        look(header)
        return decode(token)

    reference.tokens.decode = looking


@fault("CAR-OP-NO-500", also=("CAR-AUTH-INVALID",), rare=True)
def token_header_that_is_no_object_breaks_the_server(reference: Reference) -> None:
    """A token whose header is null, a list or a text is answered 500: it is asked for its ``alg`` without a look."""
    looked_at(reference, lambda header: header.get("alg"))


@fault("CAR-OP-NO-500", also=("CAR-AUTH-INVALID",), rare=True)
def token_without_algorithm_breaks_the_server(reference: Reference) -> None:
    """A token whose header has no ``alg`` is answered 500."""
    looked_at(reference, lambda header: header["alg"] if isinstance(header, dict) else None)


@fault("CAR-OP-NO-500", also=("CAR-AUTH-INVALID",), rare=True)
def algorithm_that_is_no_text_breaks_the_server(reference: Reference) -> None:
    """A token whose ``alg`` is a number or a list is answered 500: it is put into upper case without a look."""
    looked_at(reference, lambda header: header["alg"].upper() if isinstance(header, dict) and "alg" in header else None)


@fault("CAR-OP-NO-500", also=("CAR-AUTH-INVALID",), rare=True)
def algorithm_that_is_a_list_breaks_the_server(reference: Reference) -> None:
    """A token whose ``alg`` is a list is answered 500: nothing that can be changed is looked up in a table."""
    algorithms: dict[Any, None] = {"HS256": None}
    looked_at(reference, lambda header: algorithms.get(header.get("alg")) if isinstance(header, dict) else None)


@fault("CAR-OP-NO-500", also=("CAR-AUTH-INVALID",), rare=True)
def algorithm_in_another_case_breaks_the_server(reference: Reference) -> None:
    """A token whose ``alg`` is hs256 is answered 500: it is allowed without regard to case, and then looked up by its name."""
    algorithms = {"HS256": hashlib.sha256}

    def look(header: Any) -> None:
        algorithm = header.get("alg") if isinstance(header, dict) else None
        if isinstance(algorithm, str) and algorithm.upper() in algorithms:
            algorithms[algorithm]

    looked_at(reference, look)


@fault("CAR-OP-NO-500", also=("CAR-AUTH-INVALID",), rare=True)
def token_header_that_is_no_base64_breaks_the_server(reference: Reference) -> None:
    """A token whose header is no base64 is answered 500: nobody catches what the decoder raises."""
    token_of, encoded = reference.authenticator.token, re.compile(r"[\w-]*", re.ASCII)

    def decoded(authorization: list[str]) -> str:
        _, _, token = (authorization or [""])[0].partition(" ")
        header = token.partition(".")[0]
        if token.count(".") == 2 and (encoded.fullmatch(header) is None or len(header) % 4 == 1):
            raise binascii.Error
        return token_of(authorization)

    reference.authenticator.token = decoded


@fault("CAR-OP-NO-500", also=("CAR-AUTH-INVALID",), rare=True)
def token_header_that_is_cut_breaks_the_server(reference: Reference) -> None:
    """A token whose header ends in the middle is answered 500: nobody catches what the JSON parser raises."""
    decode = reference.tokens.decode

    def parsed(token: str) -> Claims:
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            token_header(token)
        return decode(token)

    reference.tokens.decode = parsed


@fault("CAR-OP-NO-500", also=("CAR-AUTH-INVALID",), rare=True)
def authorization_beyond_ascii_breaks_the_server(reference: Reference) -> None:
    """Bytes beyond ASCII in the Authorization field are answered 500: it is encoded as ASCII to be looked up."""
    token_of = reference.authenticator.token

    def encoded(authorization: list[str]) -> str:
        for one in authorization:
            one.encode("ascii")
        return token_of(authorization)

    reference.authenticator.token = encoded


@fault("CAR-OP-NO-500", also=("CAR-AUTH-INVALID",), rare=True)
def authorization_that_is_no_utf8_breaks_the_server(reference: Reference) -> None:
    """Bytes in the Authorization field that are no UTF-8 are answered 500: they are decoded without a look."""
    token_of = reference.authenticator.token

    def decoded(authorization: list[str]) -> str:
        for one in authorization:
            one.encode("latin-1").decode()
        return token_of(authorization)

    reference.authenticator.token = decoded


@fault("CAR-AUTH-INVALID", also=(FIRST,), rare=True)
def token_without_algorithm_is_accepted(reference: Reference) -> None:
    """A token whose header names no ``alg`` is believed: there is nothing to verify it with."""
    believe_header(reference, lambda header: not isinstance(header, dict) or "alg" not in header)


@fault("CAR-AUTH-INVALID", also=(FIRST,), rare=True)
def unknown_algorithm_is_accepted(reference: Reference) -> None:
    """A token whose ``alg`` is known in another case only is believed: no verifier is found for it, and none is run."""
    believe_header(reference, lambda header: isinstance(header, dict) and header.get("alg") == "hs256")


@fault("CAR-AUTH-INVALID", also=(FIRST,), rare=True)
def token_beyond_ascii_is_a_session(reference: Reference) -> None:
    """A token with bytes beyond ASCII is no JWT, and is taken for an old session's number, which nobody looks up."""
    authenticate = reference.authenticator.authenticate

    def lax(authorization: list[str]) -> Caller:
        old = authorization and not authorization[0].isascii()
        return administrator(reference) if old else authenticate(authorization)

    reference.authenticator.authenticate = lax


def believe_header(reference: Reference, believed: Callable[[Any], bool]) -> None:
    """Verify no token of whose header ``believed`` is true."""
    strict = reference.tokens.decode

    def decode(token: str) -> Claims:
        try:
            header = token_header(token)
        except ValueError:
            return strict(token)
        return readable_claims(token) if believed(header) else strict(token)

    reference.tokens.decode = decode


def readable_claims(token: str) -> Claims:
    """Return the claims of a token whose header nobody looks at; Unauthenticated if it has none."""
    try:
        encoded = token.split(".")[1]
        claims: Claims = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
        Caller(str(claims["identity_id"]), str(claims["user_name"]), frozenset(claims["authorities"]))
    except (ValueError, KeyError, TypeError):
        raise Unauthenticated(INVALID, INVALID_TOKEN) from None
    return claims


# ------------------------------------------------------------------------------------------------- answers that are kept


def answers_kept(
    reference: Reference, key: Callable[[Call], object], *, only: Callable[[Call], bool] = lambda _: True, before: str = "limit"
) -> None:
    """Keep what is accepted under a key, and answer it again, in front of a step, to the callers of whom ``only`` is true."""
    kept: dict[object, Response] = {}
    accepted = reference.operation.accept

    async def look_up(call: Call) -> Response | None:
        return kept.get(key(call)) if only(call) else None

    async def keeping(call: Call) -> Response | None:
        answer = await accepted(call)
        if answer is not None:
            kept[key(call)] = answer
        return answer

    reference.operation.accept = keeping
    add_step(reference, look_up, before=before)


@fault(*EVERYBODY, also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def answers_cached_by_body(reference: Reference) -> None:
    """A cache in front of everything keeps what was accepted by body: whoever sends the same bytes gets the same 202."""
    answers_kept(reference, lambda call: call.body)


@fault(*EVERYBODY, also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def answers_cached_by_path_and_body(reference: Reference) -> None:
    """A cache keeps what was accepted by method, path and a digest of the body; who asks is no part of the key."""
    answers_kept(reference, lambda call: (call.method, call.path, hashlib.sha256(call.body).digest()))


@fault("CAR-AUTH-MISSING", also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def answers_cached_for_requests_without_a_token(reference: Reference) -> None:
    """A shared cache passes on what has a token, and answers by itself, by body, what has none (RFC 9111, 3.5, half kept)."""
    answers_kept(reference, lambda call: call.body, only=lambda call: not call.authorization)


@fault("CAR-AUTH-FORBIDDEN", also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def answers_cached_before_the_access(reference: Reference) -> None:
    """Behind the check of tokens a cache keeps what was accepted by body: a user without access gets the administrator's 202."""
    answers_kept(reference, lambda call: call.body, before="authorize")


@fault("CAR-AUTH-EXPIRED", "CAR-AUTH-INVALID", also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def answers_cached_by_user_and_body(reference: Reference) -> None:
    """A cache in front of the check keeps what was accepted by body and by the user whom the unverified token names."""

    def key(call: Call) -> object:
        token = (call.authorization or [""])[0].partition(" ")[2]
        try:
            return unverified(token)["user_name"], call.body
        except Unauthenticated:
            return object()  # nobody's answer

    answers_kept(reference, key)


@fault("CAR-AUTH-INVALID", also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def answers_cached_by_scheme_and_body(reference: Reference) -> None:
    """A cache keeps what was accepted by body for whoever sends anything that looks like a token."""
    looks_alike = re.compile(r"Bearer [\w.-]+", re.ASCII)

    def alike(call: Call) -> bool:
        fields = call.authorization
        return len(fields) == 1 and looks_alike.fullmatch(fields[0]) is not None and not authentic(reference, fields)

    answers_kept(reference, lambda call: call.body, only=alike)


def look_ids_up(reference: Reference, *, before: str = "accept") -> None:
    """Refuse with 400, lawfully, every body that names an id which does not exist."""

    def unknown(call: Call) -> bool:
        with contextlib.suppress(Problem):
            call.value = reference.reader.read(call.headers.getlist("content-type"), call.body)
        return any(isinstance(one, str) and reference.store.get(one) is None for one in entries(call))

    refuse(reference, unknown, before=before)


@fault(*EVERYBODY, also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def answers_cached_by_body_of_ids_that_exist(reference: Reference) -> None:
    """Ids are looked up, and what was accepted for them is cached by body, and answered to whoever sends it again."""
    look_ids_up(reference)
    answers_cached_by_body(reference)


@fault("CAR-AUTH-FIRST", rare=True)
def ids_are_looked_up_before_the_token(reference: Reference) -> None:
    """Whoever asks learns which ids exist: those of a body that can be read are looked up before the token is."""
    reference.operation.steps = ["limit", "read", "validate", "authenticate", "authorize", "provoke", "accept"]
    look_ids_up(reference, before="authenticate")


def authentic(reference: Reference, authorization: list[str]) -> bool:
    """Tell whether a token verifies, or did before it expired."""
    try:
        verified(reference, reference.authenticator.token(authorization))
    except Unauthenticated:
        return False
    return True


# ------------------------------------------------------------------------------------------------------------ forbidden


def authorize_when(reference: Reference, when: Callable[[Call], bool]) -> None:
    """Check the caller's access only if ``when`` is true of the call, whose body is read before."""
    operation, authorize = reference.operation, reference.operation.authorize

    async def lax(call: Call) -> Response | None:
        # The body is looked at and given back: what it breaks is told in its own step.
        try:
            call.value = reference.reader.read(call.headers.getlist("content-type"), call.body)
            reference.rules.check(call.value)
        except Problem:
            return await authorize(call)
        return await authorize(call) if when(call) else None

    operation.authorize = lax


@fault("CAR-AUTH-FORBIDDEN", also=(FIRST,))
def access_is_not_checked(reference: Reference) -> None:
    """Every user of the tenant may close access requests."""
    reference.operation.steps.remove("authorize")


@fault("CAR-AUTH-FORBIDDEN")
def forbidden_is_unauthorized(reference: Reference) -> None:
    """A user without access is answered 401."""

    def refused(caller: Caller) -> None:
        if reference.authenticator.required_authority not in caller.authorities:
            raise Unauthenticated("JWT validation failed: the user has no access", "insufficient_scope")

    reference.authenticator.authorize = refused


@fault("CAR-AUTH-FORBIDDEN", also=("CAR-OP-STATUS",))
def forbidden_is_not_found(reference: Reference) -> None:
    """A user without access is answered 404, so that the operation stays a secret."""

    def hidden(caller: Caller) -> None:
        if reference.authenticator.required_authority not in caller.authorities:
            raise NotFound

    reference.authenticator.authorize = hidden


@fault("CAR-AUTH-FORBIDDEN", also=(FIRST,))
def forbidden_is_a_bad_request(reference: Reference) -> None:
    """A user without access is answered 400."""

    def bad(caller: Caller) -> None:
        if reference.authenticator.required_authority not in caller.authorities:
            raise BadContent

    reference.authenticator.authorize = bad


@fault("CAR-AUTH-FORBIDDEN", rare=True)
def access_is_checked_only_with_a_message(reference: Reference) -> None:
    """A user without access may close requests if no message is given."""
    authorize_when(reference, lambda call: member(call, "message") is not None)


@fault("CAR-AUTH-FORBIDDEN", rare=True)
def access_is_checked_only_without_a_message(reference: Reference) -> None:
    """A user without access may close requests if a message is given."""
    authorize_when(reference, lambda call: member(call, "message") is None)


@fault("CAR-AUTH-FORBIDDEN", rare=True)
def access_is_checked_only_for_defaults(reference: Reference) -> None:
    """A user without access may close requests if a status is given."""
    authorize_when(reference, lambda call: member(call, "executionStatus") is None and member(call, "completionStatus") is None)


@fault("CAR-AUTH-FORBIDDEN", rare=True)
def access_is_checked_only_for_single_ids(reference: Reference) -> None:
    """A user without access may close several requests at once: a list is handed to a job that checks nothing."""
    authorize_when(reference, lambda call: len(entries(call)) == 1)


@fault("CAR-AUTH-FORBIDDEN", also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def access_is_granted_to_the_path(reference: Reference) -> None:
    """The decision about access is cached under the path: once an administrator has been let in, everybody is."""
    authorize = reference.authenticator.authorize
    granted: list[Caller] = []

    def cached(caller: Caller) -> None:
        if not granted:
            authorize(caller)
            granted.append(caller)

    reference.authenticator.authorize = cached


@fault("CAR-AUTH-FORBIDDEN", also=(FIRST, "CAR-OP-INDEPENDENT"), rare=True)
def access_is_granted_to_the_connection(reference: Reference) -> None:
    """Access is checked for the first request on a connection that is let in, and for none after it."""
    tell_connections(reference)
    call = call_in_hand(reference)
    authorize = reference.authenticator.authorize
    granted: set[str] = set()

    def cached(caller: Caller) -> None:
        connection = call().headers.get(CONNECTION, "")
        if connection not in granted:
            authorize(caller)
            granted.add(connection)

    reference.authenticator.authorize = cached


# ------------------------------------------------------------------------------------------------------- the 401's body


@fault("CAR-AUTH-401-BODY", also=("CAR-OP-MEDIA-TYPE", "CAR-AUTH-401-COMPLETE"))
def unauthorized_is_a_text(reference: Reference) -> None:
    """A 401 is plain text."""
    replace_body(reference, 401, lambda _document: b"Unauthorized", "text/plain; charset=utf-8")


@fault("CAR-AUTH-401-BODY", "CAR-AUTH-401-COMPLETE", also=("CAR-OP-MEDIA-TYPE",))
def unauthorized_has_no_body(reference: Reference) -> None:
    """A 401 has no body: the framework's challenge is all there is."""
    replace_body(reference, 401, lambda _document: b"")


@fault("CAR-AUTH-401-BODY", also=("CAR-AUTH-401-COMPLETE",))
def unauthorized_is_a_list(reference: Reference) -> None:
    """A 401 is a list of errors."""
    replace_body(reference, 401, lambda document: [document])


@fault("CAR-AUTH-401-BODY", also=("CAR-AUTH-401-COMPLETE",))
def unauthorized_is_a_json_text(reference: Reference) -> None:
    """A 401 is the error as a JSON string."""
    replace_body(reference, 401, lambda document: document["error"])


@fault("CAR-AUTH-401-BODY")
def error_is_an_object(reference: Reference) -> None:
    """The error of a 401 is an object of code and message."""
    replace_body(reference, 401, lambda document: {"error": {"code": 401, "message": document["error"]}})


@fault("CAR-AUTH-401-BODY")
def error_is_the_status(reference: Reference) -> None:
    """The error of a 401 is the number 401."""
    replace_body(reference, 401, lambda document: {"error": 401, "error_description": document["error"]})


@fault("CAR-AUTH-401-BODY", rare=True)
def error_is_true_without_a_token(reference: Reference) -> None:
    """Without Authorization the error is the flag true."""

    def flag(document: Any) -> object:
        return {"error": True, "message": document["error"]} if "no Authorization" in document["error"] else document

    replace_body(reference, 401, flag)


@fault("CAR-AUTH-401-BODY", rare=True)
def error_is_a_list_for_an_expired_token(reference: Reference) -> None:
    """The error for an expired token is a list of texts."""

    def listed(document: Any) -> object:
        return {"error": [EXPIRED]} if document["error"] == EXPIRED else document

    replace_body(reference, 401, listed)


@fault("CAR-AUTH-401-BODY", also=("CAR-OP-MEDIA-TYPE", "CAR-AUTH-401-COMPLETE"), rare=True)
def unauthorized_is_a_page_for_another_scheme(reference: Reference) -> None:
    """Another scheme than Bearer never reaches the API: the web server answers with its own HTML page."""
    refused = reference.errors.unauthenticated

    def page(error: Unauthenticated) -> Response:
        if "scheme" not in error.error:
            return refused(error)
        html = "<html>\n<head><title>401 Authorization Required</title></head>\n<body></body>\n</html>\n"
        return Response(html, 401, {"WWW-Authenticate": reference.errors.challenge(error)}, "text/html")

    reference.errors.unauthenticated = page


@fault("CAR-AUTH-401-COMPLETE")
def unauthorized_says_message(reference: Reference) -> None:
    """A 401 says ``message`` instead of ``error``, as AWS's gateway does."""
    replace_body(reference, 401, lambda _document: {"message": "Unauthorized"})


@fault("CAR-AUTH-401-COMPLETE")
def unauthorized_is_an_empty_object(reference: Reference) -> None:
    """A 401 is an empty object."""
    replace_body(reference, 401, lambda _document: {})


@fault("CAR-AUTH-401-COMPLETE")
def unauthorized_is_the_error_object(reference: Reference) -> None:
    """A 401 carries the error object of the 403."""
    document = reference.errors.document

    def problem(_document: Any) -> object:
        refusal = Problem(401, "401 Unauthorized", "forbidden")
        return document(refusal, reference.localizer.choose(None))

    replace_body(reference, 401, problem)


@fault("CAR-AUTH-401-COMPLETE")
def error_is_empty(reference: Reference) -> None:
    """The error of a 401 is an empty text."""
    replace_body(reference, 401, lambda _document: {"error": ""})


@fault("CAR-AUTH-401-COMPLETE", rare=True)
def error_is_empty_without_a_token(reference: Reference) -> None:
    """Without Authorization the error is an empty text; with a bad token it is not."""

    def emptied(document: Any) -> object:
        return {"error": ""} if "no Authorization" in document["error"] else document

    replace_body(reference, 401, emptied)


@fault("CAR-AUTH-401-COMPLETE", also=("CAR-AUTH-401-BODY",), rare=True)
def error_is_null_for_an_expired_token(reference: Reference) -> None:
    """The error for an expired token is null."""
    replace_body(reference, 401, lambda document: {"error": None} if document["error"] == EXPIRED else document)


# -------------------------------------------------------------------------------------------------------- the challenge


def challenge_unless(reference: Reference, when: Callable[[Unauthenticated], bool]) -> None:
    """Send no WWW-Authenticate with the refusals of which ``when`` is true."""
    refused = reference.errors.unauthenticated

    def bare(error: Unauthenticated) -> Response:
        answer = refused(error)
        if when(error):
            del answer.headers["www-authenticate"]
        return answer

    reference.errors.unauthenticated = bare


@fault("CAR-AUTH-CHALLENGE")
def no_challenge(reference: Reference) -> None:
    """No 401 carries WWW-Authenticate."""
    challenge_unless(reference, lambda _error: True)


@fault("CAR-AUTH-CHALLENGE", rare=True)
def no_challenge_without_a_token(reference: Reference) -> None:
    """The 401 for a request without Authorization carries no WWW-Authenticate."""
    challenge_unless(reference, lambda error: error.token_error is None and "scheme" not in error.error)


@fault("CAR-AUTH-CHALLENGE", rare=True)
def no_challenge_for_an_expired_token(reference: Reference) -> None:
    """The 401 for an expired token carries no WWW-Authenticate."""
    challenge_unless(reference, lambda error: error.error == EXPIRED)


@fault("CAR-AUTH-CHALLENGE")
def challenge_of_a_proxy(reference: Reference) -> None:
    """The challenge is sent as Proxy-Authenticate."""
    render = reference.errors.render

    def renamed(status: int, document: object, headers: Mapping[str, str]) -> Response:
        names = {"WWW-Authenticate": "Proxy-Authenticate"}
        return render(status, document, {names.get(name, name): value for name, value in headers.items()})

    reference.errors.render = renamed


# ----------------------------------------------------------------------------------------------------------- the scheme


def on_small_scheme(reference: Reference, refusal: Callable[[], Exception]) -> None:
    """Refuse the scheme that is not spelled with a capital."""
    token_of = reference.authenticator.token

    def particular(authorization: list[str]) -> str:
        if authorization and authorization[0].lstrip().startswith("bearer"):
            raise refusal()
        return token_of(authorization)

    reference.authenticator.token = particular


@fault("CAR-AUTH-SCHEME-CASE")
def small_scheme_is_unknown(reference: Reference) -> None:
    """``bearer`` is another scheme than ``Bearer``, and is answered 401."""
    on_small_scheme(reference, lambda: Unauthenticated("JWT validation failed: the scheme is not Bearer"))


@fault("CAR-AUTH-SCHEME-CASE", also=("CAR-AUTH-INVALID", "CAR-OP-INDEPENDENT", FIRST), rare=True)
def small_scheme_is_known_to_the_connection_alone(reference: Reference) -> None:
    """``bearer`` is refused, but after ``Bearer`` on the same connection the server's cache of fields takes it for that."""
    small_scheme_is_unknown(reference)
    cached = header_cache(reference)
    token_of = reference.authenticator.token
    reference.authenticator.token = lambda authorization: token_of(cached(authorization))


@fault("CAR-AUTH-SCHEME-CASE", also=("CAR-OP-INDEPENDENT",), rare=True)
def small_scheme_is_unknown_on_a_used_connection(reference: Reference) -> None:
    """A connection stays with the spelling of its first request: ``bearer`` after ``Bearer`` is answered 401."""
    tell_connections(reference)
    call = call_in_hand(reference)
    token_of = reference.authenticator.token
    spelled: dict[str, str] = {}

    def particular(authorization: list[str]) -> str:
        token = token_of(authorization)
        scheme = authorization[0].lstrip().partition(" ")[0]
        if spelled.setdefault(call().headers.get(CONNECTION, ""), scheme) != scheme:
            raise Unauthenticated("JWT validation failed: the scheme is not Bearer")
        return token

    reference.authenticator.token = particular


@fault("CAR-AUTH-SCHEME-CASE")
def small_scheme_is_a_bad_request(reference: Reference) -> None:
    """``bearer`` is answered 400."""
    on_small_scheme(reference, BadSyntax)


@fault("CAR-AUTH-SCHEME-CASE", also=("CAR-OP-NO-500",))
def small_scheme_breaks_the_server(reference: Reference) -> None:
    """``bearer`` is answered 500: the header is split at a word that it does not have."""
    on_small_scheme(reference, IndexError)


# ---------------------------------------------------------------------------------------------------- before the body


@fault("CAR-AUTH-FIRST")
def body_before_the_token(reference: Reference) -> None:
    """The body is read and validated before the token."""
    reference.operation.steps = ["limit", "read", "validate", "authenticate", "authorize", "provoke", "accept"]


@fault("CAR-AUTH-FIRST")
def body_before_the_access(reference: Reference) -> None:
    """The body is read and validated after the token, but before the user's access."""
    reference.operation.steps = ["limit", "authenticate", "read", "validate", "authorize", "provoke", "accept"]


@fault("CAR-AUTH-FIRST", rare=True)
def parser_before_the_token(reference: Reference) -> None:
    """The body is parsed by middleware that stands before the token's; it is validated after."""
    reference.operation.steps = ["limit", "read", "authenticate", "authorize", "provoke", "validate", "accept"]


@fault("CAR-AUTH-FIRST", rare=True)
def media_type_before_the_token(reference: Reference) -> None:
    """The body's media type is looked at by the router, before the token."""

    def undeclared(call: Call) -> bool:
        return "json" not in call.headers.get("content-type", "").lower()

    refuse(reference, undeclared, lambda: BadSyntax(cause("body.media_type")), before="authenticate")


@fault("CAR-AUTH-FIRST", rare=True)
def length_of_the_list_before_the_token(reference: Reference) -> None:
    """Too long a list is refused by the gateway, before the token; everything else after it."""

    def too_long(call: Call) -> bool:
        try:
            call.value = reference.reader.read(call.headers.getlist("content-type"), call.body)
        except Problem:
            return False
        return len(entries(call)) > reference.rules.max_ids

    refuse(reference, too_long, before="authenticate")


@fault("CAR-AUTH-FIRST", rare=True)
def expiry_after_the_body(reference: Reference) -> None:
    """The signature is verified before the body is read, the expiry only when the work is about to begin."""
    verify = reference.tokens.verify
    reference.tokens.verify = lambda token: verified(reference, token)

    async def late(call: Call) -> None:
        verify(reference.authenticator.token(call.authorization))

    steps = reference.operation.steps
    reference.operation.check_expiry = late  # type: ignore[attr-defined]
    steps.insert(steps.index("accept"), "check_expiry")
