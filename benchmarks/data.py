"""The content version against reading the same Parquet, and the contract check against plain polars."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from benchmarks.result import Result, in_turns
from benchmarks.tables import sample, wide
from components.data import schema, snapshot
from components.data.contract import ColumnRule, ColumnType, Contract

TARGET = "employed"
ROWS, TURNS = 10_000_000, 5


def benchmarks(rows: int = ROWS) -> Iterator[Result]:
    """Each in one process, taking turns with its peer on one table in memory."""
    rules = contract(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        wide(rows).write_parquet(path)
        table = pl.read_parquet(path)
        yield content_version(table, path)
    yield contract_check(table, rules)
    table = table.with_columns(
        pl.when(pl.col("person") % 1000 == 0).then(-1).otherwise("age").alias("age"),
        pl.when(pl.col("person") % 1000 == 1).then(None).otherwise(TARGET).alias(TARGET),
    )
    yield contract_check_with_bad_rows(table, rules)


def contract(rows: int) -> Contract:
    """What is inferred from the sample, with a wide range for the three columns that it does not have."""
    table = sample()
    loose = {"person": (0.0, float(rows)), "income": (0.0, 1e9), "hours": (-1e3, 1e3)}
    kinds: dict[str, ColumnType] = {"person": "integer", "income": "number", "hours": "number"}
    return Contract(
        (
            *schema.infer(table).columns,
            *(
                ColumnRule(name, kinds[name], minimum=low, maximum=high)
                for name, (low, high) in loose.items()
            ),
        )
    )


def content_version(table: pl.DataFrame, path: Path) -> Result:
    """The version of a table in memory, against reading it."""
    ours, peer = in_turns(lambda: snapshot.content_version(table), lambda: pl.read_parquet(path), TURNS)
    return Result(
        f"content version, {table.height:,} rows × {table.width}",
        ours,
        peer,
        goal=2.0,
        peer_name="polars reading the same Parquet",
    )


def contract_check(table: pl.DataFrame, rules: Contract) -> Result:
    """The check of a table that holds to its contract."""
    if any(plain_counts(table, rules).row(0)) or schema.check(table, rules, target=TARGET).violations:
        raise SystemExit("A row breaks a rule, and none should: there is nothing to compare.")
    ours, peer = in_turns(
        lambda: schema.check(table, rules, target=TARGET), lambda: plain_counts(table, rules), TURNS
    )
    return Result(
        f"contract check, {table.height:,} rows × {table.width}",
        ours,
        peer,
        goal=1.5,
        peer_name="plain polars doing the same checks",
    )


def contract_check_with_bad_rows(table: pl.DataFrame, rules: Contract) -> Result:
    """The check of a table of which one row in 500 breaks a rule, and is set aside."""
    checked, plain = schema.check(table, rules, target=TARGET), plain_partition(table, rules)
    if checked.quarantined.height != plain[1].height or not checked.accepted.equals(plain[0]):
        raise SystemExit("The two set different rows aside: there is nothing to compare.")
    del checked, plain
    ours, peer = in_turns(
        lambda: schema.check(table, rules, target=TARGET), lambda: plain_partition(table, rules), TURNS
    )
    return Result(
        f"contract check, 1 row in 500 bad, {table.height:,} rows × {table.width}",
        ours,
        peer,
        goal=1.5,
        peer_name="plain polars setting the same rows aside",
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
    """For each rule of each column, the rows that break it."""
    broken = []
    for rule in rules.columns:
        column = pl.col(rule.name)
        broken.append(column.is_null())
        if rule.minimum is not None and rule.maximum is not None:
            broken += [column < rule.minimum, column > rule.maximum]
        if rule.categories is not None:
            broken.append(~column.is_in(list(rule.categories)))
    return broken
