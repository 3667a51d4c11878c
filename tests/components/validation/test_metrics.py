import tracemalloc

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from components.errors import DataError
from components.training.predictor import OutcomeValues
from components.validation.intervals import standard_error
from components.validation.metrics import (
    LARGE,
    METRICS,
    bootstrap,
    estimates,
    expected_utility,
    labels,
    metrics_of,
)
from components.validation.resampling import Design
from tests.components.validation.sample import people

THRESHOLD = 0.75
VALUE = OutcomeValues(0.0, -0.5, 1.0, -2.0, "hundred dollars")
IN_SKLEARN = {
    "roc_auc": sklearn_metrics.roc_auc_score,
    "average_precision": sklearn_metrics.average_precision_score,
    "log_loss": sklearn_metrics.log_loss,
    "brier_score": sklearn_metrics.brier_score_loss,
    "accuracy": sklearn_metrics.accuracy_score,
    "balanced_accuracy": sklearn_metrics.balanced_accuracy_score,
    "precision": sklearn_metrics.precision_score,
    "recall": sklearn_metrics.recall_score,
    "specificity": lambda y, p, **options: sklearn_metrics.recall_score(y, p, pos_label=0, **options),
    "f1": sklearn_metrics.f1_score,
}


def prediction(name, score):
    return score if METRICS[name].needs == "score" else labels(score, THRESHOLD)


def width(estimate):
    return estimate.high - estimate.low


@pytest.mark.parametrize("digits", [16, 1], ids=["distinct scores", "tied scores"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", metrics_of("binary"))
def test_values_are_scikit_learns(name, weighted, digits):
    sample = people()
    given = sample.y, prediction(name, sample.score.round(digits))
    weight = sample.weight if weighted else None
    expected = IN_SKLEARN[name](*given, sample_weight=weight)
    assert METRICS[name].function(*given, weight) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", metrics_of("binary"))
def test_the_direction_is_that_of_better_models(name):
    y = people().y
    right, wrong = (METRICS[name].function(y, prediction(name, score)) for score in (0.9 * y, 0.9 - 0.9 * y))
    assert (right > wrong) == METRICS[name].greater_is_better


def test_log_loss_of_certainty_that_is_wrong_is_finite_as_in_scikit_learn():
    y, score = np.array([0, 1, 1]), np.array([0.0, 0.0, 1.0])
    assert METRICS["log_loss"].function(y, score) == pytest.approx(sklearn_metrics.log_loss(y, score))


def test_log_loss_reads_scores_of_several_classes():
    y, score = np.array([0, 2, 1]), np.array([[0.7, 0.2, 0.1], [0.2, 0.2, 0.6], [0.3, 0.4, 0.3]])
    assert METRICS["log_loss"].function(y, score) == pytest.approx(sklearn_metrics.log_loss(y, score))


def test_a_score_at_the_threshold_is_decided_positive():
    assert labels(np.array([0.74, 0.75]), 0.75).tolist() == [0, 1]


def test_intervals_are_as_wide_as_the_standard_error_says():
    sample = people()
    for name, estimate in estimates(sample.y, sample.score, threshold=THRESHOLD, seed=1).items():
        statistic = METRICS[name].of(sample.y, sample.score, THRESHOLD)
        error = standard_error(Design(len(sample.y)).contributions(statistic))
        assert width(estimate) == pytest.approx(2 * 1.96 * error, rel=0.15), name
        assert estimate.low < estimate.value < estimate.high, name


def test_metrics_share_their_resamples():
    sample = people()
    together = estimates(sample.y, sample.score, threshold=THRESHOLD, replicates=200, seed=1)["roc_auc"]
    assert together == bootstrap(
        "roc_auc", sample.y, sample.score, threshold=THRESHOLD, replicates=200, seed=1
    )


def test_the_seed_decides():
    sample = people()
    first, again, other = (
        bootstrap("f1", sample.y, sample.score, threshold=THRESHOLD, replicates=200, seed=seed)
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_resampling_cells_is_resampling_rows():
    sample = people()
    options = {"threshold": THRESHOLD, "replicates": 4000, "seed": 1}
    cells = bootstrap("balanced_accuracy", sample.y, sample.score, **options)
    rows = bootstrap(
        "balanced_accuracy", sample.y, sample.score, sample_weight=np.ones(len(sample.y)), **options
    )
    assert (cells.low, cells.high) == pytest.approx((rows.low, rows.high), abs=0.1 * width(rows))


def test_a_higher_level_is_wider():
    sample = people()
    narrow, wide = (
        bootstrap("accuracy", sample.y, sample.score, threshold=THRESHOLD, seed=1, level=level)
        for level in (0.8, 0.99)
    )
    assert wide.low < narrow.low < narrow.high < wide.high
    assert wide.level == 0.99


def test_rows_that_come_twice_in_groups_say_no_more_than_once():
    y, score = np.repeat(people().y, 2), np.repeat(people().score, 2)
    groups = np.repeat(np.arange(len(people().y)), 2)
    options = {"threshold": THRESHOLD, "replicates": 500, "seed": 1}
    independent = bootstrap("brier_score", y, score, **options)
    grouped = bootstrap("brier_score", y, score, groups=groups, **options)
    assert width(grouped) == pytest.approx(np.sqrt(2) * width(independent), rel=0.15)


def test_a_perfect_score_of_few_rows_is_not_taken_for_certain():
    y = people().y[:60]
    for name in ("roc_auc", "average_precision", "accuracy", "recall"):
        estimate = bootstrap(name, y, y.astype(float), threshold=0.5, seed=1)
        assert estimate.value == 1, name
        assert 0.7 < estimate.low < 0.99, name


def test_the_precision_of_no_positive_decision_is_unknown():
    estimate = bootstrap("precision", people().y, people().score, threshold=2.0, seed=1)
    assert (estimate.value, estimate.low, estimate.high) == (0, 0, 1)


def test_one_class_alone_is_refused():
    with pytest.raises(
        DataError, match="roc_auc is undefined on these 50 rows: it needs rows of every class"
    ):
        bootstrap("roc_auc", np.ones(50), people().score[:50], threshold=0.5, seed=1)


def test_many_rows_are_not_resampled():
    copies = LARGE // len(people().y) + 1
    y, score = np.tile(people().y, copies), np.tile(people().score, copies)
    first, second = (estimates(y, score, threshold=THRESHOLD, seed=seed) for seed in (1, 2))
    assert first == second
    few = estimates(people().y, people().score, threshold=THRESHOLD, seed=1)
    for name in metrics_of("binary"):
        assert width(first[name]) == pytest.approx(width(few[name]) / np.sqrt(copies), rel=0.15), name


def test_resampling_holds_a_few_replicates_at_a_time():
    copies = 40_000 // len(people().y)
    y, score = np.tile(people().y, copies), np.tile(people().score, copies)
    tracemalloc.start()
    bootstrap("brier_score", y, score, threshold=0.5, replicates=500, seed=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.6 * len(y) * 500 * 8


def test_expected_utility_is_the_mean_worth_of_the_outcomes():
    y, decided = np.array([1, 1, 0, 0, 0]), np.array([1, 0, 1, 0, 0])
    assert expected_utility(y, decided, VALUE, seed=1).value == pytest.approx((0 - 2 - 0.5 + 1 + 1) / 5)


def test_expected_utility_is_weighted():
    sample = people()
    decided = labels(sample.score, THRESHOLD)
    worth = np.array([[1.0, -0.5], [-2.0, 0.0]])[sample.y, decided]
    estimate = expected_utility(sample.y, decided, VALUE, sample_weight=sample.weight, replicates=200, seed=1)
    assert estimate.value == pytest.approx(np.average(worth, weights=sample.weight))
    assert estimate.low < estimate.value < estimate.high
