"""
Whole processes, measured from outside: seconds by the clock, seconds of a processor, most memory (``wait4``).

Each runs in an empty folder, with a small environment: no proxies, no ``~/.netrc``, no settings of the caller, no colours.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

import msgspec

from .figures import BenchFault, Usage

ROOT: Final = Path(__file__).parents[2]
"""The checkout."""
PYTHON: Final = sys.executable
_LONGEST: Final = 600.0
"""Seconds after which a measured process is given up."""
_PATIENCE: Final = 20.0
"""Seconds within which a server must serve, and must end."""


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a process whose home is an empty folder."""
    return {
        "PATH": os.pathsep.join([str(Path(PYTHON).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        **(more or {}),
    }


def program(name: str) -> str:
    """
    Return the path of a program of this environment or of the system.

    Raises:
        BenchFault: it is not installed.

    """
    beside = Path(PYTHON).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise BenchFault(f"{name} is not installed")
    return found


class Job(msgspec.Struct, frozen=True):
    """
    A process to be measured.

    ``codes`` are the exit codes with which it has done its work; ``requests`` tells from its folder and its output how many
    requests it has sent.
    """

    command: Sequence[str]
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    codes: frozenset[int] = frozenset({0})
    requests: Callable[[Path, str], int] = lambda _folder, _output: 0
    after: Callable[[Path, str], None] = lambda _folder, _output: None
    """Looks at the folder and the output before they are thrown away."""
    files: Mapping[str, str] = msgspec.field(default_factory=dict)
    """What lies in its folder when it starts."""
    before: Callable[[Path], None] = lambda _folder: None
    """Puts into the folder what is no text."""


def measured(job: Job) -> Usage:
    """
    Run a process to its end and return what it used.

    Raises:
        BenchFault: it ended with another code than it should, or not at all.

    """
    with tempfile.TemporaryDirectory(prefix="closecheck-bench-") as name:
        folder = Path(name)
        for file, text in job.files.items():
            (folder / file).write_text(text, "utf-8")
        job.before(folder)
        told = folder / ".used"
        command = [PYTHON, "-I", "-S", str(Path(__file__).with_name("waiter.py")), str(told), *job.command]
        with (folder / ".output").open("w+b") as output:
            process = subprocess.Popen(
                command, cwd=folder, env=environment(folder, job.environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
            with _ended_after(process, _LONGEST):
                process.wait()
            output.seek(0)
            said = output.read().decode("utf-8", "replace")
        if not told.exists():
            raise BenchFault(f"{' '.join(job.command[:4])} … was killed, or did not end within {_LONGEST:g} s:\n{said[-2000:]}")
        code, wall, user, system, most = told.read_text("ascii").split()
        if int(code) not in job.codes:
            raise BenchFault(f"{' '.join(job.command[:4])} … ended with {code}:\n{said[-2000:]}")
        requests = job.requests(folder, said)
        job.after(folder, said)
        # Linux counts kilobytes, macOS bytes.
        return Usage(float(wall), float(user), float(system), int(most) * (1 if sys.platform == "darwin" else 1024), requests)


@contextlib.contextmanager
def _ended_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    def end() -> None:
        # With its children: the waiter has one.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield
    except BaseException:
        end()
        raise
    finally:
        timer.cancel()


@contextlib.contextmanager
def serving(command: Sequence[str], ready: str) -> Iterator[str]:
    """
    Start a server, wait until a line of its output begins with ``ready``, yield the rest of that line, and end it.

    Raises:
        BenchFault: it ended before it served.

    """
    with tempfile.TemporaryDirectory(prefix="closecheck-bench-") as name:
        process = subprocess.Popen(
            command, cwd=name, env=environment(Path(name)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            with _ended_after(process, _PATIENCE):
                said = _until(process.stdout, ready)
            if not said[-1].startswith(ready):
                raise BenchFault(f"{' '.join(command[:5])} … does not serve:\n" + "\n".join(said))
            yield said[-1].removeprefix(ready).strip()
        finally:
            process.terminate()
            with _ended_after(process, _PATIENCE):
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _until(output: IO[bytes] | None, ready: str) -> list[str]:
    """Return the lines of an output up to the one that begins with ``ready``, or all of them."""
    said = [""]
    for raw in output or ():
        said.append(raw.decode("utf-8", "replace").rstrip())
        if said[-1].startswith(ready):
            break
    return said


def interleaved(names: Sequence[str], rounds: int) -> Iterator[str]:
    """Yield every name once a round, in an order that turns with each round, so that nobody is always first."""
    for number in range(rounds):
        start = number % len(names)
        yield from (*names[start:], *names[:start])
