"""Dates, in parts that a model can learn from: the calendar's, the position in time, and the days between two dates."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from components.training import calendar

Array = np.ndarray[Any, np.dtype[Any]]
Part = tuple[str, int, int]
"""What a part is called, and the one or two columns that it is made of."""

MOST_PAIRED = 4
"""With more date columns than this, the days between each two of them are left out."""

BETWEEN = "days_to"


class DateParts(TransformerMixin, BaseEstimator):
    """Year, month, day, day of the week, hour and days since 1970 of each date, and the days between each two dates.

    A part that is the same in all training rows is left out: the hour, where no row has a time of day. If every part
    of every date is, the days of the first one stay.

    Args:
        cyclic: give months, days of the week and hours as sine and cosine, so that December lies beside January.
        fill: give a part of a missing date its median, and mark missing dates; else such a part is NaN.

    Attributes:
        parts_: what is given for each date, in order.
        fill_: what a part of a missing date becomes, shape (parts,).
        marked_: indices of the dates that are marked: those missing in some training row.
    """

    def __init__(self, cyclic: bool = False, fill: bool = False) -> None:
        self.cyclic = cyclic
        self.fill = fill

    def fit(self, X: Any, y: Any = None) -> DateParts:
        """Learn which parts tell rows apart, and their medians."""
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        names = calendar.CYCLIC if self.cyclic else calendar.PLAIN
        candidates = [(name, column, column) for column in range(X.shape[1]) for name in names]
        if X.shape[1] <= MOST_PAIRED:
            candidates += [(BETWEEN, *pair) for pair in itertools.combinations(range(X.shape[1]), 2)]
        values = _made(X, candidates)
        kept = [index for index, part in enumerate(values.T) if _varies(part)]
        self.parts_: list[Part] = [candidates[index] for index in kept] or [("days", 0, 0)]
        medians = [float(np.nanmedian(values[:, index])) for index in kept] or [0.0]
        self.fill_ = np.array(medians if self.fill or not kept else [np.nan] * len(kept))
        missing = np.isnan(X).any(axis=0) & self.fill
        self.marked_ = np.flatnonzero(missing)
        return self

    def transform(self, X: Any) -> Array:
        """The parts and the marks, shape (n, number of parts + number of marked dates)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        values = _made(X, self.parts_)
        filled = np.where(np.isnan(values), self.fill_, values)
        return np.hstack([filled, np.isnan(X[:, self.marked_])])

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> Array:
        """``<name>_year`` and so on, ``<one>_days_to_<other>``, then ``<name>_missing`` for each mark."""
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        parts = [
            f"{names[one]}_{part}" + (f"_{names[other]}" if part == BETWEEN else "")
            for part, one, other in self.parts_
        ]
        return np.array([*parts, *(f"{names[column]}_missing" for column in self.marked_)], dtype=object)


def _made(X: Array, parts: Sequence[Part]) -> Array:
    """The parts, shape (n, parts); NaN where a date is missing."""
    known = np.where(np.isnan(X), 0.0, X)
    plain = [calendar.parts(column) for column in known.T]
    made = np.empty((len(X), len(parts)))
    for index, (part, one, other) in enumerate(parts):
        if part == BETWEEN:
            values = (known[:, other] - known[:, one]) / calendar.DAY
        elif part in calendar.PLAIN:
            values = plain[one][part]
        else:
            values = calendar.circle(part)[calendar.position(part, plain[one]).astype(np.int64)]
        made[:, index] = np.where(np.isnan(X[:, one]) | np.isnan(X[:, other]), np.nan, values)
    return made


def _varies(part: Array) -> bool:
    known = part[~np.isnan(part)]
    return bool(len(known)) and bool(known.min() < known.max())
