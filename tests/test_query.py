"""The query string carries neither the token nor a member of the body (CAR-OP-QUERY-IGNORED)."""

import pytest

from closecheck.contract import base_cases
from closecheck.contract.cases import Draft, Ids
from closecheck.session.ids import Source
from closecheck.session.preflight import NO_TOKEN
from closecheck.suite.parametrize import named, parameters, swept

MINIMAL = {"accessRequestIds": Ids(1)}
BAD = (
    "executionStatus=Stopped", "completionStatus=Stopped", "accessRequestIds=", "accessRequestIds%5B%5D=", "accessRequestIds%5B0%5D=",
    "access_token=garbage", "token=garbage", "authorization=garbage", "message=",
)  # fmt: skip


BODIES = {
    "ids alone": MINIMAL,
    "every member": {**MINIMAL, "message": base_cases.MESSAGE, "executionStatus": "Terminated", "completionStatus": "Failure"},
}
AGAIN = ("message=closed", "executionStatus=Completed", "completionStatus=Success", "accessRequestIds=c105ec4ec00000000000000000000006")
"""Values that would be right in a body; the body has others."""
UNKNOWN = "closecheck=1"
"""A parameter that nobody knows."""
STRANGE = {
    "apostrophe": "x=%27", "a-format": "format=xml", "no-name": "=", "stray-percent": "x=%zz", "brackets": "a%5Bb%5D=1", "overlong": "x=%C0%AF",
    "half-a-pair": "x=%ED%A0%80", "many-names": "&".join(f"p{number}=1" for number in range(300)), "one-name-often": "&".join(["x=1"] * 300),
    "a-callback": "callback=f", "a-method": "_method=DELETE", "a-page": "offset=-1&limit=x&sort=%27", "plus": "x=+%2B+", "semicolons": "a=1;b=2", "question-marks": "??x=?",
}  # fmt: skip
"""Queries by name, none of which says anything to the operation; each is a query by the grammar, but for the stray percent sign."""
RAW = {
    "raw-brackets": "a[b]=1&c[]=2", "raw-quotes": 'x="\'"', "long": "x=" + "y" * 7000, "nul": "x=%00", "line-break": "x=%0D%0AX-Injected:%201",
    "quotes": "x=%22%5C%60", "markup": "x=%3Cscript%3E", "statement": "id=1%20OR%201%3D1--",
}  # fmt: skip
"""Queries that a server or a firewall may refuse before the operation sees them, in a form of its own."""


def asking(body, query):
    """Return a valid body with something in the query."""
    return named(f"query/{query}/{body}", Draft(body=BODIES[body], query=query))


IN_QUERY = ("access_token", "token")


def with_token(name):
    """Return a valid body of nobody, with the working token in the query."""
    return named(f"query/{name}", Draft(body=MINIMAL, caller="none", query=f"{name}={{token}}"))


def with_query(name):
    """Return a valid body with a strange query, or {} with one that the HTTP layer may refuse."""
    if name in RAW:
        return named(
            f"query/strange/{name}", Draft(body={}, query=RAW[name], provokes="size" if name == "long" else "framing"), since="2026.2"
        )
    return named(f"query/strange/{name}", Draft(body=MINIMAL, query=STRANGE[name]), since="2026.2")


def ahead(_, items):
    """Yield what the tests ask."""
    strange = [with_query(one["name"]) for one in parameters(items, test_a_strange_query_is_no_fault_of_the_server)]
    spoiling = [asking(**one) for one in parameters(items, test_a_value_in_the_query_spoils_nothing)]
    unreadable = [odd(**one) for one in parameters(items, test_an_odd_query_is_no_fault_of_the_server)]
    yield [*(asking(body, UNKNOWN) for body in BODIES), *spoiling, *unreadable, *strange, *map(with_token, IN_QUERY)]


@pytest.mark.requirement("CAR-OP-QUERY-IGNORED", part="a bad value")
@pytest.mark.parametrize("query", swept([*BAD[:3], *AGAIN[:1]], [*BAD[3:], *AGAIN[1:]]))
@pytest.mark.parametrize("body", BODIES, ids=lambda name: name.replace(" ", "-"))
def test_a_value_in_the_query_spoils_nothing(session, clause, body, query):
    """A valid body is answered alike whatever the query says: as with a parameter that nobody knows."""
    unknown = session.ask(asking(body, UNKNOWN))
    if unknown.status not in {202, 400}:
        clause.untested(f"a query that nobody knows was answered {unknown.status or 'not at all'}: there is nothing to compare")
    exchange = session.ask(asking(body, query))
    if exchange.status != unknown.status and session.ids.source is Source.UNKNOWN:
        plain = asking(body, UNKNOWN)  # it may be the ids that are refused
        unknown = session.send(f"{plain.id}#same-ids", plain.request, list(exchange.ids))

    expected = f"{unknown.status}, as with a query that nobody knows"
    clause.expect(exchange.status == unknown.status, expected, exchange.got(), unknown, exchange, change=f"the query ?{query} added")


@pytest.mark.requirement("CAR-OP-NO-500", part="odd queries")
@pytest.mark.parametrize(
    "query",
    ["%", "accessRequestIds=%zz", "%00", "name=%FF%FE", "&&===&", "x" * 2000],
    ids=["percent", "stray-percent", "nul", "no-utf-8", "marks", "long"],
)
def test_an_odd_query_is_no_fault_of_the_server(session, clause, query):
    """A query that nobody can read is answered as the operation or as HTTP has it, never with a 5xx."""
    clause.settle(session.ask(odd(query)))


def odd(query):
    """Return a query that nobody can read."""
    return named(f"query/odd/{query[:16]}", Draft(body={}, query=query, provokes="framing"))


@pytest.mark.requirement("CAR-OP-NO-500", part="strange queries", since="2026.2")
@pytest.mark.parametrize("name", swept(list(STRANGE)[:4], [*list(STRANGE)[4:], *RAW]))
def test_a_strange_query_is_no_fault_of_the_server(session, clause, name):
    """A query that says nothing to the operation is ignored or refused with 400 in the documented form, never answered with a 5xx."""
    clause.settle(session.ask(with_query(name)))


@pytest.mark.requirement("CAR-OP-QUERY-IGNORED", part="a good token")
@pytest.mark.parametrize("name", IN_QUERY)
def test_a_token_in_the_query_authorizes_nobody(session, clause, name):
    """A working token in the query does not stand in for the Authorization header."""
    nobody = session.ask(NO_TOKEN)
    exchange = session.ask(with_token(name))
    if exchange.status not in {nobody.status, 400}:
        # What a connection has carried before is judged elsewhere.
        again = session.cases[with_token(name).id]
        ((exchange,),) = session.play([[(f"{again.id}#alone", again.request, list(exchange.ids))]])

    kept = exchange.status in {nobody.status, 400}
    expected = f"{nobody.status}, as without any token: it stands in no header"
    clause.expect(kept, expected, exchange.got(), nobody, exchange, change=f"?{name}= with the working token added, without the header")
