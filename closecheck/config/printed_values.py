"""Settings as people read them in a report or in ``doctor``; what is secret prints as three stars."""

from __future__ import annotations

from closecheck.config.target import (
    ByBurst,
    ByHeaders,
    ClientCredentials,
    Created,
    Events,
    Listed,
    Login,
    Searched,
    Source,
    StaticToken,
    Tls,
)


def yes_or_no(value: bool) -> str:
    """Return a truth value as a word."""
    return "yes" if value else "no"


def printed_tls(tls: Tls) -> str:
    """Return how the connection is secured; of files, the names alone."""
    files = (("ca_file", tls.ca_file), ("client_cert", tls.client_cert), ("client_key", tls.client_key))
    named = [f"{name} {path.name}" for name, path in files if path is not None]
    password = ["client_key_password ***"] if tls.client_key_password else []
    return ", ".join(["verified" if tls.verify else "not verified", *named, *password])


def printed_login(login: Login) -> str:
    """Return a way to be somebody, its secret as three stars."""
    match login:
        case StaticToken(token):
            return f"token {token}"
        case ClientCredentials(client_id, client_secret, token_url):
            return f"client {client_id} with secret {client_secret} at {token_url}"


def printed_source(source: Source | None) -> str:
    """Return where ids come from."""
    match source:
        case None:
            return "none"
        case Listed(ids, origin):
            return f"{len(ids)} from {origin}"
        case Searched():
            return "found by search"
        case Created(identities, kind, _, count):
            return f"{count} of type {kind} created for each of {len(identities)} identities"
        case _:
            return "found among account activities"


def printed_events(events: Events | None) -> str:
    """Return where the listener for events stands, or no."""
    if events is None:
        return "no"
    return f"listening on {events.host}:{events.port}" + (f" as {events.url}" if events.url else "")


def printed_way(way: ByHeaders | ByBurst | None) -> str:
    """Return how an answer is provoked, or none."""
    match way:
        case None:
            return "none"
        case ByBurst(requests):
            return f"{requests} requests at once"
        case ByHeaders(headers):
            return f"headers {headers}"
