import numpy as np
import polars as pl
import pytest

from components.data.cellhash import cell_hashes, mix
from components.data.rowhash import BATCH_ROWS, different, map_batches, row_hashes


def summed(table: pl.DataFrame) -> np.ndarray:
    """The definition, with nothing looked up."""
    return mix(np.sum([cell_hashes(values) for values in table], axis=0, dtype=np.uint64))


@pytest.fixture(scope="module")
def large(sample: pl.DataFrame) -> pl.DataFrame:
    """More rows than two batches, with missing values and a column of many values."""
    table = pl.concat([sample] * (2 * BATCH_ROWS // sample.height + 1))
    row = pl.int_range(pl.len())
    return table.with_columns(
        pl.when(row % 7 > 0).then("race").alias("race"),
        pl.when(row % 11 > 0).then("age").alias("age"),
        pl.when(row % 13 > 0).then("disability").alias("disability"),
        row.alias("number"),
        (row / 3).alias("third"),
    )


def test_looking_up_gives_the_sum_of_the_cells(large: pl.DataFrame) -> None:
    assert np.array_equal(row_hashes(large), summed(large))


def test_a_part_of_a_table_hashes_like_the_whole(large: pl.DataFrame) -> None:
    assert np.array_equal(
        row_hashes(large[BATCH_ROWS - 5 : BATCH_ROWS + 5]), row_hashes(large)[BATCH_ROWS - 5 :][:10]
    )


def test_the_order_of_the_columns_does_not_count(sample: pl.DataFrame) -> None:
    assert np.array_equal(row_hashes(sample), row_hashes(sample.select(reversed(sample.columns))))


def test_the_names_of_the_columns_count(sample: pl.DataFrame) -> None:
    swapped = sample.rename(
        {"hearing_difficulty": "vision_difficulty", "vision_difficulty": "hearing_difficulty"}
    )
    differ = sample["hearing_difficulty"] != sample["vision_difficulty"]
    assert np.array_equal(row_hashes(sample) != row_hashes(swapped), differ.to_numpy())


def test_equal_rows_and_no_others_have_equal_hashes(sample: pl.DataFrame) -> None:
    assert len(np.unique(row_hashes(sample))) == sample.n_unique()


def test_only_the_columns_asked_for_count(sample: pl.DataFrame) -> None:
    changed = sample.with_columns(pl.col("age") + 1)
    assert np.array_equal(row_hashes(sample, ["race", "sex"]), row_hashes(changed, ["sex", "race"]))


def test_a_table_without_rows_has_no_hashes(sample: pl.DataFrame) -> None:
    assert row_hashes(sample.clear()).shape == (0,)


def test_batches_come_in_order(large: pl.DataFrame) -> None:
    starts = list(map_batches(lambda start, _: start, large))
    assert starts == list(range(0, large.height, BATCH_ROWS))


def test_every_bit_of_the_hash_is_even(sample: pl.DataFrame) -> None:
    hashes = np.unique(row_hashes(sample.with_row_index("number")))
    share = np.array([((hashes >> np.uint64(bit)) & np.uint64(1)).mean() for bit in range(64)])
    assert np.abs(share - 0.5).max() < 5 * 0.5 / np.sqrt(len(hashes))


@pytest.mark.parametrize(("hashes", "number"), [([], 0), ([7], 1), ([3, 1, 3, 2, 1], 3)])
def test_different_hashes_are_counted(hashes: list[int], number: int) -> None:
    assert different(np.array(hashes, np.uint64)) == number
