"""Trained projects, shared by the tests that only read them."""

import pytest

from tests.flows import faults
from tests.flows.project import Project


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose one run was approved. Not to be changed."""
    project = Project.make(tmp_path_factory.mktemp("trained") / "project")
    done = project.train()
    assert done.code == 0, done.output
    return project


@pytest.fixture(scope="session")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same project elsewhere, whose run was killed at several moments and resumed. Not to be changed."""
    project = Project.make(tmp_path_factory.mktemp("resumed") / "project")
    faults.arm(project, *faults.OFTEN)
    output = faults.outlive(project, *faults.OFTEN, last_from_first=True)
    assert "APPROVED" in output, output
    return project


@pytest.fixture
def idle(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has not run yet; a test may do with it what it likes."""
    return Project.make(tmp_path_factory.mktemp("idle") / "project")
