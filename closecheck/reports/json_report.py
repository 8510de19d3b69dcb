"""
``report.json``: the whole run for programs, under ``spec/schemas/report.schema.json``; other formats are for people or tools.

Texts stand as they were recorded: JSON escapes what needs it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from closecheck.model import Body, Broken, Choice, ExchangeLine, Level, Observation, Result, Run
from closecheck.reports._curl import curl
from closecheck.reports._facts import again_of, change_of

FILE_NAME: Final = "report.json"
SCHEMA: Final = "closecheck-report/1"
MOST_OF_A_BODY: Final = 16 * 1024
"""Characters of a body that are repeated here; ``run.jsonl`` has what was recorded."""


def render(run: Run) -> bytes:
    """Return the report as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document(run)), indent=1) + b"\n"


def document(run: Run) -> dict[str, Any]:
    """Return the report as plain data."""
    opening, closing = run.opening, run.closing
    return {
        "schema": SCHEMA,
        "suite": {
            "version": opening.suite,
            "edition": run.edition,
            "contract_digest": opening.spec_digest,
        },
        "verdict": run.verdict.value,
        "headline": run.headline,
        "exit_code": int(run.exit_code),
        "complete": run.complete,
        "target": {"name": opening.target, "base_url": opening.base_url},
        "profile": opening.profile.value,
        "seed": opening.seed,
        "strict": opening.strict,
        "selection": opening.selection,
        "started": opening.started,
        "seconds": run.seconds,
        "requests": run.requests,
        "explored": closing.explored if closing else 0,
        "counts": {
            "requirements": len(run.results),
            "tested": run.tested,
            "by_status": _counts(run, None),
            "by_level": {level.value: _counts(run, level) for level in Level},
        },
        "requirements": [_requirement(run, result) for result in run.results],
        "causes": [{"cause": cause, "requirements": list(named)} for cause, named in run.causes.items()],
        "advice": [_requirement(run, result) for result in run.advice],
        "choices": [_choice(*one) for one in run.choices],
        "later_choices": [_choice(*one) for one in run.later_choices],
        "proof": msgspec.to_builtins(opening.proof),
        "waivers": msgspec.to_builtins(list(closing.waived.values())) if closing else [],
        "waiver_faults": list(closing.waiver_faults) if closing else [],
        "settings": [{"name": one.name, "value": one.value, "origin": one.origin} for one in opening.settings],
        "waits": [{"at": one.at, "seconds": one.seconds, "reason": one.reason} for one in run.waits],
        "closed": [{"ids": list(one.ids), "exchange": one.exchange} for one in run.closed],
        "notes": [{"about": one.about, "text": one.text} for one in run.notes],
    }


def _choice(choice: Choice, seen: Observation | None) -> dict[str, Any]:
    return {
        "id": choice.id,
        "question": choice.question,
        "since": choice.since,
        "observed": seen.observed if seen else None,
        "exchanges": list(seen.exchanges) if seen else [],
    }


def _counts(run: Run, level: Level | None) -> dict[str, int]:
    return {status.value: number for status, number in run.counts(level).items()}


def _requirement(run: Run, result: Result) -> dict[str, Any]:
    requirement = result.requirement
    return {
        "id": requirement.id,
        "area": requirement.area,
        "level": requirement.level.value,
        "status": result.status.value,
        "statement": requirement.statement,
        "source": requirement.source,
        "fix": requirement.fix,
        "since": requirement.since,
        "exchanges": result.exchanges,
        "reason": result.reason,
        "supply": list(result.supply),
        "occurrences": result.occurrences,
        "findings": [_finding(run, broken) for broken in result.findings],
    }


def _finding(run: Run, broken: Broken) -> dict[str, Any]:
    finding, witness = broken.finding, broken.witness
    return {
        "case": broken.evidence.case,
        "part": broken.evidence.part,
        "expected": finding.expected,
        "got": finding.got,
        "because": finding.because,
        "cause": finding.cause,
        "exchange": witness.number if witness else None,
        "base": broken.base.number if broken.base else None,
        "request": _request(witness) if witness else None,
        "response": _response(witness) if witness else None,
        "change": change_of(run, broken),
        "again": again_of(run, broken),
        "curl": curl(witness) if witness else "",
    }


def _request(exchange: ExchangeLine) -> dict[str, Any]:
    request = exchange.request
    return {
        "method": request.method,
        "url": request.url,
        "headers": [list(pair) for pair in request.headers],
        "caller": request.caller,
        "chunked": request.chunked,
        "body": _body(request.body),
    }


def _response(exchange: ExchangeLine) -> dict[str, Any]:
    response, failure = exchange.response, exchange.failure
    if response is None:
        kind, detail = (failure.kind.value, failure.detail) if failure else ("", "")
        return {"failure": {"kind": kind, "detail": detail}, "seconds": exchange.timing.seconds}
    return {
        "status": response.status,
        "reason": response.reason,
        "version": response.version,
        "headers": [list(pair) for pair in response.headers],
        "body": _body(response.body),
        "seconds": exchange.timing.seconds,
    }


def _body(body: Body) -> dict[str, Any]:
    reported: dict[str, Any] = {"size": body.size}
    name, text = ("base64", body.base64) if body.base64 is not None else ("text", body.text or "")
    # Four characters of base64 are three bytes: a cut between them leaves it readable.
    reported[name] = text[:MOST_OF_A_BODY]
    if body.cut or len(text) > MOST_OF_A_BODY:
        reported["cut"] = True
    return reported
