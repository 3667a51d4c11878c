"""Champion against challenger on live traffic, by an interval that may be read at any time without inflating the error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite

import numpy as np

from components.monitoring.answers import Floats
from components.monitoring.confidence_sequence import Bounds, bounded, unbounded
from components.monitoring.finding import Finding
from components.validation.metrics import Estimate

LEAST_ROWS = 100
"""Rows of each arm before anything is said."""


@dataclass(frozen=True)
class Moments:
    """Numbers of which only what an average needs is kept; those of several windows add up.

    Attributes:
        rows: how many.
        mean: of them.
        squares: the sum of their squared distances from the mean.
    """

    rows: int
    mean: float
    squares: float

    @classmethod
    def of(cls, values: Floats) -> Moments:
        """Of these numbers."""
        if not len(values):
            return cls(0, 0.0, 0.0)
        mean = float(np.mean(values))
        return cls(len(values), mean, float(((values - mean) ** 2).sum()))

    def __add__(self, other: Moments) -> Moments:
        rows = self.rows + other.rows
        if not rows:
            return self
        gap = other.mean - self.mean
        mean = self.mean + gap * other.rows / rows
        return Moments(rows, mean, self.squares + other.squares + gap**2 * self.rows * other.rows / rows)

    @property
    def variance(self) -> float:
        """With n - 1 in the denominator."""
        return self.squares / max(self.rows - 1, 1)

    def to_json(self) -> dict[str, float]:
        """Every attribute."""
        return asdict(self)


def total(moments: Iterable[Mapping[str, float]]) -> Moments:
    """The sum of what several windows kept."""
    found = Moments(0, 0.0, 0.0)
    for each in moments:
        found += Moments(int(each["rows"]), each["mean"], each["squares"])
    return found


def shadowed(differences: Moments, *, most: float, alpha: float) -> Estimate | None:
    """The mean of challenger minus champion on the very same rows; None for too few rows.

    The chance that the truth is ever outside, however often it is read, is at most ``alpha``.

    Args:
        differences: of every row so far.
        most: by which two decisions on one row may be apart; infinite where nothing bounds them, and then the interval is
            right for large numbers of rows alone.
        alpha: the error.
    """
    if differences.rows < LEAST_ROWS:
        return None
    low, high = _bounds(differences, (-most, most), alpha)
    return Estimate(differences.mean, low, high, 1 - alpha)


def split(champion: Moments, challenger: Moments, *, bounds: Bounds, alpha: float) -> Estimate | None:
    """The mean of the challenger's rows minus that of the champion's, which are others; None for too few rows.

    Each arm has an interval of its own at half of ``alpha``, so that both hold together however the rows of the arms
    alternate. It wants that each row's arm is chosen by chance.

    Args:
        champion: the worth of its rows.
        challenger: that of the challenger's.
        bounds: of the worth of a decision, as for :func:`shadowed`.
        alpha: the error.
    """
    if min(champion.rows, challenger.rows) < LEAST_ROWS:
        return None
    (low, high), (low_2, high_2) = (_bounds(each, bounds, alpha / 2) for each in (champion, challenger))
    return Estimate(challenger.mean - champion.mean, low_2 - high, high_2 - low, 1 - alpha)


def _bounds(found: Moments, bounds: Bounds, alpha: float) -> Bounds:
    if all(map(isfinite, bounds)):
        return bounded(found.rows, found.mean, found.squares, bounds=bounds, alpha=alpha)
    return unbounded(found.rows, found.mean, found.variance, alpha=alpha)


def experiment_finding(
    way: str, difference: Estimate | None, rows: int, unit: str, *, bounded: bool = True
) -> Finding:
    """What a trial beside the champion says so far; an alarm where the challenger is surely worse.

    Args:
        way: "shadow" or "split".
        difference: challenger minus champion, in utility a decision.
        rows: labelled rows of the challenger.
        unit: of the utility.
        bounded: whether the worth of a decision has bounds.
    """
    if difference is None:
        reason = f"The challenger has {rows:,} labelled rows; {LEAST_ROWS} of each are wanted before anything is said."
        return Finding("experiment", way, False, reason, judged=False)
    said = "is better" if difference.low > 0 else "is worse" if difference.high < 0 else "may be either"
    reason = (
        f"After {rows:,} labelled rows the challenger {said}: {difference.value:+.4f} ({difference.low:+.4f} to "
        f"{difference.high:+.4f}) {unit} a decision against the champion. The interval holds however often it is read"
        + ("." if bounded else ", for large numbers of rows; a few huge errors can mislead it.")
    )
    return Finding(
        "experiment", way, difference.high < 0, reason, difference.value, difference.low, difference.high, 0.0
    )
