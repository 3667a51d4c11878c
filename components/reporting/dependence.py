"""How one feature's contribution depends on its value: a dot a row for numbers, a line a category."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.reporting.explained import is_date, is_number, numbers
from components.reporting.figure import HALF, Figure, slug
from components.reporting.formats import count, month, number, signed, signed_tick_format
from components.reporting.svg import (
    Frame,
    Scale,
    domain,
    dots,
    line,
    mark,
    name,
    stack,
    text,
    upright_grid,
)

if TYPE_CHECKING:
    from components.validation.explanation import Explanation

Floats = NDArray[np.float64]
ROWS, BINS, MOST_CATEGORIES, SEED = 600, 12, 8, 7
TENTHS = (0.1, 0.9)


def dependence(explanation: Explanation, feature: str) -> Figure:
    """One feature's contribution against its value."""
    values = explanation.values[:, explanation.names.index(feature)]
    column = explanation.X[feature]
    if is_number(column) and column.nunique() > 2:
        return _scatter(feature, column, values, explanation.unit)
    return _categories(feature, _labels(column), values, explanation.unit)


def _scatter(feature: str, shown: pd.Series[Any], values: Floats, unit: str) -> Figure:
    write = month if is_date(shown) else number
    column = numbers(shown)
    known = np.isfinite(column)
    column, values = column[known], values[known]
    picked = np.random.default_rng(SEED).permutation(len(column))[:ROWS]
    middle, mean = _means(column, values)
    heights = domain(np.quantile(values, [0.001, 0.999]), 0.0)
    frame = Frame(Scale(*domain(column), 52, 444), Scale(*heights, 250, 24))
    y_format = signed_tick_format(frame.y.ticks())
    drawing = [
        frame.grid(feature, f"contribution ({unit})", x_format=_years(shown, frame), y_format=y_format),
        line(frame.x.start, frame.y(0), frame.x.end, frame.y(0), "axis"),
        dots(frame.x.each(column[picked]), frame.y.each(values[picked]), "model faint"),
        frame.line(middle, mean, "model"),
    ]
    highest, lowest = int(np.argmax(mean)), int(np.argmin(mean))
    finding = (
        f"Raises the score most about {write(middle[highest])} ({signed(mean[highest])}), "
        f"lowers it most about {write(middle[lowest])} ({signed(mean[lowest])})."
    )
    table = tuple((write(x), signed(y)) for x, y in zip(middle, mean, strict=True))
    header = (feature, "mean contribution")
    return Figure(f"dependence-{slug(feature)}", feature, finding, stack(drawing), HALF, 296, header, table)


def _years(shown: pd.Series[Any], frame: Frame) -> Callable[[float], str] | None:
    """How years are written at the ticks: no thousands, and months where ticks are less than a year apart."""
    if not is_date(shown):
        return None
    whole = all(float(tick).is_integer() for tick in frame.x.ticks())
    return (lambda year: f"{year:.0f}") if whole else month


def _means(column: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Mean value and mean contribution in bins of about equally many rows."""
    edges = np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)))
    cell = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows = np.bincount(cell)
    held = rows > 0
    return (
        np.bincount(cell, column)[held] / rows[held],
        np.bincount(cell, values)[held] / rows[held],
    )


def _labels(column: pd.Series[Any]) -> pd.Series[Any]:
    """The values as text: 0 and 1 as false and true, nothing as missing."""
    if not is_number(column) or is_date(column):
        return column.astype(str)
    boolean = set(column.dropna().unique()) <= {0, 1}
    written = {
        v: ("false", "true")[int(v)] if boolean else number(float(v)) for v in column.dropna().unique()
    }
    return column.map(written).fillna("missing")


def _categories(feature: str, labels: pd.Series[Any], values: Floats, unit: str) -> Figure:
    of = {str(label): values[(labels == label).to_numpy()] for label in labels.unique()}
    ordered = sorted(of, key=lambda label: -of[label].mean())
    frequent = sorted(of, key=lambda label: -len(of[label]))[:MOST_CATEGORIES]
    shown = [label for label in ordered if label in frequent]
    ends = {label: np.quantile(of[label], TENTHS) for label in ordered}
    row, top, left = 26, 24, 150
    bottom = top + row * len(shown)
    scale = Scale(*domain(np.concatenate([ends[label] for label in shown]), 0.0), left, 444)
    parts = [upright_grid(scale, top - 6, bottom, 4, signed_tick_format)]
    for index, label in enumerate(shown):
        y, mean = top + row * (index + 0.5), float(of[label].mean())
        low, high = scale.each(ends[label])
        parts += [
            name(left - 10, y + 4, label, 20),
            line(low, y, high, y, "whisker model"),
            mark(0, scale(mean), y, "model", f"{label}: {signed(mean)}"),
        ]
    parts.append(text((left + 444) / 2, bottom + 38, f"contribution ({unit})", "label", text_anchor="middle"))
    table = tuple(
        (label, signed(of[label].mean()), *(signed(end) for end in ends[label]), count(len(of[label])))
        for label in ordered
    )
    first, last = table[0], table[-1]
    finding = f"{first[0]} raises the score most ({first[1]}), {last[0]} least ({last[1]})."
    if len(shown) < len(ordered):
        finding += f" Shown are the {len(shown)} most frequent of {len(ordered)} categories."
    header = (feature, "mean contribution", "10 %", "90 %", "rows")
    key = f"dependence-{slug(feature)}"
    return Figure(key, feature, finding, stack(parts), HALF, bottom + 48, header, table)
