"""
``junit.xml``: one testcase for each requirement and case, so that Jenkins, GitLab and GitHub count what people count.

Only elements of the Jenkins format are used. Requirement, level and statement stand in ``system-out``: the format gives
testcases no properties. A warning passes and says so there. GitLab drops testcases of equal name and class, so names are
unique.
"""

from __future__ import annotations

from collections import Counter
from typing import Final
from xml.etree import ElementTree as ET

from closecheck.model import OTHER, Run, Status
from closecheck.reports._facts import answer_line, block, facts, line, stamp, started, visible
from closecheck.reports._items import RUN_AREA, Item, items

FILE_NAME: Final = "junit.xml"
MOST_OF_A_CURL: Final = 4000
"""Characters of a curl line that are repeated here; ``report.json`` has every one."""
_SKIPPED: Final = frozenset({Status.UNTESTED, Status.WAIVED, Status.OUT_OF_SCOPE, Status.NOT_APPLICABLE})


def render(run: Run) -> bytes:
    """Return the testsuites, one suite for each area that has testcases."""
    titles = {RUN_AREA: "The run itself", OTHER.id: OTHER.title} | {area.id: area.title for area in run.opening.catalogue.areas}
    by_area: dict[str, list[Item]] = {}
    for item in items(run):
        by_area.setdefault(item.area, []).append(item)
    total = _Counts([item for of_area in by_area.values() for item in of_area])
    root = ET.Element("testsuites", name=f"closecheck: {line(run.opening.target)}", time=_time(run.seconds))
    root.attrib.update(total.of_all)
    for area, of_area in by_area.items():
        suite = ET.SubElement(
            root,
            "testsuite",
            name=line(titles.get(area, area)),
            timestamp=stamp(started(run)).removesuffix("Z"),
            time=_time(sum(item.seconds for item in of_area)),
        )
        suite.attrib.update(_Counts(of_area).of_suite)
        properties = ET.SubElement(suite, "properties")
        for name, value in _properties(run):
            ET.SubElement(properties, "property", name=name, value=value)
        for item in of_area:
            _testcase(run, suite, item)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


class _Counts:
    """How many testcases there are of each kind."""

    def __init__(self, counted: list[Item]) -> None:
        kinds = Counter("skipped" if item.status in _SKIPPED or item.is_advice else item.status.value for item in counted)
        self.of_all = {"tests": str(len(counted)), "failures": str(kinds["fail"]), "errors": str(kinds["error"])}
        self.of_suite = self.of_all | {"skipped": str(kinds["skipped"])}


def _properties(run: Run) -> list[tuple[str, str]]:
    opening = run.opening
    reported = [
        ("verdict", run.verdict.value),
        ("headline", line(run.headline, 2000)),
        ("exit_code", str(int(run.exit_code))),
        ("target", line(opening.target)),
        ("base_url", line(opening.base_url)),
        ("edition", line(run.edition)),
        ("profile", opening.profile.value),
        ("suite", line(opening.suite)),
        ("requests", str(run.requests)),
    ]
    return reported + [(f"requirements.{status.value}", str(number)) for status, number in run.counts().items()]


def _time(seconds: float) -> str:
    return f"{max(0.0, seconds):.3f}"


def _testcase(run: Run, suite: ET.Element, item: Item) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        name=item.name,
        classname=f"closecheck.{line(item.area)}.{line(item.requirement)}",
        time=_time(item.seconds),
    )
    reported = _output(run, item)
    match item.status:
        case _ if item.is_advice:
            ET.SubElement(case, "skipped", type="advice", message=f"advice: {line(item.reason, 1000)}")
        case Status.FAIL:
            first = item.findings[0].finding if item.findings else None
            message = f"expected {first.expected}; got {first.got}" if first else item.reason
            failure = ET.SubElement(case, "failure", type="finding", message=line(message, 1000))
            failure.text = reported
        case Status.ERROR:
            error = ET.SubElement(case, "error", type="error", message=line(item.reason or "the suite or the connection failed", 1000))
            error.text = reported
        case Status.UNTESTED | Status.WAIVED | Status.OUT_OF_SCOPE | Status.NOT_APPLICABLE as status:
            ET.SubElement(case, "skipped", type=status.value, message=f"{status.value}: {line(item.reason, 1000)}")
        case Status.WARNING | Status.PASS:
            pass
    if item.is_advice or item.status not in {Status.FAIL, Status.ERROR}:
        ET.SubElement(case, "system-out").text = reported


def _output(run: Run, item: Item) -> str:
    result = item.result
    if result is None:
        return visible(item.reason)
    lines = [f"{result.requirement.id} {result.requirement.level.value}: {line(result.requirement.statement, 1000)}"]
    if item.status is Status.WARNING:
        lines.insert(0, "WARNING: broken, and no failure of the run")
    if item.reason:
        lines.append(f"reason    {line(item.reason, 1000)}")
    if item.status is Status.UNTESTED:
        lines.extend(f"supply    {line(supply)}" for supply in result.supply)
    for broken in item.findings:
        reported = facts(run, result, broken)
        lines += block(reported)
        if 0 < len(reported.curl) <= MOST_OF_A_CURL:
            lines.append(f"curl      {reported.curl}")
    if not item.findings and len(item.exchanges) == 1:
        exchange = run.exchanges.get(item.exchanges[0])
        lines.append(f"answered  {answer_line(exchange)}")
    return visible("\n".join(lines))
