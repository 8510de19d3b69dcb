"""
The lines of ``run.jsonl``: each type is one kind of line, or a part of one.

A line is checked when it is read; :mod:`closecheck.model.run_stream` writes and reads them.
"""

from __future__ import annotations

import base64

from msgspec import field

from closecheck.model.base import Struct
from closecheck.model.http import Failure, Headers, Timing, header
from closecheck.model.requirements import Catalogue
from closecheck.model.vocabulary import Outcome, Profile


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
    """What was different in every run: its messages and the ids that cannot exist are made of it; empty in runs before there were marks."""


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
    """What the target does where the documentation leaves it free."""

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
