"""
What the experiment says on one part of one requirement, and the words for why it cannot say anything.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from closecheck.judging.exchange import Exchange
from closecheck.model.errors import Untested

PENDING_SUPPLY: Final = "access_requests.pending"
CONSENT_SUPPLY: Final = "access_requests.may_close: true"
LOOK_SUPPLY: Final = "observe.account_activities: true"
AUDIT_SUPPLY: Final = "observe.search: true"
EVENT_SUPPLY: Final = "observe.events: {subscribe: true}"
URL_SUPPLY: Final = "observe.events: {subscribe: true, listen: …, url: …}"
CLOSED_OTHERS: Final = "requests that were not named were closed too: judged under CAR-LIFE-ONLY-NAMED"
TAKEN: Final = "somebody else has closed its requests in the meantime"
COMPANY: Final = "somebody else closes the same access requests at the same time, and may have closed what shows something else"


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What the experiment says on one part of one requirement; ``holds`` is None where it cannot say."""

    holds: bool | None
    expected: str = ""
    got: str = ""
    exchanges: tuple[Exchange, ...] = ()
    reason: str = ""
    supply: str = ""
    change: str = ""
    absent: bool = False
    """Whether what the requirement depends on never arose, although it was asked for."""


def undecided(reason: str, supply: str = "") -> Judgement:
    """Return the judgement that there is none."""
    return Judgement(None, reason=reason, supply=supply)


def because(untested: Untested) -> Judgement:
    """Return the judgement that there is none, for the reason why something could not be tested."""
    return undecided(untested.reason, untested.supply)


def never() -> Judgement:
    """Return the judgement that what the requirement depends on never arose, although it was asked for."""
    return Judgement(None, absent=True)
