"""``closecheck plan``: what a run would send, and the worst that could happen; nothing is sent."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from closecheck.commands.doctor import SUPPLIES, means
from closecheck.config import settings as layered
from closecheck.contract.specification import contract
from closecheck.model import Exit, Profile
from closecheck.suite.engine import collect
from closecheck.suite.plugin import case_of, is_swept, requirement_of
from closecheck.suite.run_context import check_edition


def planned(items: Sequence[pytest.Item], options: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """
    Return the plan in words.

    Raises:
        UsageError: an option, a variable or the target file is wrong.

    """
    document = contract()
    settings = layered.load(options, environ, document.ids)
    check_edition(settings.edition)
    catalogue = document.catalogue
    single = Counter[str]()
    sequences = Counter[str]()
    quick = settings.profile is Profile.QUICK
    for item in items:
        if quick and is_swept(item):
            continue
        named = requirement_of(item)
        area = document[named].area if named in document.ids else "choices"
        (single if case_of(item) is not None else sequences)[area] += 1
    there = means(settings) if not settings.embedded else frozenset(SUPPLIES)
    requests = sum(single.values())
    sent = _SEQUENCES[quick]
    lines = [f"target       {settings.name or 'the embedded reference'}  {settings.base_url}{settings.path if settings.base_url else ''}"]
    lines.append(
        f"requests     {requests:,} single requests, and {sum(sequences.values())} tests that send sequences (about {sent:,} requests)"
    )
    if settings.rate:
        seconds = (requests + sent) / settings.rate.requests * settings.rate.seconds
        lines.append(f"time         about {seconds:.0f} s at {settings.rate}, with {settings.concurrency} in flight")
    else:
        lines.append(f"time         as fast as the target answers, with {settings.concurrency} in flight; no rate of the suite's own")
    lines.append(f"burst        {'one burst of 16 in flight' if settings.burst else 'none: forbidden by the target file'}")
    lines += ["", "area                                           single   sequences"]
    lines += [f"  {one.title:<44} {single[one.id]:>6}   {sequences[one.id]:>9}" for one in catalogue.areas]
    lines.append(f"  {'Choices, observed and never failed':<44} {single['choices']:>6}   {sequences['choices']:>9}")
    lines += ["", "the worst that could happen"]
    lines += [f"  {line}" for line in _worst(settings, there)]
    missing = [need for need in SUPPLIES if need not in there]
    if missing:
        lines += ["", "not supplied, so the run will be incomplete"]
        lines += [f"  {need:<20} {SUPPLIES[need]}" for need in missing]
    return "\n".join(lines)


_SEQUENCES = {True: 500, False: 1_700}
"""Requests that the tests with sequences send, in ``quick`` and otherwise, rounded up; measured on the reference with every means."""


def _worst(settings: layered.Settings, there: frozenset[str]) -> list[str]:
    worst = [
        "requests name ids of 32 hexadecimal digits that no target has; a target that closes others because of them is at fault",
        "each request has a token or deliberately none: about 60 refused logins may alarm or lock a caller out",
    ]
    if "may_close" in there and not settings.safe:
        from closecheck.lifecycle import plan  # noqa: PLC0415

        needed = plan.needs()
        worst.append(f"up to {sum(count for _, count in needed):,} of the supplied pending access requests are closed (may_close: true):")
        worst += [f"  {requirement:<32} {count:>5}" for requirement, count in needed]
    else:
        worst.append("no existing access request is named, so none is closed (may_close is not given)")
    if "rate_limit" in there:
        worst.append("the rate limit is provoked as the target file says, and waited out")
    if "internal_error" in there:
        worst.append("two internal faults (500) are provoked as the target file says")
    return worst


def plan_run(options: Mapping[str, Any]) -> int:
    """Print what a run would send, by area and effect, and the worst that could happen; send nothing."""
    code, items = collect(options)
    if code not in {Exit.CONFORMANT, Exit.INCOMPLETE}:
        return code
    sys.stdout.write(planned(items, options, os.environ) + "\n")
    return Exit.CONFORMANT
