"""An environment that holds what a bundle's requirements pin, and nothing of this project."""

import json
import subprocess
from pathlib import Path

import pytest

from components.errors import BundleError
from components.release.clean_environment import make
from components.release.lock import requirements

LOCK = (Path(__file__).parents[3] / "requirements.lock").read_text(encoding="utf-8")
LOOK = """
import importlib.util, json, sys
import google.protobuf, numpy, onnxruntime
names = ("numpy", "google.protobuf", "pandas", "sklearn", "metaflow", "components", "pip")
print(json.dumps({name: importlib.util.find_spec(name) is not None for name in names} | {"prefix": sys.prefix}))
"""


def test_it_holds_what_is_pinned_and_nothing_else(tmp_path):
    python = make(tmp_path / "environment", requirements(LOCK, ("numpy", "onnxruntime")))
    done = subprocess.run([str(python), "-I", "-B", "-c", LOOK], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("prefix") == str(tmp_path / "environment")
    assert [name for name, there in found.items() if there] == ["numpy", "google.protobuf"]


def test_a_version_that_is_neither_here_nor_in_reach_is_refused(tmp_path, monkeypatch):
    # A folder without packages takes the index's place.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    pinned = f"msgspec==0.0.1 \\\n    --hash=sha256:{'0' * 64}\n"
    with pytest.raises(BundleError, match=r"pins versions that are not installed here.*msgspec==0\.0\.1"):
        make(tmp_path / "environment", pinned)
