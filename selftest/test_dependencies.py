"""What pyproject.toml declares, held against what the code imports: nothing undeclared, nothing declared in vain."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOR_TYPES_ALONE = "types-"
"""Distributions so named hold stubs: they are read by mypy and imported by nobody."""


def canonical(name):
    """Return the name of a distribution in the form in which two spellings of it are equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements):
    """Return the distributions that a list of requirements names."""
    return {canonical(re.match(r"[\w.-]+", one).group()) for one in requirements}


def _guarded(tree):
    """Return the nodes that only a type checker looks at."""
    return {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }


def imported(source):
    """Return the names of the top-level modules that a source imports at run time, anywhere in it."""
    tree = ast.parse(source)
    guarded = _guarded(tree)
    names = set()
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


NEWER_STANDARD = {"compression"}
"""What Python brings from a later version on (3.14); before it a declared package stands in."""
OWN = {"closecheck", "selftest", "tests", *(path.stem for path in (ROOT / "selftest").rglob("*.py"))}
"""Modules of this repository. Those of ``selftest/`` are found by their bare names."""


@cache
def third_party(*folders):
    """Return each third-party module that the folders import, and a file that does."""
    found = {}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for name in imported(path.read_text()) - OWN - NEWER_STANDARD - sys.stdlib_module_names:
                found.setdefault(name, path.relative_to(ROOT).as_posix())
    return found


PROVIDERS = packages_distributions()


def distributions(module):
    """Return the installed distributions that provide a module; one that is not installed has the name of its module."""
    return {canonical(one) for one in PROVIDERS.get(module, [module])}


RUN_TIME = declared(PROJECT["dependencies"])
EXTRAS = {extra: declared(requirements) for extra, requirements in PROJECT["optional-dependencies"].items()}
OPTIONAL = set().union(*(EXTRAS[extra] for extra in EXTRAS.keys() - {"dev", "editable"}))
"""What a user may install beside the suite, for one feature of it."""
MUTATION = declared((ROOT / "selftest/mutation/requirements.in").read_text().splitlines()[1:])
"""What mutates the judging code has an environment of its own."""
SHIPPED = third_party("closecheck", "tests")
TRIED_WITH = third_party("selftest")


@pytest.mark.parametrize("module", sorted(SHIPPED))
def test_what_the_wheel_imports_is_declared(module):
    assert distributions(module) & (RUN_TIME | OPTIONAL), f"{SHIPPED[module]} imports {module}, which pyproject.toml does not declare"


@pytest.mark.parametrize("module", sorted(TRIED_WITH))
def test_what_the_selftests_import_is_declared(module):
    assert distributions(module) & (RUN_TIME | EXTRAS["dev"] | MUTATION), (
        f"{TRIED_WITH[module]} imports {module}, which pyproject.toml does not declare"
    )


@pytest.mark.parametrize("distribution", sorted(RUN_TIME | OPTIONAL))
def test_what_is_declared_is_imported_by_the_wheel(distribution):
    assert any(distribution in distributions(module) for module in SHIPPED), f"nothing under closecheck/ or tests/ imports {distribution}"


@pytest.mark.parametrize("distribution", sorted(one for one in EXTRAS["dev"] if not one.startswith(FOR_TYPES_ALONE)))
def test_what_is_declared_for_development_is_imported_or_called(distribution):
    called = (ROOT / "Makefile").read_text()
    commands = {"pip-tools": "pip-compile"}

    is_called = re.search(rf"\$\(BIN\)/{re.escape(commands.get(distribution, distribution))}\b|-m {re.escape(distribution)}\b", called)
    assert is_called or any(distribution in distributions(module) for module in TRIED_WITH)


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import a.b as c, d", {"a", "d"}),
        ("from a.b import c", {"a"}),
        ("from . import a\nfrom .b import c", set()),
        ("def f():\n    import a", {"a"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b", {"typing", "b"}),
        ("try:\n    import a\nexcept ImportError:\n    import b", {"a", "b"}),
    ],
)
def test_imports_are_found_wherever_they_stand(source, modules):
    assert imported(source) == modules


@pytest.mark.parametrize(
    ("requirement", "name"),
    [("PyYAML>=6", "pyyaml"), ("backports.zstd>=1; python_version < '3.14'", "backports-zstd"), ("a_b[c]==1", "a-b")],
)
def test_a_requirement_names_its_distribution(requirement, name):
    assert declared([requirement]) == {name}
