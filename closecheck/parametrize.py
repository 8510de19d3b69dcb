"""How tests name the cases they ask: one item for each case, called after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from closecheck.cases import Case, Draft
from closecheck.exchange import Exchange
from closecheck.session import Session


def cases(*sources: Callable[[], Iterable[Case]] | Iterable[Case]) -> pytest.MarkDecorator:
    """Return the decorator that runs a test once for each case of the sources, its id being the case's."""
    found = [case for source in sources for case in (source() if callable(source) else source)]
    return pytest.mark.parametrize("case", found, ids=[case.id for case in found])


def asked_once(session: Session, name: str, draft: Draft) -> Exchange:
    """Send a draft under a name once in a run, and return its exchange again whenever it is asked for by that name."""
    return session.ask(Case(id=name, description=name, request=draft))
