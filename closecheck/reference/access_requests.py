"""
Access requests are made, cancelled and looked at.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from closecheck.reference import members, query
from closecheck.reference.api import Api, caller_of
from closecheck.reference.config import ORG_ADMIN
from closecheck.reference.errors import BadContent, Forbidden, NotFound, cause
from closecheck.reference.query import Condition, Selection
from closecheck.reference.store import NewRequest

if TYPE_CHECKING:
    from starlette.responses import Response

    from closecheck.reference.app import Handler
    from closecheck.reference.model import AccessRequest
    from closecheck.reference.operation import Call

ITEM_KINDS = ("ACCESS_PROFILE", "ROLE", "ENTITLEMENT")
REQUEST_KINDS = ("GRANT_ACCESS", "REVOKE_ACCESS", "MODIFY_ACCESS")
STATES = {
    ("Terminated", "CANCELED"): "CANCELLED",
    ("Terminated", ""): "TERMINATED",
    ("Completed", ""): "REQUEST_COMPLETED",
}


class AccessRequests(Api):
    """
    POST /access-requests, POST /access-requests/cancel and GET /access-request-status.
    """

    def routes(self) -> dict[str, dict[str, Handler]]:
        """
        See `Api`.
        """
        return {
            "/access-requests": {"POST": self.known(lambda call: self.create(call))},
            "/access-requests/cancel": {"POST": self.known(lambda call: self.cancel(call))},
            "/access-request-status": {"GET": self.known(lambda call: self.request_status(call))},
        }

    async def create(self, call: Call) -> Response:
        """
        POST /access-requests: one access request for each identity and item; those that are pending already come back.
        """
        body = self.body(call)
        identities = members.texts(body, "requestedFor")
        items = members.objects(body, "requestedItems")
        members.choice(body, "requestType", REQUEST_KINDS, "GRANT_ACCESS")
        for item in items:
            members.choice(item, "type", ITEM_KINDS, None)
            members.text(item, "id")
            members.text(item, "comment", "")
        caller = caller_of(call)
        new: list[dict[str, object]] = []
        existing: list[dict[str, object]] = []
        for identity in identities:
            for item in items:
                found = self.reference.store.find_pending(members.text(item, "id"), identity)
                request = found or self.reference.store.add(
                    NewRequest(
                        kind=members.text(item, "type"),
                        item_id=members.text(item, "id"),
                        item_name=members.text(item, "id"),
                        requester_id=caller.identity_id,
                        requester_name=caller.user_name,
                        recipient_id=identity,
                        recipient_name=identity,
                        comment=members.text(item, "comment", ""),
                    )
                )
                (new if found is None else existing).append(_tracking(request))
        return self.json(202, {"newRequests": new, "existingRequests": existing})

    async def cancel(self, call: Call) -> Response:
        """
        POST /access-requests/cancel: only before the approval is over, by an administrator or the requester.
        """
        body = self.body(call)
        identifier, comment = members.text(body, "accountActivityId"), members.text(body, "comment")
        request = self.reference.store.get(identifier)
        if request is None:
            raise NotFound
        caller = caller_of(call)
        if ORG_ADMIN not in caller.authorities and caller.identity_id != request.requester_id:
            raise Forbidden
        if not self.reference.store.cancel(identifier, comment):
            raise BadContent(cause("state"))
        return self.json(202, {})

    async def request_status(self, call: Call) -> Response:
        """
        GET /access-request-status.
        """
        condition = self.filtered(call, query.STATUS_FILTERS)
        if call.query.get("request-state") == "EXECUTING":
            condition = query.both([condition, Condition("status = 'Pending'")])
        selection = Selection(condition, self.order(call, query.STATUS_FILTERS))
        return self.page(call, selection, self.status_document)

    def status_document(self, request: AccessRequest) -> dict[str, object]:
        """
        One RequestedItemStatus.
        """
        approval = request.approval if request.approval == "CANCELED" else ""
        return {
            "id": request.item_id,
            "name": request.item_name,
            "type": request.kind,
            "state": "EXECUTING" if request.is_pending else STATES.get((request.stage, approval), "TERMINATED"),
            "accessRequestId": request.id,
            "accountActivityItemId": request.id,
            "cancelable": request.is_pending and request.approval == "PENDING",
            "created": request.created,
            "modified": request.modified,
            "errorMessages": [],
            "requester": {"type": "IDENTITY", "id": request.requester_id, "name": request.requester_name},
            "requestedFor": {"type": "IDENTITY", "id": request.recipient_id, "name": request.recipient_name},
        }


def _tracking(request: AccessRequest) -> dict[str, object]:
    return {
        "requestedFor": request.recipient_id,
        "requestedItemsDetails": [{"type": request.kind, "id": request.item_id}],
        "attributesHash": zlib.crc32(f"{request.recipient_id} {request.item_id}".encode()) & 0x7FFFFFFF,
        "accessRequestIds": [request.id],
    }
