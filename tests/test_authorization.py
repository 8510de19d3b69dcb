"""Authentication and authorisation: who may close, and who learns nothing (CAR-AUTH-*)."""

import msgspec
import pytest

from closecheck.contract import base_cases
from closecheck.contract.cases import ACCEPTED, Case, Draft, Expectation, Ids, Raw
from closecheck.http.callers import BY_KIND, FORGERIES
from closecheck.model.errors import Untested
from closecheck.session import preflight
from closecheck.session.ids import Source, impossible
from closecheck.suite.parametrize import cases, named, parameters, swept
from closecheck.suite.plugin import skip_inapplicable

MINIMAL = {"accessRequestIds": Ids(1)}
FULL = {**MINIMAL, "message": base_cases.MESSAGE, "executionStatus": "Terminated", "completionStatus": "Failure"}
BODIES = {
    "minimal body": MINIMAL,
    "with a message": {**MINIMAL, "message": base_cases.MESSAGE},
    "full body": FULL,
    "three ids": {"accessRequestIds": Ids(3)},
    "many ids": {"accessRequestIds": Ids(60)},
}
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
            base=base_cases.ONE_ID,
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
        request=Draft(body=MINIMAL, caller=f"forged:{one.kind}", provokes=one.provokes),
        requirement="CAR-AUTH-INVALID",
        part=one.kind,
        expect=refusal_of(one),
        base=base_cases.ONE_ID,
        change=f"Authorization: {one.what}",
        since=one.since,
    )
    for one in FORGERIES
]


@cases(FORGED)
def test_a_token_that_does_not_verify_is_refused(judge, case):
    """A token that does not verify is never accepted (CAR-AUTH-INVALID)."""
    judge(case)


REFUSED = {
    "none": ("CAR-AUTH-MISSING", "the Authorization header left out", Expectation(frozenset({401}), "401")),
    "expired": ("CAR-AUTH-EXPIRED", "sent by a caller whose token has expired", Expectation(frozenset({401}), "401")),
    "unprivileged": ("CAR-AUTH-FORBIDDEN", "sent by a user without access", Expectation(frozenset({403}), "403")),
    **{f"forged:{one.kind}": ("CAR-AUTH-INVALID", f"Authorization: {one.what}", refusal_of(one)) for one in FORGERIES},
}
"""Each caller who is to be refused: the requirement, what is changed, and what the answer must be."""
SCHEMES = ("bearer", "BEARER")
FORGED_FIRST = ("garbage", "tampered-payload", "signature-first-byte", "signature-last-byte", "alg-none")
"""Forgeries that the core repeats after an authorized request."""
CASES_FIRST = ("letter-case", "lower-case")
"""Forgeries that a server which remembers header fields without regard to case takes for the working token."""
REPEATED_FIRST = ("none", "expired", "unprivileged", "forged:garbage", "forged:signature-first-byte")
"""Callers who, in the core, repeat what an authorized caller has just had accepted."""
REPEATED_MORE = ("empty", "basic", "altered", "tampered-payload", "signature-empty", "alg-none", "wrong-key", "letter-case", "lower-case")
"""Forgeries that repeat it beside them: each kind of what a cache may take for its key."""


def parts_of(part, callers, since=""):
    """Return callers as the values of a parameter, each with the mark of the requirement on him."""
    return [pytest.param(one, marks=pytest.mark.requirement(REFUSED[one][0], part=part, since=since or since_of(one))) for one in callers]


def since_of(caller):
    """Return the edition that introduced a forged caller; empty: the first, or that of the requirement."""
    kind = caller.partition(":")[2]
    return BY_KIND[kind].since if kind in BY_KIND else ""


def as_forged(kinds):
    """Return kinds of forgeries as callers."""
    return [f"forged:{kind}" for kind in kinds]


AFTER = "after an authorized request"
REPEATED = "an accepted body repeated"
OTHER_FORGERIES = [one.kind for one in FORGERIES if one.kind not in FORGED_FIRST and not one.since] + ["header-empty", "alg-other-case"]


@pytest.fixture(scope="module")
def lent(session, request):
    """
    The answers on a connection of its own for each caller who is asked for: to an authorized request, to one of the caller, and to the
    caller's repetition, byte for byte, of the authorized one, where that is asked for.
    """
    items = request.session.items
    after = {one["caller"] for one in parameters(items, test_an_authorized_request_before_it_changes_nothing)}
    repeated = {one["caller"] for one in parameters(items, test_what_was_accepted_is_not_accepted_from_others)}
    schemes = {f"scheme:{one['scheme']}" for one in parameters(items, test_the_scheme_is_case_insensitive_on_a_used_connection)}
    callers = [one for one in (*REFUSED, *sorted(schemes)) if one in after | repeated | schemes and available(session, one)]
    existing = supplied_id(session)
    sequences = []
    for caller in callers:
        name = f"auth/after/{caller.removeprefix('forged:').replace(':', '-')}"
        ids = existing or impossible(session.plan.mark, f"auth/{name}/1", 1)
        kind = caller.partition(":")[2]
        draft = Draft(body=MINIMAL, caller=caller, provokes=BY_KIND[kind].provokes if caller in REFUSED and kind else "")
        own = [(name, draft, ids if caller in schemes and existing else ids_of_refusal(session, name))] if caller in after | schemes else []
        again = [(f"{name}/repeated", draft, ids)] if caller in repeated else []
        sequences.append([(f"{name}/authorized", Draft(body=MINIMAL), ids), *own, *again])
    return dict(zip(callers, session.play(sequences), strict=True))


def available(session, caller):
    """Tell whether a caller can be sent: his credential is supplied, and can be made from this working token."""
    if session.tokens.inapplicable(caller):
        return False
    try:
        session.tokens.authorization(caller)
    except Untested:
        return False
    return True


def supplied_id(session):
    """Return one existing id that may be closed, or else was, where the target refuses others; an empty list where none is needed."""
    if session.ids.source is not Source.SUPPLIED:
        return []
    return session.ids.take_up_to(1) or accepted_before(session)


def accepted_before(session):
    """Return the id of the plainest request, if that was accepted: its body is that of those here, byte for byte."""
    try:
        plain = session.ask(session.cases[base_cases.ONE_ID])
    except Untested:
        return []
    return list(plain.ids) if plain.status == 202 else []


def ids_of_refusal(session, name):
    """Return an id for a request that is to be refused: an existing one where the target may look at it first."""
    if session.ids.source is Source.NONE:
        return impossible(session.plan.mark, name, 1)
    return session.ids.for_case(Case(id=name, description=name, request=Draft(body=MINIMAL), expect=Expectation(frozenset({401}), "401")))


def sent_as(session, caller):
    """Skip a test, or say what it lacks, where its caller cannot be sent."""
    skip_inapplicable(session, caller)
    session.tokens.authorization(caller)


@pytest.mark.parametrize(
    "caller",
    [
        *parts_of(AFTER, ["none", *as_forged(FORGED_FIRST)]),
        *parts_of(AFTER, ["expired", "unprivileged", *as_forged(CASES_FIRST)], "2026.2"),
        *(pytest.param(*one.values, marks=[*one.marks, pytest.mark.sweep]) for one in parts_of(AFTER, as_forged(OTHER_FORGERIES))),
    ],
)
def test_an_authorized_request_before_it_changes_nothing(session, clause, lent, caller):
    """A connection that has carried an authorized request lends its authority to none."""
    sent_as(session, caller)
    exchange = lent[caller][1]
    _, change, expected = REFUSED[caller]
    if exchange.status == 400 and 400 not in expected.statuses and session.ids.source is Source.NONE:
        # Its id is unknown, and nothing says that this is looked at last: it is if a fresh connection gets another answer.
        alone = session.send(f"{exchange.case}/alone", exchange.draft, list(exchange.ids))
        if alone.status == 400:
            clause.untested(
                "a request that names an id which the target does not know is refused for that",
                "access_requests: {pending: […], may_close: true}",
            )

    clause.expect(
        exchange.status in expected.statuses,
        expected.text, exchange.got(), exchange,
        change=f"{change}, after an authorized request on the same connection",
    )  # fmt: skip


@pytest.mark.parametrize(
    "caller",
    [
        *parts_of(REPEATED, REPEATED_FIRST, "2026.2"),
        *(
            pytest.param(*one.values, marks=[*one.marks, pytest.mark.sweep])
            for one in parts_of(REPEATED, as_forged(REPEATED_MORE), "2026.2")
        ),
    ],
)
def test_what_was_accepted_is_not_accepted_from_others(session, clause, lent, caller):
    """A request that an authorized caller has just had accepted is refused to who repeats it byte for byte without the right to."""
    sent_as(session, caller)
    authorized, *_, exchange = lent[caller]
    accepted = [list(sequence[0].ids) for sequence in lent.values() if sequence[0].status == 202]
    if list(authorized.ids) not in [*accepted, accepted_before(session)]:
        clause.untested(
            f"no authorized request was accepted that could be repeated: {authorized.got()}",
            "access_requests: {pending: […], may_close: true}",
        )
    _, change, expected = REFUSED[caller]

    # By now its id may be closed, and whether that is looked at first is another requirement's affair (CAR-AUTH-FIRST).
    clause.expect(
        exchange.status in {*expected.statuses, 400},
        f"{expected.text}, as to any other body", exchange.got(), authorized, exchange,
        change=f"{change}; the body is, byte for byte, that of a request which was accepted from an authorized caller just before",
    )  # fmt: skip


@cases(
    Case(
        id=f"auth/scheme-{scheme}",
        description=f"The scheme written {scheme} is accepted",
        request=Draft(body=MINIMAL, caller=f"scheme:{scheme}"),
        requirement="CAR-AUTH-SCHEME-CASE",
        part=scheme,
        expect=ACCEPTED,
        base=base_cases.ONE_ID,
        change=f"Authorization: {scheme} instead of Bearer",
    )
    for scheme in SCHEMES
)
def test_the_scheme_is_case_insensitive(judge, case):
    """The name of the scheme is case-insensitive (CAR-AUTH-SCHEME-CASE; RFC 9110, 11.1)."""
    judge(case)


@pytest.mark.requirement("CAR-AUTH-SCHEME-CASE", part="on a used connection", since="2026.2")
@pytest.mark.parametrize("scheme", swept(SCHEMES[:1], SCHEMES[1:]))
def test_the_scheme_is_case_insensitive_on_a_used_connection(session, clause, lent, scheme):
    """Another spelling of the scheme is accepted also after the usual one on the same connection."""
    authorized, exchange = lent[f"scheme:{scheme}"]
    if authorized.status in {401, 403}:
        clause.untested(f"the authorized request before it was itself answered {authorized.status}")
    # The id of the target file is closed by now, and no other is looked at before the token.
    expected = {202} if authorized.status == 202 and authorized.ids != exchange.ids else {202, 400, authorized.status}

    clause.expect(
        exchange.status in expected,
        f"{authorized.status}, as with Bearer", exchange.got(), authorized, exchange,
        change=f"Authorization: {scheme} instead of Bearer, after a request with Bearer on the same connection",
    )  # fmt: skip


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
    return named(
        f"auth/first/{caller.replace(':', '-')}/{body.replace(' ', '-') or 'valid'}", msgspec.structs.replace(draft, caller=caller)
    )


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
