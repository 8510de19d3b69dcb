"""
The languages in which clients ask: ``filters`` of lists, the query strings of Search, and a part of Elasticsearch's queries.
"""

from __future__ import annotations

import json
import re
from typing import cast

from closecheck.reference.errors import BadContent, cause
from closecheck.reference.query import EVERYTHING, NOTHING, Condition, Field, Fields, both, comparison, either, negation, term

OPERATORS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}

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
