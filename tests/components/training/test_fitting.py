"""What validation decides about a fitted pipeline, by the task."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.metrics import r2_score

from components.training.candidates import FAMILIES
from components.training.examples import Examples
from components.training.features import Columns, inputs
from components.training.fitting import Fitted, baselines, fit, task_of
from components.training.outcomes import ErrorValues, Values, class_values
from components.training.target import Target

SMALL = {
    "linear": {"C": 1.0},
    "gradient_boosting": {"max_iter": 20, "min_samples_leaf": 5},
    "random_forest": {"min_samples_leaf": 3},
}
WINES, COSTS = class_values(("0", "1", "2"), 0.0, -1.0, {}, "points"), ErrorValues(-1.0, -1.0, "points")


def parts(frame: pd.DataFrame, target: Target) -> tuple[list[Examples], Columns]:
    """Three parts of equal size, in an order of chance."""
    frame = frame.assign(half=np.where(frame.index % 2 == 0, "even", "odd"))
    columns = Columns(tuple(name for name in frame if name not in ("half", target.column)), ("half",))
    order = np.random.default_rng(0).permutation(len(frame))
    rows = [frame.iloc[each].reset_index(drop=True) for each in np.array_split(order, 3)]
    return [
        Examples(inputs(each, columns), target.encoded(each[target.column]), None, each) for each in rows
    ], columns


@pytest.fixture(scope="module")
def wines():
    return parts(load_wine(as_frame=True).frame, Target("target", "multiclass", ("0", "1", "2")))


@pytest.fixture(scope="module")
def patients():
    return parts(load_diabetes(as_frame=True, scaled=False).frame, Target("target", "regression"))


def fitted(given, family: str, value: Values, alpha: float = 0.01) -> Fitted:
    (train, validation, _), columns = given
    return fit(family, SMALL[family], train, validation, columns=columns, value=value, alpha=alpha, seed=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_tells_several_classes_apart(wines, family):
    holdout = wines[0][2]
    predictor = fitted(wines, family, WINES).predictor
    probability = predictor.respond(holdout.X)
    assert probability.shape == (len(holdout.y), 3)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    assert (predictor.predict(holdout.X) == holdout.y).mean() > 0.85


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_predicts_numbers(patients, family):
    holdout = patients[0][2]
    predictor = fitted(patients, family, COSTS).predictor
    assert r2_score(holdout.y, predictor.respond(holdout.X)) > 0.25
    acted, expected = predictor.predict(holdout.X), predictor.respond(holdout.X)
    assert r2_score(expected, acted) > 0.9


def test_intervals_are_fitted_on_validation_and_hold_on_the_holdout(patients):
    holdout = patients[0][2]
    low, high = fitted(patients, "linear", COSTS).predictor.interval(holdout.X)
    assert 0.8 < ((holdout.y >= low) & (holdout.y <= high)).mean() <= 1


def test_where_too_low_costs_more_the_decision_lies_above_what_is_expected(patients):
    holdout, value = patients[0][2], ErrorValues(-1.0, -4.0, "points")
    predictor = fitted(patients, "linear", value).predictor
    assert max(predictor.shift) > 0
    acted, expected = predictor.predict(holdout.X), predictor.respond(holdout.X)
    assert value.worth(holdout.y, acted).mean() > value.worth(holdout.y, expected).mean()


def test_values_of_classes_decide_and_recalibration_is_tested(wines):
    never_zero = class_values(("0", "1", "2"), 0.0, -1.0, {"1": {"0": -1e6}, "2": {"0": -1e6}}, "points")
    found = fitted(wines, "linear", never_zero)
    assert (found.predictor.predict(wines[0][2].X) == 0).mean() < 0.2
    assert found.recalibration is not None


@pytest.mark.parametrize("value", [WINES, COSTS], ids=["classes", "numbers"])
def test_baselines_are_of_the_task(wines, patients, value):
    (train, *_), columns = wines if value is WINES else patients
    found = baselines(train, columns=columns, seed=0, task=task_of(value))
    assert {name: hasattr(model, "predict_proba") for name, model in found.items()} == dict.fromkeys(
        ("dummy", "linear"), value is WINES
    )
