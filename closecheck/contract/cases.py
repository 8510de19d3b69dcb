"""
A case: a request not yet made, and what must hold of its answer.

Cases are data. Declared ones are read from ``spec/cases/*.yaml``, derived ones come from :mod:`closecheck.contract.derived_cases`; both are the
same type and travel the same way. Ids stand in a draft as placeholders until the session knows which ids the target takes.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from closecheck.model import Chunking, Struct

Json = Any
"""A JSON value, in which :class:`Ids` and :class:`Id` may stand for ids."""


class Ids(Struct):
    """A list of that many different ids."""

    count: int


class Id(Struct):
    """One id; the same ``index`` is the same id within one request."""

    index: int = 0


class Raw(Struct):
    """The bytes of a body, in which ``{{id}}``, ``{{id:2}}`` and ``{{ids:3}}`` (items of a JSON list) stand for ids."""

    template: bytes


_PLACEHOLDER: Final = re.compile(rb"\{\{(ids?)(?::(\d+))?\}\}")
_NOTHING: Final = msgspec.UNSET


class Draft(Struct):
    """
    A request in the making: by default an authorized POST of JSON, headers in canonical case.

    ``headers`` replaces, adds, or (None) removes fields; ``chunks`` sends the body in chunks of these sizes; ``caller``
    names the credential: ``authorized``, ``unprivileged``, ``expired``, ``none`` or ``forged:<kind>``.
    ``chunking`` says how the chunks are written.
    """

    body: Json = None
    """JSON data with placeholders, :class:`Raw`, or UNSET for no body at all."""
    method: str = "POST"
    query: str = ""
    headers: dict[str, str | None] = msgspec.field(default_factory=dict)
    names: str = "canonical"
    """How field names are written: ``canonical``, ``lower`` or ``upper``."""
    chunks: tuple[int, ...] = ()
    chunking: Chunking = "plain"
    caller: str = "authorized"
    provokes: str = ""
    """What of the HTTP layer it provokes (``media-type``, ``method``, ``framing``, ``size``, ``field``); its own answer is then in order."""

    @property
    def ids(self) -> int:
        """How many different ids the body needs."""
        return count_ids(self.body)


class Expectation(Struct):
    """Which statuses are right, and the words for it: ``text`` completes "expected …"."""

    statuses: frozenset[int]
    text: str

    def also(self, *statuses: int) -> Expectation:
        """Return the expectation that tolerates these statuses too."""
        more = frozenset(statuses) - self.statuses
        if not more:
            return self
        return Expectation(self.statuses | more, f"{self.text} ({', '.join(map(str, sorted(more)))} tolerated)")


ACCEPTED: Final = Expectation(frozenset({202}), "202, the request is accepted")
REFUSED: Final = Expectation(frozenset({400}), "400 with an error object")


class Case(Struct):
    """
    One request and what its answer must be, for one requirement.

    ``base`` is the id of the accepted case that this one differs from by one edit, ``change`` that edit in words. A case
    that observes a choice has no expectation: ``observes`` maps statuses to what they mean.
    """

    id: str
    description: str
    request: Draft
    requirement: str = ""
    part: str = ""
    expect: Expectation | None = None
    base: str = ""
    change: str = ""
    choice: str = ""
    observes: dict[int, str] = msgspec.field(default_factory=dict)
    since: str = ""
    """The edition that introduced the case; empty: that of its requirement."""
    tolerant: bool = False
    """Whether the refusal is only a SHOULD: a lawful target may accept the request."""

    @property
    def accepts(self) -> bool:
        """Whether the case expects its request to be accepted, and nothing else."""
        return self.expect is not None and 202 in self.expect.statuses and 400 not in self.expect.statuses

    @property
    def may_close(self) -> bool:
        """Whether a lawful target may accept the request, so that existing ids in it would be closed."""
        return self.expect is None or 202 in self.expect.statuses or self.tolerant


def count_ids(body: Json) -> int:
    """Return how many different ids a body with placeholders needs."""
    match body:
        case Ids(count):
            return count
        case Id(index):
            return index + 1
        case Raw(template):
            counts = [int(n or 0) + (0 if kind == b"ids" else 1) for kind, n in _PLACEHOLDER.findall(template)]
            return max(counts, default=0)
        case dict():
            return max((count_ids(value) for value in body.values()), default=0)
        case list():
            return max((count_ids(value) for value in body), default=0)
        case _:
            return 0


def fill(body: Json, ids: list[str]) -> bytes:
    """Return the bytes of a body with its placeholders replaced by the given ids."""
    match body:
        case msgspec.UnsetType():
            return b""
        case Raw(template):
            return _PLACEHOLDER.sub(lambda found: _filled(found, ids), template)
        case _:
            return json.dumps(_with_ids(body, ids), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _filled(found: re.Match[bytes], ids: list[str]) -> bytes:
    number = int(found[2] or 0)
    if found[1] == b"id":
        return ids[number].encode()
    return ", ".join(f'"{one}"' for one in ids[:number]).encode()


def _with_ids(value: Json, ids: list[str]) -> Json:
    match value:
        case Ids(count):
            return ids[:count]
        case Id(index):
            return ids[index]
        case dict():
            return {key: _with_ids(one, ids) for key, one in value.items()}
        case list():
            return [_with_ids(one, ids) for one in value]
        case _:
            return value


# ------------------------------------------------------------------------------------------------------- declared cases


class DeclaredRequest(Struct):
    """
    The request of a declared case, as it stands in YAML; at most one of ``json``, ``text`` and ``base64`` is given.

    In ``json`` the object ``{$ids: 3}`` stands for a list of three ids and ``{$id: 0}`` for one; in ``text`` the words
    ``{{ids:3}}`` and ``{{id}}`` do; in ``json`` the object ``{$repeat: a, times: 500}`` stands for a long text, and within a list
    ``{$each_id: 3, from: 1}`` for the items ``{$id: 1}``, ``{$id: 2}`` and ``{$id: 3}``. A ``text`` may be a list of pieces: texts,
    repeated ones, and quoted ids with what stands between them, ``{$each_id: 3, from: 0, between: ","}``.
    """

    json: Any = None
    text: str | tuple[str | dict[str, str | int], ...] | None = None
    base64: str | None = None
    no_body: bool = False
    method: str = "POST"
    query: str = ""
    headers: dict[str, str | None] = msgspec.field(default_factory=dict)
    names: str = "canonical"
    chunks: tuple[int, ...] = ()
    chunking: Chunking = "plain"
    caller: str = "authorized"
    provokes: str = ""
    encoding: str = "utf-8"

    def draft(self) -> Draft:
        """Return the draft; ValueError if the body is given twice or not at all."""
        given = [self.json is not None, self.text is not None, self.base64 is not None, self.no_body]
        if sum(given) != 1:
            raise ValueError("exactly one of json, text, base64 and no_body is needed")
        body: Json
        if self.text is not None:
            pieces = (self.text,) if isinstance(self.text, str) else self.text
            body = Raw("".join(_piece(one) for one in pieces).encode(self.encoding, "surrogatepass"))
        elif self.base64 is not None:
            body = Raw(base64.b64decode(self.base64))
        elif self.no_body:
            body = msgspec.UNSET
        else:
            body = _from_yaml(self.json)
        return Draft(
            body=body,
            method=self.method,
            query=self.query,
            headers=dict(self.headers),
            names=self.names,
            chunks=self.chunks,
            chunking=self.chunking,
            caller=self.caller,
            provokes=self.provokes,
        )


class DeclaredCase(Struct):
    """A case as it stands in ``spec/cases/*.yaml``; ``expect`` is ``accepted``, ``refused`` or a list of statuses."""

    id: str
    description: str
    request: DeclaredRequest
    requirement: str = ""
    part: str = ""
    expect: str | tuple[int, ...] = ""
    also: tuple[int, ...] = ()
    base: str = ""
    change: str = ""
    choice: str = ""
    observes: dict[int, str] = msgspec.field(default_factory=dict)
    since: str = ""

    def case(self) -> Case:
        """Return the case; ValueError if it is contradictory."""
        expectation: Expectation | None
        match self.expect:
            case "accepted":
                expectation = ACCEPTED.also(*self.also)
            case "refused":
                expectation = REFUSED.also(*self.also)
            case "":
                expectation = None
            case str():
                raise ValueError(f"expect is accepted, refused or a list of statuses, not {self.expect!r}")
            case statuses:
                words = " or ".join(map(str, statuses))
                expectation = Expectation(frozenset(statuses), words).also(*self.also)
        if bool(self.requirement) == bool(self.choice):
            raise ValueError("a case has either a requirement or a choice")
        if bool(self.requirement) != (expectation is not None):
            raise ValueError("a case with a requirement has an expectation, a case with a choice has none")
        if bool(self.base) != bool(self.change):
            raise ValueError("base and change go together: the accepted case, and the one edit of it")
        return Case(
            id=self.id,
            description=self.description,
            request=self.request.draft(),
            requirement=self.requirement,
            part=self.part,
            expect=expectation,
            base=self.base,
            change=self.change,
            choice=self.choice,
            observes=dict(self.observes),
            since=self.since,
        )


def _from_yaml(value: Any) -> Json:
    match value:
        case {"$ids": int(count), **rest} if not rest:
            return Ids(count)
        case {"$id": int(index), **rest} if not rest:
            return Id(index)
        case {"$repeat": str(text), "times": int(times), **rest} if not rest:
            return text * times
        case dict():
            return {key: _from_yaml(one) for key, one in value.items()}
        case list():
            return [one for item in value for one in _items(item)]
        case _:
            return value


def _items(item: Any) -> Iterator[Json]:
    match item:
        case {"$each_id": int(count), "from": int(first), **rest} if not rest:
            yield from (Id(first + number) for number in range(count))
        case _:
            yield _from_yaml(item)


def _piece(piece: Any) -> str:
    match piece:
        case str():
            return piece
        case {"$repeat": str(text), "times": int(times), **rest} if not rest:
            return text * times
        case {"$each_id": int(count), "from": int(first), "between": str(between), **rest} if not rest:
            return between.join(f'"{{{{id:{first + number}}}}}"' for number in range(count))
        case _:
            raise ValueError(f"a piece of a text is a string, $repeat or $each_id, not {piece!r}")
