import pytest

from components.release.parity import Latency
from components.reporting.cost import serving_cost


def test_a_thousand_predictions_take_a_thousand_latencies():
    cost = serving_cost(Latency(0.5, 2.0, 100_000, (0.0, 0.0)), requests_per_second=50)
    assert cost.core_seconds_per_1000 == pytest.approx(0.5)
    assert cost.batch_core_seconds_per_1000 == pytest.approx(0.01)
    assert cost.cores_busy == pytest.approx(0.025)


def test_a_light_load_needs_one_replica():
    cost = serving_cost(Latency(0.03, 0.1, 100_000, (0.0, 0.0)), requests_per_second=50)
    assert cost.replicas == 1
    assert cost.busy_fraction == pytest.approx(0.0015)


def test_no_replica_is_more_than_half_busy():
    cost = serving_cost(Latency(10.0, 20.0, 1_000, (0.0, 0.0)), requests_per_second=130)
    assert cost.replicas == 3
    assert cost.busy_fraction == pytest.approx(1.3 / 3)
    assert cost.most_requests_per_second == pytest.approx(150)


def test_latency_below_the_clock_is_not_divided_by():
    cost = serving_cost(Latency(0.0, 0.0, 0.0, (0.0, 0.0)), requests_per_second=50)
    assert cost.replicas == 1
