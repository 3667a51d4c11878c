"""Columns that alone give the target away, by what L02 will see of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.data.adopt.findings import Finding
from components.data.adopt.look import Column
from components.data.adopt.target import Target
from components.data.alone import area, standard_error, uses

MOST_ROWS = 30_000
HOLDOUT = 0.2


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
    best = max(
        area(score, y) for score in uses(numbers.to_pandas(), y, number=number, text=column.kind == "text")
    )
    absent = area(values.is_null().to_numpy().astype(np.float64), y)
    return Alone(best, ", by whether it is missing" if values.null_count() and absent >= best - 0.005 else "")


def decide_leaks(
    columns: Sequence[Column], target: Target, decided: dict[str, Finding], limit: float
) -> dict[str, Alone]:
    """What each open column reaches alone; those that L02 would block are left out."""
    open_columns = [column for column in columns if column.name not in decided]
    scores = alone(open_columns, target.codes)
    for column in open_columns:
        score = scores.get(column.name)
        if score is not None and upper(score.area, target) > limit:
            decided[column.name] = Finding(
                column.name, "left out",
                f"alone it may give the target away (area under the ROC curve {score.area:.3f}{score.how}, and up to "
                f"{upper(score.area, target):.3f} on as few rows as the holdout has): it may be made after it",
            )  # fmt: skip
    return scores


def upper(area: float, target: Target) -> float:
    """The upper bound of a column's area on a holdout of this table, as L02 will see it."""
    positives, negatives = held_out(target)
    return min(area + 1.96 * standard_error(area, positives, negatives), 1.0)


def held_out(target: Target) -> tuple[float, float]:
    """About how many positives and negatives the holdout will have."""
    rows = HOLDOUT * len(target.codes) * (1 - target.missing)
    return max(rows * target.rate, 1.0), max(rows * (1 - target.rate), 1.0)
