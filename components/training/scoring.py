"""Scores of a model on rows it was not trained on, all turned so that greater is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from components.errors import ConfigError

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


SCORERS: dict[str, Scorer] = {
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
}


def scorer(metric: str) -> Score:
    """The function of codes, response and sample weight that gives the metric's score; losses are negated.

    Raises:
        ConfigError: no metric has this name.
    """
    if metric not in SCORERS:
        raise ConfigError(f"The metric '{metric}' is not known; use one of {', '.join(SCORERS)}.")
    from sklearn import metrics

    chosen = SCORERS[metric]
    function = getattr(metrics, chosen.function)

    def score(y_true: Array, response: Array, sample_weight: Array | None) -> float:
        prediction = response if chosen.needs == "score" else likeliest(response)
        return float(
            chosen.sign * function(y_true, prediction, sample_weight=sample_weight, **chosen.options)
        )

    return score


def response(model: Any, X: Any) -> Array:
    """What a fitted model says: P(positive), shape (n,); one column a class where there are more than two."""
    probability: Array = model.predict_proba(X)
    return probability[:, 1] if probability.shape[1] == 2 else probability


def likeliest(response: Array) -> Array:
    """The code of the likelier class, shape (n,)."""
    if response.ndim == 1:
        return (response >= 0.5).astype(np.int64)
    codes: Array = response.argmax(axis=1)
    return codes
