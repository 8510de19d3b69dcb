"""
``closecheck doctor``: a handful of requests, one second; every finding says what in the target file to change.

Most errors of those who use a conformance suite are errors of configuration: this looks for them before a run does.
"""

from __future__ import annotations

import datetime
import email.utils
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from closecheck.config import settings as layered
from closecheck.contract import base_cases
from closecheck.contract.specification import contract
from closecheck.http.tokens import describe
from closecheck.model import Exit, Level, Struct
from closecheck.model.errors import ClosecheckError, NothingToJudge, Untested
from closecheck.reports._facts import line
from closecheck.session import preflight
from closecheck.session.ids import Source
from closecheck.suite.run_context import RunContext, open_run

_SKEW: Final = 30.0
"""Seconds between the target's clock and ours from which expiry and Retry-After dates mislead."""
_SOON: Final = 600.0
"""Seconds of a token's life that may be too few for a run."""


class Remark(Struct):
    """One finding of the doctor; ``mark`` is ``ok``, ``note`` or ``bad``, ``change`` what to write in the target file."""

    mark: str
    what: str
    change: str = ""


def means(settings: layered.Settings) -> frozenset[str]:
    """Return which of the means that requirements may need the target file supplies."""
    target = settings.target
    requests, observe, provoke = target.access_requests, target.observe, target.provoke
    given = {
        "unprivileged": settings.credentials.unprivileged is not None,
        "expired": settings.credentials.expired is not None,
        "rate_limit": provoke.rate_limit is not None,
        "internal_error": provoke.internal_error is not None,
        "may_close": requests.may_close,
        "pending": requests.pending is not None,
        "approved": requests.approved is not None,
        "completed": requests.completed is not None,
        "search": observe.search,
        "account_activities": observe.account_activities,
        "observer": observe.search or observe.account_activities,
        "events": observe.events is not None,
        "burst": target.burst,
    }
    return frozenset(name for name, there in given.items() if there)


SUPPLIES: Final[Mapping[str, str]] = {
    "unprivileged": "credentials.unprivileged: {token: …}",
    "expired": "credentials.expired: {token: …}",
    "rate_limit": "provoke.rate_limit: {headers: {…}} or {burst: N}",
    "internal_error": "provoke.internal_error: {headers: {…}}",
    "may_close": "access_requests.may_close: true",
    "pending": "access_requests.pending: […]",
    "approved": "access_requests.approved: […]",
    "completed": "access_requests.completed: […]",
    "search": "observe.search: true",
    "account_activities": "observe.account_activities: true",
    "observer": "observe.search: true or observe.account_activities: true",
    "events": "observe.events: {subscribe: true}",
    "burst": "burst: true",
}
"""The line of the target file that supplies each means."""


def examine(options: Mapping[str, Any]) -> int:
    """Print the remarks; return 0 if a run can begin, 4 if not."""
    with tempfile.TemporaryDirectory(prefix="closecheck-doctor-") as folder:
        context, stack = open_run({**options, "reports": folder}, os.environ, selection="doctor")
        with stack:
            remarks = list(_remarks(context))
    for remark in remarks:
        sys.stdout.write(f"{remark.mark:<5} {line(context.redactor.text(remark.what), 1000)}\n")
        if remark.change:
            sys.stdout.write(f"      -> {line(context.redactor.text(remark.change), 1000)}\n")
    bad = sum(remark.mark == "bad" for remark in remarks)
    sys.stdout.write(f"{'a run can begin' if not bad else 'a run cannot begin'}\n")
    return Exit.USAGE if bad else Exit.CONFORMANT


def _remarks(context: RunContext) -> Iterator[Remark]:
    settings = context.settings
    yield Remark("ok", f"target {settings.name}, {settings.base_url}{settings.path}")
    host = urlsplit(settings.base_url).hostname or ""
    try:
        addresses = sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None)})
    except OSError as error:
        yield Remark("bad", f"the host name {host} does not resolve ({error.strerror})", "check the host in base_url")
        return
    yield Remark("ok", f"{host} resolves to {', '.join(addresses[:3])}")
    yield from _tokens(context)
    try:
        context.begin()
    except NothingToJudge as nothing:
        yield Remark("bad", nothing.problem, nothing.remedy)
        return
    except ClosecheckError as error:
        yield Remark("bad", str(error))
        return
    finally:
        context.finish(complete=False)
    yield from _answers(context)
    yield from _missing(settings)


def _tokens(context: RunContext) -> Iterator[Remark]:
    for name, _ in context.settings.credentials.items():  # noqa: PERF102 - not a dict
        try:
            value = context.session.tokens.authorization(name) or ""
        except (ClosecheckError, Untested) as error:
            yield Remark("bad", f"the {name} token cannot be had: {error}", f"credentials.{name}")
            continue
        facts = describe(value.partition(" ")[2], time.time())
        left = facts.seconds_left
        if not facts.is_jwt:
            yield Remark("note", f"the {name} token is opaque, no JWT: some forgeries cannot be made from it")
        elif left is None:
            yield Remark("ok", f"the {name} token is a JWT ({facts.algorithm}) that does not say when it expires")
        elif name == "expired" and left > 0:
            yield Remark("bad", f"the expired token is valid for {left:.0f} s more", "put an expired token into credentials.expired")
        elif name != "expired" and left <= 0:
            yield Remark("bad", f"the {name} token expired {-left:.0f} s ago", f"put a fresh one where credentials.{name} takes it from")
        elif name != "expired" and left < _SOON:
            yield Remark(
                "note", f"the {name} token expires in {left:.0f} s: a slow run may outlive it", "client_id and client_secret renew it"
            )
        else:
            yield Remark("ok", f"the {name} token is a JWT ({facts.algorithm})")


def _answers(context: RunContext) -> Iterator[Remark]:
    session = context.session
    if session.learned.demanded:
        named = " and ".join(session.learned.demanded)
        yield Remark(
            "note",
            f"every request is refused without {named}, which the documentation does not name",
            preflight.field_line(session.learned.demanded),
        )
    first = session.ask(session.cases[base_cases.ONE_ID])
    mark = "ok" if first.status == 202 else "note"
    yield Remark(mark, f"a valid request with one id is answered {first.got()}")
    if session.ids.source is Source.NONE:
        yield Remark(
            "note",
            "ids that it does not know are refused with 400: acceptance needs existing ones",
            "access_requests: {pending: […], may_close: true}",
        )
    elif session.ids.source is Source.SUPPLIED:
        yield Remark("note", "ids that it does not know are refused with 400: pending ones of the target file will be closed")
    yield Remark("ok", f"an invalid one {session.ask(preflight.FIRST_ERROR).got()}")
    response = first.response
    if response is None:
        return
    dated = response.header("date")
    if dated:
        yield _clock(dated)
    limits = [f"{name}: {value}" for name, value in response.headers if "ratelimit" in name.lower() or name.lower() == "retry-after"]
    if limits:
        yield Remark("note", f"it announces a rate limit: {', '.join(limits)}", "set rate: to stay below it")


def _clock(dated: str) -> Remark:
    """Return what a Date field says of the target's clock; of one that cannot be read, that it cannot."""
    now = datetime.datetime.now(datetime.UTC)
    try:
        reported = email.utils.parsedate_to_datetime(dated)
        # "-0000" names UTC without a place (RFC 5322, 3.3), which Python takes for no zone at all.
        skew = ((reported if reported.tzinfo else reported.replace(tzinfo=datetime.UTC)) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return Remark("note", f"its Date field cannot be read: {dated}; whether the clocks agree is not known")
    far = abs(skew) > _SKEW
    return Remark("note" if far else "ok", f"the target's clock is {skew:+.0f} s from this one" if far else "the clocks agree")


def _missing(settings: layered.Settings) -> Iterator[Remark]:
    there = means(settings)
    lacking: dict[str, int] = {}
    catalogue, declared = contract().catalogue, settings.target.out_of_scope
    aside = {need for word in declared for need in catalogue.means.get(word, ())}
    for requirement in catalogue.requirements:
        if requirement.level is Level.MUST and not catalogue.scope(declared, requirement):
            for need in requirement.needs:
                if need not in there and need not in aside:
                    lacking[need] = lacking.get(need, 0) + 1
    for need, count in lacking.items():
        yield Remark("note", f"{count} MUST requirements need what is not supplied ({need}): the run will be incomplete", SUPPLIES[need])
