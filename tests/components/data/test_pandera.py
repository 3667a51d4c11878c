"""The contract means what pandera means by the same schema.yaml."""

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given, reject
from hypothesis import strategies as st
from pandera.errors import SchemaErrors
from pandera.io import polars_io

from components.data.checks import check
from components.data.conformity import conform
from components.data.contract import STORED_AS, ColumnRule, ColumnType, Contract
from components.data.contract_yaml import load, save, to_yaml
from components.errors import DataError

VALUES: dict[ColumnType, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "integer": st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, -(2**63)]),
    "number": st.sampled_from([-1.5, -1.0, -0.0, 0.0, 0.1, 0.3, 1.0, 2.5, 1e300, float("inf")]),
    "category": st.sampled_from(["a", "b", "c", "A", "1", "no"]),
    "text": st.sampled_from(["a", "b", "a ", "ä"]),
    "datetime": st.sampled_from([datetime(2016, 1, 1), datetime(2016, 1, 1, 12)]),
}
ROWS = 12


@st.composite
def rules(draw: st.DrawFn, name: str) -> ColumnRule:
    kind = draw(st.sampled_from(sorted(VALUES)))
    nullable, unique = draw(st.booleans()), draw(st.integers(0, 5)) == 0
    ranged = st.none() | st.sampled_from([-2.0, -1.0, 0.0, 0.3, 1.0, 2.0, 2.0**53])
    low, high = (draw(ranged) if kind in ("integer", "number") else None for _ in range(2))
    if low is not None and high is not None:
        low, high = sorted((low, high))
    listed = st.none() | st.lists(st.sampled_from(["a", "b", "1", "no"]), min_size=1, unique=True).map(tuple)
    categories = draw(listed) if kind in ("category", "text") else None
    return ColumnRule(name, kind, nullable, unique, low, high, categories)


@st.composite
def contracts_with_tables(draw: st.DrawFn) -> tuple[Contract, pl.DataFrame]:
    """A contract of up to four columns, and twelve rows of which some break it."""
    columns = [draw(rules(name)) for name in "abcd"[: draw(st.integers(1, 4))]]
    table = {
        rule.name: pl.Series(
            draw(st.lists(VALUES[rule.type] | st.none(), min_size=ROWS, max_size=ROWS)),
            dtype=STORED_AS[rule.type],
        )
        for rule in columns
    }
    contract = Contract((*columns, ColumnRule("row", "integer")))
    return contract, pl.DataFrame({**table, "row": range(ROWS)})


def verdicts(contract: Contract, table: pl.DataFrame) -> set[tuple[str, int]]:
    """The column and row of each broken rule."""
    try:
        quarantined = check(table, contract, target="row").quarantined
    except DataError:
        reject()  # a single row was left
    return {
        (reason.split(": ")[0], row)
        for row, reasons in quarantined.select("row", "reasons").iter_rows()
        for reason in reasons.split("; ")
    }


def verdicts_of_pandera(contract: Contract, table: pl.DataFrame) -> set[tuple[str, int]]:
    try:
        polars_io.from_yaml(to_yaml(contract)).validate(table, lazy=True)
    except SchemaErrors as errors:
        return set(errors.failure_cases.select("column", "index").iter_rows())
    return set()


@given(contracts_with_tables())
def test_the_verdicts_are_those_of_pandera(given: tuple[Contract, pl.DataFrame]) -> None:
    contract, table = given
    assert verdicts(contract, table) == verdicts_of_pandera(contract, conform(table, contract))


def test_the_sample_holds_to_its_contract_for_pandera_too(
    sample: pl.DataFrame, contract: Contract, tmp_path: Path
) -> None:
    save(contract, tmp_path / "schema.yaml")
    validated = polars_io.from_yaml(tmp_path / "schema.yaml").validate(sample, lazy=True)
    assert validated.schema == {rule.name: STORED_AS[rule.type] for rule in contract.columns}


def test_what_pandera_writes_is_read(contract: Contract, tmp_path: Path) -> None:
    save(contract, tmp_path / "schema.yaml")
    polars_io.to_yaml(polars_io.from_yaml(tmp_path / "schema.yaml"), tmp_path / "again.yaml")
    assert load(tmp_path / "again.yaml") == contract
