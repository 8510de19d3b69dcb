"""
A token is believed only after its signature and its expiry have been checked; nothing reads an unverified claim.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import TYPE_CHECKING, Any

import jwt

from closecheck.reference.config import ORG_ADMIN
from closecheck.reference.errors import Forbidden, Unauthenticated
from closecheck.reference.model import Caller

if TYPE_CHECKING:
    from closecheck.reference.config import Client

# PyJWT's base64 decoder skips foreign characters, so that `ab!c` and `abc` would be the same token.
COMPACT_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
MAX_REMEMBERED = 1000
"""How many verified tokens are remembered."""
INVALID_TOKEN = "invalid_token"  # noqa: S105 - RFC 6750's error code


class Tokens:
    """
    Issues and verifies the JWTs of one server: HS256 under a secret that never leaves it.
    """

    def __init__(self) -> None:
        self.secret = secrets.token_bytes(64)
        self.algorithm = "HS256"
        self._verified: dict[str, dict[str, Any]] = {}

    def issue(self, client: Client, seconds: float) -> str:
        """
        A token of ``client`` that expires in ``seconds`` (negative: it has expired).
        """
        return jwt.encode(self.claims(client, seconds), self.secret, algorithm=self.algorithm)

    def claims(self, client: Client, seconds: float) -> dict[str, Any]:
        """
        The claims that the vendor's tokens are seen to carry.
        """
        return {
            "tenant_id": "9f1c5a0e-reference",
            "pod": "reference",
            "org": "reference",
            "identity_id": identity_id(client.user_name),
            "user_name": client.user_name,
            "strong_auth": True,
            "authorities": list(client.authorities),
            "client_id": client.client_id,
            "scope": ["sp:scopes:default"],
            "exp": int(time.time() + seconds),
            "jti": secrets.token_hex(16),
        }

    def verify(self, token: str) -> dict[str, Any]:
        """
        The claims of a token that holds.

        Raises:
            Unauthenticated: it is no JWT, is not signed by us with HS256, has no expiry or has expired.
        """
        claims = self._verified.get(token)
        if claims is None:
            claims = self.decode(token)
            # PyJWT takes 0.2 ms for a token. What it has found good once stays good until it expires.
            if len(self._verified) >= MAX_REMEMBERED:
                self._verified.clear()
            self._verified[token] = claims
        if claims["exp"] <= time.time():
            raise Unauthenticated("JWT validation failed: JWT is expired", INVALID_TOKEN)
        return claims

    def decode(self, token: str) -> dict[str, Any]:
        """
        The claims of a token whose signature, algorithm and expiry PyJWT has checked; raises as `verify` does.
        """
        try:
            return jwt.decode(token, self.secret, algorithms=[self.algorithm], options={"require": ["exp"]})
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("JWT validation failed: JWT is expired", INVALID_TOKEN) from None
        # PyJWT lets other errors through where a header or a claim is of a strange type.
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise Unauthenticated("JWT validation failed: JWT is not valid", INVALID_TOKEN) from None


class Authenticator:
    """
    Who asks, and may they (page: 401 and 403).
    """

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.required_authority = ORG_ADMIN

    def authenticate(self, authorization: list[str]) -> Caller:
        """
        The caller named by the values of the Authorization fields.

        Raises:
            Unauthenticated: there is not exactly one field, or it does not hold.
        """
        return self.caller(self.tokens.verify(self.token(authorization)))

    def token(self, authorization: list[str]) -> str:
        """
        The token in ``Bearer <token>``; the scheme's case does not matter (RFC 9110, 11.1).
        """
        if not authorization:
            raise Unauthenticated("JWT validation failed: no Authorization header")
        if len(authorization) > 1:
            raise Unauthenticated("JWT validation failed: more than one Authorization header", "invalid_request")
        scheme, _, token = authorization[0].strip(" \t").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("JWT validation failed: the scheme is not Bearer")
        token = token.lstrip(" ")
        if COMPACT_JWT.fullmatch(token) is None:
            raise Unauthenticated("JWT validation failed: not a JWT", INVALID_TOKEN)
        return token

    def caller(self, claims: dict[str, Any]) -> Caller:
        """
        The caller that verified claims speak of.
        """
        return Caller(claims["identity_id"], claims["user_name"], frozenset(claims["authorities"]))

    def authorize(self, caller: Caller) -> None:
        """
        Raises:
            Forbidden: the caller lacks the authority that the operation needs.
        """
        if self.required_authority not in caller.authorities:
            raise Forbidden


def identity_id(user_name: str) -> str:
    """
    A stable identity id (32 hexadecimal digits) for a user of this server.
    """
    return user_name.encode().hex().ljust(32, "0")[:32]
