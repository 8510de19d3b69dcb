"""
The words of the suite as frozen values: no I/O, no judgement of a target, no knowledge of pytest.

This file is the package's face: other packages import from here, and need not know in which module a name stands. The
modules of this package import from each other directly. The errors alone are imported from :mod:`closecheck.model.errors`.

Everything that is written to ``run.jsonl`` or read from ``spec/`` is a type of this package, so that it is parsed and checked
once, at the edge. How evidence folds into results (``results.py``) and results into a verdict (``run.py``) is stated here and
nowhere else.
"""

from closecheck.model.base import Struct
from closecheck.model.http import Chunking, Failure, FailureKind, Headers, Request, Response, Timing, header
from closecheck.model.moments import Numbers
from closecheck.model.requirements import (
    OTHER,
    UNWAIVABLE_SCOPE,
    Area,
    Catalogue,
    Choice,
    Condition,
    Requirement,
    edition_key,
    is_later,
    matches,
)
from closecheck.model.results import Broken, Result, fold, not_selected
from closecheck.model.run import Run
from closecheck.model.run_lines import (
    LOAD,
    PACE,
    UNDER_LOAD,
    Body,
    Closed,
    Closing,
    Evidence,
    ExchangeLine,
    Finding,
    Line,
    Note,
    Observation,
    Opening,
    ProofFigures,
    ReceivedResponse,
    SentRequest,
    Setting,
    Surplus,
    Tally,
    Wait,
    Waiver,
)
from closecheck.model.run_stream import RunFault, decode, encode
from closecheck.model.vocabulary import Exit, Level, Outcome, Profile, Status, Verdict

__all__ = [
    "LOAD", "OTHER", "PACE", "UNDER_LOAD", "UNWAIVABLE_SCOPE", "Area", "Body", "Broken", "Catalogue", "Choice",
    "Chunking", "Closed", "Closing", "Condition", "Evidence", "ExchangeLine", "Exit", "Failure", "FailureKind",
    "Finding", "Headers", "Level", "Line", "Note", "Numbers", "Observation", "Opening", "Outcome", "Profile",
    "ProofFigures", "ReceivedResponse", "Request", "Requirement", "Response", "Result", "Run", "RunFault",
    "SentRequest", "Setting", "Status", "Struct", "Surplus", "Tally", "Timing", "Verdict", "Wait", "Waiver", "decode",
    "edition_key", "encode", "fold", "header", "is_later", "matches", "not_selected",
]  # fmt: skip
