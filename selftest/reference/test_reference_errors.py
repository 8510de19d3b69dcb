"""
The page's section "Responses": the bodies of 400, 401, 403, 429 and 500, and the language they are in.
"""

from __future__ import annotations

import re
import string
import threading
from collections.abc import Callable

import langcodes
import pytest
from reference_api import Api, ids

from closecheck.reference.catalogues import CATALOGUES
from closecheck.reference.localization import Localizer

BODY = {"accessRequestIds": ids(1)}


def test_a_400_is_the_error_object(api: Api) -> None:
    document = api.close({}).json

    assert document["detailCode"] == "400.1 Bad Request Content"
    assert re.fullmatch("[0-9a-f]{32}", document["trackingId"])
    assert document["messages"] == [
        {
            "locale": "en-US",
            "localeOrigin": "DEFAULT",
            "text": "The request was syntactically correct but its content is semantically invalid.",
        }
    ]
    assert [cause["text"] for cause in document["causes"]] == ["accessRequestIds is missing."]


def test_every_broken_rule_is_a_cause(api: Api) -> None:
    causes = api.close({"accessRequestIds": [1, "a", None], "message": 1, "executionStatus": "x"}).json["causes"]

    assert len(causes) == 4


def test_no_two_errors_share_a_tracking_id(api: Api) -> None:
    assert len({api.close({}).json["trackingId"] for _ in range(50)}) == 50


def test_a_403_is_the_error_object(api: Api) -> None:
    reply = api.close(BODY, {"Authorization": f"Bearer {api.server.token(administrator=False)}"})

    assert (reply.status, reply.json["detailCode"], reply.json["causes"]) == (403, "403 Forbidden", [])


def test_a_500_is_provoked_and_closes_nothing(api: Api) -> None:
    before = api.completed
    reply = api.close(BODY, {"X-Provoke": "500"})

    assert (reply.status, reply.json["detailCode"]) == (500, "500.0 Internal Fault")
    assert reply.json["messages"][0]["text"] == "An internal fault occurred."
    assert api.completed == before


def test_a_429_is_provoked_for_one_request_only(api: Api) -> None:
    reply = api.close(BODY, {"X-Provoke": "throttle"})

    assert (reply.status, reply.headers["Retry-After"]) == (429, "1")
    assert reply.json == {"message": " Rate Limit Exceeded "}
    assert api.close(BODY).status == 202


def test_provocations_can_be_forbidden(serve: Callable[..., Api]) -> None:
    api = serve(provocations=False)

    assert api.close(BODY, {"X-Provoke": "500"}).status == 202
    assert "provoke" not in api.server.target()


def test_the_limit_counts_for_each_token(serve: Callable[..., Api]) -> None:
    api = serve(rate_limit="3/1 minute")

    assert [api.close(BODY).status for _ in range(5)] == [202, 202, 202, 429, 429]
    assert 1 <= int(api.close(BODY).headers["Retry-After"]) <= 60
    assert api.close(BODY, {"Authorization": f"Bearer {api.server.token()}"}).status == 202


def test_after_the_wait_a_request_is_answered(serve: Callable[..., Api]) -> None:
    api = serve(rate_limit="1/1 second")
    waits = [reply for reply in (api.close(BODY) for _ in range(3)) if reply.status == 429]

    # No event tells that time has passed: this wait is the promise under test.
    threading.Event().wait(float(waits[-1].headers["Retry-After"]))

    assert api.close(BODY).status == 202


def test_an_unexpected_fault_is_a_500_and_is_kept(serve: Callable[..., Api]) -> None:
    api = serve(lambda reference: setattr(reference, "rules", None))
    reply = api.close(BODY)

    assert (reply.status, reply.json["detailCode"]) == (500, "500.0 Internal Fault")
    assert [type(incident) for incident in api.reference.incidents] == [AttributeError]
    assert b"NoneType" not in reply.body


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("fr", ("fr", "REQUEST")),
        ("FR-ca", ("fr", "REQUEST")),
        ("en", ("en-US", "REQUEST")),
        ("en-GB", ("en-US", "REQUEST")),
        ("xx, de;q=0.5", ("de", "REQUEST")),
        ("fr;q=0.2, ja;q=0.9", ("ja", "REQUEST")),
        ("fr;q=0, *", ("en-US", "REQUEST")),
        ("en;q=0, *;q=0.1", ("de", "REQUEST")),
        ("*;q=0.1, es;q=0.05", ("en-US", "REQUEST")),
        ("*", ("en-US", "REQUEST")),
        ("fr;q=0", ("en-US", "DEFAULT")),
        ("*;q=0", ("en-US", "DEFAULT")),
        ("de-CH, de;q=0", ("en-US", "DEFAULT")),
        ("qaa", ("en-US", "DEFAULT")),
        ("", ("en-US", "DEFAULT")),
        ("fr;q=2", ("en-US", "DEFAULT")),
        ("fr;q=x", ("en-US", "DEFAULT")),
        ("fr_FR", ("en-US", "DEFAULT")),
        ("fren", ("en-US", "DEFAULT")),
        ("x-fr", ("en-US", "DEFAULT")),
        ("zh-Hant-TW, ja-JP-u-ca-japanese;q=0.3", ("ja", "REQUEST")),
    ],
)
def test_the_locale_is_the_best_that_was_asked_for(api: Api, accepted: str, expected: tuple[str, str]) -> None:
    document = api.close({}, {"Accept-Language": accepted}).json

    shown = {(item["locale"], item["localeOrigin"]) for item in document["messages"] + document["causes"]}
    assert shown == {expected}


@pytest.mark.parametrize(
    "accepted",
    [";", ",,,", ";q=1", '"', '"fr', "fr;;q=1", "\xff", "fr;q=0.12345", "*" * 5000, "a-" * 3000, "=", "fr;q"],
)
def test_malformed_fields_are_no_fault(api: Api, accepted: str) -> None:
    assert api.close({}, {"Accept-Language": accepted}).status == 400


def test_a_language_does_not_stick(api: Api) -> None:
    api.close({}, {"Accept-Language": "ja"})

    assert api.close({}).json["messages"][0]["locale"] == "en-US"


def test_several_fields_are_one(api: Api) -> None:
    reply = api.raw(
        b"POST /v2024/access-requests/close HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Length: 0\r\n"
        b"Accept-Language: xx\r\nAccept-Language: es\r\n\r\n" % api.administrator.encode()
    )

    assert b'"locale":"es"' in reply


def test_every_catalogue_has_the_same_keys_and_placeholders() -> None:
    def shape(catalogue: dict[str, str]) -> dict[str, set[str | None]]:
        return {key: {part[1] for part in string.Formatter().parse(text)} - {None} for key, text in catalogue.items()}

    shapes = [shape(dict(catalogue)) for catalogue in CATALOGUES.values()]

    assert all(other == shapes[0] for other in shapes)
    assert all(langcodes.tag_is_valid(tag) for tag in CATALOGUES)


def test_no_two_languages_share_a_text() -> None:
    localizer = Localizer()
    for key in CATALOGUES[localizer.default_tag]:
        texts = [catalogue[key] for catalogue in CATALOGUES.values()]

        assert len(set(texts)) == len(texts), key
