"""
Hypothesis strategies for bodies of the operation, valid and invalid.

A strategy draws a size and a seed, never the elements: five hundred ids are one number. What a seed becomes is
:mod:`closecheck.contract.random_bodies`'s affair.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from closecheck.contract import random_bodies, random_edits
from closecheck.contract.random_bodies import MOST_CHARACTERS, MOST_IDS, Spelling, Value
from closecheck.contract.random_edits import Edit

T = TypeVar("T")

SEEDS: Final = 2**24
"""How many seeds there are: few enough for Hypothesis to draw them evenly, enough for months of batches."""


def seeds() -> SearchStrategy[int]:
    """Return a strategy for seeds of whatever is made at random."""
    return st.integers(0, SEEDS - 1)


def _grown(make: Callable[[Random], T]) -> SearchStrategy[T]:
    return seeds().map(lambda seed: make(Random(seed)))  # noqa: S311 - nothing here is a secret


def id_lists(min_size: int = 1, max_size: int = MOST_IDS) -> SearchStrategy[tuple[str, ...]]:
    """Return a strategy for lists of different ids of the vendor's form."""
    return st.builds(lambda size, seed: random_bodies.ids(Random(seed), size), st.integers(min_size, max_size), seeds())  # noqa: S311


def messages(min_size: int = 1, max_size: int = MOST_CHARACTERS) -> SearchStrategy[str]:
    """Return a strategy for messages of ordinary text, nasty fragments and letters of all of Unicode among them."""
    sized = st.builds(lambda size, seed: random_bodies.letters(Random(seed), size), st.integers(min_size, max_size), seeds())  # noqa: S311
    free = _grown(random_bodies.message)
    if (min_size, max_size) != (1, MOST_CHARACTERS):
        free = free.filter(lambda text: min_size <= len(text) <= max_size)
    return sized | free


def bodies() -> SearchStrategy[Value]:
    """Return a strategy for valid bodies, as values that have no spelling yet."""
    return _grown(random_bodies.value)


def spellings() -> SearchStrategy[Spelling]:
    """Return a strategy for lawful spellings of a body: order of members, white space, escapes."""
    return _grown(random_bodies.spelling)


def invalid_bodies(breaking: str = "") -> SearchStrategy[Edit]:
    """
    Return a strategy for valid bodies with exactly one edit, which breaks the given requirement, or any.

    Raises:
        ValueError: no edit of a body breaks that requirement.

    """
    if breaking and breaking not in random_edits.EDITS:
        raise ValueError(f"no edit of a body breaks {breaking}: {', '.join(random_edits.EDITS)}")
    return _grown(lambda rng: random_edits.edit(rng, random_bodies.value(rng), breaking))


def sequences(min_size: int = 2, max_size: int = 16) -> SearchStrategy[list[Value | Edit]]:
    """Return a strategy for requests that follow one another: valid and invalid ones, repetitions among them."""
    return st.builds(lambda size, seed: random_edits.sequence(Random(seed), size), st.integers(min_size, max_size), seeds())  # noqa: S311
