"""Shapley values of a row's prediction, from the served program alone; loaded when somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from components.serving.contract import Checked
    from components.serving.model import Model

Columns = Mapping[str, NDArray[Any]]

PAIRS = 8
"""Orders of the features that are tried, each also backwards."""

MOST_AT_ONCE = 20_000
MOST_ROWS = 16
"""Rows of one request; each takes some thousand predictions."""


@dataclass(frozen=True)
class Contributions:
    """What each feature adds to a prediction, beyond the mean prediction of other rows.

    Attributes:
        expected: the mean prediction of the background, shape (outputs,).
        values: by feature, what it adds, shape (outputs,); with ``expected`` they sum to the row's prediction.
        errors: by feature, the standard error of its value, which comes from the orders that were tried.
    """

    expected: NDArray[np.float64]
    values: dict[str, NDArray[np.float64]]
    errors: dict[str, NDArray[np.float64]]


def explained(model: Model, checked: Checked, rows: int) -> list[dict[str, Any]]:
    """For each row its score, the expected one, and what each feature adds to that.

    The background is the rows that were recorded with the bundle. Of several classes, every figure is by class.

    Args:
        model: explains its `y_score`.
        checked: rows without problems.
        rows: how many they are.
    """
    recorded = model.recorded["inputs"]
    background = model.rules.check(recorded, len(next(iter(recorded.values())))).arrays
    arrays, names = checked.arrays, model.program.classes

    def score(columns: Columns) -> NDArray[np.float64]:
        said: NDArray[np.float64] = model.program.predict(columns)["y_score"]
        return said

    def figure(values: NDArray[np.float64]) -> Any:
        return dict(zip(names, values.tolist(), strict=True)) if names else float(values[0])

    answers = []
    for place in range(rows):
        row = {name: arrays[name][place] for name in model.program.inputs}
        found = contributions(score, row, {name: background[name] for name in row})
        total = found.expected + sum(found.values.values())
        answers.append(
            {
                "y_score": figure(total),
                "expected": figure(found.expected),
                "contributions": {name: figure(values) for name, values in found.values.items()},
                "standard_errors": {name: figure(values) for name, values in found.errors.items()},
            }
        )
    return answers


def contributions(
    score: Callable[[Columns], NDArray[np.float64]],
    row: Mapping[str, Any],
    background: Columns,
    *,
    pairs: int = PAIRS,
    seed: int = 0,
) -> Contributions:
    """The Shapley values of one row against a background, by sampled orders of the features.

    A feature's value is the mean change of the prediction as the row's value takes the place of a background row's, the
    features before it in an order having been replaced already. Each order is also taken backwards, which cancels
    much of the noise (Mitchell et al., 2022, Journal of Machine Learning Research 23(43)). What one order gives sums to the
    prediction less the expected one, and so does the mean of all.

    Args:
        score: from columns of shape (n,) to predictions of shape (n,) or (n, outputs).
        row: the value of each feature.
        background: rows to compare with, shape (rows,) a column.
        pairs: how many orders, with their reverses, are tried.
        seed: of the orders.
    """
    names = list(row)
    rng = np.random.default_rng(seed)
    changes = []
    for _ in range(pairs):
        order = rng.permutation(len(names))
        both = [
            _changes(score, row, background, [names[place] for place in each])
            for each in (order, order[::-1])
        ]
        changes.append({name: (both[0][name] + both[1][name]) / 2 for name in names})
    expected = _means(score, [background])[0]
    found = {name: np.stack([each[name] for each in changes]) for name in names}
    return Contributions(
        expected,
        {name: each.mean(axis=0) for name, each in found.items()},
        {name: each.std(axis=0, ddof=1) / np.sqrt(pairs) for name, each in found.items()},
    )


def _changes(
    score: Callable[[Columns], NDArray[np.float64]],
    row: Mapping[str, Any],
    background: Columns,
    order: Sequence[str],
) -> dict[str, NDArray[np.float64]]:
    """By feature, how the mean prediction changes as its value comes in, in this order."""
    tables = [dict(background)]
    for name in order:
        filled = np.empty_like(background[name])
        filled[:] = row[name]
        tables.append({**tables[-1], name: filled})
    means = _means(score, tables)
    return {name: means[place + 1] - means[place] for place, name in enumerate(order)}


def _means(score: Callable[[Columns], NDArray[np.float64]], tables: Sequence[Columns]) -> NDArray[np.float64]:
    """The mean prediction over each table, shape (tables, outputs)."""
    rows = len(next(iter(tables[0].values())))
    at_once = max(1, MOST_AT_ONCE // rows)
    means = []
    for start in range(0, len(tables), at_once):
        part = tables[start : start + at_once]
        together = {name: np.concatenate([table[name] for table in part]) for name in part[0]}
        means.append(score(together).reshape(len(part), rows, -1).mean(axis=1))
    return np.concatenate(means)
