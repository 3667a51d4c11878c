"""The template as a git repository of its own, and projects generated from it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.template.baking import COMBINATIONS, bake, git, snapshot

Baked = tuple[dict[str, str], Path]


@pytest.fixture(scope="session", autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of its own: nobody's cookiecutter or git configuration counts, and nobody's is written to."""
    home = tmp_path_factory.mktemp("home")
    settings = home / "cookiecutter.yaml"
    settings.write_text(f"cookiecutters_dir: {home}/templates\nreplay_dir: {home}/replay\n", encoding="utf-8")
    (home / ".gitconfig").write_text("[user]\nname = Tester\nemail = tester@example.org\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("COOKIECUTTER_CONFIG", str(settings))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield home


@pytest.fixture(scope="session")
def template(alone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template in a git repository, uncommitted work included. Not to be changed."""
    return snapshot(tmp_path_factory.mktemp("template") / "flowprint")


@pytest.fixture
def own_template(template: Path, tmp_path: Path) -> Path:
    """A clone of the template that a test may change."""
    git(tmp_path, "clone", "--quiet", str(template), "own_template")
    return tmp_path / "own_template"


@pytest.fixture(scope="session")
def default_project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the default answers. Not to be changed."""
    return bake(template, tmp_path_factory.mktemp("default"))


@pytest.fixture(scope="session", params=COMBINATIONS, ids=["-".join(one.values()) for one in COMBINATIONS])
def baked(request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Baked:
    """The answers and the project, for every combination of choices. Not to be changed."""
    answers = {"project_name": "Ärger & Co. 2", "author": "Siobhán O'Neill", **request.param}
    return answers, bake(template, tmp_path_factory.mktemp("baked"), **answers)
