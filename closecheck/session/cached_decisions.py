"""
An authorizer whose decision is cached by token, and names the path that was asked for first, forbids every other for minutes.

Whatever is sent meanwhile says nothing of the operation. It is found out and blamed once (CAR-OP-INDEPENDENT), and the run goes on
with a new token, which has asked for nothing yet.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Final

from closecheck.contract.cases import Draft
from closecheck.http.connection import Reply
from closecheck.judging.exchange import Exchange
from closecheck.model import Evidence, Finding, Outcome, header
from closecheck.model.errors import Untested
from closecheck.session.client import Client
from closecheck.session.ids import IdPolicy, Source
from closecheck.session.journal import Journal
from closecheck.session.needs import Tokens

FIRST_ERROR_ID: Final = "probe/first-error"
"""The id of the case that is the first error of a run; its body names no ids."""
Send = Callable[[str, Draft, list[str]], Exchange]
"""Sends a draft with its ids under a name; raises Untested where that is in vain."""


class CachedDecisions:
    """
    Notices where the operation is forbidden to its caller since something beside it was read.

    ``answers`` are the numbers of the exchanges of cases, by their ids.
    """

    def __init__(self, client: Client, tokens: Tokens, ids: IdPolicy, journal: Journal, answers: Mapping[str, int | Untested]) -> None:
        self._client = client
        self._tokens = tokens
        self._ids = ids
        self._journal = journal
        self._answers = answers
        self._accepted: Exchange | None = None
        """The first request of the authorized caller that was accepted."""
        self._listing: Exchange | None = None
        """What was read beside the operation, if no request to the operation has been accepted since."""
        self._denied: set[str] = set()
        """Paths beside the operation that are forbidden to a new token too."""
        self._forbidden = ""
        """Why the operation is forbidden to the authorized caller, to whom it was open; empty while it is not."""

    def read_beside(self, path: str, read: Callable[[], Exchange]) -> Exchange:
        """Read something beside the operation; where it is forbidden, once more with a new token, which may have asked for less."""
        exchange = read()
        if exchange.status == 403 and path not in self._denied and self._tokens.refresh():
            exchange = read()
            if exchange.status == 403:
                self._denied.add(path)
        if 200 <= exchange.status < 300:
            self._listing = exchange
        return exchange

    def may_be_one(self, reply: Reply, draft: Draft) -> bool:
        """Tell whether a refusal may be such a decision: that is found out with nothing else in flight."""
        forbidden = reply.response is not None and reply.response.status == 403
        return forbidden and self._listing is not None and not self._forbidden and draft.caller == "authorized"

    def heed(self, exchange: Exchange, send: Send) -> None:
        """
        Look at an exchange of the operation.

        Raises:
            Untested: the operation is forbidden since something beside it was read.

        """
        if exchange.draft.caller != "authorized" or "Authorization" in exchange.draft.headers:
            return
        if exchange.status == 202:
            self._accepted = self._accepted or exchange
            self._listing, self._forbidden = None, ""
        if exchange.status != 403:
            return
        if self._listing is not None and self._accepted is not None and not self._forbidden:
            listing, self._listing = self._listing, None
            self._forbidden = self._found(self._accepted, listing, send)
        if self._forbidden:
            raise Untested(self._forbidden)

    def make_sure(self, send: Send) -> None:
        """
        Ask once more for what was accepted first, if something beside the operation was read since the last acceptance.

        Raises:
            Untested: the operation is forbidden since.

        """
        if self._accepted is not None and (self._listing is not None or self._forbidden):
            send(self._journal.told_apart("independent/after-a-listing"), self._accepted.draft, list(self._accepted.ids))

    def _found(self, accepted: Exchange, listing: Exchange, send: Send) -> str:
        """Return why everything is forbidden since a listing was read, and record that it is; empty if it is not."""
        before = self._before(accepted)
        if before is None:
            return ""
        try:
            now = send(self._journal.told_apart("independent/after-a-listing"), before.draft, list(before.ids))
        except Untested:
            return ""
        if now.status != 403:
            return ""
        what = f"{listing.request.method} {listing.request.target.partition('?')[0]}"
        finding = Finding(
            f"the answer that the same request got before {what} was read under the same token: {before.got()}",
            f"{now.got()}, as to every request since",
            change=f"sent after {what}; so it is where an authorizer's decision is cached by token and names the first path alone",
        )
        self._journal.record(
            Evidence(
                "CAR-OP-INDEPENDENT",
                Outcome.BROKEN,
                now.case,
                "after a listing",
                (before.number, listing.number, now.number),
                finding,
                since="2026.2",
            )
        )
        self._client.given_up.add(header(now.request.headers, "authorization") or "")
        with contextlib.suppress(Untested):
            self._tokens.refresh()
        return f"forbidden since {what} was read under the same token (an authorizer's decision cached by token): judged under CAR-OP-INDEPENDENT"

    def _before(self, accepted: Exchange) -> Exchange | None:
        """
        Return an exchange from before a listing that can be asked for again, if there is one.

        A body without ids is best: ids that are closed may be refused with any status, and what is accepted leaves audits.
        """
        known = self._answers.get(FIRST_ERROR_ID)
        if isinstance(known, int) and self._journal.exchanges[known].status not in {0, 202, 401, 403}:
            return self._journal.exchanges[known]
        return accepted if self._ids.source is Source.UNKNOWN else None
