"""A run that was killed and resumed, and a run in another folder: the same to the last digit."""

import json
from dataclasses import replace

import pytest

from components.release import bundle
from tests.flows import faults
from tests.flows.project import Project, comparable

DETERMINED = (
    "program.onnx",
    "program.pyz",
    "program.json",
    "model.skops",
    "contract.json",
    "reference.json",
    "smoke.parquet",
)


def timeless(result):
    """A family's search without the seconds that its trials took."""
    trials = tuple(replace(trial, seconds=0.0) for trial in result.trials)
    return replace(result, trials=trials, best=replace(result.best, seconds=0.0))


@pytest.mark.parametrize("moment", faults.OFTEN)
def test_it_was_killed(resumed, moment):
    assert faults.grave(resumed, moment).exists()


def test_the_same_rows_in_another_folder_have_the_same_data_version(trained, resumed):
    assert resumed.decision["data_version"] == trained.decision["data_version"]


def test_the_search_found_the_same(trained, resumed):
    assert [timeless(result) for result in resumed.artifact("results")] == [
        timeless(result) for result in trained.artifact("results")
    ]


def test_the_metrics_are_the_same_to_the_last_digit(trained, resumed):
    assert resumed.artifact("evaluation").metrics == trained.artifact("evaluation").metrics


def test_the_decision_is_the_same_but_for_ids_and_latency(trained, resumed):
    assert comparable(resumed.decision) == comparable(trained.decision)


@pytest.mark.parametrize("file", DETERMINED)
def test_what_is_served_is_the_same_byte_for_byte(trained, resumed, file):
    one, other = ((project.build / "bundle" / file).read_bytes() for project in (trained, resumed))
    assert one == other


def test_it_is_one_run_in_mlflow(resumed):
    assert len(resumed.mlflow_runs()) == 1


def test_it_is_one_decision_in_the_ledger(resumed):
    assert len(resumed.ledger) == 1


def test_it_is_one_model_version(resumed):
    assert len(resumed.mlflow.search_model_versions("name = 'small'")) == 1


def test_the_bundle_that_was_recorded_stands(resumed):
    version = resumed.mlflow.get_model_version_by_alias("small", "challenger")
    decided = {resumed.ledger[0].bundle_id, version.tags["bundle_id"], resumed.decision["bundle_id"]}
    assert decided == {bundle.verify(resumed.build / "bundle").bundle_id}


def test_records_name_the_run_that_was_started(resumed):
    first = json.loads((resumed.build / "decision.json").read_text(encoding="utf-8"))["run"]
    assert {resumed.ledger[0].run, resumed.mlflow_runs()[0].data.tags["metaflow.origin_run"]} == {first}


@pytest.mark.system
def test_a_run_that_dies_in_every_step_decides_the_same(trained, tmp_path):
    project = Project.make(tmp_path / "project")
    faults.arm(project, *faults.MOMENTS)
    output = faults.outlive(project, *faults.MOMENTS)
    assert [moment for moment in faults.MOMENTS if not faults.grave(project, moment).exists()] == []
    assert (project.build / "decision.json").exists(), output
    assert comparable(project.decision) == comparable(trained.decision)
    assert (len(project.mlflow_runs()), len(project.ledger)) == (1, 1)
