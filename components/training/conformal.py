"""Prediction intervals that hold whatever the model and the distribution of its errors: split conformal prediction, by bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from components.errors import DataError

Array = np.ndarray[Any, np.dtype[Any]]

LEVEL = 0.9
"""The share of rows whose outcome an interval is to hold."""

MOST_BINS, ROWS_A_BIN = 5, 200


@dataclass(frozen=True)
class Bands:
    """How far outcomes lie from predictions, by bins of the prediction.

    Attributes:
        edges: between the bins, rising, shape (bins - 1,); a prediction at an edge belongs to the bin above.
        lower: what is added to a prediction for the lower end, shape (bins,).
        upper: for the upper end, shape (bins,).
    """

    edges: Array
    lower: Array
    upper: Array


def bands(y_true: Array, y_pred: Array, sample_weight: Array | None = None, level: float = LEVEL) -> Bands:
    """The bands that hold a share `level` of new rows in every bin, if these come as those did.

    In each bin the residuals' order statistics at (n + 1) (1 ± level) / 2: whatever the model, a new row falls between
    them with probability `level` or more, where rows are equal. Of unequal weights a new row is given the mean one, which
    is a promise no more: under very uneven ones (Pareto with the exponent 1.2) .86 are held for .9. Bins let the width follow the size of what is predicted. With fewer than 19
    rows a bin (for .9) there is no such order statistic, and the outermost stand in.

    Args:
        y_true: outcomes of rows that the model was not trained on, shape (n,).
        y_pred: its predictions of them, shape (n,).
        sample_weight: shape (n,); rows of weight 0 do not count.
        level: share of new outcomes between the ends.

    Raises:
        DataError: there are no rows, or none with a weight above 0.

    Source: Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World; Lei et al. (2018),
    Distribution-free predictive inference for regression; Tibshirani et al. (2019) for weights.
    """
    y_true, y_pred, weight = _counting(y_true, y_pred, sample_weight)
    if not len(y_true):
        raise DataError(
            "Prediction intervals need validation rows with a weight above 0, and there are none; enlarge that part."
        )
    edges = _edges(y_pred, min(max(len(y_pred) // ROWS_A_BIN, 1), MOST_BINS))
    number, residual = bin_of(y_pred, edges), y_true - y_pred
    ends = [_ends(residual[number == each], weight[number == each], level) for each in range(len(edges) + 1)]
    lower, upper = np.array(ends, dtype=np.float64).T
    return Bands(edges, lower, upper)


def shifts(
    y_true: Array,
    y_pred: Array,
    edges: Array,
    quantile: float,
    sample_weight: Array | None = None,
    alpha: float = 0.01,
) -> Array:
    """What to add to a prediction in each bin so that a share `quantile` of outcomes lies below, shape (bins,).

    0 in a bin where nothing speaks for it: where the share of outcomes below the prediction itself does not differ from
    the quantile at level `alpha`, or there are no rows.

    Args:
        y_true: outcomes of rows that the model was not trained on, shape (n,).
        y_pred: its predictions of them, shape (n,).
        edges: between the bins.
        quantile: above 0 and below 1.
        sample_weight: shape (n,); rows of weight 0 do not count.
        alpha: level of the test in each bin.
    """
    from scipy.special import ndtri

    y_true, y_pred, weight = _counting(y_true, y_pred, sample_weight)
    number, residual, found = bin_of(y_pred, edges), y_true - y_pred, np.zeros(len(edges) + 1)
    for each in np.unique(number):
        inside = number == each
        part, of = residual[inside], weight[inside]
        units = of.sum() ** 2 / max((of**2).sum(), 1e-300)
        share = np.average((part < 0) + 0.5 * (part == 0), weights=of)
        if abs(share - quantile) > ndtri(1 - alpha / 2) * np.sqrt(quantile * (1 - quantile) / units):
            order = np.argsort(part, kind="stable")
            reached = np.cumsum(of[order]) / of.sum()
            found[each] = part[order][np.searchsorted(reached, quantile - 1e-12)]
    return found


def bin_of(y_pred: Array, edges: Array) -> Array:
    """The bin of each prediction, shape (n,)."""
    return np.searchsorted(edges, y_pred, side="right")


def _counting(y_true: Array, y_pred: Array, sample_weight: Array | None) -> tuple[Array, Array, Array]:
    """The rows that count, and their weights."""
    if sample_weight is None:
        return y_true, y_pred, np.ones(len(y_true))
    weight = np.asarray(sample_weight, dtype=np.float64)
    return y_true[weight > 0], y_pred[weight > 0], weight[weight > 0]


def _edges(y_pred: Array, bins: int) -> Array:
    """Midway between two predictions that occur, near the quantiles; rows lie on both sides of each."""
    values = np.unique(y_pred)
    if bins < 2 or len(values) < 2:
        return np.array([], dtype=np.float64)
    wanted = np.quantile(y_pred, np.linspace(0, 1, bins + 1)[1:-1])
    above = np.clip(np.searchsorted(values, wanted, side="right"), 1, len(values) - 1)
    # Between neighbouring floats there is no middle, and rounding may give the lower one, which belongs above.
    middle = values[above - 1] / 2 + values[above] / 2
    return np.unique(np.where(middle > values[above - 1], middle, values[above]))


def _ends(residual: Array, weight: Array, level: float) -> tuple[float, float]:
    order = np.argsort(residual, kind="stable")
    ordered, share = residual[order], np.cumsum(weight[order]) / (weight.sum() + weight.mean())
    tail, last = (1 - level) / 2, len(ordered) - 1
    low = int(np.searchsorted(share, tail + 1e-12, side="right")) - 1
    high = int(np.searchsorted(share, 1 - tail - 1e-12, side="left"))
    return float(ordered[max(low, 0)]), float(ordered[min(high, last)])
