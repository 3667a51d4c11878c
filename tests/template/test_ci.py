"""The CI files run the project's own vocabulary, keep the report, and ask for as little as they can."""

import re
from typing import Any

import pytest
import yaml

from tests.template.baking import ROOT

FILES = ("github.yml", "gitlab.yml")
REPORT = "build/latest/report.html"


def text(name: str) -> str:
    return (ROOT / "ci" / name).read_text(encoding="utf-8")


def github() -> Any:
    return yaml.safe_load(text("github.yml"))


def gitlab() -> Any:
    return yaml.safe_load(text("gitlab.yml"))


@pytest.mark.parametrize("name", FILES)
def test_it_lints_tests_trains_and_fails_for_a_rejected_model_in_this_order(name: str) -> None:
    assert re.findall(r"\bmake (\w+)", text(name)) == ["lint", "test", "train", "gate"]


@pytest.mark.parametrize("name", FILES)
def test_what_it_makes_is_in_the_makefile(name: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(re.findall(r"\bmake (\w+)", text(name))) <= set(targets)


@pytest.mark.parametrize("name", FILES)
def test_no_secret_is_asked_for(name: str) -> None:
    assert not re.search(r"secrets\.|token|password|write", text(name), flags=re.IGNORECASE)


def test_github_keeps_the_report() -> None:
    kept = [
        step["with"]
        for step in github()["jobs"]["project"]["steps"]
        if "upload-artifact" in step.get("uses", "")
    ]
    assert [step["path"] for step in kept] == [REPORT]


def test_gitlab_keeps_the_report_of_a_rejected_run_too() -> None:
    artifacts = gitlab()["project"]["artifacts"]
    assert (artifacts["paths"], artifacts["when"]) == ([REPORT], "always")


def test_github_may_read_the_repository_and_nothing_else() -> None:
    workflow = github()
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())


def test_github_actions_are_pinned_to_a_commit_with_its_version_beside_it() -> None:
    used = re.findall(r"uses: (.+)", text("github.yml"))
    assert used
    for action in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_the_gitlab_image_is_pinned_to_a_version() -> None:
    assert re.fullmatch(r"python:3\.11\.\d+-\w+", gitlab()["image"])
