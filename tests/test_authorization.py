"""Authentication and authorisation: who may close, and who learns nothing (CAR-AUTH-*)."""

import msgspec
import pytest

from closecheck import edits, preflight
from closecheck.callers import FORGERIES
from closecheck.cases import ACCEPTED, Case, Draft, Expectation, Ids, Raw
from closecheck.ids import impossible
from closecheck.parametrize import cases, named, parameters, swept
from closecheck.plugin import skip_inapplicable

MINIMAL = {"accessRequestIds": Ids(1)}
FULL = {**MINIMAL, "message": edits.MESSAGE, "executionStatus": "Terminated", "completionStatus": "Failure"}
BODIES = {"minimal body": MINIMAL, "with a message": {**MINIMAL, "message": edits.MESSAGE}, "full body": FULL, "three ids": {"accessRequestIds": Ids(3)}, "many ids": {"accessRequestIds": Ids(60)}}
INVALID = {
    "no ids": Draft(body={}),
    "wrong item": Draft(body={"accessRequestIds": [7]}),
    "no object": Draft(body=["text"]),
    "wrong status": Draft(body={**FULL, "executionStatus": "x"}),
    "600 ids": Draft(body={"accessRequestIds": Ids(600)}),
    "no JSON": Draft(body=Raw(b"{")),
    "no body": Draft(body=Raw(b"")),
    "plain text": Draft(body=MINIMAL, headers={"Content-Type": "text/plain"}, provokes="media-type"),
}


def as_caller(caller, requirement, status, description):
    """Yield a case for each valid body under another caller."""
    for part, body in BODIES.items():
        yield Case(
            id=f"auth/{caller}/{part.replace(' ', '-')}",
            description=f"{description} is refused, {part}",
            request=Draft(body=body, caller=caller),
            requirement=requirement,
            part=part,
            expect=Expectation(frozenset({status}), str(status)),
            base=edits.ONE_ID,
            change=f"sent by {description} instead of an authorized caller",
        )


@cases([preflight.NO_TOKEN], as_caller("none", "CAR-AUTH-MISSING", 401, "nobody"))
def test_without_a_token_nothing_is_accepted(judge, case):
    """Without an Authorization header the answer is 401 (CAR-AUTH-MISSING)."""
    judge(case)


@cases(as_caller("expired", "CAR-AUTH-EXPIRED", 401, "a caller whose token has expired"))
def test_an_expired_token_is_refused(judge, case):
    """An expired token is answered 401 (CAR-AUTH-EXPIRED)."""
    judge(case)


@cases(as_caller("unprivileged", "CAR-AUTH-FORBIDDEN", 403, "a user without access"))
def test_a_user_without_access_is_refused(judge, case):
    """A valid token of a user without access is answered 403 (CAR-AUTH-FORBIDDEN)."""
    judge(case)


def refusal_of(forgery):
    """Return what a forged token may be answered."""
    tolerated = {403, 400} if forgery.malformed else {403}
    return Expectation(frozenset({401}), "401").also(*tolerated)


FORGED = [
    Case(
        id=f"auth/forged/{one.kind}",
        description=f"A request with {one.what} is refused",
        request=Draft(body=MINIMAL, caller=f"forged:{one.kind}"),
        requirement="CAR-AUTH-INVALID",
        part=one.kind,
        expect=refusal_of(one),
        base=edits.ONE_ID,
        change=f"Authorization: {one.what}",
    )
    for one in FORGERIES
]


@cases(FORGED)
def test_a_token_that_does_not_verify_is_refused(judge, case):
    """A token that does not verify is never accepted (CAR-AUTH-INVALID)."""
    judge(case)


FORGED_FIRST = ("garbage", "tampered-payload", "signature-first-byte", "signature-last-byte", "alg-none")
"""Forgeries that the core repeats after an authorized request."""
BY_KIND = {one.kind: one for one in FORGERIES}


@pytest.fixture(scope="module")
def lent(session, request):
    """What nobody and each forgery were answered on a connection that had just carried an authorized request, by caller."""
    kinds = [one["kind"] for one in parameters(request.session.items, test_an_authorized_request_before_it_changes_nothing)]
    callers = [caller for caller in ("none", *(f"forged:{kind}" for kind in kinds)) if not session.tokens.inapplicable(caller)]
    names = [f"auth/after/{caller.removeprefix('forged:')}" for caller in callers]
    pairs = [
        [
            (f"{name}/authorized", Draft(body=MINIMAL), ids_for(session, f"{name}/1")),
            (name, Draft(body=MINIMAL, caller=caller), ids_for(session, f"{name}/2")),
        ]
        for name, caller in zip(names, callers, strict=True)
    ]
    return {caller: refused for caller, (_, refused) in zip(callers, session.play(pairs), strict=True)}


@pytest.mark.requirement("CAR-AUTH-INVALID", part="after an authorized request")
@pytest.mark.parametrize("kind", swept(FORGED_FIRST, [kind for kind in BY_KIND if kind not in FORGED_FIRST]))
def test_an_authorized_request_before_it_changes_nothing(session, clause, lent, kind):
    """A connection that has carried an authorized request lends its authority to none."""
    skip_inapplicable(session, f"forged:{kind}")
    forgery, exchange = BY_KIND[kind], lent[f"forged:{kind}"]
    expected = refusal_of(forgery)

    change = f"Authorization: {forgery.what}, after an authorized request on the same connection"
    clause.expect(exchange.status in expected.statuses, expected.text, exchange.got(), exchange, change=change)


@pytest.mark.requirement("CAR-AUTH-MISSING", part="after an authorized request")
def test_a_token_does_not_stay_with_the_connection(clause, lent):
    """A request without a token is refused also where the one before it on the connection had one."""
    exchange = lent["none"]

    change = "the Authorization header left out, after an authorized request on the same connection"
    clause.expect(exchange.status == 401, "401", exchange.got(), exchange, change=change)


def ids_for(session, name):
    """Return an id that no target has."""
    return impossible(session.plan.seed, f"auth/{name}", 1)


@cases(
    Case(
        id=f"auth/scheme-{scheme}",
        description=f"The scheme written {scheme} is accepted",
        request=Draft(body=MINIMAL, caller=f"scheme:{scheme}"),
        requirement="CAR-AUTH-SCHEME-CASE",
        part=scheme,
        expect=ACCEPTED,
        base=edits.ONE_ID,
        change=f"Authorization: {scheme} instead of Bearer",
    )
    for scheme in ("bearer", "BEARER")
)
def test_the_scheme_is_case_insensitive(judge, case):
    """The name of the scheme is case-insensitive (CAR-AUTH-SCHEME-CASE; RFC 9110, 11.1)."""
    judge(case)


OF_THE_HTTP_LAYER = {413, 415}
"""Answers that speak of the size or the media type of a body, not of what it says."""
CALLERS = {
    "none": "nobody",
    "unprivileged": "a user without access",
    "expired": "a caller whose token has expired",
    "forged:signature-random": "a caller whose token does not verify",
}


def first(caller, body=""):
    """Return an invalid body of a caller who is not allowed, or a valid one of his."""
    draft = INVALID[body] if body else Draft(body=MINIMAL)
    return named(f"auth/first/{caller.replace(':', '-')}/{body.replace(' ', '-') or 'valid'}", msgspec.structs.replace(draft, caller=caller))


def ahead(session, items):
    """Yield what the tests ask."""
    callers = [caller for caller in CALLERS if not session.tokens.inapplicable(caller)]
    asked = parameters(items, test_who_is_not_allowed_learns_nothing_about_the_body)
    yield [*(first(caller) for caller in callers), *(first(**one) for one in asked if one["caller"] in callers)]


@pytest.mark.parametrize("body", swept(list(INVALID)[::2], list(INVALID)[1::2]))
@pytest.mark.parametrize("caller", [pytest.param(one, marks=pytest.mark.requirement("CAR-AUTH-FIRST", part=one)) for one in CALLERS])
def test_who_is_not_allowed_learns_nothing_about_the_body(session, clause, caller, body):
    """401 and 403 come before 400: an invalid body is answered as a valid one is (CAR-AUTH-FIRST)."""
    skip_inapplicable(session, caller)
    valid = session.ask(first(caller))
    if valid.status == 202:
        clause.untested(f"a valid body of {CALLERS[caller]} is accepted: there is no refusal that could come first")
    exchange = session.ask(first(caller, body))

    clause.expect(
        exchange.status in {401, 403, *OF_THE_HTTP_LAYER, valid.status},
        f"401 or 403 to {CALLERS[caller]}, whatever the body",
        exchange.got(),
        valid,
        exchange,
        change=f"an invalid body ({body}) instead of a valid one",
    )


OTHER_SCHEME = msgspec.structs.replace(
    FORGED[0], id="auth/scheme-Token", requirement="", expect=None, choice="other-scheme", request=Draft(body=MINIMAL, caller="scheme:Token"),
    description="a working token under the scheme Token", observes={202: "accepted", 401: "refused", 403: "refused", 400: "refused"},
)  # fmt: skip


@cases([OTHER_SCHEME])
def test_a_working_token_under_another_scheme_is_observed(observe, case):
    """What a working token is worth under another scheme is the target's choice."""
    observe(case)
