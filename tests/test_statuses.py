"""Operation and statuses: what is accepted, and what other methods get (CAR-OP-ACCEPTS, -SAFE-METHODS, -OTHER-METHODS)."""

import msgspec
import pytest

from closecheck.contract import base_cases
from closecheck.contract.cases import Draft, Ids
from closecheck.session import preflight
from closecheck.session.ids import impossible
from closecheck.suite.parametrize import cases, dashed, named, parameters, swept


@cases(base_cases.bases)
def test_a_valid_request_is_accepted(judge, case):
    """What everything else is an edit of is answered 202: one id, three, every member (CAR-OP-ACCEPTS and others)."""
    judge(case)


@pytest.mark.requirement("CAR-OP-HEADERS", part="none demanded")
def test_no_further_header_is_demanded(session, clause):
    """A valid request is accepted without any header but those that each request has; where it is not, a header may be the reason."""
    plain = session.ask(session.cases[base_cases.ONE_ID])
    if session.learned.demanded and plain.status == 202:
        names = " and ".join(session.learned.demanded)
        bare = session.send(
            "headers/none", Draft(body={"accessRequestIds": Ids(1)}, headers=dict.fromkeys(session.learned.demanded)), list(plain.ids)
        )
        got = f"{bare.got()}; to go on, the run sends what the target file can say: {preflight.field_line(session.learned.demanded)}"
        clause.expect(bare.status == 202, f"202 without {names} as well", got, plain, bare, change=f"{names} left out")
    if plain.status != 202:
        clause.untested(f"the plainest valid request is answered {plain.status or 'not at all'}, with further headers too")
    clause.expect(True, "", "", plain)


@pytest.mark.requirement("CAR-OP-STATUS", part="long header section")
@pytest.mark.parametrize("size", [5_000, 9_000])
def test_a_long_header_section_is_answered_in_order(session, clause, size):
    """A header section beyond what a server takes is answered as the operation or as HTTP has it, by no gateway in between."""
    clause.settle(session.ask(of_long_head(size)))


def of_long_head(size):
    """Return a request with so many bytes of header fields."""
    padding = {f"X-Closecheck-Padding-{number}": "x" * 1000 for number in range(size // 1000)}
    return named(f"headers/{size}", Draft(body={}, headers=padding, provokes="size"))


METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE")
SHAPES = ("without a body", "with a body", "with a query")
shaped = pytest.mark.parametrize("shape", SHAPES, ids=dashed)
"""Runs a test with each shape of a request under another method."""


def of_method(session, method, shape):
    """Return a request under another method: without a body, with a valid one, with its members as a query; its id no target has."""
    (unknown,) = impossible(session.plan.mark, f"method/{method}/{shape}", 1)
    body = {"accessRequestIds": [unknown]} if shape == "with a body" else msgspec.UNSET
    query = f"accessRequestIds={unknown}" if shape == "with a query" else ""
    return named(f"method/{method.lower()}/{shape.replace(' ', '-')}", Draft(body=body, method=method, query=query, provokes="method"))


def ahead(session, items):
    """Yield what the tests ask."""
    long_heads = [of_long_head(**one) for one in parameters(items, test_a_long_header_section_is_answered_in_order)]
    others = parameters(items, test_other_methods_are_refused)
    yield [
        *long_heads,
        *(of_method(session, method, shape) for method in METHODS[:2] for shape in SHAPES),
        *(of_method(session, **one) for one in others),
    ]


@pytest.mark.requirement("CAR-OP-SAFE-METHODS", part="GET")
@shaped
def test_get_is_not_taken_for_a_request_to_close(session, clause, shape):
    """GET on the path never answers as if a request had been accepted."""
    exchange = session.ask(of_method(session, "GET", shape))

    clause.expect(not accepted_like(session, exchange), "no answer that means the request was accepted", exchange.got(), exchange)


@pytest.mark.requirement("CAR-OP-SAFE-METHODS", part="HEAD")
@shaped
def test_head_is_not_taken_for_a_request_to_close(session, clause, shape):
    """HEAD on the path never answers as if a request had been accepted."""
    exchange = session.ask(of_method(session, "HEAD", shape))

    clause.expect(exchange.status != 202, "no answer that means the request was accepted", exchange.got(), exchange)


def accepted_like(session, exchange):
    """Tell whether an answer is 202, or a 2xx with the very body that accepted requests get."""
    accepted = session.ask(session.cases[base_cases.ONE_ID])
    if exchange.status == 202:
        return True
    same = accepted.status == 202 and exchange.is_json and accepted.is_json and members(exchange) == members(accepted)
    return 200 <= exchange.status < 300 and same


def members(exchange):
    """Return what is comparable of two bodies: the members and their types."""
    document = exchange.document
    return {name: type(value) for name, value in document.items()} if isinstance(document, dict) else type(document)


@pytest.mark.requirement("CAR-OP-OTHER-METHODS")
@pytest.mark.parametrize("method", METHODS[2:])
@pytest.mark.parametrize("shape", swept(SHAPES[1:2], SHAPES[::2]), ids=dashed)
def test_other_methods_are_refused(session, clause, shape, method):
    """PUT, PATCH and DELETE are answered 405 with Allow; 404 and 501 are tolerated."""
    exchange = session.ask(of_method(session, method, shape))

    allows = exchange.response is not None and exchange.response.header("allow") is not None
    refused = exchange.status in {404, 501} or (exchange.status == 405 and allows)
    got = f"{exchange.got()}{'' if allows or exchange.status != 405 else ', without Allow'}"
    clause.expect(refused, f"405 with Allow for {method} (404 and 501 tolerated)", got, exchange, part=method)
