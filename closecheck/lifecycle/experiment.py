"""
What closing does: one experiment for the whole area. Everything is sent first, then looked at, then judged.

No id is named by two requests that may close it, and every message is told from all others by a marker. What could be
explained by a target that conforms (others at work, words that nobody fixed, documents that cannot be tied to a
request) is left undecided with its reason, never held against the target.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from closecheck.config.settings import Settings
from closecheck.config.target import ByBurst, ByHeaders
from closecheck.contract.cases import Draft, Id, Ids, Json
from closecheck.contract.specification import contract
from closecheck.judging.exchange import Exchange
from closecheck.lifecycle.documents import COMPLETED, STARTED, Audit, Mentions, Sight, tie, tracking_numbers
from closecheck.lifecycle.id_sources import Sources
from closecheck.lifecycle.observers import EventsObserver, SearchObserver, assemble
from closecheck.lifecycle.plan import (
    BY_QUERY,
    BYSTANDER,
    CALLERS,
    CHUNKED,
    METHODS,
    NEWER,
    ONE,
    OVER,
    REPEATED,
    WHOLE,
    WILD,
    Step,
    pending_needed,
    plan,
)
from closecheck.lifecycle.watch import Watch
from closecheck.model.errors import Untested
from closecheck.session.ids import Source, impossible
from closecheck.session.session import Session

MEMBERS: Final = ("executionStatus", "completionStatus", "message")
PENDING_SUPPLY: Final = "access_requests.pending"
CONSENT_SUPPLY: Final = "access_requests.may_close: true"
LOOK_SUPPLY: Final = "observe.account_activities: true"
AUDIT_SUPPLY: Final = "observe.search: true"
EVENT_SUPPLY: Final = "observe.events: {subscribe: true}"
URL_SUPPLY: Final = "observe.events: {subscribe: true, listen: …, url: …}"
BACKOFF: Final = (0.03, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Pauses between two looks, seconds; the last one is repeated."""
_STRANGE: Final = "requests that were not named were closed too: judged under CAR-LIFE-ONLY-NAMED"
_STATES: Final = {"p": "pending", "a": "approved", "c": "completed"}
_PATIENCE: Final = 4
"""So many settling times are waited for what is still going on."""
_SEARCHES: Final = 20
"""So often other ids are looked for in place of those whose state is not what was said."""
_ROUNDS: Final = 3
"""So often a step is sent with other ids in place of those that somebody else has closed meanwhile."""
_FRESH: Final = 1.0
"""Seconds for which the state of a request is taken for what it was, and at most so many times what it takes to look."""
_LOOKS: Final = 5
_FEW: Final = 2
"""Ids beyond which most of a list tell how it was closed, where others close some of it."""
_LONG: Final = 100
"""Ids from which on a list is looked at right before it is sent."""
_MARKS: Final = re.compile(r"cc-[0-9a-f]{10}(?=-\d{3})")
"""What every message of a run of the suite begins with."""
_TAKEN: Final = "somebody else has closed its requests in the meantime"
_COMPANY: Final = "somebody else closes the same access requests at the same time, and may have closed what shows something else"
_LAST: Final = "rate limit"
"""What is provoked when nothing else of the run needs an answer any more: the target may ask for a long wait."""
_QUIET: Final = (0.25, 1.0)
"""At least and at most so many seconds pass after the last thing that must happen, for what must not happen."""
_ALONE: Final = 6
"""So often a refused request is sent alone, and must be followed by one audit each time: others rarely keep such time."""


def keep_ids(session: Session) -> None:
    """Put ids aside for the experiment where every accepted request of the run uses some up."""
    if session.ids.source is Source.SUPPLIED:
        session.ids.keep(pending_needed(without_long_lists=True))


# ------------------------------------------------------------------------------------------------------ what was done


@functools.cache
def default_of(member: str) -> str:
    """Return the documented default of a member of the body."""
    return str(contract().property(member).schema["default"])


@functools.cache
def _given(member: str) -> dict[str, str]:
    """Return what makes a step give a member another value than its default."""
    if member == "message":
        return {"text": "@ A message, where the next has none."}
    field = {"executionStatus": "execution", "completionStatus": "completion"}[member]
    return {field: next(str(one) for one in contract().property(member).values if one != default_of(member))}


@dataclasses.dataclass
class Done:
    """A step and what became of it."""

    step: Step
    number: int
    marker: str
    message: str | None
    ids: list[str] = dataclasses.field(default_factory=list)
    exchange: Exchange | None = None
    again: list[Exchange] = dataclasses.field(default_factory=list)
    untested: Untested | None = None
    lost: set[str] = dataclasses.field(default_factory=set)
    """Ids that somebody else has closed before the step could."""

    def of_kind(self, kinds: str) -> list[str]:
        """Return the ids of these kinds."""
        return [one for one, kind in zip(self.ids, self.step.kinds, strict=False) if kind in kinds]

    @property
    def known(self) -> list[str]:
        """The ids that the step closes on a conforming target."""
        return [one for one in self.of_kind("pa") if one not in self.lost]

    @property
    def sent_once(self) -> bool:
        """Whether the target cannot have served the request twice: it was not sent anew after a connection was lost."""
        return self.exchange is not None and self.exchange.attempt == 1

    @property
    def accepted(self) -> bool:
        """Whether the request was taken into the system."""
        return self.exchange is not None and self.exchange.status == 202

    @functools.cached_property
    def members(self) -> dict[str, Json]:
        """The members of the body beside the ids."""
        return self.step.members(self.message)

    def asked(self, member: str) -> str:
        """Return what a member of the body asks for, the documented default where it is left out."""
        return str(self.members.get(member, default_of(member)))

    def gives(self, member: str) -> bool:
        """Tell whether a member stands in the body."""
        return member in self.members

    @property
    def what(self) -> str:
        """The request in words."""
        count = len(self.ids)
        return f"{count} {'id' if count == 1 else 'ids'} ({self.step.name})"


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What the experiment says on one part of one requirement; ``holds`` is None where it cannot say."""

    holds: bool | None
    expected: str = ""
    got: str = ""
    exchanges: tuple[Exchange, ...] = ()
    reason: str = ""
    supply: str = ""
    change: str = ""
    absent: bool = False
    """Whether what the requirement depends on never arose, although it was asked for."""


def undecided(reason: str, supply: str = "") -> Judgement:
    """Return the judgement that there is none."""
    return Judgement(None, reason=reason, supply=supply)


def never() -> Judgement:
    """Return the judgement that what the requirement depends on never arose, although it was asked for."""
    return Judgement(None, absent=True)


Wrong = tuple[str, str, str]
"""An id, the observer that shows it, and what it shows."""


class Experiment:
    """
    The one experiment of a run: :meth:`run` sends and looks, the other methods judge.
    """

    def __init__(self, session: Session, settings: Settings, sources: Sources, own_observer: object | None) -> None:
        self._session = session
        self._settings = settings
        self._sources = sources
        self._observers = assemble(session, settings.target.observe, own_observer)
        self._events = next((one for one in self._observers if isinstance(one, EventsObserver)), None)
        self.done: dict[str, Done] = {}
        self.problem: Untested | None = None
        """Why there was no experiment."""
        self.event_problem: Untested | None = None
        self.watch = Watch([], (), "")
        self._marker = f"cc-{session.plan.mark}"
        self._numbers = itertools.count(1)
        self._left_over: defaultdict[str, list[str]] = defaultdict(list)
        """By state: ids that were found usable, and were not needed."""
        self._spares: list[str] = []
        self._mixed: dict[tuple[str, bool], Wrong] = {}
        """By member, and whether it was given: what came out wrong, and right when it was sent alone."""
        self._unexplained: set[tuple[str, bool]] = set()
        """Those of them that show no message of another step."""
        self._sure: set[tuple[str, bool]] = set()
        """What came out wrong when it was sent alone, too."""
        self._displaced = False
        """Whether somebody else has closed requests before the run could."""
        self._looked = (0.0, 0.0)
        """When the ids to be closed were looked at, and how long that took."""
        self._heard: set[str] | None = None
        """The tracking numbers of the events that had come before the last look at all requests."""
        self._tied: tuple[tuple[int, int], dict[str, list[Audit]]] = (-1, 0), {}
        self._mentions: tuple[int, Mentions] = 0, Mentions(())
        """What finds the ids that the watch knows, and how many these are."""
        self._named: dict[tuple[str, int], dict[str, frozenset[str]]] = {}
        """By audit, and how many ids there were: those that each place of it names."""
        self._audited_alone: list[tuple[Done, tuple[Exchange, ...]]] = []
        """Refused steps that were followed by a Started audit each time they were sent alone."""
        self._last_accepted = 0.0
        self._took = 0.0
        """Seconds from the last accepted request to the last sight of what it must bring about."""
        self._taken_in = 0
        """How many requests were answered 202 since the experiment began."""
        self._to_be_audited = 0
        """How many of them there were at the last look for audits."""

    # ---------------------------------------------------------------------------------------------------------- running

    def run(self) -> None:
        """Send everything, look until all that must happen has happened or the settling time is over."""
        if not self._settings.target.access_requests.may_close:
            why = "--safe was given" if self._settings.safe else "the target file does not allow it (may_close)"
            self.problem = Untested(f"closing existing access requests needs consent: {why}", CONSENT_SUPPLY)
            return
        try:
            self._prepare()
            self._send_everything(list(self.done.values()))
            self._wait()
            self._send_lost_ones_again()
            with contextlib.suppress(Untested):  # what has been seen stays seen
                self._after()
        except Untested as untested:
            self.problem = untested
        finally:
            if self._events is not None:
                self._events.close()

    def _prepare(self) -> None:
        if self._events is not None:
            try:
                self._events.open()
            except Untested as untested:
                self.event_problem = untested
                self._observers.remove(self._events)
                self._events = None
        self.watch = Watch(self._observers, (), f"cc-{self._session.plan.mark}")
        self.watch.look_for_audits()
        self.watch.remember_audits()
        ids = self._usable_ids(Counter(kind for step in plan() for kind in step.kinds if kind not in "usw"))
        if not ids["p"]:
            reason = (
                f"no pending access request was supplied that may be closed; {pending_needed():,} serve a whole run"
            )
            raise Untested(reason, PENDING_SUPPLY)
        self._session.ids.existing.update(ids["a"])
        supply = {kind: iter(found) for kind, found in ids.items()}
        left = {kind: len(found) for kind, found in ids.items()}
        for step in plan():
            done = self.done[step.name] = self._planned(step)
            self._hand_out(done, supply, left)
        for kind, rest in supply.items():
            self._left_over[kind] += rest
        self._spares = [one for done in self._with_role("spare") for one in done.ids]
        self.watch.remember(self.watch.ids)

    def _usable_ids(self, needed: Mapping[str, int]) -> dict[str, list[str]]:
        """Return at most so many ids of each kind, none of which an observer shows in another state than was said."""
        usable: dict[str, list[str]] = {kind: [] for kind in needed}
        for search in range(_SEARCHES):
            # Where some were stale more may be: what proves too many is kept for the next time.
            taken = {kind: self._take(kind, missing << search if (missing := count - len(usable[kind])) > 0 else 0) for kind, count in sorted(needed.items())}
            everything = [one for ids in taken.values() for one in ids]
            if not everything:
                break
            began = self._now()
            self.watch.look(everything)
            self._looked = self._now(), self._now() - began
            for kind, ids in taken.items():
                stale = [one for one in ids if (kind == "c") in self.watch.pending(one)]
                if stale:
                    what = f"{len(stale)} of the access requests supplied as {_STATES[kind]}"
                    self._session.note("ids", f"{what} are in another state, such as {stale[0]}")
                usable[kind] += [one for one in ids if one not in stale]
        for kind, count in needed.items():
            self._left_over[kind] = [*usable[kind][count:], *self._left_over[kind]]
            del usable[kind][count:]
        return usable

    def _take(self, kind: str, count: int) -> list[str]:
        kept, self._left_over[kind] = self._left_over[kind][:count], self._left_over[kind][count:]
        missing = count - len(kept)
        found = self._session.ids.take_kept(missing) if kind == "p" else self._sources.take(_STATES[kind], missing)
        # What search lists as pending may be past its approval, too, and have been taken as such.
        kept += [one for one in found if one not in self.watch.ids]
        self.watch.ids.update(kept)
        return kept

    def _planned(self, step: Step) -> Done:
        number = next(self._numbers)
        marker = f"{self._marker}-{number:03d}"
        message = step.text.replace("@", marker) if step.text is not None else None
        if message is not None and step.length:
            message = message[: step.length].ljust(step.length, ".")
        return Done(step, number, marker, message)

    def _hand_out(self, done: Done, supply: dict[str, Iterator[str]], left: dict[str, int]) -> None:
        needed = Counter(done.step.kinds)
        if (needed["u"] or needed["s"] or needed["w"]) and self._session.ids.source is not Source.UNKNOWN:
            done.untested = Untested(
                "the target refuses ids that it does not know, so that none can be named among others"
            )
            return
        for kind, name in _STATES.items():
            if needed[kind] > left[kind]:
                reason = f"{done.step.name}: this needs {needed[kind]} {name} access requests, {left[kind]} are left"
                whole = f" ({pending_needed():,} serve a whole run)" if kind == "p" else ""
                done.untested = Untested(reason + whole, f"access_requests.{name}")
                return
        unknown = iter(impossible(self._session.plan.mark, f"lifecycle/{done.step.name}", needed["u"]))
        if needed["w"]:
            done.ids = [WILD[done.step.name](self.done[BYSTANDER].ids[0])] if self._of(BYSTANDER).ids else []
            return
        (shared,) = impossible(self._session.plan.mark, "lifecycle/shared", 1)
        done.ids = [shared if kind == "s" else next(unknown) if kind == "u" else next(supply[kind]) for kind in done.step.kinds]
        for kind in _STATES:
            left[kind] -= needed[kind]

    def _with_role(self, *roles: str) -> list[Done]:
        return [done for done in self.done.values() if done.step.role in roles]

    # -- sending

    def _send_everything(self, steps: Sequence[Done]) -> None:
        left = [done for role in ("refused", "closes", "repeated", "parallel") for done in steps if done.step.role == role and done.step.refusal != _LAST]
        while left and left[0].step.role != "parallel":
            self._look_again(left)
            done = left.pop(0)
            if done.step.name == OVER[1].name and not self.done[OVER[0].name].accepted:
                done.untested = done.untested or Untested("the target refuses completed access requests")
            sends = {"refused": [self._send_refused], "repeated": [self._send, self._send_again, self._send_again]}
            for send in sends.get(done.step.role, [self._send]):
                self._attempt(done, send)
        if left:
            self._look_again(left)
            self._send_parallel(left)
        exchanges = [done.exchange for done in self.done.values() if done.accepted and done.exchange]
        self._last_accepted = max((one.timing.sent + one.timing.seconds for one in exchanges), default=self._now())

    def _look_again(self, left: Sequence[Done], *, at_once: bool = False) -> None:
        """
        Take other ids in place of those that somebody else has closed since they were looked at.

        All that is still to be sent is looked at together, when the last look is old, and a long list right before it is sent.
        """
        at, took = self._looked
        age = self._now() - at
        if at_once or age > max(_FRESH, _LOOKS * took):
            concerned = left
        elif len(left[0].known) >= _LONG and age > took:
            concerned = left[:1]
        else:
            return
        ids = [one for done in concerned for one in done.known]
        began = self._now()
        self.watch.look(ids)
        self._looked = self._now(), self._now() - began
        for done in concerned:
            if stale := [one for one in done.known if self._state(one)]:
                self._displaced = True
                self._replace(done, stale)

    def _replace(self, done: Done, stale: Collection[str]) -> None:
        """Put other ids in the place of some; where there are none left they stay, as ids that are over."""
        kinds = Counter(kind for one, kind in zip(done.ids, done.step.kinds, strict=True) if one in stale)
        others = self._usable_ids(kinds)
        self.watch.remember(one for found in others.values() for one in found)
        self._session.ids.existing.update(others.get("a", ()))
        for index, (one, kind) in enumerate(zip(done.ids, done.step.kinds, strict=True)):
            if one not in stale:
                continue
            if others[kind]:
                done.ids[index] = others[kind].pop()
            else:
                done.lost.add(one)

    def _send_lost_ones_again(self) -> None:
        """Send what somebody else has come before again, with other ids, as long as there are any."""
        for _ in range(_ROUNDS):
            clones = [self._with_other_ids(done) for done in list(self.done.values()) if self._is_lost(done)]
            if not any(clone.untested is None for clone in clones):
                return
            self._send_everything(clones)
            self._wait()

    def _is_lost(self, done: Done) -> bool:
        """Tell whether a step says nothing, as somebody else has closed what it named."""
        if done.exchange is None or done.untested is not None:
            return False
        if done.step.role == "refused":
            return bool(done.lost) or (self._in_company() and any(self._state(one) for one in done.ids))
        if not done.accepted or done.step.role not in {"closes", "repeated"}:
            return False
        named = [done.of_kind(kind) for kind in "pa"]
        if any(ids and done.lost.issuperset(ids) for ids in named):
            return True
        wrong = {member: self._wrong(done, member) for member in MEMBERS} if len(done.ids) <= _FEW and self._in_company() else {}
        return any(found and self._may_be_of_others(done, member, found) for member, found in wrong.items())

    def _with_other_ids(self, done: Done) -> Done:
        clone = self.done[done.step.name] = self._planned(done.step)
        unknown = iter(impossible(self._session.plan.mark, f"lifecycle/{done.step.name}/{clone.number}", len(done.of_kind("u"))))
        clone.ids = [next(unknown) if kind == "u" else one for one, kind in zip(done.ids, done.step.kinds, strict=True)]
        self._replace(clone, done.of_kind("pa"))
        if clone.lost:
            names = ", ".join(f"access_requests.{_STATES[kind]}" for kind in "pa" if clone.lost & set(clone.of_kind(kind)))
            clone.untested = Untested(f"{done.step.name}: {_TAKEN}, and there are no others", names)
        return clone

    def _note_lost_ones(self) -> None:
        """Find the requests that somebody else has closed before the step could that named them."""
        for done in self.done.values():
            refused = done.step.role == "refused"
            if done.exchange is None or not (refused or (done.step.closes and done.accepted)):
                continue
            for one in done.of_kind("pa"):
                if one not in done.lost and self._state(one) and self._is_taken(done, one):
                    done.lost.add(one)

    def _is_taken(self, done: Done, one: str) -> bool:
        """Tell whether a closed request shows that the closing was somebody else's: a message of another run, or one audit more than is ours."""
        text = "\n".join(seen.text for seen in self.watch.sights(one).values())
        if done.marker in text:
            return False
        if self._is_of_another_run(text):
            return True
        if len(done.ids) > _FEW and self._in_company() and self._shows_the_default(done, one):
            return True
        if done.step.role == "refused" or all(self._as_asked(done, one, name) for name in self.watch.sights(one)):
            return False
        ours = (done.exchange.attempt if done.exchange else 0) + len(done.again)
        return sum(one in self._places(found).get("", ()) for found in self._begun()) > ours

    def _shows_the_default(self, done: Done, one: str) -> bool:
        """Tell whether one of a list shows the default text, and not the message of its step, as most of the others do."""
        if done.message is None or any(default_of("message") not in seen.text for seen in self.watch.sights(one).values()):
            return False
        return 2 * sum(self._shows_its_message(done, other) for other in done.ids) > len(done.ids)

    def _is_of_another_run(self, text: str) -> bool:
        return self._marker not in text and any(mark != self._marker for mark in _MARKS.findall(text))

    def _in_company(self) -> bool:
        """Tell whether somebody else closes requests of the same supply at this time."""
        lost = self._displaced or any(done.lost for done in self.done.values())
        return lost or any(self._is_of_another_run(one.text) for one in self.watch.new_audits())

    def exceed_limit(self) -> None:
        """Send, when nothing else of the run needs an answer any more, what is to be answered 429, and look what became of it."""
        for done in self._with_role("refused"):
            if done.step.refusal == _LAST and done.exchange is None and done.untested is None and done.ids:
                self._look_again([done], at_once=True)
                if self.watch.sees_audits:
                    self._look_for_audits()
                self._attempt(done, self._send_refused)
                if done.exchange is not None:
                    self._pause(_QUIET[1], "for what must not happen to show itself")
                    self.watch.look(done.ids)
                    self._note_lost_ones()
                    with contextlib.suppress(Untested):  # the wait that is asked for may be too long for another one
                        self._look_for_audits()
                        self._send_refused_alone([done])

    def _attempt(self, done: Done, send: Callable[[Done], None]) -> None:
        if done.untested is not None or not done.ids:
            return
        try:
            send(done)
        except Untested as untested:
            if self._session.down:
                raise
            done.untested = untested

    def _draft(self, done: Done) -> Draft:
        body = {"accessRequestIds": Ids(len(done.ids)), **done.members}
        return Draft(body=body, chunks=done.step.chunks, provokes="framing" if done.step.chunks else "")

    def _send(self, done: Done) -> None:
        done.exchange = self._post(_slug(done), self._draft(done), done.ids)

    def _send_again(self, done: Done) -> None:
        done.again.append(self._post(f"{_slug(done)}-again", self._draft(done), done.ids))

    def _post(self, name: str, draft: Draft, ids: list[str], **how: Any) -> Exchange:
        exchange: Exchange | None = None
        try:
            # A connection of its own: what is sent anew after a drop may have been served twice, and says nothing of failed ids.
            with self._session.lane() as lane:
                exchange = self._session.send(name, draft, ids, lane=lane, **how)
        finally:
            if exchange is None or exchange.response is None:
                existing = [one for one in ids if one in self._session.ids.existing]
                self._session.note(
                    "closing", f"{name} got no answer: these may be closed: {', '.join(existing) or 'none'}"
                )
        self._taken_in += exchange.status == 202
        return exchange

    def _send_parallel(self, group: list[Done]) -> None:
        width = (
            max(2, min(self._session.plan.concurrency, len(group)))
            if self._session.plan.burst
            else self._session.plan.concurrency
        )
        ready = [done for done in group if done.untested is None and done.ids]
        if width < 2:
            for done in ready:
                done.untested = Untested("the target file allows one request in flight", "burst: true")
            return
        drafts = [(_slug(done), self._draft(done), done.ids) for done in ready]
        try:
            exchanges = self._session.send_all(drafts, width)
        except Untested as untested:
            for done in ready:
                done.untested = untested
            return
        for done, exchange in zip(ready, exchanges, strict=True):
            done.exchange = exchange
            self._taken_in += exchange.status == 202

    def _send_refused(self, done: Done) -> None:
        refusal = done.step.refusal
        draft = self._draft(done)
        if refusal in METHODS:
            draft = msgspec.structs.replace(draft, method=refusal, provokes="method")
        elif refusal in BY_QUERY:
            said = {"accessRequestIds": ",".join(done.ids), **done.members}
            draft = Draft(body=msgspec.UNSET, method=BY_QUERY[refusal], query=urlencode(said), provokes="method")
        elif refusal in CALLERS:
            draft = msgspec.structs.replace(draft, caller=CALLERS[refusal])
        elif refusal == "rate limit":
            done.exchange = self._throttled(done, draft)
            return
        elif refusal == "internal fault":
            means = self._settings.provoke.internal_error
            if means is None:
                raise Untested("provoke.internal_error is not set, so no 500 could be caused", "provoke.internal_error: {headers: {…}}")
            headers = dict(means.headers)
            done.exchange = self._post(_slug(done), draft, done.ids, provoke=headers, provoked="internal_error")
            return
        else:
            spoiled, ids = self._spoiled(refusal, done)
            done.exchange = self._post(_slug(done), Draft(body=spoiled), ids)
            return
        done.exchange = self._post(_slug(done), draft, done.ids)

    def _spoiled(self, refusal: str, done: Done) -> tuple[Json, list[str]]:
        body = {"accessRequestIds": [Id(0)], **done.members}
        match refusal:
            case "a number after the id":
                return {**body, "accessRequestIds": [Id(0), 7]}, done.ids
            case "null before the id":
                return {**body, "accessRequestIds": [None, Id(0)]}, done.ids
            case "an object between two ids":
                return {**body, "accessRequestIds": [Id(0), {}, Id(1)]}, done.ids
            case "an execution status that does not exist":
                return {**body, "executionStatus": "Stopped"}, done.ids
            case "a completion status that does not exist":
                return {**body, "completionStatus": "Aborted"}, done.ids
            case "a message that is a number":
                return {**body, "message": 7}, done.ids
            case _:
                ids = [*done.ids, *impossible(self._session.plan.mark, "lifecycle/501", 500)]
                return {**body, "accessRequestIds": Ids(501)}, ids

    def _throttled(self, done: Done, draft: Draft) -> Exchange:
        match self._settings.provoke.rate_limit:
            case ByHeaders(headers):
                return self._post(
                    _slug(done), draft, done.ids, provoke=dict(headers), provoked="rate_limit", patient=False
                )
            case ByBurst(requests) if self._session.ids.source is Source.UNKNOWN:
                ids = impossible(self._session.plan.mark, "lifecycle/burst", 1)
                burst = [
                    (f"lifecycle/burst/{n}", Draft(body={"accessRequestIds": Ids(1)}), ids) for n in range(requests)
                ]
                answers = self._session.send_all(burst, min(requests, 64), patient=False)
                self._taken_in += sum(one.status == 202 for one in answers)
                return self._post(_slug(done), draft, done.ids, patient=False)
            case _:
                raise Untested("provoke.rate_limit is not set, so no 429 could be caused", "provoke.rate_limit: {headers: {…}}")

    # -- looking

    def _now(self) -> float:
        return self._session.transport.now()

    def _wait(self) -> None:
        """
        Look until all that must happen has been seen, or the settling time is over; then once at everything.

        As long as more and more is seen the time is not over: who is still at work, on a busy machine, has not failed.
        """
        deadline = self._last_accepted + self._settings.settle
        longest = self._last_accepted + _PATIENCE * self._settings.settle
        pauses = itertools.chain(BACKOFF, itertools.repeat(BACKOFF[-1]))
        seen: tuple[int, ...] = ()
        while True:
            self.watch.look(self._unseen())
            self._note_lost_ones()
            if self._audits_missing():
                self._look_for_audits()
            if seen != (seen := self._progress()):
                deadline = min(max(deadline, self._now() + self._settings.settle / 2), longest)
            left = deadline - self._now()
            missing = any(self._unseen().values()) or self._audits_missing() or self._events_missing()
            if not missing or left <= 0:
                break
            self._pause(min(next(pauses), left), "for accepted requests to complete")
        self._took = self._now() - self._last_accepted
        if self._accepted():
            self._pause(min(max(_QUIET[0], self._took), _QUIET[1]), "for what must not happen to show itself")
        self._look_for_audits(thorough=self._audits_missing())
        self._heard = self._arrived()
        self.watch.look([one for done in self.done.values() for one in done.of_kind("pac")])
        self._note_lost_ones()

    def _look_for_audits(self, *, thorough: bool = False) -> None:
        self._to_be_audited = self._taken_in
        self.watch.look_for_audits(thorough=thorough)

    def _progress(self) -> tuple[int, ...]:
        """Return how much has been seen so far: requests that are not closed yet, audits, events."""
        unseen = sum(len(ids) for ids in self._unseen().values())
        return unseen, len(self.watch.new_audits()), len(self._arrived()) if self.watch.sees_events else 0

    def _pause(self, seconds: float, reason: str) -> None:
        self._session.gate.pause(seconds, reason)

    def _accepted(self) -> list[Done]:
        return [done for done in self.done.values() if done.step.closes and done.accepted]

    def _unseen(self) -> dict[str, set[str]]:
        """Return by observer the ids that it does not yet show closed as was asked."""
        unseen: dict[str, set[str]] = {name: set() for name in self.watch.now}
        for done in self._accepted():
            for one in done.known:
                showed = [name for name in unseen if one in self.watch.before.get(name, {})]
                if not showed and any(self._as_asked(done, one, name) for name in unseen):
                    continue
                for name in showed or unseen:
                    if not self._as_asked(done, one, name):
                        unseen[name].add(one)
        return unseen

    def _as_asked(self, done: Done, one: str, observer: str) -> bool:
        seen = self.watch.now[observer].get(one)
        if seen is None or seen.pending is not False:
            return False
        return all(seen.shows(member, done.asked(member)) is not False for member in MEMBERS)

    def _audits_missing(self) -> bool:
        if not self.watch.sees_audits:
            return False
        missing = [self._without_audit(name)[0] for name in (STARTED, COMPLETED)]
        return any(missing) or bool(self._orphans()) or any(self._failed_places(done) == set() for done in self._accepted() if done.of_kind("u"))

    def _events_missing(self) -> bool:
        if not self.watch.sees_events:
            return False
        arrived = self._arrived()
        return any(not arrived & self.watch.aliases(one) for done in self._accepted() for one in done.known)

    def _arrived(self) -> set[str]:
        return {number for document in self.watch.events() for number in tracking_numbers(document)}

    # -- afterwards

    def _after(self) -> None:
        """Send alone what may have been audited, repeat a request whose ids are closed by now, observe choices, confirm what may be a mixture."""
        self._wait_for_others()
        self._send_refused_alone(self._with_role("refused"))
        repeated = self.done[REPEATED.name]
        if repeated.accepted:
            exchange = self._post(f"{_slug(repeated)}-when-closed", self._draft(repeated), repeated.ids)
            repeated.again.append(exchange)
            self._observe_taken("closed-ids", "a request that the run has closed", exchange)
        over = self.done[OVER[0].name]
        if over.exchange is not None:
            self._observe_taken("closed-ids", "a request that was completed before", over.exchange)
        self._observe_unknown()
        self._observe_time()
        self._confirm()

    def _wait_for_others(self) -> None:
        """
        Look for some time at refused requests of which an audit or an event tells, if others are at work: they may be about to close them.

        What is still pending then was not theirs.
        """
        if not self._in_company():
            return
        heard, ties = self._heard or set(), self._ties()
        suspects = {
            one
            for done in self._with_role("refused")
            for one in done.ids
            if heard & self.watch.aliases(one) or any(found.started for found in ties[done.step.name])
        }
        deadline = self._now() + self._settings.settle
        for pause in itertools.chain(BACKOFF, itertools.repeat(BACKOFF[-1])):
            suspects = {one for one in suspects if self._state(one) is False}
            left = deadline - self._now()
            if not suspects or left <= 0:
                return
            self._pause(min(pause, left), "for others to close what they have begun with")
            self.watch.look(suspects)

    def _observe_taken(self, choice: str, what: str, exchange: Exchange) -> None:
        words = {202: "accepted", 400: "refused with 400"}
        self._session.observe(choice, f"{what}: {words.get(exchange.status, f'answered {exchange.status}')}", exchange)

    def _observe_unknown(self) -> None:
        mixed = [done for done in self._accepted() if done.of_kind("u") and done.exchange]
        if not mixed or not self.watch.sees_audits:
            return
        places = [self._failed_places(done) for done in mixed]
        shared = set.intersection(*(one for one in places if one is not None)) if any(places) else set()
        where = (
            f"listed in the completion audit under {min(shared, key=len).strip('.')}"
            if shared
            else "not listed in the completion audit"
        )
        self._session.observe(
            "unknown-ids", f"among known ids: accepted, {where}", *(done.exchange for done in mixed if done.exchange)
        )

    def _observe_time(self) -> None:
        spans = []
        for done in self._accepted():
            tied = self._ties()[done.step.name]
            begun = [one.created for one in tied if one.started and one.created]
            ended = [one.created for one in tied if one.completed and one.created]
            if begun and ended and done.step is not REPEATED:
                spans.append((max(ended) - min(begun)).total_seconds())
        if spans:
            self._session.observe(
                "completion-time", f"{min(spans):.2f} to {max(spans):.2f} s from the Started to the Completed audit"
            )
        arrivals = self._events.arrivals() if self._events else {}
        waits = [
            arrivals[number] - done.exchange.timing.sent - done.exchange.timing.seconds
            for done in self._accepted()
            for one in done.known
            for number in self.watch.aliases(one) & set(arrivals)
            if done.exchange
        ]
        if waits:
            text = f"{max(min(waits), 0.0):.2f} to {max(*waits, 0.0):.2f} s from the 202 to the event"
            self._session.observe("completion-time", text)

    def _confirm(self) -> None:
        """
        Send anew, alone, what came out wrong: if it comes out right, it was not the request but its company.

        This decides only which requirement is to blame, never whether one is.
        """
        groups: defaultdict[tuple[str, bool], list[tuple[Done, Wrong]]] = defaultdict(list)
        for done, member in itertools.product(self._accepted(), MEMBERS):
            wrong = self._wrong(done, member)
            if wrong and len(done.ids) <= 2 and done.step.role != "repeated":
                groups[member, done.gives(member)].append((done, wrong[0]))
        for group, found in groups.items():
            done, first = found[0]
            right = self._alone(done, group[0])
            foreign = next((one for _, one in found if self._is_foreign(one)), None)
            if right or (right is None and foreign):
                self._mixed[group] = foreign or first
                self._unexplained |= set() if foreign else {group}
            elif right is False:
                self._sure.add(group)

    def _send_refused_alone(self, steps: Sequence[Done]) -> None:
        """
        Send refused requests alone, where there are more Started audits than accepted requests, and see what follows them.

        An audit that names nothing tells by its time alone whose it is: it must follow each of them, and nothing else.
        """
        named = {one.key for done in self._with_role("refused") for one in self._ties()[done.step.name]}
        if not self.watch.sees_audits or sum(one.key not in named for one in self._begun()) <= self._to_be_audited:
            return
        asked: set[int] = set()
        for done in steps:
            status = done.exchange.status if done.exchange else 0
            alone = done.step.refusal not in METHODS | BY_QUERY.keys() and (status != 429 or isinstance(self._settings.provoke.rate_limit, ByHeaders))
            # After a 403 to the authorized caller the session asks whether it is still let in: the audit is of what it asks.
            alone = alone and (status != 403 or done.step.refusal in CALLERS)
            if status < 400 or not alone or status in asked or self._ties()[done.step.name]:
                continue
            asked.add(status)
            if exchanges := self._followed(done):
                self._audited_alone.append((done, exchanges))

    def _followed(self, done: Done) -> tuple[Exchange, ...]:
        """Send a refused step again and again; return the exchanges if one Started audit followed each, and none came between."""
        span = min(max(_QUIET[0], self._took), self._settings.settle)
        exchanges: list[Exchange] = []
        self._look_for_audits()
        for turn in range(_ALONE):
            # A pause of another length each time, so that nobody's own beat is taken for an answer.
            if self._begun_within(span * (1 + turn % 3 / 3), most=1):
                return ()
            clone = self._planned(done.step)
            clone.ids = done.ids
            self._send_refused(clone)
            if clone.exchange is None or done.exchange is None or clone.exchange.status != done.exchange.status:
                return ()
            exchanges.append(clone.exchange)
            if self._begun_within(span, most=1) != 1:
                return ()
        return tuple(exchanges) if not self._begun_within(span, most=1) else ()

    def _begun_within(self, seconds: float, most: int) -> int:
        """Return how many Started audits come up within so many seconds; it ends as soon as there are ``most``."""
        before = len(self._begun())
        deadline = self._now() + seconds
        for pause in itertools.chain(BACKOFF, itertools.repeat(BACKOFF[-1])):
            self._look_for_audits()
            came, left = len(self._begun()) - before, deadline - self._now()
            if came >= most or left <= 0:
                return came
            self._pause(min(pause, left), "for audits of a request that was sent alone")
        raise AssertionError("the pauses have no end")

    def _is_foreign(self, wrong: Wrong) -> bool:
        """Tell whether a request shows a message of the run that was not meant for it."""
        one, observer, _ = wrong
        seen = self.watch.now[observer].get(one)
        own = next(done for done in self.done.values() if one in done.ids)
        return seen is not None and self._marker in seen.text.replace(own.marker, "")

    def _alone(self, done: Done, member: str) -> bool | None:
        """
        Send a step again with other ids and nothing else under way; None if there are no ids left for that.

        Where the member is left out, one that gives another value than the default is closed before: a default that is
        overwritten shows itself without any company.
        """
        if not done.gives(member) and self._closed_alone(done, "before it", 1, _given(member)) is None:
            return None
        clone = self._closed_alone(done, "alone", len(done.known))
        if clone is None:
            return None
        if not self._wrong(clone, member):
            return all(self._state(one) for one in clone.ids) or None
        self._pause(_QUIET[0], "for a request that was sent alone to show all of itself")
        self.watch.look(clone.ids)
        return not self._wrong(clone, member)

    def _closed_alone(self, done: Done, name: str, count: int, members: Mapping[str, str] | None = None) -> Done | None:
        """Send a step, or one with other members, for spare ids and wait until it has completed; None if that cannot be."""
        if self._in_company():
            self.watch.look(self._spares)
            self._spares = [one for one in self._spares if self._state(one) is False]
        if count > len(self._spares):
            return None
        clone = self._planned(
            msgspec.structs.replace(done.step, name=f"{done.step.name}, {name}", layout="p", times=count, **(members or {}))
        )
        clone.ids, self._spares = self._spares[:count], self._spares[count:]
        self._send(clone)
        if not clone.accepted:
            return None
        deadline = self._now() + self._settings.settle
        for pause in itertools.chain(BACKOFF, itertools.repeat(BACKOFF[-1])):
            self.watch.look(clone.ids)
            if all(self._state(one) for one in clone.ids) or self._now() >= deadline:
                break
            self._pause(min(pause, max(deadline - self._now(), 0)), "for a request that was sent alone to complete")
        return clone

    # ---------------------------------------------------------------------------------------------------------- judging

    # -- what is known of one id

    def _state(self, one: str) -> bool | None:
        """Tell whether a request is closed; None if no observer shows it."""
        gone = any(one in missing for missing in self.watch.missing.values())
        pending = {seen.pending for name, seen in self.watch.sights(one).items() if one not in self.watch.missing[name]}
        if True in pending:
            return False
        return True if gone or False in pending else None

    def _wrong(self, done: Done, member: str) -> list[Wrong]:
        """Return where closed requests of a step show something else than was asked for."""
        wrong: list[Wrong] = []
        for one in done.known:
            if self._state(one) is not True:
                continue  # what is still pending is the business of CAR-LIFE-CLOSED
            sights = self.watch.sights(one)
            lost = all(one in self.watch.missing[name] for name in sights)
            for name, seen in sights.items():
                if one in self.watch.missing[name]:
                    # Where another observer still shows it, it is the list that is at fault, not the closing.
                    wrong += [(one, name, "it is not found any more")] if lost else []
                elif seen.shows(member, done.asked(member)) is False:
                    wrong.append((one, name, seen.shown(member)))
        return wrong

    def _not_judged(self, done: Done) -> Judgement | None:
        """Return why nothing can be said of a step, or None."""
        if self.problem is not None:
            return undecided(self.problem.reason, self.problem.supply)
        if done.untested is not None:
            return undecided(done.untested.reason, done.untested.supply)
        if done.exchange is None:
            return undecided(f"{done.step.name}: nothing was sent")
        if done.step.closes and not done.accepted:
            return undecided(
                f"{done.step.name}: the request was answered {done.exchange.status or 'not at all'}, not accepted"
            )
        return None

    def _blind(self) -> Judgement | None:
        """Return why no access request can be seen, or None."""
        if self.watch.sees_requests:
            return None
        trouble = next(iter(self.watch.trouble.values()), None)
        if trouble is not None:
            return undecided(trouble.reason, trouble.supply)
        return undecided("the target file names no way to see an access request", LOOK_SUPPLY)

    def _deaf(self) -> Judgement | None:
        """Return why no audit can be seen, or None."""
        if self.watch.sees_audits:
            return None
        trouble = self.watch.trouble.get(SearchObserver.name)
        if trouble is not None:
            return undecided(trouble.reason, trouble.supply)
        return undecided("the target file names no way to see audits", AUDIT_SUPPLY)

    def _of(self, name: str) -> Done:
        return self.done.get(name) or Done(Step(name, ""), 0, "", None)

    # -- states, statuses, messages

    def closed(self, name: str, kinds: str = "pa") -> Judgement:
        """Judge that every request that a step names is no longer pending."""
        done = self._of(name)
        if kinds == "a" and done.exchange is not None and done.exchange.status == 400 and self._takes_what_is_pending(done):
            expected = "202, as for a request before its approval"
            return Judgement(False, expected, done.exchange.got(), _sent(done), change="a request past its approval is named")
        if found := self._not_judged(done) or self._blind():
            return found
        ids = [one for one in done.known if one in done.of_kind(kinds)]
        if not ids:
            return undecided(f"{done.step.name}: {_TAKEN}")
        states = [self._state(one) for one in ids]
        expected = f"{_all_of(len(ids))} no longer pending within {self._settings.settle:g} s"
        pending = [
            (index, one) for index, (one, state) in enumerate(zip(ids, states, strict=True), 1) if state is False
        ]
        if pending:
            index, one = pending[0]
            where = ", ".join(name for name, seen in self.watch.sights(one).items() if seen.pending)
            first = f", first number {index}, {one}" if len(ids) > 1 else f", {one}"
            got = f"{len(pending)} of {len(ids)} still pending{first} ({where})"
            return Judgement(False, expected, got, _sent(done))
        if None in states:
            unseen = states.count(None)
            return undecided(
                f"{done.step.name}: {unseen} of the {len(ids)} requests are shown by no observer", LOOK_SUPPLY
            )
        return Judgement(True, expected, "", _sent(done))

    def _takes_what_is_pending(self, like: Done) -> bool:
        """
        Tell whether the like requests that name requests before their approval were accepted, each of them.

        If one was not, the state of a request is not what it is refused for: it may be the id.
        """
        alike = [one for one in self.done.values() if one.step.closes and set(one.step.kinds) == {"p"} and one.step.text == like.step.text]
        refused = any(one.exchange is not None and one.exchange.status == 400 for one in alike)
        return self._of(ONE if len(like.ids) == 1 else "three").accepted and not refused

    def shows(self, name: str, member: str) -> Judgement:
        """Judge that the closed requests of a step show what a member of the body asked for, or its default."""
        done = self._of(name)
        if found := self._not_judged(done) or self._blind():
            return found
        closed = [one for one in done.known if self._state(one) is True]
        if not done.known:
            return undecided(f"{done.step.name}: {_TAKEN}")
        if not closed:
            return undecided(f"{done.step.name}: nothing was seen closed: judged under CAR-LIFE-CLOSED")
        wrong = self._wrong(done, member)
        if wrong and self._strangers():
            return undecided(_STRANGE)
        if wrong and (member, done.gives(member)) in self._mixed:
            return undecided(f"{done.step.name}: sent alone it comes out right: judged under CAR-LIFE-CONCURRENT")
        if wrong and self._may_be_of_others(done, member, wrong):
            return undecided(f"{done.step.name}: {_COMPANY}")
        asked = done.asked(member)
        if wrong and not done.gives(member) and self._spelled_out_as_wrong(done, member, wrong):
            return undecided(f"{done.step.name}: the default spelled out comes out as wrong: judged where it is given")
        change = "" if done.gives(member) else f"{member} left out"
        expected = (
            f'{"the message" if member == "message" else member} "{_cut(asked)}"{", the default" if change else ""}'
        )
        if wrong:
            one, observer, shown = wrong[0]
            count = len({one for one, _, _ in wrong})
            got = f"{shown} ({observer}, {one}{f'; {count} of {len(closed)} like this' if len(closed) > 1 else ''})"
            return Judgement(False, expected, got, _sent(done), change=change)
        right = [one for one in closed if any(seen.shows(member, asked) for seen in self.watch.sights(one).values())]
        if len(right) < len(closed):
            return undecided(f"{done.step.name}: what is shown is no word of the page, or nothing", LOOK_SUPPLY)
        return Judgement(True, expected, "", _sent(done), change=change)

    def read_from_chunks(self) -> Judgement:
        """Judge that a message comes out of chunks as it comes out of a whole body."""
        chunked, whole = self.shows(CHUNKED.name, "message"), self.shows(WHOLE, "message")
        if chunked.holds is False and not whole.holds:
            return undecided("the same message does not come out right from a whole body: judged under CAR-LIFE-MESSAGE")
        return dataclasses.replace(chunked, change=f"sent in chunks of {CHUNKED.chunks[0]} byte") if chunked.holds is False else chunked

    def _may_be_of_others(self, done: Done, member: str, wrong: list[Wrong]) -> bool:
        """Tell whether others at work explain what a step shows: few of its requests, without its message, and not so when sent alone."""
        if (member, done.gives(member)) in self._sure or not self._in_company():
            return False
        ids = {one for one, _, _ in wrong}
        own = any(done.marker in seen.text for one in ids for seen in self.watch.sights(one).values())
        return not own and (len(done.ids) <= _FEW or 2 * len(ids) <= len(done.known))

    def _spelled_out_as_wrong(self, done: Done, member: str, wrong: list[Wrong]) -> bool:
        """Tell whether the same closing with the default spelled out shows the same wrong word."""
        if member == "message":
            return False  # every message of the run is told from the default
        asked = {name: done.asked(name) if done.gives(name) or name == member else None for name in MEMBERS[:2]}
        for twin in self.done.values():
            step = twin.step
            same = {"executionStatus": step.execution, "completionStatus": step.completion} == asked
            if same and twin.gives(member) and twin.gives("message") == done.gives("message") and len(twin.ids) == len(done.ids):
                return {shown for _, _, shown in self._wrong(twin, member)} >= {shown for _, _, shown in wrong}
        return False

    def unmixed(self) -> Judgement:
        """Judge that closings that ran at the same time did not mix their messages and statuses."""
        parallel = self._with_role("parallel")
        sent = tuple(done.exchange for done in parallel if done.exchange)
        expected = "each request with the message and the statuses of its own closing"
        if self._mixed and self._strangers():
            return undecided(_STRANGE)
        others = self._unexplained if self._in_company() else set()
        for (member, given), (one, observer, shown) in self._mixed.items():
            if (member, given) in others:
                continue  # somebody else may have closed it
            own = next(done for done in self.done.values() if one in done.ids)
            instead = f'instead of "{_cut(own.asked(member))}"; sent alone it comes out right'
            got = f"{member} of {one}: {shown} ({observer}) {instead}"
            return Judgement(False, expected, got, _sent(own))
        judged = [self.shows(done.step.name, member) for done in parallel for member in MEMBERS]
        if any(one.holds for one in judged):
            return Judgement(True, expected, "", sent)
        untold = next((one for one in judged if one.holds is None), None)
        return (
            untold
            or self._no_closing()
            or undecided("what is sent at the same time comes out as wrong as what is sent alone")
        )

    def kept(self) -> Judgement:
        """Judge that completed requests that were named keep their statuses."""
        named = [self._of(step.name) for step in OVER]
        sent = tuple(done.exchange for done in named if done.exchange)
        if not sent:
            return self._not_judged(named[0]) or undecided("no completed access request was named")
        if found := self._blind():
            return found
        expected = "a completed request with the statuses that it had"
        told = False
        for done in named:
            seen = [(one, *item) for one in done.of_kind("c") for item in self.watch.sights(one).items()]
            for one, name, now in seen:
                before = self.watch.before.get(name, {}).get(one)
                if before is None:
                    continue
                was, became = (f"{shown.execution}, {shown.completion}" for shown in (before, now))
                if was != became:
                    return Judgement(False, expected, f"{became} in place of {was} ({name}, {one})", _sent(done))
                told = told or False in {before.shows(member, done.asked(member)) for member in MEMBERS[:2]}
        if not told:
            return undecided(
                "the completed requests are not shown, or had the very statuses that were asked for",
                "access_requests.completed",
            )
        return Judgement(True, expected, "", sent)

    def only_named(self) -> Judgement:
        """Judge that nothing shows a message of the run but what the run named."""
        if self.problem is not None:
            return undecided(self.problem.reason, self.problem.supply)
        if found := self._blind():
            return found
        expected = "requests that no accepted call named as they were, without a message of this run"
        for one, (observer, seen) in self._strangers():
            return Judgement(
                False,
                expected,
                f"{seen.shown('message')} on {one}, which was not named ({observer})",
                self._everything(),
            )
        seen_ones = [
            one for done in self._with_role("bystander", "spare") for one in done.ids if self.watch.sights(one)
        ]
        if not seen_ones:
            return undecided("there was no other pending request to look at", PENDING_SUPPLY)
        return Judgement(True, expected, "", self._everything())

    def _strangers(self) -> list[tuple[str, tuple[str, Sight]]]:
        found = list(self.watch.strangers.items())
        unnamed = [(one, "") for done in self._with_role("bystander") for one in done.ids]
        unnamed += [(one, "") for one in self._spares]
        unnamed += [(one, done.marker) for done in self._with_role("refused") for one in done.ids]
        for identifier, own in unnamed:
            found += [
                (identifier, (name, seen))
                for name, seen in self.watch.sights(identifier).items()
                if self._marker in (seen.text.replace(own, "") if own else seen.text)
            ]
        return found

    def _everything(self) -> tuple[Exchange, ...]:
        return tuple(done.exchange for done in self._accepted() if done.exchange)

    # -- what was refused

    def unchanged(self, name: str) -> Judgement:
        """Judge that a request that was refused closed nothing."""
        done = self._of(name)
        if found := self._not_judged(done) or self._blind():
            return found
        status = done.exchange.status if done.exchange else 0
        meant = {"rate limit": {429}, "internal fault": {500}}.get(done.step.refusal)
        by_method = done.step.refusal in METHODS or done.step.refusal in BY_QUERY  # which closes nothing, however it is answered
        if (200 <= status < 300 and not by_method) or not status or (meant and status not in meant):
            return undecided(
                f"{done.step.name}: this was answered {status or 'not at all'}, not refused as intended",
                _provoked_by(done),
            )
        if done.lost:
            return undecided(f"{done.step.name}: {_TAKEN}")
        expected = f"nothing closed by a request that is answered {status}"
        states = {one: self._state_of_refused(done, one) for one in done.ids}
        for one, state in states.items():
            if state and done.step.refusal == _LAST and self._in_company() and not self._shows_its_message(done, one):
                return undecided(f"{done.step.name}: {_COMPANY}")  # it is not asked for twice
            if state:
                return Judgement(False, expected, f"{one} is closed: {state}", _sent(done), change=done.step.refusal)
        if None in states.values():
            return undecided(f"{done.step.name}: no observer tells what became of its request", LOOK_SUPPLY)
        return Judgement(True, expected, "", _sent(done))

    def _state_of_refused(self, done: Done, one: str) -> str | None:
        """Return how it is seen that a refused request closed an id, or an empty text; None: it cannot be told."""
        sights = self.watch.sights(one)
        default = default_of("message")
        for name, seen in sights.items():
            if done.marker in seen.text:
                return f"it shows the message of the refused request ({name})"
        if not sights or self._state(one) is None:
            return None
        if self._state(one) is False:
            return ""
        # Somebody else may have closed it: only what this very request explains is held against the target.
        name, seen = next((name, seen) for name, seen in sights.items() if seen.pending is False)
        explained = not seen.warnings or default in seen.warnings
        return (
            None
            if self._strangers() or not explained
            else f"{seen.shown('executionStatus')}, {seen.shown('message')} ({name})"
        )

    # -- audits

    def _ties(self) -> dict[str, list[Audit]]:
        """Return by step the audits that tell they are its own: by its message, its ids, or a tracking number."""
        audits = self.watch.new_audits()
        known = len(audits), max((done.number for done in self.done.values()), default=0)
        if self._tied[0] == known:
            return self._tied[1]
        mentions = Mentions(one for done in self.done.values() for one in done.ids)
        owner = {one: done.step.name for done in self.done.values() for one, kind in zip(done.ids, done.step.kinds, strict=False) if kind != "s"}
        numbers = {self._answer_id(done): done.step.name for done in self.done.values() if self._answer_id(done)}
        direct: dict[str, set[str]] = {}
        for one in audits:
            if self._is_of_another_run(one.text):
                direct[one.key] = set()
                continue
            names = {owner[found] for found in mentions.within(one.text) if found in owner}
            names |= {done.step.name for done in self.done.values() if done.message and done.marker in one.text}
            names |= {numbers[one.tracking]} if one.tracking in numbers else set()
            direct[one.key] = names
        by_number: defaultdict[str, set[str]] = defaultdict(set)
        for one in audits:
            by_number[one.tracking] |= direct[one.key]
        tied: dict[str, list[Audit]] = {name: [] for name in self.done}
        for one in audits:
            shared = by_number[one.tracking] if one.tracking else set()
            # A tracking number that several closings share tells nothing.
            for name in direct[one.key] or (shared if len(shared) == 1 else ()):
                tied[name].append(one)
        for done in self.done.values():
            tied[done.step.name] = _told_by_message(done, tied[done.step.name])
        self._tied = known, tied
        return tied

    def _is_ambiguous(self, done: Done) -> bool:
        """Tell whether more closings than ours name the ids of a step, so that its audits may be theirs."""
        ours = (done.exchange.attempt if done.exchange else 0) + len(done.again)
        if done.lost or sum(one.started for one in self._ties()[done.step.name]) > ours:
            return True
        # What others had begun with before the run looked first has an audit of its own that counts as old.
        return self._in_company() and not all(self._shows_its_message(done, one) for one in done.known)

    def _shows_its_message(self, done: Done, one: str) -> bool:
        """Tell whether a request shows the message of its step, so that nobody else has closed it."""
        return done.message is not None and any(done.marker in seen.text for seen in self.watch.sights(one).values())

    @staticmethod
    def _answer_id(done: Done) -> str:
        document = done.exchange.document if done.exchange and done.exchange.is_json else None
        found = document.get("id") if isinstance(document, dict) else None
        return found if isinstance(found, str) else ""

    def _without_audit(self, name: str) -> tuple[list[Done], bool]:
        """
        Return the accepted steps for which there is no audit of that name, and whether that is certain.

        Audits that name neither ids nor message are counted instead: one for each step that lacks its own.
        """
        audits = [one for one in self.watch.new_audits() if (one.started if name == STARTED else one.completed)]
        tied = self._ties()
        keys = {one.key for found in tied.values() for one in found}
        loose = sum(one.key not in keys for one in audits)
        lacking = [done for done in self._accepted() if not any(one in audits for one in tied[done.step.name])]
        if len(lacking) <= loose:
            return [], True
        return lacking, not loose

    def _begun(self) -> list[Audit]:
        """Return the Started audits that may be of this run."""
        return [one for one in self.watch.new_audits() if one.started and not self._is_of_another_run(one.text)]

    def _orphans(self) -> list[Audit]:
        """
        Return Started audits without the Completed that shares a value with them, if at least one of them is ours.

        Others leave at most so many as there are more Started audits than accepted requests of ours.
        """
        begun = self._begun()
        ended = [one for one in self.watch.new_audits() if one.completed]
        value = tie(begun, ended)
        if value is None:
            return []
        partners = {value(one) for one in ended}
        orphans = [one for one in begun if value(one) and value(one) not in partners]
        return orphans if len(orphans) > max(0, len(begun) - self._to_be_audited) else []

    def audited(self, name: str) -> Judgement:
        """Judge that there is an audit of a name for every accepted request."""
        if found := self._no_closing() or self._deaf():
            return found
        expected = f'the audit "{name}" for each of {len(self._accepted())} accepted requests'
        lacking, certain = self._without_audit(name)
        lacking = [done for done in lacking if done.step.name not in NEWER]
        if not lacking:
            return Judgement(True, expected, "", self._everything())
        if not certain:
            return undecided(
                f'the audits "{name}" tell neither ids nor message, and are fewer than the accepted requests'
            )
        got = f"none for {len(lacking)} of them, first {lacking[0].what}"
        return Judgement(False, expected, got, _sent(lacking[0]))

    def paired(self) -> Judgement:
        """Judge that each Started audit has its Completed, also where audits name neither ids nor messages, and after closings that few services foresee."""
        if found := self._no_closing() or self._deaf():
            return found
        expected = f'the audit "{COMPLETED}" for each "{STARTED}" of the run'
        lacking, certain = self._without_audit(COMPLETED)
        newer = next((done for done in lacking if done.step.name in NEWER), None)
        if newer is not None and certain:
            return Judgement(False, expected, f"none for {newer.what}", _sent(newer))
        if orphans := self._orphans():
            first = orphans[0]
            when = f" of {first.created.isoformat()}" if first.created else ""
            got = f"none that shares a value with {len(orphans)} of {len(self._begun())}, first that{when}, {first.tracking or first.key}"
            return Judgement(False, expected, got, self._everything())
        if lacking:
            return undecided("the audits tell neither ids nor message, and share no value")
        return Judgement(True, expected, "", self._everything())

    def _no_closing(self) -> Judgement | None:
        """Return why there is no accepted request to judge, or None."""
        if self.problem is not None:
            return undecided(self.problem.reason, self.problem.supply)
        if not self._accepted():
            return undecided("no request that closes something was accepted", PENDING_SUPPLY)
        return None

    def in_order(self) -> Judgement:
        """Judge that Started is not later than Completed."""
        if found := self._no_closing() or self._deaf():
            return found
        expected = f'"{STARTED}" not later than "{COMPLETED}"'
        judged: list[Exchange] = []
        for done in self._accepted():
            tied = self._ties()[done.step.name]
            begun = [one.created for one in tied if one.started and one.created]
            ended = [one.created for one in tied if one.completed and one.created]
            if begun and ended and done.exchange and not self._is_ambiguous(done):
                judged.append(done.exchange)
                if min(begun) > min(ended):
                    got = f"Started at {min(begun).isoformat()}, Completed at {min(ended).isoformat()}: {done.what}"
                    return Judgement(False, expected, got, _sent(done))
        if judged:
            return Judgement(True, expected, "", tuple(judged))
        if self._may_be_in_order():
            return Judgement(True, expected, "", self._everything())
        return undecided("no two audits of one request were found with the times of their making")

    def _may_be_in_order(self) -> bool:
        """Tell whether no more had completed than had started at each moment: all to ask of audits that tell no ids."""
        audits = self.watch.new_audits()
        begun = sorted(one.created for one in audits if one.started and one.created)
        ended = sorted(one.created for one in audits if one.completed and one.created)
        return (
            bool(ended)
            and len(ended) <= len(begun)
            and all(first <= last for first, last in zip(begun, ended, strict=False))
        )

    def _failed_places(self, done: Done) -> set[str] | None:
        """Return the places of the Completed audit that name exactly what finished in error; None: no audit."""
        unknown, over = set(done.of_kind("u")), set(done.of_kind("c")) | done.lost
        if self._in_company():
            over |= {one for one in done.known if self._state(one) and not self._shows_its_message(done, one)}
        mentions = Mentions(done.ids)
        completed = [one for one in self.watch.new_audits() if one.completed]
        own = [one for one in completed if one in self._ties()[done.step.name] or unknown & mentions.within(one.text)]
        if not own and not completed:
            return None
        return {
            place
            for one in own
            for place, named in self._places(one).items()
            if named and unknown <= named <= unknown | over
        }

    def _places(self, one: Audit) -> dict[str, frozenset[str]]:
        """Return which ids of the whole run each place of an audit names: a list of failed ids may hold those of another request."""
        named = {found for done in self.done.values() for found in done.ids} | self.watch.ids
        if self._mentions[0] != len(named):
            self._mentions = len(named), Mentions(named)
        if (key := (one.key, len(named))) not in self._named:
            self._named[key] = self._mentions[1].places(one.document)
        return self._named[key]

    def failed_listed(self, name: str) -> Judgement:
        """Judge that some place of a step's Completed audit names exactly the ids that are unknown."""
        if self._session.ids.source is not Source.UNKNOWN:
            return self._over_listed()
        done = self._of(name)
        if found := self._not_judged(done) or self._deaf():
            return found
        if not done.sent_once:
            return undecided(f"{done.step.name}: the request was sent anew after its connection was lost, and may have been served twice")
        places = self._failed_places(done)
        failed = done.of_kind("u")
        names = ", ".join(failed[:3]) + (f" and {len(failed) - 3} more" if len(failed) > 3 else "")
        others = f"none of {', '.join(done.known)}" if done.known else "none of another request"
        expected = f"a Completed audit that lists {names} as finished in error, and {others}"
        if places:
            return Judgement(True, expected, "", _sent(done))
        own = [one for one in self._ties()[name] if one.completed]
        if places is None or done in self._without_audit(COMPLETED)[0] or (not own and self._orphans()):
            return undecided(f'{done.step.name}: there is no audit "{COMPLETED}": judged under CAR-LIFE-COMPLETED')
        if self._strangers():
            return undecided(_STRANGE)
        got = "no Completed audit names it"
        if own:
            mentioned = {place: named for place, named in self._places(own[0]).items() if place and named}
            listed = [f"{place.strip('.')} names {_of_these(named, done)}" for place, named in mentioned.items()]
            got = f"a Completed audit in which {'; '.join(listed[:4]) or 'no id stands'}"
        return Judgement(False, expected, got, _sent(done))

    def _over_listed(self) -> Judgement:
        """Judge, where unknown ids are refused, that a completed id is listed alone; it need not have failed."""
        first, done = self.done[OVER[0].name].exchange, self._of(OVER[1].name)
        if first is not None and first.status == 400:
            return never()
        if found := self._not_judged(done) or self._deaf():
            return found
        if not self._failed_places(done):
            return never()
        return Judgement(True, "a Completed audit that lists the completed id alone", "", _sent(done))

    def nothing_failed(self) -> Judgement:
        """Judge that the place that lists failed ids lists none where none failed."""
        if found := self._no_closing() or self._deaf():
            return found
        if self._strangers():
            return undecided(_STRANGE)
        places = [named for done in self._accepted() if done.of_kind("u") and (named := self._failed_places(done))]
        if not places:
            return undecided("no failed id was seen listed, so that nobody knows where they would stand")
        shared = set.intersection(*places) or set.union(*places)
        expected = "a Completed audit that lists no id as finished in error, as all were closed"
        judged: list[Exchange] = []
        for done in self._accepted():
            if done.of_kind("uswc") or self._is_ambiguous(done):
                continue
            if done.step.role == "repeated" or not done.sent_once or not all(self._state(one) for one in done.known):
                continue
            for one in self._ties()[done.step.name]:
                if not one.completed or not done.exchange:
                    continue
                listed = self._places(one)
                wrong = [place for place in shared if listed.get(place)]
                if len(wrong) == len(shared):
                    got = f"{wrong[0].strip('.')} names {_of_these(listed[wrong[0]], done)}"
                    return Judgement(False, expected, got, _sent(done))
                judged.append(done.exchange)
        return (
            Judgement(True, expected, "", tuple(judged))
            if judged
            else undecided("no such audit could be told to be its own")
        )

    def _refused(self, *, last: bool) -> list[Done]:
        """Return the steps that were refused: those that are sent at the very end, or the others."""
        refused = [done for done in self._with_role("refused") if done.exchange and done.exchange.status >= 400]
        return [done for done in refused if (done.step.refusal == _LAST) == last]

    def unaudited(self, *, last: bool = False) -> Judgement:
        """Judge that no Started audit tells of a request that was refused; ``last``: of the one that is sent at the very end."""
        if self.problem is not None:
            return undecided(self.problem.reason, self.problem.supply)
        if found := self._deaf():
            return found
        expected = f'no audit "{STARTED}" of a refused request'
        refused = self._refused(last=last)
        for done in refused:
            begun = [one for one in self._ties()[done.step.name] if one.started]
            if begun and not done.lost and not any(self._state(one) for one in done.ids):
                got = f"one of {begun[0].created.isoformat() if begun[0].created else 'now'} for {done.what}"
                return Judgement(False, expected, got, _sent(done))
        if not refused:
            return undecided("no request that names pending ids was refused", PENDING_SUPPLY)
        return Judgement(True, expected, "", tuple(done.exchange for done in refused if done.exchange))

    def unaudited_alone(self, *, last: bool = False) -> Judgement:
        """Judge that no Started audit, whatever it names, follows a refused request that is sent alone; ``last`` as above."""
        if self.problem is not None:
            return undecided(self.problem.reason, self.problem.supply)
        if found := self._deaf():
            return found
        expected = f'no audit "{STARTED}" after a refused request'
        for done, exchanges in self._audited_alone:
            if (done.step.refusal == _LAST) != last:
                continue
            got = f"one after each of {len(exchanges)} that were sent alone, and none between them: {done.what}"
            return Judgement(False, expected, got, exchanges)
        refused = tuple(done.exchange for done in self._refused(last=last) if done.exchange)
        if not refused:
            return undecided("no request that names pending ids was refused", PENDING_SUPPLY)
        return Judgement(True, expected, "", refused)

    # -- events

    def _unheard(self) -> Judgement | None:
        """Return why deliveries cannot be judged, or None."""
        if self.event_problem is not None:
            return undecided(self.event_problem.reason, self.event_problem.supply)
        if not self.watch.sees_events:
            return undecided("the target file allows no subscription to Provisioning Completed", EVENT_SUPPLY)
        if self._events is not None and self._events.may_be_out_of_reach and not self.watch.events():
            reason = "no event came at all: it cannot be told whether the target reaches the listener of the suite"
            return undecided(reason, URL_SUPPLY)
        return None

    def delivered(self, *names: str) -> Judgement:
        """Judge that an event came for every request that these steps closed, with its tracking number."""
        if found := self._no_closing() or self._unheard():
            return found
        steps = [done for name in names if (done := self._of(name)).accepted]
        if not steps:
            return self._not_judged(self._of(names[0])) or undecided("nothing of the kind was accepted")
        arrived = self._arrived()
        closed = [(done, one) for done in steps for one in done.known if self._state(one) is not False]
        if not closed:
            return undecided("nothing of the kind was seen closed: judged under CAR-LIFE-CLOSED")
        expected = f"an event with the tracking number of each of {len(closed)} closed requests"
        lacking = [(done, one) for done, one in closed if not arrived & self.watch.aliases(one)]
        sent = tuple(done.exchange for done in steps if done.exchange)
        if lacking and self._strangers():
            return undecided(_STRANGE)
        if lacking:
            done, one = lacking[0]
            got = f"none for {len(lacking)} of them, first {one}, number {done.ids.index(one) + 1} of {done.what}"
            if not self.watch.events() and self._events is not None:
                hint = f"a target in a container may be unable to reach it: {URL_SUPPLY}"
                got = f"no event at all at {self._events.url} ({hint})"
            return Judgement(False, expected, got, _sent(done))
        return Judgement(True, expected, "", sent)

    def not_delivered(self, kind: str) -> Judgement:
        """Judge that no event came for what was refused (``refused``), or for what cannot be closed (``failed``)."""
        if found := self._no_closing() or self._unheard():
            return found
        if kind == "refused":
            # What a refused request closed after all is the business of the requirement that it broke.
            quiet = [(done, one) for done in self._with_role("refused") for one in done.ids if not self._state(one)]
            quiet = [(done, one) for done, one in quiet if done.exchange and done.exchange.status >= 400]
        else:
            quiet = [(done, one) for done in self._accepted() for one in done.of_kind("u")]
        if not quiet:
            return undecided(
                f"no request that names ids was {kind}" if kind == "refused" else "no unknown id was accepted"
            )
        arrived = self._arrived() if self._heard is None else self._heard
        expected = (
            "no event for a request that was refused"
            if kind == "refused"
            else "no event for an id that finished in error"
        )
        for done, one in quiet:
            if arrived & self.watch.aliases(one):
                return Judgement(
                    False, expected, f"an event with the tracking number {one} ({done.step.name})", _sent(done)
                )
        asked = {done.step.name: done.exchange for done, _ in quiet if done.exchange}
        return Judgement(True, expected, "", tuple(asked.values()))

    def delivered_once(self) -> Judgement:
        """Judge that no event came twice, also where a request was sent again."""
        if found := self._no_closing() or self._unheard():
            return found
        counted = Counter(number for document in self.watch.events() for number in tracking_numbers(document))
        once = [done for done in self._accepted() if done.sent_once]
        closed = [(done, one) for done in once for one in done.known if self._state(one) is not False]
        heard = [(done, one) for done, one in closed if counted.keys() & self.watch.aliases(one)]
        if not heard:
            return undecided("no event came for a closed request: judged under CAR-LIFE-EVENT")
        expected = f"one event for each of {len(heard)} closed requests"
        ours = {alias for done in self.done.values() for one in done.known for alias in self.watch.aliases(one)}
        accepted = sum(len(done.known) * (1 + len(done.again)) for done in self._accepted())
        if len(heard) < len(closed) and sum(counted[number] for number in ours) <= accepted:
            return undecided(
                "there are no more events than closed requests, but some are misnumbered: judged under CAR-LIFE-EVENT"
            )
        for done, one in heard:
            count = max(counted[alias] for alias in self.watch.aliases(one))
            if count > 1:
                return Judgement(False, expected, f"{count} for {one} ({done.step.name})", _sent(done))
        return Judgement(True, expected, "", self._everything())

    # -- repetition

    def repeated(self) -> Judgement:
        """Judge the answers to a request that was sent again, at once and when it had completed."""
        done = self._of(REPEATED.name)
        if found := self._not_judged(done):
            return found
        documented = sorted(self._session.contract.documented_statuses - {500})
        expected = f"one of {', '.join(map(str, documented))} to a request that is sent again"
        for exchange in done.again:
            if exchange.status not in documented:
                change = "sent again, byte for byte"
                return Judgement(False, expected, exchange.got(), (*_sent(done), exchange), change=change)
        return Judgement(True, expected, "", tuple(done.again))


def _slug(done: Done) -> str:
    words = done.step.name.replace(":", "").replace(",", "").casefold()
    return f"lifecycle/{'-'.join(words.split())}"


def _sent(done: Done) -> tuple[Exchange, ...]:
    return (done.exchange,) if done.exchange else ()


def _all_of(count: int) -> str:
    return "the one request" if count == 1 else f"all {count} requests"


def _told_by_message(done: Done, audits: list[Audit]) -> list[Audit]:
    """Return of the audits of a step those with its message, and those that share a tracking number with them, if there are such of their name."""
    own = {one.tracking or one.key for one in audits if done.message and done.marker in one.text}
    kinds = [[one for one in audits if one.started], [one for one in audits if one.completed]]
    told = [[one for one in kind if (one.tracking or one.key) in own] or kind for kind in kinds]
    others = [one for one in audits if not one.started and not one.completed]
    return [*told[0], *told[1], *others]


def _of_these(named: Collection[str], done: Done) -> str:
    """Say how many of the ids of a step stand somewhere, and how many of other requests."""
    own = len(set(named) & set(done.ids))
    return f"{own} of its {len(done.ids)} ids" + (f" and {len(named) - own} of other requests" if len(named) > own else "")


def _cut(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def _provoked_by(done: Done) -> str:
    return {"rate limit": "provoke.rate_limit", "internal fault": "provoke.internal_error"}.get(done.step.refusal, "")
