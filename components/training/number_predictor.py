"""The model that predicts numbers: a fitted pipeline, the shift that its errors' worth asks for, and its intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from components.training.conformal import bin_of

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

Array = np.ndarray[Any, np.dtype[Any]]


class NumberPredictor(RegressorMixin, BaseEstimator):
    """A pipeline with its shift and its prediction intervals, as one regressor.

    Args:
        pipeline: gives the number by `predict`; fitted, or to be fitted by `fit`.
        edges: between the bins of the prediction, shape (bins - 1,).
        shift: what is added to a prediction before it is acted on, by bin, shape (bins,): the mean is expected, and what
            an error costs may ask for another quantile.
        lower: what is added to a prediction for an interval's lower end, by bin, shape (bins,).
        upper: for its upper end.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        edges: Array | None = None,
        shift: Array | None = None,
        lower: Array | None = None,
        upper: Array | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.edges = edges
        self.shift = shift
        self.lower = lower
        self.upper = upper

    @property
    def rule(self) -> float:
        """Numbers are decided by none."""
        return 0.0

    def fit(self, X: pd.DataFrame, y: Array, sample_weight: Array | None = None) -> NumberPredictor:
        """This predictor, with its pipeline fitted in place; shift and intervals stay as they are."""
        self.pipeline.fit(X, y, model__sample_weight=sample_weight)
        return self

    def respond(self, X: pd.DataFrame) -> Array:
        """The expected number of each row, shape (n,)."""
        return np.asarray(self.pipeline.predict(X), dtype=np.float64)

    def predict(self, X: pd.DataFrame) -> Array:
        """The number that is acted on, shape (n,)."""
        expected = self.respond(X)
        return expected if self.shift is None else expected + np.asarray(self.shift)[self._bin(expected)]

    def interval(self, X: pd.DataFrame) -> tuple[Array, Array]:
        """The lower and the upper end of each row's prediction interval, each of shape (n,)."""
        expected = self.respond(X)
        number = self._bin(expected)
        return expected + np.asarray(self.lower)[number], expected + np.asarray(self.upper)[number]

    def _bin(self, expected: Array) -> Array:
        return bin_of(expected, np.asarray(self.edges))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self.pipeline[-1], "n_features_in_") or hasattr(self.pipeline[-1], "constant_")
