"""What the documentation does not say of a request's body is the target's choice: it may take it, or refuse it with 400."""

# mypy: disable-error-code="method-assign"
from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from typing import cast

from closecheck.deviations.deviation import variant
from closecheck.deviations.variants._seams import insert_step
from closecheck.reference import Reference
from closecheck.reference.errors import BadContent, BadSyntax, Cause, cause
from closecheck.reference.model import Closing
from closecheck.reference.operation import Call

MEMBERS = {"accessRequestIds", "message", "executionStatus", "completionStatus"}
IDS = "accessRequestIds"
MAX_DEPTH = 16


def refuse_objects(reference: Reference, find: Callable[[dict[str, object]], list[Cause]]) -> None:
    """Refuse a body in which ``find`` finds causes; it is asked once everything else is in order."""
    plain = reference.rules.check

    def check(value: object) -> Closing:
        closing = plain(value)
        causes = find(cast("dict[str, object]", value))
        if causes:
            raise BadContent(*causes)
        return closing

    reference.rules.check = check


def refuse_ids(reference: Reference, refused: Callable[[str], bool]) -> None:
    """Refuse a body that names such an id."""

    def find(body: dict[str, object]) -> list[Cause]:
        ids = cast("list[str]", body[IDS])
        return [cause("item.text", member=IDS, index=index) for index, item in enumerate(ids) if refused(item)]

    refuse_objects(reference, find)


def refuse_messages(reference: Reference, refused: Callable[[str], bool]) -> None:
    """Refuse a body with such a message."""

    def find(body: dict[str, object]) -> list[Cause]:
        return [cause("member.text", member="message")] if refused(cast("str", body.get("message", "-"))) else []

    refuse_objects(reference, find)


def change_messages(reference: Reference, change: Callable[[str], str | None]) -> None:
    """Take another text for a message; None: the default."""
    plain = reference.rules.check_message

    def check(body: dict[str, object], causes: list[Cause]) -> str:
        message = body.get("message")
        if isinstance(message, str):
            changed = change(message)
            body = {key: value for key, value in body.items() if key != "message"}
            body = body if changed is None else {**body, "message": changed}
        return plain(body, causes)

    reference.rules.check_message = check


# ------------------------------------------------------------------------------------------------- members


@variant()
def unknown_members_refused(reference: Reference) -> None:
    """A member that the documentation does not know is refused with 400."""

    def find(body: dict[str, object]) -> list[Cause]:
        return [cause("member.unsupported", member=key) for key in body if key not in MEMBERS]

    refuse_objects(reference, find)


def read_pairs(reference: Reference, pairs: Callable[[list[tuple[str, object]]], object]) -> None:
    """Make something else of the members of an object than the last of each name."""

    def parse(text: str) -> object:
        try:
            return json.loads(text, parse_int=float, parse_constant=reference.reader.refuse_constant, object_pairs_hook=pairs)
        except RecursionError:
            raise BadSyntax(cause("body.depth")) from None
        except ValueError:
            raise BadSyntax(cause("body.json")) from None

    reference.reader.parse = parse


@variant()
def repeated_names_refused(reference: Reference) -> None:
    """An object in which a name is repeated is refused with 400."""

    def pairs(members: list[tuple[str, object]]) -> object:
        if len(dict(members)) < len(members):
            raise ValueError(members)
        return dict(members)

    read_pairs(reference, pairs)


@variant()
def first_of_repeated_names(reference: Reference) -> None:
    """Of members with one name the first counts."""
    read_pairs(reference, lambda members: dict(reversed(members)))


@variant()
def deep_nesting_refused(reference: Reference) -> None:
    """A body that is nested deeper than sixteen levels is refused with 400 (RFC 8259, 9)."""

    def depth(value: object) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    plain = reference.reader.parse

    def parse(text: str) -> object:
        value = plain(text)
        try:
            too_deep = depth(value) > MAX_DEPTH
        except RecursionError:
            too_deep = True
        if too_deep:
            raise BadSyntax(cause("body.depth"))
        return value

    reference.reader.parse = parse


@variant()
def large_numbers_refused(reference: Reference) -> None:
    """A number beyond what a double can hold, in a member that nobody knows, is refused with 400 (RFC 8259, 9)."""
    plain = reference.reader.parse

    def finite(digits: str) -> float:
        number = float(digits)
        if number in (float("inf"), float("-inf")):
            raise ValueError(digits)
        return number

    def parse(text: str) -> object:
        value = plain(text)
        try:
            json.loads(text, parse_float=finite, parse_int=finite)
        except ValueError:
            raise BadSyntax(cause("body.json")) from None
        return value

    reference.reader.parse = parse


# ------------------------------------------------------------------------------------------------- bytes


@variant()
def byte_order_mark_accepted(reference: Reference) -> None:
    """A byte order mark before the body is skipped, as RFC 8259 allows."""
    reference.reader.encoding = "utf-8-sig"


@variant()
def broken_utf8_replaced(reference: Reference) -> None:
    """Bytes that are not UTF-8 become replacement characters, which is tolerated."""
    reference.reader.decode = lambda body: body.decode("utf-8", "replace")


# ------------------------------------------------------------------------------------------------- ids


@variant()
def repeated_ids_refused(reference: Reference) -> None:
    """A list that names an id twice is refused with 400."""

    def find(body: dict[str, object]) -> list[Cause]:
        ids = cast("list[str]", body[IDS])
        return [cause("member.list", member=IDS)] if len(set(ids)) < len(ids) else []

    refuse_objects(reference, find)


@variant()
def repeated_ids_in_any_case_refused(reference: Reference) -> None:
    """A list that names an id twice, be it in another case or with blanks around it, is refused with 400."""

    def find(body: dict[str, object]) -> list[Cause]:
        ids = cast("list[str]", body[IDS])
        return [cause("member.list", member=IDS)] if len({item.strip().lower() for item in ids}) < len(ids) else []

    refuse_objects(reference, find)


@variant()
def blank_ids_refused(reference: Reference) -> None:
    """An id that is empty or of blanks is refused with 400."""
    refuse_ids(reference, lambda item: not item.strip())


@variant()
def odd_ids_refused(reference: Reference) -> None:
    """An id that names nothing and is not of the form of the vendor's example, 32 lower-case hexadecimal digits, is refused with 400."""
    refuse_ids(reference, lambda item: re.fullmatch("[0-9a-f]{32}", item) is None and reference.store.get(item) is None)


@variant()
def ids_that_are_no_words_refused(reference: Reference) -> None:
    """An id with anything but letters, digits, hyphens and underlines in it, or of over 64 of them, is refused."""
    refuse_ids(reference, lambda item: re.fullmatch(r"[\w-]{1,64}", item, re.ASCII) is None)


@variant(pending=12_000)
def unknown_ids_refused(reference: Reference) -> None:
    """An id that names no access request is refused with 400."""
    refuse_ids(reference, lambda item: reference.store.get(item) is None)


@variant()
def closed_ids_refused(reference: Reference) -> None:
    """An id whose access request is over already is refused with 400; unknown ones are not."""

    def over(item: str) -> bool:
        request = reference.store.get(item)
        return request is not None and not request.is_pending

    refuse_ids(reference, over)


@variant(pending=12_000)
def only_pending_ids_accepted(reference: Reference) -> None:
    """An id that does not name a pending access request is refused with 400."""

    def unusable(item: str) -> bool:
        request = reference.store.get(item)
        return request is None or not request.is_pending

    refuse_ids(reference, unusable)


@variant(pending=12_000, incomplete="of the requests that the target file lists as pending some are not")
def pending_ids_closed_by_others(reference: Reference) -> None:
    """An id that does not name a pending access request is refused; somebody else has closed every twentieth of those once pending."""
    only_pending_ids_accepted(reference)
    plain, rules = reference.closer.accept, reference.rules

    def accept(closing: Closing) -> None:
        reference.closer.accept = plain
        statuses = rules.default_execution_status, rules.default_completion_status
        stale = tuple(one for one in reference.store.ids(approval="PENDING", pending=True)[::20] if one not in closing.ids)
        plain(Closing(secrets.token_hex(16), stale, rules.default_message, *statuses, "zoe.zimmer"))
        plain(closing)

    reference.closer.accept = accept


# ------------------------------------------------------------------------------------------------- message


@variant()
def empty_message_refused(reference: Reference) -> None:
    """An empty message is refused with 400."""
    refuse_messages(reference, lambda message: not message)


@variant()
def empty_message_means_default(reference: Reference) -> None:
    """An empty message is taken for none: the default text is shown."""
    change_messages(reference, lambda message: message or None)


@variant()
def nul_refused(reference: Reference) -> None:
    """A message with NUL in it is refused with 400."""
    refuse_messages(reference, lambda message: "\0" in message)


@variant()
def nul_dropped(reference: Reference) -> None:
    """NUL is dropped from a message, as databases cannot store it."""
    change_messages(reference, lambda message: message.replace("\0", ""))


@variant()
def nul_and_lone_surrogates_replaced(reference: Reference) -> None:
    """NUL and half surrogate pairs in a message become replacement characters."""
    change_messages(reference, lambda message: re.sub("[\0\ud800-\udfff]", "\ufffd", message))


@variant()
def long_messages_refused(reference: Reference) -> None:
    """A message of more than 1,000 characters is refused with 400."""
    refuse_messages(reference, lambda message: len(message) > 1000)


@variant()
def very_long_messages_refused(reference: Reference) -> None:
    """A message of more than 4,000 bytes of UTF-8, room for 1,000 characters of any kind, is refused with 400."""
    refuse_messages(reference, lambda message: len(message.encode()) > 4000)


# ------------------------------------------------------------------------------------------------- query, order


@variant()
def unknown_parameters_refused(reference: Reference) -> None:
    """A query parameter is refused with 400: the operation has none."""

    async def parameters(call: Call) -> None:
        if call.query:
            raise BadContent(*(cause("parameter", name=name) for name in call.query))

    insert_step(reference, "read", "parameters", parameters)


@variant()
def statuses_checked_first(reference: Reference) -> None:
    """The members are checked in another order, and the first that is wrong ends it."""
    rules = reference.rules
    plain = rules.check

    def check(value: object) -> Closing:
        body = rules.check_object(value)
        for look in (rules.check_completion_status, rules.check_execution_status, rules.check_message):
            causes: list[Cause] = []
            look(body, causes)
            if causes:
                raise BadContent(causes[0])
        return plain(value)

    rules.check = check


@variant()
def look_alike_names_refused(reference: Reference) -> None:
    """A name that differs from a member's in letter case alone is refused, so that a slip is noticed; other unknown members are ignored."""
    own = {name.lower() for name in MEMBERS}
    refuse_objects(reference, lambda body: [cause("body.object") for name in body if name not in MEMBERS and name.lower() in own])
