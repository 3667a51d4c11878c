"""The server's log, read in bounded memory: the predictions of a span of time, set down as Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from components.serving.prediction_log import Record, records, segments

SPOOL_ROWS = 200_000
CLOCK_SECONDS = 60.0
"""How far a clock may be off before it is counted: requests that are answered side by side are not in order either."""


@dataclass
class Scan:
    """What of a log lies in a span of time.

    Attributes:
        rows: the predictions, with the columns of `prediction_log.read`, on the disk and not in memory.
        damaged: lines, or whole segments, that could not be read.
        future: predictions that were made after the log was read, by their own clock; they are in no span.
        backwards: lines older than the one before in their segment by more than a minute: a clock was set back.
    """

    rows: pl.LazyFrame
    damaged: int = 0
    future: int = 0
    backwards: int = 0


def scan(folder: Path, since: datetime, until: datetime, now: datetime, spool: Path) -> Scan:
    """The predictions that were made in a span of time, in bounded memory: each segment is read once.

    The day of a segment's folder tells which to open: a line is written on the day on which it was made, or later.

    Args:
        folder: of the log.
        since: the first moment.
        until: the first moment after.
        now: when the log is read; what says it was made later than a minute after it is counted and left out.
        spool: an empty folder for the rows as Parquet; it must stand as long as they are read.
    """
    found, spooled = Scan(pl.LazyFrame()), _Spool(spool)
    first, end, latest = since.timestamp(), until.timestamp(), now.timestamp() + CLOCK_SECONDS
    for segment in _written_from(folder, since.date() - timedelta(days=1)):
        newest = float("-inf")
        try:
            for record in records(segment):
                if record is None:
                    found.damaged += 1
                    continue
                found.backwards += record.at < newest - CLOCK_SECONDS
                newest = record.at
                if record.at > latest:
                    found.future += record.height
                elif first <= record.at < end:
                    spooled.add(record)
        except OSError:
            found.damaged += 1
    spooled.write()
    if spooled.parts:
        found.rows = pl.concat([pl.scan_parquet(part) for part in spooled.parts], how="diagonal_relaxed")
    return found


def _written_from(folder: Path, day: date) -> list[Path]:
    """The segments of a day and of later ones, oldest first, and those of folders that are no day."""
    return [
        path
        for path in segments(folder)
        if not path.parent.name[:1].isdigit() or path.parent.name >= f"{day}"
    ]


FACTS = {
    "request_id": pl.String,
    "at": pl.Float64,
    "model_version": pl.String,
    "bundle_id": pl.String,
    "variant": pl.String,
    "height": pl.Int64,
}
"""What a record says once for all its rows."""


@dataclass
class _Spool:
    """Rows that are written to Parquet files, some at a time."""

    folder: Path
    parts: list[Path] = field(default_factory=list)
    facts: list[tuple[Any, ...]] = field(default_factory=list)
    numbers: list[Sequence[int] | None] = field(default_factory=list)
    values: dict[str, list[Any]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    rows: int = 0

    def add(self, record: Record) -> None:
        names = (*record.columns, *record.predictions)
        if names != self.names or self.rows >= SPOOL_ROWS:
            self.write()
            self.names, self.values = names, {name: [] for name in names}
        values, height = self.values, record.height
        for given in (record.columns, record.predictions):
            for name, column in given.items():
                values[name].extend(column)
        self.facts.append(
            (record.request_id, record.at, record.version, record.bundle_id, record.variant, height)
        )
        self.numbers.append(record.rows)
        self.rows += height

    def write(self) -> None:
        if not self.rows:
            return
        facts = pl.DataFrame(self.facts, schema=FACTS, orient="row")
        heights = facts["height"].to_numpy()
        first = np.repeat(np.cumsum(heights) - heights, heights)
        numbers = np.arange(self.rows) - first
        for place in [place for place, rows in enumerate(self.numbers) if rows is not None]:
            start = int(heights[:place].sum())
            numbers[start : start + heights[place]] = self.numbers[place]
        rows = facts[np.repeat(np.arange(len(heights)), heights)].with_columns(number=pl.Series(numbers))
        columns = [pl.Series(name, values, strict=False) for name, values in self.values.items()]
        self.parts.append(self.folder / f"part-{len(self.parts):05d}.parquet")
        rows.select(
            pl.concat_str("request_id", "number", separator=":").alias("prediction_id"),
            (pl.col("at") * 1e6).cast(pl.Int64).cast(pl.Datetime("us", "UTC")).alias("served_at"),
            *("model_version", "bundle_id", "variant"),
        ).with_columns(columns).write_parquet(self.parts[-1], compression="lz4")
        self.facts, self.numbers, self.rows, self.names = [], [], 0, ()
