"""
A request is shown as the accepted one with its one edit marked; what is equal or random is not.

Bodies are laid out from their own tokens, never written anew: duplicate names, spellings of numbers and escapes stay as
they were sent. Ids are drawn anew for each request, so that two of the same form count as equal. Where the edit does not
show in the layout (white space, the middle of a long text), the raw texts are compared.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import Any, Final, NoReturn

from closecheck.model import Body, ExchangeLine, Headers, ReceivedResponse, SentRequest, Struct
from closecheck.reports._facts import count, line, size, text_of, visible

_TOKEN: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null|[\[\]{}:,])')
_ID: Final = re.compile(r"[0-9a-f-]{16,}")
_DEEPEST: Final = 40
_WIDEST: Final = 96
_RUN: Final = 4
"""So many like items in a row are counted instead of shown."""
_LONG_TEXT: Final = 160


class Piece(Struct):
    """A stretch of a line, marked if it is the edit."""

    text: str
    marked: bool = False


class Row(Struct):
    """A line of a comparison: ``kind`` is "=" for both, "-" for the accepted one, "+" for this one, "~" for a remark."""

    kind: str
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The line without its marks."""
        return "".join(piece.text for piece in self.pieces)


def edit(base: ExchangeLine | None, witness: ExchangeLine, *, most_lines: int = 60, most_characters: int = 4000) -> list[Row]:
    """Return a request as the accepted one with the edit marked, or as it is where it has no base."""
    new_head, new_body = _head(witness.request), _lines(witness.request.body)
    if base is None:
        return _cut([_row("=", text) for text in [*new_head, "", *new_body]], most_lines, most_characters)
    old_head, old_body = _head(base.request), _lines(base.request.body)
    if base.request.body.size != witness.request.body.size:
        # Its change follows from the edit of the body.
        old_head, new_head = _without_length(old_head), _without_length(new_head)
    same_layout = _masked(old_body) == _masked(new_body)
    old_text, new_text = text_of(base.request.body), text_of(witness.request.body)
    if same_layout and _mask(old_text) != _mask(new_text):
        old_body, new_body = _around_difference(old_text, new_text)
    rows = [*_compared(old_head, new_head), _row("=", ""), *_compared(old_body, new_body)]
    if all(row.kind == "=" for row in rows):
        rows.append(_row("~", "the same as the accepted request (ids are drawn anew for each)"))
    return _cut(_folded(rows), most_lines, most_characters)


def answer(response: ReceivedResponse, *, most_lines: int = 40, most_characters: int = 3000) -> list[Row]:
    """Return an answer as lines: status, fields, body."""
    status = f"HTTP/{response.version.removeprefix('HTTP/')} {response.status} {response.reason}".rstrip()
    head = [line(status, 600), *_fields(response.headers)]
    return _cut([_row("=", text) for text in [*head, "", *_lines(response.body)]], most_lines, most_characters)


def pretty(text: str) -> list[str] | None:
    """Return a JSON text laid out in lines from its own tokens, long lists counted; None if it is no JSON or too deep."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    tokens = _TOKEN.findall(text)
    try:
        node, _ = _node(tokens, 0, 0)
    except _TooDeep:
        return None
    return _laid_out(node, "", "")


# --------------------------------------------------------------------------------------------------------------- layout


class _TooDeep(Exception):
    """A text nests deeper than it can be shown."""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


_Node = str | list[Any] | tuple[Any, ...]
"""A scalar token, a list of nodes, or a tuple of pairs of name token and node."""


def _node(tokens: list[str], at: int, depth: int) -> tuple[_Node, int]:
    if depth > _DEEPEST:
        raise _TooDeep
    match tokens[at]:
        case "[":
            items: list[_Node] = []
            at += 1
            while tokens[at] != "]":
                item, at = _node(tokens, at, depth + 1)
                items.append(item)
                at += tokens[at] == ","
            return items, at + 1
        case "{":
            members: list[tuple[str, _Node]] = []
            at += 1
            while tokens[at] != "}":
                value, after = _node(tokens, at + 2, depth + 1)
                members.append((tokens[at], value))
                at = after + (tokens[after] == ",")
            return tuple(members), at + 1
        case scalar:
            return scalar, at + 1


def _laid_out(node: _Node, indent: str, name: str) -> list[str]:
    prefix = f"{name}: " if name else ""
    match node:
        case str():
            return [f"{indent}{prefix}{_scalar(node)}"]
        case tuple():
            if not node:
                return [f"{indent}{prefix}{{}}"]
            lines = [f"{indent}{prefix}{{"]
            for index, (key, value) in enumerate(node):
                inner = _laid_out(value, f"{indent}  ", _scalar(key))
                inner[-1] += "," if index < len(node) - 1 else ""
                lines += inner
            return [*lines, f"{indent}}}"]
        case _:
            return _list(node, indent, prefix, "ids" if name.endswith('Ids"') else "items")


def _list(items: list[_Node], indent: str, prefix: str, word: str) -> list[str]:
    if all(isinstance(item, str) for item in items):
        reported = ", ".join(_groups([str(item) for item in items], word))
        if len(reported) <= _WIDEST * 2:
            return [f"{indent}{prefix}[{reported}]"]
    lines = [f"{indent}{prefix}["]
    shown = items[:20]
    for item in shown:
        inner = _laid_out(item, f"{indent}  ", "")
        inner[-1] += ","
        lines += inner
    if len(items) > len(shown):
        lines.append(f"{indent}  … {len(items) - len(shown):,} more {word}")
    else:
        lines[-1] = lines[-1].removesuffix(",")
    return [*lines, f"{indent}]"]


def _groups(items: list[str], word: str) -> list[str]:
    """Return items in words: runs of like ones are counted, with the first as a specimen."""
    reported: list[str] = []
    at = 0
    while at < len(items):
        end = at + 1
        while end < len(items) and _mask(items[end]) == _mask(items[at]):
            end += 1
        run = items[at:end]
        if len(run) >= _RUN:
            different = len(set(run))
            extra = "" if different == len(run) else f", {different:,} different"
            reported.append(f"{len(run):,} {word}{extra}: {_scalar(run[0])} …")
        else:
            reported += [_scalar(item) for item in run]
        at = end
    return reported


def _scalar(token: str) -> str:
    token = visible(token)
    if len(token) <= _LONG_TEXT:
        return token
    return f"{token[:80]}… ({len(token) - 2:,} characters) …{token[-20:]}"


def _lines(body: Body) -> list[str]:
    if body.size == 0:
        return ["(no body)"]
    text = text_of(body)
    lines = None if body.cut else pretty(text)
    if lines is None:
        lines = [line(one, 800) for one in text[:20_000].split("\n")]
        if body.cut or len(text) > 20_000:
            lines.append(f"(cut: {size(body.size)} in all)")
    return lines


def _head(request: SentRequest) -> list[str]:
    fields = _fields(request.headers)
    if request.caller not in {"authorized", "none", "literal"}:
        fields = [f"{one}   ({request.caller} token)" if one.lower().startswith("authorization:") else one for one in fields]
    return [f"{request.method} {line(request.url, 500)}", *fields]


def _fields(headers: Headers) -> list[str]:
    return [line(f"{name}: {value}", 600) for name, value in headers]


def _without_length(head: list[str]) -> list[str]:
    return [one for one in head if not one.lower().startswith("content-length:")]


# ------------------------------------------------------------------------------------------------------------ comparison


def _mask(text: str) -> str:
    """Return a text of the same length in which every id of the same form is the same."""
    return _ID.sub(lambda found: "h" * len(found[0]), text)


def _masked(lines: list[str]) -> list[str]:
    return [_mask(one) for one in lines]


def _row(kind: str, text: str, *, marked: tuple[int, int] | None = None) -> Row:
    if marked is None or marked[0] >= marked[1]:
        return Row(kind, (Piece(text),))
    start, end = marked
    pieces = (Piece(text[:start]), Piece(text[start:end], marked=True), Piece(text[end:]))
    return Row(kind, tuple(piece for piece in pieces if piece.text))


def _compared(old: list[str], new: list[str]) -> list[Row]:
    rows: list[Row] = []
    # The comma that a line gets from what follows it is no edit of that line.
    keys = [[one.removesuffix(",") for one in _masked(lines[:400])] for lines in (old, new)]
    matcher = difflib.SequenceMatcher(None, keys[0], keys[1], autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            rows += [_row("=", text) for text in new[new_from:new_to]]
        elif tag == "replace" and old_to - old_from == new_to - new_from:
            for before, after in zip(old[old_from:old_to], new[new_from:new_to], strict=True):
                start, tail = _words(before, after, *_common(_mask(before), _mask(after)))
                rows.append(_row("-", before, marked=(start, len(before) - tail)))
                rows.append(_row("+", after, marked=(start, len(after) - tail)))
        else:
            rows += [_row("-", text, marked=(0, len(text))) for text in old[old_from:old_to]]
            rows += [_row("+", text, marked=(0, len(text))) for text in new[new_from:new_to]]
    return rows


def _common(old: str, new: str) -> tuple[int, int]:
    """Return how many characters two texts share at their beginnings and, of the rest, at their ends."""
    most = min(len(old), len(new))
    start = next((index for index in range(most) if old[index] != new[index]), most)
    most -= start
    tail = next((index for index in range(most) if old[-1 - index] != new[-1 - index]), most)
    return start, tail


def _words(old: str, new: str, start: int, tail: int) -> tuple[int, int]:
    """Return shared lengths shortened to whole words: 501 differs from 500 as a number, not in its last digit."""
    word = re.search(r"\w*$", new[:start])
    if word and (_WORD.match(old, start) or _WORD.match(new, start)):
        start = word.start()
    rest = re.match(r"\w*", new[len(new) - tail :])
    if rest and any(_WORD.match(text, len(text) - tail - 1) for text in (old, new) if len(text) - tail > start):
        tail -= rest.end()
    return start, tail


_WORD: Final = re.compile(r"\w")


def _around_difference(old: str, new: str) -> tuple[list[str], list[str]]:
    start, tail = _common(_mask(old), _mask(new))
    begin = max(0, start - 60)
    before = "…" if begin else ""

    def shown(text: str) -> list[str]:
        end = min(len(text), len(text) - tail + 60)
        return [before + line(text[begin:end], 600) + ("…" if end < len(text) else "")]

    return shown(old), shown(new)


def _folded(rows: list[Row]) -> list[Row]:
    """Fold header fields that are equal in both into one remark: they are not what the request is about."""
    blank = next((index for index, row in enumerate(rows) if row.kind == "=" and not row.text), len(rows))
    head, rest = rows[1:blank], rows[blank:]
    kept = [row for row in head if row.kind != "="]
    equal = len(head) - len(kept)
    reported = [_row("~", f"{count(equal, 'header field')} as in the accepted request")] if equal else []
    return [*rows[:1], *kept, *reported, *rest]


def _cut(rows: list[Row], most_lines: int, most_characters: int) -> list[Row]:
    kept: list[Row] = []
    length = 0
    for row in rows:
        length += len(row.text) + 1
        if len(kept) == most_lines or length > most_characters:
            kept.append(_row("~", f"{count(len(rows) - len(kept), 'more line')} not shown"))
            break
        kept.append(row)
    return kept
