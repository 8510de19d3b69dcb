"""
Whatever goes wrong is raised as one of the exceptions here, and only `Errors` turns them into answers.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from closecheck.reference.localization import DEFAULT, Locale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from closecheck.reference.localization import Localizer


@dataclass(frozen=True, slots=True)
class Cause:
    """
    One plain reason: a key of the catalogues, and what fills its placeholders.
    """

    key: str
    parameters: Mapping[str, object] = field(default_factory=dict)


def cause(key: str, **parameters: object) -> Cause:
    """
    Short for a `Cause` with these parameters.
    """
    return Cause(key, parameters)


class Problem(Exception):
    """
    A request that is answered with an error object: a status, its detail code, a generic message and causes.
    """

    def __init__(
        self,
        status: int,
        detail_code: str,
        message: str,
        causes: Sequence[Cause] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail_code, *(item.key for item in causes))
        self.status = status
        self.detail_code = detail_code
        self.message = message
        self.causes = tuple(causes)
        self.headers = dict(headers or {})


class BadSyntax(Problem):
    """
    400: the body cannot be read at all.
    """

    def __init__(self, *causes: Cause) -> None:
        super().__init__(400, "400.0 Bad Request Syntax", "syntax", causes)


class BadContent(Problem):
    """
    400: the body can be read but says something that is not allowed.
    """

    def __init__(self, *causes: Cause) -> None:
        super().__init__(400, "400.1 Bad Request Content", "content", causes)


class Forbidden(Problem):
    """
    403: the caller is known but has no access.
    """

    def __init__(self) -> None:
        super().__init__(403, "403 Forbidden", "forbidden")


class NotFound(Problem):
    """
    404: there is nothing at this path, or nothing with this id.
    """

    def __init__(self) -> None:
        super().__init__(404, "404 Not found", "not_found")


class MethodNotAllowed(Problem):
    """
    405, with Allow (RFC 9110, 15.5.6).
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        listed = ", ".join(allowed)
        super().__init__(405, "405 Method Not Allowed", "method", [cause("method.allowed", allowed=listed)], {"Allow": listed})


class TooLarge(Problem):
    """
    413 or 431: the server protects itself.
    """

    def __init__(self, status: int, reason: Cause) -> None:
        super().__init__(status, f"{status} Too Large", "too_large", [reason], {"Connection": "close"})


class InternalFault(Problem):
    """
    500: something unexpected.
    """

    def __init__(self) -> None:
        super().__init__(500, "500.0 Internal Fault", "internal")


class Unauthenticated(Exception):
    """
    401: no token, or one that does not hold (page: Unauthorized). ``token_error`` is RFC 6750's error code, if any.
    """

    def __init__(self, error: str, token_error: str | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.token_error = token_error


class Throttled(Exception):
    """
    429: too many requests; ``retry_after`` is in whole seconds.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Errors:
    """
    Renders every refusal. The methods are the parts of it, so that each can be replaced alone.
    """

    def __init__(self, localizer: Localizer) -> None:
        self.localizer = localizer
        self.media_type = "application/json"
        self.max_causes = 50
        self.throttled_message = " Rate Limit Exceeded "
        self.realm = "identity"

    def answer(self, error: Exception, accept_language: str | None) -> Response:
        """
        The answer to a refused request; every exception that is none of ours is an internal fault.
        """
        match error:
            case Unauthenticated():
                return self.unauthenticated(error)
            case Throttled():
                return self.throttled(error)
            case Problem():
                return self.problem(error, accept_language)
            case _:
                return self.problem(InternalFault(), accept_language)

    def unauthenticated(self, error: Unauthenticated) -> Response:
        """
        401: ``{"error": …}`` and a challenge (RFC 6750, 3).
        """
        return self.render(401, {"error": error.error}, {"WWW-Authenticate": self.challenge(error)})

    def challenge(self, error: Unauthenticated) -> str:
        """
        The value of WWW-Authenticate; without credentials it names no error (RFC 6750, 3.1).
        """
        detail = f', error="{error.token_error}", error_description="{error.error}"' if error.token_error else ""
        return f'Bearer realm="{self.realm}"{detail}'

    def throttled(self, error: Throttled) -> Response:
        """
        429: ``{"message": …}`` and Retry-After.
        """
        return self.render(429, {"message": self.throttled_message}, {"Retry-After": self.retry_after(error)})

    def retry_after(self, error: Throttled) -> str:
        """
        The value of Retry-After: whole seconds.
        """
        return str(error.retry_after)

    def problem(self, problem: Problem, accept_language: str | None) -> Response:
        """
        400, 403, 500 and the statuses of the HTTP layer: the error object.
        """
        locale = self.localizer.choose(accept_language)
        return self.render(problem.status, self.document(problem, locale), problem.headers)

    def default_problem(self, problem: Problem) -> bytes:
        """
        The body for a request that could not even be parsed, in the default locale.
        """
        return self.encode(self.document(problem, Locale(self.localizer.default_tag, DEFAULT)))

    def document(self, problem: Problem, locale: Locale) -> dict[str, object]:
        """
        The error object: detailCode, trackingId, messages, causes.
        """
        return {
            "detailCode": self.detail_code(problem),
            "trackingId": self.tracking_id(),
            "messages": self.messages(problem, locale),
            "causes": self.causes(problem, locale),
        }

    def detail_code(self, problem: Problem) -> object:
        """
        The fine-grained code.
        """
        return problem.detail_code

    def tracking_id(self) -> object:
        """
        A fresh id for each error: 32 hexadecimal digits, as in the vendor's examples.
        """
        return secrets.token_hex(16)

    def messages(self, problem: Problem, locale: Locale) -> object:
        """
        The generic reason: one message object.
        """
        return [self.message(locale, problem.message, {})]

    def causes(self, problem: Problem, locale: Locale) -> object:
        """
        The particular reasons, at most ``max_causes``; an empty list if there are none.
        """
        return [self.message(locale, item.key, item.parameters) for item in problem.causes[: self.max_causes]]

    def message(self, locale: Locale, key: str, parameters: Mapping[str, object]) -> object:
        """
        One message object: locale, localeOrigin, text.
        """
        return {
            "locale": locale.tag,
            "localeOrigin": locale.origin,
            "text": self.localizer.text(locale.tag, key, parameters),
        }

    def render(self, status: int, document: object, headers: Mapping[str, str]) -> Response:
        """
        An answer with a JSON body.
        """
        return Response(self.encode(document), status, {"Content-Type": self.media_type, **headers})

    def encode(self, document: object) -> bytes:
        """
        JSON as UTF-8.
        """
        return msgspec.json.encode(document)
