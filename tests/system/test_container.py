"""The image that ships: built with buildah from the Containerfile as it is, run read-only with podman, and asked.

Images cannot be had everywhere, so that the base is made of Debian packages; the wheels come from a folder.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.components import packed

pytestmark = pytest.mark.system

BASE, IMAGE = "localhost/base", "localhost/job-coaching"
HOOK = 'ln -s python3 "$1"/usr/bin/python; rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED; rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*'
LIMITS = ("--cgroups", "enabled", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000")


@dataclass(frozen=True)
class Engine:
    """podman and buildah with a storage of their own."""

    storage: Path

    @property
    def options(self) -> list[str]:
        return [
            "--storage-driver",
            "vfs",
            "--root",
            f"{self.storage}/root",
            "--runroot",
            f"{self.storage}/run",
        ]

    def podman(self, *words: str) -> str:
        command = ["podman", *self.options, "--cgroup-manager", "cgroupfs", "--runtime", "runc", *words]
        return ran(*command)

    def build(self, folder: Path, wheels: Path) -> None:
        """An image of the folder's own Containerfile."""
        given = {"BASE": BASE, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
        arguments = [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]
        ran(
            "buildah", *self.options, "bud", "--pull-never", "--format", "docker", "--isolation", "chroot", *arguments,
            "--volume", f"{wheels}:/wheels:ro", "--tag", IMAGE, str(folder),
        )  # fmt: skip

    def size(self, image: str) -> int:
        return int(self.podman("image", "inspect", "--format", "{{.Size}}", image))


def ran(*words: str) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, env={**os.environ, "STORAGE_DRIVER": "vfs"}, check=False
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """A storage with the base image: Debian's Python, as the slim image has it; podman wants a short path."""
    folder = Path(tempfile.mkdtemp(prefix="engine", dir="/tmp"))
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    suite = release["VERSION_CODENAME"].strip('"')
    ran(
        "mmdebstrap", "--variant=minbase", "--include=python3,python3-pip,ca-certificates", f"--customize-hook={HOOK}",
        suite, str(folder / "base.tar"),
    )  # fmt: skip
    engine = Engine(folder)
    engine.podman("import", str(folder / "base.tar"), BASE)
    yield engine
    engine.podman("rm", "--all", "--force", "--time", "1")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels that the bundle's requirements pin, for the Python of the base."""
    folder = tmp_path_factory.mktemp("wheels")
    (folder / "requirements.txt").write_bytes(packed.bundle()["requirements.txt"])
    ran(
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes",
        "--only-binary", ":all:", "--dest", str(folder), "--requirement", str(folder / "requirements.txt"),
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def folder(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment's folder; the base must have the Python that its wheels are for."""
    version = engine.podman("run", "--rm", "--network", "host", *LIMITS, BASE, "python", "--version").split()[
        -1
    ]
    if version.split(".")[:2] != list(platform.python_version_tuple()[:2]):
        pytest.skip(f"Debian has Python {version}, and the wheels are for {platform.python_version()}")
    folder = tmp_path_factory.mktemp("deploy") / "production"
    packed.deployed(folder)
    return folder


def asked(path: str, body: bytes | None = None) -> bytes | None:
    """The answer of the server, None while nobody listens."""
    request = urllib.request.Request(
        f"http://127.0.0.1:8080{path}", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()
    except (urllib.error.URLError, OSError):
        return None


@pytest.fixture(scope="module")
def running(
    engine: Engine, wheels: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The container, ready; the folder of its prediction log."""
    assert asked("/ping") is None, "port 8080 is taken"
    engine.build(folder, wheels)
    predictions = tmp_path_factory.mktemp("predictions")
    os.chown(predictions, 10001, 10001)
    engine.podman(
        "create", "--name", "server", "--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges",
        "--network", "host", *LIMITS, "--volume", f"{predictions}:/var/lib/predictions", IMAGE,
    )  # fmt: skip
    # Making the container copies the whole image with this storage driver, which others do not.
    begin = time.monotonic()
    engine.podman("start", "server")
    while asked("/ping") is None:
        assert time.monotonic() - begin < 60, engine.podman("logs", "server")
    seconds = time.monotonic() - begin
    above = (engine.size(IMAGE) - engine.size(BASE)) / 1e6
    print(
        f"image: {engine.size(IMAGE) / 1e6:.0f} MB, {above:.0f} MB above its base; ready {seconds:.1f} s after podman start"
    )
    yield predictions
    engine.podman("rm", "--force", "--time", "10", "server")


def test_it_answers_as_was_recorded(running: Path) -> None:
    recorded = json.loads(packed.bundle()["smoke.json"])
    columns = recorded["inputs"]
    rows = list(zip(*columns.values(), strict=True))
    body = json.dumps({"dataframe_split": {"columns": list(columns), "data": rows}}).encode()
    said = json.loads(asked("/invocations", body) or b"")["predictions"]
    assert [row["y_score"] for row in said] == pytest.approx(recorded["predictions"]["y_score"], abs=1e-9)


def test_it_is_an_ordinary_user_who_can_write_nothing(running: Path, engine: Engine) -> None:
    assert engine.podman("exec", "server", "id", "--user") == "10001"
    for path in ("/srv/x", "/etc/x", "/usr/x"):
        with pytest.raises(AssertionError, match="Read-only file system"):
            engine.podman("exec", "server", "touch", path)


def test_its_health_check_passes(running: Path, engine: Engine) -> None:
    engine.podman("healthcheck", "run", "server")


def test_only_what_is_pinned_is_installed(running: Path, engine: Engine) -> None:
    known = engine.podman("exec", "server", "python", "-m", "pip", "list", "--format", "json")
    names = {each["name"].lower() for each in json.loads(known)}
    assert {"numpy", "onnxruntime", "uvicorn"} <= names
    assert not names & {"pandas", "scikit-learn", "metaflow", "mlflow", "polars"}


def test_predictions_reach_the_volume(running: Path, engine: Engine) -> None:
    example = packed.bundle()["serving_input_example.json"]
    assert asked("/invocations", example)
    engine.podman("stop", "--time", "20", "server")
    assert engine.podman("inspect", "--format", "{{.State.ExitCode}}", "server") == "0"
    assert [path for path in running.rglob("*") if path.is_file() and path.stat().st_size]


def test_a_bundles_own_containerfile_builds_too(engine: Engine, wheels: Path, folder: Path) -> None:
    (bundle,) = (folder / "bundles").iterdir()
    engine.build(bundle, wheels)
    command = json.loads(engine.podman("image", "inspect", "--format", "{{json .Config.Cmd}}", IMAGE))
    assert "--bundle" in command
    assert command[2] == "/srv/server.pyz"
    said = engine.podman(
        "run", "--rm", "--read-only", "--network", "host", *LIMITS, IMAGE, "python", "program.pyz", "score"
    )
    assert "y_score" in said
