"""
Events are POSTed in the background over a few kept connections for each subscriber; no caller ever waits for them.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from closecheck.reference.model import AccessRequest, Subscription

PROVISIONING_COMPLETED = "idn:post-provisioning"
RESULTS = {"Success": "SUCCESS", "Incomplete": "PENDING", "Failure": "FAILED"}
"""Completion status -> provisioningResult. The documentation does not say which; this is the natural reading."""


class Publisher:
    """
    The subscriptions, and what is sent to them.
    """

    def __init__(self, spawn: Callable[[Coroutine[object, object, None]], None]) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self.spawn = spawn
        self.connections = 8
        """How many connections a subscriber gets at most."""
        self.deadline = 10.0
        """Seconds within which a subscriber must have answered."""
        self._couriers: dict[str, Courier] = {}

    def publish(self, request: AccessRequest) -> None:
        """
        Sends Provisioning Completed for one access request to everybody who subscribed to it.
        """
        for subscription in list(self.subscriptions.values()):
            if subscription.enabled and subscription.trigger_id == PROVISIONING_COMPLETED:
                self.deliver(subscription, self.event(request, subscription))

    def deliver(self, subscription: Subscription, event: dict[str, object]) -> None:
        """
        Queues one event for one subscriber.
        """
        courier = self._couriers.get(subscription.id)
        if courier is None:
            courier = self._couriers[subscription.id] = Courier(subscription, self)
        courier.take(json.dumps(event, ensure_ascii=False).encode())

    def event(self, request: AccessRequest, subscription: Subscription) -> dict[str, object]:
        """
        The payload (vendor: Provisioning Completed).
        """
        return {
            "trackingNumber": request.id,
            "sources": "Corporate Active Directory",
            "action": "Access Request",
            "errors": list(request.errors),
            "warnings": list(request.warnings),
            "recipient": {"type": "IDENTITY", "id": request.recipient_id, "name": request.recipient_name},
            "requester": {"type": "IDENTITY", "id": request.requester_id, "name": request.requester_name},
            "accountRequests": [
                {
                    "source": {"type": "SOURCE", "id": request.item_id, "name": "Corporate Active Directory"},
                    "accountId": request.recipient_name,
                    "accountOperation": "Modify",
                    "provisioningResult": RESULTS.get(request.status, "FAILED"),
                    "provisioningTarget": "Corporate Active Directory",
                    "ticketId": None,
                    "attributeRequests": [{"operation": "Add", "attributeName": "memberOf", "attributeValue": request.item_name}],
                }
            ],
            "_metadata": {"triggerId": subscription.trigger_id, "triggerType": "fireAndForget"},
        }


class Courier:
    """
    Brings events to one subscriber, several at a time; each once, in no promised order.
    """

    IDLE_SECONDS = 2.0

    def __init__(self, subscription: Subscription, publisher: Publisher) -> None:
        self.subscription = subscription
        self.publisher = publisher
        url = urlsplit(subscription.url)
        self._host = url.hostname or ""
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._port = url.port or (443 if self._tls else 80)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = [f"POST {target} HTTP/1.1", f"Host: {url.netloc.rpartition('@')[2]}", "Content-Type: application/json"]
        lines += ["User-Agent: closecheck-reference"]
        if subscription.authorization:
            lines.append(f"Authorization: {subscription.authorization}")
        self._head = "\r\n".join(lines).encode()
        self._events: deque[bytes] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._workers = 0

    def take(self, event: bytes) -> None:
        """
        Queues one event and sees to it that somebody carries it.
        """
        self._events.append(event)
        while self._idle:
            sleeper = self._idle.popleft()
            if not sleeper.done():
                sleeper.set_result(None)
                return
        if self._workers < self.publisher.connections:
            self._workers += 1
            self.publisher.spawn(self._work())

    async def _work(self) -> None:
        """
        Carries events until there have been none for a while.
        """
        connection = Connection(self._host, self._port, self._tls)
        try:
            while self._events or await self._wait():
                if not self._events:
                    continue
                event = self._events.popleft()
                message = b"%b\r\nContent-Length: %d\r\n\r\n%b" % (self._head, len(event), event)
                try:
                    async with asyncio.timeout(self.publisher.deadline):
                        await connection.post(message)
                # The subscriber is gone or answers nonsense: fire and forget.
                except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError):
                    connection.close()
        finally:
            self._workers -= 1
            connection.close()

    async def _wait(self) -> bool:
        sleeper = asyncio.get_running_loop().create_future()
        self._idle.append(sleeper)
        try:
            async with asyncio.timeout(self.IDLE_SECONDS):
                await sleeper
        except TimeoutError:
            if sleeper in self._idle:
                self._idle.remove(sleeper)
            return bool(self._events)
        return True


class Connection:
    """
    One kept HTTP/1.1 connection that understands no more of an answer than where it ends.
    """

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._address = host, port
        self._tls = tls
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, message: bytes) -> None:
        """
        Sends a request and waits for its answer.

        Raises:
            OSError, EOFError, ValueError, asyncio.LimitOverrunError: no connection, or no answer that can be read.
        """
        if self._streams is not None:
            try:
                await self._exchange(message)
            except (ConnectionError, EOFError):
                self.close()  # the subscriber has closed a kept connection: that says nothing about this event
            else:
                return
        await self._open()
        await self._exchange(message)

    def close(self) -> None:
        """
        Closes the connection, if there is one.
        """
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _open(self) -> None:
        self._streams = await asyncio.open_connection(*self._address, ssl=self._tls)

    async def _exchange(self, message: bytes) -> None:
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(message)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status, *lines = head.split(b"\r\n")
        fields = {name: value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if b"content-length" in fields:
            await reader.readexactly(int(fields[b"content-length"]))
        kept = status.startswith(b"http/1.1") and (b"content-length" in fields or status[9:12] == b"204")
        if not kept or fields.get(b"connection") == b"close":
            self.close()
