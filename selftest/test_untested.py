"""What could not be tested says why, and which requirement tells more."""

import pytest
from lifecycle_runs import modules_of_the_suite

from closecheck.deviations.faults import faults
from closecheck.model import Status
from closecheck.reference import ReferenceServer
from closecheck.suite.engine import Listener, engine


@pytest.mark.parametrize(
    ("fault", "only", "requirement", "form"),
    [
        ("throttled-is-a-page", "CAR-RATE-*", "CAR-RATE-COMPLETE", "CAR-RATE-BODY"),
        ("unauthorized-is-a-list", "CAR-AUTH-401-*", "CAR-AUTH-401-COMPLETE", "CAR-AUTH-401-BODY"),
        ("error-in-a-list", "CAR-ERROR-*", "CAR-ERROR-LOCALE-TAG", "CAR-ERROR-OBJECT"),
    ],
)
def test_a_member_of_a_body_that_is_no_object_is_untested_and_names_who_judged_the_body(tmp_path, fault, only, requirement, form):
    wrong = next(one for one in faults() if one.name == fault)
    with ReferenceServer(wrong.configured(), wrong.modify) as server, modules_of_the_suite():
        listener = Listener(quiet=True, target_data=server.target(), write_reports=False)
        engine({"profile": "quick", "reports": str(tmp_path), "only": only}, listener)

    assert form in [one.requirement.id for one in listener.run.with_status(Status.FAIL)]
    untested = {one.requirement.id: one.reason for one in listener.run.with_status(Status.UNTESTED)}
    assert untested[requirement] == f"no answer had the form whose members it judges: see {form}"
