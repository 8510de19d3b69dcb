"""A runner in another language comes to the same results from ``spec/`` alone: ``node_runner.mjs``, in plain Node."""

import json
import subprocess
from pathlib import Path

import lifecycle_runs
import pytest

from closecheck.contract.specification import spec_folder
from closecheck.deviations.faults import faults
from closecheck.model import Outcome
from closecheck.reference import ReferenceConfig, ReferenceServer

RUNNER = Path(__file__).with_name("node_runner.mjs")
FAULTS = ("no-upper-bound", "null-body-with-500", "expiry-is-not-checked")
AREAS = (
    "CAR-IDS-*",
    "CAR-BODY-*",
    "CAR-MESSAGE-*",
    "CAR-EXECUTION-*",
    "CAR-COMPLETION-*",
    "CAR-STATUS-*",
    "CAR-OP-ACCEPTS",
    "CAR-AUTH-MISSING",
    "CAR-AUTH-EXPIRED",
    "CAR-AUTH-INVALID",
)


def by_node(modify):
    """Return what the runner makes of each case at a reference that was changed."""
    with ReferenceServer(ReferenceConfig(), modify=modify) as server:
        target = server.target()
        tokens = {caller: one["token"] for caller, one in target["credentials"].items() if "token" in one} | {"authorized": server.token()}
        done = subprocess.run(
            ["node", RUNNER, spec_folder(), server.base_url],
            input=json.dumps(tokens),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    return json.loads(done.stdout)


def by_the_suite(modify):
    """Return what the suite makes of each case at the same target."""
    names = {Outcome.HELD: "held", Outcome.BROKEN: "broken", Outcome.UNTESTED: "untested"}
    lines = (line for path in (spec_folder() / "cases" / "derived").iterdir() for line in path.read_text("utf-8").splitlines())
    rows = [json.loads(line[2:]) for line in lines if line.startswith("- ")]
    judged = {(one["id"], one.get("requirement")) for one in rows}
    found = lifecycle_runs.judged(modify, only=AREAS).evidence
    return {one.case: names[one.outcome] for one in found if (one.case, one.requirement) in judged and one.outcome in names}


@pytest.mark.slow
@pytest.mark.needs("node")
@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_a_runner_in_node_comes_to_the_same_results(fault):
    modify = {one.name: one.modify for one in faults()}[fault] if fault else None

    node, suite = by_node(modify), by_the_suite(modify)
    both = {name for name in node.keys() & suite.keys() if node[name] != "untested" or not name.startswith("auth/forged/")}

    assert len(both) > 150
    assert {name: node[name] for name in both} == {name: suite[name] for name in both}
    assert ("broken" in node.values()) == (fault is not None)
