"""The 202: a JSON object, whatever its members (CAR-ACCEPTED-BODY)."""

from __future__ import annotations

from collections.abc import Iterator

from closecheck.judging.checks._ruling import Ruling, rule
from closecheck.judging.exchange import Exchange


def check(exchange: Exchange) -> Iterator[Ruling]:
    """Judge the body of a 202."""
    if exchange.status == 202:
        yield rule(
            "CAR-ACCEPTED-BODY",
            exchange.is_json and isinstance(exchange.document, dict),
            "a JSON object",
            exchange.got(),
        )
