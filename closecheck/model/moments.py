"""The numbers and times of all recorded exchanges, in arrays: a run has many thousands, and reports need no more of most."""

from __future__ import annotations

import bisect
import itertools
from array import array
from collections.abc import Iterator

from closecheck.model.run_lines import ExchangeLine
from closecheck.model.run_stream import RunFault


class Numbers:
    """
    The numbers of exchanges in the order of the record, in an array: eight bytes each, where a dictionary takes a hundred.

    Raises:
        RunFault: :meth:`append` is given a number that no array can hold.

    """

    def __init__(self) -> None:
        self._numbers = array("q")
        self._ascending = True
        self._sorted = array("q")
        """Where each number stands, least number first; made when it is needed, and only if the record is not ascending."""

    def append(self, number: int) -> None:
        """Add the number of the exchange that is recorded next."""
        if self._numbers and number <= self._numbers[-1]:
            self._ascending = False
        try:
            self._numbers.append(number)
        except OverflowError:
            raise RunFault(f"exchange {number}: no run has so many") from None

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def place(self, number: int) -> int | None:
        """Return where in the record an exchange stands, counted from 0, or None if it is not there."""
        if self._ascending:
            at = place = bisect.bisect_left(self._numbers, number)
        else:
            order = self._order()
            at = bisect.bisect_left(order, number, key=self._numbers.__getitem__)
            place = order[at] if at < len(order) else -1
        return place if at < len(self._numbers) and self._numbers[place] == number else None

    def repeated(self) -> int | None:
        """Return a number that stands there twice, or None."""
        if self._ascending:
            return None
        order = self._order()
        inorder = (self._numbers[place] for place in order)
        return next((one for one, after in itertools.pairwise(inorder) if one == after), None)

    def _order(self) -> array[int]:
        if len(self._sorted) != len(self._numbers):
            self._sorted = array("q", sorted(range(len(self._numbers)), key=self._numbers.__getitem__))
        return self._sorted


class Moments:
    """When each recorded exchange was sent and how long it took, in seconds: all that a report needs of most of them."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self.sent = array("d")
        """Seconds from the start of the run, in the order of the record."""
        self.seconds = array("d")
        """How long each took."""
        self.answers = array("d")
        """How long those took that were answered."""

    def add(self, line: ExchangeLine) -> None:
        """Take down one exchange."""
        self.numbers.append(line.number)
        self.sent.append(line.timing.sent)
        self.seconds.append(line.timing.seconds)
        if line.response is not None:
            self.answers.append(line.timing.seconds)

    def took(self, number: int) -> float:
        """Return how long an exchange took, or 0 if it is not recorded."""
        place = self.numbers.place(number)
        return 0.0 if place is None else self.seconds[place]
