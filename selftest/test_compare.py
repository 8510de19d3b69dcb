"""A published document against the contract: what is looser, stricter, missing, and what is blamed for nothing."""

import copy
import io
import json
import re
import socket
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from closecheck.contract.specification import contract
from closecheck.model.errors import UsageError
from closecheck.openapi.comparing import compare, expressible
from closecheck.openapi.rendering import render, show

ROOT = Path(__file__).parents[1]
FIXTURES = Path(__file__).parent / "openapi"
OWN = ROOT / "spec" / "openapi.yaml"
GONE = object()
REQUEST = "components/schemas/CloseAccessRequest"
IDS = f"{REQUEST}/properties/accessRequestIds"
MESSAGE = f"{REQUEST}/properties/message"
EXECUTION = f"{REQUEST}/properties/executionStatus"
ERROR = "components/schemas/ErrorResponse"
OPERATION = "paths/~1access-requests~1close/post"
ANSWERS = f"{OPERATION}/responses"
JSON = "content/application~1json"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a comparison opens no connection")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def edited(document, changes):
    """Return the document with the value at each pointer replaced, added, or taken out."""
    document = copy.deepcopy(document)
    for pointer, value in changes.items():
        around = document
        *steps, last = (token.replace("~1", "/") for token in pointer.split("/"))
        for step in steps:
            around = around[int(step)] if isinstance(around, list) else around.setdefault(step, {})
        if value is GONE:
            del around[last]
        else:
            around[last] = value
    return document


def without_anchors(text):
    """Return YAML data in which nothing is shared: an edit in one place is no edit in another."""
    return json.loads(json.dumps(yaml.safe_load(text)))


DOCUMENT = without_anchors(OWN.read_text())


@pytest.fixture
def differing(tmp_path):
    """Compare the contract's own document after some changes; return the relation of each requirement that differs."""

    def compared(changes, base=DOCUMENT):
        file = tmp_path / "published.yaml"
        file.write_text(json.dumps(edited(base, changes), indent=1))
        return relations(compare(file))

    return compared


def relations(told):
    return {one.requirement.id: str(one.relation) for one in told.comparisons if one.relation not in {"same", "not expressible"}}


def reading(told, requirement):
    return next(one for one in told.comparisons if one.requirement.id == requirement).readings[0]


# ------------------------------------------------------------------------------------------------------------- fixtures


@pytest.mark.parametrize("name", ["swagger-2.0.json", "composed-3.1.yaml", "../../spec/openapi.yaml"])
def test_a_document_that_says_what_the_contract_says_is_all_same(name):
    told = compare(FIXTURES / name)

    assert relations(told) == {}
    assert told.exit_code == 0
    assert (
        told.headline
        == f"compared: {told.expressible} of {len(told.comparisons)} requirements can be expressed in OpenAPI; {told.expressible} same, 0 looser, 0 stricter, 0 missing"
    )


def test_the_shape_that_the_vendor_publishes_is_looser_where_only_prose_limits():
    told = compare(FIXTURES / "vendor.yaml")

    assert relations(told) == {
        "CAR-IDS-MIN": "looser", "CAR-IDS-MAX": "looser", "CAR-IDS-MAX-ENTRIES": "looser", "CAR-ERROR-COMPLETE": "looser", "CAR-FAULT-BODY": "looser",
        "CAR-AUTH-401-BODY": "looser", "CAR-AUTH-401-COMPLETE": "looser", "CAR-AUTH-CHALLENGE": "missing",
        "CAR-RATE-RETRY-AFTER": "missing", "CAR-RATE-BODY": "looser", "CAR-RATE-COMPLETE": "looser",
    }  # fmt: skip
    assert told.exit_code == 1
    limit = reading(told, "CAR-IDS-MAX")
    lines = (FIXTURES / "vendor.yaml").read_text().splitlines()
    assert "accessRequestIds:" in lines[limit.document.line - 1]
    assert limit.document.says.startswith("no maxItems")
    assert (limit.contract.says, limit.case) == ("maxItems: 500", "ids/501")
    assert "maxItems: 500" in OWN.read_text().splitlines()[limit.contract.line - 1]


@pytest.mark.parametrize("version", ["3.1.1", "3.2.0"])
def test_later_versions_are_read_as_3_1_is(differing, version):
    assert differing({"openapi": version}) == {}


def test_references_lead_from_file_to_file_and_a_difference_names_the_file_it_stands_in():
    told = compare(FIXTURES / "split" / "openapi.yaml")

    assert relations(told) == {"CAR-IDS-MAX": "looser", "CAR-IDS-MAX-ENTRIES": "looser"}
    place = reading(told, "CAR-IDS-MAX").document
    assert (place.at, place.pointer) == ("schemas/Close.yaml:4", "#/properties/accessRequestIds/maxItems")


def test_one_sin_hides_no_other():
    told = compare(FIXTURES / "sins.yaml")
    found = relations(told)

    stricter = {"CAR-OP-HEADERS", "CAR-IDS-RANGE", "CAR-MESSAGE-TEXT", "CAR-EXECUTION-VALUES", "CAR-STATUS-COMBINATIONS"}
    looser = {
        "CAR-OP-STATUS", "CAR-OP-SAFE-METHODS", "CAR-OP-OTHER-METHODS", "CAR-OP-QUERY-IGNORED", "CAR-BODY-REQUIRED", "CAR-BODY-MEDIA-TYPE", "CAR-IDS-MIN",
        "CAR-MESSAGE-NULL", "CAR-EXECUTION-CLOSED", "CAR-COMPLETION-CLOSED", "CAR-AUTH-MISSING", "CAR-FAULT-BODY", "CAR-LIFE-EXECUTION-DEFAULT",
    }  # fmt: skip
    missing = {
        "CAR-OP-ACCEPTS", "CAR-OP-MEDIA-TYPE", "CAR-ACCEPTED-BODY", "CAR-ERROR-OBJECT", "CAR-ERROR-TEXT", "CAR-ERROR-COMPLETE", "CAR-AUTH-401-BODY",
        "CAR-AUTH-CHALLENGE", "CAR-RATE-RETRY-AFTER", "CAR-RATE-BODY", "CAR-LIFE-MESSAGE-DEFAULT", "CAR-LIFE-COMPLETION-DEFAULT",
    }  # fmt: skip
    expected = {**dict.fromkeys(stricter, "stricter"), **dict.fromkeys(looser, "looser"), **dict.fromkeys(missing, "missing")}
    assert {one: found.get(one) for one in expected} == expected
    same = {
        "CAR-BODY-OBJECT",
        "CAR-IDS-REQUIRED",
        "CAR-IDS-ARRAY",
        "CAR-IDS-ITEMS",
        "CAR-IDS-MAX",
        "CAR-MESSAGE-OPTIONAL",
        "CAR-COMPLETION-VALUES",
        "CAR-EXECUTION-TYPE",
    }
    assert same & set(found) == set()
    assert {one.choice for one in told.choices} >= {"unknown-members", "duplicate-ids", "long-message"}


def test_what_can_be_expressed_is_told_by_the_contracts_own_document():
    assert len(expressible()) == 55
    assert {one for one in contract().ids if one.startswith("CAR-IDS-")} <= expressible()
    assert (
        not {"CAR-OP-NO-500", "CAR-BODY-JSON", "CAR-BODY-UTF8", "CAR-ERROR-TRACKING-ID-UNIQUE", "CAR-LIFE-STARTED", "CAR-RATE-TRUTHFUL"}
        & expressible()
    )


# ---------------------------------------------------------------------------------------------------- one edit, one blame


LOOSER, STRICTER, MISSING = "looser", "stricter", "missing"
BODY = {
    "no lower limit": ({f"{IDS}/minItems": GONE}, {"CAR-IDS-MIN": LOOSER}),
    "a higher limit": ({f"{IDS}/maxItems": 501}, {"CAR-IDS-MAX": LOOSER, "CAR-IDS-MAX-ENTRIES": LOOSER}),
    "a lower limit": ({f"{IDS}/maxItems": 499}, {"CAR-IDS-RANGE": STRICTER}),
    "a higher lower limit": ({f"{IDS}/minItems": 2}, {"CAR-IDS-RANGE": STRICTER, "CAR-OP-ACCEPTS": STRICTER}),
    "ids of another form": ({f"{IDS}/items/pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-"}, {"CAR-OP-ACCEPTS": STRICTER}),
    "ids as UUIDs": ({f"{IDS}/items/format": "uuid"}, {"CAR-OP-ACCEPTS": STRICTER}),
    "ids as numbers too": ({f"{IDS}/items/type": ["string", "integer"]}, {"CAR-IDS-ITEMS": LOOSER}),
    "ids of no type": ({f"{IDS}/items": {}}, {"CAR-IDS-ITEMS": LOOSER}),
    "one id instead of a list": ({f"{IDS}/type": ["array", "string"]}, {"CAR-IDS-ARRAY": LOOSER}),
    "ids that are not required": ({f"{REQUEST}/required": GONE}, {"CAR-IDS-REQUIRED": LOOSER}),
    "a member more that is required": (
        {f"{REQUEST}/required": ["accessRequestIds", "reason"], f"{REQUEST}/properties/reason": {"type": "string", "pattern": "^[A-Z]+-[0-9]+$"}},
        {"CAR-OP-ACCEPTS": STRICTER},
    ),
    "a message that is required": ({f"{REQUEST}/required": ["accessRequestIds", "message"]}, {"CAR-OP-ACCEPTS": STRICTER, **dict.fromkeys(("CAR-MESSAGE-OPTIONAL", "CAR-EXECUTION-OPTIONAL", "CAR-COMPLETION-OPTIONAL"), STRICTER)}),
    "a shorter message": ({f"{MESSAGE}/maxLength": 999}, {"CAR-MESSAGE-TEXT": STRICTER}),
    "a message of 1,000 characters": ({f"{MESSAGE}/maxLength": 1000}, {}),
    "a message of letters": ({f"{MESSAGE}/pattern": "^[ -~]+$"}, {"CAR-MESSAGE-TEXT": STRICTER, "CAR-MESSAGE-BLANK": STRICTER}),
    "a message with a mark": ({f"{MESSAGE}/pattern": "\\S"}, {"CAR-MESSAGE-BLANK": STRICTER}),
    "a message of null": ({f"{MESSAGE}/type": ["string", "null"]}, {"CAR-MESSAGE-NULL": LOOSER}),
    "a message that is not named": (
        {MESSAGE: GONE},
        {"CAR-MESSAGE-OPTIONAL": MISSING, "CAR-MESSAGE-TYPE": MISSING, "CAR-MESSAGE-NULL": MISSING, "CAR-MESSAGE-TEXT": MISSING, "CAR-MESSAGE-BLANK": MISSING, "CAR-LIFE-MESSAGE-DEFAULT": MISSING},
    ),
    "a status in capitals": (
        {f"{EXECUTION}/enum": ["TERMINATED", "COMPLETED"]},
        {"CAR-EXECUTION-VALUES": STRICTER, "CAR-EXECUTION-CLOSED": LOOSER, "CAR-STATUS-COMBINATIONS": STRICTER},
    ),
    "a status more": ({f"{EXECUTION}/enum": ["Terminated", "Completed", "Rejected by hand"]}, {"CAR-EXECUTION-CLOSED": LOOSER}),
    "a status more, alone": ({EXECUTION: {"default": "Terminated", "oneOf": [{"const": one} for one in ("Terminated", "Completed", "Halted by hand")]}}, {"CAR-EXECUTION-CLOSED": LOOSER}),
    "a status less": ({f"{EXECUTION}/enum": ["Terminated"]}, {"CAR-EXECUTION-VALUES": STRICTER, "CAR-STATUS-COMBINATIONS": STRICTER}),
    "a status of null": ({f"{EXECUTION}/enum": ["Terminated", "Completed", None], f"{EXECUTION}/type": ["string", "null"]}, {"CAR-EXECUTION-NULL": LOOSER}),
    "any status": ({f"{EXECUTION}/enum": GONE}, {"CAR-EXECUTION-CLOSED": LOOSER}),
    "another default": ({f"{EXECUTION}/default": "Completed"}, {"CAR-LIFE-EXECUTION-DEFAULT": LOOSER}),
    "no default": ({f"{EXECUTION}/default": GONE}, {"CAR-LIFE-EXECUTION-DEFAULT": MISSING}),
    "no further members": ({f"{REQUEST}/additionalProperties": False}, {}),
    "a body that may be left out": ({f"{OPERATION}/requestBody/required": GONE}, {"CAR-BODY-REQUIRED": LOOSER}),
    "another media type too": ({f"{OPERATION}/requestBody/content/text~1json": {}}, {"CAR-BODY-MEDIA-TYPE": LOOSER}),
    "a read-only member": ({f"{REQUEST}/properties/id": {"type": "string", "readOnly": True}, f"{REQUEST}/required": ["accessRequestIds", "id"]}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", BODY)
def test_a_change_of_the_request_body_is_blamed_on_what_it_breaks(differing, name):
    changes, expected = BODY[name]

    assert differing(changes) == expected


AROUND = {
    "a 200 instead": ({f"{ANSWERS}/202": GONE, f"{ANSWERS}/200": {"description": "ok"}}, {"CAR-OP-ACCEPTS": MISSING, "CAR-ACCEPTED-BODY": MISSING, "CAR-OP-STATUS": LOOSER}),
    "a 422 besides": ({f"{ANSWERS}/422": {"description": "not valid"}}, {"CAR-OP-STATUS": LOOSER}),
    "a 404 besides": ({f"{ANSWERS}/404": {"description": "unknown id"}}, {"CAR-OP-STATUS": LOOSER}),
    "what HTTP answers of its own": ({f"{ANSWERS}/415": {"description": "no JSON"}, f"{ANSWERS}/413": {"description": "too large"}}, {}),
    "any other answer": ({f"{ANSWERS}/default": {"description": "else"}}, {"CAR-OP-STATUS": LOOSER}),
    "nothing but a default": (
        {ANSWERS: {"default": DOCUMENT["paths"]["/access-requests/close"]["post"]["responses"]["500"]}},
        {
            "CAR-OP-STATUS": LOOSER, **dict.fromkeys(
                ("CAR-OP-ACCEPTS", "CAR-ACCEPTED-BODY", "CAR-AUTH-401-BODY", "CAR-AUTH-401-COMPLETE", "CAR-AUTH-CHALLENGE", "CAR-RATE-RETRY-AFTER", "CAR-RATE-BODY", "CAR-RATE-COMPLETE"), MISSING
            ),
        },
    ),
    "a range of answers": ({f"{ANSWERS}/5XX": {"description": "else"}}, {"CAR-OP-STATUS": LOOSER}),
    "no 403": ({f"{ANSWERS}/403": GONE}, {"CAR-AUTH-FORBIDDEN": MISSING}),
    "no 400": ({f"{ANSWERS}/400": GONE}, {"CAR-ERROR-OBJECT": MISSING}),
    "no 500": ({f"{ANSWERS}/500": GONE}, {"CAR-FAULT-BODY": MISSING}),
    "no 401": ({f"{ANSWERS}/401": GONE}, {"CAR-AUTH-MISSING": MISSING, "CAR-AUTH-401-BODY": MISSING, "CAR-AUTH-401-COMPLETE": MISSING, "CAR-AUTH-CHALLENGE": MISSING}),
    "no 429": ({f"{ANSWERS}/429": GONE}, {"CAR-RATE-RETRY-AFTER": MISSING, "CAR-RATE-BODY": MISSING, "CAR-RATE-COMPLETE": MISSING}),
    "no wait": ({f"{ANSWERS}/429/headers": GONE}, {"CAR-RATE-RETRY-AFTER": MISSING}),
    "a wait that may be left out": ({f"{ANSWERS}/429/headers/Retry-After/required": False}, {"CAR-RATE-RETRY-AFTER": LOOSER}),
    "a wait in words": ({f"{ANSWERS}/429/headers/Retry-After/schema": {"type": "string", "format": "date-time"}}, {"CAR-RATE-RETRY-AFTER": LOOSER}),
    "a wait in seconds": ({f"{ANSWERS}/429/headers/Retry-After/schema": {"type": "integer"}}, {}),
    "a wait under another spelling": ({f"{ANSWERS}/429/headers": {"retry-after": {"required": True, "schema": {"type": "string"}}}}, {}),
    "no challenge": ({f"{ANSWERS}/401/headers": GONE}, {"CAR-AUTH-CHALLENGE": MISSING}),
    "a 202 without a body": ({f"{ANSWERS}/202/content": GONE}, {"CAR-OP-MEDIA-TYPE": MISSING, "CAR-ACCEPTED-BODY": MISSING}),
    "a list as 202": ({f"{ANSWERS}/202/{JSON}/schema": {"type": "array"}}, {"CAR-ACCEPTED-BODY": LOOSER}),
    "a closed 202": ({f"{ANSWERS}/202/{JSON}/schema": {"type": "object", "additionalProperties": False}}, {}),
    "anything as media type": ({f"{ANSWERS}/202/content": {"*/*": {"schema": {"type": "object"}}}}, {"CAR-OP-MEDIA-TYPE": LOOSER}),
    "another media type as well": ({f"{ANSWERS}/202/content/application~1xml": {}}, {}),
    "a header that is demanded": ({f"{OPERATION}/parameters": [{"name": "X-Tenant", "in": "header", "required": True, "schema": {}}]}, {"CAR-OP-HEADERS": STRICTER}),
    "a header of the path that is demanded": ({"paths/~1access-requests~1close/parameters": [{"name": "X-Tenant", "in": "header", "required": True, "schema": {}}]}, {"CAR-OP-HEADERS": STRICTER}),
    "a header that may be sent": ({f"{OPERATION}/parameters": [{"name": "Accept-Language", "in": "header", "schema": {}}]}, {}),
    "the header that every request has": ({f"{OPERATION}/parameters": [{"name": "authorization", "in": "header", "required": True, "schema": {}}]}, {}),
    "a query that is demanded": ({f"{OPERATION}/parameters": [{"name": "tenant", "in": "query", "required": True, "schema": {}}]}, {"CAR-OP-ACCEPTS": STRICTER}),
    "a member in the query": ({f"{OPERATION}/parameters": [{"name": "message", "in": "query", "schema": {}}]}, {"CAR-OP-QUERY-IGNORED": LOOSER}),
    "a GET that closes": ({"paths/~1access-requests~1close/get": {"responses": {"202": {"description": "closed"}}}}, {"CAR-OP-SAFE-METHODS": LOOSER}),
    "a GET that shows": ({"paths/~1access-requests~1close/get": {"responses": {"200": {"description": "a page"}}}}, {}),
    "a PUT": ({"paths/~1access-requests~1close/put": {"responses": {"200": {"description": "ok"}}}}, {"CAR-OP-OTHER-METHODS": LOOSER}),
    "no security": ({f"{OPERATION}/security": GONE}, {"CAR-AUTH-MISSING": MISSING}),
    "security of the whole document": ({f"{OPERATION}/security": GONE, "security": [{"userAuth": []}]}, {}),
    "security that may be left out": ({f"{OPERATION}/security": [{"userAuth": []}, {}]}, {"CAR-AUTH-MISSING": LOOSER}),
    "an empty security": ({f"{OPERATION}/security": []}, {"CAR-AUTH-MISSING": LOOSER}),
    "a key instead": ({"components/securitySchemes/userAuth": {"type": "apiKey", "in": "header", "name": "X-Key"}}, {"CAR-OP-HEADERS": STRICTER}),
    "a key in the query": ({"components/securitySchemes/userAuth": {"type": "apiKey", "in": "query", "name": "key"}}, {"CAR-OP-ACCEPTS": STRICTER, "CAR-OP-QUERY-IGNORED": LOOSER}),
    "a password instead": ({"components/securitySchemes/userAuth": {"type": "http", "scheme": "basic"}}, {"CAR-OP-ACCEPTS": STRICTER}),
    "a bearer token by OAuth": ({"components/securitySchemes/userAuth": {"type": "oauth2", "flows": {}}}, {}),
    "a bearer token as a header": ({"components/securitySchemes/userAuth": {"type": "apiKey", "in": "header", "name": "authorization"}}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", AROUND)
def test_a_change_around_the_bodies_is_blamed_on_what_it_breaks(differing, name):
    changes, expected = AROUND[name]

    assert differing(changes) == expected


ERRORS = {
    "a code that is a number": ({f"{ERROR}/properties/detailCode/type": "integer"}, {"CAR-ERROR-DETAIL-CODE": LOOSER, "CAR-FAULT-BODY": LOOSER}),
    "an id that may be null": ({f"{ERROR}/properties/trackingId/type": ["string", "null"]}, {"CAR-ERROR-TRACKING-ID": LOOSER, "CAR-ERROR-COMPLETE": LOOSER, "CAR-FAULT-BODY": LOOSER}),
    "a member that is not required": ({f"{ERROR}/required": ["detailCode", "messages"]}, {"CAR-ERROR-COMPLETE": LOOSER, "CAR-FAULT-BODY": LOOSER}),
    "a text that is not required": ({"components/schemas/ErrorMessage/required": []}, {"CAR-ERROR-COMPLETE": LOOSER, "CAR-FAULT-BODY": LOOSER}),
    "more that is required": ({f"{ERROR}/required": ["detailCode", "trackingId", "messages", "causes", "time"]}, {}),
    "causes that are not named": ({f"{ERROR}/properties/causes": GONE}, {}),
    "messages of nothing but text": ({"components/schemas/ErrorMessage/properties": {"text": {"type": "string"}}}, {}),
    "messages of text alone": ({f"{ERROR}/properties/messages/items": {"type": "string"}}, {"CAR-ERROR-MESSAGES": LOOSER, "CAR-FAULT-BODY": LOOSER}),
    "causes that never come": ({f"{ERROR}/properties/causes": GONE, f"{ERROR}/additionalProperties": False}, {}),
    "a locale of two": ({"components/schemas/ErrorMessage/properties/locale": {"type": "string", "enum": ["en-US", "fr"]}}, {}),
    "an envelope": (
        {f"{ANSWERS}/400/{JSON}/schema": {"type": "object", "required": ["error"], "properties": {"error": {"$ref": "#/components/schemas/ErrorResponse"}}}},
        dict.fromkeys(("CAR-ERROR-OBJECT", "CAR-ERROR-DETAIL-CODE", "CAR-ERROR-TRACKING-ID", "CAR-ERROR-MESSAGES", "CAR-ERROR-LOCALE", "CAR-ERROR-LOCALE-ORIGIN", "CAR-ERROR-TEXT", "CAR-ERROR-COMPLETE"), MISSING),
    ),
    "a 500 of its own": ({f"{ANSWERS}/500/{JSON}/schema": {"type": "string"}}, {"CAR-FAULT-BODY": LOOSER}),
    "a 401 with a number": ({"components/schemas/Unauthorized/properties/error/type": "number"}, {"CAR-AUTH-401-BODY": LOOSER}),
    "an empty 401": ({"components/schemas/Unauthorized/required": GONE}, {"CAR-AUTH-401-COMPLETE": LOOSER}),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_a_change_of_an_answer_is_blamed_on_what_it_breaks(differing, name):
    changes, expected = ERRORS[name]

    assert differing(changes) == expected


# ------------------------------------------------------------------------------------------------------ versions, idioms


VENDOR = without_anchors((FIXTURES / "vendor.yaml").read_text())
SWAGGER = json.loads((FIXTURES / "swagger-2.0.json").read_text())
EXPECTED_OF_VENDOR = relations(compare(FIXTURES / "vendor.yaml"))


@pytest.mark.parametrize(
    ("change", "added"),
    [
        ({"nullable": True}, {"CAR-MESSAGE-NULL"}),
        ({"nullable": True, "enum": ["a"]}, {"CAR-MESSAGE-TEXT", "CAR-MESSAGE-BLANK", "CAR-OP-ACCEPTS", "CAR-STATUS-COMBINATIONS"}),
        ({"type": ["string", "null"]}, None),
    ],
    ids=["beside a type", "beside an enum that lacks null", "as 3.1 says it"],
)
def test_null_is_read_by_the_letter_of_3_0(differing, change, added):
    changes = {f"{MESSAGE}/{name}": value for name, value in change.items()}
    if added is None:
        with pytest.raises(UsageError, match=r"message/type: is not valid OpenAPI 3\.0"):
            differing(changes, VENDOR)
    else:
        found = differing(changes, VENDOR)

        assert set(found) - set(EXPECTED_OF_VENDOR) <= added | {"CAR-EXECUTION-OPTIONAL", "CAR-COMPLETION-OPTIONAL"}
        assert ("CAR-MESSAGE-NULL" in found) == (added == {"CAR-MESSAGE-NULL"})


def test_what_stands_beside_a_reference_counts_from_3_1_on(differing):
    beside = {f"{IDS}/items": {"$ref": "#/components/schemas/Id", "maxLength": 8}, "components/schemas/Id": {"type": "string"}}

    assert differing(beside) == {"CAR-OP-ACCEPTS": STRICTER}
    assert differing(beside, VENDOR) == EXPECTED_OF_VENDOR


def test_members_that_one_branch_closes_to_another_are_refused(differing):
    base = DOCUMENT["components"]["schemas"]["CloseAccessRequest"]
    composed = {
        "allOf": [{"$ref": "#/components/schemas/Base"}, {"type": "object", "properties": {"note": {}}, "additionalProperties": False}]
    }

    found = differing({"components/schemas/Base": base, REQUEST: composed})

    assert found["CAR-OP-ACCEPTS"] == STRICTER
    assert found["CAR-IDS-RANGE"] == STRICTER


def test_alternatives_are_asked_as_a_whole(differing):
    one, three = ({"required": ["executionStatus"]}, {"required": ["completionStatus"]})

    assert differing({f"{REQUEST}/anyOf": [one, three, {"properties": {"message": {}}}]}) == {}
    assert "CAR-EXECUTION-OPTIONAL" in differing({f"{REQUEST}/oneOf": [one, three]})


def test_extensions_for_null_are_understood_in_2_0(differing):
    assert differing({"definitions/Close/properties/message/x-nullable": True}, SWAGGER) == {"CAR-MESSAGE-NULL": LOOSER}
    assert differing({"definitions/Close/properties/executionStatus/x-nullable": True}, SWAGGER) == {"CAR-EXECUTION-NULL": LOOSER}


def test_media_types_of_2_0_come_from_the_operation_or_the_document(differing):
    post = "paths/~1access-requests~1close/post"

    assert differing({f"{post}/consumes": ["application/json", "application/xml"]}, SWAGGER) == {"CAR-BODY-MEDIA-TYPE": LOOSER}
    assert differing({f"{post}/consumes": ["application/xml"]}, SWAGGER) == {"CAR-BODY-MEDIA-TYPE": LOOSER, "CAR-OP-ACCEPTS": STRICTER}
    assert differing({"produces": GONE, "consumes": GONE}, SWAGGER) == {"CAR-BODY-MEDIA-TYPE": MISSING, "CAR-OP-MEDIA-TYPE": MISSING}
    assert differing({f"{post}/produces": ["application/hal+json"]}, SWAGGER) == {"CAR-OP-MEDIA-TYPE": LOOSER}


def test_a_document_that_refuses_everything_says_so(tmp_path):
    file = tmp_path / "published.json"
    file.write_text(json.dumps(edited(DOCUMENT, {f"{REQUEST}/not": {}})))

    told = compare(file)

    assert relations(told)["CAR-OP-ACCEPTS"] == STRICTER
    assert any("whatever is added or left out" in one for one in told.notes)


def test_an_answer_that_promises_more_is_no_fault_but_noted():
    told = compare(FIXTURES / "composed-3.1.yaml")

    assert any(one.startswith("403: the documentation's own example is not valid") and "required" in one for one in told.notes)


# ------------------------------------------------------------------------------------------------- finding the operation


@pytest.mark.parametrize(
    ("path", "extra"),
    [
        ("/v2024/access-requests/close", {}),
        ("/access-requests/v1/close", {}),
        ("/{tenant}/access-requests/close", {}),
        ("/access-requests/{version}/close", {}),
        ("/requests/close", {"servers": [{"url": "https://example.com/v3/access"}]}),
        ("/close", {"servers": [{"url": "https://a.example/x"}, {"url": "https://b.example/access-requests/"}]}),
    ],
)
def test_the_operation_is_found_under_another_prefix(tmp_path, path, extra):
    document = {**copy.deepcopy(DOCUMENT), **extra}
    document["paths"] = {
        "/other": {"post": {"responses": {"200": {"description": "ok"}}}},
        path: document["paths"].pop("/access-requests/close"),
    }
    file = tmp_path / "published.json"
    file.write_text(json.dumps(document))
    found = "access-requests/" in "".join(server["url"] for server in document["servers"]) + path

    told = compare(file, "" if found else path)

    assert told.path == path
    assert told.exit_code == 0


NOT_FOUND = {
    "nearest": (
        ["/access-requests/cancel", "/Access-Requests/Close"],
        "",
        ["no path ends in /access-requests/close", "/Access-Requests/Close", "--path"],
    ),
    "none alike": (["/pets"], "", ["1 path", "none is like it"]),
    "several": (["/beta/access-requests/close", "/v3/access-requests/close"], "", ["several", "--path /beta/access-requests/close"]),
    "not the named one": (["/access-requests/close"], "/access-requests/closed", ["--path", "/access-requests/close"]),
}


@pytest.mark.parametrize("name", NOT_FOUND)
def test_an_operation_that_is_not_found_is_an_error_with_the_nearest(tmp_path, name):
    paths, wanted, words = NOT_FOUND[name]
    file = tmp_path / "published.json"
    operation = DOCUMENT["paths"]["/access-requests/close"]
    file.write_text(json.dumps({**DOCUMENT, "paths": dict.fromkeys(paths, operation)}))

    with pytest.raises(UsageError) as raised:
        compare(file, wanted)

    assert [word for word in words if word not in str(raised.value)] == []


def test_the_operation_under_another_method_is_an_error_that_names_it(differing):
    operation = DOCUMENT["paths"]["/access-requests/close"]["post"]

    with pytest.raises(UsageError, match="no POST, it has PUT"):
        differing({"paths/~1access-requests~1close": {"put": operation}})


# ------------------------------------------------------------------------------------------------------------- bad input


BAD = {
    "nothing.yaml": ("", "empty"),
    "text.yaml": ("hello", "no OpenAPI document"),
    "events.yaml": ("asyncapi: 3.0.0", "AsyncAPI"),
    "broken.yaml": ("openapi: 3.0.3\npaths: [\n", "broken.yaml:3"),
    "broken.json": ('{"openapi": "3.0.3",,}', "broken.json:1"),
    "future.yaml": ("openapi: 4.0.0\n", "version 4.0.0 is not known"),
    "pathless.yaml": ("openapi: 3.1.0\ninfo: {title: x, version: '1'}\nwebhooks: {}\n", "no paths"),
    "invalid.yaml": ("openapi: 3.0.3\npaths:\n  /access-requests/close:\n    post: {responses: {}}\n", '"info" is a required property'),
    "itself.yaml": ("a: &a\n  b: *a\n", "contains itself"),
    "tagged.yaml": ("a: !!python/object:x {}\n", "tagged.yaml:1"),
    "latin.yaml": (b"info: \xe9", "not UTF-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_openapi_document_is_an_error_that_says_where(tmp_path, name):
    content, words = BAD[name]
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(UsageError) as raised:
        compare(file)

    assert words in str(raised.value)


REFERENCES = {
    "a URL": ("https://example.com/schemas.yaml#/Close", "fetches nothing"),
    "another host": ("//example.com/schemas.yaml", "fetches nothing"),
    "a local file by URL": ("file:///etc/hostname", "fetches nothing"),
    "a file that is not there": ("schemas.yaml#/Close", "not there"),
    "a name that is not there": ("#/components/schemas/Nothing", "names nothing"),
    "an anchor": ("#close", "anchor"),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_that_cannot_be_followed_is_an_error_and_never_fetched(differing, name):
    reference, words = REFERENCES[name]

    with pytest.raises(UsageError) as raised:
        differing({f"{OPERATION}/requestBody/{JSON}/schema": {"$ref": reference}})

    assert words in str(raised.value)
    assert "requestBody" in str(raised.value)


def test_references_in_a_circle_are_an_error(differing):
    circle = {"components/requestBodies": {"A": {"$ref": "#/components/requestBodies/B"}, "B": {"$ref": "#/components/requestBodies/A"}}}

    with pytest.raises(UsageError, match="circle"):
        differing({**circle, f"{OPERATION}/requestBody": {"$ref": "#/components/requestBodies/A"}})


def test_a_schema_that_contains_itself_is_followed(differing):
    tree = {"type": "array", "items": {"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/Tree"}]}}

    assert differing({"components/schemas/Tree": tree, IDS: {"$ref": "#/components/schemas/Tree"}}).keys() == {
        "CAR-IDS-ITEMS",
        "CAR-IDS-MIN",
        "CAR-IDS-MAX",
        "CAR-IDS-MAX-ENTRIES",
    }


@pytest.mark.parametrize(
    "changes", [{"paths/~1other": {"post": 5}}, {"components/schemas/Unused": 5}, {"webhooks": 5}], ids=["path", "schema", "webhooks"]
)
def test_a_slip_in_another_corner_of_the_document_does_not_matter(differing, changes):
    assert differing(changes) == {}


def test_a_slip_that_the_operation_reaches_is_an_error_with_its_place(differing):
    with pytest.raises(
        UsageError, match=r"published\.yaml:\d+, #/components/schemas/CloseAccessRequest/properties/message/type: is no schema"
    ):
        differing({f"{MESSAGE}/type": "txt"})


def test_keys_and_words_of_yaml_mean_what_openapi_means(tmp_path):
    file = tmp_path / "published.yaml"
    text = OWN.read_text().replace('"202":', "202:").replace('"400":', "400:").replace('version: "2026.1"', "version: 2026-01-01")
    file.write_text(text.replace("enum: [Terminated, Completed]", "enum: [Terminated, Completed, no, 2026-01-01]"))

    told = compare(file)

    assert relations(told) == {"CAR-EXECUTION-CLOSED": LOOSER}
    assert '"no"' in reading(told, "CAR-EXECUTION-CLOSED").shows


# --------------------------------------------------------------------------------------------------------------- formats


def text_of(told):
    stream = io.StringIO()
    show(told, "text", stream)
    return stream.getvalue()


def test_every_format_tells_the_same_numbers():
    told = compare(FIXTURES / "sins.yaml")
    text, markdown, data = text_of(told), render(told, "markdown"), json.loads(render(told, "json"))

    assert text.startswith(told.headline[:100])
    assert markdown.startswith(f"# ❌ {told.headline}")
    assert data["headline"] == told.headline
    counts = {name: int(number) for number, name in re.findall(r"(\d+) (same|looser|stricter|missing)", told.headline)}
    for relation, number in counts.items():
        assert data["counts"]["by_relation"][relation] == number
        assert sum(one["relation"] == relation for one in data["requirements"]) == number
        assert len(re.findall(rf"^### {relation} · ", markdown, re.MULTILINE)) == (number if relation != "same" else 0)
        assert len(re.findall(rf"^{relation.upper()}  CAR-", text, re.MULTILINE)) == (number if relation != "same" else 0)
    assert sum(data["counts"]["by_relation"].values()) == data["counts"]["requirements"] == len(contract().ids)
    assert data["counts"]["faults"] == sum(
        one["level"] == "MUST" and one["relation"] in counts and one["relation"] != "same" for one in data["requirements"]
    )
    assert f"in {data['counts']['faults']} MUST" in text
    assert text.rstrip().endswith("(exit 1)")


@pytest.mark.parametrize("name", ["vendor.yaml", "sins.yaml", "swagger-2.0.json"])
def test_the_json_is_valid_under_its_schema(name):
    schema = json.loads((ROOT / "spec" / "schemas" / "compare.schema.json").read_text())

    jsonschema_rs.Draft202012Validator(schema).validate(json.loads(render(compare(FIXTURES / name), "json")))


def test_a_document_cannot_disguise_itself(tmp_path):
    file = tmp_path / "published.json"
    hostile = "\x1b[31m| `<b>` [x](https://x.example) ::error::\u202e\n# all same"
    file.write_text(
        json.dumps(
            edited(DOCUMENT, {"info/title": hostile, f"{EXECUTION}/enum": [hostile, "Terminated"], f"{EXECUTION}/description": hostile})
        )
    )

    told = compare(file)
    text, markdown = text_of(told), render(told, "markdown")

    for shown in (text, markdown):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "\n# all same" not in shown
        assert "\n::error" not in shown
    assert "<b>" not in re.sub(r"(`+)[^`].*?\1", "", markdown)


def test_the_documentation_shows_what_the_command_says():
    text = " ".join(text_of(compare(FIXTURES / "vendor.yaml")).split())
    shown = (ROOT / "docs" / "compare.md").read_text().split("```")[5]

    assert [part for part in shown.split("…") if " ".join(part.split()) not in text] == []


def test_two_comparisons_are_alike():
    assert render(compare(FIXTURES / "sins.yaml"), "json") == render(compare(FIXTURES / "sins.yaml"), "json")


# --------------------------------------------------------------------------------------------------------------- command


def ended(capsys, *words):
    from closecheck.__main__ import main

    with pytest.raises(SystemExit) as raised:
        main(["compare", *map(str, words)])
    return raised.value.code, capsys.readouterr()


def test_the_exit_code_is_the_gate(capsys, tmp_path):
    should_only = tmp_path / "published.json"
    should_only.write_text(json.dumps(edited(DOCUMENT, {f"{MESSAGE}/type": ["string", "null"]})))

    same, _ = ended(capsys, OWN)
    only_advice, told = ended(capsys, should_only)
    differs, _ = ended(capsys, FIXTURES / "vendor.yaml")
    bad, said = ended(capsys, tmp_path / "nothing.yaml")

    assert (same, only_advice, differs, bad) == (0, 0, 1, 4)
    assert "it differs in 1 SHOULD" in told.out
    assert "nothing.yaml: cannot be read" in said.err


def test_the_format_and_the_path_are_options(capsys):
    code, told = ended(capsys, FIXTURES / "sins.yaml", "--format", "json", "--path", "/v2024/access-requests/close")

    assert code == 1
    assert json.loads(told.out)["document"]["path"] == "/v2024/access-requests/close"
