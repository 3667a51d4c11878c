"""The bill of materials is valid, complete, and the same for the same inputs."""

import json
from importlib import metadata
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from components.release.lock import closure
from components.release.sbom import sbom

LOCK = (Path(__file__).parents[3] / "requirements.lock").read_text()
SERVING = ("numpy", "onnxruntime")


def made(created: str = "2026-01-02T03:04:05+00:00") -> bytes:
    return sbom(name="coaching", version="12", lock=LOCK, serving=SERVING, created=created)


@pytest.fixture(scope="module")
def bill() -> dict:
    return json.loads(made())


def test_it_is_valid_cyclonedx():
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(made().decode()) is None


def test_what_serves_is_required_and_the_rest_is_not(bill):
    required = {part["name"] for part in bill["components"] if part["scope"] == "required"}
    assert required == set(closure(SERVING))
    assert {"scikit-learn", "metaflow"} <= {part["name"] for part in bill["components"]} - required


def test_versions_are_those_installed(bill):
    assert all(part["version"] == metadata.version(part["name"]) for part in bill["components"])


def test_licences_are_named(bill):
    named = [part for part in bill["components"] if part.get("licenses")]
    assert len(named) > 0.9 * len(bill["components"])


def test_dependencies_are_drawn(bill):
    drawn = {entry["ref"]: entry.get("dependsOn", []) for entry in bill["dependencies"]}
    runtime = f"pkg:pypi/onnxruntime@{metadata.version('onnxruntime')}"
    assert runtime in drawn["coaching@12"]
    assert f"pkg:pypi/numpy@{metadata.version('numpy')}" in drawn[runtime]


def test_the_same_inputs_give_the_same_bytes():
    assert made() == made()


def test_time_is_the_one_given(bill):
    assert bill["metadata"]["timestamp"] == "2026-01-02T03:04:05+00:00"
    assert made("2026-01-03T00:00:00+00:00") != made()
