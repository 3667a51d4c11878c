"""Requests for another training: each is answered once, by one, and not for ever."""

from datetime import UTC, datetime, timedelta

import pytest

from components.errors import RefusalError
from components.release.ledger import Ledger
from components.release.retraining import (
    BEGUN,
    ENDED,
    REQUESTED,
    begin,
    end_if_gone,
    has_ended,
    require_may_begin,
    stopped,
    tried,
)
from components.store import Store

CHAMPION, NEXT = "a" * 64, "b" * 64


@pytest.fixture
def ledger(tmp_path):
    """A champion stands in production."""
    ledger = Ledger(Store(str(tmp_path / "store")))
    promote(ledger, CHAMPION)
    return ledger


def happen(ledger, event, bundle_id=CHAMPION, once_key=None, **details):
    details = {"environment": "production", **details}
    return ledger.append(
        event=event,
        run="TrainFlow/1",
        bundle_id=bundle_id,
        by="ada",
        why="so",
        details=details,
        once_key=once_key,
    )


def promote(ledger, bundle_id):
    happen(ledger, "promoted", bundle_id)


def end(ledger, request, outcome):
    begun = happen(ledger, BEGUN, request_number=request.number, host="here", process=1)
    return happen(ledger, ENDED, **{**begun.details, "outcome": outcome})


def now(ledger):
    return tried(ledger.entries(), "production")


def may_begin(ledger, request, most_failures=3):
    require_may_begin(ledger.entries(), request, "production", most_failures=most_failures)


def test_where_nobody_asked_nothing_is_open(ledger):
    assert (now(ledger).open, now(ledger).failures, now(ledger).begun) == (None, 0, None)


def test_the_newest_request_is_open_and_answers_those_before_it(ledger):
    happen(ledger, REQUESTED, window="2016")
    newest = happen(ledger, REQUESTED, window="2017")
    assert now(ledger).open == newest
    may_begin(ledger, newest)
    end(ledger, newest, "rejected")
    assert now(ledger).open is None


def test_a_request_about_an_older_window_is_answered_by_the_one_before_it(ledger):
    january, february = "2026-02-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00"
    newest = happen(ledger, REQUESTED, end=february)
    happen(ledger, REQUESTED, end=january)
    assert now(ledger).open == newest
    end(ledger, newest, "rejected")
    happen(ledger, REQUESTED, end=january)
    assert now(ledger).open is None
    by_a_person = happen(ledger, REQUESTED, end="", by_a_person=True)
    assert now(ledger).open == by_a_person
    promote(ledger, NEXT)
    of_the_next = happen(ledger, REQUESTED, NEXT, end=january)
    assert now(ledger).open == of_the_next


def test_a_request_that_came_while_an_older_one_was_answered_stays_open(ledger):
    first = happen(ledger, REQUESTED, window="2016")
    begun = happen(ledger, BEGUN, request_number=first.number, host="here", process=1)
    second = happen(ledger, REQUESTED, window="2017")
    happen(ledger, ENDED, **{**begun.details, "outcome": "rejected"})
    assert now(ledger).open == second
    with pytest.raises(RefusalError, match="a newer one was made"):
        may_begin(ledger, first)


def test_of_one_cause_there_is_one_request(ledger):
    one = happen(ledger, REQUESTED, once_key="retraining production-2016")
    end(ledger, one, "refused")
    assert happen(ledger, REQUESTED, once_key="retraining production-2016") == one
    assert now(ledger).open is None


def test_while_one_answers_another_is_told_who(ledger):
    request = happen(ledger, REQUESTED)
    happen(ledger, BEGUN, request_number=request.number, host="there", process=17)
    with pytest.raises(RefusalError, match=r"ada answers a request since .*process 17 on there"):
        may_begin(ledger, request)


def test_a_request_about_a_champion_of_the_past_is_answered_by_its_successor(ledger):
    request = happen(ledger, REQUESTED)
    promote(ledger, NEXT)
    assert now(ledger).open is None
    with pytest.raises(RefusalError, match="was answered"):
        may_begin(ledger, request)


def test_requests_of_another_environment_are_not_meant(ledger):
    happen(ledger, REQUESTED, environment="staging")
    assert now(ledger).open is None


@pytest.mark.parametrize("outcome", ["rejected", "refused", "failed"])
def test_after_failures_in_a_row_nothing_more_is_tried_until_a_person_asks(ledger, outcome):
    for window in range(3):
        request = happen(ledger, REQUESTED, window=window)
        may_begin(ledger, request)
        end(ledger, request, outcome)
    request = happen(ledger, REQUESTED, window=3)
    with pytest.raises(RefusalError, match="3 retrainings of production in a row"):
        may_begin(ledger, request)
    may_begin(ledger, request, most_failures=4)
    asked = happen(ledger, REQUESTED, by_a_person=True)
    may_begin(ledger, asked)


def test_what_awaits_a_persons_approval_is_answered_and_is_no_failure(ledger):
    for window in range(3):
        request = happen(ledger, REQUESTED, window=window)
        may_begin(ledger, request)
        end(ledger, request, "awaits approval")
        assert (now(ledger).open, now(ledger).failures, now(ledger).begun) == (None, 0, None)
    end(ledger, happen(ledger, REQUESTED), "rejected")
    end(ledger, happen(ledger, REQUESTED), "awaits approval")
    assert now(ledger).failures == 1  # nor does it end the count


def test_what_an_event_trained_and_awaits_a_persons_approval_is_answered_and_is_no_failure(ledger):
    for window in range(3):
        request = happen(ledger, REQUESTED, window=window)
        by_event(ledger, request)
        happen(ledger, "approved", f"{window}" * 64, cause=request.hash)
        happen(ledger, "refused", f"{window}" * 64, awaits_approval=True)
        assert (now(ledger).open, now(ledger).failures, now(ledger).begun) == (None, 0, None)
    promote(ledger, "2" * 64)
    assert now(ledger).failures == 0


def test_a_rejected_run_that_an_event_started_answers_and_counts(ledger):
    request = happen(ledger, REQUESTED)
    happen(ledger, "rejected", NEXT, cause="f" * 64, environment="elsewhere")
    assert (now(ledger).open, now(ledger).failures) == (request, 0)
    happen(ledger, "rejected", NEXT, cause=request.hash)
    assert (now(ledger).open, now(ledger).failures) == (None, 1)
    promote(ledger, NEXT)
    assert now(ledger).failures == 0


def test_a_rejection_counts_once_where_somebody_waits_for_its_end(ledger):
    request = happen(ledger, REQUESTED)
    begun = happen(ledger, BEGUN, request_number=request.number, host="here", process=1)
    happen(ledger, "rejected", NEXT, cause=request.hash)
    happen(ledger, ENDED, **{**begun.details, "outcome": "rejected"})
    assert (now(ledger).open, now(ledger).failures) == (None, 1)


def test_a_new_champion_ends_the_count_of_failures(ledger):
    for outcome in ("rejected", "rejected", "promoted"):
        end(ledger, happen(ledger, REQUESTED), outcome)
    assert now(ledger).failures == 0


def test_who_began_and_is_gone_holds_up_nobody(ledger):
    begun = happen(ledger, BEGUN, request_number=1, host="here", process=17)
    at = datetime.fromisoformat(begun.at)
    soon, later = at + timedelta(minutes=1), at + timedelta(hours=25)
    kept = {"host": "here", "patience_hours": 24.0}
    assert not has_ended(begun, running=True, now=soon, **kept)
    assert has_ended(begun, running=False, now=soon, **kept)
    assert has_ended(begun, running=True, now=later, **kept)
    assert not has_ended(begun, running=False, now=soon, host="there", patience_hours=24.0)
    assert datetime.now(UTC) > at - timedelta(hours=1)


def by_event(ledger, request, most_failures=3):
    """An event starts the training of a request."""
    return begin(
        ledger, request, "production", most_failures=most_failures, by="ada", event_of="Argo Workflows"
    )


def test_while_an_event_trains_nobody_else_does(ledger):
    request = happen(ledger, REQUESTED)
    begun = by_event(ledger, request)
    assert now(ledger).begun == begun
    assert (begun.details["host"], begun.details["cause"]) == ("Argo Workflows", request.hash)
    with pytest.raises(RefusalError, match=r"answers a request since .*an event on Argo Workflows"):
        may_begin(ledger, request)
    with pytest.raises(RefusalError, match="answers a request since"):
        by_event(ledger, request)


def test_the_rejection_of_what_an_event_trained_answers_and_counts(ledger):
    request = happen(ledger, REQUESTED)
    by_event(ledger, request)
    happen(ledger, "rejected", NEXT, cause=request.hash)
    assert (now(ledger).open, now(ledger).failures, now(ledger).begun) == (None, 1, None)


def test_what_an_event_trained_and_the_deployment_refused_answers_and_counts_once(ledger):
    request = happen(ledger, REQUESTED)
    begun = by_event(ledger, request)
    happen(ledger, "approved", NEXT, cause=request.hash, environment="wherever")
    assert (now(ledger).open, now(ledger).begun) == (request, begun)
    happen(ledger, "refused", "c" * 64)  # another bundle
    assert (now(ledger).open, now(ledger).failures) == (request, 0)
    happen(ledger, "refused", NEXT)
    happen(ledger, "refused", NEXT)
    assert (now(ledger).open, now(ledger).failures, now(ledger).begun) == (None, 1, None)


def test_what_an_event_trained_and_was_promoted_answers(ledger):
    request = happen(ledger, REQUESTED)
    by_event(ledger, request)
    happen(ledger, "approved", NEXT, cause=request.hash)
    promote(ledger, NEXT)
    assert (now(ledger).open, now(ledger).failures, now(ledger).begun) == (None, 0, None)


def test_refusals_of_what_events_trained_stop_the_loop(ledger):
    for window in range(3):
        assert stopped(now(ledger), "production", 3) == ""
        request = happen(ledger, REQUESTED, window=window)
        by_event(ledger, request)
        happen(ledger, "approved", f"{window}" * 64, cause=request.hash)
        happen(ledger, "refused", f"{window}" * 64)
    request = happen(ledger, REQUESTED, window=3)
    assert "3 retrainings of production in a row" in stopped(now(ledger), "production", 3)
    with pytest.raises(RefusalError, match="a person is to look why"):
        by_event(ledger, request)


def test_a_training_that_an_event_started_and_that_never_ends_counts_and_is_tried_again(ledger):
    request = happen(ledger, REQUESTED)
    by_event(ledger, request)
    end_if_gone(ledger, "production", patience_hours=24.0, by="ada")
    assert now(ledger).begun is not None
    end_if_gone(ledger, "production", patience_hours=-1.0, by="ada")
    assert (now(ledger).open, now(ledger).failures, now(ledger).begun) == (request, 1, None)
    by_event(ledger, request)


def test_a_retraining_that_broke_off_leaves_its_request_open(ledger):
    """Whoever is killed did not answer; the next one does."""
    request = happen(ledger, REQUESTED)
    end(ledger, request, "failed")
    assert (now(ledger).open, now(ledger).failures) == (request, 1)
    may_begin(ledger, request)


def test_the_decision_on_what_a_process_trained_does_not_end_it(ledger):
    request = happen(ledger, REQUESTED)
    begun = begin(ledger, request, "production", most_failures=3, by="ada")
    happen(ledger, "approved", NEXT, cause=request.hash)
    happen(ledger, "refused", NEXT)
    assert (now(ledger).begun, now(ledger).failures) == (begun, 0)
    end_if_gone(ledger, "production", patience_hours=24.0, by="ada")  # this very process, which runs
    assert now(ledger).begun == begun
