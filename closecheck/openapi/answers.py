"""The answers: what a document admits must break no clause that the suite holds a target's answers against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import msgspec

from closecheck.contract.specification import contract
from closecheck.openapi import probes
from closecheck.openapi.carriers import carrier
from closecheck.openapi.places import Found, Reader, Spot, brief, media_of, own, place_of, spots
from closecheck.openapi.result import Relation

Asked = Mapping[int, tuple[tuple[probes.AnswerProbe, frozenset[str]], ...]]
"""For each status the edits of its example, with the requirements that each breaks."""


def differences(reader: Reader, asked: Asked) -> Iterator[Found]:
    """Yield where a document differs from the requirements on the bodies of answers."""
    statuses = defaultdict(list)
    for status, edits in asked.items():
        for requirement in sorted({one for _, broken in edits for one in broken}):
            statuses[requirement].append(status)
    for requirement, several in statuses.items():
        documented = {answer.place: status for status in reversed(several) if (answer := reader.document.answer(status)) is not None}
        if not documented:
            yield Found(requirement, Relation.MISSING, reader.document.answers_place, f"no answer {', '.join(map(str, several))}")
            continue
        stated = [
            _Told(reader, status, [one for one, broken in asked[status] if requirement in broken])
            for status in reversed(documented.values())
        ]
        yield from (found for one in stated for found in one.differences(requirement))
        if not any(one.askable for one in stated):
            spot = next(iter(spots(place_of(contract()[requirement]))))
            yield Found(requirement, Relation.MISSING, *reader.stands(stated[0].schema, spot), spot=spot)


class _Told:
    """What a document says of one answer, asked with some edits of the contract's example of it."""

    def __init__(self, reader: Reader, status: int, asked: list[probes.AnswerProbe]) -> None:
        answer = reader.document.answer(status)
        assert answer is not None
        self._reader = reader
        self._status = status
        self._answer = answer
        self._media = media_of(answer) if answer.content else None
        self.schema = self._media.schema if self._media else reader.nothing
        example = probes.fullest(status)
        mended = carrier(self.schema, example)
        self._base = example if mended is None else mended
        self._possible = [(probe, value) for probe in asked if (value := probe.on(self._base)) is not msgspec.UNSET]

    @property
    def askable(self) -> bool:
        """Whether an edit could be made at all: a document of another shape has no place for some."""
        return self.schema.place is None or bool(self._possible)

    def differences(self, requirement: str) -> Iterator[Found]:
        """Yield how the answer differs from one requirement."""
        key = self._answer.key
        if self._media is None:
            yield Found(requirement, Relation.MISSING, self._answer.place, f"no body for {key}")
            return
        if self.schema.place is None:
            yield Found(requirement, Relation.MISSING, self._media.place, f"no schema for the body of {key}")
            return
        by_place: dict[tuple[tuple[str, ...], str], list[probes.AnswerProbe]] = {}
        for probe, value in self._possible:
            if self.schema.admits(value) and not self._may_be_unnamed(probe.member):
                by_place.setdefault(probe.carried, []).append(probe)
        for (steps, keyword), several in by_place.items():
            others = f" (and {len(several) - 1} more like it)" if len(several) > 1 else ""
            named = self._reader.names(self.schema, Spot(self._status, several[0].member))
            spot = Spot(self._status, steps, keyword)
            shows = f"{key} {several[0].words}: valid{others}"
            yield Found(
                requirement, Relation.LOOSER if named else Relation.MISSING, *self._reader.stands(self.schema, spot), shows, spot=spot
            )
        whole = any(
            one.status == self._status and not one.steps and one.keyword == "type" for one in spots(place_of(contract()[requirement]))
        )
        if whole and not by_place:
            yield from self._of_another_object(requirement, key)

    def _may_be_unnamed(self, member: tuple[str, ...]) -> bool:
        """Tell whether the document leaves a member unnamed that the contract lets be missing: then it promises nothing of it."""
        known = max(n for n in range(len(member) + 1) if self.schema.find(member[:n]) is not None)
        if known == len(member) or member[known] == "*":
            return False
        schema = own().schema(self._status)
        required = schema.keyword(member[:known], "required") if schema is not None else None
        return required is None or member[known] not in own().files.value(required)

    def _of_another_object(self, requirement: str, key: str) -> Iterator[Found]:
        """Yield that an object is described which has none of the documented members, or says nothing of them."""
        members = probes.stranger(self._status)
        stranger = {**self._base, **members} if isinstance(self._base, dict) else members
        if members and self.schema.place is not None and self.schema.admits(stranger):
            place = self._reader.files.follow(self.schema.place)
            shows = f"{key} with a number for each of {', '.join(members)}: valid"
            says = brief(self._reader.files.value(place))
            yield Found(requirement, Relation.MISSING, place, says, shows, spot=Spot(self._status))


def notes(reader: Reader) -> Iterator[str]:
    """Yield a note on each answer of which the document refuses the documentation's own example: it promises more, or another form."""
    for status in sorted(contract().documented_statuses):
        schema = reader.schema(status)
        refusals = schema.refusals(probes.examples(status)[0]) if schema is not None else []
        if refusals:
            place, says = reader.keyword(refusals[0].keyword)
            yield f"{status}: the documentation's own example is not valid in the document, by {says} ({reader.files.shown(place)})"
