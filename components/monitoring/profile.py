"""The rows of a window, counted in the reference's bins in one pass and in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.monitoring.bins import Bins, Counts
from components.training.features import MISSING

BATCH_ROWS = 100_000
MOST_STRANGE = 5
MANY_LABELS = 10_000
"""Distinct unknown labels of a column that are remembered by name; further ones only count."""


@dataclass(frozen=True)
class Profile:
    """What was counted of a window.

    Attributes:
        rows: how many there were.
        columns: the counts by column; a column that the rows do not have is not among them.
    """

    rows: int
    columns: Mapping[str, Counts]


@dataclass
class _Tally:
    """The counts of one column as they grow."""

    bins: Bins
    known: NDArray[np.float64] = field(init=False)
    sums: NDArray[np.float64] = field(init=False)
    strange: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    other: int = 0

    def __post_init__(self) -> None:
        self.known = np.zeros(len(self.bins.reference.known))
        self.sums = np.zeros(len(self.known))

    def add(self, column: pl.Series) -> None:
        if self.bins.kind == "category":
            self._add_labels(column)
            return
        values = _numbers(column, self.bins.kind).to_numpy()
        known = values[~np.isnan(values)]
        self.missing += len(values) - len(known)
        places, bins = np.searchsorted(self.bins.cuts, known, side="right"), len(self.known)
        self.known += np.bincount(places, minlength=bins)
        with np.errstate(invalid="ignore"):
            self.sums += np.bincount(places, known, bins)

    def _add_labels(self, column: pl.Series) -> None:
        counted = column.cast(pl.String, strict=False).value_counts(name="rows of this value")
        # Older bundles count booleans that miss values as labels, which Python and polars spell differently.
        spelled = str.lower if column.dtype == pl.Boolean else str
        places = {spelled(label): place for place, label in enumerate(self.bins.labels)}
        for label, rows in counted.iter_rows():
            if label is None or label == MISSING:
                self.missing += rows
            elif label in places:
                self.known[places[label]] += rows
            else:
                self.other += rows
                if label in self.strange or len(self.strange) < MANY_LABELS:
                    self.strange[label] += rows

    def counts(self) -> Counts:
        means = np.where(self.known > 0, self.sums / np.maximum(self.known, 1), self.bins.reference.means)
        strange = () if self.bins.open else tuple(self.strange.most_common(MOST_STRANGE))
        return Counts(self.known, np.nan_to_num(means), self.missing, self.other, strange)


def profile(rows: pl.LazyFrame, bins: Mapping[str, Bins], *, threads: int = 1) -> Profile:
    """The rows of a window in the bins of the reference.

    Values of a type that a column cannot be read as count as missing.

    Args:
        rows: with the columns of the prediction log.
        bins: of the reference, by column.
        threads: how many columns are counted side by side.
    """
    there = [name for name in rows.collect_schema().names() if name in bins]
    tallies, total = {name: _Tally(bins[name]) for name in there}, 0
    asked = rows.select(there) if there else rows.select(pl.len().alias("rows"))
    with ThreadPoolExecutor(threads) as pool:
        for batch in asked.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True):
            total += batch.height if there else int(batch.item())
            list(pool.map(_Tally.add, [tallies[name] for name in there], [batch[name] for name in there]))
    return Profile(total, {name: tally.counts() for name, tally in tallies.items()})


def _numbers(column: pl.Series, kind: str) -> pl.Series:
    """The values as float64, NaN where there is none: dates in seconds since 1970, texts by their length."""
    if kind == "text":
        lengths = column.cast(pl.String, strict=False).str.len_chars().cast(pl.Float64)
        return lengths.replace(0.0, None).fill_null(float("nan"))
    if column.dtype.is_temporal():
        return (column.cast(pl.Datetime("us")).to_physical() / 1e6).fill_null(float("nan"))
    if column.dtype == pl.Boolean:
        column = column.cast(pl.UInt8)
    return column.cast(pl.Float64, strict=False).fill_null(float("nan"))
