"""Runs that judge one target at the same time, with one target file, do not take each other's requests, audits and events for theirs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lifecycle_runs import ENOUGH, REQUIREMENTS, broken, untested

from closecheck.reference import ReferenceConfig, ReferenceServer
from closecheck.session import record

ROOT = Path(__file__).parent.parent
CONFIG = ReferenceConfig(pending=3 * ENOUGH + 400, approved=30, completed=4)
"""Enough for three runs, and for what two of them take from one another."""


def start(target, reports):
    """Start a run of the lifecycle area in a process of its own."""
    only = [word for pattern in REQUIREMENTS for word in ("--only", pattern)]
    command = [
        sys.executable,
        "-m",
        "closecheck",
        "run",
        "--target",
        target,
        "--profile",
        "quick",
        "--seed",
        "7",
        "--reports",
        reports,
        *only,
    ]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CLOSECHECK_")}
    return subprocess.Popen(
        command, cwd=ROOT, env={**environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Two runs of one seed at the same time, and a third one on what they have left."""
    folder = tmp_path_factory.mktemp("three")
    with ReferenceServer(CONFIG) as server:
        (folder / "target.yaml").write_text(json.dumps(server.target()))
        for names in (("first", "second"), ("third",)):
            for process in [start(folder / "target.yaml", folder / name) for name in names]:
                process.wait(timeout=300)
    return [record.read(folder / name / "latest") for name in ("first", "second", "third")]


def test_each_of_them_finds_a_conforming_target(three):
    assert [broken(run) for run in three] == [set()] * 3
    assert [untested(run) for run in three] == [{}] * 3


def test_each_has_a_mark_of_its_own_and_none_closes_what_is_closed_already(three):
    assert len({run.opening.mark for run in three}) == 3
    closed = [{one for line in run.closed for one in line.ids} for run in three]
    assert closed[2]
    assert not closed[2] & (closed[0] | closed[1])
