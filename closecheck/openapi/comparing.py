"""Every requirement of the catalogue, compared: the questions are put together here, and which of them can be asked at all."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from closecheck.contract.specification import contract
from closecheck.model import Requirement
from closecheck.openapi import answers, bodies, operation, probes
from closecheck.openapi.documents import Place
from closecheck.openapi.places import Found, Reader, Spot, own, place_of, spots
from closecheck.openapi.published import published
from closecheck.openapi.result import Compared, Comparison, Passage, Reading, Relation, by_weight
from closecheck.reports._facts import line


def compare(file: Path, path: str = "") -> Compared:
    """
    Hold a published document against the contract; ``path`` names the operation where that is not plain.

    Raises:
        UsageError: it cannot be read, is no OpenAPI document, or has no such operation.

    """
    reader = Reader(published(file, path))
    document = reader.document
    catalogue = contract().catalogue
    found: dict[str, list[Reading]] = defaultdict(list)
    for one in _differences(reader):
        found[one.requirement].append(_reading(reader, one))
    return Compared(
        document=reader.files.name(reader.files.root.file),
        title=document.title,
        version=f"{document.dialect.split()[0]} {document.version}",
        path=document.path,
        edition=catalogue.edition,
        comparisons=tuple(_comparison(reader, one, by_weight(found[one.id])) for one in catalogue.requirements),
        choices=tuple(bodies.choices(reader)),
        notes=(*bodies.notes(reader), *answers.notes(reader)),
    )


def _differences(reader: Reader) -> Iterator[Found]:
    yield from bodies.differences(reader, _asked_of_bodies())
    yield from answers.differences(reader, _asked_of_answers())
    rules = {name: rule for name, (_, rule) in operation.RULES.items()}
    rules |= {name: operation.default_of(member) for name, member in _defaults().items()}
    for requirement, rule in rules.items():
        for stated in rule(reader):
            yield Found(requirement, stated.relation, stated.place, stated.says, stated.shows)


def _reading(reader: Reader, found: Found) -> Reading:
    says = _contract_says(contract()[found.requirement], found.spot)
    return Reading(found.relation, reader.passage(found.place, found.says), says, line(found.shows, 300), found.case)


def _comparison(reader: Reader, requirement: Requirement, readings: tuple[Reading, ...]) -> Comparison:
    if requirement.id not in expressible():
        return Comparison(requirement, Relation.NOT_EXPRESSIBLE)
    if not readings:
        readings = (Reading(Relation.SAME, _agrees(reader, requirement), _contract_says(requirement, None)),)
    return Comparison(requirement, readings[0].relation, readings)


def _agrees(reader: Reader, requirement: Requirement) -> Passage:
    """Return where the document says what the contract says, in the contract's words where the document says it by silence."""
    for spot in spots(place_of(requirement)):
        schema = reader.schema(spot.status)
        if schema is not None:
            return reader.passage(*reader.stands(schema, spot))
    return reader.passage(reader.around(requirement.openapi), _contract_says(requirement, None).says)


def _contract_says(requirement: Requirement, spot: Spot | None) -> Passage:
    """Return what the contract's own document says at a spot of a body, or of a requirement; in words where it says it by silence."""
    schema = own().schema(spot.status) if spot is not None else None
    if spot is not None and schema is not None:
        passage = own().passage(*own().stands(schema, spot))
    else:
        pointer = place_of(requirement)
        tokens = tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])
        passage = own().passage(Place(own().files.root.file, tokens))
        says = operation.RULES[requirement.id][0] if requirement.id in operation.RULES else f"{tokens[-1]}: {passage.says}"
        passage = msgspec.structs.replace(passage, says=says)
    return msgspec.structs.replace(passage, file=f"spec/{passage.file}")


# ------------------------------------------------------------------------------------------------- what can be compared


@functools.cache
def _asked_of_bodies() -> tuple[probes.BodyProbe, ...]:
    """Return the questions about bodies that the contract's own document answers as the contract does."""
    schema = own().schema()
    assert schema is not None
    return tuple(one for one in probes.body_probes() if schema.admits(probes.body(one.case, probes.FORMS[0])) == one.case.accepts)


@functools.cache
def _asked_of_answers() -> Mapping[int, tuple[tuple[probes.AnswerProbe, frozenset[str]], ...]]:
    """Return for each status the edits that the contract's own document refuses too, with the requirements that each breaks."""
    found = {}
    for status in sorted(contract().documented_statuses):
        schema = own().schema(status)
        assert schema is not None
        example = probes.fullest(status)
        always = probes.broken(status, example)
        asked = [(probe, probe.on(example)) for probe in probes.answer_probes(status)]
        stated = [(probe, probes.broken(status, value) - always) for probe, value in asked if not schema.admits(value)]
        found[status] = tuple((probe, broken) for probe, broken in stated if broken)
    return found


@functools.cache
def _defaults() -> Mapping[str, str]:
    """Return the requirements on what a member that is left out comes to, and the member's name."""
    pointers = {one.id: one.openapi.split("/") for one in contract().catalogue.requirements if one.area == "lifecycle"}
    return {requirement: where[-2] for requirement, where in pointers.items() if where[-1] == "default"}


@functools.cache
def expressible() -> frozenset[str]:
    """Return the ids of the requirements that an OpenAPI document can keep or break."""
    asked = {one.case.requirement for one in _asked_of_bodies()}
    asked |= {one for stated in _asked_of_answers().values() for _, broken in stated for one in broken}
    return frozenset(asked | operation.RULES.keys() | _defaults().keys())
