"""
The only reader of ``spec/``: loads it once, checks it against itself, and hands out frozen values.

Unknown, unused or contradictory entries are errors of the build (:class:`ContractFault`), never silences of a run.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from closecheck.contract.cases import Case, DeclaredCase
from closecheck.model import Catalogue, ProofFigures, Requirement, Struct, edition_key, is_later

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML without libyaml
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]


class ContractFault(ValueError):
    """``spec/`` contradicts itself; the message names file and entry."""


def spec_folder() -> Path:
    """Return the folder of the contract: beside the package in a checkout, inside it once installed."""
    package = Path(__file__).parents[1]
    inside = package / "spec"
    return inside if inside.is_dir() else package.parent / "spec"


class Property(Struct):
    """One member of the request body as ``openapi.yaml`` constrains it."""

    name: str
    required: bool
    schema: dict[str, Any]
    carries: dict[str, str]
    """Which requirement each constraint carries, by keyword; also ``optional``, ``null`` and ``required``."""

    @property
    def values(self) -> tuple[str, ...]:
        """The members of its enumeration; empty if it has none."""
        return tuple(self.schema.get("enum", ()))


class Order(Struct):
    """
    In which order cases are sent, and which of them are no part of the core.

    ``first`` are those that find most, the best ones first; ``swept`` those of which the core has enough like it, so that they
    belong to the exploration. What stands in neither is of the core, and comes after the first.
    """

    first: tuple[str, ...] = ()
    swept: frozenset[str] = frozenset()


_CASE: Final = re.compile(r"""- (?:id: ["']?([^\s"']+)|\{"id": ("(?:[^"\\]|\\.)*"))""")
"""How a case begins: on lines of its own, or on one, as JSON."""
OPERATION: Final = "/access-requests/close"


class Contract:
    """The OpenAPI document, the catalogue and the declared cases, agreeing with one another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.document: dict[str, Any] = _yaml(folder / "openapi.yaml")
        self.catalogue: Catalogue = _converted(_yaml(folder / "requirements.yaml"), Catalogue, folder / "requirements.yaml")
        self._requirements: dict[str, Requirement] = {requirement.id: requirement for requirement in self.catalogue.requirements}
        self._check_catalogue()
        self.declared: Mapping[str, Case] = dict(self._read_cases())

    def __getitem__(self, requirement_id: str) -> Requirement:
        """Return a requirement; KeyError if there is none of that id."""
        return self._requirements[requirement_id]

    @property
    def ids(self) -> frozenset[str]:
        """The ids of every requirement."""
        return frozenset(self._requirements)

    @property
    def editions(self) -> tuple[str, ...]:
        """Every edition that introduced something, oldest first; the last is the catalogue's own."""
        introduced = [one.since for one in self.catalogue.requirements]
        introduced += [one.since for one in self.catalogue.choices] + [case.since for case in self.declared.values()]
        return tuple(sorted({self.catalogue.edition, *filter(None, introduced)}, key=edition_key))

    @property
    def operation(self) -> dict[str, Any]:
        """The POST operation of the OpenAPI document."""
        return self.document["paths"][OPERATION]["post"]  # type: ignore[no-any-return]

    @property
    def documented_statuses(self) -> frozenset[int]:
        """The statuses that the operation documents."""
        return frozenset(int(status) for status in self.operation["responses"])

    @property
    def body_schema(self) -> dict[str, Any]:
        """The schema of the request body."""
        return self.schema("CloseAccessRequest")

    def schema(self, name: str) -> dict[str, Any]:
        """Return a component schema by name."""
        return self.document["components"]["schemas"][name]  # type: ignore[no-any-return]

    def properties(self) -> Iterator[Property]:
        """Yield the members of the request body in the document's order."""
        schema = self.body_schema
        for name, inner in schema["properties"].items():
            yield Property(name, name in schema["required"], inner, inner["x-requirements"])

    def property(self, name: str) -> Property:
        """Return one member of the request body."""
        return next(one for one in self.properties() if one.name == name)

    @functools.cached_property
    def proof(self) -> ProofFigures | None:
        """What the last proof of the suite came to, from ``proof.json``; None where it is not kept."""
        path = self.folder / "proof.json"
        if not path.is_file():
            return None
        try:
            return msgspec.json.decode(path.read_bytes(), type=ProofFigures)
        except msgspec.DecodeError as error:
            raise ContractFault(f"spec/proof.json: {error}") from error

    @functools.cached_property
    def order(self) -> Order:
        """The order of the cases, from ``order.json``."""
        path = self.folder / "order.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=Order)
        except (OSError, msgspec.DecodeError) as error:
            raise ContractFault(f"spec/order.json: {error}") from error

    @functools.cached_property
    def _turns(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.order.first)}

    def turn(self, case: Case) -> tuple[bool, int]:
        """Return what cases are sorted by, to be sent in the order of ``order.json``."""
        return case.id in self.order.swept, self._turns.get(case.id, len(self._turns))

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over every file of the contract, hexadecimal: the identity of what was judged against."""
        digest = hashlib.sha256()
        # The order belongs to it: it says what a run without exploration sends.
        for path in sorted([*self.folder.rglob("*.yaml"), self.folder / "order.json"]):
            digest.update(path.relative_to(self.folder).as_posix().encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()

    @functools.cached_property
    def lines(self) -> dict[str, int]:
        """The line of ``openapi.yaml`` on which each JSON pointer's value begins, counted from 1."""
        root = yaml.compose((self.folder / "openapi.yaml").read_text(encoding="utf-8"), Loader=_Loader)
        return dict(_lines(root, "#")) if root is not None else {}

    @functools.cached_property
    def case_places(self) -> dict[str, tuple[str, int]]:
        """Where each case stands, declared or derived, and each test of several requests: its file, from the folder above, and its line."""
        found: dict[str, tuple[str, int]] = {}
        for path in (*sorted((self.folder / "cases").rglob("*.yaml")), self.folder / "sequences.yaml"):
            name = f"spec/{path.relative_to(self.folder).as_posix()}"
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                if begun := _CASE.match(line):
                    found[begun[1] or json.loads(begun[2])] = name, number
        return found

    # -- checks

    def _check_catalogue(self) -> None:
        where = "spec/requirements.yaml"
        ids = [requirement.id for requirement in self.catalogue.requirements]
        choices = [choice.id for choice in self.catalogue.choices]
        for twice in {one for one in (*ids, *choices) if (*ids, *choices).count(one) > 1}:
            raise ContractFault(f"{where}: {twice} stands there twice")
        areas = {area.id for area in self.catalogue.areas}
        for requirement in self.catalogue.requirements:
            if requirement.area not in areas:
                raise ContractFault(f"{where}: {requirement.id} is in area {requirement.area}, which is not declared")
            if unused := set(requirement.needs) - MEANS:
                raise ContractFault(f"{where}: {requirement.id} needs {', '.join(sorted(unused))}, which is no known means")
            if loose := requirement.part_needs.keys() - set(requirement.needs):
                raise ContractFault(f"{where}: parts of {requirement.id} need {', '.join(sorted(loose))}, which it does not need itself")
            condition = requirement.conditional
            if condition and (unknown := {condition.among, *condition.asked_by} - set(ids)):
                raise ContractFault(f"{where}: {requirement.id} depends on {', '.join(sorted(unknown))}, which is no requirement")
            resolve(self.document, requirement.openapi, requirement.id)
        for word, needs in self.catalogue.means.items():
            if unused := set(needs) - MEANS:
                raise ContractFault(f"{where}: {word} stands for {', '.join(sorted(unused))}, which is no known means")
        introduced = {one.id: one.since for one in self.catalogue.requirements} | {one.id: one.since for one in self.catalogue.choices}
        for name, since in introduced.items():
            if is_later(since, self.catalogue.edition):
                raise ContractFault(f"{where}: {name} is of edition {since}, later than the catalogue's own, {self.catalogue.edition}")
        for requirement_id, pointer in _carried(self.document, "#"):
            if requirement_id not in self._requirements:
                raise ContractFault(f"spec/openapi.yaml{pointer}: {requirement_id} is no requirement of {where}")

    def _read_cases(self) -> Iterator[tuple[str, Case]]:
        seen: set[str] = set()
        choices = {choice.id for choice in self.catalogue.choices}
        for path in sorted((self.folder / "cases").glob("*.yaml")):
            for declared in _converted(_yaml(path), tuple[DeclaredCase, ...], path):
                where = f"spec/cases/{path.name}: {declared.id}"
                if declared.id in seen:
                    raise ContractFault(f"{where} stands there twice")
                seen.add(declared.id)
                if declared.requirement and declared.requirement not in self._requirements:
                    raise ContractFault(f"{where}: {declared.requirement} is no requirement")
                if declared.choice and declared.choice not in choices:
                    raise ContractFault(f"{where}: {declared.choice} is no choice")
                if is_later(declared.since, self.catalogue.edition):
                    raise ContractFault(f"{where} is of edition {declared.since}, later than the catalogue's own, {self.catalogue.edition}")
                try:
                    yield declared.id, declared.case()
                except ValueError as error:
                    raise ContractFault(f"{where}: {error}") from error


MEANS: Final = frozenset(
    {
        "unprivileged", "expired", "rate_limit", "internal_error", "may_close", "pending", "approved", "completed",
        "search", "account_activities", "observer", "events", "burst",
    }
)  # fmt: skip
"""What a requirement may need beside a base URL and a working token; each is supplied by the target file."""


def resolve(document: Any, pointer: str, asker: str) -> Any:
    """
    Return what a JSON pointer (RFC 6901, as a URI fragment) points at.

    Raises:
        ContractFault: there is nothing at that place.

    """
    value = document
    for token in pointer.removeprefix("#").split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        try:
            value = value[name] if isinstance(value, dict) else value[int(name)]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ContractFault(f"{asker} points at {pointer}, which is not in spec/openapi.yaml (at {token})") from None
    return value


def _carried(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for requirement_id in value.get("x-requirements", {}).values():
            yield requirement_id, pointer
        for key, inner in value.items():
            yield from _carried(inner, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _carried(inner, f"{pointer}/{index}")


def _lines(node: yaml.Node, pointer: str) -> Iterator[tuple[str, int]]:
    yield pointer, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = f"{pointer}/{key.value.replace('~', '~0').replace('/', '~1')}"
            yield from _lines(value, inner)
            yield inner, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, f"{pointer}/{index}")


def _yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_bytes(), Loader=_Loader)
    except (OSError, yaml.YAMLError) as error:
        raise ContractFault(f"{path}: {error}") from error


def _converted(data: Any, shape: Any, path: Path) -> Any:
    try:
        return msgspec.convert(data, shape, str_keys=True)
    except msgspec.ValidationError as error:
        raise ContractFault(f"{path.parent.name}/{path.name}: {error}") from error


@functools.cache
def contract() -> Contract:
    """Return the contract of this edition, read once."""
    return Contract(spec_folder())
