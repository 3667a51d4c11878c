"""How decisions differ between groups of people: rates by group, and the largest differences with their bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from components.errors import DataError
from components.validation.disparity import (
    RATES,
    Confusion,
    Floats,
    clustered_trials,
    confusion,
    effective_counts,
    group_estimates,
    largest_difference,
    resampled,
    smallest_ratio,
)
from components.validation.gaps import GapsOfFeature
from components.validation.groups import Groups, groups_of, intersection
from components.validation.metrics import Estimate


@dataclass(frozen=True)
class GroupStatistics:
    """One group's decisions. A rate is None where it is not scored.

    Attributes:
        group: Its name, such as ``female`` or ``female × white``.
        rows: Rows with a weight above 0.
        positives: Of these, rows whose true code is 1.
        selection_rate: P(decided positive).
        true_positive_rate: P(decided positive | positive).
        false_positive_rate: P(decided positive | negative).
        false_negative_rate: P(decided negative | positive).
        scored: False for a group with too few rows, which is only named.
        accuracy: P(decided as it is).
    """

    group: str
    rows: int
    positives: int
    selection_rate: Estimate | None
    true_positive_rate: Estimate | None
    false_positive_rate: Estimate | None
    false_negative_rate: Estimate | None
    scored: bool
    accuracy: Estimate | None = None


@dataclass(frozen=True)
class FairnessOfFeature:
    """One sensitive feature, or an intersection of two; a disparity is None with fewer than two groups to compare.

    Each end of a disparity's interval is a bound by itself at the interval's level and holds for all pairs of groups
    at once. A difference is 0 and a ratio is 1 when all groups are treated alike.

    Attributes:
        feature: Its name, such as ``sex`` or ``sex × race``.
        groups: Every group, scored or not.
        demographic_parity_difference: Largest minus smallest selection rate, 0 to 1.
        demographic_parity_ratio: Smallest over largest selection rate, 0 to 1.
        equalized_odds_difference: The larger of the differences in true and in false positive rates; None unless
            both can be compared.
        equalized_odds_ratio: The smaller of their ratios; a rate that is 0 in every group has none.
        small_groups: Groups with too few rows, named and not scored.
        few_positives: Scored groups with too few positives for a true positive rate.
        few_negatives: Scored groups with too few negatives for a false positive rate.
        crossed: The two features of an intersection, else nothing.
        outcome: Of several classes the one against the rest, whose decisions are compared; "" for two classes.
    """

    feature: str
    groups: tuple[GroupStatistics, ...]
    demographic_parity_difference: Estimate | None
    demographic_parity_ratio: Estimate | None
    equalized_odds_difference: Estimate | None
    equalized_odds_ratio: Estimate | None
    small_groups: tuple[str, ...]
    few_positives: tuple[str, ...] = ()
    few_negatives: tuple[str, ...] = ()
    crossed: tuple[str, ...] = ()
    outcome: str = ""

    @property
    def judged(self) -> Mapping[str, tuple[str, Estimate | None]]:
        """What the gates judge, by code: what it is called, and its estimate."""
        return {
            "F01": ("Demographic parity difference", self.demographic_parity_difference),
            "F02": ("Equalized odds difference", self.equalized_odds_difference),
        }

    @property
    def measured(self) -> Mapping[str, str]:
        """What is known of each group: its name for readers, and the attribute."""
        return {
            "Selection rate": "selection_rate",
            "True positive rate": "true_positive_rate",
            "False positive rate": "false_positive_rate",
        }

    @property
    def unscored(self) -> Mapping[str, tuple[str, ...]]:
        """Groups of which something is not known, by the reason."""
        return {
            "too few rows": self.small_groups,
            "too few positives": self.few_positives,
            "too few negatives": self.few_negatives,
        }

    @property
    def unscored_rows(self) -> int:
        """Rows of groups of which one of the compared rates is not known."""
        named = {*self.small_groups, *self.few_positives, *self.few_negatives}
        return sum(group.rows for group in self.groups if group.group in named)


@dataclass(frozen=True)
class TradeOffPoint:
    """What one way to decide is worth, and how unequally it treats the groups.

    Attributes:
        constraint: ``the model`` as it is, or what is made equal and how far.
        metric: Value of the trade-off's metric.
        utility: Expected utility of one decision.
        demographic_parity_difference: Between scored groups, 0 to 1.
        equalized_odds_difference: Between scored groups, 0 to 1.
    """

    constraint: str
    metric: float
    utility: float
    demographic_parity_difference: float
    equalized_odds_difference: float


@dataclass(frozen=True)
class TradeOff:
    """What more equal decisions would cost on the holdout: points to draw, utility against disparity.

    Attributes:
        points: The model as it is first, then each constraint by rising strength.
        feature: The sensitive feature whose groups are made equal.
        metric: What the points' ``metric`` measures.
        unit: Of the utility.
        note: How the constrained decisions are made.
    """

    points: tuple[TradeOffPoint, ...]
    feature: str = ""
    metric: str = "accuracy"
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class FairnessReport:
    """Fairness by each sensitive feature, then by each intersection of two.

    Attributes:
        features: Of decisions; of several classes for each class in turn.
        trade_off: What mitigation would offer.
        min_rows: Smaller groups are named, not scored.
        gaps: Of predicted numbers.
    """

    features: tuple[FairnessOfFeature, ...]
    trade_off: TradeOff | None = None
    min_rows: int = 0
    gaps: tuple[GapsOfFeature, ...] = ()

    @property
    def compared(self) -> tuple[FairnessOfFeature | GapsOfFeature, ...]:
        """What was compared: decisions, or numbers."""
        return (*self.features, *self.gaps)


def fairness_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sensitive_features: pd.DataFrame,
    *,
    min_rows: int = 200,
    min_outcomes: int = 30,
    sample_weight: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    trade_off: TradeOff | None = None,
) -> FairnessReport:
    """Fairness of decisions by each sensitive feature and by each intersection of two.

    Args:
        y_true: Codes 0 and 1, shape (rows,).
        y_pred: The decisions, codes 0 and 1, shape (rows,).
        sensitive_features: One column a feature, (rows, features), numbers in bands.
        min_rows: Smaller groups are named, not scored.
        min_outcomes: Groups with fewer positives (negatives) have no true (false) positive rate.
        sample_weight: Shape (rows,), none below 0.
        clusters: What rows come in together and are not independent, such as the rows of one person, shape (rows,).
        replicates: Of the bootstrap behind the intervals of the groups' rates.
        level: Of every interval; of each of its two ends for disparities.
        seed: Of the bootstrap.
        trade_off: What mitigation would offer, to be kept with the report.

    Raises:
        DataError: Other codes than 0 and 1, or lengths that differ.
    """
    single = [groups_of(sensitive_features[name]) for name in sensitive_features.columns]
    crossed = [intersection(first, second) for first, second in combinations(single, 2)]
    features = [
        fairness_of_feature(
            y_true,
            y_pred,
            groups,
            min_rows=min_rows,
            min_outcomes=min_outcomes,
            sample_weight=sample_weight,
            clusters=clusters,
            replicates=replicates,
            level=level,
            seed=seed,
        )
        for groups in (*single, *crossed)
    ]
    return FairnessReport(tuple(features), trade_off, min_rows)


def fairness_by_class(
    y_true: NDArray[np.int64],
    y_pred: NDArray[np.int64],
    sensitive_features: pd.DataFrame,
    *,
    classes: Sequence[str],
    min_rows: int = 200,
    sample_weight: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> FairnessReport:
    """Fairness of decisions between several classes: each class against the rest; arguments as above.

    The largest upper bound over the classes is an upper bound for all of them, as it is over pairs of groups. Lower bounds are
    those of one class at a time: for all of them at once, raise ``level``.
    """
    features = tuple(
        replace(feature, outcome=name)
        for code, name in enumerate(classes)
        for feature in fairness_report(
            y_true == code,
            y_pred == code,
            sensitive_features,
            min_rows=min_rows,
            sample_weight=sample_weight,
            clusters=clusters,
            replicates=replicates,
            level=level,
            seed=seed,
        ).features
    )
    return FairnessReport(features, None, min_rows)


def fairness_of_feature(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    groups: Groups,
    *,
    min_rows: int = 200,
    min_outcomes: int = 30,
    sample_weight: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> FairnessOfFeature:
    """Fairness of decisions by one grouping of the rows; arguments as for :func:`fairness_report`."""
    y, decision, groups, weight = _checked(y_true, y_pred, groups, sample_weight)
    table = confusion(y, decision, groups, weight)
    clustered = None
    if clusters is not None:
        clustered = clustered_trials(y, decision, groups, weight, np.asarray(clusters, dtype=np.int64))
    scored = scored_groups(table, min_rows, min_outcomes)
    cells = resampled(table, replicates, seed=seed)
    estimates = {
        name: group_estimates(name, table, cells, clustered=clustered, level=level) for name in RATES
    }
    selection, *odds = (
        [
            counts
            for counts, ok in zip(effective_counts(name, table, clustered), scored[name], strict=True)
            if ok
        ]
        for name in ("selection_rate", "true_positive_rate", "false_positive_rate")
    )
    if min(map(len, odds)) < 2:
        odds = []
    large = scored["selection_rate"]
    return FairnessOfFeature(
        groups.feature,
        _statistics(groups, table, scored, estimates),
        largest_difference([selection], level=level),
        smallest_ratio([selection], level=level),
        largest_difference(odds, level=level),
        smallest_ratio(odds, level=level),
        small_groups=_named(groups, ~large),
        few_positives=_named(groups, large & ~scored["true_positive_rate"]),
        few_negatives=_named(groups, large & ~scored["false_positive_rate"]),
        crossed=groups.crossed,
    )


def scored_groups(table: Confusion, min_rows: int, min_outcomes: int) -> dict[str, NDArray[np.bool_]]:
    """Which groups have the rows that each rate wants, (groups,) by the rate's name."""
    large = table.rows.sum(axis=1) >= min_rows
    negatives, positives = table.rows[:, :2].sum(axis=1), table.rows[:, 2:].sum(axis=1)
    enough = {
        "true_positive_rate": positives,
        "false_negative_rate": positives,
        "false_positive_rate": negatives,
    }
    return {name: large & (enough[name] >= min_outcomes) if name in enough else large for name in RATES}


def _statistics(
    groups: Groups,
    table: Confusion,
    scored: Mapping[str, NDArray[np.bool_]],
    estimates: Mapping[str, Sequence[Estimate]],
) -> tuple[GroupStatistics, ...]:
    return tuple(
        GroupStatistics(
            group=label,
            rows=int(table.rows[i].sum()),
            positives=int(table.rows[i, 2:].sum()),
            scored=bool(scored["selection_rate"][i]),
            **{name: estimates[name][i] if scored[name][i] else None for name in RATES},
        )
        for i, label in enumerate(groups.labels)
    )


def _checked(
    y_true: ArrayLike, y_pred: ArrayLike, groups: Groups, sample_weight: ArrayLike | None
) -> tuple[Floats, Floats, Groups, Floats]:
    y, decision = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    fault = _fault(y, decision, groups, weight)
    if fault:
        raise DataError(f"Fairness by {groups.feature}: {fault}.")
    return y, decision, groups, weight


def _fault(y: Floats, decision: Floats, groups: Groups, weight: Floats) -> str:
    lengths = sorted({len(y), len(decision), len(groups.codes), len(weight)})
    if len(lengths) > 1 or not lengths[0]:
        return f"the arrays have {lengths} rows; give outcomes, decisions and groups of the same rows, at least one"
    others = sorted(set(np.unique(np.concatenate([y, decision]))) - {0.0, 1.0})
    if others:
        return f"outcomes or decisions are coded {others[:5]}; code them 0 and 1"
    if not np.all(weight >= 0):
        return f"{int(np.sum(~(weight >= 0)))} weights are missing or below 0; drop or mend these rows"
    return ""


def _named(groups: Groups, which: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(groups.labels[i] for i in np.flatnonzero(which))
