"""A run stops before it begins only where there is nothing to judge; what is merely wrong is judged."""

import socket

import pytest
from raw_server import SmallTarget, answer, error
from test_session import opened

from closecheck.contract import base_cases
from closecheck.http.pace import Gate, Pace
from closecheck.model import Outcome
from closecheck.model.errors import NothingToJudge
from closecheck.session import preflight


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(Gate, "pause", lambda self, seconds, reason: None)
    monkeypatch.setattr(Pace, "due", lambda self, now: 0.0)


def answering(function):
    """Return the script of a target that answers as a function of (authorized, body) says, or as a good one where that is None."""

    class Other(SmallTarget):
        def answer(self, method, fields, body, number):
            found = function(fields.get("authorization") == f"Bearer {self.token}", body, fields)
            return super().answer(method, fields, body, number) if found is None else found

    return Other().script


def stopped(script, folder, target=None, **options):
    with opened(script, folder, target, **options) as (_, context, _), pytest.raises(NothingToJudge) as raised:
        context.begin()
    return str(raised.value)


UNAUTHORIZED = answer("401 Unauthorized", b'{"error": "no"}', "WWW-Authenticate: Bearer")
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda *_: error("404 Not Found", "no such path", 1), ["404", "base_url", "/access-requests/close"]),
        (lambda *_: answer("405 Method Not Allowed"), ["405", "base_url"]),
        (lambda *_: HTML, ["200", "base_url"]),
        (lambda *_: answer("503 Service Unavailable"), ["503"]),
        (
            lambda *_: answer("301 Moved", b"", "Location: https://t.example/v2024/access-requests/close"),
            ["redirects", "base_url: https://t.example/v2024"],
        ),
        (lambda *_: answer("308 Moved", b"", "Location: /elsewhere"), ["redirects", "/elsewhere"]),
        (lambda *_: answer("302 Found", b""), ["redirects"]),
        (lambda *_: UNAUTHORIZED, ["401", "credentials.authorized"]),
        (lambda *_: error("403 Forbidden", "no", 1), ["403", "credentials.authorized"]),
        (lambda authorized, *_: UNAUTHORIZED if authorized else answer(), ["401", "credentials.authorized"]),
        (
            lambda _, __, fields: None if "curl" in fields["user-agent"] else answer("403 Forbidden"),
            ["403", 'headers: {User-Agent: "curl', "closecheck"],
        ),
    ],
)
def test_where_nothing_can_be_judged_the_run_stops_and_says_what_to_change(tmp_path, function, words):
    text = stopped(answering(function), tmp_path)

    assert [word for word in words if word not in text] == [], text


def test_a_host_that_is_not_there_stops_the_run(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    text = stopped(lambda peer: None, tmp_path, {"base_url": f"http://127.0.0.1:{port}"})

    assert "cannot be reached" in text
    assert "refused" in text
    assert "base_url" in text


def test_a_name_that_does_not_resolve_stops_the_run(tmp_path):
    assert "resolve" in stopped(lambda peer: None, tmp_path, {"base_url": "http://no-such-host.invalid"})


@pytest.mark.parametrize("way", ["hangs", "drops", "garbage"])
def test_a_server_that_answers_nothing_stops_the_run(tmp_path, way):
    def script(peer):
        peer.request()
        if way == "hangs":
            peer.wait_gone()
        if way == "garbage":
            peer.send(b"220 mail.example ESMTP\r\n")

    text = stopped(script, tmp_path, timeout="0.2")

    assert "base_url" in text


@pytest.mark.parametrize(
    ("field", "broken", "sent"),
    [
        ("Retry-After: -1", {"CAR-RATE-RETRY-AFTER"}, 4),
        ("Retry-After: soon", {"CAR-RATE-RETRY-AFTER"}, 4),
        ("X-Nothing: said", {"CAR-RATE-RETRY-AFTER"}, 4),
        ("Retry-After: 1", {"CAR-RATE-TRUTHFUL"}, 4),
        ("Retry-After: 1200", set(), 1),
    ],
)
def test_429_to_everything_is_an_answer_that_is_judged(tmp_path, field, broken, sent):
    limited = answer("429 Too Many Requests", b'{"message": "later"}', field)
    with opened(answering(lambda *_: limited), tmp_path) as (session, context, server):
        context.begin()
        before = len(server.requests)
        judged = [session.judge(session.cases[name]) for name in (base_cases.ONE_ID, "ids/missing", "ids/2", "auth/missing")]
        after = len(server.requests)

    found = {one.requirement for one in session.evidence if one.outcome is Outcome.BROKEN}
    assert found == broken
    assert {one.outcome for one in judged} == {Outcome.UNTESTED}
    assert before >= sent
    assert after == before, "a run goes on although every probe was answered 429"


def demands_a_header(authorized, body, fields):
    return None if "x-sailpoint-experimental" in fields or not authorized else error("400 Bad Request", "header missing", 1)


@pytest.mark.parametrize(
    "function",
    [
        demands_a_header,
        lambda authorized, *_: error("400 Bad Request", "no", 1),
        lambda authorized, body, _: answer("200 OK") if authorized and b"accessRequestIds" in body else None,
        lambda authorized, body, _: answer("201 Created") if authorized and b"accessRequestIds" in body else None,
        lambda authorized, body, _: error("422 Unprocessable", "id format", 1) if authorized and b"accessRequestIds" in body else None,
        lambda authorized, body, _: error("500 Oops", "fault", 1) if authorized else None,
        lambda authorized, *_: error("403 Forbidden", "no", 1) if authorized else None,
        lambda *_: answer(),
        lambda *_: HTML.replace(b"200 OK", b"202 OK"),
        lambda authorized, *_: error("404 Not Found", "no", 1) if authorized else None,
        lambda authorized, body, _: answer("302 Found", b"") if authorized else None,
    ],
    ids=["a header demanded", "400 to all", "200", "201", "422", "500", "403", "202 to all", "no JSON", "404", "302"],
)  # fmt: skip
def test_what_is_merely_wrong_does_not_stop_the_run_but_is_found(tmp_path, function):
    with opened(answering(function), tmp_path) as (session, context, _):
        context.begin()
        judged = [session.judge(session.cases[name]) for name in (base_cases.ONE_ID, "ids/missing", "auth/missing")]

    found = {one.outcome for one in judged} | {one.outcome for one in session.evidence}
    assert Outcome.BROKEN in found or judged[0].outcome is Outcome.UNTESTED or session.learned.demanded


def test_a_good_target_is_found_good_with_four_requests(tmp_path):
    with opened(SmallTarget().script, tmp_path) as (session, context, server):
        context.begin()

        assert len(server.requests) == 4
    assert session.evidence == []
    assert session.learned.refusal_status == 400


def test_the_first_error_of_a_run_carries_accept_language_and_the_others_none(tmp_path):
    with opened(SmallTarget().script, tmp_path) as (session, context, _):
        context.begin()
        session.prefetch([session.cases[name] for name in ("ids/0", "ids/501", "body/null-0")])
        errors = [one for one in session.exchanges.values() if one.status == 400]

    assert errors[0].accept_language == "fr"
    assert {one.accept_language for one in errors[1:]} == {None}


def test_a_target_that_refuses_all_invalid_bodies_with_422_is_blamed_once(tmp_path):
    def function(authorized, body, fields):
        return error("422 Unprocessable", "no", 1) if authorized and is_wrong(body) else None

    with opened(answering(function), tmp_path) as (session, context, _):
        context.begin()
        evidence = session.judge(session.cases["ids/missing"])
        first = session.ask(preflight.FIRST_ERROR)

    assert session.learned.refusal_status == 422
    assert evidence.outcome is Outcome.HELD
    assert "held but for the status" in evidence.reason
    assert "CAR-OP-STATUS" in {one.requirement for one in session.evidence if one.outcome is Outcome.BROKEN}
    assert (first.status, first.meaning) == (422, 400)
    assert session.held("CAR-ERROR-OBJECT") > 0


def is_wrong(body):
    return b"accessRequestIds" not in body or b"[]" in body or b"terminated" in body


@pytest.mark.parametrize(
    ("answers", "manner"),
    [
        ([422, 422, 422], 422),
        ([422, 422, 202], 422),
        ([422, 202, 202], 400),
        ([422, 400, 422], 400),
        ([422, 409, 422], 400),
        ([404, 404, 404], 404),
        ([500, 500, 500], 500),
        ([403, 403, 403], 403),
        ([400, 422, 422], 400),
        ([200, 200, 200], 200),
    ],
)
def test_the_manner_is_the_one_status_of_all_that_is_refused(tmp_path, answers, manner):
    kinds = (b"accessRequestIds", b"[]", b"terminated")

    def function(authorized, body, _):
        if not authorized or not is_wrong(body):
            return None
        status = answers[0 if kinds[0] not in body else 1 if kinds[1] in body else 2]
        return answer("202 Accepted") if status == 202 else error(f"{status} X", "no", 1)

    with opened(answering(function), tmp_path) as (session, context, _):
        context.begin()

    assert session.learned.refusal_status == manner
    assert session.learned.stands_for(session.ask(preflight.FIRST_ERROR).response) == (400 if manner in {422, 404} else 0)


# ------------------------------------------------------------------------------------------------------ a demanded field


def lacking(*names, status="400 Bad Request"):
    """Return the answers of a gateway that demands these fields together."""
    return lambda authorized, _, fields: None if all(name in fields for name in names) else answer(status, b'{"error": "header missing"}')


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("x-sailpoint-experimental",), {"X-SailPoint-Experimental": "true"}),
        (("idempotency-key",), {"Idempotency-Key": "closecheck-1"}),
        (("x-request-id", "x-correlation-id"), {"X-Request-ID": "closecheck-1", "X-Correlation-ID": "closecheck-1"}),
    ],
)
@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "404 Not Found", "412 Precondition Failed"])
def test_a_field_that_is_demanded_is_found_sent_and_blamed_nowhere_else(tmp_path, names, found, status):
    with opened(answering(lacking(*names, status=status)), tmp_path) as (session, context, _):
        context.begin()
        judged = [session.judge(session.cases[name]) for name in (base_cases.ONE_ID, base_cases.FULL, "ids/missing", "auth/missing")]

    assert session.learned.demanded == found
    assert {one.outcome for one in judged} == {Outcome.HELD}
    assert [one for one in session.evidence if one.outcome is not Outcome.HELD] == []


def test_the_line_of_the_target_file_is_told():
    assert preflight.field_line({"X-SailPoint-Experimental": "true"}) == 'headers: {X-SailPoint-Experimental: "true"}'


def test_a_field_that_the_target_file_has_is_not_searched_for(tmp_path):
    given = {"headers": {"X-SailPoint-Experimental": "true"}}
    with opened(answering(lacking("x-sailpoint-experimental")), tmp_path, given) as (session, context, server):
        context.begin()

        assert len(server.requests) == 4
    assert session.learned.demanded == {}


def test_the_known_id_probe_is_one_request_that_closes_one(tmp_path):
    pending = [f"{number:032x}" for number in range(3)]
    target = SmallTarget(known=set(pending))
    with opened(target.script, tmp_path, {"access_requests": {"pending": pending, "may_close": True}}) as (_, context, _):
        context.begin()

    (closed,) = [body["accessRequestIds"] for body in target.accepted]
    assert len(closed) == 1
    assert set(closed) < set(pending)


def test_nothing_is_sent_before_the_probes(tmp_path):
    with opened(SmallTarget().script, tmp_path) as (_, _, server):
        assert server.requests == []


def test_the_probes_name_the_cases_that_tests_ask():
    assert preflight.FIRST_ERROR.id.startswith("probe/")
    assert preflight.NO_TOKEN.base == base_cases.ONE_ID
