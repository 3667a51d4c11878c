"""Another deployment takes over only once its bundles were verified, loaded and seen to answer as recorded."""

import json
import shutil
from pathlib import Path

import pytest

from components.errors import BundleError, DeploymentError
from components.release.bundle import write
from components.release.manifest import write_manifest
from components.serving.deployment import Deployment
from components.serving.model import Model
from components.serving.pointer import POINTER, Pointer
from components.serving.settings import ServingSettings
from components.training.features import Columns
from tests.components.serving.bundles import COLUMNS, Bundle, bundle, deploy


@pytest.fixture(scope="module")
def champion() -> Bundle:
    return bundle("TrainFlow/1", C=1.0)


@pytest.fixture(scope="module")
def challenger() -> Bundle:
    return bundle("TrainFlow/2", C=0.001)


@pytest.fixture
def folder(tmp_path: Path, champion: Bundle, challenger: Bundle) -> Path:
    for each in (champion, challenger):
        each.write(tmp_path)
    deploy(tmp_path, champion.bundle_id)
    return tmp_path


def edited(files: dict[str, bytes], name: str, old: bytes, new: bytes) -> dict[str, bytes]:
    """A bundle that was altered and given a manifest that fits."""
    assert old in files[name]
    changed = {key: content for key, content in files.items() if key != "manifest.json"}
    changed[name] = changed[name].replace(old, new, 1)
    return {**changed, "manifest.json": write_manifest(changed)}


def test_a_model_is_what_its_bundle_says(folder, champion):
    model = Model.load(folder / "bundles" / champion.bundle_id, champion.bundle_id)
    assert (model.bundle_id, model.version, model.approved) == (champion.bundle_id, "1", True)
    assert (model.name, model.created) == ("job_coaching", "2026-01-02T03:04:05+00:00")


def test_another_bundle_than_the_one_meant_is_refused(folder, champion, challenger):
    with pytest.raises(BundleError, match="get the right one"):
        Model.load(folder / "bundles" / champion.bundle_id, challenger.bundle_id)


def test_a_bundle_that_answers_otherwise_than_recorded_is_refused(tmp_path, champion):
    recorded = json.loads(champion.files["smoke.json"])["predictions"]["y_score"][7]
    old = repr(recorded).encode()
    write(edited(champion.files, "smoke.json", old, repr(recorded + 1e-7).encode()), tmp_path / "bundle")
    with pytest.raises(BundleError, match=r"y_score of row 7 is 0\.\d+, and was"):
        Model.load(tmp_path / "bundle")


def test_a_program_that_does_not_load_is_refused_with_the_reason(tmp_path, champion):
    write(edited(champion.files, "program.onnx", b"Concat", b"Concut"), tmp_path / "bundle")
    with pytest.raises(BundleError, match="cannot be served"):
        Model.load(tmp_path / "bundle")


def test_each_bundle_runs_its_own_code(tmp_path, champion, monkeypatch):
    """The program is the bundle's own, not the one that this project has today."""
    monkeypatch.setattr("components.serving.program.Program.load", None)
    champion.write(tmp_path)
    assert Model.load(tmp_path / "bundles" / champion.bundle_id).program is not None


def test_a_deployment_serves_what_its_pointer_names(folder, champion):
    deployment = Deployment.watched(folder)
    assert deployment.champion.model.bundle_id == champion.bundle_id
    assert (deployment.challenger, deployment.environment, deployment.changed) == (None, "test", False)


def test_another_champion_takes_over(folder, challenger):
    deployment = Deployment.watched(folder)
    deploy(folder, challenger.bundle_id)
    assert deployment.changed
    assert deployment.refresh()
    assert deployment.champion.model.bundle_id == challenger.bundle_id
    assert (deployment.swaps, deployment.refused, deployment.changed) == (1, "", False)


def test_a_folder_behind_a_link_that_is_swapped_takes_over(folder, challenger, tmp_path_factory):
    """As git-sync, ConfigMaps and folders of releases do it."""
    root = tmp_path_factory.mktemp("releases")
    shutil.copytree(folder, root / "next")
    deploy(root / "next", challenger.bundle_id)
    (root / "current").symlink_to(folder)
    deployment = Deployment.watched(root / "current")
    assert not deployment.changed
    (root / "new").symlink_to("next")
    (root / "new").replace(root / "current")
    assert deployment.changed
    assert deployment.refresh()
    assert deployment.champion.model.bundle_id == challenger.bundle_id


def test_the_same_pointer_again_changes_nothing(folder, champion):
    deployment = Deployment.watched(folder)
    before = deployment.champion
    deploy(folder, champion.bundle_id)
    assert not deployment.refresh()
    assert deployment.champion is before


@pytest.mark.parametrize("file", ["program.onnx", "program.pyz", "manifest.json", "contract.json"])
def test_an_altered_bundle_is_refused_and_the_old_one_stays(folder, champion, challenger, file):
    path = folder / "bundles" / challenger.bundle_id / file
    path.write_bytes(path.read_bytes() + b" ")
    deployment = Deployment.watched(folder)
    deploy(folder, challenger.bundle_id)
    assert not deployment.refresh()
    assert deployment.champion.model.bundle_id == champion.bundle_id
    assert file in deployment.refused


def test_a_refusal_ends_with_the_next_good_deployment(folder, champion, challenger):
    deployment = Deployment.watched(folder)
    (folder / POINTER).write_text("{")
    assert not deployment.refresh()
    assert "cannot be read" in deployment.refused
    deploy(folder, challenger.bundle_id)
    assert deployment.refresh()
    assert deployment.refused == ""


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"champion": ""}, "names no champion"),
        ({"champion": 7}, "another type"),
        ({"champion": "../../etc"}, "no bundle's id"),
        ({"champion": "f" * 64}, "not a folder"),
        ({"champion": "a", "mode": "shadow"}, "a challenger goes with"),
        ({"champion": "a", "mode": "race", "challenger": "b"}, "a challenger goes with"),
        ({"champion": "a", "mode": "split", "challenger": "b", "share": 2}, "from 0 to 1"),
        ({"champion": "a", "colour": "red"}, "not a deployment"),
        ({"champion": "a", "version": 2}, "not a deployment"),
        ({"champion": "a", "serving": {"port": 1}}, "unknown"),
    ],
)
def test_a_pointer_that_says_something_else_is_refused(tmp_path, said, why):
    (tmp_path / POINTER).write_text(json.dumps({"version": 1, **said}))
    with pytest.raises((DeploymentError, BundleError), match=why):
        Deployment.watched(tmp_path)


def test_without_a_pointer_the_command_is_named(tmp_path):
    with pytest.raises(DeploymentError, match="make deploy"):
        Deployment.watched(tmp_path)


def test_what_is_written_is_what_is_read(tmp_path):
    pointer = Pointer("production", "a", "b", "split", 0.25, "age")
    (tmp_path / POINTER).write_bytes(pointer.to_bytes())
    assert Pointer.read(tmp_path) == pointer


def test_a_deployment_that_comes_while_another_is_loaded_is_seen(folder, challenger, monkeypatch):
    load = Model.load

    def slowly(*words):
        deploy(folder, challenger.bundle_id)
        monkeypatch.setattr(Model, "load", load)
        return load(*words)

    monkeypatch.setattr(Model, "load", slowly)
    deployment = Deployment.watched(folder)
    assert deployment.changed
    assert deployment.refresh()
    assert deployment.champion.model.bundle_id == challenger.bundle_id


def test_a_bundle_that_was_refused_is_tried_again_once_it_is_mended(folder, challenger, monkeypatch):
    monkeypatch.setattr("components.serving.deployment.RETRY_SECONDS", 0.0)
    deployment = Deployment.watched(folder)
    program = folder / "bundles" / challenger.bundle_id / "program.onnx"
    whole = program.read_bytes()
    program.write_bytes(whole + b" ")
    deploy(folder, challenger.bundle_id)
    assert not deployment.refresh()
    program.write_bytes(whole)
    assert deployment.changed
    assert deployment.refresh()
    assert deployment.refused == ""


def test_a_worker_that_takes_a_dead_ones_place_goes_on_with_what_was_served(
    folder, champion, challenger, tmp_path
):
    accepted = tmp_path / "accepted.json"
    Deployment.watched(folder, accepted)
    (folder / "bundles" / challenger.bundle_id / "program.onnx").unlink()
    deploy(folder, challenger.bundle_id)
    after = Deployment.watched(folder, accepted)
    assert after.champion.model.bundle_id == champion.bundle_id
    assert "program.onnx" in after.refused


@pytest.mark.parametrize("serving", [[], None, "x", 3])
def test_settings_that_are_none_are_refused_and_the_old_ones_stay(folder, challenger, serving):
    deployment = Deployment.watched(folder)
    deploy(folder, challenger.bundle_id, serving=serving)
    assert not deployment.refresh()
    assert "object of settings" in deployment.refused


def test_a_rejected_runs_bundle_is_served_in_the_environment_test_alone(tmp_path):
    rejected = bundle("TrainFlow/3", C=0.5, outcome="rejected")
    rejected.write(tmp_path)
    deploy(tmp_path, rejected.bundle_id)
    assert not Deployment.watched(tmp_path).champion.model.approved
    deploy(tmp_path, rejected.bundle_id, environment="production")
    with pytest.raises(DeploymentError, match="was rejected"):
        Deployment.watched(tmp_path)


def test_a_shadow_answers_nobody(folder, champion, challenger):
    deploy(folder, champion.bundle_id, challenger=challenger.bundle_id, mode="shadow")
    deployment = Deployment.watched(folder)
    assert {deployment.route(str(key)).name for key in range(200)} == {"champion"}
    assert deployment.shadow is deployment.challenger
    assert not deployment.splits


def test_a_split_gives_each_key_one_of_two_for_good(folder, champion, challenger):
    said = {"challenger": challenger.bundle_id, "mode": "split", "share": 0.3, "sticky": "age"}
    deploy(folder, champion.bundle_id, **said)
    deployment = Deployment.watched(folder)
    names = [deployment.route(str(key)).name for key in range(20_000)]
    # Five standard errors of a share of .3 among 20,000.
    assert abs(names.count("challenger") / len(names) - 0.3) < 5 * (0.3 * 0.7 / 20_000) ** 0.5
    again = Deployment.watched(folder)
    assert names == [again.route(str(key)).name for key in range(20_000)]
    assert (deployment.shadow, deployment.sticky) == (None, "age")


@pytest.fixture(scope="module")
def wider() -> Bundle:
    """A bundle whose model wants a column more."""
    return bundle("TrainFlow/3", columns=Columns(COLUMNS.numeric, (*COLUMNS.categorical, "citizenship")))


@pytest.mark.parametrize("mode", ["split", "shadow"])
def test_no_request_could_satisfy_two_contracts_so_that_such_a_deployment_is_refused(
    folder, champion, wider, mode
):
    wider.write(folder)
    deployment = Deployment.watched(folder)
    deploy(folder, champion.bundle_id, challenger=wider.bundle_id, mode=mode, share=0.5)
    assert not deployment.refresh()
    assert "'citizenship'" in deployment.refused
    assert deployment.challenger is None
    with pytest.raises(DeploymentError, match="Train the challenger on the champion's columns"):
        Deployment.watched(folder)


def test_another_experiment_assigns_anew(folder, champion, challenger):
    said = {"mode": "split", "share": 0.5}
    deploy(folder, champion.bundle_id, challenger=challenger.bundle_id, **said)
    first = Deployment.watched(folder)
    deploy(folder, challenger.bundle_id, challenger=champion.bundle_id, **said)
    second = Deployment.watched(folder)
    both = sum(first.route(str(n)).name == second.route(str(n)).name for n in range(10_000))
    assert abs(both / 10_000 - 0.5) < 0.05


def test_a_bundle_alone_never_changes(folder, champion):
    deployment = Deployment.of_bundle(folder / "bundles" / champion.bundle_id)
    shutil.rmtree(folder / "bundles")
    assert not deployment.changed
    assert not deployment.refresh()
    assert deployment.champion.model.bundle_id == champion.bundle_id


def test_a_rejected_runs_bundle_alone_is_served_where_it_is_said_to_be_a_test(tmp_path):
    rejected = bundle("TrainFlow/3", C=0.5, outcome="rejected")
    rejected.write(tmp_path)
    folder = tmp_path / "bundles" / rejected.bundle_id
    for environment in ("", "production"):
        with pytest.raises(DeploymentError, match="was rejected"):
            Deployment.of_bundle(folder, environment=environment)
    assert not Deployment.of_bundle(folder, environment="test").champion.model.approved


def test_who_comes_later_has_the_settings_that_the_server_started_with(
    folder, champion, challenger, tmp_path
):
    started, accepted = ServingSettings(max_rows=3), tmp_path / "accepted.json"
    deploy(folder, champion.bundle_id, serving={"max_rows": 3})
    assert not Deployment.watched(folder, accepted, started).settings_differ
    deploy(folder, champion.bundle_id, serving={"max_rows": 5})
    later = Deployment.watched(folder, accepted, started)
    assert (later.settings, later.settings_differ) == (started, True)
    deploy(folder, challenger.bundle_id, serving={"max_rows": 3})
    assert later.refresh()
    assert not later.settings_differ
    deploy(folder, challenger.bundle_id, serving={"max_rows": 4})
    assert not later.refresh()
    assert (later.settings, later.settings_differ) == (started, True)
    (folder / POINTER).write_text("{")
    assert Deployment.watched(folder, accepted, ServingSettings(max_rows=9)).settings.max_rows == 9
