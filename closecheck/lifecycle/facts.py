"""
What one experiment did, and what was seen of it: the facts that everything else is judged from. Nothing here sends, waits or looks.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator

from closecheck.contract.specification import Contract
from closecheck.judging.exchange import Exchange
from closecheck.lifecycle.documents import Sight, tracking_numbers
from closecheck.lifecycle.done import MEMBERS, Done
from closecheck.lifecycle.plan import Step
from closecheck.lifecycle.watch import Watch
from closecheck.model.errors import Untested
from closecheck.model.http import header
from closecheck.session.ids import Source

Wrong = tuple[str, str, str]
"""An id, the observer that shows it, and what it shows."""


@dataclasses.dataclass
class Facts:
    """
    The facts of one experiment.

    ``marker`` begins every message of the run; a request must be seen closed within ``settle`` seconds; ``source`` says
    where the ids of accepted requests come from, and so whether unknown ids are accepted.
    """

    marker: str
    settle: float
    source: Source
    contract: Contract
    watch: Watch = dataclasses.field(default_factory=lambda: Watch([], (), ""))
    done: dict[str, Done] = dataclasses.field(default_factory=dict)
    """By the name of the step."""
    numbers: Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1))
    """Those of the requests: each has a message of its own."""
    problem: Untested | None = None
    """Why there was no experiment."""
    event_problem: Untested | None = None
    event_url: str = ""
    """Where events are to be delivered; empty if the suite listens to none."""
    event_url_may_be_out_of_reach: bool = False
    spares: list[str] = dataclasses.field(default_factory=list)
    """Pending ids that no step names."""
    mixed: dict[tuple[str, bool], Wrong] = dataclasses.field(default_factory=dict)
    """By member, and whether it was given: what came out wrong, and right when it was sent alone."""
    unexplained: set[tuple[str, bool]] = dataclasses.field(default_factory=set)
    """Those of them that show no message of another step."""
    sure: set[tuple[str, bool]] = dataclasses.field(default_factory=set)
    """What came out wrong when it was sent alone, too."""
    displaced: bool = False
    """Whether somebody else has closed requests before the run could."""
    heard: set[str] | None = None
    """The tracking numbers of the events that had come before the last look at all requests."""
    audited_alone: list[tuple[Done, tuple[Exchange, ...]]] = dataclasses.field(default_factory=list)
    """Refused steps that were followed by a Started audit each time they were sent alone."""
    taken_in: list[tuple[str, bytes]] = dataclasses.field(default_factory=list)
    """The Authorization field and the body of each request that was answered 202 since the experiment began."""
    to_be_audited: int = 0
    """How many of them there were at the last look for audits."""
    surely_audited: int = 0
    """How many different ones there were then: a target may answer a repeated request as before and close nothing again."""

    def take_in(self, exchanges: Iterable[Exchange]) -> None:
        """Note which of these requests were accepted."""
        sent = [one.request for one in exchanges if one.status == 202]
        self.taken_in += [(header(one.headers, "authorization") or "", one.body) for one in sent]

    def planned(self, step: Step) -> Done:
        """Return a step with a number and a marker of its own, still without ids."""
        number = next(self.numbers)
        marker = f"{self.marker}-{number:03d}"
        message = step.text.replace("@", marker) if step.text is not None else None
        if message is not None and step.length:
            message = message[: step.length].ljust(step.length, ".")
        return Done(step, number, marker, message)

    def of(self, name: str) -> Done:
        """Return what became of a step; nothing where there was no experiment."""
        return self.done.get(name) or Done(Step(name, ""), 0, "", None)

    def with_role(self, *roles: str) -> list[Done]:
        """Return the steps with one of these roles."""
        return [done for done in self.done.values() if done.step.role in roles]

    def accepted(self) -> list[Done]:
        """Return the steps that close something and were accepted."""
        return [done for done in self.done.values() if done.step.closes and done.accepted]

    def everything(self) -> tuple[Exchange, ...]:
        """Return the exchanges of the accepted steps."""
        return tuple(done.exchange for done in self.accepted() if done.exchange)

    # -- what is known of one id

    def state(self, one: str) -> bool | None:
        """Tell whether a request is closed; None if no observer shows it."""
        gone = any(one in missing for missing in self.watch.missing.values())
        pending = {seen.pending for name, seen in self.watch.sights(one).items() if one not in self.watch.missing[name]}
        if True in pending:
            return False
        return True if gone or False in pending else None

    def wrong(self, done: Done, member: str) -> list[Wrong]:
        """Return where closed requests of a step show something else than was asked for."""
        wrong: list[Wrong] = []
        for one in done.known:
            if self.state(one) is not True:
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

    def as_asked(self, done: Done, one: str, observer: str) -> bool:
        """Tell whether an observer shows a request closed, and nothing else than was asked for."""
        seen = self.watch.now[observer].get(one)
        if seen is None or seen.pending is not False:
            return False
        return all(seen.shows(member, done.asked(member)) is not False for member in MEMBERS)

    def unseen(self) -> dict[str, set[str]]:
        """Return by observer the ids that it does not yet show closed as was asked."""
        unseen: dict[str, set[str]] = {name: set() for name in self.watch.now}
        for done in self.accepted():
            for one in done.known:
                showed = [name for name in unseen if one in self.watch.before.get(name, {})]
                if not showed and any(self.as_asked(done, one, name) for name in unseen):
                    continue
                for name in showed or unseen:
                    if not self.as_asked(done, one, name):
                        unseen[name].add(one)
        return unseen

    def strangers(self) -> list[tuple[str, tuple[str, Sight]]]:
        """Return the requests that show a message of the run although none named them: each id with the observer, and what it shows."""
        found = list(self.watch.strangers.items())
        unnamed = [(one, "") for done in self.with_role("bystander") for one in done.ids]
        unnamed += [(one, "") for one in self.spares]
        unnamed += [(one, done.marker) for done in self.with_role("refused") for one in done.ids]
        for identifier, own in unnamed:
            found += [
                (identifier, (name, seen))
                for name, seen in self.watch.sights(identifier).items()
                if self.marker in (seen.text.replace(own, "") if own else seen.text)
            ]
        return found

    def arrived(self) -> set[str]:
        """Return the tracking numbers of the events so far."""
        return {number for document in self.watch.events() for number in tracking_numbers(document)}

    def lacks_events(self) -> bool:
        """Tell whether events that must come have not arrived yet."""
        if not self.watch.sees_events:
            return False
        arrived = self.arrived()
        return any(not arrived & self.watch.aliases(one) for done in self.accepted() for one in done.known)
