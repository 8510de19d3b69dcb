"""
The APIs around the operation, as far as a client of it needs them.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from reference_api import Api, ids

CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_id": "reference-administrator",
    "client_secret": "administrator-secret",
}
ACTIVITIES = "/v2024/account-activities"


def listed(api: Api, path: str = ACTIVITIES, **parameters: object) -> Any:
    reply = api.request("GET", f"{path}?{urlencode(parameters)}")
    assert reply.status == 200, reply.body
    return reply.json


def found(api: Api, query: str, index: str = "accountactivities") -> int:
    reply = api.search(query, index, "?count=true&limit=0")
    assert reply.status == 200, (query, reply.body)
    return int(reply.headers["X-Total-Count"])


@pytest.mark.parametrize(
    ("body", "headers", "path"),
    [
        (urlencode(CREDENTIALS).encode(), {"Content-Type": "application/x-www-form-urlencoded"}, ""),
        (b"", {}, "?" + urlencode(CREDENTIALS)),
        (
            b"grant_type=client_credentials",
            {"Authorization": "Basic cmVmZXJlbmNlLWFkbWluaXN0cmF0b3I6YWRtaW5pc3RyYXRvci1zZWNyZXQ="},
            "",
        ),
    ],
)
def test_client_credentials_become_a_token(api: Api, body: bytes, headers: dict[str, str], path: str) -> None:
    reply = api.request("POST", "/oauth/token" + path, body, headers, bare=True)

    assert (reply.status, reply.json["token_type"], reply.json["expires_in"]) == (200, "bearer", 749)
    token = {"Authorization": f"Bearer {reply.json['access_token']}"}
    assert api.close({"accessRequestIds": ids(1)}, token).status == 202


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"client_secret": "x"}, 401),
        ({"client_id": "x"}, 401),
        ({"grant_type": "password"}, 400),
        ({"client_secret": "ü"}, 401),
    ],
)
def test_other_credentials_do_not(api: Api, change: dict[str, str], status: int) -> None:
    reply = api.request("POST", "/oauth/token", urlencode({**CREDENTIALS, **change}).encode(), bare=True)

    assert reply.status == status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/access-requests"),
        ("POST", "/access-requests/cancel"),
        ("GET", "/access-request-status"),
        ("GET", "/account-activities"),
        ("GET", "/account-activities/x"),
        ("POST", "/search"),
        ("POST", "/search/count"),
        ("GET", "/trigger-subscriptions"),
        ("POST", "/trigger-subscriptions"),
        ("DELETE", "/trigger-subscriptions/x"),
    ],
)
def test_a_token_is_needed_everywhere(api: Api, method: str, path: str) -> None:
    assert api.request(method, "/v2024" + path, bare=True).status == 401


def test_a_request_is_created_found_closed_and_not_cancelled_any_more(api: Api) -> None:
    body = {
        "requestedFor": ["2c918084660f45d6016617daa9210584"],
        "requestedItems": [
            {"type": "ROLE", "id": "role-1", "comment": "Please."},
            {"type": "ACCESS_PROFILE", "id": "p"},
        ],
        "requestType": "GRANT_ACCESS",
    }
    created = api.request("POST", "/v2024/access-requests", body)
    [first, second] = [request["accessRequestIds"][0] for request in created.json["newRequests"]]
    again = api.request("POST", "/v2024/access-requests", body).json
    assert (created.status, again["newRequests"], len(again["existingRequests"])) == (202, [], 2)
    assert found(api, f'status: Pending AND "Access Request" AND id:{first}') == 1
    assert listed(api, "/v2024/access-request-status", filters=f'accessRequestId eq "{first}"')[0]["state"] == "EXECUTING"

    api.closed({"accessRequestIds": [first]})
    cancel = {"accountActivityId": first, "comment": "No."}
    assert api.request("POST", "/v2024/access-requests/cancel", cancel).status == 400
    assert listed(api, "/v2024/access-request-status", filters=f'accessRequestId eq "{first}"')[0]["state"] == "TERMINATED"

    cancel["accountActivityId"] = second
    assert api.request("POST", "/v2024/access-requests/cancel", cancel).status == 202
    assert listed(api, "/v2024/access-request-status", filters=f'accessRequestId eq "{second}"')[0]["state"] == "CANCELLED"
    assert api.request("POST", "/v2024/access-requests/cancel", {**cancel, "accountActivityId": "x"}).status == 404


def test_an_approved_request_cannot_be_cancelled(api: Api) -> None:
    identifier = api.server.target()["access_requests"]["approved"][0]
    cancel = {"accountActivityId": identifier, "comment": "No."}

    assert api.request("POST", "/v2024/access-requests/cancel", cancel).status == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"requestedFor": [], "requestedItems": []},
        {"requestedFor": ["a"], "requestedItems": [{"type": "X", "id": "a"}]},
    ],
)
def test_a_bad_creation_is_refused(api: Api, body: object) -> None:
    assert api.request("POST", "/v2024/access-requests", body).status == 400


def test_activities_are_paged(api: Api) -> None:
    everything = listed(api)
    reply = api.request("GET", f"{ACTIVITIES}?limit=5&offset=2&count=true")

    assert reply.json == everything[2:7]
    assert int(reply.headers["X-Total-Count"]) == len(everything)
    assert listed(api, limit=0) == []


def test_activities_are_filtered_and_sorted(api: Api) -> None:
    number = len(listed(api))

    assert len(listed(api, filters='type eq "appRequest"')) == number
    assert len(listed(api, filters='type in ("appRequest", "CloudAutomated") and created gt 2020-01-01')) == number
    assert listed(api, filters='type eq "CloudAutomated"') == []
    assert listed(api, filters='created lt "2020-01-01T00:00:00Z"') == []
    assert len(listed(api, filters='modified ge "2020-01-01T00:00:00+01:00" and type sw "app"')) == number
    dates = [activity["created"] for activity in listed(api, sorters="-created,type")]
    assert dates == sorted(dates, reverse=True)
    assert listed(api, **{"requested-for": "nobody"}) == []
    assert listed(api, **{"regarding-identity": "me"}) == listed(api, **{"requested-by": "me"})


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": 251},
        {"limit": -1},
        {"limit": "x"},
        {"offset": "1.5"},
        {"offset": "9" * 30},
        {"filters": 'completionStatus eq "PENDING"'},
        {"filters": 'type like "a"'},
        {"filters": 'type eq "a" or type eq "b"'},
        {"filters": "type"},
        {"filters": "type in ("},
        {"filters": "type in (a b)"},
        {"filters": 'type eq "'},
        {"filters": "created gt yesterday"},
        {"sorters": "completionStatus"},
    ],
)
def test_what_is_not_supported_is_refused(api: Api, parameters: dict[str, object]) -> None:
    assert api.request("GET", f"{ACTIVITIES}?{urlencode(parameters)}").status == 400


def test_an_unknown_activity_is_not_found(api: Api) -> None:
    assert api.request("GET", f"{ACTIVITIES}/x").status == 404


def test_the_pages_queries_find_what_they_name(api: Api) -> None:
    closing = api.closed({"accessRequestIds": ids(1, start=5)}).json["id"]
    pending = sum(activity["completionStatus"] == "PENDING" for activity in listed(api))

    for query in (
        'status: Pending AND "Access Request"',
        'status:pending and "access request"',
        'status:Pending AND action:"Access Request"',
        "status:Pend* AND NOT status:Failure",
        "status:(Pending OR Executing) AND stage:Executing",
    ):
        expected = pending if " and " not in query else 0
        assert found(api, query) == expected, query
    assert found(api, f'name:"Close Identity Requests" AND trackingNumber:"{closing}"', "events") == 2
    assert found(api, f'name: "Close Identity Requests Started" AND {closing}', "events") == 1
    assert found(api, f'"{ids(1, start=5)[0]}" AND name:"close identity requests completed"', "events") == 1
    assert found(api, f"attributes.errors:{ids(1, start=5)[0]} AND action:*completed", "events") == 1
    assert found(api, 'name:"Identity Requests Close"', "events") == 0
    assert found(api, "nonsense:x", "events") == 0
    assert found(api, "id:x", "identities") == 0


def test_many_ids_can_be_looked_for_at_once(api: Api) -> None:
    known = api.server.target()["access_requests"]["pending"]
    query = " OR ".join(f'id:"{identifier}"' for identifier in [*known, *ids(1500)])

    assert found(api, query) == len(known)
    assert found(api, f"id:({' OR '.join(known)}) -id:{known[0]}") == len(known) - 1


def test_dates_can_be_ranges(api: Api) -> None:
    everything = found(api, "*")

    assert found(api, "created:[2020-01-01 TO now]") == everything
    assert found(api, "created:{now TO *]") == 0
    assert found(api, "created:>2020-01-01T00:00:00Z AND created:< 2120-01-01") == everything


def test_dsl_finds_audits(api: Api) -> None:
    closing = api.closed({"accessRequestIds": ids(1, start=6)}).json["id"]

    def number(dsl: object) -> int:
        body = {"indices": ["events"], "queryType": "DSL", "queryDsl": dsl}
        return len(api.request("POST", "/v2024/search?limit=10000", body).json)

    action = {"match": {"action": "CLOSE_IDENTITY_REQUESTS_COMPLETED"}}
    mine = {"term": {"trackingNumber": {"value": closing}}}
    assert number(action) == api.completed
    assert number({"bool": {"must": [action], "filter": mine}}) == 1
    assert number({"bool": {"should": [mine, {"terms": {"id": ["x"]}}], "must_not": action}}) == 1
    assert number({"bool": {"must": [mine, {"range": {"created": {"gte": "2020-01-01", "lt": "now"}}}]}}) in (1, 2)
    assert number({"match_all": {}}) >= 2
    assert number({"match": {"nonsense": "x"}}) == 0


def test_search_is_sorted_and_paged(api: Api) -> None:
    body: dict[str, object] = {"indices": ["accountactivities"], "query": {"query": "*"}, "sort": ["-id"]}
    everything = [document["id"] for document in api.request("POST", "/v2024/search", body).json]
    page = api.request("POST", "/v2024/search?limit=4&offset=3", body).json
    after = api.request("POST", "/v2024/search?limit=4", {**body, "searchAfter": [everything[2]]}).json

    assert everything == sorted(everything, reverse=True)
    assert [document["id"] for document in page] == everything[3:7] == [document["id"] for document in after]


def test_several_indices_are_searched(api: Api) -> None:
    api.closed({"accessRequestIds": ids(1)})
    both = {"indices": ["events", "accountactivities"], "query": {"query": "*"}}
    documents = api.request("POST", "/v2024/search?limit=10000", both).json
    page = api.request("POST", f"/v2024/search?limit=3&offset={found(api, '*', 'events') - 1}", both).json
    count = api.request("POST", "/v2024/search/count", {"query": {"query": "*"}})

    assert [document["_type"] for document in page] == ["event", "accountactivity", "accountactivity"]
    assert (count.status, int(count.headers["X-Total-Count"])) == (204, len(documents))


@pytest.mark.parametrize(
    "change",
    [
        {"query": {"query": "("}},
        {"query": {"query": '"'}},
        {"query": {"query": ""}},
        {"query": {"query": "a AND"}},
        {"query": {"query": "status:"}},
        {"query": {"query": "created:yesterday"}},
        {"query": {"query": "created:[a TO b]"}},
        {"query": {"query": "a" * 20_000}},
        {"query": {"query": "(" * 5000}},
        {"query": {"query": 1}},
        {"query": "a"},
        {"query": None},
        {"indices": ["x"]},
        {"indices": "events"},
        {"sort": ["x"]},
        {"searchAfter": ["x"]},
        {"queryType": "TYPEAHEAD"},
        {"queryType": "DSL"},
        {"queryType": "DSL", "queryDsl": {"fuzzy": {"name": "x"}}},
        {"queryType": "DSL", "queryDsl": {"match": {"name": {}}}},
        {"queryType": "DSL", "queryDsl": []},
        {"queryType": "DSL", "queryDsl": {"bool": {"x": []}}},
        {"filters": {}},
    ],
)
def test_a_search_that_is_not_supported_is_refused(api: Api, change: dict[str, object]) -> None:
    body = {"indices": ["events"], "query": {"query": "*"}, **change}

    assert api.request("POST", "/v2024/search", body).status == 400


def test_a_search_of_too_many_terms_is_refused(api: Api) -> None:
    assert api.search(" OR ".join(f"name:{number}" for number in range(1025))).status == 400
    assert api.search(" OR ".join(f"name:{number}" for number in range(1024))).status == 200


def test_subscriptions_are_listed_without_secrets(api: Api) -> None:
    body = {
        "name": "events",
        "triggerId": "idn:post-provisioning",
        "type": "HTTP",
        "enabled": False,
        "httpConfig": {
            "url": "http://127.0.0.1:9/",
            "httpDispatchMode": "SYNC",
            "httpAuthenticationType": "BEARER_TOKEN",
            "bearerTokenAuthConfig": {"bearerToken": "secret-of-mine"},
        },
    }
    created = api.request("POST", "/v2024/trigger-subscriptions", body)
    listed_now = api.request("GET", "/v2024/trigger-subscriptions?count=true")

    assert created.status == 201
    assert listed_now.json == [created.json]
    assert listed_now.headers["X-Total-Count"] == "1"
    assert b"secret-of-mine" not in created.body + listed_now.body
    assert api.request("DELETE", f"/v2024/trigger-subscriptions/{created.json['id']}").status == 204


@pytest.mark.parametrize(
    "change",
    [
        {"name": None},
        {"type": "EVENTBRIDGE"},
        {"triggerId": "idn:other"},
        {"filter": "$.x"},
        {"enabled": 1},
        {"httpConfig": None},
        {"httpConfig": {"url": "ftp://x", "httpDispatchMode": "SYNC"}},
        {"httpConfig": {"url": "http://x:port/", "httpDispatchMode": "SYNC"}},
        {"httpConfig": {"url": "http://x/ HTTP/1.1\r\nX: y", "httpDispatchMode": "SYNC"}},
        {"httpConfig": {"url": "http://x/", "httpDispatchMode": "LATER"}},
        {"httpConfig": {"url": "http://x/", "httpDispatchMode": "SYNC", "httpAuthenticationType": "BASIC_AUTH"}},
    ],
)
def test_a_bad_subscription_is_refused(api: Api, change: dict[str, object]) -> None:
    http = {"url": "http://127.0.0.1:9/", "httpDispatchMode": "SYNC"}
    body = {"name": "x", "triggerId": "idn:post-provisioning", "type": "HTTP", "httpConfig": http, **change}

    assert api.request("POST", "/v2024/trigger-subscriptions", body).status == 400


def test_users_may_look_but_not_search_or_subscribe(api: Api) -> None:
    user = {"Authorization": f"Bearer {api.server.token(administrator=False)}"}

    assert api.request("GET", ACTIVITIES, headers=user).status == 200
    assert api.request("POST", "/v2024/search", {"query": {"query": "*"}}, user).status == 403
    assert api.request("POST", "/v2024/trigger-subscriptions", {}, user).status == 403


def test_errors_of_neighbours_are_the_error_object(api: Api) -> None:
    document = api.request("GET", f"{ACTIVITIES}?limit=x", headers={"Accept-Language": "de"}).json

    assert document["causes"][0]["text"] == "Der Abfrageparameter limit ist ungültig."
    assert json.dumps(document)
