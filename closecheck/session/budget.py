"""How many requests a run may send, and how many it has sent without recording them."""

from __future__ import annotations

import itertools

from closecheck.model.errors import Untested


class Budget:
    """Counts requests; ``most`` may be sent, None: any number."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._spent = itertools.count()
        self.explored = 0
        """How many requests of the exploration were judged and counted, but not recorded."""
        self.undoing = False
        """Whether what is sent undoes what the run has set up, which is done beyond the budget too."""

    def spend(self, *, again: bool = False) -> None:
        """
        Count one more request, if there is one; what was sent once is sent ``again`` beyond the budget too.

        Raises:
            Untested: the budget is spent.

        """
        if self._most is not None and next(self._spent) + self.explored >= self._most and not (again or self.undoing):
            raise Untested(f"the budget of {self._most:,} requests was spent", f"--budget, more than {self._most}")
