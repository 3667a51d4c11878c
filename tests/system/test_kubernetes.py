"""What kubectl makes of the manifests: whole objects for each environment, and a promotion that changes one line."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components.release.deployable import image
from tests.components import packed

pytestmark = pytest.mark.system

DIGEST = "sha256:" + "12" * 32
ENVIRONMENTS = ("test", "staging", "production")


def rendered(folder: Path) -> str:
    """The objects of an environment, as they would be applied."""
    if not re.search(r"Kustomize Version: v([5-9]|4\.[1-9])", version()):
        pytest.skip(
            "this needs kubectl of 1.21 or newer, with kustomize of 4.1 or newer: install it to see the manifests rendered"
        )
    overlay = folder / "kubernetes" / "overlays" / folder.name
    return subprocess.run(
        ["kubectl", "kustomize", overlay], capture_output=True, text=True, check=True
    ).stdout


def version() -> str:
    """What kubectl says of itself; "" if it is not here."""
    if not shutil.which("kubectl"):
        return ""
    return subprocess.run(
        ["kubectl", "version", "--client"], capture_output=True, text=True, check=False
    ).stdout


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment."""
    folder = tmp_path_factory.mktemp("deploy") / request.param
    packed.deployed(folder)
    return folder


def test_it_renders_to_objects_that_kubernetes_knows(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(rendered(folder))
    validate = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run(
        [validate, "--strict", tmp_path / "all.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count(" passed ") == 7


def test_every_object_is_of_its_environment(folder: Path) -> None:
    objects = list(yaml.safe_load_all(rendered(folder)))
    assert {each["metadata"]["namespace"] for each in objects} == {f"job-coaching-{folder.name}"}
    assert {each["kind"] for each in objects} == {
        "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "ServiceAccount",
        "PersistentVolumeClaim",
    }  # fmt: skip


def test_selectors_choose_the_servers_pods(folder: Path) -> None:
    objects = {each["kind"]: each["spec"] for each in yaml.safe_load_all(rendered(folder)) if "spec" in each}
    labels = objects["Deployment"]["template"]["metadata"]["labels"]
    chosen = [
        objects["Deployment"]["selector"]["matchLabels"], objects["Service"]["selector"],
        objects["PodDisruptionBudget"]["selector"]["matchLabels"], objects["NetworkPolicy"]["podSelector"]["matchLabels"],
    ]  # fmt: skip
    assert all(selector.items() <= labels.items() and selector for selector in chosen)


def test_a_promotion_differs_in_the_image_alone(folder: Path) -> None:
    before = rendered(folder)
    assert image.main([str(folder), DIGEST]) == 0
    after = rendered(folder)
    changed = [
        (was.strip(), now.strip())
        for was, now in zip(before.splitlines(), after.splitlines(), strict=True)
        if was != now
    ]
    assert changed == [(f"image: job-coaching@sha256:{'0' * 64}", f"image: job-coaching@{DIGEST}")]


def test_an_overlay_of_kserve_names_the_same_image(folder: Path) -> None:
    path = folder / "kubernetes" / "overlays" / folder.name / "kustomization.yaml"
    path.write_text(path.read_text().replace("../../base", "../../kserve"))
    objects = {each["kind"]: each for each in yaml.safe_load_all(rendered(folder))}
    assert objects.keys() == {"InferenceService", "ServiceAccount", "PersistentVolumeClaim"}
    (container,) = objects["InferenceService"]["spec"]["predictor"]["containers"]
    assert container["image"] == f"job-coaching@{image.named(path.read_text())}"
