"""The model that decides: a fitted pipeline, its recalibration, and the threshold of greatest utility."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from components.errors import DataError
from components.training.outcomes import ALWAYS, NEVER, OutcomeValues
from components.training.recalibration import Recalibration, recalibrated, recalibration

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

Array = np.ndarray[Any, np.dtype[Any]]

__all__ = [
    "ALWAYS",
    "NEVER",
    "OutcomeValues",
    "Predictor",
    "Recalibration",
    "recalibrated",
    "recalibration",
    "utility_threshold",
]

RESOLUTION = 1e-6
"""Scores closer than this are one score to the threshold: two runtimes may swap them."""


class Predictor(ClassifierMixin, BaseEstimator):
    """A pipeline with its recalibration and its decision threshold, as one classifier of the codes 0 and 1.

    Args:
        pipeline: gives P(positive) as the second column of `predict_proba`; fitted, or to be fitted by `fit`.
        intercept: of the recalibration on the logit.
        slope: of the recalibration on the logit.
        threshold: the least score that is called positive.
    """

    def __init__(
        self, pipeline: Pipeline, intercept: float = 0.0, slope: float = 1.0, threshold: float = 0.5
    ) -> None:
        self.pipeline = pipeline
        self.intercept = intercept
        self.slope = slope
        self.threshold = threshold

    @property
    def classes_(self) -> Array:
        """The two codes, negative first."""
        classes: Array = self.pipeline.classes_
        return classes

    def fit(self, X: pd.DataFrame, y: Array, sample_weight: Array | None = None) -> Predictor:
        """This predictor, with its pipeline fitted in place; recalibration and threshold stay as they are."""
        self.pipeline.fit(X, y, model__sample_weight=sample_weight)
        return self

    @property
    def rule(self) -> float:
        """What decides: the threshold."""
        return self.threshold

    def respond(self, X: pd.DataFrame) -> Array:
        """As `score_positive`."""
        return self.score_positive(X)

    def score_positive(self, X: pd.DataFrame) -> Array:
        """P(positive) of each row after recalibration, shape (n,), 0 to 1."""
        return recalibrated(self.pipeline.predict_proba(X)[:, 1], self.intercept, self.slope)

    def predict_proba(self, X: pd.DataFrame) -> Array:
        """P(negative) and P(positive) of each row, shape (n, 2)."""
        positive = self.score_positive(X)
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: pd.DataFrame) -> Array:
        """The code that is decided for each row, shape (n,): 1 where the score reaches the threshold."""
        return (self.score_positive(X) >= self.threshold).astype(np.int64)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self.pipeline, "classes_")


def utility_threshold(
    y_true: Array, y_score: Array, value: OutcomeValues, sample_weight: Array | None = None
) -> float:
    """The least score to call positive so that the utility over the rows is greatest, ALWAYS to NEVER.

    It lies midway between two scores that occur, at least RESOLUTION apart, so that the last digits of a score
    decide nothing. Of equally good thresholds it is the one nearest to `value.break_even`.

    Args:
        y_true: codes 0 and 1, shape (n,), of rows that the model was not trained on.
        y_score: P(positive), shape (n,), after recalibration.
        value: what each outcome is worth.
        sample_weight: shape (n,).

    Raises:
        DataError: there are no rows.
    """
    if not len(y_score):
        raise DataError(
            "The threshold needs validation rows, and there are none; enlarge the validation part."
        )
    order = np.argsort(y_score, kind="stable")
    score, y = np.asarray(y_score, dtype=np.float64)[order], np.asarray(y_true)[order]
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)[order]
    gain = weight * np.where(  # of calling a row negative rather than positive
        y == 1, value.false_negative - value.true_positive, value.true_negative - value.false_positive
    )
    cuts, thresholds = _cuts(score)
    utility = np.concatenate([[0.0], np.cumsum(gain)])[cuts]
    best = thresholds[utility >= utility.max() - 1e-9 * np.abs(gain).sum()]
    return float(best[np.abs(best - value.break_even).argmin()])


def _cuts(score: Array) -> tuple[Array, Array]:
    """How many of the sorted scores lie below each possible threshold, and the thresholds."""
    edges = np.concatenate([[min(0.0, score[0])], score, [max(1.0, score[-1])]])
    cuts = np.flatnonzero(np.diff(edges) >= RESOLUTION)
    middles = (edges[cuts] + edges[cuts + 1]) / 2
    return np.concatenate([[0], cuts, [len(score)]]), np.concatenate([[ALWAYS], middles, [NEVER]])
