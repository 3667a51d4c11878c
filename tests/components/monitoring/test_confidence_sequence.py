"""The error over all readings stays within what is promised, however rare and skewed the values are."""

import numpy as np
import pytest
from scipy.stats import binom

from components.monitoring.confidence_sequence import bounded, log_capital, unbounded

PATHS, ROWS = 1500, 3000
ALPHAS = (0.0025, 0.05, 0.1)


def disagreeing(generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """Two models that disagree in one row of fifty, mostly at a small loss, seldom at a large gain; worth 0 on average."""
    which = generator.random(size)
    return np.select([which < 0.018, which < 0.02], [-1.0, 9.0], 0.0)


def even(generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    return generator.integers(0, 2, size) * 2.0 - 1.0


def small(generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """Nearly always nothing, in one row of a thousand a large loss; -0.009 on average."""
    return np.where(generator.random(size) < 0.001, -9.0, 0.0)


def readings(draw, paths: int, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, means and sums of squares at sixty moments of every path."""
    values = draw(np.random.default_rng(seed), (paths, rows))
    counts = np.unique(np.geomspace(5, rows, 60).astype(int))
    means = values.cumsum(axis=1)[:, counts - 1] / counts
    return counts, means, (values**2).cumsum(axis=1)[:, counts - 1] - counts * means**2


@pytest.mark.parametrize(
    ("draw", "most", "truth"), [(disagreeing, 9.0, 0.0), (even, 1.0, 0.0), (small, 9.0, -0.009)]
)
def test_the_truth_is_ever_outside_no_more_often_than_promised(draw, most, truth):
    counts, means, squares = readings(draw, PATHS, ROWS, seed=1)
    above = log_capital(counts, means, squares, truth, (-most, most))
    below = log_capital(counts, -means, squares, -truth, (-most, most))
    highest = np.maximum(above, below).max(axis=1)
    for alpha in ALPHAS:
        assert (highest >= np.log(2 / alpha)).sum() <= binom.ppf(0.999, PATHS, alpha)


def test_without_bounds_rare_losses_mislead_which_is_why_bounds_are_used():
    counts, means, squares = readings(disagreeing, PATHS, ROWS, seed=1)
    wrong = 0
    for mean, square in zip(means, squares, strict=True):
        ends = [
            unbounded(int(n), m, s / (n - 1), alpha=0.0025)
            for n, m, s in zip(counts, mean, square, strict=True)
            if n >= 100
        ]
        wrong += any(high < 0 for _, high in ends)
    assert wrong > 0.1 * PATHS


def test_the_interval_is_what_the_capital_does_not_refute():
    values = disagreeing(np.random.default_rng(3), (2000,)) - 0.02
    mean, squares = float(values.mean()), float(((values - values.mean()) ** 2).sum())
    low, high = bounded(2000, mean, squares, bounds=(-9.5, 9.5), alpha=0.05)
    grid = np.linspace(-9.5, 9.5, 4001)
    refuted = log_capital(2000, mean, squares, grid, (-9.5, 9.5)) >= np.log(2 / 0.05)
    assert np.array_equal(refuted & (grid <= mean), (grid < low) & (grid <= mean))
    assert low < mean < high


def test_the_capital_is_below_that_of_the_bets_themselves():
    generator = np.random.default_rng(4)
    values = generator.choice([-1.0, 0.0, 3.0], 400, p=[0.5, 0.2, 0.3])
    for against in (-0.9, 0.0, 0.5):
        stakes = np.geomspace(1e-3, 0.95, 16) / 4
        won = np.exp(np.log1p(stakes[:, None] * (values - against)).sum(axis=1)).mean()
        squares = ((values - values.mean()) ** 2).sum()
        assert log_capital(400, values.mean(), squares, against, (-1, 3)) <= np.log(won) + 1e-9


def test_many_rows_make_it_nearly_as_narrow_as_one_for_large_numbers():
    values = np.random.default_rng(5).choice([-1.0, 0.0, 1.0], 50_000, p=[0.05, 0.9, 0.05])
    mean, squares = float(values.mean()), float(((values - values.mean()) ** 2).sum())
    low, high = bounded(50_000, mean, squares, bounds=(-1, 1), alpha=0.0025)
    first, last = unbounded(50_000, mean, squares / 49_999, alpha=0.0025)
    assert high - low < 1.15 * (last - first)


def test_values_that_never_differ_narrow_it_too():
    low, high = bounded(5000, 0.0, 0.0, bounds=(-1, 1), alpha=0.05)
    assert -0.01 < low < 0 < high < 0.01
    assert bounded(0, 0.0, 0.0, bounds=(-1, 1), alpha=0.05) == (-1, 1)
    assert bounded(50, 1.0, 0.0, bounds=(-1, 1), alpha=0.05)[1] == 1
