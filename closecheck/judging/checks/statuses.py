"""Operation and statuses: what holds for the answer to whatever is sent (CAR-OP-*)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from closecheck.judging.checks._ruling import Ruling, broken, rule
from closecheck.judging.exchange import Exchange, NotJson

OWN_ANSWERS: Final[dict[str, frozenset[int]]] = {
    "media-type": frozenset({415, 406}),
    "absence": frozenset({411, 415}),
    "method": frozenset({404, 405, 501}),
    "framing": frozenset({411, 413, 414, 431}),
    "size": frozenset({411, 413, 414, 431}),
    "user-agent": frozenset({406}),
}
"""What the HTTP layer may answer to what provokes it, beside the documented statuses (CAR-OP-STATUS)."""
_LARGE: Final = 64 * 1024
"""Bytes of a body beyond which 413 is in order (CAR-IDS-MAX)."""


def check(exchange: Exchange, documented: frozenset[int]) -> Iterator[Ruling]:
    """Judge that there is an answer, its status, and that it is JSON."""
    if exchange.failure is None:
        yield Ruling("CAR-OP-ANSWERS")
    else:
        detail = f"; {exchange.failure.detail}" if exchange.response is not None else ""
        yield broken("CAR-OP-ANSWERS", "one complete, well-framed answer within the time limit", f"{exchange.got()}{detail}")
    if exchange.response is None:
        return
    status = exchange.status
    provoked_fault = exchange.provoked == "internal_error" and status == 500
    method_refused = exchange.provokes == "method" and status == 501
    if status < 500 or provoked_fault or method_refused or status == 505:
        yield Ruling("CAR-OP-NO-500")
    else:
        yield broken("CAR-OP-NO-500", "no 5xx to anything a client sends", exchange.got())
    if exchange.request.method != "POST":
        return
    allowed = documented | OWN_ANSWERS.get(exchange.provokes, frozenset())
    if len(exchange.request.body) > _LARGE:
        allowed |= {413}
    if status in allowed:
        yield Ruling("CAR-OP-STATUS")
    else:
        yield broken("CAR-OP-STATUS", f"one of the documented statuses {', '.join(map(str, sorted(allowed)))}", exchange.got())
    if exchange.judges_bodies and exchange.meaning in documented:
        yield media_type(exchange)
    if exchange.draft.headers.get("Accept-Encoding") == "identity":
        yield rule(
            "CAR-OP-CODING",
            exchange.response.coding.lower() in {"", "identity"},
            "no content coding, as the request asked with Accept-Encoding: identity",
            f"Content-Encoding: {exchange.response.coding}",
        )


def media_type(exchange: Exchange) -> Ruling:
    """Judge that an answer is ``application/json`` and parses as UTF-8 JSON (CAR-OP-MEDIA-TYPE)."""
    response = exchange.response
    named = response.header("content-type") if response else None
    kind = (named or "").split(";", 1)[0].strip().lower()
    if kind != "application/json":
        got = f"Content-Type: {named}" if named is not None else "no Content-Type"
        return rule("CAR-OP-MEDIA-TYPE", False, "Content-Type: application/json", f"{got}, on {exchange.got()}")
    try:
        exchange.document  # noqa: B018 - asked for its error
    except NotJson as error:
        return rule("CAR-OP-MEDIA-TYPE", False, "a body that is UTF-8 JSON", f"{exchange.got()}: {error}")
    return Ruling("CAR-OP-MEDIA-TYPE")
