"""
What the suite asks and no file declares, as data: ``python -m selftest.case_files`` (``make derived``) writes it below ``spec/``.

One case, caller, test or request a line, in the JSON subset of YAML. Cases stand in one file for each topic, the first word of their id.
"""

import base64
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import msgspec
import pytest

from closecheck.contract import derived_cases
from closecheck.contract.cases import ACCEPTED, REFUSED, Case, DeclaredCase, Draft, Id, Ids, Raw
from closecheck.contract.specification import contract, spec_folder
from closecheck.http.callers import BY_KIND, FORGERIES
from closecheck.lifecycle import plan
from closecheck.session import preflight
from closecheck.suite.engine import collect
from closecheck.suite.plugin import case_of, is_swept, part_of, requirement_of

FOLDER: Final = spec_folder() / "cases" / "derived"
HEADER: Final = "# Written by `make derived`; spec/README.md says how to read it.\n"
_PLAIN: Final = Draft()
_LONG: Final = 60
"""Characters from which a repetition is written as one."""
_REPEATED: Final = re.compile(r"(.{1,120}?)\1{7,}", re.DOTALL)
_QUOTED_ID: Final = re.compile(r'"\{\{id:(\d+)\}\}"')


def files(items: Sequence[pytest.Item]) -> dict[Path, str]:
    """Return the text of every file that is written, for the items of a run."""
    made = made_by_code(items)
    folder = spec_folder()
    return {
        **{FOLDER / f"{name}.yaml": lines(map(row, cases)) for name, cases in groupby(made.values(), key=lambda case: topic(case.id))},
        folder / "callers.yaml": lines(callers(made)),
        folder / "sequences.yaml": lines(sequences(items)),
        folder / "requests.yaml": lines(requests(items)),
    }


def lines(rows: Iterable[dict[str, Any]]) -> str:
    """Return rows as a file has them."""
    return HEADER + "".join(f"- {flow(one)}\n" for one in rows)


def made_by_code(items: Iterable[pytest.Item]) -> dict[str, Case]:
    """Return every single request that the suite judges and no file declares, by id, in the order of the ids' topics."""
    asked = [case for item in items if (case := case_of(item)) is not None]
    found = {case.id: case for case in (*derived_cases.derived().values(), preflight.FIRST_ERROR, *asked)}
    return {name: case for name, case in sorted(found.items(), key=lambda pair: topic(pair[0])) if name not in contract().declared}


def topic(name: str) -> str:
    """Return what a case is about, which is the name of its file."""
    return name.partition("/")[0]


# ------------------------------------------------------------------------------------------------------- a case as a row


def row(case: Case) -> dict[str, Any]:
    """Return a case as it stands in a file; ValueError if it would not be read back as the same case."""
    expected = case.expect.text if case.expect else ""
    words, _, tolerated = expected.removesuffix(" tolerated)").partition(" (")
    statuses = [int(one) for one in words.split(" or ")] if words and words not in {ACCEPTED.text, REFUSED.text} else ()
    found = {
        "id": case.id,
        "description": case.description,
        "requirement": case.requirement,
        "choice": case.choice,
        "part": case.part,
        "since": case.since,
        "expect": {ACCEPTED.text: "accepted", REFUSED.text: "refused"}.get(words, statuses),
        "also": [int(one) for one in tolerated.split(", ")] if tolerated else (),
        "observes": case.observes,
        "base": case.base,
        "change": case.change,
        "request": request(case.request),
    }
    kept = {name: value for name, value in found.items() if value}
    same = msgspec.structs.replace(msgspec.convert(kept, DeclaredCase, str_keys=True).case(), request=case.request)
    if same != case:
        raise ValueError(f"{case.id} cannot be written as a row: it would be read as {same}")
    return kept


def request(draft: Draft) -> dict[str, Any]:
    """Return a request as it stands in a case: the body, and what is unlike the plainest request."""
    body: dict[str, Any]
    match draft.body:
        case msgspec.UnsetType():
            body = {"no_body": True}
        case None:
            body = {"text": "null"}
        case Raw(template):
            body = _raw(template)
        case _:
            body = {"json": _json(draft.body)}
    others = {name: getattr(draft, name) for name in Draft.__struct_fields__ if name != "body"}
    return body | {name: value for name, value in others.items() if value != getattr(_PLAIN, name)}


def _raw(template: bytes) -> dict[str, Any]:
    try:
        pieces = list(_pieces(template.decode()))
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(template).decode()}
    return {"text": pieces[0] if len(pieces) == 1 and isinstance(pieces[0], str) else pieces}


def _pieces(text: str) -> Iterator[Any]:
    """Yield a text in pieces: a long run of ids, and long repetitions, as what they are."""
    ids = list(_QUOTED_ID.finditer(text))
    if len(ids) >= 5:
        between = text[ids[0].end() : ids[1].start()]
        yield from _repetitions(text[: ids[0].start()])
        yield {"$each_id": len(ids), "from": int(ids[0][1]), "between": between}
        yield from _repetitions(text[ids[-1].end() :])
    else:
        yield from _repetitions(text) if text else [""]


def _repetitions(text: str) -> Iterator[Any]:
    done = 0
    for found in _REPEATED.finditer(text):
        if len(found[0]) >= _LONG:
            if found.start() > done:
                yield text[done : found.start()]
            yield {"$repeat": found[1], "times": len(found[0]) // len(found[1])}
            done = found.end()
    if done < len(text):
        yield text[done:]


def _json(value: Any) -> Any:
    match value:
        case Ids(count):
            return {"$ids": count}
        case Id(index):
            return {"$id": index}
        case str() if len(value) >= _LONG and (whole := _REPEATED.fullmatch(value)):
            return {"$repeat": whole[1], "times": len(value) // len(whole[1])}
        case dict():
            return {name: _json(one) for name, one in value.items()}
        case list():
            return list(_items(value))
        case _:
            return value


def _items(items: list[Any]) -> Iterator[Any]:
    """Yield the items of a list, those that are ids in a row as one."""
    for _, group in groupby(enumerate(items), key=lambda pair: pair[1].index - pair[0] if isinstance(pair[1], Id) else None):
        row = [item for _, item in group]
        if len(row) >= 5 and isinstance(row[0], Id):
            yield {"$each_id": len(row), "from": row[0].index}
        else:
            yield from map(_json, row)


# -------------------------------------------------------------------------------------------- callers, sequences, requests

_CALLERS: Final = {
    "authorized": ("", "the working token, after the scheme Bearer"),
    "none": ("auth/missing", "no Authorization header"),
    "expired": ("auth/expired/minimal-body", "a token of the target that has expired"),
    "unprivileged": ("auth/unprivileged/minimal-body", "a valid token of a user who may not close"),
    "scheme:bearer": ("auth/scheme-bearer", "the working token, after the scheme bearer"),
    "scheme:BEARER": ("auth/scheme-BEARER", "the working token, after the scheme BEARER"),
    "scheme:Token": ("auth/scheme-Token", "the working token, after the scheme Token"),
}
"""Callers whose token is not forged: the plainest case of each, and what is sent."""


def callers(made: Mapping[str, Case]) -> Iterator[dict[str, Any]]:
    """Yield every caller: what stands in the Authorization header, and what the plainest valid request of his must be answered."""
    named = {**_CALLERS, **{f"forged:{one.kind}": (f"auth/forged/{one.kind}", one.what) for one in FORGERIES}}
    for name, (case, sends) in named.items():
        judged = row(made[case]) if case else {"expect": "accepted"}
        needs = {"needs_jwt": BY_KIND[kind].needs_jwt} if (kind := name.partition(":")[2]) in BY_KIND else {}
        kept = ("requirement", "choice", "part", "since", "expect", "also", "observes")
        yield {
            "id": name,
            "sends": sends,
            **needs,
            **({"case": case} if case else {}),
            **{key: judged[key] for key in kept if key in judged},
        }


def sequences(items: Iterable[pytest.Item]) -> Iterator[dict[str, Any]]:
    """Yield every test that sends a sequence of its own, or looks back at what was sent: what it judges, with what, and what must hold."""
    for item in items:
        if case_of(item) is not None:
            continue
        judged = requirement_of(item)
        choice = judged.removeprefix("choice ") if judged.startswith("choice ") else ""
        mark = item.get_closest_marker("requirement")
        given = getattr(item, "callspec", None)
        found = {
            "id": item.nodeid,
            "requirement": "" if choice else judged,
            "choice": choice,
            "part": part_of(item),
            "since": mark.kwargs.get("since", "") if mark else "",
            "swept": is_swept(item),
            "given": {name: msgspec.to_builtins(value) for name, value in given.params.items()} if given else {},
            "expect": (getattr(item, "function", item).__doc__ or "").strip().partition("\n")[0],
        }
        yield {name: value for name, value in found.items() if value}


class _Unasked:
    """As much of a session as tests need to name what they ask, before a target has answered."""

    plan = SimpleNamespace(mark="0000000000")
    tokens = SimpleNamespace(inapplicable=lambda _caller: "")
    cases: Final = {**derived_cases.derived(), **contract().declared}

    def ask(self, case: Case) -> Any:
        """Return the answer of a target that refuses as documented."""
        del case
        return SimpleNamespace(meaning=400)


_BEFORE_ANSWERS: Final = {"test_authorization": 1, "test_languages": 2, "test_query": 1, "test_request_body": 1, "test_statuses": 1}
"""The modules that name requests ahead, and how many of their lists do not depend on what the target has answered before."""


def requests(items: Sequence[pytest.Item]) -> Iterator[dict[str, Any]]:
    """Yield the requests of sequences, by the ids that reports print, and the file of the tests that send them; those of the lifecycle as its steps."""
    modules = {module.__name__: module for item in items if (module := getattr(item, "module", None)) is not None}
    seen = {"auth/missing"}
    for name, many in _BEFORE_ANSWERS.items():
        for case in (case for cases in islice(modules[name].ahead(_Unasked(), items), many) for case in cases):
            if case.id not in seen:
                seen.add(case.id)
                yield {
                    "id": case.id,
                    "tests": f"{name}.py",
                    **({"since": case.since} if case.since else {}),
                    "request": request(case.request),
                }
    for caller in (*modules["test_authorization"].REFUSED, "scheme:bearer", "scheme:BEARER"):
        name = f"auth/after/{caller.removeprefix('forged:').replace(':', '-')}"
        for suffix, sender in (("/authorized", "authorized"), ("", caller), ("/repeated", caller)):
            yield {
                "id": name + suffix,
                "tests": "test_authorization.py",
                "request": request(Draft(body={"accessRequestIds": Ids(1)}, caller=sender)),
            }
    for step in plan.plan():
        words = step.name.replace(":", "").replace(",", "").casefold().split()
        yield {"id": f"lifecycle/{'-'.join(words)}", "tests": "test_lifecycle.py", "step": msgspec.to_builtins(step)}


# ------------------------------------------------------------------------------------------------------------- as a line


def flow(value: Any) -> str:
    """Return a value on one line that means the same as JSON, as YAML 1.1 and as YAML 1.2."""
    match value:
        case dict():
            return "{" + ", ".join(f"{flow(str(name))}: {flow(one)}" for name, one in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(flow, value)) + "]"
        case str():
            return "".join(one if _shown(one) else _escaped(one) for one in json.dumps(value, ensure_ascii=False))
        case float():
            return re.sub(r"^(-?\d+)e", r"\1.0e", json.dumps(value))  # YAML 1.1 reads 1e300 as a text
        case _:
            return json.dumps(value)


def _shown(letter: str) -> bool:
    """Tell whether a character can be seen, and may stand in YAML as it is."""
    return letter == " " or unicodedata.category(letter)[0] not in "CZ"


def _escaped(letter: str) -> str:
    code = ord(letter)
    if code > 0xFFFF:
        raise ValueError(f"U+{code:X} would have to be escaped, which JSON and YAML do in different ways")
    return f"\\u{code:04x}"


def main() -> None:
    """Write the files, and take away those that no case belongs to any more."""
    made = files(collect({})[1])
    FOLDER.mkdir(exist_ok=True)
    for path in set(FOLDER.iterdir()) - made.keys():
        path.unlink()
    for path, text in made.items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
