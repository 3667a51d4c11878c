"""Prediction intervals that hold whatever the model and the distribution: split conformal prediction, by bins."""

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
    them with probability `level` or more. Bins let the width follow the size of what is predicted. With fewer than 19
    rows a bin (for .9) there is no such order statistic, and the outermost stand in.

    Args:
        y_true: outcomes of rows that the model was not trained on, shape (n,).
        y_pred: its predictions of them, shape (n,).
        sample_weight: shape (n,).
        level: share of new outcomes between the ends.

    Raises:
        DataError: there are no rows.

    Source: Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World; Lei et al. (2018),
    Distribution-free predictive inference for regression; Tibshirani et al. (2019) for weights.
    """
    if not len(y_true):
        raise DataError("Prediction intervals need validation rows, and there are none; enlarge that part.")
    weight = np.ones(len(y_true)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
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
    the quantile at level `alpha`.

    Args:
        y_true: outcomes of rows that the model was not trained on, shape (n,).
        y_pred: its predictions of them, shape (n,).
        edges: between the bins.
        quantile: above 0 and below 1.
        sample_weight: shape (n,).
        alpha: level of the test in each bin.
    """
    from scipy.special import ndtri

    weight = np.ones(len(y_true)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    number, residual, found = bin_of(y_pred, edges), y_true - y_pred, np.zeros(len(edges) + 1)
    for each in range(len(found)):
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


def _edges(y_pred: Array, bins: int) -> Array:
    """Midway between two predictions that occur, near the quantiles."""
    values = np.unique(y_pred)
    if bins < 2 or len(values) < 2:
        return np.array([], dtype=np.float64)
    wanted = np.quantile(y_pred, np.linspace(0, 1, bins + 1)[1:-1])
    above = np.clip(np.searchsorted(values, wanted, side="right"), 1, len(values) - 1)
    return np.unique((values[above - 1] + values[above]) / 2)


def _ends(residual: Array, weight: Array, level: float) -> tuple[float, float]:
    order = np.argsort(residual, kind="stable")
    ordered, share = residual[order], np.cumsum(weight[order]) / (weight.sum() + weight.mean())
    tail, last = (1 - level) / 2, len(ordered) - 1
    low = int(np.searchsorted(share, tail + 1e-12, side="right")) - 1
    high = int(np.searchsorted(share, 1 - tail - 1e-12, side="left"))
    return float(ordered[max(low, 0)]), float(ordered[min(high, last)])
