"""
The values that travel between the parts: frozen, without behaviour of their own and without I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EXECUTING = "Executing"
"""The stage of an access request that is not over."""
PENDING = "Pending"
"""The status of an access request that is not over."""


@dataclass(frozen=True, slots=True)
class Caller:
    """
    Who asks: what a verified token says.
    """

    identity_id: str
    user_name: str
    authorities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Closing:
    """
    One accepted close request: which ids (1-500, without duplicates) are closed, how, and on whose behalf.
    """

    id: str
    ids: tuple[str, ...]
    message: str
    execution_status: str
    completion_status: str
    requested_by: str = ""


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """
    One access request as it is stored. Times are UTC text (``2026-08-01T12:00:00.000Z``).
    """

    number: int
    id: str
    kind: str
    item_id: str
    item_name: str
    requester_id: str
    requester_name: str
    recipient_id: str
    recipient_name: str
    comment: str
    created: str
    modified: str
    completed: str | None
    approval: str
    """PENDING, FINISHED (past approval) or CANCELED."""
    stage: str
    """Executing, then the execution status asked for."""
    status: str
    """Pending, then the completion status asked for."""
    warnings: tuple[str, ...]
    errors: tuple[str, ...]

    @property
    def is_pending(self) -> bool:
        """
        Whether it can still be closed, before or after its approval.
        """
        return self.status == PENDING


@dataclass(frozen=True, slots=True)
class Audit:
    """
    One audit event.
    """

    number: int
    id: str
    name: str
    action: str
    operation: str
    status: str
    created: str
    actor: str
    tracking_number: str
    attributes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Subscription:
    """
    One HTTP subscription to an event trigger; ``authorization`` is the header value to send, if any.
    """

    id: str
    name: str
    description: str | None
    trigger_id: str
    url: str
    dispatch_mode: str
    authentication_type: str
    authorization: str | None
    enabled: bool
