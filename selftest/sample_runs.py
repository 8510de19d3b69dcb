"""
Four runs made by hand, for tests of reports and for looking at them: conformant, 30 findings, hostile, interrupted.

They are made from lines, as recorded ones are, against the catalogue as it stands; no target was asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from closecheck.contract.specification import contract
from closecheck.model import (
    Body,
    Closing,
    Evidence,
    ExchangeLine,
    Failure,
    FailureKind,
    Finding,
    Headers,
    Level,
    Line,
    Note,
    Observation,
    Opening,
    Outcome,
    Profile,
    ReceivedResponse,
    Requirement,
    Run,
    SentRequest,
    Setting,
    Tally,
    Timing,
    Wait,
    Waiver,
)

BASE_URL: Final = "https://identity.example/v2024"
LIMIT: Final = 64 * 1024
_CLAUSES: Final = ("CAR-OP-STATUS", "CAR-OP-MEDIA-TYPE", "CAR-OP-ANSWERS", "CAR-OP-NO-500")


def ids(case: str, number: int) -> list[str]:
    """Return ids of the form of the page's example."""
    return [hashlib.sha256(f"{case}/{one}".encode()).hexdigest()[:32] for one in range(number)]


def error_body(text: str, code: str = "400.1 Bad Request Content") -> bytes:
    """Return an error object as the page shows it."""
    messages = [{"locale": "en-US", "localeOrigin": "DEFAULT", "text": text}]
    tracking = hashlib.sha256(text.encode()).hexdigest()[:32]
    return json.dumps({"detailCode": code, "trackingId": tracking, "messages": messages, "causes": []}).encode()


REFUSAL: Final = error_body("The request was syntactically correct but its content is semantically invalid.")


class Tape:
    """Lines of a run in the making."""

    def __init__(self, target: str = "Example identity service 4.2", *, base_url: str = BASE_URL, strict: bool = False) -> None:
        document = contract()
        self.base_url = base_url
        self.catalogue = document.catalogue.recorded(document.lines)
        self.clock = 0.05
        self.numbers = 0
        self.lines: list[Line] = [
            Opening(
                suite="0.1.0",
                started="2026-08-14T09:26:53+00:00",
                target=target,
                base_url=base_url,
                profile=Profile.STANDARD,
                seed=0,
                strict=strict,
                settings=(
                    Setting("target", "targets/example.yaml", "option"),
                    Setting("base_url", base_url, "target file"),
                    Setting("credentials.authorized", "token from CLOSECHECK_TOKEN", "target file"),
                    Setting("rate", "95/10s", "environment"),
                    Setting("concurrency", "8", "default"),
                    Setting("timeout", "10 s", "default"),
                    Setting("profile", "standard", "default"),
                ),
                catalogue=self.catalogue,
                spec_digest=document.digest,
            )
        ]
        self.base = self.exchange("accepted/one-id", {"accessRequestIds": ids("accepted/one-id", 1)}, 202, b"{}")

    def exchange(
        self,
        case: str,
        body: Any,
        status: int,
        answer: bytes = b"{}",
        *,
        reason: str | None = None,
        headers: Headers = (),
        answer_headers: Headers = (("Content-Type", "application/json"),),
        caller: str = "authorized",
        method: str = "POST",
        base: int = 0,
        seconds: float | None = None,
        failure: Failure | None = None,
    ) -> int:
        """Add an exchange and return its number; ``body`` is bytes or JSON data."""
        self.numbers += 1
        data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        # Spread as a service's times are: most are quick, a few are not.
        draw = hashlib.sha256(case.encode()).digest()
        took = seconds if seconds is not None else 0.002 + draw[0] / 20_000 + (draw[1] > 245) * draw[2] / 600
        fields = [("Host", self.base_url.split("/")[2]), ("User-Agent", "closecheck (conformance suite)")]
        fields += [
            ("Accept", "application/json"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(data))),
        ]
        if caller != "none":
            fields.append(("Authorization", "Bearer ***"))
        replaced = {name.lower() for name, _ in headers}
        fields = [pair for pair in fields if pair[0].lower() not in replaced] + [pair for pair in headers if pair[1]]
        phrases = {202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 500: "Internal Server Error", 200: "OK"}
        response = ReceivedResponse(
            status=status,
            reason=phrases.get(status, "") if reason is None else reason,
            version="1.1",
            headers=(*answer_headers, ("Content-Length", str(len(answer)))),
            body=Body.of(answer, limit=LIMIT),
        )
        self.lines.append(
            ExchangeLine(
                number=self.numbers,
                case=case,
                request=SentRequest(
                    method=method,
                    url=f"{self.base_url}/access-requests/close",
                    headers=tuple(fields),
                    body=Body.of(data, limit=LIMIT),
                    caller=caller,
                ),
                timing=Timing(sent=round(self.clock, 4), seconds=round(took, 5), fresh=self.numbers == 1),
                response=None if failure else response,
                failure=failure,
                base=base,
            )
        )
        self.clock += took / 4
        return self.numbers

    def held(self, requirement: Requirement) -> None:
        """Let every part of a requirement hold."""
        for part in requirement.parts or ("",):
            case = f"{requirement.area}/{requirement.id.removeprefix('CAR-').lower()}/{part or 'plain'}"
            accepted = requirement.area in {"accepted", "operation"}
            body = {"accessRequestIds": ids(case, 1) if accepted else []}
            number = self.exchange(case, body, 202 if accepted else 400, b"{}" if accepted else REFUSAL, base=self.base)
            self.lines.append(Evidence(requirement.id, Outcome.HELD, case, part, (number,)))

    def broken(self, requirement: str, case: str, number: int, expected: str, got: str, change: str = "", because: str = "") -> None:
        """Add a finding."""
        finding = Finding(expected, got, because, change)
        self.lines.append(Evidence(requirement, Outcome.BROKEN, case, exchanges=(number,), finding=finding))

    def untested(self, requirement: str, reason: str, supply: str = "") -> None:
        """Say that something could not be tested."""
        self.lines.append(Evidence(requirement, Outcome.UNTESTED, f"{requirement}/none", reason=reason, supply=supply))

    def all_held(self, but: Iterable[str] = ()) -> None:
        """Let every requirement hold that is not named."""
        named = set(but)
        for requirement in self.catalogue.requirements:
            if requirement.id in named:
                continue
            if requirement.id in _CLAUSES:
                for part in requirement.parts or ("",):
                    self.lines.append(Tally(requirement.id, self.numbers, part))
            else:
                self.held(requirement)

    def choices(self) -> None:
        """Observe all choices but the last."""
        for choice in self.catalogue.choices[:-1]:
            self.lines.append(Observation(choice.id, "refused with 400, as every other invalid body", (1,)))

    def run(self, **closing: Any) -> Run:
        """End the run."""
        return Run([*self.lines, Closing(seconds=round(self.clock + 0.4, 3), requests=self.numbers, **closing)])


def conformant() -> Run:
    """Everything was tested and held."""
    tape = Tape()
    tape.all_held()
    tape.choices()
    tape.lines.append(Wait(0.6, 0.35, "the suite's own limit, 95/10s"))
    tape.lines.append(Note("advice", "The token expires 40 minutes after the end of this run."))
    return tape.run()


def findings() -> Run:
    """Thirty requirements failed or warned, in many ways; twelve are untested, one of the thirty is waived."""
    tape = Tape()
    broken = _told(tape)
    plenty = [one for one in tape.catalogue.requirements if one.id not in broken and not one.needs]
    plenty = [one for one in plenty if "refused with 400" in one.statement or one.area == "errors"]
    for requirement in [one for one in plenty if one.level is Level.MUST][: 24 - len(broken)]:
        _generic(tape, requirement)
        broken.append(requirement.id)
    for requirement in [one for one in plenty if one.level is Level.SHOULD][:6]:
        _generic(tape, requirement)
        broken.append(requirement.id)
    for requirement in tape.catalogue.requirements:
        if requirement.id in broken:
            # Every part ran, or a warning would be untested.
            tape.lines += [Evidence(requirement.id, Outcome.HELD, f"{requirement.id}/{part}", part, (1,)) for part in requirement.parts]
    needy = [one for one in tape.catalogue.requirements if one.needs and one.id not in broken][:12]
    for requirement in needy:
        tape.untested(requirement.id, f"it needs {' and '.join(requirement.needs)}", _supply(requirement.needs[0]))
    tape.all_held(but=[*broken, *(one.id for one in needy)])
    tape.choices()
    waived = broken[-7]
    waiver = Waiver(waived, "the gateway rewrites error bodies", "team-identity", "IDN-1423", "2026-12-31")
    tape.lines.append(Wait(0.4, 0.5, "the suite's own limit, 95/10s"))
    return tape.run(waived={waived: waiver})


def _supply(need: str) -> str:
    return f"{need}: …"


def _generic(tape: Tape, requirement: Requirement) -> None:
    """Add a finding of a kind that fits a requirement: a refusal that did not come, or one that is not well made."""
    name = requirement.id.removeprefix("CAR-").lower()
    case = f"{requirement.area}/{name}"
    if requirement.area == "errors":
        tracking = hashlib.sha256(name.encode()).hexdigest()[:32]
        body = {"detailCode": 400, "trackingId": tracking, "messages": [{"locale": "english", "text": None}]}
        answer = json.dumps(body).encode()
        number = tape.exchange(case, {"accessRequestIds": []}, 400, answer, base=tape.base)
        expected, got, change = "an error object as the page shows it", f"400 Bad Request, {answer.decode()}", "an empty list"
    else:
        document: Any = {"accessRequestIds": ids(case, 1), requirement.id.split("-")[1].lower(): None}
        number = tape.exchange(case, document, 202, b"{}", base=tape.base)
        expected, got, change = "400 with an error object", "202 Accepted, {}", f"{list(document)[-1]}: null"
    tape.broken(requirement.id, case, number, expected, got, change)


def _told(tape: Tape) -> list[str]:
    """Add findings as real targets make them; return the ids of their requirements."""
    many = ids("ids/501", 501)
    number = tape.exchange("ids/501", {"accessRequestIds": many}, 202, b"{}", base=tape.base)
    tape.broken(
        "CAR-IDS-MAX", "ids/501", number, "400 with an error object", "202 Accepted, {}",
        "accessRequestIds: 501 ids instead of 1 id",
    )  # fmt: skip
    for count in (502, 510, 600, 750, 999, 1000, 1500):
        case = f"ids/{count}"
        number = tape.exchange(case, {"accessRequestIds": ids(case, count)}, 202, b"{}", base=tape.base)
        tape.broken(
            "CAR-IDS-MAX", case, number, "400 with an error object", "202 Accepted, {}",
            f"accessRequestIds: {count} ids instead of 1 id",
        )  # fmt: skip
    case = "json/truncated-list"
    number = tape.exchange(case, b'{"accessRequestIds": [', 500, b"Unexpected end of JSON input at position 22", base=tape.base,
                           answer_headers=(("Content-Type", "text/plain"),))  # fmt: skip
    tape.broken("CAR-BODY-JSON", case, number, "400 with an error object", "500 Internal Server Error, Unexpected end of…",
                "the body ends after the opening bracket")  # fmt: skip
    mixed = ids("ids/null-in-the-middle", 40)
    case = "ids/null-in-the-middle"
    number = tape.exchange(case, {"accessRequestIds": [*mixed[:20], None, *mixed[20:]]}, 202, b"{}", base=tape.base)
    tape.broken("CAR-IDS-ITEMS", case, number, "400 with an error object", "202 Accepted, {}", "item 20 is null")
    case = "auth/missing"
    number = tape.exchange(case, {"accessRequestIds": ids(case, 1)}, 202, b"{}", caller="none", base=tape.base)
    tape.broken("CAR-AUTH-MISSING", case, number, "401", "202 Accepted, {}", "the Authorization header left out")
    case = "auth/expired"
    number = tape.exchange(case, {"accessRequestIds": ids(case, 1)}, 202, b"{}", caller="expired", base=tape.base)
    tape.broken("CAR-AUTH-EXPIRED", case, number, "401", "202 Accepted, {}", "an expired token")
    case = "media-type/text"
    number = tape.exchange(case, {"accessRequestIds": ids(case, 1)}, 202, b"{}", headers=(("Content-Type", "text/plain"),), base=tape.base)
    tape.broken("CAR-BODY-MEDIA-TYPE", case, number, "400 or 415", "202 Accepted, {}", "Content-Type: text/plain")
    case = "utf8/latin-1"
    body = b'{"accessRequestIds": ["2c90ad2a70ace7d50170acf22ca90010"], "message": "Gr\xfc\xdfe"}'
    number = tape.exchange(case, body, 202, b"{}", base=tape.base)
    tape.broken("CAR-BODY-UTF8", case, number, "400 with an error object", "202 Accepted, {}", "the message is ISO-8859-1")
    case = "answers/large"
    number = tape.exchange(case, {"accessRequestIds": ids(case, 500)}, 0, base=tape.base, seconds=10.0,
                           failure=Failure(FailureKind.TIMEOUT, "before any answer had come"))  # fmt: skip
    tape.broken(
        "CAR-OP-ANSWERS", case, number, "one complete answer within 10 s", "no answer: the time limit passed before any answer had come"
    )
    known = {one.id for one in tape.catalogue.requirements}
    told = [line.requirement for line in tape.lines if isinstance(line, Evidence) and line.outcome is Outcome.BROKEN]
    return [one for one in dict.fromkeys(told) if one in known]


HOSTILE: Final = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "<style>*{display:none}</style></pre></details>`````js\u202etxt.exe\u2066\x00\x07\x1b[31mred\x1b]0;owned\x07"
    "|--|[click](javascript:alert(1)) @everyone ::error::owned\r\n%0A]]>&#0; \ufeff\u200b\ufffe{{7*7}}{% raw %} ${jndi:x} '\"><svg/onload=alert(1)>"
)


FORGED: Final = "Conformant: 99 of 99 requirements tested"
"""What a target would like to read in its report."""


def hostile() -> Run:
    """A target that answers markup, scripts, control characters, verdicts of its own, and five megabytes."""
    tape = Tape(target=f"Evil {HOSTILE}")
    html: Headers = (("Content-Type", f"text/html;{HOSTILE}"), (f"X-{HOSTILE}", HOSTILE), ("X-Long", "h" * 100_000))
    bodies: list[tuple[str, bytes]] = [
        ("markup", HOSTILE.encode()),
        ("json-markup", json.dumps({HOSTILE: [HOSTILE] * 50, "a": {"b": HOSTILE * 40}}).encode()),
        ("five-megabytes", b"<b>" + b"A" * 5_000_000),
        ("no-break", ("W" * 60_000).encode()),
        ("not-utf8", bytes(range(256)) * 20),
        ("deep", b"[" * 30_000 + b"]" * 30_000),
        ("lines", b"\n" * 30_000),
        ("combining", ("Z\u0351\u036b\u0343" * 9000).encode()),
        ("forged", error_body(f"</pre></main><h1>{FORGED}</h1><title>{FORGED}</title>", FORGED).replace(b"en-US", FORGED.encode())),
    ]
    broken = ["CAR-IDS-MAX"]
    musts = [one.id for one in tape.catalogue.requirements if one.level is Level.MUST and one.id not in (*broken, *_CLAUSES)]
    for (name, body), requirement in zip(bodies, musts, strict=False):
        case = f"hostile/{name}"
        forged = name == "forged"
        fields = ((f"X-{FORGED}", FORGED), *html) if forged else html
        number = tape.exchange(case, body, 599, body, reason=FORGED if forged else HOSTILE, answer_headers=fields, base=tape.base)
        tape.broken(
            requirement, case, number, "400 with an error object", body[:2000].decode("utf-8", "replace"), FORGED if forged else HOSTILE
        )
        broken.append(requirement)
    for index in range(300):
        case = f"ids/{HOSTILE}/{index}"
        number = tape.exchange(case, HOSTILE.encode(), 202, HOSTILE.encode(), base=tape.base, caller="forged:alg-none")
        tape.broken("CAR-IDS-MAX", case, number, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    tape.untested(musts[10], HOSTILE, HOSTILE)
    tape.untested(musts[11], FORGED, FORGED)
    tape.all_held(but=[*broken, *musts[10:12]])
    for choice in tape.catalogue.choices:
        tape.lines.append(Observation(choice.id, HOSTILE, (1,)))
        tape.lines.append(Observation(choice.id, FORGED, (1,)))
    tape.lines.append(Wait(0.1, 0.2, HOSTILE))
    tape.lines += [Note("advice", HOSTILE), Note("advice", FORGED)]
    return tape.run(waiver_faults=(f"CAR-IDS-MIN: {HOSTILE}",))


def interrupted() -> Run:
    """Half of the requirements were judged, one failed, then somebody pressed Ctrl-C."""
    tape = Tape()
    requirements = tape.catalogue.requirements
    later = [one.id for one in requirements[len(requirements) // 3 :]]
    number = tape.exchange("ids/501", {"accessRequestIds": ids("ids/501", 501)}, 202, b"{}", base=tape.base)
    tape.broken(
        "CAR-IDS-MAX",
        "ids/501",
        number,
        "400 with an error object",
        "202 Accepted, {}",
        "accessRequestIds: 501 ids instead of 1 id",
    )
    tape.all_held(but=["CAR-IDS-MAX", *later])
    return tape.run(interrupted=True)


def cut_off() -> Run:
    """The same, killed: the record has no last line."""
    tape = Tape()
    tape.held(tape.catalogue.requirements[0])
    return Run(tape.lines)


def stopped() -> Run:
    """Nothing was there to judge."""
    return tape_without_evidence().run(stopped="nothing to judge: every authorized request is answered 401. Put a fresh token there")


def suite_fault() -> Run:
    """The suite itself failed."""
    return tape_without_evidence().run(suite_fault="ZeroDivisionError in closecheck/judging/checks/statuses.py")


def tape_without_evidence() -> Tape:
    """Return a run of one exchange that says nothing."""
    return Tape()


def many(exchanges: int = 20_000) -> Run:
    """A long run of short exchanges."""
    tape = Tape()
    broken = _told(tape)
    tape.all_held(but=broken)
    named = tape.catalogue.requirements[3].id
    for index in range(exchanges):
        case = f"exploration/{index}"
        number = tape.exchange(case, {"accessRequestIds": ids(case, 1), "message": f"number {index}"}, 202)
        tape.lines.append(Evidence(named, Outcome.HELD, case, exchanges=(number,)))
    return tape.run()


SAMPLES: Final[dict[str, Callable[[], Run]]] = {
    "conformant": conformant,
    "findings": findings,
    "hostile": hostile,
    "interrupted": interrupted,
    "cut-off": cut_off,
    "stopped": stopped,
    "suite-fault": suite_fault,
}
