"""The fast path says of every answer what judging in full says, and counts the same."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from closecheck.contract.cases import Draft, Raw
from closecheck.http.answer import head_of
from closecheck.judging.checks import Clauses
from closecheck.judging.exchange import Exchange
from closecheck.model import Request, Response, Timing

DOCUMENTED = frozenset({202, 400, 401, 403, 429, 500})
DRAFT = Draft(body=Raw(b""))
LEAK = "/home/jane/x.py"
BODIES = (b'{"accessRequestIds":["2c90ad2a70ace7d50170acf22ca90010"]}', f'{{"message":"{LEAK} SELECT a FROM b"}}'.encode(), b"x" * 70_000)
PLAIN_FIELDS = ((b"content-type", b"application/json"),)


def written(document):
    return json.dumps(document).encode()


MESSAGE = st.fixed_dictionaries(
    {
        "locale": st.sampled_from(["en-US", "en-us"]),
        "localeOrigin": st.sampled_from(["DEFAULT", "SERVER"]),
        "text": st.sampled_from(["One.", "Two."]),
    }
)
PROBLEM = st.fixed_dictionaries(
    {"detailCode": st.just("400"), "trackingId": st.uuids().map(str), "messages": st.lists(MESSAGE, min_size=1, max_size=2)},
    optional={"causes": st.lists(MESSAGE, max_size=1)},
)
"""An error that keeps every clause, as a rule."""
ODDITIES = st.sampled_from(
    [
        None,
        7,
        "",
        "e1",
        "en_US",
        "und",
        "x",
        "de",
        "REQUEST",
        LEAK,
        "SQLSTATE",
        "SELECT a FROM b",
        "\ud800",
        [],
        {},
        [None],
        [{}],
        ["x"],
        {"": LEAK},
        "0" * 32,
    ]
)


@st.composite
def spoilt(draw):
    """Return an error with one member added, removed or set to something odd, at any depth."""
    document = draw(PROBLEM)
    places = [document, *document["messages"], *document.get("causes", ())]
    place = draw(st.sampled_from(places))
    name = draw(st.sampled_from([*place, "more", "causes"]))
    if name in place and draw(st.booleans()):
        del place[name]
    else:
        place[name] = draw(ODDITIES)
    return document


def twice(document):
    """Write one with members that are there twice: the last counts."""
    return b'{"trackingId":"0","messages":[],' + written(document)[1:]


def problem(number, **members):
    message = {"locale": "en-US", "localeOrigin": "DEFAULT", "text": "It is wrong."}
    return written({"detailCode": "400", "trackingId": f"{number:032x}", "messages": [message], "causes": [], **members})


def said(**members):
    return [{"locale": "en-US", "localeOrigin": "DEFAULT", "text": "It is wrong.", **members}]


ERRORS = st.one_of(PROBLEM.map(written), spoilt().map(written), st.one_of(PROBLEM, spoilt()).map(twice))
DOCUMENTS = st.sampled_from(
    [b"", b" ", b"{}", b'{"id":"x"}', b'{"error":"no"}', b'{"message":""}', b"[]", b"null", b'"x"', b"{}x", b"\xef\xbb\xbf{}", b'{"a":1e999}',
     b'{"a":' + b"9" * 400 + b"}", b'{"a":"\xff"}', b'{"a":"\\ud800"}', b'{"a":NaN}', b"[" * 5000, b'{"a":{}} ', b'{"a":\x00}', b"nul"]
)  # fmt: skip
FIELDS = st.sampled_from(
    [(), ((b"Content-Type", b"text/html"),), ((b"content-type", b"application/json; charset=utf-8"),), (*PLAIN_FIELDS, *PLAIN_FIELDS),
     (*PLAIN_FIELDS, (b"x-request-id", b"17"))]
)  # fmt: skip


def exchange(number, status, fields, body, sent):
    headers = tuple((name.decode(), value.decode()) for name, value in fields)
    return Exchange(number, "one", DRAFT, Request("POST", "/", (), sent), Timing(0, 0), Response(status, "", "1.1", headers, body))


def quickly(clauses, number, status, fields, body, sent):
    """Judge as an exploration does."""
    look = head_of(status, "1.1", list(fields))
    if clauses.hold(look, status, body, number):
        return []
    return list(clauses.judge(exchange(number, status, fields, body, sent), look))


@example([(400, problem(1, messages=said(localeOrigin=LEAK)), BODIES[1]), (400, problem(2, messages=said(localeOrigin=LEAK)), b"")])
@example([(400, problem(1), b""), (400, problem(2, messages=said(more="x")), b""), (400, problem(3, messages=said(more=LEAK)), b"")])
@example([(400, problem(1), b""), (400, problem(2, causes=said()), b""), (400, problem(3, causes=said()), b"")])
@example([(400, problem(1, causes=said()), b""), (400, problem(2, causes=said(text=LEAK)), b"")])
@example([(400, problem(1), b""), (400, problem(2, trackingId=LEAK), b"")])
@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from([400, 403, 413]), ERRORS, st.sampled_from(BODIES)), min_size=2, max_size=8))
def test_errors_are_judged_by_the_fast_path_as_they_are_in_full(answers):
    both([(status, PLAIN_FIELDS, body, sent) for status, body, sent in answers])


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from([202, 400]), DOCUMENTS), min_size=2, max_size=6))
def test_other_documents_are_judged_by_the_fast_path_as_they_are_in_full(answers):
    both([(status, PLAIN_FIELDS, body, b"") for status, body in answers])


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from([200, 202, 400, 401, 403, 413, 422, 429, 500, 502]), FIELDS, ERRORS | DOCUMENTS, st.sampled_from(BODIES)),
        min_size=2,
        max_size=8,
    )
)
def test_all_answers_are_judged_by_the_fast_path_as_they_are_in_full(answers):
    both(answers)


def both(answers):
    """Judge answers twice, and compare all that comes of it."""
    full, quick = Clauses(DOCUMENTED), Clauses(DOCUMENTED)
    for number, (status, fields, body, sent) in enumerate(answers, 1):
        assert quickly(quick, number, status, fields, body, sent) == list(full.judge(exchange(number, status, fields, body, sent)))
        assert quick.tallies() == full.tallies()
    assert vars(quick.languages) == vars(full.languages)
    assert all(quick.held(one.requirement) == one.exchanges for one in full.tallies())


@pytest.mark.parametrize(("status", "body"), [(400, problem), (403, problem), (202, lambda number: written({"id": number}))])
def test_the_like_of_an_answer_that_held_is_not_judged_in_full_again(status, body):
    clauses = Clauses(DOCUMENTED)
    look = head_of(status, "1.1", list(PLAIN_FIELDS))
    assert not clauses.hold(look, status, body(1), 1)
    assert list(clauses.judge(exchange(1, status, PLAIN_FIELDS, body(1), b""), look)) == []
    assert clauses.hold(look, status, body(2), 2)
    assert not clauses.hold(head_of(status, "1.1", [(b"content-type", b"text/html")]), status, body(3), 3)
    assert not clauses.hold(look, status, b"[]", 4)


@pytest.mark.parametrize(
    "members",
    [
        {"trackingId": f"{1:032x}"}, {"detailCode": "SQLSTATE"}, {"trackingId": "/home/jane/x"}, {"causes": None}, {"more": "/home/jane/x"}, {"messages": []},
        {"messages": [{"locale": "de", "localeOrigin": "DEFAULT", "text": ""}]}, {"messages": [{"locale": "en-US", "localeOrigin": "REQUEST", "text": ""}]},
    ],
    ids=str,
)  # fmt: skip
def test_what_breaks_a_clause_never_holds_by_the_fast_path(members):
    clauses = Clauses(DOCUMENTED)
    look = head_of(400, "1.1", list(PLAIN_FIELDS))
    assert list(clauses.judge(exchange(1, 400, PLAIN_FIELDS, problem(1), b""), look)) == []
    assert not clauses.hold(look, 400, problem(2, **members), 2)
    assert list(clauses.judge(exchange(2, 400, PLAIN_FIELDS, problem(2, **members), b""), look))


LOOK = head_of(400, "1.1", list(PLAIN_FIELDS))


def learnt(clauses, number, look=LOOK, draft=DRAFT, provoked="", asked=(), **members):
    """Judge an error in full and tell whether an equivalent one holds by the fast path."""
    one = exchange(number, 400, PLAIN_FIELDS, problem(number, **members), b"")
    one = Exchange(number, "one", draft, Request(draft.method, "/", asked, b""), one.timing, one.response, provoked=provoked)
    assert list(clauses.judge(one, look)) == []
    return clauses.hold(look, 400, problem(number + 1000, **members), number + 1000)


@pytest.mark.parametrize(
    "how",
    [
        {"draft": Draft(method="GET", provokes="method")}, {"draft": Draft(provokes="size")}, {"provoked": "internal_error"},
        {"draft": Draft(provokes="framing"), "provoked": "internal_error"}, {"asked": (("Accept-Language", "en"),)},
    ],
    ids=str,
)  # fmt: skip
def test_nothing_is_learnt_where_more_than_the_answer_counts(how):
    assert not learnt(Clauses(DOCUMENTED), 1, **how)


def test_several_kinds_are_known_beside_each_other_up_to_a_number_and_none_is_lost_in_counting(monkeypatch):
    monkeypatch.setattr("closecheck.judging.checks.fast_path._MOST_KNOWN", 2)
    clauses = Clauses(DOCUMENTED)
    looks = ["one", "two", "three"]

    assert all(learnt(clauses, number, look) for number, look in enumerate(looks[:2], 1))
    assert clauses.hold(looks[0], 400, problem(20), 20)
    assert learnt(clauses, 3, looks[2])
    assert not any(clauses.hold(look, 400, problem(30), 30) for look in looks[:2])
    assert clauses.hold(looks[2], 400, problem(31), 31)
    assert clauses.held("CAR-ERROR-OBJECT") == 3 + 5


def test_a_text_is_searched_once_and_no_more_than_a_number_are_kept(monkeypatch):
    searched = []
    monkeypatch.setattr("closecheck.judging.checks.fast_path.betrays", searched.append)
    monkeypatch.setattr("closecheck.judging.checks.fast_path._MOST_KNOWN", 2)
    clauses = Clauses(DOCUMENTED)
    for number, text in enumerate(["One.", "Two.", "One.", "Three.", "One."], 1):
        learnt(clauses, number, detailCode=text, messages=said(text=text))

    assert [text for text in searched if text not in {"en-US", "DEFAULT"}] == ["One.", "Two.", "Three.", "One."]
