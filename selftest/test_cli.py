"""The commands as people and gates run them: exit codes, words, files."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import jsonschema_rs
import pytest
from lifecycle_runs import modules_of_the_suite
from raw_server import RawServer, SmallTarget, answer, error

from closecheck.contract.specification import spec_folder
from closecheck.session.record import read

ROOT = Path(__file__).parents[1]
LONG = 120
"""Seconds after which a command is taken for hung; none needs a tenth of it on a machine of its own."""


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLOSECHECK_", "SAIL_", "PYTEST_"))}
    return {**kept, "NO_COLOR": "1", "COLUMNS": "100", **more}


def closecheck(*words, cwd=ROOT, **variables):
    command = [sys.executable, "-m", "closecheck", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=environment(**variables), capture_output=True, text=True, timeout=LONG, check=False)


def plain_pytest(*words, cwd=ROOT, **variables):
    command = [sys.executable, "-m", "pytest", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=environment(**variables), capture_output=True, text=True, timeout=LONG, check=False)


def judged(target, folder, *words, **variables):
    """Judge a small target; return (process, recorded run)."""
    with RawServer(target.script) as server:
        done = closecheck(
            "run",
            "--base-url",
            server.base_url,
            "--reports",
            folder,
            "--profile",
            "quick",
            *words,
            CLOSECHECK_TOKEN=target.token,
            **variables,
        )
    latest = folder / "latest"
    return done, read(latest) if latest.exists() else None


def said(done):
    return done.stdout + done.stderr


# ------------------------------------------------------------------------------------------------------ without a target


MISUSE = [
    (["explain", "CAR-NO-SUCH"], "no requirement CAR-NO-SUCH"),
    (["explain", "CAR-IDS-MAXX"], "CAR-IDS-MAX"),
    (["explain"], "Usage"),
    (["list", "--area", "idz"], 'Did you mean "ids"?'),
    (["run", "--no-such-option"], "--no-such-option"),
    (["no-such-command"], "no-such-command"),
    (["run", "--profile", "slow"], "profile"),
    (["run", "--only", "CAR-NO-SUCH"], "CAR-NO-SUCH"),
    (["run", "--only", "nothing/is/called/so"], "nothing/is/called/so"),
    (["run", "--target", "/no/such/file.yaml"], "/no/such/file.yaml"),
    (["plan", "--target", "/no/such/file.yaml"], "/no/such/file.yaml"),
    (["doctor", "--target", "/no/such/file.yaml"], "/no/such/file.yaml"),
    (["report", "/no/such/folder"], "/no/such/folder"),
    (["diff", "/no/such/folder", "/no/such/other"], "/no/such/folder"),
]


@pytest.fixture(scope="module")
def misused(tmp_path_factory):
    """What each misuse came to, by its words; several at a time, for each takes a second to start."""
    reports = tmp_path_factory.mktemp("misused") / "reports"

    def called(words):
        return closecheck(*words, *(["--reports", reports] if words[0] in {"run", "plan", "doctor"} else []))

    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(called, [words for words, _ in MISUSE]))
    assert not reports.exists()
    return {" ".join(words): done for (words, _), done in zip(MISUSE, ended, strict=True)}


@pytest.mark.parametrize(("words", "expected"), MISUSE, ids=[" ".join(words) for words, _ in MISUSE])
def test_misuse_ends_in_4_with_one_clear_line(misused, words, expected):
    done = misused[" ".join(words)]

    assert done.returncode == 4, said(done)
    assert expected in said(done)
    assert "Traceback" not in said(done)


def test_a_bad_target_file_is_named_with_its_line(tmp_path):
    file = tmp_path / "target.yaml"
    file.write_text("name: x\nbase_url: https://t.example\n\ncredentialz:\n  authorized: {token: a-token}\n")

    done = closecheck("run", "--target", file, "--reports", tmp_path / "reports")

    assert done.returncode == 4
    assert "target.yaml" in said(done)
    assert "line 4" in said(done) or ":4" in said(done)
    assert "credentials" in said(done)
    assert "Traceback" not in said(done)


def test_an_unknown_variable_is_an_error_that_names_the_nearest(tmp_path):
    done = closecheck("run", "--reports", tmp_path, CLOSECHECK_PROFIL="quick")

    assert done.returncode == 4
    assert "CLOSECHECK_PROFILE" in said(done)


def test_list_and_explain_know_every_requirement():
    listed = closecheck("list").stdout
    card = closecheck("explain", "CAR-IDS-MAX")

    assert len(set(re.findall(r"^  (CAR-[A-Z0-9-]+)", listed, re.MULTILINE))) >= 99
    assert card.returncode == 0
    assert "Spring" in card.stdout


@pytest.fixture(scope="module")
def tested():
    """Which requirement each test of a run judges, collected once for all."""
    from closecheck.suite import engine, plugin

    with modules_of_the_suite():
        return Counter(plugin.requirement_of(item) for item in engine.collect({})[1])


def test_every_requirement_has_a_test_and_a_whole_card(tested):
    from closecheck.commands.explain import Tested, card
    from closecheck.contract.specification import contract

    for one in contract().catalogue.requirements:
        shown = card(one.id, [Tested("test_x.py", "test_x", "It holds.", ("x/1",), ("p", ""))], ["some-fault"])

        assert tested[one.id], one.id
        titles = (
            "why",
            "contract",
            "test",
            "  cases",
            "parts",
            "rerun",
            "Express",
            "Spring",
            "ASP.NET Core",
            "Django",
            "fix",
            "faults",
            "see one",
        )
        assert [title for title in titles if not re.search(rf"^{re.escape(title)} +\S", shown, re.MULTILINE)] == []
        assert f"since edition {one.since}" in shown
        assert re.search(r"^contract +spec/openapi\.yaml line [1-9]", shown, re.MULTILINE)
        assert re.search(r"^(page|standard) +\S", shown, re.MULTILINE), one.id


def test_a_card_says_how_a_requirement_is_tested_and_which_faults_prove_it():
    from closecheck.commands.explain import explain

    with modules_of_the_suite():
        card = explain("CAR-IDS-MAX")

    assert 'page          Request, Body: accessRequestIds: "Accepts 1-500"' in card
    assert re.search(r"^test +tests/test_ids\.py: More than 500 different ids are a client error", card, re.MULTILINE)
    assert re.search(r"^  cases +\d+: ids/501, ids/502", card, re.MULTILINE)
    assert re.search(r"^  in +spec/cases/derived/ids\.yaml:\d+ \(first of \d+\)", card, re.MULTILINE)
    assert re.search(r"^parts +all must run: 501 \(1\), .*", card, re.MULTILINE)
    assert "no-upper-bound" in card
    assert "closecheck serve --fault " in card


@pytest.mark.parametrize(
    ("given", "kept"),
    [(("--area", "ids"), {"ids"}), (("--level", "should"), {"SHOULD"}), (("--area", "ids", "--level", "MUST"), {"ids", "MUST"})],
)
def test_list_keeps_what_is_asked_for(given, kept):
    told = json.loads(closecheck("list", "--format", "json", *given).stdout)
    lines = closecheck("list", *given).stdout

    jsonschema_rs.validator_for(json.loads((spec_folder() / "schemas" / "list.schema.json").read_bytes())).validate(told)
    assert told["requirements"]
    assert all(kept <= {one["area"], one["level"]} for one in told["requirements"])
    assert re.findall(r"^  (CAR-[A-Z0-9-]+)", lines, re.MULTILINE) == [one["id"] for one in told["requirements"]]
    assert told["choices"] == []


def test_the_whole_list_is_the_whole_catalogue():
    from closecheck.commands.explain import as_json, selected
    from closecheck.contract.specification import contract

    told = json.loads(as_json(selected()))

    assert {one["id"] for one in told["requirements"]} == contract().ids
    assert [one["id"] for one in told["choices"]] == [one.id for one in contract().catalogue.choices]
    assert all(one["line"] for one in told["requirements"])


def test_an_unknown_edition_ends_in_4_before_anything_is_sent(tmp_path):
    for command in ("run", "plan"):
        done = closecheck(command, "--edition", "1999.1", "--reports", tmp_path / command)

        assert done.returncode == 4
        assert "there is no edition 1999.1. Write one of 2026.1" in said(done)
        assert not (tmp_path / command).exists()


# ------------------------------------------------------------------------------------------------------------ exit codes


class TakesTooMany(SmallTarget):
    """Accepts any number of ids."""

    def answer(self, method, fields, body, number):
        if body.count(b",") >= 500:
            return answer()
        return super().answer(method, fields, body, number)


def test_a_selection_that_holds_ends_in_5_and_the_rest_is_untested(tmp_path):
    done, run = judged(SmallTarget(), tmp_path, "--only", "CAR-IDS-MAX")

    assert done.returncode == 5, said(done)
    assert run.exit_code == 5
    status = {one.requirement.id: one.status for one in run.results}
    assert status.pop("CAR-IDS-MAX") == "pass"
    assert set(status.values()) == {"untested"}
    assert "CAR-IDS-MAX" in run.opening.selection
    assert json.loads((tmp_path / "latest" / "report.json").read_text())["exit_code"] == 5


def test_a_selected_failure_ends_in_1(tmp_path):
    done, run = judged(TakesTooMany(), tmp_path, "--only", "CAR-IDS-MAX", "--only", "CAR-IDS-MIN")

    assert done.returncode == 1, said(done)
    assert "FAIL" in done.stdout
    assert "CAR-IDS-MAX" in done.stdout
    assert [one.requirement.id for one in run.results if one.status == "fail"] == ["CAR-IDS-MAX"]


def test_a_stale_waiver_fails_the_run_and_is_pointed_at_as_its_file_is_written(tmp_path):
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "waivers.yaml").write_text("- {requirement: CAR-IDS-MAX, reason: a, owner: b, issue: c, expires: 2999-01-01}\n")
    (tmp_path / "ours" / "target.yaml").write_text("name: small\nwaivers: waivers.yaml\n")

    words = ["--target", "ours/target.yaml", "--only", "CAR-IDS-MAX"]
    done, run = judged(SmallTarget(), tmp_path / "reports", *words, cwd=tmp_path, PYTHONPATH=str(ROOT), GITHUB_ACTIONS="true")

    assert done.returncode == 1
    assert "\n::error file=ours/waivers.yaml,line=1,endLine=1,title=waiver of CAR-IDS-MAX::CAR-IDS-MAX was tested and holds" in said(done)
    assert run.closing.waiver_faults == ("ours/waivers.yaml, line 1: CAR-IDS-MAX was tested and holds; delete these lines.",)
    assert {one.value for one in run.opening.settings if one.name == "waivers"} == {"ours/waivers.yaml"}


def test_a_case_can_be_selected_by_its_id(tmp_path):
    done, run = judged(TakesTooMany(), tmp_path, "--only", "ids/501")

    assert done.returncode == 1
    assert {one.case for one in run.exchanges.values()} >= {"ids/501", "ids/500", "accepted/one-id"}
    assert len(run.exchanges) == 6


def test_what_was_edited_is_recorded_of_a_choice_too_and_told_where_another_clause_is_broken(tmp_path):
    class FailsOnNul(SmallTarget):
        def answer(self, method, fields, body, number):
            return error("500 Internal Server Error", "no", number) if rb"\u0000" in body else super().answer(method, fields, body, number)

    _, run = judged(FailsOnNul(), tmp_path, "--only", "message/choice-nul")

    [sent] = [one for one in run.exchanges.values() if one.case == "message/choice-nul"]
    assert run.exchanges[sent.base].case == "message/ascii"
    assert sent.change == "message: a text with NUL inside instead of plain words"
    [broken] = next(one for one in run.results if one.requirement.id == "CAR-OP-NO-500").findings
    assert broken.witness.number == sent.number
    assert f"The one edit: <strong><bdi>{sent.change}</bdi></strong>" in (tmp_path / "latest" / "index.html").read_text()


def test_on_a_terminal_the_tests_are_counted_and_not_the_requests_against_themselves(tmp_path):
    ours, theirs = os.openpty()
    words = ["run", "--profile", "quick", "--only", "CAR-IDS-*", "--reports", str(tmp_path)]
    shown = b""
    with RawServer(SmallTarget().script) as server:
        command = [sys.executable, "-m", "closecheck", *words, "--base-url", server.base_url]
        told = environment(CLOSECHECK_TOKEN=SmallTarget().token, TERM="xterm", COLUMNS="120")
        with subprocess.Popen(command, cwd=ROOT, env=told, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs):
            os.close(theirs)
            # A terminal that nobody holds any more is an error to read.
            with suppress(OSError):
                while part := os.read(ours, 65536):
                    shown += part
    os.close(ours)

    done, tests, sent = re.findall(rb"(\d+) of (\d+) tests done, (\d+) requests sent", shown)[-1]
    assert int(done) == int(tests) - 1
    assert int(sent) == len(read(tmp_path / "latest").exchanges)


def test_a_warning_fails_only_when_strict(tmp_path):
    class TakesEntries(SmallTarget):
        def answer(self, method, fields, body, number):
            return (
                answer()
                if body.count(b",") == 500 and len(set(json.loads(body)["accessRequestIds"])) == 500
                else super().answer(method, fields, body, number)
            )

    plain, _ = judged(TakesEntries(), tmp_path / "plain", "--only", "CAR-IDS-MAX-ENTRIES")
    strict, _ = judged(TakesEntries(), tmp_path / "strict", "--only", "CAR-IDS-MAX-ENTRIES", "--strict")

    assert (plain.returncode, strict.returncode) == (5, 1)
    assert "WARN" in plain.stdout


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (lambda peer: [peer.send(error("404 Not Found", "no", 1)) for _ in iter(peer.request, b"")], ["404", "base_url"]),
        (lambda peer: [peer.send(answer("401 Unauthorized", b'{"error":"x"}')) for _ in iter(peer.request, b"")], ["401", "credentials.authorized"]),
        (lambda peer: [peer.send(answer("307 See", b"", "Location: https://x.example/v3/access-requests/close")) for _ in iter(peer.request, b"")], ["redirects", "https://x.example/v3"]),
    ],
    ids=["404", "401", "redirect"],
)  # fmt: skip
def test_where_there_is_nothing_to_judge_the_run_ends_in_4(tmp_path, script, words):
    with RawServer(script) as server:
        done = closecheck("run", "--base-url", server.base_url, "--reports", tmp_path, CLOSECHECK_TOKEN="a-working-token")

    assert done.returncode == 4, said(done)
    assert [word for word in words if word not in said(done)] == [], said(done)
    assert "Traceback" not in said(done)
    assert read(tmp_path / "latest").exit_code == 4


def test_a_host_that_cannot_be_reached_ends_in_4(tmp_path):
    with RawServer(lambda peer: None) as server:
        url = server.base_url

    done = closecheck("run", "--base-url", url, "--reports", tmp_path, CLOSECHECK_TOKEN="a-working-token")

    assert done.returncode == 4, said(done)
    assert "cannot be reached" in said(done)


BROKEN_EXTENSION = "def pytest_closecheck_exchange(exchange):\n    raise RuntimeError('the extension fell over')\n"


def test_a_fault_of_the_suite_ends_in_3_also_where_a_failure_was_found(tmp_path):
    (tmp_path / "own.py").write_text(BROKEN_EXTENSION.replace("    raise", "    if exchange.case == 'ids/1500': raise"))
    target = TakesTooMany()
    with RawServer(target.script) as server:
        file = tmp_path / "target.yaml"
        file.write_text(f"base_url: {server.base_url}\nextension: own.py\ncredentials: {{authorized: {{token: {target.token}}}}}\n")
        done = closecheck("run", "--target", file, "--reports", tmp_path / "reports", "--only", "CAR-IDS-MAX")

    run = read(tmp_path / "reports" / "latest")
    assert done.returncode == 3, said(done)
    assert run.exit_code == 3
    assert "the extension fell over" in run.closing.suite_fault
    assert (tmp_path / "reports" / "latest" / "index.html").exists()


def test_an_extension_that_cannot_be_imported_ends_in_4(tmp_path):
    (tmp_path / "own.py").write_text("import no_such_module\n")
    file = tmp_path / "target.yaml"
    file.write_text("base_url: http://127.0.0.1:9\nextension: own.py\ncredentials: {authorized: {token: some-token}}\n")

    done = closecheck("run", "--target", file, "--reports", tmp_path / "reports", "--only", "CAR-IDS-MAX")

    assert done.returncode == 4, said(done)
    assert "no_such_module" in said(done)


# ------------------------------------------------------------------------------------------------------- interruptions


def interrupted(script_of, tmp_path, *words, by=signal.SIGINT):
    """Run a target, interrupt the run once the target says so, and return (exit code, output, recorded run)."""
    now = threading.Event()
    target = SmallTarget()
    with RawServer(script_of(target, now)) as server:
        command = [
            sys.executable,
            "-m",
            "closecheck",
            "run",
            "--base-url",
            server.base_url,
            "--reports",
            tmp_path,
            "--timeout",
            "2",
            *words,
        ]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(CLOSECHECK_TOKEN=target.token), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            assert now.wait(LONG)
            process.send_signal(by)
            output, _ = process.communicate(timeout=25)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
    return process.returncode, output, read(tmp_path / "latest")


def after(requests, then):
    def script_of(target, now):
        count = iter(range(10**9))

        def script(peer):
            while request := peer.request():
                if next(count) >= requests:
                    then(peer, now)
                    return
                peer.send(target(request))

        return script

    return script_of


def hangs(peer, now):
    now.set()
    peer.wait_gone()


def throttles(peer, now):
    peer.send(answer("429 Too Many Requests", b'{"message": "later"}', "Retry-After: 50"))
    now.set()
    peer.wait_gone()


@pytest.mark.parametrize(("then", "by"), [(hangs, signal.SIGINT), (throttles, signal.SIGINT), (hangs, signal.SIGTERM)])
def test_ctrl_c_and_sigterm_end_the_run_soon_in_2_with_what_was_seen(tmp_path, then, by):
    code, output, run = interrupted(after(60, then), tmp_path, by=by)

    assert code == 2, output
    assert "Traceback" not in output
    assert not run.complete
    assert run.exit_code == 2
    assert run.closing.interrupted
    assert len(run.exchanges) >= 20
    assert "interrupted" in (tmp_path / "latest" / "summary.md").read_text().lower()
    report = json.loads((tmp_path / "latest" / "report.json").read_text())
    assert report["exit_code"] == 2


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_proof_ends_soon_and_leaves_no_process_behind(tmp_path, by):
    command = [sys.executable, "-m", "closecheck", "prove", "--sample", "40", "--write", tmp_path / "proof.md"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            first = process.stdout.readline()
            process.send_signal(by)
            # The pipe is open for as long as one of its processes has it.
            output, _ = process.communicate(timeout=25)
        finally:
            process.kill()

    assert first == "40 targets, 2 at a time\n"
    if by is not signal.SIGKILL:
        assert process.returncode == 2
        assert "of 40 targets were not judged" in output
    assert not list(tmp_path.iterdir())


# -------------------------------------------------------------------------------------------------- around a run, again


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two runs of one seed and mark against one server, at the same time; and one of a worse target."""
    folder = tmp_path_factory.mktemp("two")
    words = [
        "--only",
        "CAR-IDS-MAX",
        "--only",
        "CAR-IDS-MIN",
        "--only",
        "CAR-AUTH-MISSING",
        "--only",
        "CAR-BODY-OBJECT",
        "--profile",
        "quick",
        "--seed",
        "7",
        "--mark",
        "0123456789",
    ]

    good, bad = SmallTarget(), TakesTooMany()
    with RawServer(good.script) as server, RawServer(bad.script) as worse, ThreadPoolExecutor(3) as pool:
        jobs = [
            pool.submit(closecheck, "run", "--base-url", url, "--reports", folder / name, *words, CLOSECHECK_TOKEN=good.token)
            for name, url in (("first", server.base_url), ("second", server.base_url), ("worse", worse.base_url))
        ]
        codes = [job.result().returncode for job in jobs]
    return folder, codes


VARYING = {"started", "seconds", "timing", "settings", "at"}


def normalised(value):
    match value:
        case dict():
            return {name: normalised(one) for name, one in value.items() if name not in VARYING}
        case list():
            return [normalised(one) for one in value]
        case str():
            return re.sub(r'("trackingId": ")[0-9a-f]{32}', r"\1", value)
        case _:
            return value


def test_two_runs_of_one_seed_tell_the_same_story(two):
    folder, _ = two
    first, second = (
        [normalised(json.loads(line)) for line in (folder / name / "latest" / "run.jsonl").read_bytes().splitlines()]
        for name in ("first", "second")
    )

    assert len(first) > 50
    assert first == second


def test_latest_points_at_the_newest_run(two):
    folder, _ = two
    latest = folder / "first" / "latest"

    assert latest.is_symlink()
    assert not latest.readlink().is_absolute()
    assert latest.resolve().parent == (folder / "first").resolve()


def test_report_renders_a_recorded_run_again_byte_for_byte(two):
    folder = (two[0] / "first" / "latest").resolve()
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    for file in folder.iterdir():
        if file.name != "run.jsonl":
            file.unlink()

    done = closecheck("report", folder)

    assert done.returncode == 0, said(done)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_diff_ends_in_1_only_on_a_regression(two):
    folder, codes = two
    good, again, worse = (folder / name / "latest" for name in ("first", "second", "worse"))

    same, regressed, fixed = closecheck("diff", good, again), closecheck("diff", good, worse), closecheck("diff", worse, good)

    assert codes == [5, 5, 1]
    assert (same.returncode, regressed.returncode, fixed.returncode) == (0, 1, 0)
    assert "no difference" in same.stdout
    assert re.search(r"regression\s+CAR-IDS-MAX", regressed.stdout)
    assert re.search(r"fixed\s+CAR-IDS-MAX", fixed.stdout)


def test_plan_sends_nothing_and_writes_nothing(tmp_path):
    with RawServer(SmallTarget().script) as server:
        done = closecheck("plan", "--base-url", server.base_url, "--reports", tmp_path / "reports", CLOSECHECK_TOKEN="a-working-token")

        assert server.connections == 0
    assert done.returncode == 0, said(done)
    assert "requests" in done.stdout
    assert "the worst that could happen" in done.stdout
    assert not (tmp_path / "reports").exists()


def test_doctor_says_that_a_run_can_begin(tmp_path):
    with RawServer(SmallTarget().script) as server:
        done = closecheck("doctor", "--base-url", server.base_url, cwd=tmp_path, CLOSECHECK_TOKEN=SmallTarget().token)

    assert done.returncode == 0, said(done)
    assert "a run can begin" in done.stdout
    assert not (tmp_path / "reports").exists()


def test_doctor_says_what_to_change(tmp_path):
    class Echo(SmallTarget):
        def answer(self, method, fields, body, number):
            said_back = fields.get("authorization", "").encode()
            return answer("401 Unauthorized", b'{"error": "' + said_back + b'"}')

    with RawServer(Echo().script) as server:
        done = closecheck("doctor", "--base-url", server.base_url, cwd=tmp_path, CLOSECHECK_TOKEN="a-token-that-is-secret")

    assert done.returncode == 4
    assert "credentials.authorized" in done.stdout
    assert "a-token-that-is-secret" not in said(done)


def test_no_secret_is_printed_when_the_target_says_it_back(tmp_path):
    class Echo(SmallTarget):
        def answer(self, method, fields, body, number):
            told = fields.get("authorization", "").encode()
            return (
                answer("500 Internal Server Error", b'{"said": "' + told + b'"}')
                if body == b"{}"
                else super().answer(method, fields, body, number)
            )

    target = Echo(token="a-token-that-is-secret")
    done, _ = judged(target, tmp_path, "--only", "CAR-IDS-REQUIRED", "--only", "CAR-OP-NO-500")

    assert "CAR-OP-NO-500" in done.stdout
    assert target.token not in said(done)


# ------------------------------------------------------------------------------------------------------- plain pytest


def test_plain_pytest_judges_a_target_in_a_checkout(tmp_path):
    target = TakesTooMany()
    with RawServer(target.script) as server:
        file = tmp_path / "target.yaml"
        file.write_text(f"base_url: {server.base_url}\ncredentials: {{authorized: {{token: {target.token}}}}}\n")
        done = plain_pytest(f"--target={file}", f"--reports={tmp_path / 'reports'}", "-k", "more_than_500")

    assert done.returncode == 1, said(done)
    assert "CAR-IDS-MAX" in done.stdout
    assert "ids/501" in done.stdout
    assert "INTERNALERROR" not in said(done)
    assert read(tmp_path / "reports" / "latest").opening.selection == "-k more_than_500"


def test_tests_and_selftest_together_are_refused_with_a_reason():
    done = plain_pytest("tests/test_ids.py", "selftest/test_waivers.py")

    assert done.returncode == 4, said(done)
    assert "pytest selftest" in said(done)
    assert "INTERNALERROR" not in said(done)


def test_the_selftests_run_alone_from_the_root():
    done = plain_pytest("selftest/test_waivers.py", "-q")

    assert done.returncode == 0, said(done)


def test_processes_are_refused():
    if "-n" not in plain_pytest("--help").stdout.split():
        pytest.skip("pytest-xdist is not installed")
    done = plain_pytest("-n", "2")

    assert done.returncode == 4
    assert "--concurrency" in said(done)


def test_collecting_sends_nothing(tmp_path):
    done = plain_pytest("--collect-only", "-q", "-k", "ids", f"--reports={tmp_path / 'reports'}")

    assert done.returncode == 0, said(done)
    assert not (tmp_path / "reports").exists()
