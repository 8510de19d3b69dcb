"""
Whom the answer to a case speaks against: a table of small rules, tried in order, pure.

A rule looks at a :class:`Situation` and decides, or passes. Where it has to know what a further request would bring, it asks a
:class:`Question`; whoever holds the connection answers it, and the decision is asked for again.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from closecheck.contract import base_cases
from closecheck.contract.cases import Case
from closecheck.judging.exchange import Exchange
from closecheck.model import Finding, Outcome, Response, Struct, header

MANNERS: Final = frozenset(
    {"CAR-OP-HEADERS", "CAR-OP-QUERY-IGNORED", "CAR-OP-CODING", "CAR-BODY-JSON-FORMS", "CAR-BODY-MEDIA-PARAMS", "CAR-BODY-FRAMING"}
)
"""Clauses on how a value travels: a body that they want refused is wrong in its plainest form too."""
_ACCEPTED: Final = 202
_LONG: Final = 4000
"""Bytes of a body from which its length may be what it is refused for."""
_OF_CALLERS: Final = frozenset({401, 403})
"""Documented for what a caller may do: nothing else is broken where bodies are refused so, hence each clause is."""
_OF_THE_HEAD: Final = frozenset({400, 413, 414, 431})
"""What a server answers to a header section that is longer than it takes."""


class Question(enum.Enum):
    """What only a further request can tell."""

    MEMBER = "Is the request accepted once an optional member is added?"
    IDS = "Is a request of the plainest kind refused too where it names the same ids?"
    MISSING = "Is a body without the required member answered so as well?"
    TWIN = "Is the same value answered so as well in its plainest form?"
    SIZE = "Is the plainest request answered so as well once it is as long?"


@dataclasses.dataclass(frozen=True)
class Mended:
    """A request that was accepted once an optional member was added: the member, its requirement, the accepted exchange."""

    member: str
    requirement: str
    exchange: Exchange


class Twin(Struct):
    """The same value in its plainest form, which is answered so too: the requirement under which that is judged, or nothing."""

    requirement: str = ""


class Limit(Struct):
    """Between which lengths of a body, in bytes, the answer changes, whatever the body says."""

    accepted: int
    refused: int


class Look(Struct):
    """What distinguishes the answers of one server from those of another: its names for itself, and the media type of its answers."""

    server: str
    powered_by: str
    media_type: str

    @property
    def words(self) -> str:
        """The same for people."""
        named = [self.media_type or "no Content-Type"]
        named += [f"Server: {self.server}"] if self.server else []
        named += [f"X-Powered-By: {self.powered_by}"] if self.powered_by else []
        return ", ".join(named)


@dataclasses.dataclass(frozen=True)
class Target:
    """
    What is known of the target: how it refuses every invalid body, whether the working token has expired, how its answers look.

    ``refusal`` is 400, or the status of its own that it has for all that is wrong in a body.
    """

    refusal: int = 400
    expired: bool = False
    looks: frozenset[Look] = frozenset()


@dataclasses.dataclass(frozen=True)
class Situation:
    """A case with its answer, and the answers to what was asked so far."""

    case: Case
    exchange: Exchange
    base: Exchange | None = None
    """The answer to the request that the case edits, if it edits one."""
    target: Target = dataclasses.field(default_factory=Target)
    answers: Mapping[Question, object] = dataclasses.field(default_factory=dict)

    @property
    def statuses(self) -> frozenset[int]:
        """The statuses that are right."""
        return self.case.expect.statuses if self.case.expect else frozenset()

    @property
    def refused(self) -> bool:
        """Whether a refusal was wanted and the answer is one, if not with a right status."""
        return 400 in self.statuses and self.exchange.status >= 300


class Decision(Struct):
    """What the answer says of the requirement; ``also`` is a finding against another one, with the exchanges it rests on."""

    outcome: Outcome
    reason: str = ""
    supply: str = ""
    finding: Finding | None = None
    also: tuple[str, tuple[int, ...], Finding] | None = None


Rule = Callable[[Situation], Decision | Question | None]


def _untested(reason: str) -> Decision:
    return Decision(Outcome.UNTESTED, reason)


def base_refused(case: Case, base: Exchange, asked: Case) -> Decision | None:
    """
    Pass where the request that a case edits is accepted: else nobody could say what a refusal was for.

    Where it is itself lawfully refused for how it travels (411 to chunks), the edit may be so too. ``asked`` is the case of the base.
    """
    lawful = asked.expect.statuses - {400} if asked.expect else frozenset()
    return None if base.status == _ACCEPTED or base.status in lawful else _of_a_base(case, base)


def _of_a_base(case: Case, base: Exchange) -> Decision:
    return _untested(f"the request that it edits ({case.base}) was itself answered {base.status or 'not at all'}")


def base_refused_for_its_travel(at: Situation) -> Decision | None:
    """What is not refused for how it travels, as its base is, says nothing."""
    return _of_a_base(at.case, at.base) if at.base is not None and at.base.status != _ACCEPTED else None


def as_expected(at: Situation) -> Decision | None:
    """A right status holds."""
    return Decision(Outcome.HELD) if at.exchange.status in at.statuses else None


def token_expired(at: Situation) -> Decision | None:
    """What a token that has run out is answered is nobody's fault."""
    if at.exchange.status == 401 and at.case.request.caller == "authorized" and at.target.expired:
        return Decision(Outcome.ERROR, "the working token expired during the run", "credentials.authorized")
    return None


def long_token(at: Situation) -> Decision | None:
    """A working token that makes the header section long may meet the limit of a server."""
    if at.exchange.provokes == "size" != at.case.request.provokes and at.exchange.status in _OF_THE_HEAD:
        return _untested("the working token makes the header section longer than this server takes")
    return None


def coding_of_no_answer(at: Situation) -> Decision | None:
    """The coding is judged of answers in order."""
    if at.case.requirement == "CAR-OP-CODING":
        return _untested(f"answered {at.exchange.status}: only the coding of answers in order is judged")
    return None


def unanswered(at: Situation) -> Decision | None:
    """No answer is judged under its own requirement."""
    return _untested("not answered: judged under CAR-OP-ANSWERS") if at.exchange.status == 0 else None


def own_manner(at: Situation) -> Decision | None:
    """A refusal with the status that this target has for every invalid body holds but for the status, which is blamed once."""
    status = at.exchange.status
    if 400 not in at.statuses or status != at.target.refusal or status in _OF_CALLERS:
        return None
    judged = "CAR-OP-NO-500" if status >= 500 else "CAR-OP-STATUS"
    told = f"with {status}, as this target refuses every invalid body"
    if status < 300:
        return _untested(f"answered {told}: judged under {judged}")
    return Decision(Outcome.HELD, f"held but for the status: refused {told}, which is judged under {judged}")


def fault_of_the_server(at: Situation) -> Decision | None:
    """A 5xx is judged under its own requirement where the clause asks for less than a refusal."""
    mild = at.case.tolerant or at.case.requirement in {"CAR-ERROR-OBJECT", "CAR-OP-STATUS"}
    return _untested(f"answered {at.exchange.status}: judged under CAR-OP-NO-500") if at.exchange.status >= 500 and mild else None


def several_rules(at: Situation) -> Decision | None:
    """A request that breaks several rules is judged for its form alone."""
    if at.case.requirement != "CAR-ERROR-OBJECT":
        return None
    if at.exchange.status == _ACCEPTED:
        return _untested("accepted: judged under the rules that it breaks")
    return _untested(f"answered {at.exchange.status}: judged under CAR-OP-STATUS")


def member_needed(at: Situation) -> Decision | Question | None:
    """A valid request that is accepted once an optional member is added was refused for the lack of it."""
    if not (
        at.case.accepts
        and at.case.requirement != "CAR-OP-ACCEPTS"
        and isinstance(at.case.request.body, dict)
        and 400 <= at.exchange.status < 500
    ):
        return None
    if Question.MEMBER not in at.answers:
        return Question.MEMBER
    mended = at.answers[Question.MEMBER]
    if not isinstance(mended, Mended):
        return None
    finding = Finding(_expected(at), at.exchange.got(), change=f"{mended.member} left out of an accepted request")
    numbers = (mended.exchange.number, at.exchange.number)
    reason = f"accepted once {mended.member} is added: judged under {mended.requirement}"
    return Decision(Outcome.UNTESTED, reason, also=(mended.requirement, numbers, finding))


def ids_refused(at: Situation) -> Decision | Question | None:
    """A request whose very ids are refused in the plainest request too says nothing of what is in it beside them."""
    if not at.case.accepts or at.case.id == (at.case.base or base_cases.ONE_ID):
        return None
    if Question.IDS not in at.answers:
        return Question.IDS
    if not at.answers[Question.IDS]:
        return None
    return _untested(
        "a request of the plainest kind is refused too where it names the same ids: judged under CAR-OP-ACCEPTS and CAR-IDS-RANGE"
    )


def missing_all_the_same(at: Situation) -> Decision | Question | None:
    """A body whose member has a name in another letter case shows nothing of names where one without the member is answered so, too."""
    if at.case.requirement != "CAR-BODY-NAMES":
        return None
    if Question.MISSING not in at.answers:
        return Question.MISSING
    if not at.answers[Question.MISSING]:
        return None
    return _untested(f"answered {at.exchange.status}, and so is a body without the member, which is judged under CAR-IDS-REQUIRED")


def same_in_its_plainest_form(at: Situation) -> Decision | Question | None:
    """What comes with a query, in chunks or in another spelling is answered for what it says, not for how."""
    if at.exchange.status == _ACCEPTED and at.case.requirement not in MANNERS:
        return None
    if Question.TWIN not in at.answers:
        return Question.TWIN
    twin = at.answers[Question.TWIN]
    if not isinstance(twin, Twin):
        return None
    value = at.case.change or at.case.description
    where = twin.requirement or ("CAR-OP-ACCEPTS" if at.case.accepts else "CAR-OP-STATUS")
    return _untested(
        f"{at.case.id} ({value}): answered {at.exchange.status}, and so is the same value in its plainest form, which is judged under {where}"
    )


def broken(at: Situation) -> Decision | Question:
    """Nothing else explains the answer; where it is the length of the body that does, the finding says so."""
    status = at.exchange.status
    long = at.case.accepts and len(at.exchange.request.body) > _LONG
    if long and Question.SIZE not in at.answers:
        return Question.SIZE
    limit = at.answers[Question.SIZE] if long else None
    cause = (
        f"this target refuses every invalid body {_AS[status]}"
        if at.refused and status == at.target.refusal and status in _OF_CALLERS
        else ""
    )
    found = finding(_expected(at), at.exchange, at.case.change, refused=at.refused)
    if isinstance(limit, Limit):
        told = f"bodies of up to {limit.accepted:,} bytes are accepted, from {limit.refused:,} on they are answered {status}, whatever they say"
        found = msgspec.structs.replace(found, got=f"{found.got}; {told}")
    return Decision(Outcome.BROKEN, finding=msgspec.structs.replace(found, cause=cause))


RULES: Final[tuple[Rule, ...]] = (
    as_expected, base_refused_for_its_travel, token_expired, long_token, own_manner, coding_of_no_answer, unanswered, fault_of_the_server, several_rules,
    member_needed, ids_refused, missing_all_the_same, same_in_its_plainest_form, broken,
)  # fmt: skip
"""In the order in which they are tried; the last decides always."""


def decide(at: Situation) -> Decision | Question:
    """Return what the first rule that does not pass says."""
    return next(said for rule in RULES if (said := rule(at)) is not None)


def _expected(at: Situation) -> str:
    return at.case.expect.text if at.case.expect else ""


# ------------------------------------------------------------------------------------------------------ words and causes

_AS: Final = {
    401: "as unauthenticated (401)", 403: "as forbidden (403)", 404: "as not found (404)", 405: "as of another method (405)",
    406: "as not acceptable (406)", 409: "as a conflict (409)", 413: "as too large (413)", 415: "as of another media type (415)",
    422: "as unprocessable (422)",
}  # fmt: skip


def finding(expected: str, exchange: Exchange, change: str, *, refused: bool) -> Finding:
    """
    Return the finding that an answer is not as expected.

    ``refused`` says that a refusal was wanted and that this is one, with another status: no words of it may tell of an acceptance.
    """
    if not refused:
        return Finding(expected, exchange.got(), change=change)
    status = exchange.status
    if status >= 500:
        how, because = (
            f"not accepted, but answered as a fault of the server ({status})",
            "a client takes its own mistake for a fault of the server, and sends it again",
        )
    else:
        how = f"refused, but {_AS.get(status, f'with {status}')}"
        because = "the body is refused, as it must be, but the client is not told that it is the body, and looks for the mistake elsewhere"
    return Finding(expected, f"{how}: {exchange.got()}", because, change)


_IN_FRONT: Final = frozenset({403, 406, 502, 503, 504})
"""Statuses of firewalls and gateways, which may bear the same names as the answers that they hand on."""


def look(response: Response) -> Look:
    """Return how an answer looks."""
    media_type = (header(response.headers, "content-type") or "").split(";", 1)[0].strip().lower()
    return Look(header(response.headers, "server") or "", header(response.headers, "x-powered-by") or "", media_type)


def in_front(exchange: Exchange, looks: frozenset[Look]) -> str:
    """
    Return the words for a cause: the answer is not the operation's own, but of what stands in front of it; empty where it may be.

    ``looks`` are those of answers that were the operation's own without doubt. An answer of another server differs from all of
    them in media type and form, and by its names or by a status that is typical of firewalls and gateways.
    """
    response = exchange.response
    if response is None or not looks or exchange.is_json or not response.body:
        return ""
    seen = look(response)
    if seen.media_type in {one.media_type for one in looks}:
        return ""
    renamed = (seen.server, seen.powered_by) not in {(one.server, one.powered_by) for one in looks}
    if not renamed and response.status not in _IN_FRONT:
        return ""
    own = min(looks, key=lambda one: one.words)
    return (
        f"what stands in front of the service (a firewall, a gateway) answers {response.status} by itself: {seen.words}, "
        f"where the operation's own answers are {own.words}"
    )
