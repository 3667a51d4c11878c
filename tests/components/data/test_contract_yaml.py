from pathlib import Path

import pytest

from components.data.contract import ColumnRule, Contract
from components.data.contract_yaml import load, parse, save, to_yaml
from components.errors import ContractError

EVERYTHING = Contract(
    (
        ColumnRule("flag", "boolean", nullable=True),
        ColumnRule("id", "integer", unique=True),
        ColumnRule("age", "integer", minimum=18, maximum=64),
        ColumnRule("share", "number", minimum=0.05),
        ColumnRule("answer", "category", categories=("no", "yes", "1", "", "ä", "with, comma: and colon")),
        ColumnRule("on", "text"),
        ColumnRule("when", "datetime", nullable=True),
    )
)


def of_column(body: str) -> str:
    return f"columns:\n  age:\n    {body}\n"


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    save(EVERYTHING, tmp_path / "schema.yaml")
    assert load(tmp_path / "schema.yaml") == EVERYTHING


def test_the_head_says_what_to_review(contract: Contract, tmp_path: Path) -> None:
    save(contract, tmp_path / "schema.yaml")
    head = [line for line in (tmp_path / "schema.yaml").read_text().splitlines() if line.startswith("#")]
    for word in ("Review", "dtype", "isin", "nullable", "greater_than_or_equal_to", "a tenth"):
        assert any(word in line for line in head)


def test_the_lists_stand_on_few_lines(contract: Contract) -> None:
    assert "isin: [divorced, married, never_married, separated, widowed]" in to_yaml(contract)


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("Int8", "integer"),
        ("float32", "number"),
        ("str", "text"),
        ("category", "category"),
        ("bool", "boolean"),
    ],
)
def test_a_dtype_may_be_written_in_other_words(dtype: str, kind: str) -> None:
    assert parse(of_column(f"dtype: {dtype}")).column("age").type == kind


def test_a_range_may_be_written_as_one() -> None:
    text = of_column(
        "dtype: Int64\n    in_range: {min_value: 1, max_value: 9, include_min: true, include_max: true}"
    )
    assert parse(text).column("age") == ColumnRule("age", "integer", minimum=1, maximum=9)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"schema\.yaml does not exist; infer"):
        load(tmp_path / "schema.yaml")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_bytes(b"columns:\n  \xff\xfe")
    with pytest.raises(ContractError, match=r"schema\.yaml is damaged"):
        load(tmp_path / "schema.yaml")


@pytest.mark.parametrize("text", ["", "just a text", "columns: {}", "columns: [age]", "[]"])
def test_a_text_without_columns_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match=r"schema\.yaml has no table of columns"):
        parse(text)


def test_what_is_no_yaml_is_refused() -> None:
    with pytest.raises(ContractError, match=r"schema\.yaml is no YAML: .*line 2"):
        parse("columns:\n  age: {dtype: Int64")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("dtype: Int128", r"column 'age' has the dtype 'Int128'; it must be one of Boolean, Int64, Float64"),
        ("nullable: true", r"column 'age' has the dtype None; it must be"),
        (
            "dtype: Int64\n    greater_than: 5",
            r"has the key 'greater_than', which is not known here; the keys are",
        ),
        ("dtype: Int64\n    less_than_or_equal_to: many", r"has the bound 'many'; it must be a number"),
        ("dtype: Int64\n    less_than_or_equal_to: true", r"has the bound True; it must be a number"),
        ("dtype: Int64\n    in_range: 5", r"has in_range: 5; it must have min_value and max_value"),
        (
            "dtype: Int64\n    in_range: {min_value: 1, max_value: 2, include_max: false}",
            r"leaves the bounds out",
        ),
        (
            "dtype: Int64\n    greater_than_or_equal_to: 9\n    less_than_or_equal_to: 1",
            r"has its least value 9 above its greatest 1",
        ),
        ("dtype: String\n    less_than_or_equal_to: 5", r"holds text values, which have no range"),
        ("dtype: Boolean\n    isin: [a]", r"holds boolean values, which have no list of categories"),
        (
            "dtype: Categorical\n    isin: [yes, no]",
            r"must be a list of texts: put numbers, yes and no in quotes",
        ),
        ("dtype: Categorical\n    isin: a", r"has isin: 'a'; it must be a list of texts"),
        ("dtype: Int64\n    nullable: sometimes", r"has nullable: 'sometimes'; it must be true or false"),
    ],
)
def test_a_wrong_rule_is_named_with_what_is_allowed(body: str, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        parse(of_column(body))


def test_a_column_without_rules_is_named() -> None:
    with pytest.raises(ContractError, match="column 'age' has no rules"):
        parse("columns:\n  age:\n")
