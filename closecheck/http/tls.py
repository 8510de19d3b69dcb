"""
How an HTTPS target is verified and who we say we are.
"""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

import msgspec


class TLS(msgspec.Struct, frozen=True):
    """How an HTTPS target is verified and who we say we are; paths of PEM files."""

    verify: bool = True
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    client_key_password: str | None = None
    """What the client's key is encrypted with, where it is."""

    def context(self) -> ssl.SSLContext:
        """
        Return the context; nobody is ever asked for a password.

        Raises:
            UnusableFile: a file cannot be used; it names the member at fault.

        """
        if not self.verify:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.ca_file:
            try:
                context = ssl.create_default_context(cafile=self.ca_file)
            except OSError as error:
                raise UnusableFile("ca_file", f"no certificate can be read from it ({_reason(error)})") from None
        else:
            import truststore  # noqa: PLC0415 - only an HTTPS target needs it

            context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.client_cert:
            try:
                # A function, for without any password OpenSSL would ask the terminal.
                context.load_cert_chain(self.client_cert, self.client_key, lambda: self.client_key_password or "")
            except (OSError, ValueError) as error:
                raise self._unusable_pair(error) from None
        return context

    def _unusable_pair(self, error: Exception) -> UnusableFile:
        """Return which of certificate, key and password is at fault."""
        member = "client_key" if self.client_key else "client_cert"
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            return UnusableFile("client_key", "it does not belong to client_cert")
        with contextlib.suppress(OSError):
            if b"ENCRYPTED" in Path(self.client_key or self.client_cert or "").read_bytes():
                if self.client_key_password is None:
                    return UnusableFile("client_key_password", f"it is missing, and {member} is encrypted")
                return UnusableFile("client_key_password", f"it does not open {member}")
        return UnusableFile(member, f"no certificate and key can be read ({_reason(error)})")


class UnusableFile(Exception):
    """A file of the TLS settings cannot be used: the member of ``tls`` at fault, and what is wrong with it."""

    def __init__(self, member: str, problem: str) -> None:
        self.member = member
        self.problem = problem
        super().__init__(member, problem)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return getattr(error, "strerror", None) or type(error).__name__
