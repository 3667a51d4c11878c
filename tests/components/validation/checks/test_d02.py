"""D02: enough rows for the interval asked for."""

import polars as pl

from components.validation.checks.data import enough_rows
from components.validation.gates import Limit
from tests.components.validation.checks.models import Model, estimate


def test_the_whole_sample_is_enough(honest: Model, limits: dict[str, Limit]) -> None:
    check = enough_rows("roc_auc", estimate(honest), len(honest.holdout.y), limits["D02"])
    assert check.status == "passed"


def test_a_truncated_table_is_blocked_and_the_rows_needed_are_named(
    table: pl.DataFrame, limits: dict[str, Limit]
) -> None:
    few = Model(table.sample(3000, seed=0))
    check = enough_rows("roc_auc", estimate(few), len(few.holdout.y), limits["D02"])
    assert check.status == "failed"
    needed = int(check.reason.split("About ")[1].split(" ")[0].replace(",", ""))
    assert 2000 < needed < 20_000
