"""The target file is read strictly, and every refusal names file, key, line and remedy."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from closecheck.config import target_file
from closecheck.config.target import (
    Activities,
    ByBurst,
    ByHeaders,
    ClientCredentials,
    Created,
    Events,
    Listed,
    Rate,
    Searched,
    Secret,
    StaticToken,
    Target,
)
from closecheck.model import Exit
from closecheck.model.errors import UsageError

IDS = frozenset({"CAR-OP-ACCEPTS", "CAR-BODY-JSON", "CAR-IDS-MAX", "CAR-RATE-BODY", "CAR-RATE-TRUTHFUL", "CAR-LIFE-EVENT"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str, **environ: str) -> Target:
    Path("target.yaml").write_text(text, encoding="utf-8")
    return target_file.read(Path("target.yaml"), environ, IDS)


def refusal(text: str, **environ: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(text, **environ)
    assert caught.value.exit_code is Exit.USAGE
    return str(caught.value)


@pytest.mark.usefixtures("folder")
class TestAWholeFile:
    """Every key of the public interface is read into its place."""

    TEXT = """
name: Example identity service 4.2
base_url: https://tenant.example/v2024/
path: /access-requests/v1/close
headers: {X-SailPoint-Experimental: "true", X-Api-Key: "${API_KEY}"}
tls: {verify: true, ca_file: ca.pem, client_cert: client.pem, client_key: client.key}
timeout: 2.5
rate: 95/10s
concurrency: 4
burst: false
credentials:
  authorized: {client_id: "${ID}", client_secret: "${SECRET}", token_url: "https://login.example/oauth/token"}
  unprivileged: {token: "${USER_TOKEN}"}
access_requests:
  pending: {csv: export.csv}
  approved: [a1, a1, a2]
  completed: {file: done.txt}
  may_close: true
provoke:
  rate_limit: {burst: 300}
  internal_error: {headers: {X-Provoke: "500"}}
observe:
  account_activities: true
  search: true
  events: {subscribe: true, listen: "0.0.0.0:8089", url: "https://suite.example/events"}
  settle: 7
extension: own.py
out_of_scope: {CAR-RATE-*: "the gateway limits, not this service"}
waivers: waivers.yaml
"""

    @pytest.fixture
    def whole(self, folder: Path) -> Target:
        for name in ("ca.pem", "client.pem", "client.key", "own.py", "waivers.yaml"):
            (folder / name).touch()
        (folder / "export.csv").write_text("\ufeffName;Tracking Number\nx;p1\ny; p2 \nz;\n", encoding="utf-8")
        (folder / "done.txt").write_text("# old ones\nc1\n\n c2 \n", encoding="utf-8")
        return read(self.TEXT, API_KEY="key-1234", ID="me", SECRET="s-3-cret", USER_TOKEN="user.token")

    def test_plain_values(self, whole: Target) -> None:
        assert whole.name == "Example identity service 4.2"
        assert whole.base_url == "https://tenant.example/v2024"
        assert whole.path == "/access-requests/v1/close"
        assert (whole.timeout, whole.rate, whole.concurrency, whole.burst) == (2.5, Rate(95, 10), 4, False)
        assert whole.out_of_scope == {"CAR-RATE-*": "the gateway limits, not this service"}

    def test_paths_start_in_the_folder_of_the_file(self, whole: Target, folder: Path) -> None:
        assert whole.tls.ca_file == folder / "ca.pem"
        assert (whole.extension, whole.waivers) == (folder / "own.py", folder / "waivers.yaml")

    def test_credentials(self, whole: Target) -> None:
        assert whole.credentials.authorized == ClientCredentials("me", Secret("s-3-cret"), "https://login.example/oauth/token")
        assert whole.credentials.unprivileged == StaticToken(Secret("user.token"))
        assert whole.credentials.expired is None

    def test_ids_of_every_kind_of_file(self, whole: Target) -> None:
        requests = whole.access_requests
        assert requests.pending == Listed(("p1", "p2"), "export.csv")
        assert requests.approved == Listed(("a1", "a2"))
        assert requests.completed == Listed(("c1", "c2"), "done.txt")
        assert requests.may_close

    def test_means(self, whole: Target) -> None:
        assert whole.provoke.rate_limit == ByBurst(300)
        assert isinstance(whole.provoke.internal_error, ByHeaders)
        assert dict(whole.provoke.internal_error.headers) == {"X-Provoke": "500"}
        assert whole.observe.events == Events("0.0.0.0", 8089, "https://suite.example/events")
        assert (whole.observe.search, whole.observe.settle) == (True, 7.0)

    def test_what_stands_in_the_file_is_known(self, whole: Target) -> None:
        assert {"burst", "observe.settle", "access_requests.may_close"} <= whole.given
        assert whole.variables == {"API_KEY", "ID", "SECRET", "USER_TOKEN"}
        assert whole.advice == ()

    def test_no_secret_is_printed(self, whole: Target) -> None:
        printed = f"{whole!r} {whole} {whole.headers}"

        for secret in ("key-1234", "s-3-cret", "user.token"):
            assert secret not in printed
        assert "***" in printed

    def test_secrets_do_not_serialise(self, whole: Target) -> None:
        with pytest.raises(TypeError):
            msgspec.json.encode(whole.credentials)


@pytest.mark.usefixtures("folder")
class TestSources:
    """Ids can be listed, read, found and created."""

    def source(self, text: str) -> Any:
        return read(f"access_requests:\n  pending: {text}\n").access_requests.pending

    def test_search(self) -> None:
        assert self.source("{search: true}") == Searched()

    def test_account_activities(self) -> None:
        assert self.source("{account_activities: true}") == Activities()

    def test_create(self) -> None:
        text = "{create: {requested_for: [i1, i2], item: {type: ROLE, id: r1}, count: 3}}"
        assert self.source(text) == Created(("i1", "i2"), "ROLE", "r1", 3)
        assert self.source("{create: {requested_for: i1, item: {type: ROLE, id: r1}}}") == Created(("i1",), "ROLE", "r1")

    @pytest.mark.parametrize("heading", ["Tracking Number", "trackingNumber", '"tracking number"', "TRACKING_NUMBER"])
    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_csv_of_any_heading_and_separator(self, folder: Path, heading: str, separator: str) -> None:
        rows = [["Name", heading], ['"Doe, J; K"', "i1"], ["x", '"i2"']]
        (folder / "export.csv").write_text("\r\n".join(separator.join(row) for row in rows), encoding="utf-8")

        assert self.source("{csv: export.csv}").ids == ("i1", "i2")

    def test_zipped_csv(self, folder: Path) -> None:
        with zipfile.ZipFile(folder / "export.zip", "w") as archive:
            archive.writestr("export.csv", "Tracking Number\ni1\n")

        assert self.source("{csv: export.zip}").ids == ("i1",)

    def test_csv_without_the_column(self, folder: Path) -> None:
        (folder / "export.csv").write_text("Name,Id\nx,1\n", encoding="utf-8")

        assert refusal("access_requests:\n  pending: {csv: export.csv}\n") == (
            'target.yaml, key "access_requests.pending.csv" (line 2): export.csv has no column "Tracking Number". '
            "Choose that column on the Search page and download it again."
        )


@pytest.mark.usefixtures("folder")
class TestVariables:
    """``${NAME}`` takes a value from the environment."""

    def test_anywhere_in_a_text(self) -> None:
        assert read("name: a ${X}-${Y} $$5 $z", X="1", Y="2").name == "a 1-2 $5 $z"

    def test_a_value_is_text_and_no_yaml(self) -> None:
        assert read('name: "${X}"', X="{a: [1]}\nb: 2").name == "{a: [1]}\nb: 2"

    def test_a_value_is_not_expanded_again(self) -> None:
        assert read("name: ${X}", X="${Y} $$").name == "${Y} $$"

    def test_numbers_and_truth_values(self) -> None:
        read_back = read("timeout: ${T}\nconcurrency: ${C}\nburst: ${B}\n", T="3", C="2", B="false")

        assert (read_back.timeout, read_back.concurrency, read_back.burst) == (3.0, 2, False)

    def test_one_that_is_not_set(self) -> None:
        assert refusal('credentials:\n  authorized:\n    token: "${CLOSECHECK_TOKEN}"\n') == (
            'target.yaml, key "credentials.authorized.token" (line 3): '
            "the environment variable CLOSECHECK_TOKEN is not set. Set it: export CLOSECHECK_TOKEN=…"
        )

    def test_one_that_is_empty(self) -> None:
        assert "(line 1): the text is empty: the variable is set to nothing." in refusal('name: "${X}"', X="")

    @pytest.mark.parametrize("text", ["${a-b}", "${}", "${open"])
    def test_a_malformed_reference(self, text: str) -> None:
        assert refusal(f'name: "{text}"') == (
            'target.yaml, key "name" (line 1): a reference to a variable is malformed. Write ${NAME}; a dollar sign itself is $$.'
        )

    def test_a_literal_secret_is_advised_against(self) -> None:
        advice = read("headers: {X-Api-Key: abcdef, X-Plain: z}\ncredentials:\n  authorized: {token: tok-en}\n").advice

        assert advice == (
            (
                'target.yaml, key "headers.X-Api-Key" (line 1): a secret stands in the file itself. '
                'Write "${X_API_KEY}" and set that variable.'
            ),
            (
                'target.yaml, key "credentials.authorized.token" (line 3): a secret stands in the file itself. '
                'Write "${CLOSECHECK_TOKEN}" and set that variable.'
            ),
        )


REFUSALS = [
    ("name: x\n\nacess_requests: {}", 'key "acess_requests" (line 3): unknown key. Did you mean "access_requests"?'),
    (
        "credentials:\n  authorized:\n    tokn: x",
        'key "credentials.authorized.tokn" (line 3): unknown key. Did you mean "token"?',
    ),
    ("tls: {zzz: 1}", 'key "tls.zzz" (line 1): unknown key. Known: ca_file, client_cert, client_key, client_key_password, verify.'),
    (
        "name: x\nrate: 1/s\nname: y",
        'key "name" (line 3): the key stands there twice, first on line 1. Delete one of them.',
    ),
    ("true: x", 'key "True" (line 1): a key is text, true or false was found. Write "True" in quotes.'),
    (
        "timeout: fast",
        'key "timeout" (line 1): a number of seconds is needed, text was found. Write a number, without quotes.',
    ),
    ("timeout: 0", 'key "timeout" (line 1): a time above 0 and at most 3600 is needed. Write it in seconds.'),
    ("timeout: 10000", 'key "timeout" (line 1): a time above 0 and at most 3600 is needed. Write it in seconds.'),
    (
        "timeout: .nan",
        ('key "timeout" (line 1): a number of seconds is needed, a number was found. Write a number, without quotes.'),
    ),
    ("concurrency: 65", 'key "concurrency" (line 1): a whole number from 1 to 64 is needed. Write 1 or more.'),
    ("concurrency: 1.5", 'key "concurrency" (line 1): a whole number from 1 to 64 is needed. Write 1 or more.'),
    (
        "concurrency: true",
        ('key "concurrency" (line 1): a whole number from 1 to 64 is needed, true or false was found. Write a number, without quotes.'),
    ),
    (
        "burst: 16",
        'key "burst" (line 1): true or false is needed, a number was found. Write true or false, without quotes.',
    ),
    (
        "rate: fast",
        'key "rate" (line 1): this is no rate. Write requests per time, such as 95/10s, 10/s or 100/m, or none.',
    ),
    (
        "rate: 0/10s",
        'key "rate" (line 1): a rate is above 0. Write requests per time, such as 95/10s, 10/s or 100/m, or none.',
    ),
    (
        "rate: 5/0s",
        'key "rate" (line 1): a rate is above 0. Write requests per time, such as 95/10s, 10/s or 100/m, or none.',
    ),
    (
        "headers: {Authorization: x}",
        ('key "headers.Authorization" (line 1): the suite sets Authorization itself. Write the token under credentials.authorized.token.'),
    ),
    (
        "headers: {content-length: x}",
        ('key "headers.content-length" (line 1): the suite sets this field itself, and tests what it changes. Delete it.'),
    ),
    (
        "headers: {'X Y': x}",
        'key "headers.X Y" (line 1): this is no name of a header field. Use letters, digits and hyphens.',
    ),
    (
        "headers: {X-A: 'a', x-a: 'b'}",
        'key "headers.x-a" (line 1): the field stands there twice, also as "X-A". Delete one of them.',
    ),
    (
        'headers: {X-A: "a\\nb"}',
        'key "headers.X-A" (line 1): the value holds a line break, NUL or a character beyond Latin-1. Delete it.',
    ),
    (
        "headers: {X-A: true}",
        'key "headers.X-A" (line 1): text is needed, true or false was found. Write it in quotes.',
    ),
    (
        "path: close",
        ('key "path" (line 1): a path starts with a slash and has no query, fragment or blank. Write /access-requests/close.'),
    ),
    (
        "tls: {ca_file: no.pem}",
        (
            'key "tls.ca_file" (line 1): there is no file {folder}/no.pem. Correct the path; a relative one starts '
            "in the folder of the target file."
        ),
    ),
    (
        "tls: {client_key: target.yaml}",
        'key "tls.client_key" (line 1): a client key without its certificate. Add client_cert: client.pem.',
    ),
    (
        "credentials: {authorized: {client_id: x}}",
        (
            'key "credentials.authorized" (line 1): client_secret is missing. Write {token: "${CLOSECHECK_TOKEN}"} '
            "or {client_id: …, client_secret: …}."
        ),
    ),
    (
        "credentials: {authorized: {token: x, client_id: y}}",
        ('key "credentials.authorized.client_id" (line 1): a token needs no client_id. Give either token, or client_id and client_secret.'),
    ),
    (
        "credentials: {authorized: Bearer x}",
        (
            'key "credentials.authorized" (line 1): a mapping is needed, text was found. Write {token: '
            '"${CLOSECHECK_TOKEN}"} or {client_id: …, client_secret: …}.'
        ),
    ),
    (
        "credentials: {authorized: {token: Bearer x}}",
        ('key "credentials.authorized.token" (line 1): the token starts with the word "Bearer". Leave the word out: the suite adds it.'),
    ),
    (
        "access_requests:\n  pending:\n  - a\n  - 5",
        'key "access_requests.pending[1]" (line 4): text is needed, a number was found. Write it in quotes.',
    ),
    (
        "access_requests: {pending: [' ']}",
        'key "access_requests.pending[0]" (line 1): the text is empty. Write an id in quotes.',
    ),
    (
        "access_requests: {pending: []}",
        ('key "access_requests.pending" (line 1): there is no id in it. Supply at least one, or leave the whole entry out.'),
    ),
    (
        "access_requests: {pending: [a], completed: [a]}",
        'key "access_requests.completed" (line 1): a stands under pending too. Delete it from one of them.',
    ),
    (
        "access_requests: {pending: {search: false}}",
        ('key "access_requests.pending.search" (line 1): this names no source. Write {search: true}, or leave the whole entry out.'),
    ),
    (
        "access_requests: {pending: {create: {requested_for: a}}}",
        (
            'key "access_requests.pending.create" (line 1): item is missing. Write {create: {requested_for: identity '
            "id, item: {type: ACCESS_PROFILE, id: …}}}."
        ),
    ),
    (
        "provoke: {rate_limit: {}}",
        ('key "provoke.rate_limit" (line 1): exactly one way is needed. Write {headers: {X-Provoke: throttle}} or {burst: 300}.'),
    ),
    (
        "observe: {events: {listen: '1:2'}}",
        ('key "observe.events" (line 1): subscribe is missing. Write {subscribe: true}: it allows the suite to make a subscription.'),
    ),
    (
        "observe: {events: {subscribe: true, listen: here}}",
        ('key "observe.events.listen" (line 1): host and port are needed. Write "127.0.0.1:8089"; port 0 takes any free one.'),
    ),
    (
        "extension: target.yaml",
        'key "extension" (line 1): an extension is a Python file. Name a file that ends in .py.',
    ),
    (
        "out_of_scope: {CAR-RAT-*: why}",
        'key "out_of_scope.CAR-RAT-*" (line 1): no requirement is named so. Did you mean "CAR-RATE-BODY"?',
    ),
    (
        "out_of_scope: {CAR-IDS-MAX: why}",
        (
            'key "out_of_scope.CAR-IDS-MAX" (line 1): CAR-IDS-* cannot be put out of scope. Fix the target, or waive one requirement. '
            "What needs a means that you cannot supply goes out of scope by the name of that means: lifecycle, events, search, rate_limit, "
            "internal_error, unprivileged, expired, burst."
        ),
    ),
    (
        "out_of_scope: {CAR-BODY-*: why}",
        (
            'key "out_of_scope.CAR-BODY-*" (line 1): CAR-BODY-* cannot be put out of scope. Fix the target, or waive one requirement. '
            "What needs a means that you cannot supply goes out of scope by the name of that means: lifecycle, events, search, rate_limit, "
            "internal_error, unprivileged, expired, burst."
        ),
    ),
    (
        "out_of_scope: {lifecicle: why}",
        'key "out_of_scope.lifecicle" (line 1): no requirement is named so. Did you mean "lifecycle"?',
    ),
    (
        "out_of_scope: {CAR-*-JSON: why}",
        (
            'key "out_of_scope.CAR-*-JSON" (line 1): CAR-BODY-* cannot be put out of scope. Fix the target, or waive one requirement. '
            "What needs a means that you cannot supply goes out of scope by the name of that means: lifecycle, events, search, rate_limit, "
            "internal_error, unprivileged, expired, burst."
        ),
    ),
    (
        "out_of_scope: {CAR-RATE-*: }",
        (
            'key "out_of_scope.CAR-RATE-*" (line 1): text is needed, nothing was found. Write why this is none of '
            "the target's business, in quotes."
        ),
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSALS, ids=[text for text, _ in REFUSALS])
def test_a_refusal_names_key_line_and_remedy(folder: Path, text: str, message: str) -> None:
    assert refusal(text) == "target.yaml, " + message.replace("{folder}", str(folder))


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://x/", "the URL does not start with https:// or http://"),
        ("tenant.example/v2024", "the URL does not start with https:// or http://"),
        ("https://", "the URL names no host"),
        ("https:///v2024", "the URL names no host"),
        ("https://x:99999/", "this is no URL"),
        ("https://[::1/", "this is no URL"),
        ("https://me:pass@x/", "the URL holds a user or a password"),
        ("https://x/?a=1", "the base URL has a query"),
        ("https://x/?", "the base URL has a query"),
        ("https://x/#a", "the URL has a fragment"),
        ("https://x/a b", "the URL holds blanks or characters beyond ASCII"),
        ("https://ümlaut/", "the URL holds blanks or characters beyond ASCII"),
        ("https://x/access-requests/close", "the base URL already ends in /access-requests/close"),
    ],
)
def test_a_bad_base_url_is_refused_without_being_shown(folder: Path, url: str, problem: str) -> None:
    message = refusal(f'base_url: "{url}"')

    assert message.startswith(f'target.yaml, key "base_url" (line 1): {problem}. ')
    assert "me:pass" not in message


@pytest.mark.parametrize("url", ["http://localhost:8080", "https://[::1]:1/base", "https://a.b/access-requests/v1"])
def test_a_base_url_with_any_host_port_and_path(folder: Path, url: str) -> None:
    assert read(f'base_url: "{url}///"').base_url == url


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("95/10s", Rate(95, 10)),
        ("10/s", Rate(10, 1)),
        ("100/m", Rate(100, 60)),
        ("5 / 2.5s", Rate(5, 2.5)),
        ("1/500ms", Rate(1, 0.5)),
        ("none", None),
    ],
)
def test_rates(folder: Path, text: str, rate: Rate | None) -> None:
    assert read(f"rate: {text}").rate == rate


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\n\theaders: y", "target.yaml, line 2: a tab stands where YAML wants blanks. Indent with blanks."),
        ("name: x\ntls: {", "target.yaml, line 2: this is no YAML: "),
        ("name: a\nb: c: d", "target.yaml, line 2: this is no YAML: mapping values are not allowed here."),
        ("", "target.yaml: the file is empty."),
        ("- a", "target.yaml: a mapping is needed, a list was found. Write keys such as base_url: …."),
        ("name: !!binary eA==", "target.yaml, line 1: the tag tag:yaml.org,2002:binary is not used here. Delete it."),
        ("name: &a [*a]", "target.yaml: the values are nested too deeply, or in a circle."),
        ("name: x\nb: \x01", "target.yaml, line 2: a character that YAML does not allow."),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(folder: Path, text: str, message: str) -> None:
    assert refusal(text).startswith(message)


def test_a_syntax_error_does_not_quote_the_file(folder: Path) -> None:
    assert "hush" not in refusal('credentials:\n  authorized: {token: "hush-hush\n')


def test_a_secret_of_the_wrong_kind_is_not_quoted(folder: Path) -> None:
    for text in ("12345678", "[12345678]", '"1234 5678"', '"Bearer 12345678"'):
        assert "5678" not in refusal(f"credentials: {{authorized: {{token: {text}}}}}")


def test_a_missing_file(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        target_file.read(Path("nowhere.yaml"), {}, IDS)

    assert str(caught.value) == "nowhere.yaml: there is no such file. Correct the path."


def test_data_is_read_as_a_file_is_but_not_expanded() -> None:
    read_back = target_file.from_data({"name": "${X}", "credentials": {"authorized": {"token": "tok-en"}}}, IDS)

    assert read_back.name == "${X}"
    assert read_back.advice == ()


def test_bad_data_is_refused_without_a_line() -> None:
    with pytest.raises(UsageError) as caught:
        target_file.from_data({"nam": "x"}, IDS)

    assert str(caught.value) == 'embedded target, key "nam": unknown key. Did you mean "name"?'
