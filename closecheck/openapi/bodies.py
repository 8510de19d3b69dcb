"""The request body: what the contract has accepted must be valid, what it has refused must not."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from closecheck.contract import base_cases, json_values
from closecheck.contract.cases import Case
from closecheck.contract.specification import contract
from closecheck.openapi import probes
from closecheck.openapi.carriers import carrier
from closecheck.openapi.places import Found, Reader, Spot, place_of, spots
from closecheck.openapi.result import Decided, Relation
from closecheck.openapi.schemas import Schema


class Asking:
    """
    Asks one schema about bodies: each base as it is, each edit on a base that the schema admits.

    So a document that demands an id of another form is blamed for that once, and its other rules can still be seen.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        item = schema.find(("accessRequestIds", "*"))
        forms = schema.part(item) if item is not None else schema
        self._form = next(
            (form for form in probes.FORMS if item is not None and forms.admits(form(probes.hexadecimal()[0]))), probes.FORMS[0]
        )
        self._carriers: dict[str, Any] = {}

    def body(self, case: Case, base: Case | None) -> Any:
        """Return the body that a case asks about."""
        if base is None:
            return probes.body(case, probes.FORMS[0])
        if base.id not in self._carriers:
            plain = probes.body(base, self._form)
            self._carriers[base.id] = plain, carrier(self.schema, plain)
        plain, mended = self._carriers[base.id]
        return probes.edited(plain if mended is None else mended, plain, probes.body(case, self._form))

    @functools.cached_property
    def hopeless(self) -> bool:
        """Whether no request like the plainest is valid: then a refusal says little."""
        return carrier(self.schema, probes.body(base_cases.bases()[0], self._form)) is None


def differences(reader: Reader, asked: tuple[probes.BodyProbe, ...]) -> Iterator[Found]:
    """Yield where a document differs from the requirements on the value of the body."""
    groups = defaultdict(list)
    for probe in asked:
        groups[probe.case.requirement].append(probe)
    schema = reader.schema()
    if schema is None:
        place = reader.document.body.place if reader.document.body else reader.document.place
        yield from (Found(one, Relation.MISSING, place, "no request body with a schema") for one in groups)
        return
    asking = Asking(schema)
    for requirement, group in groups.items():
        yield from _of_group(reader, asking, requirement, group)
    yield from _own_values(reader, asking)


def _of_group(reader: Reader, asking: Asking, requirement: str, group: list[probes.BodyProbe]) -> Iterator[Found]:
    """Yield the difference that the bodies of one requirement show, if there is one."""
    schema = asking.schema
    spot = next(iter(spots(place_of(contract()[requirement]))), Spot(0))
    wrong = [one for one in group if schema.admits(asking.body(one.case, one.base)) != one.case.accepts]
    named = reader.names(schema, spot)
    if not wrong:
        # A member that is nowhere named is admitted by openness alone: nothing is said of what it does.
        if not named and all(one.case.accepts for one in group):
            yield Found(requirement, Relation.MISSING, *reader.stands(schema, spot), spot=spot)
        return
    first = wrong[0].case
    others = f" (and {len(wrong) - 1} more of the {len(group)} asked)" if len(wrong) > 1 else ""
    shows = f"{first.change or json_values.show(first.request.body)}: {'not ' if first.accepts else ''}valid{others}"
    if first.accepts:
        refusal = schema.refusals(asking.body(first, wrong[0].base))[0]
        spot = Spot(0, refusal.steps, refusal.keyword.tokens[-1])
        yield Found(requirement, Relation.STRICTER, *reader.keyword(refusal.keyword), shows, first.id, spot)
    else:
        yield Found(requirement, Relation.LOOSER if named else Relation.MISSING, *reader.stands(schema, spot), shows, first.id, spot)


def _own_values(reader: Reader, asking: Asking) -> Iterator[Found]:
    """Yield the values that the document itself lists for a closed list of the contract, and that the contract refuses."""
    plainest = base_cases.bases()[0]
    for one in contract().properties():
        words = ("enum", "const") if one.values else ()
        for place in (place for word in words for place in asking.schema.keywords((one.name,), word)):
            stated = reader.files.value(place)
            for value in stated if isinstance(stated, list) else [stated]:
                body = {**asking.body(plainest, plainest), one.name: value}
                if isinstance(value, str) and value not in one.values and asking.schema.admits(body):
                    shows = f"{one.name}: {json_values.show(value)}: valid"
                    yield Found(one.carries["enum"], Relation.LOOSER, *reader.keyword(place), shows, spot=Spot(0, (one.name,), "enum"))


def choices(reader: Reader) -> Iterator[Decided]:
    """Yield the choices that the document decides: those of which it refuses something, other than it refuses a plain request."""
    schema = reader.schema()
    if schema is None:
        return
    asking = Asking(schema)
    plainest = base_cases.bases()[0]
    always = {one.keyword for one in schema.refusals(asking.body(plainest, None))}
    for choice in contract().catalogue.choices:
        cases = [case for case in probes.choice_probes() if case.choice == choice.id]
        stated = (
            (case, one.keyword) for case in cases for one in schema.refusals(asking.body(case, plainest)) if one.keyword not in always
        )
        for case, keyword in itertools.islice(stated, 1):
            yield Decided(choice.id, choice.question, case.id, reader.passage(*reader.keyword(keyword)))


def notes(reader: Reader) -> Iterator[str]:
    """Yield a note where no request like ours is valid: that a document refuses everything says little of what it refuses."""
    schema = reader.schema()
    if schema is not None and Asking(schema).hopeless:
        yield "no request like those of the contract is valid in the document, whatever is added or left out: what it refuses says little"
