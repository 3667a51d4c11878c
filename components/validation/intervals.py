"""The interval of a statistic, from its bootstrap distribution or from the contributions of its rows."""

from math import cbrt, sqrt

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri, stdtrit

from components.validation.bounds import Interval, effective_size, wilson
from components.validation.resampling import Design, Floats, Statistic


def interval(
    statistic: Statistic, design: Design, *, bounded: bool, level: float = 0.95, one_sided: bool = False
) -> Interval:
    """The interval without resampling, which reaches the far quantiles that simultaneous bounds ask for.

    Args:
        statistic: Of the rows.
        design: How the rows came.
        bounded: Whether it is a share within [0, 1] (:func:`share_interval`, else :func:`skewed_interval`).
        level: Of the interval, or of each bound by itself if ``one_sided``.
        one_sided: Whether each of the two numbers is a bound by itself.
    """
    method = share_interval if bounded else skewed_interval
    contribution, units = design.contributions(statistic), design.units(statistic)
    return method(design.value(statistic), contribution, units, level=level, one_sided=one_sided)


def standard_error(contribution: Floats) -> float:
    """The standard error of a statistic from the contributions of its units (the infinitesimal jackknife).

    Equal to DeLong's for an area under the curve and to the textbook's for a mean, up to 1/n.

    Source: Jaeckel (1972), The infinitesimal jackknife; DeLong, DeLong and Clarke-Pearson (1988).
    """
    units = len(contribution)
    return sqrt(float(np.sum(contribution**2)) * units / max(units - 1, 1))


def acceleration(contribution: Floats) -> float:
    """The skewness of a statistic divided by 6; 0 when it is symmetric."""
    square = float(np.sum(contribution**2))
    return float(np.sum(contribution**3)) / (6 * square**1.5) if square > 0 else 0.0


def bca_interval(
    value: float,
    replicates: Floats,
    linear: Floats,
    contribution: Floats,
    units: float,
    *,
    level: float = 0.95,
    one_sided: bool = False,
) -> Interval:
    """The bias-corrected and accelerated bootstrap interval, with most of its chance taken out.

    The linear part of the statistic goes through the same resamples and has a known distribution: what the resamples
    get wrong about it they get wrong about the statistic too, and it is taken off. It does what several times as many
    resamples would do. Student's quantile stands for the normal one.

    Args:
        value: The statistic on the rows themselves.
        replicates: Its bootstrap distribution; NaN where a resample leaves it undefined.
        linear: That of its linear part, from the same resamples.
        contribution: Of the units.
        units: Their effective number.
        level: Of the interval, or of each bound by itself if ``one_sided``.
        one_sided: Whether each of the two numbers is a bound by itself.

    Source: Efron (1987), Better bootstrap confidence intervals; Davison, Hinkley and Schechtman (1986), Efficient
    bootstrap simulation, for the linear part.
    """
    defined = np.isfinite(replicates)
    replicates, linear, a = replicates[defined], linear[defined], acceleration(contribution)
    below = _share_below(replicates, value) - _share_below(linear, 0.0) + ndtr(a)
    bias = float(ndtri(np.clip(below, 0.5 / len(replicates), 1 - 0.5 / len(replicates))))
    quantile = student_quantile(units, level, one_sided=one_sided)
    shifted = bias + np.array([-quantile, quantile])
    normal = bias + shifted / (1 - a * shifted)
    known = np.sqrt(np.sum(contribution**2)) * (normal + a * (normal**2 - 1))
    low, high = np.quantile(replicates, ndtr(normal)) - np.quantile(linear, ndtr(normal)) + known
    return float(low), float(high)


def share_interval(
    value: float, contribution: Floats, units: float, *, level: float = 0.95, one_sided: bool = False
) -> Interval:
    """The interval of a statistic within [0, 1], without resampling: Student's, on the logit.

    It reaches the far quantiles that simultaneous bounds ask for. At 0, at 1, and where nothing varies, it is the score
    interval of a proportion of ``units`` rows, so that a perfect score of few rows is not taken for certain.

    Args:
        value: The statistic.
        contribution: Of the units.
        units: Their effective number.
        level: Of the interval, or of each bound by itself if ``one_sided``.
        one_sided: Whether each of the two numbers is a bound by itself.

    Source: Pepe (2003), The Statistical Evaluation of Medical Tests, 5.2; for average precision Boyd et al. (2013).
    """
    error = standard_error(contribution)
    if not 0 < value < 1 or error < 1e-12:
        share = min(max(value, 0.0), 1.0)
        return wilson(share * units, units, level=level, one_sided=one_sided)
    half = error / (value * (1 - value)) * student_quantile(units, level, one_sided=one_sided)
    return float(expit(logit(value) - half)), float(expit(logit(value) + half))


def skewed_interval(
    value: float, contribution: Floats, units: float, *, level: float = 0.95, one_sided: bool = False
) -> Interval:
    """Student's interval of a statistic, corrected for the skewness of its contributions; without resampling.

    Where few units contribute much, such as the few rows that two models decide differently, they are the ones counted
    for Student's quantile. Arguments as for :func:`share_interval`.

    Source: Hall (1992), On the removal of skewness by transformation.
    """
    error, skewness = standard_error(contribution), 6 * acceleration(contribution)
    quantile = student_quantile(min(units, effective_size(contribution**2)), level, one_sided=one_sided)
    return (
        value - error * _with_skewness(quantile, skewness),
        value - error * _with_skewness(-quantile, skewness),
    )


def student_quantile(units: float, level: float, *, one_sided: bool = False) -> float:
    """The number of standard errors of Student's interval for that many units; the normal's for many."""
    return float(stdtrit(max(units - 1, 1.0), level if one_sided else (1 + level) / 2))


def _share_below(replicates: Floats, value: float) -> float:
    """The share of replicates below the value, half of those that equal it counted."""
    distance = replicates - value
    equal = np.abs(distance) < 1e-12
    return float(np.mean((distance < 0) & ~equal) + np.mean(equal) / 2)


def _with_skewness(x: float, skewness: float) -> float:
    """The studentised value at which Hall's cubic transformation equals ``x``."""
    if abs(skewness) < 1e-9:
        return x
    return (cbrt(1 + skewness * (x - skewness / 6)) - 1) * 3 / skewness
