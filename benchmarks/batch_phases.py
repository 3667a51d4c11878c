"""What :mod:`benchmarks.batch_scoring` times, each phase in a process of its own: making the model and the table, and scoring it."""

import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
Figures = dict[str, float]
TASKS = 2
BATCH_ROWS = 500_000
UNLIKE = "no two alike"
SORTS = {"drawn again and again": 0.0, "with noise": 0.05, UNLIKE: 0.05}
"""The tables, and the share of their values that are another row's."""


def phase(name: str, folder: Path, *words: str) -> Figures:
    """What a phase told of itself, run by a process of its own.

    Raises:
        SystemExit: It failed; with the end of what it said.
    """
    environment = os.environ | {
        "OMP_NUM_THREADS": str(os.cpu_count() or 1) if name == "pyfunc" else "1",
        "PYTHONPATH": str(ROOT),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    # A process counts what the one that started it had resident: a small one stands between.
    launcher = [
        sys.executable,
        "-c",
        "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)",
    ]
    command = [*launcher, sys.executable, "-m", "benchmarks.batch_phases", name, str(folder), *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def bundle(folder: Path) -> Figures:
    """Pack the bundle of a gradient boosting of the sample with one number more, log the same with MLflow, and keep these rows."""
    import mlflow.sklearn
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
    mlflow.sklearn.save_model(
        predictor.pipeline,
        folder / "mlflow",
        serialization_format="cloudpickle",
        pip_requirements=[],
        pyfunc_predict_fn="predict_proba",
    )
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

    model = mlflow.pyfunc.load_model(str(folder / "mlflow"))
    features = json.loads((folder / "bundle" / "contract.json").read_text())["features"]
    clock = Clock()
    rows = pd.read_parquet(folder / "table.parquet")
    predicting = perf_counter()
    said = model.predict(rows[[each["name"] for each in features]])[:, 1]
    predicted = perf_counter() - predicting
    rows.assign(y_score=said).to_parquet(folder / "pyfunc.parquet")
    return clock.told() | {"predict": predicted, "sum": _sum(folder / "pyfunc.parquet")}


def bundle_pyfunc(folder: Path) -> Figures:
    """The same with our bundle, which is a model of MLflow's too."""
    import mlflow.pyfunc
    import pandas as pd

    model = mlflow.pyfunc.load_model(str(folder / "bundle"))
    clock = Clock()
    rows = pd.read_parquet(folder / "table.parquet")
    said = model.predict(rows)
    pd.concat([rows, said], axis=1).to_parquet(folder / "pyfunc.parquet")
    return clock.told() | {"sum": _sum(folder / "pyfunc.parquet")}


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


PHASES = {each.__name__: each for each in (bundle, table, intake, score, pyfunc, bundle_pyfunc, copy)}


def main(name: str, folder: str, *words: str) -> None:
    """A phase, which tells its figures in the last line."""
    found = PHASES[name](Path(folder), *words)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(found | {"peak": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
