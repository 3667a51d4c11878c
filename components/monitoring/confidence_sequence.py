"""Intervals for a mean that may be read after every row: where values have bounds, without any other assumption."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

Floats = NDArray[np.float64]
Bounds = tuple[float, float]

BETS = np.geomspace(1e-3, 0.95, 16)
"""The stakes that are mixed, as shares of one over the width of the bounds. Below one the capital falls as the mean that is
betted against rises, so that what is not refuted is an interval."""

PLANNED_ROWS = 5_000
"""At about so many rows the interval without bounds is narrowest for what it promises."""

_STAGES, _POINTS = 4, 33


def log_capital(
    rows: ArrayLike, mean: ArrayLike, squares: ArrayLike, against: ArrayLike, bounds: Bounds
) -> Floats:
    """The logarithm of at most what a gambler has who betted, from capital 1, that the true mean is above ``against``.

    Where the true mean is ``against`` or below, the chance that it is ever above log(1 / alpha) is at most alpha, whatever
    the distribution within the bounds, and however the values depend on earlier ones as long as they do not on their mean.

    Each stake's capital is a product of 1 + stake (value - against). That is at least
    exp(stake (value - against) - (-log(1 - s) - s) (value - against)^2 / c^2), where c = against - lower bound and s = stake
    times c; so three sums are enough, and those of several windows add up. The capital is the mean over `BETS`.

    Args:
        rows: how many values there were.
        mean: of them.
        squares: the sum of their squared distances from the mean.
        against: means that are betted against.
        bounds: of each value.

    Source: Ville (1939); Fan, Grama and Liu (2015), Exponential inequalities for martingales with applications, for the
    bound of each factor; Robbins (1970) for mixtures; Waudby-Smith and Ramdas (2023), Estimating means of bounded random
    variables by betting.
    """
    count, average, spread, aim = (
        np.asarray(each, dtype=np.float64)[..., None] for each in (rows, mean, squares, against)
    )
    low, high = bounds
    stake = BETS / (high - low)
    share = stake * np.maximum(aim - low, 0.0)
    # (-log(1 - s) - s) / s^2, which is 1/2 + s/3 + ... where its digits would cancel.
    price = np.where(
        share < 1e-4, 0.5 + share / 3, (-np.log1p(-share) - share) / np.maximum(share, 1e-4) ** 2
    )
    gap = average - aim
    gained = stake * count * gap - stake**2 * price * (spread + count * gap**2)
    return np.asarray(logsumexp(gained, axis=-1) - log(len(BETS)))


def bounded(rows: int, mean: float, squares: float, *, bounds: Bounds, alpha: float) -> Bounds:
    """The means of bounded values that are not refuted: the truth is ever outside with a chance of at most ``alpha``.

    It holds at every number of rows at once, from the first on. Arguments as for :func:`log_capital`.
    """
    low, high = bounds
    if not rows or high <= low:
        return bounds
    needed = log(2 / alpha)
    lower = _last(low, min(mean, high), lambda aim: log_capital(rows, mean, squares, aim, bounds) >= needed)
    mirrored = (-high, -low)
    upper = _last(
        -high, min(-mean, -low), lambda aim: log_capital(rows, -mean, squares, aim, mirrored) >= needed
    )
    return lower, -upper


def unbounded(rows: int, mean: float, variance: float, *, alpha: float) -> Bounds:
    """An interval for the mean of values without bounds, right for large numbers of rows alone.

    Nothing that is true for every distribution can be said of such a mean. Where a few values out of thousands make most
    of the variance, this one is wrong far more often than ``alpha``.

    Args:
        rows: so far.
        mean: of them.
        variance: of a row.
        alpha: the error over all readings.

    Source: Robbins (1970), Statistical methods related to the law of the iterated logarithm, for the normal mixture;
    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Time-uniform central limit theory and asymptotic confidence
    sequences, theorem 2.2 and its choice of rho.
    """
    if not rows:
        return -inf, inf
    rho2 = (-2 * log(alpha) + log(-2 * log(alpha)) + 1) / PLANNED_ROWS
    spread = rows * rho2 + 1
    half = sqrt(variance * 2 * spread / (rows**2 * rho2) * log(sqrt(spread) / alpha))
    return mean - half, mean + half


def _last(start: float, end: float, refuted: Callable[[Floats], NDArray[np.bool_]]) -> float:
    """Nearly the last number from start to end that is refuted, where all before it are; the start if none is."""
    for _ in range(_STAGES):
        tried = np.linspace(start, end, _POINTS)
        count = int(np.argmin(np.append(refuted(tried), False)))
        if not count:
            return start
        start, end = float(tried[count - 1]), float(tried[min(count, _POINTS - 1)])
    return start
