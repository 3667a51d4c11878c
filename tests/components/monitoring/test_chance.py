"""P-values by drawing: as often as it takes, and no more often."""

import numpy as np
import pytest
from scipy.stats import binom, chi2, kstest

from components.monitoring.chance import ENOUGH, FEWEST, chance, draws_for
from components.monitoring.statistics import chi_squared, psi

REFERENCE = np.array([400.0, 300, 200, 100])


def of(value: float, draws: int, seed: int = 1):
    generator = np.random.default_rng(seed)
    return chance(chi_squared, REFERENCE, (1000, 1000), value, draws=draws, generator=generator)


def test_it_is_the_chance():
    for value in (1.0, 4.0, 8.0):
        assert of(value, 200_000).p_value == pytest.approx(chi2.sf(value, 3), rel=0.7)
    assert of(8.0, 2_000).p_value == pytest.approx(chi2.sf(8.0, 3), rel=0.3)


def test_what_is_likely_takes_few_draws_and_what_is_far_off_takes_all():
    likely, far = of(2.0, 500_000), of(60.0, 50_000)
    assert likely.reached == ENOUGH
    assert likely.draws < FEWEST
    assert (far.draws, far.reached, far.at_floor) == (50_000, 0, True)
    assert far.p_value == pytest.approx(1 / 50_001)


def test_under_the_null_it_is_uniform_at_every_level_that_decides():
    found = []
    for seed in range(600):
        generator = np.random.default_rng(seed)
        shares = REFERENCE / REFERENCE.sum()
        value = float(psi(*(generator.multinomial(1000, shares) for _ in range(2))))
        found.append(chance(psi, REFERENCE, (1000, 1000), value, draws=4000, generator=generator).p_value)
    for level in (0.01, 0.05, 0.2, 0.5):
        assert np.sum(np.array(found) <= level) <= binom.ppf(0.999, len(found), level)
    assert kstest(found, "uniform").pvalue > 0.001


def test_the_draws_let_each_of_many_tests_fall_below_the_rate():
    for tests in (1, 60, 750):
        draws = draws_for(tests, 0.0025, most=10**9)
        assert tests * 2 / (1 + draws) <= 0.0025 * 1.01
    assert draws_for(60, 0.0025, most=5000) == 5000
