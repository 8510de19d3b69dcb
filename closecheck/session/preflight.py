"""
Four probes before anything else: is there something here that answers as this operation does?

Stops a run only as the public interface says: a faulty target is to be judged, not taken for a wrong path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from closecheck.contract import base_cases
from closecheck.contract.cases import REFUSED, Case, Draft, Expectation, Ids
from closecheck.judging import blame
from closecheck.judging.exchange import Exchange
from closecheck.model.errors import NothingToJudge, Untested
from closecheck.session.cached_decisions import FIRST_ERROR_ID
from closecheck.session.ids import Source
from closecheck.session.request_builder import USER_AGENT
from closecheck.session.session import Session

FIRST_ERROR: Final = Case(
    id=FIRST_ERROR_ID,
    description="A body without ids is refused, whatever language is asked for",
    request=Draft(body={}, headers={"Accept-Language": "fr"}),
    requirement="CAR-IDS-REQUIRED",
    part="first error",
    expect=REFUSED,
)
"""The first error of a run carries Accept-Language, later ones none (docs/evidence.md, 8)."""
NO_TOKEN: Final = Case(
    id="auth/missing",
    description="A valid request without an Authorization header is refused",
    request=Draft(body={"accessRequestIds": Ids(1)}, caller="none"),
    requirement="CAR-AUTH-MISSING",
    part="minimal body",
    expect=Expectation(frozenset({401}), "401"),
    base=base_cases.ONE_ID,
    change="the Authorization header left out",
)
WRONG: Final = ("ids/0", "executionStatus/near-Terminated-lower")
"""Derived cases that are wrong in other ways than the first error is: in what a member says, not in how the body is written."""
DEMANDED: Final = {
    "X-SailPoint-Experimental": "true", "X-Requested-With": "XMLHttpRequest", "X-Request-ID": "closecheck-1", "X-Correlation-ID": "closecheck-1",
    "Idempotency-Key": "closecheck-1", "Accept-Language": "en", "X-Api-Version": "v2024", "Cache-Control": "no-cache",
}  # fmt: skip
"""Fields that services are known to demand (CAR-OP-HEADERS)."""
_ENOUGH: Final = 2
"""So many different mistakes that get one status show that it is the target's own for them."""
_OTHER_AGENT: Final = "curl/8.5.0"
OTHER_CLIENT: Final = Case(
    id="probe/other-client",
    description="The plainest request in the name of another client",
    request=Draft(body={"accessRequestIds": Ids(1)}, headers={"User-Agent": _OTHER_AGENT}, provokes="user-agent"),
)
"""Asked only where everybody is sent away: some gateways refuse whom they do not know by name (RFC 9110, 10.1.5)."""
TOO_MANY: Final = 429
_SENT_AWAY: Final = frozenset({401, 403, 407})


def probe(session: Session) -> None:
    """
    Send the four probes and learn from them whether unknown ids are taken, what is demanded, and how the target refuses.

    Raises:
        NothingToJudge: there is nothing here to judge; the message says what to change.

    """
    with session.first_probes():
        _probed(session)


def _probed(session: Session) -> None:
    minimal = session.cases[base_cases.ONE_ID]
    full = session.cases[base_cases.FULL]
    first = _reached(session, minimal)
    if first is not None and _demanded(session, first):
        session.forget(minimal)
        first = _reached(session, minimal)
    session.prefetch([full, FIRST_ERROR, NO_TOKEN])
    answers = [first, *(_asked(session, case) for case in (full, FIRST_ERROR, NO_TOKEN))]
    if not any(answers) and _is_limited(session):
        return  # answered as documented, every one of them: what the 429s say is judged, and all else is untested
    answered = [one for one in answers if one is not None and one.response is not None]
    _redirects(answered)
    authorized = [one for one in answered if one.case != NO_TOKEN.id]
    anonymous = next((one for one in answered if one.case == NO_TOKEN.id), None)
    _turned_away(session, authorized, anonymous)
    documented = session.contract.documented_statuses
    if not any(one.status in documented for one in answered):
        seen = ", ".join(dict.fromkeys(str(one.status) if one.response else one.got() for one in answers if one is not None))
        raise NothingToJudge(
            f"{session.plan.base_url}{session.plan.path} does not answer as this operation does: four probes got {seen}",
            "check base_url (and path) in the target file: it must end where /access-requests/close begins",
        )
    if first is not None:
        _learn_ids(session, minimal, first)
    session.learned.refusal_status = _manner(session)
    session.learned.looks |= {
        blame.look(one.response) for one in authorized if one.response is not None and one.status in {202, 400} and one.is_json
    }


def _is_limited(session: Session) -> bool:
    """Tell whether the target has answered 429, which is a documented answer."""
    return any(exchange.status == TOO_MANY for exchange in session.exchanges.values())


def _reached(session: Session, case: Case) -> Exchange | None:
    """Return the answer to the first request; None: 429, by the target or its token endpoint, for longer than the run waits."""
    try:
        return session.ask(case)
    except Untested as untested:
        if _is_limited(session) or session.tokens.limited():
            return None
        if session.down:
            raise NothingToJudge(
                f"{session.plan.base_url} cannot be reached: {session.down}",
                "check the host and port of base_url, and that the service runs",
            ) from None
        raise NothingToJudge(f"the first request could not be sent: {untested.reason}", untested.supply) from None


def _asked(session: Session, case: Case) -> Exchange | None:
    try:
        return session.ask(case)
    except Untested:
        return None


def _redirects(answered: list[Exchange]) -> None:
    moved = [one for one in answered if 300 <= one.status < 400 and one.response is not None]
    if answered and len(moved) == len(answered):
        place = moved[0].response.header("location") if moved[0].response else None
        base = (place or "").removesuffix("/").removesuffix("/access-requests/close")
        remedy = f"if that is the service, write base_url: {base}" if base.startswith("http") else "write the final URL as base_url"
        raise NothingToJudge(f"the base URL redirects ({moved[0].status}) to {place or 'an unnamed place'}", remedy)


def _turned_away(session: Session, authorized: list[Exchange], anonymous: Exchange | None) -> None:
    statuses = {one.status for one in authorized}
    if statuses == {401}:
        body = authorized[0].got()
        raise NothingToJudge(
            f"every authorized request is answered 401 ({body})",
            "the working token is refused: put a fresh one where the target file's credentials.authorized takes it from",
        )
    if anonymous is not None and statuses == {anonymous.status} and anonymous.status in _SENT_AWAY:
        other = _asked(session, OTHER_CLIENT)
        if other is not None and other.status not in {0, anonymous.status}:
            raise NothingToJudge(
                f"requests of the User-Agent {USER_AGENT} are all answered {anonymous.status}, and those of {_OTHER_AGENT} are not",
                f'write headers: {{User-Agent: "{_OTHER_AGENT}"}} into the target file, or let the gateway pass the suite\'s own',
            )
        raise NothingToJudge(
            f"requests with the working token and without any are all answered {anonymous.status}",
            "the token has no effect here: check credentials.authorized, base_url, and gateways in between",
        )


def _manner(session: Session) -> int:
    """
    Return the status by which the target refuses whatever is wrong in a body: 400, or another that different mistakes get.

    What it accepts by mistake says nothing of how it refuses.
    """
    statuses: list[int] = []
    for case in (FIRST_ERROR, *(session.cases[name] for name in WRONG)):
        exchange = _asked(session, case)
        status = exchange.status if exchange else 0
        if status in {400, 429, 0}:
            return 400
        statuses += [status] if status != 202 else []
    return statuses[0] if len(statuses) >= _ENOUGH and len(set(statuses)) == 1 else 400


def _demanded(session: Session, first: Exchange) -> bool:
    """Learn without which undocumented fields the target refuses the plainest request; tell whether there are any."""
    if not 400 <= first.status < 500 or first.status in {401, 429} or not _helps(session, DEMANDED):
        return False
    alone = next(({name: value} for name, value in DEMANDED.items() if _helps(session, {name: value})), None)
    session.learned.demanded = alone or _least(session)
    session.note(
        "headers",
        f"every request is refused without a field that the documentation does not name: this run sends {field_line(session.learned.demanded)}",
    )
    return True


def _least(session: Session) -> dict[str, str]:
    """Return fewest fields that help together, where none does alone."""
    needed = dict(DEMANDED)
    for name in DEMANDED:
        fewer = {one: value for one, value in needed.items() if one != name}
        if _helps(session, fewer):
            needed = fewer
    return needed


def _helps(session: Session, fields: Mapping[str, str]) -> bool:
    """Tell whether the plainest request is accepted with these fields."""
    plain = session.cases[base_cases.ONE_ID]
    case = msgspec.structs.replace(
        plain, id=session.told_apart("probe/header"), request=msgspec.structs.replace(plain.request, headers=dict(fields))
    )
    exchange = _asked(session, case)
    return exchange is not None and exchange.status == 202


def field_line(fields: Mapping[str, str]) -> str:
    """Return the line of a target file that sends these fields with every request."""
    return "headers: {" + ", ".join(f'{name}: "{value}"' for name, value in fields.items()) + "}"


def _takes_unknown_ids(session: Session) -> bool:
    """Tell whether a fuller request with ids that cannot exist is taken: then the plainest one was refused for another reason."""
    exchange = _asked(session, session.cases[base_cases.FULL])
    return exchange is not None and exchange.status == 202


def _learn_ids(session: Session, minimal: Case, first: Exchange) -> None:
    if first.status != 400 or _takes_unknown_ids(session):
        return
    # Refused: because the id is unknown, which is the target's right, or for another reason. An existing id tells.
    if session.ids.left == 0:
        session.ids.source = Source.NONE
        session.forget(minimal)
        session.forget(session.cases[base_cases.FULL])
        session.forget(NO_TOKEN)
        return
    known = msgspec.structs.replace(minimal, id="probe/known-id")
    session.ids.source = Source.SUPPLIED
    exchange = _asked(session, known)
    if exchange is None or exchange.status != 202:
        session.ids.source = Source.UNKNOWN
        return
    for case in (minimal, session.cases[base_cases.FULL], NO_TOKEN):
        session.forget(case)
