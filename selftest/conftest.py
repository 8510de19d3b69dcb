"""The suite's own tests: what a missing Node or Chromium means, and a Hypothesis that repeats itself."""

import os
import shutil
import signal

import pytest
from hypothesis import settings

settings.register_profile("selftest", derandomize=True, database=None, deadline=None, print_blob=True)
settings.load_profile("selftest")


def pytest_configure(config):
    # A shell that runs the tests in the background has them ignore Ctrl-C, and every child with them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "needs(program): the test needs a program that a bare machine may lack")


def pytest_runtest_setup(item):
    for mark in item.iter_markers("needs"):
        program = mark.args[0]
        # Debian puts servers where the path of a user without privileges does not lead.
        if shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin") is None:
            if os.environ.get("REQUIRE_ALL"):
                pytest.fail(f"{program} is not installed, and REQUIRE_ALL is set")
            pytest.skip(f"{program} is not installed")
