"""
Bodies made at random from a generator of random numbers: valid ones, lawful spellings of them, and ones with exactly one edit.

Nothing here draws or sends. :mod:`closecheck.strategies` gives these functions to Hypothesis, :mod:`closecheck.exploration.explore` to a
target. Only what the contract settles is made: ids of the page's form, all different; messages of ordinary text.
"""

from __future__ import annotations

import functools
import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final

import msgspec

from closecheck.contract.specification import Property, contract
from closecheck.model import Struct

MOST_IDS: Final = 500
MOST_CHARACTERS: Final = 1000
"""Characters of a message that every target is held to (CAR-MESSAGE-TEXT)."""


@functools.cache
def members() -> dict[str, Property]:
    """Return the members of the body as the document constrains them, by name."""
    return {one.name: one for one in contract().properties()}


class Value(Struct):
    """A valid body as a value, independent of its spelling; a member that is None is left out."""

    ids: tuple[str, ...]
    message: str | None = None
    execution: str | None = None
    completion: str | None = None

    def members(self) -> dict[str, Any]:
        """Return the members in the document's order."""
        found: dict[str, Any] = {"accessRequestIds": list(self.ids)}
        if self.message is not None:
            found["message"] = self.message
        if self.execution is not None:
            found["executionStatus"] = self.execution
        if self.completion is not None:
            found["completionStatus"] = self.completion
        return found

    def plain(self) -> bytes:
        """Return the body in the plainest spelling."""
        return msgspec.json.encode(self.members())


class Spelling(Struct):
    """
    One lawful way to write a body; the defaults are the plainest.

    ``order`` is a number that shuffles the members (0: the document's order), ``space`` stands between all tokens, ``values`` and ``names``
    say which characters of texts and of member names are escaped: ``""`` (none that need not be), ``first``, ``some`` or ``all``;
    ``upper`` writes the digits of escapes in upper case.
    """

    order: int = 0
    space: str = ""
    values: str = ""
    names: str = ""
    upper: bool = False

    @property
    def features(self) -> dict[str, str]:
        """What differs from the plainest spelling: the field, and the part of CAR-BODY-JSON-FORMS that it belongs to."""
        return {name: part for name, part in _FEATURES.items() if getattr(self, name)}

    def without(self, name: str) -> Spelling:
        """Return the spelling that is plain in this respect."""
        return msgspec.structs.replace(self, **{name: type(getattr(self, name))()})


_FEATURES: Final = {"order": "order", "space": "white-space", "values": "escapes-in-values", "names": "escapes-in-names"}


class Edit(Struct):
    """A valid body plus exactly one edit: the requirement that it breaks, and the edit in words."""

    requirement: str
    body: bytes
    base: Value
    change: str
    members: dict[str, Any] = msgspec.field(default_factory=dict)
    """The members that the edit sets, by name, where it is made on members: it can then be made on a smaller base."""
    many: int = 0
    """The count of ids of a list that is too long."""
    statuses: frozenset[int] = frozenset({400})

    def smaller(self) -> Iterator[Edit]:
        """Yield the same edit on smaller bases, the smallest first."""
        if not self.members:
            return
        lone = Value(self.base.ids[:1])
        for base in (lone, msgspec.structs.replace(self.base, message=None, ids=lone.ids), msgspec.structs.replace(self.base, ids=lone.ids)):
            body = _encoded({**base.members(), **self.members})
            if len(body) < len(self.body):
                change = ", ".join(f"{name}: {_short(one)}" for name, one in self.members.items())
                yield msgspec.structs.replace(self, base=base, body=body, change=change)


# ----------------------------------------------------------------------------------------------------------- valid bodies


def ids(rng: Random, count: int) -> tuple[str, ...]:
    """Return that many different ids of the page's form, which no target has."""
    return tuple(rng.randbytes(16 * count).hex(" ", 16).split())


FRAGMENTS: Final = (
    "'", '"', "\\", "\\\\", "/", "`", "''", '\\"', "O'Brien", "%", "%s", "%n", "%d%n", "100 %", "%00", "%0A", "%2F", "${x}", "#{x}", "{{x}}", "{}",
    "{0}", "}", "{", "[", "]", "[]", "<", ">", "<b>", "</script>", "<script>alert(1)</script>", "&", "&amp;", "&#x0;", "<!--", "-->", "]]>", "<?xml?>",
    "--", "; --", "' OR '1'='1", "1=1", "/*", "*/", "//", "#", "@", "|", "||", "&&", "$", "$(x)", "`x`", "~", "^", "*", "?", "!", "=", "+", "=1+1", "-1",
    "null", "NULL", "None", "undefined", "nil", "NaN", "true", "false", "0", "-0", "1e309", "Infinity", '{"a": 1}', "[1, 2]", "\\u0041", "\\n", "\\0",
    "../", "..\\", "/etc/passwd", "C:\\temp", "file:///x", "http://example.invalid/", "mailto:a@example.com", "a@example.com", "\t", "\n", "\r\n", "\r", "\n\n",
    "  ", "          ", "\u00a0", "\u2003", "\u3000", "\u2028", "\u2029", "\u200b", "\u200d", "\u200e", "\u202e", "\u2066x\u2069", "\u00ad", "e\u0301", "\u00e9", "Å",
    "ß", "ſ", "İ", "ı", "ŉ", "ﬁ", "Ω", "ǅ", "Straße", "œuvre", "ÿ", "Привет", "Ελληνικά", "שלום", "مرحبا", "नमस्ते", "สวัสดี", "안녕", "日本語", "中文", "𠮷", "😀", "👍🏽", "👩‍👩‍👧‍👦",
    "🇫🇷", "❤️", "1️⃣", "𝒜", "𐍈", "∑", "√2", "½", "€", "£", "¥", "™", "©", "“x”", "‘x’", "«x»", "…", "–", "—", "•", "→", "☃", "a\u0300\u0301\u0302\u0303\u0304", "Z͑ͫ̓",
    "select", "drop table", "script", "javascript:", "eval(", "union select", "exec", "admin", "root", "password", "token", "Terminated", "Failure", "Success",
    "INC0012345", "CHG-4711", "2024-02-30T25:61:61Z", "12:00", "+49 30 12345", "a,b;c", "a\tb", "x=y&z=1", "Re: Fwd:", "lorem ipsum dolor", "x" * 80,
)  # fmt: skip
"""What has broken readers, templates, databases, loggers and firewalls before; every one is ordinary text."""
_WORDS: Final = ("closed", "request", "by", "the", "operator", "after", "review", "stuck", "pending", "since", "ticket", "no", "owner")
_BLOCK: Final = 96
"""Characters of one message of the sweep over Unicode."""


@functools.cache
def characters() -> str:
    """Return every character that is ordinary text: assigned, no control but tab and line breaks, no surrogate, none for private use."""
    return "".join(
        chr(code) for code in range(0x20, 0x32000) if unicodedata.category(chr(code)) not in {"Cc", "Cs", "Cn", "Co"} and code != 0xFEFF
    )


def ordinary(text: str) -> bool:
    """Tell whether a message is one that CAR-MESSAGE-TEXT demands to be accepted."""
    if not 1 <= len(text) <= MOST_CHARACTERS or not text.strip() or "\ufeff" in text:
        return False
    return all(one in "\t\n\r" or unicodedata.category(one) not in {"Cc", "Cs", "Cn", "Co"} for one in set(text)) and not _blank(text)


def _blank(text: str) -> bool:
    return all(unicodedata.category(one) in {"Zs", "Zl", "Zp", "Cf", "Cc", "Mn"} for one in text)


def message(rng: Random) -> str:
    """Return ordinary text: words and fragments, or any characters of one stretch of Unicode, of any length that is demanded."""
    kind = rng.random()
    if kind < 0.25:
        return letters(rng, _up_to(rng, MOST_CHARACTERS))
    if kind < 0.45:
        known = characters()
        start = _up_to(rng, len(known)) - 1
        return _kept("x" + known[start : start + _up_to(rng, _BLOCK)])
    pieces = [rng.choice(FRAGMENTS) if rng.random() < 0.6 else rng.choice(_WORDS) for _ in range(rng.choice((1, 1, 2, 3, 4, 6)))]
    return _kept(rng.choice(("", " ", " ")).join(pieces))


def letters(rng: Random, length: int) -> str:
    """Return plain words of exactly that many characters, at most 1,000."""
    prose, starts = _prose()
    start = rng.choice(starts)
    return prose[start : start + length - 1] + "x"


@functools.cache
def _prose() -> tuple[str, tuple[int, ...]]:
    """Return words upon words, and where each begins that has a thousand characters to follow: a message is a stretch of them."""
    words = " ".join(Random(0).choices(_WORDS, k=4 * MOST_CHARACTERS))  # noqa: S311 - nothing here is a secret
    return words, tuple([at + 1 for at in range(len(words) - MOST_CHARACTERS) if words[at] == " "])


def _up_to(rng: Random, most: int) -> int:
    """Return a number from 1 to ``most``; four times as fast as randint."""
    return 1 + int(rng.random() * most)


def _kept(text: str) -> str:
    return text if not _blank(text) else f"{text}x"


def blocks() -> Iterator[str]:
    """Yield messages that together hold every ordinary character once."""
    known = characters()
    for start in range(0, len(known), _BLOCK):
        yield _kept("x" + known[start : start + _BLOCK])


def value(rng: Random, *, count: int = 0, text: str | None = None) -> Value:
    """Return a valid body; ``count`` and ``text``, where they are given, are its number of ids and its message."""
    kind = rng.random()
    size = count or (1 if kind < 0.6 else _up_to(rng, 20) if kind < 0.9 else _up_to(rng, MOST_IDS))
    if text is None and rng.random() < 0.6:
        text = message(rng)
    executions, completions = _statuses()
    return Value(ids(rng, size), text, rng.choice(executions), rng.choice(completions))


@functools.cache
def _statuses() -> tuple[tuple[str | None, ...], tuple[str | None, ...]]:
    """Return what the two statuses may be, None for left out."""
    return (None, *members()["executionStatus"].values), (None, *members()["completionStatus"].values)


def brief(rng: Random) -> Value:
    """Return a valid body of few ids and a short message, if it has one: what it says is not the point, but how it is spelled."""
    found = value(rng, count=rng.choice((1, 1, 2, 3, 20)), text="x")
    text = rng.choice((None, _kept(message(rng)[:60])))
    return msgspec.structs.replace(found, message=text)


# -------------------------------------------------------------------------------------------------------------- spellings


_SPACES: Final = (" ", "\n", "\t", "\r\n", "\n  ", "   ", " \t\r\n", " " * 40)


def spelling(rng: Random) -> Spelling:
    """Return a lawful spelling other than the plainest."""
    style = ("", "", "first", "some", "all")
    found = Spelling(
        order=rng.choice((0, _up_to(rng, 2**30))),
        space=rng.choice(("", "", *_SPACES)),
        values=rng.choice(style),
        names=rng.choice(style),
        upper=rng.random() < 0.5,
    )
    return found if found.features else Spelling(order=_up_to(rng, 2**30))


def spelled(value: Value, how: Spelling) -> bytes:
    """Return a body in one spelling; the same arguments give the same bytes."""
    order = _ordered(list(value.members().items()), how.order)
    gap = how.space
    parts = []
    for name, one in order:
        if isinstance(one, list):
            written = f"{gap},{gap}".join(_text(item, how.values, how) for item in one)
            parts.append(f"{_text(name, how.names, how)}{gap}:{gap}[{gap}{written}{gap}]")
        else:
            parts.append(f"{_text(name, how.names, how)}{gap}:{gap}{_text(one, how.values, how)}")
    return f"{gap}{{{gap}{f'{gap},{gap}'.join(parts)}{gap}}}{gap}".encode()


def _ordered(plain: list[tuple[str, Any]], order: int) -> list[tuple[str, Any]]:
    """Return members in another order, which the number tells; in the plain one for 0."""
    if not order:
        return plain
    rest = list(plain)
    found = []
    while rest:
        order, at = divmod(order, len(rest))
        found.append(rest.pop(at))
    return found if found != plain else [*plain[1:], plain[0]]


def _text(text: str, style: str, how: Spelling) -> str:
    match style:
        case "":
            return _quoted(text)
        case "first":
            return f'"{_escaped(text[:1], how)}{_quoted(text[1:])[1:]}'
        case "some":
            quoted = _quoted(text)
            letters = list(text) if len(quoted) == len(text) + 2 else [_quoted(one)[1:-1] for one in text]
            units = _UPPER if how.upper else _LOWER
            letters[1::3] = [units[ord(one)] for one in text[1::3]]
            return f'"{"".join(letters)}"'
        case _:
            return f'"{_escaped(text, how)}"'


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


class _Units(dict[int, str]):
    """How each character is written as an escape, in the digits of one case; the common ones are remembered."""

    def __init__(self, digits: str) -> None:
        super().__init__()
        self._digits = digits
        self.update((code, self[code]) for code in range(0x250))

    def __missing__(self, code: int) -> str:
        units = (code,) if code < 0x10000 else (0xD800 + ((code - 0x10000) >> 10), 0xDC00 + (code & 0x3FF))
        return "".join([f"\\u{unit:04{self._digits}}" for unit in units])


_LOWER: Final = _Units("x")
_UPPER: Final = _Units("X")


def _escaped(text: str, how: Spelling) -> str:
    return text.translate(_UPPER if how.upper else _LOWER)


# ------------------------------------------------------------------------------------------------------------- one edit


_OTHERS: Final[dict[str, tuple[Any, ...]]] = {
    "boolean": (True, False),
    "number": (0, 1, -1, 7, 0.5, -1.5, 1e300, 500, 2**31, 2**53, 2**63, 12345678901234567890, 1e-9),
    "string": ("", "text", "0", "1", "true", "null", "[]", "{}", "Terminated", "2c90ad2a70ace7d50170acf22ca90010", " ", "a,b"),
    "array": ([], [[]], ["text"], [None], [1, 2], [{}], ["a", "b"], [[["x"]]], [True]),
    "object": ({}, {"0": "text"}, {"value": "text"}, {"length": 1}, {"id": None}, {"a": {"b": []}}, {"": ""}, {"$oid": "x"}),
}
NULL: Final = "null"


def _other(rng: Random, allowed: str) -> Any:
    return rng.choice(_OTHERS[rng.choice([kind for kind in _OTHERS if kind != allowed])])


def _short(value: Any) -> str:
    text = _encoded(value).decode()
    return text if len(text) <= 60 else f"{text[:59]}…"


def _encoded(members: Any) -> bytes:
    return msgspec.json.encode(members)


Slip = Callable[[Random, str, int], str]

_SLIPS: Final[tuple[Slip, ...]] = (
    lambda _rng, text, at: text[:at] + text[at] + text[at:],
    lambda _rng, text, _at: text + text[-1],
    lambda _rng, text, at: text[:at] + text[at + 1 :],
    lambda _rng, text, at: text[:at] + text[at].swapcase() + text[at + 1 :],
    lambda _rng, text, at: text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :] if at else text[1] + text[0] + text[2:],
    lambda rng, text, at: text[:at] + rng.choice("abeilnostxyz01_-. ") + text[at + 1 :],
    lambda rng, text, at: text[:at] + rng.choice(" \t\n\u00a0\u200b\u0301-_.") + text[at:],
    lambda rng, text, _at: rng.choice((" ", "\n", "\t", "x", "_", "\ufeff", "'", '"')) + text,
    lambda rng, text, _at: text + rng.choice((" ", "\n", "\t", "x", "s", ".", ",", ";", "\u200b", "\u3000", "%00", "'", '"', "Terminated", "!")),
    lambda rng, text, _at: rng.choice((str.upper, str.lower, str.swapcase))(text),
    lambda rng, text, _at: text.replace(*rng.choice((("e", "е"), ("i", "ı"), ("l", "I"), ("u", "ü"), ("e", "é"), ("i", "1"), ("c", "с")))),
    lambda _rng, text, _at: "".join(chr(ord(one) + 0xFEE0) for one in text),
    lambda rng, _text, _at: rng.choice(FRAGMENTS),
    lambda rng, _text, _at: letters(rng, rng.choice((1, 5, 10, 255, 1000))),
    lambda _rng, _text, _at: "",
)
"""Slips of the pen at a place of a text, and what else comes where an allowed text should stand."""


def near_miss(rng: Random, text: str, allowed: Sequence[str]) -> str:
    """Return a text that differs from an allowed one by one slip, and is allowed nowhere."""
    while True:
        found = rng.choice(_SLIPS)(rng, text, rng.randrange(len(text)))
        if found not in allowed:
            return found


Editing = Callable[[Random, Value], Edit]


def _set(requirement: str, base: Value, name: str, wrong: Any, change: str) -> Edit:
    """Return the edit that gives one member another value."""
    return Edit(requirement, _encoded({**base.members(), name: wrong}), base, change, {name: wrong})


def _missing(rng: Random, base: Value) -> Edit:
    others = base.members()
    listed = others.pop("accessRequestIds")
    name = "accessRequestIds"
    near = rng.choice((None, None, name[:-1], f"{name} ", f" {name}", "accessRequestsIds", "requestIds", "ids", "access-request-ids", ""))
    if near is None:
        return Edit("CAR-IDS-REQUIRED", _encoded(others), base, "accessRequestIds left out")
    return Edit("CAR-IDS-REQUIRED", _encoded({near: listed, **others}), base, f"accessRequestIds renamed to {_short(near)}")


def _no_list(rng: Random, base: Value) -> Edit:
    wrong = rng.choice((None, base.ids[0], {"0": base.ids[0]}, _other(rng, "array"), _other(rng, "array")))
    return _set("CAR-IDS-ARRAY", base, "accessRequestIds", wrong, f"accessRequestIds: {_short(wrong)} instead of a list")


def _bad_item(rng: Random, base: Value) -> Edit:
    wrong = rng.choice((None, _other(rng, "string"), _other(rng, "string")))
    at = rng.randrange(len(base.ids))
    listed: list[Any] = list(base.ids)
    listed[at] = wrong
    return Edit(
        "CAR-IDS-ITEMS",
        _encoded({**base.members(), "accessRequestIds": listed}),
        base,
        f"accessRequestIds: {_short(wrong)} at place {at + 1} of {len(listed)}, instead of an id",
        {"accessRequestIds": [wrong]},
    )


def _empty(_rng: Random, base: Value) -> Edit:
    return _set("CAR-IDS-MIN", base, "accessRequestIds", [], "accessRequestIds: [] instead of a list with ids")


def _too_many(rng: Random, base: Value) -> Edit:
    count = rng.choice((501, 502, 503, 500 + _up_to(rng, 100), 500 + _up_to(rng, 1100)))
    return too_many(rng, base, count)


def too_many(rng: Random, base: Value, count: int) -> Edit:
    """Return a body with that many different ids, more than are allowed."""
    listed = ids(rng, count)
    body = _encoded({**base.members(), "accessRequestIds": listed})
    large = len(body) > 64 * 1024
    accepted = msgspec.structs.replace(base, ids=listed[:MOST_IDS])
    return Edit(
        "CAR-IDS-MAX", body, accepted, f"accessRequestIds: {count:,} ids instead of {MOST_IDS}", {}, count, frozenset({400, 413} if large else {400})
    )


def _too_many_entries(rng: Random, base: Value) -> Edit:
    listed = ids(rng, MOST_IDS)
    at = rng.randrange(MOST_IDS)
    body = _encoded({**base.members(), "accessRequestIds": [*listed[:at], rng.choice(listed), *listed[at:]]})
    accepted = msgspec.structs.replace(base, ids=listed)
    return Edit("CAR-IDS-MAX-ENTRIES", body, accepted, f"accessRequestIds: one id named a second time, {MOST_IDS + 1} entries")


def _member(name: str, kind: str) -> Editing:
    def edited(rng: Random, base: Value) -> Edit:
        carries = members()[name].carries
        wrong = None if kind == NULL else _other(rng, "string")
        return _set(carries[kind], base, name, wrong, f"{name}: {_short(wrong)} instead of text")

    return edited


def _closed(name: str) -> Editing:
    def edited(rng: Random, base: Value) -> Edit:
        one = members()[name]
        strangers = [value for other in members().values() if other.name != name for value in other.values]
        text = rng.choice(strangers) if rng.random() < 0.1 else near_miss(rng, rng.choice(one.values), one.values)
        return _set(one.carries["enum"], base, name, text, f"{name}: {_short(text)} instead of {' or '.join(one.values)}")

    return edited


def _no_object(rng: Random, base: Value) -> Edit:
    whole = base.members()
    wrong = rng.choice((None, [whole], json.dumps(whole), [], list(base.ids), base.ids[0], _other(rng, "object"), _other(rng, "object")))
    return Edit("CAR-BODY-OBJECT", _encoded(wrong), base, f"the whole body: {_short(wrong)} instead of an object")


def _cut(rng: Random, base: Value) -> Edit:
    whole = base.plain()
    at = rng.randrange(1, len(whole))
    return Edit("CAR-BODY-JSON", whole[:at], base, f"the body ends after {at} of {len(whole)} bytes")


def _nearly(rng: Random, base: Value) -> Edit:
    whole = base.plain().decode()
    name, body = rng.choice(
        (
            ("a comma stands before the closing brace", whole[:-1] + ",}"),
            ("a comma stands after the last id", whole.replace('"]', '",]', 1)),
            ("a comma stands before the first id", whole.replace('["', '[,"', 1)),
            ("a comma stands after the opening brace", "{," + whole[1:]),
            ("a comment stands after the opening brace", "{/* x */" + whole[1:]),
            ("a line comment stands at the end", whole + "// x"),
            ("text stands after the value", whole + rng.choice(("x", "}", "{}", "null", ";", ",", "]", whole, '"'))),
            ("text stands before the value", rng.choice((")]}',\n", "x", ",", "{}", "data: ")) + whole),
            ("the name of the ids stands in single quotes", whole.replace('"accessRequestIds"', "'accessRequestIds'", 1)),
            ("the name of the ids stands without quotes", whole.replace('"accessRequestIds"', "accessRequestIds", 1)),
            ("the colon after the name of the ids is an equals sign", whole.replace('"accessRequestIds":', '"accessRequestIds"=', 1)),
            ("the first id stands in single quotes", whole.replace(f'"{base.ids[0]}"', f"'{base.ids[0]}'", 1)),
        )
    )
    return Edit("CAR-BODY-JSON-STRICT", body.encode(), base, name)


EDITS: Final[dict[str, tuple[Editing, ...]]] = {
    "CAR-IDS-REQUIRED": (_missing,),
    "CAR-IDS-ARRAY": (_no_list,),
    "CAR-IDS-ITEMS": (_bad_item,),
    "CAR-IDS-MIN": (_empty,),
    "CAR-IDS-MAX": (_too_many,),
    "CAR-IDS-MAX-ENTRIES": (_too_many_entries,),
    "CAR-MESSAGE-TYPE": (_member("message", "type"),),
    "CAR-EXECUTION-TYPE": (_member("executionStatus", "type"),),
    "CAR-COMPLETION-TYPE": (_member("completionStatus", "type"),),
    "CAR-MESSAGE-NULL": (_member("message", NULL),),
    "CAR-EXECUTION-NULL": (_member("executionStatus", NULL),),
    "CAR-COMPLETION-NULL": (_member("completionStatus", NULL),),
    "CAR-EXECUTION-CLOSED": (_closed("executionStatus"),),
    "CAR-COMPLETION-CLOSED": (_closed("completionStatus"),),
    "CAR-BODY-OBJECT": (_no_object,),
    "CAR-BODY-JSON": (_cut,),
    "CAR-BODY-JSON-STRICT": (_nearly,),
}
"""For each requirement that one edit of a body can break, how to break it."""
_WEIGHTS: Final = {"CAR-EXECUTION-CLOSED": 8, "CAR-COMPLETION-CLOSED": 8, "CAR-IDS-ITEMS": 5, "CAR-BODY-JSON": 4, "CAR-BODY-JSON-STRICT": 4, "CAR-IDS-MAX": 2, "CAR-IDS-MAX-ENTRIES": 1}
_CHOICES: Final = tuple(EDITS)
_CUMULATED: Final = tuple(_WEIGHTS.get(one, 3) for one in _CHOICES)


def edit(rng: Random, base: Value, breaking: str = "") -> Edit:
    """Return a body with one edit, which breaks the given requirement, or any."""
    requirement = breaking or rng.choices(_CHOICES, _CUMULATED)[0]
    return rng.choice(EDITS[requirement])(rng, base)


def sequence(rng: Random, size: int) -> list[Value | Edit]:
    """
    Return valid and invalid bodies that are to follow one another, some of them several times.

    A valid one never comes twice with the same ids: the first might have closed them.
    """
    kinds = [edit(rng, value(rng, count=1)) if rng.random() < 0.5 else value(rng, count=rng.choice((1, 1, 2, 40))) for _ in range(4)]
    found: list[Value | Edit] = []
    while len(found) < size:
        one = rng.choice(kinds)
        times = range(rng.choice((1, 1, 1, 2, 5)))
        found += [msgspec.structs.replace(one, ids=ids(rng, len(one.ids))) if isinstance(one, Value) else one for _ in times]
    return found[:size]


# ------------------------------------------------------------------------------------------------------------ the oracle


class Ruled(Struct):
    """What the contract says of the answer to a body: the statuses that are right, and the requirement that says so."""

    requirement: str
    """Empty for a valid body; CAR-ERROR-OBJECT where several rules are broken."""
    statuses: frozenset[int]
    value: Value | None = None
    """A valid body's value."""


class _Free(Exception):
    """The contract leaves the answer to the target."""


def oracle(body: bytes, content_type: str = "application/json") -> Ruled | None:
    """
    Return what a target must answer to a body, or None where the contract leaves it free or asks for more than one look.

    Nothing is said of what is no JSON: which requirement it breaks depends on how near to JSON it is.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return None
    if not body.strip(b" \t\r\n"):
        return Ruled("CAR-BODY-REQUIRED", frozenset({400}))
    try:
        document = json.loads(body.decode(), object_pairs_hook=_members, parse_constant=_refused)
        broken, value = _judged(document)
    except (_Free, ValueError, RecursionError):
        return None
    if value is not None:
        return Ruled("", frozenset({202}), value)
    statuses = frozenset({400, 413} if len(body) > 64 * 1024 else {400})
    return Ruled(broken[0] if len(broken) == 1 else "CAR-ERROR-OBJECT", statuses)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise _Free
    return dict(pairs)


def _refused(name: str) -> Any:
    raise ValueError(name)


def _judged(document: Any) -> tuple[list[str], Value | None]:
    if not isinstance(document, dict):
        return ["CAR-BODY-OBJECT"], None
    properties = members()
    if "accessRequestIds" in document and set(document) - set(properties):
        raise _Free
    broken = list(_broken_ids(document))
    for name, one in properties.items():
        if one.required or name not in document:
            continue
        text = document[name]
        if text is None:
            broken.append(one.carries["null"])
        elif not isinstance(text, str):
            broken.append(one.carries["type"])
        elif one.values and text not in one.values:
            broken.append(one.carries["enum"])
        elif not one.values and not ordinary(text):
            raise _Free
    if broken:
        return broken, None
    return [], Value(
        tuple(document["accessRequestIds"]), document.get("message"), document.get("executionStatus"), document.get("completionStatus")
    )


def _broken_ids(document: dict[str, Any]) -> Iterator[str]:
    if "accessRequestIds" not in document:
        if any(name.lower() == "accessrequestids" for name in document):
            raise _Free  # CAR-BODY-NAMES, or CAR-IDS-REQUIRED: that takes a second look
        yield "CAR-IDS-REQUIRED"
        return
    listed = document["accessRequestIds"]
    if not isinstance(listed, list):
        yield "CAR-IDS-ARRAY"
        return
    texts = [one for one in listed if isinstance(one, str)]
    if any(len(one) != 32 or one.strip("0123456789abcdef") for one in texts):
        raise _Free
    wrong = len(listed) - len(texts)
    if len(set(texts)) != len(texts) and (wrong or len(listed) <= MOST_IDS):
        raise _Free
    if wrong:
        yield from ["CAR-IDS-ITEMS"] * wrong
    if not listed:
        yield "CAR-IDS-MIN"
    if len(listed) > MOST_IDS:
        yield "CAR-IDS-MAX" if len(set(texts)) > MOST_IDS or wrong else "CAR-IDS-MAX-ENTRIES"
