"""Which rows of a table are alike, so that each kind of row need be scored only once."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Rows = NDArray[np.int64]

MOST_DIFFERENT = 0.8
"""Above this share of different rows it costs more to find those that are alike than to score them."""

_ROOM = 1 << 62


def distinct(table: pl.DataFrame, most: float = MOST_DIFFERENT) -> tuple[Rows, Rows] | None:
    """The first of each kind of rows, shape (kinds,), and of which kind each row is, shape (rows,).

    None if more than the share ``most`` of the rows differ. Rows are alike if all their values are the same; a missing
    value is one of its own.
    """
    most_kinds = int(most * table.height)
    codes, kinds = np.zeros(table.height, np.int64), 1
    for values in table:
        digits, base = _digits(values)
        if base > most_kinds and len(np.unique(digits)) > most_kinds:
            return None
        if kinds > _ROOM // base:
            _, codes = np.unique(codes, return_inverse=True)
            kinds = int(codes.max(initial=0)) + 1
            if kinds > most_kinds:
                return None
        codes, kinds = codes * base + digits, kinds * base
    _, first, kind = np.unique(codes, return_index=True, return_inverse=True)
    return None if len(first) > most_kinds else (first.astype(np.int64), kind.astype(np.int64))


def _digits(values: pl.Series) -> tuple[Rows, int]:
    """Each value as a number from 0 on, different values as different ones, and one more than the largest."""
    missing = values.is_null().to_numpy() if values.null_count() else None
    if values.dtype == pl.Boolean or values.dtype.is_integer() or values.dtype == pl.Categorical:
        whole = values.to_physical().cast(pl.Int64)
        low, high = int(whole.min() or 0), int(whole.max() or 0)  # type: ignore[arg-type]
        if high - low < _ROOM // 4:
            digits = whole.fill_null(low).to_numpy() - low
            return _with_missing(digits, missing, high - low + 1)
    plain = values.to_physical() if values.dtype.is_temporal() else values
    ranks = plain.rank("dense").fill_null(1).to_numpy().astype(np.int64) - 1
    return _with_missing(ranks, missing, int(ranks.max(initial=0)) + 1)


def _with_missing(digits: Rows, missing: NDArray[np.bool_] | None, base: int) -> tuple[Rows, int]:
    if missing is None:
        return digits, base
    digits = np.where(missing, base, digits)
    return digits, base + 1
