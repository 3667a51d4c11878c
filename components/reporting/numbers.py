"""Plots of predicted numbers: actual against predicted, errors, calibration by bins, and gaps between groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.reporting.figure import HALF, Figure, slug
from components.reporting.forest import Panel, Row, forest
from components.reporting.formats import bracketed, count, number, percent, with_interval
from components.reporting.intervals import small_groups
from components.reporting.svg import Frame, Scale, box, domain, dots, element, hint, line, stack

if TYPE_CHECKING:
    from components.validation.calibration import NumberCalibration
    from components.validation.evaluation import Evaluation
    from components.validation.gaps import GapsOfFeature

DOTS, SEED, BINS, HEIGHT = 1500, 7, 40, 400
MEANS = {
    "mean_prediction": "mean prediction",
    "mean_error": "mean error",
    "mean_absolute_error": "mean absolute error",
}


def actual_against_predicted(evaluation: Evaluation) -> Figure:
    """Held-out rows as dots: what came true against what was predicted."""
    picked = np.random.default_rng(SEED).permutation(evaluation.rows)[:DOTS]
    actual, predicted = evaluation.y_true[picked], evaluation.y_score[picked]
    ends = domain(np.quantile(np.concatenate([actual, predicted]), [0.005, 0.995]))
    frame = Frame(Scale(*ends, 64, 444), Scale(*ends, 350, 34))
    inside = (np.clip(actual, *ends) == actual) & (np.clip(predicted, *ends) == predicted)
    drawing = [
        frame.grid("predicted", "actual"),
        line(frame.x(ends[0]), frame.y(ends[0]), frame.x(ends[1]), frame.y(ends[1]), "reference"),
        dots(frame.x.each(predicted[inside]), frame.y.each(actual[inside]), "shade5"),
    ]
    metrics = evaluation.metrics
    finding = (
        f"R² {with_interval(metrics.get('r2'))}: the share of the spread that is explained. On average a prediction is "
        f"{number(metrics['mean_absolute_error'].value)} off. {int(inside.sum())} of {count(evaluation.rows)} rows are drawn."
    )
    order = np.argsort(predicted)[np.linspace(0, len(picked) - 1, min(21, len(picked))).astype(int)]
    table = tuple((number(float(predicted[i])), number(float(actual[i]))) for i in order)
    title = "What came true against what was predicted"
    return Figure("actual", title, finding, stack(drawing), HALF, HEIGHT, ("predicted", "actual"), table)


def errors(evaluation: Evaluation) -> Figure:
    """How far predictions are off, as a histogram."""
    gap = evaluation.y_score - evaluation.y_true
    low, high = domain(np.quantile(gap, [0.005, 0.995]), 0.0)
    counts, edges = np.histogram(np.clip(gap, low, high), BINS, (low, high))
    frame = Frame(Scale(low, high, 64, 444), Scale(0, float(counts.max()) * 1.05, 350, 34))
    bars = [
        box(
            frame.x(a) + 0.5,
            frame.y(rows),
            max(frame.x(b) - frame.x(a) - 1, 0.5),
            350 - frame.y(rows),
            "bar model",
        )
        for a, b, rows in zip(edges[:-1], edges[1:], counts, strict=True)
        if rows
    ]
    drawing = [
        frame.grid("predicted minus actual", "rows"),
        *bars,
        line(frame.x(0), 34, frame.x(0), 350, "reference"),
    ]
    quarter, middle, three = np.quantile(gap, [0.25, 0.5, 0.75])
    finding = (
        f"Half of the errors lie between {number(float(quarter))} and {number(float(three))}, the middle one is "
        f"{number(float(middle))}. The outermost bars hold what lies beyond."
    )
    table = tuple(
        (f"{number(float(a))} to {number(float(b))}", count(rows))
        for a, b, rows in zip(edges[:-1], edges[1:], counts, strict=True)
    )
    return Figure("errors", "How far off", finding, stack(drawing), HALF, HEIGHT, ("error", "rows"), table)


def binned(calibration: NumberCalibration) -> Figure:
    """Mean actual against mean predicted number, bin by bin, and the coverage of the prediction intervals."""
    ends = domain([end for b in calibration.bins for end in (b.low, b.high, b.mean_score)])
    frame = Frame(Scale(*ends, 64, 444), Scale(*ends, 330, 30))
    points = [
        element(
            "g",
            hint(
                f"predicted {number(b.mean_score)}, actual {bracketed(b.observed, b.low, b.high)}, {b.rows:,} rows"
            ),
            line(frame.x(b.mean_score), frame.y(b.low), frame.x(b.mean_score), frame.y(b.high), "whisker"),
            element("circle", cx=frame.x(b.mean_score), cy=frame.y(b.observed), r=4, class_="point model"),
        )
        for b in calibration.bins
    ]
    drawing = [
        frame.grid("mean prediction of the bin", "mean of what came true"),
        line(frame.x(ends[0]), frame.y(ends[0]), frame.x(ends[1]), frame.y(ends[1]), "reference"),
        *points,
    ]
    finding = (
        f"{percent(calibration.coverage.value)} of what came true lies within the {percent(calibration.level, 0)} intervals "
        f"({percent(calibration.coverage.low)} to {percent(calibration.coverage.high)}), which are "
        f"{number(calibration.width)} wide on average."
    )
    table = tuple(
        (number(b.mean_score), number(b.observed), number(b.low), number(b.high), count(b.rows))
        for b in calibration.bins
    )
    header = ("mean prediction", "mean actual", "low", "high", "rows")
    title = "Do predictions mean what they say?"
    return Figure("reliability", title, finding, stack(drawing), HALF, HEIGHT, header, table)


def gaps(feature: GapsOfFeature) -> Figure:
    """Mean prediction and mean errors by group of one sensitive feature."""
    scored = sorted((group for group in feature.groups if group.scored), key=lambda group: -group.rows)
    rows = [Row(g.group, tuple(getattr(g, mean) for mean in MEANS), g.rows) for g in scored]
    finding = (
        f"Mean predictions lie up to {with_interval(feature.prediction_gap)} standard deviations of the target apart, mean "
        f"errors or their sizes up to {with_interval(feature.error_gap)}."
        if feature.prediction_gap
        else f"No two groups of {feature.feature} have rows enough to be compared."
    )
    zero = {"mean_error": (0.0, "none")}
    panels = [Panel(title, zero.get(mean)) for mean, title in MEANS.items()]
    key, title = f"fairness-{slug(feature.feature)}", f"Predictions by {feature.feature}"
    return forest(key, title, finding, panels, rows + small_groups(feature.groups), feature.feature)
