"""Training runs beside the one that a test has: the same run under another number, with files of its bundle changed.

A deployment finds it as it finds any run: in the ledger, in MLflow, and its bundle in the Metaflow datastore.
"""

import gzip
import hashlib
import json
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path

from components.release.ledger import Entry, Event, Ledger
from components.release.manifest import MANIFEST, verify_files, write_manifest
from tests.flows.project import Project


def copied(project: Project, root: Path) -> Project:
    """The project in another folder, artifacts and MLflow files included."""
    shutil.copytree(project.root, root, symlinks=True)
    for path in (root / ".metaflow").rglob("_meta/*_artifact_*.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(told | {"location": f":root:{root / '.metaflow'}"}), encoding="utf-8")
    return Project(root)


def beside(
    project: Project, run_id: str, changed: Mapping[str, bytes], *, event: Event = "approved"
) -> Entry:
    """The decision on a run whose bundle has these files in place of the first run's.

    Args:
        project: with one run.
        run_id: of the new run.
        changed: files of the bundle.
        event: what the ledger is told.
    """
    first = project.ledger[0]
    files = {**bundle(project, first.run.partition("/")[2]), **changed}
    files.pop(MANIFEST)
    files[MANIFEST] = write_manifest(files)
    runs = project.root / ".metaflow" / "TrainFlow"
    shutil.copytree(runs / first.run.partition("/")[2], runs / run_id)
    for path in (runs / run_id).rglob("_meta/*.json"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(first.run.partition("/")[2], run_id), encoding="utf-8")
    store(project, run_id, files)
    bundle_id = verify_files(files).bundle_id
    if event == "approved":
        source = project.mlflow.get_model_version("small", "1").source
        project.mlflow.create_model_version("small", source, tags={"bundle_id": bundle_id})
    return Ledger(project.store).append(
        event=event, run=f"TrainFlow/{run_id}", bundle_id=bundle_id, by="tester", why="as the first run",
        details=first.details | {"pathspec": f"TrainFlow/{run_id}", "once_key": f"TrainFlow/{run_id}"},
    )  # fmt: skip


def bundle(project: Project, run_id: str) -> dict[str, bytes]:
    """The files of a run's bundle, as Metaflow has them."""
    found: dict[str, bytes] = pickle.loads(
        gzip.decompress(_blob(project, _artifact(project, run_id)).read_bytes())
    )
    return found


def store(project: Project, run_id: str, files: Mapping[str, bytes]) -> None:
    """Let the run's bundle be these files, whatever its decision was on."""
    content = pickle.dumps(dict(files), protocol=4)
    sha, path = hashlib.sha1(content).hexdigest(), _artifact(project, run_id)
    told = json.loads(path.read_text(encoding="utf-8")) | {"sha": sha}
    path.write_text(json.dumps(told), encoding="utf-8")
    blob = _blob(project, path)
    blob.parent.mkdir(exist_ok=True)
    blob.write_bytes(gzip.compress(content))


def _artifact(project: Project, run_id: str) -> Path:
    return next(
        (project.root / ".metaflow" / "TrainFlow" / run_id / "judge").glob("*/_meta/*_artifact_bundle.json")
    )


def _blob(project: Project, artifact: Path) -> Path:
    sha = json.loads(artifact.read_text(encoding="utf-8"))["sha"]
    return project.root / ".metaflow" / "TrainFlow" / "data" / sha[:2] / sha
