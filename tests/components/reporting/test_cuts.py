from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

from components.reporting.cuts import along, band, cuts
from components.training.predictor import ALWAYS, NEVER, OutcomeValues

VALUE = OutcomeValues(2.0, -1.0, 0.5, -3.0, "dollars")


def at(cut, threshold):
    return int(np.flatnonzero(cut.thresholds == threshold)[0])


def test_rates_at_the_chosen_threshold_are_exact(given):
    evaluation = given.evaluation
    cut, y_pred = cuts(evaluation), evaluation.y_score >= evaluation.threshold
    here = at(cut, evaluation.threshold)
    negatives = evaluation.y_true == 0
    assert cut.true_positive_rate[0, here] == pytest.approx(recall_score(evaluation.y_true, y_pred))
    assert cut.precision[0, here] == pytest.approx(precision_score(evaluation.y_true, y_pred))
    assert cut.false_positive_rate[0, here] == pytest.approx(y_pred[negatives].mean())


def test_worth_at_the_chosen_threshold_is_the_sum_over_the_rows(given):
    evaluation = given.evaluation
    y, y_pred = evaluation.y_true, evaluation.y_score >= evaluation.threshold
    each = np.select([y_pred & (y == 1), y_pred, y == 0], [2.0, -1.0, 0.5], -3.0)
    cut = cuts(evaluation)
    assert cut.worth(VALUE)[0, at(cut, evaluation.threshold)] == pytest.approx(1000 * each.mean())


def test_curves_run_from_no_one_to_everyone(given):
    cut = cuts(given.evaluation)
    assert (cut.true_positive_rate[:, 0] == 0).all()
    assert cut.true_positive_rate[:, -1] == pytest.approx(1)
    assert (np.diff(cut.thresholds) < 0).all()


@pytest.mark.parametrize(("threshold", "share"), [(ALWAYS, 1.0), (NEVER, 0.0)])
def test_thresholds_beyond_every_score_are_cuts_too(given, threshold, share):
    cut = cuts(replace(given.evaluation, threshold=threshold))
    assert cut.true_positive_rate[0, at(cut, threshold)] == pytest.approx(share)


def test_equal_scores_are_one_cut(given):
    evaluation = replace(given.evaluation, y_score=np.full(given.evaluation.rows, 0.5), threshold=0.5)
    cut = cuts(evaluation)
    assert len(cut.thresholds) == 2
    assert cut.true_positive_rate[0, -1] == 1


def test_weights_count_as_repeated_rows_do(given):
    evaluation = given.evaluation
    weight = np.random.default_rng(0).integers(1, 4, evaluation.rows)
    repeated = replace(
        evaluation,
        y_true=np.repeat(evaluation.y_true, weight),
        y_score=np.repeat(evaluation.y_score, weight),
    )
    weighted = replace(evaluation, sample_weight=weight.astype(float))
    here, there = cuts(weighted), cuts(repeated)
    assert here.precision[0, at(here, evaluation.threshold)] == pytest.approx(
        there.precision[0, at(there, evaluation.threshold)]
    )


def test_the_band_is_as_wide_as_the_binomial_interval(given):
    evaluation = given.evaluation
    cut = cuts(evaluation)
    here = at(cut, evaluation.threshold)
    low, high = band(cut.true_positive_rate[1:])[:, here]
    rate = cut.true_positive_rate[0, here]
    error = np.sqrt(rate * (1 - rate) / (evaluation.y_true == 1).sum())
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.2)
    assert low < rate < high


def test_the_band_is_the_same_every_time(given):
    first, second = cuts(given.evaluation), cuts(given.evaluation)
    assert np.array_equal(first.true_positive, second.true_positive)


def test_along_interpolates_every_replicate():
    xs = np.array([0.5])
    assert along(xs, np.array([[0, 1], [0, 2]]), np.array([[0, 1], [0, 1]])).tolist() == [[0.5], [0.25]]
