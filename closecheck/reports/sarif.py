"""
``report.sarif``: each finding as a result that points at the contract, for code scanning (SARIF 2.1.0).

The place is the line of ``spec/openapi.yaml`` that carries the requirement, and its JSON pointer. Fingerprints hold what stays when a run is repeated (requirement, case, expectation) and nothing that the target draws
anew, such as a trackingId.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from closecheck.model import Body, Broken, ExchangeLine, Headers, Level, Requirement, Result, Run, Status, is_later
from closecheck.reports._facts import after, facts, line, stamp, started, text_of, visible

FILE_NAME: Final = "report.sarif"
MOST_RESULTS: Final = 5000
"""GitHub takes 25,000 results but shows 5,000."""
MOST_OF_A_BODY: Final = 4000
_LEVELS: Final = {Status.FAIL: "error", Status.WARNING: "warning", Status.WAIVED: "note"}


def render(run: Run) -> bytes:
    """Return the SARIF log of one run."""
    return msgspec.json.encode(document(run)) + b"\n"


def document(run: Run) -> dict[str, Any]:
    """Return the log as plain data."""
    found = [(result, broken) for result in run.results for broken in result.findings if result.status in _LEVELS]
    unshown = sum(result.occurrences for result in run.results if result.status in _LEVELS) - len(found[:MOST_RESULTS])
    advised = [(result, broken) for result in run.advice for broken in result.findings]
    notes = [_notification(result.requirement.id, result.reason or "untested") for result in run.with_status(Status.UNTESTED, Status.ERROR)]
    notes += [_notification(result.requirement.id, f"not applicable: {result.reason}") for result in run.with_status(Status.NOT_APPLICABLE)]
    if unshown > 0:
        notes.append(_notification("", f"{unshown:,} more findings are counted in report.json"))
    closing = run.closing
    notes += [_notification("", fault, "error") for fault in (closing.waiver_faults if closing else ())]
    later = (result for result in run.advice if is_later(result.requirement.since, run.edition))
    rules = [*(_rule(result.requirement) for result in run.results), *(_later_rule(result.requirement) for result in later)]
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    return {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "closecheck",
                        "version": line(run.opening.suite),
                        "rules": rules,
                    }
                },
                "automationDetails": {"id": f"closecheck/{line(run.opening.target)}/"},
                "invocations": [
                    {
                        "executionSuccessful": run.complete and run.verdict.value != "error",
                        "exitCode": int(run.exit_code),
                        "exitCodeDescription": line(run.headline, 1000),
                        "startTimeUtc": stamp(started(run)),
                        "endTimeUtc": stamp(after(run, run.seconds)),
                        "toolExecutionNotifications": notes,
                    }
                ],
                "originalUriBaseIds": {"CLOSECHECK": {"description": {"text": "The folder that holds the suite's spec/."}}},
                "columnKind": "unicodeCodePoints",
                "results": [
                    *(_result(run, *one, index) for one in found[:MOST_RESULTS]),
                    *(_advice(run, *one, index) for one in advised[: max(0, MOST_RESULTS - len(found))]),
                ],
                "properties": {
                    "verdict": run.verdict.value,
                    "headline": visible(run.headline),
                    "requirements": {status.value: number for status, number in run.counts().items()},
                },
            }
        ],
    }


def _rule(requirement: Requirement) -> dict[str, Any]:
    return {
        "id": requirement.id,
        "shortDescription": {"text": _text(requirement.statement)},
        "fullDescription": {"text": _text(f"{requirement.statement} Otherwise {requirement.consequence}.")},
        "help": {"text": _text(f"{requirement.fix}\nSource: {requirement.source}")},
        "defaultConfiguration": {"level": "error" if requirement.level is Level.MUST else "warning"},
        "properties": {"tags": [line(requirement.area), requirement.level.value], "since": line(requirement.since)},
    }


def _later_rule(requirement: Requirement) -> dict[str, Any]:
    rule = _rule(requirement)
    rule["properties"]["advice"] = True
    return rule | {"defaultConfiguration": {"level": "note"}}


def _text(text: str) -> str:
    return visible(text)[:4000] or "-"


def _notification(requirement: str, text: str, level: str = "warning") -> dict[str, Any]:
    reported: dict[str, Any] = {
        "level": level,
        "message": {"text": _text(f"{requirement}: {text}" if requirement else text)},
    }
    if requirement:
        reported["associatedRule"] = {"id": requirement}
    return reported


def _advice(run: Run, result: Result, broken: Broken, index: dict[str, int]) -> dict[str, Any]:
    """Return what a later edition found as a note: no gate may close on it."""
    entry = _result(run, result, broken, index)
    entry["properties"]["advice"] = True
    return entry | {"level": "note", "message": {"text": f"Advice of a later edition. {entry['message']['text']}"}}


def _result(run: Run, result: Result, broken: Broken, index: dict[str, int]) -> dict[str, Any]:
    reported = facts(run, result, broken)
    text = f"Sent: {reported.sent}. Expected: {reported.expected}. Got: {reported.got}. So: {reported.because}."
    entry: dict[str, Any] = {
        "ruleId": result.requirement.id,
        "ruleIndex": index[result.requirement.id],
        "kind": "fail",
        "level": _LEVELS.get(result.status, "note"),
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "spec/openapi.yaml", "uriBaseId": "CLOSECHECK"},
                    "region": {"startLine": max(result.requirement.line, 1)},
                },
                "logicalLocations": [
                    {"fullyQualifiedName": line(result.requirement.openapi, 1000), "kind": "object"},
                    {
                        "name": result.requirement.id,
                        "fullyQualifiedName": f"spec/requirements.yaml/{result.requirement.id}",
                    },
                ],
            }
        ],
        "partialFingerprints": {"closecheck/v1": _fingerprint(result, broken)},
        "occurrenceCount": max(1, result.occurrences) if len(result.findings) == 1 else 1,
        "properties": {"case": reported.case, "change": reported.change, "again": reported.again},
    }
    if broken.witness is not None:
        entry["webRequest"] = _web_request(broken.witness)
        entry["webResponse"] = _web_response(broken.witness)
    if result.status is Status.WAIVED:
        entry["suppressions"] = [{"kind": "external", "status": "accepted", "justification": line(result.reason, 1000)}]
    return entry


def _fingerprint(result: Result, broken: Broken) -> str:
    parts = (
        result.requirement.id,
        broken.evidence.case,
        broken.evidence.part,
        broken.finding.expected,
        broken.finding.change,
    )
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def _web_request(exchange: ExchangeLine) -> dict[str, Any]:
    request = exchange.request
    return {
        "protocol": "HTTP",
        "version": "1.1",
        "method": line(request.method),
        "target": line(request.url, 2000),
        "headers": _headers(request.headers),
        "body": _body(request.body),
    }


def _web_response(exchange: ExchangeLine) -> dict[str, Any]:
    response = exchange.response
    if response is None:
        return {"noResponseReceived": True}
    return {
        "protocol": "HTTP",
        "version": line(response.version.removeprefix("HTTP/")),
        "statusCode": response.status,
        "reasonPhrase": line(response.reason),
        "headers": _headers(response.headers),
        "body": _body(response.body),
    }


def _headers(headers: Headers) -> dict[str, str]:
    reported: dict[str, str] = {}
    for name, value in headers:
        key = line(name)
        reported[key] = f"{reported[key]}, {line(value)}" if key in reported else line(value)
    return reported


def _body(body: Body) -> dict[str, Any]:
    text = text_of(body)
    if body.cut or len(text) > MOST_OF_A_BODY:
        text = f"{text[:MOST_OF_A_BODY]}… (cut: {body.size:,} bytes in all)"
    return {"text": visible(text)}
