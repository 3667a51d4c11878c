"""T01 and S01 are measured where nothing of the project can help, and differences are found."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.errors import BundleError
from components.release.archive import program_code, zipped
from components.release.export import export, predictions
from components.release.parity import clean_run, compare
from components.training.candidates import FAMILIES, build
from components.training.features import Columns, inputs
from components.training.predictor import Predictor

SAMPLE = Path(__file__).parents[3] / "data" / "acs_employment_ma_18_64.parquet"
COLUMNS = Columns(("education", "age"), ("relationship", "marital_status"))


def said(y_score: list, y_pred: list) -> dict[str, np.ndarray]:
    return {"y_score": np.asarray(y_score, dtype=float), "y_pred": np.asarray(y_pred)}


@pytest.fixture(scope="module", name="X")
def model_inputs() -> pd.DataFrame:
    return inputs(pd.read_parquet(SAMPLE).sample(1500, random_state=2), COLUMNS)


@pytest.fixture(scope="module")
def predictor(X: pd.DataFrame) -> Predictor:
    y = pd.read_parquet(SAMPLE, columns=["employed"]).loc[X.index].employed.to_numpy(int)
    return Predictor(build(FAMILIES["linear"], {"C": 1.0}, COLUMNS, 0)).fit(X, y)


@pytest.fixture(scope="module")
def files(X: pd.DataFrame, predictor: Predictor) -> dict[str, bytes]:
    kinds = {"education": "double", "age": "double", "relationship": "string", "marital_status": "string"}
    compiled = export(predictor, COLUMNS, X[:50])
    description = {
        "runtime": "onnx",
        "inputs": kinds,
        "categories": {name: each.to_json() for name, each in compiled.categories.items()},
        "trusted_types": [],
    }
    return {
        "program.json": json.dumps(description).encode(),
        "program.onnx": compiled.model,
        "program.pyz": program_code(),
    }


def test_the_program_needs_nothing_but_numpy_and_onnx_runtime(files, predictor, X):
    run = clean_run(files, X, predictions(predictor, X))
    assert run.parity.rows == len(X)
    assert run.parity.max_abs_difference <= 1e-12
    assert {"program", "numpy", "onnxruntime"} <= set(run.modules)
    assert not {"components", "pandas", "sklearn", "scipy", "skops", "site"} & set(run.modules)


def test_a_score_that_is_served_otherwise_is_found(files, predictor, X):
    said = predictions(predictor, X)
    said["y_score"][17] += 0.25
    run = clean_run(files, X, said)
    assert run.parity.max_abs_difference == pytest.approx(0.25)


def test_a_decision_that_is_served_otherwise_is_counted(files, predictor, X):
    said = predictions(predictor, X)
    said["y_pred"][[3, 1400]] = 1 - said["y_pred"][[3, 1400]]
    assert clean_run(files, X, said).parity.decisions_changed == 2


def test_columns_go_by_name(files, predictor, X):
    shuffled = X[["marital_status", "age", "relationship", "education"]]
    run = clean_run(files, shuffled, predictions(predictor, X))
    assert run.parity.max_abs_difference <= 1e-12


def test_a_score_that_is_no_number_is_infinitely_far():
    codes = np.array([0, 1])
    parity = compare(said([0.1, np.nan], codes), said([0.1, 0.9], codes))
    assert parity.max_abs_difference == float("inf")


def test_too_few_answers_are_refused():
    with pytest.raises(BundleError, match=r"answered \(1,\) for y_score of 2 rows"):
        compare(said([0.1], [0]), said([0.1, 0.2], [0, 0]))


def test_numbers_are_compared_by_their_spread_and_their_ends_count():
    expected = said([1e6, 2e6, 3e6], [1e6, 2e6, 3e6]) | {"y_low": np.array([0.0, 1e6, 2e6])}
    found = expected | {"y_low": np.array([0.0, 1e6, 2e6 + 1.0])}
    parity = compare(found, expected)
    assert parity.max_abs_difference == pytest.approx(1 / np.std(expected["y_score"]))
    assert parity.decisions_changed == 0


def test_the_probabilities_of_several_classes_are_all_compared():
    expected = said([[0.2, 0.3, 0.5]], [2])
    found = said([[0.2, 0.25, 0.55]], [2])
    assert compare(found, expected).max_abs_difference == pytest.approx(0.05)


def test_a_program_that_needs_the_project_is_refused_with_the_reason(files, predictor, X):
    with zipfile.ZipFile(io.BytesIO(files["program.pyz"])) as archive:
        code = {name: archive.read(name) for name in archive.namelist()}
    code["program.py"] += b"\nimport components.release\n"
    spoiled = {**files, "program.pyz": zipped(code)}
    with pytest.raises(BundleError, match=r"does not run on its own: .*No module named 'components'"):
        clean_run(spoiled, X, predictions(predictor, X))


def test_no_rows_are_no_evidence(files, predictor, X):
    with pytest.raises(BundleError, match="no rows"):
        clean_run(files, X[:0], said([], []))
