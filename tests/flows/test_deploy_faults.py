"""Deployments that die, and deployments that meet: one champion, an unbroken ledger, and whoever was late is told."""

import pytest

from components.release import bundle
from components.release.ledger import Ledger
from tests.flows import faults, runs

CARD = {"documents/model_card.md": b"# Another model card\n"}


@pytest.fixture
def project(trained, tmp_path):
    """A copy of the trained project with a second run beside the first."""
    project = runs.copied(trained, tmp_path / "project")
    runs.beside(project, "2", CARD)
    return project


def killed(project, moment, *words):
    """The run of a deployment that died at a moment."""
    faults.arm(project, moment)
    done = project.deploy(*words)
    assert done.code != 0
    assert faults.grave(project, moment).exists(), done.output
    return project.run(flow="DeployFlow").id


def whole(project):
    """The champion, if the ledger's chain holds and all that follows it says the same."""
    champion = Ledger(project.store).champion().bundle_id
    assert (project.alias, project.served()["champion"]) == (champion, champion)
    bundle.verify(project.root / "build" / "deploy" / "production" / "bundles" / champion, champion)
    return champion


def test_who_comes_late_is_told_and_who_died_goes_on(project):
    one, other = (entry.bundle_id for entry in project.ledger)
    late = killed(project, "ledger", "--bundle", one)
    assert Ledger(project.store).champion() is None
    early = killed(project, "folder", "--bundle", other)
    # It is promoted, and nothing else has followed yet.
    assert (Ledger(project.store).champion().bundle_id, project.alias) == (other, "")
    assert project.deploy(resumed=early).code == 0
    assert whole(project) == other
    told = project.deploy(resumed=late)
    assert told.code != 0
    assert f"Another deployment was first: the champion of production is now {other[:12]}" in told.output
    assert [(entry.event, entry.bundle_id) for entry in project.deployments] == [
        ("promoted", other),
        ("refused", one),
    ]
    assert whole(project) == other


@pytest.mark.system
def test_a_deployment_that_died_at_every_moment_is_resumed(project):
    faults.arm(project, *faults.DEPLOYING)
    done = project.deploy()
    for moment in faults.DEPLOYING:
        assert done.code != 0
        assert faults.grave(project, moment).exists(), done.output
        Ledger(project.store).entries()
        done = project.deploy(resumed=project.run(flow="DeployFlow").id)
    assert done.code == 0, done.output
    assert whole(project) == project.ledger[-1].bundle_id
    assert [entry.event for entry in project.deployments] == ["promoted"]


@pytest.mark.system
def test_the_next_deployment_mends_what_those_that_died_left(project):
    assert project.deploy("--bundle", "TrainFlow/2").code == 0
    first = project.ledger[0]
    for moment in ("ledger", "files", "alias", "head"):  # each comes further than the one before
        killed(project, moment, "--bundle", first.run)
    done = project.deploy("--bundle", first.run)
    assert done.code == 0, done.output
    assert whole(project) == first.bundle_id
    assert [entry.event for entry in project.deployments] == ["promoted", "promoted"]


@pytest.mark.system
def test_of_two_at_once_one_wins(project):
    running = [project.start("run", "--bundle", entry.run, flow="deploy") for entry in project.ledger]
    outputs = [process.communicate()[0] for process in running]
    events = {entry.bundle_id: entry.event for entry in project.deployments}
    codes = {
        entry.bundle_id: process.returncode for entry, process in zip(project.ledger, running, strict=True)
    }
    assert sorted(events.values()) == ["promoted", "refused"], "\n".join(outputs)
    assert {events[each]: codes[each] == 0 for each in events} == {"promoted": True, "refused": False}
    assert events[whole(project)] == "promoted"
