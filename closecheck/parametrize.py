"""How tests name the cases they ask: one item for each case, called after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from closecheck.cases import Case


def cases(*sources: Callable[[], Iterable[Case]] | Iterable[Case]) -> pytest.MarkDecorator:
    """Return the decorator that runs a test once for each case of the sources, its id being the case's."""
    found = [case for source in sources for case in (source() if callable(source) else source)]
    return pytest.mark.parametrize("case", found, ids=[case.id for case in found])
