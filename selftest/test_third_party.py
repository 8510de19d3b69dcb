"""Servers that nobody here wrote are found as wrong as docs/third-party.md says: no more, no less."""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TARGETS = ROOT / "targets"
PAGE = ROOT / "docs" / "third-party.md"
READY_WITHIN = 60
"""Seconds; a server is up in two on a machine that does nothing else."""
JUDGED_WITHIN = 400
"""Seconds; a run takes about ten, behind a limiter a minute or two."""
LISTENS = re.compile(r"http://127\.0\.0\.1:(\d+)/")


def recorded():
    """Return what the page says was found, server by server."""
    block = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None, f"{PAGE} records no findings"
    return yaml.safe_load(block[1])


def installed(name):
    """Skip, or fail under REQUIRE_ALL, where what the server is made of has not been installed."""
    made = {"express": "node_modules", "prism": "node_modules", "go": "go/build"}.get(name)
    if made is not None and not (TARGETS / made).is_dir():
        reason = f"targets/{made} is missing: targets/install makes it"
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail(f"{reason}, and REQUIRE_ALL is set")
        pytest.skip(reason)


def environment():
    """Return the environment without settings of the suite, and with fresh tokens."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CLOSECHECK_", "SAIL_", "PYTEST_", "JWT_"))}
    told = subprocess.run([TARGETS / "tokens"], env=clean, capture_output=True, text=True, timeout=30, check=True).stdout
    return clean | dict(word.split("=", 1) for line in told.splitlines() for word in shlex.split(line)[1:])


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def served(name, env, log):
    """Run a server's script until its port answers; yield the port, and end its process group afterwards."""
    # nginx's script looks for a free port itself, and for another one where somebody was quicker.
    port = 0 if name.startswith("nginx") else free_port()
    with log.open("wb") as output:
        server = subprocess.Popen(
            [TARGETS / f"serve-{name}", str(port)], env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + READY_WITHIN
        while (answering := answering_port(log)) is None:
            assert server.poll() is None, f"serve-{name} ended with {server.returncode}: {log.read_text()}"
            assert time.monotonic() < deadline, f"serve-{name} was not ready after {READY_WITHIN} s: {log.read_text()}"
            time.sleep(0.05)
        yield answering
    finally:
        ended(server)


def answering_port(log):
    """Return the port that the server named, once it answers there."""
    said = LISTENS.search(log.read_text())
    if said is None:
        return None
    port = int(said[1])
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return None
    return port


def ended(server):
    for last in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, last)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(5)
            return


def judged(name, port, env, folder):
    """Return the report of the suite, run as its users run it, and the exit code."""
    target = TARGETS / f"{name}.yaml"
    base_url = yaml.safe_load(target.read_text(encoding="utf-8"))["base_url"]
    here = re.sub(r":\d+", f":{port}", base_url)
    # Behind a limiter a run takes as long as it has requests, and exploration finds nothing of the limiter.
    profile = "quick" if name.startswith("nginx") else "standard"
    options = [f"--profile={profile}", f"--target={target}", f"--base-url={here}", f"--reports={folder}"]
    command = [sys.executable, "-m", "closecheck", "run", *options]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=JUDGED_WITHIN, check=False)
    report = folder / "latest" / "report.json"
    assert report.is_file(), done.stdout + done.stderr
    return json.loads(report.read_text(encoding="utf-8")), done.returncode


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("express", marks=pytest.mark.needs("node")),
        pytest.param("prism", marks=pytest.mark.needs("node")),
        pytest.param("go", marks=pytest.mark.needs("go")),
        pytest.param("nginx-503", marks=pytest.mark.needs("nginx")),
        pytest.param("nginx-429", marks=pytest.mark.needs("nginx")),
    ],
)
def test_findings_are_those_on_the_page(name, tmp_path):
    installed(name)
    said = recorded()[name]
    env = environment() | {"PYTHON": sys.executable}

    with served(name, env, tmp_path / "server.log") as port:
        report, exit_code = judged(name, port, env, tmp_path / "reports")

    found = {
        "verdict": report["verdict"],
        "failed": sorted(one["id"] for one in report["requirements"] if one["status"] == "fail"),
        "warned": sorted(one["id"] for one in report["requirements"] if one["status"] == "warning"),
    }
    assert found == {"verdict": said["verdict"], "failed": sorted(said["failed"] or []), "warned": sorted(said["warned"] or [])}
    assert exit_code == report["exit_code"]


def test_each_finding_is_explained():
    """The page has a row for each requirement that it records, below its server's heading."""
    page = PAGE.read_text(encoding="utf-8")
    for name, said in recorded().items():
        section = re.search(rf"^## {name}\b.*?(?=^## |\Z)", page, re.DOTALL | re.MULTILINE | re.IGNORECASE)
        assert section is not None, name
        rows = set(re.findall(r"^\| (CAR-[A-Z0-9-]+) \|", section[0], re.MULTILINE))

        assert rows == {*(said["failed"] or []), *(said["warned"] or [])}, name
