"""
A deliberate deviation of the reference: a fault, which breaks a requirement, or a variant, which breaks none.

One short decorated function each; its name is the deviation's, its docstring the sentence that says what it does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from closecheck.model import Struct
from closecheck.reference import Reference, ReferenceConfig

Modify = Callable[[Reference], None]


class Deviation(Struct):
    """
    One deviation.

    ``breaks`` are the requirements of which at least one must be blamed (empty for a variant); ``also`` those that are
    broken by the letter as well, and may be blamed with it; ``rare`` says that only particular requests show it;
    ``slow`` that it delays or limits, so that a run against it takes long; ``config`` replaces settings of the reference;
    ``apart`` names variants that leave nothing lawful together with this one, or of which one undoes the other;
    ``incomplete`` says why a run against a lawful target lacks a means all the same, so that it may end incomplete.
    """

    name: str
    sentence: str
    modify: Modify
    breaks: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    rare: bool = False
    slow: bool = False
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    apart: tuple[str, ...] = ()
    incomplete: str = ""

    @property
    def area(self) -> str:
        """What it deviates in: the name of the module in which it stands."""
        return self.modify.__module__.rpartition(".")[2]

    def configured(self, **settings: Any) -> ReferenceConfig:
        """Return the reference's configuration for this deviation; ``settings`` give way to the deviation's own."""
        return ReferenceConfig(**{**settings, **self.config})


class Shelf:
    """The deviations of one kind, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Deviation] = {}

    def add(
        self,
        modify: Modify,
        breaks: tuple[str, ...],
        also: tuple[str, ...],
        config: Mapping[str, Any],
        apart: tuple[str, ...] = (),
        *,
        rare: bool,
        slow: bool,
        incomplete: str = "",
    ) -> None:
        """Put a deviation on the shelf; ValueError if its name is taken or it has no sentence."""
        name = modify.__name__.replace("_", "-")
        sentence = inspect.getdoc(modify)
        if not sentence:
            raise ValueError(f"{name} has no docstring to say what it does")
        if name in self._by_name:
            raise ValueError(f"two deviations are called {name}")
        self._by_name[name] = Deviation(name, " ".join(sentence.split()), modify, breaks, also, rare, slow, dict(config), apart, incomplete)

    def __getitem__(self, name: str) -> Deviation:
        """Return the deviation of that name; KeyError if there is none."""
        return self._by_name[name]

    def all(self) -> tuple[Deviation, ...]:
        """Return every deviation, in the order in which they were written."""
        return tuple(self._by_name.values())


FAULTS: Final = Shelf()
VARIANTS: Final = Shelf()


def fault(*breaks: str, also: tuple[str, ...] = (), rare: bool = False, slow: bool = False, **config: Any) -> Callable[[Modify], Modify]:
    """
    Return the decorator that puts a function on the shelf of faults.

    ``config`` are fields of :class:`~closecheck.reference.ReferenceConfig`.
    """

    def put(modify: Modify) -> Modify:
        FAULTS.add(modify, breaks, also, config, rare=rare, slow=slow)
        return modify

    return put


def variant(*, slow: bool = False, apart: tuple[str, ...] = (), incomplete: str = "", **config: Any) -> Callable[[Modify], Modify]:
    """Return the decorator that puts a function on the shelf of variants; ``slow`` and ``config`` as for :func:`fault`."""

    def put(modify: Modify) -> Modify:
        VARIANTS.add(modify, (), (), config, apart, rare=False, slow=slow, incomplete=incomplete)
        return modify

    return put
