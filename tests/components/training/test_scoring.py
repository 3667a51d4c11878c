import numpy as np
import pytest
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from components.errors import ConfigError
from components.training.scoring import SCORERS, likeliest, response, scorer

Y = np.array([0, 1, 1, 0, 1, 0, 1, 1])
SCORE = np.array([0.2, 0.9, 0.4, 0.6, 0.7, 0.1, 0.8, 0.45])
WEIGHT = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0, 0.25, 1.0])


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision"])
def test_scores_are_scikit_learns_with_weights(metric):
    expected = getattr(metrics, f"{metric}_score")(Y, SCORE, sample_weight=WEIGHT)
    assert scorer(metric)(Y, SCORE, WEIGHT) == expected


@pytest.mark.parametrize(
    ("metric", "function"), [("log_loss", "log_loss"), ("brier_score", "brier_score_loss")]
)
def test_losses_are_negated(metric, function):
    assert scorer(metric)(Y, SCORE, WEIGHT) == -getattr(metrics, function)(Y, SCORE, sample_weight=WEIGHT)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "precision", "recall", "f1"])
def test_metrics_of_labels_take_the_likelier_class(metric):
    expected = getattr(metrics, f"{metric}_score")(Y, SCORE >= 0.5, sample_weight=WEIGHT)
    assert scorer(metric)(Y, SCORE, WEIGHT) == expected


def test_specificity_is_the_recall_of_negatives():
    assert scorer("specificity")(Y, SCORE, None) == pytest.approx(2 / 3)


@pytest.mark.parametrize("metric", list(SCORERS["binary"]))
def test_a_perfect_score_is_better_than_a_poor_one(metric):
    perfect, poor = np.where(Y == 1, 0.99, 0.01), np.where(Y == 1, 0.4, 0.6)
    assert scorer(metric)(Y, perfect, None) > scorer(metric)(Y, poor, None)


@pytest.mark.parametrize("metric", list(SCORERS["multiclass"]))
def test_a_perfect_score_of_three_classes_is_better_than_a_poor_one(metric):
    y = np.array([0, 1, 2, 2])
    perfect, poor = np.full((4, 3), 0.05), np.full((4, 3), 1 / 3)
    perfect[np.arange(4), y] = 0.9
    assert scorer(metric, "multiclass")(y, perfect, None) > scorer(metric, "multiclass")(y, poor, None)


@pytest.mark.parametrize("metric", list(SCORERS["regression"]))
def test_a_near_number_is_better_than_a_far_one(metric):
    y = np.array([1.0, 5.0, 9.0])
    assert scorer(metric, "regression")(y, y + 0.1, None) > scorer(metric, "regression")(y, y + 3, None)


def test_a_metric_of_another_task_is_refused():
    with pytest.raises(ConfigError, match=r"'r2' is not known; use one of roc_auc.*the task is binary"):
        scorer("r2")


def test_an_unknown_metric_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match=r"'auc' is not known; use one of roc_auc"):
        scorer("auc")


def test_the_response_is_the_probability_of_the_second_of_two_classes(people):
    X = people.X[["age", "education"]]
    model = LogisticRegression().fit(X, people.y)
    np.testing.assert_array_equal(response(model, X), model.predict_proba(X)[:, 1])


def test_the_response_is_a_column_a_class_where_there_are_more(people):
    X, y = people.X[["age", "education"]], people.X["citizenship"]
    assert response(LogisticRegression(max_iter=1000).fit(X, y), X).shape == (len(X), y.nunique())


def test_the_likeliest_of_many_classes_has_the_highest_probability():
    assert likeliest(np.array([[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])).tolist() == [1, 2]
