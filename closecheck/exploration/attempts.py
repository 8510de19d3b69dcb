"""What may be asked while one finding is narrowed down, and the finding that comes of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from random import Random
from typing import Final

import msgspec

from closecheck.contract import random_bodies
from closecheck.contract.cases import ACCEPTED
from closecheck.contract.random_bodies import Spelling, Value
from closecheck.judging.exchange import Exchange
from closecheck.model import Finding
from closecheck.session.load import GATEWAY

MOST_REQUESTS: Final = 15
"""Requests that one finding may cost, the confirmation included."""

Ask = Callable[[bytes], Exchange]
"""Sends a body and returns its exchange."""
Explains = Callable[[Value, Spelling | None], bool]
"""Whether the cause explains the refusal of another valid body as well."""


class Spent(Exception):
    """The requests that a finding may cost are used up."""


@dataclasses.dataclass(frozen=True)
class Cause:
    """What was found: the requirement, the finding, its witness, an accepted exchange beside it, and what else it explains."""

    requirement: str
    finding: Finding
    witness: Exchange
    base: Exchange | None = None
    explains: Explains = lambda _value, _how: False


class Attempts:
    """Sends the bodies that are tried for one finding, at most 15; ``accepted`` and ``smallest`` are the last ones that were accepted and refused."""

    def __init__(self, ask: Ask, rng: Random) -> None:
        self._send = ask
        self.rng = rng
        self.requests = 0
        self.accepted: Exchange | None = None
        self.smallest: tuple[Value, Exchange] | None = None

    def ask(self, body: bytes) -> Exchange:
        """Send a body; Spent if no request is left but the one that confirms the witness."""
        if self.requests >= MOST_REQUESTS - 1:
            raise Spent
        return self.confirm(body)

    def confirm(self, body: bytes) -> Exchange:
        """Send a body by the request that is kept for it."""
        self.requests += 1
        return self._send(body)

    def refused(self, value: Value) -> Exchange | None:
        """Return the exchange of a body that is refused; None if it is accepted, as it must be."""
        exchange = self.ask(value.plain())
        if exchange.status == 202:
            self.accepted = exchange
            return None
        if exchange.status in {0, 429, *GATEWAY}:
            raise Spent
        self.smallest = value, exchange
        return exchange

    def fresh(self, value: Value, count: int = 0) -> Value:
        """Return a value with new ids, as many or ``count``: a request that was accepted may have closed its ids."""
        return msgspec.structs.replace(value, ids=random_bodies.ids(self.rng, count or len(value.ids)))

    def cause(self, requirement: str, witness: Exchange, words: str, explains: Explains, change: str = "") -> Cause:
        """Return the cause of a valid body's refusal; ``words`` say what the target refuses."""
        return Cause(requirement, Finding(ACCEPTED.text, f"{witness.got()}; {words}", change=change), witness, self.accepted, explains)


def threshold(low: int, high: int, what: str, *, most: bool) -> str:
    """Return a threshold in words; ``most`` says that the largest size of all is refused as well."""
    return f"it accepts at most {low} {what}" if most else f"it accepts {low} {what}, and refuses {high}"
