"""
Runs that were really recorded: the suite, as its users run it, against the reference with several faults at once.

``python selftest/recorded_runs.py FOLDER`` records one into a folder, for looking at what it leaves there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from closecheck.deviations.faults import faults
from closecheck.reference import ReferenceConfig, ReferenceServer

ROOT: Final = Path(__file__).parents[1]
FAULTS: Final = (
    "bound-of-1000",
    "expiry-is-not-checked",
    "form-type-accepted",
    "null-body-with-500",
    "nul-dropped",
    "message-ignored",
    "causes-are-texts",
    "trailing-commas-accepted",
    "no-challenge",
)
"""Faults of several areas, none of which hides another."""
WAIVER: Final = {
    "requirement": "CAR-ERROR-CAUSES",
    "reason": "the mobile app reads causes as texts until its next release",
    "owner": "team-identity",
    "issue": "IDN-1423",
    "expires": "2099-12-31",
}


def faulty(folder: Path, names: Sequence[str] = FAULTS) -> Path:
    """Record a run against a target with these faults, two waits, a waiver and means that are missing; return its folder."""
    known = {one.name: one for one in faults()}
    chosen = [known[name] for name in names]

    def modify(reference: Any) -> None:
        for one in chosen:
            one.modify(reference)

    config = ReferenceConfig(**{name: value for one in chosen for name, value in one.config.items()})
    with ReferenceServer(config, modify=modify) as server:
        target = {"name": "Example identity service 4.2", **_described(server.target())}
        return record(folder, target, tokens(server.target()))


def _described(target: dict[str, Any]) -> dict[str, Any]:
    """Return a target file that names tokens by their variables, and lacks some means."""
    kept = {name: target[name] for name in ("base_url", "access_requests", "observe")}
    return kept | {
        "credentials": {"authorized": {"token": "${CLOSECHECK_TOKEN}"}, "expired": {"token": "${EXPIRED_TOKEN}"}},
        "provoke": {"rate_limit": target["provoke"]["rate_limit"]},
        "out_of_scope": {"CAR-LIFE-EVENT*": "events are sent by another service"},
        "rate": "600/s",
        "waivers": "waivers.yaml",
    }


def tokens(target: dict[str, Any]) -> dict[str, str]:
    """Return the variables that hold the tokens of a served reference."""
    return {
        "CLOSECHECK_TOKEN": target["credentials"]["authorized"]["token"],
        "EXPIRED_TOKEN": target["credentials"]["expired"]["token"],
    }


def record(folder: Path, target: dict[str, Any] | None = None, secrets: dict[str, str] | None = None) -> Path:
    """Run the suite in a folder, against the embedded reference where no target is named; return where its reports stand."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--profile=standard" if target else "--profile=quick", "--reports=reports"]
    if target:
        (folder / "target.yaml").write_text(yaml.safe_dump(target, sort_keys=False), encoding="utf-8")
        (folder / "waivers.yaml").write_text(yaml.safe_dump([WAIVER], sort_keys=False), encoding="utf-8")
        options.append("--target=target.yaml")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("CLOSECHECK_", "SAIL_", "PYTEST_"))}
    environment = own | {"PYTHONPATH": str(ROOT)} | (secrets or {})
    command = [sys.executable, "-m", "closecheck", "run", *options]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False)
    latest = folder / "reports" / "latest"
    if not (latest / "run.jsonl").is_file():
        raise RuntimeError(done.stdout + done.stderr)
    return latest


if __name__ == "__main__":
    sys.stdout.write(f"{faulty(Path(sys.argv[1]).resolve())}\n")
