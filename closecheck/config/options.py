"""
The options of a run, stated once: ``closecheck run`` and plain ``pytest`` take the same. And the formats of a comparison.
"""

from __future__ import annotations

from typing import Final

from closecheck.model import Struct


class Option(Struct):
    """One option; ``name`` with its dashes, ``metavar`` empty for a flag."""

    name: str
    help: str
    metavar: str = ""
    multiple: bool = False

    @property
    def flag(self) -> bool:
        """Whether it takes no value."""
        return not self.metavar

    @property
    def key(self) -> str:
        """The name under which its value is kept."""
        return self.name.lstrip("-").replace("-", "_")


OPTIONS: Final = (
    Option("--target", "the target file (YAML)", "FILE"),
    Option("--base-url", "where the target is; the token is taken from CLOSECHECK_TOKEN", "URL"),
    Option("--profile", "quick, standard or deep: how many requests are sent beside the deterministic ones", "PROFILE"),
    Option("--only", "a case id, or a requirement id, in which * stands for anything; all others stay untested", "PATTERN", multiple=True),
    Option("--strict", "warnings are failures"),
    Option("--reports", "where the reports go (default: reports)", "DIR"),
    Option("--seed", "the random seed: the same seed chooses the same cases", "N"),
    Option(
        "--mark",
        "what makes the run's ids and messages unlike those of every other run (default: drawn anew); given, a run is repeated byte for byte",
        "DIGITS",
    ),
    Option("--concurrency", "requests in flight (default: 8)", "N"),
    Option("--rate", "the suite's own limit, such as 95/10s, or none", "N/Ts"),
    Option(
        "--budget",
        "the most requests to send, the most telling first (the last may be repeated after a 429); what they do not reach is untested",
        "N",
    ),
    Option("--timeout", "the time limit of one request (default: 10)", "SECONDS"),
    Option(
        "--max-wait",
        "the longest Retry-After that is waited for, in seconds; a longer one ends the run, which is then incomplete (default: 60)",
        "SECONDS",
    ),
    Option("--edition", "the edition that decides; what later ones introduced is advice (default: the newest)", "EDITION"),
    Option("--safe", "send nothing that could close a request, even with may_close"),
)

FORMATS: Final = ("text", "markdown", "html", "json")
"""How a comparison of runs can be written; the first is for a terminal."""
