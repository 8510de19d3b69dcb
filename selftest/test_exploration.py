"""Exploration finds what nobody enumerated, blames the right requirement, shrinks to the threshold, and never blames a lawful target."""

import contextlib
import gzip
import json
import sys
import time
from pathlib import Path

import msgspec
import pytest
import yaml

from closecheck.commands.keep import keep
from closecheck.contract.cases import DeclaredCase, fill
from closecheck.exploration import explore as exploring
from closecheck.exploration import schemathesis_cases
from closecheck.exploration.attempts import MOST_REQUESTS
from closecheck.exploration.explore import Exploration, Limits
from closecheck.exploration.schemathesis_cases import Examples
from closecheck.model import Outcome
from closecheck.model.errors import GeneratorTrouble, UsageError
from closecheck.reference import ReferenceConfig, ReferenceServer
from closecheck.reference.errors import BadContent, cause
from closecheck.session.ids import Source
from closecheck.session.record import read
from closecheck.suite.run_context import open_run

STANDARD = Limits(300, 20.0, 12)
MARK = "0000000000"
"""Of every run here: its first ids begin with digits, so that a target which refuses letters is not taken for one that knows its ids."""


@contextlib.contextmanager
def exploration(folder, modify=None, *, limits=STANDARD, seed=0):
    """Yield an exploration of the reference, as it was modified, and the recorded run once it is over."""
    with ReferenceServer(ReferenceConfig(pending=5), modify=modify) as server:
        context, stack = open_run({"reports": str(folder), "mark": MARK}, {}, selection="", target_data=server.target())
        with stack:
            context.begin()
            try:
                yield Exploration(context.session, limits, seed)
            finally:
                context.finish(complete=False)


def explored(folder, modify=None, **how):
    with exploration(folder, modify, **how) as one:
        one.run()
    return one, read(folder / "latest")


def refuses(condition):
    """Return a modification that refuses every body of which the condition is true, as a lawful target refuses what is wrong."""

    def modify(reference):
        check = reference.rules.check

        def checked(value):
            closing = check(value)
            if condition(value):
                raise BadContent(cause("body.object"))
            return closing

        reference.rules.check = checked

    return modify


def body(run, number):
    return run.exchanges[number].request.body.text


def only(run, requirement):
    """Return the one finding of a run, which must be against that requirement, with the body of its witness."""
    broken = [one for one in run.evidence if one.outcome is Outcome.BROKEN]
    assert {one.requirement for one in broken} == {requirement}, [(one.requirement, one.finding) for one in broken]
    return broken[0], body(run, broken[0].exchanges[-1])


@pytest.mark.parametrize("most", [36, 449])
def test_a_threshold_of_ids_is_named(tmp_path, most):
    one, run = explored(tmp_path, refuses(lambda value: len(value["accessRequestIds"]) > most))
    evidence, witness = only(run, "CAR-IDS-RANGE")
    assert len(json.loads(witness)["accessRequestIds"]) == most + 1
    assert f"it accepts at most {most} ids" in evidence.finding.got
    assert run.exchanges[run.exchanges[evidence.exchanges[-1]].base].response.status == 202
    assert max(one.shrinking) <= MOST_REQUESTS


def test_one_astral_character_is_found_and_named(tmp_path):
    one, run = explored(tmp_path, refuses(lambda value: any(ord(letter) > 0xFFFF for letter in value.get("message", ""))))
    evidence, witness = only(run, "CAR-MESSAGE-TEXT")
    text = json.loads(witness)["message"]
    assert len(text) == 1, text
    assert ord(text) > 0xFFFF
    assert f"it refuses U+{ord(text):04X}" in evidence.finding.got
    assert max(one.shrinking) <= MOST_REQUESTS


def test_one_length_is_found_by_a_deep_sweep(tmp_path):
    def modify(reference):
        refuses(lambda value: len(value.get("message", "")) == 731)(reference)

    with exploration(tmp_path, modify, limits=Limits(1100, 20.0, 12)) as one:
        one._until = time.monotonic() + 20
        tries = list(exploring.sweep(exploring.Random(0)))
        assert {len(each.value.message or "") for each in tries} >= set(range(1, 1001))
        assert {len(each.value.ids) for each in tries} == set(range(1, 501))
        one.judge([each for each in tries if 700 < len(each.value.message or "") < 750])
    evidence, witness = only(read(tmp_path / "latest"), "CAR-MESSAGE-TEXT")
    assert len(json.loads(witness)["message"]) == 731
    assert "it accepts 730 characters, and refuses 731" in evidence.finding.got
    assert max(one.shrinking) <= MOST_REQUESTS


def test_an_order_of_members_is_found(tmp_path):
    one, run = explored(tmp_path, refuses(lambda value: next(iter(value)) == "completionStatus"))
    _, witness = only(run, "CAR-BODY-JSON-FORMS")
    members = json.loads(witness)
    assert list(members) == ["completionStatus", "accessRequestIds"]
    assert len(members["accessRequestIds"]) == 1
    assert max(one.shrinking) <= MOST_REQUESTS


def test_a_slip_that_is_accepted_is_found(tmp_path):
    def modify(reference):
        reference.rules.execution_statuses = ("Terminated", "Completed", "Terminatedd", "Completedd")

    one, run = explored(tmp_path, modify, limits=Limits(1500, 20.0, 12))
    _, witness = only(run, "CAR-EXECUTION-CLOSED")
    assert json.loads(witness)["executionStatus"] in {"Terminatedd", "Completedd"}
    assert set(json.loads(witness)) == {"accessRequestIds", "executionStatus"}
    assert max(one.shrinking) <= MOST_REQUESTS


def test_more_ids_than_allowed_are_bisected(tmp_path):
    def modify(reference):
        reference.rules.max_ids = 520

    with exploration(tmp_path, modify) as one:
        one._until = time.monotonic() + 20
        rng = exploring.Random(1)
        one.judge([exploring._invalid(exploring.random_edits.too_many(rng, exploring.random_bodies.Value(()), 515))])
    _, witness = only(read(tmp_path / "latest"), "CAR-IDS-MAX")
    assert len(json.loads(witness)["accessRequestIds"]) == 501


def test_an_answer_that_follows_its_neighbour_is_blamed_on_independence(tmp_path):
    spoilt = []

    def forgetful(reference):
        check = reference.rules.check

        def checked(value):
            try:
                closing = check(value)
            except BadContent:
                spoilt.append(1)
                raise
            if len(spoilt) >= 3:
                spoilt.clear()
                raise BadContent(cause("body.object"))
            spoilt.clear()
            return closing

        reference.rules.check = checked

    _, run = explored(tmp_path, forgetful)
    only(run, "CAR-OP-INDEPENDENT")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("digits", ["0", "abcdef"])
def test_ids_that_are_refused_are_blamed_on_no_text_and_on_nothing_before_them(tmp_path, digits, seed):
    _, run = explored(tmp_path, refuses(lambda value: any(one[0] in digits for one in value["accessRequestIds"])), seed=seed)
    blamed = {one.requirement for one in run.evidence if one.outcome is Outcome.BROKEN}
    assert blamed
    assert blamed <= {"CAR-OP-ACCEPTS", "CAR-IDS-RANGE"}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_reference_is_never_blamed(tmp_path, seed):
    one, run = explored(tmp_path, seed=seed)
    assert not one.found
    assert not [each for each in run.evidence if each.outcome is not Outcome.HELD]
    assert sum(one.asked.values()) > 300
    assert run.closing.explored > 200


def test_two_runs_of_one_seed_are_equal(tmp_path):
    def told(folder):
        folder.mkdir()
        _, run = explored(folder, refuses(lambda value: len(value["accessRequestIds"]) > 36), seed=7)
        return [(line.number, line.case, line.request.body, line.response.status) for line in run.exchanges.values()]

    assert told(tmp_path / "one") == told(tmp_path / "two")


def test_nothing_is_written_to_the_folder_of_the_caller(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    explored(tmp_path / "out")
    assert {one.name for one in tmp_path.iterdir()} == {"out"}


def test_a_finding_is_kept_as_a_declared_case(tmp_path):
    explored(tmp_path / "ids", refuses(lambda value: len(value["accessRequestIds"]) > 36))
    explored(tmp_path / "order", refuses(lambda value: next(iter(value)) == "completionStatus"))
    to = tmp_path / "kept.yaml"

    first = keep(tmp_path / "ids" / "latest", "explored/ids-range/1", to)
    second = keep(tmp_path / "order" / "latest", "explored/body-json-forms/1", to)

    cases = msgspec.convert(yaml.safe_load(to.read_text()), tuple[DeclaredCase, ...])
    assert [one.id for one in cases] == [first, second]
    assert cases[0].request.json["accessRequestIds"] == {"$ids": 37}
    sent = fill(cases[1].case().request.body, ["a" * 32])
    assert list(json.loads(sent)) == ["completionStatus", "accessRequestIds"]
    with pytest.raises(UsageError, match="declared already"):
        keep(tmp_path / "ids" / "latest", "explored/ids-range/1", to)
    with pytest.raises(UsageError, match="explored/ids-range/1"):
        keep(tmp_path / "ids" / "latest", "explored/nothing/1", to)


def test_a_deep_exploration_remembers_what_it_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    body = json.dumps({"accessRequestIds": ["ab" * 16], "executionStatus": "Terminated"[::-1]}).encode()
    Examples("kept").save(body)
    assert Examples("kept").bodies() == [body]
    assert {one.name for one in tmp_path.iterdir()} == {"kept"}

    def modify(reference):
        reference.rules.execution_statuses = ("Terminated", "Completed", "detanimreT")

    with exploration(tmp_path / "out", modify) as one:
        one.run(Examples("kept").bodies())
    evidence, witness = only(read(tmp_path / "out" / "latest"), "CAR-EXECUTION-CLOSED")
    assert json.loads(witness)["executionStatus"] == "detanimreT"
    assert evidence.case == "explored/execution-closed/1"


@pytest.mark.parametrize(("place", "problem"), [("github://owner", "no repository"), ("ftp://x/y", "no place")])
def test_a_place_for_examples_that_is_none_is_refused(place, problem):
    with pytest.raises(UsageError, match=problem):
        Examples(place)


def test_the_complaints_of_a_generator_are_noted_and_blame_nobody(tmp_path, monkeypatch):
    def unhealthy(*_):
        raise GeneratorTrouble("FailedHealthCheck: it is slow")

    monkeypatch.setattr(Exploration, "_round", unhealthy)
    with exploration(tmp_path) as one:
        exploring._run(one, ())
    run = read(tmp_path / "latest")
    assert "FailedHealthCheck" in run.notes[-1].text
    assert not [each for each in run.evidence if each.outcome is not Outcome.HELD]
    assert not run.closing.suite_fault


def test_a_target_that_knows_its_ids_is_not_explored(tmp_path):
    with exploration(tmp_path) as one:
        one.session.ids.source = Source.NONE
        exploring._run(one, ())
    assert one.requests == 0
    assert "this one refuses them" in read(tmp_path / "latest").notes[-1].text


def test_schemathesis_adds_bodies_that_the_contract_settles():
    found = exploring.judgeable(schemathesis_cases.covering() + schemathesis_cases.fuzzed(1, 4), exploring.Random(0))
    assert {"CAR-IDS-MIN", "CAR-IDS-ITEMS", "CAR-BODY-OBJECT", "CAR-EXECUTION-CLOSED", ""} <= {one.requirement for one in found}


def test_schemathesis_heeds_no_settings_of_the_folder_it_is_started_in(tmp_path, monkeypatch):
    (tmp_path / "schemathesis.toml").write_text('headers = { X-A = "${NOT_SET_ANYWHERE}" }\n')
    monkeypatch.chdir(tmp_path)
    assert schemathesis_cases.covering()


def test_hypothesis_finds_in_its_home_which_characters_utf8_has_room_for():
    from hypothesis.internal import charmap

    with schemathesis_cases._homed():
        file = Path(charmap.charmap_file("codec-v2-utf-8"))
        (first, last), (after, end) = json.loads(gzip.decompress(file.read_bytes()))[0]
        assert charmap.intervals_from_codec.__wrapped__("utf-8")[0].intervals == ((first, last), (after, end))
        "".join(map(chr, [*range(first, last + 1), *range(after, end + 1)])).encode()
        assert not [code for code in range(last + 1, after) if chr(code).encode(errors="ignore")]
        assert (first, end) == (0, sys.maxunicode)
