"""
The questions of blame, answered: what only a further request can tell is sent and looked at here.

Nothing is judged here: :mod:`closecheck.judging.blame` decides, and asks until it can.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from closecheck.contract import base_cases, derived_cases
from closecheck.contract.cases import Case, Draft, Raw
from closecheck.contract.specification import Contract
from closecheck.judging import blame
from closecheck.judging.exchange import Exchange
from closecheck.model.errors import Untested
from closecheck.session.ids import IdPolicy, Source, impossible

_NEAR: Final = 16
"""Bytes to which the limit of a body's length is found."""
_ENOUGH_REASONS: Final = 3
"""So many refusals of valid requests under a requirement that no missing member explains."""


class Questions:
    """
    Answers what the rules of blame ask about a case and its exchange.

    ``cases`` and ``exchanges`` are all that the run knows by then; ``send`` sends a draft with its ids under a name, ``ask`` a case,
    once. Both may raise Untested. ``mark`` is the run's, of which ids that cannot exist are made.
    """

    def __init__(
        self,
        contract: Contract,
        ids: IdPolicy,
        mark: str,
        cases: Mapping[str, Case],
        exchanges: Mapping[int, Exchange],
        send: Callable[[str, Draft, list[str]], Exchange],
        ask: Callable[[Case], Exchange],
    ) -> None:
        self._contract = contract
        self._ids = ids
        self._mark = mark
        self._cases = cases
        self._exchanges = exchanges
        self._send = send
        self._ask = ask
        self._other_reasons: Counter[str] = Counter()
        self._limits: dict[int, blame.Limit] = {}
        """By status, what length of a body is answered so."""
        self._sizes_tried: Counter[int] = Counter()

    def decide(self, at: blame.Situation) -> blame.Decision:
        """Let the rules decide, and answer what they ask."""
        while isinstance(said := blame.decide(at), blame.Question):
            at = dataclasses.replace(at, answers={**at.answers, said: self._answer(said, at.case, at.exchange)})
        return said

    def _answer(self, question: blame.Question, case: Case, exchange: Exchange) -> object:
        match question:
            case blame.Question.MEMBER:
                return self._member_needed(case, exchange)
            case blame.Question.IDS:
                return self._ids_say_the_same(case, exchange)
            case blame.Question.MISSING:
                return self._missing_says_the_same(exchange)
            case blame.Question.TWIN:
                return self._twin(case, exchange)
            case blame.Question.SIZE:
                return self._limit(case, exchange)

    def _member_needed(self, case: Case, exchange: Exchange) -> blame.Mended | None:
        """
        Return with what optional member a valid request is accepted that was refused.

        After a few refusals under a requirement that have another reason it is not asked again.
        """
        body = case.request.body
        if not isinstance(body, dict) or self._ids.source is not Source.UNKNOWN or self._other_reasons[case.requirement] >= _ENOUGH_REASONS:
            return None
        for one in self._contract.properties():
            requirement = one.carries.get("optional", "")
            if one.name in body or not requirement or requirement == case.requirement:
                continue
            value = one.schema.get("default", "")
            mended = msgspec.structs.replace(case.request, body={**body, one.name: value})
            with contextlib.suppress(Untested):
                if (found := self._send(f"{case.id}#with-{one.name}", mended, list(exchange.ids))).status == 202:
                    return blame.Mended(one.name, requirement, found)
        self._other_reasons[case.requirement] += 1
        return None

    def _limit(self, case: Case, exchange: Exchange) -> blame.Limit | None:
        """
        Return between which lengths of a body the answer turns into the one of an exchange; None: its length is not the reason.

        It is found by halving, with the plainest request and more and more white space in it, and only where unknown ids are taken.
        """
        status, size = exchange.status, len(exchange.request.body)
        known = self._limits.get(status)
        if known is not None:
            return known if size >= known.refused else None
        accepted = (len(one.request.body) for one in self._exchanges.values() if one.status == 202 and one.judges_bodies)
        low = max(accepted, default=0)
        if self._ids.source is not Source.UNKNOWN or not 0 < low < size or self._sizes_tried[status] >= _ENOUGH_REASONS:
            return None
        self._sizes_tried[status] += 1
        high = size
        with contextlib.suppress(Untested):
            if self._padded(case, high) != status:
                return None
            while high - low > _NEAR:
                middle = (low + high) // 2
                if (found := self._padded(case, middle)) == 202:
                    low = middle
                elif found == status:
                    high = middle
                else:
                    return None
            self._limits[status] = blame.Limit(low, high)
        return self._limits.get(status)

    def _padded(self, case: Case, size: int) -> int:
        """Return the status of the plainest request with so much white space in it that its body has this length."""
        before, after = b'{"accessRequestIds": ["{{id}}"]', b"}"
        room = size - len(before) - len(after) + len("{{id}}") - 32
        lines = (b"\n" + b" " * 99) * (room // 100 + 1)
        name = f"{case.id}#{size}-bytes"
        return self._send(name, Draft(body=Raw(before + lines[:room] + after)), impossible(self._mark, name, 1)).status

    def _ids_say_the_same(self, case: Case, exchange: Exchange) -> bool:
        """Tell whether the accepted request that a refused one edits, or else the plainest, is refused as well with the very ids of that one."""
        base = self._cases.get(case.base or base_cases.ONE_ID)
        if base is None or case.request.ids != base.request.ids or self._ids.source is not Source.UNKNOWN:
            return False
        with contextlib.suppress(Untested):
            return self._send(f"{case.id}#base", base.request, list(exchange.ids)).status not in {202, 0}
        return False

    def _missing_says_the_same(self, exchange: Exchange) -> bool:
        """Tell whether a body without the required member is answered so as well."""
        with contextlib.suppress(Untested):
            return self._ask(derived_cases.derived()["ids/missing"]).status == exchange.status
        return False

    def _twin(self, case: Case, exchange: Exchange) -> blame.Twin | None:
        """
        Return the same JSON value in its plainest form, if it is answered so as well.

        Plainest: without query, chunks and fields of its own, and where spellings are judged, spelled in the plainest way.
        """
        draft = case.request
        plain = Draft(body=draft.body, caller=draft.caller)
        if case.requirement == "CAR-BODY-JSON-FORMS":
            with contextlib.suppress(ValueError):
                plain = msgspec.structs.replace(plain, body=json.loads(exchange.request.body))
        if plain == draft or isinstance(draft.body, msgspec.UnsetType):
            return None
        with contextlib.suppress(Untested):
            if self._ids.source is Source.UNKNOWN:  # the very ids: it may be them that it refuses
                status = self._send(f"{case.id}#plain", plain, list(exchange.ids)).status
            else:
                status = self._ask(Case(id=f"{case.id}#plain", description=case.description, request=plain)).status
            if status == exchange.status:
                own = (one.requirement for one in self._cases.values() if one.request == plain and one.requirement != case.requirement)
                return blame.Twin(next(own, ""))
        return None
