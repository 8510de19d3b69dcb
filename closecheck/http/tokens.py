"""
Tokens: where they come from, how long they last, what they say about themselves; nothing here touches the network.

No error carries a secret: neither what was sent to a token endpoint nor what it answered is quoted.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import jwt
import msgspec

from closecheck.config.target import ClientCredentials, Login, StaticToken
from closecheck.http.redaction import Redactor
from closecheck.model import Struct
from closecheck.model.errors import UsageError

PostForm = Callable[[str, Mapping[str, str]], tuple[int, bytes]]
"""Posts fields as a form to a URL and returns status and body; raises OSError if there is no answer, TooMany if it is 429."""
Clock = Callable[[], float]
"""Returns seconds since 1970."""
Pause = Callable[[float, str], object]
"""Waits so many seconds, and says why."""

MARGIN: Final = 30.0
"""Seconds: a token with less of its life left is fetched anew."""
MARGIN_SHARE: Final = 0.2
"""The same as a share of its life; the greater of both counts, but at most half a life."""


_PAUSES: Final = (1.0, 5.0, 15.0)
"""Seconds, at least, before a token endpoint that answered 429 is asked again."""


class TooMany(Exception):
    """A token endpoint answered 429; ``asked`` is how long it asks to wait, in seconds, None if it does not say so lawfully."""

    def __init__(self, asked: float | None) -> None:
        super().__init__(asked)
        self.asked = asked


class TokenSource(Protocol):
    """Gives one caller's token."""

    @property
    def renewable(self) -> bool:
        """Whether it can be fetched anew; if not, it is always the same token."""

    @property
    def limited(self) -> bool:
        """Whether there is none because the token endpoint answers 429 to the end."""

    def token(self) -> str:
        """
        Return a token, fetched or refreshed if need be.

        Raises:
            UsageError: the token endpoint gives none.

        """

    def refresh(self) -> None:
        """Fetch the token anew, whatever is left of its life; nothing happens if it is not renewable."""


def token_source(
    name: str,
    login: Login,
    *,
    post_form: PostForm,
    redactor: Redactor,
    clock: Clock = time.time,
    pause: Pause = lambda seconds, _: threading.Event().wait(seconds),
    max_wait: float = 60.0,
) -> TokenSource:
    """
    Return the source of one credential (``authorized``, …); the redactor learns every token that it gives.

    A token endpoint that answers 429 is waited for with ``pause``, at most ``max_wait`` seconds at a time.
    """
    match login:
        case StaticToken(token):
            redactor.add(token.reveal())
            return FixedToken(token.reveal())
        case ClientCredentials():
            redactor.add(login.client_secret.reveal())
            return FetchedToken(name, login, post_form, redactor, clock, pause, max_wait)


class FixedToken:
    """A token that was given as it is."""

    renewable = False
    limited = False

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str:
        """Return the token."""
        return self._token

    def refresh(self) -> None:
        """Do nothing: there is no other."""


class _Granted(msgspec.Struct, frozen=True):
    """A token and its life, in seconds since 1970; ``ends`` is infinite if nothing says when."""

    token: str
    begins: float
    ends: float

    def is_fresh(self, now: float) -> bool:
        life = self.ends - self.begins
        return self.ends - now >= min(max(MARGIN, life * MARGIN_SHARE), life / 2)


class FetchedToken:
    """A token from an OAuth token endpoint (RFC 6749, 4.4); at most one fetch is under way at a time."""

    renewable = True

    def __init__(
        self, name: str, login: ClientCredentials, post_form: PostForm, redactor: Redactor, clock: Clock, pause: Pause, max_wait: float
    ) -> None:
        self._name = name
        self._login = login
        self._post_form = post_form
        self._redactor = redactor
        self._clock = clock
        self._pause = pause
        self._max_wait = max_wait
        self.limited = False
        self._lock = threading.Lock()
        self._granted: _Granted | None = None

    def token(self) -> str:
        """
        Return a token that lasts for a while.

        Raises:
            UsageError: the token endpoint gives none.

        """
        with self._lock:
            if self._granted is None or not self._granted.is_fresh(self._clock()):
                self._granted = self._fetch()
            return self._granted.token

    def refresh(self) -> None:
        """
        Fetch the token anew; who waited while another fetched it is content with that one.

        Raises:
            UsageError: the token endpoint gives none.

        """
        before = self._granted
        with self._lock:
            if self._granted is before:
                self._granted = self._fetch()

    def _fetch(self) -> _Granted:
        login, url = self._login, self._login.token_url
        begins = self._clock()
        fields = {
            "grant_type": "client_credentials",
            "client_id": login.client_id,
            "client_secret": login.client_secret.reveal(),
        }
        try:
            status, body = self._posted(url, fields)
        except OSError as error:
            raise self._error(f"the token endpoint {url} does not answer ({type(error).__name__})", "token_url") from None
        if status != 200:
            raise self._refused(status, body)
        try:
            answer = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._error(f"the token endpoint {url} answered 200, but no JSON", "token_url") from None
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
            raise self._error(f"the token endpoint {url} answered 200 without a usable access_token", "token_url")
        self._redactor.add(token)
        if str(answer.get("token_type", "bearer")).lower() != "bearer":
            raise self._error(f"the token endpoint {url} gives no bearer token", "token_url")
        return _Granted(token, begins, _end(answer.get("expires_in"), token, begins))

    def _posted(self, url: str, fields: Mapping[str, str]) -> tuple[int, bytes]:
        """Return the endpoint's answer; a 429 is waited out as it asks, a few times, but once in a run in vain."""
        for pause in (*_PAUSES, None):
            if self.limited:
                break
            try:
                return self._post_form(url, fields)
            except TooMany as refused:
                seconds = max(refused.asked or 0.0, pause or 0.0)
                self.limited = pause is None or seconds > self._max_wait
            if not self.limited:
                self._pause(seconds, f"the token endpoint {url} answers 429")
        problem = f"the token endpoint {url} answered 429 for longer than the run waits"
        raise UsageError(self._where, problem, "Wait until it lets this client through again, or give a ready token.")

    def _refused(self, status: int, body: bytes) -> UsageError:
        code = _oauth_code(body)
        said = f"the token endpoint {self._login.token_url} answered {status}{f' {code}' if code else ''}"
        if status in (400, 401, 403):
            return self._error(f"{said}: it refuses the client", "client_id and client_secret")
        if status in (404, 405) or 300 <= status < 400:
            return self._error(f"{said}: there is no token endpoint", "token_url")
        return UsageError(self._where, said, "Wait until it works again, or give a ready token.")

    @property
    def _where(self) -> str:
        return f"credentials.{self._name}"

    def _error(self, problem: str, suspect: str) -> UsageError:
        return UsageError(self._where, problem, f"Check {suspect} of that credential.")


_CODES: Final = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)


def _oauth_code(body: bytes) -> str:
    """Return the error code of RFC 6749, 5.2, or nothing: other text could echo a secret."""
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    code = answer.get("error") if isinstance(answer, dict) else None
    return code if isinstance(code, str) and code in _CODES else ""


def _end(expires_in: Any, token: str, now: float) -> float:
    """Return when a token ends, by its answer or else by itself; infinity if neither says it."""
    try:
        seconds = float(expires_in)
    except (TypeError, ValueError):
        seconds = 0.0
    if seconds > 0:
        return now + seconds
    expires = describe(token, now).expires
    return expires if expires is not None and expires > now else float("inf")


# ---------------------------------------------------------------------------------------------------- what a token says


class TokenFacts(Struct):
    """
    What a token says about itself, unverified.

    ``expires`` is in seconds since 1970, ``seconds_left`` may be negative; None: it does not say.
    """

    is_jwt: bool
    """Whether it has the form of a signed JWT: three parts, the first a JSON header."""
    claims_are_json: bool = False
    algorithm: str = ""
    expires: float | None = None
    seconds_left: float | None = None
    authorities: tuple[str, ...] = ()


def describe(token: str, now: float) -> TokenFacts:
    """Read a token without verifying it; ``now`` in seconds since 1970. Never raises."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return TokenFacts(is_jwt=False)
    algorithm = str(header.get("alg", ""))
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return TokenFacts(is_jwt=True, algorithm=algorithm)
    expires = claims.get("exp")
    # Beyond a float's precision a number is no moment.
    if isinstance(expires, bool) or not isinstance(expires, (int, float)) or not abs(expires) < 2**53:
        expires = None
    authorities = claims.get("authorities")
    return TokenFacts(
        is_jwt=True,
        claims_are_json=True,
        algorithm=algorithm,
        expires=expires,
        seconds_left=None if expires is None else expires - now,
        authorities=tuple(map(str, authorities)) if isinstance(authorities, list) else (),
    )
