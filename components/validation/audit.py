"""The fairness audit of a predictor: its groups, their disparities, and what mitigation would offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from components.training.examples import Examples
from components.training.outcomes import ClassValues, ErrorValues, Values
from components.validation.fairness import FairnessReport, fairness_by_class, fairness_report
from components.validation.gaps import gaps_report
from components.validation.groups import bands as banded

if TYPE_CHECKING:
    from components.training.fitting import AnyPredictor
    from components.training.outcomes import OutcomeValues
    from components.training.predictor import Predictor
    from components.validation.fairness import TradeOff
    from components.validation.mitigation import Constraint


def audit(
    predictor: AnyPredictor,
    validation: Examples,
    holdout: Examples,
    *,
    sensitive: Sequence[str],
    reported: Sequence[str],
    bands: Mapping[str, Sequence[float]],
    min_rows: int,
    value: Values,
    classes: Sequence[str] = (),
    group: Sequence[str] = (),
    train: Examples | None = None,
    reduction: Constraint | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> FairnessReport:
    """The fairness of the predictor's decisions on the holdout.

    Args:
        predictor: What decides.
        validation: The rows on which mitigated decision rules are fitted.
        holdout: The rows that judge.
        sensitive: The features that gates judge; the trade-off is shown for the one with the largest disparity.
        reported: All sensitive features, judged or not.
        bands: For sensitive numbers, the lower edge of each band.
        min_rows: Smaller groups are named, not scored.
        value: What each outcome is worth; its kind says what the task is.
        classes: The names of several classes by their codes.
        group: Columns whose equal values mark rows that are not independent.
        train: The training rows, where a reduction is asked for.
        reduction: Also train the model under this constraint, and show what it would offer.
        replicates: Of the bootstrap.
        seed: Of the bootstrap.
    """
    if not reported:
        return FairnessReport((), None, min_rows)
    y_pred, groups = predictor.predict(holdout.X), sensitive_features(holdout.rows, reported, bands)
    rows: dict[str, Any] = {
        "min_rows": min_rows,
        "sample_weight": holdout.weight,
        "clusters": holdout.groups(group),
    }
    if isinstance(value, ErrorValues):
        return FairnessReport((), None, min_rows, gaps_report(holdout.y, y_pred, groups, **rows))
    rows |= {"replicates": replicates, "seed": seed}
    if isinstance(value, ClassValues):
        return fairness_by_class(holdout.y, y_pred, groups, classes=classes, **rows)
    report = fairness_report(holdout.y, y_pred, groups, **rows)
    offered = _offered(
        cast("Predictor", predictor), validation, holdout, report, sensitive=sensitive, bands=bands, min_rows=min_rows,
        value=value, train=train, reduction=reduction, seed=seed,
    )  # fmt: skip
    return FairnessReport(report.features, offered, min_rows)


def _offered(
    predictor: Predictor,
    validation: Examples,
    holdout: Examples,
    report: FairnessReport,
    *,
    sensitive: Sequence[str],
    bands: Mapping[str, Sequence[float]],
    min_rows: int,
    value: OutcomeValues,
    train: Examples | None,
    reduction: Constraint | None,
    seed: int,
) -> TradeOff | None:
    """What mitigation would offer for the feature with the largest disparity; None where there is none to mend."""
    from components.validation import mitigation

    disparity = {
        feature.feature: feature.demographic_parity_difference.value
        for feature in report.features
        if feature.feature in sensitive and feature.demographic_parity_difference is not None
    }
    if not disparity:
        return None
    widest = max(disparity, key=lambda name: disparity[name])

    def group_of(part: Examples) -> pd.Series:
        return sensitive_features(part.rows, [widest], bands)[widest]

    retrained = {}
    if reduction and train is not None:
        decide = mitigation.reduction(
            predictor.pipeline, train.X, train.y, group_of(train), constraint=reduction
        )
        retrained[f"trained for {reduction.replace('_', ' ')}"] = decide(holdout.X)
    scored = (
        mitigation.ScoredRows(
            part.y, np.asarray(predictor.score_positive(part.X)), group_of(part), part.weight
        )
        for part in (validation, holdout)
    )
    return mitigation.trade_off(
        *scored, threshold=predictor.threshold, value=value, min_rows=min_rows, retrained=retrained, seed=seed
    )


def sensitive_features(
    rows: pd.DataFrame, names: Sequence[str], bands: Mapping[str, Sequence[float]]
) -> pd.DataFrame:
    """The sensitive columns of the rows as groups, numbers in their bands."""
    return pd.DataFrame(
        {name: banded(rows[name], bands[name]) if name in bands else rows[name] for name in names},
        index=rows.index,
    )
