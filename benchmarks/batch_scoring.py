"""A large table scored from Parquet to Parquet, beside MLflow's own way and beside reading and writing alone.

All three read the same file and write its columns and, but for the last, the predictions; all have the same cores. Ours checks
every row, computes the data version and gives each row a name besides; its two phases, taking in and scoring, are those of
the flow's steps, the second in two processes side by side, as the flow has them. MLflow's predict uses one core, whatever there are; so the
processor's seconds of all threads are told too. Starting Python and loading the model are in none of the figures.

Ours scores rows once that the program cannot tell apart, so that tables are of three sorts: the sample's rows drawn again and again,
the same with one value in twenty another row's, and one in which no two rows are alike, as a number with many digits differs in all.

    python -m benchmarks batch_scoring
    python -m benchmarks.batch_scoring memory 20000000    # the most that each process had resident; takes minutes
"""

import json
import os
import pickle
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from benchmarks.result import Result

ROOT = Path(__file__).resolve().parents[1]
Figures = dict[str, float]
ROWS, TURNS, SHARD_ROWS, TASKS = 2_000_000, 3, 500_000, 2
BATCH_ROWS = 500_000
UNLIKE = "no two alike"
SORTS = {"drawn again and again": 0.0, "with noise": 0.05, UNLIKE: 0.05}
"""The tables, and the share of their values that are another row's."""
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
        SystemExit: The two score otherwise.
    """
    found = {"intake": phase("intake", folder, str(SHARD_ROWS))}
    with ThreadPoolExecutor(TASKS) as tasks:
        scored = list(tasks.map(lambda task: phase("score", folder, str(task)), range(TASKS)))
    found["score"] = {
        name: (max if name == "seconds" else sum)(each[name] for each in scored) for name in scored[0]
    }
    found |= {each: phase(each, folder) for each in ("pyfunc", "copy")}
    if abs(found["score"]["sum"] - found["pyfunc"]["sum"]) > 1e-3:
        raise SystemExit("The two score otherwise: there is nothing to compare.")
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
        f"{took('pyfunc', 'processor'):.2f}, reading and writing {took('copy', 'processor'):.2f}."
    )
    name = f"score {rows:,} rows, {sort}"
    yield Result(name, ours, took("pyfunc"), GOAL, "mlflow.pyfunc, Parquet to Parquet", note=note)
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


def phase(name: str, folder: Path, *words: str) -> Figures:
    """What a phase told of itself, run by a process of its own.

    Raises:
        SystemExit: It failed; with the end of what it said.
    """
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    # A process counts what the one that started it had resident: a small one stands between.
    launcher = [
        sys.executable,
        "-c",
        "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)",
    ]
    command = [*launcher, sys.executable, "-m", "benchmarks.batch_scoring", name, str(folder), *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


# --- the phases, each in a process of its own ------------------------------------------------------------------------
def bundle(folder: Path) -> Figures:
    """Pack the bundle of a gradient boosting of the sample with one number more, and keep these rows."""
    import polars as pl

    from components.data import schema
    from components.release.bundle import Parts, pack
    from components.release.export import predictions, program
    from components.release.reference import reference
    from components.training.candidates import FAMILIES, build
    from components.training.features import inputs, select
    from components.training.predictor import Predictor

    table = sample()
    contract = schema.infer(table)
    columns = select(contract.types, target="employed", excluded=["year", "sex", "race", "disability"])
    frame = table.filter(pl.col("year") == 2015).to_pandas()
    X, y = inputs(frame, columns), frame.employed.to_numpy(int)
    family = FAMILIES["gradient_boosting"]
    predictor = Predictor(build(family, family.default, columns, 0)).fit(X[:30_000], y[:30_000])
    said = predictions(predictor, X)
    parts = Parts(
        name="job_coaching",
        program=program(predictor, columns, X.head(1000)),
        smoke=frame[list(columns.names)].assign(**said).head(40),
        contract=schema.to_json(contract, columns.names),
        reference=reference(X, said),
        decision={"outcome": "approved", "run": "TrainFlow/1", "data_version": "d0", "checks": []},
        documents={},
        lineage={"run": "TrainFlow/1"},
        lock=(ROOT / "requirements.lock").read_text(),
        created="2026-01-02T03:04:05+00:00",
    )
    pack(folder / "bundle", parts)
    plain = table.select(columns.names).with_columns(pl.selectors.categorical().cast(pl.String))
    plain.write_parquet(folder / "sample.parquet")
    return {}


def sample() -> Any:
    """The sample with a number that hangs together with the age: hours a week, whole ones."""
    import numpy as np
    import polars as pl

    from benchmarks.tables import SAMPLE

    table = pl.read_parquet(SAMPLE)
    hours = (
        40 - np.abs(table["age"].to_numpy() - 40) / 2 + np.random.default_rng(0).normal(0, 8, table.height)
    )
    return table.with_columns(hours=pl.Series(np.clip(hours, 0, 80).round()))


def table(folder: Path, rows: str, sort: str) -> Figures:
    """Write table.parquet, in batches: the sample's rows drawn, some of their values another row's."""
    import numpy as np
    import polars as pl
    import pyarrow.parquet as pq

    few, writer = pl.read_parquet(folder / "sample.parquet"), None
    for start in range(0, int(rows), BATCH_ROWS):
        rng, height = np.random.default_rng(start), min(BATCH_ROWS, int(rows) - start)
        drawn = rng.integers(0, few.height, height)
        others = (
            np.where(rng.random(height) < SORTS[sort], rng.integers(0, few.height, height), drawn)
            for _ in few
        )
        batch = pl.DataFrame([values.gather(taken) for values, taken in zip(few, others, strict=True)])
        if sort == UNLIKE:
            batch = batch.with_columns(
                hours=pl.Series(rng.uniform(few["hours"].min(), few["hours"].max(), height))
            )
        made = batch.to_arrow()
        writer = writer or pq.ParquetWriter(folder / "table.parquet", made.schema)
        writer.write_table(made)
    if writer:
        writer.close()
    return {}


def intake(folder: Path, shard_rows: str) -> Figures:
    """What the flow's first step does with the table."""
    from components.data import source
    from components.scoring import intake
    from components.scoring.asked import Asked
    from components.store import Store

    shutil.rmtree(folder / "store", ignore_errors=True)
    asked = Asked.of_bundle(json.loads((folder / "bundle" / "contract.json").read_text()))
    clock = Clock()
    incoming = intake.take_in(
        source.take(str(folder / "table.parquet")),
        asked,
        shard_rows=int(shard_rows),
        most_refused_fraction=0.05,
        folder="incoming/1",
        store=Store(str(folder / "store")),
    )
    found = clock.told()
    (folder / "incoming.pickle").write_bytes(pickle.dumps(incoming))
    shutil.rmtree(folder / "store" / "scores", ignore_errors=True)
    return found


def score(folder: Path, task: str) -> Figures:
    """What one of the flow's tasks does with its shards."""
    from components.release import bundle
    from components.scoring import scorer, scores
    from components.store import Store

    files, store = bundle.files(folder / "bundle"), Store(str(folder / "store"))
    incoming = pickle.loads((folder / "incoming.pickle").read_bytes())
    bundle_id, version = bundle.verify(folder / "bundle").bundle_id, incoming.data_version
    score_id = scores.score_id(bundle_id, version, incoming)
    with scorer.loaded(files, bundle_id) as by:
        clock, parts = Clock(), []
        for shard in incoming.shards[int(task) :: TASKS]:
            parts += scores.write_shard(
                shard, by, folder=incoming.folder, score_id=score_id, data_version=version, store=store
            )
        found = clock.told()
    total = sum(_sum(store.url(part.name)) for part in parts)
    return found | {"scored": by.scored, "answered": by.answered, "sum": total}


def pyfunc(folder: Path) -> Figures:
    """What one writes with MLflow: read, predict, write."""
    import mlflow.pyfunc
    import pandas as pd

    model = mlflow.pyfunc.load_model(str(folder / "bundle"))
    clock = Clock()
    rows = pd.read_parquet(folder / "table.parquet")
    predicting = perf_counter()
    said = model.predict(rows)
    predicted = perf_counter() - predicting
    pd.concat([rows, said], axis=1).to_parquet(folder / "pyfunc.parquet")
    return clock.told() | {"predict": predicted, "sum": _sum(folder / "pyfunc.parquet")}


def copy(folder: Path) -> Figures:
    """Reading and writing alone."""
    import polars as pl

    clock = Clock()
    pl.read_parquet(folder / "table.parquet").write_parquet(folder / "copy.parquet")
    return clock.told()


class Clock:
    """Seconds that pass, and those of the processor, from here on."""

    def __init__(self) -> None:
        self._started, self._used = perf_counter(), process_time()

    def told(self) -> Figures:
        """How many have passed."""
        return {"seconds": perf_counter() - self._started, "processor": process_time() - self._used}


def _sum(scores: Path | str) -> float:
    import polars as pl

    return float(pl.scan_parquet(scores).select(pl.col("y_score").sum()).collect().item())


PHASES = {each.__name__: each for each in (bundle, table, intake, score, pyfunc, copy)}


def main(words: list[str]) -> None:
    """A phase, which tells its figures in the last line; or what memory the two phases of ours take."""
    if words[0] == "memory":
        for result in memory(int(words[1])):
            print(result.line, flush=True)
        return
    found = PHASES[words[0]](Path(words[1]), *words[2:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(found | {"peak": peak}))


if __name__ == "__main__":
    main(sys.argv[1:])
