"""From the winning configuration to a predictor that decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.training.candidates import FAMILIES, Params, build, dummy, untuned_linear
from components.training.class_predictor import ClassPredictor, temperature
from components.training.conformal import bands, shifts
from components.training.examples import Examples
from components.training.features import Columns
from components.training.number_predictor import NumberPredictor
from components.training.outcomes import ClassValues, ErrorValues, OutcomeValues, Values
from components.training.predictor import Predictor, utility_threshold
from components.training.recalibration import Recalibration, recalibration
from components.training.target import Task

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

AnyPredictor = Predictor | ClassPredictor | NumberPredictor


@dataclass(frozen=True)
class Fitted:
    """A predictor fitted on the training part, with what the validation part decided about it.

    Attributes:
        predictor: ready to decide.
        recalibration: the test of calibration on the validation part, and whether it was applied; None for numbers,
            whose intervals are fitted there instead.
    """

    predictor: AnyPredictor
    recalibration: Recalibration | None


def fit(
    family: str,
    params: Params,
    train: Examples,
    validation: Examples,
    *,
    columns: Columns,
    value: Values,
    alpha: float,
    seed: int,
) -> Fitted:
    """The predictor of a configuration: refitted, recalibrated where significantly off, and ready to decide.

    Args:
        family: the winning family's name.
        params: its configuration.
        train: what the pipeline learns from.
        validation: what recalibration, decisions and intervals are chosen on.
        columns: the features.
        value: what each outcome is worth; its kind says what the task is.
        alpha: the level at which calibration counts as off.
        seed: of the estimator.
    """
    pipeline = build(FAMILIES[family], params, columns, seed, task_of(value))
    pipeline.fit(train.X, train.y, model__sample_weight=train.weight)
    if isinstance(value, OutcomeValues):
        return _of_two(pipeline, validation, value, alpha)
    if isinstance(value, ClassValues):
        return _of_several(pipeline, validation, value, alpha)
    return _of_numbers(pipeline, validation, value, alpha)


def task_of(value: Values) -> Task:
    """The task whose outcomes have such values."""
    if isinstance(value, OutcomeValues):
        return "binary"
    return "multiclass" if isinstance(value, ClassValues) else "regression"


def baselines(train: Examples, *, columns: Columns, seed: int, task: Task = "binary") -> dict[str, Pipeline]:
    """The fitted ``dummy`` and untuned ``linear`` models that the predictor is compared with."""
    models: dict[str, Any] = {
        "dummy": dummy(columns, seed, task),
        "linear": untuned_linear(columns, seed, task),
    }
    return {
        name: model.fit(train.X, train.y, model__sample_weight=train.weight) for name, model in models.items()
    }


def _of_two(pipeline: Pipeline, validation: Examples, value: OutcomeValues, alpha: float) -> Fitted:
    predictor = Predictor(pipeline)
    score = predictor.score_positive(validation.X)
    calibration = recalibration(validation.y, score, validation.weight, alpha)
    if calibration.applied:
        predictor.set_params(intercept=calibration.intercept, slope=calibration.slope)
        score = predictor.score_positive(validation.X)
    predictor.set_params(threshold=utility_threshold(validation.y, score, value, validation.weight))
    return Fitted(predictor, calibration)


def _of_several(pipeline: Pipeline, validation: Examples, value: ClassValues, alpha: float) -> Fitted:
    predictor = ClassPredictor(pipeline, worth=value.table)
    calibration = temperature(validation.y, predictor.respond(validation.X), validation.weight, alpha)
    if calibration.applied:
        predictor.set_params(slope=calibration.slope)
    return Fitted(predictor, calibration)


def _of_numbers(pipeline: Pipeline, validation: Examples, value: ErrorValues, alpha: float) -> Fitted:
    predictor = NumberPredictor(pipeline)
    expected = predictor.respond(validation.X)
    found = bands(validation.y, expected, validation.weight)
    predictor.set_params(edges=found.edges, lower=found.lower, upper=found.upper)
    moved = shifts(validation.y, expected, found.edges, value.quantile, validation.weight, alpha)
    if moved.any():
        predictor.set_params(shift=moved)
    return Fitted(predictor, None)
