import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from mlflow.pyfunc import load_model, save_model
from mlflow.tracking import MlflowClient

from components.errors import BundleError, FlowprintError, LedgerError
from components.release import history
from components.release.ledger import Ledger
from components.release.registry import Registry
from components.release.run_record import DataInput, RunRecord
from components.store import Store
from components.training.search import SearchResult, Trial
from components.validation.metrics import Estimate

PROJECT = Path(__file__).parents[3]
LOADER = """
class Constant:
    def predict(self, table, params=None):
        return [0.5] * len(table)

def _load_pyfunc(path):
    return Constant()
"""
TRIALS = (
    Trial(0, {"C": 1.0}, (0.70, 0.72, 0.74), "complete", 1.5),
    Trial(1, {"C": 9.0}, (0.60,), "pruned", 0.5),
    Trial(2, {"C": 0.1}, (0.71, 0.73, 0.75), "complete", 1.0),
)
SEARCH = SearchResult("linear", TRIALS, TRIALS[-1], 0.73, 0.01, 0)
WRITER = """
import sys
from pathlib import Path
from components.release.registry import Registry
from components.release.run_record import DataInput, RunRecord
uri, run = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
data = DataInput("acs", "d0", "acs.parquet", 1, {})
run = RunRecord(f"TrainFlow/{run}", "", "ada", "rejected", run * 64, "h", "", data, {"run": run}, {}, (), "")
Registry(uri, "sample", "sample").record(run, bundle=Path())
"""


@dataclass(frozen=True)
class FirstUse:
    """What two processes left behind that recorded a run each, at the same moment, where no store was yet."""

    folder: Path
    returncodes: list[int]
    printed: list[tuple[str, str]]


@pytest.fixture(scope="session")
def first_use(tmp_path_factory) -> FirstUse:
    folder = tmp_path_factory.mktemp("tracking")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, f"sqlite:///{folder}/mlflow.db", run], cwd=PROJECT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for run in "12"
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    printed = [writer.communicate() for writer in writers]
    return FirstUse(folder, [writer.returncode for writer in writers], printed)


@pytest.fixture(scope="session")
def uri(first_use) -> str:
    """One SQLite store for all tests, as making it takes seconds; each test has an experiment of its own."""
    return f"sqlite:///{first_use.folder}/mlflow.db"


@pytest.fixture
def registry(uri, request) -> Registry:
    return Registry(uri, request.node.name, request.node.name)


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    """A valid MLflow model that answers 0.5."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "constant_loader.py").write_text(LOADER)
    save_model(
        folder / "bundle", loader_module="constant_loader", code_paths=[str(folder / "constant_loader.py")],
        pip_requirements=[],
    )  # fmt: skip
    return folder / "bundle"


@pytest.fixture
def bundles(model, tmp_path):
    """Makes a bundle for a run, and returns its folder and id."""

    def make(name: str) -> tuple[Path, str]:
        folder = tmp_path / name / "bundle"
        shutil.copytree(model, folder)
        (folder / "manifest.json").write_text(json.dumps({"run": name}))
        return folder, hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()

    return make


@pytest.fixture
def client(uri) -> MlflowClient:
    return MlflowClient(uri, uri)


def record(outcome, bundle_id, run="1", **changes) -> RunRecord:
    fields = RunRecord(
        origin_run=f"TrainFlow/{run}",
        pathspec=f"TrainFlow/{run}",
        by="ada",
        outcome=outcome,
        bundle_id=bundle_id,
        holdout_id="h1",
        git_commit="c0ffee",
        data=DataInput("acs", "d0123456789abcdef", "data/acs.parquet", 43348, {"age": "integer", "sex": "category"}),
        params={"family": "linear", "C": 0.1},
        metrics={"roc_auc": Estimate(0.77, 0.76, 0.78)},
        searches=(),
        summary="**approved**",
    )  # fmt: skip
    return replace(fields, **changes)


def runs(client: MlflowClient, registry: Registry, *, nested: bool = False) -> list:
    found = client.search_runs([client.get_experiment_by_name(registry.experiment).experiment_id])
    return [run for run in found if ("mlflow.parentRunId" in run.data.tags) is nested]


def versions(client: MlflowClient, registry: Registry) -> list:
    return client.search_model_versions(f"name = '{registry.model_name}'")


def reject(registry, bundles, run="1", **changes):
    folder, bundle_id = bundles(run)
    return registry.record(record("rejected", bundle_id, run, **changes), bundle=folder)


def approve(registry, bundles, run="1", **changes):
    folder, bundle_id = bundles(run)
    return registry.record(record("approved", bundle_id, run, **changes), bundle=folder), bundle_id


# A run


def test_run_leads_back_to_flow_data_code_and_bundle(registry, bundles, client):
    tags = client.get_run(reject(registry, bundles).mlflow_run_id).data.tags
    assert {
        "metaflow.origin_run": "TrainFlow/1",
        "metaflow.pathspec": "TrainFlow/1",
        "data_version": "d0123456789abcdef",
        "holdout_id": "h1",
        "git_commit": "c0ffee",
        "mlflow.source.git.commit": "c0ffee",
        "decision": "rejected",
        "mlflow.user": "ada",
    }.items() <= tags.items()
    assert len(tags["bundle_id"]) == 64


def test_run_is_finished(registry, bundles, client):
    assert client.get_run(reject(registry, bundles).mlflow_run_id).info.status == "FINISHED"


def test_run_has_the_winners_parameters(registry, bundles, client):
    run = client.get_run(reject(registry, bundles).mlflow_run_id)
    assert run.data.params == {"family": "linear", "C": "0.1"}


def test_metrics_come_with_their_intervals(registry, bundles, client):
    metrics = client.get_run(reject(registry, bundles).mlflow_run_id).data.metrics
    assert (metrics["roc_auc"], metrics["roc_auc.low"], metrics["roc_auc.high"]) == (0.77, 0.76, 0.78)


def test_a_metric_that_is_undefined_is_kept_as_such(registry, bundles, client):
    nothing = float("nan")
    tracked = reject(registry, bundles, metrics={"precision": Estimate(nothing, nothing, nothing)})
    assert client.get_run(tracked.mlflow_run_id).data.metrics["precision"] != 0.0


def test_more_metrics_than_one_request_takes_are_logged(registry, bundles, client):
    metrics = {f"metric_{number}": Estimate(0.5, 0.4, 0.6) for number in range(400)}
    assert len(client.get_run(reject(registry, bundles, metrics=metrics).mlflow_run_id).data.metrics) == 1200


def test_best_score_is_a_curve_over_complete_trials(registry, bundles, client):
    history = client.get_metric_history(
        reject(registry, bundles, searches=(SEARCH,)).mlflow_run_id, "best_score.linear"
    )
    assert [(point.step, round(point.value, 9)) for point in history] == [(0, 0.72), (1, 0.73)]


def test_data_set_is_an_input_with_its_version_as_digest(registry, bundles, client):
    (entry,) = client.get_run(reject(registry, bundles).mlflow_run_id).inputs.dataset_inputs
    assert (entry.dataset.name, entry.dataset.digest) == ("acs", "d0123456789abcdef")
    assert json.loads(entry.dataset.profile) == {"num_rows": 43348}
    columns = json.loads(entry.dataset.schema)["mlflow_colspec"]
    assert [(column["name"], column["type"]) for column in columns] == [("age", "long"), ("sex", "string")]


def test_artifacts_are_kept_with_the_run(registry, bundles, client, tmp_path):
    folder, bundle_id = bundles("1")
    (tmp_path / "decision.json").write_text("{}")
    tracked = registry.record(
        record("rejected", bundle_id), bundle=folder, artifacts=[tmp_path / "decision.json"]
    )
    assert [file.path for file in client.list_artifacts(tracked.mlflow_run_id)] == ["decision.json"]


# Trials


def test_each_trial_is_a_nested_run(registry, bundles, client):
    parent = reject(registry, bundles, searches=(SEARCH,)).mlflow_run_id
    trials = runs(client, registry, nested=True)
    assert {run.info.run_name for run in trials} == {"linear 0", "linear 1", "linear 2"}
    assert {run.data.tags["mlflow.parentRunId"] for run in trials} == {parent}


def test_a_complete_trial_has_its_parameters_score_and_duration(registry, bundles, client):
    reject(registry, bundles, searches=(SEARCH,))
    trial = next(run for run in runs(client, registry, nested=True) if run.info.run_name == "linear 2")
    assert trial.data.params == {"C": "0.1"}
    assert round(trial.data.metrics["score"], 9) == 0.73
    assert trial.info.end_time - trial.info.start_time == 1000
    folds = client.get_metric_history(trial.info.run_id, "fold_score")
    assert [point.value for point in folds] == [0.71, 0.73, 0.75]


def test_a_pruned_trial_has_no_score_to_be_compared_by(registry, bundles, client):
    reject(registry, bundles, searches=(SEARCH,))
    trial = next(run for run in runs(client, registry, nested=True) if run.info.run_name == "linear 1")
    assert (trial.info.status, "score" in trial.data.metrics) == ("KILLED", False)


# Approved and rejected


def test_a_rejected_run_has_no_model_version(registry, bundles, client):
    assert reject(registry, bundles).model_version == ""
    assert versions(client, registry) == []


def test_an_approved_run_has_a_version_named_challenger(registry, bundles, client):
    tracked, bundle_id = approve(registry, bundles)
    version = client.get_model_version_by_alias(registry.model_name, "challenger")
    assert (str(version.version), version.run_id) == (tracked.model_version, tracked.mlflow_run_id)
    assert version.tags["bundle_id"] == bundle_id


def test_the_version_can_be_loaded_after_the_bundles_folder_is_gone(registry, bundles, client):
    folder, bundle_id = bundles("1")
    tracked = registry.record(record("approved", bundle_id), bundle=folder)
    shutil.rmtree(folder)
    source = client.get_model_version_download_uri(registry.model_name, tracked.model_version)
    assert load_model(source).predict([[1], [2]]) == [0.5, 0.5]


def test_challenger_moves_on_to_the_newest_approved_run(registry, bundles, client):
    approve(registry, bundles, "1")
    second, _ = approve(registry, bundles, "2")
    reject(registry, bundles, "3")
    version = client.get_model_version_by_alias(registry.model_name, "challenger")
    assert version.run_id == second.mlflow_run_id


def test_recording_an_older_run_again_leaves_the_challenger(registry, bundles, client, tmp_path):
    _, bundle_id = approve(registry, bundles, "1")
    second, _ = approve(registry, bundles, "2")
    registry.record(record("approved", bundle_id), bundle=tmp_path / "1" / "bundle")
    assert client.get_model_version_by_alias(registry.model_name, "challenger").run_id == second.mlflow_run_id


def test_a_bundle_that_was_not_approved_is_not_registered(registry, bundles):
    folder, bundle_id = bundles("1")
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(BundleError, match=r"manifest\.json: its hash is \w+, but \w+ was approved"):
        registry.record(record("approved", bundle_id), bundle=folder)


def test_a_folder_that_is_no_mlflow_model_is_not_registered(registry, bundles):
    folder, bundle_id = bundles("1")
    (folder / "MLmodel").unlink()
    with pytest.raises(BundleError, match="MLmodel: missing"):
        registry.record(record("approved", bundle_id), bundle=folder)


# Once


def test_recording_again_changes_nothing(registry, bundles, client, tmp_path):
    first, bundle_id = approve(registry, bundles, searches=(SEARCH,))
    before = client.get_run(first.mlflow_run_id).to_dictionary()
    again = registry.record(
        record("approved", bundle_id, searches=(SEARCH,)), bundle=tmp_path / "1" / "bundle"
    )
    assert again == first
    assert client.get_run(first.mlflow_run_id).to_dictionary() == before
    assert (len(runs(client, registry, nested=True)), len(versions(client, registry))) == (3, 1)


def test_a_record_that_was_broken_off_is_completed(registry, bundles, client, tmp_path):
    folder, bundle_id = bundles("1")
    broken = record("approved", bundle_id, searches=(SEARCH,))
    with pytest.raises(FileNotFoundError):
        registry.record(broken, bundle=folder, artifacts=[tmp_path / "not there yet"])
    tracked = registry.record(broken, bundle=folder)
    assert [run.info.run_id for run in runs(client, registry)] == [tracked.mlflow_run_id]
    assert len(runs(client, registry, nested=True)) == 3
    assert len(client.get_metric_history(tracked.mlflow_run_id, "roc_auc")) == 1
    assert len(client.get_run(tracked.mlflow_run_id).inputs.dataset_inputs) == 1


def test_a_resumed_run_is_the_same_run(registry, bundles, client, tmp_path):
    first, bundle_id = approve(registry, bundles)
    before = client.get_run(first.mlflow_run_id).to_dictionary()
    resumed = record("approved", bundle_id, pathspec="TrainFlow/7")
    assert registry.record(resumed, bundle=tmp_path / "1" / "bundle") == first
    assert client.get_run(first.mlflow_run_id).to_dictionary() == before


def test_another_decision_of_the_same_run_is_refused(registry, bundles):
    reject(registry, bundles)
    folder, bundle_id = bundles("again")
    with pytest.raises(FlowprintError, match="what was recorded stands; start a new run"):
        registry.record(record("approved", bundle_id), bundle=folder)


# Champion


def test_champion_follows_the_ledger(registry, bundles, client):
    _, first = approve(registry, bundles, "1")
    approve(registry, bundles, "2")
    registry.set_champion(first)
    version = client.get_model_version_by_alias(registry.model_name, "champion")
    assert version.tags["bundle_id"] == first


def test_champion_is_taken_away_when_the_ledger_has_none(registry, bundles, client):
    _, bundle_id = approve(registry, bundles)
    registry.set_champion(bundle_id)
    registry.set_champion("")
    assert "champion" not in client.get_registered_model(registry.model_name).aliases


def test_champion_must_be_registered(registry):
    with pytest.raises(FlowprintError, match=r"no version of .* has the bundle bbbbbbbbbbbb"):
        registry.set_champion("b" * 64)


# The ledger's head


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    ledger = Ledger(Store(str(tmp_path / "store")))
    for number in range(3):
        ledger.append(event="rejected", run=f"TrainFlow/{number}", bundle_id="b", by="ada", why="P01 failed")
    return ledger


def test_head_is_kept_and_found_again(registry, ledger):
    assert (registry.check_head(ledger), registry.keep_head(ledger), registry.check_head(ledger)) == (0, 3, 3)


def test_a_ledger_that_has_grown_passes(registry, ledger):
    registry.keep_head(ledger)
    ledger.append(event="refused", run="", bundle_id="b", by="ada", why="not better")
    assert registry.check_head(ledger) == 3


def test_a_cut_tail_is_noticed(registry, ledger, tmp_path):
    registry.keep_head(ledger)
    (tmp_path / "store" / "ledger" / "00000003.json").unlink()
    with pytest.raises(LedgerError, match="ends at entry 2, but entry 3 was recorded"):
        registry.check_head(ledger)


def test_evidence_of_a_cut_tail_is_not_overwritten(registry, ledger, tmp_path):
    registry.keep_head(ledger)
    (tmp_path / "store" / "ledger" / "00000003.json").unlink()
    for why in ("first", "second"):
        ledger.append(event="refused", run="", bundle_id="b", by="eve", why=why)
    for _ in range(2):
        with pytest.raises(LedgerError, match=r"00000003\.json: its hash is"):
            registry.keep_head(ledger)


def test_asking_for_the_head_makes_no_store(ledger, tmp_path):
    assert Registry(f"sqlite:///{tmp_path}/mlflow.db", "new", "new").check_head(ledger) == 0
    assert not (tmp_path / "mlflow.db").exists()


def test_ledger_command_notices_a_cut_tail(uri, ledger, tmp_path, capsys):
    config = CONFIG.format(root=tmp_path / "store", uri=uri)
    (tmp_path / "config.toml").write_text(config)
    Registry(uri, "cut_tail", "cut_tail").keep_head(ledger)
    command = ["--config", str(tmp_path / "config.toml")]
    assert history.main(command) == 0
    assert "3 entries; the chain is whole. MLflow's head is entry 3." in capsys.readouterr().out
    (tmp_path / "store" / "ledger" / "00000003.json").unlink()
    assert history.main(command) == 1
    assert "ends at entry 2" in capsys.readouterr().err


CONFIG = """
project = {{ name = "Cut tail", slug = "cut_tail" }}
data = {{ source = "data.parquet", target = "y" }}
split = {{ salt = "s" }}
search = {{ families = ["linear"] }}
gates = {{ P01.threshold = 0.6, E01.threshold = 1e-6, T01.threshold = 1e-9 }}
store = {{ root = "{root}" }}
tracking = {{ uri = "{uri}" }}
[objective]
statement = "Reach those who need it"
kpi = "value"
unit = "euro"
true_positive = 1
false_positive = -1
true_negative = 0
false_negative = 0
"""


# First use, by two runs at the same moment


def test_two_processes_at_first_use_are_both_recorded(first_use, client):
    assert first_use.returncodes == [0, 0], first_use.printed
    found = client.search_runs([client.get_experiment_by_name("sample").experiment_id])
    recorded = {(run.info.run_name, run.data.params["run"]) for run in found}
    assert recorded == {("TrainFlow/1", "1"), ("TrainFlow/2", "2")}


def test_nothing_is_printed_at_first_use(first_use):
    assert first_use.printed == [("", ""), ("", "")]


def test_first_use_leaves_nothing_but_the_store(first_use):
    assert {path.name for path in first_use.folder.iterdir()} <= {"mlflow.db", "mlruns"}


# A tracking server


@pytest.fixture
def server(tmp_path) -> Iterator[str]:
    """A real tracking server on a free port, with a store of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    process = subprocess.Popen(
        [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1",
            "--backend-store-uri", f"sqlite:///{tmp_path}/server.db", "--artifacts-destination", str(tmp_path / "kept"),
        ],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert any("Application startup complete" in line for line in process.stderr)
    threading.Thread(
        target=process.stderr.read, daemon=True
    ).start()  # or the server would block on a full pipe
    yield f"http://127.0.0.1:{port}"
    os.killpg(process.pid, signal.SIGTERM)
    process.wait()


@pytest.mark.system
def test_a_server_keeps_run_bundle_version_and_head(server, bundles, ledger):
    registry = Registry(server, "remote", "remote")
    metrics = {f"metric_{number}": Estimate(0.5, 0.4, 0.6) for number in range(400)}
    tracked, _ = approve(registry, bundles, searches=(SEARCH,), metrics=metrics)
    client = MlflowClient(server, server)
    assert len(client.get_run(tracked.mlflow_run_id).data.metrics) == 1201
    assert len(runs(client, registry, nested=True)) == 3
    version = client.get_model_version_by_alias("remote", "challenger")
    assert version.source.startswith("mlflow-artifacts:/")
    assert "bundle/MLmodel" in [file.path for file in client.list_artifacts(tracked.mlflow_run_id, "bundle")]
    assert registry.keep_head(ledger) == registry.check_head(ledger) == 3
