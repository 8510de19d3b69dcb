"""The lawful oddities of the reference: unusual, conforming, never to be blamed; one module for each contract area."""

from __future__ import annotations

import importlib
import pkgutil

from closecheck.deviations.deviation import VARIANTS, Deviation


def variants() -> tuple[Deviation, ...]:
    """Return every variant."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return VARIANTS.all()
