"""Drift of a million rows beside Evidently, of ten million beside itself, and a day's log beside DuckDB reading it.

Each figure is of a process of its own that tells how long its work took, imports left out; the kernel tells the most that
it had resident. DuckDB and our monitor have two threads each. BENCHMARK_ROWS chooses another size than ten million.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

from benchmarks.result import Result, medians
from benchmarks.size import LAUNCHER

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "drift"
PEER = Path(__file__).parent / "peers" / "evidently_drift.py"
SMALL, LARGE, TURNS = 1_000_000, int(os.environ.get("BENCHMARK_ROWS", 10_000_000)), 3
DAY_TURNS = 2
MEGABYTE = 1e6


def benchmarks() -> Iterator[Result]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    tables = {rows: [_table(rows, seed) for seed in (1, 2)] for rows in (SMALL, LARGE)}
    ours = partial(_measured, sys.executable, "-m", "benchmarks.watching")
    yield from _beside_evidently(ours, tables[SMALL])
    yield from _beside_itself(ours, tables)
    yield from _a_day(ours)


def _beside_evidently(ours: partial, tables: list[str]) -> Iterator[Result]:
    name = f"drift, {SMALL:,} against {SMALL:,} rows x 14, 4 statistics"
    mine = [ours("drift", *tables) for _ in range(TURNS)]
    seconds, memory = medians(mine)
    if not (python := _environment()):
        yield Result(name, seconds, note="Evidently could not be installed.")
        return
    peer_seconds, peer_memory = _measured(str(python), str(PEER), *tables)
    yield Result(name, seconds, peer_seconds, 1 / 20, "Evidently 0.7.23, in its own environment")
    yield Result(
        f"memory of {name}", memory / MEGABYTE, peer_memory / MEGABYTE, 1 / 4, "Evidently 0.7.23", "MB"
    )


def _beside_itself(ours: partial, tables: dict[int, list[str]]) -> Iterator[Result]:
    times = LARGE // SMALL
    pairs = [(ours("drift", *tables[LARGE]), ours("drift", *tables[SMALL])) for _ in range(TURNS)]
    seconds = medians([(large[0], small[0]) for large, small in pairs])
    memory = medians([(large[1] / MEGABYTE, small[1] / MEGABYTE) for large, small in pairs])
    yield Result(f"the same with {LARGE:,} rows", *seconds, 1.1 * times, f"itself with {SMALL:,}")
    yield Result(f"memory of the same with {LARGE:,} rows", *memory, None, f"itself with {SMALL:,}", "MB")


def _a_day(ours: partial) -> Iterator[Result]:
    folder = FOLDER / f"day-{LARGE}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        ours("log", str(folder), str(LARGE))
        (folder / "whole").touch()
    pairs = [(ours("monitor", str(folder)), ours("duckdb", str(folder))) for _ in range(DAY_TURNS)]
    seconds, peer_seconds = medians([(mine[0], peer[0]) for mine, peer in pairs])
    memory, peer_memory = medians([(mine[1], peer[1]) for mine, peer in pairs])
    note = f"{memory / MEGABYTE:,.0f} MB against {peer_memory / MEGABYTE:,.0f} MB."
    yield Result(
        f"a day of {LARGE:,} logged predictions",
        seconds,
        peer_seconds,
        5,
        "DuckDB, which only reads them",
        note=note,
    )


def _table(rows: int, seed: int) -> str:
    path = FOLDER / f"{rows}-{seed}.parquet"
    if not path.exists():
        _measured(sys.executable, "-m", "benchmarks.watching", "table", str(path), str(rows), str(seed))
    return str(path)


def _measured(*words: str) -> tuple[float, float]:
    """The seconds that a process told, and the most that it had resident in bytes."""
    command = [sys.executable, "-c", LAUNCHER, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words[:4])} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    told = done.stdout.split()[-1]
    return 0.0 if told == "None" else float(told), float(done.stderr.splitlines()[-1]) * 1024


def _environment() -> Path | None:
    """The Python of Evidently's own environment, made if it is not there; it does not import beside pandas 3."""
    folder = FOLDER / "evidently"
    uv, python = Path(sys.executable).with_name("uv"), folder / "bin" / "python"
    if (folder / "whole").exists():
        return python
    packages = ["evidently==0.7.23", "pandas<3", f"numpy=={version('numpy')}", "pyarrow"]
    made = subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=False)
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *packages]
    if made.returncode or subprocess.run(install, check=False).returncode:
        return None
    (folder / "whole").touch()
    return python
