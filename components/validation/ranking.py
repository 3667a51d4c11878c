"""Metrics of the order that scores put rows in, as functions of the rows' weights: one sort serves all replicates."""

import numpy as np
from numpy.typing import NDArray

from components.validation.resampling import Floats


class _Order:
    """Positives and negatives from the highest score down, and how many of each stand above or level with a positive."""

    def __init__(self, y_true: NDArray[np.int64], y_score: Floats) -> None:
        down = np.argsort(-y_score, kind="stable")
        positive = y_true[down] == 1
        self.rows = len(y_score)
        self.positive: Floats = (y_true == 1).astype(np.float64)
        self.positives, self.negatives = down[positive], down[~positive]
        scores, others = -y_score[self.positives], -y_score[self.negatives]
        self.negatives_above = np.searchsorted(others, scores, side="left")
        self.negatives_reached = np.searchsorted(others, scores, side="right")
        self.positives_reached = np.searchsorted(scores, scores, side="right")
        self.ties = bool(np.any(self.negatives_above < self.negatives_reached))


def _running_total(weights: Floats) -> Floats:
    """The sums of the first 0, 1, 2, ... columns."""
    total = np.zeros((weights.shape[0], weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=total[:, 1:])
    return total


class AreaUnderCurve:
    """The probability that a positive scores above a negative, half of the ties counted.

    Args:
        y_true: Codes, 1 for the positive class.
        y_score: Any score that grows with the probability of the positive class.

    Source: Hanley and McNeil (1982); the influence function gives the variance of DeLong et al. (1988).
    """

    def __init__(self, y_true: NDArray[np.int64], y_score: Floats) -> None:
        self._order = _Order(y_true, y_score)

    def values(self, weights: Floats) -> Floats:
        """(replicates,); NaN where a class has no weight."""
        order = self._order
        positive = weights.take(order.positives, axis=1)
        above = _running_total(weights.take(order.negatives, axis=1))
        lost = above.take(order.negatives_reached, axis=1)
        if order.ties:
            lost = (lost + above.take(order.negatives_above, axis=1)) / 2
        with np.errstate(invalid="ignore"):
            area = 1 - np.einsum("ij,ij->i", positive, lost) / (positive.sum(axis=1) * above[:, -1])
        return np.asarray(area)

    def influence(self, weight: Floats) -> Floats:
        """By the rows' placements: the share of the other class that each is on the right side of."""
        order = self._order
        positive, negative = weight[order.positives], weight[order.negatives]
        above = _running_total(negative[None])[0]
        won = above[-1] - (above[order.negatives_reached] + above[order.negatives_above]) / 2
        # A negative loses to the positives whose run of higher negatives has ended by the time it comes.
        size = len(negative) + 1
        steps = np.bincount(order.negatives_above, positive, size)
        steps += np.bincount(order.negatives_reached, positive, size)
        lost = np.cumsum(steps)[:-1] / 2
        change = np.full(order.rows, np.nan)
        if not positive.sum() * negative.sum() > 0:
            return change
        area = float(positive @ won) / (positive.sum() * negative.sum())
        change[order.positives] = (won / negative.sum() - area) / positive.sum()
        change[order.negatives] = (lost / positive.sum() - area) / negative.sum()
        return change

    def counted(self) -> Floats:
        """The positives, and the negatives."""
        return np.column_stack([self._order.positive, 1 - self._order.positive])


class AveragePrecision:
    """The precision at each positive's score, averaged over the positives; no interpolation.

    Source: scikit-learn's definition, :func:`sklearn.metrics.average_precision_score`.
    """

    def __init__(self, y_true: NDArray[np.int64], y_score: Floats) -> None:
        self._order = _Order(y_true, y_score)

    def values(self, weights: Floats) -> Floats:
        """(replicates,); NaN where there is no positive with weight."""
        positive, precision, _ = self._precision(weights)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.einsum("ij,ij->i", positive, precision) / positive.sum(axis=1))

    def influence(self, weight: Floats) -> Floats:
        """By the row's own precision, and by what its weight does to the precision of the positives below it."""
        order = self._order
        positive, precision, reached = (part[0] for part in self._precision(weight[None]))
        if not positive.sum() > 0:
            return np.full(order.rows, np.nan)
        average = float(positive @ precision) / positive.sum()
        share = np.divide(positive, reached, out=np.zeros_like(positive), where=reached > 0)
        # Sums over the positives that score at most as high as the row.
        of_share, of_loss = _totals_below(share), _totals_below(share * precision)
        below = np.searchsorted(order.positives_reached, order.positives_reached, side="left")
        change = np.empty(order.rows)
        change[order.positives] = precision - average + of_share[below] - of_loss[below]
        ranks = np.arange(len(order.negatives))
        change[order.negatives] = -of_loss[np.searchsorted(order.negatives_reached, ranks, side="right")]
        return np.asarray(change / positive.sum())

    def counted(self) -> Floats:
        """The positives."""
        return self._order.positive.reshape(-1, 1)

    def _precision(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        order = self._order
        positive = weights.take(order.positives, axis=1)
        above = _running_total(weights.take(order.negatives, axis=1))
        true_positive = _running_total(positive).take(order.positives_reached, axis=1)
        reached = true_positive + above.take(order.negatives_reached, axis=1)
        precision = np.divide(true_positive, reached, out=np.zeros_like(reached), where=reached > 0)
        return positive, precision, reached


class Concordance:
    """The share of pairs of rows that a score puts in the order of the outcome, half of the score's ties counted.

    Pairs of equal outcomes do not count. Every two rows are compared: memory grows with their square.

    Args:
        y_true: Numbers.
        y_score: Any score that grows with them.

    Source: Harrell, Lee and Mark (1996), Multivariable prognostic models.
    """

    def __init__(self, y_true: Floats, y_score: Floats) -> None:
        order = np.sign(y_true[:, None] - y_true[None]).astype(np.int8)
        agreed = order * np.sign(y_score[:, None] - y_score[None]).astype(np.int8)
        self._counted = (order != 0).astype(np.float32)
        self._right = ((agreed + 1) * self._counted / 2).astype(np.float32)

    def values(self, weights: Floats) -> Floats:
        """(replicates,); NaN where all outcomes are alike."""
        right, counted = (
            np.einsum("ij,ij->i", weights @ part, weights) for part in (self._right, self._counted)
        )
        with np.errstate(invalid="ignore"):
            return np.asarray(right / counted, dtype=np.float64)

    def influence(self, weight: Floats) -> Floats:
        """By the pairs that a row is part of."""
        right, counted = self._right @ weight, self._counted @ weight
        total = float(weight @ counted)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = float(weight @ right) / total if total else np.nan
            return np.asarray(2 * (right - share * counted) / total, dtype=np.float64)

    def counted(self) -> Floats:
        """Every row."""
        return np.ones((len(self._counted), 1))


def _totals_below(values: Floats) -> Floats:
    """The sums of ``values[k:]`` for each k, and 0 at the end."""
    return np.append(np.cumsum(values[::-1])[::-1], 0.0)
