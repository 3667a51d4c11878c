"""Champion against challenger on live traffic, by an interval that may be read at any time without inflating the error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import log, sqrt

import numpy as np

from components.monitoring.answers import Floats
from components.monitoring.finding import Finding
from components.validation.metrics import Estimate

LEAST_ROWS = 100
"""Rows of each arm before anything is said: the interval is one of large numbers."""

PLANNED_ROWS = 5_000
"""At about so many rows the interval is narrowest for what it promises; it holds at any number."""


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


def shadowed(differences: Moments, *, alpha: float) -> Estimate | None:
    """The mean of challenger minus champion on the very same rows; None for too few rows."""
    if differences.rows < LEAST_ROWS:
        return None
    half = half_width(differences.rows, differences.variance, alpha)
    return Estimate(differences.mean, differences.mean - half, differences.mean + half, 1 - alpha)


def split(champion: Moments, challenger: Moments, *, alpha: float) -> Estimate | None:
    """The mean of the challenger's rows minus that of the champion's, which are others; None for too few rows.

    It wants that each row's arm is chosen by chance, at a share that does not change.
    """
    if min(champion.rows, challenger.rows) < LEAST_ROWS:
        return None
    rows = champion.rows + challenger.rows
    variance = rows * (champion.variance / champion.rows + challenger.variance / challenger.rows)
    difference, half = challenger.mean - champion.mean, half_width(rows, variance, alpha)
    return Estimate(difference, difference - half, difference + half, 1 - alpha)


def half_width(rows: int, variance: float, alpha: float) -> float:
    """Half of the asymptotic confidence sequence for a mean.

    The chance that the truth is ever outside, at any number of rows from `LEAST_ROWS` on, is at most ``alpha``.

    Args:
        rows: so far.
        variance: of a row.
        alpha: the error.

    Source: Robbins (1970), Statistical methods related to the law of the iterated logarithm, for the normal mixture;
    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Time-uniform central limit theory and asymptotic confidence
    sequences, theorem 2.2 and its choice of rho.
    """
    rho2 = (-2 * log(alpha) + log(-2 * log(alpha)) + 1) / PLANNED_ROWS
    spread = rows * rho2 + 1
    return sqrt(variance * 2 * spread / (rows**2 * rho2) * log(sqrt(spread) / alpha))


def experiment_finding(way: str, difference: Estimate | None, rows: int, unit: str) -> Finding:
    """What a trial beside the champion says so far; an alarm where the challenger is surely worse.

    Args:
        way: "shadow" or "split".
        difference: challenger minus champion, in utility a decision.
        rows: labelled rows of the challenger.
        unit: of the utility.
    """
    if difference is None:
        reason = f"The challenger has {rows:,} labelled rows; {LEAST_ROWS} of each are wanted before anything is said."
        return Finding("experiment", way, False, reason, judged=False)
    said = "is better" if difference.low > 0 else "is worse" if difference.high < 0 else "may be either"
    reason = (
        f"After {rows:,} labelled rows the challenger {said}: {difference.value:+.4f} ({difference.low:+.4f} to "
        f"{difference.high:+.4f}) {unit} a decision against the champion. The interval holds however often it is read."
    )
    return Finding(
        "experiment", way, difference.high < 0, reason, difference.value, difference.low, difference.high, 0.0
    )
