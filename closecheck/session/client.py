"""
One request until it has an answer that counts: retries, waits for a 429, refusals under load, renewed tokens.

What was sent on the way is handed back as a :class:`Conversation`; nothing is recorded or judged here.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Final

import msgspec

from closecheck.contract.cases import Draft
from closecheck.http.connection import Reply
from closecheck.http.pace import Gate
from closecheck.http.transport import Lane, Transport
from closecheck.model import Failure, FailureKind, Request, Response, header
from closecheck.model.errors import Untested
from closecheck.session.budget import Budget
from closecheck.session.conversation import Conversation
from closecheck.session.learned import Learned
from closecheck.session.load import GATEWAY, Load
from closecheck.session.needs import Tokens
from closecheck.session.patience import Patience
from closecheck.session.refusals import Refusals

_ENDS_CONNECTIONS: Final = frozenset({"framing", "size", "method"})
"""What a request provokes that may end its connection: it has one of its own."""
_RECONNECT: Final = (0.1, 0.4, 1.0)
"""Pauses between attempts to reach a target that was there before, seconds."""
_MOST_UNJUDGED: Final = 3
"""So often a request is sent again because its connection turned out to be at its end."""
ENOUGH_UNCONFIRMED: Final = 3
"""So many different requests without an answer confirm one another."""


@dataclasses.dataclass
class _Progress:
    """How far a request has come, and how it is sent next."""

    conversation: Conversation
    draft: Draft
    lane: Lane | None
    is_patient: bool
    is_hurried: bool
    is_sent: bool
    fresh: bool
    """On a connection of its own."""
    alone: bool = False
    """With nothing else in flight: we may have been the ones who were too many."""
    failures: int = 0
    was_cut: bool = False
    has_current_token: bool = False
    has_fresh_token: bool = False


class Client:
    """Sends a request, with retries and pace, until it has an answer that counts."""

    def __init__(
        self,
        transport: Transport,
        tokens: Tokens,
        gate: Gate,
        patience: Patience,
        load: Load,
        budget: Budget,
        learned: Learned,
        refusals: Refusals,
    ) -> None:
        self._transport = transport
        self._tokens = tokens
        self._gate = gate
        self._patience = patience
        self._load = load
        self._budget = budget
        self._learned = learned
        self._refusals = refusals
        self.down = ""
        """Why the target cannot be reached any more; empty while it can."""
        self.given_up: set[str] = set()
        """Values of Authorization that were forbidden the operation after something else was read under them."""
        self._hung = 0

    def converse(
        self,
        request: Request,
        draft: Draft,
        lane: Lane | None,
        *,
        patient: bool = True,
        hurried: bool = False,
        first: tuple[Reply, int] | None = None,
    ) -> Conversation:
        """
        Send a request until it has an answer that counts.

        ``first`` is what it got when it was sent before, and how often the gate had opened by then. ``hurried``: it is sent once
        whatever the pace.

        Raises:
            Untested: the target cannot be reached any more, the budget is spent, or patience is over.

        """
        at = _Progress(Conversation(request), draft, lane, patient, hurried, is_sent=first is not None, fresh=needs_own_connection(draft))
        reply, opening = first or self._sent(at)
        while not self._is_over(at, reply, opening):
            reply, opening = self._sent(at)
        return at.conversation

    def suspects(self, response: Response) -> bool:
        """Tell whether an answer may come from load and not from the operation, which is known by then."""
        return bool(self._learned.looks) and self._load.suspects(response)

    def _sent(self, at: _Progress) -> tuple[Reply, int]:
        """Send a request once; return the reply, and how often the gate had opened when it was sent."""
        self._budget.spend(again=at.is_sent)
        self.check()
        hurried = at.is_hurried and not at.is_sent
        with self._gate.alone() if at.alone else contextlib.nullcontext(), self._gate.flight(hurried=hurried):
            self._patience.check()
            opening = self._gate.openings
            request = at.conversation.request
            fresh = at.fresh or at.failures > 0
            reply = at.lane.send(request) if at.lane is not None else self._transport.send(request, fresh=fresh)
            self._patience.notice(reply.response)
        at.is_sent, at.alone = True, False
        return reply, opening

    def check(self) -> None:
        """
        Let a request be sent, if the target can be reached.

        Raises:
            Untested: it cannot any more.

        """
        if self.down:
            raise Untested(f"the target could not be reached any more: {self.down}")

    def _is_over(self, at: _Progress, reply: Reply, opening: int) -> bool:
        """Add a reply to a conversation and tell whether it ends with it; if not, the request is sent again."""
        conversation = at.conversation
        if reply.idled and conversation.unjudged <= _MOST_UNJUDGED:
            conversation.add(reply, judged=False)
            at.fresh = True
            return False
        if reply.failure is not None:
            return self._is_over_after_failure(at, reply, reply.failure)
        if reply.response is None:  # a reply has a response or a failure
            raise AssertionError(reply)
        conversation.add(reply, judged=True)
        return self._is_over_after_answer(at, reply.response, opening)

    def _is_over_after_answer(self, at: _Progress, response: Response, opening: int) -> bool:
        conversation = at.conversation
        if response.status == 429 and at.is_patient:
            return self._gate.openings == opening and self._is_waited_out(at, response, opening)
        if self._has_another_token(at, response):
            conversation.judge_last(False)
            return False
        if at.is_patient and self.suspects(response) and not conversation.settled:
            if self._load.wants_to_know(response):
                conversation.judge_last(response.status in GATEWAY)
                if not self._refusals.slow_down(conversation, response, opening):
                    return False
            last = conversation.last.response
            conversation.overloaded = last is not None and last.status in GATEWAY
        conversation.unconfirmed = at.failures > 0
        return True

    def _is_waited_out(self, at: _Progress, refusal: Response, opening: int) -> bool:
        self._refusals.wait_out(at.conversation, at.lane, refusal, opening=opening)
        last = at.conversation.last.response
        return at.conversation.starved or (last is not None and last.status != 429)

    def _has_another_token(self, at: _Progress, response: Response) -> bool:
        """Give a request that was refused for its token another one, if there is one; tell whether it has."""
        request, draft = at.conversation.request, at.draft
        is_working = draft.caller == "authorized" and "Authorization" not in draft.headers
        if response.status == 401 and is_working and not at.has_fresh_token:
            # Another may have fetched a new token while this was on its way: that one will do, once.
            is_overtaken = not at.has_current_token and self._reauthorized(request) != request
            at.has_current_token, at.has_fresh_token = True, not is_overtaken
            found = is_overtaken or self._tokens.refresh()
        else:
            found = response.status == 403 and not at.has_current_token and self._is_given_up(request)
            at.has_current_token = at.has_current_token or found
        if found:
            at.conversation.request = self._reauthorized(request)
        return found

    def _is_given_up(self, request: Request) -> bool:
        """Tell whether a request went out under a token that has been given up for another, because a decision on it was cached."""
        value = header(request.headers, "authorization")
        return value in self.given_up and value != self._tokens.authorization("authorized")

    def _reauthorized(self, request: Request) -> Request:
        value = self._tokens.authorization("authorized") or ""
        headers = tuple((name, value if name.lower() == "authorization" else old) for name, old in request.headers)
        return msgspec.structs.replace(request, headers=headers)

    def _is_over_after_failure(self, at: _Progress, reply: Reply, failure: Failure) -> bool:
        conversation = at.conversation
        if failure.kind.received:
            conversation.add(reply, judged=True)  # what was received is evidence, on a reused connection too
            if failure.kind is not FailureKind.CUT or at.was_cut:
                return True
            at.was_cut = at.fresh = True  # the other requirements are judged by a whole answer, if there is one
            return False
        if reply.reused and failure.kind is FailureKind.DROPPED:
            conversation.add(reply, judged=False)
            at.fresh = at.fresh or at.lane is None
            return conversation.unjudged > _MOST_UNJUDGED
        at.failures += 1
        if failure.kind is FailureKind.UNREACHABLE:
            conversation.add(reply, judged=False)
            if at.failures > len(_RECONNECT):
                self.down = failure.detail
                return True
            self._gate.pause(_RECONNECT[at.failures - 1], f"the target cannot be reached ({failure.detail})")
            return False
        # Three confirmed ones show that the target does this: a fourth need not be waited for twice.
        is_confirmed = at.failures > 1 or self._hung >= ENOUGH_UNCONFIRMED
        self._hung += is_confirmed
        conversation.add(reply, judged=is_confirmed)
        at.alone = at.lane is None
        return is_confirmed


def needs_own_connection(draft: Draft) -> bool:
    """
    Tell whether a request is sent on a fresh connection, which is closed after it, unless a sequence says otherwise.

    It may end the connection, or its caller is another than the authorized one: what the server remembers of the connection must
    neither help him nor, afterwards, harm the next (docs/evidence.md, 16).
    """
    return draft.provokes in _ENDS_CONNECTIONS or draft.caller != "authorized"
