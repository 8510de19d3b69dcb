"""Error objects: the documented shape of 400, 403 and 500 (CAR-ERROR-*, CAR-FAULT-BODY)."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote_plus

from closecheck.judging.checks._ruling import Ruling, broken, rule
from closecheck.judging.exchange import Exchange
from closecheck.model import Finding

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
    if exchange.meaning not in ERROR_STATUSES:
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
                yield broken(
                    requirement, f"{place}.{member} is {'text or null' if nullable else 'text'}", f"{place}.{member}: {_short(value)}"
                )


def _complete(document: dict[str, Any], got: str) -> Iterator[Ruling]:
    missing = [member for member in _MEMBERS[:3] if document.get(member) is None]
    missing += [f"{place}.text" for place, message in messages_of(document, "messages") if message.get("text") is None]
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
_JAVA_ROOTS: Final = r"java\.(?:lang|util|io|nio|time|math|net|sql|text|security|beans)|javax\.[a-z]\w*|jakarta\.[a-z]\w*|kotlin(?:x\.[a-z]\w*)?|scala|groovy\.lang"
_DOTNET_ROOTS: Final = (
    r"System\.(?:[A-Z]\w*Exception\b|(?:String|Object|Boolean|Byte|U?Int(?:16|32|64)|Guid|DateTime(?:Offset)?|Decimal|Double|Nullable|Array)\b"
    r"|(?:Collections|Text|IO|Net|Linq|Reflection|Threading|Data|Web|Runtime|Private|Security|ComponentModel)\.[A-Z]\w*)"
    r"|Microsoft\.[A-Z]\w*\.[A-Z]\w*|Newtonsoft\.Json\b|Npgsql\.[A-Z]\w*"
)
_BUILTIN_ERRORS: Final = (
    "KeyError|TypeError|ValueError|AttributeError|IndexError|NameError|RuntimeError|RecursionError|AssertionError|ReferenceError|RangeError"
    "|SyntaxError|EvalError|JSONDecodeError|Unicode(?:Decode|Encode)Error|ZeroDivisionError|OverflowError|NullPointerException|ClassCastException"
    "|IndexOutOfBoundsException|NumberFormatException|NullReferenceException|NoMethodError|FrozenError"
)
"""Exceptions of the languages themselves."""
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
    # A name is a class's only where nothing else is spelled so: codes of an API such as ValidationException or close.ValidationError are not.
    "a class name": re.compile(
        rf"\b(?:{_JAVA_ROOTS})\.(?:[a-z_]\w*\.)*[A-Z]\w*"
        r"|\b(?:com|org|net|io|dev|de|fr|uk|eu)(?:\.[a-z_]\w*)+\.(?:[A-Z][a-z0-9]+[A-Z]\w*|[A-Z]\w*\$\w+)"
        r"|\b(?:[a-z_]\w*\.)+[A-Z]\w*(?:Exception\b|\$[A-Z]\w*)"
        r"|\b[A-Z][a-z]\w*\$[A-Z][a-z]\w*"
        rf"|\b(?:{_DOTNET_ROOTS})(?:\.[A-Z]\w*)*"
        r"|\b[A-Z]\w+(?:\.[A-Z]\w+)+Exception\b"
        r"|\b(?:App|Illuminate|Symfony|Doctrine|Laravel|Laminas|GuzzleHttp)(?:\\[A-Z]\w*)+"
        r"|\b(?:Active(?:Record|Model|Support)|Action(?:Controller|Dispatch)|JSON|Rack|Sinatra|Sequel|Psych)::[A-Z]\w*"
        r"|<class '[\w.]+'>|<[\w.]+ object at 0x[0-9a-f]+>|'NoneType' object\b"
        r"|\b(?:pydantic|pydantic_core|django|rest_framework|marshmallow|werkzeug|json\.decoder|builtins)\.(?:\w+\.)*[A-Z]\w*"
        rf"|\b(?:{_BUILTIN_ERRORS})(?::\s|\()"
        r"|\bexpected struct [A-Z]\w*"
    ),
    "a serializer's message": re.compile(
        r"\bthrough reference chain\b|\bCannot (?:deserialize|construct) (?:value|instance) of\b"
        r"|\bJsonToken\.[A-Z_]+|\bPath: \$[.\[]\S* \| LineNumber: \d+"
        r"|\bGo (?:struct field|value of type)\b"
        r"|\berrors\.pydantic\.dev\b|\[type=\w+, input_value="
    ),
    "a database driver's message": re.compile(
        r"\b(?:psycopg2?|asyncpg|pymysql|MySQLdb|pyodbc|cx_Oracle|oracledb|sqlalchemy|sqlite3|aiosqlite)\.(?:\w+\.)*[A-Z]\w*"
        r"|\bSQLITE_[A-Z]{3,}|\bER_(?:DUP_ENTRY|PARSE_ERROR|BAD_FIELD_ERROR|NO_SUCH_TABLE|TRUNCATED_WRONG_VALUE\w*)\b|\bE11000 duplicate key\b"
        r"|\bYou have an error in your SQL syntax\b|\bunterminated quoted string at or near\b|\bUnclosed quotation mark after the character string\b"
        r"|\bpq: |\bPG::[A-Z]\w*|\bMysql2?::[A-Z]\w*|\bviolates (?:unique|foreign key|not-null|check) constraint\b"
    ),
}
_LATER: Final = frozenset({"a class name", "a serializer's message", "a database driver's message"})
"""What counts as a leak since edition 2026.2."""
_MOST_EXCERPTS: Final = 20


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of JSON data in its order; without recursion, which a deep body would bring to Python's limit."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as members:
                waiting += reversed(members.values())
            case list() as items:
                waiting += reversed(items)


def betrays(text: str) -> bool:
    """Tell whether a text holds what an error should not, whatever was sent."""
    return bool(_betrayed(text))


def _betrayed(text: str) -> tuple[tuple[str, str], ...]:
    """Return what a text holds that an error should not: each kind with its words, the first different ones."""
    return _searched(text) if len(text) <= _REMEMBERED else _searched.__wrapped__(text)


@functools.lru_cache(maxsize=2048)  # a target has few texts, and says them again and again
def _searched(text: str) -> tuple[tuple[str, str], ...]:
    found = [(kind, match[0]) for kind, pattern in _LEAKS.items() for match in itertools.islice(pattern.finditer(text), _MOST_EXCERPTS)]
    return tuple(dict.fromkeys(found))


def _leaks(exchange: Exchange) -> Iterator[Ruling]:
    betrayed = [one for text in _texts(exchange.document) for one in _betrayed(text)]
    sent = tuple(_sent(exchange)) if betrayed else ()
    found = [(kind, excerpt) for kind, excerpt in betrayed if not any(excerpt in one for one in sent)]
    if not found:
        yield Ruling("CAR-ERROR-NO-LEAK")
        return
    # What an earlier edition knows comes first: it decides there as well.
    kind, excerpt = min(found, key=lambda one: one[0] in _LATER)
    expected = "no stack trace, file path, query text, class name or serializer's message"
    yield Ruling("CAR-ERROR-NO-LEAK", Finding(expected, f"{kind}: {excerpt[:120]}"), since="2026.2" if kind in _LATER else "")


def _sent(exchange: Exchange) -> Iterator[str]:
    """Return every text that a request had, as it was written and as it was meant: whoever repeats it betrays nothing."""
    request = exchange.request
    yield request.body.decode("utf-8", "replace")
    yield request.target
    yield unquote_plus(request.target)
    yield from (value for _, value in request.headers)
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        return
    left = [value]
    while left:  # not recursive: a body may be nested more deeply than calls can be
        match left.pop():
            case str() as text:
                yield text
            case dict() as members:
                left += [*members, *members.values()]
            case list() as items:
                left += items
            case _:
                pass


class TrackingIds:
    """Which tracking ids a run has seen, and in which exchange (CAR-ERROR-TRACKING-ID-UNIQUE)."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def check(self, exchange: Exchange) -> Iterator[Ruling]:
        """Judge that an error's trackingId is new."""
        if exchange.meaning not in ERROR_STATUSES or not exchange.is_json or not isinstance(exchange.document, dict):
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
