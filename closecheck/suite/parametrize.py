"""How tests name the cases they ask: one item for each case, called after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import pytest

from closecheck.contract.cases import Case, Draft

CASES: Final = "closecheck_cases"
"""The attribute of a test function that holds the cases it is run with."""
_Test = TypeVar("_Test", bound=Callable[..., Any])


def cases(*sources: Callable[[], Iterable[Case]] | Iterable[Case]) -> Callable[[_Test], _Test]:
    """
    Return the decorator that runs a test once for each case of the sources, its id being the case's.

    The test is called with a function that asks, and judges or observes, a case; and with the case.
    """
    found = [case for source in sources for case in (source() if callable(source) else source)]

    def marked(test: _Test) -> _Test:
        setattr(test, CASES, found)
        return test

    return marked


def named(name: str, draft: Draft, since: str = "") -> Case:
    """
    Return a case that only names a draft, so that it is sent once in a run: what its answer must be is the affair of the test.

    ``since`` is the edition that introduced it; empty: the first.
    """
    return Case(id=name, description=name, request=draft, since=since)


def parameters(items: Iterable[Any], test: Callable[..., Any]) -> list[dict[str, Any]]:
    """Return with which parameters a test stands among pytest's items."""
    return [item.callspec.params for item in items if getattr(item, "originalname", "") == test.__name__]


def swept(core: Iterable[Any], more: Iterable[Any]) -> list[Any]:
    """Return the values of a parameter, of which ``more`` are left to the exploration: the core has enough of their kind."""
    return [*core, *(pytest.param(one, marks=pytest.mark.sweep) for one in more)]


def dashed(text: str) -> str:
    """Return a text as it stands in the name of a test."""
    return text.replace(" ", "-")
