"""Request body: an object, and the three members beside the ids (CAR-BODY-*, CAR-MESSAGE-*, CAR-EXECUTION-*, CAR-COMPLETION-*)."""

import pytest

from closecheck.contract import base_cases, body_cases, member_cases
from closecheck.contract.cases import Draft, Ids, Raw
from closecheck.session.ids import Source
from closecheck.suite.parametrize import cases, named, parameters, swept

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
HALVES = {
    "as an unknown name and its value": rb'{"\ud800": "\udfff", "accessRequestIds": 7}',
    "as the message beside a wrong status": rb'{"accessRequestIds": [], "message": "\ud83d", "executionStatus": 1}',
    "as the ids": rb'{"accessRequestIds": "\ud800"}',
    "as an item beside a number": rb'{"accessRequestIds": ["\udc00", 7]}',
    "as both statuses": rb'{"accessRequestIds": [], "executionStatus": "\ud800", "completionStatus": "Failure\udfff"}',
    "inside a name": rb'{"accessRequestIds": [], "mess\udbffage": {}}',
    "as the body": rb'"\ud800"',
}  # fmt: skip
"""Bodies that are wrong and hold half a surrogate pair, which no error can repeat in UTF-8."""
WRONG = {"message": 7, "executionStatus": "nonsense", "completionStatus": "nonsense"}
RIGHT = {"message": base_cases.MESSAGE, "executionStatus": "Completed", "completionStatus": "Success"}
SPELLINGS = {
    "capitals first": {"message": "Message", "executionStatus": "ExecutionStatus", "completionStatus": "CompletionStatus"},
    **{
        spelled: {name: spelled}
        for name in WRONG
        for spelled in dict.fromkeys((name[0].upper() + name[1:], name.lower(), name.upper()))
        if spelled != name
    },
}
"""Names of members in another letter case, by the name itself: all of them together, and each alone."""


@cases(body_cases.bodies_of_other_types)
def test_a_body_that_is_no_object_is_refused(judge, case):
    """JSON that is no object is a client error (CAR-BODY-OBJECT)."""
    judge(case)


@cases(body_cases.roomy_bodies)
def test_white_space_changes_nothing(judge, case):
    """White space between tokens, however much, is lawful JSON (CAR-BODY-JSON-FORMS)."""
    judge(case)


@cases(body_cases.large_bodies)
def test_the_most_that_is_allowed_is_accepted_in_roomy_spellings_too(judge, case):
    """500 ids and the longest message are accepted, on long lines too: no limit on bytes is documented (CAR-MESSAGE-TEXT, CAR-BODY-JSON-FORMS)."""
    judge(case)


@cases(member_cases.optional_members)
def test_an_optional_member_may_be_left_out(judge, case):
    """Each member beside the ids may be missing, alone and together with the others."""
    judge(case)


@cases(member_cases.enumerated_values, member_cases.values_beside_many_ids)
def test_a_documented_value_is_accepted(judge, case):
    """Every value of an enumeration is accepted."""
    judge(case)


@cases(member_cases.combinations)
def test_statuses_combine_freely(judge, case):
    """All combinations of the two statuses are accepted, with and without a message (CAR-STATUS-COMBINATIONS)."""
    judge(case)


@cases(member_cases.message_lengths)
def test_a_message_of_ordinary_length_is_accepted(judge, case):
    """Messages of 1 to 1,000 characters are accepted, however many bytes these take (CAR-MESSAGE-TEXT)."""
    judge(case)


@cases(member_cases.members_of_other_types)
def test_a_member_of_another_type_is_refused(judge, case):
    """A message or status that is no text is a client error."""
    judge(case)


@cases(member_cases.slips_beside_many_ids)
def test_a_slip_beside_many_ids_is_refused(judge, case):
    """What is wrong beside one id is wrong beside many."""
    judge(case)


@cases(member_cases.near_misses, member_cases.near_misses_alone)
def test_a_value_near_a_documented_one_is_refused(judge, case):
    """The enumerations are closed: what only resembles a value is a client error."""
    judge(case)


def of_oddity(odd):
    """Return an odd body."""
    return named(f"body/odd/{odd.replace(' ', '-')}", Draft(body=Raw(ODD[odd])))


def of_half(half):
    """Return a wrong body with half a surrogate pair."""
    return named(f"body/half-a-pair/{half.replace(' ', '-')}", Draft(body=Raw(HALVES[half])), since="2026.2")


def beside_an_id(label, members):
    """Return a body with one id and further members."""
    return named(f"body/names/{label.replace(' ', '-')}", Draft(body={"accessRequestIds": Ids(1), **members}), since="2026.2")


def in_another_case(spelled, values, label):
    """Return a body with optional members whose names are spelled in another case."""
    return beside_an_id(f"{spelled}-{label}", {other: values[name] for name, other in SPELLINGS[spelled].items()})


def unrelated(spelled):
    """Return the same body under names that resemble no member's; it is the same for many spellings."""
    values = [WRONG[name] for name in SPELLINGS[spelled]]
    return beside_an_id(f"unrelated-{'-'.join(map(str, values))}", {f"closecheck{number}": one for number, one in enumerate(values)})


def ahead(_, items):
    """Yield what the tests ask."""
    spelled = [one["spelled"] for one in parameters(items, test_a_name_in_another_case_is_an_unknown_member)]
    names = [case for one in spelled for case in (unrelated(one), in_another_case(one, WRONG, "wrong"))]
    halves = [of_half(**one) for one in parameters(items, test_half_a_surrogate_pair_is_no_fault_of_the_server)]
    yield [*(of_oddity(**one) for one in parameters(items, test_an_odd_body_is_no_fault_of_the_server)), *halves, *names]


@pytest.mark.requirement("CAR-OP-NO-500", part="odd bodies")
@pytest.mark.parametrize("odd", ODD, ids=lambda name: name.replace(" ", "-"))
def test_an_odd_body_is_no_fault_of_the_server(session, clause, odd):
    """A body that nobody expects is answered like any other that is wrong, never with a 5xx."""
    clause.settle(session.ask(of_oddity(odd)))


@pytest.mark.requirement("CAR-OP-NO-500", part="half a surrogate pair", since="2026.2")
@pytest.mark.parametrize("half", swept(list(HALVES)[:2], list(HALVES)[2:]), ids=lambda name: name.replace(" ", "-"))
def test_half_a_surrogate_pair_is_no_fault_of_the_server(session, clause, half):
    """What is refused and cannot be encoded is not repeated as it came: the error is an error, never a 5xx."""
    clause.settle(session.ask(of_half(half)))


@pytest.mark.requirement("CAR-BODY-NAMES", part="optional members", since="2026.2")
@pytest.mark.parametrize("spelled", swept(list(SPELLINGS)[:1], list(SPELLINGS)[1:]), ids=lambda name: name.replace(" ", "-"))
def test_a_name_in_another_case_is_an_unknown_member(session, clause, spelled):
    """
    A member whose name differs in letter case alone is treated as an unknown member is.

    Where unknown members are ignored, a wrong value under such a name is ignored, too; a target that refuses every such name does
    not take it for the member. Where they are refused, a right value under such a name is refused, too.
    """
    known = in_another_case(spelled, RIGHT, "right")
    refused = unrelated(spelled)
    control = session.ask(refused)
    seen = [control]
    if control.status == 202:
        refused = in_another_case(spelled, WRONG, "wrong")
        wrong = session.ask(refused)
        if wrong.status == 202:
            clause.expect(True, "", "", control, wrong)
            return
        seen.append(wrong)
        comparable(clause, wrong)
    comparable(clause, control)
    right = session.ask(known)
    comparable(clause, right)
    if right.status == 202 and session.ids.source is Source.UNKNOWN:  # it may be the ids that are refused
        comparable(clause, session.send(f"{refused.id}#same-ids", refused.request, list(right.ids)), {400})

    names = ", ".join(SPELLINGS[spelled].values())
    expected = "the same answer whatever value stands under a name that is no member's"
    got = (
        f"a wrong value was refused and a right one accepted: {right.got()}"
        if control.status == 202
        else f"accepted, although unknown names are refused: {right.got()}"
    )
    clause.expect(right.status != 202, expected, got, *seen, right, change=f"right values under the names {names} added")


def comparable(clause, exchange, statuses=frozenset({202, 400})):
    """End a test whose answer is of another kind, which is judged elsewhere."""
    if exchange.meaning not in statuses:
        clause.untested(
            f"a body with names that are no member's was answered {exchange.status or 'not at all'}: there is nothing to compare"
        )
