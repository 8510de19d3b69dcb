"""
The target file: what a deployed implementation claims, and what the suite needs to reach it.

Nothing in it is guessed or passed over: every key, type and value is checked when the file is read, and whatever cannot
be used is a :class:`~closecheck.model.errors.UsageError` that names the line. No error shows a value that may be a secret.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from closecheck.config.checked_values import VISIBLE_ASCII, checked_base_url, checked_rate, checked_token, checked_url, nearest
from closecheck.config.target import (
    CALLERS,
    OPERATION_PATH,
    AccessRequests,
    Activities,
    ByBurst,
    ByHeaders,
    ClientCredentials,
    Created,
    Credentials,
    Events,
    Fields,
    Listed,
    Login,
    Observe,
    Provoke,
    Rate,
    Searched,
    Secret,
    Source,
    StaticToken,
    Target,
    Tls,
    is_secret_field,
)
from closecheck.config.yaml_document import Document, Place, read_yaml
from closecheck.contract.specification import contract
from closecheck.model import UNWAIVABLE_SCOPE, matches

MOST_CONCURRENCY: Final = 64
"""Requests in flight that a target file may ask for."""
MOST_IDS: Final = 500
"""Ids that one request may name, hence requests that a target file may have created."""
_KEYS: Final = (
    "name", "base_url", "path", "headers", "tls", "timeout", "max_wait", "rate", "concurrency", "burst", "credentials",
    "access_requests", "provoke", "observe", "extension", "out_of_scope", "waivers",
)  # fmt: skip
_LOGIN: Final = '{token: "${CLOSECHECK_TOKEN}"} or {client_id: …, client_secret: …}'
_SOURCES: Final = ("file", "csv", "search", "account_activities", "create")
_SOURCE: Final = "a list of ids, {file: ids.txt}, {csv: export.csv}, {search: true}, {account_activities: true} or {create: …}"
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
            access_requests=self.access_requests(top["access_requests"]) if "access_requests" in top else AccessRequests(),
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
        if not path.startswith("/") or not VISIBLE_ASCII.fullmatch(path) or "?" in path or "#" in path:
            raise place.error("a path starts with a slash and has no query, fragment or blank", f"Write {OPERATION_PATH}.")
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
                raise member.error("the suite sets Authorization itself", "Write the token under credentials.authorized.token.")
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
            client_key_password=Secret(members["client_key_password"].text("${KEY_PASSWORD}"))
            if "client_key_password" in members
            else None,
            **{name: members[name].file(self.folder) for name in members if name in files},
        )
        if tls.client_key_password and not tls.client_cert:
            raise members["client_key_password"].error("a password without a key", "Add client_cert: client.pem, client_key: client.key.")
        if tls.client_key and not tls.client_cert:
            raise members["client_key"].error("a client key without its certificate", "Add client_cert: client.pem.")
        if not tls.verify:
            self.advice.append(f"{members['verify'].where}: whoever stands in between can read the token. Give a ca_file instead.")
        return tls

    def credentials(self, place: Place) -> Credentials:
        members = place.mapping(CALLERS, f"authorized: {_LOGIN}")
        return Credentials(**{name: self.login(member) for name, member in members.items()})

    def login(self, place: Place) -> Login:
        members = place.mapping(("token", "client_id", "client_secret", "token_url"), _LOGIN)
        if "token" in members:
            if others := sorted(set(members) - {"token"}):
                raise members[others[0]].error(f"a token needs no {others[0]}", "Give either token, or client_id and client_secret.")
            return StaticToken(checked_token(members["token"].text(f"a token, best by reference: {_LOGIN}"), members["token"].where))
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
            raise place.error("subscribe is missing", "Write {subscribe: true}: it allows the suite to make a subscription.")
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

    The documentation names the column ``Tracking Number``, the report API ``trackingNumber``; the separator is documented
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
