"""D01: rows set aside."""

import polars as pl

from components.data import schema
from components.validation.checks.data import rows_set_aside
from components.validation.gates import Check, Limit


def judged(table: pl.DataFrame, bad_rows: int, limits: dict[str, Limit]) -> Check:
    contract = schema.infer(table)
    position = pl.int_range(pl.len())
    spoiled = table.with_columns(pl.when(position < bad_rows).then(999).otherwise(pl.col("age")).alias("age"))
    checked = schema.check(spoiled, contract, target="employed")
    return rows_set_aside(checked.quarantined.height, spoiled.height, limits["D01"])


def test_a_few_impossible_ages_pass(table: pl.DataFrame, limits: dict[str, Limit]) -> None:
    assert judged(table, table.height // 200, limits).status == "passed"


def test_two_in_a_hundred_impossible_ages_are_blocked(table: pl.DataFrame, limits: dict[str, Limit]) -> None:
    check = judged(table, table.height // 50, limits)
    assert check.status == "failed"
    assert "quarantine" in check.reason
