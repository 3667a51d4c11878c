"""Bundles of several classes, of numbers, and of what is served as Python, made of scikit-learn's own tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
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
from tests.components.serving.bundles import ROOT

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


def packed(name: str, folder: Path) -> pd.DataFrame:
    """The rows of a task, as a table has them, with missing categories and numbers; its bundle is packed into the folder."""
    load, fitted, classes, runtime = TASKS[name]
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
    parts = Parts(
        name=name,
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
    return frame[list(columns.names)]
