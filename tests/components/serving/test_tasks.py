"""Bundles of several classes, of numbers and of what is served as Python are answered as MLflow's server answers them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import Lasso
from sklearn.pipeline import Pipeline

from components.data import schema
from components.release.bundle import Parts, pack
from components.release.export import predictions, program
from components.release.reference import reference
from components.serving.program import columns_of
from components.training.candidates import FAMILIES, build
from components.training.class_predictor import ClassPredictor
from components.training.conformal import bands
from components.training.features import Columns, inputs, preprocessor
from components.training.number_predictor import NumberPredictor
from tests.components.serving.conftest import ROOT, serving
from tests.components.serving.test_metrics import of

CLASSES = ("barolo", "grignolino", "barbera")


def of_classes(X: pd.DataFrame, columns: Columns, y: np.ndarray) -> ClassPredictor:
    pipeline = build(FAMILIES["gradient_boosting"], {"max_iter": 10, "min_samples_leaf": 5}, columns, 0)
    return ClassPredictor(pipeline).fit(X, y)


def of_numbers(X: pd.DataFrame, columns: Columns, y: np.ndarray) -> NumberPredictor:
    pipeline = build(FAMILIES["linear"], {"C": 1.0}, columns, 0, "regression")
    predictor = NumberPredictor(pipeline).fit(X, y)
    found = bands(y, predictor.respond(X), level=0.5)
    return predictor.set_params(
        edges=found.edges, shift=np.zeros(len(found.lower)), lower=found.lower, upper=found.upper
    )


def in_python(X: pd.DataFrame, columns: Columns, y: np.ndarray) -> NumberPredictor:
    pipeline = Pipeline([("features", preprocessor(columns, "linear")), ("model", Lasso())])
    predictor = NumberPredictor(pipeline).fit(X, y)
    found = bands(y, predictor.respond(X), level=0.5)
    return predictor.set_params(
        edges=found.edges, shift=np.zeros(len(found.lower)), lower=found.lower, upper=found.upper
    )


TASKS = {
    "classes": (load_wine, of_classes, CLASSES, "onnx"),
    "numbers": (load_diabetes, of_numbers, (), "onnx"),
    "python": (load_diabetes, in_python, (), "skops"),
}


@pytest.fixture(scope="module", params=TASKS)
def task(request, tmp_path_factory) -> tuple[str, Path, pd.DataFrame]:
    """The name of a task, its bundle, and rows as a table has them, with a missing category and number."""
    load, fitted, classes, runtime = TASKS[request.param]
    frame = load(as_frame=True).frame
    frame = frame.assign(part=np.where(frame.index % 3 == 0, "a", "b"))
    frame["part"] = frame.part.astype(object).mask(frame.index % 5 == 0)
    frame.iloc[::7, 0] = np.nan
    y = frame.pop("target").to_numpy()
    columns = Columns(tuple(frame.columns.drop("part")), ("part",))
    X = inputs(frame, columns)
    predictor = fitted(X, columns, y)
    said = columns_of(predictions(predictor, X), classes)
    made = program(predictor, columns, X, classes)
    assert made.runtime == runtime
    folder = tmp_path_factory.mktemp(request.param) / "bundle"
    parts = Parts(
        name=request.param,
        program=made,
        smoke=frame.assign(**said).head(40),
        contract=schema.to_json(schema.infer(pl.from_pandas(frame)), columns.names),
        reference=reference(X, said),
        decision={"outcome": "approved", "run": "TrainFlow/1", "checks": []},
        documents={},
        lineage={},
        lock=(ROOT / "requirements.lock").read_text(),
        created="2026-01-02T03:04:05+00:00",
    )
    pack(folder, parts)
    return request.param, folder, frame[list(columns.names)].head(20)


@pytest.fixture(scope="module")
def served(task, tmp_path_factory):
    with serving(["--bundle", str(task[1])], tmp_path_factory.mktemp("server")) as running:
        yield running


def test_rows_are_answered_as_mlflows_server_answers_them(task, served):
    import mlflow.pyfunc
    from mlflow.pyfunc import scoring_server

    _, folder, rows = task
    body = json.dumps(
        {"dataframe_split": json.loads(rows.to_json(orient="split", index=False, double_precision=15))}
    )
    model = mlflow.pyfunc.load_model(str(folder))
    theirs = scoring_server.invocations(body, "application/json", model, model.metadata.get_input_schema())
    assert theirs.status == 200, theirs.response
    status, ours = served.post(body, content_type="application/json")
    assert status == 200, ours
    wanted = json.loads(theirs.response)["predictions"]
    assert [list(row) for row in ours["predictions"]] == [list(row) for row in wanted]
    for found, row in zip(ours["predictions"], wanted, strict=True):
        for name, value in row.items():
            assert found[name] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-12))


def test_tensors_are_answered_with_the_same(task, served):
    name, folder, rows = task
    contract = json.loads((folder / "contract.json").read_text())
    types = {rule["name"]: "BYTES" if rule["type"] == "category" else "FP64" for rule in contract["features"]}
    columns = json.loads(rows.to_json(orient="columns", double_precision=15))
    inputs = [
        {"name": each, "shape": [len(rows)], "datatype": types[each], "data": list(values.values())}
        for each, values in columns.items()
    ]
    status, content, _ = served.ask("POST", f"/v2/models/{name}/infer", {"inputs": inputs})
    assert status == 200, content
    records = json.loads(rows.to_json(orient="records", double_precision=15))
    _, wanted = served.post({"dataframe_records": records})
    for output in content["outputs"]:
        answered = [row[output["name"]] for row in wanted["predictions"]]
        assert output["data"] == (
            answered if output["datatype"] == "BYTES" else pytest.approx(answered, rel=1e-12)
        )


def test_decisions_and_scores_are_counted_by_the_task(task, served):
    name, _, rows = task
    records = json.loads(rows.to_json(orient="records"))
    served.post({"dataframe_records": records})
    found = of(served)
    counted = {each for each in found if each.startswith("serving_predictions_total")}
    decisions = set(CLASSES) if name == "classes" else {""}
    assert counted <= {
        f'serving_predictions_total{{variant="champion",decision="{each}"}}' for each in decisions
    }
    rows_answered = found['serving_rows_total{variant="champion"}']
    assert sum(found[each] for each in counted) == rows_answered
    assert found['serving_score_count{variant="champion",version="1"}'] == rows_answered
    buckets = [value for each, value in found.items() if each.startswith("serving_score_bucket")]
    assert len({value for value in buckets if 0 < value < rows_answered}) > 1  # the bins fit the scores
