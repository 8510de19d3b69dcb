"""An error object may say more than the documentation asks for, and say it in its own words."""

# mypy: disable-error-code="method-assign"
from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable, Mapping

from closecheck.deviations.deviation import variant
from closecheck.reference import Reference
from closecheck.reference.errors import BadContent, Problem, cause
from closecheck.reference.localization import Locale
from closecheck.reference.model import Closing

Document = dict[str, object]


def change(reference: Reference, apply: Callable[[Document, Problem, Locale], Document]) -> None:
    """Make another error object of the usual one."""
    plain = reference.errors.document
    reference.errors.document = lambda problem, locale: apply(plain(problem, locale), problem, locale)


def reword(reference: Reference, words: Callable[[str, Mapping[str, object]], str]) -> None:
    """Change the text of every message object."""
    plain = reference.localizer.text
    reference.localizer.text = lambda tag, key, parameters: words(plain(tag, key, parameters), parameters)


# ------------------------------------------------------------------------------------------------- more members


@variant()
def more_members(reference: Reference) -> None:
    """An error object has the members that a well-known framework adds."""

    def apply(document: Document, problem: Problem, _: Locale) -> Document:
        more = {"timestamp": int(time.time() * 1000), "status": problem.status, "error": "Refused", "path": "close"}
        return {**more, **document, "errors": [{"code": 1}], "extra": None}

    change(reference, apply)


@variant()
def more_members_like_a_problem(reference: Reference) -> None:
    """An error object has the members of a problem document (RFC 9457) beside its own."""

    def apply(document: Document, problem: Problem, _: Locale) -> Document:
        more = {"type": "https://errors.example.org/close", "title": "Refused", "status": problem.status}
        return {**more, "instance": "/v2024/access-requests/close", **document}

    change(reference, apply)


@variant()
def more_members_in_messages(reference: Reference) -> None:
    """Message objects have members that the documentation does not know."""
    plain = reference.errors.message

    def message(locale: Locale, key: str, parameters: Mapping[str, object]) -> object:
        written = plain(locale, key, parameters)
        assert isinstance(written, dict)
        return {"key": key, "parameters": [], **written, "severity": "ERROR", "help": None}

    reference.errors.message = message


@variant()
def tracking_id_in_a_field(reference: Reference) -> None:
    """An error's trackingId is also in a header field, and Content-Language names its language."""
    plain = reference.errors.render

    def render(status: int, document: object, headers: Mapping[str, str]) -> object:
        if isinstance(document, dict) and "trackingId" in document:
            more = {"X-Tracking-Id": str(document["trackingId"]), "Content-Language": document["messages"][0]["locale"]}
            headers = {**headers, **more, "Vary": "Accept-Language"}
        return plain(status, document, headers)

    reference.errors.render = render  # type: ignore[assignment]


# ------------------------------------------------------------------------------------------------- causes, messages


@variant()
def no_causes(reference: Reference) -> None:
    """An error object has no causes member."""
    change(reference, lambda document, *_: {key: value for key, value in document.items() if key != "causes"})


@variant()
def empty_causes(reference: Reference) -> None:
    """An error's causes are always an empty list."""
    change(reference, lambda document, *_: {**document, "causes": []})


@variant()
def causes_repeat_messages(reference: Reference) -> None:
    """An error's causes are its messages, as in the vendor's example."""
    change(reference, lambda document, *_: {**document, "causes": document["messages"]})


@variant()
def first_cause_only(reference: Reference) -> None:
    """Only the first thing that is wrong is named."""
    reference.errors.max_causes = 1


@variant()
def all_causes(reference: Reference) -> None:
    """Everything that is wrong is named, however long that makes the answer."""
    reference.errors.max_causes = 100_000


@variant()
def causes_without_locale(reference: Reference) -> None:
    """The locale and the origin of a cause are null, which their types allow: causes are plain text, not localized."""

    def apply(document: Document, *_: object) -> Document:
        causes = document["causes"]
        assert isinstance(causes, list)
        return {**document, "causes": [{**item, "locale": None, "localeOrigin": None} for item in causes]}

    change(reference, apply)


@variant()
def causes_of_text_alone(reference: Reference) -> None:
    """A cause has a text and nothing else: nothing in a message object is marked as required."""

    def apply(document: Document, *_: object) -> Document:
        causes = document["causes"]
        assert isinstance(causes, list)
        return {**document, "causes": [{"text": item["text"]} for item in causes]}

    change(reference, apply)


@variant()
def three_messages(reference: Reference) -> None:
    """An error has three messages, and what causes it stands among them."""

    def apply(document: Document, problem: Problem, locale: Locale) -> Document:
        more = [reference.errors.message(locale, key, {}) for key in ("content", "internal")]
        return {**document, "messages": [reference.errors.message(locale, problem.message, {}), *more]}

    change(reference, apply)


# ------------------------------------------------------------------------------------------------- codes, ids


@variant()
def tracking_id_uuid(reference: Reference) -> None:
    """The trackingId is a UUID."""
    reference.errors.tracking_id = lambda: str(uuid.uuid4())


@variant()
def tracking_id_number(reference: Reference) -> None:
    """The trackingId is a counted number as text."""
    numbers = itertools.count(1)
    reference.errors.tracking_id = lambda: str(next(numbers))


@variant()
def tracking_id_long(reference: Reference) -> None:
    """The trackingId is a text of three hundred characters with blanks, marks and letters beyond ASCII."""
    numbers = itertools.count(1)
    reference.errors.tracking_id = lambda: f"pod/öst:{next(numbers)} " + "x" * 290


def code(reference: Reference, words: Callable[[Problem], str]) -> None:
    """Write the detail code so."""
    reference.errors.detail_code = lambda problem: words(problem)


@variant()
def detail_code_is_the_status(reference: Reference) -> None:
    """The detail code is the bare status."""
    code(reference, lambda problem: str(problem.status))


@variant()
def detail_code_is_a_name(reference: Reference) -> None:
    """The detail code is a name in capitals that does not speak of the status."""
    code(reference, lambda problem: f"IDN_{problem.message.upper()}")


@variant()
def detail_code_names_the_cause(reference: Reference) -> None:
    """The detail code is finer than the vendor's: it names the first cause."""

    def words(problem: Problem) -> str:
        return f"{problem.status}.{problem.causes[0].key if problem.causes else 0}: größerer Zusammenhang"

    code(reference, words)


# ------------------------------------------------------------------------------------------------- texts


@variant()
def long_texts(reference: Reference) -> None:
    """Every text has more than five thousand characters."""
    reword(reference, lambda text, _: f"{text} " * 200)


@variant()
def texts_with_markup(reference: Reference) -> None:
    """Texts have markup, entities, line breaks, quotation marks, braces and emoji in them."""
    reword(reference, lambda text, _: f'<b class="e">{text}</b><br/>\r\n\t&amp; "{{0}}" %s \\u0041 \u2028 😀 <!-- -->')


@variant()
def texts_with_blanks(reference: Reference) -> None:
    """Texts begin and end with white space."""
    reword(reference, lambda text, _: f" \t{text}\n ")


@variant()
def texts_name_an_address(reference: Reference) -> None:
    """Texts end with the address of a page that explains the error."""
    reword(reference, lambda text, _: f"{text} (https://developer.example.org/errors?code=400.1#close)")


@variant()
def texts_name_the_parameters(reference: Reference) -> None:
    """Texts end with what they speak of: the member, the number of entries, the limit."""
    reword(reference, lambda text, parameters: f"{text} {dict(parameters)!r}" if parameters else text)


@variant()
def texts_look_like_code(reference: Reference) -> None:
    """Texts have pointers, media types, dotted codes, names of members and sentences without a blank between them; none names a class."""
    more = (
        "At /accessRequestIds/0, $.accessRequestIds[0] or CloseAccessRequest.accessRequestIds.The type is application/json.See java.com.",
        "ValidationException close.request.invalid 400.1.Final https://developer.example.org/usr/docs/close#com.acme",
    )
    reword(reference, lambda text, _: f"{text} {more[0]} ({more[1]})")


@variant()
def refused_values_are_repeated(reference: Reference) -> None:
    """An error repeats the statuses, the message and the unknown names that it was sent; half a surrogate pair is written as an escape."""
    plain = reference.rules.check

    def check(value: object) -> Closing:
        try:
            return plain(value)
        except BadContent as refused:
            members = value.items() if isinstance(value, dict) else ()
            sent = [json.dumps([name, one]) for name, one in members if name != "accessRequestIds"]
            raise BadContent(*(cause(one.key, **{**one.parameters, "sent": " ".join(sent)[:2000]}) for one in refused.causes)) from None

    reference.rules.check = check
    reword(reference, lambda text, parameters: f"{text} {parameters.get('sent', '')}")
