"""Forest plots: estimates with their intervals, one row each, in one panel or in several side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from components.reporting.figure import WIDE, Figure
from components.reporting.formats import count, fixed, interval, signed, tick_format, with_interval
from components.reporting.svg import Scale, domain, element, line, mark, name, stack, text

ROW, TOP, LABELS, COUNTS = 24, 58, 200, 64
ALONE, TOGETHER = 168, 44


@dataclass(frozen=True)
class Row:
    """One line of a forest plot.

    Attributes:
        label: What is estimated.
        estimates: One a panel, with value, low and high; None where there is nothing to estimate.
        rows: How many rows it rests on; None leaves the place empty.
        mark: A class for the points: ``model``, ``worst`` or ``quiet``.
        heading: The group the row stands in; written above the first of its rows.
        note: Said in place of estimates.
    """

    label: str
    estimates: tuple[Any | None, ...] = ()
    rows: int | None = None
    mark: str = "model"
    heading: str = ""
    note: str = ""


@dataclass(frozen=True)
class Panel:
    """One column of intervals.

    Attributes:
        title: What the column shows.
        reference: Where a quiet upright line stands, and what it means.
        limit: Where the line of a threshold stands, and what it means.
        decimals: Of the written values.
        signs: Whether positive values are written with their sign.
        within: The ends of the possible values.
        least_width: The narrowest scale, so that small differences are not blown up.
    """

    title: str
    reference: tuple[float, str] | None = None
    limit: tuple[float, str] | None = None
    decimals: int = 3
    signs: bool = False
    within: tuple[float, float] = (-math.inf, math.inf)
    least_width: float = 0.0


def forest(
    key: str, title: str, finding: str, panels: Sequence[Panel], rows: Sequence[Row], label: str = ""
) -> Figure:
    """The forest plot of the rows, a column a panel, each with its own scale."""
    places = _places(rows)
    bottom = (places[-1] if places else TOP) + ROW
    counted = COUNTS if any(row.rows is not None for row in rows) else 0
    left = LABELS + counted
    room = (WIDE - left) / len(panels)
    parts = [text(0, 24, label, "head")]
    if counted:
        parts.append(text(left - 14, 24, "rows", "head", text_anchor="end"))
    for index, panel in enumerate(panels):
        start = left + index * room
        written = ALONE if len(panels) == 1 else TOGETHER
        estimates = [row.estimates[index] if row.estimates else None for row in rows]
        scale = _scale(panel, estimates, start + 10, start + room - written - 14)
        parts.append(_axis(panel, scale, bottom))
        marked = zip(rows, estimates, places, strict=True)
        parts += [_mark(panel, row, e, scale, y, start + room, len(panels)) for row, e, y in marked]
    headings = ["", *(row.heading for row in rows)]
    for row, before, y in zip(rows, headings, places, strict=False):
        parts.append(_label(row, y, left - 14, new=row.heading != before))
    header = (label or "row", *(["rows"] if counted else []), *(panel.title for panel in panels))
    noted = any(panel.reference or panel.limit for panel in panels)
    height = int(bottom + (34 if noted else 16))
    return Figure(
        key, title, finding, stack(parts), WIDE, height, header, _table(panels, rows, bool(counted))
    )


def _places(rows: Sequence[Row]) -> list[float]:
    places, y, heading = [], float(TOP), ""
    for row in rows:
        y += ROW if row.heading != heading else 0
        heading = row.heading
        places.append(y)
        y += ROW
    return places


def _scale(panel: Panel, estimates: Sequence[Any], start: float, end: float) -> Scale:
    ends = [end for e in estimates if e is not None for end in (e.low, e.high, e.value)]
    marks = [at[0] for at in (panel.reference, panel.limit) if at is not None]
    low, high = domain(ends, *marks)
    missing = max(panel.least_width - (high - low), 0) / 2
    low, high = low - missing, high + missing
    return Scale(max(low, panel.within[0]), min(high, panel.within[1]), start, end)


def _axis(panel: Panel, scale: Scale, bottom: float) -> Markup:
    ticks = scale.ticks(5 if scale.end - scale.start > 300 else 3)
    written = tick_format(ticks)
    parts = [text(scale.start, 24, panel.title, "head")]
    for tick in ticks:
        parts.append(line(scale(tick), 38, scale(tick), bottom - 8, "grid"))
        parts.append(text(scale(tick), bottom + 8, written(tick), "tick", text_anchor="middle"))
    for at, class_ in ((panel.reference, "reference"), (panel.limit, "limit")):
        if at is not None:
            x = scale(at[0])
            anchor = "end" if x > (scale.start + scale.end) / 2 else "start"
            parts.append(line(x, 36, x, bottom - 8, class_))
            parts.append(text(x, bottom + 25, at[1], f"note {class_}-note", text_anchor=anchor))
    return stack(parts)


def _mark(panel: Panel, row: Row, e: Any, scale: Scale, y: float, right: float, of: int) -> Markup:
    if e is None or not math.isfinite(e.value):
        return Markup("")
    value = signed(e.value, panel.decimals) if panel.signs else fixed(e.value, panel.decimals)
    bounds = interval(e.low, e.high, panel.decimals)
    form = 2 if row.mark == "worst" else 0
    drawn = element(
        "g",
        line(scale(e.low), y, scale(e.high), y, f"whisker {row.mark}"),
        mark(form, scale(e.value), y, row.mark, f"{row.label}: {value} ({bounds})"),
    )
    if of > 1:
        return drawn + text(right - 10, y + 4, value, "tick", text_anchor="end")
    return stack(
        [
            drawn,
            text(right - ALONE + 46, y + 4, value, "strong", text_anchor="end"),
            text(right, y + 4, bounds, "tick", text_anchor="end"),
        ]
    )


def _label(row: Row, y: float, end: float, *, new: bool) -> Markup:
    parts = [text(0, y - ROW + 4, row.heading, "head")] if new else []
    indent = 12.0 if row.heading else 0.0
    parts.append(name(indent, y + 4, row.label, 29, "start"))
    if row.rows is not None:
        parts.append(text(end, y + 4, count(row.rows), "tick", text_anchor="end"))
    if row.note:
        parts.append(text(end + 24, y + 4, row.note, "note"))
    return stack(parts)


def _table(panels: Sequence[Panel], rows: Sequence[Row], counted: bool) -> tuple[tuple[str, ...], ...]:
    table = []
    for row in rows:
        cells = [with_interval(e, p.decimals) for p, e in zip(panels, row.estimates, strict=False)]
        cells += [row.note or "–"] * (len(panels) - len(cells))
        rows_cell = [count(row.rows) if row.rows is not None else "–"] if counted else []
        table.append((f"{row.heading}: {row.label}" if row.heading else row.label, *rows_cell, *cells))
    return tuple(table)
