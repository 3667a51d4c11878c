"""Rows, tables and targets made bad on purpose, to see them kept out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl


def column(rules: Sequence[Mapping[str, Any]]) -> str:
    """The input whose values are spoiled: a number that the contract bounds where there is one, else any.

    Args:
        rules: the features of a bundle's contract.json.
    """
    bounded = [
        rule for rule in rules if rule["type"] in ("integer", "number") and rule["maximum"] is not None
    ]
    ruled = [
        rule for rule in rules if rule["categories"] is not None or rule["type"] in ("datetime", "boolean")
    ]
    return str((bounded or ruled or list(rules))[0]["name"])


def rows(good: pl.DataFrame, rule: Mapping[str, Any], where: Sequence[int]) -> pl.DataFrame:
    """The rows with a value in some of them that breaks the rule: far above its bound, or no value that it knows."""
    name = rule["name"]
    if rule["type"] in ("integer", "number"):
        bad = pl.lit(10 * abs(rule["maximum"] or 0) + 1000)
    else:
        bad = pl.lit("no such value")
        good = good.with_columns(pl.col(name).cast(pl.String))
    number = pl.int_range(pl.len())
    return good.with_columns(pl.when(number.is_in(list(where))).then(bad).otherwise(pl.col(name)).alias(name))


def shuffled(table: pl.DataFrame, target: str, seed: int = 0) -> pl.DataFrame:
    """The table with its target dealt out anew, as after a join by the wrong key: nothing can be learned."""
    return table.with_columns(pl.col(target).shuffle(seed=seed))
