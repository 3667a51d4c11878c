"""Columns that alone give the target away, by what L02 will see of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.data.adopt.findings import Finding
from components.data.adopt.look import Column
from components.data.adopt.precision import PAIRED, error_of_area
from components.data.adopt.target import Target
from components.data.alone import order, uses

MOST_ROWS = 30_000
NEAR = 0.02
"""How far below L02's limit a column must lie by itself to stay, if only its bound on few rows is above."""

FEWEST_WITHOUT = 20


MEASURE = {
    "binary": "area under the ROC curve",
    "multiclass": "mean area under the ROC curve, each class against the rest,",
    "regression": "concordance",
}


@dataclass(frozen=True)
class Alone:
    """What one column reaches.

    Attributes:
        area: under the ROC curve (of several classes the mean over each against the rest), or the concordance with a
            number, .5 to 1, by the best of several ways to use it.
        how: ", by whether it is missing" where that is enough, else "".
        most: of several classes the largest area of one against the rest; else the same area.
        of_class: that class's code.
    """

    area: float
    how: str = ""
    most: float = 0.0
    of_class: int = 0


def alone(columns: Sequence[Column], target: Target, *, seed: int = 0) -> dict[str, Alone]:
    """What each column reaches alone, on a seeded sample of the rows; none where the sample has one class only.

    Args:
        columns: of any type.
        target: what is predicted.
        seed: of the sample.
    """
    generator = np.random.default_rng(seed)
    most = PAIRED if target.task == "regression" else MOST_ROWS
    chosen = np.sort(generator.permutation(len(target.codes))[:most])
    picked, y = np.flatnonzero(target.known)[chosen], target.codes[chosen]
    if len(np.unique(y)) < 2:
        return {}
    several = target.task == "multiclass"
    asked = {int(code): (y == code).astype(np.int64) for code in np.unique(y)} if several else {0: y}
    return {column.name: _alone(column, picked, asked) for column in columns}


def _alone(column: Column, picked: NDArray[np.int64], asked: Mapping[int, NDArray[Any]]) -> Alone:
    values = column.values.gather(picked)
    number = column.kind in ("integer", "number", "boolean", "datetime")
    numbers = values.to_physical().cast(float, strict=False) if number else values.cast(str)
    frame, text = numbers.to_pandas(), column.kind == "text"
    each = {
        code: max(order(score, y) for score in uses(frame, y, number=number, text=text))
        for code, y in asked.items()
    }
    best, most = float(np.mean(list(each.values()))), max(each, key=lambda code: each[code])
    gone = values.is_null().to_numpy().astype(np.float64)
    absent = float(np.mean([order(gone, y) for y in asked.values()])) if values.null_count() else 0.0
    how = ", by whether it is missing" if values.null_count() and absent >= best - 0.005 else ""
    return Alone(best, how, each[most], most)


def decide_leaks(
    columns: Sequence[Column], target: Target, decided: dict[str, Finding], limit: float
) -> dict[str, Alone]:
    """What each open column reaches alone; those that L02 would block, and that are near its limit themselves, are left out.

    A column that only so few rows cannot clear stays, and is named: L02 will ask for it. Left out, too, is what is
    missing where the target is: it becomes known with it, or after.
    """
    open_columns = [column for column in columns if column.name not in decided]
    scores = alone(open_columns, target)
    for column in open_columns:
        score = scores.get(column.name)
        if together := missing_together(column, target):
            decided[column.name] = Finding(
                column.name, "left out",
                f"it is missing in {together:.1%} of the rows without a target and hardly elsewhere: it may become known with it, "
                "or after",
                f"Is it known when the prediction is made? Then take {column.name} out of features.exclude.",
            )  # fmt: skip
        elif name := recoded(column, target):
            decided[column.name] = Finding(
                column.name, "left out", f"one of its values stands for {target.column} = {name} and nothing else: it is made of the target",
            )  # fmt: skip
        elif score is not None and score.area > limit - NEAR and upper(score.area, target) > limit:
            decided[column.name] = Finding(
                column.name, "left out",
                f"alone it may give the target away ({MEASURE[target.task]} {score.area:.3f}{score.how}, and up to "
                f"{upper(score.area, target):.3f} on as few rows as the holdout has): it may be made after it",
            )  # fmt: skip
    return scores


def recoded(column: Column, target: Target) -> str:
    """The class that a value of the column stands for: nearly all rows of the one are rows of the other; "" if none does.

    Only columns of few values are asked: a measurement may well part one of several classes from the others.
    """
    if target.task != "multiclass" or column.distinct > len(target.classes):
        return ""
    values = column.values.cast(str).to_numpy()[target.known]
    for value in column.values.drop_nulls().unique().cast(str):
        has = values == value
        for code, name in enumerate(target.classes):
            of_class = target.codes == code
            both = int((has & of_class).sum())
            if both >= FEWEST_WITHOUT and both >= 0.995 * max(has.sum(), of_class.sum()):
                return name
    return ""


def missing_together(column: Column, target: Target) -> float:
    """The share of the rows without a target in which the column is missing too, or 0 where that shows nothing."""
    without, gone = ~target.known, column.values.is_null().to_numpy()
    if without.sum() < FEWEST_WITHOUT or not gone.any():
        return 0.0
    inside, elsewhere = float(gone[without].mean()), float(gone[~without].mean())
    return inside if inside >= 0.9 and elsewhere <= 0.01 else 0.0


def upper(area: float, target: Target) -> float:
    """The upper bound of a column's area on a holdout of this table, as L02 will see it."""
    return min(area + 1.96 * error_of_area(area, target), 1.0)
