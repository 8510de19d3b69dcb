"""The clauses that hold for every exchange of a run: one look back at all of them."""

from collections import defaultdict

import pytest

from closecheck.judging.checks import EVERY_EXCHANGE


@pytest.mark.last
@pytest.mark.parametrize("requirement", [pytest.param(one, marks=pytest.mark.requirement(one), id=one) for one in EVERY_EXCHANGE])
def test_every_exchange_keeps(look_back, requirement):
    """No exchange of the run broke the clause, and at least one could have."""
    look_back(requirement)


@pytest.mark.last
@pytest.mark.choice("compression")
def test_the_content_codings_are_observed(session):
    """Which content codings the target applies where no request names one is its choice (RFC 9110, 12.5.3)."""
    statuses = defaultdict(set)
    for exchange in session.exchanges.values():
        if exchange.response is not None and exchange.owes_body and "Accept-Encoding" not in exchange.draft.headers:
            statuses[exchange.response.coding.lower() or "none"].add(exchange.status)
    observed = [f"{coding} on {', '.join(map(str, sorted(found)))}" for coding, found in sorted(statuses.items())]
    session.observe("compression", "; ".join(observed) or "nothing was answered")
