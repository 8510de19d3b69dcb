"""
Exploration: requests that nobody enumerated, as many as the profile allows, sent through the session's own door.

It follows the deterministic core and is no necessary part of any requirement. An unexpected answer is confirmed, shrunk
(:mod:`closecheck.shrinking`), and recorded once, under the requirement that what remains of it speaks of.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Final, TypeVar

import msgspec

from closecheck import edits, generation
from closecheck.errors import GeneratorTrouble
from closecheck.exchange import Exchange
from closecheck.generation import Edit, Spelling, Value
from closecheck.ids import Source, Untested
from closecheck.model import Evidence, Level, Outcome, Profile, Struct
from closecheck.session import EXPLORED, Session, Shot
from closecheck.shrinking import Cause, Shrinker, Spent, fickle

T = TypeVar("T")

BATCH: Final = 50
"""Requests that one seed makes."""
_MOST_CAUSES: Final = 3
"""Findings of one requirement; what else breaks it is counted with them."""
_LENGTH_OF_SEQUENCE: Final = 16
_PATIENCE: Final = 3600.0
"""Seconds of a deep exploration whose requests were counted by the user."""

BLAMABLE: Final = (
    "CAR-OP-ACCEPTS", "CAR-OP-INDEPENDENT", "CAR-BODY-JSON-FORMS", "CAR-BODY-REQUIRED", "CAR-IDS-RANGE", "CAR-MESSAGE-TEXT",
    "CAR-EXECUTION-VALUES", "CAR-COMPLETION-VALUES", "CAR-STATUS-COMBINATIONS", *generation.EDITS,
)  # fmt: skip
"""The requirements that exploration can blame, beside the clauses that hold for every exchange."""


class Limits(Struct):
    """How far an exploration goes: requests at most, seconds at most, and how many unexpected answers are looked into."""

    requests: int
    seconds: float
    causes: int
    deep: bool = False


LIMITS: Final = {
    Profile.STANDARD: Limits(300, 30.0, 12),
    Profile.DEEP: Limits(20_000, 60.0, 60, deep=True),
}
"""The limits of each profile that explores."""


@dataclasses.dataclass(frozen=True, slots=True)
class Try:
    """One body to send, and what must come back."""

    body: bytes
    statuses: frozenset[int]
    requirement: str = ""
    """What an invalid body breaks; empty for a valid one."""
    value: Value | None = None
    how: Spelling | None = None
    edit: Edit | None = None

    @property
    def asks(self) -> Iterator[str]:
        """The requirements that the answer speaks of."""
        if self.value is None:
            yield self.requirement
            return
        yield "CAR-IDS-RANGE"
        if self.how is not None:
            yield "CAR-BODY-JSON-FORMS"
        if self.value.message is not None:
            yield "CAR-MESSAGE-TEXT"
        if self.value.execution and self.value.completion:
            yield "CAR-STATUS-COMBINATIONS"


_ACCEPTED: Final = frozenset({202})


def _valid(value: Value) -> Try:
    return Try(value.plain(), _ACCEPTED, value=value)


def _spelled(value: Value, how: Spelling) -> Try:
    return Try(generation.spelled(value, how), _ACCEPTED, value=value, how=how)


def _invalid(edit: Edit) -> Try:
    return Try(edit.body, edit.statuses, edit.requirement, edit=edit)


def batch(rng: Random, size: int = BATCH) -> list[Try]:
    """Return tries of every kind."""
    found = []
    for _ in range(size):
        kind = rng.random()
        if kind < 0.5:
            found.append(_valid(generation.value(rng)))
        elif kind < 0.65:
            found.append(_spelled(generation.brief(rng), generation.spelling(rng)))
        else:
            found.append(_invalid(generation.edit(rng, generation.value(rng, count=rng.choice((1, 1, 1, 3, 20))))))
    return found


def sweep(rng: Random, share: float = 1.0) -> Iterator[Try]:
    """Yield every count of ids, every length of a message and every character, or a share of each; in no order."""
    wanted: list[tuple[str, int | str]] = [
        *(("count", count) for count in _share(rng, range(1, generation.MOST_IDS + 1), share)),
        *(("length", length) for length in _share(rng, range(1, generation.MOST_CHARACTERS + 1), share)),
        *(("text", text) for text in _share(rng, list(generation.blocks()), share / 3)),
    ]
    rng.shuffle(wanted)
    for kind, one in wanted:
        match kind, one:
            case "count", int(count):
                yield _valid(Value(generation.ids(rng, count)))
            case "length", int(length):
                yield _valid(Value(generation.ids(rng, 1), generation.letters(rng, length)))
            case _:
                yield _valid(generation.value(rng, count=1, text=str(one)))


def _share(rng: Random, every: Sequence[T], share: float) -> Sequence[T]:
    return every if share >= 1 else rng.sample(every, max(1, int(len(every) * share)))


class Exploration:
    """
    One exploration of one target: what was asked, how often, and what was found.

    ``keep`` is called with each cause, to remember its witness beyond the run.
    """

    def __init__(self, session: Session, limits: Limits, seed: int, keep: Callable[[Cause], None] = lambda _: None) -> None:
        self.session = session
        self.limits = limits
        self.seed = seed
        self.asked: Counter[str] = Counter()
        """How many requests spoke of each requirement."""
        self.found: defaultdict[str, list[Evidence]] = defaultdict(list)
        self.requests = 0
        self.shrinking: list[int] = []
        """How many requests each shrinking took."""
        self._keep = keep
        self._causes: list[Cause] = []
        self._rng = Random(f"{seed}/shrinking")  # noqa: S311 - nothing here is a secret
        self._refused: list[Edit] = []
        self._until = 0.0

    @property
    def over(self) -> bool:
        """Whether the requests or the time are used up."""
        return self.requests >= self.limits.requests or time.monotonic() >= self._until

    def run(self, known: Sequence[bytes] = ()) -> None:
        """
        Explore; ``known`` are bodies that once were answered wrongly, by this target or another.

        Raises:
            Untested: the target takes only ids that it knows, or cannot be reached any more.

        """
        if self.session.ids.source is not Source.UNKNOWN:
            raise Untested("exploration names ids that no target has, and this one refuses them")
        base = self.session.ask(self.session.cases[edits.ONE_ID])
        if base.status != 202:
            raise Untested(f"the plainest valid request ({base.case}) was itself answered {base.status or 'not at all'}")
        self._until = time.monotonic() + self.limits.seconds
        rng = Random(self.seed)  # noqa: S311 - as above
        self.judge(judgeable(known, rng))
        if self.limits.deep:
            self._deep(rng)
        else:
            self.judge(list(sweep(rng, 0.06)))
            while not self.over:
                self._round(rng.randrange(2**24))

    def _round(self, seed: int) -> None:
        """Send what one seed makes: a batch, and one sequence on a connection of its own."""
        rng = Random(seed)  # noqa: S311 - as above
        self.judge(batch(rng, min(BATCH, max(1, self.limits.requests - self.requests - _LENGTH_OF_SEQUENCE))))
        self.follow(generation.sequence(rng, _LENGTH_OF_SEQUENCE))

    def _deep(self, rng: Random) -> None:
        from closecheck import fuzzing  # noqa: PLC0415 - Hypothesis and Schemathesis are only for those who dig

        self.judge(judgeable(fuzzing.covering(), rng))
        tries = sweep(rng)
        while not self.over and (part := list(itertools.islice(tries, BATCH))):
            self.judge(part)
            self._round(rng.randrange(2**24))
        self.judge(judgeable(fuzzing.fuzzed(rng.randrange(2**32)), rng))
        while not self.over:
            fuzzing.seeds(rng.randrange(2**32), self._round, lambda: self.over)

    # -- single requests

    def judge(self, tries: Sequence[Try]) -> None:
        """Send bodies, several at a time, and look into every unexpected answer."""
        for start in range(0, len(tries), BATCH):
            if self.over:
                return
            part = tries[start : start + BATCH]
            exchanges = self.session.explore([Shot(f"{EXPLORED}{one.requirement or 'valid'}", one.body) for one in part])
            self.requests += len(part)
            for one, exchange in zip(part, exchanges, strict=True):
                self.asked.update(one.asks)
                if exchange.status in one.statuses:
                    if one.edit is not None and len(self._refused) < BATCH:
                        self._refused.append(one.edit)
                elif self._strange(one, exchange):
                    self._look_into(one, exchange)

    def _strange(self, one: Try, exchange: Exchange) -> bool:
        """Tell whether an unexpected answer is worth looking into: nothing that is known already explains it."""
        if exchange.status in {0, 429} or (exchange.status == 401 and self.session.tokens.expired()):
            return False  # no answer, or not for the body's sake: the session has judged that
        if 400 in one.statuses and exchange.status == self.session.refusal_status:
            return False  # this target refuses every invalid body so: judged once, elsewhere
        if exchange.status >= 500 and one.requirement and self.session.contract[one.requirement].level is Level.SHOULD:
            return False  # judged under CAR-OP-NO-500
        if one.value is None:
            return not self.found.get(one.requirement)
        value, how = one.value, one.how
        if any(cause.explains(value, how) for cause in self._causes):
            return False
        return not all(len(self.found.get(requirement, ())) >= _MOST_CAUSES for requirement in one.asks)

    def _look_into(self, one: Try, exchange: Exchange) -> None:
        if len(self.shrinking) >= self.limits.causes:
            return
        shrinker = Shrinker(self._ask, self._rng)
        try:
            if one.value is not None:
                cause = shrinker.valid(one.value, one.how, one.body, exchange)
            elif one.edit is not None:
                cause = shrinker.invalid(one.edit, exchange)
            else:
                cause = shrinker.unnamed(one.requirement, one.body, one.statuses, exchange)
        except Spent:
            cause = None
        self.shrinking.append(shrinker.requests)
        self.requests += shrinker.requests
        if cause is not None:
            self.blame(cause)

    def _ask(self, body: bytes) -> Exchange:
        return self.session.explore([Shot(f"{EXPLORED}shrinking", body)])[0]

    def blame(self, cause: Cause) -> None:
        """Record a cause as evidence, with its witness and the accepted exchange beside it."""
        self._causes.append(cause)
        found = self.found[cause.requirement]
        if len(found) >= _MOST_CAUSES or any(one.finding == cause.finding for one in found):
            return
        name = f"{EXPLORED}{cause.requirement.removeprefix('CAR-').lower()}/{len(found) + 1}"
        base = cause.base or self.session.ask(self.session.cases[edits.ONE_ID])
        self.session.keep(base)
        witness = self.session.rename(cause.witness, name, base.number)
        evidence = Evidence(cause.requirement, Outcome.BROKEN, name, exchanges=(witness.number,), finding=cause.finding)
        self.session.record(evidence)
        found.append(evidence)
        self._keep(cause)

    # -- sequences

    def follow(self, bodies: Sequence[Value | Edit]) -> None:
        """Send bodies one after another on one connection; each must be answered as it is alone (CAR-OP-INDEPENDENT)."""
        if self.over or self.found.get("CAR-OP-INDEPENDENT"):
            return
        known = {edit.body for edit in self._refused}
        tries = [_valid(one) if isinstance(one, Value) else _invalid(one) for one in bodies]
        unknown = [one for one in tries if one.edit is not None and one.body not in known]
        self.judge(list({one.body: one for one in unknown}.values()))
        alone = {edit.body for edit in self._refused}
        tries = [one for one in tries if one.edit is None or one.body in alone]
        with self.session.lane() as lane:
            exchanges = self.session.explore([Shot(f"{EXPLORED}sequence", one.body) for one in tries], lane=lane)
        self.requests += len(tries)
        self.asked["CAR-OP-INDEPENDENT"] += len(tries)
        for at, (one, exchange) in enumerate(zip(tries, exchanges, strict=True)):
            if exchange.status in one.statuses or not self._strange(one, exchange):
                continue
            if one.value is not None:
                one = _valid(msgspec.structs.replace(one.value, ids=generation.ids(self._rng, len(one.value.ids))))  # noqa: PLW2901
            with self.session.lane() as lane:
                again = self.session.explore([Shot(f"{EXPLORED}alone", one.body)], lane=lane)[0]
            self.requests += 1
            if again.status not in one.statuses:
                self._look_into(one, again)
                continue
            self.blame(fickle(exchange, again, self._after(tries, at)))
            return

    def _after(self, tries: Sequence[Try], at: int) -> str:
        """Return in words after what an answer was another: after its neighbour alone, if that is enough."""
        if at == 0:
            return "on a new connection"
        last, one = tries[at - 1], tries[at]
        if one.value is not None:
            one = _valid(msgspec.structs.replace(one.value, ids=generation.ids(self._rng, len(one.value.ids))))
        if last.value is not None:
            last = _valid(msgspec.structs.replace(last.value, ids=generation.ids(self._rng, len(last.value.ids))))
        with self.session.lane() as lane:
            pair = self.session.explore([Shot(f"{EXPLORED}pair", each.body) for each in (last, one)], lane=lane)
        self.requests += len(pair)
        kind = "an accepted" if last.value is not None else "a refused"
        if pair[1].status not in one.statuses:
            return f"directly after {kind} request on the same connection"
        return f"as number {at + 1} on one connection, after {kind} request"


def judgeable(bodies: Iterable[bytes], rng: Random) -> list[Try]:
    """Return those bodies of strangers of whose answers the contract says something, their ids replaced by new ones."""
    found = {}
    for body in bodies:
        fresh = renewed(body, rng)
        ruled = generation.oracle(fresh)
        if ruled is not None:
            found[body] = Try(fresh, ruled.statuses, ruled.requirement, ruled.value)
    return list(found.values())


def renewed(body: bytes, rng: Random) -> bytes:
    """Return a body with new ids in the place of its own, the same for the same."""
    new: dict[bytes, bytes] = {}
    return _ID.sub(lambda one: new.setdefault(one[0], generation.ids(rng, 1)[0].encode()), body)


_ID: Final = re.compile(rb"[0-9a-f]{32}")


def explored(session: Session, profile: Profile, seed: int, examples: str, *, random: bool, budget: int | None = None) -> Exploration:
    """
    Explore as a profile says, and return what was found.

    ``random`` says that nobody chose the seed, so that a deep exploration may take another each time; ``examples`` is where it
    keeps what it finds. The trouble that generators have with themselves ends the exploration, and is noted.

    Raises:
        UsageError: ``examples`` names no place.

    """
    limits = LIMITS[profile]
    if budget is not None:
        left = max(0, budget - session.sent)
        limits = msgspec.structs.replace(limits, requests=left, seconds=_PATIENCE) if limits.deep else msgspec.structs.replace(limits, requests=min(left, limits.requests))
    if not limits.deep:
        exploration = Exploration(session, limits, seed)
        _run(exploration, ())
        return exploration
    from closecheck.fuzzing import Examples  # noqa: PLC0415 - only a deep exploration needs it

    seed = secrets.randbits(32) if random else seed
    session.note("exploration", f"deep, repeated with --seed {seed}")
    database = Examples(examples)
    exploration = Exploration(session, limits, seed, lambda cause: database.save(cause.witness.request.body))
    _run(exploration, database.bodies())
    return exploration


def _run(exploration: Exploration, known: Sequence[bytes]) -> None:
    session = exploration.session
    try:
        exploration.run(known)
    except Untested as untested:
        session.note("exploration", f"ended after {exploration.requests} requests: {untested.reason}")
    except GeneratorTrouble as trouble:
        session.note("exploration", f"ended after {exploration.requests} requests by trouble of the suite's own: {trouble}")
