"""
What closing does: states, audits and events.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reference_api import Api, Listener, ids

from closecheck.reference import Reference

DEFAULT_MESSAGE = "The IdentityNow Administrator manually closed this request."


def given(api: Api, kind: str = "pending", number: int = 1) -> list[str]:
    found: list[str] = api.server.target()["access_requests"][kind]
    assert len(found) >= number
    return found[:number]


def shown(api: Api, identifier: str) -> tuple[str, str, list[str]]:
    activity = api.activity(identifier)
    return activity["executionStatus"], activity["completionStatus"], activity["warnings"]


def audits(api: Api, closing: str) -> list[Any]:
    found = api.search(f'name:"Close Identity Requests" AND trackingNumber:{closing}').json
    assert isinstance(found, list)
    return found


def subscribe(api: Api, url: str, **http: object) -> str:
    reply = api.request(
        "POST",
        "/v2024/trigger-subscriptions",
        {
            "name": "events",
            "triggerId": "idn:post-provisioning",
            "type": "HTTP",
            "httpConfig": {"url": url, "httpDispatchMode": "SYNC", **http},
        },
    )
    assert reply.status == 201, reply.body
    identifier: str = reply.json["id"]
    return identifier


def test_a_pending_request_is_executing(api: Api) -> None:
    assert shown(api, given(api)[0]) == ("EXECUTING", "PENDING", [])


def test_defaults_are_those_of_the_page(api: Api) -> None:
    [identifier] = given(api)
    api.closed({"accessRequestIds": [identifier]})

    assert shown(api, identifier) == ("TERMINATED", "FAILURE", [DEFAULT_MESSAGE])


@pytest.mark.parametrize("execution", ["Terminated", "Completed"])
@pytest.mark.parametrize("completion", ["Success", "Incomplete", "Failure"])
def test_it_shows_what_was_asked_for(api: Api, execution: str, completion: str) -> None:
    [identifier] = given(api)
    message = 'Grüße "世界" \x00 🙂\n'
    api.closed(
        {
            "accessRequestIds": [identifier],
            "message": message,
            "executionStatus": execution,
            "completionStatus": completion,
        }
    )

    assert shown(api, identifier) == (execution.upper(), completion.upper(), [message])
    [document] = api.search(f'id:"{identifier}"', "accountactivities").json
    assert (document["stage"], document["status"], document["warnings"]) == (execution, completion, [message])


def test_a_request_past_its_approval_is_closed(api: Api) -> None:
    [identifier] = given(api, "approved")
    assert api.activity(identifier)["items"][0]["approvalStatus"] == "FINISHED"
    api.closed({"accessRequestIds": [identifier]})

    assert shown(api, identifier)[0] == "TERMINATED"


def test_a_completed_request_keeps_its_statuses_and_is_listed_as_failed(api: Api) -> None:
    [identifier] = given(api, "completed")
    before = api.activity(identifier)
    closing = api.closed({"accessRequestIds": [identifier]}).json["id"]

    assert api.activity(identifier) == before
    assert audits(api, closing)[1]["attributes"]["errors"] == [identifier]


def test_only_named_requests_are_closed(api: Api) -> None:
    first, second = given(api, number=2)
    before = api.activity(second)
    api.closed({"accessRequestIds": [first]})

    assert api.activity(second) == before


def test_started_and_completed_can_be_found_in_order(api: Api) -> None:
    [identifier] = given(api)
    closing = api.closed({"accessRequestIds": [identifier]}).json["id"]
    started, completed = audits(api, closing)

    assert [started["name"], completed["name"]] == [
        "Close Identity Requests Started",
        "Close Identity Requests Completed",
    ]
    assert [started["action"], completed["action"]] == [
        "CLOSE_IDENTITY_REQUESTS_STARTED",
        "CLOSE_IDENTITY_REQUESTS_COMPLETED",
    ]
    assert started["created"] <= completed["created"]
    assert completed["attributes"]["errors"] == []


def test_unknown_ids_are_listed_as_failed_and_the_others_are_closed(api: Api) -> None:
    [identifier] = given(api)
    unknown = ids(2, start=7)
    closing = api.closed({"accessRequestIds": [unknown[0], identifier, unknown[1], unknown[0]]}).json["id"]
    completed = audits(api, closing)[1]

    assert completed["attributes"]["errors"] == unknown
    assert shown(api, identifier)[0] == "TERMINATED"


def test_a_refused_request_does_nothing(api: Api) -> None:
    [identifier] = given(api)
    count = api.search('name:"Close Identity Requests Started"', parameters="?count=true&limit=0")
    user = {"Authorization": f"Bearer {api.server.token(administrator=False)}"}
    body = {"accessRequestIds": [identifier]}

    assert api.close({**body, "message": 1}).status == 400
    assert api.close({"accessRequestIds": [identifier, None]}).status == 400
    assert api.close(body, {}, bare=True).status == 401
    assert api.close(body, user).status == 403
    assert api.close(body, {"X-Provoke": "throttle"}).status == 429
    assert api.close(body, {"X-Provoke": "500"}).status == 500
    assert api.request("GET", "/v2024/access-requests/close", body).status == 405

    again = api.search('name:"Close Identity Requests Started"', parameters="?count=true&limit=0")
    assert again.headers["X-Total-Count"] == count.headers["X-Total-Count"]
    assert shown(api, identifier) == ("EXECUTING", "PENDING", [])


def test_the_same_request_can_be_sent_again(api: Api) -> None:
    [identifier] = given(api)
    body = {"accessRequestIds": [identifier], "message": "first"}

    assert [api.close(body).status for _ in range(5)] == [202] * 5


def test_the_answer_does_not_wait_for_the_closing(serve: Callable[..., Api]) -> None:
    gate = threading.Event()

    def hold(reference: Reference) -> None:
        run = reference.closer.run

        async def held(closing: Any) -> None:
            while not gate.is_set():
                await asyncio.sleep(0)
            await run(closing)

        reference.closer.run = held

    api = serve(hold)
    [identifier] = given(api)
    closing = api.close({"accessRequestIds": [identifier]}).json["id"]
    assert [audit["name"] for audit in audits(api, closing)] == ["Close Identity Requests Started"]
    assert shown(api, identifier)[1] == "PENDING"
    gate.set()
    api.wait_for_completions(1)

    assert shown(api, identifier)[1] == "FAILURE"


def test_closings_at_the_same_time_do_not_mix(serve: Callable[..., Api]) -> None:
    api = serve(pending=60, completion_seconds=0.01)
    identifiers = given(api, number=60)
    for index, identifier in enumerate(identifiers):
        status = ("Success", "Incomplete", "Failure")[index % 3]
        body = {"accessRequestIds": [identifier], "message": f"message {index}", "completionStatus": status}
        assert api.close(body).status == 202
    api.wait_for_completions(60)

    for index, identifier in enumerate(identifiers):
        assert shown(api, identifier)[1:] == (("SUCCESS", "INCOMPLETE", "FAILURE")[index % 3], [f"message {index}"])


def test_each_closed_request_is_published_once(serve: Callable[..., Api], listen: Callable[..., Listener]) -> None:
    api, listener = serve(pending=500), listen()
    subscribe(api, listener.url)
    identifiers = given(api, number=500)
    api.closed({"accessRequestIds": identifiers[:497] + ids(2, start=9) + given(api, "completed"), "message": "Over."})
    api.closed({"accessRequestIds": identifiers[497:]})
    events = listener.wait_for(500)

    assert sorted(event["trackingNumber"] for event in events) == sorted(identifiers)
    assert {tuple(event["warnings"]) for event in events} == {("Over.",), (DEFAULT_MESSAGE,)}
    assert api.reference.incidents == []


def test_a_subscriber_that_closes_its_connections_misses_nothing(serve: Callable[..., Api], listen: Callable[..., Listener]) -> None:
    api, listener = serve(pending=40), listen(drops=3)
    subscribe(api, listener.url)
    identifiers = given(api, number=40)
    api.closed({"accessRequestIds": identifiers})

    assert sorted(event["trackingNumber"] for event in listener.wait_for(40)) == sorted(identifiers)


def test_a_subscriber_is_greeted_as_it_wants(serve: Callable[..., Api], listen: Callable[..., Listener]) -> None:
    api, basic, bearer = serve(), listen(), listen()
    user = {"userName": "a", "password": "b"}
    subscribe(api, basic.url, httpAuthenticationType="BASIC_AUTH", basicAuthConfig=user)
    token = {"bearerToken": "c"}
    subscribe(api, bearer.url, httpAuthenticationType="BEARER_TOKEN", bearerTokenAuthConfig=token)
    api.closed({"accessRequestIds": given(api)})
    basic.wait_for(1)
    bearer.wait_for(1)

    assert basic.headers[0]["Authorization"] == "Basic YTpi"
    assert bearer.headers[0]["Authorization"] == "Bearer c"


def test_a_subscriber_that_is_gone_disturbs_nobody(serve: Callable[..., Api], listen: Callable[..., Listener]) -> None:
    api, gone, listener = serve(), listen(), listen()
    gone.stop()
    subscribe(api, gone.url)
    subscribe(api, listener.url)
    api.closed({"accessRequestIds": given(api)})

    assert len(listener.wait_for(1)) == 1
    assert api.reference.incidents == []


def test_who_has_unsubscribed_hears_nothing(serve: Callable[..., Api], listen: Callable[..., Listener]) -> None:
    api, former, listener = serve(), listen(), listen()
    identifier = subscribe(api, former.url)
    assert api.request("DELETE", f"/v2024/trigger-subscriptions/{identifier}").status == 204
    subscribe(api, listener.url)
    api.closed({"accessRequestIds": given(api)})
    listener.wait_for(1)

    assert former.events == []
    assert api.request("DELETE", f"/v2024/trigger-subscriptions/{identifier}").status == 404


def test_a_file_keeps_what_was_closed(serve: Callable[..., Api], tmp_path: Path) -> None:
    path = str(tmp_path / "reference.db")
    api = serve(database=path)
    [identifier] = given(api)
    api.closed({"accessRequestIds": [identifier], "message": "Kept."})
    api.stop()
    again = serve(database=path)

    assert shown(again, identifier) == ("TERMINATED", "FAILURE", ["Kept."])
    assert len(given(again, number=4)) == 4


def test_an_approved_request_can_also_be_provisioned(serve: Callable[..., Api]) -> None:
    api = serve()
    [identifier] = given(api)
    api.server.call(lambda: api.reference.store.provision(identifier))
    assert shown(api, identifier)[1] == "PENDING"
    api.server.call(lambda: api.reference.store.approve(identifier))
    assert shown(api, identifier)[1] == "PENDING"
    api.server.call(lambda: api.reference.store.provision(identifier))

    assert shown(api, identifier) == ("COMPLETED", "SUCCESS", [])


def test_audits_name_what_was_asked_for(api: Api) -> None:
    message = json.dumps({"why": "100%_\\"})
    closing = api.closed({"accessRequestIds": ids(1, start=99), "message": message}).json["id"]
    [started, _] = audits(api, closing)

    assert started["attributes"] == {
        "accessRequestIds": ids(1, start=99),
        "message": message,
        "executionStatus": "Terminated",
        "completionStatus": "Failure",
    }
