"""The predictions that are watched: segments of the server's log, and the Parquet of batch scoring."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from components.errors import DataError
from components.monitoring.faults import Faults
from components.monitoring.spool import CLOCK_SECONDS, scan

CHAMPION = ("champion", "batch")
"""The variants whose predictions count; "shadow" and "challenger" are those of a trial beside it."""

NEEDED = ("prediction_id", "served_at", "bundle_id", "variant")

NONE: dict[str, pl.DataType] = {
    "prediction_id": pl.String(),
    "served_at": pl.Datetime("us", "UTC"),
    "model_version": pl.String(),
    "bundle_id": pl.String(),
    "variant": pl.String(),
}
"""The columns that predictions have even where there is none; inputs and scores are known by rows alone."""


@dataclass(frozen=True)
class Predictions:
    """What was predicted in a span of time.

    Attributes:
        rows: with the columns of the prediction log.
        faults: what is wrong with the log itself.
    """

    rows: pl.LazyFrame
    faults: Faults = field(default_factory=Faults)

    @classmethod
    def none(cls) -> Predictions:
        """No prediction at all."""
        return cls(pl.LazyFrame(schema=NONE))

    def within(
        self, since: datetime, until: datetime, bundle_id: str, variants: Sequence[str] = CHAMPION
    ) -> pl.LazyFrame:
        """Those of a bundle that were made from ``since`` on and before ``until``."""
        return self.rows.filter(
            pl.col("served_at").is_between(since, until, closed="left"),
            pl.col("variant").is_in(list(variants)),
            *([pl.col("bundle_id") == bundle_id] if bundle_id else []),
        )


@contextmanager
def predictions(folder: Path, since: datetime, until: datetime, now: datetime) -> Iterator[Predictions]:
    """The predictions that were made in a span of time, in bounded memory; readable until the context ends.

    Args:
        folder: a log of the server, or the output of batch scoring: of one scoring, or a folder of several.
        since: the first moment.
        until: the first moment after.
        now: when they are read.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no folder of predictions; name the server's log or what was scored: LOG=."
        )
    parts, damaged = _parts(folder)
    with tempfile.TemporaryDirectory(prefix="predictions-") as spool:
        scanned = scan(folder, since, until, now, Path(spool))
        batches = [frame for frame in map(_part, parts) if frame is not None]
        latest = pl.lit(now + timedelta(seconds=CLOCK_SECONDS))
        future = sum(_count(each.filter(pl.col("served_at") > latest)) for each in batches)
        in_time = pl.col("served_at").is_between(since, until, closed="left") & (
            pl.col("served_at") <= latest
        )
        frames = [each.filter(in_time) for each in batches]
        served = [scanned.rows] if scanned.rows.collect_schema().names() else []
        found = [*served, *frames]
        rows = pl.concat(found, how="diagonal_relaxed") if found else pl.LazyFrame(schema=NONE)
        yield Predictions(rows, scanned.faults + Faults(damaged=damaged, future=future))


def _parts(folder: Path) -> tuple[list[Path], Counter[float]]:
    """The parts of every finished scoring, and how many of them are gone, altered or of another form, by when it was scored.

    A scoring that is under way is not looked at.
    """
    sound: list[Path] = []
    damaged: Counter[float] = Counter()
    for done in sorted({*folder.glob("done.json"), *folder.glob("*/done.json")}):
        try:
            told = json.loads(done.read_text(encoding="utf-8"))["parts"]
            promised = {Path(part["name"]).name: str(part["sha256"]) for part in told}
        except (OSError, ValueError, KeyError, TypeError):
            damaged[done.stat().st_mtime] += 1
            continue
        whole = [
            done.parent / name
            for name, sha256 in promised.items()
            if _digest(done.parent / name) == sha256 and _part(done.parent / name) is not None
        ]
        sound += whole
        if len(whole) < len(promised):
            damaged[_scored_at(whole, done)] += len(promised) - len(whole)
    return sound, damaged


def _scored_at(parts: Sequence[Path], done: Path) -> float:
    """When a scoring was made, in seconds since 1970: by its rows, else by the time of the file that ends it."""
    frames = (frame for part in parts if (frame := _part(part)) is not None)
    moments = (frame.select(pl.col("served_at").min()).collect().item() for frame in frames)
    first = next((each for each in moments if each is not None), None)
    return float(first.timestamp()) if first else done.stat().st_mtime


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _part(path: Path) -> pl.LazyFrame | None:
    """The rows of a part; None if it cannot be read."""
    try:
        frame = pl.scan_parquet(path)
        types = frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError):
        return None
    if any(name not in types for name in NEEDED):
        return None
    served_at = types["served_at"]
    if isinstance(served_at, pl.Datetime) and served_at.time_zone:
        return frame.with_columns(pl.col("served_at").dt.convert_time_zone("UTC"))
    return frame.with_columns(pl.col("served_at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))


def _count(rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.len()).collect(engine="streaming").item())
