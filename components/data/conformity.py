"""Whether a table is of the contract's form: its columns, and the types of their values."""

from collections.abc import Callable, Collection, Sequence

import polars as pl

from components.data.contract import STORED_AS, ColumnRule, Contract
from components.data.reading import known, read_as
from components.errors import ContractError


def conform(table: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """The table with the contract's columns, in its order and its types.

    Where only some values of a column are of another type, the column keeps its values as they were found, and
    :func:`components.data.checks.check` sets those rows aside.

    Raises:
        ContractError: If columns are missing or unexpected, the table has no rows, or a column is of another type.
    """
    require_form(table.columns, table.height, contract)
    settled = holding(table, {rule.name: typed(rule, table.schema[rule.name]) for rule in contract.columns})
    return converted(table.get_column, contract, set(contract.names) - settled)


def conform_each(
    names: Sequence[str], rows: int, column: Callable[[str], pl.Series], contract: Contract
) -> pl.DataFrame:
    """As :func:`conform`, of columns that are read one after another: only one is in memory as it was found.

    Args:
        names: The table's columns.
        rows: How many it has.
        column: Reads one.
        contract: What it must be of.

    Raises:
        ContractError: As :func:`conform`.
    """
    require_form(names, rows, contract)
    return converted(column, contract, contract.names)


def require_form(names: Sequence[str], rows: int, contract: Contract) -> None:
    """None, if the table has the contract's columns and some rows.

    Raises:
        ContractError: If columns are missing or unexpected, or there is no row.
    """
    missing = [name for name in contract.names if name not in names]
    unexpected = [name for name in names if name not in contract.names]
    complaints = [
        *([f"missing columns: {', '.join(missing)}"] if missing else []),
        *([f"unexpected columns: {', '.join(unexpected)}"] if unexpected else []),
    ]
    if complaints:
        raise ContractError(
            f"The table has {'; '.join(complaints)}. Correct the source, or the columns in schema.yaml."
        )
    if not rows:
        raise ContractError(
            "The table is empty: it has its columns but no rows. Look for what emptied the source."
        )


def typed(rule: ColumnRule, dtype: pl.DataType) -> pl.Expr:
    """Whether a column of ``dtype`` is in the rule's type, with null as the only form of a missing value."""
    column = pl.col(rule.name)
    if dtype != STORED_AS[rule.type]:
        return pl.lit(value=False)
    if rule.type == "number":
        return column.is_not_nan().all()
    return (column != "").all() if rule.type in ("category", "text") else pl.lit(value=True)


def holding(table: pl.DataFrame, conditions: dict[str, pl.Expr]) -> set[str]:
    """The names of the conditions that hold for the whole table, told in one pass."""
    told = table.lazy().select(condition.alias(name) for name, condition in conditions.items()).collect()
    return {name for name, holds in told.row(0, named=True).items() if holds is not False}


def converted(
    column: Callable[[str], pl.Series], contract: Contract, names: Collection[str], *, whole: bool = True
) -> pl.DataFrame:
    """The columns in the contract's order, the named columns in its types where all their values can be read so.

    Args:
        column: Gives one.
        contract: What they must be of.
        names: Those that are not yet in its types.
        whole: Whether these are all rows of the table: of a part, no value of a column may be readable.

    Raises:
        ContractError: If no value of a column of the whole table can be.
    """
    columns, wrong = [], []
    for rule in contract.columns:
        values = column(rule.name)
        if rule.name in names:
            values, readable = _read(values, rule)
            if whole and not readable:
                wrong.append(_described(values, rule))
        columns.append(values)
    if wrong:
        raise ContractError(
            f"Wrong types: {'; '.join(wrong)}. Correct the source, or the dtype in schema.yaml."
        )
    return pl.DataFrame(columns)


def _read(values: pl.Series, rule: ColumnRule) -> tuple[pl.Series, bool]:
    """The values in the rule's type, or as they were found; and whether any is, if there are values at all."""
    found = known(values, rule.type)
    read = read_as(found, rule.type)
    if read.null_count() == found.null_count():
        return read, True
    return found, read.null_count() < len(read)


def _described(values: pl.Series, rule: ColumnRule) -> str:
    example = values.drop_nulls().head(1).to_list()[0]
    return (
        f"column {rule.name!r} should hold {rule.type} values, but holds {values.dtype} such as {example!r}"
    )
