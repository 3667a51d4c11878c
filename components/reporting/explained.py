"""Plots of contributions (SHAP values): importance, beeswarm, importance by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from components.reporting.figure import WIDE, Figure, slug
from components.reporting.formats import fixed, percent, signed, signed_tick_format
from components.reporting.svg import (
    Scale,
    box,
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
LEFT, RIGHT = 190, 924
MOST_BARS, MOST_SWARMS, MOST_COMPARED = 15, 10, 8
SHADES, SWARM_ROWS, SEED = 7, 500, 7


def importance(explanation: Explanation) -> Figure:
    """Mean size of each feature's contribution, the largest first."""
    sizes = [(feature, explanation.importance[feature]) for feature in explanation.top]
    total, row = sum(size for _, size in sizes) or 1.0, 26
    scale = Scale(0, max(size for _, size in sizes) or 1.0, LEFT, RIGHT - 44)
    parts = [
        stack(
            [
                name(LEFT - 12, 24 + row * index, feature, 26),
                box(LEFT, 10 + row * index, max(scale(size) - LEFT, 1.5), row - 8, "bar model"),
                text(scale(size) + 8, 24 + row * index, fixed(size), "tick"),
            ]
        )
        for index, (feature, size) in enumerate(sizes[:MOST_BARS])
    ]
    leading = sizes[:3]
    finding = (
        f"{', '.join(feature for feature, _ in leading)} move the score most: together "
        f"{percent(sum(size for _, size in leading) / total, 0)} of all movement. "
        f"Unit: mean absolute contribution in {explanation.unit}."
    )
    header = ("feature", f"mean contribution ({explanation.unit})", "share")
    table = tuple((feature, fixed(size, 4), percent(size / total)) for feature, size in sizes)
    height = row * len(parts) + 16
    return Figure("importance", "What moves the scores", finding, stack(parts), WIDE, height, header, table)


def beeswarm(explanation: Explanation) -> Figure:
    """Sampled rows' contributions by feature, coloured by the feature's value from low to high."""
    picked = np.random.default_rng(SEED).permutation(len(explanation.X))[:SWARM_ROWS]
    values = {
        f: explanation.values[picked, explanation.names.index(f)] for f in explanation.top[:MOST_SWARMS]
    }
    row, top = 44, 30
    bottom = top + row * len(values)
    every = np.concatenate([*values.values(), [0.0]])
    scale = Scale(*domain(np.quantile(every, [0.002, 0.998]), 0.0, margin=0.04), LEFT, RIGHT)
    parts = [upright_grid(scale, top - 8, bottom, 7, signed_tick_format), _legend(RIGHT, 14)]
    for index, (feature, contributions) in enumerate(values.items()):
        y = top + row * (index + 0.5)
        shares = _share(explanation.X[feature].iloc[picked])
        parts += [name(LEFT - 12, y + 4, feature, 26), _swarm(contributions, shares, scale, y, row / 2 - 3)]
    label = f"contribution to {_output(explanation)} ({explanation.unit})"
    parts.append(text((LEFT + RIGHT) / 2, bottom + 38, label, "label", text_anchor="middle"))
    finding = (
        f"Each dot is one of {len(picked)} sampled rows; to the right it raised the score, to the left it lowered it. "
        "Warm dots are high values of the feature, cold ones low values; categories have no order and are grey."
    )
    header = ("feature", "5 %", "median", "95 %", "goes up with the feature's value")
    table = tuple(
        (
            feature,
            *(signed(float(end), 3) for end in np.quantile(contributions, [0.05, 0.5, 0.95])),
            _trend(contributions, explanation.X[feature].iloc[picked]),
        )
        for feature, contributions in values.items()
    )
    outcome = explanation.outcome
    title = f"Contributions to “{outcome}”, row by row" if outcome else "Contributions row by row"
    return Figure(
        f"beeswarm-{slug(outcome)}" if outcome else "beeswarm",
        title,
        finding,
        stack(parts),
        WIDE,
        bottom + 50,
        header,
        table,
    )


def by_group(explanation: Explanation, sensitive: str) -> Figure:
    """Mean size of the leading features' contributions within each group of a sensitive feature."""
    groups, features = explanation.by_group[sensitive], explanation.top[:MOST_COMPARED]
    sizes = {f: [group.get(f, 0.0) for group in groups.values()] for f in features}
    legend, below = _group_legend(list(groups))
    row, top = 26, below + 22
    bottom = top + row * len(features)
    scale = Scale(0, max([*(s for of in sizes.values() for s in of), 1e-9]) * 1.03, LEFT, RIGHT)
    parts = [upright_grid(scale, top - 8, bottom, 6), legend]
    for index, (feature, of) in enumerate(sizes.items()):
        y = top + row * (index + 0.5)
        ends = scale.each([min(of, default=0.0), max(of, default=0.0)])
        parts += [name(LEFT - 12, y + 4, feature, 26), line(ends[0], y, ends[1], y, "whisker quiet")]
        parts += [
            mark(position, scale(size), y, _shade(position), f"{group}: {fixed(size)}")
            for position, (group, size) in enumerate(zip(groups, of, strict=True))
        ]
    spread = {feature: max(of, default=0.0) - min(of, default=0.0) for feature, of in sizes.items()}
    widest = max(spread, key=lambda feature: spread[feature])
    finding = (
        f"Mean absolute contribution in {explanation.unit} within each group of {sensitive}. "
        f"The groups differ most in {widest}, by {fixed(spread[widest])}."
    )
    table = tuple((feature, *map(fixed, of)) for feature, of in sizes.items())
    title, key = f"What moves the scores, by {sensitive}", f"by-group-{slug(sensitive)}"
    header = ("feature", *groups)
    return Figure(key, title, finding, stack(parts), WIDE, int(bottom + 28), header, table)


def _output(explanation: Explanation) -> str:
    return f"the score of “{explanation.outcome}”" if explanation.outcome else "the score"


def is_number(column: pd.Series[Any]) -> bool:
    """Whether the column's values have an order and a distance."""
    return pd.api.types.is_numeric_dtype(column) or is_date(column)


def is_date(column: pd.Series[Any]) -> bool:
    """Whether the column holds dates."""
    return pd.api.types.is_datetime64_any_dtype(column)


def numbers(column: pd.Series[Any]) -> Floats:
    """The column's values, dates as years with their fraction, such as 2015.5 for July of 2015; NaN where missing."""
    if not is_date(column):
        return column.to_numpy(dtype=float)
    return np.asarray(column.dt.year + (column.dt.dayofyear - 1) / 365.25, dtype=float)


def _share(column: pd.Series[Any]) -> Floats:
    """The rank of each value, 0 to 1; one half for categories, which have no order, and for missing."""
    if not is_number(column):
        return np.full(len(column), 0.5)
    ranks = column.rank(method="dense").to_numpy(dtype=float)
    highest = float(np.nanmax(ranks, initial=1.0))
    return np.asarray(np.nan_to_num((ranks - 1) / max(highest - 1, 1.0), nan=0.5))


def _swarm(values: Floats, share: Floats, scale: Scale, y: float, half: float) -> Markup:
    """Dots that step aside where others lie, a path a shade."""
    xs = np.array(scale.each(values))
    bins = np.round(xs / 3).astype(int)
    offsets = np.zeros(len(xs))
    densest = max(int(np.bincount(bins - bins.min()).max()), 1)
    step = min(3.0, 2 * half / densest)
    for place in np.unique(bins):
        inside = np.flatnonzero(bins == place)
        inside = inside[np.argsort(share[inside], kind="stable")]
        offsets[inside] = (np.arange(len(inside)) - (len(inside) - 1) / 2) * step
    shade = np.minimum((share * SHADES).astype(int), SHADES - 1)
    paths = [(s, shade == s) for s in np.unique(shade)]
    return stack(dots(xs[here], y - offsets[here], f"shade{s}") for s, here in paths)


def _legend(right: float, y: float) -> Markup:
    swatches = [box(right - 130 + 12 * s, y - 9, 12, 10, f"bar shade{s}") for s in range(SHADES)]
    low = text(right - 136, y, "low", "tick", text_anchor="end")
    return stack([low, *swatches, text(right - 130 + 12 * SHADES + 6, y, "high", "tick")])


def _trend(values: Floats, column: pd.Series[Any]) -> str:
    if not is_number(column) or column.nunique() < 2 or np.ptp(values) == 0:
        return "–"
    correlation = pd.Series(values).corr(pd.Series(numbers(column)))
    return "yes" if correlation > 0.5 else "no, down" if correlation < -0.5 else "in part"


def _shade(position: int) -> str:
    """A class that, with the marks' six forms, tells 36 groups apart."""
    return f"group{(position + position // 6) % 6}"


def _group_legend(groups: Sequence[str]) -> tuple[Markup, float]:
    """The groups' marks and names in as many lines as they need, and where the last line stands."""
    parts, x, y = [], float(LEFT), 16.0
    for position, group in enumerate(groups):
        wide = 34 + 7 * len(group)
        if x > LEFT and x + wide > RIGHT:
            x, y = float(LEFT), y + 20
        parts += [mark(position, x + 5, y, _shade(position), group), text(x + 16, y + 4, group, "tick")]
        x += wide
    return stack(parts), y
