"""
What others who are at work at the same time explain: what they may have closed is not held against the target.
"""

from __future__ import annotations

import re
from typing import Final

from closecheck.lifecycle.done import MEMBERS, Done, default_of
from closecheck.lifecycle.facts import Facts, Wrong

FEW: Final = 2
"""Ids beyond which most of a list tell how it was closed, where others close some of it."""
_MARKS: Final = re.compile(r"cc-[0-9a-f]{10}(?=-\d{3})")
"""What every message of a run of the suite begins with."""


def in_company(facts: Facts) -> bool:
    """Tell whether somebody else closes requests of the same supply at this time."""
    lost = facts.displaced or any(done.lost for done in facts.done.values())
    return lost or any(is_of_another_run(facts, one.text) for one in facts.watch.new_audits())


def is_of_another_run(facts: Facts, text: str) -> bool:
    """Tell whether a text holds a message of another run of the suite, and none of this one."""
    return facts.marker not in text and any(mark != facts.marker for mark in _MARKS.findall(text))


def shows_its_message(facts: Facts, done: Done, one: str) -> bool:
    """Tell whether a request shows the message of its step, so that nobody else has closed it."""
    return done.message is not None and any(done.marker in seen.text for seen in facts.watch.sights(one).values())


def shows_the_default(facts: Facts, done: Done, one: str) -> bool:
    """Tell whether one of a list shows the default text, and not the message of its step, as most of the others do."""
    if done.message is None or any(default_of("message") not in seen.text for seen in facts.watch.sights(one).values()):
        return False
    return 2 * sum(shows_its_message(facts, done, other) for other in done.ids) > len(done.ids)


def may_be_of_others(facts: Facts, done: Done, member: str, wrong: list[Wrong]) -> bool:
    """Tell whether others at work explain what a step shows: few of its requests, without its message, and not so when sent alone."""
    if (member, done.gives(member)) in facts.sure or not in_company(facts):
        return False
    ids = {one for one, _, _ in wrong}
    own = any(done.marker in seen.text for one in ids for seen in facts.watch.sights(one).values())
    return not own and (len(done.ids) <= FEW or 2 * len(ids) <= len(done.known))


def is_lost(facts: Facts, done: Done) -> bool:
    """Tell whether a step says nothing, as somebody else has closed what it named."""
    if done.exchange is None or done.untested is not None:
        return False
    if done.step.role == "refused":
        return bool(done.lost) or (in_company(facts) and any(facts.state(one) for one in done.ids))
    if not done.accepted or done.step.role not in {"closes", "repeated"}:
        return False
    named = [done.of_kind(kind) for kind in "pa"]
    if any(ids and done.lost.issuperset(ids) for ids in named):
        return True
    wrong = {member: facts.wrong(done, member) for member in MEMBERS} if len(done.ids) <= FEW and in_company(facts) else {}
    return any(found and may_be_of_others(facts, done, member, found) for member, found in wrong.items())
