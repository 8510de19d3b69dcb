"""
The operation of a published document, in one shape whatever its version: parameters, body, answers, credentials.

Raises :class:`UsageError` for what is no OpenAPI document, has no such operation, or has several. Only the operation and what it
refers to are read closely: a slip in another corner of a large document is no reason to say nothing about this one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jsonschema_rs
from openapi_spec_validator.schemas import schema_v2, schema_v30, schema_v31, schema_v32

from closecheck.contract.specification import OPERATION
from closecheck.model import Struct
from closecheck.model.errors import UsageError
from closecheck.openapi.documents import COMMAND, Documents, Place
from closecheck.openapi.schemas import Dialect, Direction, Schema
from closecheck.reports._facts import count, line

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
BEARER: Final = "bearer"


class Media(Struct):
    """One media type of a body, and the schema of the body under it; ``name`` is empty where the document does not say it."""

    name: str
    place: Place
    schema: Schema

    @property
    def kind(self) -> str:
        """The media type or range without parameters, in lower case."""
        return self.name.partition(";")[0].strip().lower()


class Body(Struct):
    """The request body as documented."""

    place: Place
    required: bool
    content: tuple[Media, ...]


class Header(Struct):
    """A header field of an answer; ``required`` is None where the version has no word for it."""

    place: Place
    required: bool | None
    schema: Schema


class Answer(Struct):
    """An answer as documented under a status, a range such as ``4XX``, or ``default``."""

    key: str
    place: Place
    content: tuple[Media, ...]
    headers: dict[str, Header]
    """By name in lower case."""


class Parameter(Struct):
    """A parameter beside the body: ``within`` is ``query``, ``header``, ``path`` or ``cookie``."""

    name: str
    within: str
    required: bool
    place: Place


class Credential(Struct):
    """What one scheme asks a client for: ``bearer`` or other words for it, and where it is sent."""

    kind: str
    within: str
    name: str
    place: Place


class Published(Struct):
    """The operation of one document."""

    documents: Documents
    dialect: Dialect
    version: str
    title: str
    path: str
    place: Place
    """The operation."""
    methods: dict[str, Place]
    """Every method that the path documents, in lower case."""
    parameters: tuple[Parameter, ...]
    body: Body | None
    answers: dict[str, Answer]
    answers_place: Place
    security: tuple[tuple[Credential, ...], ...] | None
    """The alternatives, each the credentials it takes together; an empty one stands for none. None: nothing is said."""
    security_place: Place

    def answer(self, status: int) -> Answer | None:
        """Return what documents a status: itself, its range, or, for an error, the default."""
        stated = self.answers.get(str(status)) or self.answers.get(f"{status // 100}XX")
        return stated or (self.answers.get("default") if status >= 400 else None)


def published(file: Path, path: str = "") -> Published:
    """
    Read a document and find the operation in it; ``path`` names it where that is not plain.

    Raises:
        UsageError: it cannot be read, is no OpenAPI document, or has no such operation.

    """
    documents = Documents(file)
    dialect, version = _version(documents)
    chosen = _path(documents, dialect, path)
    _check(documents, dialect, chosen)
    return _Reader(documents, dialect).operation(chosen, version)


# ------------------------------------------------------------------------------------------------------- which version


_METASCHEMAS: Final = {
    Dialect.SWAGGER_2_0: schema_v2,
    Dialect.OPENAPI_3_0: schema_v30,
    Dialect.OPENAPI_3_1: schema_v31,
    Dialect.OPENAPI_3_2: schema_v32,
}


def _version(documents: Documents) -> tuple[Dialect, str]:
    root = documents.root
    value = documents.value(root)
    name = documents.name(root.file)
    remedy = "Name a document that begins with openapi: or swagger:."
    if not isinstance(value, dict):
        raise UsageError(name, "is no OpenAPI document, but " + ("empty" if value is None else "something else"), remedy)
    for key in ("openapi", "swagger"):
        if key in value:
            version = str(value[key])
            number = ".".join(version.split(".")[:2])
            for dialect in Dialect:
                if dialect.value.endswith(number) and dialect.value.lower().startswith(key):
                    return dialect, version
            raise documents.error(root / key, f"version {line(version, 40)} is not known", f"Known: {', '.join(Dialect)}.")
    kind = "an AsyncAPI document" if "asyncapi" in value else "no OpenAPI document: it has neither openapi nor swagger"
    raise UsageError(name, f"is {kind}", remedy)


# ------------------------------------------------------------------------------------------------------ which operation


_CLOSE: Final = re.compile(r"/access-requests(/(v\d[\w.-]*|beta|\{\w*[Vv]ersion\w*\}))?/close$")
"""The path that the contract names, or the same with a version in it."""


def _path(documents: Documents, dialect: Dialect, wanted: str) -> str:
    """Return the key under ``paths`` of the operation."""
    root = documents.root
    paths = documents.value(root).get("paths")
    name = documents.name(root.file)
    if not isinstance(paths, dict) or not paths:
        raise UsageError(name, "it has no paths", f"Name the document that describes POST {OPERATION}.")
    if wanted:
        if wanted not in paths:
            raise UsageError("--path", f"{name} has no path {line(wanted, 200)}", _nearest(wanted, paths))
        found = [wanted]
    else:
        found = [one for one in paths if any(_CLOSE.search(prefix + one) for prefix in _prefixes(documents, dialect, one))]
    posting = [one for one in found if "post" in documents.mapping(root / "paths" / one)[1]]
    if len(posting) > 1:
        raise UsageError(name, f"several paths may be {OPERATION}: {', '.join(posting)}", f"Name one: {COMMAND} … --path {posting[0]}")
    if posting:
        return posting[0]
    if found:
        methods = [one for one in METHODS if one in documents.mapping(root / "paths" / found[0])[1]]
        has = f"has {', '.join(methods).upper()}" if methods else "is empty"
        raise documents.error(
            root / "paths" / found[0], f"the path has no POST, it {has}", "Document the operation as post, or name another --path."
        )
    raise UsageError(name, f"no path ends in {OPERATION}", _nearest(OPERATION, paths))


def _prefixes(documents: Documents, dialect: Dialect, path: str) -> set[str]:
    """Return what may stand before a path: nothing, or the path of a server."""
    root = documents.value(documents.root)
    if dialect is Dialect.SWAGGER_2_0:
        base = root.get("basePath")
        return {"", base.rstrip("/")} if isinstance(base, str) else {""}
    item = root["paths"][path]
    around = [root, item, item.get("post")] if isinstance(item, dict) else [root]
    servers = [server for one in around if isinstance(one, dict) and isinstance(one.get("servers"), list) for server in one["servers"]]
    urls = [server["url"] for server in servers if isinstance(server, dict) and isinstance(server.get("url"), str)]
    return {"", *(_path_of(url) for url in urls)}


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path.rstrip("/")
    except ValueError:
        return ""


def _nearest(wanted: str, paths: dict[str, Any]) -> str:
    """Return the sentence that names the paths most like the wanted one."""
    close = difflib.get_close_matches(wanted.lower(), [one.lower() for one in paths], 5, 0.6)
    names = [one for near in dict.fromkeys(close) for one in paths if one.lower() == near]
    names += [one for one in paths if "access-request" in one.lower() and one not in names]
    if not names:
        return f"It has {count(len(paths), 'path')}, and none is like it. Name the operation with --path."
    return f"Nearest: {', '.join(names[:5])}. Name the operation with --path."


# ----------------------------------------------------------------------------------------------------- is it a document


def _check(documents: Documents, dialect: Dialect, path: str) -> None:
    """
    Hold the document against the schema of its version, as far as the operation reaches.

    Raises:
        UsageError: it is no valid OpenAPI document there.

    """
    root = documents.value(documents.root)
    root = {**root, ("swagger" if dialect is Dialect.SWAGGER_2_0 else "openapi"): str(root.get("swagger") or root.get("openapi"))}
    reached = frozenset(_reached(documents, path))
    validator = jsonschema_rs.validator_for(dict(_METASCHEMAS[dialect]), offline=True)
    for error in validator.iter_errors(root):
        within = tuple(map(str, error.instance_path))
        if not _matters(within, path, reached):
            continue
        deepest = _telling(error)
        place = documents.root
        for token in deepest.instance_path:
            place = place / token
        raise documents.error(place, f"is not valid {dialect}: {line(deepest.message, 200)}", "Correct the document there.")


def _matters(within: tuple[str, ...], path: str, reached: frozenset[tuple[str, ...]]) -> bool:
    match within:
        case ("paths", one, *_):
            return one == path
        case ("webhooks", *_):
            return False
        case ("components", "securitySchemes", *_) | ("securityDefinitions", *_):
            return True
        case ("components", _, _, *_):
            return within[:3] in reached
        case ("definitions" | "parameters" | "responses", _, *_):
            return within[:2] in reached
        case _:
            return True


def _reached(documents: Documents, path: str) -> Iterator[tuple[str, ...]]:
    """Yield the named components of the document that its operation refers to, at any distance."""
    seen = set()
    waiting: list[Any] = [documents.value(documents.root / "paths" / path)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            reference = value.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/") and reference not in seen:
                seen.add(reference)
                tokens = tuple(token.replace("~1", "/").replace("~0", "~") for token in reference[2:].split("/"))
                yield tokens[:3] if tokens[0] == "components" else tokens[:2]
                named = Place(documents.root.file, tokens)
                if documents.has(named):
                    waiting.append(documents.value(named))


def _telling(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError:
    """Return the reason that a person can use: where an object may also be a reference, the reason why it is no good object."""
    context = getattr(error.kind, "context", None) or []
    branches = [branch for branch in context if branch and not any("$ref" in one.message for one in branch)]
    inner = [_telling(one) for branch in branches for one in branch]
    return max(inner, key=lambda one: len(one.instance_path), default=error)


# -------------------------------------------------------------------------------------------------------- what it says


class _Reader:
    """Reads one operation; the versions differ in where things stand."""

    def __init__(self, documents: Documents, dialect: Dialect) -> None:
        self._documents = documents
        self._dialect = dialect
        self._old = dialect is Dialect.SWAGGER_2_0
        self._root: dict[str, Any] = documents.value(documents.root)

    def operation(self, path: str, version: str) -> Published:
        """Return the operation under a path."""
        item, methods = self._documents.mapping(self._documents.root / "paths" / path)
        place, operation = self._documents.mapping(item / "post")
        found = list(self._parameters(item, place))
        body = self._old_body(place, found) if self._old else self._body(place, operation)
        security, security_place = self._security(place, operation)
        answers_place, answers = self._documents.mapping(place / "responses") if "responses" in operation else (place, {})
        info = self._root.get("info")
        return Published(
            documents=self._documents,
            dialect=self._dialect,
            version=version,
            title=str(info.get("title", "")) if isinstance(info, dict) else "",
            path=path,
            place=place,
            methods={name: item / name for name in METHODS if name in methods},
            parameters=tuple(self._parameter(one) for one in found if self._documents.value(one).get("in") not in {"body", "formData"}),
            body=body,
            answers={_status(key): self._answer(place, answers_place / key, _status(key)) for key in answers if not key.startswith("x-")},
            answers_place=answers_place,
            security=security,
            security_place=security_place,
        )

    def _parameters(self, item: Place, operation: Place) -> Iterator[Place]:
        """Yield the parameters of the path, each replaced by the operation's of the same name."""
        found: dict[tuple[str, str], Place] = {}
        for around in (item, operation):
            listed = self._documents.value(around).get("parameters")
            for index in range(len(listed) if isinstance(listed, list) else 0):
                place, parameter = self._documents.mapping(around / "parameters" / index)
                found[str(parameter.get("in")), str(parameter.get("name"))] = place
        yield from found.values()

    def _parameter(self, place: Place) -> Parameter:
        value = self._documents.value(place)
        return Parameter(str(value.get("name")), str(value.get("in")), value.get("required") is True, place)

    def _body(self, operation: Place, value: dict[str, Any]) -> Body | None:
        if "requestBody" not in value:
            return None
        place, body = self._documents.mapping(operation / "requestBody")
        return Body(place, body.get("required") is True, self._content(place, Direction.REQUEST))

    def _old_body(self, operation: Place, parameters: list[Place]) -> Body | None:
        """Return the body of a 2.0 operation: a parameter, under the media types that the operation or the document consumes."""
        for place in parameters:
            value = self._documents.value(place)
            if value.get("in") == "body":
                schema = self._schema(place / "schema" if "schema" in value else None, Direction.REQUEST)
                return Body(place, value.get("required") is True, self._old_content(operation, "consumes", schema))
            if value.get("in") == "formData":
                return Body(place, True, (Media("application/x-www-form-urlencoded", place, self._schema(None, Direction.REQUEST)),))
        return None

    def _content(self, around: Place, direction: Direction) -> tuple[Media, ...]:
        if "content" not in self._documents.value(around):
            return ()
        place, content = self._documents.mapping(around / "content")
        found = []
        for name in content:
            media, value = self._documents.mapping(place / name)
            found.append(Media(name, media, self._schema(media / "schema" if "schema" in value else None, direction)))
        return tuple(found)

    def _old_content(self, operation: Place, word: str, schema: Schema) -> tuple[Media, ...]:
        for around in (operation, self._documents.root):
            listed = self._documents.value(around).get(word)
            if isinstance(listed, list):
                return tuple(Media(str(name), around / word / index, schema) for index, name in enumerate(listed))
        return (Media("", schema.place or operation, schema),)

    def _answer(self, operation: Place, place: Place, key: str) -> Answer:
        place, value = self._documents.mapping(place)
        if not self._old:
            content = self._content(place, Direction.ANSWER)
        elif "schema" in value:
            content = self._old_content(operation, "produces", self._schema(place / "schema", Direction.ANSWER))
        else:
            content = ()
        return Answer(key, place, content, dict(self._headers(place, value)))

    def _headers(self, around: Place, value: dict[str, Any]) -> Iterator[tuple[str, Header]]:
        for name in value["headers"] if isinstance(value.get("headers"), dict) else ():
            place, header = self._documents.mapping(around / "headers" / name)
            schema = place if self._old else place / "schema" if "schema" in header else None
            required = None if self._old else header.get("required") is True
            yield name.lower(), Header(place, required, self._schema(schema, Direction.ANSWER))

    def _schema(self, place: Place | None, direction: Direction) -> Schema:
        return Schema(self._documents, place, self._dialect, direction)

    def _security(self, operation: Place, value: dict[str, Any]) -> tuple[tuple[tuple[Credential, ...], ...] | None, Place]:
        around = operation if "security" in value else self._documents.root
        place = around / "security"
        if not self._documents.has(place):
            return None, operation
        listed = self._documents.value(place)
        alternatives = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        if not alternatives:
            return ((),), place
        return tuple(tuple(self._credential(name, place / index) for name in one) for index, one in enumerate(alternatives)), place

    def _credential(self, name: str, place: Place) -> Credential:
        schemes = self._documents.root / "securityDefinitions" if self._old else self._documents.root / "components" / "securitySchemes"
        if not self._documents.has(schemes / name):
            raise self._documents.error(place, f"the security scheme {name} is not defined", f"Define it under {schemes.pointer}.")
        place, value = self._documents.mapping(schemes / name)
        return Credential(*_credential(value), place)


def _status(key: str) -> str:
    """Return the key of an answer as it is looked up: ranges in capitals."""
    return key if key == "default" else key.upper()


def _credential(scheme: dict[str, Any]) -> tuple[str, str, str]:
    """Return what a security scheme asks for: kind, where it is sent, its name there."""
    stated = str(scheme.get("type")), str(scheme.get("scheme", "")).lower(), str(scheme.get("in", "")), str(scheme.get("name", ""))
    match stated:
        case ("oauth2" | "openIdConnect", _, _, _) | ("http", "bearer", _, _):
            return BEARER, "header", "Authorization"
        case ("apiKey", _, "header", name) if name.lower() == "authorization":
            return BEARER, "header", name  # the way to say bearer in 2.0
        case ("apiKey", _, within, name):
            return "an API key", within, name
        case ("basic", _, _, _) | ("http", "basic", _, _):
            return "a user and password", "header", "Authorization"
        case ("mutualTLS", _, _, _):
            return "a client certificate", "connection", ""
        case (kind, scheme_name, _, _):
            return f"{kind} {scheme_name}".strip(), "header", "Authorization"
