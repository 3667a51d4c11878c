"""The predictions that are watched: segments of the server's log, and the Parquet of batch scoring."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from components.errors import DataError
from components.monitoring.faults import Faults
from components.monitoring.scored import SetAside, scored
from components.monitoring.spool import CLOCK_SECONDS, scan

CHAMPION = ("champion", "batch")
"""The variants whose predictions count; "shadow" and "challenger" are those of a trial beside it."""


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
        set_aside: rows that batch scoring did not predict, as they break the contract.
    """

    rows: pl.LazyFrame
    faults: Faults = field(default_factory=Faults)
    set_aside: tuple[SetAside, ...] = ()

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

    def refused(self, since: datetime, until: datetime, bundle_id: str) -> list[SetAside]:
        """What was set aside by the contract of a bundle, where the scoring ended from ``since`` on and before ``until``."""
        return [
            each
            for each in self.set_aside
            if since <= each.at < until and (not bundle_id or each.bundle_id == bundle_id)
        ]


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
    moment = now + timedelta(seconds=CLOCK_SECONDS)
    batch = scored(folder, since, until, moment)
    with tempfile.TemporaryDirectory(prefix="predictions-") as spool:
        scanned = scan(folder, since, until, now, Path(spool))
        latest = pl.lit(moment)
        future = sum(_count(each.filter(pl.col("served_at") > latest)) for each in batch.parts)
        in_time = pl.col("served_at").is_between(since, until, closed="left") & (
            pl.col("served_at") <= latest
        )
        frames = [each.filter(in_time) for each in batch.parts]
        served = [scanned.rows] if scanned.rows.collect_schema().names() else []
        found = [*served, *frames]
        rows = pl.concat(found, how="diagonal_relaxed") if found else pl.LazyFrame(schema=NONE)
        faults = scanned.faults + Faults(damaged=batch.damaged, future=future)
        yield Predictions(rows, faults, batch.set_aside)


def _count(rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.len()).collect(engine="streaming").item())
