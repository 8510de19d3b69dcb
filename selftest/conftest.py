"""The suite's own tests: what a missing Node or Chromium means, and a Hypothesis that repeats itself."""

import os
import shutil
import signal

import pytest
from hypothesis import settings

settings.register_profile("selftest", derandomize=True, database=None, deadline=None, print_blob=True)
settings.load_profile("selftest")

SLOW = {
    "browser": "a browser for each page",
    "test_bench": "servers and Schemathesis in other processes",
    "test_cli": "a process of its own for each command",
    "test_exploration": "some hundred requests for each test",
    "test_last_resorts": "a process of its own for each thing that goes wrong",
    "test_lifecycle": "a whole run of its area for each fault",
    "test_peer": "Schemathesis in another process",
    "test_proof_sample": "a whole run for each fault and variant of the sample",
    "test_runs_at_once": "two whole runs",
    "test_scope": "a whole run for each declared scope",
    "test_third_party": "servers of others",
    "test_untested": "a whole run for each fault",
}
"""Files and folders that are marked slow as a whole, with what takes their time. Single tests carry the mark themselves."""


def pytest_collection_modifyitems(items):
    for item in items:
        if SLOW.keys() & {item.path.stem, item.path.parent.name}:
            item.add_marker(pytest.mark.slow)


def pytest_configure(config):
    # A shell that runs the tests in the background has them ignore Ctrl-C, and every child with them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "slow: whole runs, programs of others or other processes, which make test-fast leaves out")
    config.addinivalue_line("markers", "needs(program): the test needs a program that a bare machine may lack")


def pytest_runtest_setup(item):
    for mark in item.iter_markers("needs"):
        program = mark.args[0]
        # Debian puts servers where the path of a user without privileges does not lead.
        if shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin") is None:
            if os.environ.get("REQUIRE_ALL"):
                pytest.fail(f"{program} is not installed, and REQUIRE_ALL is set")
            pytest.skip(f"{program} is not installed")
