"""Two runs at the same time in one project."""

import pytest

from tests.flows.project import Project, comparable


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    project = Project.make(tmp_path_factory.mktemp("both") / "project")
    running = [project.start("run"), project.start("run")]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], "\n".join(outputs)
    return project


@pytest.mark.system
def test_the_chain_of_the_ledger_holds_both(both):
    assert len({entry.run for entry in both.ledger}) == 2


@pytest.mark.system
def test_mlflow_has_both(both):
    assert {run.data.tags["metaflow.pathspec"] for run in both.mlflow_runs()} == {
        entry.run for entry in both.ledger
    }


@pytest.mark.system
def test_they_decide_the_same(both):
    one, other = (
        both.artifact("decision", run_id=entry.run.partition("/")[2]).to_json() for entry in both.ledger
    )
    assert comparable(one | {"holdout_uses": 0}) == comparable(other | {"holdout_uses": 0})


@pytest.mark.system
def test_both_reports_are_there(both):
    runs = {entry.run.partition("/")[2] for entry in both.ledger}
    assert {path.parent.name for path in (both.root / "build" / "runs").glob("*/report.html")} == runs
