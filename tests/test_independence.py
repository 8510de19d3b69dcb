"""An answer depends on its own request alone: not on what came before, from whom, nor on how many at a time (CAR-OP-INDEPENDENT)."""

import weakref

import msgspec
import pytest

from closecheck.contract import base_cases
from closecheck.contract.cases import ACCEPTED, REFUSED, Case, Draft, Ids, Raw
from closecheck.model.errors import Untested
from closecheck.session import preflight
from closecheck.session.ids import Source
from closecheck.suite.parametrize import dashed, parameters, swept
from closecheck.suite.plugin import skip_inapplicable

ONE = Draft(body={"accessRequestIds": Ids(1)})
FULL = Draft(
    body={"accessRequestIds": Ids(1), "message": base_cases.MESSAGE, "executionStatus": "Terminated", "completionStatus": "Failure"}
)
FIVE = Draft(body={"accessRequestIds": Ids(5)})
FIRST = {"one id": base_cases.ONE_ID, "every member": base_cases.FULL}
"""Kinds that a run begins with: nothing came before them."""
# Pairs of equal length: what one was answered must not be the answer to the other.
KINDS = {
    "one id": ONE,
    "every member": FULL,
    "five ids": FIVE,
    "Completed": Draft(body={"accessRequestIds": Ids(1), "executionStatus": "Completed"}),
    "Complated": Draft(body={"accessRequestIds": Ids(1), "executionStatus": "Complated"}),
    "Success": Draft(body={"accessRequestIds": Ids(1), "completionStatus": "Success"}),
    "Succeed": Draft(body={"accessRequestIds": Ids(1), "completionStatus": "Succeed"}),
    "no ids": Draft(body={"accessRequestIds": []}),
    "empty object": Draft(body={}),
    "a number": Draft(body={"accessRequestIds": [7]}),
    "message 12": Draft(body={"accessRequestIds": Ids(1), "message": 12}),
    'message "ab"': Draft(body={"accessRequestIds": Ids(1), "message": "ab"}),
    "a list": Draft(body=[1, 2]),
    "nobody": Draft(body={"accessRequestIds": Ids(1)}, caller="none"),
    "nobody, no ids": Draft(body={}, caller="none"),
    "garbage token": Draft(body={"accessRequestIds": Ids(1)}, caller="forged:garbage"),
    "no access": Draft(body={"accessRequestIds": Ids(1)}, caller="unprivileged"),
    "600 ids": Draft(body={"accessRequestIds": Ids(600)}),
    "300 ids": Draft(body={"accessRequestIds": Ids(300)}),
    "in chunks": Draft(body={"accessRequestIds": Ids(1)}, chunks=(7,), provokes="framing"),
    "another method": Draft(body={"accessRequestIds": Ids(1)}, method="PUT", provokes="method"),
    "French": Draft(body={}, headers={"Accept-Language": "fr"}),
}  # fmt: skip
TAKEN = {"one id", "every member", "five ids", "Completed", "Success", 'message "ab"', "300 ids", "in chunks"}
"""Kinds that are valid: each closes what it names."""
LONG_KINDS = {"300 ids", "600 ids"}
"""Kinds that are not sent with existing ids."""
ENOUGH_IDS = 700
"""So many existing ids serve every sequence."""
PLAIN = ("one id", "every member", "Completed", "no ids", "empty object", "a number", "message 12", "nobody", "garbage token")
"""Kinds that are repeated in the core."""
OTHERS = tuple(name for name in KINDS if name not in PLAIN)
"""Kinds whose repetition is left to the exploration."""
LIMITS = {429, 502, 503, 504}
"""What a limit or a gateway answers: it has findings of its own."""
REFUSED_CALLERS = {"nobody", "nobody, no ids", "garbage token"}
"""Callers whose tokens are refused are exempt: a target may lock them out."""
ORDERS = {
    "in order, the first half": list(KINDS)[:11],
    "in order, the second half": list(KINDS)[11:],
    "valid and invalid by turns": ["one id", "no ids", "every member", "Complated", "Completed", "a number"] * 2,
    "equal lengths by turns": ["Completed", "Complated", "Success", "Succeed", "message 12", 'message "ab"'] * 2,
    "callers by turns": ["nobody", "one id", "garbage token", "every member", "nobody, no ids", "five ids", "no access", "Completed"] * 2,
    "long, then short": ["300 ids", "one id", "600 ids", "one id", "300 ids", "empty object", "600 ids", "every member"],
    "the same accepted again and again": ["one id"] * 12,
    "the same refused again and again": ["no ids"] * 12,
    "in chunks, then whole": ["in chunks", "one id", "in chunks", "no ids"],
    "another method, then ours": ["another method", "one id", "another method", "no ids"],
    "languages by turns": ["French", "empty object"] * 2,
}  # fmt: skip
LONG_ORDERS = {
    "valid and invalid by turns, longer": ["one id", "no ids", "every member", "Complated", "Completed", "a number"] * 4,
    "equal lengths by turns, longer": ["Completed", "Complated", "Success", "Succeed", "message 12", 'message "ab"'] * 4,
    "callers by turns, longer": [
        "nobody",
        "one id",
        "garbage token",
        "every member",
        "nobody, no ids",
        "five ids",
        "no access",
        "Completed",
    ]
    * 4,
    "long, then short, twice": ["300 ids", "one id", "600 ids", "one id", "300 ids", "empty object", "600 ids", "every member"] * 2,
    "in chunks, then whole, longer": ["in chunks", "one id", "in chunks", "no ids"] * 4,
    "another method, then ours, longer": ["another method", "one id", "another method", "no ids"] * 4,
    "languages by turns, longer": ["French", "empty object"] * 8,
    "the same accepted, more often": ["one id"] * 40,
    "the same refused, more often": ["no ids"] * 40,
    "in order": list(KINDS),
    "in reverse": list(KINDS)[::-1],
    "refused, then accepted": ["no ids", "empty object", "a number", "a list"] * 8 + ["one id", "every member"],
    "accepted, then refused": ["one id", "every member", "Completed"] * 12 + ["no ids", "a number", "Complated"],
    "one caller refused, the next accepted": ["nobody", "one id"] * 12,
    "one caller forbidden, the next accepted": ["no access", "one id", "no ids"] * 8,
}


@pytest.fixture(scope="module")
def usable(session):
    """The kinds that can be sent: by callers there are, and where unknown ids are refused, as many as there are known ids for."""
    known = {name: draft for name, draft in KINDS.items() if draft.caller != "unprivileged" or supplied(session, draft.caller)}
    if session.ids.source is Source.UNKNOWN:
        return set(known)
    if session.ids.source is Source.SUPPLIED and len(session.ids.untaken(ENOUGH_IDS)) == ENOUGH_IDS:
        return set(known) - LONG_KINDS
    return {name for name, draft in known.items() if draft.ids == 0 or name in REFUSED_CALLERS}


def supplied(session, caller):
    """Tell whether the target file has the credential of a caller."""
    try:
        session.tokens.authorization(caller)
    except Untested:
        return False
    return True


@pytest.fixture(scope="module")
def alone(session, usable):
    """The answer to each kind when it is sent on a connection of its own; to the plainest ones, the first answers of the run."""
    found = {name: session.ask(session.cases[case]) for name, case in FIRST.items() if name in usable}
    names = [name for name in usable_of(KINDS, usable) if name not in found]
    exchanges = session.play([[planned(session, name, "alone")] for name in names])
    return found | {name: exchange for name, (exchange,) in zip(names, exchanges, strict=True)}


def planned(session, name, where):
    """Return a request of one kind with ids of its own."""
    draft, case = KINDS[name], session.told_apart(f"independent/{where}")
    return case, draft, ids_for(session, case, draft, closes=name in TAKEN)


def ids_for(session, name, draft, *, closes):
    """Return ids of a request's own: such as no target has, or existing ones where only these are taken."""
    expect = ACCEPTED if closes else REFUSED
    return session.ids.for_case(Case(id=name, description="a comparison with what came before", request=draft, expect=expect))


def shape(value):
    """Return what is comparable of an answer: members and types, the lengths of lists of messages; no texts."""
    match value:
        case dict():
            return {name: shape(one) for name, one in value.items() if name != "trackingId"}
        case list():
            return [shape(one) for one in value]
        case _:
            return type(value).__name__


def alike(one, other):
    """Tell whether two answers to the same kind are the same in status and shape."""
    if one.status == 202 and other.attempt > 1 and 400 <= other.status < 500:
        return True  # what was lost on the way may have been served, and have closed these ids
    if not {one.status, other.status}.isdisjoint(LIMITS):
        return True
    if one.status != other.status:
        return False
    if one.is_json != other.is_json:
        return False
    if not one.is_json:
        return True
    first, second = one.document, other.document
    if one.status == 202 and isinstance(first, dict) and isinstance(second, dict):
        return set(first) == set(second)
    return shape(first) == shape(second)


def compare(session, clause, name, first, later, where):
    """
    Expect the later answer to be as the first was.

    Where it is not, both are asked once more, alone: if each then gets its own answer again, they differ by what they say
    (their ids), not by what came before.
    """
    if first.status == 0 or (name in REFUSED_CALLERS and later.status in {401, 403, 429}):
        return  # no answer is nothing to compare with: judged under CAR-OP-ANSWERS
    if not alike(first, later) and all(alike(one, again(session, one)) for one in (first, later)):
        return
    clause.expect(
        alike(first, later),
        f"the answer that the same request ({name}) gets alone: {first.got()}",
        f"{later.got()}, {where}",
        first,
        later,
        change=f"sent {where}, instead of alone",
    )


def again(session, exchange):
    """Send an exchange's request once more, byte for byte, on a connection of its own."""
    with session.lane() as lane:
        return session.send(session.told_apart("independent/again"), exchange.draft, list(exchange.ids), lane=lane)


@pytest.fixture(scope="module")
def played(session, request, usable, alone):
    """The answers to every sequence that is tested, by test and parameters; each sequence has a connection of its own."""
    items = request.session.items
    sequences = {}
    for one in parameters(items, test_what_came_before_on_the_connection_does_not_matter):
        sequences["order", one["order"]] = [
            planned(session, name, "lane") for name in usable_of({**ORDERS, **LONG_ORDERS}[one["order"]], usable)
        ]
    if "one id" in usable:
        for one in parameters(items, test_a_like_request_before_does_not_matter):
            key = one["likeness"], one["accepted_first"], one["times"]
            sequences["alike", *key] = turns(session, *key)
    for one in parameters(items, test_the_body_of_a_refused_caller_does_not_matter):
        if supplied(session, one["caller"]):
            sequences["lent", one["caller"]] = after_a_refused_one(session, usable, one["caller"])
    for one in parameters(items, test_fresh_connections_answer_alike):
        sequences |= {("fresh", name): [planned(session, name, "fresh")] for name in usable_of(one["kinds"], usable)}
    for one in parameters(items, test_the_same_bytes_again_are_answered_alike):
        if (name := one["name"]) in usable:
            again = (session.told_apart("independent/again") for _ in range(one["times"]))
            sequences["again", name, one["times"]] = [(each, alone[name].draft, list(alone[name].ids)) for each in again]
    return dict(zip(sequences, session.play(list(sequences.values())), strict=True))


def usable_of(names, usable):
    """Return those kinds that can be sent, in their order."""
    return [name for name in names if name in usable]


@pytest.mark.requirement("CAR-OP-INDEPENDENT", part="one connection")
@pytest.mark.parametrize("order", swept(ORDERS, LONG_ORDERS), ids=dashed)
def test_what_came_before_on_the_connection_does_not_matter(session, clause, alone, usable, played, order):
    """Requests on one connection are answered as they are alone."""
    names = usable_of({**ORDERS, **LONG_ORDERS}[order], usable)
    for name, exchange in zip(names, played["order", order], strict=True):
        compare(session, clause, name, alone[name], exchange, f"{order}, on one connection")
    nothing_to_compare(session, clause, usable)


@pytest.mark.requirement("CAR-OP-INDEPENDENT", part="many connections")
@pytest.mark.parametrize("kinds", swept([PLAIN], [OTHERS]), ids=["plain", "others"])
def test_fresh_connections_answer_alike(session, clause, alone, usable, played, kinds):
    """Each kind is answered on a second fresh connection as on the first."""
    for name in usable_of(kinds, usable):
        (exchange,) = played["fresh", name]
        compare(session, clause, name, alone[name], exchange, "on another fresh connection")
    nothing_to_compare(session, clause, usable)


@pytest.mark.requirement("CAR-OP-INDEPENDENT", part="16 in flight")
@pytest.mark.parametrize("kind", swept(["all kinds"], ["accepted and refused", "accepted", "refused"]))
def test_16_in_flight_are_answered_as_one(session, clause, alone, usable, kind):
    """16 requests in flight are answered as each is alone."""
    names = {
        "all kinds": list(KINDS),
        "accepted": ["one id", "every member", "five ids", "Completed"] * 4,
        "refused": ["no ids", "Complated", "a number", "empty object"] * 4,
        "accepted and refused": ["one id", "no ids"] * 8,
    }[kind]
    chosen = [name for name in names if name in usable]
    drafts = [planned(session, name, "burst") for name in chosen]
    for name, exchange in zip(chosen, session.burst(drafts), strict=True):
        compare(session, clause, name, alone[name], exchange, "with 16 in flight")
    nothing_to_compare(session, clause, usable)


@pytest.mark.requirement("CAR-OP-INDEPENDENT", part="repeated")
@pytest.mark.parametrize("times", swept([1], [3]))
@pytest.mark.parametrize("name", swept(PLAIN, OTHERS))
def test_the_same_bytes_again_are_answered_alike(clause, alone, usable, played, name, times):
    """The very same request, byte for byte, is answered alike when it is sent again."""
    if KINDS[name].caller == "unprivileged" and name not in usable:
        pytest.skip("the target file has no token of a user without access")
    if name in LONG_KINDS - usable and "one id" in usable:
        pytest.skip("existing ids are not spent on long requests")
    if name not in usable:
        clause.untested("the target refuses ids that it does not know", "access_requests: {pending: […], may_close: true}")
    first = alone[name]
    for later in played["again", name, times]:
        closed_by_now = first.status == 202 and 400 <= later.status < 500  # ids that an earlier request closed are exempt
        kept = alike(first, later) or closed_by_now or (name in REFUSED_CALLERS and later.status in {401, 403})
        clause.expect(kept, f"the answer that it got before: {first.got()}", later.got(), first, later, change="sent again, byte for byte")


BODIES_OF = {
    "none": "nobody", "unprivileged": "a user without access", "expired": "a caller whose token has expired",
    "forged:garbage": "a caller without a token of the target", "forged:signature-random": "a caller whose token does not verify",
}  # fmt: skip
"""Callers whose bodies are sent again by an authorized one."""


@pytest.mark.requirement("CAR-OP-INDEPENDENT", part="the body of a refused caller", since="2026.2")
@pytest.mark.parametrize("caller", swept(["none", "unprivileged"], ["expired", "forged:garbage", "forged:signature-random"]))
def test_the_body_of_a_refused_caller_does_not_matter(session, clause, alone, usable, played, caller):
    """An authorized caller who sends, byte for byte, what was refused to another is answered as if nobody had sent it before."""
    skip_inapplicable(session, caller)
    if not supplied(session, caller):
        pytest.skip(f"the target file has no token of {BODIES_OF[caller]}")
    # Where ids must be known the body names none, as that of the first error does: nobody else had sent it then.
    first = alone["one id"] if "one id" in usable else session.ask(preflight.FIRST_ERROR)
    refused, later = played["lent", caller]
    if refused.status not in {401, 403, *({400} if caller == "forged:garbage" else ())}:  # 400 is tolerated for what is no token at all
        clause.untested(f"the request of {BODIES_OF[caller]} was not refused: {refused.got()}")
    holds = alike(first, later) or not of_the_refused_body(session, usable, caller, first, later)
    clause.expect(
        holds,
        f"the answer that such a request gets where nobody has sent it before: {first.got()}", later.got(), first, refused, later,
        change=f"the body is, byte for byte, that of a request which was refused to {BODIES_OF[caller]} just before",
    )  # fmt: skip


def after_a_refused_one(session, usable, caller):
    """Return a request of a caller who is to be refused, and the same one, byte for byte, of the authorized caller."""
    case = session.told_apart("independent/refused-body")
    if "one id" in usable:
        draft, ids = ONE, ids_for(session, case, ONE, closes=True)
    else:
        draft, ids = Draft(body=Raw(b"{}" + b" " * (2000 + int(case.rpartition("/")[2])))), []
    return [(f"{case}/refused", msgspec.structs.replace(draft, caller=caller), ids), (case, draft, ids)]


def of_the_refused_body(session, usable, caller, first, later):
    """Tell whether an answer is odd for the refused body before it: it comes again with another body, and not without that request."""
    before, alone_again = after_a_refused_one(session, usable, caller), after_a_refused_one(session, usable, caller)[1:]
    (_, again), (control,) = session.play([before, alone_again])
    return again.status == later.status and alike(first, control)


LONG = "Closed by the conformance suite, which says so at some length. " * 3
SAME_IDS = "with the same ids"
ALIKE = {
    "of the same length": lambda key: (Draft(body=padded("Completed", key)), Draft(body=padded("Complated", key))),
    SAME_IDS: lambda _: (
        Draft(body={"accessRequestIds": Ids(2), "executionStatus": "Completed"}),
        Draft(body={"accessRequestIds": Ids(2), "executionStatus": "Complete"}),
    ),
    "with the same message": lambda key: (
        Draft(body={"accessRequestIds": Ids(1), "message": f"{key} {LONG}"}),
        Draft(body={"accessRequestIds": 1, "message": f"{key} {LONG}"}),
    ),
    "with the same beginning": lambda key: (
        Draft(body={"message": f"{key} {LONG}", "accessRequestIds": Ids(1), "executionStatus": "Terminated"}),
        Draft(body={"message": f"{key} {LONG}", "accessRequestIds": Ids(1), "executionStatus": "terminated"}),
    ),
}  # fmt: skip
"""Pairs of a valid and an invalid request that a careless cache takes for one; nothing else in the run is like them."""


def padded(status, key):
    """Return a body as long as no other of the run: white space stands at its end."""
    return Raw(b'{"accessRequestIds": ["{{id}}"], "executionStatus": "%s"}%s' % (status.encode(), b" " * (3000 + 10 * key)))


@pytest.mark.requirement("CAR-OP-INDEPENDENT", part="alike")
@pytest.mark.parametrize("times", swept([4], [6]))
@pytest.mark.parametrize("accepted_first", swept([False], [True]), ids=["refused-first", "accepted-first"])
@pytest.mark.parametrize("likeness", ALIKE, ids=dashed)
def test_a_like_request_before_does_not_matter(session, clause, usable, played, likeness, accepted_first, times):
    """A valid and an invalid request that are alike in something are answered, by turns, as each is where nothing is like it."""
    if "one id" not in usable:
        nothing_to_compare(session, clause, usable)
    odd = one_that_differs(played["alike", likeness, accepted_first, times], likeness)
    if odd is not None and not of_what_came_before(session, likeness, accepted_first, times, odd):
        odd = None
    _, earlier, later = odd or (0, None, None)
    where = f"after another {likeness}, {'accepted' if accepted_first else 'refused'} first"
    got = f"{later.got()}, {where}" if later else ""
    expected = f"the answer that such a request gets by itself: {earlier.got()}" if earlier else ""
    clause.expect(odd is None, expected, got, *filter(None, (earlier, later)), change=f"sent {where}")


def of_what_came_before(session, likeness, accepted_first, times, odd):
    """
    Tell whether an answer is odd for what was sent before it: it comes again, and with its ids such a request by itself gets another.

    Where the ids are what is alike, no request with them is by itself: then it has to come again three times, each with other ids.
    """
    turn, _, later = odd
    if likeness != SAME_IDS:
        key = key_of(likeness, accepted_first, times, 2000)
        case, draft, _ = like(session, likeness, key, valid=is_valid(turn, accepted_first))
        ((alone,),) = session.play([[(case, draft, list(later.ids))]])
        if alike(alone, later):
            return False
    for offset in (1000, 3000, 4000) if likeness == SAME_IDS else (1000,):
        again = one_that_differs(session.play([turns(session, likeness, accepted_first, times, offset)])[0], likeness)
        if again is None or pattern(again) != pattern(odd):
            return False
    return True


def pattern(odd):
    """Return what is to come again of an odd answer: whose turn it was, and the two statuses."""
    turn, earlier, later = odd
    return turn % 2, earlier.status, later.status


def turns(session, likeness, accepted_first, times, offset=0):
    """Return the one that comes second where nothing is like it, then valid and invalid ones by turns, so many in all."""
    key = key_of(likeness, accepted_first, times, offset)
    lonely = like(session, likeness, key + 1, valid=is_valid(1, accepted_first))
    return [lonely, *(like(session, likeness, key, valid=is_valid(turn, accepted_first)) for turn in range(times))]


def key_of(likeness, accepted_first, times, offset=0):
    """Return what requests that are alike have in common; the next number is free for one that is like none."""
    return offset + 100 * times + 4 * list(ALIKE).index(likeness) + 2 * accepted_first


def is_valid(turn, accepted_first):
    """Tell whether the request of a turn is the valid one."""
    return (turn % 2 == 0) == accepted_first


def one_that_differs(exchanges, likeness):
    """Return the first turn that is answered otherwise than its like was, as (turn, the answer of its like, its own); None: all are alike."""
    lonely, *by_turns = exchanges
    first = {1: lonely}
    for turn, exchange in enumerate(by_turns):
        earlier = first.setdefault(turn % 2, exchange)
        closed_by_now = turn > 1 and earlier.status == 202 and 400 <= exchange.status < 500 and likeness == SAME_IDS
        if not alike(earlier, exchange) and not closed_by_now:
            return turn, earlier, exchange
    return None


def like(session, likeness, key, *, valid):
    """Return the valid or the invalid one of two requests that are alike; those of another key are like neither."""
    draft, case = ALIKE[likeness](key)[0 if valid else 1], session.told_apart("independent/alike")
    if likeness != SAME_IDS:
        return case, draft, ids_for(session, case, draft, closes=valid)
    shared = SHARED.setdefault(session, {})
    if key not in shared:
        shared[key] = ids_for(session, str(key), draft, closes=True)
    return case, draft, shared[key]


SHARED = weakref.WeakKeyDictionary()
"""The ids that requests share which are alike in them, by key, for each run as long as it lasts."""


def nothing_to_compare(session, clause, usable):
    """Say so where only refused requests could be compared."""
    if "one id" not in usable:
        clause.untested(
            "the target refuses ids that it does not know: accepted requests were not compared",
            "access_requests: {pending: […], may_close: true}",
        )
    del session
