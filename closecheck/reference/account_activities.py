"""
Account activities, as the list shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from closecheck.reference import query
from closecheck.reference.api import Api
from closecheck.reference.errors import NotFound
from closecheck.reference.query import Selection

if TYPE_CHECKING:
    from starlette.responses import Response

    from closecheck.reference.app import Handler
    from closecheck.reference.model import AccessRequest
    from closecheck.reference.operation import Call


class AccountActivities(Api):
    """
    GET /account-activities and GET /account-activities/{id}.
    """

    def routes(self) -> dict[str, dict[str, Handler]]:
        """
        See `Api`.
        """
        return {
            "/account-activities": {"GET": self.known(lambda call: self.list_activities(call))},
            "/account-activities/{id}": {"GET": self.known(lambda call: self.get_activity(call))},
        }

    async def list_activities(self, call: Call) -> Response:
        """
        GET /account-activities.
        """
        selection = Selection(self.filtered(call, query.LIST_FILTERS), self.order(call, query.LIST_FILTERS))
        return self.page(call, selection, self.activity)

    async def get_activity(self, call: Call) -> Response:
        """
        GET /account-activities/{id}.
        """
        request = self.reference.store.get(call.path_parameters["id"])
        if request is None:
            raise NotFound
        return self.json(200, self.activity(request))

    def activity(self, request: AccessRequest) -> dict[str, object]:
        """
        One AccountActivity: statuses in upper case, the message of a closing among the warnings.
        """
        return {
            "id": request.id,
            "name": request.id,
            "created": request.created,
            "modified": request.modified,
            "completed": request.completed,
            "type": "appRequest",
            "executionStatus": request.stage.upper(),
            "completionStatus": request.status.upper(),
            "requesterIdentitySummary": _summary(request.requester_id, request.requester_name),
            "targetIdentitySummary": _summary(request.recipient_id, request.recipient_name),
            "errors": list(request.errors),
            "warnings": list(request.warnings),
            "items": [
                {
                    "id": request.id,
                    "name": request.item_name,
                    "requested": request.created,
                    "approvalStatus": request.approval,
                    "provisioningStatus": "PENDING" if request.is_pending else "FINISHED",
                    "requesterComment": {"comment": request.comment} if request.comment else None,
                    "operation": "ADD",
                    "sourceId": request.item_id,
                }
            ],
            "clientMetadata": None,
        }


def _summary(identifier: str, name: str) -> dict[str, object]:
    return {"id": identifier, "name": name, "identityId": identifier, "completed": False}
