"""Error objects: the documented shape of 400, 403 and 500 (CAR-ERROR-*, CAR-FAULT-BODY)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any, Final

from closecheck.checks._ruling import Ruling, broken, rule
from closecheck.exchange import Exchange

ERROR_STATUSES: Final = frozenset({400, 403, 500})
_MEMBERS: Final = ("detailCode", "trackingId", "messages", "causes")
_ABSENT: Final = object()


def messages_of(document: Any, *members: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, message object) for each well-shaped message in the given members of an error object."""
    if not isinstance(document, dict):
        return
    for member in members:
        listed = document.get(member)
        if isinstance(listed, list):
            for index, message in enumerate(listed):
                if isinstance(message, dict):
                    yield f"{member}[{index}]", message


def check(exchange: Exchange) -> Iterator[Ruling]:
    """Judge the shape of an error object."""
    if exchange.status not in ERROR_STATUSES:
        return
    document = exchange.document if exchange.is_json else None
    whole = "CAR-FAULT-BODY" if exchange.status == 500 else "CAR-ERROR-OBJECT"
    got = exchange.got()
    if not isinstance(document, dict) or (document and not any(member in document for member in _MEMBERS)):
        expected = f"an error object with {', '.join(_MEMBERS[:3])}, not another document"
        yield rule(whole, False, expected, got)
        return
    rulings = [*_types(document), *_complete(document, got), *_leaks(exchange)]
    yield from rulings
    if exchange.status == 500:
        broken = next((one.finding for one in rulings if one.finding and one.requirement in _SHAPE), None)
        yield Ruling(whole, broken)
    else:
        yield Ruling(whole)


_SHAPE: Final = frozenset(
    {
        "CAR-ERROR-DETAIL-CODE", "CAR-ERROR-TRACKING-ID", "CAR-ERROR-MESSAGES", "CAR-ERROR-CAUSES", "CAR-ERROR-LOCALE",
        "CAR-ERROR-LOCALE-ORIGIN", "CAR-ERROR-TEXT", "CAR-ERROR-COMPLETE",
    }
)  # fmt: skip


def _types(document: dict[str, Any]) -> Iterator[Ruling]:
    for requirement, member in (("CAR-ERROR-DETAIL-CODE", "detailCode"), ("CAR-ERROR-TRACKING-ID", "trackingId")):
        if member in document:
            value = document[member]
            if isinstance(value, str):
                yield Ruling(requirement)
            else:
                yield broken(requirement, f"{member} is text", f"{member}: {_short(value)}")
    for requirement, member in (("CAR-ERROR-MESSAGES", "messages"), ("CAR-ERROR-CAUSES", "causes")):
        value = document.get(member, _ABSENT)
        if value is _ABSENT or (member == "causes" and value is None):
            continue
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            yield Ruling(requirement)
        else:
            yield broken(requirement, f"{member} is a list of message objects", f"{member}: {_short(value)}")
    for place, message in messages_of(document, "messages", "causes"):
        for requirement, member, nullable in (
            ("CAR-ERROR-LOCALE", "locale", True),
            ("CAR-ERROR-LOCALE-ORIGIN", "localeOrigin", True),
            ("CAR-ERROR-TEXT", "text", False),
        ):
            value = message.get(member, _ABSENT)
            if isinstance(value, str) or (nullable and value is None):
                yield Ruling(requirement)
            elif value is not _ABSENT:
                yield broken(requirement, f"{place}.{member} is {'text or null' if nullable else 'text'}", f"{place}.{member}: {_short(value)}")


def _complete(document: dict[str, Any], got: str) -> Iterator[Ruling]:
    missing = [member for member in _MEMBERS[:3] if document.get(member) is None]
    missing += [
        f"{place}.text" for place, message in messages_of(document, "messages") if message.get("text") is None
    ]
    if missing:
        expected = "detailCode, trackingId and messages, each message with a text"
        yield broken("CAR-ERROR-COMPLETE", expected, f"{', '.join(missing)} missing or null in {got}")
    else:
        yield Ruling("CAR-ERROR-COMPLETE")
    lacking = ["a message"] if document.get("messages") == [] else []
    for place, message in messages_of(document, "messages"):
        lacking += [f"{place}.{member}" for member in ("locale", "localeOrigin") if member not in message]
    if document.get("causes", _ABSENT) is None:
        lacking.append("causes (null)")
    if lacking:
        expected = "at least one message, each with locale and localeOrigin, and causes that is not null"
        yield broken("CAR-ERROR-COMPLETE-MESSAGES", expected, f"{', '.join(lacking)} missing in {got}")
    else:
        yield Ruling("CAR-ERROR-COMPLETE-MESSAGES")


_REMEMBERED: Final = 1000
"""Characters of a text that is searched once, however often it comes."""
_LEAKS: Final = {
    "a stack trace": re.compile(
        r"Traceback \(most recent call last\)"
        r"|\bFile \"[^\"]+\", line \d+"
        r"|\bat [\w.$<>/ ]+\([^()\s]*\.(?:java|kt|scala|groovy):\d+\)"
        r"|\bat [^\n]{0,200}\(?[^\s()]+\.(?:js|mjs|cjs|ts):\d+:\d+\)?"
        r"|\.(?:cs|vb|fs):line \d+"
        r"|\bat [A-Z]\w*(?:\.\w+)+\([^)]*\) in "
        r"|\.php(?::\d+|\(\d+\)| on line \d+)"
        r"|\bgoroutine \d+ \["
        r"|\.rb:\d+:in "
    ),
    "a file path": re.compile(
        r"(?<![\w/.:-])/(?:home|usr|var|opt|srv|app|root|etc|tmp|mnt|workspace|builds|Users)/[\w.@+-]+(?:/[\w.@+-]+)*"
        r"|\b[A-Za-z]:\\(?:[\w .-]+\\)+[\w .-]+"
    ),
    "query text": re.compile(
        r"\bSELECT\b.{1,300}\bFROM\b|\bINSERT\s+INTO\b|\bUPDATE\b.{1,200}\bSET\b|\bDELETE\s+FROM\b|\bSQLSTATE\b|\bORA-\d{5}\b", re.DOTALL
    ),
}


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for one in value.values():
                yield from _texts(one)
        case list():
            for one in value:
                yield from _texts(one)


def betrays(text: str) -> bool:
    """Tell whether a text holds what an error should not, whatever was sent."""
    return bool(_betrayed(text))


def _betrayed(text: str) -> tuple[tuple[str, str], ...]:
    """Return what a text holds that an error should not: of each kind the first, with its words."""
    return _searched(text) if len(text) <= _REMEMBERED else _searched.__wrapped__(text)


@functools.lru_cache(maxsize=2048)  # a target has few texts, and says them again and again
def _searched(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((kind, match[0]) for kind, pattern in _LEAKS.items() if (match := pattern.search(text)))


def _leaks(exchange: Exchange) -> Iterator[Ruling]:
    sent = exchange.request.body.decode("utf-8", "replace")
    found = ""
    for text in _texts(exchange.document):
        for kind, excerpt in _betrayed(text):
            if excerpt not in sent:
                found = f"{kind}: {excerpt[:120]}"
    yield rule("CAR-ERROR-NO-LEAK", not found, "no stack trace, file path or query text", found)


class TrackingIds:
    """Which tracking ids a run has seen, and in which exchange (CAR-ERROR-TRACKING-ID-UNIQUE)."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def check(self, exchange: Exchange) -> Iterator[Ruling]:
        """Judge that an error's trackingId is new."""
        if exchange.status not in ERROR_STATUSES or not exchange.is_json or not isinstance(exchange.document, dict):
            return
        tracking_id = exchange.document.get("trackingId")
        if not isinstance(tracking_id, str):
            return
        earlier = self._seen.setdefault(tracking_id, exchange.number)
        if earlier != exchange.number:
            got = f"trackingId {_short(tracking_id)}, which exchange {earlier} had before"
            yield rule("CAR-ERROR-TRACKING-ID-UNIQUE", False, "a trackingId that no other error of the run has", got, earlier)
        elif len(self._seen) > 1:
            yield Ruling("CAR-ERROR-TRACKING-ID-UNIQUE")

    def take(self, tracking_id: str, number: int) -> bool:
        """Remember a trackingId; tell whether no other exchange had it."""
        return self._seen.setdefault(tracking_id, number) == number


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, str) else f'"{value}"'
    text = {"None": "null", "True": "true", "False": "false"}.get(text, text)
    return text if len(text) <= 100 else f"{text[:99]}…"
