import struct
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data.cellhash import cell_hashes, logical_type, mix, seed_of
from components.errors import DataError

MASK = (1 << 64) - 1


def mixed(value: int) -> int:
    """The finalizer of splitmix64, written once more in plain Python."""
    value &= MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def words_of(text: str) -> list[int]:
    """Four bytes of length and the first four of the text, then eight at a time, at least twice."""
    data = text.encode()
    whole = len(data).to_bytes(4, "little") + data
    size = max(16, -(-len(whole) // 8) * 8)
    return [word for (word,) in struct.iter_unpack("<Q", whole.ljust(size, b"\0"))]


def text_hash(text: str, name: str) -> int:
    hashed = int(seed_of(name))
    for word in words_of(text):
        hashed = mixed(hashed + word)
    return hashed


def hashes(values: list[object], dtype: pl.DataType | type[pl.DataType] | None = None) -> list[int]:
    return cell_hashes(pl.Series("column", values, dtype, strict=False)).tolist()


@given(st.lists(st.text(alphabet="aZ9 \0é€𝄞", max_size=40), max_size=8))
def test_texts_are_hashed_as_documented(texts: list[str]) -> None:
    assert hashes(texts, pl.String) == [text_hash(text, "column") for text in texts]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8))
def test_integers_are_hashed_as_documented(integers: list[int]) -> None:
    seed = int(seed_of("column"))
    assert hashes(integers, pl.Int64) == [mixed(seed + integer) for integer in integers]


@given(st.lists(st.floats(allow_nan=False), max_size=8))
def test_numbers_are_hashed_as_documented(numbers: list[float]) -> None:
    bits = [struct.unpack("<Q", struct.pack("<d", number + 0.0))[0] for number in numbers]
    assert hashes(numbers, pl.Float64) == [mixed(int(seed_of("column")) + bit) for bit in bits]


@pytest.mark.parametrize("dtype", [pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64])
def test_the_width_of_an_integer_does_not_count(dtype: type[pl.DataType]) -> None:
    assert hashes([0, 7, None], dtype) == hashes([0, 7, None], pl.Int64)


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["a long text, longer than twelve", "b"])])
def test_the_storage_of_a_text_does_not_count(dtype: pl.DataType) -> None:
    texts = ["b", "a long text, longer than twelve", None]
    assert hashes(texts, dtype) == hashes(texts, pl.String)


def test_the_width_of_a_number_does_not_count() -> None:
    assert hashes([0.5, 3.0, None], pl.Float32) == hashes([0.5, 3.0, None], pl.Float64)


def test_zero_has_no_sign() -> None:
    assert hashes([-0.0]) == hashes([0.0])


def test_null_and_nan_are_the_same_missing_number() -> None:
    assert hashes([None], pl.Float64) == hashes([float("nan")], pl.Float64)


def test_an_empty_text_is_not_missing() -> None:
    assert hashes([""], pl.String) != hashes([None], pl.String)


def test_a_date_is_its_midnight() -> None:
    assert hashes([date(2016, 2, 29)]) == hashes([datetime(2016, 2, 29)])


@pytest.mark.parametrize("unit", ["ms", "ns"])
def test_the_unit_of_a_time_does_not_count(unit: str) -> None:
    moment = [datetime(2016, 2, 29, 12, 30), None]
    assert hashes(moment, pl.Datetime(unit)) == hashes(moment, pl.Datetime("us"))  # type: ignore[arg-type]


def test_a_zoned_time_is_its_moment_in_utc() -> None:
    here = pl.Series("column", [datetime(2016, 1, 1, 12, tzinfo=UTC)]).dt.convert_time_zone(
        "America/New_York"
    )
    assert cell_hashes(here).tolist() == hashes([datetime(2016, 1, 1, 12)])


def test_texts_that_differ_in_trailing_zero_bytes_differ() -> None:
    texts = ["a", "a\0", "a\0\0", "thirteen bytes", "thirteen bytes\0"]
    assert len(set(hashes(texts))) == len(texts)


def test_the_same_value_hashes_differently_in_another_column() -> None:
    assert cell_hashes(pl.Series("one", [1])) != cell_hashes(pl.Series("other", [1]))


def test_a_slice_of_a_column_hashes_like_its_values() -> None:
    texts = [f"text number {number} of a longer kind" for number in range(100)]
    assert cell_hashes(pl.Series("column", texts)[40:60]).tolist() == hashes(texts)[40:60]


def test_texts_in_many_buffers_hash_like_one() -> None:
    texts = [f"text number {number} of a longer kind" for number in range(100)]
    pieces = pl.concat([pl.Series("column", [text]) for text in texts], rechunk=False)
    assert cell_hashes(pieces).tolist() == hashes(texts)


def test_mixing_loses_nothing() -> None:
    assert len(np.unique(mix(np.arange(100_000, dtype=np.uint64)))) == 100_000


@pytest.mark.parametrize("values", [[[1, 2]], [{"a": 1}], [b"bytes"]])
def test_a_column_of_another_kind_is_named(values: list[object]) -> None:
    with pytest.raises(DataError, match="'column' holds"):
        cell_hashes(pl.Series("column", values))


def test_an_integer_beyond_64_bits_is_named() -> None:
    with pytest.raises(
        DataError, match="'column' holds integers beyond 64 signed bits, such as 18446744073709551615"
    ):
        hashes([2**64 - 1], pl.UInt64)


def test_a_category_is_a_text() -> None:
    assert logical_type("column", pl.Categorical()) == logical_type("column", pl.String()) == "text"
