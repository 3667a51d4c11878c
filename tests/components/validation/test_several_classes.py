"""Metrics of several classes are scikit-learn's; decisions follow what they are worth."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from components.training.class_predictor import decided
from components.training.outcomes import class_values
from components.validation.comparison import paired_difference
from components.validation.metrics import METRICS, bootstrap, estimates, expected_utility, metrics_of
from components.validation.slices import slice_report

PER_SKLEARN = {
    "roc_auc": lambda y, p, **weight: sklearn_metrics.roc_auc_score(y, p, multi_class="ovr", **weight),
    "log_loss": sklearn_metrics.log_loss,
    "brier_score": sklearn_metrics.brier_score_loss,
    "accuracy": sklearn_metrics.accuracy_score,
    "balanced_accuracy": sklearn_metrics.balanced_accuracy_score,
    "f1": lambda y, p, **weight: sklearn_metrics.f1_score(y, p, average="macro", **weight),
}


@pytest.fixture(scope="module")
def rows():
    """Wines with noise in their measurements, and what a model that never saw them says."""
    X, y = load_wine(return_X_y=True)
    generator = np.random.default_rng(0)
    X, y = np.repeat(StandardScaler().fit_transform(X), 6, axis=0), np.repeat(y, 6)
    X, order = X + generator.normal(0, 2.5, X.shape), generator.permutation(len(y))
    X, y = X[order], y[order]
    score = LogisticRegression().fit(X[500:], y[500:]).predict_proba(X[:500])
    weak = LogisticRegression().fit(X[500:, :2], y[500:]).predict_proba(X[:500, :2])
    return y[:500], score, weak


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", metrics_of("multiclass"))
def test_values_are_scikit_learns(rows, name, weighted):
    y, score, _ = rows
    weight = 1.0 + np.arange(len(y)) % 3 if weighted else None
    given = score if METRICS[name].needs == "score" else score.argmax(axis=1)
    expected = PER_SKLEARN[name](y, given, sample_weight=weight)
    assert METRICS[name].function(y, given, weight) == pytest.approx(expected, abs=1e-12)


def test_every_metric_has_an_interval_around_it(rows):
    y, score, _ = rows
    found = estimates(y, score, metrics=metrics_of("multiclass"), threshold=np.eye(3), replicates=200, seed=0)
    assert set(found) == set(PER_SKLEARN)
    assert all(each.low < each.value < each.high for each in found.values())


@pytest.mark.parametrize("name", ["roc_auc", "log_loss", "accuracy"])
def test_the_better_model_is_shown_to_be_better(rows, name):
    y, score, weak = rows
    assert paired_difference(name, y, score, weak, threshold=np.eye(3)).low > 0


def test_decisions_follow_the_worth_and_so_do_metrics_of_decisions(rows):
    y, score, _ = rows
    value = class_values(("0", "1", "2"), 0.0, -1.0, {"0": {"1": -20.0, "2": -20.0}}, "points")
    accuracy = bootstrap("accuracy", y, score, threshold=value.table, replicates=200, seed=0).value
    assert accuracy == pytest.approx((decided(score, value.table) == y).mean())
    assert accuracy < (score.argmax(axis=1) == y).mean()
    careful, plain = (
        expected_utility(y, decided(score, table), value, replicates=200, seed=0).value
        for table in (value.table, np.eye(3))
    )
    assert careful > plain


def test_slices_without_every_class_are_named_and_not_scored(rows):
    y, score, _ = rows
    frame = pd.DataFrame(
        {"kind": np.where(y == 0, "only the first", "the others"), "half": np.arange(len(y)) % 2}
    )
    report = slice_report(frame, y, score, metric="roc_auc", min_rows=50, threshold=np.eye(3))
    assert {each.feature for each in report.slices} == {"half"}
    assert len(report.skipped) == 2


@pytest.mark.parametrize("absent", [0, 1, 2], ids=["first", "middle", "last"])
@pytest.mark.parametrize("everything", [False, True], ids=["as scored", "all decided alike"])
def test_f1_of_a_slice_that_lacks_a_class_is_scikit_learns(rows, absent, everything):
    y, score, _ = rows
    inside = (y != absent) & (score.argmax(axis=1) != absent)
    if everything:  # one of its two classes is decided for each of its rows
        score = np.where(inside[:, None], np.eye(3)[(absent + 1) % 3], score)
    frame = pd.DataFrame({"part": np.where(inside, "two", "three")})
    report = slice_report(frame, y, score, metric="f1", min_rows=50, threshold=np.eye(3))
    (found,) = (each for each in report.slices if each.bin == "two")
    wanted = sklearn_metrics.f1_score(y[inside], score[inside].argmax(axis=1), average="macro")
    assert found.value == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("absent", [0, 1, 2], ids=["first", "middle", "last"])
def test_recalls_need_rows_of_every_class_whichever_a_slice_lacks(rows, absent):
    y, score, _ = rows
    frame = pd.DataFrame({"part": np.where((y == absent) | (np.arange(len(y)) % 2), "three", "two")})
    score = np.where((frame["part"] == "two").to_numpy()[:, None], np.eye(3)[(absent + 1) % 3], score)
    report = slice_report(frame, y, score, metric="balanced_accuracy", min_rows=50, threshold=np.eye(3))
    assert [each.bin for each in report.slices] == ["three"]
