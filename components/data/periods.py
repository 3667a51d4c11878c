"""The periods that a table spans: the calendar's, in which a model in use is watched, or steps of a number."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.data.contract import written
from components.errors import DataError

MOST, FEW = 8, 3
"""More periods are merged; where a length of the calendar gives fewer than FEW, a shorter one is looked at."""

LENGTHS = ("year", "month", "week", "day", "hour")
_DAY_US, _HOUR_US = 86_400_000_000, 3_600_000_000


@dataclass(frozen=True)
class Periods:
    """Spans of time of one length, one after the other.

    Attributes:
        code: the number of each row's period, from 0; -1 for a row without a time. Shape (rows,).
        labels: of every period by its number, also of those without a row: 2016, 2016-W09, "2016-01 to 2016-03".
        length: how long each is, in words: "a year", "3 months", "a step of 2 in week_number".
    """

    code: NDArray[np.int64]
    labels: tuple[str, ...]
    length: str


def periods(times: pl.Series, most: int = MOST) -> Periods:
    """The periods that these times span.

    Moments are cut by the calendar in UTC: by years, else months, weeks, days or hours, the first of them that gives at
    least three periods with rows, else the first that gives two. Whole numbers are cut by their common step, other
    numbers into equally wide spans, texts by their distinct values in order. Where that gives more than ``most``,
    neighbours are merged.

    Args:
        times: one a row, as a contract stores them.
        most: how many periods there may be.

    Raises:
        DataError: the texts are too many to be periods.
    """
    known = times.is_not_null().to_numpy()
    values = times.filter(times.is_not_null())
    if values.dtype.is_temporal():
        ordinals, label, unit = _calendar(values.cast(pl.Datetime("us")))
    elif values.dtype.is_numeric():
        finite = np.isfinite(values.to_numpy())
        known[np.flatnonzero(known)[~finite]] = False
        ordinals, label, unit = _numbers(values.filter(pl.Series(finite)), most)
    else:
        ordinals, label, unit = _texts(values.cast(pl.String), most)
    code = np.full(len(times), -1, np.int64)
    if not len(ordinals):
        return Periods(code, (), "")
    first, last = int(ordinals.min()), int(ordinals.max())
    step = math.ceil((last - first + 1) / most)
    code[known] = (ordinals - first) // step
    labels = tuple(
        _merged(label(start), label(min(start + step - 1, last))) for start in range(first, last + 1, step)
    )
    return Periods(code, labels, unit(step))


Cut = tuple[NDArray[np.int64], Callable[[int], str], Callable[[int], str]]
"""The number of each value's span on an unbroken line, what a span is called, and how long so many of them are."""


def _calendar(moments: pl.Series) -> Cut:
    cuts = {length: _ordinals(moments, length) for length in LENGTHS}
    filled = {length: len(np.unique(cut)) for length, cut in cuts.items()}
    chosen = next((length for least in (FEW, 2) for length in LENGTHS if filled[length] >= least), LENGTHS[0])
    return (
        cuts[chosen],
        lambda ordinal: _label(chosen, ordinal),
        lambda step: f"a{'n' * (chosen == 'hour')} {chosen}" if step == 1 else f"{step} {chosen}s",
    )


def _ordinals(moments: pl.Series, length: str) -> NDArray[np.int64]:
    """How many windows of the calendar lie between its beginning and each moment."""
    year = moments.dt.year().cast(pl.Int64).to_numpy()
    if length == "year":
        return year
    if length == "month":
        return np.asarray(year * 12 + moments.dt.month().cast(pl.Int64).to_numpy() - 1)
    microseconds = moments.dt.epoch("us").to_numpy()
    if length == "hour":
        return np.asarray(microseconds // _HOUR_US)
    days = microseconds // _DAY_US
    return np.asarray((days + 3) // 7 if length == "week" else days)  # 1970 began on a Thursday


def _label(length: str, ordinal: int) -> str:
    """As the windows of monitoring are called."""
    if length == "year":
        return str(ordinal)
    if length == "month":
        return f"{ordinal // 12}-{ordinal % 12 + 1:02}"
    days = {"week": ordinal * 7 - 3, "day": ordinal, "hour": ordinal / 24}[length]
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days)
    if length == "week":
        year, week, _ = start.isocalendar()
        return f"{year}-W{week:02d}"
    return start.strftime("%Y-%m-%d" if length == "day" else "%Y-%m-%dT%H")


def _numbers(values: pl.Series, most: int) -> Cut:
    name, numbers = values.name, values.to_numpy()
    if not np.equal(numbers, np.floor(numbers)).all():
        return _spans(name, numbers, most)
    whole = numbers.astype(np.int64)
    low = int(whole.min(initial=np.iinfo(np.int64).max))
    unit = int(np.gcd.reduce(np.unique(whole) - low)) or 1 if len(whole) else 1
    return (
        (whole - low) // unit,
        lambda ordinal: str(low + ordinal * unit),
        lambda step: f"a step of {step * unit} in {name}",
    )


def _spans(name: str, numbers: NDArray[Any], most: int) -> Cut:
    """Equally wide ones of numbers that are not whole."""
    low, high = float(numbers.min()), float(numbers.max())
    width = (high - low) / most
    if width <= 0:
        return np.zeros(len(numbers), np.int64), lambda _: written(low), lambda _: f"a value of {name}"
    ordinals = np.minimum((numbers - low) / width, most - 1).astype(np.int64)
    return (
        ordinals,
        lambda ordinal: f"{low + ordinal * width:.4g} to {low + (ordinal + 1) * width:.4g}",
        lambda step: f"a span of {step * width:.3g} in {name}",
    )


def _texts(values: pl.Series, most: int) -> Cut:
    known = values.unique().sort().to_list()
    if len(known) > most:
        raise DataError(
            f"Column {values.name!r} holds texts, {len(known):,} different ones; let schema.yaml have it as a datetime or a number "
            "where time is to be told apart."
        )
    number = {text: place for place, text in enumerate(known)}
    ordinals = np.array([number[text] for text in values.to_list()], dtype=np.int64)
    return (
        ordinals,
        known.__getitem__,
        lambda step: f"a value of {values.name}" if step == 1 else f"{step} values of {values.name}",
    )


def _merged(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"
