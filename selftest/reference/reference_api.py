"""
What the tests of the reference talk through: a client of a running server, a listener for events.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from closecheck.reference import Reference, ReferenceConfig, ReferenceServer

PATIENCE = 10
"""Seconds after which something that should have happened has not."""


@dataclass(frozen=True)
class Reply:
    """
    One answer.
    """

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Api:
    """
    Talks to one server over one kept connection, and can wait until accepted closings have completed.
    """

    def __init__(self, config: ReferenceConfig, modify: Callable[[Reference], None] | None = None) -> None:
        self.completed = 0
        self._change = threading.Condition()
        self.server = ReferenceServer(config, lambda reference: self._modify(reference, modify)).start()
        self.reference = self.server.reference
        self.address = tuple(self.server.root_url.removeprefix("http://").split(":"))
        self.administrator = self.server.token()
        self.connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)

    def _modify(self, reference: Reference, modify: Callable[[Reference], None] | None) -> None:
        complete = reference.closer.complete

        async def counted(closing: Any) -> None:
            await complete(closing)
            with self._change:
                self.completed += 1
                self._change.notify_all()

        reference.closer.complete = counted
        if modify is not None:
            modify(reference)

    def stop(self) -> None:
        self.connection.close()
        self.server.stop()

    def wait_for_completions(self, number: int) -> None:
        with self._change:
            assert self._change.wait_for(lambda: self.completed >= number, PATIENCE)

    def request(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None, *, bare: bool = False) -> Reply:
        """
        ``body`` is sent as JSON unless it is bytes; ``bare`` sends no Authorization and no Content-Type.
        """
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        usual = {} if bare else {"Authorization": f"Bearer {self.administrator}", "Content-Type": "application/json"}
        self.connection.request(method, path, data, {**usual, **(headers or {})})
        answer = self.connection.getresponse()
        return Reply(answer.status, answer.msg, answer.read())

    def close(self, body: object, headers: dict[str, str] | None = None, **options: bool) -> Reply:
        return self.request("POST", "/v2024/access-requests/close", body, headers, **options)

    def closed(self, body: object) -> Reply:
        """
        Closes and waits for the completion.
        """
        before = self.completed
        reply = self.close(body)
        assert reply.status == 202, reply.body
        self.wait_for_completions(before + 1)
        return reply

    def activity(self, identifier: str) -> Any:
        return self.request("GET", f"/v2024/account-activities/{identifier}").json

    def search(self, query: str, index: str = "events", parameters: str = "") -> Reply:
        return self.request("POST", f"/v2024/search{parameters}", {"indices": [index], "query": {"query": query}})

    def raw(self, data: bytes, size: int = 1 << 20) -> bytes:
        """
        What comes back for these bytes until the server closes, or until one receive if it keeps the connection.
        """
        with socket.create_connection((self.address[0], int(self.address[1])), PATIENCE) as connection:
            connection.sendall(data)
            return connection.recv(size)


def ids(number: int, start: int = 0) -> list[str]:
    """
    Ids of the form of the page's example that the server does not know.
    """
    return [f"{start + index:032x}" for index in range(number)]


class Listener:
    """
    Receives events; with ``drops``, every connection is closed after that many.
    """

    def __init__(self, drops: int | None = None) -> None:
        self.events: list[Any] = []
        self.headers: list[Any] = []
        self._change = threading.Condition()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            served = 0

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                self.served += 1
                self.close_connection = self.served == drops
                with listener._change:
                    listener.events.append(json.loads(body))
                    listener.headers.append(self.headers)
                    listener._change.notify_all()

            def log_message(self, *_: object) -> None: ...

        # Five at a time is the default; more than that would wait a second for their SYN to be repeated.
        ThreadingHTTPServer.request_queue_size = 128
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_port}/events"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def wait_for(self, number: int) -> list[Any]:
        with self._change:
            assert self._change.wait_for(lambda: len(self.events) >= number, PATIENCE)
        return self.events

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
