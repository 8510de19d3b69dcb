"""The bench: its page is what its data says, its arithmetic is right, and everything it starts works. No time is asserted anywhere."""

import http.client
import socket
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import msgspec
import pytest
from raw_server import RawServer, answer, each, once

from closecheck.model import Outcome
from closecheck.session.record import read
from selftest.bench import contenders, figures, page, parts, plots, servers, synthetic
from selftest.bench.figures import BenchFault, FirstSeen, Machine, Performance, Row, Spread, Usage
from selftest.bench.processes import PYTHON, Job, interleaved, measured, program

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def kept():
    return figures.read(DOCS / "performance.json")


def test_the_page_is_made_from_the_data(kept):
    assert (DOCS / "performance.md").read_text(encoding="utf-8") == page.render(kept)


def test_the_plots_are_made_from_the_data(kept):
    made = page.pictures(kept)

    assert {name: (DOCS / name).read_text(encoding="utf-8") for name in made} == made


def test_the_kept_bench_is_a_whole_one(kept):
    assert not kept.short
    assert all(claim.met is not None for claim in page.claims(kept))


# -- arithmetic


def usage(wall=1.0, requests=0, peak=1):
    return Usage(wall, 0.5, 0.25, peak, requests)


def test_a_spread_is_a_median_with_its_extremes():
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)


def test_a_ratio_is_taken_within_each_round():
    assert figures.ratio([1.0, 20.0], [2.0, 10.0]) == Spread(1.25, 0.5, 2.0)


def test_a_rate_leaves_out_what_both_lengths_spend():
    small = Row("rate", "stub", "x", (usage(wall=2.0, requests=100),), 100)
    large = Row("rate", "stub", "x", (usage(wall=3.0, requests=1100),), 1100)

    assert figures.rates(small, large) == [1000.0]


def test_a_fault_that_was_never_seen_is_found_by_no_number_of_requests():
    assert figures.share([0, 1, 100, 101], 100) == 0.5
    assert figures.share([], 100) == 0.0


def test_every_round_turns_the_order():
    assert list(interleaved(["a", "b", "c"], 3)) == [*"abc", *"bca", *"cab"]


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (0.04312, "0.0431"), (1.268, "1.27"), (38.21, "38.2"), (1240.4, "1,240"), (100, "100")]
)
def test_numbers_have_three_figures(value, words):
    assert plots.number(value) == words


# -- the page


def made(**more):
    given = {
        "suite": "0", "edition": "0", "short": False, "seconds": 60.0, "machine": Machine(2, "Linux", "3", 0.1), "versions": {},
        "commands": contenders.COMMANDS, "rows": (),
    }  # fmt: skip
    return Performance(**given | more)


def rows_of(part, setting, contender, *sizes, requests=lambda size: size):
    return tuple(Row(part, setting, contender, (usage(1.0 + size / 1000, requests(size), 1000 + size),), size) for size in sizes)


WHOLE = made(
    rows=(
        *(row for one in (contenders.QUICK, contenders.PEER) for row in rows_of(parts.WHOLE_PROCESS, parts.STUB, one, 0)),
        *rows_of(parts.RATE, parts.STUB, contenders.DEEP, 1000, 9000),
        *rows_of(parts.RATE, parts.STUB, contenders.FUZZING, 10, 80),
        *rows_of(parts.RATE, parts.STUB, contenders.LIMIT, 0, requests=lambda _: 9000),
        *rows_of(parts.GROWTH, parts.EXPLORATION, contenders.DEEP, 10, 100, 1000),
    ),
    first_seen=(FirstSeen("a", 1, 9, 0, 9), FirstSeen("b", 300, 900, 2, 9)),
)
"""A bench in which each part has something."""


@pytest.mark.parametrize("performance", [WHOLE, made()], ids=["whole", "empty"])
def test_a_page_can_be_made_of_any_bench(performance):
    text = page.render(performance)

    assert text.startswith("# Performance")
    assert set(page.pictures(performance)) == {
        name for name in (f"performance-{one}.svg" for one in ("whole", "rate", "faults", "growth")) if name in text
    }


def test_what_was_not_measured_is_not_said_to_be_met():
    assert {claim.met for claim in page.claims(made())} == {None}


def test_a_claim_is_met_by_the_median():
    wanted = f"`{contenders.QUICK}` takes at most 0.6 of Schemathesis' default wall time ({parts.STUB})"

    assert next(one for one in page.claims(WHOLE) if one.words == wanted).met is False


@pytest.mark.parametrize("name", page.pictures(WHOLE))
def test_a_plot_is_well_formed_and_says_what_it_shows(name):
    root = ET.fromstring(page.pictures(WHOLE)[name])

    assert root.get("role") == "img"
    assert root.get("aria-label")
    width, height = (float(root.get(side)) for side in ("width", "height"))
    places = [(float(one.get("x")), float(one.get("y"))) for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert all(0 <= x <= width and 0 <= y <= height for x, y in places)


# -- processes


def test_a_process_is_measured_from_outside(tmp_path):
    used = measured(
        Job([PYTHON, "-c", "print('12 done', open('here').read())"], requests=lambda _, said: int(said.split()[0]), files={"here": "x"})
    )

    assert used.requests == 12
    assert used.wall > 0


def test_what_this_process_has_taken_is_not_counted_with_another():
    taken = bytearray(100_000_000)

    assert 1_000_000 < measured(Job([PYTHON, "-c", ""])).peak < len(taken)


def test_a_process_that_fails_is_not_measured():
    with pytest.raises(BenchFault, match="ended with 3"):
        measured(Job([PYTHON, "-c", "raise SystemExit(3)"]))


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(BenchFault, match="no-such-program is not installed"):
        program("no-such-program")


# -- the proxy


def asked(base_url, *bodies):
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=20)
    found = []
    for body in bodies:
        connection.request("POST", "/", body)
        found.append(connection.getresponse().read())
    connection.close()
    return found


def served(server):
    return servers._served({"base_url": server.base_url, "credentials": {"authorized": {"token": "t"}}})


def test_the_proxy_hands_on_whole_answers_in_their_order(tmp_path):
    answers = [b"%d" % number * 50_000 for number in range(4)]
    with RawServer(each(*(answer(body=one) for one in answers))) as server, servers.behind(served(server), tmp_path / "seen") as near:
        assert asked(near.base_url, b"a", b"b", b"c", b"d") == answers


def test_the_proxy_counts_requests_and_different_bodies(tmp_path):
    seen = tmp_path / "seen"
    with RawServer(each(*[answer()] * 4)) as server, servers.behind(served(server), seen) as near:
        asked(near.base_url, b"one", b"two", b"one", b"")

    assert msgspec.json.decode(seen.read_bytes()) == {"requests": 4, "bodies": 3, "distinct": 2}


def test_the_proxy_hands_on_what_is_no_request_at_all(tmp_path):
    seen = tmp_path / "seen"
    with RawServer(once(answer())) as server, servers.behind(served(server), seen) as near:
        parts = urlsplit(near.base_url)
        with socket.create_connection((parts.hostname, parts.port), timeout=20) as client:
            client.sendall(b"nonsense\r\n\r\n")
            assert client.recv(100)

    assert msgspec.json.decode(seen.read_bytes())["requests"] == 0


# -- contenders, each once, as little as they can


@pytest.fixture(scope="module")
def target():
    with servers.stub() as served:
        yield served


@pytest.fixture(scope="module")
def recorded(target, tmp_path_factory):
    file = tmp_path_factory.mktemp("bench") / "run.jsonl"
    assert measured(contenders.closecheck(target, "quick", keep=file)).requests > 500
    return file


def test_schemathesis_is_run_with_the_token(target):
    assert measured(contenders.schemathesis(target, fuzz=5, seed=1)).requests >= 5


def test_the_plain_loop_is_run(target):
    assert measured(contenders.plain(target, 20)).requests == 20


@pytest.mark.needs("wrk")
def test_wrk_is_run(target):
    assert measured(contenders.wrk(target, 1)).requests > 0


def test_a_fault_is_seen_by_both_sides(tmp_path):
    bench = parts.Bench(parts.SHORT, lambda _: None)
    fault = next(one for one in parts.faults() if one.name == "accepted-with-200")

    found = bench._first(fault)

    assert 0 < found.closecheck <= found.closecheck_sent
    assert 0 < found.schemathesis <= found.schemathesis_sent


# -- recorded runs of any length


@pytest.mark.parametrize("exchanges", [10, 2500])
def test_a_run_can_be_made_as_long_as_one_likes(recorded, tmp_path, exchanges):
    long = tmp_path / "run.jsonl"
    synthetic.lengthen(recorded, exchanges, long, evidence=8)

    run = read(long)

    assert len(run.exchanges) == run.requests == exchanges
    assert {number for one in run.evidence for number in one.exchanges} <= set(range(1, 9))
    assert {one.outcome for one in run.evidence} <= {Outcome.HELD}


def test_a_lengthened_run_is_rendered(recorded, tmp_path):
    long = tmp_path / "run.jsonl"
    synthetic.lengthen(recorded, 100, long)

    assert measured(contenders.report(long)).peak > 0
