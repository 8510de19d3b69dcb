"""
Every number that two formats show is equal: each is read back out of every format that has it, as a reader would see it.

A reader of a format returns what it shows by name; what no two of them show is compared with the run alone.
"""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import golden_files
import pytest
import sample_runs
import strategies_runs
from hypothesis import HealthCheck, Phase, given, settings
from lxml import etree
from lxml import html as lxml_html

from closecheck.model import Outcome, Run, Status
from closecheck.reports._facts import STATUS_WORDS, duration, line
from closecheck.session import record

Shown = dict[str, Any]
_BROKEN: Final = (Status.FAIL, Status.WARNING, Status.WAIVED)
_WORDS: Final = {words: status for status, one in STATUS_WORDS.items() for words in (one, f"{one}s")}
_COUNTED: Final = re.compile(r"(\d[\d,]*) (" + "|".join(sorted(_WORDS, key=len, reverse=True)) + r")\b")


def number(text: str) -> int:
    """Return a number that people read."""
    return int(text.replace(",", ""))


def statuses(counted: dict[str, int], *, zeros: bool = True) -> Shown:
    """Name numbers of requirements by their status; where zeros are not shown, what is missing is zero."""
    names = {status.value for status in Status}
    assert set(counted) <= names
    return {f"status {name}": int(counted.get(name, 0)) for name in names if zeros or name in counted} | (
        {} if zeros else {f"status {name}": 0 for name in names - set(counted)}
    )


def sentence(text: str) -> Shown:
    """Name the sentence on top, as far as every format that cuts it still shows it."""
    return {"headline": line(text, 300)[:300]}


def in_words(text: str) -> Shown:
    """Read ``6 failed, 4 warnings, 81 passed``."""
    return statuses({_WORDS[words].value: number(one) for one, words in _COUNTED.findall(text)}, zeros=False)


# ---------------------------------------------------------------------------------------------------------------- readers


def of_the_model(run: Run) -> Shown:
    """Return what a run says of itself: the numbers that all formats are made from."""
    return (
        statuses({status.value: counted for status, counted in run.counts().items()})
        | sentence(run.headline)
        | {
            "total": len(run.results),
            "tested": run.tested,
            "requests": run.requests,
            "seconds in words": duration(run.seconds),
            "milliseconds": round(run.seconds * 1000),
            "exit code": int(run.exit_code),
            "choices": len(run.choices),
            "observed": sum(seen is not None for _, seen in run.choices),
            "waits": len(run.waits),
            "settings": len(run.opening.settings),
            "findings": sum(result.occurrences for result in run.results if result.status in _BROKEN),
            "areas": [(passed(results), len(results)) for _, results in run.by_area() if results],
            "waiver faults": len(run.closing.waiver_faults) if run.closing else 0,
        }
    )


def passed(results: list[Any]) -> int:
    return sum(result.status is Status.PASS for result in results)


def of_html(made: bytes) -> Shown:
    """Read the page: the counts on top, the bar's words, the contents, the facts, every table, every row."""
    page = lxml_html.document_fromstring(made.decode())

    def text(path: str) -> list[str]:
        return [" ".join(element.text_content().split()) for element in page.xpath(path)]

    facts = dict(zip(text("//dl[@class='facts']//dt"), text("//dl[@class='facts']//dd"), strict=True))
    contents = dict(re.fullmatch(r"(\w+) ?(\d*)", one).groups() for one in text("//nav//a"))
    chips = in_words(", ".join(text("//ul[@class='counts']//a")))
    bar = in_words(page.xpath("//div[@class='bar']/svg/@aria-label")[0])
    rows = statuses(dict(Counter(page.xpath("//details/@data-status"))))
    assert chips == bar == rows
    options = in_words(
        ", ".join(re.sub(r"(.*) \((\d+)\)", r"\2 \1", one) for one in text("//select[@id='filter-result']/option") if "(" in one)
    )
    assert options == rows
    total = number(text("//ul[@class='counts']/li[last()]")[0].split()[1])
    assert total == len(page.xpath("//details[@data-status]")) == int(contents["Requirements"])
    broken = [statuses_of(article) for article in page.xpath("//article")]
    assert Counter(status for status, _ in broken) == {name: int(contents[title]) for name, title in _SECTIONS.items() if title in contents}
    assert (
        int(contents.get("Untested", 0))
        == rows["status untested"] + rows["status error"]
        == len(page.xpath("//table[contains(@class, 'untested')]/tbody/tr"))
    )
    assert int(contents.get("Waivers", 0)) == rows["status waived"]
    choices = page.xpath("//table[contains(@class, 'choices')]/tbody/tr")
    waits = re.findall(r"The run waited ([\d,]+) times?", " ".join(text("//section[@aria-labelledby='timing']/p")))
    said = [
        sum(map(number, re.findall(r"([\d,]+) broken", row)))
        for row in text("//details[@data-status='waived']//dl[1]/dd[last()]/text()/..")
    ]
    return (
        rows
        | sentence(page.xpath("string(//h1)"))
        | {
            "total": total,
            "requests": number(re.match(r"[\d,]+(?= |$|,)", facts["Requests"].removesuffix(","))[0].rstrip(",")),
            "seconds in words": facts["How long"],
            "choices": len(choices),
            "observed": sum("not observed" not in one.xpath("string(td)") for one in choices),
            "waits": number(waits[0]) if waits else 0,
            "settings": len(page.xpath("//section[@aria-labelledby='settings']/table/tbody/tr")),
            "findings": sum(found for _, found in broken) + sum(said),
            "areas": [tuple(map(number, told.split(" of "))) for told in text("//table[@class='areas']/tbody/tr/td[2]")],
            "waiver faults": len(page.xpath("//section[@aria-labelledby='waiver-faults']//li")),
        }
    )


_SECTIONS: Final = {"failed": "Failures", "warning": "Warnings"}


def statuses_of(article: Any) -> tuple[str, int]:
    """Return what an article's chip says, and how many findings it tells of, shown or not."""
    told = re.search(r"found ([\d,]+) times?; ", article.xpath("string(header)"))
    return article.xpath("string(header//span[1])"), number(told[1]) if told else len(article.xpath(".//div[@class='finding']"))


def of_json(made: bytes) -> Shown:
    report = json.loads(made)
    counts = report["counts"]
    listed = Counter(one["status"] for one in report["requirements"])
    assert statuses(dict(listed)) == statuses(counts["by_status"])
    levels = counts["by_level"].values()
    assert statuses({name: sum(level[name] for level in levels) for name in counts["by_status"]}) == statuses(counts["by_status"])
    return (
        statuses(counts["by_status"])
        | sentence(report["headline"])
        | {
            "total": counts["requirements"],
            "tested": counts["tested"],
            "requests": report["requests"],
            "milliseconds": round(report["seconds"] * 1000),
            "seconds in words": duration(report["seconds"]),
            "exit code": report["exit_code"],
            "choices": len(report["choices"]),
            "observed": sum(one["observed"] is not None for one in report["choices"]),
            "waits": len(report["waits"]),
            "settings": len(report["settings"]),
            "findings": sum(one["occurrences"] for one in report["requirements"] if one["status"] in _BROKEN),
            "waiver faults": len(report["waiver_faults"]),
        }
    )


def of_junit(made: bytes) -> Shown:
    """Read the properties of every suite, and hold the counts in its attributes against its testcases."""
    suites = etree.fromstring(made)
    named = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    for suite in suites:
        assert int(suite.get("tests")) == len(suite.findall("testcase"))
        assert {name: int(suite.get(name)) for name in named} == {
            name: len(suite.findall(f"testcase/{one}")) for name, one in named.items()
        }
    assert int(suites.get("tests")) == len(suites.findall("testsuite/testcase"))
    told: list[Shown] = []
    for suite in suites:
        of_suite = {one.get("name"): one.get("value") for one in suite.findall("properties/property")}
        counted = {name.removeprefix("requirements."): int(value) for name, value in of_suite.items() if name.startswith("requirements.")}
        told.append(
            statuses(counted)
            | sentence(of_suite["headline"])
            | {"requests": int(of_suite["requests"]), "exit code": int(of_suite["exit_code"])}
        )
    assert all(one == told[0] for one in told)
    tests = {"tests": int(suites.get("tests")), "test failures": int(suites.get("failures")), "test errors": int(suites.get("errors"))}
    return (
        (told[0] if told else {})
        | tests
        | {
            "test skips": len(suites.findall(".//skipped")),
            "milliseconds": round(float(suites.get("time")) * 1000),
        }
    )


def of_ctrf(made: bytes) -> Shown:
    results = json.loads(made)["results"]
    summary = results["summary"]
    kinds = Counter(one["status"] for one in results["tests"])
    assert {name: summary[name] for name in ("passed", "failed", "skipped", "pending", "other")} == {
        name: kinds[name] for name in ("passed", "failed", "skipped", "pending", "other")
    }
    assert summary["stop"] - summary["start"] == summary["duration"]
    return (
        statuses(summary["extra"]["requirements"])
        | sentence(summary["extra"]["headline"])
        | {
            "tests": summary["tests"],
            "test failures": summary["failed"],
            "test errors": summary["other"],
            "test skips": summary["skipped"] + summary["pending"],
            "milliseconds": summary["duration"],
            "exit code": summary["extra"]["exitCode"],
        }
    )


def of_sarif(made: bytes) -> Shown:
    run = json.loads(made)["runs"][0]
    invocation = run["invocations"][0]
    notes = [one["message"]["text"] for one in invocation["toolExecutionNotifications"]]
    hidden = [number(found[1]) for note in notes if (found := re.fullmatch(r"([\d,]+) more findings are counted in report\.json", note))]
    return (
        statuses(run["properties"]["requirements"])
        | sentence(run["properties"]["headline"])
        | {
            "total": sum("advice" not in rule["properties"] for rule in run["tool"]["driver"]["rules"]),
            "exit code": invocation["exitCode"],
            "findings": sum("advice" not in one["properties"] for one in run["results"]) + sum(hidden),
        }
    )


def of_earl(made: bytes) -> Shown:
    graph = json.loads(made)["@graph"]
    (target,) = (one for one in graph if one["@type"] == "earl:TestSubject")
    assertions = [one for one in graph if one["@type"] == "earl:Assertion"]
    return (
        sentence(target["dct:description"])
        | statuses(dict(Counter(one["earl:result"]["closecheck:status"] for one in assertions)))
        | {"total": len(assertions)}
    )


def of_intoto(made: bytes) -> Shown:
    told = json.loads(made)["predicate"]
    return sentence(told["configuration"][1]["annotations"]["headline"]) | {
        "status pass": len(told["passedTests"]),
        "warned or waived": len(told["warnedTests"]),
        "failed or error": len(told["failedTests"]),
    }


def of_badge(made: bytes) -> Shown:
    message = json.loads(made)["message"]
    match re.findall(r"\d+", message):
        case [first, total, *waived] if message.endswith("failed"):
            return {"status fail": int(first), "total": int(total)}
        case [first, total, *waived]:
            return {"tested": int(first), "total": int(total)} | ({"status waived": int(waived[0])} if waived else {})
        case _:
            return {}


def of_badge_svg(made: bytes) -> Shown:
    label = etree.fromstring(made).get("aria-label").split(": ", 1)[1]
    return of_badge(json.dumps({"message": label}).encode())


def of_markdown(made: bytes) -> Shown:
    """Read the summary or the comment: the line on top, the table of statuses, the table of areas, the observed choices."""
    text = made.decode()
    top = re.match(r"# .*\n\n.* · (.+?) · ([\d,]+) requests? · closecheck", text)
    head, cells = re.search(r"^\| (failed \|.*) \|\n\|.*\n\| (.*) \|$", text, re.MULTILINE).groups()
    *names, last = head.split(" | ")
    *counted, total = map(int, cells.split(" | "))
    assert last == "requirements"
    areas = re.findall(r"^\| .* \| (\d+) \| (\d+) \|$", text.partition("## Requirements by area")[2], re.MULTILINE)
    shown = statuses({_WORDS[name].value: one for name, one in zip(names, counted, strict=True)}) | {"total": total}
    if top:
        shown |= {"seconds in words": top[1], "requests": number(top[2])}
    listed = re.search(r"^## Choices observed\n\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if listed:
        lines = [one for one in listed[1].split("\n") if one.startswith("- ")]
        shown |= {"choices": len(lines), "observed": sum(not one.endswith("*not observed*") for one in lines)}
    return shown | {"areas": [(int(one), int(of)) for one, of in areas if int(of)]}


def of_terminal(made: bytes) -> Shown:
    """Read what a pipe is told: the line under the verdict, the sum of all areas, the choices, the exit code at the end."""
    text = made.decode()
    sent = re.search(r"· ([\d,]+)\s+requests? in ([^·]+?)\n\n?", text)
    block = text.partition("Requirements by area\n")[2].partition("\n\n")[0]
    *areas, (done, of, others) = re.findall(r"(\d+) of +(\d+) passed(.*(?:\n {20,}.*)*)", block)
    choices = re.search(r"^choices   (\d+) of (\d+) observed", text, re.MULTILINE)
    counted = in_words(" ".join(others.split()))
    del counted["status pass"]
    shown = counted | {"status pass": int(done), "total": int(of), "exit code": int(re.search(r"\(exit (\d)\)\s*\Z", text)[1])}
    if sent:
        shown |= {"requests": number(sent[1]), "seconds in words": " ".join(sent[2].split())}
    shown["areas"] = [(int(one), int(of_area)) for one, of_area, _ in areas]
    return shown | ({"observed": int(choices[1]), "choices": int(choices[2])} if choices else {"observed": 0, "choices": 0})


READERS: Final[dict[str, Callable[[bytes], Shown]]] = {
    "index.html": of_html,
    "report.json": of_json,
    "junit.xml": of_junit,
    "ctrf.json": of_ctrf,
    "report.sarif": of_sarif,
    "earl.jsonld": of_earl,
    "test-result.intoto.json": of_intoto,
    "badge.json": of_badge,
    "badge.svg": of_badge_svg,
    "summary.md": of_markdown,
    "comment.md": of_markdown,
    golden_files.TERMINAL: of_terminal,
}


# ----------------------------------------------------------------------------------------------------------------- tests


def check(run: Run) -> dict[str, list[str]]:
    """Hold every number of every format against the run and the others; return which formats show a name."""
    expected = of_the_model(run)
    expected["warned or waived"] = expected["status warning"] + expected["status waived"]
    expected["failed or error"] = expected["status fail"] + expected["status error"]
    where: dict[str, list[str]] = {}
    # No run records these, but a reader of formats may meet them: evidence that something is broken, and no word of what.
    silent = {"findings"} if any(one.outcome is Outcome.BROKEN and one.finding is None for one in run.evidence) else set()
    for name, made in golden_files.made(run).items():
        if name not in READERS:
            continue
        for what, shown in READERS[name](made).items():
            if what in silent:
                continue
            wanted = expected.setdefault(what, shown)
            assert shown == wanted, f"{name} shows {what}: {shown}, others {wanted}"
            where.setdefault(what, []).append(name)
    return where


def test_every_number_of_the_kept_run_is_equal_in_every_format() -> None:
    where = check(record.read(golden_files.FOLDER))

    assert {what: len(where[what]) for what in ("total", "requests", "findings", "choices", "exit code", "status fail")} == {
        "total": 9, "requests": 6, "findings": 3, "choices": 4, "exit code": 5, "status fail": 11,
    }  # fmt: skip


@pytest.mark.parametrize("name", sample_runs.SAMPLES)
def test_every_number_of_a_sample_is_equal_in_every_format(name: str) -> None:
    assert check(sample_runs.SAMPLES[name]())


# Making a run that fails smaller takes minutes: each is rendered in twelve formats.
@settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(run=strategies_runs.runs())
def test_every_number_of_any_run_is_equal_in_every_format(run: Run) -> None:
    assert check(run)


def test_the_headline_counts_what_the_table_counts() -> None:
    """The numbers in the sentence on top are those of the run, whatever its verdict."""
    for run in (record.read(golden_files.FOLDER), sample_runs.conformant(), sample_runs.findings(), sample_runs.interrupted()):
        counts = run.counts()
        told = in_words(run.headline)
        named = {status for status in Status if told[f"status {status.value}"]}
        of = re.search(r"(\d+) of (\d+) requirements (failed|tested)", run.headline)

        assert all(told[f"status {status.value}"] == counts[status] for status in named - {Status.UNTESTED})
        assert int(of[2]) == len(run.results)
        assert int(of[1]) == (counts[Status.FAIL] if of[3] == "failed" else run.tested)


def test_a_run_ends_in_sarif_when_it_ends() -> None:
    run = record.read(golden_files.FOLDER)
    invocation = json.loads(golden_files.made(run)["report.sarif"])["runs"][0]["invocations"][0]
    began, ended = (datetime.datetime.fromisoformat(invocation[name]) for name in ("startTimeUtc", "endTimeUtc"))

    assert round((ended - began).total_seconds(), 2) == round(run.seconds, 2)
