"""The content version against reading the same Parquet, and the contract check against the same checks in plain polars.

The table is the sample grown by repetition and perturbed: eleven of its columns, and three that hardly ever repeat a
value. Both sides take turns in one process; the medians are compared.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl

from components.data import schema, snapshot
from components.data.contract import Contract

SAMPLE = Path(__file__).parents[1] / "data" / "acs_employment_ma_18_64.parquet"
KEPT = (
    "age", "education", "marital_status", "relationship", "citizenship", "mobility", "military", "race",
    "disability", "foreign_born", "employed",
)  # fmt: skip
TARGET = "employed"
ROWS, TURNS = 1_000_000, 7


def grown(rows: int, seed: int = 0) -> pl.DataFrame:
    """The sample grown to ``rows`` rows and 14 columns, in the contract's types."""
    rng = np.random.default_rng(seed)
    sample = pl.read_parquet(SAMPLE, columns=list(KEPT))
    table = sample[rng.integers(0, sample.height, rows)]
    return table.with_columns(
        pl.col("age", "education").cast(pl.Int64),
        person=pl.Series(rng.permutation(rows)),
        income=pl.Series(np.round(rng.lognormal(10, 1, rows), 2)),
        hours=pl.Series(table["age"].to_numpy() + rng.normal(0, 3, rows)),
    )


def contract(table: pl.DataFrame) -> Contract:
    """What is inferred from the table's first rows, with a range for the numbers that covers all."""
    inferred = schema.infer(table.head(100_000))
    loose = {"person": (0.0, 1e9), "income": (0.0, 1e9), "hours": (-1e3, 1e3)}
    return Contract(
        tuple(
            schema.ColumnRule(rule.name, rule.type, minimum=loose[rule.name][0], maximum=loose[rule.name][1])
            if rule.name in loose
            else rule
            for rule in inferred.columns
        )
    )


def content_version(rows: int = ROWS) -> dict[str, Any]:
    """The version of a table in memory, against reading it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        grown(rows).write_parquet(path)
        table = pl.read_parquet(path)
        return compared(
            f"content version, {rows:,} rows × {table.width}",
            lambda: snapshot.content_version(table),
            lambda: pl.read_parquet(path),
            peer_name="polars reading the same Parquet",
            goal=2.0,
        )


def contract_check(rows: int = ROWS) -> dict[str, Any]:
    """The check of a table that holds to its contract."""
    table = grown(rows)
    rules = contract(table)
    return compared(
        f"contract check, {rows:,} rows × {table.width}",
        lambda: schema.check(table, rules, target=TARGET),
        lambda: plain_counts(table, rules),
        peer_name="plain polars doing the same checks",
        goal=1.5,
    )


def contract_check_with_bad_rows(rows: int = ROWS) -> dict[str, Any]:
    """The check of a table of which one row in a thousand breaks a rule, and is set aside."""
    table = grown(rows).with_columns(
        pl.when(pl.col("person") % 1000 == 0).then(-1).otherwise("age").alias("age"),
        pl.when(pl.col("person") % 1000 == 1).then(None).otherwise("employed").alias("employed"),
    )
    rules = contract(grown(100_000))
    return compared(
        f"contract check, 1 row in 500 bad, {rows:,} rows × {table.width}",
        lambda: schema.check(table, rules, target=TARGET),
        lambda: plain_partition(table, rules),
        peer_name="plain polars setting the same rows aside",
        goal=1.5,
    )


def plain_counts(table: pl.DataFrame, rules: Contract) -> pl.DataFrame:
    """How many rows break each rule, in one query."""
    broken = plain_rules(rules)
    return table.lazy().select(rows.sum().alias(str(n)) for n, rows in enumerate(broken)).collect()


def plain_partition(table: pl.DataFrame, rules: Contract) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that break no rule, and the others with a flag for each rule."""
    flags = table.select(rows.fill_null(False).alias(str(n)) for n, rows in enumerate(plain_rules(rules)))
    bad = flags.select(pl.any_horizontal(pl.all())).to_series()
    return table.filter(~bad), table.hstack(flags).filter(bad)


def plain_rules(rules: Contract) -> list[pl.Expr]:
    broken = []
    for rule in rules.columns:
        column = pl.col(rule.name)
        broken.append(column.is_null())
        if rule.minimum is not None and rule.maximum is not None:
            broken += [column < rule.minimum, column > rule.maximum]
        if rule.categories is not None:
            broken.append(~column.is_in(list(rule.categories)))
    return broken


def compared(
    name: str, ours: Callable[[], Any], peer: Callable[[], Any], *, peer_name: str, goal: float
) -> dict[str, Any]:
    """Median seconds of both over turns, the first of which only warms up."""
    turns = [(seconds(ours), seconds(peer)) for _ in range(TURNS + 1)][1:]
    our_seconds, peer_seconds = (statistics.median(each) for each in zip(*turns, strict=True))
    ratio = our_seconds / peer_seconds
    return {
        "name": name,
        "ours": round(our_seconds, 4),
        "peer": round(peer_seconds, 4),
        "ratio": round(ratio, 3),
        "goal": goal,
        "holds": ratio <= goal,
        "unit": "seconds",
        "peer_name": peer_name,
    }


def seconds(action: Callable[[], Any]) -> float:
    started = perf_counter()
    action()
    return perf_counter() - started


def benchmarks(rows: int = ROWS) -> list[dict[str, Any]]:
    return [measure(rows) for measure in (content_version, contract_check, contract_check_with_bad_rows)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    for result in benchmarks(parser.parse_args().rows):
        print(json.dumps(result, ensure_ascii=False))
