"""The model that decides: a fitted pipeline, its recalibration, and the threshold of greatest utility."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from components.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

Array = np.ndarray[Any, np.dtype[Any]]

CLIP = 1e-12
"""Probabilities are kept this far from 0 and 1 before their logit is taken."""

ALWAYS, NEVER = 0.0, float(np.nextafter(1.0, 2.0))
"""Thresholds that every probability reaches, and that none does."""

RESOLUTION = 1e-6
"""Scores closer than this are one score to the threshold: two runtimes may swap them."""


@dataclass(frozen=True)
class OutcomeValues:
    """What each outcome of a decision is worth (a cost is negative), in `unit` a row."""

    true_positive: float
    false_positive: float
    true_negative: float
    false_negative: float
    unit: str

    @property
    def break_even(self) -> float:
        """The calibrated probability at which both decisions are worth the same (Elkan, 2001).

        ALWAYS or NEVER where a decision is at least as good as the other one whatever the truth.
        """
        if_positive = self.true_positive - self.false_negative
        if_negative = self.true_negative - self.false_positive
        if if_positive == if_negative == 0:
            return 0.5
        if if_positive <= 0 <= if_negative:
            return NEVER
        if if_negative <= 0 <= if_positive:
            return ALWAYS
        return if_negative / (if_positive + if_negative)


@dataclass(frozen=True)
class Recalibration:
    """The logistic recalibration of a score, logit(p) -> intercept + slope logit(p), and the test for it.

    Attributes:
        intercept: 0 leaves the score as it is.
        slope: 1 leaves the score as it is; below 1 the model was too sure of itself.
        p_value: of the likelihood-ratio test of (0, 1), 0 to 1.
        applied: whether the test asked for it; if not, intercept and slope are what was estimated all the same.
    """

    intercept: float
    slope: float
    p_value: float
    applied: bool


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


def recalibrated(y_score: Array, intercept: float, slope: float) -> Array:
    """The scores after recalibration, shape (n,); the very same scores for intercept 0 and slope 1."""
    if intercept == 0.0 and slope == 1.0:
        return y_score
    from scipy.special import expit

    recalibrated_score: Array = expit(intercept + slope * _logit(y_score))
    return recalibrated_score


def recalibration(
    y_true: Array, y_score: Array, sample_weight: Array | None = None, alpha: float = 0.01
) -> Recalibration:
    """The recalibration that fits the rows best, applied if calibration is off at level `alpha`.

    A logistic regression of the outcome on the score's logit, tested against intercept 0 and slope 1 with two
    degrees of freedom (Cox, 1958; Miller, Hui and Tierney, 1991). Weights count by their ratios: they are scaled
    to sum to Kish's effective number of rows. Scores that say nothing (all equal, one class) or everything (the
    classes do not overlap) cannot be recalibrated, nor can those that rank the wrong way round (slope below 0).

    Args:
        y_true: codes 0 and 1, shape (n,), of rows that the model was not trained on.
        y_score: P(positive), shape (n,).
        sample_weight: shape (n,).
        alpha: level of the test, 0 (never recalibrate) to 1.
    """
    y, logit = np.asarray(y_true), _logit(np.asarray(y_score, dtype=np.float64))
    weight = _effective(sample_weight, len(y))
    y, logit, weight = y[weight > 0], logit[weight > 0], weight[weight > 0]
    positive, negative = logit[y == 1], logit[y == 0]
    if not len(positive) or not len(negative) or _apart(positive, negative):
        return Recalibration(0.0, 1.0, 1.0, applied=False)
    intercept, slope = _logistic_fit(logit, y, weight)
    ratio = 2 * (_log_likelihood(intercept + slope * logit, y, weight) - _log_likelihood(logit, y, weight))
    p_value = float(np.exp(-max(ratio, 0.0) / 2))  # the chi-squared tail with two degrees of freedom
    return Recalibration(intercept, slope, p_value, applied=p_value < alpha and slope > 0)


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


def _apart(positive: Array, negative: Array) -> bool:
    return bool(positive.min() >= negative.max() or positive.max() <= negative.min())


def _logit(probability: Array) -> Array:
    clipped = np.clip(probability, CLIP, 1 - CLIP)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def _effective(sample_weight: Array | None, rows: int) -> Array:
    if sample_weight is None:
        return np.ones(rows)
    weight = np.asarray(sample_weight, dtype=np.float64)
    return np.asarray(weight * weight.sum() / (weight**2).sum())


def _log_likelihood(logit: Array, y: Array, weight: Array) -> float:
    return float(-(weight * np.logaddexp(0.0, np.where(y == 1, -logit, logit))).sum())


def _logistic_fit(logit: Array, y: Array, weight: Array) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=200)
    model.fit(logit.reshape(-1, 1), y, sample_weight=weight)
    return float(model.intercept_[0]), float(model.coef_[0, 0])
