"""The runtime scores what training would, from rows as they come, with next to nothing installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.release import export
from components.serving import program as runtime
from components.serving.program import Program
from components.training import features
from components.training.candidates import FAMILIES, build
from components.training.features import Columns, inputs
from components.training.predictor import Predictor

ROOT = Path(__file__).parents[3]
COLUMNS = Columns(("age", "education", "foreign_born"), ("marital_status", "relationship"))
KINDS = dict.fromkeys(COLUMNS.names, "double") | dict.fromkeys(COLUMNS.categorical, "string")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Rows as a table has them: integers, booleans and categories, some of them missing."""
    people = pd.read_parquet(ROOT / "data" / "acs_employment_ma_18_64.parquet").sample(1500, random_state=3)
    people["education"] = people.education.astype(float).mask(np.arange(len(people)) % 7 == 0)
    people["relationship"] = people.relationship.astype(object).mask(np.arange(len(people)) % 11 == 0)
    return people.reset_index(drop=True)


@pytest.fixture(scope="module")
def predictor(rows: pd.DataFrame) -> Predictor:
    y = rows.employed.to_numpy(int)
    return Predictor(build(FAMILIES["linear"], {"C": 1.0}, COLUMNS, 0)).fit(inputs(rows, COLUMNS), y)


@pytest.fixture(scope="module")
def folder(rows, predictor, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    X = inputs(rows, COLUMNS)
    compiled = export.export(predictor, COLUMNS, X[:50])
    (folder / "program.onnx").write_bytes(compiled.model)
    description = {
        "runtime": "onnx",
        "inputs": KINDS,
        "categories": {name: each.to_json() for name, each in compiled.categories.items()},
        "trusted_types": [],
    }
    (folder / "program.json").write_text(json.dumps(description))
    return folder


def columns_of(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    return {name: frame[name].to_numpy() for name in frame.columns}


def test_rows_as_the_table_has_them_score_as_in_training(folder, predictor, rows):
    said = Program.load(folder).predict(columns_of(rows))
    X = inputs(rows, COLUMNS)
    np.testing.assert_allclose(said["y_score"], predictor.score_positive(X), rtol=0, atol=1e-14)
    np.testing.assert_array_equal(said["y_pred"], predictor.predict(X))


def test_model_inputs_score_as_in_training(folder, predictor, rows):
    X = inputs(rows, COLUMNS)
    y_score = Program.load(folder).predict(columns_of(X))["y_score"]
    np.testing.assert_allclose(y_score, predictor.score_positive(X), rtol=0, atol=1e-14)


def test_a_row_alone_scores_as_among_others(folder, rows):
    program = Program.load(folder)
    together = program.predict(columns_of(rows[:20]))["y_score"]
    alone = [program.predict(columns_of(rows[i : i + 1]))["y_score"][0] for i in range(20)]
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-15)


@pytest.mark.parametrize("absent", [None, float("nan"), np.float64("nan")])
def test_missing_values_may_come_as_none_or_nan(folder, rows, absent):
    program = Program.load(folder)
    given = columns_of(inputs(rows[:1], COLUMNS))
    given |= {"age": np.array([absent], dtype=object), "relationship": np.array([absent], dtype=object)}
    known = given | {"age": np.array([np.nan]), "relationship": np.array([features.MISSING])}
    np.testing.assert_array_equal(program.predict(given)["y_score"], program.predict(known)["y_score"])


def test_a_missing_column_is_named(folder, rows):
    with pytest.raises(ValueError, match=r"\['age'\] are missing"):
        Program.load(folder).predict(columns_of(rows.drop(columns="age")))


def test_text_is_no_number(folder, rows):
    with pytest.raises(ValueError, match="could not convert string"):
        Program.load(folder).predict(columns_of(rows) | {"age": np.array(["old"] * len(rows), dtype=object)})


def test_missing_is_called_as_in_training():
    assert runtime.MISSING == features.MISSING


def test_the_same_packages_are_trusted_when_packing_and_when_loading():
    assert runtime.TRUSTED_PACKAGES == export.TRUSTED_PACKAGES


def test_a_program_in_python_may_not_bring_types_from_elsewhere(tmp_path):
    description = {"runtime": "skops", "inputs": KINDS, "trusted_types": ["os.system"]}
    (tmp_path / "program.json").write_text(json.dumps(description))
    with pytest.raises(ValueError, match=r"\['os.system'\], which are not of"):
        Program.load(tmp_path)


def test_it_imports_no_library_of_training(folder):
    names = (
        "[m for m in sys.modules if m.partition('.')[0] in ('pandas', 'sklearn', 'scipy', 'skops', 'mlflow')]"
    )
    code = (
        "import sys; from components.serving.program import Program; "
        f"Program.load({str(folder)!r}); print({names})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["components.serving.program", "components.release.export"])
def test_nothing_is_reported_to_anyone(module, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    code = f"import {module}, onnxruntime"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment | home, check=True)
    assert not list(tmp_path.rglob("*"))  # where the reporting would keep the device's id


@pytest.mark.parametrize("wrapped", [False, True], ids=["split", "dataframe_split"])
def test_rows_in_mlflows_json_are_scored(folder, predictor, rows, tmp_path, capsys, wrapped):
    X = inputs(rows[:3], COLUMNS)
    content = json.loads(X.to_json(orient="split", index=False))
    (tmp_path / "rows.json").write_text(json.dumps({"dataframe_split": content} if wrapped else content))
    assert runtime.main(["score", str(tmp_path / "rows.json"), "--bundle", str(folder)]) == 0
    answer = json.loads(capsys.readouterr().out)["predictions"]
    assert [row["y_score"] for row in answer] == pytest.approx(
        predictor.score_positive(X).tolist(), abs=1e-14
    )
    assert [row["y_pred"] for row in answer] == predictor.predict(X).tolist()


@pytest.mark.parametrize("content", ["", "[1]", '{"columns": ["age"], "data": [[1]]}', '{"columns": []}'])
def test_rows_that_cannot_be_scored_give_one_line(folder, tmp_path, capsys, content):
    (tmp_path / "rows.json").write_text(content)
    assert runtime.main(["score", str(tmp_path / "rows.json"), "--bundle", str(folder)]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
