"""
Bodies made at random from a generator of random numbers: valid ones, and lawful spellings of them.

Nothing here draws or sends. :mod:`closecheck.strategies` gives these functions to Hypothesis, :mod:`closecheck.exploration.explore` to a
target. Only what the contract settles is made: ids of the vendor's form, all different; messages of ordinary text.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterator
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


# ----------------------------------------------------------------------------------------------------------- valid bodies


def ids(rng: Random, count: int) -> tuple[str, ...]:
    """Return that many different ids of the vendor's form, which no target has."""
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
        return letters(rng, up_to(rng, MOST_CHARACTERS))
    if kind < 0.45:
        known = characters()
        start = up_to(rng, len(known)) - 1
        return _kept("x" + known[start : start + up_to(rng, _BLOCK)])
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


def up_to(rng: Random, most: int) -> int:
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
    size = count or (1 if kind < 0.6 else up_to(rng, 20) if kind < 0.9 else up_to(rng, MOST_IDS))
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
        order=rng.choice((0, up_to(rng, 2**30))),
        space=rng.choice(("", "", *_SPACES)),
        values=rng.choice(style),
        names=rng.choice(style),
        upper=rng.random() < 0.5,
    )
    return found if found.features else Spelling(order=up_to(rng, 2**30))


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
    """Return members in another order, which the number gives; in the plain one for 0."""
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
