"""Which bundle is meant, and whether it may go where it is to go."""

import pytest

from components.errors import ConfigError, RefusalError
from components.release import candidates
from components.release.candidates import (
    Target,
    beside,
    challenger,
    ended,
    find,
    former,
    newest,
    require_allowed,
    require_beside,
    require_champion,
    require_mode,
    require_same_beside,
    target,
)
from components.release.ledger import Ledger
from components.serving import pointer
from components.store import Store

LIVE, TEST = Target("production", True, False), Target("test", False, False)
APPROVING = Target("production", True, True)


def bundle(run: str) -> str:
    return f"{run}abcdef0" * 8


@pytest.fixture
def ledger(tmp_path):
    """Run 1 was rejected, runs 2 and 3 were approved."""
    ledger = Ledger(Store(str(tmp_path / "store")))
    for run, event in {"1": "rejected", "2": "approved", "3": "approved"}.items():
        happen(ledger, event, run, pathspec=f"TrainFlow/{run}0")
    return ledger


def happen(ledger, event, run, **details):
    return ledger.append(
        event=event, run=f"TrainFlow/{run}", bundle_id=bundle(run), by="ada", why="it is so", details=details
    )


@pytest.mark.parametrize("wanted", [bundle("2"), bundle("2")[:8], "TrainFlow/2", "TrainFlow/20"])
def test_a_bundle_is_found_by_its_id_the_letters_it_begins_with_and_its_run(ledger, wanted):
    assert find(ledger.entries(), wanted).bundle_id == bundle("2")


@pytest.mark.parametrize("wanted", [bundle("2")[:7], "f" * 64, "TrainFlow/9", "", "2"])
def test_what_no_decision_is_on_is_refused(ledger, wanted):
    with pytest.raises(RefusalError, match="No decision in the ledger"):
        find(ledger.entries(), wanted)


def test_letters_that_begin_several_ids_are_refused(ledger):
    ledger.append(
        event="approved", run="TrainFlow/4", bundle_id=bundle("2")[:10] + "0" * 54, by="ada", why="so"
    )
    with pytest.raises(RefusalError, match="begins the ids of 2 bundles"):
        find(ledger.entries(), bundle("2")[:8])
    assert find(ledger.entries(), bundle("2")[:12]).run == "TrainFlow/2"


def test_the_newest_is_the_one_that_was_approved_last(ledger):
    happen(ledger, "rejected", "5")
    assert newest(ledger.entries(), "production").run == "TrainFlow/3"


def test_the_newest_is_none_that_was_taken_back(ledger):
    happen(ledger, "promoted", "2", environment="production")
    happen(ledger, "promoted", "3", environment="production")
    happen(ledger, "rolled back", "3", environment="production")
    assert newest(ledger.entries(), "production").run == "TrainFlow/2"
    happen(ledger, "promoted", "3", environment="production")
    assert newest(ledger.entries(), "production").run == "TrainFlow/3"


def test_without_an_approval_there_is_no_newest(tmp_path):
    with pytest.raises(RefusalError, match="no approved bundle"):
        newest(Ledger(Store(str(tmp_path))).entries(), "production")


def test_a_rollback_goes_to_the_champion_before(ledger):
    happen(ledger, "promoted", "2", environment="production")
    happen(ledger, "promoted", "1", environment="test")
    with pytest.raises(RefusalError, match=r"1 promotion into production .* no champion before"):
        former(ledger.entries(), "production")
    happen(ledger, "promoted", "3", environment="production")
    decision, promotion = former(ledger.entries(), "production")
    assert (decision.run, decision.event, promotion.run) == ("TrainFlow/2", "approved", "TrainFlow/3")


def test_a_rejected_bundle_may_go_to_test_alone(ledger):
    rejected = find(ledger.entries(), "TrainFlow/1")
    require_allowed(ledger.entries(), rejected, TEST)
    for to in (LIVE, Target("staging", False, False)):
        with pytest.raises(RefusalError, match="was rejected"):
            require_allowed(ledger.entries(), rejected, to)


def test_a_bundle_that_was_ever_rejected_stays_so(ledger):
    forged = happen(ledger, "approved", "1")
    with pytest.raises(RefusalError, match="was rejected"):
        require_allowed(ledger.entries(), forged, LIVE)


def test_where_a_person_must_approve_one_must(ledger):
    approved = find(ledger.entries(), "TrainFlow/2")
    happen(ledger, "approved by a person", "3")
    with pytest.raises(RefusalError, match="make approve RUN=TrainFlow/2"):
        require_allowed(ledger.entries(), approved, APPROVING)
    require_allowed(ledger.entries(), approved, APPROVING, again=True)
    happen(ledger, "approved by a person", "2")
    require_allowed(ledger.entries(), approved, APPROVING)


def test_a_champion_that_changed_meanwhile_is_named(ledger):
    require_champion(ledger.entries(), "", "production")
    happen(ledger, "promoted", "2", environment="production")
    require_champion(ledger.entries(), bundle("2"), "production")
    with pytest.raises(RefusalError, match=f"Another deployment was first: .*{bundle('2')[:12]}.* none"):
        require_champion(ledger.entries(), "", "production")


def test_the_last_environment_meets_users():
    environments = ("test", "staging", "live")
    assert target("", environments, True) == Target("live", True, True)
    assert target("staging", environments, True) == Target("staging", False, False)
    with pytest.raises(ConfigError, match=r"'moon' is no environment.*staging"):
        target("moon", environments, False)
    assert candidates.TEST == pointer.TEST == "test"  # the server knows nothing of the release


# Beside the champion


def test_a_challenger_stands_beside_the_champion_until_it_is_ended(ledger):
    happen(ledger, "promoted", "2", environment="production")
    assert challenger(ledger.entries(), "production") is None
    happen(ledger, "set beside", "3", environment="production", mode="shadow")
    assert challenger(ledger.entries(), "production").bundle_id == bundle("3")
    assert challenger(ledger.entries(), "staging") is None
    assert ended(ledger.entries(), "production").run == "TrainFlow/3"
    happen(ledger, "set beside", "3", environment="production", mode="off")
    assert challenger(ledger.entries(), "production") is None
    with pytest.raises(RefusalError, match="Nothing stands beside"):
        ended(ledger.entries(), "production")
    assert ledger.champion().bundle_id == bundle("2")


@pytest.mark.parametrize("event", ["promoted", "rolled back"])
def test_another_champion_ends_the_comparison(ledger, event):
    happen(ledger, "promoted", "2", environment="production")
    happen(ledger, "set beside", "3", environment="production", mode="split")
    happen(ledger, "refused", "1", environment="production")
    assert challenger(ledger.entries(), "production") is not None
    happen(ledger, event, "3", environment="production")
    assert challenger(ledger.entries(), "production") is None


def test_a_challenger_needs_another_champion(ledger):
    two = find(ledger.entries(), "TrainFlow/2")
    with pytest.raises(RefusalError, match="has no champion beside which"):
        require_beside(ledger.entries(), two, "production")
    happen(ledger, "promoted", "2", environment="production")
    with pytest.raises(RefusalError, match="cannot be its challenger"):
        require_beside(ledger.entries(), two, "production")
    require_beside(ledger.entries(), find(ledger.entries(), "TrainFlow/3"), "production")


def test_of_two_that_set_a_bundle_beside_the_champion_the_second_is_told(ledger):
    happen(ledger, "promoted", "2", environment="production")
    seen = beside(ledger.entries(), "production")
    require_same_beside(ledger.entries(), seen, "production")
    happen(ledger, "set beside", "3", environment="production", mode="shadow")
    with pytest.raises(RefusalError, match=r"first: bundle 3abc.*\(shadow\) now stands beside"):
        require_same_beside(ledger.entries(), seen, "production")
    require_same_beside(ledger.entries(), seen, "staging")
    seen = beside(ledger.entries(), "production")
    happen(ledger, "set beside", "3", environment="production", mode="split")
    with pytest.raises(RefusalError, match=r"first: bundle 3abc.*\(split\)"):
        require_same_beside(ledger.entries(), seen, "production")
    happen(ledger, "set beside", "3", environment="production", mode="off")
    with pytest.raises(RefusalError, match="first: nothing now stands beside"):
        require_same_beside(ledger.entries(), seen, "production")


@pytest.mark.parametrize(("mode", "share"), [("canary", 0.1), ("split", 1.1), ("split", -0.1)])
def test_a_mode_or_a_share_that_there_is_not_is_refused(mode, share):
    require_mode("split", 0.1)
    with pytest.raises(ConfigError, match=r"no mode|from 0 to 1"):
        require_mode(mode, share)
