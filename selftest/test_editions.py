"""What a later edition than the pinned one introduced is run and told as advice, and fails nothing in any format."""

from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import pytest
import small_runs
from lxml import etree
from lxml import html as lxml_html
from test_session import SmallTarget, opened

from closecheck.contract import derived_cases
from closecheck.contract.cases import REFUSED, Case, DeclaredCase, DeclaredRequest
from closecheck.contract.specification import Contract, ContractFault, contract, spec_folder
from closecheck.model import (
    Catalogue,
    Choice,
    Closing,
    Evidence,
    Exit,
    Finding,
    Line,
    Observation,
    Outcome,
    Run,
    Status,
    Verdict,
    edition_key,
)
from closecheck.model.errors import UsageError
from closecheck.reports import RENDERERS
from closecheck.reports.terminal import Progress, print_summary, terminal
from closecheck.suite.plugin import pytest_report_teststatus
from closecheck.suite.run_context import check_edition, open_run

PINNED, LATER = "2026.1", "2026.2"
OLD, NEW = "CAR-BODY-OLD", "CAR-BODY-NEW"


def held(requirement: str, part: str = "", since: str = "") -> Evidence:
    return Evidence(requirement, Outcome.HELD, "x/held", part, since=since)


def broken(requirement: str, since: str = "", part: str = "") -> Evidence:
    return Evidence(
        requirement, Outcome.BROKEN, "x/broken", part, finding=Finding("400 with an error object", "got-something-else"), since=since
    )


def judged(*lines: Line, edition: str = PINNED, parts: tuple[str, ...] = ()) -> Run:
    """Return a run of a catalogue whose second requirement and second choice are of a later edition."""
    plain = small_runs.run({OLD: Status.PASS, NEW: Status.PASS}, edition=LATER).opening
    old, new = plain.catalogue.requirements
    catalogue = Catalogue(
        LATER,
        plain.catalogue.areas,
        (msgspec.structs.replace(old, since=PINNED, parts=parts), msgspec.structs.replace(new, since=LATER)),
        (Choice("old-choice", "What of old?", PINNED), Choice("new-choice", "What of new?", LATER)),
    )
    return Run([msgspec.structs.replace(plain, catalogue=catalogue, edition=edition), *lines, Closing(1.5, 3)])


@pytest.fixture
def advised() -> Run:
    """A run in which the edition's requirement holds, a later requirement is broken, and a later case finds the older one broken."""
    return judged(held(OLD), broken(OLD, LATER), broken(NEW), Observation("old-choice", "said-old"), Observation("new-choice", "said-new"))


def made(run: Run, name: str) -> bytes:
    text = RENDERERS[name].render(run)
    return text if isinstance(text, bytes) else text.encode()


# -------------------------------------------------------------------------------------------------------------- the model


def test_what_a_later_edition_found_changes_neither_verdict_nor_exit_code_nor_headline(advised: Run) -> None:
    assert advised.verdict is Verdict.CONFORMANT
    assert advised.exit_code is Exit.CONFORMANT
    assert advised.headline == "conformant: 1 of 1 requirements tested"
    assert sum(advised.counts().values()) == 1
    assert [(one.requirement.id, one.status) for one in advised.advice] == [(NEW, Status.FAIL), (OLD, Status.FAIL)]


def test_the_same_evidence_decides_where_the_newest_edition_does(advised: Run) -> None:
    run = Run([msgspec.structs.replace(advised.opening, edition=""), *advised.evidence, Closing(1.5, 3)])

    assert run.verdict is Verdict.NON_CONFORMANT
    assert run.headline == "not conformant: 2 of 2 requirements failed"
    assert run.advice == ()


def test_a_later_requirement_that_was_not_tested_leaves_no_run_incomplete() -> None:
    run = judged(held(OLD))

    assert run.verdict is Verdict.CONFORMANT
    assert [(one.requirement.id, one.status) for one in run.advice] == [(NEW, Status.UNTESTED)]


def test_a_later_case_does_not_make_an_older_requirement_pass() -> None:
    run = judged(held(OLD, since=LATER))

    assert run.verdict is Verdict.INCOMPLETE


def test_a_part_that_only_later_cases_speak_of_is_not_asked_of_the_pinned_edition() -> None:
    lines = held(OLD, "first"), held(OLD, "second", since=LATER)

    assert judged(*lines, parts=("first", "second")).results[0].status is Status.PASS
    assert judged(*lines, parts=("first", "second"), edition="").results[0].status is Status.PASS
    assert judged(held(OLD, "first"), parts=("first", "second")).results[0].status is Status.UNTESTED


def test_choices_of_later_editions_stand_apart(advised: Run) -> None:
    assert [choice.id for choice, _ in advised.choices] == ["old-choice"]
    assert [choice.id for choice, _ in advised.later_choices] == ["new-choice"]


def test_the_tenth_edition_of_a_year_is_later_than_the_ninth() -> None:
    assert edition_key("2026.10") > edition_key("2026.9")


# ------------------------------------------------------------------------------------------------------------ the formats


def test_report_json_tells_advice_beside_the_requirements(advised: Run) -> None:
    told = json.loads(made(advised, "json"))

    assert [one["id"] for one in told["requirements"]] == [OLD]
    assert [(one["id"], len(one["findings"])) for one in told["advice"]] == [(NEW, 1), (OLD, 1)]
    assert [one["id"] for one in told["choices"]] == ["old-choice"]
    assert [(one["id"], one["since"]) for one in told["later_choices"]] == [("new-choice", LATER)]
    assert told["suite"]["edition"] == PINNED


def test_junit_skips_advice_with_its_text_and_fails_nothing(advised: Run) -> None:
    suites = etree.fromstring(made(advised, "junit"))

    skipped = {case.get("name"): case for case in suites.iter("testcase") if case.find("skipped") is not None}
    assert (suites.get("failures"), suites.get("errors")) == ("0", "0")
    assert {name.partition(" ")[0] for name in skipped} == {OLD, NEW}
    assert all("got-something-else" in case.find("system-out").text for case in skipped.values())


def test_ctrf_skips_advice(advised: Run) -> None:
    tests = json.loads(made(advised, "ctrf"))["results"]["tests"]

    assert {one["status"] for one in tests if one["rawStatus"] == "advice"} == {"skipped"}
    assert not [one for one in tests if one["status"] in {"failed", "other"}]


def test_sarif_tells_advice_as_notes(advised: Run) -> None:
    (run,) = json.loads(made(advised, "sarif"))["runs"]

    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [(NEW, "note"), (OLD, "note")]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [OLD, NEW]
    assert [run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] for one in run["results"]] == [NEW, OLD]


def test_html_has_a_section_of_its_own_for_advice(advised: Run) -> None:
    page = lxml_html.fromstring(made(advised, "html").decode())

    (section,) = page.xpath("//section[@aria-labelledby='advice']")
    told = " ".join(section.text_content().split())
    assert all(text in told for text in (OLD, NEW, "got-something-else", "said-new", "closecheck run --only x/broken"))
    assert not page.xpath("//section[@aria-labelledby='failures']")
    assert "got-something-else" not in page.get_element_by_id("requirements").getparent().text_content()


@pytest.mark.parametrize("name", ["markdown", "comment"])
def test_markdown_has_a_section_of_its_own_for_advice(advised: Run, name: str) -> None:
    _, _, after = made(advised, name).decode().partition("## Advice of later editions\n")

    told, _, _ = after.partition("\n## ")
    assert all(text in told for text in (OLD, NEW, "got-something-else", "said-new"))


def test_the_terminal_has_a_section_of_its_own_for_advice(advised: Run) -> None:
    stream = io.StringIO()
    print_summary(advised, terminal(stream, {}))

    _, _, after = stream.getvalue().partition("Advice of later editions, no part of the verdict\n")
    assert all(text in after for text in (f"{NEW}  failed", f"{OLD}  failed", "said-new", "rerun  closecheck run --only x/broken"))
    assert "FAIL" not in stream.getvalue()


@pytest.mark.parametrize("name", ["badge", "earl", "intoto"])
def test_formats_that_tell_only_results_tell_those_of_the_edition(advised: Run, name: str) -> None:
    told = made(advised, name).decode()

    assert NEW not in told
    assert "got-something-else" not in told


def test_no_advice_is_announced_while_a_run_goes_on(advised: Run) -> None:
    stream = io.StringIO()
    progress = Progress(
        advised.opening.catalogue, advises=lambda one: one.requirement == NEW, stream=stream, environ={"GITHUB_ACTIONS": "true"}
    )

    progress.finding(broken(NEW))

    assert stream.getvalue() == ""


def test_pytest_shows_advice_by_its_name() -> None:
    class Report:
        when = "call"
        closecheck_mild = "advice"

    assert pytest_report_teststatus(Report()) == ("advice", "A", "ADVICE")


# ----------------------------------------------------------------------------------------------------- contract, settings


def test_an_unknown_edition_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(UsageError, match=r"--edition.*there is no edition 1999\.9.*2026\.1"):
        open_run({"edition": "1999.9"}, {}, selection="")


@pytest.mark.parametrize("edition", ["", "2026.1"])
def test_a_known_edition_is_taken(edition: str) -> None:
    check_edition(edition)

    assert contract().editions[-1] == contract().catalogue.edition


def test_nothing_is_of_an_edition_that_does_not_exist_yet(tmp_path: Any) -> None:
    for path in spec_folder().rglob("*.yaml"):
        copy = tmp_path / path.relative_to(spec_folder())
        copy.parent.mkdir(exist_ok=True, parents=True)
        copy.write_bytes(path.read_bytes().replace(b'since: "2026.1"', b'since: "2099.1"', 1))

    with pytest.raises(ContractFault, match=r"of edition 2099\.1, later than the catalogue's own"):
        Contract(tmp_path)


def test_a_declared_case_can_be_of_a_later_edition_than_its_requirement() -> None:
    declared = DeclaredCase("x/1", "X", DeclaredRequest(json={}), requirement="CAR-IDS-MIN", expect="refused", since=LATER)

    assert declared.case().since == LATER


def test_whatever_a_later_case_finds_is_of_its_edition(tmp_path: Any) -> None:

    plain = derived_cases.derived()["ids/501"]
    case = msgspec.structs.replace(plain, id="later/501", since=LATER)
    assert isinstance(case, Case)
    assert case.expect == REFUSED
    with opened(SmallTarget().script, tmp_path) as (session, *_):
        session.add(case)
        session.judge(case)
        clause = session.record(Evidence("CAR-OP-STATUS", Outcome.BROKEN, "later/501#plain", finding=Finding("", "")))
        old = session.judge(plain)

    assert {one.since for one in session.evidence if one.case == "later/501"} == {LATER}
    assert clause.since == LATER
    assert old.since == ""
