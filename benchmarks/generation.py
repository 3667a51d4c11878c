"""Generation from the shell, against bare cookiecutter on a template with nothing in it."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def seconds(template: Path, into: Path, environment: dict[str, str]) -> float:
    """Wall-clock seconds of one generation, the start of Python included."""
    command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input", "-o", str(into)]
    started = time.perf_counter()
    subprocess.run(command, env=environment, cwd=into.parent, check=True, capture_output=True)
    return time.perf_counter() - started


def benchmarks() -> list[dict[str, object]]:
    """The shortest time of both, taken in turns, and their ratio: what the machine does besides only adds to a time."""
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        settings = here / "cookiecutter.yaml"
        settings.write_text(
            f"cookiecutters_dir: {here}/templates\nreplay_dir: {here}/replay\n", encoding="utf-8"
        )
        environment = {**os.environ, "COOKIECUTTER_CONFIG": str(settings)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        empty = empty_template(here / "empty_template")
        ours, peer = zip(
            *(
                (
                    seconds(ROOT, here / f"ours{turn}", environment),
                    seconds(empty, here / f"peer{turn}", environment),
                )
                for turn in range(ROUNDS)
            ),
            strict=True,
        )
    ratio = min(ours) / min(peer)
    return [
        {
            "name": "generation from the shell",
            "ours": min(ours),
            "peer": min(peer),
            "ratio": ratio,
            "goal": GOAL,
            "holds": ratio <= GOAL,
            "unit": "s",
            "peer_name": "cookiecutter on an empty template",
        }
    ]


if __name__ == "__main__":
    print(json.dumps(benchmarks(), indent=2))
