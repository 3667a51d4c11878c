"""A generated project lints, tests and trains itself, with this environment."""

import json
import os
import re
import shutil
import sys
import textwrap
from pathlib import Path

import pytest

from tests.template.baking import bake, commit, git, run

pytestmark = pytest.mark.system

VENV = Path(sys.prefix)


@pytest.fixture(scope="module")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh project under git, far from the template."""
    made = bake(template, tmp_path_factory.mktemp("far"), project_name="Loan risk", author="Ada Lovelace")
    git(made, "init", "--quiet", "--initial-branch", "main")
    commit(made)
    return made


def make(project: Path, *words: str) -> str:
    """What `make` says, the environment being there already."""
    there = [f"--assume-old={VENV / stamp}" for stamp in (".runtime", ".dev", "bin/uv")]
    inherited = [
        f"--unset={name}" for name in os.environ if name.startswith(("METAFLOW_", "MAKE", "MFLAGS", "PYTHON"))
    ]
    finished = run("env", *inherited, "make", f"VENV={VENV}", *there, *words, cwd=project)
    return finished.stdout + finished.stderr


def test_it_passes_its_own_lint(project: Path) -> None:
    make(project, "lint")


def test_it_passes_its_own_tests(project: Path) -> None:
    said = make(project, "test")
    assert " passed" in said
    assert "failed" not in said


def test_it_trains_and_leaves_a_report(project: Path) -> None:
    make(project, "train", "FAST=1")
    latest = project / "build" / "latest"
    assert json.loads((latest / "decision.json").read_text(encoding="utf-8"))["outcome"] == "rejected"
    assert "Loan risk" in (latest / "report.html").read_text(encoding="utf-8")


def test_the_readme_tells_how_to_freeze_a_contract(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(
        project, tmp_path / "copy", ignore=shutil.ignore_patterns("build", "store", ".metaflow")
    )
    (copy / "schema.yaml").unlink()
    script = re.search(
        r"<<'END'\n(.+?)\n +END\n", (copy / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    assert script
    run(sys.executable, "-", cwd=copy, typed=textwrap.dedent(script[1]))
    assert "employed" in (copy / "schema.yaml").read_text(encoding="utf-8")


def test_git_sees_nothing_that_work_leaves_behind(project: Path) -> None:
    assert git(project, "status", "--porcelain") == ""
