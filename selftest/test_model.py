"""How evidence folds into results, results into a verdict, and a verdict into an exit code and a sentence."""

import itertools
import tracemalloc

import pytest
import sample_runs

from closecheck.model import (
    Area,
    Body,
    Catalogue,
    Choice,
    Closing,
    Condition,
    Evidence,
    ExchangeLine,
    Exit,
    Finding,
    Level,
    Observation,
    Opening,
    Outcome,
    Profile,
    Requirement,
    Run,
    RunFault,
    SentRequest,
    Status,
    Surplus,
    Tally,
    Timing,
    Verdict,
    Waiver,
    decode,
    encode,
    fold,
)
from closecheck.session import record

MUST, SHOULD = Level.MUST, Level.SHOULD
HELD, BROKEN, UNTESTED, ERROR, ABSENT = Outcome.HELD, Outcome.BROKEN, Outcome.UNTESTED, Outcome.ERROR, Outcome.ABSENT
WAIVER = Waiver("CAR-X-1", "known", "team", "T-1", "2099-12-31")


MEANS = {"lifecycle": ("may_close", "observer"), "burst": ("burst",)}


def requirement(name="CAR-X-1", level=MUST, parts=(), **more):
    return Requirement(name, "x", level, "statement", "Body", "#/paths", "consequence", "fix", "2026.1", parts=tuple(parts), **more)


def said(outcome, name="CAR-X-1", part="", *exchanges, **more):
    finding = Finding("this", "that") if outcome is BROKEN else None
    return Evidence(name, outcome, "case", part, exchanges, finding, **more)


def run(*lines, requirements=(requirement(),), closing=Closing(1.5, 3), strict=False, out_of_scope=None, selection=""):  # noqa: B008 - frozen
    catalogue = Catalogue("2026.1", (Area("x", "X"),), tuple(requirements), (Choice("one", "What?", "2026.1"),), MEANS)
    opening = Opening("0", "2026-01-01", "t", "http://t", Profile.QUICK, 0, strict, (), catalogue, out_of_scope or {}, selection)
    return Run([opening, *lines, *([closing] if closing else [])])


def folded(*outcomes, level=MUST, strict=False, waived=False, scoped_out="", parts=(), conditional=None):
    return fold(
        requirement(level=level, parts=parts, conditional=conditional),
        [said(one) for one in outcomes],
        strict=strict,
        waived=waived,
        scoped_out=scoped_out,
    )


# --------------------------------------------------------------------------------------------------------------- folding


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_must_folds_in_the_order_of_the_contract(size):
    for outcomes in itertools.product(Outcome, repeat=size):
        first = next(one for one in (BROKEN, ERROR, UNTESTED, HELD, ABSENT) if one in outcomes)

        assert folded(*outcomes, conditional=CONDITION) is WORST[first]
        assert ABSENT in outcomes or folded(*outcomes) is WORST[first]


CONDITION = Condition("no error has causes", among="CAR-X-2", asked_by=("CAR-X-3",))
WORST = {BROKEN: Status.FAIL, ERROR: Status.ERROR, UNTESTED: Status.UNTESTED, HELD: Status.PASS, ABSENT: Status.NOT_APPLICABLE}


def test_what_binds_every_target_is_untested_where_it_was_absent():
    assert folded(ABSENT) is folded(ABSENT, HELD) is Status.UNTESTED
    assert folded(ABSENT, BROKEN) is Status.FAIL


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_should_that_was_seen_broken_warns_whatever_else_could_not_be_tested(size):
    for outcomes in itertools.product(Outcome, repeat=size):
        first = next(one for one in (BROKEN, ERROR, UNTESTED, HELD, ABSENT) if one in outcomes)

        expected = {**WORST, BROKEN: Status.WARNING}[first]
        assert folded(*outcomes, level=SHOULD, conditional=CONDITION) is expected
        assert folded(*outcomes, level=SHOULD, strict=True, conditional=CONDITION) is folded(*outcomes, conditional=CONDITION)


def test_folding_does_not_depend_on_the_order():
    for outcomes in itertools.combinations_with_replacement(Outcome, 3):
        assert len({folded(*order, level=level) for order in itertools.permutations(outcomes) for level in [MUST]}) == 1


def test_without_evidence_nothing_passes():
    assert folded() is Status.UNTESTED
    assert folded(level=SHOULD, strict=True) is Status.UNTESTED


def test_a_pass_needs_every_part():
    parts = requirement(parts=["1", "500"])

    def of(*evidence):
        return fold(parts, evidence, strict=False, waived=False, scoped_out="")

    assert of(said(HELD, part="1")) is Status.UNTESTED
    assert of(said(HELD, part="1"), said(HELD, part="2")) is Status.UNTESTED
    assert of(said(HELD, part="1"), said(HELD, part="500"), said(HELD, part="more")) is Status.PASS
    assert of(said(BROKEN, part="1")) is Status.FAIL


def test_a_warning_needs_no_other_part():
    parts = requirement(level=SHOULD, parts=["1", "500"])

    assert fold(parts, [said(BROKEN, part="1")], strict=False, waived=False, scoped_out="") is Status.WARNING


def test_a_part_that_never_arose_counts_as_one_that_ran():
    parts = requirement(parts=["1", "500"], conditional=CONDITION)

    assert fold(parts, [said(HELD, part="1"), said(ABSENT, part="500")], strict=False, waived=False, scoped_out="") is Status.PASS


CONDITIONAL = (requirement(conditional=CONDITION), requirement("CAR-X-2"), requirement("CAR-X-3", needs=("may_close",)))


def conditional(*lines, **how):
    judged = run(said(ABSENT, reason=CONDITION.absent), said(HELD, "CAR-X-2"), *lines, requirements=CONDITIONAL, **how)
    return judged.results[0].status, judged.results[0].reason, judged.exit_code


def test_what_the_target_lawfully_never_does_is_not_applicable_and_the_run_conformant():
    assert conditional(said(HELD, "CAR-X-3")) == (Status.NOT_APPLICABLE, "no error has causes", Exit.CONFORMANT)
    assert conditional(said(BROKEN, "CAR-X-3"))[0] is Status.NOT_APPLICABLE
    assert conditional(out_of_scope={"lifecycle": "a stub"}) == (Status.NOT_APPLICABLE, "no error has causes", Exit.CONFORMANT)
    assert run(said(ABSENT), requirements=CONDITIONAL[:1]).headline == "conformant: 0 of 1 requirements tested; 1 not applicable"


def test_it_is_untested_where_not_everything_was_asked_that_could_show_it():
    missing = "no error has causes so far, but CAR-X-3 could not be tested"
    early = "no error has causes so far, but this run did not ask everything"

    assert conditional() == (Status.UNTESTED, missing, Exit.INCOMPLETE)
    assert conditional(said(ERROR, "CAR-X-3")) == (Status.UNTESTED, missing, Exit.INCOMPLETE)
    assert conditional(said(HELD, "CAR-X-3"), closing=None)[:2] == (Status.UNTESTED, early)
    assert conditional(said(HELD, "CAR-X-3"), selection="--only CAR-X-*")[:2] == (Status.UNTESTED, early)


def test_a_word_for_a_means_puts_out_of_scope_what_needs_it():
    both = (requirement(), requirement("CAR-X-2", needs=("pending", "observer")))
    judged = run(said(HELD), requirements=both, out_of_scope={"lifecycle": "a stub"})

    assert [one.status for one in judged.results] == [Status.PASS, Status.OUT_OF_SCOPE]
    assert judged.results[1].reason == "a stub"
    assert (
        run(said(BROKEN), said(BROKEN, "CAR-X-2"), requirements=both, out_of_scope={"lifecycle": "a stub"}).results[1].status is Status.FAIL
    )


def test_only_the_part_that_needs_a_means_goes_out_of_scope():
    one = (requirement(parts=["alone", "16 in flight"], needs=("burst",), part_needs={"burst": ("16 in flight",)}),)
    lines = [said(HELD, part="alone"), said(UNTESTED, part="16 in flight")]
    given = {"burst": "a small machine"}

    assert run(*lines, requirements=one).results[0].status is Status.UNTESTED
    assert run(*lines, requirements=one, out_of_scope=given).results[0].status is Status.PASS
    assert run(lines[1], requirements=one, out_of_scope=given).results[0].status is Status.UNTESTED
    assert run(lines[0], said(BROKEN, part="16 in flight"), requirements=one, out_of_scope=given).results[0].status is Status.FAIL


def test_what_is_out_of_scope_still_fails_if_it_is_broken():
    assert folded(HELD, scoped_out="why") is Status.OUT_OF_SCOPE
    assert folded(scoped_out="why") is Status.OUT_OF_SCOPE
    assert folded(UNTESTED, ERROR, scoped_out="why") is Status.OUT_OF_SCOPE
    assert folded(BROKEN, scoped_out="why") is Status.FAIL
    assert folded(BROKEN, scoped_out="why", level=SHOULD) is Status.WARNING


def test_a_waiver_excuses_what_is_broken_and_nothing_else():
    assert folded(BROKEN, HELD, waived=True) is Status.WAIVED
    assert folded(BROKEN, waived=True, strict=True, level=SHOULD) is Status.WAIVED
    assert folded(HELD, waived=True) is Status.PASS
    assert folded(UNTESTED, waived=True) is Status.UNTESTED


def test_a_tally_is_evidence_and_an_empty_one_is_none():
    assert run(Tally("CAR-X-1", 7)).results[0].status is Status.PASS
    assert run(Tally("CAR-X-1", 7)).results[0].exchanges == 7
    assert run(Tally("CAR-X-1", 0)).results[0].status is Status.UNTESTED
    assert run(Tally("CAR-X-1", 7), said(BROKEN)).results[0].status is Status.FAIL


# --------------------------------------------------------------------------------------------------- verdict, exit code

TWO = (requirement("CAR-X-1"), requirement("CAR-X-2", SHOULD))


@pytest.mark.parametrize(
    ("lines", "closing", "verdict", "code"),
    [
        ([said(HELD), said(HELD, "CAR-X-2")], Closing(1, 1), Verdict.CONFORMANT, Exit.CONFORMANT),
        ([said(HELD), said(BROKEN, "CAR-X-2")], Closing(1, 1), Verdict.CONFORMANT, Exit.CONFORMANT),
        ([said(HELD)], Closing(1, 1), Verdict.CONFORMANT, Exit.CONFORMANT),
        ([said(HELD, "CAR-X-2")], Closing(1, 1), Verdict.INCOMPLETE, Exit.INCOMPLETE),
        ([said(ERROR), said(HELD, "CAR-X-2")], Closing(1, 1), Verdict.INCOMPLETE, Exit.INCOMPLETE),
        ([said(BROKEN)], Closing(1, 1), Verdict.NON_CONFORMANT, Exit.NON_CONFORMANT),
        ([said(BROKEN)], Closing(1, 1, waived={"CAR-X-1": WAIVER}), Verdict.CONFORMANT, Exit.CONFORMANT),
        ([said(HELD)], Closing(1, 1, waiver_faults=("stale",)), Verdict.NON_CONFORMANT, Exit.NON_CONFORMANT),
        ([said(HELD)], Closing(1, 1, suite_fault="oh"), Verdict.ERROR, Exit.SUITE_FAULT),
        ([said(BROKEN)], Closing(1, 1, suite_fault="oh"), Verdict.ERROR, Exit.SUITE_FAULT),
        ([], Closing(1, 4, stopped="nothing there"), Verdict.ERROR, Exit.USAGE),
        ([said(HELD)], Closing(1, 1, interrupted=True), Verdict.INCOMPLETE, Exit.INTERRUPTED),
        ([said(BROKEN)], Closing(1, 1, interrupted=True), Verdict.NON_CONFORMANT, Exit.INTERRUPTED),
        ([said(BROKEN)], Closing(1, 1, interrupted=True, suite_fault="oh"), Verdict.ERROR, Exit.INTERRUPTED),
        ([said(HELD)], None, Verdict.INCOMPLETE, Exit.INTERRUPTED),
        ([said(BROKEN)], None, Verdict.NON_CONFORMANT, Exit.INTERRUPTED),
        ([], Closing(1, 1), Verdict.INCOMPLETE, Exit.INCOMPLETE),
    ],
)
def test_the_verdict_and_the_exit_code(lines, closing, verdict, code):
    judged = run(*lines, requirements=TWO, closing=closing)

    assert judged.verdict is verdict
    assert judged.exit_code is code


def test_strict_makes_a_warning_a_failure():
    lines = [said(HELD), said(BROKEN, "CAR-X-2")]

    assert run(*lines, requirements=TWO, strict=True).exit_code is Exit.NON_CONFORMANT


def test_out_of_scope_completes_a_run():
    given = {"CAR-X-*": "the gateway does that"}

    assert run(requirements=TWO, out_of_scope=given).exit_code is Exit.CONFORMANT
    assert run(said(BROKEN), requirements=TWO, out_of_scope=given).exit_code is Exit.NON_CONFORMANT
    assert run(requirements=TWO, out_of_scope=given).results[0].reason == "the gateway does that"


@pytest.mark.parametrize("outcomes", list(itertools.product([None, *Outcome], repeat=2)))
@pytest.mark.parametrize("more", [{}, {"interrupted": True}, {"suite_fault": "x"}, {"stopped": "x"}, {"waiver_faults": ("x",)}])
def test_nothing_that_went_wrong_ends_in_0(outcomes, more):
    names = ("CAR-X-1", "CAR-X-2")
    requirements = tuple(requirement(name) for name in names)
    lines = [said(outcome, name) for outcome, name in zip(outcomes, names, strict=True) if outcome]
    judged = run(*lines, requirements=requirements, closing=Closing(1, 1, **more))

    assert (judged.exit_code == 0) == (outcomes == (HELD, HELD) and not more)


# ------------------------------------------------------------------------------------------------------------- headline


@pytest.mark.parametrize(
    ("lines", "closing", "words"),
    [
        ([said(HELD), said(HELD, "CAR-X-2")], Closing(1, 1), "conformant: 2 of 2 requirements tested"),
        ([said(HELD), said(BROKEN, "CAR-X-2")], Closing(1, 1), "conformant: 2 of 2 requirements tested; 1 warning"),
        ([said(HELD)], Closing(1, 1), "conformant: 1 of 2 requirements tested; 1 SHOULD untested"),
        ([said(BROKEN)], Closing(1, 1, waived={"CAR-X-1": WAIVER}), "conformant with 1 waiver: 1 of 2 requirements tested; 1 SHOULD untested"),
        ([said(BROKEN)], Closing(1, 1), "not conformant: 1 of 2 requirements failed; 1 untested"),
        ([said(HELD, "CAR-X-2")], Closing(1, 1), "incomplete: 1 of 2 requirements tested, none failed; 1 MUST untested"),
        ([said(HELD)], Closing(1, 1, waiver_faults=("a", "b")), "not conformant: 2 waivers expired or stale; 1 untested"),
        ([said(HELD)], None, "interrupted, incomplete: 1 of 2 requirements tested, none failed"),
        ([], Closing(1, 1, stopped="nobody there"), "no verdict: nobody there"),
        ([], Closing(1, 1, suite_fault="oh"), "no verdict: the suite itself failed (oh)"),
    ],
)  # fmt: skip
def test_the_headline_is_one_true_sentence(lines, closing, words):
    assert run(*lines, requirements=TWO, closing=closing).headline == words


@pytest.mark.parametrize("name", sample_runs.SAMPLES)
def test_the_numbers_of_a_run_add_up(name):
    judged = sample_runs.SAMPLES[name]()
    counts = judged.counts()

    assert sum(counts.values()) == len(judged.results) == len(judged.opening.catalogue.requirements)
    assert {status: judged.counts(MUST)[status] + judged.counts(SHOULD)[status] for status in Status} == counts
    assert judged.tested == len(judged.results) - len(judged.with_status(*OPEN))
    assert sum(len(results) for _, results in judged.by_area()) == len(judged.results)
    assert (judged.exit_code == 0) == (judged.verdict is Verdict.CONFORMANT and judged.complete)
    assert all(one.occurrences >= len(one.findings) for one in judged.results)
    assert all(one.reason for one in judged.with_status(*OPEN, Status.WAIVED))


OPEN = (Status.UNTESTED, Status.ERROR, Status.OUT_OF_SCOPE, Status.NOT_APPLICABLE)


# -------------------------------------------------------------------------------------------------------------- reasons


def test_the_reasons_say_why_something_is_untested():
    def reason(*lines, **how):
        return run(*lines, **how).results[0].reason

    assert reason(said(UNTESTED, reason="no token"), said(UNTESTED, reason="no token")) == "no token"
    assert reason(closing=None) == "the run ended before this was tested"
    assert reason(selection="--only CAR-Y-*") == "not selected by --only CAR-Y-*"
    assert reason(said(HELD, part="1"), requirements=(requirement(parts=["1", "500"]),)) == "these parts did not run: 500"
    assert reason() == "no test covers it yet"


def test_supplies_are_told_once_and_only_for_what_is_untested():
    lines = [said(UNTESTED, supply="a: 1"), said(UNTESTED, supply="a: 1"), said(UNTESTED, supply="b: 2"), said(ERROR, supply="c: 3")]

    assert run(*lines).results[0].supply == ("a: 1", "b: 2")


def exchange(number, base=0):
    return ExchangeLine(
        number, f"case-{number}", SentRequest("POST", "http://t", (), Body(0), "authorized"), Timing(0.1 * number, 0.25), base=base
    )


def test_a_finding_knows_its_witness_and_the_base_of_it():
    judged = run(exchange(1), exchange(2, base=1), said(BROKEN, "CAR-X-1", "", 1, 2))
    finding = judged.results[0].findings[0]

    assert finding.witness.number == 2
    assert finding.base.number == 1
    assert finding.finding.because == "consequence"
    assert judged.results[0].exchanges == 2


def test_findings_beyond_those_that_are_kept_are_counted():
    judged = run(*[said(BROKEN)] * 50)

    assert len(judged.results[0].findings) == 20
    assert judged.results[0].occurrences == 50


def test_findings_that_were_not_recorded_are_counted():
    judged = run(*[said(BROKEN)] * 25, Surplus("CAR-X-1", 12), Surplus("CAR-X-1", 5))

    assert judged.results[0].occurrences == 42


def test_what_cases_of_a_later_edition_broke_is_counted_with_the_advice():
    judged = run(*[said(BROKEN)] * 25, Surplus("CAR-X-1", 12), Surplus("CAR-X-1", 100, "9999.1"))

    assert judged.results[0].occurrences == 37


def test_observations_of_one_choice_are_told_together():
    judged = run(Observation("one", "yes", (1,)), Observation("one", "no", (2,)), Observation("one", "yes", (3,)))

    assert judged.choices[0][1] == Observation("one", "yes; no", (1, 2, 3))


# --------------------------------------------------------------------------------------------------------- the stream


def lines_of(judged):
    """Return the lines of a run made by hand."""
    return [judged.opening, *judged.exchanges.values(), *judged.evidence, *judged.tallies, *judged.observations, *judged.notes]


@pytest.mark.parametrize("name", sample_runs.SAMPLES)
def test_what_is_written_is_read_back(name):
    lines = lines_of(sample_runs.SAMPLES[name]())

    assert list(decode(encode(line) + b"\n" for line in lines)) == lines


def test_a_stream_can_be_cut_off_anywhere_after_its_opening(tmp_path):
    whole = run(exchange(1), exchange(2), said(HELD, "CAR-X-1", "", 1), said(BROKEN, "CAR-X-1", "", 2))
    lines = [encode(line) + b"\n" for line in [*lines_of(whole), whole.closing]]
    data = b"".join(lines)
    for cut in range(len(lines[0]), len(data) - 1):
        (tmp_path / record.FILE_NAME).write_bytes(data[:cut])
        judged = record.read(tmp_path)
        assert judged.exit_code is Exit.INTERRUPTED
        assert not judged.complete
        assert judged.seconds >= 0
        assert judged.requests == len(judged.exchanges)
        assert judged.headline.startswith("interrupted")
    (tmp_path / record.FILE_NAME).write_bytes(data)
    assert record.read(tmp_path).exit_code is Exit.NON_CONFORMANT


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no opening"),
        (b"{", "no opening"),
        (b"\n\n", "no opening"),
        (b"nonsense\n", "line 1"),
        (b'{"type":"nothing"}\n', "line 1"),
        (b'{"type":"tally","requirement":"CAR-X-1","exchanges":1,"more":2}\n', "line 1"),
        (b"\xff\xfe\n", "line 1"),
        (encode(Tally("CAR-X-1", 1)) + b"\n", "no opening"),
    ],
)
def test_what_is_no_recorded_run_is_told(tmp_path, data, words):
    (tmp_path / record.FILE_NAME).write_bytes(data)

    with pytest.raises(RunFault, match=words):
        record.read(tmp_path)


def test_an_exchange_stands_there_once():
    with pytest.raises(RunFault, match="twice"):
        run(exchange(1), exchange(1))


def test_a_missing_run_is_told_by_its_path(tmp_path):
    with pytest.raises(RunFault, match=r"run\.jsonl"):
        record.read(tmp_path)


# ------------------------------------------------------------------------------------------------- exchanges in their file


def recorded(folder, *lines):
    (folder / record.FILE_NAME).write_bytes(b"".join(encode(line) + b"\n" for line in lines))
    return record.read(folder)


@pytest.mark.parametrize("name", sample_runs.SAMPLES)
def test_a_run_says_the_same_whether_its_exchanges_are_in_memory_or_in_the_file(name, tmp_path):
    kept = sample_runs.SAMPLES[name]()

    read = recorded(tmp_path, *lines_of(kept), *([kept.closing] if kept.closing else []))

    assert read.exchanges == kept.exchanges
    assert list(read.exchanges) == list(kept.exchanges)
    assert read.results == kept.results
    assert (read.requests, read.seconds, read.headline) == (kept.requests, kept.seconds, kept.headline)
    assert [list(of) for of in (read.moments.sent, read.moments.answers)] == [list(of) for of in (kept.moments.sent, kept.moments.answers)]


def test_exchanges_are_found_in_whatever_order_they_were_recorded(tmp_path):
    opening = run().opening
    numbers = [5, 2, 9, 1, 7]

    read = recorded(tmp_path, opening, *(exchange(number) for number in numbers))

    assert list(read.exchanges) == numbers
    assert [read.exchanges[number].number for number in numbers] == numbers
    assert [number for number in range(12) if number in read.exchanges] == sorted(numbers)
    assert [read.moments.took(number) for number in (5, 4)] == [exchange(5).timing.seconds, 0.0]
    with pytest.raises(KeyError):
        read.exchanges[4]


def test_an_exchange_stands_once_in_a_file(tmp_path):
    with pytest.raises(RunFault, match="exchange 2 is recorded twice"):
        recorded(tmp_path, run().opening, exchange(2), exchange(1), exchange(2))


def test_a_number_beyond_all_reason_is_told(tmp_path):
    with pytest.raises(RunFault, match="no run has so many"):
        recorded(tmp_path, run().opening, exchange(2**63))


def test_a_run_can_be_looked_at_after_its_file_is_gone(tmp_path):
    read = recorded(tmp_path, run().opening, exchange(1), exchange(2))
    (tmp_path / record.FILE_NAME).unlink()

    assert read.exchanges[2] == exchange(2)


def test_an_exchange_takes_hardly_any_memory(tmp_path):
    opening, many = run().opening, 4000
    (tmp_path / record.FILE_NAME).write_bytes(b"".join(encode(line) + b"\n" for line in [opening, *map(exchange, range(1, many + 1))]))
    record.read(tmp_path)

    tracemalloc.start()
    read = record.read(tmp_path)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(read.exchanges) == many
    assert taken / many < 100


# --------------------------------------------------------------------------------------------------------------- bodies


@pytest.mark.parametrize("data", [b"", b"abc", "é語😀".encode(), b"\xff\xfe\x00", bytes(range(256))])
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 9, 1000])
def test_a_body_is_kept_up_to_its_limit(data, limit):
    body = Body.of(data, limit=limit)

    assert body.size == len(data)
    assert body.cut == (len(data) > limit)
    assert data.startswith(body.data)
    assert len(body.data) <= limit
    assert body.cut or body.data == data


# ------------------------------------------------------------------------------------------------------- notes and causes


def test_a_pass_says_what_it_holds_but_for():
    note = "held but for the status: refused with 422"

    assert run(said(HELD, reason=note), said(HELD), said(HELD, reason=note)).results[0].reason == note
    assert run(said(HELD, reason=note), said(BROKEN)).results[0].reason == ""


def test_a_cause_is_told_once_with_the_requirements_that_it_concerns():
    def found(name, cause):
        return Evidence(name, BROKEN, "case", finding=Finding("202", "403", cause=cause))

    judged = run(
        found("CAR-X-2", "a firewall"),
        found("CAR-X-1", "a firewall"),
        found("CAR-X-1", "a firewall"),
        found("CAR-X-1", ""),
        requirements=TWO,
    )

    assert judged.causes == {"a firewall": ("CAR-X-1", "CAR-X-2")}
    assert run(said(BROKEN)).causes == {}
