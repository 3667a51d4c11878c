"""The metric on parts of the table, and a bound of the worst part that is not fooled by looking at many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from components.training.features import MISSING
from components.validation.bounds import simultaneous_level
from components.validation.intervals import interval
from components.validation.metrics import METRICS, Metric, Rule
from components.validation.resampling import Design, Groups, Statistic

if TYPE_CHECKING:
    import pandas as pd

MIN_UNITS = 10
"""Rows of the rarer class, or of what else the metric rests on, without which a slice is not scored."""

NAMED = 8
"""Slices of one feature that are named when they are not scored; more are counted."""


@dataclass(frozen=True)
class Slice:
    """The metric on the rows of one category or one quantile bin.

    Attributes:
        feature: The column.
        bin: The category, or the range of values, both ends included.
        rows: How many.
        value: The metric.
        low: Of its interval, by itself and not for all slices at once.
        high: Of its interval.
    """

    feature: str
    bin: str
    rows: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SliceReport:
    """The metric on every slice with enough rows.

    Attributes:
        metric: Its name.
        slices: In the order of the columns; none where no slice has enough rows, and all rows are the worst then.
        skipped: Slices that were not scored, with the reason.
        worst: The slice of which least is certain: the one that sets ``worst_low``.
        worst_low: The bound that the worst slice keeps with the probability ``level``: a lower bound, or an upper bound
            for metrics of which less is better. It holds for all slices at once.
        level: Of the bound, and of each slice's own interval.
    """

    metric: str
    slices: tuple[Slice, ...]
    skipped: tuple[str, ...]
    worst: Slice
    worst_low: float
    level: float = 0.95


@dataclass(frozen=True)
class _Scored:
    slice: Slice
    statistic: Statistic
    design: Design


def slice_report(
    frame: pd.DataFrame,
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    metric: str,
    min_rows: int,
    threshold: Rule = 0.5,
    bins: int = 4,
    sample_weight: ArrayLike | None = None,
    groups: Groups | None = None,
    level: float = 0.95,
) -> SliceReport:
    """The metric on each category and quantile bin of each column, and a bound of the worst.

    The minimum over slices is not regular: the percentile bootstrap of it is nearly always wrong when slices are alike.
    So each slice gets a one-sided bound at Šidák's level for the number of slices, and the worst of these bounds holds
    for all slices together.

    Args:
        frame: The columns to cut by, (rows, columns).
        y_true: Codes, or numbers, (rows,).
        y_score: P(positive), or the number, (rows,); (rows, classes) for several classes.
        metric: Name in :data:`~components.validation.metrics.METRICS`.
        min_rows: Slices with fewer rows are named, not scored.
        threshold: What turns scores into decisions.
        bins: Quantile bins of a column of numbers with more distinct values than that.
        sample_weight: (rows,).
        groups: What rows come in together, (rows,).
        level: Of the intervals and of the simultaneous bound.

    Source: Šidák (1967), Rectangular confidence regions.
    """
    chosen, scores = METRICS[metric], np.asarray(y_score, dtype=np.float64)
    y = chosen.truth(y_true)
    design, scored, skipped = Design(len(y), sample_weight, groups), [], []
    within = chosen.within and chosen.within(y, design.weight)
    for feature in frame.columns:
        small = []
        for name, rows in _bins(frame[feature], bins):
            part = design.part(rows)
            statistic = (
                within(y[rows], scores[rows]) if within else chosen.of(y[rows], scores[rows], threshold)
            )
            if part.rows < min_rows or _units(part, statistic) < MIN_UNITS:
                small.append(f"{feature} = {name} ({part.rows:,} rows)")
            else:
                scored.append(_score(str(feature), name, chosen, statistic, part, level))
        skipped += small if len(small) <= NAMED else [f"{feature}: {len(small):,} slices of too few rows"]
    whole = _score("all", "all rows", chosen, chosen.of(y, scores, threshold), design, level)
    worst, bound = _worst(chosen, scored or [whole], level)
    return SliceReport(metric, tuple(each.slice for each in scored), tuple(skipped), worst, bound, level)


def _score(
    feature: str, name: str, metric: Metric, statistic: Statistic, design: Design, level: float
) -> _Scored:
    low, high = interval(statistic, design, bounded=metric.bounded, level=level)
    return _Scored(Slice(feature, name, design.rows, design.value(statistic), low, high), statistic, design)


def _worst(metric: Metric, scored: list[_Scored], level: float) -> tuple[Slice, float]:
    each = simultaneous_level(1 - level, len(scored))
    bounds = [
        interval(part.statistic, part.design, bounded=metric.bounded, level=each, one_sided=True)
        for part in scored
    ]
    if metric.greater_is_better:
        position = min(range(len(scored)), key=lambda index: bounds[index][0])
        return scored[position].slice, bounds[position][0]
    position = max(range(len(scored)), key=lambda index: bounds[index][1])
    return scored[position].slice, bounds[position][1]


def _units(design: Design, statistic: Statistic) -> float:
    weightless = design.sample_weight is not None and not np.any(design.sample_weight)
    return 0.0 if weightless or design.rows == 0 else design.units(statistic)


def _bins(column: pd.Series[Any], bins: int) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """The name and the rows of each category or quantile bin, missing values last."""
    import pandas as pd

    absent = (column.isna() | (column.astype(object) == MISSING)).to_numpy()
    present = column[~absent]
    ordered = pd.api.types.is_numeric_dtype(present) or pd.api.types.is_datetime64_any_dtype(present)
    where = np.flatnonzero(~absent)
    if ordered and present.nunique() > max(bins, 2):
        binned = pd.qcut(present, bins, labels=False, duplicates="drop").to_numpy()
        for number in np.unique(binned):
            values = present[binned == number]
            yield f"{_text(values.min())} to {_text(values.max())}", where[binned == number]
    else:
        labels, names = pd.factorize(present if ordered else present.astype(str), sort=True)
        grouped = np.split(
            np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels, minlength=len(names)))[:-1]
        )
        for name, rows in zip(names, grouped if len(names) else [], strict=True):
            yield _text(name), where[rows]
    if absent.any():
        yield "missing", np.flatnonzero(absent)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return str(value).removesuffix(" 00:00:00")
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)
