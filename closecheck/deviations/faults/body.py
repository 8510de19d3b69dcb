"""Faults in how bytes become a JSON object: presence, syntax, encoding, media type. What the object says comes later."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Callable
from typing import Any

import yaml

from closecheck.deviations.deviation import fault
from closecheck.deviations.faults._tools import REFUSALS, accept, add_step, cut, edit, fail, fold_names, refuse, unprocessable
from closecheck.reference import End, Reference
from closecheck.reference.errors import BadContent, BadSyntax, Cause, InternalFault, Problem, cause
from closecheck.reference.operation import Call

JSON = json.JSONDecoder()
MEMBERS = ("accessRequestIds", "message", "executionStatus", "completionStatus")


# CAR-BODY-REQUIRED


@fault("CAR-BODY-REQUIRED")
def empty_body_accepted(reference: Reference) -> None:
    """Without a body there is nothing to validate, and the answer is 202."""
    accept(reference, lambda call: not call.body, before="read")


@fault("CAR-BODY-REQUIRED", rare=True)
def blank_body_accepted(reference: Reference) -> None:
    """A body of white space passes as if there were nothing to validate; an empty one is refused."""
    accept(reference, lambda call: call.body != b"" and not call.body.strip(), before="read")


@fault("CAR-BODY-REQUIRED", also=("CAR-OP-NO-500",))
def empty_body_with_500(reference: Reference) -> None:
    """An empty body is answered 500: the parser meets the end of its input."""
    fail(reference, lambda call: not call.body, before="read")


@fault("CAR-BODY-REQUIRED", also=("CAR-OP-NO-500",), rare=True)
def line_breaks_with_500(reference: Reference) -> None:
    """A body of line breaks alone is answered 500; blanks and an empty body are refused as they ought to be."""
    fail(reference, lambda call: call.body != b"" and not call.body.strip(b"\r\n"), before="read")


@fault("CAR-BODY-REQUIRED", also=("CAR-OP-STATUS",))
def empty_body_with_411(reference: Reference) -> None:
    """An empty body is answered 411, although its length was sent."""
    refuse(reference, lambda call: not call.body, lambda: Problem(411, "411 Length Required", "syntax"), before="read")


@fault("CAR-BODY-REQUIRED", "CAR-OP-ANSWERS", slow=True)
def empty_body_awaited(reference: Reference) -> None:
    """An empty body is waited for: the answer never comes."""
    cut(reference, lambda call: not call.body, End.HANG, before="read")


# CAR-BODY-JSON


@fault("CAR-BODY-JSON", also=("CAR-BODY-JSON-STRICT",))
def reading_ends_after_ids(reference: Reference) -> None:
    """The stream is read up to the end of the list of ids: whatever is missing behind it goes unnoticed."""

    def repair(text: str) -> object:
        match = re.match(r'\s*{\s*"accessRequestIds"\s*:\s*(?=\[)', text)
        return {"accessRequestIds": JSON.raw_decode(text, match.end())[0]} if match else refused()

    second_try(reference, repair)


@fault("CAR-BODY-JSON", rare=True)
def last_brace_supplied(reference: Reference) -> None:
    """A body that lacks nothing but its last brace is repaired."""
    second_try(reference, lambda text: JSON.decode(text + "}"))


@fault("CAR-BODY-JSON-STRICT", also=("CAR-BODY-JSON",), rare=True)
def yaml_understood(reference: Reference) -> None:
    """What has no brackets is read as YAML: lines of `name: value` are a body too."""
    second_try(reference, lambda text: refused() if text.lstrip().startswith(("{", "[")) else yaml.safe_load(text))


@fault("CAR-BODY-JSON", rare=True)
def form_understood(reference: Reference) -> None:
    """What is no JSON is read as a form, whatever its media type says."""

    def repair(text: str) -> object:
        form = urllib.parse.parse_qs(text, strict_parsing=True)
        ids = form.pop("accessRequestIds")
        return {"accessRequestIds": ids, **{name: values[0] for name, values in form.items()}}

    second_try(reference, repair)


@fault("CAR-BODY-JSON", also=("CAR-BODY-JSON-STRICT", "CAR-BODY-MEDIA-TYPE"))
def plain_text_accepted(reference: Reference) -> None:
    """What does not begin like JSON is logged as opaque text, and answered 202."""
    accept(reference, lambda call: re.match(rb"\s*[A-Za-z]", call.body) is not None and not is_json(call.body), before="read")


@fault("CAR-BODY-JSON", also=("CAR-OP-STATUS",), rare=True)
def markup_with_415(reference: Reference) -> None:
    """A body that begins like markup is answered 415, although it is declared as JSON."""
    refuse(
        reference,
        lambda call: call.body.lstrip().startswith(b"<"),
        lambda: Problem(415, "415 Unsupported Media Type", "syntax"),
        before="read",
    )


@fault("CAR-BODY-JSON", "CAR-OP-ANSWERS", rare=True)
def binary_body_dropped(reference: Reference) -> None:
    """A body with NUL bytes in it makes the connection drop."""
    cut(reference, lambda call: b"\0" in call.body, End.ABORT, before="read")


# CAR-BODY-JSON-STRICT


@fault("CAR-BODY-JSON-STRICT")
def trailing_commas_accepted(reference: Reference) -> None:
    """A comma behind the last entry or member is overlooked."""
    second_try(reference, lambda text: JSON.decode(re.sub(r",(\s*[\]}])", r"\1", text)))


@fault("CAR-BODY-JSON-STRICT", rare=True)
def single_quotes_accepted(reference: Reference) -> None:
    """Single quotes are taken for double ones."""
    second_try(reference, lambda text: JSON.decode(text.replace("'", '"')))


@fault("CAR-BODY-JSON-STRICT", rare=True)
def comments_accepted(reference: Reference) -> None:
    """Comments are skipped, as in JavaScript."""
    second_try(reference, lambda text: JSON.decode(re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)))


@fault("CAR-BODY-JSON-STRICT", rare=True)
def nan_accepted(reference: Reference) -> None:
    """NaN and Infinity are numbers, as in Python."""
    reference.reader.refuse_constant = float  # type: ignore[assignment]


@fault("CAR-BODY-JSON-STRICT", rare=True)
def text_after_value_accepted(reference: Reference) -> None:
    """Reading ends with the value, and what follows is left in the stream."""
    second_try(reference, lambda text: JSON.raw_decode(text.lstrip())[0])


@fault("CAR-BODY-JSON-STRICT", rare=True)
def bytes_after_value_unread(reference: Reference) -> None:
    """Reading ends with the value: the bytes that follow are not even decoded."""
    read = reference.reader.decode

    def cut_off(body: bytes) -> str:
        text = body.decode(errors="replace")
        try:
            end = JSON.raw_decode(text.lstrip())[1] + len(text) - len(text.lstrip())
        except (ValueError, RecursionError):
            return read(body)
        return text[:end] if "\ufffd" not in text[:end] else read(body)

    reference.reader.decode = cut_off


@fault("CAR-BODY-JSON-STRICT", rare=True)
def unusual_numbers_accepted(reference: Reference) -> None:
    """A number may have a plus sign or leading zeros, and a lone minus sign is one, too."""

    def usual(text: str) -> object:
        return JSON.decode(re.sub(r"(:\s*)(?:\+|-(?!\d)|0+(?=\d))(\d*)", lambda found: f"{found[1]}{int(found[2] or 0)}", text))

    second_try(reference, usual)


@fault("CAR-BODY-OBJECT", also=("CAR-BODY-JSON-STRICT",), rare=True)
def lone_minus_counts_as_no_body(reference: Reference) -> None:
    """A lenient reader takes a lone minus sign for the number 0, and 0 passes for no body: nothing is validated."""
    second_try(reference, lambda text: 0.0 if text.strip() == "-" else refused())
    accept(reference, lambda call: isinstance(call.value, float) and not call.value)


@fault("CAR-BODY-JSON-STRICT", rare=True)
def encoding_is_detected(reference: Reference) -> None:
    """The reader finds out by itself in which Unicode encoding a body comes (RFC 4627), as Python's and Jackson's do."""
    read = reference.reader.decode

    def detected(body: bytes) -> str:
        encoding = json.detect_encoding(body)
        return read(body) if encoding.startswith("utf-8") else body.decode(encoding)

    reference.reader.decode = detected


@fault("CAR-BODY-JSON-STRICT", rare=True)
def raw_line_breaks_accepted(reference: Reference) -> None:
    """A string may hold line breaks and tabs that are not escaped."""
    second_try(reference, lambda text: json.loads(text, strict=False, parse_int=float))


# CAR-BODY-JSON-FORMS


@fault("CAR-BODY-JSON-FORMS")
def ids_must_come_first(reference: Reference) -> None:
    """A streaming reader wants accessRequestIds as the first member."""
    refuse(reference, lambda call: next(iter(call.value)) != "accessRequestIds")  # type: ignore[call-overload]


@fault("CAR-BODY-JSON-FORMS", also=("CAR-STATUS-COMBINATIONS",), rare=True)
def execution_must_precede_completion(reference: Reference) -> None:
    """A completionStatus in front of the executionStatus is refused."""

    def reversed_order(call: Call) -> bool:
        names = list(call.value)  # type: ignore[call-overload]
        return {"executionStatus", "completionStatus"} <= set(names) and names.index("completionStatus") < names.index("executionStatus")

    refuse(reference, reversed_order)


@fault("CAR-BODY-JSON-FORMS", rare=True)
def leading_white_space_refused(reference: Reference) -> None:
    """The first byte must be the brace."""
    refuse_text(reference, lambda text: not text.startswith(("{", "[")))


@fault("CAR-BODY-JSON-FORMS", rare=True)
def trailing_line_break_refused(reference: Reference) -> None:
    """A line break behind the last brace is refused as text after the value."""
    refuse_text(reference, lambda text: text.endswith("\n"))


@fault("CAR-BODY-JSON-FORMS", rare=True)
def tab_between_tokens_refused(reference: Reference) -> None:
    """Between tokens blanks and line breaks are skipped, tabs are not."""
    refuse_text(reference, lambda text: "\t" in text)


@fault("CAR-BODY-JSON-FORMS", rare=True)
def blank_before_colon_refused(reference: Reference) -> None:
    """The colon must follow the member's name at once."""
    refuse_text(reference, lambda text: re.search(r'"(?:accessRequestIds|message|executionStatus|completionStatus)"\s+:', text))


@fault("CAR-BODY-JSON-FORMS", rare=True)
def white_space_over_1024_refused(reference: Reference) -> None:
    """More than 1,024 characters of white space in a row are refused."""
    refuse_text(reference, lambda text: re.search(r"[ \t\r\n]{1025}", text))


@fault("CAR-BODY-JSON-FORMS", rare=True)
def escaped_names_unknown(reference: Reference) -> None:
    """Names of members are compared before their escapes are resolved."""
    refuse_text(reference, lambda text: re.search(r'[{,]\s*"\w*\\u[0-9A-Fa-f]{4}\w*"\s*:', text))


@fault("CAR-BODY-JSON-FORMS", also=("CAR-EXECUTION-VALUES", "CAR-COMPLETION-VALUES", "CAR-STATUS-COMBINATIONS"), rare=True)
def escaped_statuses_unknown(reference: Reference) -> None:
    """The statuses are compared before their escapes are resolved."""
    refuse_text(reference, lambda text: re.search(r'Status"\s*:\s*"\w*\\', text))


@fault("CAR-BODY-JSON-FORMS", rare=True)
def escaped_ids_refused(reference: Reference) -> None:
    """An id in which a digit is escaped is refused."""
    refuse_text(reference, lambda text: re.search(r'[\[,]\s*"[0-9a-f]*\\u00', text))


@fault("CAR-BODY-JSON-FORMS", also=("CAR-MESSAGE-TEXT",), rare=True)
def escaped_slash_refused(reference: Reference) -> None:
    r"""The escape \/ is unknown."""
    refuse_text(reference, lambda text: re.search(r"(?<!\\)(?:\\\\)*\\/", text))


@fault("CAR-BODY-JSON-FORMS", also=("CAR-MESSAGE-TEXT",), rare=True)
def surrogate_pairs_refused(reference: Reference) -> None:
    """A character beyond the basic plane that is written as two escapes is refused."""
    refuse_text(reference, lambda text: re.search(r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F]", text))


@fault("CAR-BODY-JSON-FORMS", also=("CAR-MESSAGE-TEXT",), rare=True)
def escapes_in_capitals_refused(reference: Reference) -> None:
    """Escapes are understood with lower-case hexadecimal digits only."""
    refuse_text(reference, lambda text: re.search(r"(?<!\\)(?:\\\\)*\\u[0-9a-f]{0,3}[A-F]", text))


# CAR-BODY-NAMES


@fault("CAR-BODY-NAMES")
def names_in_any_case(reference: Reference) -> None:
    """Every member is found in any letter case, as ASP.NET finds it by default; of two spellings the last counts."""
    edit(reference, lambda body: fold_names(body, MEMBERS))


@fault("CAR-BODY-NAMES", rare=True)
def name_of_the_message_in_any_case(reference: Reference) -> None:
    """The message is found in any letter case, the other members are not."""
    edit(reference, lambda body: fold_names(body, ("message",)))


@fault("CAR-BODY-NAMES", rare=True)
def names_of_statuses_in_any_case(reference: Reference) -> None:
    """The two statuses are found in any letter case; a name that is still unknown is refused, as with DisallowUnknownFields in Go."""

    async def step(call: Call) -> None:
        if isinstance(call.value, dict):
            fold_names(call.value, ("executionStatus", "completionStatus"))
            if set(call.value) - set(MEMBERS):
                raise BadContent

    add_step(reference, step, before="validate")


@fault("CAR-BODY-NAMES", rare=True)
def name_of_the_execution_in_small_letters(reference: Reference) -> None:
    """The name executionstatus, in small letters alone, does for executionStatus: the column of the table is called so."""

    def fold(body: dict[str, Any]) -> None:
        if "executionstatus" in body:
            body["executionStatus"] = body.pop("executionstatus")

    edit(reference, fold)


# CAR-BODY-UTF8


@fault("CAR-BODY-UTF8", "CAR-OP-NO-500", also=("CAR-BODY-JSON", "CAR-BODY-JSON-STRICT"))
def bad_utf8_with_500(reference: Reference) -> None:
    """Bytes that are not UTF-8 are answered 500: nobody catches the decoder's exception."""
    bad_utf8(reference, InternalFault)


@fault("CAR-BODY-UTF8", also=("CAR-OP-STATUS", "CAR-BODY-JSON", "CAR-BODY-JSON-STRICT"))
def bad_utf8_with_415(reference: Reference) -> None:
    """Bytes that are not UTF-8 are answered 415, although the media type is right."""
    bad_utf8(reference, lambda: Problem(415, "415 Unsupported Media Type", "syntax"))


@fault("CAR-BODY-UTF8", "CAR-OP-NO-500", rare=True)
def encoded_surrogates_with_500(reference: Reference) -> None:
    """A surrogate that is encoded as if it were a character is answered 500; other bad bytes are refused."""
    fail(reference, lambda call: re.search(rb"\xed[\xa0-\xbf][\x80-\xbf]", call.body) is not None, before="read")


@fault("CAR-BODY-UTF8", "CAR-OP-ANSWERS", rare=True)
def cut_character_dropped(reference: Reference) -> None:
    """A character of several bytes that is cut off by the closing quote makes the connection drop."""
    cut(
        reference,
        lambda call: re.search(rb'[\xc2-\xf4][\x80-\xbf]{0,2}"', call.body) is not None and not is_utf8(call.body),
        End.ABORT,
        before="read",
    )


# CAR-BODY-OBJECT


@fault("CAR-BODY-OBJECT")
def null_body_accepted(reference: Reference) -> None:
    """The body null passes for no body, and nothing is validated."""
    accept(reference, lambda call: call.value is None)


@fault("CAR-BODY-OBJECT", also=("CAR-OP-NO-500",))
def null_body_with_500(reference: Reference) -> None:
    """The body null is answered 500: its members are asked for."""
    fail(reference, lambda call: call.value is None, before="validate")


@fault("CAR-BODY-OBJECT", rare=True)
def falsy_body_accepted(reference: Reference) -> None:
    """A body that is false, 0 or an empty text passes for no body, and nothing is validated."""
    accept(reference, lambda call: isinstance(call.value, bool | float | str) and not call.value)


@fault("CAR-BODY-OBJECT", rare=True)
def empty_array_accepted(reference: Reference) -> None:
    """An empty array passes for null, and null for no body, as Jackson can be told."""
    accept(reference, lambda call: call.value == [])


@fault("CAR-BODY-OBJECT")
def array_of_ids_accepted(reference: Reference) -> None:
    """An array of texts is taken for the list of ids itself."""
    reread(reference, lambda value: {"accessRequestIds": value} if isinstance(value, list) else value)


@fault("CAR-BODY-OBJECT", rare=True)
def single_object_unwrapped(reference: Reference) -> None:
    """An array of one object is taken for the object."""
    reread(reference, lambda value: value[0] if isinstance(value, list) and len(value) == 1 else value)


@fault("CAR-BODY-OBJECT", rare=True)
def json_in_text_unwrapped(reference: Reference) -> None:
    """A text that holds JSON is parsed a second time."""

    def unwrap(value: object) -> object:
        return json.loads(value) if isinstance(value, str) and is_json(value.encode(errors="replace")) else value

    reread(reference, unwrap)


@fault("CAR-BODY-OBJECT", also=("CAR-OP-STATUS",), rare=True)
def scalar_body_with_422(reference: Reference) -> None:
    """A text, a number, true and false as the body are answered 422; null and arrays are answered 400."""
    refuse(reference, lambda call: isinstance(call.value, str | float | bool), unprocessable, before="validate")


# CAR-BODY-MEDIA-TYPE


@fault("CAR-BODY-MEDIA-TYPE")
def any_media_type_accepted(reference: Reference) -> None:
    """The media type is not looked at."""
    reference.reader.check_media_type = lambda content_types: None


@fault("CAR-BODY-MEDIA-TYPE")
def missing_media_type_accepted(reference: Reference) -> None:
    """A body without Content-Type is taken for JSON."""
    media_types(reference, lambda named: named == [])


@fault("CAR-BODY-MEDIA-TYPE", rare=True)
def plain_text_type_accepted(reference: Reference) -> None:
    """A body called text/plain is read as JSON: browsers send it so without asking."""
    media_types(reference, lambda named: named == ["text/plain"])


@fault("CAR-BODY-MEDIA-TYPE", rare=True)
def form_type_accepted(reference: Reference) -> None:
    """A body called application/x-www-form-urlencoded is read as JSON, for the sake of curl -d."""
    media_types(reference, lambda named: named == ["application/x-www-form-urlencoded"])


@fault("CAR-BODY-MEDIA-TYPE", rare=True)
def media_type_by_prefix(reference: Reference) -> None:
    """Whatever begins with application/json is JSON: application/json-patch+json too."""
    media_types(reference, lambda named: len(named) == 1 and named[0].startswith("application/json"))


@fault("CAR-BODY-MEDIA-TYPE", also=("CAR-OP-NO-500",))
def missing_media_type_with_500(reference: Reference) -> None:
    """A body without Content-Type is answered 500: the header's value is taken apart unseen."""
    fail(reference, lambda call: "content-type" not in call.headers and call.body != b"", before="read")


@fault("CAR-BODY-MEDIA-TYPE")
def other_media_type_with_406(reference: Reference) -> None:
    """A body under another media type is answered 406, which is about Accept."""
    refuse(
        reference,
        lambda call: bool(call.body) and call.headers.get("content-type", "").partition(";")[0].strip(" \t").lower() != "application/json",
        lambda: Problem(406, "406 Not Acceptable", "syntax"),
        before="read",
    )


# CAR-BODY-MEDIA-PARAMS


@fault("CAR-BODY-MEDIA-PARAMS")
def charset_refused(reference: Reference) -> None:
    """Content-Type must be application/json and nothing else: a charset is refused with 400."""
    content_type(reference, lambda value: ";" in value)


@fault("CAR-BODY-MEDIA-PARAMS", also=("CAR-OP-STATUS",), rare=True)
def quoted_charset_with_415(reference: Reference) -> None:
    """A charset in quotes is unknown, and answered 415."""
    content_type(reference, lambda value: 'charset="' in value.lower(), Problem(415, "415 Unsupported Media Type", "syntax"))


@fault("CAR-BODY-MEDIA-PARAMS", rare=True)
def media_type_in_capitals_refused(reference: Reference) -> None:
    """The media type is compared with regard to case."""
    content_type(reference, lambda value: not value.startswith("application/json"))


@fault("CAR-BODY-MEDIA-PARAMS", rare=True)
def charset_in_capitals_refused(reference: Reference) -> None:
    """charset=UTF-8 is refused, charset=utf-8 is taken."""
    content_type(reference, lambda value: "=UTF-8" in value or '="UTF-8' in value)


@fault("CAR-BODY-MEDIA-PARAMS", rare=True)
def blank_before_semicolon_refused(reference: Reference) -> None:
    """White space between the media type and the semicolon is refused."""
    content_type(reference, lambda value: re.search(r"[ \t];", value) is not None)


@fault("CAR-BODY-MEDIA-PARAMS", rare=True)
def charset_without_blank_refused(reference: Reference) -> None:
    """The semicolon must be followed by a blank: application/json;charset=utf-8 is refused."""
    content_type(reference, lambda value: re.search(r";[^ ]", value) is not None)


@fault("CAR-BODY-MEDIA-PARAMS", rare=True)
def unknown_parameter_refused(reference: Reference) -> None:
    """A parameter other than charset is refused."""
    content_type(reference, lambda value: re.search(r";\s*(?!charset\b)\w+=", value, re.IGNORECASE) is not None)


# CAR-BODY-FRAMING


@fault("CAR-BODY-FRAMING")
def chunked_body_ignored(reference: Reference) -> None:
    """Content-Length alone says whether there is a body: a chunked one is taken for none."""

    async def step(call: Call) -> None:
        if is_chunked(call):
            call.body = b""

    add_step(reference, step, before="read")


@fault("CAR-BODY-FRAMING", also=("CAR-OP-NO-500",))
def chunked_body_with_500(reference: Reference) -> None:
    """A chunked body is answered 500: Content-Length is read without a look."""
    fail(reference, is_chunked, before="read")


@fault("CAR-BODY-FRAMING", also=("CAR-OP-STATUS", "CAR-OP-NO-500"))
def chunked_body_with_501(reference: Reference) -> None:
    """A chunked body is answered 501, as if the transfer coding were unknown."""
    refuse(reference, is_chunked, lambda: Problem(501, "501 Not Implemented", "syntax"), before="read")


@fault("CAR-BODY-FRAMING", "CAR-OP-ANSWERS", slow=True)
def chunked_body_hangs(reference: Reference) -> None:
    """A chunked body is waited for although it is there: the answer never comes."""
    cut(reference, is_chunked, End.HANG, before="read")


@fault(
    "CAR-BODY-FRAMING", also=(*REFUSALS, "CAR-LIFE-COMPLETED", "CAR-LIFE-CLOSED"), rare=True
)  # what is accepted unread is never carried out
def chunked_body_unchecked(reference: Reference) -> None:
    """A chunked body passes by the validating filter, and is answered 202 whatever it says."""
    accept(reference, is_chunked, before="read")


@fault("CAR-BODY-FRAMING", also=("CAR-IDS-RANGE",), rare=True)
def chunked_body_cut_at_8192(reference: Reference) -> None:
    """Of a chunked body the first 8,192 bytes are read."""

    async def step(call: Call) -> None:
        if is_chunked(call):
            call.body = call.body[:8192]

    add_step(reference, step, before="read")


def refused() -> object:
    """Raise what a parser raises."""
    raise ValueError


def second_try(reference: Reference, repair: Callable[[str], object]) -> None:
    """Read a text that is no JSON in another way, which may raise in its turn."""
    parse = reference.reader.parse

    def parsed(text: str) -> object:
        try:
            return parse(text)
        except BadSyntax:
            try:
                return repair(text)
            except (ValueError, KeyError, RecursionError, yaml.YAMLError):
                raise BadSyntax(cause("body.json")) from None

    reference.reader.parse = parsed


def refuse_text(reference: Reference, when: Callable[[str], object]) -> None:
    """Refuse texts of which ``when`` is true as if they were no JSON."""
    parse = reference.reader.parse

    def parsed(text: str) -> object:
        if when(text):
            raise BadSyntax(cause("body.json"))
        return parse(text)

    reference.reader.parse = parsed


def bad_utf8(reference: Reference, problem: Callable[[], Problem]) -> None:
    """Answer bytes that are not UTF-8 with another problem."""
    refuse(reference, lambda call: not is_utf8(call.body), problem, before="read")


def reread(reference: Reference, change: Callable[[Any], object]) -> None:
    """Take what ``change`` makes of the body's value for the value."""

    async def step(call: Call) -> None:
        call.value = change(call.value)

    add_step(reference, step, before="validate")


def media_types(reference: Reference, when: Callable[[list[str]], bool]) -> None:
    """Read bodies under further media types, given in lower case and without parameters."""
    check = reference.reader.check_media_type

    def checked(content_types: list[str]) -> None:
        if not when([value.partition(";")[0].strip(" \t").lower() for value in content_types]):
            check(content_types)

    reference.reader.check_media_type = checked


def content_type(reference: Reference, when: Callable[[str], bool], problem: Problem | None = None) -> None:
    """Refuse values of Content-Type of which ``when`` is true."""
    refused = problem or BadSyntax(Cause("body.media_type"))
    refuse(reference, lambda call: when(call.headers.get("content-type", "application/json")), lambda: refused, before="read")


def is_chunked(call: Call) -> bool:
    """Whether the body was sent in chunks."""
    return "chunked" in call.headers.get("transfer-encoding", "").lower()


def is_utf8(body: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_json(body: bytes) -> bool:
    """Whether a parser takes the bytes."""
    try:
        json.loads(body, parse_int=float)
    except (ValueError, RecursionError):
        return False
    return True
