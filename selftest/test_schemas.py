"""
The schemas of what is written by hand and of a run's lines are those of the types that read them (``REWRITE_GOLDENS=1`` writes them
anew); the public schemas of the reports are as their packages have them, and refuse what breaks the format.
"""

import json
import os
import shutil
from pathlib import Path

import jsonschema_rs
import msgspec
import published_schemas
import pytest
import yaml
from lxml import etree
from published_schemas import JUNIT, VALIDATORS

from closecheck.contract.cases import DeclaredCase
from closecheck.contract.specification import spec_folder
from closecheck.model import Catalogue, Line
from closecheck.reports import RENDERERS
from closecheck.session.record import read

TYPES = {
    "cases": (list[DeclaredCase], "A file of cases, spec/cases/*.yaml and spec/cases/derived/*.yaml."),
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


@pytest.mark.parametrize("file", sorted((spec_folder() / "cases").rglob("*.yaml")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_cases_fit_their_schema(file):
    assert [
        str(error) for error in jsonschema_rs.validator_for(schema("cases")).iter_errors(by_names(yaml.safe_load(file.read_text("utf-8"))))
    ] == []


def test_the_catalogue_fits_its_schema():
    catalogue = yaml.safe_load((spec_folder() / "requirements.yaml").read_text("utf-8"))

    assert [str(error) for error in jsonschema_rs.validator_for(schema("requirements")).iter_errors(catalogue)] == []


def test_every_line_of_a_recorded_run_fits_its_schema():
    validator = jsonschema_rs.validator_for(schema("run-line"))

    assert [number for number, line in enumerate(GOLDEN.read_bytes().splitlines(), 1) if not validator.is_valid(json.loads(line))] == []


@pytest.mark.parametrize("folder", published_schemas.kept(), ids=lambda path: path.name)
def test_a_kept_schema_is_as_its_package_has_it(folder):
    assert (folder / "LICENSE").is_file()
    assert published_schemas.unlike_origin(folder) == []


def test_a_kept_file_that_is_touched_added_or_gone_is_seen(tmp_path):
    folder = shutil.copytree(published_schemas.FOLDER / "har-schema", tmp_path / "kept")
    (folder / "har.json").write_bytes((folder / "har.json").read_bytes() + b" ")
    (folder / "new.json").write_text("{}")
    (folder / "log.json").unlink()

    assert published_schemas.unlike_origin(folder) == ["har.json", "log.json", "new.json"]


BREAKS = {
    "har": lambda told: told["log"]["entries"][0]["request"]["headers"][0].pop("name"),
    "ctrf": lambda told: told["results"]["tests"][0].update(status="broken"),
    "sarif": lambda told: told["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"].update(startLine=0),
    "earl": lambda told: told["@graph"][-1].pop("@type"),
    "intoto": lambda told: told["predicate"].update(result="BROKEN"),
    "badge": lambda told: told.update(schemaVersion=2),
}


@pytest.mark.parametrize("name", VALIDATORS)
def test_a_schema_of_a_report_refuses_one_that_breaks_it(name):
    told = json.loads(RENDERERS[name].render(read(GOLDEN)))
    assert VALIDATORS[name].is_valid(told)

    BREAKS[name](told)

    assert not VALIDATORS[name].is_valid(told)


def test_the_schema_of_junit_refuses_a_time_that_is_none():
    told = etree.fromstring(RENDERERS["junit"].render(read(GOLDEN)))
    assert JUNIT.validate(told)

    told[0].set("time", "soon")

    assert not JUNIT.validate(told)


def by_names(value):
    """Return YAML data as JSON has it: names of members are texts."""
    match value:
        case dict():
            return {str(name): by_names(one) for name, one in value.items()}
        case list():
            return [by_names(one) for one in value]
        case _:
            return value
