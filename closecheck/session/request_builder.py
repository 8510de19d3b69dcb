"""A draft and its ids made a request: the only place that knows the fields, the path and the credential that go onto the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from closecheck.contract.cases import Draft, fill
from closecheck.model import Headers, Request
from closecheck.session.learned import Learned
from closecheck.session.needs import Plan, Tokens

USER_AGENT: Final = "closecheck (conformance suite)"


class RequestBuilder:
    """Makes requests for one target."""

    def __init__(self, plan: Plan, tokens: Tokens, learned: Learned) -> None:
        self._tokens = tokens
        self._learned = learned
        self._headers = plan.headers
        url = urlsplit(plan.base_url)
        self._host = url.netloc
        self._base_path = url.path.rstrip("/")
        self._path = plan.path

    def build(self, draft: Draft, ids: list[str], extra: Mapping[str, str] | None = None, path: str | None = None) -> Request:
        """
        Return a draft as a request; ``path`` is another than the operation's, below the base URL.

        Raises:
            Untested: its caller's credential is not supplied.

        """
        body = fill(draft.body, ids)
        fields: dict[str, str | None] = {
            "Host": self._host,
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        if draft.chunks:
            fields["Transfer-Encoding"] = "chunked"
        else:
            fields["Content-Length"] = str(len(body))
        if isinstance(draft.body, msgspec.UnsetType):
            del fields["Content-Type"]
            if draft.method != "POST":
                del fields["Content-Length"]
        fields.update(self._learned.demanded)
        fields.update(self._headers)
        fields.update(extra or {})
        fields["Authorization"] = None if "Authorization" in draft.headers else self._tokens.authorization(draft.caller)
        fields.update(draft.headers)
        headers: Headers = tuple((_written(name, draft.names), value) for name, value in fields.items() if value is not None)
        query = draft.query
        if "{token}" in query:
            query = query.replace("{token}", (self._tokens.authorization("authorized") or "").partition(" ")[2])
        target = self._base_path + (path or self._path) + (f"?{query}" if query else "")
        return Request(draft.method, target, headers, body, draft.chunks, draft.chunking)


def _written(name: str, style: str) -> str:
    match style:
        case "lower":
            return name.lower()
        case "upper":
            return name.upper()
        case _:
            return name
