"""
The page's 401 and 403: who is let in, and what strangers learn.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

import jwt
import pytest
from reference_api import Api, ids

BODY = {"accessRequestIds": ids(1)}


def with_token(token: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {token}"}


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_the_scheme_is_known_in_any_case(api: Api, scheme: str) -> None:
    assert api.close(BODY, with_token(api.administrator, scheme)).status == 202


def test_without_a_token_the_answer_is_401_with_a_challenge(api: Api) -> None:
    reply = api.close(BODY, {"Content-Type": "application/json"}, bare=True)

    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Bearer realm="identity"')
    assert reply.json == {"error": "JWT validation failed: no Authorization header"}


def test_an_expired_token_is_refused(api: Api) -> None:
    reply = api.close(BODY, with_token(api.server.token(seconds=-1)))

    assert (reply.status, reply.json) == (401, {"error": "JWT validation failed: JWT is expired"})
    assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]


def test_a_token_that_was_good_expires(serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch) -> None:
    api = serve()
    token = api.server.token(seconds=60)
    assert api.close(BODY, with_token(token)).status == 202

    later = time.time() + 61
    monkeypatch.setattr("closecheck.reference.tokens.time.time", lambda: later)

    assert api.close(BODY, with_token(token)).status == 401


def test_forged_tokens_are_refused(api: Api) -> None:
    header, payload, signature = api.administrator.split(".")
    claims = jwt.decode(api.administrator, options={"verify_signature": False})
    turned = ("B" if signature[0] == "A" else "A") + signature[1:]
    forged = [
        f"{header}.{encoded({**claims, 'exp': claims['exp'] + 1})}.{signature}",
        f"{header}.{payload}.{turned}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{encoded({'alg': 'none'})}.{payload}.",
        f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{payload}.{signature}",
        f"{encoded({'alg': ['HS256']})}.{payload}.{signature}",
        f"{encoded([])}.{payload}.{signature}",
        f"{encoded({'alg': 'HS256', 'crit': ['x'], 'x': 1})}.{payload}.{signature}",
        f"{header}.{payload}.{signature}!",
        f"{header}.{payload[:9]}!{payload[9:]}.{signature}",
        jwt.encode(claims, "another secret of thirty-two bytes"),
        jwt.encode({key: claims[key] for key in claims if key != "exp"}, api.reference.tokens.secret),
        jwt.encode(claims, api.reference.tokens.secret, algorithm="HS512"),
        "garbage",
        "",
        "a.b.c",
        "." * 5,
        "\xff.\xfe.\xfd",
    ]

    assert {api.close(BODY, with_token(token)).status for token in forged} == {401}


@pytest.mark.parametrize("scheme", ["Basic", "Token", "Digest", "Bearerx"])
def test_other_schemes_are_refused(api: Api, scheme: str) -> None:
    assert api.close(BODY, with_token(api.administrator, scheme)).status == 401


def test_two_tokens_are_refused(api: Api) -> None:
    reply = api.raw(
        b"POST /v2024/access-requests/close HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n"
        b"Authorization: Bearer x\r\nContent-Length: 0\r\n\r\n" % api.administrator.encode()
    )

    assert reply.startswith(b"HTTP/1.1 401 ")


def test_a_user_is_forbidden(api: Api) -> None:
    token = api.server.token(administrator=False)

    assert api.close(BODY, with_token(token)).status == 403
    assert api.close({**BODY, "message": "Because."}, with_token(token)).status == 403


def test_strangers_learn_nothing_of_the_body(api: Api) -> None:
    user = with_token(api.server.token(administrator=False))
    for body in (b"", b"{", {}, {"accessRequestIds": []}):
        assert api.close(body, {}, bare=True).status == 401
        assert api.close(body, user).status == 403


def test_tokens_of_another_server_are_refused(api: Api, serve: Callable[..., Api]) -> None:
    assert api.close(BODY, with_token(serve().administrator)).status == 401
