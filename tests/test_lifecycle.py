"""What closing does: states, statuses, messages, audits and events (CAR-LIFE-*), and that a refusal does none of it (CAR-*-NO-EFFECT)."""

import pytest

from closecheck.lifecycle.documents import COMPLETED, STARTED
from closecheck.lifecycle.experiment import Experiment
from closecheck.lifecycle.plan import ALIKE, APPROVED, CHUNKED, CROWD, LISTS, MIXED, PARALLEL, REFUSED, SPECIAL, matrix, texts
from closecheck.lifecycle.search_visibility import SearchVisibility
from closecheck.lifecycle.verdicts import audits, events, refusals, states

SINGLES = (*matrix(), *texts())
CLOSINGS = (*SINGLES, LISTS["three"], LISTS["five hundred"])


@pytest.fixture(scope="session")  # not of the module: its last tests come after those of other files, and would have it made again
def life(run_context):
    """The one experiment: everything sent, then looked at, once for all tests of this file, which judge its ``facts`` and the ``trail`` of its audits."""
    experiment = Experiment(run_context.session, run_context.settings, run_context.sources, run_context.own_observer)
    experiment.run()
    return experiment


@pytest.fixture(scope="module")
def search_visibility(run_context):
    """A few pending requests that the run has not touched."""
    return SearchVisibility(run_context.session, run_context.settings, run_context.sources)


def tell(clause, judgement, part=""):
    """Record what the experiment says."""
    if judgement.absent:
        clause.absent()
    if judgement.holds is None:
        clause.untested(judgement.reason, judgement.supply)
    clause.expect(judgement.holds, judgement.expected, judgement.got, *judgement.exchanges, change=judgement.change, part=part)


def tell_if_told(clause, judgement):
    """Record what the experiment says, under no part of its own: what it cannot say is no lack, as others show the clause."""
    if judgement.holds is None:
        pytest.skip(judgement.reason)
    tell(clause, judgement)


def steps(source):
    """Return the decorator that runs a test once for each step."""
    found = list(source)
    return pytest.mark.parametrize("step", found, ids=[step.name for step in found])


def refused(requirement):
    """Return the refused steps that are judged for a requirement."""
    return [step for step in REFUSED.values() if step.requirement == requirement]


# ------------------------------------------------------------------------------------------------------- closed, and how


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-CLOSED", part="1")
@steps(SINGLES)
def test_a_request_is_closed(life, clause, step):
    """The one request that is named is no longer pending."""
    tell(clause, states.closed(life.facts, step.name))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-CLOSED", part="3")
def test_three_requests_are_closed(life, clause):
    """All of three that are named are no longer pending."""
    tell(clause, states.closed(life.facts, "three"))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-CLOSED", part="500")
def test_five_hundred_requests_are_closed(life, clause):
    """All of five hundred that are named are no longer pending."""
    tell(clause, states.closed(life.facts, "five hundred"))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-CLOSED")
@steps((*MIXED, *PARALLEL, LISTS["one hundred and twenty-three"]))
def test_requests_are_closed_in_any_company(life, clause, step):
    """What is named beside unknown ids, at the same time as others, or in a list of any length, is no longer pending."""
    tell_if_told(clause, states.closed(life.facts, step.name))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-CLOSED", since="2026.2")
@steps((*ALIKE, *SPECIAL, CHUNKED))
def test_requests_are_closed_whatever_the_closing_is_like(life, clause, step):
    """What is named beside an id that another closing names too, or with an odd message, or in chunks, is no longer pending."""
    tell_if_told(clause, states.closed(life.facts, step.name))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-AFTER-APPROVAL")
@steps(APPROVED)
def test_a_request_past_its_approval_is_closed(life, clause, step):
    """A request whose approval is over is closed as any other."""
    tell(clause, states.closed(life.facts, step.name, "a"), step.name)


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-EXECUTION")
@steps(step for step in CLOSINGS if step.execution)
def test_the_execution_status_is_the_one_asked_for(life, clause, step):
    """A closed request shows the execution status of its closing."""
    tell(clause, states.shows(life.facts, step.name, "executionStatus"), step.name)


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-COMPLETION")
@steps(step for step in CLOSINGS if step.completion)
def test_the_completion_status_is_the_one_asked_for(life, clause, step):
    """A closed request shows the completion status of its closing."""
    tell(clause, states.shows(life.facts, step.name, "completionStatus"), step.name)


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-MESSAGE")
@steps(step for step in CLOSINGS if step.text)
def test_the_message_is_among_the_warnings(life, clause, step):
    """A closed request shows the message of its closing, letter by letter."""
    tell(clause, states.shows(life.facts, step.name, "message"), step.name)


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-MESSAGE", since="2026.2")
@steps(SPECIAL)
def test_a_message_is_no_template(life, clause, step):
    """A closed request shows, letter by letter, also what is special to templates, queues and documents."""
    tell_if_told(clause, states.shows(life.facts, step.name, "message"))


@pytest.mark.closes
@pytest.mark.requirement("CAR-BODY-FRAMING", since="2026.2")
def test_a_message_comes_out_of_chunks_as_it_went_in(life, clause):
    """A character whose bytes are in several chunks is the character that it is in a whole body."""
    tell_if_told(clause, states.read_from_chunks(life.facts))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-EXECUTION-DEFAULT")
@steps(step for step in matrix() if not step.execution)
def test_without_an_execution_status_it_is_terminated(life, clause, step):
    """The default does not depend on what else is given."""
    tell(clause, states.shows(life.facts, step.name, "executionStatus"), step.name)


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-COMPLETION-DEFAULT")
@steps(step for step in matrix() if not step.completion)
def test_without_a_completion_status_it_is_failure(life, clause, step):
    """The default does not depend on what else is given."""
    tell(clause, states.shows(life.facts, step.name, "completionStatus"), step.name)


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-MESSAGE-DEFAULT")
@steps(step for step in matrix() if not step.text)
def test_without_a_message_the_documented_one_is_shown(life, clause, step):
    """The default text stands among the warnings, letter by letter, whatever else is given."""
    tell(clause, states.shows(life.facts, step.name, "message"), step.name)


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-CONCURRENT")
def test_closings_at_the_same_time_do_not_mix(life, clause):
    """Each request shows the message and the statuses of its own closing."""
    tell(clause, states.unmixed(life.facts))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-NOT-REOPENED")
def test_a_completed_request_keeps_its_statuses(life, clause):
    """Naming what is over changes nothing of it."""
    tell(clause, states.kept(life.facts))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-ONLY-NAMED")
def test_requests_that_are_not_named_stay_as_they_were(life, clause):
    """No other request shows a message of this run."""
    tell(clause, states.only_named(life.facts))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-REPEAT")
def test_a_request_sent_again_is_answered_in_order(life, clause):
    """The same request sent again, at once and later, is answered with a documented status other than 500."""
    tell(clause, states.repeated(life.facts))


# ---------------------------------------------------------------------------------------------------------------- audits


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-STARTED")
def test_there_is_an_audit_of_the_start(life, clause):
    """A "Close Identity Requests Started" is found for every accepted request."""
    tell(clause, audits.audited(life.trail, STARTED))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-COMPLETED")
def test_there_is_an_audit_of_the_completion(life, clause):
    """A "Close Identity Requests Completed" is found for every accepted request."""
    tell(clause, audits.audited(life.trail, COMPLETED))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-COMPLETED", since="2026.2")
def test_each_start_has_its_completion(life, clause):
    """Started and Completed come in pairs, also where they name neither ids nor messages, and after closings that few services foresee."""
    tell_if_told(clause, audits.paired(life.trail))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-ORDER")
def test_the_start_is_not_later_than_the_completion(life, clause):
    """Started and Completed of one request are in order."""
    tell(clause, audits.in_order(life.trail))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-FAILED-IDS")
@steps(MIXED)
def test_the_completion_lists_what_failed(life, clause, step):
    """The completion audit lists the unknown ids, wherever they stand, and none of the others."""
    tell(clause, audits.failed_listed(life.trail, step.name))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-FAILED-IDS", since="2026.2")
def test_the_completion_lists_five_hundred_that_failed(life, clause):
    """The completion audit lists as many failed ids as a request can name."""
    tell_if_told(clause, audits.failed_listed(life.trail, CROWD.name))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-FAILED-IDS")
def test_the_completion_lists_nothing_where_nothing_failed(life, clause):
    """The completion audit of requests that were all closed lists none of them as failed."""
    tell_if_told(clause, audits.nothing_failed(life.trail))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-NO-AUDIT")
def test_a_refused_request_has_no_audit_of_its_start(life, clause):
    """A refused request was not started."""
    tell(clause, audits.unaudited(life.trail))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-NO-AUDIT", since="2026.2")
def test_no_audit_of_a_start_follows_a_refused_request(life, clause):
    """No Started audit follows a refused request, whether or not the audit names it."""
    tell_if_told(clause, audits.unaudited_alone(life.trail))


# ---------------------------------------------------------------------------------------------------------------- events


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-EVENT", part="1")
def test_an_event_comes_for_each_request_closed_alone(life, clause):
    """Provisioning Completed comes for each request that was closed alone, with its tracking number."""
    tell(clause, events.delivered(life.facts, *(step.name for step in SINGLES)))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-EVENT", part="3")
def test_an_event_comes_for_each_of_three(life, clause):
    """Provisioning Completed comes for each of three, and of those that were closed at the same time."""
    tell(clause, events.delivered(life.facts, "three", *(step.name for step in (*PARALLEL, *MIXED))))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-EVENT", part="500")
def test_an_event_comes_for_each_of_five_hundred(life, clause):
    """Provisioning Completed comes for each of five hundred."""
    tell(clause, events.delivered(life.facts, "five hundred"))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-EVENT")
def test_an_event_comes_for_each_of_a_list_of_any_length(life, clause):
    """Provisioning Completed comes for each of a list whose length is no round number."""
    tell_if_told(clause, events.delivered(life.facts, "one hundred and twenty-three"))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-EVENT")
def test_an_event_comes_for_what_was_approved(life, clause):
    """Provisioning Completed comes also for requests past their approval."""
    tell_if_told(clause, events.delivered(life.facts, *(step.name for step in APPROVED)))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-EVENT", since="2026.2")
def test_an_event_comes_whatever_the_closing_is_like(life, clause):
    """Provisioning Completed comes also where the message is an odd one, and where closings have an id in common."""
    tell_if_told(clause, events.delivered(life.facts, *(step.name for step in (*SPECIAL, CHUNKED, *ALIKE))))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-EVENT", part="none for the refused")
def test_no_event_comes_for_what_was_refused(life, clause):
    """No event comes for requests that the run saw refused."""
    tell(clause, events.not_delivered(life.facts, "refused"))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-EVENT")
def test_no_event_comes_for_what_failed(life, clause):
    """No event comes for ids that name nothing."""
    tell_if_told(clause, events.not_delivered(life.facts, "failed"))


@pytest.mark.closes
@pytest.mark.requirement("CAR-LIFE-EVENT-ONCE")
def test_an_event_comes_once(life, clause):
    """Provisioning Completed comes exactly once for each closed request."""
    tell(clause, events.delivered_once(life.facts))


# -------------------------------------------------------------------------------------------------- what refusals leave


@pytest.mark.closes
@pytest.mark.requirement("CAR-BODY-ATOMIC")
@steps(refused("CAR-BODY-ATOMIC"))
def test_a_body_that_is_refused_closes_nothing(life, clause, step):
    """A body that is refused with 400 closes none of the pending requests that it names."""
    tell(clause, refusals.unchanged(life.facts, step.name), step.refusal)


@pytest.mark.closes
@pytest.mark.requirement("CAR-AUTH-NO-EFFECT", part="no token")
def test_nobody_closes_anything(life, clause):
    """A request without a token, answered 401, closes nothing."""
    tell(clause, refusals.unchanged(life.facts, "refused: no token"))


@pytest.mark.closes
@pytest.mark.requirement("CAR-AUTH-NO-EFFECT")
@steps(step for step in refused("CAR-AUTH-NO-EFFECT") if step.refusal != "no token")
def test_a_caller_who_is_refused_closes_nothing(life, clause, step):
    """A request answered 401 or 403 closes nothing, whichever of these callers the target file supplies."""
    tell_if_told(clause, refusals.unchanged(life.facts, step.name))


@pytest.mark.closes
@pytest.mark.last
@pytest.mark.requirement("CAR-RATE-NO-EFFECT")
@steps(refused("CAR-RATE-NO-EFFECT"))
def test_a_request_beyond_the_limit_closes_nothing(life, clause, step):
    """A request answered 429 closes nothing; it is provoked when all else has been sent."""
    life.exceed_limit()
    tell(clause, refusals.unchanged(life.facts, step.name), step.refusal)


@pytest.mark.closes
@pytest.mark.last
@pytest.mark.requirement("CAR-LIFE-NO-AUDIT")
def test_a_request_beyond_the_limit_has_no_audit_of_its_start(life, clause):
    """A request answered 429 was not started."""
    life.exceed_limit()
    tell_if_told(clause, audits.unaudited(life.trail, last=True))


@pytest.mark.closes
@pytest.mark.last
@pytest.mark.requirement("CAR-LIFE-NO-AUDIT", since="2026.2")
def test_no_audit_of_a_start_follows_a_request_beyond_the_limit(life, clause):
    """No Started audit follows a request answered 429, whether or not the audit names it."""
    life.exceed_limit()
    tell_if_told(clause, audits.unaudited_alone(life.trail, last=True))


@pytest.mark.closes
@pytest.mark.requirement("CAR-FAULT-NO-EFFECT")
@steps(refused("CAR-FAULT-NO-EFFECT"))
def test_a_request_that_ends_in_a_fault_closes_nothing(life, clause, step):
    """A request answered 500 closes nothing."""
    tell(clause, refusals.unchanged(life.facts, step.name), step.refusal)


@pytest.mark.closes
@pytest.mark.requirement("CAR-OP-SAFE-METHODS")
@steps(refused("CAR-OP-SAFE-METHODS"))
def test_a_safe_method_closes_nothing(life, clause, step):
    """GET and HEAD close nothing, whatever their body names."""
    tell_if_told(clause, refusals.unchanged(life.facts, step.name))


@pytest.mark.closes
@pytest.mark.requirement("CAR-OP-OTHER-METHODS")
@steps(refused("CAR-OP-OTHER-METHODS"))
def test_another_method_that_is_refused_closes_nothing(life, clause, step):
    """PUT, PATCH and DELETE that are refused close nothing."""
    tell_if_told(clause, refusals.unchanged(life.facts, step.name))


# --------------------------------------------------------------------------------------------------------------- finding


@pytest.mark.requirement("CAR-LIFE-FINDABLE", part="the page's query")
def test_pending_requests_are_found_by_the_query_of_the_page(search_visibility, clause):
    """The query of the documentation, with its blank after the colon, finds what is pending."""
    tell(clause, search_visibility.by_query())


@pytest.mark.requirement("CAR-LIFE-FINDABLE", part="account activities")
def test_pending_requests_are_listed(search_visibility, clause):
    """List Account Activities shows what is pending."""
    tell(clause, search_visibility.by_list())
