"""
What documents of other APIs show: pure functions, which neither judge nor ask a target.

Where the public material is silent, reading is tolerant: an id is looked for anywhere in an audit, words are compared
without case, a request is known by its id, its tracking number or its name.
"""

from __future__ import annotations

import datetime
import functools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, Final

from closecheck.model import Struct

Document = Mapping[str, Any]
"""One JSON object of an API beside the operation."""

STARTED: Final = "Close Identity Requests Started"
COMPLETED: Final = "Close Identity Requests Completed"

_EXECUTIONS: Final = {"terminated": "Terminated", "completed": "Completed", "complete": "Completed"}
_COMPLETIONS: Final = {
    "success": "Success",
    "succeeded": "Success",
    "successful": "Success",
    "complete": "Success",
    "completed": "Success",
    "failure": "Failure",
    "failed": "Failure",
    "incomplete": "Incomplete",
}
"""Display words and what they mean; in the search document's example the status of a success is ``Complete``."""
_UNDER_WAY: Final = frozenset({"pending", "executing", "verifying", "in progress", "running", "open"})


class Sight(Struct):
    """What one document shows of one access request; None: the document has no such member."""

    keys: frozenset[str]
    """Everything the request may be known by: id, tracking number, name."""
    execution: str | None
    completion: str | None
    warnings: tuple[str, ...] | None
    joined: str
    """The warnings where they are one text instead of a list."""
    strict: bool
    """Whether the words are those of an enumeration, as in the account activities, or display words."""
    document: dict[str, Any]

    @property
    def text(self) -> str:
        """Every text of the document, a line each."""
        return "\n".join(texts(self.document))

    @property
    def pending(self) -> bool | None:
        """Whether the request is not over; None if the document does not tell."""
        execution, completion = _plain(self.execution), _plain(self.completion)
        if completion in _UNDER_WAY:
            return True
        if completion in _COMPLETIONS:
            return False
        if execution in _UNDER_WAY:
            return True
        return False if execution in _EXECUTIONS else None

    def shows(self, member: str, asked: str) -> bool | None:
        """
        Tell whether a member shows what was asked for; None if that cannot be told.

        A display word that belongs to neither documented enumeration may mean anything.
        """
        if member == "message":
            if self.warnings is None and not self.strict:
                return None
            return asked in (self.warnings or ()) or asked in self.joined
        shown = self.execution if member == "executionStatus" else self.completion
        words = _EXECUTIONS if member == "executionStatus" else _COMPLETIONS
        word = _plain(shown)
        if words.get(word) == asked:
            return not self.strict or word == asked.casefold()
        known = word in _EXECUTIONS or word in _COMPLETIONS or word in _UNDER_WAY
        return False if self.strict or known else None

    def shown(self, member: str) -> str:
        """Return what a member shows, for people."""
        match member:
            case "message":
                if not self.warnings:
                    return "no warning"
                return ", ".join(f'"{_short(one)}"' for one in self.warnings)
            case "executionStatus":
                return self.execution or "no execution status"
            case _:
                return self.completion or "no completion status"


@functools.lru_cache(maxsize=1_000)
def _plain(word: str | None) -> str:
    return " ".join((word or "").replace("_", " ").split()).casefold()


def _short(text: str, limit: int = 100) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def keys_of(document: Document) -> set[str]:
    """Return everything that the request of a document may be known by."""
    return {value for name in ("id", "trackingNumber", "name") if isinstance(value := document.get(name), str) and value}


def sight(document: Document) -> Sight:
    """Return what a document of the account activities or of search shows."""
    strict = any(isinstance(document.get(name, 0), (str, NoneType)) for name in ("executionStatus", "completionStatus"))
    execution, completion = ("executionStatus", "completionStatus") if strict else ("stage", "status")
    return Sight(
        keys=frozenset(keys_of(document)),
        execution=_text(document.get(execution)),
        completion=_text(document.get(completion)),
        warnings=tuple(texts(document["warnings"], keys=False)) if "warnings" in document else None,
        joined=_text(document.get("warnings")) or "",
        strict=strict,
        document=dict(document),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def texts(value: object, *, keys: bool = True) -> Iterator[str]:
    """Yield every text of a JSON value, the names of members too."""
    match value:
        case str():
            yield value
        case dict():
            for name, one in value.items():
                if keys:
                    yield name
                yield from texts(one, keys=keys)
        case list() | tuple():
            for one in value:
                yield from texts(one, keys=keys)


# ---------------------------------------------------------------------------------------------------- ids in documents

_TOKEN: Final = re.compile(r"[0-9A-Za-z_-]+")
_OUTCOME: Final = re.compile(r"status|state|stage|result|outcome|success|error|fail|closed|completed", re.IGNORECASE)
"""Names of members by which items of a list are told apart."""


@functools.lru_cache(maxsize=256)
def _words_of(text: str) -> frozenset[str]:
    """Return the words of a text; an audit is asked for the ids of one closing after the other."""
    return frozenset(_TOKEN.findall(text.casefold()))


class Mentions:
    """
    Finds ids in documents of unknown shape: alone, in lists, in joined text and sentences, as names of members.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        different = dict.fromkeys(ids)
        self._words = {one.casefold(): one for one in different if _TOKEN.fullmatch(one)}
        self._phrases = [one for one in different if not _TOKEN.fullmatch(one)]

    def within(self, text: str) -> set[str]:
        """Return the ids that a text mentions, as whole words."""
        if not text:
            return set()
        found = {self._words[word] for word in self._words.keys() & _words_of(text)}
        if not self._phrases:
            return found
        folded = text.casefold()
        return found | {one for one in self._phrases if one.casefold() in folded}

    def anywhere(self, value: object) -> set[str]:
        """Return the ids that a JSON value mentions anywhere."""
        return {one for text in texts(value) for one in self.within(text)}

    def places(self, document: object) -> dict[str, frozenset[str]]:
        """
        Return which ids each place of a document mentions.

        A place is a member wherever it stands, without positions in lists (one item of a list is no place of its own:
        it would name exactly one id whatever the list says), the names of an object's members, or the items of a list
        of objects that share a value, such as those whose status is ``error``.
        """
        found: defaultdict[str, set[str]] = defaultdict(set)
        self._collect(document, "", found)
        return {place: frozenset(ids) for place, ids in found.items()}

    def _collect(self, value: object, path: str, found: defaultdict[str, set[str]]) -> set[str]:
        ids: set[str] = set()
        match value:
            case str():
                ids = self.within(value)
            case dict():
                for name, one in value.items():
                    named = self.within(name)
                    found[f"{path}.(names)"] |= named
                    # A member that is called after an id is no place of its own, as an item of a list is none.
                    ids |= named | self._collect(one, f"{path}.(any)" if named else f"{path}.{name}", found)
            case list() | tuple():
                for one in value:
                    ids |= self._collect(one, path, found)
                    for name, shared in one.items() if isinstance(one, dict) else ():
                        if isinstance(shared, (str, bool)) and _OUTCOME.search(name):
                            found[f"{path}[{name}={shared}]"] |= self.anywhere(one)
        found[path] |= ids
        return ids


class Audit(Struct):
    """One audit as it was found."""

    key: str
    name: str
    created: datetime.datetime | None
    tracking: str
    text: str
    document: dict[str, Any]

    @property
    def started(self) -> bool:
        """Whether it is a "Close Identity Requests Started"."""
        return STARTED.casefold() in _plain(self.name)

    @property
    def completed(self) -> bool:
        """Whether it is a "Close Identity Requests Completed"."""
        return COMPLETED.casefold() in _plain(self.name)


def audit(document: Document) -> Audit:
    """Return what a document of the index ``events`` is."""
    return Audit(
        key=document_key(document),
        name=_text(document.get("name")) or "",
        created=moment(document.get("created")),
        tracking=_text(document.get("trackingNumber")) or "",
        text="\n".join(texts(document)),
        document=dict(document),
    )


def tie(started: Sequence[Audit], completed: Sequence[Audit]) -> Callable[[Audit], str] | None:
    """
    Return what reads from an audit the value that a Started shares with its Completed; None: there is no such value.

    It is the tracking number, or else any other text that stands in one Started and in one Completed alone. It must tie most
    of the Completed audits, at least two.
    """
    begun, ended = ([_values(one.document) for one in audits] for audits in (started, completed))
    paths = dict.fromkeys(["trackingNumber", *(path for values in ended for path in values)])
    best, most = "", max(1, len(completed) // 2)
    for path in paths:
        counts = [Counter(values[path] for values in audits if path in values) for audits in (begun, ended)]
        first, second = ({value for value, count in counted.items() if count == 1} for counted in counts)
        if len(first & second) > most:
            best, most = path, len(first & second)
    return (lambda one: _values(one.document).get(best, "")) if best else None


def _values(value: object, path: str = "") -> dict[str, str]:
    """Return the texts of a document by their places, without times (two audits may bear the same) and what stands in lists."""
    match value:
        case str() if value and moment(value) is None:
            return {path: value}
        case dict():
            found: dict[str, str] = {}
            for name, one in value.items():
                found |= _values(one, f"{path}.{name}" if path else name)
            return found
        case _:
            return {}


def document_key(document: Document) -> str:
    """Return what tells a document from the others of its listing: its id, or all of it where it has none."""
    key = document.get("id")
    return key if isinstance(key, str) and key else json.dumps(document, sort_keys=True, default=str)


def moment(value: object) -> datetime.datetime | None:
    """Return a date-time of RFC 3339, or None; without an offset it is taken for UTC."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def tracking_numbers(payload: object) -> list[str]:
    """Return every ``trackingNumber`` of a delivery: of one event, of a batch, of an event in an envelope."""
    match payload:
        case dict():
            own = payload.get("trackingNumber")
            if isinstance(own, str):
                return [own]
            return [one for value in payload.values() for one in tracking_numbers(value)]
        case list():
            return [one for value in payload for one in tracking_numbers(value)]
        case _:
            return []
