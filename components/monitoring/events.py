"""How many events scores promise: the exact interval of actual minus predicted, right for few events and for none."""

from __future__ import annotations

from collections.abc import Callable
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri

Floats = NDArray[np.float64]

FEW = 300
"""Expected events, or rows without one, up to which the number of events is not taken to be normal."""

MOST_BLOCKS = 1024
"""Rows beyond it are taken in blocks of neighbours by score, which share their mean."""

_CLIP, _TINY, _WIDEST = 1e-9, 1e-300, 64.0


def few_events(score: Floats, few: float = FEW) -> bool:
    """Whether so few events, or rows without one, are expected that their number is not normal."""
    expected = float(score.sum())
    return min(expected, len(score) - expected) <= few


def thinned(score: Floats, weight: Floats, rows: float) -> Floats:
    """As many scores as there are independent rows, at least one, spread evenly over the weighted scores.

    Source: Korn and Graubard (1998), Confidence intervals for proportions with small expected number of positive counts
    estimated from survey data, for counts of effective rows.
    """
    order, count = np.argsort(score, kind="stable"), max(1, int(rows))
    reached = np.cumsum(weight[order])
    places = np.searchsorted(reached, (np.arange(count) + 0.5) / count * reached[-1])
    return np.asarray(score[order][np.minimum(places, len(score) - 1)])


def event_bounds(events: int, score: Floats, *, level: float) -> tuple[float, float]:
    """The interval of the mean of actual minus predicted.

    It leaves out 0 just where so many events, or so few, have a chance of less than half of 1 - ``level`` under the scores,
    each row having an event of its own accord (the Poisson binomial distribution). Its ends are those shifts of all
    log-odds under which the same is true of what was seen; with no event its lower end is that of no event at all.

    Args:
        events: how many came true.
        score: the chance of each row's, (rows,).
        level: of the interval.

    Source: Cox (1958), Two further applications of a model for binary regression, for the shift; Clopper and Pearson
    (1934) for the ends; Hong (2013), On computing the distribution function for the Poisson binomial distribution.
    """
    rows, tail = len(score), (1 - level) / 2
    if 2 * score.sum() > rows:
        low, high = event_bounds(rows - events, 1 - score, level=level)
        return -high, -low
    blocks, size = _blocks(score)
    odds = logit(np.clip(blocks, _CLIP, 1 - _CLIP))

    def at_least(shift: float) -> float:
        return 1 - float(_chances(expit(odds + shift), size, events - 1).sum())

    def at_most(shift: float) -> float:
        return float(_chances(expit(odds + shift), size, events).sum())

    def gap(shift: float) -> float:
        return float((expit(odds + shift) - blocks).sum()) * size / rows

    # From where about half of what was seen is as likely as the other half, by a few standard errors.
    middle = _shift(odds, (min(max(events, 0.5), rows - 0.5)) / size)
    step = float(ndtri(1 - tail)) / sqrt(max(events, 0.5))
    low = -float(score.mean()) if events == 0 else gap(_where(at_least, tail, middle, -step))
    high = 1 - float(score.mean()) if events == rows else gap(_where(at_most, tail, middle, step))
    return low, high


def _shift(odds: Floats, expected: float) -> float:
    """The shift of the log-odds under which so much is expected."""
    return float(brentq(lambda shift: float(expit(odds + shift).sum()) - expected, -_WIDEST, _WIDEST))


def _blocks(score: Floats) -> tuple[Floats, int]:
    """The mean chance of each block of neighbours by score, and how many rows a block has: a power of two, of few rows one."""
    size = 1
    while size * MOST_BLOCKS < len(score):
        size *= 2
    padded = np.concatenate([np.zeros(-len(score) % size), np.sort(score)])
    return padded.reshape(-1, size).mean(axis=1), size


def _chances(chance: Floats, size: int, most: int) -> Floats:
    """P(0 events), ..., P(``most`` events) of ``size`` rows with each chance, by generating functions, two by two."""
    width = next_fast_len(size + 1, real=True)
    spectrum = np.fft.rfft(np.stack([1 - chance, chance], axis=1), width, axis=1)
    for _ in range(size.bit_length() - 1):
        spectrum = spectrum * spectrum
    parts = np.fft.irfft(spectrum, width, axis=1)[:, : min(size, most) + 1]
    while len(parts) > 1:
        if len(parts) % 2:
            parts = np.vstack([parts, np.eye(1, parts.shape[1])])
        numbers = 2 * parts.shape[1] - 1
        width = next_fast_len(numbers, real=True)
        spectrum = np.fft.rfft(parts, width, axis=1)
        product = np.fft.irfft(spectrum[0::2] * spectrum[1::2], width, axis=1)
        parts = product[:, : min(numbers, most + 1)]
    return np.clip(parts[0, : most + 1], 0.0, 1.0)


def _where(chance: Callable[[float], float], tail: float, middle: float, step: float) -> float:
    """The shift of the log-odds, some steps from the middle, at which a chance is as small as the tail."""

    def distance(shift: float) -> float:
        return log(max(chance(shift), _TINY)) - log(tail)

    far = middle + step
    while distance(far) > 0 and abs(far) < _WIDEST:
        step, middle = 2 * step, far
        far += step
    return float(brentq(distance, middle, far, xtol=1e-6, rtol=1e-9)) if distance(far) < 0 else far
