"""The whole training flow against its steps as plain calls in one process, on the sample.

Both start from nothing in a copy of the project, run in processes of their own and are timed from the start of Python to
its end. The flow may use every processor; the plain process does one thing after the other. The comparison counts only
if both find the same: every gate's value, and every byte of the served program.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.result import Result, medians, seconds

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("components", "flows", "benchmarks", "data", "config.toml", "schema.yaml", "requirements.lock")
TURNS = 3
RATIO, SECONDS_A_STEP = 1.25, 1.0
STEPS = 11
FLOW = ("flows/train.py", "--no-pylint", "run")
PLAIN = ("-m", "benchmarks.plain", "config.toml")
MEASURED = "S01"
"""The gate of the latency: a measurement, which no two runs share."""


def benchmarks() -> list[Result]:
    """The medians of three turns each, after one that only warms up."""
    with tempfile.TemporaryDirectory() as name:
        folder = project(Path(name) / "project")
        pairs = [turn(folder) for _ in range(TURNS + 1)][1:]
    ours, peer = medians(pairs)
    return [
        Result(
            "training flow on the sample",
            ours,
            peer,
            goal=max(RATIO, 1 + STEPS * SECONDS_A_STEP / peer),
            peer_name="the same calls in one plain process",
            note=f"The goal is {RATIO} or {SECONDS_A_STEP:g} s for each of {STEPS} steps, whichever is larger; "
            f"spread: flow {spread([a for a, _ in pairs])}, plain {spread([b for _, b in pairs])}.",
        )
    ]


def project(folder: Path) -> Path:
    """A copy of what training needs; nothing is written where people work."""
    folder.mkdir()
    for name in COPIED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / name)
    return folder


def turn(folder: Path) -> tuple[float, float]:
    """Seconds of the flow and of the plain process, each with no earlier run to find.

    Raises:
        SystemExit: One of them failed, or they differ in what they found.
    """
    times, found = [], []
    for command in (FLOW, PLAIN):
        for left in ("store", "build", "mlruns", ".metaflow"):
            shutil.rmtree(folder / left, ignore_errors=True)
        (folder / "mlflow.db").unlink(missing_ok=True)
        times.append(seconds(lambda command=command: run(folder, command)))  # type: ignore[misc]
        found.append(findings(folder))
    if found[0] != found[1]:
        differing = sorted(name for name in found[0] | found[1] if found[0].get(name) != found[1].get(name))
        raise SystemExit(
            f"The flow and the plain process differ in {', '.join(differing)}: nothing to compare."
        )
    return times[0], times[1]


def run(folder: Path, command: Sequence[str]) -> None:
    """Run it to its end.

    Raises:
        SystemExit: It failed; with the end of what it said.
    """
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-3000:]}")


def environment(folder: Path) -> dict[str, str]:
    """The Makefile's, for a project in ``folder``."""
    settings = {
        "PYTHONPATH": str(folder),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
        "METAFLOW_USER": os.environ.get("METAFLOW_USER", "benchmark"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    return {
        name: value for name, value in (os.environ | settings).items() if name != "PYTHONDONTWRITEBYTECODE"
    }


def findings(folder: Path) -> dict[str, Any]:
    """What a run found, to the last digit: the gates' values and intervals, and the program that would be served."""
    latest = folder / "build" / "latest"
    checks = json.loads((latest / "decision.json").read_text(encoding="utf-8"))["checks"]
    values = {
        f"{check['code']} {check['title']}": (check["status"], check["value"], check["interval"])
        for check in checks
        if check["code"] != MEASURED
    }
    return values | {"program.onnx": (latest / "bundle" / "program.onnx").read_bytes()}


def spread(times: Sequence[float]) -> str:
    """The least and the most."""
    return f"{min(times):.1f} to {max(times):.1f} s"
