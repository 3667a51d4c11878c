"""Metrics of numbers are scikit-learn's, and their intervals hold."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from components.validation.comparison import paired_difference
from components.validation.deviation import Determination, RootMean
from components.validation.metrics import METRICS, estimates, metrics_of
from components.validation.resampling import Design
from tests.components.validation.numbers import numbers

IN_SKLEARN = {
    "r2": sklearn_metrics.r2_score,
    "root_mean_squared_error": sklearn_metrics.root_mean_squared_error,
    "mean_absolute_error": sklearn_metrics.mean_absolute_error,
}


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", metrics_of("regression"))
def test_values_are_scikit_learns(name, weighted):
    rows = numbers()
    weight = rows.weight if weighted else None
    expected = IN_SKLEARN[name](rows.y, rows.score, sample_weight=weight)
    assert METRICS[name].function(rows.y, rows.score, weight) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("statistic", [Determination, RootMean])
def test_the_influence_is_the_derivative_by_each_weight(statistic):
    rows, step = numbers(), 1e-6
    made = statistic(rows.y, rows.score)
    influence = made.influence(rows.weight)
    for row in (0, 17, 333):
        more, less = rows.weight.copy(), rows.weight.copy()
        more[row], less[row] = more[row] + step, less[row] - step
        high, low = made.values(np.stack([more, less]))
        assert influence[row] == pytest.approx((high - low) / (2 * step), rel=1e-4)


def test_far_off_numbers_lose_no_digits():
    rows = numbers()
    near, far = (Determination(rows.y + shift, rows.score + shift) for shift in (0, 1e9))
    weight = np.ones((1, len(rows.y)))
    assert far.values(weight)[0] == pytest.approx(near.values(weight)[0], abs=1e-6)


def test_alike_outcomes_have_no_determination():
    assert np.isnan(Determination(np.ones(5), np.arange(5.0)).values(np.ones((1, 5)))[0])


def test_intervals_hold_the_value_of_all_rows_about_as_often_as_they_say():
    rows = numbers()
    truth = {name: METRICS[name].function(rows.y, rows.score) for name in metrics_of("regression")}
    held = dict.fromkeys(truth, 0)
    generator = np.random.default_rng(5)
    for _ in range(60):
        picked = generator.integers(0, len(rows.y), 200)
        found = estimates(
            rows.y[picked], rows.score[picked], metrics=list(truth), threshold=0.0, replicates=200, seed=1
        )
        for name, value in truth.items():
            held[name] += found[name].low <= value <= found[name].high
    assert all(53 <= count <= 60 for count in held.values()), held


@pytest.mark.parametrize("name", metrics_of("regression"))
def test_the_better_model_is_above_the_weaker_one_in_every_metric(name):
    rows = numbers()
    found = paired_difference(name, rows.y, rows.score, rows.weaker)
    assert 0 < found.low < found.value < found.high


def test_the_same_model_is_no_better_than_itself():
    rows = numbers()
    found = paired_difference("r2", rows.y, rows.score, rows.score)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_rows_that_come_together_widen_the_interval():
    rows = numbers()
    doubled = [np.repeat(each, 5) for each in (rows.y, rows.score)]
    alone, together = (
        estimates(*doubled, metrics=["r2"], threshold=0.0, groups=groups, replicates=200, seed=1)["r2"]
        for groups in (None, np.repeat(np.arange(len(rows.y)), 5))
    )
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_every_row_counts():
    rows = numbers()
    assert Design(len(rows.y)).units(Determination(rows.y, rows.score)) == pytest.approx(len(rows.y))
