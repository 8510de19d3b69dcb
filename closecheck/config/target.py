"""What a target file says, as frozen values; a secret among them is never printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from closecheck.model import Struct

OPERATION_PATH: Final = "/access-requests/close"


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
    """Header fields in the file's order, frozen; those whose name says that they are secret print as ``***``."""

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


_SECRET_FIELD: Final = re.compile(r"api-?key|auth|cookie|credential|passw|secret|session|signature|token", re.IGNORECASE)


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
