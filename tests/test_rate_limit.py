"""Rate limit and internal fault: what only the target file can provoke (CAR-RATE-*, CAR-FAULT-BODY)."""

import pytest

from closecheck.cases import Draft, Ids
from closecheck.checks.rate_limit import wait_asked
from closecheck.ids import impossible
from closecheck.target import ByBurst, ByHeaders

MINIMAL = Draft(body={"accessRequestIds": Ids(1)})
RATE_SUPPLY = "provoke.rate_limit: {headers: {…}} or {burst: N}"
FAULT_SUPPLY = "provoke.internal_error: {headers: {…}}"


@pytest.fixture(scope="module")
def throttled(session):
    """The 429s of the run: provoked as the target file says, twice, once with the same bytes; or met by chance."""
    means = session.plan.provoke.rate_limit
    ids = impossible(session.plan.mark, "provoked/429", 1)
    match means:
        case ByHeaders(headers):
            session.send("provoked/429-1", MINIMAL, ids, provoke=headers, provoked="rate_limit", patient=False)
            session.provoke_rate_limit(MINIMAL, ids, headers)
        case ByBurst(requests):
            session.send_all([(f"burst/{n}", MINIMAL, ids) for n in range(requests)], min(requests, 64))
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


def provoked(throttled, clause, look_back):
    """Settle a clause on every 429, or say what would provoke one."""
    if not throttled:
        clause.untested("no 429 was met, and the target file provokes none", RATE_SUPPLY)
    look_back(clause.requirement)


@pytest.mark.last
@pytest.mark.requirement("CAR-FAULT-BODY")
def test_a_500_has_the_error_object(session, clause, look_back):
    """A provoked 500 carries the documented error object; had twice, with the same bytes."""
    means = session.plan.provoke.internal_error
    if means is None:
        clause.untested("the target file provokes no 500", FAULT_SUPPLY)
    ids = impossible(session.plan.mark, "provoked/500", 1)
    exchanges = [
        session.send(f"provoked/500-{n}", MINIMAL, ids, provoke=means.headers, provoked="internal_error") for n in (1, 2)
    ]
    if all(exchange.status != 500 for exchange in exchanges):
        clause.untested(f"what the target file provokes a 500 with was answered {exchanges[0].status}", FAULT_SUPPLY)
    look_back(clause.requirement)
