"""A bundle that is served as Python runs the features' code that it was trained with, or is refused."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from components.errors import BundleError
from components.release.archive import zipped
from components.release.bundle import write
from components.release.manifest import write_manifest
from components.serving.model import Model
from components.serving.own_code import ARCHIVE, features_code, require_one_process
from tests.components.serving.bundles import ROOT, ROW

FEATURES = "components/training/features.py"
TRANSFORM = """

def _old_alike(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(capped=frame["age"].where(frame["age"] <= 64, 64))


TRANSFORM = _old_alike
"""
PACKS = """
import sys
from pathlib import Path
from components.release.bundle import write
from tests.components.serving.bundles import bundle

write(bundle().files, Path(sys.argv[1]))
"""
LOADS = """
import json, sys
sys.path.insert(0, sys.argv[1] + "/server.pyz")
from components.errors import BundleError
from components.serving.model import Model

row = {name: [value] for name, value in json.loads(sys.argv[2]).items()}
said, models = [], []
for folder in sys.argv[3:]:
    try:
        models.append(Model.load(folder))
    except BundleError as error:
        said.append(str(error))
    else:
        said.append(models[-1].answer(row)["y_score"][0])
print(json.dumps([*said, models[0].answer(row)["y_score"][0]]))
"""


def changed(folder: Path, to: Path, **files: bytes) -> Path:
    """A copy of the bundle with other files, and a manifest that fits."""
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}
    found = {name: content for name, content in found.items() if name != "manifest.json"} | files
    write({**found, "manifest.json": write_manifest(found)}, to)
    return to


@pytest.fixture(scope="module")
def mine(tmp_path_factory) -> Path:
    """A bundle with a feature in the user's own Python."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "components", root / "components", ignore=shutil.ignore_patterns("__pycache__"))
    features = root / FEATURES
    features.write_text(features.read_text() + TRANSFORM)
    command = [sys.executable, "-c", PACKS, str(root / "bundle")]
    subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    return root / "bundle"


@pytest.fixture(scope="module")
def edited(mine) -> Path:
    """The same with another feature, of which no recorded row tells: nobody there is older than 64."""
    with zipfile.ZipFile(mine / ARCHIVE) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert b"<= 64, 64)" in files[FEATURES]
    files[FEATURES] = files[FEATURES].replace(b"<= 64, 64)", b"<= 64, 18)")
    return changed(mine, mine.parent / "edited", **{ARCHIVE: zipped(files)})


def loaded(*folders: Path) -> list:
    """What the bundles say of somebody of 90, or why they are refused, one after the other in one process; then the first again."""
    command = [sys.executable, "-I", "-c", LOADS, str(folders[0]), json.dumps({**ROW, "age": 90})]
    done = subprocess.run([*command, *map(str, folders)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_process_that_runs_other_features_code_refuses_the_bundle(mine, edited):
    first, refused, again = loaded(mine, edited)
    assert first == again
    assert f"another one ({FEATURES})" in refused
    assert "own server.pyz" in refused
    alone, _ = loaded(edited)
    assert abs(alone - first) > 0.01


def test_bundles_of_the_same_features_code_share_a_process(mine):
    other = changed(mine, mine.parent / "other", **{"documents/model_card.md": b"# Another\n"})
    first, second, _ = loaded(mine, other)
    assert first == second


def test_the_projects_own_features_do_not_stand_in_for_those_of_the_bundle(mine):
    with pytest.raises(BundleError, match=r"trained with, and this process runs another one \(components/"):
        Model.load(mine)


def test_a_compiled_program_brings_no_features_code(mine):
    assert FEATURES in features_code((mine / ARCHIVE).read_bytes())
    assert features_code(zipped({"program.py": b""})) == {}


def test_a_challenger_of_other_features_code_is_refused_before_it_is_deployed(mine, edited):
    one, other = ((folder / ARCHIVE).read_bytes() for folder in (mine, edited))
    compiled = zipped({"program.py": b""})
    for champion, challenger in ((one, one), (compiled, other), (one, compiled)):
        require_one_process(champion, challenger)
    with pytest.raises(BundleError, match=rf"\({FEATURES}\); promote the challenger"):
        require_one_process(one, other)


def test_make_serves_a_bundle_by_its_own_server():
    command = ["make", "--dry-run", "serve", "BUNDLE=some/bundle", "ENV=test"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert '-I "some/bundle/server.pyz" --bundle "some/bundle" --environment "test"' in done.stdout
