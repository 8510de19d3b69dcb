"""
Reads the members of an object that a client sent; each error is a 400 that names the member.
"""

from __future__ import annotations

from typing import Any, cast

from closecheck.reference.errors import BadContent, cause
from closecheck.reference.rules import is_text


def member_object(body: dict[str, object], member: str) -> dict[str, object]:
    """
    A member that must be an object.
    """
    value = body.get(member)
    if not isinstance(value, dict):
        raise BadContent(cause("member.missing" if value is None else "member.object", member=member))
    return cast("dict[str, object]", value)


def text(body: dict[str, object], member: str, default: str | None = None) -> str:
    """
    A member that must be a string; without a default it must be there.
    """
    value = body.get(member, default)
    if value is None and member not in body:
        raise BadContent(cause("member.missing", member=member))
    if not isinstance(value, str):
        raise BadContent(cause("member.text", member=member))
    if not is_text(value):
        raise BadContent(cause("member.unicode", member=member))
    return value


def _items(body: dict[str, object], member: str) -> list[Any]:
    """
    A list of at least one item.
    """
    values = body.get(member)
    if not isinstance(values, list):
        raise BadContent(cause("member.missing" if values is None else "member.list", member=member))
    if not values:
        raise BadContent(cause("member.few", member=member, count=0, minimum=1))
    return values


def texts(body: dict[str, object], member: str) -> list[str]:
    """
    A list of at least one string.
    """
    values = _items(body, member)
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise BadContent(cause("item.text", member=member, index=index))
        if not is_text(value):
            raise BadContent(cause("item.unicode", member=member, index=index))
    return values


def objects(body: dict[str, object], member: str) -> list[dict[str, object]]:
    """
    A list of at least one object.
    """
    values = _items(body, member)
    if not all(isinstance(value, dict) for value in values):
        raise BadContent(cause("member.object", member=member))
    return values


def choice(body: dict[str, object], member: str, values: tuple[str, ...], default: str | None) -> str:
    """
    A member that must be one of some strings.
    """
    value = text(body, member, default)
    if value not in values:
        raise BadContent(cause("member.choice", member=member, values=", ".join(values)))
    return value
