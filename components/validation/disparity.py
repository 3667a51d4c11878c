"""Rates by group from confusion cells, and bounds on how far groups lie apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from components.validation.bounds import (
    Interval,
    difference_bounds,
    exact,
    ratio_bounds,
    simultaneous_level,
    wilson,
)
from components.validation.groups import Groups
from components.validation.metrics import Estimate
from components.validation.resampling import cell_counts

Floats = NDArray[np.float64]
Counts = tuple[float, float]
"""Successes and trials, of rows or of rows' worth of weight."""

RATES: Mapping[str, tuple[list[int], list[int]]] = {
    "selection_rate": ([1, 3], [0, 1, 2, 3]),
    "true_positive_rate": ([3], [2, 3]),
    "false_positive_rate": ([1], [0, 1]),
    "false_negative_rate": ([2], [2, 3]),
    "accuracy": ([0, 3], [0, 1, 2, 3]),
}
"""Each rate's numerator and denominator in confusion cells.

Cell 0 holds true negatives, 1 false positives, 2 false negatives, 3 true positives.
"""

_ERROR_SHARE = 0.8
"""Two exact bounds, combined, err up to a tenth more often than each; each is given this share of the error."""

_FEW = 20
"""With fewer rows than this on either side of a rate, resampling misses what did not happen to occur."""


@dataclass(frozen=True)
class Confusion:
    """How decisions turned out in each group; every array is (groups, 4), a column a confusion cell.

    Attributes:
        rows: Rows with a weight above 0.
        weight: Sum of weights.
        square: Sum of squared weights.
    """

    rows: Floats
    weight: Floats
    square: Floats


def confusion(y_true: Floats, decision: Floats, groups: Groups, sample_weight: Floats) -> Confusion:
    """The confusion cells of each group.

    Args:
        y_true: Codes 0 and 1, shape (rows,).
        decision: 0 or 1, or the probability of deciding 1, shape (rows,).
        groups: Of the rows.
        sample_weight: Shape (rows,).
    """
    size = 4 * len(groups.labels)
    negative = 4 * groups.codes + 2 * (y_true == 1)

    def total(weight: Floats) -> Floats:
        cells = np.bincount(negative, weight * (1 - decision), size)
        return np.asarray((cells + np.bincount(negative + 1, weight * decision, size)).reshape(-1, 4))

    return Confusion(
        total((sample_weight > 0).astype(np.float64)), total(sample_weight), total(sample_weight**2)
    )


def rate(name: str, cells: Floats) -> Floats:
    """A rate of ``RATES`` from weights of confusion cells (..., 4); NaN where its denominator holds none."""
    numerator, denominator = (cells[..., part].sum(axis=-1) for part in RATES[name])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(numerator / denominator)


def share(counts: Counts) -> float:
    """Successes by trials; 0 if there are none."""
    return counts[0] / counts[1] if counts[1] > 0 else 0.0


def clustered_trials(
    y_true: Floats, decision: Floats, groups: Groups, sample_weight: Floats, clusters: NDArray[np.int64]
) -> dict[str, Floats]:
    """For each rate, the number of independent rows that would be as precise in each group, (groups,).

    Rows of one cluster, such as one person, are not independent: the variance is that between clusters, linearised.
    Where nothing varies, rows of a cluster count as one.

    Args:
        y_true: Codes 0 and 1, shape (rows,).
        decision: 0 or 1, or the probability of deciding 1, shape (rows,).
        groups: Of the rows.
        sample_weight: Shape (rows,).
        clusters: What rows come in together, shape (rows,).

    Source: Korn and Graubard (1998), Confidence intervals for proportions, with their correction for few clusters.
    """
    pairs, place = np.unique(np.stack([groups.codes, clusters]), axis=1, return_inverse=True)
    positive = y_true == 1
    shares = np.stack(
        [~positive * (1 - decision), ~positive * decision, positive * (1 - decision), positive * decision]
    )
    cells = np.stack([np.bincount(place.ravel(), sample_weight * each, pairs.shape[1]) for each in shares])

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(pairs[0], values, len(groups.labels)), dtype=np.float64)

    trials = {}
    for name, (part, whole) in RATES.items():
        inside, all_of = cells[part].sum(axis=0), cells[whole].sum(axis=0)
        weight, units = total(all_of), total((all_of > 0).astype(np.float64))
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.nan_to_num(total(inside) / weight)
            spread = total((inside - value[pairs[0]] * all_of) ** 2) * units / (units - 1)
            kish = np.nan_to_num(weight**2 / total(all_of**2))
            found = np.where(spread > 0, value * (1 - value) * weight**2 / spread, kish)
            few = (1.959964 / stdtrit(np.maximum(units - 1, 1e-9), 0.975)) ** 2
        trials[name] = np.where(units > 1, np.nan_to_num(found) * few, np.minimum(kish, 1.0))
    return trials


def effective_counts(
    name: str, table: Confusion, clustered: Mapping[str, Floats] | None = None
) -> list[Counts]:
    """A rate's successes and trials in each group: the weighted rate of as many equal rows as are as precise.

    That number is the smaller of Kish's, which supposes weights that have nothing to do with the outcome, and the
    one by the linearised variance, which sees no variance where nothing happened; and at most what is given of
    :func:`clustered_trials`.

    Source: Kish (1965), Survey Sampling; Korn and Graubard (1998), Confidence intervals for proportions.
    """
    part, whole = RATES[name]
    total, value = table.weight[:, whole].sum(axis=1), np.nan_to_num(rate(name, table.weight))
    inside, square = table.square[:, part].sum(axis=1), table.square[:, whole].sum(axis=1)
    spread = (1 - value) ** 2 * inside + value**2 * (square - inside)
    with np.errstate(invalid="ignore", divide="ignore"):
        kish = np.nan_to_num(total**2 / square)
        linearised = np.where(spread > 0, value * (1 - value) * total**2 / spread, np.inf)
    trials = np.minimum(kish, linearised)
    if clustered is not None:
        trials = np.minimum(trials, clustered[name])
    return list(zip((value * trials).tolist(), trials.tolist(), strict=True))


def resampled(table: Confusion, replicates: int, *, seed: int) -> Floats:
    """Bootstrap weights of the confusion cells, (replicates, groups, 4): rows resampled, at the price of cells.

    With equal weights it is exactly that. With others a cell that was drawn m times weighs m times its rows' mean,
    and a normal error of m times their variance.
    """
    rows = table.rows
    drawn = cell_counts(rows.ravel().astype(np.int64), replicates, seed=seed).reshape(replicates, *rows.shape)
    mean, square = (
        np.divide(sums, rows, out=np.zeros_like(rows), where=rows > 0)
        for sums in (table.weight, table.square)
    )
    variance = np.maximum(square - mean**2, 0.0)
    if variance.max() <= 1e-12 * square.max():
        return np.asarray(drawn * mean)
    noise = np.random.default_rng([seed, 1]).standard_normal(drawn.shape)
    return np.asarray(np.maximum(drawn * mean + np.sqrt(drawn * variance) * noise, 0.0))


def group_estimates(
    name: str,
    table: Confusion,
    replicate_cells: Floats,
    *,
    clustered: Mapping[str, Floats] | None = None,
    level: float = 0.95,
) -> list[Estimate]:
    """A rate in each group with its interval: the bootstrap's percentiles, or Wilson's where too little happened.

    Args:
        name: A rate of ``RATES``.
        table: The confusion cells.
        replicate_cells: Of :func:`resampled`, (replicates, groups, 4).
        clustered: Of :func:`clustered_trials`, where rows come in clusters; every interval then is Wilson's.
        level: Of each interval.
    """
    part, whole = RATES[name]
    happened, trials = table.rows[:, part].sum(axis=1), table.rows[:, whole].sum(axis=1)
    replicates = np.nan_to_num(rate(name, replicate_cells))
    ends = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2], axis=0).T.tolist()
    fewest = np.minimum(happened, trials - happened)
    estimates = []
    for counts, rows, (low, high) in zip(effective_counts(name, table, clustered), fewest, ends, strict=True):
        if rows < _FEW or clustered is not None:
            low, high = wilson(*counts, level=level)
        estimates.append(Estimate(share(counts), low, high, level))
    return estimates


def largest_difference(rates: Sequence[Sequence[Counts]], *, level: float = 0.95) -> Estimate | None:
    """The largest difference between two groups in any of several rates, 0 to 1; None without two groups.

    An extreme over groups is not regular: between equal groups its bootstrap lies wholly above the truth. But the
    largest upper bound of any pair's difference, each at ``level``, is an upper bound of the largest difference:
    it is too low only if the bound of the pair that is truly furthest apart is. The lower end has no such luck and
    takes a level that holds for all pairs together. So each end is a bound by itself, and holds for all pairs.

    Right at least 95 times in 100 for groups of 30 rows or more and true differences up to .5, whatever the rates;
    beyond, at rates such as .99 against .01 in groups of 30, 92 times.

    Args:
        rates: For each rate, successes and trials of each group.
        level: Of each end by itself.

    Source: Berger (1982), Multiparameter hypothesis testing and acceptance sampling (intersection-union tests).
    """
    rates = [groups for groups in rates if len(groups) > 1]
    if not rates:
        return None
    value = max(_range(groups)[1] - _range(groups)[0] for groups in rates)
    single, joint = _levels(rates, level)
    low = max(difference_bounds(*pair)[0] for groups in rates for pair in _pairs(groups, joint))
    high = max(difference_bounds(*pair)[1] for groups in rates for pair in _pairs(groups, single))
    return Estimate(value, min(max(low, 0.0), value), max(min(high, 1.0), value), level)


def smallest_ratio(rates: Sequence[Sequence[Counts]], *, level: float = 0.95) -> Estimate | None:
    """The smallest ratio of two groups' rates in any of several rates, 0 to 1; None where no rate is above 0.

    Each end is a bound by itself; the lower one decides. See :func:`largest_difference`.
    """
    rates = [groups for groups in rates if len(groups) > 1 and _range(groups)[1] > 0]
    if not rates:
        return None
    value = min(_range(groups)[0] / _range(groups)[1] for groups in rates)
    single, joint = _levels(rates, level)
    low = min(ratio_bounds(*pair)[0] for groups in rates for pair in _pairs(groups, single))
    high = min(ratio_bounds(*pair)[1] for groups in rates for pair in _pairs(groups, joint))
    return Estimate(value, min(low, value), max(min(high, 1.0), value), level)


def _range(groups: Sequence[Counts]) -> Interval:
    shares = [share(counts) for counts in groups]
    return min(shares), max(shares)


def _levels(rates: Sequence[Sequence[Counts]], level: float) -> tuple[float, float]:
    """The one-sided level of a bound that any one pair may secure, and of one that all pairs must."""
    pairs = sum(len(groups) * (len(groups) - 1) // 2 for groups in rates)
    error = _ERROR_SHARE * (1 - level)
    return 1 - error, (1 + simultaneous_level(error, pairs)) / 2


def _pairs(groups: Sequence[Counts], level: float) -> list[tuple[float, Interval, float, Interval]]:
    """The arguments of a difference or ratio for every ordered pair of groups."""
    each = [(share(counts), exact(*counts, level=level, one_sided=True)) for counts in groups]
    return [(*first, *second) for first, second in permutations(each, 2)]
