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
from components.release.export import export
from components.release.parity import clean_run, compare
from components.training.candidates import FAMILIES, build
from components.training.features import Columns, inputs
from components.training.predictor import Predictor

SAMPLE = Path(__file__).parents[3] / "data" / "acs_employment_ma_18_64.parquet"
COLUMNS = Columns(("education", "age"), ("relationship", "marital_status"))


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
    return {
        "program.json": json.dumps({"runtime": "onnx", "inputs": kinds, "trusted_types": []}).encode(),
        "program.onnx": export(predictor, COLUMNS, X[:50]),
        "program.pyz": program_code(),
    }


def test_the_program_needs_nothing_but_numpy_and_onnx_runtime(files, predictor, X):
    run = clean_run(files, X, predictor.score_positive(X), predictor.predict(X))
    assert run.parity.rows == len(X)
    assert run.parity.max_abs_difference <= 1e-12
    assert {"program", "numpy", "onnxruntime"} <= set(run.modules)
    assert not {"components", "pandas", "sklearn", "scipy", "skops", "site"} & set(run.modules)


def test_a_score_that_is_served_otherwise_is_found(files, predictor, X):
    y_score = predictor.score_positive(X)
    y_score[17] += 0.25
    run = clean_run(files, X, y_score, predictor.predict(X))
    assert run.parity.max_abs_difference == pytest.approx(0.25)


def test_a_decision_that_is_served_otherwise_is_counted(files, predictor, X):
    y_pred = predictor.predict(X)
    y_pred[[3, 1400]] = 1 - y_pred[[3, 1400]]
    assert clean_run(files, X, predictor.score_positive(X), y_pred).parity.decisions_changed == 2


def test_columns_go_by_name(files, predictor, X):
    shuffled = X[["marital_status", "age", "relationship", "education"]]
    run = clean_run(files, shuffled, predictor.score_positive(X), predictor.predict(X))
    assert run.parity.max_abs_difference <= 1e-12


def test_a_score_that_is_no_number_is_infinitely_far():
    codes = np.array([0, 1])
    parity = compare(np.array([0.1, np.nan]), codes, np.array([0.1, 0.9]), codes)
    assert parity.max_abs_difference == float("inf")


def test_too_few_answers_are_refused():
    with pytest.raises(BundleError, match="answered 1 of 2 rows"):
        compare(np.array([0.1]), np.array([0]), np.array([0.1, 0.2]), np.array([0, 0]))


def test_a_program_that_needs_the_project_is_refused_with_the_reason(files, predictor, X):
    with zipfile.ZipFile(io.BytesIO(files["program.pyz"])) as archive:
        code = {name: archive.read(name) for name in archive.namelist()}
    code["program.py"] += b"\nimport components.release\n"
    spoiled = {**files, "program.pyz": zipped(code)}
    with pytest.raises(BundleError, match=r"does not run on its own: .*No module named 'components'"):
        clean_run(spoiled, X, predictor.score_positive(X), predictor.predict(X))


def test_no_rows_are_no_evidence(files, predictor, X):
    with pytest.raises(BundleError, match="no rows"):
        clean_run(files, X[:0], np.array([]), np.array([]))
