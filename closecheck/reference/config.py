"""
Everything that can be set from outside stands here, frozen; nothing else reads settings.
"""

from __future__ import annotations

from dataclasses import dataclass

ORG_ADMIN = "ORG_ADMIN"
"""The user level that the close operation asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """
    One OAuth client and the user it stands for: what ``POST /oauth/token`` knows.
    """

    client_id: str
    client_secret: str
    user_name: str
    authorities: tuple[str, ...] = ()


ADMINISTRATOR = Client(
    client_id="reference-administrator",
    client_secret="administrator-secret",  # noqa: S106 - a stand-in that guards nothing but this process
    user_name="slpt.admin",
    authorities=(ORG_ADMIN,),
)
USER = Client(
    client_id="reference-user",
    client_secret="user-secret",  # noqa: S106 - as above
    user_name="robert.rowe",
    authorities=(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceConfig:
    """
    How one reference server is set up. Times are in seconds, sizes in bytes.
    """

    host: str = "127.0.0.1"
    port: int = 0
    """0 lets the system choose a free one."""
    base_path: str = "/v2024"

    pending: int = 2600
    """How many stored access requests wait for approval."""
    approved: int = 20
    """How many are past their approval, yet still pending."""
    completed: int = 10
    """How many are completed already."""
    seed: int = 0
    """The same seed makes the same ids."""
    database: str = ":memory:"
    """A SQLite path; a file is filled only when it is new, and kept."""

    completion_seconds: float = 0.02
    """From the 202 to the end of the closing."""
    settle_seconds: float = 5.0
    """What the target file promises for the same."""

    rate_limit: str | None = None
    """For each access token, as ``limits`` spells it: ``100/10 seconds``. None: unlimited."""
    provocations: bool = True
    """Whether ``X-Provoke: throttle`` and ``X-Provoke: 500`` are honoured."""

    administrator: Client = ADMINISTRATOR
    user: Client = USER
    token_seconds: float = 43_200.0
    """Lifetime of the tokens in the target file."""
    oauth_seconds: float = 749.0
    """Lifetime of the tokens that ``POST /oauth/token`` issues."""

    max_body_bytes: int = 4 * 1024 * 1024
    max_header_bytes: int = 64 * 1024
    keep_alive_seconds: int = 75
    """How long an idle connection is kept."""

    def __post_init__(self) -> None:
        """
        Raises:
            ValueError: a count or time is negative, or the base path is not of the form ``/a/b``.
        """
        numbers = (self.pending, self.approved, self.completed, self.completion_seconds, self.settle_seconds)
        if min(numbers) < 0:
            msg = "counts and times cannot be negative"
            raise ValueError(msg)
        if self.base_path and (not self.base_path.startswith("/") or self.base_path.endswith("/")):
            msg = f"base_path is neither empty nor of the form /a/b: {self.base_path!r}"
            raise ValueError(msg)
