"""A spread sample of the kill matrix: faults caught and blamed right, variants not blamed. `make prove` runs all of them."""

import os

import pytest

from closecheck.prove import deviations, trials

FAULTS = 45
VARIANTS = 14


GAPS = {
    "ids-of-half-a-second-counted": "the core itself trips the counter: acceptance is blamed, and independence has nothing to compare",
    "last-batch-of-100-lost": "no list of pending ids between 3 and 500 is closed; the failed ids are blamed",
}
"""Faults of the spread that are not caught right today; `closecheck prove` names all such."""
MISBLAMED = {"binary-body-dropped", "errors-not-cleared", "first-of-a-list-only"}
"""Faults of the spread that are caught, and blamed on one clause too many today."""


def spread(kind, count):
    """Return every n-th deviation that is not slow, so that each area has its share."""
    quick = [one.name for one in deviations(kind) if not one.slow and one.name not in GAPS]
    return quick[:: max(len(quick) // count, 1)][:count]


SAMPLE = [("variant", "", 0), *(("fault", name, 0) for name in spread("fault", FAULTS)), *(("variant", name, 0) for name in spread("variant", VARIANTS))]


@pytest.fixture(scope="module")
def done():
    return {(one.kind, one.name): one for one in trials(SAMPLE, "quick", min(os.cpu_count() or 1, 4))}


@pytest.mark.parametrize("name", [name for kind, name, _ in SAMPLE if kind == "fault"])
def test_a_faulty_target_is_caught_and_blamed_right(done, name):
    trial = done["fault", name]
    if not trial.killed or (trial.misblamed and name not in MISBLAMED):  # a trigger that needs requests close together in time may be missed on a loaded machine, once
        (trial,) = trials([("fault", name, 0)], "quick", 1)

    assert trial.killed, f"{name} survived: {trial.sentence}; it breaks {trial.breaks}, blamed {trial.broken} {trial.note}"
    assert trial.misblamed == () or name in MISBLAMED


@pytest.mark.parametrize("name", [name for kind, name, _ in SAMPLE if kind == "variant" and name])
def test_a_lawful_target_is_not_blamed(done, name):
    trial = done["variant", name]

    assert trial.broken == (), trial.sentence
    assert trial.exit_code in {0, 5}, trial.note


def test_the_reference_conforms(done):
    trial = done["reference", "reference"]

    assert trial.exit_code == 0
    assert trial.broken == ()
    assert trial.untested == ()
