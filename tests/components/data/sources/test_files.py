"""Objects of a bucket: which version of each was read, and how it is read again. Plain files: tests of the source."""

from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from components.data.source import take
from components.data.sources import files
from components.errors import DataError
from tests.components.data.sources.conftest import BUCKET


def put(s3: Any, table: pl.DataFrame, folder: Path, key: str = "t.parquet") -> dict[str, Any]:
    """What S3 answers when a table is written to the bucket."""
    table.write_parquet(folder / "put.parquet")
    answer: dict[str, Any] = s3.put_object(Bucket=BUCKET, Key=key, Body=(folder / "put.parquet").read_bytes())
    return answer


def keep_versions(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


def test_the_version_that_was_read_is_pinned(s3: Any, sample: pl.DataFrame, tmp_path: Path) -> None:
    keep_versions(s3)
    put(s3, sample[:10], tmp_path)
    second = put(s3, sample[10:15], tmp_path)
    taken = take(f"s3://{BUCKET}/t.parquet")
    assert_frame_equal(taken.table, sample[10:15])
    assert taken.pin == ((f"version id {BUCKET}/t.parquet", second["VersionId"]),)


def test_an_older_version_is_read_again_by_its_pin(s3: Any, sample: pl.DataFrame, tmp_path: Path) -> None:
    keep_versions(s3)
    for part in range(2):
        put(s3, sample[part * 5 : part * 5 + 5], tmp_path, f"folder/{part}.parquet")
    first = take(f"s3://{BUCKET}/folder")
    assert len(first.pin) == 2
    put(s3, sample[20:30], tmp_path, "folder/0.parquet")
    put(s3, sample[30:40], tmp_path, "folder/2.parquet")
    assert take(f"s3://{BUCKET}/folder").table.height == 25
    again = take(f"s3://{BUCKET}/folder", pinned=first.pin)
    assert_frame_equal(again.table, sample[:10])
    assert again.pin == first.pin


def test_a_version_that_is_gone_is_told(s3: Any, sample: pl.DataFrame, tmp_path: Path) -> None:
    keep_versions(s3)
    version = put(s3, sample[:10], tmp_path)["VersionId"]
    pin = take(f"s3://{BUCKET}/t.parquet").pin
    s3.delete_object(Bucket=BUCKET, Key="t.parquet", VersionId=version)
    with pytest.raises(DataError, match=r"t\.parquet cannot be read"):
        take(f"s3://{BUCKET}/t.parquet", pinned=pin)


def test_a_bucket_without_versions_has_etags(s3: Any, sample: pl.DataFrame, tmp_path: Path) -> None:
    etag = put(s3, sample[:10], tmp_path)["ETag"].strip('"')
    assert take(f"s3://{BUCKET}/t.parquet").pin == ((f"etag {BUCKET}/t.parquet", etag),)


def test_what_was_written_before_versions_were_kept_has_an_etag(
    s3: Any, sample: pl.DataFrame, tmp_path: Path
) -> None:
    put(s3, sample[:10], tmp_path)
    keep_versions(s3)
    assert take(f"s3://{BUCKET}/t.parquet").pin[0][0] == f"etag {BUCKET}/t.parquet"


def test_an_object_that_is_replaced_while_it_is_read_is_refused(
    s3: Any, sample: pl.DataFrame, tmp_path: Path
) -> None:
    put(s3, sample[:10], tmp_path)

    class Replacing:
        """The bucket, in which somebody writes at the worst moment."""

        def __getattr__(self, name: str) -> Any:
            return getattr(fsspec.filesystem("s3"), name)

        def cat_file(self, path: str) -> bytes:
            data: bytes = fsspec.filesystem("s3").cat_file(path)
            put(s3, sample[10:], tmp_path)
            return data

    with pytest.raises(DataError, match=r"was replaced while it was read"):
        files._fetched(Replacing(), f"{BUCKET}/t.parquet", {})


def test_files_of_this_machine_have_no_pin(sample: pl.DataFrame, tmp_path: Path) -> None:
    sample.write_parquet(tmp_path / "t.parquet")
    assert take(str(tmp_path / "t.parquet")).pin == ()
