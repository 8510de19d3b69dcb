"""
The vendor's documentation of "Body", and nothing else: which values make a close request, and what is meant where one is left out.
"""

from __future__ import annotations

import secrets
from typing import cast

from closecheck.reference.errors import BadContent, Cause, cause
from closecheck.reference.model import Closing


class Rules:
    """
    Validates the JSON value of a body. Every limit, value and default is an attribute.

    Each ``check_`` method appends what it finds to ``causes`` and returns the value to go on with.
    """

    def __init__(self) -> None:
        self.min_ids = 1
        self.max_ids = 500
        self.execution_statuses: tuple[str, ...] = ("Terminated", "Completed")
        self.completion_statuses: tuple[str, ...] = ("Success", "Incomplete", "Failure")
        self.default_message = "The IdentityNow Administrator manually closed this request."
        self.default_execution_status = "Terminated"
        self.default_completion_status = "Failure"

    def check(self, value: object) -> Closing:
        """
        The closing that a body asks for; unknown members are ignored.

        Raises:
            BadContent: with one cause for each rule that is broken.
        """
        body = self.check_object(value)
        causes: list[Cause] = []
        ids = self.check_ids(body, causes)
        message = self.check_message(body, causes)
        execution = self.check_execution_status(body, causes)
        completion = self.check_completion_status(body, causes)
        if causes:
            raise BadContent(*causes)
        return Closing(
            id=secrets.token_hex(16),
            ids=self.merge(ids),
            message=message,
            execution_status=execution,
            completion_status=completion,
        )

    def check_object(self, value: object) -> dict[str, object]:
        """
        Raises:
            BadContent: the value is no object.
        """
        if not isinstance(value, dict):
            raise BadContent(cause("body.object"))
        return cast("dict[str, object]", value)

    def check_ids(self, body: dict[str, object], causes: list[Cause]) -> list[str]:
        """
        accessRequestIds: required, a list of 1-500 entries (repeated ones count), each a string of any form.
        """
        member = "accessRequestIds"
        if member not in body:
            causes.append(cause("member.missing", member=member))
            return []
        ids = body[member]
        if not isinstance(ids, list):
            causes.append(cause("member.list", member=member))
            return []
        self.check_count(member, len(ids), causes)
        for index, item in enumerate(ids):
            self.check_id(member, index, item, causes)
        return ids

    def check_count(self, member: str, count: int, causes: list[Cause]) -> None:
        """
        The number of entries.
        """
        if count < self.min_ids:
            causes.append(cause("member.few", member=member, count=count, minimum=self.min_ids))
        if count > self.max_ids:
            causes.append(cause("member.many", member=member, count=count, maximum=self.max_ids))

    def check_id(self, member: str, index: int, item: object, causes: list[Cause]) -> None:
        """
        One entry: any string that is Unicode text.
        """
        if not isinstance(item, str):
            causes.append(cause("item.text", member=member, index=index))
        elif not is_text(item):
            causes.append(cause("item.unicode", member=member, index=index))

    def check_message(self, body: dict[str, object], causes: list[Cause]) -> str:
        """
        message: optional, any Unicode text of any length (half a surrogate pair is none).
        """
        return self.check_string("message", body, self.default_message, causes)

    def check_execution_status(self, body: dict[str, object], causes: list[Cause]) -> str:
        """
        executionStatus: optional, one of two values.
        """
        return self.check_choice("executionStatus", body, self.execution_statuses, self.default_execution_status, causes)

    def check_completion_status(self, body: dict[str, object], causes: list[Cause]) -> str:
        """
        completionStatus: optional, one of three values.
        """
        return self.check_choice("completionStatus", body, self.completion_statuses, self.default_completion_status, causes)

    def check_choice(self, member: str, body: dict[str, object], values: tuple[str, ...], default: str, causes: list[Cause]) -> str:
        """
        An optional member that is exactly one of ``values``.
        """
        text = self.check_string(member, body, default, causes)
        if isinstance(text, str) and member in body and text not in values:
            causes.append(cause("member.choice", member=member, values=", ".join(values)))
        return text

    def check_string(self, member: str, body: dict[str, object], default: str, causes: list[Cause]) -> str:
        """
        An optional member that is a string; null is not (the vendor's documentation names null where it allows it).
        """
        value = body.get(member, default)
        if not isinstance(value, str):
            causes.append(cause("member.text", member=member))
        elif not is_text(value):
            causes.append(cause("member.unicode", member=member))
        return cast("str", value)

    def merge(self, ids: list[str]) -> tuple[str, ...]:
        """
        Ids that are named twice are closed once.
        """
        return tuple(dict.fromkeys(ids))


def is_text(value: str) -> bool:
    """
    Whether a string can be written down at all: JSON's escapes can spell half a surrogate pair, UTF-8 cannot.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
