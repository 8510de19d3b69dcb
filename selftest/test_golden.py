"""A recorded run is rendered today as it was when its files were kept; ``REWRITE_GOLDENS=1`` keeps them as they are rendered today."""

import os

import golden_files
import pytest

from closecheck.model import Outcome, Run, Status
from closecheck.session import record


@pytest.fixture(scope="module")
def run() -> Run:
    if os.environ.get("REWRITE_GOLDENS"):
        golden_files.renew()
    return record.read(golden_files.FOLDER)


@pytest.fixture(scope="module")
def made(run: Run) -> dict[str, bytes]:
    return golden_files.made(run)


def test_the_kept_run_has_one_of_everything(run: Run) -> None:
    assert {status for status, number in run.counts().items() if number} == set(Status) - {Status.ERROR, Status.NOT_APPLICABLE}
    assert {one.outcome for one in run.evidence} >= {Outcome.HELD, Outcome.BROKEN, Outcome.UNTESTED}
    assert run.waits
    assert run.closed
    assert {seen is None for _, seen in run.choices} == {True, False}
    assert any(one.supply for one in run.with_status(Status.UNTESTED))
    assert any(exchange.response is None for exchange in run.exchanges.values())


def test_no_kept_file_is_of_no_format(made: dict[str, bytes]) -> None:
    assert {path.name for path in golden_files.FOLDER.iterdir()} == {*made, record.FILE_NAME}


@pytest.mark.parametrize("name", sorted(path.name for path in golden_files.FOLDER.iterdir() if path.name != record.FILE_NAME))
def test_a_format_is_as_it_was_kept(made: dict[str, bytes], name: str) -> None:
    kept = (golden_files.FOLDER / name).read_bytes()

    # Compared before the assertion: the difference of two long texts takes minutes to tell.
    is_equal = made[name] == kept

    assert is_equal, f"{name} is rendered differently: REWRITE_GOLDENS=1 writes it anew, and git diff shows how"
