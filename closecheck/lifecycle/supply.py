"""
Which ids each step names: usable ones in the state that it needs, and others in place of those that somebody else has closed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from closecheck.lifecycle.done import Done
from closecheck.lifecycle.facts import Facts
from closecheck.lifecycle.id_sources import Sources
from closecheck.lifecycle.judgement import PENDING_SUPPLY, TAKEN
from closecheck.lifecycle.plan import BYSTANDER, WILD, pending_needed, plan
from closecheck.model.errors import Untested
from closecheck.session.ids import Source, impossible
from closecheck.session.session import Session

_STATES: Final = {"p": "pending", "a": "approved", "c": "completed"}
_SEARCHES: Final = 20
"""So often other ids are looked for in place of those whose state is not what was said."""
_FRESH: Final = 1.0
"""Seconds for which the state of a request is taken for what it was, and at most so many times what it takes to look."""
_LOOKS: Final = 5
_LONG: Final = 100
"""Ids from which on a list is looked at right before it is sent."""


class Supply:
    """
    The ids of a run by their kinds, the letters of :class:`closecheck.lifecycle.plan.Step`.
    """

    def __init__(self, session: Session, sources: Sources, facts: Facts) -> None:
        self._session = session
        self._sources = sources
        self._facts = facts
        self._left_over: defaultdict[str, list[str]] = defaultdict(list)
        """By kind: ids that were found usable, and were not needed."""
        self._looked = (0.0, 0.0)
        """When the ids to be closed were looked at, and how long that took."""

    def hand_out(self) -> None:
        """
        Plan every step, and give ids to those for which there are enough.

        Raises:
            Untested: there is no pending request that may be closed.

        """
        ids = self._usable(Counter(kind for step in plan() for kind in step.kinds if kind not in "usw"))
        if not ids["p"]:
            raise Untested(
                f"no pending access request was supplied that may be closed; {pending_needed():,} serve a whole run", PENDING_SUPPLY
            )
        self._session.ids.existing.update(ids["a"])
        for step in plan():
            done = self._facts.done[step.name] = self._facts.planned(step)
            self._give(done, ids)
        for kind, rest in ids.items():
            self._left_over[kind] += rest
        self._facts.spares = [one for done in self._facts.with_role("spare") for one in done.ids]
        self._facts.watch.remember(self._facts.watch.ids)

    def _give(self, done: Done, supply: Mapping[str, list[str]]) -> None:
        needed = Counter(done.step.kinds)
        if (needed["u"] or needed["s"] or needed["w"]) and self._facts.source is not Source.UNKNOWN:
            done.untested = Untested("the target refuses ids that it does not know, so that none can be named among others")
            return
        for kind, name in _STATES.items():
            if needed[kind] > len(supply[kind]):
                reason = f"{done.step.name}: this needs {needed[kind]} {name} access requests, {len(supply[kind])} are left"
                whole = f" ({pending_needed():,} serve a whole run)" if kind == "p" else ""
                done.untested = Untested(reason + whole, f"access_requests.{name}")
                return
        if needed["w"]:
            done.ids = [WILD[done.step.name](one) for one in self._facts.of(BYSTANDER).ids]
            return
        unknown = iter(impossible(self._session.plan.mark, f"lifecycle/{done.step.name}", needed["u"]))
        (shared,) = impossible(self._session.plan.mark, "lifecycle/shared", 1)
        done.ids = [shared if kind == "s" else next(unknown) if kind == "u" else supply[kind].pop(0) for kind in done.step.kinds]

    def _usable(self, needed: Mapping[str, int]) -> dict[str, list[str]]:
        """Return at most so many ids of each kind, none of which an observer shows in another state than was said."""
        usable: dict[str, list[str]] = {kind: [] for kind in needed}
        for search in range(_SEARCHES):
            # Where some were stale more may be: what proves too many is kept for the next time.
            taken = {
                kind: self._take(kind, missing << search if (missing := count - len(usable[kind])) > 0 else 0)
                for kind, count in sorted(needed.items())
            }
            everything = [one for ids in taken.values() for one in ids]
            if not everything:
                break
            self._look(everything)
            for kind, ids in taken.items():
                stale = [one for one in ids if (kind == "c") in self._facts.watch.pending(one)]
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
        kept += [one for one in found if one not in self._facts.watch.ids]
        self._facts.watch.ids.update(kept)
        return kept

    def _look(self, ids: Collection[str]) -> None:
        began = self._session.now()
        self._facts.watch.look(ids)
        now = self._session.now()
        self._looked = now, now - began

    def look_again(self, left: Sequence[Done], *, at_once: bool = False) -> None:
        """
        Take other ids in place of those that somebody else has closed since they were looked at.

        All that is still to be sent is looked at together, when the last look is old, and a long list right before it is sent.
        """
        at, took = self._looked
        age = self._session.now() - at
        if at_once or age > max(_FRESH, _LOOKS * took):
            concerned = left
        elif len(left[0].known) >= _LONG and age > took:
            concerned = left[:1]
        else:
            return
        self._look([one for done in concerned for one in done.known])
        for done in concerned:
            if stale := [one for one in done.known if self._facts.state(one)]:
                self._facts.displaced = True
                self._replace(done, stale)

    def with_other_ids(self, done: Done) -> Done:
        """Return a step in place of one whose ids somebody else has closed; untested if there are no others."""
        clone = self._facts.done[done.step.name] = self._facts.planned(done.step)
        unknown = iter(impossible(self._session.plan.mark, f"lifecycle/{done.step.name}/{clone.number}", len(done.of_kind("u"))))
        clone.ids = [next(unknown) if kind == "u" else one for one, kind in zip(done.ids, done.step.kinds, strict=True)]
        self._replace(clone, done.of_kind("pa"))
        if clone.lost:
            names = ", ".join(f"access_requests.{_STATES[kind]}" for kind in "pa" if clone.lost & set(clone.of_kind(kind)))
            clone.untested = Untested(f"{done.step.name}: {TAKEN}, and there are no others", names)
        return clone

    def _replace(self, done: Done, stale: Collection[str]) -> None:
        """Put other ids in the place of some; where there are none left they stay, as ids that are over."""
        kinds = Counter(kind for one, kind in zip(done.ids, done.step.kinds, strict=True) if one in stale)
        others = self._usable(kinds)
        self._facts.watch.remember(one for found in others.values() for one in found)
        self._session.ids.existing.update(others.get("a", ()))
        for index, (one, kind) in enumerate(zip(done.ids, done.step.kinds, strict=True)):
            if one not in stale:
                continue
            if others[kind]:
                done.ids[index] = others[kind].pop()
            else:
                done.lost.add(one)
