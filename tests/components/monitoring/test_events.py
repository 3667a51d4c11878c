"""Few events: an alarm is no more frequent than promised, and the interval says what the test says."""

import numpy as np
import pytest
from scipy.stats import binom

from components.monitoring.calibration import IN_THE_LARGE, calibration, calibration_findings
from components.monitoring.events import event_bounds, few_events

RATE = 0.05 * 0.5


def scores(rows: int, base: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).beta(1.0, 1 / base - 1, rows)


def chances(score: np.ndarray) -> np.ndarray:
    """The Poisson binomial distribution, row by row."""
    found = np.ones(1)
    for each in score:
        found = np.convolve(found, [1 - each, each])
    return found


@pytest.mark.parametrize("rows", [200, 500, 1500])
@pytest.mark.parametrize("base", [0.005, 0.01, 0.05])
def test_the_chance_that_the_interval_leaves_out_nought_is_within_the_level(rows, base):
    """Computed, not drawn: over every number of events that can be."""
    score = scores(rows, base, seed=3)
    chance = chances(score)
    likely = [events for events in range(len(chance)) if chance[events] > 1e-7]
    bounds = [event_bounds(events, score, level=1 - RATE) for events in likely]
    wrong = sum(
        chance[events] for events, (low, high) in zip(likely, bounds, strict=True) if low > 0 or high < 0
    )
    assert wrong <= RATE


@pytest.mark.parametrize(("rows", "windows"), [(200, 150), (500, 100), (5000, 30)])
@pytest.mark.parametrize("base", [0.005, 0.01, 0.05])
def test_calibration_alarms_of_calibrated_scores_are_within_the_level(rows, windows, base):
    generator, loud = np.random.default_rng(7), 0
    for seed in range(windows):
        score = scores(rows, base, seed)
        found = calibration(generator.random(rows) < score, score, then=None, rate=RATE)
        loud += any(each.alarm for each in calibration_findings(found, alarm=0.0, alarm_decile=0.0))
    assert loud <= binom.ppf(0.999, windows, RATE)


def test_no_event_where_one_was_expected_proves_nothing():
    low, high = event_bounds(0, np.full(200, 0.0065), level=0.985)
    assert low == pytest.approx(-0.0065)
    assert high > 0


def test_no_event_where_ten_were_expected_is_told():
    score = np.full(1000, 0.01)
    low, high = event_bounds(0, score, level=0.985)
    assert low == pytest.approx(-0.01)
    assert high < 0
    found = calibration(np.zeros(1000), score, then=None, rate=RATE)
    assert calibration_findings(found, alarm=0.003, alarm_decile=0.05)[0].alarm


def test_the_interval_agrees_with_the_test_at_every_number_of_events():
    score, level = scores(300, 0.03, 1), 0.95
    chance = chances(score)
    for events in range(25):
        low, high = event_bounds(events, score, level=level)
        assert (low > 0) == (chance[events:].sum() < (1 - level) / 2)
        assert (high < 0) == (chance[: events + 1].sum() < (1 - level) / 2)


def test_of_equal_scores_it_is_the_exact_interval_of_a_share():
    from components.validation.bounds import exact

    low, high = event_bounds(3, np.full(500, 0.01), level=0.95)
    assert (low + 0.01, high + 0.01) == pytest.approx(exact(3, 500), abs=1e-6)


def test_rows_without_an_event_may_be_the_rare_ones():
    score = scores(400, 0.01, 2)
    low, high = event_bounds(5, score, level=0.95)
    assert event_bounds(395, 1 - score, level=0.95) == pytest.approx((-high, -low))
    assert few_events(1 - score)


def test_many_rows_are_taken_in_blocks_that_change_nothing():
    score = scores(3000, 0.02, 4)
    blocks = event_bounds(70, score, level=0.95)
    padded = event_bounds(70, np.concatenate([score, np.zeros(70_000)]), level=0.95)
    assert blocks == pytest.approx(np.array(padded) * 73_000 / 3000, rel=0.02)


def test_a_rare_event_that_became_twice_as_frequent_is_found():
    found = 0
    for seed in range(40):
        score = scores(5000, 0.01, seed)
        true = np.random.default_rng(seed).random(5000) < 2 * score
        gap = calibration(true, score, then=None, rate=RATE).in_the_large[""]
        assert gap.level == pytest.approx(1 - IN_THE_LARGE * RATE)
        found += gap.low > 0
    assert found >= 36
