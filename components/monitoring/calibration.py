"""Whether scores still mean what they say, once labels are there: the check that PSI and AUC cannot make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from components.monitoring.events import event_bounds, few_events, thinned
from components.monitoring.finding import Finding
from components.monitoring.performance import at_level
from components.validation.bounds import difference_bounds, effective_size, simultaneous_level
from components.validation.intervals import interval
from components.validation.metrics import Estimate
from components.validation.resampling import Design, Floats, MeanRatio

LEAST_DECILE_ROWS = 30
FEW_UNITS = 30
"""Expected events, in independent rows, below which rows of a group or with weights are taken for so many fewer equal rows."""
IN_THE_LARGE, SINCE_APPROVAL, BY_DECILE = 0.6, 0.2, 0.2
"""Which part of the rate each may use up."""


@dataclass(frozen=True)
class Decile:
    """A tenth of the rows by their score.

    Attributes:
        mean_score: of its rows.
        observed: their mean outcome.
        gap: mean of actual minus predicted.
        rows: how many.
    """

    mean_score: float
    observed: float
    gap: Estimate
    rows: int


@dataclass(frozen=True)
class Calibration:
    """Actual minus predicted, in shares, or in standard deviations of the outcome where numbers are predicted.

    Attributes:
        in_the_large: of all rows by outcome, "" for two classes and for numbers; above 0 the scores are too low.
        since_approval: the mean of all rows minus that of the holdout by which the model was approved; None where that is
            not known, and of several classes.
        deciles: by tenths of the score, of two classes and of numbers. Their intervals hold all together.
    """

    in_the_large: Mapping[str, Estimate]
    since_approval: Estimate | None
    deciles: tuple[Decile, ...]


def calibration(
    y_true: NDArray[np.generic],
    y_score: Floats,
    *,
    then: Estimate | None,
    rate: float,
    classes: tuple[str, ...] = (),
    numbers: bool = False,
    design: Design | None = None,
) -> Calibration:
    """The mean of actual minus predicted, in the large and by decile, each with its interval.

    The intervals are wide enough that the chance that any of them leaves out a true 0 is at most ``rate``: six tenths of it
    are for the mean in the large, a fifth for its change since the approval, a fifth for the deciles. Where the scores promise
    few events the intervals are exact (:func:`~components.monitoring.events.event_bounds`).

    Args:
        y_true: codes 0 and 1, or of a class, or numbers, (rows,).
        y_score: P(positive) or the expected number, (rows,); P(class), (rows, classes).
        then: the mean of actual minus predicted on the holdout (K01).
        rate: of false alarms.
        classes: of several classes, their names.
        numbers: whether numbers are predicted.
        design: how the rows came; each by itself and all alike by default.

    Source: Cox (1958), Two further applications of a model for binary regression; Van Calster et al. (2019), Calibration:
    the Achilles heel of predictive analytics.
    """
    design = design or Design(len(y_true))
    if classes:
        level = simultaneous_level(rate, len(classes))
        gaps_of = {
            name: _gap((y_true == code).astype(np.float64), y_score[:, code], design, level)
            for code, name in enumerate(classes)
        }
        return Calibration(gaps_of, None, ())
    actual = np.asarray(y_true, dtype=np.float64)
    unit = (_deviation(actual, design.weight) or 1.0) if numbers else None
    return Calibration(
        {"": _gap(actual, y_score, design, 1 - IN_THE_LARGE * rate, unit)},
        _change(_gap(actual, y_score, design, 1 - SINCE_APPROVAL * rate, unit), then),
        _deciles(actual, y_score, design, BY_DECILE * rate, unit),
    )


def calibration_findings(found: Calibration, *, alarm: float, alarm_decile: float) -> list[Finding]:
    """An alarm where actual minus predicted is surely not 0, and far enough from 0 to matter.

    Args:
        found: of a window.
        alarm: how far the mean of all rows may be from 0.
        alarm_decile: how far that of a tenth of them may be.
    """
    findings = [_in_the_large(name, gap, alarm) for name, gap in found.in_the_large.items()]
    if change := found.since_approval:
        reason = (
            f"Actual minus predicted has changed by {change.value:+.4f} ({change.low:+.4f} to {change.high:+.4f}) since the model "
            f"was approved; {alarm:g} is large."
        )
        findings.append(
            Finding(
                "calibration", "since approval", _far(change, alarm), reason, change.value, change.low, change.high, alarm,
            )
        )  # fmt: skip
    for place, each in enumerate(found.deciles):
        gap = each.gap
        reason = (
            f"Of the {each.rows:,} rows with scores about {each.mean_score:.3f}, {each.observed:.3f} came true: "
            f"actual minus predicted {gap.value:+.4f} ({gap.low:+.4f} to {gap.high:+.4f}); {alarm_decile:g} is allowed."
        )
        findings.append(
            Finding(
                "calibration", f"decile {place + 1}", _far(gap, alarm_decile), reason, gap.value, gap.low, gap.high,
                alarm_decile,
            )
        )  # fmt: skip
    return findings


def _in_the_large(name: str, gap: Estimate, alarm: float) -> Finding:
    of_class = f" of {name}" if name else ""
    direction = "low" if gap.value > 0 else "high"
    said = (
        f"The scores{of_class} are too {direction}"
        if _sure(gap)
        else f"The scores{of_class} mean what they say"
    )
    reason = (
        f"{said}: actual minus predicted {gap.value:+.4f} ({gap.low:+.4f} to {gap.high:+.4f}, {gap.level:.1%} interval) "
        f"against 0; {alarm:g} is large."
    )
    return Finding(
        "calibration", name or "in the large", _far(gap, alarm), reason, gap.value, gap.low, gap.high, alarm,
        severity="critical",
    )  # fmt: skip


def _sure(gap: Estimate) -> bool:
    return gap.low > 0 or gap.high < 0


def _far(gap: Estimate, alarm: float) -> bool:
    return _sure(gap) and abs(gap.value) >= alarm


def _gap(actual: Floats, score: Floats, design: Design, level: float, unit: float | None = None) -> Estimate:
    """The mean of actual minus predicted, of events or, with a unit, of numbers."""
    statistic = MeanRatio((actual - score) / (unit or 1.0))
    value = design.value(statistic)
    if unit is None and design.plain and few_events(score):
        return Estimate(value, *event_bounds(int(actual.sum()), score, level=level), level)
    if unit is None and not design.plain:
        units, weight = effective_size(design.by_unit(design.weight)), design.weight
        fewer = thinned(score, weight, units)
        if few_events(fewer, FEW_UNITS):
            events = float(np.average(actual, weights=weight)) * len(fewer)
            # Of a count between two numbers each end is that of the number that is farther out.
            low, _ = event_bounds(floor(events + 1e-9), fewer, level=level)
            _, high = event_bounds(ceil(events - 1e-9), fewer, level=level)
            return Estimate(value, low, high, level)
    return Estimate(value, *interval(statistic, design, bounded=False, level=level), level)


def _deviation(values: Floats, weight: Floats) -> float:
    mean = np.average(values, weights=weight)
    return float(np.sqrt(np.average((values - mean) ** 2, weights=weight)))


def _change(now: Estimate, then: Estimate | None) -> Estimate | None:
    if then is None:
        return None
    low, high = difference_bounds(now.value, (now.low, now.high), then.value, at_level(then, now.level))
    return Estimate(now.value - then.value, low, high, now.level)


def _deciles(
    actual: Floats, score: Floats, design: Design, rate: float, unit: float | None
) -> tuple[Decile, ...]:
    cuts = np.unique(np.quantile(score, np.arange(1, 10) / 10))
    places = np.searchsorted(cuts, score, side="right")
    members = [np.flatnonzero(places == place) for place in range(len(cuts) + 1)]
    large = [rows for rows in members if len(rows) >= LEAST_DECILE_ROWS and design.weight[rows].sum() > 0]
    level = simultaneous_level(rate, len(large))
    return tuple(
        Decile(
            float(np.average(score[rows], weights=design.weight[rows])),
            float(np.average(actual[rows], weights=design.weight[rows])),
            _gap(actual[rows], score[rows], design.part(rows), level, unit),
            len(rows),
        )
        for rows in large
    )
