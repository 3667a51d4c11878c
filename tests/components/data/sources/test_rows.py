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


_ENDS = {
    "ms": (-62_135_596_800_000, 253_402_300_799_999),
    "us": (-62_135_596_800_000_000, 253_402_300_799_999_999),
    "ns": (2 - 2**63, 2**63 - 2),  # the years 1677 to 2262 are all that it can hold
}


@pytest.mark.parametrize("unit", _ENDS)
def test_the_ends_of_the_calendar_are_taken_and_what_lies_beyond_is_refused(unit: str) -> None:
    first, last = _ENDS[unit]
    assert frame(reader(t=pa.array([first, last], pa.timestamp(unit))), "x:").height == 4
    for beyond in (first - 1, last + 1):
        with pytest.raises(DataError, match=r"'t' \(2 rows\); write NULLIF"):
            frame(reader(t=pa.array([beyond, None], pa.timestamp(unit))), "x:")


@pytest.mark.parametrize("beyond", [-719_163, 2_932_897, -(2**31)])
def test_days_beyond_the_calendar_are_refused(beyond: int) -> None:
    assert frame(reader(d=pa.array([-719_162, 2_932_896], pa.date32())), "x:").height == 4
    with pytest.raises(DataError, match=r"years 1 to 9999, such as infinity: 'd' \(2 rows\)"):
        frame(reader(d=pa.array([beyond, 0], pa.date32())), "x:")
