"""Which ids requests name: what a target that refuses unknown ids is asked with, and what a refusal then says."""

import pytest

from closecheck.session.ids import IdPolicy, Source, impossible

SUPPLIED = ["a", "b", "c"]


def policy(source, supplied=SUPPLIED):
    ids = IdPolicy("0" * 10, supplied)
    ids.source = source
    return ids


def test_what_provokes_an_error_names_a_supplied_id_where_unknown_ones_are_refused():
    ids = policy(Source.SUPPLIED)

    assert ids.for_provoking("provoked/500") == ["a"]
    assert ids.take(2, "another request") == ["b", "c"]


@pytest.mark.parametrize(("source", "supplied"), [(Source.UNKNOWN, SUPPLIED), (Source.NONE, []), (Source.SUPPLIED, [])])
def test_what_provokes_an_error_names_an_id_that_cannot_exist_where_nothing_else_is_left(source, supplied):
    assert policy(source, supplied).for_provoking("provoked/500") == impossible("0" * 10, "provoked/500", 1)


def test_of_a_refused_request_only_supplied_ids_are_looked_at():
    ids, looked = policy(Source.SUPPLIED), []
    ids.first_over = lambda asked: looked.append(asked) or "b"

    assert ids.gone(["x", "b", "c"]) == "b"
    assert looked == [["b", "c"]]


@pytest.mark.parametrize(("source", "named"), [(Source.SUPPLIED, ["x"]), (Source.SUPPLIED, []), (Source.UNKNOWN, ["a"])])
def test_nothing_is_looked_at_where_no_supplied_id_was_named_or_unknown_ones_are_taken(source, named):
    ids, looked = policy(source), []
    ids.first_over = lambda asked: looked.append(asked) or "a"

    assert (ids.gone(named), looked) == ("", [])
