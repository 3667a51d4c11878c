"""The contract means what pandera means by the same schema.yaml."""

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pandera.errors import SchemaErrors
from pandera.io import polars_io

from components.data.checks import check
from components.data.conformity import conform
from components.data.contract import STORED_AS, ColumnRule, ColumnType, Contract
from components.data.contract_yaml import load, save, to_yaml
from components.errors import DataError

VALUES: dict[ColumnType, list[Any]] = {
    "boolean": [True, False],
    "integer": [-3, -2, -1, 0, 1, 2, 2**53, 2**53 + 1, -(2**63)],
    "number": [-1.5, -1.0, -0.0, 0.0, 0.1, 0.3, 1.0, 2.5, 1e300, float("inf")],
    "category": ["a", "b", "c", "A", "1", "no"],
    "text": ["a", "b", "a ", "ä", "no"],
    "datetime": [datetime(2016, 1, 1), datetime(2016, 1, 1, 12), datetime(2017, 1, 1)],
}
BOUNDS = st.sampled_from([None, -2.0, -1.0, 0.0, 0.3, 1.0, 2.0**53])
LISTS = st.sampled_from([None, ("a", "b"), ("no", "1", "a"), ("ä",), ("A", "a ", "b")])
ROWS = 12


@st.composite
def rules(draw: st.DrawFn, kind: ColumnType) -> ColumnRule:
    """A rule of the type, whose column is called by it."""
    ranged, listed = kind in ("integer", "number"), kind in ("category", "text")
    low, high = (draw(BOUNDS) if ranged else None for _ in range(2))
    if low is not None and high is not None:
        low, high = sorted((low, high))
    once = draw(st.integers(0, 7)) == 0
    return ColumnRule(kind, kind, draw(st.booleans()), once, low, high, draw(LISTS) if listed else None)


@st.composite
def contracts_with_tables(draw: st.DrawFn) -> tuple[Contract, pl.DataFrame]:
    """A contract with a column of each type, and twelve rows of which some break it."""
    columns = [draw(rules(kind)) for kind in VALUES]
    values = {
        kind: draw(st.lists(st.sampled_from([*pool, *pool, None]), min_size=ROWS, max_size=ROWS))
        for kind, pool in VALUES.items()
    }
    table = {kind: pl.Series(values[kind], dtype=STORED_AS[kind]) for kind in VALUES}
    contract = Contract((*columns, ColumnRule("row", "integer")))
    return contract, pl.DataFrame({**table, "row": range(ROWS)})


def verdicts(contract: Contract, table: pl.DataFrame) -> set[tuple[str, int]]:
    """The column and row of each broken rule."""
    try:
        quarantined = check(table, contract, target="row").quarantined
    except DataError:
        reject()  # one row was left, and so one class
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


@settings(max_examples=40)
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
