"""
Arbitrary valid runs: every line that a run may hold, in any combination, with texts as hostile as JSON can carry.

Built from valid parts, never filtered, so that every part shrinks on its own.
"""

from __future__ import annotations

from typing import Final

import msgspec
from hypothesis import strategies as st

from closecheck.model import (
    Area,
    Body,
    Catalogue,
    Choice,
    Closed,
    Closing,
    Evidence,
    ExchangeLine,
    Failure,
    FailureKind,
    Finding,
    Level,
    Line,
    Note,
    Observation,
    Opening,
    Outcome,
    Profile,
    ProofFigures,
    ReceivedResponse,
    Requirement,
    Run,
    SentRequest,
    Setting,
    Surplus,
    Tally,
    Timing,
    Wait,
    Waiver,
)

NASTY: Final = (
    "", " ", "<script>alert(1)</script>", "</script>", "]]>", "--><!--", "\x00\x07\x1b[31m", "\u202eevil\u2066", "`````", "```\n# h\n```",
    "|a|b|", "@everyone", "'; touch x; '", "$(touch x)", "`touch x`", "%s%n%b", "\\0101", "\r\nX: y", "{{7*7}}", "\ufffe\uffff\ufeff",
    "\U0001f600", "::error::x", "a" * 3000, "é" * 300, "-n", "@file", "\"'&<>", "\n", "\t", "CAR-A", "..", "%0A",
)  # fmt: skip
"""Texts that have broken a shell, a terminal, a parser or a page."""


def texts(max_size: int = 30) -> st.SearchStrategy[str]:
    """Texts, hostile ones often; no halves of surrogate pairs, which no recorded run can hold."""
    return st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]), max_size=max_size)


def seconds() -> st.SearchStrategy[float]:
    """Times of a run, in seconds."""
    return st.floats(0, 10_000, allow_nan=False)


def bodies() -> st.SearchStrategy[Body]:
    """Recorded bodies: JSON, text, bytes, long lists of ids, whole or cut."""
    data = st.one_of(
        st.binary(max_size=60),
        texts().map(str.encode),
        st.sampled_from([b"", b"{}", b'{"accessRequestIds": ["' + b"a" * 32 + b'"]}', b"[" * 500, b'{"a": 1, "a": 1.0e5}', b"\xff\x00"]),
        st.integers(0, 600).map(lambda count: b'{"accessRequestIds": [' + b", ".join([b'"' + b"0f" * 16 + b'"'] * count) + b"]}"),
    )
    return st.builds(lambda body, limit: Body.of(body, limit=limit), data, st.sampled_from([65_536, 65_536, 10]))


def headers() -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    """Field names and values."""
    names = st.sampled_from(["Authorization", "Content-Type", "Accept", "Content-Length", "Host", "X-A", "content-type"]) | texts()
    return st.lists(st.tuples(names, st.sampled_from(["Bearer ***", "application/json"]) | texts()), max_size=4).map(tuple)


def requests() -> st.SearchStrategy[SentRequest]:
    """Recorded requests of every caller."""
    callers = ["authorized", "unprivileged", "expired", "none", "literal", "forged:alg-none"]
    return st.builds(
        SentRequest,
        method=st.sampled_from(["POST", "GET", "HEAD", "PUT"]),
        url=st.builds("{}{}".format, st.sampled_from(["http://h/access-requests/close", "http://[", "", "x://h/a/../b?q=1&r"]), texts(8)),
        headers=headers(),
        body=bodies(),
        caller=st.sampled_from(callers) | texts(8),
        chunked=st.booleans(),
    )


def responses() -> st.SearchStrategy[ReceivedResponse]:
    """Recorded answers."""
    return st.builds(ReceivedResponse, st.integers(100, 999), texts(), st.sampled_from(["1.0", "1.1"]), headers(), bodies())


@st.composite
def exchanges(draw: st.DrawFn, number: int) -> ExchangeLine:
    """One exchange with its number, answered or not."""
    answered = draw(st.booleans())
    return ExchangeLine(
        number=number,
        case=draw(st.sampled_from(["a/1", "a/2"]) | texts()),
        request=draw(requests()),
        timing=draw(st.builds(Timing, seconds(), seconds(), st.integers(0, 9), st.booleans())),
        response=draw(responses()) if answered else None,
        failure=None if answered else draw(st.builds(Failure, st.sampled_from(FailureKind), texts())),
        base=draw(st.integers(0, number)),
        change=draw(texts()),
    )


EDITIONS = st.sampled_from(["2026.1", "2026.2", "2026.10"]) | texts(8)
"""Editions, and what is none."""


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """Small catalogues with different ids; some requirements stand in an area that is not listed."""
    # Ids are the catalogue's own: the contract refuses any other form, so that formats may use them as they are.
    names = draw(st.lists(st.from_regex(r"CAR-[A-Z0-9-]{1,8}", fullmatch=True), unique=True, max_size=5))
    requirements = tuple(
        Requirement(
            id=name,
            area=draw(st.sampled_from(["x", "y", "unlisted"])),
            level=draw(st.sampled_from(Level)),
            statement=draw(texts()),
            page=draw(texts()),
            openapi=draw(texts()),
            consequence=draw(texts()),
            fix=draw(texts()),
            since=draw(EDITIONS),
            standard=draw(texts(8)),
            needs=draw(st.lists(texts(8), max_size=2).map(tuple)),
            parts=draw(st.lists(st.sampled_from(["p", "q"]), max_size=2, unique=True).map(tuple)),
        )
        for name in names
    )
    choices = st.lists(texts(), unique=True, max_size=2)
    return Catalogue(
        edition=draw(texts(8)),
        areas=(Area("x", draw(texts())), Area("y", "Why")),
        requirements=requirements,
        choices=tuple(Choice(name, draw(texts()), draw(EDITIONS), draw(st.booleans())) for name in draw(choices)),
    )


@st.composite
def editions(draw: st.DrawFn, catalogue: Catalogue) -> Catalogue:
    """A catalogue as another edition has it: some requirements and choices are not in it, some have another level."""
    kept = [one for one in catalogue.requirements if draw(st.integers(0, 3))]
    return Catalogue(
        edition=draw(texts(8)),
        areas=catalogue.areas,
        requirements=tuple(msgspec.structs.replace(one, level=draw(st.sampled_from([one.level, *Level]))) for one in kept),
        choices=tuple(one for one in catalogue.choices if draw(st.integers(0, 3))),
    )


@st.composite
def families(draw: st.DrawFn, min_size: int = 1, max_size: int = 4) -> list[Run]:
    """Runs that can be compared: judged by one catalogue or by editions of it, often against targets of one name."""
    catalogue = draw(catalogues())
    of_one = st.just(catalogue) | editions(catalogue)
    return draw(st.lists(of_one.flatmap(runs), min_size=min_size, max_size=max_size))


@st.composite
def runs(draw: st.DrawFn, catalogue: Catalogue | None = None) -> Run:
    """Recorded runs, complete, interrupted, stopped or cut off; of any catalogue, unless one is given."""
    catalogue = draw(catalogues()) if catalogue is None else catalogue
    ids = st.sampled_from([one.id for one in catalogue.requirements] or ["CAR-UNKNOWN"])
    count = draw(st.integers(0, 4))
    numbers = st.lists(st.integers(1, count + 1), max_size=2).map(tuple)
    evidence = st.builds(
        Evidence,
        requirement=ids,
        outcome=st.sampled_from([*Outcome, Outcome.BROKEN]),
        case=st.sampled_from(["a/1", "a/2"]) | texts(),
        part=st.sampled_from(["", "p", "q"]),
        exchanges=numbers,
        finding=st.builds(Finding, texts(), texts(), texts(), texts()) | st.none(),
        reason=texts(),
        supply=texts(),
        since=st.just("") | EDITIONS,
    )
    lines: list[Line] = [draw(_openings(catalogue))]
    lines += [draw(exchanges(number)) for number in range(1, count + 1)]
    lines += draw(st.lists(evidence, max_size=8))
    lines += draw(st.lists(st.builds(Surplus, ids, st.integers(1, 9)), max_size=2))
    lines += draw(st.lists(st.builds(Tally, ids, st.integers(0, 9), st.sampled_from(["", "p"])), max_size=2))
    choices = st.sampled_from([one.id for one in catalogue.choices] or ["unknown"]) | texts()
    lines += draw(st.lists(st.builds(Observation, choices, st.sampled_from(["yes", "no"]) | texts(), numbers), max_size=4))
    lines += draw(st.lists(st.builds(Wait, seconds(), seconds(), texts()), max_size=2))
    lines += draw(st.lists(st.builds(Closed, st.lists(texts(), max_size=2).map(tuple), st.integers(1, 9)), max_size=1))
    lines += draw(st.lists(st.builds(Note, texts(), texts()), max_size=1))
    waivers = st.builds(Waiver, ids, texts(), texts(), texts(), texts())
    closings = st.builds(
        Closing,
        seconds=seconds(),
        requests=st.integers(0, 10**6),
        interrupted=st.booleans(),
        suite_fault=st.just("") | texts(),
        stopped=st.just("") | texts(),
        waived=st.dictionaries(ids, waivers, max_size=2),
        waiver_faults=st.lists(texts(), max_size=2).map(tuple),
        explored=st.integers(0, 9),
    )
    if draw(st.integers(0, 4)):
        lines.append(draw(closings))
    return Run(lines)


def _openings(catalogue: Catalogue) -> st.SearchStrategy[Opening]:
    return st.builds(
        Opening,
        suite=texts(8),
        started=st.sampled_from(
            ["2026-08-14T09:26:53+00:00", "2026-08-14T09:26:53", "", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]
        )
        | texts(),
        target=st.just("Example") | texts(),
        base_url=st.sampled_from(["http://h", "http://h/v1/"]) | texts(),
        profile=st.sampled_from(Profile),
        seed=st.integers(0, 2**31),
        strict=st.booleans(),
        settings=st.lists(st.builds(Setting, st.sampled_from(["target", "base_url"]) | texts(), texts(), texts()), max_size=3).map(tuple),
        catalogue=st.just(catalogue),
        out_of_scope=st.dictionaries(st.sampled_from(["CAR-*", "CAR-B"]), texts(), max_size=1),
        selection=texts(),
        spec_digest=st.sampled_from(["", "a" * 64, f"sha256:{'b' * 64}"]) | texts(),
        edition=st.just("") | EDITIONS,
        proof=st.none() | st.builds(ProofFigures, EDITIONS, st.sampled_from(Profile), *[st.integers(0, 9)] * 8),
    )
