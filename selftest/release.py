"""
What has to be true of a release: ``python -m selftest.release``, after ``make wheel``. The recipe stands in docs/releasing.md.

Ends in 1 with one line for each thing that is wrong. Writes ``dist/notes-VERSION.md``, the section of the change log.
"""

import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

from closecheck import __version__

ROOT = Path(__file__).parents[1]


def notes(changelog: str, version: str) -> str:
    """Return the section of a version in the change log, without its heading, or nothing if it has none."""
    section = re.search(rf"^## {re.escape(version)}(?=[, \n]).*\n((?:(?!## ).*\n?)*)", changelog, re.MULTILINE)
    return section[1].strip() + "\n" if section and section[1].strip() else ""


def unreleased(changelog: str) -> bool:
    """Return whether something stands under "Unreleased"."""
    section = re.search(r"^## Unreleased.*\n((?:(?!## ).*\n?)*)", changelog, re.MULTILINE)
    return bool(section and section[1].strip())


def wrong_tags(version: str, here: list[str], everywhere: list[str]) -> Iterator[str]:
    """Yield what is wrong with the tags of this commit, ``here``, beside all tags of the repository."""
    wanted = f"v{version}"
    if wanted in everywhere and wanted not in here:
        yield f"the tag {wanted} stands on another commit: raise the version in closecheck/__init__.py"
    for tag in here:
        if re.match(r"v?\d", tag) and tag != wanted:
            yield f"this commit has the tag {tag}, and its version is {version}"


def wrong_words(version: str, changelog: str) -> Iterator[str]:
    """Yield what is wrong with the version and its section in the change log."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        yield f"{version} is not a version of three numbers"
    if not notes(changelog, version):
        yield f"CHANGELOG.md has no entries under {version}"
    if unreleased(changelog):
        yield 'CHANGELOG.md has entries under "Unreleased": move them to the version'


def _git(*arguments: str) -> list[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()


def wrong_wheel(wheel: Path, version: str) -> Iterator[str]:
    """Install a wheel with the locked versions into an empty environment, and yield what does not work there."""
    with tempfile.TemporaryDirectory(prefix="closecheck-release-") as name:
        folder = Path(name)
        venv.create(folder / "venv", with_pip=True)
        pip = [str(folder / "venv/bin/python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        closecheck = str(folder / "venv/bin/closecheck")
        subprocess.run([*pip, "--require-hashes", "--requirement", str(ROOT / "requirements.lock")], cwd=folder, check=True)
        subprocess.run([*pip, "--no-deps", str(wheel)], cwd=folder, check=True)
        for arguments, shows in ((["--version"], version), (["list"], "CAR-OP-ACCEPTS"), (["run", "--profile", "quick"], "conformant")):
            done = subprocess.run([closecheck, *arguments], cwd=folder, check=False, capture_output=True, text=True)
            if done.returncode or shows not in done.stdout:
                yield f"closecheck {' '.join(arguments)} ends in {done.returncode} without {shows!r}: {(done.stderr or done.stdout)[-500:]}"


def main() -> int:
    """Check the release that this checkout would be; return the exit code."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    wheel = ROOT / "dist" / f"closecheck-{__version__}-py3-none-any.whl"
    wrong = [*wrong_words(__version__, changelog), *wrong_tags(__version__, _git("tag", "--points-at", "HEAD"), _git("tag"))]
    if _git("status", "--porcelain"):
        wrong.append("the work tree has changes that are not committed: the wheel would hold them, and the tag would not")
    wrong += wrong_wheel(wheel, __version__) if wheel.exists() else [f"{wheel.relative_to(ROOT)} was not built"]
    if not wrong:
        target = ROOT / "dist" / f"notes-{__version__}.md"
        target.write_text(notes(changelog, __version__))
        sys.stdout.write(f"{__version__} can be released as v{__version__}: {wheel.relative_to(ROOT)}, {target.relative_to(ROOT)}\n")
    for one in wrong:
        sys.stderr.write(f"{one}\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
