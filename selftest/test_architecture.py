"""ARCHITECTURE.md, held against the code: who may import whom, who may open a socket, who may sleep."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "closecheck"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").glob("*.py"))
STANDARD_NET = {"socket", "ssl", "http.client", "urllib.request", "asyncio", "httptools", "uvicorn", "http.server", "socketserver", "requests", "httpx"}


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _typing_only(tree):
    """Return the nodes that are only looked at by a type checker."""
    guarded = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            guarded.update(id(inner) for one in node.body for inner in ast.walk(one))
    return guarded


@cache
def imports(path):
    """Return the dotted names that a module imports at run time, anywhere in it."""
    tree = ast.parse(path.read_text())
    guarded = _typing_only(tree)
    found = set()
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module)
            if node.module == "closecheck" or node.module.startswith("closecheck."):
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


KNOWN = {name_of(path) for path in MODULES}


def ours(path):
    """Return the modules of closecheck that a module imports."""
    return {one for one in imports(path) if one in KNOWN and one != "closecheck"}


def within(name, *packages):
    return any(name == one or name.startswith(one + ".") for one in (f"closecheck.{package}" for package in packages))


def modules(*packages):
    return [path for path in MODULES if within(name_of(path), *packages)]


def ids(paths):
    return {"argvalues": paths, "ids": [name_of(path) for path in paths]}


MAY_IMPORT = {
    "model": (),
    "errors": ("model",),
    "cases": ("model",),
    "contract": ("model", "cases"),
    "edits": ("model", "cases", "contract"),
    "exchange": ("model", "cases"),
    "blame": ("model", "cases", "edits", "exchange"),
    "checks": ("model", "cases", "contract", "exchange", "checks"),
    "pace": (),
    "redaction": ("model",),
    "codings": (),
    "transport": ("model", "codings"),
    "ids": ("model", "cases"),
    "stream": ("model", "exchange", "cases"),
    "options": ("model",),
    "sides": ("model",),
    "matrix": ("model", "sides"),
    "difference": ("model", "sides"),
    "reports": ("model", "sides", "matrix", "difference", "reports"),
    "reference": ("reference",),
    "waivers": ("model", "errors", "target"),
    "compare": ("model", "errors", "cases", "contract", "edits", "generation", "exchange", "checks", "reports", "console", "compare"),
    "deviation": ("model", "reference"),
}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package):
    allowed = MAY_IMPORT[package]
    wrong = {
        (name_of(path), one)
        for path in modules(package)
        for one in ours(path)
        if not within(one, *allowed) and one != f"closecheck.{package}"
    }

    assert modules(package), package
    assert wrong == set()


JUDGING = ("session", "run", "plugin", "command", "checks", "edits", "cases", "contract", "lifecycle", "observers", "preflight")


@pytest.mark.parametrize("path", **ids(modules("faults", "variants")))
def test_deviations_know_nothing_of_the_judging_side(path):
    assert {one for one in ours(path) if within(one, *JUDGING)} == set()


@pytest.mark.parametrize("path", **ids(modules("session", "checks", "exchange", "cases", "edits", "contract", "transport", "preflight", "ids")))
def test_the_core_knows_nothing_of_pytest_the_commands_or_the_reports(path):
    assert {one for one in ours(path) if within(one, "plugin", "command", "compare", "reports", "console", "run", "reference", "faults", "variants", "prove")} == set()


def test_only_the_side_of_pytest_imports_pytest():
    found = {name_of(path) for path in MODULES if {one.split(".")[0] for one in imports(path)} & {"pytest", "_pytest", "pluggy"}}

    assert found <= {f"closecheck.{one}" for one in ("plugin", "command", "parametrize", "planning", "hookspecs")}


def test_only_the_boundaries_touch_the_network():
    allowed = ("transport", "observers", "reference", "doctor", "faults", "variants", "serve")
    found = {
        (name_of(path), one) for path in MODULES for one in imports(path) & STANDARD_NET if not within(name_of(path), *allowed)
    }

    assert found == set()


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_the_tests_hold_no_url_no_secret_and_no_transport(path):
    text = path.read_text()

    assert not re.search(r"https?://", text)
    assert {one for one in imports(path) if one.startswith("closecheck.transport")} == set()
    assert not imports(path) & STANDARD_NET


def test_nothing_sleeps():
    sleeping = [
        name_of(path)
        for path in MODULES
        if not within(name_of(path), "reference", "faults", "variants") and re.search(r"\b(time|asyncio)\.sleep\(", path.read_text())
    ]

    assert sleeping == []


def test_nobody_but_the_settings_reads_the_environment():
    readers = {name_of(path) for path in MODULES if "os.environ" in path.read_text() or "getenv(" in path.read_text()}

    assert readers <= {f"closecheck.{one}" for one in ("plugin", "command", "doctor", "console", "__main__", "prove", "settings", "serve")}


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout")
    return [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]


def test_no_tracked_file_names_a_place_on_one_machine():
    places = re.compile(rb"(?<![\w.])/(?:work|root|home/[a-z]\w+)/(?:main|shared|\.)[\w./-]*")
    found = {path.name: places.findall(path.read_bytes()) for path in tracked() if path.is_file()}

    assert {name: hits for name, hits in found.items() if hits} == {}


def test_no_module_is_left_that_nobody_imports():
    entries = {"__main__", "plugin", "hookspecs"}
    used = set().union(*(imports(path) for path in [*MODULES, *TESTS, *(ROOT / "selftest").glob("*.py"), ROOT / "conftest.py"]))
    here = set(tracked())
    unused = {name_of(path) for path in MODULES if path in here and name_of(path) not in used and path.stem not in entries and path.name != "__init__.py"}

    assert {name for name in unused if not within(name, "faults", "variants")} == set()
