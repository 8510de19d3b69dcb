"""Request body: an object, and the three members beside the ids (CAR-BODY-*, CAR-MESSAGE-*, CAR-EXECUTION-*, CAR-COMPLETION-*)."""

from closecheck import edits
from closecheck.parametrize import cases


@cases(edits.bodies_of_other_types)
def test_a_body_that_is_no_object_is_refused(judge, case):
    """JSON that is no object is a client error (CAR-BODY-OBJECT)."""
    judge(case)


@cases(edits.roomy_bodies)
def test_white_space_changes_nothing(judge, case):
    """White space between tokens, however much, is lawful JSON (CAR-BODY-JSON-FORMS)."""
    judge(case)


@cases(edits.optional_members)
def test_an_optional_member_may_be_left_out(judge, case):
    """Each member beside the ids may be missing, alone and together with the others."""
    judge(case)


@cases(edits.enumerated_values, edits.values_beside_many_ids)
def test_a_documented_value_is_accepted(judge, case):
    """Every value of an enumeration is accepted."""
    judge(case)


@cases(edits.combinations)
def test_statuses_combine_freely(judge, case):
    """All combinations of the two statuses are accepted, with and without a message (CAR-STATUS-COMBINATIONS)."""
    judge(case)


@cases(edits.message_lengths)
def test_a_message_of_ordinary_length_is_accepted(judge, case):
    """Messages of 1 to 1,000 characters are accepted, however many bytes these take (CAR-MESSAGE-TEXT)."""
    judge(case)


@cases(edits.members_of_other_types)
def test_a_member_of_another_type_is_refused(judge, case):
    """A message or status that is no text is a client error."""
    judge(case)


@cases(edits.near_misses, edits.near_misses_alone)
def test_a_value_near_a_documented_one_is_refused(judge, case):
    """The enumerations are closed: what only resembles a value is a client error."""
    judge(case)
