"""Whether a table is of the contract's form: its columns, and the types of their values."""

import polars as pl

from components.data.contract import ColumnRule, ColumnType, Contract
from components.data.reading import known, read_as
from components.errors import ContractError

IN_WORDS: dict[ColumnType, str] = {
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "category": "a category",
    "text": "a text",
    "datetime": "a date or time",
}


def conform(table: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """The table with the contract's columns, in its order and its types.

    Where only some values of a column are of no such type, the column keeps its values as they were found, and
    :func:`components.data.checks.check` sets those rows aside.

    Raises:
        ContractError: If columns are missing or unexpected, the table has no rows, or a column is of another type.
    """
    _require_columns(table, contract)
    if not table.height:
        raise ContractError("the table has its columns but no rows; look for what emptied the source")
    columns = [_conforming(table[rule.name], rule) for rule in contract.columns]
    wrong = [_described(values, rule) for values, rule in zip(columns, contract.columns, strict=True) if _wrong(values, rule)]
    if wrong:
        raise ContractError(f"wrong types: {'; '.join(wrong)}. Correct the source, or the dtype in schema.yaml")
    return pl.DataFrame(columns)


def unreadable(values: pl.Series, rule: ColumnRule) -> pl.Series:
    """Which values are of another type than the rule's, shape (rows,); missing ones are not."""
    found = known(values, rule.type)
    return read_as(found, rule.type).is_null() & found.is_not_null()


def _require_columns(table: pl.DataFrame, contract: Contract) -> None:
    missing = [name for name in contract.names if name not in table.columns]
    unexpected = [name for name in table.columns if name not in contract.names]
    complaints = [
        *([f"missing columns: {', '.join(missing)}"] if missing else []),
        *([f"unexpected columns: {', '.join(unexpected)}"] if unexpected else []),
    ]
    if complaints:
        raise ContractError(f"{'; '.join(complaints)}. Correct the source, or the columns in schema.yaml")


def _conforming(values: pl.Series, rule: ColumnRule) -> pl.Series:
    found = known(values, rule.type)
    read = read_as(found, rule.type)
    return read if read.null_count() == found.null_count() else found


def _wrong(values: pl.Series, rule: ColumnRule) -> bool:
    """Whether there are values, and none can be read as the rule's type."""
    return bool(values.null_count() < len(values) and read_as(values, rule.type).null_count() == len(values))


def _described(values: pl.Series, rule: ColumnRule) -> str:
    example = next(iter(values.drop_nulls().head(1)))
    return f"column {rule.name!r} should hold {rule.type} values, but holds {values.dtype} such as {example!r}"
