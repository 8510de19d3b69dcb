"""
What all observers of a run have seen so far: asked together, remembered by id. Nothing here judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from closecheck.lifecycle.documents import Audit, Document, Mentions, Sight, audit, document_key, keys_of, sight, texts
from closecheck.lifecycle.observers import SeesAudits, SeesEvents, SeesRequests, name_of
from closecheck.model.errors import Untested

_MOST_FAILURES: Final = 3
"""An observer that fails so often is not asked again: each time may cost the time limit of a request."""


class Watch:
    """
    What all observers of a run have seen so far, by id.

    ``marker`` is the text that every message of the run holds. An observer that fails is asked again the next time, a
    few times; ``trouble`` says why one cannot be used now.
    """

    def __init__(self, observers: Sequence[object], ids: Iterable[str], marker: str) -> None:
        self._requests = [one for one in observers if isinstance(one, SeesRequests)]
        self._audits = [one for one in observers if isinstance(one, SeesAudits)]
        self._events = [one for one in observers if isinstance(one, SeesEvents)]
        self.marker = marker
        self.ids = set(ids)
        self.before: dict[str, dict[str, Sight]] = {}
        """By observer and id, as it was before anything was closed."""
        self.now: dict[str, dict[str, Sight]] = {name_of(one): {} for one in self._requests}
        self.missing: dict[str, set[str]] = {name_of(one): set() for one in self._requests}
        """By observer: ids that it had shown and does not show any more."""
        self.strangers: dict[str, tuple[str, Sight]] = {}
        """Requests that show a message of this run, though none of its ids is theirs."""
        self.audits: dict[str, Audit] = {}
        self.old_audits: set[str] = set()
        self._new: tuple[tuple[int, int], list[Audit]] = (0, 0), []
        self.trouble: dict[str, Untested] = {}
        self._failures: Counter[str] = Counter()

    @property
    def sees_requests(self) -> bool:
        """Whether the state of a request can be seen at all."""
        return any(name_of(one) not in self.trouble for one in self._requests)

    @property
    def sees_audits(self) -> bool:
        """Whether audits can be seen."""
        return any(name_of(one) not in self.trouble for one in self._audits)

    @property
    def sees_events(self) -> bool:
        """Whether deliveries can be seen."""
        return bool(self._events)

    def remember_audits(self) -> None:
        """Take the audits that are there now for what was before."""
        self.old_audits = set(self.audits)

    def remember(self, ids: Iterable[str]) -> None:
        """Take what is seen of some requests now for what was before."""
        for one in ids:
            for name, sights in self.now.items():
                if one in sights:
                    self.before.setdefault(name, {})[one] = sights[one]

    def look(self, ids: Collection[str] | Mapping[str, Collection[str]]) -> None:
        """Look at requests: the same ids through every observer, or other ones for each."""
        for observer in self._requests:
            name = name_of(observer)
            if self._failures[name] >= _MOST_FAILURES:
                continue
            wanted = sorted(ids[name] if isinstance(ids, Mapping) else ids)
            if not wanted:
                continue
            try:
                found = self._found(name, observer.requests(wanted))
            except Untested as untested:
                self.trouble[name] = untested
                self._failures[name] += 1
                continue
            self.trouble.pop(name, None)
            self.missing[name] -= found
            if not getattr(observer, "cut", False):
                self.missing[name] |= {one for one in wanted if one in self.now[name] and one not in found}

    def _found(self, name: str, documents: Iterable[Document]) -> set[str]:
        found: set[str] = set()
        for document in documents:
            ours = keys_of(document) & self.ids
            if not ours and not self._is_strange(document):
                continue
            seen = sight(document)
            for one in ours:
                self.now[name][one] = seen
            found |= ours
            if not ours:
                self.strangers.setdefault(min(seen.keys, default=""), (name, seen))
        return found

    def _is_strange(self, document: Document) -> bool:
        return bool(self.marker) and any(self.marker in text for text in texts(document.get("warnings"), keys=False))

    def look_for_audits(self, *, thorough: bool = False) -> None:
        """
        Look at the audits; ``thorough``: at all of them, if an observer can be asked for that.

        What a thorough look brings up may be older than the run: it counts only where it tells of the run's ids or messages.
        """
        mentions = Mentions(self.ids)
        for observer in self._audits:
            name = name_of(observer)
            if self._failures[name] >= _MOST_FAILURES:
                continue
            try:
                look = getattr(observer, "every_audit", observer.audits) if thorough else observer.audits
                for document in look():
                    if (key := document_key(document)) in self.audits:
                        continue
                    found = audit(document)
                    if not thorough or self.marker in found.text or mentions.within(found.text):
                        self.audits[key] = found
            except Untested as untested:
                self.trouble[name] = untested
                self._failures[name] += 1

    def new_audits(self) -> Sequence[Audit]:
        """Return the audits that were not there before."""
        if self._new[0] != (known := (len(self.audits), len(self.old_audits))):  # neither loses any
            self._new = known, [one for key, one in self.audits.items() if key not in self.old_audits]
        return self._new[1]

    def events(self) -> list[Document]:
        """Return every delivery so far."""
        return [document for observer in self._events for document in observer.events()]

    def sights(self, identifier: str) -> dict[str, Sight]:
        """Return what each observer shows of a request now."""
        return {name: seen[identifier] for name, seen in self.now.items() if identifier in seen}

    def pending(self, identifier: str) -> set[bool | None]:
        """Return the different things that observers say of whether a request is pending."""
        return {seen.pending for seen in self.sights(identifier).values()}

    def aliases(self, identifier: str) -> frozenset[str]:
        """Return everything that a request may be known by."""
        sights = [
            *self.sights(identifier).values(),
            *(seen[identifier] for seen in self.before.values() if identifier in seen),
        ]
        return frozenset({identifier}).union(*(one.keys for one in sights))
