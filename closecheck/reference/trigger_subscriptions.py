"""
Subscriptions to the event trigger Provisioning Completed.
"""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import Response

from closecheck.reference import members
from closecheck.reference.api import MAX_PAGE, Api
from closecheck.reference.config import ORG_ADMIN
from closecheck.reference.errors import BadContent, NotFound, cause
from closecheck.reference.model import Subscription
from closecheck.reference.publishing import PROVISIONING_COMPLETED

if TYPE_CHECKING:
    from closecheck.reference.app import Handler
    from closecheck.reference.operation import Call

MAX_SUBSCRIPTIONS = 50
TRIGGERS = {PROVISIONING_COMPLETED: "Provisioning Completed"}
DISPATCH_MODES = ("SYNC", "ASYNC", "DYNAMIC")


class TriggerSubscriptions(Api):
    """
    GET, POST and DELETE /trigger-subscriptions, for administrators.
    """

    def routes(self) -> dict[str, dict[str, Handler]]:
        """
        See `Api`.
        """
        return {
            "/trigger-subscriptions": {
                "GET": self.known(lambda call: self.list_subscriptions(call), ORG_ADMIN),
                "POST": self.known(lambda call: self.subscribe(call), ORG_ADMIN),
            },
            "/trigger-subscriptions/{id}": {"DELETE": self.known(lambda call: self.unsubscribe(call), ORG_ADMIN)},
        }

    async def subscribe(self, call: Call) -> Response:
        """
        POST /trigger-subscriptions: HTTP only, Provisioning Completed only.
        """
        body = self.body(call)
        name, trigger = members.text(body, "name"), members.choice(body, "triggerId", tuple(TRIGGERS), None)
        members.choice(body, "type", ("HTTP",), None)
        if body.get("filter") is not None:
            raise BadContent(cause("member.unsupported", member="filter"))
        http = members.member_object(body, "httpConfig")
        url = members.text(http, "url")
        if not _is_url(url):
            raise BadContent(cause("member.choice", member="url", values="http://…, https://…"))
        mode = members.choice(http, "httpDispatchMode", DISPATCH_MODES, None)
        kind, authorization = _authentication(http)
        enabled = body.get("enabled", True)
        if not isinstance(enabled, bool):
            raise BadContent(cause("member.boolean", member="enabled"))
        publisher = self.reference.publisher
        if len(publisher.subscriptions) >= MAX_SUBSCRIPTIONS:
            raise BadContent(cause("subscriptions.many", maximum=MAX_SUBSCRIPTIONS))
        description = members.text(body, "description", "") or None
        subscription = Subscription(str(uuid.uuid4()), name, description, trigger, url, mode, kind, authorization, enabled)
        publisher.subscriptions[subscription.id] = subscription
        return self.json(201, self.subscription_document(subscription))

    async def list_subscriptions(self, call: Call) -> Response:
        """
        GET /trigger-subscriptions.
        """
        limit, offset = self.window(call, MAX_PAGE)
        found = list(self.reference.publisher.subscriptions.values())
        headers = {"X-Total-Count": str(len(found))} if call.query.get("count") == "true" else {}
        page = found[offset : offset + limit]
        return self.json(200, [self.subscription_document(item) for item in page], headers)

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
    kind = members.choice(http, "httpAuthenticationType", ("NO_AUTH", "BASIC_AUTH", "BEARER_TOKEN"), "NO_AUTH")
    if kind == "BASIC_AUTH":
        basic = members.member_object(http, "basicAuthConfig")
        credentials = f"{members.text(basic, 'userName')}:{members.text(basic, 'password')}".encode()
        return kind, f"Basic {base64.b64encode(credentials).decode()}"
    if kind == "BEARER_TOKEN":
        token = members.text(members.member_object(http, "bearerTokenAuthConfig"), "bearerToken")
        if not (token.isascii() and token.isprintable()):
            raise BadContent(cause("member.text", member="bearerToken"))
        return kind, f"Bearer {token}"
    return kind, None
