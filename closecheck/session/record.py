"""
``run.jsonl``: the only thing a run writes while it runs. Redaction happens here, in the one writer, and nowhere else.
"""

from __future__ import annotations

import weakref
from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Final, Protocol

import msgspec

from closecheck.judging.exchange import Exchange
from closecheck.model import (
    Body,
    Closing,
    Evidence,
    ExchangeLine,
    Failure,
    Finding,
    Headers,
    Line,
    Note,
    Numbers,
    Observation,
    ReceivedResponse,
    Run,
    RunFault,
    SentRequest,
    decode,
    encode,
)

FILE_NAME: Final = "run.jsonl"
_BUFFER: Final = 256 * 1024
"""Bytes held back before they are written: each write lets other threads run, and waits for its turn again."""
MOST_RECORDED: Final = 64 * 1024
"""Bytes of a body that are recorded; what is longer is cut, with its size."""
_SEARCHED: Final = MOST_RECORDED + 4096
"""Bytes of a body that are searched for secrets: one that begins before the cut shows enough of itself behind it to be found."""


class Redacts(Protocol):
    """Something that takes secrets out of texts."""

    def text(self, text: str) -> str:
        """Return the text without secrets."""

    def data(self, data: bytes) -> bytes:
        """Return the bytes without secrets."""

    def headers(self, headers: Headers) -> Headers:
        """Return the fields without secrets."""


class Recorder:
    """
    Writes the lines of a run as they come, redacted. A killed run can still be read up to the last line that was written out.

    ``listeners`` are told every line after it is written.
    """

    def __init__(self, folder: Path, redactor: Redacts) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE_NAME
        self._redactor = redactor
        self._file: IO[bytes] = self.path.open("wb", buffering=_BUFFER)
        self.listeners: list[Callable[[Line], None]] = []

    def write(self, line: Line) -> None:
        """Write one line. Text of the target that found its way into findings is redacted with it."""
        self._file.write(encode(self._redacted(line)) + b"\n")
        for listener in self.listeners:
            listener(line)

    def redacted(self, evidence: Evidence) -> Evidence:
        """Return evidence as it is written: what the target said back stands in it without secrets."""
        if evidence.finding is None and not evidence.reason:
            return evidence
        return self._redacted_evidence(evidence)

    def _redacted_evidence(self, evidence: Evidence) -> Evidence:
        text, finding = self._redactor.text, evidence.finding
        if finding is not None:
            finding = Finding(*(text(one) for one in (finding.expected, finding.got, finding.because, finding.change, finding.cause)))
        return msgspec.structs.replace(evidence, finding=finding, reason=text(evidence.reason))

    def _redacted(self, line: Line) -> Line:
        """Return a line whose free text is redacted; an exchange was before its bodies were cut."""
        text = self._redactor.text
        match line:
            case Evidence():
                return self._redacted_evidence(line)
            case Observation(observed=observed):
                return msgspec.structs.replace(line, observed=text(observed))
            case Note(text=said):
                return msgspec.structs.replace(line, text=text(said))
            case Closing(suite_fault=fault, stopped=stopped):
                return msgspec.structs.replace(line, suite_fault=text(fault), stopped=text(stopped))
            case _:
                return line

    def exchange(self, exchange: Exchange, url: str) -> None:
        """Write one exchange."""
        self.write(recorded(exchange, url, self._redactor))

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Close the file; harmless if it is closed."""
        self._file.close()


def _body(data: bytes, redactor: Redacts) -> Body:
    """Return a body as it is recorded. What lies far behind the cut is not searched for secrets: pages of audits are four times as long."""
    searched = redactor.data(data[:_SEARCHED])
    return msgspec.structs.replace(Body.of(searched, limit=MOST_RECORDED), size=len(searched) + len(data[_SEARCHED:]))


def recorded(exchange: Exchange, url: str, redactor: Redacts) -> ExchangeLine:
    """Return an exchange as it is recorded: bodies redacted before they are cut, so that no half of a secret is left."""
    request, response = exchange.request, exchange.response
    origin = url.split("/", 3)
    return ExchangeLine(
        number=exchange.number,
        case=exchange.case,
        request=SentRequest(
            method=request.method,
            url=redactor.text(f"{'/'.join(origin[:3])}{request.target}"),
            headers=redactor.headers(request.headers),
            body=_body(request.body, redactor),
            caller=exchange.draft.caller,
            chunked=bool(request.chunks),
        ),
        timing=exchange.timing,
        response=None
        if response is None
        else ReceivedResponse(
            status=response.status,
            reason=redactor.text(response.reason),
            version=response.version,
            headers=redactor.headers(response.headers),
            body=_body(response.body, redactor),
        ),
        failure=None if exchange.failure is None else Failure(exchange.failure.kind, redactor.text(exchange.failure.detail)),
        base=exchange.base,
        change=exchange.change,
    )


class Recorded(Mapping[int, ExchangeLine]):
    """
    The exchanges of a recorded run by their numbers, each read from the file when it is asked for.

    However long a run was, only where its exchanges stand is kept in memory. The file is kept open: what is read from stays what
    was read, even if it is deleted meanwhile.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._numbers = Numbers()
        self._starts = array("Q")
        self._start = 0
        """Where the line begins that is being read."""
        # Closed with the last who can look: a run has no end that could be told.
        weakref.finalize(self, file.close)

    def lines(self) -> Iterator[Line]:
        """Yield every line of the file, and remember where the exchanges stand; for the one who makes the run."""
        for line in decode(self._raw()):
            if isinstance(line, ExchangeLine):
                self._numbers.append(line.number)
                self._starts.append(self._start)
            yield line

    def _raw(self) -> Iterator[bytes]:
        end = 0
        for raw in self._file:
            self._start, end = end, end + len(raw)
            yield raw

    def __getitem__(self, number: int) -> ExchangeLine:
        """Return an exchange; KeyError if it is not recorded."""
        place = self._numbers.place(number)
        if place is None:
            raise KeyError(number)
        return self._at(place)

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self._numbers.place(number) is not None

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._numbers)

    def _at(self, place: int) -> ExchangeLine:
        self._file.seek(self._starts[place])
        line = next(decode([self._file.readline()]))
        if not isinstance(line, ExchangeLine):
            raise RunFault(f"{FILE_NAME} has changed while it was read")
        return line


def read(path: Path) -> Run:
    """
    Read a recorded run; ``path`` is the file or its folder.

    Raises:
        RunFault: there is no such file, or it is no recorded run; the message names the file.

    """
    file = path / FILE_NAME if path.is_dir() else path
    try:
        recorded = Recorded(file.open("rb"))
        return Run(recorded.lines(), recorded)
    except OSError as error:
        remedy = f"name the folder of a run, or its {FILE_NAME}"
        raise RunFault(f"{file}: {error.strerror or error}; {remedy}") from error
    except RunFault as error:
        raise RunFault(f"{file}: {error}") from error
