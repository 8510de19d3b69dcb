"""
A step of the plan and what became of it: what was sent for it, and what the target answered.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Final

from closecheck.contract.cases import Json
from closecheck.contract.specification import contract
from closecheck.judging.exchange import Exchange
from closecheck.lifecycle.plan import Step
from closecheck.model.errors import Untested

MEMBERS: Final = ("executionStatus", "completionStatus", "message")


@functools.cache
def default_of(member: str) -> str:
    """Return the documented default of a member of the body."""
    return str(contract().property(member).schema["default"])


@dataclasses.dataclass
class Done:
    """A step and what became of it."""

    step: Step
    number: int
    marker: str
    message: str | None
    ids: list[str] = dataclasses.field(default_factory=list)
    exchange: Exchange | None = None
    again: list[Exchange] = dataclasses.field(default_factory=list)
    untested: Untested | None = None
    lost: set[str] = dataclasses.field(default_factory=set)
    """Ids that somebody else has closed before the step could."""

    def of_kind(self, kinds: str) -> list[str]:
        """Return the ids of these kinds."""
        return [one for one, kind in zip(self.ids, self.step.kinds, strict=False) if kind in kinds]

    @property
    def known(self) -> list[str]:
        """The ids that the step closes on a conforming target."""
        return [one for one in self.of_kind("pa") if one not in self.lost]

    @property
    def sent_once(self) -> bool:
        """Whether the target cannot have served the request twice: it was not sent anew after a connection was lost."""
        return self.exchange is not None and self.exchange.attempt == 1

    @property
    def accepted(self) -> bool:
        """Whether the request was taken into the system."""
        return self.exchange is not None and self.exchange.status == 202

    @property
    def sent(self) -> tuple[Exchange, ...]:
        """The exchange, if there is one."""
        return (self.exchange,) if self.exchange else ()

    @property
    def case(self) -> str:
        """The name under which the request is recorded."""
        words = self.step.name.replace(":", "").replace(",", "").casefold()
        return f"lifecycle/{'-'.join(words.split())}"

    @functools.cached_property
    def members(self) -> dict[str, Json]:
        """The members of the body beside the ids."""
        return self.step.members(self.message)

    def asked(self, member: str) -> str:
        """Return what a member of the body asks for, the documented default where it is left out."""
        return str(self.members.get(member, default_of(member)))

    def gives(self, member: str) -> bool:
        """Tell whether a member stands in the body."""
        return member in self.members

    @property
    def what(self) -> str:
        """The request in words."""
        count = len(self.ids)
        return f"{count} {'id' if count == 1 else 'ids'} ({self.step.name})"
