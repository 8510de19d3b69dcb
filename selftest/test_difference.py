"""Two runs compared: what became of each requirement, and every format says the same of it."""

from __future__ import annotations

import collections
import re

import comparisons
import pytest
import sample_runs
import small_runs
import strategies_runs
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings

from closecheck.__main__ import main
from closecheck.model import Exit, Profile, Status
from closecheck.reports._comparison import TITLES, WHOLE, figures, status, why
from closecheck.reports.difference import Kind, difference
from closecheck.reports.markdown import COMMENT_LIMIT
from closecheck.reports.run_columns import Agreement

PASS, FAIL, WARNING, WAIVED = Status.PASS, Status.FAIL, Status.WARNING, Status.WAIVED
UNTESTED, ERROR, OUT, NA = Status.UNTESTED, Status.ERROR, Status.OUT_OF_SCOPE, Status.NOT_APPLICABLE
modest = settings(max_examples=12, suppress_health_check=list(HealthCheck))
"""For runs of every kind, which take long to draw."""


def turned(before, after):
    """Return the difference of two runs in which one requirement had these results; None: not in the edition."""
    return difference(*(small_runs.run({} if one is None else {"CAR-A": one}) for one in (before, after)))


def kind_of(before, after):
    changes = turned(before, after).changes
    return changes[0].kind if changes else None


# ------------------------------------------------------------------------------------------------------- what became of it

R, F, W, L = Kind.REGRESSION, Kind.FOUND, Kind.WAIVED, Kind.LOST
X, G, C, A, GONE, S = Kind.FIXED, Kind.GAINED, Kind.CHANGED, Kind.ADDED, Kind.REMOVED, Kind.STILL
AFTERS = (PASS, FAIL, WARNING, WAIVED, UNTESTED, ERROR, OUT, NA, None)
TURNS = {
    PASS:     (None, R, R, W, L, L, L, C, GONE),
    FAIL:     (X, S, C, W, L, L, L, X, GONE),
    WARNING:  (X, C, S, W, L, L, L, X, GONE),
    WAIVED:   (X, C, C, S, L, L, L, X, GONE),
    UNTESTED: (G, F, F, W, None, C, C, C, GONE),
    ERROR:    (G, F, F, W, C, None, C, C, GONE),
    OUT:      (G, F, F, W, C, C, None, C, GONE),
    NA:       (G, R, R, W, L, L, L, None, GONE),
    None:     (A, F, F, W, A, A, A, A, None),
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(before, after, kind) for before, kinds in TURNS.items() for after, kind in zip(AFTERS, kinds, strict=True)],
)
def test_each_turn_has_one_name(before, after, expected):
    assert kind_of(before, after) is expected


@given(runs=small_runs.families(min_size=2, max_size=2))
def test_a_regression_was_tested_and_held(runs):
    told = difference(*runs)

    assert all(one.old.status in {PASS, NA} and one.new.status.broken for one in told.of(Kind.REGRESSION))
    assert not any(one.old and one.old.status.tested for one in told.of(Kind.FOUND))
    assert all((one.old.status.tested or one.old.status is NA) and not one.new.status.tested for one in told.of(Kind.LOST))


@given(runs=small_runs.families(min_size=2, max_size=2))
def test_what_regressed_one_way_is_fixed_the_other_way(runs):
    there, back = difference(*runs), difference(*reversed(runs))

    names = {kind: {one.requirement.id for one in there.of(kind)} for kind in Kind}
    fixed = {one.requirement.id for one in back.of(Kind.FIXED)}
    assert names[Kind.REGRESSION] <= fixed <= names[Kind.REGRESSION] | names[Kind.WAIVED]
    assert (there.total, there.compared, there.choice_agreements) == (back.total, back.compared, back.choice_agreements)


@given(runs=small_runs.families(max_size=1))
def test_a_run_does_not_differ_from_itself(runs):
    told = difference(runs[0], runs[0])

    assert {one.kind for one in told.changes} <= {Kind.STILL}
    assert not told.differs
    assert told.exit_code == 0
    assert told.headline.startswith("no difference; both runs tested ")
    assert told.cautions == ("one and the same run was given more than once: old, new",)


# ------------------------------------------------------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (PASS, FAIL, 1), (PASS, WARNING, 1), (PASS, PASS, 0), (FAIL, PASS, 0), (FAIL, FAIL, 0), (UNTESTED, FAIL, 0), (None, FAIL, 0),
        (WAIVED, FAIL, 0), (PASS, WAIVED, 0), (PASS, UNTESTED, 5), (FAIL, ERROR, 5), (PASS, OUT, 0), (PASS, None, 0),
    ],
)  # fmt: skip
def test_only_a_regression_ends_in_1_and_lost_coverage_in_5(before, after, expected):
    assert turned(before, after).exit_code == expected


def test_a_regression_outweighs_lost_coverage():
    told = difference(small_runs.run({"CAR-A": PASS, "CAR-B": PASS}), small_runs.run({"CAR-A": FAIL, "CAR-B": UNTESTED}))

    assert told.exit_code is Exit.NON_CONFORMANT


def test_lost_coverage_of_a_should_does_not_matter_to_a_gate():
    told = difference(*(small_runs.run({"CAR-A": status}, should=True) for status in (PASS, UNTESTED)))

    assert [one.kind for one in told.changes] == [Kind.LOST]
    assert told.exit_code == 0


# ---------------------------------------------------------------------------------------------------------------- numbers


def test_the_first_sentence_has_an_honest_denominator():
    told = difference(small_runs.old(), small_runs.new())

    assert told.headline == (
        "1 regression among the 4 of 6 requirements that both runs tested; coverage of 1 lost; 1 fixed; 1 new requirement; 1 still broken; 1 choice changed"
    )


def test_nothing_compared_is_no_good_news():
    told = difference(small_runs.run({"CAR-A": UNTESTED}), small_runs.run({"CAR-A": FAIL}))

    assert told.headline == "no regression among the 0 of 1 requirement that both runs tested; 1 newly found"


def test_what_was_observed_in_one_run_only_has_not_changed():
    told = difference(small_runs.run({}, {"one": ["x"], "two": ["x"]}), small_runs.run({}, {"one": [], "two": ["y"]}))

    assert [(one.choice.id, one.agreement) for one in told.choices] == [("one", Agreement.PARTLY), ("two", Agreement.DIFFERENT)]
    assert "1 choice changed; 1 choice observed in one run only" in told.headline


@pytest.mark.parametrize(
    ("now", "changed"),
    [
        (["a blank: refused", "a tab: refused"], 0),
        (["a tab: accepted"], 0),
        (["a blank: accepted", "a tab: refused"], 1),
        (["refused"], 0),
    ],
)
def test_a_choice_changes_only_in_a_case_that_both_runs_sent(now, changed):
    told = difference(small_runs.run({}, {"one": ["a blank: refused"]}), small_runs.run({}, {"one": now}))

    assert len(told.choices) == changed


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({"requests": 1250, "seconds": 3.1}, [("1,203", "1,250", "+47"), ("4.2 s", "3.1 s", "\N{MINUS SIGN}1.1 s")]),
        ({"requests": 1203, "seconds": 4.2}, [("1,203", "1,203", "±0"), ("4.2 s", "4.2 s", "±0 s")]),
    ],
)
def test_requests_and_time_are_compared(new, expected):
    told = difference(small_runs.run({}), small_runs.run({}, closing=new))

    assert [(one.old, one.new, one.change) for one in figures(told)] == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"target": "Another"}, "different targets: Example 4.2 (old), Another (new)"),
        ({"base_url": "https://b.example"}, "different base URLs: https://old.example/v2024 (old), https://b.example (new)"),
        ({"edition": "2026.2"}, "different editions of the contract: 2026.1 (old), 2026.2 (new)"),
        ({"edition": "2026.2", "pinned": "2026.3"}, "different editions of the contract: 2026.1 (old), 2026.3 (new)"),
        ({"profile": Profile.DEEP}, "different profiles: quick (old), deep (new)"),
        ({"closing": {"interrupted": True}}, "the new run was interrupted: what it had not come to is untested"),
        ({"closing": {"stopped": "every request is answered 401"}}, "the new run has no verdict: every request is answered 401"),
    ],
)
def test_what_makes_two_runs_unlike_is_said_in_the_first_lines(facts, expected):
    told = difference(small_runs.run({"CAR-A": PASS}), small_runs.run({"CAR-A": PASS}, **{"started": "2026-09-01"} | facts))

    assert told.cautions == (expected,)
    assert comparisons.text(told).split("\n")[1] == f"  note: {expected}"
    assert comparisons.rendered(told)["markdown"].split("\n")[4] == f"- `{expected}`"


# ---------------------------------------------------------------------------------------------------------- every format


def check_changes(told, made):
    """Read every change out of every format."""
    turns = [(one.kind, one.requirement.id, status(one.old), status(one.new)) for one in told.changes]
    data = made["json"]
    assert [(one["kind"], one["id"]) for one in data["requirements"]] == [(kind.value, name) for kind, name, _, _ in turns]
    counted = collections.Counter(kind.value for kind, *_ in turns)
    assert {kind: number for kind, number in data["counts"]["by_kind"].items() if number} == counted
    assert (data["counts"]["requirements"], data["counts"]["compared"]) == (told.total, told.compared)
    assert data["exit_code"] == told.exit_code

    lines = re.findall(r"^(\S[a-z ]+?) +(CAR-[A-Z0-9-]+)  (?:MUST|SHOULD)   (.+) → (.+)$", made["text"], re.MULTILINE)
    assert lines == [(kind.value, *rest) for kind, *rest in turns]

    page = made["html"]
    for kind in Kind:
        section = page.xpath(f"//section[h2[@id='{kind.value.replace(' ', '-')}']]")
        expected = [(name, before, after) for one, name, before, after in turns if one is kind]
        assert bool(section) == bool(expected)
        if not section:
            continue
        assert section[0].findtext("h2") == TITLES[kind]
        items = section[0].findall("article/header/h3") if kind in WHOLE else section[0].findall("table/tbody/tr")
        read = [(item.findtext(".//code"), *both(item)) for item in items]
        assert read == expected

    markdown = made["markdown"]
    whole = re.findall(r"^### (CAR-[A-Z0-9-]+) · [A-Z]+ · (.+) → (.+)$", markdown, re.MULTILINE)
    assert whole == [tuple(rest) for kind, *rest in turns if kind in WHOLE]
    rows = re.findall(r"^\| (CAR-[A-Z0-9-]+) \| [A-Z]+ \| (.+?) \| (.+?) \| ", markdown, re.MULTILINE)
    assert rows == [tuple(rest) for kind, *rest in turns if kind not in WHOLE]


def both(item):
    """Return the words of the two results of a change on the page."""
    shown = [one.text_content() for one in item.iter("span") if (one.get("class") or "").startswith(("chip", "quiet"))]
    return shown[:2]


def check_everything(told):
    made = comparisons.check(told)
    check_changes(told, made)
    assert len(made["markdown"].encode()) < COMMENT_LIMIT
    return made


@modest
@given(runs=strategies_runs.families(min_size=2, max_size=2))
def test_every_pair_of_runs_is_shown_in_every_format(runs):
    check_everything(difference(*runs))


@pytest.mark.parametrize("old", ["conformant", "interrupted", "cut-off"])
@pytest.mark.parametrize("new", list(sample_runs.SAMPLES))
def test_samples_are_shown_in_every_format(old, new):
    told = difference(sample_runs.SAMPLES[old](), sample_runs.SAMPLES[new]())

    made = comparisons.check(told)
    assert len(made["markdown"].encode()) < COMMENT_LIMIT


def test_a_comment_stays_below_the_limit_of_a_pull_request_and_counts_what_it_leaves_out():
    names = [f"CAR-X-{number}" for number in range(400)]
    told = difference(small_runs.run(dict.fromkeys(names, PASS)), small_runs.run(dict.fromkeys(names, FAIL), got='<&"|`' * 200))

    written = comparisons.rendered(told)["markdown"]

    assert len(written.encode()) < COMMENT_LIMIT
    shown = len(re.findall(r"^### CAR-X-", written, re.MULTILINE))
    assert 10 < shown < 400
    assert f"*{400 - shown} more entries: see the HTML of this comparison.*" in written


def test_a_regression_is_told_with_what_was_found():
    made = check_everything(difference(small_runs.old(), small_runs.new()))

    sides = made["html"].xpath("//section[h2[@id='regression']]//div[@class='side got']/p")
    assert [one.text_content() for one in sides] == ["202 Accepted, {}"]
    assert re.search(r"^ +expected +400 with an error object\n +got +202 Accepted, {}$", made["text"], re.MULTILINE)
    assert "| **got** | `202 Accepted, {}` |" in made["markdown"]


def test_lost_coverage_says_why():
    told = difference(small_runs.old(), small_runs.new())

    assert [why(one) for one in told.of(Kind.LOST)] == ["no token of this kind"]
    assert "no token of this kind" in comparisons.text(told)


def test_what_a_target_says_stays_text():
    made = comparisons.rendered(difference(sample_runs.conformant(), sample_runs.hostile()))

    assert "<img" not in made["html"]
    assert "&lt;img src=x" in made["html"]
    spans = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", made["markdown"])
    for forged in ("<script", "<img", "](javascript", "@everyone"):
        assert forged not in spans, forged


@pytest.mark.parametrize(
    ("before", "after", "sign", "look"),
    [
        (PASS, FAIL, "❌", "non-conformant"),
        (PASS, UNTESTED, "⚠️", "incomplete"),
        (UNTESTED, FAIL, "⚠️", "incomplete"),
        (FAIL, PASS, "✅", "conformant"),
    ],
)
def test_nothing_looks_well_where_something_got_worse(before, after, sign, look):
    made = comparisons.rendered(turned(before, after))

    assert made["markdown"].startswith(f"# {sign} ")
    assert f'<div class="verdict {look}">' in made["html"]


def test_people_read_a_small_difference():
    told = difference(small_runs.old(), small_runs.new())

    comparisons.golden("difference.txt", comparisons.text(told, 100))
    comparisons.golden("difference.md", comparisons.rendered(told)["markdown"])
    comparisons.golden("difference.json", comparisons.rendered(told)["json"])


# ------------------------------------------------------------------------------------------------------------ the command


def called(*words):
    return CliRunner().invoke(main, ["diff", *map(str, words)])


@pytest.fixture
def pair(tmp_path):
    return [small_runs.write(run, tmp_path / which) for which, run in (("old", small_runs.old()), ("new", small_runs.new()))]


def test_the_command_ends_in_the_code_of_the_comparison(pair, tmp_path):
    lost = small_runs.write(small_runs.run({"CAR-OP-ACCEPTS": UNTESTED}), tmp_path / "lost")

    assert called(*pair).exit_code == 1
    assert called(pair[0], pair[0]).exit_code == 0
    assert called(pair[0], lost).exit_code == 5
    assert called(*pair).output == comparisons.text(difference(small_runs.old(), small_runs.new()))


@pytest.mark.parametrize("form", ["markdown", "html", "json"])
def test_the_command_writes_every_format_and_keeps_its_code(pair, tmp_path, form):
    file = tmp_path / f"out.{'md' if form == 'markdown' else form}"

    printed, written = called(*pair, "--format", form), called(*pair, "-o", file)

    assert (printed.exit_code, written.exit_code) == (1, 1)
    assert printed.output == file.read_text("utf-8") == comparisons.rendered(difference(small_runs.old(), small_runs.new()))[form]


def test_a_file_that_is_no_run_is_named(pair, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.jsonl").write_bytes(b"{}\n")

    done = called(pair[0], tmp_path / "bad")

    assert done.exit_code == 4
    assert f"closecheck: {tmp_path / 'bad' / 'run.jsonl'}: line 1 of the run stream" in done.output
