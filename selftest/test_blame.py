"""Whom the answer to a case speaks against: each rule alone, their order, and what their words may say."""

import dataclasses
import itertools

import msgspec
import pytest

from closecheck.contract import base_cases
from closecheck.contract.cases import ACCEPTED, REFUSED, Case, Draft, Expectation, Ids
from closecheck.judging import blame
from closecheck.judging.blame import Decision, Look, Mended, Question, Situation, Target
from closecheck.judging.exchange import Exchange
from closecheck.model import Failure, FailureKind, Finding, Outcome, Request, Response, Timing

HELD, BROKEN, UNTESTED, ERROR = Outcome.HELD, Outcome.BROKEN, Outcome.UNTESTED, Outcome.ERROR
NUMBERS = itertools.count(1)
MINIMAL = Draft(body={"accessRequestIds": Ids(1)})
WRONG = Case("ids/0", "", Draft(body={"accessRequestIds": []}), "CAR-IDS-MIN", expect=REFUSED, base=base_cases.ONE_ID, change="no id")
VALID = Case("message/x", "", Draft(body={"accessRequestIds": Ids(1), "message": "x"}), "CAR-MESSAGE-TEXT", expect=ACCEPTED)
SEVERAL = msgspec.structs.replace(WRONG, requirement="CAR-ERROR-OBJECT")
CODED = msgspec.structs.replace(WRONG, requirement="CAR-OP-CODING")
TOLERANT = msgspec.structs.replace(WRONG, tolerant=True)
PAGE = b"<html></html>"


def answered(status, body=b"{}", *fields, request=MINIMAL, media_type="application/json", long=False):
    headers = (("X-Long", "x" * 5000),) if long else ()
    response = Response(status, "", "1.1", (("Content-Type", media_type), *fields), body) if status else None
    failure = None if status else Failure(FailureKind.TIMEOUT, "at once")
    return Exchange(next(NUMBERS), "case", request, Request("POST", "/", headers, b"{}"), Timing(0, 0), response, failure)


def at(case, exchange, answers=None, **target):
    return Situation(case, exchange, None, Target(**target), answers or {})


NO = {Question.MEMBER: None, Question.IDS: False, Question.TWIN: None}
"""Further requests explain nothing."""


def decided(case, exchange, answers=None, **target):
    said = blame.decide(at(case, exchange, NO if answers is None else answers, **target))
    assert isinstance(said, Decision)
    return said


# ------------------------------------------------------------------------------------------------------------- the rules


def test_a_base_that_is_not_accepted_leaves_its_edits_untested():
    assert blame.base_refused(WRONG, answered(202), VALID) is None
    assert (
        blame.base_refused(WRONG, answered(400), VALID).reason == f"the request that it edits ({base_cases.ONE_ID}) was itself answered 400"
    )
    assert blame.base_refused(WRONG, answered(0), VALID).reason.endswith("was itself answered not at all")
    assert blame.base_refused(WRONG, answered(411), VALID) is not None


IN_CHUNKS = msgspec.structs.replace(VALID, expect=ACCEPTED.also(411, 400))


def test_what_edits_a_request_that_is_lawfully_refused_for_how_it_travels_may_be_refused_so_too():
    edit = msgspec.structs.replace(WRONG, expect=REFUSED.also(411))
    assert blame.base_refused(edit, answered(411), IN_CHUNKS) is None
    assert blame.base_refused(edit, answered(400), IN_CHUNKS) is not None

    def told(status, base):
        return blame.decide(Situation(edit, answered(status), answered(base), answers=NO))

    assert told(411, 411) == Decision(HELD)
    assert told(202, 411).reason == f"the request that it edits ({base_cases.ONE_ID}) was itself answered 411"
    assert told(202, 202).outcome is BROKEN


@pytest.mark.parametrize(("case", "status"), [(WRONG, 400), (VALID, 202)])
def test_a_right_status_holds_without_a_note(case, status):
    assert decided(case, answered(status)) == Decision(HELD)


def test_an_expired_token_is_nobodys_fault():
    said = decided(VALID, answered(401), expired=True)

    assert (said.outcome, said.supply) == (ERROR, "credentials.authorized")
    assert decided(VALID, answered(401)).outcome is BROKEN
    assert decided(VALID, answered(403), expired=True).outcome is BROKEN
    nobody = msgspec.structs.replace(VALID, request=msgspec.structs.replace(VALID.request, caller="none"))
    assert decided(nobody, answered(401), expired=True).outcome is BROKEN


@pytest.mark.parametrize("status", [400, 413, 414, 431])
def test_a_long_token_may_meet_the_limit_of_a_server(status):
    assert "header section longer" in decided(VALID, answered(status, long=True)).reason
    assert decided(VALID, answered(status)).outcome is BROKEN


def test_a_long_token_excuses_no_other_status_and_no_request_that_means_to_be_long():
    long = Draft(body={}, provokes="size")

    assert decided(VALID, answered(403, long=True)).outcome is BROKEN
    assert decided(msgspec.structs.replace(VALID, request=long), answered(413, long=True, request=long)).outcome is BROKEN


def test_the_coding_is_judged_of_answers_in_order_only():
    assert decided(CODED, answered(422)).reason == "answered 422: only the coding of answers in order is judged"
    assert decided(CODED, answered(422), refusal=422).outcome is HELD


def test_no_answer_is_judged_elsewhere():
    assert decided(WRONG, answered(0)).reason == "not answered: judged under CAR-OP-ANSWERS"


@pytest.mark.parametrize(
    ("status", "judged"), [(422, "CAR-OP-STATUS"), (404, "CAR-OP-STATUS"), (302, "CAR-OP-STATUS"), (500, "CAR-OP-NO-500")]
)
def test_a_refusal_in_the_targets_own_manner_holds_but_for_the_status(status, judged):
    said = decided(WRONG, answered(status), refusal=status)

    assert (said.outcome, said.finding) == (HELD, None)
    assert (
        said.reason
        == f"held but for the status: refused with {status}, as this target refuses every invalid body, which is judged under {judged}"
    )


def test_the_manner_excuses_no_other_status_and_no_refusal_of_what_is_valid():
    assert decided(WRONG, answered(409), refusal=422).outcome is BROKEN
    assert decided(VALID, answered(422), refusal=422).outcome is BROKEN
    assert decided(WRONG, answered(202), refusal=422).outcome is BROKEN


def test_an_answer_that_is_no_refusal_by_its_status_holds_nothing():
    said = decided(WRONG, answered(200), refusal=200)

    assert (said.outcome, said.reason) == (
        UNTESTED,
        "answered with 200, as this target refuses every invalid body: judged under CAR-OP-STATUS",
    )


@pytest.mark.parametrize("status", [401, 403])
def test_a_status_that_is_documented_for_callers_breaks_each_clause_by_one_cause(status):
    said = decided(WRONG, answered(status), refusal=status)

    assert said.outcome is BROKEN
    assert said.finding.cause.startswith("this target refuses every invalid body as ")
    assert decided(WRONG, answered(status)).finding.cause == ""
    assert decided(VALID, answered(status), refusal=status).finding.cause == ""


@pytest.mark.parametrize("case", [TOLERANT, SEVERAL, msgspec.structs.replace(WRONG, requirement="CAR-OP-STATUS")])
def test_a_5xx_is_judged_elsewhere_where_less_than_a_refusal_is_asked_for(case):
    assert decided(case, answered(500)).reason == "answered 500: judged under CAR-OP-NO-500"
    assert decided(WRONG, answered(500)).outcome is BROKEN


def test_a_request_that_breaks_several_rules_is_judged_for_its_form():
    assert decided(SEVERAL, answered(202)).reason == "accepted: judged under the rules that it breaks"
    assert decided(SEVERAL, answered(409)).reason == "answered 409: judged under CAR-OP-STATUS"
    assert decided(TOLERANT, answered(409)).outcome is BROKEN


# ------------------------------------------------------------------------------------------------------------- questions


def asked(case, exchange, answers=()):
    return blame.decide(at(case, exchange, dict(answers)))


def test_a_refused_valid_request_asks_for_members_then_for_its_ids_then_for_its_twin():
    answers = {}
    order = []
    while isinstance(said := asked(VALID, answered(400), answers), Question):
        order.append(said)
        answers[said] = NO[said]

    assert order == [Question.MEMBER, Question.IDS, Question.TWIN]
    assert said.outcome is BROKEN


def test_a_member_that_is_needed_is_blamed_with_the_accepted_request_beside_the_refused_one():
    exchange, mended = answered(400), Mended("completionStatus", "CAR-COMPLETION-OPTIONAL", answered(202))
    said = decided(VALID, exchange, {Question.MEMBER: mended})

    assert (said.outcome, said.reason) == (UNTESTED, "accepted once completionStatus is added: judged under CAR-COMPLETION-OPTIONAL")
    assert said.also == (
        "CAR-COMPLETION-OPTIONAL",
        (mended.exchange.number, exchange.number),
        Finding(ACCEPTED.text, exchange.got(), change="completionStatus left out of an accepted request"),
    )


@pytest.mark.parametrize(
    ("case", "status"),
    [
        (WRONG, 202),
        (msgspec.structs.replace(VALID, requirement="CAR-OP-ACCEPTS"), 400),
        (msgspec.structs.replace(VALID, request=Draft(body=[1])), 400),
        (VALID, 500),
        (VALID, 302),
    ],
)
def test_members_are_asked_for_only_where_they_could_help(case, status):
    assert asked(case, answered(status)) is not Question.MEMBER


def test_ids_that_are_refused_in_the_plainest_request_too_say_nothing_of_the_rest():
    assert "CAR-OP-ACCEPTS and CAR-IDS-RANGE" in decided(VALID, answered(400), {**NO, Question.IDS: True}).reason
    assert asked(msgspec.structs.replace(VALID, id=base_cases.ONE_ID), answered(400), {Question.MEMBER: None}) is Question.TWIN
    assert asked(msgspec.structs.replace(VALID, base="message/x"), answered(400), {Question.MEMBER: None}) is Question.TWIN
    assert asked(WRONG, answered(409)) is Question.TWIN


def test_a_name_in_another_case_shows_nothing_where_a_missing_member_is_answered_so_too():
    names = msgspec.structs.replace(WRONG, id="ids/named-accessrequestids", requirement="CAR-BODY-NAMES")

    assert blame.decide(Situation(names, answered(202))) is Question.MISSING
    assert decided(names, answered(202), {Question.MISSING: False}).outcome is Outcome.BROKEN
    excused = decided(names, answered(202), {Question.MISSING: True})
    assert (excused.outcome, "CAR-IDS-REQUIRED" in excused.reason) == (Outcome.UNTESTED, True)
    assert blame.decide(Situation(WRONG, answered(202))) is not Question.MISSING


def test_what_its_plainest_form_is_answered_as_well_is_judged_there():
    said = "ids/0 (no id): answered 409, and so is the same value in its plainest form, which is judged under "
    assert decided(WRONG, answered(409), {Question.TWIN: blame.Twin("CAR-IDS-MIN")}).reason == said + "CAR-IDS-MIN"
    assert decided(WRONG, answered(409), {Question.TWIN: blame.Twin()}).reason == said + "CAR-OP-STATUS"
    assert decided(VALID, answered(409), {**NO, Question.TWIN: blame.Twin()}).reason.endswith("judged under CAR-OP-ACCEPTS")
    assert asked(WRONG, answered(202)) == decided(WRONG, answered(202))


@pytest.mark.parametrize("requirement", sorted(blame.MANNERS - {"CAR-OP-CODING"}))
def test_what_is_accepted_is_held_against_its_plainest_form_where_the_manner_is_judged(requirement):
    assert asked(msgspec.structs.replace(WRONG, requirement=requirement), answered(202)) is Question.TWIN


def test_the_last_rule_decides_always_and_each_rule_stands_there_once():
    assert blame.RULES[-1] is blame.broken
    assert len(set(blame.RULES)) == len(blame.RULES)
    assert blame.broken(at(VALID, answered(400))).outcome is BROKEN


# ----------------------------------------------------------------------------------------------------- words of findings


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "refused, but as forbidden (403): 403"),
        (401, "refused, but as unauthenticated (401): 401"),
        (422, "refused, but as unprocessable (422): 422"),
        (418, "refused, but with 418: 418"),
        (307, "refused, but with 307: 307"),
        (500, "not accepted, but answered as a fault of the server (500): 500"),
    ],
)
def test_a_refusal_with_another_status_is_told_from_an_acceptance(status, words):
    said = decided(WRONG, answered(status))

    assert said.finding.got.startswith(words)
    assert said.finding.because
    assert said.finding.change == "no id"
    assert not {"accept", "store", "silent"} & set(said.finding.because.replace(",", "").split())


def test_an_acceptance_and_a_refusal_of_what_is_valid_are_told_as_they_came():
    for case, status in ((WRONG, 202), (VALID, 400), (WRONG, 200)):
        exchange = answered(status)
        assert decided(case, exchange).finding == Finding(case.expect.text, exchange.got(), change=case.change)


def test_a_case_that_may_be_accepted_or_refused_is_no_acceptance_case():
    either = msgspec.structs.replace(WRONG, expect=Expectation(frozenset({202, 400}), "either"))

    assert decided(either, answered(403)).finding.got.startswith("refused, but as forbidden")


# ---------------------------------------------------------------------------------------------- what stands in front of it

OWN = frozenset({Look("", "", "application/json")})
NAMED = frozenset({Look("uvicorn", "Express", "application/json")})


def front(exchange, looks=OWN):
    return blame.in_front(exchange, looks)


def page(status, *fields, **how):
    return answered(status, PAGE, *fields, media_type="text/html; charset=utf-8", **how)


def test_a_page_of_another_server_is_of_what_stands_in_front():
    words = front(page(400, ("Server", "nginx")))

    assert words == (
        "what stands in front of the service (a firewall, a gateway) answers 400 by itself: text/html, Server: nginx, "
        "where the operation's own answers are application/json"
    )
    assert "Server: uvicorn, X-Powered-By: Express" in front(page(400, ("Server", "nginx")), NAMED)
    assert front(page(400, ("Server", "uvicorn")), NAMED)
    assert not front(page(400, ("Server", "uvicorn"), ("X-Powered-By", "Express")), NAMED)


@pytest.mark.parametrize("status", [403, 406, 502, 503, 504])
def test_a_page_under_the_same_name_is_of_the_front_where_its_status_is_typical(status):
    assert f"answers {status} by itself" in front(page(status))
    assert not front(page(400))
    assert not front(page(500))


@pytest.mark.parametrize(
    "exchange",
    [
        answered(403, b'{"error": 1}', ("Server", "nginx")),
        answered(403, b'{"error": 1}', ("Server", "nginx"), media_type="application/problem+json"),
        answered(403, PAGE, ("Server", "nginx")),
        answered(403, b"", ("Server", "nginx"), media_type="text/html"),
        answered(0),
    ],
    ids=["JSON", "JSON of another kind", "the operation's media type", "no body", "no answer"],
)
def test_what_may_be_the_operations_own_is_of_no_front(exchange):
    assert front(exchange) == ""


def test_where_no_answer_is_known_to_be_the_operations_own_nothing_is_of_a_front():
    assert front(page(403, ("Server", "nginx")), frozenset()) == ""


def test_a_cause_is_the_same_for_all_answers_of_its_kind():
    both = frozenset({*OWN, *NAMED})

    assert len({front(page(403, ("Server", "nginx")), both) for _ in range(5)}) == 1
    assert front(page(403, ("Server", "nginx"))) != front(page(502, ("Server", "nginx")))


def test_a_look_is_taken_from_the_answer():
    response = answered(202, b"{}", ("server", "a"), ("X-POWERED-BY", "b"), media_type="Application/JSON; charset=utf-8").response

    assert blame.look(response) == Look("a", "b", "application/json")
    assert Look("", "", "").words == "no Content-Type"


def test_a_situation_is_kept_as_it_is_while_questions_are_answered():
    first = at(VALID, answered(400))
    second = dataclasses.replace(first, answers={Question.MEMBER: None})

    assert first.answers == {}
    assert blame.decide(first) is Question.MEMBER
    assert blame.decide(second) is Question.IDS


def test_the_length_of_a_body_is_asked_about_only_where_a_long_valid_one_is_refused():
    long = msgspec.structs.replace(answered(403).request, body=b" " * 5000)
    exchange = dataclasses.replace(answered(403), request=long)

    assert asked(VALID, exchange, NO) is Question.SIZE
    assert asked(WRONG, dataclasses.replace(answered(409), request=long), NO) is not Question.SIZE
    assert (
        "up to 4,090 bytes are accepted, from 4,100 on they are answered 403"
        in decided(VALID, exchange, {**NO, Question.SIZE: blame.Limit(4090, 4100)}).finding.got
    )
    assert "bytes" not in decided(VALID, exchange, {**NO, Question.SIZE: None}).finding.got
