"""One run against one target: what is sent twice, what is held back, what counts, what is remembered, what is hidden."""

import base64
import contextlib
import datetime
import email.utils
import itertools
import json
import threading
import time

import pytest
from raw_server import RawServer, SmallTarget, answer, error

from closecheck.contract import base_cases, id_cases
from closecheck.contract.cases import Draft, Ids
from closecheck.http.pace import Gate, Pace
from closecheck.http.transport import Lane
from closecheck.model import Outcome
from closecheck.model.errors import NothingToJudge, Untested
from closecheck.session import preflight
from closecheck.session.ids import Source, impossible
from closecheck.session.record import read
from closecheck.suite.run_context import open_run

ONE = Draft(body={"accessRequestIds": Ids(1)})
TOO_MANY = b'{"message": "later"}'


@contextlib.contextmanager
def opened(script, folder, target=None, **options):
    """Yield (session, context, server) of a run against a script; the run is finished when this is left."""
    with RawServer(script) as server:
        data = {
            "name": "test",
            "base_url": server.base_url,
            "credentials": {"authorized": {"token": "working-token-of-the-tests"}},
            **(target(server) if callable(target) else target or {}),
        }
        given = {"reports": str(folder), "timeout": "5", **options}
        context, stack = open_run(given, {}, selection="", target_data=data)
        with stack:
            context.recorder.write(opening(context))
            try:
                yield context.session, context, server
            finally:
                context.finish(complete=False)


def opening(context):
    from closecheck.contract.specification import contract
    from closecheck.model import Opening, Profile

    catalogue = contract().catalogue.recorded({})
    return Opening("test", "2026-01-01T00:00:00+00:00", "test", context.settings.base_url, Profile.QUICK, 0, False, (), catalogue)


@pytest.fixture
def pauses(monkeypatch):
    """Pauses that last no time, and what they were to last; the pace that is learned from them is kept to by nobody."""
    found = []
    monkeypatch.setattr(Pace, "due", lambda self, now: 0.0)
    monkeypatch.setattr(Gate, "pause", lambda self, seconds, reason: found.append(seconds))
    return found


def said(session, requirement):
    return [(one.outcome, one.case) for one in session.evidence if one.requirement == requirement]


def outcomes(session, requirement):
    return {outcome for outcome, _ in said(session, requirement)}


def in_order(*answers):
    """Return a script that gives answers in turn over all connections, then 202 for ever; None drops the connection."""
    lock = threading.Lock()
    left = list(answers)

    def script(peer):
        while peer.request():
            with lock:
                data = left.pop(0) if left else answer()
            if data is None:
                return
            if data == b"hang":
                peer.wait_gone()
                return
            peer.send(data)

    return script


# --------------------------------------------------------------------------------------------------------- the memory


def test_a_case_is_sent_once_and_remembered(tmp_path):
    with opened(SmallTarget().script, tmp_path) as (session, _, server):
        case = session.cases[base_cases.ONE_ID]

        assert session.ask(case) is session.ask(case)
        session.judge(case)
        session.prefetch([case, case])

        assert len(server.requests) == 1


def test_an_edit_of_a_base_that_was_refused_is_untested_and_says_so(tmp_path):
    class RefusesFull(SmallTarget):
        def answer(self, method, fields, body, number):
            if b"completionStatus" in body:
                return error("400 Bad Request", "no", number)
            return super().answer(method, fields, body, number)

    with opened(RefusesFull().script, tmp_path) as (session, *_):
        of_full = session.judge(session.cases["executionStatus/near-empty"])
        of_one = session.judge(session.cases["ids/missing"])
        itself = session.judge(session.cases[base_cases.FULL])

    assert of_full.outcome is Outcome.UNTESTED
    assert "accepted/full" in of_full.reason
    assert "400" in of_full.reason
    assert of_one.outcome is Outcome.HELD
    assert itself.outcome is Outcome.BROKEN


def test_a_refusal_names_the_number_of_its_base(tmp_path):
    with opened(SmallTarget().script, tmp_path) as (session, *_):
        session.prefetch([session.cases["ids/missing"], session.cases["ids/501"]])
        bases = {session.exchanges[one.base].case for one in session.exchanges.values() if one.base}

    assert {"accepted/one-id", "ids/500"} <= bases


@pytest.mark.parametrize("concurrency", ["1", "8"])
def test_what_is_sent_ahead_is_recorded_in_the_order_of_the_plan(tmp_path, concurrency):
    cases = ["ids/0", "ids/2", "message/1-ascii", "ids/missing", "executionStatus/Completed", "ids/9", "ids/501", "ids/4", "ids/5"]
    with opened(SmallTarget().script, tmp_path, concurrency=concurrency) as (session, *_):
        session.prefetch([session.cases[name] for name in cases])
        recorded = [session.exchanges[number].case for number in sorted(session.exchanges)]

    assert recorded[:2] == ["accepted/one-id", "ids/500"]  # the bases
    assert recorded[2:] == sorted(cases, key=lambda name: session.contract.turn(session.cases[name]))
    assert sorted(session.exchanges) == list(range(1, len(recorded) + 1))


def test_sequences_have_a_connection_each_and_are_recorded_in_their_order(tmp_path):
    def sequence(name):
        return [(f"{name}/{n}", ONE, impossible(0, f"{name}/{n}", 1)) for n in range(3)]

    with opened(SmallTarget().script, tmp_path, concurrency="2") as (session, *_):
        played = session.play([sequence("a"), sequence("b"), sequence("c")])

    assert [[one.case for one in exchanges] for exchanges in played] == [[f"{name}/{n}" for n in range(3)] for name in "abc"]
    assert [one.number for exchanges in played for one in exchanges] == list(range(1, 10))
    connections = [{one.timing.connection for one in exchanges} for exchanges in played]
    assert [len(one) for one in connections] == [1, 1, 1]
    assert len(set.union(*connections)) == 3


def test_what_got_no_plain_answer_ahead_is_asked_again_alone(tmp_path):
    refused = []

    def script(peer):
        while request := peer.request():
            if b'"executionStatus"' in request and not refused:
                refused.append(1)
                return  # closes the connection without an answer
            peer.send(answer())

    with opened(script, tmp_path, concurrency="4") as (session, *_):
        session.prefetch([session.cases[name] for name in ("ids/2", "executionStatus/Completed", "ids/4", "ids/5", "ids/9")])
        statuses = {
            name: session.ask(session.cases[name]).status for name in ("ids/2", "executionStatus/Completed", "ids/4", "ids/5", "ids/9")
        }

    assert refused == [1]
    assert set(statuses.values()) == {202}


@pytest.mark.parametrize("refused", range(1, 7))
def test_a_source_of_ids_that_answers_429_in_the_middle_is_waited_for(tmp_path, pauses, refused):
    names = ("ids/1", "ids/2", "ids/4", "ids/5")
    asked = itertools.count(1)
    small = SmallTarget()

    def script(peer):
        while request := peer.request():
            if b"/search" not in request:
                peer.send(small(request))
            elif next(asked) == refused:
                peer.send(answer("429 Too Many Requests", b"{}", "Retry-After: 1"))
            else:
                peer.send(answer("200 OK"))

    with opened(script, tmp_path, concurrency="4") as (session, *_):

        def refill(count):
            found = session.fetch("ids", "GET", "/search").number
            return impossible(found, "source", count)

        session.ids.source, session.ids.refill = Source.SUPPLIED, refill
        flying = threading.Thread(target=session.prefetch, args=([session.cases[name] for name in names],), daemon=True)
        flying.start()
        flying.join(10)

        assert not flying.is_alive()
        assert {session.ask(session.cases[name]).status for name in names} == {202}
    assert pauses == ([1.0] if refused <= 5 else [])


def test_an_answer_is_read_when_it_arrives_though_one_that_was_asked_for_before_is_late(tmp_path, monkeypatch):
    read_meanwhile, land, small = threading.Semaphore(0), Lane.land, SmallTarget()

    def landed(lane):
        landing = land(lane)
        read_meanwhile.release()
        return landing

    def script(peer):
        while request := peer.request():
            if b'"executionStatus"' in request:
                assert all(read_meanwhile.acquire(timeout=4) for _ in range(2))
            peer.send(small(request))

    with opened(script, tmp_path) as (session, *_):
        cases = [session.cases[name] for name in ("executionStatus/Completed", "ids/choice-uuid-braces", "ids/choice-twice-among-three")]
        session.prefetch(session.cases[one.base] for one in cases)
        known = set(session.exchanges)
        monkeypatch.setattr(Lane, "land", landed)
        session.prefetch(cases)

        first, *others = (exchange for number, exchange in session.exchanges.items() if number not in known)
        assert first.case == "executionStatus/Completed"
        assert [one.status for one in (first, *others)] == [202, 202, 202]
        ends = [one.timing.sent + one.timing.seconds for one in (first, *others)]
        assert ends[0] == max(ends)


def test_one_lost_answer_makes_no_lost_ones_of_those_that_are_read_after_it(tmp_path):
    lost = threading.Event()
    long = answer(body=b'{"x": "%s"}' % (b"x" * 100_000))
    warm = [f"ids/{count}" for count in (1, 2, 4, 5, 9, 10, 11, 15)]

    def script(peer):
        while request := peer.request():
            if b'"executionStatus"' in request and not lost.is_set():
                lost.set()
                peer.wait_gone()
                return
            peer.send(long)

    with opened(script, tmp_path, timeout="0.6") as (session, *_):
        session.prefetch(session.cases[name] for name in warm)
        session.prefetch(session.cases[name] for name in ("executionStatus/Completed", "ids/16", "ids/17", "ids/50", "ids/99", "ids/100"))
        session.finish()

    assert lost.is_set()
    assert outcomes(session, "CAR-OP-ANSWERS") == {Outcome.ERROR}


def test_of_sequences_that_a_budget_ends_what_was_sent_is_recorded(tmp_path):
    sequences = [[(f"{name}/{n}", ONE, impossible(0, f"{name}/{n}", 1)) for n in range(3)] for name in "ab"]
    with opened(SmallTarget().script, tmp_path, budget="4", concurrency="1") as (session, _, server):
        with pytest.raises(Untested, match="budget"):
            session.play(sequences)

        assert [one.case for one in session.exchanges.values()] == ["a/0", "a/1", "a/2", "b/0"]
        assert session.sent == len(server.requests) == 4


def test_of_requests_sent_at_once_that_a_budget_ends_what_was_sent_is_recorded(tmp_path):
    drafts = [(f"burst/{n}", ONE, impossible(0, f"burst/{n}", 1)) for n in range(5)]
    with opened(SmallTarget().script, tmp_path, budget="3") as (session, _, server):
        with pytest.raises(Untested, match="budget"):
            session.send_all(drafts, 1)

        assert [one.case for one in session.exchanges.values()] == ["burst/0", "burst/1", "burst/2"]
        assert session.sent == len(server.requests) == 3


def test_what_was_not_answered_does_not_hold_under_a_clause(tmp_path):
    from types import SimpleNamespace

    from closecheck.suite.plugin import EVIDENCE, Clause

    item = SimpleNamespace(
        name="test_odd", stash={EVIDENCE: []}, iter_markers=lambda _: iter([SimpleNamespace(args=("CAR-OP-NO-500",), kwargs={})])
    )
    with opened(lambda peer: peer.request() and None, tmp_path) as (session, *_):
        exchange = session.send("odd", ONE, impossible(0, "odd", 1))
        with pytest.raises(Untested, match="CAR-OP-ANSWERS"):
            Clause(item, session).settle(exchange)

    assert Outcome.HELD not in outcomes(session, "CAR-OP-NO-500")


@pytest.mark.parametrize(
    ("supply", "ended"), [("--budget, more than 31", True), ("", True), ("credentials.unprivileged: {token: …}", False)]
)
def test_a_403_that_is_not_reached_is_untested_and_one_that_cannot_be_had_is_not_missed(monkeypatch, pytestconfig, supply, ended):
    import importlib.util

    from closecheck.suite.engine import tests_folder

    for mark in ("requirement", "choice", "sweep"):
        pytestconfig.addinivalue_line("markers", f"{mark}: of the tests that the suite runs")
    spec = importlib.util.spec_from_file_location("languages", tests_folder() / "test_languages.py")
    languages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(languages)
    held = []

    def forbidden(session, tag):
        raise Untested("it ended", supply)

    monkeypatch.setattr(languages, "known", lambda _: ["fr"])
    monkeypatch.setattr(languages, "forbidden", forbidden)
    clause = type("", (), {"expect": lambda _, holds, *__: held.append(holds)})()
    with pytest.raises(Untested) if ended else contextlib.nullcontext():
        languages.test_a_known_language_is_used_for_every_error(None, clause)

    assert held == ([] if ended else [True])


@pytest.mark.parametrize("budget", [1, 4, 9])
def test_a_budget_is_kept_to_and_what_it_does_not_reach_is_untested(tmp_path, budget):
    names = ("ids/2", "ids/4", "ids/5", "ids/9", "ids/10", "ids/11")
    with opened(SmallTarget().script, tmp_path, budget=str(budget)) as (session, *_):
        session.prefetch([session.cases[name] for name in names])
        outcomes = [session.judge(session.cases[name]) for name in names]

    assert session.sent == min(budget, 1 + len(names))
    untested = [one for one in outcomes if one.outcome is Outcome.UNTESTED]
    assert len(untested) == max(0, 1 + len(names) - budget)
    assert {one.supply for one in untested} <= {f"--budget, more than {budget}"}


def test_a_budget_counts_what_is_sent_again_after_a_429(tmp_path, pauses):
    requests = []

    def script(peer):
        while peer.request():
            requests.append(1)
            peer.send(answer("429 Too Many Requests", TOO_MANY, "Retry-After: 1") if len(requests) % 2 == 0 else answer())

    with opened(script, tmp_path, budget="20", concurrency="1") as (session, *_):
        session.prefetch([session.cases[f"ids/{count}"] for count in id_cases.COUNTS if count < 300])

    assert pauses
    assert 20 <= len(requests) <= 22


def test_what_was_postponed_is_sent_with_the_first_of_it_that_is_asked_for(tmp_path):
    with opened(SmallTarget().script, tmp_path) as (session, *_):
        session.postpone(session.cases[name] for name in ("ids/4", "ids/5"))
        session.ask(session.cases["ids/2"])
        before = [one.case for one in session.exchanges.values()]
        session.ask(session.cases["ids/5"])
        after = [one.case for one in session.exchanges.values()]

    assert before == ["ids/2"]
    assert set(after[1:]) == {"accepted/one-id", "ids/4", "ids/5"}


def test_concurrency_is_kept_to(tmp_path):
    flying, most, lock = [0], [0], threading.Lock()
    enough = threading.Event()

    def script(peer):
        while peer.request():
            with lock:
                flying[0] += 1
                most.append(flying[0])
                if flying[0] >= 3:
                    enough.set()
            enough.wait(1)
            with lock:
                flying[0] -= 1
            peer.send(answer())

    with opened(script, tmp_path, concurrency="3") as (session, *_):
        session.prefetch([session.cases[f"ids/{count}"] for count in (1, 2, 4, 5, 9, 10, 11, 15, 16, 17)])

    assert max(most) == 3


def test_the_burst_has_sixteen_in_flight_whatever_the_concurrency(tmp_path):
    together = threading.Barrier(16)

    def script(peer):
        while peer.request():
            together.wait(10)
            peer.send(answer())

    drafts = [(f"burst/{n}", ONE, impossible(0, str(n), 1)) for n in range(16)]
    with opened(script, tmp_path, concurrency="1") as (session, *_):
        exchanges = session.burst(drafts)

    assert [one.status for one in exchanges] == [202] * 16
    assert [one.case for one in exchanges] == [name for name, *_ in drafts]


def test_a_forbidden_burst_is_untested(tmp_path):
    with opened(SmallTarget().script, tmp_path, {"burst": False}) as (session, _, server):
        with pytest.raises(Untested, match="forbids"):
            session.burst([])

        assert server.requests == []


# ------------------------------------------------------------------------------------- time-outs, drops, confirmation


def test_one_lost_answer_is_an_error_and_no_finding(tmp_path):
    with opened(in_order(None), tmp_path) as (session, _, server):
        exchange = session.send("one", ONE, impossible(0, "x", 1))
        session.finish()

        assert exchange.status == 202
        assert len(server.requests) == 2
        assert server.requests[0] == server.requests[1]
    assert outcomes(session, "CAR-OP-ANSWERS") == {Outcome.ERROR}


@pytest.mark.parametrize(
    ("lost", "findings"), [(None, 1), (b"hang", 1), (answer(length=99)[:60], 2)], ids=["dropped", "hangs", "cut short"]
)
def test_the_same_request_lost_twice_is_a_finding(tmp_path, lost, findings):
    def script(peer):
        peer.request()
        if lost == b"hang":
            peer.wait_gone()
        elif lost:
            peer.send(lost)

    with opened(script, tmp_path, timeout="0.3") as (session, _, server):
        exchange = session.send("one", ONE, impossible(0, "x", 1))

        assert exchange.failure is not None
        assert len(server.requests) == 2
    assert said(session, "CAR-OP-ANSWERS") == [(Outcome.BROKEN, "one")] * findings


def test_three_different_requests_lost_once_are_a_finding(tmp_path):
    with opened(in_order(None, answer(), None, answer(), None, answer()), tmp_path) as (session, context, _):
        for name in "abc":
            session.send(name, ONE, impossible(0, name, 1))
            context.transport.close()  # so that the next one has a fresh connection
        session.finish()

    assert outcomes(session, "CAR-OP-ANSWERS") == {Outcome.BROKEN}


def test_two_different_requests_lost_once_are_an_error(tmp_path):
    with opened(in_order(None, answer(), None, answer()), tmp_path) as (session, context, _):
        for name in "ab":
            session.send(name, ONE, impossible(0, name, 1))
            context.transport.close()
        session.finish()

    assert outcomes(session, "CAR-OP-ANSWERS") == {Outcome.ERROR}


def test_a_drop_on_a_reused_connection_is_sent_again_and_no_finding(tmp_path):
    def script(peer):
        if peer.request():
            peer.send(answer())
        if peer.number == 0:
            peer.request()  # and no answer

    with opened(script, tmp_path) as (session, *_):
        session.send("first", ONE, impossible(0, "x", 1))
        second = session.send("second", ONE, impossible(0, "y", 1))
        session.finish()

    assert second.status == 202
    assert said(session, "CAR-OP-ANSWERS") == []


@pytest.mark.parametrize(
    "part", [answer()[:1], answer()[:30], answer()[:-1]], ids=["one byte", "within the header section", "within the body"]
)
@pytest.mark.parametrize("ends", ["closed", "reset"])
def test_a_part_of_an_answer_on_a_reused_connection_is_a_finding_and_the_request_is_sent_again(tmp_path, part, ends):
    came = threading.Event()

    def script(peer):
        if peer.request():
            peer.send(answer())
        if peer.number == 0:
            peer.request()
            peer.send(part)
            if ends == "reset":
                came.wait(5)
                peer.reset()

    with opened(script, tmp_path) as (session, *_), session.lane() as lane:
        session.send("first", ONE, impossible(0, "x", 1), lane=lane)
        connection = lane._connection
        read = connection._read
        connection._read = lambda reading: (read(reading), came.set())[0]
        second = session.send("second", ONE, impossible(0, "y", 1), lane=lane)
        session.finish()

    assert second.status == 202
    assert said(session, "CAR-OP-ANSWERS") == [(Outcome.BROKEN, "second")]


@pytest.mark.parametrize("fields", [("Connection: close",), ()], ids=["announced", "unannounced"])
def test_a_408_on_a_reused_connection_is_no_answer_and_on_a_fresh_one_it_is(tmp_path, fields):
    late = answer("408 Request Timeout", b"", *fields)

    def script(peer):
        if peer.request():
            peer.send(answer() if peer.number < 2 else late)
        if peer.number == 0 and peer.request():
            peer.send(late)
            peer.wait_gone()

    with opened(script, tmp_path) as (session, *_):
        session.send("first", ONE, impossible(0, "x", 1))
        second = session.send("second", ONE, impossible(0, "y", 1))
        session.finish()
        assert said(session, "CAR-OP-STATUS") == []

        third = session.send("third", ONE, impossible(0, "z", 1))

    assert (second.status, third.status) == (202, 408)
    assert said(session, "CAR-OP-STATUS") == [(Outcome.BROKEN, "third")]


def test_a_408_on_a_reused_connection_is_no_answer_where_a_429_has_been_waited_out(tmp_path):
    def script(peer):
        if peer.number == 0 and peer.request():
            peer.send(answer("429 Too Many Requests", b'{"message": "wait"}', "Retry-After: 0"))
        if peer.request():
            peer.send(answer() if peer.number else answer("408 Request Timeout", b""))
        peer.wait_gone()

    with opened(script, tmp_path) as (session, *_):
        exchange = session.send("first", ONE, impossible(0, "x", 1))
        session.finish()

    assert exchange.status == 202
    assert said(session, "CAR-OP-STATUS") == []


def test_a_target_that_closes_after_each_answer_is_no_finding(tmp_path):
    def script(peer):
        if peer.request():
            peer.send(answer())

    with opened(script, tmp_path, concurrency="4") as (session, *_):
        session.prefetch([session.cases[f"ids/{count}"] for count in (1, 2, 4, 5, 9, 10, 11, 15, 16, 17)])
        session.finish()

    assert said(session, "CAR-OP-ANSWERS") == []
    assert {one.status for one in session.exchanges.values() if one.response} == {202}


def test_a_lane_goes_on_after_a_drop(tmp_path):
    with opened(in_order(answer(), None), tmp_path) as (session, *_), session.lane() as lane:
        statuses = [session.send(name, ONE, impossible(0, name, 1), lane=lane).status for name in "abc"]
        session.finish()

    assert statuses == [202, 202, 202]
    assert said(session, "CAR-OP-ANSWERS") == []


@pytest.mark.parametrize("data", [b"nonsense", answer() + b"surplus"], ids=["garbage", "surplus"])
def test_what_was_received_ill_framed_is_a_finding_at_once(tmp_path, data):
    with opened(in_order(data), tmp_path) as (session, _, server):
        session.send("one", ONE, impossible(0, "x", 1))

        assert len(server.requests) == 1
    assert said(session, "CAR-OP-ANSWERS") == [(Outcome.BROKEN, "one")]


def test_a_target_that_goes_down_leaves_the_rest_untested(tmp_path, pauses):
    script = SmallTarget().script
    with opened(script, tmp_path) as (session, _, server):
        session.ask(session.cases[base_cases.ONE_ID])
        server.close()
        session.prefetch([session.cases[name] for name in ("ids/missing", "ids/2", "ids/501")])
        judged = session.judge(session.cases["ids/missing"])
        session.finish()

    assert judged.outcome is Outcome.UNTESTED
    assert "refused" in judged.reason
    assert outcomes(session, "CAR-OP-ANSWERS") == {Outcome.ERROR}
    assert Outcome.BROKEN not in {one.outcome for one in session.evidence}


def test_a_target_that_is_away_for_a_moment_is_waited_for(tmp_path, pauses, monkeypatch):
    with opened(SmallTarget().script, tmp_path) as (session, context, _):
        real, refused = context.transport._connect, [2]

        def connect(deadline):
            if refused[0]:
                refused[0] -= 1
                raise ConnectionRefusedError
            return real(deadline)

        monkeypatch.setattr(context.transport, "_connect", connect)
        exchange = session.ask(session.cases[base_cases.ONE_ID])

    assert exchange.status == 202
    assert len(pauses) == 2


# ---------------------------------------------------------------------------------------------------------------- 429


def throttled(*fields, number=1):
    return [answer("429 Too Many Requests", TOO_MANY, *fields)] * number


def http_date(seconds):
    return email.utils.format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(("value", "waited"), [("0", 0), ("1", 1), ("60", 60), ("007", 7)])
def test_a_429_is_waited_out_as_told(tmp_path, pauses, value, waited):
    with opened(in_order(*throttled(f"Retry-After: {value}")), tmp_path) as (session, *_):
        exchange = session.send("one", ONE, impossible(0, "x", 1))

    assert exchange.status == 202
    assert pauses == [waited]
    assert outcomes(session, "CAR-RATE-TRUTHFUL") == {Outcome.HELD}
    assert outcomes(session, "CAR-RATE-RETRY-AFTER") == set()


def test_a_429_with_a_date_is_waited_out(tmp_path, pauses):
    fields = f"Date: {http_date(-3600)}", f"Retry-After: {http_date(-3600 + 7)}"  # by the target's clock, which is an hour slow
    with opened(in_order(*throttled(*fields)), tmp_path) as (session, *_):
        session.send("one", ONE, impossible(0, "x", 1))

    assert 6 <= pauses[0] <= 8
    assert outcomes(session, "CAR-RATE-TRUTHFUL") == {Outcome.HELD}


@pytest.mark.parametrize("fields", [(), ("Retry-After: -1",), ("Retry-After: soon",), ("Retry-After: 1.5",), ("Retry-After:",)])
def test_a_429_that_does_not_say_how_long_is_broken_and_waited_out_anyway(tmp_path, pauses, fields):
    with opened(in_order(*throttled(*fields)), tmp_path) as (session, *_):
        exchange = session.send("one", ONE, impossible(0, "x", 1))

    assert exchange.status == 202
    assert 0 < pauses[0] <= 5
    assert outcomes(session, "CAR-RATE-RETRY-AFTER") == {Outcome.BROKEN}
    assert outcomes(session, "CAR-RATE-TRUTHFUL") == set()


def test_a_wait_of_90_seconds_is_not_waited_out(tmp_path, pauses):
    with opened(in_order(*throttled("Retry-After: 90", number=9)), tmp_path) as (session, *_), pytest.raises(Untested, match="429"):
        session.send("one", ONE, impossible(0, "x", 1))

    assert pauses == []
    assert outcomes(session, "CAR-RATE-TRUTHFUL") == {Outcome.UNTESTED}


@pytest.mark.parametrize("value", ["100000", "86401", "9" * 400])
def test_a_wait_of_days_is_no_wait_at_all(tmp_path, pauses, value):
    with opened(in_order(*throttled(f"Retry-After: {value}", number=9)), tmp_path) as (session, *_), pytest.raises(Untested):
        session.send("one", ONE, impossible(0, "x", 1))

    assert pauses == []
    assert outcomes(session, "CAR-RATE-TRUTHFUL") == {Outcome.BROKEN}


def test_a_longer_wait_is_waited_out_where_the_target_file_has_the_patience(tmp_path, pauses):
    with opened(in_order(*throttled("Retry-After: 90")), tmp_path, {"max_wait": 90}) as (session, *_):
        exchange = session.send("one", ONE, impossible(0, "x", 1))

    assert exchange.status == 202
    assert pauses == [90]


def test_after_a_wait_beyond_its_patience_the_run_sends_nothing_under_any_token(tmp_path, pauses):
    """The vendor's gateway doubles down on whoever goes on: 1 s, then 60, 300, 600 and 1,200."""
    asked = [*throttled("Retry-After: 1"), answer(), *throttled("Retry-After: 300")]
    with opened(in_order(*asked), tmp_path, concurrency="1") as (session, _, server):
        session.send("one", ONE, impossible(0, "x", 1))
        reasons = []
        for name in ("ids/1", "ids/2", "auth/missing", "ids/missing"):
            with pytest.raises(Untested) as raised:
                session.ask(session.cases[name])
            reasons.append(raised.value)
        session.prefetch([session.cases[name] for name in ("ids/4", "ids/5", "ids/9")])
        with pytest.raises(Untested, match="300 s"):
            session.fetch("audits", "POST", "/search", body={})
        with pytest.raises(Untested, match="300 s"):
            session.play([[("two", ONE, impossible(0, "y", 1))]])

        assert len(server.requests) == 3
    assert all("300 s" in one.reason and one.supply == "max_wait: 300" for one in reasons)
    assert Outcome.BROKEN not in outcomes(session, "CAR-RATE-TRUTHFUL")


def test_whoever_is_in_flight_when_the_wait_is_told_is_the_last(tmp_path, pauses):
    cases = [f"ids/{count}" for count in (1, 2, 4, 5, 9, 10, 11, 15, 16, 17, 19, 20, 21, 25, 31, 32, 33, 49, 50)]
    with opened(in_order(*throttled("Retry-After: 600", number=99)), tmp_path, concurrency="4") as (session, _, server):
        session.prefetch([session.cases[name] for name in cases])

        assert len(server.requests) <= 4 + 1  # the base goes first


def test_each_wait_is_kept_with_whether_it_ended_in_service(tmp_path, pauses):
    refused = throttled("Retry-After: 1")
    with opened(in_order(*refused, answer(), *refused, *refused, answer(), *refused), tmp_path) as (session, *_):
        for name in "abc":
            session.send(name, ONE, impossible(0, name, 1))

    assert [punctual for punctual, _ in session.waits] == [True, False, True]
    assert [len(numbers) for _, numbers in session.waits] == [2, 2, 2]


def test_a_retry_after_that_is_not_true_says_all_that_was_waited(tmp_path, pauses):
    asked = (*throttled("Retry-After: 59"), *throttled("Retry-After: 0", number=2))
    with opened(in_order(*asked), tmp_path) as (session, *_):
        session.send("one", ONE, impossible(0, "x", 1))

    (broken,) = [one.finding for one in session.evidence if one.requirement == "CAR-RATE-TRUTHFUL"]
    assert "59 s" in broken.expected
    assert "0 s" in broken.expected


def test_a_second_429_is_asked_about_once_more_before_it_counts(tmp_path, pauses):
    with opened(in_order(*throttled("Retry-After: 1", number=2)), tmp_path) as (session, *_):
        exchange = session.send("one", ONE, impossible(0, "x", 1))

    assert exchange.status == 202
    assert pauses == [1, 1]
    assert outcomes(session, "CAR-RATE-TRUTHFUL") == {Outcome.HELD}


def test_a_third_429_after_waiting_twice_as_told_is_a_finding(tmp_path, pauses):
    with opened(in_order(*throttled("Retry-After: 1", number=3)), tmp_path) as (session, *_):
        exchange = session.send("one", ONE, impossible(0, "x", 1))

    assert exchange.status == 202
    assert pauses[:2] == [1, 1]
    broken = [one for one in session.evidence if one.requirement == "CAR-RATE-TRUTHFUL"]
    assert [one.outcome for one in broken] == [Outcome.BROKEN]
    assert len(broken[0].exchanges) == 3


def test_a_429_for_ever_ends_untested(tmp_path, pauses):
    with opened(in_order(*throttled("Retry-After: 0", number=99)), tmp_path) as (session, *_):
        with pytest.raises(Untested, match="429"):
            session.send("one", ONE, impossible(0, "x", 1))
        said_of_others = [one for one in session.evidence if not one.requirement.startswith("CAR-RATE-")]

    assert sum(pauses) < 120
    assert said_of_others == []


def test_an_impatient_request_keeps_its_429(tmp_path, pauses):
    with opened(in_order(*throttled("Retry-After: 1")), tmp_path) as (session, *_):
        exchange = session.send("one", ONE, impossible(0, "x", 1), patient=False)

    assert exchange.status == 429
    assert pauses == []


def test_while_the_target_is_given_time_nothing_is_in_flight_and_one_request_goes_first(tmp_path, monkeypatch):
    lock, flying, seen = threading.Lock(), set(), []
    refuse = [True]
    states = []

    def script(peer):
        while request := peer.request():
            with lock:
                flying.add(peer)
                seen.append(request)
                now = refuse[0] and len(seen) == 5
                if now:
                    refuse[0] = False
                    states.append(request)
            data = throttled("Retry-After: 1")[0] if now else answer()
            with lock:
                flying.discard(peer)
            peer.send(data)

    def pause(self, seconds, reason):
        with lock:
            states.append((len(flying), self._in_flight, len(seen)))

    monkeypatch.setattr(Gate, "pause", pause)
    monkeypatch.setattr(Pace, "due", lambda self, now: 0.0)
    cases = [f"ids/{count}" for count in (1, 2, 4, 5, 9, 10, 11, 15, 16, 17, 19, 20, 21, 25, 31, 32, 33, 49, 50)]
    with opened(script, tmp_path, concurrency="8") as (session, *_):
        session.prefetch([session.cases[name] for name in cases])

    request, (at_server, at_client, before) = states
    assert (at_server, at_client) == (0, 0)
    assert seen[before] == request
    assert {one.status for one in session.exchanges.values()} == {202, 429}


def test_several_429s_at_a_time_are_waited_out_once(tmp_path, pauses):
    together = threading.Barrier(8)
    limited = [8]
    lock = threading.Lock()

    def script(peer):
        while peer.request():
            with lock:
                refused = limited[0] > 0
                limited[0] -= 1
            if refused:
                together.wait(10)
                peer.send(throttled("Retry-After: 10")[0])
            else:
                peer.send(answer())

    drafts = [(f"one/{n}", ONE, impossible(0, str(n), 1)) for n in range(8)]
    with opened(script, tmp_path) as (session, *_):
        exchanges = session.send_all(drafts, 8)

    assert [one.status for one in exchanges] == [202] * 8
    assert pauses == [10]


def test_a_target_that_went_through_its_limit_does_not_keep_the_run_for_hours(tmp_path, pauses):
    def script(peer):
        while peer.request():
            peer.send(throttled()[0])

    with opened(script, tmp_path) as (session, *_):
        for name in ("ids/1", "ids/2", "ids/4", "ids/5"):
            with pytest.raises(Untested):
                session.ask(session.cases[name])

    assert sum(pauses) < 150, "each request waits a minute of its own"


# -------------------------------------------------------------------------------------------------------------- tokens


class Renewing(SmallTarget):
    """Hands out tokens at /oauth/token and takes the newest only."""

    def __init__(self):
        super().__init__(token="none yet")
        self.issued = 0

    def answer(self, method, fields, body, number):
        if fields.get("content-type") == "application/x-www-form-urlencoded":
            self.issued += 1
            self.token = f"token-that-was-issued-{self.issued:04}"
            return answer("200 OK", json.dumps({"access_token": self.token, "token_type": "Bearer", "expires_in": 3600}).encode())
        return super().answer(method, fields, body, number)


def client(server):
    login = {"client_id": "me", "client_secret": "hush-hush-hush", "token_url": f"{server.base_url}/oauth/token"}
    return {"credentials": {"authorized": login}}


def test_a_token_that_is_refused_is_fetched_anew_once(tmp_path):
    target = Renewing()
    with opened(target.script, tmp_path, client) as (session, *_):
        first = session.send("one", ONE, impossible(0, "x", 1))
        target.token = "revoked"
        second = session.send("two", ONE, impossible(0, "y", 1))

    assert (first.status, second.status) == (202, 202)
    assert target.issued == 2
    assert session.evidence == []


def test_a_token_that_is_refused_to_many_in_flight_is_fetched_anew_once(tmp_path):
    names = ("ids/1", "ids/2", "ids/4", "ids/5", "ids/9", "ids/10", "ids/11")
    target = Renewing()
    with opened(target.script, tmp_path, client) as (session, *_):
        session.ask(session.cases[base_cases.ONE_ID])
        target.token = "revoked"
        session.prefetch(session.cases[name] for name in names)
        statuses = {session.ask(session.cases[name]).status for name in names}

    assert statuses == {202}
    assert target.issued == 2


@pytest.mark.parametrize("credential", ["client", "token"])
def test_a_401_that_comes_again_with_a_fresh_token_is_a_finding(tmp_path, credential):
    class RefusesMessages(Renewing):
        def answer(self, method, fields, body, number):
            if b'"message"' in body:
                return answer("401 Unauthorized", b'{"error": "no"}', "WWW-Authenticate: Bearer")
            return super().answer(method, fields, body, number)

    target = RefusesMessages()
    if credential == "token":
        target.token = "working-token-of-the-tests"
    with opened(target.script, tmp_path, client if credential == "client" else None) as (session, *_):
        session.ask(session.cases[base_cases.ONE_ID])
        evidence = session.judge(session.cases["message/1-ascii"])

    assert evidence.outcome is Outcome.BROKEN


def test_a_fixed_token_that_expires_during_the_run_is_an_error_and_no_finding(tmp_path):
    import jwt

    begun = time.time()
    token = jwt.encode({"exp": begun - 1}, "k" * 32, algorithm="HS256")
    target = SmallTarget(token="another")
    given = {"credentials": {"authorized": {"token": token}}}
    with opened(target.script, tmp_path, given) as (session, *_):
        evidence = session.judge(session.cases[base_cases.ONE_ID])

    assert evidence.outcome is Outcome.ERROR
    assert "expired" in evidence.reason


class Exhausted(Renewing):
    """A token endpoint that gives so many tokens and no more."""

    def __init__(self, tokens):
        super().__init__()
        self.left = tokens

    def answer(self, method, fields, body, number):
        if fields.get("content-type") == "application/x-www-form-urlencoded":
            self.left -= 1
            if self.left < 0:
                return answer("401 Unauthorized", b'{"error": "invalid_client"}')
        return super().answer(method, fields, body, number)


def test_a_client_that_gets_no_token_stops_the_run_and_is_told_to_check_its_secret(tmp_path):
    with opened(Exhausted(0).script, tmp_path, client) as (_, context, _), pytest.raises(NothingToJudge) as stopped:
        context.begin()

    assert "client_secret" in str(stopped.value)
    assert "hush" not in str(stopped.value)


def test_without_a_token_the_run_stops_and_says_where_to_put_one(tmp_path):
    with opened(Renewing().script, tmp_path, {"credentials": {}}) as (_, context, _), pytest.raises(NothingToJudge) as stopped:
        context.begin()

    assert "no working token was supplied" in str(stopped.value)
    assert "CLOSECHECK_TOKEN" in str(stopped.value)


def test_a_token_endpoint_that_fails_during_the_run_leaves_the_rest_untested(tmp_path):
    target = Exhausted(1)
    names = ["ids/missing", "message/1-ascii", "ids/2"]
    with opened(target.script, tmp_path, client) as (session, context, _):
        context.begin()
        target.token = "revoked"
        session.prefetch([session.cases[name] for name in names])
        outcomes_of = {session.judge(session.cases[name]).outcome for name in names}

    assert outcomes_of == {Outcome.UNTESTED}
    assert Outcome.BROKEN not in {one.outcome for one in session.evidence}


class Busy(Renewing):
    """Its token endpoint answers 429 so many times."""

    def __init__(self, times, value="2"):
        super().__init__()
        self.left, self.value = times, value

    def answer(self, method, fields, body, number):
        if fields.get("content-type") == "application/x-www-form-urlencoded" and self.left:
            self.left -= 1
            return throttled(f"Retry-After: {self.value}")[0]
        return super().answer(method, fields, body, number)


def test_a_token_endpoint_that_answers_429_is_waited_for(tmp_path, pauses):
    with opened(Busy(2).script, tmp_path, client) as (session, *_):
        exchange = session.send("one", ONE, impossible(0, "x", 1))

    assert exchange.status == 202
    assert pauses == [2, 5]


@pytest.mark.parametrize(("value", "most"), [("2", 4), ("300", 1)])
def test_a_token_endpoint_that_answers_429_for_ever_leaves_untested_what_needs_the_token(tmp_path, pauses, value, most):
    target = Busy(10**6, value)
    with opened(target.script, tmp_path, client) as (session, context, server):
        context.begin()
        with pytest.raises(Untested, match="429"):
            session.ask(session.cases[base_cases.ONE_ID])
        without = session.ask(session.cases["auth/missing"])

        assert sum(b"/oauth/token" in request for request in server.requests) == most
    assert without.status == 401


def test_other_callers_never_use_the_refreshed_token(tmp_path):
    target = Renewing()
    with opened(target.script, tmp_path, client) as (session, *_):
        exchange = session.send("none", Draft(body=ONE.body, caller="none"), impossible(0, "x", 1))

    assert exchange.status == 401
    assert not any(name.lower() == "authorization" for name, _ in exchange.request.headers)


class Deciding(Renewing):
    """
    An authorizer caches its decision by token: the path that a token asks for first, or the listing that it read last, is the only one open.

    ``sticks`` tells whether a close may be the first; ``never`` forbids every listing.
    """

    def __init__(self, *, sticks, never=False):
        super().__init__()
        self.sticks, self.never = sticks, never
        self.open = {}

    def answer(self, method, fields, body, number):
        token = fields.get("authorization", "")
        if not token:
            return super().answer(method, fields, body, number)
        if self.never and method == "GET":
            return error("403 Forbidden", "not for you", number)
        if self.sticks:
            self.open.setdefault(token, method)
        elif method == "GET":
            self.open[token] = method
        if self.open.get(token, method) != method:
            return error("403 Forbidden", "not for you", number)
        return answer("200 OK", b"[]") if method == "GET" else super().answer(method, fields, body, number)


def listed(session):
    return session.fetch("account-activities", "GET", "/account-activities")


@pytest.mark.parametrize("renewable", [False, True], ids=["fixed", "renewable"])
def test_a_close_that_is_forbidden_since_a_listing_was_read_is_blamed_once_and_on_its_cause(tmp_path, renewable):
    names = ["message/1-ascii", "ids/2", "ids/0", "message/2-ascii"]
    target = Deciding(sticks=False)
    target.token = "working-token-of-the-tests"
    with opened(target.script, tmp_path, client if renewable else None) as (session, *_):
        session.ask(session.cases[base_cases.ONE_ID])
        listed(session)
        session.prefetch([session.cases[name] for name in names])
        found = [session.judge(session.cases[name]) for name in names]

    (broken,) = [one for one in session.evidence if one.outcome is Outcome.BROKEN]
    assert broken.requirement == "CAR-OP-INDEPENDENT"
    assert "cached by token" in broken.finding.change
    assert "GET /account-activities" in broken.finding.change
    lost = [one for one in found if one.outcome is Outcome.UNTESTED]
    assert all("judged under CAR-OP-INDEPENDENT" in one.reason for one in lost)
    # A new token has read nothing yet: what is sent again under it is judged.
    assert len(lost) == (1 if renewable else len(names))


def test_a_listing_that_is_forbidden_is_read_under_a_new_token_and_what_that_forbids_then_is_blamed(tmp_path):
    target = Deciding(sticks=True)
    with opened(target.script, tmp_path, client) as (session, *_):
        session.ask(session.cases[base_cases.ONE_ID])
        assert listed(session).status == 200
        evidence = session.judge(session.cases["message/1-ascii"])

    assert evidence.outcome is Outcome.UNTESTED
    assert [one.requirement for one in session.evidence if one.outcome is Outcome.BROKEN] == ["CAR-OP-INDEPENDENT"]


def test_a_listing_that_is_forbidden_to_every_token_is_asked_for_under_one_new_token_only(tmp_path):
    target = Deciding(sticks=False, never=True)
    with opened(target.script, tmp_path, client) as (session, *_):
        session.ask(session.cases[base_cases.ONE_ID])
        assert {listed(session).status for _ in range(5)} == {403}
        evidence = session.judge(session.cases["message/1-ascii"])

    assert target.issued == 2
    assert evidence.outcome is Outcome.HELD


def test_a_403_that_only_some_requests_get_after_a_listing_is_judged_as_ever(tmp_path):
    class Firewall(Deciding):
        def answer(self, method, fields, body, number):
            return error("403 Forbidden", "a firewall", number) if b'"message"' in body else super().answer(method, fields, body, number)

    target = Firewall(sticks=False, never=False)
    target.token, target.open = "working-token-of-the-tests", NeverDecides()
    with opened(target.script, tmp_path) as (session, *_):
        session.ask(session.cases[base_cases.ONE_ID])
        listed(session)
        evidence = session.judge(session.cases["message/1-ascii"])

    assert evidence.outcome is Outcome.BROKEN
    assert said(session, "CAR-OP-INDEPENDENT") == []


class NeverDecides(dict):
    """Remembers no decision."""

    def __setitem__(self, key, value):
        """Forget it."""


@pytest.mark.parametrize("concurrency", ["1", "8"])
def test_a_caller_who_is_to_be_refused_has_a_fresh_connection(tmp_path, concurrency):
    with opened(SmallTarget().script, tmp_path, concurrency=concurrency) as (session, *_):
        context_cases = [base_cases.ONE_ID, "ids/2", "ids/4", preflight.NO_TOKEN.id]
        session.add(preflight.NO_TOKEN)
        session.prefetch([session.cases[name] for name in context_cases])
        fresh = {name: session.ask(session.cases[name]).timing.fresh for name in context_cases}
        again = session.send("none", preflight.NO_TOKEN.request, impossible(0, "x", 1))
        other = session.send("bearer", Draft(body=ONE.body, caller="scheme:bearer"), impossible(0, "y", 1))

    assert fresh[preflight.NO_TOKEN.id]
    assert again.timing.fresh
    assert other.timing.fresh
    assert other.status == 202


# ----------------------------------------------------------------------------------------------------------------- ids


PENDING = [f"{number:032x}" for number in range(0xA000, 0xA000 + 40)]


def probed(folder, target, access_requests, **options):
    return opened(target.script, folder, {"access_requests": access_requests} if access_requests else None, **options)


def judge_everything(session, names):
    session.prefetch([session.cases[name] for name in names])
    return {name: session.judge(session.cases[name]) for name in names}


NAMES = [
    "accepted/one-id", "accepted/full", "accepted/three-ids", "ids/2", "message/1-ascii", "executionStatus/Completed", "ids/missing",
    "executionStatus/near-empty", "items/number-0/last", "ids/501", "executionStatus/alone-lower", "ids/10", "auth/missing",
]  # fmt: skip


def test_unknown_ids_are_used_where_the_target_takes_them(tmp_path):
    target = SmallTarget()
    with probed(tmp_path, target, {"pending": PENDING, "may_close": True}) as (session, *_):
        preflight.probe(session)
        judge_everything(session, NAMES)

    assert session.ids.source is Source.UNKNOWN
    assert target.named.isdisjoint(PENDING)


def test_supplied_ids_are_used_where_unknown_ones_are_refused_and_never_twice(tmp_path):
    target = SmallTarget(known=set(PENDING))
    with probed(tmp_path, target, {"pending": PENDING, "may_close": True}, concurrency="4") as (session, *_):
        preflight.probe(session)
        judged = judge_everything(session, NAMES)

    closed = [one for body in target.accepted for one in body["accessRequestIds"]]
    assert session.ids.source is Source.SUPPLIED
    assert len(closed) == len(set(closed))
    assert {name: one.outcome for name, one in judged.items() if name != "ids/501"} == dict.fromkeys(
        [name for name in NAMES if name != "ids/501"], Outcome.HELD
    )
    assert judged["ids/501"].outcome is Outcome.UNTESTED
    assert judged["ids/501"].supply == "access_requests.pending"


def test_every_request_that_was_closed_is_recorded(tmp_path):
    target = SmallTarget(known=set(PENDING))
    with probed(tmp_path, target, {"pending": PENDING, "may_close": True}) as (session, context, _):
        preflight.probe(session)
        judge_everything(session, NAMES)

    recorded = [one for line in read(context.folder).closed for one in line.ids]
    assert sorted(recorded) == sorted(one for body in target.accepted for one in body["accessRequestIds"])


@pytest.mark.parametrize("given", [None, {"pending": PENDING}, {"pending": PENDING, "may_close": False}, {"may_close": True}])
def test_without_consent_or_ids_acceptance_is_untested_and_no_pending_id_is_sent(tmp_path, given):
    target = SmallTarget(known=set(PENDING))
    with probed(tmp_path, target, given) as (session, *_):
        preflight.probe(session)
        judged = judge_everything(session, NAMES)

    assert session.ids.source is Source.NONE
    assert target.named.isdisjoint(PENDING)
    assert target.accepted == []
    assert judged["accepted/one-id"].outcome is Outcome.UNTESTED
    assert "access_requests" in judged["accepted/one-id"].supply
    assert Outcome.BROKEN not in {one.outcome for one in session.evidence}


def test_safe_overrules_consent(tmp_path):
    target = SmallTarget(known=set(PENDING))
    with probed(tmp_path, target, {"pending": PENDING, "may_close": True}, safe=True) as (session, *_):
        preflight.probe(session)
        judge_everything(session, NAMES)

    assert target.named.isdisjoint(PENDING)


def test_a_target_that_refuses_known_ids_too_is_a_finding(tmp_path):
    target = SmallTarget(known=set())
    with probed(tmp_path, target, {"pending": PENDING, "may_close": True}) as (session, *_):
        preflight.probe(session)
        evidence = session.judge(session.cases[base_cases.ONE_ID])

    assert evidence.outcome is Outcome.BROKEN


def test_unknown_ids_are_a_function_of_seed_and_case(tmp_path):
    assert impossible(1, "a", 3) == impossible(1, "a", 3)
    assert impossible(1, "a", 3)[:2] == impossible(1, "a", 2)
    assert len({*impossible(1, "a", 500), *impossible(2, "a", 500), *impossible(1, "b", 500)}) == 1500
    assert all(len(one) == 32 and set(one) <= set("0123456789abcdef") for one in impossible(0, "x", 50))


# ------------------------------------------------------------------------------------------------------- what is sent


def test_every_request_has_the_fields_that_the_contract_names(tmp_path):
    with opened(SmallTarget().script, tmp_path, {"headers": {"X-Tenant": "acme"}}) as (session, _, server):
        session.send("one", ONE, impossible(0, "x", 1))
        names = [line.split(b":")[0].decode() for line in server.requests[0].split(b"\r\n\r\n")[0].split(b"\r\n")[1:]]

    assert names == ["Host", "User-Agent", "Accept", "Content-Type", "Content-Length", "X-Tenant", "Authorization"]


# ----------------------------------------------------------------------------------------------------------- secrets


class Echo(SmallTarget):
    """Says back whatever it was sent as authorization: in bodies, fields and the reason phrase."""

    def answer(self, method, fields, body, number):
        told = fields.get("authorization", "nothing")
        if b'"message": "a"' in body:
            return answer(f"500 {told}", told.encode())
        plain = super().answer(method, fields, body, number)
        head, _, rest = plain.partition(b"\r\n\r\n")
        status = head.split(b"\r\n")[0].split(b" ", 1)[1].decode()
        encoded = base64.b64encode(f"x{told}".encode()).decode()
        document = json.loads(rest)
        document.update({"said": told, "encoded": encoded, "nested": [told.split(" ")[-1]], "detailCode": told})
        if "messages" in document:
            document["messages"][0]["text"] = f"{told} is not welcome"
        body = json.dumps(document).encode()
        return answer(f"{status} {told}", body, f"X-Echo: {told}", f"X-Coded: {encoded}", f"WWW-Authenticate: Bearer realm={told}")


SECRETS = ["working-token-of-the-tests", "hidden-token-of-the-user", "hidden-token-expired-long"]


def test_a_target_that_says_secrets_back_gets_none_into_the_run_or_a_listener(tmp_path):
    from closecheck.reports import write_all

    given = {"credentials": {name: {"token": one} for name, one in zip(("authorized", "unprivileged", "expired"), SECRETS, strict=True)}}
    heard = []
    with opened(Echo().script, tmp_path, given) as (session, context, _):
        session.on_evidence.append(heard.append)
        preflight.probe(session)
        heard += [session.judge(session.cases[name]) for name in NAMES]
        for caller in ("unprivileged", "expired", "forged:altered", "scheme:Token"):
            session.send(f"as/{caller}", Draft(body=ONE.body, caller=caller), impossible(0, caller, 1))
        session.send("query", Draft(body=ONE.body, caller="none", query="access_token={token}"), impossible(0, "q", 1))
    write_all(read(context.folder), context.folder)

    for file in context.folder.iterdir():
        data = file.read_bytes()
        for secret in SECRETS:
            assert secret.encode() not in data, file.name
            for shift in range(3):
                assert base64.b64encode(b"x" * shift + secret.encode())[4:28] not in data, file.name
    assert Outcome.BROKEN in {one.outcome for one in heard}
    assert not [one for one in heard for secret in SECRETS if secret in repr(one)], "the terminal is told a secret"


def test_the_reason_for_stopping_shows_no_secret(tmp_path):
    class Refuses(Echo):
        def __init__(self):
            super().__init__(token="another")

    with opened(Refuses().script, tmp_path) as (_, context, _), pytest.raises(NothingToJudge) as stopped:
        context.begin()

    assert "401" in str(stopped.value)
    assert SECRETS[0] not in str(stopped.value)


# --------------------------------------------------------------------------------------------------- how long a body may be


@pytest.mark.parametrize("limit", [5_000, 8_192, 16_384])
def test_the_length_from_which_bodies_are_refused_is_found_by_halving_and_told(tmp_path, limit):
    target = SmallTarget()

    def script(peer):
        while request := peer.request():
            body = request.partition(b"\r\n\r\n")[2]
            peer.send(answer("403 Forbidden", b"{}") if len(body) > limit else target(request))

    with opened(script, tmp_path) as (session, _, server):
        session.ask(session.cases["accepted/one-id"])
        before = len(server.requests)
        said = [session.judge(session.cases[name]) for name in ("ids/500", "ids/499")]
        sizes = [len(one.partition(b"\r\n\r\n")[2]) for one in server.requests[before:]]

    accepted, refused = max(size for size in sizes if size <= limit), min(size for size in sizes if size > limit)
    assert [one.outcome for one in said] == [Outcome.BROKEN] * 2
    assert all(f"up to {accepted:,} bytes are accepted, from {refused:,} on they are answered 403" in one.finding.got for one in said)
    assert refused - accepted <= 16
    assert len(sizes) < 40


def test_a_count_that_is_refused_for_itself_is_not_blamed_on_the_length_of_the_body(tmp_path):
    target = SmallTarget()

    def script(peer):
        while request := peer.request():
            peer.send(error("400 Bad Request", "too many", peer.requests) if request.count(b'", "') > 400 else target(request))

    with opened(script, tmp_path) as (session, *_):
        session.ask(session.cases["accepted/one-id"])
        said = session.judge(session.cases["ids/500"])

    assert said.outcome is Outcome.BROKEN
    assert "bytes" not in said.finding.got
