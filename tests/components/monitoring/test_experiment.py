"""An interval that may be read at any time: its error over all readings stays within what is promised."""

import numpy as np
import pytest
from scipy.stats import binom

from components.monitoring.experiment import (
    LEAST_ROWS,
    Moments,
    experiment_finding,
    half_width,
    shadowed,
    split,
    total,
)

ALPHA, PATHS, ROWS = 0.1, 300, 4000


def test_reading_after_every_row_does_not_inflate_the_error():
    values = np.random.default_rng(2).normal(0.0, 1.0, (PATHS, ROWS))
    counts = np.arange(1, ROWS + 1)
    means = values.cumsum(axis=1) / counts
    variances = (values**2).cumsum(axis=1) / counts - means**2
    widths = np.array([half_width(int(count), 1.0, ALPHA) for count in counts]) * np.sqrt(variances)
    ever = (np.abs(means) > widths)[:, LEAST_ROWS:].any(axis=1).sum()
    naive = (np.abs(means) > 1.645 * np.sqrt(variances / counts))[:, LEAST_ROWS:].any(axis=1).sum()
    assert ever <= binom.ppf(0.999, PATHS, ALPHA)
    assert naive > 3 * ALPHA * PATHS  # what a fixed interval would do


def test_two_arms_read_every_hundred_rows_do_not_inflate_the_error():
    generator, wrong = np.random.default_rng(3), 0
    for _ in range(PATHS):
        arms = [generator.binomial(1, 0.4, 2000) * 2.0 - 1 for _ in range(2)]
        readings = [
            split(Moments.of(arms[0][: 9 * size]), Moments.of(arms[1][:size]), alpha=ALPHA)
            for size in range(100, 223, 20)
        ]
        wrong += any(each is not None and not each.low <= 0 <= each.high for each in readings)
    assert wrong <= binom.ppf(0.999, PATHS, ALPHA)


def test_a_real_difference_is_found():
    generator = np.random.default_rng(4)
    found = shadowed(Moments.of(generator.normal(0.1, 1, 5000)), alpha=0.05)
    assert found is not None
    assert found.low > 0
    worse = split(
        Moments.of(generator.normal(0.2, 1, 9000)), Moments.of(generator.normal(0, 1, 2000)), alpha=0.05
    )
    assert worse is not None
    assert experiment_finding("split", worse, 2000, "dollars").alarm


def test_windows_add_up_to_the_whole():
    values = np.random.default_rng(5).normal(3, 2, 1000)
    parts = total(Moments.of(part).to_json() for part in np.split(values, [10, 400, 400]))
    whole = Moments.of(values)
    assert parts.rows == 1000
    assert parts.mean == pytest.approx(whole.mean)
    assert parts.variance == pytest.approx(float(values.var(ddof=1)))


def test_few_rows_say_nothing():
    few = Moments.of(np.ones(LEAST_ROWS - 1))
    assert shadowed(few, alpha=0.05) is None
    assert not experiment_finding("shadow", None, 3, "dollars").judged
