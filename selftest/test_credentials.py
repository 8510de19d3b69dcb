"""Tokens are fetched once, in time, and never shown; a refusal says what to change."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closecheck.config.target import ClientCredentials, Secret, StaticToken
from closecheck.http.redaction import Redactor
from closecheck.http.tokens import TokenFacts, TokenSource, describe, token_source
from closecheck.model.errors import UsageError

URL = "https://t.example/oauth/token"
CLIENT = ClientCredentials("me", Secret("hush-hush-hush"), URL)


class Endpoint:
    """A token endpoint that numbers its tokens, and a clock that stands still."""

    def __init__(self, life: object = 749) -> None:
        self.life = life
        self.now = 1000.0
        self.redactor = Redactor()
        self.asked: list[tuple[str, Mapping[str, str]]] = []

    def post(self, url: str, fields: Mapping[str, str]) -> tuple[int, bytes]:
        self.asked.append((url, fields))
        token = f"token-number-{len(self.asked)}"
        return 200, json.dumps({"access_token": token, "token_type": "bearer", "expires_in": self.life}).encode()

    def source(self) -> TokenSource:
        return token_source("authorized", CLIENT, post_form=self.post, redactor=self.redactor, clock=lambda: self.now)


def test_a_ready_token_is_itself() -> None:
    redactor = Redactor()
    source = token_source("expired", StaticToken(Secret("ready-token")), post_form=Endpoint().post, redactor=redactor)
    source.refresh()

    assert source.token() == "ready-token"
    assert not source.renewable
    assert redactor.text("ready-token") == "***"


def test_a_client_asks_once() -> None:
    endpoint = Endpoint()
    source = endpoint.source()

    assert source.renewable
    assert [source.token(), source.token()] == ["token-number-1"] * 2
    assert endpoint.asked == [(URL, {"grant_type": "client_credentials", "client_id": "me", "client_secret": "hush-hush-hush"})]
    assert endpoint.redactor.text("token-number-1 hush-hush-hush") == "*** ***"


@pytest.mark.parametrize(
    ("life", "fresh", "stale"),
    [(1000, 800, 801), ("1000", 800, 801), (100, 70, 71), (40, 20, 21), (10, 5, 6)],
    ids=["a fifth is left", "number as text", "30 s are left", "half a short life", "half a very short life"],
)
def test_a_token_is_renewed_before_it_ends(life: object, fresh: float, stale: float) -> None:
    endpoint = Endpoint(life)
    source = endpoint.source()
    source.token()

    endpoint.now = 1000 + fresh
    assert source.token() == "token-number-1"
    endpoint.now = 1000 + stale
    assert source.token() == "token-number-2"


@pytest.mark.parametrize("life", [None, "soon", -5])
def test_a_token_of_unknown_life_is_kept(life: object) -> None:
    endpoint = Endpoint(life)
    source = endpoint.source()
    source.token()
    endpoint.now = 1e9

    assert source.token() == "token-number-1"


def test_the_token_itself_tells_its_end_where_the_answer_does_not() -> None:
    tokens = iter([jwt.encode({"exp": 2000}, "k" * 32), "second"])
    now = [1000.0]
    source = token_source(
        "authorized",
        CLIENT,
        post_form=lambda *_: (200, json.dumps({"access_token": next(tokens)}).encode()),
        redactor=Redactor(),
        clock=lambda: now[0],
    )
    source.token()
    now[0] = 1900.0

    assert source.token() == "second"


def test_refreshing_fetches_whatever_is_left() -> None:
    endpoint = Endpoint()
    source = endpoint.source()
    source.token()
    source.refresh()

    assert source.token() == "token-number-2"


def test_at_most_one_fetch_is_under_way() -> None:
    endpoint = Endpoint()
    started, go_on = threading.Event(), threading.Event()
    post = endpoint.post

    def slow(url: str, fields: Mapping[str, str]) -> tuple[int, bytes]:
        started.set()
        go_on.wait(2)
        return post(url, fields)

    endpoint.post = slow  # type: ignore[method-assign]
    source = endpoint.source()
    with ThreadPoolExecutor(8) as pool:
        tokens = [pool.submit(source.token) for _ in range(8)]
        assert started.wait(2)
        go_on.set()
        assert {one.result() for one in tokens} == {"token-number-1"}
    assert len(endpoint.asked) == 1


def answering(status: int, body: bytes) -> Callable[[str, Mapping[str, str]], tuple[int, bytes]]:
    return lambda _url, _fields: (status, body)


def raising(url: str, fields: Mapping[str, str]) -> tuple[int, bytes]:
    raise ConnectionRefusedError(f"{url} {fields}")


CLIENT_REMEDY = "Check client_id and client_secret of that credential."
URL_REMEDY = "Check token_url of that credential."


@pytest.mark.parametrize(
    ("post_form", "problem"),
    [
        (answering(401, b'{"error": "invalid_client", "error_description": "hush-hush-hush"}'),
         f"answered 401 invalid_client: it refuses the client. {CLIENT_REMEDY}"),
        (answering(400, b"hush-hush-hush"), f"answered 400: it refuses the client. {CLIENT_REMEDY}"),
        (answering(400, b'{"error": "hush-hush-hush"}'), f"answered 400: it refuses the client. {CLIENT_REMEDY}"),
        (answering(404, b""), f"answered 404: there is no token endpoint. {URL_REMEDY}"),
        (answering(302, b""), f"answered 302: there is no token endpoint. {URL_REMEDY}"),
        (answering(503, b"{}"), "answered 503. Wait until it works again, or give a ready token."),
        (answering(200, b"<html>"), f"answered 200, but no JSON. {URL_REMEDY}"),
        (answering(200, b"\xff"), f"answered 200, but no JSON. {URL_REMEDY}"),
        (answering(200, b"[]"), f"answered 200 without a usable access_token. {URL_REMEDY}"),
        (answering(200, b"{}"), f"answered 200 without a usable access_token. {URL_REMEDY}"),
        (answering(200, b'{"access_token": "hush hush"}'), f"answered 200 without a usable access_token. {URL_REMEDY}"),
        (answering(200, b'{"access_token": "hush-1", "token_type": "mac"}'), f"gives no bearer token. {URL_REMEDY}"),
        (raising, f"does not answer (ConnectionRefusedError). {URL_REMEDY}"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_change_and_no_secret(post_form: Any, problem: str) -> None:
    source = token_source("authorized", CLIENT, post_form=post_form, redactor=Redactor())

    with pytest.raises(UsageError) as caught:
        source.token()

    assert str(caught.value) == f"credentials.authorized: the token endpoint {URL} {problem}"
    assert "hush" not in str(caught.value)


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_token_tells_its_facts() -> None:
    token = jwt.encode({"exp": 2000, "authorities": ["ORG_ADMIN", "X"]}, "k" * 32)

    assert describe(token, 1900.0) == TokenFacts(
        is_jwt=True,
        claims_are_json=True,
        algorithm="HS256",
        expires=2000,
        seconds_left=100.0,
        authorities=("ORG_ADMIN", "X"),
    )


def test_an_expired_token_has_less_than_no_time_left() -> None:
    assert describe(jwt.encode({"exp": 2000}, "k" * 32), 2060.0).seconds_left == -60.0


def test_an_opaque_token_is_no_jwt() -> None:
    assert describe("opaque", 0.0) == TokenFacts(is_jwt=False)


@pytest.mark.parametrize("claims", [b"no json", b"[1]", b"\xff"])
def test_claims_that_are_no_json_object(claims: bytes) -> None:
    token = ".".join((part(b'{"alg":"ES256"}'), part(claims), part(b"x")))

    assert describe(token, 0.0) == TokenFacts(is_jwt=True, algorithm="ES256")


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(st.one_of(st.text(), st.lists(st.binary().map(part), max_size=5).map(".".join)), st.floats(allow_nan=False))
def test_describing_never_raises(token: str, now: float) -> None:
    assert isinstance(describe(token, now), TokenFacts)


@settings(max_examples=50, deadline=None, database=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(["exp", "authorities", "iat", "nbf", "aud", "sub", "iss", "jti"]), st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()))))  # fmt: skip
def test_describing_odd_claims_never_raises(claims: dict[str, Any]) -> None:
    token = ".".join((part(b'{"alg":"HS256"}'), part(json.dumps(claims).encode()), part(b"x")))

    assert describe(token, 0.0).is_jwt
