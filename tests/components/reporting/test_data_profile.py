import datetime

import polars as pl
import pytest

from components.reporting.data_profile import bars, profile


@pytest.fixture(scope="module")
def table():
    return pl.read_parquet("data/acs_employment_ma_18_64.parquet").sample(3000, seed=7)


@pytest.fixture(scope="module")
def columns(table):
    roles = {"employed": "target", "year": "time", "sex": "sensitive"}
    return {column.name: column for column in profile(table, roles)}


def test_every_column_has_its_profile_in_the_order_of_the_table(table, columns):
    assert list(columns) == table.columns


def test_roles_are_named_and_features_are_the_rest(columns):
    assert [columns[name].role for name in ("employed", "year", "sex", "age")] == [
        "target",
        "time",
        "sensitive",
        "feature",
    ]


@pytest.mark.parametrize(
    ("name", "type_"),
    [("age", "integer"), ("employed", "boolean"), ("race", "category"), ("year", "integer")],
)
def test_types_are_those_of_the_contract(columns, name, type_):
    assert columns[name].type == type_


def test_bars_count_every_row_once(table, columns):
    assert all(sum(rows for _, rows in column.bars) == len(table) for column in columns.values())


def test_few_whole_values_get_a_bar_each(columns, table):
    assert columns["year"].bars == tuple(
        (str(year), int((table["year"] == year).sum())) for year in (2015, 2016, 2017, 2018)
    )


def test_rare_categories_are_counted_together(table, columns):
    assert columns["relationship"].bars[-1][0] == f"{table['relationship'].n_unique() - 11} others"


def test_missing_values_are_counted_and_not_drawn():
    (column,) = profile(pl.DataFrame({"x": [1.5, None, float("nan"), 2.5]}), {})
    assert (column.rows, column.missing, column.levels) == (4, 2, 2)
    assert sum(rows for _, rows in column.bars) == 2


def test_a_column_without_values_is_said_to_have_none():
    (column,) = profile(pl.DataFrame({"x": pl.Series([None, None], dtype=pl.Float64)}), {})
    assert (column.summary, column.bars) == ("no value", ())


def test_free_text_is_not_shown():
    (column,) = profile(pl.DataFrame({"name": [f"person {index}" for index in range(50)]}), {})
    assert column.bars == ()
    assert "person" not in column.summary


def test_dates_show_their_range():
    days = [datetime.date(2015, 1, 1) + datetime.timedelta(days=index) for index in range(100)]
    (column,) = profile(pl.DataFrame({"day": days}), {})
    assert (column.type, column.summary) == ("datetime", "2015-01-01 to 2015-04-10")
    assert sum(rows for _, rows in column.bars) == 100


def test_a_constant_number_is_one_bar():
    (column,) = profile(pl.DataFrame({"x": [3.0] * 10}), {})
    assert column.bars == (("3.0", 10),)


def test_bars_are_drawn_with_a_text_alternative(columns):
    drawn = bars(columns["age"])
    assert drawn.finding == columns["age"].summary
    assert drawn.svg.count("<rect") == len(columns["age"].bars)
