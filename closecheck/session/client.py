"""
One request until it has an answer that counts: retries, waits for a 429, refusals under load, renewed tokens.

What was sent on the way is handed back as a :class:`Conversation`; nothing is recorded or judged here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable
from typing import Final

import msgspec

from closecheck.contract.cases import Draft
from closecheck.http.connection import Reply
from closecheck.http.pace import Gate
from closecheck.http.transport import Lane, Transport
from closecheck.judging import blame
from closecheck.judging.checks.rate_limit import wait_asked
from closecheck.model import FailureKind, Finding, Outcome, Request, Response, header
from closecheck.model.errors import Untested
from closecheck.session.load import GATEWAY, Load, pauses
from closecheck.session.needs import Plan, Tokens
from closecheck.session.patience import Patience

SLOWER: Final = "rate: as the note on the pace at the end of the report says"
"""The line of a target file that keeps a run below what the target lets through; which that is, is known at the end of a run."""
TOO_FAST: Final = "sent faster than the target lets through (the pace that this run found is named at the end of the report)"
_ENDS_CONNECTIONS: Final = frozenset({"framing", "size", "method"})
"""What a request provokes that may end its connection: it has one of its own."""
_RECONNECT: Final = (0.1, 0.4, 1.0)
"""Pauses between attempts to reach a target that was there before, seconds."""
_MOST_UNJUDGED: Final = 3
"""So often a request is sent again because its connection turned out to be at its end."""
ENOUGH_UNCONFIRMED: Final = 3
"""So many different requests without an answer confirm one another."""


@dataclasses.dataclass
class Said:
    """Evidence from a conversation, by the attempts it rests on; recorded once these have numbers."""

    requirement: str
    outcome: Outcome
    attempts: tuple[int, ...]
    finding: Finding | None = None
    reason: str = ""
    earlier: tuple[int, ...] = ()
    """Numbers of exchanges before the conversation."""


@dataclasses.dataclass
class Conversation:
    """One request sent until it had an answer that counts."""

    request: Request
    attempts: list[tuple[Reply, bool]] = dataclasses.field(default_factory=list)
    """Each reply, and whether the clauses judge it: a drop on a reused connection is no finding."""
    said: list[Said] = dataclasses.field(default_factory=list)
    waits: list[tuple[bool, tuple[int, ...]]] = dataclasses.field(default_factory=list)
    """Of each wait for a 429: whether the first request after it was served, and the attempts before and after it."""
    unconfirmed: bool = False
    starved: bool = False
    """Answered 429 to the end of our patience."""
    settled: bool = False
    """Asked again, alone, after an answer that may have come from load."""
    overloaded: bool = False
    """Answered 502, 503 or 504, alone too."""
    controls: list[tuple[Request, Reply]] = dataclasses.field(default_factory=list)
    """What was asked meanwhile to see whether anything is served."""

    @property
    def last(self) -> Reply:
        """The reply that came last."""
        return self.attempts[-1][0]


class Client:
    """
    Sends a request, with retries and pace, until it has an answer that counts.

    ``request`` makes a draft a request; ``explored`` is how many requests of the exploration were sent, which the budget counts too.
    """

    def __init__(
        self,
        plan: Plan,
        transport: Transport,
        tokens: Tokens,
        gate: Gate,
        patience: Patience,
        load: Load,
        request: Callable[[Draft, list[str]], Request],
        explored: Callable[[], int],
    ) -> None:
        self._plan = plan
        self._transport = transport
        self._tokens = tokens
        self._gate = gate
        self._patience = patience
        self._load = load
        self._request = request
        self._explored = explored
        self.down = ""
        """Why the target cannot be reached any more; empty while it can."""
        self.looks: set[blame.Look] = set()
        """How answers look that are the operation's own without doubt."""
        self.given_up: set[str] = set()
        """Values of Authorization that were forbidden the operation after something else was read under them."""
        self.undoing = False
        """Whether what is sent undoes what the run has set up, which is done beyond the budget too."""
        self._spent = itertools.count()
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
        """
        conversation = Conversation(request)
        fresh = needs_own_connection(draft)
        attempts = conversation.attempts
        failures = 0
        was_cut = False
        caught_up = refreshed = False
        alone = False  # what got no answer is confirmed with nothing else in flight: we may have been the ones who were too many
        sent = first is not None
        while True:
            if first is not None:
                (reply, opening), first = first, None
            else:
                self.spend(again=sent)
                if self.down:
                    raise Untested(f"the target could not be reached any more: {self.down}")
                with self._gate.alone() if alone else contextlib.nullcontext(), self._gate.flight(hurried=hurried and not sent):
                    self._patience.check()
                    opening = self._gate.openings
                    reply = self._attempt(request, lane, fresh=fresh or failures > 0)
                    self.noticed(reply)
                sent = True
            alone = False
            if reply.idled and sum(not judged for _, judged in attempts) <= _MOST_UNJUDGED:
                attempts.append((reply, False))
                fresh = True
                continue
            if reply.response is not None and reply.failure is None:
                attempts.append((reply, True))
                if reply.response.status == 429 and patient:
                    if self._gate.openings == opening:
                        self.recover(conversation, lane, reply.response, opening=opening)
                        last = conversation.last.response
                        if conversation.starved or (last is not None and last.status != 429):
                            return conversation
                    continue
                if reply.response.status == 401 and draft.caller == "authorized" and "Authorization" not in draft.headers and not refreshed:
                    # Another may have fetched a new token while this was on its way: that one will do, once.
                    overtaken = not caught_up and self._reauthorized(request) != request
                    caught_up, refreshed = True, not overtaken
                    if overtaken or self._tokens.refresh():
                        request = self._reauthorized(request)
                        conversation.request = request
                        attempts[-1] = (reply, False)
                        continue
                if reply.response.status == 403 and not caught_up and self._overruled(request):
                    caught_up = True
                    request = conversation.request = self._reauthorized(request)
                    attempts[-1] = (reply, False)
                    continue
                if patient and self.suspects(reply.response) and not conversation.settled:
                    attempts[-1] = (reply, reply.response.status in GATEWAY)
                    if not self._load.wants_to_know(reply.response):
                        attempts[-1] = (reply, True)
                    elif not self._slow_down(conversation, reply.response, opening):
                        continue
                    last = conversation.last.response
                    conversation.overloaded = last is not None and last.status in GATEWAY
                conversation.unconfirmed = failures > 0
                return conversation
            failure = reply.failure
            if failure is None:  # a reply has a response or a failure
                raise AssertionError(reply)
            if failure.kind.received:
                attempts.append((reply, True))  # what was received is evidence, on a reused connection too
                if failure.kind is FailureKind.CUT and not was_cut:
                    was_cut = fresh = True  # the other requirements are judged by a whole answer, if there is one
                    continue
                return conversation
            if reply.reused and failure.kind is FailureKind.DROPPED:
                attempts.append((reply, False))
                if lane is None:
                    fresh = True
                if sum(not judged for _, judged in attempts) > _MOST_UNJUDGED:
                    return conversation
                continue
            failures += 1
            if failure.kind is FailureKind.UNREACHABLE:
                attempts.append((reply, False))
                if failures > len(_RECONNECT):
                    self.down = failure.detail
                    return conversation
                self._gate.pause(_RECONNECT[failures - 1], f"the target cannot be reached ({failure.detail})")
                continue
            # Three confirmed ones show that the target does this: a fourth need not be waited for twice.
            if failures > 1 or self._hung >= ENOUGH_UNCONFIRMED:
                self._hung += 1
                attempts.append((reply, True))
                return conversation
            attempts.append((reply, False))
            alone = lane is None

    def spend(self, *, again: bool = False) -> None:
        """
        Count one more request of the budget, if there is one.

        What must be undone is undone beyond it, and what was sent once is sent ``again`` where that is needed.

        Raises:
            Untested: the budget is spent.

        """
        budget = self._plan.budget
        if budget is not None and next(self._spent) + self._explored() >= budget and not (again or self.undoing):
            raise Untested(f"the budget of {budget:,} requests was spent", f"--budget, more than {budget}")

    def _attempt(self, request: Request, lane: Lane | None, *, fresh: bool) -> Reply:
        if lane is not None:
            return lane.send(request)
        return self._transport.send(request, fresh=fresh)

    def _overruled(self, request: Request) -> bool:
        """Tell whether a request went out under a token that has been given up for another, because a decision on it was cached."""
        value = header(request.headers, "authorization")
        return value in self.given_up and value != self._tokens.authorization("authorized")

    def _reauthorized(self, request: Request) -> Request:
        value = self._tokens.authorization("authorized") or ""
        headers = tuple((name, value if name.lower() == "authorization" else old) for name, old in request.headers)
        return msgspec.structs.replace(request, headers=headers)

    def recover(
        self, conversation: Conversation, lane: Lane | None, told: Response, number: int = 0, *, opening: int | None = None
    ) -> None:
        """
        Wait as a 429 asks and send its request again, alone (CAR-RATE-TRUTHFUL).

        Others may share the limit, so that a second 429 is asked once more before it counts. ``number`` is that of the 429's
        exchange where it belongs to an earlier conversation. ``opening`` is how often the gate had opened when the request was
        sent: if another has waited since, that will do for all that were refused at the same time.
        """
        with self._gate.alone():
            if opening is not None and self._gate.openings != opening:
                return
            earlier = (number,) if number else ()
            first = () if number else (len(conversation.attempts) - 1,)
            begun = len(conversation.attempts)

            def again() -> Response | None:
                self.spend(again=True)
                with self._gate.flight():
                    reply = self._attempt(conversation.request, lane, fresh=False)
                    if reply.idled:  # a 408 that crossed the request on its way is no answer to it
                        reply = self._attempt(conversation.request, lane, fresh=True)
                    self.noticed(reply)
                if reply.response is None:
                    if reply.failure is not None and reply.failure.kind.received:
                        conversation.attempts.append((reply, True))
                    return None  # asked anew in the ordinary way, where failures are confirmed
                conversation.attempts.append((reply, True))
                return reply.response

            waited = self._patience.wait_out(told, again, teaches=not number)
            conversation.starved = waited.starved
            for truth in waited.truths:
                attempts = (*first, *(begun + attempt for attempt in truth.attempts))
                conversation.said.append(Said("CAR-RATE-TRUTHFUL", truth.outcome, attempts, truth.finding, truth.reason, earlier))
            if waited.punctual is not None:
                conversation.waits.append((waited.punctual, (*first, begun)))

    def suspects(self, response: Response) -> bool:
        """Tell whether an answer may come from load and not from the operation, which is known by then."""
        return bool(self.looks) and self._load.suspects(response)

    def _slow_down(self, conversation: Conversation, refusal: Response, opening: int) -> bool:
        """
        Send a request again, alone and ever later, until it is served or keeps its answer while another is served.

        Returns whether the last answer counts; if not, it has to be asked for in the ordinary way. ``opening`` is how often the gate
        had opened when the request was sent: if another was sent alone since, that will do for all that were refused with it.
        """
        attempts = conversation.attempts
        with self._gate.alone():
            if self._gate.openings != opening:
                return False
            first, waited = len(attempts) - 1, 0.0
            conversation.settled = True
            if self._patience.is_over:
                return True
            is_served = False
            for pause in pauses(self._plan.max_wait):
                asked = wait_asked(refusal) or 0.0
                seconds = max(pause, asked if asked <= self._plan.max_wait else 0.0)
                self._gate.pause(seconds, f"the target answers {refusal.status}, maybe because it is asked too much")
                waited += seconds
                self.spend(again=True)
                with self._gate.flight():
                    reply = self._attempt(conversation.request, None, fresh=True)
                    self.noticed(reply)
                if reply.response is None or reply.failure is not None or reply.response.status == 429:
                    return False
                attempts.append((reply, True))
                if not self._load.suspects(reply.response):
                    self._learn_load(conversation, refusal, first, waited)
                    return True
                if is_served:  # and so was another right before this one
                    attempts[first] = (attempts[first][0], True)
                    self._load.is_own(refusal)
                    return True
                is_served = self._is_anything_served(conversation)
                attempts[-1] = (reply, reply.response.status in GATEWAY)
            self._patience.give_up(
                f"the target answered {refusal.status} to whatever was sent for {waited:.0f} s, one request at a time too", SLOWER
            )
        return True

    def _learn_load(self, conversation: Conversation, refusal: Response, first: int, waited: float) -> None:
        """Take note that a refusal came under load alone: that is a finding of its own, and the run goes slower from now on."""
        self._gate.refused()
        self._gate.served(waited, teaches=True)
        served = conversation.last.response
        if self._load.came_under_load(refusal) and served is not None:
            finding = Finding(
                f"the answer that the same request gets alone: {served.status}",
                f"{refusal.status} ({refusal.header('content-type') or 'no Content-Type'}) while the run sent faster",
                change=TOO_FAST,
            )
            conversation.said.append(Said("CAR-OP-INDEPENDENT", Outcome.BROKEN, (first, len(conversation.attempts) - 1), finding))

    def _is_anything_served(self, conversation: Conversation) -> bool:
        """Tell whether the plainest refusal of the operation can be had at this moment, which closes nothing."""
        request = self._request(Draft(body={}), [])
        self.spend(again=True)
        with self._gate.flight():
            reply = self._attempt(request, None, fresh=True)
            self.noticed(reply)
        conversation.controls.append((request, reply))
        return (
            reply.response is not None
            and reply.failure is None
            and reply.response.status != 429
            and not self._load.suspects(reply.response)
        )

    def noticed(self, reply: Reply) -> None:
        """Take note of a 429 as soon as it is there: from then on nothing is sent until the time that it names is over."""
        if reply.response is not None and reply.response.status == 429:
            self._patience.refused(reply.response)


def needs_own_connection(draft: Draft) -> bool:
    """
    Tell whether a request is sent on a fresh connection, which is closed after it, unless a sequence says otherwise.

    It may end the connection, or its caller is another than the authorized one: what the server remembers of the connection must
    neither help him nor, afterwards, harm the next (docs/evidence.md, 16).
    """
    return draft.provokes in _ENDS_CONNECTIONS or draft.caller != "authorized"
