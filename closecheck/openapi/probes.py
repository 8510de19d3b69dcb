"""
What the contract says, as questions that a schema can be asked: bodies to be valid, bodies to be refused, answers that break a clause.

Bodies are the suite's own cases; answers are the contract's examples plus one edit, and which clause an edit breaks is decided by
the checks that judge a target's answers. Nothing here knows a requirement by heart.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, Final

import msgspec

from closecheck.contract import base_cases, derived_cases, json_values, random_bodies
from closecheck.contract.cases import Case, Draft, Raw, fill
from closecheck.contract.specification import contract
from closecheck.judging.checks import Clauses
from closecheck.judging.exchange import Exchange, NotJson, parse
from closecheck.model import Request, Response, Struct, Timing

JSON: Final = "application/json"

# ---------------------------------------------------------------------------------------------------------------- bodies


class BodyProbe(Struct):
    """A body that the contract has accepted or refused: its case, and the case that it is one edit of."""

    case: Case
    base: Case | None
    """None: the body is asked as it is."""


@functools.cache
def body_probes() -> tuple[BodyProbe, ...]:
    """Return the cases that turn on the value of the body alone, in the suite's order."""
    known = {**derived_cases.derived(), **contract().declared}
    plainest = known[base_cases.ONE_ID]
    # A schema compares names exactly by itself: of another case of letters it can say no more than that the member is missing.
    names = contract().body_schema["x-requirements"]["properties"]
    found = []
    for case in known.values():
        if not _by_value(case) or not case.requirement or case.requirement == names:
            continue
        base = known[case.base] if case.base else None
        if base is None and not case.accepts:
            continue  # it breaks several rules at once, and says nothing of any of them
        if base is None and case.requirement != plainest.requirement:
            base = plainest
        if base is None or _by_value(base):
            found.append(BodyProbe(case, base))
    return tuple(found)


@functools.cache
def choice_probes() -> tuple[Case, ...]:
    """Return the cases that observe a choice by the value of the body alone."""
    return tuple(case for case in contract().declared.values() if case.choice and (_by_value(case) or _is_one_value(case)))


def _by_value(case: Case) -> bool:
    """Tell whether a case differs from a plain request in nothing but the value of its body; spelling is nothing that a schema sees."""
    request = case.request
    spelled = request.body is msgspec.UNSET or isinstance(request.body, Raw)
    return not spelled and msgspec.structs.replace(request, body=None) == Draft()


def _is_one_value(case: Case) -> bool:
    """Tell whether a body that is spelled out is one JSON value that every reader reads alike."""
    if not isinstance(case.request.body, Raw) or msgspec.structs.replace(case.request, body=None) != Draft():
        return False
    try:
        value = body(case, str)
        text = fill(case.request.body, list(hexadecimal())).decode()
        return bool(value == json.loads(text, object_pairs_hook=_members) and json.dumps(value, ensure_ascii=False).encode())
    except (NotJson, ValueError):
        return False


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of an object; ValueError if one stands there twice."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a member stands there twice")
    return dict(pairs)


_HEX: Final = 32
FORMS: Final[tuple[Callable[[str], str], ...]] = (
    str,
    lambda one: f"{one[:8]}-{one[8:12]}-4{one[13:16]}-9{one[17:20]}-{one[20:]}",
    str.upper,
    lambda one: one[:24],
    lambda one: one[:8],
    lambda one: str(int(one, 16))[:18],
    lambda one: f"AR-{int(one, 16) % 10**9}",
)
"""What an id may look like, the form of the documentation's example first: also with dashes, as a number, with a prefix."""


@functools.cache
def hexadecimal() -> tuple[str, ...]:
    """Return as many different ids of the documentation's form as any case needs, the same ones each time."""
    most = max(probe.case.request.ids for probe in body_probes())
    return random_bodies.ids(Random(0), most)  # noqa: S311 - nothing here is a secret


def body(case: Case, form: Callable[[str], str]) -> Any:
    """
    Return the body of a case as data, its ids in that form.

    Raises:
        NotJson: strictly read, it is none.

    """
    return parse(fill(case.request.body, [form(one) for one in hexadecimal()]))


def edited(carrier: Any, base: Any, probe: Any) -> Any:
    """Return the carrier with the edit that leads from the base to the probe."""
    if not isinstance(carrier, dict) or not isinstance(base, dict) or not isinstance(probe, dict):
        return probe
    if probe == base:  # no edit at all: every member as the contract has it
        return {**carrier, **probe}
    kept = {name: value for name, value in carrier.items() if name in probe or name not in base}
    return {**kept, **{name: value for name, value in probe.items() if name not in base or base[name] != value}}


# --------------------------------------------------------------------------------------------------------------- answers


class AnswerProbe(Struct):
    """An edit of the contract's example of an answer: where, what, in words."""

    status: int
    steps: tuple[str | int, ...]
    value: Any
    """UNSET: what stands there is left out."""
    words: str

    @property
    def member(self) -> tuple[str, ...]:
        """The steps to what is edited, ``*`` being an item."""
        return tuple("*" if isinstance(step, int) else step for step in self.steps)

    @property
    def carried(self) -> tuple[tuple[str, ...], str]:
        """The steps to the schema, and its keyword, that speak against the edit."""
        return (self.member[:-1], "required") if self.value is msgspec.UNSET else (self.member, "type")

    def on(self, answer: Any) -> Any:
        """Return an answer with the edit; UNSET where it cannot be made on that one."""
        if not self.steps:
            return copy.deepcopy(self.value)
        result = copy.deepcopy(answer)
        around = result
        for step in self.steps[:-1]:
            if not _holds(around, step):
                return msgspec.UNSET
            around = around[step]
        last = self.steps[-1]
        # A member may be added to an object; an item only takes the place of another.
        if not _holds(around, last) and (self.value is msgspec.UNSET or not isinstance(around, dict) or isinstance(last, int)):
            return msgspec.UNSET
        if self.value is msgspec.UNSET:
            del around[last]
        else:
            around[last] = self.value
        return result


def _holds(around: Any, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(around, list) and step < len(around)
    return isinstance(around, dict) and step in around


@functools.cache
def examples(status: int) -> tuple[Any, ...]:
    """Return the contract's examples of the body of an answer."""
    stated = _media(status)["examples"]
    # Written anew, for YAML may share a part that stands there twice, and an edit of one place is no edit of another.
    return tuple(json.loads(json.dumps(one["value"])) for one in stated.values())


@functools.cache
def fullest(status: int) -> Any:
    """Return the contract's example with the most members among those of all answers of the same schema: what is edited."""
    alike = [one for one in sorted(contract().documented_statuses) if _media(one)["schema"] == _media(status)["schema"]]
    return max((example for one in alike for example in examples(one)), key=len)


def _media(status: int) -> dict[str, Any]:
    return contract().operation["responses"][str(status)]["content"][JSON]  # type: ignore[no-any-return]


@functools.cache
def answer_probes(status: int) -> tuple[AnswerProbe, ...]:
    """Return the edits of the contract's example of an answer: each part of it left out, and of every other JSON type."""
    example = fullest(status)
    found = []
    for steps, value in _parts(example, ()):
        name = _name(steps)
        if steps and isinstance(steps[-1], str):
            found.append(AnswerProbe(status, steps, msgspec.UNSET, f"without {name}"))
        found += [AnswerProbe(status, steps, other, f"{name} {json_values.show(other)}") for other in _others(value)]
    if isinstance(example, dict) and example:
        found.append(AnswerProbe(status, (), [example], "a list of the documented object"))
    return tuple(found)


def stranger(status: int) -> dict[str, int]:
    """Return an answer whose every documented member is a number: whoever admits it describes another object."""
    return dict.fromkeys(fullest(status), 7)


def _parts(value: Any, steps: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield steps, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _parts(inner, (*steps, name))
    elif isinstance(value, list) and value:
        yield from _parts(value[0], (*steps, 0))


def _others(value: Any) -> Iterator[Any]:
    """Yield the plainest value of every JSON type but that of the given one."""
    for kind, values in json_values.VALUES.items():
        plain: Any = values[0] if kind != "string" else "text"
        if type(plain) is not type(value):
            yield plain


def _name(steps: tuple[str | int, ...]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".") or "the whole body"


def broken(status: int, answer: Any, media: str = JSON, headers: Mapping[str, str] | None = None) -> frozenset[str]:
    """Return the requirements that such an answer of a target would break."""
    fields = (("Content-Type", media), *(headers or {}).items())
    response = Response(status=status, reason="", version="HTTP/1.1", headers=fields, body=json.dumps(answer).encode())
    exchange = Exchange(
        number=1,
        case="",
        draft=Draft(),
        request=Request(method="POST", target="/", headers=()),
        timing=Timing(sent=0.0, seconds=0.0),
        response=response,
        provoked="internal_error",
    )
    return frozenset(one.requirement for one in Clauses(contract().documented_statuses).judge(exchange))


WAITS: Final = ("0", "1", "120", "Tue, 01 Jan 2030 00:00:00 GMT")
"""Lawful values of Retry-After."""
