"""
The fixtures of the reference's tests: servers and listeners that are gone when a test is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from reference_api import Api, Listener

from closecheck.reference import Reference, ReferenceConfig


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """
    A small server that a whole module shares.
    """
    api = Api(ReferenceConfig(pending=30, approved=3, completed=2, completion_seconds=0))
    yield api
    assert api.reference.incidents == []
    api.stop()


@pytest.fixture
def serve() -> Iterator[Callable[..., Api]]:
    """
    Starts servers of a test's own: ``serve(modify, **config)``.
    """
    started: list[Api] = []

    def start(modify: Callable[[Reference], None] | None = None, **config: Any) -> Api:
        usual = {"pending": 5, "approved": 1, "completed": 1, "completion_seconds": 0}
        started.append(Api(ReferenceConfig(**{**usual, **config}), modify))
        return started[-1]

    yield start
    for api in started:
        api.stop()


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    """
    Starts listeners.
    """
    started: list[Listener] = []

    def start(**options: Any) -> Listener:
        started.append(Listener(**options))
        return started[-1]

    yield start
    for listener in started:
        listener.stop()
