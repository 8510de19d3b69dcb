"""What ``make derived`` has written below ``spec/`` is what the suite asks: the same cases, the same bytes."""

import json
import sys

import case_files
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from lifecycle_runs import judged, modules_of_the_suite

from closecheck.contract.cases import DeclaredCase, Draft, Id, Ids, Raw, fill
from closecheck.contract.specification import contract, spec_folder
from closecheck.session.ids import impossible
from closecheck.suite.engine import collect
from closecheck.suite.plugin import case_of

IDS = impossible(0, "selftest", 2100)
TEXTS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def items():
    with modules_of_the_suite():
        # Read anew: pytest escapes names beyond ASCII once more each time that it collects the same module.
        for name in [name for name in sys.modules if name.startswith("test_")]:
            del sys.modules[name]
        return collect({})[1]


def test_the_files_are_those_that_make_derived_writes(items):
    made = case_files.files(items)
    kept = {path: path.read_text("utf-8") for path in {*case_files.FOLDER.iterdir(), *made} if path.exists()}

    assert kept == made, "what the suite asks has changed: run `make derived`, read the difference, and commit it"


def test_what_is_read_from_the_files_is_what_the_suite_sends(items):
    made = case_files.made_by_code(items)
    rows = [one for path in case_files.FOLDER.iterdir() for one in yaml.load(path.read_bytes(), yaml.CSafeLoader)]
    read = {case.id: case for case in (msgspec.convert(one, DeclaredCase, str_keys=True).case() for one in rows)}

    assert read.keys() == made.keys()
    for name, case in made.items():
        assert fill(read[name].request.body, IDS) == fill(case.request.body, IDS), name
        assert msgspec.structs.replace(read[name], request=msgspec.structs.replace(read[name].request, body=case.request.body)) == case


def test_every_caller_and_every_test_that_is_no_single_case_is_written(items):
    written = {
        name: [one["id"] for one in yaml.load((spec_folder() / f"{name}.yaml").read_bytes(), yaml.CSafeLoader)]
        for name in ("callers", "sequences")
    }
    sent = {case.request.caller for case in (*case_files.made_by_code(items).values(), *contract().declared.values())}

    assert sent <= set(written["callers"])
    assert written["sequences"] == [item.nodeid for item in items if case_of(item) is None]


def test_explain_finds_the_line_of_every_item_of_a_run(items):
    names = [case.id if (case := case_of(item)) is not None else item.nodeid for item in items]

    assert [name for name in names if name not in contract().case_places] == []


MADE_IN_THE_RUN = ("independent/", "language/", "observe/", "provoked/", "lifecycle/repeated-")
"""What the ids begin with that sequences number, or that depend on what a target has answered; spec/README.md names them."""


@pytest.mark.slow
def test_every_id_that_a_run_records_is_found_in_a_file():
    text = "".join(path.read_text("utf-8") for path in spec_folder().rglob("*.yaml"))
    recorded = {one.case.partition("#")[0] for one in judged(only=("CAR-*",)).exchanges.values()}

    assert len(recorded) > 1000
    assert [name for name in recorded if not name.startswith(MADE_IN_THE_RUN) and name not in text] == []
    assert [begun for begun in MADE_IN_THE_RUN if begun not in (spec_folder() / "README.md").read_text("utf-8")] == []


@pytest.mark.parametrize(
    ("draft", "written"),
    [
        (Draft(body=None), {"text": "null"}),
        (Draft(body=msgspec.UNSET, method="GET"), {"no_body": True, "method": "GET"}),
        (Draft(body=Raw(b"")), {"text": ""}),
        (Draft(body=Raw(b"\xff")), {"base64": "/w=="}),
        (Draft(body=Raw(b"[" * 100 + b"]")), {"text": [{"$repeat": "[", "times": 100}, "]"]}),
        (Draft(body={"a": [*map(Id, range(1, 7)), 7, Ids(2)], "b": "ab" * 50}), {"json": {"a": [{"$each_id": 6, "from": 1}, 7, {"$ids": 2}], "b": {"$repeat": "ab", "times": 50}}}),
    ],
)  # fmt: skip
def test_how_a_request_is_written(draft, written):
    assert case_files.request(draft) == written


@given(VALUES)
def test_a_line_means_the_same_in_json_and_in_yaml(value):
    line = case_files.flow(value)

    assert "\n" not in line
    assert json.loads(line) == value == yaml.load(line, yaml.CSafeLoader)
