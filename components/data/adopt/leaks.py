"""Columns that alone give the target away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.data.adopt.look import Column
from components.data.alone import area, uses

MOST_ROWS = 30_000


@dataclass(frozen=True)
class Alone:
    """What one column reaches.

    Attributes:
        area: under the ROC curve, .5 to 1, by the best of several ways to use it.
        how: ", by whether it is missing" where that is enough, else "".
    """

    area: float
    how: str = ""


def alone(columns: Sequence[Column], codes: NDArray[np.int64], *, seed: int = 0) -> dict[str, Alone]:
    """What each column reaches alone, on a seeded sample of the rows; none where the sample has one class only.

    Args:
        columns: of any type.
        codes: 0 and 1, shape (rows,).
        seed: of the sample.
    """
    generator = np.random.default_rng(seed)
    picked = np.sort(generator.permutation(len(codes))[:MOST_ROWS])
    y = codes[picked]
    if len(np.unique(y)) < 2:
        return {}
    return {column.name: _alone(column, picked, y) for column in columns}


def _alone(column: Column, picked: NDArray[np.int64], y: NDArray[np.int64]) -> Alone:
    values = column.values.gather(picked)
    number = column.kind in ("integer", "number", "boolean", "datetime")
    numbers = values.to_physical().cast(float, strict=False) if number else values.cast(str)
    best = max(area(score, y) for score in uses(numbers.to_pandas(), y, number=number))
    absent = area(values.is_null().to_numpy().astype(np.float64), y)
    return Alone(best, ", by whether it is missing" if values.null_count() and absent >= best - 0.005 else "")
