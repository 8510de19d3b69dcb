"""The kept proof: its page and picture are what its data says, and it names only deviations that exist."""

from pathlib import Path

import pytest

from closecheck.contract import contract
from closecheck.proof import picture, read, render
from closecheck.prove import deviations

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def proof():
    return read(DOCS / "proof.json")


def test_the_page_is_made_from_the_data(proof):
    assert (DOCS / "proof.md").read_text(encoding="utf-8") == render(proof)


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
