"""The order of the cases: what stands in it, what the core must not lack, and how it is found."""

import collections

import pytest

from closecheck.contract import derived_cases
from closecheck.contract.specification import contract
from closecheck.proof.case_order import ordered

EVERY = {**derived_cases.derived(), **contract().declared}


def parts_of(names):
    """Return the parts of requirements and choices that cases speak of."""
    return {(EVERY[name].requirement or EVERY[name].choice, EVERY[name].part) for name in names}


def test_only_cases_that_there_are_stand_in_the_order():
    order = contract().order

    assert set(order.first) | order.swept <= set(EVERY)
    assert len(set(order.first)) == len(order.first)
    assert not order.swept & set(order.first)


def test_what_others_are_edits_of_is_never_left_to_the_exploration():
    assert not contract().order.swept & {case.base for case in EVERY.values()}


def test_the_core_lacks_no_necessary_part_and_no_choice():
    core = parts_of(EVERY.keys() - contract().order.swept)
    necessary = {(one.id, part) for one in contract().catalogue.requirements for part in one.parts}
    choices = {(one.id, "") for one in contract().catalogue.choices}

    assert parts_of(EVERY) & (necessary | choices) <= core


def test_every_requirement_with_cases_has_one_in_the_core():
    core = {requirement for requirement, _ in parts_of(EVERY.keys() - contract().order.swept)}

    assert {requirement for requirement, _ in parts_of(EVERY)} == core


def test_what_shows_most_that_nothing_before_has_shown_comes_first():
    shown = {"ids/501": {"a", "b", "c"}, "ids/0": {"b", "c"}, "ids/missing": {"d", "a"}, "explored/ids/1": {"e", "f", "g", "h", "i"}}

    order = ordered(shown)

    assert order.first[:2] == ("ids/501", "ids/missing")
    assert "ids/0" in set(order.first) | order.swept


def test_a_case_that_nobody_knows_is_of_the_core_and_comes_after_the_first():
    first = EVERY[contract().order.first[0]]
    swept = EVERY[min(contract().order.swept)]
    new = derived_cases.repeated(first, 2)

    assert sorted([swept, new, first], key=contract().turn) == [first, new, swept]


@pytest.mark.parametrize("size", [0, 400])
def test_the_rest_is_left_to_the_exploration(size):
    order = ordered({}, size)
    kept = collections.Counter(EVERY[name].requirement for name in order.first)

    assert len(order.first) >= size
    assert kept["CAR-MESSAGE-TEXT"] >= len(contract()["CAR-MESSAGE-TEXT"].parts)
    assert set(order.first) | order.swept | {case.base for case in EVERY.values()} >= set(EVERY)
