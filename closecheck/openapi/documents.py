"""
A published document as plain data: its files, places in them, lines, references. Files are read, nothing is fetched.

A reference to another file is followed where that file lies beside the document or below or above it; a reference to a URL is an
error that says so, as soon as something that is compared depends on it.
"""

from __future__ import annotations

import functools
import json
import os
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import yaml

from closecheck.model import Struct
from closecheck.model.errors import UsageError

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # PyYAML without libyaml
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

COMMAND: Final = "closecheck compare"


class _Loader(_SafeLoader):
    """
    YAML by the JSON-like rules that OpenAPI asks for.

    Dates stay text, and only ``true`` and ``false`` are booleans: a language ``no`` is text.
    """


_BOOLEAN: Final = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in known if tag not in {_BOOLEAN, "tag:yaml.org,2002:timestamp"}]
    for letter, known in _SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOLEAN, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


class Place(Struct):
    """A place in one of the files: the tokens of a JSON pointer (RFC 6901), numbers of list items as digits."""

    file: Path
    tokens: tuple[str, ...] = ()

    def __truediv__(self, token: str | int) -> Place:
        """Return the place of a member or an item."""
        return Place(self.file, (*self.tokens, str(token)))

    @property
    def parent(self) -> Place:
        """The place around this one."""
        return Place(self.file, self.tokens[:-1])

    @property
    def pointer(self) -> str:
        """The JSON pointer as a URI fragment, ``#/paths/~1x``."""
        return "#" + "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in self.tokens)


class Documents:
    """The files of one published document, each read once, on demand."""

    def __init__(self, root: Path) -> None:
        self.root = Place(root)
        self._read: dict[Path, _File] = {}
        self.value(self.root)

    # -- values

    def value(self, place: Place) -> Any:
        """
        Return what stands at a place, references not followed.

        Raises:
            UsageError: its file cannot be read.
            KeyError: there is nothing at that place.

        """
        value = self._file(place.file).data
        for token in place.tokens:
            value = _step(value, token)
        return value

    def has(self, place: Place) -> bool:
        """Tell whether there is something at a place."""
        try:
            self.value(place)
        except KeyError:
            return False
        return True

    def follow(self, place: Place) -> Place:
        """
        Return the place that the references at a place lead to, through any number of them; the place itself without one.

        Raises:
            UsageError: a reference leads nowhere, in a circle or to a URL.

        """
        seen = [place]
        while (target := self.target(place)) is not None:
            if target in seen:
                raise self.error(place, "the references lead in a circle", "Let the last one name the object itself.")
            seen.append(target)
            place = target
        return place

    def target(self, place: Place) -> Place | None:
        """Return the place that the reference at a place names, or None where there is no reference."""
        value = self.value(place)
        if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
            return None
        reference = value["$ref"]
        try:
            parts = urlsplit(reference)
        except ValueError:
            raise self.error(place, f"$ref {reference} is no reference", "Write #/… or a relative file.") from None
        if parts.scheme or parts.netloc:
            remedy = "Save what it names beside the document and refer to the file, or bundle the document into one file."
            raise self.error(place, f"$ref {reference} is not resolved: closecheck compare fetches nothing", remedy)
        file = place.file
        if parts.path:
            # Without dots, so that one file has one name; links between folders are not looked up.
            file = Path(os.path.normpath(file.parent / unquote(parts.path)))
            if not file.is_file():
                raise self.error(place, f"$ref {reference} names a file that is not there: {file}", "Correct the reference.")
        fragment = unquote(parts.fragment)
        if fragment and not fragment.startswith("/"):
            remedy = "Name the place by a JSON pointer, #/…"
            raise self.error(place, f"$ref {reference} names an anchor, and only JSON pointers are followed", remedy)
        named = Place(file, tuple(token.replace("~1", "/").replace("~0", "~") for token in fragment.split("/")[1:]))
        if not self.has(named):
            raise self.error(place, f"$ref {reference} names nothing", "Correct the reference.")
        return named

    def mapping(self, place: Place) -> tuple[Place, dict[str, Any]]:
        """
        Return the mapping that a place leads to, and where it really stands.

        Raises:
            UsageError: something else stands there.

        """
        place = self.follow(place)
        value = self.value(place)
        if not isinstance(value, dict):
            raise self.error(place, f"a mapping is needed here, not {_kind(value)}", "See the OpenAPI specification.")
        return place, value

    # -- words

    def line(self, place: Place) -> int:
        """Return the line on which a place, or the nearest one around it, begins; counted from 1, 0 if nobody knows."""
        node = self._file(place.file).node
        if node is None:
            return 0
        line = node.start_mark.line + 1
        for token in place.tokens:
            found = _child(node, token)
            if found is None:
                break
            line, node = found
        return line

    def shown(self, place: Place) -> str:
        """Return a place as people look it up: file and line."""
        name = self.name(place.file)
        line = self.line(place)
        return f"{name}:{line}" if line else name

    def name(self, file: Path) -> str:
        """Return the name of a file as it is shown: relative to the document's folder where it lies in it."""
        folder = self.root.file.parent
        return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)

    def error(self, place: Place, problem: str, remedy: str = "") -> UsageError:
        """Return the error that says what is wrong at a place."""
        return UsageError(f"{self.shown(place)}, {place.pointer}", problem, remedy)

    # -- files

    def _file(self, file: Path) -> _File:
        if file not in self._read:
            self._read[file] = _File(file)
        return self._read[file]


class _File:
    """One file: its data, every key of a mapping as text (YAML reads the answer ``202:`` as a number), and where things stand in it."""

    def __init__(self, path: Path) -> None:
        self._text = _text(path)
        self._composed: yaml.Node | None = None
        self.data = self._json(path) if self._text.lstrip().startswith("{") else self._yaml(path)

    @functools.cached_property
    def node(self) -> yaml.Node | None:
        """The root as it was written, None where nobody knows."""
        if self._composed is not None:
            return self._composed
        try:
            # JSON may be indented with tabs, which YAML forbids; inside its strings there are none.
            return yaml.compose(self._text.replace("\t", " "), Loader=_Loader)
        except (yaml.YAMLError, ValueError, RecursionError):
            return None

    def _json(self, path: Path) -> Any:
        try:
            return json.loads(self._text)
        except RecursionError:
            raise UsageError(str(path), "is nested too deeply") from None
        except json.JSONDecodeError as error:
            wrong = f"is neither JSON nor YAML ({error.msg} at column {error.colno})"
            try:
                return self._yaml(path)  # a mapping of YAML may begin with a brace too
            except UsageError:
                raise UsageError(f"{path}:{error.lineno}", wrong, "Correct the document there.") from None

    def _yaml(self, path: Path) -> Any:
        try:
            loader = _Loader(self._text)
            self._composed = loader.get_single_node()
            return _plain(loader.construct_document(self._composed), {}) if self._composed is not None else None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            where = f"{path}:{mark.line + 1}" if mark else str(path)
            problem = getattr(error, "problem", None) or "a character that YAML does not allow"
            raise UsageError(where, f"is neither YAML nor JSON ({problem})", "Correct the document there.") from None
        except RecursionError:
            raise UsageError(str(path), "contains itself, or is nested too deeply") from None
        except ValueError as error:
            raise UsageError(str(path), f"holds a value that cannot be read ({error})", "Write it in quotes.") from None


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(str(file), f"byte {error.start} is not UTF-8", "Save the document as UTF-8.") from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise UsageError(str(file), f"cannot be read ({reason})", "Name an OpenAPI document, YAML or JSON.") from None


def _plain(value: Any, known: dict[int, Any]) -> Any:
    """Return data with keys as text; what a YAML anchor shares stays shared."""
    if not isinstance(value, (dict, list)):
        return value
    if id(value) in known:
        found = known[id(value)]
        if found is None:
            raise RecursionError
        return found
    known[id(value)] = None
    result: Any
    if isinstance(value, dict):
        result = {_key(name): _plain(one, known) for name, one in value.items()}
    else:
        result = [_plain(one, known) for one in value]
    known[id(value)] = result
    return result


def _key(name: Any) -> str:
    return json.dumps(name) if name is None or isinstance(name, bool) else str(name)


def _step(value: Any, token: str) -> Any:
    if isinstance(value, dict):
        return value[token]
    if isinstance(value, list) and token.isdecimal() and int(token) < len(value):
        return value[int(token)]
    raise KeyError(token)


def _child(node: yaml.Node, token: str) -> tuple[int, yaml.Node] | None:
    """Return the line on which a member or an item begins, and its node."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == token:
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and token.isdecimal() and int(token) < len(node.value):
        item = node.value[int(token)]
        return item.start_mark.line + 1, item
    return None


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case list():
            return "a list"
        case str():
            return "text"
        case bool():
            return "true or false"
        case _:
            return "a number"
