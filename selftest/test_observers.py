"""Documents of the APIs around the operation are read tolerantly, and a listener takes what comes."""

import concurrent.futures
import http.client
import json
import socket

import pytest

from closecheck.lifecycle.documents import Mentions, audit, keys_of, moment, sight, texts, tie, tracking_numbers
from closecheck.lifecycle.listener import Listener
from closecheck.lifecycle.observers import MOST_PAGES, PageSize, Walk, name_of
from closecheck.lifecycle.watch import Watch
from closecheck.model import Failure, FailureKind, Response

A, B, C = "2c90ad2a70ace7d50170acf22ca90010", "2c90ad2a70ace7d50170acf22ca90011", "7f1d8c8e-2ad5-4c1e-9d0c-2f5f0a4c7a10"
IDS = Mentions([A, B, C])


def activity(**members):
    return {"id": A, "name": A, "executionStatus": "EXECUTING", "completionStatus": "PENDING", "warnings": None, **members}


def document(**members):
    return {"id": A, "trackingNumber": A, "stage": "Executing", "status": "Pending", "warnings": [], **members}


# ---------------------------------------------------------------------------------------------------------------- states


@pytest.mark.parametrize(
    ("found", "pending"),
    [
        (activity(), True),
        (activity(completionStatus=None), True),
        (activity(executionStatus="VERIFYING", completionStatus=None), True),
        (activity(executionStatus="TERMINATED", completionStatus="PENDING"), True),
        (activity(executionStatus="TERMINATED", completionStatus="FAILURE"), False),
        (activity(executionStatus="COMPLETED", completionStatus=None), False),
        (document(), True),
        (document(stage="completed", status="complete"), False),
        (document(stage="Terminated", status="FAILED"), False),
        (document(stage=None, status="In Progress"), True),
        ({"id": A}, None),
        (document(stage="Odd", status="Odder"), None),
    ],
)
def test_a_document_tells_whether_its_request_is_pending(found, pending):
    assert sight(found).pending is pending


@pytest.mark.parametrize(
    ("found", "member", "asked", "shows"),
    [
        (activity(executionStatus="TERMINATED"), "executionStatus", "Terminated", True),
        (activity(executionStatus="COMPLETED"), "executionStatus", "Terminated", False),
        (activity(executionStatus="CLOSED"), "executionStatus", "Terminated", False),
        (activity(completionStatus=None), "completionStatus", "Failure", False),
        (activity(completionStatus="COMPLETE"), "completionStatus", "Success", False),
        (document(status="Complete"), "completionStatus", "Success", True),
        (document(status="SUCCESS"), "completionStatus", "Success", True),
        (document(status="failed"), "completionStatus", "Failure", True),
        (document(status="Failure"), "completionStatus", "Incomplete", False),
        (document(status="Terminated"), "completionStatus", "Incomplete", False),
        (document(status="Partly done"), "completionStatus", "Incomplete", None),
        (document(stage="terminated"), "executionStatus", "Terminated", True),
    ],
)
def test_a_status_is_compared_without_case(found, member, asked, shows):
    assert sight(found).shows(member, asked) is shows


MESSAGE = 'cc-1 <b>"two\nlines"</b>  '


@pytest.mark.parametrize(
    ("warnings", "shows"),
    [
        ([MESSAGE], True),
        (["an older one", MESSAGE], True),
        ([{"severity": "WARN", "text": MESSAGE}], True),
        ("an older one\n" + MESSAGE, True),
        ([MESSAGE.strip()], False),
        ([MESSAGE[:10]], False),
        (["cc-1 &lt;b&gt;&quot;two\nlines&quot;&lt;/b&gt;  "], False),
        ([], False),
        (None, False),
    ],
)
def test_the_message_is_a_whole_warning(warnings, shows):
    assert sight(activity(warnings=warnings)).shows("message", MESSAGE) is shows


def test_a_search_document_without_warnings_tells_nothing_of_messages():
    found = document()
    del found["warnings"]

    assert sight(found).shows("message", "x") is None


def test_a_request_is_known_by_id_tracking_number_and_name():
    assert keys_of({"id": "1", "trackingNumber": "2", "name": "3"}) == {"1", "2", "3"}
    assert keys_of({"id": None, "name": 7}) == set()


# ------------------------------------------------------------------------------------------------------- ids in documents


@pytest.mark.parametrize(
    "attributes",
    [
        {"errors": [A, C]},
        {"errors": f"{A},{C}"},
        {"info": f"1 closed. Finished in error: {A.upper()}, {C}."},
        {"failed": [{"id": A, "reason": "unknown"}, {"id": C, "reason": "unknown"}]},
        {"failed": {A: "unknown", C: "unknown"}},
        {"results": [{"id": A, "status": "ERROR"}, {"id": B, "status": "CLOSED"}, {"id": C, "status": "ERROR"}]},
        {"deep": {"er": {"list": json.dumps([A, C])}}},
    ],
)
def test_some_place_names_exactly_the_failed_ids(attributes):
    places = IDS.places({"attributes": {"accessRequestIds": [A, B, C], **attributes}})

    assert frozenset({A, C}) in places.values()


@pytest.mark.parametrize(
    "attributes",
    [
        {"errors": [A, B, C]},
        {"errors": f"{A},{B},{C}"},
        {"errors": [{"id": A, "index": 0}, {"id": B, "index": 1}, {"id": C, "index": 2}]},
        {"errors": {A: "x", B: "y", C: "z"}},
        {"errors": []},
    ],
)
def test_no_place_names_one_id_where_all_or_none_are_listed(attributes):
    places = IDS.places({"attributes": attributes})

    assert frozenset({A}) not in places.values()


def test_an_id_within_a_longer_word_is_not_mentioned():
    assert Mentions(["12"]).within("123 x12 12-3 (12)") == {"12"}
    assert Mentions(["12"]).within("123 x12 12-3") == set()
    assert Mentions(["a b/c"]).within("failed: A B/C.") == {"a b/c"}


def test_every_text_is_found():
    assert list(texts({"a": ["b", {"c": 1}], "d": None})) == ["a", "b", "c", "d"]


# ------------------------------------------------------------------------------------------------------ audits and events


def test_audits_are_told_by_their_names_in_any_case():
    started = audit({"id": "1", "name": "close identity requests STARTED", "created": "2026-01-02T03:04:05Z"})

    assert (started.started, started.completed) == (True, False)
    assert audit({"name": "Close Identity Requests Completed"}).completed
    assert not audit({"name": "Close Identity Requests"}).started


def test_times_are_read_with_and_without_an_offset():
    assert moment("2026-01-02T03:04:05.678Z") == moment("2026-01-02T04:04:05.678+01:00") == moment("2026-01-02T03:04:05.678")
    assert moment("yesterday") is None
    assert moment(5) is None


@pytest.mark.parametrize(
    "payload",
    [
        {"trackingNumber": A, "accountRequests": [{"trackingNumber": B}], "_metadata": {}},
        [{"trackingNumber": A}],
        {"events": [{"trackingNumber": A}]},
        {"specversion": "1.0", "data": {"trackingNumber": A}},
    ],
)
def test_tracking_numbers_of_events_batches_and_envelopes(payload):
    assert tracking_numbers(payload) == [A]


def audits(name, *documents):
    return [audit({"id": f"{name} {number}", "name": f"Close Identity Requests {name}", **one}) for number, one in enumerate(documents)]


@pytest.mark.parametrize(
    "members",
    [
        lambda value: {"trackingNumber": value},
        lambda value: {"trackingNumber": None, "attributes": {"job": {"id": f"job-{value}"}}},
        lambda value: {"trackingNumber": "the same for all", "attributes": {"request": value}},
    ],
)
def test_what_starts_and_completes_is_tied_by_what_the_two_share(members):
    started = audits("Started", members("a"), members("b"), members("c"))
    completed = audits("Completed", members("c"), members("a"))

    value = tie(started, completed)

    assert {value(one) for one in started} - {value(one) for one in completed} == {value(started[1])}


@pytest.mark.parametrize(
    "members",
    [
        lambda value, step: {"trackingNumber": f"{value} {step}"},
        lambda value, step: {"trackingNumber": "the same for all"},
        lambda value, step: {"created": f"2026-01-02T03:04:0{value}Z"},
        lambda value, step: {"attributes": {"list": [value]}},
    ],
)
def test_audits_that_share_nothing_of_their_own_are_not_tied(members):
    started, completed = (audits(step, *(members(value, step) for value in range(4))) for step in ("Started", "Completed"))

    assert tie(started, completed) is None


class Answer:
    def __init__(self, limit, failure=None, status=200, spoiled=""):
        self.limit, self.failure, self.status = limit, failure, status
        self.response = Response(status, "", "HTTP/1.1", (), spoiled=spoiled)


@pytest.mark.parametrize(("fits", "asked"), [(250, [250]), (40, [250, 125, 62, 31]), (1, [250, 125, 62, 31, 15, 7, 3, 1])])
def test_a_page_that_is_too_large_is_asked_for_in_halves(fits, asked):
    limits = []

    def ask(limit):
        limits.append(limit)
        return Answer(limit, None if limit <= fits else Failure(FailureKind.ENDLESS, "the answer went on beyond 16 MB"))

    size = PageSize()

    assert size.fitting(ask).limit == asked[-1]
    assert limits == asked
    assert size.fitting(ask).limit == asked[-1]
    assert limits == [*asked, asked[-1]]


def test_a_page_that_is_too_large_once_its_coding_is_undone_is_asked_for_in_halves():
    size = PageSize()

    assert size.fitting(lambda limit: Answer(limit, spoiled="" if limit <= 40 else "it goes on beyond 16 MB")).limit == 31


def test_what_is_refused_whatever_its_size_is_asked_for_whole_the_next_time():
    limits = []

    def ask(limit):
        limits.append(limit)
        return Answer(limit, status=500)

    size = PageSize()
    assert [size.fitting(ask).status, size.fitting(ask).status] == [500, 500]
    assert limits.count(250) == 2


# ------------------------------------------------------------------------------------------------------------- listener


@pytest.fixture
def listener():
    listener = Listener("127.0.0.1", 0, lambda: 1.5)
    yield listener
    listener.close()
    listener.close()


def post(port, count=1, **how):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for number in range(count):
        body = json.dumps({"trackingNumber": str(number)}).encode()
        connection.request("POST", "/events", iter([body]) if how.get("chunked") else body, encode_chunked=bool(how.get("chunked")))
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_the_listener_keeps_what_comes_with_its_time(listener, chunked):
    post(listener.port, 3, chunked=chunked)

    assert listener.received == [(1.5, {"trackingNumber": str(number)}) for number in range(3)]


def test_the_listener_takes_a_hundred_senders_at_once(listener):
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        list(pool.map(lambda _: post(listener.port), range(100)))

    assert len(listener.received) == 100


def test_the_listener_survives_nonsense(listener):
    with socket.create_connection(("127.0.0.1", listener.port)) as stranger:
        stranger.sendall(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nno")
    with socket.create_connection(("127.0.0.1", listener.port)) as stranger:
        stranger.sendall(b"POST / HTTP/1.1\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope")
        assert stranger.recv(100).startswith(b"HTTP/1.1 200")
    post(listener.port)

    assert [payload for _, payload in listener.received if "trackingNumber" in payload] == [{"trackingNumber": "0"}]


# ------------------------------------------------------------------------------------------------------ walks and watches


def test_a_walk_ends_where_nothing_new_comes():
    pages = {0: [{"id": "1"}, {"id": "2"}], 2: [{"id": "3"}]}
    walk = Walk(lambda offset: pages.get(offset, []))

    assert list(walk) == [pages[0], pages[2]]
    assert not walk.cut


def test_a_walk_that_is_always_shown_the_same_page_ends():
    assert list(Walk(lambda offset: [{"id": "1"}])) == [[{"id": "1"}]]


def test_a_walk_without_an_end_is_cut():
    walk = Walk(lambda offset: [{"id": str(offset)}])

    assert len(list(walk)) == MOST_PAGES
    assert walk.cut


class Seeing:
    name = "a database"

    def __init__(self, *documents):
        self.documents = documents

    def requests(self, ids):
        yield from self.documents


def test_a_watch_tells_what_was_changed_vanished_and_never_named():
    observer = Seeing(activity(), activity(id="x", name=B), activity(id=C, name=C, warnings=["cc-run-007 text"]))
    watch = Watch([observer], [A, B], "cc-run")
    watch.look([A, B])
    watch.remember([A, B])
    observer.documents = (activity(completionStatus="FAILURE"),)
    watch.look([A, B])

    assert name_of(observer) == "a database"
    assert watch.before["a database"][A].pending
    assert not watch.now["a database"][A].pending
    assert watch.missing["a database"] == {B}
    assert list(watch.strangers) == [C]
    assert watch.aliases(B) == {"x", B}
