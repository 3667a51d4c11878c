from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from components.data.checks import check, too_many
from components.data.conformity import conform
from components.data.contract import ColumnRule, Contract, Violation
from components.errors import ContractError, DataError

TARGET = "employed"


def spoiled(table: pl.DataFrame, column: str, value: Any, rows: int = 3) -> pl.DataFrame:
    """The table with ``value`` in the first rows of a column."""
    first = pl.int_range(pl.len()) < rows
    kind = pl.String if isinstance(value, str) else pl.Int64 if type(value) is int else None
    return table.with_columns(
        pl.when(first)
        .then(pl.lit(value))
        .otherwise(pl.col(column).cast(kind) if kind else column)
        .alias(column)
    )


def nullable(contract: Contract, name: str) -> Contract:
    return Contract(
        tuple(replace(rule, nullable=rule.nullable or rule.name == name) for rule in contract.columns)
    )


def test_a_table_that_holds_to_its_contract_is_accepted_whole(
    sample: pl.DataFrame, contract: Contract
) -> None:
    checked = check(sample, contract, target=TARGET)
    assert_frame_equal(checked.accepted, conform(sample, contract))
    assert checked.quarantined.columns == [*sample.columns, "reasons"]
    assert (checked.quarantined.height, checked.violations) == (0, ())


@pytest.mark.parametrize(
    ("column", "value", "rule", "example"),
    [
        ("age", 12, "below 13", "12"),
        ("age", 70, "above 69", "70"),
        ("race", "martian", "no known category", "'martian'"),
        ("race", None, "missing", "nothing"),
        ("race", "", "missing", "nothing"),
        ("disability", None, "missing", "nothing"),
        ("age", "unknown", "not of type integer", "'unknown'"),
        ("age", "40.5", "not of type integer", "'40.5'"),
        ("disability", "maybe", "not of type boolean", "'maybe'"),
        ("employed", None, "missing", "nothing"),
    ],
)
def test_rows_that_break_a_rule_are_set_aside_with_the_reason(
    column: str, value: Any, rule: str, example: str, sample: pl.DataFrame, contract: Contract
) -> None:
    checked = check(spoiled(sample, column, value), contract, target=TARGET)
    assert checked.quarantined["reasons"].to_list() == [f"{column}: {rule}"] * 3
    assert checked.violations == (Violation(column, rule, 3, example),)
    assert_frame_equal(checked.accepted, conform(sample[3:], contract))


def test_quarantined_rows_are_kept_as_they_were_found(sample: pl.DataFrame, contract: Contract) -> None:
    checked = check(spoiled(sample, "age", "unknown"), contract, target=TARGET)
    assert checked.quarantined["age"].to_list() == ["unknown"] * 3


def test_missing_values_beside_values_of_another_type_are_only_missing(
    sample: pl.DataFrame, contract: Contract
) -> None:
    ages = pl.Series("age", ["unknown", "", None, *["40"] * (sample.height - 3)])
    checked = check(sample.with_columns(ages), contract, target=TARGET)
    assert checked.quarantined["reasons"].to_list() == [
        "age: not of type integer",
        "age: missing",
        "age: missing",
    ]


def test_a_row_that_breaks_two_rules_has_two_reasons_and_is_counted_in_both(
    sample: pl.DataFrame, contract: Contract
) -> None:
    bad = spoiled(spoiled(sample, "age", 5, rows=2), "race", "martian", rows=1)
    checked = check(bad, contract, target=TARGET)
    assert checked.quarantined["reasons"].to_list() == [
        "age: below 13; race: no known category",
        "age: below 13",
    ]
    assert [violation.rows for violation in checked.violations] == [2, 1]


def test_a_missing_value_is_right_where_the_contract_allows_it(
    sample: pl.DataFrame, contract: Contract
) -> None:
    checked = check(spoiled(sample, "race", None), nullable(contract, "race"), target=TARGET)
    assert checked.quarantined.height == 0


def test_a_missing_target_is_set_aside_even_if_the_contract_allows_it(
    sample: pl.DataFrame, contract: Contract
) -> None:
    checked = check(spoiled(sample, TARGET, None), nullable(contract, TARGET), target=TARGET)
    assert checked.quarantined["reasons"].to_list() == ["employed: missing"] * 3


def test_a_target_that_is_always_missing_is_refused(sample: pl.DataFrame, contract: Contract) -> None:
    with pytest.raises(DataError, match=r"^The target 'employed' has no value in any row; name another"):
        check(sample.with_columns(employed=None), contract, target=TARGET)


def test_a_target_of_one_class_is_refused(sample: pl.DataFrame, contract: Contract) -> None:
    with pytest.raises(
        DataError, match=r"^The target 'employed' is true in all 3,478 rows .* at least two classes"
    ):
        check(sample.with_columns(employed=True), contract, target=TARGET)


def test_a_target_left_with_one_class_is_refused(sample: pl.DataFrame, contract: Contract) -> None:
    out_of_work_too_young = sample.with_columns(pl.when("employed").then("age").otherwise(1).alias("age"))
    message = (
        r"(?s)is true in all .* 985 break schema\.yaml and are set aside:\n  age: below 13 .*\nA model needs"
    )
    with pytest.raises(DataError, match=message):
        check(out_of_work_too_young, contract, target=TARGET)


def test_a_target_that_is_no_column_is_refused(sample: pl.DataFrame, contract: Contract) -> None:
    with pytest.raises(ContractError, match=r"has no column 'salary'; it has year"):
        check(sample, contract, target="salary")


def keyed(sample: pl.DataFrame, contract: Contract) -> tuple[pl.DataFrame, Contract]:
    return sample.with_row_index("person"), Contract((ColumnRule("person", "integer"), *contract.columns))


def test_all_rows_that_repeat_a_key_are_set_aside(sample: pl.DataFrame, contract: Contract) -> None:
    table, rules = keyed(sample, contract)
    repeated = table.with_columns(pl.col("person").clip(2))
    checked = check(repeated, rules, target=TARGET, key=["person"])
    assert checked.quarantined["reasons"].to_list() == ["person: repeated key"] * 3
    assert checked.violations == (Violation("person", "repeated key", 3, "2"),)


def test_a_key_of_two_columns_repeats_when_both_do(sample: pl.DataFrame, contract: Contract) -> None:
    table, rules = keyed(sample[:4], contract)
    table = table.with_columns(
        person=pl.Series([1, 1, 1, 2]), age=pl.Series([40, 40, 41, 40]), employed=pl.Series([True, False] * 2)
    )
    checked = check(table, rules, target=TARGET, key=["person", "age"])
    assert checked.quarantined.select("person", "age").rows() == [(1, 40), (1, 40)]
    assert checked.violations[0].column == "person, age"


def test_a_missing_key_is_set_aside_as_missing_and_not_as_repeated(
    sample: pl.DataFrame, contract: Contract
) -> None:
    table, rules = keyed(sample, contract)
    checked = check(spoiled(table, "person", None), nullable(rules, "person"), target=TARGET, key=["person"])
    assert checked.quarantined["reasons"].to_list() == ["person: missing"] * 3


def test_the_verdict_does_not_depend_on_the_order_of_rows(sample: pl.DataFrame, contract: Contract) -> None:
    table, rules = keyed(sample, contract)
    repeated = table.with_columns(pl.col("person").clip(2))
    forwards = check(repeated, rules, target=TARGET, key=["person"])
    backwards = check(repeated.reverse(), rules, target=TARGET, key=["person"])
    assert_frame_equal(backwards.quarantined.reverse(), forwards.quarantined)


def test_large_integers_are_compared_exactly() -> None:
    rules = Contract((ColumnRule("id", "integer", maximum=2.0**53), ColumnRule("y", "boolean")))
    table = pl.DataFrame({"id": [2**53, 2**53 + 1], "y": [True, False]})
    with pytest.raises(DataError, match=r"id: above 9007199254740992 in 1 rows"):
        check(table, rules, target="y")


def test_a_column_called_reasons_is_refused(sample: pl.DataFrame, contract: Contract) -> None:
    rules = Contract((*contract.columns, ColumnRule("reasons", "text")))
    with pytest.raises(ContractError, match="'reasons', which the quarantine needs"):
        check(sample.with_columns(reasons=pl.lit("a")), rules, target=TARGET)


def test_few_bad_rows_pass_the_limit(sample: pl.DataFrame, contract: Contract) -> None:
    too_many(check(spoiled(sample, "age", 5, rows=34), contract, target=TARGET), 0.01)


def test_too_many_bad_rows_stop_with_a_readable_account(sample: pl.DataFrame, contract: Contract) -> None:
    bad = spoiled(spoiled(sample, "age", 5, rows=35), "race", "martian", rows=100)
    with pytest.raises(ContractError) as raised:
        too_many(check(bad, contract, target=TARGET), 0.01)
    assert str(raised.value).splitlines() == [
        "100 of 3,478 rows (2.88%) break schema.yaml; at most 1.00% may:",
        "  race: no known category in 100 rows, such as 'martian'",
        "  age: below 13 in 35 rows, such as 5",
        "Correct the source, or widen the rules in schema.yaml if the values are right.",
    ]


def test_a_table_of_bad_rows_only_still_gives_the_account(sample: pl.DataFrame, contract: Contract) -> None:
    checked = check(spoiled(sample, "age", 5, rows=sample.height), contract, target=TARGET)
    with pytest.raises(ContractError, match=r"age: below 13 in 3,478 rows"):
        too_many(checked, 0.05)
