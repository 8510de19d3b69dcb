"""
One request and its answer in memory, as the checks see them: unredacted, parsed at most once, never written to a file.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any, Final, NoReturn

import msgspec

from closecheck.contract.cases import Draft
from closecheck.model import Failure, Request, Response, Timing


class NotJson(ValueError):
    """An answer's body is no UTF-8 JSON (RFC 8259); the message says why."""


_LONG_HEAD: Final = 4000
"""Bytes of a header section beyond which servers have answers of their own (docs/evidence.md, 4)."""
MOST_NESTED: Final = 500
"""Lists and objects one in another beyond which a body is not walked through: Python's own stack ends soon after."""
_MOST_DIGITS: Final = 4000
_TOO_DEEP: Final = "it is nested too deeply to be read"
_PROVOKES_HTTP: Final = frozenset({"method", "framing", "size", "field", "user-agent"})


@dataclasses.dataclass(frozen=True)
class Exchange:
    """
    One request and what came back.

    ``number`` counts from 1 within a run; ``base`` is the number of the accepted exchange it was derived from, or 0,
    and ``change`` the edit in words.
    """

    number: int
    case: str
    draft: Draft
    request: Request
    timing: Timing
    response: Response | None = None
    failure: Failure | None = None
    base: int = 0
    change: str = ""
    provoked: str = ""
    """``rate_limit`` or ``internal_error`` if the target file's headers provoked the answer."""
    ids: tuple[str, ...] = ()
    """The ids that the body names."""
    attempt: int = 1
    """1, and 1 more for each time that the request was sent before without an answer: what was lost on the way may have been served all the same."""
    stands_for: int = 0
    """400 where the status is the one of its own with which this target refuses every invalid body; 0: the status is itself."""

    @property
    def status(self) -> int:
        """The status of the answer, or 0 if there is none."""
        return self.response.status if self.response else 0

    @property
    def meaning(self) -> int:
        """The status by which the body is judged: that of the answer, or the documented one for which it stands."""
        return self.stands_for or self.status

    @functools.cached_property
    def provokes(self) -> str:
        """What of the HTTP layer the request provokes: what its draft says, or ``size`` where a long token makes its head long."""
        if self.draft.provokes or sum(len(name) + len(value) + 4 for name, value in self.request.headers) <= _LONG_HEAD:
            return self.draft.provokes
        return "size"

    @property
    def judges_bodies(self) -> bool:
        """
        Whether rules on bodies apply: answers to POST that did not provoke the HTTP layer, in a coding that can be undone.

        docs/evidence.md, 4 and 11.
        """
        return self.owes_body and not self.unreadable

    @property
    def owes_body(self) -> bool:
        """Whether the answer owes a documented body, readable or not."""
        return self.request.method == "POST" and self.provokes not in _PROVOKES_HTTP

    @property
    def accept_language(self) -> str | None:
        """The Accept-Language field of the request, or None."""
        return next((value for name, value in self.request.headers if name.lower() == "accept-language"), None)

    @property
    def unreadable(self) -> str:
        """Why nothing can be said of the answer's body; empty if something can: it is under a coding that is not known here."""
        name = self.response.unknown_coding if self.response else ""
        return f"the body of an answer {self.status} is under the content coding {name}, which this suite cannot undo" if name else ""

    @functools.cached_property
    def _parsed(self) -> tuple[Any, NotJson | None]:
        body = self.response.body if self.response else b""
        if self.unreadable:
            return None, NotJson(self.unreadable)
        if self.response is not None and self.response.spoiled:
            return None, NotJson(self.response.spoiled)
        try:
            return parse(body), None
        except NotJson as error:
            return None, error

    @property
    def document(self) -> Any:
        """
        The answer's body as JSON data.

        Raises:
            NotJson: it is none.

        """
        value, error = self._parsed
        if error is not None:
            raise error
        return value

    @property
    def is_json(self) -> bool:
        """Whether the answer's body is JSON."""
        return self._parsed[1] is None

    def got(self) -> str:
        """Return what came back, in a line: the status and the beginning of the body, or the failure."""
        return self._got

    @functools.cached_property
    def _got(self) -> str:
        if self.response is None:
            return f"no answer: {self.failure.words}" if self.failure else "no answer"
        reason = f" {self.response.reason}" if self.response.reason else ""
        return f"{self.response.status}{reason}, {_excerpt(self.response.body)}"


def _excerpt(body: bytes, limit: int = 160) -> str:
    if not body:
        return "no body"
    text = body[: limit * 4].decode("utf-8", "replace")
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit]}…"


def parse(body: bytes) -> Any:
    """
    Return the JSON data of a body by the letter of RFC 8259: UTF-8 without a byte order mark, no NaN, one value.

    Raises:
        NotJson: it is none, or nested so deeply that nobody could walk through it; the message says why.

    """
    value = _parsed(body)
    if body.count(b"[") + body.count(b"{") > MOST_NESTED and _depth(value) > MOST_NESTED:
        raise NotJson(_TOO_DEEP)
    return value


def _parsed(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # the quick parser knows fewer numbers and surrogates than the grammar has: the slow one decides
    if not body.strip(b" \t\r\n"):
        raise NotJson("it is empty")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(f"byte {error.start} is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise NotJson("it begins with a byte order mark (RFC 8259, 8.1)")
    try:
        return json.loads(text, parse_constant=_no_constant, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    except ValueError as error:
        raise NotJson(str(error)) from None


def _integer(digits: str) -> int | float:
    """Return a whole number; one of more digits than Python reads is a number all the same, and infinite to us."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _depth(value: Any) -> int:
    """Return how many lists and objects stand one in another."""
    depth = 0
    layer = [value]
    while layer := [inner for one in layer if isinstance(one, (list, dict)) for inner in (one.values() if isinstance(one, dict) else one)]:
        depth += 1
    return depth


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON (RFC 8259, 6)")
