"""A 64-bit hash of each value of a column, by what the value is and not by how it is stored.

The encoding is written down here and belongs to this project alone, so that no new version of a library changes it:

* Booleans and integers are hashed as 64-bit two's complement, numbers as the bits of the IEEE double with -0.0 as 0.0,
  texts (also categoricals and enums) as their length and UTF-8 bytes in words of eight bytes, dates and times as
  microseconds since 1970, in UTC where there is a time zone.
* A null and a NaN are the same missing value. An empty text is a text.
* Each hash is seeded by the column's name, so that hashes of different columns may be added up.
* ``mix`` is the finalizer of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from components.errors import DataError

Hashes = NDArray[np.uint64]

_CACHED_ROWS = 1 << 15
_MISSING = np.uint64(0x6D697373696E6721)
_INLINE_BYTES = 12
_LOW_32 = np.uint64(0xFFFFFFFF)


def logical_type(name: str, dtype: pl.DataType) -> str:
    """One of boolean, integer, number, text, datetime: what the values are, whatever they are stored as.

    Raises:
        DataError: If the column holds anything else, such as lists, structs, bytes or durations.
    """
    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_integer():
        return "integer"
    if dtype.is_float() or dtype.is_decimal():
        return "number"
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return "text"
    if dtype in (pl.Date, pl.Datetime):
        return "datetime"
    raise DataError(
        f"Column {name!r} holds {dtype}, which is none of boolean, integer, number, text, date and time; "
        "turn it into such columns, or leave it out."
    )


def cell_hashes(values: pl.Series) -> Hashes:
    """The hash of each value of one column, of shape (rows,), seeded by the column's name."""
    seed = seed_of(values.name)
    kind = logical_type(values.name, values.dtype)
    if kind == "number":
        return _number_hashes(values, seed)
    missing = values.is_null().to_numpy() if values.null_count() else None
    if kind == "text":
        hashes = _text_hashes(values.cast(pl.String), seed)
    else:
        hashes = mix(_integers(values, kind).view(np.uint64) + seed)
    if missing is not None:
        hashes[missing] = _missing(seed)
    return hashes


def mix(values: Hashes) -> Hashes:
    """The values scrambled one to one, in place: every bit of the result depends on every bit of the value."""
    scratch = np.empty(min(len(values), _CACHED_ROWS), np.uint64)
    for start in range(0, len(values), _CACHED_ROWS):
        part = values[start : start + _CACHED_ROWS]
        shifted = scratch[: len(part)]
        part ^= np.right_shift(part, np.uint64(30), out=shifted)
        part *= np.uint64(0xBF58476D1CE4E5B9)
        part ^= np.right_shift(part, np.uint64(27), out=shifted)
        part *= np.uint64(0x94D049BB133111EB)
        part ^= np.right_shift(part, np.uint64(31), out=shifted)
    return values


def seed_of(text: str) -> np.uint64:
    """64 bits that stand for a text: the first eight bytes of its SHA-256."""
    return np.uint64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little"))


def without_nulls(values: pl.Series, filler: int | str) -> pl.Series:
    """The values with ``filler`` for the missing ones; the same object where none is missing."""
    return values.fill_null(filler) if values.null_count() else values


def _missing(seed: np.uint64) -> np.uint64:
    hashed: np.uint64 = mix(np.array([_MISSING], np.uint64) + seed)[0]
    return hashed


def _integers(values: pl.Series, kind: str) -> NDArray[np.int64]:
    """Booleans, integers and times as 64-bit integers, with 0 for the missing ones."""
    if kind == "datetime":
        values = values.cast(pl.Datetime("us", getattr(values.dtype, "time_zone", None))).to_physical()
    try:
        return without_nulls(values.cast(pl.Int64), 0).to_numpy()
    except pl.exceptions.InvalidOperationError:
        raise DataError(
            f"Column {values.name!r} holds integers beyond 64 signed bits, such as {values.max()!r}; "
            "store it as text."
        ) from None


def _number_hashes(values: pl.Series, seed: np.uint64) -> Hashes:
    doubles = values.cast(pl.Float64).to_numpy() + 0.0  # -0.0 becomes 0.0; a null is a NaN by now
    missing = np.isnan(doubles)
    bits: Hashes = doubles.view(np.uint64)
    bits += seed
    hashes = mix(bits)
    if missing.any():
        hashes[missing] = _missing(seed)
    return hashes


def _text_hashes(values: pl.Series, seed: np.uint64) -> Hashes:
    """Hashes of texts, read off Arrow's string views: 4 bytes of length, then 12 bytes that hold a short text whole."""
    views = without_nulls(values, "").to_arrow(compat_level=pl.CompatLevel.newest())
    _, view_buffer, *buffers = views.buffers()
    words = np.frombuffer(view_buffer, "<u8").reshape(-1, 2)[views.offset : views.offset + len(views)]
    heads = mix(words[:, 0] + seed)
    hashes = mix(heads + words[:, 1])
    long = np.flatnonzero((words[:, 0] & _LOW_32) > _INLINE_BYTES)
    if len(long):
        hashes[long] = _long_text_hashes(heads[long], words[long], buffers)
    return hashes


def _long_text_hashes(hashes: Hashes, words: Hashes, buffers: Sequence[pa.Buffer]) -> Hashes:
    """The heads of longer texts, continued over the bytes that their views point to."""
    lengths = (words[:, 0] & _LOW_32).astype(np.int64)
    number = (words[:, 1] & _LOW_32).astype(np.int64)
    offsets = (words[:, 1] >> np.uint64(32)).astype(np.int64)
    for index in np.flatnonzero(np.bincount(number)).tolist():
        rows = np.flatnonzero(number == index)
        hashes[rows] = _continued(hashes[rows], buffers[index], offsets[rows], lengths[rows])
    return hashes


def _continued(
    hashes: Hashes, data: pa.Buffer, starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> Hashes:
    """The hashes after all words from each text's fifth byte on; the last word is filled up with zeros."""
    unaligned: Hashes = np.ndarray(data.size - 7, "<u8", buffer=data, strides=(1,))
    for position in range(4, int(lengths.max()), 8):
        rows = np.flatnonzero(lengths > position)
        readable = np.minimum(position, lengths[rows] - 8)
        surplus_bits = (8 * (position - readable)).astype(np.uint64)
        hashes[rows] = mix(hashes[rows] + (unaligned[starts[rows] + readable] >> surplus_bits))
    return hashes
