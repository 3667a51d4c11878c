"""Every combination of answers gives a whole project, and every answer arrives where it belongs."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from components.config import load
from components.release.lock import pins
from tests.template.baking import ROOT, bake, content, git, shell

RENDERED = {"CHANGELOG.md", "LICENSE", "README.md", "config.toml", "pyproject.toml"}
CI_FILES = {"github": {".github/workflows/ci.yml"}, "gitlab": {".gitlab-ci.yml"}, "none": set[str]()}
COPIED_FOLDERS = ("components", "data", "flows", "notebooks", "tests/components", "tests/flows")
COPIED_FILES = (
    ".gitignore",
    "Makefile",
    "requirements-dev.lock",
    "requirements-dvc.lock",
    "requirements-sources.lock",
    "requirements-uv.lock",
    "requirements.lock",
    "schema.yaml",
    "tests/conftest.py",
)

Baked = tuple[dict[str, str], Path]


def copied(template: Path) -> set[str]:
    """What a project takes from the template's root as it is."""
    return set(git(template, "ls-files", "--", *COPIED_FOLDERS, *COPIED_FILES).splitlines())


def read_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_only_the_expected_files_are_there(baked: Baked, template: Path) -> None:
    answers, project = baked
    assert set(content(project)) == copied(template) | RENDERED | CI_FILES[answers["ci"]]


def test_no_jinja_is_left(baked: Baked) -> None:
    _, project = baked
    for name in RENDERED:
        assert not re.search(r"\{\{|\}\}|\{%|%\}|\{#", (project / name).read_text(encoding="utf-8")), name


def test_toml_and_yaml_are_valid(baked: Baked) -> None:
    answers, project = baked
    for name in ("config.toml", "pyproject.toml"):
        assert read_toml(project / name)
    for name in CI_FILES[answers["ci"]]:
        assert yaml.safe_load((project / name).read_text(encoding="utf-8"))


def test_answers_arrive_in_the_configuration(baked: Baked) -> None:
    answers, project = baked
    assert read_toml(project / "config.toml")["project"] == {
        "name": "Ärger & Co. 2",
        "slug": "arger_co_2",
        "description": "Predicts who is in work, so that job coaching reaches people who are not",
        "author": "Siobhán O'Neill",
        "orchestrator": answers["production"],
    }


def test_answers_arrive_in_the_metadata(baked: Baked) -> None:
    answers, project = baked
    metadata = read_toml(project / "pyproject.toml")["project"]
    licence = answers["licence"].replace("Proprietary", "LicenseRef-Proprietary")
    assert (metadata["name"], metadata["license"]) == ("arger_co_2", licence)
    assert metadata["authors"] == [{"name": "Siobhán O'Neill"}]


def test_the_licence_is_the_chosen_one(baked: Baked) -> None:
    answers, project = baked
    text = (project / "LICENSE").read_text(encoding="utf-8")
    firsts = {
        "MIT": "MIT License",
        "BSD-3-Clause": "BSD 3-Clause License",
        "Proprietary": "Copyright (c) Siobhán",
    }
    assert text.lstrip().startswith(firsts.get(answers["licence"], "Apache License"))
    assert answers["licence"] == "Apache-2.0" or "Siobhán O'Neill" in text


def test_the_readme_speaks_of_the_chosen_production_only(baked: Baked) -> None:
    answers, project = baked
    text = (project / "README.md").read_text(encoding="utf-8")
    commands = [name for name in ("argo-workflows", "step-functions") if f"{name} create" in text]
    assert commands == [name for name in [answers["production"]] if name != "local"]


def test_copied_files_equal_the_root_byte_for_byte(default_project: Path, template: Path) -> None:
    project = content(default_project)
    for name in copied(template):
        assert project[name] == (ROOT / name).read_bytes(), name


def test_python_compiles(default_project: Path) -> None:
    sources = list(default_project.rglob("*.py"))
    assert sources
    for path in sources:
        compile(path.read_bytes(), str(path), "exec")


def test_the_configuration_is_the_roots_but_for_the_answers(default_project: Path) -> None:
    ours, root = read_toml(default_project / "config.toml"), read_toml(ROOT / "config.toml")
    assert list(ours.pop("project")) == list(root.pop("project"))
    assert ours == root


def test_dependencies_and_rules_are_the_roots(default_project: Path) -> None:
    ours, root = read_toml(default_project / "pyproject.toml"), read_toml(ROOT / "pyproject.toml")
    for key in ("requires-python", "dependencies", "optional-dependencies"):
        assert ours["project"][key] == root["project"][key]
    for tool in ("importlinter", "pytest"):
        assert ours["tool"][tool] == root["tool"][tool]
    assert ours["tool"]["ruff"]["lint"]["select"] == root["tool"]["ruff"]["lint"]["select"]
    assert ours["dependency-groups"] == root["dependency-groups"]


def test_the_locks_hold_what_production_needs(baked: Baked) -> None:
    _, project = baked
    image, deployment = (
        pins((project / name).read_text(encoding="utf-8"))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert {"boto3", "s3fs", "metaflow"} <= image.keys()
    assert "kubernetes" in deployment
    assert {name: deployment[name].keys() for name in image} == {name: image[name].keys() for name in image}


def test_the_locks_of_the_sources_hold_every_extra_and_move_nothing(baked: Baked) -> None:
    _, project = baked
    image, sources, deployment, dvc = (
        pins((project / f"requirements{name}.lock").read_text(encoding="utf-8"))
        for name in ("", "-sources", "-dev", "-dvc")
    )
    extras = read_toml(project / "pyproject.toml")["project"]["optional-dependencies"]
    wanted = {re.split(r"[<>=]", named)[0] for names in extras.values() for named in names}
    assert wanted <= sources.keys() - image.keys()
    assert {name: sources[name].keys() for name in image} == {name: image[name].keys() for name in image}
    assert {name: deployment[name].keys() for name in sources} == {
        name: sources[name].keys() for name in sources
    }
    assert {"dvc", "dvc-s3"} <= dvc.keys()
    assert "dvc" not in deployment


def test_the_tools_are_given_only_what_the_project_has(default_project: Path) -> None:
    tools = read_toml(default_project / "pyproject.toml")["tool"]
    for name in tools["mypy"]["files"]:
        assert (default_project / name).exists(), name


def test_the_settings_accept_every_configuration(baked: Baked) -> None:
    answers, project = baked
    assert load(project / "config.toml").project.orchestrator == answers["production"]


def test_two_generations_are_equal(template: Path, default_project: Path, tmp_path: Path) -> None:
    assert content(bake(template, tmp_path)) == content(default_project)


def test_every_question_has_a_human_prompt() -> None:
    questions = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    asked = {name for name in questions if not name.startswith("_")}
    assert set(questions["__prompts__"]) == asked


def test_a_person_can_answer_at_the_terminal(template: Path, tmp_path: Path) -> None:
    typed = "Loan risk\n\nSays who pays back\nAda\n2\n3\n1\n"
    finished = shell(template, cwd=tmp_path, typed=typed)
    assert "What is the project called?" in finished.stdout
    assert "AWS Step Functions" in finished.stdout
    metadata = read_toml(tmp_path / "loan_risk" / "pyproject.toml")["project"]
    assert (metadata["description"], metadata["license"]) == ("Says who pays back", "Apache-2.0")
