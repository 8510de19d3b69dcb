"""Derived and declared cases, held against the OpenAPI document: what is to be accepted is valid, what is to be refused is not."""

import json
import re
from collections import Counter
from itertools import combinations

import jsonschema_rs
import msgspec
import pytest

from closecheck.contract import base_cases, body_cases, derived_cases, id_cases, json_values, member_cases
from closecheck.contract.cases import Draft, Id, Ids, Raw, count_ids, fill
from closecheck.contract.specification import contract
from closecheck.model import Level
from closecheck.session import preflight
from closecheck.session.ids import impossible

DERIVED = derived_cases.derived()
DECLARED = dict(contract().declared)
ALL = {**DERIVED, **DECLARED, preflight.FIRST_ERROR.id: preflight.FIRST_ERROR, preflight.NO_TOKEN.id: preflight.NO_TOKEN}
JUDGED = {name: case for name, case in ALL.items() if case.expect is not None}
VALID = jsonschema_rs.validator_for(contract().body_schema)
FAKE = impossible(0, "selftest", 1600)


def sent(case):
    return fill(case.request.body, FAKE)


def document(case):
    """Return the JSON data that a case sends; ValueError if it is none."""
    return json.loads(sent(case).decode("utf-8"))


def valid(case):
    try:
        data = document(case)
        return isinstance(data, dict) and VALID.is_valid(data)
    except (ValueError, RecursionError):  # half a surrogate pair is a ValueError as well: no validator can encode it
        return False


def every(cases):
    return pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases.items()])


def wrong(cases, holds):
    """Return the ids of the cases for which something does not hold."""
    return [name for name, case in cases.items() if not holds(case)]


# ------------------------------------------------------------------------------------------------------ each by itself


def test_there_are_many_and_their_ids_are_one_of_a_kind():
    assert len(DERIVED) > 400
    assert len(DECLARED) > 200
    assert set(DERIVED).isdisjoint(DECLARED)
    assert wrong(ALL, lambda case: ALL[case.id] is case) == []


def test_ids_can_be_typed_in_a_shell():
    assert wrong(ALL, lambda case: re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9/+._-]*", case.id)) == []


def test_every_requirement_choice_and_part_is_known():
    choices = {choice.id for choice in contract().catalogue.choices}

    assert wrong(ALL, lambda case: case.requirement in contract().ids if case.requirement else case.choice in choices) == []
    assert wrong(ALL, lambda case: bool(case.requirement) != bool(case.choice)) == []


def test_every_necessary_part_that_cases_can_cover_is_covered_by_one():
    covered = {(case.requirement, case.part) for case in JUDGED.values()}
    by_cases = {case.requirement for case in DERIVED.values()}
    tests = "".join(path.read_text() for path in (contract().folder.parent / "tests").glob("*.py"))
    missing = [
        (one.id, part)
        for one in contract().catalogue.requirements
        if one.id in by_cases
        for part in one.parts
        if (one.id, part) not in covered and f'"{part}"' not in tests
    ]

    assert missing == []


def test_descriptions_state_facts():
    assert (
        wrong(ALL, lambda case: not re.search(r"\b(should|test that|ensure|verify|check that|must)\b", case.description, re.IGNORECASE))
        == []
    )
    assert wrong(ALL, lambda case: case.description and not case.description.endswith(".")) == []


def test_what_is_judged_has_words_for_what_is_expected():
    assert wrong(JUDGED, lambda case: case.expect.statuses and case.expect.text) == []
    assert wrong(ALL, lambda case: bool(case.expect) != bool(case.choice)) == []


def test_a_choice_names_what_it_may_see():
    assert wrong({name: case for name, case in ALL.items() if case.choice}, lambda case: len(case.observes) >= 2) == []


def test_no_request_carries_a_field_that_changes_answers_lawfully():
    forbidden = {"origin", "range", "expect", "content-encoding", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"}

    assert wrong(ALL, lambda case: forbidden.isdisjoint(name.lower() for name in case.request.headers)) == []


def test_header_sections_stay_below_4_kb_unless_that_is_what_is_provoked():
    def short(case):
        return case.request.provokes or sum(len(name) + len(value or "") for name, value in case.request.headers.items()) < 4096

    assert wrong(ALL, short) == []


# ------------------------------------------------------------------------------------------------ against the document


@every({name: case for name, case in JUDGED.items() if case.accepts and case.request.body is not msgspec.UNSET})
def test_a_body_that_is_to_be_accepted_is_valid(case):
    assert valid(case), sent(case)[:200]


def test_a_derived_body_that_is_to_be_refused_violates_the_document():
    refused = {name: case for name, case in DERIVED.items() if not case.accepts and case.requirement != "CAR-IDS-MAX-ENTRIES"}

    assert wrong(refused, lambda case: not valid(case)) == []


def test_a_declared_body_that_is_to_be_refused_is_no_json_or_violates_the_document_or_another_aspect_is_wrong():
    refused = {name: case for name, case in DECLARED.items() if case.expect and not case.accepts}

    def at_fault(case):
        request = case.request
        level = contract()[case.requirement].level
        return not valid(case) or request.headers or request.method != "POST" or request.chunks or level is Level.SHOULD

    assert wrong(refused, at_fault) == []


def test_every_limit_of_the_document_is_reached_and_passed():
    counts = {count_ids(case.request.body) for case in DERIVED.values() if isinstance((case.request.body or {}), dict) and case.accepts}
    beyond = {count_ids(case.request.body) for case in DERIVED.values() if case.requirement == "CAR-IDS-MAX"}

    assert {1, 2, *range(249, 258), 499, 500} <= counts
    assert {501, 502, 600, 999, 1000, 1001, 1500} <= beyond


def test_around_each_usual_limit_stands_one_below_one_at_it_and_one_above():
    ids = (10, 16, 20, 32, 50, 64, 100, 128, 150, 200, 250, 256, 300, 400, 450)
    letters = (2, 32, 64, 100, 128, 255, 256, 500, 512)

    assert [limit for limit in ids if not {limit - 1, limit, limit + 1} <= set(id_cases.COUNTS)] == []
    assert [limit for limit in letters if not {limit - 1, limit, limit + 1} <= set(member_cases.LENGTHS)] == []


def test_messages_are_as_long_as_is_said_in_characters_of_every_length():
    found = {
        (case.id.split("-", 1)[1], len(document(case)["message"]), len(document(case)["message"].encode()))
        for case in member_cases.message_lengths()
    }

    assert all(case.id.startswith(f"message/{len(document(case)['message'])}-") for case in member_cases.message_lengths())
    for number, name in enumerate(("ascii", "two-byte", "three-byte", "astral"), 1):
        assert {(name, length, number * length) for length in (1, 64, 128, 255, 256, 500, 1000)} <= found


def test_white_space_is_as_much_as_is_said():
    for case in body_cases.roomy_bodies():
        where, size = case.id.removeprefix("spaced/").split("-")
        body = sent(case)
        room = {"before": len(body) - len(body.lstrip()), "after": len(body) - len(body.rstrip())}
        if where in room:
            assert room == {**dict.fromkeys(room, 0), where: int(size)}
        else:
            assert body.count(b" ") + body.count(b"\n") == 6 * int(size)
    assert {case.id.split("/")[1] for case in body_cases.roomy_bodies()} == {
        f"{where}-{size}" for where in ("before", "between", "after") for size in (300, 1100, 5000)
    }


def test_every_member_meets_every_json_type():
    kinds = {"null", "boolean", "number", "string", "array", "object"}
    for name in ("message", "executionStatus", "completionStatus"):
        seen = {case.part for case in member_cases.members_of_other_types() if case.id.startswith(f"{name}/")}
        assert seen == kinds - {"string"}
        alone = {
            case.part for case in member_cases.members_of_other_types() if case.id.startswith(f"{name}/") and case.base == base_cases.ONE_ID
        }
        assert alone == kinds - {"string"}
    assert {case.part for case in id_cases.ids_of_other_types()} == kinds - {"array"}
    assert {case.part for case in body_cases.bodies_of_other_types()} == kinds - {"object"}


def test_every_member_meets_every_wrong_value_in_a_full_request():
    values = [json.dumps(value) for kind, those in json_values.VALUES.items() if kind != "string" for value in those]
    for name in ("message", "executionStatus", "completionStatus"):
        full = [case for case in member_cases.members_of_other_types() if case.id.startswith(f"{name}/") and case.base == base_cases.FULL]
        assert set(values) <= {json.dumps(document(case)[name]) for case in full}


def test_the_numbers_that_are_no_text_are_of_every_kind():
    numbers = json_values.VALUES["number"]

    assert 0 in numbers
    assert {one for one in numbers if one < 0}
    assert {one for one in numbers if isinstance(one, int) and one >= 2**63}
    assert {one for one in numbers if isinstance(one, float) and not one.is_integer()}


def test_every_source_of_cases_has_some():
    assert [source.__name__ for source in derived_cases.DERIVED if not source()] == []


def test_every_constraint_of_the_document_has_a_case_that_carries_its_requirement():
    constraints = {requirement for one in contract().properties() for requirement in one.carries.values()}
    constraints |= {
        *contract().property("accessRequestIds").schema["items"]["x-requirements"].values(),
        *contract().body_schema["x-requirements"].values(),
    }

    assert constraints - {case.requirement for case in DERIVED.values()} == set()


def test_every_required_member_is_left_out_alone_beside_others_and_under_another_name():
    required = {one.name for one in contract().properties() if one.required}
    without = [document(case) for case in id_cases.missing_members()]

    assert all(required - set(body) for body in without)
    assert {} in without
    assert any(set(body) == {one.name for one in contract().properties()} - required for body in without)
    assert len([body for body in without if len(body) == 1]) > 5


def test_a_null_is_blamed_under_the_requirement_on_null():
    for name in ("message", "executionStatus", "completionStatus"):
        null, other = (contract().property(name).carries[rule] for rule in ("null", "type"))
        for case in member_cases.members_of_other_types():
            if case.id.startswith(f"{name}/"):
                assert case.requirement == (null if document(case)[name] is None else other)


def test_an_optional_member_is_left_out_alone_and_together_with_others():
    for case in member_cases.optional_members():
        if case.base == base_cases.FULL:
            assert case.part == ("alone" if len(changed_members(case)) == 1 else "together"), case.id
        else:
            assert (case.part, len(changed_members(case))) == ("many ids", 1), case.id


def test_every_optional_member_is_left_out_alone_and_every_set_of_them_together():
    optional = {one.name for one in contract().properties() if not one.required}
    left_out = Counter(frozenset(changed_members(case)) for case in member_cases.optional_members() if case.base == base_cases.FULL)

    assert set(left_out) == {frozenset(one) for size in (1, 2, 3) for one in combinations(optional, size)}
    assert left_out[frozenset(optional)] == len(optional)


def test_counts_of_ids_stand_as_parts_of_their_own_where_the_requirement_names_them():
    parts = set(contract()["CAR-IDS-RANGE"].parts)
    found = {len(document(case)["accessRequestIds"]): case.part for case in id_cases.id_counts()}

    assert found == {count: str(count) if str(count) in parts else "between" for count in found}


def test_a_combination_says_whether_it_has_a_message():
    for case in member_cases.combinations():
        has = "message" in case.request.body
        assert (case.id.endswith("+message"), case.part.endswith(" with message"), "and a message" in case.description) == (
            has,
            has,
            has,
        ), case.id


def test_one_entry_too_many_repeats_the_one_that_is_said():
    found = {case.id: document(case)["accessRequestIds"] for case in id_cases.too_many_entries()}
    limit = contract().property("accessRequestIds").schema["maxItems"]

    assert all((len(items), len(set(items))) == (limit + 1, limit) for items in found.values())
    assert all(f", {limit + 1} entries" in case.change for case in id_cases.too_many_entries())
    assert found["entries/last-repeats-first"][-1] == found["entries/last-repeats-first"][0]
    assert found["entries/neighbours-repeat"][1] == found["entries/neighbours-repeat"][0]


def test_every_optional_member_is_left_out_beside_many_ids():
    assert {case.requirement for case in member_cases.optional_members() if case.part == "many ids"} == {
        one.carries["optional"] for one in contract().properties() if not one.required
    }


def test_the_first_wrong_value_of_each_place_has_kept_its_id():
    places = ("body/{}-0", "ids/{}-0", "items/{}-0/alone", "message/{}-0", "executionStatus/{}-0", "completionStatus/{}-0")

    assert {place.format("null") for place in places} | {place.format("number") for place in places} <= set(DERIVED)


def test_a_wrong_item_among_500_stands_where_it_is_said_to():
    found = {case.id: document(case)["accessRequestIds"] for case in id_cases.items_of_other_types() if "-in-500/" in case.id}

    assert len(found) == 6
    for name, items in found.items():
        assert [place for place, one in enumerate(items, 1) if not isinstance(one, str)] == [int(name.split("/")[-1])]


def test_a_request_in_a_list_or_a_text_is_one_that_would_be_accepted():
    (listed,) = document(DERIVED["body/array-9"])
    written = json.loads(document(DERIVED["body/string-9"]))

    assert VALID.is_valid(listed)
    assert VALID.is_valid(written)


def test_a_wrong_member_stands_in_a_full_request_or_alone_as_its_id_and_its_change_say():
    for case in member_cases.members_of_other_types():
        assert case.id.endswith("-alone") == (case.base == base_cases.ONE_ID), case.id
        assert (" added" in case.change, " instead of " in case.change) == (
            case.base == base_cases.ONE_ID,
            case.base == base_cases.FULL,
        ), case.id


def test_one_is_told_from_several():
    assert [DERIVED[f"ids/{count}"].description for count in (1, 2)] == ["1 id is accepted", "2 ids are accepted"]
    assert [DERIVED[f"message/{count}-ascii"].change for count in (1, 2)] == [
        "message: 1 ascii character added",
        "message: 2 ascii characters added",
    ]


def test_several_wrong_items_are_as_many_as_is_said():
    counts = {case.id: len(document(case).get("accessRequestIds", [])) for case in body_cases.several_wrong()}

    assert counts["several/two-items"] == 2
    assert counts["several/twenty-items"] == counts["several/twenty-items-wrong-status"] == 20


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Ids(1), "1 id"), (Ids(2), "2 ids"), (Id(7), "an id"), ([Id(0)], "[an id]"), ([None, Id(0), Ids(3)], "[null, an id, 3 ids]"),
        ([Id(0)] * 5, "[an id, an id, an id, an id, an id]"), ([Id(0)] * 6, "[an id, an id, an id, an id, an id, …]"),
        ({"id": Id(0), "n": 1}, '{"id": an id, "n": 1}'), (None, "null"), ("é", '"é"'), ([[]], "[[]]"),
        ("x" * 58, f'"{"x" * 58}"'), ("x" * 59, f'"{"x" * 56}…'),
    ],
)  # fmt: skip
def test_a_value_is_shown_in_short(value, shown):
    assert json_values.show(value) == shown


def test_a_near_miss_is_no_member_of_its_enumeration():
    for case in member_cases.near_misses():
        name = case.id.split("/")[0]
        assert document(case)[name] not in contract().property(name).values


def test_the_near_misses_of_a_value():
    found = {
        name: document(case)["completionStatus"]
        for case in member_cases.near_misses()
        for start, name in [case.id.split("-", 1)]
        if start == "completionStatus/near"
    }

    assert {name.removeprefix("Incomplete-"): text for name, text in found.items() if name.startswith("Incomplete-")} == {
        "lower": "incomplete", "upper": "INCOMPLETE", "first-letter-lower": "incomplete", "swapped": "iNCOMPLETE", "last-letter-upper": "IncompletE",
        "blank-before": " Incomplete", "blank-after": "Incomplete ", "tab-after": "Incomplete\t", "line-break-after": "Incomplete\n",
        "line-break-before": "\nIncomplete", "no-break-space-after": "Incomplete\u00a0", "zero-width-after": "Incomplete\u200b", "nul-after": "Incomplete\0",
        "dot-after": "Incomplete.", "shorter": "Incomplet", "longer": "Incompletes", "longer-tail": "Incomplete-x", "longer-head": "xIncomplete",
        "twice": "IncompleteIncomplete", "list": "Incomplete,Incomplete", "quoted": '"Incomplete"', "wide": "\uff29\uff4e\uff43\uff4f\uff4d\uff50\uff4c\uff45\uff54\uff45",
        "accented": "Incompl\u00e9te", "cyrillic": "Incompl\u0435te", "split": "Inco mplete", "qualified": "Status.Incomplete", "screaming": "STATUS_INCOMPLETE",
    }  # fmt: skip


def test_each_enumeration_meets_the_values_of_every_other_one():
    enums = [one for one in contract().properties() if one.values]
    for one in enums:
        others = {value for other in enums if other is not one for value in other.values}
        near = {case.id.rsplit("-", 1)[1] for case in member_cases.near_misses() if case.id.startswith(f"{one.name}/near-of-the-other-")}
        assert near == others | {value.upper() for value in others}


def test_all_combinations_of_the_statuses_are_there_with_and_without_a_message():
    found = Counter(
        (body["executionStatus"], body["completionStatus"], "message" in body) for body in map(document, member_cases.combinations())
    )

    assert len(found) == 2 * 3 * 2
    assert set(found.values()) == {1}


# ---------------------------------------------------------------------------------------------------------- one edit


WITH_BASE = {name: case for name, case in ALL.items() if case.base}


def test_every_base_is_an_accepted_case_and_every_edit_has_words():
    assert wrong(WITH_BASE, lambda case: case.base in ALL and ALL[case.base].accepts) == []
    assert wrong(WITH_BASE, lambda case: case.change) == []


def test_every_derived_refusal_is_an_edit_of_an_accepted_request_or_breaks_several_rules_on_purpose():
    refused = {name: case for name, case in DERIVED.items() if not case.accepts}

    assert wrong(refused, lambda case: case.base or case.id.startswith("several/")) == []


def test_a_base_is_no_edit_of_itself_and_no_chain_is_longer_than_three():
    def depth(case):
        return 0 if not case.base else 1 + depth(ALL[case.base])

    assert max(depth(case) for case in WITH_BASE.values()) <= 3


def aspects(draft, but=()):
    return {name: value for name in Draft.__struct_fields__ if name not in but for value in [getattr(draft, name)]}


def test_a_derived_edit_changes_the_body_and_nothing_else():
    derived = {name: case for name, case in WITH_BASE.items() if name in DERIVED}

    assert wrong(derived, lambda case: aspects(case.request, ["body"]) == aspects(ALL[case.base].request, ["body"])) == []
    assert wrong(derived, lambda case: sent(case) != sent(ALL[case.base]) or case.accepts) == []


def test_a_declared_edit_changes_one_aspect_of_the_request_or_moves_something_between_two():
    def aspect_count(case):
        mine, base = aspects(case.request, ["provokes"]), aspects(ALL[case.base].request, ["provokes"])
        differing = {name for name in mine if mine[name] != base[name]}
        unknown = all(name.lower().startswith("x-") for draft in (case.request, ALL[case.base].request) for name in draft.headers)
        if unknown and differing != {"headers"}:
            differing.discard("headers")  # unknown fields have a fresh value in each request
        return len(differing)

    def fits(case):
        moved = re.search(r"\bto the query\b|, under |\bContent-Type\b.* left out", case.change)
        return 1 <= aspect_count(case) <= (2 if moved else 1)

    assert wrong({name: case for name, case in WITH_BASE.items() if name in DECLARED}, fits) == []


def changed_members(case):
    mine, base = case.request.body, ALL[case.base].request.body
    return {name for name in {*mine, *base} if mine.get(name, ...) != base.get(name, ...)}


def test_a_derived_refusal_changes_one_member_or_renames_one():
    derived = {name: case for name, case in DERIVED.items() if case.base and not case.accepts and isinstance(case.request.body, dict)}

    def one_member(case):
        changed = changed_members(case)
        mine, base = case.request.body, ALL[case.base].request.body
        renamed = (
            case.part in {"near name", "required member"}
            and len(changed) == 2
            and "accessRequestIds" in changed
            and [*mine.values()] == [*base.values()]
        )
        return len(changed) == 1 or renamed

    assert wrong(derived, one_member) == []


def test_an_accepted_edit_changes_the_ids_or_other_members_and_never_both():
    derived = {name: case for name, case in DERIVED.items() if case.base and case.accepts and isinstance(case.request.body, dict)}
    del derived["ids/1"]  # its base itself, which begins the range

    def fits(case):
        changed = changed_members(case)
        return changed == {"accessRequestIds"} or (changed and "accessRequestIds" not in changed)

    assert wrong(derived, fits) == []


def test_a_wrong_item_is_the_only_wrong_one_and_the_list_is_as_long_as_that_of_its_base():
    for case in id_cases.items_of_other_types():
        items, base = document(case)["accessRequestIds"], document(ALL[case.base])["accessRequestIds"]
        assert len(items) == len(base), case.id
        assert len([one for one in items if not isinstance(one, str)]) == 1, case.id
        others = [one for one in items if isinstance(one, str)]
        assert len(set(others)) == len(others), case.id
        assert set(others) <= set(base), case.id


def test_an_accepted_edit_of_the_optional_members_only_leaves_out():
    for case in member_cases.optional_members():
        mine, base = case.request.body, ALL[case.base].request.body
        assert mine.items() <= base.items()
        assert "accessRequestIds" in mine


# --------------------------------------------------------------------------------------------------------- drafts


@pytest.mark.parametrize(
    ("body", "needed", "written"),
    [
        ({"a": Ids(2)}, 2, b'{"a": ["x", "y"]}'),
        ({"a": [Id(0), 7, Id(2)]}, 3, b'{"a": ["x", 7, "z"]}'),
        (Raw(b'{"a": [{{ids:2}}], "b": "{{id}}", "c": "{{id:2}}"}'), 3, b'{"a": ["x", "y"], "b": "x", "c": "z"}'),
        (Raw(b"{{"), 0, b"{{"),
        (msgspec.UNSET, 0, b""),
        (None, 0, b"null"),
        ({"a": "é\ud800"}, 0, '{"a": "é\ud800"}'.encode("utf-8", "surrogatepass")),
        ([[Ids(1)]], 1, b'[[["x"]]]'),
        (Ids(3), 3, b'["x", "y", "z"]'),
    ],
)
def test_a_draft_is_filled_with_ids(body, needed, written):
    assert count_ids(body) == needed
    assert fill(body, ["x", "y", "z"]) == written


def test_every_request_needs_as_many_ids_as_it_names():
    for case in ALL.values():
        exact = impossible(0, case.id, case.request.ids)
        fill(case.request.body, exact)  # IndexError where it were fewer
        text = fill(case.request.body, exact)
        if case.request.ids and case.request.names == "canonical":
            assert exact[-1].encode() in text or b"\x00" in text, case.id


def test_ids_in_one_list_are_all_different_unless_that_is_the_point():
    for case in DERIVED.values():
        if case.accepts or case.requirement == "CAR-IDS-MAX":
            ids = document(case)["accessRequestIds"]
            assert len(set(ids)) == len(ids), case.id
