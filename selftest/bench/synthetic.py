"""Recorded runs of any length, made from a real one: its exchanges over and over, with the evidence that rests on them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

import msgspec

from closecheck.model import Closing, Evidence, ExchangeLine, Opening, Tally, decode, encode

_LONGEST: Final = 2000
"""Bytes of a recorded exchange that is repeated: those with hundreds of ids would make the file long, and nothing else."""
EVIDENCE: Final = 1000
"""Exchanges with evidence of their own: so many requests judge single requirements, what comes after is judged by clauses and counted."""


def lengthen(recorded: Path, exchanges: int, to: Path, *, evidence: int = EVIDENCE) -> None:
    """
    Write a run of so many exchanges, of which the first ``evidence`` have evidence of their own.

    What a run with 100,000 exchanges is: the core and its evidence are what they always are, the rest was explored.
    """
    opening, pool, said, tallies, closing = _parts(recorded)
    step = closing.seconds / closing.requests
    with to.open("wb") as file:
        file.write(encode(opening) + b"\n")
        for number, (turn, line) in zip(range(1, exchanges + 1), _over_and_over(pool), strict=False):
            case = f"{line.case}/{turn}" if turn else line.case
            timing = msgspec.structs.replace(line.timing, sent=number * step)
            file.write(encode(msgspec.structs.replace(line, number=number, case=case, timing=timing, base=0)) + b"\n")
            if number <= evidence:
                for one in said.get(line.number, ()):
                    file.write(encode(msgspec.structs.replace(one, case=case, exchanges=(number,))) + b"\n")
        for tally in tallies:
            file.write(encode(tally) + b"\n")
        file.write(encode(msgspec.structs.replace(closing, seconds=exchanges * step, requests=exchanges, explored=0)) + b"\n")


def _over_and_over(pool: list[ExchangeLine]) -> itertools.chain[tuple[int, ExchangeLine]]:
    return itertools.chain.from_iterable(((turn, line) for line in pool) for turn in itertools.count())


def _parts(recorded: Path) -> tuple[Opening, list[ExchangeLine], dict[int, list[Evidence]], list[Tally], Closing]:
    opening: Opening | None = None
    closing: Closing | None = None
    pool: list[ExchangeLine] = []
    said: dict[int, list[Evidence]] = {}
    tallies: list[Tally] = []
    with recorded.open("rb") as stream:
        for line in decode(stream):
            match line:
                case Opening():
                    opening = line
                case ExchangeLine() if len(encode(line)) <= _LONGEST:
                    pool.append(line)
                case Evidence(exchanges=(number,)):
                    said.setdefault(number, []).append(line)
                case Tally():
                    tallies.append(line)
                case Closing():
                    closing = line
    if opening is None or closing is None or not pool:
        raise ValueError(f"{recorded.name} is no whole run")
    return opening, pool, said, tallies, closing
