"""Examples: the rows that are asked for, as a model reads them."""

import numpy as np
import pandas as pd
import polars as pl
from pandas.testing import assert_frame_equal

from components.training.examples import examples
from components.training.features import Columns
from components.training.target import Target

COLUMNS, TARGET = Columns(("age",), ("race",)), Target("employed", "binary", ("true",))


def test_rows_asked_for_are_those_of_a_table_that_has_no_others(table: pd.DataFrame) -> None:
    rows = pl.from_pandas(table)
    where = np.random.default_rng(0).random(rows.height) < 0.5
    asked = examples(rows, where, columns=COLUMNS, target=TARGET, weight="age")
    alone = examples(rows.filter(where), columns=COLUMNS, target=TARGET, weight="age")
    assert len(asked.y) == where.sum()
    assert_frame_equal(asked.X, alone.X)
    assert_frame_equal(asked.rows, alone.rows)
    assert (asked.y == alone.y).all()
    assert asked.weight is not None
    assert (asked.weight == rows.filter(where)["age"].to_numpy()).all()
