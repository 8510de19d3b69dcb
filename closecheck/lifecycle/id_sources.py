"""
Where ids of existing access requests come from: a list, search, account activities, requests made for the run, a hook.

As many are looked for as are needed, and no more; what comes from a hook comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Any, Final, TypeVar

from closecheck.config.target import AccessRequests, Activities, Created, Listed, Searched, Source
from closecheck.lifecycle.documents import Document, sight
from closecheck.lifecycle.observers import PENDING_QUERY, ActivitiesObserver, SearchObserver
from closecheck.model.errors import Untested
from closecheck.session.session import Session

T = TypeVar("T")
OwnIds = Callable[[str], Iterable[str]]
"""Returns ids of requests in a state, from the hook ``pytest_closecheck_ids``."""

ANY_QUERY: Final = '"Access Request"'


class Sources:
    """The sources of one run, by state: ``pending``, ``approved`` (past approval, still pending) and ``completed``."""

    def __init__(self, session: Session, given: AccessRequests, own: OwnIds) -> None:
        self._session = session
        self._given = given
        self._own = own
        self._streams: dict[str, Iterator[str]] = {}
        self._draw = Random(session.plan.mark)  # noqa: S311 - no secret

    def take(self, state: str, count: int) -> list[str]:
        """
        Return at most ``count`` ids in a state that were not returned before.

        A source that fails ends there, with a note in the run.
        """
        stream = self._streams.setdefault(state, self._stream(state))
        found: list[str] = []
        try:
            while len(found) < count and (one := next(stream, None)) is not None:
                found.append(one)
        except Untested as untested:
            self._session.note("ids", f"no more {state} access requests can be had: {untested.reason}")
        return found

    def refill(self, count: int) -> Sequence[str]:
        """Return more pending ids, for :class:`closecheck.session.ids.IdPolicy`."""
        source = self._given.pending
        # A list costs nothing to read, and refusals are to name ids from its far end.
        return self.take("pending", max(count, len(source.ids)) if isinstance(source, Listed) else count)

    def _stream(self, state: str) -> Iterator[str]:
        seen: set[str] = set()
        source: Source | None = getattr(self._given, state)
        for one in (*self._mixed(self._own(state)), *self._mixed(source.ids if isinstance(source, Listed) else ())):
            if one and one not in seen:
                seen.add(one)
                yield one
        match source:
            case Searched():
                found = self._searched(state)
            case Activities():
                found = self._listed(state)
            case Created():
                found = self._created(source)
            case _:
                found = iter(())
        for one in found:
            if one and one not in seen:
                seen.add(one)
                yield one

    def _mixed(self, found: Iterable[T]) -> list[T]:
        """Return what was found in an order that is the run's own: of two runs at once, each begins with other ids."""
        mixed = list(found)
        self._draw.shuffle(mixed)
        return mixed

    def _searched(self, state: str) -> Iterator[str]:
        query = ANY_QUERY if state == "completed" else PENDING_QUERY
        for documents in SearchObserver(self._session).walk(f"{state}-ids", "accountactivities", query):
            for document in self._mixed(documents):
                if in_state(document, state):
                    # The documentation says to download the tracking number, not the id of the document.
                    yield str(document.get("trackingNumber") or document.get("id") or "")

    def _listed(self, state: str) -> Iterator[str]:
        for documents in ActivitiesObserver(self._session).walk():
            for document in self._mixed(documents):
                if in_state(document, state) and "request" in str(document.get("type") or "request").lower():
                    yield str(document.get("id") or "")

    def _created(self, source: Created) -> Iterator[str]:
        for identity in source.requested_for:
            for _ in range(source.count):
                body = {
                    "requestedFor": [identity],
                    "requestedItems": [{"type": source.item_type, "id": source.item_id, "comment": "Made by closecheck."}],
                    "requestType": "GRANT_ACCESS",
                }
                exchange = self._session.fetch("create", "POST", "/access-requests", body=body)
                if not 200 <= exchange.status < 300 or not exchange.is_json:
                    raise Untested(f"POST /access-requests was answered {exchange.got()}", "access_requests.pending.create")
                made = list(_made(exchange.document))
                yield from made
                if not made:
                    break  # the identity has such a request already, and it is not ours to close


def in_state(document: Document, state: str) -> bool:
    """Tell whether an access request is in a state, as far as its document says."""
    pending = sight(document).pending
    if state == "completed":
        return pending is False
    approvals = {str(item.get("approvalStatus")).upper() for item in document.get("items") or () if isinstance(item, dict)}
    approved = bool(approvals) and approvals <= {"FINISHED", "APPROVED"}
    return pending is True and (approved if state == "approved" else not approved)


def _made(document: Any) -> Iterator[str]:
    """Yield the ids of the new requests; those that existed before are somebody else's."""
    if not isinstance(document, dict):
        return
    made = document.get("newRequests")
    for one in [document, *(made if isinstance(made, list) else ())]:
        ids = one.get("accessRequestIds") if isinstance(one, dict) else None
        yield from (identifier for identifier in ids or () if isinstance(identifier, str))
