"""
Serving is done by uvicorn in a thread of its own; starting and stopping take milliseconds, however clients behave.
"""

from __future__ import annotations

import asyncio
import functools
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any, Self, TypeVar

import uvicorn

from closecheck.reference.app import Reference
from closecheck.reference.config import ReferenceConfig
from closecheck.reference.operation import FAULT, PROVOKE, THROTTLE
from closecheck.reference.wire import Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")


class ReferenceServer:
    """
    A running reference: ``with ReferenceServer() as server: … server.base_url``. Several can run at once.
    """

    def __init__(self, config: ReferenceConfig | None = None, modify: Callable[[Reference], None] | None = None) -> None:
        """
        ``modify`` is called once with the fresh `Reference`, before anything is served.
        """
        self.config = config or ReferenceConfig()
        self._modify = modify
        self._ready = threading.Event()
        self._failure: BaseException | None = None

    def start(self) -> Self:
        """
        Opens the socket and serves.

        Raises:
            OSError: the address is taken or not ours.
            ValueError, sqlite3.Error: see `Reference`.
        """
        self._ready.clear()
        self._failure = None
        self.reference = Reference(self.config)
        if self._modify is not None:
            self._modify(self.reference)
        try:
            self._socket = _listen(self.config.host, self.config.port)
        except OSError:
            self.reference.store.close()
            raise
        self._port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name=f"reference:{self._port}", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """
        Drops all connections, ends all jobs, closes the store. A server that has been stopped stays so.
        """
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._server.stopping.set)
        self._thread.join()
        self.reference.store.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def root_url(self) -> str:
        """
        Scheme and authority, where ``/oauth/token`` is.
        """
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        return f"http://{host}:{self._port}"

    @property
    def base_url(self) -> str:
        """
        What ``/access-requests/close`` is appended to.
        """
        return self.root_url + self.config.base_path

    def call(self, function: Callable[[], T]) -> T:
        """
        What ``function`` returns when called in the serving thread: the way to look into the store from outside.
        """

        async def in_the_loop() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(in_the_loop(), self._loop).result()

    def token(self, *, administrator: bool = True, seconds: float | None = None) -> str:
        """
        A token that expires in ``seconds`` (negative: it has expired).
        """
        client = self.config.administrator if administrator else self.config.user
        return self.reference.tokens.issue(client, self.config.token_seconds if seconds is None else seconds)

    def target(self) -> dict[str, Any]:
        """
        The whole target file: with it the suite can judge every requirement.
        """
        ids = self.reference.store.ids
        target: dict[str, Any] = {
            "name": "closecheck reference",
            "base_url": self.base_url,
            "credentials": {
                "authorized": {"token": self.token()},
                "unprivileged": {"token": self.token(administrator=False)},
                "expired": {"token": self.token(seconds=-3600)},
            },
            "access_requests": {
                "pending": self.call(lambda: ids(approval="PENDING", pending=True)),
                "approved": self.call(lambda: ids(approval="FINISHED", pending=True)),
                "completed": self.call(lambda: ids(approval="FINISHED", pending=False)),
                "may_close": True,
            },
            "observe": {
                "account_activities": True,
                "search": True,
                "events": {"subscribe": True},
                "settle": self.config.settle_seconds,
            },
        }
        if self.config.provocations:
            target["provoke"] = {
                "rate_limit": {"headers": {PROVOKE.title(): THROTTLE}},
                "internal_error": {"headers": {PROVOKE.title(): FAULT}},
            }
        return target

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits in start()
            self._failure = error
        finally:
            self._socket.close()
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        config = uvicorn.Config(
            self.reference.app(),
            http=functools.partial(Protocol, self.reference),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=self.config.keep_alive_seconds,
        )
        self._server = _Server(config, self._ready)
        await self._server.serve([self._socket])


class _Server(uvicorn.Server):
    """
    uvicorn's server without its waits: it polls ten times a second and takes 0.1 s and more to stop.
    """

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self.ready = ready
        self.stopping = asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self.ready.set()
        while not self.stopping.is_set():
            try:
                async with asyncio.timeout(1):
                    await self.stopping.wait()
            except TimeoutError:
                await self.on_tick(0)  # renews the Date field

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, Protocol):
                connection.outbox.abort()
        # The runner cancels what still runs; one turn of the loop lets the transports close their sockets.
        await asyncio.sleep(0)


def serve_forever(
    config: ReferenceConfig | None = None,
    modify: Callable[[Reference], None] | None = None,
    ready: Callable[[ReferenceServer], None] | None = None,
) -> None:
    """
    Serves until SIGINT or SIGTERM; ``ready`` is called once requests are served. Main thread only; prints nothing.
    """
    over = threading.Event()
    previous = {number: signal.signal(number, lambda *_: over.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with ReferenceServer(config, modify) as server:
            if ready is not None:
                ready(server)
            over.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    """
    A listening socket. The protocol is named: asyncio sets TCP_NODELAY only on sockets that say they are TCP.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener
