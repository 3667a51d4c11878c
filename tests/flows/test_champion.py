"""A challenger meets a champion that was promoted before."""

import shutil

import polars as pl
import pytest

from components.data import schema
from components.release.ledger import Ledger
from tests.flows.project import Project, changed, rows, toml

pytestmark = pytest.mark.system


@pytest.fixture
def promoted(trained, tmp_path):
    """A copy of the trained project, whose model is the champion."""
    shutil.copytree(trained.root, tmp_path / "project", symlinks=True)
    project = Project(tmp_path / "project")
    decided = project.ledger[0]
    Ledger(project.store).append(
        event="promoted", run=decided.run, bundle_id=decided.bundle_id, by="tester", why="it was approved",
        details={"pathspec": decided.details["pathspec"]},
    )  # fmt: skip
    return project


def c01(project):
    return next(check for check in project.decision["checks"] if check["code"] == "C01")


def test_the_same_model_is_not_worse_on_rows_that_neither_has_seen(promoted):
    before = promoted.decision
    assert promoted.train().code == 0
    check = c01(promoted)
    assert (check["status"], check["value"]) == ("passed", pytest.approx(0.0, abs=1e-9))
    assert before["bundle_id"][:12] in check["reason"]
    assert promoted.decision["holdout_uses"] == 1


def test_a_champion_that_reads_a_column_that_is_gone_fails_the_gate_and_not_the_run(promoted):
    table = rows().drop("relationship")
    table.write_parquet(promoted.root / "data" / "table.parquet")
    schema.save(schema.infer(table), promoted.root / "schema.yaml")
    done = promoted.train()
    assert done.code == 0, done.output
    check = c01(promoted)
    assert check["status"] == "failed"
    assert "cannot score this table" in check["reason"]
    assert "relationship" in check["reason"]


def test_rows_keep_their_parts_for_the_champion_when_a_column_is_added(promoted):
    table = rows().with_columns(pl.lit(1).alias("extra"))
    table.write_parquet(promoted.root / "data" / "table.parquet")
    schema.save(schema.infer(table), promoted.root / "schema.yaml")
    settings = changed(split={"salt": "small", "columns": rows(1).columns})
    (promoted.root / "config.toml").write_text(toml(settings), encoding="utf-8")
    before = promoted.decision["holdout_id"]
    assert promoted.train().code == 0
    assert promoted.decision["holdout_id"] == before
    assert c01(promoted)["status"] == "passed"
