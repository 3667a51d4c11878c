"""Spoiled tables through the whole flow: each is blocked by the gate that is meant for it."""

import pytest

from tests.flows.project import Project, failed, rows
from tests.flows.spoiled import SPOILED

MEANT = {"leaked": "L02", "flipped": "P01", "noise": "B01"}


@pytest.mark.system
@pytest.mark.parametrize("kind", MEANT)
def test_a_spoiled_table_is_blocked_by_the_gate_meant_for_it(tmp_path, kind):
    project = Project.make(tmp_path / "project", SPOILED[kind](rows()))
    output = project.train().output
    assert "REJECTED" in output, output
    assert MEANT[kind] in failed(project.decision)
    assert not project.mlflow.search_registered_models()
