"""Permutation importance: what a model loses when one column's values are shuffled among the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.training.target import shares
from components.validation.bounds import normal_quantile
from components.validation.metrics import METRICS, Estimate, Metric, Rule
from components.validation.resampling import Design, Groups, Statistic

Floats = NDArray[np.float64]

_SCORED_ROWS = 150_000
"""Rows to score in all, over columns and repeats: seconds even for a forest."""


@dataclass(frozen=True)
class PermutationImportance:
    """What each column is worth to a model, by the loss of a metric.

    Attributes:
        metric: The metric; a loss is above 0 where the model gets worse.
        loss: By column.
        gain: What the model gains over one score for all rows, in the same metric.
        tolerance: Losses up to here count as none.
        rows: Rows shuffled.
        repeats: Shuffles of each column.
    """

    metric: str
    loss: Mapping[str, Estimate]
    gain: float
    tolerance: float
    rows: int
    repeats: int

    @property
    def useless(self) -> tuple[str, ...]:
        """Columns whose loss is, at the upper end of its interval, within the tolerance."""
        return tuple(name for name, loss in self.loss.items() if loss.high <= self.tolerance)


def permutation_importance(
    score: Callable[[pd.DataFrame], Floats],
    X: pd.DataFrame,
    y_true: NDArray[Any],
    *,
    metric: str = "roc_auc",
    threshold: Rule = 0.5,
    sample_weight: Floats | None = None,
    groups: Groups | None = None,
    rows: int = 4000,
    repeats: int = 3,
    tolerance: float = 0.01,
    level: float = 0.95,
    seed: int = 0,
) -> PermutationImportance:
    """The loss of a metric when a column is shuffled, for every column of ``X``.

    Columns that say the same stand in for one another: each may look useless while both together are not.

    Args:
        score: Gives P(positive) or the number, (rows,); (rows, classes) for several classes.
        X: Model inputs that the model was not trained on.
        y_true: Codes, or numbers.
        metric: A name of ``METRICS``.
        threshold: For metrics of decisions.
        sample_weight: Shape (rows,).
        groups: What rows come in together, (rows,): intervals then take groups for the independent units.
        rows: Rows to draw; fewer when there are many columns.
        repeats: Shuffles of each column.
        tolerance: Share of the model's gain over a constant score that counts as nothing.
        level: Of the intervals.
        seed: Of the draw and the shuffles.

    Source: Breiman (2001), Random forests; Fisher, Rudin and Dominici (2019), All models are wrong.
    """
    generator = np.random.default_rng(seed)
    most = max(_SCORED_ROWS // (repeats * X.shape[1]), 100)
    picked = np.sort(generator.permutation(len(X))[: min(rows, most)])
    sample, y = X.iloc[picked].reset_index(drop=True), y_true[picked]
    together = Design(len(X), sample_weight, groups).part(picked)
    alone = Design(len(picked), together.sample_weight)
    judge = _Judge(METRICS[metric], y, threshold, alone, together, score(sample))
    shuffles = np.stack([generator.permutation(len(picked)) for _ in range(repeats)])
    tiled = pd.concat([sample] * repeats, ignore_index=True)
    loss = {}
    for name in sample.columns:
        shuffled = tiled.copy()  # `assign` has no room for a column called self
        shuffled[name] = tiled[name].to_numpy()[shuffles.ravel()]
        loss[str(name)] = judge.loss(np.split(score(shuffled), repeats), shuffles, level)
    gain = judge.gain()
    return PermutationImportance(metric, loss, gain, max(tolerance * gain, 0.0), len(picked), repeats)


@dataclass(frozen=True)
class _Judge:
    metric: Metric
    y_true: NDArray[Any]
    threshold: Rule
    design: Design  # every row by itself
    together: Design
    y_score: Floats

    def gain(self) -> float:
        """The metric's gain over the same score for all rows, their mean."""
        constant = np.broadcast_to(self._constant(), self.y_score.shape)
        return self._value(self.y_score) - self._value(constant)

    def _constant(self) -> Floats | float:
        """The mean outcome, or each class's share."""
        if self.y_score.ndim == 1:
            return float(np.average(self.y_true, weights=self.design.weight))
        return shares(self.y_true, self.y_score.shape[1], self.design.weight)

    def loss(self, shuffled: Sequence[Floats], shuffles: NDArray[np.int64], level: float) -> Estimate:
        """The mean loss over the shuffles; ``shuffles`` are (repeats, rows).

        A row enters a shuffle twice, with its own outcome and as the giver of a value, and contributes as both (the
        Hájek projection of a statistic of pairs). That counts the chance of the pairing twice; once is taken off.
        """
        value = self._value(self.y_score) - float(np.mean([self._value(scores) for scores in shuffled]))
        own, *others = (self.design.contributions(self._statistic(s)) for s in (self.y_score, *shuffled))
        lost = np.stack([own - other for other in others]) / len(others)
        given = np.zeros_like(lost)
        np.put_along_axis(given, shuffles, lost, axis=1)
        variance = float(np.sum(self.together.by_unit((lost + given).sum(axis=0)) ** 2))
        half = normal_quantile(level) * sqrt(max(variance - float(np.sum(lost**2)), variance / 2))
        return Estimate(value, value - half, value + half, level)

    def _value(self, scores: Floats) -> float:
        value = self.design.value(self._statistic(scores))
        return value if self.metric.greater_is_better else -value

    def _statistic(self, scores: Floats) -> Statistic:
        return self.metric.of(self.y_true, scores, self.threshold)
