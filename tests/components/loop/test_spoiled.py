"""What is made bad is bad by exactly the rule that is named, and nothing else is touched."""

import polars as pl
import pytest

from components.data import schema
from components.loop import spoiled

TABLE = pl.DataFrame(
    {
        "age": [20, 30, 40, 50],
        "sex": pl.Series(["f", "m", "f", "m"], dtype=pl.Categorical),
        "asked": [True, False, True, False],
        "y": [0, 0, 1, 1],
    }
)
CONTRACT = schema.infer(TABLE)
RULES = schema.to_json(CONTRACT, ["sex", "age", "asked"])["features"]


def test_a_number_with_bounds_is_spoiled_first():
    assert spoiled.column(RULES) == "age"
    assert spoiled.column(RULES[:1]) == "sex"


@pytest.mark.parametrize("name", ["age", "sex", "asked"])
def test_only_the_named_rows_break_the_contract(name):
    rule = next(each for each in RULES if each["name"] == name)
    checked = schema.check(spoiled.rows(TABLE, rule, [1, 3]), CONTRACT, target="y", key=(), required=())
    assert checked.accepted.height == 2
    assert {each.column for each in checked.violations} == {name}
    assert checked.accepted["y"].to_list() == [0, 1]


def test_a_shuffled_target_keeps_its_values_and_leaves_the_features_alone():
    table = pl.DataFrame({"x": range(1000), "y": [0] * 500 + [1] * 500})
    mixed = spoiled.shuffled(table, "y")
    assert mixed["x"].to_list() == table["x"].to_list()
    assert sorted(mixed["y"]) == sorted(table["y"])
    assert mixed["y"].to_list() != table["y"].to_list()
