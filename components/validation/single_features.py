"""What each feature alone knows of the target: one that knows nearly all was made after it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.data.alone import uses
from components.training.examples import Examples
from components.training.features import Columns
from components.validation.intervals import interval
from components.validation.metrics import METRICS, Estimate
from components.validation.resampling import Design


def single_feature_scores(rows: Examples, *, columns: Columns) -> dict[str, Estimate]:
    """The area under the ROC curve that each feature reaches alone, .5 to 1: the best of several ways to use it.

    A number or date is used as it is, its missing values as the least and as the most, and binned; a category by value;
    a text by its words.
    A bin or category scores by its share of positives in the other half of the rows, so that rare ones do not overfit.
    """
    design = Design(len(rows.y), rows.weight)
    return {
        name: max(
            (
                _estimate(rows, value, design)
                for value in uses(
                    rows.X[name],
                    rows.y,
                    number=name in (*columns.numeric, *columns.dates),
                    text=name in columns.texts,
                )
            ),
            key=lambda estimate: estimate.value,
        )
        for name in columns.names
    }


def _estimate(rows: Examples, value: NDArray[np.float64], design: Design) -> Estimate:
    rising = float(METRICS["roc_auc"].function(rows.y, value, rows.weight)) >= 0.5
    statistic = METRICS["roc_auc"].of(rows.y, value if rising else -value, 0.5)
    return Estimate(design.value(statistic), *interval(statistic, design, bounded=True))
