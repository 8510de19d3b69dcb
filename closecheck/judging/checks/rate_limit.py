"""The 429: its body and how long it asks to wait (CAR-RATE-RETRY-AFTER, -BODY, -COMPLETE)."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import re
from collections.abc import Iterator
from typing import Final

from closecheck.judging.checks._ruling import Ruling, rule
from closecheck.judging.exchange import Exchange
from closecheck.model import Response

_SECONDS: Final = re.compile(r"[0-9]+")
_HTTP_DATE: Final = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT"
    r"|(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d{2}-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{2} \d{2}:\d{2}:\d{2} GMT"
    r"|(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d{2}:\d{2}:\d{2} \d{4}"
)
"""The three forms of RFC 9110, 5.6.7; a recipient takes all of them."""


def retry_after(value: str | None, answered: datetime.datetime) -> float | None:
    """
    Return the seconds to wait that a Retry-After field asks for, or None if it has neither lawful form.

    ``answered`` is the clock an HTTP-date is measured from: the answer's Date where it has one (RFC 9110, 10.2.3).
    """
    if value is None:
        return None
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    if _HTTP_DATE.fullmatch(value):
        try:
            date = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=datetime.UTC)
        return max((date - answered).total_seconds(), 0.0)
    return None


def wait_asked(response: Response) -> float | None:
    """Return the seconds that a 429 asks to wait, or None if it does not say so lawfully."""
    answered = datetime.datetime.now(datetime.UTC)
    dated = response.header("date")
    if dated and _HTTP_DATE.fullmatch(dated.strip()):
        with contextlib.suppress(ValueError):
            answered = email.utils.parsedate_to_datetime(dated).replace(tzinfo=datetime.UTC)
    return retry_after(response.header("retry-after"), answered)


def check(exchange: Exchange) -> Iterator[Ruling]:
    """Judge a 429."""
    response = exchange.response
    if response is None:
        return
    value = response.header("retry-after")
    yield rule(
        "CAR-RATE-RETRY-AFTER",
        wait_asked(response) is not None,
        "Retry-After with whole seconds or an HTTP-date",
        f"Retry-After: {value}" if value is not None else "no Retry-After",
    )
    if not exchange.judges_bodies:
        return
    document = exchange.document if exchange.is_json else None
    message = document.get("message") if isinstance(document, dict) else None
    is_object = isinstance(document, dict)
    shaped = isinstance(document, dict) and ("message" not in document or isinstance(message, str))
    yield rule("CAR-RATE-BODY", shaped, "a JSON object whose message, where present, is text", exchange.got())
    if is_object and (message is None or isinstance(message, str)):
        yield rule("CAR-RATE-COMPLETE", bool(message), "a message that is present and not empty", exchange.got())
