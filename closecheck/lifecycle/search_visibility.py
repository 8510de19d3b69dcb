"""
Whether pending requests are found as the documentation says: by its search query, and in the list of account activities.

Whatever the target file says, a request counts as pending only if the target itself shows it so somewhere.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from typing import Final

from closecheck.config.settings import Settings
from closecheck.config.target import Listed
from closecheck.lifecycle.documents import Document, keys_of, sight
from closecheck.lifecycle.id_sources import Sources
from closecheck.lifecycle.judgement import AUDIT_SUPPLY, LOOK_SUPPLY, PENDING_SUPPLY, Judgement, because, undecided
from closecheck.lifecycle.looking import pauses
from closecheck.lifecycle.observers import PENDING_QUERY, ActivitiesObserver, SearchObserver
from closecheck.model.errors import Untested
from closecheck.session.session import Session

_SAMPLE: Final = 3
_SAMPLES: Final = 5
"""So many samples are tried where others close what is to be found."""


class SearchVisibility:
    """
    A few pending requests that the run has not touched, and whether they are found.
    """

    def __init__(self, session: Session, settings: Settings, sources: Sources) -> None:
        self._session = session
        given = settings.target.access_requests
        if given.may_close:
            self._ids = session.ids.untaken(_SAMPLE)
        elif isinstance(given.pending, Listed):
            self._ids = list(given.pending.ids[:_SAMPLE])
        else:
            self._ids = sources.take("pending", _SAMPLE)
        if isinstance(given.approved, Listed):
            self._ids += given.approved.ids[:_SAMPLE]
        self._settle = settings.settle
        self._search = SearchObserver(session) if settings.target.observe.search else None
        self._activities = ActivitiesObserver(session) if settings.target.observe.account_activities else None
        self._ways: dict[str, _Way] | None = None
        self._others = iter(session.ids.untaken(_SAMPLES * _SAMPLE)[_SAMPLE:] if given.may_close else ())
        """More of them, for those that somebody else closes before they have been found."""

    def by_query(self) -> Judgement:
        """Judge that the vendor's query finds them."""
        if self._search is None:
            return undecided("the target file does not allow to search", AUDIT_SUPPLY)
        return self._judged("query")

    def by_list(self) -> Judgement:
        """Judge that List Account Activities shows them."""
        if self._activities is None:
            return undecided("the target file does not allow to list account activities", LOOK_SUPPLY)
        return self._judged("list")

    def _judged(self, name: str) -> Judgement:
        if not self._ids:
            return undecided("no pending access request is known", PENDING_SUPPLY)
        if self._ways is None:
            self._ways = self._looked_for_long()
        way = self._ways[name]
        pending = self._pending(self._ways)
        if way.trouble is not None:
            return because(way.trouble)
        if not pending:
            return undecided("none of the supplied access requests is shown as pending", PENDING_SUPPLY)
        what = f"the query {PENDING_QUERY}" if name == "query" else "List Account Activities"
        expected = f"{len(pending)} requests that the target shows as pending found by {what}"
        missing = pending - way.found
        if not missing:
            return Judgement(True, expected)
        if way.cut:
            return undecided(f"{what}: there are more than the suite walks through")
        # Search knows them by these very ids, or nothing else is listed: then they are not merely listed under others.
        if way.others and not way.found and not (name == "query" and self._ways["ids"].found):
            return undecided(f"{what}: the ids that it shows are of another kind than those supplied")
        got = f"{len(missing)} of them are not found, such as {min(missing)}; {way.others} others are"
        return Judgement(False, expected, got)

    @staticmethod
    def _pending(ways: dict[str, _Way]) -> set[str]:
        return set().union(*(way.pending for way in ways.values()))

    def _looked_for_long(self) -> dict[str, _Way]:
        """Look until all that is shown as pending somewhere is found everywhere, or the settling time is over."""
        deadline = self._session.now() + self._settle
        for pause in pauses():
            ways = self._looked()
            pending = self._pending(ways)
            judged = [way for name, way in ways.items() if name != "ids" and way.trouble is None]
            left = deadline - self._session.now()
            if not pending and (others := list(itertools.islice(self._others, _SAMPLE))):
                self._ids = others
                continue
            if (pending and all(pending <= way.found for way in judged)) or left <= 0:
                return ways
            self._session.pause(min(pause, left), "for pending access requests to be found")
        raise AssertionError("the pauses have no end")

    def _looked(self) -> dict[str, _Way]:
        ways = {}
        if self._search is not None:
            search = self._search
            ways["ids"] = _Way.walked(iter([search.requests(self._ids)]), self._ids)
            ways["query"] = _Way.walked(search.walk("pending", "accountactivities", PENDING_QUERY), self._ids)
            ways["query"].cut = search.cut
        if self._activities is not None:
            ways["list"] = _Way.walked(self._activities.walk(), self._ids)
            ways["list"].cut = self._activities.cut
        return ways


@dataclasses.dataclass
class _Way:
    """What one way of looking for some ids came upon."""

    found: set[str] = dataclasses.field(default_factory=set)
    pending: set[str] = dataclasses.field(default_factory=set)
    others: int = 0
    """How many other pending requests."""
    trouble: Untested | None = None
    cut: bool = False

    @classmethod
    def walked(cls, pages: Iterator[Iterable[Document]], ids: Iterable[str]) -> _Way:
        """Walk until all ids are found."""
        way = cls()
        wanted = set(ids)
        try:
            for documents in pages:
                for document in documents:
                    own = keys_of(document) & wanted
                    pending = sight(document).pending is True
                    way.found |= own
                    way.pending |= own if pending else set()
                    way.others += pending and not own
                if wanted <= way.found:
                    break
        except Untested as untested:
            way.trouble = untested
        return way
