"""
One `Reference` is one server's mind: every decision hangs on it as an attribute, so that any one can be replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.routing import Route, Router

from closecheck.reference.access_requests import AccessRequests
from closecheck.reference.account_activities import AccountActivities
from closecheck.reference.closing import Auditor, Closer
from closecheck.reference.errors import Errors, MethodNotAllowed, NotFound, TooLarge, cause
from closecheck.reference.limiting import Limiter
from closecheck.reference.localization import Localizer
from closecheck.reference.oauth import OAuth
from closecheck.reference.operation import Call, CloseOperation
from closecheck.reference.publishing import Publisher
from closecheck.reference.reading import Reader
from closecheck.reference.rules import Rules
from closecheck.reference.search import Search
from closecheck.reference.store import Store
from closecheck.reference.tokens import Authenticator, Tokens
from closecheck.reference.trigger_subscriptions import TriggerSubscriptions

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import ASGIApp, Receive, Scope, Send

    from closecheck.reference.config import ReferenceConfig
    from closecheck.reference.wire import Answer

Handler = Callable[[Call], Awaitable[Response]]
"""What answers one call."""
CLOSE_PATH = "/access-requests/close"


class Reference:
    """
    Everything that decides about answers. Change it before it serves (`ReferenceServer(config, modify=…)`).
    """

    def __init__(self, config: ReferenceConfig) -> None:
        """
        Raises:
            ValueError: the rate limit cannot be read.
            sqlite3.Error: the database cannot be opened.
        """
        self.config = config
        self.incidents: list[BaseException] = []
        """What nobody expected: each was answered 500 or ended a job."""
        self.connections = 0
        """How many connections there have been."""
        self._tasks: set[asyncio.Task[None]] = set()

        self.tokens = Tokens()
        self.authenticator = Authenticator(self.tokens)
        self.localizer = Localizer()
        self.errors = Errors(self.localizer)
        self.limiter = Limiter(config.rate_limit)
        self.reader = Reader()
        self.rules = Rules()
        self.store = Store(config.database)
        self.store.seed(pending=config.pending, approved=config.approved, completed=config.completed, seed=config.seed)
        self.auditor = Auditor(self.store)
        self.publisher = Publisher(self.spawn)
        self.closer = Closer(self.store, self.auditor, self.publisher, self.spawn)
        self.closer.delay = config.completion_seconds
        self.operation = CloseOperation(self)
        self.oauth = OAuth(self)
        self.access_requests = AccessRequests(self)
        self.account_activities = AccountActivities(self)
        self.search = Search(self)
        self.trigger_subscriptions = TriggerSubscriptions(self)

        self.routes: dict[str, dict[str, Handler]] = {
            config.base_path + CLOSE_PATH: {"POST": lambda call: self.operation(call)},
            **self.oauth.routes(),
            **{
                config.base_path + path: handlers
                for api in (self.access_requests, self.account_activities, self.search, self.trigger_subscriptions)
                for path, handlers in api.routes().items()
            },
        }
        """Path (Starlette's pattern) -> method -> handler."""
        self.middleware: list[Callable[[ASGIApp], ASGIApp]] = []
        """Wrapped around the application, the last one outermost."""
        self.wire: list[Callable[[Answer], None]] = []
        """Called in order with each answer as bytes, see `wire.Answer`."""

    def app(self) -> ASGIApp:
        """
        The ASGI application as it is configured now.
        """
        routes = [Route(path, Resource(self, handlers)) for path, handlers in self.routes.items()]
        # A redirect is no documented answer.
        app: ASGIApp = Router(routes, redirect_slashes=False, default=self._nothing_here)
        for wrap in self.middleware:
            app = wrap(app)
        return app

    def spawn(self, job: Coroutine[object, object, None]) -> None:
        """
        Runs a job in the background of the serving loop.
        """
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.incidents.append(error)

    async def answer(self, handlers: dict[str, Handler], call: Call) -> Response:
        """
        The answer to a call, whatever happens on the way.
        """
        try:
            handler = handlers.get(call.method)
            if handler is None:
                raise MethodNotAllowed(sorted(handlers))
            return await handler(call)
        except Exception as error:  # noqa: BLE001 - the last resort; it is kept, and the caller gets a 500
            return self.refusal(error, call.accept_language)

    def refusal(self, error: Exception, accept_language: str | None) -> Response:
        """
        The answer to a call that raised.
        """
        answer = self.errors.answer(error, accept_language)
        if not type(error).__module__.startswith(__package__ or ""):
            self.incidents.append(error)
        return answer

    async def _nothing_here(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self.errors.answer(NotFound(), Headers(scope=scope).get("accept-language"))
        await answer(scope, receive, send)


class Resource:
    """
    One path as an ASGI application: reads the whole request, then answers it.
    """

    def __init__(self, reference: Reference, handlers: dict[str, Handler]) -> None:
        self.reference = reference
        self.handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        ASGI.
        """
        headers = Headers(scope=scope)
        try:
            body = await self.body(scope, receive)
        except TooLarge as error:
            answer = self.reference.refusal(error, headers.get("accept-language"))
        else:
            if body is None:
                return
            call = Call(
                method=scope["method"],
                path=scope["path"],
                headers=headers,
                query=QueryParams(scope["query_string"]),
                path_parameters=scope.get("path_params", {}),
                peer=scope["client"][0] if scope.get("client") else "",
                body=body,
            )
            answer = await self.reference.answer(self.handlers, call)
        await answer(scope, receive, send)

    async def body(self, scope: Scope, receive: Receive) -> bytes | None:
        """
        The whole body; None: the client has gone.

        Raises:
            TooLarge: a limit of the configuration is passed.
        """
        config = self.reference.config
        if sum(len(name) + len(value) for name, value in scope["headers"]) > config.max_header_bytes:
            raise TooLarge(431, cause("header.too_large", limit=config.max_header_bytes))
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            size += len(message["body"])
            # What is too large is read on for a while: a client that is cut off while sending never sees the 413.
            if size <= config.max_body_bytes:
                chunks.append(message["body"])
            if not message["more_body"] or size > 8 * config.max_body_bytes:
                break
        if size > config.max_body_bytes:
            raise TooLarge(413, cause("body.too_large", limit=config.max_body_bytes))
        return b"".join(chunks)
