"""Plots of contributions (SHAP values): importance, beeswarm, dependence of single features, by group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from components.reporting.figure import HALF, WIDE, Figure, slug
from components.reporting.formats import fixed, number, percent, shortened, signed, tick_format
from components.reporting.svg import Frame, Scale, box, domain, dots, element, hint, line, mark, stack, text

if TYPE_CHECKING:
    from components.validation.explanation import Explanation

Floats = NDArray[np.float64]
SHADES, SWARM_ROWS, DEPENDENCE_ROWS, SEED = 7, 500, 600, 7


def importance(explanation: Explanation, most: int = 15) -> Figure:
    """Mean size of each feature's contribution, the largest first."""
    ordered = [(name, explanation.importance[name]) for name in explanation.top]
    shown, total = ordered[:most], sum(size for _, size in ordered) or 1.0
    row, left = 26, 190
    scale = Scale(0, max((size for _, size in shown), default=1.0), left, 880)
    parts = []
    for index, (name, size) in enumerate(shown):
        y = 10 + row * index
        parts += [
            element(
                "text", hint(name), shortened(name, 26), x=float(left - 12), y=y + 14.0, text_anchor="end"
            ),
            box(left, y, max(scale(size) - left, 1.5), row - 8, "bar model"),
            text(scale(size) + 8, y + 14, f"{fixed(size)}", "tick"),
        ]
    leading = ordered[:3]
    finding = (
        f"{', '.join(name for name, _ in leading)} move the score most: together "
        f"{percent(sum(size for _, size in leading) / total, 0)} of all movement. Unit: mean absolute contribution in {explanation.unit}."
    )
    table = tuple((name, fixed(size, 4), percent(size / total)) for name, size in ordered)
    header = ("feature", f"mean contribution ({explanation.unit})", "share")
    height = row * len(shown) + 16
    return Figure("importance", "What moves the scores", finding, stack(parts), WIDE, height, header, table)


def beeswarm(explanation: Explanation, most: int = 10) -> Figure:
    """Every sampled row's contribution by feature, coloured by the feature's value from low to high."""
    shown = explanation.top[:most]
    picked = _sample(len(explanation.X), SWARM_ROWS)
    columns = {name: explanation.values[picked, list(explanation.names).index(name)] for name in shown}
    row, top, left, right = 44, 30, 190, 924
    bottom = top + row * len(shown)
    every = np.concatenate([*columns.values(), [0.0]])
    scale = Scale(*domain(np.quantile(every, [0.002, 0.998]), 0.0, margin=0.04), left, right)
    parts = [line(scale(tick), top - 8, scale(tick), bottom, "grid") for tick in scale.ticks(7)]
    parts += [
        text(scale(tick), bottom + 18, signed(tick, 1), "tick", text_anchor="middle")
        for tick in scale.ticks(7)
    ]
    parts.append(line(scale(0), top - 8, scale(0), bottom, "axis"))
    for index, name in enumerate(shown):
        y = top + row * (index + 0.5)
        parts.append(
            element("text", hint(name), shortened(name, 26), x=float(left - 12), y=y + 4, text_anchor="end")
        )
        parts.append(_swarm(columns[name], _share(explanation.X[name].iloc[picked]), scale, y, row / 2 - 3))
    parts.append(
        text(
            (left + right) / 2,
            bottom + 38,
            f"contribution to the score ({explanation.unit})",
            "label",
            text_anchor="middle",
        )
    )
    parts.append(_legend(right, 14))
    header = ("feature", "5 %", "median", "95 %", "goes up with the feature's value")
    table = tuple(
        (
            name,
            *(signed(float(q), 2) for q in np.quantile(values, [0.05, 0.5, 0.95])),
            _trend(values, explanation.X[name].iloc[picked]),
        )
        for name, values in columns.items()
    )
    finding = (
        f"Each dot is one of {len(picked)} sampled rows; to the right it raised the score, to the left it lowered it. "
        "Warm dots are high values of the feature, cold ones low values; categories have no order and are grey."
    )
    return Figure(
        "beeswarm", "Contributions row by row", finding, stack(parts), WIDE, bottom + 50, header, table
    )


def dependence(explanation: Explanation, name: str) -> Figure:
    """One feature's contribution against its value: a dot a row for numbers, a box a category."""
    values = explanation.values[:, list(explanation.names).index(name)]
    column = explanation.X[name]
    if _is_number(column) and column.nunique() > 2:
        return _scatter(name, column.to_numpy(dtype=float), values, explanation.unit)
    return _categories(name, column, values, explanation.unit)


def by_group(explanation: Explanation, feature: str, most: int = 8) -> Figure:
    """Mean size of the leading features' contributions within each group of a sensitive feature."""
    groups = explanation.by_group[feature]
    names = explanation.top[:most]
    row, left, top = 26, 190, 44
    bottom = top + row * len(names)
    every = [groups[group].get(name, 0.0) for group in groups for name in names]
    scale = Scale(*domain(every, 0.0, margin=0.03), left, 924)
    scale = Scale(0.0, scale.high, left, 924)
    shades = _group_shades(len(groups))
    parts = [line(scale(tick), top - 8, scale(tick), bottom, "grid") for tick in scale.ticks(6)]
    parts += [
        text(scale(tick), bottom + 18, tick_format(scale.ticks(6))(tick), "tick", text_anchor="middle")
        for tick in scale.ticks(6)
    ]
    for index, name in enumerate(names):
        y = top + row * (index + 0.5)
        sizes = [groups[group].get(name, 0.0) for group in groups]
        parts.append(
            element("text", hint(name), shortened(name, 26), x=float(left - 12), y=y + 4, text_anchor="end")
        )
        parts.append(line(scale(min(sizes)), y, scale(max(sizes)), y, "whisker quiet"))
        parts += [
            mark(position, scale(size), y, shade, f"{group}: {fixed(size)}")
            for position, (group, size, shade) in enumerate(zip(groups, sizes, shades, strict=True))
        ]
    x = float(left)
    for position, (group, shade) in enumerate(zip(groups, shades, strict=True)):
        parts += [mark(position, x + 5, 16, shade, group), text(x + 16, 20, group, "tick")]
        x += 34 + 7 * len(group)
    widest = max(names, key=lambda n: _spread(groups, n), default="")
    finding = (
        f"Mean absolute contribution in {explanation.unit} within each group of {feature}. The groups differ most in {widest}, by "
        f"{fixed(_spread(groups, widest))}."
        if widest
        else f"No contributions by {feature}."
    )
    table = tuple((name, *(fixed(groups[g].get(name, 0.0)) for g in groups)) for name in names)
    return Figure(
        f"by-group-{slug(feature)}",
        f"What moves the scores, by {feature}",
        finding,
        stack(parts),
        WIDE,
        bottom + 28,
        ("feature", *groups),
        table,
    )


def _sample(rows: int, most: int) -> NDArray[np.int64]:
    order: NDArray[np.int64] = np.random.default_rng(SEED).permutation(rows)[:most]
    return order


def _is_number(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(column)


def _share(column: pd.Series[Any]) -> Floats:
    """The rank of each value among the values, 0 to 1; one half for categories, which have no order, and for missing."""
    if not _is_number(column):
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
    return stack(
        dots(xs[shade == s], y - offsets[shade == s], f"shade{s}")
        for s in range(SHADES)
        if (shade == s).any()
    )


def _legend(right: float, y: float) -> Markup:
    swatches = [box(right - 130 + 12 * s, y - 9, 12, 10, f"bar shade{s}") for s in range(SHADES)]
    low = text(right - 136, y, "low", "tick", text_anchor="end")
    return stack([low, *swatches, text(right - 130 + 12 * SHADES + 6, y, "high", "tick")])


def _trend(values: Floats, column: pd.Series[Any]) -> str:
    if not _is_number(column) or column.nunique() < 2 or np.ptp(values) == 0:
        return "–"
    correlation = pd.Series(values).corr(pd.Series(column.to_numpy(dtype=float)), method="pearson")
    return "yes" if correlation > 0.5 else "no, down" if correlation < -0.5 else "in part"


def _scatter(name: str, column: Floats, values: Floats, unit: str) -> Figure:
    known = np.flatnonzero(np.isfinite(column))
    picked = known[_sample(len(known), DEPENDENCE_ROWS)]
    frame = Frame(
        Scale(*domain(column[known]), 46, 444),
        Scale(*domain(np.quantile(values, [0.001, 0.999]), 0.0), 250, 24),
    )
    edges = np.unique(np.quantile(column[known], np.linspace(0, 1, 13)))
    cell = np.clip(np.searchsorted(edges, column[known], side="right") - 1, 0, max(len(edges) - 2, 0))
    present = np.unique(cell)
    middle = np.array([column[known][cell == c].mean() for c in present])
    mean = np.array([values[known][cell == c].mean() for c in present])
    drawing = stack(
        [
            frame.grid(name, f"contribution ({unit})", y_format=lambda v: signed(v, 1)),
            line(frame.x.start, frame.y(0), frame.x.end, frame.y(0), "axis"),
            dots(frame.x.each(column[picked]), frame.y.each(values[picked]), "model faint"),
            frame.line(middle, mean, "model"),
        ]
    )
    top, bottom = int(np.argmax(mean)), int(np.argmin(mean))
    finding = (
        f"Raises the score most about {number(middle[top])} ({signed(mean[top], 2)}), "
        f"lowers it most about {number(middle[bottom])} ({signed(mean[bottom], 2)})."
    )
    table = tuple((number(x), signed(y, 2)) for x, y in zip(middle, mean, strict=True))
    header = (name, "mean contribution")
    return Figure(f"dependence-{slug(name)}", name, finding, drawing, HALF, 296, header, table)


def _categories(name: str, column: pd.Series[Any], values: Floats, unit: str, most: int = 8) -> Figure:
    frame = pd.DataFrame({"category": column.to_numpy(), "value": values})
    if _is_number(column):
        frame["category"] = frame["category"].map({0.0: "false", 1.0: "true"}).fillna("missing")
    grouped = frame.groupby(frame["category"].astype(str))["value"]
    summary = (
        grouped.quantile(np.array([0.1, 0.5, 0.9])).unstack().assign(mean=grouped.mean(), rows=grouped.size())
    )
    ordered = summary.sort_values("mean", ascending=False)
    shown = ordered.loc[ordered["rows"].nlargest(most).index].sort_values("mean", ascending=False)
    row, top, left = 26, 24, 150
    bottom = top + row * len(shown)
    scale = Scale(*domain(shown[[0.1, 0.9]].to_numpy().ravel(), 0.0), left, 444)
    parts = [line(scale(tick), top - 6, scale(tick), bottom, "grid") for tick in scale.ticks(4)]
    parts += [
        text(scale(tick), bottom + 18, signed(tick, 1), "tick", text_anchor="middle")
        for tick in scale.ticks(4)
    ]
    parts.append(line(scale(0), top - 6, scale(0), bottom, "axis"))
    for index, (category, line_) in enumerate(shown.iterrows()):
        y = top + row * (index + 0.5)
        parts += [
            element(
                "text",
                hint(str(category)),
                shortened(str(category), 20),
                x=float(left - 10),
                y=y + 4,
                text_anchor="end",
            ),
            line(scale(line_[0.1]), y, scale(line_[0.9]), y, "whisker model"),
            element("circle", cx=scale(line_["mean"]), cy=y, r=4, class_="point model"),
        ]
    parts.append(text((left + 444) / 2, bottom + 38, f"contribution ({unit})", "label", text_anchor="middle"))
    finding = f"{ordered.index[0]} raises the score most ({signed(ordered['mean'].iloc[0], 2)}), {ordered.index[-1]} least ({signed(ordered['mean'].iloc[-1], 2)})."
    if len(shown) < len(ordered):
        finding += f" Shown are the {len(shown)} most frequent of {len(ordered)} categories."
    table = tuple(
        (str(category), signed(r["mean"], 2), signed(r[0.1], 2), signed(r[0.9], 2), f"{r['rows']:,.0f}")
        for category, r in ordered.iterrows()
    )
    header = (name, "mean contribution", "10 %", "90 %", "rows")
    return Figure(f"dependence-{slug(name)}", name, finding, stack(parts), HALF, bottom + 48, header, table)


def _group_shades(groups: int) -> list[str]:
    """Classes that, with the marks' six forms, tell 36 groups apart."""
    return [f"group{(index + index // 6) % 6}" for index in range(groups)]


def _spread(groups: dict[str, dict[str, float]], name: str) -> float:
    sizes = [groups[group].get(name, 0.0) for group in groups]
    return max(sizes) - min(sizes) if sizes else 0.0
