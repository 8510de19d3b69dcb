"""The clauses that hold for every exchange of a run: one look back at all of them."""

import pytest

from closecheck.checks import EVERY_EXCHANGE


@pytest.mark.last
@pytest.mark.parametrize("requirement", [pytest.param(one, marks=pytest.mark.requirement(one), id=one) for one in EVERY_EXCHANGE])
def test_every_exchange_keeps(look_back, requirement):
    """No exchange of the run broke the clause, and at least one could have."""
    look_back(requirement)
