r"""
A curl line sends the bytes that the suite sent: it runs as printed in any POSIX shell once the token is in its variable.

What a shell, a terminal or an argument cannot carry (NUL, line ends, control characters, direction overrides, bytes that
are no UTF-8) goes through ``printf '%b'``, and so does a long body, in pieces that are shorter than the line a terminal
takes. A body of which only the beginning was recorded has no curl line: ``closecheck run --only`` makes it anew.
"""

from __future__ import annotations

import re
import shlex
from typing import Final

from closecheck.model import ExchangeLine, SentRequest, header

VARIABLES: Final = {
    "authorized": "CLOSECHECK_TOKEN",
    "unprivileged": "CLOSECHECK_UNPRIVILEGED_TOKEN",
    "expired": "CLOSECHECK_EXPIRED_TOKEN",
}
"""The environment variable that holds each caller's token."""
REDACTED: Final = "***"
LONGEST_PIECE: Final = 400
"""Bytes of one argument, at most five characters each: a terminal in line mode takes 4096 characters in a line."""
_LONG: Final = 4000
_PLAIN: Final = re.compile(
    r"[^\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufdd0-\ufdef\ufeff\ufff9-\uffff\ud800-\udfff\U000e0000-\U000e0fff]*"
)
"""What can stand in a line that people read and copy."""
_EXPECTS: Final = 1_000_000
"""Bytes from which curl asks for leave with Expect: 100-continue, which the suite never sends."""


def curl(exchange: ExchangeLine) -> str:
    """Return the curl line of a request, or nothing if it was not recorded whole."""
    request = exchange.request
    body = request.body
    if body.cut:
        return ""
    data = body.data
    words = ["curl -sS -i"]
    head = request.method.upper() == "HEAD"
    chunked = request.chunked or "chunked" in (header(request.headers, "transfer-encoding") or "").lower()
    bodiless_head = head and not data and not chunked
    # An empty body is a body: chunked, curl would otherwise announce one and never end it.
    has_body = bool(data) or (not bodiless_head and (chunked or header(request.headers, "content-length") is not None))
    words.append("--head" if bodiless_head else f"-X {_quoted(request.method)}")
    if head and has_body:
        words.append("--max-time 10")  # curl awaits the body that the answer's fields announce, and none comes
    if re.search(r"/\.\.?(?=[/?#]|$)", request.url):
        words.append("--path-as-is")
    if re.search(r"[\[\]{}]", request.url):
        words.append("--globoff")
    words.append(_single(request.url))
    words.extend(_fields(request, has_body=has_body))
    if not data:
        return " ".join([*words, "--data-binary ''"] if has_body else words)
    pieces = _pieces(data)
    if pieces is None:
        return " ".join([*words, f"--data-binary {_single(data.decode())}"])
    feed = " \\\n  ".join(["printf '%b'", *pieces]) if len(pieces) > 1 else f"printf '%b' {pieces[0]}"
    join = " \\\n  | " if len(pieces) > 1 else " | "
    return f"{feed}{join}{' '.join([*words, '--data-binary @-'])}"


def _fields(request: SentRequest, *, has_body: bool) -> list[str]:
    """Return the -H options; a field that curl adds and the request lacked is taken out with an empty value."""
    fields: list[str] = []
    sent = {name.lower() for name, _ in request.headers}
    for name, value in request.headers:
        match name.lower():
            case "authorization":
                fields.append(_authorization(name, value, request.caller))
            case "host":
                if value != _authority(request.url):
                    fields.append(_field(name, value))
            case "content-length":
                if value != str(request.body.size):
                    fields.append(_field(name, value))
            case "user-agent":
                if not value.startswith("closecheck"):
                    fields.append(_field(name, value))
            case _:
                fields.append(_field(name, value))
    if "accept" not in sent:
        fields.append("-H 'Accept:'")
    if "content-type" not in sent and has_body:
        fields.append("-H 'Content-Type:'")
    if request.chunked and "transfer-encoding" not in sent:
        fields.append("-H 'Transfer-Encoding: chunked'")
    if request.body.size >= _EXPECTS:
        fields.append("-H 'Expect:'")
    return fields


def _authority(url: str) -> str:
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]


def _field(name: str, value: str) -> str:
    # curl reads "Name:" as "leave it out" and "Name;" as "send it empty".
    return f"-H {_single(f'{name}: {value}' if value else f'{name};')}"


def _authorization(name: str, value: str, caller: str) -> str:
    if REDACTED not in value:
        return _field(name, value)
    kind = caller.removeprefix("forged:")
    token = f"$(closecheck forge {_quoted(kind)})" if kind != caller else f"${VARIABLES.get(caller, 'CLOSECHECK_TOKEN')}"
    # Inside double quotes a shell still reads these four.
    before, _, rest = f"{name}: {value}".partition(REDACTED)
    return f'-H "{_doubled(before)}{token}{_doubled(rest)}"'


def _doubled(text: str) -> str:
    return re.sub(r'([\\"$`])', r"\\\1", text) if _PLAIN.fullmatch(text) else _printed(text)


def _printed(text: str) -> str:
    # A shell drops line ends at the end of what a command prints; no header field and no URL ends in one.
    return f"$(printf '%b' '{''.join(_ESCAPED[byte] for byte in _without_nul(text).encode())}')"


def _without_nul(text: str) -> str:
    # No argument of a program can hold NUL, so no request that was really sent needs one outside its body.
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _quoted(text: str) -> str:
    return shlex.quote(text) if _PLAIN.fullmatch(text) else _single(text)


def _single(text: str) -> str:
    if not _PLAIN.fullmatch(text):
        return f'"{_printed(text)}"'
    return "'" + text.replace("'", "'\\''") + "'"


def _pieces(data: bytes) -> list[str] | None:
    """Return the quoted arguments of ``printf '%b'``, or None if the body can stand in the line as it is."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    # A leading @ would name a file.
    if text and _PLAIN.fullmatch(text) and len(data) <= _LONG and not text.startswith("@"):
        return None
    return [f"'{''.join(map(_ESCAPED.__getitem__, data[start : start + LONGEST_PIECE]))}'" for start in range(0, len(data), LONGEST_PIECE)]


def _escaped(byte: int) -> str:
    if byte == 0x5C:
        return "\\\\"
    if byte == 0x27 or not 0x20 <= byte < 0x7F:
        return f"\\0{byte:03o}"
    return chr(byte)


_ESCAPED: Final = tuple(_escaped(byte) for byte in range(256))
