"""Faults in message, executionStatus and completionStatus, each alone and together, and in the body of the 202."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final

from closecheck.deviations.deviation import fault
from closecheck.deviations.faults._tools import (
    ACCEPTANCE,
    accept,
    add_step,
    answers,
    convert,
    cut,
    entries,
    fail,
    member,
    refuse,
    said,
    unprocessable,
)
from closecheck.reference import Answer, End, Reference
from closecheck.reference.errors import BadContent, Forbidden, InternalFault, Problem
from closecheck.reference.operation import Call

MESSAGE: Final = "message"
EXECUTION: Final = "executionStatus"
COMPLETION: Final = "completionStatus"
VALUES: Final = {EXECUTION: ("Terminated", "Completed"), COMPLETION: ("Success", "Incomplete", "Failure")}
PAIRS: Final = ("CAR-EXECUTION-VALUES", "CAR-COMPLETION-VALUES", "CAR-MESSAGE-OPTIONAL")
"""What a refused combination breaks too: each of its values is refused beside the other, and a message may be missing."""
BESIDE_EXECUTION: Final = ("CAR-STATUS-COMBINATIONS", "CAR-MESSAGE-OPTIONAL", "CAR-COMPLETION-OPTIONAL")
BESIDE_COMPLETION: Final = ("CAR-STATUS-COMBINATIONS", "CAR-MESSAGE-OPTIONAL", "CAR-EXECUTION-OPTIONAL")
"""What a refused status breaks too: it is refused with every other member, and without."""


# CAR-MESSAGE-OPTIONAL, CAR-EXECUTION-OPTIONAL, CAR-COMPLETION-OPTIONAL


@fault("CAR-MESSAGE-OPTIONAL", also=ACCEPTANCE)
def message_required(reference: Reference) -> None:
    """A request without a message is refused."""
    refuse(reference, lambda call: lacks(call, MESSAGE))


@fault("CAR-MESSAGE-OPTIONAL", "CAR-OP-NO-500", also=ACCEPTANCE)
def missing_message_with_500(reference: Reference) -> None:
    """A request without a message is answered 500: its length is asked for."""
    fail(reference, lambda call: lacks(call, MESSAGE))


@fault("CAR-MESSAGE-OPTIONAL", also=("CAR-STATUS-COMBINATIONS", "CAR-COMPLETION-VALUES", "CAR-EXECUTION-OPTIONAL"), rare=True)
def message_required_with_incomplete(reference: Reference) -> None:
    """A request with the completionStatus Incomplete needs a message that says why."""
    refuse(reference, lambda call: lacks(call, MESSAGE) and member(call, COMPLETION) == "Incomplete")


@fault("CAR-MESSAGE-OPTIONAL", also=("CAR-STATUS-COMBINATIONS",), rare=True)
def message_required_with_both_statuses(reference: Reference) -> None:
    """A request that sets both statuses needs a message too."""
    refuse(reference, lambda call: lacks(call, MESSAGE) and not lacks(call, EXECUTION) and not lacks(call, COMPLETION))


@fault("CAR-MESSAGE-OPTIONAL", also=("CAR-IDS-RANGE",), rare=True)
def message_required_for_many(reference: Reference) -> None:
    """A request with more than ten ids needs a message."""
    refuse(reference, lambda call: lacks(call, MESSAGE) and len(entries(call)) > 10)


@fault("CAR-EXECUTION-OPTIONAL", also=ACCEPTANCE)
def execution_required(reference: Reference) -> None:
    """A request without an executionStatus is refused."""
    refuse(reference, lambda call: lacks(call, EXECUTION))


@fault("CAR-EXECUTION-OPTIONAL", also=("CAR-COMPLETION-VALUES", "CAR-MESSAGE-OPTIONAL"), rare=True)
def execution_required_beside_completion(reference: Reference) -> None:
    """A request with a completionStatus needs an executionStatus too."""
    refuse(reference, lambda call: lacks(call, EXECUTION) and not lacks(call, COMPLETION))


@fault("CAR-EXECUTION-OPTIONAL", "CAR-OP-NO-500", also=("CAR-COMPLETION-OPTIONAL", "CAR-MESSAGE-TEXT", "CAR-MESSAGE-BLANK"), rare=True)
def execution_missed_beside_message(reference: Reference) -> None:
    """A request with nothing but ids and a message is answered 500: both statuses are fetched for the warning."""
    fail(reference, lambda call: lacks(call, EXECUTION) and lacks(call, COMPLETION) and not lacks(call, MESSAGE))


@fault("CAR-COMPLETION-OPTIONAL", also=ACCEPTANCE)
def completion_required(reference: Reference) -> None:
    """A request without a completionStatus is refused."""
    refuse(reference, lambda call: lacks(call, COMPLETION))


@fault("CAR-COMPLETION-OPTIONAL", also=("CAR-EXECUTION-VALUES", "CAR-MESSAGE-OPTIONAL"), rare=True)
def completion_required_beside_completed(reference: Reference) -> None:
    """A request with the executionStatus Completed needs a completionStatus too."""
    refuse(reference, lambda call: lacks(call, COMPLETION) and member(call, EXECUTION) == "Completed")


@fault("CAR-COMPLETION-OPTIONAL", rare=True)
def completion_required_beside_two_others(reference: Reference) -> None:
    """Nothing else may be left out alone: with a message and an executionStatus the completionStatus must come too."""
    refuse(reference, lambda call: lacks(call, COMPLETION) and not lacks(call, EXECUTION) and not lacks(call, MESSAGE))


@fault("CAR-MESSAGE-OPTIONAL", "CAR-EXECUTION-OPTIONAL", "CAR-COMPLETION-OPTIONAL", also=ACCEPTANCE)
def one_of_three_required(reference: Reference) -> None:
    """A request must say at least one thing beside its ids."""
    refuse(reference, lambda call: all(lacks(call, name) for name in (MESSAGE, EXECUTION, COMPLETION)))


# CAR-MESSAGE-TYPE


@fault("CAR-MESSAGE-TYPE")
def message_from_number(reference: Reference) -> None:
    """A number for a message is turned into text."""
    convert(reference, MESSAGE, lambda value: str(value) if is_number(value) else value)


@fault("CAR-MESSAGE-TYPE")
def message_from_boolean(reference: Reference) -> None:
    """True or false for a message is turned into text."""
    convert(reference, MESSAGE, lambda value: str(value).lower() if isinstance(value, bool) else value)


@fault("CAR-MESSAGE-TYPE")
def message_from_list(reference: Reference) -> None:
    """The entries of a list for a message are joined."""
    convert(reference, MESSAGE, lambda value: ", ".join(map(str, value)) if isinstance(value, list) else value)


@fault("CAR-MESSAGE-TYPE")
def message_from_object(reference: Reference) -> None:
    """An object for a message becomes [object Object]."""
    convert(reference, MESSAGE, lambda value: "[object Object]" if isinstance(value, dict) else value)


@fault("CAR-MESSAGE-TYPE", rare=True)
def falsy_message_absent(reference: Reference) -> None:
    """A message of 0, false, [] or {} counts as absent: the default stands behind an `or`."""
    convert(reference, MESSAGE, without_falsy)


@fault("CAR-MESSAGE-TYPE", also=("CAR-OP-NO-500",))
def message_object_with_500(reference: Reference) -> None:
    """An object for a message is answered 500."""
    fail(reference, lambda call: isinstance(member(call, MESSAGE), dict), before="validate")


# CAR-EXECUTION-TYPE


@fault("CAR-EXECUTION-TYPE", rare=True)
def execution_by_ordinal(reference: Reference) -> None:
    """A number for an executionStatus is the value's place in the enumeration: 0 or 1."""
    convert(reference, EXECUTION, lambda value: by_ordinal(EXECUTION, value))


@fault("CAR-EXECUTION-TYPE")
def execution_of_other_type_ignored(reference: Reference) -> None:
    """An executionStatus that is no text counts as absent."""
    convert(reference, EXECUTION, lambda value: value if isinstance(value, str) else None)


@fault("CAR-EXECUTION-TYPE", rare=True)
def falsy_execution_absent(reference: Reference) -> None:
    """An executionStatus of 0, false, [] or {} counts as absent."""
    convert(reference, EXECUTION, without_falsy)


@fault("CAR-EXECUTION-TYPE", rare=True)
def execution_unwrapped(reference: Reference) -> None:
    """A list of one executionStatus is taken for the status."""
    convert(reference, EXECUTION, unwrapped)


@fault("CAR-EXECUTION-TYPE", also=("CAR-OP-NO-500",))
def execution_list_with_500(reference: Reference) -> None:
    """A list or an object for an executionStatus is answered 500: it cannot be looked up."""
    fail(reference, lambda call: isinstance(member(call, EXECUTION), list | dict), before="validate")


# CAR-COMPLETION-TYPE


@fault("CAR-COMPLETION-TYPE", rare=True)
def completion_by_ordinal(reference: Reference) -> None:
    """A number for a completionStatus is the value's place in the enumeration: 0, 1 or 2."""
    convert(reference, COMPLETION, lambda value: by_ordinal(COMPLETION, value))


@fault("CAR-COMPLETION-TYPE")
def completion_from_boolean(reference: Reference) -> None:
    """True for a completionStatus means Success, false Failure."""
    convert(reference, COMPLETION, lambda value: ("Success" if value else "Failure") if isinstance(value, bool) else value)


@fault("CAR-COMPLETION-TYPE", rare=True)
def falsy_completion_absent(reference: Reference) -> None:
    """A completionStatus of 0, false, [] or {} counts as absent."""
    convert(reference, COMPLETION, without_falsy)


@fault("CAR-COMPLETION-TYPE", rare=True)
def completion_unwrapped(reference: Reference) -> None:
    """A list of one completionStatus is taken for the status."""
    convert(reference, COMPLETION, unwrapped)


@fault("CAR-COMPLETION-TYPE")
def completion_object_ignored(reference: Reference) -> None:
    """An object for a completionStatus counts as absent."""
    convert(reference, COMPLETION, lambda value: None if isinstance(value, dict) else value)


@fault("CAR-COMPLETION-TYPE", also=("CAR-OP-NO-500",))
def completion_number_with_500(reference: Reference) -> None:
    """A number for a completionStatus is answered 500."""
    fail(reference, lambda call: is_number(member(call, COMPLETION)), before="validate")


# CAR-MESSAGE-NULL, CAR-EXECUTION-NULL, CAR-COMPLETION-NULL


@fault("CAR-MESSAGE-NULL")
def null_message_absent(reference: Reference) -> None:
    """A message of null counts as absent."""
    null_absent(reference, MESSAGE)


@fault("CAR-MESSAGE-NULL", "CAR-OP-NO-500")
def null_message_with_500(reference: Reference) -> None:
    """A message of null is answered 500: its length is asked for."""
    fail(reference, lambda call: is_null(call, MESSAGE), before="validate")


@fault("CAR-EXECUTION-NULL")
def null_execution_absent(reference: Reference) -> None:
    """An executionStatus of null counts as absent."""
    null_absent(reference, EXECUTION)


@fault("CAR-EXECUTION-NULL", "CAR-OP-NO-500")
def null_execution_with_500(reference: Reference) -> None:
    """An executionStatus of null is answered 500: its name is asked for."""
    fail(reference, lambda call: is_null(call, EXECUTION), before="validate")


@fault("CAR-COMPLETION-NULL")
def null_completion_absent(reference: Reference) -> None:
    """A completionStatus of null counts as absent."""
    null_absent(reference, COMPLETION)


@fault("CAR-COMPLETION-NULL", "CAR-OP-NO-500")
def null_completion_with_500(reference: Reference) -> None:
    """A completionStatus of null is answered 500: the database does not take it."""
    fail(reference, lambda call: is_null(call, COMPLETION), before="validate")


# CAR-MESSAGE-TEXT: lengths


@fault("CAR-MESSAGE-TEXT")
def message_up_to_255(reference: Reference) -> None:
    """A message of more than 255 characters is refused: the column holds no more."""
    refuse(reference, lambda call: len(said(call)) > 255)


@fault("CAR-MESSAGE-TEXT", rare=True)
def message_up_to_999(reference: Reference) -> None:
    """A message of 1,000 characters is refused: the bound is exclusive."""
    refuse(reference, lambda call: len(said(call)) == 1000)


@fault("CAR-MESSAGE-TEXT", rare=True)
def message_bounded_in_bytes(reference: Reference) -> None:
    """A message is bounded at 1,000 bytes, not characters."""
    refuse(reference, lambda call: len(said(call).encode()) > 1000)


@fault("CAR-MESSAGE-TEXT", rare=True)
def message_bounded_in_utf_16(reference: Reference) -> None:
    """A message is bounded at 1,000 UTF-16 units: characters beyond the basic plane count twice."""
    refuse(reference, lambda call: len(said(call).encode("utf-16-le")) > 2000)


@fault("CAR-MESSAGE-TEXT", "CAR-OP-NO-500", rare=True)
def message_over_2048_bytes_with_500(reference: Reference) -> None:
    """A message of more than 2,048 bytes is answered 500: the buffer of the audit holds no more."""
    fail(reference, lambda call: len(said(call).encode()) > 2048)


@fault("CAR-MESSAGE-TEXT", also=("CAR-MESSAGE-BLANK",), rare=True)
def single_character_refused(reference: Reference) -> None:
    """A message of one character is refused as no reason."""
    refuse(reference, lambda call: len(said(call)) == 1)


# CAR-MESSAGE-TEXT: characters


@fault("CAR-MESSAGE-TEXT", "CAR-OP-NO-500", rare=True)
def emoji_with_500(reference: Reference) -> None:
    """A character beyond the basic plane is answered 500: MySQL's utf8 has three bytes."""
    text_fails(reference, lambda text: any(character > "\uffff" for character in text))


@fault("CAR-MESSAGE-TEXT", rare=True)
def latin_1_only(reference: Reference) -> None:
    """A message with a character beyond ISO 8859-1 is refused."""
    text_refused(reference, lambda text: any(character > "\xff" for character in text))


@fault("CAR-MESSAGE-TEXT", rare=True)
def decomposed_letters_refused(reference: Reference) -> None:
    """A message that is not in normal form C is refused."""
    text_refused(reference, lambda text: unicodedata.normalize("NFC", text) != text)


@fault("CAR-MESSAGE-TEXT", rare=True)
def right_to_left_refused(reference: Reference) -> None:
    """A message with a letter that is written from right to left is refused."""
    text_refused(reference, lambda text: any(unicodedata.bidirectional(character) in {"R", "AL"} for character in text))


@fault("CAR-MESSAGE-TEXT", rare=True)
def direction_marks_refused(reference: Reference) -> None:
    """A message with a mark that sets the direction of text is refused."""
    text_refused(reference, lambda text: re.search("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", text))


@fault("CAR-MESSAGE-TEXT", rare=True)
def joiners_refused(reference: Reference) -> None:
    """A message with an invisible joiner is refused, and with it the families among the emoji."""
    text_refused(reference, lambda text: "\u200d" in text)


@fault("CAR-MESSAGE-TEXT", also=("CAR-MESSAGE-BLANK",), rare=True)
def tab_refused(reference: Reference) -> None:
    """A message with a tab is refused as one with control characters."""
    text_refused(reference, lambda text: "\t" in text)


@fault("CAR-MESSAGE-TEXT", also=("CAR-MESSAGE-BLANK",), rare=True)
def line_feed_refused(reference: Reference) -> None:
    """A message of several lines is refused."""
    text_refused(reference, lambda text: "\n" in text)


@fault("CAR-MESSAGE-TEXT", rare=True)
def lone_carriage_return_refused(reference: Reference) -> None:
    """A carriage return without a line feed is refused."""
    text_refused(reference, lambda text: re.search("\r(?!\n)", text))


@fault("CAR-MESSAGE-TEXT", rare=True)
def carriage_return_and_line_feed_forbidden(reference: Reference) -> None:
    """A carriage return with its line feed is taken for a forged header, and answered 403."""
    text_refused(reference, lambda text: "\r\n" in text, Forbidden)


@fault("CAR-MESSAGE-TEXT", "CAR-OP-NO-500", rare=True)
def line_separator_with_500(reference: Reference) -> None:
    """The line separator U+2028 and its kin are answered 500: they end a line in the script that the message is put into."""
    text_fails(reference, lambda text: re.search("[\u2028\u2029]", text))


@fault("CAR-MESSAGE-TEXT", rare=True)
def next_line_refused(reference: Reference) -> None:
    """The line break U+0085 is refused as a control character."""
    text_refused(reference, lambda text: "\x85" in text)


@fault("CAR-MESSAGE-TEXT", rare=True)
def double_quote_refused(reference: Reference) -> None:
    """A message with a double quote is refused."""
    text_refused(reference, lambda text: '"' in text)


@fault("CAR-MESSAGE-TEXT", "CAR-OP-NO-500", rare=True)
def apostrophe_with_500(reference: Reference) -> None:
    """An odd number of apostrophes is answered 500: the message is put into SQL as it is."""
    text_fails(reference, lambda text: text.count("'") % 2 == 1)


@fault("CAR-MESSAGE-TEXT", "CAR-OP-NO-500", rare=True)
def trailing_backslash_with_500(reference: Reference) -> None:
    """A backslash at the end is answered 500: it escapes the closing quote."""
    text_fails(reference, lambda text: text.endswith("\\"))


@fault("CAR-MESSAGE-TEXT", "CAR-OP-NO-500", rare=True)
def percent_with_500(reference: Reference) -> None:
    """A message with a percent sign is answered 500: it is used as a format."""
    text_fails(reference, lambda text: raises(lambda: text % ()))


@fault("CAR-MESSAGE-TEXT", "CAR-OP-NO-500", rare=True)
def braces_with_500(reference: Reference) -> None:
    """A message with braces is answered 500: it is used as a template."""
    text_fails(reference, lambda text: raises(lambda: text.format()))


@fault("CAR-MESSAGE-TEXT", "CAR-OP-NO-500", rare=True)
def ampersand_with_500(reference: Reference) -> None:
    """An ampersand that begins no entity is answered 500: the message is put into XML as it is."""
    text_fails(reference, lambda text: re.search(r"&(?!(?:amp|lt|gt|quot|apos|#\d+);)", text))


# CAR-MESSAGE-TEXT: firewalls and filters


@fault("CAR-MESSAGE-TEXT", rare=True)
def script_forbidden(reference: Reference) -> None:
    """A message with a script element is answered 403 by the firewall."""
    text_refused(reference, lambda text: re.search(r"<\s*script", text, re.IGNORECASE), Forbidden)


@fault("CAR-MESSAGE-TEXT", also=("CAR-OP-STATUS",), rare=True)
def markup_with_406(reference: Reference) -> None:
    """A message with markup is answered 406, as ModSecurity does it."""
    text_refused(reference, lambda text: re.search(r"</?[A-Za-z][^>]*>", text), lambda: Problem(406, "406 Not Acceptable", "content"))


@fault("CAR-MESSAGE-TEXT", rare=True)
def angle_bracket_refused(reference: Reference) -> None:
    """A message with < is refused as dangerous, as ASP.NET does it."""
    text_refused(reference, lambda text: "<" in text)


@fault("CAR-MESSAGE-TEXT", rare=True)
def sql_forbidden(reference: Reference) -> None:
    """A message that looks like SQL is answered 403 by the firewall."""
    pattern = r"'\s*or\s|union\s+select|drop\s+table|;\s*--|select\s.*\sfrom\s"
    text_refused(reference, lambda text: re.search(pattern, text, re.IGNORECASE), Forbidden)


@fault("CAR-MESSAGE-TEXT", rare=True)
def lookup_forbidden(reference: Reference) -> None:
    """A message with ${ is answered 403 since the days of Log4Shell."""
    text_refused(reference, lambda text: "${" in text, Forbidden)


@fault("CAR-MESSAGE-TEXT", rare=True)
def path_forbidden(reference: Reference) -> None:
    """A message with ../ or with a path below /etc is answered 403 by the firewall."""
    text_refused(reference, lambda text: "../" in text or "/etc/" in text, Forbidden)


@fault("CAR-MESSAGE-TEXT", rare=True)
def formula_refused(reference: Reference) -> None:
    """A message that a spreadsheet would take for a formula is refused."""
    text_refused(reference, lambda text: text.startswith(("=", "+", "-", "@")))


@fault("CAR-MESSAGE-TEXT", rare=True)
def word_null_refused(reference: Reference) -> None:
    """A message that says null, None or undefined is taken for none, and refused."""
    text_refused(reference, lambda text: text.strip().lower() in {"null", "none", "undefined"})


@fault("CAR-MESSAGE-TEXT", rare=True)
def number_as_text_refused(reference: Reference) -> None:
    """A message of digits alone is taken for a number, and refused."""
    text_refused(reference, lambda text: text.isdecimal())


@fault("CAR-MESSAGE-TEXT", "CAR-OP-ANSWERS", rare=True, slow=True)
def long_blanks_hang(reference: Reference) -> None:
    """A run of 64 blanks keeps the trimming expression busy for ever."""
    cut(reference, lambda call: " " * 64 in said(call) and said(call).strip() != "", End.HANG)


# CAR-MESSAGE-BLANK


@fault("CAR-MESSAGE-BLANK")
def blank_message_refused(reference: Reference) -> None:
    """A message of white space alone is refused."""
    text_refused(reference, lambda text: text.isspace())


@fault("CAR-MESSAGE-BLANK", "CAR-OP-NO-500")
def blank_message_with_500(reference: Reference) -> None:
    """A message of blanks alone is answered 500: trimmed, it is empty, and its first letter is made a capital."""
    text_fails(reference, lambda text: text != "" and text.strip(" ") == "")


@fault("CAR-MESSAGE-BLANK", rare=True)
def several_blanks_refused(reference: Reference) -> None:
    """A message of two blanks or more is refused, one of a single blank is taken."""
    text_refused(reference, lambda text: len(text) > 1 and text.isspace())


# CAR-EXECUTION-VALUES


@fault("CAR-EXECUTION-VALUES", also=BESIDE_EXECUTION)
def completed_unknown(reference: Reference) -> None:
    """The executionStatus Completed is refused."""
    reference.rules.execution_statuses = ("Terminated",)


@fault("CAR-EXECUTION-VALUES", also=BESIDE_EXECUTION)
def terminated_unknown(reference: Reference) -> None:
    """The executionStatus Terminated is refused where it is spelled out: it is the default anyway."""
    reference.rules.execution_statuses = ("Completed",)


@fault("CAR-EXECUTION-VALUES", "CAR-OP-NO-500", also=BESIDE_EXECUTION)
def completed_with_500(reference: Reference) -> None:
    """The executionStatus Completed is answered 500: a check of the database knows COMPLETE."""
    fail(reference, lambda call: member(call, EXECUTION) == "Completed")


@fault("CAR-EXECUTION-VALUES", also=BESIDE_EXECUTION, rare=True)
def completed_for_single_ids_only(reference: Reference) -> None:
    """The executionStatus Completed is refused beside more than one id."""
    refuse(reference, lambda call: member(call, EXECUTION) == "Completed" and len(entries(call)) > 1)


# CAR-COMPLETION-VALUES


@fault("CAR-COMPLETION-VALUES", also=BESIDE_COMPLETION)
def incomplete_unknown(reference: Reference) -> None:
    """The completionStatus Incomplete is refused."""
    reference.rules.completion_statuses = ("Success", "Failure")


@fault("CAR-COMPLETION-VALUES", also=(*BESIDE_COMPLETION, "CAR-COMPLETION-CLOSED"))
def succeeded_for_success(reference: Reference) -> None:
    """The completionStatus is spelled Succeeded, not Success."""
    reference.rules.completion_statuses = ("Succeeded", "Incomplete", "Failure")


@fault("CAR-COMPLETION-VALUES", "CAR-OP-NO-500", also=BESIDE_COMPLETION)
def failure_with_500(reference: Reference) -> None:
    """The completionStatus Failure is answered 500 where it is spelled out: it is taken for the server's own."""
    fail(reference, lambda call: member(call, COMPLETION) == "Failure")


@fault("CAR-COMPLETION-VALUES", also=BESIDE_COMPLETION, rare=True)
def success_for_single_ids_only(reference: Reference) -> None:
    """The completionStatus Success is refused beside more than one id."""
    refuse(reference, lambda call: member(call, COMPLETION) == "Success" and len(entries(call)) > 1)


# CAR-EXECUTION-CLOSED


@fault("CAR-EXECUTION-CLOSED")
def any_execution_accepted(reference: Reference) -> None:
    """An unknown executionStatus is replaced by the default."""
    spellings(reference, EXECUTION, lambda text: "Terminated")


@fault("CAR-EXECUTION-CLOSED")
def execution_in_any_case(reference: Reference) -> None:
    """An executionStatus is found in any case."""
    spellings(reference, EXECUTION, str.capitalize)


@fault("CAR-EXECUTION-CLOSED", rare=True)
def execution_in_capitals(reference: Reference) -> None:
    """An executionStatus may be spelled in capitals, as in the account activities."""
    spellings(reference, EXECUTION, lambda text: text.capitalize() if text.isupper() else text)


@fault("CAR-EXECUTION-CLOSED", rare=True)
def execution_trimmed(reference: Reference) -> None:
    """White space around an executionStatus is taken away."""
    spellings(reference, EXECUTION, str.strip)


@fault("CAR-EXECUTION-CLOSED", rare=True)
def empty_execution_absent(reference: Reference) -> None:
    """An empty executionStatus counts as absent."""
    convert(reference, EXECUTION, lambda value: None if value == "" else value)


@fault("CAR-EXECUTION-CLOSED", rare=True)
def completion_for_execution(reference: Reference) -> None:
    """Both statuses are of one enumeration: an executionStatus of Success is accepted."""
    spellings(reference, EXECUTION, lambda text: "Completed" if text in VALUES[COMPLETION] else text)


@fault("CAR-EXECUTION-CLOSED", rare=True)
def execution_by_prefix(reference: Reference) -> None:
    """The pattern of an executionStatus has no end: Terminated2 is accepted."""
    spellings(reference, EXECUTION, lambda text: (re.match("Terminated|Completed", text) or [text])[0])


@fault("CAR-EXECUTION-CLOSED", rare=True)
def execution_before_line_feed(reference: Reference) -> None:
    """The pattern of an executionStatus ends with $, which a line feed may follow."""
    spellings(reference, EXECUTION, lambda text: text.removesuffix("\n"))


@fault("CAR-EXECUTION-CLOSED", rare=True)
def execution_by_digit(reference: Reference) -> None:
    """The texts "0" and "1" name an executionStatus, as .NET parses its enumerations."""
    spellings(reference, EXECUTION, lambda text: by_ordinal(EXECUTION, float(text)) if text in {"0", "1"} else text)


@fault("CAR-EXECUTION-CLOSED", rare=True)
def execution_flags(reference: Reference) -> None:
    """An executionStatus may be several with commas between them, as .NET parses its flags."""
    spellings(reference, EXECUTION, lambda text: text.split(",")[0] if set(re.split(r",\s*", text)) <= set(VALUES[EXECUTION]) else text)


@fault("CAR-EXECUTION-CLOSED", rare=True)
def executing_accepted(reference: Reference) -> None:
    """The executionStatus values of the account activities, Executing and Verifying, are accepted too."""
    spellings(reference, EXECUTION, lambda text: "Terminated" if text.lower() in {"executing", "verifying"} else text)


@fault("CAR-EXECUTION-CLOSED", "CAR-OP-NO-500")
def unknown_execution_with_500(reference: Reference) -> None:
    """An unknown executionStatus is answered 500: the enumeration's exception is not caught."""
    fail(reference, lambda call: is_unknown(call, EXECUTION), before="validate")


@fault("CAR-EXECUTION-CLOSED", "CAR-OP-STATUS")
def unknown_execution_with_422(reference: Reference) -> None:
    """An unknown executionStatus is answered 422, other errors are answered 400."""
    refuse(reference, lambda call: is_unknown(call, EXECUTION), unprocessable, before="validate")


@fault("CAR-EXECUTION-CLOSED", rare=True)
def execution_unchecked_for_many(reference: Reference) -> None:
    """Beside more than one id the executionStatus is not checked."""
    accept(reference, lambda call: len(set(map(str, entries(call)))) > 1 and is_unknown(call, EXECUTION))


# CAR-COMPLETION-CLOSED


@fault("CAR-COMPLETION-CLOSED")
def any_completion_accepted(reference: Reference) -> None:
    """An unknown completionStatus is replaced by the default."""
    spellings(reference, COMPLETION, lambda text: "Failure")


@fault("CAR-COMPLETION-CLOSED")
def completion_in_any_case(reference: Reference) -> None:
    """A completionStatus is found in any case."""
    spellings(reference, COMPLETION, str.capitalize)


@fault("CAR-COMPLETION-CLOSED", rare=True)
def completion_in_lower_case(reference: Reference) -> None:
    """A completionStatus may be spelled in small letters."""
    spellings(reference, COMPLETION, lambda text: text.capitalize() if text.islower() else text)


@fault("CAR-COMPLETION-CLOSED", rare=True)
def completion_padded(reference: Reference) -> None:
    """Blanks behind a completionStatus are overlooked, as SQL compares columns of a fixed width."""
    spellings(reference, COMPLETION, lambda text: text.rstrip(" "))


@fault("CAR-COMPLETION-CLOSED", rare=True)
def empty_completion_absent(reference: Reference) -> None:
    """An empty completionStatus counts as absent."""
    convert(reference, COMPLETION, lambda value: None if value == "" else value)


@fault("CAR-COMPLETION-CLOSED", rare=True)
def execution_for_completion(reference: Reference) -> None:
    """Both statuses are of one enumeration: a completionStatus of Completed is accepted."""
    spellings(reference, COMPLETION, lambda text: "Success" if text in VALUES[EXECUTION] else text)


@fault("CAR-COMPLETION-CLOSED", rare=True)
def completion_found_inside(reference: Reference) -> None:
    """The pattern of a completionStatus is searched for: NoFailure and Failures are accepted."""
    spellings(reference, COMPLETION, lambda text: (re.search("Success|Incomplete|Failure", text) or [text])[0])


@fault("CAR-COMPLETION-CLOSED", rare=True)
def failed_accepted(reference: Reference) -> None:
    """The completionStatus Failed does for Failure."""
    spellings(reference, COMPLETION, lambda text: "Failure" if text == "Failed" else text)


@fault("CAR-COMPLETION-CLOSED", rare=True)
def pending_accepted(reference: Reference) -> None:
    """The completionStatus Pending of the account activities is accepted too, in any case."""
    spellings(reference, COMPLETION, lambda text: "Incomplete" if text.lower() == "pending" else text)


@fault("CAR-COMPLETION-CLOSED", rare=True)
def completion_by_digit(reference: Reference) -> None:
    """The texts "0", "1" and "2" name a completionStatus, as .NET parses its enumerations."""
    spellings(reference, COMPLETION, lambda text: by_ordinal(COMPLETION, float(text)) if text in {"0", "1", "2"} else text)


@fault("CAR-COMPLETION-CLOSED", rare=True)
def completion_unchecked_beside_execution(reference: Reference) -> None:
    """Beside a valid executionStatus the completionStatus is not checked."""
    accept(reference, lambda call: member(call, EXECUTION) in VALUES[EXECUTION] and is_unknown(call, COMPLETION))


@fault("CAR-COMPLETION-CLOSED", "CAR-OP-NO-500")
def unknown_completion_with_500(reference: Reference) -> None:
    """An unknown completionStatus is answered 500: the enumeration's exception is not caught."""
    fail(reference, lambda call: is_unknown(call, COMPLETION), before="validate")


# CAR-STATUS-COMBINATIONS


@fault("CAR-STATUS-COMBINATIONS", also=PAIRS, rare=True)
def terminated_success_refused(reference: Reference) -> None:
    """Terminated beside Success is refused as a contradiction."""
    combination(reference, "Terminated", "Success", lambda call: True)


@fault("CAR-STATUS-COMBINATIONS", also=PAIRS, rare=True)
def completed_failure_refused(reference: Reference) -> None:
    """Completed beside Failure is refused as a contradiction."""
    combination(reference, "Completed", "Failure", lambda call: True)


@fault("CAR-STATUS-COMBINATIONS", "CAR-OP-NO-500", also=PAIRS, rare=True)
def completed_incomplete_with_500(reference: Reference) -> None:
    """Completed beside Incomplete is answered 500: the table of states has no row for it."""
    combination(reference, "Completed", "Incomplete", lambda call: True, InternalFault)


@fault("CAR-STATUS-COMBINATIONS", also=PAIRS, rare=True)
def terminated_incomplete_needs_message(reference: Reference) -> None:
    """Terminated beside Incomplete is refused without a message."""
    combination(reference, "Terminated", "Incomplete", lambda call: lacks(call, MESSAGE))


@fault("CAR-STATUS-COMBINATIONS", also=PAIRS, rare=True)
def completed_success_takes_no_message(reference: Reference) -> None:
    """Completed beside Success is refused with a message: there is nothing to explain."""
    combination(reference, "Completed", "Success", lambda call: not lacks(call, MESSAGE))


@fault("CAR-STATUS-COMBINATIONS", also=PAIRS, rare=True)
def defaults_must_not_be_spelled_out(reference: Reference) -> None:
    """Terminated beside Failure is refused: whoever means the defaults leaves them out."""
    combination(reference, "Terminated", "Failure", lambda call: True)


# CAR-ACCEPTED-BODY


@fault("CAR-ACCEPTED-BODY")
def accepted_with_array(reference: Reference) -> None:
    """The body of the 202 is an array."""
    answers(reference, lambda answer: answer.set_body(b"[" + answer.body + b"]"), status=202)


@fault("CAR-ACCEPTED-BODY")
def accepted_with_text(reference: Reference) -> None:
    """The body of the 202 is the text "Accepted"."""
    answers(reference, lambda answer: answer.set_body(b'"Accepted"'), status=202)


@fault("CAR-ACCEPTED-BODY")
def accepted_with_null(reference: Reference) -> None:
    """The body of the 202 is null."""
    answers(reference, lambda answer: answer.set_body(b"null"), status=202)


@fault("CAR-ACCEPTED-BODY", "CAR-OP-MEDIA-TYPE")
def accepted_with_nothing(reference: Reference) -> None:
    """The 202 has no body, although it is called JSON."""
    answers(reference, lambda answer: answer.set_body(b""), status=202)


@fault("CAR-ACCEPTED-BODY", rare=True)
def accepted_with_array_for_many(reference: Reference) -> None:
    """The body of the 202 is an array with an entry for each id, where there are more than one."""
    many: set[bytes] = set()
    accepted = reference.operation.accepted

    def noting(closing: Any) -> Any:
        if len(closing.ids) > 1:
            many.add(closing.id.encode())
        return accepted(closing)

    def hook(answer: Answer) -> None:
        if any(closing in answer.body for closing in many):
            many.clear()
            answer.set_body(b"[" + answer.body + b"]")

    reference.operation.accepted = noting
    answers(reference, hook, status=202)


def lacks(call: Call, name: str) -> bool:
    """Whether the body has no such member."""
    return isinstance(call.value, dict) and name not in call.value


def is_null(call: Call, name: str) -> bool:
    """Whether the body has such a member, and it is null."""
    return not lacks(call, name) and isinstance(call.value, dict) and member(call, name) is None


def is_number(value: object) -> bool:
    """Whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_unknown(call: Call, name: str) -> bool:
    """Whether a status is text but none of its values."""
    value = member(call, name)
    return isinstance(value, str) and value not in VALUES[name]


def without_falsy(value: Any) -> object:
    """Return the value, or None if it is empty or zero and no text."""
    return value if value or isinstance(value, str) else None


def unwrapped(value: Any) -> object:
    """Return the only entry of a list, or the value."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def by_ordinal(name: str, value: Any) -> Any:
    """Return the status at a place in its enumeration, or the value."""
    values = VALUES[name]
    return values[int(value)] if is_number(value) and value in range(len(values)) else value


def raises(function: Callable[[], object]) -> bool:
    """Whether a call raises what formatting raises."""
    try:
        function()
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError):
        return True
    return False


def null_absent(reference: Reference, name: str) -> None:
    """Take a member away that is null."""

    async def step(call: Call) -> None:
        if isinstance(call.value, dict) and is_null(call, name):
            del call.value[name]

    add_step(reference, step, before="validate")


def text_refused(reference: Reference, when: Callable[[str], object], refusal: Callable[[], Exception] = BadContent) -> None:
    """Refuse messages of which ``when`` is true."""
    refuse(reference, lambda call: bool(when(said(call))), refusal)


def text_fails(reference: Reference, when: Callable[[str], object]) -> None:
    """Answer messages of which ``when`` is true with 500."""
    fail(reference, lambda call: bool(when(said(call))))


def spellings(reference: Reference, name: str, change: Callable[[str], str]) -> None:
    """Take a text that is none of a status's values for what ``change`` makes of it."""

    def known(value: Any) -> object:
        return change(value) if isinstance(value, str) and value not in VALUES[name] else value

    convert(reference, name, known)


def combination(
    reference: Reference, execution: str, completion: str, when: Callable[[Call], bool], refusal: Callable[[], Exception] = BadContent
) -> None:
    """Refuse one combination of statuses, where both are spelled out and ``when`` is true."""

    def concerned(call: Call) -> bool:
        return member(call, EXECUTION) == execution and member(call, COMPLETION) == completion and when(call)

    refuse(reference, concerned, refusal)
