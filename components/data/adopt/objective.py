"""What config.toml says of an adopted table's objective and gates until a person does, by the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.data.adopt.target import Target, Task

LIMITS: Mapping[Task, Mapping[str, float]] = {
    "binary": {"D02": 0.015, "K01": 0.025, "K02": 0.04, "F01": 0.2, "F02": 0.3, "R01": 0.03, "R02": 0.03},
    "multiclass": {"D02": 0.015, "K01": 0.025, "K02": 0.04, "F01": 0.2, "F02": 0.3, "R01": 0.05, "R02": 0.05},
    "regression": {
        "D02": 0.05, "K01": 0.05, "K02": 0.1, "K03": 0.87, "F01": 0.5, "F02": 0.25, "R01": 0.1, "R02": 0.1,
    },
}  # fmt: skip
"""Thresholds whose meaning depends on the task. Of numbers, calibration and fairness are in standard deviations of the
target, and the metric is R², in which the same fault costs more than in an area under the curve."""

_KEYS = (
    "true_positive", "true_negative", "false_positive", "false_negative", "class_names", "right", "wrong", "worth",
    "too_high", "too_low",
)  # fmt: skip


def limits(target: Target, given: Mapping[str, float], earlier: str) -> dict[str, float]:
    """The thresholds by code: the project's own, but for those that mean something else for another task.

    Args:
        target: what is predicted.
        given: the project's thresholds.
        earlier: the task that they were written for.
    """
    if earlier == target.task:
        return dict(given)
    kept = {code: value for code, value in given.items() if code != "K03"}
    return {**kept, **LIMITS[target.task]}


def objective(target: Target) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The keys of ``[objective]`` that the task wants, and those that it does not know."""
    found = {"binary": _of_two, "multiclass": _of_several, "regression": _of_numbers}[target.task](target)
    return found, tuple(key for key in _KEYS if key not in found)


def _of_two(target: Target) -> dict[str, Any]:
    negative, positive = target.rates
    return {
        "kpi": "errors, those in the rarer class weighing more, so that both classes count alike", "metric": "roc_auc",
        "class_names": [_class_name(name, target.column) for name in target.classes],
        "unit": "average errors", "true_positive": 0.0, "true_negative": 0.0,
        "false_positive": -round(0.5 / float(negative), 3), "false_negative": -round(0.5 / float(positive), 3),
    }  # fmt: skip


def _of_several(target: Target) -> dict[str, Any]:
    """Errors in the rarer classes weigh more, so that every class counts alike."""
    each = {
        true: {
            decided: -round(1 / (len(target.classes) * float(rate)), 3)
            for decided in target.classes
            if decided != true
        }
        for true, rate in zip(target.classes, target.rates, strict=True)
    }
    return {
        "kpi": "errors, those in the rarer classes weighing more, so that all classes count alike", "metric": "roc_auc",
        "unit": "average errors", "right": 0.0, "wrong": -1.0, "worth": each,
    }  # fmt: skip


def _of_numbers(target: Target) -> dict[str, Any]:
    return {
        "kpi": f"distance between what is predicted and what {target.column} turns out to be", "metric": "r2",
        "unit": f"units of {target.column}", "too_high": -1.0, "too_low": -1.0,
    }  # fmt: skip


def _class_name(value: str, column: str) -> str:
    plain = {"true": column, "false": f"not {column}", "1": column, "0": f"not {column}"}.get(
        value.lower(), value
    )
    return plain.replace("_", " ")[:100]
