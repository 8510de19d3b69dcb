"""
How the steps are sent: those that close something, alone or at the same time, and those that a conforming target refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec

from closecheck.config.target import ByBurst, ByHeaders, Provoke
from closecheck.contract.cases import Draft, Id, Ids, Json
from closecheck.judging.exchange import Exchange
from closecheck.lifecycle.done import Done
from closecheck.lifecycle.facts import Facts
from closecheck.lifecycle.plan import BY_QUERY, CALLERS, METHODS
from closecheck.model.errors import Untested
from closecheck.session.ids import Source, impossible
from closecheck.session.session import Session


class Sender:
    """
    Sends steps and notes what was answered; ``provoke`` is how the target file has a 429 and a 500 provoked.
    """

    def __init__(self, session: Session, provoke: Provoke, facts: Facts) -> None:
        self._session = session
        self._provoke = provoke
        self._facts = facts

    def attempt(self, done: Done, send: Callable[[Done], None]) -> None:
        """Send a step that has ids, unless it is untested; what cannot be sent is untested from now on."""
        if done.untested is not None or not done.ids:
            return
        try:
            send(done)
        except Untested as untested:
            if self._session.down:
                raise
            done.untested = untested

    def send(self, done: Done) -> None:
        """Send a step."""
        done.exchange = self._post(done.case, _draft(done), done.ids)

    def send_again(self, done: Done, when: str = "again") -> None:
        """Send a step once more, byte for byte; ``when`` ends the name of the exchange."""
        done.again.append(self._post(f"{done.case}-{when}", _draft(done), done.ids))

    def send_parallel(self, group: list[Done]) -> None:
        """Send steps at the same time, as far as the target file allows it."""
        concurrency = self._session.plan.concurrency
        width = max(2, min(concurrency, len(group))) if self._session.plan.burst else concurrency
        ready = [done for done in group if done.untested is None and done.ids]
        if width < 2:
            for done in ready:
                done.untested = Untested("the target file allows one request in flight", "burst: true")
            return
        try:
            exchanges = self._session.send_all([(done.case, _draft(done), done.ids) for done in ready], width)
        except Untested as untested:
            for done in ready:
                done.untested = untested
            return
        for done, exchange in zip(ready, exchanges, strict=True):
            done.exchange = exchange
        self._facts.take_in(exchanges)

    def send_refused(self, done: Done) -> None:
        """
        Send a step that a conforming target refuses.

        Raises:
            Untested: the target file does not say how the refusal is provoked, or lacks the caller.

        """
        refusal = done.step.refusal
        draft, ids = _draft(done), done.ids
        how: dict[str, Any] = {}
        if refusal in METHODS:
            draft = msgspec.structs.replace(draft, method=refusal, provokes="method")
        elif refusal in BY_QUERY:
            said = {"accessRequestIds": ",".join(done.ids), **done.members}
            draft = Draft(body=msgspec.UNSET, method=BY_QUERY[refusal], query=urlencode(said), provokes="method")
        elif refusal in CALLERS:
            draft = msgspec.structs.replace(draft, caller=CALLERS[refusal])
        elif done.step.last:
            how = self._beyond_the_limit()
        elif refusal == "internal fault":
            means = self._provoke.internal_error
            if means is None:
                raise Untested("provoke.internal_error is not set, so no 500 could be caused", "provoke.internal_error: {headers: {…}}")
            how = {"provoke": dict(means.headers), "provoked": "internal_error"}
        else:
            if refusal == "501 ids":
                ids = [*ids, *impossible(self._session.plan.mark, "lifecycle/501", 500)]
            draft = Draft(body={"accessRequestIds": [Id(0)], **done.members, **_spoiled(refusal)})
        done.exchange = self._post(done.case, draft, ids, **how)

    def _beyond_the_limit(self) -> dict[str, Any]:
        """Return how a request is sent that is to be answered 429, after the burst that this may take."""
        match self._provoke.rate_limit:
            case ByHeaders(headers):
                return {"provoke": dict(headers), "provoked": "rate_limit", "patient": False}
            case ByBurst(requests) if self._facts.source is Source.UNKNOWN:
                # Each names another id: a target may answer the same request as before and count it no more.
                ids = impossible(self._session.plan.mark, "lifecycle/burst", requests)
                burst = [(f"lifecycle/burst/{n}", Draft(body={"accessRequestIds": Ids(1)}), [one]) for n, one in enumerate(ids)]
                answers = self._session.send_all(burst, min(requests, 64), patient=False)
                self._facts.take_in(answers)
                return {"patient": False}
            case _:
                raise Untested("provoke.rate_limit is not set, so no 429 could be caused", "provoke.rate_limit: {headers: {…}}")

    def _post(self, name: str, draft: Draft, ids: list[str], **how: Any) -> Exchange:
        exchange: Exchange | None = None
        try:
            # A connection of its own: what is sent anew after a drop may have been served twice, and says nothing of failed ids.
            with self._session.lane() as lane:
                exchange = self._session.send(name, draft, ids, lane=lane, **how)
        finally:
            if exchange is None or exchange.response is None:
                existing = [one for one in ids if one in self._session.ids.existing]
                self._session.note("closing", f"{name} got no answer: these may be closed: {', '.join(existing) or 'none'}")
        self._facts.take_in([exchange])
        return exchange


def _draft(done: Done) -> Draft:
    body = {"accessRequestIds": Ids(len(done.ids)), **done.members}
    return Draft(body=body, chunks=done.step.chunks, provokes="framing" if done.step.chunks else "")


def _spoiled(refusal: str) -> dict[str, Json]:
    """Return the members that make a body invalid."""
    match refusal:
        case "a number after the id":
            return {"accessRequestIds": [Id(0), 7]}
        case "null before the id":
            return {"accessRequestIds": [None, Id(0)]}
        case "an object between two ids":
            return {"accessRequestIds": [Id(0), {}, Id(1)]}
        case "an execution status that does not exist":
            return {"executionStatus": "Stopped"}
        case "a completion status that does not exist":
            return {"completionStatus": "Aborted"}
        case "a message that is a number":
            return {"message": 7}
        case _:
            return {"accessRequestIds": Ids(501)}
