"""The clauses as pure functions: one exchange in, rulings out. What is lawful is never blamed, what is not always is."""

import dataclasses
import datetime
import itertools
import json

import msgspec
import pytest

from closecheck.contract.cases import Draft
from closecheck.judging.checks import Clauses, error_body, locales, rate_limit
from closecheck.judging.exchange import Exchange, NotJson, parse
from closecheck.model import Failure, FailureKind, Outcome, Request, Response, Timing

DOCUMENTED = frozenset({202, 400, 401, 403, 429, 500})
JSON = ("Content-Type", "application/json")
NUMBERS = itertools.count(1)


def message(text="no", locale="en-US", origin="DEFAULT"):
    return {"locale": locale, "localeOrigin": origin, "text": text}


def error(*messages, **members):
    number = next(NUMBERS)
    return {"detailCode": "400.1", "trackingId": f"{number:032x}", "messages": list(messages or [message()]), "causes": [], **members}


def exchange(status, body=b"{}", *fields, draft=None, asked=None, sent=b"{}", failure=None, provoked="", content_type=JSON):
    draft = draft or Draft()
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = (("Accept-Language", asked),) if asked is not None else ()
    response = Response(status, "", "1.1", (*([content_type] if content_type else []), *fields), data) if status else None
    return Exchange(
        next(NUMBERS), "case", draft, Request(draft.method, "/", headers, sent), Timing(0, 0), response, failure, provoked=provoked
    )


def blamed(*exchanges):
    """Return the requirements that are broken by exchanges that follow one another in a run."""
    clauses = Clauses(DOCUMENTED)
    found = [evidence for one in exchanges for evidence in clauses.judge(one)]
    assert all(one.outcome is Outcome.BROKEN and one.finding and one.exchanges for one in found)
    return {one.requirement.removeprefix("CAR-") for one in found}


def judged(one):
    """Return the evidence of one exchange."""
    return list(Clauses(DOCUMENTED).judge(one))


def findings(one):
    """Return what is said of one exchange, by requirement."""
    return {evidence.requirement.removeprefix("CAR-"): evidence.finding for evidence in Clauses(DOCUMENTED).judge(one)}


def refused(*messages, **members):
    return exchange(400, error(*messages, **members))


# --------------------------------------------------------------------------------------------------------- the answer


def recoded(one, **how):
    """Return an exchange with its answer under a coding."""
    return dataclasses.replace(one, response=msgspec.structs.replace(one.response, **how))


def test_a_body_whose_coding_cannot_be_undone_is_no_json_whatever_it_looks_like():
    spoiled = "it is sent as gzip, but is not in that format, or damaged"

    assert blamed(recoded(exchange(202), spoiled=spoiled)) == {"OP-MEDIA-TYPE", "ACCEPTED-BODY"}
    assert blamed(recoded(refused(), spoiled=spoiled)) == {"OP-MEDIA-TYPE", "ERROR-OBJECT"}
    assert spoiled in findings(recoded(exchange(202), spoiled=spoiled))["OP-MEDIA-TYPE"].got


@pytest.mark.parametrize(
    ("one", "hangs"),
    [
        (exchange(202), {"ACCEPTED-BODY"}),
        (exchange(401, {"error": "no"}, ("WWW-Authenticate", "Bearer")), {"AUTH-401-BODY", "AUTH-401-COMPLETE"}),
        (refused(), {"ERROR-OBJECT", "ERROR-TEXT", "ERROR-LOCALE-TAG"}),
        (exchange(429, {"message": "later"}, ("Retry-After", "1")), {"RATE-BODY", "RATE-COMPLETE"}),
        (exchange(500, error(), provoked="internal_error"), {"FAULT-BODY", "ERROR-TEXT"}),
    ],
    ids=["202", "401", "400", "429", "500"],
)
def test_what_hangs_on_a_body_under_an_unknown_coding_is_untested_once_and_says_so(one, hangs):
    clauses = Clauses(DOCUMENTED)
    unread = recoded(one, unknown_coding="x-own")

    found = [*clauses.judge(unread), *clauses.judge(dataclasses.replace(unread, number=next(NUMBERS)))]

    assert {evidence.outcome for evidence in found} == {Outcome.UNTESTED}
    names = [evidence.requirement.removeprefix("CAR-") for evidence in found]
    assert {"OP-MEDIA-TYPE", *hangs} <= set(names)
    assert len(names) == len(set(names))
    assert all("x-own" in evidence.reason for evidence in found)
    assert not any(clauses.held(evidence.requirement) for evidence in found)
    assert clauses.held("CAR-OP-ANSWERS") == 2


def test_what_is_documented_is_never_blamed():
    challenge = ("WWW-Authenticate", "Bearer")
    good = [
        exchange(202), exchange(202, b'{"a": [1]}'), exchange(202, b"{}", content_type=("content-type", "Application/JSON ; Charset=UTF-8")),
        refused(), exchange(403, error()), exchange(401, {"error": "no"}, challenge), exchange(401, {"error": "no", "more": 1}, challenge),
        exchange(429, {"message": "later"}, ("Retry-After", "1")), exchange(500, error(), provoked="internal_error"),
    ]  # fmt: skip

    assert blamed(*good) == set()


@pytest.mark.parametrize(
    ("status", "draft", "sent", "expected"),
    [
        (200, Draft(), b"{}", {"OP-STATUS"}),
        (201, Draft(), b"{}", {"OP-STATUS"}),
        (404, Draft(), b"{}", {"OP-STATUS"}),
        (422, Draft(), b"{}", {"OP-STATUS"}),
        (415, Draft(), b"{}", {"OP-STATUS"}),
        (415, Draft(provokes="media-type"), b"{}", set()),
        (406, Draft(provokes="media-type"), b"{}", set()),
        (411, Draft(provokes="media-type"), b"{}", {"OP-STATUS"}),
        (411, Draft(provokes="absence"), b"", set()),
        (411, Draft(provokes="framing"), b"{}", set()),
        (413, Draft(), b"x" * 65537, set()),
        (413, Draft(), b"x" * 65536, {"OP-STATUS"}),
        (431, Draft(provokes="size"), b"{}", set()),
        (404, Draft(method="GET", provokes="method"), b"", set()),
        (405, Draft(method="PUT", provokes="method"), b"", set()),
        (501, Draft(method="PATCH", provokes="method"), b"", set()),
        (501, Draft(), b"{}", {"OP-STATUS", "OP-NO-500"}),
        (500, Draft(method="DELETE", provokes="method"), b"", {"OP-NO-500"}),
        (502, Draft(), b"{}", {"OP-STATUS", "OP-NO-500"}),
        (503, Draft(provokes="size"), b"{}", {"OP-STATUS", "OP-NO-500"}),
        (504, Draft(provokes="framing"), b"{}", {"OP-STATUS", "OP-NO-500"}),
        (505, Draft(method="GET", provokes="method"), b"", set()),
    ],
)
def test_statuses(status, draft, sent, expected):
    assert blamed(exchange(status, draft=draft, sent=sent)) == expected


@pytest.mark.parametrize(
    ("provokes", "own"),
    [
        ("", set()),
        ("media-type", {406, 415}),
        ("absence", {411, 415}),
        ("method", {404, 405, 501}),
        ("framing", {411, 413, 414, 431}),
        ("size", {411, 413, 414, 431}),
    ],
)
def test_the_http_layer_may_speak_for_itself_only_of_what_was_provoked(provokes, own):
    lawful = {
        status for status in (200, 202, *range(400, 512)) if "OP-STATUS" not in blamed(exchange(status, draft=Draft(provokes=provokes)))
    }

    assert lawful == DOCUMENTED | own


@pytest.mark.parametrize(
    ("draft", "provoked", "lawful"),
    [
        (Draft(), "", {505}),
        (Draft(provokes="method"), "", {501, 505}),
        (Draft(provokes="size"), "", {505}),
        (Draft(), "internal_error", {500, 505}),
        (Draft(), "rate_limit", {505}),
    ],
)
def test_a_5xx_is_blamed_unless_it_is_about_the_method_or_the_version_or_was_provoked(draft, provoked, lawful):
    found = {status for status in range(490, 600) if "OP-NO-500" in blamed(exchange(status, draft=draft, provoked=provoked))}

    assert found == set(range(500, 600)) - lawful


@pytest.mark.parametrize("method", ["DELETE", "GET", "PUT"])
def test_the_status_of_another_method_is_judged_by_its_own_clause(method):
    assert blamed(exchange(200, draft=Draft(method=method, provokes="method"))) == set()


def test_a_500_is_in_order_only_where_it_was_provoked():
    assert blamed(exchange(500, error())) == {"OP-NO-500"}
    assert blamed(exchange(500, error(), provoked="internal_error")) == set()
    assert blamed(exchange(503, error(), provoked="internal_error")) == {"OP-NO-500", "OP-STATUS"}


@pytest.mark.parametrize("kind", FailureKind)
def test_no_answer_breaks_one_clause_only(kind):
    assert blamed(exchange(0, failure=Failure(kind, "gone"))) == {"OP-ANSWERS"}


def test_what_is_wrong_with_an_answer_is_told():
    gone = findings(exchange(0, failure=Failure(FailureKind.TIMEOUT, "late")))["OP-ANSWERS"]
    surplus = findings(exchange(202, failure=Failure(FailureKind.MALFORMED, "surplus")))["OP-ANSWERS"]

    assert (gone.got, surplus.got) == ("no answer: the time limit passed late", "202, {}; surplus")


def test_an_ill_framed_answer_is_blamed_for_its_framing_and_judged_for_the_rest():
    assert blamed(exchange(202, b"[]", failure=Failure(FailureKind.MALFORMED, "surplus"))) == {"OP-ANSWERS", "ACCEPTED-BODY"}


@pytest.mark.parametrize(
    ("content_type", "body", "fine"),
    [
        (("Content-Type", "application/json"), b" {} ", True),
        (("Content-Type", "APPLICATION/JSON;charset=utf-8"), b"{}", True),
        (("Content-Type", "application/json;x=y; z"), b"{}", True),
        (("Content-Type", "application/problem+json"), b"{}", False),
        (("Content-Type", "text/html"), b"{}", False),
        (("Content-Type", "application/jsonp"), b"{}", False),
        (("Content-Type", "text/json"), b"{}", False),
        (("Content-Type", ""), b"{}", False),
        (None, b"{}", False),
        (JSON, b"", False),
        (JSON, b"  ", False),
        (JSON, b"{", False),
        (JSON, b"{} {}", False),
        (JSON, b'{"a": NaN}', False),
        (JSON, b"\xef\xbb\xbf{}", False),
        (JSON, b'{"a": "\xff"}', False),
        (JSON, "{}".encode("utf-16"), False),
        (JSON, b"<html></html>", False),
    ],
)  # fmt: skip
def test_media_types(content_type, body, fine):
    assert ("OP-MEDIA-TYPE" not in blamed(exchange(202, body, content_type=content_type))) is fine


@pytest.mark.parametrize(
    ("content_type", "body", "got"),
    [
        (None, b"{}", "no Content-Type, on 202, {}"),
        (("content-type", "text/html"), b"{}", "Content-Type: text/html, on 202, {}"),
        (JSON, b"", "202, no body: it is empty"),
    ],
)
def test_what_is_wrong_with_a_media_type_is_told(content_type, body, got):
    assert findings(exchange(202, body, content_type=content_type))["OP-MEDIA-TYPE"].got == got


def test_bodies_of_answers_to_other_methods_are_not_judged():
    for draft in (Draft(method="HEAD", provokes="method"), Draft(method="GET"), Draft(provokes="size"), Draft(provokes="framing")):
        assert blamed(exchange(400, b"<html>", draft=draft, content_type=None)) == set()


@pytest.mark.parametrize(
    ("body", "fine"), [(b"{}", True), (b'{"a":1}', True), (b"[]", False), (b"null", False), (b'"ok"', False), (b"", False), (b"x", False)]
)
def test_the_body_of_a_202(body, fine):
    assert ("ACCEPTED-BODY" not in blamed(exchange(202, body))) is fine


@pytest.mark.parametrize("status", [200, 201, 203, 204])
def test_only_a_202_has_the_body_of_a_202(status):
    assert blamed(exchange(status, b"[]")) == {"OP-STATUS"}


@pytest.mark.parametrize(
    ("coding", "asked", "fine"), [("gzip", "identity", False), ("", "identity", True), ("identity", "identity", True), ("gzip", None, True)]
)
def test_content_codings(coding, asked, fine):
    draft = Draft(headers={"Accept-Encoding": asked} if asked else {})
    one = exchange(202, draft=draft)
    one = Exchange(one.number, one.case, draft, one.request, one.timing, Response(202, "", "1.1", (JSON,), b"{}", coding))

    assert ("OP-CODING" not in blamed(one)) is fine


@pytest.mark.parametrize(
    "body", [b"1e999", b"-0", b'"\\ud800"', b'{"a":1,"a":2}', b"[" * 500 + b"]" * 500, b"123456789012345678901234567890", b" null "]
)
def test_odd_json_is_json(body):
    parse(body)


@pytest.mark.parametrize(
    "body", [b"[1,]", b"{'a':1}", b"// x\n{}", b"Infinity", b"01", b"+1", b".5", b'"\x01"', b"tru", b"\xff", b"[" * 100_000]
)
def test_what_is_no_json_is_none(body):
    with pytest.raises(NotJson):
        parse(body)


# -------------------------------------------------------------------------------------------------------- error objects


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([], {"ERROR-OBJECT"}),
        ("no", {"ERROR-OBJECT"}),
        (None, {"ERROR-OBJECT"}),
        ({"type": "about:blank", "title": "Bad Request", "status": 400}, {"ERROR-OBJECT"}),
        ({"error": error()}, {"ERROR-OBJECT"}),
        ({"timestamp": 1, "status": 400, "error": "Bad Request", "path": "/x"}, {"ERROR-OBJECT"}),
        ({}, {"ERROR-COMPLETE"}),
        ({"detailCode": "x"}, {"ERROR-COMPLETE"}),
        (error(detailCode=400), {"ERROR-DETAIL-CODE"}),
        (error(detailCode=None), {"ERROR-DETAIL-CODE", "ERROR-COMPLETE"}),
        (error(detailCode=""), set()),
        (error(trackingId=7), {"ERROR-TRACKING-ID"}),
        (error(trackingId=None), {"ERROR-TRACKING-ID", "ERROR-COMPLETE"}),
        (error(messages="no"), {"ERROR-MESSAGES"}),
        (error(messages=["no"]), {"ERROR-MESSAGES"}),
        (error(messages={}), {"ERROR-MESSAGES"}),
        (error(messages=None), {"ERROR-MESSAGES", "ERROR-COMPLETE"}),
        (error(messages=[]), {"ERROR-COMPLETE-MESSAGES"}),
        (error(causes=None), {"ERROR-COMPLETE-MESSAGES"}),
        (error(causes="no"), {"ERROR-CAUSES"}),
        (error(causes=["no"]), {"ERROR-CAUSES"}),
        (error(causes=[message()]), set()),
        (error(causes=[message(text=7)]), {"ERROR-TEXT"}),
        (error({"text": "no"}), {"ERROR-COMPLETE-MESSAGES"}),
        (error({"locale": None, "localeOrigin": None, "text": "no"}), set()),
        (error(message(locale=7)), {"ERROR-LOCALE"}),
        (error(message(origin=7)), {"ERROR-LOCALE-ORIGIN"}),
        (error(message(origin="SOMETHING_NEW")), set()),
        (error(message(text=None)), {"ERROR-TEXT", "ERROR-COMPLETE"}),
        (error({"locale": "en", "localeOrigin": "DEFAULT"}), {"ERROR-COMPLETE"}),
        (error(message(text="")), set()),
        (error(more=[1]), set()),
        ({name: value for name, value in error().items() if name != "causes"}, set()),
        ({"detailCode": "400", "trackingId": "without-messages", "causes": "no"}, {"ERROR-CAUSES", "ERROR-COMPLETE"}),
    ],
)
@pytest.mark.parametrize("status", [400, 403])
def test_error_objects(status, document, expected):
    assert blamed(exchange(status, document)) == expected


def test_the_500_is_judged_under_its_own_requirement():
    assert blamed(exchange(500, b"oops", provoked="internal_error")) >= {"FAULT-BODY"}
    assert "ERROR-OBJECT" not in blamed(exchange(500, [], provoked="internal_error"))
    assert blamed(exchange(500, error(detailCode=7), provoked="internal_error")) == {"FAULT-BODY", "ERROR-DETAIL-CODE"}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (error(detailCode=7), {"FAULT-BODY", "ERROR-DETAIL-CODE"}),
        (error(trackingId=7), {"FAULT-BODY", "ERROR-TRACKING-ID"}),
        (error(messages="no"), {"FAULT-BODY", "ERROR-MESSAGES"}),
        (error(causes="no"), {"FAULT-BODY", "ERROR-CAUSES"}),
        (error(message(locale=7)), {"FAULT-BODY", "ERROR-LOCALE"}),
        (error(message(origin=7)), {"FAULT-BODY", "ERROR-LOCALE-ORIGIN"}),
        (error(message(text=7)), {"FAULT-BODY", "ERROR-TEXT"}),
        ({"detailCode": "500"}, {"FAULT-BODY", "ERROR-COMPLETE"}),
        (error(messages=[]), {"ERROR-COMPLETE-MESSAGES"}),
        (error(message("Traceback (most recent call last)")), {"ERROR-NO-LEAK"}),
        (error(), set()),
    ],
)
def test_the_500_is_blamed_for_its_shape_and_for_nothing_else(document, expected):
    assert blamed(exchange(500, document, provoked="internal_error")) == expected


def test_a_finding_says_which_member_was_to_be_what():
    found = findings(refused(message(text=7, locale=8, origin=[])))

    assert (found["ERROR-TEXT"].expected, found["ERROR-TEXT"].got) == ("messages[0].text is text", "messages[0].text: 7")
    assert (found["ERROR-LOCALE"].expected, found["ERROR-LOCALE"].got) == ("messages[0].locale is text or null", "messages[0].locale: 8")
    assert found["ERROR-LOCALE-ORIGIN"].got == "messages[0].localeOrigin: []"


@pytest.mark.parametrize(("value", "shown"), [(10**99, f"1{'0' * 99}"), (10**100, f"1{'0' * 98}…"), (True, "true"), (None, "null")])
def test_a_value_is_shown_in_a_hundred_characters(value, shown):
    assert findings(refused(detailCode=value))["ERROR-DETAIL-CODE"].got == f"detailCode: {shown}"


def test_another_document_is_told_from_an_error_object():
    assert (
        findings(exchange(400, {"title": "no"}))["ERROR-OBJECT"].expected
        == "an error object with detailCode, trackingId, messages, not another document"
    )


def test_tracking_ids_are_all_different():
    one, same = error(), error()
    same["trackingId"] = one["trackingId"]

    assert blamed(exchange(400, one), exchange(400, error())) == set()
    assert blamed(exchange(400, one), exchange(403, same)) == {"ERROR-TRACKING-ID-UNIQUE"}
    assert blamed(exchange(202, {"trackingId": "x"}), exchange(202, {"trackingId": "x"})) == set()
    assert (
        blamed(exchange(401, {"error": "x", "trackingId": "y"}, ("WWW-Authenticate", "B")), exchange(400, error(trackingId="y"))) == set()
    )


def test_the_first_tracking_id_of_a_run_shows_nothing():
    clauses = Clauses(DOCUMENTED)
    counts = []
    for one in (exchange(202), refused(), refused(), refused()):
        assert list(clauses.judge(one)) == []
        counts.append(clauses.held("CAR-ERROR-TRACKING-ID-UNIQUE"))

    assert counts == [0, 0, 1, 2]


def test_a_tracking_id_is_new_to_one_exchange_only_in_whatever_order_they_are_seen():
    seen = error_body.TrackingIds()

    assert [seen.take("x", number) for number in (5, 5, 3, 7)] == [True, True, False, False]


HARMLESS = [
    "Unexpected character ('}' (code 125)): was expecting double-quote to start field name\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 2]",
    "'a' is an invalid start of a value. Path: $ | LineNumber: 0 | BytePositionInLine: 0.",
    "JSON parse error - Expecting value: line 1 column 1 (char 0)",
    "Unexpected token } in JSON at position 22",
    "Expected ',' or '}' after property value in JSON at position 30 (line 1 column 31)",
    "see https://developer.example/usr/docs/errors and http://x.example/home/a/b",
    "no resource at /v2024/access-requests/close",
    "Instance failed to match /properties/accessRequestIds/items/type at /accessRequestIds/0",
    "Select one status from the list of documented ones",
    "Update the request and set a message; delete it from the list",
    "The value at position 3 is not text", "accessRequestIds/0 must be string", "Please look at the documentation (section 4:1:2)",
    "body/executionStatus must be equal to one of the allowed values", "at least one id is needed: see RFC 9110, 15.5.1",
]  # fmt: skip


@pytest.mark.parametrize("text", HARMLESS)
def test_what_frameworks_say_of_bad_input_is_no_leak(text):
    assert blamed(refused(message(text))) == set()


LEAKS = [
    'Traceback (most recent call last):\n  File "/srv/app/views.py", line 7, in post',
    'File "views.py", line 12',
    "at com.acme.Close.run(Close.java:42)",
    "java.lang.NullPointerException\n\tat com.acme.Close$Inner.lambda$run$0(Close.java:42)",
    "TypeError: x\n    at Object.<anonymous> (/app/dist/index.js:10:15)",
    "   at Acme.Close.Run(String id) in C:\\src\\Close.cs:line 7",
    "panic: x\n\ngoroutine 1 [running]:",
    "app.rb:12:in `close'",
    "Fatal error in /var/www/close.php on line 12",
    "could not open /etc/acme/secret.properties",
    "ENOENT: no such file or directory, open '/home/acme/app/messages.json'",
    "C:\\Users\\acme\\close.config is missing",
    "SELECT id, name FROM access_request WHERE id = ?",
    "ERROR: duplicate key, INSERT INTO access_request VALUES",
    "SQLSTATE[23000]: Integrity constraint violation", "ORA-00942: table or view does not exist",
]  # fmt: skip


CLASSES = [
    'Cannot deserialize value of type `java.util.ArrayList<java.lang.String>` from Object value (token `JsonToken.START_OBJECT`) at [Source: (PushbackInputStream); line: 1, column: 22] (through reference chain: x.CloseAccessRequest["accessRequestIds"])',
    "The JSON value could not be converted to System.String. Path: $.accessRequestIds[0] | LineNumber: 0 | BytePositionInLine: 22.",
    "Cannot deserialize value of type `access.CloseRequest$ExecutionStatus` from String",
    "not one of the values accepted for Enum class: com.acme.dto.CloseRequest",
    '(through reference chain: com.acme.dto.CloseRequest["accessRequestIds"])',
    "JSON parse error: Unexpected character; nested exception is com.fasterxml.jackson.core.JsonParseException",
    "from Array value (token `JsonToken.START_ARRAY`)",
    "Could not resolve class java.util.ArrayList<java.lang.String>",
    "org.springframework.http.converter.HttpMessageNotReadableException: Required request body is missing",
    "jakarta.validation.ConstraintViolationException: close.ids: must not be empty",
    "System.Text.Json.JsonException: 'x' is an invalid start of a value",
    "The JSON value could not be converted to System.String.",
    "The JSON value could not be converted. Path: $.accessRequestIds | LineNumber: 0 | BytePositionInLine: 23.",
    "Acme.Close.InvalidStatusException was thrown",
    "Error converting value 7 to type 'Newtonsoft.Json.Linq.JArray'",
    "json: cannot unmarshal string into Go struct field CloseRequest.accessRequestIds of type []string",
    "json: cannot unmarshal array into Go value of type main.CloseRequest",
    "Input should be a valid list [type=list_type, input_value='x', input_type=str]",
    "For further information visit https://errors.pydantic.dev/2.5/v/list_type",
    "expected list, got <class 'str'>", "'NoneType' object is not iterable", "<app.models.Close object at 0x7f3a2c1b>",
    "KeyError: 'accessRequestIds'", "TypeError: Cannot read properties of undefined (reading 'length')",
    "JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
    "rest_framework.exceptions.ParseError: JSON parse error",
    "invalid type: sequence, expected struct CloseRequest at line 1 column 0",
    "ActionController::ParameterMissing: param is missing", "JSON::ParserError: unexpected token",
    r"Illuminate\Validation\ValidationException", r"Symfony\Component\HttpKernel\Exception\BadRequestHttpException",
    "(psycopg2.errors.InvalidTextRepresentation) invalid input syntax", "ER_PARSE_ERROR: near",
    "pq: invalid byte sequence for encoding", 'duplicate key value violates unique constraint "close_pkey"',
    "sqlite3.OperationalError: no such table: close", "SQLITE_ERROR: unrecognized token",
]  # fmt: skip


@pytest.mark.parametrize("text", LEAKS)
def test_traces_paths_and_queries_are_leaks(text):
    assert blamed(refused(message(text))) == {"ERROR-NO-LEAK"}
    assert blamed(refused(causes=[message(text)])) == {"ERROR-NO-LEAK"}


@pytest.mark.parametrize("text", CLASSES)
def test_names_of_classes_and_words_of_serializers_are_leaks_since_the_second_edition(text):
    (evidence,) = judged(refused(message(text)))

    assert (evidence.requirement, evidence.since) == ("CAR-ERROR-NO-LEAK", "2026.2")
    assert blamed(refused(causes=[message(text)])) == {"ERROR-NO-LEAK"}


def test_of_two_leaks_the_one_that_every_edition_knows_is_told():
    (evidence,) = judged(refused(message("java.lang.Thread: /home/acme/x")))

    assert (evidence.since, evidence.finding.got) == ("", "a file path: /home/acme/x")


@pytest.mark.parametrize(
    "text",
    [
        "/accessRequestIds/0 is not a string", "#/properties/accessRequestIds/items", "$.accessRequestIds[0]: a string is expected",
        "The body is invalid.Please send a list.Thank you.", "accessRequestIds.items must be strings, e.g.The id", "CloseAccessRequest.accessRequestIds",
        "expected application/json", "see java.com for help", "Download it from java.com.Please do.", "https://developer.example.com/docs/api/close-access-request",
        "at most 500 ids per request.", "US$100", "System.Please try again", "the System.", "a Java.Script object", "com.Plete",
        "ValidationException", "BadRequestException: ids", "validation.RequestError", "400.1 Bad Request Content", "close.request.invalid", "IDN.Close.Invalid",
        "expected enum Terminated or Completed", "expected structure of the request", "1.0.Final", "v2024.Beta", "node.js.Foundation", "io.Error", "org.Acme",
        "fe80::A1", "a::B", "Value error: not a list", "Type error: not a list", r"ACME\admin", "the source: line 1", "Path: $.accessRequestIds, line 1",
        "unexpected token at line 1, column 7", "the value violates the constraint that ids are unique", "request chain", "the reference is unknown",
    ],
)  # fmt: skip
def test_pointers_sentences_and_codes_are_no_leaks(text):
    assert blamed(refused(message(text))) == set()
    assert blamed(exchange(400, error(message(text), detailCode=text))) == set()


def test_of_a_leak_120_characters_are_told():
    path = "/home/" + "x" * 200

    assert findings(refused(message(path)))["ERROR-NO-LEAK"].got == f"a file path: {path[:120]}"


def test_what_the_request_said_itself_is_no_leak():
    text = "SELECT id FROM access_request"
    sent = json.dumps({"message": text}).encode()

    assert blamed(exchange(400, error(message(f"not allowed: {text}")), sent=sent)) == set()


@pytest.mark.parametrize(
    ("said", "sent", "target"),
    [
        (r"C:\tools\close\run.exe", {"message": r"C:\tools\close\run.exe"}, "/close"),
        ("com.acme.dto.CloseRequest", {"nested": [{"com.acme.dto.CloseRequest": 1}]}, "/close"),
        ("/srv/access-requests/close", {}, "/srv/access-requests/close?x=1"),
        ("java.lang.String", {}, "/close?type=java.lang%2EString"),
    ],
)
def test_what_the_request_said_in_another_spelling_is_no_leak(said, sent, target):
    text = json.dumps(sent).encode()
    told = exchange(400, error(message(f"not allowed: {said}")), sent=text)

    assert blamed(dataclasses.replace(told, request=Request("POST", target, told.request.headers, text))) == set()
    assert blamed(exchange(400, error(message(f"not allowed: {said}")), sent=b"{}")) == {"ERROR-NO-LEAK"}


def test_what_was_sent_does_not_cover_what_stands_beside_it():
    sent = json.dumps({"message": "java.lang.String"}).encode()

    assert blamed(exchange(400, error(message("java.lang.String is no java.util.List")), sent=sent)) == {"ERROR-NO-LEAK"}


@pytest.mark.parametrize(
    ("header", "shown", "expected"),
    [
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", {"en-us", "fr", "de"}, {"fr"}),
        ("de-AT,de;q=0.9,en-US;q=0.8", {"en-us", "fr", "de"}, {"de"}),
        ("pt-BR,pt;q=0.9", {"en-us", "pt"}, {"pt"}),
        ("pt-BR,pt;q=0.9", {"en-us", "fr"}, set()),
        ("fr-CA, en-US;q=0.8", {"en-us", "fr"}, {"fr", "en"}),
        ("fr-CH, fr;q=0.9, en-US;q=0.8", {"en-us", "fr-fr"}, {"fr", "en"}),
        ("*, fr;q=0.5", {"en-us", "fr"}, set()),
        ("*;q=0.1, fr;q=0.5", {"en-us", "fr"}, {"fr"}),
        ("tlh, eo;q=0.9, fr;q=0.1", {"en-us", "fr"}, {"fr"}),
        ("fr, de", {"en-us", "fr", "de"}, {"fr", "de"}),
        ("fr ;\tQ=0.2 , de;q=0.1", {"en-us", "fr", "de"}, {"fr"}),
        ("fr;q=0, fr-CA, en-US;q=0.1", {"en-us", "fr"}, set()),
        ("fr;q=0, en-US", {"en-us", "fr"}, {"en"}),
        ("tlh", {"en-us"}, set()),
    ],
)
def test_the_best_language_is_the_exact_one_with_the_highest_weight(header, shown, expected):
    assert locales.best(locales.ranges(header), shown) == expected


# ------------------------------------------------------------------------------------------------------------ 401, 429


@pytest.mark.parametrize(
    ("body", "fields", "expected"),
    [
        ({"error": "no"}, ["WWW-Authenticate"], set()),
        ({"error": "no"}, [], {"AUTH-CHALLENGE"}),
        ({"error": ""}, ["WWW-Authenticate"], {"AUTH-401-COMPLETE"}),
        ({}, ["WWW-Authenticate"], {"AUTH-401-COMPLETE"}),
        ({"error": None}, ["WWW-Authenticate"], {"AUTH-401-BODY", "AUTH-401-COMPLETE"}),
        ({"error": 7}, ["WWW-Authenticate"], {"AUTH-401-BODY"}),
        ({"error": {"code": 7}}, ["WWW-Authenticate"], {"AUTH-401-BODY"}),
        ([], ["WWW-Authenticate"], {"AUTH-401-BODY"}),
        ("no", ["WWW-Authenticate"], {"AUTH-401-BODY"}),
        (b"", ["WWW-Authenticate"], {"AUTH-401-BODY", "OP-MEDIA-TYPE"}),
    ],
)
def test_401s(body, fields, expected):
    assert blamed(exchange(401, body, *((name, "Bearer") for name in fields))) == expected


@pytest.mark.parametrize(
    ("body", "value", "expected"),
    [
        ({"message": "later"}, "0", set()),
        ({"message": "later"}, None, {"RATE-RETRY-AFTER"}),
        ({"message": "later"}, "-1", {"RATE-RETRY-AFTER"}),
        ({"message": ""}, "1", {"RATE-COMPLETE"}),
        ({}, "1", {"RATE-COMPLETE"}),
        ({"message": None}, "1", {"RATE-BODY", "RATE-COMPLETE"}),
        ({"message": 7}, "1", {"RATE-BODY"}),
        ([], "1", {"RATE-BODY"}),
        (b"later", "1", {"RATE-BODY", "OP-MEDIA-TYPE"}),
    ],
)
def test_429s(body, value, expected):
    assert blamed(exchange(429, body, *([("Retry-After", value)] if value is not None else []))) == expected


@pytest.mark.parametrize(("fields", "got"), [((), "no Retry-After"), ((("Retry-After", "soon"),), "Retry-After: soon")])
def test_what_is_wrong_with_a_retry_after_is_told(fields, got):
    assert findings(exchange(429, {"message": "later"}, *fields))["RATE-RETRY-AFTER"].got == got


NOW = datetime.datetime(2026, 8, 14, 12, 0, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0), ("1", 1), ("007", 7), (" 5 ", 5), ("100000", 100000), ("9" * 30, float("9" * 30)),
        ("Fri, 14 Aug 2026 12:00:30 GMT", 30), ("Friday, 14-Aug-26 12:00:30 GMT", 30), ("Fri Aug 14 12:00:30 2026", 30),
        ("Fri, 14 Aug 2026 11:59:00 GMT", 0),
        (None, None), ("", None), ("-1", None), ("+1", None), ("1.5", None), ("1e3", None), ("1s", None), ("1, 2", None), ("soon", None), ("٣", None),
        ("Fri, 14 Aug 2026 12:00:30 CEST", None), ("Fri, 14 Aug 2026 12:00:30 +0000", None), ("2026-08-14T12:00:30Z", None),
        ("fri, 14 aug 2026 12:00:30 gmt", None), ("Fri, 32 Aug 2026 12:00:30 GMT", None), ("Fri, 14 Aug 2026 25:00:30 GMT", None),
        ("Fri, 14 Aug 26 12:00:30 GMT", None),
    ],
)  # fmt: skip
def test_retry_after(value, seconds):
    assert rate_limit.retry_after(value, NOW) == seconds


def test_a_date_is_measured_by_the_date_of_the_answer():
    headers = (("Date", "Fri, 14 Aug 2026 12:00:00 GMT"), ("Retry-After", "Fri, 14 Aug 2026 12:00:09 GMT"))

    assert rate_limit.wait_asked(Response(429, "", "1.1", headers)) == 9


def test_a_request_without_an_answer_says_nothing_of_the_rate_limit():
    assert list(rate_limit.check(exchange(None))) == []


# -------------------------------------------------------------------------------------------------------- languages


@pytest.mark.parametrize(
    "tag",
    ["en", "en-US", "EN-us", "zh-Hant-TW", "sr-Latn-RS", "de-CH-1901", "sl-rozaj-biske", "es-419", "und", "x-private", "en-x-a", "de-DE-u-co-phonebk", "i-klingon",
     "zh-min-nan", "art-lojban", "zh-cmn-Hans-CN", "ast", "english", "hy-Latn-IT-arevela", "en-a-bbb-x-a-ccc", "qaa", "a" * 8],
)  # fmt: skip
def test_well_formed_tags(tag):
    assert locales.well_formed(tag)


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "e",
        "en_US",
        "en-",
        "-en",
        "en--US",
        "en US",
        " en",
        "en-US.UTF-8",
        "1",
        "e1",
        "a" * 9,
        "en-US-",
        "en-u",
        "x",
        "x-",
        "en-x",
        "é",
        "en\n",
        "*",
        "\u017fe",
        "en-\u0661\u0662\u0663",
        "\u212ao",
    ],
)
def test_ill_formed_tags(tag):
    assert not locales.well_formed(tag)
    if tag:
        assert "ERROR-LOCALE-TAG" in blamed(refused(message(locale=tag)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("fr", [("fr", 1)]), ("fr-CA;q=0.5, en", [("fr-ca", 0.5), ("en", 1)]), ("*", [("*", 1)]), ("*;q=0", [("*", 0)]),
        ("fr;q=1.000,en;q=0.001", [("fr", 1), ("en", 0.001)]), (" fr ; q=0.5 ", [("fr", 0.5)]), ("fr;Q=0.5", [("fr", 0.5)]),
        (",fr,,en,", [("fr", 1), ("en", 1)]), ("fr;q=1.", [("fr", 1)]), ("fr;q=0.", [("fr", 0)]), ("x-klingon", [("x-klingon", 1)]),
        ("", None), (",", None), ("fr;q=2", None), ("fr;q=1.001", None), ("fr;q=", None), ("fr;q=0.1234", None), ("fr_FR", None), ("f é", None),
        ("fr;x=1", None), ("fr;q=0.5;x", None), ("123", None), ("en-abcdefghi", None), ("fr q=1", None), ("fr;q=-1", None),
    ],
)  # fmt: skip
def test_ranges(value, expected):
    found = locales.ranges(value)

    assert (None if found is None else [(one.tag, one.quality) for one in found]) == expected


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("fr", True),
        ("fr, en;q=0", True),
        ("fr, fr-CA;q=0", False),
        ("fr-CA, fr;q=0", False),
        ("*, fr;q=0", True),
        ("fr, *;q=0", True),
        ("fr;q=0", True),
    ],
)
def test_what_is_plain_enough_to_judge(value, plain):
    assert locales.judgeable(locales.ranges(value)) is plain


def spoke(locale, asked, origin="REQUEST"):
    return exchange(400, error(message(locale=locale, origin=origin)), asked=asked)


@pytest.mark.parametrize(
    ("asked", "locale", "fine"),
    [
        ("fr", "fr", True), ("fr", "fr-FR", True), ("fr-CA", "fr", True), ("fr-CA", "fr-FR", True), ("FR", "fr-fr", True),
        ("fr", "de", False), ("fr, de;q=0.5", "de", True), ("fr;q=0", "fr", False), ("fr, de;q=0", "de", False),
        ("*", "de", True), ("fr, *;q=0.1", "de", True), ("fr;q=0, *", "fr", False), ("fr;q=0, *", "de", True), ("*;q=0", "fr", False),
        ("de;q=0.5, *;q=0", "de-AT", True), ("qaa", "qaa", False), ("x-klingon", "x-klingon", False), ("*", "qaa", False),
        ("fr", "und", True), ("fr", "und-Latn", True), ("fr_FR", "de", True), ("", "de", True), ("fr, fr-CA;q=0", "fr-CA", True),
        ("zh-Hant", "zh-TW", True), ("de, fr;q=0.5", "fr", True),
        ("*;q=0, fr", "fr", True), ("de;q=0, zh", "zh", True), ("zh;q=0, de", "de", True), ("de-CH;q=0, fr", "de", False),
    ],
)  # fmt: skip
def test_request_names_what_was_asked_for(asked, locale, fine):
    assert ("ERROR-LOCALE-REQUEST" not in blamed(spoke(locale, asked))) is fine


@pytest.mark.parametrize(
    ("tag", "covered", "length"),
    [
        ("*", {"de", "de-at", "fr", "den"}, 0),
        ("de", {"de", "de-at"}, 1),
        ("de-at", {"de-at"}, 2),
        ("den", {"den"}, 1),
        ("es-419-x", set(), 3),
    ],
)
def test_what_a_range_covers_and_how_specific_it_is(tag, covered, length):
    one = locales.Range(tag, 1.0)

    assert {other for other in ("de", "de-at", "fr", "den") if one.covers(other)} == covered
    assert all(one.covers(other.upper()) for other in covered)
    assert one.length == length


def test_of_two_exact_languages_that_were_shown_the_better_one_is_to_be_used():
    shown = [spoke("fr", "fr"), spoke("de", "de")]

    assert blamed(*shown, spoke("de", "fr, de;q=0.5")) == {"ERROR-LOCALE-REQUEST"}
    assert blamed(*shown, spoke("fr", "fr, de;q=0.5")) == set()
    assert blamed(*shown, spoke("de", "fr;q=0.5, de")) == set()
    assert blamed(*shown, spoke("de", "fr, de")) == set()
    assert blamed(*shown, spoke("de", "fr-CA, de;q=0.5")) == set(), "fr-CA was never shown"
    assert blamed(*shown, spoke("de", "fr, de;q=0.5, *;q=0.1")) == set(), "not all ranges are exact tags"
    assert blamed(shown[1], spoke("de", "fr, de;q=0.5")) == set(), "fr was never shown"


def test_a_relative_competes_only_if_it_was_shown_as_chosen_and_another_language_if_it_was_shown_at_all():
    default, chosen = spoke("fr-CA", None, "DEFAULT"), spoke("fr-CA", "fr-CA")

    assert blamed(spoke("fr", "fr"), default, spoke("fr", "fr-CA, fr;q=0.5")) == set()
    assert blamed(spoke("fr", "fr"), chosen, spoke("fr", "fr-CA, fr;q=0.5")) == {"ERROR-LOCALE-REQUEST"}
    for tag in ("en", "zh"):
        assert blamed(spoke(tag, None, "DEFAULT"), spoke("fr", "fr"), spoke("fr", f"{tag}, fr;q=0.5")) == {"ERROR-LOCALE-REQUEST"}


def test_what_was_shown_is_kept_but_for_what_names_no_language():
    clauses = Clauses(DOCUMENTED)
    one = exchange(
        400, error(message(), message(locale="en_US"), message(locale="und"), message(locale="de-AT", origin="REQUEST")), asked="de"
    )
    list(clauses.judge(one))

    assert clauses.languages.shown == {"en-us": one.number, "de-at": one.number}
    assert clauses.languages.asked_for == {"de-at"}


@pytest.mark.parametrize("first", [message(locale="und", origin="REQUEST"), message(locale="en_US", origin="REQUEST")])
def test_a_message_after_one_that_names_no_language_is_judged(first):
    assert "ERROR-LOCALE-REQUEST" in blamed(exchange(400, error(first, message(locale="de", origin="REQUEST")), asked="fr"))


@pytest.mark.parametrize("asked", ["en", "en-US", "*", "de"])
def test_a_default_may_be_said_whatever_was_asked_for(asked):
    assert blamed(spoke("en-US", asked, "DEFAULT"), spoke("en-US", asked, "SOMETHING_NEW"), spoke("en-US", asked, None)) == set()


def test_the_default_is_always_the_same():
    assert blamed(spoke("en-US", None, "DEFAULT"), spoke("en-us", "fr", "DEFAULT")) == set()
    assert blamed(spoke("en-US", None, "DEFAULT"), spoke("en-GB", None, "DEFAULT")) == {"ERROR-LOCALE-DEFAULT"}
    assert blamed(spoke("en", "en", "DEFAULT"), spoke("fr", "fr", "DEFAULT")) == {"ERROR-LOCALE-DEFAULT"}
    assert blamed(spoke("en", None, "DEFAULT"), spoke("und", None, "DEFAULT")) == set()
    assert blamed(exchange(400, error(message(), message(locale="fr")))) == {"ERROR-LOCALE-DEFAULT"}


def test_another_default_is_told_with_the_exchange_that_had_the_first():
    clauses = Clauses(DOCUMENTED)
    first, second = spoke("en", None, "DEFAULT"), spoke("fr", None, "DEFAULT")
    both = exchange(400, error(message(locale="en"), message(locale="fr")))

    assert [one.exchanges for exchange in (first, second) for one in clauses.judge(exchange)] == [(first.number, second.number)]
    assert [one.exchanges for one in Clauses(DOCUMENTED).judge(both)] == [(both.number,)]


def test_without_accept_language_nothing_was_requested():
    assert blamed(spoke("en", None, "REQUEST")) == {"ERROR-LOCALE-DEFAULT"}
    assert blamed(spoke("und", None, "REQUEST")) == set()


def test_the_vendors_second_message_is_no_fault():
    both = error(message(), message(locale="und", origin="REQUEST"))

    assert blamed(exchange(400, both), exchange(400, {**both, "trackingId": "x"}, asked="fr")) == set()


def test_the_languages_of_an_error_are_read_with_their_place_origin_and_text():
    one = error(message("Nein", "de", 7), {"locale": 7, "text": "no"}, message(7, "fr", "REQUEST"), causes=[message("Non", "fr-CA", None)])

    assert locales.spoken(exchange(400, one)) == [
        locales.Spoken("messages[0]", "de", None, "Nein"),
        locales.Spoken("messages[2]", "fr", "REQUEST", None),
        locales.Spoken("causes[0]", "fr-CA", None, "Non"),
    ]
    assert locales.spoken(exchange(403, one)) != []
    assert locales.spoken(exchange(202, one)) == locales.spoken(exchange(400, b"{")) == []


@pytest.mark.parametrize(("length", "shown"), [(119, 119), (120, 120), (121, 119), (500, 119)])
def test_what_was_asked_for_is_told_in_120_characters(length, shown):
    asked = "fr".ljust(length, ",")

    assert findings(spoke("de", asked))["ERROR-LOCALE-REQUEST"].got.endswith(f": {asked[:shown]}{'…' if shown < length else ''}")


def test_causes_are_held_to_the_same():
    one = exchange(400, error(causes=[message(locale="de", origin="REQUEST")]), asked="fr")

    assert blamed(one) == {"ERROR-LOCALE-REQUEST"}


# -------------------------------------------------------------------------------------------------------------- counting


def test_findings_of_a_kind_are_kept_up_to_a_number_and_what_held_is_counted():
    clauses = Clauses(DOCUMENTED)
    found = [evidence for _ in range(60) for evidence in clauses.judge(exchange(404))]
    list(clauses.judge(exchange(202)))

    assert len([one for one in found if one.requirement == "CAR-OP-STATUS"]) == 25
    assert clauses.surplus["CAR-OP-STATUS", "case"] == 35
    assert clauses.held("CAR-OP-STATUS") == 1
    assert {tally.requirement: tally.exchanges for tally in clauses.tallies()}["CAR-OP-ANSWERS"] == 61


def test_an_answer_is_told_in_one_short_line():
    assert exchange(202, b'{"a":\n  1}').got() == '202, {"a": 1}'
    assert exchange(202, b"").got() == "202, no body"
    assert exchange(0, failure=Failure(FailureKind.TIMEOUT, "late")).got() == "no answer: the time limit passed late"
    assert len(exchange(202, b"x" * 10**6).got()) < 200
    assert "\n" not in exchange(202, bytes(range(256)) * 9).got()
