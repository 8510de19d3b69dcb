"""
Exploration: requests that nobody enumerated, as many as the profile allows, sent through the session's own door.

It follows the deterministic core and is no necessary part of any requirement. An unexpected answer is confirmed, shrunk
(:mod:`closecheck.exploration.shrink`), and recorded once, under the requirement that what remains of it speaks of.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Final, TypeVar

import msgspec

from closecheck.contract import base_cases, random_bodies, random_edits
from closecheck.contract.oracle import oracle
from closecheck.contract.random_bodies import Spelling, Value
from closecheck.contract.random_edits import Edit
from closecheck.exploration.attempts import Attempts, Cause, Spent
from closecheck.exploration.shrink import Shrinker, fickle
from closecheck.judging.exchange import Exchange
from closecheck.model import Evidence, Level, Outcome, Profile, Struct
from closecheck.model.errors import GeneratorTrouble, Untested
from closecheck.session.ids import Source
from closecheck.session.load import GATEWAY
from closecheck.session.pipeline import Attempt
from closecheck.session.session import EXPLORED, Session

T = TypeVar("T")

BATCH: Final = 50
"""Requests that one seed makes, for each that may fly at once."""
_SCHEMATHESIS_BODIES: Final = 300
"""Requests that are set aside for the bodies of other generators, at most."""
_SHARE_OF_SCHEMATHESIS: Final = 0.1
"""The part of the time that is set aside for them."""
_MOST_CAUSES: Final = 3
"""Findings of one requirement; what else breaks it is counted with them."""
_LENGTH_OF_SEQUENCE: Final = 16
_PATIENCE: Final = 3600.0
"""Seconds of a deep exploration whose requests were counted by the user."""

BLAMABLE: Final = (
    "CAR-OP-ACCEPTS", "CAR-OP-INDEPENDENT", "CAR-BODY-JSON-FORMS", "CAR-BODY-REQUIRED", "CAR-IDS-RANGE", "CAR-MESSAGE-TEXT",
    "CAR-EXECUTION-VALUES", "CAR-COMPLETION-VALUES", "CAR-STATUS-COMBINATIONS", *random_edits.EDITS,
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
    Profile.DEEP: Limits(100_000, 60.0, 60, deep=True),
}
"""The limits of each profile that explores."""


class Try(Attempt, frozen=True):
    """One body to send, and what must come back."""

    asks: tuple[str, ...]
    """The requirements that the answer speaks of."""
    requirement: str = ""
    """What an invalid body breaks; empty for a valid one."""
    value: Value | None = None
    how: Spelling | None = None
    edit: Edit | None = None

    @property
    def like_no_other(self) -> bool:
        """Whether the body cannot have been sent before: it names an id that was drawn for it alone."""
        if self.value is not None:
            return True
        return self.edit is not None and bool(self.edit.base.ids) and self.edit.base.ids[0].encode() in self.body


_ACCEPTED: Final = frozenset({202})
_VALID: Final = f"{EXPLORED}valid"


@functools.cache
def _asks(spelled: bool, message: bool, both: bool) -> tuple[str, ...]:
    """Return the requirements that the answer to a valid body speaks of: spelled in its own way, with these members."""
    asked = {"CAR-IDS-RANGE": True, "CAR-BODY-JSON-FORMS": spelled, "CAR-MESSAGE-TEXT": message, "CAR-STATUS-COMBINATIONS": both}
    return tuple(requirement for requirement, speaks in asked.items() if speaks)


def _valid(value: Value, how: Spelling | None = None, body: bytes = b"") -> Try:
    asks = _asks(how is not None, value.message is not None, bool(value.execution and value.completion))
    if not body:
        body = value.plain() if how is None else random_bodies.spelled(value, how)
    return Try(body, _VALID, _ACCEPTED, asks, "", value, how)


def _invalid(edit: Edit) -> Try:
    return _unnamed(edit.requirement, edit.body, edit.statuses, edit)


def _unnamed(requirement: str, body: bytes, statuses: frozenset[int], edit: Edit | None = None) -> Try:
    return Try(body, f"{EXPLORED}{requirement}", statuses, (requirement,), requirement, edit=edit)


def batch(rng: Random, size: int = BATCH) -> Iterator[Try]:
    """Yield tries of every kind."""
    for _ in range(size):
        kind = rng.random()
        if kind < 0.5:
            yield _valid(random_bodies.value(rng))
        elif kind < 0.65:
            yield _valid(random_bodies.brief(rng), random_bodies.spelling(rng))
        else:
            yield _invalid(random_edits.edit(rng, random_bodies.value(rng, count=rng.choice((1, 1, 1, 3, 20)))))


def sweep(rng: Random, share: float = 1.0) -> Iterator[Try]:
    """Yield every count of ids, every length of a message and every character, or a share of each; in no order."""
    wanted: list[tuple[str, int | str]] = [
        *(("count", count) for count in _share(rng, range(1, random_bodies.MOST_IDS + 1), share)),
        *(("length", length) for length in _share(rng, range(1, random_bodies.MOST_CHARACTERS + 1), share)),
        *(("text", text) for text in _share(rng, list(random_bodies.blocks()), share / 3)),
    ]
    rng.shuffle(wanted)
    for kind, one in wanted:
        match kind, one:
            case "count", int(count):
                yield _valid(Value(random_bodies.ids(rng, count)))
            case "length", int(length):
                yield _valid(Value(random_bodies.ids(rng, 1), random_bodies.letters(rng, length)))
            case _:
                yield _valid(random_bodies.value(rng, count=1, text=str(one)))


def _share(rng: Random, every: Sequence[T], share: float) -> Sequence[T]:
    return every if share >= 1 else rng.sample(every, max(1, int(len(every) * share)))


class Exploration:
    """
    One exploration of one target: what was asked, how often, and what was found.

    ``keep`` is called with each cause, to remember its witness beyond the run.
    """

    def __init__(self, session: Session, limits: Limits, seed: int, keep: Callable[[Cause], None] = lambda _: None) -> None:
        self.session = session
        self.pipeline = session.pipeline()
        self.limits = limits
        self.seed = seed
        self.found: defaultdict[str, list[Evidence]] = defaultdict(list)
        self.requests = 0
        self.distinct = 0
        """How many different bodies were sent; what is sent again is so on purpose."""
        self.shrinking: list[int] = []
        """How many requests each shrinking took."""
        self._keep = keep
        self._causes: list[Cause] = []
        self._rng = Random(f"{seed}/shrinking")  # noqa: S311 - nothing here is a secret
        self._asked: Counter[tuple[str, ...]] = Counter()
        self._sent = {hash(one.request.body) for one in session.exchanges.values()}
        """Digests of the bodies that could be drawn twice, and of the declared ones."""
        self._until = 0.0

    @property
    def asked(self) -> Counter[str]:
        """How many requests spoke of each requirement."""
        found: Counter[str] = Counter()
        for requirements, times in self._asked.items():
            for requirement in requirements:
                found[requirement] += times
        return found

    @property
    def left(self) -> int:
        """How many requests may still be sent; none when the time is up."""
        return 0 if time.monotonic() >= self._until else max(0, self.limits.requests - self.requests)

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
        base = self.session.ask(self.session.cases[base_cases.ONE_ID])
        if base.status != 202:
            raise Untested(f"the plainest valid request ({base.case}) was itself answered {base.status or 'not at all'}")
        self.session.make_sure()
        self._until = time.monotonic() + self.limits.seconds
        rng = Random(self.seed)  # noqa: S311 - as above
        self.judge(judgeable(known, rng))
        if self.limits.deep:
            self._deep(rng)
        else:
            self.judge(sweep(rng, 0.06))
            while not self.over:
                self._round(rng.randrange(2**24))

    def _round(self, seed: int, lanes: int = 1) -> None:
        """Send what one seed makes: a batch, and sequences, each on a connection of its own; so many of each at once."""
        rng = Random(seed)  # noqa: S311 - as above
        self.judge(batch(rng, min(BATCH * lanes, max(1, self.left - _LENGTH_OF_SEQUENCE * lanes))))
        self.follow([random_edits.sequence(rng, _LENGTH_OF_SEQUENCE) for _ in range(lanes)])

    def _deep(self, rng: Random) -> None:
        from closecheck.exploration.schemathesis_cases import SchemathesisProcess  # noqa: PLC0415 - only for those who dig

        lanes = self.session.plan.concurrency
        requests, until = self.limits.requests, self._until
        with SchemathesisProcess(rng.randrange(2**32)) as process:
            # They take seconds to think of theirs, and theirs come last: a place that does not depend on the time they take.
            self.limits = msgspec.structs.replace(self.limits, requests=requests - min(_SCHEMATHESIS_BODIES, requests // 4))
            self._until -= self.limits.seconds * _SHARE_OF_SCHEMATHESIS
            tries = sweep(rng)
            while not self.over and (part := list(itertools.islice(tries, BATCH * lanes))):
                self.judge(part)
                self._round(rng.randrange(2**24), lanes)
            while not self.over:
                self._round(rng.randrange(2**24), lanes)
            self.limits, self._until = msgspec.structs.replace(self.limits, requests=requests), until
            self.judge(judgeable(process.bodies(self._until - time.monotonic()), rng))

    # -- single requests

    def judge(self, tries: Iterable[Try]) -> None:
        """Send bodies, several at a time, and look into every unexpected answer."""
        queue = iter(tries)
        strange: list[tuple[Try, Exchange]] = []
        while True:
            for one, exchange in self.pipeline.send_all(self._taken(queue, strange)):
                self._asked[one.asks] += 1
                if exchange is not None and self._strange(one, exchange):
                    strange.append((one, exchange))
            if not strange:
                return
            for one, exchange in strange:
                if self._strange(one, exchange):  # unless what was found since explains it
                    self._look_into(one, exchange)
            strange.clear()

    def _taken(self, queue: Iterator[Try], strange: Sequence[object]) -> Iterator[Try]:
        """Yield what has not been sent, until there is something to look into or the exploration is over."""
        while not strange and not self.over:
            one = next(queue, None)
            if one is None:
                return
            if not one.like_no_other:
                digest = hash(one.body)
                if digest in self._sent:
                    continue
                self._sent.add(digest)
            self.requests += 1
            self.distinct += 1
            yield one

    def _strange(self, one: Try, exchange: Exchange) -> bool:
        """Tell whether an unexpected answer is worth looking into: nothing that is known already explains it."""
        if exchange.status in {0, 429, *GATEWAY} or (exchange.status == 401 and self.session.tokens.expired()):
            return False  # no answer, or not for the body's sake: the session has judged that
        if 400 in one.statuses and exchange.status == self.session.learned.refusal_status:
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
        tries = Attempts(self._ask, self._rng)
        shrinker = Shrinker(tries)
        try:
            if one.value is not None:
                cause = shrinker.valid(one.value, one.how, one.body, exchange)
            elif one.edit is not None:
                cause = shrinker.invalid(one.edit, exchange)
            else:
                cause = shrinker.unnamed(one.requirement, one.body, one.statuses, exchange)
        except Spent:
            cause = None
        self.shrinking.append(tries.requests)
        self.requests += tries.requests
        if cause is not None:
            self.blame(cause)

    def _ask(self, body: bytes) -> Exchange:
        return self.pipeline.ask(Attempt(body, f"{EXPLORED}shrinking", _ACCEPTED))

    def blame(self, cause: Cause) -> None:
        """Record a cause as evidence, with its witness and the accepted exchange beside it."""
        self._causes.append(cause)
        found = self.found[cause.requirement]
        if len(found) >= _MOST_CAUSES or any(one.finding == cause.finding for one in found):
            return
        name = f"{EXPLORED}{cause.requirement.removeprefix('CAR-').lower()}/{len(found) + 1}"
        base = cause.base or self.session.ask(self.session.cases[base_cases.ONE_ID])
        self.session.keep(base)
        witness = self.session.rename(cause.witness, name, base.number)
        evidence = Evidence(cause.requirement, Outcome.BROKEN, name, exchanges=(witness.number,), finding=cause.finding)
        self.session.record(evidence)
        found.append(evidence)
        self._keep(cause)

    # -- sequences

    def follow(self, sequences: Sequence[Sequence[Value | Edit]]) -> None:
        """
        Send sequences of bodies, each on a connection of its own, all at the same pace.

        Each body must be answered as it is alone (CAR-OP-INDEPENDENT), with other ids as with its own: it may be these that a
        target refuses. What is refused for the same reason several times comes with other ids or more white space each time:
        the very same bytes are sent again by the declared sequences.
        """
        if self.over or self.found.get("CAR-OP-INDEPENDENT"):
            return
        lines = [[_valid(one) if isinstance(one, Value) else _invalid(self._different(one)) for one in bodies] for bodies in sequences]
        length = min(*map(len, lines), self.left // len(lines))
        in_turn = [line[at] for at in range(length) for line in lines]
        with contextlib.ExitStack() as stack:
            lanes = [stack.enter_context(self.session.lane()) for _ in lines]
            answers = list(self.pipeline.send_all(in_turn, lanes))
        self.requests += len(in_turn)
        self.distinct += len(in_turn)
        self._asked["CAR-OP-INDEPENDENT",] += len(in_turn)
        for number, (one, exchange) in enumerate(answers):
            if exchange is None or not self._strange(one, exchange):
                continue
            one = self._renewed(one)  # noqa: PLW2901
            again = self._alone(one)
            if again.status not in one.statuses:
                self._look_into(one, again)
                continue
            if one.value is not None:
                same_ids = msgspec.structs.replace(in_turn[number], body=in_turn[number].body + b" ")
                again = self._alone(same_ids)
                if again.status not in one.statuses:
                    self._look_into(same_ids, again)
                    continue
            self.blame(fickle(exchange, again, self._after(lines[number % len(lines)], number // len(lines))))
            return

    def _different(self, edit: Edit) -> Edit:
        """Return an edit whose body was not sent before: with new ids, and blanks behind it where that is not enough."""
        body = renewed(edit.body, self._rng)
        while hash(body) in self._sent:
            body += b" "
        self._sent.add(hash(body))
        return msgspec.structs.replace(edit, body=body)

    def _renewed(self, one: Try) -> Try:
        """Return a try with new ids if it is valid: the old ones may be closed."""
        return (
            one if one.value is None else _valid(msgspec.structs.replace(one.value, ids=random_bodies.ids(self._rng, len(one.value.ids))))
        )

    def _alone(self, one: Try) -> Exchange:
        self.requests += 1
        with self.session.lane() as lane:
            return self.pipeline.ask(one, lane)

    def _after(self, tries: Sequence[Try], at: int) -> str:
        """Return in words after what an answer was another: after its neighbour alone, if that is enough."""
        if at == 0:
            return "on a new connection"
        last, one = self._renewed(tries[at - 1]), self._renewed(tries[at])
        with self.session.lane() as lane:
            pair = [self.pipeline.ask(each, lane) for each in (last, one)]
        self.requests += len(pair)
        kind = "an accepted" if last.value is not None else "a refused"
        if pair[1].status not in one.statuses:
            return f"directly after {kind} request on the same connection"
        return f"as number {at + 1} on one connection, after {kind} request"


def judgeable(bodies: Iterable[bytes], rng: Random) -> list[Try]:
    """Return those bodies of Schemathesis of whose answers the contract says something, their ids replaced by new ones."""
    found = {}
    for body in bodies:
        fresh = renewed(body, rng)
        ruled = oracle(fresh)
        if ruled is not None:
            found[body] = _unnamed(ruled.requirement, fresh, ruled.statuses) if ruled.value is None else _valid(ruled.value, body=fresh)
    return list(found.values())


def renewed(body: bytes, rng: Random) -> bytes:
    """Return a body with new ids in the place of its own, the same for the same."""
    new: dict[bytes, bytes] = {}
    return _ID.sub(lambda one: new.setdefault(one[0], random_bodies.ids(rng, 1)[0].encode()), body)


_ID: Final = re.compile(rb"[0-9a-f]{32}")


_AFTERWARDS: Final = 40
"""Requests of a budget that are left for what follows the exploration."""


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
        left = max(0, budget - session.sent - _AFTERWARDS)
        limits = (
            msgspec.structs.replace(limits, requests=left, seconds=_PATIENCE)
            if limits.deep
            else msgspec.structs.replace(limits, requests=min(left, limits.requests))
        )
    if not limits.deep:
        exploration = Exploration(session, limits, seed)
        _run(exploration, ())
        return exploration
    from closecheck.exploration.schemathesis_cases import Examples  # noqa: PLC0415 - only a deep exploration needs it

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
