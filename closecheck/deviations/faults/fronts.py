"""What stands in front of a service: gateways that demand fields of their own, firewalls that refuse ordinary texts."""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import unquote_plus

from starlette.responses import Response

from closecheck.deviations.deviation import fault
from closecheck.deviations.faults._tools import add_step
from closecheck.reference import Reference
from closecheck.reference.operation import Call

PAGE: Final = (
    "<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1></center><hr><center>nginx</center></body></html>"
)
ATTACKS: Final = re.compile(
    r"\x00|\\u0000|<script|<img|' OR |\.\./\.\./|/etc/passwd|\bDROP TABLE\b|\bUNION SELECT\b|\$\{jndi:", re.IGNORECASE
)
"""What the rules of a well-known firewall take for an attack."""
OF_THE_FIREWALL: Final = (
    "CAR-OP-MEDIA-TYPE", "CAR-ERROR-OBJECT", "CAR-ERROR-COMPLETE", "CAR-EXECUTION-CLOSED", "CAR-COMPLETION-CLOSED", "CAR-BODY-JSON",
    "CAR-BODY-JSON-STRICT", "CAR-BODY-UTF8", "CAR-OP-QUERY-IGNORED", "CAR-BODY-JSON-FORMS", "CAR-IDS-ITEMS", "CAR-OP-HEADERS", "CAR-BODY-MEDIA-TYPE",
    "CAR-OP-INDEPENDENT", "CAR-BODY-REQUIRED", "CAR-BODY-OBJECT", "CAR-BODY-FRAMING", "CAR-IDS-ARRAY", "CAR-MESSAGE-TYPE", "CAR-BODY-NAMES",
    "CAR-LIFE-MESSAGE", "CAR-LIFE-CLOSED",
)  # fmt: skip
"""Clauses with a request that says what the firewall looks for."""


def firewall(reference: Reference, headers: dict[str, str]) -> None:
    """Answer what looks like an attack with a page, before the service sees it."""

    async def step(call: Call) -> Response | None:
        text = call.body.decode("latin-1") + unquote_plus(str(call.query))
        return Response(PAGE, 403, headers, "text/html") if ATTACKS.search(text) else None

    add_step(reference, step, before="limit")


@fault("CAR-MESSAGE-TEXT", also=OF_THE_FIREWALL)
def firewall_before_the_service(reference: Reference) -> None:
    """A firewall in front of the service refuses markup, apostrophes, paths and NUL in any value with 403 and a page."""
    firewall(reference, {"Server": "nginx"})


@fault("CAR-MESSAGE-TEXT", also=OF_THE_FIREWALL)
def firewall_under_the_same_name(reference: Reference) -> None:
    """The firewall is a module of the proxy that hands on the service's answers too: all bear the same Server field."""
    firewall(reference, {})


def demanded(reference: Reference, fields: dict[str, str], status: int, words: str, *, before: str = "read") -> None:
    """Refuse what lacks one of these fields, in the gateway's own form."""

    async def step(call: Call) -> Response | None:
        if all(call.headers.get(name) == value for name, value in fields.items()):
            return None
        return Response(json.dumps({"error": words}), status, media_type="application/json")

    add_step(reference, step, before=before)


EXPERIMENTAL: Final = {"x-sailpoint-experimental": "true"}


@fault("CAR-OP-HEADERS")
def gateway_demands_the_experimental_field(reference: Reference) -> None:
    """The gateway refuses what lacks X-SailPoint-Experimental: true with 400 and a body of its own, as the vendor's does."""
    demanded(reference, EXPERIMENTAL, 400, "Experimental Header is missing or invalid.")


@fault("CAR-OP-HEADERS")
def gateway_demands_the_experimental_field_of_everybody(reference: Reference) -> None:
    """The gateway asks for X-SailPoint-Experimental before it looks at the token, and answers 403 without it."""
    demanded(reference, EXPERIMENTAL, 403, "Experimental Header is missing or invalid.", before="limit")


@fault("CAR-OP-HEADERS")
def gateway_knows_no_route_without_the_version(reference: Reference) -> None:
    """The gateway chooses the service by X-Api-Version, and answers 404 where it is missing."""
    demanded(reference, {"x-api-version": "v2024"}, 404, "no route")


@fault("CAR-OP-HEADERS")
def gateway_demands_two_fields(reference: Reference) -> None:
    """The gateway demands X-Request-ID and X-Correlation-ID together."""
    demanded(reference, {"x-request-id": "closecheck-1", "x-correlation-id": "closecheck-1"}, 400, "Tracing headers are missing.")
