"""How predicted numbers differ between groups of people: mean predictions and mean errors, and their largest gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from components.validation.bounds import simultaneous_level
from components.validation.groups import Groups, groups_of, intersection
from components.validation.intervals import interval
from components.validation.metrics import Estimate
from components.validation.resampling import Design, Difference, Floats, MeanRatio


@dataclass(frozen=True)
class GroupNumbers:
    """One group's predictions, in units of the target. A mean is None where the group is not scored.

    Attributes:
        group: Its name, such as ``female`` or ``female × white``.
        rows: Rows with a weight above 0.
        mean_prediction: Of its rows.
        mean_error: Mean of predicted minus actual; above 0 the group is predicted too high.
        mean_absolute_error: How far off predictions are.
        scored: False for a group with too few rows, which is only named.
    """

    group: str
    rows: int
    mean_prediction: Estimate | None
    mean_error: Estimate | None
    mean_absolute_error: Estimate | None
    scored: bool


@dataclass(frozen=True)
class GapsOfFeature:
    """One sensitive feature, or an intersection of two; a gap is None with fewer than two groups to compare.

    Gaps are in standard deviations of the target over all rows: 0 when all groups are treated alike. Each end of a gap's
    interval is a bound by itself at the interval's level and holds for all pairs of groups at once.

    Attributes:
        feature: Its name, such as ``sex`` or ``sex × race``.
        groups: Every group, scored or not.
        prediction_gap: Largest minus smallest mean prediction.
        error_gap: Largest minus smallest mean error, or mean absolute error, whichever is larger.
        small_groups: Groups with too few rows, named and not scored.
        crossed: The two features of an intersection, else nothing.
        outcome: Always "": numbers have no classes.
    """

    feature: str
    groups: tuple[GroupNumbers, ...]
    prediction_gap: Estimate | None
    error_gap: Estimate | None
    small_groups: tuple[str, ...]
    crossed: tuple[str, ...] = ()
    outcome: str = ""

    @property
    def judged(self) -> Mapping[str, tuple[str, Estimate | None]]:
        """What the gates judge, by code: what it is called, and its estimate."""
        return {
            "F01": ("Gap in mean prediction (standard deviations)", self.prediction_gap),
            "F02": ("Gap in mean error (standard deviations)", self.error_gap),
        }

    @property
    def measured(self) -> Mapping[str, str]:
        """What is known of each group: its name for readers, and the attribute."""
        return {
            "Mean prediction": "mean_prediction",
            "Mean error": "mean_error",
            "Mean absolute error": "mean_absolute_error",
        }

    @property
    def unscored(self) -> Mapping[str, tuple[str, ...]]:
        """Groups of which something is not known, by the reason."""
        return {"too few rows": self.small_groups}

    @property
    def unscored_rows(self) -> int:
        """Rows of groups that are not scored."""
        return sum(group.rows for group in self.groups if not group.scored)


def gaps_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sensitive_features: pd.DataFrame,
    *,
    min_rows: int = 200,
    sample_weight: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> tuple[GapsOfFeature, ...]:
    """The gaps by each sensitive feature, then by each intersection of two.

    Args:
        y_true: Actual numbers, shape (rows,).
        y_pred: What is acted on, shape (rows,).
        sensitive_features: One column a feature, (rows, features), numbers in bands.
        min_rows: Smaller groups are named, not scored.
        sample_weight: Shape (rows,), none below 0.
        clusters: What rows come in together and are not independent, shape (rows,).
        level: Of every interval; of each of its two ends for gaps.
    """
    y, predicted = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    design = Design(len(y), sample_weight, None if clusters is None else np.asarray(clusters))
    measured = {"prediction": predicted, "error": predicted - y, "absolute": np.abs(predicted - y)}
    mean = np.average(y, weights=design.weight)
    unit = float(np.sqrt(np.average((y - mean) ** 2, weights=design.weight))) or 1.0
    single = [groups_of(sensitive_features[name]) for name in sensitive_features.columns]
    crossed = [intersection(first, second) for first, second in combinations(single, 2)]
    return tuple(
        _of_feature(groups, measured, unit, design, min_rows, level) for groups in (*single, *crossed)
    )


def _of_feature(
    groups: Groups, measured: Mapping[str, Floats], unit: float, design: Design, min_rows: int, level: float
) -> GapsOfFeature:
    members = [(groups.codes == code) & (design.weight > 0) for code in range(len(groups.labels))]
    scored = [bool(inside.sum() >= min_rows) for inside in members]
    large = [inside for inside, ok in zip(members, scored, strict=True) if ok]
    return GapsOfFeature(
        groups.feature,
        tuple(
            _numbers(label, inside, ok, measured, design, level)
            for label, inside, ok in zip(groups.labels, members, scored, strict=True)
        ),
        _largest_gap([measured["prediction"] / unit], large, design, level),
        _largest_gap([measured["error"] / unit, measured["absolute"] / unit], large, design, level),
        small_groups=tuple(label for label, ok in zip(groups.labels, scored, strict=True) if not ok),
        crossed=groups.crossed,
    )


def _numbers(
    label: str,
    inside: NDArray[np.bool_],
    scored: bool,
    measured: Mapping[str, Floats],
    design: Design,
    level: float,
) -> GroupNumbers:
    means = {
        name: _mean(values, inside, design, level) if scored else None for name, values in measured.items()
    }
    return GroupNumbers(
        label, int(inside.sum()), means["prediction"], means["error"], means["absolute"], scored
    )


def _mean(values: Floats, inside: NDArray[np.bool_], design: Design, level: float) -> Estimate:
    statistic = _of_group(values, inside)
    return Estimate(design.value(statistic), *interval(statistic, design, bounded=False, level=level), level)


def _of_group(values: Floats, inside: NDArray[np.bool_]) -> MeanRatio:
    return MeanRatio(np.where(inside, values, 0.0), inside.astype(np.float64))


def _largest_gap(
    measures: list[Floats], groups: list[NDArray[np.bool_]], design: Design, level: float
) -> Estimate | None:
    """The largest difference of two groups' means in any of the measures.

    The largest upper bound of any pair, each at ``level``, bounds the largest gap (an intersection-union test; Berger
    1982); the lower bound takes a level that holds for all pairs together.
    """
    pairs = [(values, a, b) for values in measures for a, b in combinations(groups, 2)]
    if not pairs:
        return None
    joint = (1 + simultaneous_level(1 - level, len(pairs))) / 2
    value = low = high = 0.0
    for values, a, b in pairs:
        difference = Difference(_of_group(values, a), _of_group(values, b))
        found = design.value(difference)
        ends = interval(difference, design, bounded=False, level=level, one_sided=True)
        sure = interval(difference, design, bounded=False, level=joint, one_sided=True)
        value, high = max(value, abs(found)), max(high, abs(ends[0]), abs(ends[1]))
        low = max(low, sure[0], -sure[1])
    return Estimate(value, min(low, value), max(high, value), level)
