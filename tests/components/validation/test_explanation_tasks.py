"""Contributions to several classes and to numbers add up, and single rows tell what was decided."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline

from components.training.candidates import FAMILIES
from components.training.features import Columns, preprocessor
from components.validation.attribution import attribution, raw_output, stages
from components.validation.explanation import explain
from tests.components.release.test_export_tasks import CLASSES, of_classes, of_numbers, patients, wines

__all__ = ["patients", "wines"]


@pytest.mark.parametrize("family", FAMILIES)
def test_contributions_to_every_class_add_up(wines, family):
    X, _, y = wines
    found = explain(of_classes(wines, family=family), X, y, classes=CLASSES, rows=100, cases=5)
    assert found.additivity_error < 1e-9
    assert set(found.outcomes) == set(CLASSES)
    assert found.values.shape == (100, len(X.columns))
    assert set(found.top[:3]) & {"flavanoids", "color_intensity", "proline", "od280/od315_of_diluted_wines"}


@pytest.mark.parametrize("family", FAMILIES)
def test_contributions_to_numbers_add_up_whatever_their_size(patients, family):
    X, _, y = patients
    found = explain(of_numbers(patients, family=family), X, y, metric="r2", rows=100, cases=5)
    assert found.unit == "units of the target"
    assert found.additivity_error < 1e-9
    assert set(found.top[:3]) & {"bmi", "s5", "bp"}


@pytest.mark.parametrize(
    ("model", "classes"), [(KNeighborsClassifier(), True), (KNeighborsRegressor(), False)]
)
def test_models_without_an_exact_way_are_sampled_and_add_up(wines, patients, model, classes):
    X, columns, y = wines if classes else patients
    pipeline = Pipeline([("features", preprocessor(columns, "linear")), ("model", model)]).fit(X, y)
    explainer = attribution(stages(pipeline), X, seed=0)
    values = explainer.values(X[:10])
    assert explainer.method == "sampled"
    output = raw_output(pipeline, X[:10], explainer.unit)
    np.testing.assert_allclose(values.sum(axis=1) + explainer.base_value, output, rtol=1e-9, atol=1e-12)


def test_single_rows_tell_the_class_that_was_decided(wines):
    X, _, y = wines
    predictor = of_classes(wines)
    cases = explain(predictor, X, y, classes=CLASSES, rows=60, cases=4).cases
    first = cases.iloc[0]
    row = int(first["row"])
    assert first["y_pred"] == predictor.predict(X)[row]
    assert first["y_score"] == pytest.approx(predictor.respond(X)[row, int(first["y_pred"])])
    assert set(cases["kind"]) == {"most_wrong", "borderline"}


def test_of_numbers_the_rows_furthest_off_on_both_sides_are_told(patients):
    X, _, y = patients
    predictor = of_numbers(patients)
    cases = explain(predictor, X, y, metric="r2", rows=60, cases=4).cases
    gap = (predictor.respond(X) - y)[cases["row"]]
    assert (gap[cases["kind"] == "too_high"] > 0).all()
    assert gap[0] == (predictor.respond(X) - y).max()
    assert (gap[cases["kind"] == "too_low"] < 0).all()


def test_a_column_may_be_called_self(patients):
    X, _, y = patients
    predictor = of_numbers((X.rename(columns={"bmi": "self"}), named(patients[1]), y))
    found = explain(predictor, X.rename(columns={"bmi": "self"}), y, metric="r2", rows=60, cases=3)
    assert "self" in found.permutation
    sampled = Pipeline(
        [("features", preprocessor(named(patients[1]), "linear")), ("model", KNeighborsRegressor())]
    ).fit(X.rename(columns={"bmi": "self"}), y)
    explainer = attribution(stages(sampled), X.rename(columns={"bmi": "self"}), seed=0)
    assert explainer.values(X.rename(columns={"bmi": "self"})[:3]).shape == (3, len(X.columns))


def named(columns: Columns) -> Columns:
    return Columns(tuple("self" if name == "bmi" else name for name in columns.numeric), columns.categorical)
