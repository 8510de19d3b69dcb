"""The 401: its body and its challenge (CAR-AUTH-401-*, CAR-AUTH-CHALLENGE)."""

from __future__ import annotations

from collections.abc import Iterator

from closecheck.judging.checks._ruling import Ruling, rule
from closecheck.judging.exchange import Exchange


def check(exchange: Exchange) -> Iterator[Ruling]:
    """Judge a 401."""
    if exchange.status != 401 or exchange.response is None:
        return
    document = exchange.document if exchange.is_json else None
    got = exchange.got()
    is_object = isinstance(document, dict)
    error = document.get("error") if isinstance(document, dict) else None
    shaped = isinstance(document, dict) and ("error" not in document or isinstance(error, str))
    yield rule("CAR-AUTH-401-BODY", shaped, "a JSON object whose error, where present, is text", got)
    if is_object and (error is None or isinstance(error, str)):
        yield rule("CAR-AUTH-401-COMPLETE", bool(error), "an error that is present and not empty", got)
    yield rule(
        "CAR-AUTH-CHALLENGE",
        bool(exchange.response.header("www-authenticate")),
        "a WWW-Authenticate field that says how to authenticate",
        "a 401 without WWW-Authenticate",
    )
