"""A large table scored from Parquet to Parquet, beside MLflow's own way and beside reading and writing alone, on one core.

All three read the same file and write the inputs and, but for the last, the predictions. Ours checks every row, computes the
data version and gives each row a name besides; its two phases, taking in and scoring, are those of the flow's tasks. Where
rows are alike ours scores each kind once, so that tables are of three sorts: the sample's rows drawn again and again, the
same with one value in twenty another row's, and one in which no two rows are alike.

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
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.result import Result

ROOT = Path(__file__).resolve().parents[1]
ROWS, TURNS, SHARD_ROWS = 1_000_000, 3, 500_000
BATCH_ROWS = 500_000
UNLIKE = "no two alike"
SORTS = {"drawn again and again": 0.0, "with noise": 0.05, UNLIKE: 0.05}
"""The tables, and the share of their values that are another row's."""
GOAL = 1 / 5


def benchmarks(rows: int = ROWS) -> Iterator[Result]:
    """The medians of turns, each phase in a process of its own that is kept on one core."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        phase("bundle", folder)
        for sort in SORTS:
            phase("table", folder, str(rows), sort)
            turns = [measured(folder) for _ in range(TURNS)]
            yield from results(sort, rows, turns)


def measured(folder: Path) -> dict[str, dict[str, float]]:
    """What each phase took once."""
    found = {each: phase(each, folder, str(SHARD_ROWS)) for each in ("intake", "score", "pyfunc", "copy")}
    if abs(found["score"]["sum"] - found["pyfunc"]["sum"]) > 1e-3:
        raise SystemExit("The two score otherwise: there is nothing to compare.")
    return found


def results(sort: str, rows: int, turns: list[dict[str, dict[str, float]]]) -> Iterator[Result]:
    """A table of one sort: against MLflow, and against reading and writing alone."""

    def seconds(each: str) -> float:
        return statistics.median(turn[each]["seconds"] for turn in turns)

    ours = seconds("intake") + seconds("score")
    scored = turns[0]["score"]["scored"] / rows
    note = (
        f"{rows / ours:,.0f} rows/s ({rows / seconds('intake'):,.0f} taken in, {rows / seconds('score'):,.0f} scored, {scored:.0%} "
        f"of the rows by the program), MLflow {rows / seconds('pyfunc'):,.0f}, its predict alone "
        f"{rows / statistics.median(turn['pyfunc']['predict'] for turn in turns):,.0f}."
    )
    goal = GOAL if sort != UNLIKE else None
    yield Result(
        f"score {rows:,} rows, {sort}",
        ours,
        seconds("pyfunc"),
        goal,
        "mlflow.pyfunc, Parquet to Parquet",
        note=note,
    )
    yield Result(
        f"score {rows:,} rows, {sort}", ours, seconds("copy"), None, "polars reading and writing alone"
    )


def memory(rows: int) -> Iterator[Result]:
    """The most that each process had resident, at a twentieth of the rows and at all of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        phase("bundle", folder)
        for size in (rows // 20, rows):
            phase("table", folder, str(size), "with noise")
            for each in ("intake", "score"):
                found = phase(each, folder, str(SHARD_ROWS))
                took = f"{found['seconds']:.0f} s"
                yield Result(
                    f"memory of {each}, {size:,} rows", found["peak"] / (1 << 20), unit="MiB", note=took
                )


def phase(name: str, folder: Path, *words: str) -> dict[str, float]:
    """What a phase told of itself, run by a process that is kept on one core, but for those that only prepare.

    Raises:
        SystemExit: It failed; with the end of what it said.
    """
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = [sys.executable, "-m", "benchmarks.batch_scoring", name, str(folder), *words]
    # The memory of a process that starts others is counted as theirs: a small one stands between.
    launcher = [
        sys.executable,
        "-c",
        "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)",
    ]
    done = subprocess.run(
        [*launcher, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


# --- the phases, each in a process of its own ------------------------------------------------------------------------
def bundle(folder: Path) -> dict[str, float]:
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


def table(folder: Path, rows: str, sort: str) -> dict[str, float]:
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
            batch = batch.with_columns(hours=pl.Series(rng.uniform(0, 80, height)))
        made = batch.to_arrow()
        writer = writer or pq.ParquetWriter(folder / "table.parquet", made.schema)
        writer.write_table(made)
    if writer:
        writer.close()
    return {}


def intake(folder: Path, shard_rows: str) -> dict[str, float]:
    """What the flow's first step does with the table."""
    from components.data import source
    from components.scoring import intake
    from components.scoring.asked import Asked
    from components.store import Store

    shutil.rmtree(folder / "store", ignore_errors=True)
    asked = Asked.of_bundle(json.loads((folder / "bundle" / "contract.json").read_text()))
    started = perf_counter()
    incoming = intake.take_in(
        source.take(str(folder / "table.parquet")),
        asked,
        shard_rows=int(shard_rows),
        most_refused_fraction=0.05,
        folder="incoming/1",
        store=Store(str(folder / "store")),
    )
    took = perf_counter() - started
    (folder / "incoming.pickle").write_bytes(pickle.dumps(incoming))
    return {"seconds": took}


def score(folder: Path, _: str) -> dict[str, float]:
    """What the flow's other steps do with it."""
    from components.release import bundle
    from components.scoring import scorer, scores
    from components.store import Store

    files, store = bundle.files(folder / "bundle"), Store(str(folder / "store"))
    incoming = pickle.loads((folder / "incoming.pickle").read_bytes())
    bundle_id, version = bundle.verify(folder / "bundle").bundle_id, incoming.data_version
    score_id = scores.score_id(bundle_id, version, incoming)
    with scorer.loaded(files, bundle_id) as by:
        started, parts = perf_counter(), []
        for shard in incoming.shards:
            parts += scores.write_shard(
                shard, by, folder=incoming.folder, score_id=score_id, data_version=version, store=store
            )
        done = scores.of_parts(
            incoming, parts, score_id=score_id, data_version=version, bundle_id=bundle_id, model_version="1"
        )
        scores.publish(done, store)
    took = perf_counter() - started
    return {
        "seconds": took,
        "scored": by.scored,
        "sum": _sum(store.url(scores.place(score_id) + "/part-*.parquet")),
    }


def pyfunc(folder: Path, _: str) -> dict[str, float]:
    """What one writes with MLflow: read, predict, write."""
    import mlflow.pyfunc
    import pandas as pd

    model = mlflow.pyfunc.load_model(str(folder / "bundle"))
    started = perf_counter()
    rows = pd.read_parquet(folder / "table.parquet")
    predicting = perf_counter()
    said = model.predict(rows)
    predicted = perf_counter() - predicting
    pd.concat([rows, said], axis=1).to_parquet(folder / "pyfunc.parquet")
    took = perf_counter() - started
    return {"seconds": took, "predict": predicted, "sum": _sum(folder / "pyfunc.parquet")}


def copy(folder: Path, _: str) -> dict[str, float]:
    """Reading and writing alone."""
    import polars as pl

    started = perf_counter()
    pl.read_parquet(folder / "table.parquet").write_parquet(folder / "copy.parquet")
    return {"seconds": perf_counter() - started}


def _sum(scores: Path | str) -> float:
    import polars as pl

    return float(pl.scan_parquet(scores).select(pl.col("y_score").sum()).collect().item())


PREPARING, MEASURED = (bundle, table), (intake, score, pyfunc, copy)


def main(words: list[str]) -> None:
    """A phase, which tells its figures in the last line; or what memory the two phases of ours take."""
    if words[0] == "memory":
        for result in memory(int(words[1])):
            print(result.line, flush=True)
        return
    phases = {each.__name__: each for each in (*PREPARING, *MEASURED)}
    if phases[words[0]] in MEASURED:
        # Before polars is imported, which starts a thread a core.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    found = phases[words[0]](Path(words[1]), *words[2:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(found | {"peak": peak}))


if __name__ == "__main__":
    main(sys.argv[1:])
