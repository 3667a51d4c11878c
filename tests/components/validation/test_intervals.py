import numpy as np
import pytest
from scipy.stats import t

from components.validation.intervals import (
    bca_interval,
    interval,
    share_interval,
    skewed_interval,
    standard_error,
)
from components.validation.metrics import METRICS
from components.validation.resampling import Design, Difference, MeanRatio
from tests.components.validation.sample import people

ROWS = 400
SYMMETRIC = np.tile([-1.0, 1.0], 50) / 100


def delong_covariance(y, scores):
    """As in the paper, pair by pair: the covariance of the areas of several scores."""
    positive, negative = scores[:, y == 1], scores[:, y == 0]
    won = (positive[:, :, None] > negative[:, None, :]) + (positive[:, :, None] == negative[:, None, :]) / 2
    return np.cov(won.mean(axis=2)) / (y == 1).sum() + np.cov(won.mean(axis=1)) / (y == 0).sum()


def test_the_error_of_an_area_is_delongs():
    y, scores = people().y[:ROWS], people().score[None, :ROWS].round(2)
    area = METRICS["roc_auc"].of(y, scores[0], 0.5)
    expected = float(np.sqrt(delong_covariance(y, scores)))
    assert standard_error(Design(ROWS).contributions(area)) == pytest.approx(expected, rel=0.01)


def test_the_error_of_a_difference_of_areas_is_delongs():
    y, scores = people().y[:ROWS], np.stack([people().score[:ROWS], people().weaker[:ROWS]])
    areas = [METRICS["roc_auc"].of(y, score, 0.5) for score in scores]
    covariance = delong_covariance(y, scores)
    expected = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert standard_error(Design(ROWS).contributions(Difference(*areas))) == pytest.approx(expected, rel=0.01)


def test_the_interval_of_a_mean_without_skewness_is_students():
    values = np.tile([1.0, 3.0], 15)
    half = t.ppf(0.975, 29) * values.std(ddof=1) / np.sqrt(30)
    assert interval(MeanRatio(values), Design(30), bounded=False) == pytest.approx((2 - half, 2 + half))


def test_the_interval_reaches_farther_to_the_side_of_the_long_tail():
    losses = -np.log(people().score[:ROWS])
    low, high = interval(MeanRatio(losses), Design(ROWS), bounded=False)
    assert high - losses.mean() > losses.mean() - low


def test_one_sided_bounds_are_the_ends_of_an_interval_of_twice_the_error():
    area, design = METRICS["roc_auc"].of(people().y, people().score, 0.5), Design(1500)
    one_sided = interval(area, design, bounded=True, level=0.95, one_sided=True)
    assert one_sided == pytest.approx(interval(area, design, bounded=True, level=0.9))


def test_a_share_stays_within_its_range():
    low, high = share_interval(0.98, SYMMETRIC, 15, level=0.9999)
    assert 0 < low < 0.98 < high < 1


def test_a_perfect_score_of_few_rows_is_not_taken_for_certain():
    low, high = share_interval(1.0, np.zeros(40), 40)
    assert 0.8 < low < 0.95
    assert high == 1


def test_the_same_rows_twice_in_groups_say_no_more_than_once():
    y, score = people().y[:ROWS], people().score[:ROWS]
    once = interval(METRICS["roc_auc"].of(y, score, 0.5), Design(ROWS), bounded=True)
    doubled = METRICS["roc_auc"].of(np.repeat(y, 2), np.repeat(score, 2), 0.5)
    groups = np.repeat(np.arange(ROWS), 2)
    assert interval(doubled, Design(2 * ROWS, groups=groups), bounded=True) == pytest.approx(once, abs=1e-6)


def replicated(name, replicates, seed=1):
    """What a bootstrap interval is made from."""
    statistic, design = METRICS[name].of(people().y[:ROWS], people().score[:ROWS], 0.75), Design(ROWS)
    (drawn,) = design.replicate([statistic], replicates, seed=seed)
    return design.value(statistic), *drawn, design.contributions(statistic), design.units(statistic)


def test_the_bootstrap_interval_of_a_mean_is_the_one_without_resampling():
    given = replicated("accuracy", 200)
    assert bca_interval(*given) == pytest.approx(skewed_interval(given[0], *given[3:]), abs=0.001)


def test_the_bootstrap_interval_hangs_less_on_the_seed_than_the_quantiles_do():
    given = [replicated("roc_auc", 200, seed) for seed in range(20)]
    intervals = np.array([bca_interval(*each) for each in given])
    quantiles = np.array([np.quantile(each[1], [0.025, 0.975]) for each in given])
    assert (intervals.std(axis=0) < 0.7 * quantiles.std(axis=0)).all()


def test_the_bootstrap_interval_moves_against_the_bias():
    value, replicates, linear, *rest = replicated("roc_auc", 500)
    low, high = bca_interval(value, replicates, linear, *rest)
    biased_low, biased_high = bca_interval(value, replicates - 0.01, linear, *rest)
    assert biased_low > low
    assert biased_high > high


def test_undefined_resamples_are_left_out():
    value, replicates, linear, *rest = replicated("roc_auc", 500)
    gaps = np.full(50, np.nan), np.full(50, 9.0)
    with_gaps = np.append(replicates, gaps[0]), np.append(linear, gaps[1])
    assert bca_interval(value, *with_gaps, *rest) == bca_interval(value, replicates, linear, *rest)


def test_where_few_rows_decide_it_is_they_who_count():
    few, many = np.zeros(400), np.ones(400)
    few[:6], many[:200] = [1, -1, 1, -1, 1, -1], -1
    (low, _), (reference, _) = (
        skewed_interval(0.0, each / np.sqrt((each**2).sum()), 400) for each in (few, many)
    )
    assert low / reference == pytest.approx(t.ppf(0.975, 5) / t.ppf(0.975, 399))


def test_nothing_varies_nothing_is_uncertain():
    assert skewed_interval(0.5, np.zeros(10), 10) == (0.5, 0.5)
