"""
pytest's side of a run: options, fixtures, the order of the tests, and how evidence becomes a test's outcome.

The only module that imports pytest. A test judges one requirement; it fails only on a finding against that requirement.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import itertools
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from types import ModuleType
from typing import Any, Final

import pytest

from closecheck.config.options import OPTIONS
from closecheck.contract.cases import Case
from closecheck.contract.specification import contract
from closecheck.judging.exchange import MOST_NESTED, Exchange
from closecheck.lifecycle import experiment
from closecheck.model import Evidence, Exit, Finding, Level, Outcome, Profile, Run, is_later
from closecheck.model.errors import NothingToJudge, Untested, UsageError
from closecheck.session.session import EXPLORED, Session
from closecheck.suite import hookspecs
from closecheck.suite.run_context import RunContext, open_run


class Refuted(Exception):
    """A finding against the requirement of a test."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence.finding.got if evidence.finding else "")
        self.evidence = evidence


CONTEXT: Final = pytest.StashKey[RunContext]()
STACK: Final = pytest.StashKey[ExitStack]()
RUN: Final = pytest.StashKey[Run]()
TARGET_DATA: Final = pytest.StashKey[Mapping[str, Any] | None]()
"""The content of a target file, for a target that was started by the caller."""
WRITE_REPORTS: Final = pytest.StashKey[bool]()
MISUSE: Final = pytest.StashKey[UsageError]()
EVIDENCE: Final = pytest.StashKey[list[Evidence]]()
ITEM: Final = pytest.StashKey[pytest.Item]()
"""The item that is running."""
DESELECTED: Final = pytest.StashKey[list[str]]()


# ------------------------------------------------------------------------------------------------------ configuration


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run, in one group."""
    group = parser.getgroup("conformance", "conformance of a deployed implementation (closecheck)")
    for option in OPTIONS:
        if option.name == "--strict":
            continue  # pytest has an option of that name: it serves for both
        how: dict[str, Any] = {"action": "store_true", "default": None} if option.flag else {"metavar": option.metavar}
        if option.multiple:
            how["action"] = "append"
        group.addoption(option.name, dest=f"closecheck_{option.key}", help=option.help, **how)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Announce the hooks of :mod:`closecheck.suite.hookspecs`."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Explain the markers, and refuse what would break the limits of a run."""
    config.addinivalue_line(
        "markers",
        "requirement(id, part='', since=''): the one requirement that the test judges, which part of it, and the edition of the test",
    )
    config.addinivalue_line("markers", "choice(id): the choice that the test observes")
    config.addinivalue_line("markers", "closes: the test closes existing access requests; it needs consent and runs late")
    config.addinivalue_line("markers", "explores: the test reads what the exploration found, which follows the deterministic core")
    config.addinivalue_line("markers", "sweep: one of a long row, of which the core has its share: it belongs to the exploration")
    config.addinivalue_line("markers", "last: the test looks back at the whole run")
    config.pluginmanager.register(fixtures(config))
    # A body may be MOST_NESTED deep, and whoever walks through one takes a few calls for each level.
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 6 * MOST_NESTED))
    if getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("-n splits limits and consent over processes that do not know one another; use --concurrency N")


def options(config: pytest.Config) -> dict[str, Any]:
    """Return the options of a run that were given."""
    found = {option.key: config.getoption(f"closecheck_{option.key}") for option in OPTIONS if option.name != "--strict"}
    found["strict"] = config.getoption("strict", None) or None
    return {name: value for name, value in found.items() if value is not None}


# --------------------------------------------------------------------------------------------------------- collection


def case_of(item: pytest.Item) -> Case | None:
    """Return the case that an item asks, if it asks one."""
    given = getattr(item, "callspec", None)
    case = given.params.get("case") if given is not None else None
    return case if isinstance(case, Case) else None


def requirement_of(item: pytest.Item) -> str:
    """Return the id of the requirement that an item judges, or of the choice that it observes; empty if neither."""
    case = case_of(item)
    if case is not None:
        return case.requirement or f"choice {case.choice}"
    for mark in item.iter_markers():
        if mark.name == "requirement":
            return str(mark.args[0])
        if mark.name == "choice":
            return f"choice {mark.args[0]}"
    return ""


def part_of(item: pytest.Item) -> str:
    """Return the part of its requirement that an item judges; empty: the whole, or one that shows only in the run."""
    case = case_of(item)
    mark = next(item.iter_markers("requirement"), None)
    return case.part if case is not None else str(mark.kwargs.get("part", "")) if mark is not None else ""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse items without a known requirement, apply ``--only``, and put the items in the order of a run."""
    document = contract()
    choices = {choice.id for choice in document.catalogue.choices}
    for item in items:
        named = requirement_of(item)
        if named not in document.ids and named.removeprefix("choice ") not in choices:
            raise pytest.UsageError(
                f"{item.nodeid} judges no requirement of the catalogue: tests of the suite itself run alone, with `pytest selftest`"
            )
        item.user_properties.append(("requirement", named))
    del session
    patterns = config.getoption("closecheck_only") or []
    if patterns:
        kept = [item for item in items if any(_chosen(item, pattern) for pattern in patterns)]
        if not kept:
            raise pytest.UsageError(f"--only {' '.join(patterns)}: no requirement and no case is called so; `closecheck list` names them")
        dropped = [item for item in items if item not in set(kept)]
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept
    items.sort(key=_turn)


def _chosen(item: pytest.Item, pattern: str) -> bool:
    case = case_of(item)
    if pattern.startswith(EXPLORED):
        return item.get_closest_marker("explores") is not None
    return fnmatch.fnmatchcase(requirement_of(item), pattern) or (case is not None and fnmatch.fnmatchcase(case.id, pattern))


def _turn(item: pytest.Item) -> int:
    if case_of(item) is not None:
        return 2 if is_swept(item) else 0
    if item.get_closest_marker("last"):
        return 4
    if item.get_closest_marker("explores"):
        return 3
    return 1 if item.get_closest_marker("closes") else 0


def is_swept(item: pytest.Item) -> bool:
    """Tell whether an item is left to the exploration."""
    if (case := case_of(item)) is not None:
        return case.id in contract().order.swept
    return item.get_closest_marker("sweep") is not None


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Remember that a selection was made: what was left out is untested, and the run incomplete."""
    for item in items[:1]:
        item.config.stash.setdefault(DESELECTED, []).append(item.nodeid)


# ------------------------------------------------------------------------------------------------------------ the run


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Open the run, send what can be sent ahead, let pytest judge, and close the run."""
    config = session.config
    if config.option.collectonly:
        return (yield)
    selection = " ".join([*(f"--only {one}" for one in config.getoption("closecheck_only") or []), *_pytest_selection(config)])
    if not selection and config.stash.get(DESELECTED, []):
        selection = "a selection of tests"
    try:
        context, stack = open_run(options(config), os.environ, selection=selection, target_data=config.stash.get(TARGET_DATA, None))
        _extend(config, context)
    except UsageError as error:
        config.stash[MISUSE] = error
        pytest.exit(str(error), returncode=Exit.USAGE)
    config.stash[CONTEXT], config.stash[STACK] = context, stack
    context.session.on_exchange.append(lambda exchange: config.hook.pytest_closecheck_exchange(exchange=exchange))
    context.session.on_evidence.append(lambda evidence: config.hook.pytest_closecheck_evidence(evidence=evidence))
    if context.settings.profile is Profile.QUICK and not selection:
        session.items[:] = [item for item in session.items if not is_swept(item)]
    context.session.planned = sum(case_of(item) is not None for item in session.items)
    complete = False
    try:
        config.hook.pytest_closecheck_begins(session=context.session, items=len(session.items))
        context.begin()
        if any(item.get_closest_marker("closes") for item in session.items):
            experiment.keep_ids(context.session)
        _send_ahead(context.session, session.items)
        result = yield
        complete = not selection
    except NothingToJudge as nothing:
        pytest.exit(str(nothing), returncode=Exit.USAGE)
    except KeyboardInterrupt:
        context.interrupted = True
        context.session.stop()
        raise
    except pytest.Session.Interrupted:
        raise
    except Exception as error:
        context.suite_fault = f"{type(error).__name__}: {error}"
        raise
    finally:
        run = context.finish(complete=complete and not session.shouldstop)
        stack.close()
        config.stash[RUN] = run
        _report(config, run, context)
    return result


def _send_ahead(session: Session, items: Sequence[pytest.Item]) -> None:
    """
    Send, several at a time, what the tests will ask one by one.

    A file's function ``ahead`` yields lists of cases beside those that its tests are made of; a list may depend on the answers to
    those before it.
    """
    by_file: dict[Any, list[pytest.Item]] = {}
    for item in items:
        by_file.setdefault(getattr(item, "module", None), []).append(item)
    files = [module.ahead(session, listed) for module, listed in by_file.items() if hasattr(module, "ahead")]
    session.postpone(case for item in items if (case := case_of(item)) is not None and is_swept(item))
    of_items = [case for item in items if (case := case_of(item)) is not None and not is_swept(item)]
    for batches in itertools.zip_longest([of_items], *map(_while_answered, files), fillvalue=()):
        session.prefetch(itertools.chain(*batches))


def _while_answered(batches: Iterable[Iterable[Case]]) -> Iterator[Iterable[Case]]:
    """Yield lists of cases until one depends on an answer that did not come: the tests will say so themselves."""
    with suppress(Untested):
        yield from batches


def _extend(config: pytest.Config, context: RunContext) -> None:
    """
    Register the implementer's extension as a plug-in, and let its hooks speak for observers and ids.

    Raises:
        UsageError: the file cannot be imported.

    """
    path = context.settings.target.extension
    if path is not None:
        name = f"closecheck_extension_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise UsageError("extension", f"{path} is no Python module")
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # whatever a stranger's module raises, it is his to mend
            raise UsageError("extension", f"{path.name} cannot be imported ({type(error).__name__}: {error})") from error
        config.pluginmanager.register(module, name)
    hook = config.hook
    context.own_observer = hook.pytest_closecheck_observer(settings=context.settings)
    context.own_ids = lambda state: [
        one for found in hook.pytest_closecheck_ids(settings=context.settings, state=state) for one in found or ()
    ]


def _pytest_selection(config: pytest.Config) -> Iterator[str]:
    if config.option.keyword:
        yield f"-k {config.option.keyword}"
    if config.option.markexpr:
        yield f"-m {config.option.markexpr}"


def _report(config: pytest.Config, run: Run, context: RunContext) -> None:
    if config.stash.get(WRITE_REPORTS, True):
        from closecheck.reports import write_all  # noqa: PLC0415 - renderers are not needed before the end

        write_all(run, context.folder)
    config.hook.pytest_closecheck_finished(run=run, folder=context.folder)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let the verdict decide the exit code."""
    run = session.config.stash.get(RUN, None)
    if run is not None:
        session.exitstatus = int(run.exit_code)


# ------------------------------------------------------------------------------------------------------- one test's run


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give each item its own list of evidence."""
    item.stash[EVIDENCE] = []
    item.config.stash[ITEM] = item


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """A finding is a failure for a MUST and a warning for a SHOULD; what is untested is skipped, with its reason."""
    if call.excinfo is not None and isinstance(call.excinfo.value, (Refuted, Untested)):
        # Neither has use for a traceback, which takes pytest 20 ms to draw.
        setattr(item, "repr_failure", lambda *_, **__: "")  # noqa: B010 - mypy knows it as a method
    report: Any = yield
    context = item.config.stash.get(CONTEXT, None)
    error = call.excinfo.value if call.excinfo else None
    could_not_begin = call.when == "setup" and isinstance(error, Untested)
    if context is None or not (call.when == "call" or could_not_begin):
        if report.failed and context is not None:
            context.suite_fault = context.suite_fault or f"{item.nodeid}: {call.excinfo.exconly() if call.excinfo else ''}"
        return report
    match error:
        case Refuted(evidence=evidence):
            requirement = contract()[evidence.requirement]
            report.longrepr = _words(evidence, requirement.level)
            report.sections.append(("finding", _words(evidence, requirement.level)))
            if context.advises(evidence):
                report.outcome = "passed"
                report.closecheck_mild = "advice"
            elif requirement.level is Level.SHOULD and not context.settings.strict:
                report.outcome = "passed"
                report.closecheck_mild = "warning"
        case Untested(reason=reason, supply=supply):
            if not any(one.outcome is not Outcome.HELD for one in item.stash[EVIDENCE]):
                _untested(item, context.session, reason, supply)
            report.outcome = "skipped"
            report.longrepr = (str(item.path), item.location[1] or 0, f"Skipped: {reason}")
        case None:
            if not item.stash[EVIDENCE] and not requirement_of(item).startswith("choice "):
                _untested(item, context.session, "no answer of this target was of the kind that it judges", "")
                report.outcome = "skipped"
                report.longrepr = (str(item.path), item.location[1] or 0, "Skipped: nothing to judge")
        case KeyboardInterrupt():
            context.interrupted = True
        case _ if not isinstance(error, pytest.skip.Exception):
            context.suite_fault = context.suite_fault or f"{item.nodeid}: {call.excinfo.exconly() if call.excinfo else error}"
    return report


def _untested(item: pytest.Item, session: Session, reason: str, supply: str) -> None:
    """Record for its requirement that a test ended because a means was missing."""
    mark = item.get_closest_marker("requirement")
    if mark is not None:
        part, since = str(mark.kwargs.get("part", "")), str(mark.kwargs.get("since", ""))
        session.record(Evidence(str(mark.args[0]), Outcome.UNTESTED, item.name, part, reason=reason, supply=supply, since=since))


def pytest_report_teststatus(report: Any) -> tuple[str, str, str] | None:
    """Show a warning, or the advice of a later edition, as such."""
    if report.when != "call":
        return None
    return {"warning": ("warnings", "W", "WARNING"), "advice": ("advice", "A", "ADVICE")}.get(getattr(report, "closecheck_mild", ""))


def _words(evidence: Evidence, level: Level) -> str:
    finding = evidence.finding or Finding("", "")
    return f"{evidence.requirement} {level}: expected {finding.expected}; got {finding.got}"


# ------------------------------------------------------------------------------------------------------------ fixtures


def skip_inapplicable(session: Session, caller: str) -> None:
    """Skip a test whose caller cannot be made from this working token: that is no gap, and the report says so once."""
    if reason := session.tokens.inapplicable(caller):
        session.note_once("token", reason)
        pytest.skip(reason)


def settled(item: pytest.Item, evidence: Evidence) -> Evidence:
    """
    Keep evidence with its item and end the test if it is not good.

    Raises:
        Refuted: the target broke the requirement.
        Untested: it could not be judged, or what it depends on never arose.

    """
    item.stash[EVIDENCE].append(evidence)
    match evidence.outcome:
        case Outcome.BROKEN:
            raise Refuted(evidence)
        case Outcome.UNTESTED | Outcome.ERROR | Outcome.ABSENT:
            raise Untested(evidence.reason, evidence.supply)
        case _:
            return evidence


class Clause:
    """The requirement of one test, to be held against exchanges that the test has made itself."""

    def __init__(self, item: pytest.Item, session: Session) -> None:
        mark = next(item.iter_markers("requirement"))
        self._item = item
        self._session = session
        self.requirement = str(mark.args[0])
        self.part = str(mark.kwargs.get("part", ""))
        self.since = str(mark.kwargs.get("since", ""))
        self.name = item.name.removeprefix("test_").replace("_", "-")

    def expect(self, holds: bool, expected: str, got: str, *exchanges: Exchange, change: str = "", part: str = "") -> None:
        """
        Record that the requirement held or not, and end the test if not.

        Raises:
            Refuted: it did not hold.

        """
        if not holds and exchanges and exchanges[-1].response is None:
            self.untested("not answered: judged under CAR-OP-ANSWERS")
        finding = None if holds else Finding(expected, got, change=change)
        outcome = Outcome.HELD if holds else Outcome.BROKEN
        numbers = tuple(exchange.number for exchange in exchanges)
        evidence = Evidence(self.requirement, outcome, self.name, part or self.part, numbers, finding, since=self.since)
        settled(self._item, self._session.record(evidence))

    def settle(self, exchange: Exchange) -> None:
        """
        Hold against the requirement what the session has judged of an exchange, as one of its clauses for every exchange.

        Raises:
            Refuted: it did not hold.

        """
        judged = (one for one in self._session.evidence if one.requirement == self.requirement and exchange.number in one.exchanges[-1:])
        finding = next((one.finding for one in judged if one.finding), None)
        if finding is None and exchange.response is None:
            self.untested("not answered: judged under CAR-OP-ANSWERS")
        self.expect(finding is None, finding.expected if finding else "", finding.got if finding else "", exchange)

    def absent(self) -> None:
        """
        Record that the target never did what the requirement depends on, and end the test.

        Raises:
            Untested: always.

        """
        settled(self._item, self._session.record(absent(self._session, self.requirement, self.name, self.part, self.since)))

    def untested(self, reason: str, supply: str = "") -> None:
        """
        Record that the requirement could not be tested, and end the test.

        Raises:
            Untested: always.

        """
        evidence = Evidence(self.requirement, Outcome.UNTESTED, self.name, self.part, reason=reason, supply=supply, since=self.since)
        settled(self._item, self._session.record(evidence))


_FORMS: Final = {
    "CAR-RATE-COMPLETE": "CAR-RATE-BODY",
    "CAR-AUTH-401-COMPLETE": "CAR-AUTH-401-BODY",
    "CAR-ERROR-": "CAR-ERROR-OBJECT",
}
"""How the requirements on members of a body begin, and which one says that the body is an object at all."""


def absent(session: Session, requirement: str, case: str, part: str = "", since: str = "") -> Evidence:
    """
    Return evidence that nothing was of the kind that a requirement judges: its condition never arose, or it is untested.

    The condition can only have arisen where there were exchanges that could show it.
    """
    condition = contract()[requirement].conditional
    if condition is not None and session.held(condition.among):
        return Evidence(requirement, Outcome.ABSENT, case, part, reason=condition.absent, since=since)
    unread = (one.reason for one in session.evidence if one.requirement == requirement and one.outcome is Outcome.UNTESTED)
    reason = next(unread, "no exchange of this run was of the kind that it judges")
    form = next((form for begins, form in _FORMS.items() if requirement.startswith(begins) and requirement != form), None)
    if form and any(one.requirement == form and one.outcome is Outcome.BROKEN for one in session.evidence):
        reason = f"no answer had the form whose members it judges: see {form}"
    return Evidence(requirement, Outcome.UNTESTED, case, part, reason=reason, since=since)


def fixtures(config: pytest.Config) -> ModuleType:
    """
    Return a plug-in with what tests ask for.

    It knows the configuration already: a fixture that asks pytest for it, or for the request, is prepared anew for every test.
    """

    @pytest.fixture(scope="session")
    def run_context() -> RunContext:
        """The run that the tests are part of."""
        return config.stash[CONTEXT]

    @pytest.fixture(scope="session")
    def session() -> Session:
        """The one session of the run: sends, remembers, records."""
        return config.stash[CONTEXT].session

    @pytest.fixture
    def clause() -> Clause:
        """The requirement that the test is marked with."""
        return Clause(config.stash[ITEM], config.stash[CONTEXT].session)

    @pytest.fixture(scope="session")
    def judge() -> Callable[[Case], None]:
        """A function that asks a case, and holds the answer against what the case expects."""
        return lambda case: _judge(config.stash[ITEM], config.stash[CONTEXT].session, case)

    @pytest.fixture(scope="session")
    def observe() -> Callable[[Case], None]:
        """A function that asks a case, and writes down what the answer says about a choice."""
        return lambda case: config.stash[CONTEXT].session.observe_case(case)

    @pytest.fixture(scope="session")
    def look_back() -> Callable[[str], None]:
        """A function that settles a clause which the session has judged on every exchange."""
        return lambda requirement: _look_back(config.stash[ITEM], config.stash[CONTEXT], requirement)

    plugin = ModuleType("closecheck.fixtures")
    vars(plugin).update(run_context=run_context, session=session, clause=clause, look_back=look_back, judge=judge, observe=observe)
    return plugin


def _judge(item: pytest.Item, session: Session, case: Case) -> None:
    skip_inapplicable(session, case.request.caller)
    settled(item, session.judge(case))


def _look_back(item: pytest.Item, context: RunContext, requirement: str) -> None:
    session = context.session
    found = [one for one in session.evidence if one.requirement == requirement and one.outcome is Outcome.BROKEN]
    found.sort(key=context.advises)  # what decides is told first
    item.stash[EVIDENCE].extend(found)
    if found:
        raise Refuted(found[0])
    if not session.held(requirement):
        settled(item, session.record(absent(session, requirement, "every exchange")))
    item.stash[EVIDENCE].append(Evidence(requirement, Outcome.HELD, "every exchange"))


# ------------------------------------------------------------------------------------------------- in pytest's own words


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which edition judges."""
    pinned = options(config).get("edition") or os.environ.get("CLOSECHECK_EDITION", "")
    document = contract()
    edition = pinned or document.catalogue.edition
    deciding = sum(not is_later(one.since, edition) for one in document.catalogue.requirements)
    return [f"closecheck: edition {edition}, {deciding} requirements"]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the summary of the run below pytest's own lines."""
    run = config.stash.get(RUN, None)
    if run is None:
        return
    from closecheck.reports.terminal import print_summary, terminal  # noqa: PLC0415 - rich is slow to load

    terminalreporter.ensure_newline()
    print_summary(run, terminal(), folder=config.stash[CONTEXT].folder)
