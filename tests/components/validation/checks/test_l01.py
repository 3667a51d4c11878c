"""L01: no row identity and no group stands in two parts."""

from dataclasses import replace

import numpy as np
import polars as pl

from components.data import split
from components.validation.checks.leakage import parts_are_apart
from tests.components.validation.checks.models import Model


def test_parts_by_row_pass_and_lookalikes_are_reported(honest: Model) -> None:
    check = parts_are_apart(split.overlaps(honest.split, honest.table, honest.rule), honest.split.lookalikes)
    assert check.status == "passed"
    assert honest.split.lookalikes > 1000
    assert f"{honest.split.lookalikes:,} holdout rows look like" in check.reason


def test_persons_seen_twice_pass_when_they_are_named_as_groups(table: pl.DataFrame) -> None:
    twice = seen_twice(table)
    rule = replace(Model.rule, group=("person",))
    assert parts_are_apart(split.overlaps(split.assign(twice, rule), twice, rule), 0).status == "passed"


def test_persons_torn_apart_are_blocked(table: pl.DataFrame) -> None:
    twice = seen_twice(table)
    by_row = split.assign(twice, Model.rule)
    check = parts_are_apart(split.overlaps(by_row, twice, replace(Model.rule, group=("person",))), 0)
    assert check.status == "failed"
    assert "of groups" in check.reason


def seen_twice(table: pl.DataFrame) -> pl.DataFrame:
    """Three thousand persons who answered in two years."""
    first = table.head(3000).with_columns(person=pl.Series(np.arange(3000)))
    return pl.concat([first, first.with_columns(year=pl.lit(2016, pl.Int64))])
