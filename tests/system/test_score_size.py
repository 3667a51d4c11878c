"""The memory that scoring takes does not grow with the table."""

from pathlib import Path

import pytest

from benchmarks.batch_phases import TASKS, phase

SMALL, LARGE, SHARD_ROWS = 500_000, 3_000_000, 50_000
MOST_BYTES = 70 << 20
"""Six times the rows may take so much more; in memory, the rows that are more are some 200 MB."""

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def peaks(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], float]:
    """The most that each phase had resident, by phase and rows."""
    folder: Path = tmp_path_factory.mktemp("size")
    phase("bundle", folder)
    found = {}
    for rows in (SMALL, LARGE):
        phase("table", folder, str(rows), "with noise")
        found["intake", rows] = phase("intake", folder, str(SHARD_ROWS))["peak"]
        scored = phase("score", folder, "0")
        assert scored["answered"] == rows / TASKS
        found["score", rows] = scored["peak"]
    return found


@pytest.mark.parametrize("name", ["intake", "score"])
def test_six_times_the_rows_take_hardly_more_memory(name: str, peaks: dict[tuple[str, int], float]) -> None:
    assert peaks[name, LARGE] - peaks[name, SMALL] < MOST_BYTES, peaks
