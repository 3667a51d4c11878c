"""An interval that may be read at any time: its error over all readings stays within what is promised."""

import numpy as np
import pytest
from scipy.stats import binom

from components.monitoring.confidence_sequence import unbounded
from components.monitoring.experiment import (
    LEAST_ROWS,
    Moments,
    experiment_finding,
    shadowed,
    split,
    total,
)
from components.monitoring.trial import trial_findings
from components.training.outcomes import ClassValues, ErrorValues, OutcomeValues

ALPHA, PATHS, ROWS, ARMS = 0.1, 300, 4000, 100
COIN = (-1.0, 1.0)


def test_for_large_numbers_alone_reading_after_every_row_does_not_inflate_the_error():
    values = np.random.default_rng(2).normal(0.0, 1.0, (PATHS, ROWS))
    counts = np.arange(1, ROWS + 1)
    means = values.cumsum(axis=1) / counts
    variances = (values**2).cumsum(axis=1) / counts - means**2
    widths = np.array([unbounded(int(n), 0.0, 1.0, alpha=ALPHA)[1] for n in counts]) * np.sqrt(variances)
    ever = (np.abs(means) > widths)[:, LEAST_ROWS:].any(axis=1).sum()
    naive = (np.abs(means) > 1.645 * np.sqrt(variances / counts))[:, LEAST_ROWS:].any(axis=1).sum()
    assert ever <= binom.ppf(0.999, PATHS, ALPHA)
    assert naive > 3 * ALPHA * PATHS  # what a fixed interval would do


def test_two_arms_read_every_hundred_rows_do_not_inflate_the_error():
    generator, wrong = np.random.default_rng(3), 0
    for _ in range(ARMS):
        arms = [generator.binomial(1, 0.4, 2000) * 2.0 - 1 for _ in range(2)]
        readings = [
            split(Moments.of(arms[0][: 9 * size]), Moments.of(arms[1][:size]), bounds=COIN, alpha=ALPHA)
            for size in range(100, 223, 20)
        ]
        wrong += any(each is not None and not each.low <= 0 <= each.high for each in readings)
    assert wrong <= binom.ppf(0.999, ARMS, ALPHA)


def test_rare_and_skewed_worth_of_two_arms_is_not_called_worse():
    """Each arm decides alike; in one row of fifty a decision costs 1, or, seldom, brings 9."""
    generator, wrong = np.random.default_rng(6), 0
    for _ in range(ARMS):
        which = generator.random((2, 3000))
        arms = np.select([which < 0.018, which < 0.02], [-1.0, 9.0], 0.0)
        readings = [
            split(*(Moments.of(arm[:size]) for arm in arms), bounds=(-1, 9), alpha=0.05)
            for size in range(100, 3001, 580)
        ]
        wrong += any(each is not None and not each.low <= 0 <= each.high for each in readings)
    assert wrong <= binom.ppf(0.999, ARMS, 0.05)


def test_a_real_difference_is_found():
    generator = np.random.default_rng(4)
    found = shadowed(
        Moments.of(generator.choice([-1.0, 0, 1], 5000, p=[0.05, 0.8, 0.15])), most=1, alpha=0.05
    )
    assert found is not None
    assert found.low > 0
    better, worse = (Moments.of(generator.binomial(1, p, n) * 2.0 - 1) for p, n in ((0.6, 9000), (0.5, 2000)))
    difference = split(better, worse, bounds=COIN, alpha=0.05)
    assert difference is not None
    assert experiment_finding("split", difference, 2000, "dollars").alarm


def test_errors_without_bounds_have_an_interval_of_large_numbers_that_says_so():
    found = shadowed(Moments.of(np.random.default_rng(4).normal(-0.2, 1, 5000)), most=np.inf, alpha=0.05)
    finding = experiment_finding("shadow", found, 5000, "dollars", bounded=False)
    assert finding.alarm
    assert "large numbers" in finding.reason


def test_worth_has_the_bounds_of_its_outcomes():
    four = OutcomeValues(2.0, -1.0, 0.0, -9.0, "dollars")
    assert (four.bounds, four.most_apart) == ((-9.0, 2.0), 11.0)
    classes = ClassValues(np.array([[1.0, 0.0, -5.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0]]), "dollars")
    assert (classes.bounds, classes.most_apart) == ((-5.0, 3.0), 6.0)
    assert ErrorValues(1.0, 1.0, "dollars").most_apart == np.inf


def test_accounts_from_before_worth_had_bounds_are_still_read():
    """What an older monitor kept has sums alone; what a newer one kept has the bounds of its day."""
    value = OutcomeValues(1.0, 0.0, 1.0, 0.0, "dollars")
    sums = Moments.of(np.random.default_rng(1).choice([-1.0, 0, 1], 4000, p=[0.3, 0.6, 0.1])).to_json()
    old, new = {"shadow x": {"differences": sums}}, {"shadow x": {"differences": sums, "most_apart": 50.0}}
    (narrow,) = trial_findings(old, [old], alpha=0.05, value=value)
    (wide,) = trial_findings(old, [new], alpha=0.05, value=value)
    assert narrow.alarm
    assert wide.high - wide.low > narrow.high - narrow.low
    arms = {"split x": dict.fromkeys(("champion", "challenger"), sums)}
    (apart,) = trial_findings(arms, [], alpha=0.05, value=value)
    assert not apart.alarm


def test_windows_add_up_to_the_whole():
    values = np.random.default_rng(5).normal(3, 2, 1000)
    parts = total(Moments.of(part).to_json() for part in np.split(values, [10, 400, 400]))
    whole = Moments.of(values)
    assert parts.rows == 1000
    assert parts.mean == pytest.approx(whole.mean)
    assert parts.variance == pytest.approx(float(values.var(ddof=1)))


def test_few_rows_say_nothing():
    few = Moments.of(np.ones(LEAST_ROWS - 1))
    assert shadowed(few, most=1, alpha=0.05) is None
    assert not experiment_finding("shadow", None, 3, "dollars").judged
