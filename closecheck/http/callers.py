"""
Who calls: the working token, the other credentials of the target file, and tokens forged from the working one.

Tokens are forged on decoded bytes, and every forgery is asserted to differ after decoding: the last characters of a base64url
text have twins that decode alike (docs/evidence.md, 6).
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Final

import jwt

from closecheck.http.tokens import TokenSource
from closecheck.model import Struct
from closecheck.model.errors import Untested, UsageError

Parts = tuple[bytes, bytes, bytes]
"""Header, payload and signature of a JWT, decoded."""

_KEY: Final = secrets.token_bytes(32)
"""A key that no target has."""


class Forgery(Struct):
    """
    One way to make a token that does not verify.

    ``malformed`` says that the result is no well-formed token at all, so that 400 is also allowed (CAR-AUTH-INVALID);
    ``provokes`` what of the HTTP layer it provokes (:class:`~closecheck.contract.cases.Draft`); ``since`` is its edition, if not the first.
    """

    kind: str
    what: str
    malformed: bool = False
    needs_jwt: bool = True
    provokes: str = ""
    since: str = ""


FORGERIES: Final = (
    Forgery("garbage", "a text that is no token", malformed=True, needs_jwt=False),
    Forgery("empty", "nothing after the scheme", malformed=True, needs_jwt=False),
    Forgery("basic", "the scheme Basic with a user and a password", malformed=True, needs_jwt=False),
    Forgery("altered", "the working token with one character changed in the middle", needs_jwt=False),
    Forgery("extended", "the working token with characters added", malformed=True, needs_jwt=False),
    Forgery("shortened", "the first half of the working token", malformed=True, needs_jwt=False),
    Forgery("tampered-payload", "the working token's claims changed, its signature kept"),
    Forgery("tampered-header", "the working token's header with a member added, its signature kept"),
    Forgery("signature-first-byte", "a signature that differs from the true one in its first byte only"),
    Forgery("signature-last-byte", "a signature that differs from the true one in its last byte only"),
    Forgery("signature-middle", "a signature that agrees with the true one in its first and last bytes"),
    Forgery("signature-reversed", "the true signature's bytes in reverse order"),
    Forgery("signature-random", "a signature of the right length that is random"),
    Forgery("signature-cut", "the first half of the true signature"),
    Forgery("signature-empty", "no signature"),
    Forgery("alg-none", "alg none and no signature"),
    Forgery("alg-None", "alg None and no signature"),
    Forgery("alg-none-signed", "alg none beside the true signature"),
    Forgery("wrong-key", "the same claims signed with another key"),
    Forgery("empty-key", "the same claims signed with an empty key"),
    Forgery("claims-no-json", "claims that are no JSON", malformed=True),
    Forgery("claims-array", "claims that are a JSON array", malformed=True),
    Forgery("letter-case", "the working token with one letter of its signature in the other case", needs_jwt=False, since="2026.2"),
    Forgery("lower-case", "the whole working token in lower case", malformed=True, needs_jwt=False, since="2026.2"),
    Forgery("header-null", "a token whose header is the JSON value null", malformed=True, since="2026.2"),
    Forgery("header-text", "a token whose header is a JSON string", malformed=True, since="2026.2"),
    Forgery("header-array", "a token whose header is an empty JSON array", malformed=True, since="2026.2"),
    Forgery("header-empty", "a token whose header is an empty JSON object, without alg", malformed=True, since="2026.2"),
    Forgery("header-no-base64", "a token whose header is not base64", malformed=True, since="2026.2"),
    Forgery("header-cut", "a token whose header is cut in the middle", malformed=True, since="2026.2"),
    Forgery("alg-number", "a token whose alg is a number", malformed=True, since="2026.2"),
    Forgery("alg-array", "a token whose alg is an array", malformed=True, since="2026.2"),
    Forgery("alg-other-case", "a token whose alg is written in the other case", since="2026.2"),
    Forgery("semicolon-after", "the working token with a semicolon and a letter after it", malformed=True, needs_jwt=False, since="2026.2"),
    Forgery("comma-after", "the working token with a comma and a letter after it", malformed=True, needs_jwt=False, since="2026.2"),
    Forgery("second-after", "the working token with a semicolon and other credentials after it", malformed=True, needs_jwt=False, since="2026.2"),
    Forgery(
        "beyond-ascii", "a text of three parts with letters beyond ASCII, in UTF-8",
        malformed=True, needs_jwt=False, provokes="field", since="2026.2",
    ),
    Forgery(
        "beyond-utf8", "a text with a byte beyond ASCII that is not UTF-8",
        malformed=True, needs_jwt=False, provokes="field", since="2026.2",
    ),
)  # fmt: skip

BY_KIND: Final = {one.kind: one for one in FORGERIES}


_FOREIGN: Final = {"beyond-ascii": "schlüssel.鍵.clé".encode(), "beyond-utf8": b"schl\xfcssel"}
"""The bytes of the tokens beyond ASCII."""
_AFTER: Final = {"semicolon-after": ";x", "comma-after": ",x", "second-after": ";Bearer not-a-token"}
"""What comes after a working token in characters that none can have (RFC 6750, 2.1): with it, it is no token."""
_LITERAL: Final = frozenset({"garbage", "empty", "basic", *_FOREIGN})
"""Forgeries in which nothing of the working token is left: no secret."""


_TELLING: Final = 32
"""Characters of a token from which a part of it would tell something; parts of a shorter one are words like any other."""


def split(token: str) -> Parts | None:
    """Return the decoded parts of a signed JWT (RFC 7515, 7.1), or None if the token is none."""
    try:
        header, payload, signature = token.split(".")
        parts = _decoded(header), _decoded(payload), _decoded(signature)
        described = json.loads(parts[0])
    except (ValueError, binascii.Error, RecursionError):
        return None
    return parts if isinstance(described, dict) and "alg" in described else None


def forge(kind: str, token: str) -> str:
    """
    Return the value of an Authorization field that must not be accepted, made from a working token.

    Each of its characters is a byte of the field (ISO 8859-1), as on the wire.

    Raises:
        Untested: this forgery cannot be made from that token, see :func:`inapplicable`.
        ValueError: there is no such forgery.

    """
    if kind not in BY_KIND:
        raise ValueError(f"there is no forgery called {kind}: {', '.join(BY_KIND)}")
    if reason := inapplicable(kind, token):
        raise Untested(reason)
    match kind:
        case "garbage":
            return "Bearer not-a-token"
        case "empty":
            return "Bearer"
        case "basic":
            return "Basic " + base64.b64encode(b"closecheck:no-such-password").decode()
        case "altered":
            return f"Bearer {_altered(token)}"
        case "extended":
            return f"Bearer {token}.AAAA"
        case "semicolon-after" | "comma-after" | "second-after":
            return f"Bearer {token}{_AFTER[kind]}"
        case "shortened":
            return f"Bearer {token[: len(token) // 2]}"
        case "beyond-ascii" | "beyond-utf8":
            return f"Bearer {_FOREIGN[kind].decode('latin-1')}"
    parts = split(token)
    forged = _recased(kind, token) if kind in _CASES else _forged(kind, parts) if parts else ""
    if forged == token:
        raise Untested(f"the forgery {kind} would be the working token itself")
    if parts is None:
        return f"Bearer {forged}"
    if split(forged) == parts:
        raise Untested(f"the forgery {kind} would decode to the working token")
    return f"Bearer {forged}"


_CASES: Final = frozenset({"letter-case", "lower-case"})
"""Forgeries in which letters are in the other case."""


_OF_SIGNATURE: Final = frozenset(
    {
        "signature-first-byte",
        "signature-last-byte",
        "signature-middle",
        "signature-reversed",
        "signature-cut",
        "signature-empty",
        "alg-none-signed",
    }
)
"""Forgeries that change the true signature, or keep it beside another header."""


def _is_object(payload: bytes) -> bool:
    try:
        return isinstance(json.loads(payload), dict)
    except (ValueError, RecursionError):
        return False


def inapplicable(kind: str, token: str) -> str:
    """Return why a forgery cannot be made from a token; empty if it can."""
    opaque = split(token) is None
    if BY_KIND[kind].needs_jwt and opaque:
        return "the working token is opaque, no JWT: forgeries are limited to those that need none"
    if kind in _CASES and opaque and (token == token.lower() or token == token.upper()):
        # Such as hexadecimal digits or base32: what differs in case only may well say the same.
        return "the working token is opaque, and its letters are all of one case: it may be read without regard to case"
    if kind == "altered" and not token.strip("._-"):
        return "the working token has no letter that could be changed"
    parts = split(token)
    if parts is not None and kind in _OF_SIGNATURE and not parts[2]:
        return "the working token is not signed: no signature could be changed"
    if parts is not None and kind == "tampered-payload" and not _is_object(parts[1]):
        return "the claims of the working token are no JSON object: none could be added"
    if kind == "letter-case" and not _letters_of_signature(token):
        return "the signature of the working token has no letter whose case could be changed"
    return ""


def _letters_of_signature(token: str) -> list[int]:
    """Return the places of the letters in a signature, or in all of an opaque token, but for its last character: that has twins."""
    token = token.rstrip("=")
    first = token.rfind(".") + 1 if split(token) else 0
    return [place for place in range(first, len(token) - 1) if token[place].isalpha()]


def _recased(kind: str, token: str) -> str:
    if kind == "lower-case":
        return token.lower()
    places = _letters_of_signature(token)
    place = places[len(places) // 2]
    return token[:place] + token[place].swapcase() + token[place + 1 :]


def _altered(token: str) -> str:
    telling = [at for at, one in enumerate(token) if one not in "._-"]
    middle = next((at for at in telling if at >= len(token) // 2), telling[-1])
    # Not the last character of a part: its lowest bits may mean nothing.
    changed = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    if changed == token:
        raise AssertionError("the altered token is the working one")
    return changed


_HEADERS: Final = {"header-null": b"null", "header-text": b'"HS256"', "header-array": b"[]", "header-empty": b"{}"}
"""Headers of tokens that are not an object with an ``alg``."""


def _forged(kind: str, parts: Parts) -> str:
    header, payload, signature = parts
    described = json.loads(header)
    match kind:
        case "tampered-payload":
            return _joined(header, _tampered(payload), signature)
        case "tampered-header":
            return _joined(json.dumps({**described, "x": 1}).encode(), payload, signature)
        case "signature-first-byte":
            return _joined(header, payload, bytes([signature[0] ^ 1]) + signature[1:])
        case "signature-last-byte":
            return _joined(header, payload, signature[:-1] + bytes([signature[-1] ^ 1]))
        case "signature-middle":
            half = len(signature) // 2
            return _joined(header, payload, signature[:half] + bytes([signature[half] ^ 0x55]) + signature[half + 1 :])
        case "signature-reversed":
            reverse = signature[::-1]
            return _joined(header, payload, reverse if reverse != signature else bytes([signature[0] ^ 1]) + signature[1:])
        case "signature-random":
            return _joined(header, payload, secrets.token_bytes(max(len(signature), 1)))
        case "signature-cut":
            return _joined(header, payload, signature[: len(signature) // 2])
        case "signature-empty":
            return _joined(header, payload, b"")
        case "alg-none":
            return _joined(json.dumps({**described, "alg": "none"}).encode(), payload, b"")
        case "alg-None":
            return _joined(json.dumps({**described, "alg": "None"}).encode(), payload, b"")
        case "alg-none-signed":
            return _joined(json.dumps({**described, "alg": "none"}).encode(), payload, signature)
        case "wrong-key":
            return jwt.PyJWS().encode(payload, _KEY, algorithm="HS256", headers={"typ": "JWT"})
        case "empty-key":
            algorithm = jwt.get_algorithm_by_name("HS256")
            signing = _joined(b'{"alg":"HS256","typ":"JWT"}', payload, b"").rsplit(".", 1)[0]
            return f"{signing}.{_encoded(algorithm.sign(signing.encode(), b''))}"
        case "claims-no-json":
            return jwt.PyJWS().encode(b"sub=admin", _KEY, algorithm="HS256")
        case "header-null" | "header-text" | "header-array" | "header-empty":
            return _joined(_HEADERS[kind], payload, signature)
        case "header-no-base64":
            return f"!!!!.{_encoded(payload)}.{_encoded(signature)}"
        case "header-cut":
            return _joined(header[: len(header) // 2], payload, signature)
        case "alg-number":
            return _joined(json.dumps({**described, "alg": 7}).encode(), payload, signature)
        case "alg-array":
            return _joined(json.dumps({**described, "alg": [described["alg"]]}).encode(), payload, signature)
        case "alg-other-case":
            return _joined(json.dumps({**described, "alg": str(described["alg"]).swapcase()}).encode(), payload, signature)
        case "claims-array":
            return jwt.PyJWS().encode(b'["admin"]', _KEY, algorithm="HS256")
        case _:
            raise AssertionError(kind)


def _tampered(payload: bytes) -> bytes:
    try:
        claims = json.loads(payload)
    except ValueError:
        return payload + b" "
    claims["jti"] = "tampered"
    return json.dumps(claims).encode()


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def _joined(*parts: bytes) -> str:
    return ".".join(_encoded(part) for part in parts)


class Callers:
    """The credentials of one run; every token that leaves here is known to the redactor."""

    def __init__(self, sources: Mapping[str, TokenSource], now: Callable[[], float], learn: Callable[[str], None] = lambda _: None) -> None:
        self._sources = dict(sources)
        self._now = now
        self._learn = learn
        self._forged: dict[tuple[str, str], str] = {}

    def authorization(self, caller: str) -> str | None:
        """
        Return the Authorization field's value for a caller, or None for no field.

        Raises:
            Untested: the credential is not supplied, or cannot be forged.

        """
        if caller == "none":
            return None
        what, _, kind = caller.partition(":")
        if what == "scheme":
            return f"{kind} {self._token('authorized')}"
        if what != "forged":
            return f"Bearer {self._token(caller)}"
        token = self._token("authorized")
        value = self._forged.get((kind, token))
        if value is None:
            value = self._forged[kind, token] = forge(kind, token)
            if kind not in _LITERAL and (kind != "shortened" or len(token) >= _TELLING):
                self._learn(value.partition(" ")[2])
        return value

    def inapplicable(self, caller: str) -> str:
        """Return why a caller cannot be made from this working token, whatever is supplied; empty if it can."""
        what, _, kind = caller.partition(":")
        return inapplicable(kind, self._token("authorized")) if what == "forged" else ""

    def _token(self, caller: str) -> str:
        source = self._sources.get(caller)
        if source is None and caller == "authorized":
            raise Untested("no working token was supplied", "set CLOSECHECK_TOKEN, or write credentials.authorized in the target file")
        if source is None:
            raise Untested(f"no token of the caller {caller!r} was supplied", f"credentials.{caller}: {{token: …}}")
        try:
            return source.token()
        except UsageError as error:  # a token endpoint that fails is neither the target's fault nor the suite's
            raise Untested(str(error), f"credentials.{caller}") from None

    def refresh(self) -> bool:
        """
        Fetch the working token anew; False if it is fixed.

        Raises:
            Untested: the token endpoint gives none.

        """
        source = self._sources["authorized"]
        if source.renewable:
            try:
                source.refresh()
            except UsageError as error:
                raise Untested(str(error), "credentials.authorized") from None
        return source.renewable

    def limited(self) -> bool:
        """Whether there is no working token because the token endpoint answers 429 to the end."""
        source = self._sources.get("authorized")
        return source is not None and source.limited

    def expired(self) -> bool:
        """Whether the working token is fixed and past its own ``exp`` claim (RFC 7519, 4.1.4)."""
        source = self._sources["authorized"]
        if source.renewable:
            return False
        parts = split(source.token())
        if parts is None:
            return False
        try:
            expires = json.loads(parts[1]).get("exp")
        except (ValueError, AttributeError, RecursionError):
            return False
        return isinstance(expires, (int, float)) and expires <= self._now()
