"""Curves of a binary decision over all thresholds: ROC, precision and recall, utility; and reliability."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from components.reporting.cuts import Cuts, Floats, along, band
from components.reporting.figure import HALF, WIDE, Figure, slug
from components.reporting.formats import (
    bracketed,
    count,
    fixed,
    interval,
    number,
    percent,
    shortened,
    signed,
    with_interval,
)
from components.reporting.svg import Frame, Scale, box, domain, element, hint, line, stack, text

if TYPE_CHECKING:
    from components.training.outcomes import OutcomeValues
    from components.validation.calibration import CalibrationReport
    from components.validation.evaluation import Evaluation

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
HEIGHT, TABLE_ROWS = 400, 21


def roc(cut: Cuts, evaluation: Evaluation) -> Figure:
    """The receiver operating characteristic with a pointwise band and the point that was chosen."""
    tpr, fpr = cut.true_positive_rate, cut.false_positive_rate
    xs = np.linspace(0, 1, 101)
    ys = along(xs, fpr, tpr)
    low, high = band(ys[1:])
    point = (_at(cut, evaluation.least_positive, fpr[0]), _at(cut, evaluation.least_positive, tpr[0]))
    finding = (
        f"Area under the curve {with_interval(evaluation.metrics.get('roc_auc'))}; 0.5 is guessing, 1 is perfect. The chosen "
        f"threshold finds {percent(point[1])} of the positives and wrongly flags {percent(point[0])} of the negatives."
    )
    frame = _unit_frame()
    drawing = [
        frame.grid("false positive rate", "true positive rate", y_ticks=QUARTERS, x_ticks=QUARTERS),
        line(frame.x(0), frame.y(0), frame.x(1), frame.y(1), "reference"),
        text(frame.x(0.62), frame.y(0.57), "guessing", "note"),
        frame.band(xs, low, high, "model"),
        frame.line(fpr[0], tpr[0], "model"),
        _chosen(frame, *point, evaluation.least_positive),
    ]
    header = ("false positive rate", "true positive rate", "low", "high")
    table = _table(xs, ys[0], low, high)
    title = "Positives found against false alarms (ROC)"
    return Figure("roc", title, finding, stack(drawing), HALF, HEIGHT, header, table)


def precision_recall(cut: Cuts, evaluation: Evaluation) -> Figure:
    """Precision against recall with a pointwise band and the point that was chosen."""
    recall, precision = cut.true_positive_rate[:, 1:], cut.precision[:, 1:]
    xs = np.linspace(0.02, 1, 99)
    ys = along(xs, recall, precision)
    low, high = band(ys[1:])
    point = (
        _at(cut, evaluation.least_positive, cut.true_positive_rate[0]),
        _at(cut, evaluation.least_positive, cut.precision[0]),
    )
    share = float(cut.true_positive[0, -1])
    finding = (
        f"Average precision {with_interval(evaluation.metrics.get('average_precision'))}; guessing gives {fixed(share)}, the share "
        f"of positives. At the chosen threshold {percent(point[1])} of those decided positive are positive."
    )
    frame = _unit_frame()
    drawing = [
        frame.grid("recall", "precision", y_ticks=QUARTERS, x_ticks=QUARTERS),
        line(frame.x(0), frame.y(share), frame.x(1), frame.y(share), "reference"),
        text(frame.x(0.02), frame.y(share) + 16, "guessing", "note"),
        frame.band(xs, low, high, "model"),
        frame.line(xs, ys[0], "model"),
        _chosen(frame, *point, evaluation.least_positive, below=True),
    ]
    header = ("recall", "precision", "low", "high")
    table = _table(xs, ys[0], low, high)
    return Figure(
        "precision-recall",
        "Precision against recall",
        finding,
        stack(drawing),
        HALF,
        HEIGHT,
        header,
        table,
    )


def utility(
    cut: Cuts, value: OutcomeValues, threshold: float, class_names: tuple[str, str] = ("negative", "positive")
) -> Figure:
    """What 1,000 decisions are worth at each threshold, with a pointwise band and the threshold that was chosen."""
    worth = cut.worth(value)
    seen = _worth_seeing(cut.thresholds, worth[0])
    xs, ys = cut.thresholds[seen], worth[0, seen]
    low, high = band(worth[1:])[:, seen]
    chosen = int(np.argmin(np.abs(xs - threshold)))
    constant, name = max((worth[0, -1], class_names[1]), (worth[0, 0], class_names[0]))
    finding = (
        f"At the chosen threshold, {fixed(threshold)}, 1,000 decisions are worth {number(ys[chosen])} {value.unit} "
        f"({interval(low[chosen], high[chosen], 0)}); deciding “{name}” every time is worth {number(constant)}. "
        f"On these rows the best threshold would have been {fixed(xs[ys.argmax()])}, worth {number(ys.max())}."
    )
    frame = Frame(Scale(0, 1, 60, 928), Scale(*domain([*low, *high], constant), 340, 34))
    label = f"no model: “{shortened(name, 30)}” every time, {number(constant)}"
    drawing = [
        frame.grid(
            "threshold: scores at or above it are decided positive", f"{value.unit} per 1,000 decisions"
        ),
        line(frame.x(0), frame.y(constant), frame.x(1), frame.y(constant), "reference"),
        text(frame.x(1) - 4, frame.y(constant) - 7, label, "note", text_anchor="end"),
        frame.band(xs, low, high, "model"),
        frame.line(xs, ys, "model"),
        line(frame.x(threshold), frame.y.start, frame.x(threshold), frame.y.end, "threshold"),
        _chosen(frame, threshold, float(ys[chosen]), threshold),
    ]
    header = ("threshold", f"{value.unit} per 1,000", "low", "high")
    table = _table(xs, ys, low, high)
    title = "What the decisions are worth, by threshold"
    return Figure("utility", title, finding, stack(drawing), WIDE, HEIGHT, header, table)


def reliability(calibration: CalibrationReport, y_score: Floats, outcome: str = "") -> Figure:
    """Observed shares against predicted ones, bin by bin, over a histogram of the scores."""
    frame = Frame(Scale(0, 1, 52, 444), Scale(0, 1, 300, 30))
    large = calibration.in_the_large
    verdict = "its interval holds 0" if large.low <= 0 <= large.high else "its interval leaves 0 out"
    finding = (
        f"Actual minus predicted is {signed(large.value)} on average ({interval(large.low, large.high, 3)}): {verdict}. "
        f"Slope {with_interval(calibration.slope, 2)}; 1 is right. Typical error of a score {with_interval(calibration.error)}."
    )
    points = [
        element(
            "g",
            hint(
                f"predicted {fixed(b.mean_score)}, observed {bracketed(b.observed, b.low, b.high, 3)}, {b.rows:,} rows"
            ),
            line(frame.x(b.mean_score), frame.y(b.low), frame.x(b.mean_score), frame.y(b.high), "whisker"),
            element("circle", cx=frame.x(b.mean_score), cy=frame.y(b.observed), r=4, class_="point model"),
        )
        for b in calibration.bins
    ]
    drawing = [
        frame.grid("", "observed share of positives", y_ticks=QUARTERS, x_ticks=QUARTERS),
        line(frame.x(0), frame.y(0), frame.x(1), frame.y(1), "reference"),
        *points,
        _histogram(y_score, frame.x, 384, 330),
        text(248, 402, "predicted probability, and how many rows have it", "label", text_anchor="middle"),
    ]
    header = ("mean prediction", "observed", "low", "high", "rows")
    rows = tuple(
        (fixed(b.mean_score), fixed(b.observed), fixed(b.low), fixed(b.high), count(b.rows))
        for b in calibration.bins
    )
    title = (
        f"Do the scores of “{outcome}” mean what they say?"
        if outcome
        else "Do the scores mean what they say?"
    )
    key = f"reliability-{slug(outcome)}" if outcome else "reliability"
    return Figure(key, title, finding, stack(drawing), HALF, 410, header, rows)


def _unit_frame() -> Frame:
    return Frame(Scale(0, 1, 52, 444), Scale(0, 1, 350, 34))


def _at(cut: Cuts, threshold: float, values: Floats) -> float:
    """The value at a threshold that is one of the cuts."""
    return float(np.interp(-threshold, -cut.thresholds, values))


def _worth_seeing(thresholds: Floats, curve: Floats) -> NDArray[np.bool_]:
    """Where thresholds are probabilities and the curve is not far below the better rule without a model."""
    constant, best = max(curve[0], curve[-1]), curve.max()
    floor = constant - max(1.5 * (best - constant), 0.2 * np.ptp(curve))
    probable = (thresholds >= 0) & (thresholds <= 1)
    seen = np.flatnonzero(probable & (curve >= floor))
    return probable if not len(seen) else np.isin(np.arange(len(curve)), np.arange(seen[0], seen[-1] + 1))


def _chosen(frame: Frame, x: float, y: float, threshold: float, *, below: bool = False) -> Markup:
    left = frame.x(x) > (frame.x.start + frame.x.end) / 2
    return element(
        "g",
        element("circle", cx=frame.x(x), cy=frame.y(y), r=5, class_="point chosen"),
        text(
            frame.x(x) + (-10 if left else 10),
            frame.y(y) + (20 if below else -10),
            f"chosen: {fixed(threshold)}",
            "strong",
            text_anchor="end" if left else "start",
        ),
    )


def _histogram(y_score: Floats, x: Scale, bottom: float, top: float, bins: int = 40) -> Markup:
    counts, edges = np.histogram(y_score, bins, (0.0, 1.0))
    upright = Scale(0, float(counts.max()) or 1.0, 0, bottom - top)
    return stack(
        box(x(a) + 0.5, bottom - upright(rows), x(b) - x(a) - 1, upright(rows), "bar quiet")
        for a, b, rows in zip(edges[:-1], edges[1:], counts, strict=True)
        if rows
    )


def _table(*columns: Iterable[float]) -> tuple[tuple[str, ...], ...]:
    """The columns written out, a few rows of them."""
    rows = [tuple(fixed(float(value)) for value in row) for row in zip(*columns, strict=True)]
    picked = np.unique(np.linspace(0, len(rows) - 1, TABLE_ROWS).round().astype(int))
    return tuple(rows[index] for index in picked)
