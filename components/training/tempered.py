"""Numbers of any scale, made fit for models that are pulled by the far ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

Array = np.ndarray[Any, np.dtype[Any]]

HEAVY = 10.0
"""A column is heavy-tailed where its central 98 % are more than this many times as wide as its central half.

For a normal distribution that is 3.5, for an exponential 4.2, for Student's t of 3 degrees 5.9, for a Cauchy 32.
"""

FEW_VALUES = 10
"""A column of at most this many different numbers has no tails."""

FARTHEST = 1e100
"""In units of a heavy-tailed column's scale; beyond, squares would be infinite."""


class Tempered(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Numbers whose far ones are brought near; missing ones stay missing, and the order stays what it was.

    A heavy-tailed column is measured from its median in units of its spread and becomes the inverse hyperbolic sine of
    that: itself near the middle, a logarithm with a sign far from it. In any other column what lies beyond the central
    98 % by more than their width is drawn to that distance, which hits typing errors and stand-ins such as 999999, and
    nothing in a column that looks normal or even.

    Attributes:
        low_: the least that a number may be, shape (n_features,).
        high_: the greatest.
        heavy_: indices of the columns that are heavy-tailed.
        center_: medians, shape (heavy-tailed columns,).
        scale_: their units, above 0.

    Source: Burbidge, Magee and Robb (1988), Alternative transformations to handle extreme values.
    """

    def fit(self, X: Any, y: Any = None) -> Tempered:
        """Learn where the middle of each column lies, and how far its tails reach."""
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        learned = [_learned(column[~np.isnan(column)]) for column in X.T]
        self.low_, self.high_ = np.array([ends for ends, _ in learned]).reshape(-1, 2).T
        self.heavy_ = np.array([index for index, (_, unit) in enumerate(learned) if unit], dtype=np.int64)
        self.center_, self.scale_ = np.array([unit for _, unit in learned if unit]).reshape(-1, 2).T
        return self

    def transform(self, X: Any) -> Array:
        """The tempered numbers, shape (n, n_features)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        tempered: Array = np.clip(X, self.low_, self.high_)
        with np.errstate(over="ignore"):
            units = (X[:, self.heavy_] - self.center_) / self.scale_
        tempered[:, self.heavy_] = inverse_sine(np.clip(units, -FARTHEST, FARTHEST))
        return tempered


def inverse_sine(values: Array) -> Array:
    """The inverse hyperbolic sine, by operations that every runtime has in double precision."""
    size = np.abs(values)
    sine: Array = np.sign(values) * np.log(size + np.sqrt(size * size + 1.0))
    return sine


def _learned(known: Array) -> tuple[tuple[float, float], tuple[float, float] | tuple[()]]:
    """The limits of a column, and its median and unit if it is heavy-tailed."""
    everything = (-np.inf, np.inf)
    if not len(known):
        return everything, ()
    low, lower, center, upper, high = np.quantile(known, [0.01, 0.25, 0.5, 0.75, 0.99])
    if len(np.unique(known)) <= FEW_VALUES:
        low, high = known.min(), known.max()
    elif high - low > HEAVY * (upper - lower) or high == low:
        away = np.abs(known - center)
        unit = upper - lower if upper > lower else np.median(away[away > 0])
        return everything, (float(center), float(unit))
    return (float(low - (high - low)), float(high + (high - low))), ()
