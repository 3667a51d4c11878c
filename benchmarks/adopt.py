"""Adopting a CSV of 300,000 rows × 42 columns against reading and describing it with pandas, each in a process of its own."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.result import Result, in_turns
from benchmarks.tables import wide

ROOT = Path(__file__).resolve().parents[1]
ROWS, COLUMNS, TURNS, GOAL = 300_000, 42, 3, 8.0
DESCRIBE = "import sys, pandas; pandas.read_csv(sys.argv[1]).describe(include='all')"


def table() -> pl.DataFrame:
    """The sample's columns, numbers, codes, dates, identifiers and remarks."""
    generator = np.random.default_rng(0)
    people = wide(ROWS).with_columns(
        customer_id=pl.Series(generator.integers(0, ROWS // 4, ROWS)),
        moved_in=pl.date(2015, 1, 1) + pl.duration(days=pl.Series(generator.integers(0, 1500, ROWS))),
        remark=pl.format("remark number {}", pl.int_range(ROWS)),
    )
    numbers = {f"number_{n}": generator.normal(size=ROWS).round(4) for n in range(15)}
    codes = {f"code_{n}": generator.integers(0, 1000, ROWS) for n in range(COLUMNS - people.width - 15)}
    return people.with_columns(**{name: pl.Series(values) for name, values in (numbers | codes).items()})


def benchmarks() -> list[Result]:
    """The median of three turns each, after one that only warms up."""
    with tempfile.TemporaryDirectory() as name:
        project, csv = Path(name), Path(name) / "table.csv"
        (project / "data").mkdir()
        shutil.copy2(ROOT / "config.toml", project)
        table().write_csv(csv)
        adopt = ("-m", "components.data.adopt", str(csv), "employed", "--project", str(project))
        ours, peer = in_turns(lambda: run(*adopt), lambda: run("-c", DESCRIBE, str(csv)), TURNS)
    return [
        Result(
            f"adopting a CSV of {ROWS:,} rows x {COLUMNS} columns",
            ours,
            peer,
            goal=GOAL,
            peer_name='pandas: read_csv, describe(include="all")',
        )
    ]


def run(*words: str) -> None:
    """Python with these words, from the project's root.

    Raises:
        SystemExit: it failed; with the end of what it said.
    """
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words[:2])} failed:\n{(done.stdout + done.stderr)[-2000:]}")
