"""How likely so large a distance is between two samples of one distribution: found by drawing, as often as it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from components.monitoring.statistics import SMOOTHING

Floats = NDArray[np.float64]

ENOUGH = 20
"""Draws that reach the value, after which no more are made."""

FIRST, FEWEST, MOST_CELLS = 200, 1_000, 1_000_000
"""Draws of the first turn, the fewest that are made of what is far off, and counts that are held at a time: each turn draws twice as often, up to these."""


@dataclass(frozen=True)
class Chance:
    """A p-value, and by how many draws it was found.

    Attributes:
        p_value: of the test.
        draws: how many were made.
        reached: how many of them reached the value.
    """

    p_value: float
    draws: int
    reached: int

    @property
    def at_floor(self) -> bool:
        """Whether no draw reached the value, so that more draws might make the p-value smaller."""
        return self.reached == 0


def draws_for(tests: int, rate: float, *, most: int) -> int:
    """As many draws as let one of several tests, corrected for their number, fall below the rate, with one to spare."""
    return min(most, max(FEWEST, ceil(2 * tests / rate)))


def chance(
    statistic: Callable[[Floats, Floats], Floats],
    counts: Floats,
    sizes: tuple[int, int],
    value: float,
    *,
    draws: int,
    generator: np.random.Generator,
) -> Chance:
    """The chance of a distance of ``value`` or more between two samples of these sizes from the reference's shares.

    It draws until `ENOUGH` draws have reached the value, and at the most ``draws`` times: where nothing is wrong some hundred
    do, and only what is far off takes them all. Its level is exact at whatever draw it ends.

    Args:
        statistic: of two arrays of counts, (draws, bins).
        counts: of the reference, (bins,).
        sizes: of both samples.
        value: what was seen.
        draws: the most.
        generator: of the draws.

    Source: Besag and Clifford (1991), Sequential Monte Carlo p-values.
    """
    reached, made, turn = 0, 0, FIRST
    while made < draws:
        count = min(turn, draws - made, max(1, MOST_CELLS // len(counts)))
        hits = statistic(*drawn(counts, sizes, count, generator)) >= value - 1e-12
        if reached + int(hits.sum()) >= ENOUGH:
            last = made + int(np.flatnonzero(hits)[ENOUGH - reached - 1]) + 1
            return Chance(ENOUGH / last, last, ENOUGH)
        reached, made, turn = reached + int(hits.sum()), made + count, 2 * turn
    return Chance((1 + reached) / (1 + made), made, reached)


def drawn(
    counts: Floats, sizes: tuple[int, int], draws: int, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """Two samples of the reference's shares, each (draws, bins)."""
    raised = counts + SMOOTHING
    first, second = (
        generator.multinomial(size, raised / raised.sum(), draws).astype(np.float64) for size in sizes
    )
    return first, second


def p_value(null: Floats, value: float) -> float:
    """The share of draws that reach the value, itself counted among them."""
    return float((1 + np.count_nonzero(null >= value - 1e-12)) / (1 + len(null)))
