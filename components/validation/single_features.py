"""What each feature alone knows of the target: one that knows nearly all was made after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.data.alone import uses
from components.training.examples import Examples
from components.training.features import Columns
from components.training.target import Task
from components.validation.intervals import interval
from components.validation.metrics import METRICS, Estimate
from components.validation.ranking import Concordance
from components.validation.resampling import Design, Mean, Statistic

if TYPE_CHECKING:
    import pandas as pd

MOST_PAIRED = 1500
"""Rows of which every two are compared, where the target is a number."""


@dataclass(frozen=True)
class AloneScore(Estimate):
    """What one feature reaches alone, with its interval.

    Attributes:
        most: Of several classes the largest area of one against the rest; else the value.
        code: That class's.
    """

    most: float = 0.0
    code: int = 0


def single_feature_scores(
    rows: Examples, *, columns: Columns, task: Task = "binary", seed: int = 0
) -> dict[str, AloneScore]:
    """The area under the ROC curve that each feature reaches alone, .5 to 1: the best of several ways to use it.

    A number or date is used as it is, its missing values as the least and as the most, and binned; a category by value;
    a text by its words.
    A bin or category scores by what the target is in the other half of the rows, so that rare ones do not overfit.
    Of several classes it is the mean area over each against the rest, with the largest beside it. Of numbers it is the concordance: the share of
    pairs of rows that the feature puts in the order of the target, of which the area is the case of two values.

    Source: Harrell, Lee and Mark (1996), Multivariable prognostic models, for the concordance.
    """
    picked = np.arange(len(rows.y))
    if task == "regression" and len(picked) > MOST_PAIRED:
        picked = np.sort(np.random.default_rng(seed).permutation(picked)[:MOST_PAIRED])
    design, y = Design(len(rows.y), rows.weight).part(picked), rows.y[picked]
    scores = {}
    for name in columns.names:
        kind = {"number": name in (*columns.numeric, *columns.dates), "text": name in columns.texts}
        each = _best(rows.X[name].iloc[picked], y, kind, task, design)
        statistic = Mean(list(each.values())) if task == "multiclass" else each[0]
        areas = {code: design.value(of_class) for code, of_class in each.items()}
        most = max(areas, key=lambda code: areas[code])
        around = interval(statistic, design, bounded=True)
        scores[name] = AloneScore(design.value(statistic), *around, most=areas[most], code=most)
    return scores


def _best(
    column: pd.Series[Any], y: NDArray[Any], kind: dict[str, bool], task: Task, design: Design
) -> dict[int, Statistic]:
    """The statistic of the best use: of several classes for each by its code, else the only one."""
    if task != "multiclass":
        return {0: _best_of_two(column, y, kind, task, design)}
    return {
        int(code): _best_of_two(column, (y == code).astype(np.int64), kind, "binary", design)
        for code in np.unique(y)
    }


def _best_of_two(
    column: pd.Series[Any], y: NDArray[Any], kind: dict[str, bool], task: Task, design: Design
) -> Statistic:
    tried = [_turned(y, value, task, design) for value in uses(column, y, **kind)]
    return max(tried, key=design.value)


def _turned(y: NDArray[Any], value: NDArray[np.float64], task: Task, design: Design) -> Statistic:
    """The statistic of a use, in the direction in which it is at least .5."""

    def statistic(score: NDArray[np.float64]) -> Statistic:
        return Concordance(y, score) if task == "regression" else METRICS["roc_auc"].of(y, score, 0.5)

    rising = statistic(value)
    return rising if design.value(rising) >= 0.5 else statistic(-value)
