"""Error objects: their form, also when a request breaks several rules (CAR-ERROR-OBJECT, -TRACKING-ID-UNIQUE)."""

import pytest

from closecheck import edits
from closecheck.parametrize import cases


@cases(edits.several_wrong)
def test_a_request_that_breaks_several_rules_is_refused_in_form(judge, case):
    """Several broken rules change nothing of status and form (CAR-ERROR-OBJECT)."""
    judge(case)


@pytest.mark.requirement("CAR-ERROR-TRACKING-ID-UNIQUE", part="byte for byte twice")
@pytest.mark.parametrize("name", ["ids/0", "ids/missing", "executionStatus/near-Terminated-lower"])
def test_the_same_error_twice_has_two_tracking_ids(session, clause, name):
    """The same bytes sent again make another error, with a trackingId of its own."""
    case = session.cases[name]
    first = session.ask(case)

    again = session.send(f"{case.id}#2", case.request, list(first.ids))

    ids = [tracking_id(exchange) for exchange in (first, again)]
    if None in ids:
        clause.untested(f"the error objects of {case.id} have no trackingId to compare")
    clause.expect(ids[0] != ids[1], "a trackingId that no other error has", f"trackingId {ids[0]} both times", first, again)


def tracking_id(exchange):
    """Return the trackingId of an error, or None."""
    document = exchange.document if exchange.is_json else None
    return document.get("trackingId") if isinstance(document, dict) and exchange.status in {400, 403, 500} else None
