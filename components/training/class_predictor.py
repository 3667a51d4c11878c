"""The model that decides between several classes: a fitted pipeline, its temperature, and the decision worth most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from components.training.recalibration import CLIP, Recalibration

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

Array = np.ndarray[Any, np.dtype[Any]]

DIGITS = 1e9
"""Decisions are compared to nine digits of what they are worth: two runtimes may differ beyond, and ties must stay ties."""


class ClassPredictor(ClassifierMixin, BaseEstimator):
    """A pipeline with its temperature and the worth of its decisions, as one classifier of the codes 0, 1, 2, ...

    Args:
        pipeline: gives P(class) by `predict_proba`, one column a code; fitted, or to be fitted by `fit`.
        slope: of the recalibration: probabilities are raised to it and made to add up to 1 again.
        worth: what deciding (second axis) is worth by what is true (first axis), shape (classes, classes); None where
            the likeliest class is decided.
    """

    def __init__(self, pipeline: Pipeline, slope: float = 1.0, worth: Array | None = None) -> None:
        self.pipeline = pipeline
        self.slope = slope
        self.worth = worth

    @property
    def classes_(self) -> Array:
        """The codes."""
        classes: Array = self.pipeline.classes_
        return classes

    @property
    def rule(self) -> Array:
        """What decides, shape (classes, classes)."""
        return np.eye(len(self.classes_)) if self.worth is None else np.asarray(self.worth)

    def fit(self, X: pd.DataFrame, y: Array, sample_weight: Array | None = None) -> ClassPredictor:
        """This predictor, with its pipeline fitted in place; temperature and worth stay as they are."""
        self.pipeline.fit(X, y, model__sample_weight=sample_weight)
        return self

    def respond(self, X: pd.DataFrame) -> Array:
        """P(class) of each row after recalibration, shape (n, classes)."""
        return sharpened(self.pipeline.predict_proba(X), self.slope)

    def predict_proba(self, X: pd.DataFrame) -> Array:
        """As `respond`."""
        return self.respond(X)

    def predict(self, X: pd.DataFrame) -> Array:
        """The code that is decided for each row, shape (n,)."""
        return decided(self.respond(X), self.rule)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self.pipeline, "classes_")


def decided(probability: Array, worth: Array) -> Array:
    """The code whose choice is worth most in expectation, the first of equals, shape (n,)."""
    codes: Array = np.rint((probability @ worth) * DIGITS).argmax(axis=1)
    return codes


def sharpened(probability: Array, slope: float) -> Array:
    """Probabilities raised to a power and made to add up to 1 again; the very same for slope 1."""
    if slope == 1.0:
        return probability
    raised = np.clip(probability, CLIP, 1.0) ** slope
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def temperature(
    y_true: Array, probability: Array, sample_weight: Array | None = None, alpha: float = 0.01
) -> Recalibration:
    """The power of the probabilities that fits the rows best, applied if calibration is off at level `alpha`.

    Temperature scaling (Guo et al., 2017) as a likelihood-ratio test with one degree of freedom. Weights are scaled to
    sum to Kish's effective number of rows. Where the likeliest class is the true one in every row, no power is the best.

    Args:
        y_true: codes, shape (n,), of rows that the model was not trained on.
        probability: shape (n, classes).
        sample_weight: shape (n,).
        alpha: level of the test, 0 (never recalibrate) to 1.
    """
    from math import erfc, sqrt

    from scipy.optimize import minimize_scalar

    weight = np.ones(len(y_true)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    weight = weight * weight.sum() / (weight**2).sum()
    rows = np.arange(len(y_true))
    if np.all(probability[rows, y_true] >= probability.max(axis=1)):
        return Recalibration(0.0, 1.0, 1.0, applied=False)

    def loss(log_slope: float) -> float:
        own = sharpened(probability, float(np.exp(log_slope)))[rows, y_true]
        return float(-(weight * np.log(np.clip(own, CLIP, 1.0))).sum())

    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    ratio = 2 * (loss(0.0) - float(best.fun))
    p_value = erfc(sqrt(max(ratio, 0.0) / 2))  # the chi-squared tail with one degree of freedom
    return Recalibration(0.0, float(np.exp(best.x)), p_value, applied=p_value < alpha)
