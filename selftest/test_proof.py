"""
The kept proof: its page, its picture and its figures are what its data says, and it names only deviations that exist.

``REWRITE_GOLDENS=1`` writes the figures of ``spec/`` anew from the data.
"""

import itertools
import json
import os
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
import small_runs
from lxml import html as lxml_html

from closecheck import __version__
from closecheck.contract.specification import contract, spec_folder
from closecheck.model import Profile, ProofFigures, Status
from closecheck.proof import kept_json, mutants, schemathesis_peer
from closecheck.proof.kill_matrix import Trial, company, deviations, line
from closecheck.proof.page import KEPT_FIGURES, Proof, encoded, figures, picture, read, render, write
from closecheck.reports import RENDERERS

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def proof():
    kept = read(DOCS / "proof.json")
    if os.environ.get("REWRITE_GOLDENS"):
        KEPT_FIGURES.write_bytes(encoded(figures(kept)))
    return kept


def trial(name, kind, broken=(), breaks=(), exit_code=1):
    return Trial(name, kind, 0, exit_code, broken, (), 10, 1.0, 1, breaks)


def test_kept_data_has_a_line_for_each_entry():
    survivor = mutants.Survivor("one.py:X:1", "one.py", 7, "a = 1", "a = 2", mutants.Why.WORDS, "")
    session = mutants.Session("checks", ("one.py", "two.py"), "0", "run", 9, 4, 2, 3, 2, 0, 0, (survivor, survivor))
    text = kept_json.encoded(mutants.Mutations("Cosmic Ray", "8.7", "3.11", "make mutate", "0", (session,))).decode()
    told = '    {"mutant":"one.py:X:1","file":"one.py","line":7,"was":"a = 1","becomes":"a = 2","why":"words","reason":""}'

    assert text.splitlines()[:9] == [
        "{", ' "tool": "Cosmic Ray",', ' "version": "8.7",', ' "python": "3.11",', ' "run": "make mutate",', ' "seed": "0",',
        ' "sessions": [', "  {", '   "name": "checks",',
    ]  # fmt: skip
    assert text.splitlines()[9] == '   "modules": ["one.py","two.py"],'
    assert text.splitlines()[-7:] == ['   "survivors": [', f"{told},", told, "   ]", "  }", " ]", "}"]
    assert msgspec.json.decode(text, type=mutants.Mutations).sessions == (session,)


def test_figures_count_what_was_judged_and_how():
    trials = (
        trial("right", "fault", ("CAR-A",), ("CAR-A",)),
        trial("blamed-too", "fault", ("CAR-A", "CAR-B"), ("CAR-A",)),
        trial("survivor", "fault", ("CAR-B",), ("CAR-A",)),
        trial("reference", "reference", exit_code=0),
        trial("odd", "variant", exit_code=0),
        trial("odder", "variant", ("CAR-A",)),
        trial("odd+odder", "company", exit_code=0),
    )

    assert figures(Proof("0", "2026.1", "quick", 1.0, "3.11", 2, 5, 99, trials)) == ProofFigures(
        "2026.1", Profile.QUICK, faults=3, killed=2, blamed_right=1, variants=2, lawful_runs=4, false_alarms=1, trials=7, every=99
    )


def test_the_kept_figures_are_those_of_the_data(proof):
    assert KEPT_FIGURES.read_bytes() == encoded(figures(proof))


def test_the_kept_figures_are_what_a_run_records_and_valid_under_their_schema(proof):
    schema = json.loads((spec_folder() / "schemas" / "proof.schema.json").read_bytes())

    jsonschema_rs.validator_for(schema).validate(json.loads(KEPT_FIGURES.read_bytes()))
    assert contract().proof == figures(proof)
    assert contract().proof.edition == contract().catalogue.edition


def test_a_proof_written_elsewhere_leaves_the_kept_figures_alone(tmp_path):
    before = KEPT_FIGURES.read_bytes()

    write([trial("right", "fault", ("CAR-IDS-MAX",), ("CAR-IDS-MAX",))], 5, "quick", 2, 1.0, tmp_path / "proof.md")

    assert KEPT_FIGURES.read_bytes() == before
    assert read(tmp_path / "proof.json").suite == __version__
    assert "## Mutations" not in (tmp_path / "proof.md").read_text(encoding="utf-8")


def test_a_proof_made_again_keeps_what_mutations_came_to(tmp_path):
    (tmp_path / "mutation.json").write_bytes((DOCS / "mutation.json").read_bytes())

    write([trial("right", "fault", ("CAR-IDS-MAX",), ("CAR-IDS-MAX",))], 5, "quick", 2, 1.0, tmp_path / "proof.md")

    assert "## Mutations" in (tmp_path / "proof.md").read_text(encoding="utf-8")


def test_a_report_repeats_the_figures_of_its_run():
    told = ProofFigures("2026.1", Profile.QUICK, 67, 66, 65, 23, 24, 0, 91, 991)
    run = small_runs.run({"CAR-A": Status.PASS}, proof=told)
    words = (
        "The suite has been tried itself (edition 2026.1, profile quick; a sample, 91 of 991 trials): 66 of 67 faulty targets caught, 65 under "
        "the right requirements alone; no false alarm in 24 runs against lawful targets, 23 variants among them."
    )

    assert words in lxml_html.fromstring(RENDERERS["html"].render(run)).find(".//footer").text_content()
    assert words in RENDERERS["markdown"].render(run)
    assert json.loads(RENDERERS["json"].render(run))["proof"] == msgspec.to_builtins(told)


def test_a_run_without_figures_says_nothing_of_them():
    run = small_runs.run({"CAR-A": Status.PASS})

    assert "tried itself" not in RENDERERS["html"].render(run) + RENDERERS["markdown"].render(run)
    assert json.loads(RENDERERS["json"].render(run))["proof"] is None


def test_the_page_is_made_from_the_data(proof):
    assert (DOCS / "proof.md").read_text(encoding="utf-8") == render(
        proof, schemathesis_peer.read(DOCS / "peer.json"), mutants.read(DOCS / "mutation.json")
    )


def test_the_page_tells_of_mutations_only_where_there_is_something_to_tell(proof):
    assert "## Mutations" in render(proof, mutations=mutants.read(DOCS / "mutation.json"))
    assert "## Mutations" not in render(proof)


def test_the_picture_is_made_from_the_data(proof):
    assert (DOCS / "proof.svg").read_text(encoding="utf-8") == picture(proof)


def test_every_trial_is_of_a_deviation_that_exists(proof):
    known = {one.name for kind in ("fault", "variant") for one in deviations(kind)} | {"reference"}

    assert {name for one in proof.trials for name in one.name.split("+")} <= known


def test_every_fault_breaks_known_requirements():
    for fault in deviations("fault"):
        assert fault.breaks
        assert set(fault.breaks) | set(fault.also) <= contract().ids


def test_every_requirement_has_faults_that_break_it():
    broken = {requirement for fault in deviations("fault") for requirement in fault.breaks}

    assert contract().ids - broken == set()


def test_a_company_has_one_of_each_area_and_what_cuts_answers_comes_last():
    for seed in (1, 2):
        by_name = {one.name: one for one in deviations("variant")}
        companies = list(company(tuple(by_name.values()), seed))
        areas = [[by_name[name].area for name in names] for names in companies]

        assert sorted(itertools.chain(*companies)) == sorted(one.name for one in by_name.values() if not one.slow)
        assert all(len(set(found)) == len(found) for found in areas)
        assert all("framing" not in found[:-1] and "header_fields" not in found[:-2] for found in areas)
        assert any(found[-2:] == ["header_fields", "framing"] for found in areas)


def test_a_lawful_target_must_be_found_conformant_unless_it_says_what_means_is_lacking():
    def supplied(code, *, wholly=True):
        return msgspec.structs.replace(trial("odd", "variant", exit_code=code), supplied=wholly)

    assert not supplied(0).false_alarm
    assert supplied(5).false_alarm
    assert "exit 5" in line(supplied(5))
    assert not supplied(5, wholly=False).false_alarm
    assert supplied(3, wholly=False).false_alarm
