"""Waivers are strict to read, end by themselves, and never outlive what they excuse."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from closecheck import waivers
from closecheck.errors import UsageError
from closecheck.model import Waiver
from closecheck.reports._facts import waiver_entry

TODAY = date(2026, 6, 15)
IDS = frozenset({"CAR-IDS-MAX", "CAR-BODY-JSON", "CAR-AUTH-CHALLENGE"})
FILE = """\
- requirement: CAR-IDS-MAX
  reason: >
    the list is cut
    at 100
  owner: team close
  issue: "CLOSE-12"
  expires: 2026-06-15

- requirement: CAR-BODY-JSON
  reason: old parser
  owner: team close
  issue: CLOSE-13
  expires: "2026-06-14"
- {requirement: CAR-AUTH-CHALLENGE, reason: a, owner: b, issue: c, expires: 2027-01-01}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(text: str) -> tuple[waivers.FiledWaiver, ...]:
    Path("waivers.yaml").write_text(text, encoding="utf-8")
    return waivers.load(Path("waivers.yaml"), TODAY, IDS)


def refusal(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        load(text)
    return str(caught.value)


def test_entries_are_read_with_their_lines() -> None:
    first, second, third = load(FILE)

    assert first.plain() == Waiver("CAR-IDS-MAX", "the list is cut at 100\n", "team close", "CLOSE-12", "2026-06-15")
    assert [one.place for one in (first, second, third)] == [
        "waivers.yaml, lines 1-7",
        "waivers.yaml, lines 9-13",
        "waivers.yaml, line 14",
    ]


def test_a_waiver_holds_to_the_end_of_its_last_day() -> None:
    in_force, faults = waivers.sort_out(load(FILE), IDS, IDS, TODAY)

    assert set(in_force) == {"CAR-IDS-MAX", "CAR-AUTH-CHALLENGE"}
    assert type(in_force["CAR-IDS-MAX"]) is Waiver
    assert faults == (
        (
            "waivers.yaml, lines 9-13: the waiver of CAR-BODY-JSON ended on 2026-06-14; "
            "fix the target and delete these lines, or let team close set a new date."
        ),
    )


def test_a_waiver_of_what_holds_is_stale() -> None:
    in_force, faults = waivers.sort_out(load(FILE), {"CAR-AUTH-CHALLENGE"}, IDS, TODAY)

    assert set(in_force) == {"CAR-AUTH-CHALLENGE"}
    assert faults == (
        "waivers.yaml, lines 1-7: CAR-IDS-MAX was tested and holds; delete these lines.",
        "waivers.yaml, lines 9-13: CAR-BODY-JSON was tested and holds; delete these lines.",
    )


def test_a_waiver_of_what_was_not_tested_is_not_stale() -> None:
    in_force, faults = waivers.sort_out(load(FILE)[:1], set(), set(), TODAY)

    assert set(in_force) == {"CAR-IDS-MAX"}
    assert faults == ()


ENTRY = {"requirement": "CAR-IDS-MAX", "reason": "r", "owner": "o", "issue": "i", "expires": "2026-07-01"}


@pytest.mark.parametrize("key", sorted(ENTRY))
def test_every_key_is_required(key: str) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != key}

    assert refusal(yaml.safe_dump([entry])) == (
        f'waivers.yaml, key "[0]" (line 1): {key} is missing. '
        "A waiver needs requirement, reason, owner, issue and expires."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"requirement": "CAR-IDS-MIX"}, 'there is no requirement CAR-IDS-MIX. Did you mean "CAR-IDS-MAX"?'),
        ({"owner": " "}, "the text is empty. Write who sees to it."),
        ({"issue": 12}, "text is needed, a number was found. Write it in quotes."),
        ({"expires": "30.6.2026"}, "this is no date. Write the last day on which it holds, such as 2026-09-13."),
        ({"until": "x"}, "unknown key. Known: expires, issue, owner, reason, requirement."),
    ],
)
def test_every_value_is_checked(change: dict[str, object], message: str) -> None:
    [key] = change
    said = refusal(yaml.safe_dump([ENTRY | change]))

    assert said.startswith(f'waivers.yaml, key "[0].{key}" (line ')
    assert said.endswith(f": {message}")


def test_a_requirement_is_waived_once() -> None:
    assert refusal(yaml.safe_dump([ENTRY, dict(ENTRY)])).endswith(
        "(line 6): CAR-IDS-MAX is waived twice, first on line 1. Delete one of them."
    )


def test_an_entry_ready_to_paste_is_refused_until_it_is_filled_in() -> None:
    entry = waiver_entry("CAR-IDS-MAX", 'expected 400: got\n "202" # not so')

    assert entry.startswith('- requirement: CAR-IDS-MAX\n  reason: "expected 400: got \\"202\\" # not so"\n')
    assert "text is needed, nothing was found. Write who sees to it." in refusal(entry)
    filled = (
        entry.replace("owner:", "owner: o").replace("issue:", "issue: i").replace("expires:", "expires: 2026-07-01")
    )
    assert load(filled)[0].reason == 'expected 400: got "202" # not so'
