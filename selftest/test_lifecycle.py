"""What a target does wrong while closing is found under the right requirement, and what it may do is not."""

import dataclasses
import html
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lifecycle_runs import ENOUGH, WITHOUT_THE_500, broken, judged, untested

from closecheck.contract.specification import contract
from closecheck.lifecycle import plan
from closecheck.reference import ReferenceConfig, ReferenceServer
from closecheck.reference.errors import BadContent, cause
from closecheck.session import record

# ------------------------------------------------------------------------------------------------------------- the plan


def test_the_plan_names_each_step_once():
    names = [step.name for step in plan.plan()]

    assert len(names) == len(set(names))
    assert names[0] == plan.ONE
    assert names[-2] == "five hundred"


def test_every_combination_is_in_the_plan():
    combinations = {(step.text is None, step.execution, step.completion) for step in plan.matrix()}

    assert len(combinations) == len(plan.matrix()) == 2 * 3 * 4


def test_needs_name_requirements_and_what_they_close():
    needs = dict(plan.needs())

    assert set(needs) <= contract().ids
    assert needs["CAR-LIFE-CLOSED"] == 630
    assert sum(needs.values()) < plan.pending_needed() + 4


# --------------------------------------------------------------------------------------------------------------- faults


def closing(change):
    """Return a change of what a job closes."""

    def modify(reference):
        close = reference.store.close_requests
        reference.store.close_requests = lambda closing: close(change(closing))

    return modify


def only_250(reference):
    closing(lambda job: dataclasses.replace(job, ids=job.ids[:250]))(reference)


def last_has_no_event(reference):
    publish = reference.closer.publish
    reference.closer.publish = lambda job, closed: publish(job, closed[:-1] if len(closed) > 1 else closed)


def escaped(reference):
    closing(lambda job: dataclasses.replace(job, message=html.escape(job.message)))(reference)


def refused_lists_are_closed(reference):
    check = reference.rules.check

    def checked(value):
        try:
            return check(value)
        except Exception:
            ids = [one for one in value.get("accessRequestIds", ()) if isinstance(one, str)]
            if ids and len(ids) < len(value["accessRequestIds"]):
                reference.closer.accept(check({**value, "accessRequestIds": ids}))
            raise

    reference.rules.check = checked


def default_depends(reference):
    check = reference.rules.check

    def checked(value):
        job = check(value)
        left_out = "completionStatus" not in value and value.get("executionStatus") == "Completed"
        return dataclasses.replace(job, completion_status="Success") if left_out else job

    reference.rules.check = checked


def jobs_mix(reference):
    current = {}
    accept, close = reference.closer.accept, reference.closer.close

    def accepted(job):
        current["job"] = job
        accept(job)

    reference.closer.accept = accepted
    reference.closer.close = lambda job: close(dataclasses.replace(job, message=current["job"].message))


def all_are_listed_as_failed(reference):
    completed = reference.auditor.completed
    reference.auditor.completed = lambda job, closed, failed: completed(job, closed, list(job.ids))


def get_closes(reference):
    from closecheck.reference.errors import NotFound

    async def get(call):
        if call.body:
            reference.closer.accept(reference.rules.check(json.loads(call.body)))
        raise NotFound

    reference.routes[f"{reference.config.base_path}/access-requests/close"]["GET"] = get


@pytest.mark.parametrize(
    ("modify", "requirement"),
    [
        (only_250, "CAR-LIFE-CLOSED"),
        (last_has_no_event, "CAR-LIFE-EVENT"),
        (escaped, "CAR-LIFE-MESSAGE"),
        (refused_lists_are_closed, "CAR-BODY-ATOMIC"),
        (default_depends, "CAR-LIFE-COMPLETION-DEFAULT"),
        (jobs_mix, "CAR-LIFE-CONCURRENT"),
        (all_are_listed_as_failed, "CAR-LIFE-FAILED-IDS"),
        (get_closes, "CAR-OP-SAFE-METHODS"),
    ],
)
def test_a_fault_is_found_under_its_requirement(modify, requirement):
    run = judged(modify, settle=1.0, pending=ENOUGH if modify is only_250 else WITHOUT_THE_500)

    assert broken(run) == {requirement}
    finding = next(one.finding for one in run.evidence if one.finding)
    assert finding.expected
    assert finding.got


# ----------------------------------------------------------------------------------------------------------- lawful ones


def in_a_sentence(reference):
    """Failed ids in a sentence, audits that tell nothing else, display words in other case, other document ids, 0.6 s late."""
    auditor = reference.auditor
    auditor.attributes = lambda job: {}
    auditor.completed = lambda job, closed, failed: auditor.write(
        job, auditor.completed_name, "COMPLETED", {"info": f"{len(closed)} closed; in error: {', '.join(failed) or 'none'}."}
    )
    document, activity = reference.search.activity_document, reference.account_activities.activity
    reference.search.activity_document = lambda one: {**document(one), "id": f"doc-{one.id}", "stage": one.stage.upper()}
    reference.account_activities.activity = lambda one: {**activity(one), "warnings": [{"text": text} for text in one.warnings]}
    event = reference.publisher.event
    reference.publisher.event = lambda one, subscription: {"events": [event(one, subscription)], "more": True}


def test_lawful_oddities_are_not_blamed():
    run = judged(in_a_sentence, settle=5.0, completion_seconds=0.6)

    assert broken(run) == set()
    assert untested(run) == {}


def test_unknown_and_completed_ids_may_be_refused():
    def refused(reference):
        from closecheck.reference.errors import BadContent, cause

        check = reference.rules.check

        def checked(value):
            job = check(value)
            found = [reference.store.get(one) for one in job.ids]
            if not all(one is not None and one.is_pending for one in found):
                raise BadContent(cause("state"))
            return job

        reference.rules.check = checked

    run = judged(refused, settle=5.0, pending=WITHOUT_THE_500)

    assert broken(run) == set()
    assert {"CAR-LIFE-FAILED-IDS"} < set(untested(run))
    assert all("500" in why for name, why in untested(run).items() if name != "CAR-LIFE-FAILED-IDS")


# -------------------------------------------------------------------------------------------------- means that are missing


def with_ids(pending, **others):
    def edit(target):
        target["access_requests"] = {"pending": pending, "may_close": True, **others}

    return edit


def test_with_few_ids_the_most_telling_is_tested_and_the_need_is_named():
    run = judged(edit=lambda target: with_ids(target["access_requests"]["pending"][:4])(target), settle=5.0)

    held = {one.requirement for one in run.evidence if one.outcome == "held"}
    assert broken(run) == set()
    assert {"CAR-LIFE-STARTED", "CAR-LIFE-ONLY-NAMED", "CAR-LIFE-CLOSED", "CAR-LIFE-MESSAGE"} <= held
    assert "this needs 500 pending access requests" in untested(run)["CAR-LIFE-CLOSED"]
    assert sum(len(one.ids) for one in run.closed) == 2


def test_without_consent_nothing_is_named():
    def edit(target):
        target["access_requests"]["may_close"] = False

    run = judged(edit=edit, pending=10)

    assert run.closed == []
    assert not any(one.case.startswith("lifecycle/") for one in run.exchanges.values())
    assert "may_close" in untested(run)["CAR-LIFE-CLOSED"]
    assert "CAR-LIFE-FINDABLE" not in untested(run)


@pytest.mark.parametrize("source", [{"search": True}, {"account_activities": True}])
def test_ids_are_found_by_the_target_itself(source):
    run = judged(edit=with_ids(source, approved={"account_activities": True}), settle=5.0, pending=WITHOUT_THE_500)

    assert broken(run) == set()
    assert "this needs 500" in untested(run)["CAR-LIFE-CLOSED"]
    assert untested(run).keys().isdisjoint({"CAR-LIFE-AFTER-APPROVAL", "CAR-LIFE-MESSAGE-DEFAULT", "CAR-BODY-ATOMIC"})


def test_ids_are_made_and_none_of_somebody_else_is_taken():
    identities = [f"identity-{number}" for number in range(3)]
    source = {"create": {"requested_for": identities, "item": {"type": "ROLE", "id": "role-1"}, "count": 2}}
    run = judged(edit=with_ids(source), settle=5.0, only=("CAR-LIFE-STARTED",))

    created = [one for one in run.exchanges.values() if one.case == "observe/create"]
    assert len(created) == 2 * len(identities)
    assert sum(len(one.ids) for one in run.closed) == 2
    assert broken(run) == set()


def test_an_extension_supplies_ids_and_an_observer(tmp_path):
    code = """
IDS = []

def pytest_closecheck_ids(settings, state):
    return IDS if state == "pending" else None

class Own:
    name = "our own eyes"
    def requests(self, ids):
        return [{"id": one, "stage": "Completed", "status": "Success", "warnings": []} for one in ids if one == IDS[-1]]

def pytest_closecheck_observer(settings):
    return Own()
"""
    extension = tmp_path / "own.py"

    def edit(target):
        extension.write_text(code.replace("IDS = []", f"IDS = {target['access_requests']['pending'][:3]!r}"))
        return {**target, "access_requests": {"may_close": True}, "extension": str(extension)}

    run = judged(edit=edit, settle=5.0, only=("CAR-LIFE-STARTED",))

    assert broken(run) == set()
    assert any("are in another state" in note.text for note in run.notes)
    assert sum(len(one.ids) for one in run.closed) == 1


# ----------------------------------------------------------------------------------------------------------- interruption


def test_an_interrupted_run_unsubscribes_and_says_what_it_closed(tmp_path):
    config = ReferenceConfig(completion_seconds=30, settle_seconds=60, pending=ENOUGH)
    with ReferenceServer(config) as server:
        target = tmp_path / "target.yaml"
        target.write_text(json.dumps(server.target()))
        root = Path(__file__).parent.parent
        environ = {name: value for name, value in os.environ.items() if not name.startswith("CLOSECHECK_")}
        command = [
            sys.executable,
            "-m",
            "closecheck",
            "run",
            "--target",
            str(target),
            "--only",
            "CAR-LIFE-*",
            "--reports",
            str(tmp_path / "reports"),
        ]
        process = subprocess.Popen(
            command, cwd=root, env={**environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + 30
        audits = lambda: server.call(lambda: server.reference.store.database.execute("SELECT COUNT(*) FROM audits").fetchone()[0])  # noqa: E731
        while audits() < 40 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.reference.publisher.subscriptions
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)

        assert process.returncode == 2
        assert not server.reference.publisher.subscriptions
    run = record.read(tmp_path / "reports" / "latest")
    assert not run.complete
    assert sum(len(one.ids) for one in run.closed) >= 30


@pytest.mark.parametrize("digits", ["01234567", "89abcdef"])
def test_ids_that_are_refused_for_their_digits_say_nothing_of_a_state(digits):
    def modify(reference):
        check = reference.rules.check

        def checked(value):
            closing = check(value)
            if any(one[0] in digits for one in value["accessRequestIds"]):
                raise BadContent(cause("body.object"))
            return closing

        reference.rules.check = checked

    run = judged(modify, only=("CAR-LIFE-AFTER-APPROVAL",))

    assert broken(run).isdisjoint({"CAR-LIFE-AFTER-APPROVAL"})
    assert "CAR-LIFE-AFTER-APPROVAL" in untested(run)
