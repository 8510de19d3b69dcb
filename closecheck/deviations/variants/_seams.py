"""What several modules of variants need: each helper changes one thing of the reference and leaves the rest alone."""

# mypy: disable-error-code="method-assign"
from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from starlette.responses import Response

from closecheck.reference import Answer, Reference
from closecheck.reference.app import CLOSE_PATH
from closecheck.reference.operation import Call
from closecheck.reference.store import Store

Handler = Callable[[Call], Awaitable[Response]]
Step = Callable[[Call], Awaitable[Response | None]]


def close_handlers(reference: Reference) -> dict[str, Handler]:
    """Return the handlers of the close operation's path, by method."""
    return reference.routes[reference.config.base_path + CLOSE_PATH]


def each_answer(reference: Reference, change: Callable[[Answer], None]) -> None:
    """Call ``change`` with every answer that has a body: no 204, and nothing that answers HEAD."""

    def hook(answer: Answer) -> None:
        if answer.body:
            change(answer)

    reference.wire.append(hook)


def stays_open(answer: Answer) -> bool:
    """Tell whether the connection outlives the answer; it never does for a request of HTTP/1.0."""
    return (b"connection", b"close") not in answer.headers


def insert_step(reference: Reference, before: str, name: str, step: Step) -> None:
    """Add a step to the close operation."""
    setattr(reference.operation, name, step)
    reference.operation.steps.insert(reference.operation.steps.index(before), name)


@contextmanager
def dated(store: Store, moment: str) -> Iterator[None]:
    """Whatever the store writes inside bears this date."""
    plain = store.now
    store.now = lambda: moment
    try:
        yield
    finally:
        store.now = plain
