"""
A YAML file as plain data that knows its lines: each value is a place, and whoever reads it gets its kind or an error there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from closecheck.config.checked_values import checked_seconds, nearest
from closecheck.model.errors import UsageError

Steps = tuple[str | int, ...]
_VARIABLE: Final = re.compile(r"\$(?:\$|\{([^}]*)\}?)")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAG: Final = "tag:yaml.org,2002:"


class Document:
    """
    Plain data with the lines it stands on, variables expanded.

    ``lines`` maps the path of each value to its first and last line, counted from 1; it is empty for what was never a
    file.
    """

    def __init__(self, origin: str, data: Any, lines: Mapping[Steps, tuple[int, int]]) -> None:
        self.origin = origin
        self.lines = lines
        self.expanded: set[Steps] = set()
        self.variables: set[str] = set()
        self.root = Place(self, (), data)

    def expand(self, environ: Mapping[str, str]) -> None:
        """
        Replace ``${NAME}`` in every text by the variable, ``$$`` by one ``$``.

        Raises:
            UsageError: a variable is not set, or a reference has no proper name.

        """
        self.root = Place(self, (), self._expanded((), self.root.value, environ))

    def _expanded(self, path: Steps, value: Any, environ: Mapping[str, str]) -> Any:
        match value:
            case dict():
                return {key: self._expanded((*path, key), one, environ) for key, one in value.items()}
            case list():
                return [self._expanded((*path, index), one, environ) for index, one in enumerate(value)]
            case str() if "$" in value:
                return _VARIABLE.sub(lambda found: self._variable(path, found, environ), value)
            case _:
                return value

    def _variable(self, path: Steps, found: re.Match[str], environ: Mapping[str, str]) -> str:
        name = found[1]
        if name is None:
            return "$"
        place = Place(self, path, None)
        if not found[0].endswith("}") or not _NAME.fullmatch(name):
            raise place.error("a reference to a variable is malformed", "Write ${NAME}; a dollar sign itself is $$.")
        if name not in environ:
            raise place.error(f"the environment variable {name} is not set", f"Set it: export {name}=…")
        self.expanded.add(path)
        self.variables.add(name)
        return environ[name]


class Place:
    """
    One value of a document and where it stands.

    Each reading method raises UsageError if the value is of another kind.
    """

    __slots__ = ("document", "path", "value")

    def __init__(self, document: Document, path: Steps, value: Any) -> None:
        self.document = document
        self.path = path
        self.value = value

    @property
    def key(self) -> str:
        """The dotted key: ``access_requests.pending[2]``."""
        text = ""
        for step in self.path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text

    @property
    def line(self) -> int | None:
        """The line on which the value, or the nearest one around it, stands."""
        for length in range(len(self.path), -1, -1):
            if (lines := self.document.lines.get(self.path[:length])) is not None:
                return lines[0]
        return None

    @property
    def where(self) -> str:
        """File, key and line, as an error names them."""
        text = self.document.origin + (f', key "{self.key}"' if self.path else "")
        return f"{text} (line {self.line})" if self.line is not None and self.path else text

    @property
    def is_expanded(self) -> bool:
        """Whether a variable of the environment is part of the value."""
        return self.path in self.document.expanded

    def error(self, problem: str, remedy: str = "") -> UsageError:
        """Return an error that names this place."""
        return UsageError(self.where, problem, remedy)

    def wrong(self, expected: str, example: str) -> UsageError:
        """Return the error for a value of another kind; it says which kind was found, never the value."""
        return self.error(f"{expected} is needed, {_kind(self.value)} was found", f"Write {example}.")

    def mapping(self, known: Collection[str], example: str) -> dict[str, Place]:
        """Return the members, all of them known ones."""
        members = self.members(example)
        for name, member in members.items():
            if name not in known:
                raise member.error("unknown key", nearest(name, known))
        return members

    def members(self, example: str) -> dict[str, Place]:
        """Return the members, whatever their names."""
        if not isinstance(self.value, dict):
            raise self.wrong("a mapping", example)
        members = {}
        for name, value in self.value.items():
            member = Place(self.document, (*self.path, str(name)), value)
            if not isinstance(name, str):
                raise member.error(f"a key is text, {_kind(name)} was found", f'Write "{member.path[-1]}" in quotes.')
            members[name] = member
        return members

    def items(self, example: str) -> list[Place]:
        """Return the members of a list."""
        if not isinstance(self.value, list):
            raise self.wrong("a list", example)
        return [Place(self.document, (*self.path, index), value) for index, value in enumerate(self.value)]

    def text(self, example: str) -> str:
        """Return a text that is not blank."""
        if isinstance(self.value, (bool, int, float)):
            raise self.error(f"text is needed, {_kind(self.value)} was found", "Write it in quotes.")
        if not isinstance(self.value, str):
            raise self.wrong("text", example)
        if not self.value.strip():
            cause = "the text is empty: the variable is set to nothing" if self.is_expanded else "the text is empty"
            raise self.error(cause, f"Write {example}.")
        return self.value

    def flag(self) -> bool:
        """Return a truth value."""
        if self.is_expanded and str(self.value).lower() in ("true", "false"):
            return str(self.value).lower() == "true"
        if not isinstance(self.value, bool):
            raise self.wrong("true or false", "true or false, without quotes")
        return self.value

    def whole(self, lowest: int, highest: int) -> int:
        """Return a whole number between two bounds, both included."""
        number = self._number(f"a whole number from {lowest} to {highest}")
        if number != int(number) or not lowest <= number <= highest:
            raise self.error(f"a whole number from {lowest} to {highest} is needed", f"Write {lowest} or more.")
        return int(number)

    def seconds(self) -> float:
        """Return a time in seconds, above 0 and at most :data:`LONGEST_WAIT`."""
        return checked_seconds(self._number("a number of seconds"), self.where)

    def _number(self, expected: str) -> float:
        value = self.value
        if self.is_expanded and isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                raise self.wrong(expected, "a number, without quotes") from None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self.wrong(expected, "a number, without quotes")
        return value

    def file(self, folder: Path) -> Path:
        """Return the absolute path of an existing file; a relative one starts in ``folder``."""
        path = (folder / Path(self.text("the path of a file")).expanduser()).absolute()
        if not path.is_file():
            raise self.error(f"there is no file {path}", "Correct the path; a relative one starts in the folder of the target file.")
        return path


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return f"a value of type {type(value).__name__}"


def read_yaml(path: Path, origin: str = "") -> Document:
    """
    Return a YAML file as a document, nothing expanded; messages call it ``origin``, or else by its path.

    Times and dates stay text. The message of the YAML parser is passed on without its excerpt, in which a secret could
    stand.

    Raises:
        UsageError: the file cannot be read, is empty, is no YAML, repeats a key or uses a tag.

    """
    origin = origin or str(path)
    try:
        source = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(origin, "there is no such file", "Correct the path.") from None
    except OSError as error:
        raise UsageError(origin, f"the file cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UsageError(origin, "the file is not UTF-8", "Save it as UTF-8.") from None
    lines: dict[Steps, tuple[int, int]] = {}
    try:
        node = yaml.compose(source, Loader=yaml.SafeLoader)
        if node is None:
            raise UsageError(origin, "the file is empty")
        data = _from_node(origin, (), node, lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{origin}, line {mark.line + 1}" if mark else origin
        problem, remedy = f"this is no YAML: {error.problem}", ""
        if "\\t" in problem:
            problem, remedy = "a tab stands where YAML wants blanks", "Indent with blanks."
        raise UsageError(place, problem, remedy) from None
    except yaml.reader.ReaderError as error:
        line = source.count("\n", 0, error.position) + 1
        raise UsageError(f"{origin}, line {line}", "a character that YAML does not allow") from None
    except RecursionError:
        raise UsageError(origin, "the values are nested too deeply, or in a circle") from None
    return Document(origin, data, lines)


def _from_node(origin: str, path: Steps, node: yaml.Node, lines: dict[Steps, tuple[int, int]]) -> Any:
    first = node.start_mark.line + 1
    value: Any
    last = first
    match node:
        case yaml.MappingNode():
            value = {}
            starts: dict[Any, int] = {}
            for key_node, value_node in node.value:
                key = _from_node(origin, (*path, "key"), key_node, {})
                inner = (*path, str(key))
                line = key_node.start_mark.line + 1
                if isinstance(key, (dict, list)):
                    raise UsageError(f"{origin}, line {line}", f"a key is text, {_kind(key)} was found")
                if key in starts:
                    raise UsageError(
                        f'{origin}, key "{Place(Document(origin, None, {}), inner, None).key}" (line {line})',
                        f"the key stands there twice, first on line {starts[key]}",
                        "Delete one of them.",
                    )
                starts[key] = line
                value[key] = _from_node(origin, inner, value_node, lines)
                last = max(last, line, lines[inner][1])
                lines[inner] = (line, lines[inner][1])
        case yaml.SequenceNode():
            value = []
            for index, one in enumerate(node.value):
                value.append(_from_node(origin, (*path, index), one, lines))
                last = max(last, lines[(*path, index)][1])
        case _:
            value = _scalar(origin, node)
            # A block scalar ends at the start of the line after it.
            last = max(first, node.end_mark.line + (1 if node.end_mark.column else 0))
    lines[path] = (first, last)
    return value


def _scalar(origin: str, node: yaml.Node) -> Any:
    kind = node.tag.removeprefix(_TAG)
    if kind in ("str", "timestamp", "merge", "value"):
        return node.value
    if kind not in ("null", "bool", "int", "float"):
        raise UsageError(f"{origin}, line {node.start_mark.line + 1}", f"the tag {node.tag} is not used here", "Delete it.")
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, yaml.YAMLError):
        return node.value
