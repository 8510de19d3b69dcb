"""Every declared case of ``spec/cases``: one request, and the answer it must have."""

from closecheck.contract.specification import contract
from closecheck.suite.parametrize import cases

DECLARED = contract().declared.values()


@cases(case for case in DECLARED if case.requirement)
def test_the_answer_is_the_declared_one(judge, case):
    """The answer to a declared request has a status that the case allows."""
    judge(case)


@cases(case for case in DECLARED if case.choice)
def test_the_choice_is_observed(observe, case):
    """What the target does where it is free is written down, and never fails."""
    observe(case)
