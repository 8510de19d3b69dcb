"""Small runs made by hand, with every result a requirement can have: for tests that compare runs, and for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from closecheck.model import (
    Area,
    Catalogue,
    Choice,
    Closing,
    Condition,
    Evidence,
    Finding,
    Level,
    Line,
    Observation,
    Opening,
    Outcome,
    Profile,
    Requirement,
    Run,
    Setting,
    Status,
    Waiver,
    encode,
)

STATEMENTS: Final = {
    "CAR-OP-ACCEPTS": "A valid minimal request is answered 202.",
    "CAR-IDS-MAX": "More than 500 different ids are refused with 400.",
    "CAR-IDS-MIN": "An empty list is refused with 400.",
    "CAR-AUTH-EXPIRED": "An expired token is answered 401.",
    "CAR-AUTH-CHALLENGE": "A 401 carries WWW-Authenticate.",
    "CAR-RATE-BODY": "The body of a 429 is a JSON object.",
}
QUESTIONS: Final = {
    "unknown-members": "Are unknown members of the body ignored or refused?",
    "languages": "Which languages do the error texts come in?",
}
_GOT: Final = "202 Accepted, {}"


def requirement(name: str, status: Status, *, should: bool, since: str) -> Requirement:
    """Return a requirement, of a level at which it can have this status."""
    level = Level.SHOULD if should or status is Status.WARNING else Level.MUST
    area = "authorization" if "-AUTH-" in name else "body"
    statement = STATEMENTS.get(name, f"The statement of {name}.")
    condition = Condition("no answer of this target has it", among=name) if status is Status.NOT_APPLICABLE else None
    return Requirement(name, area, level, statement, "Body", f"#/{name}", "a client is misled", "Check it.", since, conditional=condition)


def run(
    results: Mapping[str, Status],
    observed: Mapping[str, Sequence[str]] | None = None,
    *,
    target: str = "Example 4.2",
    base_url: str = "https://old.example/v2024",
    edition: str = "2026.1",
    got: str = _GOT,
    closing: Mapping[str, Any] | None = None,
    end: bool = True,
    should: bool = False,
    since: Mapping[str, str] | None = None,
    pinned: str = "",
    **opening: Any,
) -> Run:
    """
    Return a run whose requirements (``should``: all are a SHOULD) have these results, and in which these choices were observed.

    ``edition`` is that of the catalogue, ``pinned`` the one that the user asked for; ``since`` names the edition that introduced
    a requirement, where it is not the first.
    """
    introduced = dict.fromkeys(results, "2026.1") | dict(since or {})
    requirements = tuple(requirement(name, status, should=should, since=introduced[name]) for name, status in results.items())
    choices = tuple(Choice(name, QUESTIONS.get(name, f"What of {name}?"), "2026.1") for name in observed or {})
    areas = (Area("body", "Request body"), Area("authorization", "Authentication and authorisation"))
    scoped_out = {name: "the gateway's business" for name, status in results.items() if status is Status.OUT_OF_SCOPE}
    known: dict[str, Any] = {"started": "2026-08-14T09:26:53+00:00", "profile": Profile.QUICK, "seed": 0, "strict": False, "suite": "0.1.0"}
    lines: list[Line] = [
        Opening(
            target=target,
            base_url=base_url,
            settings=(Setting("target", "target.yaml", "option"),),
            catalogue=Catalogue(edition, areas, requirements, choices),
            out_of_scope=scoped_out,
            edition=pinned,
            **known | opening,
        )
    ]
    for name, status in results.items():
        lines += _evidence(name, status, got)
    lines += [Observation(name, text) for name, texts in (observed or {}).items() for text in texts]
    if end:
        waived = {name: Waiver(name, "known", "team", "T-1", "2099-12-31") for name, status in results.items() if status is Status.WAIVED}
        lines.append(Closing(**{"seconds": 4.2, "requests": 1203, "waived": waived} | dict(closing or {})))
    return Run(lines)


def _evidence(name: str, status: Status, got: str) -> Iterator[Line]:
    case = f"{name.removeprefix('CAR-').lower()}/1"
    match status:
        case Status.PASS:
            yield Evidence(name, Outcome.HELD, case)
        case Status.FAIL | Status.WARNING | Status.WAIVED:
            yield Evidence(name, Outcome.BROKEN, case, finding=Finding("400 with an error object", got, change="one thing"))
        case Status.UNTESTED:
            yield Evidence(name, Outcome.UNTESTED, case, reason="no token of this kind", supply="credentials.expired: {token: …}")
        case Status.ERROR:
            yield Evidence(name, Outcome.ERROR, case, reason="the connection was lost")
        case Status.NOT_APPLICABLE:
            yield Evidence(name, Outcome.ABSENT, case, reason="no answer of this target has it")
        case Status.OUT_OF_SCOPE:
            pass


def families(min_size: int = 1, max_size: int = 4) -> st.SearchStrategy[list[Run]]:
    """Runs with any results and observations, of editions that have some requirements and choices in common, by few names."""
    names, choices = st.sampled_from(["CAR-A", "CAR-B", "CAR-C"]), st.sampled_from(["one", "two"])
    one = st.builds(
        run,
        st.dictionaries(names, st.sampled_from(Status)),
        st.dictionaries(choices, st.lists(st.sampled_from(["yes", "no"]), max_size=2)),
        target=st.sampled_from(["A", "B"]),
        base_url=st.sampled_from(["https://a.example", "https://b.example", ""]),
        started=st.sampled_from(["2026-01-01", "2026-01-02"]),
        profile=st.sampled_from(Profile),
    )
    return st.lists(one, min_size=min_size, max_size=max_size)


def old() -> Run:
    """The older run of the pair that people read."""
    results = {
        "CAR-OP-ACCEPTS": Status.PASS,
        "CAR-IDS-MAX": Status.PASS,
        "CAR-IDS-MIN": Status.FAIL,
        "CAR-AUTH-EXPIRED": Status.PASS,
        "CAR-AUTH-CHALLENGE": Status.WARNING,
    }
    return run(results, {"unknown-members": ["ignored"], "languages": ["en-US"]})


def new() -> Run:
    """The newer run of the pair: of a later edition, one requirement got worse, one better, one is not tested any more."""
    results = {
        "CAR-OP-ACCEPTS": Status.PASS,
        "CAR-IDS-MAX": Status.FAIL,
        "CAR-IDS-MIN": Status.PASS,
        "CAR-AUTH-EXPIRED": Status.UNTESTED,
        "CAR-AUTH-CHALLENGE": Status.WARNING,
        "CAR-RATE-BODY": Status.UNTESTED,
    }
    return run(
        results,
        {"unknown-members": ["refused with 400"], "languages": ["en-US"]},
        base_url="https://new.example/v2024",
        edition="2026.2",
        started="2026-09-01T08:00:00+00:00",
        closing={"seconds": 3.1, "requests": 1250},
    )


def lines_of(recorded: Run) -> list[Line]:
    """Return the lines of a run, in an order in which it could have been recorded."""
    several = [recorded.exchanges.values(), recorded.evidence, recorded.tallies, recorded.observations, recorded.waits, recorded.notes]
    return [recorded.opening, *(line for lines in several for line in lines), *([recorded.closing] if recorded.closing else [])]


def write(recorded: Run, folder: Path) -> Path:
    """Write a run as it is recorded, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.jsonl").write_bytes(b"".join(encode(line) + b"\n" for line in lines_of(recorded)))
    return folder
