"""Missing numbers, filled and marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

Array = np.ndarray[Any, np.dtype[Any]]

_SINGLE = np.finfo(np.float32)


class FillMissing(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Numbers with the median where one is missing, then a 0/1 mark for each column that had missing ones.

    scikit-learn's SimpleImputer, whose marks cannot be scaled or compiled with its numbers, in one table.

    Args:
        only_empty: mark nothing, and fill only columns without a single known number: gradient boosting reads
            missing numbers itself, but stumbles over those columns.
        single: round to float32, as scikit-learn's forests do unseen, so that every runtime compares alike.

    Attributes:
        fill_: what a missing number becomes, shape (n_features,); 0 where no training row has one.
        marked_: indices of the columns that are marked: those with missing numbers in training.
    """

    def __init__(self, only_empty: bool = False, single: bool = False) -> None:
        self.only_empty = only_empty
        self.single = single

    def fit(self, X: Any, y: Any = None) -> FillMissing:
        """Learn the medians, and where numbers are missing."""
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        missing = np.isnan(X)
        empty = missing.all(axis=0)
        if self.only_empty:
            self.fill_, self.marked_ = np.where(empty, 0.0, np.nan), np.array([], dtype=np.int64)
        else:
            self.fill_ = np.nanmedian(np.where(empty, 0.0, X), axis=0)
            self.marked_ = np.flatnonzero(missing.any(axis=0))
        return self

    def transform(self, X: Any) -> Array:
        """The numbers and the marks, shape (n, n_features + number of marked columns)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        missing = np.isnan(X)
        filled = np.hstack([np.where(missing, self.fill_, X), missing[:, self.marked_]])
        if self.single:
            filled = filled.clip(_SINGLE.min, _SINGLE.max).astype(np.float32).astype(np.float64)
        return filled

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> Array:
        """The columns' names, then `<name>_missing` for each mark."""
        names = super().get_feature_names_out(input_features)
        return np.array([*names, *(f"{names[column]}_missing" for column in self.marked_)], dtype=object)
