"""`cruft update` carries what the template learned into a project that its owner has worked on."""

import shutil
from pathlib import Path

import pytest
from cruft import check, create, update

from tests.template.baking import commit, cruft, git

FLOW = Path("flows/train.py")
USERS = Path("components/training/candidates.py")


@pytest.fixture(scope="session")
def generated(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that cruft made. Not to be changed."""
    made: Path = create(str(template), output_dir=tmp_path_factory.mktemp("generated"), no_input=True)
    return made


@pytest.fixture
def project(generated: Path, template: Path, own_template: Path, tmp_path: Path) -> Path:
    """The project under git, its template one that the test may change."""
    copy = Path(shutil.copytree(generated, tmp_path / "job_coaching"))
    notes = copy / ".cruft.json"
    text = notes.read_text(encoding="utf-8")
    notes.write_text(text.replace(str(template), str(own_template)), encoding="utf-8")
    git(copy, "init", "--quiet", "--initial-branch", "main")
    commit(copy)
    return copy


def change(root: Path, name: Path, line: str) -> None:
    """A first line of its own for a file, and the commit that holds it."""
    path = root / name
    path.write_text(f"{line}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    commit(root)


def test_a_changed_flow_arrives_beside_the_users_own_work(own_template: Path, project: Path) -> None:
    change(own_template, FLOW, "# the template's")
    change(project, USERS, "# the user's")
    assert update(project)
    assert (project / FLOW).read_bytes() == (own_template / FLOW).read_bytes()
    assert (project / USERS).read_text(encoding="utf-8").startswith("# the user's\n")
    assert git(project, "status", "--porcelain").split() == ["M", ".cruft.json", "M", FLOW.as_posix()]


def test_afterwards_the_project_is_up_to_date(own_template: Path, project: Path) -> None:
    change(own_template, FLOW, "# the template's")
    assert not check(project)
    assert update(project)
    commit(project)
    assert check(project)


def test_new_and_dropped_files_follow(own_template: Path, project: Path) -> None:
    git(own_template, "mv", FLOW.as_posix(), "flows/learn.py")
    commit(own_template)
    assert update(project)
    assert (project / "flows" / "learn.py").is_file()
    assert not (project / FLOW).exists()


def test_a_new_setting_arrives_beside_the_answers(own_template: Path, project: Path) -> None:
    with (own_template / "config.toml").open("a", encoding="utf-8") as config:
        config.write("\n[novelty]\nkey = 1\n")
    commit(own_template)
    change(project, Path("config.toml"), "# the user's")
    assert update(project)
    text = (project / "config.toml").read_text(encoding="utf-8")
    assert text.startswith("# the user's\n")
    assert 'name = "Job coaching"' in text
    assert text.endswith("[novelty]\nkey = 1\n")


def test_the_template_may_change_its_own_extension(own_template: Path, project: Path) -> None:
    extension = own_template / "local_extensions.py"
    text = extension.read_text(encoding="utf-8")
    extension.write_text(
        text.replace("root_text=root_text,", "root_text=root_text, novelty='new',"), encoding="utf-8"
    )
    readme = own_template / "{{cookiecutter.project_slug}}" / "README.md"
    readme.write_text("{{ novelty }}\n" + readme.read_text(encoding="utf-8"), encoding="utf-8")
    commit(own_template)
    assert update(project)
    assert (project / "README.md").read_text(encoding="utf-8").startswith("new\n")


def test_data_and_contract_are_left_to_the_user(own_template: Path, project: Path) -> None:
    for name in ("data/README.md", "schema.yaml", "CHANGELOG.md"):
        (own_template / name).write_text("changed", encoding="utf-8")
    commit(own_template)
    before = git(project, "rev-parse", "HEAD:data")
    assert update(project)
    commit(project)
    assert git(project, "rev-parse", "HEAD:data") == before
    assert git(project, "show", "--name-only", "--format=") == ".cruft.json"


def test_a_conflict_is_reported_and_marked(own_template: Path, project: Path) -> None:
    change(own_template, FLOW, "# the template's")
    change(project, FLOW, "# the user's")
    finished = cruft("update", "--skip-apply-ask", cwd=project)
    assert f"Applied patch to '{FLOW}' with conflicts" in finished.stderr
    assert git(project, "diff", "--name-only", "--diff-filter=U") == FLOW.as_posix()
    text = (project / FLOW).read_text(encoding="utf-8")
    assert "<<<<<<< ours\n# the user's\n=======\n# the template's\n>>>>>>> theirs\n" in text
