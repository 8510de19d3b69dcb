"""A declared case says what it means once: contradictions are errors of the build."""

import msgspec
import pytest

from closecheck.contract import derived_cases
from closecheck.contract.cases import ACCEPTED, REFUSED, Case, DeclaredCase, DeclaredRequest, Draft, Expectation, Ids, Raw
from closecheck.contract.specification import Contract, ContractFault, contract, resolve
from closecheck.model import Level


def declared(**members):
    given = {"id": "x/y", "description": "X", "request": {"json": {"a": 1}}, **members}
    return msgspec.convert(given, DeclaredCase, str_keys=False)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"expect": "accepted"}, "requirement or a choice"),
        ({"requirement": "CAR-X", "choice": "y", "expect": "accepted"}, "requirement or a choice"),
        ({"requirement": "CAR-X"}, "expectation"),
        ({"choice": "y", "expect": "refused"}, "expectation"),
        ({"requirement": "CAR-X", "expect": "perhaps"}, "perhaps"),
        ({"requirement": "CAR-X", "expect": "refused", "base": "b"}, "base and change"),
        ({"requirement": "CAR-X", "expect": "refused", "change": "c"}, "base and change"),
        ({"requirement": "CAR-X", "expect": "refused", "request": {}}, "exactly one"),
        ({"requirement": "CAR-X", "expect": "refused", "request": {"json": 1, "text": "1"}}, "exactly one"),
        ({"requirement": "CAR-X", "expect": "refused", "request": {"text": "1", "no_body": True}}, "exactly one"),
    ],
)
def test_a_contradictory_case_is_refused(members, words):
    with pytest.raises(ValueError, match=words):
        declared(**members).case()


def test_an_unknown_member_of_a_case_is_refused():
    with pytest.raises(msgspec.ValidationError, match="expects"):
        declared(expects="accepted")


@pytest.mark.parametrize(
    ("expect", "also", "statuses", "text"),
    [
        ("accepted", (), {202}, ACCEPTED.text),
        ("refused", (), {400}, REFUSED.text),
        ("refused", (415,), {400, 415}, "400 with an error object (415 tolerated)"),
        ([400, 411], (), {400, 411}, "400 or 411"),
        ("refused", (400,), {400}, REFUSED.text),
    ],
)
def test_what_is_expected(expect, also, statuses, text):
    case = declared(requirement="CAR-X", expect=expect, also=also).case()

    assert case.expect == Expectation(frozenset(statuses), text)


@pytest.mark.parametrize(
    ("request_of", "body"),
    [
        ({"json": {"a": {"$ids": 3}}}, {"a": Ids(3)}),
        ({"json": {"a": {"$repeat": "ab", "times": 2}}}, {"a": "abab"}),
        ({"json": {"$ids": 3, "more": 1}}, {"$ids": 3, "more": 1}),
        ({"text": "é"}, Raw("é".encode())),
        ({"text": "é", "encoding": "ISO-8859-1"}, Raw(b"\xe9")),
        ({"base64": "AP8="}, Raw(b"\x00\xff")),
        ({"no_body": True}, msgspec.UNSET),
    ],
)
def test_a_body_in_yaml(request_of, body):
    assert msgspec.convert(request_of, DeclaredRequest).draft().body == body


@pytest.mark.parametrize(
    ("expect", "tolerant", "may"), [(ACCEPTED, False, True), (REFUSED, False, False), (REFUSED, True, True), (None, False, True)]
)
def test_what_may_close_existing_requests(expect, tolerant, may):
    assert Case("x", "X", Draft(), expect=expect, tolerant=tolerant).may_close is may


def test_a_pointer_that_leads_nowhere_is_told():
    assert resolve({"a/b": [{"~": 1}]}, "#/a~1b/0/~0", "x") == 1
    with pytest.raises(ContractFault, match="CAR-X points at #/a/c"):
        resolve({"a": {}}, "#/a/c", "CAR-X")


@pytest.fixture
def copy(tmp_path):
    """A copy of the contract, to be spoilt."""
    import shutil

    return shutil.copytree(contract().folder, tmp_path / "spec")


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("requirements.yaml", "id: CAR-IDS-MIN\n", "id: CAR-IDS-MAX\n", "CAR-IDS-MAX stands there twice"),
        ("openapi.yaml", "CAR-ERROR-TEXT", "CAR-NO-SUCH", "CAR-NO-SUCH is no requirement"),
        ("cases/examples.yaml", "id: examples/defaults-without-message", "id: examples/example", "twice"),
        ("cases/examples.yaml", "requirement: CAR-MESSAGE-TEXT", "requirement: CAR-NO-SUCH", "CAR-NO-SUCH is no requirement"),
        ("cases/examples.yaml", "expect: accepted", "expects: accepted", "expects"),
        ("cases/ids.yaml", "choice: blank-ids", "choice: no-such", "no-such is no choice"),
        ("cases/json.yaml", "- id:", "- id:\n  - ", "json.yaml"),
    ],
)
def test_a_contract_that_contradicts_itself_is_told_by_file_and_entry(copy, file, old, new, words):
    path = copy / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))

    with pytest.raises(ContractFault, match=words):
        Contract(copy)


def test_the_contract_says_who_it_is():
    document = contract()

    assert document.documented_statuses == {202, 400, 401, 403, 429, 500}
    assert len(document.digest) == 64
    assert document["CAR-IDS-MAX"].level is Level.MUST
    assert document.property("executionStatus").values == ("Terminated", "Completed")
    assert document.property("completionStatus").values == ("Success", "Incomplete", "Failure")


def test_every_requirement_is_asked_for_by_a_case_or_a_test():
    from closecheck.contract import derived_cases
    from closecheck.judging.checks import EVERY_EXCHANGE
    from closecheck.session import preflight

    asked = {
        case.requirement
        for case in (*derived_cases.derived().values(), *contract().declared.values(), preflight.FIRST_ERROR, preflight.NO_TOKEN)
    }
    tests = "".join(path.read_text() for path in (contract().folder.parent / "tests").glob("*.py"))
    missing = [one for one in contract().ids if one not in asked and one not in EVERY_EXCHANGE and f'"{one}"' not in tests]

    assert missing == []


def test_every_case_that_observes_a_choice_is_an_accepted_case_with_one_edit():
    known = {**derived_cases.derived(), **contract().declared}
    choices = [case for case in known.values() if case.choice]

    assert choices
    assert [case.id for case in choices if not known[case.base].accepts or known[case.base].request == case.request] == []
