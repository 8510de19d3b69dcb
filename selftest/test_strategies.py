"""Every valid body satisfies the schema and is settled by the contract; every invalid one breaks exactly the clause that it claims."""

import json

import jsonschema_rs
import pytest
from hypothesis import example, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from closecheck import strategies
from closecheck.contract import random_bodies
from closecheck.contract.oracle import oracle
from closecheck.contract.random_bodies import MOST_IDS, Spelling, Value
from closecheck.contract.random_edits import EDITS, Edit
from closecheck.contract.specification import contract

SCHEMA = contract().body_schema
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)
FORM = {"CAR-BODY-JSON", "CAR-BODY-JSON-STRICT"}
"""What is broken below the schema: the bytes are no JSON."""


def assert_all(strategy, predicate, examples=60):
    @settings(max_examples=examples)
    @given(strategy)
    def each(one):
        assert predicate(one), one

    each()


def find_any(strategy, predicate):
    return find(strategy, predicate, settings=settings(max_examples=400, derandomize=True, database=None))


def test_lists_of_ids_have_the_page_s_form_and_no_id_twice():
    assert_all(strategies.id_lists(), lambda ids: 1 <= len(ids) <= MOST_IDS and len(set(ids)) == len(ids))
    assert_all(strategies.id_lists(), lambda ids: all(len(one) == 32 and not one.strip("0123456789abcdef") for one in ids))
    assert_all(strategies.id_lists(min_size=7, max_size=9), lambda ids: 7 <= len(ids) <= 9)
    assert len(find_any(strategies.id_lists(), lambda ids: len(ids) == MOST_IDS)) == MOST_IDS


def test_messages_are_ordinary_text():
    assert_all(strategies.messages(), random_bodies.ordinary, 80)
    assert_all(strategies.messages(max_size=10), lambda text: len(text) <= 10)
    find_any(strategies.messages(), lambda text: "'" in text)
    find_any(strategies.messages(), lambda text: any(ord(one) > 0xFFFF for one in text))
    with pytest.raises(NoSuchExample):
        find_any(strategies.messages(), lambda text: "\x00" in text)


def test_the_sweep_holds_every_ordinary_character():
    assert set("".join(random_bodies.blocks())) == set(random_bodies.characters())
    assert all(random_bodies.ordinary(text) for text in random_bodies.blocks())


def test_every_fragment_is_ordinary_beside_a_letter():
    assert [one for one in random_bodies.FRAGMENTS if not random_bodies.ordinary(f"x{one}")] == []


def test_valid_bodies_satisfy_the_schema():
    def holds(value):
        ruled = oracle(value.plain())
        return VALIDATOR.is_valid(value.members()) and ruled is not None and ruled.value == value

    assert_all(strategies.bodies(), holds, 150)


def test_spellings_change_the_bytes_and_not_the_value():
    @settings(max_examples=150)
    @given(strategies.bodies(), strategies.spellings())
    def spelled(value, how):
        written = random_bodies.spelled(value, how)
        assert json.loads(written) == value.members()
        assert how.features
        assert list(json.loads(written)) == list(value.members()) or how.order

    spelled()


@pytest.mark.parametrize("requirement", EDITS)
def test_invalid_bodies_break_exactly_what_they_claim(requirement):
    def breaks(edit):
        if not oracle(edit.base.plain()).value:
            return False
        ruled = oracle(edit.body)
        if requirement in FORM:
            return edit.requirement == requirement and ruled is None and not_json(edit.body)
        satisfied = not VALIDATOR.is_valid(json.loads(edit.body))
        return satisfied and edit.requirement == requirement == ruled.requirement and edit.statuses == ruled.statuses

    assert_all(strategies.invalid_bodies(breaking=requirement), breaks)


def not_json(body):
    try:
        json.loads(body)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("requirement", EDITS)
def test_an_edit_on_a_smaller_base_breaks_the_same(requirement):
    def breaks(edit):
        return all(oracle(one.body).requirement == requirement and len(one.body) < len(edit.body) for one in edit.smaller())

    assert_all(strategies.invalid_bodies(breaking=requirement), breaks, 25)


def test_a_requirement_that_no_edit_breaks_is_refused():
    with pytest.raises(ValueError, match="CAR-AUTH-MISSING"):
        strategies.invalid_bodies(breaking="CAR-AUTH-MISSING")


def test_sequences_never_name_an_accepted_id_twice():
    def holds(bodies):
        ids = [one for body in bodies if isinstance(body, Value) for one in body.ids]
        return 2 <= len(bodies) <= 16 and len(ids) == len(set(ids))

    assert_all(strategies.sequences(), holds)
    find_any(
        strategies.sequences(),
        lambda bodies: len({one.body for one in bodies if isinstance(one, Edit)}) < sum(isinstance(one, Edit) for one in bodies),
    )


ID = "2c90ad2a70ace7d50170acf22ca90010"


@pytest.mark.parametrize(
    ("body", "requirement"),
    [
        (b"", "CAR-BODY-REQUIRED"),
        (b" \n", "CAR-BODY-REQUIRED"),
        (b"7", "CAR-BODY-OBJECT"),
        (b"{}", "CAR-IDS-REQUIRED"),
        (b'{"accessRequestIds": null}', "CAR-IDS-ARRAY"),
        (b'{"accessRequestIds": [null]}', "CAR-IDS-ITEMS"),
        (b'{"accessRequestIds": [null, 7]}', "CAR-ERROR-OBJECT"),
        (b'{"accessRequestIds": [], "message": 7}', "CAR-ERROR-OBJECT"),
        (f'{{"accessRequestIds": ["{ID}"]}}'.encode(), ""),
    ],
)
def test_the_oracle_knows_what_is_settled(body, requirement):
    assert oracle(body).requirement == requirement


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"NaN",
        b'{"accessRequestIds": [""]}',
        b'{"accessRequestIds": ["an-id"]}',
        f'{{"accessRequestIds": ["{ID}", "{ID}"]}}'.encode(),
        f'{{"accessRequestIds": ["{ID}"], "more": 1}}'.encode(),
        f'{{"accessRequestIds": ["{ID}"], "message": ""}}'.encode(),
        f'{{"accessRequestIds": ["{ID}"], "message": " "}}'.encode(),
        f'{{"accessRequestIds": ["{ID}"], "message": "\\u0000"}}'.encode(),
        f'{{"accessRequestIds": ["{ID}"], "message": "\\ud800"}}'.encode(),
        f'{{"accessRequestIds": ["{ID}"], "message": "{"x" * 1001}"}}'.encode(),
        f'{{"accessRequestIds": ["{ID}"], "message": "x", "message": "y"}}'.encode(),
    ],
)
def test_the_oracle_is_silent_on_what_is_free(body):
    assert oracle(body) is None


def test_the_oracle_is_silent_on_other_media_types():
    assert oracle(b"7", "text/plain") is None
    assert oracle(b"7", "Application/JSON; charset=utf-8").requirement == "CAR-BODY-OBJECT"


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("style", ["", "first", "some", "all"])
@settings(max_examples=50, derandomize=True, database=None, deadline=None)
@given(message=st.text(st.characters(codec="utf-8"), max_size=12))
@example(message='-1\N{NO-BREAK SPACE}"1=1')
@example(message='é"')
@example(message="\\\N{GRINNING FACE}")
def test_every_spelling_of_a_text_says_the_same(style, upper, message):
    value = Value(("2c90ad2a70ace7d50170acf22ca90010",), message)

    spelled = random_bodies.spelled(value, Spelling(values=style, names=style, upper=upper))

    assert json.loads(spelled) == value.members()
