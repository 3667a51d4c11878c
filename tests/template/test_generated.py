"""A generated project lints, tests and trains itself, with this environment."""

import json
import os
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.template.baking import bake, commit, git, run

pytestmark = pytest.mark.system

VENV = Path(sys.prefix)
RENDERED = ("config.toml", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
"""What bears a project's answers; all else is the template's own, byte for byte."""
WHOLE = ("test_train.py", "test_notebook.py")
"""Real runs of the flow; the others make small projects of the same files, and run in the template."""


@pytest.fixture(scope="module")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh project under git, far from the template."""
    made = bake(template, tmp_path_factory.mktemp("far"), project_name="Loan risk", author="Ada Lovelace")
    git(made, "init", "--quiet", "--initial-branch", "main")
    commit(made)
    return made


def make(project: Path, *words: str, **variables: str) -> str:
    """What `make` says, the environment being there already."""
    there = [f"--assume-old={VENV / stamp}" for stamp in (".runtime", ".dev", ".dvc", ".sources", "bin/uv")]
    inherited = [
        f"--unset={name}" for name in os.environ if name.startswith(("METAFLOW_", "MAKE", "MFLAGS", "PYTHON"))
    ]
    given = [f"{name}={value}" for name, value in variables.items()]
    finished = run("env", *inherited, *given, "make", f"VENV={VENV}", *there, *words, cwd=project)
    return finished.stdout + finished.stderr


def test_it_passes_its_own_lint(project: Path) -> None:
    make(project, "lint")


def looks_at_its_project(path: Path) -> bool:
    """Whether a test could pass in the template and fail here."""
    if path.parent.name == "flows":
        return path.name in WHOLE
    return any(name in path.read_text(encoding="utf-8") for name in RENDERED)


def test_it_passes_its_own_tests(project: Path) -> None:
    """All that look at the project they stand in; those that never do pass in the template as the same files."""
    tests = sorted((project / "tests").rglob("test_*.py"))
    ignored = [path for path in tests if not looks_at_its_project(path)]
    assert 8 < len(tests) - len(ignored) < len(tests) / 4
    names = " ".join(f"--ignore={path.relative_to(project)}" for path in ignored)
    said = make(project, "test", PYTEST_ADDOPTS=names)
    assert said.count(" passed") == 2
    assert "failed" not in said


def test_every_one_of_its_tests_can_be_loaded(project: Path) -> None:
    """Nothing that only the template has is imported; a file that cannot be loaded ends the command with an error."""
    words = [VENV / "bin" / "python", "-m", "pytest", "tests", "--collect-only", "-p", "no:cacheprovider"]
    said = run("env", "--unset=PYTHONPATH", *words, cwd=project).stdout
    assert "tests/flows/test_retrain.py" in said


def test_it_trains_and_leaves_a_report(project: Path) -> None:
    make(project, "train", "FAST=1")
    latest = project / "build" / "latest"
    assert json.loads((latest / "decision.json").read_text(encoding="utf-8"))["outcome"] == "rejected"
    assert "Loan risk" in (latest / "report.html").read_text(encoding="utf-8")


def test_a_table_of_ones_own_is_adopted_as_the_readme_says(project: Path, tmp_path: Path) -> None:
    assert "make adopt DATA=" in (project / "README.md").read_text(encoding="utf-8")
    copy = shutil.copytree(
        project, tmp_path / "copy", ignore=shutil.ignore_patterns("build", "store", ".metaflow")
    )
    sample = pl.read_parquet(copy / "data" / "acs_employment_ma_18_64.parquet")
    sample.sample(2000, seed=0).drop("year").write_csv(copy / "data" / "own.csv")
    said = make(copy, "adopt", "DATA=data/own.csv", "TARGET=employed", "DROP=military,ancestry")
    assert "Next: make train" in said
    assert 'source = "data/own.csv"' in (copy / "config.toml").read_text(encoding="utf-8")
    assert "military" not in (copy / "schema.yaml").read_text(encoding="utf-8")
    touched = git(copy, "status", "--porcelain").split()
    assert touched == [
        "M",
        "config.toml",
        "M",
        "data/datasheet.toml",
        "M",
        "schema.yaml",
        "??",
        "data/own.csv",
    ]


def test_git_sees_nothing_that_work_leaves_behind(project: Path) -> None:
    assert git(project, "status", "--porcelain") == ""
