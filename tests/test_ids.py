"""accessRequestIds: a list of 1 to 500 texts (CAR-IDS-*)."""

from closecheck.contract import id_cases
from closecheck.session import preflight
from closecheck.suite.parametrize import cases


@cases(id_cases.missing_members, [preflight.FIRST_ERROR])
def test_missing_ids_are_refused(judge, case):
    """A body without the ids, or with them under another name, is a client error (CAR-IDS-REQUIRED)."""
    judge(case)


@cases(id_cases.ids_of_other_types)
def test_ids_that_are_no_list_are_refused(judge, case):
    """Ids that are no list are a client error (CAR-IDS-ARRAY)."""
    judge(case)


@cases(id_cases.items_of_other_types)
def test_an_item_that_is_no_text_is_refused(judge, case):
    """One item of another type spoils the list, wherever it stands (CAR-IDS-ITEMS)."""
    judge(case)


@cases(id_cases.too_few_ids)
def test_an_empty_list_is_refused(judge, case):
    """No ids are a client error (CAR-IDS-MIN)."""
    judge(case)


@cases(id_cases.id_counts)
def test_a_count_within_the_bounds_is_accepted(judge, case):
    """1 to 500 ids are accepted (CAR-IDS-RANGE)."""
    judge(case)


@cases(id_cases.too_many_ids)
def test_more_than_500_ids_are_refused(judge, case):
    """More than 500 different ids are a client error (CAR-IDS-MAX)."""
    judge(case)


@cases(id_cases.too_many_entries)
def test_more_than_500_entries_are_refused(judge, case):
    """501 entries are refused also where one repeats another (CAR-IDS-MAX-ENTRIES)."""
    judge(case)
