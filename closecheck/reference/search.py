"""
Search over account activities and events.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from starlette.responses import Response

from closecheck.reference import members, query, query_languages
from closecheck.reference.api import Api
from closecheck.reference.config import ORG_ADMIN
from closecheck.reference.errors import BadContent, cause
from closecheck.reference.query import Selection

if TYPE_CHECKING:
    from closecheck.reference.app import Handler
    from closecheck.reference.model import AccessRequest, Audit
    from closecheck.reference.operation import Call

MAX_SEARCH_PAGE = 10_000


class Search(Api):
    """
    POST /search and POST /search/count, for administrators.
    """

    def routes(self) -> dict[str, dict[str, Handler]]:
        """
        See `Api`.
        """
        return {
            "/search": {"POST": self.known(lambda call: self.search(call), ORG_ADMIN)},
            "/search/count": {"POST": self.known(lambda call: self.search_count(call), ORG_ADMIN)},
        }

    async def search(self, call: Call) -> Response:
        """
        POST /search.
        """
        body = self.body(call)
        limit, offset = self.window(call, MAX_SEARCH_PAGE)
        selections = self._selections(body)
        documents: list[dict[str, object]] = []
        headers: dict[str, str] = {}
        try:
            counts = [self.reference.store.count(table, selection) for table, selection in selections]
            for (table, selection), count in zip(selections, counts, strict=True):
                wanted = limit - len(documents)
                documents += self._found(table, selection, wanted, offset)
                offset = max(0, offset - count)
        except sqlite3.OperationalError:  # more terms than SQLite takes in one statement
            raise BadContent(cause("search")) from None
        if call.query.get("count") == "true":
            headers["X-Total-Count"] = str(sum(counts))
        return self.json(200, documents, headers)

    async def search_count(self, call: Call) -> Response:
        """
        POST /search/count: 204, the number in X-Total-Count.
        """
        total = sum(self.reference.store.count(table, found) for table, found in self._selections(self.body(call)))
        return Response(status_code=204, headers={"X-Total-Count": str(total)})

    def _found(self, table: str, selection: Selection, limit: int, offset: int) -> list[dict[str, object]]:
        if table == "audits":
            return [self.event_document(audit) for audit in self.reference.store.audits(selection, limit, offset)]
        return [self.activity_document(found) for found in self.reference.store.requests(selection, limit, offset)]

    def _selections(self, body: dict[str, object]) -> list[tuple[str, Selection]]:
        """
        What a search asks for: a table and a selection for each index.
        """
        for member in ("filters", "aggregations", "aggregationsDsl", "typeAheadQuery", "textQuery"):
            if body.get(member) is not None:
                raise BadContent(cause("member.unsupported", member=member))
        kind = members.choice(body, "queryType", ("SAILPOINT", "DSL"), "SAILPOINT")
        indices = members.texts(body, "indices") if "indices" in body else ["*"]
        if "*" in indices:
            indices = list(query.INDICES)
        sorters = members.texts(body, "sort") if "sort" in body else []
        selections: list[tuple[str, Selection]] = []
        for index in dict.fromkeys(indices):
            if index in query.EMPTY_INDICES:
                continue
            if index not in query.INDICES:
                known = ", ".join([*query.INDICES, *query.EMPTY_INDICES, "*"])
                raise BadContent(cause("member.choice", member="indices", values=known))
            table, fields = query.INDICES[index]
            if kind == "DSL":
                condition = query_languages.dsl(body.get("queryDsl"), fields)
            else:
                condition = query_languages.search(members.text(members.member_object(body, "query"), "query"), fields)
            if "searchAfter" in body:
                condition = query.both([condition, query.after(sorters, members.texts(body, "searchAfter"), fields)])
            selections.append((table, Selection(condition, query.order(sorters, fields))))
        return selections

    def activity_document(self, request: AccessRequest) -> dict[str, object]:
        """
        One document of the index ``accountactivities``: stage and status are display words.
        """
        return {
            "_type": "accountactivity",
            "_version": "v7",
            "id": request.id,
            "action": "Access Request",
            "created": request.created,
            "modified": request.modified,
            "synced": request.modified,
            "stage": request.stage,
            "status": request.status,
            "trackingNumber": request.id,
            "requester": {"id": request.requester_id, "name": request.requester_name, "type": "IDENTITY"},
            "recipient": {"id": request.recipient_id, "name": request.recipient_name, "type": "IDENTITY"},
            "warnings": list(request.warnings),
            "errors": list(request.errors),
            "approvals": [],
            "originalRequests": [],
            "expansionItems": [],
            "accountRequests": [],
            "sources": "Corporate Active Directory",
        }

    def event_document(self, audit: Audit) -> dict[str, object]:
        """
        One document of the index ``events``.
        """
        return {
            "_type": "event",
            "_version": "v7",
            "id": audit.id,
            "name": audit.name,
            "action": audit.action,
            "type": "PROVISIONING",
            "created": audit.created,
            "synced": audit.created,
            "actor": {"name": audit.actor},
            "target": {"name": "Identity Request Batch Close"},
            "stack": "reference",
            "trackingNumber": audit.tracking_number,
            "attributes": dict(audit.attributes),
            "objects": ["IDENTITY", "REQUESTS"],
            "operation": audit.operation,
            "status": audit.status,
            "technicalName": f"IDENTITY_REQUESTS_{audit.operation}_{audit.status}",
            "pod": "reference",
            "org": "reference",
        }
