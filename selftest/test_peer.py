"""Beside Schemathesis: how its events are read, what the page says of them, and that the kept data is of targets that exist."""

from pathlib import Path

import msgspec
import pytest

from closecheck.proof import page as pages
from closecheck.proof import schemathesis_peer
from closecheck.proof.kill_matrix import Trial, chosen, deviations
from closecheck.proof.page import Proof
from closecheck.proof.schemathesis_peer import Peer, PeerTrial
from selftest.bench import peer as bench
from selftest.bench.contenders import Shown, shown_by_schemathesis

DOCS = Path(__file__).parent.parent / "docs"


# -- events


def scenario(status, *cases):
    """Return the end of a scenario; each case is the list of names of the checks that failed on it."""
    checks = {
        str(number): [{"name": "passes", "status": "success"}, *({"name": name, "status": "failure"} for name in failed)]
        for number, failed in enumerate(cases)
    }
    return {"ScenarioFinished": {"status": status, "recorder": {"interactions": {case: {} for case in checks}, "checks": checks}}}


PROBES = {"PhaseFinished": {"phase": {"name": "probing"}, "payload": {"probes": [{}, {}]}}}
UNREACHABLE = {"NonFatalError": {"value": {"type": "ConnectionError"}}}


@pytest.mark.parametrize(
    ("events", "shown"),
    [
        ([], Shown(0, 0)),
        ([PROBES, scenario("success", [], [])], Shown(0, 4)),
        ([PROBES, scenario("failure", [], ["b"], ["a", "b"])], Shown(4, 5, ("a", "b"))),
        ([scenario("success", []), scenario("failure", ["a"]), scenario("failure", ["c"])], Shown(2, 3, ("a", "c"))),
        ([UNREACHABLE, scenario("error", [], []), scenario("success", [])], Shown(2, 3, (schemathesis_peer.ERROR,))),
        ([UNREACHABLE, scenario("error", ["a"], [])], Shown(1, 2, ("a", schemathesis_peer.ERROR))),
        ([scenario("failure", [], [])], Shown(2, 2, (schemathesis_peer.ERROR,))),
        ([PROBES, UNREACHABLE], Shown(2, 2, (schemathesis_peer.ERROR,))),
        ([UNREACHABLE], Shown(1, 0, (schemathesis_peer.ERROR,))),
    ],
)
def test_events_tell_the_first_failure_and_the_checks(tmp_path, events, shown):
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in events))

    assert shown_by_schemathesis(file) == shown


def test_a_torn_last_event_is_left_out(tmp_path):
    file = tmp_path / "events.ndjson"
    file.write_bytes(msgspec.json.encode(scenario("failure", ["a"])) + b'\n{"ScenarioFin')

    assert shown_by_schemathesis(file) == Shown(1, 1, ("a",))


# -- the page


def ours(name, kind, broken=(), breaks=(), shown_to="", requests=2000):
    return Trial(name, kind, 0, 0 if kind != "fault" else 1, broken, (), requests, 1.0, 1, breaks, shown_to=shown_to)


PROOF = Proof(
    "0", "2026.1", "quick", 1.0, "3.11", 2, 5, 99,
    (
        ours("both", "fault", ("CAR-A",), ("CAR-A",)),
        ours("ours", "fault", ("CAR-A",), ("CAR-A",), shown_to="observer"),
        ours("theirs", "fault", ("CAR-B",), ("CAR-A",)),
        ours("not-theirs-to-judge", "fault", ("CAR-A",), ("CAR-A",)),
        ours("reference", "reference"),
        ours("odd", "variant"),
        ours("odd+odder", "company", ("CAR-A",)),
    ),
)  # fmt: skip
PEER = Peer(
    "4.0", "6.0", "3.11", "schemathesis run", "default settings", 9, ("waits",),
    (
        PeerTrial("both", "fault", 100, 3, ("check-a",), rare=True, free=True),
        PeerTrial("ours", "fault", 150, 0, (), free=True),
        PeerTrial("theirs", "fault", 150, 9, ("check-a", "check-b")),
        PeerTrial("not-ours-to-judge", "fault", 150, 9, ("check-a",), free=True),
        PeerTrial("reference", "reference", 150, 0, ()),
        PeerTrial("odd", "variant", 150, 5, ("check-b",)),
        PeerTrial("odder", "variant", 150, 0, ()),
    ),
)  # fmt: skip


def rows(text):
    return {cells[0]: cells[1:] for line in text.splitlines() if line.startswith("| ") for cells in [line.strip("| ").split(" | ")]}


def test_both_are_counted_on_the_same_targets():
    told = rows("\n".join(schemathesis_peer.section(PEER, PROOF.trials, "quick")))

    assert told["faults found"] == ["3 of 4", "2 of 3", "2 of 3"]
    assert told["of these rare (seen only by particular requests)"] == ["1 of 1", "1 of 1", "1 of 1"]
    assert told["of all, those that a URL and a token are enough to see"] == ["2 of 2", "1 of 1", "1 of 1"]
    assert told["false alarms on lawful targets"] == ["1 of 3", "1 of 2", "0 of 2"]
    assert told["requests to a target, median"] == ["150", "150", "2,000"]


def test_checks_are_counted_and_false_alarms_named():
    told = rows("\n".join(schemathesis_peer.section(PEER, PROOF.trials, "quick")))

    assert told["check-a"] == ["3", "0"]
    assert told["check-b"] == ["1", "1"]
    assert told["odd"] == ["check-b"]


def test_the_section_says_how_it_was_made():
    text = "\n".join(schemathesis_peer.section(PEER, PROOF.trials, "quick"))

    assert all(
        words in text
        for words in ("`schemathesis run`", "default settings", "Schemathesis 4.0", "Hypothesis 6.0", "7 of 9 targets (1 that delay")
    )
    assert "did not come to their end" not in text


def test_a_run_that_was_cut_off_is_told():
    cut = msgspec.structs.replace(PEER, trials=(PeerTrial("both", "fault", 3, 0, (), ended=False),))

    assert "until then: 1." in "\n".join(schemathesis_peer.section(cut, PROOF.trials, "quick"))


def test_nothing_in_common_is_no_comparison():
    told = rows("\n".join(schemathesis_peer.section(PEER, (), "quick")))

    assert told["faults found"] == ["3 of 4", "0 of 0", "0 of 0"]
    assert told["requests to a target, median"] == ["150", "none", "none"]


def test_the_page_has_the_section_only_with_its_data(tmp_path):
    page = tmp_path / "proof.md"

    pages.write_page(PROOF, page)
    assert page.read_text("utf-8") == pages.render(PROOF)
    assert "Beside Schemathesis" not in page.read_text("utf-8")

    schemathesis_peer.write(PEER, tmp_path / "peer.json")
    pages.write_page(PROOF, page)
    assert page.read_text("utf-8") == pages.render(PROOF, PEER)
    assert page.read_text("utf-8").count("## Beside Schemathesis") == 1


# -- the kept data, and how it is made


def test_every_kept_trial_is_of_a_target_that_exists():
    known = {one.name: kind for kind in ("fault", "variant") for one in deviations(kind)} | {"reference": "reference"}
    kept = schemathesis_peer.read(DOCS / "peer.json")

    assert kept is not None
    assert {one.name: one.kind for one in kept.trials}.items() <= known.items()
    assert set(kept.slow) <= known.keys()
    assert len(kept.trials) + len(kept.slow) <= kept.every


def test_a_sample_begins_with_what_the_proof_has_judged():
    proven = {one.name for one in pages.read(DOCS / "proof.json").trials}
    order = [one.title in proven for one in bench.spread(chosen((), 1))]

    assert order == sorted(order, reverse=True)


def test_targets_are_judged_and_slow_ones_named(monkeypatch):
    monkeypatch.setattr(bench, "trial", lambda target: PeerTrial(target.title, target.kind, 1, 0, ()))
    slow = next(one.name for one in deviations("fault") if one.slow)

    found = bench.judge(chosen(("reference", "accepted-with-200", slow), 1), None, 2)

    assert [one.name for one in found.trials] == ["accepted-with-200", "reference"]
    assert (found.every, found.slow) == (3, (slow,))


def test_a_faulty_target_is_judged():
    (target,) = chosen(("accepted-with-200",), 1)

    found = bench.trial(target)

    assert found.kind == "fault"
    assert found.free
    assert found.ended
    assert 0 < found.first <= found.requests
    assert "status_code_conformance" in found.checks
