"""What must be true of a target: the types of ``spec/requirements.yaml``, and how editions and patterns of ids are read."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import field

from closecheck.model.base import Struct
from closecheck.model.vocabulary import Level

UNWAIVABLE_SCOPE = ("CAR-OP-*", "CAR-BODY-*", "CAR-IDS-*")
"""Patterns of requirements that cannot be put out of scope, but for those that need a means as a whole."""


class Area(Struct):
    """A chapter of the catalogue."""

    id: str
    title: str


OTHER = Area("other", "Other")
"""Where requirements stand whose area the catalogue does not list."""


class Mistakes(Struct):
    """How implementers usually get a requirement wrong, by web framework."""

    express: str
    spring: str
    aspnet: str
    django: str


class Condition(Struct):
    """
    The condition of a requirement that binds only where the target does something that it may leave ("where present …").

    ``absent`` is a sentence for a target that never does it. ``among`` is the requirement that each exchange which could
    show it keeps. ``asked_by`` lists those whose tests provoke more of such exchanges: where one of them could not be
    tested, nobody can say that the target never does it.
    """

    absent: str
    among: str
    asked_by: tuple[str, ...] = ()


class Requirement(Struct):
    """
    One testable statement about the target.

    ``openapi`` is a JSON pointer into ``spec/openapi.yaml``; ``needs`` lists the means beside a base URL and a working
    token; ``parts`` the parts that must all have run before the requirement passes.
    """

    id: str
    area: str
    level: Level
    statement: str
    page: str
    openapi: str
    consequence: str
    fix: str
    since: str
    standard: str = ""
    quote: str = ""
    reading: str = ""
    needs: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    part_needs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The parts that alone need a means of ``needs``; a means that is not named here is needed by the whole."""
    conditional: Condition | None = None
    """On what it depends that it binds the target at all; None: it always does."""
    mistakes: Mistakes | None = None
    line: int = 0
    """The line of ``spec/openapi.yaml`` that ``openapi`` points at; filled when a run is recorded."""

    @property
    def place(self) -> str:
        """The line of ``spec/openapi.yaml`` where it is known, and the JSON pointer."""
        return f"spec/openapi.yaml line {self.line}, {self.openapi}" if self.line else f"spec/openapi.yaml{self.openapi}"

    @property
    def source(self) -> str:
        """Where the requirement comes from, in one line."""
        cited = self.page if not self.page or self.page.startswith("not ") else f"the documentation, {self.page}"
        places = [self.place, cited, self.standard]
        return " · ".join(place for place in places if place)


class Choice(Struct):
    """A question that the documentation leaves to the target; observed, never failed."""

    id: str
    question: str
    since: str
    measured: bool = False
    """Whether the answer is a measurement, which no two runs share: it is shown, and is no difference between them."""


class Catalogue(Struct):
    """``spec/requirements.yaml``: every requirement and every choice of one edition."""

    edition: str
    areas: tuple[Area, ...]
    requirements: tuple[Requirement, ...]
    choices: tuple[Choice, ...]
    means: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What ``out_of_scope`` takes beside patterns: each word stands for the requirements that need one of these."""

    def __getitem__(self, requirement_id: str) -> Requirement:
        """Return the requirement of that id; KeyError if there is none."""
        return self._by_id()[requirement_id]

    def __contains__(self, requirement_id: object) -> bool:
        """Tell whether there is a requirement of that id."""
        return requirement_id in self._by_id()

    def _by_id(self) -> dict[str, Requirement]:
        return {requirement.id: requirement for requirement in self.requirements}

    def scope(self, out_of_scope: Mapping[str, str], requirement: Requirement) -> str:
        """Return why a requirement is out of scope as a whole, or empty; keys are words of ``means`` and patterns of ids."""
        for key, why in out_of_scope.items():
            whole = [need for need in requirement.needs if need not in requirement.part_needs]
            if any(need in self.means[key] for need in whole) if key in self.means else matches(key, requirement.id):
                return why
        return ""

    def parts_out_of_scope(self, out_of_scope: Iterable[str], requirement: Requirement) -> frozenset[str]:
        """Return the parts of a requirement that need a means which is out of scope, where the rest of it does not."""
        given = {need for key in out_of_scope for need in self.means.get(key, ())}
        return frozenset(part for need, parts in requirement.part_needs.items() if need in given for part in parts)

    def recorded(self, lines: Mapping[str, int]) -> Catalogue:
        """
        Return the catalogue as a run records it: what is needed to read a report, not the advice of ``explain``.

        ``lines`` says where in ``spec/openapi.yaml`` each pointer points.
        """
        kept = (msgspec.structs.replace(one, mistakes=None, line=lines.get(one.openapi, 0)) for one in self.requirements)
        return msgspec.structs.replace(self, requirements=tuple(kept))


def matches(pattern: str, requirement_id: str) -> bool:
    """Tell whether a pattern such as ``CAR-RATE-*`` names a requirement."""
    return fnmatch.fnmatchcase(requirement_id, pattern)


def edition_key(edition: str) -> tuple[int, ...]:
    """Return what editions are ordered by: ``2026.10`` is later than ``2026.9``; what is no number counts as 0."""
    return tuple(int(part) if part.isdecimal() else 0 for part in edition.split("."))


def is_later(since: str, edition: str) -> bool:
    """Tell whether what ``since`` introduced is later than an edition; what says no edition is of every one."""
    return bool(since) and edition_key(since) > edition_key(edition)
