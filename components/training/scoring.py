"""Scores of a model on rows it was not trained on, all turned so that greater is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from components.errors import ConfigError
from components.training.target import Task

Array = np.ndarray[Any, np.dtype[Any]]
Score = Callable[[Array, Array, Array | None], float]


@dataclass(frozen=True)
class Scorer:
    """One of scikit-learn's metrics, and what it wants.

    Attributes:
        function: its name in `sklearn.metrics`.
        sign: 1 where greater is better, -1 for losses.
        needs: scores, or the class that they make likelier.
        options: further arguments of the function.
    """

    function: str
    sign: Literal[1, -1]
    needs: Literal["score", "label"]
    options: Mapping[str, Any] = field(default_factory=dict)


SCORERS: dict[Task, dict[str, Scorer]] = {
    "binary": {
        "roc_auc": Scorer("roc_auc_score", 1, "score"),
        "average_precision": Scorer("average_precision_score", 1, "score"),
        "log_loss": Scorer("log_loss", -1, "score"),
        "brier_score": Scorer("brier_score_loss", -1, "score"),
        "accuracy": Scorer("accuracy_score", 1, "label"),
        "balanced_accuracy": Scorer("balanced_accuracy_score", 1, "label"),
        "precision": Scorer("precision_score", 1, "label", {"zero_division": 0.0}),
        "recall": Scorer("recall_score", 1, "label"),
        "specificity": Scorer("recall_score", 1, "label", {"pos_label": 0}),
        "f1": Scorer("f1_score", 1, "label"),
    },
    "multiclass": {
        "roc_auc": Scorer("roc_auc_score", 1, "score", {"multi_class": "ovr"}),
        "log_loss": Scorer("log_loss", -1, "score"),
        "brier_score": Scorer("brier_score_loss", -1, "score"),
        "accuracy": Scorer("accuracy_score", 1, "label"),
        "balanced_accuracy": Scorer("balanced_accuracy_score", 1, "label"),
        "f1": Scorer("f1_score", 1, "label", {"average": "macro", "zero_division": 0.0}),
    },
    "regression": {
        "r2": Scorer("r2_score", 1, "score"),
        "root_mean_squared_error": Scorer("root_mean_squared_error", -1, "score"),
        "mean_absolute_error": Scorer("mean_absolute_error", -1, "score"),
    },
}


def scorer(metric: str, task: Task = "binary") -> Score:
    """The function of truth, response and sample weight that gives the metric's score; losses are negated.

    Raises:
        ConfigError: the task has no metric of this name.
    """
    if metric not in SCORERS[task]:
        raise ConfigError(
            f"The metric '{metric}' is not known; use one of {', '.join(SCORERS[task])} (the task is {task})."
        )
    from sklearn import metrics

    chosen = SCORERS[task][metric]
    function = getattr(metrics, chosen.function)

    def score(y_true: Array, response: Array, sample_weight: Array | None) -> float:
        prediction = response if chosen.needs == "score" else likeliest(response)
        return float(
            chosen.sign * function(y_true, prediction, sample_weight=sample_weight, **chosen.options)
        )

    return score


def response(model: Any, X: Any) -> Array:
    """What a fitted model says: P(positive) or the number, shape (n,); one column a class where there are more than two."""
    if not hasattr(model, "predict_proba"):
        return np.asarray(model.predict(X), dtype=np.float64)
    probability: Array = model.predict_proba(X)
    return probability[:, 1] if probability.shape[1] == 2 else probability


def likeliest(response: Array) -> Array:
    """The code of the likelier class, shape (n,)."""
    if response.ndim == 1:
        return (response >= 0.5).astype(np.int64)
    codes: Array = response.argmax(axis=1)
    return codes
