"""
What is done about a refusal that may pass: its request is sent again, with nothing else in flight.

A 429 is waited out as it says. An answer that may come from load is asked for ever later, until the request is served or keeps its
answer while another is served. Nothing is recorded or judged here.
"""

from __future__ import annotations

from typing import Final

from closecheck.contract.cases import Draft
from closecheck.http.connection import Reply
from closecheck.http.pace import Gate
from closecheck.http.transport import Lane, Transport
from closecheck.judging.checks.rate_limit import wait_asked
from closecheck.model import Finding, Outcome, Request, Response
from closecheck.session.budget import Budget
from closecheck.session.conversation import Conversation, Said
from closecheck.session.load import GATEWAY, Load, pauses
from closecheck.session.patience import Patience
from closecheck.session.request_builder import RequestBuilder

SLOWER: Final = "rate: as the note on the pace at the end of the report says"
"""The line of a target file that keeps a run below what the target lets through; which that is, is known at the end of a run."""
TOO_FAST: Final = "sent faster than the target lets through (the pace that this run found is named at the end of the report)"


class Refusals:
    """Sends refused requests again, alone, and tells what that shows of the target."""

    def __init__(self, transport: Transport, gate: Gate, patience: Patience, load: Load, budget: Budget, builder: RequestBuilder) -> None:
        self._transport = transport
        self._gate = gate
        self._patience = patience
        self._load = load
        self._budget = budget
        self._builder = builder

    def wait_out(
        self, conversation: Conversation, lane: Lane | None, refusal: Response, number: int = 0, *, opening: int | None = None
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
                reply = self._resent(conversation.request, lane)
                if reply.response is not None or (reply.failure is not None and reply.failure.kind.received):
                    conversation.add(reply, judged=True)
                return reply.response  # without one it is asked for in the ordinary way, where failures are confirmed

            waited = self._patience.wait_out(refusal, again, teaches=not number)
            conversation.starved = waited.starved
            for truth in waited.truths:
                attempts = (*first, *(begun + attempt for attempt in truth.attempts))
                conversation.said.append(Said("CAR-RATE-TRUTHFUL", truth.outcome, attempts, truth.finding, truth.reason, earlier))
            if waited.punctual is not None:
                conversation.waits.append((waited.punctual, (*first, begun)))

    def slow_down(self, conversation: Conversation, refusal: Response, opening: int) -> bool:
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
            for pause in pauses(self._patience.max_wait):
                asked = wait_asked(refusal) or 0.0
                seconds = max(pause, asked if asked <= self._patience.max_wait else 0.0)
                self._gate.pause(seconds, f"the target answers {refusal.status}, maybe because it is asked too much")
                waited += seconds
                reply = self._resent(conversation.request, None, fresh=True)
                if reply.response is None or reply.failure is not None or reply.response.status == 429:
                    return False
                conversation.add(reply, judged=True)
                if not self._load.suspects(reply.response):
                    self._learn_load(conversation, refusal, first, waited)
                    return True
                if is_served:  # and so was another right before this one
                    attempts[first] = (attempts[first][0], True)
                    self._load.is_own(refusal)
                    return True
                is_served = self._is_anything_served(conversation)
                conversation.judge_last(reply.response.status in GATEWAY)
            self._patience.give_up(
                f"the target answered {refusal.status} to whatever was sent for {waited:.0f} s, one request at a time too", SLOWER
            )
        return True

    def _resent(self, request: Request, lane: Lane | None, *, fresh: bool = False) -> Reply:
        self._budget.spend(again=True)
        with self._gate.flight():
            reply = lane.send(request) if lane is not None else self._transport.send(request, fresh=fresh)
            if reply.idled:  # a 408 that crossed the request on its way is no answer to it
                reply = lane.send(request) if lane is not None else self._transport.send(request, fresh=True)
            self._patience.notice(reply.response)
        return reply

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
        request = self._builder.build(Draft(body={}), [])
        reply = self._resent(request, None, fresh=True)
        conversation.controls.append((request, reply))
        return (
            reply.response is not None
            and reply.failure is None
            and reply.response.status != 429
            and not self._load.suspects(reply.response)
        )
