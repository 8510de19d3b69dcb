"""
``ctrf.json``: the testcases of the JUnit file in the Common Test Report Format (ctrf.io).

A warning is a passed test with a message and a tag; what was waived, is out of scope, is not applicable or is the advice of a later
edition is skipped, what was not tested pending.
"""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any, Final

import msgspec

from closecheck.model import OTHER, Run, Status
from closecheck.reports._facts import block, facts, line, started, visible
from closecheck.reports._items import RUN_AREA, Item, items

FILE_NAME: Final = "ctrf.json"
_STATUS: Final = {
    Status.PASS: "passed",
    Status.WARNING: "passed",
    Status.FAIL: "failed",
    Status.ERROR: "other",
    Status.UNTESTED: "pending",
    Status.WAIVED: "skipped",
    Status.OUT_OF_SCOPE: "skipped",
    Status.NOT_APPLICABLE: "skipped",
}


def render(run: Run) -> bytes:
    """Return the CTRF document."""
    titles = {RUN_AREA: "The run itself", OTHER.id: OTHER.title} | {area.id: area.title for area in run.opening.catalogue.areas}
    tests = [_test(run, item, titles.get(item.area, item.area)) for item in items(run)]
    counted = Counter(test["status"] for test in tests)
    begin = max(0, round(started(run).timestamp() * 1000))
    lasted = max(0, round(run.seconds * 1000))
    # The report's id is a function of the run, so that the same run is rendered to the same bytes.
    identity = f"{run.opening.started} {run.opening.base_url} {run.opening.seed} {run.requests}"
    document = {
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "reportId": str(uuid.uuid5(uuid.NAMESPACE_URL, identity.encode("utf-8", "replace").decode())),
        "generatedBy": "closecheck",
        "results": {
            "tool": {"name": "closecheck", "version": line(run.opening.suite)},
            "summary": {
                "tests": len(tests),
                **{name: counted[name] for name in ("passed", "failed", "skipped", "pending", "other")},
                "suites": len({test["suite"][0] for test in tests}),
                "start": begin,
                "stop": begin + lasted,
                "duration": lasted,
                "extra": {
                    "verdict": run.verdict.value,
                    "headline": visible(run.headline),
                    "exitCode": int(run.exit_code),
                    "requirements": {status.value: number for status, number in run.counts().items()},
                },
            },
            "tests": tests,
            "environment": {
                "appName": line(run.opening.target),
                "testEnvironment": line(run.opening.base_url),
                "extra": {"edition": line(run.edition), "profile": run.opening.profile.value},
            },
        },
    }
    return msgspec.json.encode(document) + b"\n"


def _test(run: Run, item: Item, area: str) -> dict[str, Any]:
    test: dict[str, Any] = {
        "name": item.name,
        "status": "skipped" if item.is_advice else _STATUS[item.status],
        "duration": round(item.seconds * 1000),
        "suite": [line(area) or "area", line(item.requirement) or "requirement"],
        "rawStatus": "advice" if item.is_advice else item.status.value,
        "type": "conformance",
    }
    if item.reason:
        test["message"] = line(item.reason, 1000)
    if item.result is not None:
        test["tags"] = [item.result.requirement.level.value, item.status.value, *(["advice"] if item.is_advice else [])]
        test["extra"] = {
            "requirement": line(item.requirement),
            "case": line(item.case),
            "exchanges": list(item.exchanges),
        }
        if item.findings:
            reported = facts(run, item.result, item.findings[0])
            test["message"] = f"{reported.clause}: expected {reported.expected}; got {reported.got}"
            test["trace"] = "\n".join(block(reported))
            if 0 < len(reported.curl) <= MOST_OF_A_CURL:
                test["snippet"] = reported.curl
    return test


MOST_OF_A_CURL: Final = 4000
"""Characters of a curl line that are repeated here; ``report.json`` has every one."""
