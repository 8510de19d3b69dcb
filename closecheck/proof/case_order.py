"""
How the order of the cases is found: from what each of them has shown on the faulty targets of a proof.

Greedy, as sets are covered: the case that shows most of the faults that none before it has shown comes next; then one for each
choice, and each part of a requirement without which that is untested; then those that show most by themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from closecheck.contract import derived_cases
from closecheck.contract.cases import Case
from closecheck.contract.specification import Order, contract, spec_folder
from closecheck.model import Level
from closecheck.proof.kill_matrix import Trial

KEPT: Final = spec_folder() / "order.json"
CORE: Final = 270
"""Cases of the core that stand in an order: what a run without exploration sends, beside its sequences."""


def write(trials: Iterable[Trial]) -> None:
    """Write the order that these trials of faulty targets speak for; each trial knows the cases that killed its target."""
    shown: dict[str, set[str]] = {}
    for one in trials:
        for case in one.cases:
            shown.setdefault(case, set()).add(one.name)
    KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(ordered(shown)), indent=1) + b"\n")


def ordered(shown: Mapping[str, set[str]], size: int = CORE) -> Order:
    """Return the order for the faults that each case shows."""
    known: dict[str, Case] = {**derived_cases.derived(), **contract().declared}
    first = _covering({name: shown[name] for name in shown if name in known})
    wanted = {(one.id, part) for one in contract().catalogue.requirements for part in one.parts or ("",)}
    wanted |= {(one.id, "") for one in contract().catalogue.choices}
    wanted -= {place for name in first for place in _places(known[name])}
    for case in sorted(known.values(), key=lambda case: (_weight(case), -len(shown.get(case.id, ())))):
        if wanted & _places(case):
            wanted -= _places(case)
            first[case.id] = None
    for case in sorted(known.values(), key=lambda case: -len(shown.get(case.id, ()))):
        if len(first) >= size:
            break
        first[case.id] = None
    bases = {one.base for one in known.values()}
    return Order(tuple(first), frozenset(known.keys() - first.keys() - bases))


def _covering(shown: Mapping[str, set[str]]) -> dict[str, None]:
    found: dict[str, None] = {}
    left = {fault for faults in shown.values() for fault in faults}
    while left:
        news = Counter({name: len(faults & left) for name, faults in shown.items()})
        best, _ = news.most_common(1)[0]
        found[best] = None
        left -= shown[best]
    return found


def _places(case: Case) -> set[tuple[str, str]]:
    """Return what a case speaks of: a requirement or a choice, and its part."""
    name = case.requirement or case.choice
    return {(name, ""), (name, case.part)}


def _weight(case: Case) -> int:
    """Return what comes first of cases that show nothing yet: a MUST, a SHOULD, a choice."""
    if not case.requirement:
        return 2
    return contract()[case.requirement].level is not Level.MUST
