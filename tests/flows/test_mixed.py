"""A table with texts, dates and hundreds of categories is adopted, trained on, and served from its bundle alone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.components.films import films
from tests.flows.project import Project, rows

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Films as a CSV, adopted and trained on without a line edited."""
    project = Project.make(tmp_path_factory.mktemp("films") / "project", rows(500))
    made = films()
    made.table.assign(late=np.where(made.y == 1, "yes", "no")).to_csv(
        project.root / "data" / "films.csv", index=False
    )
    done = project.python("-m", "components.data.adopt", "data/films.csv", "late")
    assert done.code == 0, done.output
    (project.root / "account.txt").write_text(done.output, encoding="utf-8")
    trained = project.train("run", "--fast", "true")
    assert trained.code == 0, trained.output
    return project


@pytest.fixture(scope="module")
def checks(trained: Project) -> dict[str, Any]:
    return {check["code"]: check for check in trained.decision["checks"]}


def test_the_account_says_what_is_made_of_each_column(trained: Project) -> None:
    account = " ".join((trained.root / "account.txt").read_text(encoding="utf-8").split())
    assert "categories: target encoding" in account
    assert "TF-IDF of words and pairs" in account
    assert "date: year, month, day, day of the week" in account


@pytest.mark.parametrize("code", ["T01", "E01", "L01", "L02", "B01"])
def test_what_is_served_and_explained_is_what_was_evaluated(checks: dict[str, Any], code: str) -> None:
    assert checks[code]["status"] == "passed", checks[code]["reason"]


def test_every_row_of_the_holdout_was_compared(trained: Project) -> None:
    program = trained.artifact("program", "judge")
    assert program.runtime == "onnx"
    assert program.parity.rows == trained.artifact("evaluation", "judge").rows
    assert program.inputs["title"] == "text"
    assert program.inputs["genres"] == "string"
    assert "datetime" in program.inputs.values()


def test_every_column_has_its_part_in_the_explanation(trained: Project) -> None:
    explanation = trained.artifact("explanation", "judge")
    assert {"title", "genres", "released"} <= set(explanation.names)
    assert str(explanation.X["released"].dtype).startswith("datetime64")
    assert explanation.texts == ("title",)


def test_the_report_shows_dates_as_dates_and_no_text_as_a_category(trained: Project) -> None:
    report = (trained.build / "report.html").read_text(encoding="utf-8")
    assert "dependence-title" not in report
    assert "released = 20" in report


def test_the_bundle_scores_by_itself_in_a_clean_process(trained: Project, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(trained.build / "bundle", bundle)
    smoke = pl.read_parquet(bundle / "smoke.parquet")
    features = [rule["name"] for rule in json.loads((bundle / "contract.json").read_text())["features"]]
    written = smoke.select(features).with_columns(
        pl.selectors.temporal().dt.to_string("%Y-%m-%dT%H:%M:%S.%6f")
    )
    payload = {"columns": features, "data": [list(row) for row in written.rows()]}
    (tmp_path / "rows.json").write_text(json.dumps(payload), encoding="utf-8")
    command = [sys.executable, "-I", str(bundle / "program.pyz"), "score", str(tmp_path / "rows.json")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    answers = json.loads(done.stdout)["predictions"]
    np.testing.assert_allclose([row["y_score"] for row in answers], smoke["y_score"], rtol=0, atol=1e-9)
    assert [row["y_pred"] for row in answers] == smoke["y_pred"].to_list()


def test_the_bundle_keeps_no_text_but_its_words(trained: Project) -> None:
    counts = json.loads((trained.build / "bundle" / "reference.json").read_text(encoding="utf-8"))["features"]
    assert counts["title"]["kind"] == "text"
    assert counts["released"]["kind"] == "datetime"
