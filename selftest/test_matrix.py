"""Several targets side by side: every format is total, agrees with the others, and shows nothing as a target wrote it."""

from __future__ import annotations

import collections
import itertools
import re

import comparisons
import pytest
import sample_runs
import small_runs
import strategies_runs
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closecheck.__main__ import main
from closecheck.model import Level, Profile, Run, Status
from closecheck.reports._comparison import ABSENT, AGREEMENT_WORDS, NOT_OBSERVED, name, observed, status
from closecheck.reports._facts import line
from closecheck.reports.matrix import matrix
from closecheck.reports.run_columns import Agreement, agreement, union

PASS, FAIL, WARNING, UNTESTED = Status.PASS, Status.FAIL, Status.WARNING, Status.UNTESTED
modest = settings(max_examples=12, suppress_health_check=list(HealthCheck))
"""For runs of every kind, which take long to draw; numbers are asked of small runs, many times."""


def check_cells(told, made):
    """Read every cell of every format, and hold it against the model."""
    ids = [row.requirement.id for row in told.shown]
    cells = {row.requirement.id: [status(cell) for cell in row.cells] for row in told.shown}
    marks = {row.requirement.id: AGREEMENT_WORDS[row.agreement] for row in told.shown}
    document, page = made["json"], made["html"]
    assert sorted(one["id"] for one in document["requirements"]) == sorted(ids)
    statuses = {one["id"]: [cell and cell["status"] for cell in one["results"]] for one in document["requirements"]}
    assert statuses == {row.requirement.id: [cell and cell.status.value for cell in row.cells] for row in told.shown}

    rows = page.xpath("//div[@aria-label='Requirements by target']//tbody/tr[not(@class='area')]")
    shown = {row.findtext("th/code"): row for row in rows}
    assert shown.keys() == cells.keys()
    for one, row in shown.items():
        assert [(cell.findtext("span") or "").strip() for cell in row.iterfind("td")] == cells[one]
        assert (row.findtext("th/span[2]") if row.get("class") != "alike" else "") == marks[one]

    written = re.findall(r"^\| (CAR-[A-Z0-9-]+) \| [A-Z/ ]+ \| (.*?) ?\| (.*) \|$", made["markdown"], re.MULTILINE)
    assert {one: mark.strip() for one, mark, _ in written} == marks
    assert {one: re.sub(r"\*\*", "", told).split(" | ") for one, _, told in written} == cells
    printed = collections.Counter(re.findall(r"^[≠? ] (CAR-[A-Z0-9-]+) +(?:MUST|SHOULD)", made["text"], re.MULTILINE))
    assert set(printed) == set(ids)


def check_counts(told, made):
    counts = made["json"]["counts"]
    assert counts["requirements"] == {one.value: number for one, number in told.agreements.items()}
    assert sum(counts["requirements"].values()) == len(told.rows)
    assert sum(counts["choices"].values()) == len(told.questions)
    assert sum(counts["targets"].values()) == len(told.columns) == len(made["json"]["targets"])
    rows = made["html"].xpath("//div[@aria-label='Requirements by target']//tbody/tr[not(@class='area')]")
    words = collections.Counter(row.findtext("th/span[2]") for row in rows if row.get("class") != "alike")
    assert words[AGREEMENT_WORDS[Agreement.DIFFERENT]] == counts["requirements"]["different"]
    assert words[AGREEMENT_WORDS[Agreement.PARTLY]] == counts["requirements"]["partly"]


def check_choices(told, made):
    rows = made["html"].xpath("//div[@aria-label='Choices by target']//tbody/tr")
    assert len(rows) == len(told.asked) == len(made["json"]["choices"])
    for question, row, data in zip(told.asked, rows, made["json"]["choices"], strict=True):
        assert data["observed"] == [None if cell is None else list(cell) for cell in question.cells]
        for cell, seen in zip(row.iterfind("td"), question.cells, strict=True):
            texts = [one.text_content() for one in cell.iter("bdi")]
            assert texts == [line(one) for one in seen or ()]
            if not seen:
                assert cell.text_content().strip() == (ABSENT if seen is None else NOT_OBSERVED)
            assert comparisons.squeezed(observed(seen)) in comparisons.squeezed(made["text"])


def check_everything(told):
    made = comparisons.check(told)
    check_cells(told, made)
    check_counts(told, made)
    check_choices(told, made)
    return made


@modest
@given(runs=strategies_runs.families(max_size=3), only_differences=st.booleans())
def test_every_family_of_runs_is_shown_in_every_format(runs, only_differences):
    check_everything(matrix(runs, only_differences=only_differences))


@pytest.mark.parametrize("names", [["findings"], ["conformant", "findings"], list(sample_runs.SAMPLES), ["hostile"] * 9])
def test_samples_are_shown_in_every_format(names):
    check_everything(matrix([sample_runs.SAMPLES[one]() for one in names]))


# --------------------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([1, 1], Agreement.SAME),
        ([1], Agreement.SAME),
        ([1, 2], Agreement.DIFFERENT),
        ([1, None, 2], Agreement.DIFFERENT),
        ([1, None], Agreement.PARTLY),
        ([None, 1, 1], Agreement.PARTLY),
        ([None], Agreement.NOWHERE),
        ([], Agreement.NOWHERE),
    ],
)
def test_no_answer_is_not_another_answer(answers, expected):
    assert agreement(answers) is expected


@given(runs=small_runs.families(min_size=2))
def test_the_order_of_the_targets_changes_no_number(runs):
    told = {
        (tuple(one.agreements.items()), tuple(one.choice_agreements.items()))
        for one in map(matrix, itertools.islice(itertools.permutations(runs), 6))
    }

    assert len(told) == 1


@given(runs=small_runs.families(max_size=1))
def test_a_run_does_not_differ_from_itself(runs):
    run = runs[0]
    told = matrix([run, run])

    assert told.differing == told.differing_choices == ()
    assert told.agreements[Agreement.PARTLY] == 0
    assert told.agreements[Agreement.SAME] == run.tested
    assert "one and the same run was given more than once: 1, 2" in told.cautions


@given(runs=small_runs.families(min_size=2))
def test_only_the_differences_are_left_and_the_numbers_stay(runs):
    whole, part = matrix(runs), matrix(runs, only_differences=True)

    assert part.shown == tuple(row for row in whole.rows if row.agreement in {Agreement.DIFFERENT, Agreement.PARTLY})
    assert (part.headline, part.rest, part.agreements) == (whole.headline, whole.rest, whole.agreements)


def test_the_first_sentence_has_honest_denominators():
    first = small_runs.run({"CAR-A": PASS, "CAR-B": PASS, "CAR-C": UNTESTED, "CAR-D": UNTESTED}, {"one": ["x"], "two": ["y"]})
    second = small_runs.run({"CAR-A": PASS, "CAR-B": FAIL, "CAR-C": PASS, "CAR-D": UNTESTED}, {"one": ["z"], "two": []})

    told = matrix([first, second])

    assert told.headline == (
        "2 targets: 1 not conformant (2), 1 incomplete (1); 1 of 4 requirements came out differently, 1 alike on all; "
        "1 of 2 choices came out differently, 0 alike on all"
    )
    assert told.rest == "Requirements tested on some targets only: 1, on none: 1. Choices observed on some targets only: 1"
    assert (told.differing, told.differing_choices) == (("CAR-B",), ("one",))


def test_the_first_sentence_says_which_target_has_which_verdict():
    good, bad = small_runs.run({"CAR-A": PASS}), small_runs.run({"CAR-A": FAIL})

    assert matrix([good, bad, good]).headline.startswith("3 targets: 2 conformant (1, 3), 1 not conformant (2); ")
    assert matrix([bad, bad]).headline.startswith("2 targets: 2 not conformant; ")


def test_one_target_alone_is_compared_with_nobody():
    told = matrix([small_runs.old()])

    assert told.headline == "1 target: not conformant; 5 of 5 requirements tested; 2 of 2 choices observed"
    assert told.rest == ""


def test_what_was_observed_is_the_same_in_any_order():
    told = matrix([small_runs.run({}, {"one": ["a", "b"]}), small_runs.run({}, {"one": ["b", "a", "b"]})])

    assert told.questions[0].agreement is Agreement.SAME
    assert [places for _, places in told.questions[0].answers] == [(0, 1)]


def test_a_measurement_is_shown_and_is_no_difference():
    from closecheck.contract.specification import contract

    measured = [choice.id for choice in contract().catalogue.choices if choice.measured]
    assert measured == ["completion-time"]

    tapes = [sample_runs.Tape(), sample_runs.Tape()]
    for tape, seconds in zip(tapes, ("0.1 s", "0.2 s"), strict=True):
        tape.lines.append(sample_runs.Observation("completion-time", seconds))
    told = matrix([tape.run() for tape in tapes])

    assert told.differing_choices == ()
    assert "0.2 s" in comparisons.text(told)


# --------------------------------------------------------------------------------------------------------------- targets


@given(runs=small_runs.families(min_size=2))
def test_targets_of_one_name_are_told_apart(runs):
    columns = matrix(runs).columns

    assert [column.label for column in columns] == [str(number) for number in range(1, len(runs) + 1)]
    for one, other in itertools.combinations(columns, 2):
        assert (one.run.opening.target, one.apart) != (other.run.opening.target, other.apart)
    assert all(
        bool(column.apart) == (sum(other.run.opening.target == column.run.opening.target for other in columns) > 1) for column in columns
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([{"target": "A"}, {"target": "B"}], ["A", "B"]),
        (
            [{"base_url": "https://a.example"}, {"base_url": "https://b.example"}],
            ["Example 4.2 (https://a.example)", "Example 4.2 (https://b.example)"],
        ),
        ([{"started": "2026-01-01"}, {"started": "2026-01-02"}], ["Example 4.2 (run of 2026-01-01)", "Example 4.2 (run of 2026-01-02)"]),
        ([{"profile": Profile.QUICK}, {"profile": Profile.DEEP}], ["Example 4.2 (profile quick)", "Example 4.2 (profile deep)"]),
        ([{}, {"target": "B"}, {}], ["Example 4.2 (given as number 1)", "B", "Example 4.2 (given as number 3)"]),
    ],
)
def test_the_first_fact_that_differs_tells_targets_apart(facts, expected):
    assert [name(column) for column in matrix([small_runs.run({}, **one) for one in facts]).columns] == expected


# -------------------------------------------------------------------------------------------------------------- editions


def test_editions_are_joined_and_what_one_lacks_says_so():
    told = matrix([small_runs.old(), small_runs.new()])
    made = check_everything(told)

    row = next(row for row in told.rows if row.requirement.id == "CAR-RATE-BODY")
    assert row.cells[0] is None
    assert "different editions of the contract: 2026.1 (1), 2026.2 (2)" in told.cautions
    for form in ("markdown", "text"):
        assert "not in" in made[form]
    assert ABSENT in made["html"].text_content()
    assert next(one for one in made["json"]["requirements"] if one["id"] == "CAR-RATE-BODY")["results"][0] is None


def test_a_pinned_edition_is_the_one_that_is_told():
    recorded = {"results": {"CAR-A": PASS, "CAR-B": FAIL}, "edition": "2026.2", "since": {"CAR-B": "2026.2"}}
    told = matrix([small_runs.run(**recorded, pinned="2026.1"), small_runs.run(**recorded, started="2026-09-01")])
    made = check_everything(told)

    assert told.cautions == ("different editions of the contract: 2026.1 (1), 2026.2 (2)",)
    assert [row.cells[0] is None for row in told.rows] == [False, True]
    assert [one["edition"] for one in made["json"]["targets"]] == ["2026.1", "2026.2"]
    for said in (made["markdown"], made["text"], made["html"].text_content()):
        assert "2026.1" in said
    assert matrix([told.columns[0].run, small_runs.run({"CAR-A": PASS}, started="2026-09-01")]).cautions == ()


def test_a_level_that_editions_set_differently_is_shown_with_both():
    told = matrix([small_runs.run({"CAR-A": WARNING}), small_runs.run({"CAR-A": FAIL}, edition="2026.2")])

    assert told.rows[0].levels == (Level.SHOULD, Level.MUST)
    assert "| CAR-A | SHOULD / MUST | differs | **warning** | **failed** |" in comparisons.rendered(told)["markdown"]


@given(st.lists(st.lists(st.sampled_from("abcdefg"), unique=True), max_size=4))
def test_a_union_has_everything_once(lists):
    assert sorted(union(lists)) == sorted({one for several in lists for one in several})


def test_a_union_keeps_the_order_of_each_list_where_they_agree():
    assert union(["ace", "abce", "acde"]) == ("a", "b", "c", "d", "e")


# -------------------------------------------------------------------------------------------------------------- cautions


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"profile": Profile.DEEP}, "different profiles: quick (1), deep (2)"),
        ({"strict": True}, "different strictness: not strict (1), strict (2)"),
        ({"selection": "--only ids/501"}, "different selections: everything (1), --only ids/501 (2)"),
        ({"suite": "0.2.0"}, "different versions of closecheck: 0.1.0 (1), 0.2.0 (2)"),
        ({"spec_digest": "ab" * 32}, "one edition, but different texts of the contract: none is named (1), abababababab (2)"),
        ({"end": False}, "the record of target 2 breaks off: what it had not come to is untested"),
        ({"closing": {"interrupted": True}}, "target 2 was interrupted: what it had not come to is untested"),
        ({"closing": {"stopped": "nothing to judge"}}, "target 2 has no verdict: nothing to judge"),
        ({"closing": {"suite_fault": "it fell over"}}, "target 2 has no verdict, the suite itself failed: it fell over"),
        ({"target": "Another"}, None),
    ],
)
def test_what_makes_runs_unlike_is_said_before_they_are_compared(facts, expected):
    facts = {"started": "2026-09-01"} | facts
    told = matrix([small_runs.run({"CAR-A": PASS}), small_runs.run({"CAR-A": PASS}, **facts)])

    assert told.cautions == ((expected,) if expected else ())
    if expected:
        assert comparisons.squeezed(expected) in comparisons.squeezed(comparisons.text(told))


def test_seeds_matter_only_where_a_run_explores():
    quick, standard = (
        [small_runs.run({}, profile=profile, seed=seed, started=str(seed)) for seed in (1, 2)]
        for profile in (Profile.QUICK, Profile.STANDARD)
    )

    assert matrix(quick).cautions == ()
    assert matrix(standard).cautions == ("explored with different seeds: 1 (1), 2 (2)",)


# --------------------------------------------------------------------------------------------------------- for everybody


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_rows_fit_the_width_and_ids_are_whole(width):
    told = matrix(
        [sample_runs.SAMPLES[one]() for one in ("conformant", "findings", "interrupted", "cut-off", "stopped", "suite-fault", "findings")]
    )

    lines = comparisons.text(told, width).split("\n")

    rows = [one for one in lines if re.match(r"[≠? ] CAR-", one)]
    assert max(map(len, rows)) < width
    blocks = len(rows) / len(told.rows)
    assert blocks == int(blocks) >= 1
    for row in told.rows:
        assert sum(bool(re.match(rf"[≠? ] {row.requirement.id} ", one)) for one in rows) == blocks


def test_differences_are_seen_without_colour():
    lines = comparisons.text(matrix([small_runs.old(), small_runs.new()])).split("\n")

    assert [one.split() for one in lines if "CAR-IDS-MAX " in one] == [["≠", "CAR-IDS-MAX", "MUST", "passed", "failed"]]
    assert [one.split() for one in lines if "CAR-AUTH-EXPIRED " in one] == [["?", "CAR-AUTH-EXPIRED", "MUST", "passed", "untested"]]


def test_the_page_can_hide_what_is_alike_without_a_script():
    page = comparisons.rendered(matrix([small_runs.old(), small_runs.new()]))["html"]

    assert "script-src" not in page
    assert "main:has(#only-differences:checked) .alike { display: none; }" in page
    assert 'id="only-differences"> Show only what differs: 3 of 6 requirements, 1 of 2 choices' in page


def test_what_a_target_says_stays_text():
    told = matrix([sample_runs.hostile(), sample_runs.conformant()])
    made = comparisons.rendered(told)

    assert "<img" not in made["html"]
    assert "&lt;img src=x" in made["html"]
    spans = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", made["markdown"])
    for forged in ("<script", "<img", "](javascript", "@everyone"):
        assert forged not in spans, forged


def test_people_read_a_small_matrix():
    told = matrix([small_runs.old(), small_runs.new()])

    comparisons.golden("matrix.txt", comparisons.text(told, 100))
    comparisons.golden("matrix.md", comparisons.rendered(told)["markdown"])
    comparisons.golden("matrix.json", comparisons.rendered(told)["json"])


# ------------------------------------------------------------------------------------------------------------ the command


@pytest.fixture
def pair(tmp_path):
    return [str(small_runs.write(run, tmp_path / which)) for which, run in (("old", small_runs.old()), ("new", small_runs.new()))]


def called(*words):
    return CliRunner().invoke(main, ["matrix", *map(str, words)])


def test_the_command_shows_what_the_model_says(pair):
    done = called(*pair)

    assert done.exit_code == 0
    assert done.output == comparisons.text(matrix([small_runs.old(), small_runs.new()]))


@pytest.mark.parametrize("form", ["markdown", "html", "json"])
def test_the_command_writes_every_format(pair, tmp_path, form):
    file = tmp_path / f"out.{'md' if form == 'markdown' else form}"

    printed, written = called(*pair, "--format", form), called(*pair, "-o", file)

    assert (printed.exit_code, written.exit_code) == (0, 0)
    assert written.output == ""
    assert printed.output == file.read_text("utf-8") == comparisons.rendered(matrix([small_runs.old(), small_runs.new()]))[form]


def test_the_command_leaves_out_what_is_alike(pair):
    output = called(*pair, "--differences").output

    assert "CAR-IDS-MAX " in output
    assert "CAR-OP-ACCEPTS" not in output
    assert "the 3 of 6 that differ" in output


def test_an_interrupted_run_is_marked(tmp_path):
    cut = small_runs.write(small_runs.run({"CAR-A": PASS}, end=False), tmp_path / "cut")
    (cut / "run.jsonl").write_bytes((cut / "run.jsonl").read_bytes() + b'{"type": "evid')

    done = called(cut)

    assert done.exit_code == 0
    assert "the record of target 1 breaks off" in done.output
    assert "interrupted, " in done.output


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "No such file or directory; name the folder of a run, or its run.jsonl"),
        (b"", "the stream has no opening line"),
        (b"not a run\n", "line 1 of the run stream"),
        (b"\xff\xfe\n", "line 1 of the run stream"),
        (b'{"type": "unknown"}\n', "line 1 of the run stream"),
    ],
)
def test_a_file_that_is_no_run_is_named(pair, tmp_path, content, expected):
    file = tmp_path / "broken.jsonl"
    if content is not None:
        file.write_bytes(content)

    done = called(pair[0], file)

    assert done.exit_code == 4
    assert f"closecheck: {file}: " in done.output
    assert expected in done.output


@pytest.mark.parametrize(("words", "expected"), [([], "RUN"), (["--format", "pdf"], "pdf")])
def test_misuse_ends_in_4(pair, words, expected):
    done = called(*(pair if words else []), *words)

    assert done.exit_code == 4
    assert expected in done.output


def test_a_place_that_cannot_be_written_is_named(pair, tmp_path):
    done = called(*pair, "-o", tmp_path / "missing" / "out.html")

    assert done.exit_code == 4
    assert "missing/out.html" in done.output
    assert "folder that exists" in done.output


def test_a_matrix_needs_no_catalogue_of_its_own():
    assert isinstance(matrix([Run(small_runs.lines_of(small_runs.run({})))]).headline, str)
