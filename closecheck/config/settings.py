"""
The settings of one run: option over environment over target file over profile over default, merged once, then frozen.

Every setting remembers where it came from, and nobody reads the environment after this. The profile steers exploration
alone, so no setting takes its value from it yet. An empty variable counts as none, for that is what CI makes of a
secret that it withholds; an unknown one is an error, for it was meant to say something.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from closecheck.config.checked_values import checked_base_url, checked_rate, checked_token, nearest, shown
from closecheck.config.given_values import MARK_DIGITS, Given, Origin, given_flag, given_mark, given_profile, given_seconds, given_whole
from closecheck.config.printed_values import printed_events, printed_login, printed_source, printed_tls, printed_way, yes_or_no
from closecheck.config.target import (
    CALLERS,
    AccessRequests,
    ByHeaders,
    ClientCredentials,
    Credentials,
    Fields,
    Login,
    Provoke,
    Rate,
    Secret,
    StaticToken,
    Target,
)
from closecheck.config.target_file import MOST_CONCURRENCY, from_data, read
from closecheck.model import Profile, Setting, Struct, matches
from closecheck.model.errors import UsageError

T = TypeVar("T")
VENDOR_RATE: Final = Rate(95, 10.0)
"""A little under the vendor's documented limit of 100 requests in 10 s; the default beyond this machine."""
TIMEOUT: Final = 10.0
MAX_WAIT: Final = 60.0
CONCURRENCY: Final = 8
SETTLE: Final = 5.0
SEED: Final = 0
REPORTS: Final = Path("reports")
EXAMPLES: Final = ".closecheck/examples"
VENDOR_VERSION: Final = "/v2024"
"""What ``SAIL_BASE_URL`` lacks."""
TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 - a path
OPTIONS: Final = (
    "target", "base_url", "profile", "only", "strict", "reports", "seed", "concurrency", "rate", "safe", "timeout",
    "edition", "budget", "examples", "mark", "max_wait",
)  # fmt: skip
"""The options of the command line; each has a variable of its name, ``CLOSECHECK_`` in front."""
TOKEN_VARIABLES: Final = {
    "authorized": "CLOSECHECK_TOKEN",
    "unprivileged": "CLOSECHECK_UNPRIVILEGED_TOKEN",
    "expired": "CLOSECHECK_EXPIRED_TOKEN",
}
_PREFIX: Final = "CLOSECHECK_"
VARIABLES: Final = frozenset({*(_PREFIX + name.upper() for name in OPTIONS), *TOKEN_VARIABLES.values()})
"""Every variable that the suite reads under its own name."""


class Settings(Struct):
    """
    Every setting of a run, checked.

    ``embedded`` says that no target was named anywhere: the reference target is to be started and judged; until it is
    given as ``target_data``, ``base_url`` is empty.
    """

    embedded: bool
    target: Target
    """
    The target file, with the credentials and the advice of the other layers, and without consent under ``safe``.

    What also stands in the settings themselves is to be taken from there: in the target it is as the file has it.
    """
    name: str
    base_url: str
    """Without a trailing slash."""
    timeout: float
    """Seconds for one request."""
    max_wait: float
    """The longest Retry-After that is waited for, in seconds; a longer one ends the run."""
    rate: Rate | None
    """None: no limit of the suite's own."""
    concurrency: int
    settle: float
    """Seconds within which an accepted request has completed."""
    profile: Profile
    only: tuple[str, ...]
    """Ids of cases and patterns of requirements; empty: everything."""
    strict: bool
    safe: bool
    """Nothing is closed, whatever the target file allows."""
    reports: Path
    seed: int
    mark: str
    """What is different in every run, :data:`MARK_DIGITS` hexadecimal digits; drawn anew each time unless it is given."""
    edition: str
    """The edition of the catalogue that is asked for; empty: the suite's own."""
    budget: int | None
    """The most requests that the run may send; None: as many as the profile plans."""
    examples: str
    """Where a deep exploration keeps what it found: a folder, ``redis://…`` or ``github://owner/repository``."""
    target_file: Path | None
    provenance: tuple[Setting, ...]
    """Every setting, printable, with its origin."""

    @property
    def seed_by_default(self) -> bool:
        """Whether nobody chose the seed."""
        return any(one.name == "seed" and one.origin == Origin.DEFAULT for one in self.provenance)

    @property
    def path(self) -> str:
        """The operation's path below the base URL."""
        return self.target.path

    @property
    def headers(self) -> Fields:
        """The fields that every request carries."""
        return self.target.headers

    @property
    def burst(self) -> bool:
        """Whether the one burst of 16 is allowed."""
        return self.target.burst

    @property
    def provoke(self) -> Provoke:
        """How a 429 and a 500 can be had."""
        return self.target.provoke

    @property
    def credentials(self) -> Credentials:
        """Who the suite can be; a client always has its token URL."""
        return self.target.credentials

    @property
    def advice(self) -> tuple[str, ...]:
        """Sentences on what is lawful but unwise."""
        return self.target.advice

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret that the settings hold, for the redactor."""
        found = []
        for _, login in self.credentials.items():  # noqa: PERF102 - no mapping
            hidden = login.token if isinstance(login, StaticToken) else login.client_secret
            found.append(hidden.reveal())
        if self.target.tls.client_key_password is not None:
            found.append(self.target.tls.client_key_password.reveal())
        for fields in self._every_header():
            found += fields.secret_values()
        return tuple(dict.fromkeys(found))

    @property
    def secret_fields(self) -> tuple[str, ...]:
        """The names of header fields whose values are to be redacted whole."""
        return tuple(dict.fromkeys(name for fields in self._every_header() for name in fields.secret_names()))

    def _every_header(self) -> Iterator[Fields]:
        yield self.headers
        for way in (self.target.provoke.rate_limit, self.target.provoke.internal_error):
            if isinstance(way, ByHeaders):
                yield way.headers


def load(
    options: Mapping[str, Any],
    environ: Mapping[str, str],
    known_ids: Collection[str],
    target_data: Mapping[str, Any] | None = None,
) -> Settings:
    """
    Merge all layers.

    ``options`` are the values of :data:`OPTIONS` as texts or of their own types; None, an absent one, False for a flag
    and an empty ``only`` all mean "not given". ``known_ids`` are the ids of all requirements. ``target_data`` is the
    content of a target file as data; with it, variables that name another target or its tokens are passed over.

    Raises:
        UsageError: an option, a variable or the target file cannot be used.

    """
    return _Merger(options, environ, known_ids, target_data).settings()


class _Merger:
    """One merging; ``ledger`` collects the provenance in the order in which settings are merged."""

    def __init__(
        self,
        options: Mapping[str, Any],
        environ: Mapping[str, str],
        known_ids: Collection[str],
        target_data: Mapping[str, Any] | None,
    ) -> None:
        for name in options:
            if name not in OPTIONS:
                raise UsageError(f"option --{name.replace('_', '-')}", "there is no such option", nearest(name, OPTIONS))
        self.options = {name: value for name, value in options.items() if value is not None and value is not False and value != ()}
        self.environ = {name: value for name, value in environ.items() if value}
        self.known_ids = known_ids
        self.ledger: list[Setting] = []
        self.advice: list[str] = []
        self.embedded = target_data is not None
        self.target_file: Path | None = None
        if target_data is not None:
            self.target = from_data(target_data, known_ids)
        elif given := self.given("target"):
            self.target_file = Path(given.value)
            self.target = read(self.target_file, environ, known_ids)
            self.note("target", str(self.target_file), given.origin)
        else:
            self.target = Target("no target file")
        self.refuse_unknown_variables(environ)

    def refuse_unknown_variables(self, environ: Mapping[str, str]) -> None:
        for name in sorted(environ):
            if name.startswith(_PREFIX) and name not in VARIABLES and name not in self.target.variables:
                raise UsageError(f"environment variable {name}", "there is no such setting", nearest(name, VARIABLES))

    def settings(self) -> Settings:
        """Merge everything."""
        base_url = self.base_url()
        file = self.target
        name = self.of_file("name", file.name or urlsplit(base_url).hostname or "", given="name" in file.given)
        self.of_file("path", file.path, given="path" in file.given)
        self.of_file("headers", file.headers, given="headers" in file.given)
        self.of_file("tls", printed_tls(file.tls), given="tls" in file.given)
        timeout = self.merged("timeout", given_seconds, file.timeout, TIMEOUT, lambda value: f"{value:g} s")
        max_wait = self.merged("max_wait", given_seconds, file.max_wait, MAX_WAIT, lambda value: f"{value:g} s")
        rate = self.rate(base_url)
        concurrency = self.merged("concurrency", given_whole(1, MOST_CONCURRENCY), file.concurrency, CONCURRENCY)
        self.of_file("burst", yes_or_no(file.burst), given="burst" in file.given)
        credentials = self.credentials(base_url)
        safe = self.flag("safe")
        requests = self.access_requests(safe=safe)
        self.note_provoke()
        self.note_observe()
        settle = SETTLE if file.observe.settle is None else file.observe.settle
        self.of_file("observe.settle", f"{settle:g} s", given=file.observe.settle is not None)
        self.of_file("extension", file.extension and shown(file.extension), given="extension" in file.given)
        self.of_file("out_of_scope", ", ".join(file.out_of_scope), given="out_of_scope" in file.given)
        self.of_file("waivers", file.waivers and shown(file.waivers), given="waivers" in file.given)
        self.advise(base_url, credentials)
        return Settings(
            embedded=self.embedded or not base_url,
            target=msgspec.structs.replace(file, credentials=credentials, access_requests=requests, advice=(*file.advice, *self.advice)),
            name=name,
            base_url=base_url,
            timeout=timeout,
            max_wait=max_wait,
            rate=rate,
            concurrency=concurrency,
            settle=settle,
            profile=self.merged("profile", given_profile, None, Profile.STANDARD),
            only=self.only(),
            strict=self.flag("strict"),
            safe=safe,
            reports=self.merged("reports", lambda given: Path(given.value), None, REPORTS),
            seed=self.merged("seed", given_whole(0, 2**63 - 1), None, SEED),
            mark=self.merged("mark", given_mark, None, secrets.token_hex(MARK_DIGITS // 2)),
            edition=self.merged("edition", lambda given: str(given.value), None, "", lambda one: one or "current"),
            budget=self.budget(),
            examples=self.merged("examples", lambda given: str(given.value), None, EXAMPLES),
            target_file=self.target_file,
            provenance=tuple(self.ledger),
        )

    # -- layers

    @property
    def file_origin(self) -> Origin:
        return Origin.EMBEDDED if self.embedded else Origin.TARGET_FILE

    def given(self, name: str) -> Given | None:
        """Return what option or environment say."""
        variable = _PREFIX + name.upper()
        if name in self.options:
            return Given(self.options[name], Origin.OPTION, f"option --{name.replace('_', '-')}")
        if variable in self.environ and not (self.embedded and name in ("target", "base_url")):
            return Given(self.environ[variable], Origin.ENVIRONMENT, f"environment variable {variable}")
        return None

    def merged(
        self,
        name: str,
        read_given: Callable[[Given], T],
        of_file: T | None,
        default: T,
        printed: Callable[[T], str] = str,
    ) -> T:
        if given := self.given(name):
            value, origin = read_given(given), given.origin
        elif of_file is not None:
            value, origin = of_file, self.file_origin
        else:
            value, origin = default, Origin.DEFAULT
        self.note(name, printed(value), origin)
        return value

    def of_file(self, name: str, value: T, *, given: bool) -> T:
        """Note a setting that only the target file knows."""
        self.note(name, "none" if value is None else str(value) or "none", self.file_origin if given else Origin.DEFAULT)
        return value

    def note(self, name: str, value: str, origin: Origin) -> None:
        self.ledger.append(Setting(name, value, origin))

    def flag(self, name: str) -> bool:
        return self.merged(name, given_flag, None, default=False, printed=yes_or_no)

    # -- settings with a rule of their own

    def base_url(self) -> str:
        if given := self.given("base_url"):
            url, origin = checked_base_url(str(given.value), given.where), given.origin
        elif self.target.base_url is not None:
            url, origin = self.target.base_url, self.file_origin
        elif not self.embedded and "SAIL_BASE_URL" in self.environ:
            url, origin = self.vendor_url() + VENDOR_VERSION, Origin.ENVIRONMENT
        elif self.target_file is not None or self.embedded:
            raise UsageError(
                self.target.origin,
                "base_url is missing",
                "Add base_url: https://…, or give --base-url or CLOSECHECK_BASE_URL.",
            )
        else:
            return ""
        self.note("base_url", url, origin)
        return url

    def vendor_url(self) -> str:
        return checked_base_url(self.environ["SAIL_BASE_URL"], "environment variable SAIL_BASE_URL")

    def rate(self, base_url: str) -> Rate | None:
        of_file = self.target.rate
        if given := self.given("rate"):
            rate, origin = checked_rate(str(given.value), given.where), given.origin
        elif not isinstance(of_file, msgspec.UnsetType):
            rate, origin = of_file, self.file_origin
        else:
            rate, origin = None if is_loopback(base_url) else VENDOR_RATE, Origin.DEFAULT
        self.note("rate", str(rate or "none"), origin)
        return rate

    def budget(self) -> int | None:
        def read_budget(given: Given) -> int | None:
            return given_whole(1, 10**9)(given)

        return self.merged("budget", read_budget, None, None, lambda value: f"{value} requests" if value else "none")

    def only(self) -> tuple[str, ...]:
        def patterns(given: Given) -> tuple[str, ...]:
            value = given.value
            found = value.split(",") if isinstance(value, str) else value
            found = tuple(one.strip() for one in found if one.strip())
            for one in found:
                # What does not look like a requirement is the id of a case; the plan knows those.
                if one.startswith("CAR-") and not any(matches(one, known) for known in self.known_ids):
                    raise UsageError(given.where, f"no requirement is named {one}", nearest(one, self.known_ids))
            return found

        return self.merged("only", patterns, None, (), lambda value: ", ".join(value) or "everything")

    def credentials(self, base_url: str) -> Credentials:
        found: dict[str, Login] = {}
        for name in CALLERS:
            variable = TOKEN_VARIABLES[name]
            login: Login | None
            if variable in self.environ and not self.embedded:
                where = f"environment variable {variable}"
                login, origin = StaticToken(checked_token(self.environ[variable], where)), Origin.ENVIRONMENT
            elif (login := getattr(self.target.credentials, name)) is not None:
                origin = self.file_origin
            elif name == "authorized" and (login := self.vendor_client(base_url)) is not None:
                origin = Origin.ENVIRONMENT
            else:
                self.note(f"credentials.{name}", "none", Origin.DEFAULT)
                continue
            if isinstance(login, ClientCredentials) and not login.token_url:
                login = msgspec.structs.replace(login, token_url=_origin_of(base_url) + TOKEN_PATH)
            found[name] = login
            self.note(f"credentials.{name}", printed_login(login), origin)
        return Credentials(**found)

    def vendor_client(self, base_url: str) -> ClientCredentials | None:
        """Return the client of the vendor's own variables, unless they speak of another host than the target's."""
        names = ("SAIL_CLIENT_ID", "SAIL_CLIENT_SECRET")
        given = [name for name in names if name in self.environ]
        if self.embedded or not base_url or not given:
            return None
        token_url = ""
        if "SAIL_BASE_URL" in self.environ:
            vendor = self.vendor_url()
            if urlsplit(vendor).hostname != urlsplit(base_url).hostname:
                self.advice.append("SAIL_CLIENT_ID is not used: SAIL_BASE_URL names another host, whose tokens are not for this target.")
                return None
            token_url = vendor + TOKEN_PATH
        if len(given) < len(names):
            [missing] = set(names) - set(given)
            raise UsageError(f"environment variable {missing}", f"it is not set, but {given[0]} is", f"Set {missing} too.")
        return ClientCredentials(self.environ["SAIL_CLIENT_ID"], Secret(self.environ["SAIL_CLIENT_SECRET"]), token_url)

    def access_requests(self, *, safe: bool) -> AccessRequests:
        requests = self.target.access_requests
        for state in ("pending", "approved", "completed"):
            source = getattr(requests, state)
            self.of_file(f"access_requests.{state}", printed_source(source), given=source is not None)
        name = "access_requests.may_close"
        if safe:
            self.note(name, "no", Origin(next(one.origin for one in self.ledger if one.name == "safe")))
            return msgspec.structs.replace(requests, may_close=False)
        self.of_file(name, yes_or_no(requests.may_close), given=name in self.target.given)
        return requests

    def note_provoke(self) -> None:
        for name in ("rate_limit", "internal_error"):
            way = getattr(self.target.provoke, name)
            self.of_file(f"provoke.{name}", printed_way(way), given=way is not None)

    def note_observe(self) -> None:
        observe, given = self.target.observe, self.target.given
        for name in ("account_activities", "search"):
            self.of_file(f"observe.{name}", yes_or_no(getattr(observe, name)), given=f"observe.{name}" in given)
        self.of_file("observe.events", printed_events(observe.events), given="observe.events" in given)

    # -- advice

    def advise(self, base_url: str, credentials: Credentials) -> None:
        if self.embedded or not base_url:
            idle = [name for name in sorted((*TOKEN_VARIABLES.values(), "SAIL_CLIENT_ID")) if name in self.environ]
            if idle:
                self.advice.append(
                    f"{idle[0]} is set, but no target is named: the embedded reference target is judged. "
                    "Give --target or --base-url to judge another."
                )
            return
        if is_loopback(base_url):
            return
        if base_url.startswith("http://") and credentials != Credentials():
            self.advice.append("base_url: the token travels in clear over http. Use https.")
        events = self.target.observe.events
        if events and not events.url and is_loopback(f"http://{events.host}"):
            self.advice.append(
                "observe.events: the target cannot reach a listener on this machine's loopback. "
                "Give listen: an address that it reaches, or url: the public one."
            )


def is_loopback(url: str) -> bool:
    """Tell whether a URL leads to this machine, to judge by its host alone; an empty one does (the embedded target)."""
    host = urlsplit(url).hostname or "localhost"
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
