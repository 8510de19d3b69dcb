"""Writing and reading ``run.jsonl``: one line of JSON for each value, checked once when it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from closecheck.model.run_lines import Line


class RunFault(ValueError):
    """A recorded run that cannot be read; the message says which line and why."""


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def encode(line: Line) -> bytes:
    """
    Return a line of the run stream, without its line break.

    Half a surrogate pair, which JSON's escapes can name and UTF-8 cannot hold, is written as that escape.
    """
    try:
        return _encoder.encode(line)
    except UnicodeEncodeError:
        return _encoder.encode(_encodable(msgspec.to_builtins(line)))


def _encodable(value: Any) -> Any:
    """Return plain data in which every text can be encoded."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_encodable(key): _encodable(one) for key, one in value.items()}
        case list():
            return [_encodable(one) for one in value]
        case _:
            return value


def decode(stream: Iterable[bytes]) -> Iterator[Line]:
    """
    Parse a run stream line by line.

    A last line without its end is taken for a cut-off and left out, so that an interrupted run can be read.

    Raises:
        RunFault: a line is no JSON or not of the known shapes.

    """
    for number, raw in enumerate(stream, 1):
        if not raw.strip():
            continue
        try:
            yield _decoder.decode(raw)
        except msgspec.DecodeError as error:
            if not raw.endswith(b"\n"):
                return
            raise RunFault(f"line {number} of the run stream: {error}") from error
