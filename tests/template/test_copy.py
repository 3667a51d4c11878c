"""What the hook copies from the template's root, and what it leaves there."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.template.baking import bake, content, git, shell

LITTER = (
    "flows/__pycache__/train.cpython-311.pyc",
    "components/.ipynb_checkpoints/copy.py",
    "components/data/module.pyc",
    "notebooks/.ipynb_checkpoints/explore-checkpoint.ipynb",
    "tests/flows/.metaflow/latest_run",
)


def litter(root: Path, *names: str) -> None:
    """Files that work leaves behind."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("litter", encoding="utf-8")


def test_what_git_does_not_track_stays(own_template: Path, default_project: Path, tmp_path: Path) -> None:
    litter(own_template, *LITTER, "flows/untracked.py", "data/secret.csv")
    assert content(bake(own_template, tmp_path)) == content(default_project)


def test_what_is_tracked_and_changed_is_copied_as_it_stands(own_template: Path, tmp_path: Path) -> None:
    with (own_template / "Makefile").open("a", encoding="utf-8") as makefile:
        makefile.write("# changed\n")
    assert (bake(own_template, tmp_path) / "Makefile").read_bytes() == (
        own_template / "Makefile"
    ).read_bytes()


def test_what_is_tracked_and_deleted_is_left_out(own_template: Path, tmp_path: Path) -> None:
    (own_template / "flows" / "train.py").unlink()
    assert not (bake(own_template, tmp_path) / "flows" / "train.py").exists()


def test_without_git_the_ignored_stays(own_template: Path, default_project: Path, tmp_path: Path) -> None:
    shutil.rmtree(own_template / ".git")
    litter(own_template, *LITTER)
    assert content(bake(own_template, tmp_path)) == content(default_project)


def test_without_git_the_same_is_copied_as_git_would_add(own_template: Path, tmp_path: Path) -> None:
    litter(own_template, *LITTER, "flows/new.py", "components/data/notes.md")
    git(own_template, "add", "--all")
    with_git = content(bake(own_template, tmp_path / "with"))
    shutil.rmtree(own_template / ".git")
    assert content(bake(own_template, tmp_path / "without")) == with_git


def test_a_template_that_a_repository_does_not_track_is_copied_whole(
    own_template: Path, default_project: Path, tmp_path: Path
) -> None:
    shutil.rmtree(own_template / ".git")
    git(tmp_path, "init", "--quiet")
    assert content(bake(own_template, tmp_path / "out")) == content(default_project)


def test_the_mode_of_a_file_is_kept(own_template: Path, tmp_path: Path) -> None:
    (own_template / "flows" / "train.py").chmod(0o755)
    assert (bake(own_template, tmp_path) / "flows" / "train.py").stat().st_mode & 0o111


def test_an_incomplete_template_is_refused(own_template: Path, tmp_path: Path) -> None:
    git(own_template, "rm", "--quiet", "-r", "flows")
    finished = shell(own_template, "--no-input", "-o", tmp_path / "out", cwd=tmp_path, check=False)
    assert finished.returncode == 1
    assert "no flows/ to copy" in finished.stderr
    assert content(tmp_path / "out") == {}


def test_the_machine_without_git_can_generate(
    own_template: Path, default_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        subprocess.run(["git"], check=True)
    assert content(bake(own_template, tmp_path / "out")) == content(default_project)
