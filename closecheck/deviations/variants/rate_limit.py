"""A 429 may come when it wants and say it in its own words; its Retry-After must be a number of seconds or a date, and true."""

# mypy: disable-error-code="method-assign"
from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate

from starlette.responses import Response

from closecheck.deviations.deviation import variant
from closecheck.deviations.variants._seams import Handler
from closecheck.reference import Reference
from closecheck.reference.errors import Throttled
from closecheck.reference.limiting import Bucket, Limiter, SlidingWindow
from closecheck.reference.operation import Call

# ------------------------------------------------------------------------------------------------- limits


@variant(slow=True, rate_limit="5/2 seconds")
def five_in_two_seconds(reference: Reference) -> None:
    """Five requests in two seconds are let through for each token."""


@variant(slow=True, rate_limit="100/10 seconds")
def hundred_in_ten_seconds(reference: Reference) -> None:
    """A hundred requests in ten seconds are let through for each token, as the vendor documents it."""


@variant(slow=True, rate_limit="40/1 second")
def long_requests_count_more(reference: Reference) -> None:
    """Forty requests in a second are let through for each token; a long one counts like ten."""
    plain = reference.operation.limit

    async def limit(call: Call) -> Response | None:
        for _ in range(10 if len(call.body) > 10_000 else 1):
            await plain(call)
        return None

    reference.operation.limit = limit


def limit_closing(reference: Reference, limiter: SlidingWindow | Bucket) -> None:
    """Count every request to the operation, whoever makes it."""
    plain = reference.operation.limit

    async def limit(call: Call) -> Response | None:
        if (seconds := limiter.wait()) > 0:
            raise Throttled(max(math.ceil(seconds), 1))
        return await plain(call)

    reference.operation.limit = limit


@variant(slow=True)
def forty_in_any_second(reference: Reference) -> None:
    """In no second are more than forty requests let through: the window slides."""
    limit_closing(reference, SlidingWindow(40, 1))


@variant(slow=True)
def bucket_of_twenty(reference: Reference) -> None:
    """Twenty requests at once are let through, and then thirty in a second, as a token bucket has it."""
    limit_closing(reference, Bucket(30, 20))


@variant(slow=True, incomplete="after a wait of 300 seconds is asked for nothing more is sent")
def escalating_penalty(reference: Reference) -> None:
    """Who goes beyond fifty requests in a second waits 1 s; who does it again 60, 300, 600 and 1,200 s, as the vendor's gateway has it."""
    window, penalties = SlidingWindow(50, 1), [1, 60, 300, 600, 1200]
    until = [-math.inf]
    plain = reference.operation.limit

    async def limit(call: Call) -> Response | None:
        now = time.monotonic()
        if now >= until[0] and window.wait() > 0:
            until[0] = now + penalties[0]
            if len(penalties) > 1:
                del penalties[0]
        if now < until[0]:
            raise Throttled(math.ceil(until[0] - now))
        return await plain(call)

    reference.operation.limit = limit


@variant(incomplete="nothing is sent before ten minutes are over")
def throttled_for_ten_minutes(reference: Reference) -> None:
    """Whoever comes is throttled for ten minutes, and is told so: the limit was used up before the run."""
    until = time.monotonic() + 600

    async def limit(call: Call) -> Response | None:
        del call
        raise Throttled(math.ceil(until - time.monotonic()))

    reference.operation.limit = limit


def limit_everything(reference: Reference, limit: str, client: Callable[[Call], str]) -> None:
    """Count every operation, not only closing."""
    limiter = Limiter(limit)
    plain = reference.answer

    async def answer(handlers: dict[str, Handler], call: Call) -> Response:
        try:
            limiter.admit(client(call))
        except Throttled as error:
            return reference.refusal(error, call.accept_language)
        return await plain(handlers, call)

    reference.answer = answer


@variant(slow=True)
def everybody_shares_a_limit(reference: Reference) -> None:
    """Fifty requests in a second are let through for all callers and all operations together."""
    limit_everything(reference, "50/1 second", lambda _: "everybody")


@variant(slow=True)
def every_operation_is_limited(reference: Reference) -> None:
    """Fifty requests in a second are let through for each token, whatever they ask for."""
    limit_everything(reference, "50/1 second", lambda call: ",".join(call.authorization) or call.peer)


@variant(slow=True)
def one_at_a_time(reference: Reference) -> None:
    """While a request of anybody is being served, which takes 20 ms, every other is answered 429 with Retry-After 1."""
    busy = asyncio.Lock()
    plain = reference.operation.limit

    async def limit(call: Call) -> Response | None:
        if busy.locked():
            raise Throttled(1)
        async with busy:
            await asyncio.sleep(0.02)
            return await plain(call)

    reference.operation.limit = limit


# ------------------------------------------------------------------------------------------------- Retry-After


def retry_after(reference: Reference, value: Callable[[int], str]) -> None:
    """Write Retry-After so; the seconds are whole and never too few."""
    reference.errors.retry_after = lambda error: value(error.retry_after)


def until(seconds: int) -> int:
    """Return the first whole second (Unix time) at which so many have passed."""
    return math.ceil(time.time() + seconds)


@variant()
def retry_after_date(reference: Reference) -> None:
    """Retry-After is a date in the form that is used today: Sun, 06 Nov 1994 08:49:37 GMT."""
    retry_after(reference, lambda seconds: formatdate(until(seconds), usegmt=True))


@variant()
def retry_after_date_rfc_850(reference: Reference) -> None:
    """Retry-After is a date in the form of RFC 850: Sunday, 06-Nov-94 08:49:37 GMT."""
    retry_after(reference, lambda seconds: time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(until(seconds))))


@variant()
def retry_after_date_asctime(reference: Reference) -> None:
    """Retry-After is a date in the form of C's asctime: Sun Nov  6 08:49:37 1994."""
    retry_after(reference, lambda seconds: time.asctime(time.gmtime(until(seconds))))


@variant(slow=True, rate_limit="60/2 seconds")
def retry_after_date_of_a_limit(reference: Reference) -> None:
    """Sixty requests in two seconds are let through for each token; Retry-After is the date at which the next is."""
    retry_after(reference, lambda seconds: formatdate(until(seconds), usegmt=True))


@variant()
def retry_after_date_gone_by(reference: Reference) -> None:
    """Retry-After is a date that has gone by: the next request is let through at once."""
    retry_after(reference, lambda _: formatdate(time.time() - 5, usegmt=True))


@variant()
def retry_after_zero(reference: Reference) -> None:
    """Retry-After is 0: the next request is let through at once."""
    retry_after(reference, lambda _: "0")


@variant()
def retry_after_with_zeros(reference: Reference) -> None:
    """Retry-After has leading zeros."""
    retry_after(reference, lambda seconds: f"{seconds:04d}")


@variant(slow=True)
def retry_after_generous(reference: Reference) -> None:
    """Retry-After asks for three seconds more than is needed."""
    retry_after(reference, lambda seconds: str(seconds + 3))


@variant(slow=True, rate_limit="200/1 second")
def retry_after_without_a_second_to_spare(reference: Reference) -> None:
    """Two hundred requests in a second are let through for each token, and Retry-After is never more than that second."""
    retry_after(reference, lambda seconds: str(min(seconds, 1)))


@variant(incomplete="nobody waits an hour to see whether the promise holds")
def retry_after_an_hour(reference: Reference) -> None:
    """Retry-After asks for an hour: too long for anybody to wait and see."""
    retry_after(reference, lambda _: "3600")


# ------------------------------------------------------------------------------------------------- bodies


def word(reference: Reference, document: Mapping[str, object], headers: Mapping[str, str] | None = None) -> None:
    """Write this document in every 429."""

    def throttled(error: Throttled) -> Response:
        return reference.errors.render(429, document, {"Retry-After": reference.errors.retry_after(error), **(headers or {})})

    reference.errors.throttled = throttled


@variant()
def throttled_in_other_words(reference: Reference) -> None:
    """The message of a 429 is another."""
    word(reference, {"message": "Zu viele Anfragen — 少しお待ちください 😀"})


@variant()
def throttled_in_many_words(reference: Reference) -> None:
    """The message of a 429 is ten thousand characters long, with line breaks."""
    word(reference, {"message": "Too many requests.\r\n" * 500})


@variant()
def throttled_with_more_members(reference: Reference) -> None:
    """A 429 has the members of other errors beside its message, and the fields that many gateways add."""
    fields = {"RateLimit-Policy": '"default";q=100;w=10', "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
    word(
        reference,
        {"error": {"code": 429}, "messages": [], "causes": None, "retryAfter": 1, "message": "Rate limit exceeded"},
        fields,
    )
