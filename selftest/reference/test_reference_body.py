"""
The page's section "Body": what is accepted, what is refused, and with which status.
"""

from __future__ import annotations

import json

import pytest
from reference_api import Api, ids

ONE = ids(1)


@pytest.mark.parametrize("number", [1, 2, 249, 255, 256, 257, 499, 500])
def test_every_number_of_ids_up_to_500_is_accepted(api: Api, number: int) -> None:
    assert api.close({"accessRequestIds": ids(number)}).status == 202


@pytest.mark.parametrize("number", [0, 501, 502, 600, 1000, 1500])
def test_other_numbers_are_refused(api: Api, number: int) -> None:
    assert api.close({"accessRequestIds": ids(number)}).status == 400


def test_repeated_ids_count_as_entries(api: Api) -> None:
    assert api.close({"accessRequestIds": ids(500) + ONE}).status == 400


def test_the_202_is_an_object(api: Api) -> None:
    reply = api.close({"accessRequestIds": ONE})

    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json["errors"] == []


@pytest.mark.parametrize("execution", ["Terminated", "Completed"])
@pytest.mark.parametrize("completion", ["Success", "Incomplete", "Failure"])
@pytest.mark.parametrize("message", [{}, {"message": "Because."}])
def test_every_combination_is_accepted(api: Api, execution: str, completion: str, message: dict[str, str]) -> None:
    body = {"accessRequestIds": ONE, "executionStatus": execution, "completionStatus": completion, **message}

    assert api.close(body).status == 202


@pytest.mark.parametrize("ids", [None, "a", 1, True, {}, {"0": "a"}, [None], ["a", 1], ["a", True], [["a"]], [{}]])
def test_ids_of_another_type_are_refused(api: Api, ids: object) -> None:
    assert api.close({"accessRequestIds": ids}).status == 400


def test_missing_ids_are_refused(api: Api) -> None:
    assert api.close({"message": "Because."}).status == 400


@pytest.mark.parametrize("member", ["message", "executionStatus", "completionStatus"])
@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], ["Failure"], {}])
def test_optional_members_of_another_type_are_refused(api: Api, member: str, value: object) -> None:
    assert api.close({"accessRequestIds": ONE, member: value}).status == 400


@pytest.mark.parametrize(
    "body",
    [
        {"executionStatus": "terminated"},
        {"executionStatus": "TERMINATED"},
        {"executionStatus": " Terminated"},
        {"executionStatus": ""},
        {"executionStatus": "Failure"},
        {"completionStatus": "success"},
        {"completionStatus": "Failure "},
        {"completionStatus": "Terminated"},
        {"completionStatus": "Pending"},
    ],
)
def test_values_beside_the_documented_ones_are_refused(api: Api, body: dict[str, str]) -> None:
    assert api.close({"accessRequestIds": ONE, **body}).status == 400


@pytest.mark.parametrize(
    "message",
    ["", "   ", "a" * 100_000, "Grüße, 世界 🙂", "100% {0} \\", "<b>'\"", "a\tb\r\n\u2028", "\u202eabc", "nul \x00"],
)
def test_every_text_is_a_message(api: Api, message: str) -> None:
    assert api.close({"accessRequestIds": ONE, "message": message}).status == 202


@pytest.mark.parametrize("identifier", ["", " ", "x", "A-B", "ü", "\x00", "a" * 1000])
def test_ids_are_opaque(api: Api, identifier: str) -> None:
    assert api.close({"accessRequestIds": [identifier]}).status == 202


@pytest.mark.parametrize(
    "body",
    [
        b'{"message": "\\ud800", "accessRequestIds": ["a"]}',
        b'{"accessRequestIds": ["\\udfff"]}',
        b'{"executionStatus": "\\ud800", "accessRequestIds": ["a"]}',
    ],
)
def test_half_a_surrogate_pair_is_refused(api: Api, body: bytes) -> None:
    assert api.close(body).status == 400


def test_unknown_members_are_ignored(api: Api) -> None:
    body = b'{"accessRequestIds": ["a"], "x": %b, "y": 1e999, "z": "\\ud800"}' % (b"9" * 5000)

    assert api.close(body).status == 202


@pytest.mark.parametrize("value", [None, [], "a", 1, True, ["a"]])
def test_other_values_than_objects_are_refused(api: Api, value: object) -> None:
    assert api.close(json.dumps(value).encode()).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n\t",
        b"accessRequestIds",
        b'{"accessRequestIds": ["a"]',
        b'{"accessRequestIds": ["a"],}',
        b'{"accessRequestIds": ["a"]} x',
        b"{'accessRequestIds': ['a']}",
        b'{"accessRequestIds": ["a"], "x": NaN}',
        b'{"accessRequestIds": ["a"], "x": -Infinity}',
        b'{"accessRequestIds": ["a"], "x": 01}',
        b'{"accessRequestIds": ["a"] /* why */}',
        b'{"accessRequestIds": ["a\tb"]}',
        b'\xef\xbb\xbf{"accessRequestIds": ["a"]}',
        b'{"accessRequestIds": ["\xff"]}',
        b'{"accessRequestIds": ["\xed\xa0\x80"]}',
        '{"accessRequestIds": ["a"]}'.encode("utf-16"),
        b"\x1f\x8b\x08\x00",
        b"[" * 100_000,
        b'{"accessRequestIds": ["a"], "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
)
def test_what_is_no_json_is_refused(api: Api, body: bytes) -> None:
    assert api.close(body).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b' \r\n{ "message" :\t"b", "accessRequestIds" : [ "a" ] }\n',
        b'{"\\u0061ccessRequestIds":["\\u0061"],"executionStatus":"\\u0054erminated"}',
        b'{"accessRequestIds":["a"],"message":"\\ud83d\\ude42 \\/"}',
    ],
)
def test_every_spelling_of_json_is_understood(api: Api, body: bytes) -> None:
    assert api.close(body).status == 202


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json ; charset="utf-8"',
        "APPLICATION/JSON",
        "application/json;",
        'application/json; x="a;b"',
    ],
)
def test_every_spelling_of_the_media_type_is_understood(api: Api, media_type: str) -> None:
    assert api.close({"accessRequestIds": ONE}, {"Content-Type": media_type}).status == 202


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/jsonx", "", "*/*", "json"])
def test_other_media_types_are_refused(api: Api, media_type: str) -> None:
    assert api.close({"accessRequestIds": ONE}, {"Content-Type": media_type}).status == 400


def test_a_missing_media_type_is_refused(api: Api) -> None:
    headers = {"Authorization": f"Bearer {api.administrator}"}

    assert api.close({"accessRequestIds": ONE}, headers, bare=True).status == 400


def test_the_query_is_ignored(api: Api) -> None:
    path = "/v2024/access-requests/close?accessRequestIds=&executionStatus=x&access_token=y"

    assert api.request("POST", path, {"accessRequestIds": ONE}).status == 202
    assert api.request("POST", "/v2024/access-requests/close?accessRequestIds=a", {}).status == 400


def test_a_body_over_the_limit_is_refused_with_413(api: Api) -> None:
    reply = api.close(b" " * (4 * 1024 * 1024 + 1))

    assert (reply.status, reply.json["detailCode"]) == (413, "413 Too Large")


def test_a_body_of_two_megabytes_is_read(api: Api) -> None:
    assert api.close({"accessRequestIds": ONE, "message": "a" * 2_000_000}).status == 202
