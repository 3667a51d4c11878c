"""Generation from the shell, against bare cookiecutter on a template with nothing in it."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from benchmarks.result import Result, in_turns

ROOT = Path(__file__).resolve().parents[1]
GOAL = 1.5
ROUNDS = 10


def empty_template(folder: Path) -> Path:
    """A template that asks one question and generates one empty file."""
    inner = folder / "{{cookiecutter.project_slug}}"
    inner.mkdir(parents=True)
    (folder / "cookiecutter.json").write_text('{"project_slug": "empty"}', encoding="utf-8")
    (inner / "file.txt").touch()
    return folder


def generate(template: Path, into: Path, environment: dict[str, str]) -> None:
    """One generation into a new folder, which is removed with all the others."""
    command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input", "-o", mkdtemp(dir=into)]
    subprocess.run(command, env=environment, cwd=into, check=True, capture_output=True)


def benchmarks() -> list[Result]:
    """The wall-clock seconds of a process, the start of Python included."""
    with TemporaryDirectory() as name:
        here = Path(name)
        settings = here / "cookiecutter.yaml"
        settings.write_text(
            f"cookiecutters_dir: {here}/templates\nreplay_dir: {here}/replay\n", encoding="utf-8"
        )
        environment = {**os.environ, "COOKIECUTTER_CONFIG": str(settings)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        empty = empty_template(here / "empty_template")
        ours, peer = in_turns(
            lambda: generate(ROOT, here, environment), lambda: generate(empty, here, environment), ROUNDS
        )
    return [
        Result(
            "generation from the shell",
            ours,
            peer,
            goal=GOAL,
            peer_name="cookiecutter on an empty template",
        )
    ]
