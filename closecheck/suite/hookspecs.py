"""
The hooks of closecheck: signatures and words, no behaviour.

Implement one in the ``conftest.py`` of your own tests, or in the Python file that a target file names under ``extension``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from closecheck.judging.exchange import Exchange
    from closecheck.model import Evidence, Run
    from closecheck.session.session import Session


@pytest.hookspec
def pytest_closecheck_exchange(exchange: Exchange) -> None:
    """
    Called after each exchange, in the order in which they are recorded; every implementation is called.

    ``exchange`` is unredacted: write none of it to a file.
    """


@pytest.hookspec
def pytest_closecheck_evidence(evidence: Evidence) -> None:
    """Called for each piece of evidence against the target, in the order in which it is found; every implementation is called."""


@pytest.hookspec
def pytest_closecheck_finished(run: Run, folder: Path) -> None:
    """Called once when the run is over and its reports stand in ``folder``; every implementation is called."""


@pytest.hookspec
def pytest_closecheck_begins(session: Session, items: int) -> None:
    """Called once before anything is sent; ``items`` tests will be run on what ``session`` sends. Every implementation is called."""


@pytest.hookspec(firstresult=True)
def pytest_closecheck_observer(settings: Any) -> object | None:
    """
    Return an observer of the implementer's own, or None.

    An observer has one or more of the methods ``requests(ids)``, ``audits()`` and ``events()``
    (:mod:`closecheck.lifecycle.observers`; an example stands in docs/extending.md). Stops at the first result that is not None.
    """


@pytest.hookspec
def pytest_closecheck_ids(settings: Any, state: str) -> Iterable[str] | None:
    """
    Return ids of access requests in a state (``pending``, ``approved`` or ``completed``) from a source of one's own.

    The results of all implementations are joined.
    """
