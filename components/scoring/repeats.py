"""Which rows of a table are alike, so that each kind of row need be scored only once."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Rows = NDArray[np.int64]

_ROOM = 1 << 62


def distinct(table: pl.DataFrame) -> tuple[Rows, Rows]:
    """One row of each kind, shape (kinds,), and of which kind each row is, shape (rows,).

    Rows are alike if all their values are the same; a missing value is one of its own. The kinds are in the order of
    their values, those of the column with the most values first: trees, which branch alike for neighbours, are quicker
    then.
    """
    codes, kinds = np.zeros(table.height, np.int64), 1
    for digits, base in sorted(map(_digits, table), key=lambda column: -column[1]):
        if kinds > _ROOM // base:
            first, codes = _ranked(codes, kinds)
            kinds = len(first)
            if kinds == table.height:
                return first, codes
        codes, kinds = codes * base + digits, kinds * base
    return _ranked(codes, kinds)


def _ranked(codes: Rows, kinds: int) -> tuple[Rows, Rows]:
    """A place of each code, in the order of the codes, and the rank of the code at each place, from 0.

    Args:
        codes: from 0 on.
        kinds: more than the largest.
    """
    order, ordered = _ordered(codes, kinds)
    new = np.ones(len(codes), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    ranks = np.empty(len(codes), np.int64)
    ranks[order] = np.cumsum(new) - 1
    return order[new], ranks


def _ordered(codes: Rows, kinds: int) -> tuple[Rows, Rows]:
    """The places of the codes in their order, and the codes in their order; sorted with their places, where both fit."""
    places = max(1, len(codes)).bit_length()
    if kinds > _ROOM >> places:
        order = np.argsort(codes)
        return order, codes[order]
    both = np.sort(codes << places | np.arange(len(codes)))
    return both & ((1 << places) - 1), both >> places


def _digits(values: pl.Series) -> tuple[Rows, int]:
    """Each value as a number from 0 on, different values as different ones, and one more than the largest."""
    missing = values.is_null().to_numpy() if values.null_count() else None
    if values.dtype == pl.Boolean or values.dtype.is_integer() or values.dtype == pl.Categorical:
        whole = values.to_physical().cast(pl.Int64)
        known = whole.drop_nulls().to_numpy()
        low, high = (int(known.min()), int(known.max())) if len(known) else (0, 0)
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
