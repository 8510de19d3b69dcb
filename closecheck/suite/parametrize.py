"""How tests say which cases they ask: one parameter for each case, named after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from closecheck.contract.cases import Case, Draft


def cases(*sources: Callable[[], Iterable[Case]] | Iterable[Case]) -> pytest.MarkDecorator:
    """Return the mark that runs a test once for each case of the sources; the case says what is judged."""
    found = [case for source in sources for case in (source() if callable(source) else source)]
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in found])


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
