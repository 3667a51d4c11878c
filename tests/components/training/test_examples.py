"""Examples: the rows that are asked for, as a model reads them."""

import numpy as np
import pandas as pd
import polars as pl
from pandas.testing import assert_frame_equal

from components.training.examples import Examples, examples
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


def test_rows_are_grouped_by_all_columns_and_stand_alone_where_all_are_missing() -> None:
    rows = pd.DataFrame({"home": [1.0, 1.0, None, None, None], "floor": ["a", "a", None, None, "b"]})
    made = Examples(rows, np.zeros(5), None, rows)
    assert made.groups([]) is None
    codes = made.groups(["home", "floor"])
    assert codes is not None
    assert sorted(set(codes.tolist())) == [0, 1, 2, 3]
    assert codes[0] == codes[1]
    whole = made.groups(["floor"])
    assert whole is not None
    assert len(set(whole.tolist())) == 4
