"""
The APIs that a client of Close Access Request needs beside it: as much of each as the vendor documents and clients use.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import sqlite3
import uuid
import zlib
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, urlsplit

from starlette.responses import Response

from closecheck.reference import query
from closecheck.reference.config import ORG_ADMIN
from closecheck.reference.errors import BadContent, Forbidden, NotFound, Problem, cause
from closecheck.reference.model import Caller, Subscription
from closecheck.reference.publishing import PROVISIONING_COMPLETED
from closecheck.reference.query import Condition, Selection
from closecheck.reference.rules import is_text
from closecheck.reference.store import NewRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from closecheck.reference.app import Handler, Reference
    from closecheck.reference.model import AccessRequest, Audit
    from closecheck.reference.operation import Call

MAX_PAGE = 250
MAX_SEARCH_PAGE = 10_000
MAX_OFFSET = 1_000_000_000
MAX_SUBSCRIPTIONS = 50
TRIGGERS = {PROVISIONING_COMPLETED: "Provisioning Completed"}
DISPATCH_MODES = ("SYNC", "ASYNC", "DYNAMIC")
ITEM_KINDS = ("ACCESS_PROFILE", "ROLE", "ENTITLEMENT")
REQUEST_KINDS = ("GRANT_ACCESS", "REVOKE_ACCESS", "MODIFY_ACCESS")
STATES = {
    ("Terminated", "CANCELED"): "CANCELLED",
    ("Terminated", ""): "TERMINATED",
    ("Completed", ""): "REQUEST_COMPLETED",
}


class Neighbours:
    """
    The handlers. Each demands a valid token, but for ``/oauth/token``.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference

    def routes(self) -> dict[str, dict[str, Handler]]:
        """
        Path -> method -> handler. Handlers are looked up when they are called: a replaced method counts.
        """
        base = self.reference.config.base_path
        return {
            "/oauth/token": {"POST": lambda call: self.oauth_token(call)},
            f"{base}/access-requests": {"POST": self._known(lambda call: self.create(call))},
            f"{base}/access-requests/cancel": {"POST": self._known(lambda call: self.cancel(call))},
            f"{base}/access-request-status": {"GET": self._known(lambda call: self.request_status(call))},
            f"{base}/account-activities": {"GET": self._known(lambda call: self.list_activities(call))},
            f"{base}/account-activities/{{id}}": {"GET": self._known(lambda call: self.get_activity(call))},
            f"{base}/search": {"POST": self._known(lambda call: self.search(call), ORG_ADMIN)},
            f"{base}/search/count": {"POST": self._known(lambda call: self.search_count(call), ORG_ADMIN)},
            f"{base}/trigger-subscriptions": {
                "GET": self._known(lambda call: self.list_subscriptions(call), ORG_ADMIN),
                "POST": self._known(lambda call: self.subscribe(call), ORG_ADMIN),
            },
            f"{base}/trigger-subscriptions/{{id}}": {
                "DELETE": self._known(lambda call: self.unsubscribe(call), ORG_ADMIN),
            },
        }

    def _known(self, handler: Callable[[Call], Awaitable[Response]], authority: str | None = None) -> Handler:
        """
        The handler for callers with a valid token, and with the authority if one is named.
        """

        async def handle(call: Call) -> Response:
            call.caller = self.reference.authenticator.authenticate(call.authorization)
            if authority is not None and authority not in call.caller.authorities:
                raise Forbidden
            return await handler(call)

        return handle

    # -------------------------------------------------------------------------------------------- tokens

    async def oauth_token(self, call: Call) -> Response:
        """
        Client credentials for a token; the parameters in a form or in the query, or Basic (RFC 6749, 2.3).
        """
        sent = dict(call.query)
        sent.update(parse_qsl(call.body.decode("utf-8", "replace")))
        identifier, secret = self._basic(call) or (sent.get("client_id", ""), sent.get("client_secret", ""))
        if sent.get("grant_type") != "client_credentials":
            return self._oauth_error(400, "unsupported_grant_type")
        config = self.reference.config
        for client in (config.administrator, config.user):
            if identifier == client.client_id and hmac.compare_digest(secret.encode(), client.client_secret.encode()):
                break
        else:
            return self._oauth_error(401, "invalid_client")
        document = {
            "access_token": self.reference.tokens.issue(client, config.oauth_seconds),
            "token_type": "bearer",
            "expires_in": int(config.oauth_seconds),
            "scope": "sp:scopes:default",
            "tenant_id": "9f1c5a0e-reference",
            "pod": "reference",
            "org": "reference",
            "strong_auth": True,
            "jti": secrets.token_hex(16),
        }
        return self.reference.errors.render(200, document, {"Cache-Control": "no-store"})

    def _basic(self, call: Call) -> tuple[str, str] | None:
        scheme, _, credentials = (call.authorization or [""])[0].partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            identifier, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return identifier, secret

    def _oauth_error(self, status: int, error: str) -> Response:
        headers = {"WWW-Authenticate": 'Basic realm="identity"'} if status == 401 else {}
        return self.reference.errors.render(status, {"error": error, "error_description": error.replace("_", " ")}, headers)

    # -------------------------------------------------------------------------------------------- requests

    async def create(self, call: Call) -> Response:
        """
        POST /access-requests: one access request for each identity and item; those that are pending already come back.
        """
        body = self._object(call)
        identities = _texts(body, "requestedFor")
        items = _objects(body, "requestedItems")
        _choice(body, "requestType", REQUEST_KINDS, "GRANT_ACCESS")
        for item in items:
            _choice(item, "type", ITEM_KINDS, None)
            _text(item, "id")
            _text(item, "comment", "")
        caller = _caller(call)
        new: list[dict[str, object]] = []
        existing: list[dict[str, object]] = []
        for identity in identities:
            for item in items:
                found = self.reference.store.find_pending(_text(item, "id"), identity)
                request = found or self.reference.store.add(
                    NewRequest(
                        kind=_text(item, "type"),
                        item_id=_text(item, "id"),
                        item_name=_text(item, "id"),
                        requester_id=caller.identity_id,
                        requester_name=caller.user_name,
                        recipient_id=identity,
                        recipient_name=identity,
                        comment=_text(item, "comment", ""),
                    )
                )
                (new if found is None else existing).append(_tracking(request))
        return self._json(202, {"newRequests": new, "existingRequests": existing})

    async def cancel(self, call: Call) -> Response:
        """
        POST /access-requests/cancel: only before the approval is over, by an administrator or the requester.
        """
        body = self._object(call)
        identifier, comment = _text(body, "accountActivityId"), _text(body, "comment")
        request = self.reference.store.get(identifier)
        if request is None:
            raise NotFound
        caller = _caller(call)
        if ORG_ADMIN not in caller.authorities and caller.identity_id != request.requester_id:
            raise Forbidden
        if not self.reference.store.cancel(identifier, comment):
            raise BadContent(cause("state"))
        return self._json(202, {})

    async def request_status(self, call: Call) -> Response:
        """
        GET /access-request-status.
        """
        condition = self._filtered(call, query.STATUS_FILTERS)
        if call.query.get("request-state") == "EXECUTING":
            condition = query.both([condition, Condition("status = 'Pending'")])
        selection = Selection(condition, self._order(call, query.STATUS_FILTERS))
        return self._page(call, selection, self.status_document)

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

    # -------------------------------------------------------------------------------------------- activities

    async def list_activities(self, call: Call) -> Response:
        """
        GET /account-activities.
        """
        selection = Selection(self._filtered(call, query.LIST_FILTERS), self._order(call, query.LIST_FILTERS))
        return self._page(call, selection, self.activity)

    async def get_activity(self, call: Call) -> Response:
        """
        GET /account-activities/{id}.
        """
        request = self.reference.store.get(call.path_parameters["id"])
        if request is None:
            raise NotFound
        return self._json(200, self.activity(request))

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

    # -------------------------------------------------------------------------------------------- search

    async def search(self, call: Call) -> Response:
        """
        POST /search.
        """
        body = self._object(call)
        limit, offset = self._window(call, MAX_SEARCH_PAGE)
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
        return self._json(200, documents, headers)

    async def search_count(self, call: Call) -> Response:
        """
        POST /search/count: 204, the number in X-Total-Count.
        """
        total = sum(self.reference.store.count(table, found) for table, found in self._selections(self._object(call)))
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
        kind = _choice(body, "queryType", ("SAILPOINT", "DSL"), "SAILPOINT")
        indices = _texts(body, "indices") if "indices" in body else ["*"]
        if "*" in indices:
            indices = list(query.INDICES)
        sorters = _texts(body, "sort") if "sort" in body else []
        selections: list[tuple[str, Selection]] = []
        for index in dict.fromkeys(indices):
            if index in query.EMPTY_INDICES:
                continue
            if index not in query.INDICES:
                known = ", ".join([*query.INDICES, *query.EMPTY_INDICES, "*"])
                raise BadContent(cause("member.choice", member="indices", values=known))
            table, fields = query.INDICES[index]
            if kind == "DSL":
                condition = query.dsl(body.get("queryDsl"), fields)
            else:
                condition = query.search(_text(_member(body, "query"), "query"), fields)
            if "searchAfter" in body:
                condition = query.both([condition, query.after(sorters, _texts(body, "searchAfter"), fields)])
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

    # -------------------------------------------------------------------------------------------- subscriptions

    async def subscribe(self, call: Call) -> Response:
        """
        POST /trigger-subscriptions: HTTP only, Provisioning Completed only.
        """
        body = self._object(call)
        name, trigger = _text(body, "name"), _choice(body, "triggerId", tuple(TRIGGERS), None)
        _choice(body, "type", ("HTTP",), None)
        if body.get("filter") is not None:
            raise BadContent(cause("member.unsupported", member="filter"))
        http = _member(body, "httpConfig")
        url = _text(http, "url")
        if not _is_url(url):
            raise BadContent(cause("member.choice", member="url", values="http://…, https://…"))
        mode = _choice(http, "httpDispatchMode", DISPATCH_MODES, None)
        kind, authorization = _authentication(http)
        enabled = body.get("enabled", True)
        if not isinstance(enabled, bool):
            raise BadContent(cause("member.boolean", member="enabled"))
        publisher = self.reference.publisher
        if len(publisher.subscriptions) >= MAX_SUBSCRIPTIONS:
            raise BadContent(cause("subscriptions.many", maximum=MAX_SUBSCRIPTIONS))
        description = _text(body, "description", "") or None
        subscription = Subscription(str(uuid.uuid4()), name, description, trigger, url, mode, kind, authorization, enabled)
        publisher.subscriptions[subscription.id] = subscription
        return self._json(201, self.subscription_document(subscription))

    async def list_subscriptions(self, call: Call) -> Response:
        """
        GET /trigger-subscriptions.
        """
        limit, offset = self._window(call, MAX_PAGE)
        found = list(self.reference.publisher.subscriptions.values())
        headers = {"X-Total-Count": str(len(found))} if call.query.get("count") == "true" else {}
        page = found[offset : offset + limit]
        return self._json(200, [self.subscription_document(item) for item in page], headers)

    async def unsubscribe(self, call: Call) -> Response:
        """
        DELETE /trigger-subscriptions/{id}.
        """
        if self.reference.publisher.subscriptions.pop(call.path_parameters["id"], None) is None:
            raise NotFound
        return Response(status_code=204)

    def subscription_document(self, subscription: Subscription) -> dict[str, object]:
        """
        One Subscription; secrets come back as null.
        """
        return {
            "id": subscription.id,
            "name": subscription.name,
            "description": subscription.description,
            "triggerId": subscription.trigger_id,
            "triggerName": TRIGGERS[subscription.trigger_id],
            "type": "HTTP",
            "enabled": subscription.enabled,
            "filter": None,
            "responseDeadline": "PT1H",
            "httpConfig": {
                "url": subscription.url,
                "httpDispatchMode": subscription.dispatch_mode,
                "httpAuthenticationType": subscription.authentication_type,
                "basicAuthConfig": None,
                "bearerTokenAuthConfig": None,
            },
        }

    # -------------------------------------------------------------------------------------------- common

    def _json(self, status: int, document: object, headers: dict[str, str] | None = None) -> Response:
        return self.reference.errors.render(status, document, headers or {})

    def _object(self, call: Call) -> dict[str, object]:
        value = self.reference.reader.read(call.headers.getlist("content-type"), call.body)
        if not isinstance(value, dict):
            raise BadContent(cause("body.object"))
        return cast("dict[str, object]", value)

    def _window(self, call: Call, maximum: int) -> tuple[int, int]:
        """
        ``limit`` (0-maximum, 250 if left out) and ``offset``.
        """
        numbers: list[int] = []
        for name, default, most in (("limit", MAX_PAGE, maximum), ("offset", 0, MAX_OFFSET)):
            text = call.query.get(name, str(default))
            # The length first: a number of thousands of digits is no number to Python.
            if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_OFFSET)) and int(text) <= most):
                raise _bad_parameter(name)
            numbers.append(int(text))
        return numbers[0], numbers[1]

    def _filtered(self, call: Call, fields: query.Fields) -> Condition:
        """
        What ``filters`` and the parameters on identities leave.
        """
        text = call.query.get("filters")
        parts = [query.filters(text, fields)] if text else []
        columns = {
            "requested-for": "recipient_id = ?",
            "requested-by": "requester_id = ?",
            "regarding-identity": "? IN (recipient_id, requester_id)",
        }
        for name, sql in columns.items():
            identity = call.query.get(name)
            if identity is not None:
                parts.append(Condition(sql, (_caller(call).identity_id if identity == "me" else identity,)))
        return query.both(parts)

    def _order(self, call: Call, fields: query.Fields) -> str:
        text = call.query.get("sorters")
        return query.order(text.split(",") if text else [], fields)

    def _page(self, call: Call, selection: Selection, document: Callable[[AccessRequest], object]) -> Response:
        limit, offset = self._window(call, MAX_PAGE)
        headers: dict[str, str] = {}
        if call.query.get("count") == "true":
            headers["X-Total-Count"] = str(self.reference.store.count("requests", selection))
        found = self.reference.store.requests(selection, limit, offset)
        return self._json(200, [document(request) for request in found], headers)


def _caller(call: Call) -> Caller:
    assert call.caller is not None
    return call.caller


def _bad_parameter(name: str) -> Problem:
    return BadContent(cause("parameter", name=name))


def _tracking(request: AccessRequest) -> dict[str, object]:
    return {
        "requestedFor": request.recipient_id,
        "requestedItemsDetails": [{"type": request.kind, "id": request.item_id}],
        "attributesHash": zlib.crc32(f"{request.recipient_id} {request.item_id}".encode()) & 0x7FFFFFFF,
        "accessRequestIds": [request.id],
    }


def _summary(identifier: str, name: str) -> dict[str, object]:
    return {"id": identifier, "name": name, "identityId": identifier, "completed": False}


def _member(body: dict[str, object], member: str) -> dict[str, object]:
    value = body.get(member)
    if not isinstance(value, dict):
        raise BadContent(cause("member.missing" if value is None else "member.object", member=member))
    return cast("dict[str, object]", value)


def _text(body: dict[str, object], member: str, default: str | None = None) -> str:
    value = body.get(member, default)
    if value is None and member not in body:
        raise BadContent(cause("member.missing", member=member))
    if not isinstance(value, str):
        raise BadContent(cause("member.text", member=member))
    if not is_text(value):
        raise BadContent(cause("member.unicode", member=member))
    return value


def _texts(body: dict[str, object], member: str) -> list[str]:
    """
    A list of at least one string.
    """
    values = body.get(member)
    if not isinstance(values, list):
        raise BadContent(cause("member.missing" if values is None else "member.list", member=member))
    if not values:
        raise BadContent(cause("member.few", member=member, count=0, minimum=1))
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise BadContent(cause("item.text", member=member, index=index))
        if not is_text(value):
            raise BadContent(cause("item.unicode", member=member, index=index))
    return values


def _objects(body: dict[str, object], member: str) -> list[dict[str, object]]:
    """
    A list of at least one object.
    """
    values = body.get(member)
    if not isinstance(values, list):
        raise BadContent(cause("member.missing" if values is None else "member.list", member=member))
    if not values:
        raise BadContent(cause("member.few", member=member, count=0, minimum=1))
    if not all(isinstance(value, dict) for value in values):
        raise BadContent(cause("member.object", member=member))
    return values


def _choice(body: dict[str, object], member: str, values: tuple[str, ...], default: str | None) -> str:
    value = _text(body, member, default)
    if value not in values:
        raise BadContent(cause("member.choice", member=member, values=", ".join(values)))
    return value


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isascii() and url.isprintable() and " " not in url


def _authentication(http: dict[str, object]) -> tuple[str, str | None]:
    """
    How the subscriber wants to be greeted: the kind, and the Authorization value.
    """
    kind = _choice(http, "httpAuthenticationType", ("NO_AUTH", "BASIC_AUTH", "BEARER_TOKEN"), "NO_AUTH")
    if kind == "BASIC_AUTH":
        basic = _member(http, "basicAuthConfig")
        credentials = f"{_text(basic, 'userName')}:{_text(basic, 'password')}".encode()
        return kind, f"Basic {base64.b64encode(credentials).decode()}"
    if kind == "BEARER_TOKEN":
        token = _text(_member(http, "bearerTokenAuthConfig"), "bearerToken")
        if not (token.isascii() and token.isprintable()):
            raise BadContent(cause("member.text", member="bearerToken"))
        return kind, f"Bearer {token}"
    return kind, None
