"""
``index.html``: one file for the four readers of a report: who ran it, who fixes, who decides, who archives.

What a target wrote is escaped and made visible (:mod:`closecheck.reports._page`). Exchanges are not embedded but for
witnesses and what they are edits of, so that the page stays small however long the run was; when it does not, it is
rendered again with less of each.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from closecheck.model import Area, Broken, Evidence, ExchangeLine, Outcome, Result, Run, Status, Struct, Verdict
from closecheck.reports._curl import VARIABLES
from closecheck.reports._diff import Row, answer, edit
from closecheck.reports._facts import (
    STATUS_WORDS,
    Facts,
    advice,
    causes,
    answer_line,
    by_weight,
    count,
    duration,
    facts,
    failed,
    line,
    more_of,
    budget_words,
    proof_words,
    supply_lines,
    tally,
    untested_by_supply,
    waiver_entries,
    visible,
    words_for,
)
from closecheck.reports._page import COLOURS, render_page
from closecheck.reports._timing import timing

FILE_NAME: Final = "index.html"
LIMIT: Final = 4_800_000
"""Bytes: a page below five megabytes opens at once and can be attached to a mail."""
_WORST_FIRST: Final = {Outcome.BROKEN: 0, Outcome.ERROR: 1, Outcome.UNTESTED: 2, Outcome.ABSENT: 3, Outcome.HELD: 4}
_OUTCOME_WORDS: Final = {
    Outcome.HELD: "held",
    Outcome.BROKEN: "broken",
    Outcome.UNTESTED: "untested",
    Outcome.ERROR: "error",
    Outcome.ABSENT: "did not arise",
}
_ROW_CLASS: Final = {"=": "same", "-": "old", "+": "new", "~": "note"}


class Sizes(Struct):
    """How much of everything a page shows; ``findings`` of one requirement, ``whole`` findings of the page with all facts."""

    findings: int
    whole: int
    lines: int
    characters: int
    curl: int
    evidence: int


_SIZES: Final = (
    Sizes(findings=5, whole=200, lines=60, characters=3000, curl=24_000, evidence=12),
    Sizes(findings=3, whole=120, lines=30, characters=1500, curl=4000, evidence=8),
    Sizes(findings=1, whole=40, lines=20, characters=800, curl=2000, evidence=4),
    Sizes(findings=1, whole=10, lines=8, characters=300, curl=600, evidence=1),
)


def render(run: Run) -> str:
    """Return the page, with as much detail as fits into its limit."""
    page = ""
    for sizes in _SIZES:
        page = _rendered(run, sizes)
        if len(page.encode("utf-8", "replace")) <= LIMIT:
            break
    return page


def _rendered(run: Run, sizes: Sizes) -> str:
    view = _Page(run, sizes).view()
    return render_page("index.html.j2", view, styles=("style.css",), script="script.js", row_class=_ROW_CLASS)


def _sentence(text: str) -> str:
    """Return the clause of a sentence as a sentence."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '…', '?')) else '.'}" if text else ""


class _Page:
    """The view of one run: plain values, in the order in which they are read."""

    def __init__(self, run: Run, sizes: Sizes) -> None:
        self.run = run
        self.sizes = sizes
        self.whole = 0
        self.slugs = _slugs(result.requirement.id for result in run.results)
        self.evidence: defaultdict[str, list[Evidence]] = defaultdict(list)
        for one in run.decisive:
            self.evidence[one.requirement].append(one)
        self.tallied: Counter[str] = Counter()
        for tallied in run.tallies:
            self.tallied[tallied.requirement] += tallied.exchanges

    def view(self) -> dict[str, Any]:
        """Return everything that the template shows."""
        run, opening, closing = self.run, self.run.opening, self.run.closing
        reported = {
            "verdict": run.verdict.value,
            "title": f"{run.verdict.words} · {line(opening.target, 80)}",
            "colour": COLOURS[run.verdict],
            "headline": line(run.headline, 1000),
            "explanation": _explanation(run),
            "suite": line(opening.suite, 60),
            "total": len(run.results),
            "tally": tally(run),
            "bar": _bar(run.counts(), len(run.results)),
            "bar_label": f"Of {len(run.results)} requirements: {_counted(run.counts())}",
            "facts": self._facts(),
            "waiver_faults": [line(fault, 1000) for fault in (closing.waiver_faults if closing else ())],
            "causes": causes(run),
            "failures": [self._broken(result) for result in failed(run)],
            "warnings": [self._broken(result) for result in by_weight(run.with_status(Status.WARNING))],
            "advice": advice(run),
            "untested": self._untested(),
            "waiver_entries": "".join(waiver_entries(run)),
            "waived": self._waived(),
            "areas": self._areas(),
            "choices": self._choices(),
            "timing": timing(run),
            **self._waits(),
            "settings": [{"name": line(one.name), "value": line(one.value, 1000), "origin": line(one.origin)} for one in opening.settings],
            "notes": [{"about": line(note.about, 60), "text": line(note.text, 1000)} for note in run.notes[:100]],
            "closed": self._closed(),
            "budget": budget_words(run),
            "proof": proof_words(run),
            "digest": f"Contract {line(opening.spec_digest, 100)}." if opening.spec_digest else "",
        }
        reported["contents"] = _contents(reported)
        return reported

    def _facts(self) -> list[tuple[str, str]]:
        run, opening = self.run, self.run.opening
        explored = run.closing.explored if run.closing else 0
        reported = [
            ("Target", line(opening.target, 120)),
            ("Base URL", line(opening.base_url)),
            ("Edition of the contract", line(run.edition)),
            ("Profile", opening.profile.value + (", strict" if opening.strict else "")),
            ("When", _when(opening.started)),
            ("How long", duration(run.seconds)),
            ("Requests", f"{run.requests:,}" + (f", {explored:,} of them explored" if explored else "")),
            ("Suite", f"closecheck {line(opening.suite)}, seed {opening.seed}{f', mark {opening.mark}' if opening.mark else ''}"),
        ]
        if opening.selection:
            reported.append(("Selection", line(opening.selection)))
        return reported

    # -- requirements

    def _about(self, result: Result) -> dict[str, Any]:
        requirement = result.requirement
        return {
            "id": line(requirement.id, 100),
            "slug": self.slugs[requirement.id],
            "level": requirement.level.value,
            "status": result.status,
            "statement": line(requirement.statement, 1000),
            "reason": line(result.reason, 1000),
        }

    def _broken(self, result: Result) -> dict[str, Any]:
        shown = result.findings[: self.sizes.findings]
        return self._about(result) | {
            "more": more_of(result, len(shown)),
            "findings": [self._finding(result, broken, number) for number, broken in enumerate(shown, 1)],
            "brief": self._in_brief(result, shown[0]) if shown else None,
        }

    def _in_brief(self, result: Result, broken: Broken) -> dict[str, str]:
        reported = facts(self.run, result, broken)
        head, _ = _got(reported.got, broken.witness)
        sent = reported.change or reported.sent.partition("   ")[2] or reported.sent
        return {"sent": _brief(sent), "expected": _brief(reported.expected), "got": _brief(head)}

    def _finding(self, result: Result, broken: Broken, number: int, *, bare: bool = False) -> dict[str, Any]:
        """Return a finding; a ``bare`` one stands where all that holds for its requirement is said already."""
        reported: Facts = facts(self.run, result, broken)
        first = reported if number == 1 else facts(self.run, result, result.findings[0])
        bare = bare or number > 1
        witness = broken.witness
        self.whole += 1
        whole = witness if self.whole <= self.sizes.whole else None
        rows: list[Row] = []
        reply: list[Row] = []
        if whole is not None:
            rows = edit(broken.base, whole, most_lines=self.sizes.lines, most_characters=self.sizes.characters)
            if whole.response is not None:
                reply = answer(whole.response, most_lines=self.sizes.lines, most_characters=self.sizes.characters)
        fits = whole is not None and len(reported.curl) <= self.sizes.curl
        return {
            "id": f"f-{self.slugs[result.requirement.id]}-{number}",
            "facts": reported,
            "got": _got(reported.got, witness),
            "short": _brief(reported.got),
            "cause": _sentence(reported.cause),
            "because": "" if bare and reported.because == first.because else _sentence(reported.because),
            "rows": rows,
            "omitted": witness is not None and whole is None,
            "base": broken.base.number if broken.base else 0,
            "accepted": bool(broken.base and broken.base.response and broken.base.response.status == HTTPStatus.ACCEPTED),
            "answer": reply,
            "took": duration(witness.timing.seconds) if witness else "",
            "fix": "" if bare else reported.fix,
            "sources": [] if bare else reported.source.split(" · "),
            "curl": reported.curl if fits else "",
            "curl_needs": _needs(reported.curl),
            "no_curl": (
                "There is no curl line: only the beginning of this body was recorded. The command above makes it anew."
                if not reported.curl
                else "The curl line is long: it stands in report.json."
            ),
        }

    def _areas(self) -> list[dict[str, Any]]:
        areas = [(area, results) for area, results in self.run.by_area() if results]
        slugs = _slugs(area.id for area, _ in areas)
        return [self._area(area, results, slugs[area.id]) for area, results in areas]

    def _area(self, area: Area, results: list[Result], slug: str) -> dict[str, Any]:
        counts = Counter(result.status for result in results)
        return {
            "title": line(area.title),
            "slug": slug,
            "words": _counted(counts),
            "others": _counted(counts, but=Status.PASS),
            "label": f"{line(area.title)}: {_counted(counts)}",
            "bar": _bar(counts, len(results)),
            "passed": counts[Status.PASS],
            "total": len(results),
            "requirements": [self._row(result) for result in results],
        }

    def _row(self, result: Result) -> dict[str, Any]:
        requirement = result.requirement
        about = [
            ("Source", requirement.source.replace(" · ", "; ")),
            ("The documentation says", f"“{requirement.quote}”" if requirement.quote else ""),
            ("How it is read", requirement.reading),
            ("Otherwise", _sentence(requirement.consequence)),
            ("To fix", requirement.fix),
            ("Needs", ", ".join(requirement.needs)),
            ("Supply", "; ".join(result.supply)),
            ("Since edition", requirement.since),
        ]
        evidence = sorted(self.evidence[requirement.id], key=lambda one: _WORST_FIRST[one.outcome])
        # A failure or a warning has its section above; what is waived is shown in its row.
        inline = result.findings[:1] if result.status not in {Status.FAIL, Status.WARNING} else ()
        return self._about(result) | {
            "is_broken": result.status in {Status.FAIL, Status.WARNING},
            "about": [(name, line(value, 1000)) for name, value in about if value],
            "evidence_words": self._evidence_words(result, evidence),
            "evidence": [self._said(one) for one in evidence[: self.sizes.evidence]],
            "inline": [self._finding(result, broken, 1, bare=True) for broken in inline],
        }

    def _evidence_words(self, result: Result, evidence: list[Evidence]) -> str:
        reported = [f"{number:,} {_OUTCOME_WORDS[one]}" for one, number in sorted(Counter(e.outcome for e in evidence).items())]
        if tallied := self.tallied[result.requirement.id]:
            reported.append(f"held on {count(tallied, 'exchange')} as a clause for every exchange")
        if not reported:
            return "none"
        parts = result.requirement.parts
        if parts:
            ran = {one.part for one in evidence if one.outcome in {Outcome.HELD, Outcome.BROKEN}}
            reported.append(f"{sum(part in ran for part in parts)} of {count(len(parts), 'necessary part')} ran")
        hidden = len(evidence) - self.sizes.evidence
        return "; ".join(reported) + (f"; the first {self.sizes.evidence} are" if hidden > 0 else "") + (":" if evidence else "")

    def _said(self, one: Evidence) -> dict[str, Any]:
        exchange = self.run.exchanges.get(one.exchanges[-1]) if one.exchanges else None
        return {
            "case": line(one.case, 200),
            "part": line(one.part, 100),
            "outcome": _OUTCOME_WORDS[one.outcome],
            "reason": line(one.reason, 300),
            "exchange": exchange.number if exchange else 0,
            "answer": answer_line(exchange) if exchange else "",
            "took": duration(exchange.timing.seconds) if exchange else "",
        }

    def _untested(self) -> list[dict[str, Any]]:
        return [
            {
                "supply": visible("\n".join(supply_lines(supply)))[:1000],
                "title": count(len(results), "requirement"),
                "requirements": [self._about(result) for result in results],
            }
            for supply, results in untested_by_supply(self.run)
        ]

    def _waived(self) -> list[dict[str, str]]:
        waived = self.run.closing.waived if self.run.closing else {}
        reported = []
        for result in self.run.with_status(Status.WAIVED):
            waiver = waived[result.requirement.id]
            names = ("reason", "owner", "issue", "expires")
            reported.append(
                {"id": line(result.requirement.id, 100), "slug": self.slugs[result.requirement.id]}
                | {name: line(getattr(waiver, name), 500) for name in names}
            )
        return reported

    # -- the run

    def _waits(self) -> dict[str, Any]:
        by_reason: defaultdict[str, list[float]] = defaultdict(list)
        for wait in self.run.waits:
            by_reason[wait.reason].append(wait.seconds)
        longest = sorted(by_reason.items(), key=lambda one: -sum(one[1]))[:50]
        total = sum(wait.seconds for wait in self.run.waits)
        return {
            "waits": [(line(reason, 300), f"{len(waits):,}", duration(sum(waits))) for reason, waits in longest],
            "waits_words": f"The run waited {count(len(self.run.waits), 'time')}, {duration(total)} in all.",
        }

    def _choices(self) -> list[dict[str, Any]]:
        # The model joins what was observed of a choice into one text; here what was answered alike stands together.
        slugs = _slugs(choice.id for choice, _ in self.run.choices)
        observed: defaultdict[str, list[str]] = defaultdict(list)
        for one in self.run.observations:
            observed[one.choice].append(one.observed)
        return [
            {
                "id": line(choice.id, 100),
                "slug": slugs[choice.id],
                "question": line(choice.question),
                "observed": _by_answer(dict.fromkeys(observed[choice.id])),
            }
            for choice, _ in self.run.choices
        ]

    def _closed(self) -> str:
        ids = {one for closed in self.run.closed for one in closed.ids}
        if not ids:
            return ""
        return f"The run closed {count(len(ids), 'access request')} on the target, as the target file allows; report.json names them."


def _explanation(run: Run) -> str:
    closing = run.closing
    match run.verdict:
        case Verdict.NON_CONFORMANT if not run.complete:
            return "The run did not come to its end: more may fail."
        case Verdict.NON_CONFORMANT:
            return "Each failure below says what was sent, what was expected, what came, what to fix, and how to see it again."
        case Verdict.INCOMPLETE if not run.complete and closing is None:
            return "The record breaks off: the run was killed or is still going on."
        case Verdict.INCOMPLETE if not run.complete:
            return "The run was interrupted. What was tested until then stands below."
        case Verdict.INCOMPLETE:
            return "No requirement failed, but that is no conformance: the section Untested says what to supply."
        case Verdict.ERROR:
            return "This says nothing about the target."
        case _:
            return ""


def _brief(text: str) -> str:
    """Return the beginning of a visible text, for a list of many; a named character is not cut in two."""
    return text if len(text) <= _BRIEF else re.sub(r"⟨[^⟩]*$", "", text[:_BRIEF]) + "…"


_BRIEF: Final = 90


def _got(got: str, witness: ExchangeLine | None) -> tuple[str, str]:
    """Return what came, and apart from it the beginning of the body where status and reason stand before one."""
    if witness is not None and witness.response is not None:
        head = line(f"{witness.response.status} {witness.response.reason}".rstrip())
        if got.startswith(f"{head}, "):
            return head, got.removeprefix(f"{head}, ")
    return got, ""


def _needs(curl: str) -> str:
    """Return the variables that a curl line reads, as words behind a title."""
    named = [name for name in VARIABLES.values() if re.search(rf"\${name}\b", curl)]
    if "$(closecheck forge " in curl and not named:
        named = [VARIABLES["authorized"]]  # what is forged from
    return f", with the token in {' and '.join(named)}" if named else ""


def _by_answer(texts: Iterable[str]) -> list[tuple[str, list[str]]]:
    """
    Return what was observed of a choice as answers, each with the cases that it was seen in, in the order of their first.

    ``A UUID in capitals is accepted or refused: accepted`` is the case of a UUID in capitals and the answer ``accepted``; a
    text without such a case is an answer by itself.
    """
    answers: dict[str, list[str]] = {}
    for text in texts:
        case, colon, said = text.partition(": ")
        cases = answers.setdefault(line(said if colon else text, 600), [])
        if colon and len(cases) < _MOST_CASES:
            named = re.sub(r",? (?:is|are) \w+ or \w+$", "", case)
            cases.append(line(re.sub(r"^[A-Z](?=[a-z ])", lambda first: first[0].lower(), named)))
    return list(answers.items())[:_MOST_CASES]


_MOST_CASES: Final = 50


def _when(started: str) -> str:
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d)?(?:\.\d+)?(?:Z|\+00:00)", started)
    return f"{found[1]} {found[2]} UTC" if found else line(started, 60)


def _counted(counts: dict[Status, int] | Counter[Status], *, but: Status | None = None) -> str:
    reported = [f"{counts[status]} {words_for(status, counts[status])}" for status in STATUS_WORDS if counts[status] and status is not but]
    return ", ".join(reported) or ("none" if but is None else "")


_BAR_ORDER: Final = (
    Status.PASS,
    Status.WAIVED,
    Status.WARNING,
    Status.FAIL,
    Status.ERROR,
    Status.UNTESTED,
    Status.NOT_APPLICABLE,
    Status.OUT_OF_SCOPE,
)


def _bar(counts: dict[Status, int] | Counter[Status], total: int) -> list[dict[str, Any]]:
    segments: list[dict[str, Any]] = []
    done = 0
    for status in _BAR_ORDER:
        if counts[status]:
            x, end = (round(1000 * number / total) for number in (done, done + counts[status]))
            # A hair of the page between segments tells them apart without colour.
            segments.append({"status": status, "x": x, "width": max(1, end - x - (3 if end < 1000 else 0))})
        done += counts[status]
    return segments


def _slugs(names: Iterable[str]) -> dict[str, str]:
    """Return an id for each name that is safe in HTML and in an address, the name itself where it is."""
    slugs: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        if name in slugs:
            continue
        stem = re.sub(r"[^A-Za-z0-9._-]", "-", name)[:80] or "unnamed"
        slug = stem
        while slug in taken:
            slug = f"{stem}-{len(taken)}"
        taken.add(slug)
        slugs[name] = slug
    return slugs


def _contents(reported: dict[str, Any]) -> list[tuple[str, str]]:
    listed = [
        ("failures", "Failures", len(reported["failures"])),
        ("warnings", "Warnings", len(reported["warnings"])),
        ("advice", "Advice", len(reported["advice"])),
        ("untested", "Untested", sum(len(group["requirements"]) for group in reported["untested"])),
        ("waivers", "Waivers", len(reported["waived"])),
        ("requirements", "Requirements", reported["total"]),
        ("choices", "Choices", len(reported["choices"])),
    ]
    contents = [(anchor, f"{words} {number}") for anchor, words, number in listed if number or anchor == "requirements"]
    return [*contents, ("timing", "Timing"), ("settings", "Settings")]
