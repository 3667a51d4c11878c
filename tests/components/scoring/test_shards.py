"""Shards go into the store beside the making of the next one; none is lost, and what fails is told."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from components.data.snapshot import content_version
from components.errors import DataError
from components.scoring.shards import KEPT_DAYS, Keeping, clear, fetched, waiting
from components.store import Store

FOLDER = "incoming/ScoreFlow/1"


def rows(first: int, count: int) -> pl.DataFrame:
    numbers = pl.int_range(first, first + count, eager=True)
    return pl.DataFrame({"prediction_id": numbers, "x": numbers * 2})


def test_all_are_there_in_their_order_with_the_version_of_their_rows(store):
    with Keeping(FOLDER, store) as kept:
        for first in range(0, 90, 30):
            kept.add(rows(first, 30), pl.DataFrame())
    found = [fetched(FOLDER, shard, store)[0] for shard in kept.shards]
    assert pl.concat(found).equals(rows(0, 90))
    assert (kept.rows, kept.refused) == (90, 0)
    assert kept.data_version == content_version(rows(0, 90).drop("prediction_id"))


def test_the_order_and_what_was_refused_are_told(store):
    orders = set()
    for first, bad in [(0, pl.DataFrame()), (1, pl.DataFrame()), (0, rows(5, 1).cast(pl.String))]:
        with Keeping(FOLDER, store) as kept:
            kept.add(rows(first, 10), bad)
        orders.add(kept.order)
    assert len(orders) == 3


def drifted(store: Store) -> None:
    with Keeping(FOLDER, store) as kept:
        kept.add(rows(0, 10), rows(10, 2))
        raise ValueError("drifted")


def test_they_are_there_also_where_the_table_is_refused(store):
    with pytest.raises(ValueError, match="drifted"):
        drifted(store)
    assert [store.exists(name) for name in waiting(FOLDER, 0)] == [True, True]


def test_one_that_cannot_be_written_is_told(tmp_path: Path):
    (tmp_path / "incoming").write_text("no folder")
    with pytest.raises(OSError, match="incoming"), Keeping(FOLDER, Store(str(tmp_path))) as kept:
        kept.add(rows(0, 10), pl.DataFrame())


def test_what_waits_no_longer_is_cleared_and_a_run_that_waits_for_it_is_told(store):
    shards = {}
    for run in ("1", "2"):
        with Keeping(f"incoming/ScoreFlow/{run}", store) as kept:
            kept.add(rows(0, 10), rows(10, 2))
        shards[run] = kept.shards[0]
    now = datetime.now(UTC)
    long_ago = (now - timedelta(days=KEPT_DAYS, hours=1)).timestamp()
    for name in store.names("incoming/ScoreFlow/1"):
        os.utime(store.url(name), (long_ago, long_ago))
    assert clear("incoming/ScoreFlow", store, now) == ["incoming/ScoreFlow/1"]
    assert clear("incoming/ScoreFlow", store, now) == []
    with pytest.raises(DataError, match="is missing; score the table again"):
        fetched("incoming/ScoreFlow/1", shards["1"], store)
    assert fetched("incoming/ScoreFlow/2", shards["2"], store)[0] is not None


def test_a_folder_in_which_one_object_is_young_stays(store):
    with Keeping(FOLDER, store) as kept:
        kept.add(rows(0, 10), pl.DataFrame())
        kept.add(rows(10, 10), pl.DataFrame())
    os.utime(store.url(waiting(FOLDER, 0)[0]), (0, 0))
    assert clear("incoming/ScoreFlow", store, datetime.now(UTC)) == []
