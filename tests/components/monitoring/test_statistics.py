"""Distances between counts, against other implementations and by hand."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from components.monitoring.statistics import (
    chi_squared,
    jensen_shannon,
    kolmogorov_smirnov,
    psi,
    wasserstein,
)

THEN, NOW = np.array([40.0, 30, 20, 10, 0]), np.array([10.0, 25, 30, 30, 5])


def values(counts: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts.astype(int))


def test_psi_adds_half_a_row_to_every_bin():
    p, q = (THEN + 0.5) / (THEN.sum() + 2.5), (NOW + 0.5) / (NOW.sum() + 2.5)
    assert psi(THEN, NOW) == pytest.approx(float(np.sum((q - p) * np.log(q / p))))


def test_psi_is_nought_for_equal_shares_and_finite_for_empty_bins():
    assert psi(THEN, THEN) == 0
    assert np.isfinite(psi([100, 0], [0, 100]))
    assert psi([100, 0], [0, 100]) > 5


def test_jensen_shannon_is_scipys_distance():
    assert jensen_shannon(THEN, NOW) == pytest.approx(jensenshannon(THEN, NOW, base=2))
    assert jensen_shannon([5, 0], [0, 9]) == pytest.approx(1)


def test_kolmogorov_smirnov_is_scipys_where_each_value_has_a_bin():
    assert kolmogorov_smirnov(THEN, NOW) == pytest.approx(ks_2samp(values(THEN), values(NOW)).statistic)


def test_chi_squared_is_scipys():
    expected = chi2_contingency(np.stack([THEN, NOW]), correction=False).statistic
    assert chi_squared(THEN, NOW) == pytest.approx(expected)


def test_chi_squared_counts_nothing_for_bins_that_are_empty_in_both():
    assert chi_squared([4, 0, 6], [6, 0, 4]) == pytest.approx(float(chi_squared([4, 6], [6, 4])))


def test_wasserstein_is_scipys_where_each_value_has_a_bin():
    places = np.arange(5.0)
    expected = wasserstein_distance(values(THEN), values(NOW))
    assert wasserstein(THEN, NOW, places, places) == pytest.approx(expected)


def test_wasserstein_follows_values_beyond_the_last_cut():
    assert wasserstein([0, 10], [0, 10], [0.0, 5.0], [0.0, 1005.0]) == pytest.approx(1000)


def test_many_samples_are_measured_at_once():
    many = np.stack([THEN, NOW, THEN])
    for statistic in (psi, jensen_shannon, kolmogorov_smirnov, chi_squared):
        together = statistic(many, NOW)
        assert together.shape == (3,)
        assert together[0] == pytest.approx(float(statistic(THEN, NOW)))
        assert together[1] == pytest.approx(0)
