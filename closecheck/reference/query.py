"""
Queries of users become SQL here; every word of theirs travels as a parameter, every word of the SQL is ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

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
OPERATORS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


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


# ------------------------------------------------------------------------------------------------- filters


FILTER_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:\\.|[^"\\])*")|(?P<mark>[(),])|(?P<word>[^\s(),"]+))""",
)


def filters(text: str, fields: Fields) -> Condition:
    """
    The ``filters`` parameter of the vendor's list endpoints: comparisons joined by ``and``, operators in lower case.

    Raises:
        BadContent: a field or an operator that is not supported, or no filter at all.
    """
    try:
        return _Filter(text, fields).condition()
    except (ValueError, IndexError, KeyError):
        raise BadContent(cause("filter")) from None


class _Filter:
    """
    A reader of ``name operator value [and …]``; raises ValueError, IndexError or KeyError on anything else.
    """

    def __init__(self, text: str, fields: Fields) -> None:
        self.fields = fields
        self.tokens = _tokens(FILTER_TOKEN, text)
        self.at = 0

    def condition(self) -> Condition:
        parts = [self.comparison()]
        while self.at < len(self.tokens):
            if self.next() != "and":
                raise ValueError
            parts.append(self.comparison())
        return both(parts)

    def comparison(self) -> Condition:
        name = self.next()
        if name == "isnull":
            return negation(Condition(f"{self.fields[self.next()].sql} IS NOT NULL"))
        field, operator = self.fields[name], self.next()
        if operator == "in":
            return either([term(field, value) for value in self.values()])
        if operator == "sw":
            return Condition(f"substr({field.sql}, 1, ?) = ?", (len(prefix := self.value()), prefix))
        return comparison(field, OPERATORS[operator], self.value())

    def values(self) -> list[str]:
        if self.next() != "(":
            raise ValueError
        values = [self.value()]
        while (mark := self.next()) == ",":
            values.append(self.value())
        if mark != ")":
            raise ValueError
        return values

    def value(self) -> str:
        value = self.next()
        return cast("str", json.loads(value)) if value.startswith('"') else value

    def next(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]


# ------------------------------------------------------------------------------------------------- search


SEARCH_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:\\.|[^"\\])*")|(?P<range>[\[{][^\]}]*[\]}])|(?P<mark>[()])|(?P<not>[-!](?=[^\s]))"""
    r"""|(?P<field>[A-Za-z_@][\w.@]*\s*:)|(?P<word>(?:\\.|[^\s()"\[\]{}\\])+))""",
)


def search(text: str, fields: Fields) -> Condition:
    """
    The query-string language of Search: terms, "phrases", field:term with or without a blank after the colon, AND, OR,
    NOT, parentheses, wildcards, ranges. Terms side by side must all match; a field that is not there matches nothing.

    Raises:
        BadContent: the query cannot be read.
    """
    try:
        return _Search(text, fields).condition()
    except (ValueError, IndexError, RecursionError):
        raise BadContent(cause("search")) from None


class _Search:
    """
    A recursive reader: alternatives of sequences of single conditions.
    """

    def __init__(self, text: str, fields: Fields) -> None:
        self.fields = fields
        self.tokens = _tokens(SEARCH_TOKEN, text)
        self.at = 0

    def condition(self) -> Condition:
        found = self.alternatives(None)
        if self.at < len(self.tokens):
            raise ValueError
        return found

    def alternatives(self, field: str | None) -> Condition:
        parts = [self.sequence(field)]
        while self.peek() in ("OR", "||"):
            self.at += 1
            parts.append(self.sequence(field))
        return either(parts)

    def sequence(self, field: str | None) -> Condition:
        parts = [self.single(field)]
        while self.peek() not in ("", "OR", "||", ")"):
            if self.peek() in ("AND", "&&"):
                self.at += 1
            parts.append(self.single(field))
        return both(parts)

    def single(self, field: str | None) -> Condition:
        token = self.next()
        if token in ("NOT", "!", "-"):
            return negation(self.single(field))
        if token == "(":  # noqa: S105 - a word of the query
            inner = self.alternatives(field)
            if self.next() != ")":
                raise ValueError
            return inner
        if token in ("AND", "OR", "&&", "||", ")"):
            raise ValueError
        if re.fullmatch(r"[A-Za-z_@][\w.@]*\s*:", token):
            return self.single(token[:-1].rstrip())
        return self.term(field, token)

    def term(self, name: str | None, token: str) -> Condition:
        if name is None:
            # Without a field a term may stand anywhere in the document.
            return either([self.match(field, token) for field in self.fields.values() if field.kind != "date"])
        found = [field for key, field in self.fields.items() if key == name or name.startswith(f"{key}.")]
        return either([self.match(field, token) for field in found])

    def match(self, field: Field, token: str) -> Condition:
        if token == "*":  # noqa: S105 - a word of the query
            return EVERYTHING
        if token.startswith('"'):
            return term(field, re.sub(r"\\(.)", r"\1", token[1:-1]))
        if token[0] in "[{":
            return self.range(field, token)
        if token[0] in "<>":
            operator = re.match(r"[<>]=?", token)
            assert operator is not None
            return comparison(field, operator[0], token[operator.end() :] or self.next())
        return term(field, re.sub(r"\\(.)", r"\1", token), phrase=False)

    def range(self, field: Field, token: str) -> Condition:
        low, _, high = token[1:-1].partition(" TO ")
        if not high:
            raise ValueError
        parts: list[Condition] = []
        if low.strip() != "*":
            parts.append(comparison(field, ">=" if token[0] == "[" else ">", low.strip().strip('"')))
        if high.strip() != "*":
            parts.append(comparison(field, "<=" if token[-1] == "]" else "<", high.strip().strip('"')))
        return both(parts)

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def next(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]


def dsl(query: object, fields: Fields) -> Condition:
    """
    A small part of Elasticsearch's query language: match_all, match, match_phrase, term, terms, range, bool.

    Raises:
        BadContent: anything else.
    """
    try:
        return _dsl(query, fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadContent(cause("search")) from None


def _dsl(query: object, fields: Fields) -> Condition:
    [(kind, value)] = cast("dict[str, dict[str, object]]", query).items()
    if kind == "match_all":
        return EVERYTHING
    if kind == "bool":
        return _dsl_bool(value, fields)
    [(name, wanted)] = value.items()
    field = fields.get(name.removesuffix(".exact").removesuffix(".keyword"))
    if field is None:
        return NOTHING
    if kind == "terms":
        return either([term(field, str(item)) for item in cast("list[object]", wanted)])
    if kind == "range":
        bounds = cast("dict[str, object]", wanted).items()
        return both([comparison(field, OPERATORS[f"{key[:1]}{key[1:].replace('te', 'e')}"], str(at)) for key, at in bounds])
    if kind not in ("match", "match_phrase", "term"):
        raise ValueError
    if isinstance(wanted, dict):
        wanted = wanted["query" if "query" in wanted else "value"]
    return term(field, str(wanted))


def _dsl_bool(value: dict[str, object], fields: Fields) -> Condition:
    def parts(key: str) -> list[Condition]:
        clauses = value.get(key, [])
        return [_dsl(clause, fields) for clause in (clauses if isinstance(clauses, list) else [clauses])]

    if not value.keys() <= {"must", "filter", "should", "must_not", "minimum_should_match"}:
        raise ValueError
    needed = parts("must") + parts("filter")
    wanted = parts("should")
    if wanted and not needed:
        # Only without a must or a filter one of `should` has to match; beside them it ranks.
        needed.append(either(wanted))
    return both(needed + [negation(part) for part in parts("must_not")])


def _tokens(pattern: re.Pattern[str], text: str) -> list[str]:
    """
    The tokens of a text; raises ValueError where none fits.
    """
    tokens: list[str] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        found = pattern.match(text, at)
        if found is None:
            raise ValueError(text)
        tokens.append(found[0].strip())
        at = found.end()
    return tokens
