"""Commands and comparisons for the tests of the template."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

from cookiecutter.main import cookiecutter

ROOT = Path(__file__).resolve().parents[2]
CHOICES = {
    name: choices
    for name, choices in json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8")).items()
    if isinstance(choices, list) and not name.startswith("_")
}
COMBINATIONS = [dict(zip(CHOICES, answers, strict=True)) for answers in itertools.product(*CHOICES.values())]


def run(
    *words: str | Path, cwd: Path, check: bool = True, typed: str | None = None
) -> subprocess.CompletedProcess[str]:
    """The finished command, its output as text; a failure shows what it said."""
    command = [str(word) for word in words]
    finished = subprocess.run(command, cwd=cwd, input=typed, capture_output=True, text=True, check=False)
    assert finished.returncode == 0 or not check, f"{words}\n{finished.stdout}\n{finished.stderr}"
    return finished


def git(folder: Path, *words: str) -> str:
    """What git prints in a folder."""
    return run("git", *words, cwd=folder).stdout.strip()


def commit(folder: Path) -> str:
    """The hash of a commit that holds everything in a folder."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "state")
    return git(folder, "rev-parse", "HEAD")


def shell(
    *arguments: str | Path, cwd: Path, check: bool = True, typed: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Cookiecutter, as a user starts it from the shell."""
    return run(sys.executable, "-m", "cookiecutter", *arguments, cwd=cwd, check=check, typed=typed)


def cruft(*arguments: str | Path, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Cruft, as a user starts it from the shell."""
    return run(sys.executable, "-m", "cruft", *arguments, cwd=cwd, check=check)


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path; without .git and what cruft notes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    kept = {
        name: path for name, path in named.items() if name != ".cruft.json" and not name.startswith(".git/")
    }
    return {name: path.read_bytes() for name, path in kept.items()}


def snapshot(folder: Path) -> Path:
    """A repository whose one commit is the working tree as it stands; the tree itself is not touched."""
    git(folder.parent, "init", "--quiet", "--initial-branch", "main", folder.name)
    git(folder, "--work-tree", str(ROOT), "add", "--all")
    git(folder, "commit", "--quiet", "--message", "snapshot")
    git(folder, "reset", "--quiet", "--hard")
    return folder


def bake(template: Path, into: Path, **answers: str) -> Path:
    """A project generated through cookiecutter's Python API."""
    return Path(cookiecutter(str(template), no_input=True, output_dir=str(into), extra_context=answers))
