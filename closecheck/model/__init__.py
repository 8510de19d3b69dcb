"""
The words of the suite as frozen values: no I/O, no judgement of a target, no knowledge of pytest.

Everything that is written to ``run.jsonl`` or read from ``spec/`` is a type of this module, so that it is parsed and checked
once, at the edge.
How evidence folds into results and results into a verdict is stated here and nowhere else.
"""

from __future__ import annotations

import base64
import bisect
import enum
import fnmatch
import itertools
import operator
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, dataclass_transform

import msgspec
from msgspec import field


@dataclass_transform(field_specifiers=(msgspec.field,), frozen_default=True)
class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A frozen value that refuses members it does not know."""


# ---------------------------------------------------------------------------------------------------------- vocabulary


class Level(enum.StrEnum):
    """How binding a requirement is (RFC 2119)."""

    MUST = "MUST"
    """The page says it, or the standards it builds on leave no choice. Broken: the target does not conform."""
    SHOULD = "SHOULD"
    """Good practice that the page implies. Broken: a warning, a failure under ``--strict``."""


class Outcome(enum.StrEnum):
    """What one piece of evidence says, whatever the level of its requirement."""

    HELD = "held"
    """The target did what the requirement asks."""
    BROKEN = "broken"
    """The target did something else; a finding says what."""
    UNTESTED = "untested"
    """A means was missing or something that comes first failed; the reason says which."""
    ERROR = "error"
    """The suite or the connection failed; never the target's fault."""
    ABSENT = "absent"
    """The condition of a conditional requirement never arose, although it was asked for."""


class Status(enum.StrEnum):
    """The result of one requirement in one run."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    """Every necessary part ran and held."""
    FAIL = "fail"
    """Broken, and a MUST (or a SHOULD under ``--strict``)."""
    WARNING = "warning"
    """Broken, and a SHOULD."""
    UNTESTED = "untested"
    """Not, or not wholly, tested; the reason says what to supply."""
    ERROR = "error"
    """The suite or the connection failed."""
    WAIVED = "waived"
    """Broken, known, and excused until a date."""
    OUT_OF_SCOPE = "out-of-scope"
    """Declared in the target file as not this target's business, and not seen broken."""
    NOT_APPLICABLE = "not-applicable"
    """Conditional, and the target lawfully never does what the condition asks for; counts like a pass for the verdict."""

    @property
    def tested(self) -> bool:
        """Whether the requirement was tested and judged; the others say nothing about the target."""
        return self is Status.PASS or self.broken

    @property
    def broken(self) -> bool:
        """Whether the requirement was seen broken, excused or not."""
        return self in {Status.FAIL, Status.WARNING, Status.WAIVED}


class Verdict(enum.StrEnum):
    """The answer of a whole run."""

    CONFORMANT = "conformant"
    """Every MUST in scope was tested and held (or is waived)."""
    NON_CONFORMANT = "non-conformant"
    """At least one requirement failed."""
    INCOMPLETE = "incomplete"
    """Nothing failed, but a MUST in scope could not be tested."""
    ERROR = "error"
    """There is no answer: the suite failed, or there was nothing to judge."""

    @property
    def words(self) -> str:
        """What people read for it."""
        return {"non-conformant": "not conformant", "error": "no verdict"}.get(self.value, self.value)


class Exit(enum.IntEnum):
    """Exit codes, pytest's numbers."""

    CONFORMANT = 0
    NON_CONFORMANT = 1
    INTERRUPTED = 2
    SUITE_FAULT = 3
    USAGE = 4
    INCOMPLETE = 5


class Effect(enum.StrEnum):
    """What a request does to the target if the target takes it."""

    NONE = "none"
    """Nothing: it is to be refused, or it names only ids that cannot exist."""
    CLOSES = "closes"
    """It closes existing requests; needs consent (``may_close``)."""


class Profile(enum.StrEnum):
    """How much exploration follows the deterministic core."""

    QUICK = "quick"
    """The core alone."""
    STANDARD = "standard"
    """The core and a bounded, seeded exploration."""
    DEEP = "deep"
    """The core and minutes of exploration."""


# ------------------------------------------------------------------------------------------------------------- contract


class Area(Struct):
    """A chapter of the catalogue."""

    id: str
    title: str


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
        places = [self.place, f"the page, {self.page}" if self.page else "", self.standard]
        return " · ".join(place for place in places if place)


class Choice(Struct):
    """A question that the page leaves to the target; observed, never failed."""

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

        ``lines`` tells where in ``spec/openapi.yaml`` each pointer points.
        """
        kept = (msgspec.structs.replace(one, mistakes=None, line=lines.get(one.openapi, 0)) for one in self.requirements)
        return msgspec.structs.replace(self, requirements=tuple(kept))


# ----------------------------------------------------------------------------------------------------- the wire, as seen

Headers = tuple[tuple[str, str], ...]
"""Field names and values in wire order, names as they were written."""


def header(headers: Headers, name: str) -> str | None:
    """Return the values of a field, joined by commas (RFC 9110, 5.3), or None if it is absent."""
    values = [value for key, value in headers if key.lower() == name.lower()]
    return ", ".join(values) if values else None


Chunking = Literal["plain", "extensions", "capitals", "leading-zeros", "trailers"]
"""How chunks are written: plainly; or with an extension each, sizes in capitals, sizes with zeros before them, or trailer fields at the end."""


class Request(Struct):
    """One request as it goes onto the wire: ``target`` is path and query, ``body`` its bytes before any chunking."""

    method: str
    target: str
    headers: Headers
    body: bytes = b""
    chunks: tuple[int, ...] = ()
    """Sizes of the chunks in which the body is sent; empty: sent whole, with Content-Length unless the headers lack it."""
    chunking: Chunking = "plain"
    """How the chunks are written."""


class Response(Struct):
    """
    One complete answer: ``body`` after its codings are undone; ``coding`` is the Content-Encoding field as it stands.

    Where a coding cannot be undone the body is as it was before that was tried.
    """

    status: int
    reason: str
    version: str
    headers: Headers
    body: bytes = b""
    coding: str = ""
    spoiled: str = ""
    """Why a coding that the answer names, and that is known, cannot be undone: such a body is not JSON, whatever it looks like."""
    unknown_coding: str = ""
    """A coding that the answer names, and that is not known here: nothing can be said of such a body."""

    def header(self, name: str) -> str | None:
        """Return the values of a field, joined by commas, or None."""
        return header(self.headers, name)


class FailureKind(enum.StrEnum):
    """Why a request got no complete, well-framed answer."""

    UNREACHABLE = "unreachable"
    """No connection could be made."""
    TIMEOUT = "timeout"
    """No complete answer within the time limit."""
    DROPPED = "dropped"
    """The connection was closed or reset before the first byte of an answer."""
    CUT = "cut"
    """The connection was closed or reset within the answer."""
    MALFORMED = "malformed"
    """What came back is not a well-framed HTTP answer."""
    ENDLESS = "endless"
    """The answer went on beyond the size limit."""

    @property
    def received(self) -> bool:
        """Whether something was received that is no answer in order: evidence by itself, on whatever connection it came."""
        return self in {FailureKind.CUT, FailureKind.MALFORMED, FailureKind.ENDLESS}


class Failure(Struct):
    """The absence of an answer, in words."""

    kind: FailureKind
    detail: str

    @property
    def words(self) -> str:
        """What happened, as it stands behind ``no answer:``; a detail alone may only say how far the answer had come."""
        match self.kind:
            case FailureKind.TIMEOUT:
                return f"the time limit passed {self.detail}"
            case FailureKind.DROPPED | FailureKind.CUT:
                return f"the connection was closed {self.detail}"
            case _:
                return self.detail


class Timing(Struct):
    """Seconds: when the request was sent, counted from the start of the run, and how long its answer took."""

    sent: float
    seconds: float
    connection: int = 0
    fresh: bool = True


class Body(Struct):
    """A recorded body: its size in bytes, and its text, or base64 where it is no UTF-8; cut if it is long."""

    size: int
    text: str | None = None
    base64: str | None = None
    cut: bool = False

    @classmethod
    def of(cls, data: bytes, *, limit: int) -> Body:
        """Record at most ``limit`` bytes of a body."""
        kept = data[:limit]
        cut = len(kept) < len(data)
        try:
            return cls(size=len(data), text=kept.decode("utf-8", "strict" if not cut else "ignore"), cut=cut)
        except UnicodeDecodeError:
            return cls(size=len(data), base64=base64.b64encode(kept).decode("ascii"), cut=cut)

    @property
    def data(self) -> bytes:
        """The bytes that were kept."""
        if self.base64 is not None:
            return base64.b64decode(self.base64)
        return (self.text or "").encode()


class SentRequest(Struct):
    """A request as it is recorded: redacted, with the name of the caller instead of the token."""

    method: str
    url: str
    headers: Headers
    body: Body
    caller: str
    chunked: bool = False


class ReceivedResponse(Struct):
    """An answer as it is recorded: redacted."""

    status: int
    reason: str
    version: str
    headers: Headers
    body: Body

    def header(self, name: str) -> str | None:
        """Return the values of a field, joined by commas, or None."""
        return header(self.headers, name)


# ------------------------------------------------------------------------------------------------------- the run stream


class ProofFigures(Struct):
    """
    What the last proof of an edition came to: the suite against targets of which it is known what is wrong with them.

    A trial is one run against one target; a proof with fewer trials than ``every`` is a sample.
    """

    edition: str
    profile: Profile
    faults: int
    """Faulty targets judged."""
    killed: int
    """Of these, how many were found to break a requirement that they do break."""
    blamed_right: int
    """Of the killed, on how many nothing else was blamed."""
    variants: int
    """Lawful oddities judged."""
    lawful_runs: int
    """Runs against lawful targets: the reference, each variant, and several at a time."""
    false_alarms: int
    """Of these, in how many anything was blamed."""
    trials: int
    every: int
    """How many trials a whole proof has."""


class Setting(Struct):
    """One setting with its provenance: ``option``, ``environment``, ``target file``, ``profile`` or ``default``."""

    name: str
    value: str
    origin: str


class Opening(Struct, tag="run"):
    """The first line of a run: who judged what, when, how, and against which catalogue."""

    suite: str
    started: str
    target: str
    base_url: str
    profile: Profile
    seed: int
    strict: bool
    settings: tuple[Setting, ...]
    catalogue: Catalogue
    out_of_scope: dict[str, str] = field(default_factory=dict)
    selection: str = ""
    """What ``--only`` or ``-k`` chose; empty: everything."""
    spec_digest: str = ""
    edition: str = ""
    """The edition that the user pinned: what later ones introduced is advice. Empty: the catalogue's own."""
    proof: ProofFigures | None = None
    """What the proof of the suite came to; None where it is not kept."""
    mark: str = ""
    """What told the run from every other: its messages and the ids that cannot exist are made of it; empty in runs before there were marks."""


class ExchangeLine(Struct, tag="exchange"):
    """One request and its answer as they were on the wire, redacted."""

    number: int
    case: str
    request: SentRequest
    timing: Timing
    response: ReceivedResponse | None = None
    failure: Failure | None = None
    base: int = 0
    """The number of the accepted exchange that this one differs from by one edit; 0: none."""
    change: str = ""
    """That edit, where the case names it."""


class Finding(Struct):
    """Expected against got, once. ``change`` is the one edit that turns an accepted request into this one."""

    expected: str
    got: str
    because: str = ""
    change: str = ""
    cause: str = ""
    """What lies behind it and behind findings against other requirements as well, in words; empty: nothing that is known."""


class Evidence(Struct, tag="evidence"):
    """What one case says about one part of one requirement."""

    requirement: str
    outcome: Outcome
    case: str
    part: str = ""
    exchanges: tuple[int, ...] = ()
    finding: Finding | None = None
    reason: str = ""
    supply: str = ""
    """The line of the target file that would supply a missing means."""
    since: str = ""
    """The edition that introduced the case; empty: that of its requirement."""


class Tally(Struct, tag="tally"):
    """How many exchanges a clause that holds for every exchange has judged and found held."""

    requirement: str
    exchanges: int
    part: str = ""


class Surplus(Struct, tag="surplus"):
    """How often a clause that holds for every exchange was broken beyond the findings that are recorded one by one."""

    requirement: str
    findings: int
    since: str = ""
    """The edition that introduced the cases that broke it; empty: that of the requirement."""


class Observation(Struct, tag="choice"):
    """What the target does where the page leaves it free."""

    choice: str
    observed: str
    exchanges: tuple[int, ...] = ()


PACE = "pace"
"""What a note is about that says what was found of a limit, and what rate: keeps below it."""
UNDER_LOAD = "under load"
"""What the cause of a finding begins with that was made while the run sent faster than the target lets through: one request alone does not show it."""
LOAD = "load"
"""What a note is about that belongs into the first sentence of a report: so much was refused that little was seen of the target."""


class Wait(Struct, tag="wait"):
    """A pause of the run and why it was made, seconds from the start of the run."""

    at: float
    seconds: float
    reason: str


class Closed(Struct, tag="closed"):
    """Requests that a 202 of this run closes on the target."""

    ids: tuple[str, ...]
    exchange: int


class Waiver(Struct):
    """A known failure that is excused until a date (``expires``, ISO 8601, the last day on which it holds)."""

    requirement: str
    reason: str
    owner: str
    issue: str
    expires: str


class Note(Struct, tag="note"):
    """A sentence of the suite about the run, for people: ``about`` is one word to sort it by."""

    about: str
    text: str


class Closing(Struct, tag="end"):
    """The last line of a run. A run without it was cut off."""

    seconds: float
    requests: int
    interrupted: bool = False
    suite_fault: str = ""
    stopped: str = ""
    """Why the run ended before it began; empty otherwise."""
    waived: dict[str, Waiver] = field(default_factory=dict)
    """Waivers in force, by requirement."""
    waiver_faults: tuple[str, ...] = ()
    """Stale or expired waivers, a sentence each; they fail the run."""
    explored: int = 0
    """Requests of the exploration that were counted but not recorded."""


Line = Opening | ExchangeLine | Evidence | Tally | Surplus | Observation | Wait | Closed | Note | Closing


# ------------------------------------------------------------------------------------------------------------ the result


class Broken(Struct):
    """A finding with what it was found on."""

    evidence: Evidence
    finding: Finding
    witness: ExchangeLine | None
    base: ExchangeLine | None


class Result(Struct):
    """What a run says about one requirement."""

    requirement: Requirement
    status: Status
    exchanges: int
    reason: str = ""
    supply: tuple[str, ...] = ()
    findings: tuple[Broken, ...] = ()
    occurrences: int = 0
    """How often the finding was made; at least the number of findings kept."""


UNWAIVABLE_SCOPE = ("CAR-OP-*", "CAR-BODY-*", "CAR-IDS-*")
"""Patterns of requirements that cannot be put out of scope, but for those that need a means as a whole."""


def edition_key(edition: str) -> tuple[int, ...]:
    """Return what editions are ordered by: ``2026.10`` is later than ``2026.9``; what is no number counts as 0."""
    return tuple(int(part) if part.isdecimal() else 0 for part in edition.split("."))


def is_later(since: str, edition: str) -> bool:
    """Tell whether what ``since`` introduced is later than an edition; what says no edition is of every one."""
    return bool(since) and edition_key(since) > edition_key(edition)


def matches(pattern: str, requirement_id: str) -> bool:
    """Tell whether a pattern such as ``CAR-RATE-*`` names a requirement."""
    return fnmatch.fnmatchcase(requirement_id, pattern)


def fold(requirement: Requirement, evidence: Iterable[Evidence], *, strict: bool, waived: bool, scoped_out: str) -> Status:
    """
    Fold all evidence on one requirement into its status: fail > warning > error > untested > pass.

    ``scoped_out`` is the reason for which the target file puts it out of scope, or empty: what is out of scope still
    fails if it is met and broken. A conditional requirement of which nothing held and something was absent is not
    applicable; of any other requirement what was absent is untested.
    """
    seen = list(evidence)
    outcomes = {one.outcome for one in seen}
    if requirement.conditional is None and Outcome.ABSENT in outcomes:
        outcomes = outcomes - {Outcome.ABSENT} | {Outcome.UNTESTED}
    if Outcome.BROKEN in outcomes:
        if waived:
            return Status.WAIVED
        return Status.FAIL if requirement.level is Level.MUST or strict else Status.WARNING
    if scoped_out:
        return Status.OUT_OF_SCOPE
    if Outcome.ERROR in outcomes:
        return Status.ERROR
    parts_seen = {one.part for one in seen if one.outcome in {Outcome.HELD, Outcome.ABSENT}}
    if outcomes == {Outcome.ABSENT}:
        return Status.NOT_APPLICABLE
    if Outcome.UNTESTED in outcomes or not parts_seen or not parts_seen.issuperset(requirement.parts):
        return Status.UNTESTED
    return Status.PASS


class RunFault(ValueError):
    """A recorded run that cannot be read; the message says which line and why."""


class Numbers:
    """
    The numbers of exchanges in the order of the record, in an array: eight bytes each, where a dictionary takes a hundred.

    Raises:
        RunFault: :meth:`append` is given a number that no array can hold.

    """

    def __init__(self) -> None:
        self._numbers = array("q")
        self._ascending = True
        self._sorted = array("q")
        """Where each number stands, least number first; made when it is needed, and only if the record is not ascending."""

    def append(self, number: int) -> None:
        """Add the number of the exchange that is recorded next."""
        if self._numbers and number <= self._numbers[-1]:
            self._ascending = False
        try:
            self._numbers.append(number)
        except OverflowError:
            raise RunFault(f"exchange {number}: no run has so many") from None

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def place(self, number: int) -> int | None:
        """Return where in the record an exchange stands, counted from 0, or None if it is not there."""
        if self._ascending:
            at = place = bisect.bisect_left(self._numbers, number)
        else:
            order = self._order()
            at = bisect.bisect_left(order, number, key=self._numbers.__getitem__)
            place = order[at] if at < len(order) else -1
        return place if at < len(self._numbers) and self._numbers[place] == number else None

    def repeated(self) -> int | None:
        """Return a number that stands there twice, or None."""
        if self._ascending:
            return None
        order = self._order()
        inorder = (self._numbers[place] for place in order)
        return next((one for one, after in itertools.pairwise(inorder) if one == after), None)

    def _order(self) -> array[int]:
        if len(self._sorted) != len(self._numbers):
            self._sorted = array("q", sorted(range(len(self._numbers)), key=self._numbers.__getitem__))
        return self._sorted


class Moments:
    """When each recorded exchange was sent and how long it took, in seconds: all that a report needs of most of them."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self.sent = array("d")
        """Seconds from the start of the run, in the order of the record."""
        self.seconds = array("d")
        """How long each took."""
        self.answers = array("d")
        """How long those took that were answered."""

    def add(self, line: ExchangeLine) -> None:
        """Take down one exchange."""
        self.numbers.append(line.number)
        self.sent.append(line.timing.sent)
        self.seconds.append(line.timing.seconds)
        if line.response is not None:
            self.answers.append(line.timing.seconds)

    def took(self, number: int) -> float:
        """Return how long an exchange took, or 0 if it is not recorded."""
        place = self.numbers.place(number)
        return 0.0 if place is None else self.seconds[place]


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
        told = self._parts.get(requirement.id, {})
        later = [part for part, is_of_edition in told.items() if not is_of_edition]
        if not later:
            return requirement
        return msgspec.structs.replace(requirement, parts=tuple(part for part in requirement.parts if part not in later))

    @cached_property
    def _parts(self) -> dict[str, dict[str, bool]]:
        """Of requirements that cases of later editions speak of: their parts, and whether a case of the edition does, too."""
        told: defaultdict[str, dict[str, bool]] = defaultdict(dict)
        for one in self.evidence:
            if is_later(one.since, self.edition):
                told[one.requirement].setdefault(one.part, False)
        for one in self.decisive:
            if one.requirement in told:
                told[one.requirement][one.part] = True
        return told

    def _results(self, requirements: Iterable[Requirement], evidence: Iterable[Evidence]) -> tuple[Result, ...]:
        by_requirement: defaultdict[str, list[Evidence]] = defaultdict(list)
        for one in evidence:
            by_requirement[one.requirement].append(one)
        counted: defaultdict[str, int] = defaultdict(int)
        for tally in self.tallies:
            counted[tally.requirement] += tally.exchanges
            if tally.exchanges:
                by_requirement[tally.requirement].append(
                    Evidence(tally.requirement, Outcome.HELD, "every exchange", tally.part)
                )
        waived = self.closing.waived if self.closing else {}
        return tuple(
            self._result(requirement, by_requirement[requirement.id], counted[requirement.id], waived)
            for requirement in requirements
        )

    def _result(
        self, requirement: Requirement, evidence: Sequence[Evidence], counted: int, waived: Mapping[str, Waiver]
    ) -> Result:
        catalogue, given = self.opening.catalogue, self.opening.out_of_scope
        scoped_out = catalogue.scope(given, requirement)
        if aside := catalogue.parts_out_of_scope(given, requirement):
            evidence = [one for one in evidence if one.part not in aside or one.outcome is Outcome.BROKEN]
            requirement = msgspec.structs.replace(requirement, parts=tuple(part for part in requirement.parts if part not in aside))
        waiver = waived.get(requirement.id)
        status = fold(
            requirement,
            evidence,
            strict=self.opening.strict,
            waived=waiver is not None,
            scoped_out=scoped_out,
        )
        broken = [one for one in evidence if one.outcome is Outcome.BROKEN and one.finding]
        exchanges = {number for one in evidence for number in one.exchanges}
        return Result(
            requirement=requirement,
            status=status,
            exchanges=max(counted, len(exchanges)),
            reason=self._reason(requirement, status, evidence, scoped_out, waiver),
            supply=tuple(dict.fromkeys(one.supply for one in evidence if one.supply and one.outcome is Outcome.UNTESTED)),
            findings=tuple(self._broken(requirement, one) for one in broken[:MOST_FINDINGS]),
            occurrences=len(broken) + self._beyond(evidence),
        )

    def _beyond(self, evidence: Sequence[Evidence]) -> int:
        """Return how often more than the evidence shows a requirement was broken, by cases of the editions that the evidence speaks of."""
        kinds = {(one.requirement, is_later(one.since, self.edition)) for one in evidence if one.outcome is Outcome.BROKEN}
        return sum(one.findings for one in self.surpluses if (one.requirement, is_later(one.since, self.edition)) in kinds)

    def _reason(
        self, requirement: Requirement, status: Status, evidence: Sequence[Evidence], scoped_out: str, waiver: Waiver | None
    ) -> str:
        match status:
            case Status.OUT_OF_SCOPE:
                return scoped_out
            case Status.PASS:
                return _joined(one.reason for one in evidence if one.outcome is Outcome.HELD)
            case Status.NOT_APPLICABLE:
                return _joined(one.reason for one in evidence if one.outcome is Outcome.ABSENT)
            case Status.WAIVED if waiver:
                return f"{waiver.reason} ({waiver.owner}, {waiver.issue}, until {waiver.expires})"
            case Status.ERROR:
                return _joined(one.reason for one in evidence if one.outcome is Outcome.ERROR)
            case Status.UNTESTED:
                reasons = _joined(one.reason for one in evidence if one.outcome is Outcome.UNTESTED)
                if reasons:
                    return reasons
                if not self.complete:
                    return "the run ended before this was tested"
                if self.opening.selection:
                    return f"not selected by {self.opening.selection}"
                ran = {one.part for one in evidence}
                missing = [part for part in requirement.parts if part not in ran]
                return f"these parts did not run: {', '.join(missing)}" if ran and missing else "no test covers it yet"
            case _:
                return ""

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
        closing = self.closing
        if closing and closing.stopped:
            return f"no verdict: {closing.stopped}"
        if closing and closing.suite_fault:
            return f"no verdict: the suite itself failed ({closing.suite_fault})"
        total = len(self.results)
        failed, waived = len(self.with_status(Status.FAIL)), len(self.with_status(Status.WAIVED))
        out_of_scope, warnings = len(self.with_status(Status.OUT_OF_SCOPE)), len(self.with_status(Status.WARNING))
        not_applicable = len(self.with_status(Status.NOT_APPLICABLE))
        unknown = self.with_status(Status.UNTESTED, Status.ERROR)
        must = sum(result.requirement.level is Level.MUST for result in unknown)
        tested = total - len(unknown) - out_of_scope - not_applicable
        aside = [f"{out_of_scope} out of scope"] if out_of_scope else []
        if not_applicable:
            aside.append(f"{not_applicable} not applicable")
        if warnings:
            aside.append(_count(warnings, "warning"))
        aside += [one.text for one in self.notes if one.about == LOAD]
        interrupted = "" if self.complete else "interrupted, "
        match self.verdict:
            case Verdict.NON_CONFORMANT:
                faults = len(closing.waiver_faults) if closing else 0
                parts = [f"{failed} of {total} requirements failed"] if failed else []
                parts += [_count(faults, "waiver") + " expired or stale"] if faults else []
                parts += [f"{len(unknown)} untested"] if unknown else []
                return f"{interrupted}not conformant: {'; '.join([*parts, *aside])}"
            case Verdict.INCOMPLETE:
                text = f"{interrupted}incomplete: {tested} of {total} requirements tested, none failed"
                parts = [f"{must} MUST untested"] if must else []
                return "; ".join([text, *parts, *aside])
            case _:
                excuse = f" with {_count(waived, 'waiver')}" if waived else ""
                text = f"conformant{excuse}: {tested} of {total} requirements tested"
                if unknown:
                    aside.insert(0, f"{len(unknown)} SHOULD untested")
                return "; ".join([text, *aside])

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
        """The same for the questions of later editions, which are told beside the advice."""
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


OTHER = Area("other", "Other")
"""Where requirements stand whose area the catalogue does not list."""

MOST_FINDINGS = 20
"""Findings kept in a result; the rest is counted."""


def _joined(reasons: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


# -------------------------------------------------------------------------------------------------------------- encoding

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def encode(line: Line) -> bytes:
    """
    Return a line of the run stream, without its line break.

    Half a surrogate pair, which JSON's escapes can name and UTF-8 cannot hold, is written as that escape.
    """
    try:
        return _encoder.encode(line)
    except UnicodeEncodeError:
        return _encoder.encode(_encodable(msgspec.to_builtins(line)))


def _encodable(value: Any) -> Any:
    """Return plain data in which every text can be encoded."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_encodable(key): _encodable(one) for key, one in value.items()}
        case list():
            return [_encodable(one) for one in value]
        case _:
            return value


def decode(stream: Iterable[bytes]) -> Iterator[Line]:
    """
    Parse a run stream line by line.

    A last line without its end is taken for a cut-off and left out, so that an interrupted run can be read.

    Raises:
        RunFault: a line is no JSON or not of the known shapes.

    """
    for number, raw in enumerate(stream, 1):
        if not raw.strip():
            continue
        try:
            yield _decoder.decode(raw)
        except msgspec.DecodeError as error:
            if not raw.endswith(b"\n"):
                return
            raise RunFault(f"line {number} of the run stream: {error}") from error


def plain(value: Any) -> Any:
    """Return a value of this module as plain JSON data."""
    return msgspec.to_builtins(value)
