"""How well a table of this size lets one tell, before anything is trained: what D02 and L02 will make of its rows."""

from __future__ import annotations

import numpy as np

from components.data.adopt.target import Target
from components.data.alone import standard_error

HOLDOUT = 0.2
USUAL = {"roc_auc": 0.8, "r2": 0.5}
"""What a model may well reach, by the metric."""

PAIRED = 1500
"""Rows of which every two are compared where numbers are predicted."""


def held_out(target: Target) -> float:
    """About how many rows the holdout will have."""
    return HOLDOUT * len(target.codes)


def error_of_area(area: float, target: Target) -> float:
    """The standard error of an area under the ROC curve, or of a concordance, on the holdout."""
    rows = held_out(target)
    if target.task == "regression":
        half = max(min(rows, PAIRED) / 2, 1.0)
        return standard_error(area, half, half)
    each = [
        standard_error(area, max(rows * rate, 1.0), max(rows * (1 - rate), 1.0))
        for rate in (target.rates[1:] if target.task == "binary" else target.rates)
    ]
    return float(np.sqrt(np.mean(np.square(each)) / max(len(each) - 1, 1)))


def half_width(target: Target) -> tuple[str, float, float]:
    """The metric, a usual value of it, and the half-width of its 95 % interval on the holdout.

    Source: for R² the delta method (Olkin and Finn, 1995, Correlations redux).
    """
    if target.task == "regression":
        usual = USUAL["r2"]
        error = 2 * (1 - usual) * np.sqrt(usual / max(held_out(target), 1.0))
        return "an R²", usual, float(1.96 * error)
    usual = USUAL["roc_auc"]
    return "an area under the ROC curve", usual, 1.96 * error_of_area(usual, target)
