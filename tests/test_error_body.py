"""Error objects: their form, also when a request breaks several rules (CAR-ERROR-OBJECT, -TRACKING-ID-UNIQUE)."""

import msgspec
import pytest

from closecheck.contract import body_cases
from closecheck.contract.cases import Raw
from closecheck.suite.parametrize import cases, named, parameters


@cases(body_cases.several_wrong)
def test_a_request_that_breaks_several_rules_is_refused_in_form(judge, case):
    """Several broken rules change nothing of status and form (CAR-ERROR-OBJECT)."""
    judge(case)


TWICE = ("ids/0", "ids/missing", "executionStatus/near-Terminated-lower")


def again(session, name):
    """Return the request of a case once more, byte for byte."""
    first = session.ask(session.cases[name])
    return named(f"{name}#2", msgspec.structs.replace(first.draft, body=Raw(first.request.body)))


def ahead(session, items):
    """Yield what the tests ask."""
    names = [one["name"] for one in parameters(items, test_the_same_error_twice_has_two_tracking_ids)]
    yield [session.cases[name] for name in names]
    yield [again(session, name) for name in names]


@pytest.mark.requirement("CAR-ERROR-TRACKING-ID-UNIQUE", part="byte for byte twice")
@pytest.mark.parametrize("name", TWICE)
def test_the_same_error_twice_has_two_tracking_ids(session, clause, name):
    """The same bytes sent again make another error, with a trackingId of its own."""
    first, second = session.ask(session.cases[name]), session.ask(again(session, name))

    ids = [tracking_id(exchange) for exchange in (first, second)]
    if None in ids:
        clause.untested(f"the error objects of {name} have no trackingId to compare")
    clause.expect(ids[0] != ids[1], "a trackingId that no other error has", f"trackingId {ids[0]} both times", first, second)


def tracking_id(exchange):
    """Return the trackingId of an error, or None."""
    document = exchange.document if exchange.is_json else None
    return document.get("trackingId") if isinstance(document, dict) and exchange.meaning in {400, 403, 500} else None
