"""Wherever the template is fetched from, the same project comes out."""

import os
import sys
from pathlib import Path

from tests.template.baking import commit, content, cruft, git, run, shell


def test_an_absolute_path(template: Path, default_project: Path, tmp_path: Path) -> None:
    shell(template, "--no-input", cwd=tmp_path)
    assert content(tmp_path / "job_coaching") == content(default_project)


def test_a_relative_path(template: Path, default_project: Path, tmp_path: Path) -> None:
    shell(os.path.relpath(template, tmp_path), "--no-input", cwd=tmp_path)
    assert content(tmp_path / "job_coaching") == content(default_project)


def test_the_current_folder(template: Path, default_project: Path, tmp_path: Path) -> None:
    shell(".", "--no-input", "--output-dir", tmp_path, cwd=template)
    assert content(tmp_path / "job_coaching") == content(default_project)


def test_a_git_url(template: Path, default_project: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(template), "flowprint.git")
    shell(f"file://{tmp_path}/flowprint.git", "--no-input", cwd=tmp_path)
    assert content(tmp_path / "job_coaching") == content(default_project)


def test_a_tag_of_a_git_url(own_template: Path, default_project: Path, tmp_path: Path) -> None:
    git(own_template, "tag", "v1")
    (own_template / "flows" / "later.py").write_text("", encoding="utf-8")
    commit(own_template)
    git(tmp_path, "clone", "--quiet", "--bare", str(own_template), "tagged.git")
    shell(f"file://{tmp_path}/tagged.git", "--no-input", "--checkout", "v1", cwd=tmp_path)
    assert content(tmp_path / "job_coaching") == content(default_project)


def test_a_zip(template: Path, default_project: Path, tmp_path: Path) -> None:
    archive = tmp_path / "flowprint.zip"
    git(template, "archive", "--prefix=flowprint-main/", f"--output={archive}", "HEAD")
    shell(archive, "--no-input", cwd=tmp_path)
    assert content(tmp_path / "job_coaching") == content(default_project)


def test_a_folder_of_a_larger_repository(template: Path, default_project: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "larger.git")
    archive = tmp_path / "flowprint.tar"
    git(template, "archive", "--prefix=templates/flowprint/", f"--output={archive}", "HEAD")
    run("tar", "-xf", archive, "-C", tmp_path / "larger.git", cwd=tmp_path)
    commit(tmp_path / "larger.git")
    url = f"file://{tmp_path}/larger.git"
    shell(url, "--no-input", "--directory", "templates/flowprint", "--output-dir", tmp_path, cwd=tmp_path)
    assert content(tmp_path / "job_coaching") == content(default_project)


def test_a_replay(template: Path, tmp_path: Path) -> None:
    shell(template, "--no-input", "-o", "first", "author=Ada Lovelace", "ci=gitlab", cwd=tmp_path)
    shell(template, "--replay", "-o", "second", cwd=tmp_path)
    assert content(tmp_path / "first") == content(tmp_path / "second")
    assert b"Ada Lovelace" in (tmp_path / "second" / "job_coaching" / "LICENSE").read_bytes()


def test_the_python_interface(template: Path, default_project: Path, tmp_path: Path) -> None:
    call = "import sys; from cookiecutter.main import cookiecutter; cookiecutter(sys.argv[1], no_input=True)"
    run(sys.executable, "-c", call, template, cwd=tmp_path)
    assert content(tmp_path / "job_coaching") == content(default_project)


def test_cruft(template: Path, default_project: Path, tmp_path: Path) -> None:
    cruft("create", template, "--no-input", cwd=tmp_path)
    assert content(tmp_path / "job_coaching") == content(default_project)
    assert (tmp_path / "job_coaching" / ".cruft.json").is_file()


def test_inside_a_git_hook(template: Path, default_project: Path, tmp_path: Path) -> None:
    (tmp_path / "other" / "flows").mkdir(parents=True)
    (tmp_path / "other" / "flows" / "train.py").touch()
    git(tmp_path / "other", "init", "--quiet")
    commit(tmp_path / "other")
    command = f"env GIT_DIR={tmp_path}/other/.git GIT_INDEX_FILE={tmp_path}/other/.git/index"
    run(*command.split(), sys.executable, "-m", "cookiecutter", template, "--no-input", cwd=tmp_path)
    assert content(tmp_path / "job_coaching") == content(default_project)


def test_with_another_copy_of_the_template_on_the_import_path(
    template: Path, own_template: Path, tmp_path: Path
) -> None:
    (own_template / "Makefile").write_text("# another version", encoding="utf-8")
    command = (
        "env",
        f"PYTHONPATH={template}",
        sys.executable,
        "-m",
        "cookiecutter",
        "own_template",
        "--no-input",
    )
    run(*command, cwd=tmp_path)
    assert content(tmp_path / "job_coaching")["Makefile"] == b"# another version"
