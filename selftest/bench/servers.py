"""The servers of a bench, each in a process of its own on loopback (but :func:`inside`): the reference, a faulty one, the stub, and a proxy before them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml

from closecheck.deviations.deviation import Deviation
from closecheck.reference import ReferenceConfig, ReferenceServer

from .processes import PYTHON, serving
from .stub import Stub


class Served(msgspec.Struct, frozen=True):
    """Where a target is, and with which token it works; ``target`` is the content of its target file."""

    base_url: str
    token: str
    target: dict[str, Any]


Server = Callable[[], AbstractContextManager[Served]]
"""What starts a server afresh: no process meets what another has left behind."""


@contextlib.contextmanager
def reference(fault: str = "") -> Iterator[Served]:
    """Serve the reference, or a faulty one, as ``closecheck serve`` does."""
    with tempfile.TemporaryDirectory(prefix="closecheck-bench-") as folder:
        file = Path(folder) / "target.yaml"
        command = [PYTHON, "-m", "closecheck", "serve", "--port=0", f"--target-file={file}", *([f"--fault={fault}"] if fault else [])]
        with serving(command, "target file:"):
            yield _served(yaml.safe_load(file.read_text("utf-8")))


@contextlib.contextmanager
def inside(deviation: Deviation | None) -> Iterator[Served]:
    """Serve the reference or a deviation of it from a thread of this process, for what is not timed."""
    config = deviation.configured() if deviation else ReferenceConfig()
    with ReferenceServer(config, deviation.modify if deviation else None) as running:
        yield _served(running.target())


@contextlib.contextmanager
def stub(latency: float = 0.0) -> Iterator[Served]:
    """Serve the stub, which keeps the contract and does nothing else; ``latency`` is in seconds, before each answer."""
    with Stub(latency) as running:
        yield _served(running.target)


def _served(target: dict[str, Any]) -> Served:
    return Served(target["base_url"], target["credentials"]["authorized"]["token"], target)


@contextlib.contextmanager
def behind(served: Served, seen: Path) -> Iterator[Served]:
    """Put a proxy before a server that takes down what is sent, and writes it to ``seen`` in the end."""
    parts = urlsplit(served.base_url)
    command = [PYTHON, "-m", "selftest.bench.proxy", f"--to={parts.netloc}", f"--seen={seen}"]
    with serving(command, "serving") as place:
        yield _served(served.target | {"base_url": parts._replace(netloc=place).geturl()})
