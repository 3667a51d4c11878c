"""What a model's age costs, from windows whose intervals may have any level."""

import pytest

from components.monitoring.staleness import metric_by_age
from components.validation.bounds import normal_quantile
from components.validation.metrics import Estimate


def measured(level: float, error: float = 0.01) -> list[tuple[float, Estimate]]:
    half = normal_quantile(level) * error
    values = [(73.05 * window, 0.8 - 0.004 * window) for window in range(6)]
    return [(age, Estimate(value, value - half, value + half, level)) for age, value in values]


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_the_slope_and_its_interval_do_not_hang_on_the_level_of_the_windows_intervals(level):
    found = metric_by_age(measured(level))
    assert found is not None
    assert found.value == pytest.approx(-0.02)
    # The years .0, .2 ... 1.0 have a sum of squares of .7 about their mean.
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.01 / 0.7**0.5)


def test_of_fewer_than_three_windows_nothing_is_said():
    assert metric_by_age(measured(0.95)[:2]) is None
