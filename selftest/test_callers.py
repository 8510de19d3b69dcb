"""Tokens that must not be accepted: each differs from the working one where it counts, or is not made at all."""

import base64
import json

import jwt
import pytest
from click.testing import CliRunner

from closecheck.__main__ import main
from closecheck.http.callers import BY_KIND, FORGERIES, Callers, forge, inapplicable, split
from closecheck.http.redaction import Redactor
from closecheck.http.request_bytes import serialise
from closecheck.http.tokens import FixedToken, describe
from closecheck.model import Request
from closecheck.model.errors import Untested
from closecheck.reports._curl import _authorization

JWT = jwt.encode({"sub": "me"}, "k" * 32, algorithm="HS256")
MIXED = "Opaque-Token_of-The-Tests.Xy9"
HEXADECIMAL = "0123456789abcdef" * 4
NUMBER = "1234-5678-9012-3456"


@pytest.mark.parametrize("token", [JWT, MIXED, HEXADECIMAL, NUMBER], ids=["jwt", "mixed", "hexadecimal", "number"])
@pytest.mark.parametrize("kind", BY_KIND)
def test_a_forgery_is_another_token_or_is_not_made(kind, token):
    if reason := inapplicable(kind, token):
        with pytest.raises(Untested, match="working token"):
            forge(kind, token)
        assert "working token" in reason
        return
    scheme, _, forged = forge(kind, token).partition(" ")
    assert forged != token or scheme != "Bearer"
    assert split(forged) != split(token) or split(token) is None


def test_no_forgery_of_a_jwt_is_left_out():
    assert [kind for kind in BY_KIND if inapplicable(kind, JWT)] == []
    assert len(BY_KIND) == len(FORGERIES)


@pytest.mark.parametrize(("token", "made"), [(MIXED, True), (HEXADECIMAL, False), (HEXADECIMAL.upper(), False), (NUMBER, False)])
def test_an_opaque_token_of_letters_of_one_case_is_not_written_in_the_other(token, made):
    callers = Callers({"authorized": FixedToken(token)}, lambda: 0.0)
    assert {not callers.inapplicable(f"forged:{kind}") for kind in ("letter-case", "lower-case")} == {made}


def test_one_letter_of_the_signature_alone_is_in_the_other_case():
    forged = forge("letter-case", JWT).removeprefix("Bearer ")
    differing = [place for place, (one, other) in enumerate(zip(JWT, forged, strict=True)) if one != other]
    assert len(differing) == 1
    assert JWT.rfind(".") < differing[0] < len(JWT) - 1
    assert forged.lower() == JWT.lower()
    signatures = [base64.urlsafe_b64decode(one.rpartition(".")[2] + "==") for one in (JWT, forged)]
    assert signatures[0] != signatures[1]


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        ("header-null", None),
        ("header-text", "HS256"),
        ("header-array", []),
        ("header-empty", {}),
        ("alg-number", 7),
        ("alg-array", ["HS256"]),
        ("alg-other-case", "hs256"),
    ],
)
def test_the_header_of_a_forged_token_is_what_it_is_called_after(kind, header):
    forged = forge(kind, JWT).removeprefix("Bearer ")
    encoded, payload, signature = forged.split(".")
    found = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    assert (found["alg"] if kind.startswith("alg") else found) == header
    assert [payload, signature] == JWT.split(".")[1:]


@pytest.mark.parametrize("kind", ["header-no-base64", "header-cut"])
def test_a_header_that_cannot_be_read_cannot_be_read(kind):
    assert split(forge(kind, JWT).removeprefix("Bearer ")) is None


@pytest.mark.parametrize(("kind", "data"), [("beyond-ascii", "Bearer schlüssel.鍵.clé".encode()), ("beyond-utf8", b"Bearer schl\xfcssel")])
def test_bytes_beyond_ascii_are_sent_as_they_are_and_printed_so_for_curl(kind, data):
    value = forge(kind, JWT)
    assert b"\r\nAuthorization: %b\r\n" % data in serialise(Request("POST", "/", (("Authorization", value),), b""))
    printed = CliRunner().invoke(main, ["forge", kind], env={"CLOSECHECK_TOKEN": JWT})
    assert printed.stdout_bytes == data.removeprefix(b"Bearer ") + b"\n"
    assert _authorization("Authorization", "Bearer ***", f"forged:{kind}") == f'-H "Authorization: Bearer $(closecheck forge {kind})"'


def test_a_forgery_that_cannot_be_made_or_that_nobody_knows_is_said_to_be_so():
    for kind, reason in (("alg-none", "opaque"), ("nonsense", "there is no forgery called nonsense")):
        told = CliRunner().invoke(main, ["forge", kind], env={"CLOSECHECK_TOKEN": MIXED})
        assert told.exit_code != 0
        assert reason in str(told.exception) + told.output


def written(*parts):
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


ODD_TOKENS = {
    "not signed": written(b'{"alg":"none"}', b"{}", b""),
    "no signature": written(b'{"alg":"HS256"}', b"{}", b""),
    "a signature of a byte": written(b'{"alg":"HS256"}', b"{}", b"a"),
    "claims that are a list": written(b'{"alg":"HS256"}', b"[1]", b"abcdefghijk"),
    "claims that are no JSON": written(b'{"alg":"HS256"}', b"xx", b"abcdefghijk"),
    "an algorithm that is a number": written(b'{"alg":7}', b"{}", b"abc"),
    "a deep header": written(b'{"alg":' + b"[" * 5000 + b"]" * 5000 + b"}", b"{}", b"abc"),
    "an endless expiry": written(b'{"alg":"HS256"}', b'{"exp":1%b}' % (b"0" * 400), b"abc"),
    "one letter": "x",
    "dots": "...",
}


@pytest.mark.parametrize("kind", BY_KIND)
@pytest.mark.parametrize("token", ODD_TOKENS.values(), ids=ODD_TOKENS)
def test_odd_working_tokens_are_forged_or_said_to_be_of_no_use(kind, token):
    try:
        forged = forge(kind, token).partition(" ")[2]
    except Untested as untested:
        assert "working token" in untested.reason
    else:
        assert forged != token


@pytest.mark.parametrize("token", ODD_TOKENS.values(), ids=ODD_TOKENS)
def test_odd_working_tokens_can_be_described(token):
    assert describe(token, 0.0).expires is None


def test_the_scheme_alone_is_no_secret_and_shown_as_it_was_sent():
    ((_, shown),) = Redactor([JWT]).headers((("Authorization", forge("empty", JWT)),))
    assert _authorization("Authorization", shown, "forged:empty") == "-H 'Authorization: Bearer'"
