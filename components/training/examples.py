"""Rows as a model reads them: inputs, codes of the target, weights, and the rows they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.training.features import Columns, inputs
from components.training.target import Target

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Examples:
    """The examples of one part.

    Attributes:
        X: model inputs, one row an example.
        y: codes of the target (of a binary one 1 for the positive class, else 0), or its numbers; shape (rows,).
        weight: sample weights, shape (rows,), or None where no weight column is named.
        rows: the table's rows with every column, aligned with X.
    """

    X: pd.DataFrame
    y: NDArray[Any]
    weight: NDArray[np.float64] | None
    rows: pd.DataFrame

    def groups(self, columns: Sequence[str]) -> NDArray[np.int64] | None:
        """A code for each row, shape (rows,), equal where the columns are; None if none is named.

        A row without a value in any of them stands by itself, and has a code of its own.
        """
        if not columns:
            return None
        named = self.rows[list(columns)]
        codes = np.array(named.groupby(list(columns), dropna=False).ngroup(), dtype=np.int64)
        alone = np.flatnonzero(named.isna().all(axis=1))
        if len(alone):
            codes[alone] = codes.max() + 1 + np.arange(len(alone))
            codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
        return codes


def examples(
    table: pl.DataFrame,
    where: NDArray[np.bool_] | None = None,
    *,
    columns: Columns,
    target: Target,
    weight: str = "",
) -> Examples:
    """The examples of the rows that `where` marks, all by default, in the order of the table.

    Args:
        table: a snapshot, or some of its rows.
        where: shape (rows of the table,).
        columns: the features.
        target: what is predicted.
        weight: the column of sample weights, or "".
    """
    rows = (table if where is None else table.filter(where)).to_pandas()
    del table  # what is made of its rows takes as much again
    weights = rows[weight].to_numpy(np.float64) if weight else None
    return Examples(inputs(rows, columns), target.encoded(rows[target.column]), weights, rows)


def learning(train: Examples, group: Sequence[str], *, max_rows: int, seed: int) -> dict[str, Any]:
    """What a search learns from, as its arguments: the training part, or a seeded sample of it.

    Args:
        train: the training part.
        group: columns whose equal values stay in one fold.
        max_rows: rows of the sample; 0 for all.
        seed: of the sample.
    """
    rows = np.arange(len(train.y))
    if 0 < max_rows < len(rows):
        rows = np.sort(np.random.default_rng(seed).choice(rows, max_rows, replace=False))
    groups, weight = train.groups(group), train.weight
    return {
        "X": train.X.iloc[rows],
        "y": train.y[rows],
        "sample_weight": None if weight is None else weight[rows],
        "groups": None if groups is None else groups[rows],
    }
