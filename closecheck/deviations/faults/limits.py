"""Sins of the rate limit and of the internal fault: how long to wait, whether that is true, and what the bodies say."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

from starlette.responses import Response

from closecheck.deviations.deviation import fault
from closecheck.deviations.faults._tools import UNREADABLE, edit_errors, replace_body
from closecheck.reference import Reference
from closecheck.reference.errors import Throttled
from closecheck.reference.limiting import Bucket, SlidingWindow
from closecheck.reference.operation import THROTTLE, Call

FAULT_INCOMPLETE: Final = ("CAR-ERROR-COMPLETE", "CAR-ERROR-COMPLETE-MESSAGES")
"""What a 500 without messages breaks beside its own clause."""


def tell(reference: Reference, value: Callable[[int], str]) -> None:
    """Let ``value`` make Retry-After of the seconds to wait."""
    reference.errors.retry_after = lambda error: value(error.retry_after)


def penalize(reference: Reference, seconds: float, *, renewed: bool = False) -> None:
    """
    Throttle everybody for ``seconds`` after a 429 on demand, and say in Retry-After what the reference would.

    ``renewed``: each request within that time starts it anew.
    """
    operation, limit = reference.operation, reference.operation.limit
    until = [-math.inf]

    async def penalized(call: Call) -> Response | None:
        now = time.monotonic()
        if operation.provoked(call) == THROTTLE or (renewed and now < until[0]):
            until[0] = now + seconds
        if now < until[0]:
            raise Throttled(1)
        return await limit(call)

    operation.limit = penalized


# ---------------------------------------------------------------------------------------------------------- Retry-After


def change_throttled(reference: Reference, change: Callable[[Response], object]) -> None:
    """Let ``change`` alter each 429."""
    throttled = reference.errors.throttled

    def changed(error: Throttled) -> Response:
        answer = throttled(error)
        change(answer)
        return answer

    reference.errors.throttled = changed


def drop_retry_after(answer: Response) -> None:
    """Take Retry-After away."""
    del answer.headers["retry-after"]


@fault("CAR-RATE-RETRY-AFTER")
def no_retry_after(reference: Reference) -> None:
    """A 429 has no Retry-After."""
    change_throttled(reference, drop_retry_after)


@fault("CAR-RATE-RETRY-AFTER", rare=True)
def no_retry_after_the_second_time(reference: Reference) -> None:
    """Only every other 429 has Retry-After."""
    served = itertools.count(1)

    def every_other(answer: Response) -> None:
        if next(served) % 2 == 0:
            drop_retry_after(answer)

    change_throttled(reference, every_other)


@fault("CAR-RATE-RETRY-AFTER", rare=True, slow=True, rate_limit="12/1 second", provocations=False)
def no_retry_after_of_a_real_limit(reference: Reference) -> None:
    """The limit is twelve requests in a second, and its 429 has no Retry-After; there is no other way to one."""
    change_throttled(reference, drop_retry_after)


@fault("CAR-RATE-RETRY-AFTER")
def retry_after_under_another_name(reference: Reference) -> None:
    """The wait is told in X-RateLimit-Reset."""

    def renamed(answer: Response) -> None:
        answer.headers["x-ratelimit-reset"] = answer.headers["retry-after"]
        drop_retry_after(answer)

    change_throttled(reference, renamed)


@fault("CAR-RATE-RETRY-AFTER")
def retry_after_with_a_fraction(reference: Reference) -> None:
    """Retry-After is a decimal number of seconds."""
    tell(reference, lambda seconds: f"{seconds - 0.125:.3f}")


@fault("CAR-RATE-RETRY-AFTER")
def retry_after_with_a_unit(reference: Reference) -> None:
    """Retry-After names its unit, 1s."""
    tell(reference, lambda seconds: f"{seconds}s")


@fault("CAR-RATE-RETRY-AFTER")
def retry_after_as_a_duration(reference: Reference) -> None:
    """Retry-After is a duration of ISO 8601."""
    tell(reference, lambda seconds: f"PT{seconds}S")


@fault("CAR-RATE-RETRY-AFTER")
def retry_after_as_a_timestamp(reference: Reference) -> None:
    """Retry-After is a timestamp of ISO 8601."""
    tell(reference, lambda seconds: (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds"))


@fault("CAR-RATE-RETRY-AFTER")
def retry_after_as_a_german_date(reference: Reference) -> None:
    """Retry-After is a date in the words of the server's locale, with the zone of its clock."""
    days = ("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So")

    def german(seconds: int) -> str:
        moment = datetime.now(UTC) + timedelta(seconds=seconds)
        return f"{days[moment.weekday()]}., {moment:%d.%m.%Y %H:%M:%S} UTC"

    tell(reference, german)


@fault("CAR-RATE-RETRY-AFTER")
def retry_after_as_the_date_of_a_mail(reference: Reference) -> None:
    """Retry-After is a date as in mail, whose zone is +0000 and not GMT."""
    tell(reference, lambda seconds: format_datetime(datetime.now(UTC) + timedelta(seconds=seconds)))


@fault("CAR-RATE-RETRY-AFTER")
def retry_after_is_negative(reference: Reference) -> None:
    """Retry-After is -1, which means that nobody knows."""
    tell(reference, lambda _seconds: "-1")


@fault("CAR-RATE-RETRY-AFTER")
def retry_after_is_a_word(reference: Reference) -> None:
    """Retry-After is the text of a value that was not there."""
    tell(reference, lambda _seconds: "null")


# ------------------------------------------------------------------------------------------------------------ the truth


@fault("CAR-RATE-TRUTHFUL", also=("CAR-RATE-EXACT",))
def retry_after_is_shorter_than_the_penalty(reference: Reference) -> None:
    """Retry-After says one second, and everything is throttled for eight."""
    penalize(reference, 8)


@fault("CAR-RATE-TRUTHFUL", also=("CAR-RATE-EXACT",))
def retry_after_is_zero(reference: Reference) -> None:
    """Retry-After says that there is no need to wait, and everything is throttled for five seconds."""
    penalize(reference, 5)
    tell(reference, lambda _seconds: "0")


@fault("CAR-RATE-TRUTHFUL")
def retry_after_is_a_week(reference: Reference) -> None:
    """Retry-After says a week."""
    tell(reference, lambda _seconds: "604800")


@fault("CAR-RATE-TRUTHFUL")
def retry_after_is_unix_time(reference: Reference) -> None:
    """Retry-After is the Unix time at which the window ends."""
    tell(reference, lambda seconds: str(int(time.time()) + seconds))


@fault("CAR-RATE-TRUTHFUL")
def retry_after_in_milliseconds(reference: Reference) -> None:
    """The wait is two minutes and Retry-After tells it in milliseconds."""
    tell(reference, lambda _seconds: "120000")


@fault("CAR-RATE-TRUTHFUL")
def retry_after_the_end_of_time(reference: Reference) -> None:
    """Retry-After is the date that stands for never."""
    tell(reference, lambda _seconds: "Fri, 31 Dec 9999 23:59:59 GMT")


@fault("CAR-RATE-TRUTHFUL", also=("CAR-RATE-EXACT",), rare=True)
def retry_after_rounded_down(reference: Reference) -> None:
    """Everything is throttled for just under three seconds, and Retry-After is what remains, rounded down."""
    operation, limit = reference.operation, reference.operation.limit
    until = [-math.inf]

    async def rounded(call: Call) -> Response | None:
        now = time.monotonic()
        if operation.provoked(call) == THROTTLE:
            until[0] = now + 2.95
        if now < until[0]:
            raise Throttled(int(until[0] - now))
        return await limit(call)

    operation.limit = rounded


@fault("CAR-RATE-TRUTHFUL", also=("CAR-RATE-EXACT",))
def retry_after_in_the_zone_of_the_clock(reference: Reference) -> None:
    """Retry-After is a date in New York's time that calls itself GMT; everything is throttled for five seconds."""
    penalize(reference, 5)

    def behind(seconds: int) -> str:
        moment = datetime.now(UTC) + timedelta(seconds=seconds) - timedelta(hours=5)
        return format_datetime(moment, usegmt=True)

    tell(reference, behind)


@fault("CAR-RATE-TRUTHFUL", also=("CAR-RATE-EXACT",), slow=True)
def retry_after_counts_minutes(reference: Reference) -> None:
    """Retry-After counts minutes: it says 1, and everything is throttled for a minute."""
    penalize(reference, 60)


@fault("CAR-RATE-TRUTHFUL", also=("CAR-RATE-EXACT",), slow=True)
def penalty_starts_anew(reference: Reference) -> None:
    """Who asks after the second that Retry-After says starts the penalty of three seconds anew."""
    penalize(reference, 3, renewed=True)


@fault("CAR-RATE-TRUTHFUL", also=("CAR-RATE-EXACT",), slow=True)
def throttled_for_ever(reference: Reference) -> None:
    """After the first 429 there is nothing else."""
    penalize(reference, math.inf)


@fault("CAR-RATE-TRUTHFUL", also=("CAR-RATE-EXACT",), rare=True, slow=True, rate_limit="60/15 seconds", provocations=False)
def retry_after_of_a_real_limit_is_constant(reference: Reference) -> None:
    """The limit is sixty requests in fifteen seconds, and Retry-After says one second whatever remains of them."""
    tell(reference, lambda _seconds: "1")


@fault("CAR-RATE-EXACT", slow=True)
def retry_after_half_of_a_limit(reference: Reference) -> None:
    """Forty requests in two seconds are let through; Retry-After is what remains, rounded down, and at least one second."""
    limit_by_window(reference, 40, 2.0, lambda left: max(int(left), 1))


@fault("CAR-RATE-EXACT", slow=True)
def retry_after_starts_anew_once(reference: Reference) -> None:
    """Thirty requests in a second are let through; who comes back after the second that Retry-After says is told so once more."""
    window = SlidingWindow(30, 1)
    told = [0, -math.inf]
    plain = reference.operation.limit

    async def limit(call: Call) -> Response | None:
        now = time.monotonic()
        if told[0] == 1 and now >= told[1]:
            told[0] = 2
            raise Throttled(1)
        if window.wait() > 0:
            if told[0] != 1:
                told[:] = [1, now + 0.9]
            raise Throttled(1)
        return await plain(call)

    reference.operation.limit = limit


def limit_by_window(reference: Reference, count: int, seconds: float, told: Callable[[float], int]) -> None:
    """Let so many requests through in a window that begins with the first of them; ``told`` makes Retry-After of what remains of it."""
    window = [-math.inf, 0.0]
    plain = reference.operation.limit

    async def limit(call: Call) -> Response | None:
        now = time.monotonic()
        if now - window[0] >= seconds:
            window[:] = [now, 0]
        window[1] += 1
        if window[1] > count:
            raise Throttled(told(window[0] + seconds - now))
        return await plain(call)

    reference.operation.limit = limit


# ------------------------------------------------------------------------------------------- a 429 from the very first on


def throttle_everything(reference: Reference, value: str | None) -> None:
    """Answer everything 429, with this value of Retry-After or without the field."""

    async def limit(call: Call) -> Response | None:
        del call
        raise Throttled(1)

    reference.operation.limit = limit
    if value is None:
        change_throttled(reference, drop_retry_after)
    else:
        tell(reference, lambda _seconds: value)


@fault("CAR-RATE-RETRY-AFTER", slow=True)
def everything_throttled_without_retry_after(reference: Reference) -> None:
    """Every request is answered 429, from the first on, and none says for how long."""
    throttle_everything(reference, None)


@fault("CAR-RATE-RETRY-AFTER", slow=True)
def everything_throttled_for_minus_one(reference: Reference) -> None:
    """Every request is answered 429 with Retry-After: -1."""
    throttle_everything(reference, "-1")


@fault("CAR-RATE-RETRY-AFTER", slow=True)
def everything_throttled_until_soon(reference: Reference) -> None:
    """Every request is answered 429 with Retry-After: soon."""
    throttle_everything(reference, "soon")


@fault("CAR-RATE-TRUTHFUL", also=("CAR-RATE-EXACT",), slow=True)
def everything_throttled_for_a_second(reference: Reference) -> None:
    """Every request is answered 429 with Retry-After: 1, however often one waits."""
    throttle_everything(reference, "1")


# ------------------------------------------------------------------------- who stands in front refuses what is too much


PAGE: Final = (
    b"<html>\r\n<head><title>%s</title></head>\r\n<body><center><h1>%s</h1></center><hr><center>nginx</center></body>\r\n</html>\r\n"
)


def page(status: int, title: str) -> Response:
    """Return the page of a server that stands in front."""
    return Response(PAGE % (title.encode(), title.encode()), status, {"Server": "nginx"}, "text/html")


def stand_in_front(reference: Reference, refusal: Callable[[], Response | None], *, everything: bool = False) -> None:
    """Ask ``refusal`` before each request to the operation, or to anything; what it returns is the answer."""
    operation, plain, answer = reference.operation, reference.operation.limit, reference.answer

    async def limit(call: Call) -> Response | None:
        return refusal() or await plain(call)

    async def answered(handlers: Any, call: Call) -> Response:
        return refusal() or await answer(handlers, call)

    if everything:
        reference.answer = answered
    else:
        operation.limit = limit


@fault("CAR-OP-STATUS", "CAR-OP-NO-500", also=("CAR-OP-INDEPENDENT",), slow=True)
def limit_of_nginx_with_503(reference: Reference) -> None:
    """Twenty requests at once are let through, then fifty in a second; beyond that nginx answers 503 with its page, as limit_req does by default."""
    bucket = Bucket(50, 20)
    stand_in_front(reference, lambda: page(503, "503 Service Temporarily Unavailable") if bucket.wait() > 0 else None)


@fault("CAR-OP-STATUS", "CAR-OP-NO-500", also=("CAR-OP-INDEPENDENT",), slow=True)
def limit_of_nginx_for_everything_with_503(reference: Reference) -> None:
    """Nginx limits whatever comes to a burst of thirty and sixty requests in a second, listings and audits too, and answers 503 with its page."""
    bucket = Bucket(60, 30)
    stand_in_front(reference, lambda: page(503, "503 Service Temporarily Unavailable") if bucket.wait() > 0 else None, everything=True)


@fault("CAR-OP-INDEPENDENT", slow=True)
def firewall_bans_for_a_while(reference: Reference) -> None:
    """Who sends more than sixty requests in a second is banned for two: each request is answered 403 with the firewall's page."""
    window = SlidingWindow(60, 1)
    banned = [-math.inf]

    def refusal() -> Response | None:
        now = time.monotonic()
        if now >= banned[0] and window.wait() > 0:
            banned[0] = now + 2
        return page(403, "403 Forbidden") if now < banned[0] else None

    stand_in_front(reference, refusal)


@fault("CAR-OP-STATUS", "CAR-OP-NO-500", also=("CAR-OP-INDEPENDENT",), rare=True)
def every_hundredth_with_502(reference: Reference) -> None:
    """Every hundredth request finds a worker that is being replaced: the gateway answers 502 with its page."""
    served = itertools.count(1)
    stand_in_front(reference, lambda: page(502, "502 Bad Gateway") if next(served) % 100 == 0 else None)


@fault("CAR-OP-STATUS", "CAR-OP-NO-500", also=("CAR-OP-INDEPENDENT",), slow=True)
def away_for_five_seconds(reference: Reference) -> None:
    """After three hundred requests the server behind the gateway is restarted: for five seconds everything is answered 503 with a page."""
    served, until = itertools.count(1), [-math.inf]

    def refusal() -> Response | None:
        now = time.monotonic()
        if next(served) == 300:
            until[0] = now + 5
        return page(503, "503 Service Temporarily Unavailable") if now < until[0] else None

    stand_in_front(reference, refusal)


# ------------------------------------------------------------------------------------------------------- the 429's body


@fault("CAR-RATE-RETRY-AFTER", "CAR-RATE-BODY", also=("CAR-OP-MEDIA-TYPE", "CAR-RATE-COMPLETE"), slow=True)
def limit_of_nginx_with_429(reference: Reference) -> None:
    """Twenty requests at once are let through, then forty in a second; beyond that nginx answers 429 with its page and no Retry-After."""
    bucket = Bucket(40, 20)
    page = b"<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n<body></body>\r\n</html>\r\n"
    plain = reference.operation.limit

    async def limit(call: Call) -> Response | None:
        return Response(page, 429, media_type="text/html") if bucket.wait() > 0 else await plain(call)

    reference.operation.limit = limit


@fault("CAR-RATE-BODY", also=("CAR-OP-MEDIA-TYPE", "CAR-RATE-COMPLETE"))
def throttled_is_a_text(reference: Reference) -> None:
    """A 429 is plain text."""
    replace_body(reference, 429, lambda _document: b"Too many requests, please try again later.", "text/plain")


@fault("CAR-RATE-BODY", also=("CAR-OP-MEDIA-TYPE", "CAR-RATE-COMPLETE"))
def throttled_is_a_page(reference: Reference) -> None:
    """A 429 is the web server's HTML page."""
    page = b"<html>\n<head><title>429 Too Many Requests</title></head>\n<body></body>\n</html>\n"
    replace_body(reference, 429, lambda _document: page, "text/html")


@fault("CAR-RATE-BODY", "CAR-RATE-COMPLETE", also=("CAR-OP-MEDIA-TYPE",))
def throttled_has_no_body(reference: Reference) -> None:
    """A 429 has no body."""
    replace_body(reference, 429, lambda _document: b"")


@fault("CAR-RATE-BODY", also=("CAR-RATE-COMPLETE",))
def throttled_is_a_json_text(reference: Reference) -> None:
    """A 429 is the message as a JSON string."""
    replace_body(reference, 429, lambda document: document["message"])


@fault("CAR-RATE-BODY", also=("CAR-RATE-COMPLETE",))
def throttled_is_a_list(reference: Reference) -> None:
    """A 429 is a list of messages."""
    replace_body(reference, 429, lambda document: [document])


@fault("CAR-RATE-BODY")
def throttled_message_is_an_object(reference: Reference) -> None:
    """The message of a 429 is a message object, as in the other errors."""
    text = reference.errors.throttled_message
    message = {"locale": "en-US", "localeOrigin": "DEFAULT", "text": text}
    replace_body(reference, 429, lambda _document: {"message": message})


@fault("CAR-RATE-BODY")
def throttled_message_is_a_number(reference: Reference) -> None:
    """The message of a 429 is the number 429."""
    replace_body(reference, 429, lambda _document: {"message": 429})


@fault("CAR-RATE-BODY", rare=True)
def throttled_message_is_a_list_the_second_time(reference: Reference) -> None:
    """From the second 429 on the message is the list of all that have been sent."""
    sent: list[str] = []

    def growing(document: Any) -> object:
        sent.append(document["message"])
        return document if len(sent) == 1 else {"message": sent[-10:]}

    replace_body(reference, 429, growing)


@fault("CAR-RATE-COMPLETE")
def throttled_says_error(reference: Reference) -> None:
    """A 429 says ``error`` instead of ``message``."""
    replace_body(reference, 429, lambda _document: {"error": "Rate limit exceeded"})


@fault("CAR-RATE-COMPLETE")
def throttled_message_is_empty(reference: Reference) -> None:
    """The message of a 429 is an empty text."""
    reference.errors.throttled_message = ""


@fault("CAR-RATE-COMPLETE")
def throttled_is_the_error_object(reference: Reference) -> None:
    """A 429 carries the error object of the other errors."""
    message = {"locale": "en-US", "localeOrigin": "DEFAULT", "text": "Too many requests."}

    def problem(_document: Any) -> object:
        tracking_id = reference.errors.tracking_id()
        return {"detailCode": "429 Too Many Requests", "trackingId": tracking_id, "messages": [message]}

    replace_body(reference, 429, problem)


@fault("CAR-RATE-COMPLETE", also=("CAR-RATE-BODY",))
def throttled_message_is_null(reference: Reference) -> None:
    """The message of a 429 is null."""
    replace_body(reference, 429, lambda _document: {"message": None})


@fault("CAR-RATE-COMPLETE", rare=True)
def throttled_says_nothing_the_second_time(reference: Reference) -> None:
    """Only the first 429 has a message; the others are empty objects."""
    served = itertools.count()
    replace_body(reference, 429, lambda document: {} if next(served) else document)


# ------------------------------------------------------------------------------------------------------- the 500's body


@fault("CAR-FAULT-BODY", also=(*UNREADABLE, "CAR-ERROR-COMPLETE-MESSAGES"))
def fault_is_a_page(reference: Reference) -> None:
    """A 500 is the web server's HTML page."""
    page = b"<html>\n<head><title>500 Internal Server Error</title></head>\n<body></body>\n</html>\n"
    replace_body(reference, 500, lambda _error: page, "text/html")


@fault("CAR-FAULT-BODY", also=(*UNREADABLE, "CAR-ERROR-COMPLETE-MESSAGES"))
def fault_is_a_text(reference: Reference) -> None:
    """A 500 is plain text."""
    replace_body(reference, 500, lambda _error: b"Internal Server Error", "text/plain; charset=utf-8")


@fault("CAR-FAULT-BODY", also=(*UNREADABLE, "CAR-ERROR-COMPLETE-MESSAGES"))
def fault_has_no_body(reference: Reference) -> None:
    """A 500 has no body."""
    replace_body(reference, 500, lambda _error: b"")


@fault("CAR-FAULT-BODY", also=("CAR-ERROR-OBJECT", *FAULT_INCOMPLETE))
def fault_is_the_error_of_spring(reference: Reference) -> None:
    """A 500 is Spring Boot's own document: timestamp, status, error, path."""
    path = reference.config.base_path + "/access-requests/close"

    def spring(_error: Any) -> object:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        return {"timestamp": stamp, "status": 500, "error": "Internal Server Error", "path": path}

    replace_body(reference, 500, spring)


@fault("CAR-FAULT-BODY", also=("CAR-ERROR-OBJECT", *FAULT_INCOMPLETE))
def fault_is_the_message_of_a_gateway(reference: Reference) -> None:
    """A 500 is the gateway's document, which has a message only."""
    replace_body(reference, 500, lambda _error: {"message": "Internal server error"})


@fault("CAR-FAULT-BODY", "CAR-ERROR-COMPLETE")
def fault_without_tracking_id(reference: Reference) -> None:
    """A 500 has no trackingId."""

    def untracked(error: dict[str, Any]) -> None:
        del error["trackingId"]

    edit_errors(reference, untracked, 500)


@fault("CAR-FAULT-BODY", "CAR-ERROR-MESSAGES", also=FAULT_INCOMPLETE)
def messages_of_a_fault_are_texts(reference: Reference) -> None:
    """``messages`` of a 500 is a list of texts."""
    edit_errors(reference, lambda error: error.update(messages=["An internal fault occurred."]), 500)


@fault("CAR-FAULT-BODY", "CAR-ERROR-DETAIL-CODE")
def detail_code_of_a_fault_is_a_number(reference: Reference) -> None:
    """The detailCode of a 500 is the number 500."""
    edit_errors(reference, lambda error: error.update(detailCode=500), 500)
