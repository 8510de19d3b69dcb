"""A spread sample of the kill matrix: faults caught and blamed right, variants not blamed. `make prove` runs all of them."""

import os

import pytest

from closecheck.proof.kill_matrix import Target, deviations, trials

FAULTS = 45
VARIANTS = 14


def spread(kind, count):
    """Return every n-th deviation that is not slow, so that each area has its share."""
    quick = [one.name for one in deviations(kind) if not one.slow]
    return quick[:: max(len(quick) // count, 1)][:count]


SAMPLE = [
    Target("variant", ()),
    *(Target(kind, (name,)) for kind, count in (("fault", FAULTS), ("variant", VARIANTS)) for name in spread(kind, count)),
]


BY_SEED = [Target("fault", ("leading-zero-lost",), seed) for seed in (1, 2)]
"""What depends on the digits of ids, which are another with every seed."""


@pytest.fixture(scope="module")
def done():
    # A trial waits for half of its time.
    return {(one.kind, one.name): one for one in trials(SAMPLE, "standard", min(2 * (os.cpu_count() or 1) + 1, 8))}


@pytest.mark.parametrize("name", [one.title for one in SAMPLE if one.kind == "fault"])
def test_a_faulty_target_is_caught_and_blamed_right(done, name):
    trial = done["fault", name]
    if not trial.good:  # a trigger that needs requests close together in time may be missed on a loaded machine, once
        (trial,) = trials([Target("fault", (name,))], "standard", 1)

    assert trial.killed, f"{name} survived: {trial.sentence}; it breaks {trial.breaks}, blamed {trial.broken} {trial.note}"
    assert trial.misblamed == ()


def test_what_is_refused_for_its_ids_is_blamed_on_nothing_else_that_was_said():
    for trial in trials(BY_SEED, "standard", len(BY_SEED)):
        assert trial.killed
        assert trial.misblamed == (), trial.seed


@pytest.mark.parametrize("name", [one.title for one in SAMPLE if one.kind == "variant" and one.names])
def test_a_lawful_target_is_not_blamed(done, name):
    trial = done["variant", name]

    assert trial.broken == (), trial.sentence
    assert trial.exit_code == 0, (trial.untested, trial.note)


def test_the_reference_conforms(done):
    trial = done["reference", "reference"]

    assert trial.exit_code == 0
    assert trial.broken == ()
    assert trial.untested == ()


def test_ids_that_a_lost_request_has_closed_are_blamed_on_nothing():
    together = Target("company", ("only-pending-ids-accepted", "closes-every-fifth-without-a-word"))
    (trial,) = trials([together], "quick", 1)

    assert trial.broken == ()
    assert trial.exit_code == 0, trial.untested
