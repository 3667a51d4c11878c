"""Metrics of predicted numbers that are no plain means, as functions of the rows' weights."""

import numpy as np
from numpy.typing import ArrayLike

from components.validation.resampling import Floats


class Determination:
    """R²: the share of the spread of the outcomes that predictions explain; below 0 the mean would be better.

    Args:
        y_true: (rows,).
        y_pred: (rows,).

    Source: scikit-learn's definition, :func:`sklearn.metrics.r2_score`.
    """

    def __init__(self, y_true: ArrayLike, y_pred: ArrayLike) -> None:
        y = np.asarray(y_true, dtype=np.float64)
        self._error = (y - np.asarray(y_pred, dtype=np.float64)) ** 2
        self._y = y - y.mean()  # squares of far-off numbers would lose digits

    def values(self, weights: Floats) -> Floats:
        """(replicates,); NaN where all outcomes are alike."""
        sums = weights @ np.column_stack([self._error, self._y**2, self._y, np.ones_like(self._y)])
        error, square, first, total = sums.T
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = square - first**2 / total
            return np.asarray(np.where(spread > 0, 1 - error / spread, np.nan))

    def influence(self, weight: Floats) -> Floats:
        """By the row's own error, and by its own distance from the mean."""
        distance = (self._y - np.average(self._y, weights=weight)) ** 2
        error, spread = weight @ self._error, weight @ distance
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(error * distance / spread**2 - self._error / spread)

    def counted(self) -> Floats:
        """Every row."""
        return np.ones((len(self._y), 1))


class RootMean:
    """The root of the mean squared error, in units of the outcome.

    Args:
        y_true: (rows,).
        y_pred: (rows,).
    """

    def __init__(self, y_true: ArrayLike, y_pred: ArrayLike) -> None:
        self._error = (np.asarray(y_true, dtype=np.float64) - np.asarray(y_pred, dtype=np.float64)) ** 2

    def values(self, weights: Floats) -> Floats:
        """(replicates,)."""
        return np.asarray(np.sqrt(weights @ self._error / weights.sum(axis=1)))

    def influence(self, weight: Floats) -> Floats:
        """By the row's own error; 0 where there is none at all."""
        total, mean = weight.sum(), float(np.average(self._error, weights=weight))
        return np.asarray((self._error - mean) / (2 * np.sqrt(mean) * total) if mean > 0 else 0 * self._error)

    def counted(self) -> Floats:
        """Every row."""
        return np.ones((len(self._error), 1))
