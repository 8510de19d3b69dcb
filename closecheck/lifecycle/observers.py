"""
Observers: each asks one API of the target what became of requests, and returns its documents unread.

Three come with the suite (search, List Account Activities, events); an implementer can add one of his own, see
``docs/extending.md``. One that cannot look raises Untested, with what the target file would have to supply.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final, Protocol, runtime_checkable
from urllib.parse import quote, urlsplit

from closecheck.config.target import Events, Observe
from closecheck.judging.exchange import Exchange
from closecheck.lifecycle.documents import Document, document_key, keys_of, sight, tracking_numbers
from closecheck.lifecycle.listener import Listener, address_towards, is_loopback
from closecheck.model import FailureKind
from closecheck.model.errors import Untested
from closecheck.session.session import Session

TRIGGER: Final = "idn:post-provisioning"
AUDITS_QUERY: Final = 'name:"Close Identity Requests"'
"""The vendor's query for the audits."""
PENDING_QUERY: Final = 'status: Pending AND "Access Request"'
"""The vendor's query for pending requests, with its blank after the colon."""
PAGE: Final = 250
"""Documents in a page: the most that List Account Activities gives."""
MOST_PAGES: Final = 50
"""Pages of one listing; a tenant with more than 12,500 activities is not walked to its end."""
MOST_SMALL_PAGES: Final = 400
"""Pages of the audits of one run, where they are so large that a page must hold few of them."""
_IDS_IN_A_QUERY: Final = 100


@runtime_checkable
class SeesRequests(Protocol):
    """An observer that finds access requests."""

    def requests(self, ids: Sequence[str]) -> Iterable[Document]:
        """
        Return the documents of these access requests as they are now; others among them do no harm.

        A document is like that of List Account Activities (``executionStatus``, ``completionStatus``) or like that of
        Search (``stage``, ``status``), with ``warnings``, and the id as ``id``, ``trackingNumber`` or ``name``.

        Raises:
            Untested: they cannot be had.

        """


@runtime_checkable
class SeesAudits(Protocol):
    """An observer that finds the audits of closings."""

    def audits(self) -> Iterable[Document]:
        """
        Return audits with ``name`` and ``created``, at least all that were written since the last call.

        Raises:
            Untested: they cannot be had.

        """


@runtime_checkable
class SeesEvents(Protocol):
    """An observer that receives Provisioning Completed."""

    def events(self) -> Iterable[Document]:
        """Return the payload of every delivery so far, in the order of arrival."""


def name_of(observer: object) -> str:
    """Return how findings call an observer."""
    return str(getattr(observer, "name", type(observer).__name__))


class SearchObserver:
    """``POST {base_url}/search``: audits by the vendor's query, access requests by their ids."""

    name: ClassVar[str] = "search"
    supply: ClassVar[str] = "observe.search: true"

    def __init__(self, session: Session) -> None:
        self._session = session
        self._size = PageSize()
        self._old: set[str] | None = None
        self._sorted = True
        self.cut = False
        """Whether the last walk ended before the listing did."""

    def requests(self, ids: Sequence[str]) -> Iterator[Document]:
        """Yield the documents of these access requests."""
        for start in range(0, len(ids), _IDS_IN_A_QUERY):
            words = " OR ".join(_quoted(one) for one in ids[start : start + _IDS_IN_A_QUERY])
            yield from self.page("requests", "accountactivities", f"id:({words}) OR trackingNumber:({words})", 0)

    def audits(self) -> list[Document]:
        """Return the newest audits, back to those that were there at the first call."""
        return self._audits(thorough=False)

    def every_audit(self) -> list[Document]:
        """Return all audits: where clocks disagree, the newest of one kind may be dated before the oldest of another."""
        return self._audits(thorough=True)

    def _audits(self, *, thorough: bool) -> list[Document]:
        found: list[Document] = []
        for documents in Walk(self._newest, MOST_PAGES if thorough else MOST_SMALL_PAGES):
            found += documents
            if self._sorted and not thorough and (self._old is None or any(document_key(one) in self._old for one in documents)):
                break
        if self._old is None:
            self._old = {document_key(one) for one in found}
        return found

    def _newest(self, offset: int) -> list[Document]:
        if self._sorted:
            try:
                return self.page("audits", "events", AUDITS_QUERY, offset, "-created")
            except Untested:
                self._sorted = False
        return self.page("audits", "events", AUDITS_QUERY, offset)

    def page(self, name: str, index: str, query: str, offset: int, order: str = "") -> list[Document]:
        """
        Return one page of what a query finds.

        Raises:
            Untested: it is not answered with a list of documents.

        """
        body: dict[str, Any] = {"indices": [index], "query": {"query": query}}
        if order:
            body["sort"] = [order]

        def ask(limit: int) -> Exchange:
            query = f"limit={limit}&offset={offset}"
            return self._session.fetch(f"search-{name}", "POST", "/search", query=query, body=body)

        return _documents(self._size.fitting(ask), "search", self.supply)

    def walk(self, name: str, index: str, query: str) -> Iterator[list[Document]]:
        """Yield page after page of what a query finds, as far as the suite walks."""
        walk = Walk(lambda offset: self.page(name, index, query, offset))
        yield from walk
        self.cut = walk.cut


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class ActivitiesObserver:
    """``GET {base_url}/account-activities``: a list without a filter on ids, walked until all are found."""

    name: ClassVar[str] = "account activities"
    supply: ClassVar[str] = "observe.account_activities: true"
    _ORDERS: ClassVar[tuple[str, ...]] = ("-modified", "-created", "")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._size = PageSize()
        self._order = 0
        self.cut = False
        """Whether the last walk ended before the listing did."""

    def requests(self, ids: Sequence[str]) -> Iterator[Document]:
        """Yield the activities of the list, those changed last first, until all of these were among them."""
        wanted = set(ids)
        for documents in self.walk():
            yield from documents
            wanted.difference_update(*(keys_of(one) for one in documents))
            if not wanted:
                return

    def walk(self) -> Iterator[list[Document]]:
        """Yield page after page of the list, as far as the suite walks."""
        walk = Walk(self._page)
        yield from walk
        self.cut = walk.cut

    def _page(self, offset: int) -> list[Document]:
        while True:
            order = self._ORDERS[self._order]
            exchange = self._size.fitting(functools.partial(self._asked, order, offset))
            if exchange.status == 200 or not order:
                return _documents(exchange, "List Account Activities", self.supply)
            self._order += 1  # a sorter that is refused is done without

    def _asked(self, order: str, offset: int, limit: int) -> Exchange:
        query = f"limit={limit}&offset={offset}" + (f"&sorters={quote(order)}" if order else "")
        return self._session.fetch("account-activities", "GET", "/account-activities", query=query)


class PageSize:
    """How many documents a page of a listing holds: :data:`PAGE`, or as many fewer as can be read at once."""

    def __init__(self) -> None:
        self._limit = PAGE

    def fitting(self, ask: Callable[[int], Exchange]) -> Exchange:
        """Return the answer to ``ask``, which is given the number of documents; half as many if their page is too large."""
        while _is_too_large(exchange := ask(self._limit)):
            if self._limit == 1:
                self._limit = PAGE  # it is not the size: the next page is asked for as the first was
                break
            self._limit //= 2
        return exchange


def _is_too_large(exchange: Exchange) -> bool:
    """Tell whether a page may have been too large: for the suite to read, or, as far as its status says, for the target to write."""
    if exchange.failure is not None:
        return exchange.failure.kind is FailureKind.ENDLESS
    if exchange.response is not None and exchange.response.spoiled:
        return True  # once its coding is undone
    return exchange.status in {413, 500}


class Walk:
    """One walk through the pages of a listing; afterwards ``cut`` says whether it ended before the listing did."""

    def __init__(self, page: Callable[[int], list[Document]], most: int = MOST_PAGES) -> None:
        self._page = page
        self._most = most
        self.cut = False

    def __iter__(self) -> Iterator[list[Document]]:
        """Yield page after page, up to the first that brings nothing new."""
        seen: set[str] = set()
        offset = 0
        for _ in range(self._most):
            documents = self._page(offset)
            keys = {document_key(one) for one in documents}
            # A page shorter than was asked for need not be the last one; one without anything new is.
            if keys <= seen:
                return
            seen |= keys
            offset += len(documents)
            yield documents
        self.cut = True


_FORBIDDEN: Final = (
    ": either this token may not read it, or an authorizer's decision is cached by token, and the token asked for another path first "
    "(then a token from token_url, client_id and client_secret, which the run can renew, tells the two apart)"
)
"""What a forbidden listing may mean."""


def _documents(exchange: Exchange, what: str, supply: str) -> list[Document]:
    document = exchange.document if exchange.status == 200 and exchange.is_json else None
    if not isinstance(document, list):
        raise Untested(f"{what} was answered {exchange.got()}{_FORBIDDEN if exchange.status == 403 else ''}", supply)
    return [one for one in document if isinstance(one, dict)]


class EventsObserver:
    """A listener for Provisioning Completed, and its subscription, which is always taken back."""

    name: ClassVar[str] = "events"
    supply: ClassVar[str] = "observe.events: {subscribe: true}"

    def __init__(self, session: Session, settings: Events) -> None:
        self._session = session
        self._settings = settings
        self._listener: Listener | None = None
        self._subscription = ""
        self.url = ""
        """Where the target is to deliver."""
        session.at_end.append(self.close)

    def open(self) -> None:
        """
        Listen and subscribe.

        Raises:
            Untested: the port is taken, or the target does not subscribe.

        """
        try:
            self._listener = Listener(self._settings.host, self._settings.port, self._session.now)
        except OSError as error:
            where = f"{self._settings.host}:{self._settings.port}"
            raise Untested(f"the suite cannot listen on {where} ({error.strerror})", "observe.events.listen") from None
        self.url = self._settings.url or self._own_url(self._listener.port)
        body = {
            "name": f"closecheck {secrets.token_hex(4)}",
            "description": "Made for one run of the conformance suite, and taken back at its end.",
            "triggerId": TRIGGER,
            "type": "HTTP",
            "enabled": True,
            "httpConfig": {"url": self.url, "httpDispatchMode": "SYNC", "httpAuthenticationType": "NO_AUTH"},
        }
        exchange = self._session.fetch("subscribe", "POST", "/trigger-subscriptions", body=body)
        document = exchange.document if exchange.is_json else None
        identifier = document.get("id") if isinstance(document, dict) else None
        if not 200 <= exchange.status < 300 or not isinstance(identifier, str):
            self._listener.close()
            self._listener = None
            raise Untested(f"the subscription to {TRIGGER} was answered {exchange.got()}", self.supply)
        self._subscription = identifier

    def close(self) -> None:
        """Unsubscribe and stop listening; harmless if that is done, never an error."""
        if self._subscription:
            try:
                path = f"/trigger-subscriptions/{quote(self._subscription, safe='')}"
                exchange = self._session.fetch("unsubscribe", "DELETE", path)
                gone = exchange.status in {200, 202, 204, 404}
                problem = "" if gone else f"it was answered {exchange.got()}"
            except Untested as untested:
                problem = untested.reason
            if problem:
                text = f"the subscription {self._subscription} to {TRIGGER} could not be taken back, delete it: {problem}"
                self._session.note("subscription", text)
            self._subscription = ""
        if self._listener is not None:
            self._listener.close()

    def events(self) -> list[Document]:
        """Return what was delivered so far; a batch is one document for each of its events."""
        received = self._listener.received if self._listener else []
        return [payload if isinstance(payload, dict) else {"events": payload} for _, payload in list(received)]

    def arrivals(self) -> dict[str, float]:
        """Return when each tracking number arrived first, seconds from the start of the run."""
        received = self._listener.received if self._listener else []
        found: dict[str, float] = {}
        for at, payload in list(received):
            for number in tracking_numbers(payload):
                found.setdefault(number, at)
        return found

    @property
    def may_be_out_of_reach(self) -> bool:
        """Whether silence may mean that the target cannot reach the listener."""
        return not (is_loopback(urlsplit(self._session.plan.base_url).hostname or ""))

    def _own_url(self, port: int) -> str:
        host = self._settings.host
        if host in {"", "0.0.0.0", "::"}:  # noqa: S104 - asked for in the target file
            host = address_towards(urlsplit(self._session.plan.base_url).hostname or "")
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/closecheck/{secrets.token_hex(8)}"


def first_over(observers: Iterable[object], ids: Sequence[str]) -> str:
    """Return one of these access requests that an observer shows no longer pending; empty if none does, or nobody can look."""
    wanted = set(ids)
    for observer in observers:
        if not isinstance(observer, SeesRequests):
            continue
        with contextlib.suppress(Untested):
            for document in observer.requests(ids):
                seen = sight(document)
                if seen.pending is False and (named := wanted & seen.keys):
                    return min(named)
    return ""


def assemble(session: Session, observe: Observe, own: object | None) -> list[object]:
    """Return the observers that a target file allows, the implementer's own first."""
    found: list[object] = [] if own is None else [own]
    if observe.search:
        found.append(SearchObserver(session))
    if observe.account_activities:
        found.append(ActivitiesObserver(session))
    if observe.events is not None:
        found.append(EventsObserver(session, observe.events))
    return found
