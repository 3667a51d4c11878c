"""A table parted by time: what was known when the first model was trained, and the periods that came after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import polars as pl

from components.data import intake
from components.data.contract import ColumnType
from components.errors import DataError
from components.monitoring.windows import Length, Window, window_of

LEAST, MOST = 2, 3
"""How many periods are lived through."""
_LONGEST_FIRST: dict[Length, str] = {"year": "1y", "month": "1mo", "week": "1w", "day": "1d"}
"""How polars calls each."""


@dataclass(frozen=True)
class Period:
    """A span of time after the first training, with what happens in it.

    Attributes:
        window: from when to when.
        rows: what is observed in it, with the target.
    """

    window: Window
    rows: pl.DataFrame


@dataclass(frozen=True)
class Past:
    """What is known when the first model is trained.

    Attributes:
        rows: with the target.
        until: the last time among them, as `data.until` has it.
    """

    rows: pl.DataFrame
    until: str


def parted(
    table: pl.DataFrame, time: str, kind: ColumnType, *, since: str, until: str, least_rows: int
) -> tuple[Past, Length, list[Period]]:
    """The past, how long each later period is, and two or three of them: the longest there are.

    What lies after ``until`` comes later. Where nothing does, the last periods of the table are held back.

    Args:
        table: all rows, in the contract's types.
        time: the column that says when a row was observed.
        kind: its type: dates and times, or whole numbers that are years.
        since: the first time that the first model is trained on, or "".
        until: the last one, or "".
        least_rows: of a period.

    Raises:
        DataError: the table does not go on for long enough, or its times are none.
    """
    moments = _moments(table[time], time, kind)
    meant = intake.of_period(table[time], intake.Period(time, since, until), kind).fill_null(value=False)
    last = cast(datetime | None, moments.filter(meant).max())
    later = moments > last if until and last is not None else None
    if later is None or not later.any():
        later, last = moments.is_not_null(), None
    for length, step in _LONGEST_FIRST.items():
        labels = moments.dt.truncate(step)
        starts = labels.filter(later).value_counts().filter(pl.col("count") >= least_rows).to_series().sort()
        chosen = _chosen([window_of(length, start) for start in starts], last)
        if chosen:
            known = meant & (moments < chosen[0].start)
            periods = [Period(window, table.filter(labels == window.start)) for window in chosen]
            return Past(table.filter(known), _written(table.filter(known)[time], kind)), length, periods
    raise DataError(
        f"data.time is {time!r}, and its times do not reach far enough: the loop wants two periods (years, months, weeks or days) of "
        f"{least_rows:,} rows after what the first model is trained on. Set data.until to an earlier time."
    )


def _chosen(windows: Sequence[Window], last: datetime | None) -> list[Window]:
    """Those to live through: the first after what is known, or the last ones where all is known."""
    if last is not None:
        after = [window for window in windows if window.start > last]
        return after[:MOST] if len(after) >= LEAST else []
    return (
        list(windows[-MOST:])
        if len(windows) > MOST
        else list(windows[-LEAST:])
        if len(windows) > LEAST
        else []
    )


def _moments(values: pl.Series, time: str, kind: ColumnType) -> pl.Series:
    """The column's times, UTC."""
    if kind == "datetime":
        return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if kind in ("integer", "number"):
        years = values.cast(pl.Float64)
        if years.null_count() < len(years) and years.is_between(1, 9999).all():
            return pl.select(
                pl.datetime(years.cast(pl.Int32), 1, 1, time_unit="us", time_zone="UTC")
            ).to_series()
    raise DataError(f"data.time is {time!r}, a {kind}; the loop wants dates, times or years.")


def _written(times: pl.Series, kind: ColumnType) -> str:
    last: Any = times.max()
    return last.isoformat(sep=" ") if kind == "datetime" else f"{last:g}"
