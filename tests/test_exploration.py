"""What nobody enumerated: sizes, texts, spellings, slips and sequences, drawn at random (profiles standard and deep)."""

import pytest

from closecheck.exploration.explore import BLAMABLE, explored
from closecheck.model import Profile
from closecheck.suite.plugin import settled


@pytest.fixture(scope="module")
def exploration(run_context):
    """The one exploration of the run: all that was sent, and all that was found."""
    settings = run_context.settings
    if settings.profile is Profile.QUICK:
        pytest.skip("the profile quick explores nothing")
    return explored(
        run_context.session, settings.profile, settings.seed, settings.examples, random=settings.seed_by_default, budget=settings.budget
    )


@pytest.mark.explores
@pytest.mark.parametrize("requirement", [pytest.param(one, marks=pytest.mark.requirement(one), id=one) for one in BLAMABLE])
def test_nothing_rare_breaks(exploration, request, clause, requirement):
    """No request of the exploration was answered otherwise than the requirement allows."""
    for evidence in exploration.found.get(requirement, ()):
        settled(request.node, evidence)
    if not exploration.asked[requirement]:
        pytest.skip("no request of the exploration spoke of it")
    clause.expect(True, "", "")
