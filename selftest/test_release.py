"""What ``make release-check`` refuses, and the notes that it cuts out of the change log."""

import pytest
from release import ROOT, notes, unreleased, wrong_tags, wrong_words

from closecheck import __version__

LOG = """# Changelog

## Unreleased

## 0.2.0, edition 2026.2
* `fix`: one.
* `fix`: two,
  in two lines.

## 0.1.0, edition 2026.1
* `report`: the first.
"""


def test_the_notes_are_the_section_of_the_version():
    assert notes(LOG, "0.2.0") == "* `fix`: one.\n* `fix`: two,\n  in two lines.\n"
    assert notes(LOG, "0.1.0") == "* `report`: the first.\n"


@pytest.mark.parametrize("version", ["0.3.0", "0.1", "1.0", "0x1.0", "0.2.01"])
def test_a_version_without_a_section_has_no_notes(version):
    assert notes(LOG, version) == ""


def test_a_section_without_entries_has_no_notes():
    assert notes(LOG.replace("* `report`: the first.", ""), "0.1.0") == ""


def test_entries_under_unreleased_are_seen():
    assert not unreleased(LOG)
    assert unreleased(LOG.replace("## Unreleased", "## Unreleased\n* `fix`: three."))


@pytest.mark.parametrize(
    ("version", "log", "said"),
    [
        ("0.2.0", LOG, []),
        ("0.3.0", LOG, ["CHANGELOG.md has no entries under 0.3.0"]),
        ("0.2", LOG.replace("0.2.0", "0.2"), ["0.2 is not a version of three numbers"]),
        (
            "0.2.0",
            LOG.replace("Unreleased\n", "Unreleased\n* `fix`: three.\n"),
            ['CHANGELOG.md has entries under "Unreleased": move them to the version'],
        ),
    ],
)
def test_version_and_change_log_agree(version, log, said):
    assert list(wrong_words(version, log)) == said


@pytest.mark.parametrize(
    ("here", "everywhere", "said"),
    [
        ([], [], []),
        ([], ["v0.1.0"], []),
        (["v0.2.0"], ["v0.1.0", "v0.2.0"], []),
        (["v0.2.0", "nightly"], ["v0.2.0", "nightly"], []),
        ([], ["v0.2.0"], ["the tag v0.2.0 stands on another commit: raise the version in closecheck/__init__.py"]),
        (["v0.1.0"], ["v0.1.0"], ["this commit has the tag v0.1.0, and its version is 0.2.0"]),
        (["0.2.0"], ["0.2.0"], ["this commit has the tag 0.2.0, and its version is 0.2.0"]),
    ],
)
def test_tags_agree_with_the_version(here, everywhere, said):
    assert list(wrong_tags("0.2.0", here, everywhere)) == said


def test_the_change_log_speaks_of_the_version_that_this_checkout_has():
    assert notes((ROOT / "CHANGELOG.md").read_text(), __version__)
