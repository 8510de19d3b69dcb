"""
Where a run is put together and taken apart: settings, transport, recorder, session; then reports and the exit code.

The only module that knows all parts; pytest's side of it is :mod:`closecheck.suite.plugin`.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from closecheck import __version__
from closecheck.config import settings as layered
from closecheck.config import waivers
from closecheck.config.target import Tls
from closecheck.contract import derived_cases
from closecheck.contract.specification import contract
from closecheck.http.callers import Callers
from closecheck.http.pace import RateLimit
from closecheck.http.redaction import Redactor
from closecheck.http.tls import TLS, UnusableFile
from closecheck.http.tokens import TooMany, token_source
from closecheck.http.transport import Transport
from closecheck.judging.checks.rate_limit import wait_asked
from closecheck.lifecycle.id_sources import Sources
from closecheck.lifecycle.observers import assemble, first_over
from closecheck.model import Closing, Evidence, Opening, Run, Status, Waiver, is_later
from closecheck.model.errors import NothingToJudge, UsageError
from closecheck.session import preflight
from closecheck.session.ids import IdPolicy
from closecheck.session.record import Recorder, read
from closecheck.session.session import Session

LATEST: Final = "latest"


class RunContext:
    """One run from its first line to its last: what is open, and what is known of how it ended."""

    def __init__(self, settings: layered.Settings, folder: Path, *, selection: str) -> None:
        self.settings = settings
        self.folder = folder
        self.selection = selection
        self.interrupted = False
        self.suite_fault = ""
        self.stopped = ""
        self._began = time.monotonic()
        document = contract()
        self.redactor = Redactor(settings.secrets, settings.secret_fields)
        self.transport = Transport(settings.base_url, timeout=settings.timeout, tls=_tls(settings))
        sources = {
            name: token_source(
                name,
                login,
                post_form=post_form(settings),
                redactor=self.redactor,
                pause=lambda seconds, reason: self.session.pause(seconds, reason),
                max_wait=settings.max_wait,
            )
            for name, login in settings.credentials.items()
        }
        callers = Callers(sources, time.time, self.redactor.add)
        self.recorder = Recorder(folder, self.redactor)
        consent = settings.target.access_requests.may_close
        self.session = Session(
            settings,
            document,
            self.transport,
            self.recorder,
            callers,
            IdPolicy(settings.mark, ()),
            RateLimit(settings.rate.requests, settings.rate.seconds) if settings.rate else None,
        )
        self.own_observer: object | None = None
        """The observer of the implementer's extension, if it has one."""
        self.own_ids: Callable[[str], Iterable[str]] = lambda _: ()
        """Ids in a state, from the implementer's extension."""
        self.waiver_faults: tuple[waivers.Fault, ...] = ()
        """Expired and stale waivers, known once the run has finished."""
        self.sources = Sources(self.session, settings.target.access_requests, lambda state: self.own_ids(state))
        if consent:
            self.session.ids.refill = self.sources.refill
            looks = msgspec.structs.replace(settings.target.observe, events=None)
            self.session.ids.first_over = lambda ids: first_over(assemble(self.session, looks, self.own_observer), ids)
        for case in (*derived_cases.derived().values(), *document.declared.values(), preflight.FIRST_ERROR, preflight.NO_TOKEN):
            self.session.add(case)

    def advises(self, evidence: Evidence) -> bool:
        """Tell whether evidence is advice of a later edition than the one that decides."""
        edition = self.settings.edition or contract().catalogue.edition
        return is_later(evidence.since or contract()[evidence.requirement].since, edition)

    def begin(self) -> None:
        """
        Write the opening and send the first probes.

        Raises:
            NothingToJudge: there is nothing to judge.

        """
        settings = self.settings
        document = contract()
        self.recorder.write(
            Opening(
                suite=__version__,
                started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                target=settings.name,
                base_url=settings.base_url,
                profile=settings.profile,
                seed=settings.seed,
                mark=settings.mark,
                strict=settings.strict,
                settings=settings.provenance,
                catalogue=document.catalogue.recorded(document.lines),
                out_of_scope=dict(settings.target.out_of_scope),
                selection=self.selection,
                spec_digest=document.digest,
                edition=settings.edition,
                proof=document.proof,
            )
        )
        for advice in settings.target.advice:
            self.session.note("advice", advice)
        try:
            preflight.probe(self.session)
        except NothingToJudge as nothing:
            shown = NothingToJudge(self.redactor.text(nothing.problem), self.redactor.text(nothing.remedy))
            self.stopped = str(shown)
            raise shown from None

    def finish(self, *, complete: bool) -> Run:
        """Write what only the whole run can say and the last line; return the run as it was recorded."""
        self.session.undo()
        if not self.stopped:
            self.session.finish()
            if complete:
                self.session.tallies()
        self.recorder.flush()
        in_force, self.waiver_faults = self._waivers()
        self.recorder.write(
            Closing(
                seconds=time.monotonic() - self._began,
                requests=self.session.sent + self.session.explored,
                interrupted=self.interrupted,
                suite_fault=self.suite_fault,
                stopped=self.stopped,
                waived=in_force,
                waiver_faults=tuple(fault.sentence for fault in self.waiver_faults),
                explored=self.session.explored,
            )
        )
        self.recorder.close()
        self.transport.close()
        return read(self.recorder.path)

    def _waivers(self) -> tuple[dict[str, Waiver], tuple[waivers.Fault, ...]]:
        file = self.settings.target.waivers
        if file is None:
            return {}, ()
        today = datetime.datetime.now(datetime.UTC).date()
        known = contract().ids
        run = read(self.recorder.path)
        tested = {one.requirement.id for one in run.results if one.status is not Status.UNTESTED}
        # What a later edition would find broken is not excused in vain: whoever moves the pin next needs the waiver.
        broken = {one.requirement.id for one in (*run.results, *run.advice) if one.findings}
        loaded = waivers.load(file, today, known)
        return waivers.sort_out(loaded, broken, tested, today)


def open_run(
    options: Mapping[str, Any], environ: Mapping[str, str], *, selection: str, target_data: Mapping[str, Any] | None = None
) -> tuple[RunContext, contextlib.ExitStack]:
    """
    Return a run that has not begun, and what must be closed after it: the embedded target, if none was named.

    Raises:
        UsageError: an option, a variable or the target file is wrong.

    """
    stack = contextlib.ExitStack()
    known = contract().ids
    settings = layered.load(options, environ, known, target_data=target_data)
    check_edition(settings.edition)
    if settings.embedded and target_data is None:
        from closecheck.reference import ReferenceConfig, ReferenceServer  # noqa: PLC0415 - only where no target is named

        server = stack.enter_context(ReferenceServer(ReferenceConfig()))
        settings = layered.load(options, environ, known, target_data=server.target())
    folder = _new_folder(settings.reports)
    return RunContext(settings, folder, selection=selection), stack


def check_edition(edition: str) -> None:
    """
    Refuse an edition that the user pinned and nobody knows; empty is the newest.

    Raises:
        UsageError: there is no such edition.

    """
    known = contract().editions
    if edition and edition not in known:
        raise UsageError("--edition", f"there is no edition {edition}", f"Write one of {', '.join(known)}, or nothing for the newest.")


def _new_folder(reports: Path) -> Path:
    """Make the folder of a run, named after the moment, and point ``latest`` at it."""
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H-%M-%S")
    reports.mkdir(parents=True, exist_ok=True)
    for name in _names(moment):
        folder = reports / name
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        break
    latest = reports / LATEST
    with contextlib.suppress(OSError):  # a file system without links still gets its reports
        if latest.is_symlink() or not latest.exists():
            temporary = reports / f".{LATEST}-{os.getpid()}"
            temporary.symlink_to(folder.name)
            temporary.replace(latest)
    return folder


def _names(moment: str) -> Iterator[str]:
    yield moment
    number = 2
    while True:
        yield f"{moment}-{number}"
        number += 1


def _tls(settings: layered.Settings) -> TLS:
    """
    Return how connections are secured.

    Raises:
        UsageError: a file of it cannot be used.

    """
    given = settings.target.tls
    tls = TLS(
        given.verify,
        str(given.ca_file) if given.ca_file else None,
        str(given.client_cert) if given.client_cert else None,
        str(given.client_key) if given.client_key else None,
        given.client_key_password.reveal() if given.client_key_password else None,
    )
    if given != Tls():
        try:
            tls.context()
        except UnusableFile as error:
            remedy = 'Write client_key_password: "${KEY_PASSWORD}" and set that variable.' if error.member == "client_key_password" else ""
            raise UsageError(f"tls.{error.member}", error.problem, remedy) from None
    return tls


def post_form(settings: layered.Settings) -> Any:
    """Return a function that posts a form to a URL and returns status and body: how tokens are fetched."""
    from urllib.parse import urlencode, urlsplit  # noqa: PLC0415

    from closecheck.model import Request  # noqa: PLC0415

    def post(url: str, fields: Mapping[str, str]) -> tuple[int, bytes]:
        parts = urlsplit(url)
        body = urlencode(fields).encode()
        transport = Transport(url, timeout=settings.timeout, tls=_tls(settings))
        request = Request(
            "POST",
            parts.path or "/",
            (
                ("Host", parts.netloc),
                ("Accept", "application/json"),
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("Content-Length", str(len(body))),
            ),
            body,
        )
        reply = transport.send(request, fresh=True)
        if reply.response is None:
            detail = reply.failure.detail if reply.failure else "no answer"
            raise OSError(detail)
        if reply.response.status == 429:
            raise TooMany(wait_asked(reply.response))
        return reply.response.status, reply.response.body

    return post
