"""The server's log, read in bounded memory: the predictions of a span of time, set down as Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from components.monitoring.faults import Faults
from components.serving.prediction_log import Record, records, segments

SPOOL_ROWS = 200_000
CLOCK_SECONDS = 60.0
"""How far a clock may be off before it is counted: requests that are answered side by side are not in order either."""

LATE_SECONDS, DAY_SECONDS = 3600.0, 86400.0
"""Answers of one moment are logged within this time, in no order, unless nothing can be written."""


@dataclass
class Scan:
    """What of a log lies in a span of time.

    Attributes:
        rows: the predictions, with the columns of `prediction_log.read`, on the disk and not in memory.
        faults: what could not be read, and clocks that jumped by more than a minute, of all segments that were opened.
    """

    rows: pl.LazyFrame
    faults: Faults = field(default_factory=Faults)


def scan(folder: Path, since: datetime, until: datetime, now: datetime, spool: Path) -> Scan:
    """The predictions that were made in a span of time, in bounded memory: each segment is read at most once.

    The day of a segment's folder tells which to open: a line is written on the day on which it was made, or later. One
    that says it was made after that day comes from a clock that was ahead, and is left out, whatever span is asked for. Of
    later days, up to yesterday, only the first line is read if that is of its day: nothing older had waited to be written,
    and the log is no copy.

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
        if _later(segment, end, latest):
            continue
        for record in _sound(segment, found.faults):
            if record.at > latest:
                found.faults.future += record.height
            elif first <= record.at < end:
                spooled.add(record)
    spooled.write()
    if spooled.parts:
        found.rows = pl.concat([pl.scan_parquet(part) for part in spooled.parts], how="diagonal_relaxed")
    return found


def _sound(segment: Path, faults: Faults) -> Iterator[Record]:
    """The records of a segment that count; of the others the faults are told."""
    begin, midnight = _span(segment)
    last: float | None = None
    damaged = ahead = 0
    try:
        for record in records(segment):
            if record is None or record.at > midnight + CLOCK_SECONDS:
                damaged += record is None
                ahead += record.height if record else 0
                continue
            faults.damaged[record.at if last is None else last] += damaged
            faults.ahead[record.at if last is None else last] += ahead
            damaged = ahead = 0
            if last is not None and record.at < last - CLOCK_SECONDS:
                faults.backwards[record.at] += 1
            last = record.at
            yield record
    except OSError:
        damaged += 1
    faults.damaged[begin if last is None else last] += damaged
    faults.ahead[begin if last is None else last] += ahead


def _later(segment: Path, end: float, now: float) -> bool:
    """Whether all of a segment was made after the span, and none of it is from the future: by its day, and its first line."""
    _, midnight = _span(segment)
    begin = midnight - DAY_SECONDS
    if not end + LATE_SECONDS <= begin < midnight <= now - CLOCK_SECONDS:
        return False
    try:
        first = next((record for record in records(segment) if record is not None), None)
    except OSError:
        return False
    return first is not None and first.at >= begin


def _span(segment: Path) -> tuple[float, float]:
    """When a segment was begun, by its name, and the end of its day; the file's own time where its folder is no day."""
    try:
        day = datetime.strptime(segment.parent.name, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return segment.stat().st_mtime, float("inf")
    try:
        time = datetime.strptime(segment.name[:12], "%H%M%S%f") - datetime(1900, 1, 1)
    except ValueError:
        time = timedelta()
    return (day + time).timestamp(), (day + timedelta(days=1)).timestamp()


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
        names = record.names
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
