import numpy as np
import pandas as pd
import pytest

from components.training.cardinality import Numbers, WithCategories

TABLE = pd.DataFrame(
    {
        "few": ["a", "b", "c"] * 20,
        "many": [f"m{row}" for row in range(60)],
        "exactly": [f"e{row % 30}" for row in range(60)],
        "date": np.arange(60.0),
        "note": ["some words"] * 60,
    }
)


@pytest.mark.parametrize(("many", "picked"), [(False, ["few", "exactly"]), (True, ["many"])])
def test_columns_are_picked_by_how_many_categories_the_rows_have(many, picked):
    assert WithCategories(30, many=many, names=("few", "many", "exactly"))(TABLE) == picked


def test_other_rows_may_pick_otherwise():
    assert WithCategories(30, many=True, names=("many",))(TABLE[:20]) == []


def test_without_names_every_column_without_numbers_is_picked_from():
    assert WithCategories(30, many=False, apart=("note",))(TABLE) == ["few", "exactly"]


def test_numbers_are_picked_without_those_apart():
    table = TABLE.assign(age=1, seen=2.0)
    assert Numbers(("date",))(table) == ["age", "seen"]
