"""Rows are alike if all their values are the same, and only then."""

from datetime import datetime

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from components.scoring import repeats
from components.scoring.repeats import distinct

VALUES = {
    pl.Boolean: st.booleans(),
    pl.Int64: st.integers(-3, 3) | st.sampled_from([2**62, -(2**62), 2**63 - 1, -(2**63)]),
    pl.Float64: st.sampled_from([0.0, -0.0, 1.5, -1e300, 1e300, 5e-324]),
    pl.String: st.sampled_from(["", "a", "b", "aa"]),
    pl.Categorical: st.sampled_from(["a", "b", "c"]),
    pl.Datetime("us"): st.sampled_from([datetime(2015, 1, 1), datetime(2016, 1, 1, 0, 0, 1)]),
}


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    rows = draw(st.integers(1, 12))
    kinds = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=6))
    columns = [draw(st.lists(st.none() | VALUES[kind], min_size=rows, max_size=rows)) for kind in kinds]
    return pl.DataFrame(
        [pl.Series(str(n), each, kind) for n, (each, kind) in enumerate(zip(columns, kinds, strict=True))]
    )


@settings(max_examples=300, deadline=None)
@given(table=tables())
def test_the_one_of_its_kind_is_equal_in_every_column(table):
    first, kind = distinct(table)
    assert table[first][kind].equals(table)
    assert len(first) == len(set(table.rows()))


def test_many_columns_of_many_values_are_told_apart():
    rng = np.random.default_rng(0)
    table = pl.DataFrame({str(n): rng.integers(-(2**63), 2**63 - 1, 300) for n in range(5)})
    table = pl.concat([table, table, table])
    first, kind = distinct(table)
    assert (len(first), table[first][kind].equals(table)) == (300, True)


def test_room_for_codes_is_made_where_columns_have_many_values(monkeypatch):
    monkeypatch.setattr(repeats, "_ROOM", 1 << 8)
    rng = np.random.default_rng(0)
    table = pl.DataFrame({str(n): rng.integers(0, 6, 500) for n in range(4)})
    table = pl.concat([table, table])
    first, kind = distinct(table)
    assert table[first][kind].equals(table)
    assert len(first) == table.n_unique()


def test_where_all_rows_differ_in_the_first_columns_the_others_are_not_asked(monkeypatch):
    monkeypatch.setattr(repeats, "_ROOM", 1 << 10)
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"number": rng.permutation(900), "one": rng.integers(0, 9, 900)})
    first, kind = distinct(table)
    assert (len(first), table[first][kind].equals(table)) == (900, True)
