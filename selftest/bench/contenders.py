"""
Who is measured, with which command. Each gets a base URL and a token, and sends its requests to the same operation.

The token comes from the environment, as it should; :data:`COMMANDS` shows each command as a reader would type it.
"""

from __future__ import annotations

import atexit
import functools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from closecheck.model import Closing, decode
from closecheck.proof.schemathesis_peer import ERROR

from .figures import BenchFault, Command
from .processes import PYTHON, ROOT, Job, environment, program
from .servers import Served

CONTRACT: Final = "spec/openapi.yaml"
QUICK: Final = "closecheck quick"
STANDARD: Final = "closecheck standard"
WHOLE: Final = "closecheck quick, whole target file"
DEEP: Final = "closecheck deep"
PEER: Final = "schemathesis"
FUZZING: Final = "schemathesis fuzzing"
PLAIN: Final = "http.client loop"
LIMIT: Final = "wrk"
REPORT: Final = "closecheck report"

_PATH: Final = "/access-requests/close"
WRK_SECONDS: Final = 2

COMMANDS: Final = (
    Command(QUICK, "closecheck run --base-url URL --profile quick"),
    Command(STANDARD, "closecheck run --base-url URL --profile standard"),
    Command(WHOLE, "closecheck run --target target.yaml --profile quick"),
    Command(DEEP, "CLOSECHECK_BUDGET=N closecheck run --base-url URL --profile deep --seed ROUND"),
    Command(PEER, f"schemathesis run {CONTRACT} --url URL"),
    Command(FUZZING, f"schemathesis run {CONTRACT} --url URL --phases fuzzing --max-examples N --seed ROUND"),
    Command(PLAIN, "python -m selftest.bench.plain URL N"),
    Command(LIMIT, f"wrk -t1 -c1 -d{WRK_SECONDS}s -s selftest/bench/close.lua URL{_PATH}"),
    Command(REPORT, "closecheck report FOLDER"),
)


def closecheck(
    served: Served, profile: str, *, whole: bool = False, budget: int = 0, seed: int | None = None, keep: Path | None = None
) -> Job:
    """
    Return a run of this suite; ``whole`` hands it everything that the target file supplies, else it gets URL and token alone.

    ``keep`` is a file to which the recorded run is moved.
    """
    command = [PYTHON, "-m", "closecheck", "run", f"--profile={profile}", "--reports=reports"]
    files = {}
    if whole:
        command.append("--target=target.yaml")
        files["target.yaml"] = yaml.safe_dump(served.target)
    else:
        command.append(f"--base-url={served.base_url}")
    if seed is not None:
        command.append(f"--seed={seed}")
    environment = {"CLOSECHECK_TOKEN": served.token, **({"CLOSECHECK_BUDGET": str(budget)} if budget else {})}

    def after(folder: Path, _: str) -> None:
        if keep is not None:
            (folder / "reports" / "latest" / "run.jsonl").rename(keep)

    # 5: with a URL and a token alone a verdict is incomplete.
    return Job(command, environment, frozenset({0, 5}), _requests_of_a_run, after, files)


def _requests_of_a_run(folder: Path, _: str) -> int:
    with (folder / "reports" / "latest" / "run.jsonl").open("rb") as stream:
        stream.seek(-min(4096, stream.seek(0, 2)), 2)
        last = list(decode(stream.read().splitlines(keepends=True)[-1:]))[-1]
    if not isinstance(last, Closing):
        raise BenchFault("a recorded run has no last line")
    return last.requests


def schemathesis(served: Served, *, fuzz: int = 0, seed: int | None = None, keep: Path | None = None) -> Job:
    """
    Return a run of Schemathesis with its default settings, or of its fuzzing phase alone with so many examples.

    With ``keep`` it also writes its events to that file, and may find faults.
    """
    command = [program("schemathesis"), "run", str(ROOT / CONTRACT), f"--url={served.base_url}"]
    if fuzz:
        command += ["--phases=fuzzing", f"--max-examples={fuzz}"]
    if seed is not None:
        command.append(f"--seed={seed}")
    if keep is not None:
        command += ["--report=ndjson", f"--report-ndjson-path={keep}"]
    files = {"schemathesis.toml": 'headers = { Authorization = "Bearer ${CLOSECHECK_TOKEN}" }\n'}
    codes = frozenset({0, 1} if keep else {0})
    return Job(command, {"CLOSECHECK_TOKEN": served.token}, codes, _requests_of_schemathesis, files=files, before=_lived_in)


def _lived_in(folder: Path) -> None:
    """
    Put there what Hypothesis would find where Schemathesis has run before: tables of Unicode.

    Without them each run would spend more than a second and 200 MB on making them again.
    """
    shutil.copytree(_tables(), folder / ".hypothesis" / "unicode_data")


@functools.cache
def _tables() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="closecheck-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    script = "from hypothesis.strategies import characters; characters(codec='utf-8').validate()"
    subprocess.run([PYTHON, "-c", script], cwd=folder, env=environment(folder), check=True)
    return folder / ".hypothesis" / "unicode_data"


def _requests_of_schemathesis(_: Path, output: str) -> int:
    found = re.search(r"(\d+) generated", output)
    return int(found[1]) if found else 0


def plain(served: Served, requests: int) -> Job:
    """Return the loop over the standard library's client."""
    command = [PYTHON, "-m", "selftest.bench.plain", served.base_url + _PATH, str(requests)]
    return Job(command, {"CLOSECHECK_TOKEN": served.token}, requests=lambda *_: requests)


def wrk(served: Served, seconds: int = WRK_SECONDS) -> Job:
    """
    Return wrk over one connection for so long: what one connection can carry here.

    Raises:
        BenchFault: it is not installed.

    """
    script = Path(__file__).with_name("close.lua")
    command = [program("wrk"), "-t1", "-c1", f"-d{seconds}s", "-s", str(script), served.base_url + _PATH]
    return Job(command, {"CLOSECHECK_TOKEN": served.token}, requests=_requests_of_wrk)


def _requests_of_wrk(_: Path, output: str) -> int:
    found = re.search(r"(\d+) requests in", output)
    if found is None or "Non-2xx" in output or "Socket errors" in output:
        raise BenchFault(f"wrk did not do what it should:\n{output}")
    return int(found[1])


def report(recorded: Path) -> Job:
    """Return the rendering of a recorded run in every format; the record is linked into a folder of its own."""

    def before(folder: Path) -> None:
        (folder / "run.jsonl").symlink_to(recorded)

    return Job([PYTHON, "-m", "closecheck", "report", "."], before=before)


class Shown(msgspec.Struct, frozen=True):
    """What a recorded run of Schemathesis shows: after how many requests it first failed (0: never), how many it sent, which checks failed."""

    first: int
    sent: int
    checks: tuple[str, ...] = ()


def shown_by_schemathesis(events: Path) -> Shown:
    """
    Return what a recorded run of Schemathesis shows; of one that was cut off, what it shows until then.

    A failed check, and an error of the network or of Schemathesis itself, both count.
    """
    sent, first, failed, errors = 0, 0, set(), False
    for kind, event in _events(events):
        if kind == "PhaseFinished" and event["phase"]["name"] == "probing":
            sent += len((event.get("payload") or {}).get("probes", ()))
        # Told before the scenario in which it happened, or without any.
        errors = errors or kind in {"NonFatalError", "FatalError"}
        if kind != "ScenarioFinished":
            continue
        recorder = event["recorder"]
        for number, case in enumerate(recorder["interactions"], sent + 1):
            found = {check["name"] for check in recorder["checks"].get(case, ()) if check["status"] != "success"}
            failed |= found
            if found and not first:
                first = number
        sent += len(recorder["interactions"])
        if not first and event["status"] in {"failure", "error"}:
            # An error before the first request is one as well.
            first = max(sent, 1)
    if errors or (first and not failed):
        failed.add(ERROR)
        first = first or max(sent, 1)
    return Shown(first, sent, tuple(sorted(failed)))


def _events(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the kind and the content of each event; the last line of a run that was cut off may be torn."""
    with path.open("rb") as stream:
        for raw in stream:
            if raw.endswith(b"\n"):
                yield from msgspec.json.decode(raw, type=dict[str, dict[str, Any]]).items()
