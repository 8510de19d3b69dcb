"""The schemas of what is written by hand and of a run's lines are those of the types that read them; ``REWRITE_GOLDENS=1`` writes them anew."""

import json
import os
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
import yaml

from closecheck.cases import DeclaredCase
from closecheck.contract import spec_folder
from closecheck.model import Catalogue, Line

TYPES = {
    "cases": (list[DeclaredCase], "A file of declared cases, spec/cases/*.yaml."),
    "requirements": (Catalogue, "spec/requirements.yaml: every requirement and every choice of one edition."),
    "run-line": (Line, "One line of run.jsonl."),
}
FOLDER = spec_folder() / "schemas"
GOLDEN = Path(__file__).parent / "goldens" / "run" / "run.jsonl"


def schema(name):
    return json.loads((FOLDER / f"{name}.schema.json").read_text("utf-8"))


@pytest.mark.parametrize("name", TYPES)
def test_a_schema_is_that_of_the_type_that_reads(name):
    kind, description = TYPES[name]
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "description": description, **msgspec.json.schema(kind)}
    made = json.loads(json.dumps(whole))
    if os.environ.get("REWRITE_GOLDENS"):
        (FOLDER / f"{name}.schema.json").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")

    assert schema(name) == made


@pytest.mark.parametrize("file", sorted((spec_folder() / "cases").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_declared_cases_fit_their_schema(file):
    assert [str(error) for error in jsonschema_rs.validator_for(schema("cases")).iter_errors(by_names(yaml.safe_load(file.read_text("utf-8"))))] == []


def test_the_catalogue_fits_its_schema():
    catalogue = yaml.safe_load((spec_folder() / "requirements.yaml").read_text("utf-8"))

    assert [str(error) for error in jsonschema_rs.validator_for(schema("requirements")).iter_errors(catalogue)] == []


def test_every_line_of_a_recorded_run_fits_its_schema():
    validator = jsonschema_rs.validator_for(schema("run-line"))

    assert [number for number, line in enumerate(GOLDEN.read_bytes().splitlines(), 1) if not validator.is_valid(json.loads(line))] == []


def by_names(value):
    """Return YAML data as JSON has it: names of members are texts."""
    match value:
        case dict():
            return {str(name): by_names(one) for name, one in value.items()}
        case list():
            return [by_names(one) for one in value]
        case _:
            return value
