"""Several classes and numbers are served to the last digits, too: scores, decisions and the ends of intervals."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier
from sklearn.linear_model import Lasso
from sklearn.pipeline import Pipeline

from components.errors import BundleError
from components.release.export import export, predictions, program
from components.release.inputs import fed
from components.serving import program as runtime
from components.serving.program import Program
from components.training.candidates import FAMILIES, build
from components.training.class_predictor import ClassPredictor
from components.training.conformal import bands
from components.training.features import Columns, inputs, preprocessor
from components.training.number_predictor import NumberPredictor

CLASSES = ("barolo", "grignolino", "barbera")
WORTH = np.array([[0.0, -3.0, -1.0], [-1.0, 0.0, -1.0], [-0.5, -1.0, 0.0]])
SMALL = {
    "linear": {"C": 1.0},
    "gradient_boosting": {"max_iter": 15, "min_samples_leaf": 5},
    "random_forest": {"min_samples_leaf": 3},
}


def learning(frame: pd.DataFrame) -> tuple[pd.DataFrame, Columns]:
    frame = frame.assign(part=np.where(frame.index % 3 == 0, "a", "b"))
    frame.iloc[::7, 0] = np.nan
    columns = Columns(tuple(frame.columns.drop(["part", "target"])), ("part",))
    return inputs(frame, columns), columns


@pytest.fixture(scope="module")
def wines():
    frame = load_wine(as_frame=True).frame
    return *learning(frame), frame.target.to_numpy()


@pytest.fixture(scope="module")
def patients():
    frame = load_diabetes(as_frame=True, scaled=False).frame
    return *learning(frame), frame.target.to_numpy() * 1e4  # as large as prices


def of_classes(wines, model=None, family="linear") -> ClassPredictor:
    X, columns, y = wines
    pipeline = build(FAMILIES[family], SMALL[family], columns, 0)
    if model is not None:
        pipeline = Pipeline([("features", preprocessor(columns, "forest")), ("model", model)])
    return ClassPredictor(pipeline, slope=1.7, worth=WORTH).fit(X, y)


def of_numbers(patients, model=None, family="linear") -> NumberPredictor:
    X, columns, y = patients
    pipeline = build(FAMILIES[family], SMALL[family], columns, 0, "regression")
    if model is not None:
        pipeline = Pipeline([("features", preprocessor(columns, "forest")), ("model", model)])
    predictor = NumberPredictor(pipeline).fit(X, y)
    found = bands(y, predictor.respond(X), level=0.5)
    shift = 1234.5 * np.arange(1, len(found.lower) + 1)
    return predictor.set_params(edges=found.edges, shift=shift, lower=found.lower, upper=found.upper)


def served(predictor, columns, X) -> dict[str, np.ndarray]:
    import onnxruntime

    compiled = export(predictor, columns, X[:50])
    session = onnxruntime.InferenceSession(compiled.model)
    names = [output.name for output in session.get_outputs()]
    feed = fed(X, columns, compiled.categories, {})
    return dict(zip(names, session.run(names, feed), strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_several_classes_is_repeated(wines, family):
    X, columns, _ = wines
    predictor = of_classes(wines, family=family)
    found = served(predictor, columns, X)
    np.testing.assert_allclose(found["y_score"], predictor.respond(X), rtol=0, atol=1e-14)
    np.testing.assert_array_equal(found["y_pred"], predictor.predict(X))


@pytest.mark.parametrize("forest", [RandomForestClassifier, ExtraTreesClassifier])
def test_forests_of_several_classes_are_repeated_leaf_by_leaf(wines, forest):
    X, columns, _ = wines
    predictor = of_classes(wines, forest(n_estimators=12, random_state=0))
    np.testing.assert_allclose(
        served(predictor, columns, X)["y_score"], predictor.respond(X), rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_numbers_is_repeated_with_its_intervals(patients, family):
    X, columns, _ = patients
    predictor = of_numbers(patients, family=family)
    found, expected = served(predictor, columns, X), predictions(predictor, X)
    assert set(found) == set(expected) == {"y_score", "y_pred", "y_low", "y_high"}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-13)


def test_forests_of_numbers_are_repeated(patients):
    X, columns, _ = patients
    predictor = of_numbers(patients, ExtraTreesRegressor(n_estimators=12, random_state=0))
    np.testing.assert_allclose(served(predictor, columns, X)["y_score"], predictor.respond(X), rtol=1e-13)


def test_what_has_no_form_of_its_own_is_served_as_python_with_the_same_answers(patients):
    X, columns, _ = patients
    made = program(of_numbers(patients, Lasso()), columns, X)
    assert made.runtime == "skops"
    assert "Lasso has no ONNX form" in made.reason
    assert made.parity.max_abs_difference == 0


@pytest.fixture(scope="module")
def folder(wines, tmp_path_factory):
    X, columns, _ = wines
    made = program(of_classes(wines), columns, X, CLASSES)
    assert made.parity.decisions_changed == 0
    folder = tmp_path_factory.mktemp("program")
    for name, content in made.files.items():
        (folder / name).write_bytes(content)
    return folder


def test_classes_are_answered_by_name(folder, wines, tmp_path, capsys):
    X = wines[0][:3]
    (tmp_path / "rows.json").write_text(X.to_json(orient="split", index=False))
    assert runtime.main(["score", str(tmp_path / "rows.json"), "--bundle", str(folder)]) == 0
    first = json.loads(capsys.readouterr().out)["predictions"][0]
    assert first["y_pred"] in CLASSES
    assert sum(first[f"y_score_{name}"] for name in CLASSES) == pytest.approx(1.0)


def test_mlflow_gets_a_column_a_class(folder, wines):
    X = wines[0][:5]
    table = runtime._load_pyfunc(str(folder)).predict(X)
    assert list(table.columns) == [*(f"y_score_{name}" for name in CLASSES), "y_pred"]
    code = Program.load(folder).predict({name: X[name].to_numpy() for name in X})["y_pred"]
    assert table.y_pred.tolist() == [CLASSES[each] for each in code]


def test_a_feature_that_is_called_like_a_prediction_is_refused(wines):
    X, columns, _ = wines
    named = Columns((*columns.numeric, "y_score_barolo"), columns.categorical)
    with pytest.raises(BundleError, match="names of predictions"):
        program(of_classes(wines), named, X.assign(y_score_barolo=1.0), CLASSES)
