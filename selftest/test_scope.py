"""What a service without some means can put out of scope: it is conformant within its declared scope, and within nothing less."""

import pytest
from lifecycle_runs import modules_of_the_suite

from closecheck.config.target_file import from_data
from closecheck.contract.specification import contract
from closecheck.deviations.variants import variants
from closecheck.model import Status
from closecheck.reference import Reference, ReferenceConfig, ReferenceServer
from closecheck.suite.engine import Listener, engine

WORDS = dict.fromkeys(contract().catalogue.means, "nothing but a URL and a token was handed out")


def judged(tmp_path, out_of_scope, *, variant="", **more):
    """Judge the reference by its base URL and its working token alone."""

    def modify(reference: Reference) -> None:
        for one in variants():
            if one.name == variant:
                one.modify(reference)

    with ReferenceServer(ReferenceConfig(), modify=modify) as server, modules_of_the_suite():
        whole = server.target()
        target = {"base_url": whole["base_url"], "credentials": {"authorized": whole["credentials"]["authorized"]}}
        listener = Listener(quiet=True, target_data=target | {"out_of_scope": out_of_scope} | more, write_reports=False)
        engine({"profile": "quick", "reports": str(tmp_path)}, listener)
    return listener.run


def test_a_base_url_and_a_token_are_enough_where_all_means_are_out_of_scope(tmp_path):
    run = judged(tmp_path, WORDS, burst=False)

    assert [(one.requirement.id, one.reason) for one in run.with_status(Status.UNTESTED, Status.ERROR)] == []
    assert run.exit_code == 0
    assert run.opening.catalogue["CAR-OP-INDEPENDENT"] not in [one.requirement for one in run.with_status(Status.OUT_OF_SCOPE)]


def test_what_never_arises_is_not_applicable_within_the_declared_scope(tmp_path):
    run = judged(tmp_path, WORDS, variant="no-causes")

    assert [one.requirement.id for one in run.with_status(Status.NOT_APPLICABLE)] == ["CAR-ERROR-CAUSES"]
    assert run.exit_code == 0


def test_without_the_word_the_means_are_missed(tmp_path):
    run = judged(
        tmp_path, {word: why for word, why in WORDS.items() if word not in {"unprivileged", "burst"}}, variant="no-causes", burst=False
    )

    reasons = {one.requirement.id: one.reason for one in run.with_status(Status.UNTESTED)}
    assert {"CAR-AUTH-FORBIDDEN", "CAR-OP-INDEPENDENT", "CAR-ERROR-CAUSES"} <= set(reasons)
    assert reasons["CAR-ERROR-CAUSES"] == "no error of this target has causes so far, but CAR-AUTH-FORBIDDEN could not be tested"
    assert run.exit_code == 5


@pytest.mark.parametrize("name", ["CAR-BODY-ATOMIC", *WORDS])
def test_what_needs_a_means_can_be_put_out_of_scope(name):
    target = from_data({"base_url": "http://127.0.0.1:1", "out_of_scope": {name: "a stub"}}, contract().ids)

    assert target.out_of_scope == {name: "a stub"}
