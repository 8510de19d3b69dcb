"""
Queries of users become SQL here; every word of theirs travels as a parameter, every word of the SQL is ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from closecheck.reference.errors import BadContent, cause

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Condition:
    """
    A piece of a WHERE clause with its parameters.
    """

    sql: str
    parameters: tuple[object, ...] = ()


EVERYTHING = Condition("1")
NOTHING = Condition("0")


@dataclass(frozen=True, slots=True)
class Selection:
    """
    What to look for, and in which order.
    """

    condition: Condition = EVERYTHING
    order: str = "number"


@dataclass(frozen=True, slots=True)
class Field:
    """
    A field of a document: the SQL expression behind it and how a term is compared with it.
    """

    sql: str
    kind: str = "words"
    """
    ``exact`` (ids, compared as they are), ``keyword`` (the whole value, in any case), ``words`` (a phrase matches whole
    words), ``json`` (a phrase occurs somewhere) or ``date``.
    """


Fields = Mapping[str, Field]
"""The fields of one kind of document, by name."""

ACTIVITY_FIELDS: Fields = {
    "id": Field("id", "exact"),
    "trackingNumber": Field("id", "exact"),
    "_type": Field("'accountactivity'", "keyword"),
    "action": Field("'Access Request'"),
    "stage": Field("stage"),
    "status": Field("status"),
    "created": Field("created", "date"),
    "modified": Field("modified", "date"),
    "requester.id": Field("requester_id", "exact"),
    "requester.name": Field("requester_name"),
    "recipient.id": Field("recipient_id", "exact"),
    "recipient.name": Field("recipient_name"),
    "warnings": Field("warnings", "json"),
    "errors": Field("errors", "json"),
}
"""The search index ``accountactivities``."""

EVENT_FIELDS: Fields = {
    "id": Field("id", "exact"),
    "trackingNumber": Field("tracking_number", "exact"),
    "_type": Field("'event'", "keyword"),
    "name": Field("name"),
    "action": Field("action", "keyword"),
    "type": Field("'PROVISIONING'", "keyword"),
    "operation": Field("operation", "keyword"),
    "status": Field("status", "keyword"),
    "technicalName": Field("'IDENTITY_REQUESTS_CLOSE_' || status", "keyword"),
    "created": Field("created", "date"),
    "actor.name": Field("actor", "keyword"),
    "attributes": Field("attributes", "json"),
}
"""The search index ``events``."""

INDICES: Mapping[str, tuple[str, Fields]] = {
    "events": ("audits", EVENT_FIELDS),
    "accountactivities": ("requests", ACTIVITY_FIELDS),
}
"""Index -> table, fields."""
EMPTY_INDICES = ("accessprofiles", "entitlements", "identities", "roles")
"""Indices that the vendor has and this server keeps nothing in."""

LIST_FILTERS: Fields = {
    "type": Field("'appRequest'", "keyword"),
    "created": Field("created", "date"),
    "modified": Field("modified", "date"),
}
"""The ``filters`` of List Account Activities."""
STATUS_FILTERS: Fields = {
    "accessRequestId": Field("id", "exact"),
    "accountActivityItemId": Field("id", "exact"),
    "created": Field("created", "date"),
}
"""The ``filters`` of Access Request Status."""
MAX_TERM = 10_000
"""Characters in one term; SQLite compares with patterns of at most 50,000 bytes."""
MAX_CLAUSES = 1024
"""Alternatives in one query, as in Elasticsearch; equal ids are looked up in an index and are not limited."""


def both(parts: Sequence[Condition]) -> Condition:
    """
    All of the conditions.
    """
    return _join(" AND ", parts) if parts else EVERYTHING


def either(parts: Sequence[Condition]) -> Condition:
    """
    One of the conditions.

    Raises:
        ValueError: there are more than `MAX_CLAUSES`, ids not counted.
    """
    return _join(" OR ", _merged(parts)) if parts else NOTHING


def negation(part: Condition) -> Condition:
    """
    Not the condition.
    """
    return Condition(f"NOT ({part.sql})", part.parameters)


def _join(operator: str, parts: Sequence[Condition]) -> Condition:
    """
    Joined as a balanced tree: SQLite allows expressions no deeper than 1,000, and 500 ids in one query are usual.
    """
    if len(parts) == 1:
        return parts[0]
    left, right = _join(operator, parts[: len(parts) // 2]), _join(operator, parts[len(parts) // 2 :])
    return Condition(f"({left.sql}{operator}{right.sql})", left.parameters + right.parameters)


def _merged(parts: Sequence[Condition]) -> list[Condition]:
    """
    Equalities with one column become one IN: that is what makes 500 of them quick.
    """
    equal: dict[str, list[object]] = {}
    others: list[Condition] = []
    for part in parts:
        if part.sql.endswith(" = ?") and len(part.parameters) == 1:
            equal.setdefault(part.sql.removesuffix(" = ?"), []).append(part.parameters[0])
        else:
            others.append(part)
    for sql, values in equal.items():
        # A lone equality stays as it is, so that the level above can merge it with its own.
        several = f"{sql} IN ({', '.join('?' * len(values))})"
        others.append(Condition(several if len(values) > 1 else f"{sql} = ?", tuple(values)))
    if len(others) > MAX_CLAUSES:
        raise ValueError(len(others))
    return others


def term(field: Field, text: str, *, phrase: bool = True) -> Condition:
    """
    A field that matches a term; outside quotation marks ``*`` and ``?`` are wildcards.

    Raises:
        ValueError: the term is longer than SQLite can look for, or is no date where one is needed.
    """
    if len(text) > MAX_TERM:
        raise ValueError(len(text))
    wild = not phrase and ("*" in text or "?" in text)
    if field.kind == "exact" and not wild:
        return Condition(f"{field.sql} = ?", (text,))
    if field.kind == "date" and not wild:
        return comparison(field, "=", text)
    if field.kind == "json":
        text = json.dumps(text, ensure_ascii=False)[1:-1]
    pattern = re.sub(r"[\\%_]", r"\\\g<0>", text)
    if wild:
        pattern = pattern.replace("*", "%").replace("?", "_")
    sql = field.sql
    if field.kind == "json":
        pattern = f"%{pattern}%"
    elif field.kind == "words":
        sql, pattern = f"(' ' || {sql} || ' ')", f"% {pattern} %"
    return Condition(f"{sql} LIKE ? ESCAPE '\\'", (pattern,))


def comparison(field: Field, operator: str, text: str) -> Condition:
    """
    A field compared by order; dates are brought into the form in which they are stored.

    Raises:
        ValueError: the text is no date.
    """
    return Condition(f"{field.sql} {operator} ?", (date(text) if field.kind == "date" else text,))


def date(text: str) -> str:
    """
    A date or date-time (ISO 8601, or ``now``) as it is stored: UTC, milliseconds.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.now(UTC) if text == "now" else datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def order(sorters: Sequence[str], fields: Fields) -> str:
    """
    An ORDER BY clause: ``-`` before a field's name means descending; what is equal stays in the order of creation.

    Raises:
        BadContent: a field that cannot be sorted by.
    """
    terms: list[str] = []
    for sorter in sorters:
        name = sorter.strip().removeprefix("+")
        field = fields.get(name.removeprefix("-"))
        if field is None:
            raise BadContent(cause("sorter"))
        # Parentheses, as a bare constant would be taken for the number of a column.
        terms.append(f"({field.sql}){' DESC' if name.startswith('-') else ''}")
    descending = bool(sorters) and sorters[0].strip().startswith("-")
    return ", ".join([*terms, "number DESC" if descending else "number"])


def after(sorters: Sequence[str], values: Sequence[str], fields: Fields) -> Condition:
    """
    What comes behind a document with these values in the order of ``sorters`` (searchAfter).

    Raises:
        BadContent: not as many values as sorters, or a field that cannot be sorted by.
    """
    if len(values) != len(sorters):
        raise BadContent(cause("sorter"))
    order(sorters, fields)
    steps: list[Condition] = []
    equal: list[Condition] = []
    for sorter, value in zip(sorters, values, strict=True):
        name = sorter.strip().removeprefix("+")
        sql = fields[name.removeprefix("-")].sql
        steps.append(both([*equal, Condition(f"{sql} {'<' if name.startswith('-') else '>'} ?", (value,))]))
        equal.append(Condition(f"({sql}) IS ?", (value,)))
    return either(steps)
