from uuid import UUID

import polars as pl
import pyarrow as pa
import pytest

from components.data.sources.rows import frame, require_names, require_plain
from components.errors import DataError


def reader(**columns: pa.Array) -> pa.RecordBatchReader:
    batch = pa.record_batch(columns)
    return pa.RecordBatchReader.from_batches(batch.schema, [batch, batch])


def test_batches_follow_each_other() -> None:
    assert frame(reader(a=pa.array([1, 2])), "x:")["a"].to_list() == [1, 2, 1, 2]


def test_no_batches_give_no_rows() -> None:
    empty = pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), [])
    assert dict(frame(empty, "x:").schema) == {"a": pl.Int64}


def test_identifiers_become_texts() -> None:
    code = UUID("12345678-1234-5678-1234-567812345678")
    codes = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([code.bytes, None], pa.binary(16)))
    assert frame(reader(a=codes), "x:")["a"].to_list()[:2] == [str(code), None]


def test_other_extensions_are_what_they_are_stored_as() -> None:
    stored = pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1}']))
    assert frame(reader(a=stored), "x:")["a"].to_list() == ['{"a": 1}', '{"a": 1}']


@pytest.mark.parametrize(
    "kind",
    [
        pa.binary(),
        pa.large_binary(),
        pa.binary(4),
        pa.list_(pa.int8()),
        pa.struct([("b", pa.int8())]),
        pa.duration("s"),
    ],
)
def test_what_no_contract_describes_is_named(kind: pa.DataType) -> None:
    with pytest.raises(DataError, match=r"columns for which there is no contract: 'a' \("):
        require_plain(pa.schema([("a", kind), ("b", pa.timestamp("us", "UTC"))]), "x:")


def test_a_name_that_comes_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"\['a'\] more than once"):
        require_names(["a", "b", "a"], "x:")
