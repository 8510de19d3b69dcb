"""The base of every value of the model: frozen, and strict about its members."""

from __future__ import annotations

from typing import dataclass_transform

import msgspec


@dataclass_transform(field_specifiers=(msgspec.field,), frozen_default=True)
class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A frozen value that refuses members it does not know."""
