"""A fast run on rows that were brought back by their version: through all steps, and never approved."""

import shutil

import pytest

from tests.flows.project import Project, failed


@pytest.fixture(scope="module")
def fast(trained, tmp_path_factory):
    """A project whose source is gone; its one run was a fast one on the trained project's data version."""
    project = Project.make(tmp_path_factory.mktemp("fast") / "project")
    shutil.copytree(trained.root / "store" / "snapshots", project.root / "store" / "snapshots")
    (project.root / "data" / "table.parquet").unlink()
    done = project.train("run", "--fast", "true", "--data-version", trained.decision["data_version"])
    assert done.code == 0, done.output
    return project


def test_it_is_rejected_for_being_fast(fast):
    assert "D03" in failed(fast.decision)


def test_it_brought_the_old_rows_back(trained, fast):
    assert fast.decision["data_version"] == trained.decision["data_version"]


def test_old_rows_keep_their_parts(trained, fast):
    assert fast.decision["holdout_id"] == trained.decision["holdout_id"]


def test_its_mlflow_run_says_so(fast):
    assert [run.data.tags["decision"] for run in fast.mlflow_runs()] == ["rejected"]


def test_it_has_no_model_version(fast):
    assert not fast.mlflow.search_registered_models()


def test_the_ledger_has_the_rejection(fast):
    assert [(entry.event, entry.run) for entry in fast.ledger] == [("rejected", fast.run().pathspec)]


def test_its_bundle_is_kept_and_says_so(fast):
    assert '"outcome": "rejected"' in (fast.build / "bundle" / "decision.json").read_text(encoding="utf-8")
