"""The logistic recalibration of a score, and the test of whether it is due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

CLIP = 1e-12
"""Probabilities are kept this far from 0 and 1 before their logit is taken."""


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
    degrees of freedom (Cox, 1958; Miller, Hui and Tierney, 1991). The mean of the scores is moved only if it is off itself,
    by the test of the intercept alone: else the intercept is the one that keeps the mean, which the model has from
    many more rows than these. Weights count by their ratios: they are scaled
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
    if not _mean_is_off(logit, y, weight, alpha):
        intercept = _keeping_the_mean(logit, slope, weight)
    return Recalibration(intercept, slope, p_value, applied=p_value < alpha and slope > 0)


def logistic_line(y_true: Array, y_score: Array, sample_weight: Array | None = None) -> tuple[float, float]:
    """Intercept and slope of the logistic regression of the outcome on the score's logit.

    Args:
        y_true: codes 0 and 1, both of them, shape (n,).
        y_score: P(positive), shape (n,), by which the classes overlap.
        sample_weight: shape (n,).
    """
    y, logit = np.asarray(y_true), _logit(np.asarray(y_score, dtype=np.float64))
    return _logistic_fit(logit, y, _effective(sample_weight, len(y)))


def _apart(positive: Array, negative: Array) -> bool:
    return bool(positive.min() >= negative.max() or positive.max() <= negative.min())


def _logit(probability: Array) -> Array:
    clipped = np.clip(probability, CLIP, 1 - CLIP)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def _mean_is_off(logit: Array, y: Array, weight: Array, alpha: float) -> bool:
    """Whether the mean of the scores differs from that of the outcomes, by the score test of the intercept alone."""
    from scipy.special import expit
    from scipy.stats import chi2

    score = expit(logit)
    variance = float((weight * score * (1 - score)).sum())
    statistic = float((weight * (y - score)).sum()) ** 2 / variance if variance else 0.0
    return bool(chi2.sf(statistic, 1) < alpha)


def _keeping_the_mean(logit: Array, slope: float, weight: Array) -> float:
    """The intercept with which scores of this slope have the mean of the scores as they were."""
    from scipy.optimize import brentq
    from scipy.special import expit

    mean = np.average(expit(logit), weights=weight)
    most = float(np.abs(logit).max()) * (1 + abs(slope))

    def above(intercept: float) -> float:
        return float(np.average(expit(intercept + slope * logit), weights=weight) - mean)

    return float(brentq(above, -most, most, xtol=1e-12)) if slope != 1.0 else 0.0


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
