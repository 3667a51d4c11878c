"""What an environment's files say, as the tools that read them understand it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components.errors import RefusalError
from components.release.deployable import container, image, kubernetes
from components.release.deployable.files import Facts, deployables, digest_of, python_of
from components.serving import workers
from components.serving.settings import ServingSettings

DIGEST = "sha256:" + "12" * 32
TOOLS = Path(sys.executable).parent


def facts(environment: str = "production", **changes) -> Facts:
    known = {
        "name": "job-coaching", "environment": environment, "image": "registry.example/team/model", "bundle_id": "b" * 64,
        "python": "3.11", "serving": vars(ServingSettings(workers=2)), "latency_seconds": 0.05, "model_age_days": 180.0,
        "digest": "", "cores": 3,
    }  # fmt: skip
    return Facts(**{**known, **changes})


def write(folder: Path, made: Facts) -> Path:
    for name, text in deployables(made).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def manifests(made: Facts) -> dict[str, dict]:
    """The base's objects by their kind."""
    found = [yaml.safe_load(text) for name, text in deployables(made).items() if "/base/" in name]
    return {each["kind"]: each for each in found}


@pytest.fixture(scope="module")
def server() -> dict:
    return manifests(facts())["Deployment"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("environment", ["test", "staging", "production"])
def test_kubernetes_knows_every_field_of_every_object(tmp_path, environment):
    folder = write(tmp_path, facts(environment))
    paths = [path for path in (folder / "kubernetes/base").iterdir() if path.name != "kustomization.yaml"]
    assert len(paths) == 7
    done = subprocess.run(
        [TOOLS / "kubernetes-validate", "--strict", *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_kubernetes_would_refuse_a_field_that_it_does_not_know(tmp_path):
    path = write(tmp_path, facts()) / "kubernetes/base/deployment.yaml"
    path.write_text(path.read_text().replace("readOnlyRootFilesystem", "readOnlyRoot"))
    done = subprocess.run([TOOLS / "kubernetes-validate", "--strict", path], capture_output=True, check=False)
    assert done.returncode != 0


def test_the_kustomization_names_every_file_of_the_base(tmp_path):
    base = write(tmp_path, facts()) / "kubernetes" / "base"
    listed = yaml.safe_load((base / "kustomization.yaml").read_text())["resources"]
    assert sorted([*listed, "kustomization.yaml"]) == sorted(path.name for path in base.iterdir())


def test_the_server_runs_with_no_more_than_it_needs(server):
    assert server["securityContext"]["runAsNonRoot"] is True
    assert server["securityContext"]["runAsUser"] == 10001
    assert server["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert server["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert server["automountServiceAccountToken"] is False
    assert manifests(facts())["ServiceAccount"]["automountServiceAccountToken"] is False
    assert manifests(facts())["NetworkPolicy"]["spec"]["egress"] == []


def test_probes_ask_what_the_server_answers(server):
    container = server["containers"][0]
    asked = {
        name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")
    }
    assert asked == {"startup": "/ping", "readiness": "/v2/health/ready", "liveness": "/ping"}


def test_probes_have_patience_with_a_server_that_is_busy(server):
    container = server["containers"][0]
    probes = {name: container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")}
    assert {probe["timeoutSeconds"] for probe in probes.values()} == {3}
    assert probes["readiness"]["failureThreshold"] == 2


@pytest.mark.parametrize("drain_seconds", [0.0, 5.0, 60.0])
def test_it_has_time_to_end(drain_seconds):
    serving = vars(ServingSettings(drain_seconds=drain_seconds))
    pod = manifests(facts(serving=serving))["Deployment"]["spec"]["template"]["spec"]
    # After that the server kills its workers by itself.
    assert pod["terminationGracePeriodSeconds"] > drain_seconds + workers.GRACE_SECONDS


@pytest.mark.parametrize(("threads", "cores"), [(1, 2), (3, 6)])
def test_a_pod_has_a_core_for_each_thread_of_each_worker(threads, cores):
    serving = vars(ServingSettings(workers=2, threads=threads))
    pod = manifests(facts(serving=serving))["Deployment"]["spec"]["template"]["spec"]
    resources = pod["containers"][0]["resources"]
    assert resources["limits"]["cpu"] == resources["requests"]["cpu"] == cores


@pytest.mark.parametrize(
    ("changes", "mebibytes"),
    [
        ({}, 64 + 192 + 64 + 160 + 63 + 64),
        ({"workers": 3}, 64 + 3 * (192 + 64 + 160 + 63 + 64)),
        ({"max_body_bytes": 64 << 20}, 64 + 192 + 64 + 640 + 63 + 64),
        ({"max_waiting_bytes": 256 << 20}, 64 + 192 + 256 + 160 + 63 + 64),
        ({"log_buffer_bytes": 1}, 64 + 192 + 64 + 160 + 63),
        ({"max_connections": 10}, 64 + 192 + 64 + 160 + 1 + 64),
    ],
)
def test_the_memory_of_a_pod_is_what_the_settings_allow(changes, mebibytes):
    serving = vars(ServingSettings(**changes))
    pod = manifests(facts(serving=serving))["Deployment"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"]["memory"] == f"{mebibytes}Mi"


def test_predictions_are_kept_on_a_volume(server):
    mounts = {each["mountPath"]: each for each in server["containers"][0]["volumeMounts"]}
    assert mounts["/var/lib/predictions"]["subPathExpr"] == "$(POD_NAME)"
    claims = [
        each["persistentVolumeClaim"]["claimName"]
        for each in server["volumes"]
        if "persistentVolumeClaim" in each
    ]
    assert claims == [manifests(facts())["PersistentVolumeClaim"]["metadata"]["name"]]


@pytest.mark.parametrize(
    ("environment", "workers", "cores", "least"),
    [
        ("test", 1, 1, 1),
        ("staging", 1, 1, 2),
        ("production", 1, 1, 2),
        ("production", 1, 5, 5),
        ("production", 2, 5, 3),
    ],
)
def test_replicas_follow_what_the_trial_measured(environment, workers, cores, least):
    serving = vars(ServingSettings(workers=workers))
    text = deployables(facts(environment, cores=cores, serving=serving))[
        f"kubernetes/overlays/{environment}/kustomization.yaml"
    ]
    patch = yaml.safe_load(yaml.safe_load(text)["patches"][0]["patch"])
    assert {each["path"]: each["value"] for each in patch} == {
        "/spec/minReplicas": least,
        "/spec/maxReplicas": 4 * least,
    }


def test_kserve_runs_the_same_pod_with_names_of_its_own(tmp_path, server):
    made = deployables(facts())
    service = yaml.safe_load(made["kubernetes/kserve/inference-service.yaml"])
    predictor = service["spec"]["predictor"]
    for key in ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget"):
        predictor.pop(key)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": service["metadata"], "spec": predictor}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(pod))
    done = subprocess.run(
        [TOOLS / "kubernetes-validate", "--strict", tmp_path / "pod.yaml"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.dumps(predictor).replace("kserve-container", "server").replace('"http1"', '"http"')
    assert json.loads(said) == {
        key: value for key, value in server.items() if key != "topologySpreadConstraints"
    }
    listed = yaml.safe_load(made["kubernetes/kserve/kustomization.yaml"])["resources"]
    assert {f"kubernetes/kserve/{name}" for name in listed} <= made.keys()


# The image


def test_before_an_image_was_pushed_nobodys_is_named(tmp_path):
    folder = write(tmp_path / "production", facts())
    assert digest_of(folder) == kubernetes.NO_DIGEST
    assert digest_of(tmp_path / "nowhere") == ""


@pytest.mark.parametrize("given", [DIGEST, f"registry.example/team/model@{DIGEST}"])
def test_a_promotion_changes_one_line(tmp_path, given):
    folder = write(tmp_path / "production", facts())
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert image.main([str(folder), given]) == 0
    after = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    (path,) = [path for path in before if before[path] != after[path]]
    assert path.name == "kustomization.yaml"
    changes = [
        line
        for was, line in zip(before[path].splitlines(), after[path].splitlines(), strict=True)
        if was != line
    ]
    assert changes == [f"    digest: {DIGEST}"]


def test_deploying_again_keeps_the_image(tmp_path):
    folder = write(tmp_path / "production", facts())
    image.main([str(folder), DIGEST])
    write(folder, facts(digest=digest_of(folder)))
    assert digest_of(folder) == DIGEST


@pytest.mark.parametrize(
    ("name", "digest"), [("production", "latest"), ("production", "sha256:12"), ("moon", DIGEST)]
)
def test_what_is_no_digest_or_no_environment_is_refused(tmp_path, capsys, name, digest):
    write(tmp_path / "production", facts())
    assert image.main([str(tmp_path / name), digest]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert digest_of(tmp_path / "production") == kubernetes.NO_DIGEST


def test_a_file_without_a_place_for_it_is_refused():
    with pytest.raises(RefusalError, match="names 0 digests"):
        image.changed("images: []\n", DIGEST)


# The container


@pytest.mark.parametrize(
    "text", [container.of_bundle("job_coaching", "3.12"), deployables(facts())["Containerfile"]]
)
def test_the_containerfile_is_clean(tmp_path, text):
    (tmp_path / "Containerfile").write_text(text)
    done = subprocess.run(
        [TOOLS / "hadolint", tmp_path / "Containerfile"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    lines = text.splitlines()
    assert "USER 10001:10001" in lines
    assert any("--require-hashes" in line for line in lines)
    assert any(line.startswith("HEALTHCHECK") for line in lines)


def test_the_linter_would_find_something(tmp_path):
    (tmp_path / "Containerfile").write_text("FROM python:latest\nRUN cd /srv && pip install numpy\n")
    done = subprocess.run([TOOLS / "hadolint", tmp_path / "Containerfile"], capture_output=True, check=False)
    assert done.returncode != 0


def test_an_environments_image_serves_what_its_pointer_names():
    command = json.loads(deployables(facts())["Containerfile"].splitlines()[-1].removeprefix("CMD "))
    assert command[:5] == ["python", "-I", f"/srv/bundles/{'b' * 64}/server.pyz", "--deployment", "/srv"]
    bundles = json.loads(container.of_bundle("job_coaching", "3.12").splitlines()[-1].removeprefix("CMD "))
    assert bundles[:5] == ["python", "-I", "/srv/server.pyz", "--bundle", "/srv"]
    # An image is not said to be a test: that of a rejected bundle does not start.
    assert "--environment" not in [*command, *bundles]


def test_the_base_is_the_python_that_trained():
    assert "ARG BASE=python:3.12-slim\n" in container.of_bundle("job_coaching", "3.12")
    assert python_of({"python_env.yaml": b"build_dependencies:\n- pip\npython: 3.13.2\n"}) == "3.13"


# Prometheus


def test_every_rule_says_what_to_do():
    groups = yaml.safe_load(deployables(facts())["prometheus/rules.yaml"])["groups"]
    found = groups[0]["rules"]
    assert len(found) == 10
    assert all(rule["annotations"].keys() == {"summary", "action"} for rule in found)
    assert {rule["labels"]["severity"] for rule in found} == {"warning", "critical"}


def test_the_rules_of_monitoring_are_those_of_its_environment_and_windows():
    text = deployables(facts(window_days=7.0))["prometheus/rules.yaml"]
    assert (
        f'monitoring_window_end_timestamp_seconds{{environment="{facts().environment}",stage="served"}}'
        in text
    )
    assert "> 1213200\n" in text


def test_limits_come_from_the_settings():
    text = deployables(facts(latency_seconds=0.025, model_age_days=30.0))["prometheus/rules.yaml"]
    assert "> 0.025\n" in text
    assert "> 2592000\n" in text
    assert 'serving_workers{job="job-coaching-production"}) * 512)' in text


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_rules_and_the_dashboard_go_by_the_job_that_scrapes(environment):
    made = deployables(facts(environment))
    (job,) = yaml.safe_load(made["prometheus/scrape.yaml"])["scrape_configs"]
    assert job["kubernetes_sd_configs"][0]["namespaces"]["names"] == [job["job_name"]]
    overlay = yaml.safe_load(made[f"kubernetes/overlays/{environment}/kustomization.yaml"])
    assert overlay["namespace"] == job["job_name"]
    named = set(re.findall('job="([^"]+)"', made["prometheus/rules.yaml"]))
    assert named == {job["job_name"]} == {f"job-coaching-{environment}"}
    variables = {
        each["name"]: each for each in json.loads(made["grafana/dashboard.json"])["templating"]["list"]
    }
    assert variables["job"]["current"]["value"] == job["job_name"]
    assert (
        "prometheus.io" not in made["kubernetes/base/deployment.yaml"]
    )  # which would scrape it under another job


def test_every_metric_of_a_rule_is_of_the_job():
    text = deployables(facts())["prometheus/rules.yaml"]
    expressions = [rule["expr"] for rule in yaml.safe_load(text)["groups"][0]["rules"]]
    chosen = re.findall(r"\b(?:serving_\w+|up)\b(\{[^}]*)?", " ".join(expressions))
    assert len(chosen) >= 18
    assert all(labels.startswith('{job="job-coaching-production"') for labels in chosen)
