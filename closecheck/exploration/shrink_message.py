"""Why a valid message is refused: the length from which it is, or the smallest part of its text that is."""

from __future__ import annotations

import unicodedata

import msgspec

from closecheck.contract import random_bodies
from closecheck.contract.random_bodies import Value
from closecheck.exploration.attempts import Attempts, Cause, Spent, threshold
from closecheck.judging.exchange import Exchange


def cause_in_message(attempts: Attempts, text: str, rest: Value, refused: Exchange) -> Cause:
    """Return why a message is refused beside the ``rest``: for its length, or for what it holds."""
    length = len(text)
    if length > 1 and set(text) != {"a"} and (found := _tried(attempts, "a" * length, rest)):
        return _length(attempts, length, rest, found)
    return _content(attempts, text, rest, refused)


def _length(attempts: Attempts, length: int, rest: Value, witness: Exchange) -> Cause:
    low, high = 0, length
    while high - low > 1:
        middle = (low + high) // 2
        found = _tried(attempts, "a" * middle, rest)
        if found:
            high, witness = middle, found
        else:
            low = middle
    try:
        most = _tried(attempts, "a" * random_bodies.MOST_CHARACTERS, rest) is not None
    except Spent:
        most = False
    return attempts.cause(
        "CAR-MESSAGE-TEXT",
        witness,
        threshold(low, high, "characters", most=most),
        lambda other, _: high <= len(other.message or "") and (most or len(other.message or "") <= length),
        f"message: {high} characters instead of {low}",
    )


def _content(attempts: Attempts, text: str, rest: Value, witness: Exchange) -> Cause:
    """Cut behind the first place where the text is refused, then before it."""
    smallest = text
    try:
        low, high = 0, len(text)
        while high - low > 1:
            middle = (low + high) // 2
            found = _tried(attempts, _carried(text[:middle]), rest)
            if found:
                high, witness, smallest = middle, found, _carried(text[:middle])
            else:
                low = middle
        size = 1
        while size < high:
            part = _carried(text[high - size : high])
            if len(part) >= len(smallest):
                break
            found = _tried(attempts, part, rest)
            if found:
                witness, smallest = found, part
                break
            size *= 2
        low = size // 2
        while smallest == _carried(text[high - size : high]) and size - low > 1:
            middle = (low + size) // 2
            part = _carried(text[high - middle : high])
            found = _tried(attempts, part, rest)
            if found:
                size, witness, smallest = middle, found, part
            else:
                low = middle
    except Spent:
        pass
    return attempts.cause(
        "CAR-MESSAGE-TEXT",
        witness,
        f"it refuses {_named(smallest)}",
        lambda other, _: smallest in (other.message or ""),
        f"message: {_named(smallest)}",
    )


def _tried(attempts: Attempts, text: str, rest: Value) -> Exchange | None:
    return attempts.refused(msgspec.structs.replace(attempts.fresh(rest), message=text))


def _carried(text: str) -> str:
    """Return a part of an ordinary message as an ordinary message."""
    return text if random_bodies.ordinary(text) else f"x{text}"


def _named(text: str) -> str:
    """Return a message as people read it: a character by its code and name, a text in quotes."""
    if len(text) == 1 or (len(text) == 2 and text[0] == "x"):
        return f"U+{ord(text[-1]):04X} {unicodedata.name(text[-1], '')}".rstrip()
    return f'"{text}"' if len(text) <= 60 else f'"{text[:59]}…"'
