"""
What an accepted request sets in motion: a Started audit at once, later the closing itself, its events and its audit.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from closecheck.reference.model import AccessRequest, Closing
    from closecheck.reference.publishing import Publisher
    from closecheck.reference.store import Store


class Auditor:
    """
    Writes the two audits of a closing (page: name, "Close Identity Requests").
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.started_name = "Close Identity Requests Started"
        self.completed_name = "Close Identity Requests Completed"

    def started(self, closing: Closing) -> None:
        """
        The audit of the initiation.
        """
        self.write(closing, self.started_name, "STARTED", {})

    def completed(self, closing: Closing, closed: list[AccessRequest], failed: list[str]) -> None:
        """
        The audit of the completion: lists the ids that finished in error, and only those, under ``errors``.
        """
        self.write(closing, self.completed_name, "COMPLETED", {"closed": len(closed), "errors": failed})

    def write(self, closing: Closing, name: str, step: str, details: dict[str, object]) -> None:
        """
        One audit; both of a closing share its id as tracking number.
        """
        self.store.add_audit(
            name=name,
            action=f"CLOSE_IDENTITY_REQUESTS_{step}",
            operation="CLOSE",
            status=step,
            actor=closing.requested_by,
            tracking_number=closing.id,
            attributes={**self.attributes(closing), **details},
        )

    def attributes(self, closing: Closing) -> dict[str, object]:
        """
        What was asked for.
        """
        return {
            "accessRequestIds": list(closing.ids),
            "message": closing.message,
            "executionStatus": closing.execution_status,
            "completionStatus": closing.completion_status,
        }


class Closer:
    """
    Takes closings in and carries them out after the answer has been sent.
    """

    def __init__(
        self,
        store: Store,
        auditor: Auditor,
        publisher: Publisher,
        spawn: Callable[[Coroutine[object, object, None]], None],
    ) -> None:
        self.store = store
        self.auditor = auditor
        self.publisher = publisher
        self.spawn = spawn
        self.delay = 0.02
        """Seconds from the acceptance to the closing."""

    def accept(self, closing: Closing) -> None:
        """
        Notes the initiation and starts the job.
        """
        self.auditor.started(closing)
        self.spawn(self.run(closing))

    async def run(self, closing: Closing) -> None:
        """
        The job.
        """
        await asyncio.sleep(self.delay)
        await self.complete(closing)

    async def complete(self, closing: Closing) -> None:
        """
        Closes what is pending, notifies the subscribers, notes the completion.
        """
        closed, failed = self.close(closing)
        self.publish(closing, closed)
        self.auditor.completed(closing, closed, failed)

    def close(self, closing: Closing) -> tuple[list[AccessRequest], list[str]]:
        """
        The change of state: the closed requests, and the ids that finished in error.
        """
        return self.store.close_requests(closing)

    def publish(self, closing: Closing, closed: list[AccessRequest]) -> None:  # noqa: ARG002 - a seam sees both
        """
        One Provisioning Completed event for each closed request (page).
        """
        for request in closed:
            self.publisher.publish(request)
