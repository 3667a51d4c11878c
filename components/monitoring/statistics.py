"""Distances between two distributions by their binned counts; any leading axes are samples of their own.

Bin i holds cuts[i-1] <= value < cuts[i], as in the bundle's reference.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SMOOTHING = 0.5
"""Added to every count before shares are taken for PSI, so that an empty bin has a finite logarithm."""


def psi(reference: ArrayLike, current: ArrayLike) -> Floats:
    """The population stability index: sum of (q - p) ln(q / p) over bins, 0 where the shares are equal.

    `SMOOTHING` is added to each count. By custom .1 is a shift to look at and .25 a large one.

    Args:
        reference: counts, (..., bins).
        current: counts, (..., bins).

    Source: Lewis (1994), An Introduction to Credit Scoring; it is the symmetrised divergence of Jeffreys (1946).
    """
    p, q = _smooth(reference), _smooth(current)
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))


def jensen_shannon(reference: ArrayLike, current: ArrayLike) -> Floats:
    """The Jensen-Shannon distance with base 2: 0 for equal shares, 1 for shares with nothing in common.

    Arguments as for :func:`psi`; nothing is smoothed.

    Source: Lin (1991), Divergence measures based on the Shannon entropy; Endres and Schindelin (2003) for its root.
    """
    p, q = _shares(reference), _shares(current)
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return np.sqrt(np.clip(divergence, 0.0, 1.0))


def kolmogorov_smirnov(reference: ArrayLike, current: ArrayLike) -> Floats:
    """The largest distance between two cumulative shares at the bins' cuts, 0 to 1.

    Arguments as for :func:`psi`, in the order of the bins. Between the cuts the distance may be larger, by no more than
    the share of a bin.
    """
    distance = np.cumsum(_shares(current) - _shares(reference), axis=-1)
    return np.asarray(np.abs(distance[..., :-1]).max(axis=-1, initial=0.0))


def chi_squared(reference: ArrayLike, current: ArrayLike) -> Floats:
    """Pearson's statistic for two samples from one distribution, 0 where their shares are equal.

    Arguments as for :func:`psi`. Bins that are empty in both count for nothing.
    """
    r, c = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    rows, others = r.sum(axis=-1, keepdims=True), c.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = (np.sqrt(others / rows) * r - np.sqrt(rows / others) * c) ** 2 / (r + c)
    return np.asarray(np.nan_to_num(terms).sum(axis=-1))


def wasserstein(
    reference: ArrayLike, current: ArrayLike, reference_at: ArrayLike, current_at: ArrayLike
) -> Floats:
    """The earth mover's distance, in the units of the values: how far the average row was moved.

    Every row is taken to stand at its bin's mean. Where each value has a bin of its own it is exact.

    Args:
        reference: counts, (..., bins).
        current: counts, (..., bins).
        reference_at: the mean of each bin's rows, (bins,), rising.
        current_at: the same of the current rows.
    """
    places = np.concatenate([np.asarray(reference_at, np.float64), np.asarray(current_at, np.float64)])
    p, q = _shares(reference), _shares(current)
    empty = np.zeros(np.broadcast_shapes(p.shape, q.shape))
    mass = np.concatenate([empty + p, empty - q], axis=-1)
    order = np.argsort(places, kind="stable")
    above = np.cumsum(mass[..., order], axis=-1)[..., :-1]
    return np.asarray((np.abs(above) * np.diff(places[order])).sum(axis=-1))


def _smooth(counts: ArrayLike) -> Floats:
    return _shares(np.asarray(counts, dtype=np.float64) + SMOOTHING)


def _shares(counts: ArrayLike) -> Floats:
    """(..., bins); all 0 where nothing was counted."""
    given = np.asarray(counts, dtype=np.float64)
    return np.asarray(given / np.maximum(given.sum(axis=-1, keepdims=True), 1e-300))


def _relative_entropy(p: Floats, q: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = p * np.log2(p / q)
    return np.asarray(np.where(p > 0, terms, 0.0).sum(axis=-1))
