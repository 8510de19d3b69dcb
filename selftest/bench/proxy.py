"""
A proxy between a client and a target on loopback that takes down what is sent.

``python -m selftest.bench.proxy --to 127.0.0.1:8080 --seen FILE`` writes, when it is ended, how many requests and how many
different bodies have passed.
"""

from __future__ import annotations

import asyncio
import hashlib
import signal
from pathlib import Path

import click
import httptools
import msgspec


class Seen:
    """What has passed: requests, those with a body, and hashes of the different bodies."""

    def __init__(self) -> None:
        self.requests = 0
        self.bodies = 0
        self._hashes: set[bytes] = set()

    def request(self, body: bytes) -> None:
        """Count one request."""
        self.requests += 1
        if body:
            self.bodies += 1
            self._hashes.add(hashlib.blake2b(body, digest_size=16).digest())

    def told(self) -> dict[str, int]:
        """Return the counts."""
        return {"requests": self.requests, "bodies": self.bodies, "distinct": len(self._hashes)}


class _Reader:
    """The listener of a request parser: tells each whole request to ``seen``."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._body: list[bytes] = []

    def on_message_begin(self) -> None:
        self._body = []

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        self._seen.request(b"".join(self._body))


class Client(asyncio.Protocol):
    """A client's connection, with one of its own to the target."""

    def __init__(self, host: str, port: int, seen: Seen) -> None:
        self._place = (host, port)
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(_Reader(seen))
        self._waiting: list[bytes] = []
        self._target: asyncio.Transport | None = None
        self._over = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the target."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        loop = asyncio.get_running_loop()
        self._connecting = loop.create_task(loop.create_connection(lambda: Target(self), *self._place))
        self._connecting.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Task[tuple[asyncio.Transport, asyncio.Protocol]]) -> None:
        if task.cancelled() or task.exception() is not None:
            self.transport.abort()
            return
        self._target = task.result()[0]
        for data in self._waiting:
            self._target.write(data)
        if self._over:
            self._target.close()

    def data_received(self, data: bytes) -> None:
        """Hand on what the client sends, at once."""
        if self._parser is not None:
            try:
                self._parser.feed_data(data)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                self._parser = None  # broken on purpose: handed on all the same, but no longer counted
        if self._target is None:
            self._waiting.append(data)
        else:
            self._target.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        """End the other side too."""
        self._over = True
        if self._target is not None:
            self._target.close()


class Target(asyncio.Protocol):
    """The connection to the target."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        """Take an answer, or a part of one."""
        self._client.transport.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        """The target has ended the connection."""
        self._client.transport.close()


async def serve(host: str, port: int, seen: Seen) -> None:
    """Serve until SIGTERM; print where."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    server = await loop.create_server(lambda: Client(host, port, seen), "127.0.0.1", 0)
    click.echo(f"serving 127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await over.wait()
    server.close()


@click.command()
@click.option("--to", "place", required=True, metavar="HOST:PORT", help="the target")
@click.option("--seen", "file", type=click.Path(path_type=Path), required=True, help="write the counts here at the end")
def main(place: str, file: Path) -> None:
    """Stand between a client and a target."""
    host, _, port = place.rpartition(":")
    seen = Seen()
    asyncio.run(serve(host, int(port), seen))
    file.write_bytes(msgspec.json.encode(seen.told()))


if __name__ == "__main__":
    main()
