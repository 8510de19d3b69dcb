"""Mutations of the judging code: what the tool dumps is counted right, each survivor has its reason, and the page says what the data says."""

import json

import msgspec
import pytest

from closecheck.proof.mutants import Mutations, Session, Survivor, Why, read, section
from selftest.mutation import results

ONE = "closecheck/judging/checks/one.py"


def mutant(number, outcome, output="", operator="core/NumberReplacer", line=1, was="a = 1", becomes="a = 2", worker="normal"):
    spec = {"module_path": ONE, "operator_name": operator, "occurrence": number, "start_pos": [line, 0], "end_pos": [line, 1]}
    diff = f"--- mutation diff ---\n--- a/{ONE}\n+++ b/{ONE}\n@@ -1,2 +1,2 @@\n-    {was}\n+    {becomes}\n context"
    result = None if outcome is None else {"worker_outcome": worker, "test_outcome": outcome, "output": output, "diff": diff}
    return json.dumps([{"job_id": str(number), "mutations": [spec]}, result])


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "selftest" / "mutation"
    folder.mkdir(parents=True)
    (folder / "some.toml").write_text(
        '[cosmic-ray]\nmodule-path = ["closecheck/judging/checks"]\ntest-command = "run them"\n'
        '[cosmic-ray.filters.operators-filter]\nexclude-operators = ["core/ReplaceBinary"]\n'
    )
    (tmp_path / ONE).parent.mkdir(parents=True)
    (tmp_path / ONE).write_text("a = 1\n")
    return tmp_path


def test_a_dump_is_counted(tree):
    dump = "\n".join(
        [
            mutant(0, "killed"), mutant(1, "killed", "timeout"), mutant(2, "survived", line=7), mutant(3, None, worker="skipped"),
            mutant(4, None), mutant(5, None, operator="core/ReplaceBinaryOperator_Add_Sub"),
        ]
    )  # fmt: skip
    found = results.session("some", tree, 2, dump)

    assert (found.mutants, found.excluded, found.tried, found.killed, found.timed_out, found.killed_later) == (6, 1, 3, 2, 1, 0)
    assert (found.modules, found.command, found.one_in) == (("closecheck/judging/checks",), "run them", 2)
    assert found.survivors == (Survivor(f"{ONE}:core/NumberReplacer:2", ONE, 7, "a = 1", "a = 2", Why.UNEXPLAINED, ""),)


@pytest.mark.parametrize(("outcome", "worker"), [("incompetent", "exception"), ("incompetent", "normal"), ("killed", "abnormal")])
def test_a_mutant_that_the_tool_failed_on_is_no_killed_one(tree, outcome, worker):
    with pytest.raises(ValueError, match=r"one\.py:1"):
        results.session("some", tree, 1, mutant(0, outcome, worker=worker))


def test_survivors_that_are_killed_later_are_counted_as_such(tree):
    before = results.session("some", tree, 1, "\n".join([mutant(0, "killed"), mutant(1, "survived"), mutant(2, "survived")]))
    now = results.session("some", tree, 1, "\n".join([mutant(0, None), mutant(1, "killed"), mutant(2, "survived")]))
    both = results.again(before, now)

    assert (both.tried, both.killed, both.killed_later, len(both.survivors)) == (3, 2, 1, 1)


def test_other_code_is_no_second_try(tree):
    before = results.session("some", tree, 1, mutant(1, "survived"))
    (tree / ONE).write_text("a = 3\n")

    with pytest.raises(ValueError, match="run the whole"):
        results.again(before, results.session("some", tree, 1, mutant(1, "survived")))


def session(*survivors, killed=2, later=1):
    return Session(
        "judging", ("closecheck/judging/checks",), "0" * 64, "run them", 9, 4, 2, killed + len(survivors), killed, 0, later, survivors
    )


def lived(why=Why.EQUIVALENT, reason="It is never negative.", was="if a == `1`:", becomes="if a <= `1`:"):
    return Survivor(f"{ONE}:core/X:1", ONE, 7, was, becomes, why, reason)


def page(*survivors, **kwargs):
    return "\n".join(section(Mutations("Cosmic Ray", "8.7", "3.11.7", "make mutate", "0", (session(*survivors, **kwargs),))))


def test_the_section_says_what_the_data_says():
    text = page(lived(), lived(Why.WORDS, "Only words.", "x = 100", ""))

    for line in (
        "**Killed: 2 of 4 (50.0 %).**",
        "Before tests were written for what survived: 1 of 4 (25.0 %).",
        "| tried, chosen by hash | 4 of 5 |",
        "| of these by tests written for them | 1 |",
        "| survivors: equivalent | 1 |",
        "| survivors: unexplained | 0 |",
        "*equivalent*: It is never negative.",
        f"* {ONE}:7 `` if a == `1`: `` → `` if a <= `1`: ``",
        f"* {ONE}:7 without `x = 100`",
    ):
        assert line in text.splitlines()


def test_what_is_held_out_counts_for_itself():
    held_out = msgspec.structs.replace(session(lived(), killed=9), held_out=True)
    lines = section(Mutations("Cosmic Ray", "8.7", "3.11.7", "make mutate", "0", (session(lived()), held_out)))

    assert "**Killed: 11 of 13 (84.6 %).**" in lines
    assert "Before tests were written for what survived: 1 of 3 (33.3 %)." in lines
    assert "Of mutants that were held out until these tests were written: 8 of 10 (80.0 %) at first." in lines
    assert "| | judging | judging, held out |" in lines


def test_where_no_test_was_written_since_nothing_is_said_of_a_first_time():
    text = page(lived(), later=0)

    assert "**Killed: 2 of 3 (66.7 %).**" in text.splitlines()
    assert "Before tests were written" not in text


def test_what_nobody_has_explained_is_shown_as_that():
    assert "*unexplained*" in page(lived(Why.UNEXPLAINED, "")).splitlines()


def test_a_long_line_is_shown_around_what_differs():
    row = next(
        line
        for line in page(lived(was="a" * 99 + " == " + "b" * 99, becomes="a" * 99 + " <= " + "b" * 99)).splitlines()
        if line.startswith("* ")
    )

    assert row == f"* {ONE}:7 `…{'a' * 29} == {'b' * 18}…` → `…{'a' * 29} <= {'b' * 18}…`"


def test_without_survivors_nothing_is_explained():
    assert "###" not in page()


def test_every_kept_survivor_is_explained_as_the_reasons_are_now():
    kept = read(results.KEPT)

    assert results.explained(kept) == kept
    assert [one.mutant for each in kept.sessions for one in each.survivors if one.why is Why.UNEXPLAINED] == []


def test_every_kept_reason_is_that_of_a_survivor():
    survivors = {(one.file, one.was) for each in read(results.KEPT).sessions for one in each.survivors}

    assert {(file, was) for file, was, _ in results.reasons()} - survivors == set()


def test_the_kept_counts_add_up():
    for one in read(results.KEPT).sessions:
        assert one.tried == one.killed + len(one.survivors) <= one.mutants - one.excluded
        assert one.killed_later <= one.killed
        assert msgspec.convert(msgspec.to_builtins(one), Session) == one
