from pathlib import Path

import polars as pl
import pytest

from components.data import schema

ROOT = Path(__file__).parents[3]


def test_the_contract_is_inferred_frozen_and_checked_from_one_module(
    sample: pl.DataFrame, tmp_path: Path
) -> None:
    schema.save(schema.infer(sample), tmp_path / "schema.yaml")
    checked = schema.check(sample, schema.load(tmp_path / "schema.yaml"), target="employed")
    assert checked.accepted.height == sample.height


def test_the_contract_of_this_project_can_be_read() -> None:
    assert schema.load(ROOT / "schema.yaml").names


def test_the_whole_sample_holds_to_the_contract_of_this_project() -> None:
    contract = schema.load(ROOT / "schema.yaml")
    table = pl.read_parquet(ROOT / "data" / "acs_employment_ma_18_64.parquet")
    if set(contract.names) != set(table.columns):
        pytest.skip("schema.yaml describes another table than the sample")
    assert schema.check(table, contract, target="employed").violations == ()
