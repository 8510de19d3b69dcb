"""What a comparison says, as frozen values: each number that a format shows is computed here."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

from closecheck.model import Exit, Level, Requirement, Struct


class Relation(enum.StrEnum):
    """How a document stands to one requirement, worst first."""

    MISSING = "missing"
    """It does not have the member, the answer, the field or the credential that the requirement is about."""
    LOOSER = "looser"
    """It admits what the contract rules out: a client cannot rely on it."""
    STRICTER = "stricter"
    """It refuses what the contract has accepted: a client is turned away."""
    SAME = "same"
    """It demands what the contract demands; in its answers it may promise more."""
    NOT_EXPRESSIBLE = "not expressible"
    """OpenAPI has no words for it, or the contract's own document has none: only a run can show it."""


FAULTS: Final = (Relation.MISSING, Relation.LOOSER, Relation.STRICTER)
"""The relations that count against a document."""
_TOLD: Final = (Relation.SAME, Relation.LOOSER, Relation.STRICTER, Relation.MISSING)


class Passage(Struct):
    """A place in a document, the published one or the contract's, and what stands there; ``line`` is 0 where nobody knows it."""

    file: str
    line: int
    pointer: str
    says: str

    @property
    def at(self) -> str:
        """The place as people look it up."""
        return f"{self.file}:{self.line}" if self.line else self.file


class Reading(Struct):
    """
    How a document reads, at one place, against what the contract says.

    ``shows`` is the request or the answer by which a difference shows, ``case`` the id of the case that it comes from, if it is one.
    """

    relation: Relation
    document: Passage
    contract: Passage
    shows: str = ""
    case: str = ""


class Comparison(Struct):
    """One requirement, and how the document reads, the worst place first; no reading where it is not expressible."""

    requirement: Requirement
    relation: Relation
    readings: tuple[Reading, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it makes the document fail: a MUST that differs."""
        return self.relation in FAULTS and self.requirement.level is Level.MUST


class Decided(Struct):
    """A choice that the contract leaves open and the document decides: the case whose request it refuses, and where it says so."""

    choice: str
    question: str
    case: str
    document: Passage


class Compared(Struct):
    """The whole answer."""

    document: str
    title: str
    version: str
    path: str
    edition: str
    comparisons: tuple[Comparison, ...]
    choices: tuple[Decided, ...] = ()
    notes: tuple[str, ...] = ()

    def with_relation(self, *relations: Relation) -> tuple[Comparison, ...]:
        """Return the comparisons that ended so, every MUST before every SHOULD."""
        found = [one for one in self.comparisons if one.relation in relations]
        return tuple(sorted(found, key=lambda one: one.requirement.level is not Level.MUST))

    def count(self, relation: Relation) -> int:
        """Return how many requirements ended so."""
        return len(self.with_relation(relation))

    @property
    def expressible(self) -> int:
        """How many requirements could be compared."""
        return len(self.comparisons) - self.count(Relation.NOT_EXPRESSIBLE)

    @property
    def faults(self) -> tuple[Comparison, ...]:
        """What makes the document fail."""
        return tuple(one for one in self.comparisons if one.counts)

    @property
    def headline(self) -> str:
        """The first sentence: how many could be compared, and how they ended."""
        ended = ", ".join(f"{self.count(relation)} {relation}" for relation in _TOLD)
        return f"compared: {self.expressible} of {len(self.comparisons)} requirements can be expressed in OpenAPI; {ended}"

    @property
    def verdict(self) -> str:
        """The last sentence: whether the document says what the contract says."""
        advice = len(self.with_relation(*FAULTS)) - len(self.faults)
        aside = f" and {advice} SHOULD" if advice else ""
        if self.faults:
            return f"the document differs from the contract in {len(self.faults)} MUST{aside}"
        if advice:
            return f"the document keeps every MUST that OpenAPI can express; it differs in {advice} SHOULD"
        return "the document says what the contract says, as far as OpenAPI can express it"

    @property
    def exit_code(self) -> Exit:
        """0, or 1 if a MUST is missing, looser or stricter."""
        return Exit.NON_CONFORMANT if self.faults else Exit.CONFORMANT


def by_weight(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """Return readings with the worst relation first, otherwise in their order; of several at one place, the first."""
    order = list(Relation)
    stated: dict[tuple[Relation, Passage], Reading] = {}
    for one in readings:
        stated.setdefault((one.relation, one.document), one)
    return tuple(sorted(stated.values(), key=lambda one: order.index(one.relation)))
