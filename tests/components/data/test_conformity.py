import re
from collections.abc import Callable

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from components.data.conformity import conform, conform_each
from components.data.contract import STORED_AS, ColumnRule, Contract
from components.errors import ContractError


def test_the_columns_come_in_the_contracts_order_and_types(sample: pl.DataFrame, contract: Contract) -> None:
    conforming = conform(sample.select(reversed(sample.columns)), contract)
    assert conforming.schema == {rule.name: STORED_AS[rule.type] for rule in contract.columns}


def test_texts_become_what_the_contract_says(sample: pl.DataFrame, contract: Contract) -> None:
    texts = sample.select(pl.all().cast(pl.String))
    assert_frame_equal(conform(texts, contract), conform(sample, contract))


def test_conforming_twice_changes_nothing(sample: pl.DataFrame, contract: Contract) -> None:
    once = conform(sample, contract)
    assert_frame_equal(conform(once, contract), once)


def test_nan_and_the_empty_text_become_missing() -> None:
    rules = Contract(
        (ColumnRule("number", "number"), ColumnRule("text", "text"), ColumnRule("kind", "category"))
    )
    table = pl.DataFrame(
        {"number": [1.0, float("nan")], "text": ["", "a"], "kind": pl.Series(["", "b"], dtype=pl.Categorical)}
    )
    assert conform(table, rules).rows() == [(1.0, None, None), (None, "a", "b")]


def test_a_column_of_which_some_values_are_of_another_type_stays_as_found(
    contract: Contract, sample: pl.DataFrame
) -> None:
    texts = sample.with_columns(pl.Series("age", ["about forty", *["41"] * (sample.height - 1)]))
    assert conform(texts, contract)["age"].to_list()[:2] == ["about forty", "41"]


def test_missing_columns_are_named(sample: pl.DataFrame, contract: Contract) -> None:
    with pytest.raises(ContractError, match=r"^The table has missing columns: age, race\. Correct"):
        conform(sample.drop("age", "race"), contract)


def test_unexpected_columns_are_named(sample: pl.DataFrame, contract: Contract) -> None:
    with pytest.raises(ContractError, match=r"^The table has unexpected columns: income\. Correct"):
        conform(sample.with_columns(income=1), contract)


def test_missing_and_unexpected_columns_are_named_together(sample: pl.DataFrame, contract: Contract) -> None:
    with pytest.raises(ContractError, match=r"missing columns: age; unexpected columns: Age\."):
        conform(sample.rename({"age": "Age"}), contract)


def test_wrong_types_are_named_together_with_examples(sample: pl.DataFrame, contract: Contract) -> None:
    wrong = sample.with_columns(age=pl.lit("forty"), disability=pl.lit(0.5))
    message = (
        r"^Wrong types: column 'age' should hold integer values, but holds String such as 'forty'; "
        r"column 'disability' should hold boolean values, but holds Float64 such as 0\.5\. Correct"
    )
    with pytest.raises(ContractError, match=message):
        conform(wrong, contract)


def test_an_empty_table_is_named(sample: pl.DataFrame, contract: Contract) -> None:
    with pytest.raises(ContractError, match=r"^The table is empty"):
        conform(sample.clear(), contract)


def test_a_column_without_values_is_of_every_type(sample: pl.DataFrame, contract: Contract) -> None:
    conforming = conform(sample.with_columns(age=None, race=None), contract)
    assert conforming.schema["age"] == pl.Int64
    assert conforming["race"].null_count() == sample.height


@pytest.mark.parametrize("form", ["as they are", "as texts", "some of another type"])
def test_columns_that_are_read_one_by_one_conform_as_the_table_does(
    form: str, sample: pl.DataFrame, contract: Contract
) -> None:
    table = sample if form == "as they are" else sample.select(pl.all().cast(pl.String))
    if form == "some of another type":
        table = table.with_columns(pl.Series("age", ["about forty", *["41"] * (table.height - 1)]))
    one_by_one = conform_each(table.columns, table.height, table.get_column, contract)
    assert_frame_equal(one_by_one, conform(table, contract))


@pytest.mark.parametrize(
    "change", [lambda table: table.drop("age"), lambda table: table.clear(),
               lambda table: table.with_columns(age=pl.lit("forty"), disability=pl.lit(0.5))],
)  # fmt: skip
def test_what_is_wrong_with_columns_read_one_by_one_is_said_in_the_same_words(
    change: Callable[[pl.DataFrame], pl.DataFrame], sample: pl.DataFrame, contract: Contract
) -> None:
    table = change(sample)
    with pytest.raises(ContractError) as whole:
        conform(table, contract)
    with pytest.raises(ContractError, match=re.escape(str(whole.value))):
        conform_each(table.columns, table.height, table.get_column, contract)
