"""Runs of the lifecycle area alone against a reference that was changed a little, in this process."""

import tempfile
from pathlib import Path

from closecheck import lifecycle, stream
from closecheck.command import Listener, engine
from closecheck.model import Outcome
from closecheck.reference import ReferenceConfig, ReferenceServer

REQUIREMENTS = (
    "CAR-LIFE-*", "CAR-BODY-ATOMIC", "CAR-AUTH-NO-EFFECT", "CAR-RATE-NO-EFFECT", "CAR-FAULT-NO-EFFECT", "CAR-OP-SAFE-METHODS",
    "CAR-OP-OTHER-METHODS",
)  # fmt: skip


def judged(modify=None, edit=None, settle=0.5, only=REQUIREMENTS, **config):
    """Return the recorded run against a reference; ``edit`` changes the target file."""
    settings = {"pending": lifecycle.pending_needed() + 10, "approved": 4, "completed": 4, "settle_seconds": settle, **config}
    with tempfile.TemporaryDirectory(prefix="closecheck-life-") as folder:
        with ReferenceServer(ReferenceConfig(**settings), modify=modify) as server:
            target = server.target()
            if edit is not None:
                target = edit(target) or target
            listener = Listener(quiet=True, target_data=target, write_reports=False)
            engine({"profile": "quick", "reports": folder, "only": list(only)}, listener)
            judged.subscriptions = len(server.reference.publisher.subscriptions)
        return stream.read(Path(folder) / "latest")


def broken(run):
    """Return the requirements against which something was found."""
    assert run.closing is not None, "the run was cut off"
    assert run.closing.suite_fault == ""
    return {one.requirement for one in run.evidence if one.outcome is Outcome.BROKEN}


def untested(run):
    """Return the requirements of the area that were left untested, with the reasons."""
    return {
        one.requirement.id: one.reason
        for one in run.results
        if one.status == "untested" and any(lifecycle_matches(one.requirement.id, pattern) for pattern in REQUIREMENTS)
    }


def lifecycle_matches(requirement, pattern):
    return requirement.startswith(pattern.removesuffix("*")) if pattern.endswith("*") else requirement == pattern
