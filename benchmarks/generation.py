"""Generation from the shell, against bare cookiecutter on a template with nothing in it."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GOAL = 1.5
ROUNDS = 9


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


def measure() -> dict[str, object]:
    """Median seconds of both, taken in turns, and their ratio."""
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        settings = here / "cookiecutter.yaml"
        settings.write_text(
            f"cookiecutters_dir: {here}/templates\nreplay_dir: {here}/replay\n", encoding="utf-8"
        )
        environment = {**os.environ, "COOKIECUTTER_CONFIG": str(settings)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        empty = empty_template(here / "empty_template")
        pairs = [
            (
                seconds(ROOT, here / f"ours{turn}", environment),
                seconds(empty, here / f"peer{turn}", environment),
            )
            for turn in range(ROUNDS + 1)
        ]
    ours, peer = (statistics.median(times) for times in zip(*pairs[1:], strict=True))
    return {
        "name": "generation from the shell",
        "ours": round(ours, 3),
        "peer": round(peer, 3),
        "ratio": round(ours / peer, 3),
        "goal": GOAL,
        "holds": ours / peer <= GOAL,
        "unit": "seconds",
        "peer_name": "cookiecutter on an empty template",
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
