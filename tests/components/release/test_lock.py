"""Pins and what needs them."""

from importlib import metadata
from pathlib import Path

import pytest

from components.errors import BundleError
from components.release.lock import closure, pins, requirements

LOCK = (Path(__file__).parents[3] / "requirements.lock").read_text()


def test_every_pin_keeps_its_hashes():
    found = pins(LOCK)
    assert all("--hash=sha256:" in lines for versions in found.values() for lines in versions.values())
    assert {"numpy", "onnxruntime", "scikit-learn"} <= set(found)


def test_pins_put_together_are_the_lock():
    lines = [line for line in LOCK.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    kept = "".join(text for versions in pins(LOCK).values() for text in versions.values()).splitlines()
    assert sorted(kept) == sorted(lines)


def test_a_library_brings_what_it_needs():
    assert {"onnxruntime", "numpy", "protobuf"} <= set(closure(["onnxruntime"]))
    assert "mlflow" not in closure(["onnxruntime"])


def test_serving_requires_little():
    lines = requirements(LOCK, ["numpy", "onnxruntime"])
    assert set(pins(lines)) == set(closure(["numpy", "onnxruntime"]))
    assert metadata.version("onnxruntime") in pins(lines)["onnxruntime"]


def test_an_environment_that_is_not_the_locks_is_refused():
    version = metadata.version("numpy")
    with pytest.raises(BundleError, match=f"numpy {version} is installed, but requirements.lock pins 1.0.0"):
        requirements("numpy==1.0.0 \\\n    --hash=sha256:00\n", ["numpy"])


def test_a_library_that_is_not_installed_is_named():
    with pytest.raises(BundleError, match="no-such-library is not installed"):
        closure(["no-such-library"])
