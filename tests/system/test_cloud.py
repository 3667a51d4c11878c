"""Ready for the cloud: an S3 server on this machine, the compiled workflows, and a pod's command in an empty folder."""

import base64
import gzip
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from packaging.utils import canonicalize_name

from components.release import lock
from components.release.ledger import Ledger
from components.store import Store
from flows import orchestration
from tests.flows.project import ROOT, Done, Project, changed
from tests.flows.watched import label, people, serve

pytestmark = pytest.mark.system

BUCKET = "cloud"
SHARED = f"s3://{BUCKET}"
ROLE = "arn:aws:iam::123456789012:role/flows"
IMAGE = "registry.example/team/project:1"
DEFAULT = {"cpu": 1, "memory": 3072, "retries": 3, "minutes": 45}
SEARCH = {"cpu": 2, "memory": 6144, "retries": 1, "minutes": 90}
CRON = {"argo-workflows": "30 3 * * 1", "step-functions": "30 3 ? * MON *"}
STEPS = {
    "monitor": ("start", "watch", "judge", "tell", "publish", "end"),
    "score": ("start", "score", "publish", "end"),
    "deploy": ("start", "smoke", "compare", "promote", "end"),
}
TRACKING = "https://mlflow.example"
VOLUME = ["unshare", "--map-root-user", "--mount", "sh", "-c", 'mount --bind "$0" /mnt && exec "$@"']
"""Runs a command with a folder in the place of /mnt, where a pod has a volume for what it tells Argo."""
FROM_PACKAGE = "this line is of the package"


class CloudProject(Project):
    """A project whose flows keep their artifacts on the server."""

    endpoint = ""
    extra: Mapping[str, str] = {}
    run_id = ""

    @property
    def store(self) -> Store:
        """The store on the server; whoever asks has the variables of :func:`cloud`."""
        return Store(f"{SHARED}/store")

    @property
    def environment(self) -> dict[str, str]:
        """As on any machine that deploys flows, with the server in the place of AWS."""
        return (
            super().environment | cloud(self.endpoint) | {"METAFLOW_DEFAULT_METADATA": "local"} | self.extra
        )


def cloud(endpoint: str) -> dict[str, str]:
    """The variables that lead boto3, s3fs and Metaflow to the server."""
    return {
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "METAFLOW_S3_ENDPOINT_URL": endpoint,
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{BUCKET}/metaflow",
        "METAFLOW_ARGO_EVENTS_EVENT": "metaflow-event",
        "METAFLOW_ARGO_EVENTS_EVENT_SOURCE": "argo-events-webhook",
        "METAFLOW_ARGO_EVENTS_SERVICE_ACCOUNT": "operate-workflow-sa",
    }


def client(service: str, endpoint: str) -> Any:
    """A client of the server."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="anybody",
        aws_secret_access_key="anything",
    )


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of a server that answers as AWS does."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client("s3", address).create_bucket(Bucket=BUCKET)
    yield address
    server.stop()


def make(root: Path, endpoint: str, **sections: Mapping[str, Any]) -> CloudProject:
    """A project that is set up for the server."""
    project = CloudProject.make(root, settings=changed(**sections))
    assert isinstance(project, CloudProject)
    project.endpoint = endpoint
    return project


@pytest.fixture(scope="module")
def ran(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> CloudProject:
    """A project that has run on this machine, with its artifacts and its store on the server."""
    project = make(tmp_path_factory.mktemp("ran") / "project", endpoint, store={"root": f"{SHARED}/store"})
    done = project.train("run", "--fast", "true")
    assert "REJECTED" in done.output, done.output
    project.run_id = (project.root / ".metaflow" / "TrainFlow" / "latest_run").read_text(encoding="utf-8")
    return project


def production(root: Path, endpoint: str, orchestrator: str, **sections: Mapping[str, Any]) -> CloudProject:
    """A project as it is deployed: everything that steps share has an address, and the code is committed."""
    settings: dict[str, Mapping[str, Any]] = {
        "project": {"orchestrator": orchestrator},
        "data": {"source": f"{SHARED}/table.parquet"},
        "store": {"root": f"{SHARED}/pods"},
        "tracking": {"uri": TRACKING},
        "compute": {"default": DEFAULT, "search": SEARCH, "image": IMAGE},
        "retraining": {"schedule": CRON[orchestrator], "events": orchestrator == "argo-workflows"},
        "monitoring": {"schedule": CRON[orchestrator]},
    }
    project = make(root, endpoint, **settings | sections)
    (root / ".gitignore").write_text("metaflow/\n.metaflow/\ndata/TrainFlow/\n", encoding="utf-8")
    git = [
        "git",
        "-c",
        "user.name=tester",
        "-c",
        "user.email=tester@example.com",
        "-c",
        "commit.gpgsign=false",
        "-C",
        str(root),
    ]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "a project"]):
        subprocess.run([*git, *words], check=True)
    return project


def compiled(project: CloudProject, flow: str = "train") -> Any:
    """The JSON that the project's orchestrator would be given of a flow."""
    orchestrator = re.search(
        r'orchestrator = "(.*)"', (project.root / "config.toml").read_text(encoding="utf-8")
    )
    assert orchestrator
    done = subprocess.run(
        [sys.executable, f"flows/{flow}.py", "--no-pylint", orchestrator[1], "create", "--only-json"],
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


# --- the code package ---------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The repository's files that go to a remote step, as paths from its root."""
    project = Project(ROOT)
    environment = project.environment | {
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path_factory.mktemp("package")),
        "METAFLOW_HOME": str(tmp_path_factory.mktemp("home")),
    }
    listed = subprocess.run(
        [sys.executable, "flows/train.py", "--no-pylint", "package", "list"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = (listed.stdout + listed.stderr).splitlines()
    inside = [line.removeprefix(f"{ROOT}/") for line in lines if line.startswith(f"{ROOT}/")]
    return {line for line in inside if "site-packages" not in line}


def test_the_package_ships_every_file_of_flows_and_components(package: set[str]) -> None:
    code = {
        str(path.relative_to(ROOT))
        for folder in ("flows", "components")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert code - package == set()


def test_the_package_ships_nothing_else(package: set[str]) -> None:
    assert {path for path in package if not path.startswith(("flows/", "components/"))} == set()


# --- a run against S3 ---------------------------------------------------------------------------------------------
def objects(endpoint: str, prefix: str) -> dict[str, bytes]:
    """What the bucket holds below a prefix, unpacked where it is packed."""
    s3 = client("s3", endpoint)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    bodies = {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}
    return {key: gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for key, body in bodies.items()}


def artifacts(endpoint: str, run_id: str, flow: str = "TrainFlow") -> dict[str, bytes]:
    """A run's pickled artifacts by step, task and name; those that Metaflow keeps for itself left out."""
    found = objects(endpoint, f"metaflow/{flow}/{run_id}/")
    blobs = objects(endpoint, f"metaflow/{flow}/data/")
    return {
        f"{key.split('/')[3]}/{key.split('/')[4]}/{name}": blobs[f"metaflow/{flow}/data/{sha[:2]}/{sha}"]
        for key, body in found.items()
        if key.endswith(".data.json")
        for name, sha in json.loads(body)["objects"].items()
        if not name.startswith("_")
    }


def test_every_step_leaves_its_artifacts_in_the_bucket(endpoint: str, ran: CloudProject) -> None:
    steps = {name.partition("/")[0] for name in artifacts(endpoint, ran.run_id)}
    assert steps >= {
        "start",
        "divide",
        "search",
        "choose",
        "evaluate",
        "audit",
        "explain",
        "export",
        "judge",
        "register",
    }


def test_no_artifact_holds_a_path_of_this_machine(endpoint: str, ran: CloudProject) -> None:
    here = [str(place).encode() for place in (ran.root, ROOT, Path(sys.prefix).resolve())]
    holding = [
        name for name, body in artifacts(endpoint, ran.run_id).items() if any(place in body for place in here)
    ]
    assert holding == []


def test_snapshot_and_ledger_lie_in_the_bucket(endpoint: str, ran: CloudProject) -> None:
    kinds = {key.split("/")[1] for key in objects(endpoint, "store/")}
    assert kinds >= {"snapshots", "ledger"}


def test_a_table_is_scored_from_the_bucket_into_the_bucket_once(ran: CloudProject, endpoint: str) -> None:
    client("s3", endpoint).upload_file(str(ran.root / "data" / "table.parquet"), BUCKET, "new/table.parquet")
    words = (
        "--source",
        f"{SHARED}/new/table.parquet",
        "--environment",
        "test",
        "--bundle",
        f"TrainFlow/{ran.run_id}",
    )
    done = ran.score(*words)
    assert done.code == 0, done.output
    first = objects(endpoint, "store/scores/")
    (manifest,) = (json.loads(body) for name, body in first.items() if name.endswith("/done.json"))
    assert manifest["rows"] == 4000
    assert next(iter(manifest["about"]["pin"])).startswith("etag ")
    assert {part["name"] for part in manifest["parts"]} == {
        name.removeprefix("store/") for name in first if name.endswith(".parquet")
    }
    assert objects(endpoint, "store/incoming/") == {}
    again = ran.score(*words)
    assert "were scored by this bundle before" in again.output, again.output
    assert objects(endpoint, "store/scores/") == first


def test_a_bundle_is_deployed_from_the_bucket(ran: CloudProject) -> None:
    done = ran.deploy("--environment", "test", "--bundle", f"TrainFlow/{ran.run_id}")
    assert done.code == 0, done.output
    told = ran.python("-m", "components.release.history")
    (promoted,) = [line for line in told.output.splitlines() if "promoted" in line]
    assert ran.served("test")["champion"][:12] in promoted


def promote(store: str, run: str, bundle_id: str) -> None:
    """Let a bundle be the champion of production, by the ledger of a store."""
    Ledger(Store(f"{SHARED}/{store}")).append(
        event="promoted", run=run, bundle_id=bundle_id, by="tester", why="to be watched",
        details={"environment": "production"},
    )  # fmt: skip


def test_a_log_in_the_bucket_is_watched_with_labels_from_there(
    ran: CloudProject, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud(endpoint).items():
        monkeypatch.setenv(name, value)
    decided, asked = ran.ledger[0], people(2016, 500)
    promote("store", decided.run, decided.bundle_id)
    label(ran, asked, serve(ran, asked, 2016), 2016)
    for path in (ran.root / "store").rglob("*"):
        if path.is_file():
            client("s3", endpoint).upload_file(str(path), BUCKET, str(path.relative_to(ran.root)))
    shutil.rmtree(ran.root / "store")
    words = ("--since", "2016", "--until", "2017-06-01", "--window", "year", "--k", "1")
    done = ran.monitor(*words)
    assert done.code == 0, done.output
    found = objects(endpoint, "store/monitoring/")
    accounts = {
        name: json.loads(body)
        for name, body in found.items()
        if name.endswith(".json") and "/told/" not in name
    }
    assert len([name for name in found if "/told/" in name]) == len(accounts)
    assert sorted((each["stage"], each["rows"]) for each in accounts.values()) == [
        ("labelled", 500), ("served", 500),
    ]  # fmt: skip
    assert {each["log"] for each in accounts.values()} == {""}
    assert b"<!doctype html>" in found["store/monitoring/production.html"].lower()
    assert b"monitoring_rows" in found["store/monitoring/production.prom"]
    assert ran.monitor(*words, "--log", f"{SHARED}/store/scores").code == 0  # what another test has scored
    assert {
        name: body for name, body in objects(endpoint, "store/monitoring/").items() if name in accounts
    } == {name: body for name, body in found.items() if name in accounts}


@pytest.mark.parametrize("sign", ["METAFLOW_KUBERNETES_WORKLOAD", "AWS_BATCH_JOB_ID"])
def test_a_step_on_a_cluster_refuses_to_record_in_a_file(endpoint: str, tmp_path: Path, sign: str) -> None:
    project = make(tmp_path / "project", endpoint, store={"root": f"{SHARED}/refused"})
    project.extra = {sign: "1"}
    done = project.train("run")
    assert done.code != 0
    assert "tracking.uri is 'sqlite:///mlflow.db', a file that a cluster's steps do not share" in done.output
    assert objects(endpoint, "refused/") == {}


def test_a_machine_of_ones_own_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for sign in ("METAFLOW_KUBERNETES_WORKLOAD", "AWS_BATCH_JOB_ID"):
        monkeypatch.delenv(sign, raising=False)
    assert not orchestration.on_cluster()


# --- Argo Workflows -----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def argo(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[CloudProject, Any]:
    """A project and the workflow template that it compiles to."""
    project = production(tmp_path_factory.mktemp("argo") / "project", endpoint, "argo-workflows")
    with (project.root / "components" / "data" / "intake.py").open("a", encoding="utf-8") as file:
        file.write(f"\nimport sys\n\nsys.stderr.write({FROM_PACKAGE!r})\n")
    return project, compiled(project)


def pods(template: Any) -> dict[str, Any]:
    """The templates of the steps, by step."""
    steps = (
        "metaflow/step_name" in ((each.get("metadata") or {}).get("annotations") or {}) for each in template
    )
    return {each["name"]: each for each, is_step in zip(template, steps, strict=True) if is_step}


def asked_of_argo(pod: Any) -> dict[str, Any]:
    """What a pod asks of the cluster, in the words of config.toml."""
    requests = pod["container"]["resources"]["requests"]
    return {
        "cpu": float(requests["cpu"]),
        "memory": float(requests["memory"].removesuffix("M")),
        "retries": pod["retryStrategy"]["limit"],
        "minutes": pod["activeDeadlineSeconds"] / 60,
    }


def test_argo_is_asked_for_what_the_configuration_says(argo: tuple[CloudProject, Any]) -> None:
    asked = {name: asked_of_argo(pod) for name, pod in pods(argo[1]["spec"]["templates"]).items()}
    assert len(asked) == 11
    assert asked == {name: SEARCH if name == "search" else DEFAULT for name in asked}


def test_argo_waits_a_minute_between_two_attempts(argo: tuple[CloudProject, Any]) -> None:
    found = pods(argo[1]["spec"]["templates"]).values()
    assert {pod["retryStrategy"]["backoff"]["duration"] for pod in found} == {"1m"}


def test_argo_runs_every_step_in_the_configured_image(argo: tuple[CloudProject, Any]) -> None:
    images = {pod["container"]["image"] for pod in pods(argo[1]["spec"]["templates"]).values()}
    assert images == {IMAGE}


def test_argo_retrains_by_the_schedule(argo: tuple[CloudProject, Any]) -> None:
    cron = json.loads(argo[1]["metadata"]["annotations"]["metaflow/cron"])
    assert cron["schedule"] == CRON["argo-workflows"]


def test_argo_scores_in_tasks_side_by_side(argo: tuple[CloudProject, Any]) -> None:
    template = compiled(argo[0], "score")
    asked = {name: asked_of_argo(pod) for name, pod in pods(template["spec"]["templates"]).items()}
    assert asked == dict.fromkeys(STEPS["score"], DEFAULT)
    assert "{{tasks.start.outputs.parameters.split-cardinality}}" in json.dumps(template)


def triggers(template: Any) -> list[str]:
    """By which events Argo starts it."""
    found = json.loads(template["metadata"]["annotations"].get("metaflow/triggers", "[]"))
    return [each["name"] for each in found]


def test_argo_trains_when_a_monitor_asks(argo: tuple[CloudProject, Any]) -> None:
    assert triggers(argo[1]) == ["small.retraining"]
    parameters = {each["name"] for each in argo[1]["spec"]["arguments"]["parameters"]}
    assert {"cause", "until"} <= parameters


@pytest.fixture(scope="module")
def monitor(argo: tuple[CloudProject, Any]) -> Any:
    """The workflow template of MonitorFlow."""
    return compiled(argo[0], "monitor")


def test_argo_watches_by_a_schedule(monitor: Any) -> None:
    assert (
        json.loads(monitor["metadata"]["annotations"]["metaflow/cron"])["schedule"] == CRON["argo-workflows"]
    )
    assert triggers(monitor) == []


def test_argo_watches_with_what_the_configuration_says(monitor: Any) -> None:
    found = pods(monitor["spec"]["templates"])
    assert {name: asked_of_argo(pod) for name, pod in found.items()} == dict.fromkeys(
        STEPS["monitor"], DEFAULT
    )
    assert {pod["container"]["image"] for pod in found.values()} == {IMAGE}


def test_argo_deploys_after_a_training_and_by_no_schedule(argo: tuple[CloudProject, Any]) -> None:
    template = compiled(argo[0], "deploy")
    asked = {name: asked_of_argo(pod) for name, pod in pods(template["spec"]["templates"]).items()}
    assert asked == dict.fromkeys(STEPS["deploy"], DEFAULT)
    assert json.loads(template["metadata"]["annotations"].get("metaflow/cron", "{}")).get("schedule") is None
    assert [name.lower() for name in triggers(template)] == ["metaflow.trainflow.end"]


def rendered(text: str, template: Any) -> str:
    """A command as Argo renders it for the first attempt of a pod of the workflow ``first``."""
    values = {each["name"]: each["value"] for each in template["spec"]["arguments"]["parameters"]}
    text = re.sub(
        r"\{\{=toBase64\(workflow\.parameters\['([^']+)'\]\)\}\}",
        lambda found: base64.b64encode(values[found[1]].encode()).decode(),
        text,
    )
    known = {
        "workflow.name": "first",
        "workflow.namespace": "default",
        "workflow.creationTimestamp": "2026-01-01T00:00:00Z",
        "retries": "0",
        **{f"workflow.parameters.{name}": value for name, value in values.items()},
    }
    return re.sub(r"\{\{([^}=]+)\}\}", lambda found: known[found[1]], text)


def hide_what_is_not_locked(folder: Path) -> None:
    """Fill a folder with modules that fail, one for each installed here that requirements.lock does not bring."""
    locked = lock.pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    folder.mkdir()
    for module, names in metadata.packages_distributions().items():
        if not module.startswith("_") and not any(canonicalize_name(name) in locked for name in names):
            text = f"raise ModuleNotFoundError('{module} is not in requirements.lock')\n"
            (folder / f"{module}.py").write_text(text, encoding="utf-8")


def run_pod(step: str, template: Any, endpoint: str, folder: Path) -> Done:
    """How a step's command ended in an empty folder, with the pod's environment and the locked packages only."""
    container = pods(template["spec"]["templates"])[step]["container"]
    environment = {
        each["name"]: "known to the cluster" if each["value"] is None else rendered(each["value"], template)
        for each in container["env"]
    }
    environment |= cloud(endpoint) | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": str(folder / "not_locked"),
        "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",
    }
    for name in ("tmp", "mnt/out"):
        (folder / name).mkdir(parents=True)
    hide_what_is_not_locked(folder / "not_locked")
    command = [rendered(word, template).replace("/tmp/", f"{folder}/tmp/") for word in container["command"]]
    mounted = [*VOLUME, str(folder / "mnt"), *command]
    done = subprocess.run(mounted, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def pod(
    argo: tuple[CloudProject, Any], monitor: Any, endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Done, str]:
    """How the first pod ended after the project's folder was gone, and the commit it was made from."""
    project, template = argo
    client("s3", endpoint).upload_file(str(project.root / "data" / "table.parquet"), BUCKET, "table.parquet")
    head = ["git", "-C", str(project.root), "rev-parse", "HEAD"]
    commit = subprocess.run(head, capture_output=True, text=True, check=True).stdout.strip()
    shutil.rmtree(project.root)
    return run_pod("start", template, endpoint, tmp_path_factory.mktemp("pod")), commit


def test_a_pod_finds_its_code_in_the_package(pod: tuple[Done, str]) -> None:
    assert pod[0].code == 0, pod[0].output
    assert FROM_PACKAGE in pod[0].output


def test_a_pod_leaves_its_artifacts_in_the_bucket(endpoint: str, pod: tuple[Done, str]) -> None:
    found = {
        name.rpartition("/")[2] for name in artifacts(endpoint, "argo-first") if name.startswith("start/")
    }
    assert found >= {"taken", "contract", "data_version"}


def test_a_pod_knows_the_commit_it_was_made_from(endpoint: str, pod: tuple[Done, str]) -> None:
    found = [body for name, body in artifacts(endpoint, "argo-first").items() if name.endswith("/git_commit")]
    assert [pickle.loads(body).rstrip("+") for body in found] == [pod[1]]


def test_a_pod_of_the_monitor_finds_the_champion_in_the_bucket(
    pod: tuple[Done, str], monitor: Any, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project's folder is gone by then."""
    assert pod[0].code == 0, pod[0].output
    for name, value in cloud(endpoint).items():
        monkeypatch.setenv(name, value)
    promote("pods", "TrainFlow/1", "b" * 64)
    done = run_pod("start", monitor, endpoint, tmp_path / "monitor")
    assert done.code == 0, done.output
    found = artifacts(endpoint, "argo-first", "MonitorFlow")
    (promotion,) = (body for name, body in found.items() if name.endswith("/promotion"))
    assert pickle.loads(promotion).bundle_id == "b" * 64


# --- AWS Step Functions -------------------------------------------------------------------------------------------
def batch_queue(endpoint: str) -> str:
    """The name of a job queue on Fargate."""
    batch, ec2 = client("batch", endpoint), client("ec2", endpoint)
    client("iam", endpoint).create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument="{}")
    place = {
        "type": "FARGATE",
        "maxvCpus": 16,
        "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
        "securityGroupIds": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
    }
    machines = batch.create_compute_environment(
        computeEnvironmentName="machines", type="MANAGED", serviceRole=ROLE, computeResources=place
    )
    order = [{"order": 1, "computeEnvironment": machines["computeEnvironmentArn"]}]
    batch.create_job_queue(jobQueueName="flows", state="ENABLED", priority=1, computeEnvironmentOrder=order)
    return "flows"


def splits_table(endpoint: str) -> str:
    """The name of a table in which a step notes how many jobs come after it."""
    key = "pathspec"
    client("dynamodb", endpoint).create_table(
        TableName="splits",
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "splits"


@pytest.fixture(scope="module")
def aws(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> CloudProject:
    """A project beside what Step Functions needs of an account."""
    project = production(tmp_path_factory.mktemp("aws") / "project", endpoint, "step-functions")
    project.extra = {
        "METAFLOW_BATCH_JOB_QUEUE": batch_queue(endpoint),
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": ROLE,
        "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": ROLE,
        "METAFLOW_SFN_IAM_ROLE": ROLE,
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": ROLE,
        "METAFLOW_SFN_DYNAMO_DB_TABLE": splits_table(endpoint),
    }
    return project


@pytest.fixture(scope="module")
def states(aws: CloudProject) -> dict[str, Any]:
    """The states that submit a job, by step."""
    return dict(jobs(compiled(aws)["States"]))


def jobs(states: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The states that submit a job, wherever they are nested."""
    for name, state in states.items():
        if "JobDefinition" in state.get("Parameters", {}):
            yield name, state["Parameters"]
        for inner in [*state.get("Branches", []), *([state["Iterator"]] if "Iterator" in state else [])]:
            yield from jobs(inner["States"])


def asked_of_batch(job: Any) -> dict[str, Any]:
    """What a job asks of AWS Batch, in the words of config.toml."""
    needs = {each["Type"]: float(each["Value"]) for each in job["ContainerOverrides"]["ResourceRequirements"]}
    return {
        "cpu": needs["VCPU"],
        "memory": needs["MEMORY"],
        "retries": job["RetryStrategy"]["Attempts"] - 1,
        "minutes": job["Timeout"]["AttemptDurationSeconds"] / 60,
    }


def test_batch_is_asked_for_what_the_configuration_says(states: dict[str, Any]) -> None:
    asked = {name: asked_of_batch(job) for name, job in states.items()}
    assert len(asked) == 11
    assert asked == {name: SEARCH if name == "search" else DEFAULT for name in asked}


def test_batch_runs_every_step_in_the_configured_image(endpoint: str, states: dict[str, Any]) -> None:
    definitions = sorted({job["JobDefinition"] for job in states.values()})
    found = client("batch", endpoint).describe_job_definitions(jobDefinitions=definitions)["jobDefinitions"]
    assert {each["containerProperties"]["image"] for each in found} == {IMAGE}


@pytest.mark.parametrize("flow", STEPS)
def test_batch_is_asked_the_same_of_every_flow(endpoint: str, aws: CloudProject, flow: str) -> None:
    states = dict(jobs(compiled(aws, flow)["States"]))
    assert {name: asked_of_batch(job) for name, job in states.items()} == dict.fromkeys(STEPS[flow], DEFAULT)
    definitions = sorted({job["JobDefinition"] for job in states.values()})
    found = client("batch", endpoint).describe_job_definitions(jobDefinitions=definitions)["jobDefinitions"]
    assert {each["containerProperties"]["image"] for each in found} == {IMAGE}


@pytest.fixture(scope="module")
def deployed(aws: CloudProject) -> Done:
    """How the deployment ended."""
    return aws.train("step-functions", "create")


def test_aws_keeps_the_state_machine_that_was_compiled(
    endpoint: str, deployed: Done, states: dict[str, Any]
) -> None:
    assert deployed.code == 0, deployed.output
    functions = client("stepfunctions", endpoint)
    machine = functions.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    kept = json.loads(functions.describe_state_machine(stateMachineArn=machine)["definition"])
    assert dict(jobs(kept["States"])).keys() == states.keys()


def test_aws_retrains_by_the_schedule(endpoint: str, deployed: Done) -> None:
    assert deployed.code == 0, deployed.output
    rules = client("events", endpoint).list_rules()["Rules"]
    assert [(rule["ScheduleExpression"], rule["State"]) for rule in rules] == [
        (f"cron({CRON['step-functions']})", "ENABLED")
    ]


def test_aws_starts_a_run_when_it_is_told_to(endpoint: str, aws: CloudProject, deployed: Done) -> None:
    assert deployed.code == 0, deployed.output
    triggered = aws.train("step-functions", "trigger")
    assert triggered.code == 0, triggered.output
    functions = client("stepfunctions", endpoint)
    machine = functions.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    assert len(functions.list_executions(stateMachineArn=machine)["executions"]) == 1


# --- what cannot work is refused before it is deployed --------------------------------------------------------------
@pytest.mark.parametrize(
    ("section", "keys", "message"),
    [
        (
            "data",
            {"source": "data/table.parquet"},
            "data.source is 'data/table.parquet', a path in the project's folder",
        ),
        (
            "data",
            {"source": "dvc://../tables/table.parquet"},
            "data.source is 'dvc://../tables/table.parquet', a path in the project's folder",
        ),
        (
            "data",
            {"source": "duckdb:", "query": "SELECT * FROM 'data/table.parquet'"},
            "data.query names 'data/table.parquet', a path in the project's folder",
        ),
        ("store", {"root": "store"}, "store.root is 'store', a path in the project's folder"),
        ("tracking", {"uri": "sqlite:///mlflow.db"}, "tracking.uri is 'sqlite:///mlflow.db', a file"),
    ],
)
def test_what_a_cluster_cannot_reach_is_refused_at_deployment(
    endpoint: str, tmp_path: Path, section: str, keys: dict[str, str], message: str
) -> None:
    project = production(tmp_path / "project", endpoint, "argo-workflows", **{section: keys})
    done = project.train("argo-workflows", "create", "--only-json")
    assert done.code != 0
    assert message in done.output
    assert "Traceback" not in done.output
