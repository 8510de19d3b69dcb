"""The deliberate sins of the reference, each named after the one thing it does wrong; one module for each contract area."""

from __future__ import annotations

import importlib
import pkgutil

from closecheck.deviations.deviation import FAULTS, Deviation


def faults() -> tuple[Deviation, ...]:
    """Return every fault."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return FAULTS.all()
