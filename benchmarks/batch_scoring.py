"""A large table scored from Parquet to Parquet, beside MLflow's own way and beside reading and writing alone.

All read the same file and write its columns and, but for the last, the predictions; all have the same cores. Ours checks
every row, computes the data version and gives each row a name besides; its two phases, taking in and scoring, are those of
the flow's steps, the second in two processes side by side, as the flow has them. The peer is `mlflow.pyfunc` with the same
scikit-learn pipeline, logged as MLflow logs it, whose trees use all cores. MLflow with our own bundle, whose program is the same as
ours and uses one core, is told beside it. Starting Python and loading the model are in none of the figures.

Ours scores rows once that the program cannot tell apart, so that tables are of three sorts: the sample's rows drawn again and again,
the same with one value in twenty another row's, and one in which no two rows are alike, as a number with many digits differs in all.

    python -m benchmarks batch_scoring
    python -m benchmarks.batch_scoring 20000000    # the most that each process had resident; takes minutes
"""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.batch_phases import SORTS, TASKS, Figures, phase
from benchmarks.result import Result

ROWS, TURNS, SHARD_ROWS = 2_000_000, 3, 500_000
GOAL = 1 / 5


def benchmarks(rows: int = ROWS) -> Iterator[Result]:
    """The medians of turns, each phase in processes of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        phase("bundle", folder)
        for sort in SORTS:
            phase("table", folder, str(rows), sort)
            yield from results(sort, rows, [measured(folder) for _ in range(TURNS)])


def measured(folder: Path) -> dict[str, Figures]:
    """What each phase took once.

    Raises:
        SystemExit: They score otherwise.
    """
    found = {"intake": phase("intake", folder, str(SHARD_ROWS))}
    with ThreadPoolExecutor(TASKS) as tasks:
        scored = list(tasks.map(lambda task: phase("score", folder, str(task)), range(TASKS)))
    found["score"] = {
        name: (max if name == "seconds" else sum)(each[name] for each in scored) for name in scored[0]
    }
    found |= {each: phase(each, folder) for each in ("pyfunc", "bundle_pyfunc", "copy")}
    if any(abs(found["score"]["sum"] - found[each]["sum"]) > 1e-3 for each in ("pyfunc", "bundle_pyfunc")):
        raise SystemExit("They score otherwise: there is nothing to compare.")
    return found


def results(sort: str, rows: int, turns: list[dict[str, Figures]]) -> Iterator[Result]:
    """A table of one sort: against MLflow, and against reading and writing alone."""

    def took(each: str, what: str = "seconds") -> float:
        return statistics.median(turn[each][what] for turn in turns)

    ours, processor = took("intake") + took("score"), took("intake", "processor") + took("score", "processor")
    note = (
        f"Rows a second: {rows / ours:,.0f} (taken in {rows / took('intake'):,.0f}, scored {rows / took('score'):,.0f}), MLflow "
        f"{rows / took('pyfunc'):,.0f} (its predict alone {rows / took('pyfunc', 'predict'):,.0f}). The program saw "
        f"{took('score', 'scored') / rows:.0%} of the rows. Processor's seconds: ours {processor:.2f}, MLflow "
        f"{took('pyfunc', 'processor'):.2f}, MLflow with our bundle {took('bundle_pyfunc', 'processor'):.2f}, reading and writing "
        f"{took('copy', 'processor'):.2f}."
    )
    name = f"score {rows:,} rows, {sort}"
    yield Result(name, ours, took("pyfunc"), GOAL, "mlflow.pyfunc, Parquet to Parquet", note=note)
    yield Result(name, ours, took("bundle_pyfunc"), None, "mlflow.pyfunc with our own bundle")
    yield Result(name, ours, took("copy"), None, "polars reading and writing alone")


def memory(rows: int, small: int = 1_000_000) -> Iterator[Result]:
    """The most that each process had resident, of a small table and of a large one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        phase("bundle", folder)
        for size in (small, rows):
            phase("table", folder, str(size), "with noise")
            for each, word in (("intake", str(SHARD_ROWS)), ("score", "0")):
                found = phase(each, folder, word)
                yield Result(
                    f"memory of {each}, {size:,} rows",
                    found["peak"] / (1 << 20),
                    unit="MiB",
                    note=f"{found['seconds']:.0f} s",
                )


if __name__ == "__main__":
    for result in memory(int(sys.argv[1])):
        print(result.line, flush=True)
