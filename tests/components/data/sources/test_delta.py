"""Delta tables: the version or the time that is meant, and no other rows."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import deltalake
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from components.data.source import take
from components.errors import DataError
from tests.components.data.sources.conftest import BUCKET


@pytest.fixture
def sample(sample: pl.DataFrame) -> pl.DataFrame:
    """The sample as Delta keeps it: there is no type for categories."""
    return sample.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))


@pytest.fixture
def table(sample: pl.DataFrame, tmp_path: Path) -> Path:
    """A table whose first version has ten rows, and whose second has five others in their place."""
    path = tmp_path / "table"
    sample[:10].write_delta(path)
    sample[10:15].write_delta(path, mode="overwrite")
    return path


def written(table: Path, version: int) -> datetime:
    """When a version was written."""
    history = deltalake.DeltaTable(table).history()
    return datetime.fromtimestamp(
        next(entry["timestamp"] for entry in history if entry["version"] == version) / 1000, UTC
    )


@pytest.mark.parametrize("head", ["delta://", ""])
def test_the_newest_version_is_read_and_pinned(table: Path, sample: pl.DataFrame, head: str) -> None:
    taken = take(f"{head}{table}")
    assert_frame_equal(taken.table, sample[10:15], check_row_order=False)
    assert dict(taken.pin) == {
        "delta version": "1", "delta table": str(deltalake.DeltaTable(table).metadata().id),
    }  # fmt: skip


@pytest.mark.parametrize("head", ["delta://", ""])
def test_an_older_version_is_read(table: Path, sample: pl.DataFrame, head: str) -> None:
    taken = take(f"{head}{table}", revision="0")
    assert_frame_equal(taken.table, sample[:10], check_row_order=False)


def test_a_time_means_what_the_table_held_then(table: Path) -> None:
    first, second = written(table, 0), written(table, 1)
    assert first < second
    assert take(str(table), revision=first.isoformat()).pin[0] == ("delta version", "0")
    assert take(str(table), revision=second.isoformat()).pin[0] == ("delta version", "1")
    later = (second + timedelta(days=1)).replace(tzinfo=None).isoformat()
    assert take(str(table), revision=later).pin[0] == ("delta version", "1")


def test_a_time_before_the_table_is_refused(table: Path) -> None:
    before = (written(table, 0) - timedelta(seconds=1)).isoformat()
    with pytest.raises(DataError, match=r"did not exist at data\.revision"):
        take(str(table), revision=before)


@pytest.mark.parametrize(
    ("revision", "sentence"),
    [("7", "cannot be read at data.revision '7'"), ("main", "a Delta table has whole numbers as versions")],
)
def test_a_version_that_is_none_is_refused(table: Path, revision: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        take(str(table), revision=revision)


def test_a_version_that_was_vacuumed_away_is_refused(table: Path) -> None:
    deltalake.DeltaTable(table).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    with pytest.raises(DataError, match="cannot be read"):
        take(str(table), revision="0")


def test_a_folder_that_is_no_delta_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="folder cannot be read"):
        take(f"delta://{tmp_path}/folder")


def test_a_revision_of_a_plain_folder_is_refused(table: Path) -> None:
    shutil.rmtree(table / "_delta_log")
    with pytest.raises(DataError, match="is no Delta table"):
        take(str(table), revision="0")


@pytest.mark.parametrize("head", ["delta://", ""])
def test_a_table_in_a_bucket_is_read_too(s3: object, sample: pl.DataFrame, head: str) -> None:
    url = f"s3://{BUCKET}/people"
    sample[:10].write_delta(url)
    sample[10:15].write_delta(url, mode="append")
    taken = take(f"{head}{url}", revision="0")
    assert_frame_equal(taken.table, sample[:10], check_row_order=False)
    assert taken.pin[0] == ("delta version", "0")
