"""
What the first probes have learned about the target: how it refuses, what it demands, and what its own answers look like.

:mod:`closecheck.session.preflight` writes it; everybody else only reads it.
"""

from __future__ import annotations

from collections.abc import Collection

from closecheck.judging import blame
from closecheck.model import Response


class Learned:
    """What is known about a target; ``documented`` are the statuses that the operation has."""

    def __init__(self, documented: Collection[int]) -> None:
        self._documented = documented
        self.refusal_status = 400
        """How the target refuses every invalid body; judged once, under CAR-OP-STATUS or CAR-OP-NO-500."""
        self.demanded: dict[str, str] = {}
        """Undocumented fields without which the target refuses every request: the run sends them from then on (CAR-OP-HEADERS)."""
        self.looks: set[blame.Look] = set()
        """What answers look like that are the operation's own without doubt."""

    def stands_for(self, response: Response | None) -> int:
        """Return the documented status for which the status of an answer stands, as this target refuses all that is invalid; 0: none."""
        own = response is not None and response.status == self.refusal_status >= 300
        return 400 if own and self.refusal_status not in self._documented else 0
