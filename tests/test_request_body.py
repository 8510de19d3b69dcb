"""Request body: an object, and the three members beside the ids (CAR-BODY-*, CAR-MESSAGE-*, CAR-EXECUTION-*, CAR-COMPLETION-*)."""

import pytest

from closecheck import edits
from closecheck.cases import Draft, Raw
from closecheck.parametrize import cases, named, parameters

DEEP = 5_000
ODD = {
    "nested lists": b"[" * DEEP + b"]" * DEEP,
    "nested lists as an item": b'{"accessRequestIds": [%s]}' % (b"[" * DEEP + b"]" * DEEP),
    "nested objects beside no ids": b'{"a": %s1%s}' % (b'{"a":' * DEEP, b"}" * DEEP),
    "a number beyond a double as an item": b'{"accessRequestIds": [1e400]}',
    "a number beyond a double as the ids": b'{"accessRequestIds": -1e400}',
    "a number beyond a double as the message": b'{"accessRequestIds": [1], "message": 1e999}',
    "a number of 5,000 digits": b'{"accessRequestIds": [%s]}' % (b"9" * 5_000),
    "a name of 5,000 letters": b'{"%s": 1}' % (b"a" * 5_000),
    "a thousand members": b"{%s}" % b", ".join(b'"m%d": %d' % (number, number) for number in range(1_000)),
    "names of objects' own properties": b'{"__proto__": {"accessRequestIds": 1}, "constructor": {}, "toString": 1, "accessRequestIds": null}',
    "an empty name": b'{"": "", "accessRequestIds": {}}',
    "a name with NUL": rb'{"\u0000": 1, "accessRequestIds": []}',
    "half a surrogate pair in a name": rb'{"\ud800": 1, "accessRequestIds": []}',
    "half a surrogate pair as an item": rb'{"accessRequestIds": [["\udfff"]]}',
}  # fmt: skip
"""Bodies without a valid list of ids that break careless code."""


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


@cases(edits.slips_beside_many_ids)
def test_a_slip_beside_many_ids_is_refused(judge, case):
    """What is wrong beside one id is wrong beside many."""
    judge(case)


@cases(edits.near_misses, edits.near_misses_alone)
def test_a_value_near_a_documented_one_is_refused(judge, case):
    """The enumerations are closed: what only resembles a value is a client error."""
    judge(case)


def of_oddity(odd):
    """Return an odd body."""
    return named(f"body/odd/{odd.replace(' ', '-')}", Draft(body=Raw(ODD[odd])))


def ahead(_, items):
    """Yield what the tests ask."""
    yield [of_oddity(**one) for one in parameters(items, test_an_odd_body_is_no_fault_of_the_server)]


@pytest.mark.requirement("CAR-OP-NO-500", part="odd bodies")
@pytest.mark.parametrize("odd", ODD, ids=lambda name: name.replace(" ", "-"))
def test_an_odd_body_is_no_fault_of_the_server(session, clause, odd):
    """A body that nobody expects is answered like any other that is wrong, never with a 5xx."""
    clause.settle(session.ask(of_oddity(odd)))
