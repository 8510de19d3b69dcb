"""Settings are merged in one order, remember where they came from, and show no secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from closecheck.config.settings import Settings, is_loopback, load
from closecheck.config.target import ClientCredentials, Rate, Secret, StaticToken
from closecheck.model import Profile
from closecheck.model.errors import UsageError

IDS = frozenset({"CAR-OP-ACCEPTS", "CAR-IDS-MAX", "CAR-RATE-BODY"})
URL = "https://tenant.example/v2024"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def file(text: str) -> str:
    Path("target.yaml").write_text(text, encoding="utf-8")
    return "target.yaml"


def merged(environ: dict[str, str] | None = None, **options: Any) -> Settings:
    return load(options, environ or {}, IDS)


def refusal(environ: dict[str, str] | None = None, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        merged(environ, **options)
    return str(caught.value)


def origin(settings: Settings, name: str) -> tuple[str, str]:
    [one] = [one for one in settings.provenance if one.name == name]
    return one.value, one.origin


def test_defaults() -> None:
    settings = merged(base_url=URL)

    assert (settings.rate, settings.concurrency, settings.timeout, settings.settle) == (Rate(95, 10), 8, 10.0, 5.0)
    assert (settings.seed, settings.profile, settings.reports) == (0, Profile.STANDARD, Path("reports"))
    assert (settings.path, settings.burst, settings.strict, settings.safe) == (
        "/access-requests/close",
        True,
        False,
        False,
    )
    assert (settings.only, settings.edition, settings.budget, settings.embedded) == ((), "", None, False)
    assert settings.name == "tenant.example"
    assert origin(settings, "rate") == ("95/10s", "default")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]", "api.localhost"])
def test_there_is_no_rate_on_loopback(host: str) -> None:
    settings = merged(base_url=f"http://{host}:8080")

    assert settings.rate is None
    assert origin(settings, "rate") == ("none", "default")


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost.example", "example.org", "[::2]"])
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(f"http://{host}/")


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        ({"timeout": 1}, {"CLOSECHECK_TIMEOUT": "2"}, (1.0, "1 s", "option")),
        ({}, {"CLOSECHECK_TIMEOUT": "2"}, (2.0, "2 s", "environment")),
        ({}, {"CLOSECHECK_TIMEOUT": ""}, (3.0, "3 s", "target file")),
    ],
)
def test_option_before_environment_before_target_file(
    options: dict[str, Any], environ: dict[str, str], expected: tuple[float, str, str]
) -> None:
    settings = merged(environ, target=file(f"base_url: {URL}\ntimeout: 3\n"), **options)

    assert (settings.timeout, *origin(settings, "timeout")) == expected


def test_every_option_can_come_from_the_environment() -> None:
    settings = merged(
        {
            "CLOSECHECK_BASE_URL": URL + "/",
            "CLOSECHECK_PROFILE": "deep",
            "CLOSECHECK_ONLY": "CAR-IDS-*, ids/501",
            "CLOSECHECK_STRICT": "1",
            "CLOSECHECK_SAFE": "yes",
            "CLOSECHECK_REPORTS": "out",
            "CLOSECHECK_SEED": "7",
            "CLOSECHECK_CONCURRENCY": "3",
            "CLOSECHECK_RATE": "none",
            "CLOSECHECK_TIMEOUT": "1.5",
            "CLOSECHECK_EDITION": "1",
            "CLOSECHECK_BUDGET": "900",
        }
    )

    assert (settings.base_url, settings.profile, settings.only) == (URL, Profile.DEEP, ("CAR-IDS-*", "ids/501"))
    assert (settings.strict, settings.safe, settings.reports, settings.seed) == (True, True, Path("out"), 7)
    assert (settings.concurrency, settings.rate, settings.timeout) == (3, None, 1.5)
    assert (settings.edition, settings.budget) == ("1", 900)


def test_a_flag_that_is_not_given_does_not_hide_the_environment() -> None:
    assert merged({"CLOSECHECK_SAFE": "true"}, base_url=URL, safe=False).safe


def test_tokens_of_the_environment_go_before_those_of_the_file() -> None:
    text = f"base_url: {URL}\ncredentials: {{authorized: {{client_id: a, client_secret: b}}, expired: {{token: old}}}}\n"
    settings = merged({"CLOSECHECK_TOKEN": "tok-1", "CLOSECHECK_UNPRIVILEGED_TOKEN": "tok-2"}, target=file(text))

    assert dict(settings.credentials.items()) == {
        "authorized": StaticToken(Secret("tok-1")),
        "unprivileged": StaticToken(Secret("tok-2")),
        "expired": StaticToken(Secret("old")),
    }
    assert origin(settings, "credentials.authorized") == ("token ***", "environment")
    assert origin(settings, "credentials.expired") == ("token ***", "target file")


def test_a_client_gets_the_token_url_of_the_host() -> None:
    text = f"base_url: {URL}\ncredentials: {{authorized: {{client_id: a, client_secret: bcdefg}}}}\n"
    settings = merged(target=file(text))

    assert settings.credentials.authorized == ClientCredentials("a", Secret("bcdefg"), "https://tenant.example/oauth/token")
    assert origin(settings, "credentials.authorized") == (
        "client a with secret *** at https://tenant.example/oauth/token",
        "target file",
    )


SAIL = {"SAIL_BASE_URL": "https://t.api.example/", "SAIL_CLIENT_ID": "me", "SAIL_CLIENT_SECRET": "hush-hush"}


def test_the_vendors_variables_serve_where_nothing_else_is_given() -> None:
    settings = merged(SAIL)

    assert not settings.embedded
    assert settings.base_url == "https://t.api.example/v2024"
    assert settings.credentials.authorized == ClientCredentials("me", Secret("hush-hush"), "https://t.api.example/oauth/token")
    assert origin(settings, "base_url") == ("https://t.api.example/v2024", "environment")


def test_the_vendors_client_is_not_sent_to_another_host() -> None:
    settings = merged(SAIL, base_url="https://other.example")

    assert settings.credentials.authorized is None
    assert settings.advice == ("SAIL_CLIENT_ID is not used: SAIL_BASE_URL names another host, whose tokens are not for this target.",)


def test_half_a_vendors_client_is_refused() -> None:
    assert refusal({"SAIL_BASE_URL": "https://t.example", "SAIL_CLIENT_ID": "me"}) == (
        "environment variable SAIL_CLIENT_SECRET: it is not set, but SAIL_CLIENT_ID is. Set SAIL_CLIENT_SECRET too."
    )


@pytest.mark.parametrize(
    ("options", "environ", "message"),
    [
        ({}, {"CLOSECHECK_TOKN": "x"}, ("environment variable CLOSECHECK_TOKN: there is no such setting. "
         'Did you mean "CLOSECHECK_TOKEN"?')),
        ({"sede": 1}, {}, 'option --sede: there is no such option. Did you mean "seed"?'),
        ({"profile": "quik"}, {}, 'option --profile: there is no such profile. Did you mean "quick"?'),
        ({"seed": "-1"}, {}, "option --seed: a whole number from 0 to 9223372036854775807 is needed."),
        ({"concurrency": 0}, {}, "option --concurrency: a whole number from 1 to 64 is needed."),
        ({}, {"CLOSECHECK_CONCURRENCY": "99"}, ("environment variable CLOSECHECK_CONCURRENCY: "
         "a whole number from 1 to 64 is needed.")),
        ({"timeout": "soon"}, {}, "option --timeout: a number of seconds is needed. Write a number such as 10."),
        ({"timeout": "nan"}, {}, "option --timeout: a time above 0 and at most 3600 is needed. Write it in seconds."),
        ({"rate": "5"}, {}, ("option --rate: this is no rate. "
         "Write requests per time, such as 95/10s, 10/s or 100/m, or none.")),
        ({"only": ("CAR-IDS-MIX",)}, {}, ("option --only: no requirement is named CAR-IDS-MIX. "
         'Did you mean "CAR-IDS-MAX"?')),
        ({}, {"CLOSECHECK_STRICT": "maybe"}, ("environment variable CLOSECHECK_STRICT: true or false is needed. "
         "Write 1 or 0.")),
        ({}, {"CLOSECHECK_TOKEN": "two words"}, ("environment variable CLOSECHECK_TOKEN: the token holds a blank, "
         "a line break or a character beyond ASCII. A token is one word; copy it again.")),
    ],
)  # fmt: skip
def test_a_refusal_names_option_or_variable(options: dict[str, Any], environ: dict[str, str], message: str) -> None:
    assert refusal(environ, **{"base_url": URL, **options}) == message


def test_a_variable_that_the_target_file_refers_to_is_known() -> None:
    settings = merged(
        {"CLOSECHECK_CLIENT_SECRET": "hush-hush"},
        target=file(f'base_url: {URL}\ncredentials: {{authorized: {{client_id: a, client_secret: "${{CLOSECHECK_CLIENT_SECRET}}"}}}}\n'),
    )

    assert settings.secrets == ("hush-hush",)


def test_a_target_file_without_a_base_url() -> None:
    assert refusal(target=file("name: x")) == (
        "target.yaml: base_url is missing. Add base_url: https://…, or give --base-url or CLOSECHECK_BASE_URL."
    )


def test_a_base_url_beside_a_target_file_goes_first() -> None:
    settings = merged({"CLOSECHECK_TARGET": file(f"base_url: {URL}")}, base_url="https://b.example")

    assert settings.base_url == "https://b.example"
    assert origin(settings, "target") == ("target.yaml", "environment")


class TestTheEmbeddedTarget:
    """Without a target the reference target is judged."""

    DATA: Final = {
        "name": "reference",
        "base_url": "http://127.0.0.1:4711",
        "credentials": {"authorized": {"token": "ref-token"}},
    }

    def test_it_is_asked_for_where_nothing_is_named(self) -> None:
        settings = merged()

        assert settings.embedded
        assert settings.base_url == ""

    def test_its_content_is_a_layer_of_its_own(self) -> None:
        settings = load({"seed": 5}, {}, IDS, target_data=self.DATA)

        assert settings.embedded
        assert (settings.name, settings.base_url, settings.seed) == ("reference", "http://127.0.0.1:4711", 5)
        assert origin(settings, "base_url") == ("http://127.0.0.1:4711", "embedded target")

    def test_tokens_for_another_target_are_not_sent_to_it(self) -> None:
        settings = load({}, {"CLOSECHECK_TOKEN": "real-token", **SAIL}, IDS, target_data=self.DATA)

        assert settings.credentials.authorized == StaticToken(Secret("ref-token"))
        assert settings.base_url == "http://127.0.0.1:4711"
        assert settings.advice == (
            (
                "CLOSECHECK_TOKEN is set, but no target is named: the embedded reference target is judged. "
                "Give --target or --base-url to judge another."
            ),
        )


def test_safe_takes_the_consent_back() -> None:
    path = file(f"base_url: {URL}\naccess_requests: {{pending: [a], may_close: true}}\n")

    assert merged(target=path).target.access_requests.may_close
    settings = merged(target=path, safe=True)
    assert not settings.target.access_requests.may_close
    assert origin(settings, "access_requests.may_close") == ("no", "option")


def test_a_token_over_plain_http_is_advised_against() -> None:
    settings = merged({"CLOSECHECK_TOKEN": "tok-en"}, base_url="http://tenant.example")

    assert settings.advice == ("base_url: the token travels in clear over http. Use https.",)


def test_no_secret_is_printed() -> None:
    text = f"""
base_url: {URL}
headers: {{X-Api-Key: "${{KEY}}", X-Plain: shown}}
credentials: {{authorized: {{client_id: a, client_secret: "${{SECRET}}"}}}}
provoke: {{rate_limit: {{headers: {{X-Provoke-Token: "${{PROVOKE}}"}}}}}}
"""
    secrets = {
        "KEY": "key-hush",
        "SECRET": "secret-hush",
        "PROVOKE": "provoke-hush",
        "CLOSECHECK_EXPIRED_TOKEN": "old-hush",
    }
    settings = merged(secrets, target=file(text))

    assert "hush" not in repr(settings)
    assert "hush" not in "".join(one.value for one in settings.provenance)
    assert "X-Plain: shown" in origin(settings, "headers")[0]
    assert sorted(settings.secrets) == sorted(secrets.values())
    assert settings.secret_fields == ("X-Api-Key", "X-Provoke-Token")


def test_provenance_names_each_setting_once() -> None:
    names = [one.name for one in merged(base_url=URL).provenance]

    assert len(names) == len(set(names))
    assert {"base_url", "rate", "profile", "seed", "credentials.expired", "observe.events"} <= set(names)
