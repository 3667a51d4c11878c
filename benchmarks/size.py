"""What one phase over a table of any size takes, told by a process of its own; :mod:`benchmarks.memory` starts them.

python -m benchmarks.size table FOLDER ROWS    # table.csv and table.parquet, in batches
python -m benchmarks.size intake PROJECT       # source, contract, quarantine, snapshot
python -m benchmarks.size divide PROJECT       # the snapshot's rows, their parts, and what the parts share
python -m benchmarks.size examples PROJECT     # the training part as a model reads it
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
TARGET, FORMS = "bought", ("csv", "parquet")
BATCH_ROWS = 250_000
WORDS = (
    "small", "large", "late", "early", "red", "blue", "green", "parcel", "box", "letter", "door", "garden", "street", "office",
    "paid", "open", "sent", "back", "wrong", "size",
)  # fmt: skip
LAUNCHER = (
    "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(done.returncode)"
)
"""A process counts what the one that started it had resident, so a small one starts those that are measured."""

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def batch(start: int, rows: int, customers: int) -> pl.DataFrame:
    """Rows of 30 columns; the same ones for the same number of the first row.

    They hold an id, a group, 8 integers, 8 numbers, 6 categories, a text of six words, an amount of money, a number with
    markers, a target that one row in a thousand lacks, and two dates.
    """
    rng = np.random.default_rng(start)
    first, words = rng.normal(size=rows).round(4), rng.integers(0, len(WORDS), (6, rows))
    remark = pl.DataFrame(np.array(WORDS)[words].T.copy(), schema=[f"w{n}" for n in range(6)])
    bought = np.where(rng.random(rows) < 1 / (1 + np.exp(-first)), "yes", "no")
    days = {name: pl.Series(rng.integers(0, 3000, rows)) for name in ("ordered", "delivered")}
    return pl.DataFrame(
        {
            "order_id": 10_000_000 + 7 * np.arange(start, start + rows),
            "customer_id": rng.integers(0, customers, rows),
            **{f"count_{n}": rng.integers(0, 1000, rows) for n in range(8)},
            "level_0": first,
            **{f"level_{n}": rng.normal(size=rows).round(4) for n in range(1, 8)},
            **{f"kind_{n}": np.array(MONTHS)[rng.integers(0, 12, rows)] for n in range(6)},
            "remark": remark.select(pl.concat_str("*", separator=" ")).to_series(),
            "price": [f"$ {amount:,.2f}" for amount in rng.lognormal(6, 1, rows)],
            "score": np.where(rng.random(rows) < 0.02, "n/a", rng.integers(0, 100_000, rows).astype(str)),
            TARGET: bought,
        }
    ).with_columns(
        pl.when(pl.int_range(rows) % 1000 != 0).then(TARGET),
        **{name: pl.date(2015, 1, 1) + pl.duration(days=each) for name, each in days.items()},
    )


def as_texts(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as a CSV has them, one of the dates with its day first."""
    return rows.with_columns(pl.col("delivered").dt.strftime("%d/%m/%Y"))


def as_typed(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as a Parquet file has them: what is a number is one."""
    return rows.with_columns(
        pl.col("score").cast(pl.Float64, strict=False),
        pl.col("price").str.replace_all(r"[$ ,]", "").cast(pl.Float64),
        pl.col(TARGET) == "yes",
    )


def table(folder: Path, rows: int) -> None:
    """Write the rows as table.csv and as table.parquet."""
    import pyarrow.parquet as pq

    parquet = None
    with (folder / "table.csv").open("wb") as csv:
        for start in range(0, rows, BATCH_ROWS):
            made = batch(start, min(BATCH_ROWS, rows - start), max(rows // 5, 1))
            as_texts(made).write_csv(csv, include_header=start == 0)
            typed = as_typed(made).to_arrow()
            parquet = parquet or pq.ParquetWriter(folder / "table.parquet", typed.schema)
            parquet.write_table(typed)
    if parquet:
        parquet.close()


def intake(project: Path) -> None:
    """What the first step of the training flow does."""
    from components.config import parse, settings
    from components.data import intake, schema, spelling
    from components.store import Store

    data = settings(parse((project / "config.toml").read_text(encoding="utf-8"))).data
    intake.take_in(
        str(project / data.source),
        named=data.source,
        period=intake.Period(data.time, data.since, data.until),
        contract=schema.load(project / "schema.yaml"),
        purpose=intake.Purpose(data.target, data.positive, data.key, data.weight, data.task == "binary"),
        max_quarantined_fraction=data.max_quarantined_fraction,
        store=Store(str(project / "store")),
        spelling=spelling.Spelling(data.drop, data.missing, data.numbers, data.dates),
        revision=data.revision,
        query=data.query,
        root=project,
    )


def divide(project: Path) -> None:
    """What the second step does with the rows; says how large they are in memory."""
    from components.config import parse, settings
    from components.data import schema, snapshot, split
    from components.store import Store
    from components.training import features

    said, contract = (
        settings(parse((project / "config.toml").read_text(encoding="utf-8"))),
        schema.load(project / "schema.yaml"),
    )
    data, options, store = said.data, said.split.model_dump(), Store(str(project / "store"))
    rows = snapshot.load(snapshot.versions(store)[0].version, store)
    options["columns"] = () if data.key else options["columns"] or contract.names
    rule = split.SplitRule(**options, group=data.group, key=data.key, time=data.time)
    names = features.select(contract.types, target=data.target, excluded=said.not_features).names
    parts = split.assign(rows, rule, names)
    if any(split.overlaps(parts, rows, rule).values()):
        raise SystemExit("A row or a group stands in two parts.")
    np.save(project / "part.npy", parts.part)
    sys.stdout.write(f"{rows.estimated_size()}\n")


def examples(project: Path) -> None:
    """What every later step does first: the training part as a model reads it."""
    from components.config import parse, settings
    from components.data import schema, snapshot
    from components.store import Store
    from components.training import examples, features
    from components.training.target import Target

    said, contract = (
        settings(parse((project / "config.toml").read_text(encoding="utf-8"))),
        schema.load(project / "schema.yaml"),
    )
    data, store = said.data, Store(str(project / "store"))
    where = np.load(project / "part.npy") == 0
    examples.examples(
        snapshot.load(snapshot.versions(store)[0].version, store, where),
        columns=features.select(contract.types, target=data.target, excluded=said.not_features),
        target=Target(data.target, "binary", (data.positive,)),
        weight=data.weight,
    )


PHASES = {"intake": intake, "divide": divide, "examples": examples}


def peaks(folder: Path, form: str) -> dict[str, float]:
    """The largest memory of each phase in bytes, of a table that lies in a folder, and under ``table`` that of its rows alone.

    Args:
        folder: with table.csv and table.parquet; a project is made in it.
        form: which of them to take.
    """
    project = folder / f"project-{form}"
    (project / "data").mkdir(parents=True)
    shutil.copy2(ROOT / "config.toml", project)
    source = project / "data" / f"table.{form}"
    os.link(folder / f"table.{form}", source)
    adopt = ("components.data.adopt", str(source), TARGET, "--project", str(project))
    found = {"adopt": peak(*adopt)[0]}
    for phase in PHASES:
        found[phase], said = peak("benchmarks.size", phase, str(project))
        if phase == "divide":
            found["table"] = float(said)
    return found


def peak(*words: str) -> tuple[float, str]:
    """The largest memory of a module that Python runs with these words, in bytes, and what it said.

    Raises:
        SystemExit: it failed; with the end of what it said.
    """
    command = [sys.executable, "-c", LAUNCHER, sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words[:2])} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return float(done.stderr.splitlines()[-1]) * 1024, done.stdout


if __name__ == "__main__":
    if sys.argv[1] == "table":
        table(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        PHASES[sys.argv[1]](Path(sys.argv[2]))
