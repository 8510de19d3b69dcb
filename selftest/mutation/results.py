"""From the tool's own store to ``docs/mutation.json``: what it dumps, joined with the reasons that are kept beside this."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from closecheck.proof.mutants import Mutations, Session, Survivor, Why

HERE: Final = Path(__file__).parent
KEPT: Final = HERE.parent.parent / "docs" / "mutation.json"
REASONS: Final = HERE / "reasons.yaml"
RUN: Final = "make mutate"


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    Why some mutants live: each ``[line, the line as mutated]``, without indentation.

    A line alone stands for every number of it, or for its absence; only for tables of values that are probed, and for decorators.
    """

    why: Why
    reason: str
    file: str
    lines: tuple[tuple[str, str] | str, ...]


def reasons(path: Path = REASONS) -> dict[tuple[str, str, str], Known]:
    """Return what is known, by file, line and line as mutated; ValueError if something is said twice."""
    found: dict[tuple[str, str, str], Known] = {}
    for known in msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), list[Known]):
        for line in known.lines:
            key = (known.file, line, "") if isinstance(line, str) else (known.file, *line)
            if key in found:
                raise ValueError(f"said twice: {key}")
            found[key] = known
    return found


@dataclass(frozen=True)
class Dumped:
    """One line of the dump."""

    name: str
    file: str
    operator: str
    line: int
    result: dict[str, Any] | None

    @property
    def skipped(self) -> bool:
        return self.result is None or self.result["worker_outcome"] != "normal"


def dumped(text: str) -> Iterator[Dumped]:
    """Read what ``cosmic-ray dump`` says: lines of [work item, result or null]; ValueError if the tool failed on one."""
    for line in text.splitlines():
        item, result = json.loads(line)
        (one,) = item["mutations"]
        if result is not None and (result["worker_outcome"] not in {"normal", "skipped"} or result["test_outcome"] == "incompetent"):
            raise ValueError(
                f"{one['module_path']}:{one['start_pos'][0]}: {one['operator_name']}: {result['worker_outcome']}, {result['output']}"
            )
        yield Dumped(
            f"{one['module_path']}:{one['operator_name']}:{one['occurrence']}",
            one["module_path"],
            one["operator_name"],
            one["start_pos"][0],
            result,
        )


def changed(diff: str) -> tuple[str, str]:
    """Return the lines that a diff takes out and puts in."""
    body = diff.split("\n@@", 1)[1].splitlines()[1:]
    return tuple(" ".join(line[1:].strip() for line in body if line.startswith(sign)).strip() for sign in "-+")


def survivor(one: Dumped) -> Survivor:
    """Return a survivor that nobody has looked at."""
    was, becomes = changed(one.result["diff"])
    return Survivor(one.name, one.file, one.line, was, becomes, Why.UNEXPLAINED, "")


def digest(files: Iterable[Path]) -> str:
    """Return the SHA-256 of files, in order of their names."""
    return hashlib.sha256(b"".join(hashlib.sha256(one.read_bytes()).digest() for one in sorted(files))).hexdigest()


def configuration(tree: Path, name: str) -> dict[str, Any]:
    """Return the tool's configuration of one session."""
    return tomllib.loads((tree / "selftest" / "mutation" / f"{name}.toml").read_text(encoding="utf-8"))["cosmic-ray"]


def session(name: str, tree: Path, one_in: int, dump: str, *, held_out: bool = False) -> Session:
    """Return what one session of the tool came to. What it skipped for its operator is told by the configuration."""
    config = configuration(tree, name)
    modules = tuple(config["module-path"])
    files = [file for one in modules for file in ((tree / one).glob("*.py") if (tree / one).is_dir() else [tree / one])]
    excluded = tuple(re.compile(one) for one in config["filters"]["operators-filter"]["exclude-operators"])
    mutants = list(dumped(dump))
    tried = [one for one in mutants if not one.skipped]
    lived = [one for one in tried if one.result["test_outcome"] == "survived"]
    return Session(
        name=name,
        modules=modules,
        digest=digest(files),
        command=config["test-command"],
        mutants=len(mutants),
        excluded=sum(any(one.match(mutant.operator) for one in excluded) for mutant in mutants),
        one_in=one_in,
        tried=len(tried),
        killed=len(tried) - len(lived),
        timed_out=sum(one.result["output"] == "timeout" and one.result["test_outcome"] == "killed" for one in tried),
        killed_later=0,
        survivors=tuple(sorted(map(survivor, lived), key=lambda one: (one.file, one.line, one.mutant))),
        held_out=held_out,
    )


def again(before: Session, now: Session) -> Session:
    """Return a session with its survivors tried again; ValueError if these are no longer the same."""
    if (before.digest, before.mutants) != (now.digest, now.mutants) or now.tried != len(before.survivors):
        raise ValueError(f"{before.name}: the code is another than that of the kept data: run the whole")
    return msgspec.structs.replace(
        before,
        command=now.command,
        killed=before.killed + now.killed,
        timed_out=before.timed_out + now.timed_out,
        killed_later=before.killed_later + now.killed,
        survivors=now.survivors,
    )


def mutations(sessions: Sequence[Session], version: str, seed: str) -> Mutations:
    """Return the data."""
    return Mutations("Cosmic Ray", version, platform.python_version(), RUN, seed, tuple(sessions))


def explained(before: Mutations) -> Mutations:
    """Return the data with the reasons as they are kept now."""
    known = reasons()

    def told(one: Survivor) -> Survivor:
        numbers = one.mutant.split(":")[1] == "core/NumberReplacer"
        why = known.get((one.file, one.was, one.becomes)) or (known.get((one.file, one.was, "")) if numbers else None)
        return msgspec.structs.replace(one, why=why.why if why else Why.UNEXPLAINED, reason=why.reason if why else "")

    return msgspec.structs.replace(
        before, sessions=tuple(msgspec.structs.replace(one, survivors=tuple(map(told, one.survivors))) for one in before.sessions)
    )
