"""What a check says of one exchange: held, or broken with a finding."""

from __future__ import annotations

from closecheck.model import Finding, Struct


class Ruling(Struct):
    """
    One clause on one exchange; ``finding`` is None where it held.

    ``others`` are the numbers of earlier exchanges that belong to the finding; ``since`` is the edition that began to ask for
    what was found broken, where that is later than its requirement.
    """

    requirement: str
    finding: Finding | None = None
    others: tuple[int, ...] = ()
    since: str = ""


def broken(requirement: str, expected: str, got: str, *others: int) -> Ruling:
    """Return the ruling that a clause does not hold."""
    return Ruling(requirement, Finding(expected, got), others)


def rule(requirement: str, holds: bool, expected: str, got: str, *others: int) -> Ruling:
    """Return a ruling; ``got`` is only looked at where the clause does not hold."""
    return Ruling(requirement, others=others) if holds else broken(requirement, expected, got, *others)
