"""A gateway's refusals: those that come under load alone, those that are the target's own for a request, and a target that is away."""

import msgspec
import pytest
from raw_server import SmallTarget
from test_session import ONE, opened

from closecheck.contract import base_cases
from closecheck.http.pace import Gate, Pace
from closecheck.model import Note, Outcome, Response
from closecheck.model.errors import Untested
from closecheck.session.ids import impossible
from closecheck.session.load import Load

PAGE = b"HTTP/1.1 %s\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>"
CASES = [f"ids/{count}" for count in (1, 2, 4, 5, 9, 10, 11, 15, 16, 17, 19, 20, 21, 25, 31, 32, 33, 49, 50)]


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """Pauses that last no time, and what they were to last."""
    found = []
    monkeypatch.setattr(Pace, "due", lambda self, now: 0.0)
    monkeypatch.setattr(Gate, "pause", lambda self, seconds, reason: found.append(seconds))
    return found


class Guarded(SmallTarget):
    """Stands behind a gateway that answers ``status`` with a page where ``refuses`` says so: of a body, and of how many have come."""

    def __init__(self, status, refuses):
        super().__init__()
        self.page, self.refuses, self.count = PAGE % status, refuses, 0

    def answer(self, method, fields, body, number):
        self.count += 1
        return self.page if self.refuses(body, self.count) else super().answer(method, fields, body, number)


def judged(folder, target):
    """Return (outcomes by case, broken requirements, session) of a run with some cases."""
    with opened(target.script, folder, concurrency="4") as (session, context, _):
        context.begin()
        session.prefetch([session.cases[name] for name in CASES])
        said = {name: session.judge(session.cases[name]) for name in CASES}
    return said, {one.requirement for one in session.evidence if one.outcome is Outcome.BROKEN}, session


@pytest.mark.parametrize("status", [b"502 Bad Gateway", b"503 Service Unavailable", b"504 Gateway Timeout"])
def test_what_a_gateway_refuses_now_and_then_is_asked_again_and_blamed_on_it_alone(tmp_path, status):
    said, broken, _ = judged(tmp_path, Guarded(status, lambda _, count: count in {12, 13}))

    assert {one.outcome for one in said.values()} == {Outcome.HELD}
    assert broken == {"CAR-OP-STATUS", "CAR-OP-NO-500", "CAR-OP-INDEPENDENT"}


def test_the_page_of_a_firewall_that_counts_is_blamed_under_independence_alone(tmp_path):
    said, broken, _ = judged(tmp_path, Guarded(b"403 Forbidden", lambda _, count: 12 <= count <= 16))

    assert {one.outcome for one in said.values()} == {Outcome.HELD}
    assert broken == {"CAR-OP-INDEPENDENT"}


def test_what_a_gateway_answers_to_one_request_always_leaves_its_requirement_untested(tmp_path):
    said, broken, _ = judged(
        tmp_path, Guarded(b"503 Service Unavailable", lambda body, _: body.count(b'", "') == 16 or body.count(b'","') == 16)
    )

    assert said["ids/17"].outcome is Outcome.UNTESTED
    assert "CAR-OP-STATUS" in said["ids/17"].reason
    assert {one.outcome for name, one in said.items() if name != "ids/17"} == {Outcome.HELD}
    assert broken == {"CAR-OP-STATUS", "CAR-OP-NO-500"}


def test_a_target_that_is_away_is_waited_for_and_then_nothing_more_is_sent(tmp_path, pauses):
    target = Guarded(b"503 Service Unavailable", lambda _, count: count > 12)
    said, broken, session = judged(tmp_path, target)

    untested = [one for one in said.values() if one.outcome is Outcome.UNTESTED]
    assert sum(pauses) <= 61
    assert broken <= {"CAR-OP-STATUS", "CAR-OP-NO-500"}
    assert untested
    assert all(one.supply.startswith("rate: ") for one in untested[-3:])
    with pytest.raises(Untested, match="503"):
        session.send("more", ONE, impossible("0", "more", 1))


def test_a_tenth_of_refusals_is_told_in_the_first_sentence(tmp_path):
    from small_runs import lines_of, run

    from closecheck.model import Run, Status

    recorded = run({"CAR-OP-STATUS": Status.FAIL})
    lines = lines_of(recorded)
    told = Run([*lines[:-1], Note("load", "312 of 2,904 answers were refusals by a gateway or under load"), lines[-1]])

    assert "312 of 2,904 answers" in told.headline.splitlines()[0]


def response(status, kind="text/html"):
    return Response(status, "", "HTTP/1.1", (("Content-Type", kind),), b"")


@pytest.mark.parametrize(
    ("status", "kind", "suspected"),
    [(503, "application/json", True), (502, "text/html", True), (403, "text/html", True), (403, "application/json; charset=utf-8", False), (400, "text/html", False),
     (401, "text/html", False), (500, "text/html", False), (202, "text/html", False), (429, "text/html", False)],
)  # fmt: skip
def test_only_what_a_gateway_or_firewall_answers_is_suspected(status, kind, suspected):
    assert Load().suspects(response(status, kind)) is suspected


def test_an_answer_that_is_known_for_the_targets_own_is_not_asked_for_again_and_doubted_ever_more_rarely():
    load, page = Load(), response(503)
    for _ in range(3):
        assert load.wants_to_know(page)
        load.is_own(page)

    assert [load.wants_to_know(page) for _ in range(24)] == [False] * 23 + [True]
    load.came_under_load(page)
    assert load.wants_to_know(page)


def test_what_is_asked_to_see_whether_anything_is_served_is_recorded_and_judges_nothing(tmp_path):
    target = Guarded(b"503 Service Unavailable", lambda body, _: b"executionStatus" in body)
    with opened(target.script, tmp_path) as (session, context, server):
        context.begin()
        with pytest.raises(Untested):
            session.ask(msgspec.structs.replace(session.cases[base_cases.FULL], id="again"))

        assert len(server.requests) == session.sent
