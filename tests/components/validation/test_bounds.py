import numpy as np
import pytest
from scipy.stats import binom, binomtest

from components.errors import DataError
from components.validation import bounds
from tests.components.validation.sample import people

GRID = np.linspace(0.001, 0.999, 999)


def chances_of_missing_below(method, n, level):
    """For each proportion of GRID, the probability that the one-sided lower bound lies above it; no simulation."""
    lows = np.array([method(successes, n, level=level, one_sided=True)[0] for successes in range(n + 1)])
    return (binom.pmf(np.arange(n + 1)[:, None], n, GRID) * (lows[:, None] > GRID)).sum(axis=0)


@pytest.mark.parametrize("successes", [0, 1, 17, 39, 40])
def test_wilson_is_scipys(successes):
    expected = binomtest(successes, 40).proportion_ci(method="wilson")
    assert bounds.wilson(successes, 40) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("successes", [0, 1, 17, 39, 40])
def test_exact_is_scipys(successes):
    expected = binomtest(successes, 40).proportion_ci(method="exact")
    assert bounds.exact(successes, 40) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("method", [bounds.wilson, bounds.exact])
def test_a_one_sided_bound_is_the_end_of_a_two_sided_interval_of_twice_the_error(method):
    assert method(7, 30, level=0.95, one_sided=True) == pytest.approx(method(7, 30, level=0.90))


@pytest.mark.parametrize("method", [bounds.wilson, bounds.exact])
def test_no_trials_say_nothing(method):
    assert method(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("method", [bounds.wilson, bounds.exact])
@pytest.mark.parametrize(("successes", "n"), [(-1, 10), (11, 10), (float("nan"), 10)])
def test_impossible_counts_are_refused(method, successes, n):
    with pytest.raises(DataError, match="between 0 and the trials"):
        method(successes, n)


@pytest.mark.parametrize("level", [0.95, 0.999])
@pytest.mark.parametrize("n", [20, 250])
def test_an_exact_bound_is_wrong_at_most_as_often_as_stated(n, level):
    assert chances_of_missing_below(bounds.exact, n, level).max() <= 1 - level + 1e-12


def test_a_wilson_interval_covers_as_stated_on_average():
    missed = 2 * chances_of_missing_below(bounds.wilson, 100, 0.975)  # both sides are alike
    assert 1 - missed.mean() == pytest.approx(0.95, abs=0.005)


def test_difference_of_proportions_is_newcombes_published_example():
    first, second = (bounds.wilson(x, n) for x, n in ((56, 70), (48, 80)))
    low, high = bounds.difference_bounds(56 / 70, first, 48 / 80, second)
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


def test_the_difference_turned_round_has_the_bounds_turned_round():
    low, high = bounds.difference_bounds(0.8, (0.7, 0.9), 0.5, (0.45, 0.6))
    assert bounds.difference_bounds(0.5, (0.45, 0.6), 0.8, (0.7, 0.9)) == pytest.approx((-high, -low))


def test_the_ratio_turned_round_has_the_inverse_bounds():
    low, high = bounds.ratio_bounds(0.8, (0.7, 0.88), 0.6, (0.49, 0.7))
    assert bounds.ratio_bounds(0.6, (0.49, 0.7), 0.8, (0.7, 0.88)) == pytest.approx((1 / high, 1 / low))


def test_a_ratio_agrees_with_the_difference_on_whether_two_are_equal():
    first, second = bounds.wilson(80, 100, level=0.95), bounds.wilson(60, 100, level=0.95)
    ratio, difference = (
        method(0.8, first, 0.6, second) for method in (bounds.ratio_bounds, bounds.difference_bounds)
    )
    assert ratio[0] > 1
    assert difference[0] > 0


def test_a_ratio_to_what_may_be_nothing_has_no_upper_bound():
    low, high = bounds.ratio_bounds(0.5, (0.4, 0.6), 0.0, (0.0, 0.1))
    assert 0 < low < 10
    assert high == float("inf")


def test_a_simultaneous_level_leaves_the_error_to_all_together():
    assert bounds.simultaneous_level(0.05, 20) ** 20 == pytest.approx(0.95)
    assert bounds.simultaneous_level(0.05, 1) == pytest.approx(0.95)


def test_equal_weights_count_as_rows():
    assert bounds.effective_size(np.full(40, 2.5)) == pytest.approx(40)


def test_unequal_weights_count_for_fewer_rows():
    weight = people().weight
    assert bounds.effective_size(weight) == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
    assert bounds.effective_size(weight) < len(weight)


def test_no_weight_at_all_counts_for_no_rows():
    assert bounds.effective_size(np.zeros(3)) == 0
