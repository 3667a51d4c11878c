import math
from datetime import date

import polars as pl
import pytest

from components.data.checks import check
from components.data.contract import ColumnRule
from components.data.inference import infer
from components.errors import DataError


def rule(values: list[object], dtype: pl.DataType | type[pl.DataType] | None = None) -> ColumnRule:
    return infer(pl.DataFrame({"column": pl.Series(values, dtype=dtype)})).column("column")


def test_the_sample_holds_to_what_is_inferred_from_it(sample: pl.DataFrame) -> None:
    assert check(sample, infer(sample), target="employed").violations == ()


def test_a_csv_of_the_sample_gives_the_same_contract(sample: pl.DataFrame) -> None:
    assert infer(sample.select(pl.all().cast(pl.String))) == infer(sample)


def test_the_columns_keep_their_order(sample: pl.DataFrame) -> None:
    assert infer(sample).names == tuple(sample.columns)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["true", "FALSE", ""], "boolean"),
        (["1", "0", "1"], "integer"),
        (["-5", "12", "NaN"], "integer"),
        (["1.0", "2.0"], "number"),
        (["1.5", "1e3"], "number"),
        (["02139", "01002"], "text"),
        (["2016-02-29", "2016-03-01T10:00:00"], "datetime"),
        (["a", "b", "a", "b"], "category"),
        (["a", "b", "c", "a"], "text"),
        ([None, None], "text"),
        ([True, None], "boolean"),
        ([date(2016, 2, 29)], "datetime"),
        ([0.5], "number"),
    ],
)
def test_a_type_is_what_all_values_can_be_read_as(values: list[object], kind: str) -> None:
    assert rule(values).type == kind


def test_declared_categories_are_categories_however_rare() -> None:
    assert rule(["a", "b", "c"], pl.Categorical).categories == ("a", "b", "c")


def test_more_than_200_categories_are_texts() -> None:
    many = [f"value {number % 201}" for number in range(1000)]
    assert rule(many, pl.Categorical).type == rule(many).type == "text"
    assert rule([value for value in many if value != "value 200"]).type == "category"


def test_integers_get_a_tenth_of_their_width_as_slack() -> None:
    ages = rule([18, 40, 64])
    assert (ages.minimum, ages.maximum) == (13, 69)


def test_numbers_get_a_tenth_of_their_width_as_slack() -> None:
    prices = rule([10.0, 20.0, 30.5])
    assert (prices.minimum, prices.maximum) == (7.9, 32.6)


@pytest.mark.parametrize(
    ("values", "low", "high"), [([1, 100], 0, 110), ([-100, -1], -110, 0), ([-1, 99], -11, 109)]
)
def test_slack_does_not_change_the_sign(values: list[object], low: float, high: float) -> None:
    inferred = rule(values)
    assert (inferred.minimum, inferred.maximum) == (low, high)


def test_a_single_value_gets_a_tenth_of_its_size_as_slack() -> None:
    assert (rule([50.0, 50.0]).minimum, rule([50.0, 50.0]).maximum) == (45, 55)


@pytest.mark.parametrize("values", [[0, 0], [0.0], [1e300, -1e300], [1e-300, 2e-300]])
def test_the_range_holds_the_values_whatever_they_are(values: list[object]) -> None:
    inferred = rule(values)
    assert inferred.minimum <= min(values)  # type: ignore[operator,type-var]
    assert inferred.maximum >= max(values)  # type: ignore[operator,type-var]


def test_a_column_with_missing_values_may_have_them() -> None:
    assert rule([1, None]).nullable
    assert not rule([1, 2]).nullable
    assert rule([0.5, float("nan")]).nullable


def test_a_column_without_repetitions_is_unique_and_unranged() -> None:
    assert rule(list(range(100))) == ColumnRule("column", "integer", unique=True)
    assert rule([f"person {number}" for number in range(100)]).unique


def test_a_short_column_is_not_called_unique() -> None:
    assert not rule(list(range(99))).unique


def test_numbers_are_not_called_unique() -> None:
    assert not rule([number / 7 for number in range(1000)]).unique


def test_a_table_without_rows_gives_no_contract(sample: pl.DataFrame) -> None:
    with pytest.raises(DataError, match="without rows"):
        infer(sample.clear())


def test_a_column_of_another_kind_is_named() -> None:
    with pytest.raises(DataError, match=r"'column' holds List"):
        rule([[1, 2]])


def test_infinite_numbers_are_no_part_of_the_range() -> None:
    values = [float(n) for n in range(1, 50)]
    spoiled = pl.Series("a", [math.inf, *values, -math.inf])
    (rule,) = infer(pl.DataFrame([spoiled]), unique=()).columns
    (wanted,) = infer(pl.DataFrame({"a": values}), unique=()).columns
    assert (rule.minimum, rule.maximum) == (wanted.minimum, wanted.maximum)
    (nothing,) = infer(pl.DataFrame({"a": [math.inf] * 10}), unique=()).columns
    assert (nothing.minimum, nothing.maximum) == (None, None)
