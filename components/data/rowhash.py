"""A 64-bit hash of each row's content: the common ground of data versions and of parts that are kept for ever.

A row's hash is ``mix`` of the sum of its cell hashes modulo 2**64, so that neither the order of the columns nor their
storage counts. Columns of few values are looked up rather than hashed: their codes are packed into one number, and the
sum of their cell hashes is computed once for each combination that occurs.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.data.cellhash import Hashes, cell_hashes, logical_type, mix, without_nulls

T = TypeVar("T")

BATCH_ROWS = 1 << 15
_COMBINATIONS = 1 << 14
_CODED_INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
_CODED = (pl.Boolean, pl.Categorical, pl.Enum, pl.Date, *_CODED_INTEGERS)

# polars imports numpy for itself when it first needs it, and fails where two threads need it at once: here is one.
pl.Series([0]).gather(np.zeros(1, np.int64))


def row_hashes(table: pl.DataFrame, columns: Sequence[str] | None = None) -> Hashes:
    """The hash of each row over ``columns`` (all by default), as an array of shape (rows,)."""
    hashes = np.empty(table.height, np.uint64)

    def keep(start: int, batch: Hashes) -> None:
        hashes[start : start + len(batch)] = batch

    for _ in map_batches(keep, table if columns is None else table.select(columns)):
        pass
    return hashes


def different(hashes: Hashes) -> int:
    """How many different hashes there are; a sorted copy takes less memory than a table of them."""
    ordered = np.sort(hashes)
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + bool(len(ordered))


def map_batches(use: Callable[[int, Hashes], T], table: pl.DataFrame) -> Iterator[T]:
    """What ``use(first row, row hashes)`` returns for one batch of rows after another, in order.

    Batches are hashed side by side, on as many threads as polars has; memory beyond the table's stays bounded.
    """
    packs, plain = _plan(table)

    def of_batch(start: int) -> T:
        total = np.zeros(min(BATCH_ROWS, table.height - start), np.uint64)
        for pack in packs:
            total += pack.sums(start, len(total))
        for values in plain:
            total += cell_hashes(values.slice(start, len(total)))
        return use(start, mix(total))

    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        yield from threads.map(of_batch, range(0, table.height, BATCH_ROWS))


@dataclass(frozen=True)
class _Coded:
    """A column of few values as digits: ``low`` becomes 0, and a missing value the last digit.

    ``hash_of`` has the cell hash of each digit that was met (0: not met yet).
    """

    values: pl.Series
    physical: pl.Series
    low: int
    base: int
    hash_of: Hashes

    def digits(self, start: int, rows: int) -> NDArray[np.uint16]:
        values = self.physical.slice(start, rows)
        missing = values.is_null().to_numpy() if values.null_count() else None
        filler = False if values.dtype == pl.Boolean else self.low
        digits = without_nulls(values, filler).to_numpy().astype(np.uint16)
        digits -= np.uint16(self.low & 0xFFFF)
        if missing is not None:
            digits[missing] = self.base - 1
        return digits

    def hashes(self, digits: NDArray[np.uint16], rows: NDArray[np.intp]) -> Hashes:
        """The cell hashes of digits, each with a row that has it."""
        new = np.flatnonzero(self.hash_of.take(digits) == 0)
        if len(new):
            met, first = np.unique(digits[new], return_index=True)
            self.hash_of[met] = cell_hashes(self.values.gather(rows[new[first]]))
        return self.hash_of.take(digits)


@dataclass
class _Pack:
    """Coded columns as one number, and the sum of their cell hashes for each combination met (0: not met yet)."""

    columns: list[_Coded] = field(default_factory=list)
    sum_of: Hashes = field(default_factory=lambda: np.zeros(1, np.uint64))

    def has_room_for(self, column: _Coded) -> bool:
        return len(self.sum_of) * column.base <= _COMBINATIONS

    def add(self, column: _Coded) -> None:
        self.columns.append(column)
        self.sum_of = np.zeros(len(self.sum_of) * column.base, np.uint64)

    def sums(self, start: int, rows: int) -> Hashes:
        codes = np.zeros(rows, np.uint16)
        for column in self.columns:
            codes *= np.uint16(column.base)
            codes += column.digits(start, rows)
        sums = self.sum_of.take(codes, mode="clip")
        new = np.flatnonzero(sums == 0)
        if len(new):
            self._learn(codes[new], start + new)
            sums = self.sum_of.take(codes, mode="clip")
        return sums

    def _learn(self, codes: NDArray[np.uint16], rows: NDArray[np.intp]) -> None:
        # Two threads may learn the same combination; they write the same sum.
        met, first = np.unique(codes, return_index=True)
        sums, rest = np.zeros(len(met), np.uint64), met
        for column in reversed(self.columns):
            rest, digits = np.divmod(rest, np.uint16(column.base))
            sums += column.hashes(digits, rows[first])
        self.sum_of[met] = sums


def _plan(table: pl.DataFrame) -> tuple[list[_Pack], list[pl.Series]]:
    """The columns of few values, packed, and the other columns."""
    packs, plain = [_Pack()], []
    for values in table:
        logical_type(values.name, values.dtype)
        column = _coded(values)
        if column is None:
            plain.append(values)
            continue
        if not packs[-1].has_room_for(column):
            packs.append(_Pack())
        packs[-1].add(column)
    return [pack for pack in packs if pack.columns], plain


def _coded(values: pl.Series) -> _Coded | None:
    if values.dtype not in _CODED or values.null_count() == len(values):
        return None
    physical, low, high = values, 0, 1
    if values.dtype != pl.Boolean:
        physical = values.to_physical()
        low, high = int(physical.min()), int(physical.max())  # type: ignore[arg-type]
    base = high - low + 1 + bool(values.null_count())
    if base > _COMBINATIONS:
        return None
    return _Coded(values, physical, low, base, np.zeros(base, np.uint64))
