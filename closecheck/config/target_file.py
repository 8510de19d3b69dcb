"""
The target file: what a deployed implementation claims, and what the suite needs to reach it.

Nothing in it is guessed or passed over: every key, type and value is checked when the file is read, and whatever cannot
be used is a :class:`~closecheck.model.errors.UsageError` that names the line. No error shows a value that may be a secret.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import msgspec
import yaml

from closecheck.contract.specification import contract
from closecheck.model import UNWAIVABLE_SCOPE, Struct, matches
from closecheck.model.errors import UsageError

MOST_CONCURRENCY: Final = 64
"""Requests in flight that a target file may ask for."""
MOST_IDS: Final = 500
"""Ids that one request may name, hence requests that a target file may have created."""
LONGEST_WAIT: Final = 3600.0
"""Seconds: no time-out and no settling time is longer; who writes more means milliseconds."""
OPERATION_PATH: Final = "/access-requests/close"

# --------------------------------------------------------------------------------------------------------------- values


class Secret:
    """A text that is never printed: ``repr`` and ``str`` are ``***``; :meth:`reveal` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __eq__(self, other: object) -> bool:
        """Tell whether both hide the same text."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Return the hash of the hidden text."""
        return hash(self._value)

    def __repr__(self) -> str:
        """Return three stars, for ``str`` too."""
        return "***"


class Fields(Mapping[str, str]):
    """Header fields in the file's order, frozen; those whose name tells of a secret print as ``***``."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        self._fields = dict(fields or {})

    def __getitem__(self, name: str) -> str:
        """Return the value of a field as its name is written in the file."""
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._fields)

    def __len__(self) -> int:
        """Return how many fields there are."""
        return len(self._fields)

    def secret_names(self) -> tuple[str, ...]:
        """Return the names of the fields that hold a secret."""
        return tuple(name for name in self if is_secret_field(name))

    def secret_values(self) -> tuple[str, ...]:
        """Return the values of the fields that hold a secret."""
        return tuple(self[name] for name in self.secret_names())

    def __repr__(self) -> str:
        """Return the fields as text, without secrets; for ``str`` too."""
        return ", ".join(f"{name}: {'***' if is_secret_field(name) else value}" for name, value in self.items())


_SECRET_FIELD: Final = re.compile(
    r"api-?key|auth|cookie|credential|passw|secret|session|signature|token", re.IGNORECASE
)


def is_secret_field(name: str) -> bool:
    """Tell whether a header field of the target file holds a secret, to judge by its name (``X-Api-Key``)."""
    return _SECRET_FIELD.search(name) is not None


class Rate(Struct):
    """At most ``requests`` requests in any ``seconds`` seconds."""

    requests: int
    seconds: float

    def __str__(self) -> str:
        """Return the rate as it is written in a target file: ``95/10s``."""
        return f"{self.requests}/{self.seconds:g}s"


class Tls(Struct):
    """How the connection is secured; the paths are absolute and exist."""

    verify: bool = True
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    client_key_password: Secret | None = None


class StaticToken(Struct):
    """A ready access token."""

    token: Secret


class ClientCredentials(Struct):
    """A client that fetches its token (OAuth client credentials); ``token_url`` is empty until the settings fill it."""

    client_id: str
    client_secret: Secret
    token_url: str = ""


Login = StaticToken | ClientCredentials
"""One way to be somebody."""


class Credentials(Struct):
    """Who the suite can be; None: not supplied."""

    authorized: Login | None = None
    unprivileged: Login | None = None
    expired: Login | None = None

    def items(self) -> Iterator[tuple[str, Login]]:
        """Yield name and login of those that are supplied."""
        for name in CALLERS:
            if (login := getattr(self, name)) is not None:
                yield name, login


CALLERS: Final = ("authorized", "unprivileged", "expired")


class Listed(Struct):
    """Ids from the target file, or from the text or CSV file it names (``origin``); at least one, all different."""

    ids: tuple[str, ...]
    origin: str = "the target file"


class Searched(Struct):
    """Ids that the suite finds by ``POST {base_url}/search``."""


class Activities(Struct):
    """Ids that the suite finds by ``GET {base_url}/account-activities``."""


class Created(Struct):
    """Requests that the suite makes by ``POST {base_url}/access-requests``: ``count`` of them for each identity."""

    requested_for: tuple[str, ...]
    item_type: str
    item_id: str
    count: int = 1


Source = Listed | Searched | Activities | Created
"""Where ids of existing access requests come from."""


class AccessRequests(Struct):
    """Existing access requests, by the state they are in, and the consent to close them."""

    pending: Source | None = None
    approved: Source | None = None
    """Past approval, still pending."""
    completed: Source | None = None
    may_close: bool = False


class ByHeaders(Struct):
    """Provoked by adding these fields to one request."""

    headers: Fields


class ByBurst(Struct):
    """Provoked by that many requests at once."""

    requests: int


class Provoke(Struct):
    """How a 429 and a 500 can be had; None: not at all."""

    rate_limit: ByHeaders | ByBurst | None = None
    internal_error: ByHeaders | None = None


class Events(Struct):
    """A trigger subscription to a listener that the suite opens on ``host`` and ``port`` (0: any free one)."""

    host: str = "127.0.0.1"
    port: int = 0
    url: str = ""
    """Under which the target reaches the listener; empty: under its own address."""


class Observe(Struct):
    """By which means the effect of closing can be seen; ``settle`` in seconds, None: not given."""

    account_activities: bool = False
    search: bool = False
    events: Events | None = None
    settle: float | None = None


class Target(Struct):
    """
    The content of one target file; what was not given is None, UNSET or as the class of its part says.

    ``given`` lists the dotted keys that stand in the file, ``variables`` the environment variables it refers to, and
    ``advice`` sentences on what is lawful but unwise.
    """

    origin: str
    """The file as the user named it, or ``embedded target``."""
    name: str = ""
    base_url: str | None = None
    path: str = OPERATION_PATH
    headers: Fields = Fields()
    tls: Tls = Tls()
    timeout: float | None = None
    max_wait: float | None = None
    rate: Rate | msgspec.UnsetType | None = msgspec.UNSET
    """None: no limit of the suite's own."""
    concurrency: int | None = None
    burst: bool = True
    credentials: Credentials = Credentials()
    access_requests: AccessRequests = AccessRequests()
    provoke: Provoke = Provoke()
    observe: Observe = Observe()
    extension: Path | None = None
    out_of_scope: dict[str, str] = msgspec.field(default_factory=dict)
    waivers: Path | None = None
    given: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    advice: tuple[str, ...] = ()


# ------------------------------------------------------------------------------------------- a document and its places

Steps = tuple[str | int, ...]
_VARIABLE: Final = re.compile(r"\$(?:\$|\{([^}]*)\}?)")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAG: Final = "tag:yaml.org,2002:"


class Document:
    """
    Plain data with the lines it stands on, variables expanded.

    ``lines`` maps the path of each value to its first and last line, counted from 1; it is empty for what was never a
    file.
    """

    def __init__(self, origin: str, data: Any, lines: Mapping[Steps, tuple[int, int]]) -> None:
        self.origin = origin
        self.lines = lines
        self.expanded: set[Steps] = set()
        self.variables: set[str] = set()
        self.root = Place(self, (), data)

    def expand(self, environ: Mapping[str, str]) -> None:
        """
        Replace ``${NAME}`` in every text by the variable, ``$$`` by one ``$``.

        Raises:
            UsageError: a variable is not set, or a reference has no proper name.

        """
        self.root = Place(self, (), self._expanded((), self.root.value, environ))

    def _expanded(self, path: Steps, value: Any, environ: Mapping[str, str]) -> Any:
        match value:
            case dict():
                return {key: self._expanded((*path, key), one, environ) for key, one in value.items()}
            case list():
                return [self._expanded((*path, index), one, environ) for index, one in enumerate(value)]
            case str() if "$" in value:
                return _VARIABLE.sub(lambda found: self._variable(path, found, environ), value)
            case _:
                return value

    def _variable(self, path: Steps, found: re.Match[str], environ: Mapping[str, str]) -> str:
        name = found[1]
        if name is None:
            return "$"
        place = Place(self, path, None)
        if not found[0].endswith("}") or not _NAME.fullmatch(name):
            raise place.error("a reference to a variable is malformed", "Write ${NAME}; a dollar sign itself is $$.")
        if name not in environ:
            raise place.error(f"the environment variable {name} is not set", f"Set it: export {name}=…")
        self.expanded.add(path)
        self.variables.add(name)
        return environ[name]


class Place:
    """
    One value of a document and where it stands.

    Each reading method raises UsageError if the value is of another kind.
    """

    __slots__ = ("document", "path", "value")

    def __init__(self, document: Document, path: Steps, value: Any) -> None:
        self.document = document
        self.path = path
        self.value = value

    @property
    def key(self) -> str:
        """The dotted key: ``access_requests.pending[2]``."""
        text = ""
        for step in self.path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text

    @property
    def line(self) -> int | None:
        """The line on which the value, or the nearest one around it, stands."""
        for length in range(len(self.path), -1, -1):
            if (lines := self.document.lines.get(self.path[:length])) is not None:
                return lines[0]
        return None

    @property
    def where(self) -> str:
        """File, key and line, as an error names them."""
        text = self.document.origin + (f', key "{self.key}"' if self.path else "")
        return f"{text} (line {self.line})" if self.line is not None and self.path else text

    @property
    def is_expanded(self) -> bool:
        """Whether a variable of the environment is part of the value."""
        return self.path in self.document.expanded

    def error(self, problem: str, remedy: str = "") -> UsageError:
        """Return an error that names this place."""
        return UsageError(self.where, problem, remedy)

    def wrong(self, expected: str, example: str) -> UsageError:
        """Return the error for a value of another kind; it tells the kind that was found, never the value."""
        return self.error(f"{expected} is needed, {_kind(self.value)} was found", f"Write {example}.")

    def mapping(self, known: Collection[str], example: str) -> dict[str, Place]:
        """Return the members, all of them known ones."""
        members = self.members(example)
        for name, member in members.items():
            if name not in known:
                raise member.error("unknown key", nearest(name, known))
        return members

    def members(self, example: str) -> dict[str, Place]:
        """Return the members, whatever their names."""
        if not isinstance(self.value, dict):
            raise self.wrong("a mapping", example)
        members = {}
        for name, value in self.value.items():
            member = Place(self.document, (*self.path, str(name)), value)
            if not isinstance(name, str):
                raise member.error(f"a key is text, {_kind(name)} was found", f'Write "{member.path[-1]}" in quotes.')
            members[name] = member
        return members

    def items(self, example: str) -> list[Place]:
        """Return the members of a list."""
        if not isinstance(self.value, list):
            raise self.wrong("a list", example)
        return [Place(self.document, (*self.path, index), value) for index, value in enumerate(self.value)]

    def text(self, example: str) -> str:
        """Return a text that is not blank."""
        if isinstance(self.value, (bool, int, float)):
            raise self.error(f"text is needed, {_kind(self.value)} was found", "Write it in quotes.")
        if not isinstance(self.value, str):
            raise self.wrong("text", example)
        if not self.value.strip():
            cause = "the text is empty: the variable is set to nothing" if self.is_expanded else "the text is empty"
            raise self.error(cause, f"Write {example}.")
        return self.value

    def flag(self) -> bool:
        """Return a truth value."""
        if self.is_expanded and str(self.value).lower() in ("true", "false"):
            return str(self.value).lower() == "true"
        if not isinstance(self.value, bool):
            raise self.wrong("true or false", "true or false, without quotes")
        return self.value

    def whole(self, lowest: int, highest: int) -> int:
        """Return a whole number between two bounds, both included."""
        number = self._number(f"a whole number from {lowest} to {highest}")
        if number != int(number) or not lowest <= number <= highest:
            raise self.error(f"a whole number from {lowest} to {highest} is needed", f"Write {lowest} or more.")
        return int(number)

    def seconds(self) -> float:
        """Return a time in seconds, above 0 and at most :data:`LONGEST_WAIT`."""
        return checked_seconds(self._number("a number of seconds"), self.where)

    def _number(self, expected: str) -> float:
        value = self.value
        if self.is_expanded and isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                raise self.wrong(expected, "a number, without quotes") from None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self.wrong(expected, "a number, without quotes")
        return value

    def file(self, folder: Path) -> Path:
        """Return the absolute path of an existing file; a relative one starts in ``folder``."""
        path = (folder / Path(self.text("the path of a file")).expanduser()).absolute()
        if not path.is_file():
            raise self.error(
                f"there is no file {path}", "Correct the path; a relative one starts in the folder of the target file."
            )
        return path


def shown(path: Path) -> str:
    """Return a path as it is written from the current folder, which a path outside it is not."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the sentence that names the known word nearest to ``name``, or all of them if none is near."""
    words = sorted(known)
    if close := difflib.get_close_matches(name, words, 1, 0.6):
        return f'Did you mean "{close[0]}"?'
    return f"Known: {', '.join(words)}." if len(words) < 30 else ""


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return f"a value of type {type(value).__name__}"


def read_yaml(path: Path, origin: str = "") -> Document:
    """
    Return a YAML file as a document, nothing expanded; messages call it ``origin``, or else by its path.

    Times and dates stay text. The message of the YAML parser is passed on without its excerpt, in which a secret could
    stand.

    Raises:
        UsageError: the file cannot be read, is empty, is no YAML, repeats a key or uses a tag.

    """
    origin = origin or str(path)
    try:
        source = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(origin, "there is no such file", "Correct the path.") from None
    except OSError as error:
        raise UsageError(origin, f"the file cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UsageError(origin, "the file is not UTF-8", "Save it as UTF-8.") from None
    lines: dict[Steps, tuple[int, int]] = {}
    try:
        node = yaml.compose(source, Loader=yaml.SafeLoader)
        if node is None:
            raise UsageError(origin, "the file is empty")
        data = _from_node(origin, (), node, lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{origin}, line {mark.line + 1}" if mark else origin
        problem, remedy = f"this is no YAML: {error.problem}", ""
        if "\\t" in problem:
            problem, remedy = "a tab stands where YAML wants blanks", "Indent with blanks."
        raise UsageError(place, problem, remedy) from None
    except yaml.reader.ReaderError as error:
        line = source.count("\n", 0, error.position) + 1
        raise UsageError(f"{origin}, line {line}", "a character that YAML does not allow") from None
    except RecursionError:
        raise UsageError(origin, "the values are nested too deeply, or in a circle") from None
    return Document(origin, data, lines)


def _from_node(origin: str, path: Steps, node: yaml.Node, lines: dict[Steps, tuple[int, int]]) -> Any:
    first = node.start_mark.line + 1
    value: Any
    last = first
    match node:
        case yaml.MappingNode():
            value = {}
            starts: dict[Any, int] = {}
            for key_node, value_node in node.value:
                key = _from_node(origin, (*path, "key"), key_node, {})
                inner = (*path, str(key))
                line = key_node.start_mark.line + 1
                if isinstance(key, (dict, list)):
                    raise UsageError(f"{origin}, line {line}", f"a key is text, {_kind(key)} was found")
                if key in starts:
                    raise UsageError(
                        f'{origin}, key "{Place(Document(origin, None, {}), inner, None).key}" (line {line})',
                        f"the key stands there twice, first on line {starts[key]}",
                        "Delete one of them.",
                    )
                starts[key] = line
                value[key] = _from_node(origin, inner, value_node, lines)
                last = max(last, line, lines[inner][1])
                lines[inner] = (line, lines[inner][1])
        case yaml.SequenceNode():
            value = []
            for index, one in enumerate(node.value):
                value.append(_from_node(origin, (*path, index), one, lines))
                last = max(last, lines[(*path, index)][1])
        case _:
            value = _scalar(origin, node)
            # A block scalar ends at the start of the line after it.
            last = max(first, node.end_mark.line + (1 if node.end_mark.column else 0))
    lines[path] = (first, last)
    return value


def _scalar(origin: str, node: yaml.Node) -> Any:
    kind = node.tag.removeprefix(_TAG)
    if kind in ("str", "timestamp", "merge", "value"):
        return node.value
    if kind not in ("null", "bool", "int", "float"):
        raise UsageError(
            f"{origin}, line {node.start_mark.line + 1}", f"the tag {node.tag} is not used here", "Delete it."
        )
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, yaml.YAMLError):
        return node.value


# --------------------------------------------------------------------------------- values that also come from elsewhere

_RATE: Final = re.compile(r"(\d{1,9})\s*/\s*(\d{0,9}(?:\.\d{1,6})?)\s*(ms|s|m|h)", re.ASCII)
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_URL: Final = re.compile(r"[!-~]+")


def checked_rate(text: str, where: str) -> Rate | None:
    """
    Return a rate written like ``95/10s``, ``10/s`` or ``100/m``; None for ``none``.

    Raises:
        UsageError: it is written otherwise, or is not above 0.

    """
    if text.strip().lower() == "none":
        return None
    remedy = "Write requests per time, such as 95/10s, 10/s or 100/m, or none."
    if not (found := _RATE.fullmatch(text.strip())):
        raise UsageError(where, "this is no rate", remedy)
    rate = Rate(int(found[1]), float(found[2] or 1) * _UNITS[found[3]])
    if rate.requests <= 0 or rate.seconds <= 0:
        raise UsageError(where, "a rate is above 0", remedy)
    return rate


def checked_seconds(number: float, where: str) -> float:
    """
    Return a time in seconds.

    Raises:
        UsageError: it is not above 0 and at most :data:`LONGEST_WAIT`.

    """
    if not 0 < number <= LONGEST_WAIT:
        raise UsageError(where, f"a time above 0 and at most {LONGEST_WAIT:g} is needed", "Write it in seconds.")
    return float(number)


def checked_url(text: str, where: str, example: str) -> SplitResult:
    """
    Return the parts of an http or https URL.

    Raises:
        UsageError: it is none, holds a user or a fragment, or characters that no URL has; the URL itself is not shown.

    """
    if not _URL.fullmatch(text):
        raise UsageError(where, "the URL holds blanks or characters beyond ASCII", f"Write {example}.")
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise UsageError(where, "this is no URL", f"Write {example}.") from None
    if url.scheme not in ("http", "https"):
        raise UsageError(where, "the URL does not start with https:// or http://", f"Write {example}.")
    if not host or port == 0:
        raise UsageError(where, "the URL names no host", f"Write {example}.")
    try:
        host.encode("idna")
    except UnicodeError:
        raise UsageError(where, "no host can have that name: a part of it is empty or longer than 63 characters", f"Write {example}.") from None
    if "@" in url.netloc:
        raise UsageError(
            where, "the URL holds a user or a password", "Delete them; credentials have a section of their own."
        )
    if "#" in text:
        raise UsageError(where, "the URL has a fragment", "Delete everything from # on.")
    return url


def checked_base_url(text: str, where: str) -> str:
    """
    Return a base URL without its trailing slash.

    Raises:
        UsageError: it is no http or https URL with a host, has a query, or already ends in the operation's path.

    """
    checked_url(text, where, "https://tenant.example/v2024")
    if "?" in text:
        raise UsageError(where, "the base URL has a query", "Delete everything from ? on.")
    base_url = text.rstrip("/")
    if base_url.endswith(OPERATION_PATH):
        raise UsageError(
            where,
            f"the base URL already ends in {OPERATION_PATH}",
            "Delete that part: the suite appends it, and looks for the APIs beside it.",
        )
    return base_url


def checked_token(text: str, where: str) -> Secret:
    """
    Return a token that can stand in a header.

    Raises:
        UsageError: it holds blanks, line breaks or characters beyond ASCII, or starts with the scheme; it is not shown.

    """
    if text.lower().startswith("bearer "):
        raise UsageError(where, 'the token starts with the word "Bearer"', "Leave the word out: the suite adds it.")
    if not _URL.fullmatch(text):
        raise UsageError(
            where,
            "the token holds a blank, a line break or a character beyond ASCII",
            "A token is one word; copy it again.",
        )
    return Secret(text)


# ------------------------------------------------------------------------------------------- reading a target file

_KEYS: Final = (
    "name", "base_url", "path", "headers", "tls", "timeout", "max_wait", "rate", "concurrency", "burst", "credentials",
    "access_requests", "provoke", "observe", "extension", "out_of_scope", "waivers",
)  # fmt: skip
_LOGIN: Final = '{token: "${CLOSECHECK_TOKEN}"} or {client_id: …, client_secret: …}'
_SOURCES: Final = ("file", "csv", "search", "account_activities", "create")
_SOURCE: Final = (
    "a list of ids, {file: ids.txt}, {csv: export.csv}, {search: true}, {account_activities: true} or {create: …}"
)
_ITEM_TYPES: Final = ("ACCESS_PROFILE", "ROLE", "ENTITLEMENT")
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SET_BY_THE_SUITE: Final = frozenset(
    {
        "accept", "accept-language", "connection", "content-encoding", "content-length", "content-type", "expect",
        "host", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range", "te",
        "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Fields that frame a request or lawfully change its answer: sent by the suite where it means to, and nowhere else."""
_LAST_PORT: Final = 0xFFFF
_CSV_HEADINGS: Final = frozenset({"trackingnumber"})


def read(path: Path, environ: Mapping[str, str], known_ids: Collection[str]) -> Target:
    """
    Read a target file; ``known_ids`` are the ids of all requirements.

    Raises:
        UsageError: anything in it cannot be used.

    """
    document = read_yaml(path)
    # Advice on literal secrets needs the text as it stands, so it is taken before the variables go in.
    literal = tuple(_literal_secrets(document))
    document.expand(environ)
    return _Reader(document, path.absolute().parent, known_ids, literal).target()


def from_data(data: Mapping[str, Any], known_ids: Collection[str], origin: str = "embedded target") -> Target:
    """
    Read the content of a target file that is data already.

    Nothing is expanded; relative paths start in the current folder.

    Raises:
        UsageError: anything in it cannot be used.

    """
    return _Reader(Document(origin, dict(data), {}), Path.cwd(), known_ids, ()).target()


def _literal_secrets(document: Document) -> Iterator[str]:
    found: list[Place] = []
    _walk(document.root, found)
    for place in found:
        match place.path:
            case ("credentials", str(caller), "token" | "client_secret" as last):
                variable = _VARIABLES_FOR.get((caller, last), f"{caller}_{last}".upper())
            case ("tls", "client_key_password"):
                variable = "KEY_PASSWORD"
            case ("headers", str(name)) | ("provoke", str(), "headers", str(name)) if is_secret_field(name):
                variable = re.sub(r"\W", "_", name).upper()
            case _:
                continue
        if isinstance(place.value, str) and "${" not in place.value:
            yield f'{place.where}: a secret stands in the file itself. Write "${{{variable}}}" and set that variable.'


_VARIABLES_FOR: Final = {
    ("authorized", "token"): "CLOSECHECK_TOKEN",
    ("unprivileged", "token"): "CLOSECHECK_UNPRIVILEGED_TOKEN",
    ("expired", "token"): "CLOSECHECK_EXPIRED_TOKEN",
}


def _walk(place: Place, into: list[Place]) -> None:
    into.append(place)
    if isinstance(place.value, dict):
        for name, value in place.value.items():
            _walk(Place(place.document, (*place.path, str(name)), value), into)


class _Reader:
    """One reading of one document: a method for each part of the file."""

    def __init__(self, document: Document, folder: Path, known_ids: Collection[str], advice: tuple[str, ...]) -> None:
        self.document = document
        self.folder = folder
        self.known_ids = known_ids
        self.advice = list(advice)

    def target(self) -> Target:
        """Read everything."""
        root = self.document.root
        top = root.mapping(_KEYS, "keys such as base_url: …")
        every: list[Place] = []
        _walk(root, every)
        return Target(
            origin=self.document.origin,
            name=top["name"].text("a name for reports") if "name" in top else "",
            base_url=self.base_url(top["base_url"]) if "base_url" in top else None,
            path=self.path(top["path"]) if "path" in top else OPERATION_PATH,
            headers=self.headers(top["headers"]) if "headers" in top else Fields(),
            tls=self.tls(top["tls"]) if "tls" in top else Tls(),
            timeout=top["timeout"].seconds() if "timeout" in top else None,
            max_wait=top["max_wait"].seconds() if "max_wait" in top else None,
            rate=self.rate(top["rate"]) if "rate" in top else msgspec.UNSET,
            concurrency=top["concurrency"].whole(1, MOST_CONCURRENCY) if "concurrency" in top else None,
            burst=top["burst"].flag() if "burst" in top else True,
            credentials=self.credentials(top["credentials"]) if "credentials" in top else Credentials(),
            access_requests=self.access_requests(top["access_requests"])
            if "access_requests" in top
            else AccessRequests(),
            provoke=self.provoke(top["provoke"]) if "provoke" in top else Provoke(),
            observe=self.observe(top["observe"]) if "observe" in top else Observe(),
            extension=self.extension(top["extension"]) if "extension" in top else None,
            out_of_scope=self.out_of_scope(top["out_of_scope"]) if "out_of_scope" in top else {},
            waivers=top["waivers"].file(self.folder) if "waivers" in top else None,
            given=frozenset(place.key for place in every if place.path),
            variables=frozenset(self.document.variables),
            advice=tuple(self.advice),
        )

    def base_url(self, place: Place) -> str:
        return checked_base_url(place.text("https://tenant.example/v2024"), place.where)

    def path(self, place: Place) -> str:
        path = place.text(OPERATION_PATH)
        if not path.startswith("/") or not _URL.fullmatch(path) or "?" in path or "#" in path:
            raise place.error(
                "a path starts with a slash and has no query, fragment or blank", f"Write {OPERATION_PATH}."
            )
        return path

    def rate(self, place: Place) -> Rate | None:
        return checked_rate(place.text("95/10s"), place.where)

    def headers(self, place: Place) -> Fields:
        seen: dict[str, str] = {}
        fields: dict[str, str] = {}
        for name, member in place.members("{X-Name: value}").items():
            if not _FIELD_NAME.fullmatch(name):
                raise member.error("this is no name of a header field", "Use letters, digits and hyphens.")
            if name.lower() == "authorization":
                raise member.error(
                    "the suite sets Authorization itself", "Write the token under credentials.authorized.token."
                )
            if name.lower() in _SET_BY_THE_SUITE:
                raise member.error("the suite sets this field itself, and tests what it changes", "Delete it.")
            if (twin := seen.setdefault(name.lower(), name)) != name:
                raise member.error(f'the field stands there twice, also as "{twin}"', "Delete one of them.")
            value = member.text("a text in quotes")
            if any(one in value for one in "\r\n\0") or any(ord(one) > 0xFF for one in value):
                raise member.error("the value holds a line break, NUL or a character beyond Latin-1", "Delete it.")
            fields[name] = value
        return Fields(fields)

    def tls(self, place: Place) -> Tls:
        files = ("ca_file", "client_cert", "client_key")
        members = place.mapping(("verify", *files, "client_key_password"), "{verify: true, ca_file: ca.pem}")
        tls = Tls(
            verify=members["verify"].flag() if "verify" in members else True,
            client_key_password=Secret(members["client_key_password"].text("${KEY_PASSWORD}")) if "client_key_password" in members else None,
            **{name: members[name].file(self.folder) for name in members if name in files},
        )
        if tls.client_key_password and not tls.client_cert:
            raise members["client_key_password"].error("a password without a key", "Add client_cert: client.pem, client_key: client.key.")
        if tls.client_key and not tls.client_cert:
            raise members["client_key"].error("a client key without its certificate", "Add client_cert: client.pem.")
        if not tls.verify:
            self.advice.append(
                f"{members['verify'].where}: whoever stands in between can read the token. Give a ca_file instead."
            )
        return tls

    def credentials(self, place: Place) -> Credentials:
        members = place.mapping(CALLERS, f"authorized: {_LOGIN}")
        return Credentials(**{name: self.login(member) for name, member in members.items()})

    def login(self, place: Place) -> Login:
        members = place.mapping(("token", "client_id", "client_secret", "token_url"), _LOGIN)
        if "token" in members:
            if others := sorted(set(members) - {"token"}):
                raise members[others[0]].error(
                    f"a token needs no {others[0]}", "Give either token, or client_id and client_secret."
                )
            return StaticToken(
                checked_token(members["token"].text(f"a token, best by reference: {_LOGIN}"), members["token"].where)
            )
        for name in ("client_id", "client_secret"):
            if name not in members:
                raise place.error(f"{name} is missing", f"Write {_LOGIN}.")
        url = ""
        if "token_url" in members:
            url = members["token_url"].text("https://tenant.example/oauth/token")
            checked_url(url, members["token_url"].where, "https://tenant.example/oauth/token")
        return ClientCredentials(
            members["client_id"].text("the id of the client"),
            Secret(members["client_secret"].text("${CLIENT_SECRET}")),
            url,
        )

    def access_requests(self, place: Place) -> AccessRequests:
        states = ("pending", "approved", "completed")
        members = place.mapping((*states, "may_close"), "pending: …, may_close: true")
        sources = {state: self.source(members[state]) for state in states if state in members}
        listed = {state: set(source.ids) for state, source in sources.items() if isinstance(source, Listed)}
        for state in ("pending", "approved"):
            if both := sorted(listed.get(state, set()) & listed.get("completed", set())):
                raise members["completed"].error(f"{both[0]} stands under {state} too", "Delete it from one of them.")
        return AccessRequests(**sources, may_close=members["may_close"].flag() if "may_close" in members else False)

    def source(self, place: Place) -> Source:
        if isinstance(place.value, list):
            ids = [one.text("an id in quotes") for one in place.items(_SOURCE)]
            return self.listed(place, ids, "the target file")
        if not isinstance(place.value, dict):
            raise place.wrong("a list or a mapping", _SOURCE)
        members = place.mapping(_SOURCES, _SOURCE)
        if len(members) != 1:
            raise place.error("exactly one source is needed", f"Write {_SOURCE}.")
        [(kind, member)] = members.items()
        match kind:
            case "file":
                path = member.file(self.folder)
                return self.listed(member, _ids_of_text(_content(member, path)), path.name)
            case "csv":
                path = member.file(self.folder)
                return self.listed(member, _ids_of_csv(member, path), path.name)
            case "create":
                return self.created(member)
            case _:
                if not member.flag():
                    raise member.error("this names no source", f"Write {{{kind}: true}}, or leave the whole entry out.")
                return Searched() if kind == "search" else Activities()

    def listed(self, place: Place, ids: Iterable[str], origin: str) -> Listed:
        different = tuple(dict.fromkeys(ids))
        if not different:
            raise place.error("there is no id in it", "Supply at least one, or leave the whole entry out.")
        return Listed(different, origin)

    def created(self, place: Place) -> Created:
        example = "{create: {requested_for: identity id, item: {type: ACCESS_PROFILE, id: …}}}"
        members = place.mapping(("requested_for", "item", "count"), example)
        for name in ("requested_for", "item"):
            if name not in members:
                raise place.error(f"{name} is missing", f"Write {example}.")
        identities = members["requested_for"]
        listed = identities.items(example) if isinstance(identities.value, list) else [identities]
        if not listed:
            raise identities.error("there is no identity in it", f"Write {example}.")
        item = members["item"].mapping(("type", "id"), example)
        for name in ("type", "id"):
            if name not in item:
                raise members["item"].error(f"{name} is missing", f"Write {example}.")
        kind = item["type"].text("ACCESS_PROFILE")
        if kind not in _ITEM_TYPES:
            raise item["type"].error("unknown type", nearest(kind, _ITEM_TYPES))
        return Created(
            requested_for=tuple(one.text("the id of an identity in quotes") for one in listed),
            item_type=kind,
            item_id=item["id"].text("the id of the item in quotes"),
            count=members["count"].whole(1, MOST_IDS) if "count" in members else 1,
        )

    def provoke(self, place: Place) -> Provoke:
        members = place.mapping(("rate_limit", "internal_error"), "rate_limit: {headers: {X-Provoke: throttle}}")
        limit: ByHeaders | ByBurst | None = None
        if "rate_limit" in members:
            example = "{headers: {X-Provoke: throttle}} or {burst: 300}"
            ways = members["rate_limit"].mapping(("headers", "burst"), example)
            if len(ways) != 1:
                raise members["rate_limit"].error("exactly one way is needed", f"Write {example}.")
            limit = ByBurst(ways["burst"].whole(2, 10_000)) if "burst" in ways else self.by_headers(ways["headers"])
        fault: ByHeaders | None = None
        if "internal_error" in members:
            example = '{headers: {X-Provoke: "500"}}'
            ways = members["internal_error"].mapping(("headers",), example)
            if not ways:
                raise members["internal_error"].error("headers are missing", f"Write {example}.")
            fault = self.by_headers(ways["headers"])
        return Provoke(limit, fault)

    def by_headers(self, place: Place) -> ByHeaders:
        if not (headers := self.headers(place)):
            raise place.error("there is no header in it", "Write {X-Provoke: …}.")
        return ByHeaders(headers)

    def observe(self, place: Place) -> Observe:
        members = place.mapping(("account_activities", "search", "events", "settle"), "search: true")
        return Observe(
            account_activities=members["account_activities"].flag() if "account_activities" in members else False,
            search=members["search"].flag() if "search" in members else False,
            events=self.events(members["events"]) if "events" in members else None,
            settle=members["settle"].seconds() if "settle" in members else None,
        )

    def events(self, place: Place) -> Events | None:
        members = place.mapping(("subscribe", "listen", "url"), "{subscribe: true}")
        if "subscribe" not in members:
            raise place.error(
                "subscribe is missing", "Write {subscribe: true}: it allows the suite to make a subscription."
            )
        host, port, url = "127.0.0.1", 0, ""
        if "listen" in members:
            host, port = _host_and_port(members["listen"])
        if "url" in members:
            url = members["url"].text("https://suite.example/events")
            checked_url(url, members["url"].where, "https://suite.example/events")
        return Events(host, port, url) if members["subscribe"].flag() else None

    def extension(self, place: Place) -> Path:
        path = place.file(self.folder)
        if path.suffix != ".py":
            raise place.error("an extension is a Python file", "Name a file that ends in .py.")
        return path

    def out_of_scope(self, place: Place) -> dict[str, str]:
        catalogue = contract().catalogue
        needy = {one.id for one in catalogue.requirements if set(one.needs) - set(one.part_needs)}
        scope = {}
        for pattern, member in place.members('{CAR-RATE-*: "why"}').items():
            reason = member.text("why this is none of the target's business, in quotes")
            if pattern in catalogue.means:
                scope[pattern] = reason
                continue
            named = [one for one in self.known_ids if matches(pattern, one)]
            bound = [one for one in named or [pattern] if one not in needy]
            for forbidden in UNWAIVABLE_SCOPE:
                if any(matches(forbidden, one) for one in bound):
                    raise member.error(
                        f"{forbidden} cannot be put out of scope",
                        "Fix the target, or waive one requirement. What needs a means that you cannot supply goes out of scope "
                        f"by the name of that means: {', '.join(catalogue.means)}.",
                    )
            if not named:
                raise member.error("no requirement is named so", nearest(pattern, [*self.known_ids, *catalogue.means]))
            scope[pattern] = reason
        return scope


def _host_and_port(place: Place) -> tuple[str, int]:
    host, colon, port = place.text('"127.0.0.1:8089"').rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) <= _LAST_PORT):
        raise place.error("host and port are needed", 'Write "127.0.0.1:8089"; port 0 takes any free one.')
    return host.strip("[]"), int(port)


def _content(place: Place, path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise place.error(f"{path.name} is not UTF-8", "Save it as UTF-8.") from None
    except OSError as error:
        raise place.error(f"{path.name} cannot be read ({error.strerror})") from None


def _ids_of_text(content: str) -> Iterator[str]:
    """Yield one id a line; blank lines and those that start with ``#`` are passed over."""
    for line in content.splitlines():
        if (text := line.strip()) and not text.startswith("#"):
            yield text


def _ids_of_csv(place: Place, path: Path) -> Iterator[str]:
    """
    Yield the tracking numbers of an export of the Search page: a CSV file, or the zip archive it is downloaded in.

    The page names the column ``Tracking Number``, the report API ``trackingNumber``; the separator is documented
    nowhere, so it is taken from the heading.
    """
    if not zipfile.is_zipfile(path):
        contents = [_content(place, path)]
    else:
        try:
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
                contents = [archive.read(name).decode("utf-8-sig") for name in names]
        except (OSError, zipfile.BadZipFile, RuntimeError, UnicodeDecodeError):
            raise place.error(f"{path.name} cannot be unpacked", "Unpack it and name the CSV file.") from None
    for content in contents:
        heading = content.split("\n", 1)[0]
        separator = max(",;\t", key=heading.count)
        try:
            rows = list(csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True))
        except csv.Error as error:
            raise place.error(f"{path.name} is no CSV: {error}") from None
        names = [re.sub(r"[\s_]", "", name).lower() for name in rows[0]] if rows else []
        column = next((index for index, name in enumerate(names) if name in _CSV_HEADINGS), None)
        if column is None:
            raise place.error(
                f'{path.name} has no column "Tracking Number"',
                "Choose that column on the Search page and download it again.",
            )
        yield from (row[column].strip() for row in rows[1:] if len(row) > column and row[column].strip())
