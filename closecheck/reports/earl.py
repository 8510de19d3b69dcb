"""
``earl.jsonld``: one EARL 1.0 assertion for each requirement, for those who collect results as linked data.

EARL knows five outcomes and no warnings or waivers: what was found broken has failed, its level and status stand beside it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from closecheck.model import Result, Run, Status
from closecheck.reports._facts import expected_got, line, stamp, started

FILE_NAME: Final = "earl.jsonld"
_OUTCOMES: Final = {
    Status.PASS: "earl:passed",
    Status.FAIL: "earl:failed",
    Status.WARNING: "earl:failed",
    Status.WAIVED: "earl:failed",
    Status.ERROR: "earl:cantTell",
    Status.UNTESTED: "earl:untested",
    Status.OUT_OF_SCOPE: "earl:inapplicable",
    Status.NOT_APPLICABLE: "earl:inapplicable",
}
_CONTEXT: Final = {
    "earl": "http://www.w3.org/ns/earl#",
    "dct": "http://purl.org/dc/terms/",
    "doap": "http://usefulinc.com/ns/doap#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "closecheck": "urn:closecheck:",
    "dct:date": {"@type": "xsd:dateTime"},
    "earl:assertedBy": {"@type": "@id"},
    "earl:subject": {"@type": "@id"},
    "earl:outcome": {"@type": "@id"},
    "earl:mode": {"@type": "@id"},
}


def render(run: Run) -> bytes:
    """Return the graph: the suite, the target, and an assertion for each requirement."""
    suite = {
        "@id": "_:suite",
        "@type": ["earl:Assertor", "earl:Software"],
        "dct:title": "closecheck",
        "dct:hasVersion": run.opening.suite,
    }
    target = {
        "@id": "_:target",
        "@type": "earl:TestSubject",
        "dct:title": run.opening.target,
        "dct:identifier": run.opening.base_url,
        "dct:description": run.headline,
    }
    graph = [suite, target, *(_assertion(run, result) for result in run.results)]
    return msgspec.json.format(msgspec.json.encode({"@context": _CONTEXT, "@graph": graph}), indent=1) + b"\n"


def _assertion(run: Run, result: Result) -> dict[str, Any]:
    requirement = result.requirement
    reported: dict[str, Any] = {
        "@type": "earl:TestResult",
        "earl:outcome": _OUTCOMES[result.status],
        "closecheck:status": result.status.value,
        "dct:date": stamp(started(run)),
    }
    if result.findings:
        reported["earl:info"] = expected_got(result.findings[0].finding, 1000)
    elif result.reason:
        reported["earl:info"] = line(result.reason, 1000)
    return {
        "@type": "earl:Assertion",
        "earl:assertedBy": "_:suite",
        "earl:subject": "_:target",
        "earl:mode": "earl:automatic",
        "earl:test": {
            "@id": f"closecheck:requirement:{requirement.id}",
            "@type": "earl:TestRequirement",
            "dct:identifier": requirement.id,
            "dct:description": requirement.statement,
            "dct:source": requirement.source,
            "closecheck:level": requirement.level.value,
        },
        "earl:result": reported,
    }
