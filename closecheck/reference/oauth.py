"""
POST /oauth/token: client credentials for a token.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from closecheck.reference.api import Api

if TYPE_CHECKING:
    from starlette.responses import Response

    from closecheck.reference.app import Handler
    from closecheck.reference.operation import Call


class OAuth(Api):
    """
    The only API that demands no token.
    """

    def routes(self) -> dict[str, dict[str, Handler]]:
        """
        See `Api`.
        """
        return {
            "/oauth/token": {"POST": lambda call: self.oauth_token(call)},
        }

    async def oauth_token(self, call: Call) -> Response:
        """
        Client credentials for a token; the parameters in a form or in the query, or Basic (RFC 6749, 2.3).
        """
        sent = dict(call.query)
        sent.update(parse_qsl(call.body.decode("utf-8", "replace")))
        identifier, secret = self._basic(call) or (sent.get("client_id", ""), sent.get("client_secret", ""))
        if sent.get("grant_type") != "client_credentials":
            return self._oauth_error(400, "unsupported_grant_type")
        config = self.reference.config
        for client in (config.administrator, config.user):
            if identifier == client.client_id and hmac.compare_digest(secret.encode(), client.client_secret.encode()):
                break
        else:
            return self._oauth_error(401, "invalid_client")
        document = {
            "access_token": self.reference.tokens.issue(client, config.oauth_seconds),
            "token_type": "bearer",
            "expires_in": int(config.oauth_seconds),
            "scope": "sp:scopes:default",
            "tenant_id": "9f1c5a0e-reference",
            "pod": "reference",
            "org": "reference",
            "strong_auth": True,
            "jti": secrets.token_hex(16),
        }
        return self.reference.errors.render(200, document, {"Cache-Control": "no-store"})

    def _basic(self, call: Call) -> tuple[str, str] | None:
        scheme, _, credentials = (call.authorization or [""])[0].partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            identifier, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return identifier, secret

    def _oauth_error(self, status: int, error: str) -> Response:
        headers = {"WWW-Authenticate": 'Basic realm="identity"'} if status == 401 else {}
        return self.reference.errors.render(status, {"error": error, "error_description": error.replace("_", " ")}, headers)
