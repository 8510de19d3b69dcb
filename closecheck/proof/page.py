"""
``docs/proof.md``: what the kill matrix says, with the matrix as a picture. A function of recorded data alone.

The trials stand beside it in ``proof.json``, those of another tool in ``peer.json``, what mutations of the judging code came to in
``mutation.json``; a selftest renders the page again and fails if it is stale.
"""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from closecheck import __version__
from closecheck.contract.specification import contract, spec_folder
from closecheck.model import Level, Profile, ProofFigures, Struct
from closecheck.proof import kept_json, mutants, schemathesis_peer
from closecheck.proof.kill_matrix import Trial


class Proof(Struct):
    """Every trial of one proof, and how they were made."""

    suite: str
    edition: str
    profile: str
    seconds: float
    python: str
    processors: int
    jobs: int
    """How many targets were judged at a time, beside those that delay or limit."""
    every: int
    """How many trials a whole proof has; more than there are here if this is a sample."""
    trials: tuple[Trial, ...]


def write(trials: Sequence[Trial], every: int, profile: str, jobs: int, seconds: float, page: Path) -> None:
    """Write the proof: its data, the picture and the page, side by side; with the page of the checkout the figures of ``spec/``, too."""
    kept = tuple(msgspec.structs.replace(one, cases=(), sentence="" if one.kind == "company" else one.sentence) for one in trials)
    edition, python, processors = contract().catalogue.edition, platform.python_version(), os.cpu_count() or 1
    proof = Proof(__version__, edition, profile, round(seconds, 2), python, processors, jobs, every, kept)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.with_suffix(".json").write_bytes(kept_json.encoded(proof))
    page.with_suffix(".svg").write_text(picture(proof), encoding="utf-8")
    write_page(proof, page)
    if page.resolve() == KEPT_PAGE.resolve():
        KEPT_FIGURES.write_bytes(encoded(figures(proof)))


def write_page(proof: Proof, page: Path) -> None:
    """Write the page alone, with the sections that ``peer.json`` and ``mutation.json`` beside it give."""
    kept = page.with_name("mutation.json")
    page.write_text(
        render(proof, schemathesis_peer.read(page.with_name("peer.json")), mutants.read(kept) if kept.exists() else None), encoding="utf-8"
    )


KEPT_PAGE: Final = spec_folder().parent / "docs" / "proof.md"
"""The page of a checkout; only with it are the figures renewed that every report repeats."""
KEPT_FIGURES: Final = spec_folder() / "proof.json"


def figures(proof: Proof) -> ProofFigures:
    """Return what a proof came to, as every report repeats it."""
    faults = [one for one in proof.trials if one.kind == "fault"]
    lawful = [one for one in proof.trials if one.kind != "fault"]
    return ProofFigures(
        edition=proof.edition,
        profile=Profile(proof.profile),
        faults=len(faults),
        killed=sum(one.killed for one in faults),
        blamed_right=sum(one.good for one in faults),
        variants=len({one.name for one in lawful if one.kind == "variant"}),
        lawful_runs=len(lawful),
        false_alarms=sum(one.false_alarm for one in lawful),
        trials=len(proof.trials),
        every=proof.every,
    )


def encoded(reported: ProofFigures) -> bytes:
    """Return figures as they are kept."""
    return msgspec.json.format(msgspec.json.encode(reported), indent=1) + b"\n"


def read(path: Path) -> Proof:
    """Read the data of a proof."""
    return msgspec.json.decode(path.read_bytes(), type=Proof)


def render(proof: Proof, beside: schemathesis_peer.Peer | None = None, mutations: mutants.Mutations | None = None) -> str:
    """Return the page as Markdown; ``beside`` is what another tool found on the same targets, ``mutations`` what tried the judging code."""
    faults = [one for one in proof.trials if one.kind == "fault"]
    lawful = [one for one in proof.trials if one.kind != "fault"]
    rare = [one for one in faults if one.rare]
    firsts = sorted(one.first for one in faults if one.first)
    reported = figures(proof)
    lines = [
        "# Proof",
        "",
        "Every faulty target must be caught under the clause that it breaks; on no lawful target may anything be blamed. This page is made",
        f"by `closecheck prove` (suite {proof.suite}, edition {proof.edition}, profile `{proof.profile}`, Python {proof.python}); its data is `proof.json`.",
        *(
            [f"It is a **sample**: {len(proof.trials)} of {proof.every} trials, spread over all."]
            if len(proof.trials) < proof.every
            else []
        ),
        "",
        "| | |",
        "| --- | --- |",
        f"| faults killed | {reported.killed} of {reported.faults} |",
        f"| killed and blamed right | {reported.blamed_right} of {reported.faults} |",
        f"| of these rare (seen only by particular requests) | {sum(one.good for one in rare)} of {len(rare)} |",
        f"| lawful targets | {len({one.name for one in lawful if one.kind != 'company'})}, in {reported.lawful_runs} runs |",
        f"| of these runs, targets with several lawful oddities at a time | {sum(one.kind == 'company' for one in lawful)} |",
        f"| false alarms | {reported.false_alarms} |",
        f"| requests, all trials | {sum(one.requests for one in proof.trials):,} |",
        f"| seconds, all trials: {proof.jobs} at a time, on {proof.processors} processors | {proof.seconds:,.0f} |",
    ]
    if firsts:
        lines.append(
            f"| requests to the first finding | median {firsts[len(firsts) // 2]}, nine of ten within {firsts[len(firsts) * 9 // 10]} |"
        )
    if rare:
        lines += [
            f"| rare faults that the deterministic core finds by itself | {sum(one.core for one in rare)} of {len(rare)} |",
            f"| rare faults that the exploration finds by itself | {sum(one.explored for one in rare)} of {len(rare)} |",
        ]
    lines += [
        "",
        "*Killed*: a requirement that the fault breaks was found broken. *Blamed right*: and nothing that the fault does not break.",
        "",
    ]
    lines += ["![faults by requirements: each row a fault, each column a requirement](proof.svg)", ""]
    lines += _wrong(proof)
    if beside is not None:
        lines += schemathesis_peer.section(beside, proof.trials, proof.profile)
    lines += _by_requirement(faults)
    lines += mutants.section(mutations) if mutations else []
    lines += ["## Faults", "", "| fault | breaks | what it does | first seen at request |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {one.name}{' (rare)' if one.rare else ''} | {', '.join(one.breaks)} | {one.sentence} | {one.first or 'not seen'} |"
        for one in faults
    ]
    names = dict.fromkeys((one.name, one.sentence) for one in lawful if one.kind == "variant")
    lines += ["", "## Variants", "", "| variant | what it does |", "| --- | --- |"]
    lines += [f"| {name} | {sentence} |" for name, sentence in names]
    return "\n".join(lines) + "\n"


def _wrong(proof: Proof) -> list[str]:
    wrong = [one for one in proof.trials if not one.good]
    if not wrong:
        return []
    lines = ["## What the suite got wrong", "", "| target | what happened |", "| --- | --- |"]
    for one in wrong:
        if one.kind != "fault":
            what = f"false alarm: {', '.join(one.broken) or one.note}"
        elif not one.killed:
            what = f"survived; it breaks {', '.join(one.breaks)}"
        else:
            what = f"killed, but {', '.join(one.misblamed)} blamed as well"
        lines.append(f"| {one.name} | {what} |")
    return [*lines, ""]


def _by_requirement(faults: Sequence[Trial]) -> list[str]:
    catalogue = contract().catalogue
    written: Counter[str] = Counter(requirement for one in faults for requirement in one.breaks)
    killed: Counter[str] = Counter(requirement for one in faults if one.killed for requirement in one.breaks if requirement in one.broken)
    lines = ["## By requirement", "", "| requirement | level | faults | found broken on |", "| --- | --- | --- | --- |"]
    lines += [f"| {one.id} | {one.level} | {written[one.id]} | {killed[one.id]} |" for one in catalogue.requirements]
    thin = [one.id for one in catalogue.requirements if written[one.id] < (3 if one.level is Level.MUST else 2)]
    if thin:
        lines += ["", f"Fewer faults than the rule asks for (three for a MUST, two for a SHOULD): {', '.join(thin)}."]
    return [*lines, ""]


_CELL: Final = 4
_LEFT: Final = 4


def picture(proof: Proof) -> str:
    """Return the matrix as SVG: a row for each fault, a column for each requirement."""
    columns = {one.id: index for index, one in enumerate(contract().catalogue.requirements)}
    faults = sorted((one for one in proof.trials if one.kind == "fault"), key=lambda one: (columns.get(one.breaks[0], 0), one.name))
    width, height = _LEFT + len(columns) * _CELL, len(faults) * _CELL + 24
    cells = []
    for row, one in enumerate(faults):
        for requirement in dict.fromkeys((*one.breaks, *one.broken)):
            if requirement not in columns:
                continue
            colour = _colour(one, requirement)
            x, y = _LEFT + columns[requirement] * _CELL, row * _CELL + 4
            title = f"{one.name}: {requirement}"
            cells.append(f'<rect x="{x}" y="{y}" width="{_CELL - 1}" height="{_CELL - 1}" fill="{colour}"><title>{title}</title></rect>')
    legend = (
        f'<text x="{_LEFT}" y="{height - 6}" font-family="sans-serif" font-size="9" fill="#555">'
        "rows: faults, columns: requirements; green blamed right, grey blamed too (true as well), orange blamed wrongly, red survived</text>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{max(width, 560)}" height="{height}" role="img" '
        f'aria-label="Kill matrix: {len(faults)} faults by {len(columns)} requirements">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(cells)}{legend}</svg>\n'
    )


def _colour(one: Trial, requirement: str) -> str:
    if requirement in one.breaks:
        if requirement in one.broken:
            return "#2e8b57"
        return "#d9d9d9" if one.killed else "#c0392b"
    return "#9aa5b1" if requirement in one.also else "#e67e22"
