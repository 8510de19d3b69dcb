"""
What a session needs and is handed: the settings of the run, and the credential of each caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from closecheck.config.target import Provoke


class Tokens(Protocol):
    """Hands out the credential of each caller."""

    def authorization(self, caller: str) -> str | None:
        """
        Return the value of the Authorization field for a caller, or None for no field.

        Raises:
            Untested: the target file does not supply that credential, or it cannot be forged from the working one.

        """

    def inapplicable(self, caller: str) -> str:
        """Return why a caller cannot be made from this working token at all; empty if it can."""

    def refresh(self) -> bool:
        """Fetch the working token anew; False if it is fixed."""

    def limited(self) -> bool:
        """Whether there is no working token because the token endpoint answers 429 to the end."""

    def expired(self) -> bool:
        """Whether the working token has expired by its own word, and is fixed."""


class Plan(Protocol):
    """What a session needs of the settings."""

    @property
    def base_url(self) -> str:
        """Without a trailing slash."""

    @property
    def path(self) -> str:
        """The operation's path below the base URL."""

    @property
    def mark(self) -> str:
        """What tells the run from every other: ids that cannot exist, and messages, are made of it."""

    @property
    def concurrency(self) -> int:
        """Requests in flight."""

    @property
    def budget(self) -> int | None:
        """The most requests that may be sent, or None."""

    @property
    def burst(self) -> bool:
        """Whether the one burst of 16 is allowed."""

    @property
    def max_wait(self) -> float:
        """The seconds of a Retry-After that are waited out."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The fields that every request carries."""

    @property
    def provoke(self) -> Provoke:
        """How a 429 and a 500 can be had."""
