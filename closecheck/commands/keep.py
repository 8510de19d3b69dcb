"""``closecheck keep``: the witness of a finding becomes a declared case, so that every later run sends it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from closecheck.contract import base_cases
from closecheck.contract.cases import ACCEPTED, REFUSED, DeclaredCase, fill
from closecheck.contract.specification import contract, spec_folder
from closecheck.model import Broken, ExchangeLine, Run
from closecheck.model.errors import UsageError
from closecheck.session.record import read

_ID: Final = re.compile(r"[0-9a-f]{32}")
_LONG: Final = 40
"""Characters from which on one and the same is written as its count."""
HEADER: Final = "# Witnesses of findings, written by `closecheck keep`: found once by exploration, asked by every run since.\n"


def keep(run_folder: Path, case: str, to: Path | None = None) -> str:
    """
    Append the witness of the finding of that name to a file of declared cases; return the id of the new case.

    Raises:
        UsageError: there is no such finding, or its witness is no single request that stands for itself.
        RunFault: the run cannot be read.

    """
    run = read(run_folder)
    broken = _finding(run, case)
    path = to or spec_folder() / "cases" / "kept.yaml"
    item = _item(broken, case)
    before = path.read_text("utf-8") if path.exists() else HEADER
    known = {one["id"] for one in yaml.safe_load(before) or ()} | set(contract().declared)
    if item["id"] in known:
        raise UsageError("closecheck keep", f"{item['id']} is declared already")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}\n{yaml.dump([item], Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)}", "utf-8")
    return str(item["id"])


class _Dumper(yaml.SafeDumper):
    """Writes no anchors: a case can be read on its own."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never refer to what stands elsewhere."""
        del data
        return True


def _finding(run: Run, case: str) -> Broken:
    found = [one for result in run.results for one in result.findings if one.evidence.case == case]
    if found:
        return found[0]
    names = [one.evidence.case for result in run.results for one in result.findings]
    raise UsageError("closecheck keep", f"no finding of this run is called {case}", f"It has {', '.join(dict.fromkeys(names)) or 'none'}.")


def _item(broken: Broken, case: str) -> dict[str, Any]:
    witness = broken.witness
    expect = {ACCEPTED.text: "accepted", REFUSED.text: "refused"}.get(broken.finding.expected)
    if broken.finding.expected.startswith("the answer to the same value"):
        expect = "accepted"
    if witness is None or expect is None:
        raise UsageError("closecheck keep", f"{case} rests on more than one request, or on none: no single case can show it")
    if witness.request.body.cut:
        raise UsageError("closecheck keep", f"of the body of {case} only the beginning was recorded")
    requirement = broken.evidence.requirement
    request, digest = _request(witness)
    item = {
        "id": f"kept/{requirement.removeprefix('CAR-').lower()}-{digest}",
        "description": f"{'A valid body' if expect == 'accepted' else 'An invalid body'} that exploration found is {expect}",
        "requirement": requirement,
        "expect": expect,
        "base": base_cases.ONE_ID,
        "change": broken.finding.change or "the body as it was found",
        "request": request,
    }
    try:
        drafted = msgspec.convert(item, DeclaredCase).case().request
        sent = fill(drafted.body, _ids(witness))
    except (ValueError, IndexError) as error:
        raise UsageError("closecheck keep", f"the body of {case} cannot be written as a case ({error})") from error
    if "json" not in request and sent != witness.request.body.data:
        raise UsageError("closecheck keep", f"the body of {case} holds what stands for ids in a case")
    return item


def _ids(witness: ExchangeLine) -> list[str]:
    return list(dict.fromkeys(_ID.findall(witness.request.body.text or "")))


def _request(witness: ExchangeLine) -> tuple[dict[str, Any], str]:
    """Return the request as a case has it, and eight digits that tell it from others."""
    body = witness.request.body
    ids = _ids(witness)
    if body.text is None:
        request: dict[str, Any] = {"base64": base64.b64encode(body.data).decode()}
    elif (document := _plain(body.text)) is not None:
        request = {"json": _placed(document, ids)}
    else:
        request = {"text": _ID.sub(lambda one: f"{{{{id:{ids.index(one[0])}}}}}", body.text)}
    return request, hashlib.sha256(json.dumps(request).encode()).hexdigest()[:8]


def _plain(text: str) -> Any:
    """Return the value of a body that is written in the plainest way, None for any other."""
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return document if msgspec.json.encode(document).decode() == text else None


def _placed(value: Any, ids: list[str]) -> Any:
    match value:
        case list() if len(value) > 1 and value == ids:
            return {"$ids": len(ids)}
        case str() if value in ids:
            return {"$id": ids.index(value)}
        case str() if len(value) >= _LONG and len(set(value)) == 1:
            return {"$repeat": value[0], "times": len(value)}
        case dict():
            return {name: _placed(one, ids) for name, one in value.items()}
        case list():
            return [_placed(one, ids) for one in value]
        case _:
            return value
