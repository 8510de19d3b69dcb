"""
Every format is total over arbitrary runs, valid under its schema, and shows nothing as it was sent.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import sample_runs
import small_runs
import strategies_runs
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html
from msgspec.structs import replace
from published_schemas import JUNIT, VALIDATORS
from raw_server import RawServer, SmallTarget, answer, each, split

from closecheck.contract.specification import contract
from closecheck.model import (
    Body,
    Evidence,
    ExchangeLine,
    Failure,
    FailureKind,
    Finding,
    Level,
    Outcome,
    Run,
    SentRequest,
    Status,
    Timing,
    Verdict,
    encode,
)
from closecheck.reports import RENDERERS, Renderer, write_all
from closecheck.reports._curl import curl
from closecheck.reports._diff import edit, pretty
from closecheck.reports._facts import budget_words, facts, request_line, supply_lines, visible
from closecheck.reports._items import items
from closecheck.reports.html import _by_answer
from closecheck.reports.terminal import PIPE_WIDTH, Progress, print_summary, terminal
from closecheck.session.record import FILE_NAME, read

SPEC = Path(__file__).parents[1] / "spec" / "schemas"
BADGES = Path("badge.json"), Path("badge.svg")
modest = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
samples = pytest.mark.parametrize("run", [pytest.param(make(), id=name) for name, make in sample_runs.SAMPLES.items()])


def rendered(run: Run, name: str) -> bytes:
    made = RENDERERS[name].render(run)
    return made if isinstance(made, bytes) else made.encode()


def document(run: Run, name: str) -> Any:
    return json.loads(rendered(run, name))


REPORT = jsonschema_rs.validator_for(json.loads((SPEC / "report.schema.json").read_bytes()), validate_formats=True)


def check_everything(run: Run) -> None:
    """Render a run into every format and hold each against its schema and its limits."""
    made = {name: rendered(run, name) for name in RENDERERS}
    REPORT.validate(json.loads(made["json"]))
    JUNIT.assertValid(etree.fromstring(made["junit"]))
    assert len(made["markdown"]) < 1024 * 1024
    assert len(made["comment"]) < 64_000
    assert len(made["html"]) < 5_000_000
    for name in ("html", "junit", "markdown", "comment", "badge-svg", "sarif", "ctrf"):
        text = made[name].decode()
        assert visible(text) == text, name
    check_page(made["html"].decode())
    etree.fromstring(made["badge-svg"])
    for name, schema in VALIDATORS.items():
        schema.validate(json.loads(made[name]))


def check_page(page: str) -> None:
    """Hold a page against what a browser would otherwise stumble over."""
    assert page.count("<script") == 1
    assert page.count("<style") == 1
    tree = lxml_html.document_fromstring(page)
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for link in tree.iter("a"):
        place = link.get("href")
        assert place in {"run.jsonl", "report.json"} or place.removeprefix("#") in ids, place
    handlers = [name for element in tree.iter() for name in element.attrib if name.startswith("on") or name == "style"]
    assert not handlers
    sources = [element.get("src") or "" for element in tree.iter()]
    assert not any(sources)


@samples
def test_a_sample_is_rendered_in_every_format(run: Run) -> None:
    check_everything(run)


@modest
@given(run=strategies_runs.runs())
def test_every_run_is_rendered_in_every_format(run: Run) -> None:
    check_everything(run)


def test_every_format_points_at_the_line_of_the_contract_that_sarif_names() -> None:
    run = sample_runs.findings()
    page = lxml_html.document_fromstring(rendered(run, "html").decode()).text_content()
    texts = [page, rendered(run, "junit").decode(), rendered(run, "markdown").decode()]
    found = [one for one in document(run, "sarif")["runs"][0]["results"] if one["level"] == "error"]

    assert found
    for one in found:
        pointer = contract()[one["ruleId"]].openapi
        number = one["locations"][0]["physicalLocation"]["region"]["startLine"]
        assert number == contract().lines[pointer]
        assert [f"spec/openapi.yaml line {number}, {pointer}" in text for text in texts] == [True] * 3


@pytest.mark.parametrize(
    ("named", "recorded", "base", "status", "edit", "against"),
    [
        ("as found", "as recorded", 2, 202, "as found", ", against exchange 2, which this target accepted"),
        ("", "as recorded", 2, 202, "as recorded", ", against exchange 2, which this target accepted"),
        ("", "as recorded", 2, 500, "as recorded", ", against exchange 2"),
        ("", "", 2, 202, "", ", against exchange 2, which this target accepted"),
        ("", "", 0, 202, "none; this request is judged as it stands", ""),
    ],
)
def test_what_was_edited_is_said_also_where_nothing_was(named: str, recorded: str, base: int, status: int, edit: str, against: str) -> None:
    tape = sample_runs.Tape()
    tape.exchange("accepted/one-id", {"accessRequestIds": ["a"]}, status)
    tape.broken("CAR-OP-ANSWERS", "x/1", tape.exchange("x/1", {"accessRequestIds": ["b"]}, 202, base=base), "an answer", "none", named)
    run = Run([replace(one, change=recorded) if isinstance(one, ExchangeLine) and one.case == "x/1" else one for one in tape.lines])

    page = rendered(run, "html").decode()
    [told] = [broken for one in document(run, "json")["requirements"] for broken in one["findings"]]
    assert told["change"] == (named or recorded)
    assert (f"The one edit: <strong><bdi>{edit}</bdi></strong>" in page) is bool(edit)
    assert f"run.jsonl</a>{against}</p>" in page
    assert (f"| **edit** | `{edit}` |" in rendered(run, "markdown").decode()) is bool(edit)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("http://h/close?a=%20b", "http://h/close?a=%20b"),
        ("http://[::1]:80/close?%", "http://[::1]:80/close?%25"),
        ("http://h/close?a[]=é#b", "http://h/close?a%5B%5D=%C3%A9%23b"),
    ],
)
def test_an_address_that_is_none_stands_in_the_archive_escaped_and_beside_it_as_sent(sent: str, told: str) -> None:
    lines = [
        replace(line, request=replace(line.request, url=sent)) if isinstance(line, ExchangeLine) else line
        for line in _lines(sample_runs.conformant())
    ]
    [entry, *_] = document(Run(lines), "har")["log"]["entries"]

    assert entry["request"]["url"] == told
    assert entry["comment"].endswith(f", sent to {sent}") is (sent != told)


@samples
def test_rendering_again_gives_the_same_bytes(run: Run) -> None:
    for name in RENDERERS:
        assert rendered(run, name) == rendered(Run(_lines(run)), name)


@samples
def test_what_is_read_from_a_file_is_rendered_to_the_same_bytes(run: Run, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"".join(encode(line) + b"\n" for line in _lines(run)))

    written = write_all(read(tmp_path), tmp_path)

    assert [path.read_bytes() for path in written] == [rendered(run, name) for name in RENDERERS]


def _lines(run: Run) -> list[Any]:
    kept = [*run.exchanges.values(), *run.evidence, *run.tallies, *run.observations, *run.waits, *run.closed, *run.notes]
    return [run.opening, *kept, *([run.closing] if run.closing else [])]


def test_the_sample_of_thirty_findings_has_thirty() -> None:
    counts = sample_runs.findings().counts()

    assert counts[Status.FAIL] + counts[Status.WARNING] + counts[Status.WAIVED] == 30


# ------------------------------------------------------------------------------------------------------- verdicts agree


@modest
@given(run=strategies_runs.runs())
def test_no_format_is_green_when_the_run_is_not(run: Run) -> None:
    badge, signed, page = (document(run, "badge"), document(run, "intoto"), rendered(run, "html").decode())
    if run.verdict is Verdict.CONFORMANT:
        assert "isError" not in badge
        assert signed["predicate"]["result"] in {"PASSED", "WARNED"}
    else:
        assert badge["isError"]
        assert signed["predicate"]["result"] == "FAILED"
        assert '<div class="verdict conformant">' not in page


@modest
@given(run=strategies_runs.runs())
def test_items_agree_with_the_results(run: Run) -> None:
    by_requirement: dict[str, set[Status]] = {result.requirement.id: set() for result in run.results}
    for item in items(run):
        if item.result is not None and not item.is_advice:
            by_requirement[item.requirement].add(item.status)

    for result in run.results:
        statuses = by_requirement[result.requirement.id]
        assert (Status.FAIL in statuses) == (result.status is Status.FAIL)
        assert result.status in statuses


def test_a_stale_waiver_is_a_failure_in_junit() -> None:
    suites = etree.fromstring(rendered(sample_runs.hostile(), "junit"))

    assert suites.find("testsuite[@name='The run itself']/testcase/failure") is not None


def test_an_interrupted_run_is_an_error_in_junit() -> None:
    suites = etree.fromstring(rendered(sample_runs.interrupted(), "junit"))

    assert suites.find("testsuite[@name='The run itself']/testcase/error") is not None


def test_a_warning_is_visible_in_junit() -> None:
    suites = etree.fromstring(rendered(sample_runs.findings(), "junit"))

    warned = [case for case in suites.iter("testcase") if (case.findtext("system-out") or "").startswith("WARNING")]
    assert len(warned) >= sample_runs.findings().counts()[Status.WARNING]


def test_the_statement_names_the_bytes_of_the_report(tmp_path: Path) -> None:
    write_all(sample_runs.findings(), tmp_path)

    statement = json.loads((tmp_path / "test-result.intoto.json").read_bytes())
    digest = hashlib.sha256((tmp_path / "report.json").read_bytes()).hexdigest()
    assert statement["subject"] == [{"name": "report.json", "digest": {"sha256": digest}}]


def test_fingerprints_do_not_depend_on_what_a_target_draws_anew() -> None:
    def prints(got: str) -> list[str]:
        tape = sample_runs.Tape()
        tape.broken("CAR-IDS-MAX", "ids/501", tape.base, "400", got, "501 ids")
        return [one["partialFingerprints"]["closecheck/v1"] for one in document(tape.run(), "sarif")["runs"][0]["results"]]

    assert prints("trackingId 1") == prints("trackingId 2")


# --------------------------------------------------------------------------------------------------------- size, writing


def test_a_long_run_stays_small() -> None:
    run = sample_runs.many(4000)

    assert len(rendered(run, "html")) < 1_000_000
    assert len(rendered(run, "comment")) < 64_000


@pytest.mark.slow
def test_a_page_with_thousands_of_large_findings_stays_below_its_limit() -> None:
    tape = sample_runs.Tape()
    for index, requirement in enumerate(list(tape.catalogue.requirements) * 8):
        body = ('<&"' * 8000).encode()
        number = tape.exchange(f"large/{index}", body, 400, body, base=tape.base)
        tape.broken(requirement.id, f"large/{index}", number, "e" * 5000, '<&"' * 5000, "c" * 5000)

    check_page(page := rendered(tape.run(), "html").decode())
    assert len(page) < 5_000_000
    assert len(rendered(tape.run(), "markdown")) < 1024 * 1024


def test_all_files_are_written_and_none_is_left_over(tmp_path: Path) -> None:
    written = write_all(sample_runs.interrupted(), tmp_path)

    assert [path.name for path in written] == [renderer.file_name for renderer in RENDERERS.values()]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in written)


def test_a_format_that_fails_does_not_take_the_others_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(run: Run) -> str:
        raise ZeroDivisionError(run.opening.target)

    monkeypatch.setitem(RENDERERS, "junit", Renderer("junit", "junit.xml", fails))

    with pytest.raises(ExceptionGroup):
        write_all(sample_runs.conformant(), tmp_path)
    assert (tmp_path / "intoto.json").exists() or (tmp_path / "test-result.intoto.json").exists()
    assert not (tmp_path / "junit.xml").exists()


# -------------------------------------------------------------------------------------------------------------- markdown


def test_what_a_target_sends_stays_code_in_markdown() -> None:
    for name in ("markdown", "comment"):
        text = rendered(sample_runs.hostile(), name).decode()
        spans = re.sub(r"(?ms)^(`{3,})[^`\n]*\n.*?^\1$", "", text)
        outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", spans)
        assert "<script" not in outside
        assert "onerror" not in outside
        assert not re.search(r"@everyone", outside)
        assert "](javascript" not in outside


# ------------------------------------------------------------------------------------------------------------------ curl

STUB = """
curl() {
  for word in "$@"; do printf '%s\\0' "$word"; done > args
  for word in "$@"; do if [ "$word" = @- ]; then cat > body; fi; done
}
closecheck() { printf 'forged-%s' "$2"; }
CLOSECHECK_TOKEN=token-a CLOSECHECK_UNPRIVILEGED_TOKEN=token-u CLOSECHECK_EXPIRED_TOKEN=token-e
"""
SHELLS = [shell for shell in ("sh", "bash", "dash", "busybox") if shutil.which(shell)]


def shell(command: str, folder: Path, name: str = "sh") -> tuple[list[str], bytes | None]:
    """Run a curl line in a shell in which curl writes down what it is given; return its arguments and its input."""
    for left in ("args", "body"):
        (folder / left).unlink(missing_ok=True)
    words = [name, "sh"] if name == "busybox" else [name]
    subprocess.run([*words, "-e"], input=f"{STUB}{command}\n".encode(), cwd=folder, check=True, capture_output=True, timeout=20)
    args = (folder / "args").read_bytes().split(b"\0")[:-1]
    body = (folder / "body").read_bytes() if (folder / "body").exists() else None
    return [one.decode() for one in args], body


def sent(request: SentRequest) -> ExchangeLine:
    return ExchangeLine(number=1, case="c", request=request, timing=Timing(0, 0))


def body_of(args: list[str], given_input: bytes | None) -> bytes:
    data = args[args.index("--data-binary") + 1] if "--data-binary" in args else ""
    return given_input or b"" if data == "@-" else data.encode()


def fields_of(args: list[str]) -> list[str]:
    return [args[at + 1] for at, word in enumerate(args) if word == "-H"]


@settings(modest, max_examples=80)
@given(
    body=st.binary(max_size=80) | strategies_runs.texts(200).map(str.encode) | st.binary(min_size=4000, max_size=9000),
    name=st.sampled_from(SHELLS),
)
@example(body=b"@/etc/passwd", name="sh")
@example(body=bytes(range(256)) * 30, name="sh")
@example(body=b"'" * 5000, name="sh")
@example(body=b"%s\\n\\0101\\c", name="sh")
@example(body=b"-n", name="sh")
def test_a_curl_line_sends_the_same_bytes(tmp_path_factory: pytest.TempPathFactory, body: bytes, name: str) -> None:
    request = SentRequest("POST", "http://h/p", (("Content-Type", "a/b"),), Body.of(body, limit=65_536), "none")

    line = curl(sent(request))

    assert visible(line) == line
    assert max(map(len, line.split("\n"))) < 4096
    args, given_input = shell(line, tmp_path_factory.getbasetemp(), name)
    assert body_of(args, given_input) == body


@settings(modest, max_examples=80)
@given(request=strategies_runs.requests())
def test_a_curl_line_is_one_command_with_the_recorded_fields(tmp_path_factory: pytest.TempPathFactory, request: SentRequest) -> None:
    line = curl(sent(request))
    if request.body.cut:
        assert not line
        return

    folder = tmp_path_factory.mktemp("curl", numbered=True)
    args, given_input = shell(line, folder)

    assert {path.name for path in folder.iterdir()} <= {"args", "body"}
    assert visible(line) == line
    assert body_of(args, given_input) == request.body.data
    fields = fields_of(args)
    for name, value in request.headers:
        if name.lower() not in {"authorization", "host", "content-length", "user-agent"} and value.rstrip("\n"):
            assert f"{name}: {value}".replace("\0", "").rstrip("\n") in fields


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        ("authorized", "Authorization: Bearer token-a"),
        ("unprivileged", "Authorization: Bearer token-u"),
        ("expired", "Authorization: Bearer token-e"),
        ("forged:alg-none", "Authorization: Bearer forged-alg-none"),
    ],
)
def test_a_token_comes_from_its_variable(tmp_path: Path, caller: str, expected: str) -> None:
    request = SentRequest("POST", "http://h/p", (("Authorization", "Bearer ***"),), Body(0), caller)

    assert expected in fields_of(shell(curl(sent(request)), tmp_path)[0])


def test_a_recorded_authorization_that_is_no_secret_stands_as_it_is(tmp_path: Path) -> None:
    request = SentRequest("POST", "http://h/p", (("Authorization", "Basic $x`y`"),), Body(0), "literal")

    assert "Authorization: Basic $x`y`" in fields_of(shell(curl(sent(request)), tmp_path)[0])


@pytest.mark.needs("curl")
@pytest.mark.parametrize("method", ["POST", "GET", "HEAD"])
@pytest.mark.parametrize("data", [b"", b"{}"], ids=["no body", "a body"])
@pytest.mark.parametrize(
    "framing",
    [{}, {"Content-Length": ""}, {"Transfer-Encoding": "chunked"}, {"Content-Type": "a/b", "Transfer-Encoding": "Chunked"}],
    ids=str,
)
def test_a_curl_line_runs_as_printed_and_ends(method: str, data: bytes, framing: dict[str, str]) -> None:
    fields = {
        **framing,
        **({"Content-Length": str(len(data))} if "Content-Length" in framing or (data and "Transfer-Encoding" not in framing) else {}),
    }
    # Where curl awaits a body that an answer to HEAD does not have, it would end by its own limit: here one comes.
    with RawServer(each(answer())) as server:
        request = SentRequest(method, f"{server.base_url}/p", tuple(fields.items()), Body.of(data, limit=99), "none")
        [got] = executed([sent(request)], server)

    found, _, received, body = split(got)
    assert (found, body) == (method, data)
    assert {name.lower(): value for name, value in fields.items() if name != "Content-Length"}.items() <= received.items()
    assert ("content-type" in received) == ("Content-Type" in fields)


@pytest.mark.slow
@pytest.mark.needs("curl")
def test_every_form_of_curl_line_of_a_faulty_run_runs_as_printed(tmp_path: Path) -> None:
    class Faulty(SmallTarget):
        def answer(self, method: str, fields: dict[str, str], body: bytes, number: int) -> bytes:
            return super().answer(method, fields, body, number) if b"e" in body[-40:] else answer("404 Not Found")

    target = Faulty()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("CLOSECHECK_", "SAIL_", "PYTEST_"))},
        "CLOSECHECK_TOKEN": target.token,
    }
    with RawServer(target.script) as server:
        words = [sys.executable, "-m", "closecheck", "run", "--base-url", server.base_url, "--reports", tmp_path, "--profile", "quick"]
        assert subprocess.run(words, env=environment, capture_output=True, timeout=120, check=False).returncode == 1
        run = read(tmp_path / "latest")
        witnesses = [one.witness for result in run.results for one in result.findings if one.witness]
        # One of each form: the options and the names of the fields, not their values.
        forms = {
            re.sub(r"'[^']*'", lambda one: one[0].partition(":")[0], line): exchange
            for exchange in [*run.exchanges.values(), *witnesses]
            if (line := curl(exchange))
        }
        chosen = list(forms.values())
        arrived = executed(chosen, server, CLOSECHECK_TOKEN=target.token)

    assert len(chosen) > 20
    for exchange, got in zip(chosen, arrived, strict=True):
        method, path, fields, body = split(got)
        request = exchange.request
        assert (method, path) == (request.method, f"/{request.url.split('/', 3)[3]}"), exchange.case
        assert body == request.body.data, exchange.case
        assert {name.lower() for name, _ in request.headers} - {"content-length", "transfer-encoding"} <= fields.keys(), exchange.case


def executed(exchanges: list[ExchangeLine], server: RawServer, **variables: str) -> list[bytes]:
    """Run curl lines one after the other with a terminal's open input; return what arrived of each. Each must end by itself."""
    arrived = []
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **variables}
    for exchange in exchanges:
        before = len(server.requests)
        line = curl(exchange)
        with subprocess.Popen(
            ["sh", "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        ) as process:
            try:
                process.wait(30)
            finally:
                process.kill()
            told = process.stderr.read().decode() if process.stderr else ""
        assert process.returncode in ({0, 28} if exchange.request.method == "HEAD" else {0}), (line, told)
        assert len(server.requests) == before + 1, (line, told)
        arrived.append(server.requests[-1])
    return arrived


def test_the_usual_line_reads_as_documented() -> None:
    fields = (("Host", "h"), ("Content-Type", "application/json"), ("Content-Length", "2"), ("Authorization", "Bearer ***"))
    request = SentRequest("POST", "http://h/p", (*fields, ("Accept", "*/*")), Body.of(b"{}", limit=9), "authorized")

    assert curl(sent(request)) == (
        "curl -sS -i -X POST 'http://h/p' -H 'Content-Type: application/json' "
        "-H \"Authorization: Bearer $CLOSECHECK_TOKEN\" -H 'Accept: */*' --data-binary '{}'"
    )


# ------------------------------------------------------------------------------------------------------------------ diff


def compared(old: Any, new: Any) -> list[str]:
    tape = sample_runs.Tape()
    base = tape.exchange("old", old, 202)
    number = tape.exchange("new", new, 202, base=base)
    run = tape.run()
    rows = edit(run.exchanges[base], run.exchanges[number])
    return [
        row.kind + "".join(f"[{piece.text}]" if piece.marked else piece.text for piece in row.pieces) for row in rows if row.kind in "+-"
    ]


A, B = "a" * 32, "0123456789abcdef" * 2


def test_an_added_member_is_the_only_edit() -> None:
    assert compared({"accessRequestIds": [A]}, {"accessRequestIds": [B], "message": None}) == ['+[  "message": null]']


def test_a_long_list_is_counted() -> None:
    shown = compared({"accessRequestIds": [A]}, {"accessRequestIds": sample_runs.ids("x", 501)})

    assert len(shown) == 2
    assert "501 ids: " in shown[1]


def test_an_edit_is_marked_in_whole_words() -> None:
    shown = compared({"accessRequestIds": sample_runs.ids("x", 500)}, {"accessRequestIds": sample_runs.ids("y", 501)})

    assert "[[500] ids: " in shown[0]
    assert "[[501] ids: " in shown[1]


def test_an_odd_item_stays_visible_in_a_long_list() -> None:
    many = sample_runs.ids("x", 40)

    shown = compared({"accessRequestIds": many}, {"accessRequestIds": [*many[:20], None, *many[20:]]})

    assert "20 ids: " in shown[1]
    assert "null" in shown[1]


@pytest.mark.parametrize(
    "value", ["[12345678901234567890]", "[1e400]", '["an id", -0.50]', '{"a": [1.0, "1.0"]}', "1e5", "[true, null, {}]"]
)
def test_a_number_is_shown_as_it_was_sent_and_never_in_quotes(value: str) -> None:
    body = f'{{"accessRequestIds": {value}}}'.encode()
    request = SentRequest("POST", "http://h/p", (), Body.of(body, limit=999), "authorized")

    assert request_line(sent(request)) == f"POST /p   accessRequestIds: {value} ({len(body)} bytes)"


def test_duplicate_names_stay_visible() -> None:
    assert pretty('{"a": 1, "a": 1.0e5}') == ["{", '  "a": 1,', '  "a": 1.0e5', "}"]


def test_a_truncated_body_is_compared_as_text() -> None:
    shown = compared(b'{"accessRequestIds": ["' + A.encode() + b'"]}', b'{"accessRequestIds": [')

    assert shown


def test_an_edit_of_white_space_is_shown() -> None:
    assert compared(b'{"a": "b"}', b'{"a":\x00"b"}')
    assert compared(b'{"a": "b"}', b'{"a":  "b"}') == ['-{"a": "b"}', '+{"a": [ ]"b"}']


def test_a_missing_header_is_shown() -> None:
    tape = sample_runs.Tape()
    base = tape.exchange("old", {}, 202)
    number = tape.exchange("new", {}, 202, base=base, caller="none")
    run = tape.run()

    rows = edit(run.exchanges[base], run.exchanges[number])

    assert [row.text for row in rows if row.kind == "-"] == ["Authorization: Bearer ***"]


# ------------------------------------------------------------------------------------------------------------- terminal


def printed(run: Run, width: int = 120) -> str:
    stream = io.StringIO()
    console = terminal(stream, {})
    console.width = width
    print_summary(run, console, Path("reports/latest"))
    return stream.getvalue()


@modest
@given(run=strategies_runs.runs())
def test_every_run_is_summarised(run: Run) -> None:
    text = printed(run)

    assert visible(text) == text
    assert "\x1b" not in text


@samples
def test_the_verdict_is_first_and_last(run: Run) -> None:
    lines = printed(run).rstrip("\n").split("\n")

    assert run.headline.startswith(lines[0][:60].rstrip())
    assert lines[-1].endswith(f"(exit {int(run.exit_code)})")


def test_what_was_not_selected_is_counted_and_not_listed() -> None:
    run = small_runs.run({"CAR-IDS-MAX": Status.FAIL, "CAR-IDS-MIN": Status.PASS}, selection="--only ids/501")
    others = [small_runs.requirement(f"CAR-X-{number}", Status.PASS, should=False, since="2026.1") for number in range(99)]
    catalogue = run.opening.catalogue
    opening = replace(run.opening, catalogue=replace(catalogue, requirements=(*catalogue.requirements, *others)))

    text = printed(Run([opening, *_lines(run)[1:]]))

    assert "  99 requirements not selected by --only ids/501\n" in text
    assert "CAR-X-" not in text


@pytest.mark.parametrize("width", [40, 80, 100, 120])
def test_ids_and_commands_are_whole_at_any_width(width: int) -> None:
    run = sample_runs.findings()

    text = printed(run, width)

    for result in run.results:
        if result.status in {Status.FAIL, Status.WARNING, Status.UNTESTED}:
            assert re.search(rf"{re.escape(result.requirement.id)}\b", text)
    assert "closecheck run --only ids/501 --target targets/example.yaml" in text


def test_a_pipe_is_wide_and_plain() -> None:
    assert terminal(io.StringIO(), {}).width == PIPE_WIDTH
    assert max(map(len, printed(sample_runs.findings()).split("\n"))) <= PIPE_WIDTH


class Clock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def broken(requirement: str, got: str = "202") -> Evidence:
    return Evidence(requirement, Outcome.BROKEN, "ids/501", finding=Finding("400", got))


@pytest.fixture
def catalogue() -> Any:
    return sample_runs.Tape().catalogue


def test_progress_in_a_pipe_is_a_line_now_and_then(catalogue: Any) -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(catalogue, stream=stream, environ={}, clock=clock, every=5)
    progress.started(1000)
    for done in range(100):
        clock.now += 0.1
        progress.sent(done)
    progress.sent(100, "the target asked to wait")
    progress.finished()

    assert stream.getvalue().splitlines() == ["sending 1,000 requests", "50 of 1,000 requests sent in 5.1 s"]


def test_a_long_wait_is_said_at_once_in_a_pipe(catalogue: Any) -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(catalogue, stream=stream, environ={}, clock=clock, every=5)
    progress.started(1000)
    progress.waiting(10, 1.0, "a moment")
    clock.now += 1
    progress.waiting(10, 60.0, "the target asked to wait (429, Retry-After)")
    clock.now += 10
    progress.waiting(10, 50.0, "the target asked to wait (429, Retry-After)")
    progress.finished()

    assert stream.getvalue().splitlines() == [
        "sending 1,000 requests",
        "10 of 1,000 requests sent in 1.0 s, waiting 60.0 s: the target asked to wait (429, Retry-After)",
        "10 of 1,000 requests sent in 11.0 s, waiting 50.0 s: the target asked to wait (429, Retry-After)",
    ]


def test_progress_does_not_count_what_was_sent_as_what_was_planned(catalogue: Any) -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(catalogue, stream=stream, environ={}, clock=clock, every=5)
    progress.started(329, 392)
    clock.now += 5
    progress.sent(818)

    lines = stream.getvalue().splitlines()
    assert lines[0] == "sending 329 single requests and 392 sequences"
    assert lines[1].startswith("818 requests sent in ")


def test_progress_counts_tests_once_one_is_done(catalogue: Any) -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(catalogue, stream=stream, environ={}, clock=clock, every=5)
    progress.started(10, 2)
    progress.sent(9)
    clock.now += 5
    progress.judged(7)
    clock.now += 5
    progress.sent(30)

    assert stream.getvalue().splitlines()[1:] == [
        "9 requests sent in 5.0 s, 7 of 12 tests done",
        "30 requests sent in 10.0 s, 7 of 12 tests done",
    ]


@pytest.mark.parametrize(
    ("sent", "judged", "words"),
    [
        (4, 0, "4 of 10 requests"),
        (10, 0, "10 requests"),
        (30, 0, "30 requests"),
        (30, 7, "7 of 12 tests done, 30 requests sent"),
        (50, 12, "12 of 12 tests done, 50 requests sent"),
    ],
)
def test_the_line_on_a_terminal_never_counts_beyond_what_is_known(catalogue: Any, sent: int, judged: int, words: str) -> None:
    stream = Terminal()
    progress = Progress(catalogue, stream=stream, environ={"TERM": "xterm", "COLUMNS": "120"})
    progress.started(10, 2)
    progress.sent(sent)
    if judged:
        progress.judged(judged)
    progress.finished()

    [*_, last] = re.findall(r"[━╸╺] (\d[^━\r]*?) \d:\d\d:\d\d", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()))
    assert last == words


def test_a_finding_is_shown_at_once_and_once(catalogue: Any) -> None:
    stream = io.StringIO()
    progress = Progress(catalogue, stream=stream, environ={}, clock=Clock())
    progress.finding(broken("CAR-IDS-MAX"))
    progress.finding(broken("CAR-IDS-MAX", "200"))

    assert stream.getvalue() == "FAIL  CAR-IDS-MAX  MUST   expected 400; got 202   case ids/501\n"


def test_a_broken_should_is_a_warning_unless_strict(catalogue: Any) -> None:
    should = next(one.id for one in catalogue.requirements if one.level is Level.SHOULD)
    said = {}
    for strict in (False, True):
        stream = io.StringIO()
        Progress(catalogue, strict=strict, stream=stream, environ={}).finding(broken(should))
        said[strict] = stream.getvalue().split()[0]

    assert said == {False: "WARN", True: "FAIL"}


def test_a_finding_is_annotated_on_github(catalogue: Any) -> None:
    stream = io.StringIO()
    progress = Progress(catalogue, stream=stream, environ={"GITHUB_ACTIONS": "true"})
    progress.finding(broken("CAR-IDS-MAX", "100%\n::error::forged\r"))

    annotations = [line for line in stream.getvalue().splitlines() if line.startswith("::")]
    assert annotations == ["::error title=CAR-IDS-MAX MUST::expected 400; got 100%25⟨LF⟩::error::forged⟨CR⟩   case ids/501"]


def test_annotations_stop_where_github_stops(catalogue: Any) -> None:
    stream = io.StringIO()
    progress = Progress(catalogue, stream=stream, environ={"GITHUB_ACTIONS": "true"})
    for requirement in catalogue.requirements[:30]:
        progress.finding(broken(requirement.id))

    assert stream.getvalue().count("::error") + stream.getvalue().count("::warning") == 10


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_is_one_line_that_goes_away(catalogue: Any) -> None:
    stream = Terminal()
    progress = Progress(catalogue, stream=stream, environ={"TERM": "xterm", "COLUMNS": "100"})
    progress.started(10)
    progress.sent(5, "the suite's own limit")
    progress.finding(broken("CAR-IDS-MAX", "[red]x[/red]"))
    progress.finished()

    assert "got [red]x[/red]" in stream.getvalue()


# ------------------------------------------------------------------------------------------------------------ page parts


@pytest.mark.parametrize(
    ("supply", "lines"),
    [
        ("credentials.expired: {token: …}", ["credentials:", "  expired: {token: …}"]),
        ("burst: true", ["burst: true"]),
        ("access_requests.pending", ["access_requests:", "  pending: …"]),
        (
            "access_requests.pending\naccess_requests.may_close: true\nobserve.search: true",
            ["access_requests:", "  pending: …", "  may_close: true", "observe:", "  search: true"],
        ),
        ("observe.search: true or observe.account_activities: true", ["observe.search: true or observe.account_activities: true"]),
        ("<script>\na sentence: with a colon", ["<script>", "a sentence: with a colon"]),
    ],
)
def test_what_is_to_be_supplied_is_nested_as_in_a_target_file(supply: str, lines: list[str]) -> None:
    assert supply_lines(supply) == lines


def test_what_a_choice_was_answered_alike_stands_together() -> None:
    observed = [
        "A UUID in capitals is accepted or refused: accepted",
        "An id of one digit is accepted or refused: refused",
        "An id of ten digits, is accepted or refused: accepted",
        "de, en-US",
    ]

    assert _by_answer(observed) == [
        ("accepted", ["a UUID in capitals", "an id of ten digits"]),
        ("refused", ["an id of one digit"]),
        ("de, en-US", []),
    ]


def test_a_clause_for_every_exchange_names_the_edit_that_another_finding_knows() -> None:
    tape = sample_runs.Tape()
    number = tape.exchange("body/null", b"null", 500, base=tape.base)
    tape.broken("CAR-OP-NO-500", "body/null", number, "no 5xx", "500")
    tape.broken("CAR-BODY-OBJECT", "body/null", number, "400", "500", "the whole body: null instead of an object")
    run = tape.run()
    result = next(one for one in run.results if one.requirement.id == "CAR-OP-NO-500")

    assert facts(run, result, result.findings[0]).change == "the whole body: null instead of an object"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (FailureKind.TIMEOUT, "the time limit passed before any answer had come"),
        (FailureKind.DROPPED, "the connection was closed before any answer had come"),
    ],
)
def test_a_lost_answer_says_how_it_was_lost(kind: FailureKind, words: str) -> None:
    assert Failure(kind, "before any answer had come").words == words


def test_a_report_says_which_failures_fewer_requests_would_have_missed():
    evidence = [
        Evidence(name, Outcome.BROKEN, "a case", exchanges=(number,), finding=Finding("this", "that"))
        for name, number in (("CAR-IDS-MAX", 20), ("CAR-IDS-MIN", 320), ("CAR-OP-ACCEPTS", 330))
    ]
    run = small_runs.run(dict.fromkeys(("CAR-IDS-MAX", "CAR-IDS-MIN", "CAR-OP-ACCEPTS"), Status.PASS), closing={"requests": 500})
    broken = Run([run.opening, *evidence, *filter(None, [run.closing])])

    assert budget_words(broken) == "Of fewer requests (--budget) 200 would have missed CAR-IDS-MIN, CAR-OP-ACCEPTS."
    assert budget_words(run) == ""


# -------------------------------------------------------------------------------------------------------- not applicable


@pytest.mark.parametrize("name", sorted(set(RENDERERS) - {"badge", "badge-svg", "har", "intoto"}))
def test_every_format_of_results_says_what_is_not_applicable_and_why(name: str) -> None:
    run = small_runs.run({"CAR-A": Status.PASS, "CAR-B": Status.NOT_APPLICABLE})
    text = rendered(run, name)
    told = text if isinstance(text, str) else text.decode()

    assert run.exit_code == 0
    assert re.search(r"not[- ]applicable", told)
    assert "no answer of this target has it" in told


def test_a_terminal_says_what_is_not_applicable_and_why() -> None:
    out = io.StringIO()
    print_summary(small_runs.run({"CAR-A": Status.PASS, "CAR-B": Status.NOT_APPLICABLE}), terminal(out, {}))

    assert "Not applicable\n  CAR-B  no answer of this target has it" in out.getvalue()
    assert "conformant: 1 of 2 requirements tested; 1 not applicable" in out.getvalue()


# ------------------------------------------------------------------------------------------------------- notes and causes

CAUSE = "what stands in front of the service answers 403 by itself"


def of_one_cause() -> Run:
    run = small_runs.run({"CAR-A": Status.FAIL, "CAR-B": Status.FAIL, "CAR-C": Status.FAIL, "CAR-D": Status.PASS})
    lines: list[Any] = [run.opening]
    for one in run.evidence:
        shares = one.finding is not None and one.requirement != "CAR-C"
        lines.append(replace(one, finding=replace(one.finding, cause=CAUSE)) if shares and one.finding else one)
    assert run.closing is not None
    return Run([*lines[:-1], replace(lines[-1], reason="held but for the status: refused with 422"), run.closing])


@pytest.mark.parametrize("name", ["html", "markdown", "json", "junit"])
def test_findings_of_one_cause_say_so_and_the_cause_is_told_with_its_requirements(name: str) -> None:
    text = rendered(of_one_cause(), name)
    told = text if isinstance(text, str) else text.decode()

    assert told.lower().count(CAUSE) >= 2
    assert "held but for the status" in told or name == "markdown"
    if name in {"html", "markdown"}:
        assert "one cause of findings against 2 requirements, CAR-A, CAR-B" in told


def test_the_causes_are_data_in_json() -> None:
    assert json.loads(rendered(of_one_cause(), "json"))["causes"] == [{"cause": CAUSE, "requirements": ["CAR-A", "CAR-B"]}]


def test_a_terminal_tells_a_cause_before_the_failures() -> None:
    out = io.StringIO()
    print_summary(of_one_cause(), terminal(out, {}))
    told = " ".join(out.getvalue().split())

    assert f"Common causes - {CAUSE}: one cause of findings against 2 requirements, CAR-A, CAR-B" in told
    assert told.index("Common causes") < told.index("Failures")
