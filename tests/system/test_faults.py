"""What faults cost a server under load; `python -m benchmarks.faults` measures each for a minute."""

import asyncio

import pytest

from benchmarks.faults import CONNECTIONS, FAULTS, Cost, cost

pytestmark = pytest.mark.system

SECONDS = 4.0
HARMLESS = [name for name in FAULTS if name not in ("kill -9 a worker", "stop the tracking store")]


def cost_of(name: str) -> Cost:
    found = asyncio.run(cost(name, SECONDS))
    assert found.answered > 100, found
    return found


@pytest.mark.parametrize("name", HARMLESS)
def test_no_request_fails_and_no_prediction_is_lost(name: str) -> None:
    found = cost_of(name)
    assert (found.failed, found.unlogged) == ({}, 0), found


def test_a_killed_worker_costs_the_requests_it_was_answering_and_what_was_not_written_yet() -> None:
    found = cost_of("kill -9 a worker")
    assert sum(found.failed.values()) <= CONNECTIONS, found
    assert found.unlogged < found.answered / 2, found
