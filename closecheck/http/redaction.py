"""
No secret leaves the suite: whatever is recorded, printed or reported has passed a :class:`Redactor`.

A secret is found as it stands and in the disguises in which servers give tokens back: escaped for JSON or a URL (also
twice), broken by white space or escaped line breaks, in hexadecimal, or inside something in base64. A piece of :data:`PIECE`
characters and more is found wherever it stands, a shorter one of :data:`STUMP` and more where a text was cut: at its end, and
beside an ellipsis. So nothing is left of a secret in a text that was cut before it came here.
Text is first held against fragments of each secret, which costs microseconds; only a hit is read closely.
"""

from __future__ import annotations

import base64
import re
import string
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from closecheck.model import Headers

STARS: Final = "***"
"""What stands where a secret stood."""
SHORT: Final = 6
"""Bytes: a secret shorter than this is looked for as it stands only, or too much else would be taken for it."""
_GRAM: Final = 8
"""Letters and digits in a fragment; a machine word."""
PIECE: Final = 16
"""Characters of a longer secret that are a secret themselves."""
STUMP: Final = 8
"""Characters of a longer secret that are one where a text was cut."""
_ELLIPSIS: Final = "…".encode()
_REMEMBERED: Final = 200
"""Characters of a text that is remembered once it was found without secrets."""
_MOST_REMEMBERED: Final = 5_000
"""So many such texts are remembered."""
_DEPTH: Final = 3
"""How often escaped text may have been escaped again."""
_SECRET_FIELDS: Final = frozenset({"authorization", "cookie", "set-cookie", "proxy-authorization"})
_JWT: Final = re.compile(rb"eyJ[\w-]*(?:\.[\w-]*)+", re.ASCII)
_JSON: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # one character beyond the BMP
    rb"|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[bfnrt\"'/\\]"
)
_PERCENT: Final = re.compile(rb"%[0-9a-fA-F]{2}")
_BLANK: Final = re.compile(rb"[\x00-\x20\x7f]+|\xc2[\x85\xa0]|\xe2\x80[\x80-\x8f\xa8-\xaf]|\xe2\x81\x9f|\xe3\x80\x80|\xef\xbb\xbf")
_LETTER_ESCAPES: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_ALTERING: Final = (b"\\u", b"\\n", b"\\r", b"\\t", b"\\x", b"\\b", b"\\f")
"""Escapes that put letters or digits where none belong; the others are gone once only letters and digits are left."""
_NOT_ALPHANUMERIC: Final = bytes(set(range(256)) - set((string.ascii_letters + string.digits).encode()))
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
"""Makes one alphabet of base64 and base64url."""


_SCHEMES: Final = frozenset({"basic", "bearer", "digest", "negotiate"})
"""Schemes of Authorization that say nothing secret where they stand alone."""
_LONGEST_SCHEME: Final = 9
"""Letters of the longest registered scheme that anybody uses (Negotiate); a longer word may be a token."""


@dataclass(frozen=True, slots=True)
class _Known:
    """
    What is looked for.

    ``needles`` are without blanks and in one base64 alphabet. Of a long needle ``grams`` holds every run of eight
    letters and digits as one number: wherever it stands, some of them are aligned to eight. Of a short one ``windows``
    holds the end.
    """

    short: tuple[bytes, ...] = ()
    needles: tuple[bytes, ...] = ()
    windows: frozenset[bytes] = frozenset()
    grams: frozenset[int] = frozenset()
    long: bytes = b""
    """The secrets of which pieces are looked for and their disguises, a line each, in the alphabet of the needles."""
    probes: frozenset[bytes] = frozenset()
    """Every run of :data:`STUMP` characters of ``long``."""
    heads: tuple[bytes, ...] = ()
    """The headers of those that are JWTs: these are no secret."""
    fields: frozenset[str] = _SECRET_FIELDS
    clean: set[str] = field(default_factory=set, compare=False)
    """Short texts that hold nothing of this: addresses and statuses come again and again."""
    written: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict, compare=False)
    """Short header fields, and how they are written without secrets."""

    def with_secret(self, plain: bytes) -> _Known:
        """Return what is known together with one more secret."""
        if len(plain) < SHORT:
            return replace(self, short=(*self.short, plain), clean=set(), written={})
        parts = _parts(plain)
        needles = [needle for one in (plain, *parts) for needle in _disguises(one)]
        # Where a token stands, its parts stand too: only they need fragments.
        letters = [_letters(needle) for one in parts or (plain,) for needle in _disguises(one)]
        if parts:
            letters.append(_letters(plain.partition(b".")[2]))  # for pieces of both
        long = [one for one in letters if len(one) >= 2 * _GRAM - 1]
        # The whole of a JWT beside its parts, so that a piece from its header into its payload is found as one.
        whole = [plain.translate(_STANDARD)] if parts else []
        lines = [
            one
            for one in (*whole, *(needle for one in parts or (plain,) for needle in _disguises(one)))
            if len(one) > PIECE and one not in self.long
        ]
        return replace(
            self,
            needles=tuple(dict.fromkeys((*self.needles, *needles))),
            windows=self.windows | {one[-_GRAM:] for one in letters if len(one) < 2 * _GRAM - 1},
            grams=self.grams.union(*(_words(one[shift:]) for one in long for shift in range(_GRAM))),
            long=b"\n".join([*([self.long] if self.long else []), *lines]),
            probes=self.probes.union(*(_runs(one) for one in lines)),
            heads=(*self.heads, plain.translate(_STANDARD).partition(b".")[0] + b".") if parts else self.heads,
            clean=set(),
            written={},
        )

    def may_stand_in(self, data: bytes) -> bool:
        """Tell whether a long enough secret may stand in it; False is certain."""
        if b"%" in data or (b"\\" in data and any(one in data for one in _ALTERING)):
            return any(self._shows_in(_letters(one)) for one in _undone_plainly(data))
        return self._shows_in(_letters(data))

    def _shows_in(self, letters: bytes) -> bool:
        # A piece of sixteen characters may hold some that are no letters: half a word further on its words are others.
        return (
            not self.grams.isdisjoint(_words(letters))
            or not self.grams.isdisjoint(_words(letters[_GRAM // 2 :]))
            or any(window in letters for window in self.windows)
        )

    def pieces_in(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield where pieces of long secrets stand in data without blanks, in the alphabet of the needles."""
        at = 0
        while at <= len(data) - STUMP:
            if data[at : at + STUMP] not in self.probes:
                at += STUMP  # whatever is twice as long holds a whole run that begins at such a place
                continue
            first, last = self._around(data, at)
            if last - first >= PIECE and not self._is_head(data[first:last]):
                # The dots between the parts of a JWT may be the text's own.
                yield first + data.startswith(b".", first), last - data.endswith(b".", first, last)
            at = max(last, at + STUMP)

    def stumps_in(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield where a piece of a long secret stands at the end of data, or beside an ellipsis: there it was cut."""
        ends = [len(data)]
        begins: list[int] = []
        at = data.find(_ELLIPSIS)
        while at >= 0:
            ends.append(at)
            begins.append(at + len(_ELLIPSIS))
            at = data.find(_ELLIPSIS, at + 1)
        for at in (*(end - STUMP for end in ends if end >= STUMP), *begins):
            run = data[at : at + STUMP].translate(_STANDARD)
            if run in self.probes:
                first, last = self._around(data.translate(_STANDARD), at)
                if not self._is_head(data[first:last].translate(_STANDARD)):
                    yield first, last

    def _around(self, data: bytes, at: int) -> tuple[int, int]:
        """Return where the longest piece begins and ends that holds the known run at a place."""
        run = data[at : at + STUMP]
        widest = at, at + STUMP
        place = self.long.find(run)
        while place >= 0:
            before = _common(data[:at][::-1], self.long[max(place - at, 0) : place][::-1])
            after = _common(data[at:], self.long[place : place + len(data) - at])
            if before + after > widest[1] - widest[0]:
                widest = at - before, at + after
            place = self.long.find(run, place + 1)
        return widest

    def _is_head(self, piece: bytes) -> bool:
        return any(piece in head for head in self.heads)


class Redactor:
    """
    Replaces secrets by ``***``; knows more secrets as they turn up. Safe to be shared by threads.

    ``fields`` are names of header fields whose values are replaced whole, beside Authorization, Proxy-Authorization,
    Cookie and Set-Cookie.
    """

    def __init__(self, secrets: Iterable[str] = (), fields: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._secrets: set[bytes] = set()
        self._known = _Known(fields=_SECRET_FIELDS | {name.lower() for name in fields})
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Know one more secret; an empty one is passed over."""
        plain = secret.encode("utf-8", "surrogatepass")
        with self._lock:
            if plain and plain not in self._secrets:
                self._secrets.add(plain)
                self._known = self._known.with_secret(plain)

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        clean = self._known.clean
        if text in clean:
            return text
        data = text.encode("utf-8", "surrogatepass")
        redacted = self.data(data)
        if redacted is not data:
            return redacted.decode("utf-8", "surrogatepass")
        if len(text) <= _REMEMBERED and len(clean) < _MOST_REMEMBERED:
            clean.add(text)
        return text

    def data(self, data: bytes) -> bytes:
        """Return bytes without secrets; the same object if there was none."""
        known = self._known
        spans = [*_places(data, known.short), *known.stumps_in(data)]
        if known.may_stand_in(data):
            for reading in _readings(_Reading(data, range(len(data)), range(1, len(data) + 1))):
                spans += _spans(reading, known)
        return _starred(data, spans) if spans else data

    def headers(self, headers: Headers) -> Headers:
        """Return header fields without secrets: those that are known to hold one are replaced whole."""
        known = self._known
        return tuple([known.written.get(one) or self._field(known, *one) for one in headers])

    def _field(self, known: _Known, name: str, value: str) -> tuple[str, str]:
        written = name, _starred_field(name, value) if name.lower() in known.fields else self.text(value)
        if len(value) <= _REMEMBERED and len(known.written) < _MOST_REMEMBERED:
            known.written[name, value] = written
        return written


def _starred_field(name: str, value: str) -> str:
    """Return a secret field's value in stars, and the scheme of an Authorization field before them: it is no secret."""
    if value.lower() in _SCHEMES:
        return value  # and nothing after it
    scheme, blank, _ = value.partition(" ")
    known = name.lower() in {"authorization", "proxy-authorization"} and blank and scheme.isalpha() and len(scheme) <= _LONGEST_SCHEME
    return f"{scheme} {STARS}" if known else STARS


def _parts(secret: bytes) -> tuple[bytes, ...]:
    """Return what is secret of a JWT on its own, payload and signature; nothing for any other secret."""
    if not _JWT.fullmatch(secret):
        return ()
    return tuple(part for part in secret.split(b".")[1:] if len(part) >= SHORT)


def _disguises(secret: bytes) -> Iterator[bytes]:
    """Yield a secret plain, in hexadecimal, and what of it shows in base64 wherever it begins in what is encoded."""
    yield _BLANK.sub(b"", secret).translate(_STANDARD)
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + secret)
        # The characters at both ends hold bits of the neighbours too.
        yield encoded[-(-8 * shift // 6) : 8 * (shift + len(secret)) // 6]


def _letters(data: bytes) -> bytes:
    return data.translate(None, _NOT_ALPHANUMERIC)


def _words(letters: bytes) -> memoryview[int]:
    return memoryview(letters)[: len(letters) // _GRAM * _GRAM].cast("Q")


def _runs(line: bytes) -> Iterator[bytes]:
    return (line[at : at + STUMP] for at in range(len(line) - STUMP + 1))


def _common(one: bytes, other: bytes) -> int:
    """Return how many bytes at their beginning two texts share."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one[least:middle] == other[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least


def _meaning(escape: bytes) -> bytes:
    """Return what one escape of JSON, Python or a URL stands for, in UTF-8."""
    match escape[:2]:
        case b"\\u":
            units = [int(unit, 16) for unit in escape.split(b"\\u") if unit]
            utf16 = b"".join(unit.to_bytes(2, "big") for unit in units)
            return utf16.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
        case b"\\x":
            return bytes.fromhex(escape[2:].decode())
        case _ if escape.startswith(b"%"):
            return bytes.fromhex(escape[1:].decode())
        case _:
            return _LETTER_ESCAPES.get(escape[1:], escape[1:])


def _undone_plainly(data: bytes) -> set[bytes]:
    """Return data with JSON and percent escapes undone in every order, up to three times, and as it is."""
    found = {data}
    newest = found
    for _ in range(_DEPTH):
        newest = {pattern.sub(lambda one: _meaning(one[0]), data) for data in newest for pattern in (_JSON, _PERCENT)} - found
        found |= newest
    return found


@dataclass(frozen=True, slots=True)
class _Reading:
    """Data with escapes undone; byte ``n`` stands for ``starts[n]`` to ``ends[n]`` of the original."""

    data: bytes
    starts: Sequence[int]
    ends: Sequence[int]

    def undone(self, pattern: re.Pattern[bytes], meaning: Callable[[bytes], bytes]) -> _Reading:
        """Return the reading with each match replaced by its meaning."""
        pieces: list[bytes] = []
        starts: list[int] = []
        ends: list[int] = []
        at = 0
        for found in pattern.finditer(self.data):
            first, last = found.span()
            plain = meaning(found[0])
            pieces += (self.data[at:first], plain)
            starts += [*self.starts[at:first], *[self.starts[first]] * len(plain)]
            ends += [*self.ends[at:first], *[self.ends[last - 1]] * len(plain)]
            at = last
        if not pieces:
            return self
        return _Reading(b"".join(pieces) + self.data[at:], [*starts, *self.starts[at:]], [*ends, *self.ends[at:]])


def _readings(reading: _Reading) -> Iterator[_Reading]:
    """Yield a reading as it is, then with escapes undone in every order."""
    seen = {reading.data}
    newest = [reading]
    yield reading
    for _ in range(_DEPTH):
        inner = [one.undone(pattern, _meaning) for one in newest for pattern in (_JSON, _PERCENT)]
        newest = []
        for one in inner:
            if one.data not in seen:
                seen.add(one.data)
                newest.append(one)
                yield one


def _spans(reading: _Reading, known: _Known) -> Iterator[tuple[int, int]]:
    dense = reading.undone(_BLANK, lambda _: b"")
    data = dense.data.translate(_STANDARD)
    for first, last in (*_places(data, known.needles), *known.pieces_in(data)):
        yield dense.starts[first], dense.ends[last - 1]


def _places(data: bytes, needles: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    for needle in needles:
        at = data.find(needle)
        while at >= 0:
            yield at, at + len(needle)
            at = data.find(needle, at + 1)


def _starred(data: bytes, spans: list[tuple[int, int]]) -> bytes:
    """Replace spans, which may touch or overlap, by stars."""
    whole: list[list[int]] = []
    for first, last in sorted(spans):
        if whole and first <= whole[-1][1]:
            whole[-1][1] = max(whole[-1][1], last)
        else:
            whole.append([first, last])
    kept = [0, *(end for span in whole for end in span), len(data)]
    return STARS.encode().join(data[first:last] for first, last in list(pairwise(kept))[::2])
