"""
Refusals that come only under load, by whoever stands in front of a target: told from the target's own answers.

A limiter that answers 503, a firewall that counts requests: the same request, sent alone a moment later, gets the operation's answer.
That speaks against CAR-OP-STATUS, CAR-OP-NO-500 and CAR-OP-INDEPENDENT alone. :class:`Load` sends nothing: it knows what was seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from closecheck.model import UNDER_LOAD, Response

GATEWAY: Final = frozenset({502, 503, 504})
"""What a gateway answers for a server that it does not reach, or spares."""
_UNREACHED: Final = frozenset({502, 504})
_OF_FIREWALLS: Final = frozenset({403, 418, 420, 444})
"""What a firewall refuses with, on a page of its own."""
_SURE: Final = 3
"""So many requests that keep their answer, sent alone too, show that it is the target's own."""
_TOLD: Final = 3
"""So many refusals under load are recorded as findings; what comes after is the same again."""
_FIRST_PAUSE: Final = 0.25

Face = tuple[int, str]
"""What a refusal looks like: its status and media type."""


class Load:
    """What a run has seen of refusals that may come from load. Safe for threads: a count more or less does no harm."""

    def __init__(self) -> None:
        self._own: Counter[Face] = Counter()
        """How many requests kept their answer when they were sent alone."""
        self._row: tuple[Face | None, int] = (None, 0)
        """The refusal that was seen last, and how often in a row."""
        self._met: set[Face] = set()
        """Refusals that have come under load."""
        self._told = 0
        self.refusals = 0
        """How many answers were such."""

    def suspects(self, response: Response) -> bool:
        """Tell whether an answer may be a refusal under load."""
        if response.status in GATEWAY:
            return True
        return response.status in _OF_FIREWALLS and _media_type(response) != "application/json"

    def served(self) -> None:
        """Take note of an answer of the operation."""
        self._row = (None, 0)

    def wants_to_know(self, response: Response) -> bool:
        """
        Tell whether a suspicious answer must be asked for again: no, if it is known for the target's own.

        Where nothing but it comes any more it is doubted again, ever more rarely.
        """
        face = _face(response)
        last, times = self._row
        self._row = (face, times + 1 if last == face else 1)
        own = self._own[face]
        return own < _SURE or face in self._met or self._row[1] >= _SURE * 2**own

    def is_own(self, response: Response) -> None:
        """Take note that a request kept its answer while another was served."""
        self._own[_face(response)] += 1
        self.served()

    def came_under_load(self, response: Response) -> bool:
        """Take note of a refusal that came under load alone; return whether it is one of the first, which are findings."""
        self._met.add(_face(response))
        self.refusals += response.status not in GATEWAY  # these are counted as they come
        self._row = (None, 0)
        self._told += 1
        return self._told <= _TOLD


def pauses(most: float) -> Iterator[float]:
    """Yield growing pauses, in seconds, until they are ``most`` in all."""
    pause, left = _FIRST_PAUSE, most
    while left > 0:
        yield min(pause, left)
        left -= pause
        pause *= 2


def cause(response: Response) -> str:
    """Return the words for the cause of a refusal whose request was served later, with nothing else in flight."""
    server = response.header("server")
    named = f" (Server: {server})" if server else ""
    page = f"{response.status}, {_media_type(response) or 'no Content-Type'}"
    if response.status in _UNREACHED:
        return f"{UNDER_LOAD}, a gateway{named} did not reach the service and answered {page}; the same requests were served when they were sent again"
    return f"{UNDER_LOAD}, a limiter{named} or a gateway short of servers answered {page}; the same requests were served when they were sent again, slower"


def _face(response: Response) -> Face:
    return response.status, _media_type(response)


def _media_type(response: Response) -> str:
    return (response.header("content-type") or "").partition(";")[0].strip().lower()
