"""From the winning configuration to a predictor that decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.training.candidates import FAMILIES, Params, build, dummy, untuned_linear
from components.training.examples import Examples
from components.training.features import Columns
from components.training.outcomes import OutcomeValues
from components.training.predictor import Predictor, utility_threshold
from components.training.recalibration import Recalibration, recalibration

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Fitted:
    """A predictor fitted on the training part, with what the validation part decided about it.

    Attributes:
        predictor: ready to decide.
        recalibration: the test of calibration on the validation part, and whether it was applied.
    """

    predictor: Predictor
    recalibration: Recalibration


def fit(
    family: str,
    params: Params,
    train: Examples,
    validation: Examples,
    *,
    columns: Columns,
    value: OutcomeValues,
    alpha: float,
    seed: int,
) -> Fitted:
    """The predictor of a configuration: refitted, recalibrated where significantly off, with its threshold.

    Args:
        family: the winning family's name.
        params: its configuration.
        train: what the pipeline learns from.
        validation: what recalibration and threshold are chosen on.
        columns: the features.
        value: what each outcome is worth.
        alpha: the level at which calibration counts as off.
        seed: of the estimator.
    """
    predictor = Predictor(build(FAMILIES[family], params, columns, seed))
    predictor.fit(train.X, train.y, train.weight)
    score = predictor.score_positive(validation.X)
    calibration = recalibration(validation.y, score, validation.weight, alpha)
    if calibration.applied:
        predictor.set_params(intercept=calibration.intercept, slope=calibration.slope)
        score = predictor.score_positive(validation.X)
    predictor.set_params(threshold=utility_threshold(validation.y, score, value, validation.weight))
    return Fitted(predictor, calibration)


def baselines(train: Examples, *, columns: Columns, seed: int) -> dict[str, Pipeline]:
    """The fitted ``dummy`` and untuned ``linear`` models that the predictor is compared with."""
    models: dict[str, Any] = {"dummy": dummy(columns, seed), "linear": untuned_linear(columns, seed)}
    return {
        name: model.fit(train.X, train.y, model__sample_weight=train.weight) for name, model in models.items()
    }
