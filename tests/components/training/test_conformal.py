"""Prediction intervals hold the share that they promise, overall and by size of the prediction."""

import numpy as np
import pytest

from components.errors import DataError
from components.training.conformal import LEVEL, MOST_BINS, bands, bin_of, shifts


def rows(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes whose spread grows with the prediction, and lopsided: no model of the errors would be simple."""
    generator = np.random.default_rng(seed)
    predicted = generator.uniform(1, 100, count)
    return predicted + predicted * (generator.exponential(0.2, count) - 0.1), predicted


def covered(found, y, predicted) -> np.ndarray:
    number = bin_of(predicted, found.edges)
    return (y >= predicted + found.lower[number]) & (y <= predicted + found.upper[number])


def test_new_rows_are_held_as_often_as_promised():
    shares = []
    for seed in range(40):
        found = bands(*rows(400, seed))
        shares.append(covered(found, *rows(2000, 1000 + seed)).mean())
    assert np.mean(shares) == pytest.approx(LEVEL, abs=0.01)


def test_large_predictions_are_held_as_often_as_small_ones():
    found = bands(*rows(4000, 1))
    y, predicted = rows(20_000, 2)
    held = covered(found, y, predicted)
    assert len(found.lower) == MOST_BINS
    assert held[predicted < 30].mean() == pytest.approx(LEVEL, abs=0.03)
    assert held[predicted > 70].mean() == pytest.approx(LEVEL, abs=0.03)
    assert found.upper[-1] > 2 * found.upper[0]


def test_the_ends_are_order_statistics_of_the_residuals():
    residual = np.arange(99.0) - 49
    found = bands(residual, np.zeros(99))
    assert (found.lower.tolist(), found.upper.tolist()) == ([-45.0], [45.0])  # the 5th of 99, and the 95th


def test_few_rows_have_one_bin_and_their_outermost_residuals():
    found = bands(np.array([1.0, 2.0, 4.0]), np.array([1.0, 1.0, 1.0]))
    assert (len(found.edges), found.lower.tolist(), found.upper.tolist()) == (0, [0.0], [3.0])


def test_predictions_that_are_all_alike_have_one_bin():
    assert not len(bands(np.arange(1000.0), np.zeros(1000)).edges)


def test_weights_move_the_ends():
    residual, weight = np.arange(199.0), np.where(np.arange(199) >= 100, 9.0, 1.0)
    assert bands(residual, np.zeros(199), weight).lower[0] > bands(residual, np.zeros(199)).lower[0]


def test_where_outcomes_are_lopsided_the_shift_leads_to_their_quantile_in_every_bin():
    y, predicted = rows(4000, 3)
    edges = bands(y, predicted).edges
    moved = shifts(y, predicted, edges, 0.5)
    new_y, new = rows(4000, 4)
    below = new_y < new + moved[bin_of(new, edges)]
    assert all(
        below[bin_of(new, edges) == each].mean() == pytest.approx(0.5, abs=0.05) for each in range(len(moved))
    )
    assert moved[-1] > moved[0] > 0  # the mean of these errors is above 0, and so is their middle


def test_where_nothing_speaks_for_a_shift_there_is_none():
    generator = np.random.default_rng(0)
    predicted = generator.normal(size=2000)
    y = predicted + generator.normal(size=2000)
    assert not shifts(y, predicted, np.array([0.0]), 0.5).any()
    assert shifts(y, predicted, np.array([0.0]), 0.8).min() > 0.6


def test_no_rows_are_refused():
    with pytest.raises(DataError, match="validation rows"):
        bands(np.array([]), np.array([]))


def test_rows_of_weight_zero_do_not_count():
    y, predicted = rows(2000, 5)
    weight = np.where(predicted < 21, 0.0, 1.0)
    found, wanted = bands(y, predicted, weight), bands(y[weight > 0], predicted[weight > 0])
    assert all(
        np.array_equal(getattr(found, end), getattr(wanted, end)) for end in ("edges", "lower", "upper")
    )
    moved = shifts(y, predicted, bands(y, predicted).edges, 0.5, weight)
    assert moved[0] == 0  # of the lowest fifth nothing is known
    assert moved[-1] == shifts(y, predicted, bands(y, predicted).edges, 0.5)[-1] != 0
    with pytest.raises(DataError, match="weight above 0"):
        bands(y, predicted, np.zeros(2000))


@pytest.mark.parametrize("first", [1.0, -1.0, 0.1, 1e308, 5e-324])
def test_predictions_that_are_neighbouring_floats_have_a_bin_each(first):
    values = np.array([first, np.nextafter(first, 2e308)])
    found = bands(np.tile(np.arange(500.0), 2), np.repeat(values, 500))
    assert bin_of(values, found.edges).tolist() == [0, 1]
    assert len(found.lower) == 2
    assert np.isfinite([found.lower, found.upper]).all()
