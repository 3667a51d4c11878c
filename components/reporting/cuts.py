"""Decisions at every threshold: the rates and the worth that curves show, with their bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from components.training.outcomes import OutcomeValues
    from components.validation.evaluation import Evaluation

Floats = NDArray[np.float64]
REPLICATES, QUANTILES, SEED = 400, 200, 7


@dataclass(frozen=True)
class Cuts:
    """How many rows are decided positive at each of some thresholds, in the sample and in resamples of it.

    Attributes:
        thresholds: Descending, from above every score to the lowest, shape (m,).
        true_positive: Shares of all rows, shape (1 + replicates, m), the sample first.
        false_positive: Shares of all rows, shape (1 + replicates, m), the sample first.
    """

    thresholds: Floats
    true_positive: Floats
    false_positive: Floats

    @property
    def true_positive_rate(self) -> Floats:
        """Of the positives, the share that is decided positive, shape (1 + replicates, m)."""
        return np.asarray(self.true_positive / np.maximum(self.true_positive[:, -1:], 1e-12))

    @property
    def false_positive_rate(self) -> Floats:
        """Of the negatives, the share that is decided positive, shape (1 + replicates, m)."""
        return np.asarray(self.false_positive / np.maximum(self.false_positive[:, -1:], 1e-12))

    @property
    def precision(self) -> Floats:
        """Of those decided positive, the share that is; 1 where none is decided so, shape (1 + replicates, m)."""
        called = self.true_positive + self.false_positive
        return np.where(called > 0, self.true_positive / np.maximum(called, 1e-12), 1.0)

    def worth(self, value: OutcomeValues) -> Floats:
        """What 1,000 decisions are worth, shape (1 + replicates, m)."""
        positive, negative = self.true_positive[:, -1:], self.false_positive[:, -1:]
        return 1000 * np.asarray(
            value.true_positive * self.true_positive
            + value.false_positive * self.false_positive
            + value.false_negative * (positive - self.true_positive)
            + value.true_negative * (negative - self.false_positive)
        )


def cuts(evaluation: Evaluation) -> Cuts:
    """The cuts at the chosen threshold and at up to 200 quantiles of the score.

    Resampled rows, counted by class and by the cuts they lie between, are a multinomial draw of these counts;
    so the bootstrap costs the same for any number of rows. Weighted rows count as Kish's effective number.
    """
    score, weight = evaluation.y_score, evaluation.sample_weight
    weight = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=np.float64)
    edges = np.unique([*np.quantile(score, np.linspace(0, 1, QUANTILES + 1)), evaluation.least_positive])
    cell = np.maximum(np.searchsorted(edges, score, side="right") - 1, 0)
    share = np.stack([np.bincount(cell, weight * (evaluation.y_true == k), len(edges)) for k in (1, 0)])
    share = share[:, ::-1] / weight.sum()
    rows = round(weight.sum() ** 2 / (weight**2).sum())
    drawn = np.random.default_rng(SEED).multinomial(rows, share.ravel() / share.sum(), REPLICATES) / rows
    counted = np.concatenate([share.ravel()[None], drawn]).reshape(REPLICATES + 1, 2, -1)
    nobody = np.zeros((REPLICATES + 1, 2, 1))
    reached = np.concatenate([nobody, counted.cumsum(axis=2)], axis=2)
    thresholds = np.concatenate([[np.nextafter(edges[-1], np.inf)], edges[::-1]])
    return Cuts(thresholds, reached[:, 0], reached[:, 1])


def band(replicates: Floats) -> Floats:
    """The pointwise 95 % band of curves, shape (2, m), from one curve a replicate, shape (replicates, m)."""
    return np.asarray(np.quantile(replicates, [0.025, 0.975], axis=0))


def along(xs: Floats, x: Floats, y: Floats) -> Floats:
    """Every replicate's curve at the same places, shape (1 + replicates, len(xs))."""
    return np.stack([np.interp(xs, a, b) for a, b in zip(x, y, strict=True)])
