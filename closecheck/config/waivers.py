"""
Waivers: known failures, excused until a date by somebody who answers for it.

A waiver that is no longer needed, or no longer holds, is a fault of the run: no excuse outlives its reason in silence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from closecheck.config.checked_values import nearest, shown
from closecheck.config.yaml_document import Place, read_yaml
from closecheck.model import Struct, Waiver

_KEYS: Final = ("requirement", "reason", "owner", "issue", "expires")
_EXAMPLE: Final = "a list of entries with requirement, reason, owner, issue and expires"


class Fault(Struct):
    """An expired or stale waiver: whose, where it stands, and what is to be done."""

    requirement: str
    file: str
    first_line: int
    last_line: int
    remedy: str

    @property
    def sentence(self) -> str:
        """File, lines and remedy."""
        lines = f"line {self.first_line}" if self.first_line == self.last_line else f"lines {self.first_line}-{self.last_line}"
        return f"{self.file}, {lines}: {self.remedy}"


class FiledWaiver(Waiver):
    """A waiver and where it stands: file, first and last line."""

    file: str = ""
    first_line: int = 0
    last_line: int = 0

    @property
    def last_day(self) -> date:
        """The last day on which it holds."""
        return date.fromisoformat(self.expires)

    def fault(self, remedy: str) -> Fault:
        """Return what is wrong with it."""
        return Fault(self.requirement, self.file, self.first_line, self.last_line, remedy)

    def plain(self) -> Waiver:
        """Return it without its place, as a run records it."""
        return Waiver(self.requirement, self.reason, self.owner, self.issue, self.expires)


def load(path: Path, today: date, known_ids: Collection[str]) -> tuple[FiledWaiver, ...]:
    """
    Read a waivers file; ``known_ids`` are the ids of all requirements, ``today`` serves for the dates in messages.

    Raises:
        UsageError: an entry lacks a key, has an unknown one, names no requirement, repeats another or has no date.

    """
    document = read_yaml(path, shown(path))
    waivers: dict[str, FiledWaiver] = {}
    for entry in document.root.items(_EXAMPLE):
        members = entry.mapping(_KEYS, _EXAMPLE)
        for key in _KEYS:
            if key not in members:
                raise entry.error(f"{key} is missing", "A waiver needs requirement, reason, owner, issue and expires.")
        requirement = members["requirement"].text("the id of a requirement")
        if requirement not in known_ids:
            raise members["requirement"].error(f"there is no requirement {requirement}", nearest(requirement, known_ids))
        first, last = document.lines[entry.path]
        waiver = FiledWaiver(
            requirement=requirement,
            reason=members["reason"].text("why it is excused"),
            owner=members["owner"].text("the person or team that will fix it"),
            issue=members["issue"].text("where it is tracked, in quotes"),
            expires=_date(members["expires"], today).isoformat(),
            file=shown(path),
            first_line=first,
            last_line=last,
        )
        if twin := waivers.get(requirement):
            raise entry.error(f"{requirement} is waived twice, first on line {twin.first_line}", "Delete one of them.")
        waivers[requirement] = waiver
    return tuple(waivers.values())


def _date(place: Place, today: date) -> date:
    example = (today + timedelta(days=90)).isoformat()
    try:
        return date.fromisoformat(place.text(example))
    except ValueError:
        raise place.error("this is no date", f"Write the last day on which it holds, such as {example}.") from None


def sort_out(
    waivers: Iterable[FiledWaiver], broken_ids: Collection[str], tested_ids: Collection[str], today: date
) -> tuple[dict[str, Waiver], tuple[Fault, ...]]:
    """
    Return the waivers in force, by requirement, and what is wrong with each one that is expired or stale.

    Stale is a waiver whose requirement was tested and is not broken; one that was not tested stays in force.
    """
    in_force: dict[str, Waiver] = {}
    faults: list[Fault] = []
    for waiver in waivers:
        if waiver.requirement in tested_ids and waiver.requirement not in broken_ids:
            faults.append(waiver.fault(f"{waiver.requirement} was tested and holds; delete these lines."))
        elif waiver.last_day < today:
            stated = f"the waiver of {waiver.requirement} ended on {waiver.expires}"
            faults.append(waiver.fault(f"{stated}; fix the target and delete these lines, or let {waiver.owner} set a new date."))
        else:
            in_force[waiver.requirement] = waiver.plain()
    return in_force, tuple(faults)
