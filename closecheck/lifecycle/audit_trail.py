"""
Whose audits are whose: by the message, the ids or a tracking number that they name, and by their number where they name nothing.
"""

from __future__ import annotations

from collections import defaultdict

from closecheck.lifecycle.documents import COMPLETED, STARTED, Audit, Mentions, tie
from closecheck.lifecycle.done import Done
from closecheck.lifecycle.facts import Facts
from closecheck.lifecycle.others import FEW, in_company, is_of_another_run, shows_its_message, shows_the_default


class Trail:
    """
    The audits that were seen, and the steps of the experiment that they belong to.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._tied: tuple[tuple[int, int], dict[str, list[Audit]]] = (-1, 0), {}
        self._mentions: tuple[int, Mentions] = 0, Mentions(())
        """What finds the ids that the watch knows, and how many these are."""
        self._named: dict[tuple[str, int], dict[str, frozenset[str]]] = {}
        """By audit, and how many ids there were: those that each place of it names."""

    def ties(self) -> dict[str, list[Audit]]:
        """Return by step the audits that tell they are its own: by its message, its ids, or a tracking number."""
        audits = self.facts.watch.new_audits()
        known = len(audits), max((done.number for done in self.facts.done.values()), default=0)
        if self._tied[0] == known:
            return self._tied[1]
        mentions = Mentions(one for done in self.facts.done.values() for one in done.ids)
        owner = {
            one: done.step.name
            for done in self.facts.done.values()
            for one, kind in zip(done.ids, done.step.kinds, strict=False)
            if kind != "s"
        }
        numbers = {_answer_id(done): done.step.name for done in self.facts.done.values() if _answer_id(done)}
        direct: dict[str, set[str]] = {}
        for one in audits:
            if is_of_another_run(self.facts, one.text):
                direct[one.key] = set()
                continue
            names = {owner[found] for found in mentions.within(one.text) if found in owner}
            names |= {done.step.name for done in self.facts.done.values() if done.message and done.marker in one.text}
            names |= {numbers[one.tracking]} if one.tracking in numbers else set()
            direct[one.key] = names
        by_number: defaultdict[str, set[str]] = defaultdict(set)
        for one in audits:
            by_number[one.tracking] |= direct[one.key]
        tied: dict[str, list[Audit]] = {name: [] for name in self.facts.done}
        for one in audits:
            shared = by_number[one.tracking] if one.tracking else set()
            # A tracking number that several closings share tells nothing.
            for name in direct[one.key] or (shared if len(shared) == 1 else ()):
                tied[name].append(one)
        for done in self.facts.done.values():
            tied[done.step.name] = _told_by_message(done, tied[done.step.name])
        self._tied = known, tied
        return tied

    def is_ambiguous(self, done: Done) -> bool:
        """Tell whether more closings than ours name the ids of a step, so that its audits may be theirs."""
        ours = (done.exchange.attempt if done.exchange else 0) + len(done.again)
        tied = self.ties()[done.step.name]
        if done.lost or sum(one.started for one in tied) > ours or self._may_be_theirs(done, tied):
            return True
        # What others had begun with before the run looked first has an audit of its own that counts as old.
        return in_company(self.facts) and not all(shows_its_message(self.facts, done, one) for one in done.known)

    def _may_be_theirs(self, done: Done, tied: list[Audit]) -> bool:
        """Tell whether more has completed than was accepted of ours, and nothing but ids ties a step's audits to it: others may name the same."""
        told = any(done.marker in one.text or (one.tracking and one.tracking == _answer_id(done)) for one in tied)
        completed = sum(one.completed for one in self.facts.watch.new_audits())
        return not told and completed > self.facts.to_be_audited

    def is_taken(self, done: Done, one: str) -> bool:
        """Tell whether a closed request shows that the closing was somebody else's: a message of another run, or one audit more than is ours."""
        text = "\n".join(seen.text for seen in self.facts.watch.sights(one).values())
        if done.marker in text:
            return False
        if is_of_another_run(self.facts, text):
            return True
        listed = len(done.ids) > FEW and shows_the_default(self.facts, done, one)
        if listed and (in_company(self.facts) or self._failed_apart(done, one)):
            return True
        if done.step.role == "refused" or all(self.facts.as_asked(done, one, name) for name in self.facts.watch.sights(one)):
            return False
        ours = (done.exchange.attempt if done.exchange else 0) + len(done.again)
        return sum(one in self.places(found).get("", ()) for found in self.begun()) > ours

    def _failed_apart(self, done: Done, one: str) -> bool:
        """Tell whether a Completed audit names a request where it names none that shows the message of its step: among those that failed."""
        completed = [found for found in self.facts.watch.new_audits() if found.completed]
        return any(
            one in named and not any(shows_its_message(self.facts, done, other) for other in named)
            for found in completed
            for named in self.places(found).values()
        )

    def without_audit(self, name: str) -> tuple[list[Done], bool]:
        """
        Return the accepted steps for which there is no audit of that name, and whether that is certain.

        Audits that name neither ids nor message are counted instead: one for each step that lacks its own.
        """
        audits = [one for one in self.facts.watch.new_audits() if (one.started if name == STARTED else one.completed)]
        tied = self.ties()
        keys = {one.key for found in tied.values() for one in found}
        loose = sum(one.key not in keys for one in audits)
        lacking = [done for done in self.facts.accepted() if not any(one in audits for one in tied[done.step.name])]
        if len(lacking) <= loose:
            return [], True
        return lacking, not loose

    def begun(self) -> list[Audit]:
        """Return the Started audits that may be of this run."""
        return [one for one in self.facts.watch.new_audits() if one.started and not is_of_another_run(self.facts, one.text)]

    def orphans(self) -> list[Audit]:
        """
        Return Started audits without the Completed that shares a value with them, if at least one of them is ours.

        Others leave at most so many as there are more Started audits than accepted requests of ours.
        """
        begun = self.begun()
        ended = [one for one in self.facts.watch.new_audits() if one.completed]
        value = tie(begun, ended)
        if value is None:
            return []
        partners = {value(one) for one in ended}
        orphans = [one for one in begun if value(one) and value(one) not in partners]
        return orphans if len(orphans) > max(0, len(begun) - self.facts.surely_audited) else []

    def lacks_audits(self) -> bool:
        """Tell whether audits that must come have not been seen yet."""
        if not self.facts.watch.sees_audits:
            return False
        missing = [self.without_audit(name)[0] for name in (STARTED, COMPLETED)]
        return (
            any(missing)
            or bool(self.orphans())
            or any(self.failed_places(done) == set() for done in self.facts.accepted() if done.of_kind("u"))
        )

    def failed_places(self, done: Done) -> set[str] | None:
        """Return the places of the Completed audit that name exactly what finished in error; None: no audit."""
        unknown, over = set(done.of_kind("u")), set(done.of_kind("c")) | done.lost
        if in_company(self.facts):
            over |= {one for one in done.known if self.facts.state(one) and not shows_its_message(self.facts, done, one)}
        mentions = Mentions(done.ids)
        completed = [one for one in self.facts.watch.new_audits() if one.completed]
        own = [one for one in completed if one in self.ties()[done.step.name] or unknown & mentions.within(one.text)]
        if not own and not completed:
            return None
        return {place for one in own for place, named in self.places(one).items() if named and unknown <= named <= unknown | over}

    def places(self, one: Audit) -> dict[str, frozenset[str]]:
        """Return which ids of the whole run each place of an audit names: a list of failed ids may hold those of another request."""
        named = {found for done in self.facts.done.values() for found in done.ids} | self.facts.watch.ids
        if self._mentions[0] != len(named):
            self._mentions = len(named), Mentions(named)
        if (key := (one.key, len(named))) not in self._named:
            self._named[key] = self._mentions[1].places(one.document)
        return self._named[key]


def _answer_id(done: Done) -> str:
    document = done.exchange.document if done.exchange and done.exchange.is_json else None
    found = document.get("id") if isinstance(document, dict) else None
    return found if isinstance(found, str) else ""


def _told_by_message(done: Done, audits: list[Audit]) -> list[Audit]:
    """Return of the audits of a step those with its message, and those that share a tracking number with them, if there are such of their name."""
    own = {one.tracking or one.key for one in audits if done.message and done.marker in one.text}
    kinds = [[one for one in audits if one.started], [one for one in audits if one.completed]]
    told = [[one for one in kind if (one.tracking or one.key) in own] or kind for kind in kinds]
    others = [one for one in audits if not one.started and not one.completed]
    return [*told[0], *told[1], *others]
