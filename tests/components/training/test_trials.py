import math

import pytest

from components.training.trials import Trial, best_of, hopeless, settled


def trial(*fold_scores, state="complete", number=0):
    return Trial(number, {}, fold_scores, state, 0.1)


GOOD = trial(0.70, 0.80, 0.75)  # folds differ widely, standard error .029
CLOSE = trial(0.699, 0.801, 0.747)  # trials on the same fold do not


def test_a_score_is_the_mean_of_its_folds():
    assert GOOD.score == pytest.approx(0.75)


def test_its_standard_error_is_that_of_a_mean():
    assert GOOD.standard_error == pytest.approx(0.05 / math.sqrt(3))


def test_the_best_is_the_complete_trial_with_the_highest_score():
    lucky = trial(0.99, state="pruned")
    assert best_of([CLOSE, lucky, GOOD, trial(state="failed")]) is GOOD


def test_the_earliest_of_equals_is_best():
    assert best_of([trial(0.7, 0.8, number=4), trial(0.7, 0.8, number=5)]).number == 4


def test_nothing_is_best_while_nothing_is_complete():
    assert best_of([trial(0.9, state="pruned")]) is None


def test_no_trial_is_hopeless_before_its_first_fold_or_without_a_rival():
    assert not hopeless([], [GOOD])
    assert not hopeless([0.1], [])


def test_one_that_trails_on_the_same_fold_beyond_chance_is_hopeless():
    assert hopeless([0.69], [GOOD, CLOSE])


def test_one_that_trails_only_because_its_fold_is_hard_is_not():
    assert not hopeless([0.70], [GOOD, CLOSE])


def test_more_folds_make_a_small_distance_certain():
    assert not hopeless([0.6985], [GOOD, CLOSE])
    assert hopeless([0.6985, 0.7985], [GOOD, CLOSE])


def test_a_single_rival_is_judged_by_its_own_spread():
    assert not hopeless([0.66], [GOOD])
    assert hopeless([0.64], [GOOD])


def test_a_search_is_settled_when_patience_brought_less_than_a_standard_error():
    assert settled([CLOSE, GOOD, CLOSE], patience=2)


def test_a_search_goes_on_while_patience_is_not_used_up():
    assert not settled([GOOD, CLOSE], patience=2)


def test_a_search_goes_on_after_a_gain_beyond_a_standard_error():
    assert not settled([trial(0.60, 0.70, 0.65), CLOSE, GOOD], patience=2)


def test_a_search_goes_on_while_only_failures_lie_before():
    assert not settled([trial(state="failed"), GOOD, CLOSE], patience=2)
