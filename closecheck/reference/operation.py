"""
``POST /access-requests/close`` is a list of named steps; the first that answers or raises ends it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from closecheck.reference.errors import InternalFault, Throttled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.datastructures import Headers, QueryParams
    from starlette.responses import Response

    from closecheck.reference.app import Reference
    from closecheck.reference.model import Caller, Closing

PROVOKE = "x-provoke"
THROTTLE = "throttle"
FAULT = "500"


@dataclass(slots=True)
class Call:
    """
    One request while it is being served; the steps fill in what they find out.
    """

    method: str
    path: str
    headers: Headers
    query: QueryParams
    path_parameters: dict[str, str]
    peer: str
    """The client's address."""
    body: bytes
    caller: Caller | None = None
    value: object = None
    closing: Closing | None = None

    @property
    def accept_language(self) -> str | None:
        """
        The Accept-Language fields as one (RFC 9110, 5.3).
        """
        return ", ".join(self.headers.getlist("accept-language")) or None

    @property
    def authorization(self) -> list[str]:
        """
        The values of all Authorization fields.
        """
        return self.headers.getlist("authorization")


class CloseOperation:
    """
    The operation. ``steps`` names methods of this object, in the order in which they are called.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.steps = ["limit", "authenticate", "authorize", "provoke", "read", "validate", "accept"]
        """The gateway's limit counts everybody; 401 and 403 come before 400: strangers learn nothing of the body."""

    async def __call__(self, call: Call) -> Response:
        """
        The answer.

        Raises:
            Problem, Unauthenticated, Throttled: the request is refused.
        """
        for name in self.steps:
            step: Callable[[Call], Awaitable[Response | None]] = getattr(self, name)
            answer = await step(call)
            if answer is not None:
                return answer
        raise InternalFault

    async def limit(self, call: Call) -> Response | None:
        """
        429, by the limit or on demand; counted for each access token, or address if there is none.
        """
        if self.provoked(call) == THROTTLE:
            raise Throttled(1)
        self.reference.limiter.admit(",".join(call.authorization) or call.peer)
        return None

    async def authenticate(self, call: Call) -> Response | None:
        """
        401.
        """
        call.caller = self.reference.authenticator.authenticate(call.authorization)
        return None

    async def authorize(self, call: Call) -> Response | None:
        """
        403.
        """
        assert call.caller is not None
        self.reference.authenticator.authorize(call.caller)
        return None

    async def provoke(self, call: Call) -> Response | None:
        """
        500 on demand.
        """
        if self.provoked(call) == FAULT:
            raise InternalFault
        return None

    async def read(self, call: Call) -> Response | None:
        """
        400: no JSON.
        """
        call.value = self.reference.reader.read(call.headers.getlist("content-type"), call.body)
        return None

    async def validate(self, call: Call) -> Response | None:
        """
        400: not what the documentation allows.
        """
        call.closing = self.reference.rules.check(call.value)
        return None

    async def accept(self, call: Call) -> Response | None:
        """
        202.
        """
        assert call.closing is not None
        assert call.caller is not None
        closing = replace(call.closing, requested_by=call.caller.user_name)
        self.reference.closer.accept(closing)
        return self.accepted(closing)

    def accepted(self, closing: Closing) -> Response:
        """
        The 202: a JSON object (page), with the members that the vendor's service is seen to send.
        """
        return self.reference.errors.render(202, {"id": closing.id, "errors": []}, {})

    def provoked(self, call: Call) -> str | None:
        """
        The value of X-Provoke, if the server heeds it.
        """
        return call.headers.get(PROVOKE) if self.reference.config.provocations else None
