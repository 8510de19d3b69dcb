"""Waivers are strict to read, end by themselves, and never outlive what they excuse."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path

import pytest
import small_runs
import yaml

from closecheck.config import waivers
from closecheck.contract.specification import contract
from closecheck.model import Status, Waiver
from closecheck.model.errors import UsageError
from closecheck.reports import RENDERERS
from closecheck.reports._facts import waiver_entries
from closecheck.reports.terminal import Progress, print_summary, terminal

TODAY = date(2026, 6, 15)
IDS = frozenset({"CAR-IDS-MAX", "CAR-BODY-JSON", "CAR-AUTH-CHALLENGE"})
FILE = """\
- requirement: CAR-IDS-MAX
  reason: >
    the list is cut
    at 100
  owner: team close
  issue: "CLOSE-12"
  expires: 2026-06-15

- requirement: CAR-BODY-JSON
  reason: old parser
  owner: team close
  issue: CLOSE-13
  expires: "2026-06-14"
- {requirement: CAR-AUTH-CHALLENGE, reason: a, owner: b, issue: c, expires: 2027-01-01}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(text: str) -> tuple[waivers.FiledWaiver, ...]:
    Path("waivers.yaml").write_text(text, encoding="utf-8")
    return waivers.load(Path("waivers.yaml"), TODAY, IDS)


def refusal(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        load(text)
    return str(caught.value)


def test_entries_are_read_with_their_lines() -> None:
    first, second, third = load(FILE)

    assert first.plain() == Waiver("CAR-IDS-MAX", "the list is cut at 100\n", "team close", "CLOSE-12", "2026-06-15")
    assert [one.fault("").sentence.removesuffix(": ") for one in (first, second, third)] == [
        "waivers.yaml, lines 1-7",
        "waivers.yaml, lines 9-13",
        "waivers.yaml, line 14",
    ]


def test_a_waiver_holds_to_the_end_of_its_last_day() -> None:
    in_force, faults = waivers.sort_out(load(FILE), IDS, IDS, TODAY)

    assert set(in_force) == {"CAR-IDS-MAX", "CAR-AUTH-CHALLENGE"}
    assert type(in_force["CAR-IDS-MAX"]) is Waiver
    assert [one.sentence for one in faults] == [
        "waivers.yaml, lines 9-13: the waiver of CAR-BODY-JSON ended on 2026-06-14; fix the target and delete these lines, or let team close set a new date."
    ]


def test_a_waiver_of_what_holds_is_stale() -> None:
    in_force, faults = waivers.sort_out(load(FILE), {"CAR-AUTH-CHALLENGE"}, IDS, TODAY)

    assert set(in_force) == {"CAR-AUTH-CHALLENGE"}
    assert [one.sentence for one in faults] == [
        "waivers.yaml, lines 1-7: CAR-IDS-MAX was tested and holds; delete these lines.",
        "waivers.yaml, lines 9-13: CAR-BODY-JSON was tested and holds; delete these lines.",
    ]


def test_a_file_below_the_current_folder_is_named_from_there_and_another_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(FILE)
    file = Path("waivers.yaml").absolute()
    assert {one.file for one in waivers.load(file, TODAY, IDS)} == {"waivers.yaml"}

    monkeypatch.chdir(tmp_path.parent)
    assert {one.file for one in waivers.load(file, TODAY, IDS)} == {f"{tmp_path.name}/waivers.yaml"}

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert {one.file for one in waivers.load(file, TODAY, IDS)} == {str(file)}


@pytest.mark.parametrize(("workspace", "file"), [("", "waivers.yaml"), ("..", "{here}/waivers.yaml"), ("/no/such", "waivers.yaml")])
def test_an_expired_or_stale_waiver_is_annotated_on_github_with_its_lines(tmp_path: Path, workspace: str, file: str) -> None:
    _, faults = waivers.sort_out(load(FILE)[:1], set(), IDS, TODAY)
    told = {}
    for annotates in ("true", "false"):
        stream = io.StringIO()
        environ = {"GITHUB_ACTIONS": annotates, "GITHUB_WORKSPACE": str(tmp_path.parent) if workspace == ".." else workspace}
        Progress(contract().catalogue, stream=stream, environ=environ).waiver(faults[0])
        told[annotates] = stream.getvalue()

    place = f"file={file.format(here=tmp_path.name)},line=1,endLine=7"
    assert told == {
        "true": f"::error {place},title=waiver of CAR-IDS-MAX::CAR-IDS-MAX was tested and holds; delete these lines.\n",
        "false": "",
    }


def test_a_waiver_of_what_was_not_tested_is_not_stale() -> None:
    in_force, faults = waivers.sort_out(load(FILE)[:1], set(), set(), TODAY)

    assert set(in_force) == {"CAR-IDS-MAX"}
    assert faults == ()


ENTRY = {"requirement": "CAR-IDS-MAX", "reason": "r", "owner": "o", "issue": "i", "expires": "2026-07-01"}


@pytest.mark.parametrize("key", sorted(ENTRY))
def test_every_key_is_required(key: str) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != key}

    assert refusal(yaml.safe_dump([entry])) == (
        f'waivers.yaml, key "[0]" (line 1): {key} is missing. A waiver needs requirement, reason, owner, issue and expires.'
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"requirement": "CAR-IDS-MIX"}, 'there is no requirement CAR-IDS-MIX. Did you mean "CAR-IDS-MAX"?'),
        ({"owner": " "}, "the text is empty. Write the person or team that will fix it."),
        ({"issue": 12}, "text is needed, a number was found. Write it in quotes."),
        ({"expires": "30.6.2026"}, "this is no date. Write the last day on which it holds, such as 2026-09-13."),
        ({"until": "x"}, "unknown key. Known: expires, issue, owner, reason, requirement."),
    ],
)
def test_every_value_is_checked(change: dict[str, object], message: str) -> None:
    [key] = change
    said = refusal(yaml.safe_dump([ENTRY | change]))

    assert said.startswith(f'waivers.yaml, key "[0].{key}" (line ')
    assert said.endswith(f": {message}")


def test_a_requirement_is_waived_once() -> None:
    assert refusal(yaml.safe_dump([ENTRY, dict(ENTRY)])).endswith(
        "(line 6): CAR-IDS-MAX is waived twice, first on line 1. Delete one of them."
    )


GOT = 'a "202":\n- # {not} so `x` \x85 \u2028 \ud800 \0'
"""What a target may send to make an entry mean something else."""


def test_an_entry_ready_to_paste_is_refused_until_it_is_filled_in() -> None:
    (entry,) = waiver_entries(small_runs.run({"CAR-IDS-MAX": Status.FAIL}, got=GOT, started="2026-06-15T23:30:00+00:00"))

    assert "text is needed, nothing was found. Write why it is excused." in refusal(entry)
    filled = entry.replace("reason:", "reason: r").replace("owner:", "owner: o").replace("issue:", 'issue: "12"')
    (waiver,) = load(filled)
    assert waiver.plain() == Waiver("CAR-IDS-MAX", "r", "o", "12", "2026-07-15")


def test_there_is_an_entry_for_each_requirement_that_failed_and_for_no_other() -> None:
    run = small_runs.run(
        {"CAR-A": Status.FAIL, "CAR-B": Status.WARNING, "CAR-C": Status.WAIVED, "CAR-D": Status.FAIL, "CAR-E": Status.PASS}
    )

    entries = waiver_entries(run)

    assert [one.splitlines()[0] for one in entries] == ["- requirement: CAR-A", "- requirement: CAR-D"]
    assert [one["requirement"] for one in yaml.safe_load("".join(entries))] == ["CAR-A", "CAR-D"]


def told(run: object) -> dict[str, str]:
    """Return every format that is text, by its name, and what a pipe is told."""
    stream = io.StringIO()
    print_summary(run, terminal(stream, {}))
    made = {name: RENDERERS[name].render(run) for name in RENDERERS}
    return {"terminal": stream.getvalue()} | {name: text if isinstance(text, str) else text.decode() for name, text in made.items()}


def test_a_failing_run_offers_the_entry_in_terminal_html_and_markdown() -> None:
    failed, held = told(small_runs.run({"CAR-A": Status.FAIL})), told(small_runs.run({"CAR-A": Status.PASS}))

    for name in ("terminal", "html", "markdown"):
        assert "- requirement: CAR-A" in failed[name]
        assert "expires: 2026-09-13" in failed[name]
        assert "- requirement: CAR-A" not in held[name]


def test_what_is_waived_stays_visible_with_its_finding_in_every_format() -> None:
    made = told(small_runs.run({"CAR-A": Status.WAIVED}, got="got-something-else"))

    without_findings = {"badge", "badge-svg", "har", "intoto"}
    assert {name for name, text in made.items() if "got-something-else" not in text} == without_findings
    assert "1 waived" in made["badge"]
    assert json.loads(made["intoto"])["predicate"]["warnedTests"] == ["CAR-A"]


def test_an_expired_or_stale_waiver_fails_the_run_and_every_report_says_which_lines_to_delete() -> None:
    fault = "waivers.yaml, lines 3-7: CAR-A was tested and holds; delete these lines."
    run = small_runs.run({"CAR-A": Status.PASS}, closing={"waiver_faults": (fault,)})

    assert int(run.exit_code) == 1
    made = told(run)
    for name in ("terminal", "html", "markdown", "comment", "json", "junit", "ctrf", "sarif"):
        assert fault in " ".join(made[name].split()), name
