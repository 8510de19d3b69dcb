"""What was sent and received until one request had an answer that counts; numbered, recorded and judged by whoever asked for it."""

from __future__ import annotations

import dataclasses

from closecheck.http.connection import Reply
from closecheck.model import Finding, Outcome, Request


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

    @property
    def unjudged(self) -> int:
        """How many replies no clause judges."""
        return sum(not judged for _, judged in self.attempts)

    def add(self, reply: Reply, *, judged: bool) -> None:
        """Add a reply, and whether the clauses judge it."""
        self.attempts.append((reply, judged))

    def judge_last(self, judged: bool) -> None:
        """Say anew whether the clauses judge the reply that came last."""
        self.attempts[-1] = (self.last, judged)
