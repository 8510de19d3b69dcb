"""Sins against the error object: its shape, its members, its trackingId, and what it tells of the server's inside."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

import hashlib
import itertools
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from closecheck.deviations.deviation import fault
from closecheck.deviations.faults._tools import (
    CONNECTION,
    UNREADABLE,
    call_in_hand,
    each_message,
    edit_errors,
    replace_body,
    tell_connections,
)
from closecheck.reference import Reference
from closecheck.reference.errors import Problem
from closecheck.reference.localization import DEFAULT, REQUEST, Locale

ErrorObject = dict[str, Any]

FAULT: Final = "CAR-FAULT-BODY"
INCOMPLETE: Final = ("CAR-ERROR-COMPLETE", "CAR-ERROR-COMPLETE-MESSAGES")
"""What a document without messages breaks, whatever else it is."""
UNREADABLE_INCOMPLETE: Final = (*UNREADABLE, "CAR-ERROR-COMPLETE-MESSAGES")

JAVA_TRACE: Final = (
    "com.fasterxml.jackson.core.JsonParseException: Unexpected character\n"
    "\tat com.fasterxml.jackson.core.JsonParser._constructError(JsonParser.java:2418)\n"
    "\tat com.fasterxml.jackson.core.base.ParserMinimalBase._reportError(ParserMinimalBase.java:692)\n"
    "\tat org.example.requests.CloseController.close(CloseController.java:57)"
)
PYTHON_TRACE: Final = (
    "Traceback (most recent call last):\n"
    '  File "/srv/requests/app/closing.py", line 88, in validate\n'
    "    raise TypeError(item)\n"
    "TypeError: expected str"
)


def cause_texts(error: ErrorObject) -> list[str]:
    """Return the texts of the causes, or of the messages where there is no cause."""
    return [message["text"] for message in error["causes"] or error["messages"]]


def is_unreadable(error: ErrorObject) -> bool:
    """Return whether the error says that the body could not be read."""
    return str(error["detailCode"]).startswith("400.0")


def add_to_causes(reference: Reference, concerned: str, text: str) -> None:
    """Let the text of one kind of cause end with what belongs into a log."""
    message = reference.errors.message

    def talkative(locale: Locale, key: str, parameters: Mapping[str, object]) -> Any:
        made: Any = message(locale, key, parameters)
        return {**made, "text": f"{made['text']} {text}"} if key == concerned else made

    reference.errors.message = talkative


def replace_for_causes(reference: Reference, keys: set[str], replacement: object) -> None:
    """Send another document where one of these causes is given."""
    document = reference.errors.document

    def replaced(problem: Problem, locale: Locale) -> Any:
        concerned = any(item.key in keys for item in problem.causes)
        return replacement if concerned else document(problem, locale)

    reference.errors.document = replaced


# ----------------------------------------------------------------------------------------------------- another document


@fault("CAR-ERROR-OBJECT", also=("CAR-OP-MEDIA-TYPE", FAULT, *INCOMPLETE))
def problem_document(reference: Reference) -> None:
    """Every error is a problem document (RFC 9457)."""
    for status, title in (400, "Bad Request"), (403, "Forbidden"), (500, "Internal Server Error"):

        def problem(error: ErrorObject, status: int = status, title: str = title) -> object:
            detail = error["messages"][0]["text"]
            return {"type": "about:blank", "title": title, "status": status, "detail": detail}

        replace_body(reference, status, problem, "application/problem+json")


@fault("CAR-ERROR-OBJECT", also=INCOMPLETE, rare=True)
def spring_error_when_forbidden(reference: Reference) -> None:
    """A 403 is written by the container, not by the exception handler: timestamp, status, error, path."""
    path = reference.config.base_path + "/access-requests/close"

    def spring(_error: ErrorObject) -> object:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        return {"timestamp": stamp, "status": 403, "error": "Forbidden", "path": path}

    replace_body(reference, 403, spring)


@fault("CAR-ERROR-OBJECT", also=INCOMPLETE, rare=True)
def forbidden_says_message_only(reference: Reference) -> None:
    """A 403 has one member, ``message``, as AWS's gateway sends it."""
    replace_body(reference, 403, lambda _error: {"message": "User is not authorized to access this resource"})


@fault("CAR-ERROR-OBJECT", also=UNREADABLE_INCOMPLETE, rare=True)
def forbidden_without_a_body(reference: Reference) -> None:
    """A 403 has no body at all."""
    replace_body(reference, 403, lambda _error: b"")


@fault("CAR-ERROR-OBJECT", also=UNREADABLE_INCOMPLETE)
def express_page_for_unreadable_json(reference: Reference) -> None:
    """What the body parser throws is answered with Express's HTML page."""
    respond = reference.errors.problem

    def page(problem: Problem, accept_language: str | None) -> Any:
        answer = respond(problem, accept_language)
        if problem.detail_code.startswith("400.0"):
            answer.body = (
                b'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Error</title>\n</head>\n'
                b"<body>\n<pre>SyntaxError: Unexpected end of JSON input</pre>\n</body>\n</html>\n"
            )
            answer.headers["content-type"] = "text/html; charset=utf-8"
            answer.headers["content-length"] = str(len(answer.body))
        return answer

    reference.errors.problem = page


@fault("CAR-ERROR-OBJECT", also=INCOMPLETE)
def field_errors_of_django(reference: Reference) -> None:
    """A 400 maps each member to the list of its complaints, as Django REST framework does."""

    def fields(error: ErrorObject) -> object:
        texts = cause_texts(error)
        return {"detail": texts[0]} if is_unreadable(error) else {"accessRequestIds": texts}

    edit_errors(reference, fields, 400)


@fault("CAR-ERROR-OBJECT", also=INCOMPLETE)
def detail_list_of_fastapi(reference: Reference) -> None:
    """A 400 about the body's content is FastAPI's list of detail with loc, msg and type."""

    def detail(error: ErrorObject) -> object:
        if is_unreadable(error):
            return None
        return {"detail": [{"loc": ["body"], "msg": text, "type": "value_error"} for text in cause_texts(error)]}

    edit_errors(reference, detail, 400)


@fault("CAR-ERROR-OBJECT", also=(FAULT, *INCOMPLETE))
def error_in_an_envelope(reference: Reference) -> None:
    """The error object stands under ``error``."""
    edit_errors(reference, lambda error: {"error": error})


@fault("CAR-ERROR-OBJECT", also=(FAULT, *INCOMPLETE))
def error_in_a_list(reference: Reference) -> None:
    """The error object is the only element of a list."""
    edit_errors(reference, lambda error: [error])


@fault("CAR-ERROR-OBJECT", also=(FAULT, *INCOMPLETE))
def error_encoded_twice(reference: Reference) -> None:
    """The error object is encoded as JSON, and the text of that once more."""
    edit_errors(reference, lambda error: reference.errors.encode(error).decode())


@fault("CAR-ERROR-OBJECT", also=INCOMPLETE, rare=True)
def list_of_errors_for_several_rules(reference: Reference) -> None:
    """Who breaks several rules gets a list with one error object for each."""

    def split(error: ErrorObject) -> object:
        if len(error["causes"]) < 2:
            return None
        return [{**error, "trackingId": uuid.uuid4().hex, "causes": [item]} for item in error["causes"]]

    edit_errors(reference, split, 400)


@fault("CAR-ERROR-OBJECT", also=INCOMPLETE, rare=True)
def page_of_errors_for_many_wrong_items(reference: Reference) -> None:
    """More than ten causes are sent as the first page of a listing."""

    def page(error: ErrorObject) -> object:
        causes = error["causes"]
        return {"items": causes[:10], "offset": 0, "limit": 10, "total": len(causes)} if len(causes) > 10 else None

    edit_errors(reference, page, 400)


@fault("CAR-ERROR-OBJECT", also=INCOMPLETE, rare=True)
def model_state_for_a_wrong_type(reference: Reference) -> None:
    """A member of the wrong type never reaches the validation: ASP.NET's binder answers with its own document."""
    title = "One or more validation errors occurred."
    bound = {"title": title, "status": 400, "errors": {"$": ["The JSON value could not be converted."]}}
    replace_for_causes(reference, {"member.list", "member.text", "item.text"}, bound)


@fault("CAR-ERROR-OBJECT", also=INCOMPLETE, rare=True)
def text_for_too_many_ids(reference: Reference) -> None:
    """Too long a list is refused with a JSON string, not an object."""
    replace_for_causes(reference, {"member.many"}, "Too many ids")


# ----------------------------------------------------------------------------------------------------------- detailCode


@fault("CAR-ERROR-DETAIL-CODE", also=(FAULT,))
def detail_code_is_the_status(reference: Reference) -> None:
    """The detailCode is the status, as a number."""
    reference.errors.detail_code = lambda problem: problem.status


@fault("CAR-ERROR-DETAIL-CODE", also=(FAULT,))
def detail_code_is_a_decimal(reference: Reference) -> None:
    """The detailCode is a decimal number, 400.1."""
    reference.errors.detail_code = lambda problem: float(problem.detail_code.split()[0])


@fault("CAR-ERROR-DETAIL-CODE", rare=True)
def detail_code_is_an_object_when_forbidden(reference: Reference) -> None:
    """The detailCode of a 403 is an object of code and name."""
    code = {"code": 403, "name": "Forbidden"}
    edit_errors(reference, lambda error: error.update(detailCode=code), 403)


@fault("CAR-ERROR-DETAIL-CODE", rare=True)
def detail_codes_for_several_rules(reference: Reference) -> None:
    """Who breaks several rules gets a list of detail codes."""

    def several(error: ErrorObject) -> None:
        if len(error["causes"]) > 1:
            error["detailCode"] = [error["detailCode"]] * len(error["causes"])

    edit_errors(reference, several, 400)


# ----------------------------------------------------------------------------------------------------------- trackingId


@fault("CAR-ERROR-TRACKING-ID", also=(FAULT,))
def tracking_id_is_a_number(reference: Reference) -> None:
    """The trackingId is a counter, as a number."""
    numbers = itertools.count(7_132_004_518_812_672_000)
    reference.errors.tracking_id = lambda: next(numbers)


@fault("CAR-ERROR-TRACKING-ID", also=(FAULT,))
def tracking_id_is_a_span(reference: Reference) -> None:
    """The trackingId is the tracer's object of trace and span."""
    reference.errors.tracking_id = lambda: {"traceId": uuid.uuid4().hex, "spanId": uuid.uuid4().hex[:16]}


@fault("CAR-ERROR-TRACKING-ID", rare=True)
def tracking_id_is_false_when_forbidden(reference: Reference) -> None:
    """A 403 is not logged, and its trackingId is false."""
    edit_errors(reference, lambda error: error.update(trackingId=False), 403)


@fault("CAR-ERROR-TRACKING-ID", rare=True)
def tracking_ids_for_several_rules(reference: Reference) -> None:
    """Who breaks several rules gets a list of tracking ids."""

    def several(error: ErrorObject) -> None:
        if len(error["causes"]) > 1:
            error["trackingId"] = [uuid.uuid4().hex for _ in error["causes"]]

    edit_errors(reference, several, 400)


@fault("CAR-ERROR-TRACKING-ID-UNIQUE")
def tracking_id_per_process(reference: Reference) -> None:
    """The trackingId is made once, when the process starts."""
    made = uuid.uuid4().hex
    reference.errors.tracking_id = lambda: made


@fault("CAR-ERROR-TRACKING-ID-UNIQUE")
def tracking_id_is_the_second(reference: Reference) -> None:
    """The trackingId is the time in whole seconds."""
    reference.errors.tracking_id = lambda: str(int(time.time()))


@fault("CAR-ERROR-TRACKING-ID-UNIQUE")
def tracking_id_is_the_first_group_of_a_uuid(reference: Reference) -> None:
    """The trackingId is the first group of a UUID of version 7, which is the time in steps of a minute."""
    reference.errors.tracking_id = lambda: f"{int(time.time() * 1000) >> 16:08x}"


@fault("CAR-ERROR-TRACKING-ID-UNIQUE")
def tracking_id_of_two_digits(reference: Reference) -> None:
    """The trackingId is random, but there are only 256 of them."""
    reference.errors.tracking_id = lambda: uuid.uuid4().hex[:2]


@fault("CAR-ERROR-TRACKING-ID-UNIQUE")
def tracking_id_per_worker(reference: Reference) -> None:
    """Each of two workers counts its errors for itself."""
    served = itertools.count()
    reference.errors.tracking_id = lambda: f"{next(served) // 2:032x}"


@fault("CAR-ERROR-TRACKING-ID-UNIQUE")
def tracking_id_per_kind(reference: Reference) -> None:
    """The trackingId is derived from the detailCode."""

    def derive(error: ErrorObject) -> None:
        error["trackingId"] = uuid.uuid5(uuid.NAMESPACE_OID, error["detailCode"]).hex

    edit_errors(reference, derive)


@fault("CAR-ERROR-TRACKING-ID-UNIQUE")
def tracking_id_per_caller(reference: Reference) -> None:
    """The trackingId is derived from the token."""
    call = call_in_hand(reference)
    reference.errors.tracking_id = lambda: hashlib.sha256("".join(call().authorization).encode()).hexdigest()[:32]


@fault("CAR-ERROR-TRACKING-ID-UNIQUE", rare=True)
def tracking_id_per_connection(reference: Reference) -> None:
    """The trackingId is made once for each connection."""
    tell_connections(reference)
    call = call_in_hand(reference)
    reference.errors.tracking_id = lambda: uuid.uuid5(uuid.NAMESPACE_OID, call().headers.get(CONNECTION, "")).hex


@fault("CAR-ERROR-TRACKING-ID-UNIQUE", rare=True)
def tracking_id_of_the_body(reference: Reference) -> None:
    """The trackingId is a hash of the request's body, so that the same request gets the same id."""
    call = call_in_hand(reference)
    reference.errors.tracking_id = lambda: hashlib.sha256(call().body).hexdigest()[:32]


@fault("CAR-ERROR-TRACKING-ID-UNIQUE", rare=True)
def tracking_id_of_the_example_when_forbidden(reference: Reference) -> None:
    """The 403 is a constant document with the trackingId of the documentation's example."""
    edit_errors(reference, lambda error: error.update(trackingId="b21b1f7ce4da4d639f2c62a57171b427"), 403)


# ------------------------------------------------------------------------------------------------------------- messages


@fault("CAR-ERROR-MESSAGES", also=(FAULT, *INCOMPLETE))
def messages_is_one_object(reference: Reference) -> None:
    """``messages`` is one message object, as there is only one."""
    edit_errors(reference, lambda error: error.update(messages=error["messages"][0]))


@fault("CAR-ERROR-MESSAGES", also=(FAULT, *INCOMPLETE))
def messages_is_a_text(reference: Reference) -> None:
    """``messages`` is the text itself."""
    edit_errors(reference, lambda error: error.update(messages=error["messages"][0]["text"]))


@fault("CAR-ERROR-MESSAGES", also=(FAULT, *INCOMPLETE))
def messages_are_texts(reference: Reference) -> None:
    """``messages`` is a list of texts."""
    edit_errors(reference, lambda error: error.update(messages=[message["text"] for message in error["messages"]]))


@fault("CAR-ERROR-MESSAGES", also=(FAULT, *INCOMPLETE))
def messages_by_locale(reference: Reference) -> None:
    """``messages`` is an object that maps each locale to its text."""

    def mapped(error: ErrorObject) -> None:
        error["messages"] = {message["locale"]: message["text"] for message in error["messages"]}

    edit_errors(reference, mapped)


@fault("CAR-ERROR-MESSAGES", also=INCOMPLETE, rare=True)
def messages_is_a_text_when_forbidden(reference: Reference) -> None:
    """Only in a 403 ``messages`` is the text itself."""
    edit_errors(reference, lambda error: error.update(messages=error["messages"][0]["text"]), 403)


@fault("CAR-ERROR-MESSAGES", also=INCOMPLETE, rare=True)
def messages_nested_for_several_rules(reference: Reference) -> None:
    """Who breaks several rules gets a list of lists of messages."""

    def nested(error: ErrorObject) -> None:
        if len(error["causes"]) > 1:
            error["messages"] = [list(error["messages"]) for _ in error["causes"]]

    edit_errors(reference, nested, 400)


@fault("CAR-ERROR-MESSAGES", also=(FAULT, *INCOMPLETE), rare=True)
def null_among_messages_for_an_unspoken_language(reference: Reference) -> None:
    """Who asks for a language that is not spoken gets null in the translation's place, beside the default message."""
    call = call_in_hand(reference)

    def untranslated(error: ErrorObject) -> None:
        if call().accept_language and error["messages"][0]["localeOrigin"] == DEFAULT:
            error["messages"].append(None)

    edit_errors(reference, untranslated)


# --------------------------------------------------------------------------------------------------------------- causes


@fault("CAR-ERROR-CAUSES")
def causes_are_texts(reference: Reference) -> None:
    """``causes`` is a list of texts."""
    edit_errors(reference, lambda error: error.update(causes=[cause["text"] for cause in error["causes"]]))


@fault("CAR-ERROR-CAUSES")
def causes_by_member(reference: Reference) -> None:
    """``causes`` is an object that maps the member to its causes."""

    def mapped(error: ErrorObject) -> None:
        error["causes"] = {"accessRequestIds": error["causes"]}

    edit_errors(reference, mapped, 400)


@fault("CAR-ERROR-CAUSES")
def single_cause_unwrapped(reference: Reference) -> None:
    """A single cause stands without its list, as converters from XML do it."""

    def unwrapped(error: ErrorObject) -> None:
        if len(error["causes"]) == 1:
            error["causes"] = error["causes"][0]

    edit_errors(reference, unwrapped)


@fault("CAR-ERROR-CAUSES", also=(FAULT,), rare=True)
def causes_are_an_empty_object(reference: Reference) -> None:
    """An empty list of causes is written as an empty object, as PHP and Lua do it."""
    edit_errors(reference, lambda error: error.update(causes=error["causes"] or {}))


@fault("CAR-ERROR-CAUSES", rare=True)
def causes_joined_for_several_rules(reference: Reference) -> None:
    """Several causes are joined to one text."""

    def joined(error: ErrorObject) -> None:
        if len(error["causes"]) > 1:
            error["causes"] = "; ".join(cause["text"] for cause in error["causes"])

    edit_errors(reference, joined, 400)


@fault("CAR-ERROR-CAUSES", rare=True)
def causes_end_in_dots(reference: Reference) -> None:
    """More than ten causes are cut, and a text of three dots stands for the rest."""

    def cut(error: ErrorObject) -> None:
        if len(error["causes"]) > 10:
            error["causes"] = [*error["causes"][:10], "..."]

    edit_errors(reference, cut, 400)


# ------------------------------------------------------------------------------------------ members of a message object


@fault("CAR-ERROR-LOCALE", also=(FAULT,))
def locale_is_a_windows_code(reference: Reference) -> None:
    """The locale is the number that Windows has for it."""
    codes = {"en-US": 1033, "de": 1031, "es": 1034, "fr": 1036, "ja": 1041}

    def number(error: ErrorObject) -> None:
        for message in each_message(error):
            message["locale"] = codes[message["locale"]]

    edit_errors(reference, number)


@fault("CAR-ERROR-LOCALE", also=(FAULT,))
def locale_is_an_object(reference: Reference) -> None:
    """The locale is an object of language and country."""

    def split(error: ErrorObject) -> None:
        for message in each_message(error):
            language, _, country = message["locale"].partition("-")
            message["locale"] = {"language": language, "country": country}

    edit_errors(reference, split)


@fault("CAR-ERROR-LOCALE", also=(FAULT,), rare=True)
def locale_is_a_list_when_asked_for(reference: Reference) -> None:
    """A locale that the request asked for is a list of one."""

    def listed(error: ErrorObject) -> None:
        for message in each_message(error):
            if message["localeOrigin"] == REQUEST:
                message["locale"] = [message["locale"]]

    edit_errors(reference, listed)


@fault("CAR-ERROR-LOCALE")
def locale_of_causes_is_false(reference: Reference) -> None:
    """The locale of causes is false, because they are not translated; those of messages are right."""

    def untold(error: ErrorObject) -> None:
        for cause in error["causes"]:
            cause["locale"] = False

    edit_errors(reference, untold)


@fault("CAR-ERROR-LOCALE-ORIGIN", also=(FAULT,))
def locale_origin_is_a_number(reference: Reference) -> None:
    """The localeOrigin is the position of the value in its enumeration."""

    def ordinal(error: ErrorObject) -> None:
        for message in each_message(error):
            message["localeOrigin"] = [DEFAULT, REQUEST].index(message["localeOrigin"])

    edit_errors(reference, ordinal)


@fault("CAR-ERROR-LOCALE-ORIGIN", also=(FAULT,))
def locale_origin_is_a_flag(reference: Reference) -> None:
    """The localeOrigin is true for a locale from the request."""

    def flag(error: ErrorObject) -> None:
        for message in each_message(error):
            message["localeOrigin"] = message["localeOrigin"] == REQUEST

    edit_errors(reference, flag)


@fault("CAR-ERROR-LOCALE-ORIGIN")
def locale_origin_of_causes_is_an_object(reference: Reference) -> None:
    """The localeOrigin of causes is an object with a name; those of messages are right."""

    def wrapped(error: ErrorObject) -> None:
        for cause in error["causes"]:
            cause["localeOrigin"] = {"name": cause["localeOrigin"]}

    edit_errors(reference, wrapped)


@fault("CAR-ERROR-LOCALE-ORIGIN", rare=True)
def locale_origin_is_a_list_when_forbidden(reference: Reference) -> None:
    """The localeOrigin of a 403 is a list of one."""

    def listed(error: ErrorObject) -> None:
        for message in each_message(error):
            message["localeOrigin"] = [message["localeOrigin"]]

    edit_errors(reference, listed, 403)


@fault("CAR-ERROR-TEXT", also=(FAULT,))
def text_is_a_list_of_lines(reference: Reference) -> None:
    """The text is a list of lines."""

    def lines(error: ErrorObject) -> None:
        for message in each_message(error):
            message["text"] = message["text"].splitlines()

    edit_errors(reference, lines)


@fault("CAR-ERROR-TEXT", also=(FAULT,))
def text_is_keyed_by_locale(reference: Reference) -> None:
    """The text is an object with the locale as its key."""

    def keyed(error: ErrorObject) -> None:
        for message in each_message(error):
            message["text"] = {message["locale"]: message["text"]}

    edit_errors(reference, keyed)


@fault("CAR-ERROR-TEXT", also=("CAR-ERROR-TEXT-LOCALE",))
def text_of_causes_is_a_template(reference: Reference) -> None:
    """The text of a cause is the key of its template with the parameters; those of messages are right."""
    causes = reference.errors.causes

    def templates(problem: Problem, locale: Locale) -> Any:
        rendered: Any = causes(problem, locale)
        pairs = zip(rendered, problem.causes, strict=False)
        return [{**made, "text": {"key": item.key, "parameters": dict(item.parameters)}} for made, item in pairs]

    reference.errors.causes = templates


@fault("CAR-ERROR-TEXT", also=("CAR-ERROR-TEXT-LOCALE",), rare=True)
def text_is_the_count_of_too_many_ids(reference: Reference) -> None:
    """The text of the cause of too long a list is the number of its entries."""
    message = reference.errors.message

    def counted(locale: Locale, key: str, parameters: Mapping[str, object]) -> Any:
        made: Any = message(locale, key, parameters)
        return {**made, "text": parameters["count"]} if key == "member.many" else made

    reference.errors.message = counted


@fault("CAR-ERROR-TEXT", also=("CAR-ERROR-TEXT-LOCALE",), rare=True)
def text_is_a_number_when_forbidden(reference: Reference) -> None:
    """The text of a 403 is the number of a message that nobody looked up."""

    def unresolved(error: ErrorObject) -> None:
        for message in each_message(error):
            message["text"] = 1004

    edit_errors(reference, unresolved, 403)


# --------------------------------------------------------------------------------------------------------- completeness


def drop(member: str) -> Callable[[ErrorObject], None]:
    """Return a change that takes one member away."""

    def change(error: ErrorObject) -> None:
        del error[member]

    return change


@fault("CAR-ERROR-COMPLETE", also=(FAULT,))
def no_detail_code(reference: Reference) -> None:
    """There is no detailCode."""
    edit_errors(reference, drop("detailCode"))


@fault("CAR-ERROR-COMPLETE", also=(FAULT,))
def tracking_id_only_in_a_header(reference: Reference) -> None:
    """The trackingId is sent as a header and not in the body."""
    render = reference.errors.render

    def moved(status: int, document: Any, headers: Mapping[str, str]) -> Any:
        if status not in (400, 403, 500):
            return render(status, document, headers)
        tracking_id = document.pop("trackingId")
        return render(status, document, {**headers, "X-Tracking-Id": tracking_id})

    reference.errors.render = moved


@fault("CAR-ERROR-COMPLETE", also=("CAR-ERROR-COMPLETE-MESSAGES",))
def no_messages_beside_causes(reference: Reference) -> None:
    """A 400 has causes, but no messages."""
    edit_errors(reference, drop("messages"), 400)


@fault("CAR-ERROR-COMPLETE", also=(FAULT,))
def text_is_called_message(reference: Reference) -> None:
    """The text of a message object is called ``message``."""

    def renamed(error: ErrorObject) -> None:
        for message in each_message(error):
            message["message"] = message.pop("text")

    edit_errors(reference, renamed)


@fault("CAR-ERROR-COMPLETE", also=("CAR-ERROR-DETAIL-CODE",))
def detail_code_is_null_for_unreadable_json(reference: Reference) -> None:
    """A body that cannot be read is refused with a detailCode of null."""

    def uncoded(error: ErrorObject) -> None:
        if is_unreadable(error):
            error["detailCode"] = None

    edit_errors(reference, uncoded, 400)


@fault("CAR-ERROR-COMPLETE", rare=True)
def forbidden_without_tracking_id(reference: Reference) -> None:
    """A 403 has no trackingId."""
    edit_errors(reference, drop("trackingId"), 403)


@fault("CAR-ERROR-COMPLETE", also=("CAR-ERROR-COMPLETE-MESSAGES",), rare=True)
def forbidden_without_messages(reference: Reference) -> None:
    """A 403 has a detailCode and a trackingId only."""
    edit_errors(reference, drop("messages"), 403)


@fault("CAR-ERROR-COMPLETE", also=(FAULT, "CAR-ERROR-MESSAGES", "CAR-ERROR-COMPLETE-MESSAGES"), rare=True)
def messages_null_for_an_unspoken_language(reference: Reference) -> None:
    """Who asks for a language that is not spoken gets null for messages."""
    call = call_in_hand(reference)

    def untranslated(error: ErrorObject) -> None:
        if call().accept_language and error["messages"][0]["localeOrigin"] == DEFAULT:
            error["messages"] = None

    edit_errors(reference, untranslated)


@fault("CAR-ERROR-COMPLETE", also=(FAULT,), rare=True)
def second_message_without_text(reference: Reference) -> None:
    """Who asks for a language that is not spoken gets a second message of locale ``und`` that has no text."""
    call = call_in_hand(reference)

    def undetermined(error: ErrorObject) -> None:
        if call().accept_language and error["messages"][0]["localeOrigin"] == DEFAULT:
            error["messages"].append({"locale": "und", "localeOrigin": REQUEST})

    edit_errors(reference, undetermined)


@fault("CAR-ERROR-COMPLETE", also=("CAR-ERROR-TEXT",), rare=True)
def text_is_null_for_several_rules(reference: Reference) -> None:
    """Who breaks several rules gets a message whose text is null; the causes have theirs."""

    def silent(error: ErrorObject) -> None:
        if len(error["causes"]) > 1:
            error["messages"][0]["text"] = None

    edit_errors(reference, silent, 400)


@fault("CAR-ERROR-COMPLETE-MESSAGES")
def messages_are_empty(reference: Reference) -> None:
    """``messages`` is an empty list; only the causes speak."""
    edit_errors(reference, lambda error: error.update(messages=[]), 400)


@fault("CAR-ERROR-COMPLETE-MESSAGES")
def messages_without_locale(reference: Reference) -> None:
    """Message objects have no locale."""

    def unnamed(error: ErrorObject) -> None:
        for message in each_message(error):
            del message["locale"]

    edit_errors(reference, unnamed)


@fault("CAR-ERROR-COMPLETE-MESSAGES")
def messages_without_origin(reference: Reference) -> None:
    """Message objects have no localeOrigin."""

    def unexplained(error: ErrorObject) -> None:
        for message in each_message(error):
            del message["localeOrigin"]

    edit_errors(reference, unexplained)


@fault("CAR-ERROR-COMPLETE-MESSAGES", rare=True)
def causes_are_null_when_there_are_none(reference: Reference) -> None:
    """Where there is no cause, as in a 403, ``causes`` is null."""
    edit_errors(reference, lambda error: error.update(causes=error["causes"] or None))


@fault("CAR-ERROR-COMPLETE-MESSAGES", rare=True)
def messages_are_empty_when_forbidden(reference: Reference) -> None:
    """A 403 has an empty list of messages."""
    edit_errors(reference, lambda error: error.update(messages=[]), 403)


# --------------------------------------------------------------------------------------------------------------- leaks


@fault("CAR-ERROR-NO-LEAK")
def stack_trace_for_unreadable_json(reference: Reference) -> None:
    """The cause of a 400 for a body that is no JSON ends with the parser's stack trace."""
    add_to_causes(reference, "body.json", JAVA_TRACE)


@fault("CAR-ERROR-NO-LEAK", rare=True)
def traceback_for_a_wrong_item(reference: Reference) -> None:
    """The cause of a 400 for an item that is no string ends with a traceback."""
    add_to_causes(reference, "item.text", PYTHON_TRACE)


@fault("CAR-ERROR-NO-LEAK", rare=True)
def query_for_too_many_ids(reference: Reference) -> None:
    """The cause of a 400 for too long a list shows the database's query."""
    query = "[SELECT r.id, r.state FROM spt_identity_request r WHERE r.id IN (?, ?, ?, ?) FOR UPDATE]"
    add_to_causes(reference, "member.many", f"could not extract ResultSet; SQL {query}")


@fault("CAR-ERROR-NO-LEAK", rare=True)
def file_path_for_a_wrong_status(reference: Reference) -> None:
    """The cause of a 400 for an unknown status names a file of the server."""
    add_to_causes(reference, "member.choice", r"(D:\Services\Requests\Validation\StatusValidator.cs:line 118)")


@fault("CAR-ERROR-NO-LEAK", rare=True)
def trace_member_in_a_fault(reference: Reference) -> None:
    """A 500 has a further member with the stack trace, as Spring Boot adds it when told to."""
    edit_errors(reference, lambda error: error.update(trace=JAVA_TRACE), 500)


@fault("CAR-ERROR-NO-LEAK")
def enumeration_class_for_a_wrong_status(reference: Reference) -> None:
    """The cause of a 400 for an unknown status is the serializer's message, which names the class of the enumeration (Jackson)."""
    text = 'Cannot deserialize value of type `access.CloseRequest$ExecutionStatus` from String "x": not one of the values accepted for Enum class'
    add_to_causes(reference, "member.choice", text)


@fault("CAR-ERROR-NO-LEAK", rare=True)
def reference_chain_for_ids_that_are_no_list(reference: Reference) -> None:
    """The cause of a 400 for ids that are no list ends with the serializer's chain of references (Jackson)."""
    add_to_causes(reference, "member.list", '(through reference chain: com.acme.dto.CloseRequest["accessRequestIds"])')


@fault("CAR-ERROR-NO-LEAK", rare=True)
def exception_class_for_a_body_that_is_no_object(reference: Reference) -> None:
    """The cause of a 400 for a body that is no object begins with the name of an exception (.NET)."""
    text = "System.Text.Json.JsonException: The JSON value could not be converted. Path: $.accessRequestIds | LineNumber: 0 | BytePositionInLine: 2."
    add_to_causes(reference, "body.object", text)


@fault("CAR-ERROR-NO-LEAK", rare=True)
def struct_field_for_a_wrong_item(reference: Reference) -> None:
    """The cause of a 400 for an item that is no string names the field of a struct and its type (Go's encoding/json)."""
    add_to_causes(reference, "item.text", "json: cannot unmarshal number into Go struct field CloseRequest.accessRequestIds of type string")


@fault("CAR-ERROR-NO-LEAK", rare=True)
def validator_address_for_a_wrong_message(reference: Reference) -> None:
    """The cause of a 400 for a message or status that is no string is the validator's own text, with the address of its manual (pydantic)."""
    text = "Input should be a valid string [type=string_type, input_value=7, input_type=int]\n    For further information visit https://errors.pydantic.dev/2.5/v/string_type"
    add_to_causes(reference, "member.text", text)


@fault("CAR-ERROR-NO-LEAK", rare=True)
def key_error_for_missing_ids(reference: Reference) -> None:
    """The cause of a 400 for a body without ids is the text of a KeyError (Python)."""
    add_to_causes(reference, "member.missing", "KeyError: 'accessRequestIds'")


@fault("CAR-ERROR-NO-LEAK", rare=True)
def database_driver_in_a_fault(reference: Reference) -> None:
    """The text of a 500 is the database driver's (psycopg2)."""

    def told(error: ErrorObject) -> None:
        error["messages"][0]["text"] = "(psycopg2.errors.StringDataRightTruncation) value too long for type character varying(255)"

    edit_errors(reference, told, 500)
