"""A bundle becomes the champion, is followed by another, and comes back; what may not, is refused and says why."""

import json

import pytest

from components.release import bundle
from components.release.ledger import Ledger
from components.serving.deployment import Deployment
from components.serving.pointer import Pointer
from tests.flows import runs
from tests.flows.project import changed, toml

CARD = {"documents/model_card.md": b"# Another model card\n"}


@pytest.fixture(scope="module")
def project(trained, tmp_path_factory):
    """A copy of the trained project, and in the order of this file all that is deployed from it."""
    return runs.copied(trained, tmp_path_factory.mktemp("deployed") / "project")


@pytest.fixture(scope="module")
def first(project):
    """The first deployment: the newest approved bundle, nothing said."""
    done = project.deploy()
    assert done.code == 0, done.output
    return project.ledger[0], done, project.deployments, project.served(), project.alias


@pytest.fixture(scope="module")
def second(project, first):
    """A second run's bundle, named by the first letters of its id."""
    entry = runs.beside(project, "2", CARD)
    done = project.deploy("--bundle", entry.bundle_id[:8], "--reason", "a better card")
    assert done.code == 0, done.output
    return entry, done, project.deployments, project.served(), project.alias


@pytest.fixture(scope="module")
def returned(project, second):
    """The way back."""
    done = project.deploy("--rollback", "true", "--reason", "the card was wrong")
    assert done.code == 0, done.output
    return done, project.deployments, project.served(), project.alias


def folder(project):
    return project.root / "build" / "deploy" / "production"


def test_a_promotion_is_in_the_ledger_with_who_and_why(first):
    decided, _, deployments, _, _ = first
    entry = deployments[-1]
    assert (entry.event, entry.run, entry.bundle_id, entry.by) == (
        "promoted", decided.run, decided.bundle_id, "tester",
    )  # fmt: skip
    assert "repeated 50 recorded rows" in entry.why
    assert entry.details["environment"] == "production"


def test_mlflow_names_the_champion(first):
    assert first[4] == first[0].bundle_id


def test_the_folder_serves_the_champion(first, project):
    assert first[3]["champion"] == first[0].bundle_id
    deployment = Deployment.watched(folder(project))
    assert (deployment.environment, deployment.champion.model.approved) == ("production", True)


def test_the_server_reads_the_settings_of_the_project(first, project):
    assert Pointer.read(folder(project)).settings.requests_per_second == 50.0


def test_it_says_what_serving_costs(first):
    assert "core-seconds for 1,000 predictions" in first[1].output
    assert "1 replica of one core for 50 requests a second" in first[1].output


def test_another_bundle_takes_its_place(first, second, project):
    entry, _, deployments, served, alias = second
    assert (served["champion"], alias, Ledger(project.store).decision(entry.run)) == (
        entry.bundle_id, entry.bundle_id, entry,
    )  # fmt: skip
    assert [each.bundle_id for each in deployments] == [first[0].bundle_id, entry.bundle_id]
    assert deployments[-1].why.startswith("a better card Its server repeated")


def test_a_champion_that_training_did_not_know_is_compared_with(second):
    assert "C01 passed" in second[2][-1].why
    assert "Against the champion: passed" in second[1].output


def test_both_lie_there_whole_for_the_way_back(first, second, project, returned):
    for bundle_id in (first[0].bundle_id, second[0].bundle_id):
        if (path := folder(project) / "bundles" / bundle_id).exists():
            bundle.verify(path, bundle_id)
    assert (folder(project) / "bundles" / first[0].bundle_id).is_dir()


def test_a_rollback_is_recorded_with_who_when_and_why(second, returned):
    entry = returned[1][-1]
    assert (entry.event, entry.bundle_id, entry.by, entry.why) == (
        "rolled back", second[0].bundle_id, "tester", "the card was wrong",
    )  # fmt: skip
    assert entry.at >= second[2][-1].at


def test_after_a_rollback_the_champion_before_is_served(first, returned):
    _, _, served, alias = returned
    assert (served["champion"], alias) == (first[0].bundle_id, first[0].bundle_id)


def test_an_alias_that_disagrees_is_repaired_by_the_ledgers_command(first, returned, project):
    project.mlflow.set_registered_model_alias("small", "champion", "2")
    done = project.python("-m", "components.release.history")
    assert (done.code, project.alias) == (0, first[0].bundle_id), done.output
    assert "alias 'champion' disagreed" in done.output
    again = project.python("-m", "components.release.history")
    assert "disagreed" not in again.output


@pytest.mark.system
def test_what_stands_there_is_not_promoted_again_but_all_is_mended(first, returned, project):
    project.mlflow.set_registered_model_alias("small", "champion", "2")
    (folder(project) / "deployment.json").unlink()
    before = len(project.deployments)
    done = project.deploy()
    assert done.code == 0, done.output
    assert "alias 'champion' disagreed with the ledger and was moved" in done.output
    assert "stood there already" in done.output
    assert (project.alias, project.served()["champion"]) == (first[0].bundle_id, first[0].bundle_id)
    assert len(project.deployments) == before


def refused(project, *words):
    """What was said as a deployment was refused, and the ledger's word on it; nothing else may have changed."""
    before = (project.alias, project.served(), len(project.deployments))
    done = project.deploy(*words)
    assert done.code != 0
    assert "Traceback" not in done.output
    assert (project.alias, project.served()) == before[:2]
    return done.output, project.deployments[before[2] :]


def test_a_rejected_bundle_is_refused(returned, project):
    runs.beside(project, "3", {"documents/model_card.md": b"# Third\n"}, event="rejected")
    output, entries = refused(project, "--bundle", "TrainFlow/3")
    assert "was rejected; its bundle" in output
    assert [(entry.event, entry.run) for entry in entries] == [("refused", "TrainFlow/3")]


def test_an_altered_bundle_is_refused(returned, project):
    runs.beside(project, "4", {"documents/model_card.md": b"# Fourth\n"})
    files = runs.bundle(project, "4")
    runs.store(project, "4", {**files, "program.onnx": files["program.onnx"][:-1] + b"\0"})
    output, entries = refused(project, "--bundle", "TrainFlow/4")
    assert "program.onnx: altered" in output
    assert "program.onnx: altered" in entries[0].why


@pytest.mark.system
def test_a_program_that_answers_otherwise_is_refused(returned, project):
    recorded = json.loads(runs.bundle(project, "2")["smoke.json"])
    scores = recorded["predictions"]["y_score"]
    recorded["predictions"]["y_score"] = [scores[0] + 1e-6, *scores[1:]]
    runs.beside(project, "5", {"smoke.json": json.dumps(recorded).encode()})
    output, entries = refused(project, "--bundle", "TrainFlow/5")
    assert "answers otherwise than recorded" in output
    assert (entries[0].event, entries[0].details["awaits_approval"]) == ("refused", False)


@pytest.mark.system
def test_where_a_person_must_approve_one_must(returned, project):
    configured = (project.root / "config.toml").read_text(encoding="utf-8")
    (project.root / "config.toml").write_text(toml(changed(deploy={"approval": True})), encoding="utf-8")
    output, entries = refused(project, "--bundle", "TrainFlow/2")
    assert "make approve RUN=TrainFlow/2" in output
    assert entries[0].details["awaits_approval"] is True
    done = project.python("-m", "components.release.approval", "TrainFlow/2", "--reason", "seen by the owner")
    assert done.code == 0, done.output
    assert project.deploy("--bundle", "TrainFlow/2").code == 0
    assert project.deployments[-1].event == "promoted"
    (project.root / "config.toml").write_text(configured, encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--rollback", "true"), "A rollback says why"),
        pytest.param(("--bundle", "0" * 8), "No decision in the ledger", marks=pytest.mark.system),
        pytest.param(("--environment", "moon"), "'moon' is no environment", marks=pytest.mark.system),
    ],
)
def test_what_cannot_be_understood_is_refused_before_anything_is_recorded(returned, project, words, sentence):
    output, entries = refused(project, *words)
    assert sentence in output
    assert entries == []


@pytest.mark.system
def test_a_bundle_is_set_beside_the_champion_and_taken_away(returned, project):
    before = (project.alias, project.served()["champion"])
    beside = runs.beside(project, "7", {"documents/model_card.md": b"# Seventh\n"})
    output, _ = refused(project, "--bundle", "TrainFlow/7", "--mode", "split", "--sticky", "nobody")
    assert "'nobody' is no input of the bundle" in output
    done = project.deploy("--bundle", "TrainFlow/7", "--mode", "split", "--share", "0.25", "--sticky", "age")
    assert done.code == 0, done.output
    pointer = Pointer.read(folder(project))
    assert (pointer.challenger, pointer.mode, pointer.share, pointer.sticky) == (
        beside.bundle_id, "split", 0.25, "age",
    )  # fmt: skip
    deployment = Deployment.watched(folder(project))
    assert {deployment.route(str(key)).name for key in range(100)} == {"champion", "challenger"}
    left_behind = {**project.served(), "share": 0.9}
    (folder(project) / "deployment.json").write_text(json.dumps(left_behind), encoding="utf-8")
    assert project.deploy("--bundle", "TrainFlow/7", "--mode", "split", "--sticky", "nobody").code != 0
    assert Pointer.read(folder(project)).share == 0.25
    # Whatever is said of it since, it can be taken away, and nothing of it has to run for that.
    Ledger(project.store).append(
        event="rejected",
        run="TrainFlow/7",
        bundle_id=beside.bundle_id,
        by="ada",
        why="seen since to be unfair",
    )
    done = project.deploy("--mode", "off")
    assert done.code == 0, done.output
    last = Ledger(project.store).entries()[-1]
    assert (last.event, last.details["mode"], last.bundle_id) == ("set beside", "off", beside.bundle_id)
    assert "It no longer stands beside the champion" in last.why
    assert Pointer.read(folder(project)).challenger == ""
    assert (project.alias, project.served()["champion"]) == before


@pytest.mark.system
def test_a_bundle_of_other_columns_may_not_share_requests_and_is_told_of_as_it_takes_over(returned, project):
    contract = json.loads(runs.bundle(project, "2")["contract.json"])
    contract["optional"] = [{**contract["features"][0], "name": "shoe_size"}]
    entry = runs.beside(project, "8", {"contract.json": json.dumps(contract).encode()})
    told = "the challenger alone may be given 'shoe_size'"
    output, entries = refused(project, "--bundle", "TrainFlow/8", "--mode", "split", "--share", "0.5")
    assert told in output
    assert told in entries[0].why
    done = project.deploy("--bundle", "TrainFlow/8")
    assert done.code == 0, done.output
    assert told in done.output
    assert told in project.deployments[-1].why
    assert project.served()["champion"] == entry.bundle_id
    assert project.deploy("--rollback", "true", "--reason", "nobody asks for the size of shoes").code == 0


@pytest.mark.system
def test_without_mlflow_the_way_back_is_open_and_the_alias_follows_later(returned, project):
    configured = (project.root / "config.toml").read_text(encoding="utf-8")
    assert project.deploy("--bundle", "TrainFlow/2").code == 0
    away = toml(changed(tracking={"uri": "http://127.0.0.1:9"}))
    (project.root / "config.toml").write_text(away, encoding="utf-8")
    done = project.deploy("--rollback", "true", "--reason", "while MLflow is away")
    assert done.code != 0
    assert "MLflow" in done.output
    champion = Ledger(project.store).champion().bundle_id
    assert project.served()["champion"] == champion != project.alias
    (project.root / "config.toml").write_text(configured, encoding="utf-8")
    assert project.python("-m", "components.release.history").code == 0
    assert project.alias == champion


def test_a_rejected_bundle_shows_in_test_what_it_would_cost(returned, project):
    runs.beside(project, "6", {"documents/model_card.md": b"# Sixth\n"}, event="rejected")
    before = (project.alias, project.served())
    project.mlflow.set_registered_model_alias("small", "champion", "2")
    done = project.deploy("--environment", "test", "--bundle", "TrainFlow/6")
    assert done.code == 0, done.output
    assert "alias 'champion' disagreed with the ledger and was moved" in done.output
    assert "core-seconds for 1,000 predictions" in done.output
    assert "1 replica of one core" in done.output
    entry = project.deployments[-1]
    assert (entry.event, entry.details["environment"]) == ("promoted", "test")
    assert project.served("test")["champion"] == entry.bundle_id
    assert (project.alias, project.served()) == before
    assert Ledger(project.store).champion().bundle_id == before[0]
