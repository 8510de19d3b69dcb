"""Rate limit and internal fault: what only the target file can provoke (CAR-RATE-*, CAR-FAULT-BODY)."""

import contextlib

import pytest

from closecheck.config.target import ByBurst, ByHeaders
from closecheck.contract.cases import Draft, Ids
from closecheck.judging.checks.rate_limit import wait_asked
from closecheck.model.errors import Untested
from closecheck.session.ids import impossible

MINIMAL = Draft(body={"accessRequestIds": Ids(1)})
RATE_SUPPLY = "provoke.rate_limit: {headers: {…}} or {burst: N}"
FAULT_SUPPLY = "provoke.internal_error: {headers: {…}}"


@pytest.mark.last
@pytest.mark.requirement("CAR-FAULT-BODY")
def test_a_500_has_the_error_object(session, clause, look_back):
    """A provoked 500 carries the documented error object; had twice, with the same bytes."""
    means = session.plan.provoke.internal_error
    if means is None:
        clause.untested("provoke.internal_error is not set, so no 500 could be caused", FAULT_SUPPLY)
    ids = session.ids.for_provoking("provoked/500")
    exchanges = [session.send(f"provoked/500-{n}", MINIMAL, ids, provoke=means.headers, provoked="internal_error") for n in (1, 2)]
    if all(exchange.status != 500 for exchange in exchanges):
        clause.untested(f"what the target file provokes a 500 with was answered {exchanges[0].status}", FAULT_SUPPLY)
    look_back(clause.requirement)


@pytest.fixture(scope="module")
def throttled(session):
    """The 429s of the run: met by chance, or provoked as the target file says, which nothing follows that needs an answer."""
    with contextlib.suppress(Untested):  # a 429 that was met before may ask for more patience than the run has
        match session.plan.provoke.rate_limit:
            case ByHeaders(headers):
                session.provoke_rate_limit(MINIMAL, session.ids.for_provoking("provoked/429"), headers)
            case ByBurst(requests):
                session.provoke_by_burst(MINIMAL, impossible(session.plan.mark, "provoked/429", 1), requests)
    return [exchange for exchange in session.exchanges.values() if exchange.status == 429]


@pytest.mark.last
@pytest.mark.requirement("CAR-RATE-RETRY-AFTER")
def test_a_429_says_when_to_come_back(throttled, clause, look_back):
    """Every 429 has Retry-After with whole seconds or an HTTP-date."""
    provoked(throttled, clause, look_back)


@pytest.mark.last
@pytest.mark.requirement("CAR-RATE-BODY")
def test_a_429_has_an_object(throttled, clause, look_back):
    """Every 429 is a JSON object whose message is text."""
    provoked(throttled, clause, look_back)


@pytest.mark.last
@pytest.mark.requirement("CAR-RATE-COMPLETE")
def test_a_429_has_a_message(throttled, clause, look_back):
    """Every 429 has a message that is not empty."""
    provoked(throttled, clause, look_back)


@pytest.mark.last
@pytest.mark.requirement("CAR-RATE-TRUTHFUL")
def test_waiting_as_told_is_enough(session, throttled, clause):
    """After waiting as the 429 says, a request sent alone is not answered 429 again."""
    said = [one for one in session.evidence if one.requirement == clause.requirement]
    if not throttled:
        clause.untested("no 429 was met, and the target file provokes none", RATE_SUPPLY)
    if not said and not any(wait_asked(one.response) is not None for one in throttled):
        clause.untested("no 429 said how long to wait")
    broken = next((one for one in said if one.finding), None)
    exchanges = [session.exchanges[number] for number in broken.exchanges] if broken else throttled
    finding = broken.finding if broken else None
    if not said:
        clause.untested("no 429 was waited out")
    if finding is None and all(one.outcome == "untested" for one in said):
        clause.untested(said[0].reason)
    clause.expect(finding is None, finding.expected if finding else "", finding.got if finding else "", *exchanges)


@pytest.mark.last
@pytest.mark.requirement("CAR-RATE-EXACT", since="2026.2")
def test_what_is_told_is_exact(session, throttled, clause):
    """Of the waits of the run at least nine in ten end in service at the first request."""
    if not throttled:
        clause.untested("no 429 was met, and the target file provokes none", RATE_SUPPLY)
    waits = session.waits
    if not waits:
        clause.untested("no 429 was waited out as it says")
    late = [numbers for punctual, numbers in waits if not punctual]
    if late and len(waits) == 1:
        clause.untested("the only wait did not end in service: another client may have used up the limit")
    expected = f"service at the first request after at least nine in ten of {len(waits)} waits"
    seen = late or [numbers for _, numbers in waits]
    exchanges = [session.exchanges[number] for number in seen[0]]
    clause.expect(10 * len(late) <= len(waits), expected, f"429 once more after {len(late)} of them", *exchanges)


def provoked(throttled, clause, look_back):
    """Settle a clause on every 429, or say what would provoke one."""
    if not throttled:
        clause.untested("no 429 was met, and the target file provokes none", RATE_SUPPLY)
    look_back(clause.requirement)
