"""What a mitigated model would offer: utility against disparity, for constraints of rising strength."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from components.training.outcomes import OutcomeValues
from components.validation.disparity import RATES, Floats, confusion, rate
from components.validation.fairness import TradeOff, TradeOffPoint, scored_groups
from components.validation.groups import groups_of

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Constraint = Literal["demographic_parity", "equalized_odds"]

STRENGTHS = (0.25, 0.5, 0.75, 1.0)
NOTE = (
    "Each point decides by thresholds of its own for every group, found by fairlearn's ThresholdOptimizer on the "
    "validation part and judged on the holdout; some decisions are drawn by lot, and the figures are their "
    "expectation. Groups too small to be scored keep the model's own threshold. Deciding by group may itself be "
    "unlawful: ask before."
)
NOTHING = (
    "No two groups are large enough in both the validation part and the holdout to try thresholds by group."
)
METRIC = "accuracy"

_DIGITS = 3
"""Scores are rounded to this many digits where thresholds are sought: ten times faster, and no other decision."""


@dataclass(frozen=True)
class ScoredRows:
    """The rows of one part as post-processing sees them.

    Attributes:
        y_true: Codes 0 and 1, shape (rows,).
        y_score: P(positive), shape (rows,).
        sensitive_feature: Group of each row, a named column.
        sample_weight: Shape (rows,), or None.
    """

    y_true: NDArray[np.int64]
    y_score: Floats
    sensitive_feature: pd.Series[Any]
    sample_weight: Floats | None = None

    @property
    def weight(self) -> Floats:
        """The rows' weights; ones where none are given."""
        return np.ones(len(self.y_true)) if self.sample_weight is None else self.sample_weight


def trade_off(
    validation: ScoredRows,
    holdout: ScoredRows,
    *,
    threshold: float,
    value: OutcomeValues,
    min_rows: int = 200,
    min_outcomes: int = 30,
    strengths: Sequence[float] = STRENGTHS,
    retrained: Mapping[str, Floats] | None = None,
    seed: int = 0,
) -> TradeOff:
    """What decisions would be worth on the holdout if the groups of one feature were treated more equally.

    Demographic parity is relaxed by fairlearn's tolerance: strength s allows (1 - s) of the model's difference on the
    validation part. Equalized odds has no tolerance: strength s decides a share s of the rows by the constrained
    rule and the others by the model's.

    Args:
        validation: Where the groups' thresholds are found.
        holdout: Where every point is judged.
        threshold: Of the model as it is.
        value: What each outcome is worth.
        min_rows: Smaller groups, of either part, are neither mitigated nor compared.
        min_outcomes: Likewise, of positives and of negatives.
        strengths: Of each constraint, above 0 and up to 1.
        retrained: P(deciding positive) on the holdout, shape (rows,), of models trained under a constraint, by name.
        seed: Of the draw that turns validation weights into rows.

    Returns:
        The model as it is, then the points of each constraint; the model alone if fewer than two groups are large
        enough in both parts.
    """
    large = _large(validation, min_rows, min_outcomes) & _large(holdout, min_rows, min_outcomes)
    feature = str(holdout.sensitive_feature.name)
    plain = (holdout.y_score >= threshold).astype(np.float64)
    points = [trade_off_point("the model", holdout, plain, value, large)]
    if len(large) < 2:
        return TradeOff(tuple(points), feature, METRIC, value.unit, NOTHING)
    rows = _drawn(validation, large, seed)
    gap = _gap("selection_rate", rows, (rows.y_score >= threshold).astype(np.float64), large)
    objective = _objective(rows, value)

    def decide(constraint: Constraint, tolerance: float | None = None) -> Floats:
        return _decided(_rule(rows, constraint, tolerance, objective), holdout, large, plain)

    odds = decide("equalized_odds")
    ways = [
        (_label("demographic parity", s), decide("demographic_parity", (1 - s) * gap or None))
        for s in strengths
    ]
    ways += [(_label("equalized odds", s), (1 - s) * plain + s * odds) for s in strengths]
    ways += list((retrained or {}).items())
    points += [trade_off_point(name, holdout, decision, value, large) for name, decision in ways]
    compared = f" Compared: {', '.join(sorted(large))}."
    return TradeOff(tuple(points), feature, METRIC, value.unit, NOTE + compared)


def reduction(
    model: Pipeline,
    X_train: pd.DataFrame,
    y_train: NDArray[np.int64],
    sensitive_train: pd.Series[Any],
    *,
    constraint: Constraint,
    difference_bound: float = 0.01,
    max_iterations: int = 15,
) -> Callable[[pd.DataFrame], Floats]:
    """A model trained under a constraint: it gives P(deciding positive), and needs no group at decision time.

    Its decisions are a mixture of models, each refitted on other weights: seconds to minutes, for those who ask.
    Judge it with :func:`trade_off_point`.

    Args:
        model: An unfitted pipeline of ``features`` and ``model``; the latter takes ``sample_weight``.
        X_train: Model inputs.
        y_train: Codes 0 and 1.
        sensitive_train: Group of each row.
        constraint: What is to be equal.
        difference_bound: How unequal groups may stay on the training rows.
        max_iterations: Of the game between model and constraint.

    Source: Agarwal et al. (2018), A reductions approach to fair classification.
    """
    from fairlearn.reductions import DemographicParity, EqualizedOdds, ExponentiatedGradient
    from sklearn.base import clone

    features = clone(model["features"])
    prepared = features.fit_transform(X_train, y_train)  # which is not what a fitted encoder of targets gives
    moments = {"demographic_parity": DemographicParity, "equalized_odds": EqualizedOdds}
    mitigator = ExponentiatedGradient(
        model["model"], moments[constraint](difference_bound=difference_bound), max_iter=max_iterations
    )
    groups = _names(sensitive_train)
    mitigator.fit(prepared, y_train, sensitive_features=groups)
    return lambda X: np.asarray(mitigator._pmf_predict(features.transform(X))[:, 1], dtype=np.float64)


def trade_off_point(
    constraint: str, rows: ScoredRows, decision: Floats, value: OutcomeValues, groups: set[str]
) -> TradeOffPoint:
    """One way to decide, judged in expectation.

    Args:
        constraint: How to call it.
        rows: Where it is judged.
        decision: P(deciding positive), shape (rows,).
        value: What each outcome is worth.
        groups: The groups to compare.
    """
    right = np.where(rows.y_true == 1, decision, 1 - decision)
    worth = np.where(
        rows.y_true == 1,
        decision * value.true_positive + (1 - decision) * value.false_negative,
        decision * value.false_positive + (1 - decision) * value.true_negative,
    )
    gaps = {name: _gap(name, rows, decision, groups) for name in RATES}
    return TradeOffPoint(
        constraint,
        float(np.average(right, weights=rows.weight)),
        float(np.average(worth, weights=rows.weight)),
        gaps["selection_rate"],
        max(gaps["true_positive_rate"], gaps["false_positive_rate"]),
    )


class _AsScored(ClassifierMixin, BaseEstimator):
    """A classifier whose one feature is the score, for post-processing that wants a classifier."""

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> _AsScored:
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        score = np.asarray(X, dtype=np.float64)[:, 0]
        return np.column_stack([1 - score, score])

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _rule(rows: ScoredRows, constraint: Constraint, tolerance: float | None, objective: str) -> Any:
    from fairlearn.postprocessing import ThresholdOptimizer

    rule = ThresholdOptimizer(
        estimator=_AsScored(),
        constraints=constraint,
        objective=objective,
        prefit=True,
        predict_method="predict_proba",
        tol=tolerance,
    )
    groups = rows.sensitive_feature.to_numpy()
    return rule.fit(np.round(rows.y_score, _DIGITS)[:, None], rows.y_true, sensitive_features=groups)


def _decided(rule: Any, rows: ScoredRows, groups: set[str], plain: Floats) -> Floats:
    """P(deciding positive) by the rule in its groups, by the model elsewhere; ``predict`` would draw lots."""
    labels = _names(rows.sensitive_feature)
    inside = np.isin(labels, sorted(groups))
    decision = plain.copy()
    decision[inside] = rule._pmf_predict(rows.y_score[inside, None], sensitive_features=labels[inside])[:, 1]
    return decision


def _objective(rows: ScoredRows, value: OutcomeValues) -> str:
    """The objective of fairlearn's that weighs positives against negatives most nearly as the values do."""
    positive = value.true_positive - value.false_negative
    negative = value.true_negative - value.false_positive
    if positive <= 0 or negative <= 0:
        return "accuracy_score"
    prevalence = float(np.mean(rows.y_true))
    wanted, balanced = np.log(positive / negative), np.log((1 - prevalence) / prevalence)
    return "accuracy_score" if abs(wanted) <= abs(wanted - balanced) else "balanced_accuracy_score"


def _drawn(rows: ScoredRows, groups: set[str], seed: int) -> ScoredRows:
    """Unweighted rows of the groups: the rows themselves, or as many drawn by their weight (systematically)."""
    labels = _names(rows.sensitive_feature)
    inside = np.flatnonzero(np.isin(labels, sorted(groups)))
    if rows.sample_weight is not None:
        ends = np.cumsum(rows.sample_weight[inside])
        start = np.random.default_rng(seed).random()
        ticks = (start + np.arange(len(inside))) * ends[-1] / len(inside)
        inside = inside[np.searchsorted(ends, ticks, side="right").clip(max=len(inside) - 1)]
    name = rows.sensitive_feature.name
    return ScoredRows(rows.y_true[inside], rows.y_score[inside], pd.Series(labels[inside], name=name))


def _large(rows: ScoredRows, min_rows: int, min_outcomes: int) -> set[str]:
    groups = groups_of(rows.sensitive_feature)
    table = confusion(rows.y_true.astype(np.float64), rows.y_score, groups, rows.weight)
    scored = scored_groups(table, min_rows, min_outcomes)
    enough = scored["true_positive_rate"] & scored["false_positive_rate"]
    return {label for label, ok in zip(groups.labels, enough, strict=True) if ok}


def _gap(name: str, rows: ScoredRows, decision: Floats, groups: set[str]) -> float:
    """The largest difference of a rate between the groups; 0 without two of them."""
    every = groups_of(rows.sensitive_feature)
    table = confusion(rows.y_true.astype(np.float64), decision, every, rows.weight)
    rates = rate(name, table.weight)[[label in groups for label in every.labels]]
    return float(np.ptp(rates)) if len(rates) else 0.0


def _names(sensitive_feature: pd.Series[Any]) -> NDArray[Any]:
    """The name of each row's group, (rows,)."""
    groups = groups_of(sensitive_feature)
    return np.array(groups.labels, dtype=object)[groups.codes]


def _label(constraint: str, strength: float) -> str:
    return constraint if strength == 1 else f"{constraint}, {100 * strength:.0f} %"
