"""
``test-result.intoto.json``: an unsigned in-toto statement that this contract gave this report; sign it to hand it on.

Its subject is ``report.json`` by digest: a deployed service has none. It fails closed: an incomplete run is FAILED, since a
policy that lets PASSED and WARNED through is not to let through what nobody tested.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final
from urllib.parse import quote

import msgspec

from closecheck.model import Run, Status, Verdict
from closecheck.reports import json_report

FILE_NAME: Final = "test-result.intoto.json"


def render(run: Run) -> bytes:
    """Return the statement."""
    opening = run.opening
    report = {"name": json_report.FILE_NAME, "digest": {"sha256": hashlib.sha256(json_report.render(run)).hexdigest()}}
    # A resource descriptor needs a uri, a digest or a content.
    contract: dict[str, Any] = {"name": f"closecheck contract, edition {run.edition}", "uri": f"urn:closecheck:edition:{quote(run.edition)}"}
    if digest := re.search(r"\b[0-9a-f]{64}\b", opening.spec_digest):
        contract["digest"] = {"sha256": digest[0]}
    settings = {
        "name": "settings of the run",
        "uri": f"urn:closecheck:profile:{opening.profile.value}",
        "annotations": {
            "target": opening.target,
            "base_url": opening.base_url,
            "profile": opening.profile.value,
            "seed": opening.seed,
            "suite": opening.suite,
            "verdict": run.verdict.value,
            "headline": run.headline,
        },
    }
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [report],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": _result(run),
            "configuration": [contract, settings],
            "passedTests": _ids(run, Status.PASS),
            "warnedTests": _ids(run, Status.WARNING, Status.WAIVED),
            "failedTests": _ids(run, Status.FAIL, Status.ERROR),
        },
    }
    return msgspec.json.format(msgspec.json.encode(statement), indent=1) + b"\n"


def _result(run: Run) -> str:
    if run.verdict is not Verdict.CONFORMANT:
        return "FAILED"
    return "WARNED" if run.with_status(Status.WARNING, Status.WAIVED) else "PASSED"


def _ids(run: Run, *statuses: Status) -> list[str]:
    return [result.requirement.id for result in run.with_status(*statuses)]
