"""
How the effect of closing is seen: documents of other APIs in, what they show out. Nothing here judges.

Where the public material is silent, reading is tolerant: an id is looked for anywhere in an audit, words are compared
without case, a request is known by its id, its tracking number or its name. Three observers come with the suite
(search, List Account Activities, events); an implementer can add one of his own, see ``docs/extending.md``.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import ipaddress
import json
import re
import secrets
import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import NoneType
from typing import Any, ClassVar, Final, Protocol, runtime_checkable
from urllib.parse import quote, urlsplit

from closecheck.config.target_file import Events, Observe
from closecheck.judging.exchange import Exchange, parse
from closecheck.model import FailureKind, Struct
from closecheck.model.errors import Untested
from closecheck.session.session import Session

Document = Mapping[str, Any]
"""One JSON object of an API beside the operation."""

TRIGGER: Final = "idn:post-provisioning"
AUDITS_QUERY: Final = 'name:"Close Identity Requests"'
"""The page's query for the audits."""
PENDING_QUERY: Final = 'status: Pending AND "Access Request"'
"""The page's query for pending requests, with its blank after the colon."""
STARTED: Final = "Close Identity Requests Started"
COMPLETED: Final = "Close Identity Requests Completed"
PAGE: Final = 250
"""Documents in a page: the most that List Account Activities gives."""
MOST_PAGES: Final = 50
"""Pages of one listing; a tenant with more than 12,500 activities is not walked to its end."""
MOST_SMALL_PAGES: Final = 400
"""Pages of the audits of one run, where they are so large that a page must hold few of them."""
_IDS_IN_A_QUERY: Final = 100
_MOST_FAILURES: Final = 3
"""An observer that fails so often is not asked again: each time may cost the time limit of a request."""


# ------------------------------------------------------------------------------------------------------- what is shown


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


Observer = SeesRequests | SeesAudits | SeesEvents
"""Whatever has at least one of the three methods; ``name`` is how it is called in findings."""


def name_of(observer: object) -> str:
    """Return how findings call an observer."""
    return str(getattr(observer, "name", type(observer).__name__))


def supply_of(observer: object) -> str:
    """Return the line of the target file that the observer stands on."""
    return str(getattr(observer, "supply", "extension"))


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

        A display word that belongs to neither enumeration of the page may mean anything.
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
    return {
        value for name in ("id", "trackingNumber", "name") if isinstance(value := document.get(name), str) and value
    }


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
        key=_key(document),
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


def _key(document: Document) -> str:
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


# ---------------------------------------------------------------------------------------------------------- observers


class SearchObserver:
    """``POST {base_url}/search``: audits by the page's query, access requests by their ids."""

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
            if self._sorted and not thorough and (self._old is None or any(_key(one) in self._old for one in documents)):
                break
        if self._old is None:
            self._old = {_key(one) for one in found}
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
            keys = {_key(one) for one in documents}
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
            self._listener = Listener(self._settings.host, self._settings.port, self._session.transport.now)
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
                text = (
                    f"the subscription {self._subscription} to {TRIGGER} could not be taken back, delete it: {problem}"
                )
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
        return not (_is_loopback(urlsplit(self._session.plan.base_url).hostname or ""))

    def _own_url(self, port: int) -> str:
        host = self._settings.host
        if host in {"", "0.0.0.0", "::"}:  # noqa: S104 - asked for in the target file
            host = _address_towards(urlsplit(self._session.plan.base_url).hostname or "")
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/closecheck/{secrets.token_hex(8)}"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address_towards(host: str) -> str:
    """Return the address of this machine that a host sees; nothing is sent."""
    with contextlib.suppress(OSError):
        family, kind, _, _, address = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    return "127.0.0.1"


# ----------------------------------------------------------------------------------------------------------- listener

_MOST_EVENT_BYTES: Final = 1 << 20


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a sender may keep its connection for as long as it likes
    request_queue_size = 256
    received: list[tuple[float, Any]]
    clock: Callable[[], float]

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over a sender that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def do_POST(self) -> None:
        """Take one delivery and answer at once."""
        at = self.server.clock()
        data = self._body()
        try:
            self.server.received.append((at, parse(data)))
        except ValueError:
            self.server.received.append((at, {"unreadable": data.decode("utf-8", "replace")}))
        self.send_response_only(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MOST_EVENT_BYTES))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(min(size, _MOST_EVENT_BYTES)))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Say nothing: standard error belongs to the run."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class Listener:
    """
    A small HTTP server in a thread that takes every POST, answers it at once and keeps it with the time of its arrival.

    ``clock`` gives the times. OSError if the address is taken.
    """

    def __init__(self, host: str, port: int, clock: Callable[[], float]) -> None:
        kind = _Server6 if ":" in host else _Server
        self._server = kind((host, port), _Handler)
        self._server.received = self.received = []
        self._server.clock = clock
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="closecheck listener", daemon=True
        )
        self._thread.start()

    received: list[tuple[float, Any]]
    """Every delivery: when, in seconds of the clock, and its JSON."""

    def close(self) -> None:
        """Stop listening; harmless if it is done."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


# -------------------------------------------------------------------------------------------------------------- watching


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
                    if (key := _key(document)) in self.audits:
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
