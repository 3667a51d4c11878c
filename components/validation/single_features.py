"""What each feature alone knows of the target: one that knows nearly all was made after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.training.examples import Examples
from components.training.features import Columns
from components.validation.intervals import interval
from components.validation.metrics import METRICS, Estimate
from components.validation.resampling import Design

if TYPE_CHECKING:
    import pandas as pd

BINS = 20


def single_feature_scores(rows: Examples, *, columns: Columns) -> dict[str, Estimate]:
    """The area under the ROC curve that each feature reaches alone, .5 to 1: the best of several ways to use it.

    A number is used as it is, its missing values as the least and as the most, and binned; a category by value.
    A bin or category scores by its share of positives in the other half of the rows, so that rare ones do not overfit.
    """
    design = Design(len(rows.y), rows.weight)
    return {
        name: max(
            (
                _estimate(rows, value, design)
                for value in _uses(rows.X[name], rows.y, number=name in columns.numeric)
            ),
            key=lambda estimate: estimate.value,
        )
        for name in columns.names
    }


def _estimate(rows: Examples, value: NDArray[np.float64], design: Design) -> Estimate:
    rising = float(METRICS["roc_auc"].function(rows.y, value, rows.weight)) >= 0.5
    statistic = METRICS["roc_auc"].of(rows.y, value if rising else -value, 0.5)
    return Estimate(design.value(statistic), *interval(statistic, design, bounded=True))


def _uses(column: pd.Series[Any], y: NDArray[np.int64], *, number: bool) -> list[NDArray[np.float64]]:
    import pandas as pd

    if not number:
        return [_by_share(pd.factorize(column)[0], y)]
    values = column.to_numpy(np.float64)
    filled = [np.where(np.isnan(values), end, values) for end in (-np.inf, np.inf)]
    ranks = [np.asarray(pd.Series(each).rank(), np.float64) for each in filled]
    return [*ranks, _by_share(_bins(values), y)]


def _bins(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each value: missing ones, each of few values or that fills a bin by itself, quantiles of the others."""
    import pandas as pd

    series = pd.Series(values)
    counts = series.value_counts()
    heavy = list(counts.index[(counts >= len(values) / BINS) | (len(counts) <= BINS)])
    found = pd.Series(-1, index=series.index)
    for position, value in enumerate(heavy):
        found[series == value] = -2 - position
    rest = series.notna() & ~series.isin(heavy)
    if rest.any():
        found[rest] = pd.qcut(series[rest], BINS, labels=False, duplicates="drop")
    return np.asarray(found, np.int64)


def _by_share(bins: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.float64]:
    import pandas as pd

    half, value = np.arange(len(y)) % 2 == 0, np.empty(len(y))
    for mine in (half, ~half):
        share = pd.Series(y[~mine]).groupby(bins[~mine]).mean()
        value[mine] = pd.Series(bins[mine]).map(share).fillna(y.mean()).to_numpy()
    return value
