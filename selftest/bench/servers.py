"""The servers of a bench, each in a process of its own on loopback: the reference, a faulty one, the fast stub, and a proxy before them."""

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

from .processes import PYTHON, serving


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
    command = [PYTHON, "-m", "closecheck", "serve", "--port=0", *([f"--fault={fault}"] if fault else [])]
    with _with_target_file(command) as served:
        yield served


@contextlib.contextmanager
def stub() -> Iterator[Served]:
    """Serve the stub, which answers as the contract says and does nothing else."""
    with _with_target_file([PYTHON, "-m", "selftest.bench.stub", "--port=0"]) as served:
        yield served


@contextlib.contextmanager
def _with_target_file(command: list[str]) -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="closecheck-bench-") as folder:
        file = Path(folder) / "target.yaml"
        with serving([*command, f"--target-file={file}"], "target file:"):
            target = yaml.safe_load(file.read_text("utf-8"))
            yield Served(target["base_url"], target["credentials"]["authorized"]["token"], target)


@contextlib.contextmanager
def behind(served: Served, *, delay: float = 0.0, seen: Path | None = None) -> Iterator[Served]:
    """Put a proxy before a server: it holds answers back for so many seconds, or takes down what is sent."""
    parts = urlsplit(served.base_url)
    command = [PYTHON, "-m", "selftest.bench.proxy", f"--to={parts.netloc}", f"--delay={delay}", *([f"--seen={seen}"] if seen else [])]
    with serving(command, "serving") as place:
        base_url = parts._replace(netloc=place).geturl()
        yield Served(base_url, served.token, served.target | {"base_url": base_url})


def delayed(server: Server, delay: float) -> Server:
    """Return a server whose answers are held back for so many seconds; 0: the server itself."""
    if not delay:
        return server

    @contextlib.contextmanager
    def served() -> Iterator[Served]:
        with server() as plain, behind(plain, delay=delay) as far:
            yield far

    return served
