"""
``python -m selftest.mutation``: mutates the judging code with Cosmic Ray and writes what came of it to ``docs/mutation.json``.

The mutants are made in a copy of the checkout. One sample is held out until tests are written for the survivors of the other.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from closecheck.proof import kept_json, mutants
from closecheck.proof.mutants import Session
from closecheck.proof.page import KEPT_PAGE, read, write_page
from selftest.mutation.results import KEPT, again, configuration, explained, mutations, session

ROOT = Path(__file__).parent.parent.parent


class Sample(NamedTuple):
    """The mutants of one session whose hash has this rest: one in so many."""

    session: str
    one_in: int
    rest: int
    held_out: bool


SAMPLES = (
    Sample("checks", 2, 0, False),
    Sample("edits", 4, 0, False),
    Sample("blame", 1, 0, False),
    Sample("checks", 8, 1, True),
    Sample("edits", 16, 1, True),
)
"""The rests keep the samples apart."""
SEED = "0"
PARTS = ("closecheck", "selftest", "spec", "tests", "conftest.py", "pytest.ini", "pyproject.toml")


def copy_of_the_checkout(folder: Path) -> Path:
    """Copy what the tests need, with the environment that runs this."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def tried(sample: Sample, tree: Path, tools: Path, again_of: Session | None) -> Session:
    """Run one session of Cosmic Ray, or its survivors again; CalledProcessError if the tests fail without a mutation."""
    name = sample.session
    config, store = tree / "selftest" / "mutation" / f"{name}.toml", tree / f"{name}.sqlite"

    def tool(*words: str | Path) -> str:
        environment = {**os.environ, "PYTHONPATH": str(tree)}
        return subprocess.run([str(one) for one in words], cwd=tree, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout

    # It leaves the compiled modules behind as well, which the tool's own runs do not write.
    tool(*configuration(tree, name)["test-command"].split())
    tool(tools / "cosmic-ray", "init", config, store)
    tool(tools / "cr-filter-operators", store, config)
    choose = [tools / "python", tree / "selftest" / "mutation" / "sample.py", store]
    if again_of:
        listed = tree / "names.txt"
        listed.write_text("\n".join(one.mutant for one in again_of.survivors), encoding="utf-8")
        tool(*choose, "--named", listed)
    else:
        tool(*choose, "--one-in", str(sample.one_in), "--rest", str(sample.rest), "--seed", SEED)
    tool(tools / "cosmic-ray", "exec", config, store)
    now = session(name, tree, sample.one_in, tool(tools / "cosmic-ray", "dump", store), held_out=sample.held_out)
    return again(again_of, now) if again_of else now


def main() -> None:
    """Run what is asked for and write the data and the page."""
    parser = argparse.ArgumentParser(prog="python -m selftest.mutation", description=__doc__)
    parser.add_argument("--tools", type=Path, default=Path(sys.prefix, "mutation", "bin"), help="the folder of Cosmic Ray's programs")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--survivors", action="store_true", help="try only those again that survived the last time")
    part.add_argument("--held-out", action="store_true", help="try only what is held out, for the first time")
    part.add_argument("--explain", action="store_true", help="try nothing: tell the reasons anew")
    args = parser.parse_args()
    os.nice(10)
    data = mutants.read(KEPT) if args.survivors or args.held_out or args.explain else None
    if not args.explain:
        before = {(one.name, one.held_out): one for one in data.sessions} if data else {}
        sessions = []
        for sample in SAMPLES:
            old = before.get((sample.session, sample.held_out))
            if old and args.held_out and not sample.held_out:
                sessions.append(old)
                continue
            with tempfile.TemporaryDirectory() as folder:
                sessions.append(tried(sample, copy_of_the_checkout(Path(folder)), args.tools.absolute(), old if args.survivors else None))
        version = subprocess.run([args.tools / "cosmic-ray", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
        data = mutations(sessions, version, SEED)
    KEPT.write_bytes(kept_json.encoded(explained(data)))
    write_page(read(KEPT_PAGE.with_suffix(".json")), KEPT_PAGE)


if __name__ == "__main__":
    main()
