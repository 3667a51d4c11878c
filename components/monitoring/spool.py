"""The server's log, read in bounded memory: the predictions of a span of time, set down as Parquet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

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


@dataclass
class _Spool:
    """Rows that are written to Parquet files, some at a time."""

    folder: Path
    parts: list[Path] = field(default_factory=list)
    facts: dict[str, list[Any]] = field(default_factory=dict)
    values: dict[str, list[Any]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    rows: int = 0

    def add(self, record: Record) -> None:
        names = (*record.columns, *record.predictions)
        if names != self.names or self.rows >= SPOOL_ROWS:
            self.write()
            self.names = names
            self.facts = {
                name: [] for name in ("prediction_id", "at", "model_version", "bundle_id", "variant")
            }
            self.values = {name: [] for name in names}
        height, of, values = record.height, self.facts, self.values
        for name, given in record.columns.items():
            values[name].extend(given)
        for name, given in record.predictions.items():
            values[name].extend(given)
        numbers: Iterable[int] = range(height) if record.rows is None else record.rows
        of["prediction_id"].extend([f"{record.request_id}:{number}" for number in numbers])
        for name, fact in (
            ("at", record.at),
            ("model_version", record.version),
            ("bundle_id", record.bundle_id),
            ("variant", record.variant),
        ):
            of[name].extend([fact] * height)
        self.rows += height

    def write(self) -> None:
        if not self.rows:
            return
        times = pl.Series("served_at", self.facts.pop("at"), dtype=pl.Float64) * 1e6
        served_at = times.cast(pl.Int64).cast(pl.Datetime("us", "UTC"))
        columns = [
            pl.Series("prediction_id", self.facts["prediction_id"], dtype=pl.String),
            served_at,
            *(
                pl.Series(name, self.facts[name], dtype=pl.String)
                for name in ("model_version", "bundle_id", "variant")
            ),
            *(pl.Series(name, values, strict=False) for name, values in self.values.items()),
        ]
        self.parts.append(self.folder / f"part-{len(self.parts):05d}.parquet")
        pl.DataFrame(columns).write_parquet(self.parts[-1], compression="lz4")
        self.rows, self.names = 0, ()
