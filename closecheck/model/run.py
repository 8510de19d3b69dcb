"""
One recorded run: its lines, the results that follow from them, and the verdict.

Every number in every report is computed here.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from closecheck.model.moments import Moments
from closecheck.model.requirements import OTHER, Area, Choice, Requirement, is_later
from closecheck.model.results import MOST_FINDINGS, Broken, Result, fold, headline, reason
from closecheck.model.run_lines import (
    Closed,
    Closing,
    Evidence,
    ExchangeLine,
    Finding,
    Line,
    Note,
    Observation,
    Opening,
    Surplus,
    Tally,
    Wait,
    Waiver,
)
from closecheck.model.run_stream import RunFault
from closecheck.model.vocabulary import Exit, Level, Outcome, Status, Verdict


class Run:
    """
    One recorded run, immutable; every number in every report is computed here.

    ``exchanges`` holds the recorded exchanges where they stay elsewhere, such as in their file, and are only looked at; without
    it they are kept in memory.

    Raises:
        RunFault: the stream is empty, does not start with an opening, or repeats an exchange.

    """

    def __init__(self, lines: Iterable[Line], exchanges: Mapping[int, ExchangeLine] | None = None) -> None:
        self.evidence: list[Evidence] = []
        self.tallies: list[Tally] = []
        self.surpluses: list[Surplus] = []
        self.observations: list[Observation] = []
        self.waits: list[Wait] = []
        self.closed: list[Closed] = []
        self.notes: list[Note] = []
        kept: dict[int, ExchangeLine] = {}
        self.exchanges: Mapping[int, ExchangeLine] = kept if exchanges is None else exchanges
        """The recorded exchanges by their numbers, in the order of the record."""
        self.moments = Moments()
        opening: Opening | None = None
        self.closing: Closing | None = None
        for line in lines:
            match line:
                case Opening():
                    opening = line
                case ExchangeLine():
                    self.moments.add(line)
                    if exchanges is None:
                        kept[line.number] = line
                case Evidence():
                    self.evidence.append(line)
                case Tally():
                    self.tallies.append(line)
                case Surplus():
                    self.surpluses.append(line)
                case Observation():
                    self.observations.append(line)
                case Wait():
                    self.waits.append(line)
                case Closed():
                    self.closed.append(line)
                case Note():
                    self.notes.append(line)
                case Closing():
                    self.closing = line
        if opening is None:
            raise RunFault("the stream has no opening line: this is not a recorded run, or it was cut off at once")
        if (twice := self.moments.numbers.repeated()) is not None:
            raise RunFault(f"exchange {twice} is recorded twice")
        self.opening: Opening = opening

    # -- numbers

    @property
    def complete(self) -> bool:
        """Whether the run ended by itself: its last line is there and it was not interrupted."""
        return self.closing is not None and not self.closing.interrupted

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return self.closing.requests if self.closing else len(self.moments.numbers)

    @property
    def seconds(self) -> float:
        """How long the run took, seconds."""
        if self.closing:
            return self.closing.seconds
        return max(map(operator.add, self.moments.sent, self.moments.seconds), default=0.0)

    @property
    def edition(self) -> str:
        """The edition that decides: the pinned one, or the catalogue's own."""
        return self.opening.edition or self.opening.catalogue.edition

    @cached_property
    def decisive(self) -> tuple[Evidence, ...]:
        """The evidence that decides: what cases of the edition say; what those of later ones say is advice."""
        return tuple(one for one in self.evidence if not is_later(one.since, self.edition))

    @cached_property
    def results(self) -> tuple[Result, ...]:
        """One result for each requirement of the edition, in the catalogue's order; cases of later editions have no part in it."""
        requirements = [one for one in self.opening.catalogue.requirements if not is_later(one.since, self.edition)]
        return self._shown(self._results([self._as_of_the_edition(one) for one in requirements], self.decisive))

    @cached_property
    def advice(self) -> tuple[Result, ...]:
        """
        What later editions than the pinned one would say: their requirements, then what their cases find on older ones.

        It has no part in the verdict, the exit code and the counts.
        """
        requirements = self.opening.catalogue.requirements
        later = [one for one in requirements if is_later(one.since, self.edition)]
        older = [one for one in requirements if not is_later(one.since, self.edition)]
        found = [one for one in self.evidence if is_later(one.since, self.edition) and one.outcome is Outcome.BROKEN]
        on_older = (one for one in self._results(older, found) if one.findings)
        return (*self._results(later, self.evidence), *on_older)

    def _shown(self, results: Sequence[Result]) -> tuple[Result, ...]:
        """Return the results with each that is not applicable untested where not all was asked that could show otherwise."""
        unknown = {one.requirement.id for one in results if one.status in {Status.UNTESTED, Status.ERROR}}

        def shown(result: Result) -> Result:
            condition = result.requirement.conditional
            if result.status is not Status.NOT_APPLICABLE or condition is None:
                return result
            missing = [name for name in condition.asked_by if name in unknown]
            if not missing and self.complete and not self.opening.selection:
                return result
            why = f"{', '.join(missing)} could not be tested" if missing else "this run did not ask everything"
            return msgspec.structs.replace(result, status=Status.UNTESTED, reason=f"{condition.absent} so far, but {why}")

        return tuple(map(shown, results))

    def _as_of_the_edition(self, requirement: Requirement) -> Requirement:
        """Return a requirement without the parts that only cases of later editions ask for."""
        stated = self._parts.get(requirement.id, {})
        later = [part for part, is_of_edition in stated.items() if not is_of_edition]
        if not later:
            return requirement
        return msgspec.structs.replace(requirement, parts=tuple(part for part in requirement.parts if part not in later))

    @cached_property
    def _parts(self) -> dict[str, dict[str, bool]]:
        """Of requirements that cases of later editions speak of: their parts, and whether a case of the edition does, too."""
        stated: defaultdict[str, dict[str, bool]] = defaultdict(dict)
        for one in self.evidence:
            if is_later(one.since, self.edition):
                stated[one.requirement].setdefault(one.part, False)
        for one in self.decisive:
            if one.requirement in stated:
                stated[one.requirement][one.part] = True
        return stated

    def _results(self, requirements: Iterable[Requirement], evidence: Iterable[Evidence]) -> tuple[Result, ...]:
        by_requirement: defaultdict[str, list[Evidence]] = defaultdict(list)
        for one in evidence:
            by_requirement[one.requirement].append(one)
        counted: defaultdict[str, int] = defaultdict(int)
        for tally in self.tallies:
            counted[tally.requirement] += tally.exchanges
            if tally.exchanges:
                by_requirement[tally.requirement].append(Evidence(tally.requirement, Outcome.HELD, "every exchange", tally.part))
        waived = self.closing.waived if self.closing else {}
        return tuple(
            self._result(requirement, by_requirement[requirement.id], counted[requirement.id], waived) for requirement in requirements
        )

    def _result(self, requirement: Requirement, evidence: Sequence[Evidence], counted: int, waived: Mapping[str, Waiver]) -> Result:
        catalogue, given = self.opening.catalogue, self.opening.out_of_scope
        scoped_out = catalogue.scope(given, requirement)
        if aside := catalogue.parts_out_of_scope(given, requirement):
            evidence = [one for one in evidence if one.part not in aside or one.outcome is Outcome.BROKEN]
            requirement = msgspec.structs.replace(requirement, parts=tuple(part for part in requirement.parts if part not in aside))
        waiver = waived.get(requirement.id)
        status = fold(requirement, evidence, strict=self.opening.strict, waived=waiver is not None, scoped_out=scoped_out)
        broken = [one for one in evidence if one.outcome is Outcome.BROKEN and one.finding]
        exchanges = {number for one in evidence for number in one.exchanges}
        return Result(
            requirement=requirement,
            status=status,
            exchanges=max(counted, len(exchanges)),
            reason=reason(
                requirement,
                status,
                evidence,
                scoped_out=scoped_out,
                waiver=waiver,
                complete=self.complete,
                selection=self.opening.selection,
            ),
            supply=tuple(dict.fromkeys(one.supply for one in evidence if one.supply and one.outcome is Outcome.UNTESTED)),
            findings=tuple(self._broken(requirement, one) for one in broken[:MOST_FINDINGS]),
            occurrences=len(broken) + self._beyond(evidence),
        )

    def _beyond(self, evidence: Sequence[Evidence]) -> int:
        """Return how often more than the evidence shows a requirement was broken, by cases of the editions that the evidence speaks of."""
        kinds = {(one.requirement, is_later(one.since, self.edition)) for one in evidence if one.outcome is Outcome.BROKEN}
        return sum(one.findings for one in self.surpluses if (one.requirement, is_later(one.since, self.edition)) in kinds)

    def _broken(self, requirement: Requirement, one: Evidence) -> Broken:
        finding = one.finding or Finding("", "")
        witness = self.exchanges.get(one.exchanges[-1]) if one.exchanges else None
        base = self.exchanges.get(witness.base) if witness and witness.base else None
        if not finding.because:
            finding = msgspec.structs.replace(finding, because=requirement.consequence)
        return Broken(one, finding, witness, base)

    @cached_property
    def causes(self) -> dict[str, tuple[str, ...]]:
        """What lies behind findings against several requirements, in words, with the ids of these requirements."""
        found: dict[str, dict[str, None]] = {}
        for result in self.results:
            for broken in result.findings:
                if broken.finding.cause:
                    found.setdefault(broken.finding.cause, {})[result.requirement.id] = None
        return {cause: tuple(named) for cause, named in found.items()}

    def with_status(self, *statuses: Status) -> list[Result]:
        """Return the results that have one of these statuses."""
        return [result for result in self.results if result.status in statuses]

    def counts(self, level: Level | None = None) -> dict[Status, int]:
        """Return how many requirements (of a level) have each status, every status included."""
        counted = dict.fromkeys(Status, 0)
        for result in self.results:
            if level in (None, result.requirement.level):
                counted[result.status] += 1
        return counted

    @property
    def tested(self) -> int:
        """How many requirements were tested and judged: all but the untested, the errors, those out of scope and not applicable."""
        return sum(result.status.tested for result in self.results)

    @cached_property
    def verdict(self) -> Verdict:
        """Suite fault, then not conformant, then incomplete, then conformant."""
        closing = self.closing
        if closing and (closing.suite_fault or closing.stopped):
            return Verdict.ERROR
        if self.with_status(Status.FAIL) or (closing and closing.waiver_faults):
            return Verdict.NON_CONFORMANT
        untested = [r for r in self.with_status(Status.UNTESTED, Status.ERROR) if r.requirement.level is Level.MUST]
        if untested or not self.complete:
            return Verdict.INCOMPLETE
        return Verdict.CONFORMANT

    @cached_property
    def exit_code(self) -> Exit:
        """The exit code of the run; where several apply: interrupted, suite fault, not conformant, incomplete."""
        if self.closing is None or self.closing.interrupted:
            return Exit.INTERRUPTED
        if self.closing.stopped:
            return Exit.USAGE
        return {
            Verdict.ERROR: Exit.SUITE_FAULT,
            Verdict.NON_CONFORMANT: Exit.NON_CONFORMANT,
            Verdict.INCOMPLETE: Exit.INCOMPLETE,
            Verdict.CONFORMANT: Exit.CONFORMANT,
        }[self.verdict]

    @cached_property
    def headline(self) -> str:
        """The verdict and its denominator in one sentence."""
        return headline(self.verdict, self.results, self.notes, self.closing)

    def change(self, broken: Broken) -> str:
        """Return the one edit of the request that a finding was made on; empty if it edits none."""
        witness = broken.witness
        return broken.finding.change or (witness.change or self._changes.get(witness.number, "") if witness else "")

    @cached_property
    def _changes(self) -> dict[int, str]:
        """The one edit of each exchange that a finding names it for; a clause for every exchange does not know it itself."""
        named = ((number, one.finding.change) for one in self.evidence if one.finding for number in one.exchanges[-1:])
        return {number: change for number, change in named if change}

    def by_area(self) -> Iterator[tuple[Area, list[Result]]]:
        """Yield each area with its results, in the catalogue's order; last what stands in no listed area, if there is any."""
        areas = self.opening.catalogue.areas
        for area in areas:
            yield area, [result for result in self.results if result.requirement.area == area.id]
        listed = {area.id for area in areas}
        if other := [result for result in self.results if result.requirement.area not in listed]:
            yield OTHER, other

    @cached_property
    def choices(self) -> tuple[tuple[Choice, Observation | None], ...]:
        """Every question that the edition leaves to the target with what was observed, or None."""
        return tuple(one for one in self._choices if not is_later(one[0].since, self.edition))

    @cached_property
    def later_choices(self) -> tuple[tuple[Choice, Observation | None], ...]:
        """The same for the questions of later editions, which are reported beside the advice."""
        return tuple(one for one in self._choices if is_later(one[0].since, self.edition))

    @cached_property
    def _choices(self) -> tuple[tuple[Choice, Observation | None], ...]:
        observed: defaultdict[str, list[Observation]] = defaultdict(list)
        for one in self.observations:
            observed[one.choice].append(one)
        return tuple((choice, _merged(observed[choice.id])) for choice in self.opening.catalogue.choices)


def _merged(observations: Sequence[Observation]) -> Observation | None:
    if not observations:
        return None
    texts = dict.fromkeys(one.observed for one in observations)
    numbers = dict.fromkeys(number for one in observations for number in one.exchanges)
    return Observation(observations[0].choice, "; ".join(texts), tuple(numbers))
