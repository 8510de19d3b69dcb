"""No answer of a target, no terminal and no file ends a command in a traceback, or in a code that means something else."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from raw_server import RawServer, SmallTarget, answer

from closecheck.judging.exchange import NotJson, parse
from closecheck.model import Evidence, Finding, Note, Outcome, encode
from closecheck.model.errors import unforeseen

ROOT = Path(__file__).parents[1]
LONG = 120


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLOSECHECK_", "SAIL_", "PYTEST_", "PYTHONIO"))}
    return {**kept, "NO_COLOR": "1", "COLUMNS": "100", **more}


def closecheck(*words, cwd=ROOT, **variables):
    command = [sys.executable, "-m", "closecheck", *map(str, words)]
    return subprocess.run(
        command, cwd=cwd, env=environment(**variables), capture_output=True, stdin=subprocess.DEVNULL, timeout=LONG, check=False
    )


def said(done):
    return (done.stdout + done.stderr).decode("utf-8", "replace")


class Odd(SmallTarget):
    """Answers with odd bodies, or with odd header fields, what it would have answered with plain ones."""

    def __init__(self, bodies=None, *fields):
        super().__init__()
        self.bodies = bodies or {}
        self.fields = fields

    def answer(self, method, fields, body, number):
        data = super().answer(method, fields, body, number)
        head, _, plain = data.partition(b"\r\n\r\n")
        status = head.partition(b"\r\n")[0].decode().partition(" ")[2]
        kept = [line.decode() for line in head.split(b"\r\n")[1:] if not line.lower().startswith((b"content-length", b"content-type"))]
        odd = self.bodies.get(int(status[:3]), lambda _: plain)(number)
        made = answer(status, odd, *kept)
        return made.replace(b"\r\n", b"\r\n" + b"".join(field + b"\r\n" for field in self.fields), 1)


def error_object(number, **members):
    message = {"locale": "en-US", "localeOrigin": "DEFAULT", "text": "no such request"}
    return {"detailCode": "400", "trackingId": f"{number:032x}", "messages": [message], "causes": [], **members}


def told(**members):
    return lambda number: json.dumps(error_object(number, **members)).encode()


def message(**members):
    return [{"locale": "en-US", "localeOrigin": "DEFAULT", "text": "no such request", **members}]


def nested(number, depth=900):
    return (
        json.dumps(error_object(number, detailCode=0)).encode().replace(b'"detailCode": 0', b'"detailCode": ' + b"[" * depth + b"]" * depth)
    )


ODD = {
    "half a surrogate pair everywhere": Odd(
        {
            202: lambda _: b'{"\\udfff": "\\ud800"}',
            400: told(
                detailCode="\udfff",
                messages=message(locale="\udfff", text="\udfff", localeOrigin="\udfff"),
                causes=message(locale="\udfff"),
            ),
            401: lambda _: b'{"error": "\\udfff"}',
        }
    ),
    "a tracking id of half a surrogate pair": Odd({400: lambda _: json.dumps(error_object(0, trackingId="\udfff")).encode()}),
    "numbers of five thousand digits": Odd(
        {202: lambda _: b'{"n": %b}' % (b"9" * 5000), 400: lambda _: b'{"detailCode": %b, "trackingId": 1e400}' % (b"9" * 5000)}
    ),
    "an error nested 900 deep": Odd({400: nested, 401: nested}),
    "an error nested as deep as is walked through": Odd({400: lambda number: nested(number, 499), 401: lambda number: nested(number, 499)}),
    "letters that only look like a language tag": Odd(
        {400: told(messages=message(locale="\u017fe-\u0661\u0662\u0663", localeOrigin="REQUEST"))}
    ),
    "header fields that are no text": Odd(None, b"X-Odd: \xff\xfe\x80", b"Server: \x85\xff", b"Date: \xff", b"RateLimit-Reset: 1e999"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_a_target_sends_never_ends_a_run(name, tmp_path):
    target = ODD[name]
    with RawServer(target.script) as server:
        done = closecheck("run", "--base-url", server.base_url, "--reports", tmp_path, "--profile", "quick", CLOSECHECK_TOKEN=target.token)

    assert done.returncode in {1, 5}, said(done)
    assert "Traceback" not in said(done)


DATES = {
    "two fields": (b"Date: Mon, 05 Jan 2026 00:00:00 GMT", b"Date: nonsense"),
    "no date": (b"Date: soon",),
    "bytes": (b"Date: \xff\xfe",),
    "ISO 8601": (b"Date: 2026-01-05T00:00:00Z",),
    "a year beyond all": (b"Date: Fri, 99 Foo 99999 99:99:99 GMT",),
    "beyond the calendar": (b"Date: Fri, 31 Dec 9999 23:59:59 -2359",),
    "without a zone": (b"Date: Mon, 05 Jan 2026 00:00:00 -0000",),
    "the year 1": (b"Date: Mon, 01 Jan 0001 00:00:00 -0000",),
}


@pytest.mark.parametrize("name", DATES)
def test_the_doctor_reads_any_date(name):
    target = Odd(None, *DATES[name])
    with RawServer(target.script) as server:
        done = closecheck("doctor", "--base-url", server.base_url, CLOSECHECK_TOKEN=target.token)

    assert done.returncode == 0, said(done)
    assert re.search("cannot be read|the target's clock is", said(done))
    assert "a run can begin" in said(done)


def test_the_doctor_shows_what_a_target_sent_and_lets_it_move_no_cursor():
    class Moving(SmallTarget):
        def answer(self, method, fields, body, number):
            return super().answer(method, fields, body, number).replace(b"202 Accepted", b"202 \x1b[2JAccepted")

    target = Moving()
    with RawServer(target.script) as server:
        done = closecheck("doctor", "--base-url", server.base_url, CLOSECHECK_TOKEN=target.token)

    assert done.returncode == 0, said(done)
    assert "\x1b" not in said(done)
    assert "ESC" in said(done)


# ------------------------------------------------------------------------------------------------------------- in memory


@pytest.mark.parametrize(
    "line",
    [
        Evidence("CAR-ERROR-LOCALE-TAG", Outcome.BROKEN, "case", finding=Finding("a tag", '"\udfff"')),
        Note("reason", "a half \ud800 of a pair"),
    ],
    ids=["a finding", "a note"],
)
def test_half_a_surrogate_pair_is_written_as_its_escape(line):
    assert re.search(rb"\\\\ud(fff|800)", encode(line))


def test_numbers_of_any_length_are_json():
    assert parse(b'{"n": %b}' % (b"9" * 5000)) == {"n": float("inf")}


@pytest.mark.parametrize("text", [b"[" * 900 + b"]" * 900, b'{"a": ' * 900 + b"1" + b"}" * 900, b"[" * 100_000 + b"]" * 100_000])
def test_what_is_nested_too_deeply_is_not_walked_through(text):
    with pytest.raises(NotJson, match="nested"):
        parse(text)


def test_wide_bodies_are_not_deep_ones():
    assert len(parse(b"[%b[]]" % (b"[[]]," * 1000))) == 1001


def test_an_unforeseen_error_names_the_place_and_quotes_nothing():
    try:
        parse(None)  # type: ignore[arg-type]
    except (AttributeError, TypeError) as caught:
        words = unforeseen(caught)

    assert re.search(r"(Attribute|Type)Error in judging/exchange\.py, line \d+ \(\w+\)", words)
    assert "report" in words
    assert "\n" not in words
    assert "None" not in words


def test_what_nobody_foresaw_is_one_sentence_and_3(tmp_path):
    program = tmp_path / "broken.py"
    program.write_text(
        "import closecheck.commands.explain, closecheck.commands.plan, closecheck.commands.doctor, closecheck.session.preflight\n"
        "def fail(*_, **__): raise ZeroDivisionError('hush-hush-secret')\n"
        "closecheck.commands.explain.listing = closecheck.commands.plan.planned = closecheck.commands.doctor.describe = closecheck.session.preflight.probe = fail\n"
        "from closecheck.__main__ import main\n"
        "main()\n"
    )
    for words in (["list"], ["plan"], ["doctor", "--reports", tmp_path], ["run", "--reports", tmp_path, "--profile", "quick"]):
        done = subprocess.run(
            [sys.executable, program, *map(str, words)], cwd=ROOT, env=environment(), capture_output=True, timeout=LONG, check=False
        )

        assert done.returncode == 3, (words, said(done))
        assert "ZeroDivisionError" in said(done), words
        assert "Traceback" not in said(done), words
        assert "report" in said(done).lower(), words


# ------------------------------------------------------------------------------------------------ terminals and folders


@pytest.mark.parametrize("encoding", ["ascii:strict", "latin-1"])
def test_terminals_of_any_encoding_show_every_command(encoding, tmp_path):
    latest = tmp_path / "latest"
    commands = [["run", "--profile", "quick", "--only", "CAR-IDS-MAX", "--reports", tmp_path], ["matrix", latest]]
    if encoding.startswith("ascii"):  # which has all that the other lacks
        commands += [["list"], ["explain", "CAR-IDS-MAX"], ["plan"], ["doctor"], ["run", "--help"]]
        commands += [["report", latest], ["diff", latest, latest], ["compare", "spec/openapi.yaml"]]
    for words in commands:
        done = closecheck(*words, PYTHONIOENCODING=encoding)

        assert done.returncode in {0, 1, 5}, (words, said(done))
        assert b"Traceback" not in done.stderr, words
        shown = (done.stdout + done.stderr).decode(encoding.partition(":")[0])
        assert not re.search(r"\\u[0-9a-f]{4}|\?\?", shown), words


def test_a_reader_that_has_gone_changes_no_exit_code(tmp_path):
    def piped(*words):
        line = f"{sys.executable} -m closecheck {' '.join(words)} | head -1 >/dev/null; exit ${{PIPESTATUS[0]}}"
        return subprocess.run(["bash", "-c", line], cwd=ROOT, env=environment(), capture_output=True, timeout=LONG, check=False)

    whole = ["run", "--profile", "quick", "--only", "CAR-IDS-MAX", "--reports", str(tmp_path)]
    ended = [piped("list", "--format", "json"), piped("explain", "CAR-IDS-MAX"), piped("plan"), piped(*whole)]

    assert [done.returncode for done in ended[:3]] == [0, 0, 0]
    assert ended[3].returncode == closecheck(*whole).returncode
    assert [done.stderr for done in ended[:3]] == [b"", b"", b""]


def test_an_output_that_cannot_be_written_is_no_success():
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full is not there")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "closecheck", "list"],
            cwd=ROOT,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=LONG,
            check=False,
        )

    assert done.returncode == 4
    assert b"could not be written" in done.stderr
    assert b"Traceback" not in done.stderr


def test_closed_streams_do_no_harm():
    line = f"{sys.executable} -m closecheck list >&- 2>&-"

    assert subprocess.run(["bash", "-c", line], cwd=ROOT, env=environment(), timeout=LONG, check=False).returncode == 0


def test_a_folder_for_reports_that_cannot_be_made_is_named(tmp_path):
    file = tmp_path / "a-file"
    file.write_text("")

    done = closecheck("run", "--profile", "quick", "--reports", file / "reports")

    assert done.returncode == 4, said(done)
    assert str(file) in said(done)
    assert "Traceback" not in said(done)


def test_a_folder_that_is_gone_is_said(tmp_path):
    gone = tmp_path / "gone"
    line = f"mkdir {gone} && cd {gone} && rmdir {gone} && exec {sys.executable} -P -m closecheck list"

    done = subprocess.run(["bash", "-c", line], env=environment(PYTHONPATH=str(ROOT)), capture_output=True, timeout=LONG, check=False)

    assert done.returncode == 4, said(done)
    assert "the current folder" in said(done)
    assert "Traceback" not in said(done)


# ------------------------------------------------------------------------------------------------------ encrypted keys

PASSWORD = "open-sesame-of-the-tests"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder with a server's certificate, a client's, and the client's key, plain and encrypted."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("server", "client"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
            check=True, capture_output=True,
        )  # fmt: skip
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", folder / "client.key", "-out", folder / "encrypted.key", "-passout", f"pass:{PASSWORD}"],
        check=True,
        capture_output=True,
    )
    (folder / "both.pem").write_text((folder / "encrypted.key").read_text() + (folder / "client.pem").read_text())
    (folder / "nonsense.pem").write_text("no certificate")
    return folder


def told_by_the_doctor(keys, tls, **variables):
    """Ask a target that wants a client's certificate; return what the doctor came to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "server.pem", keys / "server.key")
    context.load_verify_locations(keys / "client.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    target = SmallTarget()
    with RawServer(target.script, context) as server:
        file = keys / "target.yaml"
        file.write_text(
            f'base_url: {server.base_url}\ncredentials: {{authorized: {{token: "${{T}}"}}}}\ntls: {{ca_file: server.pem, {tls}}}\n'
        )
        return closecheck("doctor", "--target", file, T=target.token, **variables)


@pytest.mark.parametrize("files", ["client_cert: client.pem, client_key: encrypted.key", "client_cert: both.pem"])
def test_an_encrypted_key_is_opened_with_its_password(keys, files):
    done = told_by_the_doctor(keys, files + ', client_key_password: "${KEY_PASSWORD}"', KEY_PASSWORD=PASSWORD)

    assert done.returncode == 0, said(done)
    assert PASSWORD not in said(done)


UNUSABLE = {
    "no password": (
        "client_cert: client.pem, client_key: encrypted.key",
        "tls.client_key_password: it is missing, and client_key is encrypted",
    ),
    "no password for one file": ("client_cert: both.pem", "tls.client_key_password: it is missing, and client_cert is encrypted"),
    "another password": (
        'client_cert: client.pem, client_key: encrypted.key, client_key_password: "${KEY_PASSWORD}"',
        "tls.client_key_password: it does not open client_key",
    ),
    "another's key": ("client_cert: client.pem, client_key: server.key", "tls.client_key: it does not belong to client_cert"),
    "no key": ("client_cert: client.pem, client_key: nonsense.pem", "tls.client_key: "),
    "no certificate": ("client_cert: nonsense.pem, client_key: client.key", "tls.client_"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_key_that_cannot_be_opened_is_the_users_to_mend(keys, name):
    files, expected = UNUSABLE[name]

    done = told_by_the_doctor(keys, files, KEY_PASSWORD="another-" + PASSWORD)

    assert done.returncode == 4, said(done)
    assert expected in said(done)
    assert PASSWORD not in said(done)
    assert "Traceback" not in said(done)
    assert "PEM pass phrase" not in said(done)


def test_certificates_that_cannot_be_read_are_named(keys):
    file = keys / "other.yaml"
    file.write_text(
        "base_url: https://127.0.0.1:1\ncredentials: {authorized: {token: a-token-of-the-tests}}\ntls: {ca_file: nonsense.pem}\n"
    )

    done = closecheck("run", "--target", file, "--reports", keys / "reports")

    assert done.returncode == 4, said(done)
    assert "tls.ca_file" in said(done)


def test_a_password_without_a_key_is_refused(tmp_path):
    file = tmp_path / "target.yaml"
    file.write_text("base_url: https://127.0.0.1:1\ntls: {client_key_password: hush-hush-hush}\n")

    done = closecheck("plan", "--target", file)

    assert done.returncode == 4, said(done)
    assert "a password without a key" in said(done)
    assert "hush-hush-hush" not in said(done)


# ---------------------------------------------------------------------------------------------------- secrets, cut to bits


class Echoing(SmallTarget):
    """Repeats the token that it got in every answer: cut, behind texts of many lengths, in a header and in the reason."""

    def answer(self, method, fields, body, number):
        data = super().answer(method, fields, body, number)
        given = fields.get("authorization", "").partition(" ")[2]
        cut = given[: 30 + number % 120]
        if b" 40" in data[:13]:
            text = f"{'no such token, ' * (number % 12)}{given[:60]} or {given} {cut}"
            status = data.partition(b"\r\n")[0].decode().partition(" ")[2]
            document = {
                "detailCode": cut,
                "trackingId": f"{number:032x}",
                "messages": [{"locale": cut, "localeOrigin": 1, "text": text}],
                "error": text,
            }
            return answer(f"{status} {cut}", json.dumps(document).encode(), f"X-Echo: {cut}", f"WWW-Authenticate: Bearer token={cut}")
        return data


@pytest.mark.parametrize(
    "token",
    [
        jwt.encode({"sub": "me", "authorities": ["ORG_ADMIN"] * 9, "exp": 4_000_000_000}, "k" * 32),
        "Zq8-vN2xK7_tR4wB9mLc5yHd3sGf6pJ1xW0_uT7-eQ4oA2iZ8kM5rY3nC6bV9hS1",
    ],
    ids=["JWT", "opaque"],
)
def test_no_piece_of_a_token_stands_in_any_report(token, tmp_path):
    target = Echoing(token.lower())  # it compares without regard to case
    with RawServer(target.script) as server:
        done = closecheck("run", "--base-url", server.base_url, "--reports", tmp_path, "--profile", "quick", CLOSECHECK_TOKEN=token)

    assert done.returncode == 1, said(done)
    pieces = {token[at : at + 12] for at in range(token.find(".") + 1, len(token) - 11)}
    texts = {"the terminal": said(done), **{path.name: path.read_text(errors="replace") for path in (tmp_path / "latest").iterdir()}}
    assert len(texts) > 8
    assert {name: left for name, text in texts.items() if (left := sorted(piece for piece in pieces if piece in text))} == {}


# ------------------------------------------------------------------------------------------------- what users may type


@pytest.mark.parametrize(
    ("words", "token"),
    [
        (["doctor", "--base-url", f"http://{'a' * 70}.example/x"], "working-token"),
        (["run", "--base-url", "http://a..example/x"], "working-token"),
        (["serve", "--port", "99999"], ""),
        (["serve", "--port", "0", "--database", "/no/such/folder/x"], ""),
        (["forge", "tampered-header"], "opaque-token"),
        (["forge", "altered"], "..."),
        (["forge", "no-such-forgery"], "a.b.c"),
    ],
    ids=lambda one: " ".join(one[:2]) if isinstance(one, list) else "",
)
def test_what_cannot_be_used_is_misuse_and_not_a_fault_of_the_suite(words, token, tmp_path):
    done = closecheck(*words, cwd=tmp_path, PYTHONPATH=str(ROOT), **({"CLOSECHECK_TOKEN": token} if token else {}))

    assert done.returncode == 4, said(done)
    assert "Traceback" not in said(done)
    assert "fault in the suite" not in said(done)
