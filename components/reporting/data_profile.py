"""What the columns of a table hold, as counts and without rows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from components.reporting.figure import Figure, slug
from components.reporting.formats import count, number, percent
from components.reporting.svg import box, element, hint, stack

MOST_BARS = 24


@dataclass(frozen=True)
class ColumnProfile:
    """One column.

    Attributes:
        name: The column.
        type: As the table has it.
        role: target, feature, sensitive, time and so on.
        rows: How many rows were seen.
        missing: How many of them have no value.
        levels: How many different values there are.
        summary: The range, or the most frequent values, in words.
        bars: What each bar counts, and the rows in it.
    """

    name: str
    type: str
    role: str
    rows: int
    missing: int
    levels: int
    summary: str
    bars: tuple[tuple[str, int], ...]


def profile(table: pl.DataFrame, roles: Mapping[str, str]) -> tuple[ColumnProfile, ...]:
    """A profile of every column, in the table's order.

    Args:
        table: The rows of a snapshot.
        roles: What a column is to the model; ``feature`` where none is named.
    """
    return tuple(_column(table[name], roles.get(name, "feature")) for name in table.columns)


def bars(column: ColumnProfile) -> Figure:
    """The column's histogram, small enough for a row of a table."""
    highest = max((rows for _, rows in column.bars), default=1) or 1
    step = min(168 / max(len(column.bars), 1), 24.0)
    parts = []
    for index, (label, rows) in enumerate(column.bars):
        height = max(30 * rows / highest, 0.8 if rows else 0.0)
        title = hint(f"{label}: {count(rows)} rows")
        parts.append(box(index * step, 32 - height, max(step - 1.5, 1.0), height, "bar model", title))
    parts.append(element("path", d="M0 32.5h168", class_="axis"))
    return Figure(f"profile-{slug(column.name)}", column.name, column.summary, stack(parts), 168, 34)


def _column(values: pl.Series, role: str) -> ColumnProfile:
    known = values.drop_nulls()
    if known.dtype.is_float():
        known = known.drop_nans()
    missing, levels = len(values) - len(known), known.n_unique()
    numeric = known.dtype.is_numeric() and len(known) > 0
    if known.dtype.is_temporal() and len(known):
        shown, summary = _histogram(known.to_physical().to_numpy()), f"{known.min()!s} to {known.max()!s}"
        shown = tuple((f"part {index + 1} of the time", rows) for index, (_, rows) in enumerate(shown))
    elif numeric and levels > 2:
        shown = _histogram(known.to_numpy().astype(float))
        summary = f"{_value(_float(known.min()))} to {_value(_float(known.max()))}, mean {_value(_float(known.mean()))}"
    elif known.dtype == pl.String and levels > 0.5 * len(known):
        lengths = known.str.len_chars()
        middle, most = _value(_float(lengths.median())), _value(_float(lengths.max()))
        shown, summary = (), f"text, mostly different in every row; {middle} characters, at most {most}"
    else:
        shown = _levels(known)
        summary = ", ".join(f"{label} {percent(rows / max(len(known), 1), 0)}" for label, rows in shown[:3])
    return ColumnProfile(
        values.name, _type(values.dtype), role, len(values), missing, levels, summary or "no value", shown
    )


def _value(value: float) -> str:
    """The value of a column: a year has no thousands."""
    return f"{value:.4g}" if value == 0 or 1e-3 <= value < 9999.5 else number(value, 4)


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _histogram(known: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[tuple[str, int], ...]:
    """A bar a value where whole values are few, else equal widths between the outermost half per cents."""
    different = np.unique(known)
    if len(different) <= MOST_BARS:
        return tuple((_value(float(v)), int((known == v).sum())) for v in different)
    low, high = np.quantile(known, [0.005, 0.995])
    if low == high:
        low, high = float(different[0]), float(different[-1])
    counts, edges = np.histogram(np.clip(known, low, high), MOST_BARS, (low, high))
    labels = [f"{_value(a)} to {_value(b)}" for a, b in itertools.pairwise(edges)]
    return tuple((label, int(rows)) for label, rows in zip(labels, counts, strict=True))


def _levels(known: pl.Series) -> tuple[tuple[str, int], ...]:
    """The most frequent values, and all others as one."""
    counted = (
        known.cast(pl.String).value_counts(name="rows").sort(["rows", known.name], descending=[True, False])
    )
    pairs = [(str(label), int(rows)) for label, rows in counted.iter_rows()]
    if len(pairs) <= 12:
        return tuple(pairs)
    others = sum(rows for _, rows in pairs[11:])
    return (*pairs[:11], (f"{len(pairs) - 11} others", others))


def _type(dtype: pl.DataType) -> str:
    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_integer():
        return "integer"
    if dtype.is_numeric():
        return "number"
    if dtype.is_temporal():
        return "datetime"
    return "category" if dtype in (pl.Categorical, pl.Enum) else "text"
