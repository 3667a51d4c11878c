"""Bounds on proportions, on their differences and ratios, and on several of them at once.

What decides over groups or slices is an extreme (the worst slice, the largest difference), and an extreme is not
a regular statistic: the percentile bootstrap misses it. So each part gets a bound of its own, at a level raised
for the number of parts where all are to hold together, and the extreme of these bounds bounds the extreme.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from components.errors import DataError

Interval = tuple[float, float]


def normal_quantile(level: float, *, one_sided: bool = False) -> float:
    """The number of standard errors of a normal interval: 1.96 for .95, or 1.645 for one side alone."""
    return float(ndtri(level if one_sided else (1 + level) / 2))


def simultaneous_level(alpha: float, comparisons: int) -> float:
    """The level that each of several bounds needs so that all hold together with probability 1 - alpha.

    Two-sided intervals keep that promise under any dependence of normal estimates, one-sided bounds when the
    estimates are independent or positively dependent. For all ordered pairs of k groups, one-sided, take the two-sided
    intervals of the k(k - 1)/2 pairs.

    Source: Šidák (1967), Rectangular confidence regions for the means of multivariate normal distributions.
    """
    return float((1 - alpha) ** (1 / max(comparisons, 1)))


def wilson(successes: float, n: float, *, level: float = 0.95, one_sided: bool = False) -> Interval:
    """The score interval of a proportion, within [0, 1]; (0, 1) when ``n`` is 0.

    Right on average over proportions, and the one to draw. A one-sided bound near 0 or 1 is wrong too often
    (19 % instead of 5 % at worst): let :func:`exact` decide there.

    Args:
        successes: Their count; with weights, the weighted share of the :func:`effective_size`.
        n: Trials.
        level: Of the interval, or of each bound by itself if ``one_sided``.
        one_sided: Whether each of the two numbers is a bound by itself.

    Raises:
        DataError: Counts that cannot be.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    _counts(successes, n)
    if n == 0:
        return 0.0, 1.0
    z2, p = normal_quantile(level, one_sided=one_sided) ** 2, successes / n
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return (max(0.0, centre - half) if successes > 0 else 0.0), (min(1.0, centre + half) if p < 1 else 1.0)


def exact(successes: float, n: float, *, level: float = 0.95, one_sided: bool = False) -> Interval:
    """The exact interval of a proportion, never wrong more often than stated; (0, 1) when ``n`` is 0.

    For bounds that decide, when proportions may be near 0 or 1 or the level is high. Arguments as for :func:`wilson`.

    Source: Clopper and Pearson (1934), The use of confidence or fiducial limits; for effective counts Korn and
    Graubard (1998).
    """
    _counts(successes, n)
    tail = (1 - level) if one_sided else (1 - level) / 2
    failures = n - successes
    low = float(betaincinv(successes, failures + 1, tail)) if successes > 0 else 0.0
    return low, float(betaincinv(successes + 1, failures, 1 - tail)) if failures > 0 else 1.0


def difference_bounds(
    first: float, first_bounds: Interval, second: float, second_bounds: Interval
) -> Interval:
    """The interval of ``first - second`` for two independent estimates, from the interval of each.

    Its level is that of the two intervals; one-sided bounds give one-sided bounds.

    Source: Newcombe (1998), Interval estimation for the difference between independent proportions, method 10;
    Zou and Donner (2008), MOVER.
    """
    low = sqrt((first - first_bounds[0]) ** 2 + (second_bounds[1] - second) ** 2)
    high = sqrt((first_bounds[1] - first) ** 2 + (second - second_bounds[0]) ** 2)
    return first - second - low, first - second + high


def ratio_bounds(first: float, first_bounds: Interval, second: float, second_bounds: Interval) -> Interval:
    """The interval of ``first / second`` for two independent estimates >= 0; the high end may be infinite.

    Its level is that of the two intervals; one-sided bounds give one-sided bounds.

    Source: Donner and Zou (2012), Closed-form confidence intervals for functions of the normal mean and standard
    deviation (MOVER-R).
    """
    product, (low_1, high_1), (low_2, high_2) = first * second, first_bounds, second_bounds
    below, above = high_2 * (2 * second - high_2), low_2 * (2 * second - low_2)
    root_low = sqrt(max(0.0, product**2 - low_1 * (2 * first - low_1) * below))
    root_high = sqrt(max(0.0, product**2 - high_1 * (2 * first - high_1) * above))
    # The first form loses all digits, or changes sign, where its denominator is at or below zero.
    low = low_1 * (2 * first - low_1) / (product + root_low) if product + root_low > 0 else 0.0
    return max(0.0, low), ((product + root_high) / above if above > 0 else float("inf"))


def effective_size(sample_weight: NDArray[np.float64]) -> float:
    """The number of equally weighted rows that would estimate a mean as precisely; 0 if there is no weight.

    Source: Kish (1965), Survey Sampling.
    """
    square = float(np.sum(sample_weight**2))
    return float(np.sum(sample_weight)) ** 2 / square if square > 0 else 0.0


def _counts(successes: float, n: float) -> None:
    if not 0 <= successes <= n * (1 + 1e-12):
        raise DataError(
            f"{successes:g} successes in {n:g} trials; successes must lie between 0 and the trials"
        )
