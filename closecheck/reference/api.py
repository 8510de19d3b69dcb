"""
What the APIs beside Close Access Request have in common.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, cast

from closecheck.reference import query, query_languages
from closecheck.reference.errors import BadContent, Forbidden, cause
from closecheck.reference.query import Condition, Selection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response

    from closecheck.reference.app import Handler, Reference
    from closecheck.reference.model import AccessRequest, Caller
    from closecheck.reference.operation import Call

MAX_PAGE = 250
MAX_OFFSET = 1_000_000_000


class Api(abc.ABC):
    """
    The handlers of one API that clients of the operation need as well: as much of it as the vendor documents and clients use.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference

    @abc.abstractmethod
    def routes(self) -> dict[str, dict[str, Handler]]:
        """
        Path (below the base path, but for tokens) -> method -> handler. Handlers are looked up when they are called: a replaced method counts.
        """

    def known(self, handler: Callable[[Call], Awaitable[Response]], authority: str | None = None) -> Handler:
        """
        The handler for callers with a valid token, and with the authority if one is named.
        """

        async def handle(call: Call) -> Response:
            call.caller = self.reference.authenticator.authenticate(call.authorization)
            if authority is not None and authority not in call.caller.authorities:
                raise Forbidden
            return await handler(call)

        return handle

    def json(self, status: int, document: object, headers: dict[str, str] | None = None) -> Response:
        """
        A response with a JSON document.
        """
        return self.reference.errors.render(status, document, headers or {})

    def body(self, call: Call) -> dict[str, object]:
        """
        The JSON object in the body of a call.
        """
        value = self.reference.reader.read(call.headers.getlist("content-type"), call.body)
        if not isinstance(value, dict):
            raise BadContent(cause("body.object"))
        return cast("dict[str, object]", value)

    def window(self, call: Call, maximum: int) -> tuple[int, int]:
        """
        ``limit`` (0-maximum, 250 if left out) and ``offset``.
        """
        numbers: list[int] = []
        for name, default, most in (("limit", MAX_PAGE, maximum), ("offset", 0, MAX_OFFSET)):
            text = call.query.get(name, str(default))
            # The length first: a number of thousands of digits is no number to Python.
            if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_OFFSET)) and int(text) <= most):
                raise BadContent(cause("parameter", name=name))
            numbers.append(int(text))
        return numbers[0], numbers[1]

    def filtered(self, call: Call, fields: query.Fields) -> Condition:
        """
        What ``filters`` and the parameters on identities leave.
        """
        text = call.query.get("filters")
        parts = [query_languages.filters(text, fields)] if text else []
        columns = {
            "requested-for": "recipient_id = ?",
            "requested-by": "requester_id = ?",
            "regarding-identity": "? IN (recipient_id, requester_id)",
        }
        for name, sql in columns.items():
            identity = call.query.get(name)
            if identity is not None:
                parts.append(Condition(sql, (caller_of(call).identity_id if identity == "me" else identity,)))
        return query.both(parts)

    def order(self, call: Call, fields: query.Fields) -> str:
        """
        The ORDER BY clause that ``sorters`` asks for.
        """
        text = call.query.get("sorters")
        return query.order(text.split(",") if text else [], fields)

    def page(self, call: Call, selection: Selection, document: Callable[[AccessRequest], object]) -> Response:
        """
        One page of access requests, each as `document` shows it.
        """
        limit, offset = self.window(call, MAX_PAGE)
        headers: dict[str, str] = {}
        if call.query.get("count") == "true":
            headers["X-Total-Count"] = str(self.reference.store.count("requests", selection))
        found = self.reference.store.requests(selection, limit, offset)
        return self.json(200, [document(request) for request in found], headers)


def caller_of(call: Call) -> Caller:
    """
    Who calls, once the token has been checked.
    """
    assert call.caller is not None
    return call.caller
