"""Large tables: what each phase before training takes grows with the table's rows in memory, and by how much at most."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import size

ROWS, FEW = 500_000, 2_000
LIMITS = {"adopt": 3.7, "intake": 3.0, "divide": 2.0, "examples": 5.0}
"""Bytes of memory for each byte of the table's rows in the contract's types; a CSV's texts alone are more than two.

The same phase over the same rows takes half a byte more or less from run to run, by when the allocator gives memory back.
"""

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Folders with table.csv and table.parquet, by their rows."""
    made = {rows: tmp_path_factory.mktemp(f"rows-{rows}") for rows in (ROWS, FEW)}
    for rows, folder in made.items():
        command = [sys.executable, "-m", "benchmarks.size", "table", str(folder), str(rows)]
        subprocess.run(command, cwd=size.ROOT, check=True)
    return made


@pytest.mark.parametrize("form", size.FORMS)
def test_memory_grows_by_no_more_than_a_few_times_the_table(form: str, folders: dict[int, Path]) -> None:
    many, few = (size.peaks(folders[rows], form) for rows in (ROWS, FEW))
    rows = many["table"] - few["table"]
    grown = {phase: (many[phase] - few[phase]) / rows for phase in LIMITS}
    assert {phase: share for phase, share in grown.items() if share > LIMITS[phase]} == {}, grown
