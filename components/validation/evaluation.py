"""What the holdout says of a model: the results that gates, documents and the report share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.training.conformal import LEVEL
from components.training.examples import Examples
from components.training.features import Columns, readable
from components.training.number_predictor import NumberPredictor
from components.training.outcomes import ErrorValues, Values
from components.training.scoring import response
from components.training.target import Target
from components.validation.calibration import (
    AnyCalibration,
    calibration_report,
    class_calibration,
    number_calibration,
)
from components.validation.comparison import PairedDifference, paired_difference, utility_difference
from components.validation.metrics import Estimate, Rule, estimates, expected_utility, metrics_of
from components.validation.robustness import RobustnessReport, robustness_report
from components.validation.single_features import AloneScore, single_feature_scores
from components.validation.slices import SliceReport, slice_report

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from components.training.fitting import AnyPredictor

LEAST_ROWS = 200
"""With fewer common rows a challenger and a champion are not compared."""


@dataclass(frozen=True)
class ChampionComparison:
    """The challenger against the champion on rows that are held out for both.

    Attributes:
        champion: The champion's bundle id.
        rows: How many rows neither was trained or tuned on.
        difference: Challenger minus champion; None if the rows are too few to compare.
        note: What a reader must know, such as why there is no difference.
    """

    champion: str
    rows: int
    difference: PairedDifference | None
    note: str = ""


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of one predictor on the holdout.

    Attributes:
        metric: The primary metric.
        family: The winning family's name.
        rows: Rows of the holdout.
        target: What is predicted.
        threshold: What turns scores into decisions: of two classes, scores at or above it are decided positive.
        y_true: int codes, or numbers, shape (rows,).
        y_score: P(positive) or the number, shape (rows,); P(class), shape (rows, classes), of several.
        y_pred: What is decided, shape (rows,).
        sample_weight: Shape (rows,), or None.
        metrics: Every metric with its interval.
        baselines: Model minus ``dummy`` and minus ``linear``, in the primary metric.
        utility: Expected utility of one decision.
        utility_constants: Utility minus that of one decision for all: ``always`` positive and ``never``, a class's name,
            or the best number.
        slices: The primary metric by slice.
        calibration: Calibration on the holdout.
        robustness: Loss under spoiled inputs.
        single_feature: The area under the ROC curve that each feature reaches alone, on the validation part.
        champion: The comparison with the champion; None if there is no champion.
    """

    metric: str
    family: str
    target: Target
    rows: int
    threshold: Rule
    y_true: NDArray[Any]
    y_score: NDArray[np.float64]
    y_pred: NDArray[Any]
    sample_weight: NDArray[np.float64] | None
    metrics: dict[str, Estimate]
    baselines: dict[str, PairedDifference]
    utility: Estimate
    utility_constants: dict[str, PairedDifference]
    slices: SliceReport
    calibration: AnyCalibration
    robustness: RobustnessReport
    single_feature: dict[str, AloneScore]
    champion: ChampionComparison | None

    @property
    def primary(self) -> Estimate:
        """The primary metric with its interval."""
        return self.metrics[self.metric]

    @property
    def least_positive(self) -> float:
        """Of two classes, the least score that is decided positive."""
        return float(np.ravel(self.threshold)[0])


@dataclass(frozen=True)
class ChampionScores:
    """The champion's own answers on the holdout.

    Attributes:
        champion: The champion's bundle id.
        y_score: Its scores, shape (rows of the holdout,) or (rows, classes).
        threshold: The champion's own.
        untouched: Which of these rows the champion was neither trained nor tuned on, shape (rows of the holdout,).
        problem: Why it has no answers, as a sentence; "" if it has.
    """

    champion: str
    y_score: NDArray[np.float64]
    threshold: Rule
    untouched: NDArray[np.bool_]
    problem: str = ""

    @classmethod
    def unanswered(cls, champion: str, rows: int, problem: str) -> ChampionScores:
        """A champion that cannot be asked."""
        return cls(champion, np.full(rows, np.nan), 0.5, np.zeros(rows, bool), problem)


def evaluate(
    predictor: AnyPredictor,
    holdout: Examples,
    validation: Examples,
    *,
    target: Target,
    family: str,
    baselines: Mapping[str, Pipeline],
    columns: Columns,
    metric: str,
    value: Values,
    group: Sequence[str] = (),
    sensitive: pd.DataFrame | None = None,
    champion: ChampionScores | None = None,
    replicates: int = 1000,
    min_slice_rows: int = 250,
    slice_bins: int = 4,
    seed: int = 0,
) -> Evaluation:
    """The evaluation of a fitted predictor on rows that it has never seen.

    Args:
        predictor: What decides.
        holdout: The rows that judge it.
        validation: The rows on which each feature is tried alone.
        target: What is predicted.
        family: The winning family's name.
        baselines: Fitted pipelines, ``dummy`` and ``linear``.
        columns: The features.
        metric: The primary metric.
        value: What each outcome is worth.
        group: Columns whose equal values mark rows that are not independent.
        sensitive: Columns of the holdout that are no features and are cut into slices too, with its index.
        champion: The champion's answers, if there is one.
        replicates: Of the bootstrap.
        min_slice_rows: Smaller slices are named, not scored.
        slice_bins: Quantile bins of a number.
        seed: Of the resampling and the perturbations.
    """
    y, weight = holdout.y, holdout.weight
    y_score, y_pred = predictor.respond(holdout.X), predictor.predict(holdout.X)
    rows: dict[str, Any] = {"sample_weight": weight, "groups": holdout.groups(group)}
    cut_by = readable(holdout.X, columns).drop(columns=list(columns.texts))  # no two texts are alike
    cut_by = cut_by if sensitive is None else cut_by.join(sensitive)
    threshold: Rule = predictor.rule
    return Evaluation(
        metric=metric,
        family=family,
        target=target,
        rows=len(y),
        threshold=threshold,
        y_true=y,
        y_score=y_score,
        y_pred=y_pred,
        sample_weight=weight,
        metrics=estimates(
            y,
            y_score,
            metrics=metrics_of(target.task),
            threshold=threshold,
            replicates=replicates,
            seed=seed,
            **rows,
        ),
        baselines={
            name: paired_difference(
                metric,
                y,
                y_score,
                response(model, holdout.X),
                threshold=threshold,
                threshold_b=0.5,
                **rows,
            )
            for name, model in baselines.items()
        },
        utility=expected_utility(y, y_pred, value, replicates=replicates, seed=seed, **rows),
        utility_constants={
            name: utility_difference(y, y_pred, decision, value, **rows)
            for name, decision in constant_decisions(target, value, validation.y, validation.weight).items()
        },
        slices=slice_report(
            cut_by,
            y,
            y_score,
            metric=metric,
            min_rows=min_slice_rows,
            threshold=threshold,
            bins=slice_bins,
            **rows,
        ),
        calibration=_calibration(predictor, holdout, y_score, target, seed, rows),
        robustness=robustness_report(
            predictor.respond,
            holdout.X,
            y,
            columns=columns,
            metric=metric,
            threshold=threshold,
            seed=seed,
            **rows,
        ),
        single_feature=single_feature_scores(validation, columns=columns, task=target.task),
        champion=None if champion is None else compare(champion, y, y_score, metric, threshold, rows),
    )


def constant_decisions(
    target: Target, value: Values, y_known: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
) -> dict[str, float]:
    """The decisions without a model, one for all rows, by name.

    Args:
        target: What is predicted.
        value: What each outcome is worth.
        y_known: Outcomes that were known before the holdout's, from which the best number is taken.
        sample_weight: Of these outcomes, shape (rows,).
    """
    if isinstance(value, ErrorValues):
        best = (
            np.quantile(y_known, value.quantile)
            if sample_weight is None
            else np.quantile(y_known, value.quantile, weights=sample_weight, method="inverted_cdf")
        )
        return {"the best one number": float(best)}
    if target.task == "multiclass":
        return {name: code for code, name in enumerate(target.classes)}
    return {"always": 1, "never": 0}


def _calibration(
    predictor: AnyPredictor,
    holdout: Examples,
    y_score: NDArray[np.float64],
    target: Target,
    seed: int,
    rows: Mapping[str, Any],
) -> AnyCalibration:
    if isinstance(predictor, NumberPredictor):
        ends = predictor.interval(holdout.X)
        return number_calibration(holdout.y, y_score, ends, interval_level=LEVEL, seed=seed, **rows)
    if target.task == "multiclass":
        return class_calibration(holdout.y, y_score, classes=target.classes, seed=seed, **rows)
    return calibration_report(holdout.y, y_score, seed=seed, **rows)


def compare(
    champion: ChampionScores,
    y_true: NDArray[Any],
    y_score: NDArray[np.float64],
    metric: str,
    threshold: Rule,
    rows: Mapping[str, Any],
) -> ChampionComparison:
    """The challenger against the champion, on the rows that neither was trained or tuned on."""
    if champion.problem:
        return ChampionComparison(champion.champion, 0, None, champion.problem)
    common = champion.untouched
    count = int(common.sum())
    wanted = 2 if y_true.dtype.kind == "f" else max(len(np.unique(y_true)), 2)
    if count < LEAST_ROWS or len(np.unique(y_true[common])) < wanted:
        note = (
            f"Only {count:,} holdout rows are held out for the champion too; at least {LEAST_ROWS} with all "
            "outcomes are needed. Keep split.salt and split.method as the champion had them."
        )
        return ChampionComparison(champion.champion, count, None, note)
    kept: dict[str, Any] = {name: None if values is None else values[common] for name, values in rows.items()}
    difference = paired_difference(
        metric,
        y_true[common],
        y_score[common],
        champion.y_score[common],
        threshold=threshold,
        threshold_b=champion.threshold,
        one_sided=True,
        **kept,
    )
    return ChampionComparison(champion.champion, count, difference)
