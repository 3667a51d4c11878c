"""Whether a score of .7 means seven in ten: overall, by the score's spread, and along the score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from components.training.recalibration import logistic_line
from components.validation.bounds import normal_quantile, wilson
from components.validation.intervals import interval, skewed_interval
from components.validation.metrics import Codes, Estimate, codes
from components.validation.resampling import Design, Floats, Groups, MeanRatio

CLIP = 1e-12
"""Scores are kept this far from 0 and 1 before their logit is taken."""

DRAWS = 2000
"""Draws of the gaps' sampling errors behind the calibration error."""


@dataclass(frozen=True)
class CalibrationBin:
    """One point of the reliability curve.

    Attributes:
        mean_score: Of the bin's rows.
        observed: Their share of positives.
        low: Of its Wilson interval.
        high: Of its Wilson interval.
        rows: How many.
    """

    mean_score: float
    observed: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class CalibrationReport:
    """How scores and outcomes agree.

    Attributes:
        in_the_large: Mean of actual minus predicted, 0 if right; above 0 the scores are too low.
        slope: Of the outcome's logit on the score's, 1 if right; below 1 the scores are too extreme. NaN where scores
            are all alike, or part the classes without a mistake.
        error: Mean distance between actual and predicted over the bins, 0 if right.
        bins: The reliability curve, in bins of equally many rows.
    """

    in_the_large: Estimate
    slope: Estimate
    error: Estimate
    bins: tuple[CalibrationBin, ...]


@dataclass(frozen=True)
class NumberCalibration:
    """How predicted and actual numbers agree; errors are in standard deviations of the target.

    Attributes:
        in_the_large: Mean of actual minus predicted, 0 if right; above 0 predictions are too low.
        error: Mean distance between actual and predicted over the bins, 0 if right.
        coverage: Share of outcomes within their prediction intervals.
        level: What that share is meant to be.
        width: Mean width of the intervals, in units of the target.
        unit: The standard deviation of the target, in its own units.
        bins: Mean predicted and mean actual number by bins of the prediction, in units of the target.
    """

    in_the_large: Estimate
    error: Estimate
    coverage: Estimate
    level: float
    width: float
    unit: float
    bins: tuple[CalibrationBin, ...]


@dataclass(frozen=True)
class ClassCalibration:
    """How the scores of several classes agree with what is true: each class against the rest, by its name."""

    classes: Mapping[str, CalibrationReport]


AnyCalibration = CalibrationReport | ClassCalibration | NumberCalibration


def class_calibration(
    y_true: NDArray[np.int64],
    y_score: Floats,
    *,
    classes: Sequence[str],
    sample_weight: ArrayLike | None = None,
    groups: Groups | None = None,
    seed: int = 0,
) -> ClassCalibration:
    """Calibration of P(class), (rows, classes), class by class; other arguments as for :func:`calibration_report`.

    Source: Kull et al. (2019), Beyond temperature scaling, for class-wise calibration.
    """
    return ClassCalibration(
        {
            name: calibration_report(
                y_true == code, y_score[:, code], sample_weight=sample_weight, groups=groups, seed=seed
            )
            for code, name in enumerate(classes)
        }
    )


def number_calibration(
    y_true: ArrayLike,
    y_score: ArrayLike,
    interval_ends: tuple[Floats, Floats],
    *,
    interval_level: float,
    bins: int = 10,
    sample_weight: ArrayLike | None = None,
    groups: Groups | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> NumberCalibration:
    """Calibration of predicted numbers and of their prediction intervals.

    Args:
        y_true: Actual numbers (rows,).
        y_score: Predicted numbers (rows,).
        interval_ends: Lower and upper ends of the prediction intervals, each (rows,).
        interval_level: What share of outcomes these are meant to hold.
        bins: Of equally many rows; fewer where predictions are tied.
        sample_weight: (rows,).
        groups: What rows come in together, (rows,).
        level: Of the intervals of what is measured.
        seed: Of the draws behind the calibration error.
    """
    y, score = np.asarray(y_true, dtype=np.float64), np.asarray(y_score, dtype=np.float64)
    design = Design(len(y), sample_weight, groups)
    kept = np.flatnonzero(design.weight > 0)
    low, high = interval_ends[0][kept], interval_ends[1][kept]
    y, score, design = y[kept], score[kept], design.part(kept)
    mean = np.average(y, weights=design.weight)
    unit = float(np.sqrt(np.average((y - mean) ** 2, weights=design.weight))) or 1.0
    gap, held = MeanRatio((y - score) / unit), MeanRatio((y >= low) & (y <= high))
    number = _bin_numbers(score, bins)
    return NumberCalibration(
        Estimate(design.value(gap), *interval(gap, design, bounded=False, level=level), level),
        _error((y - score) / unit, number, design, level, seed, most=np.inf),
        Estimate(design.value(held), *interval(held, design, bounded=True, level=level), level),
        interval_level,
        float(np.average(high - low, weights=design.weight)),
        unit,
        tuple(
            _number_point(y, score, design, np.flatnonzero(number == each), level)
            for each in np.unique(number)
        ),
    )


def _number_point(
    y: Floats, score: Floats, design: Design, rows: NDArray[np.int64], level: float
) -> CalibrationBin:
    part, actual = design.part(rows), MeanRatio(y[rows])
    low, high = interval(actual, part, bounded=False, level=level)
    return CalibrationBin(part.value(MeanRatio(score[rows])), part.value(actual), low, high, len(rows))


def calibration_report(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    bins: int = 10,
    sample_weight: ArrayLike | None = None,
    groups: Groups | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> CalibrationReport:
    """Calibration of the scores, overall and along the score.

    Args:
        y_true: Codes (rows,).
        y_score: P(positive) (rows,).
        bins: Of equally many rows; fewer where scores are tied.
        sample_weight: (rows,).
        groups: What rows come in together, (rows,).
        level: Of the intervals.
        seed: Of the draws behind the calibration error.

    Source: Cox (1958), Two further applications of a model for binary regression; Van Calster et al. (2019).
    """
    y, score = codes(y_true), np.asarray(y_score, dtype=np.float64)
    design = Design(len(y), sample_weight, groups)
    kept = np.flatnonzero(design.weight > 0)
    y, score, design = y[kept], score[kept], design.part(kept)
    gap = MeanRatio(y - score)
    low, high = interval(gap, design, bounded=False, level=level)
    number = _bin_numbers(score, bins)
    return CalibrationReport(
        in_the_large=Estimate(design.value(gap), low, high, level),
        slope=_slope(y, score, design, level),
        error=_error(y - score, number, design, level, seed),
        bins=tuple(
            _point(y, score, design, np.flatnonzero(number == each), level) for each in np.unique(number)
        ),
    )


def _slope(y: Codes, score: Floats, design: Design, level: float) -> Estimate:
    """The slope of a logistic regression on the score's logit, with the interval that its sandwich variance gives."""
    clipped = np.clip(score, CLIP, 1 - CLIP)
    terms = np.column_stack([np.ones(len(y)), np.log(clipped) - np.log1p(-clipped)])
    if np.ptp(terms[:, 1]) < 1e-9 or _apart(score[y == 0], score[y == 1]):
        return Estimate(np.nan, np.nan, np.nan, level)
    line = logistic_line(y, score, design.weight)
    expected = 1 / (1 + np.exp(-(terms @ np.array(line))))
    information = (terms * (design.weight * expected * (1 - expected))[:, None]).T @ terms
    contribution = design.by_unit(design.weight * (y - expected) * (terms @ np.linalg.inv(information)[1]))
    units = design.units(MeanRatio(np.ones((len(y), 2)), np.column_stack([y == 0, y == 1])))
    return Estimate(line[1], *skewed_interval(line[1], contribution, units, level=level), level)


def _apart(negative: Floats, positive: Floats) -> bool:
    """Whether the classes do not overlap, or one is empty: no slope fits best."""
    if not len(negative) or not len(positive):
        return True
    return bool(positive.min() >= negative.max() or positive.max() <= negative.min())


def _error(
    gap: Floats, number: NDArray[np.int64], design: Design, level: float, seed: int, most: float = 1.0
) -> Estimate:
    """The calibration error over the bins, without the part that sampling adds to it.

    Distances are never negative, so that even a perfect score shows some. The value is the error for which what was seen
    is the median of what would be seen, along the direction of the gaps seen. The interval is wrong at most as often as
    stated, whatever the gaps are: with d = true gap + noise, the true error is at least sum |d| - sum |noise|, and at
    most sum |d| + sum (sign of the true gap) noise. It is therefore wide where scores are well calibrated.

    Source: for the bias Bröcker (2012) and Roelofs et al. (2022), Mitigating bias in calibration error estimation.
    """
    gaps, covariance = _gaps(gap, number, design)
    seen, generator = float(np.abs(gaps).sum()), np.random.default_rng(seed)
    noise = generator.standard_normal((DRAWS, len(gaps))) @ _root(covariance)
    low = seen - float(np.quantile(np.abs(noise).sum(axis=1), (1 + level) / 2))
    high = seen + normal_quantile(level) * float(np.sqrt(np.abs(covariance).sum()))
    share = _decreasing_root(
        lambda share: float(np.mean(np.abs(share * gaps + noise).sum(axis=1) <= seen)) - 0.5
    )
    return Estimate(share * seen, max(0.0, low), min(most, high), level)


def _gaps(gap: Floats, number: NDArray[np.int64], design: Design) -> tuple[Floats, Floats]:
    """Each bin's share of the mean gap, (bins,), and the covariance of their sampling errors."""
    bins = int(number.max()) + 1
    total, weight = design.weight.sum(), design.weight
    rows = np.bincount(number, weight, bins)
    sums = np.bincount(number, weight * gap, bins)
    residual = weight * (gap - (sums / rows)[number]) / total
    units = np.stack(
        [design.by_unit(np.where(number == each, residual, 0.0)) for each in range(bins)], axis=1
    )
    count = len(units)
    return sums / total, units.T @ units * count / max(count - bins, 1)


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))).T)


def _decreasing_root(function: Callable[[float], float]) -> float:
    """Where a decreasing function of a share in [0, 1] crosses 0, or the nearer end."""
    low, high = 0.0, 1.0
    if function(low) <= 0:
        return low
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return high


def _bin_numbers(score: Floats, bins: int) -> NDArray[np.int64]:
    edges = np.unique(np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1]))
    number = np.searchsorted(edges, score, side="left")
    return np.unique(number, return_inverse=True)[1].astype(np.int64)


def _point(y: Codes, score: Floats, design: Design, rows: NDArray[np.int64], level: float) -> CalibrationBin:
    part, share = design.part(rows), MeanRatio(y[rows])
    observed, units = part.value(share), part.units(share)
    low, high = wilson(min(observed, 1.0) * units, units, level=level)
    return CalibrationBin(part.value(MeanRatio(score[rows])), observed, low, high, len(rows))
