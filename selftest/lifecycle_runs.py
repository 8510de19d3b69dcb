"""Runs of the lifecycle area alone against a reference that was changed a little, in this process."""

import contextlib
import fnmatch
import sys
import tempfile
from pathlib import Path

from closecheck.lifecycle import plan
from closecheck.model import Outcome
from closecheck.reference import ReferenceConfig, ReferenceServer
from closecheck.session import record
from closecheck.suite.engine import Listener, engine

REQUIREMENTS = ("CAR-LIFE-*", "CAR-*-NO-EFFECT", "CAR-BODY-ATOMIC", "CAR-OP-SAFE-METHODS", "CAR-OP-OTHER-METHODS")
ENOUGH = plan.pending_needed() + 10
WITHOUT_THE_500 = plan.pending_needed(without_long_lists=True) + 10
"""So many pending requests that all is tested but the closing of 500, which takes most of the time."""
SUITE = {}
"""The modules of ``tests/``, kept from one run to the next."""


def judged(modify=None, edit=None, settle=0.5, only=REQUIREMENTS, **config):
    """Return the recorded run against a reference; ``edit`` changes the target file, or returns another."""
    settings = {"pending": ENOUGH, "approved": 4, "completed": 4, "settle_seconds": settle, **config}
    with tempfile.TemporaryDirectory(prefix="closecheck-life-") as folder:
        with ReferenceServer(ReferenceConfig(**settings), modify=modify) as server, modules_of_the_suite():
            target = server.target()
            target = (edit and edit(target)) or target
            listener = Listener(quiet=True, target_data=target, write_reports=False)
            engine({"profile": "quick", "mark": "0000000000", "reports": folder, "only": list(only)}, listener)
            assert not server.reference.publisher.subscriptions
        return record.read(Path(folder) / "latest")


@contextlib.contextmanager
def modules_of_the_suite():
    """Put modules of ``tests/`` in place of those of ``selftest/`` that are called alike."""
    own = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("test_")}
    sys.modules.update(SUITE)
    try:
        yield
    finally:
        SUITE.update({name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("test_")})
        sys.modules.update(own)


def broken(run):
    """Return the requirements against which something was found."""
    assert run.closing is not None, "the run was cut off"
    assert run.closing.suite_fault == "", run.closing.suite_fault
    return {one.requirement for one in run.evidence if one.outcome is Outcome.BROKEN}


def untested(run):
    """Return the requirements of the area that were left untested, with the reasons."""
    return {
        one.requirement.id: one.reason
        for one in run.results
        if one.status == "untested" and any(fnmatch.fnmatchcase(one.requirement.id, pattern) for pattern in REQUIREMENTS)
    }
