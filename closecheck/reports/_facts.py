"""
What several formats say is worded here, once: nothing of this file decides anything about a target.

What a target sent is shown with :func:`visible`, never as it came: control characters, direction overrides and
characters without a width are named, so that no text can disguise itself in a terminal, a browser or an XML parser.
"""

from __future__ import annotations

import datetime
import json
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Any, Final

from closecheck.model import UNDER_LOAD, Body, Broken, Choice, ExchangeLine, Finding, Level, Observation, Result, Run, Status, Struct
from closecheck.reports._curl import curl

STATUS_WORDS: Final = {
    Status.FAIL: "failed",
    Status.ERROR: "error",
    Status.WARNING: "warning",
    Status.UNTESTED: "untested",
    Status.WAIVED: "waived",
    Status.OUT_OF_SCOPE: "out of scope",
    Status.NOT_APPLICABLE: "not applicable",
    Status.PASS: "passed",
}
"""What people read for each status, worst first."""

_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufdd0-\ufdef"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff"
    + "".join(f"{chr(p << 16 | 0xFFFE)}{chr(p << 16 | 0xFFFF)}" for p in range(1, 17))
    + "]"
)
"""Controls (but tab and line feed), direction overrides, zero widths, halves of surrogate pairs, noncharacters."""


_CONTROLS: Final = (
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR", "SO", "SI",
    "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
)  # fmt: skip
"""The names of the ASCII control characters: pictures of them exist, but few fonts have these."""


def _named(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"⟨{_CONTROLS[code]}⟩" if code < len(_CONTROLS) else f"⟨U+{code:04X}⟩"


def visible(text: str) -> str:
    """Return a text in which every character can be seen; tabs and line feeds stay."""
    return _UNSEEN.sub(_named, text)


def line(text: str, limit: int = 400) -> str:
    """Return a text as one visible line of at most ``limit`` characters and a note of what was cut."""
    kept = visible(text[:limit]).replace("\n", "⟨LF⟩").replace("\t", "⟨TAB⟩")
    return kept if len(text) <= limit else f"{kept}… ({len(text):,} characters in all)"


def cut(text: str, limit: int) -> str:
    """Return a visible text of at most ``limit`` characters and a note of what was cut, line breaks kept."""
    kept = visible(text[:limit])
    return kept if len(text) <= limit else f"{kept}…\n(cut: {len(text):,} characters in all)"


def size(count: int) -> str:
    """Return a number of bytes for people: ``17.1 kB``."""
    for unit, factor in (("MB", 1_000_000), ("kB", 1000)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} byte" if count == 1 else f"{count} bytes"


def duration(seconds: float) -> str:
    """Return a time for people: ``3 ms``, ``4.2 s``, ``3 min 20 s``."""
    if seconds <= 0:
        return "0 s"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.00095 else f"{seconds * 1000:.1f} ms"
    if seconds < 119.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def count(number: int, word: str, words: str = "") -> str:
    """Return ``1 request`` or ``2 requests``."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"


def started(run: Run) -> datetime.datetime:
    """Return the moment at which a run began; the epoch where its opening does not say it readably."""
    try:
        moment = datetime.datetime.fromisoformat(run.opening.started)
    except ValueError:
        return datetime.datetime.fromtimestamp(0, datetime.UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def after(run: Run, seconds: float) -> datetime.datetime:
    """Return the moment so many seconds after the run began, or its beginning where that is no date."""
    try:
        return started(run) + datetime.timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return started(run)


def stamp(moment: datetime.datetime) -> str:
    """Return a moment as RFC 3339 in UTC with milliseconds."""
    try:
        moment = moment.astimezone(datetime.UTC)
    except OverflowError:
        moment = moment.replace(tzinfo=datetime.UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def text_of(body: Body) -> str:
    r"""Return what was kept of a body as text; bytes that are no UTF-8 stand as ``\xff``."""
    return body.data.decode("utf-8", "backslashreplace")


def path_of(exchange: ExchangeLine, base_url: str = "") -> str:
    """Return path and query of a request, without the path of the base URL."""
    base = base_url.rstrip("/")
    url = exchange.request.url
    if base and url.startswith(f"{base}/"):
        return url[len(base) :]
    rest = url.partition("://")[2]
    return f"/{rest.partition('/')[2]}"


def request_line(exchange: ExchangeLine, base_url: str = "", limit: int = 160) -> str:
    """Return a request in one line: method, path, what its body holds, and its caller if it is not the usual one."""
    request = exchange.request
    parts = [f"{request.method} {line(path_of(exchange, base_url), 200)}", _content(request.body, limit)]
    if request.caller != "authorized":
        parts.append(f"caller: {visible(request.caller)}")
    return "   ".join(parts)


def _content(body: Body, limit: int) -> str:
    if body.size == 0:
        return "no body"
    text = text_of(body)
    if not body.cut:
        try:
            value = json.loads(text, parse_int=_Number, parse_float=_Number)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and value:
            reported = ", ".join(f"{key}: {_short(one, 'id' if key.endswith('Ids') else 'item')}" for key, one in value.items())
            return f"{line(reported, limit)} ({size(body.size)})"
    return f"{line(text, limit // 2)} ({size(body.size)})"


class _Number(str):
    """A number of a JSON text as it was written."""

    __slots__ = ()


def _short(value: Any, word: str) -> str:
    match value:
        case list() if value and all(type(one) is str for one in value):
            return count(len(value), word)
        case list() if len(value) > 5:
            return f"{len(value):,} items"
        case _:
            try:
                text = _as_json(value)
            except RecursionError:
                return "nested data"
            return text if len(text) <= 60 else f"{text[:57]}… ({len(text):,} characters)"


def _as_json(value: Any) -> str:
    """Return a value as JSON on one line, its numbers as they were written; RecursionError if it nests too deeply."""
    match value:
        case _Number():  # json.dumps would quote it: a refusal of the number would seem one of a string
            return str(value)
        case list():
            return f"[{', '.join(map(_as_json, value))}]"
        case dict():
            return "{" + ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {_as_json(one)}" for name, one in value.items()) + "}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def answer_line(exchange: ExchangeLine | None) -> str:
    """Return what came back in a few words: the status, or the failure."""
    if exchange is None:
        return "no exchange is recorded"
    if exchange.response is None:
        return f"no answer: {line(exchange.failure.words, 200)}" if exchange.failure else "no answer"
    return f"{exchange.response.status} {line(exchange.response.reason, 60)}".rstrip()


def again(run: Run, case: str) -> str:
    """Return the command that sends one case to the same target again."""
    settings = {one.name: one for one in run.opening.settings}
    command = f"closecheck run --only {shlex.quote(line(case))}"
    if "target" in settings:
        return f"{command} --target {shlex.quote(line(settings['target'].value))}"
    if "base_url" in settings and settings["base_url"].origin.startswith("embedded"):
        return command
    return f"{command} --base-url {shlex.quote(line(run.opening.base_url))}"


FIX_OF_A_LIMIT: Final = (
    "Let who limits answer 429 with Retry-After and the documented JSON body (in nginx: limit_req_status 429 and an error_page), or raise the limit. "
    "Where nothing limits, see why the server behind the gateway was away."
)
"""The cure of what is refused under load, whatever requirement it breaks."""
UNEDITED: Final = "none; this request is judged as it stands"


class Facts(Struct):
    """The seven facts of a finding, in the order in which every format shows them, and the number of its exchange."""

    clause: str
    level: str
    statement: str
    sent: str
    case: str
    change: str
    edit: str
    """The change in words for people: of a request that edits no other too; empty where only a comparison shows it."""
    expected: str
    got: str
    because: str
    cause: str
    """What lies behind it and behind findings against other requirements; empty: nothing that is known."""
    fix: str
    again: str
    curl: str
    source: str
    exchange: int


def change_of(run: Run, broken: Broken) -> str:
    """Return the one edit that a finding was made on; empty where there is none, or where the edit has no part in it: under load."""
    return broken.finding.change if broken.finding.cause.startswith(UNDER_LOAD) else run.change(broken)


def again_of(run: Run, broken: Broken) -> str:
    """Return the command that shows a finding again."""
    return _again_under_load(run) if broken.finding.cause.startswith(UNDER_LOAD) else again(run, broken.evidence.case)


def _again_under_load(run: Run) -> str:
    """Return the command that sends as many requests as fast: one alone is not refused."""
    settings = {one.name: one for one in run.opening.settings}
    where = f"--target {shlex.quote(line(settings['target'].value))}" if "target" in settings else f"--base-url {shlex.quote(line(run.opening.base_url))}"
    embedded = "target" not in settings and "base_url" in settings and settings["base_url"].origin.startswith("embedded")
    return f"closecheck run --profile {run.opening.profile.value}{'' if embedded else f' {where}'}  # one request alone is not refused"


def facts(run: Run, result: Result, broken: Broken) -> Facts:
    """Return the seven facts of a finding as visible text, each short enough for a terminal."""
    requirement, finding, witness = result.requirement, broken.finding, broken.witness
    is_load = finding.cause.startswith(UNDER_LOAD)
    change = line(change_of(run, broken))
    return Facts(
        clause=requirement.id,
        level=requirement.level.value,
        statement=line(requirement.statement, 1000),
        sent=request_line(witness, run.opening.base_url) if witness else "no single request: several show it",
        case=line(broken.evidence.case),
        change=change,
        edit=change or (UNEDITED if witness and not broken.base and not is_load else ""),
        expected=line(finding.expected, 1000),
        got=line(finding.got, 1000),
        because=line(finding.because or requirement.consequence, 1000),
        cause=line(finding.cause, 1000),
        fix=line(FIX_OF_A_LIMIT if is_load else requirement.fix, 1000),
        again=again_of(run, broken),
        curl=curl(witness) if witness else "",
        source=line(requirement.source, 1000),
        exchange=witness.number if witness else 0,
    )


def causes(run: Run) -> list[str]:
    """Return a sentence for each cause that lies behind findings, with the requirements that it concerns."""
    return [
        f"{line(cause, 1000)}: one cause of findings against {count(len(named), 'requirement')}, {', '.join(named)}" for cause, named in run.causes.items()
    ]


def in_order(reported: Facts) -> list[tuple[str, str]]:
    """Return the facts that follow the clause, each with the word that stands before it in every format of plain text."""
    named = [
        ("sent", f"{reported.sent}   case {reported.case}"),
        ("edit", reported.edit),
        ("expected", reported.expected),
        ("got", reported.got),
        ("impact", reported.because),
        ("cause", reported.cause),
        ("fix", reported.fix),
        ("rerun", reported.again),
        ("source", reported.source),
    ]
    return [(name, text) for name, text in named if text]


def block(reported: Facts) -> list[str]:
    """Return the same as aligned lines."""
    return [f"{name:<10}{text}" for name, text in in_order(reported)]


def by_weight(results: Iterable[Result]) -> list[Result]:
    """Return results with every MUST before every SHOULD, otherwise in the order of the catalogue."""
    return sorted(results, key=lambda result: result.requirement.level is not Level.MUST)


def failed(run: Run) -> list[Result]:
    """Return what failed, MUST first."""
    return by_weight(run.with_status(Status.FAIL))


WAIVED_FOR: Final = datetime.timedelta(days=30)
"""How long a waiver would hold that is pasted as it is offered, counted from the start of the run."""


def waiver_entries(run: Run) -> list[str]:
    """
    Return a YAML entry for each requirement that failed, ready to paste into the waivers file.

    Why it is waived, by whom and where it is tracked is left open on purpose: an entry is refused until somebody fills it in.
    """
    expires = after(run, WAIVED_FOR.total_seconds()).date().isoformat()
    return [_waiver_entry(result, expires) for result in failed(run)]


def _waiver_entry(result: Result, expires: str) -> str:
    got = f"; got {line(result.findings[0].finding.got, 120)}" if result.findings else ""
    return "\n".join(
        [
            f"- requirement: {result.requirement.id}",
            f"  reason:   # why it is waived{got}",
            "  owner:    # the person or team that will fix it",
            "  issue:    # where it is tracked, such as \"ABC-123\"",
            f"  expires: {expires}",
            "",
        ]
    )


def expected_got(finding: Finding, limit: int = 300) -> str:
    """Return what was expected and what came, each of at most ``limit`` characters, in one line."""
    return f"expected {line(finding.expected, limit)}; got {line(finding.got, limit)}"


def proof_words(run: Run) -> str:
    """Return what the proof of the suite came to, in a sentence; empty where the run does not record it."""
    proof = run.opening.proof
    if proof is None:
        return ""
    alarms = count(proof.false_alarms, "false alarm") if proof.false_alarms else "no false alarm"
    reported = (
        f"{proof.killed} of {count(proof.faults, 'faulty target')} caught, {proof.blamed_right} under the right requirements alone; "
        f"{alarms} in {count(proof.lawful_runs, 'run')} against lawful targets, {count(proof.variants, 'variant')} among them"
    )
    sample = f"; a sample, {proof.trials} of {proof.every} trials" if proof.trials < proof.every else ""
    return f"The suite has been tried itself (edition {line(proof.edition, 40)}, profile {proof.profile.value}{sample}): {reported}."


_BUDGETS: Final = (50, 100, 200, 400, 800, 1600)
"""Requests of which the report says what they would have found."""


def budget_words(run: Run) -> str:
    """Return which failures fewer requests would have missed, in a sentence; empty where none failed, or the first ones show all."""
    shown: dict[str, int] = {}
    for result in failed(run):
        if numbers := [max(one.evidence.exchanges) for one in result.findings if one.evidence.exchanges]:
            shown[result.requirement.id] = min(numbers)
    reported: dict[tuple[str, ...], int] = {}
    for budget in _BUDGETS:
        missed = tuple(sorted(name for name, number in shown.items() if number > budget))
        if missed and budget < run.requests:
            reported[missed] = budget
    words = [f"{budget:,} would have missed {_some(missed)}" for missed, budget in reported.items()]
    return f"Of fewer requests (--budget) {'; '.join(words)}." if words else ""


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 4 else ""
    return ", ".join(names[: 3 if more else 4]) + more


class Advice(Struct):
    """
    What a later edition says of a requirement or a choice, in a line; it has no part in the verdict.

    ``again`` is the command that shows it again; empty where nothing was found. A choice has neither level nor status.
    """

    id: str
    since: str
    words: str
    level: str = ""
    status: Status | None = None
    again: str = ""


def advice(run: Run) -> list[Advice]:
    """Return what later editions than the one that decides say, requirements before choices."""
    return [*(_advice(run, result) for result in run.advice), *(_later_choice(*one) for one in run.later_choices)]


def _advice(run: Run, result: Result) -> Advice:
    requirement = result.requirement
    reported = f"{STATUS_WORDS[result.status]}: {line(requirement.statement, 300)}"
    first = result.findings[0] if result.findings else None
    if first:
        reported += f" ({expected_got(first.finding, 200)})"
    elif result.reason:
        reported += f" ({line(result.reason, 300)})"
    since = first.evidence.since if first and first.evidence.since else requirement.since
    command = again_of(run, first) if first else ""
    return Advice(line(requirement.id, 100), line(since, 40), reported, requirement.level.value, result.status, command)


def _later_choice(choice: Choice, seen: Observation | None) -> Advice:
    reported = f"{line(choice.question, 300)} {line(seen.observed, 300) if seen else 'not observed'}"
    return Advice(line(choice.id, 100), line(choice.since, 40), reported)


def more_of(result: Result, shown: int) -> str:
    """Return the words for findings that are counted but not shown, or nothing."""
    hidden = result.occurrences - shown
    return f"found {count(result.occurrences, 'time')}; {hidden:,} more not shown here" if hidden > 0 else ""


def untested_by_supply(run: Run) -> list[tuple[str, list[Result]]]:
    """Return what is untested grouped by what would supply it; the group without a supply last."""
    groups: dict[str, list[Result]] = {}
    for result in run.with_status(Status.UNTESTED, Status.ERROR):
        groups.setdefault("\n".join(result.supply), []).append(result)
    return sorted(groups.items(), key=lambda group: (not group[0], -len(group[1])))


def supply_lines(supply: str) -> list[str]:
    """
    Return what would supply a missing means as lines of a target file.

    ``credentials.expired: {token: …}`` is written as the target file nests it; keys with the same beginning stand together,
    and a line that is no key stays as it is.
    """
    lines: list[str] = []
    open_keys: list[str] = []
    for one in supply.split("\n"):
        key, _, value = one.partition(": ")
        keys = key.split(".")
        if not all(_KEY.fullmatch(name) for name in keys) or re.search(r" or \w+\.", value):
            open_keys = []
            lines.append(one)
            continue
        shared = 0
        while shared < min(len(open_keys), len(keys) - 1) and open_keys[shared] == keys[shared]:
            shared += 1
        lines += [f"{'  ' * depth}{keys[depth]}:" for depth in range(shared, len(keys) - 1)]
        lines.append(f"{'  ' * (len(keys) - 1)}{keys[-1]}: {value or '…'}")
        open_keys = keys[:-1]
    return lines


_KEY: Final = re.compile(r"[a-z_]+")


def tally(run: Run, level: Level | None = None) -> list[tuple[Status, str, int]]:
    """Return how many requirements have each status, worst first, with the words for it; none left out."""
    counts = run.counts(level)
    return [(status, words_for(status, counts[status]), counts[status]) for status in STATUS_WORDS]


def words_for(status: Status, number: int) -> str:
    """Return what stands behind a number of requirements of a status."""
    words = STATUS_WORDS[status]
    return f"{words}s" if status in {Status.WARNING, Status.ERROR} and number != 1 else words
