"""Shards go into the store beside the making of the next one; none is lost, and what fails is told."""

from pathlib import Path

import polars as pl
import pytest

from components.data.snapshot import content_version
from components.scoring.shards import Keeping, fetched, waiting
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
