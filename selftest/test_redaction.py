"""No secret survives redaction, in whatever disguise a server gives it back; everything else does."""

from __future__ import annotations

import base64
import json
import re
import timeit
from urllib.parse import quote

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closecheck.contract.cases import Draft
from closecheck.http.callers import FORGERIES, Callers, inapplicable
from closecheck.http.redaction import PIECE, STUMP, Redactor
from closecheck.http.tokens import FixedToken
from closecheck.judging.exchange import Exchange
from closecheck.model import Request, Response, Timing
from closecheck.session.record import MOST_RECORDED, recorded

quick = settings(max_examples=60, deadline=None, database=None, derandomize=True)

TOKEN = jwt.encode({"sub": "me", "authorities": ["ORG_ADMIN"], "exp": 1900000000}, "k" * 32)
PAYLOAD, SIGNATURE = TOKEN.split(".")[1:]
opaque = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=40)
beyond_ascii = st.characters(min_codepoint=0xA1, max_codepoint=0x1F9FF, exclude_categories=["Cs", "Z", "Cf"])
wide = st.text(beyond_ascii, min_size=6, max_size=12)
secrets = st.one_of(st.sampled_from([TOKEN, PAYLOAD, SIGNATURE]), opaque, wide)
breaks = st.sampled_from(["\n", "\r\n", " ", "\t", "\\n", "\\r\\n", "\\u000a", "\\u000D\\u000A", "\u00a0", "\u2028", "%0A"])


def stays(text: str, secret: str) -> str:
    """Return what is left of a text that surrounds a secret, and check that it is all there."""
    redacted = Redactor([secret]).text(f"before «{text}» after")
    found = re.fullmatch("before «(.*)» after", redacted, re.DOTALL)
    assert found, redacted
    return found[1]


@quick
@given(secrets)
def test_plain(secret: str) -> None:
    assert stays(secret, secret) == "***"


def escaped_like(between: str, character: str) -> str:
    """Return a character as a writer puts it down who escapes line breaks in that way."""
    if between.startswith("\\"):
        return json.dumps(character, ensure_ascii=False)[1:-1]
    return quote(character, safe="") if between.startswith("%") else character


@quick
@given(secrets, breaks, st.data())
def test_broken_between_any_characters(secret: str, between: str, data: st.DataObject) -> None:
    where = data.draw(st.sets(st.integers(1, len(secret) - 1), min_size=1))
    text = "".join(between * (index in where) + escaped_like(between, one) for index, one in enumerate(secret))

    assert stays(text, secret) == "***"


@quick
@given(secrets, st.booleans())
def test_escaped_for_json(secret: str, ascii_only: bool) -> None:
    once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]

    assert stays(once, secret) == "***"
    assert stays(json.dumps(once, ensure_ascii=ascii_only)[1:-1], secret) == "***"


@quick
@given(secrets)
def test_every_character_escaped(secret: str) -> None:
    units = secret.encode("utf-16-be").hex()

    assert stays("".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)), secret) == "***"
    assert stays("".join(f"%{byte:02x}" for byte in secret.encode()), secret) == "***"


@quick
@given(secrets)
def test_percent_encoded_in_either_case(secret: str) -> None:
    encoded = quote(secret, safe="")
    lower = re.sub("%..", lambda found: found[0].lower(), encoded)

    assert stays(encoded, secret) == "***"
    assert stays(lower, secret) == "***"
    assert stays(json.dumps(encoded + "~\n~" + lower)[1:-1], secret) == "***~\\n~***"
    assert stays(quote(encoded, safe=""), secret) == "***"


@quick
@given(secrets)
def test_hexadecimal(secret: str) -> None:
    assert stays(secret.encode().hex(), secret) == "***"
    assert stays(secret.encode().hex().upper(), secret) == "***"


@quick
@given(secrets, st.binary(max_size=7), st.binary(max_size=7), st.booleans(), st.sampled_from([0, 4, 19, 76]))
def test_inside_base64(secret: str, before: bytes, after: bytes, url_safe: bool, width: int) -> None:
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
    encoded = encode(before + secret.encode() + after).decode()
    text = "\r\n".join(encoded[at : at + width] for at in range(0, len(encoded), width)) if width else encoded
    left = stays(text, secret)

    assert "***" in left
    # What is left of the secret are the bits that share a character with its neighbours: at most a byte at each end.
    remains = left.replace("\r\n", "").split("***")
    most = len(encode(before)) + len(encode(after)) + 2 * 2
    assert sum(map(len, remains)) <= most


def test_basic_credentials() -> None:
    encoded = base64.b64encode(b"client:s3cret-of-mine").decode()

    assert "***" in Redactor(["s3cret-of-mine"]).text(f"Basic {encoded}")


@pytest.mark.parametrize("part", [PAYLOAD, SIGNATURE])
def test_parts_of_a_jwt_on_their_own(part: str) -> None:
    redactor = Redactor([TOKEN])

    assert redactor.text(f"x {part} y") == "x *** y"
    assert redactor.text(f"a.{part}.c") == "a.***.c"
    assert redactor.text(part.encode().hex()) == "***"
    assert redactor.text("\n".join(part)) == "***"


def test_the_header_of_a_jwt_is_no_secret() -> None:
    header = TOKEN.split(".", maxsplit=1)[0]

    assert Redactor([TOKEN]).text(f"x {header} y") == f"x {header} y"


@pytest.mark.parametrize("secret", ["a", "ab", "pass1"])
def test_a_short_secret_is_replaced_where_it_is_plain(secret: str) -> None:
    assert Redactor([secret]).text(f"<{secret}> <{secret}>").count("***") >= 2


def test_an_empty_secret_is_passed_over() -> None:
    assert Redactor([""]).text("abc") == "abc"


@quick
@given(st.lists(secrets, min_size=1, max_size=4), st.binary(max_size=200))
def test_what_holds_no_secret_stays_the_same_object(known: list[str], data: bytes) -> None:
    redactor = Redactor(known)
    redacted = redactor.data(data)

    assert redacted is data or b"***" in redacted
    assert redactor.data(redacted) == redacted


@quick
@given(st.lists(secrets, min_size=1, max_size=3), st.text(max_size=30))
def test_a_redacted_json_line_is_still_json(known: list[str], text: str) -> None:
    line = json.dumps({"text": json.dumps([*known, text]), "more": "\n".join(known), "url": quote("".join(known))})
    redacted = Redactor(known).text(line)

    for secret in known:
        assert secret not in json.dumps(json.loads(redacted), ensure_ascii=False)


@quick
@given(st.text(st.characters(), max_size=50))
def test_any_text_passes_even_lone_surrogates(text: str) -> None:
    assert Redactor([TOKEN]).text(text) == text


def test_overlapping_secrets_leave_nothing() -> None:
    assert Redactor(["abcdefgh", "efghijkl"]).text("<abcdefghijkl>") == "<***>"


@pytest.mark.parametrize("length", range(6, 72))
def test_a_secret_of_any_length_is_found_wherever_it_stands(length: int) -> None:
    secret = "s3cReT0keN" * 8
    redactor = Redactor([secret[:length]])

    assert {redactor.text(f"{'x' * before}{secret[:length]}{'y' * 64}") for before in range(64)} == {
        f"{'x' * before}***{'y' * 64}" for before in range(64)
    }


def test_a_secret_can_be_added_later() -> None:
    redactor = Redactor()
    redactor.add("found-later")

    assert redactor.text("<found-later>") == "<***>"


def test_header_fields_that_hold_secrets_are_replaced_whole() -> None:
    redactor = Redactor([TOKEN], fields=["X-Api-Key"])

    assert redactor.headers(
        (
            ("authorization", "Basic zzz"), ("Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Proxy-Authorization", "c"),
            ("x-api-key", "d"), ("WWW-Authenticate", 'Bearer realm="x"'), ("X-Echo", f"was {TOKEN}"),
        )
    ) == (
        ("authorization", "Basic ***"), ("Cookie", "***"), ("Set-Cookie", "***"), ("Proxy-Authorization", "***"),
        ("x-api-key", "***"), ("WWW-Authenticate", 'Bearer realm="x"'), ("X-Echo", "was ***"),
    )  # fmt: skip


def test_a_body_without_a_secret_costs_little() -> None:
    redactor = Redactor([TOKEN, TOKEN[::-1], "client-secret-0123456789"])
    body = json.dumps({"accessRequestIds": ["2c90ad2a70ace7d50170acf22ca90010"] * 4, "message": "hello"}).encode()
    seconds = min(timeit.repeat(lambda: redactor.data(body), number=500, repeat=7)) / 500

    assert seconds < 50e-6  # 2.5 us on a quiet machine; ten and more times that is a mistake, not noise


# ---------------------------------------------------------------------------------------------- cut before it came here

OPAQUE = "Zq8-vN2xK7_tR4wB9mLc5yHd3sGf6pJ1"


@pytest.mark.parametrize("secret", [TOKEN, OPAQUE], ids=["JWT", "opaque"])
def test_a_piece_of_sixteen_characters_is_found_wherever_it_stands(secret: str) -> None:
    redactor = Redactor([secret])
    first = secret.find(".") + 1

    for length in (PIECE, PIECE + 1, 60):
        for at in range(first, len(secret) - length + 1):
            # A dot at an end may be the text's own.
            assert redactor.text(f'{{"was": "{secret[at : at + length]}"}}').replace(".", "") == '{"was": "***"}', (at, length)


@pytest.mark.parametrize("width", range(1, 24))
def test_a_piece_is_found_in_its_disguises(width: int) -> None:
    redactor = Redactor([TOKEN])
    piece = TOKEN[40:100]

    assert redactor.text(f"<{piece.encode().hex()}>") == "<***>"
    assert redactor.text("<" + "\n".join(piece[at : at + width] for at in range(0, len(piece), width)) + ">") == "<***>"
    assert redactor.text("<" + "".join(f"%{byte:02x}" for byte in piece.encode()) + ">") == "<***>"
    encoded = base64.b64encode(b"x" * (width % 3) + piece.encode() + b"y").decode()
    assert len(redactor.text(encoded)) < 12


def test_a_piece_from_the_header_into_the_payload_is_found_as_one() -> None:
    assert Redactor([TOKEN]).text(f"token {TOKEN[:60]} refused") == "token *** refused"


@quick
@given(st.integers(0, 300), st.sampled_from(["", "…", "… (1,234 characters in all)", "…'}"]))
def test_of_a_text_that_was_cut_nothing_is_left(kept: int, mark: str) -> None:
    text = f"no such token: {PAYLOAD}.{SIGNATURE}"[:kept] + mark
    redacted = Redactor([TOKEN]).text(text)
    secret = f"{PAYLOAD}.{SIGNATURE}"

    assert not any(secret[at : at + STUMP] in redacted for at in range(len(secret) - STUMP + 1))
    assert redacted.startswith("no such token: "[:kept])
    assert redacted.endswith(mark)


@pytest.mark.parametrize("secret", [TOKEN, OPAQUE, "%20".join(TOKEN)], ids=["JWT", "opaque", "spaced"])
@pytest.mark.parametrize("shown", [1, 5, 8, 15, 16, 40])
def test_a_secret_that_the_cut_of_a_long_body_divides_is_found(secret: str, shown: int) -> None:
    redactor = Redactor([TOKEN, OPAQUE])
    body = b"." * (MOST_RECORDED - shown) + secret.encode() + b"." * 2 * MOST_RECORDED
    response = Response(200, "", "1.1", (), body)
    line = recorded(Exchange(1, "one", Draft(), Request("GET", "/", (), b""), Timing(0, 0), response), "http://target.example", redactor)

    assert line.response is not None
    assert line.response.body.text == ("." * (MOST_RECORDED - shown) + "***" + "." * shown)[:MOST_RECORDED]
    assert line.response.body.cut
    assert line.response.body.size == len(body) - len(secret) + len("***")


def test_what_follows_an_ellipsis_is_looked_at_too() -> None:
    assert Redactor([TOKEN]).text(f"…{SIGNATURE[-12:]} is wrong") == "…*** is wrong"


def test_words_are_left_alone_wherever_they_stand() -> None:
    text = "the token is refused… see the authorization server (https://t.example/oauth/token)…"

    assert Redactor([TOKEN, OPAQUE]).text(text) == text


@pytest.mark.parametrize(
    "kind", [one.kind for one in FORGERIES if one.kind not in {"garbage", "empty", "basic", "beyond-ascii", "beyond-utf8"}]
)
@pytest.mark.parametrize("working", [TOKEN, "Working-Token-of-the-Tests"], ids=["JWT", "short"])
def test_forged_tokens_are_as_secret_as_the_working_one(kind: str, working: str) -> None:
    if inapplicable(kind, working):
        working = TOKEN
    redactor = Redactor([working])
    callers = Callers({"authorized": FixedToken(working)}, lambda: 0.0, redactor.add)
    forged = (callers.authorization(f"forged:{kind}") or "").partition(" ")[2]
    left = redactor.text(f"refused: {forged} (no such token)")

    assert left.startswith("refused: ")
    assert left.endswith(" (no such token)")
    assert not any(working[at : at + PIECE] in left for at in range(working.find(".") + 1, len(working) - PIECE + 1))
