"""The largest memory of one phase over a table of any size, told by a process of its own.

python -m benchmarks.size table FOLDER ROWS    # table.csv and table.parquet, in batches
python -m benchmarks.size intake PROJECT       # source, contract, quarantine, snapshot
python -m benchmarks.size divide PROJECT       # the snapshot's rows, their parts, and what the parts share
python -m benchmarks.size examples PROJECT     # the training part as a model reads it
"""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
TARGET = "bought"
BATCH_ROWS = 250_000
WORDS = np.array(
    ["small", "large", "late", "early", "red", "blue", "green", "parcel", "box", "letter", "door", "garden", "street", "office", "paid", "open", "sent", "back", "wrong", "size"]
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def batch(start: int, rows: int, customers: int) -> pl.DataFrame:
    """Rows of 30 columns: an id, a group, 8 integers, 8 numbers, 6 categories, 2 dates, a text, money, a number with
    markers, and the target; the same for the same first row."""
    rng = np.random.default_rng(start)
    chosen = WORDS[rng.integers(0, len(WORDS), (6, rows))]
    first = rng.normal(size=rows).round(4)
    likely = 1 / (1 + np.exp(-first))
    amounts = rng.lognormal(6, 1, rows)
    days = pl.Series(rng.integers(0, 3000, (2, rows)).T.copy()).arr.to_struct(["a", "b"]).struct.unnest()
    return (
        pl.DataFrame(
            {
                "order_id": 10_000_000 + 7 * np.arange(start, start + rows),
                "customer_id": rng.integers(0, customers, rows),
                **{f"count_{n}": rng.integers(0, 1000, rows) for n in range(8)},
                "level_0": first,
                **{f"level_{n}": rng.normal(size=rows).round(4) for n in range(1, 8)},
                **{f"kind_{n}": np.array(MONTHS)[rng.integers(0, 12, rows)] for n in range(6)},
                "remark": pl.DataFrame(chosen.T.copy(), schema=[*"abcdef"])
                .select(pl.concat_str("*", separator=" "))
                .to_series(),
                "price": [f"$ {amount:,.2f}" for amount in amounts],
                "score": np.where(rng.random(rows) < 0.02, "n/a", rng.integers(0, 100_000, rows).astype(str)),
                TARGET: np.where(rng.random(rows) < likely, "yes", "no"),
            }
        )
        .with_columns(
            pl.when(pl.int_range(rows) % 1000 != 0).then(TARGET),
        )
        .with_columns(
            ordered=pl.date(2015, 1, 1) + pl.duration(days=days["a"]),
            delivered=pl.date(2015, 1, 1) + pl.duration(days=days["b"]),
        )
    )


def as_texts(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as a CSV has them, with days before months."""
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
    parquet = None
    with (folder / "table.csv").open("wb") as csv:
        for start in range(0, rows, BATCH_ROWS):
            made = batch(start, min(BATCH_ROWS, rows - start), rows // 5)
            as_texts(made).write_csv(csv, include_header=start == 0)
            typed = as_typed(made).to_arrow()
            parquet = parquet or pq.ParquetWriter(folder / "table.parquet", typed.schema)
            parquet.write_table(typed)
    if parquet:
        parquet.close()


def intake(project: Path) -> None:
    """What the first step of the training flow does."""
    from components.config import parse
    from components.config import settings as checked
    from components.data import intake, schema, spelling
    from components.store import Store

    data = checked(parse((project / "config.toml").read_text(encoding="utf-8"))).data
    intake.take_in(
        str(project / data.source),
        named=data.source,
        period=intake.Period(data.time, data.since, data.until),
        contract=schema.parse((project / "schema.yaml").read_text(encoding="utf-8")),
        purpose=intake.Purpose(data.target, data.positive, data.key, data.weight, data.task == "binary"),
        max_quarantined_fraction=data.max_quarantined_fraction,
        store=Store(str(project / "store")),
        spelling=spelling.Spelling(data.drop, data.missing, data.numbers, data.dates),
        root=project,
    )


def divide(project: Path) -> None:
    from components.config import parse
    from components.config import settings as checked
    from components.data import schema, snapshot, split
    from components.store import Store
    from components.training import features

    settings = checked(parse((project / "config.toml").read_text(encoding="utf-8")))
    contract = schema.parse((project / "schema.yaml").read_text(encoding="utf-8"))
    store = Store(str(project / "store"))
    version = snapshot.versions(store)[0].version
    table = snapshot.load(version, store)
    data = settings.data
    options = settings.split.model_dump()
    options["columns"] = () if data.key else options["columns"] or contract.names
    rule = split.SplitRule(**options, group=data.group, key=data.key, time=data.time)
    columns = features.select(contract.types, target=data.target, excluded=settings.not_features)
    parts = split.assign(table, rule, columns.names)
    print(version, parts.holdout_id, parts.lookalikes, split.overlaps(parts, table, rule))
    np.save(project / "part.npy", parts.part)


def examples(project: Path) -> None:
    from components.config import parse
    from components.config import settings as checked
    from components.data import schema, snapshot
    from components.store import Store
    from components.training import examples, features, target

    settings = checked(parse((project / "config.toml").read_text(encoding="utf-8")))
    contract = schema.parse((project / "schema.yaml").read_text(encoding="utf-8"))
    store = Store(str(project / "store"))
    data = settings.data
    columns = features.select(contract.types, target=data.target, excluded=settings.not_features)
    part = np.load(project / "part.npy")
    version = snapshot.versions(store)[0].version
    made = examples.examples(
        snapshot.load(version, store),
        part == 0,
        columns=columns,
        target=target.Target(data.target, "binary", (data.positive,)),
    )
    print(len(made.y))


def main(words):
    phase, folder, *rest = words
    {"table": table, "intake": intake, "divide": divide, "examples": examples}[phase](
        Path(folder), *map(int, rest)
    )


if __name__ == "__main__":
    main(sys.argv[1:])
